"""Quarantine: objects of other platforms that could not be stored, until they can."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from flask_ocpi.client.listing import Broken
from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.fields import format_date_time
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.scopes import NOBODY
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.watermarks import now_micros

QUARANTINE = "sync_quarantine"

_MOST = 1000  # objects of one scope
_LONGEST_ID = 255
_LONGEST_DOCUMENT = 64 * 1024  # bytes
_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An object that could not be stored.

    id: what identifies it, as far as that can be read: country code, party id and so on; "" where it cannot. name: the
    same for comparison, made from the content where there is no id.
    document: None when it is too large to be kept, or cannot be. since, count: the first time, and how often it came.
    """

    platform: str
    module: str
    receiver: Party
    name: str
    id: str
    document: Any
    reason: str
    since: str
    count: int

    @classmethod
    def from_record(cls, record: Record) -> Quarantined:
        document = record.document
        return cls(**{**document, "receiver": Party(*document["receiver"])})


def quarantined(services: Services, *, platform: str | None = None) -> Iterator[Quarantined]:
    """Walk what is in quarantine, of all platforms or of the one with that id."""
    records = walk(services.storage, QUARANTINE, Query(owners=(NOBODY,)))
    return (item for item in map(Quarantined.from_record, records) if platform in (None, item.platform))


def names_in(services: Services, scope: Scope) -> set[str]:
    """Return the names (see :func:`name_of`) of the objects of a scope that are in quarantine."""
    records = walk(services.storage, QUARANTINE, Query(owners=(NOBODY,), receiver=scope.name))
    return {Quarantined.from_record(record).name for record in records}


def put(services: Services, scope: Scope, items: Iterable[Broken], known: Collection[str]) -> set[str]:
    """Put objects into quarantine, or note that they came again; return their names. In a transaction.

    ``known`` are the names that are there. Of one scope at most a thousand are kept: a list that is broken as a whole
    fills no storage.
    """
    now = format_date_time(services.clock())
    added: set[str] = set()
    for item in items:
        id, text = _readable_id(scope.object_type, item.document), _text(item.document)
        name = _name(id, text)
        if name not in known and len(known) + len(added) >= _MOST:
            continue
        stored = services.storage.get(QUARANTINE, _key(scope, name), for_update=True)
        before = None if stored is None else Quarantined.from_record(stored)
        document = {
            "platform": scope.platform.id,
            "module": str(scope.module.id),
            "receiver": list(scope.receiver),
            "name": name,
            "id": id,
            "document": item.document if text is not None and len(text) <= _LONGEST_DOCUMENT else None,
            "reason": item.reason[:_LONGEST_REASON],
            "since": now if before is None else before.since,
            "count": 1 if before is None else before.count + 1,
        }
        record = Record.of(document, last_updated=now_micros(services))
        services.storage.save(QUARANTINE, _key(scope, name), record)
        added.add(name)
    return added


def release(services: Services, scope: Scope, document: Document, known: set[str]) -> None:
    """Let an object out that could be stored, if it is in quarantine."""
    if not known:
        return
    name = _name(_readable_id(scope.object_type, document), None)
    if name in known:
        services.storage.delete(QUARANTINE, _key(scope, name))
        known.discard(name)


def forget_unseen(services: Services, scope: Scope, *, since: int) -> None:
    """Let out what the whole list, read since that moment, did not have any more."""
    query = Query(owners=(NOBODY,), receiver=scope.name, date_to=since)
    for record in list(walk(services.storage, QUARANTINE, query)):
        services.storage.delete(QUARANTINE, _key(scope, Quarantined.from_record(record).name))


def _key(scope: Scope, name: str) -> Key:
    return Key("", "", name, scope.name)


def _name(id: str, text: bytes | None) -> str:
    return fold(id or f"#{hashlib.sha256(text or b'').hexdigest()}")


def _readable_id(object_type: ObjectType, document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    values = [document.get(name) for name in object_type.key]
    if not all(isinstance(value, str) and value and value.isprintable() for value in values):
        return ""
    id = " ".join(map(str, values))
    return id if len(id) <= _LONGEST_ID else ""


def _text(document: Any) -> bytes | None:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return None  # nested too deep to be kept
