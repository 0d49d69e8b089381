"""Records in SQLite or PostgreSQL, through SQLAlchemy Core: the default storage."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any
from typing import TypeAlias
from typing import TypeVar

import sqlalchemy as sa

from flask_ocpi.core import forks
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage import counts
from flask_ocpi.storage import lists
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.batches import BatchStatements
from flask_ocpi.storage.connections import Database
from flask_ocpi.storage.driver import Statement
from flask_ocpi.storage.joining import HostTransaction
from flask_ocpi.storage.joining import session_of
from flask_ocpi.storage.migration import migrate
from flask_ocpi.storage.opening import PREPARED
from flask_ocpi.storage.opening import make_private
from flask_ocpi.storage.opening import sqlite_file
from flask_ocpi.storage.tables import Rows
from flask_ocpi.storage.tables import Statements
from flask_ocpi.storage.tables import key_values
from flask_ocpi.storage.tables import record_of
from flask_ocpi.storage.tables import row_values
from flask_ocpi.storage.transactions import BUSY_MILLISECONDS

T = TypeVar("T")
_Build: TypeAlias = Callable[[sa.Table, sa.Table | None, lists.ListShape, sa.Dialect], T]

SETUP_ATTEMPTS = 5
COUNTS_SECONDS = 60.0
# The columns of a page's rows with the number of a record, and with the total.
_CREATED, _TOTAL = 4, 5
LIST_SHAPES = 256
KEYS_AT_ONCE = 2000
# From so many records on, one statement for all of them is faster.
MANY = 4
# PostgreSQL refuses NUL in texts; UTF-8 has no surrogates.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# An arbitrary number: the advisory lock on PostgreSQL for creating tables.
SETUP_LOCK = 0x0C91_0221


class SQLAlchemyStorage(Storage):
    """Keep records in the tables of :func:`flask_ocpi.storage.tables.define_tables`, on SQLite or PostgreSQL.

    It takes connections from the pool of the host application's engine and does not change the engine's settings.
    Storages on one engine share their transactions.
    """

    def __init__(self, engine: sa.Engine, tables: Mapping[str, sa.Table]) -> None:
        self._database = Database.of(engine)
        self._url = engine.url
        self._dialect = engine.dialect.name
        self._sqlalchemy_dialect = engine.dialect
        self._tables = dict(tables)
        self._counts = counts.counts_of(tables.values())
        # By kind: when to check again, and whether the database keeps its counts.
        self._kept: dict[str, tuple[float, bool]] = {}
        self._statements: dict[str, Statements] = {}
        self._batches: dict[str, BatchStatements] = {}
        self._lists: dict[tuple[object, ...], Any] = {}
        # The query of the URL may have passwords, too.
        self._place = engine.url.set(query={}).render_as_string(hide_password=True)

    def __str__(self) -> str:
        return f"SQLAlchemyStorage at {self._place}"

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database, or None."""
        return sqlite_file(self._url)

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        statements = self._statements_of(kind)
        if for_update and self._database.current is None:
            raise StorageError("get(for_update=True) holds the record until the end of a transaction: open one first.")
        if not _can_be_stored(key):
            return None
        statement, values = statements.lock if for_update else statements.get, key_values(key)
        rows = self._database.execute(statement, values, reads=True).rows
        return record_of(rows[0]) if rows else None

    def list(self, kind: str, query: Query) -> Page:
        shape = lists.ListShape.of(query)
        kept = not (shape.known or shape.is_dated) and query.receiver == "" and self._counts_are_kept(kind)
        statements = self._shaped(lists.list_statements, kind, shape, counts=self._counts if kept else None)
        values = lists.query_values(query)

        def rows_of(statement: Statement) -> Sequence[Any]:
            return self._database.execute(statement, values, reads=True).rows

        # One statement returns the rows and the total, so both are of the same moment.
        if statements.few is not None and not shape.known:
            rows = rows_of(statements.few)
            if rows[0][_TOTAL] <= lists.FEW:
                return _page(rows, query)
        rows = rows_of(statements.page)
        if shape.known:
            return _counted(_further(rows, query))
        if rows:
            return _page(rows, query) if kept else _counted(_page(rows, query))
        if not (shape.after or query.offset > 0):
            return Page((), 0, query.after)
        unbounded = {**values, "max_bytes": None}  # the column of documents has none here
        counted = self._database.execute(statements.count, unbounded, reads=True).rows
        return Page((), int(counted[0][0]), query.after)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            raise StorageError(f"The key of this record of {kind} holds characters that a database cannot store.")
        try:
            values = row_values(key, record)
        except UnicodeError as error:
            raise self._database.refusal(error) from error
        if expected is None:
            # SQLite takes a third longer for an upsert, and most records that are saved so exist.
            if self._database.is_sqlite and self._database.execute(statements.replace, values).changed:
                return False
            return bool(self._database.execute(statements.upsert, values).rows[0][0] == 1)
        if expected == 0:
            written = bool(self._database.execute(statements.insert, values).rows)
        else:
            written = (
                self._database.execute(
                    statements.update, {**values, "expected": expected, "made": record.created}
                ).changed
                == 1
            )
        if not written:
            state = "exists already" if expected == 0 else f"is not at revision {expected}"
            raise ConflictError(f"{kind} {key.id} {state}.")
        return expected == 0

    def get_many(self, kind: str, keys: Collection[Key], *, for_update: bool = False) -> Mapping[Key, Record]:
        if for_update and self._database.current is None:
            raise StorageError("get_many(for_update=True) holds records until a transaction ends: open one first.")
        if len(keys) == 1:
            return super().get_many(kind, keys, for_update=for_update)
        statements = self._batch(kind)
        known = [key for key in keys if _can_be_stored(key)]
        return statements.read(self._database, known, for_update=for_update)

    def keys(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> Iterator[tuple[Key, int]]:
        query = replace(query, limit=KEYS_AT_ONCE, after="0")  # records are numbered from 1
        statement = self._shaped(lists.keys_statement, kind, lists.ListShape.of(query))
        while rows := self._database.execute(statement, lists.query_values(query), reads=True).rows:
            yield from ((Key(*row[:-2]), row[-2]) for row in rows)
            query = replace(query, after=str(rows[-1][-1]))

    def save_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        if len(records) < MANY:
            return super().save_many(kind, records)
        statements = self._batch_for(kind, records)
        with self.transaction():
            return statements.write(self._database, statements.upsert, records)

    def create_many(self, kind: str, records: Sequence[tuple[Key, Record]]) -> Sequence[bool]:
        if len(records) < MANY:
            return super().create_many(kind, records)
        statements = self._batch_for(kind, records)
        with self.transaction():
            return statements.write(self._database, statements.insert, records)

    def delete(self, kind: str, key: Key) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            return False
        return self._database.execute(statements.delete, key_values(key)).changed == 1

    def delete_many(self, kind: str, keys: Collection[Key]) -> int:
        statements = self._batch(kind)
        known = [key for key in keys if _can_be_stored(key)]
        with self.transaction():
            return statements.remove(self._database, known)

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        statement = self._shaped(lists.delete_statement, kind, lists.ListShape.of(query))
        return self._database.execute(statement, lists.query_values(query)).changed

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        statement = self._shaped(lists.claim_statement, kind, lists.ListShape.of(query))
        values = {**lists.query_values(query), "until": until}
        rows = self._database.execute(statement, values).rows
        return sorted(map(record_of, rows), key=lambda record: record.created)

    def transaction(self) -> AbstractContextManager[None]:
        return self._database.transaction()

    def join(self, session: HostSession) -> AbstractContextManager[None]:
        return self._database.join(session_of(session), self._any_table)

    def joins(self, session: HostSession) -> bool:
        return self._database.joins(session_of(session), self._any_table)

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        if session is None:
            self._database.after_commit(work)
        else:
            HostTransaction.of(session_of(session)).after_commit(work)

    @property
    def _any_table(self) -> sa.Table:
        return next(iter(self._tables.values()))

    def setup(self) -> None:
        """Create missing tables; also switch a SQLite file to write-ahead logging.

        Records in tables of an earlier state of the package move to the current tables.

        A new file is for its owner only.
        """
        if self._database.current is not None:
            raise StorageError("setup() cannot run inside a transaction: call it before.")
        make_private(self._url)
        _enable_wal(self._database)
        for attempt in range(1, SETUP_ATTEMPTS + 1):
            try:
                return self._create_tables()
            except StorageError:
                # The host application's own migration may have created a table since the check.
                if attempt == SETUP_ATTEMPTS:
                    raise

    def check(self) -> None:
        """Raise StorageError if the database does not answer or lacks one of the tables."""
        for kind in self._tables:
            self.get(kind, Key("", "", "", ""))

    def _create_tables(self) -> None:
        with self.transaction(), self._database.connection() as connection:
            if not self._database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SETUP_LOCK)))
            for table in self._tables.values():
                table.create(connection, checkfirst=True)
            migrate(connection, self._tables)
            if self._counts is not None:
                self._counts.create(connection, checkfirst=True)
                counts.drop_days(connection, self._counts)
                for kind in counts.COUNTED & self._tables.keys():
                    counts.keep(connection, self._tables[kind], self._counts)
            self._kept.clear()

    def _statements_of(self, kind: str) -> Statements:
        found = self._statements.get(kind)
        if found is None:
            table = self._tables.get(kind)
            if table is None:
                raise StorageError(f"No table for {kind!r}: add it to the kinds given to define_tables().")
            found = self._statements[kind] = Statements.of(table, self._sqlalchemy_dialect)
        return found

    def _batch(self, kind: str) -> BatchStatements:
        self._statements_of(kind)
        found = self._batches.get(kind)
        if found is None:
            found = self._batches[kind] = BatchStatements.of(self._tables[kind], self._sqlalchemy_dialect)
        return found

    def _batch_for(self, kind: str, records: Sequence[tuple[Key, Record]]) -> BatchStatements:
        if _UNSTORABLE.search("".join("".join(key) for key, _ in records)):
            raise StorageError(f"The key of a record of {kind} holds characters that a database cannot store.")
        return self._batch(kind)

    def _counts_are_kept(self, kind: str) -> bool:
        """Tell whether the database counts the objects of a kind; at times, sum up rows of counts."""
        if self._counts is None or kind not in counts.COUNTED:
            return False
        known = self._kept.get(kind)
        if known is None or known[0] < monotonic():
            all_counts, has_more = self._counts, False
            query = counts.kept_query(self._tables[kind], self._sqlalchemy_dialect)
            statement = Statement(query, self._sqlalchemy_dialect)
            kept = bool(self._database.execute(statement, {}, reads=True).rows[0][0])
            if kept and not self._database.is_sqlite and self._database.current is None:
                has_more = self.run(lambda: self._make_few(all_counts))
            # The next list continues: no list waits for all of it.
            known = self._kept[kind] = (0.0 if has_more else monotonic() + COUNTS_SECONDS, kept)
        return known[1]

    def _make_few(self, all_counts: sa.Table) -> bool:
        with self._database.connection() as connection:
            return counts.make_few(connection, all_counts)

    def _shaped(self, build: _Build[T], kind: str, shape: lists.ListShape, *, counts: sa.Table | None = None) -> T:
        """Return the statements that ``build``, of :mod:`flask_ocpi.storage.lists`, makes for queries of a shape."""
        self._statements_of(kind)
        known = (build, kind, shape, counts is not None)
        statements: T | None = self._lists.get(known)
        if statements is None:
            if len(self._lists) >= LIST_SHAPES:
                self._lists.clear()
            statements = self._lists[known] = build(self._tables[kind], counts, shape, self._sqlalchemy_dialect)
        return statements


class LateStorage(SQLAlchemyStorage):
    """Become a complete :class:`SQLAlchemyStorage` on access to the first attribute that is missing.

    find: returns engine and tables. creates_tables: create missing tables then.
    """

    def __init__(self, find: Callable[[], tuple[sa.Engine, Mapping[str, sa.Table]]], *, creates_tables: bool) -> None:
        self.is_found = False
        self._find = find
        self._creates_tables = creates_tables
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._finding = threading.RLock()
        self._is_at_it = False

    def find(self) -> None:
        """Find the database now, unless that was done; wait if another thread does it. A failure can be retried."""
        with self._finding:
            if self.is_found or self._is_at_it:
                return
            storage = self._made(creates_tables=self._creates_tables)
            self.__dict__.update(storage.__dict__)
            self.is_found = True

    def _made(self, *, creates_tables: bool) -> SQLAlchemyStorage:
        self._is_at_it = True  # the functions called here may use the storage
        try:
            storage = SQLAlchemyStorage(*self._find())
            if creates_tables:
                storage.setup()
            return storage
        finally:
            self._is_at_it = False

    def __str__(self) -> str:
        """Name the database without connecting: a worker that starts while it is down reports that and waits."""
        if not self.is_found:
            with self._finding:
                return type(self).__name__ if self._is_at_it else str(self._made(creates_tables=False))
        return super().__str__()

    def __getattr__(self, name: str) -> Any:
        """Find the database, which sets the missing attribute."""
        if "_finding" not in self.__dict__:
            raise AttributeError(name)
        self.find()
        return object.__getattribute__(self, name)


def _further(rows: Sequence[Any], query: Query) -> Page:
    """Make a page with the total of an earlier page: raised if more was found, and exact on the last page."""
    known = lists.read_total(query.after)[1] or 0
    if not rows:
        return Page((), min(known, query.offset), query.after)
    page = _page(rows, query)
    total = query.offset + page.total
    return replace(page, total=max(total, known) if page.total > query.limit else total)


def _counted(page: Page) -> Page:
    """Put the total into the cursor of a page, so that the pages after it are not counted again."""
    return replace(page, cursor=f"{page.cursor}-{page.total}") if page.records else page


def _page(rows: Sequence[Any], query: Query) -> Page:
    if rows[0][_CREATED] is None:
        return Page((), int(rows[0][_TOTAL]), query.after)
    return Page(Rows(rows), int(rows[0][_TOTAL]), str(rows[-1][_CREATED]))


def _can_be_stored(key: Key) -> bool:
    text = "".join(key)
    return "\0" not in text if text.isascii() else _UNSTORABLE.search(text) is None


def _enable_wal(database: Database) -> None:
    """Switch a SQLite file to write-ahead logging, so that readers do not wait for a writer."""
    if not database.is_sqlite or database.in_memory:
        return
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            with database.connection() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.info.pop(PREPARED, None)
                database.release_idle()
            return
        except StorageError as error:
            # SQLite does not wait for others here, whatever its busy timeout.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
