"""A CPO and an eMSP, each the example platform in a process of its own, and the commands that their staff types."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flask_ocpi import OCPI
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.sandbox import create_app
from flask_ocpi.versions import V2_2_1
from tests.servers import free_port
from tests.warm import python

ROOT = Path(__file__).parents[2]
SECONDS = 60
SPEED = 600  # a quarter of an hour in a second and a half
GRANIAN = "granian" if importlib.util.find_spec("granian") else "flask"
SERVERS = {
    "flask": ["-m", "flask", "--app", "flask_ocpi.testing.sandbox", "run"],
    "granian": ["-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--no-http1-keep-alive"],
}
TAIL = {"flask": [], "granian": ["flask_ocpi.testing.sandbox:create_app"]}

# It charges so slowly that no battery is full before the test is done with it.
SLOW = connector(power_type="AC_1_PHASE", max_amperage=6, tariff_ids=["TARIFF1"])
EVSES = [evse(uid=f"EVSE{number}", connectors=[SLOW]) for number in range(1, 6)]


@dataclass(frozen=True)
class Side:
    """A platform: the environment of its processes, and the same platform here, on the same database."""

    environment: dict[str, str]
    ocpi: OCPI

    def run(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a flask command, as its staff does."""
        return subprocess.run(
            [python(), "-m", "flask", "--app", "flask_ocpi.testing.sandbox", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def run_json(self, *arguments: str) -> Any:
        """Run a command that has to go well, with --json, and return what it prints."""
        run = self.run("ocpi", *arguments, "--json")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def copies(self, module: str) -> dict[str, dict[str, Any]]:
        return {document["id"]: document for document in self.ocpi.objects.documents(module, copies=True)}


def until(found: Callable[[], Any], what: str) -> Any:
    """Ask until there is something, and return it; fail after a while."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {SECONDS} s.")


@contextmanager
def side(folder: Path, name: str, party: tuple[str, str, list[str]], server: str) -> Iterator[Side]:
    """Serve the example platform on a free port."""
    port = free_port()
    settings: dict[str, Any] = {
        "SECRET_KEY": f"secret of {name}",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / name}.sqlite3",
        "SIMULATION_SPEED": SPEED,
        "OCPI_PARTIES": [party_settings(*party)],
        "OCPI_BASE_URL": f"http://127.0.0.1:{port}",
        "OCPI_CREATE_TABLES": True,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
        "OCPI_DOCS": False,
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLASK_")}
    environment = inherited | {f"FLASK_{key}": json.dumps(value) for key, value in settings.items()}
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python(), *SERVERS[server], "--port", str(port), *TAIL[server]],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/ocpi/versions"), name)
        assert process.poll() is None, log.read_text()
        ocpi = OCPI()
        app = create_app(settings, ocpi=ocpi)
        yield Side(environment, ocpi)
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """A CPO served by `flask run` and an eMSP by granian, if it is installed; registered with each other."""
    folder = tmp_path_factory.mktemp("platforms")
    with ExitStack() as stack:
        cpo = stack.enter_context(side(folder, "cpo", ("NL", "ABC", ["CPO"]), "flask"))
        emsp = stack.enter_context(side(folder, "emsp", ("DE", "EMS", ["EMSP", "SCSP"]), GRANIAN))
        invitation = cpo.run_json("invite", "--name", "Ems")
        emsp.run_json("register", invitation["versions_url"], invitation["token"], "--name", "Abc")
        own = {"locations": [location(evses=EVSES)], "tariffs": [tariff()]}
        assert cpo.run("ocpi", "import", "-", input=json.dumps(own)).returncode == 0
        tokens = {"tokens": [token(), token(uid="BLOCKED", valid=False)]}
        assert emsp.run("ocpi", "import", "-", input=json.dumps(tokens)).returncode == 0
        yield cpo, emsp


@pytest.fixture
def cpo(sides: tuple[Side, Side]) -> Side:
    return sides[0]


@pytest.fixture
def emsp(sides: tuple[Side, Side]) -> Side:
    return sides[1]


def start(emsp: Side, evse_uid: str, *options: str) -> str:
    """Start a session by a command; return its id."""
    before = set(emsp.copies("sessions"))
    started = emsp.run_json(
        "command", "START_SESSION", "--partner", "NL-ABC", "--token", token()["uid"], "--location", "LOC1",
        "--evse", evse_uid, *options,
    )  # fmt: skip
    assert started["result"] == {"result": "ACCEPTED"}
    found = until(lambda: set(emsp.copies("sessions")) - before, "the session")
    [session_id] = found
    return str(session_id)


@pytest.mark.conformance("CMD-06", "CMD-31", "SES-21")
def in_2_2_1(cdr: Any) -> Any:
    """Return a CDR without the names of its taxes, which came with OCPI 2.3.0."""
    conversion = V2_2_1.conversion(V2_2_1.operation("cdrs", "post_cdr").body)
    assert conversion is not None
    return conversion.from_store(cdr)


def test_a_session_is_started_charged_stopped_and_billed(cpo: Side, emsp: Side) -> None:
    session_id = start(emsp, "EVSE1", "--reference", "REF-1")
    charged = until(lambda: emsp.copies("sessions")[session_id].get("charging_periods"), "a charging period")
    active = emsp.copies("sessions")[session_id]
    stopped = emsp.run("ocpi", "command", "STOP_SESSION", "--partner", "NL-ABC", "--session", session_id)
    cdr = until(lambda: emsp.copies("cdrs").get(session_id), "the CDR")

    session = emsp.copies("sessions")[session_id]
    assert (active["status"], charged[0]["tariff_id"]) == ("ACTIVE", "TARIFF1")
    assert (stopped.returncode, stopped.stdout) == (0, "STOP_SESSION at Abc (abc): ACCEPTED\n")
    assert (session["status"], cdr["session_id"]) == ("COMPLETED", session_id)
    assert (cdr["authorization_reference"], cdr["total_cost"]) == ("REF-1", session["total_cost"])
    assert in_2_2_1(cdr) == in_2_2_1(cpo.ocpi.objects.get("cdrs", session_id))
    assert stopped.stderr == ""


def test_a_result_can_be_asked_for_later(emsp: Side) -> None:
    place = ["--location", "LOC1", "--evse", "EVSE2", "--connector", "1"]
    sent = emsp.run_json("command", "unlock_connector", "--partner", "NL-ABC", *place, "--no-wait")

    later = emsp.run("ocpi", "result", sent["id"])

    assert (sent["response"]["result"], later.returncode) == ("ACCEPTED", 0)
    assert later.stdout == "UNLOCK_CONNECTOR at Abc (abc): ACCEPTED\n"


def test_a_terminal_shows_a_countdown_and_then_the_result(emsp: Side) -> None:
    command = ["ocpi", "command", "RESERVE_NOW", "--partner", "NL-ABC", "--token", token()["uid"], "--location", "LOC1",
               "--evse", "EVSE3", "--reservation", "RES1", "--expiry", "1h"]  # fmt: skip
    reading, writing = pty.openpty()
    process = subprocess.Popen(
        [python(), "-m", "flask", "--app", "flask_ocpi.testing.sandbox", *command],
        cwd=ROOT, env=emsp.environment, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
    )  # fmt: skip
    os.close(writing)
    shown = b""
    with suppress(OSError):  # Linux says so at the end
        while data := os.read(reading, 1024):
            shown += data
    os.close(reading)

    *countdown, last = shown.decode().rstrip().split("\r")
    assert process.wait(SECONDS) == 0
    assert last == "RESERVE_NOW at Abc (abc): ACCEPTED"
    assert any(line.startswith("Waiting for the result of RESERVE_NOW at Abc (abc): ") for line in countdown)
    assert "\x1b" not in shown.decode()


@pytest.mark.conformance("CHP-08", "CHP-10")
def test_profiles_are_set_asked_for_and_cleared(emsp: Side) -> None:
    session_id = start(emsp, "EVSE4")
    to = ["--partner", "NL-ABC"]

    limited = emsp.run("ocpi", "profile", "set", session_id, *to, "--limit", "3", "--unit", "A")
    asked = emsp.run("ocpi", "profile", "get", session_id, *to, "--duration", "900")
    cleared = emsp.run_json("profile", "clear", session_id, *to)

    assert limited.stdout == "Setting the profile at Abc (abc): ACCEPTED\n"
    assert asked.stdout == "Asking for the profile at Abc (abc): ACCEPTED\n  from      0 s  3 A\n"
    assert (cleared["operation"], cleared["result"]) == ("clear_profile", {"result": "ACCEPTED"})


@pytest.mark.conformance("TOK-12")
def test_a_token_is_authorized_by_its_emsp(cpo: Side) -> None:
    allowed = cpo.run("ocpi", "authorize", token()["uid"], "--partner", "DE-EMS", "--location", "LOC1", "--ask")
    blocked = cpo.run("ocpi", "authorize", "BLOCKED", "--partner", "DE-EMS", "--ask", "--json")

    assert (allowed.returncode, allowed.stdout.splitlines()[0]) == (0, "ALLOWED: Ems (ems) says so")
    assert (blocked.returncode, json.loads(blocked.stdout)["info"]["allowed"]) == (1, "BLOCKED")
