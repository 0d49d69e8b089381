"""Commands about what partners are granted: see what they ask for, approve of it or not."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import click
from flask.cli import with_appcontext

from flask_ocpi.claims import party_of
from flask_ocpi.cli.arguments import parties_given
from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.arguments import roles_given
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.globals import current_ocpi
from flask_ocpi.grants import listing
from flask_ocpi.platforms import Platform
from flask_ocpi.presets import PRESETS
from flask_ocpi.quirks import TABLE
from flask_ocpi.quirks import as_text
from flask_ocpi.quirks import written
from flask_ocpi.storage.base import Party

_roles = click.option("--roles", callback=roles_given, help="Only these roles, such as CPO,EMSP.")
_parties = click.option("--parties", callback=parties_given, help="Only these parties, such as NL-ABC,NL-DEF.")


@click.group(cls=Commands, short_help="Decide what partners may be.")
def partners() -> None:
    """Decide what partners may be: the roles and parties that they name beyond what they were granted."""


@partners.command(short_help="List what partners ask for.")
@click.argument("platform", required=False)
@json_option
@with_appcontext
def requests(platform: str | None, as_json: bool) -> None:
    """List the roles and parties that partners, or PLATFORM, name beyond what they were granted."""
    known = current_ocpi.platforms
    chosen = list(known.all()) if platform is None else [known.find(platform)]
    found = [(asking, role) for asking in chosen for role in asking.requested]
    has = _holders([party_of(role) for _, role in found])
    if as_json:
        return show([{"platform": p.id, "role": dict(r), "held_by": _held(has, p, r)} for p, r in found])
    if not found:
        return say("No partner asks for anything.")
    rows = [(p.id, p.name, r["role"], str(party_of(r)), ", ".join(_held(has, p, r)) or "-") for p, r in found]
    return say(table(("ID", "NAME", "ROLE", "PARTY", "HELD BY"), rows))


@partners.command(short_help="Grant what a partner asks for.")
@click.argument("platform")
@_roles
@_parties
@click.option("--move", is_flag=True, help="Take parties from the platforms that have them.")
@json_option
@with_appcontext
def approve(
    platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None, move: bool, as_json: bool
) -> None:
    """Grant what PLATFORM asks for, all or some; it may use it from now on."""
    found = current_ocpi.platforms.find(platform)
    granted = current_ocpi.approve(found, roles=roles, parties=parties, move=move)
    return _say_decided(found, granted, "Granted", as_json=as_json)


@partners.command(short_help="Drop what a partner asks for.")
@click.argument("platform")
@_roles
@_parties
@json_option
@with_appcontext
def reject(platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None, as_json: bool) -> None:
    """Drop what PLATFORM asks for, all or some, until it names it again; what it has it keeps."""
    found = current_ocpi.platforms.find(platform)
    dropped = current_ocpi.reject(found, roles=roles, parties=parties)
    return _say_decided(found, dropped, "Dropped", as_json=as_json)


@partners.command(short_help="Choose how often a partner gets what is for everybody.")
@click.argument("platform")
@click.argument("which", type=click.Choice(["first", "each", "default"]))
@with_appcontext
def push(platform: str, which: str) -> None:
    """Send PLATFORM what is for everybody once, for its first party, or for each of them.

    By default one with more than OCPI_PUSH_PARTIES parties gets it once.
    """
    changed = current_ocpi.push_parties(platform, None if which == "default" else which)
    say(f"Platform {changed.id} gets what is for everybody: {which}.")


@partners.command(short_help="Have a hub stand for a party.")
@click.argument("hub")
@click.argument("party", callback=party_given)
@with_appcontext
def behind(hub: str, party: Party) -> None:
    """Have HUB stand for PARTY, whichever hub did before: after one told of it that should not."""
    current_ocpi.stand_for(hub, party)
    say(f"{hub} stands for {party}.")


@partners.command("set", short_help="Say what is done differently for a partner.")
@click.argument("platform")
@click.option("--quirk", "given", multiple=True, metavar="NAME[=VALUE]", help="A quirk; NAME=off for none.")
@click.option("--preset", "presets", multiple=True, help="The quirks of known software, such as py-ocpi or gireve.")
@click.option("--unset", multiple=True, metavar="NAME", help="Have what OCPI_QUIRKS says of a quirk count again.")
@json_option
@with_appcontext
def set_(
    platform: str, given: tuple[str, ...], presets: tuple[str, ...], unset: tuple[str, ...], as_json: bool
) -> None:
    """Say what is done differently for PLATFORM, as its software demands it: see `flask ocpi partners quirks`."""
    if not (given or presets or unset):
        raise click.UsageError("Give --quirk, --preset or --unset.")
    values = written([*(f"preset={name}" for name in presets), *given])
    changed = current_ocpi.set_quirks(platform, values, unset=unset)
    return _say_quirks(changed, as_json=as_json)


@partners.command(short_help="List the quirks that there are, or those of a partner.")
@click.argument("platform", required=False)
@json_option
@with_appcontext
def quirks(platform: str | None, as_json: bool) -> None:
    """List the quirks and presets that there are, or the quirks in force for PLATFORM."""
    if platform is not None:
        return _say_quirks(current_ocpi.platforms.find(platform), as_json=as_json)
    sentences = {name: item.metadata["doc"] for name, item in TABLE.items()}
    reasons = {name: preset.reason for name, preset in PRESETS.items()}
    if as_json:
        return show({"quirks": sentences, "presets": reasons})
    say(table(("QUIRK", "WHAT IT DOES"), list(sentences.items())))
    return say(f"\n{table(('PRESET', 'WHY'), list(reasons.items()))}")


def _say_quirks(platform: Platform, *, as_json: bool) -> None:
    in_force = current_ocpi.services.quirks(platform)
    found = {name: getattr(in_force, item.name) for name, item in TABLE.items()}
    changed = {name: value for name, value in found.items() if value != TABLE[name].default}
    if as_json:
        return show({"platform": platform.id, "quirks": changed})
    if not changed:
        return say(f"Nothing is done differently for {platform.id}.")
    rows = [(name, as_text(value), TABLE[name].metadata["doc"]) for name, value in changed.items()]
    return say(table(("QUIRK", "VALUE", "WHAT IT DOES"), rows))


def _holders(parties: Collection[Party]) -> Mapping[Party, tuple[str, ...]]:
    """Return the ids of who has parties: platforms, or the hub that stands for them."""
    claims = current_ocpi.platforms.claims.of_many(parties)
    return {party: claim.platforms or ((claim.hub,) if claim.hub else ()) for party, claim in claims.items()}


def _held(holders: Mapping[Party, tuple[str, ...]], platform: Platform, role: Mapping[str, Any]) -> list[str]:
    return [id for id in holders.get(party_of(role), ()) if id != platform.id]


def _say_decided(platform: Platform, roles: Any, done: str, *, as_json: bool) -> None:
    if as_json:
        return show({"platform": platform.id, "roles": [dict(role) for role in roles]})
    return say(f"{done}: {listing(roles)} of platform {platform.id}.")
