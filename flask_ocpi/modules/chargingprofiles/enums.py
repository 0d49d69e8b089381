"""The enums of the chargingprofiles module."""

from __future__ import annotations

from enum import StrEnum


class ChargingRateUnit(StrEnum):
    """What limits are in: W in all, or A on each phase (OCPI 2.2.1, ChargingProfiles, "ChargingRateUnit")."""

    W = "W"
    A = "A"


class ChargingProfileResponseType(StrEnum):
    """What a CPO answers at once (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResponseType")."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(StrEnum):
    """What came of a request at the EVSE, later (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResultType")."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
