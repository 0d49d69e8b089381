"""Connections are kept at hand between statements: not too many, not too long, and of no other process."""

from __future__ import annotations

import gc
import sqlite3
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import NullPool
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import text

from flask_ocpi.errors import StorageError
from flask_ocpi.storage import driver
from flask_ocpi.storage import transactions
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.driver import Statement
from tests.storage.conftest import storage_on

KEY = Key.of("NL", "ABC", "LOC1")
SECONDS = 120  # that any of this may take at the most


def in_threads(number, work):
    """Run a function in threads that are all there at once; raise what one of them raised."""
    ready = threading.Barrier(number)
    failures = []

    def run():
        try:
            ready.wait(SECONDS)
            work()
            ready.wait(SECONDS)
        except BaseException as error:
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not failures, failures


@pytest.fixture
def ticks(monkeypatch):
    """The clock that tells how long a connection is held, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(driver, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def small_pool(url):
    """The engine of a host that allows three connections, and lets nobody wait for one."""
    engine = create_engine(url, pool_size=2, max_overflow=1, pool_timeout=0)
    yield engine
    engine.dispose()


def kept(storage):
    """Return the driver's connections at hand."""
    return [held.driver for held in storage._database._held._idle]


def test_statements_and_transactions_go_over_one_connection(engine, database):
    database.get("locations", KEY)
    first = kept(database)

    for number in range(5):
        database.save("locations", KEY, Record(b"%d" % number))
        with database.transaction():
            assert kept(database) == []
            database.get("locations", KEY, for_update=True)
            database.save("locations", KEY, Record(b"{}"))

    assert kept(database) == first
    assert len(first) == engine.pool.checkedout() == 1


def test_threads_use_the_same_connections(database):
    first = kept(database)

    for _ in range(5):
        in_threads(1, lambda: database.get("locations", KEY))

    assert kept(database) == first


def test_threads_at_once_leave_no_more_connections_than_the_pool_has(engine, database):
    together = threading.Barrier(8)

    def work():
        held = database._database._take()
        held.connection.exec_driver_sql("SELECT 1").all()
        together.wait(SECONDS)
        database._database._held.put(held)

    in_threads(8, work)

    assert len(kept(database)) == engine.pool.checkedout() == engine.pool.size() == 5


def test_more_threads_than_connections_take_turns(url):
    engine = create_engine(url, pool_size=2, max_overflow=1, pool_timeout=SECONDS)
    open_, most = set(), []
    event.listen(engine, "connect", lambda driver, _: open_.add(id(driver)) or most.append(len(open_)))
    event.listen(engine, "close", lambda driver, _: open_.discard(id(driver)))
    storage = storage_on(engine)
    storage.setup()

    def work():
        for number in range(10):
            storage.save("locations", KEY, Record(b"%d" % number))
            with storage.transaction():
                assert storage.get("locations", KEY, for_update=True) is not None

    in_threads(8, work)

    assert most
    assert max(most) <= 3
    engine.dispose()


def test_threads_that_write_to_a_file_take_turns_on_one_connection(sqlite_engine, sqlite_url):
    sqlite_engine.dispose()
    storage = storage_on(sqlite_engine)
    storage.setup()
    made = []
    event.listen(sqlite_engine, "connect", lambda driver, _: made.append(driver))

    def work():
        for number in range(20):
            storage.save("locations", KEY, Record(b"%d" % number))
            with storage.transaction():
                storage.save("locations", KEY, Record(b"{}"))
            storage.claim("locations", Query(date_to=1, limit=1), until=2, key_of=None)

    in_threads(16, work)

    assert made == []
    assert len(kept(storage)) == 1


def test_who_waits_for_too_long_to_write_to_a_file_is_told(sqlite_engine, monkeypatch):
    storage = storage_on(sqlite_engine)
    storage.setup()
    monkeypatch.setattr(transactions, "BUSY_MILLISECONDS", 20)

    def write():
        with pytest.raises(StorageError, match="locked"):
            storage.save("locations", KEY, Record(b"{}"))
        assert storage.get("locations", KEY) is None  # whoever reads does not wait

    with storage.transaction():
        in_threads(2, write)

    assert storage.save("locations", KEY, Record(b"{}")) is True


def test_host_can_have_every_connection_of_its_pool(small_pool):
    storage = storage_on(small_pool)
    storage.setup()
    storage.get("locations", KEY)
    assert len(kept(storage)) == 1

    with small_pool.connect(), small_pool.connect(), small_pool.connect():
        assert kept(storage) == []

    with small_pool.connect(), small_pool.connect():
        # This one takes the last, and must not keep it.
        storage.get("locations", KEY)
        with small_pool.connect():
            pass


def test_connection_in_use_goes_back_when_the_pool_ran_out_meanwhile(small_pool):
    storage = storage_on(small_pool)
    storage.setup()

    with storage.transaction(), small_pool.connect(), small_pool.connect():
        storage.save("locations", KEY, Record(b"{}"))

    assert small_pool.pool.checkedout() == 0
    assert storage.get("locations", KEY).text == b"{}"


def test_pool_of_one_connection_is_enough(url):
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0)
    storage = storage_on(engine)
    storage.setup()
    storage.save("locations", KEY, Record(b"{}"))

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ocpi_locations").scalar_one() == 1
    assert storage.get("locations", KEY).text == b"{}"
    engine.dispose()


def test_connection_is_given_back_when_it_was_held_for_long(database, ticks):
    database._database._held.release()
    database.get("locations", KEY)
    returned = []
    give_back = driver.Held.give_back

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver.Held, "give_back", lambda self: returned.append(self) or give_back(self))
        ticks[0] += driver.HELD_SECONDS - 1
        database.get("locations", KEY)
        assert not returned

        ticks[0] += 2
        assert database.get("locations", KEY) is None
        assert len(returned) == 1


def test_transaction_keeps_its_connection_however_long_it_takes(database, ticks):
    with database.transaction():
        database.save("locations", KEY, Record(b"1"))
        ticks[0] += 10 * driver.HELD_SECONDS
        assert database.get("locations", KEY).text == b"1"

    assert database.get("locations", KEY).text == b"1"


def test_disposed_engine_has_no_connection_left(url):
    engine = create_engine(url)
    opened, closed = [], []
    event.listen(engine, "connect", lambda *_: opened.append(1))
    event.listen(engine, "close", lambda *_: closed.append(1))
    storage = storage_on(engine)
    storage.setup()
    storage.save("locations", KEY, Record(b"{}"))
    assert len(kept(storage)) == 1

    engine.dispose()

    assert len(opened) == len(closed)
    assert storage.get("locations", KEY).text == b"{}"  # over a new one
    assert len(opened) == len(closed) + 1
    engine.dispose()


def test_next_storage_on_an_engine_goes_on_with_its_connections(engine):
    storage = storage_on(engine)
    storage.setup()
    first = kept(storage)
    del storage
    gc.collect()

    storage = storage_on(engine)
    storage.get("locations", KEY)

    assert kept(storage) == first
    assert engine.pool.checkedout() == 1


def test_engine_disposed_in_the_middle_of_a_transaction_lets_it_end(url):
    engine = create_engine(url)
    storage = storage_on(engine)
    storage.setup()

    with storage.transaction():
        storage.save("locations", KEY, Record(b"{}"))
        engine.dispose()
        storage.save("locations", KEY, Record(b"2"))

    assert kept(storage) == []  # that connection was none of the new pool's
    assert storage.get("locations", KEY).text == b"2"
    engine.dispose()


def test_pool_that_keeps_no_connection_is_left_alone(url):
    engine = create_engine(url, poolclass=NullPool)
    storage = storage_on(engine)
    storage.setup()
    opened, closed = [], []
    event.listen(engine, "connect", lambda *_: opened.append(1))
    event.listen(engine, "close", lambda *_: closed.append(1))

    storage.save("locations", KEY, Record(b"{}"), expected=0)

    assert len(opened) == len(closed) == 1


def test_who_listens_to_an_engine_sees_every_statement(engine, database):
    database.save("locations", KEY, Record(b"{}"))
    seen = []

    @contextmanager
    def listening():
        def note(connection, cursor, statement, *_):
            seen.append(statement.split()[0])

        event.listen(engine, "before_cursor_execute", note)
        yield
        event.remove(engine, "before_cursor_execute", note)

    with listening():
        assert database.get("locations", KEY).text == b"{}"
        assert database.save("locations", KEY, Record(b"2")) is False
        assert database.save("locations", KEY, Record(b"3"), expected=2) is False
        assert database.delete("locations", KEY) is True
        with database.transaction():
            assert database.save("locations", KEY, Record(b"{}"), expected=0) is True

    replaced = "UPDATE" if engine.dialect.name == "sqlite" else "INSERT"
    assert seen == ["SELECT", replaced, "UPDATE", "DELETE", "BEGIN", "INSERT", "COMMIT"]
    assert database.get("locations", KEY).text == b"{}"
    assert len(seen) == 7


@pytest.mark.parametrize("name", ["checkout", "checkin"])
def test_who_listens_to_a_pool_sees_a_connection_go_with_each_statement(engine, name):
    storage = storage_on(engine)
    storage.setup()
    seen = []
    event.listen(engine, name, lambda *_: seen.append(1))
    storage._database._held.release()
    seen.clear()

    for _ in range(3):
        storage.get("locations", KEY)

    assert len(seen) == 3


def test_host_that_has_its_tables_translated_gets_its_own(sqlite_url):
    engine = create_engine(sqlite_url, execution_options={"schema_translate_map": {None: "main"}})
    storage = storage_on(engine)
    storage.setup()
    seen = []
    with storage._database.connection() as connection:
        connection.connection.driver_connection.set_trace_callback(seen.append)

    storage.get("locations", KEY)

    assert any("FROM main.ocpi_locations" in statement for statement in seen)
    engine.dispose()


def test_statements_are_in_the_log_of_an_engine_that_echoes(sqlite_url, caplog):
    engine = create_engine(sqlite_url, echo=True)
    storage = storage_on(engine)
    storage.setup()
    caplog.clear()

    storage.get("locations", KEY)

    assert "FROM ocpi_locations" in caplog.text
    engine.dispose()


def test_interrupted_statement_is_not_followed_by_another_on_its_connection(database, monkeypatch):
    database.get("locations", KEY)
    interrupted = kept(database)

    def interrupt(self, driver, values):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flask_ocpi.storage.driver.Statement.run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            database.get("locations", KEY)

    assert kept(database) == []
    assert database.get("locations", KEY) is None
    assert kept(database) != interrupted


def test_no_read_stays_open_on_sqlite(sqlite_engine, sqlite_url):
    storage = storage_on(sqlite_engine)
    storage.setup()
    for number in range(50):
        storage.save("locations", Key.of("NL", "ABC", f"LOC{number}"), Record(b"{}" * 500))
    storage.get("locations", KEY)
    storage.list("locations", Query(limit=1))
    storage._database.execute(Statement(text("SELECT * FROM ocpi_locations"), sqlite_engine.dialect), {})

    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    busy, in_log, moved = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()

    assert (busy, in_log, moved) == (0, 0, 0)  # all of the log was written back, and nobody reads from it


def test_failed_statement_leaves_a_connection_that_works(database):
    database.save("locations", KEY, Record(b"{}"))
    with pytest.raises(StorageError):
        database.get("tariffs", KEY)

    def refused():
        with database.transaction():
            database.save("locations", KEY, Record(b"2"))
            with pytest.raises(StorageError):
                database.save("locations", KEY, Record("\ud800".encode("utf-8", "surrogatepass")))

    with pytest.raises(StorageError, match="Nothing of the transaction was written"):
        refused()

    assert database.get("locations", KEY).text == b"{}"
    assert database.save("locations", KEY, Record(b"3")) is False
