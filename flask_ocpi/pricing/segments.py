"""Segments: each period cut where a price changes, with what applies in each part, dimension by dimension."""

from __future__ import annotations

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
from flask_ocpi.pricing.moments import SECOND
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import Moment
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.usage import Period
from flask_ocpi.pricing.usage import Usage

# In the order in which they follow each other within a period: the last one that is priced is rounded.
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

    def at(self, share: Fraction) -> Fraction:
        """Return the moment at a share of the period, in microseconds."""
        return self.period.start + share * (self.period.end - self.period.start)


def drafts(usage: Usage, tariffs: Sequence[Tariff | None], zone: ZoneInfo, remarks: Remarks) -> list[Draft]:
    """Cut the periods, each with the tariff at the same place, into segments in order of time."""
    found: list[Draft] = []
    flats = _Flats(usage, remarks)
    kwh = ZERO
    for period, tariff in zip(usage.periods, tariffs, strict=True):
        if tariff is not None:
            pieces = list(_pieces(period, tariff, usage.origin, kwh, zone))
            found.extend(flats.due(period, tariff, pieces))
            for dimension in DIMENSIONS:
                volume = period.volumes.get(dimension)
                if volume:
                    found.extend(_of_dimension(period, tariff, dimension, volume, pieces, usage, remarks))
        kwh += period.volumes.get("ENERGY", ZERO)
    return found


Piece = tuple[Fraction, Fraction, Moment]


def _pieces(period: Period, tariff: Tariff, origin: int, kwh: Fraction, zone: ZoneInfo) -> Iterator[Piece]:
    """Yield the parts of a period in which no restriction can begin or cease to hold, as shares of the period.

    Each is judged in its middle, which lies on the right side of both borders.
    """
    length = period.end - period.start
    energy = period.volumes.get("ENERGY", ZERO)
    cuts: set[Fraction] = set()
    if energy and tariff.kwh_marks:
        cuts.update((mark - kwh) / energy for mark in tariff.kwh_marks)
    if length and tariff.duration_marks:
        cuts.update((origin + mark * SECOND - period.start) / length for mark in tariff.duration_marks)
    if length and tariff.clock_marks:
        moments = passes(zone, tariff.clock_marks, period.start, period.end)
        cuts.update(Fraction(ticks - period.start, length) for ticks in moments)
    borders = [ZERO, *sorted(cut for cut in cuts if 0 < cut < 1), ONE]
    for begins, ends in pairwise(borders):
        opening, middle = (
            _moment(period, period.start + share * length, origin, kwh + share * energy, zone)
            for share in (begins, (begins + ends) / 2)
        )
        middle.opening = opening
        yield begins, ends, middle


def _moment(period: Period, ticks: Fraction, origin: int, kwh: Fraction, zone: ZoneInfo) -> Moment:
    return Moment(int(ticks), max((ticks - origin) / SECOND, ZERO), kwh, period.stated, zone)


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
    prices = [match.component and (match.component.price, match.component.vat) for match in (d.match for d in found)]
    if any(price != prices[0] for price in prices) and not usage.even:
        remarks.note("period_spans_price_change", period.path, dimension)
    return found


def _is_gap(tariff: Tariff, dimension: str) -> bool:
    """Tell whether a tariff prices a dimension somewhere, if not here."""
    reserved = dimension == "RESERVATION_TIME"
    elements = tariff.by_dimension["TIME" if reserved else dimension]
    return any(bool(element.restrictions.reservation) == reserved for element in elements)


class _Flats:
    """Finds the FLAT fees that are due: one for the session, and one for a reservation before it."""

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
