"""What a request addresses: resolved once, by the path and the query of its URL and its routing headers."""

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


@dataclass(frozen=True, slots=True)
class Target:
    """What a request addresses, resolved once, before its body is read.

    path, query: the values in its URL. platform: the id of the platform that calls. parties: our parties that it is
    for, the one in its TO headers or all that serve the interface (RT-22).
    owner: the party that the URL names. object_type, part: the classes of objects and of parts that the operation works
    on. id: what the addressed object is stored under, by the URL. part_ids: those of its addressed parts, one a level.
    Where the URL has none, owner, id and part_ids are NOBODY, "" and ().
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
        """The one own party that receives; InvalidParametersError when the request leaves it open (RT-22).

        What arrives through a configuration module is for all of them, and kept once, for the first.
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
        """The one own party that receives; None when the request leaves it open."""
        return self.parties[0] if len(self.parties) == 1 else None

    @property
    def owners(self) -> tuple[Party, ...]:
        """Those whose own objects it is about: the parties that it is for, unless the objects tell of none."""
        return self.parties if self.object_type.is_owned else (NOBODY,)

    @property
    def own_keys(self) -> tuple[Key, ...]:
        """The keys that the addressed object may have as one of our own."""
        return tuple(Key.of(*owner, self.id) for owner in self.owners)

    @property
    def key(self) -> Key:
        """The key of our copy of the addressed object; InvalidParametersError as for the receiver."""
        return self.key_of(self.id)

    def key_of(self, id: str) -> Key:
        """Return the key of our copy of another object of the same owner."""
        receiver = self.parties[0] if len(self.parties) == 1 else self.receiver
        return Key(self.owner.country_code, self.owner.party_id, fold(id), _received(receiver, self.platform))

    @property
    def source(self) -> Source:
        """Where what the caller sent comes from, for findings."""
        return Source(self.platform, str(self.module.id), " ".join(self.path.values()))

    def missing(self) -> Exception:
        """Return the error for an object, or a part of it, that is not here."""
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
    """Return what a request addresses, by the path and the query of its URL."""
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
    # Where an operation works on no object, or on no part, nobody asks for one.
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


#: As :meth:`Party.of`; the same few parties are named again and again.
party_named = lru_cache(1024)(Party.of)
_received = lru_cache(1024)(received)


def addressed_parties(ctx: Context, module: Module, interface: Interface) -> tuple[Party, ...]:
    """Return the own parties a request is for: the one in its TO headers, or all that serve the interface (RT-22).

    A TO that names one of the caller's own parties is ignored; any other party that is not hosted here, or does
    not serve the interface, raises InvalidParametersError.
    """
    hosted = own_parties(ctx.services, ctx.platform, ctx.version, module.id, interface.role)
    wanted = ctx.routing.to_party
    if wanted in hosted:
        return hosted if len(hosted) == 1 else (wanted,)
    if wanted is None or ctx.caller.platform.has(wanted):
        return hosted
    listing = ", ".join(map(str, hosted))
    raise InvalidParametersError(f"OCPI-to: {wanted} does not serve {module.id} {interface.role} here; {listing} does.")
