"""The wire to other platforms: HTTP bounded in time, in size and in where it may go."""

from __future__ import annotations

import ipaddress
import math
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field
from http.client import HTTPException
from http.client import IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import MappingProxyType
from typing import Any
from typing import Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnreachableError

MAX_BYTES = 32 * 1024 * 1024

_CHUNK = 64 * 1024
_KEPT_PEERS = 64
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\xa1-\xff][\t -~\xa0-\xff]*)?")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")

# What ipaddress.is_global lets pass in some version of Python, although nobody's platform is there.
_SPECIAL_NETWORKS = (
    ipaddress.ip_network("192.0.0.0/24"),  # Protocol assignments; also one cloud's metadata service.
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays.
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's platform services.
    ipaddress.ip_network("3fff::/20"),  # Documentation.
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to another platform; its repr shows neither the credentials token nor the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def __repr__(self) -> str:
        shown = {
            name: "***" if name.lower() == "authorization" else text for name, text in self.headers.items()
        }
        return f"Request({self.method!r}, {self.url!r}, headers={shown!r}, body={_size(self.body)})"


@dataclass(frozen=True, slots=True)
class Response:
    """What another platform answered: the decoded body, and headers that are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", MappingProxyType(CaseInsensitiveDict(self.headers)))

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.url!r}, body={_size(self.body)})"


class Transport(Protocol):
    """The seam between the client and the network: tests and other HTTP libraries plug in here."""

    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises UnreachableError, BlockedAddressError or InvalidResponseError.
        """

    def close(self) -> None:
        """Give back what the transport holds open."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where requests may go: https and public addresses, unless the operator says otherwise.

    ``allow_private`` lifts both limits; ``allowed_hosts`` names hosts that may have any address, over https.
    """

    allow_private: bool = False
    allowed_hosts: tuple[str, ...] = ()

    def check_url(self, url: str) -> None:
        """Raise BlockedAddressError unless this URL may be called; its address is checked when connecting."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise BlockedAddressError("The URL is not valid: its host or port cannot be read.") from error
        if not host or _NOT_IN_URLS.search(url):
            raise BlockedAddressError("The URL is not valid: it has no host, or holds spaces or backslashes.")
        if "@" in parts.netloc:
            raise BlockedAddressError(f"The URL of {host} must not carry a user name or password.")
        if parts.scheme not in ("http", "https"):
            raise BlockedAddressError(f"The URL of {host} must be https, not {parts.scheme!r}.")
        if parts.scheme == "http" and not self.allow_private:
            raise BlockedAddressError(
                f"The URL of {host} must be https, not http; set OCPI_HTTP_ALLOW_PRIVATE to allow http."
            )

    def check_address(self, ip: str | _Address, host: str | None = None) -> None:
        """Raise BlockedAddressError unless this IP address, found for ``host``, may be connected to."""
        if self.allow_private or (host is not None and _folded(host) in map(_folded, self.allowed_hosts)):
            return
        if not _is_public(ipaddress.ip_address(ip)):
            raise BlockedAddressError(
                f"{host or 'The host'} has the address {ip}, which is not public; "
                "set OCPI_HTTP_ALLOW_PRIVATE to allow such addresses."
            )


def _is_public(ip: _Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.sixtofour is not None and not _is_public(ip.sixtofour):
            return False
        # The rest of the space is reserved, local, multicast, or wraps IPv4 addresses.
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL_NETWORKS)


@dataclass(slots=True)
class _Exchange:
    """One call of send: its limits in seconds (``ends`` on the monotonic clock), and what its sockets saw."""

    policy: AddressPolicy
    connect_timeout: float
    read_timeout: float
    ends: float
    fresh_only: bool = False
    connected: bool = False
    answered: bool = False

    def time_left(self, limit: float = math.inf) -> float:
        """Return how long the next step may take, at most ``limit``; raise TimeoutError when time is up."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time allowed for the whole exchange is over.")
        return min(limit, left)

    def was_stale(self, error: requests.ConnectionError) -> bool:
        """Tell whether a kept connection was lost before any byte of an answer came over it."""
        return not (self.connected or self.answered or isinstance(_innermost(error), TimeoutError))


# Pooled connections outlive an exchange and change threads, so sockets look their limits up here.
_current: ContextVar[_Exchange] = ContextVar("flask_ocpi_exchange")


class _Socket(socket.socket):
    """A socket whose every step obeys the exchange: a plain timeout starts anew with each byte."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        exchange = _current.get()
        self.settimeout(exchange.time_left(exchange.read_timeout))
        count = super().recv_into(buffer, nbytes, flags)
        exchange.answered |= count > 0
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        exchange = _current.get()
        self.settimeout(exchange.time_left(exchange.read_timeout))
        super().sendall(data, flags)


class _TLSSocket(ssl.SSLSocket):
    """The same as :class:`_Socket` over TLS, where sendall is a loop over send."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        exchange = _current.get()
        self.settimeout(exchange.time_left(exchange.read_timeout))
        count = super().recv_into(buffer, nbytes, flags)
        exchange.answered |= count > 0
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        exchange = _current.get()
        self.settimeout(exchange.time_left(exchange.read_timeout))
        return super().send(data, flags)


class _HTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self)

    @property
    def is_connected(self) -> bool:
        return not _current.get().fresh_only and super().is_connected


class _HTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self)

    @property
    def is_connected(self) -> bool:
        return not _current.get().fresh_only and super().is_connected


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def _open_socket(connection: HTTPConnection) -> socket.socket:
    """Resolve the host once, check every address, and connect to one of exactly these.

    Host header, SNI and the certificate check keep using the name; a second resolution, which could answer
    otherwise (DNS rebinding), never takes place.
    """
    exchange = _current.get()
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
    raise UnreachableError(f"{connection.host} could not be connected to: {_reason(failure)}.") from failure


def _connect(info: _AddressInfo, connection: HTTPConnection, exchange: _Exchange) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = _Socket(family, kind, protocol)
    try:
        sock.settimeout(exchange.time_left(exchange.connect_timeout))
        for option in connection.socket_options or ():
            sock.setsockopt(*option)
        sock.connect(address)
        # The TLS handshake that follows is bounded as a whole by the timeout it finds.
        sock.settimeout(exchange.time_left(exchange.connect_timeout))
    except OSError:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int, exchange: _Exchange) -> Sequence[_AddressInfo]:
    """Look the host up, for no longer than the exchange has left: getaddrinfo itself has no time limit."""
    answers: queue.SimpleQueue[Sequence[_AddressInfo] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=look_up, name="ocpi-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=exchange.time_left())
    except (queue.Empty, TimeoutError) as error:
        raise UnreachableError(f"{host} could not be resolved in the time allowed.") from error
    if isinstance(answer, Exception):
        raise UnreachableError(f"{host} could not be resolved: {_reason(answer)}.") from answer
    return answer


class _Adapter(HTTPAdapter):
    """The requests adapter whose pools use the guarded connections and one TLS context."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        # False, not 0: errors then come as they are, without one that repeats the URL with its query.
        super().__init__(_KEPT_PEERS, pool_size, max_retries=urllib3.Retry(False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: object, proxies: object = None, cert: object = None
    ) -> HTTPConnectionPool:
        """Choose the pool by the URL alone: the TLS settings live in the context, loaded once."""
        parts = urlsplit(str(request.url))
        pools: urllib3.PoolManager = self.poolmanager
        return pools.connection_from_host(parts.hostname, parts.port, parts.scheme)

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Leave the pool alone: the context verifies."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Know no redirects: to prepare one, requests would read the whole body, past every limit."""
        return None


class RequestsTransport:
    """A :class:`Transport` on requests, for use by any number of threads.

    Times are in seconds: ``connect_timeout`` for each address and for the TLS handshake, ``read_timeout``
    for each wait for the peer, ``total_timeout`` for everything from name resolution to the last byte.
    ``max_bytes`` bounds the body, on the wire and decoded. ``ca_bundle`` is a PEM file or a directory (by
    default certifi's bundle), ``client_certificate`` a PEM file with certificate and key, or the two files.
    ``pool_size`` is the number of idle connections kept per peer. Redirects are not followed; proxies, netrc
    and cookies are not used.
    """

    def __init__(
        self,
        *,
        policy: AddressPolicy,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        max_bytes: int = MAX_BYTES,
        ca_bundle: str | None = None,
        client_certificate: tuple[str, str] | str | None = None,
        pool_size: int = 10,
    ) -> None:
        self._policy = policy
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._max_bytes = max_bytes
        adapter = _Adapter(_tls_context(ca_bundle, client_certificate), pool_size)
        self._session = _Session()
        self._session.trust_env = False
        # Platforms share the session: none may set a cookie.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers = CaseInsensitiveDict({"Accept-Encoding": "gzip", "User-Agent": "flask-ocpi"})
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status; redirects are answers too.

        A GET is sent a second time when a kept connection is lost before the first byte of an answer; nothing
        else is ever sent twice. Raises UnreachableError, BlockedAddressError or InvalidResponseError.
        """
        self._policy.check_url(request.url)
        _check_headers(request)
        ends = time.monotonic() + self._total_timeout
        exchange = _Exchange(self._policy, self._connect_timeout, self._read_timeout, ends)
        token = _current.set(exchange)
        try:
            return self._exchange(request, exchange)
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise _translated(error, request) from _innermost(error)
        finally:
            _current.reset(token)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def _exchange(self, request: Request, exchange: _Exchange) -> Response:
        prepared = self._prepare(request)
        try:
            answer = self._start(prepared)
        except requests.ConnectionError as error:
            if request.method != "GET" or not exchange.was_stale(error):
                raise
            exchange.fresh_only = True
            answer = self._start(prepared)
        try:
            body = _read_body(answer.raw, self._max_bytes, _target(request))
        finally:
            answer.close()
        return Response(answer.status_code, answer.headers, body, request.url)

    def _prepare(self, request: Request) -> requests.PreparedRequest:
        headers = dict(request.headers)
        draft = requests.Request(request.method, request.url, headers=headers, data=request.body)
        try:
            prepared = self._session.prepare_request(draft)
        except (requests.RequestException, ValueError):
            # The original repeats the URL with its query.
            raise BlockedAddressError(f"{_target(request)} is not a valid URL.") from None
        self._policy.check_url(str(prepared.url))
        return prepared

    def _start(self, prepared: requests.PreparedRequest) -> requests.Response:
        timeouts = (self._connect_timeout, self._read_timeout)
        return self._session.send(prepared, stream=True, allow_redirects=False, timeout=timeouts, proxies={})


def _tls_context(ca_bundle: str | None, client_certificate: tuple[str, str] | str | None) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = _TLSSocket
    bundle = Path(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    try:
        if bundle.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except OSError as error:
        raise ConfigurationError(f"The CA bundle {bundle} cannot be used: {_reason(error)}.") from error
    if client_certificate is None:
        return context
    file, key = (client_certificate, None) if isinstance(client_certificate, str) else client_certificate
    try:
        # A password, even a wrong one, keeps OpenSSL from asking for it on the terminal.
        context.load_cert_chain(file, key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"The client certificate {file} cannot be used: {_reason(error)}."
        ) from error
    return context


class _Decoder:
    """Decode one body, never beyond the room that is left for it."""

    def __init__(self, encoding: str) -> None:
        self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding in ("gzip", "x-gzip") else None

    def decode(self, data: bytes, room: int) -> bytes:
        output = bytearray()
        if self._gzip is None:
            return data
        while data and len(output) < room:
            if self._gzip.eof:
                self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            output += self._gzip.decompress(data, room - len(output))
            data = self._gzip.unconsumed_tail or self._gzip.unused_data
        return bytes(output)

    @property
    def is_complete(self) -> bool:
        return self._gzip is None or self._gzip.eof


def _read_body(raw: Any, limit: int, target: str) -> bytes:
    """Read a urllib3 response to its end, and no further than ``limit`` bytes, on the wire and decoded."""
    encoding = raw.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise InvalidResponseError(f"{target} answered in an encoding not asked for: {encoding[:40]!r}.")
    decoder = _Decoder(encoding)
    body = bytearray()
    received = 0
    try:
        # read1, not read: http.client's read believes a negative chunk length and reads on without end.
        while chunk := raw.read1(_CHUNK, decode_content=False):
            received += len(chunk)
            body += decoder.decode(chunk, limit + 1 - len(body))
            if max(received, len(body)) > limit:
                raise InvalidResponseError(f"{target} answered with more than {limit} bytes.")
    except zlib.error as error:
        raise InvalidResponseError(f"{target} answered with a body that is not valid gzip.") from error
    if received and not decoder.is_complete:
        raise InvalidResponseError(f"{target} answered with a gzip body that ends too early.")
    return bytes(body)


def _translated(error: Exception, request: Request) -> RemoteError:
    """Say what went wrong, with host and path only: queries and headers may hold secrets."""
    target = _target(request)
    cause = _innermost(error)
    if isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return UnreachableError(f"{target} did not answer in the time allowed.")
    if isinstance(cause, ssl.SSLError):
        return UnreachableError(f"The TLS connection to {target} failed: {_reason(cause)}.")
    if isinstance(cause, (OSError, IncompleteRead)):
        return UnreachableError(f"The connection to {target} was lost: {_reason(cause)}.")
    return InvalidResponseError(f"{target} did not answer in valid HTTP.")


def _innermost(error: BaseException) -> BaseException:
    """Unwrap what requests and urllib3 wrap: each passes the error below as an argument."""
    while nested := next((part for part in error.args if isinstance(part, BaseException)), None):
        error = nested
    return error


def _reason(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _check_headers(request: Request) -> None:
    """Refuse what HTTP cannot carry before a library puts the value, perhaps a token, into its message."""
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise UnreachableError(
                f"{_target(request)} cannot be called: HTTP cannot carry the header {name!r}."
            )


def _target(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _folded(host: str) -> str:
    return host.rstrip(".").lower()


def _size(body: bytes | None) -> str:
    return "None" if body is None else f"<{len(body)} bytes>"
