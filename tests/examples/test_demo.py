"""The demo runs as `make demo` runs it: two servers, real sockets, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 180
WERKZEUG = "from examples import demo, demo_servers; demo_servers.program = lambda: 'Werkzeug'; "
MAIN = "import sys; sys.exit(demo.main())"


def environment(once: bool) -> dict[str, str]:
    return {**os.environ, "DEMO_ONCE": "1" if once else "", "FLASK_OCPI_NONSENSE": "1"}


def run_once(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(True), capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


def processes(output: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"process (\d+)", output)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def run() -> subprocess.CompletedProcess[str]:
    """What `make demo` with DEMO_ONCE=1 does."""
    return run_once("-m", "examples.demo")


def test_demo_goes_through_all_steps_and_ends(run: subprocess.CompletedProcess[str]) -> None:
    assert run.returncode == 0, run.stdout + run.stderr
    assert [int(step) for step in re.findall(r"^(\d)  ", run.stdout, re.MULTILINE)] == [1, 2, 3, 4, 5, 6, 7]
    assert "300 of 300 locations arrived" in run.stdout
    assert "all documents are equal again" in run.stdout
    assert run.stderr == ""
    assert [is_running(pid) for pid in processes(run.stdout)] == [False, False]


def test_only_the_visitors_tokens_are_shown_and_no_colours(run: subprocess.CompletedProcess[str]) -> None:
    shown = re.findall(r"Token (\S+)", run.stdout)

    assert shown.count("***") == 1
    assert len(set(shown) - {"***"}) == 2
    assert run.stdout.count("paste:  Token ") == 2
    assert "\033" not in run.stdout


def test_failed_check_is_an_exit_code() -> None:
    run = run_once("-c", f"{WERKZEUG} demo.Side.copies = lambda self: {{}}; {MAIN}")

    assert run.returncode == 1
    assert "FAILED all documents are equal on both sides" in run.stderr
    assert len(processes(run.stdout)) == 2
    assert [is_running(pid) for pid in processes(run.stdout)] == [False, False]


def test_server_that_does_not_start_is_an_exit_code() -> None:
    run = run_once("-c", f"{WERKZEUG} demo_servers.START_SECONDS = 0; {MAIN}")

    assert run.returncode == 1
    assert "A platform did not start" in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_demo_stays_up_until_it_is_told_to_end(number: signal.Signals) -> None:
    command = [sys.executable, "-c", f"{WERKZEUG} {MAIN}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(False), stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            output = "".join(takewhile(lambda line: "Ctrl-C" not in line, demo.stdout))
            url = re.findall(r"Charging: (http://\S+/ocpi/docs/)", output)[0]
            with urllib.request.urlopen(url) as page:
                status = page.status
        finally:
            demo.send_signal(number)
            returncode = demo.wait(LIMIT_SECONDS)

    assert status == 200
    assert returncode == 128 + number
    assert len(processes(output)) == 2
    assert [is_running(pid) for pid in processes(output)] == [False, False]
