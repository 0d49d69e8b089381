"""Python programs that start in hundredths of a second: forked from one that has imported us and served an app.

A command of ``flask ocpi`` takes four fifths of a second of the processor before it does anything. Where a test is
about what a program does, and not about how Python starts it, ``python()`` stands for ``sys.executable``: with ``-m``,
``-c`` or a file, in any folder and environment, by any shell. With OCPI_TEST_COLD in the environment it is
``sys.executable``.
"""

from __future__ import annotations

import importlib
import marshal
import os
import random
import runpy
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from tests.forking import warm_up

ROOT = Path(__file__).parents[1]
CLIENT = Path(__file__).with_name("warm_client.py")
#: Commands that are found in the folder of ``python()``, beside it.
COMMANDS = ("celery", "flask", "granian", "gunicorn", "pytest")
NAMES = ("flask.cli", "flask_ocpi.cli", "flask_ocpi.testing.sandbox.commands", "pytest")
_MOST_BYTES = 65536


@cache
def programs() -> Path:
    """Return the folder of ``python`` and of the commands; what forks them runs as long as this process."""
    real = Path(sys.executable).parent
    if os.environ.get("OCPI_TEST_COLD"):
        return real
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "tests.warm"]
    server = subprocess.Popen(command, cwd=ROOT, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    folder = server.stdout.readline().rstrip("\n")
    assert folder, "What forks programs did not start."
    _servers.append(server)
    return Path(folder)


_servers: list[subprocess.Popen[str]] = []  # whose input stays open until we end


def python() -> str:
    """Return the path of a program to use as ``sys.executable``."""
    return str(programs() / Path(sys.executable).name)


@dataclass(frozen=True)
class Asked:
    """What a program shall do: the arguments of Python, where, and whether it leads a session."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    leads: bool


class _Parent:
    """Forks a process for each connection, and says there how it has ended."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._children: dict[int, socket.socket] = {}
        self._ended, tell = socket.socketpair()
        self._tell = tell
        for end in (self._ended, tell):
            end.setblocking(False)
        signal.set_wakeup_fd(tell.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def fork(self) -> Asked | None:
        """Fork until our input ends: return what is asked for in each child, and None in the parent at its end."""
        with selectors.DefaultSelector() as selector:
            for each in (self._listening, self._ended, sys.stdin):
                selector.register(each, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if sys.stdin in ready:
                    for pid in self._children:
                        os.kill(pid, signal.SIGKILL)
                    return None
                if self._ended in ready:
                    self._ended.recv(_MOST_BYTES)
                    self._tell_ends(selector)
                for connection in ready:
                    if connection in self._children.values() and isinstance(connection, socket.socket):
                        self._hear(connection, selector)
                if self._listening in ready:
                    asked = self._start(selector)
                    if asked is not None:
                        return asked

    def _start(self, selector: selectors.BaseSelector) -> Asked | None:
        connection, _ = self._listening.accept()
        message, descriptors, _, _ = socket.recv_fds(connection, _MOST_BYTES, 3)
        length = 4 + int.from_bytes(message[:4], "big")
        while len(message) < length:
            message += connection.recv(_MOST_BYTES)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (self._listening, self._ended, self._tell, connection, *self._children.values()):
                each.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return Asked(*marshal.loads(message[4:]))  # noqa: S302 - our own client asks
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[pid] = connection
        connection.sendall(b"%d" % pid)
        selector.register(connection, selectors.EVENT_READ)
        return None

    def _hear(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        """Hear that signals are passed on from now on, or kill the child of who was killed."""
        if not connection.recv(1):
            selector.unregister(connection)
            pid = next(pid for pid, each in self._children.items() if each is connection)
            os.kill(pid, signal.SIGKILL)

    def _tell_ends(self, selector: selectors.BaseSelector) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._children.pop(pid) as connection:
                if connection in (key.fileobj for key in selector.get_map().values()):
                    selector.unregister(connection)
                    connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))


def _run(asked: Asked, paths: list[str]) -> None:
    """Be the program: what is left is to end as any does."""
    if asked.leads:
        os.setsid()
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.environment)
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.orig_argv[1:] = asked.arguments
    first, *arguments = asked.arguments
    if first == "-u":
        unbuffered = True
        first, *arguments = arguments
    sys.stdout.reconfigure(line_buffering=os.isatty(1), write_through=unbuffered)  # type: ignore[union-attr]
    random.seed()
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    own = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    importlib.invalidate_caches()
    if first == "-c":
        sys.argv = ["-c", *arguments[1:]]
        sys.path[:] = ["", *own, *paths]
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), module.__dict__)  # noqa: S102
    elif first == "-m":
        sys.argv = arguments
        sys.path[:] = [asked.folder, *own, *paths]
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *arguments]
        sys.path[:] = [str(Path(first).resolve().parent), *own, *paths]
        runpy.run_path(first, run_name="__main__")


def _write_programs(folder: Path, address: str) -> None:
    real = Path(sys.executable)
    client = [str(real), "-IS", str(CLIENT), address]
    for name, arguments in ((real.name, []), *((name, [str(real.with_name(name))]) for name in COMMANDS)):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join([*client, *arguments])} "$@"\n')
        program.chmod(0o755)


def main() -> None:
    """Fork programs until our input ends."""
    for name in NAMES:
        importlib.import_module(name)
    warm_up()
    paths = sys.path[1:]
    folder = Path(tempfile.mkdtemp(prefix="flask-ocpi-warm-"))
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(address)
        listening.listen()
        _write_programs(folder, address)
        sys.stdout.write(f"{folder}\n")
        sys.stdout.flush()
        asked = _Parent(listening).fork()
    if asked is None:
        shutil.rmtree(folder)
    else:
        _run(asked, paths)


if __name__ == "__main__":
    main()
