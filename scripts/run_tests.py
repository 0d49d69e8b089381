"""Run the test suite with everything it can have here, then name what was left out."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts import setup_servers


def read_left_out(report: Path) -> dict[str, str]:
    """Read the left-out parts: name to reason, the first reason given for each."""
    parts: dict[str, str] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        name, _, reason = line.partition(": ")
        parts.setdefault(name, reason)
    return parts


def print_left_out(parts: dict[str, str]) -> None:
    """Print the closing block of a test run."""
    if not parts:
        print("Left out: nothing")
        return
    print("Left out:")
    for name, reason in sorted(parts.items()):
        print(f"  {name}: {reason}")


def must_be_complete() -> bool:
    """Tell whether this is a CI machine that lets us install everything."""
    return os.environ.get("CI") == "true" and setup_servers.why_not_installable() is None


def main(pytest_arguments: list[str]) -> int:
    """Set up, test and report; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-tests-") as folder:
        report = Path(folder, "left-out")
        report.touch()
        os.environ["OCPI_TEST_LEFT_OUT"] = str(report)
        setup_servers.main()
        status = subprocess.run([sys.executable, "-m", "pytest", *pytest_arguments], check=False).returncode
        parts = read_left_out(report)
    print_left_out(parts)
    if parts and must_be_complete():
        print("In CI nothing may be left out on a machine where it can be installed.", file=sys.stderr)
        return status or 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
