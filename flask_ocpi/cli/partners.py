"""Commands about other platforms: invite them, register with them, renew and end that, list them."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.arguments import parties_given
from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.arguments import roles_given
from flask_ocpi.cli.arguments import secret_of
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import WarningsHandler
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import logged_to
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import yes_option
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.quirks import PRESETS
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import as_text
from flask_ocpi.core.quirks import written
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.grants import listing
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.web.current import current_ocpi

_SHOWN = 20
_encoding = click.option(
    "--encoding",
    type=click.Choice(["base64", "plain"]),
    help="The encoding of tokens for the partner: Base64 as OCPI 2.2.1 demands, or plain for older software.",
)
_roles = click.option(
    "--roles",
    callback=roles_given,
    help="The granted roles, such as CPO,EMSP; HUB is granted only by this option.",
)
_granted_parties = click.option(
    "--parties",
    callback=parties_given,
    help="The granted parties, such as NL-ABC,NL-DEF. By default the free ones that it names.",
)


@click.command()
@click.option("--name", default="", help="The name of the partner; its id is made from it.")
@click.option("--token", help="The token to issue instead of a random one; - reads it from stdin.")
@click.option("--partner", "platform", help="A known partner that shall register again, by id, name or party.")
@_roles
@_granted_parties
@_encoding
@json_option
@with_appcontext
def invite(
    name: str,
    token: str | None,
    platform: str | None,
    roles: tuple[str, ...] | None,
    parties: tuple[Party, ...] | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Create a registration token for a partner.

    The token is printed only once: the storage has its hash. Roles and parties beyond those that you grant here wait
    for `flask ocpi partners approve`.
    """
    if name and platform:
        raise click.UsageError("--name is for a new partner, --partner for a known one: give only one of them.")
    versions_url = current_ocpi.versions_url  # first: where it is missing, no token is made in vain
    chosen = None if token is None else secret_of(token, "Token")
    invited, issued = current_ocpi.partners.invite(
        name=name, token=chosen, platform=platform, encoding=encoding, roles=roles, parties=parties
    )
    if as_json:
        return show({"platform": invited.id, "versions_url": versions_url, "token": issued})
    return say(
        f"Invitation for platform {invited.id}\n\n"
        f"  Versions URL  {versions_url}\n"
        f"  Token         {issued}\n\n"
        "The token is shown this once. Give both to the partner in a secure way; the token opens nothing\n"
        "but the registration. With Flask-OCPI, the partner then runs:\n\n"
        f"  flask ocpi register {versions_url} -\n\n"
        "and enters the token. `flask ocpi platforms` shows when that is done."
    )


# Some tokens begin with a dash: they are no options.
@click.command(short_help="Register with another platform.", context_settings={"ignore_unknown_options": True})
@click.argument("versions_url")
@click.argument("token")
@click.option("--name", help="The name of the partner; by default its own.")
@_roles
@_granted_parties
@_encoding
@json_option
@with_appcontext
def register(
    versions_url: str,
    token: str,
    name: str | None,
    roles: tuple[str, ...] | None,
    parties: tuple[Party, ...] | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Register with the platform at VERSIONS_URL, with its registration TOKEN.

    TOKEN - reads it from stdin, which keeps it out of the shell's history. This app must run at OCPI_BASE_URL
    meanwhile: the other platform calls it back.
    """
    secret = secret_of(token, "Registration token")
    try:
        with logged_to(WarningsHandler()):
            platform = current_ocpi.partners.register(
                versions_url, secret, name=name, encoding=encoding, roles=roles, parties=parties
            )
    except RefusedError as error:
        raise _handshake_refusal(error, _NOT_ACCEPTED) from error
    if as_json:
        return show(current_ocpi.partners.status(platform))
    say(f"Registered with {platform.name} as platform {platform.id}, over OCPI {platform.version}.\n")
    _say_endpoints(platform)
    pulls = [f"  flask ocpi pull {module} --partner {platform.id}" for module in _pullable(platform)]
    return say("\n".join(["\nNext:", *pulls])) if pulls else None


@click.command(short_help="Renew a registration.")
@click.argument("platform")
@yes_option
@json_option
@with_appcontext
def rotate(platform: str, yes: bool, as_json: bool) -> None:
    """Renew the registration with PLATFORM: new tokens in both directions, endpoints fetched again.

    PLATFORM is an id, a name or a party such as NL-ABC. This app must run at OCPI_BASE_URL meanwhile.
    """
    found = current_ocpi.partners.find(platform)
    confirm(f"Replace the tokens that {found.name or found.id} and this platform use?", yes=yes)
    try:
        with logged_to(WarningsHandler()):
            renewed = current_ocpi.partners.rotate(found)
    except RefusedError as error:
        raise _handshake_refusal(error, _ACCEPTED_NO_MORE) from error
    if as_json:
        return show(current_ocpi.partners.status(renewed))
    say(f"Renewed the registration with {renewed.name} ({renewed.id}): both sides have new tokens.\n")
    return _say_endpoints(renewed)


@click.command(short_help="End a registration.")
@click.argument("platform")
@click.option("--force", is_flag=True, help="End it on this side even if the other side cannot be reached.")
@yes_option
@json_option
@with_appcontext
def unregister(platform: str, force: bool, yes: bool, as_json: bool) -> None:
    """End the registration with PLATFORM on both sides, or withdraw an invitation.

    Its copies stay, visible only to you, unless OCPI_COPIES_AFTER_UNREGISTRATION is remove.
    """
    found = current_ocpi.partners.find(platform)
    confirm(f"End the registration with {found.name or found.id}? Only a new handshake brings it back.", yes=yes)
    try:
        ended = current_ocpi.partners.unregister(found, force=force)
    except RemoteError as error:
        raise refusal(str(error), "Nothing was changed. To end it on this side alone, add --force.") from error
    if as_json:
        return show(current_ocpi.partners.status(ended))
    if not found.is_registered:
        return say(f"Platform {ended.id} was not registered; a registration token it may have is void.")
    state = "this side knows it no more" if force else "the tokens of both directions are void"
    return say(
        f"Unregistered from {ended.name} ({ended.id}): {state}.\n"
        "Connecting again takes a new registration token, from either side."
    )


@click.command(short_help="List the partners, or show one.")
@click.argument("platform", required=False)
@json_option
@with_appcontext
def platforms(platform: str | None, as_json: bool) -> None:
    """List the partners, registered or not, or show the parties and endpoints of PLATFORM."""
    if platform is not None:
        found = current_ocpi.partners.find(platform)
        return show(current_ocpi.partners.status(found)) if as_json else _say_platform(found)
    known = current_ocpi.partners.list()
    if as_json:
        return show([current_ocpi.partners.status(platform) for platform in known])
    if not known:
        return say("No platforms yet. `flask ocpi invite` lets one register, `flask ocpi register` does it yourself.")
    rows = [(p.id, p.name or "-", p.state.value, p.version or "-", _parties(p) or "-", p.last_updated) for p in known]
    return say(table(("ID", "NAME", "STATE", "OCPI", "PARTIES", "LAST CHANGE"), rows))


def _say_platform(platform: Platform) -> None:
    over = f", over OCPI {platform.version}" if platform.version else ""
    say(f"{platform.name or platform.id} ({platform.id}): {platform.state.value}{over}, since {platform.last_updated}.")
    if platform.versions_url:
        say(f"Its versions URL is {platform.versions_url}.")
    if platform.requested:
        say(f"It waits for {listing(platform.requested)}: see `flask ocpi partners requests`.")
    if platform.endpoints:
        say("")
        _say_endpoints(platform)


def _parties(platform: Platform) -> str:
    roles: dict[Party, list[str]] = {}
    for role in platform.roles:
        roles.setdefault(party_of(role), []).append(role["role"])
    shown = [f"{party} ({', '.join(names)})" for party, names in roles.items()]
    more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more])


def _say_endpoints(platform: Platform) -> None:
    rows = [(e["identifier"], e["role"], e["url"]) for e in platform.endpoints]
    say(f"It speaks for {_parties(platform) or 'nobody yet'} and offers {counted(len(rows), 'endpoint')}:\n")
    say("\n".join(f"  {line}" for line in table(("MODULE", "INTERFACE", "URL"), rows).splitlines()))


def _pullable(platform: Platform) -> list[str]:
    """Return the modules whose objects the platform offers and this one receives."""
    services = current_ocpi.services
    version = services.version(platform.version)
    return [
        module.id
        for module in (version.modules if version is not None else ())
        if module.objects
        and platform.endpoint(module.identifier, InterfaceRole.SENDER)
        and services.serves(module, InterfaceRole.RECEIVER)
    ]


_NOT_ACCEPTED = (
    "The other platform does not know this token, or it was used already: compare it, try the other --encoding, "
    "or ask for a new one."
)
_ACCEPTED_NO_MORE = (
    "The other platform does not accept our token any more. Start over: `flask ocpi unregister PLATFORM --force`, "
    "then register with a new registration token."
)


def _handshake_refusal(error: RefusedError, unauthorized: str) -> click.ClickException:
    hint = ""
    if error.http_status == 401:
        hint = unauthorized
    elif error.http_status == 404:
        hint = "Is this the versions URL? It often ends in /versions."
    elif error.status_code == StatusCode.UNABLE_TO_USE_CLIENT_API:
        hint = (
            f"The other platform has to reach this app at {current_ocpi.versions_url}: is it running there, "
            "with this storage?"
        )
    return refusal(str(error), hint)


_only_roles = click.option("--roles", callback=roles_given, help="Only these roles, such as CPO,EMSP.")
_only_parties = click.option("--parties", callback=parties_given, help="Only these parties, such as NL-ABC,NL-DEF.")


@click.group(cls=Commands, short_help="Decide on roles, parties and quirks of partners.")
def partners() -> None:
    """Decide what partners may be: the roles and parties that they name beyond what they were granted."""


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
    dropped = current_ocpi.partners.reject(found, roles=roles, parties=parties)
    return _say_decided(found, dropped, "Dropped", as_json=as_json)


@partners.command(short_help="Set whether a partner gets objects without audience once or for each party.")
@click.argument("platform")
@click.argument("which", type=click.Choice(["first", "each", "default"]))
@with_appcontext
def push(platform: str, which: str) -> None:
    """Send PLATFORM what is for everybody once, for its first party, or for each of them.

    By default one with more than OCPI_PUSH_PARTIES parties gets it once.
    """
    changed = current_ocpi.partners.push_parties(platform, None if which == "default" else which)
    say(f"Platform {changed.id} gets what is for everybody: {which}.")


@partners.command(short_help="Set which hub represents a party.")
@click.argument("hub")
@click.argument("party", callback=party_given)
@with_appcontext
def behind(hub: str, party: Party) -> None:
    """Have HUB stand for PARTY, whichever hub did before: after one told of it that should not."""
    current_ocpi.partners.stand_for(hub, party)
    say(f"{hub} stands for {party}.")


@partners.command("set", short_help="Set quirks of a partner.")
@click.argument("platform")
@click.option("--quirk", "given", multiple=True, metavar="NAME[=VALUE]", help="A quirk; NAME=off for none.")
@click.option("--preset", "presets", multiple=True, help="The quirks of known software, such as py-ocpi or gireve.")
@click.option("--unset", multiple=True, metavar="NAME", help="Restore the value of OCPI_QUIRKS for a quirk.")
@json_option
@with_appcontext
def set_(
    platform: str, given: tuple[str, ...], presets: tuple[str, ...], unset: tuple[str, ...], as_json: bool
) -> None:
    """Say what is done differently for PLATFORM, as its software demands it: see `flask ocpi partners quirks`."""
    if not (given or presets or unset):
        raise click.UsageError("Give --quirk, --preset or --unset.")
    values = written([*(f"preset={name}" for name in presets), *given])
    changed = current_ocpi.partners.set_quirks(platform, values, unset=unset)
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
