"""Threads that dispatch: they start with the first need, end when nothing is left, and drain when the process ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable
from collections.abc import Collection
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from flask_ocpi.core import forks
from flask_ocpi.errors import StorageError

if TYPE_CHECKING:
    from flask_ocpi.outbox.dispatcher import Dispatcher
    from flask_ocpi.outbox.dispatcher import Job

_log = logging.getLogger("flask_ocpi.outbox")

_FIRST_NAP = 0.05  # seconds; who woke us may still have to commit
_FORKED_NAP = 0.5  # a process that was forked may do so again and end, as daemons come to be
_LEAST_PAUSE = 1.0  # between two runs of a job
_LONGEST_ROUND = 60.0
_LOOKS = 30.0  # seconds between two looks of a process that serves at what other processes left
_AT_EXIT = 5.0
_FAILURES = 12  # rounds in a row, after which threads that nobody asked to stay wait for the next need


class Threads:
    """One thread that looks what is due, and others that do it: for each platform some, for each job one.

    A slow platform holds up none but its own threads, of which there are at most OCPI_PUSH_CONCURRENCY. interval:
    seconds between looks at what other processes left, while there is anything at all.
    """

    def __init__(self, dispatcher: Dispatcher, *, interval: float) -> None:
        self._dispatcher = dispatcher
        self._interval = interval
        self._stays = False
        _all.add(self)
        forks.begin(self._begin)

    def _begin(self) -> None:
        """Begin without threads: in a forked process they, and the locks in their hands, stayed with the parent."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._lanes: dict[str, set[threading.Thread]] = {}
        self._jobs: dict[str, threading.Thread] = {}
        self._ran: dict[str, float] = {}
        self._hinted: set[str] = set()
        self._all_wanted = True
        self._alarm: float | None = None
        self._nap = _FIRST_NAP
        self._lingers = 0.0
        self._serves = False
        self._look_at = 0.0
        self._round_began = monotonic()
        self._failures = 0
        self._stopping = False
        self._began = False
        self._quiet_until = monotonic()
        if self._stays:
            self._quiet_until += _FORKED_NAP
            self.wake()

    def wake(self, platforms: Collection[str] = ()) -> None:
        """Take notice of new marks, or (without platforms) of new times of jobs."""
        with self._changed:
            self._hinted.update(platforms)
            self._all_wanted = self._all_wanted or not platforms
            self._nap = _FIRST_NAP
            self._lingers = monotonic() + 2 * self._interval
            self._ensure_running()
            self._changed.notify_all()

    def start(self) -> None:
        """Keep looking until :meth:`stop`, in forked processes as well."""
        self._stays = True
        self.wake()

    def look_now_and_then(self) -> None:
        """Look at what other processes left, unless that was done a moment ago, and from now on every so often."""
        if self._look_at <= monotonic():
            self._look_at = monotonic() + _LOOKS
            self._serves = True
            self.wake()

    def remind(self, seconds: float) -> None:
        """Look again after so many seconds at the latest, while the threads run."""
        with self._changed:
            at = monotonic() + max(seconds, 0.0)
            self._alarm = at if self._alarm is None else min(self._alarm, at)
            self._changed.notify_all()

    def look_within(self, seconds: float) -> None:
        """Look after so many seconds at the latest, and be there until then; nothing to do where that is so anyway."""
        at = monotonic() + max(seconds, 0.0)
        with self._changed:
            if self._alarm is not None and self._alarm <= at and self._thread is not None:
                return
            self._alarm = at if self._alarm is None else min(self._alarm, at)
            self._ensure_running()
            self._changed.notify_all()

    def is_running(self) -> bool:
        """Tell whether the looking thread, or one that it started, is there."""
        with self._changed:
            return self._thread is not None or bool(self._lanes or self._jobs)

    def is_alive(self) -> bool:
        """Tell whether the looking thread works, or nothing is left for it to do."""
        with self._changed:
            if self._thread is None:
                return not (self._stays or self._serves)
            return self._thread.is_alive() and monotonic() - self._round_began < max(_LONGEST_ROUND, self._interval * 4)

    def stop(self, timeout: float, *, drain: bool = True) -> bool:
        """End all threads, each after what it is doing; True when there was time.

        ``drain`` delivers what else is due, as far as there is time.
        """
        ends = monotonic() + timeout
        with self._changed:
            began = self._began
            self._stopping = True
            self._changed.notify_all()
            threads = [self._thread, *self._jobs.values(), *(lane for lanes in self._lanes.values() for lane in lanes)]
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, ends - monotonic()))
        in_time = not any(thread is not None and thread.is_alive() for thread in threads)
        if began and drain:
            in_time = self._drain(ends) and in_time
        with self._changed:
            self._stopping = self._stays = self._serves = self._began = False
        return in_time

    def _drain(self, ends: float) -> bool:
        """Deliver in this thread what is due, as far as there is time."""

        def deliver() -> None:
            for platform in self._dispatcher.due_platforms():
                self._dispatcher.deliver(platform, seconds=max(0.0, ends - monotonic()))

        if monotonic() < ends:
            try:
                self._dispatcher.in_context(deliver)
            except Exception as error:
                _log_failure("What was left at the end could not be pushed", error)
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
        next_poll = 0.0
        with forks.waiting(), self._changed:
            self._changed.wait_for(lambda: self._stopping, max(0.0, self._quiet_until - monotonic()))
        while True:
            with self._changed:
                hinted, self._hinted = self._hinted, set()
                everything = self._all_wanted or next_poll <= monotonic()
                self._all_wanted = False
                self._round_began = monotonic()
                if self._alarm is not None and self._alarm <= monotonic():
                    self._alarm, everything = None, True
            left = self._round(hinted, everything)
            if everything:
                next_poll = monotonic() + self._interval
            with self._changed:
                busy = self._hinted or self._all_wanted or self._lanes or self._jobs
                if self._stopping or not (left is not None or busy or self._is_kept()):
                    self._thread = None
                    return
            with forks.waiting(), self._changed:
                if not self._hinted and not self._all_wanted and not self._stopping:
                    self._changed.wait(self._seconds_to_wait(left))

    def _is_kept(self) -> bool:
        return self._stays or self._serves or self._lingers_on()

    def _lingers_on(self) -> bool:
        return self._alarm is not None or monotonic() < self._lingers

    def _seconds_to_wait(self, left: float | None) -> float:
        # A process that serves, and has nothing to do, looks what others left; it need not be quick about it.
        is_idle = left is None and not self._stays and not self._lingers_on()
        waits = [max(_LOOKS, self._interval)] if is_idle else [self._interval, self._nap]
        self._nap = min(self._nap * 2, self._interval)
        if left is not None:
            waits.append(max(left, 0.0))
        if self._alarm is not None:
            waits.append(max(self._alarm - monotonic(), 0.0))
        return max(min(waits), 0.001)

    def _round(self, hinted: Collection[str], everything: bool) -> float | None:
        """Start threads for what is due; return the seconds until something is, None when nothing waits at all."""
        found: list[float] = []
        try:
            self._dispatcher.in_context(lambda: found.extend(self._look(hinted, everything)))
        except Exception as error:
            _log_failure("The dispatcher could not look what is due", error)
            self._failures += 1
            return self._interval if self._stays or self._failures < _FAILURES else None
        self._failures = 0
        return min(found, default=None)

    def _look(self, hinted: Collection[str], everything: bool) -> list[float]:
        dispatcher = self._dispatcher
        waiting = []
        platforms = dispatcher.services.platforms
        for platform in platforms.all() if everything else filter(None, map(platforms.get, hinted)):
            due = dispatcher.messages_due(platform)
            if due:
                self._add_lanes(platform.id, due)
            if due or dispatcher.has_waiting(platform):
                waiting.append(self._interval)
        for job in dispatcher.services.jobs:
            left = job.seconds_left()
            if left is not None and left <= 0:
                left = self._start_job(job)
            if left is not None:
                waiting.append(left)
        return waiting

    def _add_lanes(self, platform: str, due: int) -> None:
        most = self._dispatcher.services.settings.push_concurrency
        with self._changed:
            lanes = self._lanes.setdefault(platform, set())
            for _ in range(min(due, most - len(lanes))):
                lane = forks.thread(partial(self._deliver, platform), f"ocpi-push-{platform}")
                lanes.add(lane)
                lane.start()

    def _deliver(self, platform: str) -> None:
        failed = True
        try:
            self._dispatcher.in_context(lambda: self._dispatcher.deliver(platform, stop=lambda: self._stopping))
            failed = False
        except Exception as error:
            _log_failure(f"Pushing to {platform} failed", error)
        finally:
            with self._changed:
                lanes = self._lanes.get(platform, set())
                lanes.discard(threading.current_thread())
                if not lanes:
                    self._lanes.pop(platform, None)
                if not failed:  # something may have been marked after the last look
                    self._hinted.add(platform)
                self._changed.notify_all()

    def _start_job(self, job: Job) -> float:
        """Start a job that is due, unless it is running or did so a moment ago; return when to look again."""
        with self._changed:
            again = self._ran.get(job.name, -_LEAST_PAUSE) + _LEAST_PAUSE - monotonic()
            if job.name in self._jobs or again > 0:
                return max(again, 0.1)
            self._ran[job.name] = monotonic()
            thread = forks.thread(partial(self._do, job), f"ocpi-job-{job.name}")
            self._jobs[job.name] = thread
            thread.start()
        return _LEAST_PAUSE

    def _do(self, job: Job) -> None:
        try:
            self._dispatcher.in_context(job.run)
        except Exception as error:
            _log_failure(f"The job {job.name} failed", error)
        finally:
            with self._changed:
                self._jobs.pop(job.name, None)
                self._changed.notify_all()


def _log_failure(what: str, error: Exception) -> None:
    """Log a failure; of the storage, which comes back or not, without the way that led there."""
    _log.error("%s: %s", what, error or type(error).__name__, exc_info=not isinstance(error, StorageError))


_all: weakref.WeakSet[Threads] = weakref.WeakSet()


def running() -> list[Threads]:
    """Return those of this process that have a thread, such as what a test left behind."""
    return [threads for threads in list(_all) if threads.is_running()]


def _stop_at_exit(threads: Threads) -> None:
    """Let threads end well when the interpreter does, without keeping them, or the app, alive until then."""
    found: Callable[[], Threads | None] = weakref.ref(threads)
    process = os.getpid()

    def stop() -> None:
        alive = found()
        if alive is not None and os.getpid() == process:
            alive.stop(_AT_EXIT)

    atexit.register(stop)
