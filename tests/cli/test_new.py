"""The apps that `flask ocpi new` writes work as they are, and so do their tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result

from flask_ocpi.cli.new import new
from tests.warm import python

ROOT = Path(__file__).parents[2]
SECONDS = 120
ROLES = ("cpo", "emsp", "hub")
FILES = {".gitignore", "README.md", "app.py", "pytest.ini", "requirements.txt", "settings.py"}


def write(*arguments: str) -> Result:
    return CliRunner().invoke(new, arguments)


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the folder of an app, as its developer does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "PYTEST_"))}
    return subprocess.run(
        [python(), "-m", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("role", ROLES)
def test_the_tests_of_a_new_app_pass(tmp_path: Path, role: str) -> None:
    written = write(role, str(tmp_path / "app"), "--party", "FR-NEW", "--name", "Énergie & Route")

    tests = run(tmp_path / "app", "pytest", "-q", "-p", "no:cacheprovider")

    assert written.exit_code == 0, written.output
    assert tests.returncode == 0, tests.stdout
    assert " passed" in tests.stdout
    assert "warning" not in tests.stdout


@pytest.mark.parametrize("role", ROLES)
def test_a_new_app_is_served_and_checked_without_any_setting(tmp_path: Path, role: str) -> None:
    write(role, str(tmp_path))

    checked = run(tmp_path, "flask", "ocpi", "check", "--offline")
    routes = run(tmp_path, "flask", "routes")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAIL" not in checked.stdout
    assert "/ocpi/versions" in routes.stdout


@pytest.mark.parametrize("role", ["cpo", "emsp"])
def test_sample_data_is_saved(tmp_path: Path, role: str) -> None:
    write(role, str(tmp_path))

    saved = run(tmp_path, "flask", "sample-data")

    assert saved.stdout == "2 objects are saved.\n", saved.stderr


def test_a_meter_without_a_driver_says_so(tmp_path: Path) -> None:
    write("cpo", str(tmp_path))

    read = run(tmp_path, "flask", "meter")

    assert read.stdout == "Nobody is charging.\n", read.stderr


@pytest.mark.parametrize("role", ROLES)
def test_the_console_of_a_new_app_is_open_to_its_developer_only(tmp_path: Path, role: str) -> None:
    write(role, str(tmp_path))
    look = (
        "from app import create_app\n"
        "client = create_app().test_client()\n"
        "visits = ('127.0.0.1', 'localhost:5000'), ('192.0.2.1', 'localhost'), ('127.0.0.1', 'evil.example')\n"
        "for address, host in visits:\n"
        "    got = client.get('/ocpi/console/', environ_base={'REMOTE_ADDR': address}, base_url=f'http://{host}')\n"
        "    print(got.status_code)\n"
    )
    (tmp_path / "look.py").write_text(look)

    debugged = run(tmp_path, "look", FLASK_DEBUG="1")
    served = run(tmp_path, "look")

    assert debugged.stdout.split() == ["200", "403", "403"], debugged.stderr
    assert served.stdout.split() == ["404", "404", "404"], served.stderr


@pytest.mark.parametrize("role", ROLES)
def test_a_new_app_is_tidy(tmp_path: Path, role: str) -> None:
    write(role, str(tmp_path))

    files = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.*")}
    tidy = run(tmp_path, "ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,W,B,UP", ".")

    assert set(files) > FILES | {"tests/conftest.py", "tests/test_app.py"}
    assert tidy.returncode == 0, tidy.stdout
    assert [name for name, text in files.items() if "$" in text] == []


def test_what_is_next_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    there = write("hub", "app")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    here = write("cpo", ".")

    assert there.output.endswith(
        "Next:\n\n  cd app\n  pip install -r requirements.txt\n  pytest\n  flask run --debug\n"
        "  flask ocpi sandbox --role cpo      # in another terminal: start a partner\n"
        "  flask ocpi register URL TOKEN      # in a third one, here: URL and token from the sandbox\n"
    )
    assert "\n\n  pip install -r requirements.txt\n  pytest\n  flask sample-data\n  flask run --debug\n" in here.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cpo", "full"), "Error: full is not empty."),
        (("cpo", "new", "--name", 'A "quoted" name'), "Error: The name has a quote"),
        (("cpo", "new", "--party", "ABC"), "ABC"),
    ],
    ids=["directory", "name", "party"],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")

    refused = write(*arguments)

    assert refused.exit_code in (1, 2)
    assert message in refused.output
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "notes.txt"]
