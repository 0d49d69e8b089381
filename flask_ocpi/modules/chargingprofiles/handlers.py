"""Charging profiles: setting, clearing and reading what limits a session, and hearing when that changes.

OCPI 2.2.1, Charging profiles. The host's hook is called with what is asked, including the session_id, and a Reply.
"""

from __future__ import annotations

from flask_ocpi import pending
from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Services
from flask_ocpi.context import Target
from flask_ocpi.description import Document
from flask_ocpi.errors import ConflictError
from flask_ocpi.modules.chargingprofiles.enums import ChargingProfileResultType
from flask_ocpi.pending import Due
from flask_ocpi.pending.records import now_micros
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record

#: The sessions that have, or had, a charging profile, with the platforms and parties that set it (CHP-24).
#: ``last_updated`` is when the latest was set.
PROFILED_SESSIONS = "profiled_sessions"

_LONGEST_SESSION = 366 * 86_400 * 1_000_000  # microseconds; nobody is told of sessions that are older
_PURGED_AT_ONCE = 50


def get_active_profile(ctx: Context, target: Target, body: None) -> Result:
    """Have the active profile of a session read; it comes as the result, not here (CHP-05)."""
    return _receive(ctx, target, {"duration": target.query["duration"]}, target.query["response_url"])


def set_profile(ctx: Context, target: Target, body: Document) -> Result:
    """Have a session's profile set."""
    asked = {name: value for name, value in body.items() if name != "response_url"}
    return _receive(ctx, target, asked, body["response_url"])


def clear_profile(ctx: Context, target: Target, body: None) -> Result:
    """Have a session's profile removed."""
    return _receive(ctx, target, {}, target.query["response_url"])


def put_active_profile(ctx: Context, target: Target, body: Document) -> Result:
    """Hear that the active profile of a session changed; the host application listens to the signal."""
    ctx.services.emit(
        active_charging_profile_received, session_id=target.path["session_id"], profile=body, platform=ctx.platform
    )
    return Result()


def remember_sender(services: Services, due: Due) -> None:
    """Note who set a profile successfully: it is told when the active one changes (CHP-12, CHP-24)."""
    if due.result is None or due.result["result"] != ChargingProfileResultType.ACCEPTED:
        return
    _purge_senders(services)
    key = Key.of("", "", due.request["session_id"], due.receiver)
    sender = {"platform": due.platform, "party": due.sender and list(due.sender)}
    try:
        _add_sender(services, key, sender)
    except ConflictError:  # another one was the first at the same moment, and can be read by now
        _add_sender(services, key, sender)


def profile_senders(services: Services, session_id: str, party: Party) -> list[tuple[str, Party | None]]:
    """Return the platforms, and their parties, that set a profile of a session of an own party."""
    record = services.storage.get(PROFILED_SESSIONS, Key.of("", "", session_id, party))
    senders = record.document["senders"] if record is not None else []
    return [(item["platform"], Party(*item["party"]) if item["party"] else None) for item in senders]


def _add_sender(services: Services, key: Key, sender: Document) -> None:
    record = services.storage.get(PROFILED_SESSIONS, key, for_update=True)
    senders = record.document["senders"] if record is not None else []
    if sender not in senders:
        senders.append(sender)
    noted = Record.of({"key": list(key), "senders": senders}, last_updated=now_micros(services))
    services.storage.save(PROFILED_SESSIONS, key, noted, expected=record.revision if record is not None else 0)


def _purge_senders(services: Services) -> None:
    old = Query(date_to=now_micros(services) - _LONGEST_SESSION, limit=_PURGED_AT_ONCE)
    for record in services.storage.list(PROFILED_SESSIONS, old).records:
        services.storage.delete(PROFILED_SESSIONS, Key(*record.document["key"]))


def _receive(ctx: Context, target: Target, asked: Document, response_url: str) -> Result:
    """Hand a request to the host, unless the session is not there, or not for the caller (CHP-07, CHP-20)."""
    session_id = target.path["session_id"]
    hook = ctx.services.hooks.calls.get((target.module.id, target.operation.method))
    refusal = None if hook is None else pending.session_refusal(ctx, target, session_id)
    if refusal is not None:
        return pending.respond(refusal)
    return pending.receive(ctx, target, {"session_id": session_id, **asked}, response_url, hook)
