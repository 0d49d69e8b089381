"""Deliveries lease due outbox entries, send them, and run due jobs; dispatchers decide when."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from flask_ocpi.client.client import Client
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import working_for
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.delivery import Attempt
from flask_ocpi.outbox.delivery import Outcome
from flask_ocpi.outbox.delivery import Sending
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.processes import Pulse
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_pushed
from flask_ocpi.signals import push_parked
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Party


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at certain times. Several processes may call ``run`` at once: the work is done once.

    seconds_left: returns the seconds until it is due, 0 or less if it is due, None if there is no work.
    """

    name: str
    seconds_left: Callable[[], float | None]
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of sending some entries: the number delivered, and whether more may be due."""

    delivered: int = 0
    may_have_more: bool = False


_log = logging.getLogger("flask_ocpi.outbox")

_MOST = 100  # entries that are taken together
_AIM = 0.05  # seconds that a batch should take
_LONGEST = 1.0  # seconds in which messages of a batch start; the remaining entries are taken and read again
_FAILURES_IN_A_ROW = 5  # of a platform that answers; then sending backs off from it
_MOST_WAITS = 300  # for a related object, before an entry is parked; a day with the default OCPI_PUSH_MAX_BACKOFF
_LEASE_MARGIN = 10.0  # seconds
_CLOCK_SECONDS = 60.0


class Deliveries:
    """Sends the current state of own objects to the platforms that lack it, and runs the jobs that are due.

    Any number of them, in threads, processes and on machines, may work on one storage: an outbox entry is leased before
    it is sent. connect: makes a client of a platform, for its party ``to``. in_context: calls a function in the app's
    context, for threads.
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
        self.pulse = Pulse(services)
        self._looked: dict[str, float] = {}  # when, by platform
        self._failures: dict[str, int] = {}  # in a row, of platforms that answer, as seen by this process
        self._retries: dict[str, float] = {}  # when this process looks again at a platform that it backs off from
        self._clients: dict[tuple[str, Party | None], Client] = {}
        self._paces: dict[str, float] = {}  # seconds a message, by platform

    @property
    def lease(self) -> float:
        """The seconds of an entry's lease: the longest time of a PATCH and the PUT after it."""
        return 2 * self.services.settings.http_timeout + _LEASE_MARGIN

    def resume(self, platform: Platform) -> bool:
        """Make all waiting entries of a platform due, after it registered again: our token for it is new.

        Returns True if there is something to deliver.
        """
        self._failures.pop(platform.id, None)
        was_open = circuits.close_circuit(self.services, platform.id)
        soon = self.services.now() + 1
        return bool(entries.bring_forward(self.services, platform.id, latest=soon, failed=True)) or was_open

    def next_retry(self) -> float | None:
        """Return when (``monotonic``) this process looks again at a platform that it backs off from, or None."""
        return min(list(self._retries.values()), default=None)

    def take_retries(self) -> set[str]:
        """Return, once, the ids of the platforms whose time to look again has come."""
        now = monotonic()
        due = {platform for platform, at in list(self._retries.items()) if at <= now}
        for platform in due:
            self._retries.pop(platform, None)
        return due

    def spread(self, platforms: Collection[str]) -> list[str]:
        """Return the given ids, with EVERYBODY replaced by the platforms that the committed changes spread to."""
        found = set(platforms)
        if EVERYBODY in found:
            found.remove(EVERYBODY)
            found |= entries.spread(self.services)
        return sorted(found)

    def run_due(self) -> int:
        """Deliver all due entries and run the due jobs in this thread; return the number of sent messages."""
        entries.spread(self.services)
        delivered = sum(self.deliver(platform) for platform in self.due_platforms())
        self.run_jobs()
        return delivered

    def run_jobs(self) -> int:
        """Run the due jobs in this thread; return their number. A failure is logged."""
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
        return [platform for platform in self._known_platforms() if self.is_due(platform)]

    def waiting_platforms(self) -> list[str]:
        """Return the ids of the platforms with entries that are due, now or later."""
        known = self._known_platforms()
        return [platform for platform in known if entries.oldest(self.services, platform) is not None]

    def _known_platforms(self) -> Collection[str]:
        """Return the ids of platforms that may be sent to; remove the entries of those that are not registered."""
        partners = self.services.platforms.partners()
        for platform in partners.other_ids:
            if entries.oldest(self.services, platform) is not None:
                entries.forget(self.services, platform)
                circuits.close_circuit(self.services, platform)
        return partners.ids

    def is_suspended(self, platform: str) -> bool:
        """Tell whether nothing is sent to a platform because an operator has suspended it."""
        found = self.services.platforms.partners().get(platform)
        return found is not None and found.is_suspended

    def is_due(self, platform: str) -> bool:
        self._look_at_the_clock(platform)
        if not entries.is_due(self.services, platform):
            return False
        circuit = circuits.circuit_of(self.services, platform)
        return circuit is None or circuit.due <= self.services.now()

    def _look_at_the_clock(self, platform: str) -> None:
        """Once a minute, make entries due now that are due later than possible: the clock was put back."""
        now = monotonic()
        if now - self._looked.get(platform, float("-inf")) < _CLOCK_SECONDS:
            return
        self._looked[platform] = now
        latest = circuits.latest_due(self.services, platform, lease=self.lease)
        entries.bring_forward(self.services, platform, latest=latest)

    def deliver(self, platform_id: str, *, stop: Callable[[], bool] = lambda: False) -> int:
        """Deliver the due entries of one platform, one after another, until none is left; return the number delivered.

        stop: returns True, before an entry, to leave the rest.
        """
        delivered = 0
        while not stop():
            batch = self.deliver_some(platform_id, stop=stop)
            delivered += batch.delivered
            if not batch.may_have_more:
                break
        return delivered

    def deliver_some(
        self,
        platform_id: str,
        *,
        stop: Callable[[], bool] = lambda: False,
        has_more: Callable[[], object] = lambda: None,
    ) -> Batch:
        """Deliver some due entries of a platform; its latest answer times determine how many.

        stop: returns True, before an entry, to leave the rest. has_more: called before the first is sent if there may
        be more entries, which other threads can send meanwhile.
        """
        services = self.services
        platform = services.platforms.partners().get(platform_id)
        if platform is None:
            entries.forget(services, platform_id)
            return Batch()
        if platform.is_suspended:
            return Batch()
        circuit = circuits.circuit_of(services, platform_id)
        probes = circuit is not None
        if (
            circuit is not None
            and leases.take(services.storage, circuit, now=services.now(), seconds=self.lease) is None
        ):
            return Batch()  # it is too early to try one message, or another worker tries
        most = 1 if probes else max(1, min(_MOST, int(_AIM / (self.pace(platform_id) or _AIM))))
        taken = entries.take(services, platform_id, seconds=self.lease, most=most)
        if probes and not taken:
            circuits.release(services, platform_id)
        is_full = len(taken) == most
        if is_full and not probes:
            has_more()
        with working_for(platform_id):
            return self._send(platform, taken, stop, probes=probes, is_full=is_full)

    def _send(
        self, platform: Platform, taken: Sequence[OutboxEntry], stop: Callable[[], bool], *, probes: bool, is_full: bool
    ) -> Batch:
        """Send entries, one after another, and settle the delivered ones together."""
        began, sending = monotonic(), Sending(self.services, self._client, platform, taken)
        done: list[tuple[OutboxEntry, Attempt]] = []
        tried = 0
        for entry in taken:
            if stop() or (tried and monotonic() - began > _LONGEST):
                break
            tried += 1
            made = sending.attempt(entry)
            if made.outcome in (Outcome.DELIVERED, Outcome.NEEDLESS):
                done.append((entry, made))
                if made.outcome is Outcome.DELIVERED:
                    self._failures.pop(platform.id, None)
            elif not self._note_failure(platform, entry, made, probed=probes):
                break
        if tried:
            pace = (monotonic() - began) / tried
            self._paces[platform.id] = (pace + self._paces.get(platform.id, pace)) / 2
        is_due_again = entries.settle(self.services, [entry for entry, _ in done], taken[tried:])
        delivered = [(entry, made) for entry, made in done if made.outcome is Outcome.DELIVERED]
        if probes and delivered:
            self._close_circuit(platform)
        elif probes and done:
            circuits.release(self.services, platform.id)
        for entry, made in delivered:
            self.services.emit(object_pushed, **_about(platform, entry), method=made.method)
        return Batch(len(delivered), may_have_more=is_full or is_due_again)

    def _close_circuit(self, platform: Platform) -> None:
        if circuits.close_circuit(self.services, platform.id):
            _log.info("%s can be pushed to again.", platform.id)

    def _client(self, platform: Platform, *, to: Party | None) -> Client:
        """Return the client of a party; it is kept, since making one takes as long as a request."""
        known = self._clients.get((platform.id, to))
        if known is None or known.platform is not platform:
            known = self._clients[platform.id, to] = self._connect(platform, to=to)
        return known

    def pace(self, platform: str) -> float:
        """Return the seconds that a message to a platform took lately; 0 if that is not known."""
        return self._paces.get(platform, 0.0)

    def _note_failure(self, platform: Platform, entry: OutboxEntry, made: Attempt, *, probed: bool) -> bool:
        """Note the failure of an entry; return False if nothing can be sent to the platform now."""
        services = self.services
        if made.outcome is Outcome.FAILED:
            return self._failed(entry, made, probed=probed)
        error = made.error_text
        if made.outcome is Outcome.WAITING and entry.attempts < _MOST_WAITS:
            self._back_off(entry, made)
            return True
        if made.outcome in (Outcome.REFUSED, Outcome.WAITING):
            self._failures.pop(platform.id, None)
            _log.warning("%s is not sent to %s again as it is. %s", entry.name, platform.id, error)
            entries.postpone(services, entry, due=entries.PARKED, error=error, status_code=made.status_code)
            if probed:
                self._close_circuit(platform)
            services.emit(push_parked, **_about(platform, entry), error=made.error)
            return True
        circuit = circuits.open_circuit(services, platform.id, error, probed=probed, retry_after=made.retry_after)
        _log.warning("%s cannot be pushed to for now: %s", platform.id, error)
        # Other entries come first then: this one may be the cause of the failure.
        due = circuit.due + min(entry.attempts + 1, 60) * SECOND
        entries.postpone(services, entry, due=due, error=error, status_code=made.status_code)
        self._retry_within(platform.id, (circuit.due - services.now()) / SECOND)
        return False

    def _failed(self, entry: OutboxEntry, made: Attempt, *, probed: bool) -> bool:
        """Back off with an entry, longer each time; return False after too many failures of the platform in a row."""
        error = made.error_text
        self._back_off(entry, made)
        failures = self._failures[entry.platform] = self._failures.get(entry.platform, 0) + 1
        backs_off = probed or failures >= _FAILURES_IN_A_ROW
        if backs_off:
            circuits.open_circuit(self.services, entry.platform, error, probed=probed)
        _log.warning("%s did not take %s, which is sent again later: %s", entry.platform, entry.name, error)
        return not backs_off

    def _back_off(self, entry: OutboxEntry, made: Attempt) -> None:
        seconds = circuits.pause(entry.attempts + 1, self.services.settings.push_max_backoff)
        due = leases.after(self.services.now(), seconds)
        entries.postpone(self.services, entry, due=due, error=made.error_text, status_code=made.status_code)
        self._retry_within(entry.platform, seconds)

    def _retry_within(self, platform: str, seconds: float) -> None:
        at = monotonic() + max(seconds, 0.0) + 0.002  # our clock is read to a millisecond
        self._retries[platform] = min(self._retries.get(platform, at), at)


def _about(platform: Platform, entry: OutboxEntry) -> dict[str, Any]:
    return {"module": entry.module, "key": entry.object_key, "platform": platform, "party": entry.party}


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
