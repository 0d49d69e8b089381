"""Lanes: to one platform, only so many workers of a task queue deliver at a time, wherever they are."""

from __future__ import annotations

from flask_ocpi.errors import ConflictError
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.entries import now_micros
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record

LANES = "push_lanes"

_MICROS = 1_000_000
_LEEWAY = 60.0  # seconds by which clocks of workers may differ


class Lane:
    """The right to deliver to a platform, for so many seconds from :func:`take` or the last :meth:`keep`."""

    def __init__(self, services: Services, platform: str, number: int, *, seconds: float) -> None:
        self._services = services
        self._key = Key("", "", str(number), platform)
        self._document = {"platform": platform, "lane": number}
        self._seconds = seconds
        self._revision = 0

    def take(self) -> bool:
        """Take it if nobody has it, or whoever had it is given up for dead."""
        record = self._services.storage.get(LANES, self._key)
        if record is not None:
            now = now_micros(self._services)
            # Nobody takes one for longer: the clock was put back since.
            if now < record.last_updated <= now + int((self._seconds + _LEEWAY) * _MICROS):
                return False
            self._revision = record.revision
        return self.keep()

    def keep(self) -> bool:
        """Have it for the whole time again; False when somebody else took it meanwhile."""
        return self._save(now_micros(self._services) + int(self._seconds * _MICROS))

    def leave(self) -> None:
        """Let others have it."""
        self._save(now_micros(self._services))

    def _save(self, until: int) -> bool:
        record = Record.of(self._document, last_updated=until)
        try:
            self._services.storage.save(LANES, self._key, record, expected=self._revision)
        except ConflictError:
            return False
        self._revision += 1
        return True


def take(services: Services, platform: str, *, seconds: float) -> Lane | None:
    """Take one of the lanes of a platform, of which there are OCPI_PUSH_CONCURRENCY; None when others have them all."""
    for number in range(services.settings.push_concurrency):
        lane = Lane(services, platform, number, seconds=seconds)
        if lane.take():
            return lane
    return None
