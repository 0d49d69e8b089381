"""Commands for copies of partners' objects: keep them up to date, count, move and remove them."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack

import click

from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import Progress
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import logged_to
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import warn
from flask_ocpi.cli.output import yes_option
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.sync.syncing import Synced
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


@command(short_help="Fetch what changed at partners.")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--partner", "platform", help="Only this partner, by id, name or party; by default all registered ones.")
@click.option("--full", is_flag=True, help="Read whole lists, and remove copies that they lack.")
@click.option("--force", is_flag=True, help="Remove copies even if a whole list is empty.")
def sync(modules: tuple[str, ...], platform: str | None, full: bool, force: bool) -> None:
    """Fetch the objects that changed since the last time, of all modules or of MODULEs, and store copies.

    The first time, and once in OCPI_SYNC_FULL_INTERVAL, the whole lists are read, and copies removed that they lack. A
    sync that was interrupted is resumed. Exits with 1 if anything failed; everything else is still synced.
    """
    for module in modules:
        current_ocpi.objects.object_type(module)
    with _Bars() as bars, logged_to(logging.NullHandler()):
        done = current_ocpi.sync(platform, modules, full=full, force=force, progress=bars.show)
    counts = map(str.upper, done[0].pulled.counts if done else ())
    tell_rows(
        {"synced": [synced.to_dict() for synced in done]},
        ("PLATFORM", "MODULE", "PARTY", "READ", *counts, "BROKEN"),
        [_row(synced) for synced in done],
        none="There is nothing to sync: no registered platform has a list that one of our parties receives.",
    )
    broken = sum(synced.pulled.left_out.number for synced in done)
    if broken:
        warn(f"{counted(broken, 'object')} could not be stored: flask ocpi findings --refused shows them.")
    problems = [problem for synced in done if (problem := _problem(synced))]
    if problems:
        raise refusal("\n".join(problems))


class _Bars:
    """A progress bar for each module that this thread syncs, one after another."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._current: Synced | None = None
        self._bars = ExitStack()

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.close()

    def show(self, synced: Synced) -> None:
        if threading.get_ident() != self._thread:
            return
        if synced is not self._current:
            self._bars.close()
            self._current = synced
            self._bar = self._bars.enter_context(Progress(f"{synced.platform} {synced.module}"))
        self._bar.reach(synced.pulled.seen, synced.pulled.total)


def _row(synced: Synced) -> list[object]:
    read = "-" if synced.error else "all" if synced.whole else "changes"
    counts = synced.pulled.counts.values()
    return [synced.platform, synced.module, synced.receiver, read, *counts, synced.pulled.left_out.number]


def _problem(synced: Synced) -> str:
    """Return the reason why a list is not up to date; "" if it is."""
    name = f"{synced.module} of {synced.platform}"
    if synced.error is not None:
        return f"{name} could not be synced: {synced.error}"
    if synced.held_back:
        kept = counted(synced.held_back, "copy", "copies")
        why = f"may lack some objects ({synced.doubt})" if synced.doubt else "is empty"
        return (
            f"The list of {name} {why}: {kept} for {synced.receiver} stayed. If it is right that nothing is left, "
            f"remove them with: flask ocpi sync {synced.module} --partner {synced.platform} --full --force"
        )
    return ""
