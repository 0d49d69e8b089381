"""The changes of an object, their receivers, and the PATCH that can express a change."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_ocpi.client.connection import fitting
from flask_ocpi.client.operations import operations_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Part
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Role
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.sides import deals_with
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import fold

#: The names of the properties that changed, by the ids of their part, joined with a line feed; "" is the object itself.
#: None: everything changed, or too much to list.
Changed = dict[str, list[str]] | None

LAST_UPDATED = "last_updated"
_MOST_PLACES = 20
_MOST_PROPERTIES = 5  # in a PATCH; for more, the whole object is sent


@dataclass(frozen=True, slots=True)
class Patch:
    """The changes of one object, or of one part of it (one id a level), for a PATCH."""

    part_ids: tuple[str, ...]
    changes: Document


def difference(object_type: ObjectType, before: Document, after: Document) -> Changed:
    """Compare two states of an object; None when parts came, went or moved, or when identifiers changed."""
    found: dict[str, list[str]] = {}
    names = object_type.id_key
    return found if _compare(object_type.parts, names, before, after, (), found) and found else None


def united(first: Changed, second: Changed) -> Changed:
    """Return two successive changes as one."""
    if first is None or second is None:
        return None
    both = {place: list(names) for place, names in first.items()}
    for place, names in second.items():
        both[place] = list(dict.fromkeys((*both.get(place, ()), *names)))
    return both if len(both) <= _MOST_PLACES else None


def patch_of(module: Module, object_type: ObjectType, document: Document, changed: Changed) -> Patch | None:
    """Return the PATCH that brings a receiver from its older state to this one; None: send the whole object.

    There is one if few properties changed, all in one place, and if the receiver of the PATCH sets ``last_updated`` of
    the levels above to the value they have here (LOC-10). Lists that a PATCH would add to must not have changed.
    """
    if changed is None:
        return None
    # Elsewhere only last_updated may have changed, and only to the part's own value.
    deepest = max(changed, key=lambda place: len(_ids(place)), default="")
    place_of_change = next((place for place, names in changed.items() if set(names) - {LAST_UPDATED}), deepest)
    ids = _ids(place_of_change)
    for place, names in changed.items():
        above = _ids(place) == ids[: len(_ids(place))]
        if not above or (place != place_of_change and set(names) - {LAST_UPDATED}):
            return None
    offered = (o for o in operations_of(module, InterfaceRole.RECEIVER) if o.method == "PATCH")
    if not any(o.object is object_type and o.part == len(ids) for o in offered):
        return None
    target, ancestors = document, []
    if ids:
        part = locate(document, object_type, ids)
        if part is None or part.index is None:
            return None
        target, ancestors = part.siblings[part.index], part.ancestors
    names = [name for name in changed.get(place_of_change, ()) if name != LAST_UPDATED]
    if len(names) > _MOST_PROPERTIES or (not ids and set(names) & set(object_type.appended)):
        return None
    if any(ancestor[LAST_UPDATED] != target[LAST_UPDATED] for ancestor in ancestors):
        return None
    return Patch(ids, {name: target.get(name) for name in (*names, LAST_UPDATED)})


def _ids(place: str) -> tuple[str, ...]:
    return tuple(place.split("\n")) if place else ()


def _compare(
    parts: Sequence[Part],
    key: Sequence[str],
    before: Document,
    after: Document,
    ids: tuple[str, ...],
    found: dict[str, list[str]],
) -> bool:
    """Note the differences of two states; return False if properties cannot express them."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if set(names) & set(key):
        return False
    if parts and parts[0].property in names:
        part = parts[0]
        old, new = _by_id(part, before), _by_id(part, after)
        if list(old) != list(new):
            return False
        names.remove(part.property)
        for id, item in new.items():
            below = (*ids, str(item[part.key]))
            if item != old[id] and not _compare(parts[1:], (part.key,), old[id], item, below, found):
                return False
    if names:
        found["\n".join(ids)] = names
    return len(found) <= _MOST_PLACES


def _by_id(part: Part, document: Document) -> dict[str, Any]:
    return {fold(str(item[part.key])): item for item in document.get(part.property, ())}


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party of a platform, or behind it. party: None for the platform as a whole."""

    platform: Platform
    party: Party | None


def recipients(
    services: Services,
    partners: Partners,
    module: str,
    owner: Party,
    audience: tuple[Party, ...],
    *,
    only: Platform | None = None,
) -> list[Recipient]:
    """Return the recipients among registered platforms: those in the audience (empty: everybody) that receive a module.

    owner: the own party of the object; a platform that deals only with another own party does not get it. The order is
    always the same, so that two changes of one object never wait for each other. ``only``: ask about one platform. A
    registered party gets the object directly, any other party in the audience through the hub that represents it. A hub
    distributes only objects that are for everybody (RT-10), and only a hub sends ClientInfos. An object for everybody
    goes once to a platform with very many parties. A platform without granted roles gets nothing.
    """
    if services.object_type(module).described and Role.HUB not in services.own_roles:
        return []
    identifier = services.identifier(module)
    found = [
        Recipient(platform, party)
        for platform in (partners.reached(identifier, audience) if only is None else (only,))
        if deals_with(services, platform, owner)
        and platform.roles
        and platform.endpoint(identifier, InterfaceRole.RECEIVER) is not None
        for party in _parties(services, platform, module, audience)
    ]
    return sorted(found, key=lambda recipient: (recipient.platform.id, recipient.party or NOBODY))


def _parties(
    services: Services, platform: Platform, module: str, audience: tuple[Party, ...]
) -> Iterator[Party | None]:
    own = [party for party in audience if platform.has(party)]
    described = services.module(module)
    if (described is not None and described.configuration) or (platform.is_hub and not audience):
        if own or not audience:
            yield None
    elif not audience:
        found = fitting(services, platform, module, InterfaceRole.RECEIVER)
        yield from found[:1] if _gets_it_once(services, platform) else found
    else:
        yield from own
        if platform.is_hub:
            others = (party for party in audience if party not in own)
            yield from (party for party in others if services.platforms.claims.is_behind(platform.id, party))


def _gets_it_once(services: Services, platform: Platform) -> bool:
    """Tell whether a platform gets an object for everybody once, instead of once for each of its parties."""
    if platform.push_parties is not None:
        return platform.push_parties == "first"
    return len(platform.parties) > services.settings.push_parties


def can_be_deleted(module: Module) -> bool:
    """Tell whether OCPI can delete objects of a module: only Tariffs."""
    operations = operations_of(module, InterfaceRole.RECEIVER)
    return any(o.method == "DELETE" and o.owned and o.object is not None for o in operations)
