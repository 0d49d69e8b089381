"""All classes and enums that the modules declare, by name."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module

from flask_ocpi.enums import ModuleID
from flask_ocpi.modules import types
from flask_ocpi.schema import Schema

_MODULES = ("versions", *ModuleID)


def _declared(base, *modules):
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value not in (base, types.OwnedObject)
    }


_schemas = _declared(Schema, types, *(import_module(f"flask_ocpi.modules.{name}.schemas") for name in _MODULES))

QUERIES = {name: schema for name, schema in _schemas.items() if name.endswith("Query")}
SCHEMAS = {name: schema for name, schema in _schemas.items() if name not in QUERIES}
ENUMS = _declared(StrEnum, *(import_module(f"flask_ocpi.modules.{name}.enums") for name in _MODULES))
