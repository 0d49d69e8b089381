"""The classes of the modules of 2.3.0.

Written by scripts/write_types.py: change the schemas instead.
"""

from typing import NotRequired
from typing import TypedDict

from flask_ocpi.core.types import enums
from flask_ocpi.core.types import places


class InvoiceReconciliationRecord(TypedDict):
    """The CDRs of an invoice (OCPI 2.3.0, Invoice Reconciliation, "InvoiceReconciliationRecord Object")."""

    country_code: str
    party_id: str
    id: str
    invoice_id: str
    cdrs: list[str]
    last_updated: str


class InvoiceReconciliationRecordChanges(TypedDict, total=False):
    """The properties of InvoiceReconciliationRecord that can be changed; None clears an optional one."""

    invoice_id: str
    cdrs: list[str]
    last_updated: str


class Terminal(TypedDict):
    """A payment terminal, and where it takes payments (OCPI 2.3.0, Payments, "Terminal Object")."""

    terminal_id: str
    customer_reference: NotRequired[str]
    party_id: NotRequired[str]
    country_code: NotRequired[str]
    address: NotRequired[str]
    city: NotRequired[str]
    postal_code: NotRequired[str]
    state: NotRequired[str]
    country: NotRequired[str]
    coordinates: NotRequired[places.GeoLocation]
    invoice_base_url: NotRequired[str]
    invoice_creator: NotRequired[enums.InvoiceCreator]
    reference: NotRequired[str]
    location_ids: NotRequired[list[str]]
    evse_uids: NotRequired[list[str]]
    last_updated: str


class TerminalChanges(TypedDict, total=False):
    """The properties of Terminal that can be changed; None clears an optional one."""

    customer_reference: str | None
    party_id: str | None
    country_code: str | None
    address: str | None
    city: str | None
    postal_code: str | None
    state: str | None
    country: str | None
    coordinates: places.GeoLocation | None
    invoice_base_url: str | None
    invoice_creator: enums.InvoiceCreator | None
    reference: str | None
    location_ids: list[str] | None
    evse_uids: list[str] | None
    last_updated: str


class TerminalChange(TypedDict):
    """A CPO's change of a Terminal; the PTP or the URL gives the id (OCPI 2.3.0, Payments, "POST Activate")."""

    terminal_id: NotRequired[str]
    customer_reference: NotRequired[str]
    party_id: NotRequired[str]
    country_code: NotRequired[str]
    address: NotRequired[str]
    city: NotRequired[str]
    postal_code: NotRequired[str]
    state: NotRequired[str]
    country: NotRequired[str]
    coordinates: NotRequired[places.GeoLocation]
    invoice_base_url: NotRequired[str]
    invoice_creator: NotRequired[enums.InvoiceCreator]
    reference: NotRequired[str]
    location_ids: NotRequired[list[str]]
    evse_uids: NotRequired[list[str]]
    last_updated: NotRequired[str]


class NewTerminal(TypedDict):
    """A Terminal that a PTP creates, possibly with its id only (OCPI 2.3.0, Payments, "POST Terminal")."""

    terminal_id: str
    customer_reference: NotRequired[str]
    party_id: NotRequired[str]
    country_code: NotRequired[str]
    address: NotRequired[str]
    city: NotRequired[str]
    postal_code: NotRequired[str]
    state: NotRequired[str]
    country: NotRequired[str]
    coordinates: NotRequired[places.GeoLocation]
    invoice_base_url: NotRequired[str]
    invoice_creator: NotRequired[enums.InvoiceCreator]
    reference: NotRequired[str]
    location_ids: NotRequired[list[str]]
    evse_uids: NotRequired[list[str]]
    last_updated: NotRequired[str]


class FinancialAdviceConfirmation(TypedDict):
    """The payment captured for a session (OCPI 2.3.0, Payments, "Financial Advice Confirmation Object")."""

    id: str
    authorization_reference: str
    total_costs: places.Price
    currency: str
    eft_data: list[str]
    capture_status_code: enums.CaptureStatusCode
    capture_status_message: NotRequired[str]
    last_updated: str


class FinancialAdviceConfirmationChanges(TypedDict, total=False):
    """The properties of FinancialAdviceConfirmation that can be changed; None clears an optional one."""

    authorization_reference: str
    total_costs: places.Price
    currency: str
    eft_data: list[str]
    capture_status_code: enums.CaptureStatusCode
    capture_status_message: str | None
    last_updated: str


class BookingOption(TypedDict):
    """A set of charger properties that can be booked, or is booked (OCPI 2.3.0, Bookings, "BookingOption class")."""

    evse_uid: NotRequired[str]
    connector_id: NotRequired[str]
    parking_id: NotRequired[str]
    evse_position: NotRequired[list[enums.EVSEPosition]]
    vehicle_types: NotRequired[list[enums.VehicleType]]
    connector_format: NotRequired[list[enums.ConnectorFormat]]
    connector_types: NotRequired[list[enums.ConnectorType]]
    power_types: NotRequired[list[enums.PowerType]]
    max_vehicle_weight: NotRequired[float]
    max_vehicle_height: NotRequired[float]
    max_vehicle_length: NotRequired[float]
    max_vehicle_width: NotRequired[float]
    min_parking_space_length: NotRequired[float]
    min_parking_space_width: NotRequired[float]
    dangerous_goods_allowed: NotRequired[bool]
    drive_through: NotRequired[bool]
    refrigeration_outlet: NotRequired[bool]


class BookingToken(TypedDict):
    """A token that a booking can be used with (OCPI 2.3.0, Bookings, "BookingToken class")."""

    country_code: str
    party_id: str
    uid: str
    type: enums.TokenType
    contract_id: str


class Timeslot(TypedDict):
    """A span of time and its offer (OCPI 2.3.0, Bookings, "Timeslot class")."""

    start_date_time: str
    end_date_time: str
    min_power: NotRequired[float]
    max_power: NotRequired[float]
    green_energy_support: NotRequired[bool]


class Cancellation(TypedDict):
    """The cancellation of a booking: its reason and its author (OCPI 2.3.0, Bookings, "Cancellation class")."""

    cancellation_reason: enums.CanceledReason
    who_canceled: enums.Role


class AccessInformation(TypedDict):
    """The way to get to a charger (OCPI 2.3.0, Bookings, "AccessInformation class")."""

    method: enums.AccessMethod
    value: NotRequired[str]


class BookingTerms(TypedDict):
    """The terms of a booking (OCPI 2.3.0, Bookings, "BookingTerms class")."""

    rfid_auth_required: NotRequired[bool]
    token_groups_supported: NotRequired[bool]
    remote_auth_supported: NotRequired[bool]
    supported_access_methods: list[enums.AccessMethod]
    change_until_minutes: float
    cancel_until_minutes: float
    change_not_allowed: NotRequired[bool]
    early_start_allowed: NotRequired[bool]
    early_start_time: NotRequired[float]
    noshow_timeout: NotRequired[float]
    noshow_fee: NotRequired[bool]
    late_stop_allowed: NotRequired[bool]
    late_stop_time: NotRequired[float]
    overlapping_bookings_allowed: NotRequired[bool]
    min_booking_duration: NotRequired[float]
    max_booking_duration: NotRequired[float]
    booking_terms: NotRequired[str]


class Period(TypedDict):
    """A span of time (OCPI 2.3.0, Bookings, "Period class")."""

    start_date_time: str
    end_date_time: str


class BookingRequest(TypedDict):
    """A request of an eMSP for a booking (OCPI 2.3.0, Bookings, "BookingRequest class")."""

    country_code: str
    party_id: str
    request_id: str
    booking_option: NotRequired[BookingOption]
    location_id: str
    booking_location_id: str
    tokens: NotRequired[list[BookingToken]]
    access_information: NotRequired[list[AccessInformation]]
    period: Period
    authorization_reference: str
    power_required: NotRequired[int]
    canceled: NotRequired[Cancellation]


class BookingRequestStatus(TypedDict):
    """A request and its status (OCPI 2.3.0, Bookings, "BookingRequestStatus class")."""

    request_status: enums.ReservationRequestStatus
    booking_request: BookingRequest
    request_received: str


class Booking(TypedDict):
    """A booking (OCPI 2.3.0, Bookings, "Booking Object")."""

    country_code: str
    party_id: str
    id: str
    request_id: str
    booking_option: NotRequired[BookingOption]
    location_id: str
    booking_tokens: NotRequired[list[BookingToken]]
    tariff_ids: NotRequired[list[str]]
    period: Timeslot
    reservation_status: enums.ReservationStatus
    canceled: NotRequired[Cancellation]
    access_information: NotRequired[list[AccessInformation]]
    authorization_reference: str
    booking_terms: BookingTerms
    booking_requests: list[BookingRequestStatus]
    last_updated: str


class BookingChanges(TypedDict, total=False):
    """The properties of Booking that can be changed; None clears an optional one."""

    request_id: str
    booking_option: BookingOption | None
    location_id: str
    booking_tokens: list[BookingToken] | None
    tariff_ids: list[str] | None
    period: Timeslot
    reservation_status: enums.ReservationStatus
    canceled: Cancellation | None
    access_information: list[AccessInformation] | None
    authorization_reference: str
    booking_terms: BookingTerms
    booking_requests: list[BookingRequestStatus]
    last_updated: str


class BookingAnswer(TypedDict, total=False):
    """The properties of a Booking that the hook for bookings may set, with its answer to the request."""

    request_status: enums.ReservationRequestStatus
    request_id: str
    booking_option: BookingOption | None
    location_id: str
    booking_tokens: list[BookingToken] | None
    tariff_ids: list[str] | None
    period: Timeslot
    reservation_status: enums.ReservationStatus
    canceled: Cancellation | None
    access_information: list[AccessInformation] | None
    authorization_reference: str
    booking_terms: BookingTerms
    booking_requests: list[BookingRequestStatus]
    last_updated: str


class Policy(TypedDict):
    """The rule whether a booking is required (OCPI 2.3.0, Bookings, "Policy class")."""

    reservation_required: bool
    ad_hoc: NotRequired[float]


class Calendar(TypedDict):
    """The times at which a place can be booked (OCPI 2.3.0, Bookings, "Calendar object")."""

    id: str
    begin_from: str
    end_before: str
    timeslot_increment: NotRequired[int]
    available_timeslots: list[Timeslot]
    last_updated: str


class CalendarChanges(TypedDict, total=False):
    """The properties of Calendar that can be changed; None clears an optional one."""

    begin_from: str
    end_before: str
    timeslot_increment: int | None
    available_timeslots: list[Timeslot]
    last_updated: str


class BookingLocation(TypedDict):
    """A place that can be booked (OCPI 2.3.0, Bookings, "BookingLocation Object")."""

    country_code: str
    party_id: str
    id: str
    location_id: str
    booking_option: NotRequired[BookingOption]
    policy: NotRequired[Policy]
    tariff_ids: NotRequired[list[str]]
    booking_terms: NotRequired[BookingTerms]
    calendars: NotRequired[list[Calendar]]
    last_updated: str


class BookingLocationChanges(TypedDict, total=False):
    """The properties of BookingLocation that can be changed; None clears an optional one."""

    location_id: str
    booking_option: BookingOption | None
    policy: Policy | None
    tariff_ids: list[str] | None
    booking_terms: BookingTerms | None
    calendars: list[Calendar] | None
    last_updated: str
