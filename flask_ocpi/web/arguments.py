"""What a request brings: its query and its body, read strictly and checked by the schemas of the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Request

from flask_ocpi.errors import InvalidJSONError
from flask_ocpi.errors import UnsupportedMediaTypeError
from flask_ocpi.schema import Document
from flask_ocpi.schema import Schema
from flask_ocpi.web.bodies import may_have_body
from flask_ocpi.web.bodies import read_body

Understand = Callable[[Schema, Any, str], Document]

_JSON_TYPES = ("application/json", "text/json", "")


def read_json(request: Request) -> Any:
    """Decode the body strictly: UTF-8 without BOM, no NaN, no lone surrogates; raise InvalidJSONError (HTTP 400).

    OCPI 2.2.1, Transport and format, "Request format".
    """
    if request.environ.get("CONTENT_TYPE") not in _JSON_TYPES:
        mimetype = request.mimetype
        if mimetype not in _JSON_TYPES and not mimetype.endswith("+json"):
            raise UnsupportedMediaTypeError(
                f"The Content-Type must be application/json, not {mimetype[:60]!a}.", http_status=415
            )
    encoding = request.environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":  # a few bytes may be gigabytes
        raise UnsupportedMediaTypeError(
            f"The body must not be compressed, and its Content-Encoding is {encoding[:40]!a}.",
            headers={"Accept-Encoding": "identity"},
        )
    body = read_body(request)
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


def read_document(request: Request, schema: Schema, understand: Understand, *, required: bool) -> Document | None:
    """Return the body, checked; None when there is none, or an empty one, and none is ``required``.

    Raises InvalidJSONError, UnsupportedMediaTypeError, and InvalidParametersError that names what is wrong.
    ``understand`` reads what is not valid.
    """
    if not required and not (may_have_body(request.environ) and read_body(request)):
        return None
    data = read_json(request)
    document = schema.load_valid(data)
    if document is None and not required and _says_nothing(data):
        return None
    return understand(schema, data, "body") if document is None else document


def _says_nothing(data: Any) -> bool:
    return data is None or (isinstance(data, dict) and not any(data.values()))
