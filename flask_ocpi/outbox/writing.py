"""Writing to the outbox: who is to know of a change of an own object, and what of it changed."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.changes import Changed
from flask_ocpi.outbox.changes import Recipient
from flask_ocpi.outbox.changes import can_be_deleted
from flask_ocpi.outbox.changes import difference
from flask_ocpi.outbox.changes import recipients
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.entries import write
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class OutboxWriter:
    """Writes the outbox entries of objects of one module. platforms: the ids of the platforms that got one.

    ``is_needed`` is False when nobody receives the module: then nothing has to be compared or written. It is told of
    objects after they were written, in the same transaction: whoever locks an object locks its entries next. ``only``
    writes for one platform, also where OCPI_PUSH is off.
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
        self._found: dict[tuple[Party, tuple[Party, ...]], Sequence[Recipient]] = {}
        self.is_needed = bool(self._partners.receiving(services.identifier(module)))

    def changed(self, key: Key, before: Record | None, after: Record) -> None:
        """Write the entries of an object that was created (``before`` None) or replaced."""
        self.all_changed([(key, before, after)])

    def all_changed(self, changes: Iterable[tuple[Key, Record | None, Record]]) -> None:
        """Write the entries of many objects, each as :meth:`changed` does."""
        if not self.is_needed:
            return
        found: list[OutboxEntry] = []
        for key, before, after in changes:
            if before is None:
                found.extend(self._entries(key, after, after.document, None))
            elif not before.has_same_document(after):
                document = after.document
                changed = difference(self._object_type, before.document, document)
                found.extend(self._entries(key, after, document, changed))
        self._write(found)

    def removed(self, key: Key, before: Record) -> None:
        """Write the entries of a removed object, if OCPI can delete it."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if self.is_needed and any(map(can_be_deleted, modules)):
            self._write(list(self._entries(key, before, before.document, None)))

    def _write(self, found: Sequence[OutboxEntry]) -> None:
        write(self._services, found)
        self.platforms.update(entry.platform for entry in found)

    def _entries(self, key: Key, record: Record, document: Document, changed: Changed) -> Iterator[OutboxEntry]:
        hook = self._services.hooks.push_filter
        now = self._services.now()
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        for recipient in self._recipients(key.owner, record.audience):
            if hook is None or hook(self._module, document, recipient.platform):
                yield OutboxEntry(
                    recipient.platform.id, recipient.party, self._module, key.owner, ids, changed, since=now, due=now
                )

    def _recipients(self, owner: Party, audience: tuple[Party, ...]) -> Sequence[Recipient]:
        known = self._found.get((owner, audience))
        if known is None:
            found = recipients(self._services, self._partners, self._module, owner, audience, only=self._only)
            # In one order, so that two who change the same object never wait for each other.
            known = self._found[owner, audience] = sorted(
                found, key=lambda recipient: (recipient.platform.id, recipient.party or NOBODY)
            )
        return known
