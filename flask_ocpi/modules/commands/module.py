"""The commands module: what an eMSP asks a charge point to do. Receiver: the operator. Sender: gets the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_ocpi import pending
from flask_ocpi.description import Handler
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import StatusCode
from flask_ocpi.modules.commands import handlers
from flask_ocpi.modules.commands.enums import CommandType
from flask_ocpi.modules.commands.schemas import CancelReservation
from flask_ocpi.modules.commands.schemas import CommandResponse
from flask_ocpi.modules.commands.schemas import CommandResult
from flask_ocpi.modules.commands.schemas import ReserveNow
from flask_ocpi.modules.commands.schemas import StartSession
from flask_ocpi.modules.commands.schemas import StopSession
from flask_ocpi.modules.commands.schemas import UnlockConnector
from flask_ocpi.patterns import CALL_ID
from flask_ocpi.schema import Schema


def _command(
    command: CommandType,
    body: type[Schema],
    summary: str,
    handler: Handler,
    *,
    at_a_place: bool,
    finished: Callable[[Any, Any], None] | None = None,
) -> Operation:
    return Operation(
        name=command.lower(),
        method="POST",
        path=f"/{command}",
        summary=summary,
        description="Answered at once; the result is posted to the response_url once the charge point gave it.",
        handler=handler,
        body=body,
        returns=CommandResponse,
        result=CommandResult,
        finished=finished,
        errors=(StatusCode.UNKNOWN_LOCATION,) if at_a_place else (),
    )


COMMANDS = (
    _command(
        CommandType.CANCEL_RESERVATION,
        CancelReservation,
        "Cancel a reservation",
        handlers.cancel_reservation,
        at_a_place=False,
        finished=handlers.cancellation_finished,
    ),
    _command(
        CommandType.RESERVE_NOW,
        ReserveNow,
        "Reserve an EVSE",
        handlers.reserve_now,
        at_a_place=True,
        finished=handlers.reservation_finished,
    ),
    _command(CommandType.START_SESSION, StartSession, "Start a session", handlers.start_session, at_a_place=True),
    _command(CommandType.STOP_SESSION, StopSession, "Stop a session", handlers.stop_session, at_a_place=False),
    _command(
        CommandType.UNLOCK_CONNECTOR, UnlockConnector, "Unlock a connector", handlers.unlock_connector, at_a_place=True
    ),
)

POST_RESULT = Operation(
    name="post_command_result",
    method="POST",
    path="/{command}/{id}",
    summary="Send the result of a command",
    description="This is where the response_url of our commands leads.",
    handler=pending.receive_result,
    parameters=(PathParameter("command", 36, "The CommandType.", CommandType.START_SESSION), CALL_ID),
    body=CommandResult,
)

MODULE = Module(
    id=ModuleID.COMMANDS,
    description="What an eMSP asks a charge point to do, and what came of it.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (POST_RESULT,)),
        Interface(InterfaceRole.RECEIVER, COMMANDS),
    ),
    requires=(ModuleID.LOCATIONS, ModuleID.SESSIONS),
    kinds=(*pending.KINDS, handlers.RESERVATIONS),
)
