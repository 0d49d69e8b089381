"""Changing a document and the parts that live in it, such as the EVSEs of a Location."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.fields import to_micros
from flask_ocpi.schema import Schema
from flask_ocpi.schema import load
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold


@dataclass(slots=True)
class Place:
    """Where a part is in its document: what it belongs to (outermost first), its siblings, its index or None."""

    ancestors: list[Document]
    siblings: list[Document]
    index: int | None

    def put(self, part: Document) -> bool:
        """Add or replace the part; True when it was added."""
        if self.index is None:
            self.siblings.append(part)
        else:
            self.siblings[self.index] = part
        raise_last_updated(self.ancestors, part["last_updated"])
        return self.index is None


def find_part(siblings: Sequence[Document], key: str, value: str) -> int | None:
    """Return the index of the part with that identifier, compared without regard to case."""
    wanted = fold(value)
    return next((index for index, item in enumerate(siblings) if fold(item[key]) == wanted), None)


def locate(document: Document, object_type: ObjectType, ids: Sequence[str]) -> Place | None:
    """Walk down to the part that ``ids`` names (one a level); None when something above it is missing."""
    ancestors = [document]
    parts = object_type.parts[: len(ids)]
    for part, id in zip(parts[:-1], ids[:-1], strict=True):
        siblings = ancestors[-1].get(part.property, [])
        index = find_part(siblings, part.key, id)
        if index is None:
            return None
        ancestors.append(siblings[index])
    siblings = ancestors[-1].setdefault(parts[-1].property, [])
    return Place(ancestors, siblings, find_part(siblings, parts[-1].key, ids[-1]))


def raise_last_updated(ancestors: Sequence[Document], moment: str) -> None:
    """Move ``last_updated`` of what a part belongs to up to a moment, never backwards (LOC-11)."""
    for ancestor in ancestors:
        if to_micros(moment) > to_micros(ancestor["last_updated"]):
            ancestor["last_updated"] = moment


def merge(schema: Schema, document: Document, changes: Document) -> Document:
    """Apply the changes of a PATCH: null clears, the rest replaces; the result has to be valid (T-17 to T-19)."""
    merged = {**document, **changes}
    kept = {name: value for name, value in merged.items() if value is not None or name not in changes}
    return load(schema, kept, where="result of the PATCH")


def update(
    storage: Storage, kind: str, key: Key, change: Callable[[Document], Document], *, missing: Exception
) -> Document:
    """Lock an object, change its document and store it; raise ``missing`` when it does not exist."""
    with storage.transaction():
        record = storage.get(kind, key, for_update=True)
        if record is None:
            raise missing
        document = change(record.document)
        micros = to_micros(document["last_updated"])
        storage.save(kind, key, Record.of(document, last_updated=micros, audience=record.audience))
    return document
