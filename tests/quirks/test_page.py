"""The page on interoperability says what the code does."""

from __future__ import annotations

import ast
from pathlib import Path

from flask_ocpi.core.config import Settings
from flask_ocpi.core.quirks import PRESETS
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import as_text
from flask_ocpi.core.quirks import preset

PAGE = (Path(__file__).parents[2] / "docs" / "interoperability.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_table_of_quirks_is_that_of_the_code():
    assert rows("Quirks") == [[f"`{name}`", item.metadata["doc"]] for name, item in TABLE.items()]


def test_table_of_presets_is_that_of_the_code():
    def listed(name: str) -> str:
        quirks = preset(name).items()
        return ", ".join(f"`{quirk}`" if value is True else f"`{quirk}={as_text(value)}`" for quirk, value in quirks)

    assert rows("Presets") == [[f"`{name}`", listed(name), known.reason] for name, known in PRESETS.items()]


def test_the_configuration_on_the_page_is_valid():
    code = PAGE.split("```python\n", 1)[1].split("```", 1)[0]
    quirks = ast.literal_eval(code.partition("=")[2].strip())
    party = {"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc"}}

    read = Settings.from_mapping({"OCPI_PARTIES": [party], "OCPI_QUIRKS": quirks}).quirks

    assert read["ocpi.partner.example"] == {"send-nulls": True, "no-patch": True}
