"""Measure calling a partner on loopback: requests, deliveries of the dispatcher, and pulls with pages fetched ahead.

Run with ``python -m benchmarks.outbound``. The partner is a process that answers without looking. Requests and
deliveries are compared with what urllib3 alone does over the same kept connection: the limit, since our requests go
over it. What is compared takes turns, so that the load of the machine meets all alike. A delivery is a claim of a mark
in a SQLite file, reading the object, the request, and removing the mark. Pages of a pull come after a pause, as from a
partner that has to look them up; the copies are removed between pulls, so that all are stored.
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
from itertools import count
from pathlib import Path
from statistics import median
from statistics import quantiles
from typing import Any

import orjson
import urllib3
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.client.connection import Connection
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

ROUNDS = 7
REQUESTS = 300  # a round
PAGES = 20
PAGE = 50
PAUSE = 0.02  # seconds until the partner answers with a page

_moments = count()


def partner(port: Any) -> None:
    """Answer requests: with success, or with a page of Locations where one is asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    port.put(listener.getsockname()[1])
    success = _http(b'{"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}')
    pages = [_page(number, listener.getsockname()[1]) for number in range(PAGES)]

    def serve(sock: socket.socket) -> None:
        lines = sock.makefile("rb")
        while start := lines.readline():
            length = 0
            while (line := lines.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            lines.read(length)
            if start.startswith(b"GET"):
                time.sleep(PAUSE)
                sock.sendall(pages[int(start.partition(b"offset=")[2].split()[0] or 0) if b"offset" in start else 0])
            else:
                sock.sendall(success)

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


def measure_sending(ocpi: OCPI, port: int) -> None:
    url = f"http://127.0.0.1:{port}/locations/NL/ABC/L1"
    document = location()
    connection = Connection(ocpi.transport, "the token of the platform")
    pool, body = urllib3.PoolManager(retries=False), orjson.dumps(document)

    def bare() -> None:
        for _ in range(REQUESTS):
            pool.request("PUT", url, body=body, headers={"Content-Type": "application/json"})

    def requests() -> None:
        for _ in range(REQUESTS):
            connection.request("PUT", url, body=document)

    def deliveries() -> None:
        delivered = ocpi.dispatcher.deliveries.deliver("partner")
        assert delivered == REQUESTS, f"{delivered} of {REQUESTS} were delivered"

    def saved() -> None:
        ocpi.objects.save_all({"locations": [location(id=f"L{n}", name=f"{moment}") for n in range(REQUESTS)]})

    def save_and_deliver() -> float:
        nonlocal moment
        moment = next(_moments)
        saved()
        began = time.perf_counter()
        deliveries()
        return REQUESTS / (time.perf_counter() - began)

    moment = 0
    delivered: list[float] = []
    limit, sent, _ = rates(REQUESTS, bare, requests, lambda: delivered.append(save_and_deliver()))
    say("Requests a second, one thread", sent, "/s")
    say("Requests, to urllib3 alone", [a / b for a, b in zip(sent, limit, strict=True)], "times as many", 2)
    say("Deliveries a second, one thread", delivered[1:], "/s")
    say("Deliveries, to urllib3 alone", [a / b for a, b in zip(delivered[1:], limit, strict=True)], "times as many", 2)


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
            measure_sending(ahead, port)
            measure_pulling(ahead, platform(folder / "plain", port, dispatcher="inline"))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
