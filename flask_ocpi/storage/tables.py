"""The SQL tables, one for each kind of record, and the statements on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sqlalchemy import BigInteger
from sqlalchemy import Column
from sqlalchemy import Dialect
from sqlalchemy import Identity
from sqlalchemy import Index
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import UniqueConstraint
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import delete
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.counts import define_counts
from flask_ocpi.storage.statements import Statement


def define_tables(metadata: MetaData, kinds: Iterable[str]) -> dict[str, Table]:
    """Return the tables ``ocpi_<kind>`` by kind; those that the metadata lacks are added to it.

    With them go ``ocpi_counts`` and ``ocpi_day_counts``, in which the database counts what is in some of them.
    """
    define_counts(metadata)
    return {kind: _table(metadata, kind) for kind in kinds}


def _table(metadata: MetaData, kind: str) -> Table:
    name = f"ocpi_{kind}"
    known = metadata.tables.get(f"{metadata.schema}.{name}" if metadata.schema else name)
    if known is not None:
        return known
    # Every name is explicit: what a migration tool finds in the database then equals what is declared here.
    return Table(
        name,
        metadata,
        Column(
            "created",
            BigInteger().with_variant(Integer(), "sqlite"),
            Identity(),
            primary_key=True,
            autoincrement=True,
        ),
        Column("country_code", Text, nullable=False),
        Column("party_id", Text, nullable=False),
        Column("id", Text, nullable=False),
        Column("receiver", Text, nullable=False, server_default=text("''")),
        Column("audience", Text, nullable=False, server_default=text("''")),
        Column("last_updated", BigInteger, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("document", Text, nullable=False),
        UniqueConstraint("country_code", "party_id", "id", "receiver", name=f"uq_{name}_key"),
        Index(f"ix_{name}_created", "receiver", "country_code", "party_id", "created"),
        Index(f"ix_{name}_last_updated", "receiver", "country_code", "party_id", "last_updated"),
        # Without it SQLite gives the number of a deleted last record away again.
        sqlite_autoincrement=True,
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements on one record; their parameters are :func:`key_values` and :func:`record_values`.

    get, lock: answer a row for :func:`record_of`; lock keeps it until the end of the transaction.
    upsert, insert: answer the new revision; insert answers no row when there is such a record.
    add: insert for many records at once, and their number as its row count.
    update: takes ``expected``, the revision to replace, and ``made``, the number of the record, or 0 for any.
    """

    get: Statement
    lock: Statement
    upsert: Statement
    insert: Statement
    add: Statement
    update: Statement
    delete: Statement

    @classmethod
    def of(cls, table: Table, dialect: Dialect) -> Statements:
        """Build them for SQLite or PostgreSQL."""
        c = table.c
        is_key = and_(*(c[name] == bindparam(f"key_{name}") for name in Key._fields))
        content: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("audience", "last_updated", "document")}
        get = select(*record_columns(table)).where(is_key)
        new = (sqlite.insert if dialect.name == "sqlite" else postgresql.insert)(table).values(
            {**{name: bindparam(f"key_{name}") for name in Key._fields}, **content, "revision": 1}
        )
        replaced = {**{name: new.excluded[name] for name in content}, "revision": c.revision + 1}
        made = {
            "get": get,
            "lock": get.with_for_update(),
            "upsert": new.on_conflict_do_update(index_elements=Key._fields, set_=replaced).returning(c.revision),
            "insert": new.on_conflict_do_nothing(index_elements=Key._fields).returning(c.revision),
            "add": new.on_conflict_do_nothing(index_elements=Key._fields).execution_options(preserve_rowcount=True),
            "update": update(table)
            .where(is_key, c.revision == bindparam("expected"))
            .where(or_(bindparam("made", type_=BigInteger) == 0, c.created == bindparam("made", type_=BigInteger)))
            .values({**content, "revision": c.revision + 1}),
            "delete": delete(table).where(is_key),
        }
        return cls(**{name: Statement(executable, dialect) for name, executable in made.items()})


def key_values(key: Key) -> dict[str, Any]:
    return {"key_country_code": key[0], "key_party_id": key[1], "key_id": key[2], "key_receiver": key[3]}


def record_values(record: Record) -> dict[str, Any]:
    return {
        "new_document": record.text.decode(),
        "new_last_updated": record.last_updated,
        "new_audience": audience_text(record.audience),
    }


def record_of(row: Any) -> Record:
    return Record(row[0].encode(), row[1], _parties(row[2]), row[3], row[4])


def record_columns(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns in the order of Record's fields."""
    c = table.c
    return (c.document, c.last_updated, c.audience, c.revision, c.created)


def audience_text(parties: Iterable[Party]) -> str:
    """Write parties so that each is found by the text of it alone: ``,NL-ABC,DE-XYZ,``.

    A party id may have any printable characters; our own marks are escaped in it.
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
