"""The loaders compiled from schemas: which classes have one, and one for each class, policy and kind."""

from __future__ import annotations

import inspect
import threading
from typing import Any
from weakref import WeakKeyDictionary

import marshmallow as ma

from flask_ocpi.core import fields
from flask_ocpi.core import forks
from flask_ocpi.core.compiled_writer import CHECKS
from flask_ocpi.core.compiled_writer import Writer
from flask_ocpi.core.compiled_writer import declared_fields
from flask_ocpi.core.schema import Loader
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema

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
    if type(field) is fields.ListOf:
        is_plain = not field.validators and field.inner.required
        return is_plain and _is_known_field(field.inner, seen) and _is_known_key(field)
    return True


def _is_known_key(field: fields.ListOf) -> bool:
    """Whether each element of a list must have the property that is unique in it."""
    if field.unique is None:
        return True
    nested: Any = field.inner.nested if type(field.inner) is Object else None
    key: Any = None if nested is None else declared_fields(nested).get(field.unique)
    return type(key) in (fields.String, fields.CiString) and bool(key.required)


_loaders: WeakKeyDictionary[type[Schema], dict[tuple[fields.Policy, bool], Loader]] = WeakKeyDictionary()
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


def source_of(
    schema: type[Schema] | Schema, *, partial: bool = False, policy: fields.Policy = fields.DEFAULT_POLICY
) -> str:
    """Return the Python source of a schema's loader, or a comment with the reason why it has none.

    partial: the loader for PATCH bodies. policy: that of the app, when ``schema`` is a class.
    """
    instance = schema(policy=policy) if isinstance(schema, type) else schema
    loader = loader_of(instance, partial)
    if loader is None:
        return f"# {type(instance).__name__} is not compiled: {obstacle(instance) or 'its policy turns that off'}.\n"
    return inspect.getsource(loader)


def _shared(cls: type[Schema], policy: fields.Policy, *, partial: bool) -> Loader:
    with forks.at_work, _lock:  # no child gets a loader that is linked only in part
        loaders = _loaders.setdefault(cls, {})
        if (policy, partial) not in loaders:
            writer = Writer(cls, policy, partial=partial)
            loaders[policy, partial] = writer.compile()
            for name, nested in writer.nested.items():  # only now: a class may contain itself
                writer.names[name] = _shared(nested, policy, partial=False)  # complete objects even in a PATCH
        return loaders[policy, partial]
