"""Commands that look: for an id, at rates of messages, at flaws in the data of partners, at what people changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import limit_option
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange.findings import Entry
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.web.current import current_ocpi


@command(short_help="Find what has an id: objects and stories.")
@click.argument("id")
def find(id: str) -> None:
    """Find the stored objects with an ID, own ones and copies, and the stories that `flask ocpi story` tells of it.

    The exit code is 1 if nothing has it.
    """
    items, kinds = current_ocpi.stored.with_id(id), current_ocpi.journal.kinds_about(id)
    objects = [
        {"module": item.module, "owner": str(item.owner), "ids": list(item.ids), "platform": item.platform or None}
        for item in items
    ]
    rows = [(item.module, item.owner, " ".join(item.ids), item.platform or "own") for item in items]
    lines = [table(("MODULE", "OWNER", "ID", "FROM"), rows)] if items else []
    text = "\n".join([*lines, *(f"flask ocpi story {kind} {id}" for kind in kinds)])
    if text or wants_json():
        tell({"objects": objects, "stories": list(kinds)}, text)
    if not text:
        raise refusal(
            f"Nothing that is stored here, and no message in the journal, has the id {id}.",
            "Write the whole id; upper and lower case are the same.",
        )


@command(short_help="Count messages and failures, and measure times.")
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How many hours back.")
def rates(hours: int) -> None:
    """Show the messages in the journal by hour with those that failed, and how long the latest ones took."""
    found, latencies = current_ocpi.journal.rates.hours(hours), current_ocpi.journal.rates.latencies()
    by_hour = [{"begin": moment_text(rate.begin), "total": rate.total, "failed": rate.failed} for rate in found]
    text = table(("HOUR", "MESSAGES", "FAILED"), [(moment_text(r.begin)[:16], r.total, r.failed) for r in found])
    if latencies:
        times = [(f"{each.median * 1000:.0f} ms", f"{each.most * 1000:.0f} ms") for each in latencies]
        rows = [
            (each.direction.lower(), each.module or "-", each.number, each.failed, *both)
            for each, both in zip(latencies, times, strict=True)
        ]
        text += "\n\n" + table(("DIRECTION", "MODULE", "MESSAGES", "FAILED", "MEDIAN", "95 %"), rows)
    tell({"hours": by_hour, "latencies": [latency.to_dict() for latency in latencies]}, text)


_FINDINGS = ("ID", "PARTNER", "MODULE", "OBJECT", "KIND", "PATH", "COUNT", "LAST", "OUTCOME")
_SHOWN = ("id", "platform", "module", "object", "kind", "path", "count", "last", "outcome")
_WHOLE = ("platform", "module", "object", "receiver", "kind", "path", "came", "outcome", "first", "last", "count")


@command(short_help="Show flaws in what partners sent.")
@click.argument("numbers", metavar="[ID]...", type=click.IntRange(min=1), nargs=-1)
@click.option("--partner", "partner", metavar="P", help="Only of this partner, by id, name or party.")
@click.option("--module", help="Only in this module.")
@click.option("--kind", help="Only of this kind, such as mended, left_out or refused.")
@click.option("--refused", is_flag=True, help="Only refused objects and requests.")
@limit_option()
@click.option("--remove", is_flag=True, help="Remove the selected findings.")
def findings(
    numbers: tuple[int, ...],
    partner: str | None,
    module: str | None,
    kind: str | None,
    refused: bool,
    limit: int,
    remove: bool,
) -> None:
    """Show the flaws in what partners sent, latest first, or whole findings by ID.

    A refused object is shown with its document. --remove removes the selected findings, independent of --limit.
    """
    wanted: dict[str, Any] = {
        "platform": None if partner is None else _platform_id(partner),
        "module": module,
        "kind": kind,
        "refused": refused or None,
    }
    is_filtered = any(value is not None for value in wanted.values())
    if numbers and is_filtered:
        raise click.UsageError("Name findings either by their ids, or by what they have in common.")
    if remove and not numbers and not is_filtered:
        raise click.UsageError("Name those to remove: by ids, --partner, --module, --kind or --refused.")
    if remove:
        _check(numbers)
        with noted(object=", ".join(map(str, numbers))):
            removed = current_ocpi.findings.remove(*numbers) if numbers else current_ocpi.findings.remove_all(**wanted)
        return tell({"removed": removed}, f"Removed {counted(removed, 'finding')}.")
    found = _check(numbers) if numbers else current_ocpi.findings.list(**wanted, limit=limit)
    if numbers and not wants_json():
        return _show_whole(found)
    none = "There are no such findings." if is_filtered else "There are no findings."
    documents = [entry.to_dict() for entry in found]
    rows = [[document[name] or "-" for name in _SHOWN] for document in documents]
    return tell_rows({"findings": documents}, _FINDINGS, rows, none=none)


def _check(numbers: tuple[int, ...]) -> list[Entry]:
    """Return the findings with these numbers; raise a refusal for an unknown number."""
    found = []
    for number in numbers:
        entry = current_ocpi.findings.find(number)
        if entry is None:
            raise refusal(f"There is no finding {number}.", "`flask ocpi findings` lists them with their numbers.")
        found.append(entry)
    return found


def _platform_id(text: str) -> str:
    """Return the id of a platform; a removed platform may still have findings."""
    try:
        return current_ocpi.partners.find(text).id
    except UnknownPlatformError:
        if current_ocpi.findings.list(platform=text, limit=1):
            return text
        raise


def _show_whole(entries: Sequence[Entry]) -> None:
    for entry in entries:
        document = entry.to_dict()
        say("\n".join(f"{name}: {document[name]}" for name in _WHOLE if document[name] != ""))
        if document["document"] is not None:
            show(document["document"])


_ACTIONS = ("ID", "TIME", "WHO", "WHAT", "PARTNER", "OBJECT", "OUTCOME")


@command(short_help="Show what people changed.")
@limit_option()
def actions(limit: int) -> None:
    """Show what people changed in the console and by commands: who, when, what, with what outcome; latest first."""
    found = current_ocpi.actions.list(limit=limit)
    rows = [
        (a.number, a.time, a.who, a.what, a.partner or "-", a.object or "-", a.outcome or "under way") for a in found
    ]
    tell_rows({"actions": [action.to_dict() for action in found]}, _ACTIONS, rows, none="Nobody changed anything.")
