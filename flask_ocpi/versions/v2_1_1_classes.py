"""The classes of OCPI 2.1.1 that differ from those of 2.2.1, under the names that they have there."""

# Properties of another type, and rules, take the place of those of the base class.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import flask_ocpi.versions.v2_2_1 as base
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules import enums
from flask_ocpi.modules import tokens
from flask_ocpi.modules.locations_schemas import LATITUDE_6
from flask_ocpi.modules.locations_schemas import LONGITUDE_6
from flask_ocpi.modules.types import CountryCode
from flask_ocpi.modules.types import PartyId
from flask_ocpi.versions.stored import of_values

OWNER = ("country_code", "party_id")
LONGEST_ID = 39  # of locations and EVSEs
LONGEST_ADDRESS = 45


class CdrDimensionType(StrEnum):
    """A measured quantity (OCPI 2.1.1, CDRs, "CdrDimensionType"); 2.2.1 has no FLAT."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class CommandResponseType(StrEnum):
    """The answer of a CPO or, later, of the charge point (OCPI 2.1.1, Commands, "CommandResponseType")."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class LocationType(StrEnum):
    """The kind of place that a location is (OCPI 2.1.1, Locations, "LocationType")."""

    ON_STREET = "ON_STREET"
    PARKING_GARAGE = "PARKING_GARAGE"
    UNDERGROUND_GARAGE = "UNDERGROUND_GARAGE"
    PARKING_LOT = "PARKING_LOT"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


def _without(enum: type[StrEnum], *names: str) -> type[StrEnum]:
    """Return an enum without some values; a name that ends with * removes all with that beginning."""
    return of_values(enum, (value for value in enum if not any(fnmatchcase(value, name) for name in names)))


#: The enums by those of 2.2.1 whose place they take.
ENUMS: dict[type[StrEnum], type[StrEnum]] = {
    enums.AuthMethod: _without(enums.AuthMethod, "COMMAND"),
    enums.Capability: _without(
        enums.Capability,
        "CHARGING_PREFERENCES_CAPABLE",
        "CHIP_CARD_SUPPORT",
        "CONTACTLESS_CARD_SUPPORT",
        "DEBIT_CARD_PAYABLE",
        "PED_TERMINAL",
        "START_SESSION_CONNECTOR_REQUIRED",
        "TOKEN_GROUP_CAPABLE",
    ),
    enums.CdrDimensionType: CdrDimensionType,
    enums.CommandResponseType: CommandResponseType,
    enums.CommandResultType: CommandResponseType,
    enums.ConnectorType: _without(
        enums.ConnectorType, "CHAOJI", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O", "GBT_*", "NEMA_*", "PANTOGRAPH_*"
    ),
    enums.Facility: _without(enums.Facility, "BIKE_SHARING", "METRO_STATION", "PARKING_LOT", "TRAM_STOP"),
    enums.PowerType: _without(enums.PowerType, "AC_2_PHASE*"),
    enums.SessionStatus: _without(enums.SessionStatus, "RESERVATION"),
    enums.TokenType: _without(enums.TokenType, "AD_HOC_USER", "APP_USER"),
}


def _of(cls: type[Schema], name: str) -> Any:
    """Return the description and the example of a property of 2.2.1."""
    return cls._declared_fields[name].metadata


def _id(cls: type[Schema], name: str, *, required: bool = True) -> CiString:
    return CiString(max=LONGEST_ID, required=required, metadata=_of(cls, name))


class GeoLocation(base.GeoLocation):
    """A point on Earth (OCPI 2.1.1, Locations, "GeoLocation class")."""

    latitude = String(
        max=10,
        pattern=LATITUDE_6,
        pattern_hint="must be a string of degrees with 6 decimals such as 51.047590",
        required=True,
        about="Latitude in degrees, as a string with 6 decimals.",
        example="51.047599",
    )
    longitude = String(
        max=11,
        pattern=LONGITUDE_6,
        pattern_hint="must be a string of degrees with 6 decimals such as 3.729940",
        required=True,
        about="Longitude in degrees, as a string with 6 decimals.",
        example="3.729944",
    )


class AdditionalGeoLocation(base.AdditionalGeoLocation):
    """A related point, such as an entrance (OCPI 2.1.1, Locations, "AdditionalGeoLocation class")."""

    latitude = GeoLocation._declared_fields["latitude"]
    longitude = GeoLocation._declared_fields["longitude"]


class Hours(base.Hours):
    """The opening hours of a location: by the week, or always (OCPI 2.1.1, Locations, "Hours class")."""

    twentyfourseven = Boolean(metadata=_of(base.Hours, "twentyfourseven"))


class EnvironmentalImpact(base.EnvironmentalImpact):
    """An impact of the energy on the environment (OCPI 2.1.1, Locations, "EnvironmentalImpact class")."""

    class Meta(Schema.Meta):
        exclude = ("category",)

    source = Enum(enums.EnvironmentalImpactCategory, required=True, metadata=_of(base.EnvironmentalImpact, "category"))


class Connector(base.Connector):
    """A socket or cable of an EVSE (OCPI 2.1.1, Locations, "Connector Object")."""

    class Meta(Schema.Meta):
        exclude = ("max_voltage", "max_amperage", "max_electric_power", "tariff_ids")

    voltage = Integer(min=0, required=True, metadata=_of(base.Connector, "max_voltage"))
    amperage = Integer(min=0, required=True, metadata=_of(base.Connector, "max_amperage"))
    tariff_id = CiString(max=36, about="Id of the active tariff.", example="11")


class EVSE(base.EVSE):
    """A charger for one vehicle at a time (OCPI 2.1.1, Locations, "EVSE Object")."""

    uid = _id(base.EVSE, "uid")


class Location(base.Location):
    """A place with EVSEs (OCPI 2.1.1, Locations, "Location Object")."""

    class Meta(Schema.Meta):
        exclude = (*OWNER, "publish", "publish_allowed_to", "state", "parking_type")

    rules = ()

    id = _id(base.Location, "id")
    type = Enum(LocationType, required=True, about="Type of the location.", example="PARKING_LOT")
    address = String(max=LONGEST_ADDRESS, required=True, metadata=_of(base.Location, "address"))
    postal_code = String(max=10, required=True, metadata=_of(base.Location, "postal_code"))
    time_zone = String(
        max=255,
        validate=base.Location._declared_fields["time_zone"].validate,
        metadata=_of(base.Location, "time_zone"),
    )


class CdrDimension(base.CdrDimension):
    """A measured quantity and its volume (OCPI 2.1.1, CDRs, "CdrDimension class")."""


class ChargingPeriod(base.ChargingPeriod):
    """A part of a session, until the next period (OCPI 2.1.1, CDRs, "ChargingPeriod class")."""

    class Meta(Schema.Meta):
        exclude = ("tariff_id",)


_AUTH_ID = {"description": "The driver's contract: the auth_id of the Token.", "example": "DE8ACC12E46L89"}
_WITH_ONE_EVSE = {
    "description": "Where it was, with its EVSE and connector only.",
    "example": {
        "id": "LOC1",
        "type": "ON_STREET",
        "address": "Station Road 1",
        "city": "Utrecht",
        "postal_code": "3511 ED",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "last_updated": "2024-05-31T12:00:00Z",
    },
}


class Session(base.Session):
    """A charging session (OCPI 2.1.1, Sessions, "Session Object")."""

    class Meta(Schema.Meta):
        exclude = (
            *OWNER,
            "start_date_time",
            "end_date_time",
            "cdr_token",
            "authorization_reference",
            "location_id",
            "evse_uid",
            "connector_id",
        )

    start_datetime = DateTime(required=True, metadata=_of(base.Session, "start_date_time"))
    end_datetime = DateTime(metadata=_of(base.Session, "end_date_time"))
    auth_id = CiString(max=36, required=True, metadata=_AUTH_ID)
    location = Object(Location, required=True, metadata=_WITH_ONE_EVSE)
    total_cost = Number(about="Sum of all costs without VAT; 0 if free.", example=10.0)


class CDR(base.CDR):
    """A charge detail record: the usage and the cost of a session (OCPI 2.1.1, CDRs, "CDR Object")."""

    class Meta(Schema.Meta):
        exclude = (
            *OWNER,
            "end_date_time",
            "session_id",
            "cdr_token",
            "authorization_reference",
            "cdr_location",
            "signed_data",
            "total_fixed_cost",
            "total_energy_cost",
            "total_time_cost",
            "total_parking_cost",
            "total_reservation_cost",
            "invoice_reference_id",
            "credit",
            "credit_reference_id",
            "home_charging_compensation",
        )

    rules = ()

    id = CiString(max=36, required=True, about="Id of the CDR, unique among those of the CPO.", example="CDR1")
    stop_date_time = DateTime(required=True, metadata=_of(base.CDR, "end_date_time"))
    auth_id = CiString(max=36, required=True, metadata=_AUTH_ID)
    location = Object(Location, required=True, metadata=_WITH_ONE_EVSE)
    total_cost = Number(required=True, about="Sum of all costs without VAT.", example=10.0)


class Tariff(base.Tariff):
    """The prices of charging (OCPI 2.1.1, Tariffs, "Tariff Object")."""

    class Meta(Schema.Meta):
        exclude = (*OWNER, "type", "min_price", "max_price", "start_date_time", "end_date_time")


class PriceComponent(base.PriceComponent):
    """The price of one dimension, without VAT (OCPI 2.1.1, Tariffs, "PriceComponent class")."""

    class Meta(Schema.Meta):
        exclude = ("vat",)


class TariffRestrictions(base.TariffRestrictions):
    """The conditions of an element, which must all hold (OCPI 2.1.1, Tariffs, "TariffRestrictions class")."""

    class Meta(Schema.Meta):
        exclude = ("min_current", "max_current", "reservation")


class Token(base.Token):
    """A card, app or number that identifies a driver (OCPI 2.1.1, Tokens, "Token Object")."""

    class Meta(Schema.Meta):
        exclude = (*OWNER, "contract_id", "group_id", "default_profile_type", "energy_contract")

    auth_id = CiString(max=36, required=True, metadata=_of(base.Token, "contract_id"))


class TokenTypeQuery(tokens.TokenTypeQuery):
    """The query parameter that selects a token among those with one uid (OCPI 2.1.1, Tokens, "POST Method").

    The specification has both names for the parameter.
    """

    token_type = Enum(enums.TokenType, about="Another name of the parameter type.", example="RFID")


class LocationReferences(base.LocationReferences):
    """The place at which a token is to be used (OCPI 2.1.1, Tokens, "LocationReferences class")."""

    location_id = _id(base.LocationReferences, "location_id")
    evse_uids = ListOf(CiString(max=LONGEST_ID), max=5000, metadata=_of(base.LocationReferences, "evse_uids"))
    connector_ids = ListOf(CiString(max=36), max=5000, about="Ids of connectors of these EVSEs.", example=["1"])


class AuthorizationInfo(base.AuthorizationInfo):
    """The decision whether a token may charge, and its places (OCPI 2.1.1, Tokens, "AuthorizationInfo Object")."""

    class Meta(Schema.Meta):
        exclude = ("token", "authorization_reference")


class CommandResponse(base.CommandResponse):
    """The immediate answer of a CPO to a command (OCPI 2.1.1, Commands, "CommandResponse Object")."""

    class Meta(Schema.Meta):
        exclude = ("timeout", "message")


class CommandResult(base.CommandResult):
    """The result of a command, which has the class CommandResponse in 2.1.1 (OCPI 2.1.1, Commands, "POST Method")."""

    class Meta(Schema.Meta):
        exclude = ("message",)


class ReserveNow(base.ReserveNow):
    """Keep an EVSE free for a driver (OCPI 2.1.1, Commands, "ReserveNow Object")."""

    class Meta(Schema.Meta):
        exclude = ("authorization_reference",)

    reservation_id = Integer(required=True, about="Id of the reservation.", example=42)
    location_id = _id(base.ReserveNow, "location_id")
    evse_uid = _id(base.ReserveNow, "evse_uid", required=False)


class StartSession(base.StartSession):
    """Start charging (OCPI 2.1.1, Commands, "StartSession Object")."""

    class Meta(Schema.Meta):
        exclude = ("connector_id", "authorization_reference")

    rules = ()

    location_id = _id(base.StartSession, "location_id")
    evse_uid = _id(base.StartSession, "evse_uid", required=False)


class UnlockConnector(base.UnlockConnector):
    """Release a cable that is stuck; for help desks only (OCPI 2.1.1, Commands, "UnlockConnector Object")."""

    location_id = _id(base.UnlockConnector, "location_id")
    evse_uid = _id(base.UnlockConnector, "evse_uid")


class Endpoint(base.Endpoint):
    """A module that a platform serves (OCPI 2.1.1, Version information endpoint, "Endpoint class")."""

    class Meta(Schema.Meta):
        exclude = ("role",)


class Credentials(base.Credentials):
    """The token, URL and roles by which a platform can be called (OCPI 2.1.1, Credentials, "Credentials object")."""

    class Meta(Schema.Meta):
        exclude = ("roles",)

    rules = ()

    business_details = Object(
        base.BusinessDetails, required=True, metadata=_of(base.CredentialsRole, "business_details")
    )
    party_id = PartyId(required=True, metadata=_of(base.CredentialsRole, "party_id"))
    country_code = CountryCode(required=True, metadata=_of(base.CredentialsRole, "country_code"))
