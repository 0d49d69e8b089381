"""A kind's table in partitions by owner, on PostgreSQL: to be called in a migration of the application.

In a revision of Flask-Migrate: ``def upgrade(): partition(op.get_bind(), "locations", hashed(16))``. Its env.py has to
leave the partitions alone, which no model declares: ``context.configure(..., include_name=is_no_partition)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

Scheme = tuple[str, Mapping[str, str]]


def hashed(parts: int) -> Scheme:
    """Spread the owners over so many partitions."""
    values = {f"part{number}": f"FOR VALUES WITH (MODULUS {parts}, REMAINDER {number})" for number in range(parts)}
    return "HASH (country_code, party_id)", values


def by_country(codes: Iterable[str]) -> Scheme:
    """Make a partition for each of these countries, and one for all others."""
    values = {f"part_{code.lower()}": f"FOR VALUES IN ('{code.upper()}')" for code in codes}
    return "LIST (country_code)", {**values, "part_others": "DEFAULT"}


def partition(connection: Connection, kind: str, scheme: Scheme) -> None:
    """Put a partitioned table in the place of that of a kind, with all its records.

    The primary key has to have the columns that it is partitioned by. That ``created`` is unique by itself is seen to
    by its sequence, which goes on where it was.
    """
    name = f"ocpi_{kind}"
    by, parts = scheme
    old = f"{name}_unparted"
    for statement in (
        f"LOCK TABLE {name}",
        f"ALTER TABLE {name} RENAME TO {old}",
        f"ALTER TABLE {old} DROP CONSTRAINT {name}_pkey, DROP CONSTRAINT uq_{name}_key",
        f"DROP INDEX ix_{name}_created, ix_{name}_last_updated",
        f"CREATE TABLE {name} (LIKE {old} INCLUDING DEFAULTS) PARTITION BY {by}",
        *(f"CREATE TABLE {name}_{part} PARTITION OF {name} {values}" for part, values in parts.items()),
        f"INSERT INTO {name} SELECT * FROM {old}",  # noqa: S608 - the names of kinds are ours
        f"CREATE SEQUENCE {name}_number OWNED BY {name}.created",
        f"SELECT setval('{name}_number', nextval(pg_get_serial_sequence('{old}', 'created')), false)",
        f"ALTER TABLE {name} ALTER created SET DEFAULT nextval('{name}_number')",
        f"DROP TABLE {old}",
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_pkey PRIMARY KEY (created, country_code, party_id),"
        f" ADD CONSTRAINT uq_{name}_key UNIQUE (country_code, party_id, id, receiver)",
        f"CREATE INDEX ix_{name}_created ON {name} (receiver, country_code, party_id, created)",
        f"CREATE INDEX ix_{name}_last_updated ON {name} (receiver, country_code, party_id, last_updated)",
        f"ANALYZE {name}",
    ):
        connection.exec_driver_sql(statement)


def is_no_partition(name: str | None, type_: str, parent_names: Any) -> bool:
    """Tell Alembic, as its ``include_name``, that partitions are no tables of their own."""
    return type_ != "table" or name is None or not re.fullmatch(r"ocpi_\w+_part(\d+|_\w+)", name)
