"""Pushing: send the current state of an own object to everybody that it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from flask_ocpi.client.client import Client
from flask_ocpi.client.client import receivers
from flask_ocpi.description import Document
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.modules.hubclientinfo.copies import client_infos
from flask_ocpi.platforms import Platform
from flask_ocpi.storage.base import Party

_log = logging.getLogger("flask_ocpi.client")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push to one party; ``error`` None: it was taken.

    platform: the id of the platform it was sent to. party: for whom; None where a hub spreads it.
    """

    platform: str
    error: FlaskOCPIError | None = None
    party: Party | None = None


def push(
    platforms: Iterable[Platform],
    connect: Callable[..., Client],
    module: str,
    document: Document,
    audience: tuple[Party, ...],
) -> list[Pushed]:
    """Send an object once to each party that receives the module and belongs to the audience (empty: all).

    A party that is registered here gets it directly, any other one in the audience through the hub that told of it. A
    hub spreads only what is for all (RT-10). A failure is logged and does not hold up the others; nothing is repeated
    (T-33, CLI-12). ``connect`` makes a client of a platform, and of its party ``to``.
    """
    registered = [platform for platform in platforms if platform.is_registered]
    pushed = []
    for platform in registered:
        if platform.endpoint(module, InterfaceRole.RECEIVER) is None:
            continue
        try:
            parties = list(_parties(connect(platform), module, audience, registered))
        except FlaskOCPIError as error:
            pushed.append(failed(platform.id, None, error))
            continue
        for party in parties:
            try:
                connect(platform, to=party).module(module).push(document)
            except FlaskOCPIError as error:
                pushed.append(failed(platform.id, party, error))
            else:
                pushed.append(Pushed(platform.id, party=party))
    return pushed


def _parties(
    client: Client, module: str, audience: tuple[Party, ...], registered: Sequence[Platform]
) -> Iterator[Party | None]:
    """Walk the parties that a platform is to be addressed for; None leaves it to the platform."""
    platform = client.platform
    own = [party for party in audience if party in platform.parties]
    if client.module(module).module.configuration or (platform.is_hub and not audience):
        if own or not audience:
            yield None
    elif not audience:
        yield from receivers(client.services, platform, module, InterfaceRole.RECEIVER)
    else:
        yield from own
        if platform.is_hub:
            yield from (party for party in audience if party not in own and _is_behind(client, party, registered))


def _is_behind(client: Client, party: Party, registered: Sequence[Platform]) -> bool:
    """Tell whether a party is to be reached through a hub: through those that told of it, or any where none did."""
    if any(party in platform.parties for platform in registered):
        return False
    hubs = [hub for hub in registered if hub.is_hub]
    telling = [hub.id for hub in hubs if client_infos(client.services, hub, party)]
    return not telling or client.platform.id in telling


def failed(platform: str, party: Party | None, error: FlaskOCPIError) -> Pushed:
    """Log and return that a party of a platform did not take what was pushed."""
    _log.warning("%s did not take an object: %s", platform if party is None else f"{platform} ({party})", error)
    return Pushed(platform, error, party)
