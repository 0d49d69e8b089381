"""Commands that look for an id, and at rates of messages."""

from __future__ import annotations

import click

from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import moment_text
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
