"""Every class of every version has the properties, types, cardinalities and values in the tables of its text."""

from __future__ import annotations

import pytest

from flask_ocpi.core.converting import fields_of
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS
from tests.census import Census
from tests.census.differences import DIFFERENCES
from tests.schemas.declarations import ENUMS
from tests.versions.nine import V9_9


@pytest.mark.conformance(
    "T-29",
    "T-30",
    "TYP-03",
    "TYP-05",
    "TYP-16",
    "TYP-18",
    "TYP-19",
    "LOC-29",
    "LOC-32",
    "LOC-35",
    "CDR-30",
    "TOK-13",
    "TOK-18",
    "CMD-04",
    "CMD-05",
    "CMD-07",
    "CMD-27",
    "CHP-02",
    "CHP-06",
    "CHP-11",
    "CHP-19",
    "HCI-04",
    "HCI-09",
    "CRED-26",
    "VER-03",
)
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_classes_are_those_of_the_tables_but_for_what_has_a_reason(version):
    found = dict(Census(version.number).differences(version))

    assert found == {name: declared for name, (declared, _) in DIFFERENCES[version.number].items()}


@pytest.mark.parametrize("schema", V2_2_1.classes(), ids=lambda schema: schema.__name__)
def test_properties_of_the_stored_shape_are_in_the_order_of_the_tables(schema):
    assert list(fields_of(schema)) == list(Census("2.2.1").classes[schema.__name__])


@pytest.mark.conformance("VER-07", "VER-08")
@pytest.mark.parametrize("name", Census("2.2.1").enums)
def test_values_of_the_stored_shape_are_in_the_order_of_the_tables(name):
    beyond = {"Role": {"PTP"}}.get(name, set())  # the role of 2.3.0's payments, which no property of 2.2.1 has
    assert [member.value for member in ENUMS[name] if member.value not in beyond] == Census("2.2.1").enums[name]


def test_whatever_differs_from_the_tables_is_found():
    found = dict(Census("2.2.1").differences(V9_9))

    assert found["Location.title"] == "string(255) ?"
    assert found["Location.name"] == "not there"
    assert found["ClientInfo"] == "not there"


@pytest.mark.parametrize("number", DIFFERENCES)
def test_each_difference_has_a_reason(number):
    assert all(reason.endswith(".") for _, reason in DIFFERENCES[number].values())
