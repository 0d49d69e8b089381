"""Marking: in the transaction that changes an own object, note who is to see the change."""

from __future__ import annotations

from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.platforms import Platform
from flask_ocpi.push import marks
from flask_ocpi.push.changes import Changed
from flask_ocpi.push.changes import difference
from flask_ocpi.push.delivery import can_be_deleted
from flask_ocpi.push.marks import Mark
from flask_ocpi.push.recipients import recipients
from flask_ocpi.push.recipients import registered
from flask_ocpi.storage.base import Key
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
        self._registered = registered(services.platforms.all()) if services.settings.push or only else []
        self.is_needed = any(p.endpoint(module, InterfaceRole.RECEIVER) for p in self._registered)

    def changed(self, key: Key, before: Record | None, after: Record) -> None:
        """Mark an object that was created (``before`` None) or replaced."""
        if not self.is_needed or (before is not None and before.text == after.text):
            return
        document = after.document
        changed = None if before is None else difference(self._object_type, before.document, document)
        self._mark(key, after, document, changed)

    def removed(self, key: Key, before: Record) -> None:
        """Mark an object that was removed, where OCPI has a way to say so."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if self.is_needed and any(map(can_be_deleted, modules)):
            self._mark(key, before, before.document, None)

    def _mark(self, key: Key, record: Record, document: Document, changed: Changed) -> None:
        services = self._services
        hook = services.hooks.push_filter
        now = marks.now_micros(services)
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        # In one order, so that two who change the same object never wait for each other.
        found = sorted(
            recipients(services, self._registered, self._module, record.audience, only=self._only),
            key=lambda recipient: (recipient.platform.id, recipient.party or marks.NOBODY),
        )
        for recipient in found:
            if hook is None or hook(self._module, document, recipient.platform):
                mark = Mark(
                    recipient.platform.id, recipient.party, self._module, key.owner, ids, changed, since=now, due=now
                )
                marks.write(services, mark)
                self.platforms.add(recipient.platform.id)
