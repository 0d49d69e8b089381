"""What people changed in the console."""

from __future__ import annotations

from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page

_SHOWN = 50


def show(desk: Desk) -> Response:
    """Show the actions, latest first."""
    offset = desk.number("offset")
    found = desk.ocpi.actions.list(limit=_SHOWN + 1, offset=offset)
    later = offset + _SHOWN if len(found) > _SHOWN else None
    return desk.page("actions", actions=found[:_SHOWN], later=later, earlier=offset)


PAGES = (Page("/actions", "actions", show),)
