"""Several processes share what is to be delivered, and one of them is killed in the middle of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.outbox import entries
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import party_settings
from tests.e2e.celery_platform import LEASE
from tests.e2e.celery_platform import create_app
from tests.e2e.processes import Launcher
from tests.e2e.processes import Running
from tests.servers import free_port
from tests.serving import served

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "examples" / "deploy"
SECONDS = 90
IDS = [f"LOC{number}" for number in range(6)]
CELERY = ["-m", "celery", "--app", "tests.e2e.celery_main:celery_app"]
WORKERS = {
    "celery": [*CELERY, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"],
    "none": ["-m", "flask", "--app", "tests.e2e.celery_platform", "ocpi", "worker"],
}
READY = {"celery": " ready.", "none": "Working for"}


def until(condition, complaint):
    """Ask again and again until the answer is true, and return it."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint() if callable(complaint) else complaint
        time.sleep(0.05)
    return found


class Partner(Running):
    def do(self, name, **arguments):
        return super().do(name, **arguments)["done"]

    @property
    def noted(self):
        return self.do("noted")

    @property
    def names(self):
        return {id: copy.get("name") for id, copy in self.do("copies").items()}


class Worker:
    """A process that delivers, with all processes it starts: a group of which it has the id."""

    def __init__(self, command, environment, log, *, cwd=ROOT):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def group(self):
        return str(self.process.pid)

    def said(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        """End the group as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)

    def stop(self):
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS)


@dataclass
class Operator:
    """The operator: its part that saves and is served is in this process; who delivers is in others."""

    app: Flask
    ocpi: OCPI
    environment: dict[str, str]
    folder: Path
    dispatcher: str

    @contextmanager
    def started(self, name, command, ready, *, cwd=ROOT):
        """Start a process of the operator and wait until it says that it is ready."""
        worker = Worker(command, self.environment, self.folder / f"{name}.log", cwd=cwd)
        try:
            until(lambda: ready in worker.said() or worker.process.poll() is not None, worker.said)
            assert worker.process.poll() is None, worker.said()
            yield worker
        finally:
            worker.kill()

    def worker(self, name):
        options = ["--hostname", f"{name}@localhost"] if self.dispatcher == "celery" else []
        return self.started(name, [*WORKERS[self.dispatcher], *options], READY[self.dispatcher])

    @contextmanager
    def workers(self):
        """Run two workers, and beat with Celery's."""
        with ExitStack() as stack:
            if self.dispatcher == "celery":
                stack.enter_context(self.beat())
            yield [stack.enter_context(self.worker(name)) for name in ("one", "two")]

    def beat(self):
        return self.started("beat", [*CELERY, *self.beat_options], "is starting")

    @property
    def beat_options(self):
        return ["beat", "--schedule", str(self.folder / "beat"), "--pidfile", ""]

    def results_due(self):
        return [record.text for record in self.ocpi.storage.list("incoming_requests", Query()).records]

    def is_done(self):
        return not any(
            True for platform in self.ocpi.partners.list() for _ in entries.of_platform(self.ocpi.services, platform.id)
        )


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher("tests.e2e.celery_partner")
    yield launcher
    launcher.close()


@pytest.fixture
def partner(launcher, tmp_path):
    partner = Partner(launcher, folder=str(tmp_path))
    partner.start()
    yield partner
    partner.kill()


@pytest.fixture
def dispatcher():
    return "celery"


@pytest.fixture
def database(request, tmp_path):
    if getattr(request, "param", "postgresql") == "sqlite":
        return f"sqlite:///{tmp_path / 'operator.sqlite3'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def operator(request, dispatcher, database, partner, tmp_path, monkeypatch):
    """The operator, registered with the partner."""
    port = free_port()
    config = {
        "SECRET_KEY": "secret of the operator",
        "SQLALCHEMY_DATABASE_URI": database,
        "OCPI_PARTIES": [party_settings("NL", "OPR", ["CPO"])],
        "OCPI_BASE_URL": f"http://127.0.0.1:{port}",
        "OCPI_CREATE_TABLES": True,
        "OCPI_HTTP_ALLOW_PRIVATE": True,
        "OCPI_HTTP_TIMEOUT": 30,
        "OCPI_DISPATCHER": dispatcher,
        "OCPI_DISPATCH_INTERVAL": 0.5,
        "OCPI_DOCS": False,
        "CELERY": {"broker_url": request.getfixturevalue("redis_url")} if dispatcher == "celery" else {},
    }
    monkeypatch.setattr("flask_ocpi.outbox.deliveries._LEASE_MARGIN", None)  # which create_app() sets
    environment = os.environ | {f"FLASK_{key}": json.dumps(value) for key, value in config.items()}
    app = create_app(config)
    ocpi = app.extensions["ocpi"]
    with served(app, port=port):
        ocpi.partners.register(f"{partner.url}/ocpi/versions", partner.do("invite"))
        yield Operator(app, ocpi, environment, tmp_path, dispatcher)
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.mark.parametrize(
    ("dispatcher", "database"),
    [("celery", "postgresql"), ("none", "postgresql"), ("none", "sqlite")],
    ids=["Celery on PostgreSQL", "flask ocpi worker on PostgreSQL", "flask ocpi worker on SQLite"],
    indirect=["database"],
)
def test_work_of_a_killed_worker_is_taken_over(operator, partner):
    ocpi = operator.ocpi
    with operator.workers() as workers:
        for id in IDS:
            ocpi.save("locations", location(id=id, party_id="OPR"))
        until(lambda: set(partner.names) == set(IDS), workers[0].said)
        partner.do("hold", id="LOC0")
        ocpi.patch("locations", "LOC0", changes={"name": "In the middle"})
        killed_group = until(lambda: partner.noted["held"], workers[0].said)
        change(ocpi, IDS, times=2)
        # Whoever else is at work passes over the one that is being sent. That may not take as long as a lease.
        wait(LEASE / 2, lambda: differing(ocpi, partner) == ["LOC0"])

        (killed,) = [worker for worker in workers if worker.group == killed_group]
        (left,) = [worker for worker in workers if worker is not killed]
        killed.kill()
        partner.do("release")
        assert partner.names["LOC0"] is None  # what the killed one was sending did not arrive
        change(ocpi, IDS, times=5)

        until(operator.is_done, left.said)
        noted = partner.noted
        assert differing(ocpi, partner) == []
        assert noted["overlaps"] == []
        assert [group for id, group in noted["seen"] if id == "LOC0"][-1] == left.group
        assert left.stop() == 0, left.said()


@pytest.mark.parametrize("dispatcher", ["celery", "none"], ids=["Celery", "flask ocpi worker"])
def test_what_a_killed_worker_took_is_sent_by_the_other_and_at_most_once_more_each(operator, partner):
    ocpi, ids = operator.ocpi, [f"LOC{number}" for number in range(100)]
    with operator.workers() as workers:
        for id in IDS:  # the workers learn that the partner is quick, and that they may take many entries at a time
            ocpi.save("locations", location(id=id, party_id="OPR"))
        until(lambda: set(partner.names) == set(IDS), workers[0].said)
        before = len(partner.noted["seen"])
        partner.do("hold", id="LOC50")
        ocpi.objects.save_all({"locations": [location(id=id, party_id="OPR", name="New") for id in ids]})
        killed_group = until(lambda: partner.noted["held"], workers[0].said)

        for worker in workers:
            if worker.group == killed_group:
                worker.kill()
        partner.do("release")

        until(operator.is_done, lambda: "".join(worker.said() for worker in workers))
        sent = Counter(id for id, _ in partner.noted["seen"][before:])
        assert differing(ocpi, partner) == []
        assert set(sent) == set(ids)
        assert set(sent.values()) <= {1, 2}, sent
        assert partner.noted["overlaps"] == []


def wait(seconds, condition):
    """Wait for a condition, but no longer than that."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def differing(ocpi, partner):
    """Return the ids of the Locations of which the partner does not have the current state."""
    copies = partner.do("copies")
    return [own["id"] for own in ocpi.objects.documents("locations") if own != copies[own["id"]]]


def change(ocpi, ids, *, times):
    """Change each of some Locations several times."""
    for number in range(times):
        for id in ids:
            ocpi.patch("locations", id, changes={"name": f"{id} {number} {time.monotonic()}"})


def test_celery_beat_has_commands_time_out(operator, partner):
    of_driver = {**session()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    operator.ocpi.save("sessions", session(party_id="OPR", cdr_token=of_driver))
    call = partner.do("stop_session", platform="NL-OPR")

    with operator.beat() as beat, operator.worker("one") as worker:
        until(
            lambda: partner.do("results", id=call) == ["TIMEOUT"],
            lambda: f"{beat.said()}{worker.said()}{operator.results_due()}",
        )


def test_the_deployed_example_delivers_by_celery_what_was_saved_while_the_broker_was_down(operator, partner):
    celery_app = operator.app.extensions["celery"]
    celery_app.conf.broker_write_url = f"redis://127.0.0.1:{free_port()}/0"
    operator.ocpi.save("locations", location(party_id="OPR"))
    example = ["-m", "celery", "--app", "celery_app"]
    one_process = ["worker", "--concurrency", "1", "--loglevel", "INFO"]

    with (
        operator.started("beat", [*example, *operator.beat_options], "is starting", cwd=DEPLOYED) as beat,
        operator.started("worker", [*example, *one_process], " ready.", cwd=DEPLOYED) as worker,
    ):
        until(lambda: set(partner.names) == {"LOC1"}, lambda: beat.said() + worker.said())
