"""Samples of a tariff: situations between all its limits, and the elements that price a dimension there."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from itertools import product
from zoneinfo import ZoneInfo

from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.clock import DAY
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import DAYS
from flask_ocpi.pricing.restrictions import Moment
from flask_ocpi.pricing.restrictions import clock_text
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.tariffs import Element

# The most comparisons of restrictions for one dimension of a tariff; beyond it the situations are not examined.
MOST = 200_000
_UTC = ZoneInfo("UTC")
_MONDAY = date(2026, 1, 5)


@dataclass(frozen=True, slots=True)
class Sample:
    """A situation: its measured values, and the places of the elements that match in it, in list order."""

    at: Moment
    matching: tuple[int, ...]
    uses: frozenset[str]

    @property
    def text(self) -> str:
        """Describe the situation by the values that the tariff restricts."""
        day, now = self.at.local
        parts = []
        if self.uses & {"days", "dates"}:
            parts.append(f"on {DAYS[day.weekday()].capitalize()}" + (f" {day}" if "dates" in self.uses else ""))
        if "times" in self.uses:
            parts.append(f"at {clock_text(now)}")
        if "kwh" in self.uses:
            parts.append(f"after {plain(self.at.kwh)} kWh")
        if "duration" in self.uses:
            parts.append(f"after {plain(Fraction(self.at.elapsed, SECOND))} s")
        for name, unit in (("current", "A"), ("power", "kW")):
            if name in self.uses:
                parts.append(f"at {plain(self.at.stated[f'MIN_{name.upper()}'])} {unit}")
        return " ".join(parts) or "at any time"


def samples(elements: Sequence[Element], remarks: Remarks) -> list[Sample] | None:
    """Return one situation from each range in which nothing changes; None if there are too many."""
    uses = frozenset(check for element in elements for check in element.restrictions.checks)
    axes = [
        _days(elements),
        sorted({0, *(mark % DAY for each in elements for mark in each.restrictions.times or ())}),
        _values({kwh for each in elements for kwh in each.restrictions.kwh if kwh is not None}),
        _values({Fraction(t) for each in elements for t in each.restrictions.duration if t is not None}),
        _flows({amps for each in elements for amps in each.restrictions.current if amps is not None}),
        _flows({power for each in elements for power in each.restrictions.power if power is not None}),
    ]
    number = len(elements)
    for axis in axes:
        number *= len(axis)
    if number > MOST:
        return None
    return [
        Sample(at, tuple(i for i, each in enumerate(elements) if each.restrictions.refusal(at, remarks) is None), uses)
        for at in _moments(axes)
    ]


def _moments(axes: Sequence[Sequence[object]]) -> Iterator[Moment]:
    for day, now, kwh, duration, current, power in product(*axes):
        stated = {"MIN_CURRENT": current, "MAX_CURRENT": current, "MIN_POWER": power, "MAX_POWER": power}
        yield Moment(0, int(duration), kwh, stated, _UTC, None, (day, now))  # type: ignore[call-overload,arg-type]


def _days(elements: Sequence[Element]) -> Sequence[date]:
    """Return a day for each weekday that elements tell apart, within each span of dates that they tell apart."""
    limits = {day for each in elements for day in each.restrictions.dates if day is not None}
    has_days = any(each.restrictions.days for each in elements)
    if not limits:
        return [_MONDAY + timedelta(days=day) for day in range(7 if has_days else 1)]
    week = timedelta(days=7)
    borders = [min(limits) - week, *sorted(limits), max(limits) + week]
    return [
        first + timedelta(days=number)
        for first, end in pairwise(borders)
        for number in range(min((end - first).days, 7 if has_days else 1))
    ]


def _values(marks: set[Fraction]) -> Sequence[Fraction]:
    """Return zero and each mark: lower limits are inclusive, so the start of a range stands for the range."""
    return sorted({ZERO, *(mark for mark in marks if mark > 0)})


def _flows(marks: set[Fraction]) -> Sequence[Fraction]:
    """Return each mark and half of the first one: zero would mean that no current flows."""
    above = sorted(mark for mark in marks if mark > 0)
    return [above[0] / 2, *above] if above else [ZERO]
