"""The statements that select pages, by the filters of a query."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from typing import NamedTuple

import orjson
import sqlalchemy as sa

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.driver import Statement
from flask_ocpi.storage.memory import read_cursor
from flask_ocpi.storage.tables import audience_text
from flask_ocpi.storage.tables import record_columns

# The largest number that the databases take: no table has more records.
MAX_OFFSET = 2**63 - 1
#: The most records of a dated query that are read and sorted; of more, all are walked in the order of creation.
FEW = 2000
#: The most owners that are alternatives in SQLite's statement; more are one parameter, a list.
MOST_ALTERNATIVES = 50
#: The characters of an audience of one party, such as ",NL-ABC,"; more only if some are escaped.
LONGEST_OF_ONE = 8


class ListShape(NamedTuple):
    """The filters that a query uses: queries of one shape share statements. None and False mean no filter.

    known: the cursor has the total.
    """

    owners: int | None
    audience: int | None
    receiver: bool
    date_from: bool
    date_to: bool
    after: bool
    max_bytes: bool
    known: bool

    @classmethod
    def of(cls, query: Query) -> ListShape:
        after, total = read_total(query.after)
        return cls(
            owners=None if query.owners is None else len(query.owners),
            audience=None if query.audience is None else min(len(query.audience), MOST_ALTERNATIVES + 1),
            receiver=query.receiver is not None,
            date_from=query.date_from is not None,
            date_to=query.date_to is not None,
            after=after is not None,
            max_bytes=query.max_bytes is not None,
            known=total is not None,
        )

    @property
    def is_dated(self) -> bool:
        return self.date_from or self.date_to


@dataclass(frozen=True, slots=True)
class ListStatements:
    """The statements for queries of one shape; their parameters are :func:`query_values`.

    Statements for a page return the columns of a record and the total in each row, both of the same moment.
    page: a page and its total. For a shape whose total is known, the total counts only the page and one record more.
    count: the total alone.
    few: for a dated query that at most FEW records match; if more match, its total is FEW + 1 and the records mean
    nothing. It always returns a row, without a record if the page is empty.
    """

    page: Statement
    count: Statement
    few: Statement | None = None


def list_statements(table: sa.Table, counts: sa.Table | None, shape: ListShape, dialect: sa.Dialect) -> ListStatements:
    """Build the statements; ``counts`` is the table of counts if the database keeps counts for such queries."""
    name = dialect.name
    total = _count(table, shape, name)
    if shape.known:
        page, number = _further(table, shape, name)
    elif shape.is_dated:
        page, number = _many(table, shape, name)
    else:
        page = _page(table, shape, name)
        if counts is not None:
            total = sa.select(_sum(table, counts, shape, name))
        number = total.scalar_subquery()
    if _is_in_order(shape, name):
        rows = _page(table, shape, name, columns=(*record_columns(table), number.label("total")))
    else:
        rows = _rows(table, _fitting(table, page, shape, dialect), number, dialect)
    return ListStatements(
        page=Statement(rows, dialect),
        count=Statement(total, dialect),
        few=Statement(_few(table, shape, dialect), dialect) if shape.is_dated else None,
    )


def delete_statement(table: sa.Table, counts: sa.Table | None, shape: ListShape, dialect: sa.Dialect) -> Statement:
    """Build the statement that removes a page; its parameters are :func:`query_values`."""
    return Statement(sa.delete(table).where(table.c.created.in_(_page(table, shape, dialect.name))), dialect)


def keys_statement(table: sa.Table, counts: sa.Table | None, shape: ListShape, dialect: sa.Dialect) -> Statement:
    """Build the statement that returns keys after a cursor: the parts of each, its revision and its number."""
    c = table.c
    found = sa.select(*(c[name] for name in Key._fields), c.revision, c.created)
    found = found.where(*_filters(table, shape, dialect.name), c.created > sa.bindparam("after")).order_by(c.created)
    return Statement(found.limit(sa.bindparam("limit", type_=sa.BigInteger)), dialect)


def claim_statement(table: sa.Table, counts: sa.Table | None, shape: ListShape, dialect: sa.Dialect) -> Statement:
    """Build the statement that leases records and returns rows for :func:`record_of`, in any order.

    Its parameters are :func:`query_values` and ``until``. The records that have been due for longest come first: that
    is the order of the index, so the time does not depend on their number.
    """
    c = table.c
    narrow = table.alias("narrow")
    due = sa.select(narrow.c.created).where(*_filters(narrow, shape, dialect.name)).order_by(narrow.c.last_updated)
    due = due.limit(sa.bindparam("limit", type_=sa.BigInteger))
    moved = sa.update(table).values(last_updated=sa.bindparam("until"), revision=c.revision + 1)
    moved = moved.returning(*record_columns(table))
    if dialect.name == "sqlite":
        return Statement(moved.where(c.created.in_(due)), dialect)
    # In WHERE it might be evaluated for each row, and lock and take more than the limit.
    chosen = due.with_for_update(skip_locked=True).cte("chosen")
    return Statement(moved.where(c.created == chosen.c.created), dialect)


def _rows(
    table: sa.Table, chosen: sa.Select[tuple[Any]], total: sa.ColumnElement[Any], dialect: sa.Dialect
) -> sa.Select[Any]:
    """Select the records of a page, which the index alone determines: an offset reads no documents."""
    if dialect.name == "sqlite":  # it would sort a join with all documents; numbers in a list come sorted
        rows = sa.select(*record_columns(table), total.label("total"))
        return rows.where(table.c.created.in_(chosen)).order_by(table.c.created)
    page = chosen.subquery("page")
    return (
        sa.select(*record_columns(table), total.label("total"))
        .join_from(page, table, page.c.created == table.c.created)
        .order_by(page.c.created)
    )


def _is_in_order(shape: ListShape, dialect: str) -> bool:
    """Tell whether SQLite walks an index in the order of a page, and reads documents only of the page."""
    return dialect == "sqlite" and shape.receiver and shape.owners == 1 and not (shape.is_dated or shape.known)


def _page(
    table: sa.Table, shape: ListShape, dialect: str, columns: Sequence[sa.ColumnElement[Any]] | None = None
) -> sa.Select[Any]:
    """Build the statement that selects the numbers of the records on a page, or these columns of them."""
    walked = table.alias("narrow") if columns is None else table
    created = walked.c.created
    walk = sa.select(*(columns or (created,))).where(*_filters(walked, shape, dialect)).order_by(created)
    return _part(walk, created, shape)


def _fitting(
    table: sa.Table, page: sa.Select[tuple[Any]], shape: ListShape, dialect: sa.Dialect
) -> sa.Select[tuple[Any]]:
    """End a page before its documents are too long together; records after that are not read.

    SQLite reads a record when its row is fetched: there :func:`flask_ocpi.storage.driver.fetched` ends the page.
    """
    if not shape.max_bytes or dialect.name == "sqlite":
        return page
    chosen = page.subquery("chosen")
    others = table.alias("others_of_page")
    lengths = sa.select(others.c.created, sa.func.octet_length(others.c.document).label("length"))
    measured = lengths.join_from(chosen, others, chosen.c.created == others.c.created).subquery("measured")
    end = sa.func.sum(measured.c.length).over(order_by=measured.c.created)
    ends = sa.select(measured.c.created, measured.c.length, end.label("end")).subquery("ends")
    fits = sa.or_(ends.c.end <= sa.bindparam("max_bytes", type_=sa.BigInteger), ends.c.end == ends.c.length)
    return sa.select(ends.c.created).where(fits)


def _further(table: sa.Table, shape: ListShape, dialect: str) -> tuple[sa.Select[tuple[Any]], sa.ColumnElement[Any]]:
    """Build the statement of a page whose total is known, and the number of records found: at most one more."""
    narrow = table.alias("narrow")
    created = narrow.c.created
    limit = sa.bindparam("limit", type_=sa.BigInteger)
    walk = sa.select(created).where(*_undated(narrow, shape, dialect), *_dates(narrow, shape, indexed=False))
    found = walk.where(created > sa.bindparam("after")).order_by(created).limit(limit + 1).cte("found")
    page = sa.select(found.c.created).order_by(found.c.created).limit(limit)
    return page, sa.select(sa.func.count()).select_from(found).scalar_subquery()


def _many(table: sa.Table, shape: ListShape, dialect: str) -> tuple[sa.Select[tuple[Any]], sa.ColumnElement[Any]]:
    """Build the statement of a page of a dated query that many records match, and their number.

    It counts with the index on ``last_updated`` and walks in the order of creation from the first counted record.
    """
    counted = table.alias("counted")
    number = sa.select(sa.func.count().label("number"), sa.func.min(counted.c.created).label("first"))
    match = number.where(*_filters(counted, shape, dialect)).cte("match")
    narrow = table.alias("narrow")
    created = narrow.c.created
    filters = [*_undated(narrow, shape, dialect), *_dates(narrow, shape, indexed=False)]
    begin = sa.select(match.c.first).scalar_subquery()
    walk = sa.select(created).where(*filters, created >= begin).order_by(created)
    return _part(walk, created, shape), sa.select(match.c.number).scalar_subquery()


def _part(walk: sa.Select[tuple[Any]], created: sa.ColumnElement[Any], shape: ListShape) -> sa.Select[tuple[Any]]:
    walk = walk.limit(sa.bindparam("limit", type_=sa.BigInteger))
    if shape.after:
        return walk.where(created > sa.bindparam("after"))
    return walk.offset(sa.bindparam("offset", type_=sa.BigInteger))


def _few(table: sa.Table, shape: ListShape, dialect: sa.Dialect) -> sa.Select[Any]:
    """Select a page of a dated query: at most FEW + 1 records are read and sorted."""
    narrow = table.alias("narrow")
    found = sa.select(narrow.c.created).where(*_filters(narrow, shape, dialect.name)).limit(FEW + 1).cte("found")
    part = _part(sa.select(found.c.created).order_by(found.c.created), found.c.created, shape)
    page = _fitting(table, part, shape, dialect).subquery("page")
    counted = sa.select(sa.func.count().label("number")).select_from(found).subquery("counted")
    return (
        sa.select(*record_columns(table), counted.c.number.label("total"))
        .select_from(counted.outerjoin(page, sa.true()).outerjoin(table, page.c.created == table.c.created))
        .order_by(page.c.created)
    )


def _sum(table: sa.Table, counts: sa.Table, shape: ListShape, dialect: str) -> sa.ColumnElement[Any]:
    is_kind = counts.c.kind == table.name.removeprefix("ocpi_")
    total = sa.select(sa.func.coalesce(sa.func.sum(counts.c.number), 0)).where(is_kind, *_shown(counts, shape, dialect))
    return sa.cast(total.scalar_subquery(), sa.BigInteger)


def _count(table: sa.Table, shape: ListShape, dialect: str) -> sa.Select[Any]:
    counted = table.alias("counted")
    return sa.select(sa.func.count()).select_from(counted).where(*_filters(counted, shape, dialect))


def _filters(table: sa.FromClause, shape: ListShape, dialect: str) -> list[sa.ColumnElement[bool]]:
    return [*_undated(table, shape, dialect), *_dates(table, shape)]


def _undated(table: sa.FromClause, shape: ListShape, dialect: str) -> list[sa.ColumnElement[bool]]:
    received = [table.c.receiver == sa.bindparam("received_by")] if shape.receiver else []
    return [*received, *_shown(table, shape, dialect)]


def _shown(table: sa.FromClause, shape: ListShape, dialect: str) -> list[sa.ColumnElement[bool]]:
    """Return the filters by owner and audience; the table of counts has these columns, too."""
    c = table.c
    filters: list[sa.ColumnElement[bool]] = []
    if shape.owners is not None:
        filters.append(_is_owner(table, shape.owners, dialect))
    if shape.audience is not None:
        filters.append(sa.or_(c.audience == "", *_is_seen(table, shape.audience, dialect)))
    return filters


def _is_seen(table: sa.FromClause, number: int, dialect: str) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of which one must hold for a record that is not for everybody."""
    audience = table.c.audience
    position = sa.func.instr if dialect == "sqlite" else sa.func.strpos
    if number <= MOST_ALTERNATIVES:
        return [position(audience, sa.bindparam(f"seen_by_{i}", type_=sa.Text)) > 0 for i in range(number)]
    # SQLite refuses very many alternatives: they are one parameter. A look-up finds audiences of one party, as most
    # are.
    listed = sa.bindparam("seen_by", type_=sa.Text)
    if dialect == "sqlite":
        rows = sa.func.json_each(listed).table_valued("value", name="seen")
    else:
        rows = (
            sa.func.json_array_elements_text(sa.cast(listed, sa.JSON))
            .table_valued("value", name="seen")
            .render_derived()
        )
    parties = sa.select(rows.c.value)
    one_of = parties.where(position(audience, rows.c.value) > 0).correlate(table).exists()
    return [audience.in_(parties), sa.and_(sa.func.length(audience) > LONGEST_OF_ONE, one_of)]


def _is_owner(table: sa.FromClause, number: int, dialect: str) -> sa.ColumnElement[bool]:
    c = table.c
    owners = [
        (sa.bindparam(f"owner_country_code_{i}", type_=sa.Text), sa.bindparam(f"owner_party_id_{i}", type_=sa.Text))
        for i in range(number)
    ]
    if not owners:
        return sa.false()
    if len(owners) == 1:
        return sa.and_(c.country_code == owners[0][0], c.party_id == owners[0][1])
    if dialect == "sqlite" and number <= MOST_ALTERNATIVES:
        return sa.or_(
            *(sa.and_(c.country_code == country_code, c.party_id == party_id) for country_code, party_id in owners)
        )
    # SQLite refuses very many alternatives, and PostgreSQL would try each of them for each row.
    listed = sa.values(sa.column("country_code", sa.Text), sa.column("party_id", sa.Text), name="listed").data(owners)
    # SQLite has no names for the columns of such a list.
    return sa.tuple_(c.country_code, c.party_id).in_(
        listed.scalar_values() if dialect == "sqlite" else sa.select(listed)
    )


def _dates(table: sa.FromClause, shape: ListShape, *, indexed: bool = True) -> list[sa.ColumnElement[bool]]:
    """Return the filters by date. Without ``indexed`` the database does not use the index on dates for them."""
    changed = table.c.last_updated if indexed else table.c.last_updated + sa.literal_column("0")
    filters: list[sa.ColumnElement[bool]] = []
    if shape.date_from:
        filters.append(changed >= sa.bindparam("date_from", type_=sa.BigInteger))
    if shape.date_to:
        filters.append(changed < sa.bindparam("date_to", type_=sa.BigInteger))
    return filters


def read_total(cursor: str | None) -> tuple[int | None, int | None]:
    """Read the cursor of an earlier page: its end and, if its records were counted, the total."""
    created, _, total = (cursor or "").partition("-")
    after = read_cursor(created)
    return after, None if after is None else read_cursor(total)


@lru_cache(1024)  # the same parties read again and again
def _seen_by(party: Party) -> str:
    return audience_text((party,))


def query_values(query: Query) -> Mapping[str, Any]:
    # No parameter has the name of a column: an UPDATE would set it.
    values: dict[str, Any] = {
        "received_by": query.receiver,
        "date_from": query.date_from,
        "date_to": query.date_to,
        "limit": query.limit,
        "offset": min(query.offset, MAX_OFFSET),
        "after": read_total(query.after)[0],
        "max_bytes": query.max_bytes,
    }
    for i, owner in enumerate(query.owners or ()):
        values[f"owner_country_code_{i}"] = owner.country_code
        values[f"owner_party_id_{i}"] = owner.party_id
    parties = [_seen_by(party) for party in query.audience or ()]
    if len(parties) > MOST_ALTERNATIVES:
        values["seen_by"] = orjson.dumps(parties).decode()
        parties = []
    for i, party in enumerate(parties):
        values[f"seen_by_{i}"] = party
    return values
