"""Changing a document and the parts that live in it, such as the EVSEs of a Location."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.fields import CiString
from flask_ocpi.fields import DateTime
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import to_micros
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import load
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
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


def merge(schema: Schema, document: Document, changes: Document, *, appended: Sequence[str] = ()) -> Document:
    """Apply the changes of a PATCH: null clears, the rest replaces; the result has to be valid (T-17 to T-19).

    Lists named in ``appended`` are added to; nothing, null and an empty list leave them as they are (SES-16, SES-17).
    """
    merged = {**document, **changes}
    for name in appended:
        merged[name] = [*document.get(name, ()), *(changes.get(name) or ())]
    kept = {name: value for name, value in merged.items() if value is not None or name not in changes}
    return load(schema, kept, where="result of the PATCH")


def update(
    storage: Storage,
    object_type: ObjectType,
    key: Key,
    change: Callable[[Document], Document],
    *,
    missing: Exception,
    saved: Callable[[Record, Record], None] = lambda before, after: None,
) -> Document:
    """Lock an object, change its document and store it; raise ``missing`` when it does not exist.

    ``saved`` is called in the same transaction, with the record as it was and as it is.
    """
    with storage.transaction():
        record = storage.get(object_type.kind, key, for_update=True)
        if record is None:
            raise missing
        before = audience_of(object_type, record.document)
        document = change(record.document)
        audience = record.audience if record.audience != before else audience_of(object_type, document)
        micros = to_micros(document["last_updated"])
        changed = Record.of(document, last_updated=micros, audience=audience)
        storage.save(object_type.kind, key, changed)
        saved(record, changed)
    return document


def audience_of(object_type: ObjectType, document: Document) -> tuple[Party, ...]:
    """Return the parties that an object is for, as far as it tells itself."""
    return () if object_type.audience is None else tuple(Party.of(*party) for party in object_type.audience(document))


def save_object(storage: Storage, object_type: ObjectType, key: Key, record: Record, document: Document) -> bool:
    """Create or replace an object; True when it is new.

    One that is final is only created: saving the same again changes nothing, saving something else raises
    InvalidParametersError.
    """
    if not object_type.final:
        return storage.save(object_type.kind, key, record)
    try:
        return storage.save(object_type.kind, key, record, expected=0)
    except ConflictError:
        stored = storage.get(object_type.kind, key)
    if stored is not None and say_the_same(object_type.schema(), stored.document, document):
        return False
    name = object_type.id_of(document)
    raise InvalidParametersError(f"The {object_type.name} {name!a} is stored already, with other content: it stays.")


def say_the_same(schema: Schema, first: Document, second: Document) -> bool:
    """Compare documents: identifiers in any case, moments in any spelling, properties in any order (CDR-08, TYP-01)."""
    return _comparable_document(schema, first) == _comparable_document(schema, second)


def _comparable_document(schema: Any, document: Document) -> Document:
    return {name: _comparable(schema.load_fields.get(name), value) for name, value in document.items()}


def _comparable(field: Any, value: Any) -> Any:
    if isinstance(field, CiString):
        return fold(value)
    if isinstance(field, DateTime):
        return to_micros(value)
    if isinstance(field, ListOf):
        return [_comparable(field.inner, item) for item in value]
    if isinstance(field, Object):
        return _comparable_document(field.schema, value)
    return value
