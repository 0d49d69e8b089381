"""Small plots, drawn by the server as SVG: no script, and no style in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

WIDTH = 640
HEIGHT = 140
_LEFT = 46  # for the labels of the axis
_BOTTOM = 20
_TOP = 8


def steps(points: Sequence[tuple[float, float]], *, begin: str, end: str, unit: str, label: str) -> Markup:
    """Draw values that hold from each point to the next, such as the power of a session.

    points: moments and values, ordered; the last one ends the plot. begin, end: the texts under the axis.
    """
    if len(points) < 2:
        return Markup("")
    first, last = points[0][0], points[-1][0]
    top = max(value for _, value in points) or 1.0
    width, height = WIDTH - _LEFT - 4, HEIGHT - _TOP - _BOTTOM
    span = (last - first) or 1.0

    def x(moment: float) -> str:
        return f"{_LEFT + (moment - first) / span * width:.1f}"

    def y(value: float) -> str:
        return f"{_TOP + (1 - value / top) * height:.1f}"

    line = [f"M{x(first)} {y(points[0][1])}"]
    for (_, before), (moment, value) in pairwise(points):
        line.append(f"H{x(moment)}")
        if value != before:
            line.append(f"V{y(value)}")
    path = "".join(line)
    area = f"{path}V{y(0)}H{x(first)}Z"
    shapes = Markup('<path class="area" d="{}"/><path class="line" d="{}"/>').format(area, path)
    return _plot(shapes, top=f"{_short(top)} {unit}", begin=begin, end=end, label=label)


def bars(values: Sequence[tuple[float, float]], *, begin: str, end: str, label: str, unit: str = "") -> Markup:
    """Draw numbers in equal intervals, each with the part of it that failed, such as messages by hour."""
    if not values:
        return Markup("")
    top = max(total for total, _ in values) or 1.0
    width, height = (WIDTH - _LEFT - 4) / len(values), HEIGHT - _TOP - _BOTTOM
    shapes = Markup("")
    for place, (total, failed) in enumerate(values):
        left = _LEFT + place * width
        for kind, value in (("good", total), ("bad", failed)):
            if value:
                tall = value / top * height
                shapes += Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    kind, left, _TOP + height - tall, max(1.0, width - 1), tall
                )
    return _plot(shapes, top=f"{_short(top)} {unit}".strip(), begin=begin, end=end, label=label)


def lengths(values: Sequence[tuple[str, float]], *, unit: str, label: str) -> Markup:
    """Draw one line for each name, as long as its value, such as ages by partner."""
    if not values:
        return Markup("")
    top = max(value for _, value in values) or 1.0
    tall = 22
    shapes = Markup("")
    for place, (name, value) in enumerate(values):
        base, long = place * tall + 15, value / top * 340
        shapes += Markup('<text x="192" y="{}" text-anchor="end">{}</text>').format(base, name[:30])
        shapes += Markup('<rect class="good" x="200" y="{}" width="{:.1f}" height="14"/>').format(base - 11, long)
        shapes += Markup('<text x="{:.1f}" y="{}">{} {}</text>').format(206 + long, base, _short(value), unit)
    size = len(values) * tall
    start = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, size, label)
    return start + shapes + Markup("</svg>")


def _plot(shapes: Markup, *, top: str, begin: str, end: str, label: str) -> Markup:
    base = HEIGHT - _BOTTOM
    return Markup(
        '<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        '<line class="axis" x1="{left}" y1="{base}" x2="{width}" y2="{base}"/>'
        "{shapes}"
        '<text x="{margin}" y="{high}" text-anchor="end">{top}</text>'
        '<text x="{margin}" y="{base}" text-anchor="end">0</text>'
        '<text x="{left}" y="{under}">{begin}</text><text x="{width}" y="{under}" text-anchor="end">{end}</text></svg>'
    ).format(
        width=WIDTH,
        height=HEIGHT,
        label=label,
        left=_LEFT,
        base=base,
        shapes=shapes,
        margin=_LEFT - 5,
        high=_TOP + 9,
        top=top,
        under=HEIGHT - 5,
        begin=begin,
        end=end,
    )


def _short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
