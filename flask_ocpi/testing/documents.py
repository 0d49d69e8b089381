"""Documents for tests: the smallest valid ones, to be changed by keyword, and one with every property."""

from __future__ import annotations

from typing import Any

from flask_ocpi.schema import Document

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
