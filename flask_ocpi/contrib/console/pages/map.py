"""The map: EVSEs by status, and by the age of it; own ones and those of partners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
from flask import send_file
from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import to_micros
from flask_ocpi.host import Place

#: A status that was not confirmed for so many seconds is shown as old.
OLD = 24 * 3600

#: The files of the packages that draw the map, by the package.
_DRAWING = {
    "xstatic.pkg.leaflet": ("leaflet.css", "leaflet.js"),
    "xstatic.pkg.leaflet_markercluster": (
        "MarkerCluster.css",
        "MarkerCluster.Default.css",
        "leaflet.markercluster.js",
    ),
}
_FILES = tuple(file for files in _DRAWING.values() for file in files)
_GROUPS = {
    "AVAILABLE": "free",
    "CHARGING": "busy",
    "RESERVED": "busy",
    "BLOCKED": "out",
    "INOPERATIVE": "out",
    "OUTOFORDER": "out",
    "PLANNED": "other",
}


def show(desk: Desk) -> Response:
    """Show the map, and beside it the numbers for those who do not see it."""
    numbers: Counter[tuple[str, str]] = Counter()
    old: Counter[tuple[str, str]] = Counter()
    for place, seconds in _with_ages(desk):
        about = (place.platform, place.status)
        numbers[about] += 1
        old[about] += seconds > OLD
    rows = [
        (platform, status, numbers[platform, status], old[platform, status]) for platform, status in sorted(numbers)
    ]
    return desk.page("map", rows=rows, files=_FILES if _folders() else (), tiles=desk.tiles, group=group_of)


def places(desk: Desk) -> Response:
    """Answer the places for the script of the map: rows of numbers and texts, with what repeats listed once."""
    sources: dict[tuple[str, str], int] = {}
    statuses: dict[str, int] = {}
    rows: list[list[Any]] = []
    for place, seconds in _with_ages(desk):
        source = sources.setdefault((str(place.owner), place.platform), len(sources))
        status = statuses.setdefault(place.status, len(statuses))
        rows.append(
            [place.latitude, place.longitude, status, seconds, source, place.location, place.uid, place.name[:60]]
        )
    found = {
        "old": OLD,
        "statuses": [[status, group_of(status)] for status in statuses],
        "sources": list(sources),
        "rows": rows,
    }
    return Response(orjson.dumps(found), mimetype="application/json", headers={"Cache-Control": "no-store"})


def group_of(status: str) -> str:
    """Return what a status means for a driver: free, busy, out (of order) or other."""
    return _GROUPS.get(status, "other")


def _with_ages(desk: Desk) -> Iterator[tuple[Place, int]]:
    now = desk.ocpi.services.now()
    for place in desk.ocpi.stored.places():
        yield place, max(0, (now - to_micros(place.last_updated)) // SECOND)


def _drawing(file: str, desk: Desk) -> Response:
    return send_file(_folders()[file] / file, max_age=86400)


@cache
def _folders() -> dict[str, Path]:
    """Return the folder of each file that draws the map; nothing without the extra ``console``."""
    found: dict[str, Path] = {}
    for package, files in _DRAWING.items():
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:
            spec = None
        if spec is None or spec.origin is None:
            return {}
        found |= dict.fromkeys(files, Path(spec.origin).parent / "data")
    return found


PAGES = (
    Page("/map", "map", show),
    Page("/map/places.json", "map_places", places),
    *(Page(f"/map/{file}", f"map_{file.replace('.', '_')}", partial(_drawing, file)) for file in _FILES if _folders()),
)
