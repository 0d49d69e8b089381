"""The servers of the demo: each a process of its own on loopback, ended by its id whatever happens."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.client import AddressPolicy
from flask_ocpi.client import HTTPTransport
from flask_ocpi.testing.sandbox import app as platform
from flask_ocpi.testing.sandbox.demo.stage import Recorder
from flask_ocpi.testing.sandbox.serving import HOST
from flask_ocpi.testing.sandbox.serving import ServerFailedError

START_SECONDS = 60
STOP_SECONDS = 5
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Server:
    """A process that serves one platform."""

    process: subprocess.Popen[bytes]
    url: str


def create_app() -> Flask:
    """Make the app of a server: the example platform, which notes in the demo's journal what it sends."""
    transport = recorder(Path(os.environ["DEMO_JOURNAL"]), os.environ["DEMO_ROLE"])
    return platform.create_app(ocpi=OCPI(transport=transport))


def recorder(journal: Path, sender: str) -> Recorder:
    """Return a way to the platforms that is noted in the journal."""
    return Recorder(HTTPTransport(policy=AddressPolicy(allow_private=True)), journal, sender)


def program() -> str:
    """Name the server that is used: granian where it is installed, else the one that comes with Flask."""
    return "granian" if importlib.util.find_spec("granian") else "Werkzeug"


@contextmanager
def running(role: str, port: int, journal: Path, *, settings: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Start the server of one platform, and end it afterwards; ``settings`` are FLASK_* environment variables of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(port),
            env={**environment, **settings, "DEMO_ROLE": role, "DEMO_JOURNAL": str(journal)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the demo, which then ends its servers in order.
            start_new_session=True,
        )
    try:
        yield Server(process, f"http://{HOST}:{port}")
    finally:
        _stop(process)


def wait_until_ready(server: Server) -> None:
    """Wait until the server answers; raise ServerFailedError."""
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        if _answers(f"{server.url}/ocpi/versions"):
            return
        time.sleep(POLL_SECONDS)
    raise ServerFailedError(f"The server at {server.url} did not start.")


def _command(port: int) -> list[str]:
    factory = "flask_ocpi.testing.sandbox.demo.servers:create_app"
    if program() == "granian":
        # Connections that stay open would have to run out before the server ends.
        options = ["--interface", "wsgi", "--factory", "--blocking-threads", "4", "--no-ws", "--no-http1-keep-alive"]
        address = ["--host", HOST, "--port", str(port), "--log-level", "warning"]
        return [sys.executable, "-m", "granian", *options, *address, factory]
    return [sys.executable, "-m", "flask", "--app", factory, "run", "--host", HOST, "--port", str(port)]


def _answers(url: str) -> bool:
    """Tell whether an OCPI platform is there: it asks for a token."""
    try:
        with urllib.request.urlopen(url, timeout=STOP_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, wait, and kill what is left of it and of the workers it started."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    finally:
        # The process leads a group of its own, so this reaches nothing else.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
