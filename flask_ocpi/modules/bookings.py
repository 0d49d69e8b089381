"""Bookings 1.1: places and times at which a charger can be booked, and the bookings of eMSPs.

OCPI 2.3.0, Bookings. The host's hook is called with a BookingRequest and a BookingReply; it answers a PENDING request
later with :meth:`OCPI.answer_booking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any

from flask_ocpi.core.description import Alias
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Part
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import BOOKINGS
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import ServerError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.exchange import handlers
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.handlers import is_visible
from flask_ocpi.exchange.patterns import OWNER
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import get_objects
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.exchange.targets import Target
from flask_ocpi.modules import bookings_lifecycle as lifecycle
from flask_ocpi.modules.bookings_readings import IN_OPTION
from flask_ocpi.modules.bookings_schemas import Booking
from flask_ocpi.modules.bookings_schemas import BookingLocation
from flask_ocpi.modules.bookings_schemas import BookingLocationQuery
from flask_ocpi.modules.bookings_schemas import BookingRequest
from flask_ocpi.modules.bookings_schemas import Calendar
from flask_ocpi.modules.enums import ReservationRequestStatus
from flask_ocpi.modules.types import party_in
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

BOOKING_LOCATIONS = "booking_locations"
#: The name of the hook that answers requests.
REQUEST = "request"
_MOST_REQUESTS = 100  # for one booking


@dataclass(frozen=True, slots=True)
class BookingReply:
    """The circumstances of a BookingRequest, for the hook.

    id: the booking, for :meth:`OCPI.answer_booking` in any thread or process. platform: the caller;
    sender: the eMSP; receiver: our party. before: the Booking as it was before the request, None for a new one.
    kind: "new", "change" or "cancel".
    """

    id: str
    platform: Platform
    sender: Party
    receiver: Party
    before: Document | None
    kind: str


def request_booking(ctx: Context, target: Target, body: Document) -> Result:
    """Book, change or cancel by the host application's decision: answer the Booking, PENDING if it decides later.

    A repeated request is answered with the current Booking. OCPI 2.3.0, Bookings, "POST Method".
    """
    hook = ctx.services.hooks.calls.get((BOOKINGS, REQUEST))
    if hook is None:
        raise ClientError("This platform takes no bookings by OCPI.")
    owner, asker = target.receiver, _asker(ctx, body)
    id = lifecycle.id_of(ctx.platform.id, body)
    key = Key.of(*owner, id)
    known = {"id": id, "country_code": owner.country_code, "party_id": owner.party_id, **_terms(ctx, owner, body)}
    noted = _note(ctx, key, body, known, asker)
    if noted is None:
        return Result(_stored(ctx, key).text)
    before, now = noted
    kind = "new" if before is None else "cancel" if "canceled" in body else "change"
    reply = BookingReply(id, ctx.platform, asker, owner, None if before is None else before.document, kind)
    try:
        status, changes = answer_of(hook(body, reply))
        if status is not ReservationRequestStatus.PENDING or changes:
            _answer(ctx, key, status, changes)
    except Exception:
        _take_back(ctx, key, before, now)
        raise
    record = _stored(ctx, key)
    ctx.services.emit(object_saved, module=BOOKINGS, key=key, document=record.document, created=before is None)
    return Result(record.text)


def answer_of(answer: Any) -> tuple[ReservationRequestStatus, Mapping[str, Any]]:
    """Return the host application's status of a request, and the other properties of the Booking that it set.

    None is PENDING. Raises InvalidParametersError if the status is no ReservationRequestStatus.
    """
    given = answer if isinstance(answer, Mapping) else {"request_status": answer or ReservationRequestStatus.PENDING}
    changes = {name: value for name, value in given.items() if name != "request_status"}
    status = given.get("request_status", ReservationRequestStatus.PENDING)
    try:
        return ReservationRequestStatus(status), changes
    except ValueError:
        known = ", ".join(ReservationRequestStatus)
        raise InvalidParametersError(f"request_status: {status!a} is none of {known}.") from None


def _asker(ctx: Context, body: Document) -> Party:
    """Return the eMSP of the request, which must be a party of the caller."""
    missing = [name for name in ("country_code", "party_id") if name not in body]
    if missing:  # elsewhere a request is kept without
        raise InvalidParametersError(f"Invalid body: {missing[0]} cannot be read.")
    return handlers.callers_party(ctx, body)


def _terms(ctx: Context, owner: Party, body: Document) -> Document:
    """Return the terms and tariffs of the requested BookingLocation; raise UnknownLocationError (2003).

    Neither, if BookingLocations are not kept here, or if the request names none, as in 1.0.
    """
    id = body["booking_location_id"]
    if id == NOT_AVAILABLE or not ctx.services.keeps(BOOKING_LOCATIONS, owner):
        return {}
    record = ctx.storage.get(BOOKING_LOCATION.kind, Key.of(*owner, id))
    if record is None or not is_visible(ctx, record):
        raise UnknownLocationError(f"There is no booking location {id!a} here.", http_status=200)
    place = record.document
    if place["location_id"].upper() != body["location_id"].upper():
        raise UnknownLocationError(f"Booking location {id!a} is not at {body['location_id']!a}.", http_status=200)
    return {name: place[name] for name in ("booking_terms", "tariff_ids") if name in place}


def _note(ctx: Context, key: Key, body: Document, known: Document, asker: Party) -> tuple[Record | None, Record] | None:
    """Store a request; return the booking before and after. None if the request is a repetition.

    Raises InvalidParametersError if the booking has ended.
    """
    now = format_date_time(ctx.services.clock())
    with ctx.storage.transaction():
        before = ctx.storage.get(BOOKING.kind, key, for_update=True)
        if before is not None:
            booking = before.document
            if booking["booking_requests"][-1]["booking_request"] == body:
                return None
            if lifecycle.is_over(booking):
                status = booking["reservation_status"]
                raise InvalidParametersError(f"request_id: the booking {body['request_id']!a} is {status}.")
            if len(booking["booking_requests"]) >= _MOST_REQUESTS:
                raise InvalidParametersError(
                    f"request_id: there are {_MOST_REQUESTS} requests for the booking {body['request_id']!a} already."
                )
        elif "canceled" in body:
            raise InvalidParametersError(f"request_id: there is no booking {body['request_id']!a} to cancel.")
        made = lifecycle.requested(None if before is None else before.document, body, known=known, now=now)
        _save(ctx, key, made, (asker,) if before is None else before.audience)
        return before, _stored(ctx, key)


def _answer(ctx: Context, key: Key, status: ReservationRequestStatus, changes: Mapping[str, Any]) -> None:
    """Store the immediate answer of the host application; raise ServerError if it is not valid."""
    now = format_date_time(ctx.services.clock())
    with ctx.storage.transaction():
        record = ctx.storage.get(BOOKING.kind, key, for_update=True)
        if record is None:
            raise ServerError("The booking was removed meanwhile.")
        try:
            booking = lifecycle.answered(record.document, status, changes=changes, now=now)
            reason = lifecycle.refused_change(record.document, booking)
            if reason is not None:
                raise InvalidParametersError(reason)
            _save(ctx, key, load(ctx.services.schemas[Booking], booking, where="booking"), record.audience)
        except InvalidParametersError as error:
            raise ServerError(f"The host application gave no valid answer to this request: {error}") from error


def _save(ctx: Context, key: Key, booking: Document, audience: tuple[Party, ...]) -> None:
    moment = to_micros(booking["last_updated"])
    ctx.storage.save(BOOKING.kind, key, Record.of(booking, last_updated=moment, audience=audience))


def _take_back(ctx: Context, key: Key, before: Record | None, now: Record) -> None:
    """Undo a stored request that the host application failed to answer, unless the booking has changed since."""
    with ctx.storage.transaction():
        record = ctx.storage.get(BOOKING.kind, key, for_update=True)
        if record is None or record.text != now.text:
            return
        if before is None:
            ctx.storage.delete(BOOKING.kind, key)
        else:
            ctx.storage.save(BOOKING.kind, key, before)


def _stored(ctx: Context, key: Key) -> Record:
    record = ctx.storage.get(BOOKING.kind, key)
    if record is None:
        raise ServerError("The booking was removed meanwhile.")
    return record


def put_booking(ctx: Context, target: Target, body: Document) -> Result:
    """Store a Booking of the calling CPO; its URL ends in its id or, as once in the specification, its request_id."""
    named = target.path["booking_id"].upper()
    if named != body["id"].upper() and named == body["request_id"].upper():
        target = replace(target, path={**target.path, "booking_id": body["id"]}, id=body["id"])
    return handlers.put_object(ctx, target, body)


def patch_booking(ctx: Context, target: Target, body: Document) -> Result:
    """Change a Booking; properties that the specification's example has beside the option are changed in the option."""
    parts = {name: body[name] for name in IN_OPTION if name in body}
    if parts and "booking_option" not in body:
        record = ctx.storage.get(BOOKING.kind, target.key)
        option = {} if record is None else record.document.get("booking_option", {})
        body = {name: value for name, value in body.items() if name not in IN_OPTION}
        body["booking_option"] = {name: value for name, value in {**option, **parts}.items() if value is not None}
    return handlers.patch_object(ctx, target, body)


def list_booking_locations(ctx: Context, target: Target, body: None) -> Result:
    """Answer a page of BookingLocations; for a timeslot in the query, those with a free timeslot that overlaps it.

    OCPI 2.3.0, Bookings, "GET BookingLocations".
    """
    begin, end = target.query.get("timeslot_from"), target.query.get("timeslot_to")
    if begin is None and end is None:
        return handlers.list_objects(ctx, target, body)
    fits = partial(_has_timeslot, begin=begin, end=end)
    return handlers.list_fitting(ctx, target, fits)


def _has_timeslot(location: Document, *, begin: str | None, end: str | None) -> bool:
    slots = (slot for calendar in location.get("calendars", ()) for slot in calendar["available_timeslots"])
    return any(
        (begin is None or to_micros(slot["end_date_time"]) > to_micros(begin))
        and (end is None or to_micros(slot["start_date_time"]) < to_micros(end))
        for slot in slots
    )


def asking_party(booking: Document) -> tuple[tuple[str, str], ...]:
    """Return the eMSP of a booking, as far as its requests name it."""
    return party_in(booking["booking_requests"][-1]["booking_request"])


BOOKING = ObjectType(
    name="booking",
    kind="bookings",
    schema=Booking,
    parameter=PathParameter("booking_id", 36, "Booking.id.", "B1"),
    audience=asking_party,
    private=True,
    refused_change=lifecycle.refused_change,
)

BOOKING_LOCATION = ObjectType(
    name="booking_location",
    kind="booking_locations",
    schema=BookingLocation,
    parameter=PathParameter("booking_location_id", 36, "BookingLocation.id.", "BL1"),
    parts=(Part("calendar", Calendar, "calendars", "id", PathParameter("calendar_id", 36, "Calendar.id.", "CAL1")),),
    missing=UnknownLocationError,
)

_VERBS = ("GET", "PUT", "PATCH")
_OWN_HANDLERS = {"put_booking": put_booking, "patch_booking": patch_booking}

POST_REQUEST = Operation(
    name="post_booking_request",
    method="POST",
    path="",
    summary="Book, change a booking, or cancel it",
    description="The same request_id changes the booking; with canceled it cancels it. PENDING is pushed later.",
    handler=request_booking,
    body=BookingRequest,
    returns=Booking,
    object=BOOKING,
    errors=(StatusCode.UNKNOWN_LOCATION,),
)


_RECEIVED_BOOKINGS = tuple(
    replace(o, handler=_OWN_HANDLERS.get(o.name, o.handler)) for o in client_owned(BOOKING, verbs=_VERBS)
)
_LISTED_LOCATIONS = tuple(
    replace(o, handler=list_booking_locations, query=BookingLocationQuery) for o in list_objects(BOOKING_LOCATION)
)


def _received_locations() -> tuple[Operation, ...]:
    """Return the Receiver interface, also with the paths in the specification's examples."""
    found = client_owned(BOOKING_LOCATION, verbs=_VERBS, segment=f"/{BOOKING_LOCATIONS}")
    below = "".join(f"/{{{parameter.name}}}" for parameter in OWNER)
    return tuple(
        replace(
            o,
            alias=Alias(
                o.path.replace(f"{below}/{BOOKING_LOCATIONS}", f"/bookinglocations{below}"), o.parameters, owned=True
            ),
        )
        for o in found
    )


MODULES = (
    Module(
        id=BOOKINGS,
        description="Bookings of chargers: asked for by eMSPs, kept by the CPO.",
        interfaces=(
            Interface(InterfaceRole.SENDER, (*list_objects(BOOKING), POST_REQUEST)),
            Interface(InterfaceRole.RECEIVER, _RECEIVED_BOOKINGS),
        ),
    ),
    Module(
        id=BOOKING_LOCATIONS,
        description="Where and when one can book: BookingLocations with their Calendars.",
        interfaces=(
            Interface(InterfaceRole.SENDER, (*_LISTED_LOCATIONS, *get_objects(BOOKING_LOCATION))),
            Interface(InterfaceRole.RECEIVER, _received_locations(), path=""),
        ),
        within=BOOKINGS,
    ),
)
