"""Moments as OCPI writes them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime


def text_of(moment: datetime) -> str:
    """Write an aware moment as an OCPI DateTime, to the millisecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def moment_of(text: str) -> datetime:
    """Read an OCPI DateTime; without an offset it is in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
