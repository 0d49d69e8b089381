"""The types of arguments of commands, beyond plain texts."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import partial
from typing import IO
from typing import Any
from typing import TypeVar

import click
import orjson

from flask_ocpi.cli.output import Function
from flask_ocpi.cli.output import refusal
from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import receivers
from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import Role
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import parse_date_time
from flask_ocpi.core.responses import BYTE_ORDER_MARK
from flask_ocpi.host.stored import Item
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.storage.base import Party
from flask_ocpi.web.current import current_ocpi


def require_party(parties: tuple[Party, ...], party: Party | None) -> None:
    """Demand --party if several own parties are possible."""
    if party is None and len(parties) > 1:
        raise click.UsageError(f"Name your party with --party: {', '.join(map(str, parties))}.")


def connect(platform: str, module: str, role: InterfaceRole, *, party: Party | None, to: Party | None) -> Client:
    """Return a client for an interface of a platform, in the name of an own party.

    The addressed party is the only possible one, the one that names the platform, or ``to``.
    """
    require_party(current_ocpi.services.own_parties(module, role.opposite), party)
    found = current_ocpi.partners.find(platform)
    named = read_party(platform)
    addressed = to or (named if named in found.parties else None)
    possible = receivers(current_ocpi.services, found, module, role)
    if addressed is None and len(possible) > 1:
        listing = ", ".join(map(str, possible))
        raise click.UsageError(f"{found.id} speaks for {listing}: name one of them with --to-party.")
    return current_ocpi.client(found, sender=party, to=addressed)


T = TypeVar("T")
_PARTY = re.compile(r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_party(text: str) -> Party | None:
    """Return the party that a text such as NL-ABC names, or None."""
    match = _PARTY.fullmatch(text)
    return None if match is None else Party.of(match[1], match[2])


def _given(read: Callable[[str], T]) -> Callable[[click.Context, click.Parameter, str | None], T | None]:
    """Make the callback of an option from a function that reads its value."""
    return lambda ctx, param, value: None if value is None else read(value)


def _party(value: str) -> Party:
    """Read the party in an option, such as NL-ABC."""
    party = read_party(value)
    if party is None:
        raise click.BadParameter(f"{value!r} is not a party: write country code and party id, such as NL-ABC.")
    return party


party_given = _given(_party)


def party_option(text: str, *, name: str = "--party", such_as: str = "NL-ABC") -> Callable[[Function], Function]:
    """Return an option that names a party."""
    return click.option(name, metavar=such_as, callback=party_given, help=text)


@_given
def parties_given(value: str) -> tuple[Party, ...]:
    """Read the parties in an option, such as NL-ABC,NL-DEF."""
    return tuple(_party(text.strip()) for text in value.split(",") if text.strip())


@_given
def roles_given(value: str) -> tuple[str, ...]:
    """Read the roles in an option, such as CPO,EMSP."""
    found = tuple(text.strip().upper() for text in value.split(",") if text.strip())
    for name in found:
        if name not in set(Role):
            raise click.BadParameter(f"{name!r} is not a role: use {', '.join(Role)}.{did_you_mean(name, Role)}")
    return found


def _moment(value: str) -> str:
    """Read the OCPI DateTime in an option, or the date, which stands for its first moment in UTC."""
    try:
        return parse_date_time(f"{value}T00:00:00Z" if _DATE.fullmatch(value) else value)[0]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}; or give a date such as 2024-05-31.") from error


def _moved(value: str, sign: int) -> str:
    """Read a moment, or the time from now on (sign 1) or until now (-1), such as 30m."""
    match = _SPAN.fullmatch(value.lower())
    if match is None:
        return _moment(value)
    return format_date_time(datetime.now(UTC) + sign * timedelta(**{_UNITS[match[2]]: int(match[1])}))


moment = _given(_moment)
moment_ahead = _given(partial(_moved, sign=1))
moment_back = _given(partial(_moved, sign=-1))


@_given
def token_given(value: str) -> tuple[str, ...]:
    """Read the ids of a token in an option: its uid and, behind a colon, its type."""
    uid, colon, type = value.rpartition(":")
    if not colon:
        return (value,)
    if type.upper() in list(TokenType):
        return (uid, type.upper())
    raise click.BadParameter(f"{type!r} is not a type of tokens: use {', '.join(TokenType)}, such as {uid}:RFID.")


def stored_item(module: str, id: str, partner: str | None) -> Item:
    """Return the only stored object of a module with an id, own or, with ``partner``, a copy; refuse several."""
    source = None if partner is None else current_ocpi.partners.find(partner).id
    found = [item for item in current_ocpi.stored.with_id(id) if item.module == module]
    found = [item for item in found if source is None or item.platform == source]
    if not found:
        of = "" if source is None else f" of {source}"
        raise refusal(f"There is no {current_ocpi.objects.object_type(module).name} {id}{of} here.")
    if len(found) > 1:
        listing = ", ".join(f"{item.platform or 'our own'} ({item.owner})" for item in found)
        raise refusal(f"Several partners have {id}: {listing}. Name one with --partner.")
    return found[0]


def json_object(file: IO[bytes]) -> dict[str, Any]:
    """Read the JSON object in a file."""
    document = json_in(file)
    if not isinstance(document, dict):
        raise refusal(f"{name_of(file)} must hold a JSON object.")
    return document


def json_in(file: IO[bytes]) -> Any:
    """Read the JSON in a file."""
    return parsed(file.read().removeprefix(BYTE_ORDER_MARK), name_of(file))


def parsed(text: bytes, name: str, *, first_line: int = 1) -> Any:
    """Decode JSON of a file with a name, which begins at a line of it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = f"line {first_line + error.lineno - 1}, column {error.colno}"
        hint = "Correct it there: names stand in double quotes, and no comma follows the last item."
        raise refusal(f"{name} is not valid JSON ({where}): {error.msg}.", hint) from error


def name_of(file: IO[bytes]) -> str:
    """Return how a message names a file."""
    return getattr(file, "name", "<stdin>")


def secret_of(text: str, name: str) -> str:
    """Return a secret given as an argument; ``-`` reads it from stdin, without an echo if that is a terminal."""
    if text != "-":
        return text
    found = click.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not found.strip():
        raise click.UsageError(f"There is no {name.lower()} on stdin: write it there, or give it instead of the dash.")
    return str(found).strip()
