"""The routes and the OpenAPI document are as they were when somebody looked at them last."""

from __future__ import annotations

import difflib

import pytest

from flask_ocpi.versions import VERSIONS
from tests.golden import FOLDER
from tests.golden import texts

NAMES = [name for version in VERSIONS for name in (f"routes-{version.number}.txt", f"openapi-{version.number}.json")]


@pytest.mark.parametrize("name", NAMES)
def test_generated_text_is_the_golden_one(name):
    golden = (FOLDER / name).read_text(encoding="utf-8")

    made = texts()[name]

    changes = difflib.unified_diff(golden.splitlines(), made.splitlines(), name, "now", lineterm="", n=2)
    shown = "\n".join(list(changes)[:60])
    assert not shown, f"{shown}\n\nIf this is wanted: python -m tests.golden.renew"


def test_golden_texts_are_the_same_each_time():
    assert texts() == texts()


def test_no_golden_file_is_left_over():
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in (".txt", ".json")}

    assert kept == set(texts())
