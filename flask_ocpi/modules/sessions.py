"""Sessions, and the charging preferences of a driver for a running session."""

from __future__ import annotations

import logging

import orjson

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import ServerError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.documents import find_part
from flask_ocpi.exchange.handlers import find_all_own
from flask_ocpi.exchange.handlers import is_visible
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules.cdrs import token_party
from flask_ocpi.modules.cdrs_schemas import CdrToken
from flask_ocpi.modules.cdrs_schemas import ChargingPeriod
from flask_ocpi.modules.enums import AuthMethod
from flask_ocpi.modules.enums import Capability
from flask_ocpi.modules.enums import ChargingPreferencesResponse
from flask_ocpi.modules.enums import ProfileType
from flask_ocpi.modules.enums import SessionStatus
from flask_ocpi.modules.types import Currency
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import Price
from flask_ocpi.signals import charging_preferences_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party

_UNASSIGNED = "#NA while a reservation has none assigned"


class Session(OwnedObject):
    """A charging session, or a reservation (OCPI 2.2.1, Sessions, "Session Object")."""

    id = CiString(max=36, required=True, about="Id of the session, unique among those of the owner.", example="SES1")
    start_date_time = DateTime(
        required=True,
        about="Time at which the session became ACTIVE, in UTC; until then, time of its creation.",
        example="2024-05-31T10:00:00Z",
    )
    end_date_time = DateTime(about="End of the session, in UTC.", example="2024-05-31T12:00:00Z")
    kwh = Number(required=True, about="Energy so far, in kWh.", example=12.5)
    cdr_token = Object(CdrToken, required=True, about="The token that started the session.")
    auth_method = Enum(AuthMethod, required=True, about="The method of authorization; may change.", example="WHITELIST")
    authorization_reference = CiString(max=36, about="The last reference that the eMSP gave.", example="AUTH-0001")
    location_id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    evse_uid = CiString(max=36, required=True, about=f"Id of the EVSE; {_UNASSIGNED}.", example="3256")
    connector_id = CiString(max=36, required=True, about=f"Id of the connector; {_UNASSIGNED}.", example="1")
    meter_id = String(max=255, about="Id of the energy meter.", example="METER-1")
    currency = Currency(required=True)
    charging_periods = ListOf(
        Object(ChargingPeriod),
        max=10000,
        about="The periods from which the costs are computed; a PATCH appends, a PUT replaces.",
    )
    total_cost = Object(
        Price, about="Sum of all costs; absent if unknown, 0 if free.", example={"excl_vat": 10.0, "incl_vat": 12.1}
    )
    status = Enum(SessionStatus, required=True, about="Status of the session.", example="ACTIVE")
    last_updated = DateTime(required=True, about="Time of the last change, in UTC.", example="2024-05-31T12:00:00Z")


class ChargingPreferences(Schema):
    """The wishes of a driver for a session (OCPI 2.2.1, Sessions, "ChargingPreferences Object")."""

    profile_type = Enum(
        ProfileType, required=True, about="The driver's priority; tariffs may depend on it.", example="GREEN"
    )
    departure_time = DateTime(about="Expected departure of the driver, in UTC.", example="2024-05-31T16:00:00Z")
    energy_need = Number(about="Energy that the driver needs until departure, in kWh.", example=20)
    discharge_allowed = Boolean(default=False, about="Whether the vehicle may be discharged meanwhile.", example=True)


_log = logging.getLogger("flask_ocpi")
_OVER = (SessionStatus.COMPLETED, SessionStatus.INVALID)


def put_charging_preferences(ctx: Context, target: Target, body: Document) -> Result:
    """Pass a driver's preferences to the host application and return its answer; NOT_POSSIBLE without an answer.

    HTTP 404 for an unknown session and for an EVSE that cannot take preferences (SES-05, SES-06).
    OCPI 2.2.1, Sessions, "Set: Charging Preferences".
    """
    session = _session(ctx, target)
    evse = _evse(ctx, session)
    if evse is not None and Capability.CHARGING_PREFERENCES_CAPABLE not in evse.get("capabilities", ()):
        raise NotFoundError(f"EVSE {session['evse_uid']!a} takes no charging preferences.")
    answer = _answer(ctx, session, evse, body)
    if answer not in list(ChargingPreferencesResponse):
        known = list(ChargingPreferencesResponse)
        near = did_you_mean(answer, known)
        _log.error("The hook for charging preferences answered %.500r: use %s.%s", answer, ", ".join(known), near)
        raise ServerError("The host application gave no valid answer about these preferences.")
    ctx.services.emit(
        charging_preferences_received, session=session, preferences=body, answer=str(answer), platform=ctx.platform
    )
    return Result(orjson.dumps(str(answer)))


def _session(ctx: Context, target: Target) -> Document:
    """Return the addressed session; the calling platform must be able to see it, and its id must be unique."""
    found = list(find_all_own(ctx, target))
    if not found:
        raise target.missing()
    if len(found) > 1:
        raise InvalidParametersError(
            f"OCPI-to-country-code and OCPI-to-party-id are needed: several parties have a session {target.id!a} here."
        )
    return found[0].document


def _answer(ctx: Context, session: Document, evse: Document | None, preferences: Document) -> str:
    hook = ctx.services.hooks.charging_preferences
    if session["status"] in _OVER:
        return ChargingPreferencesResponse.NOT_POSSIBLE
    if evse is not None and not _has_tariff(ctx, session, evse, preferences["profile_type"]):
        return ChargingPreferencesResponse.PROFILE_TYPE_NOT_SUPPORTED
    return ChargingPreferencesResponse.NOT_POSSIBLE if hook is None else hook(session, preferences)


def _evse(ctx: Context, session: Document) -> Document | None:
    """Return the EVSE of a session, or None if it is not known here."""
    owner = Party.of(session["country_code"], session["party_id"])
    if not ctx.services.keeps(ModuleID.LOCATIONS, owner):
        return None
    record = ctx.storage.get(ModuleID.LOCATIONS, Key.of(*owner, session["location_id"]))
    evses = record.document.get("evses", []) if record is not None else []
    index = find_part(evses, "uid", session["evse_uid"])
    return None if index is None else evses[index]


def _has_tariff(ctx: Context, session: Document, evse: Document, profile_type: str) -> bool:
    """Tell whether the connector has a tariff for a profile type; a tariff not known here may be one (SES-08)."""
    owner = Party.of(session["country_code"], session["party_id"])
    index = find_part(evse["connectors"], "id", session["connector_id"])
    ids = evse["connectors"][index].get("tariff_ids", ()) if index is not None else ()
    if not ids or not ctx.services.keeps(ModuleID.TARIFFS, owner):
        return True
    wanted = profile_type if profile_type == ProfileType.REGULAR else f"PROFILE_{profile_type}"
    tariffs = [ctx.storage.get(ModuleID.TARIFFS, Key.of(*owner, id)) for id in ids]
    return any(
        tariff is None or (is_visible(ctx, tariff) and tariff.document.get("type", wanted) == wanted)
        for tariff in tariffs
    )


SESSION_ID = PathParameter("session_id", 36, "Session.id.", "SES1")

SESSION = ObjectType(
    name="session",
    kind="sessions",
    schema=Session,
    parameter=SESSION_ID,
    appended=("charging_periods",),
    audience=token_party,
)

PUT_CHARGING_PREFERENCES = Operation(
    name="put_charging_preferences",
    method="PUT",
    path="/{session_id}/charging_preferences",
    summary="Set a driver's charging preferences",
    description="The answer says whether they can be met; a refusal is a normal answer.",
    handler=put_charging_preferences,
    parameters=(SESSION_ID,),
    body=ChargingPreferences,
    returns=ChargingPreferencesResponse,
    object=SESSION,
)

MODULE = Module(
    id=ModuleID.SESSIONS,
    description="Who charges right now.",
    interfaces=(
        Interface(InterfaceRole.SENDER, (*list_objects(SESSION, dated=True), PUT_CHARGING_PREFERENCES)),
        Interface(InterfaceRole.RECEIVER, client_owned(SESSION, verbs=("GET", "PUT", "PATCH"))),
    ),
)
