"""The platform with simulated charge points, in this process: its clock goes when a test moves it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi import Party
from flask_ocpi.exchange.pending import Call
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.sandbox import create_app
from flask_ocpi.testing.sandbox.charge_points import ChargePoints
from tests.closing import close

QUARTER = 5  # seconds, at the speed that the simulation has by default
LIMIT_8 = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 8}]}
START = {"token": token(), "location_id": "LOC1", "evse_uid": "EVSE1"}


def platform(network: Network, host: str, parties: list[tuple[str, str, list[str]]], **settings: Any) -> OCPI:
    """Add the example at ``https://host``."""
    config = {
        "TESTING": True,
        "SECRET_KEY": f"secret of {host}",
        "OCPI_BASE_URL": f"https://{host}",
        "OCPI_DISPATCHER": "inline",
        "OCPI_PARTIES": [party_settings(*party) for party in parties],
        **settings,
    }
    ocpi = OCPI(storage=MemoryStorage(), transport=network, clock=network.clock)
    network.apps[host] = create_app(config, ocpi=ocpi)
    return ocpi


def points_of(network: Network) -> ChargePoints:
    found: ChargePoints = network.apps["cpo.example"].extensions["charge_points"]
    return found


def pass_time(network: Network, quarters: int) -> None:
    """Let the sessions go on for some quarters of an hour on their clock."""
    for _ in range(quarters):
        network.clock.advance(QUARTER)
        points_of(network).tick()


@pytest.fixture
def cpo(ocpi_network: Network) -> OCPI:
    """The CPO NL ABC with three EVSEs at LOC1: two that are free and one out of order."""
    ocpi = platform(ocpi_network, "cpo.example", [("NL", "ABC", ["CPO"])])
    ocpi.save("tariffs", tariff())
    connectors = [connector(tariff_ids=["TARIFF1"])]
    evses = [evse(connectors=connectors), evse(uid="EVSE2"), evse(uid="EVSE3", status="OUTOFORDER")]
    ocpi.save("locations", location(evses=evses))
    return ocpi


@pytest.fixture
def emsp(ocpi_network: Network, cpo: OCPI) -> OCPI:
    """The eMSP DE EMS, registered with the CPO; it plans the load as well."""
    ocpi = platform(ocpi_network, "emsp.example", [("DE", "EMS", ["EMSP", "SCSP"])])
    ocpi_network.connect(ocpi, cpo)
    ocpi.save("tokens", token())
    return ocpi


def commands(emsp: OCPI) -> Any:
    return emsp.client("NL-ABC").commands


def result_of(emsp: OCPI, call: Call) -> str | None:
    """Return the result of a command or profile, which came by the time it was answered."""
    result = emsp.call(call.id).result
    return None if result is None else result["result"]


def copies(ocpi: OCPI, module: str) -> list[dict[str, Any]]:
    return list(ocpi.objects.documents(module, copies=True))


def start(emsp: OCPI, **changes: Any) -> str:
    """Start a session; return its id."""
    call = commands(emsp).start_session({**START, **changes})
    assert result_of(emsp, call) == "ACCEPTED"
    session_id: str = copies(emsp, "sessions")[-1]["id"]
    return session_id


def status_of(cpo: OCPI, uid: str = "EVSE1") -> str:
    status: str = cpo.objects.get("locations", "LOC1", uid)["status"]
    return status


@pytest.mark.conformance("CMD-21", "SES-21", "SES-24", "SES-27")
def test_a_started_session_is_pushed_and_becomes_active(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    start(emsp, authorization_reference="REF-1")
    [pending] = copies(emsp, "sessions")
    pass_time(ocpi_network, 1)

    [session] = copies(emsp, "sessions")
    assert (pending["status"], session["status"]) == ("PENDING", "ACTIVE")
    assert session["start_date_time"] > pending["start_date_time"]
    assert (session["authorization_reference"], session["auth_method"]) == ("REF-1", "COMMAND")
    assert session["cdr_token"] == {n: token()[n] for n in ("country_code", "party_id", "uid", "type", "contract_id")}
    assert status_of(cpo) == "CHARGING"


@pytest.mark.conformance("CMD-21")
def test_token_in_a_command_is_not_stored(cpo: OCPI, emsp: OCPI) -> None:
    before = copies(cpo, "tokens")  # of the driver, pushed when it was saved

    start(emsp)

    assert copies(cpo, "tokens") == before


@pytest.mark.conformance("CMD-22")
def test_a_start_asks_the_emsp_for_nothing(ocpi_network: Network, emsp: OCPI) -> None:
    start(emsp)
    pass_time(ocpi_network, 2)

    assert not [request for request in ocpi_network.requests if "/authorize" in request.url]


def test_charging_periods_and_costs_grow(ocpi_network: Network, emsp: OCPI) -> None:
    start(emsp)
    pass_time(ocpi_network, 3)

    [session] = copies(emsp, "sessions")
    assert [period["tariff_id"] for period in session["charging_periods"]] == ["TARIFF1", "TARIFF1"]
    assert session["kwh"] == 5.52  # half an hour at 16 A and 230 V on three phases
    assert session["total_cost"] == {"excl_vat": 1.38, "incl_vat": 1.67, "taxes": [{"name": "VAT", "amount": 0.29}]}


def test_a_stopped_session_is_billed(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    session_id = start(emsp, authorization_reference="REF-1")
    pass_time(ocpi_network, 5)

    call = commands(emsp).stop_session(session_id)

    [session], [cdr] = copies(emsp, "sessions"), copies(emsp, "cdrs")
    assert result_of(emsp, call) == "ACCEPTED"
    assert (session["status"], session["kwh"]) == ("COMPLETED", 11.04)
    assert (cdr["session_id"], cdr["authorization_reference"]) == (session_id, "REF-1")
    assert (cdr["total_energy"], cdr["total_time"]) == (11.04, 1.0)
    assert cdr["total_cost"] == session["total_cost"]
    assert cdr["total_cost"] == {"excl_vat": 2.76, "incl_vat": 3.34, "taxes": [{"name": "VAT", "amount": 0.58}]}
    assert cdr["end_date_time"] == session["end_date_time"]
    assert cdr["tariffs"] == [tariff(tax_included="NO")]
    assert status_of(cpo) == "AVAILABLE"


def test_a_connector_without_tariff_has_the_standard_price(ocpi_network: Network, emsp: OCPI) -> None:
    session_id = start(emsp, evse_uid="EVSE2")
    pass_time(ocpi_network, 5)
    commands(emsp).stop_session(session_id)

    [cdr] = copies(emsp, "cdrs")
    assert "tariffs" not in cdr
    assert cdr["total_cost"] == {"excl_vat": 3.86, "incl_vat": 4.68, "taxes": [{"name": "VAT", "amount": 0.82}]}


def test_a_session_that_never_began_is_billed_with_nothing(emsp: OCPI) -> None:
    session_id = start(emsp)

    commands(emsp).stop_session(session_id)

    [cdr] = copies(emsp, "cdrs")
    assert (cdr["total_energy"], cdr["total_cost"]["excl_vat"], len(cdr["charging_periods"])) == (0, 0, 1)


def test_a_full_battery_ends_the_session(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    start(emsp)
    pass_time(ocpi_network, 20)

    [session], [cdr] = copies(emsp, "sessions"), copies(emsp, "cdrs")
    assert (session["status"], session["kwh"]) == ("COMPLETED", 36)
    assert session["charging_periods"][-1]["dimensions"][-1] == {"type": "STATE_OF_CHARGE", "volume": 100}
    assert cdr["total_energy"] == 36
    assert points_of(ocpi_network).charging == {}
    assert status_of(cpo) == "AVAILABLE"


@pytest.mark.conformance("CMD-16")
def test_a_session_is_stopped_once(emsp: OCPI) -> None:
    session_id = start(emsp)
    commands(emsp).stop_session(session_id)

    again = commands(emsp).stop_session(session_id)
    unknown = commands(emsp).stop_session("SES9")

    assert (again.response["result"], unknown.response["result"]) == ("REJECTED", "UNKNOWN_SESSION")
    assert len(copies(emsp, "cdrs")) == 1


def test_two_stops_at_once_make_one_cdr(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    session_id = start(emsp)

    results = [points_of(ocpi_network).stop(Party("NL", "ABC"), session_id) for _ in range(2)]

    assert results == ["ACCEPTED", "REJECTED"]
    assert len(list(cpo.objects.documents("cdrs"))) == 1


@pytest.mark.parametrize(
    ("uid", "result"), [("EVSE1", "EVSE_OCCUPIED"), ("EVSE3", "EVSE_INOPERATIVE")], ids=["taken", "broken"]
)
def test_an_evse_that_is_not_free_starts_nothing(emsp: OCPI, uid: str, result: str) -> None:
    start(emsp)

    call = commands(emsp).start_session({**START, "evse_uid": uid})

    assert result_of(emsp, call) == result
    assert len(copies(emsp, "sessions")) == 1


def test_a_location_without_an_evse_named_gives_a_free_one(emsp: OCPI) -> None:
    taken = []
    for _ in range(2):
        result_of(emsp, commands(emsp).start_session({"token": token(), "location_id": "loc1"}))
        taken.append(copies(emsp, "sessions")[-1]["evse_uid"])

    call = commands(emsp).start_session({"token": token(), "location_id": "LOC1"})

    assert taken == ["EVSE1", "EVSE2"]
    assert result_of(emsp, call) == "EVSE_OCCUPIED"


RESERVATION = {
    "token": token(),
    "location_id": "LOC1",
    "evse_uid": "EVSE1",
    "reservation_id": "RES1",
    "expiry_date": "2026-01-01T13:00:00Z",
}


@pytest.mark.conformance("CMD-25", "SES-22", "SES-23")
def test_a_reservation_is_a_session_that_can_be_started(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    reserved = commands(emsp).reserve_now(RESERVATION)
    [reservation] = copies(emsp, "sessions")
    held = status_of(cpo)
    other = commands(emsp).start_session({**START, "token": token(uid="OTHER")})
    started = commands(emsp).start_session(START)
    pass_time(ocpi_network, 1)

    [session] = copies(emsp, "sessions")
    assert (result_of(emsp, reserved), result_of(emsp, other)) == ("ACCEPTED", "EVSE_OCCUPIED")
    assert (reservation["status"], reservation["connector_id"], held) == ("RESERVATION", "#NA", "RESERVED")
    assert result_of(emsp, started) == "ACCEPTED"
    assert (session["id"], session["status"], session["connector_id"]) == (reservation["id"], "ACTIVE", "1")


@pytest.mark.conformance("CMD-24")
def test_a_reservation_may_be_changed(cpo: OCPI, emsp: OCPI) -> None:
    commands(emsp).reserve_now(RESERVATION)

    changed = commands(emsp).reserve_now({**RESERVATION, "evse_uid": "EVSE2"})

    [session] = copies(emsp, "sessions")
    assert result_of(emsp, changed) == "ACCEPTED"
    assert session["evse_uid"] == "EVSE2"
    assert (status_of(cpo), status_of(cpo, "EVSE2")) == ("AVAILABLE", "RESERVED")


@pytest.mark.conformance("SES-22")
def test_a_reservation_is_cancelled(cpo: OCPI, emsp: OCPI) -> None:
    commands(emsp).reserve_now(RESERVATION)

    call = commands(emsp).cancel_reservation("RES1")

    [session] = copies(emsp, "sessions")
    assert result_of(emsp, call) == "ACCEPTED"
    assert (session["status"], status_of(cpo)) == ("COMPLETED", "AVAILABLE")
    assert copies(emsp, "cdrs") == []


def test_a_reservation_ends_when_it_expires(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    commands(emsp).reserve_now(RESERVATION)
    ocpi_network.clock.advance(3600)
    points_of(ocpi_network).tick()

    call = commands(emsp).cancel_reservation("RES1")

    [session] = copies(emsp, "sessions")
    assert (session["status"], status_of(cpo)) == ("COMPLETED", "AVAILABLE")
    assert call.response["result"] == "REJECTED"


def test_a_reservation_of_an_earlier_process_is_not_known(ocpi_network: Network, emsp: OCPI) -> None:
    commands(emsp).reserve_now(RESERVATION)
    points_of(ocpi_network).reservations.clear()

    call = commands(emsp).cancel_reservation("RES1")

    assert result_of(emsp, call) == "UNKNOWN_RESERVATION"


def test_unlocking_ends_the_session_there(emsp: OCPI) -> None:
    start(emsp)
    place = {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}

    results = [result_of(emsp, commands(emsp).unlock_connector(place)) for _ in range(2)]

    assert results == ["ACCEPTED", "ACCEPTED"]
    assert copies(emsp, "sessions")[0]["status"] == "COMPLETED"


def test_nobody_unlocks_a_connector_that_anothers_driver_uses(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    start(emsp)
    other = platform(ocpi_network, "other.example", [("FR", "OTH", ["EMSP"])])
    ocpi_network.connect(other, cpo)

    call = commands(other).unlock_connector({"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"})

    assert result_of(other, call) == "REJECTED"
    assert copies(emsp, "sessions")[0]["status"] == "PENDING"


@pytest.fixture
def told(ocpi_network: Network, emsp: OCPI) -> Any:
    """The active profiles that the eMSP is told, as (unit, limit)."""
    profiles: list[tuple[str, float]] = []
    app = ocpi_network.apps["emsp.example"]

    def receive(sender: Flask, profile: dict[str, Any], **payload: Any) -> None:
        active = profile["charging_profile"]
        profiles.append((active["charging_rate_unit"], active["charging_profile_period"][0]["limit"]))

    with active_charging_profile_received.connected_to(receive, sender=app):
        yield profiles


@pytest.mark.conformance("CHP-12", "CHP-13")
def test_a_profile_limits_the_session_and_its_changes_are_told(ocpi_network: Network, emsp: OCPI, told: Any) -> None:
    session_id = start(emsp)
    pass_time(ocpi_network, 2)
    profiles = emsp.client("NL-ABC").chargingprofiles

    limited = profiles.set(session_id, LIMIT_8)
    pass_time(ocpi_network, 2)
    halved = copies(emsp, "sessions")[0]["kwh"]
    cleared = profiles.clear(session_id)
    pass_time(ocpi_network, 2)

    assert (result_of(emsp, limited), result_of(emsp, cleared)) == ("ACCEPTED", "ACCEPTED")
    assert halved == 5.52
    assert copies(emsp, "sessions")[0]["kwh"] == 11.04
    assert told == [("A", 8), ("W", 11040)]


def test_nobody_is_told_of_a_profile_that_nobody_set(ocpi_network: Network, emsp: OCPI, told: Any) -> None:
    session_id = start(emsp)
    emsp.client("NL-ABC").chargingprofiles.clear(session_id)
    pass_time(ocpi_network, 2)

    assert told == []


@pytest.mark.conformance("CHP-10")
def test_the_active_profile_tells_what_comes(emsp: OCPI) -> None:
    session_id = start(emsp)
    profiles = emsp.client("NL-ABC").chargingprofiles
    periods = [{"start_period": 0, "limit": 8}, {"start_period": 600, "limit": 40}]
    profiles.set(session_id, {"charging_rate_unit": "A", "duration": 1800, "charging_profile_period": periods})

    call = profiles.get_active(session_id, duration=900)

    active = emsp.call(call.id).result["profile"]["charging_profile"]
    assert active["charging_profile_period"] == [{"start_period": 0, "limit": 8}, {"start_period": 600, "limit": 16}]
    assert (active["charging_rate_unit"], active["duration"]) == ("A", 900)


def test_profiles_of_a_session_that_is_over_are_rejected(emsp: OCPI) -> None:
    session_id = start(emsp)
    commands(emsp).stop_session(session_id)
    profiles = emsp.client("NL-ABC").chargingprofiles

    calls = [profiles.set(session_id, LIMIT_8), profiles.clear(session_id), profiles.get_active(session_id, duration=9)]

    assert [call.response["result"] for call in calls] == ["REJECTED"] * 3


def test_charging_preferences_are_accepted(cpo: OCPI, emsp: OCPI) -> None:
    cpo.patch("locations", "LOC1", "EVSE1", changes={"capabilities": ["CHARGING_PREFERENCES_CAPABLE"]})
    session_id = start(emsp)

    answer = emsp.client("NL-ABC").sessions.put_charging_preferences(session_id, {"profile_type": "REGULAR"})

    assert answer == "ACCEPTED"


@pytest.mark.conformance("TOK-12")
def test_tokens_are_authorized_from_those_that_are_stored(cpo: OCPI, emsp: OCPI) -> None:
    emsp.save("tokens", token(uid="BLOCKED", valid=False))
    tokens = cpo.client("DE-EMS").tokens

    answers = [tokens.authorize(uid) for uid in (token()["uid"], "BLOCKED", "NONE")]

    assert [answer.info and answer.info["allowed"] for answer in answers] == ["ALLOWED", "BLOCKED", None]


def test_a_new_process_goes_on_where_the_old_one_ended(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    session_id = start(emsp)
    commands(emsp).reserve_now({**RESERVATION, "evse_uid": "EVSE2"})
    pass_time(ocpi_network, 2)
    new = ChargePoints(ocpi_network.apps["cpo.example"], cpo, speed=180)
    ocpi_network.clock.advance(QUARTER)

    new.tick()

    sessions = {session["id"]: session for session in copies(emsp, "sessions")}
    assert sessions.pop(session_id)["kwh"] == 5.52
    assert [session["status"] for session in sessions.values()] == ["COMPLETED"]
    assert (status_of(cpo), status_of(cpo, "EVSE2")) == ("CHARGING", "AVAILABLE")


def test_what_is_gone_holds_up_no_other_session(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    start(emsp)
    start(emsp, evse_uid="EVSE2")
    pass_time(ocpi_network, 1)
    cpo.delete("locations", "LOC1")
    pass_time(ocpi_network, 20)

    assert [session["status"] for session in copies(emsp, "sessions")] == ["COMPLETED", "COMPLETED"]
    assert len(copies(emsp, "cdrs")) == 2


def test_a_partner_that_is_down_holds_up_nothing(ocpi_network: Network, cpo: OCPI, emsp: OCPI) -> None:
    session_id = start(emsp)
    emsp_app = ocpi_network.apps.pop("emsp.example")
    pass_time(ocpi_network, 20)
    ocpi_network.apps["emsp.example"] = emsp_app

    assert cpo.objects.get("sessions", session_id)["status"] == "COMPLETED"
    assert cpo.objects.get("cdrs", session_id)["total_energy"] == 36


@pytest.mark.conformance("HCI-08", "HCI-13")
def test_a_hub_tells_who_is_connected(ocpi_network: Network) -> None:
    hub = platform(ocpi_network, "hub.example", [("NL", "HUB", ["HUB"])])
    first = platform(ocpi_network, "first.example", [("NL", "ABC", ["CPO"])])
    second = platform(ocpi_network, "second.example", [("DE", "EMS", ["EMSP"])])

    ocpi_network.connect(first, hub)
    ocpi_network.connect(second, hub)
    connected = {info["party_id"]: info["status"] for info in copies(first, "hubclientinfo")}
    second.partners.unregister("NL-HUB")

    assert connected["EMS"] == "CONNECTED"
    assert {info["party_id"]: info["status"] for info in copies(first, "hubclientinfo")}["EMS"] == "SUSPENDED"
    assert {info["role"] for info in hub.objects.documents("hubclientinfo")} == {"CPO", "EMSP"}


@pytest.mark.parametrize(
    ("roles", "found"),
    [(["CPO"], {"locations", "tariffs"}), (["EMSP"], {"tokens"}), (["NSP"], set())],
    ids=["CPO", "EMSP", "NSP"],
)
def test_sample_data_is_of_the_own_roles(ocpi_network: Network, roles: list[str], found: set[str]) -> None:
    ocpi = platform(ocpi_network, "own.example", [("BE", "XYZ", roles)])

    result = ocpi_network.apps["own.example"].test_cli_runner().invoke(args=["sample-data"])

    kept = {module for module in ocpi.objects.modules() if list(ocpi.objects.documents(module))}
    assert (result.exit_code, kept) == (0, found)


def test_environment_variables_configure_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    parties = [party_settings("BE", "ONE", ["CPO"]), party_settings("BE", "TWO", ["EMSP", "NSP"])]
    monkeypatch.setenv("FLASK_OCPI_PARTIES", json.dumps(parties))
    monkeypatch.setenv("FLASK_INSTANCE_PATH", str(tmp_path / "instance"))
    monkeypatch.setenv("FLASK_SIMULATION_SPEED", "900")

    app = create_app()

    assert repr(app.extensions["ocpi"].services.settings) == "Settings(parties=BE-ONE, BE-TWO)"
    assert app.extensions["charge_points"].speed == 900
    assert (tmp_path / "instance" / "ocpi.sqlite3").exists()
    close(app)
