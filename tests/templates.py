"""Processes that start in milliseconds: each is forked from one that has imported what it needs, and does nothing else.

A fresh Python takes a second of the processor to import us and SQLAlchemy. What is forked has connections, threads and
random numbers of its own, and ends as any program does.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.forking import warm_up

ROOT = Path(__file__).parents[1]
#: What is not over after so many seconds is taken for hung, and killed.
SECONDS = 120
_MOST_BYTES = 65536


class Template:
    """A process that has imported a module and calls its ``main()`` in a fork of itself, as often as it is asked to.

    Warnings are errors in it.
    """

    def __init__(self, module: str) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-W", "error", "-m", "tests.templates", str(theirs.fileno()), module]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def start(self, *arguments: str) -> Forked:
        """Fork; ``arguments`` are those of ``sys.argv`` after the first."""
        (to_read, stdin), (stdout, to_write), (stderr, to_complain) = os.pipe(), os.pipe(), os.pipe()
        theirs = [to_read, to_write, to_complain]
        socket.send_fds(self._socket, [json.dumps(arguments).encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        return Forked(self, self._answer(), stdin, stdout, stderr)

    def wait(self, pid: int) -> int:
        """Return how a process has ended, as ``Popen.returncode`` has it. Call it once for each process."""
        self._socket.send(json.dumps(pid).encode())
        return self._answer()

    def _answer(self) -> int:
        answer = self._socket.recv(_MOST_BYTES)
        assert answer, "The template has ended."
        return int(answer)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(SECONDS)


class Forked:
    """One of the processes, with what ``subprocess.Popen`` has for text on pipes; leaving its block kills it."""

    def __init__(self, template: Template, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = os.fdopen(stdin, "w"), os.fdopen(stdout), os.fdopen(stderr)
        self.returncode: int | None = None
        self._template = template

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self.wait()
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self.stderr.close()

    def kill(self) -> None:
        if self.returncode is None:  # until then its number is nobody else's
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        if self.returncode is None:
            with _watched(self.pid):
                self.returncode = self._template.wait(self.pid)
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Read what it says and complains of until its end; say no more to it."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        with _watched(self.pid):
            output = self.stdout.read()
        self.wait()
        return output, self.stderr.read()


@contextmanager
def _watched(pid: int) -> Iterator[None]:
    """Kill a process when the block takes too long."""
    watchdog = threading.Timer(SECONDS, os.kill, (pid, signal.SIGKILL))
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _forked(requests: socket.socket) -> list[str] | None:
    """Fork as we are asked to: return the arguments in each child, and None in the template at its end."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _MOST_BYTES, 3)
        if not message:
            return None
        asked: Any = json.loads(message)
        if isinstance(asked, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                for number, descriptor in enumerate(descriptors):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                random.seed()
                return [str(argument) for argument in asked]
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(str(answer).encode())


def main() -> None:
    number, name = sys.argv[1:]
    warm_up()
    module = importlib.import_module(name)
    with socket.socket(fileno=int(number)) as requests:
        arguments = _forked(requests)
    if arguments is not None:
        sys.argv = [name, *arguments]
        module.main()


if __name__ == "__main__":
    main()
