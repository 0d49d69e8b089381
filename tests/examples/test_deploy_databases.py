"""examples/deploy on PostgreSQL: tables in partitions, and lists from a replica."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text

from flask_ocpi import Key
from flask_ocpi import MemoryStorage
from flask_ocpi import Query
from flask_ocpi import Record
from flask_ocpi import Storage
from flask_ocpi import StorageError
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.storage_contract import StorageContract
from tests.examples.deploying import DEPLOY
from tests.examples.deploying import SECONDS
from tests.servers import POSTGRESQL
from tests.servers import left_out
from tests.servers import postgres
from tests.servers import postgres_standby
from tests.snippets import Page

KINDS = ("locations", "platforms")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deployed_{name}", DEPLOY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


partitions = load("partitions")
replica = load("replica")
SCHEMES = {"hash": partitions.hashed(4), "country": partitions.by_country(["NL", "DE"])}


def key(id: str, owner: str = "NL-ABC") -> Key:
    return Key.of(*owner.split("-"), id)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


def on(engine: Engine) -> tuple[Storage, MetaData]:
    metadata = MetaData()
    return SQLAlchemyStorage(engine, define_tables(metadata, KINDS)), metadata


@pytest.fixture(scope="module", params=SCHEMES)
def partitioned_engine(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[Engine]:
    """A schema whose tables are in partitions, made once since that takes long."""
    schema = f"partitioned_{request.param}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine = create_engine(make_url(postgres_server).update_query_dict({"options": f"-csearch_path={schema}"}))
    storage, _ = on(engine)
    storage.setup()
    with engine.begin() as connection:
        for kind in KINDS:
            partitions.partition(connection, kind, SCHEMES[request.param])
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


class TestPartitionedContract(StorageContract):
    """Every rule of a storage holds on partitioned tables."""

    @pytest.fixture
    def storage(self, partitioned_engine: Engine) -> Storage:
        storage, metadata = on(partitioned_engine)
        with partitioned_engine.begin() as connection:
            for table in metadata.tables.values():
                connection.execute(table.delete())
        return storage


@pytest.mark.parametrize("scheme", SCHEMES)
class TestPartition:
    @pytest.fixture
    def partitioned(self, engine: Engine, scheme: str) -> tuple[Storage, MetaData, list[Record]]:
        """A storage whose table was partitioned when it had records, and what was in it before."""
        storage, metadata = on(engine)
        storage.setup()
        for number in range(20):
            owner = ("NL-ABC", "DE-XYZ", "FR-XYZ", "NL-DEF")[number % 4]
            storage.save("locations", key(f"LOC{number}", owner), Record.of({"id": number}))
        storage.save("locations", key("LOC3", "NL-DEF"), Record.of({"id": "again"}))
        storage.delete("locations", key("LOC19", "NL-DEF"))
        before = list(storage.list("locations", Query(limit=100)).records)
        with engine.begin() as connection:
            partitions.partition(connection, "locations", SCHEMES[scheme])
        return storage, metadata, before

    def test_records_stay_as_they_were(self, partitioned: tuple[Storage, MetaData, list[Record]]) -> None:
        storage, _, before = partitioned

        assert list(storage.list("locations", Query(limit=100)).records) == before

    def test_numbers_go_on_after_the_last_that_was_given(
        self, partitioned: tuple[Storage, MetaData, list[Record]]
    ) -> None:
        storage, _, _ = partitioned

        storage.save("locations", key("NEW"), Record.of({"id": "NEW"}))
        record = storage.get("locations", key("NEW"))

        assert record is not None
        assert record.created > 20

    def test_records_are_in_the_partition_of_their_owner(
        self, engine: Engine, scheme: str, partitioned: tuple[Storage, MetaData, list[Record]]
    ) -> None:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT tableoid::regclass::text, country_code FROM ocpi_locations")).all()

        assert len({table for table, _ in rows}) > 1
        if scheme == "country":
            assert {table for table, country in rows if country == "DE"} == {"ocpi_locations_part_de"}
            assert {table for table, country in rows if country == "FR"} == {"ocpi_locations_part_others"}

    def test_init_db_leaves_it_alone(self, partitioned: tuple[Storage, MetaData, list[Record]]) -> None:
        storage, _, before = partitioned

        storage.setup()

        assert list(storage.list("locations", Query(limit=100)).records) == before

    def test_migrations_find_nothing_to_do(
        self, engine: Engine, partitioned: tuple[Storage, MetaData, list[Record]]
    ) -> None:
        _, metadata, _ = partitioned
        with engine.connect() as connection:
            filtered = MigrationContext.configure(connection, opts={"include_name": partitions.is_no_partition})
            unfiltered = MigrationContext.configure(connection)

            assert compare_metadata(filtered, metadata) == []
            assert {change[0] for change in compare_metadata(unfiltered, metadata) if change} >= {"remove_table"}


def test_documentation_runs(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEPLOY))
    page = Page("docs/deployment.md")
    page.run(count=2)
    app = Flask("deployed", instance_path=str(tmp_path))
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_CREATE_TABLES=True,
        SQLALCHEMY_DATABASE_URI=postgres_url,
        REPLICA_URI=postgres_url,
    )
    ocpi = page.names["make_ocpi"](app)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            page.names["upgrade"]()
        parts = connection.execute(text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'ocpi_sessions'::regclass"))

        assert parts.scalar_one() == 16
        assert type(ocpi.storage).__name__ == "ReplicaStorage"
        assert page.rest == []
    ocpi.storage._replica._database._engine.dispose()
    engine.dispose()


class TestReplicaContract(StorageContract):
    """Behind a replica that is never behind, every rule of a storage holds."""

    @pytest.fixture
    def storage(self) -> Storage:
        same = MemoryStorage()
        return replica.ReplicaStorage(same, same)


class Broken(MemoryStorage):
    def list(self, kind: str, query: Query) -> None:  # type: ignore[override]
        raise StorageError("The connection is lost.")


class TestReplica:
    @pytest.fixture
    def storage(self) -> Storage:
        """One whose replica lags behind for ever."""
        return replica.ReplicaStorage(MemoryStorage(), MemoryStorage())

    def test_lists_are_read_there(self, storage: Storage) -> None:
        storage.save("locations", key("LOC1"), Record.of({}))

        assert storage.list("locations", Query()).total == 0

    def test_single_records_are_not(self, storage: Storage) -> None:
        storage.save("locations", key("LOC1"), Record.of({}))

        assert storage.get("locations", key("LOC1")) is not None

    def test_bookkeeping_is_not(self, storage: Storage) -> None:
        storage.save("platforms", key("P"), Record.of({}))

        assert storage.list("platforms", Query()).total == 1

    def test_transactions_do_not(self, storage: Storage) -> None:
        with storage.transaction():
            storage.save("locations", key("LOC1"), Record.of({}))
            with storage.transaction():
                pass
            inside = storage.list("locations", Query()).total

        assert (inside, storage.list("locations", Query()).total) == (1, 0)

    def test_one_that_does_not_answer_is_done_without(self, caplog: pytest.LogCaptureFixture) -> None:
        storage = replica.ReplicaStorage(MemoryStorage(), Broken())
        storage.save("locations", key("LOC1"), Record.of({}))

        with caplog.at_level(logging.WARNING):
            total = storage.list("locations", Query()).total

        assert total == 1
        assert "The replica does not list locations" in caplog.text


class TestStandby:
    """A real one, by streaming replication."""

    @pytest.fixture(scope="class")
    @staticmethod
    def urls() -> Iterator[tuple[str, str]]:
        with postgres() as url:
            if url is None:
                left_out(POSTGRESQL, "its server programs are not installed")
                pytest.skip("PostgreSQL is not installed.")
            with postgres_standby(url) as standby:
                yield url, standby

    def test_saved_objects_come_to_the_lists(self, urls: tuple[str, str]) -> None:
        with replicated(*urls) as storage:
            storage.save("locations", key("LOC1"), Record.of({"id": "LOC1"}))
            deadline = time.monotonic() + SECONDS
            while "LOC1" not in replicated_ids(storage):
                assert time.monotonic() < deadline, "It did not come."
                time.sleep(0.01)

            with pytest.raises(StorageError, match="read-only"):
                storage._replica.save("locations", key("LOC2"), Record.of({}))  # type: ignore[attr-defined]

    def test_with_remote_apply_they_are_there_at_once(self, urls: tuple[str, str]) -> None:
        primary, standby = urls
        admin = create_engine(primary, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET synchronous_standby_names = 'standby'"))
            connection.execute(text("SELECT pg_reload_conf()"))
            deadline = time.monotonic() + SECONDS
            state = text("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
            while not connection.execute(state).scalar_one():
                assert time.monotonic() < deadline, "The standby is not synchronous."
                time.sleep(0.01)
        admin.dispose()
        waits = make_url(primary).update_query_dict({"options": "-csynchronous_commit=remote_apply"})

        with replicated(waits.render_as_string(hide_password=False), standby) as storage:
            before = storage.list("locations", Query()).total
            totals = []
            for number in range(50):
                storage.save("locations", key(f"NEXT{number}"), Record.of({}))
                totals.append(storage.list("locations", Query()).total - before)

        assert totals == list(range(1, 51))


def replicated_ids(storage: Storage) -> list[str]:
    """Ask the replica alone; it may not have the tables yet."""
    try:
        page = storage._replica.list("locations", Query(limit=100))  # type: ignore[attr-defined]
    except StorageError:
        return []
    return [record.document["id"] for record in page.records]


@contextmanager
def replicated(primary: str, standby: str) -> Iterator[Storage]:
    engine = create_engine(primary)
    storage, _ = on(engine)
    storage.setup()
    behind = replica.replica_at(standby)
    try:
        yield replica.ReplicaStorage(storage, behind)
    finally:
        engine.dispose()
        behind._database._engine.dispose()
