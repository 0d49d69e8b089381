"""Records in the memory of one process: the reference behaviour of a storage, for tests and examples."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from flask_ocpi.core import forks
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import FORKED
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import how_many_fit

_Undo: TypeAlias = list[tuple[str, Key, Record | None]]


class MemoryStorage(Storage):
    """Keep records in dicts. They vanish with the process, and no other process sees them.

    Each call and each whole transaction holds one lock: everything happens one after another.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Key, Record]] = {}
        self._created = 0
        # The records that the running transaction replaced, oldest first; None outside of a transaction.
        self._undo: _Undo | None = None
        self._work: list[Callable[[], None]] = []
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        if self._undo is not None:  # a forked process does not have the open transaction
            self._roll_back(self._undo)
            self._undo = None

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        with self._lock:
            if for_update and self._undo is None:
                raise StorageError(
                    "get(for_update=True) holds the record until the end of a transaction: open one first."
                )
            return self._kinds.get(kind, {}).get(key)

    def list(self, kind: str, query: Query) -> Page:
        with self._lock:
            found = [record for key, record in self._kinds.get(kind, {}).items() if _matches(query, key, record)]
        # The rollback of a delete put its record last.
        found.sort(key=lambda record: record.created)
        after = read_cursor((query.after or "").partition("-")[0])
        skipped = query.offset if after is None else sum(record.created <= after for record in found)
        records = tuple(found[skipped : skipped + query.limit])
        records = records[: how_many_fit([record.text for record in records], query.max_bytes)]
        return Page(records, len(found), str(records[-1].created) if records else query.after)

    def save(self, kind: str, key: Key, record: Record, *, expected: int | None = None) -> bool:
        with self._lock:
            records = self._kinds.setdefault(kind, {})
            stored = records.get(key)
            revision = stored.revision if stored else 0
            is_another = stored is not None and record.created not in (0, stored.created)
            if expected is not None and (expected != revision or is_another):
                raise ConflictError(f"{kind} {key.id} is at revision {revision}, not {expected}.")
            self._remember(kind, key, stored)
            if stored is None:
                self._created += 1
            created = stored.created if stored else self._created
            records[key] = replace(record, revision=revision + 1, created=created)
            return stored is None

    def delete(self, kind: str, key: Key) -> bool:
        with self._lock:
            stored = self._kinds.get(kind, {}).pop(key, None)
            if stored is None:
                return False
            self._remember(kind, key, stored)
            return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._undo is not None:
                yield
                return
            undo = self._undo = []
            done: list[Callable[[], None]] = []
            self._work = done
            try:
                yield
                if self._undo is not undo:
                    raise StorageError(FORKED)
            except BaseException:
                if self._undo is undo:
                    self._roll_back(undo)
                raise
            finally:
                if self._undo is undo:
                    self._undo = None
        for work in done:
            work()

    def after_commit(self, work: Callable[[], None], session: HostSession | None = None) -> None:
        with self._lock:
            if self._undo is not None:
                self._work.append(work)
                return
        work()

    def setup(self) -> None:
        """Nothing to do: a dict needs no tables."""

    def _remember(self, kind: str, key: Key, stored: Record | None) -> None:
        if self._undo is not None:
            self._undo.append((kind, key, stored))

    def _roll_back(self, undo: _Undo) -> None:
        for kind, key, stored in reversed(undo):
            if stored is None:
                self._kinds[kind].pop(key, None)
            else:
                self._kinds[kind][key] = stored


def read_cursor(after: str | None) -> int | None:
    """Read the cursor of an earlier page, the ``created`` of its last record; None if it is not from here."""
    if after is None or len(after) > 18 or not (after.isascii() and after.isdigit()):
        return None
    return int(after)


def _matches(query: Query, key: Key, record: Record) -> bool:
    return (
        (query.owners is None or key.owner in query.owners)
        and (query.receiver is None or key.receiver == query.receiver)
        and (query.audience is None or not record.audience or not set(query.audience).isdisjoint(record.audience))
        and (query.date_from is None or record.last_updated >= query.date_from)
        and (query.date_to is None or record.last_updated < query.date_to)
    )
