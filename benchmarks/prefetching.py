"""Measure pulls whose next page is fetched while one is stored.

Run with ``python -m benchmarks.prefetching``. The partner is a process that answers after a pause, as one that has to
look its pages up. What is compared takes turns, so that the load of the machine meets both alike; the copies are
removed between pulls, so that all are stored.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from statistics import quantiles
from typing import Any

import orjson
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

ROUNDS = 7
PAGES = 20
PAGE = 50
PAUSE = 0.02  # seconds until the partner answers with a page


def partner(port: Any) -> None:
    """Answer with pages of Locations."""
    listener = socket.create_server(("127.0.0.1", 0))
    port.put(listener.getsockname()[1])
    pages = [_page(number, listener.getsockname()[1]) for number in range(PAGES)]

    def serve(sock: socket.socket) -> None:
        lines = sock.makefile("rb")
        while start := lines.readline():
            while lines.readline() not in (b"\r\n", b""):
                pass
            time.sleep(PAUSE)
            sock.sendall(pages[int(start.partition(b"offset=")[2].split()[0] or 0) if b"offset" in start else 0])

    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def _http(body: bytes, *headers: str) -> bytes:
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def _page(number: int, port: int) -> bytes:
    owner = {"country_code": "DE", "party_id": "CPO"}
    documents = [location(id=f"L{number * PAGE + index}", **owner) for index in range(PAGE)]
    body = orjson.dumps({"data": documents, "status_code": 1000, "timestamp": "2026-01-01T12:00:00Z"})
    total = f"X-Total-Count: {PAGES * PAGE}"
    if number + 1 == PAGES:
        return _http(body, total)
    return _http(body, total, f'Link: <http://127.0.0.1:{port}/locations?offset={number + 1}>; rel="next"')


def platform(folder: Path, port: int, *, dispatcher: str) -> OCPI:
    """Return a platform on a SQLite file of its own, and registered with the partner."""
    folder.mkdir()
    app = Flask("platform", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_BASE_URL="http://127.0.0.1:1",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_DISPATCHER=dispatcher,
        OCPI_CREATE_TABLES=True,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'ocpi.sqlite3'}",
    )
    ocpi = OCPI(app)
    found = add_partner(app, [("DE", "CPO", ["CPO", "EMSP"])]).platform
    assert found is not None
    endpoints = tuple(
        {"identifier": "locations", "role": role, "url": f"http://127.0.0.1:{port}/locations"}
        for role in ("SENDER", "RECEIVER")
    )
    ocpi.services.platforms.save(replace(found, endpoints=endpoints), before=found)
    return ocpi


def rates(number: int, *works: Callable[[], object], before: Callable[[], object] = lambda: None) -> list[list[float]]:
    """Do some works in turns, each ``number`` of what it does; return how many a second each did, by round."""
    found: list[list[float]] = [[] for _ in works]
    for turn in range(ROUNDS + 1):
        before()
        for work, seconds in zip(works, found, strict=True):
            began = time.perf_counter()
            work()
            if turn:  # the first opens connections and compiles statements
                seconds.append(number / (time.perf_counter() - began))
    return found


def say(name: str, values: list[float], unit: str, digits: int = 0) -> None:
    low, middle, high = quantiles(values, n=4)
    text = f"{middle:.{digits}f} {unit} (middle half {low:.{digits}f} to {high:.{digits}f})"
    sys.stdout.write(f"{name:<52} {text}\n")
    sys.stdout.flush()


def measure_pulling(ahead: OCPI, plain: OCPI) -> None:
    def pull(ocpi: OCPI) -> Callable[[], object]:
        def work() -> None:
            pulled = ocpi.pull("locations", "partner")
            assert pulled.created == PAGES * PAGE

        return work

    def remove(ocpi: OCPI) -> None:
        with ocpi.storage.transaction():
            for number in range(PAGES * PAGE):
                ocpi.storage.delete("locations", Key.of("DE", "CPO", f"L{number}", Party.of("NL", "ABC"), "partner"))

    with_threads, without = rates(PAGES, pull(ahead), pull(plain), before=lambda: [remove(ahead), remove(plain)])
    say("Pages a second pulled, the next one fetched ahead", with_threads, "/s")
    ratios = [a / b for a, b in zip(with_threads, without, strict=True)]
    say("Pages pulled, to without fetching ahead", ratios, "times as many", 2)
    assert median(with_threads) < 1.05 / PAUSE, "pages came sooner than the partner sends them"


def main() -> None:
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=partner, args=(ports,), daemon=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder, port = Path(name), ports.get(timeout=60)
            ahead = platform(folder / "ahead", port, dispatcher="none")
            measure_pulling(ahead, platform(folder / "plain", port, dispatcher="inline"))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
