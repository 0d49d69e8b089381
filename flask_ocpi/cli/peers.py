"""Whom a command is about: the other platform, its party, and the own one."""

from __future__ import annotations

import click

from flask_ocpi.cli.arguments import read_party
from flask_ocpi.client.client import Client
from flask_ocpi.client.client import receivers
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.globals import current_ocpi
from flask_ocpi.storage.base import Party


def require_party(parties: tuple[Party, ...], party: Party | None) -> None:
    """Demand --party where several own parties could be meant."""
    if party is None and len(parties) > 1:
        raise click.UsageError(f"Say with --party which own party it is about: {', '.join(map(str, parties))}.")


def connect(platform: str, module: str, role: InterfaceRole, *, party: Party | None, to: Party | None) -> Client:
    """Return a client for an interface of a platform, in the name of an own party.

    The party that is addressed is the only one that could be, the one by which the platform is named, or ``to``.
    """
    require_party(current_ocpi.services.own_parties(module, role.opposite), party)
    found = current_ocpi.platforms.find(platform)
    named = read_party(platform)
    addressed = to or (named if named in found.parties else None)
    possible = receivers(current_ocpi.services, found, module, role)
    if addressed is None and len(possible) > 1:
        listing = ", ".join(map(str, possible))
        raise click.UsageError(f"{found.id} speaks for {listing}: say with --to-party which of them is meant.")
    return current_ocpi.client(found, sender=party, to=addressed)
