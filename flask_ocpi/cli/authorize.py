"""The command that asks whether a token may charge."""

from __future__ import annotations

import click

from flask_ocpi.cli.arguments import connect
from flask_ocpi.cli.arguments import party_option
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import tell
from flask_ocpi.client.authorizing import Authorization
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StatusCode
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party


@command(short_help="Ask an eMSP whether a token may charge.")
@click.argument("uid")
@click.option("--partner", "platform", required=True, help="The provider, by id, name or party.")
@party_option("Its party, if it has several.", name="--to-party", such_as="DE-EMS")
@party_option("The own party that asks, if there are several.")
@click.option(
    "--type",
    "token_type",
    type=click.Choice([each.value for each in TokenType], case_sensitive=False),
    metavar="TYPE",
    default=TokenType.RFID.value,
    help=f"What kind of token it is: {', '.join(TokenType)}; RFID unless given.",
)
@click.option("--location", metavar="ID", help="The location of the driver.")
@click.option("--evse", "evses", metavar="UID", multiple=True, help="An EVSE there; may be given several times.")
@click.option("--ask", is_flag=True, help="Ask even if our copy of the token is enough.")
def authorize(
    uid: str,
    platform: str,
    to_party: Party | None,
    party: Party | None,
    token_type: str,
    location: str | None,
    evses: tuple[str, ...],
    ask: bool,
) -> None:
    """Tell whether the token UID may charge: by our copy, or by asking its eMSP, as its whitelist demands.

    The exit code is 0 only if the answer is ALLOWED.
    """
    if evses and location is None:
        raise click.UsageError("--evse needs --location: an EVSE is one of a location.")
    where: Document | None = None
    if location is not None:
        where = {"location_id": location, **({"evse_uids": list(evses)} if evses else {})}
    client = connect(platform, "tokens", InterfaceRole.SENDER, party=party, to=to_party)
    try:
        answer = client.tokens.authorize(uid, type=token_type, location=where, ask=ask)
    except RefusedError as error:
        if error.status_code == StatusCode.NOT_ENOUGH_INFORMATION:
            raise refusal(str(error), "It has to know where the driver is: add --location.") from error
        raise
    about = {"uid": uid, "type": token_type, "platform": client.platform.id}
    document = {**about, "allowed": answer.is_allowed, "realtime": answer.realtime, "info": answer.info}
    tell(document, _text(uid, token_type, client.platform, answer))
    if not answer.is_allowed:
        raise click.exceptions.Exit(1)


def _text(uid: str, token_type: str, platform: Platform, answer: Authorization) -> str:
    source = f"{platform.name} ({platform.id})"
    if answer.info is None:
        return f"{source} has no token {uid} of type {token_type}."
    info = answer.info
    decided = f"{source} says so" if answer.realtime else "by our copy of the token"
    lines = [f"{info['allowed']}: {decided}"]
    if not answer.realtime:
        lines[0] += f", whose whitelist is {info['token']['whitelist']}"
    lines.append(f"  contract   {info['token']['contract_id']}")
    if "authorization_reference" in info:
        lines.append(f"  reference  {info['authorization_reference']}")
    if "location" in info:
        lines.append(
            f"  location   {' '.join((info['location']['location_id'], *info['location'].get('evse_uids', ())))}"
        )
    if "info" in info:
        lines.append(f"  info       {info['info']['text']} ({info['info']['language']})")
    return "\n".join(lines)
