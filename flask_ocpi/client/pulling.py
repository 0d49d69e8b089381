"""Pulling: fetch the objects of another platform and keep copies of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field

from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import Broken
from flask_ocpi.client.listing import Listing
from flask_ocpi.description import Document
from flask_ocpi.description import ObjectType
from flask_ocpi.documents import save_object
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.fields import to_micros
from flask_ocpi.modules.hubclientinfo.copies import told_by
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk

_log = logging.getLogger("flask_ocpi.client")


@dataclass(slots=True)
class Pulled:
    """What a pull did: numbers of objects, and the ones that were left out with the reason.

    total: how many the platform says it has. foreign: objects of parties that are not the platform's (PUSH-07).
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


def pull(
    client: Client,
    module: str,
    *,
    date_from: str | None = None,
    date_to: str | None = None,
    receiver: Party | None = None,
    progress: Callable[[Pulled], None] = lambda _: None,
) -> Pulled:
    """Fetch the objects of a platform's Sender interface and store them for one of our own parties.

    Without dates, copies that the platform lists no more are removed at the end (PAG-20), unless some objects of the
    list were broken: those might be the ones missing. A hub's are kept, since other platforms may push them too.
    """
    calls = client.module(module)
    if not calls.module.objects:
        raise InvalidParametersError(f"The module {module} has no objects to pull.")
    object_type = calls.module.objects[0]
    if object_type.described:
        object_type = told_by(object_type, client.platform)
    party = _receiving_party(client, module, receiver)
    listing = calls.list(date_from=date_from, date_to=date_to)
    pulled = Pulled(broken=listing.broken)
    lasting = object_type.final or object_type.described  # of these nothing is ever removed
    whole = date_from is None and date_to is None and not client.platform.is_hub and not lasting
    # What arrives by push during the crawl may be newer than the pages, so only what was there before can vanish.
    vanished = set(_stored(client, object_type, party)) if whole else set()
    for document in listing:
        key = _key(object_type, document, party)
        if not object_type.described and not client.services.platforms.speaks_for(client.platform, key.owner):
            pulled.foreign += 1
            _log.warning(
                "%s lists a %s of %s, which is not its party: ignored.", client.platform.id, object_type.name, key.owner
            )
            continue
        vanished.discard(key)
        _store(client, module, object_type, key, document, pulled)
        _report(pulled, listing, progress)
    _report(pulled, listing, progress)
    if not listing.broken:
        _remove(client, module, object_type, vanished, pulled)
    return pulled


def _store(client: Client, module: str, object_type: ObjectType, key: Key, document: Document, pulled: Pulled) -> None:
    storage = client.services.storage
    record = Record.of(document, last_updated=to_micros(document["last_updated"]))
    stored = storage.get(object_type.kind, key)
    if stored is not None and stored.text == record.text:
        pulled.unchanged += 1
        return
    try:
        created = save_object(storage, object_type, key, record, document)
    except InvalidParametersError as error:
        pulled.broken.append(Broken(document, error.message))
        return
    if object_type.final and not created:  # it is the same, written in another way
        pulled.unchanged += 1
        return
    if created:
        pulled.created += 1
    else:
        pulled.updated += 1
    client.services.emit(
        object_received, module=module, key=key, document=document, created=created, platform=client.platform
    )


def _stored(client: Client, object_type: ObjectType, party: Party) -> Iterator[Key]:
    """Walk the keys of the copies that we have of the platform's objects."""
    query = Query(owners=client.platform.parties, receiver=str(party))
    records = walk(client.services.storage, object_type.kind, query)
    return (_key(object_type, record.document, party) for record in records)


def _remove(client: Client, module: str, object_type: ObjectType, vanished: Iterable[Key], pulled: Pulled) -> None:
    for key in vanished:
        if client.services.storage.delete(object_type.kind, key):
            pulled.removed += 1
            client.services.emit(object_removed, module=module, key=key, platform=client.platform)


def _receiving_party(client: Client, module: str, wanted: Party | None) -> Party:
    parties = client.services.own_parties(module, InterfaceRole.RECEIVER)
    listing = ", ".join(map(str, parties))
    if wanted is not None and wanted not in parties:
        raise InvalidParametersError(f"{wanted} is no own party that receives {module}; there is {listing}.")
    if client.module(module).module.configuration:
        return parties[0]  # It is for all of them, and kept once.
    if wanted is None and len(parties) > 1:
        raise InvalidParametersError(f"Several own parties receive {module} ({listing}): say which one it is for.")
    return wanted or parties[0]


def _key(object_type: ObjectType, document: Document, party: Party) -> Key:
    return Key.of(document["country_code"], document["party_id"], object_type.id_of(document), party)


def _report(pulled: Pulled, listing: Listing, progress: Callable[[Pulled], None]) -> None:
    pulled.total = listing.total
    progress(pulled)
