"""What OCPP charge points report: statuses, tokens, and transactions, which become sessions and CDRs."""

from __future__ import annotations

import asyncio
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from examples.ocpp_cpo import charging
from examples.ocpp_cpo import drivers
from examples.ocpp_cpo import places
from examples.ocpp_cpo.central_system import CentralSystem
from examples.ocpp_cpo.central_system import is_charge_point
from examples.ocpp_cpo.charging import Event
from examples.ocpp_cpo.charging import Reading
from examples.ocpp_cpo.connection import Connection
from flask_ocpi import UnreachableError
from tests.examples.plugged import CARD
from tests.examples.plugged import EVERY_DATABASE
from tests.examples.plugged import EVERY_VERSION
from tests.examples.plugged import KINDS
from tests.examples.plugged import Quay
from tests.examples.plugged import amounts
from tests.examples.plugged import play


@EVERY_VERSION
def test_status_of_a_connector_reaches_the_provider(quay: Quay, version: str) -> None:
    evse_uid = KINDS[version][2]

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        seen = [quay.status(evse_uid)]
        for status in ("Unavailable", "Faulted", "Reserved"):
            await charge_point.report(status)
            seen.append(quay.status(evse_uid))
        return seen

    assert play(quay, version, scene) == ["AVAILABLE", "INOPERATIVE", "OUTOFORDER", "RESERVED"]


@EVERY_DATABASE
@EVERY_VERSION
def test_card_to_cdr(quay: Quay, version: str) -> None:
    quay.token()

    async def scene(charge_point: Any, connection: Connection) -> None:
        assert await charge_point.authorize(CARD) == "Accepted"
        assert await charge_point.begin(CARD) == "Accepted"
        assert quay.status(KINDS[version][2]) == "CHARGING"
        await charge_point.measure(30, 5)
        running = quay.told("sessions")[0]
        assert (running["status"], running["kwh"], running["total_cost"]["excl_vat"]) == ("ACTIVE", 5, 2.5)
        await charge_point.measure(60, 0)
        await charge_point.end()

    play(quay, version, scene)
    session, cdr = quay.told("sessions")[0], quay.told("cdrs")[0]
    assert (session["status"], session["auth_method"]) == ("COMPLETED", "AUTH_REQUEST")
    assert session["authorization_reference"] == cdr["authorization_reference"]
    # 0.50 to start, 5 kWh at 0.40, an hour of parking at 2.40, and 21 % VAT
    assert amounts(cdr) == amounts(session) == (4.9, 5.93)
    assert (cdr["total_energy"], cdr["total_time"], cdr["total_parking_time"]) == (5, 1.5, 1)
    assert cdr["tariffs"][0]["id"] == "STANDARD"
    assert quay.asked() == 1


@pytest.mark.parametrize(
    ("allowed", "answers"),
    [
        ("BLOCKED", {"1.6": "Blocked", "2.0.1": "Blocked"}),
        ("EXPIRED", {"1.6": "Expired", "2.0.1": "Expired"}),
        ("NO_CREDIT", {"1.6": "Blocked", "2.0.1": "NoCredit"}),
        ("NOT_ALLOWED", {"1.6": "Invalid", "2.0.1": "NotAtThisLocation"}),
    ],
)
@EVERY_VERSION
def test_refusal_of_the_provider_is_told_to_the_driver(
    quay: Quay, version: str, allowed: Any, answers: dict[str, str]
) -> None:
    quay.token()
    quay.emsp.authorizer(lambda token, location: allowed)

    async def scene(charge_point: Any, connection: Connection) -> str:
        return str(await charge_point.authorize(CARD))

    assert play(quay, version, scene) == answers[version]


@pytest.mark.parametrize(
    ("whitelist", "valid", "answer", "asked"),
    [
        ("ALWAYS", True, "Accepted", 0),
        ("ALWAYS", False, "Blocked", 0),
        ("ALLOWED", True, "Accepted", 0),
        ("ALLOWED", False, "Blocked", 1),
        ("ALLOWED_OFFLINE", True, "Accepted", 1),
        ("NEVER", True, "Accepted", 1),
    ],
)
def test_whitelist_says_whether_the_provider_is_asked(
    quay: Quay, whitelist: str, valid: bool, answer: str, asked: int
) -> None:
    quay.token(whitelist=whitelist, valid=valid)

    async def scene(charge_point: Any, connection: Connection) -> str:
        return str(await charge_point.authorize(CARD))

    assert (play(quay, "1.6", scene), quay.asked()) == (answer, asked)


def test_copy_decides_when_the_provider_cannot_be_reached(quay: Quay) -> None:
    quay.token(whitelist="ALLOWED_OFFLINE")
    quay.token("04NEVER", whitelist="NEVER")
    quay.network.before_send = _cut

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        return [await charge_point.authorize(uid) for uid in (CARD, "04NEVER")]

    assert play(quay, "1.6", scene) == ["Accepted", "Invalid"]


def _cut(request: Any) -> None:
    raise UnreachableError("The line is cut.")


@EVERY_VERSION
def test_token_that_nobody_knows_starts_no_session(quay: Quay, version: str) -> None:
    async def scene(charge_point: Any, connection: Connection) -> str:
        assert await charge_point.authorize("0000") == ("Invalid" if version == "1.6" else "Unknown")
        return str(await charge_point.begin("0000"))

    assert play(quay, version, scene) != "Accepted"
    assert (quay.told("sessions"), quay.told("cdrs")) == ([], [])
    assert "0 kWh, nobody pays: the token 0000 was not admitted\n" in quay.cli("transactions")


@pytest.mark.parametrize(("whitelist", "sessions"), [("ALLOWED_OFFLINE", 1), ("NEVER", 0)])
@EVERY_VERSION
def test_transaction_that_is_reported_later_is_whitelisted(
    quay: Quay, version: str, whitelist: str, sessions: int
) -> None:
    quay.token(whitelist=whitelist)
    quay.emsp.authorizer(lambda token, location: "BLOCKED")

    async def scene(charge_point: Any, connection: Connection) -> None:
        charge_point.offline = True  # OCPP 1.6 has no word for it, but the transaction began three hours ago
        await charge_point.begin(CARD)
        if charge_point.transaction is not None:
            await charge_point.measure(60, 10)
            await charge_point.end()

    play(quay, version, scene)
    assert [cdr["auth_method"] for cdr in quay.told("cdrs")] == ["WHITELIST"] * sessions


@EVERY_VERSION
def test_messages_that_come_again_change_nothing(quay: Quay, version: str) -> None:
    quay.token()

    async def scene(charge_point: Any, connection: Connection) -> None:
        sent: list[str] = []
        send = charge_point._send

        async def twice(message: str) -> None:
            await send(message)
            if message.startswith("[2"):
                await send(message)
                sent.append(message)

        charge_point._send = twice
        await charge_point.begin(CARD)
        await charge_point.measure(60, 10)
        await charge_point.end()
        assert len(sent) >= 3

    play(quay, version, scene)
    assert [session["kwh"] for session in quay.told("sessions")] == [10]
    assert [cdr["total_energy"] for cdr in quay.told("cdrs")] == [10]


@EVERY_VERSION
def test_transaction_goes_on_at_another_connection(quay: Quay, version: str) -> None:
    make, id, _, cls = KINDS[version]
    quay.token()

    async def scene() -> None:
        charge_point = make(id)
        async with quay.plugged(charge_point, cls):
            await charge_point.begin(CARD)
            await charge_point.measure(30, 5)
        async with quay.plugged(charge_point, cls):
            await charge_point.measure(30, 5)
            await charge_point.end()

    asyncio.run(scene())
    assert [(cdr["total_energy"], cdr["total_time"]) for cdr in quay.told("cdrs")] == [(10, 1)]


def test_token_that_comes_after_the_cable_pays_from_then_on(quay: Quay) -> None:
    quay.token()

    async def scene(charge_point: Any, connection: Connection) -> str | None:
        charge_point.transaction = "T1"
        await charge_point.event("Started", "CablePluggedIn")
        assert quay.told("sessions") == []
        charge_point.pass_time(10, 0.2)
        token = {"id_token": CARD, "type": "ISO14443"}
        status: str | None = await charge_point.event("Updated", "Authorized", id_token=token)
        await charge_point.measure(60, 10)
        await charge_point.end()
        return status

    assert play(quay, "2.0.1", scene) == "Accepted"
    assert [(cdr["total_energy"], cdr["total_time"]) for cdr in quay.told("cdrs")] == [(10, 1)]
    assert quay.told("sessions")[0]["kwh"] == 10


def test_silent_charge_point_is_unknown_until_it_is_back(quay: Quay) -> None:
    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        seen = [quay.status("QUAY-1")]
        quay.call(places.miss_silent, 3600)
        seen.append(quay.status("QUAY-1"))
        quay.call(places.miss_silent, -1)
        seen.append(quay.status("QUAY-1"))
        quay.call(places.connected, "CP-16", "another")
        return [*seen, quay.status("QUAY-1")]

    assert play(quay, "1.6", scene) == ["AVAILABLE", "AVAILABLE", "UNKNOWN", "AVAILABLE"]


def test_whole_charge_point_out_of_use_is_told_of_its_evses(quay: Quay) -> None:
    def seen(status: str) -> str:
        quay.call(places.report, "CP-16", 0, 0, status)
        return quay.status("QUAY-1")

    quay.call(places.connected, "CP-16", "here")

    assert [seen(status) for status in ("Unavailable", "Available", "Faulted")] == [
        "INOPERATIVE",
        "INOPERATIVE",
        "OUTOFORDER",
    ]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["AVAILABLE", "CHARGING"], "CHARGING"),
        (["OUTOFORDER", "AVAILABLE"], "AVAILABLE"),
        (["UNKNOWN", "INOPERATIVE"], "INOPERATIVE"),
        ([], "UNKNOWN"),
    ],
)
def test_evse_with_several_connectors_has_one_status(statuses: list[str], status: str) -> None:
    assert places.combined(statuses) == status


def test_times_of_many_readings_add_up(quay: Quay) -> None:
    quay.token(whitelist="ALWAYS")
    start = datetime(2026, 1, 1, 8, tzinfo=UTC)
    first = Event("CP-16", start, reference="T1", evse=1, id_tag=CARD, readings=[Reading(start, 0)])
    readings = [Reading(start + timedelta(minutes=n), 33.3 * n) for n in range(1, 101)]
    last = Event("CP-16", readings[-1].moment, reference="T1", readings=readings, ended=True)

    number = quay.call(charging.handle, first).number
    assert quay.call(charging.handle, last).number == number

    cdr = quay.told("cdrs")[0]
    assert len(cdr["charging_periods"]) == 100
    volumes = [{d["type"]: d["volume"] for d in period["dimensions"]} for period in cdr["charging_periods"]]
    assert round(sum(each["TIME"] for each in volumes), 4) == cdr["total_time"] == 1.6667
    assert round(sum(each["ENERGY"] for each in volumes), 4) == cdr["total_energy"] == 3.33


def test_readings_of_a_register_that_began_anew_are_left_out(quay: Quay) -> None:
    quay.token(whitelist="ALWAYS")
    start = datetime(2026, 1, 1, 8, tzinfo=UTC)
    hours = [start + timedelta(hours=n) for n in range(4)]
    event = Event("CP-16", start, reference="T1", evse=1, id_tag=CARD, readings=[Reading(hours[0], 1000)])
    later = [Reading(hours[1], 3000), Reading(hours[2], 10), Reading(hours[3], 5000)]

    quay.call(charging.handle, event)
    quay.call(charging.handle, Event("CP-16", hours[3], reference="T1", readings=later, ended=True))

    assert quay.told("cdrs")[0]["total_energy"] == 4


def test_transaction_at_no_connector_of_ours_is_not_stored(quay: Quay, caplog: pytest.LogCaptureFixture) -> None:
    quay.token(whitelist="ALWAYS")

    outcome = quay.call(
        charging.handle, Event("CP-16", datetime(2026, 1, 1, tzinfo=UTC), reference="T1", evse=7, id_tag=CARD)
    )

    assert (outcome.number, quay.told("sessions"), quay.cli("transactions")) == (0, [], "")
    assert "at no connector of ours" in caplog.text


def test_session_ends_although_it_cannot_be_billed(quay: Quay, caplog: pytest.LogCaptureFixture) -> None:
    quay.token(whitelist="ALWAYS")
    start = datetime(2026, 1, 1, 8, tzinfo=UTC)
    quay.call(charging.handle, Event("CP-16", start, reference="T1", evse=1, id_tag=CARD))
    quay.ocpi.delete("locations", "QUAY")

    quay.call(charging.handle, Event("CP-16", start, reference="T1", readings=[Reading(start, 5)], ended=True))

    assert quay.told("sessions")[0]["status"] == "COMPLETED"
    assert "There is no CDR of the session" in caplog.text


def test_password_is_that_of_the_charge_point(quay: Quay) -> None:
    password = quay.cli("add-charge-point", "CP-2", "1.2=QUAY/QUAY-1/1").strip()
    tries = [("CP-2", password), ("CP-2", ""), ("CP-16", password), ("NONE", ""), ("", "")]

    assert [quay.call(is_charge_point, *each) for each in tries] == [True, False, False, False, False]


def test_connection_that_cannot_be_noted_is_forgotten(quay: Quay, monkeypatch: pytest.MonkeyPatch) -> None:
    class Websocket:
        subprotocol = "ocpp1.6"
        request = Request("/ocpp/CP-16", Headers())

    def fail(charge_point: str, connection: str) -> None:
        raise OSError("The database is away.")

    monkeypatch.setattr(places, "connected", fail)
    system = CentralSystem(quay.app)

    with pytest.raises(OSError, match="is away"):
        asyncio.run(system.connected(Websocket()))  # type: ignore[arg-type]

    system.threads.shutdown()
    assert system.connections == {}


def test_location_of_the_charge_point_is_told_to_the_provider(quay: Quay) -> None:
    quay.token()
    asked: list[Any] = []
    quay.emsp.authorizer(lambda token, location: asked.append(location))

    quay.call(drivers.ask, "CP-16", CARD)

    assert asked == [{"location_id": "QUAY", "evse_uids": ["QUAY-1"]}]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["CP-16", "1=QUAY/QUAY-1/1"], "There is a charge point CP-16 already."),
        (["CP-9", "QUAY-1"], "'QUAY-1' is not like 1=QUAY/QUAY-1/1"),
        (["CP-9", "1=QUAY/QUAY-9/1"], "1=QUAY/QUAY-9/1: "),
    ],
)
def test_charge_point_that_cannot_be_added_is_refused(quay: Quay, arguments: list[str], reason: str) -> None:
    result = quay.app.test_cli_runner().invoke(args=["add-charge-point", *arguments])

    assert result.exit_code != 0
    assert reason in result.output
    assert quay.call(is_charge_point, "CP-9", "") is False
