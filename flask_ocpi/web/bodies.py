"""Request bodies: read up to a limit, and what nobody read is taken off the line."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import IO
from typing import TYPE_CHECKING

from flask import Request
from flask import request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from flask_ocpi.incoming import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHUNK = 64 * 1024
_MAX_CHUNKS = 1024  # 64 MB


def read_body(request: Request) -> bytes:
    """Return the body; raise RequestEntityTooLarge when it is longer than ``max_content_length``."""
    incoming = Incoming.of(request.environ)
    length = request.content_length
    if length is None or "stream" in request.__dict__:  # chunked, or the host application has begun to read it
        body = request.get_data(cache=False)
        at_limit = request.content_length is None and len(body) == request.max_content_length
        if at_limit and request.environ["wsgi.input"].read(1):  # Werkzeug cuts a chunked body without a word
            raise RequestEntityTooLarge
    else:
        limit = request.max_content_length
        if limit is not None and length > limit:
            raise RequestEntityTooLarge
        body = _read(request.environ["wsgi.input"], length)
        request.stream = BytesIO()  # whoever reads on is at the end
        incoming.is_read = True
    incoming.body = body
    return body


def may_have_body(environ: WSGIEnvironment) -> bool:
    """Tell whether a request says that it has a body."""
    return environ.get("CONTENT_LENGTH", "0") not in ("", "0") or bool(environ.get("HTTP_TRANSFER_ENCODING"))


def drain_body(environ: WSGIEnvironment) -> None:
    """Read what is left of the body (bounded): a peer that is still sending would never get to read the answer."""
    if not may_have_body(environ) or Incoming.of(environ).is_read:
        return
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not request.content_length and not chunked:
        return
    stream = _rest()
    with suppress(OSError, ClientDisconnected):
        for _ in range(_MAX_CHUNKS):
            if not stream.read(_CHUNK):
                return


def _read(stream: IO[bytes], length: int) -> bytes:
    """Read so many bytes, as a rule at once: each call waits for the server, and lets other threads go first."""
    body = b""
    while len(body) < length:
        try:
            more = stream.read(length - len(body))
        except (OSError, ValueError) as error:
            raise ClientDisconnected from error
        if not more:
            raise ClientDisconnected
        body = body + more if body else more
    return body


def _rest() -> IO[bytes]:
    if "wsgi.input_terminated" in request.environ:  # the server knows where the body ends
        stream: IO[bytes] = request.environ["wsgi.input"]
        return stream
    return request.__dict__.get("stream") or get_input_stream(request.environ)
