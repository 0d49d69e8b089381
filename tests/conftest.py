"""Fixtures of this package's own tests, beyond those of flask_ocpi.testing.plugin."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings
from redis import Redis

from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange import write_behind
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from tests import selecting
from tests.closing import end_threads
from tests.closing import stop_dispatchers
from tests.databases import PostgresSchema
from tests.databases import SQLiteFile
from tests.databases import new_schema
from tests.databases import storage_on
from tests.routing import compile_paths_once
from tests.servers import POSTGRESQL
from tests.servers import REDIS
from tests.servers import left_out
from tests.servers import postgres
from tests.servers import redis

# Before whatever imports them: several folders run the suite for storages.
pytest.register_assert_rewrite("flask_ocpi.testing.storage_contract")

pytest_plugins = ["flask_ocpi.testing.plugin"]

#: After how many new objects the youngest are looked through for garbage, and after how often that all are, between two
#: tests, and at the latest inside of one.
YOUNG = 7_000
BETWEEN = 4
INSIDE = 300

EVERY_STORAGE = pytest.mark.parametrize("ocpi_storage", ["memory", "sqlite", "postgresql"], indirect=True)


compile_paths_once()


def pytest_addoption(parser: pytest.Parser) -> None:
    selecting.add_option(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    selecting.select(config, items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with selecting.measuring(item):
        return (yield)


def pytest_collection_finish() -> None:
    """Take over when garbage is looked for: each app is a cycle of ten thousand objects, and most of them are garbage
    after their test. By default a third of the run went into looking for them, through all that stays, again and again.
    """
    gc.set_threshold(YOUNG, INSIDE, 10)
    _drop_garbage()


def pytest_runtest_logfinish() -> None:
    if gc.get_count()[1] > BETWEEN:
        _drop_garbage()


def _drop_garbage() -> None:
    """Drop what is garbage between two tests; what is left stays, and is not looked through again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave the names of the tests that failed where .ci/run prints them at its very end."""
    path = os.environ.get("OCPI_TEST_FAILED")
    if path:
        failed = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
        Path(path).write_text("".join(f"{name}\n" for name in failed), encoding="utf-8")


@pytest.fixture(autouse=True)
def _dispatchers_end() -> Iterator[None]:
    """End the threads that a test started, and drop what waits to be written: the storages are closed then."""
    yield
    stop_dispatchers()
    for writer in list(write_behind._writers):
        writer._forget()


@pytest.fixture(autouse=True)
def _validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With OCPI_TEST_COMPILED=off, leave all validation to marshmallow. The tests of the compiled loaders undo it."""
    if os.environ.get("OCPI_TEST_COMPILED") == "off":
        monkeypatch.delattr(Schema, "load")


@pytest.fixture
def thorough() -> bool:
    """Whether a test that makes up its values tries all of them, or the part that each change is judged by."""
    return settings.get_current_profile_name() == "thorough"


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
    if backend == "sqlite":
        url = request.getfixturevalue("sqlite_file").copy(tmp_path / "ocpi.sqlite3")
    else:
        schema = request.getfixturevalue("postgres_schema")
        schema.empty()
        url = schema.url
    with storage_on(url) as storage:
        yield storage
        end_threads()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> SQLiteFile:
    """A prepared file, to be copied."""
    return SQLiteFile(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def postgres_schema(postgres_server: str) -> Iterator[PostgresSchema]:
    """A prepared schema, to be emptied."""
    with new_schema(postgres_server) as url:
        schema = PostgresSchema(url)
        yield schema
        schema.close()


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
    """The URL of a schema that has nothing in it yet."""
    with new_schema(postgres_server) as url:
        yield url


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
