"""Records in SQLite or PostgreSQL, by SQLAlchemy Core: the default storage."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Executable
from sqlalchemy import Table
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.tables import ListShape
from flask_ocpi.storage.tables import Statements
from flask_ocpi.storage.tables import key_values
from flask_ocpi.storage.tables import list_statements
from flask_ocpi.storage.tables import query_values
from flask_ocpi.storage.tables import record_of
from flask_ocpi.storage.tables import record_values

BUSY_MILLISECONDS = 30_000
SETUP_ATTEMPTS = 5
LIST_SHAPES = 256
# An arbitrary number: whoever holds it as an advisory lock on PostgreSQL may create tables.
SETUP_LOCK = 0x0C91_0221


class SQLAlchemyStorage(Storage):
    """Keep records in the tables of :func:`flask_ocpi.storage.tables.define_tables`, on SQLite or PostgreSQL.

    It takes connections from the pool of the host application's engine and leaves its settings alone.
    Storages on one engine share their transactions.
    """

    def __init__(self, engine: Engine, tables: Mapping[str, Table]) -> None:
        self._database = _Database.of(engine)
        self._dialect = engine.dialect.name
        self._tables = dict(tables)
        self._statements = {kind: Statements.of(table, self._dialect) for kind, table in tables.items()}
        self._lists: dict[tuple[str, ListShape], tuple[Executable, Executable]] = {}
        # Passwords may be in the query of the URL, too.
        self._place = engine.url.set(query={}).render_as_string(hide_password=True)

    def __str__(self) -> str:
        return f"SQLAlchemyStorage at {self._place}"

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        statements = self._statements_of(kind)
        if for_update and self._database.current is None:
            raise StorageError("get(for_update=True) holds the record until the end of a transaction: open one first.")
        if not _can_be_stored(key):
            return None
        with self._database.connection() as connection:
            row = connection.execute(statements.lock if for_update else statements.get, key_values(key)).first()
        return None if row is None else record_of(row)

    def list(self, kind: str, query: Query) -> Page:
        shape = ListShape.of(query)
        rows_statement, count_statement = self._list_statements(kind, shape)
        values = query_values(query)
        with self._database.connection() as connection:
            # One statement, so that the rows and the total are of one moment.
            rows = connection.execute(rows_statement, values).all()
            if rows:
                return Page(tuple(map(record_of, rows)), rows[0].total, str(rows[-1].created))
            skipped = shape.after or query.offset > 0
            total = connection.execute(count_statement, values).scalar_one() if skipped else 0
        return Page((), total, query.after)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            raise StorageError(f"The key of this record of {kind} holds characters that a database cannot store.")
        with self._database.connection() as connection:
            values = {**key_values(key), **record_values(record)}
            if expected is None:
                return bool(connection.execute(statements.upsert, values).scalar_one() == 1)
            if expected == 0:
                written = connection.execute(statements.insert, values).first() is not None
            else:
                written = connection.execute(statements.update, {**values, "expected": expected}).rowcount == 1
        if not written:
            state = "exists already" if expected == 0 else f"is not at revision {expected}"
            raise ConflictError(f"{kind} {key.id} {state}.")
        return expected == 0

    def delete(self, kind: str, key: Key) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            return False
        with self._database.connection() as connection:
            return connection.execute(statements.delete, key_values(key)).rowcount == 1

    def transaction(self) -> AbstractContextManager[None]:
        return self._database.transaction()

    def setup(self) -> None:
        """Create the tables that are missing; on a SQLite file also switch to write-ahead logging."""
        if self._database.current is not None:
            raise StorageError("setup() cannot run inside a transaction: call it before.")
        self._database.enable_wal()
        for attempt in range(1, SETUP_ATTEMPTS + 1):
            try:
                return self._create_tables()
            except StorageError:
                # The host application's own migration may have created a table since we looked.
                if attempt == SETUP_ATTEMPTS:
                    raise

    def check(self) -> None:
        """Raise StorageError when the database does not answer or lacks one of the tables."""
        for kind in self._tables:
            self.get(kind, Key("", "", "", ""))

    def _create_tables(self) -> None:
        with self.transaction(), self._database.connection() as connection:
            if not self._database.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(SETUP_LOCK)))
            for table in self._tables.values():
                table.create(connection, checkfirst=True)

    def _statements_of(self, kind: str) -> Statements:
        try:
            return self._statements[kind]
        except KeyError:
            raise StorageError(f"No table for {kind!r}: add it to the kinds given to define_tables().") from None

    def _list_statements(self, kind: str, shape: ListShape) -> tuple[Executable, Executable]:
        self._statements_of(kind)
        statements = self._lists.get((kind, shape))
        if statements is None:
            if len(self._lists) >= LIST_SHAPES:
                self._lists.clear()
            statements = self._lists[kind, shape] = list_statements(self._tables[kind], shape, self._dialect)
        return statements


@dataclass(eq=False, slots=True)
class _Transaction:
    """An open transaction of one thread.

    failed: one of its statements failed, so the database may have rolled back already.
    forked: this is a copy in a forked process; the connection belongs to the parent.
    """

    connection: Connection
    failed: bool = False
    forked: bool = False


class _Database:
    """The connections to one engine's database: one for each statement, or one for a whole transaction."""

    def __init__(self, engine: Engine) -> None:
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.in_memory = self.is_sqlite and _is_in_memory(engine)
        if self.in_memory and not isinstance(engine.pool, StaticPool):
            raise ConfigurationError(
                "SQLite in memory has a database for each connection: create the engine with "
                "poolclass=StaticPool and connect_args={'check_same_thread': False}, or use a file."
            )
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._local = threading.local()
        self._transactions: set[_Transaction] = set()
        # Threads share the only connection to a database in memory: none may get into another's transaction.
        self._turn: AbstractContextManager[object] = threading.RLock() if self.in_memory else nullcontext()

    @classmethod
    def of(cls, engine: Engine) -> _Database:
        """Return the engine's own: the same one for all storages that use the engine."""
        if engine.dialect.name not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                "SQLALCHEMY_DATABASE_URI must begin with 'sqlite:' or 'postgresql+psycopg:', "
                f"got a database of {engine.dialect.name}."
            )
        _watch_forks()
        database = _databases.get(id(engine))
        if database is None:
            database = _databases[id(engine)] = cls(engine)
        return database

    @property
    def current(self) -> _Transaction | None:
        """The transaction of this thread."""
        transaction: _Transaction | None = getattr(self._local, "transaction", None)
        return transaction

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection of this thread's transaction, or one on which each statement commits by itself.

        What the database refuses in the block is raised as StorageError.
        """
        transaction = self.current
        if transaction is not None:
            try:
                yield transaction.connection
            except (SQLAlchemyError, UnicodeError) as error:
                transaction.failed = True
                raise _storage_error(error) from error
            return
        with self._turn:
            try:
                with self._autocommit.connect() as connection:
                    self._prepare(connection)
                    yield connection
            except (SQLAlchemyError, UnicodeError) as error:
                raise _storage_error(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.current is not None:
            yield
            return
        with self._turn:
            transaction = self._begin()
            try:
                yield
                _commit(transaction)
            except BaseException:
                _roll_back(transaction)
                raise
            finally:
                self._end(transaction)

    def enable_wal(self) -> None:
        """Switch a SQLite file to write-ahead logging: readers then do not wait for a writer."""
        if not self.is_sqlite or self.in_memory:
            return
        deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
        while True:
            try:
                with self.connection() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                    connection.info.pop(_PREPARED, None)
                return
            except StorageError as error:
                # SQLite does not wait for others here, whatever its busy timeout.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def leave_to_parent(self) -> None:
        """Give up, in a forked process, the connections that the parent goes on using."""
        for transaction in self._transactions:
            transaction.forked = True
            if not self.is_sqlite:
                _cut_off(transaction.connection)
        _left_to_parent.extend(self._transactions)
        self._transactions = set()
        self._local = threading.local()
        if self.in_memory:
            self._turn = threading.RLock()
        else:
            self._engine.dispose(close=False)

    def _begin(self) -> _Transaction:
        # Whoever reads in order to write locks the record, so no stricter level is needed.
        begin = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN ISOLATION LEVEL READ COMMITTED"
        try:
            connection = self._autocommit.connect()
            try:
                self._prepare(connection)
                connection.exec_driver_sql(begin)
            except BaseException:
                connection.close()
                raise
        except SQLAlchemyError as error:
            raise _storage_error(error) from error
        transaction = self._local.transaction = _Transaction(connection)
        self._transactions.add(transaction)
        return transaction

    def _end(self, transaction: _Transaction) -> None:
        if transaction.forked:
            return
        self._transactions.discard(transaction)
        self._local.transaction = None
        transaction.connection.close()

    def _prepare(self, connection: Connection) -> None:
        if not self.is_sqlite:
            return
        connection.begin()
        driver: Any = connection.connection.driver_connection
        # SQLAlchemy's documentation has applications send BEGIN by an event: here nobody would commit it.
        if driver.in_transaction:
            driver.rollback()
        if _PREPARED in connection.info:
            return
        if connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() < BUSY_MILLISECONDS:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        # Without WAL a power cut could corrupt what was written with less than FULL.
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal":
            connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
        connection.info[_PREPARED] = True


_PREPARED = "flask_ocpi.prepared"
_databases: WeakValueDictionary[int, _Database] = WeakValueDictionary()
# Referenced for ever, since cleaning them up would roll back the parent's transactions.
_left_to_parent: list[_Transaction] = []


@cache
def _watch_forks() -> None:
    def leave_to_parent() -> None:
        for database in list(_databases.values()):
            database.leave_to_parent()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=leave_to_parent)


def _cut_off(connection: Connection) -> None:
    """Lead this process' end of the connection nowhere, so that nothing sent from here reaches the server."""
    if connection.invalidated:
        return
    driver: Any = connection.connection.driver_connection
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, driver.fileno())
    os.close(nowhere)


def _commit(transaction: _Transaction) -> None:
    if transaction.forked:
        raise StorageError("This process was forked inside a transaction: only the parent process can finish it.")
    if transaction.failed:
        raise StorageError("Nothing of the transaction was written, since one of its statements failed.")
    try:
        transaction.connection.exec_driver_sql("COMMIT")
    except SQLAlchemyError as error:
        raise _storage_error(error) from error


def _roll_back(transaction: _Transaction) -> None:
    connection = transaction.connection
    if transaction.forked or connection.invalidated:
        return
    driver: Any = connection.connection.driver_connection
    try:
        # After a grave error SQLite has rolled back already.
        if getattr(driver, "in_transaction", True):
            connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        connection.invalidate()


def _is_in_memory(engine: Engine) -> bool:
    name = engine.url.database or ":memory:"
    return ":memory:" in name or "mode=memory" in name or engine.url.query.get("mode") == "memory"


def _can_be_stored(key: Key) -> bool:
    text = "".join(key)
    if text.isprintable():
        return True
    # PostgreSQL refuses NUL in texts; surrogates have no place in UTF-8.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _storage_error(error: SQLAlchemyError | UnicodeError) -> StorageError:
    """Word a database's error without the statement's parameters, in which there may be secrets."""
    original: BaseException = error
    if isinstance(error, StatementError):
        error.hide_parameters = True
        original = error.orig or error
    reason = next(iter(str(original).strip().splitlines()), type(original).__name__)
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if code == "42P01" or reason.startswith("no such table"):
        return StorageError(f"A table is missing ({reason}): run `flask ocpi init-db`.")
    return StorageError(f"The database refused: {reason}.")
