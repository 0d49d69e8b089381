"""The command that lists what people changed."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.web.current import current_ocpi

_HEADER = ("ID", "TIME", "WHO", "WHAT", "PARTNER", "OBJECT", "OUTCOME")


@click.command(short_help="Show what people changed.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show this many, the latest.")
@json_option
@with_appcontext
def actions(limit: int, as_json: bool) -> None:
    """Show what people changed in the console and by commands: who, when, what, with what outcome; latest first."""
    found = current_ocpi.actions.list(limit=limit)
    if as_json:
        return show({"actions": [action.to_dict() for action in found]})
    if not found:
        return say("Nobody changed anything.")
    rows = [(a.number, a.time, a.who, a.what, a.partner, a.object, a.outcome or "under way") for a in found]
    return say(table(_HEADER, [[str(cell) or "-" for cell in row] for row in rows]))
