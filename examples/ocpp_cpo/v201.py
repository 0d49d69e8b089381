"""The central system's side of OCPP 2.0.1: messages of a charging station, and orders to it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint
from ocpp.v201 import call
from ocpp.v201 import call_result
from ocpp.v201.datatypes import IdTokenInfoType
from ocpp.v201.datatypes import IdTokenType
from ocpp.v201.enums import RegistrationStatusEnumType

from examples.ocpp_cpo import charging
from examples.ocpp_cpo import drivers
from examples.ocpp_cpo import places
from examples.ocpp_cpo.charging import Event
from examples.ocpp_cpo.charging import Reading
from examples.ocpp_cpo.charging import moment_of
from examples.ocpp_cpo.charging import text_of
from examples.ocpp_cpo.connection import HEARTBEAT_SECONDS
from examples.ocpp_cpo.connection import Connection
from examples.ocpp_cpo.drivers import Admission

#: What answers about tokens are in OCPP 2.0.1.
ALLOWED = {
    "ALLOWED": "Accepted",
    "BLOCKED": "Blocked",
    "EXPIRED": "Expired",
    "NO_CREDIT": "NoCredit",
    "NOT_ALLOWED": "NotAtThisLocation",
    "UNKNOWN": "Unknown",
}
#: What the answers to orders are as CommandResultTypes; all others mean FAILED.
RESULTS = {
    "Accepted": "ACCEPTED",
    "Rejected": "REJECTED",
    "Unlocked": "ACCEPTED",
    "OngoingAuthorizedTransaction": "REJECTED",
    "Occupied": "EVSE_OCCUPIED",
    "Unavailable": "EVSE_INOPERATIVE",
    "Faulted": "EVSE_INOPERATIVE",
}
#: Types of tokens that are made by the provider, not read from a card; all others are cards.
TYPES = {"Central": "APP_USER", "eMAID": "OTHER", "NoAuthorization": "OTHER", "KeyCode": "OTHER"}


class ChargePoint201(Connection, ChargePoint):
    """A connected charging station that speaks OCPP 2.0.1."""

    @on("BootNotification")
    def boot(self, **_: Any) -> call_result.BootNotification:
        now = text_of(datetime.now(UTC))
        return call_result.BootNotification(now, HEARTBEAT_SECONDS, RegistrationStatusEnumType.accepted)

    @on("Heartbeat")
    def heartbeat(self, **_: Any) -> call_result.Heartbeat:
        return call_result.Heartbeat(text_of(datetime.now(UTC)))

    @on("StatusNotification")
    async def status(
        self, evse_id: int, connector_id: int, connector_status: str, **_: Any
    ) -> call_result.StatusNotification:
        await self.run(places.report, self.id, evse_id, connector_id, connector_status)
        return call_result.StatusNotification()

    @on("Authorize")
    async def authorize(self, id_token: dict[str, Any], **_: Any) -> call_result.Authorize:
        admission = await self.run(drivers.ask, self.id, id_token["id_token"], type_of(id_token))
        return call_result.Authorize(info_of(admission))

    @on("MeterValues")
    def meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()  # those of transactions are in their events

    @on("TransactionEvent")
    async def transaction_event(
        self,
        event_type: str,
        timestamp: str,
        transaction_info: dict[str, Any],
        meter_value: Sequence[Any] = (),
        evse: dict[str, Any] | None = None,
        id_token: dict[str, Any] | None = None,
        offline: bool = False,
        **_: Any,
    ) -> call_result.TransactionEvent:
        where = evse or {}
        outcome = await self.run(
            charging.handle,
            Event(
                charge_point=self.id,
                moment=moment_of(timestamp),
                reference=transaction_info["transaction_id"],
                evse=where.get("id"),
                connector=where.get("connector_id", 1),
                id_tag=(id_token or {}).get("id_token"),
                type=type_of(id_token or {}),
                readings=list(readings_of(meter_value)),
                ended=event_type == "Ended",
                offline=offline,
            ),
        )
        info = None if outcome.admission is None else info_of(outcome.admission)
        return call_result.TransactionEvent(total_cost=outcome.cost, id_token_info=info)

    async def order(self, action: str, arguments: dict[str, Any]) -> str:
        match action:
            case "start":
                token = IdTokenType(arguments["id_tag"], "Central")
                request: Any = call.RequestStartTransaction(token, arguments["start"], arguments["evse"])
            case "stop":
                request = call.RequestStopTransaction(arguments["reference"])
            case "unlock":
                request = call.UnlockConnector(arguments["evse"], arguments["connector"])
            case "reserve":
                token = IdTokenType(arguments["id_tag"], "ISO14443" if arguments["is_card"] else "Central")
                request = call.ReserveNow(
                    arguments["reservation"], arguments["until"], token, evse_id=arguments["evse"]
                )
            case _:
                request = call.CancelReservation(arguments["reservation"])
        answer = await self.call(request, suppress=False)
        return RESULTS.get(answer.status, "FAILED")


def type_of(id_token: dict[str, Any]) -> str:
    """Return the TokenType of OCPI."""
    return TYPES.get(id_token.get("type", ""), "RFID")


def info_of(admission: Admission) -> IdTokenInfoType:
    """Write an answer about a token."""
    group = None if admission.group_id is None else IdTokenType(admission.group_id, "Central")
    return IdTokenInfoType(ALLOWED.get(admission.allowed, "Invalid"), group_id_token=group)


def readings_of(meter_values: Sequence[Any]) -> Iterator[Reading]:
    """Find the readings of the register among all that was measured."""
    for each in meter_values:
        for sample in each["sampled_value"]:
            if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register":
                unit = sample.get("unit_of_measure", {})
                factor = 10 ** unit.get("multiplier", 0) * (1000 if unit.get("unit", "Wh") == "kWh" else 1)
                if "phase" not in sample:
                    yield Reading(moment_of(each["timestamp"]), sample["value"] * factor)
