"""Connections to SQLite and PostgreSQL, for a statement or for a transaction, and their errors."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from flask_ocpi.core import forks
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage import joining
from flask_ocpi.storage import transactions
from flask_ocpi.storage.base import FORKED
from flask_ocpi.storage.driver import Answer
from flask_ocpi.storage.driver import Held
from flask_ocpi.storage.driver import HeldConnections
from flask_ocpi.storage.driver import Statement
from flask_ocpi.storage.driver import Values
from flask_ocpi.storage.driver import has_news
from flask_ocpi.storage.opening import check_dialect
from flask_ocpi.storage.opening import cut_off
from flask_ocpi.storage.opening import prepare
from flask_ocpi.storage.opening import sqlite_file

STATEMENT_ATTEMPTS = 3
DEADLOCK_PAUSE_SECONDS = 0.02


class Database:
    """The connections to one engine's database: one for each statement, or one for a whole transaction.

    Statements are compiled once and run on the driver's own cursor. If the host application listens to statements
    through SQLAlchemy's events, logs them or has their tables translated, they run through SQLAlchemy instead.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.in_memory = self.is_sqlite and sqlite_file(engine.url) is None
        if self.in_memory and not isinstance(engine.pool, StaticPool):
            raise ConfigurationError(
                "SQLite in memory has a database for each connection: create the engine with "
                "poolclass=StaticPool and connect_args={'check_same_thread': False}, or use a file."
            )
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._forked_inside = False
        self._held = HeldConnections(engine)
        self._file = os.path.abspath(str(engine.url.database)) if self.is_sqlite and not self.in_memory else None
        self._host = joining.HostConnections(engine, in_memory=self.in_memory)
        # The listener also keeps this object alive as long as the engine.
        sa.event.listen(engine, "engine_disposed", lambda _: self.release_idle())
        # A transaction that reads in order to write locks the record, so no stricter level is needed.
        begin = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN ISOLATION LEVEL READ COMMITTED"
        self._begin_statement, self._commit_statement, self._rollback_statement = (
            Statement(sa.text(sql), engine.dialect) for sql in (begin, "COMMIT", "ROLLBACK")
        )
        self._turn_to_read: AbstractContextManager[object] = nullcontext()
        self._turn_to_write: AbstractContextManager[object] = nullcontext()
        self._begin()
        forks.before(self._close_idle)
        forks.in_child(self._leave_to_parent)

    @classmethod
    def of(cls, engine: sa.Engine) -> Database:
        """Return the database of an engine: the same object for all storages that use the engine."""
        check_dialect(engine.dialect.name)
        database = _databases.get(id(engine))
        if database is None:
            database = _databases[id(engine)] = cls(engine)
        return database

    @property
    def current(self) -> transactions.Transaction | None:
        return self._local.transaction

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Give the connection of this thread's transaction, or one on which each statement commits by itself.

        Errors of the database in the block are raised as StorageError.
        """
        transaction = self.current
        if transaction is not None:
            transactions.go_on(transaction)
            try:
                yield transaction.held.connection
            except (SQLAlchemyError, UnicodeError) as error:
                raise self.refusal(error) from error
            return
        with self._turn(reads=False), forks.at_work:
            try:
                held = self._take()
                try:
                    yield held.connection
                except BaseException:
                    held.give_back()
                    raise
                self._held.put(held)
            except (SQLAlchemyError, UnicodeError) as error:
                raise self.refusal(error) from error

    def execute(self, statement: Statement, values: Values, *, reads: bool = False) -> Answer:
        """Run one statement on the connection of :meth:`connection`; repeat it where that does no harm.

        One that only ``reads`` waits for no turn to write. Outside of a transaction, a statement that the database
        ended in favour of another is run again; one that ``reads`` also after a lost connection. The result of a write
        is then unknown: it raises StorageError.
        """
        attempts = STATEMENT_ATTEMPTS
        while True:
            attempts -= 1
            try:
                return self._execute(statement, values, reads=reads)
            except StorageError as error:
                if not attempts or not self._may_run_again(error, reads=reads):
                    raise

    def refusal(self, error: SQLAlchemyError | UnicodeError) -> StorageError:
        """Return the error to raise when something cannot be stored; a transaction of this thread ends with it."""
        failure = transactions.storage_error(error)
        transaction = self.current
        if transaction is not None:
            transaction.failure = failure
        return failure

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.current is not None:
            yield
            return
        with self._turn(reads=False), forks.at_work:
            transaction = self._open()
            try:
                yield
                self._commit(transaction)
            except BaseException:
                self._roll_back(transaction)
                raise
            finally:
                self._end(transaction)
        for work in transaction.work:
            work()

    @contextmanager
    def join(self, session: Session, table: sa.Table) -> Iterator[None]:
        """Run a block on the connection of a session, in its transaction: all writes of the block are made, or none.

        Until the host application ends that transaction, this thread also reads in it, and writes nowhere else.
        """
        host = joining.HostTransaction.of(session)
        current = self.current
        if current is not None:
            if current.host is not host:
                raise StorageError(joining.INSIDE_ANOTHER)
            yield
            return
        with forks.at_work:
            transaction, savepoint = self._open_in(host, table)
            try:
                yield
                transactions.go_on(transaction)
                transactions.release(savepoint)
            except BaseException:
                with suppress(SQLAlchemyError):  # the host application sees the error when it commits
                    savepoint.rollback()
                raise
            finally:
                self._local.transaction = None
                self._transactions.discard(transaction)
            self._local.joined = transaction

    def joins(self, session: Session, table: sa.Table) -> bool:
        """Tell whether a session has uncommitted writes on connections to this database; flush it before.

        False while this thread has a transaction of its own: its writes go there.
        """
        if self.current is not None or not joining.is_on(session, table, self._engine):
            return False
        if session.new or session.dirty or session.deleted:
            session.flush()
        if not session.in_transaction():
            return False
        if joining.has_begun(session):
            return True
        return self._host.has_written(joining.connection_of(session, table, self._engine), self._turn_to_write)

    def after_commit(self, work: Callable[[], None]) -> None:
        """Call ``work`` after the transaction of this thread commits; at once if there is none."""
        current = self.current
        if current is None:
            work()
        elif current.host is not None:
            current.host.after_commit(work)
        else:
            current.work.append(work)

    def release_idle(self) -> None:
        """Return idle connections to the engine: settings of the file apply to new connections."""
        self._held.release()

    def _begin(self) -> None:
        self._local = transactions.OfThread()
        self._transactions: set[transactions.Transaction] = set()
        if self.in_memory:
            # Threads share the only connection: no thread may use another's transaction.
            self._turn_to_read = self._turn_to_write = transactions.Turn(threading.RLock())
        elif self.is_sqlite:
            self._turn_to_write = transactions.Turn(threading.Lock())

    def _close_idle(self) -> None:
        """Close idle SQLite connections before a fork: the child would treat the parent's locks as its own."""
        if self.is_sqlite and not self.in_memory:
            self._engine.dispose()

    def _leave_to_parent(self) -> None:
        """In a forked process, drop the connections that the parent still uses."""
        self._host.forget()
        self._forked_inside |= self.is_sqlite and not self.in_memory and bool(self._transactions)
        for transaction in self._transactions:
            transaction.forked = True
            if self.in_memory:
                transaction.held.driver.rollback()  # of the copy, which no other process has
        idle = self._held.forget()
        left = [*idle, *(transaction.held for transaction in self._transactions)]
        if not self.is_sqlite:
            for held in left:
                cut_off(held)
        forks.left_to_parent.extend(left)
        self._begin()
        if not self.in_memory:
            self._engine.dispose(close=False)

    def _turn(self, *, reads: bool) -> AbstractContextManager[object]:
        if reads and not self.in_memory:
            return self._turn_to_read
        if self._forked_inside:
            raise StorageError("This process was forked inside a transaction: SQLite then keeps it from ever writing.")
        self._refuse_to_wait()
        return self._turn_to_write

    def _execute(self, statement: Statement, values: Values, *, reads: bool) -> Answer:
        transaction = self._ongoing(reads=reads)
        if transaction is not None:
            transactions.go_on(transaction)
            try:
                return transaction.held.run(statement, values)
            except (SQLAlchemyError, UnicodeError) as error:
                raise self.refusal(error) from error
        with self._turn(reads=reads), forks.at_work:
            try:
                held = self._take()
                try:
                    answer = held.run(statement, values)
                except BaseException:
                    held.give_back()
                    raise
            except (SQLAlchemyError, UnicodeError) as error:
                raise self.refusal(error) from error
            self._held.put(held)
            return answer

    def _may_run_again(self, error: StorageError, *, reads: bool) -> bool:
        if self.current is not None:
            return False
        if isinstance(error, DeadlockError):
            time.sleep(DEADLOCK_PAUSE_SECONDS)  # without a pause the same transactions would meet again
            return True
        return reads and transactions.is_lost(error.__cause__)

    def _ongoing(self, *, reads: bool) -> transactions.Transaction | None:
        """Return the current transaction of this thread; in one that it joined before, it only reads."""
        current = self._local.transaction
        if current is not None or not reads:
            return current
        joined = self._local.joined
        return None if joined is None or joined.host is None or joined.host.has_ended else joined

    def _refuse_to_wait(self, host: joining.HostTransaction | None = None, driver: Any = None) -> None:
        """Raise an error if this thread would wait for a lock that it holds itself outside of the given transaction."""
        joined = self._ongoing(reads=True)
        if joined is not None and joined.host is not host:
            raise StorageError(joining.HOLDS_JOINED)
        if self._host.are_writing(self._turn_to_write, besides=driver):
            raise StorageError(joining.HOLDS_LOCK)
        if self._file in transactions.files_of_thread():
            raise StorageError(joining.HOLDS_FILE)

    def _open_in(
        self, host: joining.HostTransaction, table: sa.Table
    ) -> tuple[transactions.Transaction, sa.NestedTransaction]:
        """Begin a savepoint in a transaction of the host application."""
        try:
            connection = joining.connection_of(host.session, table, self._engine)
            held = Held(connection, 0)
            held.by_sqlalchemy = True
            self._refuse_to_wait(host, held.driver)
            if self.in_memory:  # threads share the connection: no other one may use the transaction
                host.hold(self._turn_to_write)
            if self.is_sqlite and not held.driver.in_transaction:  # sqlite3 would not, for a savepoint
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            savepoint = connection.begin_nested()
        except SQLAlchemyError as error:
            raise transactions.storage_error(error) from error
        transaction = self._local.transaction = transactions.Transaction(held, host)
        self._transactions.add(transaction)
        return transaction, savepoint

    def _open(self) -> transactions.Transaction:
        try:
            held = self._take()
            try:
                held.run(self._begin_statement, {})
            except BaseException:
                held.give_back()
                raise
        except SQLAlchemyError as error:
            raise transactions.storage_error(error) from error
        transaction = self._local.transaction = transactions.Transaction(held)
        self._transactions.add(transaction)
        if self._file is not None:
            transactions.files_of_thread().add(self._file)
        return transaction

    def _commit(self, transaction: transactions.Transaction) -> None:
        if transaction.forked:
            raise StorageError(FORKED)
        transactions.go_on(transaction)
        try:
            transaction.held.run(self._commit_statement, {})
        except SQLAlchemyError as error:
            if transactions.is_lost(error):
                reason = f"{transactions.storage_error(error)} Whether the transaction was written is not known."
                raise StorageError(reason) from error
            raise transactions.storage_error(error) from error
        transaction.committed = True

    def _roll_back(self, transaction: transactions.Transaction) -> None:
        held = transaction.held
        if transaction.forked or held.connection.invalidated:
            return
        try:
            # After a grave error SQLite has rolled back already.
            if getattr(held.driver, "in_transaction", True):
                held.run(self._rollback_statement, {})
        except SQLAlchemyError:
            held.connection.invalidate()

    def _end(self, transaction: transactions.Transaction) -> None:
        if transaction.forked:
            return
        self._transactions.discard(transaction)
        self._local.transaction = None
        if self._file is not None:
            transactions.files_of_thread().discard(self._file)
        if transaction.committed:
            self._held.put(transaction.held)
        else:
            transaction.held.give_back()

    def _take(self) -> Held:
        """Return a connection on which each statement commits by itself."""
        held = self._held.take()
        if held is not None:
            return held
        connection = self._connect()
        try:
            if self.is_sqlite:
                prepare(connection)
            return self._held.hold(connection)
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> sa.Connection:
        """Take a connection from the pool; if the server has closed it, replace all connections of the pool."""
        if self._host.number >= self._held.most:
            raise StorageError(joining.ALL_CONNECTIONS.format(number=self._host.number))
        with self._host.passing_by():
            return self._connected()

    def _connected(self) -> sa.Connection:
        connection = self._autocommit.connect()
        try:
            if not self.is_sqlite and has_news(connection.connection.driver_connection):
                connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            connection.close()
            if not transactions.is_lost(error):
                raise
            return self._autocommit.connect()
        return connection


_databases: WeakValueDictionary[int, Database] = WeakValueDictionary()
