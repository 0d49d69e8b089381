"""The command that compares objects with a partner."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click
import orjson

from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import warn
from flask_ocpi.host.comparing import ABSENT
from flask_ocpi.host.comparing import Diff
from flask_ocpi.host.comparing import Difference
from flask_ocpi.host.comparing import State
from flask_ocpi.web.current import current_ocpi

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
        _say(found)
    if found.error:
        raise refusal(f"The comparison ended early: {found.error}", "Compare again; see `flask ocpi journal`.")


def _say(found: Diff) -> None:
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
        say(f"           {change.path}: ours {_value(change.ours)}, theirs {_value(change.theirs)}")
    if len(difference.changes) > _SHOWN_CHANGES:
        more = len(difference.changes) - _SHOWN_CHANGES
        say(f"           and {counted(more, 'more property', 'more properties')}")


def _value(value: Any) -> str:
    if value is ABSENT:
        return "none"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
