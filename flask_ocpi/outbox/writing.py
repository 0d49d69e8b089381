"""Writing to the outbox: the changes of own objects that partners may see.

A change is one entry, for EVERYBODY, for any number of partners; after the commit it becomes one entry for each of
them. Only removals, and changes for a single partner, are written as entries of partners at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask_ocpi.core.description import ObjectType
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.changes import Changed
from flask_ocpi.outbox.changes import Recipient
from flask_ocpi.outbox.changes import can_be_deleted
from flask_ocpi.outbox.changes import difference
from flask_ocpi.outbox.changes import recipients
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.entries import write
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record


class OutboxWriter:
    """Writes the outbox entries of objects of one module. platforms: those that got one, or EVERYBODY.

    ``is_needed`` is False if no partner receives the module: then nothing is compared or written. Call its methods
    after the objects are written, in the same transaction: locks on an object come before locks on its entries.
    ``only`` writes for one platform, also if OCPI_PUSH is off.
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
                found.extend(self._entries(key, after, None))
            elif not before.has_same_document(after):
                found.extend(self._entries(key, after, difference(self._object_type, before.document, after.document)))
        self._write(found)

    def is_kept_back(self, key: Key, record: Record) -> bool:
        """Tell whether the push filter of the host application keeps an object back from all its recipients."""
        hook = self._services.hooks.push_filter
        if hook is None:
            return False
        found = self._recipients(key.owner, record.audience)
        return not any(hook(self._module, record.document, recipient.platform) for recipient in found)

    def removed(self, key: Key, before: Record) -> None:
        """Write the entries of a removed object, if OCPI can delete it: its recipients are not known later."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if not self.is_needed or not any(map(can_be_deleted, modules)):
            return
        hook, document = self._services.hooks.push_filter, before.document
        storage, change = self._services.storage, self._change(key, before, None)
        shown: list[OutboxEntry] = []
        hidden: list[OutboxEntry] = []
        for recipient in self._recipients(key.owner, before.audience):
            is_shown = hook is None or hook(self._module, document, recipient.platform)
            (shown if is_shown else hidden).append(change.for_one(recipient, due=change.due))
        storage.delete(OutboxEntry.KIND, change.key)
        # Only after that: the change may be spread at this moment.
        storage.delete_many(OutboxEntry.KIND, [entry.key for entry in hidden])
        self._write(shown)

    def _write(self, found: Sequence[OutboxEntry]) -> None:
        write(self._services, found)
        self.platforms.update(entry.platform for entry in found)

    def _entries(self, key: Key, record: Record, changed: Changed) -> Iterator[OutboxEntry]:
        if self._only is not None:
            change = self._change(key, record, changed)
            for recipient in self._recipients(key.owner, record.audience):
                yield change.for_one(recipient, due=change.due)
        elif self._partners.reached(self._services.identifier(self._module), record.audience):
            yield self._change(key, record, changed)

    def _change(self, key: Key, record: Record, changed: Changed) -> OutboxEntry:
        document, now = record.document, self._services.now()
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        return OutboxEntry(
            EVERYBODY, None, self._module, key.owner, ids, changed, since=now, audience=record.audience, due=now
        )

    def _recipients(self, owner: Party, audience: tuple[Party, ...]) -> Sequence[Recipient]:
        return recipients(self._services, self._partners, self._module, owner, audience, only=self._only)
