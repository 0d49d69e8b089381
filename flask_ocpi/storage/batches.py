"""SQL statements on many records at once: read by their keys, created, replaced."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.connections import Database
from flask_ocpi.storage.driver import Statement
from flask_ocpi.storage.tables import CONTENT
from flask_ocpi.storage.tables import insert_into
from flask_ocpi.storage.tables import new_row
from flask_ocpi.storage.tables import record_of
from flask_ocpi.storage.tables import row_values
from flask_ocpi.storage.tables import upsert_and_insert

_KEYS_AT_ONCE = 1000
_PARTS = len(Key._fields)


@dataclass(frozen=True, slots=True)
class BatchStatements:
    """The statements on many records of a kind.

    get, lock: return the parts of a key and the columns for :func:`record_of`; lock locks in the order of the keys.
    upsert, insert: on SQLite for one record each, without rows; on PostgreSQL for records of different keys, with key
    and revision of each; insert returns no row for a record that exists. delete returns no rows. last, after: the
    number of the last record, and the parts of the keys of those after it.
    """

    get: Statement
    lock: Statement
    upsert: Statement
    insert: Statement
    delete: Statement
    last: Statement
    after: Statement
    is_sqlite: bool

    @classmethod
    def of(cls, table: sa.Table, dialect: sa.Dialect) -> BatchStatements:
        is_sqlite = dialect.name == "sqlite"
        wanted, values, order = _keys_in_json() if is_sqlite else _keys_in_arrays()
        c = table.c
        key = [c[name] for name in Key._fields]
        is_wanted = [c[name] == value for name, value in values.items() if name != "receiver"]
        # An expression, so that PostgreSQL uses the index on the key. Without statistics, as in a table that was just
        # filled, other indexes that begin with the receiver look as good, and it would read all records of an owner.
        is_wanted.append((c.receiver if is_sqlite else c.receiver.concat("")) == values["receiver"])
        found = wanted.join(table, sa.and_(*is_wanted))
        get = sa.select(*key, *(c[name] for name in _RECORD_COLUMNS)).select_from(found)
        new = new_row(table, dialect.name) if is_sqlite else _new_rows(table)
        upsert, insert = upsert_and_insert(table, new)
        if not is_sqlite:
            upsert, insert = upsert.returning(*key, c.revision), insert.returning(*key, c.revision)
        return cls(
            get=Statement(get, dialect),
            lock=Statement(get.order_by(order).with_for_update(of=table), dialect),
            upsert=Statement(upsert, dialect),
            insert=Statement(insert, dialect),
            delete=Statement(sa.delete(table).where(c.created.in_(sa.select(c.created).select_from(found))), dialect),
            last=Statement(sa.select(sa.func.max(c.created)), dialect),
            after=Statement(sa.select(*key).where(c.created > sa.bindparam("last", type_=sa.BigInteger)), dialect),
            is_sqlite=is_sqlite,
        )

    def read(self, database: Database, keys: Iterable[Key], *, for_update: bool) -> dict[Key, Record]:
        statement = self.lock if for_update else self.get
        found = (database.execute(statement, values, reads=True).rows for values in self._values(keys))
        return {Key(*row[:_PARTS]): record_of(row[_PARTS:]) for rows in found for row in rows}

    def remove(self, database: Database, keys: Iterable[Key]) -> int:
        """Remove the existing records of these keys, in the transaction of this thread; return their number."""
        return sum(database.execute(self.delete, values).changed for values in self._values(keys))

    def _values(self, keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
        """Walk the parameters for these keys, each once and in their order, in batches."""
        ordered = sorted(set(keys))
        for start in range(0, len(ordered), _KEYS_AT_ONCE):
            some = ordered[start : start + _KEYS_AT_ONCE]
            if self.is_sqlite:
                yield {"keys": orjson.dumps([list(key) for key in some]).decode()}
            else:
                yield {f"keys_{name}": [key[i] for key in some] for i, name in enumerate(Key._fields)}

    def write(self, database: Database, statement: Statement, records: Sequence[tuple[Key, Record]]) -> list[bool]:
        """Run ``upsert`` or ``insert`` in the transaction of this thread; return for each record if it was created."""
        if self.is_sqlite:  # no other connection writes meanwhile, and numbers rise
            values: list[Mapping[str, Any]] = [row_values(key, record) for key, record in records]
            last = database.execute(self.last, {}, reads=True).rows[0][0] or 0
            changed = database.execute(statement, values).changed
            if statement is self.insert and changed == len(records):
                return [True] * changed
            new = {Key(*row) for row in database.execute(self.after, {"last": last}, reads=True).rows}
            created = []
            for key, _ in records:
                created.append(key in new)
                new.discard(key)
            return created
        created = [False] * len(records)
        for places in _turns([key for key, _ in records]):
            given = [{"place": i, **row_values(*records[i])} for i in places]
            rows = database.execute(statement, {"rows": orjson.dumps(given).decode()}).rows
            made = {Key(*row[:_PARTS]) for row in rows if row[_PARTS] == 1}
            for place in places:
                created[place] = records[place][0] in made
        return created


#: In the order of Record's fields.
_RECORD_COLUMNS = ("document", "last_updated", "audience", "revision", "created")


def _keys_in_json() -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]], sa.ColumnElement[Any]]:
    """Make rows of keys for SQLite: the table to select from, the parts of the key, and their order.

    All keys are one parameter: the statement does not depend on their number, and no limit applies.
    """
    rows = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("key", "value", name="wanted")
    return rows, {n: sa.func.json_extract(rows.c.value, f"$[{i}]") for i, n in enumerate(Key._fields)}, rows.c.key


def _keys_in_arrays() -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]], sa.ColumnElement[Any]]:
    """Make rows of keys for PostgreSQL in the same way: one parameter for each part of the key."""
    from sqlalchemy.dialects import postgresql  # not on SQLite

    texts = [sa.bindparam(f"keys_{name}", type_=postgresql.ARRAY(sa.Text)) for name in Key._fields]
    rows = sa.func.unnest(*texts).table_valued(*Key._fields, with_ordinality="number", name="wanted").render_derived()
    return rows, {name: rows.c[name] for name in Key._fields}, rows.c.number


def _new_rows(table: sa.Table) -> Any:
    """Return the INSERT of PostgreSQL of all rows of a JSON array, which is one parameter."""
    names = [*(f"key_{name}" for name in Key._fields), *(f"new_{name}" for name in CONTENT)]
    columns = [sa.column(name, sa.BigInteger if name == "new_last_updated" else sa.Text) for name in names]
    given = sa.func.json_to_recordset(sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON))
    rows = given.table_valued(sa.column("place", sa.BigInteger), *columns, name="new").render_derived(with_types=True)
    made = sa.select(*(rows.c[name] for name in names), sa.literal_column("1")).order_by(rows.c.place)
    return insert_into(table, "postgresql").from_select([*Key._fields, *CONTENT, "revision"], made)


def _turns(keys: Sequence[Key]) -> Iterator[list[int]]:
    """Split the indexes of keys into turns in which each key is unique; equal keys keep their order."""
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
