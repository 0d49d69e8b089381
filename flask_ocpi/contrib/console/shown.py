"""How values appear on a page: texts of partners kept apart from ours, moments, spans of time, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from markupsafe import Markup

#: The longest text of a partner in a list.
_LONGEST = 2000
_UNSHOWN = ("Cc", "Cs")  # control characters, and halves of characters
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn the direction of a text
_DEEPEST = 128  # the deepest document that is stored
_MOST_INDENTED = 40  # levels: a short document that is nested deeply would be a very long page
_PATH = re.compile(r"[A-Za-z_]\w*(?:\[\d+\]|[./]\w+)*")
_INDEX = re.compile(r"[0-9]{1,9}")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def value(text: Any) -> Markup:
    """Return a stored text: escaped, its direction kept from the text around it, a hyphen if it is empty."""
    if text is None or text == "":
        return Markup("–")  # noqa: RUF001
    shown = str(text)
    return Markup("<bdi>{}</bdi>").format(plain(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"))


def plain(text: str) -> str:
    """Return a text without characters that a page cannot show."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unshown(char) else char for char in text)


def _is_unshown(char: str) -> bool:
    return char in _TURNING or (char != "\n" and category(char) in _UNSHOWN)


def moment(text: str | None) -> Markup:
    """Return a DateTime as date and time in UTC, to a second."""
    if not text:
        return value(None)
    short = str(text)[:19].replace("T", " ")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(str(text), short)


def span(seconds: float | None) -> str:
    """Return a span of time in its largest two units, such as "2 h 5 min"."""
    if seconds is None:
        return "–"  # noqa: RUF001
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


def milliseconds(seconds: float | None) -> str:
    """Return how long something took."""
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"


def lines(document: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield a document as lines of JSON, each with whether it belongs to the place that a JSON path names.

    What is deeper than any stored document is left out.
    """
    wanted = _steps(path)

    def write(node: Any, head: str, at: tuple[str, ...], end: str) -> Iterator[tuple[str, bool]]:
        is_marked = bool(wanted) and at[: len(wanted)] == wanted
        margin = "  " * min(len(at), _MOST_INDENTED)
        items = _items(node)
        brackets = "{}" if isinstance(node, Mapping) else "[]"
        if not items or len(at) > _DEEPEST:
            text = _json(node) if items is None else f"{brackets[0]}{'…' if items else ''}{brackets[1]}"
            yield plain(f"{margin}{head}{text}{end}"), is_marked
            return
        yield plain(f"{margin}{head}{brackets[0]}"), is_marked
        for number, (name, step, inner) in enumerate(items, start=1):
            yield from write(inner, name, (*at, step), "," if number < len(items) else "")
        yield f"{margin}{brackets[1]}{end}", is_marked

    return write(document, "", (), "")


def path_in(text: str, document: Any) -> str:
    """Return the path in a message that leads to a value of a document, the longest one; "" if there is none."""
    found = (match for match in _PATH.findall(text) if _leads(_steps(match), document))
    return max(found, key=len, default="")


def _leads(steps: tuple[str, ...], document: Any) -> bool:
    for step in steps:
        if isinstance(document, Mapping) and step in document:
            document = document[step]
        elif isinstance(document, list) and _INDEX.fullmatch(step) and int(step) < len(document):
            document = document[int(step)]
        else:
            return False
    return bool(steps)


def _items(node: Any) -> list[tuple[str, str, Any]] | None:
    """Return what a node contains: how each begins, its step in a path, and its value; None for a plain value."""
    if isinstance(node, Mapping):
        return [(f"{_json(str(name))}: ", str(name), inner) for name, inner in node.items()]
    if isinstance(node, list | tuple):
        return [("", str(index), inner) for index, inner in enumerate(node)]
    return None


def _steps(path: str) -> tuple[str, ...]:
    """Return the steps of a path such as ``$.evses[0].status`` or ``/evses/0/status``."""
    text = path.removeprefix("$").replace("[", ".").replace("]", "").replace("/", ".")
    return tuple(step.strip("'\"") for step in text.split(".") if step)


def short_json(node: Any) -> str:
    """Return a value as JSON on one line, "" for None."""
    return "" if node is None else _json(node)


def _json(node: Any) -> str:
    return json.dumps(node, ensure_ascii=False, default=str)


FILTERS: dict[str, Callable[..., Any]] = {
    "json": short_json,
    "plain": plain,
    "value": value,
    "milliseconds": milliseconds,
    "moment": moment,
    "span": span,
    "lines": lines,
}
