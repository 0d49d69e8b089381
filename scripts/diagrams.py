"""Draw the pictures of the documentation: each docs/diagrams/NAME.txt becomes NAME.svg.

``python -m scripts.diagrams`` draws them; ``--check`` compares, and exits with 1 if one is stale.

The first line of a text has the kind of picture and what it shows; ``|`` breaks a text into lines. A sequence:

    sequence: A partner registers
    you = Your platform
    partner = Partner
    == With token A
    you -> partner: GET versions
    you <-- partner: the list (dashed: an answer)
    partner: what it does by itself

Boxes in rows, where ``.`` leaves a place empty, ``*`` makes a box stand out, and a frame holds several:

    boxes: From an own object to a copy
    own* = Own object | of your party
    copy = Copy
    row own . copy
    frame Your platform = own
    own -> copy: PUT
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scripts.drawing import LEADING
from scripts.drawing import MARGIN
from scripts.drawing import Drawing
from scripts.drawing import measure

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "diagrams"
COMMAND = "python -m scripts.diagrams"
PADDING = 14
_NAME = re.compile(r"(\w+)(\*?) = (.+)")
_STEP = re.compile(r"(\w+) (<?--?>?) (\w+)(?:: (.+))?")
_NOTE = re.compile(r"(\w+): (.+)")
_FRAME = re.compile(r"frame (.+) = ([\w ]+)")


class DiagramError(ValueError):
    """A text that is not a picture; the message has the line."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is written in a box, and whether the box stands out."""

    lines: Sequence[str]
    stands_out: bool = False

    @property
    def width(self) -> float:
        return max(measure(words, strong=not number) for number, words in enumerate(self.lines)) + 2 * PADDING

    @property
    def height(self) -> float:
        return len(self.lines) * LEADING + 18


@dataclass(frozen=True, slots=True)
class Arrow:
    """A step from one name to another."""

    source: str
    target: str
    ends: str
    look: str
    lines: Sequence[str]

    @property
    def width(self) -> float:
        return max(map(measure, self.lines), default=0)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box is."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def edge(self, towards: Box) -> tuple[float, float]:
        """Return where the line to another box leaves this one."""
        x, y = self.centre
        dx, dy = towards.centre[0] - x, towards.centre[1] - y
        scale = min(self.width / 2 / abs(dx) if dx else 1e9, self.height / 2 / abs(dy) if dy else 1e9)
        return x + dx * scale, y + dy * scale


def main(*arguments: str) -> int:
    drawn = {path.with_suffix(".svg"): draw(path.read_text()).svg() for path in sorted(FOLDER.glob("*.txt"))}
    stale = [path for path, svg in drawn.items() if not path.exists() or path.read_text() != svg]
    if "--check" in arguments:
        for path in stale:
            print(f"docs/diagrams/{path.name} is out of date: {COMMAND}")
        return 1 if stale else 0
    for path in stale:
        path.write_text(drawn[path])
        print(f"Drew docs/diagrams/{path.name}.")
    return 0


def draw(text: str) -> Drawing:
    """Draw a text; raise DiagramError with the line that cannot be read."""
    first, *rest = [line.strip() for line in text.splitlines() if line.strip()]
    kind, _, title = first.partition(": ")
    if kind not in ("sequence", "boxes") or not title:
        raise DiagramError(f"{first!r} is neither 'sequence: TITLE' nor 'boxes: TITLE'.")
    names: dict[str, Label] = {}
    steps: list[str] = []
    for line in rest:
        found = None if line.startswith("frame ") else _NAME.fullmatch(line)
        if found:
            names[found[1]] = Label(_lines(found[3]), stands_out=bool(found[2]))
        else:
            steps.append(line)
    drawing = Drawing(title)
    (_sequence if kind == "sequence" else _boxes)(drawing, names, steps)
    return drawing


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("|")]


def _arrow(line: str, names: Mapping[str, Label]) -> Arrow:
    found = _STEP.fullmatch(line)
    if found is None or found[1] not in names or found[3] not in names:
        raise DiagramError(f"{line!r} is no step between {', '.join(names)}.")
    ends = " ".join(end for end, mark in (("start", "<"), ("end", ">")) if mark in found[2])
    look = "dashed" if "--" in found[2] else "line"
    return Arrow(found[1], found[3], ends, look, _lines(found[4]) if found[4] else [])


def _sequence(drawing: Drawing, names: Mapping[str, Label], steps: Sequence[str]) -> None:
    arrows = [_arrow(line, names) for line in steps if _STEP.fullmatch(line)]
    notes = [found for line in steps if (found := _NOTE.fullmatch(line)) and found[1] in names]
    places = _life_lines(names, arrows, notes=[(note[1], Label(_lines(note[2])).width) for note in notes])
    top = MARGIN + max(label.height for label in names.values())
    y = top + 8
    after: list[tuple[str, float, str]] = []
    for line in steps:
        note = _NOTE.fullmatch(line)
        if line.startswith("== "):
            after.append(("divider", y + 6, line.removeprefix("== ")))
            y += LEADING + 14
        elif note and note[1] in names:
            after.append((note[1], y + 4, note[2]))
            y += len(_lines(note[2])) * LEADING + 22
        else:
            arrow = _arrow(line, names)
            after.append((line, y, ""))
            y += len(arrow.lines) * LEADING + 20
    for name, label in names.items():
        _box(drawing, Box(places[name] - label.width / 2, MARGIN, label.width, label.height), label)
        drawing.line(places[name], MARGIN + label.height, places[name], y + 6, "life")
    for what, at, words in after:
        if what == "divider":
            x = (min(places.values()) + max(places.values())) / 2
            room = measure(words, strong=True) + 12
            drawing.rectangle(x - room / 2, at, room, LEADING, "ground", round_by=0)
            drawing.text(x, at, words, "strong")
        elif what in names:
            label = Label(_lines(words))
            box = Box(places[what] - label.width / 2, at, label.width, label.height - 6)
            drawing.rectangle(box.x, box.y, box.width, box.height, "accent")
            for number, each in enumerate(label.lines):
                drawing.text(places[what], at + 6 + number * LEADING, each)
        else:
            _message(drawing, _arrow(what, names), places, at)


def _life_lines(
    names: Mapping[str, Label], arrows: Sequence[Arrow], *, notes: Sequence[tuple[str, float]]
) -> dict[str, float]:
    """Return the x of each name: far enough apart for the boxes, and for the words between them."""
    order = list(names)
    first = max([names[order[0]].width, *(width for name, width in notes if name == order[0])])
    places = {order[0]: MARGIN + first / 2}
    for before, name in pairwise(order):
        places[name] = places[before] + (names[before].width + names[name].width) / 2 + 40
        for arrow in arrows:
            ends = sorted((arrow.source, arrow.target), key=order.index)
            if ends[1] == name:
                places[name] = max(places[name], places[ends[0]] + arrow.width + 44)
    return places


def _message(drawing: Drawing, arrow: Arrow, places: Mapping[str, float], y: float) -> None:
    source, target = places[arrow.source], places[arrow.target]
    for number, words in enumerate(arrow.lines):
        drawing.text((source + target) / 2, y + number * LEADING, words)
    line = y + len(arrow.lines) * LEADING + 4
    drawing.line(source, line, target, line, arrow.look, arrow.ends)


def _boxes(drawing: Drawing, names: Mapping[str, Label], steps: Sequence[str]) -> None:
    rows = [line.split()[1:] for line in steps if line.startswith("row ")]
    frames = [found for line in steps if (found := _FRAME.fullmatch(line))]
    arrows = [_arrow(line, names) for line in steps if not line.startswith(("row ", "frame "))]
    boxes = _grid(names, rows, arrows, framed=bool(frames))
    for found in frames:
        held = [boxes[name] for name in found[2].split()]
        left, top = min(box.x for box in held) - PADDING, min(box.y for box in held) - PADDING - LEADING
        right, foot = max(box.x + box.width for box in held), max(box.y + box.height for box in held)
        drawing.rectangle(left, top, right + PADDING - left, foot + PADDING - top, "frame", round_by=10)
        drawing.text(left + 10, top + 5, found[1], "faint", anchor="start")
    pairs = [(arrow.source, arrow.target) for arrow in arrows]
    for number, pair in enumerate(pairs):
        opposite = pair[::-1]
        is_second = None if opposite not in pairs else opposite in pairs[:number]
        _edge(drawing, arrows[number], boxes, is_second=is_second)
    for name, box in boxes.items():
        _box(drawing, box, names[name])


def _grid(
    names: Mapping[str, Label], rows: Sequence[Sequence[str]], arrows: Sequence[Arrow], *, framed: bool
) -> dict[str, Box]:
    """Return the box of each name; columns leave room for the words of the arrows between neighbours."""
    unknown = [name for row in rows for name in row if name != "." and name not in names]
    if unknown or not rows:
        raise DiagramError(f"A row names {unknown[0]!r}, which is no box." if unknown else "There is no row.")
    columns = max(map(len, rows))
    widths = [max((names[r[c]].width for r in rows if c < len(r) and r[c] != "."), default=0) for c in range(columns)]
    gaps = [48.0] * columns
    for row in rows:
        for column, (one, other) in enumerate(pairwise(row)):
            between = [arrow.width for arrow in arrows if {arrow.source, arrow.target} == {one, other}]
            gaps[column] = max([gaps[column], *(width + 40 for width in between)])
    drops = [arrow for arrow in arrows if not any({arrow.source, arrow.target} <= set(row) for row in rows)]
    distance = 64 if any(arrow.lines for arrow in drops) else 48 if framed else 28
    found: dict[str, Box] = {}
    y = MARGIN + (PADDING + LEADING if framed else 0.0)
    for row in rows:
        height = max(names[name].height for name in row if name != ".")
        x = MARGIN + (PADDING if framed else 0.0)
        for column, name in enumerate(row):
            if name != ".":
                found[name] = Box(x, y, widths[column], height)
            x += widths[column] + gaps[column]
        y += height + distance
    return found


def _edge(drawing: Drawing, arrow: Arrow, boxes: Mapping[str, Box], *, is_second: bool | None) -> None:
    """Draw an arrow; is_second: whether it is the lower one of two in opposite directions, None if it is alone."""
    source, target = boxes[arrow.source], boxes[arrow.target]
    (x1, y1), (x2, y2) = source.edge(target), target.edge(source)
    aside = {None: 0, False: -10, True: 10}[is_second]
    if abs(y1 - y2) < 1:
        y1, y2 = y1 + aside, y2 + aside
    drawing.line(x1, y1, x2, y2, arrow.look, arrow.ends)
    room = len(arrow.lines) * LEADING
    for number, words in enumerate(arrow.lines):
        if abs(y1 - y2) < 1:
            start = y1 + 2 if is_second else y1 - room - 3
            drawing.text((x1 + x2) / 2, start + number * LEADING, words)
        else:
            right = (x1 + x2) / 2 + 8 + abs(x1 - x2) * room / 2 / abs(y1 - y2)
            drawing.text(right, (y1 + y2) / 2 - room / 2 + number * LEADING, words, anchor="start")


def _box(drawing: Drawing, box: Box, label: Label) -> None:
    drawing.rectangle(box.x, box.y, box.width, box.height, "accent" if label.stands_out else "box")
    x, y = box.centre
    start = y - len(label.lines) * LEADING / 2
    for number, words in enumerate(label.lines):
        drawing.text(x, start + number * LEADING, words, "ink" if number else "strong")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
