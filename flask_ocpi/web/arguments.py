"""What a request brings: its query and its body, read strictly and checked by the schemas of the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Request

from flask_ocpi.envelope import BYTE_ORDER_MARK
from flask_ocpi.errors import InvalidJSONError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import UnsupportedMediaTypeError
from flask_ocpi.schema import Document
from flask_ocpi.schema import Schema
from flask_ocpi.web.bodies import may_have_body
from flask_ocpi.web.bodies import read_body

Understand = Callable[[Schema, Any, str], Document]
#: Notes a flaw of a request: its kind, what came, and what was made of it.
Note = Callable[[str, str, str], None]

_JSON_TYPES = ("application/json", "text/json", "")
#: What libraries say of a body when nobody told them what it is.
_TYPES_OF_ANYTHING = frozenset(
    {"text/plain", "application/octet-stream", "application/x-www-form-urlencoded", "application/text", "text/x-json"}
)


def read_json(request: Request, note: Note | None = None) -> Any:
    """Decode the body strictly: UTF-8, no NaN, no lone surrogates; raise InvalidJSONError (HTTP 400).

    note: notes another Content-Type than JSON's and a byte order mark, which are passed over; without it they are
    refused. OCPI 2.2.1, Transport and format, "Request format".
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
    if encoding and encoding.strip().lower() != "identity":  # a few bytes may be gigabytes
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
    """Return the query parameters, of each the first value; raise InvalidParametersError that names what is wrong."""
    given = request.args.to_dict() if request.environ.get("QUERY_STRING") else {}
    document = schema.load_valid(given)
    return understand(schema, given, "query parameter") if document is None else document


def read_document(
    request: Request, schema: Schema, understand: Understand, *, required: bool, note: Note | None = None
) -> Document | None:
    """Return the body, checked; None when there is none and none is ``required``.

    Raises InvalidJSONError, UnsupportedMediaTypeError, and InvalidParametersError that names what is wrong.
    ``understand`` reads what is not valid. With ``note``, which is told of each flaw, a body that is not required and
    says nothing, or nothing that can be read, counts as none: nobody is refused for it.
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
