"""How many objects each own party has, for whom: kept by the database itself, so that a list need not count them.

Triggers on the tables of objects note each one that comes, goes, or is for others from then on, in ``ocpi_counts``. So
the counts are right whoever writes: another release, or the host application by SQL of its own. Copies of what other
platforms sent are not counted, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

from sqlalchemy import BigInteger
from sqlalchemy import Column
from sqlalchemy import Connection
from sqlalchemy import Identity
from sqlalchemy import Index
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import literal
from sqlalchemy import select
from sqlalchemy import text

NAME = "ocpi_counts"
#: The kinds that are listed, and may be many.
COUNTED = frozenset({"locations", "sessions", "cdrs", "tariffs", "tokens"})
#: On PostgreSQL each change is a row, so that writers do not wait for each other; of more than these one is made.
MOST_ROWS = 500


def define_counts(metadata: MetaData) -> Table:
    """Return the table of counts; it is added to the metadata that lacks it.

    number: how many objects of a kind a party has that are for an audience, or by how much that changed.
    """
    known = metadata.tables.get(f"{metadata.schema}.{NAME}" if metadata.schema else NAME)
    if known is not None:
        return known
    return Table(
        NAME,
        metadata,
        Column(
            "entry", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True, autoincrement=True
        ),
        Column("kind", Text, nullable=False),
        Column("country_code", Text, nullable=False),
        Column("party_id", Text, nullable=False),
        Column("audience", Text, nullable=False),
        Column("number", BigInteger, nullable=False),
        Index(f"ix_{NAME}_owner", "kind", "country_code", "party_id"),
    )


def counts_of(tables: Iterable[Table]) -> Table | None:
    """Return the table of counts that goes with tables of records."""
    for table in tables:
        metadata = table.metadata
        return metadata.tables.get(f"{metadata.schema}.{NAME}" if metadata.schema else NAME)
    return None


def are_kept(connection: Connection, table: Table) -> bool:
    """Tell whether the triggers of a table are there."""
    if connection.dialect.name == "sqlite":
        known = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table AND name LIKE :names"
        found = connection.execute(text(known), {"table": table.name, "names": f"{table.name}_counts_%"})
        return bool(found.scalar_one() == 3)
    known = "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND tgname LIKE 'ocpi_counts_%'"
    known += " AND tgenabled <> 'D'"
    found = connection.execute(text(known), {"table": _quoted(connection, table)})
    return bool(found.scalar_one() == 4)


def keep(connection: Connection, table: Table, counts: Table) -> None:
    """Count what is in a table and have the database keep the counts from then on, unless it does already.

    It takes a transaction; writers wait until that is over.
    """
    if are_kept(connection, table):
        return
    for statement in (
        _sqlite(table, counts)
        if connection.dialect.name == "sqlite"
        else _postgresql(
            _quoted(connection, table), _quoted(connection, counts), _kind(table), _function(connection, counts)
        )
    ):
        connection.exec_driver_sql(statement)
    c = table.c
    connection.execute(delete(counts).where(counts.c.kind == _kind(table)))
    groups = (
        select(literal(_kind(table)), c.country_code, c.party_id, c.audience, func.count())
        .where(c.receiver == "")
        .group_by(c.country_code, c.party_id, c.audience)
    )
    connection.execute(insert(counts).from_select(["kind", "country_code", "party_id", "audience", "number"], groups))


def make_few(connection: Connection, counts: Table) -> None:
    """Make one row of many that count the same; what they say together stays, at every moment."""
    c = counts.c
    if connection.execute(select(func.current_setting("transaction_read_only"))).scalar_one() == "on":
        return  # a standby, which reads what its primary has made few
    if connection.execute(select(func.count()).select_from(counts)).scalar_one() <= MOST_ROWS:
        return
    chosen = select(c.entry).with_for_update(skip_locked=True).cte("chosen")
    gone = delete(counts).where(c.entry == chosen.c.entry).returning(*c).cte("gone")
    named = [gone.c.kind, gone.c.country_code, gone.c.party_id, gone.c.audience]
    sums = select(*named, func.sum(gone.c.number)).group_by(*named).having(func.sum(gone.c.number) != 0)
    connection.execute(insert(counts).from_select([*(column.name for column in named), "number"], sums))


def _kind(table: Table) -> str:
    return table.name.removeprefix("ocpi_")


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)


def _function(connection: Connection, counts: Table) -> str:
    schema = counts.schema
    return f"{connection.dialect.identifier_preparer.quote(schema)}.ocpi_count" if schema else "ocpi_count"


def _sqlite(table: Table, counts: Table) -> Iterator[str]:
    same = "kind = '{kind}' AND country_code = {row}.country_code AND party_id = {row}.party_id"
    same += " AND audience = {row}.audience"
    more = (
        f"INSERT INTO {counts.name} (kind, country_code, party_id, audience, number)"
        f" SELECT '{_kind(table)}', NEW.country_code, NEW.party_id, NEW.audience, 0"
        f" WHERE NOT EXISTS (SELECT 1 FROM {counts.name} WHERE {same});"
        f" UPDATE {counts.name} SET number = number + 1 WHERE {same};"
    ).format(kind=_kind(table), row="NEW")
    less = f"UPDATE {counts.name} SET number = number - 1 WHERE {same};".format(kind=_kind(table), row="OLD")
    trigger = f"CREATE TRIGGER {table.name}_counts"
    changed = "(OLD.audience, OLD.country_code, OLD.party_id) <> (NEW.audience, NEW.country_code, NEW.party_id)"
    yield f"{trigger}_added AFTER INSERT ON {table.name} WHEN NEW.receiver = '' BEGIN {more} END"
    yield f"{trigger}_removed AFTER DELETE ON {table.name} WHEN OLD.receiver = '' BEGIN {less} END"
    # Whom a record was received by is a part of its key and never changes.
    yield (
        f"{trigger}_changed AFTER UPDATE OF audience, country_code, party_id ON {table.name}"
        f" WHEN NEW.receiver = '' AND {changed} BEGIN {less} {more} END"
    )


def _postgresql(table: str, counts: str, kind: str, function: str) -> Iterator[str]:
    yield f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
    insert_into = f"INSERT INTO {counts} (kind, country_code, party_id, audience, number) VALUES (TG_ARGV[0]"
    yield (
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'TRUNCATE' THEN DELETE FROM {counts} WHERE kind = TG_ARGV[0]; RETURN NULL; END IF;"
        f" IF TG_OP <> 'INSERT' THEN {insert_into}, OLD.country_code, OLD.party_id, OLD.audience, -1); END IF;"
        f" IF TG_OP <> 'DELETE' THEN {insert_into}, NEW.country_code, NEW.party_id, NEW.audience, 1); END IF;"
        " RETURN NULL; END $$"
    )
    changed = "(OLD.audience, OLD.country_code, OLD.party_id) <> (NEW.audience, NEW.country_code, NEW.party_id)"
    events = (
        ("added", "INSERT", "WHEN (NEW.receiver = '')"),
        ("removed", "DELETE", "WHEN (OLD.receiver = '')"),
        ("changed", "UPDATE OF audience, country_code, party_id", f"WHEN (NEW.receiver = '' AND {changed})"),
    )
    for name in ("added", "removed", "changed", "emptied"):
        yield f"DROP TRIGGER IF EXISTS ocpi_counts_{name} ON {table}"
    for name, event, condition in events:
        yield (
            f"CREATE TRIGGER ocpi_counts_{name} AFTER {event} ON {table}"
            f" FOR EACH ROW {condition} EXECUTE FUNCTION {function}('{kind}')"
        )
    yield (
        f"CREATE TRIGGER ocpi_counts_emptied AFTER TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function}('{kind}')"
    )
