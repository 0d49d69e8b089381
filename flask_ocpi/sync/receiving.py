"""Storing the objects of a partner's list, except those that are older than the copy or of another platform."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import cache
from typing import Any
from typing import NamedTuple

from flask_ocpi.client.listing import Broken
from flask_ocpi.client.listing import LeftOut
from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import is_newer
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.documents import save_object
from flask_ocpi.exchange.findings import REFUSED
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.findings import group_of
from flask_ocpi.exchange.findings import name_of
from flask_ocpi.modules.hubclientinfo import note_parties
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.sync.known import Known
from flask_ocpi.sync.scopes import Item
from flask_ocpi.sync.scopes import Scope


def names_in(services: Services, scope: Scope) -> set[str]:
    """Return the ids of the refused objects of a scope."""
    return services.findings.objects_in(_group(scope))


def names_of(scope: Scope, items: Iterable[Broken]) -> set[str]:
    return {fold(finding_of(scope, item.document).object) for item in items}


def release(services: Services, scope: Scope, document: Any, known: set[str]) -> None:
    """Remove the finding of an object that was stored."""
    finding = finding_of(scope, document)
    name = fold(finding.object)
    if name in known:
        services.findings.settle(finding)
        known.discard(name)


def forget_unseen(services: Services, scope: Scope, *, since: int) -> None:
    """Remove findings of objects that are no longer in the whole list, which was read since that moment."""
    if services.findings.flush():  # the findings of this reading are written by now
        services.findings.settle_all(_group(scope), before=since)


def _group(scope: Scope) -> str:
    return group_of(scope.platform.id, str(scope.module.id), receiver=str(scope.receiver), refused=True)


def finding_of(scope: Scope, document: Any, reason: str = "") -> Finding:
    """Return the finding that an object was refused."""
    parties = scope.platform.parties
    known = dict(zip(OWNER_KEY, parties[0], strict=True)) if len(parties) == 1 else {}
    return Finding(
        scope.platform.id,
        REFUSED,
        str(scope.module.id),
        name_of(document, scope.object_type.key, known),
        outcome=reason,
        refused=True,
        receiver=str(scope.receiver),
        document=document,
    )


_log = logging.getLogger("flask_ocpi.sync")
_NOT_COMPARABLE = -1
_MOST_LOGGED = 20  # objects of a page


@dataclass(slots=True)
class Pulled:
    """The result of a pull: numbers of objects, and the objects that were left out with the reason.

    total: the number of objects that the platform reports. unchanged: objects whose copy stays: it is the same or
    newer. foreign: objects of parties that are not the platform's (PUSH-07).
    """

    total: int | None = None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    foreign: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def broken(self) -> list[Broken]:
        """The first thousand objects that were left out; ``left_out`` has the number of all."""
        return self.left_out.kept

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of objects that were created, updated, unchanged, removed and foreign."""
        return {name: getattr(self, name) for name in ("created", "updated", "unchanged", "removed", "foreign")}

    @property
    def seen(self) -> int:
        return self.created + self.updated + self.unchanged + self.foreign + self.left_out.number


class Received(NamedTuple):
    """A stored object, reported after the transaction."""

    key: Key
    record: Record
    created: bool


@dataclass(slots=True)
class Receipt:
    """The result for some objects. seen: the keys of all that belong to the platform, stored now or not.

    stored: those that changed a copy. settled: those that have a copy now. broken: those that were refused.
    """

    seen: list[Key] = field(default_factory=list)
    stored: list[Received] = field(default_factory=list)
    settled: list[Record] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def receive(services: Services, scope: Scope, items: Iterable[Item], pulled: Pulled, *, known: Known) -> Receipt:
    """Store objects and count them, in the transaction of the caller.

    A newer copy stays: it was pushed after the list was made (unless its moment is in the future: see
    :mod:`flask_ocpi.core.moments`). ``known`` has the revisions of copies
    before the list was requested: a copy that still has that revision is older than the list, for any ``last_updated``;
    a copy that is gone was removed since, and stays removed.
    """
    receipt = Receipt()
    own = own_objects(services, scope, items, pulled)
    copies = _Copies(services, scope, [item.key for item in own], known)
    for (key, record), is_new in zip(own, copies.create(own), strict=True):
        receipt.seen.append(key)
        try:
            outcome = is_new or copies.replace(key, record)
        except InvalidParametersError as error:
            receipt.broken.append(Broken(record.document, error.message))
            continue
        receipt.settled.append(record)
        if outcome is None:
            pulled.unchanged += 1
            continue
        pulled.created += outcome
        pulled.updated += not outcome
        receipt.stored.append(Received(key, record, outcome))
    copies.write()
    if scope.module.id == ModuleID.HUBCLIENTINFO:
        note_parties(services, scope.platform, [record.document for record in receipt.settled])
    return receipt


def tell(services: Services, scope: Scope, received: Sequence[Received]) -> None:
    """Report stored objects to the host application, after the transaction."""
    if not object_received.receivers:
        return
    for item in received:
        services.emit(
            object_received,
            module=scope.module.id,
            key=item.key,
            document=item.record.document,
            created=item.created,
            platform=scope.platform,
        )


def own_objects(services: Services, scope: Scope, items: Iterable[Item], pulled: Pulled) -> list[Item]:
    """Return the objects that the platform may speak for; count the others."""
    is_theirs: Callable[..., bool] = cache(lambda party: services.platforms.speaks_for(scope.platform, party))
    name = scope.object_type.name
    own, before = [], pulled.foreign
    for item in items:
        owner = item.key.owner
        if scope.object_type.described or not scope.object_type.is_owned or is_theirs(owner):
            own.append(item)
            continue
        pulled.foreign += 1
        if pulled.foreign - before <= _MOST_LOGGED:
            _log.warning("%s lists a %s of %s, which is not its party: ignored.", scope.platform.id, name, owner)
    if (others := pulled.foreign - before - _MOST_LOGGED) > 0:
        _log.warning("%s lists %d more of parties that are not its own: ignored (%s).", scope.platform.id, others, name)
    return own


class _Copies:
    """The copies of the objects on a page, changed in the same way as if each object came alone."""

    def __init__(self, services: Services, scope: Scope, keys: Sequence[Key], known: Known) -> None:
        self._storage = services.storage
        self._object_type = scope.object_type
        self._kind = scope.object_type.kind
        self._known = known
        self._now = services.now()
        self._changed: list[tuple[Key, Record]] = []
        # All processes lock in the same order, so that no two of them wait for each other.
        self._here = dict(self._storage.get_many(self._kind, keys, for_update=True))

    def create(self, items: Sequence[Item]) -> list[bool]:
        """Store objects without a copy that were not removed since the list was requested; tell which were stored."""
        places: dict[Key, int] = {}
        for place, (key, _) in enumerate(items):
            if key not in self._here and self._known.revision(key) is None:
                places.setdefault(key, place)
        is_new = [False] * len(items)
        pushed = []
        created = self._storage.create_many(self._kind, [items[place] for place in places.values()])
        for (key, place), new in zip(places.items(), created, strict=True):
            is_new[place] = new
            if new:
                self._here[key] = replace(items[place][1], revision=_NOT_COMPARABLE)
            else:
                pushed.append(key)
        if pushed:  # pushed at this moment, so the copies can be locked now
            self._here.update(self._storage.get_many(self._kind, pushed, for_update=True))
        return is_new

    def replace(self, key: Key, record: Record) -> bool | None:
        """Replace a copy unless it stays; return True if there was none, None if nothing changes.

        Raises InvalidParametersError if a final object has other content. :meth:`write` stores the replaced copies.
        """
        here = self._here.get(key)
        if here is None and self._known.revision(key) is not None:
            return None
        if here is not None:
            if here.has_same_document(record):
                return None
            stays = is_newer(here.last_updated, record.last_updated, self._now)
            if stays and here.revision != self._known.revision(key) and not self._object_type.final:
                return None
        if self._object_type.final:
            return save_object(self._storage, self._object_type, key, record, record.document) or None
        self._here[key] = replace(record, revision=_NOT_COMPARABLE)
        self._changed.append((key, record))
        return here is None

    def write(self) -> None:
        if self._changed:
            self._storage.save_many(self._kind, self._changed)
