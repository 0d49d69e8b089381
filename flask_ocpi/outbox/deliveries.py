"""Deliveries: lease due outbox entries and send them, and run due jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from flask_ocpi.client.client import Client
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import working_for
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.delivery import Attempt
from flask_ocpi.outbox.delivery import Outcome
from flask_ocpi.outbox.delivery import attempt
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_pushed
from flask_ocpi.signals import push_parked
from flask_ocpi.storage import leases


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at certain times. ``run`` may be called in several processes at once, and does it once.

    seconds_left: how long until it is due, 0 or less when it is; None when there is nothing to wait for.
    """

    name: str
    seconds_left: Callable[[], float | None]
    run: Callable[[], object]


_log = logging.getLogger("flask_ocpi.outbox")

_FAILURES_IN_A_ROW = 5  # of a platform that answers, before this backs off from it
_LEASE_MARGIN = 10.0  # seconds
_CLOCK_SECONDS = 60.0


class Deliveries:
    """Brings the current state of own objects to the platforms that lack it, and runs the jobs that are due.

    Any number of them, in threads, processes and on machines, may work on one storage: an outbox entry is taken before
    it is sent. connect: makes a client of a platform, and of its party ``to``. in_context: calls a function in the
    app's context, as threads have to.
    """

    def __init__(
        self,
        services: Services,
        connect: Callable[..., Client],
        in_context: Callable[[Callable[[], object]], object],
    ) -> None:
        self.services = services
        self.in_context = in_context
        self._connect = connect
        self._looked: dict[str, float] = {}  # when, by platform
        self._failures: dict[str, int] = {}  # of platforms that answer, in a row, as this process sees them
        self._retries: dict[str, float] = {}  # when this process is to look at a platform again that it backs off from

    @property
    def lease(self) -> float:
        """Seconds of an entry's lease: as long as a PATCH and the PUT after it can take."""
        return 2 * self.services.settings.http_timeout + _LEASE_MARGIN

    def resume(self, platform: Platform) -> bool:
        """Make all waiting entries of a platform due: it registered again, so our token for it is new.

        True if there is something to deliver.
        """
        self._failures.pop(platform.id, None)
        was_open = circuits.close_circuit(self.services, platform.id)
        return bool(entries.hasten(self.services, platform.id)) or was_open

    def next_retry(self) -> float | None:
        """Return when (``monotonic``) this process is to look at a platform again that it backs off from, or None."""
        return min(list(self._retries.values()), default=None)

    def take_retries(self) -> set[str]:
        """Return the ids of the platforms whose time to be looked at again has come, once."""
        now = monotonic()
        due = {platform for platform, at in list(self._retries.items()) if at <= now}
        for platform in due:
            self._retries.pop(platform, None)
        return due

    def run_due(self) -> int:
        """Deliver all due entries and run due jobs in this thread; return the number of sent messages."""
        delivered = sum(self.deliver(platform) for platform in self.due_platforms())
        self.run_jobs()
        return delivered

    def run_jobs(self) -> int:
        """Run due jobs in this thread; return their number. A failure is logged."""
        number = 0
        for job in self.services.jobs:
            try:
                left = job.seconds_left()
                if left is not None and left <= 0:
                    number += 1
                    job.run()
            except Exception:
                _log.exception("The job %s failed.", job.name)
        return number

    def due_platforms(self) -> list[str]:
        """Return the ids of the platforms with something to deliver now."""
        return [platform.id for platform in self.services.platforms.all() if self.messages_due(platform)]

    def messages_due(self, platform: Platform) -> int:
        """Return how many messages may be sent to a platform in parallel: 1 if one must try first."""
        self._look_at_the_clock(platform)
        due = entries.due_count(self.services, platform.id)
        if not due:
            return 0
        if not platform.is_registered:
            entries.forget(self.services, platform.id)
            circuits.close_circuit(self.services, platform.id)
            return 0
        circuit = circuits.circuit_of(self.services, platform.id)
        if circuit is None:
            return due
        return int(circuit.due <= self.services.now())

    def _look_at_the_clock(self, platform: Platform) -> None:
        """Once a minute, have what is due later than anything can be, as after the clock was put back, due now."""
        now = monotonic()
        if now - self._looked.get(platform.id, float("-inf")) < _CLOCK_SECONDS:
            return
        self._looked[platform.id] = now
        latest = circuits.latest_due(self.services, platform.id, lease=self.lease)
        entries.bring_forward(self.services, platform.id, latest=latest)

    def has_waiting(self, platform: Platform) -> bool:
        """Tell whether something will be due for a platform, now or later."""
        return platform.is_registered and entries.is_waiting(self.services, platform.id)

    def deliver(
        self, platform_id: str, *, seconds: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Deliver the due entries of one platform, one after another, until none is left; return how many went through.

        seconds: begin none after that time. stop: tells, before each, to leave the rest.
        """
        ends = None if seconds is None else monotonic() + seconds
        delivered = 0
        while not stop() and (ends is None or monotonic() < ends):
            with working_for(platform_id):
                outcome = self._deliver_next(platform_id)
            if outcome is None:
                break
            delivered += outcome is Outcome.DELIVERED
        return delivered

    def _deliver_next(self, platform_id: str) -> Outcome | None:
        """Deliver the next due entry; None when there is none, or it backs off from the platform."""
        services = self.services
        platform = services.platforms.get(platform_id)
        if platform is None or not platform.is_registered:
            entries.forget(services, platform_id)
            return None
        circuit = circuits.circuit_of(services, platform_id)
        probes = circuit is not None
        if circuit is not None and not circuits.probe(services, circuit, seconds=self.lease):
            return None
        entry = entries.take(services, platform_id, seconds=self.lease)
        if entry is None:
            if probes:
                circuits.release(services, platform_id)
            return None
        try:
            made = attempt(services, self._connect, platform, entry)
        except Exception as error:
            _log.exception("Pushing %s to %s failed.", entry.name, platform_id)
            self._failed(entry, f"{type(error).__name__}: {error}", probed=probes)
            return Outcome.FAILED
        self._settle(platform, entry, made, probed=probes)
        return made.outcome

    def _settle(self, platform: Platform, entry: OutboxEntry, made: Attempt, *, probed: bool) -> None:
        """Note what became of an entry, and what that says of the platform."""
        services = self.services
        if made.outcome is Outcome.FAILED:
            self._failed(entry, made.error_text, status_code=made.status_code, probed=probed)
        elif made.outcome is Outcome.UNREACHABLE:
            error = made.error_text
            circuit = circuits.open_circuit(services, platform.id, error, probed=probed, retry_after=made.retry_after)
            _log.warning("%s cannot be pushed to for now: %s", platform.id, error)
            # Others come first then: this one may be what it fails over.
            due = circuit.due + min(entry.attempts + 1, 60) * SECOND
            entries.postpone(services, entry, due=due, error=error, status_code=made.status_code)
            self._retry_within(platform.id, (circuit.due - services.now()) / SECOND)
        elif made.outcome is Outcome.NEEDLESS:
            entries.settle(services, entry)
            if probed:
                circuits.release(services, platform.id)
        else:
            self._answered(platform, entry, made, probed=probed)

    def _answered(self, platform: Platform, entry: OutboxEntry, made: Attempt, *, probed: bool) -> None:
        services = self.services
        self._failures.pop(platform.id, None)
        if made.outcome is Outcome.REFUSED:
            error = made.error_text
            _log.warning("%s is not sent to %s again as it is. %s", entry.name, platform.id, error)
            entries.postpone(services, entry, due=entries.PARKED, error=error, status_code=made.status_code)
        else:
            entries.settle(services, entry)
        if probed and circuits.close_circuit(services, platform.id):
            _log.info("%s can be pushed to again.", platform.id)
        about = {"module": entry.module, "key": entry.object_key, "platform": platform, "party": entry.party}
        if made.outcome is Outcome.REFUSED:
            services.emit(push_parked, **about, error=made.error)
        else:
            services.emit(object_pushed, **about, method=made.method)

    def _failed(self, entry: OutboxEntry, error: str, *, status_code: int | None = None, probed: bool) -> None:
        """Let an entry wait for longer each time; many failures in a row are the platform's."""
        services = self.services
        seconds = circuits.pause(entry.attempts + 1, services.settings.push_max_backoff)
        due = leases.after(services.now(), seconds)
        entries.postpone(services, entry, due=due, error=error, status_code=status_code)
        failures = self._failures[entry.platform] = self._failures.get(entry.platform, 0) + 1
        if probed or failures >= _FAILURES_IN_A_ROW:
            circuits.open_circuit(services, entry.platform, error, probed=probed)
        self._retry_within(entry.platform, seconds)
        _log.warning("%s did not take %s, which is sent again later: %s", entry.platform, entry.name, error)

    def _retry_within(self, platform: str, seconds: float) -> None:
        at = monotonic() + max(seconds, 0.0) + 0.002  # our clock is read to a millisecond
        self._retries[platform] = min(self._retries.get(platform, at), at)
