"""The schedule: what is synced by itself, when, and how many platforms at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial

from flask_ocpi import forks
from flask_ocpi.client.client import Client
from flask_ocpi.context import Services
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.scopes import all_scopes
from flask_ocpi.sync.syncing import sync

_MICROS = 1_000_000
_PLATFORMS_AT_ONCE = 4
_TURN = 30.0  # seconds after which a platform that is still being synced takes no place from others
_MOST_PLATFORMS = 32  # at a time, with those
_LOOKS = 60.0  # seconds after which new platforms are noticed at the latest
_BUSY_PAUSE = 1.0


class Schedule:
    """Syncs what is due by OCPI_SYNC_INTERVAL, each platform in the background, some of them side by side.

    One whose sync takes long goes on beside those, so that lists that are slow, or do not end, hold up no others.
    Any number of processes may have one on the same storage: what is synced is taken first.
    """

    def __init__(self, services: Callable[[], Services], connect: Callable[..., Client]) -> None:
        self._services = services
        self._connect = connect
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._syncing: dict[str, int] = {}  # by platform: when it began, in microseconds
        self._lock = threading.Lock()
        self._look_at = 0  # microseconds; until then nothing is due

    def seconds_left(self) -> float | None:
        """Return how long until something is due, or to be looked at; None when nothing is synced by itself."""
        services = self._services()
        if not services.settings.sync_interval:
            return None
        return max(0.0, (self._look_at - watermarks.now_micros(services)) / _MICROS)

    def run(self) -> None:
        """Start to sync what is due."""
        services = self._services()
        scopes = list(all_scopes(services))
        by_platform: dict[str, list[Scope]] = {}
        for scope in scopes:
            watermarks.plan(services, scope)
            if watermarks.get(services, scope).due <= watermarks.now_micros(services):
                by_platform.setdefault(scope.platform.id, []).append(scope)
        for platform, chosen in by_platform.items():
            if self._reserve(platform):
                services.background(partial(self._sync, platform, chosen))
        self._plan_look(services, scopes)

    def _plan_look(self, services: Services, scopes: Sequence[Scope]) -> None:
        """Note when to look again: at the next time of a scope, soon when one is due that waits for others."""
        now = watermarks.now_micros(services)
        next_due = min((watermarks.get(services, scope).due for scope in scopes), default=watermarks.NEVER)
        earliest, latest = now + int(_BUSY_PAUSE * _MICROS), now + int(_LOOKS * _MICROS)
        self._look_at = max(earliest, min(next_due, latest))

    def _sync(self, platform: str, scopes: Sequence[Scope]) -> None:
        try:
            for scope in scopes:
                sync(self._services(), self._connect, scope)
        finally:
            with self._lock:
                self._syncing.pop(platform, None)
            self._look_at = 0  # what was synced has a new time, and others may have waited for this one

    def _reserve(self, platform: str) -> bool:
        now = watermarks.now_micros(self._services())
        with self._lock:
            in_turn = sum(0 <= now - began < _TURN * _MICROS for began in self._syncing.values())
            if platform in self._syncing or in_turn >= _PLATFORMS_AT_ONCE or len(self._syncing) >= _MOST_PLATFORMS:
                return False
            self._syncing[platform] = now
        return True
