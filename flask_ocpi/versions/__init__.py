"""The versions of OCPI that this package serves, and the parts of your own versions and modules."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

from flask_ocpi.core.converting import Beside
from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import renamed
from flask_ocpi.core.description import Alias
from flask_ocpi.core.description import Dialect
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Part
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.description import Version
from flask_ocpi.core.description import version_order
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import get_objects
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.versions.v2_1_1 import VERSION as V2_1_1
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from flask_ocpi.versions.v2_3_0 import VERSION as V2_3_0

__all__ = [
    "V2_1_1",
    "V2_2_1",
    "V2_3_0",
    "VERSIONS",
    "Alias",
    "Beside",
    "Boolean",
    "CiString",
    "Context",
    "Converter",
    "DateTime",
    "Dialect",
    "Document",
    "Enum",
    "Integer",
    "Interface",
    "InterfaceRole",
    "LeftOutError",
    "ListOf",
    "Lose",
    "Module",
    "Number",
    "Object",
    "ObjectType",
    "Operation",
    "Origin",
    "Part",
    "PathParameter",
    "Result",
    "Schema",
    "String",
    "Target",
    "Url",
    "Version",
    "client_owned",
    "get_objects",
    "list_objects",
    "renamed",
]

VERSIONS = (V2_1_1, V2_2_1, V2_3_0)


def select_versions(numbers: Iterable[str], among: Sequence[Version] | None = None) -> tuple[Version, ...]:
    """Return the versions with these numbers, oldest first; raise ConfigurationError for an unknown one.

    among: the versions to choose from, by default those of this package.
    """
    known = {version.number: version for version in (VERSIONS if among is None else among)}
    wanted = sorted(set(numbers), key=version_order)
    for number in wanted:
        if number not in known:
            raise ConfigurationError(f"OCPI_VERSIONS names {number!r}; there are {', '.join(known)}.")
    return tuple(known[number] for number in wanted)


def stored_version(versions: Iterable[Version]) -> Version:
    """Return the version of the stored shape: always 2.2.1."""
    return next((version for version in versions if version.number == V2_2_1.number), V2_2_1)
