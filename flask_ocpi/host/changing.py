"""Changes of own objects: checks before they are stored, and outbox entries and signals after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace

from flask_ocpi.core.config import Settings
from flask_ocpi.core.converting import MORE
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.documents import audience_of
from flask_ocpi.exchange.documents import save_object
from flask_ocpi.outbox.entries import OutboxWriter
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

_log = logging.getLogger("flask_ocpi.tariffs")

_MOST_AT_ONCE = 500
_LARGEST_AT_ONCE = 2 * 1024 * 1024  # bytes


class Change:
    """A unit of work: outbox entries are stored with the objects, signals are sent after the commit."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._outboxes: dict[str, OutboxWriter] = {}
        self._saved: list[tuple[str, Key, Document | Record, bool]] = []

    def outbox(self, module: str, object_type: ObjectType) -> OutboxWriter:
        found = self._outboxes.get(module)
        if found is None:
            found = self._outboxes[module] = OutboxWriter(self._services, module, object_type)
        return found

    def saved(self, module: str, key: Key, content: Document | Record, *, created: bool) -> None:
        if object_saved.receivers:
            self._saved.append((module, key, content, created))

    def tell(self) -> None:
        for module, key, content, created in self._saved:
            document = content.document if isinstance(content, Record) else content
            self._services.emit(object_saved, module=module, key=key, document=document, created=created)
        platforms = set().union(*(outbox.platforms for outbox in self._outboxes.values()))
        if platforms:
            self._services.wake(platforms)


@dataclass(frozen=True, slots=True)
class Checked:
    """An object to store. module: its id. index: its position among the given objects of the module, None if alone.

    is_given: the caller gave the audience; otherwise it follows from the object.
    """

    module: str
    index: int | None
    key: Key
    record: Record
    is_given: bool = False


def batches(objects: Iterable[Checked]) -> Iterator[list[Checked]]:
    """Divide objects into batches of one module each; large objects make smaller batches."""
    batch: list[Checked] = []
    size = 0
    for item in objects:
        is_full = len(batch) >= _MOST_AT_ONCE or size >= _LARGEST_AT_ONCE
        if batch and (is_full or item.module != batch[0].module):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.record.text)
    if batch:
        yield batch


def key_of(object_type: ObjectType, document: Document) -> Key:
    return Key.of(*object_type.owner_of(document), object_type.id_of(document))


def checked_object(
    services: Services, object_type: ObjectType, document: Document, audience: Iterable[Party] | None
) -> tuple[Key, Record, Document]:
    """Return an own object as it will be stored, and as it was read; raise InvalidParametersError for a bad one."""
    checked = load(services.stored_schema(object_type.schema), document, where=object_type.name)
    look_over(services.settings, object_type, checked)
    key = key_of(object_type, checked)
    if object_type.is_owned and key.owner not in services.parties and not object_type.described:
        listing = ", ".join(map(str, services.parties))
        raise InvalidParametersError(f"{key.owner} is not one of our own parties: use one of {listing}.")
    micros = to_micros(checked["last_updated"])
    seen_by = tuple(Party.of(*party) for party in audience or ()) or audience_of(object_type, checked)
    record = Record.of(checked, last_updated=micros, audience=seen_by)
    return key, marked(services, object_type, record, checked), checked


@contextmanager
def naming(module: str, index: int | None) -> Iterator[None]:
    """Add the module and index of the object, if it has one, to errors."""
    try:
        yield
    except InvalidParametersError as error:
        if index is None:
            raise
        raise InvalidParametersError(f"{module}[{index}]: {error.message}") from error


def form(verb: str, module: str, object_type: ObjectType) -> str:
    """Return a sentence that shows how to call a method that takes the ids of an object."""
    changes = ", changes={...}" if verb == "patch" else ""
    ids = ", ".join(object_type.id_key)
    parts = [f"{part.name}_{part.key}" for part in object_type.parts]
    text = f'Write {verb}("{module}", {ids}{changes})'
    if not parts or verb not in ("get", "patch"):
        return f"{text}."
    return f'{text}, or for a part {verb}("{module}", {", ".join((ids, *parts))}{changes}).'


def ids_given(
    verb: str, module: str, object_type: ObjectType, ids: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the values of the key and the ids of parts; raise InvalidParametersError for a wrong number of ids."""
    wrong = next((id for id in ids if not isinstance(id, str)), None)
    if wrong is not None:
        found = type(wrong).__name__
        raise InvalidParametersError(f"Each id is a text, not a {found}. {form(verb, module, object_type)}")
    values, part_ids = object_type.split_ids(ids)
    least = len(object_type.id_key) - len(object_type.defaults)
    if len(values) < least or len(part_ids) > len(object_type.parts):
        most = len(object_type.id_key) + len(object_type.parts)
        number = f"{least} to {most} ids" if most > least else f"{most} id{'s' * (most > 1)}"
        text = f"A {object_type.name} is addressed by {number}, not {len(ids)}."
        raise InvalidParametersError(f"{text} {form(verb, module, object_type)}")
    return values, part_ids


def missing_error(object_type: ObjectType, ids: Sequence[str]) -> NotFoundError:
    return object_type.missing(f"There is no own {object_type.name} {' '.join(ids)}.")


def check_change(object_type: ObjectType, before: Record | None, after: Record) -> None:
    """Refuse a new private object without an audience, and a change that the module does not allow."""
    if before is None and object_type.private and not after.audience:
        raise InvalidParametersError(
            f"A {object_type.name} is for certain partners only: say which with audience=[Party.of(...)]."
        )
    if before is not None and object_type.refused_change is not None:
        reason = object_type.refused_change(before.document, after.document)
        if reason is not None:
            raise InvalidParametersError(reason)


def note_replaced(storage: Storage, object_type: ObjectType, changes: Sequence[tuple[Record | None, Record]]) -> None:
    """Let the module of replaced objects note what it needs of the change."""
    if object_type.replaced is not None:
        object_type.replaced(storage, changes)


def marked(services: Services, object_type: ObjectType, record: Record, document: Document) -> Record:
    """Return the record of an own object, with a mark in its text if it says more than 2.2.1 can."""
    conversion = services.own.conversion(object_type.schema)
    if conversion is None or not conversion.says_more(document):
        return record
    return replace(record, text=MORE + record.text)


def look_over(settings: Settings, object_type: ObjectType, document: Document) -> None:
    """Lint a tariff; log or refuse mistakes as OCPI_TARIFF_LINT says."""
    what = settings.tariff_lint
    if object_type.kind != ModuleID.TARIFFS or what == "off":
        return
    from flask_ocpi.pricing import lint  # startup does not need the engine

    for finding in lint(document):
        text = f"The tariff {document['id']!a} at {finding.path}: {finding.message} ({finding.rule})"
        if finding.weighs and what == "refuse":
            raise InvalidParametersError(text)
        if finding.weighs:
            _log.warning("%s", text)


def create_batch(
    storage: Storage, outbox: OutboxWriter, object_type: ObjectType, batch: Sequence[Checked]
) -> Sequence[bool]:
    """Store objects that never change; compare the content of those that exist.

    Returns for each whether it is new. Raises InvalidParametersError that names the first object that differs.
    """
    rows = [(item.key, item.record) for item in batch]
    created = storage.create_many(object_type.kind, rows)
    for item, new in zip(batch, created, strict=True):
        if not new:
            with naming(item.module, item.index):
                save_object(storage, object_type, item.key, item.record, item.record.document)
    outbox.all_changed((key, None, record) for (key, record), new in zip(rows, created, strict=True) if new)
    return created
