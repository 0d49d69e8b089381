"""Measure very many objects at once: ``flask ocpi import`` of a file of locations. Syncs: ``benchmarks.pulling``.

Run with ``python -m benchmarks.bulk [--objects 20000]``, on a SQLite file and, where it is installed, on PostgreSQL.
The file is made first and not counted. Printed are objects a second: of a first import, and of one that replaces them
all. What Python's objects took is measured in runs of their own, of a tenth and of a fifth of the objects, since
measuring it takes time: it must not grow with their number.
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
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from tests.servers import POSTGRESQL
from tests.servers import postgres

OBJECTS = 20_000
MOST_GROWTH = 1.3
Storages = Callable[[str], Storage]


def write_file(path: Path, count: int) -> Path:
    document = location(evses=[evse(uid=f"E{i}", connectors=[connector(), connector(id="2")]) for i in range(2)])
    with path.open("wb") as file:
        file.write(b'{"locations": [')
        for number in range(count):
            file.write((b",\n" if number else b"\n") + orjson.dumps({**document, "id": f"LOC{number}"}))
        file.write(b"\n]}\n")
    return path


class Operator:
    """An operator with locations that nobody receives."""

    def __init__(self, storages: Storages) -> None:
        config = {"OCPI_PUSH": False, "OCPI_JOURNAL": "off", "OCPI_DISPATCHER": "none"}
        self.network = Network(config=config)
        self.ocpi = self.network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storages("cpo"))

    def import_file(self, path: Path) -> None:
        result = self.network.apps["cpo.example"].test_cli_runner().invoke(args=["ocpi", "import", str(path)])
        if result.exit_code:
            raise SystemExit(f"The import failed: {result.output}")


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
    operator = Operator(storages)
    figures = {name: rate(lambda: operator.import_file(path), count) for name in ("import", "import again")}
    if stored(operator.ocpi) != count:
        raise SystemExit(f"Of {count} objects {stored(operator.ocpi)} were stored.")
    for name, figure in figures.items():
        sys.stdout.write(f"    {name:<13} {figure:>8,.0f} objects/s\n")


def measure_memory(make: Callable[[], Storages], folder: Path, count: int) -> bool:
    """Print what importing takes at two numbers of objects; False when it grows with them."""
    few, many = count // 10, count // 5
    peaks = {}
    for number in (100, few, many):  # the first one fills the caches
        operator = Operator(make())
        path = write_file(folder / f"{number}.json", number)
        peaks[number] = peak(lambda operator=operator, path=path: operator.import_file(path))
    sys.stdout.write(f"    import        {peaks[many] / 1e6:>6.1f} MB of {many:,} objects, ")
    sys.stdout.write(f"{peaks[many] / peaks[few]:.2f} times that of {few:,}\n")
    return peaks[many] <= peaks[few] * MOST_GROWTH


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
    parser = argparse.ArgumentParser(description="Measure importing very many objects.")
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
