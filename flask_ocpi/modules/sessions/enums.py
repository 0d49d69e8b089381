"""The enums of the sessions module."""

from __future__ import annotations

from enum import StrEnum


class ChargingPreferencesResponse(StrEnum):
    """What became of charging preferences (OCPI 2.2.1, Sessions, "ChargingPreferencesResponse")."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class ProfileType(StrEnum):
    """How a driver wants to charge (OCPI 2.2.1, Sessions, "ProfileType")."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class SessionStatus(StrEnum):
    """How far a session is; COMPLETED and INVALID are final (OCPI 2.2.1, Sessions, "SessionStatus").

    The status of a reserved EVSE is RESERVED, that of a reserved session RESERVATION.
    """

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"
