"""Tariffs and documents for the tests, in few words."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

VECTORS = Path(__file__).parents[3] / "shared" / "ocpi" / "tariff-vectors"
EXAMPLES = Path(__file__).parents[3] / "shared" / "ocpi" / "examples"
WORKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]


def component(kind, price, vat=None, step=1):
    return {"type": kind, "price": price, "step_size": step, **({} if vat is None else {"vat": vat})}


def energy(price, vat=None, step=1):
    return component("ENERGY", price, vat, step)


def time(price, vat=None, step=1):
    return component("TIME", price, vat, step)


def parking(price, vat=None, step=1):
    return component("PARKING_TIME", price, vat, step)


def flat(price, vat=None):
    return component("FLAT", price, vat, 1)


def element(*components, **restrictions):
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


def tariff(*elements, id="T", **properties):
    return {
        "country_code": "NL",
        "party_id": "TST",
        "id": id,
        "currency": "EUR",
        "elements": list(elements),
        **properties,
    }


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def stamp(moment):
    return moment.isoformat().replace("+00:00", "Z")


def period(start, *, tariff_id="T", **volumes):
    """Make a ChargingPeriod; ``start`` is text or a datetime, volumes are by their dimension, such as ENERGY=5."""
    return {
        "start_date_time": start if isinstance(start, str) else stamp(start),
        "dimensions": [{"type": kind, "volume": volume} for kind, volume in volumes.items()],
        **({} if tariff_id is None else {"tariff_id": tariff_id}),
    }


def cdr(*periods, end, start=None, **properties):
    return {
        "start_date_time": start or periods[0]["start_date_time"],
        "end_date_time": end if isinstance(end, str) else stamp(end),
        "currency": "EUR",
        "charging_periods": list(periods),
        "last_updated": "2026-01-01T00:00:00Z",
        **properties,
    }


def used(start, *phases, tariff_id="T", **properties):
    """Make a CDR of phases that follow each other: (minutes, {dimension: volume}), times filled in by TIME=True."""
    begin = instant(start)
    periods = []
    for minutes, volumes in phases:
        filled = {kind: Fraction(minutes, 60) if volume is True else volume for kind, volume in volumes.items()}
        periods.append(period(begin, tariff_id=tariff_id, **filled))
        begin += timedelta(minutes=minutes)
    return cdr(*periods, end=begin, **properties)


def money(amount):
    """Return an Amount as text, as people compare it: "5.5 / 6.1"."""
    return " / ".join(
        "-" if side is None else f"{side.numerator / side.denominator:.6g}"
        for side in (amount.excl_vat, amount.incl_vat)
    )


def lines(report):
    """Return what was billed: dimension, element and billed volume of each segment that has a price."""
    return [(each.dimension, each.element, each.billed) for each in report.segments if each.component]


def ids(report):
    return [note.id for note in report.notes]


def options(report):
    return [decision.option for decision in report.decisions]
