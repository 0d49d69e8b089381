"""What a session takes, as its meter says."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.testing.sandbox.billing import volume
from flask_ocpi.testing.sandbox.moments import moment_of
from flask_ocpi.testing.sandbox.moments import text_of
from flask_ocpi.testing.sandbox.power import Capacity
from flask_ocpi.testing.sandbox.power import rate

Document = dict[str, Any]

BATTERY_KWH = 60
CHARGED_BEFORE = 40  # percent
WANTED_KWH = BATTERY_KWH * (100 - CHARGED_BEFORE) / 100


def measured_until(session: Document) -> datetime:
    """Return when the last charging period ended; the next one begins there."""
    hours = float(volume(session.get("charging_periods", []), "TIME"))
    return moment_of(session["start_date_time"]) + timedelta(hours=hours)


def next_period(session: Document, profile: Document | None, capacity: Capacity, until: datetime) -> Document:
    """Return the charging period since the last one; it ends when the battery is full.

    The limit that holds when it begins is that of the whole period.
    """
    begin = measured_until(session)
    unit, limit = rate(profile, capacity, moment_of(session["start_date_time"]), begin)
    kilowatts = capacity.kilowatts(unit, limit)
    hours = max(0.0, (until - begin).total_seconds() / 3600)
    if kilowatts > 0:
        hours = min(hours, max(0.0, WANTED_KWH - session["kwh"]) / kilowatts)
    energy = round(kilowatts * hours, 4)
    charged = CHARGED_BEFORE + (session["kwh"] + energy) / BATTERY_KWH * 100
    dimensions = [
        {"type": "ENERGY", "volume": energy},
        {"type": "TIME", "volume": round(hours, 4)},
        {"type": "POWER", "volume": round(kilowatts, 4)},
        {"type": "STATE_OF_CHARGE", "volume": round(charged, 1)},
    ]
    return {"start_date_time": text_of(begin), "dimensions": dimensions}


def is_full(session: Document) -> bool:
    """Tell whether a session has filled the battery."""
    return bool(session["kwh"] >= WANTED_KWH - 0.01)
