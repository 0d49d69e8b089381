"""The target of a request: resolved once from the path and query of its URL and its routing headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Part
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.findings import Source
from flask_ocpi.exchange.sides import own_parties
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import received


@dataclass(slots=True)  # frozen ones take three times as long to make, and each request makes one
class Target:
    """The target of a request, resolved once, before its body is read; do not change it.

    path, query: the values in its URL. platform: the id of the calling partner. parties: our parties that receive it:
    the one in its TO headers, or all that serve the interface (RT-22).
    owner: the party in the URL. object_type, part: the classes of objects and of parts of the operation. id: the stored
    id of the object in the URL. part_ids: the ids of its parts in the URL, one per level.
    If the URL has none, owner, id and part_ids are NOBODY, "" and ().
    """

    module: Module
    interface: Interface
    operation: Operation
    path: Mapping[str, str]
    query: Mapping[str, Any]
    platform: str
    parties: tuple[Party, ...]
    owner: Party
    object_type: ObjectType
    part: Part
    id: str = ""
    part_ids: tuple[str, ...] = ()

    @property
    def receiver(self) -> Party:
        """The one own party that receives; InvalidParametersError if the request allows several (RT-22).

        Objects that arrive through a configuration module are for all own parties, and stored once, for the first.
        """
        if len(self.parties) > 1 and not self.module.configuration:
            listing = ", ".join(map(str, self.parties))
            raise InvalidParametersError(
                f"OCPI-to-country-code and OCPI-to-party-id are needed: {listing} all serve "
                f"{self.module.id} {self.interface.role} here."
            )
        return self.parties[0]

    @property
    def only_receiver(self) -> Party | None:
        """The one own party that receives; None if the request allows several."""
        return self.parties[0] if len(self.parties) == 1 else None

    @property
    def owners(self) -> tuple[Party, ...]:
        """The owners of the own objects: the parties that receive the request, or none if the objects have no owner."""
        return self.parties if self.object_type.is_owned else (NOBODY,)

    @property
    def own_keys(self) -> tuple[Key, ...]:
        """The possible keys of the target among own objects."""
        id = fold(self.id)
        return tuple([Key(*owner, id) for owner in self.owners])

    @property
    def key(self) -> Key:
        """The key of our copy of the target; InvalidParametersError as for the receiver."""
        return self.key_of(self.id)

    def key_of(self, id: str) -> Key:
        """Return the key of our copy of another object of the same owner."""
        receiver = self.parties[0] if len(self.parties) == 1 else self.receiver
        return Key(self.owner.country_code, self.owner.party_id, fold(id), _received(receiver, self.platform))

    @property
    def source(self) -> Source:
        """The source of the caller's data, for findings."""
        return Source(self.platform, str(self.module.id), " ".join(self.path.values()))

    def missing(self) -> Exception:
        """Return the error for a missing object, or a missing part of it."""
        segments = [self.path[p.name] for p in self.operation.parameters if p.name not in OWNER_KEY]
        object_type = self.object_type
        names = [object_type.name, *(part.name for part in object_type.parts)][: len(segments)]
        shown = " ".join(f"{name} {segment!a}" for name, segment in zip(names, segments, strict=True))
        return object_type.missing(f"There is no {shown} here.")


_NO_QUERY: Mapping[str, Any] = MappingProxyType({})


def resolve(
    ctx: Context,
    module: Module,
    interface: Interface,
    operation: Operation,
    *,
    path: Mapping[str, str],
    parties: tuple[Party, ...],
    query: Mapping[str, Any] = _NO_QUERY,
) -> Target:
    """Return the target of a request, from the path and the query of its URL."""
    owner, id = NOBODY, ""
    part: Part | None = None
    part_ids: tuple[str, ...] = ()
    if "party_id" in path:
        owner = party_named(path["country_code"], path["party_id"])
    described = operation.object
    if described is not None and described.parameter is not None and described.parameter.name in path:
        id = path[described.parameter.name]
        if described.defaults:
            first, *others = described.id_key
            id = described.id_from({first: id, **{name: query.get(name) for name in others}})
        for part in described.parts[: operation.part]:
            part_ids = (*part_ids, path[part.parameter.name])
    # Operations without an object, or without a part, do not use these fields.
    return Target(
        module,
        interface,
        operation,
        path,
        query,
        ctx.caller.platform.id,
        parties,
        owner,
        described,  # type: ignore[arg-type]
        part,  # type: ignore[arg-type]
        id,
        part_ids,
    )


#: As :meth:`Party.of`; the same few parties come again and again.
party_named = lru_cache(1024)(Party.of)
_received = lru_cache(1024)(received)


def addressed_parties(ctx: Context, module: Module, interface: Interface) -> tuple[Party, ...]:
    """Return the own parties a request is for: the one in its TO headers, or all that serve the interface (RT-22).

    A TO that names a party of the caller is ignored; any other party that is not hosted here, or does not serve the
    interface, raises InvalidParametersError. Versions and credentials are for the whole platform: our side for the
    caller may not be known yet.
    """
    if module.single:
        return ctx.services.own_parties(module.id, interface.role)
    hosted = own_parties(ctx.services, ctx.platform, ctx.version, module.id, interface.role)
    wanted = ctx.routing.to_party
    if wanted in hosted:
        return hosted if len(hosted) == 1 else (wanted,)
    if wanted is None or ctx.caller.platform.has(wanted):
        return hosted
    listing = ", ".join(map(str, hosted))
    raise InvalidParametersError(f"OCPI-to: {wanted} does not serve {module.id} {interface.role} here; {listing} does.")
