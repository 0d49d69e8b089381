"""What docs/receiving.md says is what the code does."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import orjson
import pytest

from flask_ocpi.modules.tariffs import TariffRestrictions
from flask_ocpi.testing import documents as made
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions.reading import classes
from flask_ocpi.versions.reading import read
from tests.schemas.declarations import SCHEMAS

PAGE = (Path(__file__).parents[2] / "docs" / "receiving.md").read_text(encoding="utf-8")
DOCUMENTS = {
    "CDR": made.full_cdr,
    "Location": made.full_location,
    "Session": made.full_session,
    "Tariff": made.full_tariff,
    "Token": made.full_token,
}


def rows(title):
    """Return the rows of the tables in a section, each a list of cells."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("Class", "---|---", "---|---|---", "---|---|---|---")]


def named(cell):
    return set(re.findall(r"`([a-z_.0-9]+)`", cell))


def by_class(table):
    return {cls.__name__: set(names) for cls, names in table.items() if cls in V2_2_1.classes()}


MENDED = [
    (cls, path.strip("`"), orjson.loads(came.strip("`")), orjson.loads(kept.strip("`")))
    for cls, path, came, kept in rows("Values that are mended")
]


@pytest.mark.parametrize(("cls", "path", "came", "kept"), MENDED)
def test_value_is_mended_as_the_page_says(cls, path, came, kept):
    document = copy.deepcopy(DOCUMENTS[cls]())
    *above, last = (int(step) if step.isdigit() else step for step in path.split("."))
    owner = document
    for step in above:
        owner = owner[step]
    owner[last] = came

    found = read(SCHEMAS[cls](), document).document

    for step in (*above, last):
        found = found[step]
    assert found == kept


def test_page_names_what_is_derived():
    told = {}
    for row in rows("Properties that are derived"):
        if len(row) == 3:
            told.setdefault(row[0], set()).update(named(row[1]))

    assert told == by_class(classes.DERIVED)


def test_page_names_the_texts_that_may_be_unknown():
    told = {row[0]: named(row[1]) for row in rows("Properties that are derived") if len(row) == 2}
    known = by_class(classes.UNKNOWN_TEXTS)
    known["CdrLocation"] -= {"latitude", "longitude"}  # those are within its coordinates

    assert told == known


def test_page_names_what_an_object_is_kept_without():
    told = {row[0]: named(row[1]) for row in rows("Properties that may be missing")}

    assert told == {**by_class(classes.DISPENSABLE), "EVSE": {"connectors"}}


def test_page_names_what_is_needed_though_it_is_optional():
    told = {row[0]: named(row[1]) for row in rows("Optional properties that cannot be read")}
    known = by_class(classes.NEEDED)
    assert known.pop("TariffRestrictions") == set(TariffRestrictions._declared_fields)

    assert told == {**known, "TariffRestrictions": set()}
