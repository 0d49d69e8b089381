"""Changes of a document and of the parts in it, such as the EVSEs of a Location."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from enum import StrEnum
from typing import Any

import orjson

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import fold

#: The property with the audience of an object in exports and imports; it is not part of the object.
AUDIENCE = "_audience"

_PARTY = re.compile(r"(.{2})-(.{1,3})", re.DOTALL)


class Saved(StrEnum):
    """The outcome of saving an object; it is always exact."""

    CREATED = "CREATED"
    REPLACED = "REPLACED"
    UNCHANGED = "UNCHANGED"


def audience_of(object_type: ObjectType, document: Document) -> tuple[Party, ...]:
    """Return the audience of an object that follows from its content."""
    return () if object_type.audience is None else tuple(Party.of(*party) for party in object_type.audience(document))


def audience_after(
    object_type: ObjectType, stored: Record, record: Record, *, is_given: bool, may_widen: bool = True
) -> tuple[Party, ...]:
    """Return the audience of an object when ``record`` replaces the stored one.

    ``is_given``: the caller gave the audience, and it is ``record.audience``. Otherwise ``record.audience`` follows
    from the content, and the stored audience stays, except where it followed from the content: then it follows from the
    new content. Unless it ``may_widen``, a given audience never adds parties.
    """
    kept = stored.audience
    if object_type.audience is not None:
        told = audience_of(object_type, record.document) if is_given else record.audience
        if kept != told and kept == audience_of(object_type, stored.document):
            kept = told
    if not is_given:
        return kept
    is_wider = bool(kept) and not (record.audience and set(record.audience) <= set(kept))
    return kept if is_wider and not may_widen else record.audience


def with_audience(document: Document, record: Record) -> Document:
    """Return a document with the audience of its record, as :func:`parted` reads it."""
    return {**document, AUDIENCE: [str(party) for party in record.audience]}


def parted(item: Any) -> tuple[Any, tuple[Party, ...] | None]:
    """Return an object of a file and the audience in it, or None without one."""
    if not isinstance(item, Mapping) or AUDIENCE not in item:
        return item, None
    texts = item[AUDIENCE] if isinstance(item[AUDIENCE], list) else [None]
    found = [_PARTY.fullmatch(text) if isinstance(text, str) else None for text in texts]
    if None in found:
        raise InvalidParametersError(f'{AUDIENCE} must be a list of parties, such as ["NL-ABC"].')
    document = {name: value for name, value in item.items() if name != AUDIENCE}
    return document, tuple(Party.of(match[1], match[2]) for match in found if match is not None)


#: The size in bytes from which a changed document gets a line for each of its outermost parts.
LARGE = 8192
#: The number of writes guarded by the revision, before the record is locked.
GUARDED_ATTEMPTS = 5

_MOST_BLANKS = 64


@dataclass(slots=True)
class Place:
    """The place of a part in its document: the objects around it (outermost first), its siblings, its index or None."""

    ancestors: list[Document]
    siblings: list[Document]
    index: int | None

    def put(self, part: Document) -> bool:
        """Add or replace the part; True when it was added. ``last_updated`` around it never gets lower (LOC-11)."""
        if self.index is None:
            self.siblings.append(part)
        else:
            self.siblings[self.index] = part
        moment = part["last_updated"]
        for ancestor in self.ancestors:
            if moment != ancestor["last_updated"] and to_micros(moment) > to_micros(ancestor["last_updated"]):
                ancestor["last_updated"] = moment
        return self.index is None


def find_part(siblings: Sequence[Document], key: str, value: str) -> int | None:
    """Return the index of the part with that identifier, compared without regard to case."""
    wanted = fold(value)
    for index, item in enumerate(siblings):
        if item[key] == value or fold(item[key]) == wanted:
            return index
    return None


def locate(document: Document, object_type: ObjectType, ids: Sequence[str]) -> Place | None:
    """Walk down to the part that ``ids`` names (one per level); None if an object above it is missing."""
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


def merge(
    schema: Schema,
    document: Document,
    changes: Document,
    *,
    appended: Sequence[str] = (),
    read: Callable[..., Document] = load,
) -> Document:
    """Apply the changes of a PATCH: null clears, the rest replaces; the result has to be valid (T-17 to T-19).

    Lists named in ``appended`` are added to; nothing, null and an empty list leave them as they are (SES-16, SES-17).
    An element that the list has already is not added again, because a PATCH is repeated when its answer was lost.
    read: checks the result, as :func:`flask_ocpi.core.schema.load` does.
    """
    merged = {**document, **changes}
    for name in appended:
        known = document.get(name, [])
        merged[name] = [*known, *(element for element in changes.get(name) or () if element not in known)]
    kept = {name: value for name, value in merged.items() if value is not None or name not in changes}
    return read(schema, kept, where="result of the PATCH")


@dataclass(slots=True)
class Opened:
    """A stored document, decoded as far as one of its parts needs.

    document: the decoded document. If the text has a line for each outermost part, ``start`` and ``end`` are the
    position of the requested part in the text, and the document has no other outermost parts.
    """

    document: Document
    text: bytes
    part: Part | None = None
    start: int = 0
    end: int = 0

    def closed(self, document: Document) -> bytes:
        """Return the text of the changed document; text that was not decoded stays as it is.

        A large document gets lines, so that the next change is cheap. Blanks follow a part that became a little
        shorter: the text after it then does not move, and a database writes only the changed pages.
        """
        if self.part is None:
            return orjson.dumps(document)
        if not self.end:
            return _on_lines(document, self.part) if len(self.text) >= LARGE else orjson.dumps(document)
        old, new = self.text[self.start : self.end], orjson.dumps(document[self.part.property][0])
        if len(old) - len(new) <= _MOST_BLANKS:
            new = new.ljust(len(old))
        first, last = _lines(self.text, self.part)
        parts = b"".join((b"[", self.text[first : self.start], new, self.text[self.end : last], b"]"))
        return orjson.dumps({**document, self.part.property: orjson.Fragment(parts)})

    def record(
        self, object_type: ObjectType, document: Document, *, audience: tuple[Party, ...], most: int | None = None
    ) -> Record:
        """Return the record of the changed document.

        Raises InvalidParametersError if it has grown to more than ``most`` bytes.
        """
        text = self.closed(document)
        if most is not None and len(text) > max(most, len(self.text)):
            raise InvalidParametersError(f"The {object_type.name} would have {len(text)} bytes: it has {most} at most.")
        return Record(text, to_micros(document["last_updated"]), audience)


def open_text(text: bytes, object_type: ObjectType, ids: Sequence[str]) -> Opened:
    """Decode a stored document, or only as much as the part needs that ``ids`` names (one per level)."""
    part = object_type.parts[0] if ids else None
    if part is not None and len(text) >= LARGE:
        opened = _open_line(text, part, ids[0])
        if opened is not None:
            return opened
    return Opened(orjson.loads(text), text, part)


def _open_line(text: bytes, part: Part, id: str) -> Opened | None:
    """Decode the part on its line and the text around the parts; None in case of doubt.

    JSON has no line breaks in strings, and :func:`_on_lines` makes them only between parts: each line is a part.
    """
    first, last = _lines(text, part)
    found = text.find(b'\n{"%b":%b' % (part.key.encode(), orjson.dumps(id)), first, last)
    if first < 0 or found < 0:
        return None
    start = found + 1
    end = text.index(b"\n", start)
    end -= text[end - 1 : end] == b","
    try:
        document, item = orjson.loads(text[:first] + b"0" + text[last:]), orjson.loads(text[start:end])
    except orjson.JSONDecodeError:
        return None
    if document.get(part.property) != [0]:
        return None
    document[part.property] = [item]
    return Opened(document, text, part, start, end)


def _lines(text: bytes, part: Part) -> tuple[int, int]:
    """Return where the lines of the outermost parts begin and end; -1 and any number if there are none."""
    opening = b'"%b":[' % part.property.encode()
    first = text.find(opening + b"\n")
    last = text.rfind(b"\n]") + 1
    return (first + len(opening), last) if 0 <= first < last else (-1, last)


def _on_lines(document: Document, part: Part) -> bytes:
    """Write a document with a line for each outermost part, if the beginning of each part identifies it."""
    siblings = document[part.property]
    texts = [orjson.dumps(item) for item in siblings]
    begin = b'{"%b":' % part.key.encode()
    if len({fold(item[part.key]) for item in siblings}) < len(texts) or not all(t.startswith(begin) for t in texts):
        return orjson.dumps(document)
    return orjson.dumps({**document, part.property: orjson.Fragment(b"[\n%b\n]" % b",\n".join(texts))})


def changed_record(
    object_type: ObjectType, record: Record, change: Callable[[Document], Document], *, part_ids: Sequence[str] = ()
) -> Record:
    """Change the document of an own object, and return the record to store.

    With ``part_ids`` (one per level) only that part changes, and properties outside of the parts: ``change`` may then
    get a document without the other parts.
    """
    tells = object_type.audience is not None
    opened = open_text(record.text, object_type, () if tells else part_ids)
    before = audience_of(object_type, opened.document)
    document = change(opened.document)
    audience = audience_of(object_type, document) if tells and record.audience == before else record.audience
    return opened.record(object_type, document, audience=audience)


def replace_record(storage: Storage, kind: str, key: Key, make: Callable[[Record | None], Record]) -> Record:
    """Store the result of ``make`` for a record (None: there is none), and return it; nothing is locked meanwhile.

    It replaces only the revision that was read. If another writer was faster, ``make`` is called again with the new
    record; after several such attempts, with a locked record.
    """
    for _ in range(GUARDED_ATTEMPTS):
        record = storage.get(kind, key)
        made = make(record)
        expected = 0 if record is None else record.revision
        if record is not None and not expected:  # a storage without revisions
            break
        if record is not None:
            made = replace(made, created=record.created)  # not a record that was removed and created again meanwhile
        try:
            storage.save(kind, key, made, expected=expected)
        except ConflictError:
            continue
        return made
    with storage.transaction():
        made = make(storage.get(kind, key, for_update=True))
        storage.save(kind, key, made)
    return made


def save_object(storage: Storage, object_type: ObjectType, key: Key, record: Record, document: Document) -> bool:
    """Create or replace an object; True if it is new.

    A final object can only be created: saving the same content again changes nothing, saving other content raises
    InvalidParametersError.
    """
    if not object_type.final:
        return storage.save(object_type.kind, key, record)
    try:
        return storage.save(object_type.kind, key, record, expected=0)
    except ConflictError:
        stored = storage.get(object_type.kind, key)
    if stored is not None and _content(object_type, stored.document) == _content(object_type, document):
        return False
    name = object_type.id_of(document)
    raise InvalidParametersError(f"The {object_type.name} {name!a} is stored already, with other content: it stays.")


def _content(object_type: ObjectType, document: Document) -> Document:
    content = document if object_type.content is None else object_type.content(document)
    return _comparable_document(object_type.schema(), content)


def _comparable_document(schema: Any, document: Document) -> Document:
    """Fold identifiers and moments, whose spelling means nothing (CDR-08, TYP-01)."""
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
