"""The host's own migrations see the tables, and find nothing to do after an upgrade."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

APP = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from flask_ocpi import OCPI
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings

app = Flask("host")
app.config.from_prefixed_env()
app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO"])]
db = SQLAlchemy(app)
ocpi = OCPI(app)
Migrate(app, db)


@app.cli.command("save")
def save():
    ocpi.save("locations", location())
    print(ocpi.objects.get("locations", "LOC1") == location())
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_left_to_migrate_after_an_upgrade(request, tmp_path, database):
    (tmp_path / "app.py").write_text(APP)
    sqlite_url = f"sqlite:///{tmp_path / 'host.sqlite3'}"
    url = sqlite_url if database == "sqlite" else request.getfixturevalue("postgres_url")
    environment = {**os.environ, "FLASK_SQLALCHEMY_DATABASE_URI": url, "FLASK_SECRET_KEY": "secret"}

    def flask(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    made = [flask("db", "init"), flask("db", "migrate"), flask("db", "upgrade")]
    assert [step.returncode for step in made] == [0, 0, 0], made[-1].stderr

    checked, saved = flask("db", "check"), flask("save")

    assert "No new upgrade operations detected" in checked.stdout + checked.stderr
    assert (checked.returncode, saved.stdout.strip()) == (0, "True")
