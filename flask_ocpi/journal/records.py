"""How a message is kept: one record, found by the other platform and by its time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import orjson

from flask_ocpi.description import Document
from flask_ocpi.messages import Direction
from flask_ocpi.messages import Message
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold

JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the journal. number: by which people call it; it rises in the order of writing."""

    number: int
    message: Message


def receiver_of(platform: str | None) -> str:
    """Return what stands in a key for the receiver: the other platform, "" where that is not known."""
    return platform or ""


def new_record(message: Message) -> tuple[Key, Record]:
    """Return a message as it is kept; its record's ``last_updated`` is when it began."""
    document = {
        "key": f"{message.moment:016x}{secrets.token_hex(4)}",
        "direction": message.direction,
        "method": message.method,
        "url": message.url,
        "moment": message.moment,
        "duration": round(message.duration, 6),
        "platform": message.platform,
        "module": message.module,
        "operation": message.operation,
        "request_id": message.request_id,
        "correlation_id": message.correlation_id,
        "http_status": message.http_status,
        "status_code": message.status_code,
        "error": message.error,
        "request_bytes": message.request_bytes,
        "response_bytes": message.response_bytes,
        "request_headers": message.request_headers,
        "request_body": message.request_body.decode(),
        "request_whole": message.request_whole,
        "response_headers": message.response_headers,
        "response_body": message.response_body.decode(),
        "response_whole": message.response_whole,
    }
    return _key(document), Record(orjson.dumps(document), message.moment)


def read_entry(record: Record) -> Entry:
    """Return the message in a record."""
    document = record.document
    del document["key"]
    document["direction"] = Direction(document["direction"])
    for name in ("request_body", "response_body"):
        document[name] = document[name].encode()
    return Entry(record.created, Message(**document))


def key_of(record: Record) -> Key:
    """Return the key that a record is kept under."""
    return _key(record.document)


def _key(document: Document) -> Key:
    """Return a key that rises with the time: what is written together then lies together, on every index."""
    return Key("", "", fold(document["key"]), receiver_of(document["platform"]))
