"""Type a tutorial of the documentation in, as a reader would, and compare what is printed with the page.

    python -m scripts.run_tutorial docs/tutorial-cpo.md                   # with this checkout
    python -m scripts.run_tutorial docs/tutorial-cpo.md --wheel dist/*.whl  # with a wheel, in a new virtual environment

It works in an empty temporary folder, on 127.0.0.1, and ends what it started. What a page may have:

``console``
    Commands behind ``$``, each with what it prints. They are typed into the terminal that the paragraph before names,
    as in "In the second terminal:", or else into the first. A command of the first terminal ends, with exit code 0
    unless the paragraph names another ("exit code 1"); one of another terminal goes on until a paragraph has "Press
    Ctrl-C in the second terminal".
``text``
    Lines that the terminal of the paragraph before prints in addition.
``json``
    What the last link to the own machine in the paragraph before answers: ``<http://127.0.0.1:5000/charges>``. Each
    such link has to answer with HTTP 200.
``diff``
    A change of a file, which the first line names: ``--- charging.py``.
``python``
    A part of a file that is there by then.

What is printed is compared line by line. ``...`` stands for any lines. Tokens, ids, dates, times, durations, numbers of
messages and TCP ports differ from run to run: ``VARIABLE`` in `scripts.tutorial_page` says which texts are taken for
these. A token, an id or a port of the page is remembered with the real one, and replaced in later commands and links.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from types import TracebackType

from scripts.tutorial_page import Step
from scripts.tutorial_page import commands_of
from scripts.tutorial_page import compare
from scripts.tutorial_page import steps_of

ROOT = Path(__file__).parent.parent
#: How long a command may take, or what a terminal prints may be waited for.
SECONDS = 120
ORDINALS = ("first", "second", "third", "fourth")

#: What an app that is served notes is written soon after, and read until it is there.
_READING = tuple(f"flask ocpi {name}" for name in ("story", "journal", "findings", "find", "cdrs"))
_SETTING_UP = ("python -m venv", ". .venv", "pip install")
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_LINK = re.compile(r"<(http://127\.0\.0\.1:\d+[^>]*)>")


class Differs(AssertionError):
    """The page says something else than what happened."""


@dataclass
class Running:
    """A command that goes on, and what it has printed so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(_COLOUR.sub("", line.rstrip("\n")))

    def end(self) -> None:
        """Press Ctrl-C; what does not end by that is killed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
                break
        self.thread.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Reader:
    """Who types a page in: a folder, terminals, and what is known of tokens, ids and ports."""

    def __init__(
        self,
        folder: Path,
        *,
        wheel: Path | None = None,
        programs: Path = Path(sys.executable).parent,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.wheel = wheel
        self.say = say
        self.folders = dict.fromkeys(ORDINALS, folder)
        self.running: dict[str, Running] = {}
        port = _free_port()
        self.known = {"5000": str(port)}
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "PYTEST_", "PYTHON"))
        }
        found = folder / ".venv" / "bin" if wheel else programs
        self.environment = {
            **own,
            "PATH": f"{found}{os.pathsep}{own['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
            "FLASK_RUN_PORT": str(port),
            "FLASK_OCPI_BASE_URL": f"http://127.0.0.1:{port}",
            **({} if wheel else {"PYTHONPATH": str(ROOT)}),
        }

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for running in self.running.values():
            running.end()

    def read(self, page: str) -> None:
        """Do what a page says. Raises Differs, with the line, where something else happens."""
        for step in steps_of(page):
            work = getattr(self, f"_{step.language or 'prose'}", None)
            if work is None:
                continue
            try:
                work(step)
            except Differs as error:
                raise Differs(f"line {step.line}: {error}") from None

    def _prose(self, step: Step) -> None:
        ended = re.search(r"Ctrl-C in the (\w+)\s+terminal", step.text)
        if ended:
            self.running.pop(ended[1]).end()
        for link in _LINK.findall(step.text):
            self._open(link)

    def _console(self, step: Step) -> None:
        terminal = _terminal_of(step.before)
        code = re.search(r"exit code (?:is )?(\d+)", step.before)
        for command, expected in commands_of(step.text):
            real = self._real(command)
            self.say(f"{terminal}$ {real}")
            if real.startswith(_SETTING_UP):
                self._set_up(real)
            elif real.startswith("cd "):
                self.folders[terminal] = (self.folders[terminal] / real.removeprefix("cd ").strip()).resolve()
            elif terminal == ORDINALS[0]:
                self._run(real, expected, code=int(code[1]) if code else 0)
            else:
                self._start(terminal, real)
                self._wait(terminal, expected)

    def _text(self, step: Step) -> None:
        self._wait(_terminal_of(step.before), step.text.splitlines())

    def _json(self, step: Step) -> None:
        link = _LINK.findall(step.before)[-1]
        deadline = time.monotonic() + SECONDS
        expected = json.dumps(json.loads(step.text), indent=1).splitlines()
        while True:
            answer = json.dumps(json.loads(self._open(link)), indent=1).splitlines()
            found = compare(expected, answer, whole=True)
            if found:
                self.known |= found[0]
                return
            if time.monotonic() > deadline:
                raise Differs(_both(expected, answer))
            time.sleep(0.5)

    def _diff(self, step: Step) -> None:
        head, *lines = step.text.splitlines()
        path = self.folders[ORDINALS[0]] / head.removeprefix("--- ").strip()
        old = "\n".join(line[1:] for line in lines if line[:1] in (" ", "-"))
        new = "\n".join(line[1:] for line in lines if line[:1] in (" ", "+"))
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise Differs(f"{path.name} has not once:\n{old}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def _python(self, step: Step) -> None:
        files = [path.read_text(encoding="utf-8") for path in self.folders[ORDINALS[0]].rglob("*.py")]
        if not any(step.text.strip() in text for text in files):
            raise Differs(f"No file has:\n{step.text}")

    def _real(self, text: str) -> str:
        """Put the real tokens, ids and ports into a command or link of the page, all at once."""
        if not self.known:
            return text
        said = sorted(self.known, key=len, reverse=True)
        pattern = "|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in said)
        return re.sub(pattern, lambda found: self.known[found[0]], text)

    def _run(self, command: str, expected: list[str], *, code: int) -> None:
        deadline = time.monotonic() + (SECONDS if command.startswith(_READING) else 0)
        while True:
            run = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folders[ORDINALS[0]],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            printed = run.stdout.splitlines()
            found = compare(expected, printed, whole=True)
            if found or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for line in printed:
            self.say(line)
        if found is None:
            raise Differs(f"{command}\n{_both(expected, printed)}")
        if run.returncode != code:
            raise Differs(f"{command}\nended with exit code {run.returncode}, not {code}.")
        self.known |= found[0]

    def _start(self, terminal: str, command: str) -> None:
        if terminal in self.running:
            raise Differs(f"The {terminal} terminal is busy.")
        process = subprocess.Popen(
            shlex.split(command),
            cwd=self.folders[terminal],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running[terminal] = Running(process)

    def _wait(self, terminal: str, expected: list[str]) -> None:
        """Wait until a terminal has printed some lines."""
        running = self.running[terminal]
        deadline = time.monotonic() + SECONDS
        while True:
            printed = running.lines[running.read :]
            found = compare(expected, printed, whole=False)
            if found:
                self.known |= found[0]
                running.read += found[1]
                for line in printed[: found[1]]:
                    self.say(f"{terminal}| {line}")
                return
            if time.monotonic() > deadline or (running.process.poll() is not None and not running.thread.is_alive()):
                raise Differs(f"In the {terminal} terminal:\n{_both(expected, printed)}")
            time.sleep(0.1)

    def _open(self, link: str) -> str:
        real = self._real(link)
        self.say(f"GET {real}")
        try:
            with urllib.request.urlopen(real, timeout=SECONDS) as response:  # noqa: S310 - the pattern has http only
                return str(response.read().decode())
        except OSError as error:
            raise Differs(f"{link}: {error}") from None

    def _set_up(self, command: str) -> None:
        """Make the virtual environment of the page, with the wheel; a checkout has one."""
        if self.wheel and command.startswith("pip"):
            packages = [str(self.wheel.resolve()) if word == "Flask-OCPI" else word for word in command.split()[2:]]
            self._run(shlex.join(["pip", "install", "--quiet", "--retries", "10", *packages]), ["..."], code=0)
        elif self.wheel and command.startswith("python"):
            venv.create(self.folders[ORDINALS[0]] / ".venv", with_pip=True)


def _terminal_of(paragraph: str) -> str:
    """Return the terminal that a paragraph is about: the last one that it names, or the first one."""
    named = re.findall(rf"\b({'|'.join(ORDINALS)})\s+terminal", paragraph)
    return named[-1] if named else ORDINALS[0]


def _both(expected: Sequence[str], printed: Sequence[str]) -> str:
    return "\n".join(["The page says:", *expected, "", "It printed:", *printed])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run the commands of tutorials, and compare what they print.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--wheel", type=Path, help="Install this wheel, instead of running the checkout.")
    parser.add_argument("--quiet", action="store_true", help="Do not show what is typed and printed.")
    options = parser.parse_args(arguments)
    for page in options.pages:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="flask-ocpi-tutorial-") as folder:
            say = (lambda line: None) if options.quiet else print
            with Reader(Path(folder), wheel=options.wheel, say=say) as reader:
                try:
                    reader.read(page.read_text(encoding="utf-8"))
                except Differs as error:
                    sys.exit(f"{page}, {error}")
        print(f"{page}: as printed, in {time.monotonic() - begin:.0f} s.")


if __name__ == "__main__":
    main()
