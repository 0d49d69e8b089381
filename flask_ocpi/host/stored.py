"""All stored objects, own ones and copies, as people look for them: pages of a module, and an id in every module."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from itertools import chain
from itertools import islice

import orjson

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.exchange.context import Services
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.outbox.entries import OutboxWriter
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import latest_first
from flask_ocpi.storage.base import received
from flask_ocpi.storage.base import walk

#: How many objects a search for a text looks at, the latest ones.
SEARCHED = 20_000
_LOCATIONS = str(ModuleID.LOCATIONS)  # their kind as well


@dataclass(frozen=True, slots=True)
class Item:
    """A stored object. platform: the id of the partner that sent it, "" for an own object. ids: those of its key."""

    module: str
    owner: Party
    ids: tuple[str, ...]
    platform: str
    document: Document = field(repr=False)
    audience: tuple[Party, ...] = ()
    revision: int = 0

    @property
    def name(self) -> str:
        """The module and the ids, such as ``locations NL-ABC LOC1``."""
        return " ".join((self.module, str(self.owner), *self.ids))


@dataclass(frozen=True, slots=True)
class Place:
    """An EVSE on the map, or a Location without EVSEs (uid: ""). platform: as in :class:`Item`.

    latitude, longitude: WGS84 degrees. status: of the EVSE, "" for a Location. last_updated: DateTime of the EVSE.
    """

    owner: Party
    platform: str
    location: str
    uid: str
    latitude: float
    longitude: float
    status: str
    last_updated: str
    name: str


@dataclass(frozen=True, slots=True)
class Items:
    """A page of stored objects, the latest created first. total: of all, None if a text was searched for.

    more: there are further ones. looked_at: how many objects the search for a text looked at.
    """

    items: tuple[Item, ...]
    more: bool
    total: int | None = None
    looked_at: int = 0


class StoredObjects:
    """Finds stored objects, own ones and copies: ``ocpi.stored``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(
        self,
        module: str,
        *,
        platform: Platform | str | None = None,
        text: str = "",
        since: int | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> Items:
        """Return own objects of a module, or the copies of a partner; the latest created first.

        text: only objects that contain it, without regard to case, among the latest ``SEARCHED``. since: microseconds;
        only objects whose ``last_updated`` is at or after it.
        """
        object_type = self._services.object_type(module)
        source = None if platform is None else self._services.platforms.find(platform).id
        queries = [Query(receiver=at, date_from=since) for at in self._receivers(source)]
        item = partial(self._item, module, object_type, source or "")
        storage, kind = self._services.storage, object_type.kind
        if not text:
            records: list[Record] = []
            skip, total = offset, 0
            for query in queries:
                number = storage.list(kind, replace(query, limit=1)).total
                page = latest_first(storage, kind, query, skip=skip, at_once=limit)
                records += islice(page, limit - len(records))
                skip, total = max(0, skip - number), total + number
            return Items(tuple(map(item, records)), offset + len(records) < total, total)
        wanted = fold(orjson.dumps(text).decode()[1:-1])
        looked_at = 0
        found: list[Record] = []
        for record in islice(chain.from_iterable(latest_first(storage, kind, q) for q in queries), SEARCHED):
            looked_at += 1
            if wanted in fold(record.text.decode()):
                found.append(record)
                if len(found) > offset + limit:
                    break
        return Items(tuple(map(item, found[offset : offset + limit])), len(found) > offset + limit, None, looked_at)

    def places(self) -> Iterator[Place]:
        """Yield the EVSEs of all locations, own ones and copies, in the order of their creation; not the removed ones.

        Locations without EVSEs are yielded themselves; those whose coordinates are no numbers are left out.
        """
        for source in (None, *(platform.id for platform in self._services.platforms.all())):
            for receiver in self._receivers(source):
                for record in walk(self._services.storage, _LOCATIONS, Query(receiver=receiver)):
                    yield from _places_of(record.document, source or "")

    def find(self, module: str, *ids: str, owner: Party, platform: Platform | str | None = None) -> Item:
        """Return an own object, or the copy of a partner; raise NotFoundError if there is none."""
        object_type = self._services.object_type(module)
        source = None if platform is None else self._services.platforms.find(platform).id
        id = "\n".join(ids)
        keys = [self._key(object_type, owner, id, at, source) for at in self._receivers(source)]
        found = self._services.storage.get_many(object_type.kind, keys)
        if not found:
            raise object_type.missing(f"There is no {object_type.name} {' '.join(ids)!a} of {owner} here.")
        return self._item(module, object_type, source or "", next(iter(found.values())))

    def with_id(self, id: str) -> Sequence[Item]:
        """Return the objects with this id in any module, own ones and copies, of every party that is known here."""
        found: list[Item] = []
        known = list(self._services.platforms.all())
        for module, object_type in self._services.object_types.items():
            keys: dict[Key, str] = {}
            # A person means by one id the uid of a Token, which its type follows in keys.
            for full in [id] if len(object_type.id_key) == 1 else [f"{id}\n{type}" for type in TokenType]:
                own = {self._key(object_type, party, full, "", None): "" for party in self._services.parties}
                copies = {
                    self._key(object_type, party, full, receiver, platform.id): platform.id
                    for platform in known
                    for party in platform.parties
                    for receiver in self._receivers(platform.id)
                }
                keys |= own | copies
            records = self._services.storage.get_many(object_type.kind, keys)
            found += [self._item(module, object_type, keys[key], record) for key, record in records.items()]
        return found

    def send(self, item: Item, platform: Platform | str | None = None) -> bool:
        """Send the current state of an own object again, to one partner or to all that receive it; False: nobody does.

        It goes through the outbox: a partner that cannot be reached gets it later. The push filter may keep it back.
        """
        object_type = self._services.object_type(item.module)
        only = None if platform is None else self._services.platforms.find(platform)
        outbox = OutboxWriter(self._services, item.module, object_type, only=only)
        key = self._key(object_type, item.owner, "\n".join(item.ids), "", None)

        def write() -> None:
            record = self._services.storage.get(object_type.kind, key, for_update=True)
            if record is None:
                raise object_type.missing(f"There is no {item.name} here any more.")
            if not outbox.is_kept_back(key, record):
                outbox.all_changed([(key, None, record)])

        self._services.storage.run(write)
        self._services.wake(outbox.platforms)
        return bool(outbox.platforms)

    def _receivers(self, source: str | None) -> list[str]:
        return [""] if source is None else [received(party, source) for party in self._services.parties]

    def _key(self, object_type: ObjectType, owner: Party, id: str, receiver: str, source: str | None) -> Key:
        full = f"{id}\n{source}" if object_type.described and source else id
        return Key.of(*(owner if object_type.is_owned else NOBODY), full)._replace(receiver=receiver)

    def _item(self, module: str, object_type: ObjectType, source: str, record: Record) -> Item:
        document = record.document
        owner = Party.of(*object_type.owner_of(document))
        ids = tuple(object_type.id_of(document).split("\n"))
        return Item(module, owner, ids, source, document, record.audience, record.revision)


def _places_of(location: Document, platform: str) -> Iterator[Place]:
    owner = Party.of(location["country_code"], location["party_id"])
    here, name = location["coordinates"], str(location.get("name") or location.get("address") or "")
    evses = [evse for evse in location.get("evses") or () if evse.get("status") != "REMOVED"]
    if location.get("evses") and not evses:
        return
    for part in evses or [{"uid": "", "status": "", "last_updated": location["last_updated"]}]:
        at = part.get("coordinates") or here
        with suppress(TypeError, ValueError):
            where, state = (float(at["latitude"]), float(at["longitude"])), (part["status"], part["last_updated"])
            yield Place(owner, platform, location["id"], part["uid"], *where, *state, name)
