"""Writes the loader of one class as readable Python source: one statement per check, with the property names in it.

The functions for the kinds of fields have the same results as ``_deserialize`` of that field. Each gets the writer, the
field, and the variable with the value, which gets the loaded one.
"""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from flask_ocpi.core import fields
from flask_ocpi.core.moments import canonical_date_time
from flask_ocpi.core.moments import read_usual
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Loader
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import flaw_of

Lines = Iterator[str]

_LARGEST = int(fields.MAX_NUMBER)  # faster to compare with an int
_TOO_LARGE = 1e300  # times 10,000 still finite
_has_control = fields.CONTROL.search


def declared_fields(cls: type[Schema]) -> Mapping[str, Any]:
    """Return the fields that a class loads, as it declares them."""
    return {name: field for name, field in cls._declared_fields.items() if not field.dump_only}


class Writer:
    """Writes the loader of one class.

    ``names`` are the globals of the function; ``nested`` are the classes whose loaders it calls, by name: they become
    globals when they are made.
    """

    def __init__(self, cls: type[Schema], policy: fields.Policy, *, partial: bool) -> None:
        self.cls = cls
        self.fields = declared_fields(cls)
        self.policy = policy
        self.partial = partial
        self.names: dict[str, Any] = {"__name__": __name__}
        self.nested: dict[str, type[Schema]] = {}

    def compile(self) -> Loader:
        name = f"load_{_identifier(self.cls.__name__)}"
        source = "".join(f"{line}\n" for line in self._function(name))
        exec(compile(source, _register(self._label(), source), "exec"), self.names)  # noqa: S102  (from our own fields)
        loader: Loader = self.names[name]
        return loader

    def bind(self, name: str, value: Any) -> str:
        """Make a value a global of the function; return its name."""
        wanted = name = _identifier(name)
        number = 1
        while name in self.names and self.names[name] is not value:
            number += 1
            name = f"{wanted}_{number}"
        self.names[name] = value
        return name

    def bind_function(self, function: Any) -> str:
        """Bind a function as :meth:`bind` does, by a name that hides no name of the loader."""
        return self.bind(f"given_{getattr(function, '__name__', type(function).__name__)}", function)

    def bind_nested(self, cls: type[Schema]) -> str:
        """Bind the loader of a nested class as :meth:`bind` does."""
        name = self.bind(f"load_{cls.__name__}", cls)
        self.nested[name] = cls
        return name

    def _label(self) -> str:
        return f"{self.cls.__module__}.{self.cls.__qualname__}{' partial' if self.partial else ''}"

    def _function(self, name: str) -> Lines:
        yield f"def {name}(data):"
        what = f"{'a part of a' if self.partial else 'a'} {_identifier(self.cls.__name__)}"
        yield f'    """Load {what}, or return None."""'
        yield "    if type(data) is not dict:"
        yield "        return None"
        for reading in self.cls.readings:
            yield f"    data = {self.bind_function(reading)}(data)"
        yield "    get = data.get"
        yield "    document = {}"
        for field_name, field in self.fields.items():
            yield ""
            if self.partial:
                write = self._partial_field
            else:
                write = self._required_field if field.required else self._optional_field
            yield from indented(write(field_name, field))
        yield ""
        yield from indented(self._end())

    def _required_field(self, name: str, field: Any) -> Lines:
        yield f"value = get({name!r})"
        yield from self.checks(field, "value")
        yield f"document[{name!r}] = {loaded(field, 'value')}"

    def _optional_field(self, name: str, field: Any) -> Lines:
        yield f"if (value := get({name!r})) is not None:"
        yield from indented(self.checks(field, "value"))
        if type(field) is fields.ListOf:
            yield "    if value:"
            yield f"        document[{name!r}] = {loaded(field, 'value')}"
        else:
            yield f"    document[{name!r}] = {loaded(field, 'value')}"

    def _partial_field(self, name: str, field: Any) -> Lines:
        yield f"if {name!r} in data:"
        yield f"    value = data[{name!r}]"
        kept = loaded(field, "value")
        if field.required:
            yield from indented(self.checks(field, "value"))
        else:
            yield "    if value is not None:"
            yield from indented(indented(self.checks(field, "value")))
            kept = f"{kept} if value else None" if type(field) is fields.ListOf else kept
        yield f"    document[{name!r}] = {kept}"

    def _end(self) -> Lines:
        """Apply the rules, and keep unknown properties: there are some if not every property was loaded."""
        keep = self.bind("keep_others", _keeper(frozenset(self.fields), self.policy))
        others = "len(document) != len(data)"
        rules = () if self.partial else self.cls.rules
        if rules:
            yield f"others = {others}"
            others = "others"
        for rule in rules:
            yield "try:"
            yield f"    for _ in {self.bind_function(rule)}(document):"
            yield "        return None"
            yield f"except {self.bind('ValidationError', ma.ValidationError)}:"
            yield "    return None"
        yield f"if {others} and not {keep}(document, data):"
        yield "    return None"
        yield "return document"

    def checks(self, field: Any, value: str) -> Lines:
        """Write the checks of a field; ``value`` is the variable with the value, and gets the loaded one."""
        yield from CHECKS[type(field)](self, field, value)
        for validator in field.validators:
            yield "try:"
            yield f"    {self.bind_function(validator)}({value})"
            yield f"except {self.bind('ValidationError', ma.ValidationError)}:"
            yield "    return None"

    def limit_of(self, field: fields.ListOf) -> int:
        names = (name for name, own in self.fields.items() if own is field)
        return next((fields.list_limit(self.policy, self.cls, name, field.max) for name in names), field.max)

    def literal(self, number: Any) -> str:
        """Write a bound, as a global if JSON has no such number."""
        plain = type(number) is int or (type(number) is float and math.isfinite(number))
        return repr(number) if plain else self.bind("bound", number)


def indented(lines: Iterable[str]) -> Lines:
    return (f"    {line}" if line else "" for line in lines)


def loaded(field: Any, value: str) -> str:
    """Write the expression for a checked value: a copy of a list, because the caller may change its own."""
    return f"{value}.copy()" if type(field) is fields.ListOf and is_kept(field.inner) else value


def is_kept(field: Any) -> bool:
    """Whether the values of a field stay as they came."""
    return type(field) in (fields.String, fields.CiString, fields.Url, fields.Enum, fields.Boolean)


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
    if type(field) is fields.CiString:
        conditions.append(f"not ({value}.isascii() and {printable})")
    else:  # which rejects some blanks as well
        conditions.append(f"(not {printable} and {writer.bind('has_control', _has_control)}({value}))")
    if field.matches is not None:
        conditions.append(f"not {writer.bind('matches', field.matches)}({value})")
    is_coded = field.codes is not None and writer.policy.strict_codes
    if is_coded:
        code = f"{value}.upper()" if type(field) is fields.CiString else value
        conditions.append(f"{code} not in {writer.bind('codes', field.codes)}")
    wrong = " or ".join(conditions)
    passes = low <= len(fields.NOT_AVAILABLE) <= high and field.matches is None and not is_coded
    if field.required and not passes:
        wrong = f"({value} != {fields.NOT_AVAILABLE!r} and ({wrong}))"
    yield from _doubt(f"not isinstance({value}, str) or {wrong}")


def _check_url(writer: Writer, field: Any, value: str) -> Lines:
    is_url = writer.bind("is_url", fields.Url.matches)
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
    return "1970-01-01T00:00:00Z" if value == fields.UNKNOWN_TIME else _read_date_time(value)


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
    yield f"        {value} = {writer.bind('round_half_up', fields.round_half_up)}({value}, {decimals!r})"
    yield f"elif type({value}) is not int or not -{largest} <= {value} <= {largest}{low}{high}:"
    yield "    return None"


def _check_query_integer(writer: Writer, field: Any, value: str) -> Lines:
    is_whole = writer.bind("is_whole_number", fields.QueryInteger.matches)
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
    fields.String: _check_string,
    fields.CiString: _check_string,
    fields.Url: _check_url,
    fields.DateTime: _check_date_time,
    fields.Boolean: _check_boolean,
    fields.Integer: _check_integer,
    fields.Number: _check_number,
    fields.QueryInteger: _check_query_integer,
    fields.Enum: _check_enum,
    Object: _check_object,
    fields.ListOf: _check_list,
}


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _register(label: str, source: str) -> str:
    """Register a source for tracebacks and ``inspect``; return its file name, a different one for each source."""
    number, lines = 1, source.splitlines(keepends=True)
    while True:
        name = f"<compiled {label}{'' if number == 1 else f' {number}'}>"
        entry = linecache.cache.setdefault(name, (len(source), None, lines, name))
        if len(entry) == 4 and entry[2] == lines:
            return name
        number += 1


def _keeper(known: frozenset[str], policy: fields.Policy) -> Callable[[Document, Document], bool]:
    depth, keep = policy.max_depth, policy.keep_unknown

    def keep_others(document: Document, data: Document) -> bool:
        """Copy the unknown properties; False if one of them has a flaw."""
        others = {name: value for name, value in data.items() if name not in known}
        if keep:
            document.update(others)
        return flaw_of(others, depth) is None

    return keep_others
