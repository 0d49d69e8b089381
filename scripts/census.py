"""Write ``tests/census/*.json``: the properties and enum values in the tables of the specification.

``python -m scripts.census PATH`` reads a clone of github.com/ocpi/ocpi with the branches in SOURCES. It takes names,
types, lengths, cardinalities and values, which are facts, and no sentence.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CENSUS = Path(__file__).parents[1] / "tests" / "census"

#: By version, the branches whose tables make it up: later ones add what earlier ones lack.
SOURCES = {
    "2.1.1": ("release-2.1.1-bugfixes",),
    "2.2.1": ("release-2.2.1-bugfixes",),
    "2.3.0": ("2.3.0/release/core", "2.3.0/release/payments", "2.3.0/release/bookings"),
}

#: Files without classes that are exchanged.
_OTHER_FILES = ("template", "transport", "changelog", "version_history", "terminology", "smart_charging")

_HEADING = re.compile(r"^(?:=+|#+) +(?:[0-9.]+ +)?(.+?) *$")
_CLASS = re.compile(r"[_*]?([A-Za-z][A-Za-z ]*?)[_*]? +[_*]?(class|object|enum|OpenEnum)[_*]?$", re.IGNORECASE)
_LINK = re.compile(r"<<[^>]*?,\s*([^>]+?)\s*>>|\[([^\]]+)\]\([^)]*\)")
_ANCHOR = re.compile(r"\[\[[^\]]*\]\]")
_LENGTH = re.compile(r"^(\w+) ?[(\[](?:\d+\.\.)?(\d+)[)\]]$")
#: How types are spelled in some tables.
_TYPES = {
    "String": "string",
    "BookingTokens": "BookingToken",
    "TimeSlot": "Timeslot",
    "Allowed": "AllowedType",
}
#: Headings that are not the name of the class in the table below them.
_NAMED = {
    "VersionDetails": {"version", "endpoints"},
    "Version": {"version", "url"},
    "Endpoint": {"identifier", "url"},
}
_VALUE = re.compile(r"[\w/.]+")

Census = dict[str, Any]


def main(clone: str) -> None:
    """Write a file for each version."""
    CENSUS.mkdir(exist_ok=True)
    for number, branches in SOURCES.items():
        census: Census = {"branches": {}, "classes": {}, "enums": {}, "open": []}
        for branch in branches:
            census["branches"][branch] = _git(clone, "rev-parse", branch).strip()
            for name in _git(clone, "ls-tree", "--name-only", branch).splitlines():
                if name.endswith((".md", ".asciidoc")) and not name.startswith(_OTHER_FILES):
                    _take(census, _git(clone, "show", f"{branch}:{name}"))
        census["open"].sort()
        path = CENSUS / f"{number}.json"
        path.write_text(_written(census), encoding="utf-8")


def _git(clone: str, *arguments: str) -> str:
    command = ("git", f"--git-dir={clone}", *arguments)
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def _take(census: Census, text: str) -> None:
    """Add the classes and enums of one file; what is there already gets what it lacks."""
    for name, kind, rows in _tables(text):
        if kind == "class":
            known = census["classes"].setdefault(name, {})
            for property_, type_, cardinality in rows:
                known.setdefault(property_, [type_, cardinality])
        else:
            values = census["enums"].setdefault(name, [])
            values += [value for (value,) in rows if value not in values]
            if kind == "openenum" and name not in census["open"]:
                census["open"].append(name)


def _tables(text: str) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
    """Return (name, kind, rows) of each class and enum of a file."""
    heading = ""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), "= end"]:
        found = _HEADING.match(line)
        if found:
            yield from _table(heading, rows)
            heading, rows = found[1], []
        elif line.lstrip().startswith("|") and not line.startswith(("|===", "|-", "|:")):
            cells = re.split(r"(?:\s[a-z])?(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            rows.append([_ANCHOR.sub("", cell).strip().strip("`") for cell in cells])


def _table(heading: str, rows: list[list[str]]) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
    if not rows:
        return
    named = _CLASS.match(heading)
    name = named[1].replace(" ", "") if named else ""
    kind = named[2].lower() if named else ""
    if kind in ("enum", "openenum"):
        column = 1 if name == "ModuleID" else 0
        values = [cells[column] for cells in rows[1:] if len(cells) > column]
        yield _TYPES.get(name, name), kind, [(value,) for value in values if _VALUE.fullmatch(value)]
    elif rows[0][0] in ("Property", "Field Name"):
        properties = [row for cells in rows[1:] if (row := _property(cells)) is not None]
        names = {row[0] for row in properties}
        name = next((known for known, some in _NAMED.items() if names >= some), name)
        if name:
            yield name, "class", properties


def _property(cells: list[str]) -> tuple[str, str, str] | None:
    """Return (name, type, cardinality); None, and say so, for a line that is no property."""
    if len(cells) < 3 or not re.fullmatch(r"(> *)?\w+", cells[0]) or cells[2] not in tuple("1?*+"):
        print("left out:", cells, file=sys.stderr)
        return None
    type_ = _LINK.sub(lambda link: (link[1] or link[2]).strip(), cells[1]).replace(" ", "")
    sized = _LENGTH.match(type_)
    name = sized[1] if sized else type_
    name = _TYPES.get(name, name)
    return cells[0].removeprefix(">").strip(), f"{name}({sized[2]})" if sized else name, cells[2]


def _written(census: Census) -> str:
    """Return the JSON of a census, one property or enum a line."""
    lines = ["{", f' "branches": {json.dumps(census["branches"])},', ' "classes": {']
    classes = []
    for name, properties in sorted(census["classes"].items()):
        rows = [f"   {json.dumps(property_)}: {json.dumps(row)}" for property_, row in properties.items()]
        classes.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n  }")
    enums = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in sorted(census["enums"].items())]
    lines += [",\n".join(classes), " },", ' "enums": {', ",\n".join(enums), " },"]
    lines += [f' "open": {json.dumps(census["open"])}', "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
