"""Moments, and the clock at a location: its time zone, the source of that, and the moments at which it passes a mark.

A moment is a number of microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import time
from datetime import timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
_TICK = timedelta(microseconds=1)
LATEST = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // _TICK
DAY = 86_400  # seconds
MAX_DAYS = 366
MAX_MARKS = 50_000
_MISSING = " Flask-OCPI[zones] finds it by the coordinates."


def moment(value: Any, path: str) -> int:
    """Return a DateTime of OCPI (text, UTC without an offset) or an aware datetime in microseconds."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise PricingError(f"{path} has to be a datetime with an offset, got {value.isoformat()}.")
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise PricingError(
            f"{path} has to be a date and time such as 2026-05-01T08:00:00Z, got {value!r:.60}."
        ) from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    if not 1970 <= parsed.year < 2200:
        raise PricingError(f"{path} has to lie between 1970 and 2199, got {parsed.isoformat()}.")
    return (parsed - EPOCH) // _TICK


def known_moment(value: Any, path: str) -> int | None:
    """Return a moment, or None if the document marks it as not known: it is missing, or in 1970."""
    if value is None or (isinstance(value, str) and value.startswith("1970-")):
        return None
    return moment(value, path)


def as_datetime(ticks: int) -> datetime:
    """Return microseconds as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=ticks)


def as_text(ticks: int) -> str:
    """Return microseconds as a DateTime of OCPI, without a fraction for a whole second."""
    return as_datetime(ticks).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A time zone of the tz database and its source.

    ``source``: argument, location (of the Location at hand), document, coordinates, assumed, or not_needed.
    """

    name: str
    source: str = "argument"

    @property
    def info(self) -> ZoneInfo:
        return _zone_info(self.name)


@lru_cache(maxsize=512)
def _zone_info(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, TypeError, ValueError, KeyError):  # what ZoneInfo raises for names of files, or unknown ones
        raise PricingError(
            f"There is no time zone {name!r}; use one of the tz database, such as Europe/Berlin."
        ) from None


def zone_at(latitude: Any, longitude: Any) -> str | None:
    """Return the time zone at coordinates (degrees, as text or numbers), or None if there is none.

    Raises PricingError if the extra ``zones`` is not installed.
    """
    try:
        from tzfpy import get_tz
    except ImportError:
        raise PricingError('Time zones by coordinates need: pip install "Flask-OCPI[zones]"') from None
    north, east = number(latitude, "latitude"), number(longitude, "longitude")
    if abs(north) > 90 or abs(east) > 180:
        return None
    return get_tz(east, north) or None


def find_zone(
    time_zone: TimeZone | str | None, location: Mapping[str, Any], remarks: Remarks, *, matters: bool
) -> TimeZone:
    """Return the zone to price in: the one given, else that of the document, else by coordinates, else UTC."""
    if time_zone is not None:
        zone = time_zone if isinstance(time_zone, TimeZone) else TimeZone(time_zone)
        _ = zone.info
        return zone
    if isinstance(location.get("time_zone"), str):
        return TimeZone(location["time_zone"], "document")
    if not matters:
        return TimeZone("UTC", "not_needed")
    hint = ""
    place = location.get("coordinates")
    if isinstance(place, Mapping):
        try:
            name = zone_at(place.get("latitude"), place.get("longitude"))
        except PricingError:
            name, hint = None, _MISSING
        if name:
            return TimeZone(name, "coordinates")
    remarks.note("time_zone_assumed", "$", hint)
    return TimeZone("UTC", "assumed")


def passes(zone: ZoneInfo, marks: Sequence[int], start: int, end: int) -> set[int]:
    """Return the moments strictly between two others at which a clock passes marks (seconds of the day), or is changed.

    On the days on which the clock is changed a mark may be passed twice, or be jumped over; the change itself is a
    moment too. Raises PricingError for more than 366 days, or for too many moments.
    """
    first, last = (as_datetime(ticks).astimezone(zone).date() for ticks in (start, end))
    days = abs(last - first).days
    if days > MAX_DAYS:
        raise PricingError(f"The session lasts {days} days; at most {MAX_DAYS} are priced by the clock.")
    if (days + 1) * len(marks) > MAX_MARKS:
        raise PricingError(f"The tariff has {len(marks)} times of day, which are too many for {days} days.")
    # A day more on both sides: a session may lie wholly in the hour that the clock shows for the second time.
    found = set(_changes(zone, start - DAY * SECOND, end + DAY * SECOND))
    folds = (0, 1) if found else (0,)
    day = min(first, last) - timedelta(days=1 if found else 0)
    while day <= max(first, last):
        midnight = datetime.combine(day, time(), zone)
        found.update(
            moment((midnight + timedelta(seconds=mark)).replace(fold=fold), "clock") for mark in marks for fold in folds
        )
        day += timedelta(days=1)
    return {ticks for ticks in found if start < ticks < end}


def _changes(zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """Yield the moments, to the second, at which the offset of a zone changes between two moments."""
    low, offset = start // SECOND, _offset(zone, start // SECOND)
    for high in (*range(low + DAY, end // SECOND, DAY), -(-end // SECOND)):
        before, after = low, high
        if _offset(zone, high) != offset:
            while after - before > 1:
                middle = (before + after) // 2
                if _offset(zone, middle) == offset:
                    before = middle
                else:
                    after = middle
            yield after * SECOND
            offset = _offset(zone, high)
        low = high


def _offset(zone: ZoneInfo, seconds: int) -> timedelta | None:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).utcoffset()
