"""Writes the loader of one class as Python source, readable: one statement a check, with the property names in it."""

from __future__ import annotations

import builtins
import keyword
import linecache
import math
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from flask_ocpi.compiled.checks import CHECKS
from flask_ocpi.compiled.checks import Lines
from flask_ocpi.compiled.checks import indented
from flask_ocpi.compiled.checks import loaded
from flask_ocpi.compiled.eligibility import is_known_field
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import Policy
from flask_ocpi.fields import list_limit
from flask_ocpi.schema import Document
from flask_ocpi.schema import Schema
from flask_ocpi.schema import flaw_of

Loader = Callable[[Any], Document | None]

_RESERVED = re.compile(r"(data|get|document|others|(value|element).*|(load|deserialize)_.*|_|__.*)\Z")


class Writer:
    """Writes the loader of one class.

    ``names`` are the globals of the function; ``nested`` the classes whose loaders it calls, by name: they are not yet
    among the globals.
    """

    def __init__(self, cls: type[Schema], fields: Mapping[str, Any], policy: Policy, partial: bool | None) -> None:
        self.cls = cls
        self.fields = fields
        self.policy = policy
        self.partial = partial
        self.names: dict[str, Any] = {"__name__": __name__}
        self.nested: dict[str, type[Schema]] = {}

    def compile(self) -> Loader:
        """Make the function."""
        name = f"load_{_identifier(self.cls.__name__)}"
        source = "".join(f"{line}\n" for line in self._function(name))
        exec(compile(source, _register(self._label(), source), "exec"), self.names)  # noqa: S102  (from our own fields)
        loader: Loader = self.names[name]
        return loader

    def bind(self, name: str, value: Any) -> str:
        """Make a value a global of the function; return by which name."""
        wanted = name = _identifier(name)
        number = 1
        while name in self.names and self.names[name] is not value:
            number += 1
            name = f"{wanted}_{number}"
        self.names[name] = value
        return name

    def bind_function(self, function: Any) -> str:
        """As :meth:`bind`, by a name that hides none of the function's own."""
        name = _identifier(getattr(function, "__name__", type(function).__name__))
        hides = _RESERVED.match(name) or keyword.iskeyword(name) or hasattr(builtins, name) or name[:1].isdigit()
        return self.bind(f"given_{name}" if hides else name, function)

    def bind_nested(self, cls: type[Schema]) -> str:
        """As :meth:`bind`, for the loader of a nested class."""
        wanted = name = f"load_{_identifier(cls.__name__)}"
        number = 1
        own = f"load_{_identifier(self.cls.__name__)}"
        while self.nested.get(name, cls) is not cls or (name == own and cls is not self.cls):
            number += 1
            name = f"{wanted}_{number}"
        self.nested[name] = cls
        return name

    def _label(self) -> str:
        return f"{self.cls.__module__}.{self.cls.__qualname__}{' partial' if self.partial else ''}"

    def _function(self, name: str) -> Lines:
        known = {field: is_known_field(self.fields[field], self.policy, set()) for field in self.fields}
        yield f"def {name}(data):"
        what = f"{'a part of a' if self.partial else 'a'} {_identifier(self.cls.__name__)}"
        yield f'    """Load {what}, or return None."""'
        yield "    if type(data) is not dict:"
        yield "        return None"
        yield "    get = data.get"
        yield "    document = {}"
        for field, is_known in known.items():
            yield ""
            if not is_known:
                write = self._unknown_field
            elif self.partial:
                write = self._partial_field
            else:
                write = self._required_field if self.fields[field].required else self._optional_field
            yield from indented(write(field, self.fields[field]))
        yield ""
        yield from indented(self._end(all(known.values())))

    def _required_field(self, name: str, field: Any) -> Lines:
        yield f"value = get({name!r})"
        yield from self.checks(field, "value")
        yield f"document[{name!r}] = {loaded(field, 'value')}"

    def _optional_field(self, name: str, field: Any) -> Lines:
        yield f"if (value := get({name!r})) is not None:"
        yield from indented(self.checks(field, "value"))
        if type(field) is ListOf:
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
            kept = f"{kept} if value else None" if type(field) is ListOf else kept
        yield f"    document[{name!r}] = {kept}"

    def _unknown_field(self, name: str, field: Any) -> Lines:
        """Call a field as marshmallow does."""
        missing, error = self.bind("missing", ma.missing), self.bind("ValidationError", ma.ValidationError)
        deserialize = self.bind(f"deserialize_{name}", field.deserialize)
        partial = "" if self.partial is None else f", partial={self.partial}"
        lines = (
            "try:",
            f"    value = {deserialize}(get({name!r}, {missing}), {name!r}, data{partial})",
            f"except {error}:",
            "    return None",
            f"if value is not {missing}:",
            f"    document[{name!r}] = value",
        )
        if self.partial:
            yield f"if {name!r} in data:"
            yield from indented(lines)
        else:
            yield from lines

    def _end(self, all_known: bool) -> Lines:
        """Apply the rules, and keep what OCPI does not define: it is there if not every property was loaded."""
        keep = self.bind("keep_others", _keeper(frozenset(self.fields), self.policy))
        others = "len(document) != len(data)"
        rules = () if self.partial else self.cls.rules
        if not all_known:
            others = ""
        elif rules:
            yield f"others = {others}"
            others = "others"
        for rule in rules:
            yield "try:"
            yield f"    for _ in {self.bind_function(rule)}(document):"
            yield "        return None"
            yield f"except {self.bind('ValidationError', ma.ValidationError)}:"
            yield "    return None"
        yield f"if {others}{' and ' if others else ''}not {keep}(document, data):"
        yield "    return None"
        yield "return document"

    def checks(self, field: Any, value: str) -> Lines:
        """Write the checks of a field; ``value`` is the variable that has the value and gets the loaded one."""
        yield from CHECKS[type(field)](self, field, value)
        for validator in field.validators:
            yield "try:"
            yield f"    {self.bind_function(validator)}({value})"
            yield f"except {self.bind('ValidationError', ma.ValidationError)}:"
            yield "    return None"

    def limit_of(self, field: ListOf) -> int:
        """Return how many elements a list may have."""
        names = (name for name, own in self.fields.items() if own is field)
        return next((list_limit(self.policy, self.cls, name, field.max) for name in names), field.max)

    def literal(self, number: Any) -> str:
        """Write a bound, as a global if it is none of JSON's numbers."""
        plain = type(number) is int or (type(number) is float and math.isfinite(number))
        return repr(number) if plain else self.bind("bound", number)


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _register(label: str, source: str) -> str:
    """Make a source known to tracebacks and ``inspect``; return its file name, another one for another source."""
    number, lines = 1, source.splitlines(keepends=True)
    while True:
        name = f"<compiled {label}{'' if number == 1 else f' {number}'}>"
        entry = linecache.cache.setdefault(name, (len(source), None, lines, name))
        if len(entry) == 4 and entry[2] == lines:
            return name
        number += 1


def _keeper(known: frozenset[str], policy: Policy) -> Callable[[Document, Document], bool]:
    depth, keep = policy.max_depth, policy.keep_unknown

    def keep_others(document: Document, data: Document) -> bool:
        """Take over the properties that OCPI does not define; False when one of them has a flaw."""
        others = {name: value for name, value in data.items() if name not in known}
        if keep:
            document.update(others)
        return flaw_of(others, depth) is None

    return keep_others
