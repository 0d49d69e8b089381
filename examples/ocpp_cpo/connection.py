"""What the connections of both versions of OCPP have in common."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from ocpp.exceptions import NotImplementedError as NotImplementedThereError
from ocpp.exceptions import NotSupportedError
from ocpp.exceptions import OCPPError
from websockets.exceptions import ConnectionClosed

from examples.ocpp_cpo import commands
from examples.ocpp_cpo import places
from examples.ocpp_cpo.commands import Taken
from flask_ocpi import OCPIError

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 60
NOTED_SECONDS = 20

Run = Callable[..., Awaitable[Any]]


class Connection:
    """A charge point on a websocket. ``run`` runs a function of the operator in a thread, in the app context."""

    id: str
    run: Run
    noted = float("-inf")

    async def route_message(self, raw_msg: str) -> None:
        """Note now and then that a message came: a charge point that stays silent is not there."""
        if time.monotonic() - self.noted > NOTED_SECONDS:
            await self.run(places.heard, self.id)
            self.noted = time.monotonic()
        await super().route_message(raw_msg)  # type: ignore[misc]

    async def order(self, action: str, arguments: dict[str, Any]) -> str:
        """Ask the charge point to do something, and return what came of it as a CommandResultType."""
        raise NotImplementedError

    async def carry_out(self, taken: Taken) -> None:
        """Carry out an order, and tell the partner its result."""
        try:
            result = await asyncio.wait_for(self.order(taken.action, taken.arguments), taken.seconds)
        except (NotImplementedThereError, NotSupportedError):
            result = "NOT_SUPPORTED"
        except TimeoutError:
            result = "TIMEOUT"
        except (OCPPError, ConnectionClosed) as error:
            log.warning("%s did not carry out %s: %s", self.id, taken.action, error)
            result = "FAILED"
        try:
            await self.run(commands.done, taken.id, result)
        except OCPIError as error:  # its time was over a moment ago
            log.warning("The result %s of %s at %s comes too late: %s", result, taken.action, self.id, error)
