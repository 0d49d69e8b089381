"""A warm program does what a cold one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.warm import programs
from tests.warm import python

LOOK = (
    "import os, sys\n"
    "print(sys.argv[1:], os.getcwd(), os.environ.get('COLOUR'), sys.path[0], __name__)\n"
    "print('complaint', file=sys.stderr)\n"
    "print(input())\n"
    "sys.exit(int(sys.argv[1]))\n"
)


def run(program: str, folder: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {**os.environ, "COLOUR": "green"}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment,
        input="said",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("how", [["-c", LOOK], ["-m", "look"], ["look.py"]], ids=lambda how: how[0])
@pytest.mark.parametrize("code", ["0", "3"])
def test_arguments_folder_environment_and_exit_code_are_those_of_any_program(
    tmp_path: Path, how: list[str], code: str
) -> None:
    (tmp_path / "look.py").write_text(LOOK)

    warm = run(python(), tmp_path, *how, code, "two words")

    assert warm == run(sys.executable, tmp_path, *how, code, "two words")
    assert (warm[0], warm[1].splitlines()[1], warm[2]) == (int(code), "said", "complaint\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_it(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(int(sys.argv[1]), lambda number, frame: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([python(), "-c", code, str(int(number))], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)

        assert process.wait(60) == 7


def test_it_ends_by_the_signal_that_ends_the_program() -> None:
    killed = subprocess.run([python(), "-c", "import os; os.kill(os.getpid(), 15)"], timeout=60, check=False)

    assert killed.returncode == -signal.SIGTERM


def test_who_kills_it_kills_the_program() -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with subprocess.Popen([python(), "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not Path(f"/proc/{pid}").exists()


def test_commands_are_beside_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}"}

    shown = subprocess.run(
        ["bash", "-c", "flask --version | wc -l"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(shown.stdout) == 3
