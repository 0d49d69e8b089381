"""The specification's own examples load and come back equal; read from next to the checkout, if there."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.hubclientinfo import ClientInfo
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import EnergyMix
from flask_ocpi.modules.versions import Version
from flask_ocpi.modules.versions import VersionDetails
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
    "session": Session,
    "cdr": CDR,
    "tariff": Tariff,
    "token": Token,
    "responses/token": Token,
    "responses/versions": Version,
    "responses/version_details": VersionDetails,
}
FRAGMENTS = {
    "location/location_patch_example_location.json": Location,
    "evse/location_patch_example_remove_evse.json": EVSE,
    "evse/location_patch_example_status.json": EVSE,
    "connector/location_patch_example_tariff.json": Connector,
    "session/session_patch_example_charging_period.json": Session,
    "session/session_patch_example_total_cost.json": Session,
    "token/token_patch_example.json": Token,
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


def test_every_folder_of_examples_is_read():
    folders = {path.parent.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.json")}

    assert {folder for folder in folders if not folder.startswith("_")} - {"responses/error"} == set(WHOLE)


@pytest.mark.conformance("TAR-27", "CDR-27")
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
        "physical_reference must be a string, not a number."
    )


@pytest.mark.conformance("TAR-02")
def test_tariff_example_of_put_is_refused_because_nobody_knows_when_it_changed():
    document = read("_not_full_objects/tariff/tariff_put_example.json")

    with pytest.raises(InvalidParametersError) as caught:
        load(Tariff(), document)

    assert caught.value.message == "Invalid body: last_updated is required."
    assert load(Tariff(), {**document, "last_updated": "2024-05-31T12:00:00Z"})


def test_client_info_example_is_neither_json_nor_complete():
    text = (EXAMPLES / "_not_full_objects/clientinfo/mod_hub_client_info_L169.json").read_text(encoding="utf-8")
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)

    repaired = json.loads(text.replace('"PLANNED",', '"PLANNED"'))

    with pytest.raises(InvalidParametersError) as caught:
        load(ClientInfo(), repaired)
    assert caught.value.message == "Invalid body: last_updated is required."


@pytest.mark.conformance("CDR-27")
@pytest.mark.parametrize(
    ("schema", "path", "volumes"),
    [
        (Session, "session/session_example_2_short_finished.json", [120, 41000]),
        (Session, "_not_full_objects/session/session_patch_example_charging_period.json", [2200]),
    ],
    ids=["whole", "patch"],
)
def test_energy_in_wh_is_valid_and_passed_on(schema, path, volumes):
    loaded = load(schema(), read(path), partial=True)

    dimensions = [dimension for period in loaded["charging_periods"] for dimension in period["dimensions"]]
    assert [dimension["volume"] for dimension in dimensions if dimension["type"] == "ENERGY"] == volumes


def test_cdr_example_is_valid_though_its_coordinates_are_swapped_and_it_was_made_too_early():
    loaded = load(CDR(), read("cdr/cdr_example.json"))

    assert loaded["cdr_location"]["coordinates"] == {"latitude": "3.729944", "longitude": "51.047599"}
    assert loaded["last_updated"] < loaded["end_date_time"]


@pytest.mark.conformance("TAR-27")
def test_there_are_nineteen_tariffs():
    assert len(list((EXAMPLES / "tariff").glob("*.json"))) == 19


@pytest.mark.conformance("TAR-18", "TAR-19", "TAR-23")
def test_free_tariff_example_keeps_zeros_and_has_no_vat():
    loaded = load(Tariff(), read("tariff/tariff_5_free_of_charge.json"))

    assert loaded["elements"] == [{"price_components": [{"type": "FLAT", "price": 0.0, "step_size": 0}]}]


@pytest.mark.conformance("TAR-15", "TAR-16")
def test_reservation_examples_keep_both_kinds_apart_in_their_order():
    loaded = load(Tariff(), read("tariff/tariff_17_reservation_with_expire_fee.json"))

    kinds = [element.get("restrictions", {}).get("reservation") for element in loaded["elements"]]
    assert kinds == ["RESERVATION_EXPIRES", "RESERVATION", None]
