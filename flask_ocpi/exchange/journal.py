"""Reads the journal: the latest messages, the next ones, and one by its number."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from itertools import islice

import orjson

from flask_ocpi.core import forks
from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Document
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.messages import BODIES
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.write_behind import BATCH
from flask_ocpi.exchange.write_behind import WriteBehind
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import numbered

JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the journal. number: identifies it for people; it rises in the order of writing."""

    number: int
    message: Message


def receiver_of(platform: str | None) -> str:
    """Return the receiver in a key: the id of the partner, "" if it is not known."""
    return platform or ""


def new_record(message: Message) -> tuple[Key, Record]:
    """Return the record of a message; its ``last_updated`` is the beginning of the message."""
    document = {
        "key": f"{message.moment:016x}{secrets.token_hex(4)}",
        **{name: getattr(message, name) for name in Message.__slots__},
        **{name: getattr(message, name).decode() for name in BODIES},
        "duration": round(message.duration, 6),
    }
    return _key(document), Record(orjson.dumps(document), message.moment)


def read_entry(record: Record) -> Entry:
    """Return the message of a record."""
    document = record.document
    del document["key"]
    document["direction"] = Direction(document["direction"])
    for name in BODIES:
        document[name] = document[name].encode()
    return Entry(record.created, Message(**document))


def key_of(record: Record) -> Key:
    """Return the key of a record."""
    return _key(record.document)


def _key(document: Document) -> Key:
    """Return a key that rises with time, so that every index keeps messages of the same time together."""
    return Key("", "", fold(document["key"]), receiver_of(document["platform"]))


_PAGE = 200


@dataclass(frozen=True, slots=True)
class Search:
    """A filter of messages; None means any.

    platform: the id of the partner. since: microseconds since 1970 UTC. failed: only failed messages.
    An index serves platform and time; the other conditions are checked on the messages found by these.
    """

    platform: str | None = None
    correlation_id: str | None = None
    since: int | None = None
    failed: bool = False

    @property
    def query(self) -> Query:
        if self.platform is None:
            return Query(date_from=self.since, limit=_PAGE)
        owners = (NOBODY,)
        return Query(owners=owners, receiver=receiver_of(self.platform), date_from=self.since, limit=_PAGE)

    def matching(self, records: Sequence[Record]) -> list[Entry]:
        """Return the matching messages of records."""
        mark = b"" if self.correlation_id is None else orjson.dumps(self.correlation_id)
        entries = [read_entry(record) for record in records if mark in record.text]
        return [entry for entry in entries if self._fits(entry)]

    def _fits(self, entry: Entry) -> bool:
        message = entry.message
        return (self.correlation_id is None or message.correlation_id == self.correlation_id) and (
            message.failed or not self.failed
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the journal: the number of the last message, and the storage's cursor, if it has cursors."""

    number: int
    cursor: str | None


def latest(storage: Storage, search: Search, limit: int) -> list[Entry]:
    """Return the latest matching messages, oldest first."""
    found = [*islice(_backwards(storage, search), limit)]
    return found[::-1]


def end(storage: Storage) -> Place:
    """Return the position after the last message."""
    total = storage.list(JOURNAL, Query(limit=1)).total
    page = storage.list(JOURNAL, Query(offset=max(0, total - 1), limit=_PAGE))
    return Place(max((record.created for record in page.records), default=0), page.cursor)


def next_ones(storage: Storage, search: Search, place: Place) -> tuple[list[Entry], Place]:
    """Return the matching messages after a position, and the new position."""
    query = search.query
    found: list[Entry] = []
    while True:
        page = storage.list(JOURNAL, replace(query, after=place.cursor))
        news = [record for record in page.records if record.created > place.number]
        found += search.matching(news)
        if news:
            place = Place(news[-1].created, page.cursor)
        if place.cursor is None:  # a storage without cursors: page by offset
            query = replace(query, offset=query.offset + _PAGE)
        if len(page.records) < _PAGE:
            return found, place


def find(storage: Storage, number: int) -> Entry | None:
    """Return the message with a number; None if there is none (any more)."""
    record = numbered(storage, JOURNAL, number)
    return None if record is None else read_entry(record)


def _backwards(storage: Storage, search: Search) -> Iterator[Entry]:
    """Yield the messages from latest to oldest, by offsets, because storages list records in the other order only."""
    end = storage.list(JOURNAL, replace(search.query, limit=1)).total
    while end > 0:
        start = max(0, end - _PAGE)
        records = storage.list(JOURNAL, replace(search.query, offset=start, limit=end - start)).records
        yield from reversed(search.matching(records))
        end = start


QUEUE_LENGTH = 2000
PURGED_AT_ONCE = 200
_MOST_OF_STRANGERS = 1000


class Writer(WriteBehind[Callable[[], Message]]):
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

    def add(self, make: Callable[[], Message]) -> None:
        """Queue a message, which ``make`` makes later; returns at once and never fails."""
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
        self._storage.create_many(JOURNAL, [new_record(make()) for make in batch])

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


#: The kinds of records that the journal stores.
KINDS = (JOURNAL,)
