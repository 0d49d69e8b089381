"""The journal as records: messages that are written together share one, and small ones find them.

Many messages a second are few records: those of one batch with the same partner, and with the same outcome, are one.
At a few a second each has a record of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from flask_ocpi.exchange.messages import BODIES
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import FAILED
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold

JOURNAL = "journal"
#: What finds messages by the objects and causes that they are about: a record for each reference of each record.
REFERENCES = "journal_references"
#: The kinds of records that the journal stores.
KINDS = (JOURNAL, REFERENCES)

_MOST = 100  # messages in a record: the last two digits of a message's number are its place there
_LARGEST = 64 * 1024  # bytes of a record with several messages
_BATCH = 24  # characters of an id that all records of a batch have in common

#: What few messages have, and what all others have in its place.
_FURTHER: dict[str, Any] = {
    "error": "",
    "request_headers": {},
    "request_body": b"",
    "request_whole": False,
    "response_headers": {},
    "response_body": b"",
    "response_whole": False,
}


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


class Shelf(StrEnum):
    """Messages that are kept for the same time. The receivers in the keys of their references.

    STRANGERS: failed ones with a platform that is not known.
    """

    SUCCEEDED = ""
    FAILED = "failed"
    STRANGERS = "strangers"


def shelf_of(key: Key) -> str:
    """Return the shelf of a record of messages, by its key."""
    return ("failed" if key.receiver else "strangers") if key.id[-1] == "F" else ""


def moment_of(key: Key) -> int:
    """Return when the batch began that a record of messages is of, in microseconds since 1970 UTC."""
    return int(key.id[:16], 16)


def number_in(key: Key) -> int:
    """Return the number of messages in a record."""
    return int(key.id[-3:-1], 16)


class Block:
    """A record of messages, decoded. batch: the same for all records that were written together."""

    __slots__ = ("_messages", "_number", "_platform", "batch")

    def __init__(self, record: Record) -> None:
        document = record.document
        self.batch: str = document["id"][:_BATCH]
        self._messages: list[dict[str, Any]] = document["messages"]
        self._number = record.created * _MOST
        self._platform = document["platform"]

    def entries(self, places: Collection[int] | None = None) -> Iterator[Entry]:
        """Walk its messages, or those at some places, in their order."""
        number = len(self._messages)
        for place in range(number) if places is None else sorted(each for each in places if each < number):
            document = self._messages[place]
            about, said = document.pop("about"), document.pop("said")
            document["direction"] = Direction(document["direction"])
            for name in BODIES:
                document[name] = document.get(name, "").encode()
            message = Message(**document, platform=self._platform)
            yield Entry(self._number + place, message, tuple(Reference(*each) for each in about), said)


def place_of(number: int) -> tuple[int, int]:
    """Return the number of the record with a message, and its place there, by the number of the message."""
    return divmod(number, _MOST)


def receiver_of(platform: str | None) -> str:
    """Return the receiver in a key: the id of the partner, "" if it is not known."""
    return platform or ""


def key_of(record: Record) -> Key:
    """Return the key of a record of messages."""
    document = record.document
    return Key("", "", document["id"], receiver_of(document["platform"]))


def key_of_reference(record: Record) -> Key:
    """Return the key of the record of a reference."""
    kind, value, *_ = orjson.loads(record.text)
    messages, _ = found_by(record)
    return Key(kind, value, messages.id, shelf_of(messages))


def found_by(record: Record) -> tuple[Key, list[int]]:
    """Return the key of the messages that the record of a reference finds, and their places."""
    _, _, id, receiver, *places = orjson.loads(record.text)
    return Key("", "", id, receiver), places


def owner_of(reference: Reference) -> Party:
    """Return the owner of all records of a reference."""
    return Party(*reference)


def write(storage: Storage, batch: Sequence[Kept]) -> None:
    """Store messages with their references, all or none."""
    records, references = records_of(batch)
    with storage.transaction():
        storage.create_many(JOURNAL, records)
        storage.create_many(REFERENCES, references)


def records_of(batch: Sequence[Kept]) -> tuple[list[tuple[Key, Record]], list[tuple[Key, Record]]]:
    """Return the records of messages that are written together, and those of their references."""
    groups: dict[tuple[str | None, bool], list[Kept]] = {}
    for kept in batch:
        groups.setdefault((kept.message.platform, kept.message.failed), []).append(kept)
    begin = min((kept.message.moment for kept in batch), default=0)
    common = f"{begin:016X}{secrets.token_hex(4).upper()}"
    records: list[tuple[Key, Record]] = []
    references: list[tuple[Key, Record]] = []
    for (platform, failed), some in groups.items():
        for part, lines in _parts(some):
            id = f"{common}{len(records):03X}{len(part):02X}{'F' if failed else 'S'}"
            head = orjson.dumps({"id": id, "platform": platform})
            text = b'%b,"messages":[%b]}' % (head[:-1], b",".join(lines))
            key = Key("", "", id, receiver_of(platform))
            records.append((key, Record(text, begin)))
            references += _references(key, part, begin, failed=failed)
    return records, references


def _parts(some: Sequence[Kept]) -> Iterator[tuple[list[Kept], list[bytes]]]:
    """Divide messages so that no record of several is large; give also the text of each."""
    part: list[Kept] = []
    lines: list[bytes] = []
    size = 0
    for kept in some:
        line = _line(kept)
        if part and (len(part) >= _MOST or size + len(line) > _LARGEST):
            yield part, lines
            part, lines, size = [], [], 0
        part.append(kept)
        lines.append(line)
        size += len(line)
    yield part, lines


def _line(kept: Kept) -> bytes:
    """Return the text of a message, without what is as usual."""
    message = kept.message
    document = {
        "about": [*map(tuple, kept.about)],
        "said": kept.said,
        "direction": message.direction,
        "method": message.method,
        "url": message.url,
        "moment": message.moment,
        "duration": round(message.duration, 6),
        "module": message.module,
        "operation": message.operation,
        "request_id": message.request_id,
        "correlation_id": message.correlation_id,
        "http_status": message.http_status,
        "status_code": message.status_code,
        "request_bytes": message.request_bytes,
        "response_bytes": message.response_bytes,
    }
    for name, usual in _FURTHER.items():
        value = getattr(message, name)
        if value != usual:
            document[name] = value.decode() if isinstance(value, bytes) else value
    return orjson.dumps(document)


def _references(key: Key, part: Sequence[Kept], moment: int, *, failed: bool) -> Iterator[tuple[Key, Record]]:
    """Walk the records that find these messages: by what they are about, their conversations, and their failure."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, kept in enumerate(part):
        for reference in kept.about:
            places.setdefault(reference, []).append(place)
        if kept.message.correlation_id:
            places.setdefault((CORRELATION, fold(kept.message.correlation_id.strip())), []).append(place)
    if failed:
        places |= {(FAILED, platform): [*range(len(part))] for platform in {"", key.receiver}}
    shelf = shelf_of(key)
    for (kind, value), found in sorted(places.items()):  # neighbours in the index are written together
        text = orjson.dumps((kind, value, key.id, key.receiver, *found))
        yield Key(kind, value, key.id, shelf), Record(text, moment)
