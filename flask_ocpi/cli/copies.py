"""Commands for copies of partners' objects: keep them up to date, count, move, remove and compare them."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from contextlib import nullcontext
from typing import Any

import click
import orjson

from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import Progress
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import logged_to
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import warn
from flask_ocpi.cli.output import yes_option
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.host.comparing import ABSENT
from flask_ocpi.host.comparing import Diff
from flask_ocpi.host.comparing import Difference
from flask_ocpi.host.comparing import State
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


_SHOWN = 50  # objects
_SHOWN_CHANGES = 10  # of an object
_LONGEST = 60  # characters of a value


@command(short_help="Compare objects with a partner: ours against theirs.")
@click.argument("partner")
@click.argument("module")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--direction",
    type=click.Choice(["theirs", "copies"]),
    help="What PARTNER has of our objects, or our copies of its objects; by default what fits MODULE.",
)
@click.option("--party", callback=party_given, help="The own party of the object, such as NL-ABC.")
@click.option("--send", is_flag=True, help="Put what differs into the outbox (theirs).")
@click.option("--fetch", is_flag=True, help="Store what differs as it is in the partner's list (copies).")
@click.option(
    "--limit", type=click.IntRange(min=1), help="The most to compare; by default 500 of ours, 100,000 copies."
)
def diff(
    partner: str,
    module: str,
    ids: tuple[str, ...],
    direction: str | None,
    party: Any,
    send: bool,
    fetch: bool,
    limit: int | None,
) -> None:
    """Compare the objects of MODULE, or the one with ID, with PARTNER, in the shape of its version.

    The lines name the objects that are missing, older or different where they are received, with each property that
    differs: its path, our value, and theirs. The exit code is 1 if the comparison had to end early.
    """
    if send and fetch:
        raise click.UsageError("Give either --send, for our objects, or --fetch, for copies.")
    wanted = "theirs" if send else "copies" if fetch else direction
    if direction not in (None, wanted):
        raise click.UsageError("Leave out --direction: with --send it is theirs, with --fetch copies.")
    platform = current_ocpi.partners.find(partner)
    with noted(partner=platform.id, object=" ".join((module, *ids))) if send or fetch else nullcontext():
        found = current_ocpi.partners.diff(
            platform, module, *ids, direction=wanted, party=party, repair=send or fetch, limit=limit
        )
    if wants_json():
        show(found.to_dict())
    else:
        _say_diff(found)
    if found.error:
        raise refusal(f"The comparison ended early: {found.error}", "Compare again; see `flask ocpi journal`.")


def _say_diff(found: Diff) -> None:
    for difference in found.listed[:_SHOWN]:
        _say_object(found, difference)
    hidden = sum(found.counts.values()) - min(len(found.listed), _SHOWN)
    if hidden > 0:
        say(f"and {counted(hidden, 'more object')}; --json lists a thousand.")
    whose = f"{found.platform} has of our {found.module}" if found.direction == "theirs" else "our copies"
    numbers = [f"{number} {state.lower()}" for state in State if (number := found.counts.get(state))]
    say(
        f"Of {counted(found.compared, 'object')} that were compared ({whose}): {', '.join(numbers) or 'all are equal'}."
    )
    if found.repaired:
        done = "put into the outbox" if found.direction == "theirs" else "stored as listed"
        say(f"{counted(found.repaired, 'object')} {'was' if found.repaired == 1 else 'were'} {done}.")
    for note in found.notes:
        warn(note)
    if found.left != 0:
        left = "an unknown number of objects" if found.left is None else counted(found.left, "object")
        warn(f"Not compared: {left}; see --limit.")


def _say_object(found: Diff, difference: Difference) -> None:
    party = "" if difference.party is None else f" ({difference.party})"
    reason = f": {difference.reason}" if difference.reason else ""
    say(f"{difference.state:<9}  {found.module} {difference.owner} {' '.join(difference.ids)}{party}{reason}")
    for change in difference.changes[:_SHOWN_CHANGES]:
        say(f"           {change.path}: ours {_shown(change.ours)}, theirs {_shown(change.theirs)}")
    if len(difference.changes) > _SHOWN_CHANGES:
        more = len(difference.changes) - _SHOWN_CHANGES
        say(f"           and {counted(more, 'more property', 'more properties')}")


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "none"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
