"""OCPI 2.2.1: its modules, and its classes, from which those of other versions are derived."""

from __future__ import annotations

from flask_ocpi.core.converting import Converter
from flask_ocpi.core.converting import Replacing
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.bookings import MODULES as BOOKINGS
from flask_ocpi.modules.cdrs import MODULE as CDRS
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.cdrs_schemas import CdrDimension
from flask_ocpi.modules.cdrs_schemas import CdrLocation
from flask_ocpi.modules.cdrs_schemas import CdrToken
from flask_ocpi.modules.cdrs_schemas import ChargingPeriod
from flask_ocpi.modules.cdrs_schemas import SignedData
from flask_ocpi.modules.cdrs_schemas import SignedValue
from flask_ocpi.modules.chargingprofiles import MODULE as CHARGINGPROFILES
from flask_ocpi.modules.chargingprofiles import ActiveChargingProfile
from flask_ocpi.modules.chargingprofiles import ActiveChargingProfileResult
from flask_ocpi.modules.chargingprofiles import ChargingProfile
from flask_ocpi.modules.chargingprofiles import ChargingProfilePeriod
from flask_ocpi.modules.chargingprofiles import ChargingProfileResponse
from flask_ocpi.modules.chargingprofiles import ChargingProfileResult
from flask_ocpi.modules.chargingprofiles import ClearProfileResult
from flask_ocpi.modules.chargingprofiles import SetChargingProfile
from flask_ocpi.modules.commands import MODULE as COMMANDS
from flask_ocpi.modules.commands_schemas import CancelReservation
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.commands_schemas import ReserveNow
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.commands_schemas import StopSession
from flask_ocpi.modules.commands_schemas import UnlockConnector
from flask_ocpi.modules.credentials import MODULE as CREDENTIALS
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.credentials import CredentialsRole
from flask_ocpi.modules.hubclientinfo import MODULE as HUBCLIENTINFO
from flask_ocpi.modules.hubclientinfo import ClientInfo
from flask_ocpi.modules.locations import MODULE as LOCATIONS
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import AdditionalGeoLocation
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import ExceptionalPeriod
from flask_ocpi.modules.locations_schemas import GeoLocation
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.locations_schemas import PublishTokenType
from flask_ocpi.modules.locations_schemas import RegularHours
from flask_ocpi.modules.locations_schemas import StatusSchedule
from flask_ocpi.modules.payments import MODULES as PAYMENTS
from flask_ocpi.modules.sessions import MODULE as SESSIONS
from flask_ocpi.modules.sessions import ChargingPreferences
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import MODULE as TARIFFS
from flask_ocpi.modules.tariffs import PriceComponent
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tariffs import TariffElement
from flask_ocpi.modules.tariffs import TariffRestrictions
from flask_ocpi.modules.tokens import MODULE as TOKENS
from flask_ocpi.modules.tokens import AuthorizationInfo
from flask_ocpi.modules.tokens import EnergyContract
from flask_ocpi.modules.tokens import LocationReferences
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import EnergyMix
from flask_ocpi.modules.types import EnergySource
from flask_ocpi.modules.types import EnvironmentalImpact
from flask_ocpi.modules.types import Image
from flask_ocpi.modules.types import OwnedObject
from flask_ocpi.modules.types import Price
from flask_ocpi.modules.versions import MODULE as VERSIONS
from flask_ocpi.modules.versions import Endpoint
from flask_ocpi.modules.versions import VersionDetails
from flask_ocpi.versions.stored import ENUMS
from flask_ocpi.versions.stored import STORED
from flask_ocpi.versions.stored import dimension_of_2_2_1
from flask_ocpi.versions.stored import element_of_sessions
from flask_ocpi.versions.stored import tariff_without_taxes

__all__ = [
    "CDR",
    "EVSE",
    "VERSION",
    "ActiveChargingProfile",
    "ActiveChargingProfileResult",
    "AdditionalGeoLocation",
    "AuthorizationInfo",
    "BusinessDetails",
    "CancelReservation",
    "CdrDimension",
    "CdrLocation",
    "CdrToken",
    "ChargingPeriod",
    "ChargingPreferences",
    "ChargingProfile",
    "ChargingProfilePeriod",
    "ChargingProfileResponse",
    "ChargingProfileResult",
    "ClearProfileResult",
    "ClientInfo",
    "CommandResponse",
    "CommandResult",
    "Connector",
    "Credentials",
    "CredentialsRole",
    "DisplayText",
    "Endpoint",
    "EnergyContract",
    "EnergyMix",
    "EnergySource",
    "EnvironmentalImpact",
    "ExceptionalPeriod",
    "GeoLocation",
    "Hours",
    "Image",
    "Location",
    "LocationReferences",
    "OwnedObject",
    "Price",
    "PriceComponent",
    "PublishTokenType",
    "RegularHours",
    "ReserveNow",
    "Session",
    "SetChargingProfile",
    "SignedData",
    "SignedValue",
    "StartSession",
    "StatusSchedule",
    "StopSession",
    "Tariff",
    "TariffElement",
    "TariffRestrictions",
    "Token",
    "UnlockConnector",
    "VersionDetails",
]

_MODULES = (
    VERSIONS,
    CREDENTIALS,
    LOCATIONS,
    SESSIONS,
    CDRS,
    TARIFFS,
    TOKENS,
    COMMANDS,
    CHARGINGPROFILES,
    HUBCLIENTINFO,
)


def _stored(modules: tuple[Module, ...]) -> dict[type[Schema], type[Schema]]:
    """Return the class of the stored shape for each class of 2.2.1 that the stored shape extends."""
    replacing = Replacing(STORED, enums=ENUMS)
    for module in modules:
        for interface in module.interfaces:
            for operation in interface.operations:
                for cls in (operation.body, operation.returns, operation.result):
                    replacing(cls)
    return {old: new for new, old in replacing.origins.items()}


#: Objects of the modules of 2.3.0 are stored with these classes too.
_ORIGINS = _stored((*_MODULES, *PAYMENTS, *BOOKINGS))

VERSION = Version(
    "2.2.1",
    _MODULES,
    converters={
        Tariff: Converter(from_store=tariff_without_taxes),
        TariffElement: Converter(from_store=element_of_sessions),
        CdrDimension: Converter(from_store=dimension_of_2_2_1),
    },
    origins=_ORIGINS,
    marked=frozenset(_ORIGINS),
)
