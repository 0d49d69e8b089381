"""Charge points plugged into the example operator without sockets, and a provider that is its partner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from examples.ocpp_cpo import commands
from examples.ocpp_cpo import create_app
from examples.ocpp_cpo import places
from examples.ocpp_cpo.charge_points import Simulated
from examples.ocpp_cpo.charge_points import Simulated16
from examples.ocpp_cpo.charge_points import Simulated201
from examples.ocpp_cpo.connection import Connection
from examples.ocpp_cpo.v16 import ChargePoint16
from examples.ocpp_cpo.v201 import ChargePoint201
from flask_ocpi import OCPI
from flask_ocpi import Version
from flask_ocpi.testing.network import Network

CARD = "04A1B2C3D4E580"
#: Each simulated charge point: its class, its id, its EVSE, and the operator's side of its version.
KINDS: dict[str, tuple[Callable[[str], Any], str, str, Any]] = {
    "1.6": (Simulated16, "CP-16", "QUAY-1", ChargePoint16),
    "2.0.1": (Simulated201, "CP-201", "QUAY-2", ChargePoint201),
}


EVERY_VERSION = pytest.mark.parametrize("version", KINDS)
EVERY_DATABASE = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

Scene = Callable[[Any, Connection], Awaitable[Any]]


class End:
    """One end of a connection."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str] = asyncio.Queue()
        self.other = self

    async def send(self, message: str) -> None:
        self.other.inbox.put_nowait(message)

    async def recv(self) -> str:
        return await self.inbox.get()


def pair() -> tuple[End, End]:
    one, other = End(), End()
    one.other, other.other = other, one
    return one, other


class Quay:
    """The operator with its two charge points on a database, and the provider, each in this process.

    versions: those of the provider.
    """

    def __init__(self, url: str, versions: Sequence[Version] | None = None) -> None:
        self.network = Network(clock=lambda: datetime.now(UTC))
        self.emsp = self.network.add("emsp.example", [("DE", "EMS", ["EMSP"])], versions=versions)
        config = {
            "SECRET_KEY": "of the operator",
            "SQLALCHEMY_DATABASE_URI": url,
            "OCPI_BASE_URL": "https://cpo.example",
            "OCPI_DISPATCHER": "inline",
            "OCPI_VERSIONS": ["2.1.1", "2.2.1", "2.3.0"],
            "TESTING": True,
        }
        self.app: Flask = create_app(config, ocpi=OCPI(transport=self.network, clock=self.network.clock))
        self.network.apps["cpo.example"] = self.app
        self.ocpi: OCPI = self.app.extensions["ocpi"]

    def set_up(self) -> None:
        """Create the tables, the location and the charge points."""
        self.cli("set-up")
        for _, id, evse_uid, _ in KINDS.values():
            self.cli("add-charge-point", id, f"1=QUAY/{evse_uid}/1")

    def register(self) -> None:
        """Register the two platforms with each other."""
        self.network.connect(self.emsp, self.ocpi)
        self.emsp.pull("locations", "NL-ABC")

    def cli(self, *arguments: str) -> str:
        output: str = self.app.test_cli_runner().invoke(args=arguments, catch_exceptions=False).output
        return output

    def call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Call a function of the operator as the central system does."""
        with self.app.app_context():
            return function(*arguments, **options)

    @asynccontextmanager
    async def plugged(self, simulated: Simulated, cls: Any) -> AsyncIterator[Connection]:
        """Have a charge point connected."""
        there, here = pair()
        connection: Connection = cls(simulated.id, here)

        async def run(function: Any, *arguments: Any) -> Any:
            return self.call(function, *arguments)

        connection.run = run
        self.call(places.connected, simulated.id, simulated.id)
        serving = asyncio.create_task(connection.start())  # type: ignore[attr-defined]
        async with simulated.listening(there):
            try:
                yield connection
            finally:
                serving.cancel()
                self.call(places.disconnected, simulated.id, simulated.id)

    async def command(self, connection: Connection, simulated: Simulated, name: str, *arguments: Any) -> str:
        """Have the provider send a command, carry it out, and return its result; or its response, if it is refused."""
        with self.emsp.client("NL-ABC") as client:
            call = getattr(client.commands, name)(*arguments)
        if not call.is_accepted:
            return str(call.response["result"])
        for taken in self.call(commands.take, [simulated.id]):
            await connection.carry_out(taken)
        await asyncio.gather(*simulated.tasks)
        return str((self.emsp.call(call.id).result or {}).get("result"))

    def token(self, uid: str = CARD, **changes: Any) -> dict[str, Any]:
        """Save a token at the provider, which the operator gets."""
        token = {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": uid,
            "type": "RFID",
            "contract_id": "DEEMSC00000042",
            "issuer": "Ems Mobility",
            "valid": True,
            "whitelist": "ALLOWED_OFFLINE",
            "last_updated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            **changes,
        }
        self.emsp.save("tokens", token)
        return token

    def told(self, module: str) -> list[dict[str, Any]]:
        """Return what the provider knows of the operator's objects."""
        return list(self.emsp.copies.documents(module))

    def status(self, evse_uid: str) -> str:
        """Return the status of an EVSE that the provider sees."""
        return next(str(e["status"]) for e in self.told("locations")[0]["evses"] if e["uid"] == evse_uid)

    def asked(self) -> int:
        """Return how often the provider was asked for a token."""
        return sum("/tokens/" in request.url and request.method == "POST" for request in self.network.requests)


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
    """Return what a Session or CDR costs, without and with VAT."""
    return document["total_cost"]["excl_vat"], document["total_cost"]["incl_vat"]
