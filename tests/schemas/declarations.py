"""All classes and enums that the modules declare, by name."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pkgutil import iter_modules

from flask_ocpi import modules
from flask_ocpi.core import enums as core_enums
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules import types

_MODULES = [import_module(f"{modules.__name__}.{found.name}") for found in iter_modules(modules.__path__)]


def _declared(base, *more):
    """Return the classes that the modules declare themselves; not what they import from elsewhere."""
    return {
        name: value
        for module in (*_MODULES, *more)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not types.OwnedObject
        if value.__module__ == module.__name__
    }


_schemas = _declared(Schema)

QUERIES = {name: schema for name, schema in _schemas.items() if name.endswith("Query")}
SCHEMAS = {name: schema for name, schema in _schemas.items() if name not in QUERIES}
ENUMS = _declared(StrEnum, core_enums)
