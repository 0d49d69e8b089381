"""Records in SQLite or PostgreSQL, by SQLAlchemy Core: the default storage."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Table
from sqlalchemy import func
from sqlalchemy import select

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.connections import Database
from flask_ocpi.storage.tables import ListShape
from flask_ocpi.storage.tables import Statements
from flask_ocpi.storage.tables import claim_statement
from flask_ocpi.storage.tables import delete_statement
from flask_ocpi.storage.tables import key_values
from flask_ocpi.storage.tables import list_statements
from flask_ocpi.storage.tables import query_values
from flask_ocpi.storage.tables import record_of
from flask_ocpi.storage.tables import record_values

T = TypeVar("T")

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
        self._database = Database.of(engine)
        self._dialect = engine.dialect.name
        self._tables = dict(tables)
        self._statements = {kind: Statements.of(table, self._dialect) for kind, table in tables.items()}
        self._lists: dict[tuple[object, str, ListShape], Any] = {}
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
        statement, values = statements.lock if for_update else statements.get, key_values(key)
        row = self._database.run(lambda connection: connection.execute(statement, values).first(), reads=True)
        return None if row is None else record_of(row)

    def list(self, kind: str, query: Query) -> Page:
        shape = ListShape.of(query)
        rows_statement, count_statement = self._shaped(list_statements, kind, shape)
        values = query_values(query)
        skipped = shape.after or query.offset > 0

        def read(connection: Connection) -> Page:
            # One statement, so that the rows and the total are of one moment.
            rows = connection.execute(rows_statement, values).all()
            if rows:
                return Page(tuple(map(record_of, rows)), rows[0].total, str(rows[-1].created))
            total = connection.execute(count_statement, values).scalar_one() if skipped else 0
            return Page((), total, query.after)

        return self._database.run(read, reads=True)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            raise StorageError(f"The key of this record of {kind} holds characters that a database cannot store.")

        def write(connection: Connection) -> bool:
            values = {**key_values(key), **record_values(record)}
            if expected is None:
                return bool(connection.execute(statements.upsert, values).scalar_one() == 1)
            if expected == 0:
                return connection.execute(statements.insert, values).first() is not None
            return connection.execute(statements.update, {**values, "expected": expected}).rowcount == 1

        written = self._database.run(write)
        if expected is None:
            return written
        if not written:
            state = "exists already" if expected == 0 else f"is not at revision {expected}"
            raise ConflictError(f"{kind} {key.id} {state}.")
        return expected == 0

    def save_new(self, kind: str, records: Sequence[tuple[Key, Record]]) -> None:
        statements = self._statements_of(kind)
        if not all(_can_be_stored(key) for key, _ in records):
            raise StorageError(f"The key of a record of {kind} holds characters that a database cannot store.")
        if not records:
            return
        rows = [{**key_values(key), **record_values(record)} for key, record in records]
        with self.transaction(), self._database.connection() as connection:
            if connection.execute(statements.add, rows).rowcount != len(rows):
                raise ConflictError(f"Some of {len(rows)} new records of {kind} exist already.")

    def delete(self, kind: str, key: Key) -> bool:
        statements = self._statements_of(kind)
        if not _can_be_stored(key):
            return False
        values = key_values(key)
        return self._database.run(lambda connection: connection.execute(statements.delete, values).rowcount) == 1

    def delete_page(self, kind: str, query: Query, *, key_of: Callable[[Record], Key]) -> int:
        statement = self._shaped(delete_statement, kind, ListShape.of(query))
        values = query_values(query)
        return self._database.run(lambda connection: connection.execute(statement, values).rowcount)

    def claim(self, kind: str, query: Query, *, until: int, key_of: Callable[[Record], Key]) -> Sequence[Record]:
        statement = self._shaped(claim_statement, kind, ListShape.of(query))
        values = {**query_values(query), "until": until}
        rows = self._database.run(lambda connection: connection.execute(statement, values).all())
        return sorted(map(record_of, rows), key=lambda record: record.created)

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

    def _shaped(self, build: Callable[[Table, ListShape, str], T], kind: str, shape: ListShape) -> T:
        """Return the statements that a function of :mod:`flask_ocpi.storage.tables` builds for queries of a shape."""
        self._statements_of(kind)
        statements: T | None = self._lists.get((build, kind, shape))
        if statements is None:
            if len(self._lists) >= LIST_SHAPES:
                self._lists.clear()
            statements = self._lists[build, kind, shape] = build(self._tables[kind], shape, self._dialect)
        return statements


def _can_be_stored(key: Key) -> bool:
    text = "".join(key)
    if text.isprintable():
        return True
    # PostgreSQL refuses NUL in texts; surrogates have no place in UTF-8.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
