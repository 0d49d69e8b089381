"""Reading lists from JSON item by item: the same as reading all of it, at any border between two parts of the file."""

from __future__ import annotations

import io
import itertools
import json
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_ocpi.cli import json_lists
from flask_ocpi.cli.json_lists import JSONError
from flask_ocpi.cli.json_lists import NoObjectError
from flask_ocpi.cli.json_lists import read_lists

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def read(text):
    return {name: list(items) if hasattr(items, "__next__") else items for name, items in read_lists(io.BytesIO(text))}


@pytest.fixture(params=[1, 2, 3, 7, 256 * 1024])
def part_size(request, monkeypatch):
    """Have files read in parts of so many bytes."""
    monkeypatch.setattr(json_lists, "_READ_AT_ONCE", request.param)
    return request.param


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        " { } \n",
        '{"a": []}',
        '{"a": [ ], "b" : [1]}',
        '{"a": [1, -2.5e3, true, false, null, "x"]}',
        '{"a": [{"b": [[], {}, "]}\\\\"]}, ["\\"{["]]}',
        '{"a\\u00e9\\"]": ["é雪\\n"], "b": {"c": [1]}, "d": 12, "e": "["}',
        '{\n  "a": [\n    {\n      "b": 1\n    },\n    {\n      "c": "d"\n    }\n  ]\n}\n',
    ],
)
def test_lists_are_read_as_json_is(part_size, text):
    assert read(text.encode()) == json.loads(text)


def test_mark_of_utf_8_is_left_out(part_size):
    assert read(b"\xef\xbb\xbf" + b'{"a": [1]}') == {"a": [1]}


@given(document=st.dictionaries(st.text(), st.lists(VALUES, max_size=4) | VALUES, max_size=4), indented=st.booleans())
def test_any_object_is_read_as_json_is(document, indented):
    for size in (1, 5, 4096):
        json_lists._READ_AT_ONCE, before = size, json_lists._READ_AT_ONCE
        try:
            assert read(orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else 0)) == document
        finally:
            json_lists._READ_AT_ONCE = before


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("{", 1, 2),
        ('{"a"', 1, 5),
        ('{"a" 1}', 1, 6),
        ("{1: []}", 1, 2),
        ('{"a": [1 2]}', 1, 10),
        ('{"a": [1,]}', 1, 10),
        ('{"a": [,1]}', 1, 8),
        ('{"a": [1}', 1, 9),
        ('{"a": [1]', 1, 10),
        ('{"a": [1],}', 1, 11),
        ('{"a": [1]} x', 1, 12),
        ('{"a": [\n1,\n  NaN]}', 3, 3),
        ('{"é": [01]}', 1, 8),
        ('{"a": [\n  {"b": 1,\n   "c": tru}]}', 3, 9),
        ('{"a": [{"b": [1}]}]}', 1, 16),
    ],
)
def test_place_of_a_mistake_is_told(part_size, text, line, column):
    with pytest.raises(JSONError) as error:
        read(text.encode())

    assert (error.value.line, error.value.column) == (line, column)


@pytest.mark.parametrize("text", ['{"a": ["x]}', '{"a": [{"b": 1', '{"a": [{"b": "c\\', '{"a": [tr', '{"a": ["\xff"]}'])
def test_what_ends_too_early_is_no_json(part_size, text):
    with pytest.raises(JSONError):
        read(text.encode("latin-1"))


@pytest.mark.parametrize("text", ["[]", " 1", '"a"', "null"])
def test_other_values_are_no_objects(text):
    with pytest.raises(NoObjectError):
        read(text.encode())


def test_items_before_a_mistake_are_read():
    _, items = next(read_lists(io.BytesIO(b'{"a": [1, 2, x]}')))

    assert list(itertools.islice(items, 2)) == [1, 2]
    with pytest.raises(JSONError):
        next(items)


class Endless(io.RawIOBase):
    """A file of so many items, made while it is read."""

    def __init__(self, count):
        super().__init__()
        numbers = iter(range(count))
        items = (b'%s{"id": "%d", "text": "%s"}' % (b"," if n else b"", n, b"x" * 1000) for n in numbers)
        self._parts = itertools.chain([b'{"a": ['], items, [b"]}"])
        self._rest = b""

    def read(self, size=-1):
        while len(self._rest) < size and (part := next(self._parts, None)) is not None:
            self._rest += part
        read, self._rest = self._rest[:size], self._rest[size:]
        return read


def peak_of_reading(count):
    """Return the most bytes that reading so many items took at once."""
    tracemalloc.start()
    try:
        _, items = next(read_lists(Endless(count)))
        assert sum(1 for _ in items) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file():
    assert peak_of_reading(8000) < 2 * peak_of_reading(1000)
