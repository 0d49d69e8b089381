"""The SQL tables, one for each kind of record, and the statements on them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import overload
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.counts import define_counts
from flask_ocpi.storage.driver import Statement

#: Kinds with very many records, which have fewer indexes: of messages nothing is looked up by date.
FEWER_INDEXES: Mapping[str, tuple[str, ...]] = {"journal": ("created",), "journal_references": ("created",)}

#: The columns that a new version of a record replaces.
CONTENT = ("audience", "last_updated", "document")


def define_tables(metadata: sa.MetaData, kinds: Iterable[str]) -> dict[str, sa.Table]:
    """Return the tables ``ocpi_<kind>`` by kind; add those that are missing to the metadata.

    Also adds ``ocpi_counts``, in which the database counts the objects of some tables.
    """
    define_counts(metadata)
    return {kind: _table(metadata, kind) for kind in kinds}


def _table(metadata: sa.MetaData, kind: str) -> sa.Table:
    name = f"ocpi_{kind}"
    known = metadata.tables.get(f"{metadata.schema}.{name}" if metadata.schema else name)
    if known is not None:
        return known
    # Every name is explicit, so a migration tool finds the same in the database as in this declaration.
    return sa.Table(
        name,
        metadata,
        sa.Column(
            "created",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("party_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("audience", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("last_updated", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.UniqueConstraint("country_code", "party_id", "id", "receiver", name=f"uq_{name}_key"),
        *(
            sa.Index(f"ix_{name}_{last}", "receiver", "country_code", "party_id", last)
            for last in FEWER_INDEXES.get(kind, ("created", "last_updated"))
        ),
        # Without it SQLite reuses the number of a deleted last record.
        sqlite_autoincrement=True,
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements on one record; their parameters are :func:`row_values`, or :func:`key_values` alone.

    get, lock: return a row for :func:`record_of`; lock locks it until the end of the transaction.
    upsert, insert: return the new revision; insert returns no row if the record exists. replace: changes nothing if it
    does not exist.
    update: takes ``expected``, the revision to replace, and ``made``, the number of the record, or 0 for any.
    """

    get: Statement
    lock: Statement
    upsert: Statement
    replace: Statement
    insert: Statement
    update: Statement
    delete: Statement

    @classmethod
    def of(cls, table: sa.Table, dialect: sa.Dialect) -> Statements:
        c = table.c
        is_key = sa.and_(*(c[name] == sa.bindparam(f"key_{name}") for name in Key._fields))
        content: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in CONTENT}
        get = sa.select(*record_columns(table)).where(is_key)
        upsert, insert = upsert_and_insert(table, new_row(table, dialect.name))
        number = sa.bindparam("made", type_=sa.BigInteger)
        made = {
            "get": get,
            "lock": get.with_for_update(),
            "upsert": upsert.returning(c.revision),
            "replace": sa.update(table).where(is_key).values({**content, "revision": c.revision + 1}),
            "insert": insert.returning(c.revision),
            "update": sa.update(table)
            .where(is_key, c.revision == sa.bindparam("expected"), sa.or_(number == 0, c.created == number))
            .values({**content, "revision": c.revision + 1}),
            "delete": sa.delete(table).where(is_key),
        }
        return cls(**{name: Statement(executable, dialect) for name, executable in made.items()})


def new_row(table: sa.Table, dialect: str) -> Any:
    """Return the INSERT of one row; its parameters are :func:`row_values`."""
    key: dict[str, Any] = {name: sa.bindparam(f"key_{name}") for name in Key._fields}
    content: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in CONTENT}
    return insert_into(table, dialect).values({**key, **content, "revision": sa.literal_column("1")})


def upsert_and_insert(table: sa.Table, new: Any) -> tuple[Any, Any]:
    """Return an INSERT that replaces existing records, and one that leaves them."""
    replaced = {**{name: new.excluded[name] for name in CONTENT}, "revision": table.c.revision + 1}
    upsert = new.on_conflict_do_update(index_elements=Key._fields, set_=replaced)
    return upsert, new.on_conflict_do_nothing(index_elements=Key._fields)


def insert_into(table: sa.Table, dialect: str) -> Any:
    """Return the INSERT of a dialect, which has ON CONFLICT; the other dialect is not imported."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def key_values(key: Key) -> dict[str, Any]:
    return {"key_country_code": key[0], "key_party_id": key[1], "key_id": key[2], "key_receiver": key[3]}


def row_values(key: Key, record: Record) -> dict[str, Any]:
    return {
        **key_values(key),
        "new_document": record.text.decode(),
        "new_last_updated": record.last_updated,
        "new_audience": audience_text(record.audience) if record.audience else "",
    }


def record_of(row: Any) -> Record:
    return Record(_text(row[0]), row[1], _parties(row[2]), row[3], row[4])


class Rows(Sequence[Record]):
    """The records of rows, each made on access: most lists need only the documents."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    @property
    def texts(self) -> list[bytes]:
        texts = [row[0] for row in self._rows]
        # A database has all its texts in one encoding.
        return texts if texts and texts[0] is _text(texts[0]) else [_text(text) for text in texts]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return Rows(self._rows[index]) if isinstance(index, slice) else record_of(self._rows[index])

    def __iter__(self) -> Iterator[Record]:
        return map(record_of, self._rows)


def record_columns(table: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the columns in the order of Record's fields, for :func:`record_of`."""
    c = table.c
    return (_Encoded(c.document), c.last_updated, c.audience, c.revision, c.created)


class _Encoded(FunctionElement[str]):
    """A text; SQLite returns its bytes, which saves decoding and encoding them."""

    inherit_cache = True
    type = sa.Text()


@compiles(_Encoded)
def _as_it_is(element: _Encoded, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Encoded, "sqlite")
def _as_bytes(element: _Encoded, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


def _text(value: str | bytes) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if 0 in value[:2]:  # the host application's SQLite file is in UTF-16
        return value.decode("utf-16-be" if value[0] == 0 else "utf-16-le").encode()
    return value


def audience_text(parties: Iterable[Party]) -> str:
    """Write parties as ``,NL-ABC,DE-XYZ,``, in which the text of one party finds it.

    A party id may have any printable characters; the separators are escaped in it.
    """
    texts = [f"{_escaped(party.country_code)}-{_escaped(party.party_id)}" for party in parties]
    return f",{','.join(texts)}," if texts else ""


def _parties(audience: str) -> tuple[Party, ...]:
    if not audience:
        return ()
    return tuple(Party(*map(unquote, party.split("-", 1))) for party in audience[1:-1].split(","))


def _escaped(text: str) -> str:
    return text.translate(_MARKS)


_MARKS = {ord(mark): f"%{ord(mark):02X}" for mark in "%,-"}
