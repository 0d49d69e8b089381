"""An incoming request: its body, read up to a limit, and its arguments, read with the schemas."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from io import BytesIO
from time import monotonic
from time import perf_counter
from types import MappingProxyType
from typing import IO
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import parse_qsl

import orjson
from flask import Request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from flask_ocpi.core.responses import BYTE_ORDER_MARK
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidJSONError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import UnsupportedMediaTypeError
from flask_ocpi.exchange.bounds import Bodies
from flask_ocpi.exchange.logs import Exchange
from flask_ocpi.exchange.logs import Ration
from flask_ocpi.exchange.logs import shortened
from flask_ocpi.partners.platforms import Caller
from flask_ocpi.web.headers import CORRELATION_ID
from flask_ocpi.web.headers import REQUEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHUNK = 64 * 1024
_MOST_DRAINED = 64 * 1024 * 1024
_DRAIN_SECONDS = 1.0
_KEEP = "werkzeug.url_quote"  # bytes that are no UTF-8 stay encoded
#: The key of the :class:`Incoming` in the environment of a request.
INCOMING = "flask_ocpi.incoming"
_NO_MODULES: Mapping[str, str | None] = MappingProxyType({})


class Incoming(Exchange):
    """A partner's request, as far as it is known, available from the request and from the thread.

    modules: the id of the module by the name of its blueprint, None for the one that answers all other paths. bodies:
    limits the reading of its body. caller: its caller, once known. body: the bytes read, for the journal. is_read: the
    body was read completely. rest: the unread part of a body that nothing will read.
    """

    caller: Caller | None = None
    body = b""
    is_read = False
    rest: IO[bytes] | None = None
    _answered: dict[str, str] | None = None

    def __init__(
        self,
        environ: WSGIEnvironment,
        *,
        moment: int = 0,
        modules: Mapping[str, str | None] = _NO_MODULES,
        ration: Ration | None = None,
        bodies: Bodies | None = None,
    ) -> None:
        self.environ = environ
        self.moment = moment
        self.modules = modules
        self.ration = ration
        self.bodies = bodies
        self._began = perf_counter()
        environ[INCOMING] = self

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> Incoming:
        """Return the :class:`Incoming` of a request."""
        return environ.get(INCOMING) or cls(environ)

    @property
    def endpoint(self) -> str:
        """The endpoint that Flask found for it; "" before that, and without an endpoint."""
        request: Request | None = self.environ.get("werkzeug.request")
        return (request.endpoint if request is not None else None) or ""

    @property
    def is_ours(self) -> bool:
        """Whether a blueprint of ours answers it."""
        return self.endpoint.rpartition(".")[0] in self.modules

    @property
    def answered_ids(self) -> dict[str, str]:
        """The message ids of its answer: its own, or new ones (MID-07); the same each time."""
        if self._answered is None:
            get = self.environ.get
            self._answered = {
                REQUEST_ID: get("HTTP_X_REQUEST_ID") or str(uuid.uuid4()),
                CORRELATION_ID: get("HTTP_X_CORRELATION_ID") or str(uuid.uuid4()),
            }
        return self._answered

    @property
    def request_id(self) -> str:
        return shortened(self.answered_ids[REQUEST_ID]) if self.is_ours else ""

    @property
    def correlation_id(self) -> str:
        return shortened(self.answered_ids[CORRELATION_ID]) if self.is_ours else ""

    @property
    def operation(self) -> str:
        blueprint, _, view = self.endpoint.rpartition(".")
        return view if self.modules.get(blueprint) is not None else ""

    def note_rest(self, request: Request) -> None:
        """Note the unread part of its body, which no view will read."""
        if may_have_body(self.environ) and self.is_ours:
            self.rest = _rest(request)


def read_body(request: Request) -> bytes:
    """Return the body, read once.

    Raises RequestEntityTooLarge if it is longer than ``max_content_length``, at once if its header says so, and
    RequestTimeoutError if it takes too long.
    """
    environ = request.environ
    incoming = environ.get(INCOMING) or Incoming(environ)
    if incoming.is_read:
        return incoming.body
    said = environ.get("CONTENT_LENGTH", "")
    is_plain = said.isascii() and said.isdigit() and len(said) < 19 and "HTTP_TRANSFER_ENCODING" not in environ
    length = int(said) if is_plain else request.content_length
    if length is None or "stream" in request.__dict__:  # chunked, or the host application has begun to read it
        read = partial(_read_to_end, request)
    else:
        limit = request.max_content_length
        if limit is not None and length > limit:
            raise RequestEntityTooLarge
        read = partial(_read, environ["wsgi.input"], length)
        request.stream = BytesIO()  # a second reader finds the end
    if incoming.caller is None or incoming.bodies is None:
        body = read()
    else:
        body = incoming.bodies.read(incoming.caller.platform.id, environ, read)
    incoming.is_read = True
    incoming.body = body
    return body


def may_have_body(environ: WSGIEnvironment) -> bool:
    """Tell whether a request announces a body."""
    return environ.get("CONTENT_LENGTH", "0") not in ("", "0") or bool(environ.get("HTTP_TRANSFER_ENCODING"))


class Draining:
    """An answer, followed by reading the rest of the request's body for at most a second.

    A peer that is still sending could not read an answer on a closed connection. Only a few are waited for at a time;
    for all others, and for slower ones, the connection closes.
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
    """Read a body of unknown length up to its limit, and nothing after it."""
    body = request.get_data(cache=False)
    at_limit = request.content_length is None and len(body) == request.max_content_length
    if at_limit and request.environ["wsgi.input"].read(1):  # Werkzeug cuts a chunked body silently
        raise RequestEntityTooLarge
    return body


def _read(stream: IO[bytes], length: int) -> bytes:
    """Read ``length`` bytes, usually in one call: each call waits for the server, and lets other threads go first."""
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


Understand = Callable[[Schema, Any, str], Document]
#: Notes a flaw of a request: its kind, the received value, and the outcome.
Note = Callable[[str, str, str], None]

_JSON_TYPES = ("application/json", "text/json", "")
#: The content types that libraries send by default.
_TYPES_OF_ANYTHING = frozenset(
    {"text/plain", "application/octet-stream", "application/x-www-form-urlencoded", "application/text", "text/x-json"}
)


def read_json(request: Request, note: Note | None = None) -> Any:
    """Decode the body strictly: UTF-8, no NaN, no lone surrogates; raise InvalidJSONError (HTTP 400).

    note: notes a Content-Type other than JSON's and a byte order mark, which are ignored; without it they are refused.
    OCPI 2.2.1, Transport and format, "Request format".
    """
    if request.environ.get("CONTENT_TYPE") not in _JSON_TYPES:
        mimetype = request.mimetype
        if mimetype not in _JSON_TYPES and not mimetype.endswith("+json"):
            if note is None or mimetype not in _TYPES_OF_ANYTHING:
                raise UnsupportedMediaTypeError(
                    f"The Content-Type must be application/json, not {mimetype[:60]!a}.", http_status=415
                )
            note("content_type", mimetype, "The body was read as JSON.")
    encoding = request.environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":  # a few bytes may expand to gigabytes
        raise UnsupportedMediaTypeError(
            f"The body must not be compressed, and its Content-Encoding is {encoding[:40]!a}.",
            headers={"Accept-Encoding": "identity"},
        )
    body = read_body(request)
    if note is not None and body.startswith(BYTE_ORDER_MARK):
        body = body.removeprefix(BYTE_ORDER_MARK)
        note("byte_order_mark", "", "It was passed over.")
    if not body:
        raise InvalidJSONError("The body is empty; it has to be a JSON object.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJSONError(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from error


def read_query(request: Request, schema: Schema, understand: Understand) -> Document:
    """Return the first value of each query parameter; raise InvalidParametersError that names the wrong ones."""
    text = request.environ.get("QUERY_STRING")
    # The first one of a name counts, as in request.args, which takes longer to make.
    given = dict(reversed(parse_qsl(_utf_8(text), keep_blank_values=True, errors=_KEEP))) if text else {}
    document = schema.load_valid(given)
    return understand(schema, given, "query parameter") if document is None else document


def _utf_8(text: str) -> str:
    """Return a text of the environment, which is UTF-8 read as Latin-1."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def read_document(
    request: Request, schema: Schema, understand: Understand, *, required: bool, note: Note | None = None
) -> Document | None:
    """Return the checked body; None if there is none and none is ``required``.

    Raises InvalidJSONError, UnsupportedMediaTypeError, and InvalidParametersError that names the flaws.
    ``understand`` reads invalid bodies. With ``note``, which gets each flaw, an optional body that is empty, says
    nothing or cannot be read counts as none, and the request is not refused for it.
    """
    if not required and not (may_have_body(request.environ) and read_body(request)):
        return None
    data = read_json(request, note)
    document = schema.load_valid(data)
    if document is not None:
        return document
    if required or note is None:
        return understand(schema, data, "body")
    if _says_nothing(data):
        return None
    try:
        return understand(schema, data, "body")
    except InvalidParametersError:  # it is noted
        return None


def _says_nothing(data: Any) -> bool:
    return not data or (isinstance(data, dict) and not any(data.values()))
