"""Checks of commands, charging profiles, authorization and the handshake: for test partners only."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.connection import only
from flask_ocpi.client.operations import path_of
from flask_ocpi.client.operations import schema_of
from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import counted
from flask_ocpi.client.probe.checks import cut
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.lists import lists_of
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.schema import example_of
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import Call
from flask_ocpi.modules.chargingprofiles import ChargingProfile
from flask_ocpi.modules.tokens import Token
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk

_UNKNOWN = "PROBE-UNKNOWN"
_WAITING = 30  # seconds for a result, or for a session
_PAUSE = 0.2
_HOUR = 3600 * SECOND
_Found = TypeVar("_Found")

check = partial(checks.check, writes=True)


@check("command.unknown", "STOP_SESSION of an unknown session is answered, and not accepted.", "Commands: POST method")
def command_unknown(session: Session) -> str:
    call = _answered(session, ModuleID.COMMANDS, lambda: session.client.commands.stop_session(_UNKNOWN))
    return _not_accepted(session, call)


@check("command.start", "START_SESSION is answered, and a result follows if it was accepted.", "Commands: POST method")
def command_start(session: Session) -> str:
    command = {"token": _token(session), "location_id": _location(session)}
    call = _answered(session, ModuleID.COMMANDS, lambda: session.client.commands.start_session(command))
    if not call.is_accepted:
        return f"{_result(call)}, so no result is due"
    result = _awaited(session, call)
    session.started = result == "ACCEPTED"
    return f"ACCEPTED, then {result}"


@check("command.stop", "The session that was started is sent, and STOP_SESSION ends it.", "Commands: POST method")
def command_stop(session: Session) -> str:
    if not session.started:
        raise SkippedError("No session was started.")
    id = _waited(lambda: _started_id(session))
    if id is None:
        raise DoubtError(f"No session came within {_WAITING} seconds; it may still run.")
    call = _answered(session, ModuleID.COMMANDS, lambda: session.client.commands.stop_session(id))
    if not call.is_accepted:
        raise FlawError(f"{_result(call)}, though the session runs.")
    result = _awaited(session, call)
    if result != "ACCEPTED":
        raise FlawError(f"ACCEPTED, then {result}.")
    return "ACCEPTED, then ACCEPTED"


@check(
    "command.class",
    "The answers to commands are valid by the class of the version.",
    "Commands: CommandResponse object",
)
def command_class(session: Session) -> str:
    return _valid(session, ModuleID.COMMANDS, "stop_session")


@check(
    "profile.unknown",
    "A charging profile for an unknown session is answered, and not accepted.",
    "ChargingProfiles: PUT method",
)
def profile_unknown(session: Session) -> str:
    profile = example_of(ChargingProfile)
    call = _answered(session, ModuleID.CHARGINGPROFILES, lambda: session.client.chargingprofiles.set(_UNKNOWN, profile))
    return _not_accepted(session, call)


@check("profile.class", "So are those to charging profiles.", "ChargingProfiles: ChargingProfileResponse object")
def profile_class(session: Session) -> str:
    return _valid(session, ModuleID.CHARGINGPROFILES, "set_profile")


@check(
    "authorize.unknown", "Authorization of an unknown token is answered with HTTP 404 and 2004.", "Tokens: POST method"
)
def authorize_unknown(session: Session) -> str:
    module, url = _offered(session, ModuleID.TOKENS, InterfaceRole.SENDER)
    operation = session.version.operation(ModuleID.TOKENS, "authorize")
    if operation is None:
        raise SkippedError("The version has no such request.")
    seen = _post(session, module, joined(url, path_of(operation, [_UNKNOWN])))
    if seen.status == 404 and seen.code != StatusCode.UNKNOWN_TOKEN and operation.alias is not None:
        party = only(sorted(session.parties, key=str))
        ids = [] if party is None else [party.country_code, party.party_id, _UNKNOWN]
        again = _post(session, module, joined(url, path_of(operation.aliased, ids))) if ids else seen
        if again.code == StatusCode.UNKNOWN_TOKEN:
            session.propose("authorize-with-party", True, "It authorizes tokens under a URL with the party only.")
            raise FlawError("Only a URL with the party is known.")
    if (seen.status, seen.code) != (404, StatusCode.UNKNOWN_TOKEN):
        if seen.done or seen.status >= 500 or not seen.status:
            raise FlawError(seen.summary)
        raise DoubtError(seen.summary)
    return seen.summary


@check(
    "handshake.renewed",
    "PUT on credentials renews the registration: the new token is accepted.",
    "Credentials: PUT method",
)
def handshake_renewed(session: Session) -> str:
    assert session.renew is not None  # noqa: S101 - else no check that writes is made
    try:
        session.client  # noqa: B018 - it counts as a request
        renewed = session.renew()
    except (RemoteError, InvalidParametersError, ConfigurationError) as error:
        raise FlawError(cut(str(error))) from error
    session.use(session.services.platforms.cipher.decrypt(str(renewed.token)))
    return session.ask("GET", session.url, operation="get_versions").demand_success()


@check(
    "handshake.replaced", "After the handshake the replaced token is refused with HTTP 401.", "Credentials: PUT method"
)
def handshake_replaced(session: Session) -> str:
    header = session.replaced
    if header is None:
        raise SkippedError("The token was not replaced.")
    headers = {"Authorization": header}
    seen = session.ask("GET", session.url, operation="get_versions", headers=headers, authorized=False)
    if seen.status != 401:
        raise FlawError(seen.summary)
    return seen.summary


CHECKS = declared(globals())


def _offered(session: Session, name: str, role: InterfaceRole = InterfaceRole.RECEIVER) -> tuple[Module, str]:
    """Return a module and the URL of its interface; raise SkippedError if we may not use it, or it is not there."""
    found = next((module for module in session.modules(role) if module.id == name), None)
    url = None if found is None else session.endpoint(found, role)[0]
    if found is None or url is None:
        raise SkippedError(f"It offers no {name} {role} that we may use.")
    return found, url


def _answered(session: Session, module: str, send: Callable[[], Call]) -> Call:
    """Return a request with its immediate response; raise FlawError if that is an error or not valid."""
    _offered(session, module)
    try:
        call = send()
        session.answers.setdefault(module, []).append(session.last_answer)
        return call
    except (RemoteError, InvalidParametersError, ConfigurationError) as error:
        raise FlawError(cut(str(error))) from error


def _valid(session: Session, module: str, name: str) -> str:
    """Demand that the answers to the requests of a module are valid."""
    operation, answers = session.version.operation(module, name), session.answers.get(module)
    if operation is None or not answers:
        raise SkippedError("None was sent, or answered.")
    for answer in answers:
        try:
            load(session.services.schemas[schema_of(operation)], answer, where="answer")
        except InvalidParametersError as error:
            raise FlawError(cut(str(error))) from error
    return counted(len(answers), "answer")


def _not_accepted(session: Session, call: Call) -> str:
    if call.is_accepted:
        result = _awaited(session, call)
        if result == "ACCEPTED":
            raise FlawError("It was ACCEPTED, and so was its result.")
        return f"ACCEPTED, then {result}"
    return _result(call)


def _result(call: Call) -> str:
    return str((call.response or {}).get("result"))


def _awaited(session: Session, call: Call) -> str:
    """Wait for the result of a request, and return it; raise FlawError if none comes."""
    result = _waited(lambda: pending.get_call(session.services, call.id).result)
    if result is None:
        raise FlawError(f"No result came within {_WAITING} seconds, though it was accepted.")
    return str(result.get("result"))


def _waited(find: Callable[[], _Found | None]) -> _Found | None:
    """Look for something again and again, until the time is over; the process that serves the app stores it."""
    for _ in range(int(_WAITING / _PAUSE)):
        if (found := find()) is not None:
            return found
        time.sleep(_PAUSE)
    return find()


def _started_id(session: Session) -> str | None:
    """Return the id of the session that was started for the token of the probe, if it was sent to us."""
    changed = Query(date_from=session.services.now() - _HOUR)
    for record in walk(session.services.storage, ModuleID.SESSIONS, changed):
        token = record.document.get("cdr_token") or {}
        if session.driver in (token.get("uid"), token.get("contract_id")):
            return str(record.document["id"])
    return None


def _token(session: Session) -> Document:
    module, _ = _offered(session, ModuleID.COMMANDS)
    party = session.own_party(module, InterfaceRole.SENDER)
    if party is None:
        raise SkippedError("No party of ours sends commands.")
    own = {"country_code": party.country_code, "party_id": party.party_id}
    return {**example_of(Token), **own, "uid": session.driver, "contract_id": session.driver}


def _location(session: Session) -> str:
    for listed in lists_of(session):
        if listed.module.id == ModuleID.LOCATIONS:
            return next((str(item["id"]) for item in listed.some if isinstance(item.get("id"), str)), _UNKNOWN)
    raise SkippedError("It offers no locations.")


def _post(session: Session, module: Module, url: str) -> Seen:
    headers = session.routing(module, InterfaceRole.SENDER)
    return session.ask("POST", url, module=module, operation="sender_authorize", headers=headers)
