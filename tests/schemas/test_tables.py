"""Every class and enum is declared as in the tables of OCPI 2.2.1."""

from __future__ import annotations

from typing import Any

import pytest

from flask_ocpi.core import fields
from flask_ocpi.core.schema import Object
from tests.schemas import declarations
from tests.schemas.declarations import QUERIES
from tests.schemas.declarations import SCHEMAS
from tests.schemas.specification import CLASSES
from tests.schemas.specification import ENUMS
from tests.schemas.specification import OBJECTS
from tests.schemas.specification import reference_classes
from tests.schemas.specification import reference_enums

# Where we differ on purpose: the patterns of coordinates admit one character more than the lengths (LOC-24),
# what a peer names beyond the known versions and modules is to be ignored, not refused (VER-07, VER-09), and the
# location in a CDR may be as long as the Location that it repeats (CDR-30).
DIFFERENT = {
    ("GeoLocation", "latitude"): "string(11)",
    ("GeoLocation", "longitude"): "string(12)",
    ("AdditionalGeoLocation", "latitude"): "string(11)",
    ("AdditionalGeoLocation", "longitude"): "string(12)",
    ("Version", "version"): "string(255)",
    ("VersionDetails", "version"): "string(255)",
    ("Endpoint", "identifier"): "string(255)",
    ("CdrLocation", "address"): "string(255)",
    ("CdrLocation", "state"): "string(45)",
}


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
    "T-29",
    "T-30",
    "TYP-03",
    "TYP-05",
    "TYP-18",
    "TYP-19",
    "LOC-29",
    "LOC-32",
    "CDR-30",
    "TOK-13",
    "CMD-04",
    "CMD-05",
    "CMD-07",
    "CMD-27",
    "CHP-02",
    "HCI-04",
    "CRED-26",
    "VER-03",
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


@pytest.mark.conformance(
    "TYP-16", "VER-07", "VER-08", "LOC-35", "TOK-18", "CMD-07", "CHP-06", "CHP-11", "CHP-19", "HCI-09"
)
@pytest.mark.parametrize("name", ENUMS)
def test_enum_has_every_value_in_order(name):
    assert [member.value for member in declarations.ENUMS[name]] == ENUMS[name]


def test_no_enum_is_declared_that_has_no_table():
    assert sorted(declarations.ENUMS) == sorted(ENUMS)


def _properties() -> list[Any]:
    return [
        pytest.param(schema, field, id=f"{name}.{field}")
        for name, schema in {**SCHEMAS, **QUERIES}.items()
        for field in schema().load_fields
    ]


@pytest.mark.parametrize(("schema", "name"), _properties())
def test_property_is_described_with_an_example_that_is_valid(schema, name):
    field = schema().load_fields[name]

    assert field.metadata["description"].endswith(".")
    assert field.deserialize(field.metadata["example"]) == field.metadata["example"]


@pytest.mark.parametrize("schema", [*SCHEMAS.values(), *QUERIES.values()], ids=lambda schema: schema.__name__)
def test_class_says_which_section_it_is_from(schema):
    assert "(OCPI 2.2.1, " in (schema.__doc__ or "")
