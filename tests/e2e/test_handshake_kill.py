"""Two platforms in processes of their own, one of them killed at each step of the handshake."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port

SECONDS = 120
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.conformance("CRED-12", "CRED-14", "CRED-31", "CLI-01", "CLI-03", "CLI-04")

QUERIES = {
    "platforms": "SELECT document FROM ocpi_platforms ORDER BY 1",
    "platform_parties": "SELECT document FROM ocpi_platform_parties WHERE country_code <> '' ORDER BY 1",
    "credential_tokens": "SELECT document FROM ocpi_credential_tokens ORDER BY 1",
}
STEPS = {1: "GET versions", 2: "GET details", 3: "POST or PUT"}
CALL_BACKS = {1: "GET versions", 2: "GET details"}


class Launcher:
    """Starts platforms, each in a process of its own, quickly."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.platform_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, settings: dict[str, Any]) -> int:
        """Start a platform and return its process id as soon as it listens."""
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        return int(self.lines.get(timeout=SECONDS))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=SECONDS)
        self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)


class Platform:
    """One of the two platforms: its process, its SQLite file, and what it can be told to do."""

    def __init__(self, launcher: Launcher, folder: Path, party: str) -> None:
        self.launcher = launcher
        self.folder = folder
        folder.mkdir()
        self.settings = {"folder": str(folder), "party": party, "port": free_port()}
        self.party = f"NL-{party}"
        self.pid = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['port']}"

    @property
    def versions_url(self) -> str:
        return f"{self.url}/ocpi/versions"

    def start(self) -> None:
        self.stop()
        self.pid = self.launcher.start(self.settings)

    def arm(self, kill: str) -> None:
        """Have the platform kill itself at a request from now on: "serve 3 before", "send 3 after" ..."""
        assert self.do("arm", [kill]) == (200, {"armed": None})

    def stop(self) -> None:
        if self.pid and self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            self.wait_until_killed()
        self.pid = 0

    def is_running(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait_until_killed(self) -> None:
        deadline = time.monotonic() + SECONDS
        while self.is_running():
            assert time.monotonic() < deadline, "The platform was not killed: the step was never reached."
            time.sleep(0.005)

    def do(self, name: str, arguments: Any) -> tuple[int, Any]:
        """Tell the platform what to do; (0, reason) when it was killed meanwhile."""
        request = urllib.request.Request(
            f"{self.url}/do/{name}", json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError) as error:
            return 0, str(error)

    def wait_until_endpoints_are_fetched(self) -> None:
        """Wait for what a platform does by itself once a partner has used its new token."""
        deadline = time.monotonic() + SECONDS
        while any(json.loads(text)["endpoints_due"] is not None for text in self.rows()["platforms"]):
            assert time.monotonic() < deadline, "The endpoints were never fetched again."
            time.sleep(0.005)

    def rows(self) -> dict[str, list[str]]:
        """Return the documents that are stored, by table."""
        with closing(sqlite3.connect(f"file:{self.folder / 'ocpi.sqlite3'}?mode=ro", uri=True)) as connection:
            return {name: [text for (text,) in connection.execute(query)] for name, query in QUERIES.items()}

    def dump(self) -> dict[str, Any]:
        """Return what is stored: platforms without the time of their last change, the parties, the tokens."""
        rows = self.rows()
        platforms = [json.loads(text) for text in rows["platforms"]]
        for platform in platforms:
            platform.pop("last_updated")
            for name in ("endpoints_due", "endpoints_tries"):
                platform.pop(name, None)
        return {**rows, "platforms": platforms}


def settled(dumped: dict[str, Any]) -> dict[str, Any]:
    """Leave out what waits for the end of a handshake: tokens and platforms that are PENDING."""
    platforms = [platform for platform in dumped["platforms"] if platform["state"] != "PENDING"]
    for platform in platforms:
        platform["issued"] = [token for token in platform["issued"] if token["use"] != "PENDING"]
    return {"platforms": platforms, "platform_parties": dumped["platform_parties"]}


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def client(launcher, tmp_path):
    platform = Platform(launcher, tmp_path / "client", "CLI")
    platform.start()
    yield platform
    platform.stop()


@pytest.fixture
def server(launcher, tmp_path):
    platform = Platform(launcher, tmp_path / "server", "SRV")
    platform.start()
    yield platform
    platform.stop()


def connect(client, server):
    _, invited = server.do("invite", {"name": "Client"})
    assert client.do("register", [server.versions_url, invited["token"]]) == (200, {"state": "REGISTERED"})
    server.wait_until_endpoints_are_fetched()


def assert_both_directions_work(client, server):
    assert client.do("pull", [server.party]) == (200, {"pulled": 0})
    assert server.do("pull", [client.party]) == (200, {"pulled": 0})


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=STEPS.values())
def test_server_killed_while_a_client_registers(client, server, step, moment):
    _, invited = server.do("invite", {"name": "Client"})
    arguments = [server.versions_url, invited["token"]]
    before = client.dump(), server.dump()
    server.arm(f"serve {step} {moment}")

    status, _ = client.do("register", arguments)

    server.wait_until_killed()
    assert status == 409
    assert client.dump() == before[0]
    if (step, moment) != (3, "after"):  # it was registered, and killed before it could say so
        assert server.dump() == before[1]
    server.start()
    assert client.do("register", arguments) == (200, {"state": "REGISTERED"})
    assert_both_directions_work(client, server)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=STEPS.values())
def test_server_killed_while_a_client_renews(client, server, step, moment):
    connect(client, server)
    before = client.dump(), server.dump()
    server.arm(f"serve {step} {moment}")

    status, _ = client.do("rotate", [server.party])

    server.wait_until_killed()
    assert status == 409
    assert settled(client.dump()) == settled(before[0])
    if (step, moment) != (3, "after"):
        assert server.dump() == before[1]
    server.start()
    assert_both_directions_work(client, server)
    assert client.do("rotate", [server.party]) == (200, {"state": "REGISTERED"})
    assert_both_directions_work(client, server)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_server_killed_while_a_client_unregisters(client, server, moment):
    connect(client, server)
    before = client.dump(), server.dump()
    server.arm(f"serve 1 {moment}")

    status, _ = client.do("unregister", [server.party])

    server.wait_until_killed()
    assert status == 409
    assert client.dump() == before[0]
    if moment == "before":
        assert server.dump() == before[1]
    server.start()
    assert client.do("unregister", [server.party]) == (200, {"state": "UNREGISTERED"})
    assert [platform["state"] for platform in server.dump()["platforms"]] == ["UNREGISTERED"]


# Served steps are the server's call backs; what is sent are GET versions, GET details, then POST or PUT.
KILLED_CLIENTS = [
    *(
        (f"serve {step} {moment}", f"call back {name} {moment}")
        for step, name in CALL_BACKS.items()
        for moment in ("before", "after")
    ),
    ("send 3 before", "request not sent"),
    ("send 3 after", "answer not stored"),
]
EVERY_KILLED_CLIENT = pytest.mark.parametrize(
    "kill", [kill for kill, _ in KILLED_CLIENTS], ids=[name for _, name in KILLED_CLIENTS]
)


@EVERY_KILLED_CLIENT
def test_client_killed_while_it_registers(client, server, kill):
    _, invited = server.do("invite", {"name": "Client"})
    arguments = [server.versions_url, invited["token"]]
    before = client.dump(), server.dump()
    client.arm(kill)

    status, _ = client.do("register", arguments)

    client.wait_until_killed()
    assert status == 0
    assert settled(client.dump()) == settled(before[0])
    if kill != "send 3 after":
        assert server.dump() == before[1]
    client.start()
    assert client.do("register", arguments) == (200, {"state": "REGISTERED"})
    assert len(client.dump()["platforms"]) == len(server.dump()["platforms"]) == 1
    assert_both_directions_work(client, server)


@EVERY_KILLED_CLIENT
def test_client_killed_while_it_renews(client, server, kill):
    connect(client, server)
    before = client.dump(), server.dump()
    client.arm(kill)

    status, _ = client.do("rotate", [server.party])

    client.wait_until_killed()
    assert status == 0
    assert settled(client.dump()) == settled(before[0])
    if kill != "send 3 after":
        assert server.dump() == before[1]
    client.start()
    assert_both_directions_work(client, server)
    assert client.do("rotate", [server.party]) == (200, {"state": "REGISTERED"})
    assert_both_directions_work(client, server)


@pytest.mark.parametrize("kill", ["send 1 before", "send 1 after"], ids=["request not sent", "answer not stored"])
def test_client_killed_while_it_unregisters(client, server, kill):
    connect(client, server)
    before = client.dump(), server.dump()
    client.arm(kill)

    status, _ = client.do("unregister", [server.party])

    client.wait_until_killed()
    assert status == 0
    assert client.dump() == before[0]
    if kill == "send 1 before":
        assert server.dump() == before[1]
    client.start()
    assert client.do("unregister", [server.party]) == (200, {"state": "UNREGISTERED"})
    assert [platform["state"] for platform in server.dump()["platforms"]] == ["UNREGISTERED"]
