"""Statements that are compiled once and run on the driver's own cursor, over connections kept outside of the pool.

Taking a connection from the pool and returning it costs more than using it, and running a statement through SQLAlchemy
does too: both together made a request take 30 to 50 % more process time. :attr:`Held.by_sqlalchemy` is the switch: it
is on where a listener, a log or a translation needs the statements.
"""

from __future__ import annotations

import math
import select
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter
from time import monotonic
from typing import Any
from typing import NamedTuple
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

HELD_SECONDS = 30.0
# Our own listeners: one here, and those of flask_ocpi.storage.joining.
_OWN_CHECKOUT, _OWN_CHECKIN = 2, 1


#: The parameters of a statement by name; with a list of them it runs for each and returns no rows.
Values: TypeAlias = Mapping[str, Any] | list[Mapping[str, Any]]


class Answer(NamedTuple):
    """The result of a statement: all its rows, already fetched, and the number of changed rows."""

    rows: Sequence[Any]
    changed: int


class Statement:
    """A statement and its parameters by name; its SQL is made when it is first run.

    executable: the SQLAlchemy statement that it was made of, to run it through SQLAlchemy.
    """

    __slots__ = ("_constants", "_dialect", "_order", "_sql", "executable")

    def __init__(self, executable: sa.Executable, dialect: sa.Dialect) -> None:
        self.executable = executable
        self._dialect = dialect
        self._sql: str | None = None
        self._order: Callable[[Mapping[str, Any]], Any] | None = None
        self._constants: dict[str, Any] = {}

    @property
    def sql(self) -> str:
        """The text, with parameters as the driver writes them."""
        if self._sql is None:
            compiled: Any = self.executable.compile(dialect=self._dialect)  # type: ignore[attr-defined]
            self._constants = {name: value for name, value in compiled.params.items() if value is not None}
            if compiled.positional:
                self._order = _order_of(compiled.positiontup)
            self._sql = str(compiled)
        return self._sql

    def run(self, driver: Any, values: Values) -> Answer:
        """Run it on the driver's connection; raises the driver's own errors."""
        cursor = driver.cursor()
        try:
            if isinstance(values, list):
                cursor.executemany(self.sql, self._calls(values))
                return Answer((), cursor.rowcount)
            cursor.execute(*self.call(values))
            # Unfetched rows would keep a read open on SQLite, and its log could not be written back.
            rows = fetched(cursor, values) if cursor.description is not None else ()
            return Answer(rows, cursor.rowcount)
        finally:
            cursor.close()

    def _calls(self, rows: list[Mapping[str, Any]]) -> list[Any]:
        """Return the parameters for the driver, of each row."""
        if self.sql and self._order is not None and not self._constants:
            return list(map(self._order, rows))
        return [self.call(row)[1] for row in rows]

    def call(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the SQL and the parameters for the driver."""
        sql = self.sql
        if self._constants:
            values = {**self._constants, **values}
        return sql, values if self._order is None else self._order(values)


def fetched(cursor: Any, values: Mapping[str, Any]) -> Sequence[Any]:
    """Fetch the rows of an answer; stop before the documents in their first column exceed ``max_bytes`` together.

    Only SQLite makes rows as they are fetched; statements for other databases apply this bound themselves.
    """
    left = values.get("max_bytes")
    if left is None:
        rows: Sequence[Any] = cursor.fetchall()
        return rows
    kept: list[Any] = []
    for row in cursor:
        left -= len(row[0] or b"")  # a row with the total alone has no document
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def _order_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that picks the values of these names, in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


class Held:
    """A connection that was taken from the pool; one thread at a time uses it.

    driver: the driver's own connection. poll: tells whether the server sent something; None if that cannot be seen.
    by_sqlalchemy: statements on it must run through SQLAlchemy.
    kept_until: when it returns to the pool, which checks its age; 0: after each use.
    """

    __slots__ = ("_pool", "by_sqlalchemy", "connection", "driver", "kept_until", "poll", "round")

    def __init__(self, connection: sa.Connection, round_: int) -> None:
        self.connection = connection
        self.driver: Any = connection.connection.driver_connection
        self.poll = _poll_of(self.driver)
        self.by_sqlalchemy = False
        self.kept_until = 0.0
        self.round = round_
        self._pool = connection.engine.pool

    def run(self, statement: Statement, values: Values) -> Answer:
        """Run a statement; raise the errors that SQLAlchemy would raise."""
        if self.by_sqlalchemy:
            result = self.connection.execute(statement.executable, values)
            rows = fetched(result, values) if result.returns_rows and not isinstance(values, list) else ()
            result.close()
            return Answer(rows, result.rowcount)
        try:
            return statement.run(self.driver, values)
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(statement, error) from error
        except Exception:
            raise
        except BaseException:
            # An interrupted connection may be in the middle of an answer.
            self.connection.invalidate()
            raise

    def _wrapped(self, statement: Statement, error: Any) -> Exception:
        """Return a driver's error as SQLAlchemy raises it; after a lost connection, have the pool replace all."""
        connection, dialect = self.connection, self.connection.dialect
        is_lost = dialect.is_disconnect(error, self.driver, None)
        if is_lost:
            with suppress(SQLAlchemyError):
                connection.exec_driver_sql("SELECT 1")
            if not connection.invalidated:
                connection.invalidate(error)
        wrapped: Exception = DBAPIError.instance(
            statement.sql,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=dialect,
        )
        return wrapped

    def give_back(self) -> None:
        """Return it to the pool; close it if that pool was disposed of."""
        connection = self.connection
        if connection.engine.pool is not self._pool and not connection.invalidated:
            with suppress(Exception):  # a broken connection is no reason to fail
                connection.invalidate()
        connection.close()


class HeldConnections:
    """The idle connections of an engine that are kept outside of its pool; the last used comes first.

    There are never more than the pool's size. When the pool has none left they all go back, and none is kept for longer
    than :data:`HELD_SECONDS`. None is kept of pools without a size, nor while the host listens to the engine's
    statements or to its pool, so that listeners miss nothing.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._events: Any = engine.dispatch
        self._errors: Any = engine.dialect.dispatch
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._idle: deque[Held] = deque()
        # Connections of an earlier round are not kept any longer.
        self._round = 0
        self._most = 0
        #: The most connections that the pool gives out at a time.
        self.most = math.inf
        pool = engine.pool
        if isinstance(pool, QueuePool):
            self._most = pool.size()
            overflow = getattr(pool, "_max_overflow", 0)
            self.most = pool.size() + overflow if overflow >= 0 else math.inf
            sa.event.listen(engine, "checkout", self._on_checkout)

    def take(self) -> Held | None:
        """Return an idle connection that the server has not closed, or None."""
        idle = self._idle
        while idle:
            try:
                held = idle.pop()
            except IndexError:  # another thread was quicker
                return None
            has_ended = held.poll is not None and (held.driver.closed or held.poll.poll(0))
            if monotonic() < held.kept_until and not has_ended and not self._is_observed():
                return held
            held.give_back()
        return None

    def hold(self, connection: sa.Connection) -> Held:
        """Wrap a connection that was just taken from the pool."""
        held = Held(connection, self._round)
        is_translated = connection.get_execution_options().get("schema_translate_map")
        held.by_sqlalchemy = bool(self._is_observed() or connection.engine.echo or is_translated)
        if not held.by_sqlalchemy and self._may_keep(held):
            held.kept_until = monotonic() + HELD_SECONDS
        return held

    def put(self, held: Held) -> None:
        """Take a connection back after use: keep it, or return it to the pool."""
        if not held.kept_until or held.round != self._round or len(self._idle) >= self._most:
            held.give_back()
            return
        self._idle.append(held)
        # A release in the meantime may not have seen this connection.
        if held.round != self._round:
            self.release()

    def release(self) -> None:
        """Return all connections to the pool; those in use follow after use."""
        for held in self.forget():
            held.give_back()

    def forget(self) -> list[Held]:
        """Stop keeping connections; return the idle ones."""
        self._round += 1
        forgotten = []
        with suppress(IndexError):
            while True:
                forgotten.append(self._idle.pop())
        return forgotten

    def _is_observed(self) -> bool:
        """Tell whether the host listens to statements or to the pool."""
        events = self._events
        return bool(
            events.before_cursor_execute
            or events.after_cursor_execute
            or events.before_execute
            or events.after_execute
            or events.begin
            or self._errors.handle_error
        )

    def _may_keep(self, held: Held) -> bool:
        if not self._most or self._is_exhausted() or (held.poll is None and not self._is_sqlite):
            return False
        events: Any = self._engine.pool.dispatch
        return not (len(events.checkin) > _OWN_CHECKIN or events.reset or len(events.checkout) > _OWN_CHECKOUT)

    def _is_exhausted(self) -> bool:
        pool: Any = self._engine.pool
        return bool(pool.checkedout() >= self.most)

    def _on_checkout(self, *arguments: object) -> None:
        if self._is_exhausted():
            self.release()


def has_news(driver: Any) -> bool:
    """Tell whether the server sent something unasked: as a rule, that it closed the connection."""
    if getattr(driver, "closed", False):
        return True
    # Other drivers and systems cannot tell: use pool_pre_ping there.
    poll = _poll_of(driver)
    return poll is not None and bool(poll.poll(0))


def _poll_of(driver: Any) -> Any:
    if not (hasattr(driver, "fileno") and hasattr(select, "poll")):
        return None
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return poll
