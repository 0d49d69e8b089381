"""Marking: in the transaction that changes an own object, note who is to see the change."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.partners import Partners
from flask_ocpi.platforms import Platform
from flask_ocpi.push import marks
from flask_ocpi.push.changes import Changed
from flask_ocpi.push.changes import difference
from flask_ocpi.push.delivery import can_be_deleted
from flask_ocpi.push.marks import Mark
from flask_ocpi.push.recipients import Recipient
from flask_ocpi.push.recipients import recipients
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class Marking:
    """Marks objects of one module for the platforms that receive it. platforms: the ids of those that got a mark.

    ``is_needed`` is False when nobody receives the module: then nothing has to be compared or written. Objects have to
    be marked after they were written, in the same transaction: whoever locks an object locks its marks next. ``only``
    marks for one platform, also where OCPI_PUSH is off.
    """

    def __init__(
        self, services: Services, module: str, object_type: ObjectType, *, only: Platform | None = None
    ) -> None:
        self.platforms: set[str] = set()
        self._services = services
        self._module = module
        self._object_type = object_type
        self._only = only
        self._partners = services.platforms.partners() if services.settings.push or only else Partners()
        # Many objects are for the same few.
        self._found: dict[tuple[Party, ...], Sequence[Recipient]] = {}
        self.is_needed = bool(self._partners.receiving(module))

    def changed(self, key: Key, before: Record | None, after: Record) -> None:
        """Mark an object that was created (``before`` None) or replaced."""
        self.all_changed([(key, before, after)])

    def all_changed(self, changes: Iterable[tuple[Key, Record | None, Record]]) -> None:
        """Mark many objects, each as :meth:`changed` does."""
        if not self.is_needed:
            return
        found: list[Mark] = []
        for key, before, after in changes:
            if before is None:
                found.extend(self._marks(key, after, after.document, None))
            elif not before.has_same_document(after):
                document = after.document
                found.extend(
                    self._marks(key, after, document, difference(self._object_type, before.document, document))
                )
        self._write(found)

    def removed(self, key: Key, before: Record) -> None:
        """Mark an object that was removed, where OCPI has a way to say so."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if self.is_needed and any(map(can_be_deleted, modules)):
            self._write(list(self._marks(key, before, before.document, None)))

    def _write(self, found: Sequence[Mark]) -> None:
        marks.write(self._services, found)
        self.platforms.update(mark.platform for mark in found)

    def _marks(self, key: Key, record: Record, document: Document, changed: Changed) -> Iterator[Mark]:
        hook = self._services.hooks.push_filter
        now = marks.now_micros(self._services)
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        for recipient in self._recipients(record.audience):
            if hook is None or hook(self._module, document, recipient.platform):
                yield Mark(
                    recipient.platform.id, recipient.party, self._module, key.owner, ids, changed, since=now, due=now
                )

    def _recipients(self, audience: tuple[Party, ...]) -> Sequence[Recipient]:
        known = self._found.get(audience)
        if known is None:
            found = recipients(self._services, self._partners, self._module, audience, only=self._only)
            # In one order, so that two who change the same object never wait for each other.
            known = self._found[audience] = sorted(
                found, key=lambda recipient: (recipient.platform.id, recipient.party or marks.NOBODY)
            )
        return known
