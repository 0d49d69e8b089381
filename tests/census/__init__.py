"""The tables of the specification as data (``scripts/census.py`` wrote it), and what a version has instead of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_ocpi.core import fields
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema

Row = tuple[str, str]  # (type with its length, cardinality)

#: What the texts leave to their chapters on types.
SIZED = {"URL": "URL(255)", "DateTime": "DateTime(25)"}


class Census:
    """The classes and enums of one version of OCPI.

    classes: by name, the rows of their properties. enums: their values. open: the enums that may have other values.
    """

    def __init__(self, number: str) -> None:
        path = Path(__file__).parent / f"{number}.json"
        read = json.loads(path.read_text(encoding="utf-8"))
        self.number = number
        self.classes: dict[str, dict[str, Row]] = {
            name: {property_: (self.plain(type_), cardinality) for property_, (type_, cardinality) in rows.items()}
            for name, rows in read["classes"].items()
        }
        self.enums: dict[str, list[str]] = read["enums"]
        self.open = frozenset(read["open"])

    def plain(self, type_: str) -> str:
        """Return a type as it is compared. 2.1.1 calls text ``string`` that has the characters of a CiString."""
        type_ = SIZED.get(type_, type_)
        return type_.replace("CiString", "string") if self.number == "2.1.1" else type_

    def differences(self, version: Version) -> Iterator[tuple[str, str]]:
        """Return ("Class" or "Class.property", what the version has) wherever it is not what the tables have."""
        declared = {self.name(version, schema): schema for schema in version.classes()}
        for name in declared.keys() - self.classes.keys():
            yield name, "no class of this version"
        for name in self.classes.keys() - declared.keys():
            yield name, "not there"
        for name in declared.keys() & self.classes.keys():
            rows = self.classes[name]
            own = {
                property_: self.row(version, field, rows.get(property_, ("", ""))[0])
                for property_, field in fields_of(declared[name]).items()
            }
            for property_ in rows.keys() | own.keys():
                if own.get(property_) != rows.get(property_):
                    yield f"{name}.{property_}", " ".join(own.get(property_, ("not there",)))

    def name(self, version: Version, schema: type[Schema]) -> str:
        """Return the name by which the tables know a class: its own, or that of the class in whose place it is."""
        own = schema.__name__
        return own if own in self.classes else version.stored(schema).__name__

    def row(self, version: Version, field: Any, expected: str) -> Row:
        """Return the row of a field. expected: the type in the tables, for what an enum has more or less."""
        if isinstance(field, fields.ListOf):
            return self.type_of(version, field.inner, expected), "+" if field.required else "*"
        return self.type_of(version, field, expected), "1" if field.required else "?"

    def type_of(self, version: Version, field: Any, expected: str) -> str:
        """Return the type of a field as the tables write it."""
        if isinstance(field, Object):
            return self.name(version, field.nested)  # type: ignore[arg-type]
        if isinstance(field, fields.Enum):
            return self.enum_type(field, expected)
        return self.plain(_type_of(field))

    def enum_type(self, field: fields.Enum, expected: str) -> str:
        """Return the name of an enum in the tables, with the values that are missing or beyond them.

        It is followed by "open" or "closed" where the tables say the opposite.
        """
        if expected not in self.enums:
            return field.enum.__name__
        own, listed = set(field.values), set(self.enums[expected])
        beyond = [f"+{value}" for value in sorted(own - listed)]
        missing = [f"-{value}" for value in sorted(listed - own)]
        wrong = [] if field.open is (expected in self.open) else ["open" if field.open else "closed"]
        return " ".join([expected, *beyond, *missing, *wrong])


def _type_of(field: Any) -> str:
    if isinstance(field, fields.Integer):
        return "int" if field.max is None else f"int({len(str(field.max))})"
    if isinstance(field, fields.CiString):
        return f"CiString({field.max})"
    if isinstance(field, fields.String):
        return f"string({field.max})"
    simple = {fields.Url: "URL", fields.DateTime: "DateTime", fields.Boolean: "boolean", fields.Number: "number"}
    return next((name for cls, name in simple.items() if isinstance(field, cls)), type(field).__name__)
