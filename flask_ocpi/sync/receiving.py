"""Storing what another platform's list has: never over something newer, and never what is not the platform's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import cache

from flask_ocpi.client.listing import Broken
from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.documents import save_object
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.fields import to_micros
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.sync.scopes import Scope

_log = logging.getLogger("flask_ocpi.sync")
_NOT_COMPARABLE = -1


@dataclass(slots=True)
class Pulled:
    """What a pull did: numbers of objects, and the ones that were left out with the reason.

    total: how many the platform says it has. unchanged: what is here stays, as it is the same, or newer. foreign:
    objects of parties that are not the platform's (PUSH-07).
    """

    total: int | None = None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    foreign: int = 0
    broken: list[Broken] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.created + self.updated + self.unchanged + self.foreign + len(self.broken)


@dataclass(frozen=True, slots=True)
class Received:
    """An object that was stored, and is to be told of once the transaction is over."""

    key: Key
    document: Document
    created: bool


@dataclass(slots=True)
class Receipt:
    """What became of some objects. seen: the keys of all that are the platform's, stored anew or not.

    stored: those that changed something. settled: the documents that are here now. broken: those that were refused.
    """

    seen: list[Key] = field(default_factory=list)
    stored: list[Received] = field(default_factory=list)
    settled: list[Document] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def receive(
    services: Services, scope: Scope, documents: Iterable[Document], pulled: Pulled, *, known: Mapping[Key, int]
) -> Receipt:
    """Store objects and count them, in the transaction of the caller.

    What is here and newer stays: it was pushed after the list was made. ``known`` are the revisions that copies had
    before the list was asked for: what still has that revision is older than the list, whatever its ``last_updated``,
    and what is gone was removed since then, and stays so.
    """
    receipt = Receipt()
    own = _own_objects(services, scope, documents, pulled)
    # All processes lock in the same order, so that none waits for another that waits for it.
    kind = scope.object_type.kind
    stored = {key: services.storage.get(kind, key, for_update=True) for key in sorted({key for key, _ in own})}
    for key, document in own:
        receipt.seen.append(key)
        try:
            outcome = _store(services, scope, key, document, stored, known)
        except InvalidParametersError as error:
            receipt.broken.append(Broken(document, error.message))
            continue
        receipt.settled.append(document)
        if outcome is None:
            pulled.unchanged += 1
            continue
        pulled.created += outcome
        pulled.updated += not outcome
        receipt.stored.append(Received(key, document, outcome))
    return receipt


def tell(services: Services, scope: Scope, received: Sequence[Received]) -> None:
    """Tell the host application what was stored; after the transaction."""
    for item in received:
        services.emit(
            object_received,
            module=scope.module.id,
            key=item.key,
            document=item.document,
            created=item.created,
            platform=scope.platform,
        )


def _own_objects(
    services: Services, scope: Scope, documents: Iterable[Document], pulled: Pulled
) -> list[tuple[Key, Document]]:
    """Return the objects that the platform may speak for, with their keys; of the others only the number is noted."""
    is_theirs: Callable[..., bool] = cache(lambda party: services.platforms.speaks_for(scope.platform, party))
    own = []
    for document in documents:
        key = scope.key_of(document)
        if scope.object_type.described or is_theirs(key.owner):
            own.append((key, document))
            continue
        pulled.foreign += 1
        name = scope.object_type.name
        _log.warning("%s lists a %s of %s, which is not its party: ignored.", scope.platform.id, name, key.owner)
    return own


def _store(
    services: Services,
    scope: Scope,
    key: Key,
    document: Document,
    stored: dict[Key, Record | None],
    known: Mapping[Key, int],
) -> bool | None:
    """Store an object unless what is here stays; True when it is new, None when nothing changed."""
    storage, object_type = services.storage, scope.object_type
    record = Record.of(document, last_updated=to_micros(document["last_updated"]))
    here = stored[key]
    if here is None and key in known:
        return None
    if here is None and not object_type.final:
        try:
            storage.save(object_type.kind, key, record, expected=0)
        except ConflictError:  # it was pushed at this very moment, and can be locked now
            here = storage.get(object_type.kind, key, for_update=True)
        else:
            stored[key] = replace(record, revision=_NOT_COMPARABLE)
            return True
    if here is not None:
        is_newer = here.last_updated > record.last_updated and here.revision != known.get(key)
        if here.text == record.text or (is_newer and not object_type.final):
            return None
    created = save_object(storage, object_type, key, record, document)
    stored[key] = replace(record, revision=_NOT_COMPARABLE)
    return None if object_type.final and not created else created
