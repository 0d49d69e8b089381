"""Commands for copies of partners' objects: count, move and remove them."""

from __future__ import annotations

import click

from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import yes_option
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.web.current import current_ocpi

_NOT_KNOWN = "-"  # how the commands name UNKNOWN


@click.group("copies", cls=Commands, short_help="Count, move and remove copies of partners' objects.")
def copies() -> None:
    """Count, move and remove copies of partners' objects.

    Copies belong to the platform that sent them, also after the end of its registration. Name a platform by id, name or
    party; - stands for an unknown sender.
    """


@copies.command("list", short_help="Count the copies of each platform.")
def list_copies() -> None:
    """Count the copies of each platform, module and own party that received them."""
    kept = current_ocpi.copies.counts()
    states = {platform.id: platform.state.value for platform in current_ocpi.partners.list()}
    found = [(i.source or None, states.get(i.source), i.module, str(i.receiver), i.number) for i in kept]
    documents = [dict(zip(("platform", "state", "module", "receiver", "number"), each, strict=True)) for each in found]
    rows = [(source or _NOT_KNOWN, state or "-", *others) for source, state, *others in found]
    tell_rows(documents, ("PLATFORM", "STATE", "MODULE", "RECEIVER", "COPIES"), rows, none="There are no copies.")


@copies.command(short_help="Move the copies of one platform to another one.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
def move(source: str, target: str, modules: tuple[str, ...]) -> None:
    """Move the copies of FROM to TO, which now speaks for their parties; by default of all modules.

    TO can then read and change them as its own. Copies of objects that TO sent itself, and of parties that it does not
    speak for, stay.
    """
    with noted(partner=source, object=f"to {target}"):
        moved = current_ocpi.copies.move(_source(source), target, modules)
    to = current_ocpi.partners.find(target)
    text = f"Moved {_copies(moved.moved)} to {to.name} ({to.id})."
    if moved.left:
        left = (
            f"Left {_copies(moved.left)}: {to.id} has sent the same objects itself, or does not speak for their party."
        )
        text = f"{text}\n{left}"
    tell({"from": source, "to": to.id, "moved": moved.moved, "left": moved.left}, text)


@copies.command(short_help="Remove the copies of a platform that is not registered.")
@click.argument("source", metavar="PLATFORM")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@yes_option
def remove(source: str, modules: tuple[str, ...], yes: bool) -> None:
    """Remove the copies of PLATFORM, whose registration has ended; by default of all modules."""
    wanted = _source(source)
    confirm(f"Remove all copies from {source}? This cannot be undone.", yes=yes)
    with noted(partner=source, object=" ".join(modules)):
        removed = current_ocpi.copies.remove(wanted, modules)
    tell({"platform": source, "removed": removed}, f"Removed {_copies(removed)}.")


def _source(text: str) -> str:
    return UNKNOWN if text == _NOT_KNOWN else text


def _copies(number: int) -> str:
    return counted(number, "copy", "copies")
