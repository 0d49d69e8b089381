"""Hypothesis strategies that follow the schemas: valid documents, and documents broken in one place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from hypothesis.strategies import SearchStrategy

from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema

_ABSENT = object()
_ATTEMPTS = 8  # repairs of a document before its example stands in for it
_RULE_PATH = re.compile(r"(\w+)(?:\[(\d+)\](?:\.(\w+))?)?")
_PRINTABLE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\u2028\u2029")
_ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_SMALL_JSON = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.lists(st.integers(0, 9), max_size=2))
_URLS = (
    "https://example.com",
    "http://cpo:5000/",
    "https://127.0.0.1:8443/ocpi/versions?x=1#top",
    "HTTPS://[2001:db8::1]/a%20b",
)
_BAD_URLS = ("", "example.com", "/ocpi/versions", "ftp://example.com", "https://", "https://exa mple.com", 5)
_BAD_DATE_TIMES = (
    "",
    "2024-05-31",
    "2024-05-31 12:00:00Z",
    "2024-05-31T12:00Z",
    "2024-05-31T12:00:00+02:00",
    "2024-02-30T12:00:00Z",
    "2024-05-31T12:00:00.123456Z",
    1717156800,
)


def documents(schema: type[Schema]) -> SearchStrategy[Document]:
    """Generate valid documents of a class, in any legal spelling.

    Optional properties may be absent or null, ``*`` lists also empty; there may be properties that OCPI does
    not define. The rules of the class are satisfied by repair: a property that breaks a rule is left out,
    added, or drawn again.
    """
    return _documents(schema)


@cache
def _documents(schema: type[Schema]) -> SearchStrategy[Document]:
    declared = _fields(schema)
    values = {name: _values(field) for name, field in declared.items()}

    @st.composite
    def draw_document(draw: DrawFn) -> Document:
        document: Document = {}
        for name, field in declared.items():
            value = draw(values[name] if field.required else _optional(field, values[name]))
            if value is not _ABSENT:
                document[name] = value
        for _ in range(_ATTEMPTS):
            path = _first_complaint(schema, document)
            if path is None:
                return {**document, **draw(_unknown(frozenset(declared)))}
            _repair(draw, document, path, declared, values)
        return {name: field.metadata["example"] for name, field in declared.items() if field.required}

    return draw_document()


def _fields(schema: type[Schema]) -> dict[str, Field]:
    return {name: field for name, field in schema().load_fields.items() if isinstance(field, Field)}


def _optional(field: Field, values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    empty: list[Any] = [st.builds(list)] if isinstance(field, ListOf) else []
    return st.one_of(st.just(_ABSENT), values, values, st.none(), *empty)


def _unknown(declared: frozenset[str]) -> SearchStrategy[Document]:
    names = st.sampled_from(["gireve_id", "x", "é"]).filter(lambda name: name not in declared)
    return st.dictionaries(names, _SMALL_JSON, max_size=1)


def _first_complaint(schema: type[Schema], document: Document) -> str | None:
    plain = {name: value for name, value in document.items() if value is not None and value != []}
    return next((path for rule in schema.rules for path, _ in rule(plain)), None)


def _repair(
    draw: DrawFn,
    document: Document,
    path: str,
    declared: dict[str, Field],
    values: dict[str, SearchStrategy[Any]],
) -> None:
    match = _RULE_PATH.match(path)
    name, index, inner = match.groups() if match else ("", None, None)
    if name not in declared:
        raise ValueError(f"A rule complains about {path!r}, which is no property: strategies cannot repair that.")
    elements = document[name] if index is not None else []
    at = int(index or 0)
    lowest = None if inner is None else _lowest(declared[name], inner)
    if lowest is not None and elements[at].get(inner) != lowest:
        document[name] = [*elements[:at], {**elements[at], inner: lowest}, *elements[at + 1 :]]
    elif len(elements) > 1:
        document[name] = [*elements[:at], *elements[at + 1 :]]
    elif declared[name].required or document.get(name) in (None, []):
        document[name] = draw(values[name])
    else:
        del document[name]


def _lowest(field: Any, inner: str) -> int | None:
    """Return the lower bound of a whole number in the objects of a list, if it has one: a rule may demand it."""
    found = _fields(field.inner.nested).get(inner)
    return found.min if isinstance(found, Integer) else None


def _values(field: Field) -> SearchStrategy[Any]:
    """Generate the valid values of a field, null and absence apart."""
    for kind, build in _VALUES.items():
        if isinstance(field, kind):
            return build(field)
    raise TypeError(f"There is no strategy for {type(field).__name__}.")


def _strings(field: Any) -> SearchStrategy[str]:
    if field.validators:  # the values that a function accepts cannot be guessed
        return st.just(field.metadata["example"])
    if field.pattern is not None:
        matching = st.from_regex(field.pattern, fullmatch=True, alphabet=_ASCII)
        texts = matching.filter(lambda text: field.min <= len(text) <= field.max)
    else:
        alphabet = _ASCII if isinstance(field, CiString) else _PRINTABLE
        short = st.text(alphabet, min_size=field.min, max_size=min(field.max, max(field.min, 12)))
        texts = short | st.just("x" * field.max)
    return texts | st.just(NOT_AVAILABLE) if field.required else texts


def _date_times(field: Any) -> SearchStrategy[str]:
    instants = st.datetimes().map(lambda instant: f"{instant.year:04d}-{instant:%m-%dT%H:%M:%S}")
    fractions = st.sampled_from(["", ".5", ".123"])
    return st.builds("{}{}{}".format, instants, fractions, st.sampled_from(["Z", "", "+00:00"]))


def _integers(field: Any) -> SearchStrategy[int | float]:
    bounds = st.integers(-(10**9) if field.min is None else field.min, 10**9 if field.max is None else field.max)
    return bounds | bounds.map(float)


def _numbers(field: Any) -> SearchStrategy[int | float]:
    low = -(10**6) if field.min is None else int(field.min)
    high = 10**6 if field.max is None else int(field.max)
    steps = 10**field.decimals
    return st.integers(low, high) | st.integers(low * steps, high * steps).map(lambda n: n / steps)


def _lists(field: Any) -> SearchStrategy[list[Any]]:
    key = field.unique
    by = None if key is None else lambda element: element[key].lower()
    return st.lists(_values(field.inner), min_size=1, max_size=2, unique_by=by)


_VALUES: dict[type[Field], Callable[[Any], SearchStrategy[Any]]] = {
    String: _strings,
    Url: lambda field: st.sampled_from(_URLS),
    DateTime: _date_times,
    Boolean: lambda field: st.booleans(),
    Integer: _integers,
    Number: _numbers,
    QueryInteger: lambda field: st.integers(field.min, 10**9).map(str),
    Enum: lambda field: st.sampled_from(field.listed),
    ListOf: _lists,
    Object: lambda field: documents(field.nested),
}


def mutations(schema: type[Schema]) -> SearchStrategy[tuple[Document, str]]:
    """Generate documents of a class that are broken in one place, each with the JSON path to be named.

    Broken are: required properties (left out or null), types, lengths, ranges, patterns, enum values, lists.
    """

    @st.composite
    def draw_mutation(draw: DrawFn) -> tuple[Document, str]:
        document = copy.deepcopy(draw(documents(schema)))
        place = draw(st.sampled_from(list(_places(_fields(schema), document, ""))))
        broken = draw(st.sampled_from(_broken_values(place)))
        if broken is not _ABSENT:
            place.container[place.key] = copy.deepcopy(broken)
        else:
            del place.container[place.key]
        return document, place.path

    return draw_mutation()


@dataclass(frozen=True)
class _Place:
    path: str
    container: Any  # a dict or a list
    key: Any
    field: Field


def _places(declared: dict[str, Field], document: Document, prefix: str) -> Iterator[_Place]:
    for name, field in declared.items():
        place = _Place(f"{prefix}{name}", document, name, field)
        yield place
        yield from _inner_places(place, document.get(name))


def _inner_places(place: _Place, value: Any) -> Iterator[_Place]:
    if isinstance(place.field, Object) and isinstance(value, dict):
        nested: Any = place.field.nested
        yield from _places(_fields(nested), value, f"{place.path}.")
    elif isinstance(place.field, ListOf) and isinstance(value, list):
        inner: Any = place.field.inner
        for index, element in enumerate(value):
            item = _Place(f"{place.path}[{index}]", value, index, inner)
            yield item
            yield from _inner_places(item, element)


def _broken_values(place: _Place) -> list[Any]:
    field: Any = place.field
    values = next(list(build(field)) for kind, build in _BROKEN.items() if isinstance(field, kind))
    if field.required:
        values.append(None)
        if isinstance(place.container, dict):
            values.append(_ABSENT)
    return values


def _broken_strings(field: Any) -> Iterator[Any]:
    yield from (5, True, ["x"], {"x": "x"})
    yield "x" * (field.max + 1)
    yield "\n" * max(field.min, 1)
    if field.min:
        yield "x" * (field.min - 1)
    if isinstance(field, CiString):
        yield "é" * max(field.min, 1)
    blank = " " * max(field.min, 1)
    if field.pattern is not None and not re.fullmatch(field.pattern, blank):
        yield blank


def _broken_numbers(field: Any) -> Iterator[Any]:
    yield from ("16", "1.5", True, [16], {}, float("inf"), float("nan"))
    if isinstance(field, Integer):
        yield 16.5
    if field.min is not None:
        yield field.min - 1
    if field.max is not None:
        yield field.max + 1


def _broken_enums(field: Any) -> Iterator[Any]:
    values = [member.value for member in field.enum]
    yield from ("", 5, True, values[:1])
    if not field.open:
        yield "NO_SUCH_VALUE"
        yield from {value.swapcase() for value in values[:1]}.difference(values)


_BROKEN: dict[type[Field], Callable[[Any], Iterable[Any]]] = {
    String: _broken_strings,
    Url: lambda field: _BAD_URLS,
    DateTime: lambda field: _BAD_DATE_TIMES,
    Boolean: lambda field: ("true", "yes", 1, 0, []),
    Integer: _broken_numbers,
    Number: _broken_numbers,
    QueryInteger: lambda field: ("", "x", "1.5", " 1", "1e3", "9" * 19, str(field.min - 1)),
    Enum: _broken_enums,
    ListOf: lambda field: ({}, "x", 5, *([[]] if field.required else [])),
    Object: lambda field: ([], ["x"], "x", 5, True),
}
