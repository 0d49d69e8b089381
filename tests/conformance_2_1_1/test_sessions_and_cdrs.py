"""OCPI 2.1.1: Sessions and CDRs, which have a Location in them and a driver who is known by the contract."""

from __future__ import annotations

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.versions import documents_of
from flask_ocpi.versions import lists
from tests.conftest import EVERY_STORAGE

OF = documents_of("2.1.1")
SESSION = "/ocpi/2.1.1/receiver/sessions/NL/ABC/SES1"
SESSIONS = "/ocpi/2.1.1/sender/sessions?date_from=2020-01-01T00:00:00Z"
CDRS = "/ocpi/2.1.1/receiver/cdrs"
PERIOD = {"start_date_time": "2024-05-31T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}


@pytest.fixture
def place(cpo):
    """An operator with a location of two EVSEs."""
    evses = [documents.evse(), documents.evse(uid="EVSE2", connectors=[documents.connector(id="A")])]
    evses[0]["connectors"].append(documents.connector(id="2"))
    cpo.ocpi.save("locations", documents.location(evses=evses, postal_code="3511 ED"))
    cpo.network.requests.clear()
    return cpo


@EVERY_STORAGE
@pytest.mark.conformance("V211-30", "V211-31")
def test_session_is_listed_with_its_location(place, valid):
    session = documents.session(
        end_date_time="2024-05-31T12:00:00Z", connector_id="2", total_cost={"excl_vat": 2, "incl_vat": 2.42}
    )
    place.ocpi.save("sessions", session)

    (sent,) = place.partner.get(SESSIONS).data

    valid("sessions", "put_session", sent)
    assert (sent["start_datetime"], sent["end_datetime"]) == (session["start_date_time"], session["end_date_time"])
    assert (sent["auth_id"], sent["total_cost"]) == (session["cdr_token"]["contract_id"], 2)
    (evse,) = sent["location"]["evses"]
    assert (sent["location"]["id"], evse["uid"], [c["id"] for c in evse["connectors"]]) == ("LOC1", "EVSE1", ["2"])


@EVERY_STORAGE
@pytest.mark.conformance("V211-30", "V211-31")
def test_session_is_stored_with_the_names_of_2_2_1_and_read_as_it_came(ems):
    assert ems.partner.put(SESSION, OF.session(total_cost=2)).http_status == 201

    assert ems.partner.get(SESSION).data == OF.session(total_cost=2)
    (copy,) = ems.copies("sessions")
    assert copy["start_date_time"] == OF.session()["start_datetime"]
    assert (copy["location_id"], copy["evse_uid"], copy["connector_id"]) == ("LOC1", "EVSE1", "1")
    assert copy["total_cost"] == {"excl_vat": 2}
    token = copy["cdr_token"]
    assert (token["country_code"], token["party_id"], token["contract_id"]) == ("DE", "EMS", OF.session()["auth_id"])


@pytest.mark.conformance("V211-32")
def test_there_are_no_charging_preferences(place):
    place.ocpi.save("sessions", documents.session())

    answer = place.partner.put("/ocpi/2.1.1/sender/sessions/SES1/charging_preferences", {"profile_type": "FAST"})

    assert answer.http_status == 404


@EVERY_STORAGE
@pytest.mark.conformance("V211-33")
def test_patch_replaces_charging_periods(ems):
    ems.partner.put(SESSION, OF.session(charging_periods=[PERIOD]))
    other = {**PERIOD, "start_date_time": "2024-05-31T11:30:00Z"}

    ems.partner.patch(SESSION, {"kwh": 20, "charging_periods": [other]})

    data = ems.partner.get(SESSION).data
    assert (data["kwh"], data["charging_periods"]) == (20, [other])
    assert ems.copies("sessions")[0]["cdr_token"]["contract_id"] == OF.session()["auth_id"]


@pytest.mark.conformance("V211-34")
def test_sessions_are_asked_for_since_a_date(ems):
    with ems.ocpi.client("NL-ABC") as client:
        list(client.sessions.list())

    (asked,) = ems.network.requests
    assert "date_from=" in asked.url


@pytest.mark.conformance("V211-35")
def test_reservations_are_left_out_and_commands_are_requests(place, valid):
    place.ocpi.save("sessions", documents.session(status="RESERVATION"))
    place.ocpi.save("sessions", documents.session(id="SES2", auth_method="COMMAND"))

    (sent,) = place.partner.get(SESSIONS).data

    assert (sent["id"], sent["auth_method"]) == ("SES2", "AUTH_REQUEST")
    assert [body["id"] for body in place.sent("PUT")] == ["SES2"]


@pytest.mark.conformance("V211-36")
@pytest.mark.parametrize("where", [{"location_id": "GONE"}, {"evse_uid": "GONE"}, {"connector_id": "GONE"}])
def test_session_at_an_unknown_place_is_left_out(place, where):
    place.ocpi.save("sessions", documents.session(**where))

    assert place.partner.get(SESSIONS).data == []
    assert place.sent("PUT") == []


@pytest.mark.conformance("V211-36")
def test_session_at_a_location_that_is_not_published_is_sent(place, valid):
    place.ocpi.patch("locations", "LOC1", changes={"publish": False})
    place.ocpi.save("sessions", documents.session())

    (sent,) = place.partner.get(SESSIONS).data

    assert valid("sessions", "put_session", sent)["location"]["id"] == "LOC1"


@EVERY_STORAGE
@pytest.mark.conformance("V211-40")
def test_cdr_is_posted_and_read_again_where_location_says(ems, valid):
    cdr = OF.cdr()

    posted = ems.partner.post(CDRS, cdr)
    again = ems.partner.post(CDRS, {**cdr, "location": {**cdr["location"], "last_updated": "2024-06-01T00:00:00Z"}})
    moved = ems.partner.post(CDRS, {**cdr, "location": {**cdr["location"], "address": "Elsewhere 1"}})
    other = ems.partner.post(CDRS, {**cdr, "total_cost": 99})

    assert (posted.http_status, again.http_status) == (201, 200)
    assert (again.status_code, moved.status_code, other.status_code) == (1000, 2001, 2001)
    url = posted.headers["Location"].removeprefix("https://ours.example")
    assert valid("cdrs", "post_cdr", ems.partner.get(url).data) == cdr
    for method in ("PUT", "PATCH", "DELETE"):
        assert ems.partner.open(method, url, json=cdr).http_status == 405


@pytest.mark.conformance("V211-40")
@pytest.mark.parametrize("tokens", [[{}], [{}, {"type": "APP_USER", "uid": "APP"}]], ids=["known later", "replaced"])
def test_cdr_is_the_same_whatever_token_has_the_contract_by_then(ems, tokens):
    cdr = OF.cdr()
    answers = [ems.partner.post(CDRS, cdr).status_code]
    for token in tokens:
        ems.ocpi.save("tokens", documents.token(contract_id=cdr["auth_id"], **token))
        answers.append(ems.partner.post(CDRS, cdr).status_code)
    of_another = ems.partner.post(CDRS, {**cdr, "auth_id": "DE-EMS-OTHER"})

    assert answers == [1000] * (1 + len(tokens))
    assert of_another.status_code == 2001
    assert [copy["cdr_token"]["contract_id"] for copy in ems.copies("cdrs")] == [cdr["auth_id"]]


@EVERY_STORAGE
@pytest.mark.conformance("V211-41", "V211-42")
def test_cdr_is_stored_with_the_names_of_2_2_1(ems):
    ems.partner.post(CDRS, OF.cdr())

    (copy,) = ems.copies("cdrs")
    assert copy["end_date_time"] == OF.cdr()["stop_date_time"]
    assert copy["total_cost"] == {"excl_vat": OF.cdr()["total_cost"]}
    where = copy["cdr_location"]
    assert (where["id"], where["evse_uid"], where["connector_id"]) == ("LOC1", "EVSE1", "1")
    assert where["connector_standard"] == "IEC_62196_T2"


@EVERY_STORAGE
@pytest.mark.conformance("V211-41", "V211-42")
def test_cdr_is_listed_with_its_location_as_it_was(place, valid):
    cdr = documents.cdr(total_cost={"excl_vat": 3.125, "incl_vat": 3.78}, session_id="SES1")
    cdr["cdr_location"]["address"] = "Old Road 1"
    place.ocpi.save("cdrs", cdr)

    (sent,) = place.partner.get("/ocpi/2.1.1/sender/cdrs").data

    valid("cdrs", "post_cdr", sent)
    assert (sent["stop_date_time"], sent["total_cost"]) == (cdr["end_date_time"], 3.125)
    assert sent["location"]["address"] == "Old Road 1"
    (evse,) = sent["location"]["evses"]
    assert (evse["uid"], [c["id"] for c in evse["connectors"]]) == ("EVSE1", ["1"])
    assert "session_id" not in sent


@pytest.mark.conformance("V211-43")
def test_flat_dimension_is_kept(ems):
    periods = [{**PERIOD, "dimensions": [{"type": "FLAT", "volume": 1}, {"type": "TIME", "volume": 0.5}]}]
    location = ems.partner.post(CDRS, OF.cdr(charging_periods=periods)).headers["Location"]

    assert ems.partner.get(location.removeprefix("https://ours.example")).data["charging_periods"] == periods


@pytest.mark.conformance("V211-44")
def test_dimensions_that_there_are_not_are_left_out_and_their_period_stays(place, valid):
    periods = [
        {**PERIOD, "dimensions": [{"type": "MAX_POWER", "volume": 11}, {"type": "ENERGY", "volume": 1}]},
        {"start_date_time": "2024-05-31T11:30:00Z", "dimensions": [{"type": "RESERVATION_TIME", "volume": 0.5}]},
    ]
    place.ocpi.save("cdrs", documents.cdr(charging_periods=periods))

    (sent,) = place.sent("POST")

    valid("cdrs", "post_cdr", sent)
    assert [period["dimensions"] for period in sent["charging_periods"]] == [
        [{"type": "ENERGY", "volume": 1}],
        [{"type": "TIME", "volume": 0}],
    ]


@pytest.mark.conformance("V211-45")
def test_credit_cdrs_are_neither_listed_nor_sent(place):
    place.ocpi.save("cdrs", documents.full_cdr())

    assert place.sent("POST") == []
    assert place.partner.get("/ocpi/2.1.1/sender/cdrs").data == []


@EVERY_STORAGE
@pytest.mark.conformance("V211-13")
@pytest.mark.parametrize(
    ("most", "pages", "total"), [(200, [["A", "C"], ["D"]], 3), (3, [["A"], ["C", "D"]], 4)], ids=["short", "long"]
)
def test_total_of_cdrs_is_without_credits_in_a_list_that_is_not_long(place, monkeypatch, most, pages, total):
    monkeypatch.setattr(lists, "MOST_ANEW", most)
    for id in "ABCD":
        credit = {"credit": True, "credit_reference_id": "A", "total_cost": {"excl_vat": -2}} if id == "B" else {}
        place.ocpi.save("cdrs", documents.cdr(id=id, **credit))

    found = [place.partner.get(f"/ocpi/2.1.1/sender/cdrs?limit=2&offset={offset}") for offset in (0, 2)]

    assert [[cdr["id"] for cdr in page.data] for page in found] == pages
    assert [page.headers["X-Total-Count"] for page in found] == [str(total)] * 2


@pytest.mark.conformance("V211-46")
def test_id_of_a_cdr_has_36_characters(ems):
    assert ems.partner.post(CDRS, OF.cdr(id="C" * 36)).http_status == 201
    refused = ems.partner.post(CDRS, OF.cdr(id="C" * 37))

    assert refused.status_code == 2001
    assert "36" in refused.message


@EVERY_STORAGE
@pytest.mark.conformance("V211-47")
def test_driver_is_the_token_with_that_contract(ems):
    ems.ocpi.save("tokens", documents.token(uid="CARD", type="APP_USER", contract_id=OF.cdr()["auth_id"]))
    ems.partner.put(SESSION, OF.session())
    ems.partner.post(CDRS, OF.cdr())
    ems.partner.post(CDRS, OF.cdr(id="CDR2", auth_id="NOBODY"))

    found = [copy["cdr_token"] for copy in (*ems.copies("sessions"), *ems.copies("cdrs"))]
    assert [(token["uid"], token["type"]) for token in found] == [
        ("CARD", "APP_USER"),
        ("CARD", "APP_USER"),
        ("NOBODY", "OTHER"),
    ]


def _patched(ocpi, token):
    ocpi.patch("tokens", token["uid"], changes={"contract_id": token["contract_id"]})


def _saved(ocpi, token):
    ocpi.save("tokens", token)


def _imported(ocpi, token):
    ocpi.objects.save_all({"tokens": [documents.token(uid="OTHER", contract_id="OTHER"), token]})


@EVERY_STORAGE
@pytest.mark.conformance("V211-47")
@pytest.mark.parametrize("change", [_patched, _saved, _imported], ids=["patched", "saved", "imported"])
def test_driver_whose_token_got_another_contract_is_found_by_that(ems, change):
    old, new = documents.token(uid="CARD", contract_id="OLD"), documents.token(uid="CARD", contract_id="new")
    ems.ocpi.save("tokens", old)
    ems.partner.post(CDRS, OF.cdr(id="CDR1", auth_id="old"))
    ems.partner.post(CDRS, OF.cdr(id="CDR2", auth_id="NEW"))

    change(ems.ocpi, new)
    for number, contract in enumerate(("NEW", "OLD"), start=3):
        ems.partner.post(CDRS, OF.cdr(id=f"CDR{number}", auth_id=contract))

    assert [copy["cdr_token"]["uid"] for copy in ems.copies("cdrs")] == ["CARD", "NEW", "CARD", "OLD"]


@EVERY_STORAGE
@pytest.mark.conformance("V211-47")
def test_contract_that_a_token_gave_up_is_that_of_the_next_token_with_it(ems):
    ems.ocpi.save("tokens", documents.token(uid="LOST", contract_id="CONTRACT"))
    ems.partner.post(CDRS, OF.cdr(id="CDR1", auth_id="CONTRACT"))

    ems.ocpi.patch("tokens", "LOST", changes={"contract_id": "NONE"})
    ems.ocpi.save("tokens", documents.token(uid="NEXT", contract_id="CONTRACT"))
    ems.partner.post(CDRS, OF.cdr(id="CDR2", auth_id="CONTRACT"))

    assert [copy["cdr_token"]["uid"] for copy in ems.copies("cdrs")] == ["LOST", "NEXT"]
