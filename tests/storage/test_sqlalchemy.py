"""The SQL storage: its guests' manners in the host's engine, its errors, and the tables."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from sqlalchemy import MetaData
from sqlalchemy import NullPool
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import inspect
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage import opening
from flask_ocpi.storage import sqlalchemy as module
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.router import RoutedStorage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from tests.servers import free_port
from tests.storage.conftest import storage_on

KEY = Key.of("NL", "ABC", "LOC1")
OTHER_KEY = Key.of("NL", "ABC", "LOC2")


@pytest.fixture
def lacking(engine, database):
    """A storage whose tariffs have no table in the database."""
    return SQLAlchemyStorage(engine, define_tables(MetaData(), ["locations", "tariffs"]))


def pragma(engine, name):
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_setup_switches_a_sqlite_file_to_wal(sqlite_engine):
    storage_on(sqlite_engine).setup()

    other = create_engine(sqlite_engine.url, poolclass=NullPool)
    assert pragma(other, "journal_mode") == "wal"


def test_connections_to_sqlite_wait_and_sync_less_under_wal(sqlite_engine):
    storage = storage_on(sqlite_engine)
    storage.setup()
    storage.get("locations", KEY)

    with storage._database.connection() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1


def test_longer_wait_of_the_host_stays(sqlite_url):
    engine = create_engine(sqlite_url, connect_args={"timeout": 60})
    storage_on(engine).setup()

    assert pragma(engine, "busy_timeout") == 60_000
    engine.dispose()


def test_sqlite_without_wal_keeps_its_full_sync(sqlite_engine):
    with sqlite_engine.connect() as connection:
        define_tables(metadata := MetaData(), ["locations", "platforms"])
        metadata.create_all(connection)
        connection.commit()
    storage_on(sqlite_engine).get("locations", KEY)

    assert pragma(sqlite_engine, "synchronous") == 2


def test_host_connections_keep_their_transactions(engine, database):
    database.save("locations", KEY, Record(b"{}"))

    with engine.connect() as connection:
        connection.execute(text("DELETE FROM ocpi_locations"))
        connection.rollback()

    assert database.get("locations", KEY) is not None


def test_host_that_sends_begin_by_an_event_loses_nothing(sqlite_url):
    engine = create_engine(sqlite_url)

    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection, record):
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN")

    storage = storage_on(engine)
    storage.setup()
    storage.save("locations", KEY, Record(b"1"))
    with storage.transaction():
        storage.save("locations", OTHER_KEY, Record(b"2"))
    engine.dispose()

    assert storage.list("locations", Query()).total == 2
    engine.dispose()


def test_storages_on_one_engine_share_a_transaction(engine, database):
    routed = RoutedStorage({"locations": storage_on(engine), "*": database})

    def fail():
        with routed.transaction():
            routed.save("locations", KEY, Record(b"1"))
            routed.save("platforms", KEY, Record(b"2"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert routed.get("locations", KEY) is None
    assert routed.get("platforms", KEY) is None


def test_error_of_the_host_in_a_transaction_stays_as_it_is(database):
    def fail():
        with database.transaction():
            raise SQLAlchemyError("the host's")

    with pytest.raises(SQLAlchemyError, match="the host's"):
        fail()


def test_connections_go_back_to_the_pool(engine, database):
    database.save("locations", KEY, Record(b"{}"))
    with database.transaction():
        database.get("locations", KEY, for_update=True)
    with pytest.raises(StorageError):
        database.save("locations", KEY, Record(b"{}"), expected=9)

    assert engine.pool.checkedout() <= 1  # one may be at hand for the next statement


def test_missing_table_tells_how_to_create_it(lacking):
    with pytest.raises(StorageError, match=r"ocpi_tariffs.*run `flask ocpi init-db`"):
        lacking.get("tariffs", KEY)


def test_check_finds_a_missing_table(lacking):
    with pytest.raises(StorageError, match="ocpi_tariffs"):
        lacking.check()


@pytest.mark.parametrize(
    "use",
    [
        lambda storage: storage.get("sessions", KEY),
        lambda storage: storage.list("sessions", Query()),
        lambda storage: storage.save("sessions", KEY, Record(b"{}")),
        lambda storage: storage.delete("sessions", KEY),
    ],
    ids=["get", "list", "save", "delete"],
)
def test_unknown_kind_is_named(sqlite_engine, use):
    with pytest.raises(StorageError, match="No table for 'sessions'"):
        use(storage_on(sqlite_engine))


def test_unreachable_database_is_a_storage_error():
    engine = create_engine(f"postgresql+psycopg://nobody:topsecret@127.0.0.1:{free_port()}/nothing")

    with pytest.raises(StorageError, match=r"127\.0\.0\.1") as caught:
        storage_on(engine).check()

    assert "topsecret" not in "".join(traceback.format_exception(caught.value))


def test_transaction_on_an_unreachable_database_is_a_storage_error():
    engine = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing")

    with pytest.raises(StorageError, match=r"127\.0\.0\.1"), storage_on(engine).transaction():
        pytest.fail("there is no transaction")


def test_errors_show_no_parameters(lacking):
    key = Key.of("NL", "ABC", "SECRET-ID")
    record = Record(b'{"token":"SECRET-TOKEN"}')

    with pytest.raises(StorageError) as caught:
        lacking.save("tariffs", key, record)

    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.__cause__, SQLAlchemyError)


def test_locked_sqlite_is_a_storage_error(sqlite_url, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_MILLISECONDS", 1)
    engine = create_engine(sqlite_url, connect_args={"timeout": 0})
    storage = storage_on(engine)
    storage.setup()

    another = create_engine(sqlite_url)
    with another.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            storage.save("locations", KEY, Record(b"{}"))
        with pytest.raises(StorageError, match="locked"), storage.transaction():
            pytest.fail("two transactions at once")

    assert storage.save("locations", KEY, Record(b"{}")) is True
    engine.dispose()
    another.dispose()


def test_transaction_with_a_failed_statement_writes_nothing(database, lacking):
    def swallow():
        with lacking.transaction():
            lacking.save("locations", KEY, Record(b"1"))
            with pytest.raises(StorageError):
                lacking.get("tariffs", KEY)

    with pytest.raises(StorageError, match="Nothing of the transaction was written"):
        swallow()

    assert database.get("locations", KEY) is None


def test_deadlock_fails_one_and_lets_the_other_go_on(postgres_engine):
    storage = storage_on(postgres_engine)
    storage.setup()
    storage.save("locations", KEY, Record(b"0"))
    storage.save("locations", OTHER_KEY, Record(b"0"))
    both_hold_one = threading.Barrier(2)

    def lock(first, second):
        try:
            with storage.transaction():
                storage.get("locations", first, for_update=True)
                both_hold_one.wait(60)
                storage.get("locations", second, for_update=True)
                storage.save("locations", second, Record(b"1"))
        except StorageError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(2) as pool:
        results = [*pool.map(lock, [KEY, OTHER_KEY], [OTHER_KEY, KEY])]

    assert sorted(result == "done" for result in results) == [False, True]
    assert any("deadlock" in result for result in results)


def test_connection_lost_in_a_transaction_is_a_storage_error(postgres_engine):
    storage = storage_on(postgres_engine)
    storage.setup()

    def lose():
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            with postgres_engine.connect() as other:
                idle = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in %%'"
                assert other.exec_driver_sql(idle).scalars().all() == [True]
            storage.save("locations", OTHER_KEY, Record(b"2"))

    with pytest.raises(StorageError):
        lose()

    assert storage.list("locations", Query()).total == 0
    assert storage.save("locations", KEY, Record(b"3")) is True


@pytest.mark.parametrize("id", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_key_that_no_database_can_store_is_refused(database, id):
    with pytest.raises(StorageError, match="characters"):
        database.save("locations", Key.of("NL", "ABC", id), Record(b"{}"))


def test_text_that_is_not_utf8_is_refused(database):
    with pytest.raises(StorageError, match="utf-8"):
        database.save("locations", KEY, Record(b"\xff"))


def test_setup_while_the_host_creates_the_same_table(postgres_engine):
    tables = define_tables(MetaData(), ["locations", "platforms"])
    others = define_tables(MetaData(), ["platforms"])

    @event.listens_for(tables["platforms"], "before_create", once=True)
    def _be_faster(table, connection, **options):
        others["platforms"].create(postgres_engine)

    storage = SQLAlchemyStorage(postgres_engine, tables)
    storage.setup()

    storage.check()


def test_setup_that_may_not_create_tables_fails(postgres_url):
    engine = create_engine(f"{postgres_url}%20-cdefault_transaction_read_only%3Don")

    with pytest.raises(StorageError, match="read-only"):
        storage_on(engine).setup()

    engine.dispose()


def test_setup_inside_a_transaction_is_refused(database):
    with database.transaction(), pytest.raises(StorageError, match="inside a transaction"):
        database.setup()


def test_setup_on_a_file_that_is_no_database(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database at all" * 100)
    engine = create_engine(f"sqlite:///{tmp_path}/notes.txt")

    with pytest.raises(StorageError, match="not a database"):
        storage_on(engine).setup()

    engine.dispose()


def test_sqlite_in_memory_needs_one_connection_for_all_threads():
    engine = create_engine("sqlite://")

    with pytest.raises(ConfigurationError, match="StaticPool"):
        storage_on(engine)


def test_other_databases_are_refused():
    engine = SimpleNamespace(dialect=SimpleNamespace(name="mysql"))

    with pytest.raises(ConfigurationError, match=r"SQLALCHEMY_DATABASE_URI.*mysql"):
        SQLAlchemyStorage(engine, {})


def test_statements_for_lists_do_not_pile_up(database, monkeypatch):
    monkeypatch.setattr(module, "LIST_SHAPES", 3)
    database.save("locations", KEY, Record(b"{}"))
    parties = tuple(Party.of("NL", f"P{number}") for number in range(10))

    totals = [database.list("locations", Query(owners=parties[:count])).total for count in range(10)]

    assert totals == [0] * 10
    assert len(database._lists) <= 3


def plan_of_page(engine, query):
    """Return the steps in which SQLite makes a page."""
    storage = storage_on(engine)
    storage.setup()
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2:4]))
    storage.list("locations", query)
    statement, parameters = next(run for run in statements if "document" in run[0])
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).scalars("detail").all()


@pytest.mark.parametrize("place", [{"offset": 100}, {"after": "100"}], ids=["by offset", "by cursor"])
def test_page_of_one_owner_comes_in_the_order_of_the_index(sqlite_engine, place):
    plan = plan_of_page(sqlite_engine, Query(owners=(Party.of("NL", "ABC"),), receiver="", **place))

    assert "SEARCH ocpi_locations USING INDEX ix_ocpi_locations_created (receiver=?" in plan[0]
    assert not any("TEMP B-TREE" in step for step in plan)


def test_page_of_several_owners_is_chosen_before_its_documents_are_read(sqlite_engine):
    owners = (Party.of("NL", "ABC"), Party.of("NL", "DEF"))

    plan = plan_of_page(sqlite_engine, Query(owners=owners, receiver=""))

    assert "SEARCH ocpi_locations USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert any("narrow" in step for step in plan)


def test_tables_are_defined_once():
    metadata = MetaData()
    first = define_tables(metadata, ["locations"])
    second = define_tables(metadata, ["locations", "platforms"])

    assert second["locations"] is first["locations"]
    assert list(second) == ["locations", "platforms"]


def test_tables_are_defined_once_in_a_schema():
    metadata = MetaData(schema="roaming")

    assert define_tables(metadata, ["locations"]) == define_tables(metadata, ["locations"])


def test_database_has_what_the_tables_declare(engine, database):
    declared = define_tables(MetaData(), ["locations"])["locations"]
    found = inspect(engine)

    assert [column["name"] for column in found.get_columns("ocpi_locations")] == list(declared.columns.keys())
    assert {index["name"] for index in found.get_indexes("ocpi_locations")} >= {
        "ix_ocpi_locations_created",
        "ix_ocpi_locations_last_updated",
    }
    (unique,) = found.get_unique_constraints("ocpi_locations")
    assert unique["name"] == "uq_ocpi_locations_key"
    assert unique["column_names"] == ["country_code", "party_id", "id", "receiver"]


def test_only_our_tables_are_created(engine):
    metadata = MetaData()
    tables = define_tables(metadata, ["locations", "platforms"])
    SQLAlchemyStorage(engine, {"locations": tables["locations"]}).setup()

    assert set(inspect(engine).get_table_names()) == {"ocpi_counts", "ocpi_locations"}
