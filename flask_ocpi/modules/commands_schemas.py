"""The classes of the commands module."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.modules.enums import CommandResponseType
from flask_ocpi.modules.enums import CommandResultType
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.types import DisplayText


def connector_is_of_an_evse(command: Document) -> Iterator[Violation]:
    """Demand the EVSE of a connector: connector ids are unique only within an EVSE (CMD-18)."""
    if "connector_id" in command and "evse_uid" not in command:
        yield "evse_uid", "is required where there is a connector_id"


_LOCATION = "Id of a location of the receiver."
_REFERENCE = "The eMSP's; comes back in the Session and the CDR."


def _response_url(command: str) -> Url:
    url = f"https://emsp.example.com/ocpi/2.2.1/sender/commands/{command}/1"
    return Url(called=True, required=True, about="Where to send the CommandResult, exactly as it is.", example=url)


class CancelReservation(Schema):
    """Give up a reservation (OCPI 2.2.1, Commands, "CancelReservation Object")."""

    response_url = _response_url("CANCEL_RESERVATION")
    reservation_id = CiString(max=36, required=True, about="Id of the reservation.", example="RES1")


class CommandResponse(Schema):
    """The immediate answer of a CPO to a command (OCPI 2.2.1, Commands, "CommandResponse Object")."""

    result = Enum(
        CommandResponseType,
        required=True,
        about="Whether the command is forwarded to the charge point.",
        example="ACCEPTED",
    )
    timeout = Integer(
        min=0, required=True, about="Seconds after which the sender need not wait for a result any more.", example=30
    )
    message = ListOf(
        Object(DisplayText),
        about="Text for people, in several languages.",
        example=[{"language": "en", "text": "The charge point is being asked."}],
    )


class CommandResult(Schema):
    """The result of a command at the charge point (OCPI 2.2.1, Commands, "CommandResult Object")."""

    result = Enum(CommandResultType, required=True, about="The outcome at the charge point.", example="ACCEPTED")
    message = ListOf(
        Object(DisplayText),
        about="Text for people, in several languages.",
        example=[{"language": "en", "text": "Charging has started."}],
    )


class ReserveNow(Schema):
    """Keep an EVSE free for a driver (OCPI 2.2.1, Commands, "ReserveNow Object")."""

    response_url = _response_url("RESERVE_NOW")
    token = Object(Token, required=True, about="The driver's token, which the sender has authorized.")
    expiry_date = DateTime(required=True, about="End of the reservation, in UTC.", example="2024-05-31T12:00:00Z")
    reservation_id = CiString(
        max=36,
        required=True,
        about="Id of the reservation, unique among those of the sender; it replaces one with the same id at "
        "the location.",
        example="RES1",
    )
    location_id = CiString(max=36, required=True, about=_LOCATION, example="LOC1")
    evse_uid = CiString(max=36, about="Uid of the EVSE; absent for any EVSE of the location.", example="3256")
    authorization_reference = CiString(max=36, about=_REFERENCE, example="AUTH-0001")


class StartSession(Schema):
    """Start charging (OCPI 2.2.1, Commands, "StartSession Object")."""

    rules = (connector_is_of_an_evse,)

    response_url = _response_url("START_SESSION")
    token = Object(Token, required=True, about="The driver's token, which the sender has authorized.")
    location_id = CiString(max=36, required=True, about=_LOCATION, example="LOC1")
    evse_uid = CiString(max=36, about="Uid of the EVSE; required with connector_id.", example="3256")
    connector_id = CiString(
        max=36,
        about="Id of the connector; required for EVSEs with the capability START_SESSION_CONNECTOR_REQUIRED.",
        example="1",
    )
    authorization_reference = CiString(max=36, about=_REFERENCE, example="AUTH-0001")


class StopSession(Schema):
    """Stop charging (OCPI 2.2.1, Commands, "StopSession Object")."""

    response_url = _response_url("STOP_SESSION")
    session_id = CiString(max=36, required=True, about="Id of a Session of the receiver.", example="SES1")


class UnlockConnector(Schema):
    """Release a cable that is stuck; for help desks only (OCPI 2.2.1, Commands, "UnlockConnector Object")."""

    response_url = _response_url("UNLOCK_CONNECTOR")
    location_id = CiString(max=36, required=True, about=_LOCATION, example="LOC1")
    evse_uid = CiString(max=36, required=True, about="Uid of the EVSE.", example="3256")
    connector_id = CiString(max=36, required=True, about="Id of the connector.", example="1")
