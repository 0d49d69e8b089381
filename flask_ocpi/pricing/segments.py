"""Segments: each period cut where a price changes, with the component for each part and dimension."""

from __future__ import annotations

from bisect import bisect_left
from bisect import bisect_right
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from flask_ocpi.pricing.amounts import ONE
from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.clock import passes
from flask_ocpi.pricing.components import Match
from flask_ocpi.pricing.components import find_component
from flask_ocpi.pricing.components import find_reservation
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import Moment
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.usage import Period
from flask_ocpi.pricing.usage import Usage

# In their order within a period: the last priced one is rounded.
DIMENSIONS = ("RESERVATION_TIME", "ENERGY", "TIME", "PARKING_TIME")


@dataclass(slots=True)
class Draft:
    """A segment before its volume is rounded by steps."""

    period: Period
    tariff: Tariff
    dimension: str
    match: Match
    begins: Fraction
    ends: Fraction
    volume: Fraction
    billed: Fraction

    @property
    def is_priced(self) -> bool:
        return self.match.component is not None

    def at(self, share: Fraction) -> int:
        """Return the moment at a share of the period, in microseconds."""
        return _at(self.period, share)


def drafts(usage: Usage, tariffs: Sequence[Tariff | None], zone: ZoneInfo, remarks: Remarks) -> list[Draft]:
    """Cut the periods, each with the tariff at the same place, into segments in order of time."""
    found: list[Draft] = []
    flats = _Flats(usage, remarks)
    cutter = _Cutter(usage, tariffs, zone)
    for period, tariff in zip(usage.periods, tariffs, strict=True):
        pieces = cutter.pieces(period, tariff)
        if tariff is None:
            continue
        found.extend(flats.due(period, tariff, pieces))
        for dimension in DIMENSIONS:
            volume = period.volumes.get(dimension)
            if volume:
                found.extend(_of_dimension(period, tariff, dimension, volume, pieces, usage, remarks))
    return found


# The most elements that are compared for a document. A tariff with a price for each quarter of an hour of a week has
# 672, and a session of two days in minutes 2880 periods; a hostile document takes a few seconds at most.
MAX_WORK = 2_000_000

Piece = tuple[Fraction, Fraction, Moment]


class _Cutter:
    """Cuts periods, given in order, into parts in which no restriction can begin or cease to hold."""

    def __init__(self, usage: Usage, tariffs: Sequence[Tariff | None], zone: ZoneInfo) -> None:
        self._usage = usage
        self._zone = zone
        self._kwh = ZERO
        self._marks: dict[int, list[int]] = {}
        self._looked_at = 0
        for tariff in tariffs:
            if tariff is not None:
                self._count(1, tariff)

    def pieces(self, period: Period, tariff: Tariff | None) -> list[Piece]:
        """Return the parts of the next period as shares of it, each judged at its middle, away from both ends."""
        kwh, energy = self._kwh, period.volumes.get("ENERGY", ZERO)
        if energy:
            self._kwh = kwh + energy
        if tariff is None:
            return []
        marks = self._times(tariff)
        inside = marks[bisect_right(marks, period.start) : bisect_left(marks, period.end)]
        cuts = {Fraction(ticks - period.start, period.end - period.start) for ticks in inside}
        if energy and tariff.kwh_marks:
            low, high = sorted((kwh, kwh + energy))
            between = tariff.kwh_marks[bisect_right(tariff.kwh_marks, low) : bisect_left(tariff.kwh_marks, high)]
            cuts.update((mark - kwh) / energy for mark in between)
        if not tariff.kwh_marks:
            energy = ZERO  # no restriction compares the kWh so far
        self._count(len(cuts), tariff)
        if not cuts:
            return [(ZERO, ONE, self._moment(period, ZERO, ONE, kwh, energy))]
        borders = [ZERO, *sorted(cuts), ONE]
        return [(begin, end, self._moment(period, begin, end, kwh, energy)) for begin, end in pairwise(borders)]

    def _count(self, pieces: int, tariff: Tariff) -> None:
        self._looked_at += pieces * len(tariff.elements)
        if self._looked_at > MAX_WORK:
            raise PricingError(
                f"The tariff {tariff.id!r} has too many elements for the periods and price changes here."
            )

    def _times(self, tariff: Tariff) -> list[int]:
        """Return, in order, the moments at which the session's duration or the clock passes a mark of the tariff."""
        marks = self._marks.get(id(tariff))
        if marks is None:
            periods, origin = self._usage.periods, self._usage.origin
            found = {origin + mark for mark in tariff.duration_marks}
            if tariff.clock_marks:
                found |= passes(self._zone, tariff.clock_marks, periods[0].start, periods[-1].end)
            marks = self._marks[id(tariff)] = sorted(found)
        return marks

    def _moment(self, period: Period, begin: Fraction, end: Fraction, kwh: Fraction, energy: Fraction) -> Moment:
        first, last = _at(period, begin), _at(period, end)
        opening = self._at(period, first, kwh + begin * energy if energy and begin else kwh)
        middle = self._at(period, (first + last) // 2, kwh + (begin + end) / 2 * energy if energy else kwh)
        middle.opening = opening
        return middle

    def _at(self, period: Period, ticks: int, kwh: Fraction) -> Moment:
        return Moment(ticks, max(ticks - self._usage.origin, 0), kwh, period.stated, self._zone)


def _at(period: Period, share: Fraction) -> int:
    if not share:
        return period.start
    return period.end if share is ONE else period.start + int(share * (period.end - period.start))


def _of_dimension(
    period: Period,
    tariff: Tariff,
    dimension: str,
    volume: Fraction,
    pieces: Sequence[Piece],
    usage: Usage,
    remarks: Remarks,
) -> list[Draft]:
    """Return the segments of a dimension; neighbours with the same component are one."""
    found: list[Draft] = []
    for begins, ends, at in pieces:
        if dimension == "RESERVATION_TIME":
            match = find_reservation(tariff, "TIME", at, remarks, expired=usage.expired)[0]
        else:
            match = find_component(tariff, dimension, at, remarks)
        if found and found[-1].match.component is match.component:
            found[-1].ends = ends
        else:
            found.append(Draft(period, tariff, dimension, match, begins, ends, volume, volume))
    for draft in found:
        if len(found) > 1:
            draft.volume = draft.billed = volume * (draft.ends - draft.begins)
        if not draft.is_priced and _is_gap(tariff, dimension):
            remarks.note("unpriced_dimension", period.path, dimension)
    if len(found) > 1 and not usage.exact and len({_price(draft) for draft in found}) > 1:
        remarks.note("period_spans_price_change", period.path, dimension)
    return found


def _price(draft: Draft) -> tuple[Fraction, Fraction | None] | None:
    component = draft.match.component
    return None if component is None else (component.price, component.vat)


def _is_gap(tariff: Tariff, dimension: str) -> bool:
    """Tell whether a tariff prices a dimension in another situation."""
    reserved = dimension == "RESERVATION_TIME"
    elements = tariff.by_dimension["TIME" if reserved else dimension]
    return any(bool(element.restrictions.reservation) == reserved for element in elements)


class _Flats:
    """Finds the due FLAT fees: one for the session, and one for a reservation before it."""

    def __init__(self, usage: Usage, remarks: Remarks) -> None:
        self._usage = usage
        self._remarks = remarks
        self._open = {True: True, False: not usage.expired}
        self._is_start = {True: True, False: True}

    def due(self, period: Period, tariff: Tariff, pieces: Sequence[Piece]) -> Iterator[Draft]:
        reserved = period.is_reservation
        if not self._open[reserved] or not tariff.by_dimension["FLAT"]:
            return
        for begins, _, at in pieces:
            if reserved:
                matches = find_reservation(tariff, "FLAT", at, self._remarks, expired=self._usage.expired)
            else:
                matches = (find_component(tariff, "FLAT", at, self._remarks),)
            is_start, self._is_start[reserved] = self._is_start[reserved], False
            if matches[0].component is None:
                continue
            self._open[reserved] = False
            if not is_start:
                self._remarks.decided("flat")
                if self._remarks.policy.flat == "start":
                    return
            for match in matches:
                yield Draft(period, tariff, "FLAT", match, begins, begins, ONE, ONE)
            return
