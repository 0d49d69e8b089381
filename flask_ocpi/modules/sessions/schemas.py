"""The classes of the sessions module."""

from __future__ import annotations

from flask_ocpi.codes import CURRENCIES
from flask_ocpi.fields import Boolean
from flask_ocpi.fields import CiString
from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Enum
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import Number
from flask_ocpi.fields import String
from flask_ocpi.modules.cdrs.enums import AuthMethod
from flask_ocpi.modules.cdrs.schemas import CdrToken
from flask_ocpi.modules.cdrs.schemas import ChargingPeriod
from flask_ocpi.modules.sessions.enums import ProfileType
from flask_ocpi.modules.sessions.enums import SessionStatus
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import Price
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import example_of

_UNASSIGNED = "#NA while a reservation has none assigned"


class Session(OwnedObject):
    """A charging session, or a reservation (OCPI 2.2.1, Sessions, "Session Object")."""

    id = CiString(
        max=36,
        required=True,
        metadata={"description": "Unique among those of the owner.", "example": "SES1"},
    )
    start_date_time = DateTime(
        required=True,
        metadata={
            "description": "When it became ACTIVE, UTC; until then, when it was made.",
            "example": "2024-05-31T10:00:00Z",
        },
    )
    end_date_time = DateTime(metadata={"description": "When it ended, UTC.", "example": "2024-05-31T12:00:00Z"})
    kwh = Number(required=True, metadata={"description": "Energy so far, in kWh.", "example": 12.5})
    cdr_token = Object(
        CdrToken,
        required=True,
        metadata={"description": "What it was started with.", "example": example_of(CdrToken)},
    )
    auth_method = Enum(
        AuthMethod,
        required=True,
        metadata={"description": "How the driver was authorised; may change.", "example": "WHITELIST"},
    )
    authorization_reference = CiString(
        max=36, metadata={"description": "The eMSP's reference, the last one given.", "example": "AUTH-0001"}
    )
    location_id = CiString(max=36, required=True, metadata={"description": "Id of the location.", "example": "LOC1"})
    evse_uid = CiString(
        max=36, required=True, metadata={"description": f"Id of the EVSE; {_UNASSIGNED}.", "example": "3256"}
    )
    connector_id = CiString(
        max=36, required=True, metadata={"description": f"Id of the connector; {_UNASSIGNED}.", "example": "1"}
    )
    meter_id = String(max=255, metadata={"description": "Id of the meter.", "example": "METER-1"})
    currency = String(
        min=3,
        max=3,
        codes=CURRENCIES,
        required=True,
        metadata={"description": "ISO 4217 code of its currency.", "example": "EUR"},
    )
    charging_periods = ListOf(
        Object(ChargingPeriod),
        max=10000,
        metadata={
            "description": "What the costs come from; a PATCH adds to it, a PUT replaces it.",
            "example": [example_of(ChargingPeriod)],
        },
    )
    total_cost = Object(
        Price,
        metadata={
            "description": "All costs; left out where unknown, 0 where free.",
            "example": {"excl_vat": 10.0, "incl_vat": 12.1},
        },
    )
    status = Enum(SessionStatus, required=True, metadata={"description": "How far it is.", "example": "ACTIVE"})
    last_updated = DateTime(
        required=True, metadata={"description": "When it changed last, UTC.", "example": "2024-05-31T12:00:00Z"}
    )


class ChargingPreferences(Schema):
    """How a driver wants to charge (OCPI 2.2.1, Sessions, "ChargingPreferences Object")."""

    profile_type = Enum(
        ProfileType,
        required=True,
        metadata={"description": "What matters most; tariffs go with it.", "example": "GREEN"},
    )
    departure_time = DateTime(
        metadata={"description": "When the driver thinks to leave, UTC.", "example": "2024-05-31T16:00:00Z"}
    )
    energy_need = Number(metadata={"description": "What the driver wants by then, in kWh.", "example": 20})
    discharge_allowed = Boolean(
        default=False,
        metadata={"description": "Whether the battery may give energy back meanwhile.", "example": True},
    )
