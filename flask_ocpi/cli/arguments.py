"""The kinds of arguments that commands take beyond plain texts."""

from __future__ import annotations

import re
import sys

import click

from flask_ocpi.fields import parse_date_time
from flask_ocpi.storage.base import Party

_PARTY = re.compile(r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def party_given(ctx: click.Context, param: click.Parameter, value: str | None) -> Party | None:
    """Read the party in an option, such as NL-ABC."""
    if value is None:
        return None
    match = _PARTY.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a party: write country code and party id, such as NL-ABC.")
    return Party.of(match[1], match[2])


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read the OCPI DateTime in an option, or the date, which stands for its first moment in UTC."""
    if value is None:
        return None
    try:
        return parse_date_time(f"{value}T00:00:00Z" if _DATE.fullmatch(value) else value)[0]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}; a date such as 2024-05-31 will do.") from error


def secret_of(text: str, name: str) -> str:
    """Return a secret given as an argument; ``-`` reads it from stdin, without an echo where that is a terminal."""
    if text != "-":
        return text
    found = click.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not found.strip():
        raise click.UsageError(f"There is no {name.lower()} on stdin.")
    return str(found).strip()
