"""The only file that uses flask-smorest: its Api and Blueprint, limited so that the host app stays unchanged."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from typing import NoReturn

import flask_smorest
import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.routing import Rule as WerkzeugRule

from flask_ocpi.core.fields import DEFAULT_POLICY
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import list_limit
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import invalid
from flask_ocpi.web.incoming import read_json

# A format of our own, because date-time requires a zone; the pattern is for readers that do not know it.
DATE_TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,5})?(Z|\+00:00)?$"
PRINTABLE_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"


class Rule(WerkzeugRule):
    """A rule of Werkzeug that compiles its two functions for URLs on first use: here, paths are only matched.

    Werkzeug compiles them when the rule is added, which was the slowest part of registering all modules.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build


def add_route(
    app: Flask, path: str, endpoint: str, view: Callable[..., Any], methods: Collection[str] | None = None
) -> None:
    """Add a route for these methods, or for all. No path is redirected to one with other slashes."""
    if app.view_functions.setdefault(endpoint, view) is not view:
        raise ValueError(f"There is a view with the name {endpoint} already.")
    # Without defaults, as Flask adds rules, and flask-smorest reads them: an empty dict.
    options: dict[str, Any] = {"defaults": {}, "strict_slashes": False, "merge_slashes": False}
    rule = Rule(path, endpoint=endpoint, **options)
    rule.methods = None if methods is None else set(methods)
    app.url_map.add(rule)


class ArgumentsParser(FlaskParser):
    """Reads bodies with a strict JSON decoder and reports errors as OCPI's 2001."""

    DEFAULT_UNKNOWN_BY_LOCATION = {}  # noqa: RUF012  (the declared type of webargs)

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        return read_json(req)

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **kwargs: Any) -> NoReturn:
        messages = error.messages
        location, inner = next(iter(messages.items())) if isinstance(messages, dict) else ("json", messages)
        where = {"json": "body", "query": "query parameter"}.get(location, location)
        raise invalid(ma.ValidationError(inner), where) from error


@dataclass(frozen=True, slots=True)
class Documentation:
    """The documentation of a view: a decorated function, and method, parameters and tags of its route."""

    decorated: Callable[..., Any]
    method: str
    parameters: list[dict[str, Any]]
    tags: list[str]


class Blueprint(flask_smorest.Blueprint):
    """A flask-smorest blueprint that reads arguments with :class:`ArgumentsParser`.

    The documentation of a view of :meth:`add_view` is made with the document, because making it takes several times as
    long as routing the view.
    """

    ARGUMENTS_PARSER = ArgumentsParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._described_later: dict[str, Callable[[], Documentation]] = {}

    def add_view(
        self,
        rule: str,
        endpoint: str,
        view: Callable[..., Any],
        *,
        methods: Collection[str],
        describe: Callable[[], Documentation] | None = None,
    ) -> None:
        """Route a view; ``describe`` is called when the document is made, None keeps the view out of it."""
        self.record(lambda state: add_route(state.app, rule, f"{state.blueprint.name}.{endpoint}", view, methods))
        if describe is None:
            return
        self._endpoints.append(endpoint)
        self._docs[endpoint] = {}  # its place among those of Module.extend
        self._described_later[endpoint] = describe

    def register_views_in_doc(self, *args: Any, **kwargs: Any) -> None:
        """Register all views in the OpenAPI document."""
        for endpoint, describe in self._described_later.items():
            said = describe()
            self._store_endpoint_docs(endpoint, said.decorated, said.parameters, said.tags, methods=[said.method])
        super().register_views_in_doc(*args, **kwargs)


class Api(flask_smorest.Api):
    """A flask-smorest Api for one version that changes nothing in the host app except its own blueprints.

    about: returns the top of the document, as options of apispec. policy: how the app validates, for the document.
    No part of the document is made before :meth:`document`.
    """

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(
        self, app: Flask, *, version: str, about: Callable[[], dict[str, Any]], policy: Policy = DEFAULT_POLICY
    ) -> None:
        self._undocumented: list[flask_smorest.Blueprint] = []
        self._version = version
        self._about = about
        self._policy = policy
        super().__init__(app, config_prefix=f"_FLASK_OCPI_{version.replace('.', '_')}")

    def _init_spec(self, **options: Any) -> None:
        """Wait for :meth:`document`."""

    def register_blueprint(self, blp: flask_smorest.Blueprint, *, parameters: Any = None, **options: Any) -> None:
        """Register a blueprint on the app; its documentation waits for :meth:`document`, because it takes long."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undocumented.append(blp)

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document as flask-smorest composes it; call it only once."""
        self._begin()
        for blueprint in self._undocumented:
            blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
            self.spec.tag({"name": blueprint.name, "description": blueprint.description})
        document: dict[str, Any] = self.spec.to_dict()
        return document

    def _begin(self) -> None:
        """Begin the document with the parts that do not come from views."""
        plugin = MarshmallowPlugin(schema_name_resolver=schema_name)
        commands = self._app.cli.commands
        of_the_host = commands.get("openapi")
        super()._init_spec(marshmallow_plugin=plugin, openapi_version="3.1.0", version=self._version, **self._about())
        if of_the_host is None:
            del commands["openapi"]  # it was added just now, and prints only empty documents
        else:
            commands["openapi"] = of_the_host

        def attributes(converter: Any, field: ma.fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
            return json_schema_of(field, self._policy)

        converter: Any = plugin.converter
        converter.add_attribute_function(attributes)
        self.spec.components.schema(ErrorResponse.__name__, schema=ErrorResponse)

    def _register_error_handlers(self) -> None:
        """Do nothing: flask-smorest would take over the error pages of the whole host app."""

    def _register_doc_blueprint(self) -> None:
        """Do nothing: the documents are served by flask_ocpi.web.pages."""


def schema_name(schema: Any) -> str:
    """Name a schema in the OpenAPI document: its class, with Patch for the partial ones."""
    name = schema.__name__ if isinstance(schema, type) else type(schema).__name__
    return f"{name}Patch" if getattr(schema, "partial", False) else name


def json_schema_of(field: ma.fields.Field[Any], policy: Policy) -> dict[str, Any]:
    """Return the JSON Schema keywords of our own fields, for apispec."""
    if not isinstance(field, Field):
        return {}
    keywords = field.json_schema()
    if isinstance(field, Enum) and field.is_open_by(policy):
        keywords = {"type": "string", "minLength": 1, "maxLength": 255, "examples": keywords["enum"]}
    if isinstance(field, ListOf):
        keywords["maxItems"] = list_limit(policy, type(field.parent), str(field.name), field.max)
    if isinstance(field, DateTime):
        keywords["pattern"] = DATE_TIME_PATTERN
    elif isinstance(field, String):
        keywords["pattern"] = _pattern_of(field, keywords)
    if field.allow_none and "type" in keywords:
        keywords["type"] = [keywords["type"], "null"]
        if "enum" in keywords:
            keywords["enum"] = [*keywords["enum"], None]
    return keywords


def _pattern_of(field: String, keywords: dict[str, Any]) -> str:
    """Return the pattern of a string; a required one may be NOT_AVAILABLE."""
    pattern: str = keywords.get("pattern", PRINTABLE_PATTERN)
    if not field.required or re.search(pattern, NOT_AVAILABLE):
        return pattern
    return f"^(?:{pattern.removeprefix('^').removesuffix('$')}|{NOT_AVAILABLE})$"


class Envelope(Schema):
    """The fields around ``data`` of a success (OCPI 2.2.1, Transport and format, "Response format")."""

    status_code = Integer(required=True, min=1000, max=1999, about="OCPI status code.", example=1000)
    status_message = String(max=65535, about="What happened, for people.", example="Success")
    timestamp = DateTime(required=True, about="When this answer was made.", example="2024-05-31T12:00:00.000Z")


class ErrorResponse(Envelope):
    """An answer that is not a success: ``status_message`` says what to mend."""

    status_code = Integer(required=True, min=2000, max=4999, about="OCPI status code.", example=2001)
    status_message = String(max=65535, about="What to mend.", example="Invalid body: evses[0].uid is required.")


class EmptyResponse(Envelope):
    """A success without ``data``."""


class _Page(ListOf):
    """A list that is always there, and may be empty."""

    def json_schema(self) -> dict[str, Any]:
        return {}


@functools.cache
def response_schema(returns: type[Schema] | type[StrEnum] | None, *, many: bool) -> type[Envelope]:
    """Make the schema of an envelope around a class or an enum, for the documentation."""
    if returns is None:
        return EmptyResponse
    if issubclass(returns, StrEnum):
        values = {"data": Enum(returns, required=True), "__doc__": Envelope.__doc__}
        return type(f"{returns.__name__}Response", (Envelope,), values)
    data: Field = _Page(Object(returns), required=True) if many else Object(returns, required=True)
    suffix = "ListResponse" if many else "Response"
    return type(f"{returns.__name__}{suffix}", (Envelope,), {"data": data, "__doc__": Envelope.__doc__})
