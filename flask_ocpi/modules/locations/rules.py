"""The conditions of the locations module that no single field can check."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from functools import cache

import marshmallow as ma

from flask_ocpi.fields import NOT_AVAILABLE
from flask_ocpi.schema import Document
from flask_ocpi.schema import Violation


def check_time_zone(value: str) -> None:
    """Accept the names of the IANA time zone database only (LOC-22)."""
    if value != NOT_AVAILABLE and value not in _time_zones():
        raise ma.ValidationError("must be an IANA time zone name such as Europe/Amsterdam")


def known_time_zone(value: str) -> str | None:
    """Return the time zone that a name in any case means, or None."""
    wanted = value.strip().replace(" ", "_").casefold()
    return next((name for name in _time_zones() if name.casefold() == wanted), None)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def publish_token_is_complete(entry: Document) -> Iterator[Violation]:
    """Demand something that identifies tokens, and what goes with it (LOC-20)."""
    if not any(name in entry for name in ("uid", "visual_number", "group_id")):
        yield "uid", "is required where there is neither visual_number nor group_id"
    if "uid" in entry and "type" not in entry:
        yield "type", "is required where there is a uid"
    if "visual_number" in entry and "issuer" not in entry:
        yield "issuer", "is required where there is a visual_number"


def period_ends_later(period: Document) -> Iterator[Violation]:
    """Demand that a period of the day ends after it begins (LOC-26)."""
    begin, end = period["period_begin"], period["period_end"]
    if NOT_AVAILABLE not in (begin, end) and end <= begin:
        yield "period_end", "must be later than period_begin"


def regular_hours_go_with_closing(hours: Document) -> Iterator[Violation]:
    """Demand regular hours exactly where a location is not always open (LOC-25)."""
    if hours["twentyfourseven"] and "regular_hours" in hours:
        yield "regular_hours", "must be left out when twentyfourseven is true"
    if not hours["twentyfourseven"] and "regular_hours" not in hours:
        yield "regular_hours", "must have at least one element when twentyfourseven is false"


def published_to_all_or_some(location: Document) -> Iterator[Violation]:
    """Refuse to limit who may see a location that everybody may see (LOC-19)."""
    if location["publish"] and "publish_allowed_to" in location:
        yield "publish_allowed_to", "must be left out when publish is true"
