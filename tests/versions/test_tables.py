"""The page that compares the versions is what their classes say."""

from __future__ import annotations

import re

import pytest

from flask_ocpi.versions import VERSIONS
from scripts import version_tables
from tests.versions.nine import V9_9


def test_page_is_up_to_date():
    assert version_tables.PAGE.read_text() == version_tables.page(), f"Run {version_tables.COMMAND}."


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_every_version_that_is_another_one_has_a_table(version):
    made = version_tables.tables()

    differs = any(version.conversion(schema) for schema in version.classes())
    assert (f"\n## OCPI {version.number}\n" in made) is differs
    assert f" {version.number} " in made.partition("\n\n")[2].partition("\n")[0]


def test_table_tells_losses_from_other_names():
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in version_tables.section(V9_9).splitlines()}

    assert re.fullmatch(r"\| Location \| `parking_type`.* \| `name` \|  \| `title` \|", rows["Location"])
    assert re.fullmatch(r"\| CommandResponse \| `timeout` \|  \|  \|  \|", rows["CommandResponse"])
    assert "Image" not in rows
