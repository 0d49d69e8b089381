"""The host application's own transactions: the threads that hold them, and the work that joins or follows them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.orm import SessionTransactionOrigin
from sqlalchemy.orm import scoped_session

from flask_ocpi.errors import StorageError

HOLDS_LOCK = (
    "This thread has written to the database on a connection of the host application's, and not committed: this call "
    "would wait for that for ever. Commit or roll back first, or pass session= to write in the same transaction."
)
HOLDS_JOINED = (
    "This thread has saved own objects in the transaction of a session, which is not committed: this call would wait "
    "for it. Commit or roll back first, or pass the same session= to write in the same transaction."
)
HOLDS_FILE = (
    "This thread writes to the same SQLite file in a transaction of another storage: this call would wait for that. "
    "Give both storages the same engine."
)
INSIDE_ANOTHER = (
    "ocpi.storage.transaction() is open in this thread, on a connection of its own: what is written in the transaction "
    "of a session would wait for it. Open `with ocpi.storage.join(session):` instead, or leave session= out."
)
ALL_CONNECTIONS = (
    "This thread has taken all {number} connections of the pool: this call would wait for one of them. Give one back "
    "first, or raise pool_size in SQLALCHEMY_ENGINE_OPTIONS."
)

_LONGEST_WRITE_SECONDS = 1.0
_WORK = "flask_ocpi.after_commit"
_LISTENED = "flask_ocpi.listened"


class HostTransaction:
    """A session's transaction in which the package wrote, until the host application ends it.

    Work that waits for the commit runs after the transaction has ended, so it may use the session again. When a
    savepoint is rolled back, the work of the writes in it is dropped.
    """

    __slots__ = ("_at_end", "has_ended", "is_committed", "session", "work")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.has_ended = False
        self.is_committed = False
        self._at_end: Callable[[], object] | None = None
        self.work: list[tuple[tuple[SessionTransaction, ...], Callable[[], None]]] = []

    @classmethod
    def of(cls, session: Session) -> HostTransaction:
        """Return the transaction that a session has begun: the same object until it ends."""
        found: HostTransaction | None = session.info.get(_WORK)
        if found is None:
            found = session.info[_WORK] = cls(session)
            if _LISTENED not in session.info:
                session.info[_LISTENED] = True
                sa.event.listen(session, "after_commit", _note_commit)
                sa.event.listen(session, "after_soft_rollback", _note_rollback)
                sa.event.listen(session, "after_transaction_end", _note_end)
        return found

    def after_commit(self, work: Callable[[], None]) -> None:
        transaction = self.session.get_nested_transaction() or self.session.get_transaction()
        inside = []
        while transaction is not None:
            inside.append(transaction)
            transaction = transaction.parent
        self.work.append((tuple(inside), work))

    def hold(self, turn: AbstractContextManager[object]) -> None:
        """Enter a turn, unless that was done before, and leave it at the end of the transaction."""
        if self._at_end is None:
            turn.__enter__()
            self._at_end = partial(turn.__exit__, None, None, None)

    def ended(self) -> None:
        self.has_ended = True
        if self._at_end is not None:
            self._at_end()
        if self.is_committed:
            for _, work in self.work:
                work()


def _note_commit(session: Session) -> None:
    host: HostTransaction | None = session.info.get(_WORK)
    if host is not None and not session.in_nested_transaction():
        host.is_committed = True


def _note_rollback(session: Session, transaction: SessionTransaction) -> None:
    host: HostTransaction | None = session.info.get(_WORK)
    if host is not None:
        host.work = [(inside, work) for inside, work in host.work if transaction not in inside]


def _note_end(session: Session, transaction: SessionTransaction) -> None:
    host: HostTransaction | None = session.info.get(_WORK)
    if host is not None and transaction.parent is None:
        session.info[_WORK] = None
        host.ended()


def session_of(session: Session | scoped_session[Any]) -> Session:
    """Return the session itself, also for Flask-SQLAlchemy's ``db.session``, which has one for each context."""
    found: Session = session() if isinstance(session, scoped_session) else session
    return found


def connection_of(session: Session, table: sa.Table, engine: sa.Engine) -> sa.Connection:
    """Return the connection on which a session would write a table; raise StorageError if it is of another engine."""
    if not is_on(session, table, engine):
        place = engine.url.set(query={}).render_as_string(hide_password=True)
        raise StorageError(
            f"The session writes to another database than the storage, which uses the engine of {place}."
        )
    return session.connection(bind_arguments={"bind": session.get_bind(clause=table)})


def is_on(session: Session, table: sa.Table, engine: sa.Engine) -> bool:
    """Tell whether a session would write a table on connections of an engine."""
    try:
        bind = session.get_bind(clause=table)
    except (SQLAlchemyError, RuntimeError):  # it has no engine, or Flask-SQLAlchemy no app
        return False
    return bind.engine.pool is engine.pool


def has_begun(session: Session) -> bool:
    """Tell whether the host application itself began the session's transaction, or a part of it."""
    transaction = session.get_transaction()
    began = transaction is not None and transaction.origin is SessionTransactionOrigin.BEGIN
    return began or session.in_nested_transaction()


@dataclass(slots=True)
class _Taken:
    """A connection that the host application took from the pool. changes: the rows that it had changed before."""

    thread: int
    driver: Any
    changes: int

    @property
    def is_open(self) -> bool:
        return bool(getattr(self.driver, "in_transaction", False))

    @property
    def has_changed(self) -> bool:
        return bool(self.driver.total_changes != self.changes)


class HostConnections:
    """The connections of an engine that the host application has taken from the pool.

    A database in memory has one connection for all threads.
    """

    def __init__(self, engine: sa.Engine, *, in_memory: bool) -> None:
        self._engine = engine
        self._in_memory = in_memory
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._taken: dict[int, _Taken] = {}
        self._local = threading.local()
        if not in_memory:
            sa.event.listen(engine, "checkout", self._on_checkout)
            sa.event.listen(engine, "checkin", self._on_checkin)
        if self._is_sqlite:
            sa.event.listen(engine, "savepoint", self._on_savepoint)

    @contextmanager
    def passing_by(self) -> Iterator[None]:
        """Run a block in which connections taken from the pool do not count as the host application's."""
        self._local.passing_by = True
        try:
            yield
        finally:
            self._local.passing_by = False

    def forget(self) -> None:
        """Forget all connections, in a forked process."""
        self._taken.clear()

    @property
    def number(self) -> int:
        """The number of connections that this thread has taken."""
        thread = threading.get_ident()
        return sum(taken.thread == thread for taken in tuple(self._taken.values()))

    def are_writing(self, turn: AbstractContextManager[object], *, besides: Any = None) -> bool:
        """Tell whether this thread has uncommitted writes on one of them, apart from the driver's ``besides``.

        Only SQLite's are checked: a writer there locks the whole file. ``turn`` keeps our other threads from writing.
        """
        if self._in_memory:
            pool: Any = self._engine.pool
            driver = pool.connection.driver_connection  # in our transactions it does not begin by itself
            return driver is not besides and driver.in_transaction and driver.isolation_level is not None
        if not self._taken or not self._is_sqlite:
            return False
        thread = threading.get_ident()
        return any(
            taken.thread == thread and taken.driver is not besides and self._holds_lock(taken, turn)
            for taken in tuple(self._taken.values())
        )

    def has_written(self, connection: sa.Connection, turn: AbstractContextManager[object]) -> bool:
        """Tell whether a connection has uncommitted writes or locks."""
        if not self._is_sqlite:
            return bool(connection.execute(sa.text("SELECT txid_current_if_assigned() IS NOT NULL")).scalar_one())
        driver = connection.connection.driver_connection
        taken = next((taken for taken in tuple(self._taken.values()) if taken.driver is driver), None)
        return bool(getattr(driver, "in_transaction", False)) if taken is None else self._holds_lock(taken, turn)

    def _holds_lock(self, taken: _Taken, turn: AbstractContextManager[object]) -> bool:
        if not taken.is_open or taken.has_changed:
            return taken.is_open
        # It may have changed no row (it matched none), or only read.
        with turn:
            return self._is_locked()

    def _is_locked(self) -> bool:
        """Tell whether the SQLite file stays locked for writing for longer than other writers need."""
        dialect = self._engine.dialect
        arguments, options = dialect.create_connect_args(self._engine.url)
        connection = dialect.loaded_dbapi.connect(*arguments, **{**options, "timeout": _LONGEST_WRITE_SECONDS})
        try:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except dialect.loaded_dbapi.OperationalError:
            return True
        finally:
            connection.close()
        return False

    def _on_checkout(self, driver: Any, record: Any, proxy: object) -> None:
        if not getattr(self._local, "passing_by", False):
            changes = driver.total_changes if self._is_sqlite else 0
            self._taken[id(record)] = _Taken(threading.get_ident(), driver, changes)

    def _on_checkin(self, driver: Any, record: Any) -> None:
        self._taken.pop(id(record), None)

    def _on_savepoint(self, connection: sa.Connection, name: str) -> None:
        """Begin a transaction before a savepoint: sqlite3 does not, and then releasing the savepoint would commit."""
        driver: Any = connection.connection.driver_connection
        if driver.isolation_level is not None and not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
