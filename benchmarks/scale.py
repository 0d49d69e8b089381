"""Measure what lists, reads and writes cost on PostgreSQL, by number of objects and owners, whole and in partitions.

Run with ``python -m benchmarks.scale`` on Linux; it takes up to three minutes. A throw-away PostgreSQL gets tables of
1,000 and 100,000 Sessions (or as --sizes says) of one owner, and of 500 owners; those of the largest size also in
partitions as examples/deploy/partitions.py makes them. In each round every table in turn is asked once. Time is that
of the processor, in this process and in the server's that answers it, so that what else the machine does counts less.
Printed are medians in milliseconds, in brackets the middle half of the rounds, and ratios: to the smallest table, and
of the partitioned ones to the same table as a whole.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from time import process_time

from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import text

from examples.deploy.partitions import Scheme
from examples.deploy.partitions import by_country
from examples.deploy.partitions import hashed
from examples.deploy.partitions import partition
from flask_ocpi import Key
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import Record
from flask_ocpi import Storage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing import documents
from tests.servers import postgres

SIZES = (1_000, 100_000)
OWNERS = (1, 500)
COUNTRIES = ("NL", "DE", "FR", "BE", "AT", "CH", "IT", "ES", "DK", "SE")
PARTITIONED: dict[str, Scheme] = {"hash": hashed(16), "list": by_country(COUNTRIES)}
ROUNDS = 20
WARMING = 7  # rounds in which statements are prepared
# One process of the server answers, and its time is what is measured.
OPTIONS = "-csearch_path={schema} -cmax_parallel_workers_per_gather=0 -cjit=off"
CALLER = Party.of("DE", "EM1")
SECONDS_BETWEEN = 5  # between the last_updated of two objects

# Owners of a country by number: NL-000, DE-001, ...; half of the objects are for the caller alone, half for another.
FILL = """
INSERT INTO ocpi_sessions (country_code, party_id, id, audience, last_updated, revision, document)
SELECT (ARRAY[{countries}])[1 + (n % {owners}) % {number}], lpad((n % {owners})::text, 3, '0'), 'S' || n,
       CASE n % 2 WHEN 0 THEN ',DE-EM1,' ELSE ',DE-EM2,' END, n::bigint * {step} * 1000000, 1, :document
FROM generate_series(0, {size} - 1) AS n
"""


@dataclass
class Table:
    """A table with objects: its storage, and what is in it."""

    storage: Storage
    engine: Engine
    size: int
    owners: int
    scheme: str

    @property
    def server_process(self) -> Path:
        """Where Linux tells of the server's process behind the only connection."""
        with self.engine.connect() as connection:
            return Path(f"/proc/{connection.execute(text('SELECT pg_backend_pid()')).scalar_one()}/schedstat")

    def owner(self, number: int) -> Party:
        return Party.of(COUNTRIES[number % self.owners % len(COUNTRIES)], f"{number % self.owners:03}")

    def key(self, number: int) -> Key:
        return Key.of(*self.owner(number), f"S{number}")


def first_page(table: Table) -> None:
    """Ask for the first 50 objects of one owner that the caller may see, and how many there are."""
    query = Query(owners=(table.owner(2),), receiver="", audience=(CALLER,))
    assert table.storage.list("sessions", query).records


def several_owners(table: Table) -> None:
    """Ask for the first 50 of 20 owners: those of a platform that speaks for so many parties."""
    owners = tuple(table.owner(number) for number in range(min(table.owners, 20)))
    assert table.storage.list("sessions", Query(owners=owners, receiver="", audience=(CALLER,))).records


def changes(table: Table) -> None:
    """Ask for what one owner changed at last, a hundred objects: what a partner does every few minutes."""
    since = (table.size - 100 * table.owners) * SECONDS_BETWEEN * 1_000_000
    query = Query(owners=(table.owner(2),), receiver="", audience=(CALLER,), date_from=max(since, 0))
    assert table.storage.list("sessions", query).records


def get(table: Table) -> None:
    assert table.storage.get("sessions", table.key(random.randrange(table.size)))


def put(table: Table) -> None:
    """Replace an object as a request does: locked, in a transaction."""
    key = table.key(random.randrange(table.size))
    with table.storage.transaction():
        found = table.storage.get("sessions", key, for_update=True)
        assert found is not None
        table.storage.save("sessions", key, Record(found.text, found.last_updated, found.audience))


ASKED: dict[str, Callable[[Table], None]] = {
    "page of one owner": first_page,
    "page of 20 owners (or 1)": several_owners,
    "changes of one owner": changes,
    "get": get,
    "put": put,
}


def fill(table: Table, scheme: Scheme | None) -> None:
    """Make the objects in the database, and count them as autovacuum would."""
    table.storage.setup()
    countries = ", ".join(f"'{code}'" for code in COUNTRIES)
    statement = FILL.format(
        countries=countries, owners=table.owners, number=len(COUNTRIES), size=table.size, step=SECONDS_BETWEEN
    )
    with table.engine.begin() as connection:
        if scheme is not None:
            partition(connection, "sessions", scheme)
        connection.execute(text(statement), {"document": Record.of(documents.session()).text.decode()})
    with table.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE ocpi_sessions"))


def make_tables(url: str, sizes: Sequence[int], numbers: Sequence[int], schemes: Mapping[str, Scheme]) -> list[Table]:
    """Make every table in a schema of its own, and say how long that took."""
    tables = []
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    kinds: list[tuple[int, str]] = [(size, "whole") for size in sizes]
    kinds += [(max(sizes), name) for name in schemes]
    for size, scheme in kinds:
        for owners in numbers:
            schema = f"{scheme}_{size}_{owners}"
            with admin.connect() as connection:
                connection.execute(text(f"CREATE SCHEMA {schema}"))
            engine = create_engine(
                url, pool_size=1, max_overflow=0, connect_args={"options": OPTIONS.format(schema=schema)}
            )
            storage = SQLAlchemyStorage(engine, define_tables(MetaData(), ("sessions",)))
            table = Table(storage, engine, size, owners, scheme)
            began = perf_counter()
            fill(table, schemes.get(scheme))
            print(f"{size:>9,} objects of {owners:>3} owners, {scheme}: made in {perf_counter() - began:.1f} s")
            tables.append(table)
    admin.dispose()
    return tables


def measure(tables: list[Table], ask: Callable[[Table], None], rounds: int) -> list[list[float]]:
    """Return the milliseconds of each table in each round."""
    taken: list[list[float]] = [[] for _ in tables]
    servers = [table.server_process for table in tables]
    for number in range(WARMING + rounds):
        for table, server, times in zip(tables, servers, taken, strict=True):
            began = process_time() + server_time(server)
            ask(table)
            if number >= WARMING:
                times.append((process_time() + server_time(server) - began) * 1000)
    return taken


def server_time(process: Path) -> float:
    """Return the seconds for which a process has had a processor."""
    return int(process.read_text(encoding="ascii").split()[0]) / 1e9


def report(name: str, tables: list[Table], taken: list[list[float]]) -> None:
    print(f"\n{name}")
    medians = {}
    for table, times in zip(tables, taken, strict=True):
        low, median, high = quantiles(times, n=4)
        medians[table.size, table.owners, table.scheme] = median
        if table.scheme == "whole":
            smallest = medians[tables[0].size, table.owners, "whole"]
            ratio = f"{median / smallest:.1f} x the smallest"
        else:
            ratio = f"{median / medians[table.size, table.owners, 'whole']:.2f} x the whole table"
        what = f"{table.size:>9,} of {table.owners:>3}, {table.scheme}:"
        print(f"  {what:<26} {median:8.2f} ms ({low:.2f} to {high:.2f})  {ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="objects in a table, rising")
    parser.add_argument("--owners", type=int, nargs="+", default=OWNERS, help="owners of the objects in a table")
    parser.add_argument("--whole", action="store_true", help="without tables in partitions")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    with postgres() as url:
        if url is None:
            raise SystemExit("PostgreSQL is not installed.")
        tables = make_tables(url, chosen.sizes, chosen.owners, {} if chosen.whole else PARTITIONED)
        try:
            for name, ask in ASKED.items():
                report(name, tables, measure(tables, ask, chosen.rounds))
        finally:
            for table in tables:
                table.engine.dispose()


if __name__ == "__main__":
    main()
