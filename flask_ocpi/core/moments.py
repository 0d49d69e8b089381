"""Which state of an object is the later one, by ``last_updated``: a moment that lies in the future is not believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta

#: A second, in microseconds.
SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_AHEAD = 3600 * SECOND  # that the clock of another platform may be ahead
_MOST_AHEAD = 24 * 3600 * SECOND  # where local time is sent as UTC


def now_micros(clock: Callable[[], datetime]) -> int:
    """Return the time of a clock in microseconds since 1970 UTC, as exact as a DateTime: to a millisecond."""
    return (clock() - _EPOCH) // _MILLISECOND * 1000


def is_believable(moment: int, now: int) -> bool:
    """Tell whether something can have changed at that moment; both in microseconds since 1970 UTC."""
    return moment <= now + _AHEAD


def is_newer(stored: int, other: int, now: int) -> bool:
    """Tell whether what is stored changed later than another state of it, so that it stays.

    It does not when its moment lies in the future: any later change would be lost until then. Only where both do, by
    less than a day, the platform's clock is wrong, and they are compared.
    """
    if stored <= other:
        return False
    return is_believable(stored, now) or (not is_believable(other, now) and stored <= now + _MOST_AHEAD)
