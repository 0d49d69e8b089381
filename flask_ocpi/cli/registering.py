"""Commands that begin, renew and end registrations with other platforms."""

from __future__ import annotations

from typing import Any

import click

from flask_ocpi.cli.arguments import parties_given
from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.arguments import roles_given
from flask_ocpi.cli.arguments import secret_of
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import WarningsHandler
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import logged_to
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import with_options
from flask_ocpi.cli.output import yes_option
from flask_ocpi.cli.partners import offers
from flask_ocpi.cli.partners import spoken
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.host.actions import without_secrets
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.sync.scopes import scopes_of
from flask_ocpi.web.current import current_ocpi

_own_role = click.option(
    "--as", "own_role", help="What this app is for the partner, in OCPI 2.1.1, which has one role: CPO or EMSP."
)
_own_party = click.option(
    "--as-party", "own_party", callback=party_given, help="Which own party deals with it, if several have that role."
)
_with_terms = with_options(  # what a partner may be: the keyword arguments of the group
    click.option(
        "--roles",
        callback=roles_given,
        help="The granted roles, such as CPO,EMSP; HUB is granted only by this option.",
    ),
    click.option(
        "--parties",
        callback=parties_given,
        help="The granted parties, such as NL-ABC,NL-DEF. By default the free ones that it names.",
    ),
    click.option(
        "--encoding",
        type=click.Choice(["base64", "plain"]),
        help="The encoding of tokens for the partner: Base64 as OCPI 2.2.1 demands, or plain for older software.",
    ),
    _own_role,
    _own_party,
)


@command()
@click.option("--name", default="", help="The name of the partner; its id is made from it.")
@click.option("--token", help="The token to issue instead of a random one; - reads it from stdin.")
@click.option("--partner", "platform", help="A known partner that is to register again, by id, name or party.")
@click.option("--version", help="The only version of OCPI in which the partner can register.")
@_with_terms
def invite(name: str, token: str | None, platform: str | None, version: str | None, **terms: Any) -> None:
    """Create a registration token for a partner.

    The token is printed only once: the storage has its hash. Roles and parties beyond those that you grant here wait
    for `flask ocpi partners approve`.
    """
    if name and platform:
        raise click.UsageError("--name is for a new partner, --partner for a known one: give only one of them.")
    versions_url = current_ocpi.versions_url  # first: without it, no token is made in vain
    chosen = None if token is None else secret_of(token, "Token")
    with noted(partner=platform or "", object=name):
        invited, issued = current_ocpi.partners.invite(
            name=name, token=chosen, platform=platform, version=version, **terms
        )
    tell(
        {"platform": invited.id, "versions_url": versions_url, "token": issued},
        f"Invitation for platform {invited.id}\n\n"
        f"  Versions URL  {versions_url}\n"
        f"  Token         {issued}\n\n"
        "The token is shown only once. Give both to the partner in a secure way; the token opens nothing\n"
        "but the registration. With Flask-OCPI, the partner then runs:\n\n"
        f"  flask ocpi register {versions_url} -\n\n"
        "and enters the token. `flask ocpi partners` shows when that is done.",
    )


# Some tokens begin with a dash: they are not options.
@command(short_help="Register with another platform.", context_settings={"ignore_unknown_options": True})
@click.argument("versions_url")
@click.argument("token")
@click.option("--name", help="The name of the partner; by default its own.")
@click.option("--version", help="The version of OCPI to register in, instead of the newest that both sides have.")
@_with_terms
def register(versions_url: str, token: str, name: str | None, version: str | None, **terms: Any) -> None:
    """Register with the platform at VERSIONS_URL, with its registration TOKEN.

    TOKEN - reads it from stdin, which keeps it out of the shell's history. This app must run at OCPI_BASE_URL
    meanwhile: the other platform calls it back.
    """
    secret = secret_of(token, "Registration token")
    try:
        with logged_to(WarningsHandler()), noted(object=without_secrets(versions_url)):
            platform = current_ocpi.partners.register(versions_url, secret, name=name, version=version, **terms)
    except RefusedError as error:
        raise _handshake_refusal(error, _NOT_ACCEPTED) from error
    text = f"Registered with {platform.name} as platform {platform.id}, over OCPI {spoken(platform)}."
    text = f"{text}\n\n{offers(platform)}"
    modules = _pullable(platform)
    if modules:
        text += f"\n\nNext:\n  flask ocpi sync --partner {platform.id}    # fetches {', '.join(modules)}"
    tell(current_ocpi.partners.card(platform).to_dict(), text)


@command(short_help="Renew a registration.")
@click.argument("platform")
@click.option("--version", help="Change to this version of OCPI. Copies and outbox entries stay.")
@_own_role
@_own_party
@yes_option
def rotate(platform: str, version: str | None, own_role: str | None, own_party: Party | None, yes: bool) -> None:
    """Renew the registration with PLATFORM: new tokens in both directions, endpoints fetched again.

    PLATFORM is an id, a name or a party such as NL-ABC. This app must run at OCPI_BASE_URL meanwhile.
    """
    found = current_ocpi.partners.find(platform)
    confirm(f"Replace the tokens that {found.name or found.id} and this platform use?", yes=yes)
    try:
        with logged_to(WarningsHandler()), noted(partner=found.id):
            renewed = current_ocpi.partners.rotate(found, version=version, own_role=own_role, own_party=own_party)
    except RefusedError as error:
        raise _handshake_refusal(error, _ACCEPTED_NO_MORE) from error
    over = "" if renewed.version == found.version else f" They speak OCPI {spoken(renewed)} now."
    text = f"Renewed the registration with {renewed.name} ({renewed.id}): both sides have new tokens.{over}"
    tell(current_ocpi.partners.card(renewed).to_dict(), f"{text}\n\n{offers(renewed)}")


@command(short_help="End a registration.")
@click.argument("platform")
@click.option("--force", is_flag=True, help="End it on this side even if the other side cannot be reached.")
@yes_option
def unregister(platform: str, force: bool, yes: bool) -> None:
    """End the registration with PLATFORM on both sides, or withdraw an invitation.

    Its copies stay, visible only to you, unless OCPI_COPIES_AFTER_UNREGISTRATION is remove.
    """
    found = current_ocpi.partners.find(platform)
    confirm(f"End the registration with {found.name or found.id}? Only a new handshake brings it back.", yes=yes)
    try:
        with noted(partner=found.id):
            ended = current_ocpi.partners.unregister(found, force=force)
    except RemoteError as error:
        raise refusal(str(error), "Nothing was changed. To end it on this side alone, add --force.") from error
    state = "this side knows it no more" if force else "the tokens of both directions are void"
    text = (
        f"Unregistered from {ended.name} ({ended.id}): {state}.\n"
        "Connecting again takes a new registration token, from either side."
    )
    if not found.is_registered:
        text = f"Platform {ended.id} was not registered; a registration token it may have is void."
    tell(current_ocpi.partners.card(ended).to_dict(), text)


def _pullable(platform: Platform) -> list[str]:
    """Return the modules that `flask ocpi sync` fetches from a platform."""
    return list(dict.fromkeys(scope.module.id for scope in scopes_of(current_ocpi.services, platform)))


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
