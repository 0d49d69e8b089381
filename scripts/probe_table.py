"""Write the table of docs/probe.md from the checks.

`python -m scripts.probe_table` writes it; a test compares it.
"""

from __future__ import annotations

from pathlib import Path

from flask_ocpi.client.probe.checks import Check
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.report import CHECKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "probe.md"
COMMAND = "python -m scripts.probe_table"
BEGIN, END = f"<!-- What follows is written by {COMMAND}. -->\n", "<!-- end -->\n"
_OF = {Each.PLATFORM: "", Each.LIST: "list", Each.RECEIVER: "Receiver"}


def main() -> None:
    """Write what is between the marks."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as it has to be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def table() -> str:
    """Return the table of all checks."""
    rows = ["| Check | Requirement | Section | For each | Otherwise |", "|---|---|---|---|---|"]
    rows += [f"| {_name(c)} | {c.text} | {c.section} | {_OF[c.each]} | {_otherwise(c)} |" for c in CHECKS]
    return "\n".join(rows) + "\n"


def _name(check: Check) -> str:
    return f"`{check.id}` *w*" if check.writes else f"`{check.id}`"


def _otherwise(check: Check) -> str:
    return "WARN" if check.advised else "FAIL"


if __name__ == "__main__":
    main()
