"""The central system's side of OCPP 1.6: messages of a charge point, and orders to it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint
from ocpp.v16 import call
from ocpp.v16 import call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import RegistrationStatus

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

#: What answers about tokens are in OCPP 1.6, which has fewer of them.
ALLOWED = {"ALLOWED": "Accepted", "BLOCKED": "Blocked", "EXPIRED": "Expired", "NO_CREDIT": "Blocked"}
#: What the answers to orders are as CommandResultTypes; all others mean FAILED.
RESULTS = {
    "Accepted": "ACCEPTED",
    "Rejected": "REJECTED",
    "Unlocked": "ACCEPTED",
    "NotSupported": "NOT_SUPPORTED",
    "Occupied": "EVSE_OCCUPIED",
    "Unavailable": "EVSE_INOPERATIVE",
    "Faulted": "EVSE_INOPERATIVE",
}
LATE = timedelta(minutes=10)


class ChargePoint16(Connection, ChargePoint):
    """A connected charge point that speaks OCPP 1.6."""

    @on("BootNotification")
    def boot(self, **_: Any) -> call_result.BootNotification:
        now = text_of(datetime.now(UTC))
        return call_result.BootNotification(now, HEARTBEAT_SECONDS, RegistrationStatus.accepted)

    @on("Heartbeat")
    def heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(text_of(datetime.now(UTC)))

    @on("StatusNotification")
    async def status(self, connector_id: int, status: str, **_: Any) -> call_result.StatusNotification:
        await self.run(places.report, self.id, connector_id, 1, status)
        return call_result.StatusNotification()

    @on("Authorize")
    async def authorize(self, id_tag: str) -> call_result.Authorize:
        admission = await self.run(drivers.ask, self.id, id_tag)
        return call_result.Authorize(info_of(admission))

    @on("StartTransaction")
    async def start_transaction(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: Any
    ) -> call_result.StartTransaction:
        moment = moment_of(timestamp)
        outcome = await self.run(
            charging.handle,
            Event(
                charge_point=self.id,
                moment=moment,
                reference=f"{connector_id} {text_of(moment)} {id_tag}",  # the same when the message is sent again
                evse=connector_id,
                id_tag=id_tag,
                readings=[Reading(moment, meter_start)],
                offline=datetime.now(UTC) - moment > LATE,
            ),
        )
        return call_result.StartTransaction(outcome.number, info_of(outcome.admission))

    @on("MeterValues")
    async def meter_values(
        self, connector_id: int, meter_value: list[Any], transaction_id: int | None = None
    ) -> call_result.MeterValues:
        readings = list(readings_of(meter_value))
        if transaction_id is not None and readings:
            event = Event(self.id, readings[-1].moment, number=transaction_id, readings=readings)
            await self.run(charging.handle, event)
        return call_result.MeterValues()

    @on("StopTransaction")
    async def stop_transaction(
        self,
        meter_stop: int,
        timestamp: str,
        transaction_id: int,
        id_tag: str | None = None,
        transaction_data: Sequence[Any] = (),
        **_: Any,
    ) -> call_result.StopTransaction:
        moment = moment_of(timestamp)
        readings = [*readings_of(transaction_data), Reading(moment, meter_stop)]
        event = Event(self.id, moment, number=transaction_id, readings=readings, ended=True)
        await self.run(charging.handle, event)
        return call_result.StopTransaction()

    async def order(self, action: str, arguments: dict[str, Any]) -> str:
        match action:
            case "start":
                request: Any = call.RemoteStartTransaction(arguments["id_tag"], arguments["evse"])
            case "stop":
                request = call.RemoteStopTransaction(arguments["number"])
            case "unlock":
                request = call.UnlockConnector(arguments["evse"])
            case "reserve":
                request = call.ReserveNow(
                    arguments["evse"], arguments["until"], arguments["id_tag"], arguments["reservation"]
                )
            case _:
                request = call.CancelReservation(arguments["reservation"])
        answer = await self.call(request, suppress=False)
        return RESULTS.get(answer.status, "FAILED")


def info_of(admission: Admission | None) -> IdTagInfo:
    """Write an answer about a token."""
    if admission is None:
        return IdTagInfo("Invalid")
    group = admission.group_id if len(admission.group_id or "") <= 20 else None
    return IdTagInfo(ALLOWED.get(admission.allowed, "Invalid"), parent_id_tag=group)


def readings_of(meter_values: Sequence[Any]) -> Iterator[Reading]:
    """Find the readings of the register among all that was measured."""
    for each in meter_values:
        for sample in each["sampled_value"]:
            is_register = sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
            if is_register and "phase" not in sample and sample.get("format", "Raw") == "Raw":
                factor = 1000 if sample.get("unit", "Wh") == "kWh" else 1
                yield Reading(moment_of(each["timestamp"]), float(sample["value"]) * factor)
