"""Commands: the checks before the host application gets them.

OCPI 2.2.1, Commands. The host's hook is called with the body without its response_url, and a Reply.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import orjson

from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.context import Answer
from flask_ocpi.exchange.context import CallHook
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.documents import find_part
from flask_ocpi.exchange.handlers import callers_party
from flask_ocpi.exchange.handlers import is_visible
from flask_ocpi.exchange.patterns import CALL_ID
from flask_ocpi.exchange.pending import IncomingRequest
from flask_ocpi.exchange.pending import Reply
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.commands_schemas import CancelReservation
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.commands_schemas import ReserveNow
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.commands_schemas import StopSession
from flask_ocpi.modules.commands_schemas import UnlockConnector
from flask_ocpi.modules.enums import Capability
from flask_ocpi.modules.enums import CommandResponseType
from flask_ocpi.modules.enums import CommandResultType
from flask_ocpi.modules.enums import CommandType
from flask_ocpi.partners.claims import party_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record

#: The reservations of eMSPs under the ids of the eMSPs, each with our own number (CMD-23). ``stands``: the result
#: confirmed it; ``last_updated`` is its end.
RESERVATIONS = "reservations"

_REJECTED = orjson.dumps({"result": CommandResponseType.REJECTED, "timeout": 0})
_PURGED_AT_ONCE = 50


def start_session(ctx: Context, target: Target, body: Document) -> Result:
    """Ask the host to start a session. The token is neither compared with stored Tokens nor stored (CMD-20, CMD-21)."""
    hook = _hook(ctx, target)
    if hook is not None:
        callers_party(ctx, body["token"], "token")  # CMD-19
        evse = _check_place(ctx, target, body)
        is_required = Capability.START_SESSION_CONNECTOR_REQUIRED in evse.get("capabilities", ())
        if is_required and "connector_id" not in body and _can_name_a_connector(target):
            raise InvalidParametersError(f"connector_id is required for EVSE {body['evse_uid']!a}.")
    return _receive(ctx, target, body, hook)


def stop_session(ctx: Context, target: Target, body: Document) -> Result:
    """Ask the host to stop a session: UNKNOWN_SESSION if there is none, REJECTED if another eMSP's (CMD-16, CMD-17)."""
    hook = _hook(ctx, target)
    refusal = None if hook is None else pending.session_refusal(ctx, target, body["session_id"])
    return pending.respond(refusal) if refusal else _receive(ctx, target, body, hook)


def unlock_connector(ctx: Context, target: Target, body: Document) -> Result:
    """Ask the host to unlock a connector."""
    hook = _hook(ctx, target)
    if hook is not None:
        _check_place(ctx, target, body)
    return _receive(ctx, target, body, hook)


def reserve_now(ctx: Context, target: Target, body: Document) -> Result:
    """Ask the host to reserve an EVSE, or to change a reservation of the same eMSP (CMD-23, CMD-24).

    REJECTED if the eMSP has a reservation with that id at another Location.
    """
    hook = _hook(ctx, target)
    if hook is None:
        return _receive(ctx, target, body, None)
    token_party = callers_party(ctx, body["token"], "token")  # CMD-19
    _check_place(ctx, target, body)
    _purge_reservations(ctx)
    sender = ctx.routing.from_party or token_party
    key = Key.of(*sender, body["reservation_id"], target.receiver, ctx.platform.id)
    noted = _note_reservation(ctx, key, body)
    if noted is None:
        return pending.respond(CommandResponseType.REJECTED)
    accepted = False
    try:
        result = _receive(ctx, target, body, _numbered(hook, noted))
        accepted = orjson.loads(result.data or b"{}")["result"] == CommandResponseType.ACCEPTED
    finally:
        if not accepted:
            _drop_new_reservation(ctx, key, noted)
    return result


def cancel_reservation(ctx: Context, target: Target, body: Document) -> Result:
    """Ask the host to cancel a reservation of the calling eMSP: REJECTED if it has none with that id (CMD-29)."""
    hook = _hook(ctx, target)
    if hook is None:
        return _receive(ctx, target, body, None)
    senders = ctx.platform.parties if ctx.routing.from_party is None else (ctx.routing.from_party,)
    found = _find_reservations(ctx.services, ctx.platform.id, senders, body["reservation_id"], target.receiver)
    if len(found) > 1:
        raise InvalidParametersError(
            "OCPI-from-country-code and OCPI-from-party-id are needed: several of your parties have a reservation "
            f"{body['reservation_id']!a}."
        )
    if not found:
        return pending.respond(CommandResponseType.REJECTED)
    return _receive(ctx, target, body, _numbered(hook, found[0][1]))


def reservation_finished(services: Services, incoming: IncomingRequest) -> None:
    """Note that a reservation was made, or that it failed."""
    sender = incoming.sender or party_of(incoming.request["token"])
    key = Key.of(*sender, incoming.request["reservation_id"], incoming.receiver, incoming.platform)
    result = incoming.result["result"] if incoming.result is not None else None
    if result == CommandResultType.CANCELED_RESERVATION:
        services.storage.delete(RESERVATIONS, key)
    elif result == CommandResultType.ACCEPTED:
        record = services.storage.get(RESERVATIONS, key, for_update=True)
        if record is not None:
            made = {**record.document, "location_id": incoming.request["location_id"], "stands": True}
            end = to_micros(incoming.request["expiry_date"])
            services.storage.save(RESERVATIONS, key, Record.of(made, last_updated=end))


def cancellation_finished(services: Services, incoming: IncomingRequest) -> None:
    """Forget a reservation that was cancelled: its id may be used again."""
    if incoming.result is None or incoming.result["result"] != CommandResultType.ACCEPTED:
        return
    platform = services.platforms.get(incoming.platform)
    senders = (incoming.sender,) if incoming.sender is not None else platform.parties if platform is not None else ()
    for key, _ in _find_reservations(
        services, incoming.platform, senders, incoming.request["reservation_id"], incoming.receiver
    ):
        services.storage.delete(RESERVATIONS, key)


def _hook(ctx: Context, target: Target) -> CallHook | None:
    return ctx.services.hooks.calls.get((target.module.id, target.operation.path.removeprefix("/")))


def _receive(ctx: Context, target: Target, body: Document, hook: CallHook | None) -> Result:
    try:
        return pending.receive(ctx, target, body, hook)
    except OCPIError as error:
        if error.status_code == StatusCode.UNKNOWN_LOCATION and error.data is None:  # the host knows the places
            raise _unknown(error.message) from error
        raise


def _numbered(hook: CallHook, reservation: Record) -> CallHook:
    """Return the command for the hook, with our own number of the reservation."""

    def numbered(request: Document, reply: Reply) -> Answer:
        reply.reservation = reservation.created
        return hook(request, reply)

    return numbered


def _note_reservation(ctx: Context, key: Key, body: Document) -> Record | None:
    """Store a requested reservation and return it with its number; None if that id stands at another Location."""
    end = to_micros(body["expiry_date"])
    with ctx.storage.transaction():
        before = ctx.storage.get(RESERVATIONS, key, for_update=True)
        if before is not None and before.last_updated <= ctx.services.now():
            ctx.storage.delete(RESERVATIONS, key)
            before = None
        stands = before is not None and before.document["stands"]
        if before is not None:
            if stands and before.document["location_id"].upper() != body["location_id"].upper():
                return None
            end = max(end, before.last_updated)
        asked = {"key": list(key), "location_id": body["location_id"], "stands": stands}
        ctx.storage.save(RESERVATIONS, key, Record.of(asked, last_updated=end))
        return ctx.storage.get(RESERVATIONS, key)


def _drop_new_reservation(ctx: Context, key: Key, noted: Record) -> None:
    """Forget a reservation that was refused at once, unless it existed before or was requested again meanwhile."""
    with ctx.storage.transaction():
        record = ctx.storage.get(RESERVATIONS, key, for_update=True)
        if record is not None and record.revision == noted.revision == 1:
            ctx.storage.delete(RESERVATIONS, key)


def _find_reservations(
    services: Services, platform: str, senders: Iterable[Party], reservation_id: str, receiver: Party
) -> list[tuple[Key, Record]]:
    """Return the reservations of a platform with that id that have not ended."""
    found = []
    for sender in senders:
        key = Key.of(*sender, reservation_id, receiver, platform)
        record = services.storage.get(RESERVATIONS, key)
        if record is not None and record.last_updated > services.now():
            found.append((key, record))
    return found


def _purge_reservations(ctx: Context) -> None:
    """Remove reservations that ended long ago."""
    end = ctx.services.now() - ctx.services.settings.command_retention * 1_000_000
    old = Query(date_to=end, limit=_PURGED_AT_ONCE)
    ctx.storage.delete_page(RESERVATIONS, old, key_of=lambda record: Key(*record.document["key"]))


def _can_name_a_connector(target: Target) -> bool:
    """Tell whether the StartSession of the version has a connector_id; else the host application knows."""
    return target.operation.body is not None and "connector_id" in fields_of(target.operation.body)


def _check_place(ctx: Context, target: Target, body: Document) -> Document:
    """Return the EVSE that a command is for, or {}; raise UnknownLocationError with REJECTED (CMD-15, CMD-30)."""
    owner = target.receiver
    if not ctx.services.keeps(ModuleID.LOCATIONS, owner):
        return {}
    record = ctx.storage.get(ModuleID.LOCATIONS, Key.of(*owner, body["location_id"]))
    if record is None or not is_visible(ctx, record):
        raise _unknown(f"There is no location {body['location_id']!a} here.")
    if "evse_uid" not in body:
        return {}
    evses = record.document.get("evses", [])
    index = find_part(evses, "uid", body["evse_uid"])
    if index is None:
        raise _unknown(f"Location {body['location_id']!a} has no EVSE {body['evse_uid']!a}.")
    evse: Document = evses[index]
    if "connector_id" in body and find_part(evse["connectors"], "id", body["connector_id"]) is None:
        raise _unknown(f"EVSE {body['evse_uid']!a} has no connector {body['connector_id']!a}.")
    return evse


def _unknown(message: str) -> UnknownLocationError:
    return UnknownLocationError(message, http_status=200, data=_REJECTED)


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
        cancel_reservation,
        at_a_place=False,
        finished=cancellation_finished,
    ),
    _command(
        CommandType.RESERVE_NOW,
        ReserveNow,
        "Reserve an EVSE",
        reserve_now,
        at_a_place=True,
        finished=reservation_finished,
    ),
    _command(CommandType.START_SESSION, StartSession, "Start a session", start_session, at_a_place=True),
    _command(CommandType.STOP_SESSION, StopSession, "Stop a session", stop_session, at_a_place=False),
    _command(CommandType.UNLOCK_CONNECTOR, UnlockConnector, "Unlock a connector", unlock_connector, at_a_place=True),
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
    kinds=(*pending.KINDS, RESERVATIONS),
)
