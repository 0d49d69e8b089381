"""Shapes and words as SVG, for scripts/diagrams.py: readable on light and on dark ground, without fonts of its own."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from html import escape

#: The colours of the console (flask_ocpi/contrib/console/static/console.css), on light and on dark ground.
LIGHT = {
    "ground": "#fff",
    "box": "#f5f6f8",
    "accent": "#d8e7f5",
    "line": "#546070",
    "ink": "#1b2430",
    "faint": "#546070",
}
DARK = {
    "ground": "#1b2129",
    "box": "#12161c",
    "accent": "#24405c",
    "line": "#a3afbd",
    "ink": "#e6ebf1",
    "faint": "#a3afbd",
}
SIZE = 14
LEADING = 18
MARGIN = 20


@dataclass(frozen=True, slots=True)
class Text:
    """Words and the room that they take."""

    words: str
    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Text) -> bool:
        """Tell whether two texts overlap."""
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


@dataclass(slots=True)
class Drawing:
    """What was drawn so far; it grows with what is put on it."""

    title: str
    shapes: list[str] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    width: float = 0
    height: float = 0

    def rectangle(self, x: float, y: float, width: float, height: float, look: str, *, round_by: int = 6) -> None:
        self._reach(x + width, y + height)
        self.shapes.append(
            f'<rect class="{look}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_by}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, look: str = "line", ends: str = "") -> None:
        self._reach(max(x1, x2), max(y1, y2))
        marks = "".join(f' marker-{end}="url(#tip)"' for end in ends.split())
        self.shapes.append(f'<line class="{look}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"{marks}/>')

    def text(self, x: float, y: float, words: str, look: str = "ink", *, anchor: str = "middle") -> None:
        """Write one line; y is the top of its room."""
        width = measure(words, strong=look == "strong")
        left = x if anchor == "start" else x - width / 2
        self.texts.append(Text(words, left, y, width, LEADING))
        self._reach(left + width, y + LEADING)
        self.shapes.append(
            f'<text class="{look}" x="{x:g}" y="{y + LEADING - 5:g}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def svg(self) -> str:
        width, height = round(self.width + MARGIN), round(self.height + MARGIN)
        shapes = "\n".join(self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{escape(self.title)}">\n<!-- scripts/diagrams.py draws this. -->\n<style>\n'
            f"text{{font:{SIZE}px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}}\n"
            f".strong{{font-weight:600}}\n.dashed{{stroke-dasharray:5 4}}\n{_colours(LIGHT)}"
            f"@media (prefers-color-scheme:dark){{\n{_colours(DARK)}}}\n</style>\n"
            '<marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0.5 8 4 0 7.5z"/></marker>\n'
            f'<rect class="ground" width="{width}" height="{height}" rx="10"/>\n{shapes}\n</svg>\n'
        )

    def _reach(self, x: float, y: float) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)


def _colours(colours: dict[str, str]) -> str:
    line = colours["line"]
    return (
        f".ground{{fill:{colours['ground']}}}\n.tip{{fill:{line}}}\n.line,.dashed{{stroke:{line};stroke-width:1.4}}\n"
        f".box,.note{{fill:{colours['box']};stroke:{line}}}\n.accent{{fill:{colours['accent']};stroke:{line}}}\n"
        f".frame{{fill:none;stroke:{line};stroke-dasharray:2 3}}\n.life{{stroke:{line};stroke-width:1;opacity:.5}}\n"
        f".ink,.strong{{fill:{colours['ink']}}}\n.faint{{fill:{colours['faint']}}}\n"
    )


def measure(words: str, *, strong: bool = False) -> float:
    """Return the room that a line takes in the widest of the usual fonts, in pixels."""
    ems = 0.0
    for letter in words:
        if letter in "iljtfrI.,:;|!'()[]/ ":
            ems += 0.38
        elif letter in "mwMW@%":
            ems += 0.95
        else:
            ems += 0.70 if letter.isupper() else 0.61
    return round(ems * SIZE * (1.1 if strong else 1), 1)
