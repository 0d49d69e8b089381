"""A location with two EVSEs, and what charging there costs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

OWNER = {"country_code": "NL", "party_id": "ABC"}
#: 0.50 to start, 0.40 a kWh, and 2.40 an hour for a car that is full and stays.
PRICES = {"FLAT": 0.5, "ENERGY": 0.4, "PARKING_TIME": 2.4}
VAT = 21


def objects(now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return the location and the tariff, by module."""
    changed = {"last_updated": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    components = [{"type": type, "price": price, "vat": VAT, "step_size": 1} for type, price in PRICES.items()]
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
        "tariff_ids": ["STANDARD"],
    }
    evses = [
        {
            "uid": f"QUAY-{number}",
            "evse_id": f"NL*ABC*EQUAY{number}",
            "status": "UNKNOWN",
            "capabilities": ["REMOTE_START_STOP_CAPABLE", "RESERVABLE", "RFID_READER", "UNLOCK_CAPABLE"],
            "connectors": [{**connector, **changed}],
            **changed,
        }
        for number in (1, 2)
    ]
    location = {
        **OWNER,
        "id": "QUAY",
        "publish": True,
        "name": "The Quay",
        "address": "Kade 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "time_zone": "Europe/Amsterdam",
        "evses": evses,
        **changed,
    }
    tariff = {
        **OWNER,
        "id": "STANDARD",
        "currency": "EUR",
        "elements": [{"price_components": components}],
        **changed,
    }
    return {"tariffs": [tariff], "locations": [location]}
