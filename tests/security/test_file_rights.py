"""Whom of the machine's users the files of a platform are for."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import make_url

from flask_ocpi import OCPI
from flask_ocpi.cli import ocpi as commands
from flask_ocpi.storage.opening import make_private
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings
from tests.closing import close

OWNER_ONLY = 0o600
FILES = ["ocpi.sqlite3", "ocpi.sqlite3-shm", "ocpi.sqlite3-wal"]


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0o002)
    yield
    os.umask(before)


def app_in(folder: Path, **config: object) -> Flask:
    app = Flask("files", instance_path=str(folder))
    app.config.update({"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])], **config})
    return app


def rights(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("create", [None, True, False], ids=["by itself", "asked to", "by init-db"])
def test_the_files_that_are_made_are_for_their_owner_only(tmp_path, create):
    app = app_in(tmp_path, OCPI_CREATE_TABLES=create)
    ocpi = OCPI(app)
    with app.app_context():
        ocpi.storage.setup()
        ocpi.save("locations", location())

        assert rights(tmp_path) == dict.fromkeys([*FILES, "ocpi_secret_key"], OWNER_ONLY)
    close(app)


@pytest.mark.parametrize("address", ["sqlite:///{}/own.sqlite3", "sqlite:///file:{}/own.sqlite3?uri=true"])
def test_a_file_that_the_host_names_is_made_for_its_owner_only(tmp_path, address):
    folder = tmp_path / "with a blank"
    folder.mkdir()
    app = app_in(folder, SQLALCHEMY_DATABASE_URI=address.format(folder), SECRET_KEY="s", OCPI_CREATE_TABLES=True)
    SQLAlchemy(app)
    OCPI(app)

    assert set(rights(folder).values()) == {OWNER_ONLY}
    close(app)


@pytest.mark.parametrize("mode", [0o660, 0o640, 0o644, 0o600])
def test_a_file_that_is_there_keeps_its_rights(tmp_path, mode):
    path = tmp_path / "ocpi.sqlite3"
    path.touch()
    path.chmod(mode)
    app = app_in(tmp_path, SECRET_KEY="s")
    ocpi = OCPI(app)
    with app.app_context():
        ocpi.save("locations", location())

        assert rights(tmp_path) == dict.fromkeys(FILES, mode)
    close(app)


def test_nothing_is_made_for_a_database_that_is_no_file_or_must_exist(tmp_path):
    for url in (
        "sqlite://",
        "sqlite:///:memory:",
        f"sqlite:///file:{tmp_path}/a.db?mode=memory&uri=true",
        f"sqlite:///file:{tmp_path}/a.db?mode=ro&uri=true",
        f"sqlite:///{tmp_path}/missing/a.db",
        "postgresql+psycopg://localhost/a.db",
    ):
        make_private(make_url(url))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "check", "mode", "outcome"),
    [
        ("ocpi.sqlite3", "storage", 0o644, "WARN"),
        ("ocpi.sqlite3", "storage", 0o660, "OK"),
        ("ocpi_secret_key", "encryption", 0o644, "WARN"),
    ],
)
def test_check_warns_of_a_file_that_everybody_may_read(tmp_path, name, check, mode, outcome):
    app = app_in(tmp_path)
    OCPI(app)
    (tmp_path / name).chmod(mode)

    result = CliRunner().invoke(commands, ["check", "--json"], obj=ScriptInfo(create_app=lambda: app))
    [found] = [found for found in json.loads(result.stdout)["checks"] if found["check"] == check]

    assert found["outcome"] == outcome
    assert (f"chmod o= {tmp_path / name}" in (found["fix"] or "")) is (outcome == "WARN")
    close(app)
