"""Fixtures of this package's own tests, beyond those of flask_ocpi.testing.plugin."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text

from flask_ocpi.core.schema import Schema
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from tests.closing import end_threads
from tests.servers import POSTGRESQL
from tests.servers import REDIS
from tests.servers import left_out
from tests.servers import postgres
from tests.servers import redis

# Before whatever imports them: several folders run the suite for storages.
pytest.register_assert_rewrite("flask_ocpi.testing.storage_contract")

pytest_plugins = ["flask_ocpi.testing.plugin"]

EVERY_STORAGE = pytest.mark.parametrize("ocpi_storage", ["memory", "sqlite", "postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def _dispatchers_end() -> Iterator[None]:
    """End the threads that a test started: what they look at is gone after it."""
    yield
    end_threads()


@pytest.fixture(autouse=True)
def _validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With OCPI_TEST_COMPILED=off, leave all validation to marshmallow. The tests of the compiled loaders undo it."""
    if os.environ.get("OCPI_TEST_COMPILED") == "off":
        monkeypatch.delattr(Schema, "load")


@pytest.fixture
def ocpi_push() -> bool:
    """Whether platforms send by themselves what they save. In most tests they do when told to."""
    return False


@pytest.fixture
def ocpi_receive() -> str:
    """How platforms read what others send: as by default. Folders that test the letter of OCPI say "strict"."""
    return "tolerant"


@pytest.fixture
def ocpi_network(ocpi_clock: Clock, ocpi_push: bool, ocpi_receive: str) -> Network:
    """The plugin's fixture, with automatic pushes and the reading that the test wants."""
    return Network(clock=ocpi_clock, config={"OCPI_PUSH": ocpi_push, "OCPI_RECEIVE": ocpi_receive})


@pytest.fixture
def app(ocpi_app: Flask) -> Flask:
    """What pytest-flask builds its ``client`` and ``live_server`` on."""
    return ocpi_app


@pytest.fixture
def ocpi_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """The plugin's fixture, with "postgresql" as one more backend: decorate a test with EVERY_STORAGE to use it."""
    backend = getattr(request, "param", "memory")
    if backend == "memory":
        yield MemoryStorage()
        return
    sqlite_url = f"sqlite:///{tmp_path / 'ocpi.sqlite3'}"
    with sqlalchemy_storage(sqlite_url if backend == "sqlite" else request.getfixturevalue("postgres_url")) as storage:
        yield storage
        end_threads()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of one PostgreSQL for all tests of this process; what needs it is left out where there is none."""
    with postgres() as url:
        if url is None:
            reason = "its server programs are not installed"
            left_out(POSTGRESQL, reason)
            pytest.skip(reason)
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a schema that has nothing in it yet: far quicker to create than a database."""
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    url = make_url(postgres_server).update_query_dict({"options": f"-csearch_path={name}"})
    yield url.render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of one Redis for all tests of this process; what needs it is left out where there is none."""
    with redis() as url:
        if url is None:
            reason = "its server is not installed"
            left_out(REDIS, reason)
            pytest.skip(reason)
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """The URL of a Redis with nothing in it."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
        yield redis_server
        client.flushall()
