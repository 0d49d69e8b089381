"""The SQL tables, one for each kind of record, and the statements on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple
from urllib.parse import unquote

from sqlalchemy import BigInteger
from sqlalchemy import Column
from sqlalchemy import ColumnElement
from sqlalchemy import Delete
from sqlalchemy import Executable
from sqlalchemy import FromClause
from sqlalchemy import Identity
from sqlalchemy import Index
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Select
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import UniqueConstraint
from sqlalchemy import Update
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import delete
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.memory import read_cursor

# The largest number that the databases take: nobody has more records.
MAX_OFFSET = 2**63 - 1


def define_tables(metadata: MetaData, kinds: Iterable[str]) -> dict[str, Table]:
    """Return the tables ``ocpi_<kind>`` by kind; those that the metadata lacks are added to it."""
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
    update: takes ``expected``, the revision to replace.
    """

    get: Executable
    lock: Executable
    upsert: Executable
    insert: Executable
    add: Executable
    update: Update
    delete: Delete

    @classmethod
    def of(cls, table: Table, dialect: str) -> Statements:
        """Build them for "sqlite" or "postgresql"."""
        c = table.c
        is_key = and_(*(c[name] == bindparam(f"key_{name}") for name in Key._fields))
        content: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("audience", "last_updated", "document")}
        get = select(*_record_columns(table)).where(is_key)
        new = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table).values(
            {**{name: bindparam(f"key_{name}") for name in Key._fields}, **content, "revision": 1}
        )
        replaced = {**{name: new.excluded[name] for name in content}, "revision": c.revision + 1}
        return cls(
            get=get,
            lock=get.with_for_update(),
            upsert=new.on_conflict_do_update(index_elements=Key._fields, set_=replaced).returning(c.revision),
            insert=new.on_conflict_do_nothing(index_elements=Key._fields).returning(c.revision),
            add=new.on_conflict_do_nothing(index_elements=Key._fields).execution_options(preserve_rowcount=True),
            update=update(table)
            .where(is_key, c.revision == bindparam("expected"))
            .values({**content, "revision": c.revision + 1}),
            delete=delete(table).where(is_key),
        )


class ListShape(NamedTuple):
    """What a query filters by: queries of one shape share statements. None and False mean no such filter."""

    owners: int | None
    audience: int | None
    receiver: bool
    date_from: bool
    date_to: bool
    after: bool

    @classmethod
    def of(cls, query: Query) -> ListShape:
        return cls(
            owners=None if query.owners is None else len(query.owners),
            audience=None if query.audience is None else len(query.audience),
            receiver=query.receiver is not None,
            date_from=query.date_from is not None,
            date_to=query.date_to is not None,
            after=read_cursor(query.after) is not None,
        )


def list_statements(table: Table, shape: ListShape, dialect: str) -> tuple[Executable, Executable]:
    """Build the statement that selects a page with the ``total`` in each row, and the one that only counts.

    Their parameters are :func:`query_values`.
    """
    counted = table.alias("counted")
    count = select(func.count()).select_from(counted).where(*_filters(counted, shape, dialect))
    # The page is chosen on the index alone: an offset walks no documents.
    page = _page(table, shape, dialect).subquery("page")
    rows = (
        select(*_record_columns(table), count.scalar_subquery().label("total"))
        .join_from(page, table, page.c.created == table.c.created)
        .order_by(page.c.created)
    )
    return rows, count


def delete_statement(table: Table, shape: ListShape, dialect: str) -> Delete:
    """Build the statement that removes a page; its parameters are :func:`query_values`."""
    return delete(table).where(table.c.created.in_(_page(table, shape, dialect)))


def claim_statement(table: Table, shape: ListShape, dialect: str) -> Executable:
    """Build the statement that takes records, and answers rows for :func:`record_of` in any order.

    Its parameters are :func:`query_values` and ``until``. It takes those first that have been due for longest: the
    index has them in this order, so that it makes no difference how many there are.
    """
    c = table.c
    narrow = table.alias("narrow")
    due = select(narrow.c.created).where(*_filters(narrow, shape, dialect)).order_by(narrow.c.last_updated)
    due = due.limit(bindparam("limit", type_=BigInteger))
    moved = update(table).values(last_updated=bindparam("until"), revision=c.revision + 1)
    moved = moved.returning(*_record_columns(table))
    if dialect == "sqlite":
        return moved.where(c.created.in_(due))
    # As a part of WHERE it might be evaluated once a row, and lock and take more than the limit.
    chosen = due.with_for_update(skip_locked=True).cte("chosen")
    return moved.where(c.created == chosen.c.created)


def _page(table: Table, shape: ListShape, dialect: str) -> Select[tuple[Any]]:
    """Build the statement that selects the numbers of the records on a page."""
    narrow = table.alias("narrow")
    walk = select(narrow.c.created).where(*_filters(narrow, shape, dialect)).order_by(narrow.c.created)
    walk = walk.limit(bindparam("limit", type_=BigInteger))
    if shape.after:
        return walk.where(narrow.c.created > bindparam("after"))
    return walk.offset(bindparam("offset", type_=BigInteger))


def _filters(table: FromClause, shape: ListShape, dialect: str) -> list[ColumnElement[bool]]:
    c = table.c
    filters: list[ColumnElement[bool]] = []
    if shape.receiver:
        filters.append(c.receiver == bindparam("received_by"))
    if shape.owners is not None:
        owners = [
            and_(
                c.country_code == bindparam(f"owner_country_code_{i}"),
                c.party_id == bindparam(f"owner_party_id_{i}"),
            )
            for i in range(shape.owners)
        ]
        filters.append(or_(false(), *owners))
    if shape.audience is not None:
        position = func.instr if dialect == "sqlite" else func.strpos
        seen = [position(c.audience, bindparam(f"seen_by_{i}", type_=Text)) > 0 for i in range(shape.audience)]
        filters.append(or_(c.audience == "", *seen))
    if shape.date_from:
        filters.append(c.last_updated >= bindparam("date_from"))
    if shape.date_to:
        filters.append(c.last_updated < bindparam("date_to"))
    return filters


def query_values(query: Query) -> dict[str, Any]:
    # None is named like a column: an UPDATE would set it.
    values: dict[str, Any] = {
        "received_by": query.receiver,
        "date_from": query.date_from,
        "date_to": query.date_to,
        "limit": query.limit,
        "offset": min(query.offset, MAX_OFFSET),
        "after": read_cursor(query.after),
    }
    for i, owner in enumerate(query.owners or ()):
        values[f"owner_country_code_{i}"] = owner.country_code
        values[f"owner_party_id_{i}"] = owner.party_id
    for i, party in enumerate(query.audience or ()):
        values[f"seen_by_{i}"] = _audience((party,))
    return values


def key_values(key: Key) -> dict[str, Any]:
    return {f"key_{name}": value for name, value in zip(Key._fields, key, strict=True)}


def record_values(record: Record) -> dict[str, Any]:
    return {
        "new_document": record.text.decode(),
        "new_last_updated": record.last_updated,
        "new_audience": _audience(record.audience),
    }


def record_of(row: Any) -> Record:
    return Record(row[0].encode(), row[1], _parties(row[2]), row[3], row[4])


def _record_columns(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns in the order of Record's fields."""
    c = table.c
    return (c.document, c.last_updated, c.audience, c.revision, c.created)


def _audience(parties: Iterable[Party]) -> str:
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
