"""Databases to test storages on: SQLite files, SQLite in memory and the PostgreSQL of tests/conftest.py."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData
from sqlalchemy import StaticPool
from sqlalchemy import create_engine

from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from tests.templates import Template

KINDS = ("locations", "platforms")


def storage_on(engine):
    """Build a storage on tables of its own definition, without creating them."""
    return SQLAlchemyStorage(engine, define_tables(MetaData(), KINDS))


@pytest.fixture(scope="session")
def template():
    """What starts the processes of tests/storage/worker.py."""
    template = Template("tests.storage.worker")
    yield template
    template.close()


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/ocpi.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """The URL of an empty database that several processes can use."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def engine(url):
    yield from _engine(url)


@pytest.fixture
def sqlite_engine(sqlite_url):
    yield from _engine(sqlite_url)


@pytest.fixture
def postgres_engine(postgres_url):
    yield from _engine(postgres_url)


@pytest.fixture
def prepared_engine(postgres_schema):
    """PostgreSQL with the tables of all kinds, empty: to create them takes longer than most tests."""
    postgres_schema.empty()
    yield from _engine(postgres_schema.url)


def _engine(url):
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine):
    """A ready storage on each database that several processes can use."""
    storage = storage_on(engine)
    storage.setup()
    return storage


@pytest.fixture
def memory_engine():
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    yield engine
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite_file", "sqlite_memory", "postgresql", "routed"])
def storage(request):
    """A ready storage of each class, on each database."""
    storage = _storage(request.param, request)
    storage.setup()
    return storage


def _storage(name, request):
    if name == "memory":
        return MemoryStorage()
    if name == "sqlite_memory":
        return storage_on(request.getfixturevalue("memory_engine"))
    if name == "postgresql":
        return storage_on(request.getfixturevalue("prepared_engine"))
    on_file = storage_on(request.getfixturevalue("sqlite_engine"))
    return RoutedStorage({"locations": on_file, "*": MemoryStorage()}) if name == "routed" else on_file
