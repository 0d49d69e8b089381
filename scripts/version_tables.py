"""Write the tables of docs/compatibility.md from the classes: what each version cannot say, or says otherwise.

`python -m scripts.version_tables` writes them; a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from flask_ocpi.core.converting import FAILURES
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Version
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.modules.cdrs_schemas import CdrLocation
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.versions import VERSIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "compatibility.md"
COMMAND = "python -m scripts.version_tables"
BEGIN = f"<!-- What follows is written by {COMMAND}. -->\n"
#: What every version can say, for properties of which the example is not.
_SAYABLE = {
    "reservation_id": "1",
    "evse_uid": NOT_AVAILABLE,
    "connector_id": NOT_AVAILABLE,
    "cdr_location": {**example_of(CdrLocation), "evse_uid": NOT_AVAILABLE},
}
_HEAD = "| Class | Lost | Said in another way | Values lost | What it has instead, or more |\n|---|---|---|---|---|"


def main() -> None:
    """Write what follows the mark."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as it has to be."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[0] + BEGIN + "\n" + tables()


def tables() -> str:
    """Return a section for each version, and the modules of all."""
    return "\n".join([_modules(), *(section(version) for version in VERSIONS if any(_rows(version)))])


def section(version: Version) -> str:
    """Return the table of a version."""
    return f"## OCPI {version.number}\n\n{_HEAD}\n" + "".join(f"{row}\n" for row in _rows(version))


def _modules() -> str:
    """Return which version has which module."""
    ids = dict.fromkeys(module.id for version in VERSIONS for module in version.modules)
    numbers = [version.number for version in VERSIONS]
    head = f"| Module | {' | '.join(numbers)} |\n|---|{'---|' * len(numbers)}"
    rows = [f"| `{id}` | {' | '.join('yes' if v.module(id) else '-' for v in VERSIONS)} |" for id in ids]
    return "## Modules\n\n" + "\n".join([head, *rows]) + "\n"


def _rows(version: Version) -> Iterator[str]:
    for schema in sorted(version.classes(), key=lambda cls: version.stored(cls).__name__):
        cells = _cells(version, schema)
        if any(cells):
            yield f"| {version.stored(schema).__name__} | {' | '.join(cells)} |"


def _cells(version: Version, schema: type[Schema]) -> list[str]:
    stored = version.stored(schema)
    own, kept = fields_of(schema), fields_of(stored)
    lost = _lost(version, schema)
    lacking = [name for name in kept if name not in own]
    otherwise = [name for name in lacking if name not in lost]
    beyond = [name for name in own if name not in kept]
    values = [
        f"{_code(name)}: {', '.join(sorted(_values(kept[name]) - _values(field)))}"
        for name, field in own.items()
        if name in kept and _values(field) and _values(kept[name]) - _values(field)
    ]
    return [_listing(name for name in kept if name in lost), _listing(otherwise), "; ".join(values), _listing(beyond)]


def _lost(version: Version, schema: type[Schema]) -> set[str]:
    """Return the properties of the stored class that the conversion tells to be lost, given one after the other."""
    conversion = version.conversion(schema)
    if conversion is None:
        return set()
    stored = version.stored(schema)
    place = example_of(Location)
    lost: set[str] = set()
    for name, field in fields_of(stored).items():
        document = {**example_of(stored), **_SAYABLE, name: _SAYABLE.get(name, field.metadata["example"])}
        told: list[str] = []

        def lose(pointer: str, reason: str, told: list[str] = told) -> None:
            told.append(pointer)

        try:
            conversion.from_store(document, lose, lambda kind, references: dict.fromkeys(references, place))
        except (LeftOutError, *FAILURES):
            continue
        lost |= {name} & {pointer.removeprefix("/") for pointer in told}
    return lost


def _values(field: Any) -> set[str]:
    inner = field.inner if isinstance(field, ListOf) else field
    enum: type[StrEnum] | tuple[()] = inner.enum if isinstance(inner, Enum) else ()
    return {member.value for member in enum}


def _code(name: str) -> str:
    return f"`{name}`"


def _listing(names: Iterator[str] | list[str]) -> str:
    return ", ".join(map(_code, names))


if __name__ == "__main__":
    sys.exit(main())
