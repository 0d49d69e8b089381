"""Examples in the OpenAPI document, composed of the examples that the fields declare."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import redirect
from flask import request

from flask_ocpi.core import forks
from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.responses import SUCCESS_MESSAGE
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.core.schema import violations
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.context import Services
from flask_ocpi.web.pages import protect

_TIME_ZONE = "Europe/Amsterdam"
_MOMENT = "2024-05-31T12:00:00.000Z"


@functools.cache
def full_example(schema: type[Schema]) -> Document:
    """Compose an example with every property, but for those that the rules of the class exclude there."""
    instance = schema()
    document = {name: _example(field) for name, field in instance.load_fields.items()}
    document = _priced({name: value for name, value in document.items() if value is not None})
    excluded = {path.split(".")[0].split("[")[0] for path, _ in violations(instance.validate(document))}
    if any(instance.load_fields[name].required for name in excluded):  # with less in the others it fits
        return {name: field.metadata["example"] for name, field in instance.load_fields.items() if name in document}
    return {name: value for name, value in document.items() if name not in excluded}


def _priced(document: Document) -> Document:
    """Put the costs and volumes into a Session or CDR that the example of a tariff makes of it."""
    if "charging_periods" not in document or "total_cost" not in document:
        return document
    from flask_ocpi.modules.tariffs import Tariff
    from flask_ocpi.pricing import price  # not before somebody wants to read a document

    report = price(document, [full_example(Tariff)], time_zone=_TIME_ZONE).to_dict()
    known = {name: report[name] for name in document if name.startswith("total_")}
    return document | {name: _as_numbers(value) for name, value in known.items()}


def _as_numbers(value: Any) -> Any:
    return {side: float(each) for side, each in value.items()} if isinstance(value, dict) else float(value)


def complete_and_required(schema: type[Schema]) -> dict[str, Any]:
    """Return the examples of a class by name."""
    return {
        "complete": {"summary": "With all that there can be", "value": full_example(schema)},
        "required": {"summary": "With what is required", "value": example_of(schema)},
    }


def path_example(operation: Operation, parameter: PathParameter) -> str:
    """Return the example of a path parameter: what the example of the object has there, so that the two go together."""
    if operation.object is None:
        return parameter.example
    schema, key = operation.object.schema, parameter.name
    if operation.object.parameter is not None and parameter.name == operation.object.parameter.name:
        key = operation.object.id_key[0]
    for part in operation.object.parts:
        if parameter.name == part.parameter.name:
            schema, key = part.schema, part.key
    example: str = schema._declared_fields[key].metadata["example"]
    return example


def body_examples(operation: Operation) -> dict[str, Any]:
    """Return the examples of a request body by name."""
    if operation.body is None:
        return {}
    if operation.partial:
        return {"change": {"summary": "One property changed", "value": _change(operation, operation.body)}}
    return complete_and_required(operation.body)


def success_examples(operation: Operation) -> dict[str, Any]:
    """Return the example of an answer that is a success."""
    answer: Document = {}
    if operation.returns is not None and issubclass(operation.returns, StrEnum):
        answer["data"] = next(iter(operation.returns))
    elif operation.returns is not None:
        document = full_example(operation.returns)
        answer["data"] = [document] if operation.returns_list else document
    return {"success": {"summary": "Success", "value": {**answer, **_envelope(StatusCode.SUCCESS, SUCCESS_MESSAGE)}}}


def mistake_examples(operation: Operation) -> dict[str, Any]:
    """Return the example of an answer, with HTTP 200, to a request with a mistake in it."""
    return {"mistake": {"summary": "A mistake in the request", "value": error_example(2001, _mistake(operation))}}


def _mistake(operation: Operation) -> str:
    if operation.partial:
        return "Invalid body: last_updated is required in a PATCH."
    if operation.body is not None:
        flaws = violations(operation.body().validate({}))
        return f"Invalid body: {' '.join(next(flaws, ('The body', 'must be a JSON object')))}."
    if operation.query is not None:
        flaws = violations(operation.query().validate(dict.fromkeys(operation.query().load_fields, "x")))
        return f"Invalid query parameter: {' '.join(next(flaws, ('limit', 'must be at least 1')))}."
    return "OCPI-to-party-id must have 3 characters."


def error_example(status_code: int, message: str) -> Document:
    """Return the envelope of an error."""
    return _envelope(status_code, message)


def _envelope(status_code: int, message: str) -> Document:
    return {"status_code": int(status_code), "status_message": message, "timestamp": _MOMENT}


def _example(field: Any) -> Any:
    if isinstance(field, Object):
        composed, own = full_example(field.nested), field.metadata.get("example", {})  # type: ignore[arg-type]
        return own if own.keys() == composed.keys() else composed  # the field's own says more, where it says all
    if isinstance(field, ListOf) and isinstance(field.inner, Object):
        return [full_example(field.inner.nested)]  # type: ignore[arg-type]
    return field.metadata.get("example")


def _change(operation: Operation, schema: type[Schema]) -> Document:
    """Change the first required property that does not identify the object."""
    example = example_of(schema)
    object_type = operation.object
    key: tuple[str, ...] = OWNER_KEY
    if object_type is not None:
        key = (object_type.parts[operation.part - 1].key,) if operation.part else object_type.key
    name = next(name for name in example if name not in key)
    return {name: example[name], "last_updated": example["last_updated"]}


def openapi_document(spec: Mapping[str, Any], server: str) -> dict[str, Any]:
    """Return an OpenAPI document for an address of the app (a URL, or a path on the same host)."""
    return {**spec, "servers": [{"url": server}]}


class Documents(Mapping[str, Mapping[str, Any]]):
    """The OpenAPI documents by version, each made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Mapping[str, Any]]]) -> None:
        self._makers = makers
        self._made: dict[str, Mapping[str, Any]] = {}
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def __getitem__(self, version: str) -> Mapping[str, Any]:
        with self._lock, forks.at_work:
            if version not in self._made:
                self._made[version] = self._makers[version]()
            return self._made[version]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def register_docs(app: Flask, services: Services, specs: Mapping[str, Mapping[str, Any]]) -> None:
    """Serve ``/openapi-<version>.json`` and Swagger UI at ``/docs`` below the prefix."""
    from flask_swagger_ui import get_swaggerui_blueprint  # not where there are no docs

    prefix = services.settings.url_prefix
    documents = Blueprint("ocpi_openapi", __name__, url_prefix=prefix)
    cache: dict[tuple[str, str], bytes] = {}

    def document(version: str) -> Response:
        server = services.settings.base_url or request.script_root or "/"
        body = cache.get((version, server))
        if body is None:
            body = orjson.dumps(openapi_document(specs[version], server))
            if len(cache) < 16:
                cache[version, server] = body
        return Response(body, mimetype="application/json")

    def guarded(response: Response) -> Response:
        return protect(response, base_url=services.settings.base_url)

    names = list(specs)
    for version in names:
        name = f"document_{version.replace('.', '_')}"
        documents.add_url_rule(f"/openapi-{version}.json", name, document, defaults={"version": version})
    # Flask's own redirect to the page would name the host as the caller does.
    documents.add_url_rule("/docs", "to_docs", lambda: redirect("docs/", 308))
    documents.after_request(guarded)
    app.register_blueprint(documents)
    config: dict[str, Any] = {
        "app_name": "OCPI",
        "layout": "StandaloneLayout" if len(names) > 1 else "BaseLayout",
        "docExpansion": "list",
        "persistAuthorization": False,
        "oauth2RedirectUrl": "./oauth2-redirect.html",  # or it is made of the Host header, which anybody may write
        "validatorUrl": None,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
    }
    urls = [{"url": f"../openapi-{version}.json", "name": f"OCPI {version}"} for version in reversed(names)]
    config |= {"urls": urls} if len(urls) > 1 else {}
    # Links relative to the page hold behind any proxy; the blueprint itself is mounted below our prefix.
    blueprint = get_swaggerui_blueprint(".", urls[0]["url"], config=config, blueprint_name="ocpi_docs")
    blueprint.after_request(guarded)
    app.register_blueprint(blueprint, url_prefix=f"{prefix}/docs")
