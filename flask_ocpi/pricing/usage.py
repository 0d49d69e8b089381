"""The usage in a CDR or a Session, as the engine reads it: periods in order, with their volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import add
from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.clock import HOUR
from flask_ocpi.pricing.clock import LATEST
from flask_ocpi.pricing.clock import as_text
from flask_ocpi.pricing.clock import known_moment
from flask_ocpi.pricing.clock import moment
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.tariffs import objects

TIMES = ("RESERVATION_TIME", "TIME", "PARKING_TIME")
USES = ("ENERGY", "TIME", "PARKING_TIME")
_VOLUMES = frozenset({*TIMES, *USES})
_STATED = frozenset({"MIN_CURRENT", "MAX_CURRENT", "MIN_POWER", "MAX_POWER"})
# Volumes have four decimals: the largest error of one, in microseconds.
_TOLERANCE = HOUR // 10_000


@dataclass(frozen=True, slots=True)
class Period:
    """A ChargingPeriod: its place in the document, its start and end, its volumes and other stated values."""

    index: int
    start: int
    end: int
    tariff_id: str | None
    volumes: Mapping[str, Fraction]
    stated: Mapping[str, Fraction]

    @property
    def path(self) -> str:
        return f"$.charging_periods[{self.index}]"

    @property
    def is_reservation(self) -> bool:
        return bool(self.volumes.get("RESERVATION_TIME"))


@dataclass(frozen=True, slots=True)
class Usage:
    """A session to be priced.

    ``origin`` is the start of charging or parking: durations count from there. ``exact``: volumes are not rounded and
    the pace within a period is even, as in a quote.
    """

    currency: str
    start: int
    end: int
    origin: int
    periods: tuple[Period, ...]
    running: bool
    expired: bool
    credit: bool
    location: Mapping[str, Any]
    exact: bool = False

    def volume(self, dimension: str) -> Fraction:
        return add(period.volumes.get(dimension, ZERO) for period in self.periods)


def read_usage(document: Mapping[str, Any], remarks: Remarks) -> Usage:
    """Read a CDR or a Session of the stored shape; raise PricingError if it cannot be understood."""
    if not isinstance(document, Mapping):
        raise PricingError(f"A CDR or a Session has to be an object, got {type(document).__name__}.")
    session = "status" in document or "kwh" in document
    start = known_moment(document.get("start_date_time"), "$.start_date_time")
    end = known_moment(document.get("end_date_time"), "$.end_date_time")
    running = session and end is None
    reported = [
        _period(index, data)
        for index, data in enumerate(objects(document.get("charging_periods"), "$.charging_periods"))
    ]
    for index in range(1, len(reported)):
        if reported[index].start < reported[index - 1].start:
            remarks.note("periods_out_of_order", reported[index].path)
    reported.sort(key=lambda period: period.start)
    first = _start(start, reported, remarks)
    last = _end(document, end, first, reported, running=running, remarks=remarks)
    if not reported:
        remarks.note("no_periods", "$.charging_periods")
        reported = _by_totals(document, first, last)
    periods = _checked(reported, first if start is not None else None, last, remarks)
    used = [period for period in periods if not period.is_reservation]
    reserved = any(period.is_reservation for period in periods)
    is_used = any(period.volumes.get(name) for period in used for name in USES)
    location = document.get("cdr_location")
    return Usage(
        currency=str(document.get("currency") or ""),
        start=first,
        end=last,
        origin=used[0].start if used else last,
        periods=tuple(periods),
        running=running,
        expired=reserved and not is_used and not running,
        credit=document.get("credit") is True,
        location=location if isinstance(location, Mapping) else {},
    )


def _period(index: int, data: Mapping[str, Any]) -> Period:
    path = f"$.charging_periods[{index}]"
    volumes: dict[str, Fraction] = {}
    stated: dict[str, Fraction] = {}
    for place, dimension in enumerate(objects(data.get("dimensions"), f"{path}.dimensions")):
        kind = str(dimension.get("type"))
        if kind in _VOLUMES:
            volume = number(dimension.get("volume"), f"{path}.dimensions[{place}].volume")
            volumes[kind] = volumes[kind] + volume if kind in volumes else volume
        elif kind in _STATED:
            stated[kind] = number(dimension.get("volume"), f"{path}.dimensions[{place}].volume")
    start = moment(data.get("start_date_time"), f"{path}.start_date_time")
    tariff_id = data.get("tariff_id")
    return Period(index, start, start, None if tariff_id is None else str(tariff_id), volumes, stated)


def _start(start: int | None, periods: list[Period], remarks: Remarks) -> int:
    if start is not None:
        return start
    if not periods:
        raise PricingError("$.start_date_time is missing, and there are no charging periods.")
    remarks.note("time_unknown", "$.start_date_time", "starts")
    return periods[0].start


def _end(
    document: Mapping[str, Any], end: int | None, first: int, periods: list[Period], *, running: bool, remarks: Remarks
) -> int:
    """Return the end of the session; for a running session, the time of its last update."""
    if end is not None:
        return end
    latest = periods[-1] if periods else None
    by_volume = first
    if latest:
        hours = sum((latest.volumes.get(name, ZERO) for name in TIMES), ZERO)
        by_volume = min(latest.start + int(max(hours, ZERO) * HOUR), LATEST + 1)
    updated = known_moment(document.get("last_updated"), "$.last_updated") if running else None
    last = max(by_volume, updated or 0)
    if running:
        remarks.note("session_running", "$.end_date_time", as_text(last))
    else:
        remarks.note("time_unknown", "$.end_date_time", "ends")
    return last


def _by_totals(document: Mapping[str, Any], start: int, end: int) -> list[Period]:
    """Make one period of the totals of a document without periods."""
    energy = document.get("kwh", document.get("total_energy"))
    hours = Fraction(max(end - start, 0), HOUR)
    parked = document.get("total_parking_time")
    parking = ZERO if parked is None else number(parked, "$.total_parking_time")
    if document.get("total_time") is not None:
        hours = number(document["total_time"], "$.total_time")
    volumes = {
        "ENERGY": ZERO if energy is None else number(energy, "$.kwh"),
        "TIME": hours - parking,
        "PARKING_TIME": parking,
    }
    return [Period(0, start, start, None, {name: volume for name, volume in volumes.items() if volume}, {})]


def _checked(reported: list[Period], start: int | None, end: int, remarks: Remarks) -> list[Period]:
    """Close each period at the start of the next, note contradictions, and separate reservations from use."""
    if start is not None and reported[0].start < start:
        remarks.note("periods_outside_session", reported[0].path, f"the session starts at {as_text(start)}")
    periods: list[Period] = []
    for place, period in enumerate(reported):
        is_last = place + 1 == len(reported)
        until = end if is_last else reported[place + 1].start
        if until < period.start:
            remarks.note("periods_outside_session", period.path, f"the session ends at {as_text(end)}")
            until = period.start
        closed = replace(period, end=until)
        _check_volumes(closed, is_last=is_last, remarks=remarks)
        periods.extend(_parted(closed, remarks))
    # A period without length and volumes means nothing, unless it is the only one.
    return [period for period in periods if period.end > period.start or any(period.volumes.values())] or periods


def _check_volumes(period: Period, *, is_last: bool, remarks: Remarks) -> None:
    length = period.end - period.start
    reported, allowed = 0, length
    for name, volume in period.volumes.items():
        if volume.numerator < 0:
            remarks.note("negative_volume", period.path, name, rounded(volume))
        elif name in TIMES:
            reported += volume.numerator * HOUR // volume.denominator
            allowed += _TOLERANCE
    if reported > allowed:
        hours, place = rounded(Fraction(reported, HOUR)), rounded(Fraction(length, HOUR))
        if is_last:
            text = f"it reports {hours} h, the session ends after {place} h"
            remarks.note("periods_outside_session", period.path, text)
        else:
            remarks.note("periods_overlap", period.path, hours, place)


def _parted(period: Period, remarks: Remarks) -> list[Period]:
    """Split a period that reports both reservation and use: a reservation ends when use begins."""
    use = {name: volume for name, volume in period.volumes.items() if name != "RESERVATION_TIME"}
    reserved = period.volumes.get("RESERVATION_TIME", ZERO)
    if not reserved or not any(use.values()):
        return [period]
    remarks.note("period_mixes_reservation", period.path)
    border = min(period.start + int(max(reserved, ZERO) * HOUR), period.end)
    return [
        replace(period, end=border, volumes={"RESERVATION_TIME": reserved}),
        replace(period, start=border, volumes=use),
    ]
