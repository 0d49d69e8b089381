"""The classes of the chargingprofiles module."""

from __future__ import annotations

from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Enum
from flask_ocpi.fields import Integer
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import Number
from flask_ocpi.fields import QueryInteger
from flask_ocpi.fields import Url
from flask_ocpi.modules.chargingprofiles.enums import ChargingProfileResponseType
from flask_ocpi.modules.chargingprofiles.enums import ChargingProfileResultType
from flask_ocpi.modules.chargingprofiles.enums import ChargingRateUnit
from flask_ocpi.modules.chargingprofiles.rules import accepted_result_has_profile
from flask_ocpi.modules.chargingprofiles.rules import periods_follow_each_other
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import example_of

_RESPONSE_URL = "https://emsp.example.com/ocpi/2.2.1/sender/chargingprofiles/1"
_DATE_TIME = "2024-05-31T12:00:00Z"


class ChargingProfilePeriod(Schema):
    """A limit from some moment on (OCPI 2.2.1, ChargingProfiles, "ChargingProfilePeriod class")."""

    start_period = Integer(
        min=0,
        required=True,
        metadata={
            "description": "Seconds from the start of the profile; the period before ends there.",
            "example": 0,
        },
    )
    limit = Number(
        decimals=1,
        required=True,
        metadata={"description": "In the unit of the profile; at most one decimal.", "example": 16.1},
    )


class ChargingProfile(Schema):
    """Limits over time (OCPI 2.2.1, ChargingProfiles, "ChargingProfile class")."""

    rules = (periods_follow_each_other,)

    start_date_time = DateTime(
        metadata={"description": "When it starts, UTC; left out: when charging starts.", "example": _DATE_TIME}
    )
    duration = Integer(
        min=0,
        metadata={
            "description": "In seconds; left out: without end, or until charging ends if it starts with charging.",
            "example": 900,
        },
    )
    charging_rate_unit = Enum(
        ChargingRateUnit,
        required=True,
        metadata={"description": "W: all the power. A: the current on each phase.", "example": "A"},
    )
    min_charging_rate = Number(
        decimals=1,
        metadata={"description": "Below it the vehicle charges badly or not; at most one decimal.", "example": 6.1},
    )
    charging_profile_period = ListOf(
        Object(ChargingProfilePeriod),
        max=10000,
        metadata={
            "description": "The limits; the first one starts at 0, each other one after the one before it.",
            "example": [{"start_period": 0, "limit": 16.1}, {"start_period": 900, "limit": 8}],
        },
    )


class ActiveChargingProfile(Schema):
    """What an EVSE is going to do (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfile class")."""

    start_date_time = DateTime(
        required=True,
        metadata={"description": "When it was computed, UTC; all its times count from then.", "example": _DATE_TIME},
    )
    charging_profile = Object(
        ChargingProfile,
        required=True,
        metadata={"description": "The limits.", "example": example_of(ChargingProfile)},
    )


class ChargingProfileResponse(Schema):
    """What a CPO answers to a request at once (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResponse Object")."""

    result = Enum(
        ChargingProfileResponseType,
        required=True,
        metadata={"description": "Whether the request is passed on.", "example": "ACCEPTED"},
    )
    timeout = Integer(
        min=0,
        required=True,
        metadata={"description": "Seconds after which no result is to be expected any more.", "example": 30},
    )


class ActiveChargingProfileResult(Schema):
    """What came of a GET (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfileResult Object")."""

    rules = (accepted_result_has_profile,)

    result = Enum(
        ChargingProfileResultType,
        required=True,
        metadata={"description": "Whether the EVSE could tell.", "example": "REJECTED"},
    )
    profile = Object(
        ActiveChargingProfile,
        metadata={
            "description": "The profile asked for; required when result is ACCEPTED.",
            "example": example_of(ActiveChargingProfile),
        },
    )


class ChargingProfileResult(Schema):
    """What came of a PUT (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResult Object")."""

    result = Enum(
        ChargingProfileResultType,
        required=True,
        metadata={"description": "Whether the EVSE took the profile.", "example": "ACCEPTED"},
    )


class ClearProfileResult(Schema):
    """What came of a DELETE (OCPI 2.2.1, ChargingProfiles, "ClearProfileResult Object")."""

    result = Enum(
        ChargingProfileResultType,
        required=True,
        metadata={"description": "Whether the EVSE dropped the profile.", "example": "ACCEPTED"},
    )


class SetChargingProfile(Schema):
    """Limit a session (OCPI 2.2.1, ChargingProfiles, "SetChargingProfile Object")."""

    charging_profile = Object(
        ChargingProfile,
        required=True,
        metadata={"description": "The limits.", "example": example_of(ChargingProfile)},
    )
    response_url = Url(
        called=True,
        required=True,
        metadata={
            "description": "Where to send the ChargingProfileResult, exactly as it is.",
            "example": _RESPONSE_URL,
        },
    )


class ResponseUrlQuery(Schema):
    """The query parameter of a DELETE (OCPI 2.2.1, ChargingProfiles, "Request Parameters")."""

    response_url = Url(
        called=True,
        required=True,
        metadata={
            "description": "Where to send the result, exactly as it is; percent-encoded in the query.",
            "example": _RESPONSE_URL,
        },
    )


class ActiveProfileQuery(ResponseUrlQuery):
    """The query parameters of a GET (OCPI 2.2.1, ChargingProfiles, "Request Parameters")."""

    duration = QueryInteger(
        min=0,
        required=True,
        metadata={"description": "How many seconds of the profile to tell.", "example": 900},
    )
