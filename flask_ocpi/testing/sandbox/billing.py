"""Which EVSE a command gets, the session that begins there, and what it costs by the engine of `flask_ocpi.pricing`."""

from __future__ import annotations

import json
import secrets
from decimal import Decimal
from typing import Any

from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import TimeZone
from flask_ocpi.pricing import build_cdr
from flask_ocpi.pricing import price

Document = dict[str, Any]

#: What a kilowatt-hour costs where a connector has no tariff.
STANDARD_TARIFF: Document = {
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.35, "vat": 21.0, "step_size": 1}]}],
}

#: A bill is in whole cents; its parts are as exact as OCPI has them.
POLICY = Policy(rounding="total")


def volume(periods: list[Document], dimension: str) -> Decimal:
    """Add up what was measured of a dimension."""
    found = (d["volume"] for period in periods for d in period["dimensions"] if d["type"] == dimension)
    return sum((Decimal(str(each)) for each in found), Decimal(0))


def cost(session: Document, tariff: Document, location: Document) -> Document:
    """Return what a session costs so far."""
    report = price(session, tariff, time_zone=TimeZone(location["time_zone"], "location"), policy=POLICY)
    return {side: float(amount) for side, amount in report.total_cost.to_dict().items()}


def cdr(session: Document, tariff: Document, location: Document) -> Document:
    """Make the CDR of a session that ended."""
    document: Document = json.loads(json.dumps(build_cdr(session, location, tariff, policy=POLICY), default=float))
    return document


FREE = ("AVAILABLE", "UNKNOWN")
OCCUPIED = ("CHARGING", "BLOCKED", "RESERVED")


def free_evse(location: Document, evse_uid: str | None, held: str | None) -> Document | str:
    """Return an EVSE that is free, or ``held`` for who asks; else why there is none, as a CommandResultType."""
    evses: list[Document] = location.get("evses", [])
    wanted = [evse for evse in evses if evse_uid is None or evse["uid"].upper() == evse_uid.upper()]
    for evse in sorted(wanted, key=lambda evse: evse["uid"] != held):
        if evse["status"] in FREE or evse["uid"] == held:
            return evse
    return "EVSE_OCCUPIED" if any(evse["status"] in OCCUPIED for evse in wanted) else "EVSE_INOPERATIVE"


def new_session(command: Document, location: Document, evse: Document, *, now: str) -> Document:
    """Make the session of a StartSession or ReserveNow: a reservation as yet, without a connector."""
    token = command["token"]
    session = {
        "country_code": location["country_code"],
        "party_id": location["party_id"],
        "id": secrets.token_hex(8),
        "start_date_time": now,
        "kwh": 0,
        "cdr_token": {name: token[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")},
        "auth_method": "COMMAND",
        "location_id": location["id"],
        "evse_uid": evse["uid"],
        "connector_id": "#NA",
        "currency": STANDARD_TARIFF["currency"],
        "status": "RESERVATION",
        "last_updated": now,
    }
    if "authorization_reference" in command:
        session["authorization_reference"] = command["authorization_reference"]
    return session


def identity(token: Document) -> tuple[str, ...]:
    """Return what makes a token the same as another."""
    return folded(token, "country_code", "party_id", "uid", "type")


def folded(document: Document, *names: str) -> tuple[str, ...]:
    """Return some of its ids as they compare: without regard to case."""
    return tuple(document[name].upper() for name in names)
