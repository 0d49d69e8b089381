"""Copies: the objects that partners sent. Each belongs to its partner, also after the end of the registration."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from functools import partial

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.typed import typed_as
from flask_ocpi.exchange.typed_reads import GetCopy
from flask_ocpi.partners.platforms import PLATFORMS
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import received
from flask_ocpi.storage.base import walk

#: The source of copies with an unknown sender, from a database that did not store it.
UNKNOWN = ""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """The number of copies of a module that an own party has from a partner. source: its id, or UNKNOWN."""

    source: str
    module: str
    receiver: Party
    number: int


@dataclass(slots=True)
class Moved:
    """The outcome of a move. moved, left: the numbers of copies that were moved and that stayed."""

    moved: int = 0
    left: int = 0


class Copies:
    """Reads, moves and removes copies, for the host application and its operator: ``ocpi.copies``."""

    def __init__(self, services: Services) -> None:
        self.services = services

    @typed_as[GetCopy]()
    def get(
        self,
        module: str,
        *ids: str,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> Document:
        """Return the copy of an object of another party; raise NotFoundError when there is none.

        ``ids`` and ``owner`` are those of the object: a Token's type may follow its uid, a ClientInfo's id is its role.
        By default the copy comes from the platform that speaks for the party now, directly or as its hub, or else it is
        the latest one; ``platform`` names another. By default it is the copy of any own party; ``receiver`` names one.
        """
        return self.find(module, *ids, owner=owner, platform=platform, receiver=receiver)[1].document

    def find(
        self,
        module: str,
        *ids: str,
        owner: Party,
        platform: Platform | str | None = None,
        receiver: Party | None = None,
    ) -> tuple[Key, Record]:
        """Return the key and the record of the copy that :meth:`get` returns."""
        object_type = self.services.object_type(module)
        values, part_ids = object_type.split_ids(ids)
        if part_ids or len(values) < len(object_type.id_key) - len(object_type.defaults):
            raise InvalidParametersError(f"A {object_type.name} is addressed by {' and '.join(object_type.id_key)}.")
        id = object_type.id_from(values)
        for sources in self._by_rank(owner) if platform is None else [[self._find(platform).id]]:
            parties = self.services.parties if receiver is None else (receiver,)
            keys = (copy_key(object_type, owner, id, party, source) for source in sources for party in parties)
            found = [(key, record) for key in keys if (record := self.services.storage.get(object_type.kind, key))]
            if found:
                return max(found, key=lambda item: item[1].last_updated)
        raise object_type.missing(f"There is no copy of the {object_type.name} {' '.join(ids)} of {owner}.")

    def source_of(self, owner: Party) -> str:
        """Return the id of the platform that speaks for a party now, directly or as its hub, or UNKNOWN."""
        return next(iter([*self._speaking(owner), *self._hubs(owner)]), UNKNOWN)

    def documents(self, module: str, *, platform: Platform | str | None = None) -> Iterator[Document]:
        """Iterate over the copies of a module, platform by platform, in the order of arrival.

        By default over the copies of all platforms, also of ended registrations. If several platforms sent an object,
        only the copy of the platform that speaks for the party now is included.
        """
        object_type = self.services.object_type(module)
        sources = self._sources() if platform is None else [self._find(platform).id]
        better = cache(self._better)
        for source in sources:
            for receiver in self.services.parties:
                for record in walk(self.services.storage, object_type.kind, _of(receiver, source)):
                    document = record.document
                    single = object_type.described or not object_type.is_owned or platform is not None
                    others = () if single else better(source, Party.of(*object_type.owner_of(document)))
                    if not self._is_there(object_type, document, receiver, others):
                        yield document

    def counts(self, platform: Platform | str | None = None) -> list[Kept]:
        """Return the numbers of copies by platform, module and own party; of one platform ("": unknown) if given."""
        found = []
        for source in self._sources() if platform is None else [self._source(platform)]:
            for module, object_type in self.services.object_types.items():
                for receiver in self.services.parties:
                    page = self.services.storage.list(object_type.kind, _of(receiver, source, limit=1))
                    if page.total:
                        found.append(Kept(source, module, receiver, page.total))
        return found

    def move(self, source: Platform | str, target: Platform | str, modules: Collection[str] = ()) -> Moved:
        """Move copies from one platform to another one that now speaks for their parties; by default of all modules.

        Three kinds stay: copies of objects that the target sent itself, copies of parties that it does not speak for,
        and ClientInfos. ``source`` "" means copies with an unknown sender.
        """
        to = self._find(target)
        known = self._source(source)
        if known == to.id:
            raise InvalidParametersError(f"The copies of {to.id} are its own already.")
        target_of = cache(lambda owner: to.id if self.services.platforms.speaks_for(to, owner) else None)
        moved = Moved()
        for module in modules or self.services.object_types:
            object_type = self.services.object_type(module)
            if not object_type.described:
                for receiver in self.services.parties:
                    self._move(object_type, receiver, known, target_of, moved)
        return moved

    def adopt(self) -> Moved:
        """Move copies with an unknown sender to the only platform that can have sent them; the others stay."""
        moved, target_of = Moved(), cache(self._only_answering)
        for object_type in self.services.object_types.values():
            for receiver in self.services.parties:
                self._move(object_type, receiver, UNKNOWN, target_of, moved)
        return moved

    def remove(self, source: Platform | str, modules: Collection[str] = ()) -> int:
        """Remove the copies of a partner that is not registered; return their number.

        ``source`` "" means copies with an unknown sender.
        """
        platform = None if source == UNKNOWN else self._find(source)
        if platform is not None and platform.is_registered:
            raise InvalidParametersError(f"Platform {platform.id} is registered: its copies are in use.")
        removed = 0
        for module in modules or self.services.object_types:
            for receiver in self.services.parties:
                while number := self._remove_some(module, receiver, platform):
                    removed += number
        return removed

    def _remove_some(self, module: str, receiver: Party, platform: Platform | None) -> int:
        object_type, storage = self.services.object_type(module), self.services.storage
        source = UNKNOWN if platform is None else platform.id
        keys: list[Key] = []

        def remove() -> None:
            keys.clear()
            if platform is not None:  # locked: a new registration waits, and keeps the objects that it then sends
                storage.get(PLATFORMS, Key.of("", "", platform.id), for_update=True)
                current = self.services.platforms.get(platform.id)
                if current is not None and current.is_registered:
                    return
            for record in storage.list(object_type.kind, _of(receiver, source, limit=_AT_ONCE)).records:
                key = self._key_in(object_type, record.document, receiver, source)
                if key is not None and storage.delete(object_type.kind, key):
                    keys.append(key)

        storage.run(remove)
        for key in keys:
            self.services.emit(object_removed, module=module, key=key, platform=platform)
        return len(keys)

    def _move(
        self,
        object_type: ObjectType,
        receiver: Party,
        source: str,
        target_of: Callable[[Party], str | None],
        moved: Moved,
    ) -> None:
        left = 0
        while True:
            some = partial(self._move_some, object_type, receiver, source, target_of, left)
            seen, went = self.services.storage.run(some)
            left += seen - went
            moved.moved += went
            if not seen:
                break
        moved.left += left

    def _move_some(
        self,
        object_type: ObjectType,
        receiver: Party,
        source: str,
        target_of: Callable[[Party], str | None],
        offset: int,
    ) -> tuple[int, int]:
        """Move some copies in the open transaction; return the numbers of checked and of moved copies."""
        storage, kind = self.services.storage, object_type.kind
        records = storage.list(kind, _of(receiver, source, offset=offset, limit=_AT_ONCE)).records
        new_keys: dict[Key, Key] = {}
        for record in records:
            old = self._key_in(object_type, record.document, receiver, source)
            target = self._target(object_type, old, target_of)
            if old is not None and target is not None:
                new_keys[old] = old._replace(receiver=received(receiver, target))
        here = storage.get_many(kind, list(new_keys), for_update=True)
        items = [(new_keys[old], Record(r.text, r.last_updated, r.audience)) for old, r in here.items()]
        created = storage.create_many(kind, items)
        gone = [old for old, is_new in zip(here, created, strict=True) if is_new]
        for old in gone:
            storage.delete(kind, old)
        return len(records), len(gone)

    def _target(self, object_type: ObjectType, old: Key | None, target_of: Callable[[Party], str | None]) -> str | None:
        if old is None:
            return None
        if object_type.described:  # its sender is in its id
            platform = self.services.platforms.get(old.id.partition("\n")[2])
            return None if platform is None else platform.id
        return target_of(old.owner)

    def _key_in(self, object_type: ObjectType, document: Document, receiver: Party, source: str) -> Key | None:
        """Return the key of a stored copy; None if it is not known."""
        owner, id = Party.of(*object_type.owner_of(document)), object_type.id_of(document)
        if not object_type.described or source != UNKNOWN:
            return copy_key(object_type, owner, id, receiver, source)
        keys = (Key.of(*owner, f"{id}\n{platform.id}", receiver) for platform in self.services.platforms.all())
        return next((key for key in keys if self.services.storage.get(object_type.kind, key) is not None), None)

    def _only_answering(self, owner: Party) -> str | None:
        """Return the only platform that answers for a party now; None if there is none, or several."""
        answering = self._speaking(owner) or self._hubs(owner)
        return answering[0] if len(answering) == 1 else None

    def _by_rank(self, owner: Party) -> Iterator[Sequence[str]]:
        """Yield the possible senders of a party's objects: the platform that speaks for it, its hubs, all others."""
        yield (direct := self._speaking(owner))
        yield (hubs := self._hubs(owner))
        yield [source for source in self._sources() if source not in (*direct, *hubs)]

    def _better(self, source: str, owner: Party) -> Sequence[str]:
        """Return the platforms whose copies of a party's objects come before those of that source."""
        better: list[str] = []
        for sources in self._by_rank(owner):
            if source in sources:
                break
            better += sources
        return better

    def _speaking(self, owner: Party) -> Sequence[str]:
        return self.services.platforms.claims.of(owner).platforms

    def _hubs(self, owner: Party) -> Sequence[str]:
        """Return the hubs that a party may be behind: none if it is registered itself."""
        claim = self.services.platforms.claims.of(owner)
        if claim.platforms:
            return ()
        if claim.hub is not None:
            return (claim.hub,)
        return tuple(p.id for p in self.services.platforms.all() if p.is_registered and p.is_hub)

    def _is_there(self, object_type: ObjectType, document: Document, receiver: Party, sources: Collection[str]) -> bool:
        owner, id = Party.of(*object_type.owner_of(document)), object_type.id_of(document)
        keys = (copy_key(object_type, owner, id, receiver, source) for source in sources)
        return any(self.services.storage.get(object_type.kind, key) is not None for key in keys)

    def _sources(self) -> list[str]:
        return [*(platform.id for platform in self.services.platforms.all()), UNKNOWN]

    def _source(self, platform: Platform | str) -> str:
        return UNKNOWN if platform == UNKNOWN else self._find(platform).id

    def _find(self, platform: Platform | str) -> Platform:
        return self.services.platforms.find(platform) if isinstance(platform, str) else platform


def registration_ended(services: Services, platform: Platform) -> None:
    """Keep or remove the copies of a partner whose registration ended, as OCPI_COPIES_AFTER_UNREGISTRATION says."""
    if services.settings.copies_after_unregistration == "remove":
        Copies(services).remove(platform)


def _of(receiver: Party, source: str, *, offset: int = 0, limit: int = 50) -> Query:
    return Query(receiver=received(receiver, source), offset=offset, limit=limit)


def copy_key(object_type: ObjectType, owner: Party, id: str, receiver: Party, source: str) -> Key:
    """Return the key of the copy of a platform's object; the id of one that describes a party includes the platform."""
    owner = owner if object_type.is_owned else NOBODY
    return Key.of(*owner, f"{id}\n{source}" if object_type.described else id, receiver, source)
