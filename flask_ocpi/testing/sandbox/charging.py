"""How fast a connector may charge, what charging profiles leave of it, and what the meter of a session says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.testing.sandbox.billing import volume

Document = dict[str, Any]

PHASES = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}


def moment_of(text: str) -> datetime:
    """Read an OCPI DateTime; without an offset it is in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Capacity:
    """What a connector gives at the most, in A (each phase) and in W."""

    amperes: float
    watts: float

    @classmethod
    def of(cls, connector: Document) -> Capacity:
        phases = PHASES.get(connector["power_type"], 1)
        computed = connector["max_voltage"] * connector["max_amperage"] * phases
        return cls(connector["max_amperage"], connector.get("max_electric_power", computed))

    def most(self, unit: str) -> float:
        """Return it in a ChargingRateUnit."""
        return self.amperes if unit == "A" else self.watts

    def kilowatts(self, unit: str, limit: float) -> float:
        """Return the power that a limit leaves."""
        most = self.most(unit)
        return self.watts / 1000 * (limit / most if limit < most else 1)


def limit_at(profile: Document, since: datetime, moment: datetime) -> float | None:
    """Return the limit of a ChargingProfile at a moment, in its unit; None where it has none.

    since: when charging began, from which a profile without a start counts.
    """
    begin = moment_of(profile["start_date_time"]) if "start_date_time" in profile else since
    elapsed = (moment - begin).total_seconds()
    if elapsed < 0 or elapsed >= profile.get("duration", float("inf")):
        return None
    passed = [p["limit"] for p in profile.get("charging_profile_period", []) if p["start_period"] <= elapsed]
    return passed[-1] if passed else None


def rate(profile: Document | None, capacity: Capacity, since: datetime, moment: datetime) -> tuple[str, float]:
    """Return the unit and the limit that hold at a moment: those of the profile, or all that the connector gives."""
    unit = "W" if profile is None else profile["charging_rate_unit"]
    limit = None if profile is None else limit_at(profile, since, moment)
    most = capacity.most(unit)
    return unit, round(most if limit is None else min(limit, most), 1)


def active_profile(
    profile: Document | None, capacity: Capacity, *, since: datetime, now: datetime, duration: int
) -> Document:
    """Return the ActiveChargingProfile of the next ``duration`` seconds."""
    periods: list[Document] = []
    for start in _changes(profile, since, now, duration):
        unit, limit = rate(profile, capacity, since, now + timedelta(seconds=start))
        if not periods or periods[-1]["limit"] != limit:
            periods.append({"start_period": start, "limit": limit})
    shown = {"charging_rate_unit": unit, "duration": duration, "charging_profile_period": periods}
    return {"start_date_time": format_date_time(now), "charging_profile": shown}


def _changes(profile: Document | None, since: datetime, now: datetime, duration: int) -> list[int]:
    """Return after how many seconds the limit may change, within the duration; 0 is the first."""
    if profile is None:
        return [0]
    begin = moment_of(profile["start_date_time"]) if "start_date_time" in profile else since
    offset = round((begin - now).total_seconds())
    starts = [period["start_period"] + offset for period in profile.get("charging_profile_period", [])]
    if "duration" in profile:
        starts.append(profile["duration"] + offset)
    return [0, *sorted(start for start in set(starts) if 0 < start < duration)]


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
    return {"start_date_time": format_date_time(begin), "dimensions": dimensions}


def is_full(session: Document) -> bool:
    """Tell whether a session has filled the battery."""
    return bool(session["kwh"] >= WANTED_KWH - 0.01)
