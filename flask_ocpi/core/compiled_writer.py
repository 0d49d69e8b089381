"""The checks of each kind of field as lines of Python, with the same results as ``_deserialize`` of that field.

Each function gets the writer, the field, and the variable with the value, which gets the loaded one.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import Protocol

from flask_ocpi.core.fields import CONTROL
from flask_ocpi.core.fields import MAX_NUMBER
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import UNKNOWN_TIME
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.fields import round_half_up
from flask_ocpi.core.moments import canonical_date_time
from flask_ocpi.core.moments import read_usual
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema

Lines = Iterator[str]

_LARGEST = int(MAX_NUMBER)  # faster to compare with an int
_TOO_LARGE = 1e300  # times 10,000 still finite
_has_control = CONTROL.search


class Writer(Protocol):
    """The part of the writer of a loader that the checks use."""

    policy: Policy

    def bind(self, name: str, value: Any) -> str: ...

    def bind_nested(self, cls: type[Schema]) -> str: ...

    def checks(self, field: Any, value: str) -> Lines: ...

    def limit_of(self, field: ListOf) -> int: ...

    def literal(self, number: Any) -> str: ...


def indented(lines: Iterable[str]) -> Lines:
    return (f"    {line}" if line else "" for line in lines)


def loaded(field: Any, value: str) -> str:
    """Write the expression for a checked value: a copy of a list, because the caller may change its own."""
    return f"{value}.copy()" if type(field) is ListOf and is_kept(field.inner) else value


def is_kept(field: Any) -> bool:
    """Whether the values of a field stay as they came."""
    return type(field) in (String, CiString, Url, Enum, Boolean)


def _doubt(condition: str) -> Lines:
    yield f"if {condition}:"
    yield "    return None"


def _check_string(writer: Writer, field: Any, value: str) -> Lines:
    low, high = field.min, field.max
    printable = f"{value}.isprintable()"
    conditions = []
    if low == high:
        conditions.append(f"len({value}) != {writer.literal(low)}")
    elif low > 0:
        conditions.append(f"not {writer.literal(low)} <= len({value}) <= {writer.literal(high)}")
    else:
        conditions.append(f"len({value}) > {writer.literal(high)}")
    if type(field) is CiString:
        conditions.append(f"not ({value}.isascii() and {printable})")
    else:  # which rejects some blanks as well
        conditions.append(f"(not {printable} and {writer.bind('has_control', _has_control)}({value}))")
    if field.matches is not None:
        conditions.append(f"not {writer.bind('matches', field.matches)}({value})")
    is_coded = field.codes is not None and writer.policy.strict_codes
    if is_coded:
        code = f"{value}.upper()" if type(field) is CiString else value
        conditions.append(f"{code} not in {writer.bind('codes', field.codes)}")
    wrong = " or ".join(conditions)
    passes = low <= len(NOT_AVAILABLE) <= high and field.matches is None and not is_coded
    if field.required and not passes:
        wrong = f"({value} != {NOT_AVAILABLE!r} and ({wrong}))"
    yield from _doubt(f"not isinstance({value}, str) or {wrong}")


def _check_url(writer: Writer, field: Any, value: str) -> Lines:
    is_url = writer.bind("is_url", Url.matches)
    yield from _doubt(f"not isinstance({value}, str) or len({value}) > 255 or not {is_url}({value})")


def _check_date_time(writer: Writer, field: Any, value: str) -> Lines:
    usual = writer.bind("read_usual", read_usual)
    read = writer.bind("date_time_or_unknown" if field.or_unknown else "date_time", _READERS[field.or_unknown])
    unusual = f"({usual}({value}) is None and ({value} := {read}({value})) is None)"
    yield from _doubt(f"type({value}) is not str or {unusual}")


def _read_date_time(value: str) -> str | None:
    """Return the canonical text; None if the text is no DateTime."""
    try:
        return canonical_date_time(value)
    except ValueError:
        return None


def _read_date_time_or_unknown(value: str) -> str | None:
    return "1970-01-01T00:00:00Z" if value == UNKNOWN_TIME else _read_date_time(value)


_READERS = {False: _read_date_time, True: _read_date_time_or_unknown}


def _check_boolean(writer: Writer, field: Any, value: str) -> Lines:
    yield from _doubt(f"{value} is not True and {value} is not False")


def _check_integer(writer: Writer, field: Any, value: str) -> Lines:
    low = writer.literal(field.low)
    high = writer.literal(field.high)
    whole = writer.bind("whole", _whole)
    other = f"(type({value}) is not int and ({value} := {whole}({value})) is None)"
    yield from _doubt(f"{other} or not {low} <= {value} <= {high}")


def _whole(value: Any) -> int | None:
    """Return 16 for 16.0; None if it is no whole number."""
    return int(value) if type(value) is float and value.is_integer() else None


def _check_number(writer: Writer, field: Any, value: str) -> Lines:
    low = "" if field.min is None else f" or {value} < {writer.literal(field.min)}"
    high = "" if field.max is None else f" or {value} > {writer.literal(field.max)}"
    largest, decimals = writer.bind("LARGEST", _LARGEST), field.decimals
    # k / 10**4 is the float nearest to that number: if it equals the value, the value has no more decimals.
    scale = f"{10**decimals}.0"
    quick = type(decimals) is int and 1 <= decimals <= 4
    rounded = f"round({value} * {scale}) / {scale}" if quick else f"round({value}, {decimals!r})"
    yield f"if type({value}) is float:"
    yield from indented(_doubt(f"not -{_TOO_LARGE!r} < {value} < {_TOO_LARGE!r}{low}{high}"))
    yield f"    if {rounded} != {value}:"
    yield f"        {value} = {writer.bind('round_half_up', round_half_up)}({value}, {decimals!r})"
    yield f"elif type({value}) is not int or not -{largest} <= {value} <= {largest}{low}{high}:"
    yield "    return None"


def _check_query_integer(writer: Writer, field: Any, value: str) -> Lines:
    is_whole = writer.bind("is_whole_number", QueryInteger.matches)
    yield from _doubt(f"type({value}) is not str or not {is_whole}({value})")
    yield from _doubt(f"({value} := int({value})) < {writer.literal(field.min)}")


def _check_enum(writer: Writer, field: Any, value: str) -> Lines:
    values = writer.bind(f"values_of_{field.enum.__name__}", field.values)
    wrong = f"{value} not in {values}"
    if field.is_open_by(writer.policy):
        has_control = writer.bind("has_control", _has_control)
        wrong = f"({wrong} and (not 0 < len({value}) <= 255 or {has_control}({value})))"
    yield from _doubt(f"not isinstance({value}, str) or {wrong}")


def _check_object(writer: Writer, field: Any, value: str) -> Lines:
    yield from _doubt(f"({value} := {writer.bind_nested(field.nested)}({value})) is None")


def _check_list(writer: Writer, field: Any, value: str) -> Lines:
    inner, element = field.inner, f"{value}_element" if value != "value" else "element"
    limit = writer.literal(writer.limit_of(field))
    few = f"1 <= len({value}) <= {limit}" if field.required else f"len({value}) <= {limit}"
    yield from _doubt(f"type({value}) is not list or not {few}")
    if is_kept(inner):
        yield f"for {element} in {value}:"
        yield from indented(writer.checks(inner, element))
        return
    elements = f"{element}s"
    yield f"{elements} = []"
    yield f"for {element} in {value}:"
    yield from indented(writer.checks(inner, element))
    yield f"    {elements}.append({loaded(inner, element)})"
    yield f"{value} = {elements}"
    if field.unique is not None:
        folded = f"{{{element}[{field.unique!r}].lower() for {element} in {value}}}"
        yield from _doubt(f"len({value}) > 1 and len({folded}) < len({value})")


CHECKS: dict[type[Any], Callable[[Writer, Any, str], Lines]] = {
    String: _check_string,
    CiString: _check_string,
    Url: _check_url,
    DateTime: _check_date_time,
    Boolean: _check_boolean,
    Integer: _check_integer,
    Number: _check_number,
    QueryInteger: _check_query_integer,
    Enum: _check_enum,
    Object: _check_object,
    ListOf: _check_list,
}
