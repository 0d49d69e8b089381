"""Write docs/conformance.md from the `conformance` markers of the tests: requirement by requirement, what shows it.

`python -m scripts.conformance_table` writes the file; `--check` fails when it is out of date, or when a requirement has
neither a test nor a reason.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tests" / "conformance" / "requirements.tsv"
TABLE = ROOT / "docs" / "conformance.md"
COMMAND = "python -m scripts.conformance_table"

GROUPS = {
    "T": "HTTP, JSON and methods",
    "A": "Authorization",
    "MID": "Message ids",
    "RT": "Message routing",
    "PUSH": "Client-owned objects",
    "PAG": "Pagination",
    "ST": "Status codes",
    "VER": "Versions",
    "CRED": "Credentials",
    "ROLE": "Roles",
    "LOC": "Locations",
    "TYP": "Data types",
    "CLI": "Client behaviour",
    "SES": "Sessions",
    "CDR": "CDRs",
    "TAR": "Tariffs",
    "TOK": "Tokens",
    "CMD": "Commands",
    "CHP": "Charging profiles",
    "HCI": "Hub client info",
    "V211": "OCPI 2.1.1",
    "V230": "OCPI 2.3.0",
    "INV": "Invoice reconciliation (2.3.0)",
    "PAY": "Payments (2.3.0)",
    "BOOK": "Bookings (2.3.0)",
}

HUB_ROUTING = "Later release: forwarding and broadcasting between the platforms of a hub."
REASONS = {
    **{f"RT-{number:02}": HUB_ROUTING for number in (*range(7, 19), 20, 21, 28)},
    "TAR-21": "Nothing is billed here: the host application computes costs; step_size is kept and passed on unchanged.",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement of OCPI 2.2.1, or a decision of ours where it leaves room (level DEC)."""

    id: str
    level: str
    text: str

    @property
    def group(self) -> str:
        return self.id.split("-")[0]


def covered(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """Return the names of the tests that carry the marker, by requirement."""
    tests: dict[str, set[str]] = {}
    for item in items:
        for mark in item.iter_markers("conformance"):
            name = f"{item.nodeid.split('::')[0]}::{getattr(item, 'originalname', item.name)}"
            for id in mark.args:
                tests.setdefault(id, set()).add(name)
    return {id: sorted(names) for id, names in tests.items()}


class Collector:
    """A pytest plugin that keeps what is covered."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        self.tests = covered(items)


def read_requirements() -> list[Requirement]:
    """Read the requirements in their order."""
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        return [Requirement(*row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]


def collect() -> dict[str, list[str]]:
    """Collect the tests without running them: requirement to test names. SystemExit when they cannot be collected."""
    collector = Collector()
    said = io.StringIO()
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={ROOT}", f"{ROOT}/tests"]
    with contextlib.redirect_stdout(said):
        status = pytest.main(options, plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"The tests cannot be collected:\n{said.getvalue()[-4000:]}")
    return collector.tests


def reason_for(requirement: Requirement) -> str | None:
    """Say why a requirement has no test, if that is meant to be so."""
    return REASONS.get(requirement.id)


def problems(requirements: Sequence[Requirement], tests: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what is not covered, and markers that name nothing."""
    known = {requirement.id for requirement in requirements}
    for id in sorted(set(tests) - known):
        yield f"{', '.join(tests[id])}: there is no requirement {id}."
    for requirement in requirements:
        if requirement.id not in tests and reason_for(requirement) is None:
            yield f"{requirement.id} has neither a test nor a reason: {requirement.text}."


def table(requirements: Sequence[Requirement], tests: Mapping[str, Sequence[str]]) -> str:
    """Write the page."""
    shown = sum(requirement.id in tests for requirement in requirements)
    lines = [
        "# Conformance",
        "",
        "What OCPI 2.2.1 demands, in a few words, and the tests that show it. The level DEC marks decisions of this",
        "project where the specification is silent or contradicts itself.",
        "",
        "The platforms of the tests in `conformance` serve every version, and their partners speak 2.2.1.",
        "",
        f"This page is made from the tests' markers by `{COMMAND}`; do not edit it.",
        "",
        f"{shown} of {len(requirements)} requirements have tests in this release.",
        "",
    ]
    for group, title in GROUPS.items():
        lines += _section(title, [item for item in requirements if item.group == group], tests)
    return "\n".join(lines)


def _section(title: str, requirements: Sequence[Requirement], tests: Mapping[str, Sequence[str]]) -> list[str]:
    counts = Counter(item.id in tests for item in requirements)
    lines = [f"## {title}", "", f"{counts[True]} of {len(requirements)} tested.", ""]
    lines += ["| Id | Level | Requirement | Tests |", "|---|---|---|---|"]
    for item in requirements:
        lines.append(f"| {item.id} | {item.level} | {_escaped(item.text)} | {_shown(item, tests)} |")
    return [*lines, ""]


def _shown(requirement: Requirement, tests: Mapping[str, Sequence[str]]) -> str:
    names = tests.get(requirement.id)
    if names:
        return ", ".join(f"`{re.sub(r'^tests/', '', name)}`" for name in names)
    return reason_for(requirement) or "**none**"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def complaints(tests: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with the markers of all tests, and with the page."""
    requirements = read_requirements()
    found = list(problems(requirements, tests))
    if not TABLE.exists() or TABLE.read_text(encoding="utf-8") != table(requirements, tests):
        found.append(f"docs/conformance.md is out of date: {COMMAND}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it; return the exit code."""
    tests = collect()
    if "--check" not in arguments:
        TABLE.write_text(table(read_requirements(), tests), encoding="utf-8")
    found = complaints(tests)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
