"""The classes and enums of OCPI 2.2.1 in short notation, and where the reference is, if there is one."""

from __future__ import annotations

import re
from pathlib import Path

REFERENCE = Path(__file__).parents[3] / "shared" / "ocpi"
OBJECTS = REFERENCE / "objects-2.2.1.md"
EXAMPLES = REFERENCE / "examples"

Table = tuple[tuple[str, str, str], ...]  # (property, type(length), cardinality)

_CLASSES = """
DisplayText
    language string(2) 1
    text string(512) 1
Price
    excl_vat number 1
    incl_vat number ?
Version
    version VersionNumber 1
    url URL(255) 1
VersionDetails
    version VersionNumber 1
    endpoints Endpoint +
Endpoint
    identifier ModuleID 1
    role InterfaceRole 1
    url URL(255) 1
Credentials
    token string(64) 1
    url URL(255) 1
    roles CredentialsRole +
CredentialsRole
    role Role 1
    business_details BusinessDetails 1
    party_id CiString(3) 1
    country_code CiString(2) 1
Location
    country_code CiString(2) 1
    party_id CiString(3) 1
    id CiString(36) 1
    publish boolean 1
    publish_allowed_to PublishTokenType *
    name string(255) ?
    address string(255) 1
    city string(45) 1
    postal_code string(10) ?
    state string(45) ?
    country string(3) 1
    coordinates GeoLocation 1
    related_locations AdditionalGeoLocation *
    parking_type ParkingType ?
    evses EVSE *
    directions DisplayText *
    operator BusinessDetails ?
    suboperator BusinessDetails ?
    owner BusinessDetails ?
    facilities Facility *
    time_zone string(255) 1
    opening_times Hours ?
    charging_when_closed boolean ?
    images Image *
    energy_mix EnergyMix ?
    last_updated DateTime(25) 1
EVSE
    uid CiString(36) 1
    evse_id CiString(48) ?
    status Status 1
    status_schedule StatusSchedule *
    capabilities Capability *
    connectors Connector +
    floor_level string(4) ?
    coordinates GeoLocation ?
    physical_reference string(16) ?
    directions DisplayText *
    parking_restrictions ParkingRestriction *
    images Image *
    last_updated DateTime(25) 1
Connector
    id CiString(36) 1
    standard ConnectorType 1
    format ConnectorFormat 1
    power_type PowerType 1
    max_voltage int 1
    max_amperage int 1
    max_electric_power int ?
    tariff_ids CiString(36) *
    terms_and_conditions URL(255) ?
    last_updated DateTime(25) 1
AdditionalGeoLocation
    latitude string(10) 1
    longitude string(11) 1
    name DisplayText ?
BusinessDetails
    name string(100) 1
    website URL(255) ?
    logo Image ?
EnergyMix
    is_green_energy boolean 1
    energy_sources EnergySource *
    environ_impact EnvironmentalImpact *
    supplier_name string(64) ?
    energy_product_name string(64) ?
EnergySource
    source EnergySourceCategory 1
    percentage number 1
EnvironmentalImpact
    category EnvironmentalImpactCategory 1
    amount number 1
ExceptionalPeriod
    period_begin DateTime(25) 1
    period_end DateTime(25) 1
GeoLocation
    latitude string(10) 1
    longitude string(11) 1
Hours
    twentyfourseven boolean 1
    regular_hours RegularHours *
    exceptional_openings ExceptionalPeriod *
    exceptional_closings ExceptionalPeriod *
Image
    url URL(255) 1
    thumbnail URL(255) ?
    category ImageCategory 1
    type CiString(4) 1
    width int(5) ?
    height int(5) ?
PublishTokenType
    uid CiString(36) ?
    type TokenType ?
    visual_number string(64) ?
    issuer string(64) ?
    group_id CiString(36) ?
RegularHours
    weekday int(1) 1
    period_begin string(5) 1
    period_end string(5) 1
StatusSchedule
    period_begin DateTime(25) 1
    period_end DateTime(25) ?
    status Status 1
"""

_ENUMS = """
Role: CPO EMSP HUB NAP NSP OTHER SCSP
VersionNumber: 2.0 2.1 2.1.1 2.2 2.2.1
ModuleID: cdrs chargingprofiles commands credentials hubclientinfo locations sessions tariffs tokens
InterfaceRole: SENDER RECEIVER
Capability: CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT CONTACTLESS_CARD_SUPPORT
    CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER
    START_SESSION_CONNECTOR_REQUIRED TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE
ConnectorFormat: SOCKET CABLE
ConnectorType: CHADEMO CHAOJI DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G
    DOMESTIC_H DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N DOMESTIC_O GBT_AC GBT_DC
    IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64 IEC_62196_T1
    IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C NEMA_5_20 NEMA_6_30
    NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 NEMA_14_50 PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN TESLA_R
    TESLA_S
EnergySourceCategory: NUCLEAR GENERAL_FOSSIL COAL GAS GENERAL_GREEN SOLAR WIND WATER
EnvironmentalImpactCategory: NUCLEAR_WASTE CARBON_DIOXIDE
Facility: HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BIKE_SHARING BUS_STOP
    TAXI_STAND TRAM_STOP METRO_STATION TRAIN_STATION AIRPORT PARKING_LOT CARPOOL_PARKING FUEL_STATION WIFI
ImageCategory: CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER
ParkingRestriction: EV_ONLY PLUGGED DISABLED CUSTOMERS MOTORCYCLES
ParkingType: ALONG_MOTORWAY PARKING_GARAGE PARKING_LOT ON_DRIVEWAY ON_STREET UNDERGROUND_GARAGE
PowerType: AC_1_PHASE AC_2_PHASE AC_2_PHASE_SPLIT AC_3_PHASE DC
Status: AVAILABLE BLOCKED CHARGING INOPERATIVE OUTOFORDER PLANNED REMOVED RESERVED UNKNOWN
TokenType: AD_HOC_USER APP_USER OTHER RFID
"""


def _parse_classes(text: str) -> dict[str, Table]:
    tables: dict[str, list[tuple[str, str, str]]] = {}
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            rows = tables.setdefault(line, [])
        else:
            name, type_, cardinality = line.split()
            rows.append((name, type_, cardinality))
    return {name: tuple(rows) for name, rows in tables.items()}


CLASSES = _parse_classes(_CLASSES)
ENUMS = {name: values.split() for name, values in re.findall(r"^(\w+):((?:.+|\n +)*)", _ENUMS, re.MULTILINE)}


def reference_classes() -> dict[str, Table]:
    """Read the tables of all classes from the reference next to the checkout."""
    tables = {}
    for section in re.split(r"^### ", OBJECTS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d*) \| ([1?*+]) \|", section, re.MULTILINE)
        tables[section.split("\n")[0].strip()] = tuple(
            (name, f"{type_}({length})" if length else type_, cardinality) for name, type_, length, cardinality in rows
        )
    return tables


def reference_enums() -> dict[str, list[str]]:
    """Read the values of all enums from the reference next to the checkout."""
    found = re.findall(r"^- \*\*(\w+)\*\* \(\d+\): (.*)$", OBJECTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [value.strip() for value in values.split(",")] for name, values in found}
