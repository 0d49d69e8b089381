"""Platforms in processes of their own: how they are served, started, told what to do, and ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from tests.forking import warm_up
from tests.servers import free_port

SECONDS = 120
ROOT = Path(__file__).parents[2]


def launch(create_app: Callable[[dict[str, Any]], Flask]) -> None:
    """Read one JSON object of settings a line and serve an app for each, by forking: everything is imported by then.

    Ends, with all apps, when its input does. The settings have the ``port``.
    """
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the apps
    for line in sys.stdin:
        if os.fork() == 0:
            sys.stdin.close()
            _serve(create_app, json.loads(line))


def _serve(create_app: Callable[[dict[str, Any]], Flask], settings: dict[str, Any]) -> None:
    """Serve an app until it is killed; its parent going away ends it as well."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    server = make_server("127.0.0.1", settings["port"], create_app(settings), threaded=True)
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    server.serve_forever()


class Launcher:
    """Starts apps, each in a process of its own, quickly: ``module`` calls :func:`launch` when it is run."""

    def __init__(self, module: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, settings: dict[str, Any]) -> int:
        """Start an app and return its process id as soon as it listens."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        return int(self.lines.get(timeout=3 * SECONDS))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)


class Running:
    """An app in a process of its own, with a route POST /do/<name> by which it is told what to do."""

    def __init__(self, launcher: Launcher, **settings: Any) -> None:
        self.launcher = launcher
        self.settings = {"port": free_port(), **settings}
        self.pid = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['port']}"

    def start(self, **settings: Any) -> None:
        """Start it, with other settings this once; what was running is killed before."""
        self.kill()
        self.pid = self.launcher.start({**self.settings, **settings})

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
        self.wait_until_ended()

    def wait_until_ended(self) -> None:
        until(lambda: not self.is_running(), "The process did not end.")

    def is_running(self) -> bool:
        if not self.pid:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def do(self, name: str, **arguments: Any) -> Any:
        """Tell it what to do and return what came of it; RuntimeError with its words when that went wrong."""
        request = urllib.request.Request(
            f"{self.url}/do/{name}", json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=3 * SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(error.read().decode()) from None


def until(condition: Callable[[], Any], complaint: str) -> Any:
    """Ask again and again until the answer is true, and return it; a failure when that takes too long."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)
    return found
