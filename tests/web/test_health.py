"""Anybody is told whether this process can do its work, and nothing else."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from flask_ocpi.core import forks
from flask_ocpi.errors import StorageError
from flask_ocpi.signals import message_exchanged
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.web import health
from tests.forking import fork

HEALTH = "/ocpi/health"
SECONDS = 60.0


class Checked(MemoryStorage):
    """A storage whose check does what a test wants; it counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.error: Exception | None = None
        self.silent = threading.Event()
        self.released = threading.Event()

    def check(self) -> None:
        self.checks += 1
        if self.silent.is_set():
            self.released.wait(SECONDS)
        if self.error is not None:
            raise self.error
        super().check()


@pytest.fixture
def ocpi_storage() -> Iterator[Checked]:
    """A storage that can fail."""
    storage = Checked()
    yield storage
    storage.released.set()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, two seconds may pass before a thread gets its turn."""
    monkeypatch.setattr(health, "_PATIENCE", SECONDS)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The time of the health checks, which passes when ``seconds`` is changed."""
    clock = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(health, "monotonic", lambda: clock.seconds)
    return clock


@pytest.fixture
def ask(ocpi_app):
    """Asks for the health."""
    return lambda: ocpi_app.test_client().get(HEALTH)


def test_it_is_told_without_a_token_and_without_data(ocpi_client, ask):
    answer = ask()

    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "storage": "ok", "dispatcher": "ok"}
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_head_is_answered_as_get_is_without_the_body(ocpi_app, ocpi_storage):
    ocpi_storage.error = StorageError("gone")

    answer = ocpi_app.test_client().head(HEALTH)

    assert (answer.status_code, answer.get_data()) == (503, b"")


def test_database_that_lost_a_table_is_told(ocpi_network, tmp_path, now):
    with sqlalchemy_storage(f"sqlite:///{tmp_path / 'ocpi.sqlite3'}") as storage:
        ocpi_network.add("sqlite.example", [("NL", "ABC", ["CPO"])], storage=storage)
        client = ocpi_network.apps["sqlite.example"].test_client()
        before = client.get(HEALTH)
        with closing(sqlite3.connect(tmp_path / "ocpi.sqlite3")) as connection:
            connection.execute("DROP TABLE ocpi_cdrs")
        now.seconds += 2

        answer = client.get(HEALTH)

    assert (before.status_code, answer.status_code) == (200, 503)
    assert answer.get_json()["storage"] == "failing"


def test_postgresql_that_answers_is_well(ocpi_network, postgres_url):
    with sqlalchemy_storage(postgres_url) as storage:
        ocpi_network.add("postgres.example", [("NL", "ABC", ["CPO"])], storage=storage)

        answer = ocpi_network.apps["postgres.example"].test_client().get(HEALTH)

    assert (answer.status_code, answer.get_json()["storage"]) == (200, "ok")


@pytest.mark.parametrize("error", [StorageError("password=geheim"), OSError("password=geheim")], ids=["ours", "other"])
def test_storage_that_does_not_answer_is_told_without_the_reason(ask, ocpi_storage, error):
    ocpi_storage.error = error

    answer = ask()

    assert answer.status_code == 503
    assert answer.get_json() == {"status": "failing", "storage": "failing", "dispatcher": "ok"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_dispatcher_that_has_ended_is_told(ocpi, ask, monkeypatch):
    monkeypatch.setattr(ocpi.dispatcher, "is_alive", lambda: False)

    answer = ask()

    assert answer.status_code == 503
    assert answer.get_json() == {"status": "failing", "storage": "ok", "dispatcher": "failing"}


@pytest.mark.parametrize("ocpi_config", [{"OCPI_DISPATCHER": "none"}], ids=["none"])
def test_dispatcher_of_other_processes_is_no_matter_of_this_one(ocpi, ask, monkeypatch):
    monkeypatch.setattr(ocpi.dispatcher, "is_alive", lambda: False)

    answer = ask()

    assert (answer.status_code, answer.get_json()["dispatcher"]) == (200, "elsewhere")


@pytest.mark.parametrize("ocpi_config", [{"OCPI_DISPATCHER": "thread"}], ids=["thread"])
def test_threads_that_work_are_well(ocpi, ask):
    ocpi.start()
    try:
        answer = ask()
    finally:
        ocpi.dispatcher.stop()

    assert (answer.status_code, answer.get_json()["dispatcher"]) == (200, "ok")


def test_storage_is_asked_once_a_second_however_many_ask(ask, ocpi_storage, now):
    for _ in range(5):
        ask()
    now.seconds += 0.9
    ask()
    first = ocpi_storage.checks
    now.seconds += 0.2

    ask()

    assert (first, ocpi_storage.checks) == (1, 2)


def test_recovery_is_told_a_second_later(ask, ocpi_storage, now):
    ocpi_storage.error = StorageError("gone")
    failing = ask()
    ocpi_storage.error = None
    now.seconds += 1.1

    answer = ask()

    assert (failing.status_code, answer.status_code) == (503, 200)


def test_storage_that_is_silent_is_not_waited_for_and_not_asked_by_a_heap_of_threads(ask, ocpi_storage, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    ocpi_storage.silent.set()

    answers = [ask() for _ in range(5)]

    assert {answer.status_code for answer in answers} == {503}
    assert ocpi_storage.checks == 1


def test_storage_that_was_silent_is_well_when_it_answers(ask, ocpi_storage, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    ocpi_storage.silent.set()
    failing = ask()
    ocpi_storage.silent.clear()
    ocpi_storage.released.set()
    monkeypatch.setattr(health, "_PATIENCE", SECONDS)

    answer = ask()

    assert (failing.status_code, answer.status_code) == (503, 200)


def test_look_that_never_ends_is_given_up(ask, ocpi_storage, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    ocpi_storage.silent.set()
    ask()
    ocpi_storage.silent.clear()  # for the next one: the first waits on
    monkeypatch.setattr(health, "_PATIENCE", SECONDS)
    monkeypatch.setattr(health, "_GIVEN_UP", 0.0)

    answer = ask()

    assert answer.status_code == 200
    assert not ocpi_storage.released.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_look_that_stayed_with_the_parent_process_is_made_anew(ask, ocpi_storage, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    monkeypatch.setattr(forks, "PATIENCE", 0.05)
    ocpi_storage.silent.set()
    ask()
    ocpi_storage.silent.clear()
    monkeypatch.setattr(health, "_PATIENCE", SECONDS)

    assert fork(lambda: ask().status_code == 200) == 0


def test_failing_and_recovering_are_logged_once(ask, ocpi_storage, now, caplog):
    caplog.set_level(logging.INFO)
    ocpi_storage.error = StorageError("The disk is full.")
    for _ in range(3):
        ask()
        now.seconds += 2
    ocpi_storage.error = None

    for _ in range(3):
        ask()
        now.seconds += 2

    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "flask_ocpi"]
    assert told == [
        ("ERROR", "The storage does not answer: The disk is full."),
        ("INFO", "The storage answers again."),
    ]


def test_a_disk_that_is_full_is_noticed_although_it_can_be_read(ask, ocpi_storage, now, monkeypatch, caplog):
    well = ask()
    monkeypatch.setattr(ocpi_storage, "save", full)
    now.seconds += 31

    answer = ask()

    assert (well.status_code, answer.status_code) == (200, 503)
    assert answer.get_json()["storage"] == "failing"
    assert "The storage does not answer: database or disk is full" in caplog.messages


def test_what_is_written_for_the_health_is_not_kept(ask, ocpi_storage):
    ask()

    assert list(walk(ocpi_storage, "circuits", Query())) == []


def test_something_is_written_now_and_then_only(ask, ocpi_storage, now, monkeypatch):
    written = []
    save = ocpi_storage.save
    monkeypatch.setattr(ocpi_storage, "save", lambda *args, **options: (written.append(args), save(*args, **options)))

    for _ in range(40):
        ask()
        now.seconds += 1

    assert len(written) == 2


def test_a_disk_that_has_room_again_is_noticed_soon(ask, ocpi_storage, now, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ocpi_storage, "save", full)
        assert ask().status_code == 503
    now.seconds += 1

    assert ask().status_code == 200


def test_a_storage_that_comes_and_goes_does_not_fill_the_log(ask, ocpi_storage, now, caplog):
    caplog.set_level(logging.INFO)
    for number in range(40):
        ocpi_storage.error = StorageError("gone") if number % 2 else None
        ask()
        now.seconds += 1

    assert sum("The storage" in message for message in caplog.messages) == 2


def full(*args: Any, **options: Any) -> bool:
    raise StorageError("database or disk is full")


def test_it_is_no_message_with_another_platform(ocpi_app, ask, caplog):
    caplog.set_level(logging.INFO)
    heard: list[Any] = []

    def hear(app, message):
        heard.append(message)

    with message_exchanged.connected_to(hear, ocpi_app):
        ask()

    assert heard == []
    assert [record for record in caplog.records if record.name == "flask_ocpi.messages"] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_in_the_envelope(ocpi_app, method):
    answer = ocpi_app.test_client().open(HEALTH, method=method)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert answer.get_json()["status_code"] == 2000


@pytest.mark.parametrize("ocpi_config", [{"OCPI_URL_PREFIX": "/roaming"}], ids=["prefix"])
def test_it_is_below_the_prefix(ocpi_app):
    client = ocpi_app.test_client()

    assert client.get("/roaming/health").status_code == 200
    assert client.get(HEALTH).status_code == 404


@pytest.mark.parametrize("ocpi_config", [{"OCPI_HEALTH": False}], ids=["off"])
def test_it_can_be_turned_off(ask):
    answer = ask()

    assert answer.status_code == 404
    assert answer.get_json()["status_code"] == 2001


def test_partners_do_not_see_it_among_their_operations(ocpi, ocpi_app):
    assert [path for document in ocpi.specs.values() for path in document["paths"] if "health" in path] == []
    assert "ocpi_health.health" in {rule.endpoint for rule in ocpi_app.url_map.iter_rules()}
