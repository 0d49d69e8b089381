"""The answers with an HTTP error, as the OpenAPI document shows them, and the operations that give them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import Party
from flask_ocpi.web.headers import routing_headers
from flask_ocpi.web.incoming import Incoming

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment

_DONE = (200, 201)


class Answer(Response):
    """An answer in the envelope with all its headers; it has OCPI's status code and, for an error, the message."""

    def __init__(
        self,
        body: bytes,
        http_status: int,
        headers: Mapping[str, str],
        *,
        status_code: int = StatusCode.SUCCESS,
        message: str = "",
    ) -> None:
        super().__init__((body,), http_status, _headers(headers, len(body)))
        self.ocpi_status = int(status_code)
        self.message = message
        self._body = body
        self._made = self.response

    @property
    def body(self) -> bytes:
        """The body that is sent; hooks of the host may have changed it."""
        return self._body if self.response is self._made else self.get_data()

    @property
    def is_done(self) -> bool:
        """Tell whether the request succeeded; hooks of the host may have changed the answer."""
        return self.ocpi_status == StatusCode.SUCCESS and self.status_code in _DONE

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.response is not self._made or self.status_code not in _DONE or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, list(self.headers))  # all headers are set
        return _Sent(self._body, self.close)


class _Sent:
    """A body in one piece, and what the server calls after it sent it."""

    __slots__ = ("_body", "close")

    def __init__(self, body: bytes, close: Callable[[], None]) -> None:
        self._body = body
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return iter((self._body,))


class _Trusted(Headers):
    """Headers whose values are known to have one line each, so they are not checked one by one."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._list = pairs


def _headers(headers: Mapping[str, str], length: int) -> Headers:
    pairs = [("Content-Type", "application/json"), *headers.items(), ("Content-Length", str(length))]
    return _Trusted(pairs) if "".join(headers.values()).isprintable() else Headers(pairs)


class SurroundingHeaders:
    """The headers of every answer of a blueprint, also of errors: message ids and routing.

    functional: for a functional module, whose messages are routed; in versions without routing, if the headers come.
    """

    def __init__(self, services: Services, *, functional: bool) -> None:
        own = services.settings.parties
        self._only = Party.of(own[0].country_code, own[0].party_id) if len(own) == 1 else None
        self._functional = functional

    def of(self, incoming: Incoming) -> dict[str, str]:
        """Return the headers of the answer to a request."""
        ids = incoming.answered_ids
        return {**ids, **routing_headers(incoming.environ, self._only)} if self._functional else ids


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer with an HTTP error: its name among the components, its description, and an example."""

    http_status: HTTPStatus
    name: str
    description: str
    status_code: int
    message: str


BAD_REQUEST = ErrorAnswer(
    HTTPStatus.BAD_REQUEST,
    "BadRequest",
    "The body is not JSON.",
    2001,
    "The body is not valid JSON: unexpected end of data (line 1, column 2).",
)
UNAUTHORIZED = ErrorAnswer(
    HTTPStatus.UNAUTHORIZED,
    "Unauthorized",
    "No token, or one that does not open this.",
    2000,
    "The token in the Authorization header is not in use here.",
)
FORBIDDEN = ErrorAnswer(
    HTTPStatus.FORBIDDEN,
    "Forbidden",
    "The roles of the calling platform do not use this interface.",
    2000,
    "Platforms with the roles NSP may not call locations RECEIVER.",
)
NOT_FOUND = ErrorAnswer(
    HTTPStatus.NOT_FOUND,
    "NotFound",
    "No such object, or not of one of your parties.",
    2001,
    "There is no tariff '12' here.",
)
UNKNOWN_LOCATION = ErrorAnswer(
    HTTPStatus.NOT_FOUND,
    "UnknownLocation",
    "No such Location, EVSE or Connector (2003), or not of one of your parties (2001).",
    2003,
    "There is no location 'LOC1' here.",
)
UNKNOWN_TOKEN = ErrorAnswer(
    HTTPStatus.NOT_FOUND,
    "UnknownToken",
    "No such Token (2004), or not of one of your parties (2001).",
    2004,
    "There is no token '012345678' here.",
)
METHOD_NOT_ALLOWED = ErrorAnswer(
    HTTPStatus.METHOD_NOT_ALLOWED,
    "MethodNotAllowed",
    "Not in this state of the registration.",
    2000,
    "This platform is registered already; use PUT to renew the registration.",
)
REQUEST_TIMEOUT = ErrorAnswer(
    HTTPStatus.REQUEST_TIMEOUT,
    "RequestTimeout",
    "The body does not come in time.",
    2000,
    "The body did not come within 30 seconds (OCPI_BODY_TIMEOUT).",
)
PAYLOAD_TOO_LARGE = ErrorAnswer(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PayloadTooLarge",
    "The body is too large.",
    2001,
    "The body is larger than 8388608 bytes (OCPI_MAX_BODY_BYTES).",
)
TOO_MANY_REQUESTS = ErrorAnswer(
    HTTPStatus.TOO_MANY_REQUESTS,
    "TooManyRequests",
    "Too many requests, or too many tokens that are not in use; Retry-After says how long to wait.",
    2000,
    "Too many tokens that are not in use here were sent from your address; wait for 60 seconds.",
)
UNSUPPORTED_MEDIA_TYPE = ErrorAnswer(
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "UnsupportedMediaType",
    "The body is not declared as JSON.",
    2001,
    "The Content-Type must be application/json, not 'text/plain'.",
)
SERVER_ERROR = ErrorAnswer(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "ServerError",
    "The server failed.",
    3000,
    "The server failed to handle this request.",
)
_NOT_FOUND_BY_CODE = {answer.status_code: answer for answer in (NOT_FOUND, UNKNOWN_LOCATION, UNKNOWN_TOKEN)}

#: By description, because one HTTP status can stand for several errors.
ERROR_ANSWERS = {
    answer.description: answer
    for answer in (
        BAD_REQUEST,
        UNAUTHORIZED,
        FORBIDDEN,
        *_NOT_FOUND_BY_CODE.values(),
        METHOD_NOT_ALLOWED,
        REQUEST_TIMEOUT,
        PAYLOAD_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        TOO_MANY_REQUESTS,
        SERVER_ERROR,
    )
}


def error_responses(module: Module, interface: Interface, operation: Operation) -> Iterator[ErrorAnswer]:
    """Yield the HTTP errors that an operation can answer."""
    if operation.body is not None:
        yield from (BAD_REQUEST, REQUEST_TIMEOUT, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
    yield UNAUTHORIZED
    if not (module.configuration and module.single) and not interface.hidden:
        yield FORBIDDEN
    if operation.parameters or interface.hidden:
        missing = NotFoundError if operation.object is None else operation.object.missing
        yield _NOT_FOUND_BY_CODE[missing.status_code]
    if module.id == "credentials" and operation.method != "GET":
        yield METHOD_NOT_ALLOWED
    yield TOO_MANY_REQUESTS
    yield SERVER_ERROR
