"""The classes of the locations module."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from functools import cache

import marshmallow as ma

from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import Violation
from flask_ocpi.modules.enums import Capability
from flask_ocpi.modules.enums import ConnectorFormat
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.enums import Facility
from flask_ocpi.modules.enums import ParkingRestriction
from flask_ocpi.modules.enums import ParkingType
from flask_ocpi.modules.enums import PowerType
from flask_ocpi.modules.enums import Status
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.modules.types import Country
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import EnergyMix
from flask_ocpi.modules.types import Image
from flask_ocpi.modules.types import LocalTime
from flask_ocpi.modules.types import OwnedObject


def check_time_zone(value: str) -> None:
    """Accept the names of the IANA time zone database only (LOC-22)."""
    if value != NOT_AVAILABLE and value not in _time_zones():
        raise ma.ValidationError("must be an IANA time zone name such as Europe/Amsterdam")


def known_time_zone(value: str) -> str | None:
    """Return the time zone with that name, in any case, or None."""
    wanted = value.strip().replace(" ", "_").casefold()
    return next((name for name in _time_zones() if name.casefold() == wanted), None)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def publish_token_is_complete(entry: Document) -> Iterator[Violation]:
    """Demand a property that identifies tokens, and the properties that it requires (LOC-20)."""
    if not any(name in entry for name in ("uid", "visual_number", "group_id")):
        yield "uid", "is required where there is neither visual_number nor group_id"
    if "uid" in entry and "type" not in entry:
        yield "type", "is required where there is a uid"
    if "visual_number" in entry and "issuer" not in entry:
        yield "issuer", "is required where there is a visual_number"


def period_ends_later(period: Document) -> Iterator[Violation]:
    """Demand that a period of the day ends after it begins (LOC-26)."""
    begin, end = period["period_begin"], period["period_end"]
    if NOT_AVAILABLE not in (begin, end) and end <= begin:
        yield "period_end", "must be later than period_begin"


def regular_hours_go_with_closing(hours: Document) -> Iterator[Violation]:
    """Demand regular hours if a location is not always open, and refuse them otherwise (LOC-25)."""
    always = hours.get("twentyfourseven")
    if always and "regular_hours" in hours:
        yield "regular_hours", "must be left out when twentyfourseven is true"
    if not always and "regular_hours" not in hours:
        yield "regular_hours", "must have at least one element when twentyfourseven is false"


def published_to_all_or_some(location: Document) -> Iterator[Violation]:
    """Refuse a list of viewers on a published location (LOC-19)."""
    if location["publish"] and "publish_allowed_to" in location:
        yield "publish_allowed_to", "must be left out when publish is true"


LATITUDE = r"-?[0-9]{1,2}\.[0-9]{5,7}"
LONGITUDE = r"-?[0-9]{1,3}\.[0-9]{5,7}"
LATITUDE_6 = r"-?[0-9]{1,2}\.[0-9]{6}"
LONGITUDE_6 = r"-?[0-9]{1,3}\.[0-9]{6}"

_DATE_TIME = "2024-05-31T12:00:00Z"


class GeoLocation(Schema):
    """A point on Earth (OCPI 2.2.1, Locations, "GeoLocation class").

    The patterns decide, not the lengths in the table, which are one character too short for them.
    """

    latitude = String(
        max=11,
        pattern=LATITUDE,
        pattern_hint="must be a string of degrees with 5 to 7 decimals such as 51.04759",
        required=True,
        about="Latitude in WGS84 degrees, as a string with 5 to 7 decimals.",
        example="51.047599",
    )
    longitude = String(
        max=12,
        pattern=LONGITUDE,
        pattern_hint="must be a string of degrees with 5 to 7 decimals such as 3.72994",
        required=True,
        about="Longitude in WGS84 degrees, as a string with 5 to 7 decimals.",
        example="3.729944",
    )


class AdditionalGeoLocation(GeoLocation):
    """A related point, such as an entrance (OCPI 2.2.1, Locations, "AdditionalGeoLocation class")."""

    name = Object(DisplayText, about="Name of the point.", example={"language": "en", "text": "Entrance"})


class RegularHours(Schema):
    """Opening hours that come back every week (OCPI 2.2.1, Locations, "RegularHours class")."""

    rules = (period_ends_later,)

    weekday = Integer(
        min=1, max=7, required=True, about="Day of the week, from 1 for Monday to 7 for Sunday.", example=1
    )
    period_begin = LocalTime(required=True, about="Start, in local time, HH:MM.", example="08:00")
    period_end = LocalTime(required=True, about="End, in local time, HH:MM; later than period_begin.", example="20:00")


class ExceptionalPeriod(Schema):
    """An exception to the opening hours (OCPI 2.2.1, Locations, "ExceptionalPeriod class")."""

    period_begin = DateTime(required=True, about="Start, in UTC.", example="2024-12-25T03:00:00Z")
    period_end = DateTime(required=True, about="End, in UTC.", example="2024-12-25T05:00:00Z")


class Hours(Schema):
    """The opening hours of a location (OCPI 2.2.1, Locations, "Hours class")."""

    rules = (regular_hours_go_with_closing,)

    twentyfourseven = Boolean(
        required=True, about="Whether it is open day and night, except for exceptional_closings.", example=True
    )
    regular_hours = ListOf(
        Object(RegularHours),
        about="Opening times by weekday; required if twentyfourseven is false, and absent otherwise.",
    )
    exceptional_openings = ListOf(Object(ExceptionalPeriod), about="Further periods in which it is open.")
    exceptional_closings = ListOf(
        Object(ExceptionalPeriod), about="Periods in which it is closed, whatever the other properties say."
    )


class StatusSchedule(Schema):
    """An expected status of an EVSE (OCPI 2.2.1, Locations, "StatusSchedule class")."""

    period_begin = DateTime(required=True, about="Start, in UTC.", example=_DATE_TIME)
    period_end = DateTime(about="End, in UTC, if known.", example="2024-06-30T12:00:00Z")
    status = Enum(Status, required=True, about="Planned status in this period.", example="INOPERATIVE")


class PublishTokenType(Schema):
    """Tokens whose owners may see a location (OCPI 2.2.1, Locations, "PublishTokenType class")."""

    rules = (publish_token_is_complete,)

    uid = CiString(max=36, about="Uid of the token.", example="12345678905880")
    type = Enum(TokenType, about="Type of the token; required with uid.", example="RFID")
    visual_number = String(max=64, about="Number printed on the token.", example="12345-67")
    issuer = String(max=64, about="Issuer of the token; required with visual_number.", example="Example Provider")
    group_id = CiString(max=36, about="Id of the token's group.", example="FLEET-7")


class Connector(Schema):
    """A socket or cable of an EVSE (OCPI 2.2.1, Locations, "Connector Object")."""

    id = CiString(max=36, required=True, about="Id of the connector, unique in the EVSE.", example="1")
    standard = Enum(ConnectorType, required=True, about="Standard of the connector.", example="IEC_62196_T2")
    format = Enum(ConnectorFormat, required=True, about="Format: socket or attached cable.", example="SOCKET")
    power_type = Enum(PowerType, required=True, about="Power type: AC or DC, and phases.", example="AC_3_PHASE")
    max_voltage = Integer(
        min=0, required=True, about="Maximum voltage, in V; from line to neutral for AC_3_PHASE.", example=230
    )
    max_amperage = Integer(min=0, required=True, about="Maximum current, in A.", example=16)
    max_electric_power = Integer(
        min=0, about="Maximum power, in W; set if it is below the product of voltage and current.", example=11000
    )
    tariff_ids = ListOf(
        CiString(max=36), about="Ids of the tariffs; at any time at most one of each type is active.", example=["11"]
    )
    terms_and_conditions = Url(about="URL of the operator's terms.", example="https://www.example.com/terms")
    last_updated = DateTime(required=True, about="Time of the last change, in UTC.", example=_DATE_TIME)


class EVSE(Schema):
    """A charger for one vehicle at a time (OCPI 2.2.1, Locations, "EVSE Object")."""

    uid = CiString(
        max=36,
        required=True,
        about="Id of the EVSE at the platform; it never changes and is never used again.",
        example="3256",
    )
    evse_id = CiString(
        max=48,
        about="Id of the EVSE for people (eMI3); may be absent if the status is REMOVED.",
        example="NL*ABC*E041503001",
    )
    status = Enum(Status, required=True, about="Current status.", example="AVAILABLE")
    status_schedule = ListOf(Object(StatusSchedule), about="Planned statuses.")
    capabilities = ListOf(Enum(Capability), about="Capabilities of the EVSE.", example=["RESERVABLE", "RFID_READER"])
    connectors = ListOf(Object(Connector), unique="id", required=True, about="Connectors of the EVSE.")
    floor_level = String(max=4, about="Floor, as signposted.", example="-1")
    coordinates = Object(GeoLocation, about="Exact position.")
    physical_reference = String(max=16, about="Number or text on the EVSE.", example="A7")
    directions = ListOf(Object(DisplayText), about="Directions to the EVSE, in several languages.")
    parking_restrictions = ListOf(
        Enum(ParkingRestriction), about="Restrictions on who may park there.", example=["EV_ONLY"]
    )
    images = ListOf(Object(Image), about="Images of the EVSE.")
    last_updated = DateTime(
        required=True, about="Time of the last change of the EVSE or a connector, in UTC.", example=_DATE_TIME
    )


class Location(OwnedObject):
    """A place with EVSEs (OCPI 2.2.1, Locations, "Location Object")."""

    rules = (published_to_all_or_some,)

    id = CiString(
        max=36,
        required=True,
        about="Id of the location, unique among those of the owner; it never changes.",
        example="LOC1",
    )
    publish = Boolean(required=True, about="Whether every driver may see the location.", example=True)
    publish_allowed_to = ListOf(
        Object(PublishTokenType),
        max=5000,
        about="Tokens whose drivers may see the location nevertheless; only if publish is false.",
        example=[{"uid": "12345678905880", "type": "RFID"}],
    )
    name = String(max=255, about="Name of the location.", example="Central Station")
    address = String(max=255, required=True, about="Street and number.", example="Station Road 1")
    city = String(max=45, required=True, about="City or town.", example="Utrecht")
    postal_code = String(max=10, about="Postal code; absent only where there are none.", example="3511 ED")
    state = String(max=45, about="State or province, where relevant.", example="Utrecht")
    country = Country(required=True)
    coordinates = Object(GeoLocation, required=True, about="Position of the location.")
    related_locations = ListOf(Object(AdditionalGeoLocation), about="Points that help to find the location.")
    parking_type = Enum(ParkingType, about="Type of the parking place.", example="PARKING_LOT")
    evses = ListOf(Object(EVSE), max=5000, unique="uid", about="EVSEs of the location, including removed ones.")
    directions = ListOf(Object(DisplayText), about="Directions to the location, in several languages.")
    operator = Object(BusinessDetails, about="The operator; absent if it is the owner.")
    suboperator = Object(BusinessDetails, about="The company that operates the location for the operator.")
    owner = Object(BusinessDetails, about="The owner of the location.")
    facilities = ListOf(Enum(Facility), about="Facilities nearby.", example=["CAFE", "WIFI"])
    time_zone = String(
        max=255,
        required=True,
        validate=check_time_zone,
        about="IANA name of the time zone.",
        example="Europe/Amsterdam",
    )
    opening_times = Object(Hours, about="Times at which the location is open.")
    charging_when_closed = Boolean(
        default=True, about="Whether charging continues outside the opening times.", example=True
    )
    images = ListOf(Object(Image), about="Images of the location.")
    energy_mix = Object(EnergyMix, about="Sources of the energy.")
    last_updated = DateTime(
        required=True,
        about="Time of the last change of the location, an EVSE or a connector, in UTC.",
        example=_DATE_TIME,
    )
