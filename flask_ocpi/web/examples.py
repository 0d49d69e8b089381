"""Examples in the OpenAPI documents, composed from the examples of the fields."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from flask_ocpi.core.converting import FAILURES
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.description import Version
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.responses import SUCCESS_MESSAGE
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.core.schema import violations
from flask_ocpi.errors import StatusCode

_TIME_ZONE = "Europe/Amsterdam"
_MOMENT = "2024-05-31T12:00:00.000Z"


class Examples:
    """Examples of the classes and operations of a version.

    The examples of a class that replaces one of the stored shape are converted from there: both then say the same, and
    prices fit. Properties that only the version has are added.
    """

    def __init__(self, version: Version) -> None:
        self._version = version

    def required(self, schema: type[Schema]) -> Document:
        """Return an example with the required properties."""
        own = example_of(schema)
        said = self._said(schema, example_of(self._version.stored(schema)))
        return own if said is None else {name: said.get(name, value) for name, value in own.items()}

    def full(self, schema: type[Schema]) -> Document:
        """Return an example with every property, except those that the rules of the class exclude there."""
        said = self._said(schema, full_example(self._version.stored(schema)))
        return full_example(schema) if said is None else _fitting(schema, said | _lacking(schema, said))

    def of_class(self, schema: type[Schema]) -> dict[str, Any]:
        """Return the examples of a class by name."""
        return {
            "complete": {"summary": "With all that there can be", "value": self.full(schema)},
            "required": {"summary": "With what is required", "value": self.required(schema)},
        }

    def of_body(self, operation: Operation) -> dict[str, Any]:
        """Return the examples of a request body by name."""
        if operation.body is None:
            return {}
        if operation.partial:
            return {"change": {"summary": "One property changed", "value": self._change(operation, operation.body)}}
        return self.of_class(operation.body)

    def of_success(self, operation: Operation) -> dict[str, Any]:
        """Return the example of a successful answer."""
        answer: Document = {}
        if operation.returns is not None and issubclass(operation.returns, StrEnum):
            answer["data"] = next(iter(operation.returns))
        elif operation.returns is not None:
            document = self.full(operation.returns)
            answer["data"] = [document] if operation.returns_list else document
        value = {**answer, **envelope_example(StatusCode.SUCCESS, SUCCESS_MESSAGE)}
        return {"success": {"summary": "Success", "value": value}}

    def _said(self, schema: type[Schema], stored: Document) -> Document | None:
        """Return an example of the stored shape in the shape of the version; None if there is no difference."""
        conversion = self._version.conversion(schema)
        if conversion is None or conversion.is_marked:
            return None
        try:
            return conversion.from_store(stored)
        except (LeftOutError, *FAILURES):  # it needs more than the example, or the version cannot say it
            return None

    def _change(self, operation: Operation, schema: type[Schema]) -> Document:
        """Change the first required property that does not identify the object."""
        example = self.required(schema)
        object_type = operation.object
        key: tuple[str, ...] = OWNER_KEY
        if object_type is not None:
            key = (object_type.parts[operation.part - 1].key,) if operation.part else object_type.key
        name = next(name for name in example if name not in key)
        return {name: example[name], "last_updated": example["last_updated"]}


@functools.cache
def examples_of(version: Version) -> Examples:
    """Return the examples of a version."""
    return Examples(version)


@functools.cache
def full_example(schema: type[Schema]) -> Document:
    """Compose an example with every property, except those that the rules of the class exclude there."""
    document = {name: _example(field) for name, field in schema().load_fields.items()}
    return _fitting(schema, _priced({name: value for name, value in document.items() if value is not None}))


def _fitting(schema: type[Schema], document: Document) -> Document:
    """Return an example without the properties that the rules of the class exclude, or with simpler values for them."""
    instance = schema()
    excluded = {path.split(".")[0].split("[")[0] for path, _ in violations(instance.validate(document))}
    if any(instance.load_fields[name].required for name in excluded):
        return {name: field.metadata["example"] for name, field in instance.load_fields.items() if name in document}
    return {name: value for name, value in document.items() if name not in excluded}


def _lacking(schema: type[Schema], document: Document) -> Document:
    """Return the examples of the properties that a document lacks."""
    found = {name: _example(field) for name, field in schema().load_fields.items() if name not in document}
    return {name: value for name, value in found.items() if value is not None}


def _priced(document: Document) -> Document:
    """Set the costs and volumes of a Session or CDR to those of the example tariff."""
    cost = document.get("total_cost")
    if "charging_periods" not in document or not isinstance(cost, Mapping) or "excl_vat" not in cost:
        return document
    from flask_ocpi.modules.tariffs import Tariff
    from flask_ocpi.pricing import price  # only when a document is read

    report = price(document, [full_example(Tariff)], time_zone=_TIME_ZONE).to_dict()
    known = {name: report[name] for name in document if name.startswith("total_")}
    return document | {name: _as_numbers(value) for name, value in known.items()}


def _as_numbers(value: Any) -> Any:
    return {side: float(each) for side, each in value.items()} if isinstance(value, dict) else float(value)


def path_example(operation: Operation, parameter: PathParameter) -> str:
    """Return the example of a path parameter: the value in the example of the object, so that both fit."""
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


def mistake_examples(operation: Operation) -> dict[str, Any]:
    """Return the example of an answer, with HTTP 200, to a request with a mistake."""
    return {"mistake": {"summary": "A mistake in the request", "value": envelope_example(2001, _mistake(operation))}}


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


def envelope_example(status_code: int, message: str) -> Document:
    """Return an envelope without data."""
    return {"status_code": int(status_code), "status_message": message, "timestamp": _MOMENT}


def _example(field: Any) -> Any:
    if isinstance(field, Object):
        composed, own = full_example(field.nested), field.metadata.get("example", {})  # type: ignore[arg-type]
        return own if own.keys() == composed.keys() else composed  # a field has a better example, except for all values
    if isinstance(field, ListOf) and isinstance(field.inner, Object):
        return [full_example(field.inner.nested)]  # type: ignore[arg-type]
    return field.metadata.get("example")
