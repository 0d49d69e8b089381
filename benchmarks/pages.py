"""Measure what pages cost by the number of objects, on SQLite and PostgreSQL: by cursor, by dates, by audience.

Run with ``python -m benchmarks.pages``; it takes about a minute, and five with ``--sizes 1000 1000000``. Each database
gets a table of Sessions of one owner for each size, changed one after another in the order of their creation, half of
them for the caller and half for another. In each round every table in turn is asked once. Time is what passes in this
process; printed are medians in milliseconds, in brackets the least, and the ratio of medians to the smallest size.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import text

from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import Record
from flask_ocpi.storage import counts
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing import documents
from tests.servers import postgres

SIZES = (1_000, 100_000)
ROUNDS = 30
WARMING = 7  # rounds in which statements are prepared
SECONDS_BETWEEN = 60  # between the last_updated of two objects: a million in two years
OWNER = Party.of("NL", "ABC")
CALLER = Party.of("DE", "EM1")
SERIES = {
    "postgresql": "generate_series(0, {size} - 1) AS series(n)",
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {size} - 1) SELECT n FROM s)",
}
FILL = """
INSERT INTO ocpi_sessions (country_code, party_id, id, audience, last_updated, revision, document)
SELECT 'NL', 'ABC', 'S' || n, CASE n % 2 WHEN 0 THEN ',DE-EM1,' ELSE ',DE-EM2,' END,
       {begin} + CAST(n AS bigint) * {step}, 1, :document
FROM {series}
"""
BEGIN = 1_641_600_000_000_000  # microseconds


@dataclass
class Table:
    """A table of objects in a database of its own, or a schema."""

    storage: SQLAlchemyStorage
    engine: Engine
    size: int
    step: int

    def changed(self, number: int) -> int:
        return BEGIN + number * self.step


def queries(table: Table, audience: tuple[Party, ...] | None) -> dict[str, Query]:
    """Return what is measured: each answers 50 objects."""
    size = table.size
    everything = Query(owners=(OWNER,), receiver="", audience=audience)

    def asking(*, after: int | None = None, since: int | None = None, until: int | None = None) -> Query:
        dated = since is not None or until is not None
        return Query(
            owners=everything.owners,
            receiver="",
            audience=audience,
            after=None if after is None else f"{after}-{size}" if dated else str(after),
            date_from=None if since is None else table.changed(since),
            date_to=None if until is None else table.changed(until),
        )

    return {
        "first page": asking(),
        "middle by cursor": asking(after=size // 2),
        "small delta": asking(since=size - 100),
        "nearly all match": asking(since=100),
        "nearly all, by cursor": asking(since=100, after=size // 2),
        "half match": asking(since=size // 2),
        "half match, by cursor": asking(since=size // 2, after=size * 3 // 4),
        "the earlier half match": asking(until=size // 2),
    }


def fill(table: Table) -> None:
    """Make the objects in the database, sum up its counts, and count them as autovacuum would."""
    table.storage.setup()
    name = table.engine.dialect.name
    statement = FILL.format(series=SERIES[name].format(size=table.size), begin=BEGIN, step=table.step)
    with table.engine.begin() as connection:
        connection.execute(text(statement), {"document": Record.of(documents.session()).text.decode()})
    own = counts.counts_of(define_tables(MetaData(), ("sessions",)).values())
    assert own is not None
    has_more = name == "postgresql"
    while has_more:
        with table.engine.begin() as connection:
            has_more = counts.make_few(connection, own)
    with table.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if name == "postgresql" else "ANALYZE"))


@contextmanager
def tables(database: str, sizes: list[int], step: int) -> Iterator[list[Table]]:
    """Make a table of each size in a throw-away database."""
    made = []
    with tempfile.TemporaryDirectory() as folder, postgres() as url:
        for size in sizes:
            if database == "sqlite":
                engine = create_engine(f"sqlite:///{folder}/{size}.sqlite")
            else:
                if url is None:
                    raise SystemExit("PostgreSQL is not installed.")
                with create_engine(url).begin() as connection:
                    connection.execute(text(f"CREATE SCHEMA of_{size}"))
                engine = create_engine(url, connect_args={"options": f"-csearch_path=of_{size} -cjit=off"})
            storage = SQLAlchemyStorage(engine, define_tables(MetaData(), ("sessions",)))
            table = Table(storage, engine, size, step)
            began = perf_counter()
            fill(table)
            print(f"{database}: {size:,} objects made in {perf_counter() - began:.1f} s", flush=True)
            made.append(table)
        yield made
        for table in made:
            table.engine.dispose()


def measure(made: list[Table], asked: list[Query], rounds: int) -> list[list[float]]:
    """Return the milliseconds of each table in each round."""
    taken: list[list[float]] = [[] for _ in made]
    for number in range(WARMING + rounds):
        for table, query, times in zip(made, asked, taken, strict=True):
            began = perf_counter()
            page = table.storage.list("sessions", query)
            passed = perf_counter() - began
            assert len(page.records) == 50
            if number >= WARMING:
                times.append(passed * 1000)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="objects in a table, rising, from 1,000")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--seconds-between", type=int, default=SECONDS_BETWEEN, help="between two objects' changes")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    for database in chosen.databases:
        with tables(database, chosen.sizes, chosen.seconds_between * 1_000_000) as made:
            for audience, whose in ((None, "all objects"), ((CALLER,), "for one of two")):
                all_asked = [queries(table, audience) for table in made]
                for name in all_asked[0]:
                    taken = measure(made, [asked[name] for asked in all_asked], chosen.rounds)
                    texts = [f"{median(times):8.2f} ({min(times):.2f})" for times in taken]
                    ratio = median(taken[-1]) / median(taken[0])
                    print(f"  {name + ', ' + whose:<38}{''.join(texts)}  {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
