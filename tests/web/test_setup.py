"""Databases and keys: what an app brings along, and what it is given by default."""

from __future__ import annotations

import os
import sqlite3
import stat

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import mapped_column

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import MemoryStorage
from flask_ocpi import Saved
from flask_ocpi import StorageError
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings
from tests.closing import close
from tests.servers import free_port


@pytest.fixture
def bare_app(tmp_path):
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO"])]
    return app


def test_default_is_a_sqlite_file_in_the_instance_folder(bare_app, tmp_path):
    OCPI(bare_app).save("locations", location())
    close(bare_app)

    with sqlite3.connect(tmp_path / "instance" / "ocpi.sqlite3") as database:
        (count,) = database.execute("select count(*) from ocpi_locations").fetchone()
        (mode,) = database.execute("pragma journal_mode").fetchone()
    database.close()
    assert (count, mode) == (1, "wal")


def test_what_is_stored_is_there_for_the_next_process(bare_app, tmp_path):
    first = OCPI(bare_app)
    platform, token = first.partners.invite(name="Partner")
    close(bare_app)

    again = Flask("host", instance_path=bare_app.instance_path)
    again.config.from_mapping(OCPI_PARTIES=bare_app.config["OCPI_PARTIES"])
    second = OCPI(again)

    assert second.services.platforms.caller([token]).platform.id == platform.id
    close(again)


def test_the_hosts_own_database_is_shared(bare_app, tmp_path):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'host.sqlite3'}"
    db = SQLAlchemy(bare_app)

    class Station(db.Model):
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(20))

    ocpi = OCPI(bare_app)
    with bare_app.app_context():
        db.create_all()
        db.session.add(Station(name="own"))
        db.session.commit()
        ocpi.save("locations", location())
        stations = db.session.query(Station).count()
        tables = set(db.metadata.tables)
        db.session.remove()

    assert stations == 1
    assert {"station", "ocpi_locations", "ocpi_platforms"} <= tables
    assert ocpi.objects.get("locations", "LOC1") == location()
    close(bare_app)


def test_tables_of_a_configured_database_are_made_by_command(bare_app, tmp_path):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    ocpi = OCPI(bare_app)

    with pytest.raises(StorageError, match="flask ocpi init-db"):
        ocpi.save("locations", location())
    ocpi.storage.setup()

    assert ocpi.save("locations", location()) is Saved.CREATED
    close(bare_app)


def test_missing_tables_are_answered_3000_in_the_envelope(bare_app, tmp_path, caplog):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    OCPI(bare_app)

    response = bare_app.test_client().get("/ocpi/versions", headers={"Authorization": "Token abc"})

    assert (response.status_code, response.json["status_code"]) == (200, 3000)
    assert "init-db" not in response.json["status_message"]
    assert "init-db" in caplog.text
    close(bare_app)


def test_tables_can_be_made_at_start(bare_app, tmp_path):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    bare_app.config["OCPI_CREATE_TABLES"] = True

    assert OCPI(bare_app).save("locations", location()) is Saved.CREATED
    close(bare_app)


def test_postgresql_by_its_url(bare_app, postgres_url):
    bare_app.config |= {"SQLALCHEMY_DATABASE_URI": postgres_url, "OCPI_CREATE_TABLES": True}
    ocpi = OCPI(bare_app)

    ocpi.save("locations", location())

    assert ocpi.objects.get("locations", "LOC1") == location()
    close(bare_app)


def test_an_unreachable_database_is_answered_3000(bare_app):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = f"postgresql+psycopg://user:secret@127.0.0.1:{free_port()}/none"
    OCPI(bare_app)

    response = bare_app.test_client().get("/ocpi/versions", headers={"Authorization": "Token abc"})

    assert (response.status_code, response.json["status_code"]) == (200, 3000)
    assert "secret" not in response.text


def test_another_database_is_refused_at_start(bare_app):
    bare_app.config["SQLALCHEMY_DATABASE_URI"] = "mysql+pymysql://127.0.0.1/none"

    with pytest.raises((ConfigurationError, ModuleNotFoundError)):
        OCPI(bare_app)


@pytest.mark.parametrize(
    "source", [MemoryStorage, MemoryStorage(), lambda: MemoryStorage()], ids=["class", "it", "call"]
)
def test_storage_may_be_a_class_an_instance_or_a_factory(bare_app, source):
    ocpi = OCPI(bare_app, storage=source)

    assert isinstance(ocpi.storage, MemoryStorage)
    assert "sqlalchemy" not in bare_app.extensions


def test_a_storage_that_is_none_is_refused(bare_app):
    with pytest.raises(ConfigurationError, match=r"needs a flask_ocpi\.Storage"):
        OCPI(bare_app, storage=lambda: {})


def test_the_key_file_is_for_its_owner_only(bare_app):
    OCPI(bare_app, storage=MemoryStorage)

    path = os.path.join(bare_app.instance_path, "ocpi_secret_key")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("configured", [{"SECRET_KEY": "s"}, {"OCPI_ENCRYPTION_KEYS": ["k" * 43 + "="]}], ids=str)
def test_no_key_file_where_a_key_is_configured(bare_app, configured):
    bare_app.config |= configured

    OCPI(bare_app, storage=MemoryStorage)

    assert not os.path.exists(bare_app.instance_path)
