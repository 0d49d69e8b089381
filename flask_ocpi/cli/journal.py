"""Commands that show the messages exchanged with partners, by time and by object, and send them again."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import click
import orjson

from flask_ocpi.cli.arguments import moment_back
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import limit_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.exchange.messages import HIDDEN
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.references import REFERENCE
from flask_ocpi.host.journal import time_of
from flask_ocpi.host.journal import to_dict
from flask_ocpi.host.stories import Event
from flask_ocpi.host.stories import Story
from flask_ocpi.web.current import current_ocpi

_partner = click.option("--partner", "platform", help="Only messages from and to this partner, by id, name or party.")
_since = click.option(
    "--since",
    metavar="WHEN",
    callback=moment_back,
    help="Only messages since a date, a DateTime, or a time span ago such as 2h.",
)


@command(short_help="Show messages to and from partners.")
@click.argument("number", metavar="[ID]", type=click.IntRange(min=1), required=False)
@_partner
@click.option("--correlation", metavar="ID", help="Only the conversation with this correlation id.")
@click.option("--failed", is_flag=True, help="Only failed messages.")
@_since
@limit_option(50, "Show at most so many messages.")
@click.option("--follow", is_flag=True, help="Also show new messages, until Ctrl-C.")
def journal(
    number: int | None,
    platform: str | None,
    correlation: str | None,
    failed: bool,
    since: str | None,
    limit: int,
    follow: bool,
) -> None:
    """Show the latest messages in the journal by conversation, or the whole message with ID.

    Messages with the same correlation id are a conversation. OCPI_JOURNAL sets which messages are kept, by default all,
    of which those that succeeded have no headers and bodies. With --follow and --json, each message is a JSON document
    on a separate line.
    """
    group = current_ocpi.journal
    if number is not None:
        entry = group.find(number)
        return show(to_dict(entry, whole=True)) if wants_json() else _show_whole(entry)
    wanted: dict[str, Any] = {
        "platform": platform,
        "correlation_id": correlation,
        "since": since,
        "failed": failed,
        "limit": limit,
    }
    if follow:
        return _follow(group.follow(**wanted))
    entries = group.list(**wanted)
    if wants_json():
        return show([{"correlation_id": id, "messages": list(map(to_dict, group))} for id, group in _grouped(entries)])
    return _show_conversations(entries) if entries else say(_nothing())


@command(short_help="Send a message of the journal again.")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
def replay(number: int) -> None:
    """Send the message with ID again, with our current token and new message ids, and print the answer.

    Messages of partners, and messages that are not completely in the journal, cannot be sent.
    """
    with noted(object=f"message {number}"):
        answer = current_ocpi.journal.replay(number)
    if wants_json():
        return show({"http_status": answer.http_status, "status_code": answer.status_code, "data": answer.data})
    say(f"The partner answered {answer.status_code} (HTTP {answer.http_status}).")
    return None if answer.data is None else show(answer.data)


def _follow(found: Iterator[Sequence[Entry]]) -> None:
    """Print messages as they come, until Ctrl-C."""
    try:
        for entries in found:
            for entry in entries:
                if wants_json():
                    click.echo(orjson.dumps(to_dict(entry)))
                else:
                    _show_line(entry, *_lines([entry]))
    except KeyboardInterrupt:
        return


def _grouped(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Put the messages of a conversation together, conversations in the order of their first one."""
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.message.moment, entry.number)):
        groups.setdefault(entry.message.correlation_id or f"\n{entry.number}", []).append(entry)
    return [(group[0].message.correlation_id, group) for group in groups.values()]


def _show_conversations(entries: Sequence[Entry]) -> None:
    groups = _grouped(entries)
    ordered = [entry for _, group in groups for entry in group]
    lines = iter(_lines(ordered))
    for id, group in groups:
        size = f" ({counted(len(group), 'message')})" if len(group) > 1 else ""
        say(f"Conversation {on_a_line(id) or '(no correlation id)'}{size}")
        for entry in group:
            _show_line(entry, next(lines))


def _lines(entries: Sequence[Entry]) -> list[str]:
    """Return a line for each message, in columns."""
    rows = []
    for entry in entries:
        message = entry.message
        target = f"{message.module} {message.operation}" if message.operation else message.url.split("?", 1)[0]
        http = f"HTTP {message.http_status}" if message.http_status else "no answer"
        ocpi = "" if message.status_code is None else f"OCPI {message.status_code}"
        peer = f"{'from' if message.direction is Direction.IN else 'to'} {message.platform or '?'}"
        took = f"{message.duration * 1000:.0f} ms"
        rows.append((entry.number, time_of(message), peer, message.method, target, http, ocpi, took))
    return table(("",) * 8, rows).split("\n")[1:]


def _show_line(entry: Entry, line: str) -> None:
    text = f"  {line}"
    click.echo(click.style(text, fg="red") if entry.message.failed else text)
    if entry.message.error:
        say(f"  {' ' * len(str(entry.number))}  {on_a_line(entry.message.error)}")


def _show_whole(entry: Entry) -> None:
    """Print a message with its headers and bodies."""
    message = entry.message
    say(f"Message {entry.number} of the conversation {message.correlation_id or '(no correlation id)'}")
    _show_line(entry, *_lines([entry]))
    say(f"\n{message.method} {message.url}")
    _show_part(message.request_headers, message.request_body, message.request_bytes, whole=message.request_whole)
    say(f"\nHTTP {message.http_status}" if message.http_status else "\nNo answer")
    _show_part(message.response_headers, message.response_body, message.response_bytes, whole=message.response_whole)


def _show_part(headers: Mapping[str, str], body: bytes, size: int, *, whole: bool) -> None:
    for name, value in headers.items():
        say(f"{name}: {on_a_line(value)}")
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or nested deeper than can be written
        text = body.decode()
    if text:
        say(f"\n{text}")
    if not whole and size:
        say(f"({len(body)} of {counted(size, 'byte')} are in the journal; {HIDDEN} stands for what is kept out of it)")


def _nothing() -> str:
    kept = current_ocpi.services.settings.journal
    return f"There is no such message in the journal, which keeps {_KEPT[kept]} (OCPI_JOURNAL is {kept})."


_KEPT = {
    "off": "nothing",
    "errors": "messages that failed",
    "compact": "all messages, those that succeeded without headers and bodies",
    "all": "all messages",
}


@command(short_help="Tell what happened about a session or another object.")
@click.argument("kind", metavar="KIND")
@click.argument("id", metavar="ID")
@_partner
@_since
@limit_option(200, "Show at most so many messages.")
def story(kind: str, id: str, platform: str | None, since: str | None, limit: int) -> None:
    """Tell everything that happened about an object or a cause, oldest first.

    KIND is session, token (by its uid), contract, evse (by its uid), location, cdr, tariff, or another class of
    objects; reference (the authorization_reference), command (the last segment of its response_url), correlation, or
    partner. Messages of the same charge belong to it, whatever their correlation ids: a session has its authorization,
    command and CDR. `flask ocpi journal` shows a message by its number.
    """
    kind = REFERENCE if kind == "reference" else kind
    found = current_ocpi.journal.story(kind, id, platform=platform, since=since, limit=limit)
    return show(found.to_dict()) if wants_json() else _show_story(found)


def _show_story(found: Story) -> None:
    if not found.events:
        kept = current_ocpi.services.settings.journal
        return say(f"Nothing about {found.kind} {found.id} is known here (OCPI_JOURNAL is {kept}).")
    for event, line in zip(found.events, _event_lines(found.events), strict=True):
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


def _event_lines(events: Sequence[Event]) -> list[str]:
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
