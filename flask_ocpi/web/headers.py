"""The headers around every message, and identifiers in URLs that hold an encoded slash."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes
from urllib.parse import urlsplit

from flask import has_request_context
from flask import request
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter

from flask_ocpi.context import Routing
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Party

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
TO_COUNTRY = "OCPI-to-country-code"
TO_PARTY = "OCPI-to-party-id"
FROM_COUNTRY = "OCPI-from-country-code"
FROM_PARTY = "OCPI-from-party-id"

_IDS = "flask_ocpi.message_ids"

_SLASH = "\ue000"  # stands for an encoded slash until the path is split; no CiString can hold it
_MARKER = _SLASH.encode().decode("latin-1")  # the same as WSGI writes it
ENCODED_MARK = "%EE%80%80"  # and the same as it is in a URL
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_REPLACEMENT = "\ufffd".encode().decode("latin-1")
# Where the path as it was sent may be: set by servers, or by a proxy before a server that sets neither.
_RAW_PATHS = ("RAW_URI", "REQUEST_URI", "HTTP_X_ORIGINAL_URI")


def request_id() -> str:
    """Return the X-Request-ID of the request that is being handled, or "-": there is none."""
    return (request.headers.get(REQUEST_ID) if has_request_context() else None) or "-"


def message_ids(headers: Headers) -> dict[str, str]:
    """Return the message ids of a request, made up where the request has none (MID-07)."""
    return {name: headers.get(name) or str(uuid.uuid4()) for name in (REQUEST_ID, CORRELATION_ID)}


def answered_ids() -> dict[str, str]:
    """Return the message ids that the answer to the current request has; the same each time."""
    environ = request.environ
    ids: dict[str, str] | None = environ.get(_IDS)
    if ids is None:
        ids = environ[_IDS] = message_ids(request.headers)
    return ids


def parse_routing(headers: Headers) -> Routing:
    """Read the routing headers; half a pair counts as none (RT-25). InvalidParametersError for a wrong length."""
    return Routing(_party(headers, TO_COUNTRY, TO_PARTY), _party(headers, FROM_COUNTRY, FROM_PARTY))


def routing_headers(headers: Headers, answering: Party | None) -> dict[str, str]:
    """Return the routing headers of an answer: those of the request with TO and FROM swapped (RT-03).

    ``answering`` is the own party to name where the request named none. Nothing where the request has no pair at all.
    """
    to_pair = (headers.get(TO_COUNTRY), headers.get(TO_PARTY))
    from_pair = (headers.get(FROM_COUNTRY), headers.get(FROM_PARTY))
    answer: dict[str, str] = {}
    if from_pair[0] and from_pair[1]:
        answer |= {TO_COUNTRY: from_pair[0], TO_PARTY: from_pair[1]}
    if to_pair[0] and to_pair[1]:
        answer |= {FROM_COUNTRY: to_pair[0], FROM_PARTY: to_pair[1]}
    elif answer and answering is not None:
        answer |= {FROM_COUNTRY: answering.country_code, FROM_PARTY: answering.party_id}
    return answer


def _party(headers: Headers, country_name: str, party_name: str) -> Party | None:
    country, party = headers.get(country_name), headers.get(party_name)
    if not country or not party:
        return None
    for name, value, length in ((country_name, country, 2), (party_name, party, 3)):
        if len(value) != length or not value.isascii() or not value.isprintable():
            raise InvalidParametersError(f"{name} must have {length} characters.")
    return Party.of(country, party)


class SegmentConverter(BaseConverter):
    """One path segment of any length and content; what is wrong with it is said in the envelope, not by a 404."""

    regex = "[^/]+"
    part_isolating = True

    def to_python(self, value: str) -> str:
        return value.replace(_SLASH, "/")


class RestConverter(BaseConverter):
    """The rest of a path, whatever it is."""

    regex = ".*"
    part_isolating = False


class EncodedSlashes:
    """WSGI middleware: keeps ``%2F`` in a path below the OCPI prefix from being taken for a separator (T-42).

    Servers decode the path before the application sees it; the raw one is in RAW_URI or REQUEST_URI (gunicorn,
    Werkzeug, uWSGI, mod_wsgi), or a proxy sends it as X-Original-URI. It only tells which slashes were encoded: one
    that decodes to another path than the server's is ignored, so that there is nothing to gain by forging the header.
    """

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], prefix: str) -> None:
        self.wsgi_app = wsgi_app
        self.prefix = f"{prefix}/"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(self.prefix):
            raw = next((environ[name] for name in _RAW_PATHS if environ.get(name)), "")
            if _MARKER in path:  # sent by the client: it must not pass for a slash
                environ["PATH_INFO"] = path.replace(_MARKER, _REPLACEMENT)
            elif _ENCODED_SLASH.search(raw):
                environ["PATH_INFO"] = _decoded(raw, path)
        return self.wsgi_app(environ, start_response)


def _decoded(raw: str, path: str) -> str:
    """Decode the raw path with encoded slashes marked; fall back on ``path`` when the two do not belong together."""
    target = raw.split("?", 1)[0]
    if not target.startswith("/"):
        target = urlsplit(target).path
    marked = unquote_to_bytes(_ENCODED_SLASH.sub(ENCODED_MARK, target)).decode("latin-1")
    script_name = len(marked.replace(_MARKER, "/")) - len(path)
    if not marked.replace(_MARKER, "/").endswith(path) or _MARKER in marked[:script_name]:
        return path
    return marked[script_name:]
