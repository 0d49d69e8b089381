"""What people changed in the console."""

from __future__ import annotations

from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import SHOWN
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page


def show(desk: Desk) -> Response:
    """Show the actions, latest first."""
    offset = desk.number("offset")
    found = desk.ocpi.actions.list(limit=SHOWN + 1, offset=offset)
    later = offset + SHOWN if len(found) > SHOWN else 0
    return desk.page("actions", actions=found[:SHOWN], later=later, earlier=offset)


PAGES = (Page("/actions", "actions", show),)
