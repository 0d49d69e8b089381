"""Migration: moves records from tables with earlier names to the current ones."""

from __future__ import annotations

import logging
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from flask_ocpi.core.advice import warn_of_removal
from flask_ocpi.storage.tables import FEWER_INDEXES
from flask_ocpi.storage.tables import insert_into

#: The earlier and the current names of kinds of records.
RENAMED = {
    "push_marks": "outbox",
    "push_circuits": "circuits",
    "sync_misses": "missing_objects",
    "results_due": "incoming_requests",
    "results_awaited": "outgoing_requests",
    "result_deadlines": "request_deadlines",
}
#: Kinds whose records are no longer used.
GONE = ("push_lanes",)
#: Kinds whose records of before, with ids of so many characters, cannot be read any more: each message had its own.
_UNREADABLE = {"journal": 24, "journal_references": 24}

_COLUMNS = ("country_code", "party_id", "id", "receiver", "audience", "last_updated", "revision", "document")

_log = logging.getLogger("flask_ocpi")


def migrate(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> None:
    """Move the records of tables with an earlier name, in their order, and drop these tables, in a transaction.

    The records move to the current tables, in the same schema. A record that exists there stays.
    """
    found: list[str] = []
    for schema in {table.schema for table in tables.values()}:
        here = set(sa.inspect(connection).get_table_names(schema))
        found += sorted(here & {f"ocpi_{old}" for old in (*RENAMED, *GONE)})
        for old, new in RENAMED.items():
            table = tables.get(new)
            if f"ocpi_{old}" in here and table is not None and table.schema == schema:
                _move(connection, f"ocpi_{old}", table)
        for kind in GONE:
            if f"ocpi_{kind}" in here:
                sa.Table(f"ocpi_{kind}", sa.MetaData(), schema=schema).drop(connection)
    for kind, kept in FEWER_INDEXES.items():
        if kind in tables:
            _drop_indexes(connection, tables[kind], kept)
            for index in tables[kind].indexes:
                index.create(connection, checkfirst=True)
    for kind, length in _UNREADABLE.items():
        if kind in tables:
            id = tables[kind].c.id
            connection.execute(sa.delete(tables[kind]).where(sa.func.length(id) == length))
    if found:
        warn_of_removal(
            f"Moving the tables of a database from before 1.0 ({', '.join(found)})",
            removed_in="2.0",
            instead="They are moved now; run `flask ocpi init-db` on your other databases with a release 1.x.",
        )


def _drop_indexes(connection: sa.Connection, table: sa.Table, kept: Collection[str]) -> None:
    """Drop the indexes that a table had in an earlier state of the package."""
    names = {f"ix_{table.name}_{column}" for column in ("created", "last_updated") if column not in kept}
    here = {each["name"] for each in sa.inspect(connection).get_indexes(table.name, schema=table.schema)}
    old = sa.Table(table.name, sa.MetaData(), sa.Column("created", sa.BigInteger), schema=table.schema)
    for name in sorted(names & here):
        sa.Index(name, old.c.created).drop(connection)


def _move(connection: sa.Connection, name: str, to: sa.Table) -> None:
    old = sa.Table(name, sa.MetaData(), schema=to.schema, autoload_with=connection)
    found = sa.select(*(old.c[column] for column in _COLUMNS)).where(sa.true()).order_by(old.c.created)
    insert: Any = insert_into(to, connection.dialect.name).from_select(_COLUMNS, found)
    moved = connection.execute(insert.on_conflict_do_nothing(index_elements=_COLUMNS[:4]))
    old.drop(connection)
    _log.warning("Moved %d records of the table %s to %s.", moved.rowcount, name, to.name)
