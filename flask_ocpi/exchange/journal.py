"""The readers of the journal: the latest messages, the next ones, those about an object, and one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from collections.abc import Set
from dataclasses import dataclass
from dataclasses import replace
from itertools import groupby
from itertools import islice
from itertools import takewhile

from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange import journal_groups
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Block
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import hash_of
from flask_ocpi.exchange.journal_records import moment_of
from flask_ocpi.exchange.journal_records import place_of
from flask_ocpi.exchange.journal_records import receiver_of
from flask_ocpi.exchange.journal_records import references_of
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import numbered

_PAGE = 200
_FEW = 32
_LONGEST = 3600 * SECOND  # from the beginning of a message to its writing


@dataclass(frozen=True, slots=True)
class Search:
    """A filter of messages; None means any.

    platform: the id of the partner. since: microseconds since 1970 UTC. failed: only failed messages.
    Messages are found by each of them but the time, in whose order they are written; a search with several uses one of
    these.
    """

    platform: str | None = None
    correlation_id: str | None = None
    since: int | None = None
    failed: bool = False

    @property
    def query(self) -> Query:
        if self.platform is None:
            return Query(limit=_PAGE)
        return Query(owners=(NOBODY,), receiver=receiver_of(self.platform), limit=_PAGE)

    def is_before(self, moment: int) -> bool:
        """Tell whether a record of messages that began then, and so those before it, are before the wanted time."""
        return self.since is not None and moment < self.since - _LONGEST

    def fits(self, entry: Entry) -> bool:
        message = entry.message
        return (
            (self.platform is None or receiver_of(message.platform) == receiver_of(self.platform))
            and (self.correlation_id is None or message.correlation_id == self.correlation_id)
            and (self.since is None or message.moment >= self.since)
            and (message.failed or not self.failed)
        )


ANY = Search()


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the journal: the number of the last record, and whether the storage has cursors.

    seen: the numbers of the records shortly before. Others may still come there: a database numbers records before
    another process sees them.
    """

    number: int
    has_cursors: bool
    seen: frozenset[int] = frozenset()

    @property
    def begin(self) -> int:
        """The number behind which a record may be new."""
        return max(0, self.number - _PAGE) if self.has_cursors else self.number

    def after(self, numbers: Iterable[int], *, has_cursors: bool) -> Place:
        """Return the position that is also behind records with these numbers."""
        seen = self.seen.union(numbers)
        number = max((self.number, *seen))
        return Place(number, has_cursors, frozenset(each for each in seen if each > number - _PAGE))

    def behind(self, entries: Iterable[Entry]) -> Place:
        """Return the position that is also behind some messages."""
        return self.after((place_of(entry.number)[0] for entry in entries), has_cursors=self.has_cursors)


def latest(storage: Storage, search: Search, limit: int) -> list[Entry]:
    """Return the latest matching messages, oldest first."""
    found = [*islice(_backwards(storage, search), limit)]
    return found[::-1]


def end(storage: Storage) -> Place:
    """Return the position after the last message."""
    first = storage.list(JOURNAL, _after(0, Query(limit=1)))
    if first.records and first.cursor is None:
        total = storage.list(JOURNAL, Query(limit=1)).total
        records = storage.list(JOURNAL, Query(offset=max(0, total - 1), limit=_PAGE)).records
        return Place(max((record.created for record in records), default=0), has_cursors=False)
    if not first.records:
        return Place(0, has_cursors=first.cursor is not None)
    place = Place(_last_number(storage), has_cursors=True)
    records = storage.list(JOURNAL, _after(place.begin, Query(limit=_PAGE))).records
    return place.after((record.created for record in records), has_cursors=True)


def next_ones(storage: Storage, search: Search, place: Place) -> tuple[list[Entry], Place]:
    """Return the matching messages after a position, and the new position."""
    query, begin = search.query, place.begin
    blocks: list[Block] = []
    while True:
        page = storage.list(JOURNAL, _after(begin, query) if place.has_cursors else query)
        news = [record for record in page.records if record.created > begin and record.created not in place.seen]
        blocks += map(Block, news)
        if news:
            place = place.after((record.created for record in news), has_cursors=page.cursor is not None)
        if not place.has_cursors:
            query = replace(query, offset=query.offset + _PAGE)
        elif page.records:
            begin = page.records[-1].created
        if len(page.records) < _PAGE:
            found = [*_latest_first(reversed(blocks), search)]
            return found[::-1], place


def find(storage: Storage, number: int) -> Entry | None:
    """Return the message with a number; None if there is none (any more)."""
    created, place = place_of(number)
    record = numbered(storage, JOURNAL, created) if created else None
    return None if record is None else Block(record).at(place)


def about(storage: Storage, references: Sequence[Reference], search: Search = ANY, *, limit: int) -> list[Entry]:
    """Return messages about objects or causes that match a search too, oldest first.

    limit: of the messages about each, the latest.
    """
    left = dict.fromkeys(references, limit)
    hashes = set(map(hash_of, left))
    found: dict[int, Entry] = {}
    for entry in _opened(storage, journal_groups.find(storage, hashes), search, set(left)) if left else ():
        its = left.keys() & references_of(entry.about, entry.message.correlation_id)
        for reference in its:
            found[entry.number] = entry
            left[reference] -= 1
            if not left[reference]:
                del left[reference]
                hashes.intersection_update(map(hash_of, left))
        if not left:
            break
    return sorted(found.values(), key=_order)


def _order(entry: Entry) -> tuple[int, int]:
    return entry.message.moment, entry.number


def _backwards(storage: Storage, search: Search) -> Iterator[Entry]:
    """Yield the messages from latest to oldest."""
    if search.correlation_id is not None:
        cause = Reference.of(CORRELATION, search.correlation_id)
        return _opened(storage, journal_groups.find(storage, {hash_of(cause)}), search, {cause})
    if search.failed:
        keys = journal_groups.find(storage, None, (Shelf.FAILED, Shelf.STRANGERS))
        if search.platform is not None:
            keys = (key for key in keys if key.receiver == receiver_of(search.platform))
        return _opened(storage, keys, search)
    records = (record for page in _pages(storage, search.query) for record in reversed(page))
    wanted = takewhile(lambda record: not search.is_before(record.last_updated), records)
    return _latest_first(map(Block, wanted), search)


def _opened(
    storage: Storage, keys: Iterator[Key], search: Search, references: Set[Reference] | None = None
) -> Iterator[Entry]:
    """Yield the matching messages of records that come from latest to oldest."""
    wanted = takewhile(lambda key: not search.is_before(moment_of(key)), keys)
    return _latest_first(_blocks(storage, wanted), search, references)


def _blocks(storage: Storage, keys: Iterator[Key]) -> Iterator[Block]:
    """Read records, a page at a time."""
    width = _FEW
    while some := [*islice(keys, width)]:
        records = storage.get_many(JOURNAL, some)
        yield from (Block(records[key]) for key in some if key in records)
        width = _PAGE


def _latest_first(blocks: Iterable[Block], search: Search, references: Set[Reference] | None = None) -> Iterator[Entry]:
    """Yield the matching messages of records that come from latest to oldest; of a batch by their time."""
    for _, batch in groupby(blocks, key=lambda block: block.batch):
        entries = [entry for block in batch for entry in block.entries(references) if search.fits(entry)]
        yield from sorted(entries, key=_order, reverse=True)


def _pages(storage: Storage, query: Query) -> Iterator[Sequence[Record]]:
    """Yield the records of messages in pages from the end, each in the order of creation.

    Storages list records in that order only. So a page is a range of numbers, that is made wider where it has few.
    """
    first = storage.list(JOURNAL, _after(0, Query(limit=1)))
    if first.records and first.cursor is None:
        yield from _offset_pages(storage, query)
        return
    last, width = _last_number(storage) if first.records else 0, min(_FEW, _PAGE)
    while last > 0:
        start = max(0, last - width)
        page = storage.list(JOURNAL, replace(_after(start, query), limit=_PAGE)).records
        if len(page) == _PAGE and page[-1].created < last and width > _PAGE:
            width //= 2
            continue
        records = [record for record in page if record.created <= last]
        yield records
        width = width * 4 if len(records) < _FEW else min(width * 2, _PAGE)
        last = start


def _after(number: int, query: Query) -> Query:
    """Return the query of the records after one, with a total in the cursor, so that none are counted."""
    return replace(query, after=f"{number}-1")


def _last_number(storage: Storage) -> int:
    """Return the number of the last record, by asking whether there are any after a number."""

    def has_more(number: int) -> bool:
        return bool(storage.list(JOURNAL, _after(number, Query(limit=1))).records)

    low, high = 0, 1
    while has_more(high):
        low, high = high, high * 4
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if has_more(middle) else (low, middle)
    return high


def _offset_pages(storage: Storage, query: Query) -> Iterator[Sequence[Record]]:
    """Yield pages from the end by offsets."""
    first = storage.list(JOURNAL, replace(query, limit=_PAGE))
    end = first.total
    while end > _PAGE:
        start = end - _PAGE
        yield storage.list(JOURNAL, replace(query, offset=start, limit=_PAGE)).records
        end = start
    if end > 0:
        yield first.records[:end]
