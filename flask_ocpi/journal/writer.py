"""Writing the journal beside the requests: through a bounded queue, in batches, and never at their cost."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import cache
from time import monotonic
from weakref import WeakSet

from flask_ocpi import forks
from flask_ocpi.config import Settings
from flask_ocpi.journal.records import JOURNAL
from flask_ocpi.journal.records import key_of
from flask_ocpi.journal.records import new_record
from flask_ocpi.journal.records import receiver_of
from flask_ocpi.messages import Message
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage

_log = logging.getLogger("flask_ocpi.journal")

QUEUE_LENGTH = 2000
BATCH = 100
PURGED_AT_ONCE = 200
PURGE_AFTER = 100  # messages
_PURGE_SECONDS = 3600.0
_GATHER_SECONDS = 0.5  # for which messages are collected before they are written, unless there is a batch
_COMPLAIN_SECONDS = 60.0
_EXIT_SECONDS = 5.0
_MICROS = 1_000_000
_MOST_OF_STRANGERS = 1000


class Writer:
    """Takes messages at any time and puts them into the storage, with a thread of its own.

    What cannot be written, or comes faster than it can be, is dropped, and logged with a count once a minute at the
    most. in_context: gives the context of the app, which storages may need. inline: write at once, without a thread.
    """

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        in_context: Callable[[], AbstractContextManager[object]],
        inline: bool,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._in_context = in_context
        self._inline = inline
        self._max_age = settings.journal_max_age * _MICROS
        self._max_count = settings.journal_max_count
        self._lost = 0
        self._complained = float("-inf")
        self._unpurged = 0
        forks.begin(self._begin)
        _flush_at_exit()
        _writers.add(self)

    @property
    def lost(self) -> int:
        """How many messages could not be written since the start of the process."""
        return self._lost

    def add(self, make: Callable[[], Message]) -> None:
        """Have a message written, that ``make`` makes when there is time; returns at once and never fails."""
        if self._inline:
            self._write([make])
            return
        forks.look_for_fork()
        if len(self._queue) >= QUEUE_LENGTH:
            self._lose(1, "they come faster than they can be written")
            return
        self._queue.append(make)
        if not self._news.is_set():
            self._wake()
        if len(self._queue) >= BATCH:
            self._batch.set()

    def flush(self, timeout: float = _EXIT_SECONDS) -> bool:
        """Write everything that was added so far; False when that takes longer than ``timeout`` seconds."""
        forks.look_for_fork()
        ends = monotonic() + timeout
        writing = self._writing
        with forks.waiting():
            is_mine = writing.acquire(timeout=timeout)
        if not is_mine:
            return False
        try:
            while self._queue and monotonic() < ends:
                self._write_some()
        finally:
            writing.release()
        return not self._queue

    def _begin(self) -> None:
        """Begin with an empty queue: what a fork copied is written by the parent, whose thread did not come along."""
        self._queue: deque[Callable[[], Message]] = deque()
        self._news = threading.Event()
        self._batch = threading.Event()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def _wake(self) -> None:
        self._news.set()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                thread = forks.thread(self._run, "ocpi-journal")
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while True:
            with forks.waiting():
                is_idle = not self._news.wait(_PURGE_SECONDS)
                if not is_idle:
                    self._batch.wait(_GATHER_SECONDS)
            if is_idle:
                self._purge()
                continue
            self._news.clear()
            self._batch.clear()
            self.flush(threading.TIMEOUT_MAX)

    def _write_some(self) -> None:
        self._write([self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))])

    def _write(self, batch: Sequence[Callable[[], Message]]) -> None:
        """Write some messages, all or none of them."""
        try:
            with self._in_context():
                self._storage.save_new(JOURNAL, [new_record(make()) for make in batch])
        except Exception as error:  # the storage may be anybody's
            self._lose(len(batch), str(error) or type(error).__name__)
            return
        self._unpurged += len(batch)
        if self._unpurged >= PURGE_AFTER:
            self._purge()

    def _purge(self) -> None:
        """Remove what is too old or too much, a limited number of messages each time."""
        self._unpurged = 0
        try:
            with self._in_context():
                before = int(self._clock().timestamp() * _MICROS) - self._max_age
                purge(self._storage, before=before, most=self._max_count)
        except Exception as error:
            _log.warning("Old messages could not be removed from the journal: %s", error)

    def _lose(self, number: int, reason: str) -> None:
        self._lost += number
        if monotonic() - self._complained >= _COMPLAIN_SECONDS:
            self._complained = monotonic()
            lost = "1 message" if self.lost == 1 else f"{self.lost} messages"
            _log.warning("The journal lacks %s since the start of the process: %s.", lost, reason.removesuffix("."))


def purge(storage: Storage, *, before: int, most: int) -> int:
    """Remove messages that began before a moment (microseconds), or are more than ``most``, oldest first.

    Of messages of unknown callers, at most a twentieth as many are kept, and a thousand.
    Returns how many; there may be more left to remove than are removed at once.
    """
    strangers = Query(owners=(Party("", ""),), receiver=receiver_of(None))
    removed = _purge(storage, strangers, before=before, most=min(most // 20, _MOST_OF_STRANGERS))
    return removed + _purge(storage, Query(), before=before, most=most)


def _purge(storage: Storage, query: Query, *, before: int, most: int) -> int:
    oldest = storage.list(JOURNAL, replace(query, limit=1))
    surplus = oldest.total - most
    if surplus > 0:
        ending = replace(query, limit=min(surplus, PURGED_AT_ONCE))
    elif any(record.last_updated < before for record in oldest.records):
        ending = replace(query, date_to=before, limit=PURGED_AT_ONCE)
    else:
        return 0
    return storage.delete_page(JOURNAL, ending, key_of=key_of)


_writers: WeakSet[Writer] = WeakSet()


@cache
def _flush_at_exit() -> None:
    def flush() -> None:
        for writer in list(_writers):
            writer.flush()

    atexit.register(flush)
