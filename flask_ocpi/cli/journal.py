"""Commands that show what was exchanged with other platforms, and send it again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

import click
import orjson
from flask.cli import with_appcontext

from flask_ocpi.cli.arguments import moment_back
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.client.addresses import same_origin
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.exchange import journal as reading
from flask_ocpi.exchange.journal import Entry
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.exchange.messages import HIDDEN
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.web.current import current_ocpi

_POLL_SECONDS = 1.0
_MICROS = 1_000_000
_NOT_AGAIN = "Only what we sent, and what is in the journal as it was sent, can be sent again."
#: How the fields of a message are called of which a list shows nothing.
_PARTS = ("_headers", "_body", "_whole")


@click.command(short_help="Show what was exchanged with other platforms.")
@click.argument("number", metavar="[ID]", type=click.IntRange(min=1), required=False)
@click.option("--partner", "platform", help="Only messages from and to this partner, by id, name or party.")
@click.option("--correlation", metavar="ID", help="Only the conversation with this correlation id.")
@click.option("--failed", is_flag=True, help="Only messages that were no success.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=moment_back,
    help="Only messages since then: a date, a DateTime, or a while ago, such as 2h.",
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many messages.")
@click.option("--follow", is_flag=True, help="Go on with what comes next, until Ctrl-C.")
@json_option
@with_appcontext
def journal(
    number: int | None,
    platform: str | None,
    correlation: str | None,
    failed: bool,
    since: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the latest messages in the journal, those of a conversation together; or the one with ID as a whole.

    A conversation is what has the same correlation id. OCPI_JOURNAL says which messages are kept: by default those that
    failed. With --follow and --json, each message is a JSON document on a line of its own.
    """
    if number is not None:
        entry = _entry(number)
        return show(_document(entry, whole=True)) if as_json else _show_whole(entry)
    search = Search(
        platform=None if platform is None else _platform_id(platform),
        correlation_id=correlation,
        since=None if since is None else to_micros(since),
        failed=failed,
    )
    place = reading.end(current_ocpi.storage)
    entries = reading.latest(current_ocpi.storage, search, limit)
    if follow:
        place = replace(place, number=max(place.number, *(entry.number for entry in entries), 0))
        return _follow(search, entries, place, as_json=as_json)
    if as_json:
        return show([_conversation(id, group) for id, group in _grouped(entries)])
    return _show_conversations(entries) if entries else say(_nothing())


@click.command(short_help="Send a message of the journal again.")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@json_option
@with_appcontext
def replay(number: int, as_json: bool) -> None:
    """Send the message with ID again, with our current token and new message ids, and print what was answered.

    What other platforms sent cannot be, nor what is not in the journal as a whole.
    """
    message = _entry(number).message
    platform = _receiver_of(message)
    headers = {name: value for name, value in message.request_headers.items() if name.upper().startswith("OCPI-")}
    answer = current_ocpi.client(platform).request(
        message.method,
        message.url,
        body=orjson.loads(message.request_body) if message.request_body else None,
        headers=headers,
        module=message.module,
        operation=message.operation,
    )
    if as_json:
        return show({"http_status": answer.http_status, "status_code": answer.status_code, "data": answer.data})
    say(f"{platform.name} answered {answer.status_code} (HTTP {answer.http_status}).")
    return None if answer.data is None else show(answer.data)


def _receiver_of(message: Message) -> Platform:
    """Return the platform to which a message may be sent again; a refusal where it may not."""
    if message.direction is Direction.IN:
        raise refusal("Another platform sent this message.", _NOT_AGAIN)
    if message.module == ModuleID.CREDENTIALS:
        raise refusal("This message was about our registration: use register, rotate or unregister.")
    if not message.request_whole or HIDDEN in message.url:
        raise refusal("The journal has only a part of this message.", _NOT_AGAIN)
    platform = None if message.platform is None else current_ocpi.platforms.get(message.platform)
    if platform is None:
        raise refusal(f"The platform that got this message is not known (any more): {message.platform or 'no id'}.")
    urls = [platform.versions_url or "", *(str(endpoint["url"]) for endpoint in platform.endpoints)]
    if not any(same_origin(message.url, url) for url in urls):
        raise refusal(f"{platform.id} has no endpoint at the server of this message any more: our token is not for it.")
    return platform


def _entry(number: int) -> Entry:
    entry = reading.find(current_ocpi.storage, number)
    if entry is None:
        raise refusal(f"There is no message {number} in the journal.")
    return entry


def _platform_id(text: str) -> str:
    """Return the id of a platform; one that is gone may still be in the journal."""
    try:
        return current_ocpi.platforms.find(text).id
    except UnknownPlatformError:
        if reading.latest(current_ocpi.storage, Search(platform=text), 1):
            return text
        raise


def _follow(search: Search, entries: list[Entry], place: reading.Place, *, as_json: bool) -> None:
    """Print messages as they come, until Ctrl-C."""
    try:
        while True:
            for entry in entries:
                if as_json:
                    click.echo(orjson.dumps(_document(entry)))
                else:
                    _show_line(entry, *_lines([entry]))
            time.sleep(_POLL_SECONDS)
            entries, place = reading.next_ones(current_ocpi.storage, search, place)
    except KeyboardInterrupt:
        return


def _grouped(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Put the messages of a conversation together, conversations in the order of their first one."""
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.message.moment, entry.number)):
        groups.setdefault(entry.message.correlation_id or f"\n{entry.number}", []).append(entry)
    return [(group[0].message.correlation_id, group) for group in groups.values()]


def _conversation(id: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return {"correlation_id": id, "messages": [_document(entry) for entry in entries]}


def _document(entry: Entry, *, whole: bool = False) -> dict[str, Any]:
    """Return a message for machines; ``whole`` with its headers and bodies."""
    message = entry.message
    document: dict[str, Any] = {"id": entry.number, "time": _time(message), "failed": message.failed}
    for name in Message.__slots__:
        value = getattr(message, name)
        if name != "moment" and (whole or not name.endswith(_PARTS)):
            document[name] = value.decode() if isinstance(value, bytes) else value
    return document | {"http_status": message.http_status or None}


def _show_conversations(entries: list[Entry]) -> None:
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
        rows.append((str(entry.number), _time(message), peer, message.method, target, http, ocpi, took))
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


def _time(message: Message) -> str:
    return format_date_time(datetime.fromtimestamp(message.moment / _MICROS, UTC))


def _nothing() -> str:
    kept = current_ocpi.services.settings.journal
    return f"There is no such message in the journal, which keeps {_KEPT[kept]} (OCPI_JOURNAL is {kept})."


_KEPT = {"off": "nothing", "errors": "messages that failed", "all": "all messages"}
