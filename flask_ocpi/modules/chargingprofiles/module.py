"""The chargingprofiles module: how fast a session may charge. Receiver: the operator. Sender: who plans the load."""

from __future__ import annotations

from flask_ocpi import pending
from flask_ocpi.description import Handler
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.description import PathParameter
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import ModuleID
from flask_ocpi.modules.chargingprofiles import handlers
from flask_ocpi.modules.chargingprofiles.schemas import ActiveChargingProfile
from flask_ocpi.modules.chargingprofiles.schemas import ActiveChargingProfileResult
from flask_ocpi.modules.chargingprofiles.schemas import ActiveProfileQuery
from flask_ocpi.modules.chargingprofiles.schemas import ChargingProfileResponse
from flask_ocpi.modules.chargingprofiles.schemas import ChargingProfileResult
from flask_ocpi.modules.chargingprofiles.schemas import ClearProfileResult
from flask_ocpi.modules.chargingprofiles.schemas import ResponseUrlQuery
from flask_ocpi.modules.chargingprofiles.schemas import SetChargingProfile
from flask_ocpi.patterns import CALL_ID
from flask_ocpi.schema import Schema

SESSION_ID = PathParameter("session_id", 36, "Session.id, as the operator knows it.", "SES1")
_LATER = "Answered at once; the result is posted to the response_url once the charge point gave it."

ASKED = (
    Operation(
        name="get_active_profile",
        method="GET",
        path="/{session_id}",
        summary="Ask for the active charging profile of a session",
        description=_LATER,
        handler=handlers.get_active_profile,
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
        handler=handlers.set_profile,
        parameters=(SESSION_ID,),
        body=SetChargingProfile,
        returns=ChargingProfileResponse,
        result=ChargingProfileResult,
        finished=handlers.remember_sender,
    ),
    Operation(
        name="clear_profile",
        method="DELETE",
        path="/{session_id}",
        summary="Remove the charging profile of a session",
        description=_LATER,
        handler=handlers.clear_profile,
        parameters=(SESSION_ID,),
        query=ResponseUrlQuery,
        returns=ChargingProfileResponse,
        result=ClearProfileResult,
    ),
)


def _result(segment: str, body: type[Schema], summary: str) -> Operation:
    """Describe where one kind of result is posted: by their content they cannot be told apart (CHP-09)."""
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
    handler=handlers.put_active_profile,
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
    kinds=(*pending.KINDS, handlers.PROFILED_SESSIONS),
)
