"""Write the coastlines of the console's map from the land of Natural Earth, which is in the public domain.

``python -m scripts.coastlines FILE`` takes ne_50m_land.geojson from naturalearthdata.com. The file that it writes has a
list of rings; each is a flat list of longitudes and latitudes in hundredths of a degree, from the second point on as
differences. Small islands and Antarctica are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "flask_ocpi" / "contrib" / "console" / "static" / "land.json"

_TOLERANCE = 0.02  # degrees by which a line may be off
_SMALLEST = 0.25  # degrees of the longer side of an island
_SOUTHERNMOST = -60.0

Point = tuple[float, float]


def main(source: str) -> None:
    rings = [ring for ring in _rings(json.loads(Path(source).read_text())) if _is_shown(ring)]
    PAGE.write_text(json.dumps([_packed(_simplified(ring)) for ring in rings], separators=(",", ":")) + "\n")
    print(f"Wrote {len(rings)} rings, {PAGE.stat().st_size} bytes, to {PAGE.name}.")


def _rings(land: dict[str, Any]) -> Iterator[list[Point]]:
    for feature in land["features"]:
        geometry = feature["geometry"]
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for polygon in polygons:
            yield [(x, y) for x, y, *_ in polygon[0]]


def _is_shown(ring: Sequence[Point]) -> bool:
    xs, ys = zip(*ring, strict=True)
    return max(ys) > _SOUTHERNMOST and max(max(xs) - min(xs), max(ys) - min(ys)) >= _SMALLEST


def _simplified(ring: Sequence[Point]) -> list[Point]:
    """Leave out points that are near the line between their neighbours (Douglas and Peucker)."""
    kept = {0, len(ring) - 1}
    spans = [(0, len(ring) - 1)]
    while spans:
        first, last = spans.pop()
        between = range(first + 1, last)
        far = max(between, key=lambda index: _distance(ring[index], ring[first], ring[last]), default=None)
        if far is not None and _distance(ring[far], ring[first], ring[last]) > _TOLERANCE:
            kept.add(far)
            spans += [(first, far), (far, last)]
    return [ring[index] for index in sorted(kept)]


def _distance(point: Point, start: Point, end: Point) -> float:
    (x, y), (x1, y1), (x2, y2) = point, start, end
    width, height = x2 - x1, y2 - y1
    length = (width**2 + height**2) ** 0.5
    if length == 0:  # a ring begins where it ends
        return float(((x - x1) ** 2 + (y - y1) ** 2) ** 0.5)
    return float(abs(height * (x - x1) - width * (y - y1)) / length)


def _packed(ring: Sequence[Point]) -> list[int]:
    points = [(round(x * 100), round(y * 100)) for x, y in ring]
    packed = list(points[0])
    for before, point in pairwise(points):
        packed += [point[0] - before[0], point[1] - before[1]]
    return packed


if __name__ == "__main__":
    main(*sys.argv[1:])
