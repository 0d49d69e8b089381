"""The quickstart runs as a user starts it: with the flask command and nothing set up before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_ocpi.partners.auth_tokens import authorization
from tests.servers import free_port
from tests.warm import python

ROOT = Path(__file__).parents[2]
START_SECONDS = 60

Start = Callable[[dict[str, str]], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it but the example: what it writes lands here."""
    shutil.copy(ROOT / "examples" / "quickstart.py", tmp_path)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Run the example on a free port with some more environment and return its address."""
    servers: list[subprocess.Popen[bytes]] = []

    def run(settings: dict[str, str]) -> str:
        port = free_port()
        command = [python(), "-m", "flask", "--app", "quickstart.py", "run", "--port", str(port)]
        with (folder / "server.log").open("wb") as log:
            servers.append(
                subprocess.Popen(command, cwd=folder, env=environment(settings), stdout=log, stderr=subprocess.STDOUT)
            )
        wait_for(f"http://127.0.0.1:{port}/ocpi/versions", servers[-1], folder / "server.log")
        return f"http://127.0.0.1:{port}"

    yield run
    for server in servers:
        server.terminate()
        server.wait(START_SECONDS)


def environment(settings: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return {**own, "PYTHONPATH": str(ROOT), **settings}


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            get(url)
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    """Return the HTTP status and body of a GET."""
    headers = {} if token is None else {"Authorization": authorization(token)}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def invite(folder: Path, base_url: str, settings: dict[str, str]) -> str:
    """Run the example's app in a process of its own, as a command does, and return a registration token."""
    code = (
        "from quickstart import create_app\n"
        "app = create_app()\n"
        "with app.app_context():\n"
        "    print(app.extensions['ocpi'].partners.invite(name='Partner')[1])\n"
    )
    run = subprocess.run(
        [python(), "-c", code],
        cwd=folder,
        env=environment({**settings, "FLASK_OCPI_BASE_URL": base_url}),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def test_runs_without_any_set_up(start: Start, folder: Path) -> None:
    base_url = start({})
    token = invite(folder, base_url, {})

    status, body = get(f"{base_url}/ocpi/versions", token)

    assert status == 200
    assert [version["version"] for version in json.loads(body)["data"]] == ["2.2.1", "2.3.0"]
    assert (folder / "instance" / "ocpi.sqlite3").exists()


def test_swagger_ui_is_served(start: Start) -> None:
    base_url = start({})

    page = get(f"{base_url}/ocpi/docs/")
    document = get(f"{base_url}/ocpi/openapi-2.2.1.json")

    assert (page[0], document[0]) == (200, 200)
    assert json.loads(document[1])["info"]["title"] == "OCPI platform of Abc Charging"


def test_is_configured_by_environment_variables_alone(start: Start, folder: Path) -> None:
    party = {"country_code": "DE", "party_id": "EMS", "roles": ["EMSP"], "business_details": {"name": "Ems"}}
    settings = {
        "FLASK_OCPI_PARTIES": json.dumps([party]),
        "FLASK_OCPI_URL_PREFIX": "/roaming",
        "FLASK_OCPI_TOKEN_GRACE": "60",
        "FLASK_OCPI_OPEN_ENUMS": "Capability,Facility",
        "FLASK_OCPI_STRICT_CODES": "true",
        "FLASK_OCPI_CREATE_TABLES": "true",
        "FLASK_SECRET_KEY": "of this test",
        "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'elsewhere.sqlite3'}",
    }

    found = run_app(folder, settings)

    assert "DE-EMS" in found["repr"]
    assert found["url_prefix"] == "/roaming"
    assert found["token_grace"] == 60
    assert found["open_enums"] == ["Capability", "Facility"]
    assert found["strict_codes"] is True
    assert (folder / "elsewhere.sqlite3").exists()
    assert not (folder / "instance" / "ocpi.sqlite3").exists()


def run_app(folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    code = (
        "import json\n"
        "from quickstart import create_app\n"
        "o = create_app().extensions['ocpi']\n"
        "s = o.services.settings\n"
        "assert list(o.partners.list()) == []\n"
        "names = ('url_prefix', 'token_grace', 'open_enums', 'strict_codes')\n"
        "print(json.dumps({'repr': repr(s), **{name: getattr(s, name) for name in names}}))\n"
    )
    run = subprocess.run(
        [python(), "-c", code], cwd=folder, env=environment(settings), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found
