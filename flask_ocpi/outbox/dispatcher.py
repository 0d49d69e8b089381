"""The dispatcher: delivers what is marked and runs the jobs that are due, by whatever the app has for that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic

from flask_ocpi.client.client import Client
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import working_for
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries as marks
from flask_ocpi.outbox.delivery import Attempt
from flask_ocpi.outbox.delivery import Outcome
from flask_ocpi.outbox.delivery import attempt
from flask_ocpi.outbox.entries import Mark
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_pushed
from flask_ocpi.signals import push_parked


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at certain times. ``run`` may be called in several processes at once, and does it once.

    seconds_left: how long until it is due, 0 or less when it is; None when there is nothing to wait for.
    """

    name: str
    seconds_left: Callable[[], float | None]
    run: Callable[[], object]


_log = logging.getLogger("flask_ocpi.outbox")

_MICROS = 1_000_000
_FAILURES_IN_A_ROW = 5  # of a platform that answers, before it is left alone for a while
_LEASE_MARGIN = 10.0  # seconds
_CLOCK_SECONDS = 60.0


class Dispatcher:
    """Brings the current state of own objects to the platforms that lack it, and sees to what has a time.

    Any number of them, in threads, processes and on machines, may work on one storage: a mark is taken before it is
    sent. connect: makes a client of a platform, and of its party ``to``. in_context: calls a function in the app's
    context. enqueue: hands platforms over to a task queue (``OCPI_DISPATCHER = "celery"``).
    """

    def __init__(
        self,
        services: Services,
        connect: Callable[..., Client],
        in_context: Callable[[Callable[[], object]], object],
        *,
        enqueue: Callable[[Collection[str]], None] = lambda platforms: None,
    ) -> None:
        self.services = services
        self.threads = Threads(self, interval=services.settings.dispatch_interval)
        self._connect = connect
        self._in_context = in_context
        self._enqueue = enqueue
        self._looked: dict[str, float] = {}  # when, by platform
        self._failures: dict[str, int] = {}  # of platforms that answer, in a row, as this process sees them

    @property
    def lease(self) -> float:
        """Seconds after which whoever took a mark is given up: as long as a PATCH and the PUT after it can take."""
        return 2 * self.services.settings.http_timeout + _LEASE_MARGIN

    def wake(self, platforms: Collection[str] = ()) -> None:
        """Have what was just marked for these platforms delivered; without any, look at the jobs' times again."""
        mode = self.services.settings.dispatcher
        if mode == "thread":
            self.threads.wake(platforms)
        elif mode == "inline":
            self._in_context(lambda: [self.deliver(platform) for platform in sorted(platforms)])
        elif mode == "celery" and platforms:
            self._enqueue(platforms)

    def resume(self, platform: Platform) -> None:
        """Have what is held back from a platform sent now: it registered anew, so our token for it is another one."""
        self._failures.pop(platform.id, None)
        was_open = circuits.close_circuit(self.services, platform.id)
        if marks.hasten(self.services, platform.id) or was_open:
            self.wake([platform.id])

    def look_within(self, seconds: float) -> None:
        """Have threads of this process look what is due after so many seconds at the latest."""
        if self.services.settings.dispatcher == "thread":
            self.threads.look_within(seconds)

    def start(self) -> None:
        """Work in this process from now on, whether or not something is waiting; without threads there is no need."""
        if self.services.settings.dispatcher == "thread":
            self.threads.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the threads, each after the message that it is sending; True when all ended in time.

        Within the time, also what is due by then is delivered. What is not, stays marked.
        """
        return self.threads.stop(timeout)

    def notice_request(self) -> None:
        """Have a look, now and then, whether a process that ended left something: called with each request."""
        if self.services.settings.dispatcher == "thread":
            self.threads.look_now_and_then()

    def is_alive(self) -> bool:
        """Tell whether the threads of this process work, as far as it has any."""
        return self.threads.is_alive()

    def run_due(self) -> int:
        """Deliver all that is due now and run the jobs that are, in this thread; return how many messages went out."""
        delivered = sum(self.deliver(platform) for platform in self.due_platforms())
        self.run_jobs()
        return delivered

    def run_jobs(self) -> int:
        """Run the jobs that are due now, in this thread; return how many. A failure is logged."""
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
        """Return how many messages may be sent to a platform side by side: 1 where one has to try first."""
        self._look_at_the_clock(platform)
        due = marks.due_count(self.services, platform.id)
        if not due:
            return 0
        if not platform.is_registered:
            marks.forget(self.services, platform.id)
            circuits.close_circuit(self.services, platform.id)
            return 0
        circuit = circuits.circuit_of(self.services, platform.id)
        if circuit is None:
            return due
        return int(circuit.due <= marks.now_micros(self.services))

    def _look_at_the_clock(self, platform: Platform) -> None:
        """Once a minute, have what is due later than anything can be, as after the clock was put back, due now."""
        now = monotonic()
        if now - self._looked.get(platform.id, float("-inf")) < _CLOCK_SECONDS:
            return
        self._looked[platform.id] = now
        latest = circuits.latest_due(self.services, platform.id, lease=self.lease)
        marks.bring_forward(self.services, platform.id, latest=latest)

    def has_waiting(self, platform: Platform) -> bool:
        """Tell whether something will be due for a platform, now or later."""
        return platform.is_registered and marks.is_waiting(self.services, platform.id)

    def deliver(
        self, platform_id: str, *, seconds: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Deliver the due marks of one platform, one after another, until none is left; return how many went through.

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
        """Deliver the next due mark; None when there is none, or the platform is left alone."""
        services = self.services
        platform = services.platforms.get(platform_id)
        if platform is None or not platform.is_registered:
            marks.forget(services, platform_id)
            return None
        probes = circuits.circuit_of(services, platform_id) is not None
        if probes and not circuits.probe(services, platform_id, seconds=self.lease):
            return None
        mark = marks.take(services, platform_id, seconds=self.lease)
        if mark is None:
            if probes:
                circuits.release(services, platform_id)
            return None
        try:
            made = attempt(services, self._connect, platform, mark)
        except Exception as error:
            _log.exception("Pushing %s to %s failed.", mark.name, platform_id)
            self._failed(mark, f"{type(error).__name__}: {error}", probed=probes)
            return Outcome.FAILED
        self._settle(platform, mark, made, probed=probes)
        return made.outcome

    def _settle(self, platform: Platform, mark: Mark, made: Attempt, *, probed: bool) -> None:
        """Note what became of a mark, and what that says of the platform."""
        services = self.services
        if made.outcome is Outcome.FAILED:
            self._failed(mark, made.error_text, status_code=made.status_code, probed=probed)
        elif made.outcome is Outcome.UNREACHABLE:
            error = made.error_text
            circuit = circuits.open_circuit(services, platform.id, error, probed=probed, retry_after=made.retry_after)
            _log.warning("%s cannot be pushed to for now: %s", platform.id, error)
            # Others come first then: this one may be what it fails over.
            due = circuit.due + min(mark.attempts + 1, 60) * _MICROS
            marks.postpone(services, mark, due=due, error=error, status_code=made.status_code)
            self.threads.remind(self._seconds_to(circuit.due))
        elif made.outcome is Outcome.NEEDLESS:
            marks.settle(services, mark)
            if probed:
                circuits.release(services, platform.id)
        else:
            self._answered(platform, mark, made, probed=probed)

    def _answered(self, platform: Platform, mark: Mark, made: Attempt, *, probed: bool) -> None:
        services = self.services
        self._failures.pop(platform.id, None)
        if made.outcome is Outcome.REFUSED:
            error = made.error_text
            _log.warning("%s is not sent to %s again as it is. %s", mark.name, platform.id, error)
            marks.postpone(services, mark, due=marks.PARKED, error=error, status_code=made.status_code)
        else:
            marks.settle(services, mark)
        if probed and circuits.close_circuit(services, platform.id):
            _log.info("%s can be pushed to again.", platform.id)
        about = {"module": mark.module, "key": mark.object_key, "platform": platform, "party": mark.party}
        if made.outcome is Outcome.REFUSED:
            services.emit(push_parked, **about, error=made.error)
        else:
            services.emit(object_pushed, **about, method=made.method)

    def _failed(self, mark: Mark, error: str, *, status_code: int | None = None, probed: bool) -> None:
        """Let a mark wait for longer each time; many failures in a row are the platform's."""
        services = self.services
        seconds = circuits.pause(mark.attempts + 1, services.settings.push_longest_pause)
        due = marks.now_micros(services) + int(seconds * _MICROS)
        marks.postpone(services, mark, due=due, error=error, status_code=status_code)
        failures = self._failures[mark.platform] = self._failures.get(mark.platform, 0) + 1
        if probed or failures >= _FAILURES_IN_A_ROW:
            circuits.open_circuit(services, mark.platform, error, probed=probed)
        self.threads.remind(seconds)
        _log.warning("%s did not take %s, which is sent again later: %s", mark.platform, mark.name, error)

    def _seconds_to(self, moment: int) -> float:
        return (moment - marks.now_micros(self.services)) / _MICROS

    def in_context(self, work: Callable[[], object]) -> None:
        """Call a function in the app's context, as threads have to."""
        self._in_context(work)
