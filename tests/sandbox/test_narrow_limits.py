"""The example data keeps to the tables of OCPI where this package takes more: others check those."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest

from flask_ocpi.core.schema import Schema
from flask_ocpi.core.setting_kinds import OwnParty
from flask_ocpi.extension import utc_now
from flask_ocpi.testing import documents
from flask_ocpi.testing.sandbox.billing import STANDARD_TARIFF
from flask_ocpi.testing.sandbox.billing import cdr as bill
from flask_ocpi.testing.sandbox.locations import locations
from flask_ocpi.testing.sandbox.locations import sample_data
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.examples import full_example

#: Characters of properties that are wider here, by what they are in: OCPI 2.2.1, Locations and CDRs.
LIMITS = {
    "address": 45,
    "city": 45,
    "state": 20,
    "postal_code": 10,
    "name": 100,
    "latitude": 10,
    "longitude": 11,
    "floor_level": 4,
    "physical_reference": 16,
    "evse_id": 48,
    "id": 36,
    "uid": 36,
    "evse_uid": 36,
    "session_id": 36,
    "authorization_reference": 36,
    "contract_id": 36,
    "issuer": 64,
    "visual_number": 64,
    "supplier_name": 64,
    "energy_product_name": 64,
    "url": 255,
    "tariff_alt_url": 255,
    "meter_id": 255,
    "remark": 255,
    "text": 512,
    "capacity": 20,
}


def too_long(value: Any, path: str = "") -> Iterator[str]:
    """Walk the paths of the texts that are longer than a table of OCPI has them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from too_long(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and len(item) > LIMITS.get(name, 5000):
                yield f"{path}.{name}: {item!r} has {len(item)} characters, {LIMITS[name]} are allowed"
            yield from too_long(item, f"{path}.{name}")


SCHEMAS = sorted(
    {
        schema
        for _, _, operation in VERSIONS[-1].operations()
        for schema in (operation.body, operation.returns, operation.result)
        if schema is not None and issubclass(schema, Schema)
    },
    key=lambda schema: schema.__name__,
)


def test_long_text_is_found():
    assert list(too_long({"evses": [{"coordinates": {"latitude": "-12.1234567"}}]})) == [
        ".evses[0].coordinates.latitude: '-12.1234567' has 11 characters, 10 are allowed"
    ]


def test_network_keeps_to_the_tables():
    network = list(locations(count=500, now=datetime(2026, 1, 1, tzinfo=UTC)))

    assert list(too_long(network)) == []


def test_cdr_of_the_simulation_does_even_for_a_location_that_does_not():
    place = documents.location(
        address="An address of the longest kind, which is that of a Location here, of 255 characters",
        state="North Rhine-Westphalia and more",
        evses=[documents.evse()],
    )
    session = documents.session(end_date_time="2026-01-01T13:00:00Z", charging_periods=[])

    made = bill(session, STANDARD_TARIFF, place)

    assert list(too_long(made)) == []
    assert made["cdr_location"]["state"] == "North Rhine-Westphal"


def test_sample_data_keeps_to_the_tables():
    parties = [
        OwnParty("NL", "ABC", ("CPO",), {"name": "Abc Charging"}),
        OwnParty("DE", "EMS", ("EMSP",), {"name": "Ems Mobility"}),
    ]

    found = sample_data(parties, now=utc_now())

    assert found["locations"]
    assert found["tokens"]
    assert list(too_long(found)) == []


@pytest.mark.parametrize("name", ["location", "session", "cdr", "tariff", "token"])
def test_documents_of_the_testing_module_keep_to_the_tables(name):
    assert list(too_long([getattr(documents, name)(), getattr(documents, f"full_{name}")()])) == []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_examples_of_the_documentation_keep_to_the_tables(schema):
    assert list(too_long(full_example(schema))) == []
