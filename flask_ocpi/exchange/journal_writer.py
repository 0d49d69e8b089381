"""Writes the journal beside the requests, and removes what is old or too much."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.journal import JOURNAL
from flask_ocpi.exchange.journal import REFERENCES
from flask_ocpi.exchange.journal import key_of
from flask_ocpi.exchange.journal import key_of_reference
from flask_ocpi.exchange.journal import receiver_of
from flask_ocpi.exchange.journal import write
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.write_behind import BATCH
from flask_ocpi.exchange.write_behind import PURGE_AFTER
from flask_ocpi.exchange.write_behind import WriteBehind
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

QUEUE_LENGTH = 2000
PURGED_AT_ONCE = 500
_MOST_OF_STRANGERS = 1000
# The cursor before all records, with a total, so that they are not counted.
_FIRST = Query(after="0-1")


class Writer(WriteBehind[Callable[[], Kept]]):
    """Takes messages at any time and stores them in a thread; inline: at once."""

    title = "journal"
    noun = "message"
    log = logging.getLogger("flask_ocpi.journal")

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
        self._max_age = settings.journal_max_age * SECOND
        self._max_count = settings.journal_max_count
        super().__init__(in_context=in_context, inline=inline)
        self.purge_after = max(PURGE_AFTER, min(self._max_count // 200, PURGED_AT_ONCE // 2))

    def add(self, make: Callable[[], Kept]) -> None:
        """Queue a message, which ``make`` makes later; returns at once and never fails."""
        if self._inline:
            self._write([make])
            return
        forks.look_for_fork()
        if len(self._queue) >= QUEUE_LENGTH:
            self._lose(1, "they come faster than they can be written")
            return
        self._queue.append(make)
        self._have_written(len(self._queue))

    def _forget(self) -> None:
        self._queue: deque[Callable[[], Kept]] = deque()

    def _number_waiting(self) -> int:
        return len(self._queue)

    def _take(self) -> Sequence[Callable[[], Kept]]:
        return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _save(self, batch: Sequence[Callable[[], Kept]]) -> None:
        write(self._storage, [make() for make in batch])

    def _remove_old(self) -> None:
        before = int(self._clock().timestamp() * SECOND) - self._max_age
        purge(self._storage, before=before, most=self._max_count)


def purge(storage: Storage, *, before: int, most: int) -> int:
    """Remove messages that began before a moment (microseconds), and those above the number ``most``, oldest first.

    Messages of unknown callers have a lower limit: a twentieth of ``most``, and never more than a thousand.
    Returns how many were removed; one call removes a limited number, so more may be left.
    """
    strangers = Query(owners=(NOBODY,), receiver=receiver_of(None))
    removed = _purge(storage, strangers, before=before, most=min(most // 20, _MOST_OF_STRANGERS))
    removed += _purge(storage, Query(), before=before, most=most)
    if removed:
        _purge_references(storage, before=before)
    return removed


def _purge(storage: Storage, query: Query, *, before: int, most: int) -> int:
    oldest = storage.list(JOURNAL, replace(query, limit=1))
    number = min(oldest.total - most, PURGED_AT_ONCE)
    if number <= 0:
        number = _number_of_old(storage, JOURNAL, query, before) if _are_old(oldest.records, before) else 0
    return storage.delete_page(JOURNAL, replace(query, limit=number), key_of=key_of) if number > 0 else 0


def _number_of_old(storage: Storage, kind: str, query: Query, before: int) -> int:
    """Return how many of the first records are of messages before a moment."""
    records = storage.list(kind, replace(query, limit=PURGED_AT_ONCE)).records
    return sum(1 for _ in takewhile(lambda record: record.last_updated < before, records))


def _are_old(records: Sequence[Record], before: int) -> bool:
    return any(record.last_updated < before for record in records)


def _purge_references(storage: Storage, *, before: int) -> None:
    """Remove the references that are older than all messages, or a moment; others to removed messages find nothing."""
    for first in storage.list(JOURNAL, replace(_FIRST, limit=1)).records:
        before = first.last_updated
    while number := _number_of_old(storage, REFERENCES, _FIRST, before):
        storage.delete_page(REFERENCES, replace(_FIRST, limit=number), key_of=key_of_reference)
