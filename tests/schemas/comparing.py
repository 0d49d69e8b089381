"""Compares what two loaders make of the same document, to the last detail."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections import UserDict
from collections import UserString
from enum import IntEnum

import marshmallow as ma

from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import Schema

OFF = Policy(compiled=False)


class Whole(IntEnum):
    """A number of a host application."""

    SIXTEEN = 16


NUMBERS = (0, 1, -1, 16, 16.0, 16.5, -0.0, 0.5, 100, 101, 100.0, 100.00004, -0.00004, 1.00005, 1.00015, 2.675, 0.00005)
HUGE = (
    2**53 - 1,
    2**53,
    -(2**53),
    1 - 2**53,
    2.0**53,
    1e15,
    1e22,
    1e300,
    1.7e308,
    -1e308,
    10**308,
    10**309,
    -(10**400),
)
NO_NUMBERS = (float("inf"), float("-inf"), float("nan"), True, False, "16", "16.0", Whole.SIXTEEN)
TEXTS = ("", " ", "#NA", "#na", "x", "NL", "nl", "NLD", "EUR", "en", "zzz", "x" * 3, "x" * 36, "x" * 37, "x" * 256)
ODD_TEXTS = ("é", "a\n", "\n", "\x00", "\x7f", "\x85", "\u00a0", "\u00ad", "\u2028", "\u2029", "\ud800", "\udfff", "😀")
FORMATS = (
    "51.047599",
    "-3.72994",
    "51.0475990",
    "08:00",
    "24:00",
    "2024-05-31",
    "13:3",
    "Europe/Amsterdam",
    "Mars/City",
)
URLS = ("https://example.com", "http://h/\n", "https://exa mple.com", "ftp://h", f"https://h/{'x' * 250}", "//h")
DATE_TIMES = (
    "2024-05-31T12:00:00Z",
    "2024-05-31T12:00:00",
    "2024-05-31T12:00:00+00:00",
    "2024-05-31T12:00:00.1Z",
    "2024-05-31T12:00:00.12345",
    "2024-05-31T12:00:00.12345Z",
    "2024-05-31T12:00:00,123Z",
    "2024-02-30T12:00:00Z",
    "2024-05-31T24:00:00Z",
    "2024-05-31t12:00:00Z",
    "2024-05-31 12:00:00Z",
    "20240531T120000.000Z",
    "2024-W22-5T12:00:00Z",
    "1970-1-1T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "\uff12024-05-31T12:00:00Z",
    "2024-05-31T12:00:00Z\n",
)
CONTAINERS = (
    [],
    {},
    {"name": "A"},
    [None],
    [[]],
    [""],
    [{}],
    {"x": 1},
    ["A", "A"],
    (),
    OrderedDict(x=1),
    UserDict(x=1),
    {1: 2},
)
OTHERS = (None, b"NL", UserString("NL"), Role.CPO, [[[["deep"]]]], {"\ud800": 1}, {"x": {"y": {"z": 1}}})
ODD = (*NUMBERS, *HUGE, *NO_NUMBERS, *TEXTS, *ODD_TEXTS, *FORMATS, *URLS, *DATE_TIMES, *CONTAINERS, *OTHERS)


def outcome(load, *args, **kwargs):
    """What came of loading: the result in all its detail, or the messages, or the exception."""
    try:
        return "loaded", detailed(load(*args, **kwargs))
    except ma.ValidationError as error:
        return "refused", repr(error.messages)
    except Exception as error:  # of a rule, or of a field: it has to come out the same
        return type(error), str(error)


def detailed(value):
    """Return a value so that it compares equal only with the same types, the same order and the same signs."""
    if isinstance(value, dict):
        return type(value), [(detailed(name), detailed(item)) for name, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [detailed(item) for item in value]
    if isinstance(value, float):
        return type(value), repr(value), math.copysign(1, value)
    return type(value), value


def shared(result, given, path=""):
    """Return the paths in a result at which it has a very list or dict of what was given."""
    ids = set(_ids(given))
    return [path for path, value in _containers(result, path) if id(value) in ids]


def _containers(value, path):
    if isinstance(value, dict | list):
        yield path, value
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _containers(item, f"{path}/{key!r}")


def _ids(value):
    return (id(container) for _, container in _containers(value, ""))


def assert_same(schema, reference, data, *, partial):
    """Assert that a schema that may be compiled does with a document what one that is not does."""
    untouched = copy.deepcopy(data)
    expected = outcome(reference.load, data, partial=partial)

    assert outcome(schema.load, data, partial=partial) == expected
    assert detailed(data) == detailed(untouched)
    if expected[0] == "loaded":
        loaded, known = schema.load(data, partial=partial), reference.load(data, partial=partial)
        assert shared(loaded, data) == shared(known, data)


def pair(cls: type[Schema], policy: Policy = Policy(), **kwargs):  # noqa: B008  (a frozen value)
    """Return an instance that is compiled if it can be, and one that is not."""
    off = Policy(policy.strict_codes, policy.open_enums, policy.keep_unknown, policy.max_depth, compiled=False)
    return cls(policy=policy, **kwargs), cls(policy=off, **kwargs)
