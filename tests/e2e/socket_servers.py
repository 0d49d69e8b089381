"""The platform of socket_app behind the servers that people use."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

from flask_ocpi.partners.auth_tokens import authorization
from tests.e2e.socket_app import make_platform
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 120
NAMES = ("werkzeug", "granian", "gunicorn")
COMMANDS = {
    "granian": ["-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--blocking-threads"],
    "gunicorn": ["-m", "gunicorn", "--no-control-socket", "--threads"],
}


@dataclass
class Server:
    """A running server, and the token that opens it."""

    name: str
    port: int
    token: str

    def ask(self, method, path, *, body=None, headers=None):
        """Send a request byte for byte as given; return (status, headers, body) of the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            return self.ask_on(connection, method, path, body=body, headers=headers)

    def ask_on(self, connection, method, path, *, body=None, headers=None):
        sent = {"Authorization": authorization(self.token), **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Keep the requests out of the report."""


@contextmanager
def running(name: str, folder: Path, *, threads: int = 2, settings: dict[str, Any] | None = None) -> Iterator[Server]:
    """Run the platform, with other settings than usual, behind a server until the block ends."""
    if name == "werkzeug":
        with _in_process(settings or {}) as server:
            yield server
    else:
        with _as_process(name, folder, threads, settings or {}) as server:
            yield server


@contextmanager
def _in_process(settings: dict[str, Any]) -> Iterator[Server]:
    partner = make_platform(settings)
    server = make_server("127.0.0.1", 0, partner.app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Server("werkzeug", server.port, partner.token)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _as_process(name: str, folder: Path, threads: int, settings: dict[str, Any]) -> Iterator[Server]:
    """Start a server as a process; it ends with the block, and after two minutes whatever happens."""
    port = free_port()
    address = ["--port", str(port)] if name == "granian" else ["--bind", f"127.0.0.1:{port}"]
    file = folder / "token"
    command = ["timeout", "120", sys.executable, *COMMANDS[name], str(threads), *address, "tests.e2e.socket_app:app"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TOKEN_FILE": str(file), "SETTINGS": json.dumps(settings)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield Server(name, port, file.read_text())
    finally:
        process.terminate()
        try:
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody answers on the port; it is a failure when the process ends before."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
                connection.request("GET", "/ocpi")
                connection.getresponse().read()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    raise RuntimeError(f"No server came up on port {port}.")
