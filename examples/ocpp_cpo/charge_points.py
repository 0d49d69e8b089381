"""Simulated charge points: the other side of OCPP 1.6 and 2.0.1, for the walk and for tests.

Their clocks begin three hours ago and go as far as they are told, so that an hour of charging takes no time.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import ocpp.v16
import ocpp.v201
from ocpp.routing import after
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.headers import build_authorization_basic


class Simulated:
    """A charge point with one EVSE.

    answers: what it answers to orders, by action of OCPP; Accepted where it is not named. transaction: its id while one
    goes on. token: what started it.
    """

    subprotocol = ""

    def __init__(self, id: str) -> None:
        super().__init__(id, None, response_timeout=60)  # type: ignore[call-arg]
        self.id = id
        self.now = datetime.now(UTC) - timedelta(hours=3)
        self.wh = 1000.0
        self.answers: dict[str, str] = {}
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.transaction: Any = None
        self.token = ""
        self.tasks: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def connected(self, url: str, password: str) -> AsyncIterator[None]:
        """Be connected to a central system, again with the same transaction."""
        headers = {"Authorization": build_authorization_basic(self.id, password)}
        protocols: Any = [self.subprotocol]
        address = f"{url}/{self.id}"
        async with (
            connect(address, subprotocols=protocols, additional_headers=headers, open_timeout=60) as websocket,
            self.listening(websocket),
        ):
            yield

    @asynccontextmanager
    async def listening(self, websocket: Any) -> AsyncIterator[None]:
        """Answer what comes on a connection."""

        async def listen() -> None:
            with contextlib.suppress(ConnectionClosed):
                await self.start()  # type: ignore[attr-defined]

        self._connection = websocket
        task = asyncio.create_task(listen())
        try:
            yield
        finally:
            task.cancel()

    def ordered(self, action: str, **arguments: Any) -> str:
        """Note an order, and return the answer to it."""
        self.orders.append((action, arguments))
        return self.answers.get(action, "Accepted")

    def soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @property
    def timestamp(self) -> str:
        return self.now.isoformat()

    def pass_time(self, minutes: float, kwh: float) -> None:
        self.now += timedelta(minutes=minutes)
        self.wh += kwh * 1000


class Simulated16(Simulated, ocpp.v16.ChargePoint):
    """A charge point with OCPP 1.6."""

    subprotocol = "ocpp1.6"

    async def boot(self) -> str:
        answer = await self.call(call16.BootNotification("Sim 16", "Example"))
        await self.report("Available")
        return str(answer.status)

    async def report(self, status: str) -> None:
        await self.call(call16.StatusNotification(1, "NoError", status))

    async def authorize(self, uid: str) -> str:
        return str((await self.call(call16.Authorize(uid))).id_tag_info["status"])

    async def begin(self, uid: str) -> str:
        """Start a transaction; a token that is refused ends it at once."""
        answer = await self.call(call16.StartTransaction(1, uid, int(self.wh), self.timestamp))
        self.token, self.transaction = uid, answer.transaction_id
        status = str(answer.id_tag_info["status"])
        if status == "Accepted":
            await self.report("Charging")
        else:
            await self.end()
        return status

    async def measure(self, minutes: float, kwh: float) -> None:
        self.pass_time(minutes, kwh)
        sample = {"value": str(self.wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        values = [{"timestamp": self.timestamp, "sampled_value": [sample]}]
        await self.call(call16.MeterValues(1, values, self.transaction))

    async def end(self) -> None:
        await self.call(call16.StopTransaction(int(self.wh), self.timestamp, self.transaction))
        self.transaction = None
        await self.report("Available")

    @on("RemoteStartTransaction")
    def remote_start(self, id_tag: str, **arguments: Any) -> result16.RemoteStartTransaction:
        return result16.RemoteStartTransaction(self.ordered("RemoteStartTransaction", id_tag=id_tag, **arguments))

    @after("RemoteStartTransaction")
    def started(self, id_tag: str, **_: Any) -> None:
        if "RemoteStartTransaction" not in self.answers:
            self.soon(self.begin(id_tag))

    @on("RemoteStopTransaction")
    def remote_stop(self, transaction_id: int) -> result16.RemoteStopTransaction:
        known = transaction_id == self.transaction
        answer = self.ordered("RemoteStopTransaction", transaction_id=transaction_id)
        return result16.RemoteStopTransaction(answer if known else "Rejected")

    @after("RemoteStopTransaction")
    def stopped(self, transaction_id: int) -> None:
        if transaction_id == self.transaction:
            self.soon(self.end())

    @on("UnlockConnector")
    def unlock(self, **arguments: Any) -> result16.UnlockConnector:
        answer = self.ordered("UnlockConnector", **arguments)
        return result16.UnlockConnector("Unlocked" if answer == "Accepted" else answer)

    @on("ReserveNow")
    def reserve(self, **arguments: Any) -> result16.ReserveNow:
        return result16.ReserveNow(self.ordered("ReserveNow", **arguments))

    @on("CancelReservation")
    def cancel(self, **arguments: Any) -> result16.CancelReservation:
        return result16.CancelReservation(self.ordered("CancelReservation", **arguments))


class Simulated201(Simulated, ocpp.v201.ChargePoint):
    """A charging station with OCPP 2.0.1. cost: what its display shows; offline: its events come late."""

    subprotocol = "ocpp2.0.1"
    cost: float | None = None
    events = 0
    offline = False

    async def boot(self) -> str:
        station = {"model": "Sim 201", "vendor_name": "Example"}
        answer = await self.call(call201.BootNotification(station, "PowerUp"))
        await self.report("Available")
        return str(answer.status)

    async def report(self, status: str) -> None:
        await self.call(call201.StatusNotification(self.timestamp, status, 1, 1))

    async def authorize(self, uid: str) -> str:
        answer = await self.call(call201.Authorize({"id_token": uid, "type": "ISO14443"}))
        return str(answer.id_token_info["status"])

    async def begin(self, uid: str, *, type: str = "ISO14443", start: int | None = None) -> str:
        """Start a transaction; a token that is refused ends it at once."""
        self.token, self.transaction = uid, str(uuid.uuid4())
        info = {"remote_start_id": start} if start is not None else {}
        status = str(await self.event("Started", "Authorized", id_token={"id_token": uid, "type": type}, **info))
        if status == "Accepted":
            await self.report("Occupied")
        else:
            await self.end()
        return status

    async def measure(self, minutes: float, kwh: float) -> None:
        self.pass_time(minutes, kwh)
        await self.event("Updated", "MeterValuePeriodic")

    async def end(self) -> None:
        await self.event("Ended", "StopAuthorized")
        self.transaction = None
        await self.report("Available")

    async def event(
        self, event: str, reason: str, *, id_token: dict[str, str] | None = None, **info: Any
    ) -> str | None:
        """Send an event with a reading, and return the answer about its token."""
        self.events += 1
        sample = {"value": self.wh / 1000, "unit_of_measure": {"unit": "kWh"}}
        answer = await self.call(
            call201.TransactionEvent(
                event,
                self.timestamp,
                reason,
                self.events,
                {"transaction_id": self.transaction, **info},
                meter_value=[{"timestamp": self.timestamp, "sampled_value": [sample]}],
                evse={"id": 1, "connector_id": 1},
                id_token=id_token,
                offline=self.offline,
            )
        )
        self.cost = answer.total_cost
        return answer.id_token_info and str(answer.id_token_info["status"])

    @on("RequestStartTransaction")
    def remote_start(self, **arguments: Any) -> result201.RequestStartTransaction:
        return result201.RequestStartTransaction(self.ordered("RequestStartTransaction", **arguments))

    @after("RequestStartTransaction")
    def started(self, id_token: dict[str, str], remote_start_id: int, **_: Any) -> None:
        if "RequestStartTransaction" not in self.answers:
            self.soon(self.begin(id_token["id_token"], type=id_token["type"], start=remote_start_id))

    @on("RequestStopTransaction")
    def remote_stop(self, transaction_id: str, **_: Any) -> result201.RequestStopTransaction:
        known = transaction_id == self.transaction
        answer = self.ordered("RequestStopTransaction", transaction_id=transaction_id)
        return result201.RequestStopTransaction(answer if known else "Rejected")

    @after("RequestStopTransaction")
    def stopped(self, transaction_id: str, **_: Any) -> None:
        if transaction_id == self.transaction:
            self.soon(self.end())

    @on("UnlockConnector")
    def unlock(self, **arguments: Any) -> result201.UnlockConnector:
        answer = self.ordered("UnlockConnector", **arguments)
        return result201.UnlockConnector("Unlocked" if answer == "Accepted" else answer)

    @on("ReserveNow")
    def reserve(self, **arguments: Any) -> result201.ReserveNow:
        return result201.ReserveNow(self.ordered("ReserveNow", **arguments))

    @on("CancelReservation")
    def cancel(self, **arguments: Any) -> result201.CancelReservation:
        return result201.CancelReservation(self.ordered("CancelReservation", **arguments))
