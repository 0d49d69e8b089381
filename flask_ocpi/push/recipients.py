"""Who is to have an own object: the one place that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_ocpi.client.client import receivers
from flask_ocpi.context import Services
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import Role
from flask_ocpi.modules.hubclientinfo.copies import client_infos
from flask_ocpi.partners import Partners
from flask_ocpi.platforms import Platform
from flask_ocpi.storage.base import Party


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party of a platform, or behind it; None leaves it to the platform, where a hub spreads the object."""

    platform: Platform
    party: Party | None


def recipients(
    services: Services,
    partners: Partners,
    module: str,
    audience: tuple[Party, ...],
    *,
    only: Platform | None = None,
) -> Iterator[Recipient]:
    """Walk those that receive a module and belong to the audience of an object (empty: everybody).

    ``only`` asks about a single one of them. A party that is registered here gets the
    object directly, any other one in the audience through the hub that told of it. A hub spreads only what is for all
    (RT-10), and only a hub tells of the parties behind it.
    """
    if services.object_type(module).described and Role.HUB not in services.own_roles:
        return
    for platform in partners.reached(module, audience) if only is None else (only,):
        if platform.endpoint(module, InterfaceRole.RECEIVER) is not None:
            for party in _parties(services, partners, platform, module, audience):
                yield Recipient(platform, party)


def _parties(
    services: Services, partners: Partners, platform: Platform, module: str, audience: tuple[Party, ...]
) -> Iterator[Party | None]:
    own = [party for party in audience if party in platform.parties]
    if _is_configuration(services, module) or (platform.is_hub and not audience):
        if own or not audience:
            yield None
    elif not audience:
        yield from receivers(services, platform, module, InterfaceRole.RECEIVER)
    else:
        yield from own
        if platform.is_hub:
            others = (party for party in audience if party not in own)
            yield from (party for party in others if _is_behind(services, partners, platform, party))


def _is_configuration(services: Services, id: str) -> bool:
    return any((module := version.module(id)) and module.configuration for version in services.versions)


def _is_behind(services: Services, partners: Partners, platform: Platform, party: Party) -> bool:
    """Tell whether a party is to be reached through a hub: through those that told of it, or any where none did."""
    if partners.speaking_for(party):
        return False
    telling = [hub.id for hub in partners.hubs if client_infos(services, hub, party)]
    return not telling or platform.id in telling
