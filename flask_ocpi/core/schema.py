"""The base of all schemas: a declaration that validates a document and converts it to its canonical form."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import islice
from typing import Any
from typing import ClassVar

import marshmallow as ma

from flask_ocpi.core import fields
from flask_ocpi.errors import InvalidParametersError

Document = dict[str, Any]
Violation = tuple[str, str]
Rule = Callable[[Document], Iterator[Violation]]
#: Returns the document, or None if marshmallow has to load it or to describe its flaws.
Loader = Callable[[Any], Document | None]

_MAX_SHOWN = 8
_INTEGER = "must be an integer"
#: The messages about the type of a value, and the types: bool before int.
_ABOUT_TYPES = frozenset(
    {
        "must be a string",
        "must be a number",
        _INTEGER,
        "must be an array",
        "must be a JSON object",
        "must be true or false",
    }
)
_JSON_TYPES: dict[Any, str] = {
    str: "a string",
    bool: "a boolean",
    (int, float): "a number",
    list: "an array",
    dict: "an object",
}
_STEP = re.compile(r"[^.\[\]]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Schema(ma.Schema):
    """Declares a class of OCPI objects, one field per property.

    ``load`` takes a decoded JSON object and returns the document as it is stored and sent: wire names, wire types,
    canonical timestamps, no nulls, no empty optional lists, unknown properties kept (:class:`Policy`).
    ``rules`` are the conditions between fields: functions that yield (path, message) for each violation.
    A function compiled from the declaration (:mod:`flask_ocpi.core.compiled`) loads valid objects, marshmallow all
    others, with the same result. Do not change fields and rules once an instance has loaded something.
    """

    class Meta:
        unknown = ma.EXCLUDE  # _keep_unknown puts them back, in order and checked

    error_messages: dict[str, str] = {"type": "must be a JSON object"}  # noqa: RUF012
    rules: ClassVar[tuple[Rule, ...]] = ()
    #: Convert an object to the names of the class before the checks, for example from those of an earlier edition.
    readings: ClassVar[tuple[Callable[[Document], Document], ...]] = ()
    #: Compiles the loader of an instance; the code that makes the schemas of an app sets it for all of them.
    compiler: ClassVar[Callable[[Any, bool | None], Loader | None]] = staticmethod(lambda schema, partial: None)

    def __init__(self, *, policy: fields.Policy = fields.DEFAULT_POLICY, **kwargs: Any) -> None:
        self.policy = policy
        super().__init__(**kwargs)

    def _init_fields(self) -> None:
        self._loaders: dict[bool | None, Loader | None] = {}
        super()._init_fields()

    def load(self, data: Any, *, many: bool | None = None, partial: Any = None, unknown: Any = None) -> Any:
        """Return the document, or raise ValidationError, as marshmallow's ``load``."""
        kind = self.partial if partial is None else partial
        excludes = (self.unknown if unknown is None else unknown) == ma.EXCLUDE
        if excludes and (kind is None or kind is True or kind is False) and not (self.many if many is None else many):
            loader = self._loader(kind)
            if loader is not None:
                document = loader(data)
                if document is not None:
                    return document
        return super().load(data, many=many, partial=partial, unknown=unknown)

    def load_valid(self, data: Any, partial: Any = None) -> Document | None:
        """Load an object that may have flaws; None if it has, found as fast as for a valid one.

        It may also be None for a valid but unusual one. partial: None keeps that of the schema.
        """
        kind = self.partial if partial is None else partial
        loader = self._loaders.get(kind) or self._loader(kind)  # type: ignore[arg-type]
        if loader is not None:
            return loader(data)
        try:
            document: Document = self.load(data, partial=kind)
        except ma.ValidationError:
            return None
        return document

    def _loader(self, partial: Any) -> Loader | None:
        if partial not in self._loaders:
            self._loaders[partial] = Schema.compiler(self, partial)
        return self._loaders[partial]

    @ma.validates_schema(skip_on_field_errors=True)
    def _check_rules(self, data: Document, *, partial: Any = None, **kwargs: Any) -> None:
        if partial:  # rules hold for whole objects: they are checked again after the merge
            return
        found = fields.Violations()
        for path, message in (violation for rule in self.rules for violation in rule(data)):
            if found.add(path, message):
                break
        found.raise_any()

    def named(self, data: Any) -> Any:
        """Return an object, as it came, with the names of the class."""
        if isinstance(data, dict):
            for reading in self.readings:
                data = reading(data)
        return data

    @ma.pre_load
    def _named(self, data: Any, **kwargs: Any) -> Any:
        return self.named(data)

    @ma.post_load(pass_original=True)
    def _keep_unknown(self, data: Document, original: Mapping[str, Any], **kwargs: Any) -> Document:
        original = self.named(original)
        others = {name: value for name, value in original.items() if name not in self.load_fields}
        flaw = flaw_of(others, self.policy.max_depth)
        if flaw is not None:
            raise ma.ValidationError(flaw, _first_with_flaw(others, self.policy.max_depth))
        if self.policy.keep_unknown:
            data.update(others)
        return data


class Object(fields.Field, ma.fields.Nested):
    """A nested object, always complete: a PATCH replaces it as a whole."""

    def __init__(self, nested: type[Schema], **kwargs: Any) -> None:
        self.composed = example_of(nested) if isinstance(nested, type) else None
        super().__init__(nested=nested, **kwargs)

    @property
    def schema(self) -> ma.Schema:
        if self._schema is None:
            nested: type[Schema] = self.nested  # type: ignore[assignment]
            self._schema = nested(policy=self.policy)
        return self._schema

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kw: Any) -> Any:
        return self._load(value, partial=False)


def violations(messages: Any) -> Iterator[Violation]:
    """Flatten marshmallow's error messages into (JSON path, message) pairs, such as ``evses[0].uid``."""
    for names, message in fields.walk(messages):
        steps = (f"[{name}]" if isinstance(name, int) else f".{_shown(name)}" for name in names)
        yield "".join(steps).removeprefix("."), message


def _shown(name: str) -> str:
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= 60 else f"{text[:60]}..."


def invalid(error: ma.ValidationError, where: str = "body") -> InvalidParametersError:
    """Turn a validation error into OCPI's 2001, with a message that names each path."""
    shown = list(islice(violations(error.messages), _MAX_SHOWN))
    return refusal(shown, fields.number_of(error.messages), where, data=error.data)


def refusal(
    flaws: Sequence[Violation], number: int, where: str = "body", *, data: Any = None
) -> InvalidParametersError:
    """Make the 2001 for a body with many flaws; it names the first ones, and the type of what came in ``data``."""
    shown = [f"{path or f'The {where}'} {text}{_what_came(data, path, text)}" for path, text in flaws[:_MAX_SHOWN]]
    others = f"{number - len(shown)} " if number < fields.MOST else ""  # the search stopped there
    more = f"; and {others}more" if number > len(shown) else ""
    return InvalidParametersError(f"Invalid {where}: {'; '.join(shown)}{more}.")


def _what_came(data: Any, path: str, text: str) -> str:
    """Return the JSON type of the value at a path, for a message about its type; "" for others, or if it is not there.

    No value is repeated: it may be a secret, and messages are logged.
    """
    if not path or text not in _ABOUT_TYPES:
        return ""
    try:
        for step in _STEP.findall(path):
            data = data[int(step)] if isinstance(data, list) else data[step]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    if text == _INTEGER and isinstance(data, float):
        return ", not a fraction"
    return next((f", not {name}" for type, name in _JSON_TYPES.items() if isinstance(data, type)), "")


def load(schema: ma.Schema, data: Any, *, partial: bool = False, where: str = "body") -> Document:
    """Validate and normalise one object; raise InvalidParametersError (2001) that names the flaws."""
    try:
        document: Document = schema.load(data, partial=partial)
    except ma.ValidationError as error:
        raise invalid(error, where) from error
    return document


def with_defaults(schema: ma.Schema, document: Document) -> Document:
    """Return a copy of a document in which absent properties have OCPI's default values, if there are any.

    OCPI 2.2.1, Terminology, "Cardinality". Stored and sent documents leave them out.
    """
    defaults = {
        name: field.default
        for name, field in schema.load_fields.items()
        if isinstance(field, fields.Boolean) and field.default is not None
    }
    return {**defaults, **document}


def example_of(schema: type[ma.Schema]) -> Document:
    """Compose an example of a class from the examples of its required properties."""
    return {
        name: field.metadata["example"]
        for name, field in schema._declared_fields.items()
        if field.required and name not in schema.opts.exclude and "example" in field.metadata
    }


def flaw_of(value: dict[str, Any], max_depth: int) -> str | None:
    """Return the reason why unknown properties cannot be kept, or None: too deep, or impossible in JSON."""
    level: list[Any] = [value]
    for _ in range(max_depth + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, list):
                below += item
            elif isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, str):
                if not item.isascii() and _SURROGATE.search(item):
                    return "must not contain lone surrogates"
            elif isinstance(item, float) and not math.isfinite(item):
                return "must not contain infinite numbers"
        if not below:
            return None
        level = below
    return f"is nested deeper than {max_depth} levels"


def _first_with_flaw(properties: Document, max_depth: int) -> str:
    """Return the name of the first property with a flaw."""
    items = list(properties.items())
    while len(items) > 1:
        first, second = items[: len(items) // 2], items[len(items) // 2 :]
        items = second if flaw_of(dict(first), max_depth) is None else first
    return items[0][0]
