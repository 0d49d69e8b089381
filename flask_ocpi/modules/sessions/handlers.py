"""Charging preferences: what a driver wishes for a session that goes on."""

from __future__ import annotations

import orjson

from flask_ocpi.context import Context
from flask_ocpi.context import Result
from flask_ocpi.context import Target
from flask_ocpi.description import Document
from flask_ocpi.documents import find_part
from flask_ocpi.enums import ModuleID
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import ServerError
from flask_ocpi.handlers import described_object
from flask_ocpi.handlers import find_all_own
from flask_ocpi.handlers import is_visible
from flask_ocpi.handlers import missing
from flask_ocpi.handlers import object_id
from flask_ocpi.modules.locations.enums import Capability
from flask_ocpi.modules.sessions.enums import ChargingPreferencesResponse
from flask_ocpi.modules.sessions.enums import ProfileType
from flask_ocpi.modules.sessions.enums import SessionStatus
from flask_ocpi.signals import charging_preferences_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party

_OVER = (SessionStatus.COMPLETED, SessionStatus.INVALID)


def put_charging_preferences(ctx: Context, target: Target, body: Document) -> Result:
    """Answer what the host application makes of a driver's preferences; NOT_POSSIBLE where it does not say.

    HTTP 404 for an unknown session and for an EVSE that cannot take preferences (SES-05, SES-06).
    OCPI 2.2.1, Sessions, "Set: Charging Preferences".
    """
    session = _session(ctx, target)
    evse = _evse(ctx, session)
    if evse is not None and Capability.CHARGING_PREFERENCES_CAPABLE not in evse.get("capabilities", ()):
        raise NotFoundError(f"EVSE {session['evse_uid']!a} takes no charging preferences.")
    answer = _answer(ctx, session, evse, body)
    if answer not in list(ChargingPreferencesResponse):
        raise ServerError(f"The host application answered {answer!a}, which is no ChargingPreferencesResponse.")
    ctx.services.emit(
        charging_preferences_received, session=session, preferences=body, answer=str(answer), platform=ctx.platform
    )
    return Result(orjson.dumps(str(answer)))


def _session(ctx: Context, target: Target) -> Document:
    """Return the addressed session, which the calling platform may see and which is the only one with that id."""
    found = list(find_all_own(ctx, target, described_object(target), object_id(target)))
    if not found:
        raise missing(target)
    if len(found) > 1:
        raise InvalidParametersError(
            f"OCPI-to-country-code and OCPI-to-party-id are needed: several parties have a session "
            f"{object_id(target)!a} here."
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
    """Return the EVSE of a session, or None where it is not known here."""
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
