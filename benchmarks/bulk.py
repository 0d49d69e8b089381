"""Measure very many objects at once: ``flask ocpi import`` of a file of locations, and a sync that fetches them all.

Run with ``python -m benchmarks.bulk [--objects 20000]``, on a SQLite file and, where it is installed, on PostgreSQL.
The file is made first and not counted. Printed are objects a second: of a first import, of one that replaces them all,
and of a sync of two platforms in this process: one that stores all, and another one in which nothing changed. What
Python's objects took is measured in runs of their own, of a tenth and of a fifth of the objects, since measuring it
takes time: it must not grow with their number, beyond the keys that a whole list is compared by.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import orjson
from sqlalchemy import create_engine

from flask_ocpi import OCPI
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage
from flask_ocpi.sync.syncing import Synced
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from tests.servers import POSTGRESQL
from tests.servers import postgres

OBJECTS = 20_000
MOST_GROWTH = 1.3
#: Bytes that a sync may keep of each object of a whole list: its key here, and its key there.
KEPT_BY_SYNC = 1200

Storages = Callable[[str], Storage]


def write_file(path: Path, count: int) -> Path:
    document = location(evses=[evse(uid=f"E{i}", connectors=[connector(), connector(id="2")]) for i in range(2)])
    with path.open("wb") as file:
        file.write(b'{"locations": [')
        for number in range(count):
            file.write((b",\n" if number else b"\n") + orjson.dumps({**document, "id": f"LOC{number}"}))
        file.write(b"\n]}\n")
    return path


class Neighbours:
    """An operator with locations, and a provider that syncs them, each with a storage of its own."""

    def __init__(self, storages: Storages) -> None:
        config = {"OCPI_PUSH": False, "OCPI_JOURNAL": "off", "OCPI_DISPATCHER": "none"}
        self.network = Network(config=config)
        self.cpo = self.network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storages("cpo"))
        self.emsp = self.network.add("emsp.example", [("DE", "EMS", ["EMSP"])], storage=storages("emsp"))
        self.network.connect(self.emsp, self.cpo)
        # It would keep each of them.
        self.network.before_send = lambda request: self.network.requests.clear()

    def import_file(self, path: Path) -> None:
        result = self.network.apps["cpo.example"].test_cli_runner().invoke(args=["ocpi", "import", str(path)])
        if result.exit_code:
            raise SystemExit(f"The import failed: {result.output}")

    def sync(self) -> Synced:
        (synced,) = self.emsp.sync(modules=["locations"], full=True)
        if not synced.is_complete or synced.pulled.broken:
            raise SystemExit(f"The sync failed: {synced}")
        return synced


def stored(ocpi: OCPI) -> int:
    return ocpi.storage.list("locations", Query(receiver="", limit=1)).total


def rate(work: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def peak(work: Callable[[], object]) -> int:
    """Return how many bytes Python's objects took at the most, beyond what was there."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def measure_rates(storages: Storages, path: Path, count: int) -> None:
    both = Neighbours(storages)
    figures = {
        "import": rate(lambda: both.import_file(path), count),
        "import again": rate(lambda: both.import_file(path), count),
        "sync": rate(both.sync, count),
        "sync again": rate(both.sync, count),
    }
    copies = sum(kept.number for kept in both.emsp.copies.counts())
    if (stored(both.cpo), copies) != (count, count):
        raise SystemExit(f"Of {count} objects {copies} arrived.")
    for name, figure in figures.items():
        sys.stdout.write(f"    {name:<13} {figure:>8,.0f} objects/s\n")


def measure_memory(make: Callable[[], Storages], folder: Path, count: int) -> bool:
    """Print what importing and syncing takes at two numbers of objects; False when it grows with them."""
    found: dict[str, list[int]] = {"import": [], "sync": [], "sync again": []}
    counts = (count // 10, count // 5)
    for number in (100, *counts):  # the first one fills the caches
        both = Neighbours(make())
        path = write_file(folder / f"{number}.json", number)
        peaks = [peak(lambda both=both, path=path: both.import_file(path)), peak(both.sync), peak(both.sync)]
        if number in counts:
            for figures, figure in zip(found.values(), peaks, strict=True):
                figures.append(figure)
    is_flat = True
    for name, (few, more) in found.items():
        allowed = few * MOST_GROWTH + (KEPT_BY_SYNC * (counts[1] - counts[0]) if name != "import" else 0)
        is_flat &= more <= allowed
        each = (more - few) / (counts[1] - counts[0])
        sys.stdout.write(
            f"    {name:<13} {more / 1e6:>6.1f} MB of {counts[1]:,} objects, {more / few:.2f} times that of "
        )
        sys.stdout.write(f"{counts[0]:,}, {each:,.0f} bytes for each more\n")
    return is_flat


@contextmanager
def sqlite_files(folder: Path) -> Iterator[Callable[[], Storages]]:
    with ExitStack() as stack:
        numbers = iter(range(1000))

        def make() -> Storages:
            number = next(numbers)
            return lambda name: stack.enter_context(sqlalchemy_storage(f"sqlite:///{folder}/{name}{number}.sqlite"))

        yield make


def made_database(url: str, name: str) -> str:
    """Create a database on the server, and return its URL."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure importing and syncing very many objects.")
    parser.add_argument("--objects", type=int, default=OBJECTS)
    count = parser.parse_args().objects
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_file(folder / "all.json", count)
        sys.stdout.write(f"{count:,} locations of {path.stat().st_size // count:,} bytes\n  SQLite\n")
        with sqlite_files(folder) as make:
            measure_rates(make(), path, count)
            is_flat = measure_memory(make, folder, count)
        with postgres() as url, ExitStack() as stack:
            if url is None:
                sys.stdout.write(f"  PostgreSQL: left out, {POSTGRESQL} is not installed.\n")
            else:
                sys.stdout.write("  PostgreSQL\n")
                measure_rates(
                    lambda name: stack.enter_context(sqlalchemy_storage(made_database(url, name))), path, count
                )
    if not is_flat:
        sys.stdout.write("Memory grows with the number of objects.\n")
    return int(not is_flat)


if __name__ == "__main__":
    sys.exit(main())
