"""Threads that send: few where partners answer at once, more where some take their time."""

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

_HELD_UP = 0.005  # seconds in one message after which a thread waits for its partner, rather than works
_SLOW = 0.01  # seconds a message, with which a thread is taken to wait for the partner from the beginning
_LINGERS = 2.0  # seconds that a thread waits for more


class Senders:
    """Sends what is due to platforms in a queue: each thread takes the next platform, and some of its entries.

    One thread works at a time. Others would only take turns with it, at every message, and together send less. Where it
    waits for an answer, another one takes its place, and at most OCPI_PUSH_CONCURRENCY wait for one platform. told:
    called when something was queued, or a thread ended; whoever is told calls :meth:`make_up` soon, until the queue is
    empty.
    """

    def __init__(self, deliveries: Deliveries, told: Callable[[], None]) -> None:
        self._deliveries = deliveries
        self._told = told
        self._changed = threading.Condition()
        self._queue: dict[str, None] = {}  # in the order in which they came
        self._sending: dict[str, int] = {}  # how many threads send to a platform
        # What each thread that is not idle does: in which message it is, by its platform and (monotonic) since when.
        self._working: dict[threading.Thread, tuple[str, float] | None] = {}
        self._threads: set[threading.Thread] = set()
        self._stopping = False

    @property
    def has_queue(self) -> bool:
        return bool(self._queue)

    @property
    def are_busy(self) -> bool:
        """Tell whether something is queued, or being sent."""
        return bool(self._queue or self._working)

    @property
    def threads(self) -> list[threading.Thread]:
        return list(self._threads)

    def enqueue(self, platforms: Iterable[str]) -> None:
        """Have something sent to platforms; of EVERYBODY, have changes spread, before anything else."""
        with self._changed:
            self._queue.update(dict.fromkeys(platforms))
            self.make_up()
            is_left = bool(self._queue)
        if is_left:
            self._told()

    def make_up(self) -> None:
        """Have another thread take what is queued, if all that work wait for their partners."""
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
        """Return the platform that is to be sent to next: one to which nobody sends, or else few do."""
        if EVERYBODY in self._queue and EVERYBODY not in self._sending:
            return EVERYBODY
        most = self._deliveries.services.settings.push_concurrency
        found = [platform for platform in self._queue if self._sending.get(platform, 0) < most]
        return min(found, key=lambda platform: self._sending.get(platform, 0), default=None)

    def _run(self) -> None:
        """Send to one platform after another, until there has been nothing to do for a while."""
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
        """Send some of what is due for a platform; if there may be more, put the platform at the end of the queue."""
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
    """Log a failure; of the storage, which comes back or not, without the way that led there."""
    _log.error("%s: %s", what, error or type(error).__name__, exc_info=not isinstance(error, StorageError))
