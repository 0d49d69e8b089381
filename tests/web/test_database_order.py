"""The host's database may be registered before or after the platform: it is shared either way."""

from __future__ import annotations

import contextvars
import threading

import pytest
from flask import Flask
from flask import has_app_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import mapped_column

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi.errors import StorageError
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web import setup
from tests.closing import end_threads

ORDER = pytest.mark.parametrize("is_late", [False, True], ids=["db first", "OCPI first"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return (
        f"sqlite:///{tmp_path / 'host.sqlite3'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )


@pytest.fixture
def app(url):
    app = Flask("host")
    app.testing = True
    app.config.from_mapping(
        SECRET_KEY="secret",
        SQLALCHEMY_DATABASE_URI=url,
        OCPI_BASE_URL="https://host.example",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_DISPATCHER="inline",
    )
    yield app
    end_threads()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def registered(app: Flask, *, is_late: bool) -> tuple[OCPI, SQLAlchemy]:
    db, ocpi = SQLAlchemy(), OCPI()
    for extension in (ocpi, db) if is_late else (db, ocpi):
        extension.init_app(app)
    return ocpi, db


@ORDER
def test_objects_are_in_the_hosts_database(app, is_late):
    ocpi, db = registered(app, is_late=is_late)

    class Station(db.Model):
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(20))

    with app.app_context():
        db.create_all()
        db.session.add(Station(name="own"))
        db.session.commit()
        ocpi.save("locations", location())
        assert {"station", "ocpi_locations", "ocpi_platforms"} <= set(db.metadata.tables)
        assert db.session.execute(db.text("SELECT count(*) FROM ocpi_locations")).scalar() == 1
        db.session.remove()

    assert ocpi.objects.get("locations", "LOC1") == location()


@ORDER
def test_a_request_is_the_first_thing_that_happens(app, is_late):
    app.config["OCPI_CREATE_TABLES"] = True
    registered(app, is_late=is_late)

    answer = app.test_client().get("/ocpi/versions", headers={"Authorization": "Token unknown"})

    assert answer.status_code == 401


def test_a_request_finds_the_database_where_the_host_has_none(app):
    app.config["OCPI_CREATE_TABLES"] = True
    ocpi = OCPI(app)

    assert app.test_client().get("/ocpi/versions", headers={"Authorization": "Token unknown"}).status_code == 401
    assert add_partner(app, [("DE", "EMS", ["EMSP"])]).get("/ocpi/versions").status_code == 1000
    ocpi.save("locations", location())


def test_a_context_before_the_hosts_database_does_not_fix_it(app):
    ocpi, db = OCPI(app), SQLAlchemy()
    with app.app_context():
        pass

    db.init_app(app)

    with app.app_context():
        db.create_all()
        ocpi.save("locations", location())
    assert "ocpi_locations" in db.metadata.tables


def test_a_request_waits_for_a_thread_that_finds_the_database(app, monkeypatch):
    """Flask refuses to register anything once it has begun with a request."""
    app.config["OCPI_CREATE_TABLES"] = True
    began, may_go_on = threading.Event(), threading.Event()
    find = setup._database

    def slow(*given):
        began.set()
        may_go_on.wait(120)
        return find(*given)

    monkeypatch.setattr(setup, "_database", slow)
    ocpi = OCPI(app)
    answered = []
    threads = [
        threading.Thread(target=ocpi.partners.list),
        threading.Thread(target=lambda: answered.append(app.test_client().get("/ocpi/versions").status_code)),
    ]

    threads[0].start()
    assert began.wait(120)
    threads[1].start()
    threads[1].join(0.2)
    may_go_on.set()
    for thread in threads:
        thread.join(120)

    assert answered == [401]


def test_a_command_finds_the_database(app):
    registered(app, is_late=True)

    result = app.test_cli_runner().invoke(args=["ocpi", "init-db"])

    assert result.exit_code == 0, result.output


def test_what_fails_at_first_is_tried_again(app):
    ocpi, db = OCPI(app), SQLAlchemy(app)

    with pytest.raises(StorageError, match="flask ocpi init-db"):
        ocpi.save("locations", location())
    with app.app_context():
        db.create_all()

    ocpi.save("locations", location())


def test_a_worker_starts_and_contexts_end_while_the_database_is_away(app, tmp_path):
    away = tmp_path / "away"
    app.config.update(SQLALCHEMY_DATABASE_URI=f"sqlite:///{away / 'host.sqlite3'}", OCPI_CREATE_TABLES=True)
    ocpi = OCPI(app)
    worker = Threads(ocpi.dispatcher.deliveries)

    def use_it_in_a_context():
        with pytest.raises(StorageError), app.app_context():
            ocpi.save("locations", location())
        return has_app_context()

    assert str(ocpi.storage) == f"SQLAlchemyStorage at sqlite:///{away / 'host.sqlite3'}"
    assert contextvars.Context().run(use_it_in_a_context) is False
    worker.start()
    away.mkdir()

    assert ocpi.save("locations", location())
    assert worker.stop()


def test_a_database_of_another_kind_is_refused_at_start():
    app = Flask("host")
    app.config.from_mapping(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], SQLALCHEMY_DATABASE_URI="mssql://127.0.0.1/none"
    )

    with pytest.raises(ConfigurationError, match="got a database of mssql"):
        OCPI(app)
