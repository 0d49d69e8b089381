"""Who is to have an own object: the one place that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_ocpi.client.client import fitting
from flask_ocpi.context import Services
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.enums import Role
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
    """Walk those of some registered platforms that receive a module and belong to the audience (empty: everybody).

    ``only`` asks about a single one of them. A party that is registered here gets the object directly, any other one in
    the audience through the hub that stands for it. A hub spreads only what is for all (RT-10), and only a hub tells of
    the parties behind it. What is for everybody goes to a platform with very many parties once. A platform that was
    granted nothing gets nothing.
    """
    if services.object_type(module).described and Role.HUB not in services.own_roles:
        return
    for platform in partners.reached(module, audience) if only is None else (only,):
        if platform.roles and platform.endpoint(module, InterfaceRole.RECEIVER) is not None:
            for party in _parties(services, platform, module, audience):
                yield Recipient(platform, party)


def _parties(
    services: Services, platform: Platform, module: str, audience: tuple[Party, ...]
) -> Iterator[Party | None]:
    own = [party for party in audience if platform.has(party)]
    if _is_configuration(services, module) or (platform.is_hub and not audience):
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


def _is_configuration(services: Services, id: str) -> bool:
    return any((module := version.module(id)) and module.configuration for version in services.versions)


def _gets_it_once(services: Services, platform: Platform) -> bool:
    """Tell whether a platform gets what is for everybody once, rather than for each of its parties."""
    if platform.push_parties is not None:
        return platform.push_parties == "first"
    return len(platform.parties) > services.settings.push_parties
