"""The classes of charging and what it costs.

Written by scripts/write_types.py: change the schemas instead.
"""

from typing import NotRequired
from typing import TypedDict

from flask_ocpi.core.types import enums
from flask_ocpi.core.types import places


class CdrToken(TypedDict):
    """The token that a session was started with (OCPI 2.2.1, CDRs, "CdrToken class")."""

    country_code: str
    party_id: str
    uid: str
    type: enums.TokenType
    contract_id: str


class CdrDimension(TypedDict):
    """A measured quantity and its volume (OCPI 2.2.1, CDRs, "CdrDimension class", extended by bookings)."""

    type: enums.CdrDimensionType
    volume: float


class ChargingPeriod(TypedDict):
    """A part of a session, until the next period or the end (OCPI 2.2.1, CDRs, "ChargingPeriod class")."""

    start_date_time: str
    dimensions: list[CdrDimension]
    tariff_id: NotRequired[str]


class Session(TypedDict):
    """A charging session, or a reservation (OCPI 2.2.1, Sessions, "Session Object")."""

    country_code: str
    party_id: str
    id: str
    start_date_time: str
    end_date_time: NotRequired[str]
    kwh: float
    cdr_token: CdrToken
    auth_method: enums.AuthMethod
    authorization_reference: NotRequired[str]
    location_id: str
    evse_uid: str
    connector_id: str
    meter_id: NotRequired[str]
    currency: str
    charging_periods: NotRequired[list[ChargingPeriod]]
    total_cost: NotRequired[places.Price]
    status: enums.SessionStatus
    last_updated: str


class SessionChanges(TypedDict, total=False):
    """The properties of Session that can be changed; None clears an optional one."""

    start_date_time: str
    end_date_time: str | None
    kwh: float
    cdr_token: CdrToken
    auth_method: enums.AuthMethod
    authorization_reference: str | None
    location_id: str
    evse_uid: str
    connector_id: str
    meter_id: str | None
    currency: str
    charging_periods: list[ChargingPeriod] | None
    total_cost: places.Price | None
    status: enums.SessionStatus
    last_updated: str


class ChargingPreferences(TypedDict):
    """The wishes of a driver for a session (OCPI 2.2.1, Sessions, "ChargingPreferences Object")."""

    profile_type: enums.ProfileType
    departure_time: NotRequired[str]
    energy_need: NotRequired[float]
    discharge_allowed: NotRequired[bool]


class CdrLocation(TypedDict):
    """The place of a session, as of the start of the session (OCPI 2.2.1, CDRs, "CdrLocation class")."""

    id: str
    name: NotRequired[str]
    address: str
    city: str
    postal_code: NotRequired[str]
    state: NotRequired[str]
    country: str
    coordinates: places.GeoLocation
    evse_uid: str
    evse_id: str
    connector_id: str
    connector_standard: enums.ConnectorType
    connector_format: enums.ConnectorFormat
    connector_power_type: enums.PowerType


class PriceComponent(TypedDict):
    """The price of one dimension (OCPI 2.2.1, Tariffs, "PriceComponent class")."""

    type: enums.TariffDimensionType
    price: float
    vat: NotRequired[float]
    step_size: int


class TariffRestrictions(TypedDict):
    """The conditions of an element (OCPI 2.2.1, Tariffs, "TariffRestrictions class", extended by bookings)."""

    start_time: NotRequired[str]
    end_time: NotRequired[str]
    start_date: NotRequired[str]
    end_date: NotRequired[str]
    min_kwh: NotRequired[float]
    max_kwh: NotRequired[float]
    min_current: NotRequired[float]
    max_current: NotRequired[float]
    min_power: NotRequired[float]
    max_power: NotRequired[float]
    min_duration: NotRequired[int]
    max_duration: NotRequired[int]
    day_of_week: NotRequired[list[enums.DayOfWeek]]
    reservation: NotRequired[enums.ReservationRestrictionType]
    booking: NotRequired[enums.BookingRestrictionType]


class TariffElement(TypedDict):
    """Prices that apply under the same conditions (OCPI 2.2.1, Tariffs, "TariffElement class")."""

    price_components: list[PriceComponent]
    restrictions: NotRequired[TariffRestrictions]


class Tariff(TypedDict):
    """The prices of charging (OCPI 2.2.1, Tariffs, "Tariff Object", extended by 2.3.0)."""

    country_code: str
    party_id: str
    id: str
    currency: str
    type: NotRequired[enums.TariffType]
    tariff_alt_text: NotRequired[list[places.DisplayText]]
    tariff_alt_url: NotRequired[str]
    min_price: NotRequired[places.Price]
    max_price: NotRequired[places.Price]
    elements: list[TariffElement]
    start_date_time: NotRequired[str]
    end_date_time: NotRequired[str]
    energy_mix: NotRequired[places.EnergyMix]
    last_updated: str
    tax_included: NotRequired[enums.TaxIncluded]
    preauthorize_amount: NotRequired[float]


class TariffChanges(TypedDict, total=False):
    """The properties of Tariff that can be changed; None clears an optional one."""

    currency: str
    type: enums.TariffType | None
    tariff_alt_text: list[places.DisplayText] | None
    tariff_alt_url: str | None
    min_price: places.Price | None
    max_price: places.Price | None
    elements: list[TariffElement]
    start_date_time: str | None
    end_date_time: str | None
    energy_mix: places.EnergyMix | None
    last_updated: str
    tax_included: enums.TaxIncluded | None
    preauthorize_amount: float | None


class SignedValue(TypedDict):
    """A signed reading of a meter (OCPI 2.2.1, CDRs, "SignedValue class")."""

    nature: str
    plain_data: str
    signed_data: str


class SignedData(TypedDict):
    """Signed readings, and the data to check them (OCPI 2.2.1, CDRs, "SignedData class")."""

    encoding_method: str
    encoding_method_version: NotRequired[int]
    public_key: NotRequired[str]
    signed_values: list[SignedValue]
    url: NotRequired[str]


class CDR(TypedDict):
    """A charge detail record: usage and cost of a session (OCPI 2.2.1, CDRs, "CDR Object", extended by bookings)."""

    country_code: str
    party_id: str
    id: str
    start_date_time: str
    end_date_time: str
    session_id: NotRequired[str]
    cdr_token: CdrToken
    auth_method: enums.AuthMethod
    authorization_reference: NotRequired[str]
    cdr_location: CdrLocation
    meter_id: NotRequired[str]
    currency: str
    tariffs: NotRequired[list[Tariff]]
    charging_periods: list[ChargingPeriod]
    signed_data: NotRequired[SignedData]
    total_cost: places.Price
    total_fixed_cost: NotRequired[places.Price]
    total_energy: float
    total_energy_cost: NotRequired[places.Price]
    total_time: float
    total_time_cost: NotRequired[places.Price]
    total_parking_time: NotRequired[float]
    total_parking_cost: NotRequired[places.Price]
    total_reservation_cost: NotRequired[places.Price]
    remark: NotRequired[str]
    invoice_reference_id: NotRequired[str]
    credit: NotRequired[bool]
    credit_reference_id: NotRequired[str]
    home_charging_compensation: NotRequired[bool]
    last_updated: str
    booking_id: NotRequired[str]


class EnergyContract(TypedDict):
    """The energy supplier of a driver (OCPI 2.2.1, Tokens, "EnergyContract class")."""

    supplier_name: str
    contract_id: NotRequired[str]


class Token(TypedDict):
    """A card, app or number that identifies a driver (OCPI 2.2.1, Tokens, "Token Object")."""

    country_code: str
    party_id: str
    uid: str
    type: enums.TokenType
    contract_id: str
    visual_number: NotRequired[str]
    issuer: str
    group_id: NotRequired[str]
    valid: bool
    whitelist: enums.WhitelistType
    language: NotRequired[str]
    default_profile_type: NotRequired[enums.ProfileType]
    energy_contract: NotRequired[EnergyContract]
    last_updated: str


class TokenChanges(TypedDict, total=False):
    """The properties of Token that can be changed; None clears an optional one."""

    contract_id: str
    visual_number: str | None
    issuer: str
    group_id: str | None
    valid: bool
    whitelist: enums.WhitelistType
    language: str | None
    default_profile_type: enums.ProfileType | None
    energy_contract: EnergyContract | None
    last_updated: str


class LocationReferences(TypedDict):
    """The place at which a token is to be used (OCPI 2.2.1, Tokens, "LocationReferences class")."""

    location_id: str
    evse_uids: NotRequired[list[str]]


class AuthorizationInfo(TypedDict):
    """The decision whether a token may charge, and its places (OCPI 2.2.1, Tokens, "AuthorizationInfo Object")."""

    allowed: enums.AllowedType
    token: Token
    location: NotRequired[LocationReferences]
    authorization_reference: NotRequired[str]
    info: NotRequired[places.DisplayText]


class AuthorizationAnswer(TypedDict, total=False):
    """The properties of AuthorizationInfo that an authorizer may return; the others are added."""

    allowed: enums.AllowedType
    token: Token
    location: LocationReferences
    authorization_reference: str
    info: places.DisplayText


class CommandResult(TypedDict):
    """The result of a command at the charge point (OCPI 2.2.1, Commands, "CommandResult Object")."""

    result: enums.CommandResultType
    message: NotRequired[list[places.DisplayText]]


class CancelReservation(TypedDict):
    """Give up a reservation (OCPI 2.2.1, Commands, "CancelReservation Object")."""

    reservation_id: str


class CommandResponse(TypedDict):
    """The immediate answer of a CPO to a command (OCPI 2.2.1, Commands, "CommandResponse Object")."""

    result: enums.CommandResponseType
    timeout: int
    message: NotRequired[list[places.DisplayText]]


class ReserveNow(TypedDict):
    """Keep an EVSE free for a driver (OCPI 2.2.1, Commands, "ReserveNow Object")."""

    token: Token
    expiry_date: str
    reservation_id: str
    location_id: str
    evse_uid: NotRequired[str]
    authorization_reference: NotRequired[str]


class StartSession(TypedDict):
    """Start charging (OCPI 2.2.1, Commands, "StartSession Object")."""

    token: Token
    location_id: str
    evse_uid: NotRequired[str]
    connector_id: NotRequired[str]
    authorization_reference: NotRequired[str]


class StopSession(TypedDict):
    """Stop charging (OCPI 2.2.1, Commands, "StopSession Object")."""

    session_id: str


class UnlockConnector(TypedDict):
    """Release a cable that is stuck; for help desks only (OCPI 2.2.1, Commands, "UnlockConnector Object")."""

    location_id: str
    evse_uid: str
    connector_id: str


class ChargingProfilePeriod(TypedDict):
    """A limit from some moment on (OCPI 2.2.1, ChargingProfiles, "ChargingProfilePeriod class")."""

    start_period: int
    limit: float


class ChargingProfile(TypedDict):
    """Limits over time (OCPI 2.2.1, ChargingProfiles, "ChargingProfile class")."""

    start_date_time: NotRequired[str]
    duration: NotRequired[int]
    charging_rate_unit: enums.ChargingRateUnit
    min_charging_rate: NotRequired[float]
    charging_profile_period: NotRequired[list[ChargingProfilePeriod]]


class ActiveChargingProfile(TypedDict):
    """The profile that an EVSE is going to follow (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfile class")."""

    start_date_time: str
    charging_profile: ChargingProfile


class ActiveChargingProfileResult(TypedDict):
    """The result of a GET (OCPI 2.2.1, ChargingProfiles, "ActiveChargingProfileResult Object")."""

    result: enums.ChargingProfileResultType
    profile: NotRequired[ActiveChargingProfile]


class ChargingProfileResult(TypedDict):
    """The result of a PUT (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResult Object")."""

    result: enums.ChargingProfileResultType


class ClearProfileResult(TypedDict):
    """The result of a DELETE (OCPI 2.2.1, ChargingProfiles, "ClearProfileResult Object")."""

    result: enums.ChargingProfileResultType


class ChargingProfileResponse(TypedDict):
    """The immediate answer of a CPO to a request (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResponse Object")."""

    result: enums.ChargingProfileResponseType
    timeout: int


class SetChargingProfile(TypedDict):
    """Limit a session (OCPI 2.2.1, ChargingProfiles, "SetChargingProfile Object")."""

    charging_profile: ChargingProfile
