"""Writes the journal beside the requests, and removes what is old or too much."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TypeAlias

from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.journal_purge import Bound
from flask_ocpi.exchange.journal_purge import Purge
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.write_behind import PURGE_AFTER
from flask_ocpi.exchange.write_behind import WriteBehind
from flask_ocpi.storage.base import Storage

QUEUE_LENGTH = 2000
QUEUE_BYTES = 8 * 1024 * 1024
#: How many messages are written in one transaction.
AT_ONCE = 500
_MOST_UNPURGED = 500

#: What makes a message, and the size of what it keeps in memory until then.
_Waiting: TypeAlias = tuple[Callable[[], Kept], int]


class Writer(WriteBehind[_Waiting]):
    """Takes messages at any time and stores them in a thread; inline: at once."""

    at_once = AT_ONCE
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
        self._settings = settings
        self._purges = Purge(storage)
        super().__init__(storage, clock=clock, in_context=in_context, inline=inline)
        most = min(settings.journal_max_count, settings.journal_failed_max_count)
        self.purge_after = max(PURGE_AFTER, min(most // 20, _MOST_UNPURGED))
        # A process that writes few messages in its life removes old ones, too.
        self._unpurged = self.purge_after - PURGE_AFTER

    def add(self, make: Callable[[], Kept], size: int = 0) -> None:
        """Queue a message, which ``make`` makes later of ``size`` bytes; returns at once and never fails."""
        if self._inline:
            self._write([(make, size)])
            return
        forks.look_for_fork()
        with self._counting:
            has_room = len(self._waiting) < QUEUE_LENGTH and self._size + size <= QUEUE_BYTES
            if has_room:
                self._size += size
                self._waiting.append((make, size))
        if has_room:
            self._have_written(len(self._waiting))
        else:
            self._lose(1, "they come faster than they can be written")

    def _forget(self) -> None:
        self._counting = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0

    def _take(self) -> Sequence[_Waiting]:
        with self._counting:
            taken = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            self._size -= sum(size for _, size in taken)
        return taken

    def _save(self, batch: Sequence[_Waiting]) -> None:
        write(self._storage, [make() for make, _ in batch])

    def _remove_old(self) -> None:
        now, settings = self._now(), self._settings
        self._purges.run(
            Bound(now - settings.journal_max_age * SECOND, settings.journal_max_count),
            failed=Bound(now - settings.journal_failed_max_age * SECOND, settings.journal_failed_max_count),
        )
