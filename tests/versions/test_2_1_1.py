"""OCPI 2.1.1 beside 2.2.1: one object reaches both partners, and what each of them sends is stored in one shape."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import NotSaidError
from flask_ocpi.outbox import deliveries
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from tests.conftest import EVERY_STORAGE

BOTH = (V2_2_1, V2_1_1)


class House:
    """A CPO that speaks both versions, with an eMSP of each."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=BOTH)
        self.old = network.add("old.example", [("DE", "EMS", ["EMSP"])], versions=(V2_1_1,))
        self.new = network.add("new.example", [("NL", "NEW", ["EMSP"])], versions=(V2_2_1,))
        self.there, self.here = network.connect(self.old, self.cpo)
        network.connect(self.new, self.cpo)
        network.requests.clear()

    def sent(self, host, *methods):
        found = [request for request in self.network.requests if request.url.startswith(f"https://{host}/")]
        return [request for request in found if not methods or request.method in methods]

    def findings(self):
        self.cpo.findings.flush()
        return [entry.finding for entry in self.cpo.findings.list(platform=self.here.id)]


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


def body_of(request):
    return orjson.loads(request.body)


def a_location(**changes):
    evses = [documents.evse(), documents.evse(uid="EVSE2")]
    return documents.location(postal_code="3511 ED", parking_type="ON_STREET", evses=evses, **changes)


def copies(ocpi, module):
    return list(ocpi.objects.documents(module, copies=True))


# What is pushed.


@EVERY_STORAGE
def test_one_location_reaches_both_and_a_change_of_status_is_a_patch(house):
    location = a_location()
    house.cpo.save("locations", location)
    house.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    put, patch = house.sent("old.example")
    assert body_of(put)["type"] == "ON_STREET"
    assert (patch.method, set(body_of(patch))) == ("PATCH", {"status", "last_updated"})
    saved = house.cpo.objects.get("locations", "LOC1")
    assert copies(house.old, "locations") == copies(house.new, "locations") == [saved]


def test_change_that_reads_otherwise_in_2_1_1_is_the_whole_object(house):
    house.cpo.save("locations", a_location())
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", changes={"parking_type": "PARKING_LOT"})

    (put,) = house.sent("old.example")
    assert (put.method, body_of(put)["type"]) == ("PUT", "PARKING_LOT")


@EVERY_STORAGE
def test_location_that_is_not_published_goes_to_the_other_version_only(house):
    house.cpo.save("locations", a_location(publish=False))

    assert house.sent("old.example") == []
    assert len(house.sent("new.example")) == 1
    assert list(house.cpo.outbox.list(house.here)) == []
    (finding,) = house.findings()
    assert (finding.kind, finding.object, finding.path) == ("not_sent", "NL ABC LOC1", "")
    assert "not published" in finding.outcome

    house.cpo.patch("locations", "LOC1", changes={"publish": True})

    assert [request.method for request in house.sent("old.example")] == ["PUT"]


@EVERY_STORAGE
def test_location_that_is_unpublished_has_its_evses_removed_at_a_partner_that_has_it(house):
    house.cpo.save("locations", a_location())
    house.network.requests.clear()

    house.cpo.patch("locations", "LOC1", changes={"publish": False})
    house.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    (put,) = house.sent("old.example")
    assert (put.method, [evse["status"] for evse in body_of(put)["evses"]]) == ("PUT", ["REMOVED", "REMOVED"])
    assert [copy["publish"] for copy in copies(house.new, "locations")] == [False]

    house.cpo.patch("locations", "LOC1", changes={"publish": True})

    (copy,) = copies(house.old, "locations")
    assert [evse["status"] for evse in copy["evses"]] == ["CHARGING", "AVAILABLE"]


@EVERY_STORAGE
def test_lists_have_what_2_1_1_can_say_and_a_total_that_fits(house):
    for number in range(4):
        house.cpo.save("locations", a_location(id=f"LOC{number}", publish=number != 2))

    with house.old.client("NL-ABC") as client:
        listing = client.locations.list()
        listed = [location["id"] for location in listing]
        paged = [location["id"] for location in client.locations.list(limit=1)]
        with pytest.raises(Exception, match="LOC2"):
            client.locations.get("LOC2")

    assert listed == paged == ["LOC0", "LOC1", "LOC3"]
    house.old.findings.flush()
    assert list(house.old.findings.list(kind="wrong_total")) == []
    assert (listing.total, listing.broken) == (3, [])
    left_out = {finding.object for finding in house.findings() if not finding.path}
    assert left_out == {"NL ABC LOC2", "LOC2"}


def test_object_of_a_list_that_changes_is_converted_anew(house):
    house.cpo.save("tariffs", documents.tariff())
    with house.old.client("NL-ABC") as client:
        first = list(client.tariffs.list())
        house.cpo.patch("tariffs", "TARIFF1", changes={"currency": "GBP"})
        second = list(client.tariffs.list())

    assert [tariff["currency"] for tariff in (*first, *second)] == ["EUR", "GBP"]


@EVERY_STORAGE
def test_session_is_sent_with_its_location_and_comes_with_our_token(house):
    house.old.save("tokens", documents.token(uid="CARD", contract_id="DE-EMS-C12E46L89"))
    house.cpo.save("locations", a_location())
    session = documents.session(total_cost={"excl_vat": 1.5, "incl_vat": 1.8})
    house.cpo.save("sessions", session)

    (put,) = house.sent("old.example", "PUT")[1:]
    sent = body_of(put)
    assert [evse["uid"] for evse in sent["location"]["evses"]] == ["EVSE1"]
    assert (sent["auth_id"], sent["total_cost"]) == ("DE-EMS-C12E46L89", 1.5)
    (copy,) = copies(house.old, "sessions")
    assert copy["cdr_token"] == {**session["cdr_token"], "uid": "CARD"}
    assert (copy["location_id"], copy["evse_uid"], copy["connector_id"]) == ("LOC1", "EVSE1", "1")
    assert copy["total_cost"] == {"excl_vat": 1.5}


def test_driver_whose_token_we_do_not_hold_has_the_contract_as_uid(house):
    house.cpo.save("locations", a_location())
    house.cpo.save("sessions", documents.session())

    (copy,) = copies(house.old, "sessions")

    token = copy["cdr_token"]
    assert (token["uid"], token["type"], token["contract_id"]) == ("DE-EMS-C12E46L89", "OTHER", "DE-EMS-C12E46L89")


@EVERY_STORAGE
def test_token_is_found_that_was_saved_after_others_were_looked_for(house):
    house.cpo.save("locations", a_location())
    for number in range(3):
        contract = f"DE-EMS-{number}"
        house.old.save("tokens", documents.token(uid=f"CARD{number}", contract_id=contract, type="APP_USER"))
        token = {**documents.session()["cdr_token"], "contract_id": contract}
        house.cpo.save("sessions", documents.session(id=f"SES{number}", cdr_token=token))

    found = [copy["cdr_token"] for copy in copies(house.old, "sessions")]
    assert [(token["uid"], token["type"]) for token in found] == [(f"CARD{n}", "APP_USER") for n in range(3)]


def test_session_whose_location_is_not_known_is_left_out_with_a_finding(house):
    house.cpo.save("sessions", documents.session(location_id="GONE"))

    assert house.sent("old.example") == []
    with house.old.client("NL-ABC") as client:
        listing = client.sessions.list()
        assert list(listing) == []
    assert (listing.total, listing.broken) == (0, [])
    assert {finding.object for finding in house.findings()} == {"NL ABC SES1"}
    assert all("GONE" in finding.outcome for finding in house.findings())


@EVERY_STORAGE
def test_session_that_is_saved_before_its_location_is_sent_once_the_location_is_there(house, ocpi_clock):
    driver = {**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    house.cpo.save("sessions", documents.session(cdr_token=driver))
    (waiting,) = house.cpo.outbox.list(house.here)
    assert "LOC1 is not known here" in waiting.error

    house.cpo.save("locations", a_location())
    ocpi_clock.advance(400)
    house.cpo.outbox.flush()

    assert [copy["id"] for copy in copies(house.old, "sessions")] == ["SES1"]
    assert list(house.cpo.outbox.list(house.here)) == []


def test_sessions_that_wait_for_a_location_hold_up_no_other_object(house):
    driver = {**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    for number in range(10):
        house.cpo.save("sessions", documents.session(id=f"SES{number}", location_id="GONE", cdr_token=driver))

    house.cpo.save("locations", a_location())

    assert [copy["id"] for copy in copies(house.old, "locations")] == ["LOC1"]


def test_session_whose_location_never_comes_is_parked(house, ocpi_clock, monkeypatch):
    monkeypatch.setattr(deliveries, "_MOST_WAITS", 2)
    driver = {**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    house.cpo.save("sessions", documents.session(cdr_token=driver))
    for _ in range(3):
        ocpi_clock.advance(400)
        house.cpo.outbox.flush()

    (entry,) = house.cpo.outbox.list(house.here)

    assert (entry.state, entry.attempts) == ("parked", 3)


def test_session_that_is_out_of_the_ordinary_holds_up_no_other(house):
    house.cpo.save("locations", a_location())
    house.cpo.save("sessions", documents.session(id="ODD"))
    house.cpo.save("sessions", documents.session())
    storage = house.cpo.services.storage
    key = Key.of("NL", "ABC", "ODD")
    record = storage.get("sessions", key)
    odd = {name: value for name, value in record.document.items() if name != "location_id"}
    storage.save("sessions", key, Record.of(odd, last_updated=record.last_updated))

    with house.old.client("NL-ABC") as client:
        assert [session["id"] for session in client.sessions.list()] == ["SES1"]


@EVERY_STORAGE
def test_sessions_of_a_list_read_their_locations_at_once(house, monkeypatch):
    for number in range(3):
        house.cpo.save("locations", a_location(id=f"LOC{number}"))
        house.cpo.save("sessions", documents.session(id=f"SES{number}", location_id=f"LOC{number}"))
    storage, asked = house.cpo.services.storage, []
    get_many = storage.get_many

    def counted(kind, keys, **options):
        asked.append((kind, len(keys)))
        return get_many(kind, keys, **options)

    monkeypatch.setattr(storage, "get_many", counted)
    with house.old.client("NL-ABC") as client:
        assert [session["location_id"] for session in client.sessions.list()] == ["LOC0", "LOC1", "LOC2"]

    assert [item for item in asked if item[0] == "locations"] == [("locations", 3)]


@EVERY_STORAGE
def test_session_that_grows_grows_at_the_partner(house):
    house.cpo.save("locations", a_location())
    house.cpo.save("sessions", documents.session())
    period = {"start_date_time": "2024-05-31T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}

    house.cpo.patch("sessions", "SES1", changes={"kwh": 13})
    house.cpo.patch("sessions", "SES1", changes={"charging_periods": [period]})
    house.cpo.patch("sessions", "SES1", changes={"end_date_time": "2024-05-31T12:00:00Z", "status": "COMPLETED"})

    assert [request.method for request in house.sent("old.example")[1:]] == ["PUT", "PATCH", "PUT", "PUT"]
    (copy,) = copies(house.old, "sessions")
    own = house.cpo.objects.get("sessions", "SES1")
    names = ("kwh", "charging_periods", "end_date_time", "status", "last_updated")
    assert {name: copy[name] for name in names} == {name: own[name] for name in names}


@EVERY_STORAGE
def test_cdr_is_posted_read_again_and_pulled(house):
    house.cpo.save("locations", a_location())
    cdr = documents.cdr(tariffs=[documents.tariff()])

    house.cpo.save("cdrs", cdr)

    (post,) = house.sent("old.example", "POST")
    assert (body_of(post)["stop_date_time"], body_of(post)["total_cost"]) == (cdr["end_date_time"], 3.125)
    assert body_of(post)["location"]["evses"][0]["connectors"][0]["voltage"] == 230
    (copy,) = copies(house.old, "cdrs")
    place = {**cdr["cdr_location"], "postal_code": "3511 ED"}  # which 2.1.1 needs, and the Location has
    assert (copy["cdr_location"], copy["total_cost"]) == (place, {"excl_vat": 3.125})
    with house.cpo.client(house.here) as client:
        again = client.cdrs.get_copy(cdr["id"])
    assert (again["cdr_location"], again["total_cost"]) == (place, {"excl_vat": 3.125})


def test_cdr_at_a_location_that_is_not_known_names_no_voltage(house):
    house.cpo.save("cdrs", documents.cdr())

    (post,) = house.sent("old.example", "POST")
    (connector,) = body_of(post)["location"]["evses"][0]["connectors"]
    assert (connector["voltage"], connector["amperage"]) == (0, 0)
    told = [finding.outcome for finding in house.findings() if finding.path == "cdr_location"]
    assert any("voltage" in outcome for outcome in told)


def test_credit_cdr_is_not_sent(house):
    house.cpo.save("cdrs", documents.full_cdr())

    assert house.sent("old.example", "POST") == []
    assert any("credit" in finding.outcome for finding in house.findings())


def test_tariff_is_sent_without_elements_whose_restrictions_are_not_known(house):
    plain = documents.tariff()["elements"][0]
    dear = {**plain, "restrictions": {"reservation": "RESERVATION"}, "price_components": [{**TIME, "price": 9}]}

    house.cpo.save("tariffs", documents.tariff(elements=[dear, plain]))
    house.cpo.save("tariffs", documents.tariff(id="T2", elements=[dear]))

    (put,) = house.sent("old.example")
    assert [element["price_components"][0]["type"] for element in body_of(put)["elements"]] == ["ENERGY"]
    assert {(finding.object, finding.path) for finding in house.findings()} >= {
        ("NL ABC TARIFF1", "elements[]"),
        ("NL ABC T2", ""),
    }


TIME = {"type": "TIME", "price": 1, "step_size": 1}


def test_tariff_that_is_removed_is_removed(house):
    house.cpo.save("tariffs", documents.tariff())
    house.cpo.patch("tariffs", "TARIFF1", changes={"tariff_alt_url": "https://example.com/t"})
    house.cpo.delete("tariffs", "TARIFF1")

    assert [request.method for request in house.sent("old.example")] == ["PUT", "PATCH", "DELETE"]
    assert copies(house.old, "tariffs") == []


@EVERY_STORAGE
def test_tokens_are_pushed_without_their_type_in_the_url(house):
    token = documents.token(type="APP_USER")
    house.old.save("tokens", token)
    house.old.patch("tokens", token["uid"], "APP_USER", changes={"valid": False})

    put, patch = house.sent("cpo.example", "PUT", "PATCH")
    assert put.url == patch.url == f"https://cpo.example/ocpi/2.1.1/receiver/tokens/DE/EMS/{token['uid']}"
    assert (body_of(put)["type"], body_of(put)["auth_id"]) == ("OTHER", token["contract_id"])
    (copy,) = copies(house.cpo, "tokens")
    assert (copy["type"], copy["valid"]) == ("OTHER", False)


@pytest.mark.parametrize("kind", ["RFID", "APP_USER"])
def test_tokens_are_authorized(house, kind):
    token = documents.token(type=kind, whitelist="NEVER")
    house.old.save("tokens", token)
    known = "RFID" if kind == "RFID" else "OTHER"

    with house.cpo.client(house.here) as client:
        answer = client.tokens.authorize(token["uid"], type=known, location={"location_id": "LOC1"})
        unknown = client.tokens.authorize("NOBODY")

    (post,) = house.sent("old.example", "POST")[:1]
    assert post.url.endswith(f"/tokens/{token['uid']}/authorize?type={known}")
    assert answer.is_allowed
    assert answer.info["token"] == {**token, "type": known}
    assert answer.info["location"] == {"location_id": "LOC1"}
    assert unknown.info is None


@EVERY_STORAGE
def test_sync_brings_the_same_as_pushes(ocpi_network, ocpi_storage):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_1_1,))
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], storage=ocpi_storage, versions=BOTH)
    ems.save("tokens", documents.token(uid="CARD"))
    cpo.save("locations", a_location())
    cpo.save("tariffs", documents.tariff())
    cpo.save("sessions", documents.session())
    cpo.save("cdrs", documents.cdr())
    ocpi_network.connect(ems, cpo)

    synced = ems.sync()

    assert [(item.module, item.error) for item in synced if item.error] == []
    assert copies(ems, "locations") == [cpo.objects.get("locations", "LOC1")]
    assert [session["cdr_token"]["uid"] for session in copies(ems, "sessions")] == ["CARD"]
    assert [cdr["cdr_token"]["uid"] for cdr in copies(ems, "cdrs")] == ["CARD"]
    assert [tariff["id"] for tariff in copies(ems, "tariffs")] == ["TARIFF1"]


# Commands.


@pytest.fixture
def asked(house):
    house.cpo.save("locations", a_location())
    house.network.requests.clear()
    house.requests, house.replies = [], []

    for name in ("START_SESSION", "STOP_SESSION", "RESERVE_NOW", "UNLOCK_CONNECTOR"):

        @house.cpo.command(name)
        def answer(request, reply):
            house.requests.append(request)
            house.replies.append(reply)
            return "ACCEPTED"

    return house


START = {"token": documents.token(), "location_id": "LOC1", "evse_uid": "EVSE1"}


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        ("ACCEPTED", "ACCEPTED"),
        ("EVSE_OCCUPIED", "REJECTED"),
        ("TIMEOUT", "TIMEOUT"),
        ("NOT_SUPPORTED", "NOT_SUPPORTED"),
    ],
)
def test_command_and_its_result(asked, result, sent):
    with asked.old.client("NL-ABC") as client:
        call = client.commands.start_session({**START, "connector_id": "1", "authorization_reference": "A1"})
    asked.replies[0].finish(result)

    (command,) = asked.sent("cpo.example", "POST")
    assert {"connector_id", "authorization_reference"}.isdisjoint(body_of(command))
    assert asked.requests == [START]
    assert call.response == {"result": "ACCEPTED", "timeout": asked.old.services.settings.command_timeout}
    (posted,) = asked.sent("old.example", "POST")
    assert body_of(posted) == {"result": sent}
    assert asked.old.call(call.id).result == {"result": sent}


@EVERY_STORAGE
def test_reservation_has_a_number_there_and_a_text_here(asked):
    reserved = {**START, "expiry_date": "2026-01-02T12:00:00Z", "reservation_id": "42"}
    with asked.old.client("NL-ABC") as client:
        call = client.commands.reserve_now(reserved)
        with pytest.raises(NotSaidError, match="whole number"):
            client.commands.reserve_now({**reserved, "reservation_id": "RES1"})
    asked.replies[0].finish("ACCEPTED")

    (command,) = asked.sent("cpo.example", "POST")
    assert body_of(command)["reservation_id"] == 42
    assert asked.requests[0]["reservation_id"] == "42"
    assert asked.old.call(call.id).result == {"result": "ACCEPTED"}


def test_reservation_that_was_made_cannot_be_taken_back(asked, caplog):
    reserved = {**START, "expiry_date": "2026-01-02T12:00:00Z", "reservation_id": "42"}
    with asked.old.client("NL-ABC") as client:
        client.commands.reserve_now(reserved)
    asked.replies[0].finish("ACCEPTED")
    asked.network.requests.clear()

    asked.replies[0].finish("CANCELED_RESERVATION")

    assert asked.sent("old.example") == []
    assert "cannot take back a reservation" in caplog.text


def test_reservations_are_not_cancelled_in_2_1_1(asked):
    with asked.old.client("NL-ABC") as client, pytest.raises(Exception, match="no such operation"):
        client.commands.cancel_reservation("42")


@EVERY_STORAGE
def test_session_is_stopped_and_a_connector_unlocked(asked):
    asked.cpo.save("sessions", documents.session())
    with asked.old.client("NL-ABC") as client:
        assert client.commands.stop_session("SES1").is_accepted
        assert client.commands.stop_session("NONE").response["result"] == "UNKNOWN_SESSION"
        place = {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
        assert client.commands.unlock_connector(place).is_accepted

    assert asked.requests == [{"session_id": "SES1"}, place]


def test_a_partner_of_2_1_1_is_asked_for_a_command(ocpi_network, ocpi_storage):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_1_1,))
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], storage=ocpi_storage, versions=BOTH)
    cpo.save("locations", a_location())
    ocpi_network.connect(ems, cpo)
    cpo.command("START_SESSION")(lambda request, reply: reply.accept(lambda: "UNKNOWN_RESERVATION"))

    with ems.client("NL-ABC") as client:
        call = client.commands.start_session(START)

    assert call.is_accepted
    assert ems.call(call.id).result == {"result": "REJECTED"}


def test_endpoints_have_the_sides_of_an_operator(house):
    assert house.there.endpoint("locations", InterfaceRole.SENDER) == "https://cpo.example/ocpi/2.1.1/sender/locations"
    assert house.there.endpoint("tokens", InterfaceRole.RECEIVER) == "https://cpo.example/ocpi/2.1.1/receiver/tokens"
    assert house.there.endpoint("chargingprofiles", InterfaceRole.RECEIVER) is None
