"""Commands about partners: list them, and decide on their roles and quirks."""

from __future__ import annotations

from textwrap import indent
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
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import wants_json
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
NO_PARTNERS = "No partners yet. `flask ocpi invite` lets one register, `flask ocpi register` does it yourself."
_only_roles = click.option("--roles", callback=roles_given, help="Only these roles, such as CPO,EMSP.")
_only_parties = click.option("--parties", callback=parties_given, help="Only these parties, such as NL-ABC,NL-DEF.")


@click.group(
    cls=Commands, invoke_without_command=True, short_help="List partners; decide on their roles, parties and quirks."
)
@click.pass_context
@with_appcontext
def partners(ctx: click.Context) -> None:
    """List the partners, registered or not, with the version of each. The commands decide what they may be."""
    if ctx.invoked_subcommand is not None:
        return None
    if wants_json():
        return show([card.to_dict() for card in current_ocpi.partners.status()])
    known = current_ocpi.partners.list()
    rows = [(p.id, p.name or "-", p.state.value, spoken(p) or "-", _parties(p) or "-", p.last_updated) for p in known]
    return say(table(("ID", "NAME", "STATE", "OCPI", "PARTIES", "LAST CHANGE"), rows) if rows else NO_PARTNERS)


partners.params.append(json_option())


@partners.command("show", short_help="Show a partner with its parties and endpoints.")
@click.argument("platform")
def show_(platform: str) -> None:
    """Show PLATFORM with its parties and endpoints, by its id, its name or a party."""
    found = current_ocpi.partners.find(platform)
    tell(current_ocpi.partners.card(found).to_dict(), _text(found))


@partners.command(short_help="List pending roles and parties.")
@click.argument("platform", required=False)
def requests(platform: str | None) -> None:
    """List the roles and parties that partners, or PLATFORM, name beyond what they were granted."""
    found = current_ocpi.partners.requests(platform)
    rows = [(r.platform.id, r.platform.name, r.role["role"], r.party, ", ".join(r.held_by) or "-") for r in found]
    header = ("ID", "NAME", "ROLE", "PARTY", "HELD BY")
    tell_rows([request.to_dict() for request in found], header, rows, none="No partner asks for anything.")


@partners.command(short_help="Grant pending roles and parties.")
@click.argument("platform")
@_only_roles
@_only_parties
@click.option("--move", is_flag=True, help="Take parties from the platforms that have them.")
def approve(platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None, move: bool) -> None:
    """Grant what PLATFORM asks for, all or some; it may use it from now on."""
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        granted = current_ocpi.partners.approve(found, roles=roles, parties=parties, move=move)
    _say_decided(found, granted, "Granted")


@partners.command(short_help="Drop pending roles and parties.")
@click.argument("platform")
@_only_roles
@_only_parties
def reject(platform: str, roles: tuple[str, ...] | None, parties: tuple[Party, ...] | None) -> None:
    """Drop what PLATFORM asks for, all or some, until it names it again; what it has it keeps."""
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        dropped = current_ocpi.partners.reject(found, roles=roles, parties=parties)
    _say_decided(found, dropped, "Dropped")


@partners.command(short_help="Stop the exchange of messages with a partner.")
@click.argument("platform")
@click.option("--reason", default="", help="Why; people who look at the partner see it, the partner does not.")
def suspend(platform: str, reason: str) -> None:
    """Stop the exchange of messages with PLATFORM until `resume`; its registration stays.

    Its requests are answered with HTTP 403, except those for versions and credentials. Changes for it wait in the
    outbox, its lists are not synced, and it is not called. Results of commands that were sent before still pass.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=reason):
        changed = current_ocpi.partners.suspend(found, reason=reason)
    text = f"{changed.name or changed.id} is suspended; `flask ocpi partners resume {changed.id}` ends that."
    tell(current_ocpi.partners.card(changed).to_dict(), text)


@partners.command(short_help="Let messages with a suspended partner pass again.")
@click.argument("platform")
def resume(platform: str) -> None:
    """Let messages with PLATFORM pass again after `suspend`; what waits in the outbox is sent.

    What the partner could not send meanwhile comes with the next sync.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id):
        changed = current_ocpi.partners.resume(found)
    text = f"Messages with {changed.name or changed.id} pass again; `flask ocpi sync` fetches what it has changed."
    tell(current_ocpi.partners.card(changed).to_dict(), text)


@partners.command(short_help="Set whether a partner gets objects without audience once or for each party.", json=False)
@click.argument("platform")
@click.argument("which", type=click.Choice(["first", "each", "default"]))
def push(platform: str, which: str) -> None:
    """Choose how PLATFORM gets objects for all partners: once, for its first party, or once for each party.

    By default a platform with more than OCPI_PUSH_PARTIES parties gets them once.
    """
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=which):
        changed = current_ocpi.partners.push_parties(found, None if which == "default" else which)
    say(f"Platform {changed.id} gets what is for everybody: {which}.")


@partners.command(short_help="Set which hub represents a party.", json=False)
@click.argument("hub")
@click.argument("party", callback=party_given)
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
def set_(platform: str, given: tuple[str, ...], presets: tuple[str, ...], unset: tuple[str, ...]) -> None:
    """Set the quirks of PLATFORM, which adapt to flaws of its software: see `flask ocpi partners quirks`."""
    if not (given or presets or unset):
        raise click.UsageError("Give --quirk, --preset or --unset.")
    values = written([*(f"preset={name}" for name in presets), *given])
    found = current_ocpi.partners.find(platform)
    with noted(partner=found.id, object=", ".join([*given, *presets, *(f"unset {name}" for name in unset)])):
        changed = current_ocpi.partners.set_quirks(found, values, unset=unset)
    _say_quirks(changed)


@partners.command(short_help="List all quirks, or those of a partner.")
@click.argument("platform", required=False)
def quirks(platform: str | None) -> None:
    """List the quirks and presets that there are, or the quirks in force for PLATFORM."""
    if platform is not None:
        return _say_quirks(current_ocpi.partners.find(platform))
    sentences = {name: item.metadata["doc"] for name, item in TABLE.items()}
    reasons = {name: preset.reason for name, preset in PRESETS.items()}
    tables = [table(("QUIRK", "WHAT IT DOES"), [*sentences.items()]), table(("PRESET", "WHY"), [*reasons.items()])]
    return tell({"quirks": sentences, "presets": reasons}, "\n\n".join(tables))


def _say_quirks(platform: Platform) -> None:
    changed = current_ocpi.partners.quirks(platform)
    rows = [(name, as_text(value), TABLE[name].metadata["doc"]) for name, value in changed.items()]
    document, none = {"platform": platform.id, "quirks": changed}, f"Nothing is done differently for {platform.id}."
    tell_rows(document, ("QUIRK", "VALUE", "WHAT IT DOES"), rows, none=none)


def _say_decided(platform: Platform, roles: Any, done: str) -> None:
    document = {"platform": platform.id, "roles": [dict(role) for role in roles]}
    tell(document, f"{done}: {listing(roles)} of platform {platform.id}.")


def _text(platform: Platform) -> str:
    name = f"{platform.name or platform.id} ({platform.id})"
    over = f", over OCPI {spoken(platform)}" if platform.version else ""
    lines = [f"{name}: {platform.state.value}{over}, since {platform.last_updated}."]
    if platform.is_suspended:
        lines.append("It is suspended: no messages are exchanged with it.")
    if platform.versions_url:
        lines.append(f"Its versions URL is {platform.versions_url}.")
    if platform.requested:
        lines.append(f"It waits for {listing(platform.requested)}: see `flask ocpi partners requests`.")
    if platform.endpoints:
        lines += ["", offers(platform)]
    return "\n".join(lines)


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


def offers(platform: Platform) -> str:
    """Return the parties and endpoints of a platform as text."""
    rows = [(e["identifier"], e["role"], e["url"]) for e in platform.endpoints]
    begin = f"It speaks for {_parties(platform) or 'nobody yet'} and offers {counted(len(rows), 'endpoint')}:\n\n"
    return begin + indent(table(("MODULE", "INTERFACE", "URL"), rows), "  ")
