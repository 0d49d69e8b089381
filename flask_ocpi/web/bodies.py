"""Request bodies: read up to a limit, and what nobody read is taken off the line for a moment."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from time import monotonic
from typing import IO
from typing import TYPE_CHECKING

from flask import Request
from flask.globals import request_ctx
from werkzeug.exceptions import ClientDisconnected
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from flask_ocpi.bodies import Bodies
from flask_ocpi.incoming import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHUNK = 64 * 1024
_MOST_DRAINED = 64 * 1024 * 1024
_DRAIN_SECONDS = 1.0


def read_body(request: Request) -> bytes:
    """Return the body, read once.

    Raises RequestEntityTooLarge when it is longer than ``max_content_length``, at once if it says so, and
    RequestTimeoutError when it takes too long.
    """
    incoming = Incoming.of(request.environ)
    if incoming.is_read:
        return incoming.body
    length = request.content_length
    if length is None or "stream" in request.__dict__:  # chunked, or the host application has begun to read it
        body = _in_time(incoming, partial(_read_to_end, request))
    else:
        limit = request.max_content_length
        if limit is not None and length > limit:
            raise RequestEntityTooLarge
        body = _in_time(incoming, partial(_read, request.environ["wsgi.input"], length))
        request.stream = BytesIO()  # whoever reads on is at the end
    incoming.is_read = True
    incoming.body = body
    return body


def _in_time(incoming: Incoming, read: Callable[[], bytes]) -> bytes:
    context = incoming.context
    return read() if context is None else context.services.bodies.read(context.platform.id, incoming.environ, read)


def may_have_body(environ: WSGIEnvironment) -> bool:
    """Tell whether a request says that it has a body."""
    return environ.get("CONTENT_LENGTH", "0") not in ("", "0") or bool(environ.get("HTTP_TRANSFER_ENCODING"))


def note_rest(environ: WSGIEnvironment) -> None:
    """Note what is left of the body, for :class:`Draining`."""
    incoming = Incoming.of(environ)
    if may_have_body(environ) and not incoming.is_read:
        incoming.rest = _rest(request_ctx.request)


class Draining:
    """An answer, and behind it what is left of the body of its request, as far as that comes within a second.

    A peer that is still sending would never get to read the answer of a connection that is closed. Few are waited for
    at a time; all others, and those who take longer, find their connection closed.
    """

    def __init__(self, answer: Iterable[bytes], environ: WSGIEnvironment, rest: IO[bytes], bodies: Bodies) -> None:
        self._answer = answer
        self._environ = environ
        self._rest = rest
        self._bodies = bodies

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer
        with suppress(OSError, ClientDisconnected, ValueError):
            self._bodies.drain(self._environ, self._drain, seconds=_DRAIN_SECONDS)

    def close(self) -> None:
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()

    def _drain(self) -> None:
        ends = monotonic() + _DRAIN_SECONDS
        left = _MOST_DRAINED
        while left > 0 and monotonic() < ends and (data := self._rest.read(_CHUNK)):
            left -= len(data)


def _read_to_end(request: Request) -> bytes:
    """Read a body of unknown length, and nothing after its limit."""
    body = request.get_data(cache=False)
    at_limit = request.content_length is None and len(body) == request.max_content_length
    if at_limit and request.environ["wsgi.input"].read(1):  # Werkzeug cuts a chunked body without a word
        raise RequestEntityTooLarge
    return body


def _read(stream: IO[bytes], length: int) -> bytes:
    """Read so many bytes, as a rule at once: each call waits for the server, and lets other threads go first."""
    body = b""
    while len(body) < length:
        try:
            more = stream.read(length - len(body))
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise ClientDisconnected from error
        if not more:
            raise ClientDisconnected
        body = body + more if body else more
    return body


def _rest(request: Request) -> IO[bytes]:
    if "wsgi.input_terminated" in request.environ:  # the server knows where the body ends
        stream: IO[bytes] = request.environ["wsgi.input"]
        return stream
    return request.__dict__.get("stream") or get_input_stream(request.environ)
