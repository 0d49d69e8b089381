"""Connections to SQLite and PostgreSQL, for a statement or for a transaction, and what goes wrong with them."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any
from typing import TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError

T = TypeVar("T")

BUSY_MILLISECONDS = 30_000
STATEMENT_ATTEMPTS = 3


@dataclass(eq=False, slots=True)
class Transaction:
    """An open transaction of one thread.

    failure: why one of its statements failed; the database may have rolled back already.
    forked: this is a copy in a forked process; the connection belongs to the parent.
    """

    connection: Connection
    failure: StorageError | None = None
    forked: bool = False


class Database:
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
        self._transactions: set[Transaction] = set()
        # Threads share the only connection to a database in memory: none may get into another's transaction.
        self._turn: AbstractContextManager[object] = threading.RLock() if self.in_memory else nullcontext()

    @classmethod
    def of(cls, engine: Engine) -> Database:
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
    def current(self) -> Transaction | None:
        """The transaction of this thread."""
        transaction: Transaction | None = getattr(self._local, "transaction", None)
        return transaction

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection of this thread's transaction, or one on which each statement commits by itself.

        What the database refuses in the block is raised as StorageError.
        """
        transaction = self.current
        if transaction is not None:
            _go_on(transaction)
            try:
                yield transaction.connection
            except (SQLAlchemyError, UnicodeError) as error:
                transaction.failure = _storage_error(error)
                raise transaction.failure from error
            return
        with self._turn:
            try:
                with self._connect() as connection:
                    self._prepare(connection)
                    yield connection
            except (SQLAlchemyError, UnicodeError) as error:
                raise _storage_error(error) from error

    def run(self, work: Callable[[Connection], T], *, reads: bool = False) -> T:
        """Run statements on what :meth:`connection` gives, and again where that can do no harm.

        Outside of a transaction, what the database ended in favour of another is run again, and what only ``reads``
        also after the connection was lost. Whether a write was carried out then is not known: it raises StorageError.
        """
        for _ in range(STATEMENT_ATTEMPTS - 1):
            try:
                with self.connection() as connection:
                    return work(connection)
            except StorageError as error:
                again = isinstance(error, DeadlockError) or (reads and _is_lost(error.__cause__))
                if self.current is not None or not again:
                    raise
        with self.connection() as connection:
            return work(connection)

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
        left_to_parent.extend(self._transactions)
        self._transactions = set()
        self._local = threading.local()
        if self.in_memory:
            self._turn = threading.RLock()
        else:
            self._engine.dispose(close=False)

    def _begin(self) -> Transaction:
        # Whoever reads in order to write locks the record, so no stricter level is needed.
        begin = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN ISOLATION LEVEL READ COMMITTED"
        try:
            connection = self._connect()
            try:
                self._prepare(connection)
                connection.exec_driver_sql(begin)
            except BaseException:
                connection.close()
                raise
        except SQLAlchemyError as error:
            raise _storage_error(error) from error
        transaction = self._local.transaction = Transaction(connection)
        self._transactions.add(transaction)
        return transaction

    def _end(self, transaction: Transaction) -> None:
        if transaction.forked:
            return
        self._transactions.discard(transaction)
        self._local.transaction = None
        transaction.connection.close()

    def _connect(self) -> Connection:
        """Take a connection from the pool; when the server has closed it since, a new one in place of all of them."""
        connection = self._autocommit.connect()
        try:
            if not self.is_sqlite and _has_news(connection):
                connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            connection.close()
            if not _is_lost(error):
                raise
            return self._autocommit.connect()
        return connection

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
_databases: WeakValueDictionary[int, Database] = WeakValueDictionary()
# Referenced for ever, since cleaning them up would roll back the parent's transactions.
left_to_parent: list[Transaction] = []


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


def _commit(transaction: Transaction) -> None:
    if transaction.forked:
        raise StorageError("This process was forked inside a transaction: only the parent process can finish it.")
    _go_on(transaction)
    try:
        transaction.connection.exec_driver_sql("COMMIT")
    except SQLAlchemyError as error:
        if _is_lost(error):
            raise StorageError(f"{_storage_error(error)} Whether the transaction was written is not known.") from error
        raise _storage_error(error) from error


def _go_on(transaction: Transaction) -> None:
    """Raise an error when a transaction cannot go on, of the class of the first one."""
    failure = transaction.failure
    if failure is not None:
        reason = "Nothing of the transaction was written, since one of its statements failed"
        raise type(failure)(f"{reason}: {failure}") from failure


def _has_news(connection: Connection) -> bool:
    """Tell whether the server sent something that nobody asked for: as a rule, that it closed the connection."""
    driver: Any = connection.connection.driver_connection
    if getattr(driver, "closed", False):
        return True
    # Other drivers and systems do without: there, pool_pre_ping is of use.
    if not (hasattr(driver, "fileno") and hasattr(select, "poll")):
        return False
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _is_lost(error: BaseException | None) -> bool:
    """Tell whether an error is the loss of the connection to the database."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _roll_back(transaction: Transaction) -> None:
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


# Serialization failure and deadlock.
_SUPERSEDED = ("40001", "40P01")


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
    if code in _SUPERSEDED:
        return DeadlockError(f"The database ended this in favour of others that wait for it: {reason}.")
    if _is_lost(error):
        return StorageError(f"The connection to the database was lost: {reason}.")
    if "readonly database" in reason:
        return StorageError(
            f"The SQLite file cannot be written ({reason}): give this process the right to, in its folder as well."
        )
    return StorageError(f"The database refused: {reason}.")
