"""Times as microseconds since 1970 in UTC, and back."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.pricing.findings import PricingError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
_TICK = timedelta(microseconds=1)
LATEST = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // _TICK


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
