"""The classes of the bookings module, in edition 1.1; names of 1.0 are read as well."""

from __future__ import annotations

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
from flask_ocpi.modules import bookings_readings as readings
from flask_ocpi.modules.cdrs_schemas import CdrToken
from flask_ocpi.modules.enums import AccessMethod
from flask_ocpi.modules.enums import CanceledReason
from flask_ocpi.modules.enums import ConnectorFormat
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.enums import EVSEPosition
from flask_ocpi.modules.enums import PowerType
from flask_ocpi.modules.enums import ReservationRequestStatus
from flask_ocpi.modules.enums import ReservationStatus
from flask_ocpi.modules.enums import VehicleType
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import PartyId

_START, _END = "2024-05-31T10:00:00Z", "2024-05-31T11:00:00Z"
_LAST_UPDATED = DateTime(required=True, about="When it changed last, UTC.", example="2024-05-30T12:00:00Z")


class BookingLocationQuery(PageQuery):
    """Query parameters of the list of BookingLocations (OCPI 2.3.0, Bookings, "GET BookingLocations")."""

    timeslot_from = DateTime(about="Return only places with a timeslot that ends after this moment.", example=_START)
    timeslot_to = DateTime(about="Return only places with a timeslot that begins before this moment.", example=_END)


class AccessInformation(Schema):
    """The way to get to a charger (OCPI 2.3.0, Bookings, "AccessInformation class")."""

    readings = (readings.renamed(location_access="method"),)

    method = Enum(AccessMethod, required=True, about="The way to get access.", example="ACCESS_CODE")
    value = String(max=255, about="The access code, license plate, or similar value.", example="1224")


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

    evse_uid = CiString(max=36, about="Uid of the EVSE; #NA while no EVSE is assigned.", example="3256")
    connector_id = CiString(max=36, about="Id of the connector.", example="1")
    parking_id = CiString(max=36, about="Id of the parking place.", example="P1")
    evse_position = ListOf(
        Enum(EVSEPosition), about="The sides of the vehicle at which the EVSE can be.", example=["LEFT"]
    )
    vehicle_types = ListOf(
        Enum(VehicleType, open=True), about="The types of vehicles that the place suits.", example=["VAN"]
    )
    connector_format = ListOf(Enum(ConnectorFormat), about="The formats of the connectors.", example=["CABLE"])
    connector_types = ListOf(
        Enum(ConnectorType, open=True), about="The standards of the connectors.", example=["IEC_62196_T2_COMBO"]
    )
    power_types = ListOf(Enum(PowerType), about="The power types of the connectors.", example=["DC"])
    max_vehicle_weight = Number(about="Up to so many kg such a vehicle fits.", example=5000)
    max_vehicle_height = Number(about="Up to so many cm such a vehicle fits.", example=300)
    max_vehicle_length = Number(about="Up to so many cm such a vehicle fits.", example=900)
    max_vehicle_width = Number(about="Up to so many cm such a vehicle fits.", example=250)
    min_parking_space_length = Number(about="Minimum length of the parking place, in cm.", example=1000)
    min_parking_space_width = Number(about="Minimum width of the parking place, in cm.", example=300)
    dangerous_goods_allowed = Boolean(about="Whether vehicles with dangerous goods may park.", example=True)
    drive_through = Boolean(about="Whether nobody has to reverse.", example=True)
    refrigeration_outlet = Boolean(about="Whether there is power for a refrigerated load.", example=True)


class BookingTerms(Schema):
    """The terms of a booking (OCPI 2.3.0, Bookings, "BookingTerms class")."""

    readings = (readings.renamed(RFID_auth_required="rfid_auth_required"),)

    rfid_auth_required = Boolean(about="Whether the driver needs an RFID card.", example=True)
    token_groups_supported = Boolean(about="Whether another token of the group will do.", example=True)
    remote_auth_supported = Boolean(about="Whether a session can be started by command.", example=True)
    supported_access_methods = ListOf(
        Enum(AccessMethod), required=True, about="The ways to get access to the charger.", example=["OPEN"]
    )
    change_until_minutes = Number(
        required=True, about="How long before its begin it can be changed, in minutes.", example=15
    )
    cancel_until_minutes = Number(
        required=True, about="How long before its begin it can be cancelled, in minutes.", example=15
    )
    change_not_allowed = Boolean(about="Whether it cannot be changed.", example=True)
    early_start_allowed = Boolean(about="Whether a session may start early.", example=True)
    early_start_time = Number(about="How early, in minutes.", example=15)
    noshow_timeout = Number(about="How long after its begin it is released, in minutes.", example=15)
    noshow_fee = Boolean(about="Whether it costs something where nobody comes.", example=True)
    late_stop_allowed = Boolean(about="Whether a session may go on after its end.", example=True)
    late_stop_time = Number(about="How long, in minutes.", example=15)
    overlapping_bookings_allowed = Boolean(about="Whether a token may have several at a time.", example=True)
    min_booking_duration = Number(about="The shortest booking, in minutes.", example=15)
    max_booking_duration = Number(about="The longest booking, in minutes.", example=15)
    booking_terms = Url(about="URL of the complete terms.", example="https://www.example.com/terms")


class BookingToken(CdrToken):
    """A token that a booking can be used with (OCPI 2.3.0, Bookings, "BookingToken class")."""

    readings = (readings.without_plates,)


class Cancellation(Schema):
    """The cancellation of a booking: its reason and its author (OCPI 2.3.0, Bookings, "Cancellation class")."""

    readings = (readings.with_roles,)

    cancellation_reason = Enum(
        CanceledReason, required=True, about="The reason for the cancellation.", example="TRAFFIC"
    )
    who_canceled = Enum(
        Role, without=(Role.HUB, Role.PTP), required=True, about="The party that cancelled.", example="EMSP"
    )


class Period(Schema):
    """A span of time (OCPI 2.3.0, Bookings, "Period class")."""

    readings = (
        readings.stripped,
        readings.renamed(start_from="start_date_time", end_before="end_date_time", end_from="end_date_time"),
    )

    start_date_time = DateTime(required=True, about="Start of the period, in UTC.", example=_START)
    end_date_time = DateTime(required=True, about="End of the period, in UTC.", example=_END)


class Policy(Schema):
    """The rule whether a booking is required (OCPI 2.3.0, Bookings, "Policy class")."""

    reservation_required = Boolean(required=True, about="Whether one can charge with a booking only.", example=True)
    ad_hoc = Number(about="Number of places for charging without a booking.", example=2)


class Timeslot(Period):
    """A span of time and its offer (OCPI 2.3.0, Bookings, "Timeslot class")."""

    min_power = Number(about="Guaranteed power, in W.", example=11000)
    max_power = Number(about="Maximum power, in W.", example=22000)
    green_energy_support = Boolean(about="Whether there is green energy.", example=True)


class Calendar(Schema):
    """The times at which a place can be booked (OCPI 2.3.0, Bookings, "Calendar object")."""

    readings = (readings.renamed(step_size="timeslot_increment"),)

    id = CiString(max=36, required=True, about="Id of the calendar, unique in the booking location.", example="CAL1")
    begin_from = DateTime(required=True, about="Start of the calendar, in UTC.", example=_START)
    end_before = DateTime(required=True, about="End of the calendar, in UTC.", example=_END)
    timeslot_increment = Integer(min=0, about="What a booking is a multiple of, in minutes.", example=15)
    available_timeslots = ListOf(Object(Timeslot), required=True, about="The timeslots that can be booked.")
    last_updated = _LAST_UPDATED


class BookingRequest(Schema):
    """A request of an eMSP for a booking (OCPI 2.3.0, Bookings, "BookingRequest class").

    A request with the same ``request_id`` changes the booking; with ``canceled`` it cancels the booking.
    """

    readings = (readings.renamed(bookable_parking_option="booking_option"), readings.with_option)

    country_code = CountryCode(required=True, about="ISO 3166-1 alpha-2 code of the eMSP's country.", example="DE")
    party_id = PartyId(required=True, about="Id of the eMSP.", example="XYZ")
    request_id = CiString(max=36, required=True, about="Id of the booking at the eMSP.", example="REQ1")
    booking_option = Object(BookingOption, about="The place to book.", example={"evse_uid": "3256"})
    location_id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    booking_location_id = CiString(max=36, required=True, about="Id of the BookingLocation.", example="BL1")
    tokens = ListOf(Object(BookingToken), about="The tokens that can use the booking.")
    access_information = ListOf(Object(AccessInformation), about="The ways to get access to the charger.")
    period = Object(Period, required=True, about="The time to book.")
    authorization_reference = CiString(
        max=36, required=True, about="Reference that the Session and the CDR repeat.", example="AUTH-0001"
    )
    power_required = Integer(min=0, about="Required power, in kW.", example=22)
    canceled = Object(Cancellation, about="Present to cancel the booking.")


class BookingRequestStatus(Schema):
    """A request and its status (OCPI 2.3.0, Bookings, "BookingRequestStatus class")."""

    request_status = Enum(
        ReservationRequestStatus, required=True, about="The answer to the request.", example="ACCEPTED"
    )
    booking_request = Object(BookingRequest, required=True, about="The request.")
    request_received = DateTime(required=True, about="Time at which the request was received, in UTC.", example=_START)


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

    id = CiString(max=36, required=True, about="Id of the booking, unique among those of the CPO.", example="B1")
    request_id = CiString(max=36, required=True, about="Id of the booking at the eMSP.", example="REQ1")
    booking_option = Object(BookingOption, about="The booked place.", example={"evse_uid": "3256"})
    location_id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    booking_tokens = ListOf(Object(BookingToken), about="The tokens that can use the booking.")
    tariff_ids = ListOf(CiString(max=36), about="Ids of the tariffs that apply to the booking.", example=["11"])
    period = Object(Timeslot, required=True, about="The booked time.")
    reservation_status = Enum(ReservationStatus, required=True, about="The state of the booking.", example="RESERVED")
    canceled = Object(Cancellation, about="Details of the cancellation.")
    access_information = ListOf(Object(AccessInformation), about="The ways to get access to the charger.")
    authorization_reference = CiString(
        max=36, required=True, about="Reference that the Session and the CDR repeat.", example="AUTH-0001"
    )
    booking_terms = Object(BookingTerms, required=True, about="The terms of the booking.")
    booking_requests = ListOf(Object(BookingRequestStatus), required=True, about="All requests for this booking.")
    last_updated = _LAST_UPDATED


class BookingLocation(OwnedObject):
    """A place that can be booked (OCPI 2.3.0, Bookings, "BookingLocation Object")."""

    readings = (
        readings.renamed(bookable_parking_options="booking_option", bookable="policy", tariff_id="tariff_ids"),
        readings.with_option,
        readings.with_single_terms,
    )

    id = CiString(
        max=36, required=True, about="Id of the booking location, unique among those of the CPO.", example="BL1"
    )
    location_id = CiString(max=36, required=True, about="Id of the Location.", example="LOC1")
    booking_option = Object(BookingOption, about="The places that can be booked.", example={"evse_uid": "3256"})
    # marshmallow takes fields out of the class
    policy = Object(Policy, about="Whether charging needs a booking.")  # type: ignore[assignment]
    tariff_ids = ListOf(CiString(max=36), about="Ids of the tariffs that apply to bookings.", example=["11"])
    booking_terms = Object(BookingTerms, about="The terms of bookings.")
    calendars = ListOf(Object(Calendar), unique="id", about="The times that can be booked.")
    last_updated = _LAST_UPDATED
