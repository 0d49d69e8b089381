"""Every measure of the threat model names tests that are there, and what the page shows runs."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.snippets import ROOT
from tests.snippets import blocks
from tests.snippets import run

PAGE = (ROOT / "docs" / "security.md").read_text()
MODEL = PAGE.split("\n## Threat model\n", 1)[1]
ROWS = [line for line in MODEL.splitlines() if line.startswith("| ") and not line.startswith(("| It tries", "|---"))]
NAME = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def functions_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text()) if (ROOT / file).exists() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def attack_of(row: str) -> str:
    return row.split("|")[1].strip().replace("`", "")


def test_the_threat_model_has_all_attackers():
    attackers = re.findall(r"^### (.+)$", MODEL, re.MULTILINE)

    assert attackers == [
        "A partner",
        "An outsider",
        "An attacker on the connection",
        "A reader of the database, a log or a backup",
        "A hub",
        "A visitor of the console, or a web page that the visitor opens",
        "Remaining risks",
    ]


@pytest.mark.parametrize("row", ROWS, ids=attack_of)
def test_each_measure_is_shown_by_tests_that_exist(row):
    _, attack, measure, shown, _ = row.split("|")
    named = NAME.findall(shown)

    assert attack.strip()
    assert measure.strip()
    assert named
    assert NAME.sub("", shown).strip(" ,") == ""
    assert [f"{file}::{name}" for file, name in named if name not in functions_in(file)] == []


def test_each_file_of_security_tests_shows_a_measure():
    named = {file for row in ROWS for file, _ in NAME.findall(row)}
    here = {str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("test_*.py")}

    assert here - named == {str(Path(__file__).relative_to(ROOT))}


def test_the_limit_for_platforms_is_set_as_the_page_shows(ocpi_app, ocpi, ocpi_client):
    [code] = [block for block in blocks(PAGE, "python") if "limit_platforms" in block]

    run(code.replace("600/minute", "1/minute"), {"app": ocpi_app, "ocpi": ocpi})

    assert [ocpi_client.get("/ocpi/versions").http_status for _ in range(2)] == [200, 429]


def test_a_filter_is_registered_as_the_page_shows(ocpi):
    [code] = [block for block in blocks(PAGE, "python") if "registration_filter" in block]

    run(code, {"ocpi": ocpi, "EXPECTED": ["ABC"]})

    named = [{"role": role, "party_id": id} for role, id in (("HUB", "ABC"), ("CPO", "ABC"), ("CPO", "XYZ"))]
    assert [ocpi.services.hooks.registration_filter(None, role) for role in named] == ["refuse", "accept", None]


def test_reports_go_to_the_repository_and_to_no_address():
    policy = (ROOT / "SECURITY.md").read_text()

    assert "Report a vulnerability" in policy
    assert "@" not in policy
    assert "docs/security.md#threat-model" in policy
