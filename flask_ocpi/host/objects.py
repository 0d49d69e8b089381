"""The objects of our own parties: the host application saves, changes and reads them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TypeVar

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import Copies
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.exchange.documents import audience_after
from flask_ocpi.exchange.documents import changed_record
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.documents import merge
from flask_ocpi.exchange.documents import parted
from flask_ocpi.exchange.typed import typed_as
from flask_ocpi.exchange.typed_reads import Get
from flask_ocpi.exchange.typed_saves import Patch
from flask_ocpi.exchange.typed_saves import Save
from flask_ocpi.exchange.typed_saves import SaveAll
from flask_ocpi.host.changing import Change
from flask_ocpi.host.changing import Checked
from flask_ocpi.host.changing import batches
from flask_ocpi.host.changing import check_change
from flask_ocpi.host.changing import checked_object
from flask_ocpi.host.changing import create_batch
from flask_ocpi.host.changing import form
from flask_ocpi.host.changing import ids_given
from flask_ocpi.host.changing import key_of
from flask_ocpi.host.changing import look_over
from flask_ocpi.host.changing import marked
from flask_ocpi.host.changing import missing_error
from flask_ocpi.host.changing import naming
from flask_ocpi.host.changing import note_replaced
from flask_ocpi.host.shapes import to_store
from flask_ocpi.outbox.entries import OutboxWriter
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import HostSession
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk

T = TypeVar("T")

_WRITTEN_AT_ONCE = 500
# When two imports in opposite orders collide, the one that starts again may collide once more half-way.
_ATTEMPTS = 10


class OwnObjects:
    """Saves and reads own objects of every module, with all checks of the protocol."""

    def __init__(self, services: Services, shared: Callable[[], HostSession | None] = lambda: None) -> None:
        self.services = services
        self._shared = shared

    @typed_as[Save]()
    def save(
        self,
        module: str,
        document: Document,
        *,
        audience: Iterable[Party] | None = None,
        session: HostSession | None = None,
        version: str | None = None,
        party: Party | None = None,
    ) -> Saved:
        """Create or replace an object, and return which of these it did. ``audience`` limits who sees it (empty: all).

        Without ``audience`` a stored object keeps its audience; a new one is for all. Without one, a Session or CDR is
        for the eMSP in its ``cdr_token``, also after that changes. A stored CDR never changes.

        ``version``: the object has the shape of that version of OCPI and is converted; ``party`` is its owner, if the
        objects of that version do not name it.
        """
        object_type = self.object_type(module)
        if version is not None:
            document = to_store(self.services, module, version, party=party)(document)
        key, record, checked = checked_object(self.services, object_type, document, audience)
        item = Checked(module, None, key, record, audience is not None)

        def work(change: Change) -> Saved:
            (saved,), _ = self._store(change.outbox(module, object_type), object_type, [item], may_widen=True)
            change.saved(module, key, checked, created=saved is Saved.CREATED)
            return saved

        return self._change(work, session)

    @typed_as[SaveAll]()
    def save_all(
        self,
        documents: Mapping[str, Iterable[Document]]
        | Iterable[tuple[str, Iterable[Document]]]
        | Callable[[], Iterable[tuple[str, Iterable[Document]]]],
        *,
        progress: Callable[[], None] = lambda: None,
        may_widen: bool = False,
        withheld: Callable[[str, Key], None] = lambda module, key: None,
        session: HostSession | None = None,
        version: str | None = None,
        party: Party | None = None,
    ) -> int:
        """Save many objects, by module id, all or none; raise InvalidParametersError that names the first bad one.

        All are checked before the first one is stored, and stay in memory until then, also from a generator. A function
        that returns pairs of module and object is called twice instead, to check and to store, so the number of objects
        is not limited. ``progress`` is called after each stored object. Returns the number of objects.

        A document may name its audience in ``_audience``, a list of texts such as "NL-ABC"; without it the audience
        follows the rules of :meth:`save`. Unless ``may_widen`` is true, no stored object gets a wider audience: it
        keeps the one it has, and ``withheld`` is called with its module and key after all objects are stored.
        ``version`` and ``party`` are as in :meth:`save`.
        """
        check = partial(self._checked_all, version=version, party=party)
        if callable(documents):
            number = sum(1 for _ in check(documents()))
        else:
            held = list(check(documents))
            number = len(held)

        def checked() -> Iterable[Checked]:
            return check(documents()) if callable(documents) else held

        told = 0

        def work(change: Change) -> list[tuple[str, Key]]:
            # Locks are taken batch by batch: another import in another order may collide, and one of them starts again.
            nonlocal told
            found: list[tuple[str, Key]] = []
            stored = 0
            for batch in batches(checked()):
                module = batch[0].module
                object_type = self.object_type(module)
                outbox = change.outbox(module, object_type)
                done, narrower = self._store(outbox, object_type, batch, may_widen=may_widen)
                for item, saved in zip(batch, done, strict=True):
                    change.saved(module, item.key, item.record, created=saved is Saved.CREATED)
                found.extend((module, key) for key in narrower)
                stored += len(batch)
                while told < stored:
                    told += 1
                    progress()
            return found

        for module, key in self._change(work, session):
            withheld(module, key)
        return number

    def _checked_all(
        self,
        documents: Mapping[str, Iterable[Document]] | Iterable[tuple[str, Iterable[Document]]],
        *,
        version: str | None,
        party: Party | None,
    ) -> Iterator[Checked]:
        for module, items in documents.items() if isinstance(documents, Mapping) else documents:
            object_type = self.object_type(module)
            if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Iterable):
                raise InvalidParametersError(f"{module} must be a list of objects.")
            convert = None if version is None else to_store(self.services, module, version, party=party)
            for index, item in enumerate(items):
                with naming(module, index):
                    document, audience = parted(item)
                    document = document if convert is None else convert(document)
                    key, record, _ = checked_object(self.services, object_type, document, audience)
                yield Checked(module, index, key, record, audience is not None)

    @typed_as[Patch]()
    def patch(
        self,
        module: str,
        *ids: str,
        changes: Document | None = None,
        party: Party | None = None,
        session: HostSession | None = None,
    ) -> Document:
        """Change properties of an object, or of a part of it (one more id per level), and return the whole object.

        ``patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})`` changes an EVSE.
        ``last_updated`` defaults to now, and rises in all objects around the part (LOC-03). None clears a property.
        As in a PATCH, ``charging_periods`` of a Session are added to the stored ones.
        """
        object_type, key, part_ids = self._addressed("patch", module, ids, party)
        if not isinstance(changes, Mapping):
            raise InvalidParametersError(f"The changes are missing. {form('patch', module, object_type)}")
        if object_type.final:
            raise InvalidParametersError(f"A {object_type.name} never changes once it is stored: save another one.")
        changed = {"last_updated": format_date_time(self.services.clock()), **changes}
        part = object_type.parts[len(part_ids) - 1] if part_ids else None
        for name in (part.key,) if part else object_type.key:
            if name in changed:
                raise InvalidParametersError(f"{name} identifies the object and never changes.")
        schema = self.services.stored_schema(part.schema if part else object_type.schema)
        missing = missing_error(object_type, ids)

        def change(document: Document) -> Document:
            if part is None:
                merged = merge(schema, document, changed, appended=object_type.appended)
                look_over(self.services.settings, object_type, merged)
                return merged
            place = locate(document, object_type, part_ids)
            if place is None or place.index is None:
                raise missing
            place.put(merge(schema, place.siblings[place.index], changed))
            return document

        def work(unit: Change) -> Document:
            storage = self.services.storage
            outbox = unit.outbox(module, object_type)
            before = storage.get(object_type.kind, key, for_update=True)
            if before is None:
                raise missing
            after = changed_record(object_type, before, change, part_ids=part_ids)
            check_change(object_type, before, after)
            document = after.document
            after = marked(self.services, object_type, after, document)
            storage.save(object_type.kind, key, after)
            note_replaced(storage, object_type, [(before, after)])
            outbox.changed(key, before, after)
            unit.saved(module, key, document, created=False)
            return document

        return self._change(work, session)

    @typed_as[Get]()
    def get(self, module: str, *ids: str, party: Party | None = None) -> Document:
        """Return an object, or a part of it (one id per level); raise NotFoundError if there is none.

        A Token's type may follow its uid; it defaults to RFID. A ClientInfo's id is its role, and ``party`` is the
        party that it describes.
        """
        record, object_type, part_ids = self._get("get", module, ids, party)
        if not part_ids:
            return record.document
        place = locate(record.document, object_type, part_ids)
        if place is None or place.index is None:
            raise missing_error(object_type, ids)
        return place.siblings[place.index]

    def record(self, module: str, *ids: str, party: Party | None = None) -> Record:
        """Return the stored record of an object, with its audience; raise NotFoundError if there is none."""
        return self._get("record", module, ids, party)[0]

    def delete(self, module: str, *ids: str, party: Party | None = None, session: HostSession | None = None) -> None:
        """Remove an object; raise NotFoundError if there is none."""
        object_type, key, part_ids = self._addressed("delete", module, ids, party)
        if part_ids:
            raise InvalidParametersError(f"Only a whole {object_type.name} is removed, not a part of it.")

        def work(change: Change) -> None:
            storage = self.services.storage
            outbox = change.outbox(module, object_type)
            before = storage.get(object_type.kind, key, for_update=True)
            if before is None or not storage.delete(object_type.kind, key):
                raise missing_error(object_type, ids)
            outbox.removed(key, before)

        self._change(work, session)

    def changed(self, module: str, *ids: str, party: Party | None = None, session: HostSession | None = None) -> None:
        """Note a change of an object in a table of the host application, so that the change is pushed.

        The push reads the object from the storage. Raises NotFoundError if there is no such object.
        """
        object_type, key, _ = self._addressed("changed", module, ids, party)

        def work(change: Change) -> None:
            record = self.record(module, *ids, party=party)
            note_replaced(self.services.storage, object_type, [(None, record)])
            change.outbox(module, object_type).changed(key, None, record)

        self._change(work, session)

    def push_all(self, module: str, *, platform: Platform | None = None) -> int:
        """Push all objects of a module, to one partner or to all receivers; return their number.

        Use it for a partner that lost the objects or cannot pull.
        """
        object_type = self.object_type(module)
        storage = self.services.storage
        outbox = OutboxWriter(self.services, module, object_type, only=platform)
        records = walk(storage, object_type.kind, Query(receiver=""))
        number = 0
        while batch := list(islice(records, _WRITTEN_AT_ONCE)):
            number += len(batch)
            changes = [(key_of(object_type, record.document), None, record) for record in batch]
            storage.run(partial(outbox.all_changed, changes))
        if outbox.platforms:
            self.services.wake(outbox.platforms)
        return number

    def documents(self, module: str, *, copies: bool = False) -> Iterator[Document]:
        """Iterate over all own objects of a module in the order of creation; with ``copies`` over copies instead.

        Copies come as from :meth:`flask_ocpi.exchange.copies.Copies.documents`.
        """
        if copies:
            return Copies(self.services).documents(module)
        return (record.document for record in self.records(module))

    def records(self, module: str) -> Iterator[Record]:
        """Iterate over the stored records of all own objects of a module, with audiences, in the order of creation."""
        return walk(self.services.storage, self.object_type(module).kind, Query(receiver=""))

    def object_type(self, module: str) -> ObjectType:
        """Return the class of objects a module stores; raise InvalidParametersError that lists the modules with one."""
        return self.services.object_type(module)

    def modules(self) -> tuple[str, ...]:
        """Return the ids of the modules that have objects."""
        return tuple(self.services.object_types)

    def parties(self) -> tuple[Party, ...]:
        return self.services.parties

    def _change(self, work: Callable[[Change], T], session: HostSession | None) -> T:
        """Run a unit of work: all its writes are stored or none, and announced after the commit.

        It joins the transaction of ``session``, or of the session that the host application shares with the storage if
        that has uncommitted writes; otherwise it opens its own transaction.
        """
        storage = self.services.storage
        if session is None:
            shared = self._shared()
            session = shared if shared is not None and storage.joins(shared) else None

        def attempt() -> tuple[Change, T]:
            change = Change(self.services)
            return change, work(change)

        if session is None:
            change, result = storage.run(attempt, attempts=_ATTEMPTS)
        else:
            with storage.join(session):
                change, result = attempt()
        storage.after_commit(change.tell, session)
        return result

    def _store(
        self, outbox: OutboxWriter, object_type: ObjectType, batch: Sequence[Checked], *, may_widen: bool
    ) -> tuple[Sequence[Saved], list[Key]]:
        """Store objects of one module, and their outbox entries, in the open transaction.

        Returns what was done for each, and the keys of those that would have got a wider audience.
        """
        if object_type.final:
            created = create_batch(self.services.storage, outbox, object_type, batch)
            return [Saved.CREATED if is_new else Saved.UNCHANGED for is_new in created], []
        storage, kind = self.services.storage, object_type.kind
        before = dict(storage.get_many(kind, [item.key for item in batch], for_update=True))
        first: dict[Key, Checked] = {}
        for item in batch:
            if item.key not in before:
                first.setdefault(item.key, item)
        made = storage.create_many(kind, [(key, item.record) for key, item in first.items()]) if first else ()
        late = [key for key, is_new in zip(first, made, strict=True) if not is_new]
        if late:  # another transaction has just created them, so they can be locked now
            before |= storage.get_many(kind, late, for_update=True)
        here, done, changes, withheld = dict(before), [], [], []
        for item in batch:
            key, record, stored = item.key, item.record, here.get(item.key)
            done.append(Saved.CREATED)
            if stored is not None:
                audience = audience_after(object_type, stored, record, is_given=item.is_given, may_widen=may_widen)
                if item.is_given and audience != record.audience:
                    withheld.append(key)
                record = replace(record, audience=audience)
                is_same = audience == stored.audience and record.has_same_document(stored)
                done[-1] = Saved.UNCHANGED if is_same else Saved.REPLACED
            here[key] = record
            if done[-1] is not Saved.UNCHANGED:
                changes.append((key, before.get(key), record, done[-1] is Saved.REPLACED))
                with naming(item.module, item.index):
                    check_change(object_type, before.get(key), record)
        if replaced := [(key, record) for key, _, record, is_replaced in changes if is_replaced]:
            storage.save_many(kind, replaced)
        note_replaced(storage, object_type, [(old, record) for _, old, record, _ in changes if old is not None])
        outbox.all_changed((key, old, record) for key, old, record, _ in changes)
        return done, withheld

    def _get(
        self, verb: str, module: str, ids: Sequence[str], party: Party | None
    ) -> tuple[Record, ObjectType, tuple[str, ...]]:
        object_type, key, part_ids = self._addressed(verb, module, ids, party)
        record = self.services.storage.get(object_type.kind, key)
        if record is None:
            raise missing_error(object_type, ids)
        return record, object_type, part_ids

    def _addressed(
        self, verb: str, module: str, ids: Sequence[str], party: Party | None
    ) -> tuple[ObjectType, Key, tuple[str, ...]]:
        object_type = self.object_type(module)
        values, part_ids = ids_given(verb, module, object_type, ids)
        if party is None and object_type.described:
            raise InvalidParametersError(f"Say with party= whom the {object_type.name} describes.")
        owner = NOBODY if not object_type.is_owned else party or self._only_party(module)
        return object_type, Key.of(*owner, object_type.id_from(values)), part_ids

    def _only_party(self, module: str) -> Party:
        parties = self.services.own_parties(module, InterfaceRole.SENDER)
        if len(parties) > 1:
            raise InvalidParametersError(f"Several own parties may have {module}: say which one with party=.")
        return parties[0]
