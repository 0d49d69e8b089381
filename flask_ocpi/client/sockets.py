"""Sockets with a time limit for the whole exchange, which connect only to allowed addresses."""

from __future__ import annotations

import http.client
import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import SplitResult

from urllib3.connection import HTTPConnection
from urllib3.connection import HTTPSConnection
from urllib3.util.wait import wait_for_read

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.core import forks
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import UnreachableError

_KEPT_PEERS = 64
_AROUND = 128 * 1024  # bytes of an answer besides its body: heads, also interim ones, lines of chunks, trailers
_TOLERANCE = 0.02  # of a time limit
_A_BYTE = 8  # bytes that one byte of a body may take, in its own chunk

_Server = tuple[str, str, int | None]  # scheme, host, port
_AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


@dataclass(slots=True)
class Exchange:
    """One call of send: its limits in seconds (``ends`` on the monotonic clock), and the state of its sockets.

    target: the called URL, for errors. received: bytes of the answer so far. most: bytes that it may have now.
    """

    policy: AddressPolicy
    connect_timeout: float
    read_timeout: float
    ends: float
    target: str = ""
    received: int = 0
    most: int = _AROUND
    fresh_only: bool = False
    connected: bool = False
    answered: bool = False

    def time_left(self, limit: float = math.inf) -> float:
        """Return the seconds that the next step may take, at most ``limit``; raise TimeoutError if time is up."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time allowed for the whole exchange is over.")
        return min(limit, left)

    def limit(self, sock: socket.socket) -> None:
        """Limit the next step of a socket; a limit that is almost the same stays: each change is a system call."""
        left, set_before = self.time_left(self.read_timeout), sock.gettimeout()
        if set_before is None or abs(set_before - left) > left * _TOLERANCE:
            sock.settimeout(left)

    def note(self, count: int) -> None:
        """Count received bytes; raise InvalidResponseError if there are too many besides the body."""
        self.answered |= count > 0
        self.received += count
        if self.received > self.most:
            raise InvalidResponseError(f"{self.target} answered with more than {_AROUND} bytes around the body.")

    def allow(self, body: int) -> None:
        """Allow more bytes, after the head and ``body`` bytes of the body."""
        self.most = max(self.most, 2 * _AROUND + _A_BYTE * body)

    def was_stale(self, error: Exception) -> bool:
        """Tell whether a kept connection was lost before any byte of an answer came over it."""
        return not (self.connected or self.answered or isinstance(innermost(error), TimeoutError))


# Pooled connections outlive an exchange and change threads, so sockets look their limits up here.
current_exchange: ContextVar[Exchange] = ContextVar("flask_ocpi_exchange")


class _Socket(socket.socket):
    """A socket with one time limit for the whole exchange; a plain timeout restarts with each byte."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        exchange = current_exchange.get()
        exchange.limit(self)
        with forks.waiting():
            count = super().recv_into(buffer, nbytes, flags)
        exchange.note(count)
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        current_exchange.get().limit(self)
        with forks.waiting():
            super().sendall(data, flags)


class TLSSocket(ssl.SSLSocket):
    """The same as :class:`_Socket` over TLS, where sendall is a loop over send."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        exchange = current_exchange.get()
        timeout = exchange.time_left(exchange.read_timeout)
        # OpenSSL itself, which has locks, does not wait for the other end, or not for long.
        if not self.pending():
            with forks.waiting():
                wait_for_read(self, timeout)
        self.settimeout(timeout)
        count = super().recv_into(buffer, nbytes, flags)
        exchange.note(count)
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        current_exchange.get().limit(self)
        return super().send(data, flags)


class Guarded(HTTPConnection):
    """A kept connection to one server: the head of a request and its body are one packet, one wake-up of the server."""

    server: _Server = ("", "", None)
    _body = b""

    def _new_conn(self) -> socket.socket:
        return _open_socket(self)

    @property
    def is_connected(self) -> bool:
        return not current_exchange.get().fresh_only and super().is_connected

    def exchange(self, method: str, target: str, headers: bytes, body: bytes) -> HTTPResponse:
        """Send a request and return its answer, whose body is not read yet. headers: their lines, without the last end.

        All of it must be checked: it is sent as it is.
        """
        self._body = body
        self.putrequest(method, target, skip_accept_encoding=True)
        self._output(headers)  # type: ignore[attr-defined]  # putheader would check each line a second time
        with suppress(BrokenPipeError):  # the server may have answered, and refused the rest
            self.endheaders()
        return http.client.HTTPConnection.getresponse(self)

    def send(self, data: Any) -> None:
        body, self._body = self._body, b""
        super().send(data + body if body else data)


class _GuardedTLS(Guarded, HTTPSConnection):
    """The same over TLS."""


def _open_socket(connection: HTTPConnection) -> socket.socket:
    """Resolve the host once, check every address, and connect to one of them.

    Host header, SNI and the certificate check use the name; there is no second resolution, which could give another
    address (DNS rebinding).
    """
    exchange = current_exchange.get()
    exchange.connected = True
    # The name as given: its trailing dot, which `host` lacks, keeps the resolver from trying search domains.
    found = _resolve(connection._dns_host, connection.port, exchange)
    for *_, address in found:
        exchange.policy.check_address(address[0], connection.host)
    failure: OSError | None = None
    for info in found:
        try:
            return _connect(info, connection, exchange)
        except OSError as error:
            failure = error
    raise UnreachableError(f"{connection.host} could not be connected to: {reason_of(failure)}.") from failure


def _connect(info: _AddressInfo, connection: HTTPConnection, exchange: Exchange) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = _Socket(family, kind, protocol)
    try:
        sock.settimeout(exchange.time_left(exchange.connect_timeout))
        for option in connection.socket_options or ():
            sock.setsockopt(*option)
        with forks.waiting():
            sock.connect(address)
        # This timeout bounds the TLS handshake that follows as a whole.
        sock.settimeout(exchange.time_left(exchange.connect_timeout))
    except OSError:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int, exchange: Exchange) -> Sequence[_AddressInfo]:
    """Look the host up within the time left of the exchange: getaddrinfo itself has no time limit."""
    answers: queue.SimpleQueue[Sequence[_AddressInfo] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    forks.thread(look_up, "ocpi-resolve").start()
    try:
        with forks.waiting():
            answer = answers.get(timeout=exchange.time_left())
    except (queue.Empty, TimeoutError) as error:
        raise UnreachableError(f"{host} could not be resolved in the time allowed.") from error
    if isinstance(answer, Exception):
        raise UnreachableError(f"{host} could not be resolved: {reason_of(answer)}.") from answer
    return answer


class GuardedPools:
    """Kept guarded connections by server, with the TLS context of the host or the common one.

    The last one that came back is the next one taken. Of servers that were not called for longest, none is kept.
    """

    def __init__(self, context: ssl.SSLContext, contexts: Mapping[str, ssl.SSLContext], pool_size: int) -> None:
        self._context = context
        self._contexts = dict(contexts)
        self._pool_size = pool_size
        self._kept: dict[_Server, list[Guarded]] = {}
        forks.begin(self._begin)

    def _begin(self) -> None:
        """Start without connections after a fork: the parent still uses those that it has."""
        forks.left_to_parent.append(self._kept)
        self._lock = threading.Lock()
        self._kept = {}

    def take(self, url: SplitResult) -> Guarded:
        """Return a connection to the server of a URL that is not in use; one that is not open connects when it sends.

        The contexts, loaded once, have the TLS settings; a host with its own context shares no connection with others.
        """
        host = url.hostname or ""
        server = (url.scheme, host, url.port)
        while (connection := self._kept_to(server)) is not None:
            if connection.is_connected:
                return connection
            connection.close()
        if url.scheme == "https":
            context = self._contexts.get(host.rstrip("."), self._context)
            made: Guarded = _GuardedTLS(host, url.port, ssl_context=context)
        else:
            made = Guarded(host, url.port)
        made.server = server
        return made

    def _kept_to(self, server: _Server) -> Guarded | None:
        with self._lock:
            kept = self._kept.get(server)
            return kept.pop() if kept else None

    def keep(self, connection: Guarded) -> None:
        """Keep a connection whose answer was read to its end, unless that answer closed it."""
        if connection.is_closed:
            return
        with self._lock:
            kept = self._kept.pop(connection.server, [])
            self._kept[connection.server] = kept
            kept.append(connection)
            dropped = [kept.pop(0)] if len(kept) > self._pool_size else []
            if len(self._kept) > _KEPT_PEERS:
                dropped += self._kept.pop(next(iter(self._kept)))
        for unused in dropped:
            unused.close()

    def close(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, {}
        for connections in kept.values():
            for connection in connections:
                connection.close()


def innermost(error: BaseException) -> BaseException:
    """Return the innermost error that urllib3 wraps: each is an argument of the next."""
    while nested := next((part for part in error.args if isinstance(part, BaseException)), None):
        error = nested
    return error


def reason_of(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
