"""Dispatchers decide when deliveries run. One class for each value of OCPI_DISPATCHER."""

from __future__ import annotations

from collections.abc import Collection

from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.partners.platforms import Platform


class Dispatcher:
    """Arranges deliveries. This class leaves them to other processes (OCPI_DISPATCHER "none"); the others extend it."""

    def __init__(self, deliveries: Deliveries) -> None:
        self.deliveries = deliveries

    def wake(self, platforms: Collection[str] = (), *, within: float = 0.0) -> None:
        """Have new outbox entries of platforms delivered; for EVERYBODY, have changes spread and delivered.

        Without platforms: check the times of the jobs, at the latest ``within`` seconds from now.
        """

    def resume(self, platform: Platform) -> None:
        """Have all waiting entries of a platform delivered now, after it registered again."""
        if self.deliveries.resume(platform):
            self.wake([platform.id])

    def serve(self) -> None:
        """Look for the work that other processes left, from now on. Each request calls this, so it must be cheap."""

    def start(self) -> None:
        """Work in this process until :meth:`stop`, also while no entry is waiting."""

    def stop(self, timeout: float = 5.0) -> bool:
        """End after the current work, and deliver due entries while time allows; return True if there was time."""
        return True

    def is_alive(self) -> bool:
        """Tell whether the worker of this process, if there is one, is alive."""
        return True


class Inline(Dispatcher):
    """Delivers before :meth:`wake` returns (OCPI_DISPATCHER "inline"), as tests want it."""

    def wake(self, platforms: Collection[str] = (), *, within: float = 0.0) -> None:
        self.deliveries.in_context(lambda: list(map(self.deliveries.deliver, self.deliveries.spread(platforms))))
