"""The host's own migrations see the tables, and find nothing to do after an upgrade."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine
from sqlalchemy import inspect

from flask_ocpi.core.config import Settings
from flask_ocpi.versions import select_versions
from flask_ocpi.web.setup import kinds
from tests.storage import old
from tests.templates import Template

#: What an app serves that says nothing of versions.
SERVED = select_versions(Settings.__dataclass_fields__["versions"].metadata["default"])

APP = """
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from flask_ocpi import OCPI
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web import setup

if os.environ.get("FIRST_RELEASE"):
    setup.kinds = lambda versions: ("platforms", "credential_tokens", "platform_parties", "locations")

app = Flask("host")
app.config.from_prefixed_env()
app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
db = SQLAlchemy(app)
ocpi = OCPI(app)
Migrate(app, db)


@app.cli.command("save")
def save():
    ocpi.save("locations", location())


@app.cli.command("show")
def show():
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))
    print([len(list(ocpi.objects.documents(module))) for module in ("locations", "tokens", "cdrs")])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of the host's database, with nothing in it yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'host.sqlite3'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="module")
def migrators():
    """What starts the processes of tests/storage/migrator.py."""
    template = Template("tests.storage.migrator")
    yield template
    template.close()


@pytest.fixture
def flask(tmp_path, database, migrators):
    """Run commands of the host application; return what they printed, the log included."""
    (tmp_path / "app.py").write_text(APP)
    environment = {
        "FLASK_SQLALCHEMY_DATABASE_URI": database,
        "FLASK_SECRET_KEY": "secret",
        "FLASK_OCPI_DISPATCHER": "none",
    }

    def run(*commands, **more):
        with migrators.start(str(tmp_path), json.dumps({**environment, **more}), *commands) as process:
            output, _ = process.communicate()
            assert process.returncode == 0, output
            return output

    return run


def tables(database):
    engine = create_engine(database)
    found = {name for name in inspect(engine).get_table_names() if name.startswith("ocpi_")}
    engine.dispose()
    return found


def test_nothing_is_left_to_migrate_after_an_upgrade(flask, tmp_path, database):
    flask("db init", "db migrate", "db upgrade")

    output = flask("db migrate", "show")

    assert "No changes in schema detected" in output
    assert len(list((tmp_path / "migrations" / "versions").glob("*.py"))) == 1
    assert tables(database) == {"ocpi_counts", *(f"ocpi_{kind}" for kind in kinds(SERVED))}
    assert output.splitlines()[-1] == "[0, 1, 0]"


def test_migration_adds_the_kinds_that_an_earlier_release_lacked(flask, database):
    flask("db init", "db migrate", "db upgrade", "save", FIRST_RELEASE="1")
    assert len(tables(database)) == 5

    flask("db migrate", "db upgrade")
    output = flask("db check", "show")

    assert "No new upgrade operations detected" in output
    assert tables(database) == {"ocpi_counts", *(f"ocpi_{kind}" for kind in kinds(SERVED))}
    assert output.splitlines()[-1] == "[1, 1, 0]"


def test_database_of_an_earlier_release_is_migrated_with_all_that_is_in_it(flask, database):
    old.load(database)

    flask("db init", "db migrate", "db upgrade")
    output = flask("db check", "show")

    assert "No new upgrade operations detected" in output
    assert tables(database) == {"ocpi_counts", *(f"ocpi_{kind}" for kind in kinds(SERVED))}
    assert output.splitlines()[-1] == "[3, 1, 1]"


def test_init_db_completes_the_database_of_an_earlier_release(flask, database):
    old.load(database)

    output = flask("ocpi init-db", "show")

    assert tables(database) == {"ocpi_counts", *(f"ocpi_{kind}" for kind in kinds(SERVED))}
    assert output.splitlines()[-1] == "[3, 1, 1]"
