"""Moments: OCPI's DateTime as text and in microseconds, and the comparison of two states by time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import lru_cache

import orjson

#: A second, in microseconds.
SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?\Z", re.ASCII)
_AHEAD = 3600 * SECOND  # for a clock of a partner that is ahead
_MOST_AHEAD = 24 * 3600 * SECOND  # for local time that is sent as UTC


def now_micros(clock: Callable[[], datetime]) -> int:
    """Return the time of a clock in microseconds since 1970 UTC, as exact as a DateTime: to a millisecond."""
    return (clock() - _EPOCH) // _MILLISECOND * 1000


def is_believable(moment: int, now: int) -> bool:
    """Tell whether something can have changed at that moment; both in microseconds since 1970 UTC."""
    return moment <= now + _AHEAD


def is_newer(stored: int, other: int, now: int) -> bool:
    """Tell whether the stored state changed later than another one, so that it stays.

    It does not stay if its moment is in the future: later changes would be lost until then. Only if both are in the
    future, by less than a day, the partner's clock is wrong, and the two are compared.
    """
    if stored <= other:
        return False
    return is_believable(stored, now) or (not is_believable(other, now) and stored <= now + _MOST_AHEAD)


def parse_date_time(text: str) -> tuple[str, int]:
    """Parse an OCPI DateTime into its canonical text (with ``Z``) and microseconds since 1970 UTC.

    Accepted: ``YYYY-MM-DDThh:mm:ss``, an optional fraction, and nothing, ``Z`` or ``+00:00`` after it; no zone is UTC.
    At most 25 characters in canonical form; ValueError otherwise. OCPI 2.2.1, Types, "DateTime".
    """
    usual = read_usual(text)
    if usual is not None:
        since = usual - _EPOCH
        return text, (since.days * 86400 + since.seconds) * SECOND + since.microseconds
    match = _DATE_TIME.match(text)
    if match is None:
        raise ValueError("must be a UTC date and time such as 2024-05-31T12:00:00Z")
    seconds, fraction, zone = match.groups()
    try:
        instant = datetime.fromisoformat(f"{seconds}+00:00")
    except ValueError:
        raise ValueError("is not a date and time that exists") from None
    fraction = fraction or ""
    if len(fraction) == 6 and not zone:  # five digits are legal only where there is no Z
        fraction = fraction[:5]
    if len(fraction) > 5:
        raise ValueError("is longer than 25 characters: at most 4 digits of a second")
    micros = (instant - _EPOCH) // _MICROSECOND + (int(fraction[1:].ljust(6, "0")) if fraction else 0)
    return f"{seconds}{fraction}Z", micros


def canonical_date_time(text: str) -> str:
    """Return the canonical text of a DateTime; ValueError as of :func:`parse_date_time`."""
    return text if read_usual(text) is not None else parse_date_time(text)[0]


def read_usual(text: str) -> datetime | None:
    """Read the two usual spellings that are canonical: with Z, and at most 4 decimals.

    None: another spelling, or no existing date. ``fromisoformat`` checks the characters between the marks, and takes
    only digits there.
    """
    if len(text) == 20:
        is_usual = text[4::3] == "--T::Z"
    else:
        is_usual = 22 <= len(text) <= 25 and text[4:20:3] == "--T::." and text[-1] == "Z"
    if not is_usual or type(text) is not str:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(512)  # a request needs the same moment several times
def to_micros(text: str) -> int:
    """Return microseconds since 1970 UTC of a DateTime text."""
    return parse_date_time(text)[1]


def format_date_time(instant: datetime) -> str:
    """Write an aware datetime as an OCPI DateTime with milliseconds."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    if type(instant) is datetime and instant.microsecond:  # orjson writes no others, or without a fraction
        return f"{orjson.dumps(instant)[1:24].decode()}Z"
    return f"{instant.isoformat(timespec='milliseconds')[:23]}Z"


def moment_text(moment: int) -> str:
    """Write a moment in microseconds since 1970 UTC as an OCPI DateTime with milliseconds."""
    return format_date_time(datetime.fromtimestamp(moment / SECOND, UTC))
