"""Commands of partners at OCPP charge points: what the charge point answers is their result."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from examples.ocpp_cpo import commands
from examples.ocpp_cpo.connection import Connection
from examples.ocpp_cpo.tables import Order
from examples.ocpp_cpo.tables import db
from flask_ocpi import V2_1_1
from flask_ocpi import V2_2_1
from tests.examples.plugged import CARD
from tests.examples.plugged import EVERY_DATABASE
from tests.examples.plugged import EVERY_VERSION
from tests.examples.plugged import KINDS
from tests.examples.plugged import Quay
from tests.examples.plugged import amounts
from tests.examples.plugged import play


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


@EVERY_VERSION
def test_charge_point_that_asks_about_the_token_of_a_command_is_told_yes(quay: Quay, version: str) -> None:
    wish = {"token": quay.token(), "location_id": "QUAY", "evse_uid": KINDS[version][2]}

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        begin = charge_point.begin

        async def ask_and_begin(uid: str, **options: Any) -> str:
            assert await charge_point.authorize(uid) == "Accepted"
            return str(await begin(uid, **options))

        charge_point.begin = ask_and_begin
        return [await quay.command(connection, charge_point, "start_session", wish), charge_point.token]

    result, token = play(quay, version, scene)
    assert result == "ACCEPTED"
    assert token != CARD
    assert [session["auth_method"] for session in quay.told("sessions")] == ["COMMAND"]
    assert quay.asked() == 0


@pytest.mark.parametrize("versions", [(V2_1_1,), (V2_2_1,)], ids=["2.1.1", "2.2.1"])
def test_provider_of_another_version_starts_and_pays(quay: Quay) -> None:
    token = quay.token("DE-EMS-APP-42", type="OTHER", whitelist="NEVER")

    async def scene(charge_point: Any, connection: Connection) -> list[str]:
        wish = {"token": token, "location_id": "QUAY", "evse_uid": "QUAY-2"}
        started = await quay.command(connection, charge_point, "start_session", wish)
        await charge_point.measure(60, 10)
        return [started, await quay.command(connection, charge_point, "stop_session", quay.told("sessions")[0]["id"])]

    assert play(quay, "2.0.1", scene) == ["ACCEPTED", "ACCEPTED"]
    assert [cdr["total_cost"]["excl_vat"] for cdr in quay.told("cdrs")] == [4.5]
