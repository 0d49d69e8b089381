"""Background writing: collected in memory by requests, written in batches by a thread."""

from __future__ import annotations

import abc
import atexit
import logging
import threading
from collections.abc import Callable
from collections.abc import Sequence
from collections.abc import Sized
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from time import monotonic
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import TypeVar
from weakref import WeakSet

from flask_ocpi.core import forks
from flask_ocpi.core.moments import SECOND
from flask_ocpi.storage.base import Storage

_log = logging.getLogger("flask_ocpi")


def run_in_thread(work: Callable[[], object]) -> None:
    """Run in a thread of its own that does not keep the process alive; a failure is logged."""
    forks.thread(lambda: run_inline(work), "ocpi-background").start()


def run_inline(work: Callable[[], object]) -> None:
    """Run here and now; a failure is logged."""
    try:
        work()
    except Exception:
        _log.exception("Work in the background failed.")


BATCH = 100
PURGE_AFTER = 100  # items written
_PURGE_SECONDS = 3600.0
_COMPLAIN_SECONDS = 60.0
_EXIT_SECONDS = 5.0

T = TypeVar("T")


class WriteBehind(abc.ABC, Generic[T]):
    """Stores items in batches, in a thread.

    Items that cannot be written, or come too fast, are dropped; the log gives their number at most once a minute.
    Subclasses collect a limited number of items, and save some of them; ``title`` and ``noun`` are the names of all of
    them and of one. gather: the seconds between the first item and the write, unless ``at_once`` items wait.
    in_context: gives the context of the app, which storages may need. inline: there is no thread.
    """

    title: ClassVar[str]
    noun: ClassVar[str]
    log: ClassVar[logging.Logger]
    purge_after = PURGE_AFTER
    gather: ClassVar[float] = 0.5
    at_once: ClassVar[int] = BATCH
    _waiting: Sized  # the collected items

    def __init__(
        self,
        storage: Storage,
        *,
        clock: Callable[[], datetime],
        in_context: Callable[[], AbstractContextManager[object]],
        inline: bool,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._in_context = in_context
        self._inline = inline
        self._lost = 0
        self._complained = float("-inf")
        self._unpurged = 0
        forks.begin(self._begin)
        _flush_at_exit()
        _writers.add(self)

    @property
    def lost(self) -> int:
        """The number of items that could not be written since the start of the process."""
        return self._lost

    def flush(self, timeout: float = _EXIT_SECONDS) -> bool:
        """Write all items added so far; False if that takes longer than ``timeout`` seconds."""
        forks.look_for_fork()
        ends = monotonic() + timeout
        writing = self._writing
        with forks.waiting():
            is_mine = writing.acquire(timeout=timeout)
        if not is_mine:
            return False
        try:
            while len(self._waiting) and monotonic() < ends:
                self._write(self._take())
        finally:
            writing.release()
        return not len(self._waiting)

    def _now(self) -> int:
        return int(self._clock().timestamp() * SECOND)

    @abc.abstractmethod
    def _forget(self) -> None:
        """Drop all waiting items."""

    @abc.abstractmethod
    def _take(self) -> Sequence[T]:
        """Take and return the next batch."""

    @abc.abstractmethod
    def _save(self, batch: Sequence[T]) -> None:
        """Store a batch, all or none of it."""

    @abc.abstractmethod
    def _remove_old(self) -> None:
        """Remove old or surplus records, a limited number each time."""

    def _begin(self) -> None:
        """Start empty after a fork: the parent still has its thread, and writes the items that the fork copied."""
        self._news = threading.Event()
        self._batch = threading.Event()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._forget()

    def _have_written(self, waiting: int) -> None:
        """Start the thread that writes the waiting items, so many, soon."""
        if not self._news.is_set():
            self._wake()
        if waiting >= self.at_once:
            self._batch.set()

    def _wake(self) -> None:
        self._news.set()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                thread = forks.thread(self._run, f"ocpi-{self.noun}s")
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while True:
            with forks.waiting():
                is_idle = not self._news.wait(_PURGE_SECONDS)
                if not is_idle:
                    self._batch.wait(self.gather)
            if is_idle:
                self._purge()
                continue
            self._news.clear()
            self._batch.clear()
            self.flush(threading.TIMEOUT_MAX)

    def _write(self, batch: Sequence[T]) -> None:
        try:
            with self._in_context():
                self._save(batch)
        except Exception as error:  # the host application may have its own storage
            self._lose(len(batch), str(error) or type(error).__name__)
            return
        self._unpurged += len(batch)
        if self._unpurged >= self.purge_after:
            self._purge()

    def _purge(self) -> None:
        self._unpurged = 0
        try:
            with self._in_context():
                self._remove_old()
        except Exception as error:
            self.log.warning("Old %ss could not be removed from the %s: %s", self.noun, self.title, error)

    def _lose(self, number: int, reason: str) -> None:
        self._lost += number
        if monotonic() - self._complained >= _COMPLAIN_SECONDS:
            self._complained = monotonic()
            lost = f"{self._lost} {self.noun}" if self._lost == 1 else f"{self._lost} {self.noun}s"
            since = "since the start of the process"
            self.log.warning("The %s lacks %s %s: %s.", self.title, lost, since, reason.removesuffix("."))


_writers: WeakSet[WriteBehind[Any]] = WeakSet()


def flush_all() -> None:
    """Write the items that wait in any app of this process."""
    for writer in list(_writers):
        writer.flush()


@cache
def _flush_at_exit() -> None:
    atexit.register(flush_all)
