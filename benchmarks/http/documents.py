"""The objects that all contestants hold, and those that are sent to them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import orjson

from flask_ocpi.testing import documents
from flask_ocpi.testing.sandbox.locations import locations

Document = dict[str, Any]

SIZE = 1_300  # bytes that a Location has, more or less
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = "2026-06-01T12:00:00Z"
DELTA = 50  # objects that changed lately
IDS = 200
OWN = {"country_code": "NL", "party_id": "ABC"}
THEIRS = {"country_code": "DE", "party_id": "CPO"}
PROVIDER = {"country_code": "DE", "party_id": "EMS"}


def _template() -> Document:
    """Return a Location of the example network of about the usual size, as far as every contestant takes it.

    The peers insist on properties of ``energy_mix`` and ``opening_times`` that OCPI leaves to the sender.
    """
    known = [
        {name: value for name, value in document.items() if name not in ("energy_mix", "opening_times")}
        for document in locations(now=BEGIN)
    ]
    return min(known, key=lambda document: abs(len(orjson.dumps(document)) - SIZE))


TEMPLATE = _template()
EVSE_UID: str = TEMPLATE["evses"][0]["uid"]


def own_location(number: int, total: int) -> Document:
    """Return one of our Locations; the last DELTA of them changed after :func:`delta_from`."""
    changed = BEGIN + timedelta(minutes=number)
    if number >= total - DELTA:
        changed = BEGIN + timedelta(days=100, minutes=number)
    return {**TEMPLATE, **OWN, "id": f"L{number:07}", "last_updated": f"{changed:%Y-%m-%dT%H:%M:%SZ}"}


def delta_from() -> str:
    return f"{BEGIN + timedelta(days=100):%Y-%m-%dT%H:%M:%SZ}"


def their_location(number: int) -> Document:
    return {**TEMPLATE, **THEIRS, "id": f"P{number:04}", "last_updated": "2026-05-01T12:00:00Z"}


def their_session(number: int) -> Document:
    session = {**documents.full_session(), **THEIRS, "id": f"S{number:04}", "last_updated": "2026-05-01T12:00:00Z"}
    return {**session, "cdr_token": {**session["cdr_token"], **OWN}}


def their_cdr(id: str) -> Document:
    cdr = {**documents.cdr(), **THEIRS, "id": id, "last_updated": "2026-05-01T12:00:00Z"}
    # py-ocpi insists on the price with VAT.
    cost = {**cdr["total_cost"], "incl_vat": cdr["total_cost"]["excl_vat"]}
    return {**cdr, "total_cost": cost, "cdr_token": {**cdr["cdr_token"], **OWN}}


def own_token(number: int) -> Document:
    return {**documents.token(), **OWN, "uid": f"T{number:04}", "last_updated": "2026-05-01T12:00:00Z"}


def command(location_id: str) -> Document:
    return {
        **documents.start_session(),
        "token": {**documents.token(), **PROVIDER},
        "response_url": "https://partner.example/ocpi/commands/START_SESSION/1",
        "location_id": location_id,
    }


def period() -> Document:
    return {"start_date_time": LATER, "dimensions": [{"type": "ENERGY", "volume": 1.5}]}
