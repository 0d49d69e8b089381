"""How fast a connector may charge, and what charging profiles leave of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.testing.sandbox.moments import moment_of
from flask_ocpi.testing.sandbox.moments import text_of

Document = dict[str, Any]

PHASES = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}


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
    return {"start_date_time": text_of(now), "charging_profile": shown}


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
