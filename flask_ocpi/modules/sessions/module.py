"""The sessions module: who charges right now. Sender: the operator. Receiver: who shows it to drivers."""

from __future__ import annotations

from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import ObjectType
from flask_ocpi.description import Operation
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.modules.cdrs.module import token_party
from flask_ocpi.modules.sessions import handlers
from flask_ocpi.modules.sessions.enums import ChargingPreferencesResponse
from flask_ocpi.modules.sessions.schemas import ChargingPreferences
from flask_ocpi.modules.sessions.schemas import Session
from flask_ocpi.patterns import client_owned
from flask_ocpi.patterns import list_objects

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
    handler=handlers.put_charging_preferences,
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
