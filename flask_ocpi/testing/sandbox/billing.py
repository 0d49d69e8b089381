"""What a session costs, and the CDR that says so: both by the engine of `flask_ocpi.pricing`."""

from __future__ import annotations

import json
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
