"""The lifecycle of a booking: requests of the eMSP, answers of the CPO, changes of status. Pure functions.

OCPI 2.3.0, Bookings, "Flow and Lifecycle".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Document
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.enums import ReservationRequestStatus
from flask_ocpi.modules.enums import ReservationStatus

PENDING, RESERVED = ReservationStatus.PENDING, ReservationStatus.RESERVED
_NEXT = {
    PENDING: {RESERVED, ReservationStatus.REJECTED, ReservationStatus.FAILED},
    RESERVED: {ReservationStatus.FULFILLED, ReservationStatus.CANCELED, ReservationStatus.NO_SHOW},
}
_NAMESPACE = uuid.UUID("6f2f7c0e-9f0c-4b52-8b6a-2f6f0f9f6b11")
#: The properties of a request that its Booking takes over, by the name that both have.
_TAKEN = {
    "booking_option": "booking_option",
    "location_id": "location_id",
    "tokens": "booking_tokens",
    "access_information": "access_information",
    "authorization_reference": "authorization_reference",
}


def refused_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return the reason why a booking cannot become another one; None if it can."""
    old, new = before["reservation_status"], after["reservation_status"]
    if old == new or ReservationStatus.UNKNOWN in (old, new) or new in _NEXT.get(old, ()):
        return None
    if old not in _NEXT:
        return f"reservation_status: a booking that is {old} has ended, and does not become {new}."
    return f"reservation_status: a booking that is {old} does not become {new}."


def is_over(booking: Mapping[str, Any]) -> bool:
    """Tell whether a booking has ended: no request about it is possible any more."""
    return booking["reservation_status"] not in (*_NEXT, ReservationStatus.UNKNOWN)


def progress(booking: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return a value that is larger for the later of two states of a booking, also within one millisecond."""
    requests = booking["booking_requests"]
    pending = sum(item["request_status"] == PENDING for item in requests)
    return to_micros(booking["last_updated"]), len(requests), -pending


def id_of(platform: str, request: Mapping[str, Any]) -> str:
    """Return the id of the booking of a request: always the same for one ``request_id`` of an eMSP."""
    parts = (platform, *(str(request[name]).upper() for name in ("country_code", "party_id", "request_id")))
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


def requested(booking: Document | None, request: Document, *, known: Document, now: str) -> Document:
    """Return a booking with one more PENDING request; a new booking if there is none yet.

    known: the other properties of a new one: its id, its owner, its terms and tariffs.
    """
    asked = {
        "request_status": str(ReservationRequestStatus.PENDING),
        "booking_request": request,
        "request_received": now,
    }
    if booking is not None:
        return {**booking, "booking_requests": [*booking["booking_requests"], asked], "last_updated": now}
    return {
        **known,
        "request_id": request["request_id"],
        **_as_asked(request, {}),
        "reservation_status": str(PENDING),
        "booking_requests": [asked],
        "last_updated": now,
    }


def answered(booking: Document, status: ReservationRequestStatus, *, changes: Mapping[str, Any], now: str) -> Document:
    """Return a booking after the CPO answered its latest PENDING request.

    changes: other properties that the CPO sets. Raises InvalidParametersError if there is no such request.
    """
    requests = [dict(item) for item in booking["booking_requests"]]
    pending = [item for item in requests if item["request_status"] == PENDING]
    if not pending:
        raise InvalidParametersError(f"No request for booking {booking['id']} is PENDING.")
    latest = pending[-1]
    latest["request_status"] = str(status)
    after = {**booking, "booking_requests": requests, "last_updated": now}
    if status is ReservationRequestStatus.ACCEPTED:
        for earlier in pending[:-1]:  # the latest takes their place
            earlier["request_status"] = str(ReservationRequestStatus.DECLINED)
        after |= _accepted(booking, latest["booking_request"])
    elif (
        booking["reservation_status"] == PENDING
        and status is not ReservationRequestStatus.PENDING
        and pending == [latest]
    ):
        failed = status is ReservationRequestStatus.FAILED
        after["reservation_status"] = str(ReservationStatus.FAILED if failed else ReservationStatus.REJECTED)
    return {**after, **changes}


def _accepted(booking: Document, request: Document) -> Document:
    """Return the changes of an accepted request. A cancelled booking that was never RESERVED is REJECTED."""
    if "canceled" in request:
        was_reserved = booking["reservation_status"] != PENDING
        status = ReservationStatus.CANCELED if was_reserved else ReservationStatus.REJECTED
        return {"reservation_status": str(status), "canceled": request["canceled"]}
    return {"reservation_status": str(RESERVED), **_as_asked(request, booking.get("period", {}))}


def _as_asked(request: Document, period: Document) -> Document:
    taken = {own: request[name] for name, own in _TAKEN.items() if name in request}
    return {**taken, "period": {**period, **request["period"]}}
