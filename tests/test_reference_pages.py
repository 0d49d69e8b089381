"""The pages of the reference that are written from the code."""

from __future__ import annotations

import json
import re

import pytest

from flask_ocpi import errors
from flask_ocpi.core.config import SETTINGS
from flask_ocpi.core.converting import fields_of
from flask_ocpi.errors import StatusCode
from flask_ocpi.versions import VERSIONS
from scripts import reference_pages
from tests.snippets import blocks


def test_pages_are_those_of_the_code(capsys):
    assert reference_pages.main("--check") == 0, capsys.readouterr().out


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_each_class_has_a_heading_and_a_valid_example(version):
    page = (reference_pages.DOCS / f"objects-{version.number}.md").read_text()
    classes = {schema.__name__: schema for schema in version.classes()}

    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    examples = [json.loads(block) for block in blocks(page, "json")]
    assert headings == [*sorted(classes), "Enums"]
    assert len(re.findall(r"^## \w+\n\n.*\(.*OCPI [\d.]+, ", page, re.MULTILINE)) == len(classes)
    for name, example in zip(headings[:-1], examples, strict=True):
        assert classes[name]().validate(example) == {}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_each_property_has_a_type_and_a_meaning(version):
    page = (reference_pages.DOCS / f"objects-{version.number}.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| (yes)? *\| ([^|]*) \|$", page, re.MULTILINE)

    assert len(rows) == sum(len(fields_of(schema)) for schema in version.classes())
    assert [name for name, type, _, meaning in rows if not type.strip() or len(meaning.strip()) < 5] == []


def test_each_error_and_code_is_on_the_page_of_errors_once_with_what_to_do():
    page = (reference_pages.DOCS / "errors.md").read_text()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    named = [name for row in cells for cell in row[:2] for name in re.findall(r"^(?:&emsp;)*`(\w+)`$", cell)]

    assert sorted(named) == sorted(
        {*errors.__all__, *StatusCode.__members__} - {"RemovalWarning", "StatusCode", "abort", "is_success"}
    )
    assert [row for row in cells if not all(row)] == []


def test_the_table_of_settings_has_every_key_with_its_default_as_it_is_written():
    table = (reference_pages.DOCS / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*) \|", table, re.MULTILINE))

    assert list(rows) == [setting.key for setting in SETTINGS]
    assert len(re.findall("^## ", table, re.MULTILINE)) == len(reference_pages.GROUPS)
    assert (rows["OCPI_URL_PREFIX"], rows["OCPI_TOKEN_GRACE"], rows["OCPI_BASE_URL"]) == ("`/ocpi`", "`600`", "")
    assert json.loads(rows["OCPI_VERSIONS"].strip("`")) == ["2.2.1", "2.3.0"]


def test_a_stale_page_is_named(monkeypatch, tmp_path, capsys):
    docs = tmp_path / "docs"
    docs.mkdir()
    monkeypatch.setattr(reference_pages, "DOCS", docs)
    reference_pages.main()
    (docs / "settings.md").write_text("old")
    capsys.readouterr()

    assert reference_pages.main("--check") == 1
    assert capsys.readouterr().out == "docs/settings.md is out of date: python -m scripts.reference_pages\n"
