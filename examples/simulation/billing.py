"""What a session costs, and the CDR that says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING
from decimal import ROUND_HALF_UP
from decimal import Decimal
from typing import Any

from examples.simulation.moments import moment_of

Document = dict[str, Any]

#: What a kilowatt-hour costs where a connector has no tariff.
STANDARD_TARIFF: Document = {
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.35, "vat": 21.0, "step_size": 1}]}],
}

#: What the step_size of a dimension counts, in its own unit: Wh in kWh, seconds in hours.
STEPS = {"ENERGY": Decimal(1) / 1000, "TIME": Decimal(1) / 3600}
COSTS = {"FLAT": "total_fixed_cost", "ENERGY": "total_energy_cost", "TIME": "total_time_cost"}
CENT = Decimal("0.01")
COPIED = ("country_code", "party_id", "start_date_time", "cdr_token", "auth_method", "currency")
LOCATED = ("address", "city", "country", "coordinates", "name", "postal_code", "state")
#: What OCPI's tables allow a CdrLocation; others refuse a CDR for more, and some have it longer in their Locations.
LONGEST = {"address": 45, "state": 20}
#: The dimensions of a session's periods that a CDR may have.
BILLED = ("ENERGY", "TIME")


@dataclass(frozen=True)
class _Amount:
    """Money, and the VAT on it; None: none is known of."""

    net: Decimal
    vat: Decimal | None

    def __add__(self, other: _Amount) -> _Amount:
        vat = None if self.vat is None or other.vat is None else self.vat + other.vat
        return _Amount(self.net + other.net, vat)

    def price(self) -> Document:
        """Return it as a Price."""
        amounts = {"excl_vat": self.net, "incl_vat": None if self.vat is None else self.net + self.vat}
        return {n: float(a.quantize(CENT, ROUND_HALF_UP)) for n, a in amounts.items() if a is not None}


def volume(periods: list[Document], dimension: str) -> Decimal:
    """Add up what was measured of a dimension."""
    found = (d["volume"] for period in periods for d in period["dimensions"] if d["type"] == dimension)
    return sum((Decimal(str(each)) for each in found), Decimal(0))


def costs(tariff: Document, periods: list[Document]) -> Document:
    """Return the costs of a session as a CDR lists them: total_cost, and one for each dimension that has a price.

    This charges once, by energy and by time. What is priced under restrictions, such as the hour, is left to real
    billing: of each dimension the first price without any counts.
    """
    lines = {}
    for dimension, name in COSTS.items():
        component = _component(tariff, dimension)
        if component is not None:
            net = Decimal(str(component["price"])) * _billed(component, periods)
            lines[name] = _Amount(net, None if "vat" not in component else net * Decimal(str(component["vat"])) / 100)
    total = sum(lines.values(), _Amount(Decimal(0), Decimal(0)))
    return {name: amount.price() for name, amount in {"total_cost": total, **lines}.items()}


def cdr(session: Document, tariff: Document, location: Document, evse: Document, connector: Document) -> Document:
    """Make the CDR of a session that ended."""
    periods = [
        {**period, "dimensions": [d for d in period["dimensions"] if d["type"] in BILLED]}
        for period in session["charging_periods"]
    ]
    lasted = moment_of(session["end_date_time"]) - moment_of(session["start_date_time"])
    document = {
        **{name: session[name] for name in COPIED},
        "id": session["id"],
        "session_id": session["id"],
        "end_date_time": session["end_date_time"],
        "cdr_location": {
            "id": location["id"],
            **{name: _shortened(name, location[name]) for name in LOCATED if name in location},
            "evse_uid": evse["uid"],
            "evse_id": evse.get("evse_id", evse["uid"]),
            "connector_id": connector["id"],
            "connector_standard": connector["standard"],
            "connector_format": connector["format"],
            "connector_power_type": connector["power_type"],
        },
        "charging_periods": periods,
        **costs(tariff, periods),
        "total_energy": session["kwh"],
        "total_time": round(lasted.total_seconds() / 3600, 4),
        "last_updated": session["last_updated"],
    }
    if "id" in tariff:
        document["tariffs"] = [tariff]
    if "authorization_reference" in session:
        document["authorization_reference"] = session["authorization_reference"]
    return document


def _shortened(name: str, value: Any) -> Any:
    return value[: LONGEST[name]].rstrip() if name in LONGEST else value


def _component(tariff: Document, dimension: str) -> Document | None:
    for element in tariff["elements"]:
        for component in element["price_components"]:
            if component["type"] == dimension and not element.get("restrictions"):
                found: Document = component
                return found
    return None


def _billed(component: Document, periods: list[Document]) -> Decimal:
    """Round what was measured up to a whole number of steps; a fee is due once."""
    if component["type"] == "FLAT":
        return Decimal(1)
    step: Decimal = STEPS[component["type"]] * max(component["step_size"], 1)
    measured = volume(periods, component["type"])
    return (measured / step).to_integral_value(ROUND_CEILING) * step
