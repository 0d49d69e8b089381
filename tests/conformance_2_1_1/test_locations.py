"""OCPI 2.1.1: Locations, as they are sent and as they are taken."""

from __future__ import annotations

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.versions import documents_of
from tests.conftest import EVERY_STORAGE

OF = documents_of("2.1.1")
URL = "/ocpi/2.1.1/receiver/locations/NL/ABC/LOC1"
LATER = "2024-06-30T12:00:00Z"


def listed(cpo, valid, **changes):
    """Save a location, and return it as the partner sees it in its list; None where it is not there."""
    cpo.ocpi.save("locations", documents.location(**{"postal_code": "3511 ED", **changes}))
    found = cpo.partner.get("/ocpi/2.1.1/sender/locations").data
    return valid("locations", "put_location", found[0]) if found else None


def taken(ems, **changes):
    """Have the partner put a location, and return what is stored of it."""
    answer = ems.partner.put(URL, OF.location(**changes))
    assert (answer.status_code, answer.message) == (1000, answer.message)
    assert ems.partner.get(URL).data == {**OF.location(), **changes}
    return ems.copies("locations")[0]


@pytest.mark.conformance("V211-20")
@pytest.mark.parametrize(
    ("parking_type", "sent"),
    [
        ("ON_STREET", "ON_STREET"),
        ("UNDERGROUND_GARAGE", "UNDERGROUND_GARAGE"),
        ("ALONG_MOTORWAY", "OTHER"),
        ("ON_DRIVEWAY", "OTHER"),
        (None, "UNKNOWN"),
    ],
)
def test_type_is_that_of_the_parking(cpo, valid, parking_type, sent):
    assert listed(cpo, valid, parking_type=parking_type)["type"] == sent


@pytest.mark.conformance("V211-20")
@pytest.mark.parametrize(
    ("sent", "parking_type", "kept"),
    [("PARKING_LOT", "PARKING_LOT", None), ("OTHER", None, "OTHER"), ("UNKNOWN", None, None)],
)
def test_type_is_kept(ems, sent, parking_type, kept):
    copy = taken(ems, type=sent)

    assert (copy.get("parking_type"), copy.get("type")) == (parking_type, kept)


@pytest.mark.conformance("V211-21")
def test_ids_may_have_39_characters(ems):
    location, evse = "L" * 39, "E" * 39
    url = f"/ocpi/2.1.1/receiver/locations/NL/ABC/{location}"

    assert ems.partner.put(url, OF.location(id=location)).http_status == 201
    assert ems.partner.put(f"{url}/{evse}", OF.evse(uid=evse)).http_status == 201
    assert ems.partner.patch(f"{url}/{evse}", {"status": "CHARGING"}).http_status == 200

    (copy,) = ems.copies("locations")
    assert (copy["id"], copy["evses"][0]["uid"], copy["evses"][0]["status"]) == (location, evse, "CHARGING")
    refused = ems.partner.put(f"{url}X", OF.location(id=f"{location}X"))
    assert refused.status_code == 2001
    assert "39" in refused.message


@pytest.mark.conformance("V211-22")
def test_connector_has_voltage_amperage_and_one_tariff(cpo, valid):
    connector = documents.connector(tariff_ids=["11", "12"], max_electric_power=11000)
    sent = listed(cpo, valid, evses=[documents.evse(connectors=[connector])])["evses"][0]["connectors"][0]
    assert (sent["voltage"], sent["amperage"], sent["tariff_id"]) == (230, 16, "11")
    assert {"max_voltage", "max_amperage", "max_electric_power", "tariff_ids"}.isdisjoint(sent)
    assert {f.path for f in told(cpo)} == {
        "evses[].connectors[].tariff_ids[]",
        "evses[].connectors[].max_electric_power",
    }


def told(ours):
    ours.ocpi.findings.flush()
    return [entry.finding for entry in ours.ocpi.findings.list(platform=ours.record.id)]


@pytest.mark.conformance("V211-22")
def test_connector_is_stored_with_the_names_of_2_2_1(ems):
    copy = taken(ems, evses=[OF.evse(connectors=[OF.connector(tariff_id="11")])])

    connector = copy["evses"][0]["connectors"][0]
    assert (connector["max_voltage"], connector["max_amperage"], connector["tariff_ids"]) == (230, 16, ["11"])


@pytest.mark.conformance("V211-23")
@pytest.mark.parametrize(
    ("latitude", "sent"),
    [("52.08944", "52.089440"), ("52.0894445", "52.089445"), ("-0.0000001", "0.000000"), ("52.089444", "52.089444")],
)
def test_coordinates_have_six_decimals(cpo, valid, latitude, sent):
    at = {"latitude": latitude, "longitude": "5.110278"}

    assert listed(cpo, valid, coordinates=at)["coordinates"]["latitude"] == sent


@pytest.mark.conformance("V211-23")
def test_other_decimals_are_refused_by_the_letter(ems):
    answer = ems.partner.put(URL, OF.location(coordinates={"latitude": "52.08944", "longitude": "5.110278"}))

    assert answer.status_code == 2001
    assert "coordinates.latitude" in answer.message


WEEK = [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]


@pytest.mark.conformance("V211-24")
@pytest.mark.parametrize("hours", [{"twentyfourseven": True}, {"twentyfourseven": False, "regular_hours": WEEK}])
def test_hours_are_sent_as_in_2_2_1(cpo, valid, hours):
    assert listed(cpo, valid, opening_times=hours)["opening_times"] == hours


@pytest.mark.conformance("V211-24")
def test_hours_may_be_regular_without_more(ems):
    ems.partner.put(URL, OF.location(opening_times={"regular_hours": WEEK}))

    (copy,) = ems.copies("locations")
    assert copy["opening_times"] == {"twentyfourseven": False, "regular_hours": WEEK}
    for neither in ({}, {"twentyfourseven": False}, {"twentyfourseven": True, "regular_hours": WEEK}):
        assert ems.partner.put(URL, OF.location(opening_times=neither)).status_code == 2001


@pytest.mark.conformance("V211-25")
def test_environmental_impact_has_a_source(cpo, valid):
    mix = {"is_green_energy": False, "environ_impact": [{"category": "NUCLEAR_WASTE", "amount": 0.5}]}
    own = {"is_green_energy": False, "environ_impact": [{"source": "NUCLEAR_WASTE", "amount": 0.5}]}

    assert listed(cpo, valid, energy_mix=mix)["energy_mix"] == own


@pytest.mark.conformance("V211-25")
def test_environmental_impact_is_stored_by_its_category(ems):
    own = {"is_green_energy": False, "environ_impact": [{"source": "NUCLEAR_WASTE", "amount": 0.5}]}

    assert taken(ems, energy_mix=own)["energy_mix"]["environ_impact"] == [{"category": "NUCLEAR_WASTE", "amount": 0.5}]


@pytest.mark.conformance("V211-26")
def test_values_that_there_are_not_are_left_out(cpo, valid):
    connectors = [documents.connector(), documents.connector(id="2", standard="CHAOJI")]
    evses = [
        documents.evse(capabilities=["RFID_READER", "PED_TERMINAL"], connectors=connectors),
        documents.evse(uid="EVSE2", connectors=[documents.connector(standard="NEMA_5_20")]),
    ]

    sent = listed(cpo, valid, facilities=["WIFI", "BIKE_SHARING"], evses=evses)

    assert sent["facilities"] == ["WIFI"]
    assert [evse["uid"] for evse in sent["evses"]] == ["EVSE1"]
    assert sent["evses"][0]["capabilities"] == ["RFID_READER"]
    assert [connector["id"] for connector in sent["evses"][0]["connectors"]] == ["1"]
    assert {f.path for f in told(cpo)} == {
        "facilities[]",
        "evses[]",
        "evses[].capabilities[]",
        "evses[].connectors[]",
    }


@pytest.mark.conformance("V211-26")
@pytest.mark.parametrize("power_type", ["AC_2_PHASE", "AC_2_PHASE_SPLIT"])
def test_power_type_that_there_is_not_is_one_that_promises_less(cpo, valid, power_type):
    sent = listed(cpo, valid, evses=[documents.evse(connectors=[documents.connector(power_type=power_type)])])

    assert sent["evses"][0]["connectors"][0]["power_type"] == "AC_1_PHASE"


@EVERY_STORAGE
@pytest.mark.conformance("V211-27")
def test_locations_that_are_not_published_are_neither_listed_nor_pushed(cpo, valid):
    assert listed(cpo, valid, publish=False, evses=[documents.evse()]) is None

    for path in ("LOC1", "LOC1/EVSE1", "LOC1/EVSE1/1"):
        assert cpo.partner.get(f"/ocpi/2.1.1/sender/locations/{path}").http_status == 404
    assert cpo.sent("PUT", "PATCH") == []
    assert {f.path for f in told(cpo)} == {""}


@EVERY_STORAGE
@pytest.mark.conformance("V211-28")
def test_locations_are_put_patched_and_read_on_three_levels(ems):
    assert ems.partner.put(URL, OF.location(evses=[OF.evse()])).http_status == 201
    assert ems.partner.put(f"{URL}/EVSE2", OF.evse(uid="EVSE2")).http_status == 201
    assert ems.partner.put(f"{URL}/EVSE2/2", OF.connector(id="2", voltage=400)).http_status == 201
    assert ems.partner.patch(f"{URL}/EVSE2/2", {"amperage": 63, "last_updated": LATER}).http_status == 200
    assert ems.partner.patch(f"{URL}/EVSE1", {"status": "REMOVED"}).http_status == 200
    assert ems.partner.patch(URL, {"type": "PARKING_LOT"}).http_status == 200

    connector = OF.connector(id="2", voltage=400, amperage=63, last_updated=LATER)
    assert ems.partner.get(f"{URL}/EVSE2/2").data == connector
    assert ems.partner.get(f"{URL}/EVSE1").data["status"] == "REMOVED"
    assert ems.partner.get(URL).data["type"] == "PARKING_LOT"
    (copy,) = ems.copies("locations")
    assert copy["evses"][1]["connectors"][1]["max_amperage"] == 63
    assert ems.partner.delete(URL).http_status == 405


@pytest.mark.conformance("V211-28")
def test_own_locations_are_read_on_three_levels(cpo, valid):
    cpo.ocpi.save("locations", documents.location(evses=[documents.evse()]))
    url = "/ocpi/2.1.1/sender/locations/LOC1"

    valid("locations", "put_location", cpo.partner.get(url).data)
    valid("locations", "put_evse", cpo.partner.get(f"{url}/EVSE1").data)
    assert valid("locations", "put_connector", cpo.partner.get(f"{url}/EVSE1/1").data)["voltage"] == 230


@pytest.mark.conformance("V211-29")
def test_address_is_cut_and_a_postal_code_is_there(cpo, valid):
    sent = listed(cpo, valid, address="A" * 60, postal_code=None, state="Utrecht")

    assert (sent["address"], sent["postal_code"], "state" in sent) == ("A" * 45, "", False)
    assert {f.path for f in told(cpo)} == {"address", "postal_code", "state"}


@pytest.mark.conformance("V211-29")
def test_time_zone_may_be_unknown(ems):
    location = {name: value for name, value in OF.location().items() if name != "time_zone"}

    ems.partner.put(URL, location)

    assert ems.partner.get(URL).data == location
    assert ems.copies("locations")[0]["time_zone"] == "#NA"
