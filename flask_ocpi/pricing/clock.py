"""The clock at a location: its time zone, where that is known from, and when its hands pass a mark."""

from __future__ import annotations

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
from flask_ocpi.pricing.errors import PricingError
from flask_ocpi.pricing.moments import SECOND
from flask_ocpi.pricing.moments import as_datetime
from flask_ocpi.pricing.moments import moment
from flask_ocpi.pricing.notes import Remarks

MAX_DAYS = 366
_MISSING = " Flask-OCPI[zones] finds it by the coordinates."


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A time zone of the tz database and where it is known from.

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
    """Return the time zone at coordinates (degrees, as text or numbers), or None where there is none.

    Raises PricingError if the extra ``zones`` is not installed.
    """
    try:
        from tzfpy import get_tz
    except ImportError:
        raise PricingError("Time zones are found by coordinates if Flask-OCPI[zones] is installed.") from None
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
    moment too. Raises PricingError beyond 366 days.
    """
    first, last = as_datetime(start).astimezone(zone), as_datetime(end).astimezone(zone)
    days = (last.date() - first.date()).days
    if days > MAX_DAYS:
        raise PricingError(f"A period lasts {days} days; at most {MAX_DAYS} are priced by the clock.")
    found: set[int] = set()
    before = first
    for day in range(days + 1):
        midnight = datetime.combine(first.date() + timedelta(days=day), time(), zone)
        hands = [midnight + timedelta(seconds=mark) for mark in marks]
        found.update(moment(each, "clock") for each in hands)
        after = last if day == days else datetime.combine(midnight.date() + timedelta(days=1), time(), zone)
        if before.utcoffset() != after.utcoffset():
            found.update(moment(each.replace(fold=1), "clock") for each in hands)
            found.add(_change(zone, before, after))
        before = after
    return {ticks for ticks in found if start < ticks < end}


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> int:
    """Return when the offset changes between two datetimes: to the second, as the tz database has it."""
    low, high = moment(before, "clock") // SECOND, -(-moment(after, "clock") // SECOND)
    offset = before.utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high * SECOND
