"""Commands that look for an id, and at rates of messages."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.core.moments import moment_text
from flask_ocpi.web.current import current_ocpi


@click.command(short_help="Find what has an id: objects and stories.")
@click.argument("id")
@json_option
@with_appcontext
def find(id: str, as_json: bool) -> None:
    """Find the stored objects with an ID, own ones and copies, and the stories that `flask ocpi story` tells of it.

    The exit code is 1 if nothing has it.
    """
    items, kinds = current_ocpi.stored.with_id(id), current_ocpi.journal.kinds_about(id)
    if as_json:
        objects = [
            {"module": item.module, "owner": str(item.owner), "ids": list(item.ids), "platform": item.platform or None}
            for item in items
        ]
        show({"objects": objects, "stories": list(kinds)})
    elif items or kinds:
        if items:
            rows = [[item.module, str(item.owner), " ".join(item.ids), item.platform or "own"] for item in items]
            say(table(["MODULE", "OWNER", "ID", "FROM"], rows))
        for kind in kinds:
            say(f"flask ocpi story {kind} {id}")
    if not items and not kinds:
        raise refusal(
            f"Nothing that is stored here, and no message in the journal, has the id {id}.",
            "Write the whole id; upper and lower case are the same.",
        )


@click.command(short_help="Count messages and failures, and measure times.")
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How many hours back.")
@json_option
@with_appcontext
def rates(hours: int, as_json: bool) -> None:
    """Show the messages in the journal by hour with those that failed, and how long the latest ones took."""
    found, latencies = current_ocpi.journal.rates.hours(hours), current_ocpi.journal.rates.latencies()
    if as_json:
        by_hour = [{"begin": moment_text(rate.begin), "total": rate.total, "failed": rate.failed} for rate in found]
        return show({"hours": by_hour, "latencies": [latency.to_dict() for latency in latencies]})
    rows = [[moment_text(rate.begin)[:16], str(rate.total), str(rate.failed)] for rate in found]
    say(table(["HOUR", "MESSAGES", "FAILED"], rows))
    if latencies:
        cells = [
            [
                each.direction.lower(),
                each.module or "-",
                str(each.number),
                str(each.failed),
                f"{each.median * 1000:.0f} ms",
                f"{each.most * 1000:.0f} ms",
            ]
            for each in latencies
        ]
        say("\n" + table(["DIRECTION", "MODULE", "MESSAGES", "FAILED", "MEDIAN", "95 %"], cells))
    return None
