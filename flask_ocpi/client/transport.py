"""The wire to other platforms: HTTP with limits of time, size and addresses."""

from __future__ import annotations

import re
import ssl
import time
import zlib
from collections.abc import Mapping
from http.client import HTTPException
from http.client import HTTPResponse
from http.client import IncompleteRead
from pathlib import Path
from urllib.parse import SplitResult
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.sockets import Exchange
from flask_ocpi.client.sockets import GuardedPools
from flask_ocpi.client.sockets import TLSSocket
from flask_ocpi.client.sockets import current_exchange
from flask_ocpi.client.sockets import innermost
from flask_ocpi.client.sockets import reason_of
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.client.wire import Transport
from flask_ocpi.core import forks
from flask_ocpi.core.setting_kinds import Certificate
from flask_ocpi.core.setting_kinds import PlatformTLS
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError

__all__ = ["HTTPTransport", "Request", "Response", "Transport"]

MAX_BYTES = 32 * 1024 * 1024

_CHUNK = 64 * 1024
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_IN_URL = r"\w~:@!$&'()*+,;=-"
#: A URL that encoding does not change: only plain characters, and no segment of dots.
_READY_URL = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[1-9][0-9]{0,4})?"
    rf"(?:/(?!\.\.?(?:[/?]|\Z))[.{_IN_URL}]*)+(?:\?[./{_IN_URL}]+)?",
    re.ASCII,
)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]", re.ASCII)
_HEADER_VALUE = re.compile(r"(?:[!-~\xa1-\xff][\t -~\xa0-\xff]*)?")


class HTTPTransport:
    """A :class:`Transport` on urllib3, for use by any number of threads.

    Times are in seconds: ``connect_timeout`` for each address and for the TLS handshake, ``read_timeout``
    for each wait for the server, ``total_timeout`` for everything from name resolution to the last byte.
    ``max_bytes`` bounds the body, on the wire and decoded. ``ca_bundle`` is a PEM file or a directory (by
    default certifi's bundle), ``client_certificate`` a PEM file with certificate and key, or the two files;
    ``platform_tls`` has others for single hosts, used only for these hosts.
    ``pool_size`` is the number of idle connections kept per server; threads share them, processes do not. Redirects are
    not followed; proxies, netrc and cookies are not used.
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
        client_certificate: Certificate | None = None,
        platform_tls: Mapping[str, PlatformTLS] | None = None,
        pool_size: int = 10,
    ) -> None:
        self._policy = policy
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._max_bytes = max_bytes
        contexts = {
            host: _tls_context(own.ca_bundle or ca_bundle, own.client_certificate or client_certificate)
            for host, own in (platform_tls or {}).items()
        }
        self._pools = GuardedPools(_tls_context(ca_bundle, client_certificate), contexts, pool_size)

    def send(self, request: Request) -> Response:
        """Send one request and return the answer with any status; redirects are answers too.

        A GET is sent a second time if a kept connection is lost before the first byte of an answer; nothing else is
        sent twice (T-33). Raises UnreachableError, BlockedAddressError or InvalidResponseError.
        """
        forks.look_for_fork()
        self._policy.check_url(request.url)
        _check_headers(request)
        allowed = self._total_timeout if request.timeout is None else min(request.timeout, self._total_timeout)
        ends = time.monotonic() + allowed
        exchange = Exchange(self._policy, self._connect_timeout, self._read_timeout, ends, _target(request))
        token = current_exchange.set(exchange)
        try:
            return self._exchange(request, exchange)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise _translated(error, request) from innermost(error)
        finally:
            current_exchange.reset(token)

    def close(self) -> None:
        self._pools.close()

    def _exchange(self, request: Request, exchange: Exchange) -> Response:
        parts = urlsplit(_sendable(request.url))
        try:
            return self._answered(request, parts, exchange)
        except (HTTPException, OSError) as error:
            if request.method != "GET" or not exchange.was_stale(error):
                raise
        exchange.fresh_only = True
        return self._answered(request, parts, exchange)

    def _answered(self, request: Request, parts: SplitResult, exchange: Exchange) -> Response:
        """Send a request over a kept or a new connection; it is kept afterwards if its answer was read to the end."""
        path = f"/{parts.path.lstrip('/')}"  # not two slashes: a host would follow
        target = f"{path}?{parts.query}" if parts.query else path
        connection = self._pools.take(parts)
        try:
            answer = connection.exchange(request.method.upper(), target, _head(request), request.body or b"")
            body = _read_body(answer, self._max_bytes, exchange)
        except BaseException:
            connection.close()
            raise
        answer.close()
        self._pools.keep(connection)
        joined = {name: ", ".join(answer.headers.get_all(name, ())) for name in answer.headers}  # as HTTP has it
        return Response(answer.status, joined, body, request.url)


def _sendable(url: str) -> str:
    """Return a URL as it is sent: invalid characters of path and query are encoded, segments of dots are resolved.

    Raises BlockedAddressError if the host is not a plain name or address: write other letters as xn--.
    """
    if _READY_URL.fullmatch(url):
        return url
    host = urlsplit(url).hostname or ""
    if _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        try:
            return parse_url(url).url
        except urllib3.exceptions.LocationParseError:
            pass
    raise BlockedAddressError(f"{host!a} is not the host of a URL that can be called.")


def _head(request: Request) -> bytes:
    """Return the lines of all headers to send, each once in any spelling of its name."""
    given = [("Accept-Encoding", "gzip"), ("User-Agent", "flask-ocpi"), *request.headers.items()]
    if request.body or request.method.upper() not in ("GET", "HEAD"):
        given.append(("Content-Length", str(len(request.body or b""))))
    lines = {name.lower(): f"{name}: {value}" for name, value in given}
    return "\r\n".join(lines.values()).encode("latin-1")


def _tls_context(ca_bundle: str | None, client_certificate: Certificate | None) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = TLSSocket
    bundle = Path(ca_bundle or certifi.where())
    try:
        if bundle.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except OSError as error:
        raise ConfigurationError(
            f"The CA bundle {bundle} cannot be used: {reason_of(error)}. It must be PEM."
        ) from error
    if client_certificate is None:
        return context
    file, key = (client_certificate, None) if isinstance(client_certificate, str) else client_certificate
    try:
        # A password, even a wrong one, keeps OpenSSL from asking for it on the terminal.
        context.load_cert_chain(file, key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"The client certificate {file} cannot be used: {reason_of(error)}. It must be PEM."
        ) from error
    return context


class _Decoder:
    """Decodes one body, never beyond the room that is left for it."""

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


def _read_body(answer: HTTPResponse, limit: int, exchange: Exchange) -> bytes:
    """Read an answer to its end, at most ``limit`` bytes on the wire and decoded."""
    target = exchange.target
    exchange.allow(0)
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise InvalidResponseError(f"{target} answered in an encoding not asked for: {encoding[:40]!r}.")
    if len(set(answer.headers.get_all("Content-Length", ()))) > 1:
        raise InvalidResponseError(f"{target} answered with several lengths of one body.")
    decoder = _Decoder(encoding)
    body = bytearray()
    received = 0
    try:
        # read1, not read: http.client's read accepts a negative chunk length and reads without end.
        while answer.length != 0 and (chunk := answer.read1(_CHUNK)):
            received += len(chunk)
            exchange.allow(received)
            body += decoder.decode(chunk, limit + 1 - len(body))
            if max(received, len(body)) > limit:
                raise InvalidResponseError(f"{target} answered with more than {limit} bytes.")
    except zlib.error as error:
        raise InvalidResponseError(f"{target} answered with a body that is not valid gzip.") from error
    if answer.length:
        raise IncompleteRead(b"", answer.length)
    if received and not decoder.is_complete:
        raise InvalidResponseError(f"{target} answered with a gzip body that ends too early.")
    return bytes(body)


def _translated(error: Exception, request: Request) -> RemoteError:
    """Return the error to raise; it names host and path only: queries and headers may have secrets."""
    target = _target(request)
    cause = innermost(error)
    if isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return UnansweredError(f"{target} did not answer in the time allowed.")
    if isinstance(cause, ssl.SSLError):
        return UnreachableError(f"The TLS connection to {target} failed: {reason_of(cause)}.")
    if isinstance(cause, (OSError, IncompleteRead)):
        return UnreachableError(f"The connection to {target} was lost: {reason_of(cause)}.")
    return InvalidResponseError(f"{target} did not answer in valid HTTP.")


def _check_headers(request: Request) -> None:
    """Refuse invalid headers before a library puts their value, perhaps a token, into its message."""
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise UnreachableError(f"{_target(request)} cannot be called: HTTP cannot carry the header {name!r}.")


def _target(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
