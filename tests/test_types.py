"""The written types: they are what the schemas say, and mypy finds mistakes with them, and only mistakes."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from flask_ocpi.core import types
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from scripts import write_types
from tests.snippets import ROOT
from tests.snippets import blocks

SAMPLES = ROOT / "tests" / "typing"


def test_written_types_are_those_of_the_schemas() -> None:
    pytest.importorskip("ruff")
    for path, text in write_types.files().items():
        assert (ROOT / path).read_text() == text, f"{path} is out of date: python -m scripts.write_types"


@pytest.mark.parametrize("schema", write_types.classes(), ids=lambda schema: schema.__name__)
def test_type_requires_what_its_class_requires(schema: type[Schema]) -> None:
    assert getattr(types, schema.__name__).__required_keys__ == set(example_of(schema)) - {write_types.HIDDEN}


def test_mypy_finds_the_mistakes_in_the_samples_and_no_others(tmp_path: Path) -> None:
    mypy = importlib.import_module("mypy.api")
    page = tmp_path / "page.py"
    page.write_text("\n".join(blocks((ROOT / "docs" / "types.md").read_text(), "python")))
    files = [*sorted(SAMPLES.glob("*.py")), page]

    options = ["--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]

    report, errors, _ = mypy.run([*map(str, files), *options])

    assert errors == ""
    found = {(Path(file).name, int(line)) for file, line in re.findall(r"^(.*?):(\d+): error:", report, re.MULTILINE)}
    expected = {
        (path.name, number)
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# wrong")
    }
    assert found == expected, report
