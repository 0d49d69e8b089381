"""How many objects each own party has, for whom and by day: kept by the database itself, so that no list counts all.

Triggers on the tables of objects note each one that comes, goes, or is for others from then on, in ``ocpi_counts``, and
also each that has another day of ``last_updated``, in ``ocpi_day_counts``. So the counts are right whoever writes:
another release, or the host application by SQL of its own. Copies of what other platforms sent are not counted, and
cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import BigInteger
from sqlalchemy import BindParameter
from sqlalchemy import Column
from sqlalchemy import ColumnElement
from sqlalchemy import Connection
from sqlalchemy import Identity
from sqlalchemy import Index
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import bindparam
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import literal
from sqlalchemy import literal_column
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import union_all

NAME = "ocpi_counts"
DAYS_NAME = "ocpi_day_counts"
#: The kinds that are listed, and may be many.
COUNTED = frozenset({"locations", "sessions", "cdrs", "tariffs", "tokens"})
#: A day in the microseconds of last_updated.
DAY = 86_400_000_000
#: On PostgreSQL each change is a row, so that writers do not wait for each other; more than these are summed up.
MOST_ROWS = 500
#: So many rows are summed up in one turn, which a list may wait for.
ROWS_AT_ONCE = 5000
# An arbitrary number: whoever holds it as an advisory lock on PostgreSQL may sum up or replace rows of counts.
COUNTS_LOCK = 0x0C91_0222

_OWNER = ("country_code", "party_id", "audience")
_EVENTS = ("added", "removed", "changed")


class Counts(NamedTuple):
    """The tables of counts: of all objects, and of those of each day."""

    whole: Table
    days: Table


def define_counts(metadata: MetaData) -> Counts:
    """Return the tables of counts; they are added to the metadata that lacks them.

    entry: rises with each change; below zero in rows in which changes are summed up.
    number: how many objects of a kind a party has that are for an audience, or by how much that changed.
    day: the whole days from 1970 to ``last_updated``, rounded down.
    lowest, highest: between which the ``created`` of these objects is, the bounds included.
    """
    days = (
        Column("day", BigInteger, nullable=False),
        Column("lowest", BigInteger, nullable=False),
        Column("highest", BigInteger, nullable=False),
    )
    by_day = ("day", "audience")
    return Counts(_define(metadata, NAME, (), ()), _define(metadata, DAYS_NAME, days, by_day))


def _define(metadata: MetaData, name: str, more: Iterable[Column[int]], indexed: Iterable[str]) -> Table:
    known = metadata.tables.get(_name_in(metadata, name))
    if known is not None:
        return known
    return Table(
        name,
        metadata,
        Column(
            "entry", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True, autoincrement=True
        ),
        Column("kind", Text, nullable=False),
        Column("country_code", Text, nullable=False),
        Column("party_id", Text, nullable=False),
        Column("audience", Text, nullable=False),
        Column("number", BigInteger, nullable=False),
        *more,
        Index(f"ix_{name}_owner", "kind", "country_code", "party_id", *indexed),
    )


def counts_of(tables: Iterable[Table]) -> Counts | None:
    """Return the tables of counts that go with tables of records."""
    for table in tables:
        known = table.metadata.tables
        whole, days = (known.get(_name_in(table.metadata, name)) for name in (NAME, DAYS_NAME))
        return None if whole is None or days is None else Counts(whole, days)
    return None


def day_of(moment: int) -> int:
    """Return the day of a ``last_updated``."""
    return moment // DAY


def are_kept(connection: Connection, table: Table) -> bool:
    """Tell whether the triggers of a table are there, all of them, and enabled."""
    names: BindParameter[str] = bindparam("names", expanding=True)
    if connection.dialect.name == "sqlite":
        wanted = [f"{prefix}_{event}" for prefix in _sqlite_prefixes(table) for event in _EVENTS]
        known = text(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table AND name IN :names"
        )
        found = connection.execute(known.bindparams(names), {"table": table.name, "names": wanted})
    else:
        wanted = [f"{name}_{event}" for name in (NAME, DAYS_NAME) for event in (*_EVENTS, "emptied")]
        known = text(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND tgname IN :names"
            " AND tgenabled <> 'D'"
        )
        values = {"table": _quoted(connection, table), "names": wanted}
        found = connection.execute(known.bindparams(names), values)
    return bool(found.scalar_one() == len(wanted))


def keep(connection: Connection, table: Table, counts: Counts) -> None:
    """Count what is in a table and have the database keep the counts from then on, unless it does already.

    It takes a transaction; writers wait until that is over.
    """
    if are_kept(connection, table):
        return
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"LOCK TABLE {_quoted(connection, table)} IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(select(func.pg_advisory_xact_lock(COUNTS_LOCK)))
    for kept in counts:
        for statement in (
            _sqlite(table, kept) if connection.dialect.name == "sqlite" else _postgresql(connection, table, kept)
        ):
            connection.exec_driver_sql(statement)
        connection.execute(delete(kept).where(kept.c.kind == _kind(table)))
        groups: list[ColumnElement[object]] = [table.c[name] for name in _OWNER]
        ends: list[ColumnElement[object]] = []
        if _has_days(kept):
            groups.append(literal_column(_day("last_updated")).label("day"))
            ends = [func.min(table.c.created), func.max(table.c.created)]
        found = select(literal(_kind(table)), *groups, func.count(), *ends)
        found = found.where(table.c.receiver == "").group_by(*groups)
        connection.execute(insert(kept).from_select(_columns(kept), found))


def make_few(connection: Connection, counts: Counts) -> bool:
    """Sum up rows of changes where there are many; what they say together stays, at every moment.

    It takes a transaction of PostgreSQL. Returns whether there are more than were summed up in this turn.
    """
    if connection.execute(select(func.current_setting("transaction_read_only"))).scalar_one() == "on":
        return False  # a standby, which reads what its primary has made few
    if not connection.execute(select(func.pg_try_advisory_xact_lock(COUNTS_LOCK))).scalar_one():
        return False
    left = [_sum_up(connection, kept) for kept in counts]
    return any(left)


def _sum_up(connection: Connection, counts: Table) -> bool:
    c = counts.c
    changes = select(c.entry).where(c.entry > 0)
    number = connection.execute(
        select(func.count()).select_from(changes.limit(ROWS_AT_ONCE + 1).subquery())
    ).scalar_one()
    if number <= MOST_ROWS:
        return False
    names = [name for name in _columns(counts) if name not in ("number", "lowest", "highest")]
    chosen = select(c.entry, *(c[name] for name in names)).where(c.entry > 0).order_by(c.entry)
    chosen_rows = chosen.limit(ROWS_AT_ONCE).with_for_update(skip_locked=True).cte("chosen")
    gone = delete(counts).where(c.entry == chosen_rows.c.entry).returning(*c).cte("gone")
    groups = select(*(chosen_rows.c[name] for name in names)).distinct().cte("groups")
    same = [c[name] == groups.c[name] for name in names]
    summed = delete(counts).where(c.entry < 0, *same).returning(*c).cte("summed")
    rows = union_all(select(gone), select(summed)).subquery("rows")
    named = [rows.c[name] for name in names]
    sums = select(-func.max(rows.c.entry), *named, func.sum(rows.c.number)).group_by(*named)
    if _has_days(counts):
        # A day of which nothing is left stays: what its bounds are for may be in rows that were not chosen.
        sums = sums.add_columns(func.min(rows.c.lowest), func.max(rows.c.highest))
    else:
        sums = sums.having(func.sum(rows.c.number) != 0)
    connection.execute(insert(counts).from_select(["entry", *_columns(counts)], sums))
    return bool(number > ROWS_AT_ONCE)


def _name_in(metadata: MetaData, name: str) -> str:
    return f"{metadata.schema}.{name}" if metadata.schema else name


def _kind(table: Table) -> str:
    return table.name.removeprefix("ocpi_")


def _has_days(counts: Table) -> bool:
    return "day" in counts.c


def _columns(counts: Table) -> list[str]:
    """Return the columns to insert, those first by which rows are summed up."""
    if _has_days(counts):
        return ["kind", *_OWNER, "day", "number", "lowest", "highest"]
    return ["kind", *_OWNER, "number"]


def _day(moment: str) -> str:
    """Write :func:`day_of` in SQL, whose division rounds towards zero."""
    return f"({moment} - CASE WHEN {moment} < 0 THEN {DAY - 1} ELSE 0 END) / {DAY}"


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)


def _sqlite_prefixes(table: Table) -> tuple[str, str]:
    return f"{table.name}_counts", f"{table.name}_day_counts"


def _change(counts: Table) -> tuple[str, str]:
    """Return the columns whose change is counted, and the condition of triggers that one did."""
    names = ["audience", "country_code", "party_id"]
    old, new = ([f"{row}.{name}" for name in names] for row in ("OLD", "NEW"))
    if _has_days(counts):
        names += ["created", "last_updated"]
        for row, values in (("OLD", old), ("NEW", new)):
            values += [f"{row}.created", _day(f"{row}.last_updated")]
    return ", ".join(names), f"({', '.join(old)}) <> ({', '.join(new)})"


def _values(counts: Table, row: str) -> dict[str, str]:
    """Return what a row of a table counts as: columns and their values in SQL."""
    values = {name: f"{row}.{name}" for name in _OWNER}
    return {**values, "day": _day(f"{row}.last_updated")} if _has_days(counts) else values


def _sqlite(table: Table, counts: Table) -> Iterator[str]:
    def same(row: str) -> str:
        named = (f"{name} = {value}" for name, value in _values(counts, row).items())
        return f"kind = '{_kind(table)}' AND {' AND '.join(named)}"

    ends, moved = "", ""
    if _has_days(counts):
        ends = ", NEW.created, NEW.created"
        moved = ", lowest = min(lowest, NEW.created), highest = max(highest, NEW.created)"
    more = (
        f"INSERT INTO {counts.name} ({', '.join(_columns(counts))})"
        f" SELECT '{_kind(table)}', {', '.join(_values(counts, 'NEW').values())}, 0{ends}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {counts.name} WHERE {same('NEW')});"
        f" UPDATE {counts.name} SET number = number + 1{moved} WHERE {same('NEW')};"
    )
    less = f"UPDATE {counts.name} SET number = number - 1 WHERE {same('OLD')};"
    prefix = _sqlite_prefixes(table)[_has_days(counts)]
    for name in _EVENTS:
        yield f"DROP TRIGGER IF EXISTS {prefix}_{name}"
    names, changed = _change(counts)
    yield (f"CREATE TRIGGER {prefix}_added AFTER INSERT ON {table.name} WHEN NEW.receiver = '' BEGIN {more} END")
    yield (f"CREATE TRIGGER {prefix}_removed AFTER DELETE ON {table.name} WHEN OLD.receiver = '' BEGIN {less} END")
    # Whom a record was received by is a part of its key and never changes.
    yield (
        f"CREATE TRIGGER {prefix}_changed AFTER UPDATE OF {names} ON {table.name}"
        f" WHEN NEW.receiver = '' AND {changed} BEGIN {less} {more} END"
    )


def _postgresql(connection: Connection, table: Table, counts: Table) -> Iterator[str]:
    quote = connection.dialect.identifier_preparer.quote
    name = "ocpi_count_days" if _has_days(counts) else "ocpi_count"
    function = f"{quote(counts.schema)}.{name}" if counts.schema else name
    on, into = _quoted(connection, table), _quoted(connection, counts)

    def noted(row: str, number: int) -> str:
        ends = f", {row}.created, {row}.created" if _has_days(counts) else ""
        values = f"TG_ARGV[0], {', '.join(_values(counts, row).values())}, {number}{ends}"
        return f"INSERT INTO {into} ({', '.join(_columns(counts))}) VALUES ({values});"

    yield (
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'TRUNCATE' THEN PERFORM pg_advisory_xact_lock({COUNTS_LOCK});"
        f" DELETE FROM {into} WHERE kind = TG_ARGV[0]; RETURN NULL; END IF;"
        f" IF TG_OP <> 'INSERT' THEN {noted('OLD', -1)} END IF;"
        f" IF TG_OP <> 'DELETE' THEN {noted('NEW', 1)} END IF;"
        " RETURN NULL; END $$"
    )
    names, changed = _change(counts)
    events = (
        ("added", "INSERT", "WHEN (NEW.receiver = '')"),
        ("removed", "DELETE", "WHEN (OLD.receiver = '')"),
        ("changed", f"UPDATE OF {names}", f"WHEN (NEW.receiver = '' AND {changed})"),
    )
    for event in (*_EVENTS, "emptied"):
        yield f"DROP TRIGGER IF EXISTS {counts.name}_{event} ON {on}"
    for event, what, condition in events:
        yield (
            f"CREATE TRIGGER {counts.name}_{event} AFTER {what} ON {on}"
            f" FOR EACH ROW {condition} EXECUTE FUNCTION {function}('{_kind(table)}')"
        )
    yield (
        f"CREATE TRIGGER {counts.name}_emptied AFTER TRUNCATE ON {on}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function}('{_kind(table)}')"
    )
