"""Moments in answers: read in any form, and written as OCPI has them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.versions.reading.values import read_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(value: Any) -> int | None:
    """Return the moment of a DateTime in microseconds since 1970 UTC, whatever its form; None if it is none."""
    text = read_instant(value)
    return None if text is None else to_micros(text)


def written(moment: int) -> str:
    """Return the DateTime of a moment in microseconds since 1970 UTC, without a fraction if it has none."""
    text = format_date_time(_EPOCH + timedelta(microseconds=moment))
    return text.replace(".000Z", "Z")
