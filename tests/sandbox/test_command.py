"""The command that runs a simulated partner, in processes of their own and with no app at hand."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from flask_ocpi.cli.new import new
from flask_ocpi.testing.sandbox.commands import sandbox as command
from flask_ocpi.testing.sandbox.faults import FAULTS
from flask_ocpi.testing.sandbox.running import Options
from flask_ocpi.testing.sandbox.running import open_partner
from flask_ocpi.testing.sandbox.serving import is_loopback
from flask_ocpi.testing.sandbox.serving import url_of
from tests.closing import close
from tests.servers import free_port
from tests.warm import python

ROOT = Path(__file__).parents[2]
SECONDS = 60


def environment() -> dict[str, str]:
    """What a user has who has no app; what is set for one must not matter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return {**own, "PYTHONPATH": str(ROOT), "FLASK_OCPI_PARTIES": "[]", "FLASK_SQLALCHEMY_DATABASE_URI": "nonsense"}


@contextmanager
def sandbox(
    folder: Path, name: str, *options: str, number: int = signal.SIGTERM
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the command, until it gets a signal; yield its process and what it prints."""
    output = folder / f"{name}.txt"
    arguments = [python(), "-u", "-m", "flask", "ocpi", "sandbox", "--port", "0", *options]
    with output.open("wb") as file:
        process = subprocess.Popen(
            arguments, cwd=folder, env=environment(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process, output
    finally:
        process.send_signal(number)
        try:
            process.wait(SECONDS)
        finally:
            process.kill()


def until(output: Path, pattern: str) -> re.Match[str]:
    """Wait until the command has printed something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, output.read_text(), re.MULTILINE)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(output.read_text())


def test_a_provider_registers_with_an_operator_and_gets_a_cdr(tmp_path: Path) -> None:
    with sandbox(tmp_path, "cpo", "--speed", "3600") as (cpo, said_by_cpo):
        url = until(said_by_cpo, r"^Versions URL  (\S+)$")[1]
        token = until(said_by_cpo, r"^Token         (\S+)$")[1]

        with sandbox(tmp_path, "emsp", "--role", "emsp", "--register", url, token) as (emsp, said_by_emsp):
            until(said_by_emsp, r"^Registered with Sandbox Charging, over OCPI 2\.3\.0\.$")
            until(said_by_emsp, r"< POST   2\.3\.0/receiver/cdrs +201 1000")
        until(said_by_cpo, r"Sandbox Mobility \(DE-SBX\) is registered, over OCPI 2\.3\.0\.\n +For another partner:")

    assert (cpo.returncode, emsp.returncode) == (0, 0)
    assert token not in said_by_emsp.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpo.txt", "emsp.txt"]


def test_a_named_folder_keeps_what_happened(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    said = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with sandbox(tmp_path, "cpo", "--folder", str(folder), "--party", "NL-ABC", number=number) as (cpo, output):
            until(output, r"^Token ")
        assert cpo.returncode == 0
        said.append(output.read_text().splitlines()[0])

    assert said == ["Sandbox Charging: CPO NL-ABC, OCPI 2.1.1, 2.2.1, 2.3.0, 3 locations, 3 tariffs."] * 2
    assert (folder / "ocpi.sqlite3").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--version", "9.9"), "Error: OCPI_VERSIONS names '9.9'; there are 2.1.1, 2.2.1, 2.3.0."),
        (("--fault", "rain"), "Error: There is no fault 'rain': see flask ocpi sandbox --list-faults."),
        (
            ("--host", "192.0.2.1"),
            "Error: This machine cannot listen on 192.0.2.1: Cannot assign requested address. Give another --host.",
        ),
        (
            ("--party", "ABC"),
            "Error: Invalid value for '--party': 'ABC' is not a party: "
            "write country code and party id, such as NL-ABC.",
        ),
    ],
    ids=["version", "fault", "host", "party"],
)
def test_wrong_options_are_named(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    arguments = [python(), "-m", "flask", "ocpi", "sandbox", *options]

    run = subprocess.run(
        arguments, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert (run.stderr.splitlines()[-1], run.stdout) == (message, "")
    assert run.returncode == (2 if "Invalid value" in message else 1)


def test_faults_are_listed_with_what_they_do() -> None:
    run = CliRunner().invoke(command, ["--list-faults"])

    assert run.exit_code == 0
    assert [line.split()[0] for line in run.stdout.splitlines()] == list(FAULTS)
    assert "wrong-totals             Has an X-Total-Count that is three too high.\n" in run.stdout


def test_a_sandbox_has_the_faults_that_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Options("cpo", 0, str(tmp_path), faults=["clock-skew", "html"])
    app = open_partner(options, "http://127.0.0.1:5020")

    seen = [app.test_client().get("/ocpi/2.2.1/sender/locations") for _ in range(5)]

    assert [response.content_type for response in seen] == ["application/json"] * 4 + ["text/html"]
    assert "Fault clock-skew: Has a clock that is ten minutes ahead." in capsys.readouterr().out
    close(app)


@contextmanager
def served(folder: Path, url: str) -> Iterator[None]:
    """Serve the app in a folder as its README says."""
    port = url.rpartition(":")[2]
    arguments = [python(), "-m", "flask", "run", "--port", port]
    environment = app_environment(url)
    with (folder / "server.txt").open("wb") as file:
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        until(folder / "server.txt", "Running on")
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def app_environment(url: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return {**own, "PYTHONPATH": str(ROOT), "FLASK_OCPI_BASE_URL": url}


def test_a_new_operator_has_a_driver_of_the_sandbox_within_its_first_commands(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    app = tmp_path / "app"
    CliRunner().invoke(new, ["cpo", str(app)])

    def flask(*arguments: str) -> str:
        arguments = (python(), "-m", "flask", *arguments)
        run = subprocess.run(
            arguments, cwd=app, env=app_environment(url), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    flask("sample-data")
    with served(app, url), sandbox(tmp_path, "emsp", "--role", "emsp") as (_, said):
        command = until(said, r"flask (ocpi register \S+) (\S+) --name")
        flask(*command[1].split(), command[2])
        until(said, r"< PUT    .*/sessions/\S+ +201 1000")

        assert "ACTIVE" in flask("ocpi", "export", "sessions")


def test_a_sandbox_listens_where_it_is_told_to_with_a_warning_and_names_the_url_for_others(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--url", "http://sandbox:5020", "--port", str(free_port()))
    with sandbox(tmp_path, "cpo", *options) as (_, said):
        until(said, r"register http://sandbox:5020/ocpi/versions \S+ --name")
        with pytest.raises(HTTPError) as refused:  # a server at 127.0.0.1 would not answer there
            urlopen(f"http://127.0.0.2:{options[-1]}/ocpi/versions", timeout=SECONDS)

    assert refused.value.code == 401
    refused.value.close()
    assert "Warning: The sandbox listens on 0.0.0.0, by http" in said.read_text()


@pytest.mark.parametrize(
    ("host", "url", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:5020", True),
        ("127.0.0.2", "http://127.0.0.2:5020", True),
        ("localhost", "http://localhost:5020", True),
        ("::1", "http://[::1]:5020", True),
        ("10.1.2.3", "http://10.1.2.3:5020", False),
        ("0.0.0.0", f"http://{socket.gethostname()}:5020", False),
        ("::", f"http://{socket.gethostname()}:5020", False),
        ("sandbox.example", "http://sandbox.example:5020", False),
    ],
)
def test_its_url_follows_from_its_address(host: str, url: str, loopback: bool) -> None:
    assert (url_of(host, 5020), is_loopback(host)) == (url, loopback)
