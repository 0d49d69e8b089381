"""Celery as the dispatcher: what goes through the broker, and what becomes of it when the broker fails."""

from __future__ import annotations

import base64
import gc
import json
import socket
import subprocess
import sys
import threading
import weakref
from functools import partial

import pytest
from celery import Celery
from celery.signals import import_modules
from flask import Flask
from redis import Redis

from flask_ocpi import OCPI
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import celery as contrib
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.celery import register_tasks
from flask_ocpi.outbox.celery import take_lane
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings
from tests.conftest import EVERY_STORAGE
from tests.outbox.test_batches import known_to_be_quick
from tests.outbox.test_batches import note_taken
from tests.servers import free_port
from tests.snippets import Page

SECONDS = 120


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "celery", "OCPI_DISPATCH_INTERVAL": 7}


@pytest.fixture
def partner(ocpi, ocpi_other, ocpi_network):
    """The record of an eMSP that is registered."""
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    return there


def use(ocpi_app, broker_url="memory://", **config):
    """Give the app a Celery app, as hosts do."""
    celery_app = Celery("host", broker=broker_url)
    celery_app.conf.update(config)
    ocpi_app.extensions["celery"] = celery_app
    return celery_app


@pytest.fixture
def eager(ocpi_app):
    """A Celery app that runs tasks where they are enqueued."""
    return use(ocpi_app, task_always_eager=True, task_eager_propagates=True)


def messages(url, queue="celery"):
    """Return the messages in a queue, oldest first: what Redis has, and the decoded arguments and headers."""
    with Redis.from_url(url) as client:
        raw = client.lrange(queue, 0, -1)[::-1]
    found = []
    for text in raw:
        message = json.loads(text)
        arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
        found.append((text + base64.b64decode(message["body"]), arguments, keywords, message["headers"]))
    return found


def copies(ocpi_other):
    return {document["id"]: document for document in ocpi_other.objects.documents("locations", copies=True)}


def waiting(ocpi):
    return [entry for platform in ocpi.partners.list() for entry in entries.of_platform(ocpi.services, platform.id)]


@EVERY_STORAGE
def test_what_is_saved_is_delivered_by_a_task(ocpi, ocpi_other, partner, eager):
    ocpi.save("locations", location())

    assert copies(ocpi_other) == {"LOC1": location()}
    assert waiting(ocpi) == []


@EVERY_STORAGE
def test_task_takes_entries_of_a_quick_partner_together_as_a_thread_does(ocpi, ocpi_other, partner, eager, monkeypatch):
    known_to_be_quick(ocpi, partner)
    taken = note_taken(monkeypatch)

    ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(30)]})

    assert taken[0] == 30
    assert len(copies(ocpi_other)) == 30
    assert waiting(ocpi) == []


def test_nothing_of_what_is_saved_goes_through_the_broker(ocpi_app, ocpi, partner, redis_url):
    use(ocpi_app, redis_url)

    ocpi.save("locations", location(name="Private parking"))

    ((text, arguments, keywords, headers),) = messages(redis_url)
    token = ocpi.services.platforms.cipher.decrypt(partner.token)
    assert (headers["task"], arguments, keywords) == ("flask_ocpi.deliver", [EVERYBODY], {})
    assert not [word for word in (b"Private", b"LOC1", token.encode()) if word in text]


def test_queue_is_what_celery_is_configured_with(ocpi_app, ocpi, partner, redis_url):
    use(ocpi_app, redis_url, task_routes={"flask_ocpi.*": {"queue": "ocpi"}})

    ocpi.save("locations", location())

    assert len(messages(redis_url, "ocpi")) == 1
    assert messages(redis_url) == []


def test_tasks_survive_their_worker_and_end_in_time(ocpi, eager):
    register_tasks(eager, ocpi.dispatcher)

    for name in ("flask_ocpi.deliver", "flask_ocpi.dispatch"):
        task = eager.tasks[name]
        assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)
        assert 0 < task.expires < task.time_limit


def test_dispatch_enqueues_a_delivery_for_each_platform_that_something_is_due_for(
    ocpi_app, ocpi, ocpi_network, partner, redis_url
):
    _, second = ocpi_network.connect(ocpi_network.add("second.example", [("DE", "SEC", ["EMSP"])]), ocpi)
    ocpi_network.connect(ocpi_network.add("idle.example", [("DE", "IDL", ["CPO"])]), ocpi)
    celery_app = use(ocpi_app, redis_url)
    ocpi.save("locations", location())
    with Redis.from_url(redis_url) as client:
        client.flushall()

    celery_app.tasks["flask_ocpi.dispatch"]()

    assert sorted(arguments for _, arguments, _, _ in messages(redis_url)) == sorted([[second.id], [partner.id]])


def test_dispatch_runs_the_jobs_that_are_due(ocpi, eager, ocpi_clock):
    ran = []
    due = type("Due", (), {"name": "due", "seconds_left": lambda self: 0.0, "run": lambda self: ran.append("due")})
    later = type("Later", (), {"name": "later", "seconds_left": lambda self: 9.0, "run": lambda self: ran.append("no")})
    ocpi.services.jobs.extend([due(), later()])
    register_tasks(eager, ocpi.dispatcher)

    eager.tasks["flask_ocpi.dispatch"].delay()

    assert ran == ["due"]


def test_delivery_goes_on_in_another_task_when_its_time_is_over(ocpi_app, ocpi, partner, redis_url, monkeypatch):
    celery_app = use(ocpi_app, redis_url)
    ocpi.save("locations", location())
    with Redis.from_url(redis_url) as client:
        client.flushall()
    assert len(waiting(ocpi)) == 1
    monkeypatch.setattr(contrib, "_LONGEST", 0.0)

    celery_app.tasks["flask_ocpi.deliver"](partner.id)

    ((_, arguments, _, headers),) = messages(redis_url)
    assert (headers["task"], arguments) == ("flask_ocpi.deliver", [partner.id])
    assert len(waiting(ocpi)) == 1


def test_delivery_that_is_done_enqueues_no_other(ocpi_app, ocpi, ocpi_other, partner, redis_url):
    celery_app = use(ocpi_app, redis_url)
    ocpi.save("locations", location())
    with Redis.from_url(redis_url) as client:
        client.flushall()

    celery_app.tasks["flask_ocpi.deliver"](EVERYBODY)
    enqueued = [arguments for _, arguments, _, _ in messages(redis_url)]
    with Redis.from_url(redis_url) as client:
        client.flushall()
    celery_app.tasks["flask_ocpi.deliver"](partner.id)
    celery_app.tasks["flask_ocpi.deliver"](partner.id)
    celery_app.tasks["flask_ocpi.deliver"]("no-such-platform")

    assert enqueued == [[partner.id]]
    assert list(copies(ocpi_other)) == ["LOC1"]
    assert messages(redis_url) == []


# Set-up


@pytest.mark.usefixtures("partner")
def test_app_without_celery_says_what_is_missing(ocpi):
    with pytest.raises(ConfigurationError, match=r'put one into app.extensions\["celery"\]'):
        ocpi.save("locations", location())

    assert len(waiting(ocpi)) == 1


def test_missing_extra_says_how_to_install_it():
    code = (
        "import sys; sys.modules['celery'] = None\n"
        "from flask import Flask; from flask_ocpi import OCPI; from flask_ocpi.storage.memory import MemoryStorage\n"
        "from flask_ocpi.testing.network import party_settings\n"
        "for dispatcher in ('thread', 'celery'):\n"
        "    app = Flask('host')\n"
        "    app.config['OCPI_PARTIES'] = [party_settings('NL', 'ABC', ['CPO'])]\n"
        "    app.config['OCPI_DISPATCHER'] = dispatcher\n"
        "    OCPI(app, storage=MemoryStorage)\n"
        "    print(dispatcher, 'needs nothing')\n"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.stdout == "thread needs nothing\n"
    assert 'ConfigurationError: OCPI_DISPATCHER = "celery" needs Celery.' in run.stderr
    assert 'Install it with: pip install "Flask-OCPI[celery]"' in run.stderr


@pytest.mark.parametrize("celery_first", [True, False], ids=["Celery first", "OCPI first"])
def test_worker_knows_the_tasks_in_whatever_order_the_extensions_were_made(celery_first):
    app = Flask("host")
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_DISPATCHER="celery")
    ocpi, celery_app = OCPI(storage=MemoryStorage), Celery("host")
    if celery_first:
        app.extensions["celery"] = celery_app
    ocpi.init_app(app)
    app.extensions["celery"] = celery_app

    celery_app.loader.import_default_modules()  # what a worker and beat begin with

    assert {"flask_ocpi.deliver", "flask_ocpi.dispatch"} <= set(celery_app.tasks)
    assert celery_app.conf.beat_schedule == {"flask_ocpi.dispatch": {"task": "flask_ocpi.dispatch", "schedule": 5.0}}


def test_tasks_are_of_the_one_celery_app_alone(ocpi_app, ocpi, eager):
    other = Celery("other")

    other.loader.import_default_modules()
    eager.loader.import_default_modules()

    assert "flask_ocpi.deliver" in eager.tasks
    assert "flask_ocpi.deliver" not in other.tasks
    assert "flask_ocpi.dispatch" not in other.conf.beat_schedule


def test_the_worker_that_dispatches_is_noted_with_the_age_of_what_waits(ocpi, eager, partner, ocpi_network, ocpi_clock):
    register_tasks(eager, ocpi.dispatcher)

    def cut(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = cut
    ocpi.save("locations", location())
    ocpi_clock.advance(90)

    eager.tasks["flask_ocpi.dispatch"].delay()

    assert [process.seen for process in ocpi.outbox.processes()] == [ocpi.services.now()]
    assert ocpi.journal.rates.ages() == {partner.id: [0] * 11 + [90]}


def test_a_suspended_partner_is_sent_nothing_until_it_is_resumed(ocpi, eager, partner, ocpi_network):
    register_tasks(eager, ocpi.dispatcher)
    ocpi.partners.suspend(partner)
    ocpi_network.requests.clear()

    ocpi.save("locations", location())
    eager.tasks["flask_ocpi.deliver"].delay(partner.id)
    eager.tasks["flask_ocpi.dispatch"].delay()
    assert ocpi_network.requests == []

    ocpi.partners.resume(partner)

    assert [request.method for request in ocpi_network.requests] == ["PUT"]
    assert ocpi.outbox.lags() == ()


def test_beat_dispatches_as_often_as_it_is_told_to(ocpi, eager):
    own = {"task": "host.clean", "schedule": 60}
    eager.conf.beat_schedule = {"clean": own}

    register_tasks(eager, ocpi.dispatcher)

    assert eager.conf.beat_schedule == {
        "clean": own,
        "flask_ocpi.dispatch": {"task": "flask_ocpi.dispatch", "schedule": 7.0},
    }


def test_entry_of_beat_that_the_host_has_is_left_as_it_is(ocpi, eager):
    own = {"flask_ocpi.dispatch": {"task": "flask_ocpi.dispatch", "schedule": 1, "options": {"queue": "ocpi"}}}
    eager.conf.beat_schedule = own

    register_tasks(eager, ocpi.dispatcher)

    assert eager.conf.beat_schedule == own


def test_tasks_are_registered_once(ocpi, eager):
    """Celery warns of a second task of a name, and warnings are errors here."""
    register_tasks(eager, ocpi.dispatcher)
    before = dict(eager.tasks)
    eager.loader.import_default_modules()
    register_tasks(eager, ocpi.dispatcher)

    assert eager.tasks == before


def test_celery_app_is_of_one_platform(ocpi, ocpi_other, eager):
    register_tasks(eager, ocpi.dispatcher)

    with pytest.raises(ConfigurationError, match="works for another OCPI platform"):
        register_tasks(eager, ocpi_other.dispatcher)


def test_app_that_is_done_with_is_not_kept():
    def make():
        app = Flask("host")
        app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_DISPATCHER="celery")
        return weakref.ref(OCPI(app, storage=MemoryStorage))

    found = make()
    gc.collect()

    assert found() is None
    assert import_modules.send(sender=Celery("other")) is not None


def test_celery_guide_runs():
    page = Page("docs/how-to-celery.md", OCPI=partial(OCPI, storage=MemoryStorage))

    page.run(count=2)
    celery_app = page.names["celery_app"]
    celery_app.loader.import_default_modules()

    assert page.rest == []
    assert celery_app.conf.broker_url == "redis://localhost:6379/0"
    assert celery_app.conf.beat_schedule == {"flask_ocpi.dispatch": {"task": "flask_ocpi.dispatch", "schedule": 5.0}}


# A broker that fails


class SilentBroker:
    """Listens, and never says a word: what a broker behind a broken network looks like. Counts who comes."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.connections = []
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.socket.getsockname()[1]}/0"

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(SECONDS)
        for connection in self.connections:
            connection.close()


@pytest.fixture
def silent_broker():
    broker = SilentBroker()
    yield broker
    broker.close()


@pytest.mark.usefixtures("partner")
def test_broker_that_is_down_does_not_fail_who_saves(ocpi_app, ocpi, caplog):
    use(ocpi_app, f"redis://127.0.0.1:{free_port()}/0")

    for id in ("LOC1", "LOC2"):
        ocpi.save("locations", location(id=id))

    assert {entry.ids for entry in waiting(ocpi)} == {("LOC1",), ("LOC2",)}
    (record,) = [record for record in caplog.records if record.name == "flask_ocpi.outbox"]
    assert "Celery could not be told of changes" in record.message


@pytest.mark.usefixtures("partner")
def test_broker_that_is_silent_is_tried_once_in_an_interval(ocpi_app, ocpi, silent_broker, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(contrib, "monotonic", lambda: now[0])
    use(ocpi_app, silent_broker.url)

    for number in range(5):
        ocpi.save("locations", location(id=f"LOC{number}"))
    before = len(silent_broker.connections)
    now[0] += 7
    ocpi.save("locations", location(id="LOC9"))

    assert 1 <= before < len(silent_broker.connections)
    assert len(waiting(ocpi)) == 6


def test_broker_that_is_back_gets_the_next_change(ocpi_app, ocpi, partner, redis_url, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(contrib, "monotonic", lambda: now[0])
    celery_app = use(ocpi_app, f"redis://127.0.0.1:{free_port()}/0")
    ocpi.save("locations", location())
    celery_app.conf.broker_write_url = redis_url

    ocpi.save("locations", location(id="LOC2"))
    too_early = messages(redis_url)
    now[0] += 7
    ocpi.save("locations", location(id="LOC3"))

    assert too_early == []
    assert [arguments for _, arguments, _, _ in messages(redis_url)] == [[EVERYBODY]]


def test_platform_that_cannot_be_reached_is_left_to_beat(ocpi_app, ocpi, ocpi_other, ocpi_network, partner, ocpi_clock):
    def fail(request):
        raise UnreachableError("The line is cut.")

    celery_app = use(ocpi_app, task_always_eager=True, task_eager_propagates=True)
    ocpi_network.before_send = fail
    ocpi.save("locations", location())
    ocpi_network.before_send = lambda request: None
    celery_app.tasks["flask_ocpi.dispatch"].delay()
    too_early = copies(ocpi_other)
    ocpi_clock.advance(400)

    celery_app.tasks["flask_ocpi.dispatch"].delay()

    assert too_early == {}
    assert list(copies(ocpi_other)) == ["LOC1"]


# Lanes


def keep(ocpi, lane):
    return leases.keep(ocpi.storage, lane, now=ocpi.services.now(), seconds=60) is not None


@pytest.fixture
def deliver(ocpi_app, ocpi, partner, redis_url):
    """The task, with three entries for the partner to deliver."""
    celery_app = use(ocpi_app, redis_url)
    object.__setattr__(ocpi.services.settings, "push_concurrency", 2)
    for number in range(3):
        ocpi.save("locations", location(id=f"LOC{number}"))
    assert len(waiting(ocpi)) == 3
    return lambda: celery_app.tasks["flask_ocpi.deliver"](partner.id)


@EVERY_STORAGE
def test_only_so_many_workers_deliver_to_a_platform_at_a_time(ocpi, ocpi_other, partner, deliver):
    first, second = (take_lane(ocpi.services, partner.id, seconds=60) for _ in range(2))
    deliver()
    none_was_left = take_lane(ocpi.services, partner.id, seconds=60)
    before = copies(ocpi_other)

    leases.release(ocpi.storage, second, now=ocpi.services.now())
    deliver()

    assert (none_was_left, before) == (None, {})
    assert len(copies(ocpi_other)) == 3
    assert keep(ocpi, first)


def test_lane_of_a_worker_that_died_is_taken_after_its_time(ocpi, ocpi_other, partner, deliver, ocpi_clock):
    dead = [take_lane(ocpi.services, partner.id, seconds=60) for _ in range(2)]
    ocpi_clock.advance(61)

    deliver()

    assert len(copies(ocpi_other)) == 3
    assert [keep(ocpi, lane) for lane in dead] == [False, True]


def test_lane_is_kept_with_each_message(ocpi, ocpi_other, ocpi_network, partner, deliver, ocpi_clock):
    """However long the messages take in all, as long as none takes longer than a lease."""
    object.__setattr__(ocpi.services.settings, "push_concurrency", 1)
    taken = []

    def be_slow(request):
        if request.method == "PUT":
            ocpi_clock.advance(ocpi.dispatcher.deliveries.lease - 1)
            taken.append(take_lane(ocpi.services, partner.id, seconds=60))

    ocpi_network.before_send = be_slow
    deliver()

    assert taken == [None, None, None]
    assert len(copies(ocpi_other)) == 3


def test_worker_that_lost_its_lane_leaves_the_rest_to_who_took_it(
    ocpi, ocpi_other, ocpi_network, partner, deliver, ocpi_clock
):
    object.__setattr__(ocpi.services.settings, "push_concurrency", 1)
    others = []

    def hang(request):
        if request.method == "PUT" and not others:
            ocpi_clock.advance(2 * ocpi.dispatcher.deliveries.lease)
            others.append(take_lane(ocpi.services, partner.id, seconds=60))

    ocpi_network.before_send = hang
    deliver()

    assert len(copies(ocpi_other)) == 1
    assert keep(ocpi, others[0])


def test_lane_is_left_when_a_delivery_breaks(ocpi, partner, deliver, monkeypatch):
    def break_(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(entries, "take", break_)
    with pytest.raises(RuntimeError, match="broken"):
        deliver()

    object.__setattr__(ocpi.services.settings, "push_concurrency", 1)
    assert take_lane(ocpi.services, partner.id, seconds=60) is not None


def test_change_that_comes_while_all_lanes_are_taken_is_seen_by_who_leaves_one(
    ocpi, ocpi_other, partner, deliver, monkeypatch
):
    """The delivery that was enqueued for it ends at once; who has the lane looks again after leaving it."""
    object.__setattr__(ocpi.services.settings, "push_concurrency", 1)
    release = leases.release

    def save_then_release(storage, lane, *, now):
        monkeypatch.setattr(leases, "release", release)
        ocpi.save("locations", location(id="LATE"))
        ocpi.dispatcher.deliveries.spread([EVERYBODY])
        deliver()
        release(storage, lane, now=now)

    monkeypatch.setattr(leases, "release", save_then_release)
    deliver()

    assert sorted(copies(ocpi_other)) == ["LATE", "LOC0", "LOC1", "LOC2"]


def test_lanes_are_for_each_platform(ocpi):
    object.__setattr__(ocpi.services.settings, "push_concurrency", 1)

    assert take_lane(ocpi.services, "one", seconds=60) is not None
    assert take_lane(ocpi.services, "other", seconds=60) is not None
    assert ocpi.storage.get("circuits", Key("", "", "LANE0", "one")) is not None
