"""The command that runs a simulated partner, in processes of their own and with no app at hand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60


def environment() -> dict[str, str]:
    """What a user has who has no app; what is set for one must not matter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return {**own, "PYTHONPATH": str(ROOT), "FLASK_OCPI_PARTIES": "[]", "FLASK_SQLALCHEMY_DATABASE_URI": "nonsense"}


@contextmanager
def sandbox(folder: Path, name: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the command; yield its process and what it prints."""
    output = folder / f"{name}.txt"
    command = [sys.executable, "-u", "-m", "flask", "ocpi", "sandbox", "--port", "0", *options]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process, output
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)


def until(output: Path, pattern: str) -> re.Match[str]:
    """Wait until the command has printed something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, output.read_text(), re.MULTILINE)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(output.read_text())


def test_a_provider_registers_with_an_operator_and_gets_a_cdr(tmp_path: Path) -> None:
    with sandbox(tmp_path, "cpo", "--speed", "3600") as (cpo, said_by_cpo):
        url = until(said_by_cpo, r"^Versions URL  (\S+)$")[1]
        token = until(said_by_cpo, r"^Token         (\S+)$")[1]

        with sandbox(tmp_path, "emsp", "--role", "emsp", "--register", url, token) as (emsp, said_by_emsp):
            until(said_by_emsp, r"^Registered with Sandbox Charging, over OCPI 2\.3\.0\.$")
            until(said_by_emsp, r"< POST   2\.3\.0/receiver/cdrs +201 1000")
        until(said_by_cpo, r"Sandbox Mobility \(DE-SBX\) is registered, over OCPI 2\.3\.0\.\n +For another partner:")

    assert (cpo.returncode, emsp.returncode) == (0, 0)
    assert token not in said_by_emsp.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpo.txt", "emsp.txt"]


def test_a_named_folder_keeps_what_happened(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    said = []
    for _ in range(2):
        with sandbox(tmp_path, "cpo", "--folder", str(folder), "--party", "NL-ABC") as (_, output):
            until(output, r"^Token ")
        said.append(output.read_text().splitlines()[0])

    assert said == ["Sandbox Charging: CPO NL-ABC, OCPI 2.1.1, 2.2.1, 2.3.0, 3 locations, 3 tariffs."] * 2
    assert (folder / "ocpi.sqlite3").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--version", "9.9"), "Error: OCPI_VERSIONS names '9.9'; this release serves 2.1.1, 2.2.1, 2.3.0."),
        (("--party", "ABC"), "Error: A party is a country code and three characters, such as NL-ABC, not ABC."),
    ],
    ids=["version", "party"],
)
def test_wrong_options_are_named(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    command = [sys.executable, "-m", "flask", "ocpi", "sandbox", *options]

    run = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert (run.returncode, run.stderr.strip(), run.stdout) == (1, message, "")
