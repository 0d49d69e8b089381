"""Every requirement has a test or a reason, and the page that says so is up to date."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts import conformance_table
from scripts.conformance_table import Requirement
from tests import selecting

EXPLAINED = next(iter(conformance_table.REASONS))  # a requirement that has a reason for not having a test


def test_page_is_up_to_date_and_nothing_is_uncovered(request):
    tests = request.config.stash[selecting.COVERED]
    if tests is not None:  # this run has collected all tests
        assert conformance_table.complaints(tests) == []
        return
    command = [sys.executable, "-m", "scripts.conformance_table", "--check"]

    run = subprocess.run(command, cwd=conformance_table.ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_requirements_are_complete_and_short():
    requirements = conformance_table.read_requirements()

    assert len(requirements) == len({item.id for item in requirements}) >= 461
    assert {item.group for item in requirements} == set(conformance_table.GROUPS)
    assert {item.level for item in requirements} == {"MUST", "SHOULD", "MAY", "DEC"}
    assert all(0 < len(item.text) <= 90 for item in requirements)


def test_reasons_name_requirements():
    known = {item.id for item in conformance_table.read_requirements()}

    assert set(conformance_table.REASONS) <= known


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ({"T-02": ["a::test"]}, []),
        ({}, ["T-02 has neither a test nor a reason: Some words."]),
        ({"T-02": ["a::test"], "T-99": ["b::test"]}, ["b::test: there is no requirement T-99."]),
    ],
    ids=["covered", "uncovered", "unknown"],
)
def test_problems_are_found(tests, expected):
    requirements = [Requirement("T-02", "MUST", "Some words"), Requirement(EXPLAINED, "MUST", "For later")]

    found = list(conformance_table.problems(requirements, tests))

    assert found == expected


def test_table_names_tests_and_reasons():
    requirements = [Requirement("T-02", "MUST", "a_b"), Requirement(EXPLAINED, "MUST", "Forward")]

    page = conformance_table.table(
        [*requirements, *(Requirement(f"{group}-90", "MAY", "x") for group in conformance_table.GROUPS)],
        {"T-02": ["tests/web/test_a.py::test_b"]},
    )

    assert "| T-02 | MUST | a\\_b | `web/test_a.py::test_b` |" in page
    assert f"| {EXPLAINED} | MUST | Forward | {conformance_table.REASONS[EXPLAINED]} |" in page
    assert "| SES-90 | MAY | x | **none** |" in page
    assert f"1 of {len(conformance_table.GROUPS) + 2} requirements have tests" in page
