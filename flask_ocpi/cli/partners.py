"""Commands about partners: list them, and decide on their roles and quirks."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.arguments import parties_given
from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.arguments import roles_given
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.core.quirks import PRESETS
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import as_text
from flask_ocpi.core.quirks import written
from flask_ocpi.exchange.grants import listing
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.web.current import current_ocpi

_SHOWN = 20
_only_roles = click.option("--roles", callback=roles_given, help="Only these roles, such as CPO,EMSP.")
_only_parties = click.option("--parties", callback=parties_given, help="Only these parties, such as NL-ABC,NL-DEF.")


@click.group(
    cls=Commands, invoke_without_command=True, short_help="List partners; decide on their roles, parties and quirks."
)
@json_option
@click.pass_context
@with_appcontext
def partners(ctx: click.Context, as_json: bool) -> None:
    """List the partners, registered or not, with the version of each. The commands decide what they may be."""
    if ctx.invoked_subcommand is not None:
        return None
    known = current_ocpi.partners.list()
    if as_json:
        return show([card.to_dict() for card in current_ocpi.partners.status()])
    if not known:
        return say("No partners yet. `flask ocpi invite` lets one register, `flask ocpi register` does it yourself.")
    rows = [(p.id, p.name or "-", p.state.value, spoken(p) or "-", _parties(p) or "-", p.last_updated) for p in known]
    return say(table(("ID", "NAME", "STATE", "OCPI", "PARTIES", "LAST CHANGE"), rows))


@partners.command("show", short_help="Show a partner with its parties and endpoints.")
@click.argument("platform")
@json_option
@with_appcontext
def show_(platform: str, as_json: bool) -> None:
    """Show PLATFORM with its parties and endpoints, by its id, its name or a party."""
    found = current_ocpi.partners.find(platform)
    return show(current_ocpi.partners.card(found).to_dict()) if as_json else _say_platform(found)


@partners.command(short_help="List pending roles and parties.")
@click.argument("platform", required=False)
@json_option
@with_appcontext
def requests(platform: str | None, as_json: bool) -> None:
    """List the roles and parties that partners, or PLATFORM, name beyond what they were granted."""
    found = current_ocpi.partners.requests(platform)
    if as_json:
        return show([request.to_dict() for request in found])
    if not found:
        return say("No partner asks for anything.")
    rows = [(r.platform.id, r.platform.name, r.role["role"], str(r.party), ", ".join(r.held_by) or "-") for r in found]
    return say(table(("ID", "NAME", "ROLE", "PARTY", "HELD BY"), rows))


@partners.command(short_help="Grant pending roles and parties.")
@click.argument("platform")
@_only_roles
@_only_parties
@click.option("--move", is_flag=True, help="Take parties from the platforms that have them.")
@json_option
@with_appcontext
def approve(
    platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None, move: bool, as_json: bool
) -> None:
    """Grant what PLATFORM asks for, all or some; it may use it from now on."""
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        granted = current_ocpi.partners.approve(found, roles=roles, parties=parties, move=move)
    return _say_decided(found, granted, "Granted", as_json=as_json)


@partners.command(short_help="Drop pending roles and parties.")
@click.argument("platform")
@_only_roles
@_only_parties
@json_option
@with_appcontext
def reject(platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None, as_json: bool) -> None:
    """Drop what PLATFORM asks for, all or some, until it names it again; what it has it keeps."""
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        dropped = current_ocpi.partners.reject(found, roles=roles, parties=parties)
    return _say_decided(found, dropped, "Dropped", as_json=as_json)


@partners.command(short_help="Stop the exchange of messages with a partner.")
@click.argument("platform")
@click.option("--reason", default="", help="Why; people who look at the partner see it, the partner does not.")
@json_option
@with_appcontext
def suspend(platform: str, reason: str, as_json: bool) -> None:
    """Stop the exchange of messages with PLATFORM until `resume`; its registration stays.

    Its requests are answered with HTTP 403, except those for versions and credentials. Changes for it wait in the
    outbox, its lists are not synced, and it is not called. Results of commands that were sent before still pass.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=reason):
        changed = current_ocpi.partners.suspend(found, reason=reason)
    if as_json:
        return show(current_ocpi.partners.card(changed).to_dict())
    return say(f"{changed.name or changed.id} is suspended; `flask ocpi partners resume {changed.id}` ends that.")


@partners.command(short_help="Let messages with a suspended partner pass again.")
@click.argument("platform")
@json_option
@with_appcontext
def resume(platform: str, as_json: bool) -> None:
    """Let messages with PLATFORM pass again after `suspend`; what waits in the outbox is sent.

    What the partner could not send meanwhile comes with the next sync.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        changed = current_ocpi.partners.resume(found)
    if as_json:
        return show(current_ocpi.partners.card(changed).to_dict())
    return say(f"Messages with {changed.name or changed.id} pass again; `flask ocpi sync` fetches what it has changed.")


@partners.command(short_help="Set whether a partner gets objects without audience once or for each party.")
@click.argument("platform")
@click.argument("which", type=click.Choice(["first", "each", "default"]))
@with_appcontext
def push(platform: str, which: str) -> None:
    """Choose how PLATFORM gets objects for all partners: once, for its first party, or once for each party.

    By default a platform with more than OCPI_PUSH_PARTIES parties gets them once.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=which):
        changed = current_ocpi.partners.push_parties(found, None if which == "default" else which)
    say(f"Platform {changed.id} gets what is for everybody: {which}.")


@partners.command(short_help="Set which hub represents a party.")
@click.argument("hub")
@click.argument("party", callback=party_given)
@with_appcontext
def behind(hub: str, party: Party) -> None:
    """Let HUB represent PARTY instead of the hub that represented it before."""
    found = current_ocpi.partners.find(hub)
    with noted(partner=found.id, object=str(party)):
        current_ocpi.partners.stand_for(found, party)
    say(f"{hub} stands for {party}.")


@partners.command("set", short_help="Set quirks of a partner.")
@click.argument("platform")
@click.option("--quirk", "given", multiple=True, metavar="NAME[=VALUE]", help="Set a quirk; NAME=off turns it off.")
@click.option("--preset", "presets", multiple=True, help="The quirks of known software, such as py-ocpi or gireve.")
@click.option("--unset", multiple=True, metavar="NAME", help="Restore the value of OCPI_QUIRKS for a quirk.")
@json_option
@with_appcontext
def set_(
    platform: str, given: tuple[str, ...], presets: tuple[str, ...], unset: tuple[str, ...], as_json: bool
) -> None:
    """Set the quirks of PLATFORM, which adapt to flaws of its software: see `flask ocpi partners quirks`."""
    if not (given or presets or unset):
        raise click.UsageError("Give --quirk, --preset or --unset.")
    values = written([*(f"preset={name}" for name in presets), *given])
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=", ".join([*given, *presets, *(f"unset {name}" for name in unset)])):
        changed = current_ocpi.partners.set_quirks(found, values, unset=unset)
    return _say_quirks(changed, as_json=as_json)


@partners.command(short_help="List all quirks, or those of a partner.")
@click.argument("platform", required=False)
@json_option
@with_appcontext
def quirks(platform: str | None, as_json: bool) -> None:
    """List the quirks and presets that there are, or the quirks in force for PLATFORM."""
    if platform is not None:
        return _say_quirks(current_ocpi.partners.find(platform), as_json=as_json)
    sentences = {name: item.metadata["doc"] for name, item in TABLE.items()}
    reasons = {name: preset.reason for name, preset in PRESETS.items()}
    if as_json:
        return show({"quirks": sentences, "presets": reasons})
    say(table(("QUIRK", "WHAT IT DOES"), list(sentences.items())))
    return say(f"\n{table(('PRESET', 'WHY'), list(reasons.items()))}")


def _say_quirks(platform: Platform, *, as_json: bool) -> None:
    changed = current_ocpi.partners.quirks(platform)
    if as_json:
        return show({"platform": platform.id, "quirks": changed})
    if not changed:
        return say(f"Nothing is done differently for {platform.id}.")
    rows = [(name, as_text(value), TABLE[name].metadata["doc"]) for name, value in changed.items()]
    return say(table(("QUIRK", "VALUE", "WHAT IT DOES"), rows))


def _say_decided(platform: Platform, roles: Any, done: str, *, as_json: bool) -> None:
    if as_json:
        return show({"platform": platform.id, "roles": [dict(role) for role in roles]})
    return say(f"{done}: {listing(roles)} of platform {platform.id}.")


def _say_platform(platform: Platform) -> None:
    over = f", over OCPI {spoken(platform)}" if platform.version else ""
    say(f"{platform.name or platform.id} ({platform.id}): {platform.state.value}{over}, since {platform.last_updated}.")
    if platform.is_suspended:
        say("It is suspended: no messages are exchanged with it.")
    if platform.versions_url:
        say(f"Its versions URL is {platform.versions_url}.")
    if platform.requested:
        say(f"It waits for {listing(platform.requested)}: see `flask ocpi partners requests`.")
    if platform.endpoints:
        say("")
        say_endpoints(platform)


def spoken(platform: Platform) -> str:
    """Return the version of a platform, with our role for it if the version has one role; "" for no version."""
    side = current_ocpi.partners.side(platform)
    return platform.version or "" if side is None else f"{platform.version}, as {side.role} {side.party}"


def _parties(platform: Platform) -> str:
    roles: dict[Party, list[str]] = {}
    for role in platform.roles:
        roles.setdefault(party_of(role), []).append(role["role"])
    shown = [f"{party} ({', '.join(names)})" for party, names in roles.items()]
    more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more])


def say_endpoints(platform: Platform) -> None:
    rows = [(e["identifier"], e["role"], e["url"]) for e in platform.endpoints]
    say(f"It speaks for {_parties(platform) or 'nobody yet'} and offers {counted(len(rows), 'endpoint')}:\n")
    say("\n".join(f"  {line}" for line in table(("MODULE", "INTERFACE", "URL"), rows).splitlines()))
