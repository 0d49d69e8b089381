"""What a request brings: its query and its body, read strictly and checked by the schemas of the operation."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import orjson
from flask import Request

from flask_ocpi.errors import InvalidJSONError
from flask_ocpi.errors import UnsupportedMediaTypeError
from flask_ocpi.schema import Document
from flask_ocpi.schema import Schema
from flask_ocpi.schema import invalid
from flask_ocpi.web.bodies import may_have_body
from flask_ocpi.web.bodies import read_body

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


def read_query(request: Request, schema: Schema) -> Document:
    """Return the query parameters, of each the first value; raise InvalidParametersError that names what is wrong."""
    given = request.args.to_dict() if request.environ.get("QUERY_STRING") else {}
    return _checked(schema, given, "query parameter")


def read_document(request: Request, schema: Schema, *, required: bool) -> Document | None:
    """Return the body, checked; None when there is none and none is ``required``.

    Raises InvalidJSONError, UnsupportedMediaTypeError, and InvalidParametersError that names what is wrong.
    """
    if not required and not (may_have_body(request.environ) and read_body(request)):
        return None
    return _checked(schema, read_json(request), "body")


def _checked(schema: Schema, data: Any, where: str) -> Document:
    """As :func:`flask_ocpi.schema.load`, and partial where the schema is."""
    try:
        document: Document = schema.load(data)
    except ma.ValidationError as error:
        raise invalid(error, where) from error
    return document
