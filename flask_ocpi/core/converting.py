"""Between the stored shape of objects, which is that of OCPI 2.2.1, and the shape that another version has for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError

#: (country code, party id) of who owns an object; None where that is not known.
Owner = tuple[str, str] | None
#: Called with the JSON pointer to what a version cannot say, and with a sentence that says what was made of it.
Lose = Callable[[str, str], None]

#: What converters raise over objects that they did not expect.
FAILURES = (LookupError, TypeError, ValueError, AttributeError)

_LEFT_OUT = "This version has no such property: it was left out."
_NO_VALUE = "This version has no such value: it was left out."


def unnoted(pointer: str, reason: str) -> None:
    """Note no loss."""


def _as_it_comes(document: Document, owner: Owner) -> Document:
    return document


def _as_it_is(document: Document, lose: Lose) -> Document:
    return document


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts objects of one class of a version to the stored shape and back.

    Each function gets a copy, which it may change, and returns the whole object. Nested objects have converters of
    their own, by their class; both functions see them in the stored shape.
    to_store: gets a valid object and its owner, and returns one with everything that OCPI 2.2.1 requires.
    from_store: tells ``lose`` what the version cannot say. Properties of 2.2.1 that its class lacks, and optional
    values that its enums lack, need no converter: they are left out.
    """

    to_store: Callable[[Document, Owner], Document] = _as_it_comes
    from_store: Callable[[Document, Lose], Document] = _as_it_is


def renamed(**stored_by_own: str) -> Converter:
    """Return the converter of a class that has other names for properties: ``renamed(start="start_date_time")``."""
    own_by_stored = {stored: own for own, stored in stored_by_own.items()}

    def to_store(document: Document, owner: Owner) -> Document:
        return {stored_by_own.get(name, name): value for name, value in document.items()}

    def from_store(document: Document, lose: Lose) -> Document:
        return {own_by_stored.get(name, name): value for name, value in document.items()}

    return Converter(to_store, from_store)


class Conversion:
    """Converts objects of one class both ways, with all nested objects. :func:`conversion_of` makes it."""

    def __init__(
        self, schema: type[Schema], stored: type[Schema], converter: Converter | None, nested: Mapping[str, Conversion]
    ) -> None:
        own, kept = fields_of(schema), fields_of(stored)
        self._converter = Converter() if converter is None else converter
        self._nested = nested
        self._lacking = frozenset(kept) - frozenset(own)
        self._enums = {name: found for name, field in own.items() if (found := _enum_in(field)) is not None}
        self._required = frozenset(name for name, field in own.items() if field.required)
        narrower = any(not _values_in(kept.get(name)) <= enum.values for name, enum in self._enums.items())
        #: Whether the two shapes differ at all.
        self.is_needed = bool(converter or nested or self._lacking or narrower)

    def to_store(self, document: Document, owner: Owner = None) -> Document:
        """Return an object in the stored shape; raise InvalidParametersError where its converter cannot."""
        made = dict(document)
        for name in self._nested.keys() & made.keys():
            made[name] = _each(made[name], partial(self._nested[name].to_store, owner=owner))
        try:
            return self._converter.to_store(made, owner)
        except FAILURES as error:  # one object that is out of the ordinary must not hold up a list
            raise InvalidParametersError(f"It cannot be brought to the shape of OCPI 2.2.1: {error!r}.") from error

    def from_store(self, document: Document, lose: Lose = unnoted) -> Document:
        """Return a stored object in the shape of the version; ``lose`` is told of what that cannot say."""
        made = self._converter.from_store(dict(document), lose)
        for name in [name for name in made if name in self._lacking]:
            del made[name]
            lose(f"/{name}", _LEFT_OUT)
        for name in self._enums.keys() & made.keys():
            self._limit(made, name, lose)
        for name in self._nested.keys() & made.keys():
            made[name] = _each_told(made[name], self._nested[name].from_store, lose, f"/{name}")
        return made

    def text_from_store(self, text: bytes, lose: Lose = unnoted) -> bytes:
        """Return the JSON of a stored object, or of a list of such, in the shape of the version."""
        return orjson.dumps(_each_told(orjson.loads(text), self.from_store, lose))

    def merged(self, stored: Document, before: Document, after: Document, owner: Owner = None) -> Document:
        """Return a stored object after it was changed in the shape of the version, from ``before`` to ``after``.

        What that shape cannot say, or what did not change in it, stays as it is stored.
        """
        old, new = self.to_store(before, owner), self.to_store(after, owner)
        kept = {n: v for n, v in stored.items() if n not in old or (n in new and new[n] == old[n])}
        changed = {n: v for n, v in new.items() if n not in old or v != old[n]}
        return {**{n: kept.get(n, changed.get(n)) for n in stored if n in kept or n in changed}, **changed}

    def _limit(self, made: Document, name: str, lose: Lose) -> None:
        """Leave out values that the version lacks. A required one stays: it is the converter's to replace."""
        value, known = made[name], self._enums[name].values
        if not isinstance(value, list):
            if value not in known and name not in self._required:
                del made[name]
                lose(f"/{name}", _NO_VALUE)
            return
        for index, item in enumerate(value):
            if item not in known:
                lose(f"/{name}/{index}", _NO_VALUE)
        made[name] = [item for item in value if item in known]
        if not made[name] and name not in self._required:
            del made[name]


def conversion_of(
    schema: type[Schema],
    converters: Mapping[type[Schema], Converter],
    origins: Mapping[type[Schema], type[Schema]],
) -> Conversion | None:
    """Return how objects of a class of a version are converted; None where the stored text is what is sent.

    origins: the class of the stored shape for each one of the version that took its place.
    """
    nested = {}
    for name, field in fields_of(schema).items():
        inner = _class_in(field)
        found = None if inner is None else conversion_of(inner, converters, origins)
        if found is not None:
            nested[name] = found
    made = Conversion(schema, origins.get(schema, schema), converters.get(schema), nested)
    return made if made.is_needed else None


class Replacing:
    """Replaces classes, and in all others whatever is nested in them: a changed Price changes each class with one.

    origins: for each class that took the place of another one, that one.
    """

    def __init__(self, classes: Mapping[type[Schema], type[Schema]]) -> None:
        self.origins: dict[type[Schema], type[Schema]] = {}
        self._classes = classes
        self._replaced = {new: old for old, new in classes.items()}
        self._made: dict[type[Schema], type[Schema]] = {}

    def __call__(self, schema: Any) -> Any:
        """Return the class in the place of another one; what is no schema stays."""
        if not (isinstance(schema, type) and issubclass(schema, Schema)):
            return schema
        chosen = self._classes.get(schema, schema)
        if chosen not in self._made:
            made = self._made[chosen] = self._with_nested(chosen)
            origin = self._replaced.get(chosen, chosen)
            if made is not origin:
                self.origins[made] = origin
        return self._made[chosen]

    def _with_nested(self, schema: type[Schema]) -> type[Schema]:
        changed = {}
        for name, field in fields_of(schema).items():
            inner = _class_in(field)
            if inner is not None and self(inner) is not inner:
                changed[name] = _holding(field, self(inner))
        if not changed:
            return schema
        return type(schema.__name__, (schema,), {**changed, "__doc__": schema.__doc__, "__module__": schema.__module__})


def fields_of(schema: type[Schema]) -> Mapping[str, Field]:
    """Return the fields of a class by the names of the properties; those in its ``Meta.exclude`` are none of it."""
    fields: Mapping[str, Any] = schema._declared_fields
    return {name: field for name, field in fields.items() if name not in schema.opts.exclude}


def _class_in(field: Any) -> type[Schema] | None:
    """Return the class of objects in a property, directly or as the elements of a list."""
    inner = field.inner if isinstance(field, ListOf) else field
    return inner.nested if isinstance(inner, Object) else None  # type: ignore[return-value]


def _holding(field: Field, schema: type[Schema]) -> Field:
    """Return a copy of a field with objects of another class."""
    made = copy.copy(field)
    if isinstance(made, ListOf):
        made.inner = _holding(made.inner, schema)  # type: ignore[arg-type]
    elif isinstance(made, Object):
        made.nested = schema
        made._schema = None
    return made


def _enum_in(field: Any) -> Enum | None:
    inner = field.inner if isinstance(field, ListOf) else field
    return inner if isinstance(inner, Enum) else None


def _values_in(field: Any) -> frozenset[str]:
    enum = _enum_in(field)
    return frozenset() if enum is None else enum.values


def _each(value: Any, convert: Callable[[Document], Document]) -> Any:
    """Convert an object, or each object of a list."""
    if isinstance(value, list):
        return [convert(item) if isinstance(item, dict) else item for item in value]
    return convert(value) if isinstance(value, dict) else value


def _each_told(value: Any, convert: Callable[[Document, Lose], Document], lose: Lose, pointer: str = "") -> Any:
    """Convert an object, or each object of a list, with what is lost told under its JSON pointer."""
    if isinstance(value, list):
        return [_each_told(item, convert, lose, f"{pointer}/{index}") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return convert(value, lambda below, reason: lose(f"{pointer}{below}", reason))
