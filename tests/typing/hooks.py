"""What host applications decide, right and wrong; tests/test_types.py has mypy read it."""

from __future__ import annotations

from typing import Any

from flask_ocpi import OCPI
from flask_ocpi import BookingReply
from flask_ocpi import Reply
from flask_ocpi import TerminalRequest
from flask_ocpi.core.types import ActiveChargingProfile
from flask_ocpi.core.types import AllowedType
from flask_ocpi.core.types import AuthorizationAnswer
from flask_ocpi.core.types import BookingAnswer
from flask_ocpi.core.types import BookingRequest
from flask_ocpi.core.types import ChargingPreferences
from flask_ocpi.core.types import ChargingPreferencesResponse
from flask_ocpi.core.types import CommandResponseType
from flask_ocpi.core.types import CredentialsRole
from flask_ocpi.core.types import LocationReferences
from flask_ocpi.core.types import Session
from flask_ocpi.core.types import StartSession
from flask_ocpi.core.types import Terminal
from flask_ocpi.core.types import TerminalChange
from flask_ocpi.core.types import Token
from flask_ocpi.partners.platforms import Platform

ocpi = OCPI()


@ocpi.authorizer
def by_balance(token: Token, location: LocationReferences | None) -> AllowedType | AuthorizationAnswer | None:
    if location is None:
        return None
    if token["whitelist"] == "NEVER":
        return {"allowed": "ALLOWED", "info": {"language": "en", "text": "Welcome."}}
    return "NO_CREDIT"


@ocpi.authorizer
def untyped(token: dict[str, Any], location: dict[str, Any] | None) -> dict[str, Any]:
    return {"allowed": "ALLOWED"}


ocpi.authorizer(lambda token, location: "ALLOWED" if token["valid"] else "BLOCKED")


@ocpi.charging_preferences
def plan(session: Session, wishes: ChargingPreferences) -> ChargingPreferencesResponse:
    return "ACCEPTED" if session["kwh"] < 10 else "NOT_POSSIBLE"


@ocpi.registration_filter
def known(platform: Platform, role: CredentialsRole) -> None:
    assert role["role"] != "HUB"


@ocpi.command("START_SESSION")
def start(command: StartSession, reply: Reply) -> CommandResponseType | dict[str, Any]:
    return reply.accept(lambda: "ACCEPTED") if "evse_uid" in command else "REJECTED"


@ocpi.charging_profile("PUT")
def limit(asked: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return reply.accept(lambda: "ACCEPTED")


@ocpi.authorizer
def misspelt(token: Token, location: LocationReferences | None) -> AllowedType:
    return "ALOWED"  # wrong


@ocpi.authorizer  # wrong
def any_text(token: Token, location: LocationReferences | None) -> str:
    return "ALLOWED"


@ocpi.authorizer  # wrong
def of_a_session(session: Session, location: LocationReferences | None) -> AllowedType:
    return "ALLOWED"


@ocpi.authorizer
def part(token: Token, location: LocationReferences | None) -> AuthorizationAnswer:
    return {"alowed": "ALLOWED"}  # wrong


@ocpi.command("START_SESION")  # wrong
def misspelt_command(command: StartSession, reply: Reply) -> CommandResponseType:
    return "ACCEPTED"


@ocpi.command("STOP_SESSION")
def misspelt_method(command: dict[str, Any], reply: Reply) -> CommandResponseType | dict[str, Any]:
    return reply.acept(lambda: "ACCEPTED")  # wrong


def finish(command: str, result: dict[str, Any], profile: ActiveChargingProfile) -> None:
    ocpi.finish(command, "EVSE_OCCUPIED")
    ocpi.finish(command, {"result": "ACCEPTED", "message": [{"language": "en", "text": "Started."}]})
    ocpi.finish(command, {"result": "ACCEPTED", "profile": profile})
    ocpi.finish(command, result)

    ocpi.finish(command, "ACEPTED")  # wrong
    ocpi.finish(command, {"result": "ACCEPTED", "mesage": []})  # wrong


@ocpi.command("UNLOCK_CONNECTOR")
def misspelt_result(command: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return reply.accept(lambda: "ACEPTED")  # wrong


@ocpi.booking
def book(request: BookingRequest, reply: BookingReply) -> BookingAnswer:
    return {"request_status": "ACCEPTED", "access_information": [{"method": "ACCESS_CODE", "value": "7"}]}


@ocpi.booking  # wrong
def any_status(request: BookingRequest, reply: BookingReply) -> str:
    return "ACCEPTED"


@ocpi.booking
def misspelt_status(request: dict[str, Any], reply: BookingReply) -> BookingAnswer:
    return {"request_status": "ACEPTED"}  # wrong


@ocpi.terminal("activate")
def activate(request: TerminalChange, circumstances: TerminalRequest) -> Terminal:
    return {"terminal_id": "T1", "last_updated": "2026-05-31T12:00:00Z"}


@ocpi.terminal("remove")  # wrong
def remove(terminal: Terminal, circumstances: TerminalRequest) -> None: ...


def answer(booking: str, decoded: dict[str, Any]) -> None:
    ocpi.answer_booking(booking, "DECLINED")
    ocpi.answer_booking(booking, decoded)

    ocpi.answer_booking(booking, "REFUSED")  # wrong
    ocpi.answer_booking(booking, {"request_status": "ACCEPTED", "tarif_ids": []})  # wrong
