"""Documents for tests: the smallest valid ones, to be changed by keyword, and some with every property."""

from __future__ import annotations

from typing import Any

from flask_ocpi.core.schema import Document

LAST_UPDATED = "2024-05-31T12:00:00Z"


def connector(**changes: Any) -> Document:
    """Return a Connector with its required properties, changed or extended by keyword."""
    document = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
        "last_updated": LAST_UPDATED,
    }
    return {**document, **changes}


def evse(**changes: Any) -> Document:
    """Return an EVSE with one Connector and its required properties, changed or extended by keyword."""
    document = {
        "uid": "EVSE1",
        "status": "AVAILABLE",
        "connectors": [connector()],
        "last_updated": LAST_UPDATED,
    }
    return {**document, **changes}


def location(**changes: Any) -> Document:
    """Return a published Location of NL ABC without EVSEs, changed or extended by keyword."""
    document = {
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
    }
    return {**document, **changes}


def credentials(**changes: Any) -> Document:
    """Return the Credentials of a platform with the CPO NL ABC, changed or extended by keyword."""
    document = {
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
    }
    return {**document, **changes}


def tariff(**changes: Any) -> Document:
    """Return a Tariff of NL ABC, 0.25 EUR a kWh, changed or extended by keyword."""
    document = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "TARIFF1",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 21.0, "step_size": 1}]}],
        "last_updated": LAST_UPDATED,
    }
    return {**document, **changes}


def session(**changes: Any) -> Document:
    """Return a Session of NL ABC for a driver of DE EMS, changed or extended by keyword."""
    document = {
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
    }
    return {**document, **changes}


def cdr(**changes: Any) -> Document:
    """Return a CDR of NL ABC for a driver of DE EMS, changed or extended by keyword."""
    document = {
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
    }
    return {**document, **changes}


def token(**changes: Any) -> Document:
    """Return a valid RFID Token of the eMSP DE EMS, changed or extended by keyword."""
    document = {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "12345678905880",
        "type": "RFID",
        "contract_id": "DE-EMS-C12E46L89",
        "issuer": "Ems Charging",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": LAST_UPDATED,
    }
    return {**document, **changes}


def client_info(**changes: Any) -> Document:
    """Return the ClientInfo of the eMSP DE EMS, which is connected, changed or extended by keyword."""
    document = {
        "party_id": "EMS",
        "country_code": "DE",
        "role": "EMSP",
        "status": "CONNECTED",
        "last_updated": LAST_UPDATED,
    }
    return {**document, **changes}


def start_session(**changes: Any) -> Document:
    """Return a StartSession for a token of DE EMS at LOC1, changed or extended by keyword."""
    document = {
        "response_url": "https://emsp.example.com/ocpi/commands/START_SESSION/1",
        "token": token(),
        "location_id": "LOC1",
    }
    return {**document, **changes}


def set_charging_profile(**changes: Any) -> Document:
    """Return a SetChargingProfile of 16 A on each phase, changed or extended by keyword."""
    document = {
        "charging_profile": {
            "charging_rate_unit": "A",
            "charging_profile_period": [{"start_period": 0, "limit": 16}],
        },
        "response_url": "https://emsp.example.com/ocpi/chargingprofiles/1",
    }
    return {**document, **changes}


def full_tariff() -> Document:
    """Return a Tariff that uses every property of every class of the tariffs module.

    It prices the night, fast charging in the holidays, reservations, and the rest.
    """
    return tariff(
        type="REGULAR",
        tariff_alt_text=[
            {"language": "en", "text": "Parking at night is free."},
            {"language": "nl", "text": "Parkeren is 's nachts gratis."},
        ],
        tariff_alt_url="https://www.example.com/tariffs/1",
        min_price={"excl_vat": 0.5, "incl_vat": 0.605},
        max_price={"excl_vat": 50, "incl_vat": 60.5},
        elements=_full_elements(),
        start_date_time="2024-01-01T00:00:00Z",
        end_date_time="2025-01-01T00:00:00Z",
        energy_mix=_energy_mix(),
    )


def full_session() -> Document:
    """Return a completed Session that uses every property of every class in it."""
    return session(
        end_date_time="2024-05-31T11:30:00Z",
        authorization_reference="AUTH-0001",
        meter_id="METER-1",
        charging_periods=[
            *_charging_periods(),
            {
                "start_date_time": "2024-05-31T11:15:00Z",
                "dimensions": [{"type": "STATE_OF_CHARGE", "volume": 80}, {"type": "POWER", "volume": -3.7}],
            },
        ],
        total_cost={"excl_vat": 7.125, "incl_vat": 8.6213},
        status="COMPLETED",
    )


def full_cdr() -> Document:
    """Return a credit CDR that uses every property of every class in it."""
    minimal = cdr()
    return cdr(
        id="CDR1-C",
        session_id="SES1",
        authorization_reference="AUTH-0001",
        cdr_location={
            **minimal["cdr_location"],
            "name": "Central Station",
            "postal_code": "3511 ED",
            "state": "Utrecht",
        },
        meter_id="METER-1",
        tariffs=[full_tariff(), tariff(id="TARIFF2")],
        charging_periods=_charging_periods(),
        signed_data={
            "encoding_method": "OCMF",
            "encoding_method_version": 1,
            "public_key": "ZXhhbXBsZSBrZXk=",
            "signed_values": [
                {"nature": "Start", "plain_data": "0.0 kWh", "signed_data": "MC4wIGtXaA=="},
                {"nature": "End", "plain_data": "12.5 kWh", "signed_data": "MTIuNSBrV2g="},
            ],
            "url": "https://www.example.com/check?session=SES1",
        },
        total_cost={"excl_vat": -7.125, "incl_vat": -8.6213},
        total_fixed_cost={"excl_vat": 0.5, "incl_vat": 0.605},
        total_energy_cost={"excl_vat": 3.125, "incl_vat": 3.7813},
        total_time_cost={"excl_vat": 2, "incl_vat": 2.42},
        total_parking_time=0.25,
        total_parking_cost={"excl_vat": 1, "incl_vat": 1.21},
        total_reservation_cost={"excl_vat": 0.5, "incl_vat": 0.605},
        remark="Credited after a complaint.",
        invoice_reference_id="INV-2024-05",
        credit=True,
        credit_reference_id="CDR1",
        home_charging_compensation=False,
    )


def full_token() -> Document:
    """Return a Token that uses every property of every class in it."""
    return token(
        visual_number="DF000-2001-8999-1",
        group_id="FLEET-7",
        language="en",
        default_profile_type="GREEN",
        energy_contract={"supplier_name": "Example Energy", "contract_id": "0123456789"},
    )


def full_location() -> Document:
    """Return a Location that uses every property of every class of the locations module.

    It is not published, so that it can be limited to some tokens.
    """
    return location(
        publish=False,
        publish_allowed_to=[
            {"uid": "12345678905880", "type": "RFID"},
            {"visual_number": "12345-67", "issuer": "Example Provider"},
            {"group_id": "FLEET-7"},
        ],
        name="Central Station",
        postal_code="3511 ED",
        state="Utrecht",
        related_locations=[
            {
                "latitude": "52.089712",
                "longitude": "5.109903",
                "name": {"language": "en", "text": "North entrance"},
            }
        ],
        parking_type="PARKING_GARAGE",
        evses=[_full_evse(), evse(uid="EVSE2", status="REMOVED")],
        directions=[
            {"language": "en", "text": "Take the ramp behind the station."},
            {"language": "nl", "text": "Neem de hellingbaan achter het station."},
        ],
        operator=_company("Abc Operations"),
        suboperator=_company("Abc Maintenance"),
        owner=_company("Abc Real Estate"),
        facilities=["TRAIN_STATION", "CAFE", "WIFI"],
        opening_times=_opening_times(),
        charging_when_closed=False,
        images=[_image("LOCATION")],
        energy_mix=_energy_mix(),
    )


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
    return evse(
        evse_id="NL*ABC*E041503001",
        status_schedule=[
            {
                "period_begin": "2024-06-01T06:00:00Z",
                "period_end": "2024-06-01T16:00:00Z",
                "status": "INOPERATIVE",
            },
            {"period_begin": "2025-01-01T00:00:00Z", "status": "PLANNED"},
        ],
        capabilities=["RESERVABLE", "RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        connectors=[
            connector(
                max_electric_power=11000,
                tariff_ids=["DAY", "NIGHT"],
                terms_and_conditions="https://cpo.example.com/terms",
            ),
            connector(id="2", standard="IEC_62196_T2_COMBO", format="CABLE", power_type="DC", max_voltage=500),
        ],
        floor_level="-2",
        coordinates={"latitude": "52.089451", "longitude": "5.110301"},
        physical_reference="A7",
        directions=[{"language": "en", "text": "Left of the lift."}],
        parking_restrictions=["EV_ONLY", "CUSTOMERS"],
        images=[_image("CHARGER")],
    )


def _opening_times() -> Document:
    return {
        "twentyfourseven": False,
        "regular_hours": [
            {"weekday": weekday, "period_begin": "06:00", "period_end": "23:30"} for weekday in range(1, 7)
        ],
        "exceptional_openings": [{"period_begin": "2024-12-22T08:00:00Z", "period_end": "2024-12-22T20:00:00Z"}],
        "exceptional_closings": [{"period_begin": "2024-12-25T00:00:00Z", "period_end": "2024-12-26T00:00:00Z"}],
    }


def _energy_mix() -> Document:
    return {
        "is_green_energy": False,
        "energy_sources": [
            {"source": "WIND", "percentage": 62.5},
            {"source": "GAS", "percentage": 37.5},
        ],
        "environ_impact": [
            {"category": "CARBON_DIOXIDE", "amount": 131.25},
            {"category": "NUCLEAR_WASTE", "amount": 0},
        ],
        "supplier_name": "Example Energy",
        "energy_product_name": "Example Mix",
    }


def _company(name: str) -> Document:
    return {"name": name, "website": "https://www.example.com", "logo": _image("OPERATOR")}


def _image(category: str) -> Document:
    return {
        "url": "https://www.example.com/image.png",
        "thumbnail": "https://www.example.com/image-small.png",
        "category": category,
        "type": "png",
        "width": 1280,
        "height": 720,
    }
