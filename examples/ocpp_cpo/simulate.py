"""A day at two charge points, from end to end: python -m examples.ocpp_cpo.simulate

A web process and a central system are the operator; a provider runs in this process, and so do the charge points, which
speak OCPP 1.6 and 2.0.1. Everything goes over real sockets.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from examples.ocpp_cpo.charge_points import Simulated16
from examples.ocpp_cpo.charge_points import Simulated201
from examples.ocpp_cpo.sample import PRICES
from examples.ocpp_cpo.stage import Stage
from examples.ocpp_cpo.stage import opened
from examples.ocpp_cpo.stage import until

CARD, LOST, APP = "04A1B2C3D4E580", "04FFFFFFFFFF80", "DE-EMS-APP-42"


async def walk(stage: Stage) -> None:
    """Play the day; raise AssertionError when something is not as it should be."""
    stage.add_token(CARD)
    stage.add_token(LOST, valid=False)
    app = stage.add_token(APP, type="APP_USER", whitelist="NEVER")
    old, new = Simulated16("CP-16"), Simulated201("CP-201")
    async with (
        old.connected(stage.central_url, stage.passwords["CP-16"]),
        new.connected(stage.central_url, stage.passwords["CP-201"]),
    ):
        await connect(stage, old, new)
        await with_a_card(stage, old)
        await with_an_app(stage, new, app)


async def connect(stage: Stage, old: Simulated16, new: Simulated201) -> None:
    print("Two charge points connect")
    for charge_point, evse in ((old, "QUAY-1"), (new, "QUAY-2")):
        boot = await charge_point.boot()
        await until(lambda evse=evse: stage.status(evse) == "AVAILABLE", "the provider sees a free EVSE")
        print(f"  {charge_point.id}, {charge_point.subprotocol}: {boot}; the provider sees {evse} AVAILABLE")


async def with_a_card(stage: Stage, charge_point: Simulated16) -> None:
    print("A driver with a card, at CP-16")
    for what, uid in (("an unknown card", "0400000000"), ("a lost card", LOST), ("the driver's card", CARD)):
        print(f"  {what}: {await charge_point.authorize(uid)}")
    begun = time.monotonic()
    await charge_point.begin(CARD)
    await until(lambda: stage.status("QUAY-1") == "CHARGING", "the provider sees that the EVSE is in use")
    print(f"  the provider sees QUAY-1 CHARGING after {time.monotonic() - begun:.2f} s")
    await charge_point.measure(30, 5.5)
    await charge_point.measure(30, 5.5)
    running = await session(stage, "ACTIVE", 11)
    print(f"  the session at the provider: {running['kwh']:g} kWh, {running['total_cost']['excl_vat']:.2f} EUR so far")
    await charge_point.measure(15, 0)  # the battery is full, and the car stays
    await charge_point.end()
    await bill(stage, kwh=11, parked="0.25", auth_method="AUTH_REQUEST")


async def with_an_app(stage: Stage, charge_point: Simulated201, token: dict[str, Any]) -> None:
    print("A driver with an app, at CP-201")
    wish = {"token": token, "location_id": "QUAY", "evse_uid": "QUAY-2"}
    result = await asyncio.to_thread(stage.command, "start_session", wish)
    print(f"  START_SESSION: {result['result']}")
    await until(lambda: charge_point.transaction, "the charge point starts")
    running = await session(stage, "ACTIVE", 0)
    await charge_point.measure(20, 7.25)
    await session(stage, "ACTIVE", 7.25)
    print(f"  the display of the charge point: {charge_point.cost:.2f} EUR with VAT")
    result = await asyncio.to_thread(stage.command, "stop_session", running["id"])
    print(f"  STOP_SESSION: {result['result']}")
    await bill(stage, kwh=7.25, parked="0", auth_method="COMMAND")
    await until(lambda: stage.status("QUAY-2") == "AVAILABLE", "the provider sees a free EVSE again")
    print("  the provider sees QUAY-2 AVAILABLE")


async def session(stage: Stage, status: str, kwh: float) -> dict[str, Any]:
    """Wait for a state of a session at the provider."""

    def found() -> dict[str, Any] | None:
        return next((s for s in stage.copies("sessions") if (s["status"], s["kwh"]) == (status, kwh)), None)

    return await until(found, f"the provider has a session {status} with {kwh} kWh") or {}


async def bill(stage: Stage, *, kwh: float, parked: str, auth_method: str) -> None:
    """Wait for a CDR at the provider, and compare it with what its tariff says."""

    def found() -> dict[str, Any] | None:
        return next((cdr for cdr in stage.copies("cdrs") if cdr["total_energy"] == kwh), None)

    cdr = await until(found, "the provider has the CDR") or {}
    flat, energy, parking = (Decimal(str(PRICES[name])) for name in ("FLAT", "ENERGY", "PARKING_TIME"))
    total = (flat + energy * Decimal(str(kwh)) + parking * Decimal(parked)).quantize(Decimal("0.01"))
    assert Decimal(str(cdr["total_cost"]["excl_vat"])) == total, cdr
    assert cdr["auth_method"] == auth_method, cdr
    print(
        f"  the CDR at the provider: {flat:.2f} + {kwh:g} kWh x {energy:.2f} + {parked} h x {parking:.2f} = {total} EUR"
    )


def main() -> None:
    """Play the day in a folder of its own; on a failure print the logs of the operator."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-ocpp-") as name:
        folder = Path(name)
        try:
            with opened(folder) as stage:
                asyncio.run(walk(stage))
        except BaseException:
            for log in sorted(folder.glob("*.log")):
                print(f"== {log.name}", log.read_text(), sep="\n", file=sys.stderr)
            raise
    print("All bills are right.")


if __name__ == "__main__":
    main()
