"""Threads that send: few while partners answer quickly, more while some are slow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterable
from time import monotonic

from flask_ocpi.core import forks
from flask_ocpi.errors import StorageError
from flask_ocpi.outbox.deliveries import Deliveries
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
