"""The one file that knows flask-smorest: its Api and Blueprint, made a good guest in the host app."""

from __future__ import annotations

import functools
import re
from typing import Any
from typing import NoReturn

import flask_smorest
import marshmallow as ma
import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask
from flask import Request
from webargs.flaskparser import FlaskParser

from flask_ocpi.errors import InvalidJSONError
from flask_ocpi.errors import UnsupportedMediaTypeError
from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Field
from flask_ocpi.fields import Integer
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import String
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import invalid

_REFERENCE = re.compile(r"#/components/schemas/(\w+)")
_JSON_TYPES = ("application/json", "text/json", "")


def read_json(request: Request) -> Any:
    """Decode the body strictly: UTF-8 without BOM, no NaN, no lone surrogates; raise InvalidJSONError (HTTP 400).

    OCPI 2.2.1, Transport and format, "Request format".
    """
    mimetype = request.mimetype
    if mimetype not in _JSON_TYPES and not mimetype.endswith("+json"):
        raise UnsupportedMediaTypeError(
            f"The Content-Type must be application/json, not {mimetype!a}.", http_status=415
        )
    body = request.get_data(cache=False)
    if not body:
        raise InvalidJSONError("The body is empty; it has to be a JSON object.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJSONError(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from error


class ArgumentsParser(FlaskParser):
    """Reads bodies with a strict JSON decoder and reports what is wrong as OCPI's 2001."""

    DEFAULT_UNKNOWN_BY_LOCATION = {}  # noqa: RUF012  (the declared type of webargs)

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        return read_json(req)

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **kwargs: Any) -> NoReturn:
        messages = error.messages
        location, inner = next(iter(messages.items())) if isinstance(messages, dict) else ("json", messages)
        where = {"json": "body", "query": "query parameter"}.get(location, location)
        raise invalid(ma.ValidationError(inner), where) from error


class Blueprint(flask_smorest.Blueprint):
    """A flask-smorest blueprint whose arguments are read by :class:`ArgumentsParser`."""

    ARGUMENTS_PARSER = ArgumentsParser()


class Api(flask_smorest.Api):
    """A flask-smorest Api for one version, that changes nothing in the host app but its own blueprints."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, *, version: str, spec_kwargs: dict[str, Any]) -> None:
        had_openapi_command = "openapi" in app.cli.commands
        plugin = MarshmallowPlugin(schema_name_resolver=schema_name)
        super().__init__(
            app,
            config_prefix=f"_FLASK_OCPI_{version.replace('.', '_')}",
            spec_kwargs={
                "marshmallow_plugin": plugin,
                "openapi_version": "3.1.0",
                "version": version,
                **spec_kwargs,
            },
        )
        plugin.converter.add_attribute_function(json_schema_of)
        if not had_openapi_command:
            app.cli.commands.pop("openapi", None)

    def _register_error_handlers(self) -> None:
        """Do nothing: flask-smorest would take over the error pages of the whole host app."""

    def _register_doc_blueprint(self) -> None:
        """Do nothing: the documents are served by flask_ocpi.web.docs."""


def schema_name(schema: Any) -> str:
    """Name a schema in the OpenAPI document: its class, with Patch for the partial ones."""
    name: str = resolve_schema_cls(schema).__name__
    return f"{name}Patch" if getattr(schema, "partial", False) else name


def json_schema_of(converter: Any, field: ma.fields.Field, ret: dict[str, Any]) -> dict[str, Any]:
    """Give apispec the JSON Schema keywords of our own fields."""
    if not isinstance(field, Field):
        return {}
    keywords = field.json_schema()
    if field.allow_none and "type" in keywords:
        keywords["type"] = [keywords["type"], "null"]
        if "enum" in keywords:
            keywords["enum"] = [*keywords["enum"], None]
    return keywords


class Envelope(Schema):
    """The fields around ``data`` (OCPI 2.2.1, Transport and format, "Response format")."""

    status_code = Integer(
        required=True, min=1000, max=4999, metadata={"description": "OCPI status code.", "example": 1000}
    )
    status_message = String(max=65535, metadata={"description": "What happened, for people.", "example": "Success"})
    timestamp = DateTime(
        required=True, metadata={"description": "When this answer was made.", "example": "2024-05-31T12:00:00.000Z"}
    )


class ErrorResponse(Envelope):
    """An answer that is not a success: ``status_message`` says what to mend."""

    status_code = Integer(
        required=True, min=2000, max=4999, metadata={"description": "OCPI status code.", "example": 2001}
    )
    status_message = String(
        max=65535, metadata={"description": "What to mend.", "example": "Invalid body: evses[0].uid is required."}
    )


class EmptyResponse(Envelope):
    """An answer without ``data``."""


@functools.cache
def response_schema(returns: type[Schema] | None, *, many: bool) -> type[Envelope]:
    """Make the schema of an envelope around a class, for the documentation."""
    if returns is None:
        return EmptyResponse
    data: Field = ListOf(Object(returns)) if many else Object(returns)
    data.allow_none = False
    suffix = "ListResponse" if many else "Response"
    return type(f"{returns.__name__}{suffix}", (Envelope,), {"data": data, "__doc__": Envelope.__doc__})


def finish(spec: dict[str, Any]) -> dict[str, Any]:
    """Complete a generated document: what PATCH requires, and nothing of what flask-smorest adds unasked."""
    for path in spec["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation.get("responses", {}).pop("422", None)
    components = spec["components"]
    for name, schema in components["schemas"].items():
        if name.endswith("Patch") and "last_updated" in schema.get("properties", {}):
            schema["required"] = ["last_updated"]
    for name in ("responses", "headers", "parameters"):
        components.pop(name, None)
    components["schemas"] = _referenced(spec["paths"], components["schemas"])
    return spec


def _referenced(paths: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that the paths refer to, directly or through others."""
    found: set[str] = set()
    waiting = [paths]
    while waiting:
        names = set(_REFERENCE.findall(orjson.dumps(waiting.pop()).decode())) - found
        found |= names
        waiting += [schemas[name] for name in names]
    return {name: schema for name, schema in schemas.items() if name in found}
