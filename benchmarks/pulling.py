"""Measure pulls and syncs over loopback from partners that serve prepared pages.

Run with ``python -m benchmarks.pulling``, on a SQLite file and, where it is installed, on PostgreSQL. The partners are
processes that send bytes made before, so they are not the limit. An object is a Location of 1,060 bytes with two EVSEs
and four connectors. Printed are objects a second, and the process time of each: of a sync that stores all, of one in
which nothing changed, and of one in which every object changed; first of one partner, then of four side by side. A bare
loop that fetches the same pages, decodes them, and writes their texts with executemany shows how busy the machine is.
Partners that answer after a pause (``--pause 0.05`` seconds) show what syncing side by side brings. Memory is what
Python's objects take at the most, in runs of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import urllib3
from flask import Flask

from benchmarks.bulk import made_database
from flask_ocpi import OCPI
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.servers import POSTGRESQL
from tests.servers import postgres

OBJECTS = 20_000
PAGE = 500
PARTNERS = 4
MOMENTS = ("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nX-Total-Count: {total}\r\n"


def partner(ports: Any, party: str, total: int, page: int, pause: float) -> None:
    """Serve a list at ``/{state}``, of which there are two: in the second one every object has changed."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    pages = {f"/{state}": _pages(port, state, party, total, page) for state in range(len(MOMENTS))}
    ports.put(port)

    def serve(sock: socket.socket) -> None:
        lines = sock.makefile("rb")
        while start := lines.readline():
            while lines.readline() not in (b"\r\n", b""):
                pass
            path, _, query = start.split()[1].decode().partition("?")
            offset = int(query.partition("offset=")[2].partition("&")[0] or 0)
            time.sleep(pause)
            sock.sendall(pages[path][offset // page])

    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def _pages(port: int, state: int, party: str, total: int, page: int) -> list[bytes]:
    evses = [evse(uid=f"E{i}", connectors=[connector(), connector(id="2")]) for i in range(2)]
    document = location(country_code="DE", party_id=party, evses=evses, last_updated=MOMENTS[state])
    made = []
    for start in range(0, total, page):
        documents = [{**document, "id": f"LOC{n}"} for n in range(start, min(start + page, total))]
        body = orjson.dumps({"data": documents, "status_code": 1000, "timestamp": "2026-01-01T12:00:00Z"})
        head = _HEAD.format(length=len(body), total=total)
        if start + page < total:
            head += f'Link: <http://127.0.0.1:{port}/{state}?offset={start + page}&limit={page}>; rel="next"\r\n'
        made.append(f"{head}\r\n".encode() + body)
    return made


@contextmanager
def partners(number: int, total: int, page: int, pause: float = 0) -> Iterator[dict[str, int]]:
    """Start some; yield their ports by party."""
    context = multiprocessing.get_context("spawn")
    found, servers = {}, []
    try:
        for place in range(number):
            ports = context.Queue()
            server = context.Process(target=partner, args=(ports, f"P{place:02}", total, page, pause), daemon=True)
            server.start()
            servers.append(server)
            found[f"P{place:02}"] = ports.get(timeout=120)
        yield found
    finally:
        for server in servers:
            server.terminate()
            server.join()


class Provider:
    """A platform that is registered with the partners."""

    def __init__(self, url: str, folder: Path, ports: dict[str, int]) -> None:
        app = Flask("platform", instance_path=str(folder))
        app.config.update(
            SECRET_KEY="a secret",
            OCPI_PARTIES=[party_settings("NL", "ABC", ["EMSP"])],
            OCPI_BASE_URL="http://127.0.0.1:1",
            OCPI_HTTP_ALLOW_PRIVATE=True,
            OCPI_DISPATCHER="none",
            OCPI_CREATE_TABLES=True,
            SQLALCHEMY_DATABASE_URI=url,
        )
        self.ocpi = OCPI(app)
        self.ports = ports
        for party in ports:
            add_partner(app, [("DE", party, ["CPO"])], name=party)
        self.offer(0)

    def offer(self, state: int) -> None:
        """Have the partners list their objects in one of the two states."""
        for party, port in self.ports.items():
            before = self.ocpi.services.platforms.find(party.lower())
            url = f"http://127.0.0.1:{port}/{state}"
            endpoints = ({"identifier": "locations", "role": "SENDER", "url": url},)
            self.ocpi.services.platforms.save(replace(before, endpoints=endpoints), before=before)

    def sync(self) -> dict[str, int]:
        found = self.ocpi.sync(modules=["locations"], full=True)
        for synced in found:
            if not synced.is_complete or synced.pulled.broken:
                raise SystemExit(f"The sync failed: {synced}")
        return {name: sum(getattr(s.pulled, name) for s in found) for name in ("created", "updated", "unchanged")}


def bare(port: int, total: int, page: int, folder: Path) -> None:
    """Fetch all pages over one connection, decode them, and write a row for each object to a SQLite file."""
    pool = urllib3.PoolManager(retries=False)
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("DROP TABLE IF EXISTS t")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, document TEXT)")
    for offset in range(0, total, page):
        answer = pool.request("GET", f"http://127.0.0.1:{port}/0?offset={offset}")
        documents = orjson.loads(answer.data)["data"]
        connection.execute("BEGIN IMMEDIATE")
        rows = [(document["id"], orjson.dumps(document).decode()) for document in documents]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    connection.close()


def timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Return how many a second, and the process time of each in microseconds."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


def say(name: str, figures: tuple[float, float]) -> None:
    sys.stdout.write(f"    {name:<28} {figures[0]:>8,.0f} objects/s {figures[1]:>6.0f} us of process time each\n")
    sys.stdout.flush()


def measure_rates(url: str, folder: Path, ports: dict[str, int], total: int) -> None:
    provider, count = Provider(url, folder, ports), total * len(ports)
    for name, state, kind in (
        ("sync, all new", 0, "created"),
        ("sync, nothing changed", 0, "unchanged"),
        ("sync, all changed", 1, "updated"),
    ):
        provider.offer(state)
        found: dict[str, int] = {}
        figures = timed(lambda found=found: found.update(provider.sync()), count)
        if found[kind] != count:
            raise SystemExit(f"{name}: {found} of {count}")
        say(name, figures)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def measure_memory(folder: Path, sizes: tuple[int, int], page: int) -> None:
    found: dict[str, list[int]] = {"all new": [], "nothing changed": []}
    for size in (page, *sizes):  # the first one fills the caches
        place = folder / f"memory{size}"
        place.mkdir()
        with partners(1, size, page) as ports:
            provider = Provider(f"sqlite:///{place}/ocpi.sqlite", place, ports)
            for figures in found.values():
                taken = peak(provider.sync)
                if size != page:
                    figures.append(taken)
    for name, (few, more) in found.items():
        each = (more - few) / (sizes[1] - sizes[0])
        sys.stdout.write(
            f"    sync, {name:<22} {more / 1e6:>6.1f} MB of {sizes[1]:,}, {each:,.0f} bytes for each more\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    parser.add_argument("--page", type=int, default=PAGE)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--pause", type=float, default=0.0, help="seconds until a partner answers")
    parser.add_argument("--no-memory", action="store_true")
    chosen = parser.parse_args()
    total, page = chosen.objects, chosen.page
    with tempfile.TemporaryDirectory() as name, postgres() as server:
        folder = Path(name)
        for number in (1, PARTNERS):
            with partners(number, total // number, page, chosen.pause) as ports:
                sys.stdout.write(f"partners: {number}, objects in all: {total:,}, on a page: {page}\n")
                if number == 1:
                    say("bare loop", timed(lambda: bare(ports["P00"], total, page, folder), total))
                for database in chosen.databases:
                    if database == "postgresql" and server is None:
                        sys.stdout.write(f"  PostgreSQL: left out, {POSTGRESQL} is not installed.\n")
                        continue
                    sys.stdout.write(f"  {database}\n")
                    place = f"of{number}"
                    url = f"sqlite:///{folder}/{place}.sqlite" if server is None or database == "sqlite" else ""
                    measure_rates(url or made_database(str(server), place), folder, ports, total // number)
        if not chosen.no_memory:
            sys.stdout.write("memory, SQLite\n")
            measure_memory(folder, (total // 4, total), page)


if __name__ == "__main__":
    main()
