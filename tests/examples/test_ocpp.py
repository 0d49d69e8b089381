"""The operator with OCPP charge points: what they report reaches the provider, and what the provider wants, them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from examples.ocpp_cpo import charging
from examples.ocpp_cpo import commands
from examples.ocpp_cpo import drivers
from examples.ocpp_cpo import places
from examples.ocpp_cpo.central_system import is_charge_point
from examples.ocpp_cpo.charging import Event
from examples.ocpp_cpo.charging import Reading
from examples.ocpp_cpo.connection import Connection
from examples.ocpp_cpo.tables import Order
from examples.ocpp_cpo.tables import db
from flask_ocpi import UnreachableError
from tests.closing import close
from tests.examples.plugged import CARD
from tests.examples.plugged import KINDS
from tests.examples.plugged import Quay

EVERY_VERSION = pytest.mark.parametrize("version", KINDS)
EVERY_DATABASE = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

Scene = Callable[[Any, Connection], Awaitable[Any]]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables and charge points, to be copied: to make them takes longer than most tests do."""
    path = tmp_path_factory.mktemp("prepared") / "cpo.sqlite3"
    quay = Quay(f"sqlite:///{path}")
    quay.set_up()
    close(quay.app)
    return path


@pytest.fixture
def quay(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path, database: str) -> Iterator[Quay]:
    if database == "sqlite":
        quay = Quay(f"sqlite:///{shutil.copy(prepared, tmp_path)}")
    else:
        quay = Quay(request.getfixturevalue("postgres_url"))
        quay.set_up()
    quay.register()
    yield quay
    close(quay.app)


def play(quay: Quay, version: str, scene: Scene) -> Any:
    """Play a scene at a connected charge point of a version, which has booted."""
    make, id, _, cls = KINDS[version]

    async def played() -> Any:
        simulated = make(id)
        async with quay.plugged(simulated, cls) as connection:
            await simulated.boot()
            return await scene(simulated, connection)

    return asyncio.run(played())


def amounts(document: dict[str, Any]) -> tuple[float, float]:
    return document["total_cost"]["excl_vat"], document["total_cost"]["incl_vat"]


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


@EVERY_DATABASE
@EVERY_VERSION
def test_commands_start_and_stop_a_session(quay: Quay, version: str) -> None:
    token = quay.token("DE-EMS-APP-WITH-A-VERY-LONG-ID-42", type="APP_USER", whitelist="NEVER")
    wish = {"token": token, "location_id": "quay", "authorization_reference": "REF-7"}

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        started = await quay.command(connection, charge_point, "start_session", wish)
        session = quay.told("sessions")[0]
        await charge_point.measure(60, 10)
        stopped = await quay.command(connection, charge_point, "stop_session", session["id"].upper())
        return [started, session["status"], stopped]

    assert play(quay, version, scene) == ["ACCEPTED", "ACTIVE", "ACCEPTED"]
    cdr = quay.told("cdrs")[0]
    assert (cdr["auth_method"], cdr["authorization_reference"]) == ("COMMAND", "REF-7")
    assert cdr["cdr_token"]["uid"] == token["uid"]
    assert amounts(cdr) == (4.5, 5.45)  # 0.50 and 10 kWh at 0.40
    assert quay.asked() == 0


@pytest.mark.parametrize(
    ("version", "action", "command", "answer", "result"),
    [
        ("1.6", "RemoteStartTransaction", "start_session", "Rejected", "REJECTED"),
        ("2.0.1", "RequestStartTransaction", "start_session", "Rejected", "REJECTED"),
        ("1.6", "UnlockConnector", "unlock_connector", "Accepted", "ACCEPTED"),
        ("1.6", "UnlockConnector", "unlock_connector", "UnlockFailed", "FAILED"),
        ("1.6", "UnlockConnector", "unlock_connector", "NotSupported", "NOT_SUPPORTED"),
        ("2.0.1", "UnlockConnector", "unlock_connector", "Accepted", "ACCEPTED"),
        ("2.0.1", "UnlockConnector", "unlock_connector", "UnknownConnector", "FAILED"),
        ("1.6", "ReserveNow", "reserve_now", "Occupied", "EVSE_OCCUPIED"),
        ("2.0.1", "ReserveNow", "reserve_now", "Faulted", "EVSE_INOPERATIVE"),
    ],
)
def test_answer_of_the_charge_point_is_the_result(
    quay: Quay, version: str, action: str, command: str, answer: str, result: str
) -> None:
    place = {"location_id": "QUAY", "evse_uid": KINDS[version][2]}
    wishes = {
        "start_session": {**place, "token": quay.token()},
        "unlock_connector": {**place, "connector_id": "1"},
        "reserve_now": {**place, "token": quay.token(), "reservation_id": "R1", "expiry_date": _later()},
    }

    async def scene(charge_point: Any, connection: Connection) -> str:
        if answer != "Accepted":
            charge_point.answers[action] = answer
        return await quay.command(connection, charge_point, command, wishes[command])

    assert play(quay, version, scene) == result


def _later() -> str:
    return f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


@EVERY_VERSION
def test_reservation_is_for_its_token_alone(quay: Quay, version: str) -> None:
    token = quay.token("DE-EMS-APP-42", type="APP_USER", whitelist="NEVER")
    place = {"token": token, "location_id": "QUAY", "evse_uid": KINDS[version][2]}
    wish = {**place, "reservation_id": "R1", "expiry_date": _later()}

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        reserved = await quay.command(connection, charge_point, "reserve_now", wish)
        changed = await quay.command(connection, charge_point, "reserve_now", wish)
        kept = [order for action, order in charge_point.orders if action == "ReserveNow"]
        assert kept[0] == kept[1]
        started = await quay.command(connection, charge_point, "start_session", place)
        assert charge_point.token == (kept[0]["id_tag"] if version == "1.6" else kept[0]["id_token"]["id_token"])
        return [reserved, changed, started]

    assert play(quay, version, scene) == ["ACCEPTED"] * 3
    assert quay.told("sessions")[0]["cdr_token"]["uid"] == "DE-EMS-APP-42"


@EVERY_VERSION
def test_cancelled_reservation_is_given_up(quay: Quay, version: str) -> None:
    wish = {"token": quay.token(), "location_id": "QUAY", "reservation_id": "R1", "expiry_date": _later()}

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        reserved = await quay.command(connection, charge_point, "reserve_now", wish)
        cancelled = await quay.command(connection, charge_point, "cancel_reservation", "R1")
        again = await quay.command(connection, charge_point, "cancel_reservation", "R1")
        assert [action for action, _ in charge_point.orders] == ["ReserveNow", "CancelReservation"]
        return [reserved, cancelled, again]

    assert play(quay, version, scene) == ["ACCEPTED", "ACCEPTED", "REJECTED"]


def test_commands_are_refused_where_they_cannot_be_carried_out(quay: Quay) -> None:
    token = quay.token()
    wish = {"token": token, "location_id": "QUAY", "evse_uid": "QUAY-1"}

    async def scene(charge_point: Any, connection: Connection) -> tuple[str, str]:
        await charge_point.begin(CARD)
        busy = await quay.command(connection, charge_point, "start_session", wish)
        other = await quay.command(connection, charge_point, "start_session", {**wish, "evse_uid": "QUAY-2"})
        return busy, other

    assert play(quay, "1.6", scene) == ("EVSE_OCCUPIED", "REJECTED")
    with quay.emsp.client("NL-ABC") as client:
        response = client.commands.stop_session(quay.told("sessions")[0]["id"]).response
    assert response["message"] == commands.OFFLINE["message"]


def test_cable_of_another_providers_driver_stays_locked(quay: Quay) -> None:
    other = quay.network.add("other.example", [("FR", "OTH", ["EMSP"])])
    quay.network.connect(other, quay.ocpi)
    quay.token()

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        await charge_point.begin(CARD)
        place = {"location_id": "QUAY", "evse_uid": "QUAY-1", "connector_id": "1"}
        with other.client("NL-ABC") as client:
            refused = client.commands.unlock_connector(place).response["result"]
        own = await quay.command(connection, charge_point, "unlock_connector", place)
        return [str(refused), own]

    assert play(quay, "1.6", scene) == ["REJECTED", "ACCEPTED"]


@EVERY_DATABASE
def test_order_is_taken_once_and_only_where_the_charge_point_is(quay: Quay) -> None:
    wish = {"token": quay.token(), "location_id": "QUAY", "evse_uid": "QUAY-1"}

    async def scene(charge_point: Any, connection: Connection) -> list[int]:
        with quay.emsp.client("NL-ABC") as client:
            client.commands.start_session(wish)
        names = (["CP-201"], ["CP-16", "elsewhere"], ["CP-16"])
        return [len(quay.call(commands.take, connections)) for connections in names]

    assert play(quay, "1.6", scene) == [0, 1, 0]


def test_order_is_not_carried_out_after_its_time(quay: Quay) -> None:
    wish = {"token": quay.token(), "location_id": "QUAY", "evse_uid": "QUAY-1"}

    async def scene(charge_point: Any, connection: Connection) -> list[Any]:
        with quay.emsp.client("NL-ABC") as client:
            client.commands.start_session(wish)
        with quay.app.app_context():
            db.session.execute(update(Order).values(expires=0))
            db.session.commit()
        return list(quay.call(commands.take, ["CP-16"]))

    assert play(quay, "1.6", scene) == []


def test_charge_point_that_does_not_answer_in_time_is_a_timeout(quay: Quay) -> None:
    wish = {"token": quay.token(), "location_id": "QUAY", "evse_uid": "QUAY-1"}

    async def scene(charge_point: Any, connection: Connection) -> Any:
        with quay.emsp.client("NL-ABC") as client:
            call = client.commands.start_session(wish)
        (taken,) = quay.call(commands.take, ["CP-16"])
        late = commands.Taken(taken.id, taken.connection, taken.action, taken.arguments, seconds=0)
        await connection.carry_out(late)
        return quay.emsp.call(call.id).result

    assert play(quay, "1.6", scene) == {"result": "TIMEOUT"}


@pytest.mark.parametrize(("whitelist", "sessions"), [("ALLOWED_OFFLINE", 1), ("NEVER", 0)])
def test_transaction_that_is_reported_later_is_whitelisted(quay: Quay, whitelist: str, sessions: int) -> None:
    quay.token(whitelist=whitelist)
    quay.emsp.authorizer(lambda token, location: "BLOCKED")

    async def scene(charge_point: Any, connection: Connection) -> None:
        await charge_point.begin(CARD)  # three hours ago
        if charge_point.transaction is not None:
            await charge_point.measure(60, 10)
            await charge_point.end()

    play(quay, "1.6", scene)
    assert len(quay.told("cdrs")) == sessions
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


def test_location_of_the_charge_point_is_told_to_the_provider(quay: Quay) -> None:
    quay.token()
    asked: list[Any] = []
    quay.emsp.authorizer(lambda token, location: asked.append(location))

    quay.call(drivers.ask, "CP-16", CARD)

    assert asked == [{"location_id": "QUAY", "evse_uids": ["QUAY-1"]}]
