"""Scopes: the units of a sync."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import NamedTuple

from flask_ocpi.client.operations import operations_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import copy_key
from flask_ocpi.exchange.sides import own_parties
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import received


class Item(NamedTuple):
    """An object of a list as it is stored: its key and its record."""

    key: Key
    record: Record


@dataclass(frozen=True, slots=True)
class Scope:
    """A module of a platform, and the own party that receives the copies."""

    platform: Platform
    module: Module
    receiver: Party
    object_type: ObjectType = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "object_type", self.module.objects[0])

    @property
    def name(self) -> str:
        return f"{self.platform.id}\n{self.module.id}\n{self.receiver}"

    @property
    def key(self) -> Key:
        """The key of the scope's single record of a kind; its other records have the same ``receiver``."""
        return Key("", "", "", self.name)

    @property
    def loses_objects(self) -> bool:
        """Tell whether an object that is not in the whole list is gone (PAG-20).

        False for objects that never change, for objects that a hub reports of others, and for a hub that represents
        others.
        """
        return not (self.object_type.final or self.object_type.described or self.platform.is_hub)

    @property
    def copies(self) -> Query:
        """The query for the receiver's copies of the platform's objects."""
        return Query(owners=self.platform.parties, receiver=received(self.receiver, self.platform.id))

    def key_of(self, document: Document) -> Key:
        owner, id = Party.of(*self.object_type.owner_of(document)), self.object_type.id_of(document)
        return copy_key(self.object_type, owner, id, self.receiver, self.platform.id)

    def item_of(self, document: Document) -> Item:
        """Return an object as its copy is stored."""
        return Item(self.key_of(document), Record.of(document, last_updated=to_micros(document["last_updated"])))


def scope_of(services: Services, platform: Platform, id: str, receiver: Party | None = None) -> Scope:
    """Return the scope of a module of a platform.

    Raises InvalidParametersError if there is no such module with a list of objects, and if ``receiver`` is not an own
    party that receives it, or is required and missing.
    """
    module = _module(services, platform, id)
    if module is None:
        raise InvalidParametersError(f"The module {id} has no objects to pull.")
    parties = own_parties(services, platform, services.version(platform.version), id, InterfaceRole.RECEIVER)
    listing = ", ".join(map(str, parties))
    if receiver is not None and receiver not in parties:
        raise InvalidParametersError(f"{receiver} is no own party that receives {id}; there is {listing}.")
    if module.configuration:
        return Scope(platform, module, parties[0])
    if receiver is None and len(parties) > 1:
        raise InvalidParametersError(f"Several own parties receive {id} ({listing}): say which one it is for.")
    return Scope(platform, module, receiver or parties[0])


def scopes_of(services: Services, platform: Platform, modules: Collection[str] = ()) -> Iterator[Scope]:
    """Walk the scopes of a platform: the modules that it lists and that we receive; none while it is suspended.

    modules: only these; empty means those of OCPI_SYNC_MODULES.
    """
    wanted = modules or services.settings.sync_modules
    version = services.version(platform.version)
    if not platform.is_registered or platform.is_suspended or version is None:
        return
    for module in version.modules:
        if (wanted and module.id not in wanted) or _module(services, platform, module.id) is None:
            continue
        if not services.permissions.implements(platform.role_names, module.identifier, InterfaceRole.SENDER):
            continue  # it was not granted the role of this module
        if platform.endpoint(module.identifier, InterfaceRole.SENDER) and services.serves(
            module, InterfaceRole.RECEIVER
        ):
            parties = own_parties(services, platform, version, module.id, InterfaceRole.RECEIVER)
            # The copies of a configuration module are kept once, for all parties.
            for party in parties[:1] if module.configuration else parties:
                yield Scope(platform, module, party)


def all_scopes(services: Services) -> Iterator[Scope]:
    for platform in services.platforms.all():
        yield from scopes_of(services, platform)


def _module(services: Services, platform: Platform, id: str) -> Module | None:
    """Return a module as the platform's version defines it; None if it has no list of objects there."""
    version = services.version(platform.version)
    module = None if version is None else version.module(id)
    if module is None or not module.objects:
        return None
    return module if any(operation.returns_list for operation in operations_of(module, InterfaceRole.SENDER)) else None
