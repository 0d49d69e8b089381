"""The objects of our own parties: what the host application saves, changes and reads."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager

from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.documents import audience_of
from flask_ocpi.documents import locate
from flask_ocpi.documents import merge
from flask_ocpi.documents import save_object
from flask_ocpi.documents import update
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.fields import format_date_time
from flask_ocpi.fields import to_micros
from flask_ocpi.platforms import Platform
from flask_ocpi.push.marking import Marking
from flask_ocpi.schema import load
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk


class OwnObjects:
    """Saves and reads own objects of every module; all checks of the protocol apply to them as well."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def save(self, module: str, document: Document, *, audience: Iterable[Party] = ()) -> bool:
        """Create or replace an object; True when it is new. ``audience`` limits who may see it (empty: all).

        Without ``audience`` a Session or CDR is for the eMSP in its ``cdr_token``, also when that changes. A CDR never
        changes once it is stored.
        """
        object_type = self.object_type(module)
        key, record, checked = self._checked(object_type, document, audience)
        marking = Marking(self.services, module, object_type)
        if marking.is_needed:
            with self.services.storage.transaction():
                created = self._save(marking, object_type, key, record, checked)
        else:
            created = save_object(self.services.storage, object_type, key, record, checked)
        self.services.emit(object_saved, module=module, key=key, document=checked, created=created)
        self.services.wake(marking.platforms)
        return created

    def save_all(
        self, documents: Mapping[str, Sequence[Document]], *, progress: Callable[[], None] = lambda: None
    ) -> int:
        """Save many objects, by module id, all or none; raise InvalidParametersError that names the first bad one.

        ``progress`` is called after each object is stored. Returns how many there were.
        """
        checked = []
        for module, items in documents.items():
            object_type = self.object_type(module)
            if not isinstance(items, list):
                raise InvalidParametersError(f"{module} must be a list of objects.")
            for index, item in enumerate(items):
                place = f"{module}[{index}]"
                with _naming(place):
                    checked.append((place, module, object_type, *self._checked(object_type, item, ())))
        markings: dict[str, Marking] = {}
        created: list[bool] = []
        told = 0

        def save() -> None:
            nonlocal told
            # Locked in the order of the list: another import in another order may be in the way, and one of them waits.
            created.clear()
            markings.update({id: Marking(self.services, id, self.object_type(id)) for id in documents})
            for place, module, object_type, key, record, document in checked:
                with _naming(place):
                    created.append(self._save(markings[module], object_type, key, record, document))
                if len(created) > told:
                    told += 1
                    progress()

        self.services.storage.run(save)
        for (_, module, _, key, _, document), new in zip(checked, created, strict=True):
            self.services.emit(object_saved, module=module, key=key, document=document, created=new)
        self.services.wake(set().union(*(marking.platforms for marking in markings.values())))
        return len(checked)

    def patch(self, module: str, ids: Sequence[str], changes: Document, *, party: Party | None = None) -> Document:
        """Change properties of an object, or of a part of it (one id a level), and return the whole object.

        ``last_updated`` is now unless given, and rises in all that the part belongs to (LOC-03). None clears.
        As in a PATCH, ``charging_periods`` of a Session are added to those that are stored.
        """
        object_type, key, part_ids = self._addressed(module, ids, party)
        if object_type.final:
            raise InvalidParametersError(f"A {object_type.name} never changes once it is stored.")
        changed = {"last_updated": format_date_time(self.services.clock()), **changes}
        part = object_type.parts[len(part_ids) - 1] if part_ids else None
        for name in (part.key,) if part else object_type.key:
            if name in changed:
                raise InvalidParametersError(f"{name} identifies the object and never changes.")
        schema = self.services.schemas[part.schema if part else object_type.schema]
        missing = _missing(object_type, ids)

        def change(document: Document) -> Document:
            if part is None:
                return merge(schema, document, changed, appended=object_type.appended)
            place = locate(document, object_type, part_ids)
            if place is None or place.index is None:
                raise missing
            place.put(merge(schema, place.siblings[place.index], changed))
            return document

        marking = Marking(self.services, module, object_type)

        def saved(before: Record, after: Record) -> None:
            marking.changed(key, before, after)

        document = update(self.services.storage, object_type, key, change, missing=missing, saved=saved)
        self.services.emit(object_saved, module=module, key=key, document=document, created=False)
        self.services.wake(marking.platforms)
        return document

    def get(self, module: str, *ids: str, party: Party | None = None) -> Document:
        """Return an object, or a part of it (one id a level); raise NotFoundError when there is none.

        A Token's type may follow its uid; it is RFID unless given. A ClientInfo's id is its role, and ``party`` whom it
        describes.
        """
        record, object_type, part_ids = self._get(module, ids, party)
        if not part_ids:
            return record.document
        place = locate(record.document, object_type, part_ids)
        if place is None or place.index is None:
            raise _missing(object_type, ids)
        return place.siblings[place.index]

    def record(self, module: str, *ids: str, party: Party | None = None) -> Record:
        """Return an object as it is stored, with its audience; raise NotFoundError when there is none."""
        return self._get(module, ids, party)[0]

    def delete(self, module: str, *ids: str, party: Party | None = None) -> None:
        """Remove an object; raise NotFoundError when there is none."""
        object_type, key, part_ids = self._addressed(module, ids, party)
        if part_ids:
            raise InvalidParametersError(f"Only a whole {object_type.name} is removed, not a part of it.")
        storage = self.services.storage
        marking = Marking(self.services, module, object_type)
        with storage.transaction():
            before = storage.get(object_type.kind, key, for_update=True)
            if before is None or not storage.delete(object_type.kind, key):
                raise _missing(object_type, ids)
            marking.removed(key, before)
        self.services.wake(marking.platforms)

    def changed(self, module: str, *ids: str, party: Party | None = None) -> None:
        """Note that an object changed in a table of the host application's own, so that the change is pushed.

        It is sent as it is read from the storage then. Raises NotFoundError when there is no such object.
        """
        object_type, key, _ = self._addressed(module, ids, party)
        record = self.record(module, *ids, party=party)
        marking = Marking(self.services, module, object_type)
        with self.services.storage.transaction():
            marking.changed(key, None, record)
        self.services.wake(marking.platforms)

    def push_all(self, module: str, *, platform: Platform | None = None) -> int:
        """Have all objects of a module sent, to one platform or to all that receive it; return how many there are.

        For a platform that says that it lost them, or that cannot pull.
        """
        object_type = self.object_type(module)
        marking = Marking(self.services, module, object_type, only=platform)
        number = 0
        for record in walk(self.services.storage, object_type.kind, Query(receiver="")):
            number += 1
            document = record.document
            key = Key.of(document["country_code"], document["party_id"], object_type.id_of(document))
            with self.services.storage.transaction():
                marking.changed(key, None, record)
        self.services.wake(marking.platforms)
        return number

    def documents(self, module: str, *, copies: bool = False) -> Iterator[Document]:
        """Walk all own objects of a module in the order of their creation; with ``copies`` those of others instead."""
        kind = self.object_type(module).kind
        receivers: Iterable[str] = map(str, self.parties()) if copies else [""]
        for receiver in receivers:
            yield from (record.document for record in walk(self.services.storage, kind, Query(receiver=receiver)))

    def object_type(self, module: str) -> ObjectType:
        """Return the class of objects a module stores; raise InvalidParametersError that lists the modules with one."""
        known = self._object_types()
        if module not in known:
            raise InvalidParametersError(f"There is no module {module!r} with objects; there are {', '.join(known)}.")
        return known[module]

    def modules(self) -> tuple[str, ...]:
        """Return the ids of the modules that have objects."""
        return tuple(self._object_types())

    def parties(self) -> tuple[Party, ...]:
        return tuple(Party.of(party.country_code, party.party_id) for party in self.services.settings.parties)

    def _save(self, marking: Marking, object_type: ObjectType, key: Key, record: Record, document: Document) -> bool:
        """Store an object and mark it, in the transaction that is open; True when it is new."""
        storage = self.services.storage
        before = None
        if marking.is_needed and not object_type.final:
            before = storage.get(object_type.kind, key, for_update=True)
        created = save_object(storage, object_type, key, record, document)
        if created or not object_type.final:
            marking.changed(key, before, record)
        return created

    def _checked(
        self, object_type: ObjectType, document: Document, audience: Iterable[Party]
    ) -> tuple[Key, Record, Document]:
        checked = load(self.services.schemas[object_type.schema], document, where=object_type.name)
        owner = Party.of(checked["country_code"], checked["party_id"])
        if owner not in self.parties() and not object_type.described:
            listing = ", ".join(map(str, self.parties()))
            raise InvalidParametersError(f"{owner} is not one of our own parties, which are {listing}.")
        key = Key.of(owner.country_code, owner.party_id, object_type.id_of(checked))
        micros = to_micros(checked["last_updated"])
        seen_by = tuple(Party.of(*party) for party in audience) or audience_of(object_type, checked)
        return key, Record.of(checked, last_updated=micros, audience=seen_by), checked

    def _get(self, module: str, ids: Sequence[str], party: Party | None) -> tuple[Record, ObjectType, tuple[str, ...]]:
        object_type, key, part_ids = self._addressed(module, ids, party)
        record = self.services.storage.get(object_type.kind, key)
        if record is None:
            raise _missing(object_type, ids)
        return record, object_type, part_ids

    def _object_types(self) -> dict[str, ObjectType]:
        return {m.id: m.objects[0] for version in self.services.versions for m in version.modules if m.objects}

    def _addressed(
        self, module: str, ids: Sequence[str], party: Party | None
    ) -> tuple[ObjectType, Key, tuple[str, ...]]:
        object_type = self.object_type(module)
        values, part_ids = object_type.split_ids(ids)
        least = len(object_type.id_key) - len(object_type.defaults)
        if len(values) < least or len(part_ids) > len(object_type.parts):
            most = len(object_type.id_key) + len(object_type.parts)
            raise InvalidParametersError(
                f"A {object_type.name} is addressed by {least}, and its parts by at most {most} ids."
                if object_type.parts
                else f"A {object_type.name} is addressed by {' and '.join(object_type.id_key)}."
            )
        if party is None and object_type.described:
            raise InvalidParametersError(f"Say with party= whom the {object_type.name} describes.")
        owner = party or self._only_party(module)
        return object_type, Key.of(*owner, object_type.id_from(values)), part_ids

    def _only_party(self, module: str) -> Party:
        parties = self.services.own_parties(module, InterfaceRole.SENDER)
        if len(parties) > 1:
            raise InvalidParametersError(f"Several own parties may have {module}: say which one with party=.")
        return parties[0]


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Say in errors which of several objects they are about."""
    try:
        yield
    except InvalidParametersError as error:
        raise InvalidParametersError(f"{place}: {error.message}") from error


def _missing(object_type: ObjectType, ids: Sequence[str]) -> NotFoundError:
    return object_type.missing(f"There is no own {object_type.name} {' '.join(ids)}.")
