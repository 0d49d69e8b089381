"""The number of objects of each own party and audience: triggers keep it, so that no list counts all objects.

Triggers on the tables of objects note in ``ocpi_counts`` each object that comes, goes, or changes its audience. So the
counts are right for all writers: another release, or SQL of the host application. Copies are not counted and cost
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

import sqlalchemy as sa

NAME = "ocpi_counts"
#: The kinds with lists that may be long.
COUNTED = frozenset({"locations", "sessions", "cdrs", "tariffs", "tokens"})
#: On PostgreSQL each change is a row, so that writers do not wait for each other; more than these are summed up.
MOST_ROWS = 500
#: The rows that are summed up in one turn; a list may wait for it.
ROWS_AT_ONCE = 5000
# An arbitrary number: the advisory lock on PostgreSQL for summing up and replacing rows of counts.
COUNTS_LOCK = 0x0C91_0222
#: The table in which earlier states counted objects by day; :func:`drop_days` removes it.
DAYS_NAME = "ocpi_day_counts"

_OWNER = ("country_code", "party_id", "audience")
_GROUP = ("kind", *_OWNER)
_EVENTS = ("added", "removed", "changed")


def define_counts(metadata: sa.MetaData) -> sa.Table:
    """Return the table of counts; add it to the metadata if it is missing there.

    entry: rises with each change; below zero in rows in which changes are summed up.
    number: the objects of a kind that a party has for an audience, or the change of that number.
    """
    known = metadata.tables.get(_name_in(metadata))
    if known is not None:
        return known
    return sa.Table(
        NAME,
        metadata,
        sa.Column(
            "entry",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("party_id", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Index(f"ix_{NAME}_owner", "kind", "country_code", "party_id"),
    )


def counts_of(tables: Iterable[sa.Table]) -> sa.Table | None:
    """Return the table of counts that goes with tables of records."""
    for table in tables:
        return table.metadata.tables.get(_name_in(table.metadata))
    return None


def kept_query(table: sa.Table, dialect: sa.Dialect) -> sa.TextClause:
    """Return the query that tells whether the triggers of a table are there, all of them, and enabled."""
    if dialect.name == "sqlite":
        wanted = [f"{table.name}_counts_{event}" for event in _EVENTS]
        found = "sqlite_master WHERE type = 'trigger' AND tbl_name = :table AND name"
        name = table.name
    else:
        wanted = [f"{NAME}_{event}" for event in (*_EVENTS, "emptied")]
        found = "pg_trigger WHERE tgrelid = to_regclass(:table) AND tgenabled <> 'D' AND tgname"
        name = _quoted(dialect, table)
    return sa.text(f"SELECT count(*) = {len(wanted)} FROM {found} IN {tuple(wanted)}").bindparams(table=name)


def keep(connection: sa.Connection, table: sa.Table, counts: sa.Table) -> None:
    """Count the objects in a table and create the triggers that keep the counts, unless they exist.

    Takes a transaction; writers wait until it ends.
    """
    dialect = connection.dialect
    if connection.execute(kept_query(table, dialect)).scalar_one():
        return
    is_sqlite = dialect.name == "sqlite"
    if not is_sqlite:
        connection.exec_driver_sql(f"LOCK TABLE {_quoted(dialect, table)} IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(COUNTS_LOCK)))
    for statement in _sqlite(table, counts) if is_sqlite else _postgresql(dialect, table, counts):
        connection.exec_driver_sql(statement)
    connection.execute(sa.delete(counts).where(counts.c.kind == _kind(table)))
    groups = [table.c[name] for name in _OWNER]
    found = (
        sa.select(sa.literal(_kind(table)), *groups, sa.func.count()).where(table.c.receiver == "").group_by(*groups)
    )
    connection.execute(sa.insert(counts).from_select([*_GROUP, "number"], found))


def drop_days(connection: sa.Connection, counts: sa.Table) -> None:
    """Remove the counts by day, and the triggers that kept them, from a database of an earlier state."""
    if connection.dialect.name == "sqlite":
        for kind in COUNTED:
            for event in _EVENTS:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ocpi_{kind}_day_counts_{event}")
    else:
        function = _in_schema(connection.dialect, counts, "ocpi_count_days")
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {function}() CASCADE")
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_in_schema(connection.dialect, counts, DAYS_NAME)}")


def make_few(connection: sa.Connection, counts: sa.Table) -> bool:
    """Sum up rows of changes if there are many; their sum is the same at every moment.

    Takes a transaction of PostgreSQL. Returns True if rows are left for another turn.
    """
    if connection.execute(sa.select(sa.func.current_setting("transaction_read_only"))).scalar_one() == "on":
        return False  # a standby: its primary sums up the rows
    if not connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(COUNTS_LOCK))).scalar_one():
        return False
    c = counts.c
    changes = sa.select(c.entry).where(c.entry > 0)
    number = connection.execute(
        sa.select(sa.func.count()).select_from(changes.limit(ROWS_AT_ONCE + 1).subquery())
    ).scalar_one()
    if number <= MOST_ROWS:
        return False
    chosen = sa.select(c.entry, *(c[name] for name in _GROUP)).where(c.entry > 0).order_by(c.entry)
    chosen_rows = chosen.limit(ROWS_AT_ONCE).with_for_update(skip_locked=True).cte("chosen")
    gone = sa.delete(counts).where(c.entry == chosen_rows.c.entry).returning(*c).cte("gone")
    groups = sa.select(*(chosen_rows.c[name] for name in _GROUP)).distinct().cte("groups")
    same = [c[name] == groups.c[name] for name in _GROUP]
    summed = sa.delete(counts).where(c.entry < 0, *same).returning(*c).cte("summed")
    rows = sa.union_all(sa.select(gone), sa.select(summed)).subquery("rows")
    named = [rows.c[name] for name in _GROUP]
    sums = sa.select(-sa.func.max(rows.c.entry), *named, sa.func.sum(rows.c.number)).group_by(*named)
    sums = sums.having(sa.func.sum(rows.c.number) != 0)
    connection.execute(sa.insert(counts).from_select(["entry", *_GROUP, "number"], sums))
    return bool(number > ROWS_AT_ONCE)


def _name_in(metadata: sa.MetaData) -> str:
    return f"{metadata.schema}.{NAME}" if metadata.schema else NAME


def _kind(table: sa.Table) -> str:
    return table.name.removeprefix("ocpi_")


def _quoted(dialect: sa.Dialect, table: sa.Table) -> str:
    return dialect.identifier_preparer.format_table(table)


def _in_schema(dialect: sa.Dialect, table: sa.Table, name: str) -> str:
    quote = dialect.identifier_preparer.quote
    return f"{quote(table.schema)}.{name}" if table.schema else name


def _changed() -> str:
    """Return the condition of triggers for an update that changes the counts."""
    old, new = (", ".join(f"{row}.{name}" for name in _OWNER) for row in ("OLD", "NEW"))
    return f"({old}) <> ({new})"


def _sqlite(table: sa.Table, counts: sa.Table) -> Iterator[str]:
    names = ", ".join(_OWNER)

    def same(row: str) -> str:
        return f"kind = '{_kind(table)}' AND {' AND '.join(f'{name} = {row}.{name}' for name in _OWNER)}"

    more = (
        f"INSERT INTO {counts.name} (kind, {names}, number)"
        f" SELECT '{_kind(table)}', {', '.join(f'NEW.{name}' for name in _OWNER)}, 0"
        f" WHERE NOT EXISTS (SELECT 1 FROM {counts.name} WHERE {same('NEW')});"
        f" UPDATE {counts.name} SET number = number + 1 WHERE {same('NEW')};"
    )
    less = f"UPDATE {counts.name} SET number = number - 1 WHERE {same('OLD')};"
    prefix = f"{table.name}_counts"
    for name in _EVENTS:
        yield f"DROP TRIGGER IF EXISTS {prefix}_{name}"
    yield f"CREATE TRIGGER {prefix}_added AFTER INSERT ON {table.name} WHEN NEW.receiver = '' BEGIN {more} END"
    yield f"CREATE TRIGGER {prefix}_removed AFTER DELETE ON {table.name} WHEN OLD.receiver = '' BEGIN {less} END"
    # The receiver is a part of the key and never changes.
    yield (
        f"CREATE TRIGGER {prefix}_changed AFTER UPDATE OF {names} ON {table.name}"
        f" WHEN NEW.receiver = '' AND {_changed()} BEGIN {less} {more} END"
    )


def _postgresql(dialect: sa.Dialect, table: sa.Table, counts: sa.Table) -> Iterator[str]:
    function = _in_schema(dialect, counts, "ocpi_count")
    on, into = _quoted(dialect, table), _quoted(dialect, counts)
    names = ", ".join(_OWNER)

    def noted(row: str, number: int) -> str:
        values = f"TG_ARGV[0], {', '.join(f'{row}.{name}' for name in _OWNER)}, {number}"
        return f"INSERT INTO {into} (kind, {names}, number) VALUES ({values});"

    yield (
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'TRUNCATE' THEN PERFORM pg_advisory_xact_lock({COUNTS_LOCK});"
        f" DELETE FROM {into} WHERE kind = TG_ARGV[0]; RETURN NULL; END IF;"
        f" IF TG_OP <> 'INSERT' THEN {noted('OLD', -1)} END IF;"
        f" IF TG_OP <> 'DELETE' THEN {noted('NEW', 1)} END IF;"
        " RETURN NULL; END $$"
    )
    events = (
        ("added", "INSERT", "WHEN (NEW.receiver = '')"),
        ("removed", "DELETE", "WHEN (OLD.receiver = '')"),
        ("changed", f"UPDATE OF {names}", f"WHEN (NEW.receiver = '' AND {_changed()})"),
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
