"""Request bodies: read up to a limit, and what nobody read is taken off the line."""

from __future__ import annotations

from contextlib import suppress
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
    body = request.get_data(cache=False)
    at_limit = request.content_length is None and len(body) == request.max_content_length
    if at_limit and request.environ["wsgi.input"].read(1):  # Werkzeug cuts a chunked body without a word
        raise RequestEntityTooLarge
    Incoming.of(request.environ).body = body
    return body


def drain_body(environ: WSGIEnvironment) -> None:
    """Read what is left of the body (bounded): a peer that is still sending would never get to read the answer."""
    if environ.get("CONTENT_LENGTH", "0") in ("", "0") and not environ.get("HTTP_TRANSFER_ENCODING"):
        return
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not request.content_length and not chunked:
        return
    stream = _rest()
    with suppress(OSError, ClientDisconnected):
        for _ in range(_MAX_CHUNKS):
            if not stream.read(_CHUNK):
                return


def _rest() -> IO[bytes]:
    if "wsgi.input_terminated" in request.environ:  # the server knows where the body ends
        stream: IO[bytes] = request.environ["wsgi.input"]
        return stream
    return request.__dict__.get("stream") or get_input_stream(request.environ)
