"""Commands for copies of partners' objects: count, move and remove them."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import yes_option
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.web.current import current_ocpi

_NOT_KNOWN = "-"  # how the commands name UNKNOWN


@click.group("copies", short_help="Count, move and remove copies of partners' objects.")
def copies() -> None:
    """Count, move and remove copies of partners' objects.

    Copies belong to the platform that sent them, also after the end of its registration. Name a platform by id, name or
    party; - stands for an unknown sender.
    """


@copies.command("list", short_help="Count the copies of each platform.")
@json_option
@with_appcontext
def list_copies(as_json: bool) -> None:
    """Count the copies of each platform, module and own party that received them."""
    kept = current_ocpi.copies.counts()
    states = {platform.id: platform.state.value for platform in current_ocpi.partners.list()}
    if as_json:
        return show(
            [
                {
                    "platform": item.source or None,
                    "state": states.get(item.source),
                    "module": item.module,
                    "receiver": str(item.receiver),
                    "number": item.number,
                }
                for item in kept
            ]
        )
    if not kept:
        return say("There are no copies.")
    rows = [(i.source or _NOT_KNOWN, states.get(i.source, "-"), i.module, str(i.receiver), str(i.number)) for i in kept]
    return say(table(("PLATFORM", "STATE", "MODULE", "RECEIVER", "COPIES"), rows))


@copies.command(short_help="Move the copies of one platform to another one.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@json_option
@with_appcontext
def move(source: str, target: str, modules: tuple[str, ...], as_json: bool) -> None:
    """Move the copies of FROM to TO, which now speaks for their parties; by default of all modules.

    TO can then read and change them as its own. Copies of objects that TO sent itself, and of parties that it does not
    speak for, stay.
    """
    with noted(partner=source, object=f"to {target}"):
        moved = current_ocpi.copies.move(_source(source), target, modules)
    to = current_ocpi.partners.find(target)
    if as_json:
        return show({"from": source, "to": to.id, "moved": moved.moved, "left": moved.left})
    say(f"Moved {_copies(moved.moved)} to {to.name} ({to.id}).")
    if moved.left:
        say(f"Left {_copies(moved.left)}: {to.id} has sent the same objects itself, or does not speak for their party.")
    return None


@copies.command(short_help="Remove the copies of a platform that is not registered.")
@click.argument("source", metavar="PLATFORM")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@yes_option
@json_option
@with_appcontext
def remove(source: str, modules: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove the copies of PLATFORM, whose registration has ended; by default of all modules."""
    wanted = _source(source)
    confirm(f"Remove all copies from {source}? This cannot be undone.", yes=yes)
    with noted(partner=source, object=" ".join(modules)):
        removed = current_ocpi.copies.remove(wanted, modules)
    return show({"platform": source, "removed": removed}) if as_json else say(f"Removed {_copies(removed)}.")


def _source(text: str) -> str:
    return UNKNOWN if text == _NOT_KNOWN else text


def _copies(number: int) -> str:
    return "1 copy" if number == 1 else f"{number} copies"
