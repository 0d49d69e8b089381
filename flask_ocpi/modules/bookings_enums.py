"""The enums of the bookings module."""

from __future__ import annotations

from enum import StrEnum


class AccessMethod(StrEnum):
    """A way to get access to a charger (OCPI 2.3.0, Bookings, "AccessMethod")."""

    OPEN = "OPEN"
    TOKEN = "TOKEN"  # noqa: S105
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class CanceledReason(StrEnum):
    """The reason for a cancellation (OCPI 2.3.0, Bookings, "CanceledReason")."""

    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


class ReservationRequestStatus(StrEnum):
    """The status of a request for a booking (OCPI 2.3.0, Bookings, "ReservationRequestStatus")."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


class ReservationStatus(StrEnum):
    """The state of a booking (OCPI 2.3.0, Bookings, "ReservationStatus")."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
