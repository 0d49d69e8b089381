"""The demo runs as a user runs it: five servers, real sockets, and nothing left behind."""

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

from flask_ocpi.testing.sandbox.demo import play
from flask_ocpi.testing.sandbox.demo.stage import Screen
from tests.warm import python

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 180
BEGIN = "import sys; from flask_ocpi.testing.sandbox.demo import play, day, servers;"
MAIN = "sys.exit(play.main(once={once}))"
STEPS = 19
SHORT_DAY = ("open_network", "register", "share_locations", "join_hub", "invite_visitors")


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "FLASK_OCPI_NONSENSE": "1", "FLASK_APP": "nonsense"}


def begin() -> str:
    """The begin of a program that is the demo, with the servers of Flask."""
    return f"{BEGIN} servers.program = lambda: 'Werkzeug'; sys.executable = {python()!r};"


def run_once(*command: str, once: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT / "docs",
        env={**ENVIRONMENT, "DEMO_ONCE": once},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
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
    """What `DEMO_ONCE=1 make demo` does, without an app."""
    return run_once(sys.executable, "-m", "flask", "ocpi", "demo", once="1")


def test_demo_goes_through_all_steps_and_ends(run: subprocess.CompletedProcess[str]) -> None:
    assert run.returncode == 0, run.stdout + run.stderr
    assert [int(step) for step in re.findall(r"^(\d+)  ", run.stdout, re.MULTILINE)] == list(range(1, STEPS + 1))
    assert run.stderr == ""
    assert len(processes(run.stdout)) == 5
    assert [is_running(pid) for pid in processes(run.stdout)] == [False] * 5


def test_output_fits_a_terminal_and_shows_only_the_visitors_tokens(run: subprocess.CompletedProcess[str]) -> None:
    assert max(map(len, run.stdout.splitlines())) <= 100
    assert "\033" not in run.stdout
    assert len(set(re.findall(r"Token (\S+)", run.stdout))) == run.stdout.count("paste:  Token ") == 2


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_terminal=is_terminal: is_terminal)
        Screen().check(True, "it holds")

    assert capsys.readouterr().out == "   \033[32mok\033[0m it holds\n   ok it holds\n"


def test_failed_check_is_an_exit_code() -> None:
    run = run_once(python(), "-c", f"{begin()} day.Side.copies = lambda self, module: {{}}; {MAIN.format(once=True)}")

    assert run.returncode == 1
    assert "FAILED at step 4  The provider fetches the network: not so: all are equal on both sides" in run.stderr
    assert len(processes(run.stdout)) == 5
    assert [is_running(pid) for pid in processes(run.stdout)] == [False] * 5


def test_server_that_does_not_start_is_an_exit_code() -> None:
    run = run_once(python(), "-c", f"{begin()} servers.START_SECONDS = 0; {MAIN.format(once=True)}")

    assert run.returncode == 1
    assert re.search(r"FAILED at step 1 .*: The server at \S+ did not start", run.stderr)


def test_end_of_what_the_servers_wrote_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "CPO.log").write_text("".join(f"line {number}\n" for number in range(50)))
    (tmp_path / "Hub.log").write_text("")

    play.show_logs(tmp_path)

    shown = capsys.readouterr().err
    assert "The server of the CPO wrote:\n   line 30\n" in shown
    assert "line 49" in shown
    assert "line 29" not in shown
    assert "Hub" not in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_demo_goes_on_until_it_is_told_to_end(number: signal.Signals) -> None:
    short = f"play.play = lambda today: [getattr(day, step)(today) for step in {SHORT_DAY}];"
    command = [python(), "-c", f"{begin()} play.PAUSE_SECONDS = 0.1; {short} {MAIN.format(once=False)}"]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            output = "".join(takewhile(lambda line: "Cars come and go" not in line, process.stdout))
            url = re.findall(r"\(CPO\): (http://\S+/ocpi/docs/)", output)[0]
            with urllib.request.urlopen(url) as page:
                status = page.status
        finally:
            process.send_signal(number)
            rest, _ = process.communicate(timeout=LIMIT_SECONDS)

    assert status == 200
    assert "Ctrl-C ends the platforms" in output
    assert "Everybody goes home" in rest
    assert process.returncode == 128 + number
    assert [is_running(pid) for pid in processes(output)] == [False] * 5
