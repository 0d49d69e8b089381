"""The specification's own examples load and come back equal; read from next to the checkout, if there."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.credentials.schemas import Credentials
from flask_ocpi.modules.locations.schemas import EVSE
from flask_ocpi.modules.locations.schemas import Connector
from flask_ocpi.modules.locations.schemas import EnergyMix
from flask_ocpi.modules.locations.schemas import Hours
from flask_ocpi.modules.locations.schemas import Location
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.versions.schemas import Version
from flask_ocpi.modules.versions.schemas import VersionDetails
from flask_ocpi.schema import load
from tests.schemas.specification import EXAMPLES

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not next to this checkout")

WHOLE = {
    "location": Location,
    "credentials": Credentials,
    "versions": Version,
    "version_details": VersionDetails,
    "hours": Hours,
    "energymix": EnergyMix,
    "displaytext": DisplayText,
    "responses/versions": Version,
    "responses/version_details": VersionDetails,
}
FRAGMENTS = {
    "location/location_patch_example_location.json": Location,
    "evse/location_patch_example_remove_evse.json": EVSE,
    "evse/location_patch_example_status.json": EVSE,
    "connector/location_patch_example_tariff.json": Connector,
}
WRAPPERS = ({"opening_times"}, {"energy_mix"})


def read(path):
    return json.loads((EXAMPLES / path).read_text(encoding="utf-8"))


def unwrapped(document):
    """Return the objects in a file: one, a list, or one within an envelope or a property."""
    if isinstance(document, dict) and "data" in document:
        document = document["data"]
    elif isinstance(document, dict) and document.keys() in WRAPPERS:
        (document,) = document.values()
    return document if isinstance(document, list) else [document]


def without_nothing(value):
    """Leave out nulls and empty lists."""
    if isinstance(value, dict):
        return {name: without_nothing(inner) for name, inner in value.items() if inner is not None and inner != []}
    return [without_nothing(inner) for inner in value] if isinstance(value, list) else value


def test_every_folder_has_examples():
    assert all(list((EXAMPLES / folder).glob("*.json")) for folder in WHOLE)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        pytest.param(schema, path, id=f"{folder}/{path.stem}")
        for folder, schema in WHOLE.items()
        for path in sorted((EXAMPLES / folder).glob("*.json"))
    ],
)
def test_example_loads_and_comes_back_equal(schema, path):
    for document in unwrapped(read(path)):
        assert load(schema(), document) == without_nothing(document)


@pytest.mark.conformance("T-15")
@pytest.mark.parametrize("path", FRAGMENTS)
def test_patch_example_loads_as_a_partial_document_only(path):
    document = read(f"_not_full_objects/{path}")
    schema = FRAGMENTS[path]()

    assert load(schema, document, partial=True) == document
    with pytest.raises(InvalidParametersError, match=" is required"):
        load(schema, document)


@pytest.mark.conformance("LOC-13")
def test_incomplete_evse_example_is_refused_for_all_its_reasons():
    document = read("_not_full_objects/evse/location_put_example_add_evse.json")

    with pytest.raises(InvalidParametersError) as caught:
        load(EVSE(), document)

    assert caught.value.message == (
        "Invalid body: connectors[0].power_type is required; connectors[0].max_voltage is required; "
        "connectors[0].max_amperage is required; connectors[0].last_updated is required; "
        "physical_reference must be a string."
    )
