"""Every class and enum is declared as in the tables of OCPI 2.2.1."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from flask_ocpi import enums
from flask_ocpi import fields
from flask_ocpi.modules import types
from flask_ocpi.modules.credentials import enums as credentials_enums
from flask_ocpi.modules.credentials import schemas as credentials_schemas
from flask_ocpi.modules.locations import enums as locations_enums
from flask_ocpi.modules.locations import schemas as locations_schemas
from flask_ocpi.modules.tokens import enums as tokens_enums
from flask_ocpi.modules.versions import enums as versions_enums
from flask_ocpi.modules.versions import schemas as versions_schemas
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from tests.schemas.specification import CLASSES
from tests.schemas.specification import ENUMS
from tests.schemas.specification import OBJECTS
from tests.schemas.specification import reference_classes
from tests.schemas.specification import reference_enums

# Where we differ on purpose: the patterns of coordinates admit one character more than the lengths (LOC-24),
# and what a peer names beyond the known versions and modules is to be ignored, not refused (VER-07, VER-09).
DIFFERENT = {
    ("GeoLocation", "latitude"): "string(11)",
    ("GeoLocation", "longitude"): "string(12)",
    ("AdditionalGeoLocation", "latitude"): "string(11)",
    ("AdditionalGeoLocation", "longitude"): "string(12)",
    ("Version", "version"): "string(255)",
    ("VersionDetails", "version"): "string(255)",
    ("Endpoint", "identifier"): "string(255)",
}


def _declared(*modules: Any) -> dict[str, type[Schema]]:
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, Schema) and value is not Schema:
                found[name] = value
    return found


SCHEMAS = _declared(types, versions_schemas, credentials_schemas, locations_schemas)


def _type(field: Any) -> str:
    if isinstance(field, fields.ListOf):
        return _type(field.inner)
    if isinstance(field, Object):
        return field.nested.__name__
    if isinstance(field, fields.Enum):
        return field.enum.__name__
    if isinstance(field, fields.Integer):
        return f"int({len(str(field.max))})" if field.max is not None else "int"
    if isinstance(field, fields.CiString):
        return f"CiString({field.max})"
    if isinstance(field, fields.String):
        return f"string({field.max})"
    simple = {
        fields.Url: "URL(255)",
        fields.DateTime: "DateTime(25)",
        fields.Boolean: "boolean",
        fields.Number: "number",
    }
    return simple[type(field)]


def _cardinality(field: Any) -> str:
    if isinstance(field, fields.ListOf):
        return "+" if field.required else "*"
    return "1" if field.required else "?"


@pytest.mark.conformance(
    "T-29", "T-30", "TYP-03", "TYP-05", "TYP-18", "TYP-19", "LOC-29", "LOC-32", "CRED-26", "VER-03"
)
@pytest.mark.parametrize("name", CLASSES)
def test_class_has_every_property_of_its_table_in_order(name):
    declared = SCHEMAS[name]().load_fields

    properties = [(field, _type(declared[field]), _cardinality(declared[field])) for field in declared]

    assert properties == [(row[0], DIFFERENT.get((name, row[0]), row[1]), row[2]) for row in CLASSES[name]]


def test_no_class_is_declared_that_has_no_table():
    assert sorted(SCHEMAS) == sorted(CLASSES)


@pytest.mark.skipif(not OBJECTS.exists(), reason="the reference tables are not next to this checkout")
@pytest.mark.parametrize("name", CLASSES)
def test_tables_of_this_test_are_those_of_the_reference(name):
    assert CLASSES[name] == reference_classes()[name]


@pytest.mark.skipif(not OBJECTS.exists(), reason="the reference tables are not next to this checkout")
@pytest.mark.parametrize("name", ENUMS)
def test_enum_values_of_this_test_are_those_of_the_reference(name):
    assert ENUMS[name] == reference_enums()[name]


@pytest.mark.conformance("TYP-16", "VER-07", "VER-08", "LOC-35")
@pytest.mark.parametrize("name", ENUMS)
def test_enum_has_every_value_in_order(name):
    modules = (versions_enums, credentials_enums, locations_enums, tokens_enums)

    declared: type[StrEnum] = next(vars(module)[name] for module in modules if name in vars(module))

    assert [member.value for member in declared] == ENUMS[name]


def test_modules_show_the_enums_of_the_core():
    assert versions_enums.ModuleID is enums.ModuleID
    assert versions_enums.InterfaceRole is enums.InterfaceRole
    assert versions_enums.VersionNumber is enums.VersionNumber
    assert credentials_enums.Role is enums.Role


def _properties() -> list[Any]:
    return [
        pytest.param(schema, field, id=f"{name}.{field}")
        for name, schema in SCHEMAS.items()
        for field in schema().load_fields
    ]


@pytest.mark.parametrize(("schema", "name"), _properties())
def test_property_is_described_with_an_example_that_is_valid(schema, name):
    field = schema().load_fields[name]

    assert field.metadata["description"].endswith(".")
    assert field.deserialize(field.metadata["example"]) == field.metadata["example"]


@pytest.mark.parametrize("name", CLASSES)
def test_class_says_which_section_it_is_from(name):
    assert "(OCPI 2.2.1, " in (SCHEMAS[name].__doc__ or "")
