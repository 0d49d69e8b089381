"""The classes of the chargingprofiles module."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import QueryInteger
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.errors import ConflictError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.patterns import CALL_ID
from flask_ocpi.exchange.pending import IncomingRequest
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.enums import ChargingProfileResponseType
from flask_ocpi.modules.enums import ChargingProfileResultType
from flask_ocpi.modules.enums import ChargingRateUnit
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record


def periods_follow_each_other(profile: Document) -> Iterator[Violation]:
    """Demand that the first period starts with the profile, and each other one after its predecessor (CHP-18)."""
    starts = [period["start_period"] for period in profile.get("charging_profile_period", [])]
    if starts and starts[0] != 0:
        yield "charging_profile_period[0].start_period", "must be 0: the first period starts with the profile"
    for index, (before, start) in enumerate(pairwise(starts), start=1):
        if start <= before:
            yield f"charging_profile_period[{index}].start_period", "must be greater than that of the period before it"


def accepted_result_has_profile(result: Document) -> Iterator[Violation]:
    """Demand the profile in an ACCEPTED result (CHP-10)."""
    if result["result"] == ChargingProfileResultType.ACCEPTED and "profile" not in result:
        yield "profile", "is required when result is ACCEPTED"


_RESPONSE_URL = "https://emsp.example.com/ocpi/2.2.1/sender/chargingprofiles/1"
_DATE_TIME = "2024-05-31T12:00:00Z"


class ChargingProfilePeriod(Schema):
    """A limit from some moment on (OCPI 2.2.1, ChargingProfiles, "ChargingProfilePeriod class")."""

    start_period = Integer(
        min=0,
        required=True,
        about="Start in seconds from the start of the profile; it ends the period before.",
        example=0,
    )
    limit = Number(
        decimals=1, required=True, about="The limit, in the unit of the profile; at most one decimal.", example=16.1
    )


class ChargingProfile(Schema):
    """Limits over time (OCPI 2.2.1, ChargingProfiles, "ChargingProfile class")."""

    rules = (periods_follow_each_other,)

    start_date_time = DateTime(
        about="Start of the profile, in UTC; absent if it starts with charging.", example=_DATE_TIME
    )
    duration = Integer(min=0, about="Duration in seconds; absent if it has no end, or ends with charging.", example=900)
    charging_rate_unit = Enum(
        ChargingRateUnit,
        required=True,
        about="Unit of the limits: W for the total power, A for the current of each phase.",
        example="A",
    )
    min_charging_rate = Number(
        decimals=1,
        about="Below this rate the vehicle charges inefficiently or not at all; at most one decimal.",
        example=6.1,
    )
    charging_profile_period = ListOf(
        Object(ChargingProfilePeriod),
        max=10000,
        about="The limits in the order of their starts; the first one starts at 0.",
        example=[{"start_period": 0, "limit": 16.1}, {"start_period": 900, "limit": 8}],
    )


class ActiveChargingProfile(Schema):
    """The profile that an EVSE is going to follow (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfile class")."""

    start_date_time = DateTime(
        required=True,
        about="Time at which the profile was computed, in UTC; all its periods start from here.",
        example=_DATE_TIME,
    )
    charging_profile = Object(ChargingProfile, required=True, about="The limits.")


class ChargingProfileResponse(Schema):
    """The immediate answer of a CPO to a request (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResponse Object")."""

    result = Enum(
        ChargingProfileResponseType,
        required=True,
        about="Whether the request is forwarded to the charge point.",
        example="ACCEPTED",
    )
    timeout = Integer(
        min=0, required=True, about="Seconds after which the sender need not wait for a result any more.", example=30
    )


class ActiveChargingProfileResult(Schema):
    """The result of a GET (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfileResult Object")."""

    rules = (accepted_result_has_profile,)

    result = Enum(
        ChargingProfileResultType, required=True, about="Whether the EVSE returned its profile.", example="REJECTED"
    )
    profile = Object(ActiveChargingProfile, about="The active profile; required if result is ACCEPTED.")


class ChargingProfileResult(Schema):
    """The result of a PUT (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResult Object")."""

    result = Enum(
        ChargingProfileResultType, required=True, about="Whether the EVSE accepted the profile.", example="ACCEPTED"
    )


class ClearProfileResult(Schema):
    """The result of a DELETE (OCPI 2.2.1, ChargingProfiles, "ClearProfileResult Object")."""

    result = Enum(
        ChargingProfileResultType, required=True, about="Whether the EVSE removed the profile.", example="ACCEPTED"
    )


class SetChargingProfile(Schema):
    """Limit a session (OCPI 2.2.1, ChargingProfiles, "SetChargingProfile Object")."""

    charging_profile = Object(ChargingProfile, required=True, about="The limits.")
    response_url = Url(
        called=True,
        required=True,
        about="URL for the ChargingProfileResult, to be used unchanged.",
        example=_RESPONSE_URL,
    )


class ResponseUrlQuery(Schema):
    """The query parameter of a DELETE (OCPI 2.2.1, ChargingProfiles, "Request Parameters")."""

    response_url = Url(
        called=True,
        required=True,
        about="URL for the result, to be used unchanged; percent-encoded in the query.",
        example=_RESPONSE_URL,
    )


class ActiveProfileQuery(ResponseUrlQuery):
    """The query parameters of a GET (OCPI 2.2.1, ChargingProfiles, "Request Parameters")."""

    duration = QueryInteger(min=0, required=True, about="Number of seconds of the profile to return.", example=900)


#: The sessions that have, or had, a charging profile, with the platforms and parties that set it (CHP-24).
#: ``last_updated`` is the time when the latest was set.
PROFILED_SESSIONS = "profiled_sessions"

_LONGEST_SESSION = 366 * 86_400 * 1_000_000  # microseconds; older sessions are not reported
_PURGED_AT_ONCE = 50


def ask_host(ctx: Context, target: Target, body: Document | None) -> Result:
    """Ask the host for the active profile of a session, to set it or to remove it; the result is sent later (CHP-05).

    Refused if the session is unknown, or not visible to the caller (CHP-07, CHP-20).
    """
    session_id, query = target.path["session_id"], target.operation.query
    hook = ctx.services.hooks.calls.get((target.module.id, target.operation.method))
    refusal = None if hook is None else pending.session_refusal(ctx, target, session_id)
    if refusal is not None:
        return pending.respond(refusal)
    asked = dict(body or {})
    if query is not None:
        asked = {name: target.query[name] for name in fields_of(query)}
    return pending.receive(ctx, target, {"session_id": session_id, **asked}, hook)


def put_active_profile(ctx: Context, target: Target, body: Document) -> Result:
    """Receive the changed active profile of a session; the host application listens to the signal."""
    ctx.services.emit(
        active_charging_profile_received, session_id=target.path["session_id"], profile=body, platform=ctx.platform
    )
    return Result()


def remember_sender(services: Services, incoming: IncomingRequest) -> None:
    """Note the sender of an accepted profile, which gets later changes of the active profile (CHP-12, CHP-24)."""
    if incoming.result is None or incoming.result["result"] != ChargingProfileResultType.ACCEPTED:
        return
    old = Query(date_to=services.now() - _LONGEST_SESSION, limit=_PURGED_AT_ONCE)
    services.storage.delete_page(PROFILED_SESSIONS, old, key_of=lambda record: Key(*record.document["key"]))
    key = Key.of("", "", incoming.request["session_id"], incoming.receiver)
    sender = {"platform": incoming.platform, "party": incoming.sender and list(incoming.sender)}
    try:
        _add_sender(services, key, sender)
    except ConflictError:  # another request created it at the same moment, and it can be read now
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
    noted = Record.of({"key": list(key), "senders": senders}, last_updated=services.now())
    services.storage.save(PROFILED_SESSIONS, key, noted, expected=record.revision if record is not None else 0)


SESSION_ID = PathParameter("session_id", 36, "Session.id, as the operator knows it.", "SES1")
_LATER = "Answered at once; the result is posted to the response_url once the charge point gave it."

ASKED = (
    Operation(
        name="get_active_profile",
        method="GET",
        path="/{session_id}",
        summary="Ask for the active charging profile of a session",
        description=_LATER,
        handler=ask_host,
        parameters=(SESSION_ID,),
        query=ActiveProfileQuery,
        returns=ChargingProfileResponse,
        result=ActiveChargingProfileResult,
    ),
    Operation(
        name="set_profile",
        method="PUT",
        path="/{session_id}",
        summary="Set the charging profile of a session",
        description=_LATER,
        handler=ask_host,
        parameters=(SESSION_ID,),
        body=SetChargingProfile,
        returns=ChargingProfileResponse,
        result=ChargingProfileResult,
        finished=remember_sender,
    ),
    Operation(
        name="clear_profile",
        method="DELETE",
        path="/{session_id}",
        summary="Remove the charging profile of a session",
        description=_LATER,
        handler=ask_host,
        parameters=(SESSION_ID,),
        query=ResponseUrlQuery,
        returns=ChargingProfileResponse,
        result=ClearProfileResult,
    ),
)


def _result(segment: str, body: type[Schema], summary: str) -> Operation:
    """Describe the endpoint of one class of results: their content does not tell them apart (CHP-09)."""
    handler: Handler = pending.receive_result
    return Operation(
        name=f"post_{segment}_result",
        method="POST",
        path=f"/{segment}/{{id}}",
        summary=summary,
        description="This is where the response_url of our requests leads.",
        handler=handler,
        parameters=(CALL_ID,),
        body=body,
    )


RESULTS = (
    _result("active_profile", ActiveChargingProfileResult, "Send the active charging profile that was asked for"),
    _result("set_profile", ChargingProfileResult, "Send the result of setting a charging profile"),
    _result("clear_profile", ClearProfileResult, "Send the result of removing a charging profile"),
)

PUT_ACTIVE_PROFILE = Operation(
    name="put_active_profile",
    method="PUT",
    path="/{session_id}",
    summary="Tell that the active charging profile of a session changed",
    handler=put_active_profile,
    parameters=(SESSION_ID,),
    body=ActiveChargingProfile,
)

MODULE = Module(
    id=ModuleID.CHARGINGPROFILES,
    description="How fast sessions may charge.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (*RESULTS, PUT_ACTIVE_PROFILE)),
        Interface(InterfaceRole.RECEIVER, ASKED),
    ),
    requires=(ModuleID.SESSIONS,),
    kinds=(*pending.KINDS, PROFILED_SESSIONS),
)
