"""The statements that select pages: by what a query filters, in a form that reads no more than it has to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple

from sqlalchemy import BigInteger
from sqlalchemy import ColumnElement
from sqlalchemy import Delete
from sqlalchemy import Dialect
from sqlalchemy import Executable
from sqlalchemy import FromClause
from sqlalchemy import Select
from sqlalchemy import Subquery
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import cast
from sqlalchemy import column
from sqlalchemy import delete
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import literal_column
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import tuple_
from sqlalchemy import update
from sqlalchemy import values

from flask_ocpi.storage.base import Query
from flask_ocpi.storage.memory import read_cursor
from flask_ocpi.storage.statements import Statement
from flask_ocpi.storage.tables import audience_text
from flask_ocpi.storage.tables import record_columns

# The largest number that the databases take: nobody has more records.
MAX_OFFSET = 2**63 - 1
#: Of so many records, those that changed at a time are sorted; of more, all are walked in the order of creation.
FEW = 2000
#: Of so many owners SQLite is asked for one or another; of more, for those in a list.
MOST_ALTERNATIVES = 50


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

    @property
    def is_dated(self) -> bool:
        return self.date_from or self.date_to


@dataclass(frozen=True, slots=True)
class ListStatements:
    """The statements for queries of one shape; their parameters are :func:`query_values`.

    Those that answer a page have the columns of a record and the total in each row; one moment's.
    page: counts what there is. count: only counts.
    few: of a dated query, where no more than FEW records match; else its total is FEW + 1 and the rest means nothing.
    counted: as page, by the counts that the database keeps. counted_count: only that.
    counted_but: as page, of a dated query: what the counts say but for those that the dates leave out, of which there
    are no more than FEW; else ``left_out`` in each row is more than FEW, and the total means nothing.
    """

    page: Statement
    count: Statement
    few: Statement | None = None
    counted: Statement | None = None
    counted_count: Statement | None = None
    counted_but: Statement | None = None


def list_statements(table: Table, counts: Table | None, shape: ListShape, dialect: Dialect) -> ListStatements:
    """Build the statements; counts is the table of :mod:`flask_ocpi.storage.counts`, if there is one."""
    name = dialect.name
    page = _page(table, shape, name).subquery("page")
    total = _count(table, shape, name)
    made: dict[str, Executable] = {"page": _rows(table, page, total.scalar_subquery().label("total")), "count": total}
    if shape.is_dated:
        made["few"] = _few(table, shape, name)
    if counts is not None:
        kept = select(func.coalesce(func.sum(counts.c.number), 0)).where(
            counts.c.kind == table.name.removeprefix("ocpi_"), *_shown(counts, shape, name)
        )
        made["counted_count"] = select(cast(kept.scalar_subquery(), BigInteger))
        made["counted"] = _rows(table, page, cast(kept.scalar_subquery(), BigInteger).label("total"))
        if shape.is_dated:
            left_out = _left_out(table, shape, name)
            number = cast(kept.scalar_subquery() - left_out, BigInteger)
            walked = _page(table, shape, name, indexed=False).subquery("page")
            made["counted_but"] = _rows(table, walked, number.label("total"), left_out.label("left_out"))
    return ListStatements(**{name: Statement(executable, dialect) for name, executable in made.items()})


def delete_statement(table: Table, counts: Table | None, shape: ListShape, dialect: Dialect) -> Delete:
    """Build the statement that removes a page; its parameters are :func:`query_values`."""
    return delete(table).where(table.c.created.in_(_page(table, shape, dialect.name)))


def claim_statement(table: Table, counts: Table | None, shape: ListShape, dialect: Dialect) -> Executable:
    """Build the statement that takes records, and answers rows for :func:`record_of` in any order.

    Its parameters are :func:`query_values` and ``until``. It takes those first that have been due for longest: the
    index has them in this order, so that it makes no difference how many there are.
    """
    c = table.c
    narrow = table.alias("narrow")
    due = select(narrow.c.created).where(*_filters(narrow, shape, dialect.name)).order_by(narrow.c.last_updated)
    due = due.limit(bindparam("limit", type_=BigInteger))
    moved = update(table).values(last_updated=bindparam("until"), revision=c.revision + 1)
    moved = moved.returning(*record_columns(table))
    if dialect.name == "sqlite":
        return moved.where(c.created.in_(due))
    # As a part of WHERE it might be evaluated once a row, and lock and take more than the limit.
    chosen = due.with_for_update(skip_locked=True).cte("chosen")
    return moved.where(c.created == chosen.c.created)


def _rows(table: Table, page: Subquery, *more: ColumnElement[Any]) -> Select[Any]:
    """Select the records of a page, which is chosen on the index alone: an offset walks no documents."""
    return (
        select(*record_columns(table), *more)
        .join_from(page, table, page.c.created == table.c.created)
        .order_by(page.c.created)
    )


def _page(table: Table, shape: ListShape, dialect: str, *, indexed: bool = True) -> Select[tuple[Any]]:
    """Build the statement that selects the numbers of the records on a page."""
    narrow = table.alias("narrow")
    filters = [*_undated(narrow, shape, dialect), *_dates(narrow, shape, indexed=indexed)]
    walk = select(narrow.c.created).where(*filters).order_by(narrow.c.created)
    return _part(walk, narrow.c.created, shape)


def _part(walk: Select[tuple[Any]], created: ColumnElement[Any], shape: ListShape) -> Select[tuple[Any]]:
    walk = walk.limit(bindparam("limit", type_=BigInteger))
    if shape.after:
        return walk.where(created > bindparam("after"))
    return walk.offset(bindparam("offset", type_=BigInteger))


def _few(table: Table, shape: ListShape, dialect: str) -> Select[Any]:
    """Select a page of what is found by its dates: at most FEW + 1 records are read and sorted."""
    narrow = table.alias("narrow")
    found = select(narrow.c.created).where(*_filters(narrow, shape, dialect)).limit(FEW + 1).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery()
    page = _part(select(found.c.created).order_by(found.c.created), found.c.created, shape).subquery("page")
    return _rows(table, page, total.label("total"))


def _left_out(table: Table, shape: ListShape, dialect: str) -> ColumnElement[Any]:
    """Count the records that only the dates leave out, at either end no more than FEW + 1."""
    ends = []
    for is_filtered, outside in ((shape.date_from, _before), (shape.date_to, _after)):
        if is_filtered:
            others = table.alias("others")
            found = select(others.c.created).where(*_undated(others, shape, dialect), outside(others)).limit(FEW + 1)
            ends.append(select(func.count()).select_from(found.subquery("outside")).scalar_subquery())
    return ends[0] if len(ends) == 1 else ends[0] + ends[1]


def _before(table: FromClause) -> ColumnElement[bool]:
    return table.c.last_updated < bindparam("date_from", type_=BigInteger)


def _after(table: FromClause) -> ColumnElement[bool]:
    return table.c.last_updated >= bindparam("date_to", type_=BigInteger)


def _count(table: Table, shape: ListShape, dialect: str) -> Select[Any]:
    counted = table.alias("counted")
    return select(func.count()).select_from(counted).where(*_filters(counted, shape, dialect))


def _filters(table: FromClause, shape: ListShape, dialect: str) -> list[ColumnElement[bool]]:
    return [*_undated(table, shape, dialect), *_dates(table, shape)]


def _undated(table: FromClause, shape: ListShape, dialect: str) -> list[ColumnElement[bool]]:
    received = [table.c.receiver == bindparam("received_by")] if shape.receiver else []
    return [*received, *_shown(table, shape, dialect)]


def _shown(table: FromClause, shape: ListShape, dialect: str) -> list[ColumnElement[bool]]:
    """Return the filters by owner and audience, which the table of counts has as well."""
    c = table.c
    filters: list[ColumnElement[bool]] = []
    if shape.owners is not None:
        filters.append(_is_owner(table, shape.owners, dialect))
    if shape.audience is not None:
        position = func.instr if dialect == "sqlite" else func.strpos
        seen = [position(c.audience, bindparam(f"seen_by_{i}", type_=Text)) > 0 for i in range(shape.audience)]
        filters.append(or_(c.audience == "", *seen))
    return filters


def _is_owner(table: FromClause, number: int, dialect: str) -> ColumnElement[bool]:
    c = table.c
    owners = [
        (bindparam(f"owner_country_code_{i}", type_=Text), bindparam(f"owner_party_id_{i}", type_=Text))
        for i in range(number)
    ]
    if not owners:
        return false()
    if len(owners) == 1:
        return and_(c.country_code == owners[0][0], c.party_id == owners[0][1])
    if dialect == "sqlite" and number <= MOST_ALTERNATIVES:
        return or_(*(and_(c.country_code == country_code, c.party_id == party_id) for country_code, party_id in owners))
    # SQLite refuses very many alternatives, and PostgreSQL would try one after the other for each row.
    listed = values(column("country_code", Text), column("party_id", Text), name="listed").data(owners)
    # SQLite does not know names for the columns of such a list.
    return tuple_(c.country_code, c.party_id).in_(listed.scalar_values() if dialect == "sqlite" else select(listed))


def _dates(table: FromClause, shape: ListShape, *, indexed: bool = True) -> list[ColumnElement[bool]]:
    """Return the filters by date. Not ``indexed``: no index helps with them, and another one is taken."""
    changed = table.c.last_updated if indexed else table.c.last_updated + literal_column("0")
    filters: list[ColumnElement[bool]] = []
    if shape.date_from:
        filters.append(changed >= bindparam("date_from", type_=BigInteger))
    if shape.date_to:
        filters.append(changed < bindparam("date_to", type_=BigInteger))
    return filters


def query_values(query: Query) -> Mapping[str, Any]:
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
        values[f"seen_by_{i}"] = audience_text((party,))
    return values
