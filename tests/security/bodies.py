"""Bodies of about a given length for any class: valid ones, and broken ones of every kind."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import orjson

from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of

Document = dict[str, Any]


def size_of(value: Any) -> int:
    return len(orjson.dumps(value))


def whole(schema: type[Schema]) -> Document:
    """Return a valid document: the examples of all that is required, or of all where a rule wants more."""
    document = copy.deepcopy(example_of(schema))
    if not schema().validate(document):
        return document
    return {name: copy.deepcopy(field.metadata["example"]) for name, field in schema._declared_fields.items()}


def filled(schema: type[Schema], size: int) -> Document:
    """Return a valid document of that length: the longest list of its own is filled, or else unknown properties are."""
    document = whole(schema)
    for name, field in schema._declared_fields.items():
        if isinstance(field, ListOf) and isinstance(field.inner, Object) and _fill(schema, document, name, field, size):
            return document
    for number in itertools.count():
        if number % 100 == 0 and size_of(document) >= size:
            return document
        document[f"nlabc_{number}"] = [number, "a text"]


def _fill(schema: type[Schema], document: Document, name: str, field: ListOf, size: int) -> bool:
    """Fill a list of objects; False where the class does not take it."""
    element = example_of(field.inner.nested)
    number = max(1, size // size_of(element))
    candidate = {**document, name: [{**element, **_unlike(field, element, index)} for index in range(number)]}
    if schema().validate({**candidate, name: candidate[name][:2]}) or number > field.max:
        return False
    document.update(candidate)
    return True


def _unlike(field: ListOf, element: Document, index: int) -> Document:
    return {} if field.unique is None else {field.unique: str(index)}


def lists_in(schema: type[Schema], seen: tuple[type[Schema], ...] = ()) -> Iterator[tuple[list[Any], ListOf]]:
    """Walk the lists of a class and of the classes in it, each with the names that lead there."""
    for name, field in schema._declared_fields.items():
        inner = field.inner if isinstance(field, ListOf) else field
        if isinstance(field, ListOf):
            yield [name], field
        if isinstance(inner, Object) and inner.nested not in seen:
            for path, below in lists_in(inner.nested, (*seen, schema)):
                yield [name, *([0] if isinstance(field, ListOf) else []), *path], below


def placed(document: Document, path: list[Any], value: Any) -> Document:
    """Return a document with a value somewhere in it; what leads there is made where it is missing."""
    root = place = copy.deepcopy(document)
    for step, following in itertools.pairwise(path):
        if isinstance(place, dict) and not place.get(step):
            place[step] = [{}] if following == 0 else {}
        place = place[step]
    place[path[-1]] = value
    return root


#: What the elements of a list may be that it does not want; each takes few bytes.
JUNK: dict[str, Any] = {
    "numbers": 1,
    "nulls": None,
    "texts": "",
    "lists": [],
    "objects": {},
    "unknown": {"x": 1},
    "deep": [[[[[[[[]]]]]]]],
    "long": "x" * 300,
    "huge": 10**18,
}


def own_lists(schema: type[Schema]) -> list[tuple[list[Any], ListOf]]:
    """Return the lists of a class; those of the classes in it are theirs."""
    return [(path, field) for path, field in lists_in(schema) if len(path) == 1]


def junk_lists(schema: type[Schema], size: int) -> Iterator[tuple[str, bytes]]:
    """Walk bodies with a list of what it does not want, at every place where the class has one."""
    for (path, _), (kind, junk) in itertools.product(own_lists(schema), JUNK.items()):
        elements = [junk] * (size // (size_of(junk) + 1) + 1)
        yield f"{kind} in {path}", orjson.dumps(placed(whole(schema), path, elements))


def spoiled_lists(schema: type[Schema], size: int) -> Iterator[tuple[str, bytes]]:
    """Walk bodies whose lists are valid, but for one thing in each element, or in the last one."""
    for path, field in own_lists(schema):
        element = field.metadata["example"][0]
        number = min(size // (size_of(element) + 1) + 1, field.max)
        good = [{**element, **_unlike(field, element, index)} if field.unique else element for index in range(number)]
        bad = {**element, next(iter(element)): {}} if isinstance(element, dict) else {}
        yield f"all of {path}", orjson.dumps(placed(whole(schema), path, [bad] * number))
        yield f"last of {path}", orjson.dumps(placed(whole(schema), path, [*good[:-1], bad]))
        yield f"half of {path}", orjson.dumps(placed(whole(schema), path, [*good[::2], bad]))
        if field.unique:
            yield f"same in {path}", orjson.dumps(placed(whole(schema), path, [element] * number))


def spoiled_values(schema: type[Schema], size: int) -> Iterator[tuple[str, bytes]]:
    """Walk bodies with one large value, or very many unknown properties, beside something that is wrong."""
    texts = {"text": "x" * size, "unicode": "é" * (size // 2), "quotes": '"' * (size // 2)}
    for (name, field), (kind, text) in itertools.product(schema._declared_fields.items(), texts.items()):
        if not isinstance(field, ListOf | Object):
            yield f"{kind} as {name}", orjson.dumps({**whole(schema), name: text})
        elif isinstance(field, ListOf) and isinstance(field.inner, Enum):
            yield f"{kind} in {name}", orjson.dumps({**whole(schema), name: [text]})
    first = next(iter(schema._declared_fields))
    many = {f"x{number}": 1 for number in range(size // 12)}
    keys = {f"{number}{'x' * 200}": [] for number in range(size // 210)}
    deep = b"[" * 40 + b"]" * 40
    yield "unknown and broken", orjson.dumps({**whole(schema), **many, first: {}})
    yield "unknown alone", orjson.dumps(many)
    yield "unknown and deep", _with(whole(schema) | many, b'{"z":' + deep + b"}")
    yield "unknown lists and deep", _with(whole(schema) | {name: [[], {}] for name in many}, deep)
    yield "long keys", orjson.dumps({**whole(schema), **keys, first: {}})
    yield "repeated keys", b"{" + b'"x":1,' * (size // 6) + b'"x":1}'
    yield "repeated known keys", b"{" + f'"{first}":[],'.encode() * (size // 10) + b'"x":1}'
    yield "wide and deep", _with(whole(schema), b"[" + b"[[[[[[]]]]]]," * (size // 13) + deep + b"]")
    yield "list", b"[" + b"[]," * (size // 3) + b"[]]"
    yield "number", b'{"%b":%b}' % (first.encode(), b"9" * size)


def _with(document: Document, value: bytes) -> bytes:
    """Write a document with one more property, the value of which is too deep to be written from an object."""
    return orjson.dumps(document)[:-1] + b',"nlabc_last":' + value + b"}"


def broken_bodies(schema: type[Schema], size: int) -> Iterator[tuple[str, bytes]]:
    makers: tuple[Callable[[type[Schema], int], Iterator[tuple[str, bytes]]], ...]
    makers = (junk_lists, spoiled_lists, spoiled_values)
    return itertools.chain.from_iterable(make(schema, size) for make in makers)
