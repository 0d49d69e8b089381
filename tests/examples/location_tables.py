"""The tables of OCPI 2.2.1, Locations, as data, and a checker that shares nothing with the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
LATITUDE = re.compile(r"-?\d{1,2}\.\d{6}")
LONGITUDE = re.compile(r"-?\d{1,3}\.\d{6}")
WEB_ADDRESS = re.compile(r"https://([a-z0-9-]+\.)*example\.(com|org)(/[a-z0-9./-]*)?")

ENUMS = {
    "Capability": "CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT "
    "CONTACTLESS_CARD_SUPPORT CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL "
    "REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER START_SESSION_CONNECTOR_REQUIRED "
    "TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE",
    "ConnectorFormat": "SOCKET CABLE",
    "ConnectorType": "CHADEMO CHAOJI DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F "
    "DOMESTIC_G DOMESTIC_H DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N DOMESTIC_O "
    "GBT_AC GBT_DC IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64 "
    "IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C "
    "NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 NEMA_14_50 PANTOGRAPH_BOTTOM_UP "
    "PANTOGRAPH_TOP_DOWN TESLA_R TESLA_S",
    "EnergySourceCategory": "NUCLEAR GENERAL_FOSSIL COAL GAS GENERAL_GREEN SOLAR WIND WATER",
    "EnvironmentalImpactCategory": "NUCLEAR_WASTE CARBON_DIOXIDE",
    "Facility": "HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM "
    "BIKE_SHARING BUS_STOP TAXI_STAND TRAM_STOP METRO_STATION TRAIN_STATION AIRPORT PARKING_LOT "
    "CARPOOL_PARKING FUEL_STATION WIFI",
    "ImageCategory": "CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER",
    "ParkingRestriction": "EV_ONLY PLUGGED DISABLED CUSTOMERS MOTORCYCLES",
    "ParkingType": "ALONG_MOTORWAY PARKING_GARAGE PARKING_LOT ON_DRIVEWAY ON_STREET UNDERGROUND_GARAGE",
    "PowerType": "AC_1_PHASE AC_2_PHASE AC_2_PHASE_SPLIT AC_3_PHASE DC",
    "Status": "AVAILABLE BLOCKED CHARGING INOPERATIVE OUTOFORDER PLANNED REMOVED RESERVED UNKNOWN",
    "TokenType": "AD_HOC_USER APP_USER OTHER RFID",
}

# One line a class: property, type or class, maximum length in parentheses, cardinality.
TABLES = {
    "Location": "country_code ascii(2) 1, party_id ascii(3) 1, id ascii(36) 1, publish bool 1, "
    "publish_allowed_to PublishTokenType *, name text(255) ?, address text(255) 1, city text(45) 1, "
    "postal_code text(10) ?, state text(45) ?, country text(3) 1, coordinates GeoLocation 1, "
    "related_locations AdditionalGeoLocation *, parking_type ParkingType ?, evses EVSE *, directions "
    "DisplayText *, operator BusinessDetails ?, suboperator BusinessDetails ?, owner BusinessDetails ?, "
    "facilities Facility *, time_zone text(255) 1, opening_times Hours ?, charging_when_closed bool ?, "
    "images Image *, energy_mix EnergyMix ?, last_updated time 1",
    "EVSE": "uid ascii(36) 1, evse_id ascii(48) ?, status Status 1, status_schedule StatusSchedule *, "
    "capabilities Capability *, connectors Connector +, floor_level text(4) ?, coordinates GeoLocation "
    "?, physical_reference text(16) ?, directions DisplayText *, parking_restrictions "
    "ParkingRestriction *, images Image *, last_updated time 1",
    "Connector": "id ascii(36) 1, standard ConnectorType 1, format ConnectorFormat 1, power_type "
    "PowerType 1, max_voltage int 1, max_amperage int 1, max_electric_power int ?, tariff_ids ascii(36) "
    "*, terms_and_conditions url ?, last_updated time 1",
    "GeoLocation": "latitude latitude 1, longitude longitude 1",
    "AdditionalGeoLocation": "latitude latitude 1, longitude longitude 1, name DisplayText ?",
    "BusinessDetails": "name text(100) 1, website url ?, logo Image ?",
    "DisplayText": "language text(2) 1, text text(512) 1",
    "EnergyMix": "is_green_energy bool 1, energy_sources EnergySource *, environ_impact "
    "EnvironmentalImpact *, supplier_name text(64) ?, energy_product_name text(64) ?",
    "EnergySource": "source EnergySourceCategory 1, percentage number 1",
    "EnvironmentalImpact": "category EnvironmentalImpactCategory 1, amount number 1",
    "ExceptionalPeriod": "period_begin time 1, period_end time 1",
    "Hours": "twentyfourseven bool 1, regular_hours RegularHours *, exceptional_openings "
    "ExceptionalPeriod *, exceptional_closings ExceptionalPeriod *",
    "Image": "url url 1, thumbnail url ?, category ImageCategory 1, type ascii(4) 1, width int ?, height int ?",
    "PublishTokenType": "uid ascii(36) ?, type TokenType ?, visual_number text(64) ?, issuer text(64) "
    "?, group_id ascii(36) ?",
    "RegularHours": "weekday int 1, period_begin hour 1, period_end hour 1",
    "StatusSchedule": "period_begin time 1, period_end time ?, status Status 1",
}
FIELDS = {
    name: {field: (kind, cardinality) for field, kind, cardinality in (row.split() for row in table.split(", "))}
    for name, table in TABLES.items()
}


def is_plain(value: Any, kind: str) -> bool:
    """Check a value of a type that is no class."""
    if kind in ENUMS:
        return value in ENUMS[kind].split()
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("int", "number"):
        return isinstance(value, int if kind == "int" else (int, float)) and not isinstance(value, bool) and value >= 0
    if not isinstance(value, str):
        return False
    if kind == "url":
        return len(value) <= 255 and WEB_ADDRESS.fullmatch(value) is not None
    patterns = {"time": DATE_TIME, "hour": TIME_OF_DAY, "latitude": LATITUDE, "longitude": LONGITUDE}
    if kind in patterns:
        return patterns[kind].fullmatch(value) is not None
    name, length = kind.rstrip(")").split("(")
    return 0 < len(value) <= int(length) and value.isprintable() and (name == "text" or value.isascii())


def faults(value: Any, kind: str, path: str) -> Iterator[str]:
    """Yield what is wrong with a value by the tables."""
    if kind not in FIELDS:
        if not is_plain(value, kind):
            yield f"{path}: {value!r} is no {kind}"
        return
    for name in value.keys() - FIELDS[kind].keys():
        yield f"{path}.{name}: not in the table"
    for name, (part, cardinality) in FIELDS[kind].items():
        if name not in value:
            if cardinality in "1+":
                yield f"{path}.{name}: missing"
        elif cardinality in "*+":
            if not isinstance(value[name], list) or not value[name]:
                yield f"{path}.{name}: no filled list"
            for index, item in enumerate(value[name]):
                yield from faults(item, part, f"{path}.{name}[{index}]")
        else:
            yield from faults(value[name], part, f"{path}.{name}")


def parts(value: Any, kind: str, wanted: str) -> Iterator[Any]:
    """Yield every value of the wanted type or class below this one."""
    if kind == wanted:
        yield value
    for name, (part, cardinality) in FIELDS.get(kind, {}).items():
        items = value.get(name, []) if cardinality in "*+" else [value[name]] if name in value else []
        for item in items:
            yield from parts(item, part, wanted)
