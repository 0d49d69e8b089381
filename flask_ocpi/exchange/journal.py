"""The journal as records, and its readers: the latest messages, the next ones, those about an object, and one."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from itertools import islice

import orjson

from flask_ocpi.core.description import Document
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.messages import BODIES
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import FAILED
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import numbered

JOURNAL = "journal"
#: What finds messages by the objects and causes that they are about: a record for each reference of a message.
REFERENCES = "journal_references"
#: The kinds of records that the journal stores.
KINDS = (JOURNAL, REFERENCES)

_DEFAULTS = {each.name: each.default for each in fields(Message)} | {"request_headers": {}, "response_headers": {}}


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the journal.

    number: identifies it for people; it rises in the order of writing. about: the objects and causes that the message
    is about. said: what it said, in a short sentence without a subject.
    """

    number: int
    message: Message
    about: tuple[Reference, ...] = ()
    said: str = ""


def receiver_of(platform: str | None) -> str:
    """Return the receiver in a key: the id of the partner, "" if it is not known."""
    return platform or ""


def new_record(kept: Kept) -> tuple[Key, Record]:
    """Return the record of a message; its ``last_updated`` is the beginning of the message."""
    message = kept.message
    document = {
        "key": f"{message.moment:016x}{secrets.token_hex(4)}",
        "about": [*map(tuple, kept.about)],
        "said": kept.said,
        **{name: value for name in Message.__slots__ if (value := getattr(message, name)) != _DEFAULTS.get(name)},
        "platform": message.platform,
        "duration": round(message.duration, 6),
    }
    for name in BODIES:
        if name in document:
            document[name] = document[name].decode()
    return _key(document), Record(orjson.dumps(document), message.moment)


def read_entry(record: Record) -> Entry:
    """Return the message of a record."""
    document = record.document
    del document["key"]
    about, said = document.pop("about", ()), document.pop("said", "")
    document["direction"] = Direction(document["direction"])
    for name in BODIES:
        document[name] = document.get(name, "").encode()
    return Entry(record.created, Message(**document), tuple(Reference(*each) for each in about), said)


def key_of(record: Record) -> Key:
    """Return the key of a record."""
    return _key(record.document)


def references_of(key: Key, kept: Kept) -> list[tuple[Key, Record]]:
    """Return the records that find a message with this key: by what it is about, its conversation, its failure."""
    message = kept.message
    found = [*kept.about]
    if message.correlation_id:
        found.append(Reference.of(CORRELATION, message.correlation_id))
    if message.failed:
        found += [Reference(FAILED, platform) for platform in {"", receiver_of(message.platform)}]
    return [
        (Key(kind, value, key.id), Record(orjson.dumps((kind, value, key.id, key.receiver)), message.moment))
        for kind, value in found
    ]


def write(storage: Storage, batch: Sequence[Kept]) -> None:
    """Store messages with their references, all or none."""
    records = [new_record(kept) for kept in batch]
    found = [each for (key, _), kept in zip(records, batch, strict=True) for each in references_of(key, kept)]
    with storage.transaction():
        storage.create_many(JOURNAL, records)
        storage.create_many(REFERENCES, found)


def key_of_reference(record: Record) -> Key:
    """Return the key of the record of a reference."""
    kind, value, id, _ = orjson.loads(record.text)
    return Key(kind, value, id)


def _key(document: Document) -> Key:
    """Return a key that rises with time, so that every index keeps messages of the same time together."""
    return Key("", "", fold(document["key"]), receiver_of(document["platform"]))


_PAGE = 200
_LONGEST = 3600 * SECOND  # from the beginning of a message to its writing


@dataclass(frozen=True, slots=True)
class Search:
    """A filter of messages; None means any.

    platform: the id of the partner. since: microseconds since 1970 UTC. failed: only failed messages.
    There is an index for each of them but the time, in whose order messages are written; a search with several uses one
    of these.
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

    @property
    def reference(self) -> Reference | None:
        """The reference of all messages that it finds; None if there is none."""
        if self.correlation_id is not None:
            return Reference.of(CORRELATION, self.correlation_id)
        return Reference(FAILED, receiver_of(self.platform)) if self.failed else None

    def matching(self, records: Iterable[Record]) -> list[Entry]:
        """Return the matching messages of records."""
        return [entry for entry in map(read_entry, records) if self._fits(entry.message)]

    def is_before(self, records: Sequence[Record]) -> bool:
        """Tell whether records, and so those written before them, are all of messages before the wanted time."""
        return self.since is not None and all(record.last_updated < self.since - _LONGEST for record in records)

    def _fits(self, message: Message) -> bool:
        return (
            (self.platform is None or receiver_of(message.platform) == receiver_of(self.platform))
            and (self.correlation_id is None or message.correlation_id == self.correlation_id)
            and (self.since is None or message.moment >= self.since)
            and (message.failed or not self.failed)
        )


ANY = Search()


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


def about(storage: Storage, reference: Reference, search: Search = ANY, *, limit: int) -> list[Entry]:
    """Return the latest messages about an object or a cause that match a search too, oldest first."""
    found = [*islice(_about(storage, reference, search), limit)]
    return sorted(found, key=lambda entry: entry.number)


def _backwards(storage: Storage, search: Search) -> Iterator[Entry]:
    """Yield the messages from latest to oldest."""
    if search.reference is not None:
        yield from _about(storage, search.reference, search)
        return
    for records in _pages(storage, JOURNAL, search.query):
        yield from reversed(search.matching(records))
        if search.is_before(records):
            return


def _about(storage: Storage, reference: Reference, search: Search) -> Iterator[Entry]:
    """Yield the messages that a reference finds, from latest to oldest as they were written."""
    for page in _pages(storage, REFERENCES, Query(owners=(Party(*reference),), receiver="", limit=_PAGE)):
        keys = [Key("", "", *orjson.loads(record.text)[2:]) for record in page]
        records = storage.get_many(JOURNAL, keys)
        yield from reversed(search.matching(records[key] for key in keys if key in records))
        if search.is_before(page):
            return


def _pages(storage: Storage, kind: str, query: Query) -> Iterator[Sequence[Record]]:
    """Yield the pages from the end, by offsets, because storages list records in the other order only."""
    first = storage.list(kind, replace(query, limit=_PAGE))
    end = first.total
    while end > _PAGE:
        start = end - _PAGE
        yield storage.list(kind, replace(query, offset=start, limit=_PAGE)).records
        end = start
    if end > 0:
        yield first.records[:end]
