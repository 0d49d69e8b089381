"""The headers around every message, and identifiers in URLs that hold an encoded slash."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import methodcaller
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes
from urllib.parse import urlsplit

from flask import has_request_context
from flask import request
from werkzeug.routing import BaseConverter

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Routing
from flask_ocpi.storage.base import Party

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
TO_COUNTRY = "OCPI-to-country-code"
TO_PARTY = "OCPI-to-party-id"
FROM_COUNTRY = "OCPI-from-country-code"
FROM_PARTY = "OCPI-from-party-id"

_SLASH = "\ue000"  # stands for an encoded slash until the path is split; no CiString can contain it
_MARKER = _SLASH.encode().decode("latin-1")  # the same as WSGI writes it
ENCODED_MARK = "%EE%80%80"  # the same in a URL
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_REPLACEMENT = "\ufffd".encode().decode("latin-1")


def request_id() -> str:
    """Return the X-Request-ID of the current request, or "-" without a request."""
    return (request.headers.get(REQUEST_ID) if has_request_context() else None) or "-"


def environ_key(name: str) -> str:
    """Return the key of a header in the WSGI environment."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def parse_routing(environ: WSGIEnvironment) -> Routing:
    """Read the routing headers; an incomplete pair is ignored (RT-25). InvalidParametersError for a wrong length."""
    get = environ.get
    return _routing(get(_TO[0]), get(_TO[1]), get(_FROM[0]), get(_FROM[1]))


@lru_cache(1024)
def _routing(to_country: str | None, to_party: str | None, from_country: str | None, from_party: str | None) -> Routing:
    return Routing(
        _party((to_country, to_party), TO_COUNTRY, TO_PARTY) if to_country and to_party else None,
        _party((from_country, from_party), FROM_COUNTRY, FROM_PARTY) if from_country and from_party else None,
    )


def routing_headers(environ: WSGIEnvironment, answering: Party | None) -> dict[str, str]:
    """Return the routing headers of an answer: those of the request with TO and FROM swapped (RT-03).

    ``answering`` is the own party to name if the request named none. Returns none if the request has no pair at all.
    """
    get = environ.get
    to_country, to_party, from_country, from_party = get(_TO[0]), get(_TO[1]), get(_FROM[0]), get(_FROM[1])
    answer: dict[str, str] = {}
    if from_country and from_party:
        answer[TO_COUNTRY], answer[TO_PARTY] = from_country, from_party
    if to_country and to_party:
        answer[FROM_COUNTRY], answer[FROM_PARTY] = to_country, to_party
    elif answer and answering is not None:
        answer[FROM_COUNTRY], answer[FROM_PARTY] = answering
    return answer


def _party(pair: tuple[str, str], country_name: str, party_name: str) -> Party:
    for name, value, length in zip((country_name, party_name), pair, (2, 3), strict=True):
        if len(value) != length or not value.isascii() or not value.isprintable():
            raise InvalidParametersError(f"{name} must have {length} characters.")
    return Party.of(*pair)


_TO = (environ_key(TO_COUNTRY), environ_key(TO_PARTY))
_FROM = (environ_key(FROM_COUNTRY), environ_key(FROM_PARTY))


class SegmentConverter(BaseConverter):
    """One path segment of any length and content; errors are answered in the envelope, not by a 404."""

    regex = "[^/]+"
    part_isolating = True

    #: Restores the slashes; not a method, because it is called for each segment of each request.
    to_python = methodcaller("replace", _SLASH, "/")  # type: ignore[assignment]


class RestConverter(BaseConverter):
    """The rest of a path, with any content."""

    regex = ".*"
    part_isolating = False


def mark_encoded_slashes(environ: WSGIEnvironment, path: str) -> None:
    """Keep ``%2F`` in the path of a request from being taken for a separator (T-42).

    Servers decode the path before the application sees it; the raw one is in RAW_URI or REQUEST_URI (gunicorn,
    Werkzeug, uWSGI, mod_wsgi), or a proxy before a server that sets neither sends it as X-Original-URI. It only tells
    which slashes were encoded: one that decodes to another path than the server's is ignored, so forging the header
    gains nothing.
    """
    get = environ.get
    raw = get("RAW_URI") or get("REQUEST_URI") or get("HTTP_X_ORIGINAL_URI") or ""
    if _MARKER in path:  # sent by the client: it must not become a slash
        environ["PATH_INFO"] = path.replace(_MARKER, _REPLACEMENT)
    elif "%" in raw and _ENCODED_SLASH.search(raw):
        environ["PATH_INFO"] = _decoded(raw, path)


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
