"""The transport against real sockets: what arrives, what is refused, and what no peer can make it do."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import itertools
import os
import socket
import ssl
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from flask_ocpi.client import sockets
from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.transport import _READY_URL
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import UnreachableError

SECRET = "Token czNjcjN0"
QUERIED = "DEADBEEF"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PUBLIC = "93.184.216.34"


class Call(NamedTuple):
    """One request as it came over the socket; ``turn`` counts the requests of its connection from 1."""

    head: str
    body: bytes
    turn: int


Answer = Callable[[socket.socket, Call], bool]


class Peer:
    """A server on loopback that reads requests and lets a function write the bytes of each answer.

    The function returns whether the connection stays open.
    """

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        self.server_name: str | None = None
        self._answer = answer
        self._context = context
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        if context is not None:
            context.sni_callback = self._note_server_name
        self._start(self._accept)

    def url(self, path: str = "/ocpi/versions", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def stop(self) -> None:
        for sock in (self._listener, *self._sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                sock.close()
        for thread in self._threads:
            thread.join(timeout=120)

    def _note_server_name(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self.server_name = name

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            with sock, sock.makefile("rb") as lines:
                for turn in itertools.count(1):
                    head = read_head(lines)
                    size = next(
                        (int(line[15:]) for line in head.splitlines() if line.startswith("Content-Length:")),
                        0,
                    )
                    call = Call(head, lines.read(size), turn)
                    self.calls.append(call)
                    if not self._answer(sock, call):
                        return
        except OSError:
            return


def read_head(lines: BinaryIO) -> str:
    head = ""
    while (line := lines.readline()) != b"\r\n":
        if not line:
            raise ConnectionError("The caller hung up.")
        head += line.decode()
    return head


@pytest.fixture
def serve() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def start(answer: Answer | bytes = OK, context: ssl.SSLContext | None = None) -> Peer:
        peers.append(Peer(answer if callable(answer) else sends(answer), context))
        return peers[-1]

    yield start
    for peer in peers:
        peer.stop()


@pytest.fixture
def make_transport() -> Iterator[Callable[..., HTTPTransport]]:
    transports: list[HTTPTransport] = []

    def make(policy: AddressPolicy | None = None, **options: object) -> HTTPTransport:
        transports.append(HTTPTransport(policy=policy or AddressPolicy(allow_private=True), **options))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def transport(make_transport: Callable[..., HTTPTransport]) -> HTTPTransport:
    return make_transport()


def sends(data: bytes, *, keep: bool = True) -> Answer:
    def answer(sock: socket.socket, _: Call) -> bool:
        sock.sendall(data)
        return keep

    return answer


def repeats(first: bytes, data: bytes) -> Answer:
    """Answer without an end: only the caller's hanging up stops it."""

    def answer(sock: socket.socket, _: Call) -> bool:
        sock.sendall(first)
        while True:
            sock.sendall(data)

    return answer


def trickles(first: bytes, rest: bytes) -> Answer:
    """Answer whole and correctly, but one byte at a time over some seconds."""

    def answer(sock: socket.socket, _: Call) -> bool:
        sock.sendall(first)
        pause = threading.Event()
        for byte in rest:
            pause.wait(0.03)
            sock.sendall(bytes([byte]))
        return True

    return answer


def get(url: str, **headers: str) -> Request:
    return Request("GET", url, headers)


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: list[tuple[str, int]]) -> list[str]:
    """Let getaddrinfo give these answers one after the other; return the list of names it is asked for."""
    asked: list[str] = []
    rest = iter(answers)

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in next(rest)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def refuses_connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let no connection leave the machine; return the list of addresses that are tried."""
    tried: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


# --- what is sent and what comes back


def test_request_arrives_as_given(serve, transport):
    peer = serve()

    transport.send(Request("PUT", peer.url("/a%2Fb?type=RFID&x=%20"), {"Authorization": SECRET}, b'{"id": "1"}'))

    (call,) = peer.calls
    assert call.head.startswith("PUT /a%2Fb?type=RFID&x=%20 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{peer.port}\r\n" in call.head
    assert f"Authorization: {SECRET}\r\n" in call.head
    assert call.body == b'{"id": "1"}'


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", None, None), ("DELETE", None, "0"), ("POST", b"", "0"), ("PUT", b"{}", "2"), ("GET", b"{}", "2")],
)
def test_length_of_the_body_is_told(serve, transport, method, body, length):
    peer = serve()

    transport.send(Request(method, peer.url(), {}, body))

    told = [line.partition(": ")[2] for line in peer.calls[0].head.splitlines() if line.startswith("Content-Length")]
    assert told == ([] if length is None else [length])
    assert peer.calls[0].body == (body or b"")


def test_head_and_body_are_sent_together(serve, transport, monkeypatch):
    sent: list[bytes] = []

    def sendall(sock: sockets._Socket, data: bytes, flags: int = 0) -> None:
        sent.append(data)
        original(sock, data, flags)

    original = sockets._Socket.sendall
    monkeypatch.setattr(sockets._Socket, "sendall", sendall)
    peer = serve()

    for body in (b'{"id":1}', None, b'{"id":2}'):
        transport.send(Request("POST", peer.url(), {}, body))

    assert [data.partition(b"\r\n\r\n")[2] for data in sent] == [b'{"id":1}', b"", b'{"id":2}']
    assert [call.body for call in peer.calls] == [b'{"id":1}', b"", b'{"id":2}']


def test_each_header_is_sent_once_however_it_is_spelled(serve, transport):
    peer = serve()

    transport.send(Request("GET", peer.url(), {"user-agent": "mine", "Accept-encoding": "identity"}))

    names = [line.partition(":")[0].lower() for line in peer.calls[0].head.splitlines()[1:] if line]
    assert sorted(names) == ["accept-encoding", "host", "user-agent"]
    assert "user-agent: mine" in peer.calls[0].head


@given(st.text("ab/.:?&=%~#;@é_ 1", max_size=12))
@example("a/../b")
@example("./")
@example("..?x=..")
@example("%41")
def test_url_that_is_sent_as_it_is_needs_no_preparing(rest):
    url = f"https://example.com:8443/{rest}"

    assert parse_url(url).url == url or not _READY_URL.fullmatch(url)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("", "/"),
        ("?x=1", "/?x=1"),
        ("/a|é", "/a%7C%C3%A9"),
        ("/%41?x=é", "/%41?x=%C3%A9"),
        ("/100%", "/100%25"),
        ("/a/./../b", "/b"),
        ("//a", "/a"),
        ("/a#part", "/a"),
    ],
)
def test_what_is_out_of_place_in_a_url_is_encoded(serve, transport, path, sent):
    peer = serve()

    transport.send(get(peer.url("") + path))

    assert peer.calls[0].head.split()[1] == sent


@pytest.mark.parametrize(
    "host",
    ["bücher.example", "*.example.com", ".example.com", "a..example", "%65xample.com", "exa,mple.com", "[v1.x]"],
)
def test_host_that_is_no_plain_name_is_refused(make_transport, host):
    with pytest.raises(BlockedAddressError):
        make_transport().send(get(f"https://{host}/é"))


def test_response_comes_back_whole(serve, transport):
    peer = serve(b"HTTP/1.1 404 Not Found\r\nX-Total-Count: 7\r\nContent-Length: 2\r\n\r\n[]")

    response = transport.send(get(peer.url()))

    assert (response.status, response.body, response.url) == (404, b"[]", peer.url())


def test_response_headers_are_looked_up_in_any_case(serve, transport):
    peer = serve(b"HTTP/1.1 200 OK\r\nX-Total-Count: 7\r\nContent-Length: 2\r\n\r\n[]")

    response = transport.send(get(peer.url()))

    assert response.headers["x-total-count"] == "7"


def test_values_of_a_header_that_comes_several_times_are_joined(serve, transport):
    peer = serve(b"HTTP/1.1 200 OK\r\nLink: <a>\r\nlink: <b>\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n[]")

    response = transport.send(get(peer.url()))

    assert (response.headers["Link"], response.body) == ("<a>, <b>", b"[]")


def test_headers_of_a_response_made_by_hand_are_looked_up_in_any_case():
    response = Response(200, {"Link": "next"}, b"", "https://cpo.example/")

    assert response.headers.get("LINK") == "next"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n[1, 2]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1, \r\n2\r\n2]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 6\r\n\r\n[1, 2]",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"[1, 2]")), gzip.compress(b"[1, 2]")),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: X-GZIP\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"[1") + gzip.compress(b", 2]")), gzip.compress(b"[1") + gzip.compress(b", 2]")),
    ],
    ids=["length", "chunked", "identity", "gzip", "gzip in two members"],
)
def test_body_is_decoded(serve, transport, answer):
    peer = serve(answer)

    assert transport.send(get(peer.url())).body == b"[1, 2]"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 15\r\n\r\n" + gzip.compress(b"[1, 2]")[:15],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}",
        b"NONSENSE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
    ids=["not gzip", "gzip cut short", "other encoding", "two lengths", "not HTTP", "many headers", "long header"],
)
def test_answer_that_cannot_be_read_is_invalid(serve, transport, answer):
    peer = serve(sends(answer, keep=False))

    with pytest.raises(InvalidResponseError, match=r"127\.0\.0\.1"):
        transport.send(get(peer.url()))


@pytest.mark.conformance("CLI-09")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_returned_not_followed(serve, transport, status):
    target = serve()
    peer = serve(b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, target.url().encode()))

    response = transport.send(get(peer.url(), Authorization=SECRET))

    assert (response.status, response.headers["Location"], target.connections) == (status, target.url(), 0)


def test_proxies_and_netrc_of_the_environment_are_ignored(serve, transport, monkeypatch, tmp_path):
    peer = serve()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    transport.send(get(peer.url()))

    assert "Authorization" not in peer.calls[0].head


def test_cookies_are_not_kept(serve, transport):
    peer = serve(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")

    transport.send(get(peer.url()))
    transport.send(get(peer.url()))

    assert "Cookie" not in peer.calls[1].head


# --- limits of size and time


@pytest.mark.conformance("CRED-34")
@pytest.mark.parametrize(
    ("head", "data"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 4096),
        (b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
    ],
    ids=["no length", "length", "chunked", "negative chunk", "redirect", "gzip of nothing"],
)
def test_endless_body_is_refused_at_the_cap(serve, make_transport, head, data):
    peer = serve(repeats(head, data))
    transport = make_transport(max_bytes=100_000)

    with pytest.raises(InvalidResponseError, match="more than 100000 bytes"):
        transport.send(get(peer.url()))


def test_body_of_exactly_the_cap_is_accepted(serve, make_transport):
    peer = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)

    assert len(make_transport(max_bytes=1000).send(get(peer.url())).body) == 1000


@pytest.mark.conformance("CRED-34")
def test_decompression_bomb_is_not_inflated(serve, make_transport):
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(64)) + compressor.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    peer = serve(head + bomb)
    transport = make_transport(max_bytes=1 << 20)
    tracemalloc.start()

    try:
        with pytest.raises(InvalidResponseError, match="more than"):
            transport.send(get(peer.url()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 << 20


@pytest.mark.conformance("CRED-34")
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 100 + b"\r\nContent-Length: 0\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 20 + b"0\r\n\r\n"),
    ],
    ids=["headers", "body", "chunks"],
)
def test_total_timeout_holds_against_a_trickle(serve, make_transport, authority, secure, first, rest):
    peer = serve(trickles(first, rest), authority.server_context("127.0.0.1") if secure else None)
    transport = make_transport(total_timeout=0.5, ca_bundle=authority.bundle)

    with pytest.raises(UnreachableError, match="in the time allowed"):
        transport.send(get(peer.url()))


@pytest.mark.parametrize(
    "limits", [{"read_timeout": 0.1}, {"total_timeout": 0.1}], ids=["read time-out", "total time-out"]
)
def test_silent_peer_is_given_up(serve, make_transport, limits):
    released = threading.Event()
    peer = serve(lambda *_: released.wait(120))

    try:
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1.* did not answer in the time allowed"):
            make_transport(**limits).send(get(peer.url()))
    finally:
        released.set()


def test_tls_handshake_without_answer_is_given_up(make_transport):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"

        with pytest.raises(UnreachableError, match="in the time allowed"):
            make_transport(connect_timeout=0.1).send(get(url))


def test_name_resolution_without_answer_is_given_up(make_transport, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(120) and [])

    try:
        with pytest.raises(UnreachableError, match=r"cpo\.example could not be resolved in the time allowed"):
            make_transport(total_timeout=0.1).send(get("https://cpo.example/"))
    finally:
        released.set()


# --- where requests may go

# fmt: off
FORBIDDEN = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::7f00:1",
    "::ffff:127.0.0.1", "::ffff:93.184.216.34", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1",
    "fec0::1", "ff02::1", "100::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "2002:7f00:1::", "2002:808:808::1",
    "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
]
ALLOWED = [
    "93.184.216.34", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808",
]
# fmt: on


@pytest.mark.conformance("CRED-34")
@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_that_is_not_public_is_refused(address):
    with pytest.raises(BlockedAddressError) as caught:
        AddressPolicy().check_address(address, "cpo.example")

    assert all(part in str(caught.value) for part in ("cpo.example", address, "OCPI_HTTP_ALLOW_PRIVATE"))


@pytest.mark.parametrize("address", ALLOWED)
def test_public_address_is_allowed(address):
    AddressPolicy().check_address(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_allow_private_allows_every_address(address):
    AddressPolicy(allow_private=True).check_address(address, "cpo.example")


@pytest.mark.parametrize("host", ["cpo.internal", "CPO.Internal", "cpo.internal."])
def test_allowed_host_may_have_any_address(host):
    AddressPolicy(allowed_hosts=("Cpo.internal",)).check_address("10.0.0.1", host)


@pytest.mark.parametrize("host", ["evil.internal", "sub.cpo.internal", "cpo.internal.example", None])
def test_other_hosts_are_not_allowed_along(host):
    with pytest.raises(BlockedAddressError):
        AddressPolicy(allowed_hosts=("cpo.internal",)).check_address("10.0.0.1", host)


@pytest.mark.conformance("CRED-34", "T-01")
@pytest.mark.parametrize(
    "url",
    [
        "http://cpo.example/",
        "ftp://cpo.example/",
        "file:///etc/passwd",
        "//cpo.example/",
        "cpo.example/versions",
        "",
        "https://",
        "https:///versions",
        "https://user:hidden@cpo.example/",
        "https://cpo.example@127.0.0.1/",
        "https://cpo.example\\@127.0.0.1/",
        "https://cpo.example/a b",
        "https://cpo.example/\r\nX: y",
        "https://cpo.example:port/",
        "https://cpo.example:99999/",
        "https://[::1/",
        "https://\tcpo.example/",
    ],
)
def test_url_is_refused(make_transport, monkeypatch, url):
    tried = refuses_connections(monkeypatch)

    with pytest.raises(BlockedAddressError) as caught:
        make_transport(AddressPolicy()).send(get(url))

    assert "hidden" not in str(caught.value)
    assert not tried


@pytest.mark.parametrize("url", ["ftp://cpo.example/", "https://user:hidden@cpo.example/", "https://"])
def test_allow_private_does_not_allow_every_url(url):
    with pytest.raises(BlockedAddressError):
        AddressPolicy(allow_private=True).check_url(url)


def test_allowed_host_still_needs_https():
    with pytest.raises(BlockedAddressError, match="must be https"):
        AddressPolicy(allowed_hosts=("cpo.internal",)).check_url("http://cpo.internal/")


@pytest.mark.conformance("CRED-34")
@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
    ],
)
def test_loopback_is_refused_in_every_spelling(serve, make_transport, host):
    peer = serve()

    with pytest.raises(BlockedAddressError, match="OCPI_HTTP_ALLOW_PRIVATE"):
        make_transport(AddressPolicy()).send(get(f"https://{host}:{peer.port}/"))

    assert peer.connections == 0


@pytest.mark.conformance("CRED-34")
def test_one_forbidden_address_among_several_refuses_the_host(make_transport, monkeypatch):
    resolves(monkeypatch, [(PUBLIC, 443), ("10.0.0.1", 443)])
    tried = refuses_connections(monkeypatch)

    with pytest.raises(BlockedAddressError, match=r"10\.0\.0\.1"):
        make_transport(AddressPolicy()).send(get("https://cpo.example/"))

    assert not tried


@pytest.mark.conformance("CRED-34")
def test_rebinding_does_not_change_the_checked_address(make_transport, monkeypatch):
    asked = resolves(monkeypatch, [(PUBLIC, 443)], [("127.0.0.1", 443)])
    tried = refuses_connections(monkeypatch)

    with pytest.raises(UnreachableError, match=r"cpo\.example could not be connected to: Connection refused"):
        make_transport(AddressPolicy()).send(get("https://cpo.example/"))

    assert (asked, tried) == (["cpo.example"], [(PUBLIC, 443)])


@pytest.mark.conformance("CRED-34")
def test_each_new_connection_is_checked_anew(make_transport, monkeypatch):
    resolves(monkeypatch, [(PUBLIC, 443)], [("127.0.0.1", 443)])
    refuses_connections(monkeypatch)
    transport = make_transport(AddressPolicy())
    with pytest.raises(UnreachableError):
        transport.send(get("https://cpo.example/"))

    with pytest.raises(BlockedAddressError, match=r"127\.0\.0\.1"):
        transport.send(get("https://cpo.example/"))


def test_next_address_is_tried_when_one_refuses(serve, transport, monkeypatch):
    peer = serve()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()
    resolves(monkeypatch, [dead, ("127.0.0.1", peer.port)])

    assert transport.send(get("http://cpo.example/")).status == 200


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_unknown_host_is_unreachable(transport, monkeypatch, failure):
    def getaddrinfo(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(UnreachableError, match=r"cpo\.example could not be resolved: ") as caught:
        transport.send(get("https://cpo.example/"))

    assert caught.value.__cause__ is failure


# --- TLS


class Authority:
    """A certificate authority made for one test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.bundle = str(folder / "authority.pem")
        Path(self.bundle).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str) -> str:
        """Write certificate and key for a host name or an IP address into one PEM file; return its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(subject, key, x509.SubjectAlternativeName([name]))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self._folder / f"{host}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return str(path)

    def server_context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(host))
        return context

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        for part, critical in (
            (extension, isinstance(extension, x509.BasicConstraints)),
            (own, False),
            (issuer, False),
        ):
            builder = builder.add_extension(part, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.conformance("T-01", "CRED-34")
def test_host_header_sni_and_certificate_use_the_name(serve, make_transport, authority, monkeypatch):
    peer = serve(context=authority.server_context("cpo.example"))
    resolves(monkeypatch, [("127.0.0.1", peer.port)])
    transport = make_transport(AddressPolicy(allowed_hosts=("cpo.example",)), ca_bundle=authority.bundle)

    response = transport.send(get(peer.url(host="cpo.example")))

    assert response.status == 200
    assert peer.server_name == "cpo.example"
    assert f"Host: cpo.example:{peer.port}\r\n" in peer.calls[0].head


@pytest.mark.conformance("T-01")
def test_certificate_of_an_unknown_authority_is_refused(serve, transport, authority):
    peer = serve(context=authority.server_context("127.0.0.1"))

    with pytest.raises(UnreachableError, match=r"TLS connection to https://127\.0\.0\.1.* failed"):
        transport.send(get(peer.url()))

    assert not peer.calls


@pytest.mark.conformance("T-01")
def test_certificate_of_another_host_is_refused(serve, make_transport, authority):
    peer = serve(context=authority.server_context("other.example"))

    with pytest.raises(UnreachableError, match=r"TLS connection to https://127\.0\.0\.1.* failed"):
        make_transport(ca_bundle=authority.bundle).send(get(peer.url()))

    assert not peer.calls


@pytest.mark.parametrize("shape", [lambda file: file, lambda file: (file, file)], ids=["one file", "two files"])
def test_client_certificate_is_presented(serve, make_transport, authority, shape):
    context = authority.server_context("127.0.0.1")
    context.load_verify_locations(authority.bundle)
    context.verify_mode = ssl.CERT_REQUIRED
    peer = serve(context=context)
    certificate = shape(authority.issue("emsp.example"))

    response = make_transport(ca_bundle=authority.bundle, client_certificate=certificate).send(get(peer.url()))

    assert response.status == 200


@pytest.mark.parametrize("option", ["ca_bundle", "client_certificate"])
@pytest.mark.parametrize("content", [None, "not PEM"], ids=["missing", "not PEM"])
def test_unusable_certificate_file_is_a_configuration_error(tmp_path, option, content):
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"file\.pem cannot be used"):
        HTTPTransport(policy=AddressPolicy(), **{option: str(file)})


# --- kept connections


def closes_on_turn(turn: int, first: bytes = b"") -> Answer:
    """Hang up instead of answering the given request of each connection that already answered one."""

    def answer(sock: socket.socket, call: Call) -> bool:
        if call.turn >= turn:
            sock.sendall(first)
            return False
        sock.sendall(OK)
        return True

    return answer


def test_connection_is_kept_for_the_next_request(serve, transport):
    peer = serve()

    for _ in range(3):
        transport.send(get(peer.url()))

    assert (len(peer.calls), peer.connections) == (3, 1)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_get_is_sent_again_when_a_kept_connection_is_lost(serve, make_transport, authority, secure):
    peer = serve(closes_on_turn(2), authority.server_context("127.0.0.1") if secure else None)
    transport = make_transport(ca_bundle=authority.bundle)
    transport.send(get(peer.url()))

    response = transport.send(get(peer.url()))

    assert response.status == 200
    assert ([call.turn for call in peer.calls], peer.connections) == ([1, 2, 1], 2)


def test_get_is_sent_again_on_a_new_connection(serve, make_transport):
    transport = make_transport(pool_size=2)
    both = threading.Barrier(2)

    def answer(sock: socket.socket, call: Call) -> bool:
        if "/together" in call.head:
            both.wait(120)
        return closes_on_turn(2)(sock, call)

    peer = serve(answer)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(transport.send, [get(peer.url("/together"))] * 2))

    response = transport.send(get(peer.url()))

    assert response.status == 200
    assert ([call.turn for call in peer.calls], peer.connections) == ([1, 1, 2, 1], 3)


def test_connection_that_the_peer_has_closed_is_not_used_for_a_writing_request(serve, transport):
    closed = threading.Event()

    def answer(sock: socket.socket, call: Call) -> bool:
        sock.sendall(OK)
        if call.turn == 1 and len(peer.calls) == 1:
            sock.shutdown(socket.SHUT_RDWR)
            closed.set()
            return False
        return True

    peer = serve(answer)
    transport.send(get(peer.url()))
    assert closed.wait(120)

    response = transport.send(Request("POST", peer.url(), {}, b"{}"))

    assert response.status == 200
    assert ([call.turn for call in peer.calls], peer.connections) == ([1, 1], 2)


def test_connections_outlive_the_threads_that_used_them(serve, transport):
    peer = serve()

    for _ in range(5):
        thread = threading.Thread(target=transport.send, args=(Request("POST", peer.url(), {}, b"{}"),))
        thread.start()
        thread.join(120)

    assert (len(peer.calls), peer.connections) == (5, 1)


def test_no_more_connections_are_kept_than_said(serve, make_transport):
    transport = make_transport(pool_size=2)
    together = threading.Barrier(4)

    def answer(sock: socket.socket, call: Call) -> bool:
        if "/together" in call.head:
            together.wait(120)
        sock.sendall(OK)
        return True

    peer = serve(answer)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(transport.send, [get(peer.url("/together"))] * 4))
    for _ in range(4):
        transport.send(get(peer.url()))

    (kept,) = transport._pools._kept.values()
    assert (peer.connections, len(kept)) == (4, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(serve, transport):
    peer = serve()
    transport.send(get(peer.url("/before")))

    process = os.fork()
    if not process:  # pragma: no cover - the child
        try:
            status = transport.send(get(peer.url("/child"))).status
            transport.close()
        except BaseException:
            status = 1
        os._exit(0 if status == 200 else 1)
    _, code = os.waitpid(process, 0)
    transport.send(get(peer.url("/after")))

    paths = [(call.head.split()[1], call.turn) for call in peer.calls]
    assert (code, paths) == (0, [("/before", 1), ("/child", 1), ("/after", 2)])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writing_request_is_never_sent_twice(serve, transport, method):
    peer = serve(closes_on_turn(2))
    transport.send(get(peer.url()))

    with pytest.raises(UnreachableError, match="was lost"):
        transport.send(Request(method, peer.url(), {}, b"{}"))

    assert len(peer.calls) == 2


def test_get_is_not_sent_again_when_a_new_connection_is_lost(serve, transport):
    peer = serve(closes_on_turn(1))

    with pytest.raises(UnreachableError, match="was lost"):
        transport.send(get(peer.url()))

    assert len(peer.calls) == 1


@pytest.mark.parametrize(
    "part", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["head", "body"]
)
def test_get_is_not_sent_again_when_an_answer_has_begun(serve, transport, part):
    peer = serve(closes_on_turn(2, part))
    transport.send(get(peer.url()))

    with pytest.raises((UnreachableError, InvalidResponseError)):
        transport.send(get(peer.url()))

    assert len(peer.calls) == 2


def test_connection_is_not_kept_after_an_answer_that_was_too_large(serve, make_transport):
    peer = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
    transport = make_transport(max_bytes=1000)

    for _ in range(2):
        with pytest.raises(InvalidResponseError):
            transport.send(get(peer.url()))

    assert peer.connections == 2


def test_threads_share_one_transport(serve, transport):
    def answer(sock: socket.socket, call: Call) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(call.body), call.body))
        return True

    peer = serve(answer)
    bodies = [b"%d" % number for number in range(200)]

    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda body: transport.send(Request("POST", peer.url(), {}, body)), bodies))

    assert [response.body for response in responses] == bodies


# --- what must not show


@pytest.mark.parametrize(
    ("answer", "error", "seconds"),
    [
        (sends(b"", keep=False), UnreachableError, 120),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", keep=False), UnreachableError, 120),
        (sends(b"NONSENSE\r\n\r\n", keep=False), InvalidResponseError, 120),
        (trickles(b"", OK), UnreachableError, 0.3),
    ],
    ids=["closed", "cut short", "not HTTP", "slow"],
)
def test_traceback_shows_host_and_path_but_no_secret(serve, make_transport, answer, error, seconds):
    peer = serve(answer)

    with pytest.raises(error) as caught:
        make_transport(total_timeout=seconds).send(get(peer.url(f"/ocpi/versions?uid={QUERIED}"), Authorization=SECRET))

    shown = "".join(traceback.format_exception(caught.value))
    assert f"127.0.0.1:{peer.port}/ocpi/versions" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert QUERIED not in shown
    assert SECRET not in shown


def test_traceback_of_a_refused_connection_shows_no_secret(transport):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1") as caught:
        transport.send(get(f"http://127.0.0.1:{port}/?uid={QUERIED}", Authorization=SECRET))

    shown = "".join(traceback.format_exception(caught.value))
    assert QUERIED not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("host", ["*.cpo.example", "a..cpo.example\u00e9", "%41.example"])
def test_host_that_cannot_be_one_is_refused_without_showing_the_query(make_transport, host):
    with pytest.raises((BlockedAddressError, UnreachableError)) as caught:
        make_transport(total_timeout=5).send(get(f"https://{host}/?uid={QUERIED}", Authorization=SECRET))

    shown = "".join(traceback.format_exception(caught.value))
    assert QUERIED not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"{SECRET}\r\nX: y"},
        {"Authorization": f" {SECRET}"},
        {"Authorization": f"{SECRET}\u20ac"},
    ],
    ids=["line break", "space", "not latin-1"],
)
def test_header_that_http_cannot_carry_is_refused_without_showing_it(serve, transport, headers):
    peer = serve()

    with pytest.raises(UnreachableError, match="cannot carry the header 'Authorization'") as caught:
        transport.send(Request("GET", peer.url(), headers))

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert not peer.calls


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_repr_of_a_request_shows_no_secret(name):
    shown = repr(Request("POST", "https://cpo.example/", {name: SECRET, "X-Request-ID": "1"}, SECRET.encode()))

    assert SECRET not in shown
    assert "https://cpo.example/" in shown


def test_repr_of_a_response_shows_no_body():
    shown = repr(Response(200, {}, SECRET.encode(), "https://cpo.example/"))

    assert SECRET not in shown
    assert "200" in shown


@pytest.mark.parametrize(
    ("head", "data"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n" + b"X-Padding: 1\r\n" * 90 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Padding: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Padding: ", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n", b"X-Trailer: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 4096 + b"\r\n[\r\n"),
    ],
    ids=["interim", "interim with headers", "headers", "one header", "trailers", "chunk extensions"],
)
def test_what_comes_around_a_body_is_bounded(serve, make_transport, head, data):
    peer = serve(repeats(head, data))

    with pytest.raises(InvalidResponseError):
        make_transport(total_timeout=20.0).send(get(peer.url()))


def test_an_interim_answer_and_trailers_are_read(serve, transport):
    peer = serve(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1;a=b\r\n[\r\n1\r\n]\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )

    assert transport.send(get(peer.url())).body == b"[]"


def test_a_body_in_chunks_of_a_byte_is_read(serve, transport):
    body = b"[" + b" " * 200_000 + b"]"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    peer = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

    assert transport.send(get(peer.url())).body == body
