"""Threads that dispatch: they start on demand, end when no work is left, and drain when the process ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from functools import partial
from math import inf
from time import monotonic

from flask_ocpi.core import forks
from flask_ocpi.errors import StorageError
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.outbox.deliveries import Job
from flask_ocpi.outbox.entries import EVERYBODY

_log = logging.getLogger("flask_ocpi.outbox")

_HELD_UP = 0.005  # seconds of one message after which a thread counts as waiting for its partner
_SLOW = 0.01  # seconds a message: for slower partners a thread counts as waiting from the beginning
_LINGERS = 2.0  # seconds that a thread waits for more work


class Senders:
    """Sends the due entries of queued platforms: each thread takes the next platform and some of its entries.

    One thread works at a time: more would only take turns at every message, and together send less. When it waits for
    an answer, another one takes its place; at most OCPI_PUSH_CONCURRENCY wait for one platform. told: called when
    something was queued, or a thread ended; the owner then calls :meth:`make_up` soon, until the queue is empty.
    """

    def __init__(self, deliveries: Deliveries, told: Callable[[], None]) -> None:
        self._deliveries = deliveries
        self._told = told
        self._changed = threading.Condition()
        self._queue: dict[str, None] = {}  # in the order in which they came
        self._sending: dict[str, int] = {}  # how many threads send to a platform
        # The message of each busy thread: its platform and its (monotonic) start.
        self._working: dict[threading.Thread, tuple[str, float] | None] = {}
        self._threads: set[threading.Thread] = set()
        self._stopping = False

    @property
    def has_queue(self) -> bool:
        return bool(self._queue)

    @property
    def are_busy(self) -> bool:
        """Tell whether something is queued or being sent."""
        return bool(self._queue or self._working)

    @property
    def threads(self) -> list[threading.Thread]:
        return list(self._threads)

    def enqueue(self, platforms: Iterable[str]) -> None:
        """Have due entries sent to platforms; for EVERYBODY, have changes spread first."""
        with self._changed:
            self._queue.update(dict.fromkeys(platforms))
            self.make_up()
            is_left = bool(self._queue)
        if is_left:
            self._told()

    def make_up(self) -> None:
        """Let another thread take from the queue if all busy threads wait for their partners."""
        with self._changed:
            if self._stopping or not self._may_take():
                return
            if len(self._threads) > len(self._working):
                self._changed.notify()
                return
            thread = forks.thread(self._run, f"ocpi-push-{len(self._threads)}")
            self._threads.add(thread)
            self._working[thread] = None
            thread.start()

    def stop(self) -> None:
        """Have each thread end after the message that it is in."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _may_take(self) -> bool:
        return self._next() is not None and all(map(self._is_held_up, self._working.values()))

    def _is_held_up(self, message: tuple[str, float] | None) -> bool:
        if message is None:
            return False
        platform, since = message
        return self._is_slow(platform) or monotonic() - since > _HELD_UP

    def _is_slow(self, platform: str) -> bool:
        return self._deliveries.pace(platform) > _SLOW

    def _next(self) -> str | None:
        """Return the next platform to send to: one without a sending thread, else one with few."""
        if EVERYBODY in self._queue and EVERYBODY not in self._sending:
            return EVERYBODY
        most = self._deliveries.services.settings.push_concurrency
        found = [platform for platform in self._queue if self._sending.get(platform, 0) < most]
        return min(found, key=lambda platform: self._sending.get(platform, 0), default=None)

    def _run(self) -> None:
        """Send to one platform after another, until the queue has been empty for a while."""
        me = threading.current_thread()
        while (platform := self._take(me)) is not None:
            self._send(me, platform)

    def _take(self, me: threading.Thread) -> str | None:
        with forks.waiting(), self._changed:
            self._working.pop(me, None)
            self._changed.wait_for(lambda: self._stopping or self._may_take(), _LINGERS)
            platform = self._next() if self._may_take() and not self._stopping else None
            if platform is None:
                self._threads.discard(me)
            else:
                del self._queue[platform]
                self._sending[platform] = self._sending.get(platform, 0) + 1
                self._working[me] = None
        if platform is None:
            self._told()
        return platform

    def _send(self, me: threading.Thread, platform: str) -> None:
        """Send some due entries of a platform; if there may be more, put the platform at the end of the queue."""
        more: list[str] = []

        def is_over() -> bool:
            self._working[me] = (platform, monotonic())
            if self._is_slow(platform):
                self.make_up()
            return self._stopping

        def send() -> None:
            if platform == EVERYBODY:
                more.extend(self._deliveries.spread([EVERYBODY]))
                return
            found = self._deliveries.deliver_some(platform, stop=is_over, has_more=lambda: self.enqueue([platform]))
            self._working[me] = None
            more.extend([platform] if found.may_have_more else [])

        try:
            self._deliveries.in_context(send)
        except Exception as error:
            log_failure(f"Pushing to {platform or 'everybody'} failed", error)
        finally:
            with self._changed:
                self._sending[platform] -= 1
                if not self._sending[platform]:
                    del self._sending[platform]
            self.enqueue(more)


def log_failure(what: str, error: Exception) -> None:
    """Log a failure; one of the storage without its traceback."""
    _log.error("%s: %s", what, error or type(error).__name__, exc_info=not isinstance(error, StorageError))


_FORKED_NAP = 0.5  # seconds; a forked process may fork again and end, as daemons do when they start
_LEAST_PAUSE = 1.0  # seconds between two runs of a job
_LONGEST_ROUND = 60.0
_LOOKS = 30.0  # seconds between two looks of an idle process for the work that other processes left
_AT_EXIT = 5.0
_MAKES_UP = 0.01  # seconds between two looks at sending threads while platforms are queued
_FAILURES = 12  # failed rounds in a row; then threads end until they are needed, unless start() was called


class Threads(Dispatcher):
    """Delivers in threads (OCPI_DISPATCHER "thread"): one looks for due work, others do it.

    They start on demand and end when no work is left. A slow platform delays only its own threads, at most
    OCPI_PUSH_CONCURRENCY. While there is any work, they look every OCPI_DISPATCH_INTERVAL seconds for the work that
    other processes left.
    """

    def __init__(self, deliveries: Deliveries) -> None:
        super().__init__(deliveries)
        self._interval = deliveries.services.settings.dispatch_interval
        self._stays = False
        forks.begin(self._begin)

    def _begin(self) -> None:
        """Begin without threads: in a forked process the threads and the locks that they held belong to the parent."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._senders = Senders(self.deliveries, self._look_again)
        self._jobs: dict[str, threading.Thread] = {}
        self._ran: dict[str, float] = {}
        self._waiting: set[str] = set()  # the platforms that had entries left at the last look
        # When (monotonic) to look at all platforms and jobs, and when at the jobs alone.
        self._poll_at = self._jobs_at = 0.0
        self._lingers = 0.0
        self._makes_up = False  # whether it looks again soon because something is queued
        self._serves = False
        self._round_began = monotonic()
        self._failures = 0
        self._stopping = False
        self._began = False
        self._quiet_until = monotonic()
        if self._stays:
            self._quiet_until += _FORKED_NAP
            self._poll()

    def wake(self, platforms: Collection[str] = (), *, within: float = 0.0) -> None:
        now = monotonic()
        with self._changed:
            if platforms:
                self._lingers = now + 2 * self._interval
                self._poll_at = min(self._poll_at, now + self._interval)
            else:
                at = now + max(within, 0.0)
                if self._jobs_at <= at and self._thread is not None:
                    return
                self._jobs_at = min(self._jobs_at, at)
            self._ensure_running()
            self._changed.notify_all()
        if now >= self._quiet_until:
            self._senders.enqueue(platforms)

    def start(self) -> None:
        """Keep looking until :meth:`stop`, in forked processes as well."""
        self._stays = True
        self._poll()

    def serve(self) -> None:
        thread = self._thread
        if not self._serves or thread is None or not thread.is_alive():
            self._serves = True
            self._poll()

    def _poll(self) -> None:
        with self._changed:
            self._poll_at = 0.0
            self._ensure_running()
            self._changed.notify_all()

    def is_alive(self) -> bool:
        """Tell whether the looking thread works, or has no work left."""
        with self._changed:
            if self._thread is None:
                return not (self._stays or self._serves)
            return self._thread.is_alive() and monotonic() - self._round_began < max(_LONGEST_ROUND, self._interval * 4)

    def stop(self, timeout: float = 5.0, *, drain: bool = True) -> bool:
        """End all threads, each after its current work; return True if there was time.

        ``drain`` also delivers due entries while time allows.
        """
        ends = monotonic() + timeout
        with self._changed:
            began = self._began
            self._stopping = True
            self._changed.notify_all()
            self._senders.stop()
            threads = [self._thread, *self._jobs.values(), *self._senders.threads]
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, ends - monotonic()))
        in_time = not any(thread is not None and thread.is_alive() for thread in threads)
        if began and drain:
            in_time = self._drain(ends) and in_time
        with self._changed:
            self._stopping = self._stays = self._serves = self._began = False
            self._senders = Senders(self.deliveries, self._look_again)
        return in_time

    def _drain(self, ends: float) -> bool:
        """Deliver due entries in this thread while time allows."""

        def deliver() -> None:
            self.deliveries.spread([EVERYBODY])
            for platform in self.deliveries.due_platforms():
                self.deliveries.deliver(platform, stop=lambda: monotonic() >= ends)
            self.deliveries.pulse.end()

        if monotonic() < ends:
            try:
                self.deliveries.in_context(deliver)
            except Exception as error:
                log_failure("What was left at the end could not be pushed", error)
        return monotonic() < ends

    def _ensure_running(self) -> None:
        if self._stopping or (self._thread is not None and self._thread.is_alive()):
            return
        if not self._began:
            self._began = True
            _stop_at_exit(self)
        self._round_began = monotonic()
        self._thread = forks.thread(self._run, "ocpi-dispatcher")
        self._thread.start()

    def _run(self) -> None:
        with forks.waiting(), self._changed:
            self._changed.wait_for(lambda: self._stopping, max(0.0, self._quiet_until - monotonic()))
        while True:
            with self._changed:
                self._round_began = now = monotonic()
                polls = self._poll_at <= now
                jobs = polls or self._jobs_at <= now
                self._poll_at = inf if polls else self._poll_at
                self._jobs_at = inf if jobs else self._jobs_at
            if (at := self.deliveries.next_retry()) is not None and at <= now:
                self._senders.enqueue(self.deliveries.take_retries())
            if jobs:
                self._round(polls=polls)
            with self._changed:
                self._poll_at = min(self._poll_at, monotonic() + self._pace())
                if self._stopping or not self._is_needed():
                    self._thread = None
                    return
            with forks.waiting(), self._changed:
                self._makes_up = self._senders.has_queue
                if not self._stopping:
                    self._changed.wait(self._seconds_to_wait())
            self._senders.make_up()

    def _is_needed(self) -> bool:
        left = self._waiting or self._senders.are_busy or self._jobs or self._jobs_at < inf
        return bool(left) or self._stays or self._serves or self._is_expecting()

    def _is_expecting(self) -> bool:
        """Tell whether work may be due soon: an entry was just written, or failed a moment ago."""
        return monotonic() < self._lingers or self.deliveries.next_retry() is not None

    def _pace(self) -> float:
        """Return the seconds between two looks at everything; more for an idle process."""
        is_busy = self._stays or self._waiting or self._is_expecting()
        return self._interval if is_busy else max(_LOOKS, self._interval)

    def _seconds_to_wait(self) -> float:
        at = min(self._poll_at, self._jobs_at, self.deliveries.next_retry() or inf)
        at = min(at, monotonic() + _MAKES_UP) if self._makes_up else at
        return max(min(at - monotonic(), self._pace()), 0.001)

    def _round(self, *, polls: bool) -> None:
        """Start the due jobs; with ``polls``, also have the due entries of all platforms sent."""

        def look() -> None:
            if polls:
                self._look_at_platforms()
            self._look_at_jobs()

        try:
            self.deliveries.in_context(look)
        except Exception as error:
            log_failure("The dispatcher could not look what is due", error)
            self._failures += 1
            lasts = self._stays or self._failures < _FAILURES
            with self._changed:
                self._waiting = self._waiting if lasts else set()
                self._jobs_at = self._poll_at = monotonic() + self._interval if lasts else inf
        else:
            self._failures = 0

    def _look_at_platforms(self) -> None:
        self._senders.enqueue(self.deliveries.spread([EVERYBODY]))
        self._waiting = set(self.deliveries.waiting_platforms())
        self._senders.enqueue(filter(self.deliveries.is_due, self._waiting))
        self.deliveries.pulse.beat(lambda: self._waiting)

    def _look_at_jobs(self) -> None:
        for job in self.deliveries.services.jobs:
            left = job.seconds_left()
            if left is not None and left <= 0:
                left = self._start_job(job)
            if left is not None:
                self.wake(within=left)

    def _look_again(self) -> None:
        """Wake the looking thread: a sending thread queued something or ended."""
        with self._changed:
            if not self._makes_up or not self._senders.are_busy:  # else it looks soon anyway
                self._changed.notify_all()

    def _start_job(self, job: Job) -> float | None:
        """Start a due job, unless it runs or ran a moment ago; return when to look again."""
        with self._changed:
            if job.name in self._jobs:  # its end wakes the looking thread
                return None
            again = self._ran.get(job.name, -_LEAST_PAUSE) + _LEAST_PAUSE - monotonic()
            if again > 0:
                return again
            self._ran[job.name] = monotonic()
            thread = forks.thread(partial(self._do, job), f"ocpi-job-{job.name}")
            self._jobs[job.name] = thread
            thread.start()
        return _LEAST_PAUSE

    def _do(self, job: Job) -> None:
        try:
            self.deliveries.in_context(job.run)
        except Exception as error:
            log_failure(f"The job {job.name} failed", error)
        finally:
            with self._changed:
                self._jobs.pop(job.name, None)
                self._jobs_at = 0.0
                self._changed.notify_all()


def _stop_at_exit(threads: Threads) -> None:
    """Stop threads when the interpreter exits, without keeping them, or the app, alive until then."""
    found: Callable[[], Threads | None] = weakref.ref(threads)
    process = os.getpid()

    def stop() -> None:
        alive = found()
        if alive is not None and os.getpid() == process:
            alive.stop(_AT_EXIT)

    atexit.register(stop)
