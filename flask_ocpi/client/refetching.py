"""Fetching a platform's endpoints again once it is registered: what it lists may depend on who asks.

During the handshake the other platform did not know our roles yet. It does when it first uses the token that it got.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from flask_ocpi.client.client import Client
from flask_ocpi.client.discovery import discover
from flask_ocpi.context import Services
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.logs import working_for
from flask_ocpi.modules.credentials.handlers import check_endpoints
from flask_ocpi.platforms import Platform

_log = logging.getLogger("flask_ocpi.client")

_MICROS = 1_000_000
_TRIES = 3
_PAUSE = 60.0  # seconds


class Refetching:
    """The job that fetches endpoints again, for each platform once; a failure is repeated a few times.

    When it is due is kept with the platform, so another process does it where one ended. connect: makes a client.
    """

    def __init__(self, services: Callable[[], Services], connect: Callable[..., Client]) -> None:
        self._services = services
        self._connect = connect

    def seconds_left(self) -> float | None:
        """Return how long until the endpoints of a platform are to be fetched; None when there are none to fetch."""
        services = self._services()
        due = [platform.endpoints_due for platform in services.platforms.partners().awaiting_endpoints]
        first = min((moment for moment in due if moment is not None), default=None)
        return None if first is None else max(0.0, (first - self._now()) / _MICROS)

    def run(self) -> None:
        """Fetch all endpoints that are due."""
        for platform in self._services().platforms.partners().awaiting_endpoints:
            if (platform.endpoints_due or 0) <= self._now():
                with working_for(platform.id):
                    self._refetch(platform)

    def _refetch(self, platform: Platform) -> None:
        services = self._services()
        taken = self._take(platform)
        if taken is None:
            return
        try:
            versions = [taken.version or ""]
            found = discover(self._connect(taken), services, taken.versions_url or "", versions=versions)
            check_endpoints(found, ())
            done = replace(taken, endpoints=found.endpoints, endpoints_due=None, endpoints_tries=0)
            services.platforms.save(done, before=taken)
        except ConflictError:  # it changed meanwhile: by what it is now, it is due again or not
            _log.info("%s changed while its endpoints were fetched.", taken.id)
        except FlaskOCPIError as error:
            _log.warning("The endpoints of %s could not be fetched again: %s", taken.id, error)
            if taken.endpoints_due is None:
                _log.warning("They stay as they were in the handshake: `flask ocpi rotate %s` fetches them.", taken.id)

    def _take(self, platform: Platform) -> Platform | None:
        """Note that it is tried, and when to try again; None where another process was faster."""
        tries = platform.endpoints_tries + 1
        pause = 2 * self._services().settings.http_timeout + _PAUSE  # as long as it can take, and a while
        due = None if tries >= _TRIES else self._now() + int(pause * _MICROS)
        try:
            return self._services().platforms.save(
                replace(platform, endpoints_due=due, endpoints_tries=tries), before=platform
            )
        except ConflictError:
            return None

    def _now(self) -> int:
        return int(self._services().clock().timestamp() * _MICROS)
