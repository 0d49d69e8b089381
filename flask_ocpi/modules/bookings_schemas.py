"""The classes of the bookings module, in edition 1.1; names of 1.0 are read as well."""

from __future__ import annotations

from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.enums import Role
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.responses import PageQuery
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.modules import bookings_readings as readings
from flask_ocpi.modules.bookings_enums import AccessMethod
from flask_ocpi.modules.bookings_enums import CanceledReason
from flask_ocpi.modules.bookings_enums import ReservationRequestStatus
from flask_ocpi.modules.bookings_enums import ReservationStatus
from flask_ocpi.modules.cdrs_schemas import CdrToken
from flask_ocpi.modules.enums import ConnectorFormat
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.enums import EVSEPosition
from flask_ocpi.modules.enums import PowerType
from flask_ocpi.modules.enums import VehicleType
from flask_ocpi.modules.types import OwnedObject

_START, _END = "2024-05-31T10:00:00Z", "2024-05-31T11:00:00Z"
_CHANGED = {"description": "When it changed last, UTC.", "example": "2024-05-30T12:00:00Z"}
_OF_A_SIZE = "such a vehicle fits"


def _minutes(about: str) -> dict[str, object]:
    return {"description": f"{about}, in minutes.", "example": 15}


def _whether(about: str) -> dict[str, object]:
    return {"description": f"Whether {about}.", "example": True}


class BookingLocationQuery(PageQuery):
    """Query parameters of the list of BookingLocations (OCPI 2.3.0, Bookings, "GET BookingLocations")."""

    timeslot_from = DateTime(
        metadata={"description": "Return only places with a timeslot that ends after this moment.", "example": _START}
    )
    timeslot_to = DateTime(
        metadata={"description": "Return only places with a timeslot that begins before this moment.", "example": _END}
    )


class AccessInformation(Schema):
    """The way to get to a charger (OCPI 2.3.0, Bookings, "AccessInformation class")."""

    readings = (readings.renamed(location_access="method"),)

    method = Enum(
        AccessMethod, required=True, metadata={"description": "The way to get access.", "example": "ACCESS_CODE"}
    )
    value = String(
        max=255, metadata={"description": "The access code, license plate, or similar value.", "example": "1224"}
    )


class BookingOption(Schema):
    """A set of charger properties that can be booked, or is booked (OCPI 2.3.0, Bookings, "BookingOption class")."""

    readings = (
        readings.renamed(
            format="connector_format",
            formats="connector_format",
            parking_space_length="min_parking_space_length",
            parking_space_width="min_parking_space_width",
        ),
        readings.with_lists,
    )

    evse_uid = CiString(
        max=36, metadata={"description": "Uid of the EVSE; #NA while no EVSE is assigned.", "example": "3256"}
    )
    connector_id = CiString(max=36, metadata={"description": "Id of the connector.", "example": "1"})
    parking_id = CiString(max=36, metadata={"description": "Id of the parking place.", "example": "P1"})
    evse_position = ListOf(
        Enum(EVSEPosition),
        metadata={"description": "The sides of the vehicle at which the EVSE can be.", "example": ["LEFT"]},
    )
    vehicle_types = ListOf(
        Enum(VehicleType, open=True),
        metadata={"description": "The types of vehicles that the place suits.", "example": ["VAN"]},
    )
    connector_format = ListOf(
        Enum(ConnectorFormat), metadata={"description": "The formats of the connectors.", "example": ["CABLE"]}
    )
    connector_types = ListOf(
        Enum(ConnectorType, open=True),
        metadata={"description": "The standards of the connectors.", "example": ["IEC_62196_T2_COMBO"]},
    )
    power_types = ListOf(
        Enum(PowerType), metadata={"description": "The power types of the connectors.", "example": ["DC"]}
    )
    max_vehicle_weight = Number(metadata={"description": f"Up to so many kg {_OF_A_SIZE}.", "example": 5000})
    max_vehicle_height = Number(metadata={"description": f"Up to so many cm {_OF_A_SIZE}.", "example": 300})
    max_vehicle_length = Number(metadata={"description": f"Up to so many cm {_OF_A_SIZE}.", "example": 900})
    max_vehicle_width = Number(metadata={"description": f"Up to so many cm {_OF_A_SIZE}.", "example": 250})
    min_parking_space_length = Number(
        metadata={"description": "Minimum length of the parking place, in cm.", "example": 1000}
    )
    min_parking_space_width = Number(
        metadata={"description": "Minimum width of the parking place, in cm.", "example": 300}
    )
    dangerous_goods_allowed = Boolean(metadata=_whether("vehicles with dangerous goods may park"))
    drive_through = Boolean(metadata=_whether("nobody has to reverse"))
    refrigeration_outlet = Boolean(metadata=_whether("there is power for a refrigerated load"))


class BookingTerms(Schema):
    """The terms of a booking (OCPI 2.3.0, Bookings, "BookingTerms class")."""

    readings = (readings.renamed(RFID_auth_required="rfid_auth_required"),)

    rfid_auth_required = Boolean(metadata=_whether("the driver needs an RFID card"))
    token_groups_supported = Boolean(metadata=_whether("another token of the group will do"))
    remote_auth_supported = Boolean(metadata=_whether("a session can be started by command"))
    supported_access_methods = ListOf(
        Enum(AccessMethod),
        required=True,
        metadata={"description": "The ways to get access to the charger.", "example": ["OPEN"]},
    )
    change_until_minutes = Number(required=True, metadata=_minutes("How long before its begin it can be changed"))
    cancel_until_minutes = Number(required=True, metadata=_minutes("How long before its begin it can be cancelled"))
    change_not_allowed = Boolean(metadata=_whether("it cannot be changed"))
    early_start_allowed = Boolean(metadata=_whether("a session may start early"))
    early_start_time = Number(metadata=_minutes("How early"))
    noshow_timeout = Number(metadata=_minutes("How long after its begin it is released"))
    noshow_fee = Boolean(metadata=_whether("it costs something where nobody comes"))
    late_stop_allowed = Boolean(metadata=_whether("a session may go on after its end"))
    late_stop_time = Number(metadata=_minutes("How long"))
    overlapping_bookings_allowed = Boolean(metadata=_whether("a token may have several at a time"))
    min_booking_duration = Number(metadata=_minutes("The shortest booking"))
    max_booking_duration = Number(metadata=_minutes("The longest booking"))
    booking_terms = Url(
        metadata={"description": "URL of the complete terms.", "example": "https://www.example.com/terms"}
    )


class BookingToken(CdrToken):
    """A token that a booking can be used with (OCPI 2.3.0, Bookings, "BookingToken class")."""

    readings = (readings.without_plates,)


class Cancellation(Schema):
    """The cancellation of a booking: its reason and its author (OCPI 2.3.0, Bookings, "Cancellation class")."""

    readings = (readings.with_roles,)

    cancellation_reason = Enum(
        CanceledReason,
        required=True,
        metadata={"description": "The reason for the cancellation.", "example": "TRAFFIC"},
    )
    who_canceled = Enum(
        Role,
        without=(Role.HUB, Role.PTP),
        required=True,
        metadata={"description": "The party that cancelled.", "example": "EMSP"},
    )


class Period(Schema):
    """A span of time (OCPI 2.3.0, Bookings, "Period class")."""

    readings = (
        readings.stripped,
        readings.renamed(start_from="start_date_time", end_before="end_date_time", end_from="end_date_time"),
    )

    start_date_time = DateTime(
        required=True, metadata={"description": "Start of the period, in UTC.", "example": _START}
    )
    end_date_time = DateTime(required=True, metadata={"description": "End of the period, in UTC.", "example": _END})


class Policy(Schema):
    """The rule whether a booking is required (OCPI 2.3.0, Bookings, "Policy class")."""

    reservation_required = Boolean(required=True, metadata=_whether("one can charge with a booking only"))
    ad_hoc = Number(metadata={"description": "Number of places for charging without a booking.", "example": 2})


class Timeslot(Period):
    """A span of time and its offer (OCPI 2.3.0, Bookings, "Timeslot class")."""

    min_power = Number(metadata={"description": "Guaranteed power, in W.", "example": 11000})
    max_power = Number(metadata={"description": "Maximum power, in W.", "example": 22000})
    green_energy_support = Boolean(metadata=_whether("there is green energy"))


class Calendar(Schema):
    """The times at which a place can be booked (OCPI 2.3.0, Bookings, "Calendar object")."""

    readings = (readings.renamed(step_size="timeslot_increment"),)

    id = CiString(
        max=36,
        required=True,
        metadata={"description": "Id of the calendar, unique in the booking location.", "example": "CAL1"},
    )
    begin_from = DateTime(required=True, metadata={"description": "Start of the calendar, in UTC.", "example": _START})
    end_before = DateTime(required=True, metadata={"description": "End of the calendar, in UTC.", "example": _END})
    timeslot_increment = Integer(min=0, metadata=_minutes("What a booking is a multiple of"))
    available_timeslots = ListOf(
        Object(Timeslot),
        required=True,
        metadata={"description": "The timeslots that can be booked.", "example": [example_of(Timeslot)]},
    )
    last_updated = DateTime(required=True, metadata=_CHANGED)


class BookingRequest(Schema):
    """A request of an eMSP for a booking (OCPI 2.3.0, Bookings, "BookingRequest class").

    A request with the same ``request_id`` changes the booking; with ``canceled`` it cancels the booking.
    """

    readings = (readings.renamed(bookable_parking_option="booking_option"), readings.with_option)

    country_code = CiString(
        min=2,
        max=2,
        codes=COUNTRIES_ALPHA2,
        required=True,
        metadata={"description": "ISO 3166-1 alpha-2 code of the eMSP's country.", "example": "DE"},
    )
    party_id = CiString(min=3, max=3, required=True, metadata={"description": "Id of the eMSP.", "example": "XYZ"})
    request_id = CiString(
        max=36, required=True, metadata={"description": "Id of the booking at the eMSP.", "example": "REQ1"}
    )
    booking_option = Object(
        BookingOption, metadata={"description": "The place to book.", "example": {"evse_uid": "3256"}}
    )
    location_id = CiString(max=36, required=True, metadata={"description": "Id of the Location.", "example": "LOC1"})
    booking_location_id = CiString(
        max=36, required=True, metadata={"description": "Id of the BookingLocation.", "example": "BL1"}
    )
    tokens = ListOf(
        Object(BookingToken),
        metadata={"description": "The tokens that can use the booking.", "example": [example_of(BookingToken)]},
    )
    access_information = ListOf(
        Object(AccessInformation),
        metadata={"description": "The ways to get access to the charger.", "example": [example_of(AccessInformation)]},
    )
    period = Object(Period, required=True, metadata={"description": "The time to book.", "example": example_of(Period)})
    authorization_reference = CiString(
        max=36,
        required=True,
        metadata={"description": "Reference that the Session and the CDR repeat.", "example": "AUTH-0001"},
    )
    power_required = Integer(min=0, metadata={"description": "Required power, in kW.", "example": 22})
    canceled = Object(
        Cancellation, metadata={"description": "Present to cancel the booking.", "example": example_of(Cancellation)}
    )


class BookingRequestStatus(Schema):
    """A request and its status (OCPI 2.3.0, Bookings, "BookingRequestStatus class")."""

    request_status = Enum(
        ReservationRequestStatus,
        required=True,
        metadata={"description": "The answer to the request.", "example": "ACCEPTED"},
    )
    booking_request = Object(
        BookingRequest,
        required=True,
        metadata={"description": "The request.", "example": example_of(BookingRequest)},
    )
    request_received = DateTime(
        required=True, metadata={"description": "Time at which the request was received, in UTC.", "example": _START}
    )


class Booking(OwnedObject):
    """A booking (OCPI 2.3.0, Bookings, "Booking Object")."""

    readings = (
        readings.renamed(
            bookable_parking_option="booking_option",
            tariff_id="tariff_ids",
            access_methods="access_information",
            status="reservation_status",
        ),
        readings.with_option,
        readings.with_statuses,
    )

    id = CiString(
        max=36,
        required=True,
        metadata={"description": "Id of the booking, unique among those of the CPO.", "example": "B1"},
    )
    request_id = CiString(
        max=36, required=True, metadata={"description": "Id of the booking at the eMSP.", "example": "REQ1"}
    )
    booking_option = Object(
        BookingOption, metadata={"description": "The booked place.", "example": {"evse_uid": "3256"}}
    )
    location_id = CiString(max=36, required=True, metadata={"description": "Id of the Location.", "example": "LOC1"})
    booking_tokens = ListOf(
        Object(BookingToken),
        metadata={"description": "The tokens that can use the booking.", "example": [example_of(BookingToken)]},
    )
    tariff_ids = ListOf(
        CiString(max=36), metadata={"description": "Ids of the tariffs that apply to the booking.", "example": ["11"]}
    )
    period = Object(
        Timeslot, required=True, metadata={"description": "The booked time.", "example": example_of(Timeslot)}
    )
    reservation_status = Enum(
        ReservationStatus, required=True, metadata={"description": "The state of the booking.", "example": "RESERVED"}
    )
    canceled = Object(
        Cancellation, metadata={"description": "Details of the cancellation.", "example": example_of(Cancellation)}
    )
    access_information = ListOf(
        Object(AccessInformation),
        metadata={"description": "The ways to get access to the charger.", "example": [example_of(AccessInformation)]},
    )
    authorization_reference = CiString(
        max=36,
        required=True,
        metadata={"description": "Reference that the Session and the CDR repeat.", "example": "AUTH-0001"},
    )
    booking_terms = Object(
        BookingTerms,
        required=True,
        metadata={"description": "The terms of the booking.", "example": example_of(BookingTerms)},
    )
    booking_requests = ListOf(
        Object(BookingRequestStatus),
        required=True,
        metadata={"description": "All requests for this booking.", "example": [example_of(BookingRequestStatus)]},
    )
    last_updated = DateTime(required=True, metadata=_CHANGED)


class BookingLocation(OwnedObject):
    """A place that can be booked (OCPI 2.3.0, Bookings, "BookingLocation Object")."""

    readings = (
        readings.renamed(bookable_parking_options="booking_option", bookable="policy", tariff_id="tariff_ids"),
        readings.with_option,
        readings.with_single_terms,
    )

    id = CiString(
        max=36,
        required=True,
        metadata={"description": "Id of the booking location, unique among those of the CPO.", "example": "BL1"},
    )
    location_id = CiString(max=36, required=True, metadata={"description": "Id of the Location.", "example": "LOC1"})
    booking_option = Object(
        BookingOption, metadata={"description": "The places that can be booked.", "example": {"evse_uid": "3256"}}
    )
    policy = Object(  # type: ignore[assignment]  # marshmallow takes fields out of the class
        Policy, metadata={"description": "Whether charging needs a booking.", "example": example_of(Policy)}
    )
    tariff_ids = ListOf(
        CiString(max=36), metadata={"description": "Ids of the tariffs that apply to bookings.", "example": ["11"]}
    )
    booking_terms = Object(
        BookingTerms, metadata={"description": "The terms of bookings.", "example": example_of(BookingTerms)}
    )
    calendars = ListOf(
        Object(Calendar),
        unique="id",
        metadata={"description": "The times that can be booked.", "example": [example_of(Calendar)]},
    )
    last_updated = DateTime(required=True, metadata=_CHANGED)
