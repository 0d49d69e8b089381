"""The journal as records: messages that are written together share one.

Many messages a second are few records: those of one batch with the same partner, and with the same outcome, are one.
At a few a second each has a record of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zlib import crc32

import orjson

from flask_ocpi.exchange.messages import BODIES
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold

JOURNAL = "journal"

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
    """Messages that are kept for the same time. The receivers in the keys of their groups.

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

    def entries(self, about: Set[tuple[str, str]] | None = None) -> Iterator[Entry]:
        """Walk its messages in their order, or those that have one of some references."""
        for place, document in enumerate(self._messages):
            if about is None or not about.isdisjoint(references_of(document["about"], document["correlation_id"])):
                yield self._entry(place)

    def at(self, place: int) -> Entry | None:
        """Return the message at a place; None if there is none."""
        return self._entry(place) if place < len(self._messages) else None

    def _entry(self, place: int) -> Entry:
        document = dict(self._messages[place])
        about, said = document.pop("about"), document.pop("said")
        document["direction"] = Direction(document["direction"])
        for name in BODIES:
            document[name] = document.get(name, "").encode()
        message = Message(**document, platform=self._platform)
        return Entry(self._number + place, message, tuple(Reference(*each) for each in about), said)


def references_of(about: Iterable[Sequence[str]], correlation_id: str) -> Iterator[tuple[str, str]]:
    """Walk what a message is found by: what it is about, and its conversation."""
    for kind, value in about:  # noqa: UP028  (lists become tuples)
        yield kind, value
    if correlation_id:
        yield CORRELATION, fold(correlation_id.strip())


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


def hash_of(reference: tuple[str, str]) -> int:
    """Return the hash of a reference, of 32 bits, by which groups find messages."""
    return crc32(f"{reference[0]} {reference[1]}".encode())


def records_of(batch: Sequence[Kept]) -> dict[Key, tuple[Record, set[int]]]:
    """Return the records of messages that are written together, with the hashes of what they are about."""
    shared: dict[tuple[str | None, bool], list[Kept]] = {}
    for kept in batch:
        shared.setdefault((kept.message.platform, kept.message.failed), []).append(kept)
    begin = min((kept.message.moment for kept in batch), default=0)
    common = f"{begin:016X}{secrets.token_hex(4).upper()}"
    records: dict[Key, tuple[Record, set[int]]] = {}
    for (platform, failed), some in shared.items():
        for part, lines in _parts(some):
            id = f"{common}{len(records):03X}{len(part):02X}{'F' if failed else 'S'}"
            head = orjson.dumps({"id": id, "platform": platform})
            text = b'%b,"messages":[%b]}' % (head[:-1], b",".join(lines))
            found = (references_of(kept.about, kept.message.correlation_id) for kept in part)
            hashes = {hash_of(reference) for some in found for reference in some}
            records[Key("", "", id, receiver_of(platform))] = Record(text, begin), hashes
    return records


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
