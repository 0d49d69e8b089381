"""Who is compared: how each is set up, started on 127.0.0.1, and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import orjson
import requests
from cryptography.fernet import Fernet

from benchmarks.http import documents
from flask_ocpi.partners.auth_tokens import authorization
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".bench"
OURS = "Flask-OCPI"
PEER = "peer"
BARE = "bare Flask"
START_SECONDS = 60
STOP_SECONDS = 20
PEERS = {
    "extrawest-ocpi": "authenticates against a list of tokens in memory; stores nothing by itself",
    "py-ocpi": "does not authenticate at all; stores nothing by itself",
}


@dataclass
class Contestant:
    """A server that runs, and how it is addressed.

    sender, receiver, tokens, commands: where its interfaces are. slash: what the URL of a list ends with.
    workers: its processes. locations: how many of our own it holds.
    """

    name: str
    kind: str
    url: str
    token: str
    workers: int = 1
    locations: int = 0
    sender: str = "/ocpi/2.2.1/sender"
    receiver: str = "/ocpi/2.2.1/receiver"
    tokens: str = "/ocpi/2.2.1/sender"
    commands: str = "/ocpi/2.2.1/receiver"
    slash: str = ""
    note: str = ""

    def headers(self, *, wrong_token: bool = False) -> dict[str, str]:
        """Return the headers that a partner sends with every request."""
        return {
            "Authorization": authorization("wrong" if wrong_token else self.token),
            "Content-Type": "application/json",
            "X-Request-ID": "5f0b8a3e-6d2c-4b57-9f1c-3d6a2f0e9b11",
            "X-Correlation-ID": "0c9d7c1e-8a35-4a4e-b6ad-6e2b1f7c5d22",
            "OCPI-to-country-code": "NL",
            "OCPI-to-party-id": "ABC",
            "OCPI-from-country-code": "DE",
            "OCPI-from-party-id": "CPO",
        }


@dataclass
class Setting:
    """Where the contestants live during a run. pinned: 1-worker servers have the first processor for themselves."""

    folder: Path
    locations: int
    pinned: bool
    list_bytes: int = 70_000
    notes: list[str] = field(default_factory=list)


def python_of(peer: str) -> Path:
    return ENVIRONMENTS / peer / "bin" / "python"


def version_of(peer: str) -> str:
    """Return which version of a peer is in its environment."""
    script = f"import importlib.metadata; print(importlib.metadata.version({peer!r}))"
    found = subprocess.run([str(python_of(peer)), "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


@contextmanager
def ours(
    setting: Setting, name: str, database: str, server: Sequence[str], *, workers: int = 1
) -> Iterator[Contestant]:
    """Run Flask-OCPI on a database, which is filled first, with a server's command line; ``{port}`` is filled in."""
    folder = setting.folder / name.replace(" ", "-")
    folder.mkdir()
    environment = {
        "BENCH_FOLDER": str(folder),
        "BENCH_DATABASE": database or f"sqlite:///{folder / 'ocpi.sqlite3'}",
        "BENCH_KEY": Fernet.generate_key().decode(),
    }
    filled = subprocess.run(
        [sys.executable, "-m", "benchmarks.http.app", str(setting.locations)],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    token = filled.stdout.split()[-1]
    with _running(setting, name, server, environment, cwd=ROOT, pinned=workers == 1) as url:
        yield Contestant(name, OURS, url, token, workers=workers, locations=setting.locations)


@contextmanager
def bare(setting: Setting, server: Sequence[str]) -> Iterator[Contestant]:
    """Run the app that returns constant bytes."""
    environment = {"BENCH_LIST_BYTES": str(setting.list_bytes)}
    with _running(setting, BARE, server, environment, cwd=ROOT, pinned=True) as url:
        yield Contestant(BARE, BARE, url, "any", locations=setting.locations)


@contextmanager
def peer(setting: Setting, name: str) -> Iterator[Contestant]:
    """Run a peer, with the same objects as ours."""
    folder = setting.folder / name
    folder.mkdir()
    token = "token-of-the-partner"
    environment = {"BENCH_FILE": str(folder / "ocpi.sqlite3"), "BENCH_TOKEN": token}
    objects = folder / "objects.jsonl"
    with objects.open("wb") as lines:
        for number in range(setting.locations):
            document = documents.own_location(number, setting.locations)
            lines.write(orjson.dumps(["locations", "CPO", document["id"], document]) + b"\n")
        for number in range(documents.IDS):
            document = documents.own_token(number)
            lines.write(orjson.dumps(["tokens", "EMSP", document["uid"], document]) + b"\n")
    where = ROOT / "benchmarks" / "peers"
    python = str(python_of(name))
    subprocess.run([python, "app.py", str(objects)], env={**os.environ, **environment}, cwd=where, check=True)
    server = (python, "-m", "uvicorn", "--port", "{port}", "--log-level", "error", "--no-access-log", "app:app")
    with _running(setting, name, server, environment, cwd=where, pinned=True) as url:
        yield Contestant(
            name,
            PEER,
            url,
            token,
            locations=setting.locations,
            sender="/ocpi/cpo/2.2.1",
            receiver="/ocpi/emsp/2.2.1",
            tokens="/ocpi/emsp/2.2.1",
            commands="/ocpi/cpo/2.2.1",
            slash="/",
            note=PEERS[name],
        )


@contextmanager
def _running(
    setting: Setting, name: str, server: Sequence[str], environment: Mapping[str, str], *, cwd: Path, pinned: bool
) -> Iterator[str]:
    port = str(free_port())
    command = [part.replace("{port}", port) for part in server]
    if pinned and setting.pinned:
        command = ["taskset", "-c", "0", *command]
    log = setting.folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=cwd, stdout=output, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            requests.get(f"{url}/none", timeout=START_SECONDS)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"The server at {url} did not start: {log.read_text(errors='replace')[-2000:]}")


def can_pin() -> bool:
    """Tell whether servers and load can have a processor each."""
    return shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1
