"""The sessions module over HTTP: Sender, charging preferences, Receiver, and a session's life (group SES)."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.modules.enums import ChargingPreferencesResponse
from flask_ocpi.signals import charging_preferences_received
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_session
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/sessions")
RECEIVER = ocpi_url("receiver/sessions/DE/CPO")
PREFERENCES = f"{SENDER}/SES1/charging_preferences"
GREEN = {"profile_type": "GREEN"}
LATE = "2024-06-01T12:00:00Z"
TO_XYZ = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "XYZ"}


def period(hour, *, kwh=1.5, **changes):
    """Return the charging period that began at a full hour."""
    start = f"2024-05-31T{hour:02}:00:00Z"
    return {"start_date_time": start, "dimensions": [{"type": "ENERGY", "volume": kwh}], **changes}


def theirs(**changes):
    """Return a Session of the partner, DE-CPO, for a driver of ours."""
    return session(country_code="DE", party_id="CPO", cdr_token=issued_by("NL", "ABC"), **changes)


def issued_by(country_code, party_id):
    """Return the CdrToken of a driver of that eMSP."""
    return {**session()["cdr_token"], "country_code": country_code, "party_id": party_id}


def site(*tariff_ids, capabilities=("CHARGING_PREFERENCES_CAPABLE",)):
    """Return the Location of our sessions, whose connector has these tariffs."""
    return location(evses=[evse(capabilities=list(capabilities), connectors=[connector(tariff_ids=list(tariff_ids))])])


@pytest.fixture
def stored(ocpi_client):
    """The partner's session, with one period, as it pushed it."""
    document = theirs(charging_periods=[period(10)])
    assert ocpi_client.put(f"{RECEIVER}/SES1", document).http_status == 201
    return document


@pytest.fixture
def asked(ocpi):
    """What the host application was asked about preferences; it accepts them all."""
    calls = []

    @ocpi.charging_preferences
    def accept(document, preferences):
        calls.append((document, preferences))
        return "ACCEPTED"

    return calls


# Sender


@pytest.mark.conformance("SES-01", "PAG-01")
@EVERY_STORAGE
def test_list_is_paginated(ocpi, ocpi_client):
    documents = [{**full_session(), "id": f"SES{number}"} for number in range(3)]
    for document in documents:
        ocpi.save("sessions", document)

    first = ocpi_client.get(SENDER, query_string={"date_from": "2024-01-01T00:00:00Z", "limit": 2})
    second = ocpi_client.get(first.headers["Link"].split(">")[0].removeprefix("<"))

    assert (first.http_status, first.status_code, first.headers["X-Total-Count"]) == (200, 1000, "3")
    assert first.data + second.data == documents
    assert "Link" not in second.headers


@pytest.mark.conformance("SES-01")
@EVERY_STORAGE
def test_list_has_what_was_updated_between_the_dates(ocpi, ocpi_client):
    for day in (1, 2, 3):
        ocpi.save("sessions", session(id=f"SES{day}", last_updated=f"2024-06-0{day}T00:00:00Z"))

    between = {"date_from": "2024-06-02T00:00:00Z", "date_to": "2024-06-03T00:00:00Z"}

    assert [document["id"] for document in ocpi_client.get(SENDER, query_string=between).data] == ["SES2"]


@pytest.mark.conformance("SES-02")
def test_list_without_date_from_begins_with_the_first(ocpi, ocpi_client):
    ocpi.save("sessions", session(last_updated="1999-01-01T00:00:00Z"))

    assert [document["id"] for document in ocpi_client.get(SENDER).data] == ["SES1"]


@pytest.mark.conformance("SES-02")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_REQUIRE_DATE_FROM": True}], ids=["strict"])
def test_list_without_date_from_is_refused_where_configured(ocpi, ocpi_client):
    ocpi.save("sessions", session())

    without = ocpi_client.get(SENDER, query_string={"limit": 1})
    given = ocpi_client.get(SENDER, query_string={"date_from": "2024-01-01T00:00:00Z"})

    assert (without.http_status, without.status_code) == (200, 2001)
    assert "date_from is required" in without.message
    assert given.data == [session()]
    assert ocpi_client.get(ocpi_url("sender/tariffs")).status_code == 1000  # elsewhere it may be left out


@pytest.mark.conformance("SES-02")
def test_client_sends_date_from_always(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    ocpi.save("sessions", session(cdr_token=issued_by("FR", "OTH")))

    pulled = ocpi_other.pull("sessions", there)

    assert pulled.created == 1
    assert ocpi_network.requests[-1].url == f"https://platform.example{SENDER}?date_from=1970-01-01T00:00:00Z"


@pytest.mark.conformance("SES-20", "SES-04")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", SENDER, "GET"),
        ("DELETE", SENDER, "GET"),
        ("GET", PREFERENCES, "PUT"),
        ("PATCH", PREFERENCES, "PUT"),
        ("DELETE", PREFERENCES, "PUT"),
    ],
)
def test_sender_has_no_other_methods(ocpi, ocpi_client, method, path, allowed):
    ocpi.save("sessions", session())

    response = ocpi_client.open(method, path, json={})

    assert (response.http_status, response.headers["Allow"]) == (405, allowed)


@EVERY_STORAGE
def test_sender_shows_sessions_to_the_emsp_of_their_driver_only(ocpi, ocpi_app, ocpi_client):
    stranger = add_partner(ocpi_app, [("BE", "OTH", ["EMSP"])], name="Stranger")
    ocpi.save("sessions", session())

    response = stranger.get(SENDER)

    assert [document["id"] for document in ocpi_client.get(SENDER).data] == ["SES1"]
    assert (response.data, response.headers["X-Total-Count"]) == ([], "0")


# Charging preferences


@pytest.mark.conformance("SES-03", "SES-04", "SES-09")
@EVERY_STORAGE
def test_preferences_are_answered_with_one_word(ocpi, ocpi_client, asked):
    ocpi.save("sessions", session(id="SeS1"))
    wishes = {"profile_type": "FAST", "departure_time": LATE, "energy_need": 20.5, "discharge_allowed": True}

    response = ocpi_client.put(PREFERENCES, wishes)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert orjson.loads(response.body)["data"] == "ACCEPTED"
    assert asked == [(session(id="SeS1"), wishes)]


@pytest.mark.conformance("SES-04")
@pytest.mark.parametrize(
    "path",
    [
        "SES1",
        "SES1/",
        "NL/ABC/SES1/charging_preferences",
        "SES1/charging_preferences/1",
        "SES1/preferences",
        "charging_preferences",
    ],
)
def test_preferences_have_one_url(ocpi, ocpi_client, asked, path):
    ocpi.save("sessions", session())

    response = ocpi_client.put(f"{SENDER}/{path}", GREEN)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert asked == []


@pytest.mark.conformance("SES-05", "T-05")
@pytest.mark.parametrize("capabilities", [(), ("RFID_READER",)], ids=["none", "others"])
def test_evse_that_takes_no_preferences_is_404_and_2001(ocpi, ocpi_client, asked, capabilities):
    ocpi.save("locations", site(capabilities=capabilities))
    ocpi.save("sessions", session())

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert "EVSE1" in response.message
    assert asked == []


@pytest.mark.conformance("SES-05", "SES-30")
@pytest.mark.parametrize(
    "changes",
    [{}, {"location_id": "LOC9"}, {"evse_uid": "#NA", "connector_id": "#NA"}],
    ids=["capable", "unknown", "unassigned"],
)
def test_host_is_asked_where_the_evse_takes_preferences_or_is_unknown(ocpi, ocpi_client, asked, changes):
    ocpi.save("locations", site())
    ocpi.save("sessions", session(**changes))

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert response.data == "ACCEPTED"
    assert len(asked) == 1


@pytest.mark.conformance("SES-06")
def test_preferences_for_an_unknown_session_are_404_and_2001(ocpi_client, asked):
    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert "SES1" in response.message
    assert asked == []


@pytest.mark.conformance("SES-06")
def test_preferences_for_the_session_of_another_emsps_driver_are_404_and_2001(ocpi, ocpi_client, asked):
    ocpi.save("sessions", session(cdr_token=issued_by("BE", "OTH")))

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert asked == []


@pytest.mark.conformance("SES-06", "SES-07", "SES-26")
@pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
def test_preferences_for_a_session_that_is_over_are_not_possible(ocpi, ocpi_client, asked, status):
    ocpi.save("sessions", session(status=status))

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code, response.data) == (200, 1000, "NOT_POSSIBLE")
    assert asked == []


@pytest.mark.conformance("SES-07")
@pytest.mark.parametrize("answer", [str(answer) for answer in ChargingPreferencesResponse])
def test_every_answer_of_the_host_is_a_success(ocpi, ocpi_client, answer):
    ocpi.save("sessions", session())
    ocpi.charging_preferences(lambda document, preferences: answer)

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code, response.data) == (200, 1000, answer)


@pytest.mark.conformance("SES-07")
def test_preferences_are_not_possible_where_the_host_does_not_decide(ocpi, ocpi_client):
    ocpi.save("sessions", session())

    assert ocpi_client.put(PREFERENCES, GREEN).data == "NOT_POSSIBLE"


@pytest.mark.parametrize("answer", ["OK", None, {"result": "ACCEPTED"}], ids=repr)
def test_host_that_answers_something_else_is_an_error_of_the_server(ocpi, ocpi_client, answer):
    ocpi.save("sessions", session())
    ocpi.charging_preferences(lambda document, preferences: answer)

    response = ocpi_client.put(PREFERENCES, GREEN)

    assert (response.http_status, response.status_code) == (200, 3000)
    assert "data" not in response.envelope


@pytest.mark.conformance("SES-08")
@pytest.mark.parametrize(
    ("profile_type", "types", "answer"),
    [
        ("GREEN", ["PROFILE_GREEN"], "ACCEPTED"),
        ("CHEAP", ["REGULAR", "PROFILE_CHEAP"], "ACCEPTED"),
        ("REGULAR", ["REGULAR"], "ACCEPTED"),
        ("FAST", [None], "ACCEPTED"),
        ("GREEN", ["REGULAR"], "PROFILE_TYPE_NOT_SUPPORTED"),
        ("FAST", ["PROFILE_CHEAP", "PROFILE_GREEN"], "PROFILE_TYPE_NOT_SUPPORTED"),
        ("REGULAR", ["AD_HOC_PAYMENT", "PROFILE_FAST"], "PROFILE_TYPE_NOT_SUPPORTED"),
    ],
)
def test_profile_type_needs_a_tariff_of_the_connector(ocpi, ocpi_client, asked, profile_type, types, answer):
    ids = [f"T{number}" for number in range(len(types))]
    for id, kind in zip(ids, types, strict=True):
        ocpi.save("tariffs", tariff(id=id, type=kind))
    ocpi.save("tariffs", tariff(id="ELSEWHERE"))  # for all sessions, but not at this connector
    ocpi.save("locations", site(*ids))
    ocpi.save("sessions", session())

    response = ocpi_client.put(PREFERENCES, {"profile_type": profile_type})

    assert (response.http_status, response.status_code, response.data) == (200, 1000, answer)
    assert len(asked) == (answer == "ACCEPTED")


@pytest.mark.conformance("SES-08")
def test_tariff_for_others_is_no_tariff_for_a_profile_type(ocpi, ocpi_client, asked):
    ocpi.save("tariffs", tariff(type="PROFILE_GREEN"), audience=(Party("BE", "OTH"),))
    ocpi.save("locations", site("TARIFF1"))
    ocpi.save("sessions", session())

    assert ocpi_client.put(PREFERENCES, GREEN).data == "PROFILE_TYPE_NOT_SUPPORTED"
    assert asked == []


@pytest.mark.conformance("SES-08")
@pytest.mark.parametrize("ids", [[], ["TARIFF1", "UNKNOWN"]], ids=["none", "unknown"])
def test_host_decides_where_the_tariffs_are_not_known(ocpi, ocpi_client, asked, ids):
    ocpi.save("tariffs", tariff(type="REGULAR"))
    ocpi.save("locations", site(*ids))
    ocpi.save("sessions", session())

    assert ocpi_client.put(PREFERENCES, GREEN).data == "ACCEPTED"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("ocpi_config", "capabilities"),
    [
        ({"OCPI_MODULES": ["sessions", "tariffs"]}, []),
        ({"OCPI_MODULES": ["sessions", "locations"]}, ["CHARGING_PREFERENCES_CAPABLE"]),
    ],
    ids=["places", "prices"],
)
def test_host_decides_where_places_or_prices_are_not_kept_here(ocpi, ocpi_client, asked, capabilities):
    ocpi.save("tariffs", tariff(type="REGULAR"))
    ocpi.save("locations", site("TARIFF1", capabilities=capabilities))
    ocpi.save("sessions", session())

    assert ocpi_client.put(PREFERENCES, GREEN).data == "ACCEPTED"
    assert len(asked) == 1


@pytest.mark.conformance("SES-09")
@pytest.mark.parametrize("body", [{}, {"profile_type": "SLOW"}, {**GREEN, "energy_need": "20 kWh"}])
def test_preferences_that_make_no_sense_are_2001(ocpi, ocpi_client, asked, body):
    ocpi.save("sessions", session())

    response = ocpi_client.put(PREFERENCES, body)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert asked == []


def test_host_hears_of_preferences_and_their_answer(ocpi, ocpi_app, ocpi_client, asked):
    ocpi.save("sessions", session())
    heard = []

    def listen(sender, **payload):
        heard.append(payload)

    with charging_preferences_received.connected_to(listen, sender=ocpi_app):
        ocpi_client.put(PREFERENCES, GREEN)

    platform = ocpi.partners.get(ocpi_client.platform.id)
    assert heard == [{"session": session(), "preferences": GREEN, "answer": "ACCEPTED", "platform": platform}]


@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])]], ids=["two CPOs"])
def test_preferences_say_whose_session_it_is_where_two_have_it(ocpi, ocpi_client, asked):
    ocpi.save("sessions", session())
    alone = ocpi_client.put(PREFERENCES, GREEN)
    ocpi.save("sessions", session(party_id="XYZ"))

    unclear = ocpi_client.put(PREFERENCES, GREEN)
    clear = ocpi_client.put(PREFERENCES, GREEN, headers=TO_XYZ)

    assert (alone.data, clear.data) == ("ACCEPTED", "ACCEPTED")
    assert (unclear.http_status, unclear.status_code) == (200, 2001)
    assert "OCPI-to-party-id" in unclear.message
    assert [document["party_id"] for document, _ in asked] == ["ABC", "XYZ"]


# Receiver


@pytest.mark.conformance("SES-10", "PUSH-09")
@EVERY_STORAGE
def test_receiver_returns_the_session_as_received(ocpi_client):
    document = {**full_session(), "country_code": "DE", "party_id": "CPO"}
    ocpi_client.put(f"{RECEIVER}/SES1", document)

    response = ocpi_client.get(f"{RECEIVER}/ses1")

    assert (response.http_status, response.status_code, response.data) == (200, 1000, document)


@pytest.mark.conformance("SES-10", "T-08")
def test_unknown_session_is_404_and_2001(ocpi_client, stored):
    response = ocpi_client.get(f"{RECEIVER}/NOPE")

    assert (response.http_status, response.status_code) == (404, 2001)
    assert "NOPE" in response.message


@pytest.mark.conformance("SES-11", "T-11", "T-14")
@EVERY_STORAGE
def test_put_creates_then_replaces_the_whole(ocpi_client):
    first = ocpi_client.put(f"{RECEIVER}/SES1", theirs(meter_id="M1", total_cost={"excl_vat": 1}))
    second = ocpi_client.put(f"{RECEIVER}/SES1", theirs(kwh=20, last_updated=LATE))

    assert (first.http_status, second.http_status) == (201, 200)
    assert "data" not in first.envelope
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == theirs(kwh=20, last_updated=LATE)


@pytest.mark.conformance("SES-12", "SES-18")
@EVERY_STORAGE
def test_put_replaces_the_periods(ocpi_client, stored):
    ocpi_client.put(f"{RECEIVER}/SES1", theirs(charging_periods=[period(12), period(11)]))

    assert ocpi_client.get(f"{RECEIVER}/SES1").data["charging_periods"] == [period(12), period(11)]


@pytest.mark.conformance("SES-12", "SES-18")
@pytest.mark.parametrize("periods", [{}, {"charging_periods": []}, {"charging_periods": None}], ids=str)
def test_put_without_periods_removes_them(ocpi_client, stored, periods):
    response = ocpi_client.put(f"{RECEIVER}/SES1", theirs(**periods))

    assert response.http_status == 200
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == theirs()


@pytest.mark.conformance("SES-13", "PUSH-03", "PUSH-04")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("changes", [{"country_code": "NL"}, {"party_id": "EMS"}, {"id": "SES2"}], ids=str)
def test_body_has_to_agree_with_the_url(ocpi_client, stored, method, changes):
    body = {**theirs(), **changes} if method == "PUT" else {**changes, "last_updated": LATE}

    response = ocpi_client.open(method, f"{RECEIVER}/SES1", json=body)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert next(iter(changes)) in response.message
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == stored


@pytest.mark.conformance("SES-14", "T-15")
@pytest.mark.parametrize("moment", [{}, {"last_updated": None}], ids=["absent", "null"])
def test_patch_needs_last_updated(ocpi_client, stored, moment):
    response = ocpi_client.patch(f"{RECEIVER}/SES1", {"kwh": 20, **moment})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "last_updated" in response.message
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == stored


@pytest.mark.conformance("SES-14")
@EVERY_STORAGE
def test_patch_changes_what_it_names(ocpi_client, stored):
    changes = {"kwh": 20, "total_cost": {"excl_vat": 5.0}, "last_updated": LATE}

    response = ocpi_client.patch(f"{RECEIVER}/SES1", changes)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == {**stored, **changes}


@pytest.mark.conformance("SES-10", "T-09")
def test_patch_of_an_unknown_session_is_404(ocpi_client):
    response = ocpi_client.patch(f"{RECEIVER}/SES1", {"kwh": 20, "last_updated": LATE})

    assert (response.http_status, response.status_code) == (404, 2001)


@pytest.mark.conformance("SES-15")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["SES1/charging_periods", "SES1/total_cost", "SES1/charging_periods/0", "SES1/x/y/z"])
def test_session_has_no_parts(ocpi_client, stored, method, path):
    body = None if method in ("GET", "DELETE") else {"last_updated": LATE, "charging_periods": [period(11)]}

    response = ocpi_client.open(method, f"{RECEIVER}/{path}", json=body)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == stored


@pytest.mark.conformance("SES-16", "SES-19")
@EVERY_STORAGE
def test_patch_appends_all_its_periods_in_their_order(ocpi_client, stored):
    ocpi_client.patch(f"{RECEIVER}/SES1", {"charging_periods": [period(12), period(11)], "last_updated": LATE})
    ocpi_client.patch(f"{RECEIVER}/SES1", {"charging_periods": [period(10)], "kwh": 4.5, "last_updated": LATE})

    found = ocpi_client.get(f"{RECEIVER}/SES1").data
    assert found["charging_periods"] == [
        period(10),
        period(12),
        period(11),
    ]  # one twice, as after a lost answer: it is kept once
    assert found == {**stored, "charging_periods": found["charging_periods"], "kwh": 4.5, "last_updated": LATE}


@pytest.mark.conformance("SES-16")
def test_patch_appends_to_no_periods(ocpi_client):
    ocpi_client.put(f"{RECEIVER}/SES1", theirs())

    ocpi_client.patch(f"{RECEIVER}/SES1", {"charging_periods": [period(10)], "last_updated": LATE})

    assert ocpi_client.get(f"{RECEIVER}/SES1").data["charging_periods"] == [period(10)]


@pytest.mark.conformance("SES-16")
def test_patch_with_a_broken_period_appends_none(ocpi_client, stored):
    broken = {**period(11), "dimensions": []}

    response = ocpi_client.patch(
        f"{RECEIVER}/SES1", {"charging_periods": [period(11), broken], "kwh": 20, "last_updated": LATE}
    )

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "charging_periods[1].dimensions" in response.message
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == stored


@pytest.mark.conformance("SES-17", "SES-18")
@pytest.mark.parametrize("periods", [{}, {"charging_periods": []}, {"charging_periods": None}], ids=str)
def test_patch_without_periods_leaves_them(ocpi_client, stored, periods):
    response = ocpi_client.patch(f"{RECEIVER}/SES1", {**periods, "kwh": 20, "last_updated": LATE})

    assert (response.http_status, response.status_code) == (200, 1000)
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == {**stored, "kwh": 20, "last_updated": LATE}


@pytest.mark.conformance("SES-17")
@pytest.mark.parametrize("periods", [[], None], ids=repr)
def test_patch_without_periods_adds_no_empty_list(ocpi_client, periods):
    ocpi_client.put(f"{RECEIVER}/SES1", theirs())

    ocpi_client.patch(f"{RECEIVER}/SES1", {"charging_periods": periods, "last_updated": LATE})

    assert ocpi_client.get(f"{RECEIVER}/SES1").data == theirs(last_updated=LATE)


@pytest.mark.conformance("SES-20", "T-13")
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_sessions_are_neither_deleted_nor_posted(ocpi_client, stored, method):
    response = ocpi_client.open(method, f"{RECEIVER}/SES1")

    assert (response.http_status, response.headers["Allow"]) == (405, "GET, PUT, PATCH")
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == stored


@pytest.mark.conformance("SES-26")
@pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
def test_what_the_owner_sends_after_the_end_is_stored_all_the_same(ocpi_client, stored, status):
    ocpi_client.patch(f"{RECEIVER}/SES1", {"status": status, "last_updated": LATE})

    patched = ocpi_client.patch(f"{RECEIVER}/SES1", {"kwh": 21, "charging_periods": [period(11)], "last_updated": LATE})

    assert patched.status_code == 1000
    found = ocpi_client.get(f"{RECEIVER}/SES1").data
    assert (found["kwh"], found["status"], found["charging_periods"]) == (21, status, [period(10), period(11)])
    assert ocpi_client.put(f"{RECEIVER}/SES1", theirs(kwh=22)).http_status == 200


@pytest.mark.conformance("SES-30", "SES-23")
@pytest.mark.parametrize("names", [{"location_id": "UNHEARD-OF"}, {"evse_uid": "#NA", "connector_id": "#NA"}], ids=str)
def test_unknown_places_are_no_reason_to_refuse(ocpi_client, names):
    ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), {**site(), "country_code": "DE", "party_id": "CPO"})

    response = ocpi_client.put(f"{RECEIVER}/SES1", theirs(**names))

    assert response.http_status == 201
    assert ocpi_client.get(f"{RECEIVER}/SES1").data == theirs(**names)


@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["EMSP"]), ("NL", "XYZ", ["EMSP"])]], ids=["two eMSPs"])
def test_push_says_which_of_two_emsps_it_is_for(ocpi, ocpi_client):
    unclear = ocpi_client.put(f"{RECEIVER}/SES1", theirs())
    clear = ocpi_client.put(f"{RECEIVER}/SES1", theirs(), headers=TO_XYZ)

    assert (unclear.http_status, unclear.status_code, clear.http_status) == (200, 2001, 201)
    assert list(ocpi.objects.documents("sessions", copies=True)) == [theirs()]


# From its beginning to its end, between an operator (NL-ABC) and an eMSP (FR-OTH)


@pytest.fixture
def emsp(ocpi, ocpi_other, ocpi_network):
    """The eMSP as the operator knows it."""
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    return there


def for_emsp(**changes):
    return session(cdr_token=issued_by("FR", "OTH"), **changes)


def copy_of(ocpi):
    (document,) = ocpi.objects.documents("sessions", copies=True)
    return document


@pytest.mark.conformance("SES-03", "SES-04", "SES-07")
def test_emsp_sets_the_preferences_of_its_driver(ocpi, ocpi_other, emsp, asked):
    ocpi.save("sessions", for_emsp())
    client = ocpi_other.client(ocpi_other.partners.find("NL-ABC"))

    answer = client.sessions.put_charging_preferences("SES1", GREEN)

    assert answer == "ACCEPTED"
    assert asked == [(for_emsp(), GREEN)]


@pytest.mark.conformance("SES-21")
@EVERY_STORAGE
def test_start_moves_when_the_session_becomes_active(ocpi, ocpi_other, emsp):
    plugged_in, charging = "2024-05-31T10:00:00Z", "2024-05-31T10:07:30Z"
    ocpi.save("sessions", for_emsp(status="PENDING", start_date_time=plugged_in, kwh=0))
    ocpi.push("sessions", "SES1")
    pending = copy_of(ocpi_other)

    changed = ocpi.patch("sessions", "SES1", changes={"status": "ACTIVE", "start_date_time": charging})
    ocpi.client(emsp).sessions.patch(
        "SES1", changes={name: changed[name] for name in ("status", "start_date_time", "last_updated")}
    )

    assert (pending["status"], pending["start_date_time"]) == ("PENDING", plugged_in)
    assert (changed["status"], changed["start_date_time"]) == ("ACTIVE", charging)
    assert copy_of(ocpi_other) == changed


@pytest.mark.conformance("SES-22", "SES-23", "SES-28")
def test_reservation_becomes_an_active_session(ocpi, ocpi_other, emsp):
    unassigned = {"evse_uid": "#NA", "connector_id": "#NA"}
    ocpi.save("sessions", for_emsp(status="RESERVATION", auth_method="COMMAND", kwh=0, **unassigned))
    ocpi.push("sessions", "SES1")
    reserved = copy_of(ocpi_other)

    charging = {"status": "ACTIVE", "auth_method": "WHITELIST", "evse_uid": "EVSE1", "connector_id": "1"}
    changed = ocpi.patch("sessions", "SES1", changes=charging)
    ocpi.push("sessions", "SES1")

    assert {name: reserved[name] for name in charging} == {
        "status": "RESERVATION",
        "auth_method": "COMMAND",
        **unassigned,
    }
    assert {name: changed[name] for name in charging} == charging
    assert copy_of(ocpi_other) == changed


@pytest.mark.conformance("SES-22", "SES-20", "SES-26")
def test_reservation_that_was_not_used_is_completed_and_stays(ocpi, ocpi_other, emsp):
    ocpi.save("sessions", for_emsp(status="RESERVATION", kwh=0, charging_periods=None))
    ocpi.push("sessions", "SES1")

    changed = ocpi.patch("sessions", "SES1", changes={"status": "COMPLETED", "end_date_time": LATE})
    ocpi.push("sessions", "SES1")

    assert copy_of(ocpi_other) == changed
    assert (changed["status"], changed["end_date_time"]) == ("COMPLETED", LATE)


@pytest.mark.conformance("SES-24")
def test_reference_of_a_command_comes_back_in_the_session(ocpi, ocpi_other, emsp):
    @ocpi.command("START_SESSION")
    def start(body, reply):
        names = ("country_code", "party_id", "uid", "type", "contract_id")
        cdr_token = {name: body["token"][name] for name in names}
        reference = body["authorization_reference"]
        ocpi.save("sessions", session(cdr_token=cdr_token, auth_method="COMMAND", authorization_reference=reference))
        return reply.accept(lambda: "ACCEPTED" if ocpi.push("sessions", "SES1") else "FAILED")

    ocpi.save("locations", location(evses=[evse()]))
    operator = ocpi_other.partners.find("NL-ABC")
    command = {
        "token": token(country_code="FR", party_id="OTH"),
        "location_id": "LOC1",
        "evse_uid": "EVSE1",
        "authorization_reference": "REF-of-the-command",
    }

    ocpi_other.client(operator).commands.start_session(command)

    assert copy_of(ocpi_other)["authorization_reference"] == "REF-of-the-command"


@pytest.mark.conformance("SES-24", "SES-22")
def test_last_of_several_references_comes_back_in_the_session(ocpi, ocpi_other, emsp):
    ocpi_other.save("tokens", token(country_code="FR", party_id="OTH", whitelist="NEVER"))
    ocpi.save("sessions", for_emsp(status="RESERVATION", authorization_reference="REF-of-the-reservation"))
    ocpi.push("sessions", "SES1")
    reserved = copy_of(ocpi_other)

    given = ocpi.client(emsp).tokens.authorize(token()["uid"]).info["authorization_reference"]
    ocpi.patch("sessions", "SES1", changes={"status": "ACTIVE", "authorization_reference": given})
    ocpi.push("sessions", "SES1")

    assert reserved["authorization_reference"] == "REF-of-the-reservation"
    assert copy_of(ocpi_other)["authorization_reference"] == given


@pytest.mark.conformance("SES-16", "SES-18", "SES-25")
def test_owner_sends_new_periods_by_patch_and_other_ones_by_put(ocpi, ocpi_other, emsp):
    ocpi.save("sessions", for_emsp(charging_periods=[period(10)]))
    ocpi.push("sessions", "SES1")
    with ocpi.client(emsp) as client:
        cost = {"excl_vat": 0.0}
        changed = ocpi.patch("sessions", "SES1", changes={"charging_periods": [period(11)], "total_cost": cost})
        client.sessions.patch(
            "SES1",
            changes={"charging_periods": [period(11)], "total_cost": cost, "last_updated": changed["last_updated"]},
        )
        appended = client.sessions.get_copy("SES1")

        ocpi.save("sessions", for_emsp(charging_periods=[period(10, kwh=2)]))
        ocpi.push("sessions", "SES1")
        replaced = client.sessions.get_copy("SES1")

    assert appended == changed
    assert (appended["charging_periods"], appended["total_cost"]) == ([period(10), period(11)], cost)
    assert replaced == for_emsp(charging_periods=[period(10, kwh=2)])


def test_push_goes_to_the_emsp_of_the_driver_only(ocpi, ocpi_other, ocpi_network, emsp):
    third = ocpi_network.add("third.example", [("BE", "EXT", ["EMSP"])])
    ocpi_network.connect(third, ocpi)
    ocpi.save("sessions", for_emsp())

    pushed = ocpi.push("sessions", "SES1")

    assert [(push.platform, push.error) for push in pushed] == [(emsp.id, None)]
    assert copy_of(ocpi_other) == for_emsp()
    assert list(third.objects.documents("sessions", copies=True)) == []
