"""How host applications save, read and change objects, right and wrong; tests/test_types.py has mypy read it."""

from __future__ import annotations

import json
from typing import Any
from typing import TypedDict

from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.enums import Role
from flask_ocpi.core.types import Tariff
from flask_ocpi.core.types import Token


class _Party(TypedDict):
    country_code: str
    party_id: str


_PARTY: _Party = {"country_code": "NL", "party_id": "ABC"}


def save(ocpi: OCPI, tariff: Tariff, untyped: dict[str, Any], module: str) -> None:
    ocpi.save("tariffs", tariff)
    ocpi.save(ModuleID.TARIFFS, tariff)
    ocpi.save("tariffs", untyped)
    ocpi.save("tariffs", json.loads("{}"))
    ocpi.save(module, untyped, audience=(Party.of("DE", "EMS"),))
    ocpi.save("reports", untyped)
    ocpi.patch("hubclientinfo", "EMSP", changes={"status": "OFFLINE"})
    ocpi.save("hubclientinfo", untyped | {"role": Role.CPO, "status": "OFFLINE"})

    ocpi.save("tokens", tariff)  # wrong
    ocpi.save("tariffs", {"id": "DAY", "curency": "EUR"})  # wrong
    ocpi.save("location", {"id": "LOC1"})  # wrong
    ocpi.save("tariffs", "DAY")  # wrong


def save_client_info(ocpi: OCPI, now: str) -> None:
    ocpi.save("hubclientinfo", {**_PARTY, "role": "CPO", "status": "CONNECTED", "last_updated": now})
    ocpi.save("hubclientinfo", {**_PARTY, "role": Role.CPO, "status": "OFFLINE", "last_updated": now})

    ocpi.save("hubclientinfo", {**_PARTY, "role": "CPO", "status": "CONECTED", "last_updated": now})  # wrong
    ocpi.save("hubclientinfo", {**_PARTY, "role": "CPO", "status": "CONNECTED"})  # wrong


def save_all(ocpi: OCPI, tariff: Tariff, untyped: dict[str, Any], many: list[dict[str, Any]]) -> None:
    ocpi.objects.save_all({"tariffs": [tariff, untyped], "locations": many})
    ocpi.objects.save_all({"tariffs": (each for each in many)})
    ocpi.objects.save_all([("tariffs", many)])
    ocpi.objects.save_all(untyped)

    ocpi.objects.save_all({"tariffs": [{"id": "DAY", "curency": "EUR"}]})  # wrong
    ocpi.objects.save_all({"tokens": [tariff]})  # wrong


def read(ocpi: OCPI, module: str, party: Party) -> tuple[str, Token]:
    status: str = ocpi.objects.get("locations", "LOC1", "EVSE1")["status"]
    ocpi.objects.get("locations", "LOC1")["evses"][0]["connectors"][0]["standard"]
    ocpi.objects.get("locations", "LOC1", "EVSE1", "1")["max_amperage"] + 1
    token: Token = ocpi.objects.get("tokens", "012345", "APP_USER", party=party)
    ocpi.objects.get(module, "ID")["property"]
    ocpi.copies.get("tariffs", "DAY", owner=party)["currency"]

    ocpi.objects.get("locations", "LOC1", "EVSE1")["state"]  # wrong
    ocpi.objects.get("tokens", "012345")["valid"] + "yes"  # wrong
    ocpi.copies.get("tariffs", "DAY", owner=party)["curency"]  # wrong
    return status, token


def change(ocpi: OCPI, untyped: dict[str, Any]) -> None:
    ocpi.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})
    ocpi.patch("locations", "LOC1", changes={"name": None})
    ocpi.patch("locations", "LOC1", changes=untyped)["evses"]
    ocpi.objects.patch("tokens", "012345", "APP_USER", changes={"valid": False})

    ocpi.patch("locations", "LOC1", changes={"status": "CHARGING"})  # wrong
    ocpi.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGIN"})  # wrong
    ocpi.patch("locations", "LOC1", changes={"city": None})  # wrong
    ocpi.patch("tariffs", "DAY", changes={"id": "NIGHT"})  # wrong
    ocpi.patch("cdrs", "CDR1", changes={"total_energy": 7})  # wrong


def save_what_2_3_0_adds(ocpi: OCPI, untyped: dict[str, Any], now: str) -> None:
    ocpi.save("terminals", {"terminal_id": "T1", "last_updated": now})
    ocpi.save("booking_locations", untyped)
    ocpi.patch("terminals", "T1", changes={"customer_reference": None})
    ocpi.patch("booking_locations", "BL1", "C1", changes={"available_timeslots": []})
    amount: float = ocpi.objects.get("financial-advice-confirmations", "F1")["total_costs"]["excl_vat"]
    ocpi.objects.save_all({"terminals": [untyped], "bookings": [untyped]})

    ocpi.save("terminals", {"terminal_id": "T1"})  # wrong
    ocpi.patch("bookings", "B1", changes={"reservation_status": "LOST"})  # wrong
    ocpi.copies.get("invoicereconciliation", "I1", owner=amount)  # wrong
