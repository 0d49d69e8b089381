"""The command that tells what happened about an object, on one line of time."""

from __future__ import annotations

from collections.abc import Sequence

import click

from flask_ocpi.cli.arguments import moment_back
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.references import REFERENCE
from flask_ocpi.host.stories import Event
from flask_ocpi.host.stories import Story
from flask_ocpi.web.current import current_ocpi


@command(short_help="Tell what happened about a session or another object.")
@click.argument("kind", metavar="KIND")
@click.argument("id", metavar="ID")
@click.option("--partner", "platform", help="Only messages from and to this partner, by id, name or party.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=moment_back,
    help="Only messages since a date, a DateTime, or a time span ago such as 2h.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Show at most so many messages."
)
def story(kind: str, id: str, platform: str | None, since: str | None, limit: int) -> None:
    """Tell everything that happened about an object or a cause, oldest first.

    KIND is session, token (by its uid), contract, evse (by its uid), location, cdr, tariff, or another class of
    objects; reference (the authorization_reference), command (the last segment of its response_url), correlation, or
    partner. Messages of the same charge belong to it, whatever their correlation ids: a session has its authorization,
    command and CDR. `flask ocpi journal` shows a message by its number.
    """
    kind = REFERENCE if kind == "reference" else kind
    found = current_ocpi.journal.story(kind, id, platform=platform, since=since, limit=limit)
    return show(found.to_dict()) if wants_json() else _show(found)


def _show(found: Story) -> None:
    if not found.events:
        kept = current_ocpi.services.settings.journal
        return say(f"Nothing about {found.kind} {found.id} is known here (OCPI_JOURNAL is {kept}).")
    for event, line in zip(found.events, _lines(found.events), strict=True):
        click.echo(click.style(line, fg="red") if event.failed else line)
        if event.error:
            say(f"    {event.error}")
    others = [f"{kind} {value}" for kind, value in found.about if (kind, value) != (found.kind, found.id.upper())]
    if others:
        say(f"It belongs to {', '.join(others)}.")
    if found.has_more:
        say("There are earlier messages: see --limit and --since.")
    say(f"{counted(len(found.events), 'event')}. `flask ocpi journal ID` shows a message with that number.")
    return None


def _lines(events: Sequence[Event]) -> list[str]:
    """Return a line for each event, in columns."""
    rows = []
    for event in events:
        took = "" if event.milliseconds is None else f"{event.milliseconds:.0f} ms"
        number = "" if event.id is None or event.kind != "message" else str(event.id)
        rows.append((moment_text(event.moment), number, _peer(event), event.said, took))
    return table(("",) * 5, rows).split("\n")[1:]


def _peer(event: Event) -> str:
    if event.kind == "message":
        return f"{'from' if event.direction is Direction.IN else 'to'} {event.platform or '?'}"
    return f"{event.kind}{f' {event.id}' if event.id is not None else ''} {event.platform or ''}".rstrip()
