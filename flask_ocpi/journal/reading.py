"""Reading the journal: the latest messages, those that come next, and one by its number."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import islice

import orjson

from flask_ocpi.journal.records import JOURNAL
from flask_ocpi.journal.records import Entry
from flask_ocpi.journal.records import read_entry
from flask_ocpi.journal.records import receiver_of
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import numbered

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Search:
    """Which messages are looked for; None means any.

    platform: the id of the other platform. since: microseconds since 1970 UTC. failed: only those that were no success.
    A platform and a time are looked up on an index; for the rest, the messages that they leave are read.
    """

    platform: str | None = None
    correlation_id: str | None = None
    since: int | None = None
    failed: bool = False

    @property
    def query(self) -> Query:
        if self.platform is None:
            return Query(date_from=self.since, limit=_PAGE)
        owners = (Party("", ""),)
        return Query(owners=owners, receiver=receiver_of(self.platform), date_from=self.since, limit=_PAGE)

    def matching(self, records: Sequence[Record]) -> list[Entry]:
        """Return the messages in records that are looked for."""
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
    """How far the journal was read: the number of the last message, and the storage's cursor, where it has such."""

    number: int
    cursor: str | None


def latest(storage: Storage, search: Search, limit: int) -> list[Entry]:
    """Return the latest messages that are looked for, oldest first."""
    found = [*islice(_backwards(storage, search), limit)]
    return found[::-1]


def end(storage: Storage) -> Place:
    """Return the place behind the last message that there is."""
    total = storage.list(JOURNAL, Query(limit=1)).total
    page = storage.list(JOURNAL, Query(offset=max(0, total - 1), limit=_PAGE))
    return Place(max((record.created for record in page.records), default=0), page.cursor)


def next_ones(storage: Storage, search: Search, place: Place) -> tuple[list[Entry], Place]:
    """Return the messages that are looked for and came after a place, and the place behind them."""
    query = search.query
    found: list[Entry] = []
    while True:
        page = storage.list(JOURNAL, replace(query, after=place.cursor))
        news = [record for record in page.records if record.created > place.number]
        found += search.matching(news)
        if news:
            place = Place(news[-1].created, page.cursor)
        if place.cursor is None:  # no cursors in this storage: turn the pages
            query = replace(query, offset=query.offset + _PAGE)
        if len(page.records) < _PAGE:
            return found, place


def find(storage: Storage, number: int) -> Entry | None:
    """Return the message with a number, None when there is none (any more)."""
    record = numbered(storage, JOURNAL, number)
    return None if record is None else read_entry(record)


def _backwards(storage: Storage, search: Search) -> Iterator[Entry]:
    """Walk the messages from the latest to the oldest; records cannot be listed that way, so by offsets."""
    end = storage.list(JOURNAL, replace(search.query, limit=1)).total
    while end > 0:
        start = max(0, end - _PAGE)
        records = storage.list(JOURNAL, replace(search.query, offset=start, limit=end - start)).records
        yield from reversed(search.matching(records))
        end = start
