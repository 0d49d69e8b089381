"""Restrictions of an element: whether they hold at a moment, and the reason in words if not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.clock import DAY
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.clock import as_datetime
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")

Bounds = tuple[Fraction | None, Fraction | None]  # from (inclusive), until (exclusive)


@dataclass(slots=True)
class Moment:
    """The values that restrictions are compared with: a moment, the duration and kWh so far, and values of the period.

    It stands for a part of a period in which no restriction begins or ceases to hold; ``begin`` is its start.
    """

    ticks: int
    elapsed: int
    kwh: Fraction
    stated: Mapping[str, Fraction]
    zone: ZoneInfo
    opening: Moment | None = None
    _local: tuple[date, int] | None = None

    @property
    def begin(self) -> Moment:
        return self.opening or self

    @property
    def local(self) -> tuple[date, int]:
        """The date and the seconds since midnight that a clock at the location shows."""
        if self._local is None:
            shown = as_datetime(self.ticks).astimezone(self.zone)
            self._local = shown.date(), shown.hour * 3600 + shown.minute * 60 + shown.second
        return self._local


@dataclass(frozen=True, slots=True)
class Restrictions:
    """TariffRestrictions: all of them must hold. ``times`` are seconds of the day, the end up to 86400."""

    times: tuple[int, int] | None = None
    dates: tuple[date | None, date | None] = (None, None)
    days: frozenset[int] = frozenset()
    kwh: Bounds = (None, None)
    duration: tuple[int | None, int | None] = (None, None)
    current: Bounds = (None, None)
    power: Bounds = (None, None)
    reservation: str | None = None
    clock_marks: frozenset[int] = frozenset()
    checks: tuple[str, ...] = field(default=())

    def refusal(self, at: Moment, remarks: Remarks) -> str | None:
        """Return the name of the first restriction that does not hold, or None. ``reservation`` is not compared."""
        for check in self.checks:
            if not _HOLDS[check](self, at, remarks):
                return check
        return None


def read_restrictions(data: Mapping[str, Any], path: str) -> Restrictions:
    """Read TariffRestrictions; unknown properties are ignored."""
    if not isinstance(data, Mapping):
        raise PricingError(f"{path} has to be an object.")
    start = _time(data.get("start_time"), f"{path}.start_time")
    end = _time(data.get("end_time"), f"{path}.end_time")
    times = None if start is None and end is None else (start or 0, end or DAY)
    dates = (_date(data.get("start_date"), f"{path}.start_date"), _date(data.get("end_date"), f"{path}.end_date"))
    days = _days_of(data.get("day_of_week"), f"{path}.day_of_week")
    marks = {mark % DAY for mark in times or ()}
    if times or days or dates != (None, None):
        marks.add(0)
    bounds: dict[str, Any] = {
        name: tuple(
            None if data.get(limit) is None else number(data[limit], f"{path}.{limit}")
            for limit in (f"min_{name}", f"max_{name}")
        )
        for name in ("kwh", "duration", "current", "power")
    }
    bounds["duration"] = tuple(None if limit is None else int(limit * SECOND) for limit in bounds["duration"])
    set_ = {
        "times": times,
        "dates": any(dates),
        "days": days,
        **{name: pair != (None, None) for name, pair in bounds.items()},
    }
    return Restrictions(
        times,
        dates,
        days,
        **bounds,
        reservation=str(data["reservation"]) if data.get("reservation") else None,
        clock_marks=frozenset(marks),
        checks=tuple(name for name, given in set_.items() if given),
    )


def _time(value: Any, path: str) -> int | None:
    if value is None:
        return None
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    seconds = (
        sum(int(part or 0) * size for part, size in zip(match.groups(), (3600, 60, 1), strict=True)) if match else -1
    )
    if not 0 <= seconds <= DAY:
        raise PricingError(f"{path} has to be a time of day such as 13:30, got {value!r:.40}.")
    return seconds


def _date(value: Any, path: str) -> date | None:
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise PricingError(f"{path} has to be a date such as 2026-12-24, got {value!r:.40}.") from None


def _days_of(value: Any, path: str) -> frozenset[int]:
    if value is not None and not isinstance(value, (list, tuple)):
        raise PricingError(f"{path} has to be a list of days.")
    try:
        return frozenset(DAYS.index(str(day).upper()) for day in value or ())
    except ValueError:
        raise PricingError(f"{path} has to hold days such as MONDAY, got {value!r:.60}.") from None


def _within(value: Any, bounds: tuple[Any, Any]) -> bool:
    """Tell whether a value is in a range, whose end is not part of it; a side that is None is no limit."""
    lower, upper = bounds
    return (lower is None or value >= lower) and (upper is None or value < upper)


def _times(limits: Restrictions, at: Moment, remarks: Remarks) -> bool:
    assert limits.times is not None  # noqa: S101
    start, end = limits.times
    now = at.local[1]
    if start == end:
        remarks.decided("equal_times")
        return remarks.policy.equal_times == "all_day"
    return start <= now < end if start < end else (now >= start or now < end)


def _calendar(limits: Restrictions, at: Moment, remarks: Remarks, holds: Any) -> bool:
    """Judge a date: that of the moment or, in a span over midnight, that of the evening on which it began."""
    today, now = at.local
    if not limits.times or limits.times[0] <= limits.times[1] or now >= limits.times[1]:
        return bool(holds(today))
    by_moment, by_start = holds(today), holds(today - timedelta(days=1))
    if by_moment != by_start:
        remarks.decided("wrapped_day")
    return bool(by_moment if remarks.policy.wrapped_day == "moment" else by_start)


def _stated(name: str, limits: Bounds, at: Moment) -> bool:
    """Compare with a value that the period states; a limit on a value that is not stated does not hold."""
    for side, bound in zip(("MIN", "MAX"), limits, strict=True):
        if bound is None:
            continue
        value = at.stated.get(f"{side}_{name}")
        if value is None or (value < bound if side == "MIN" else value >= bound):
            return False
    return True


_HOLDS: dict[str, Any] = {
    "times": _times,
    "dates": lambda limits, at, remarks: _calendar(limits, at, remarks, lambda day: _within(day, limits.dates)),
    "days": lambda limits, at, remarks: _calendar(limits, at, remarks, lambda day: day.weekday() in limits.days),
    "kwh": lambda limits, at, remarks: _within(at.kwh, limits.kwh),
    "duration": lambda limits, at, remarks: _within(at.elapsed, limits.duration),
    "current": lambda limits, at, remarks: _stated("CURRENT", limits.current, at),
    "power": lambda limits, at, remarks: _stated("POWER", limits.power, at),
}


def clock_text(seconds: int) -> str:
    """Return seconds of the day as a clock shows them."""
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02}"


def plain(value: Fraction) -> str:
    """Return a number without trailing zeros."""
    text = f"{rounded(value)}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def limit_text(limits: Restrictions, check: str) -> str:
    """Describe the demand of a restriction."""
    if check == "times" and limits.times:
        return f"from {clock_text(limits.times[0])} to {clock_text(limits.times[1] % DAY)}"
    if check == "days":
        return f"on {', '.join(DAYS[day].capitalize() for day in sorted(limits.days))}"
    if check == "dates":
        first, end = limits.dates
        return " ".join(part for part in (first and f"from {first}", end and f"before {end}") if part)
    lower, upper = getattr(limits, check)
    if check == "duration":
        lower, upper = (None if ticks is None else Fraction(ticks, SECOND) for ticks in (lower, upper))
    unit = {"kwh": "kWh", "duration": "s", "current": "A", "power": "kW"}[check]
    parts = [lower is not None and f"from {plain(lower)} {unit}", upper is not None and f"below {plain(upper)} {unit}"]
    return " ".join(part for part in parts if part)


def actual_text(check: str, at: Moment) -> str:
    """Describe the value at a moment that a restriction compares."""
    if check in {"times", "days", "dates"}:
        day, now = at.local
        return f"it is {DAYS[day.weekday()].capitalize()} {day} {clock_text(now)}"
    if check == "kwh":
        return f"{plain(at.kwh)} kWh so far"
    if check == "duration":
        return f"{plain(Fraction(at.elapsed, SECOND))} s since the start"
    name, unit = check.upper(), {"current": "A", "power": "kW"}[check]
    stated = [
        f"{side} {plain(at.stated[f'{side}_{name}'])} {unit}"
        for side in ("MIN", "MAX")
        if f"{side}_{name}" in at.stated
    ]
    return " and ".join(stated) if stated else f"the period states no {check}"
