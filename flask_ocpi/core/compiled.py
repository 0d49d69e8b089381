"""Writes the loader of one class as readable Python source: one statement per check, with the property names in it."""

from __future__ import annotations

import inspect
import linecache
import math
import re
import threading
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import marshmallow as ma

from flask_ocpi.core import forks
from flask_ocpi.core.compiled_checks import CHECKS
from flask_ocpi.core.compiled_checks import Lines
from flask_ocpi.core.compiled_checks import indented
from flask_ocpi.core.compiled_checks import loaded
from flask_ocpi.core.fields import DEFAULT_POLICY
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import list_limit
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Loader
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import flaw_of

#: The attributes that a class may override; marshmallow loads a class that overrides any other one.
_OWN = frozenset({"rules", "readings", "error_messages", "Meta", "opts", "_declared_fields", "_hooks", "_abc_impl"})
_OPTIONS = ("fields", "exclude", "load_only", "dump_only", "unknown", "many")


def obstacle(schema: Schema) -> str | None:
    """Return the reason why marshmallow has to load a schema; None if it can be compiled."""
    if list(schema.load_fields) != list(declared_fields(type(schema))):
        return "this instance has other fields than its class"
    return _obstacle_of(type(schema), set())


def _obstacle_of(cls: type[Schema], seen: set[type[Schema]]) -> str | None:
    if cls in seen:
        return None
    seen.add(cls)
    for base in cls.__mro__[: cls.__mro__.index(Schema)]:
        for name in vars(base).keys() - _OWN:
            if name == "__init__" or (not name.startswith("__") and hasattr(Schema, name)):
                return f"it overrides {name}"
    if _hooks_of(cls) != _hooks_of(Schema):
        return "it has hooks of its own"
    for option in _OPTIONS:
        if getattr(cls.opts, option) != getattr(Schema.opts, option):
            return f"its Meta has {option}"
    for name, field in declared_fields(cls).items():
        if field.data_key is not None or field.attribute is not None or "." in name:
            return f"{name} is stored by another name"
        if not _is_known_field(field, seen):
            return f"{name} is loaded in a way of its own"
    return None


def _hooks_of(cls: type[Schema]) -> dict[str, Any]:
    return {tag: hooks for tag, hooks in cls._hooks.items() if hooks}  # looking for hooks leaves empty lists there


def declared_fields(cls: type[Schema]) -> Mapping[str, Any]:
    """Return the fields that a class loads, as it declares them."""
    return {name: field for name, field in cls._declared_fields.items() if not field.dump_only}


def _is_known_field(field: Any, seen: set[type[Schema]]) -> bool:
    """Whether a field can be compiled: it has one of our classes, and no other code changes its values."""
    if type(field) not in CHECKS or field.pre_load or field.post_load or field.load_default is not ma.missing:
        return False
    if field.allow_none == field.required:
        return False
    if type(field) is Object:
        nested: Any = field.nested
        is_class = isinstance(nested, type) and issubclass(nested, Schema)
        return is_class and field.unknown is None and _obstacle_of(nested, seen) is None
    if type(field) is ListOf:
        is_plain = not field.validators and field.inner.required
        return is_plain and _is_known_field(field.inner, seen) and _is_known_key(field)
    return True


def _is_known_key(field: ListOf) -> bool:
    """Whether each element of a list must have the property that is unique in it."""
    if field.unique is None:
        return True
    nested: Any = field.inner.nested if type(field.inner) is Object else None
    key: Any = None if nested is None else declared_fields(nested).get(field.unique)
    return type(key) in (String, CiString) and bool(key.required)


class Writer:
    """Writes the loader of one class.

    ``names`` are the globals of the function; ``nested`` are the classes whose loaders it calls, by name: they become
    globals when they are made.
    """

    def __init__(self, cls: type[Schema], policy: Policy, *, partial: bool) -> None:
        self.cls = cls
        self.fields = declared_fields(cls)
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

    def limit_of(self, field: ListOf) -> int:
        """Return the largest number of elements of a list."""
        names = (name for name, own in self.fields.items() if own is field)
        return next((list_limit(self.policy, self.cls, name, field.max) for name in names), field.max)

    def literal(self, number: Any) -> str:
        """Write a bound, as a global if JSON has no such number."""
        plain = type(number) is int or (type(number) is float and math.isfinite(number))
        return repr(number) if plain else self.bind("bound", number)


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


def _keeper(known: frozenset[str], policy: Policy) -> Callable[[Document, Document], bool]:
    depth, keep = policy.max_depth, policy.keep_unknown

    def keep_others(document: Document, data: Document) -> bool:
        """Copy the unknown properties; False if one of them has a flaw."""
        others = {name: value for name, value in data.items() if name not in known}
        if keep:
            document.update(others)
        return flaw_of(others, depth) is None

    return keep_others


_loaders: WeakKeyDictionary[type[Schema], dict[tuple[Policy, bool], Loader]] = WeakKeyDictionary()
_lock = threading.RLock()


def _begin_in_child() -> None:
    global _lock
    _lock = threading.RLock()


forks.in_child(_begin_in_child)


def loader_of(schema: Schema, partial: bool | None) -> Loader | None:
    """Return the compiled loader of an instance, or None if marshmallow loads it.

    partial: the argument of its ``load``. Each class, Policy and kind has one compiled loader per process.
    """
    if not schema.policy.compiled or obstacle(schema) is not None:
        return None
    return _shared(type(schema), schema.policy, partial=bool(partial))


def source_of(schema: type[Schema] | Schema, *, partial: bool = False, policy: Policy = DEFAULT_POLICY) -> str:
    """Return the Python source of a schema's loader, or a comment with the reason why it has none.

    partial: the loader for PATCH bodies. policy: that of the app, when ``schema`` is a class.
    """
    instance = schema(policy=policy) if isinstance(schema, type) else schema
    loader = loader_of(instance, partial)
    if loader is None:
        return f"# {type(instance).__name__} is not compiled: {obstacle(instance) or 'its policy turns that off'}.\n"
    return inspect.getsource(loader)


def _shared(cls: type[Schema], policy: Policy, *, partial: bool) -> Loader:
    with forks.at_work, _lock:  # no child gets a loader that is linked only in part
        loaders = _loaders.setdefault(cls, {})
        if (policy, partial) not in loaders:
            writer = Writer(cls, policy, partial=partial)
            loaders[policy, partial] = writer.compile()
            for name, nested in writer.nested.items():  # only now: a class may contain itself
                writer.names[name] = _shared(nested, policy, partial=False)  # complete objects even in a PATCH
        return loaders[policy, partial]
