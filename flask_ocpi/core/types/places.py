"""The classes of locations, parties and endpoints.

Written by scripts/write_types.py: change the schemas instead.
"""

from typing import NotRequired
from typing import TypedDict

from flask_ocpi.core.types import enums


class Version(TypedDict):
    """A version that a platform offers (OCPI 2.2.1, Versions, "Version class")."""

    version: str
    url: str


class Endpoint(TypedDict):
    """One side of a module that a platform serves (OCPI 2.2.1, Versions, "Endpoint class")."""

    identifier: str
    role: enums.InterfaceRole
    url: str


class VersionDetails(TypedDict):
    """The endpoints of one version (OCPI 2.2.1, Versions, "Version details endpoint")."""

    version: str
    endpoints: list[Endpoint]


class Image(TypedDict):
    """A reference to a picture (OCPI 2.2.1, Locations, "Image class")."""

    url: str
    thumbnail: NotRequired[str]
    category: enums.ImageCategory
    type: str
    width: NotRequired[int]
    height: NotRequired[int]


class BusinessDetails(TypedDict):
    """A company (OCPI 2.2.1, Locations, "BusinessDetails class")."""

    name: str
    website: NotRequired[str]
    logo: NotRequired[Image]


class CredentialsRole(TypedDict):
    """A party of a platform in one of its roles (OCPI 2.2.1, Credentials, "CredentialsRole class")."""

    role: enums.Role
    business_details: BusinessDetails
    party_id: str
    country_code: str


class Credentials(TypedDict):
    """The token, URL and roles by which a platform can be called (OCPI 2.2.1, Credentials, "Credentials object")."""

    token: str
    url: str
    roles: list[CredentialsRole]


class PublishTokenType(TypedDict):
    """Tokens whose owners may see a location (OCPI 2.2.1, Locations, "PublishTokenType class")."""

    uid: NotRequired[str]
    type: NotRequired[enums.TokenType]
    visual_number: NotRequired[str]
    issuer: NotRequired[str]
    group_id: NotRequired[str]


class GeoLocation(TypedDict):
    """A point on Earth (OCPI 2.2.1, Locations, "GeoLocation class")."""

    latitude: str
    longitude: str


class DisplayText(TypedDict):
    """A text to show to people, in one language (OCPI 2.2.1, Types, "DisplayText class")."""

    language: str
    text: str


class AdditionalGeoLocation(TypedDict):
    """A related point, such as an entrance (OCPI 2.2.1, Locations, "AdditionalGeoLocation class")."""

    latitude: str
    longitude: str
    name: NotRequired[DisplayText]


class StatusSchedule(TypedDict):
    """An expected status of an EVSE (OCPI 2.2.1, Locations, "StatusSchedule class")."""

    period_begin: str
    period_end: NotRequired[str]
    status: enums.Status


class Connector(TypedDict):
    """A socket or cable of an EVSE (OCPI 2.2.1, Locations, "Connector Object", extended by 2.3.0)."""

    id: str
    standard: enums.ConnectorType
    format: enums.ConnectorFormat
    power_type: enums.PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: NotRequired[int]
    tariff_ids: NotRequired[list[str]]
    terms_and_conditions: NotRequired[str]
    last_updated: str
    capabilities: NotRequired[list[enums.ConnectorCapability]]


class ConnectorChanges(TypedDict, total=False):
    """The properties of Connector that can be changed; None clears an optional one."""

    standard: enums.ConnectorType
    format: enums.ConnectorFormat
    power_type: enums.PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None
    tariff_ids: list[str] | None
    terms_and_conditions: str | None
    last_updated: str
    capabilities: list[enums.ConnectorCapability] | None


class EVSEParking(TypedDict):
    """A parking place at an EVSE (OCPI 2.3.0, Locations, "EVSEParking class")."""

    parking_id: str
    evse_position: NotRequired[enums.EVSEPosition]


class EVSE(TypedDict):
    """A charger for one vehicle at a time (OCPI 2.2.1, Locations, "EVSE Object", extended by 2.3.0)."""

    uid: str
    evse_id: NotRequired[str]
    status: enums.Status
    status_schedule: NotRequired[list[StatusSchedule]]
    capabilities: NotRequired[list[enums.Capability]]
    connectors: list[Connector]
    floor_level: NotRequired[str]
    coordinates: NotRequired[GeoLocation]
    physical_reference: NotRequired[str]
    directions: NotRequired[list[DisplayText]]
    parking_restrictions: NotRequired[list[enums.ParkingRestriction]]
    images: NotRequired[list[Image]]
    last_updated: str
    parking: NotRequired[list[EVSEParking]]
    accepted_service_providers: NotRequired[list[str]]


class EVSEChanges(TypedDict, total=False):
    """The properties of EVSE that can be changed; None clears an optional one."""

    evse_id: str | None
    status: enums.Status
    status_schedule: list[StatusSchedule] | None
    capabilities: list[enums.Capability] | None
    connectors: list[Connector]
    floor_level: str | None
    coordinates: GeoLocation | None
    physical_reference: str | None
    directions: list[DisplayText] | None
    parking_restrictions: list[enums.ParkingRestriction] | None
    images: list[Image] | None
    last_updated: str
    parking: list[EVSEParking] | None
    accepted_service_providers: list[str] | None


class RegularHours(TypedDict):
    """Opening hours that come back every week (OCPI 2.2.1, Locations, "RegularHours class")."""

    weekday: int
    period_begin: str
    period_end: str


class ExceptionalPeriod(TypedDict):
    """An exception to the opening hours (OCPI 2.2.1, Locations, "ExceptionalPeriod class")."""

    period_begin: str
    period_end: str


class Hours(TypedDict):
    """The opening hours of a location (OCPI 2.2.1, Locations, "Hours class")."""

    twentyfourseven: bool
    regular_hours: NotRequired[list[RegularHours]]
    exceptional_openings: NotRequired[list[ExceptionalPeriod]]
    exceptional_closings: NotRequired[list[ExceptionalPeriod]]


class EnergySource(TypedDict):
    """A part of the energy (OCPI 2.2.1, Locations, "EnergySource class")."""

    source: enums.EnergySourceCategory
    percentage: float


class EnvironmentalImpact(TypedDict):
    """An impact of the energy on the environment (OCPI 2.2.1, Locations, "EnvironmentalImpact class")."""

    category: enums.EnvironmentalImpactCategory
    amount: float


class EnergyMix(TypedDict):
    """The sources of the energy (OCPI 2.2.1, Locations, "EnergyMix class")."""

    is_green_energy: bool
    energy_sources: NotRequired[list[EnergySource]]
    environ_impact: NotRequired[list[EnvironmentalImpact]]
    supplier_name: NotRequired[str]
    energy_product_name: NotRequired[str]


class Parking(TypedDict):
    """A parking place, or several that are alike (OCPI 2.3.0, Locations, "Parking class")."""

    id: str
    physical_reference: NotRequired[str]
    vehicle_types: list[enums.VehicleType]
    max_vehicle_weight: NotRequired[float]
    max_vehicle_height: NotRequired[float]
    max_vehicle_length: NotRequired[float]
    max_vehicle_width: NotRequired[float]
    parking_space_length: NotRequired[float]
    parking_space_width: NotRequired[float]
    dangerous_goods_allowed: NotRequired[bool]
    direction: NotRequired[enums.ParkingDirection]
    drive_through: NotRequired[bool]
    restricted_to_type: bool
    reservation_required: bool
    time_limit: NotRequired[float]
    roofed: NotRequired[bool]
    images: NotRequired[list[Image]]
    lighting: NotRequired[bool]
    refrigeration_outlet: NotRequired[bool]
    standards: NotRequired[list[str]]
    apds_reference: NotRequired[str]


class Location(TypedDict):
    """A place with EVSEs (OCPI 2.2.1, Locations, "Location Object", extended by 2.3.0)."""

    country_code: str
    party_id: str
    id: str
    publish: bool
    publish_allowed_to: NotRequired[list[PublishTokenType]]
    name: NotRequired[str]
    address: str
    city: str
    postal_code: NotRequired[str]
    state: NotRequired[str]
    country: str
    coordinates: GeoLocation
    related_locations: NotRequired[list[AdditionalGeoLocation]]
    parking_type: NotRequired[enums.ParkingType]
    evses: NotRequired[list[EVSE]]
    directions: NotRequired[list[DisplayText]]
    operator: NotRequired[BusinessDetails]
    suboperator: NotRequired[BusinessDetails]
    owner: NotRequired[BusinessDetails]
    facilities: NotRequired[list[enums.Facility]]
    time_zone: str
    opening_times: NotRequired[Hours]
    charging_when_closed: NotRequired[bool]
    images: NotRequired[list[Image]]
    energy_mix: NotRequired[EnergyMix]
    last_updated: str
    parking_places: NotRequired[list[Parking]]
    help_phone: NotRequired[str]


class LocationChanges(TypedDict, total=False):
    """The properties of Location that can be changed; None clears an optional one."""

    publish: bool
    publish_allowed_to: list[PublishTokenType] | None
    name: str | None
    address: str
    city: str
    postal_code: str | None
    state: str | None
    country: str
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None
    parking_type: enums.ParkingType | None
    evses: list[EVSE] | None
    directions: list[DisplayText] | None
    operator: BusinessDetails | None
    suboperator: BusinessDetails | None
    owner: BusinessDetails | None
    facilities: list[enums.Facility] | None
    time_zone: str
    opening_times: Hours | None
    charging_when_closed: bool | None
    images: list[Image] | None
    energy_mix: EnergyMix | None
    last_updated: str
    parking_places: list[Parking] | None
    help_phone: str | None


class TaxAmount(TypedDict):
    """A tax that is part of a price (OCPI 2.3.0, Types, "TaxAmount class")."""

    name: str
    account_number: NotRequired[str]
    percentage: NotRequired[float]
    amount: float


class Price(TypedDict):
    """An amount of money (OCPI 2.2.1, Types, "Price class", with the taxes of 2.3.0)."""

    excl_vat: float
    incl_vat: NotRequired[float]
    taxes: NotRequired[list[TaxAmount]]


class ClientInfo(TypedDict):
    """A party behind a Hub in one of its roles (OCPI 2.2.1, HubClientInfo, "ClientInfo Object")."""

    party_id: str
    country_code: str
    role: enums.Role
    status: enums.ConnectionStatus
    last_updated: str


class ClientInfoChanges(TypedDict, total=False):
    """The properties of ClientInfo that can be changed; None clears an optional one."""

    status: enums.ConnectionStatus
    last_updated: str
