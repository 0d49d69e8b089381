"""What can be compiled: schemas and fields that are just what Flask-OCPI knows, none of them changed or overridden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from flask_ocpi.compiled.checks import CHECKS
from flask_ocpi.fields import CiString
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import Policy
from flask_ocpi.fields import String
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema

#: What a class has to leave as it is: a loader does the same in another way.
_METHODS = (
    *("__init__", "_init_fields", "_normalize_nested_options", "_bind_field", "on_bind_field", "dict_class"),
    *("load", "_do_load", "_deserialize", "_call_and_store", "_check_rules", "_keep_unknown"),
    *("_invoke_load_processors", "_invoke_processors"),
    *("_invoke_field_validators", "_invoke_schema_validators", "_run_validator"),
)
_OPTIONS = ("fields", "exclude", "load_only", "dump_only", "unknown", "many")
#: What binding a field to a schema gives it; ``inner`` and ``_schema`` are compared apart.
_BOUND = frozenset({"parent", "name", "root", "policy", "inner", "_schema", "limit"})


def obstacle(schema: Schema) -> str | None:
    """Say why marshmallow has to load a schema; None: it can be compiled."""
    cls = type(schema)
    found = _obstacle_of(cls)
    if found is not None:
        return found
    for name in vars(schema):
        if name in ("rules", "_hooks") or callable(getattr(cls, name, None)):
            return f"this instance has its own {name}"
    if not isinstance(schema.policy.open_enums, frozenset):
        return "open_enums of its policy is no frozenset"
    declared = declared_fields(cls)
    if list(schema.load_fields) != list(declared):
        return "this instance has other fields than its class"
    for name, field in schema.load_fields.items():
        if not _is_as_declared(field, declared[name], schema.policy):
            return f"{name} of this instance is not as its class declares it"
    return None


def _obstacle_of(cls: type[Schema]) -> str | None:
    for name in _METHODS:
        if getattr(cls, name) is not getattr(Schema, name):
            return f"it overrides {name}"
    if _hooks_of(cls) != _hooks_of(Schema):
        return "it has hooks of its own"
    for option in _OPTIONS:
        if getattr(cls.opts, option) != getattr(Schema.opts, option):
            return f"its Meta has {option}"
    for name, field in declared_fields(cls).items():
        if field.data_key is not None or field.attribute is not None or "." in name:
            return f"{name} is stored by another name"
    return None


def _hooks_of(cls: type[Schema]) -> dict[str, Any]:
    return {tag: hooks for tag, hooks in cls._hooks.items() if hooks}  # looking for hooks leaves empty lists there


def declared_fields(cls: type[Schema]) -> Mapping[str, Any]:
    """Return the fields that a class loads, as it declares them."""
    return {name: field for name, field in cls._declared_fields.items() if not field.dump_only}


def _is_as_declared(field: Any, declared: Any, policy: Policy) -> bool:
    """Whether nobody changed a field of an instance, nor the schemas in it."""
    own, theirs = vars(field), vars(declared)
    if type(field) is not type(declared) or own.keys() - _BOUND != theirs.keys() - _BOUND:
        return False
    if not all(value is theirs[name] or value == theirs[name] for name, value in own.items() if name not in _BOUND):
        return False
    if own.get("policy", policy) != policy:
        return False
    nested = own.get("_schema")
    if nested is not None and not _is_as_made(nested, own["nested"], policy):
        return False
    return "inner" not in own or _is_as_declared(own["inner"], theirs["inner"], policy)


def _is_as_made(nested: Any, cls: Any, policy: Policy) -> bool:
    """Whether the instance that a field made of a nested class is still as it was."""
    return type(nested) is cls and isinstance(nested, Schema) and nested.policy == policy and obstacle(nested) is None


def is_known(cls: type[Schema], policy: Policy, seen: set[type[Schema]]) -> bool:
    """Whether all fields of a class, and of the classes in it, can be written out."""
    if cls in seen:
        return True
    seen.add(cls)
    fields = declared_fields(cls).values()
    return _obstacle_of(cls) is None and all(is_known_field(field, policy, seen) for field in fields)


def is_known_field(field: Any, policy: Policy, seen: set[type[Schema]]) -> bool:
    """Whether a field can be written out: it is of one of our classes, and its values go through nothing else."""
    if type(field) not in CHECKS or any(callable(getattr(type(field), name, None)) for name in vars(field)):
        return False
    if field.pre_load or field.post_load or field.load_default is not ma.missing:
        return False
    if field.allow_none == field.required:
        return False
    if type(field) is Object:
        nested: Any = field.nested
        return (
            isinstance(nested, type)
            and issubclass(nested, Schema)
            and field.unknown is None
            and is_known(nested, policy, seen)
        )
    if type(field) is ListOf:
        return not field.validators and field.inner.required and _is_known_list(field, policy, seen)
    return True


def _is_known_list(field: Any, policy: Policy, seen: set[type[Schema]]) -> bool:
    inner: Any = field.inner
    if not is_known_field(inner, policy, seen):
        return False
    if field.unique is None:
        return True
    nested: Any = inner.nested if type(inner) is Object else None
    key: Any = None if nested is None else declared_fields(nested).get(field.unique)
    return type(key) in (String, CiString) and bool(key.required)
