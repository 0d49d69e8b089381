"""Who sends a body slowly holds up nobody else, with a token or without, behind the servers that people use."""

from __future__ import annotations

import importlib.util
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress

import orjson
import pytest

from flask_ocpi.errors import RequestTimeoutError
from flask_ocpi.errors import TooManyRequestsError
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import location
from tests.e2e.socket_servers import NAMES
from tests.e2e.socket_servers import SECONDS
from tests.e2e.socket_servers import running
from tests.urls import ocpi_url

THREADS = 16
AT_ONCE = 8
SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO/SLOW")
BODY = orjson.dumps(location(country_code="DE", party_id="CPO", id="SLOW"))


@pytest.fixture(scope="module", params=NAMES)
def server(request, tmp_path_factory):
    """A server of each kind in turn, with 16 threads where it has a number of them."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed.")
    settings = {"OCPI_BODY_TIMEOUT": 2.0}
    with running(request.param, tmp_path_factory.mktemp(request.param), threads=THREADS, settings=settings) as server:
        yield server


@contextmanager
def slow_sockets(server, number, *, token=None, chunked=False) -> Iterator[list[socket.socket]]:
    """Connections that have sent a head and some bytes of a body, and nothing else until the block ends."""
    lines = [f"PUT {COPY} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Authorization: {authorization(token)}"] if token else []
    lines += ["Transfer-Encoding: chunked"] if chunked else [f"Content-Length: {len(BODY)}"]
    beginning = b"2\r\n{ \r\n" if chunked else b"{ "
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS))
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + beginning)
            opened.append(connection)
        yield opened
        for connection in opened:  # somebody may still read from it
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def statuses(connections):
    return [status_of(connection) for connection in connections]


def status_of(connection):
    with connection.makefile("rb") as answer:
        return int(answer.readline().split()[1])


def ask_healthy(server):
    return [server.ask("GET", path)[0] for path in ("/ocpi/health", SENDER, "/ocpi/versions")]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_slow_bodies_without_a_token_hold_up_nobody(server, chunked):
    with slow_sockets(server, THREADS, chunked=chunked):
        answered = ask_healthy(server)

        assert answered == [200, 200, 200]


def test_slow_bodies_without_a_token_are_answered_before_they_are_there(server):
    with slow_sockets(server, THREADS) as connections:
        assert statuses(connections) == [401] * THREADS


def test_any_number_of_slow_bodies_without_a_token_hold_up_nobody(server):
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(slow_sockets(server, THREADS))
            assert ask_healthy(server) == [200, 200, 200]
        given_up = time.monotonic() + 1.5  # nothing is read any more that can be ended
        while time.monotonic() < given_up:
            assert ask_healthy(server) == [200, 200, 200]


def test_slow_bodies_of_one_platform_hold_up_nobody(server):
    with slow_sockets(server, THREADS, token=server.token) as connections:
        assert ask_healthy(server) == [200, 200, 200]

        # Granian cannot be told to end those that are being read.
        expected = {429} if server.name == "granian" else {408, 429}
        number = THREADS - AT_ONCE if server.name == "granian" else THREADS
        assert set(first_statuses(connections, number)) == expected


def test_a_413_is_answered_before_the_body_comes(server):
    head = f"PUT {COPY} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization(server.token)}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n".encode())

        assert status_of(connection) == 413


def first_statuses(connections, number):
    """Return the statuses of the connections that are answered first."""
    found = []
    lock = threading.Condition()

    def wait(connection):
        try:
            status = status_of(connection)
        except (OSError, IndexError):
            return
        with lock:
            found.append(status)
            lock.notify_all()

    for connection in connections:
        threading.Thread(target=wait, args=(connection,), daemon=True).start()
    with lock:
        assert lock.wait_for(lambda: len(found) >= number, SECONDS), found
        return list(found)


class Stuck:
    """A body that comes when it is released."""

    def __init__(self):
        self.began = threading.Event()
        self.released = threading.Event()

    def read(self):
        self.began.set()
        assert self.released.wait(SECONDS)
        return b"late"


@pytest.fixture
def stuck():
    body = Stuck()
    yield body
    body.released.set()


@contextmanager
def being_read(bodies, stuck, platform="slow"):
    thread = threading.Thread(target=lambda: bodies.read(platform, {}, stuck.read))
    thread.start()
    try:
        assert stuck.began.wait(SECONDS)
        yield
    finally:
        stuck.released.set()
        thread.join()


def test_more_bodies_of_a_platform_than_may_be_read_at_a_time_are_refused(stuck):
    limited = Bodies(seconds=SECONDS, at_once=1)

    with being_read(limited, stuck):
        with pytest.raises(TooManyRequestsError) as refused:
            limited.read("slow", {}, lambda: b"next")
        other = limited.read("other", {}, lambda: b"other")

    assert refused.value.extra_headers["Retry-After"] == "1"
    assert other == b"other"
    assert limited.read("slow", {}, lambda: b"next") == b"next"


def test_a_body_waits_for_its_turn(stuck, monkeypatch):
    monkeypatch.setattr("flask_ocpi.exchange.bounds._TURN", SECONDS)
    limited = Bodies(seconds=SECONDS, at_once=1)

    with being_read(limited, stuck):
        threading.Timer(0.01, stuck.released.set).start()

        assert limited.read("slow", {}, lambda: b"next") == b"next"


def test_what_nobody_wants_is_read_by_few_at_a_time(stuck):
    limited = Bodies(seconds=SECONDS, at_once=1)
    thread = threading.Thread(target=lambda: limited.drain({}, stuck.read, seconds=SECONDS))
    thread.start()
    assert stuck.began.wait(SECONDS)

    limited.drain({}, lambda: pytest.fail("It was read."), seconds=SECONDS)

    stuck.released.set()
    thread.join()


@pytest.mark.parametrize("name", ["gunicorn.socket", "werkzeug.socket"])
def test_a_body_that_takes_too_long_is_ended_where_the_server_shows_its_socket(name):
    ours, theirs = socket.socketpair()
    limited = Bodies(seconds=0.01, at_once=1)

    def read():
        if not ours.recv(1):
            raise OSError("The connection ended.")

    with ours, theirs:
        with pytest.raises(RequestTimeoutError, match=r"0\.01 seconds"):
            limited.read("slow", {name: ours}, read)
        ours.sendall(b"408")

        assert theirs.recv(3) == b"408"


def test_the_body_of_a_refused_request_is_taken_off_the_line(ocpi_client):
    body = io.BytesIO(b"x" * 100_000)

    answer = ocpi_client.app.test_client().put(COPY, input_stream=body, content_length=100_000)

    assert answer.status_code == 401
    assert answer.get_data()
    assert body.read() == b""


def test_nobody_waits_for_bodies_that_hang(stuck, monkeypatch):
    limited = Bodies(seconds=SECONDS, at_once=1)
    with being_read(limited, stuck):
        monkeypatch.setattr("flask_ocpi.exchange.bounds.monotonic", lambda: time.monotonic() + SECONDS)
        monkeypatch.setattr(limited._changed, "wait_for", lambda predicate, patience: not patience and predicate())

        with pytest.raises(TooManyRequestsError):
            limited.read("slow", {}, lambda: b"next")
