"""Documents for tests: the smallest valid ones, to be changed by keyword, and some with every property."""

from __future__ import annotations

from typing import Any

import orjson

from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.cdrs_schemas import CdrLocation
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import Token
from flask_ocpi.web.examples import full_example

LAST_UPDATED = "2024-05-31T12:00:00Z"


def connector(**changes: Any) -> Document:
    """Return a Connector with its required properties, changed or extended by keyword."""
    return {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
        "last_updated": LAST_UPDATED,
        **changes,
    }


def evse(**changes: Any) -> Document:
    """Return an EVSE with one Connector and its required properties, changed or extended by keyword."""
    return {
        "uid": "EVSE1",
        "status": "AVAILABLE",
        "connectors": [connector()],
        "last_updated": LAST_UPDATED,
        **changes,
    }


def location(**changes: Any) -> Document:
    """Return a published Location of NL ABC without EVSEs, changed or extended by keyword."""
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "LOC1",
        "publish": True,
        "address": "Station Road 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "time_zone": "Europe/Amsterdam",
        "last_updated": LAST_UPDATED,
        **changes,
    }


def credentials(**changes: Any) -> Document:
    """Return the Credentials of a platform with the CPO NL ABC, changed or extended by keyword."""
    return {
        "token": "example-token-not-a-secret",
        "url": "https://cpo.example.com/ocpi/versions",
        "roles": [
            {
                "role": "CPO",
                "business_details": {"name": "Abc Charging"},
                "party_id": "ABC",
                "country_code": "NL",
            }
        ],
        **changes,
    }


def tariff(**changes: Any) -> Document:
    """Return a Tariff of NL ABC, 0.25 EUR a kWh, changed or extended by keyword."""
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "TARIFF1",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 21.0, "step_size": 1}]}],
        "last_updated": LAST_UPDATED,
        **changes,
    }


def session(**changes: Any) -> Document:
    """Return a Session of NL ABC for a driver of DE EMS, changed or extended by keyword."""
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "SES1",
        "start_date_time": "2024-05-31T10:00:00Z",
        "kwh": 12.5,
        "cdr_token": _cdr_token(),
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "EVSE1",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": LAST_UPDATED,
        **changes,
    }


def cdr(**changes: Any) -> Document:
    """Return a CDR of NL ABC for a driver of DE EMS, changed or extended by keyword."""
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "CDR1",
        "start_date_time": "2024-05-31T10:00:00Z",
        "end_date_time": "2024-05-31T11:30:00Z",
        "cdr_token": _cdr_token(),
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Station Road 1",
            "city": "Utrecht",
            "country": "NLD",
            "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
            "evse_uid": "EVSE1",
            "evse_id": "NL*ABC*E041503001",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [
            {"start_date_time": "2024-05-31T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
        ],
        "total_cost": {"excl_vat": 3.125},
        "total_energy": 12.5,
        "total_time": 1.5,
        "last_updated": LAST_UPDATED,
        **changes,
    }


def token(**changes: Any) -> Document:
    """Return a valid RFID Token of the eMSP DE EMS, changed or extended by keyword."""
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "12345678905880",
        "type": "RFID",
        "contract_id": "DE-EMS-C12E46L89",
        "issuer": "Ems Charging",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": LAST_UPDATED,
        **changes,
    }


def client_info(**changes: Any) -> Document:
    """Return the ClientInfo of the eMSP DE EMS, which is connected, changed or extended by keyword."""
    return {
        "party_id": "EMS",
        "country_code": "DE",
        "role": "EMSP",
        "status": "CONNECTED",
        "last_updated": LAST_UPDATED,
        **changes,
    }


def start_session(**changes: Any) -> Document:
    """Return a StartSession for a token of DE EMS at LOC1, changed or extended by keyword."""
    return {
        "response_url": "https://emsp.example.com/ocpi/commands/START_SESSION/1",
        "token": token(),
        "location_id": "LOC1",
        **changes,
    }


def set_charging_profile(**changes: Any) -> Document:
    """Return a SetChargingProfile of 16 A on each phase, changed or extended by keyword."""
    return {
        "charging_profile": {
            "charging_rate_unit": "A",
            "charging_profile_period": [{"start_period": 0, "limit": 16}],
        },
        "response_url": "https://emsp.example.com/ocpi/chargingprofiles/1",
        **changes,
    }


def full_tariff() -> Document:
    """Return a Tariff that uses every property of every class of the tariffs module.

    It prices the night, fast charging in the holidays, reservations, and the rest.
    """
    return _full(Tariff, tariff(elements=_full_elements()))


def full_session() -> Document:
    """Return a completed Session that uses every property of every class in it."""
    periods = [
        *_charging_periods(),
        {
            "start_date_time": "2024-05-31T11:15:00Z",
            "dimensions": [{"type": "STATE_OF_CHARGE", "volume": 80}, {"type": "POWER", "volume": -3.7}],
        },
    ]
    total = {"excl_vat": 7.125, "incl_vat": 8.6213}
    ended = {"end_date_time": "2024-05-31T11:30:00Z", "status": "COMPLETED"}
    return _full(Session, session(**ended, charging_periods=periods, total_cost=total))


def full_cdr() -> Document:
    """Return a credit CDR that uses every property of every class in it."""
    smallest = cdr(
        id="CDR1-C",
        session_id="SES1",
        tariffs=[full_tariff(), tariff(id="TARIFF2")],
        charging_periods=_charging_periods(),
        total_cost={"excl_vat": -7.125, "incl_vat": -8.6213},
        total_fixed_cost={"excl_vat": 0.5, "incl_vat": 0.605},
        total_energy_cost={"excl_vat": 3.125, "incl_vat": 3.7813},
        total_time_cost={"excl_vat": 2, "incl_vat": 2.42},
        total_parking_time=0.25,
        total_parking_cost={"excl_vat": 1, "incl_vat": 1.21},
        total_reservation_cost={"excl_vat": 0.5, "incl_vat": 0.605},
        credit=True,
        credit_reference_id="CDR1",
    )
    return _full(CDR, smallest, cdr_location=_full(CdrLocation, smallest["cdr_location"]))


def full_token() -> Document:
    """Return a Token that uses every property of every class in it."""
    return _full(Token, token(group_id="FLEET-7"))


def full_location() -> Document:
    """Return a Location that uses every property of every class of the locations module.

    It is not published, so that it can be limited to some tokens.
    """
    return _full(
        Location,
        location(publish=False),
        publish_allowed_to=[
            {"uid": "12345678905880", "type": "RFID"},
            {"visual_number": "12345-67", "issuer": "Example Provider"},
            {"group_id": "FLEET-7"},
        ],
        evses=[_full_evse(), evse(uid="EVSE2", status="REMOVED")],
        directions=[
            {"language": "en", "text": "Take the ramp behind the station."},
            {"language": "nl", "text": "Neem de hellingbaan achter het station."},
        ],
        opening_times=_opening_times(),
    )


def _full(schema: type[Schema], smallest: Document, **changes: Any) -> Document:
    """Return the example of a class with every property, with the values of a document, changed by keyword."""
    made: Document = orjson.loads(orjson.dumps(full_example(schema)))  # unlike a deep copy, no two parts are the same
    return {**made, **smallest, **changes}


def _cdr_token() -> Document:
    return {name: token()[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}


def _charging_periods() -> list[Document]:
    return [
        {
            "start_date_time": "2024-05-31T10:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 12.5}, {"type": "TIME", "volume": 1.25}],
            "tariff_id": "TARIFF1",
        },
        {"start_date_time": "2024-05-31T11:15:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.25}]},
    ]


def _full_elements() -> list[Document]:
    energy = {"type": "ENERGY", "price": 0.25, "vat": 21.0, "step_size": 1}
    fee = {"type": "FLAT", "price": 0.5, "vat": 21.0, "step_size": 1}
    parking = {"type": "PARKING_TIME", "price": 4, "step_size": 300}
    return [
        {"price_components": [{**parking, "price": 0.0}], "restrictions": {"start_time": "22:00", "end_time": "06:00"}},
        {
            "price_components": [{**energy, "price": 0.45}],
            "restrictions": {
                "start_date": "2024-07-01",
                "end_date": "2024-09-01",
                "min_kwh": 20,
                "max_kwh": 50,
                "min_current": 32,
                "max_current": 96.5,
                "min_power": 22,
                "max_power": 66.5,
                "min_duration": 1800,
                "max_duration": 3600,
                "day_of_week": ["SATURDAY", "SUNDAY"],
            },
        },
        {"price_components": [{**fee, "price": 2}], "restrictions": {"reservation": "RESERVATION"}},
        {"price_components": [energy, fee, parking]},
    ]


def _full_evse() -> Document:
    first = _full(Connector, connector(), tariff_ids=["DAY", "NIGHT"])
    second = connector(id="2", standard="IEC_62196_T2_COMBO", format="CABLE", power_type="DC", max_voltage=500)
    return _full(EVSE, evse(connectors=[first, second]), parking_restrictions=["EV_ONLY", "CUSTOMERS"])


def _opening_times() -> Document:
    hours = [{"weekday": weekday, "period_begin": "06:00", "period_end": "23:30"} for weekday in range(1, 7)]
    return _full(Hours, {"twentyfourseven": False, "regular_hours": hours})
