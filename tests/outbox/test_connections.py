"""Pushes go over connections that are kept: real sockets, real threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.errors import UnreachableError
from flask_ocpi.host import state
from flask_ocpi.outbox import entries
from flask_ocpi.outbox import threads
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

CONCURRENCY = 3
PATIENCE = 120.0
ANSWER = b'{"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}'


class Partner(ThreadingHTTPServer):
    """Takes what is pushed; counts connections, and keeps what arrived.

    losing: closes a connection that this function of the request, and its number on the connection, says, instead of
    answering, as a server does whose time for idle connections is over at that moment.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.connections = 0
        self.arrived: list[tuple[str, str]] = []
        self.losing: Callable[[str, int], bool] = lambda method, turn: False
        self._sockets: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> Any:
        found = super().get_request()
        self.connections += 1
        self._sockets.append(found[0])
        return found

    def hang_up(self) -> None:
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Partner
    turn = 0

    def _take(self) -> None:
        self.turn += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.arrived.append((self.command, self.path.rpartition("/")[2]))
        if self.server.losing(self.command, self.turn):
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    do_PUT = do_PATCH = do_POST = _take

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the requests out of the report."""


@pytest.fixture
def partner() -> Iterator[Partner]:
    with Partner() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.hang_up()
        server.shutdown()
        thread.join(PATIENCE)


@pytest.fixture
def operator(partner, tmp_path) -> Iterator[OCPI]:
    """An operator that pushes to the partner with threads of its own."""
    app = Flask("operator", instance_path=str(tmp_path))
    app.testing = True
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_BASE_URL="http://127.0.0.1:1",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_DISPATCHER="thread",
        OCPI_DISPATCH_INTERVAL=0.1,
        OCPI_PUSH_CONCURRENCY=CONCURRENCY,
    )
    ocpi = OCPI(app, storage=MemoryStorage())
    platform = add_partner(app, [("NL", "TNM", ["EMSP"])]).platform
    url = f"http://127.0.0.1:{partner.server_port}"
    endpoints = tuple(
        {"identifier": module, "role": "RECEIVER", "url": f"{url}/{module}"} for module in ("locations", "cdrs")
    )
    ocpi.services.platforms.save(replace(platform, endpoints=endpoints), before=platform)
    yield ocpi
    assert ocpi.dispatcher.stop(PATIENCE)
    ocpi.transport.close()


def eventually(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def all_delivered(ocpi: OCPI) -> None:
    (platform,) = ocpi.partners.list()
    eventually(lambda: not list(entries.of_platform(ocpi.services, platform.id)))


def threads_ended(ocpi: OCPI) -> None:
    eventually(lambda: not ocpi.dispatcher._senders.threads)


def test_fifty_pushes_need_no_more_connections_than_there_are_threads(operator, partner):
    for number in range(50):
        operator.save("locations", location(id=f"LOC{number}"))
    all_delivered(operator)

    assert len(partner.arrived) == 50
    assert partner.connections <= CONCURRENCY


def test_threads_go_on_with_the_connections_of_those_that_ended(operator, partner, monkeypatch):
    monkeypatch.setattr(threads, "_LINGERS", 0.05)
    for number in range(5):
        operator.save("locations", location(id=f"LOC{number}"))
        all_delivered(operator)
        threads_ended(operator)

    assert (len(partner.arrived), partner.connections) == (5, 1)


@pytest.mark.conformance("T-33")
@pytest.mark.parametrize(
    ("call", "arrived"),
    [
        pytest.param(lambda client: client.locations.put(location(id="LOC2")), ("PUT", "LOC2"), id="put"),
        pytest.param(lambda client: client.cdrs.post(cdr()), ("POST", "cdrs"), id="post"),
    ],
)
def test_no_push_is_sent_again_on_the_spot_when_its_connection_is_lost(operator, partner, call, arrived):
    partner.losing = lambda method, turn: turn == 2
    operator.save("locations", location())
    all_delivered(operator)
    threads_ended(operator)

    with operator.client("partner") as client, pytest.raises(UnreachableError, match="was lost"):
        call(client)

    assert (partner.arrived, partner.connections) == ([("PUT", "LOC1"), arrived], 1)


def test_threads_that_call_first_share_one_transport(operator, monkeypatch):
    made = []

    def make(settings):
        made.append(settings)
        time.sleep(0.05)  # the others come meanwhile
        return original(settings)

    original = state._http_transport
    monkeypatch.setattr(state, "_http_transport", make)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: operator.transport, range(8)))

    assert (len(made), len(set(map(id, found)))) == (1, 1)
