"""Writing the journal beside the requests: through a bounded queue, in batches, and never at their cost."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

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
from flask_ocpi.write_behind import BATCH
from flask_ocpi.write_behind import WriteBehind

QUEUE_LENGTH = 2000
PURGED_AT_ONCE = 200
_MICROS = 1_000_000
_MOST_OF_STRANGERS = 1000


class Writer(WriteBehind[Callable[[], Message]]):
    """Takes messages at any time and puts them into the storage, with a thread of its own; inline: at once."""

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
        self._max_age = settings.journal_max_age * _MICROS
        self._max_count = settings.journal_max_count
        super().__init__(in_context=in_context, inline=inline)

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
        self._have_written()

    def _forget(self) -> None:
        self._queue: deque[Callable[[], Message]] = deque()

    def _number_waiting(self) -> int:
        return len(self._queue)

    def _take(self) -> Sequence[Callable[[], Message]]:
        return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _save(self, batch: Sequence[Callable[[], Message]]) -> None:
        self._storage.save_new(JOURNAL, [new_record(make()) for make in batch])

    def _remove_old(self) -> None:
        before = int(self._clock().timestamp() * _MICROS) - self._max_age
        purge(self._storage, before=before, most=self._max_count)


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
