"""SQL statements on many records at once: read by their keys, created, replaced."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement
from sqlalchemy import Connection
from sqlalchemy import Executable
from sqlalchemy import FromClause
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import func
from sqlalchemy import select

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.tables import insert_into
from flask_ocpi.storage.tables import key_values
from flask_ocpi.storage.tables import record_of
from flask_ocpi.storage.tables import record_values

_KEYS_AT_ONCE = 1000
_PARTS = len(Key._fields)


@dataclass(frozen=True, slots=True)
class BatchStatements:
    """The statements on many records of a kind. They answer the parts of a key, and what follows.

    get, lock: answer what :func:`record_of` takes; lock takes the locks in the order of the keys. upsert, insert: for
    records of different keys, answer the revision; insert answers nothing of those that exist.
    """

    get: Executable
    lock: Executable
    upsert: Executable
    insert: Executable
    is_sqlite: bool

    @classmethod
    def of(cls, table: Table, dialect: str) -> BatchStatements:
        """Build them for "sqlite" or "postgresql"."""
        is_sqlite = dialect == "sqlite"
        wanted, values, order = _keys_in_json() if is_sqlite else _keys_in_arrays()
        c = table.c
        key = [c[name] for name in Key._fields]
        is_wanted = [c[name] == value for name, value in values.items() if name != "receiver"]
        # As an expression, so that PostgreSQL takes the index on the key: without statistics, as in a table that was
        # just filled, others that begin with the receiver look as good, and it would read all of an owner's records.
        is_wanted.append((c.receiver if is_sqlite else c.receiver.concat("")) == values["receiver"])
        get = select(*key, *(c[name] for name in _RECORD_COLUMNS)).select_from(wanted.join(table, and_(*is_wanted)))
        content: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("audience", "last_updated", "document")}
        new = insert_into(table, dialect).values(
            {**{name: bindparam(f"key_{name}") for name in Key._fields}, **content, "revision": 1}
        )
        replaced = {**{name: new.excluded[name] for name in content}, "revision": c.revision + 1}
        return cls(
            get=get,
            lock=get.order_by(order).with_for_update(of=table),
            upsert=new.on_conflict_do_update(index_elements=Key._fields, set_=replaced).returning(*key, c.revision),
            insert=new.on_conflict_do_nothing(index_elements=Key._fields).returning(*key, c.revision),
            is_sqlite=is_sqlite,
        )

    def read(self, connection: Connection, keys: Iterable[Key], *, for_update: bool) -> dict[Key, Record]:
        """Return the records that there are."""
        statement = self.lock if for_update else self.get
        ordered = sorted(set(keys))
        found = {}
        for start in range(0, len(ordered), _KEYS_AT_ONCE):
            values = self._values(ordered[start : start + _KEYS_AT_ONCE])
            for row in connection.execute(statement, values):
                found[Key(*row[:_PARTS])] = record_of(row[_PARTS:])
        return found

    def save(self, connection: Connection, records: Sequence[tuple[Key, Record]]) -> list[bool]:
        """Create or replace records, in their order; return for each whether it was created."""
        return _write(connection, self.upsert, records)

    def create(self, connection: Connection, records: Sequence[tuple[Key, Record]]) -> list[bool]:
        """Create the records that do not exist, in their order; return for each whether it was created."""
        return _write(connection, self.insert, records)

    def _values(self, keys: Sequence[Key]) -> dict[str, Any]:
        if self.is_sqlite:
            return {"keys": orjson.dumps([list(key) for key in keys]).decode()}
        return {f"keys_{name}": [key[i] for key in keys] for i, name in enumerate(Key._fields)}


#: In the order of Record's fields.
_RECORD_COLUMNS = ("document", "last_updated", "audience", "revision", "created")


def _keys_in_json() -> tuple[FromClause, dict[str, ColumnElement[Any]], ColumnElement[Any]]:
    """Make rows of keys for SQLite: what to select from, the parts of the key, and their order.

    Keys are one parameter, however many there are: the statement stays the same, and no limit is met.
    """
    rows = func.json_each(bindparam("keys", type_=Text)).table_valued("key", "value", name="wanted")
    return rows, {n: func.json_extract(rows.c.value, f"$[{i}]") for i, n in enumerate(Key._fields)}, rows.c.key


def _keys_in_arrays() -> tuple[FromClause, dict[str, ColumnElement[Any]], ColumnElement[Any]]:
    """Make rows of keys for PostgreSQL, in the same way: there is one parameter for each part of the key."""
    from sqlalchemy.dialects import postgresql  # not on SQLite

    texts = [bindparam(f"keys_{name}", type_=postgresql.ARRAY(Text)) for name in Key._fields]
    rows = func.unnest(*texts).table_valued(*Key._fields, with_ordinality="number", name="wanted").render_derived()
    return rows, {name: rows.c[name] for name in Key._fields}, rows.c.number


def _write(connection: Connection, statement: Executable, records: Sequence[tuple[Key, Record]]) -> list[bool]:
    created = [False] * len(records)
    for places in _turns([key for key, _ in records]):
        rows = [{**key_values(key), **record_values(record)} for key, record in (records[i] for i in places)]
        new = {Key(*row[:_PARTS]) for row in connection.execute(statement, rows) if row[_PARTS] == 1}
        for place in places:
            created[place] = records[place][0] in new
    return created


def _turns(keys: Sequence[Key]) -> Iterator[list[int]]:
    """Part the places of keys so that none is there twice at once, and each comes after its predecessor."""
    left = list(range(len(keys)))
    while left:
        taken: set[Key] = set()
        turn: list[int] = []
        later: list[int] = []
        for place in left:
            (later if keys[place] in taken else turn).append(place)
            taken.add(keys[place])
        yield turn
        left = later
