"""Converts objects between the stored shape, which is that of OCPI 2.2.1, and the shape of another version."""

from __future__ import annotations

import copy
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import orjson

from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.errors import InvalidParametersError

#: (country code, party id) of the owner of an object; None if it is not known.
Owner = tuple[str, str] | None
#: Called with the JSON pointer to a value that a version cannot say, and with a sentence about the outcome.
Lose = Callable[[str, str], None]
#: (country code, party id, id) of a stored object.
Reference = tuple[str, str, str]
#: Called with a kind of stored objects and references; returns the objects that exist.
Find = Callable[[str, Collection[Reference]], Mapping[Reference, Document]]

#: Exceptions of converters for objects that they did not expect.
FAILURES = (LookupError, TypeError, ValueError, AttributeError)

#: A mark in the text of an own object that says more than OCPI 2.2.1 can: JSON allows tabs only between tokens, and we
#: write no others. A list for 2.2.1 without this mark is answered as it is stored.
MORE = b"\t"

_LEFT_OUT = "This version has no such property: it was left out."
_NO_VALUE = "This version has no such value: it was left out."


class LeftOutError(Exception):
    """A version cannot say an object at all; the message is a sentence with the reason.

    In a list, or as an optional property, the object is left out; as a required property, the object around it is.
    for_now: the version can say it once a related object is stored.
    """

    def __init__(self, reason: str, *, for_now: bool = False) -> None:
        super().__init__(reason)
        self.for_now = for_now


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a received object, from its request or connection.

    owner: the party in the URL, or the partner's only party. receiver: the receiving own party. Both are None if they
    are not known. token_of: returns the Token of the receiver with that ``contract_id``, or None.
    """

    owner: Owner = None
    receiver: Owner = None
    token_of: Callable[[str], Document | None] = lambda contract_id: None


NO_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Beside:
    """A related stored object that ``from_store`` needs.

    property: the property that gets this object, unless the document has the property, or the object does not exist.
    kind: where it is stored. refer: returns the reference to it for a document.
    """

    property: str
    kind: str
    refer: Callable[[Document], Reference]


def unnoted(pointer: str, reason: str) -> None:
    """Ignore a loss."""


def nothing(kind: str, references: Collection[Reference]) -> Mapping[Reference, Document]:
    """Find no stored objects."""
    return {}


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts objects of one class of a version to the stored shape and back.

    Each function gets a copy, which it may change, and returns the whole object. Nested objects have their own
    converters, by class; both functions see them in the stored shape.
    to_store: gets a valid object and its origin, and returns one with all properties that OCPI 2.2.1 requires.
    from_store: reports to ``lose`` what the version cannot say, and raises LeftOutError if that is the whole object.
    Properties of 2.2.1 that its class lacks, and values that its enums lack, need no converter: they are left out; with
    a required value, the object around it is.
    beside: a related stored object that from_store needs. retracted: for an object that the version can say no more,
    gets it and the names of its changed properties, and returns the object to send instead, or None for nothing. Both
    apply to whole objects, not to nested ones.
    """

    to_store: Callable[[Document, Origin], Document] = lambda document, origin: document
    from_store: Callable[[Document, Lose], Document] = lambda document, lose: document
    beside: Beside | None = None
    retracted: Callable[[Document, Collection[str]], Document | None] = lambda document, changed: None


def renamed(**stored_by_own: str) -> Converter:
    """Return the converter of a class with other names for properties: ``renamed(start="start_date_time")``."""
    own_by_stored = {stored: own for own, stored in stored_by_own.items()}

    def to_store(document: Document, origin: Origin) -> Document:
        return {stored_by_own.get(name, name): value for name, value in document.items()}

    def from_store(document: Document, lose: Lose) -> Document:
        return {own_by_stored.get(name, name): value for name, value in document.items()}

    return Converter(to_store, from_store)


class Conversion:
    """Converts objects of one class both ways, with all nested objects. :func:`conversion_of` makes it."""

    def __init__(
        self,
        schema: type[Schema],
        stored: type[Schema],
        converter: Converter | None,
        nested: Mapping[str, Conversion],
        *,
        is_marked: bool = False,
    ) -> None:
        own, kept = fields_of(schema), fields_of(stored)
        self._rules = schema.rules
        self._converter = Converter() if converter is None else converter
        self._nested = nested
        self._lacking = frozenset(kept) - frozenset(own)
        self._enums = {name: found for name, field in own.items() if (found := _enum_in(field)) is not None}
        self._required = frozenset(name for name, field in own.items() if field.required)
        self._narrower = {
            name: enum.values for name, enum in self._enums.items() if not _values_in(kept.get(name)) <= enum.values
        }
        self.needs_others = self._converter.beside is not None  # in ``from_store``
        self.retracted = self._converter.retracted
        self.is_separate = converter is None  # no property depends on another
        #: Whether the two shapes differ.
        self.is_needed = bool(converter or nested or self._lacking or self._narrower)
        #: Whether the stored shape has all properties and values of this one, and texts that say more are marked.
        self.is_marked = is_marked

    def says_more(self, document: Document) -> bool:
        """Tell whether a stored object has a property, or a value of an enum, that the version lacks."""
        if not self._lacking.isdisjoint(document):
            return True
        for name, values in self._narrower.items():
            value = document.get(name)
            if value is not None and not (values.issuperset(value) if isinstance(value, list) else value in values):
                return True
        for name, conversion in self._nested.items():
            value = document.get(name)
            if value is not None and any(map(conversion.says_more, value if isinstance(value, list) else (value,))):
                return True
        return False

    def to_store(self, document: Document, origin: Origin = NO_ORIGIN) -> Document:
        """Return an object in the stored shape; raise InvalidParametersError if its converter cannot."""
        if self.is_marked:
            return document
        made = dict(document)
        for name in self._nested.keys() & made.keys():
            made[name] = _each(made[name], partial(self._nested[name].to_store, origin=origin))
        try:
            return self._converter.to_store(made, origin)
        except FAILURES as error:  # an unusual object must not stop a list
            raise InvalidParametersError(f"It cannot be brought to the shape of OCPI 2.2.1: {error!r}.") from error

    def from_store(self, document: Document, lose: Lose = unnoted, find: Find = nothing) -> Document:
        """Return a stored object in the shape of the version; report losses to ``lose``.

        Raises LeftOutError if the version cannot say the object at all. find: finds related stored objects.
        """
        if self.is_marked and not self.says_more(document):
            return document
        (completed,) = self._completed([document], find)
        return self._from_store(completed, lose)

    def text_from_store(self, text: bytes, lose: Lose = unnoted, find: Find = nothing) -> bytes:
        """Return the JSON of a stored object, or of a list of them, in the shape of the version.

        A list is without the objects that the version cannot say; for a single one, LeftOutError is raised.
        """
        if self.is_marked and MORE not in text:
            return text
        data = orjson.loads(text)
        if isinstance(data, list):
            said = self.each_from_store(data, lambda document: lose, find)
            return orjson.dumps([document for document in said if document is not None])
        return orjson.dumps(self.from_store(data, lose, find) if isinstance(data, dict) else data)

    def each_from_store(
        self, documents: Sequence[Document], lose: Callable[[Document], Lose], find: Find = nothing
    ) -> Iterator[Document | None]:
        """Yield objects in the shape of the version, with None for one that it cannot say; the others continue.

        lose: makes the function that receives the losses of an object.
        """
        for document in self._completed(documents, find):
            try:
                yield self._from_store(document, lose(document))
            except (LeftOutError, *FAILURES) as error:
                reason = str(error) if isinstance(error, LeftOutError) else f"It was left out: {error!r}."
                lose(document)("", reason)
                yield None

    def _completed(self, documents: Sequence[Document], find: Find) -> Sequence[Document]:
        """Return objects with the related objects that the converter needs, which are found in one call."""
        beside = self._converter.beside
        if beside is None or find is nothing:
            return documents
        wanted = {id(document): beside.refer(document) for document in documents if beside.property not in document}
        found = find(beside.kind, set(wanted.values())) if wanted else {}
        related = {key: {beside.property: found[name]} for key, name in wanted.items() if name in found}
        return [{**document, **related.get(id(document), {})} for document in documents]

    def _from_store(self, document: Document, lose: Lose) -> Document:
        made = self._converter.from_store(dict(document), lose)
        if not self._lacking.isdisjoint(made):
            for name in self._lacking & made.keys():
                del made[name]
                lose(f"/{name}", _LEFT_OUT)
        for name, enum in self._enums.items():
            if name in made:
                value, values = made[name], enum.values
                if not (values.issuperset(value) if isinstance(value, list) else value in values):
                    self._limit(made, name, lose)
        for name in self._nested:
            if name in made:
                self._nest(made, name, lose)
        for rule in self._rules if self._required <= made.keys() else ():
            for path, complaint in rule(made):
                raise LeftOutError(f"Without what this version lacks, {path} {complaint}: it was left out.")
        return made

    def merged(self, stored: Document, before: Document, after: Document, origin: Origin = NO_ORIGIN) -> Document:
        """Return a stored object after a change in the shape of the version, from ``before`` to ``after``.

        Values that this shape cannot say, or that did not change in it, stay as stored.
        """
        old, new = self.to_store(before, origin), self.to_store(after, origin)
        kept = {n: v for n, v in stored.items() if n not in old or (n in new and new[n] == old[n])}
        changed = {n: v for n, v in new.items() if n not in old or v != old[n]}
        return {**{n: kept.get(n, changed.get(n)) for n in stored if n in kept or n in changed}, **changed}

    def _limit(self, made: Document, name: str, lose: Lose) -> None:
        """Leave out values that the version lacks; raise LeftOutError if the object needs one."""
        value, known = made[name], self._enums[name].values
        if isinstance(value, list):
            for index, item in enumerate(value):
                if item not in known:
                    lose(f"/{name}/{index}", _NO_VALUE)
            self._keep(made, name, [item for item in value if item in known])
        elif name in self._required:
            raise LeftOutError(f"This version has no {name} {value}, so the object was left out.")
        else:
            del made[name]
            lose(f"/{name}", _NO_VALUE)

    def _nest(self, made: Document, name: str, lose: Lose) -> None:
        """Convert nested objects to the shape of the version, and leave out those that it cannot say."""
        value, conversion = made[name], self._nested[name]
        told: list[tuple[str, str]] = []

        def note(pointer: str, reason: str) -> None:
            told.append((pointer, reason))

        def tell(at: str) -> None:
            for pointer, reason in told:
                lose(f"{at}{pointer}", reason)
            told.clear()

        if isinstance(value, dict):
            try:
                made[name] = conversion._from_store(value, note)
            except LeftOutError as error:
                if name in self._required:
                    raise LeftOutError(f"{name}: {error}") from error
                del made[name]
                note("", str(error))
            if told:
                tell(f"/{name}")
        elif isinstance(value, list):
            kept = []
            for index, item in enumerate(value):
                try:
                    kept.append(conversion._from_store(item, note))
                except LeftOutError as error:
                    note("", str(error))
                if told:
                    tell(f"/{name}/{index}")
            self._keep(made, name, kept)

    def _keep(self, made: Document, name: str, kept: list[Any]) -> None:
        """Set the remaining elements of a list; raise LeftOutError if none remain and the property is required."""
        if not kept and made[name] and name in self._required:
            raise LeftOutError(f"This version can say nothing of its {name}, so the object was left out.")
        made[name] = kept
        if not kept and name not in self._required:
            del made[name]


def conversion_of(
    schema: type[Schema],
    converters: Mapping[type[Schema], Converter],
    origins: Mapping[type[Schema], type[Schema]],
    marked: Collection[type[Schema]] = (),
) -> Conversion | None:
    """Return the conversion of a class of a version; None if the stored text needs none.

    origins: the class of the stored shape for each class of the version that replaces it. marked: classes whose stored
    class has all their properties and values; texts that say more are marked.
    """
    nested = {}
    for name, field in fields_of(schema).items():
        inner = class_in(field)
        found = None if inner is None else conversion_of(inner, converters, origins, marked)
        if found is not None:
            nested[name] = found
    stored, converter = origins.get(schema, schema), converters.get(schema)
    is_marked = schema in marked or (converter is None and _says_no_less(schema, nested.values(), marked))
    made = Conversion(schema, stored, converter, nested, is_marked=is_marked)
    return made if made.is_needed else None


def _says_no_less(schema: type[Schema], nested: Collection[Conversion], marked: Collection[type[Schema]]) -> bool:
    """Tell whether a class only adds to a marked base class."""
    base = next((cls for cls in schema.__mro__ if cls in marked), None)
    if base is None or not all(conversion.is_marked for conversion in nested):
        return False
    own = fields_of(schema)
    return all(
        name in own and (_enum_in(own[name]) is None or _values_in(own[name]) >= _values_in(field))
        for name, field in fields_of(base).items()
    )


class Replacing:
    """Replaces classes and enums, also inside all other classes: a changed Price changes each class with a Price.

    open_enums: the names of enums that become open. origins: the replaced class by the new class.
    """

    def __init__(
        self,
        classes: Mapping[type[Schema], type[Schema]],
        *,
        enums: Mapping[type[StrEnum], type[StrEnum]],
        open_enums: Collection[str] = (),
    ) -> None:
        self._enums = enums
        self._open_enums = open_enums
        self.origins: dict[type[Schema], type[Schema]] = {}
        self._classes = classes
        self._replaced = {new: old for old, new in classes.items()}
        self._made: dict[type[Schema], type[Schema]] = {}

    def __call__(self, schema: Any) -> Any:
        """Return the replacement of a class; other values than schemas stay."""
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
        made = {name: self._field(field) for name, field in fields_of(schema).items()}
        changed = {name: field for name, field in made.items() if field is not schema._declared_fields[name]}
        if not changed:
            return schema
        return type(schema.__name__, (schema,), {**changed, "__doc__": schema.__doc__, "__module__": schema.__module__})

    def _field(self, field: Any) -> Any:
        """Return a field with the replaced class or enum in it, or itself."""
        made = copy.copy(field)
        if isinstance(field, ListOf):
            made.inner = self._field(field.inner)
            if made.inner is field.inner:
                return field
            if isinstance(made.inner, Object):
                made.metadata = {**field.metadata, "example": [made.inner.metadata["example"]]}
            return made
        if isinstance(field, Object):
            made.nested, made._schema = self(field.nested), None
            made.metadata = {**field.metadata, "example": example_of(made.nested)}
            return field if made.nested is field.nested else made
        if isinstance(field, Enum):
            enum = self._enums.get(field.enum, field.enum)
            is_open = field.open or enum.__name__ in self._open_enums
            if enum is not field.enum or is_open != field.open:
                lacking = set(field.enum) - field.values
                return Enum(enum, without=lacking, open=is_open, required=field.required, metadata=field.metadata)
        return field


def fields_of(schema: type[Schema]) -> Mapping[str, Field]:
    """Return the fields of a class by property name, without those in its ``Meta.exclude``."""
    fields: Mapping[str, Any] = schema._declared_fields
    return {name: field for name, field in fields.items() if name not in schema.opts.exclude}


def class_in(field: Any) -> type[Schema] | None:
    """Return the class of objects in a property, directly or as the elements of a list."""
    inner = field.inner if isinstance(field, ListOf) else field
    return inner.nested if isinstance(inner, Object) else None  # type: ignore[return-value]


def _enum_in(field: Any) -> Enum | None:
    """Return the field of a closed enum, directly or of the elements of a list."""
    inner = field.inner if isinstance(field, ListOf) else field
    return inner if isinstance(inner, Enum) and not inner.open else None


def _values_in(field: Any) -> frozenset[str]:
    enum = _enum_in(field)
    return frozenset() if enum is None else enum.values


def _each(value: Any, convert: Callable[[Document], Document]) -> Any:
    """Convert an object, or each object of a list."""
    if isinstance(value, list):
        return [convert(item) if isinstance(item, dict) else item for item in value]
    return convert(value) if isinstance(value, dict) else value
