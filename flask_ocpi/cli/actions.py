"""The command that lists what people changed."""

from __future__ import annotations

import click

from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.web.current import current_ocpi

_HEADER = ("ID", "TIME", "WHO", "WHAT", "PARTNER", "OBJECT", "OUTCOME")


@command(short_help="Show what people changed.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show this many, the latest.")
def actions(limit: int) -> None:
    """Show what people changed in the console and by commands: who, when, what, with what outcome; latest first."""
    found = current_ocpi.actions.list(limit=limit)
    rows = [
        (a.number, a.time, a.who, a.what, a.partner or "-", a.object or "-", a.outcome or "under way") for a in found
    ]
    tell_rows({"actions": [action.to_dict() for action in found]}, _HEADER, rows, none="Nobody changed anything.")
