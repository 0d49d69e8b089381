"""OCPI 2.1.1: Tariffs, Tokens and Commands."""

from __future__ import annotations

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.testing.versions import documents_of
from tests.conftest import EVERY_STORAGE

OF = documents_of("2.1.1")
TARIFF = "/ocpi/2.1.1/receiver/tariffs/NL/ABC/TARIFF1"
TOKEN = "/ocpi/2.1.1/receiver/tokens/DE/EMS/CARD"
AUTHORIZE = "/ocpi/2.1.1/sender/tokens/CARD/authorize"
CALLBACK = "https://theirs.example/ocpi/2.1.1/sender/commands"


def element(kind="ENERGY", price=0.25, **restrictions):
    component = {"type": kind, "price": price, "step_size": 1}
    return {"price_components": [component], **({"restrictions": restrictions} if restrictions else {})}


@EVERY_STORAGE
@pytest.mark.conformance("V211-50", "V211-54")
def test_tariff_is_put_patched_and_deleted(ems):
    assert ems.partner.put(TARIFF, OF.tariff()).http_status == 201
    assert ems.partner.patch(TARIFF, {"elements": [element("TIME", 2.5)]}).http_status == 200

    assert ems.partner.get(TARIFF).data["elements"] == [element("TIME", 2.5)]
    (copy,) = ems.copies("tariffs")
    assert (copy["country_code"], copy["party_id"]) == ("NL", "ABC")
    assert ems.partner.delete(TARIFF).http_status == 200
    assert ems.partner.get(TARIFF).http_status == 404


@pytest.mark.conformance("V211-51")
def test_tariff_is_sent_without_what_2_1_1_lacks(cpo, valid):
    cpo.ocpi.save("tariffs", documents.tariff(type="REGULAR", min_price={"excl_vat": 1}, energy_mix=GREEN))

    (sent,) = cpo.partner.get("/ocpi/2.1.1/sender/tariffs").data

    assert valid("tariffs", "put_tariff", sent) == OF.tariff(energy_mix=GREEN)


GREEN = {"is_green_energy": True}


@pytest.mark.conformance("V211-52")
@pytest.mark.parametrize("restriction", [{"min_current": 5}, {"max_current": 20}, {"reservation": "RESERVATION"}])
def test_element_with_a_restriction_that_there_is_not_is_left_out(cpo, valid, restriction):
    cpo.ocpi.save("tariffs", documents.tariff(elements=[element("TIME", 9, **restriction), element(min_kwh=2)]))
    cpo.ocpi.save("tariffs", documents.tariff(id="T2", elements=[element("TIME", 9, **restriction)]))

    (sent,) = cpo.partner.get("/ocpi/2.1.1/sender/tariffs").data

    assert valid("tariffs", "put_tariff", sent)["elements"] == [element(min_kwh=2)]
    assert [body["id"] for body in cpo.sent("PUT")] == ["TARIFF1"]


class TestGenerous:
    """As platforms read by default."""

    @pytest.fixture
    def ocpi_receive(self):
        return "tolerant"

    @pytest.mark.conformance("V211-53")
    def test_price_may_be_a_text(self, ems):
        ems.partner.put(TARIFF, OF.tariff(elements=[element("TIME", "2.00")]))

        assert ems.partner.get(TARIFF).data["elements"] == [element("TIME", 2)]

    @pytest.mark.conformance("V211-53")
    def test_example_of_a_cdr_in_the_text_is_taken(self, ems):
        cdr = OF.cdr(tariffs=[OF.tariff(elements=[element("TIME", "2.00")])])
        cdr["location"] = {**cdr["location"], "country": "BE"}

        assert ems.partner.post("/ocpi/2.1.1/receiver/cdrs", cdr).http_status == 201
        (copy,) = ems.copies("cdrs")
        assert (copy["cdr_location"]["country"], copy["tariffs"][0]["elements"]) == ("BEL", [element("TIME", 2)])


@EVERY_STORAGE
@pytest.mark.conformance("V211-60", "V211-61")
@pytest.mark.parametrize("kind", ["RFID", "OTHER"])
def test_token_is_found_by_its_uid_alone(cpo, kind):
    token = OF.token(uid="CARD", type=kind)

    assert cpo.partner.put(TOKEN, token).http_status == 201
    assert cpo.partner.patch(TOKEN, {"valid": False, "type": kind}).http_status == 200

    changed = cpo.partner.get(TOKEN).data
    assert (changed["auth_id"], changed["type"], changed["valid"]) == (token["auth_id"], kind, False)
    (copy,) = cpo.copies("tokens")
    assert (copy["contract_id"], copy["country_code"], copy["party_id"]) == (token["auth_id"], "DE", "EMS")


@pytest.mark.conformance("V211-61")
def test_unknown_token_is_404(cpo):
    assert cpo.partner.get(TOKEN).http_status == 404
    assert cpo.partner.patch(TOKEN, {"valid": False}).http_status == 404


@EVERY_STORAGE
@pytest.mark.conformance("V211-60", "V211-66")
def test_tokens_are_listed_as_cards_or_others(ems, valid):
    for kind in ("RFID", "APP_USER", "AD_HOC_USER", "OTHER"):
        ems.ocpi.save("tokens", documents.token(uid=kind, type=kind, group_id="G"))

    sent = ems.partner.get("/ocpi/2.1.1/sender/tokens").data

    assert [valid("tokens", "put_token", token)["type"] for token in sent] == ["RFID", "OTHER", "OTHER", "OTHER"]
    assert all("group_id" not in token for token in sent)


@pytest.mark.conformance("V211-62", "V211-63")
@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("RFID", ""),
        ("RFID", "?type=RFID"),
        ("RFID", "?token_type=RFID"),
        ("APP_USER", "?type=OTHER"),
        ("OTHER", "?token_type=OTHER"),
        ("AD_HOC_USER", ""),
    ],
)
def test_token_is_authorized(ems, valid, kind, query):
    ems.ocpi.save("tokens", documents.token(uid="CARD", type=kind))

    answer = ems.partner.post(f"{AUTHORIZE}{query}", {"location_id": "LOC1"})

    assert answer.data == {"allowed": "ALLOWED", "location": {"location_id": "LOC1"}}
    valid("tokens", "authorize", answer.data["location"])


@pytest.mark.conformance("V211-64")
def test_connectors_of_the_place_come_back(ems):
    ems.ocpi.save("tokens", documents.token(uid="CARD"))
    place = {"location_id": "L" * 39, "evse_uids": ["E" * 39], "connector_ids": ["1"]}

    assert ems.partner.post(AUTHORIZE, place).data["location"] == place


@pytest.mark.conformance("V211-65")
@pytest.mark.parametrize("query", ["", "?type=OTHER"])
def test_token_that_is_not_ours_is_404(ems, query):
    ems.ocpi.save("tokens", documents.token(uid="CARD2"))

    assert ems.partner.post(f"{AUTHORIZE}{query}").http_status == 404


@pytest.fixture
def charger(cpo):
    """An operator that accepts commands."""
    cpo.ocpi.save("locations", documents.location(evses=[documents.evse()]))
    cpo.ocpi.save("sessions", documents.session())
    cpo.network.requests.clear()
    cpo.asked, cpo.replies = [], []

    def accept(name):
        @cpo.ocpi.command(name)
        def answer(request, reply):
            cpo.asked.append(request)
            cpo.replies.append(reply)
            return "ACCEPTED"

    for name in ("RESERVE_NOW", "START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"):
        accept(name)
    return cpo


COMMANDS = {
    "RESERVE_NOW": {
        "token": OF.token(),
        "expiry_date": "2026-01-02T12:00:00Z",
        "reservation_id": 42,
        "location_id": "LOC1",
        "evse_uid": "EVSE1",
    },
    "START_SESSION": {"token": OF.token(), "location_id": "LOC1", "evse_uid": "EVSE1"},
    "STOP_SESSION": {"session_id": "SES1"},
    "UNLOCK_CONNECTOR": {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"},
}


def asked(ours, name, **changes):
    body = {"response_url": f"{CALLBACK}/{name}/1", **COMMANDS[name], **changes}
    return ours.partner.post(f"/ocpi/2.1.1/receiver/commands/{name}", body)


@pytest.mark.conformance("V211-70", "V211-71")
@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_answered_with_a_result_alone(charger, name):
    assert asked(charger, name).data == {"result": "ACCEPTED"}

    (request,) = charger.asked
    if "token" in request:
        token = request["token"]
        assert (token["country_code"], token["party_id"]) == ("DE", "EMS")
        assert token["contract_id"] == OF.token()["auth_id"]


@pytest.mark.conformance("V211-70")
def test_session_is_started_where_a_connector_would_have_to_be_named(charger):
    needs_one = documents.evse(uid="EVSE2", capabilities=["START_SESSION_CONNECTOR_REQUIRED"])
    charger.ocpi.save("locations", documents.location(evses=[documents.evse(), needs_one]))

    assert asked(charger, "START_SESSION", evse_uid="EVSE2").data == {"result": "ACCEPTED"}


@pytest.mark.conformance("V211-70")
def test_reservations_cannot_be_cancelled(charger):
    answer = charger.partner.post("/ocpi/2.1.1/receiver/commands/CANCEL_RESERVATION", {"reservation_id": "42"})

    assert answer.http_status == 404


@pytest.mark.conformance("V211-72", "V211-75")
@pytest.mark.parametrize(
    ("result", "sent"), [("ACCEPTED", "ACCEPTED"), ("TIMEOUT", "TIMEOUT"), ("EVSE_OCCUPIED", "REJECTED")]
)
def test_result_is_posted_in_the_same_words(charger, result, sent):
    asked(charger, "START_SESSION")

    charger.replies[0].finish({"result": result, "message": [{"language": "en", "text": "Go."}]})

    assert charger.sent("POST") == [{"result": sent}]
    assert charger.network.requests[0].url == f"{CALLBACK}/START_SESSION/1"


@pytest.mark.conformance("V211-73")
def test_reservation_id_is_a_number_there_and_a_text_here(charger):
    assert asked(charger, "RESERVE_NOW", reservation_id="42").status_code == 2001
    asked(charger, "RESERVE_NOW")

    assert [request["reservation_id"] for request in charger.asked] == ["42"]


@pytest.mark.conformance("V211-74")
def test_without_a_result_the_time_is_over_when_the_settings_say(charger, ocpi_clock):
    asked(charger, "START_SESSION")

    ocpi_clock.advance(charger.ocpi.services.settings.command_timeout + 1)
    for job in charger.ocpi.services.jobs:
        job.run()

    assert charger.sent("POST") == [{"result": "TIMEOUT"}]
