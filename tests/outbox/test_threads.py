"""The dispatcher's threads: real ones, real time, bounded waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.deliveries import Job
from flask_ocpi.testing.documents import location
from tests.closing import is_running
from tests.conftest import EVERY_STORAGE

PATIENCE = 120.0


def eventually(holds, what="it"):
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, f"{what} did not happen in {PATIENCE} s"
        time.sleep(0.01)


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "thread", "OCPI_DISPATCH_INTERVAL": 0.2}


@pytest.fixture
def partners(ocpi, ocpi_network):
    """Ten eMSPs that are registered with the platform."""
    found = []
    for number in range(10):
        partner = ocpi_network.add(f"emsp{number}.example", [("DE", f"E{number:02}", ["EMSP"])])
        ocpi_network.connect(partner, ocpi)
        found.append(partner)
    return found


@pytest.fixture(autouse=True)
def stopped(ocpi):
    yield
    assert ocpi.dispatcher.stop(PATIENCE)


def received(partner):
    return sorted(document["id"] for document in partner.objects.documents("locations", copies=True))


def waiting(ocpi):
    return sum(len(list(entries.of_platform(ocpi.services, platform.id))) for platform in ocpi.partners.list())


def save_unnoticed(ocpi):
    """Save an object as another process does that leaves it to this one to deliver it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ocpi.dispatcher, "wake", lambda platforms=(), *, within=0.0: None)
        ocpi.save("locations", location())


@EVERY_STORAGE
def test_change_arrives_everywhere_without_anybody_asking(ocpi, partners):
    for number in range(5):
        ocpi.save("locations", location(id=f"LOC{number}"))

    eventually(lambda: all(len(received(partner)) == 5 for partner in partners))
    eventually(lambda: waiting(ocpi) == 0)


def test_thread_ends_when_nothing_is_left_and_starts_with_the_next_need(ocpi, partners):
    ocpi.save("locations", location())
    eventually(lambda: waiting(ocpi) == 0)

    eventually(lambda: ocpi.dispatcher._thread is None, "the end of the thread")
    assert ocpi.dispatcher.is_alive()
    ocpi.save("locations", location(id="LOC2"))
    eventually(lambda: all(len(received(partner)) == 2 for partner in partners))


def test_partner_that_hangs_on_every_request_holds_up_no_other(ocpi, partners, ocpi_network):
    released = threading.Event()
    hanging = []

    def hang(request):
        if "emsp3.example" in request.url:
            hanging.append(request)
            released.wait(PATIENCE)
            raise UnansweredError("did not answer")

    ocpi_network.before_send = hang
    for number in range(30):
        ocpi.save("locations", location(id=f"LOC{number}"))

    others = [partner for index, partner in enumerate(partners) if index != 3]
    eventually(lambda: all(len(received(partner)) == 30 for partner in others))
    eventually(lambda: hanging, "a message to the partner that hangs")
    assert 1 <= len(hanging) <= ocpi.services.settings.push_concurrency
    released.set()


def test_objects_go_out_side_by_side_and_each_one_alone(ocpi, partners, ocpi_network):
    under_way, most, overlaps = {}, [], []
    lock = threading.Lock()
    begin = threading.Barrier(2)

    def note(request):
        if "emsp0.example" not in request.url or request.method == "GET":
            return
        with lock:
            overlaps.append(request.url in under_way)
            under_way[request.url] = request
            most.append(len(under_way))
        if len(most) <= 2:
            begin.wait(PATIENCE)  # two messages have to be under way at the same time, or this breaks
        with lock:
            del under_way[request.url]

    ocpi_network.before_send = note
    for number in range(6):
        ocpi.save("locations", location(id=f"LOC{number}"))
    for number in range(30):
        ocpi.patch("locations", f"LOC{number % 6}", changes={"name": f"Name {number}"})

    eventually(lambda: waiting(ocpi) == 0)
    assert not any(overlaps)
    assert 2 <= max(most) <= ocpi.services.settings.push_concurrency
    ours = {document["id"]: document for document in ocpi.objects.documents("locations")}
    for partner in partners:
        theirs = {document["id"]: document for document in partner.objects.documents("locations", copies=True)}
        assert theirs == ours


def test_what_another_process_left_is_found_by_one_that_was_started(ocpi, partners):
    save_unnoticed(ocpi)

    ocpi.start()

    eventually(lambda: waiting(ocpi) == 0)
    assert all(received(partner) == ["LOC1"] for partner in partners)
    assert ocpi.dispatcher._thread is not None, "a started one stays"


@pytest.mark.parametrize("path", ["/ocpi/versions", "/ocpi/health"])
def test_request_makes_a_process_look_at_what_others_left(ocpi, partners, ocpi_network, path):
    save_unnoticed(ocpi)
    app = ocpi_network.apps["platform.example"]
    app.testing = False

    app.test_client().get(path)

    eventually(lambda: waiting(ocpi) == 0)


def test_process_that_served_a_request_goes_on_looking_when_it_is_idle(ocpi, partners, ocpi_network, monkeypatch):
    monkeypatch.setattr("flask_ocpi.outbox.threads._LOOKS", 0.3)
    app = ocpi_network.apps["platform.example"]
    app.testing = False
    app.test_client().get("/ocpi/versions")
    threads = ocpi.dispatcher
    eventually(lambda: not threads._is_expecting() and not threads._senders.are_busy, "idleness")
    save_unnoticed(ocpi)

    eventually(lambda: waiting(ocpi) == 0)

    assert all(received(partner) == ["LOC1"] for partner in partners)
    assert threads.is_alive()


def test_idle_process_that_serves_looks_less_often_than_a_busy_one(ocpi, ocpi_network, monkeypatch):
    threads = ocpi.dispatcher
    app = ocpi_network.apps["platform.example"]
    app.testing = False
    app.test_client().get("/ocpi/versions")
    eventually(lambda: threads._thread is not None and threads._poll_at > 0, "the first look")

    assert threads._pace() == 30.0
    threads._waiting = {"platform"}
    assert threads._pace() == ocpi.services.settings.dispatch_interval


def test_who_has_to_look_by_a_time_is_there_then_and_not_disturbed_by_later_times(ocpi, monkeypatch):
    threads = ocpi.dispatcher
    looks = threading.Semaphore(0)
    found = []
    original = threads._look_at_jobs

    def noted():
        found.append(time.monotonic())
        looks.release()
        original()

    ocpi.services.jobs.clear()
    monkeypatch.setattr(threads, "_interval", PATIENCE)
    monkeypatch.setattr(threads, "_look_at_jobs", noted)
    threads.wake(within=1.0)
    assert looks.acquire(timeout=PATIENCE)  # it starts with a look
    threads.wake(within=1.0)
    began = time.monotonic()

    for seconds in (1.5, 2.0, PATIENCE):
        threads.wake(within=seconds)

    assert looks.acquire(timeout=PATIENCE)
    assert len(found) == 2
    assert found[-1] - began > 0.9
    eventually(lambda: not is_running(threads), "the end of the thread")


def test_an_earlier_time_to_look_replaces_a_later_one(ocpi, monkeypatch):
    threads = ocpi.dispatcher
    monkeypatch.setattr(threads, "_interval", PATIENCE)
    threads.start()
    eventually(lambda: threads._poll_at > 0, "the first look")
    now = time.monotonic()
    threads.wake(within=1000.0)

    threads.wake(within=500.0)
    threads.wake(within=800.0)

    assert 490 < threads._jobs_at - now < 510
    assert is_running(threads)


def test_stop_waits_for_what_is_under_way_and_delivers_the_rest(ocpi, partners, ocpi_network):
    begun, go_on = threading.Event(), threading.Event()

    def hold(request):
        if request.method == "PUT":
            begun.set()
            go_on.wait(PATIENCE)

    ocpi_network.before_send = hold
    for number in range(20):
        ocpi.save("locations", location(id=f"LOC{number}"))
    assert begun.wait(PATIENCE)
    threading.Timer(0.2, go_on.set).start()

    assert ocpi.dispatcher.stop(PATIENCE)

    assert waiting(ocpi) == 0
    assert all(len(received(partner)) == 20 for partner in partners)


def test_failing_job_is_logged_and_run_again_without_haste(ocpi, caplog):
    ran = []

    def fail():
        ran.append(time.monotonic())
        raise ZeroDivisionError

    ocpi.services.jobs.append(Job("broken", lambda: -1.0, fail))
    ocpi.start()

    eventually(lambda: len(ran) >= 2)
    ocpi.services.jobs.pop()
    assert all(later - earlier > 0.9 for earlier, later in pairwise(ran))
    assert "The job broken failed" in caplog.text


def test_dispatcher_outlives_a_storage_that_fails(ocpi, partners, monkeypatch, caplog):
    broken = threading.Event()
    broken.set()
    original = ocpi.storage.list

    def fail(*args, **options):
        if broken.is_set() and threading.current_thread().name.startswith("ocpi-"):
            raise OSError("the storage is gone")
        return original(*args, **options)

    monkeypatch.setattr(ocpi.storage, "list", fail)
    ocpi.save("locations", location())
    eventually(lambda: "could not look what is due" in caplog.text)
    broken.clear()

    eventually(lambda: waiting(ocpi) == 0)


def test_storage_that_stays_gone_is_left_alone_until_the_next_need(ocpi, partners, monkeypatch, caplog):
    original = ocpi.storage.list
    ocpi.dispatcher._interval = 0.02

    def fail(*args, **options):
        if threading.current_thread().name.startswith("ocpi-"):
            raise StorageError("It is gone.")
        return original(*args, **options)

    monkeypatch.setattr(ocpi.storage, "list", fail)
    ocpi.save("locations", location())
    eventually(lambda: not is_running(ocpi.dispatcher), "the end of the thread")
    assert "could not look what is due: It is gone." in caplog.text
    assert "Traceback" not in caplog.text
    monkeypatch.setattr(ocpi.storage, "list", original)

    ocpi.save("locations", location(id="LOC2"))

    eventually(lambda: waiting(ocpi) == 0)


FORKING = """
import os, sys, time
from flask import Flask
from flask_ocpi import OCPI
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.deliveries import Job

app = Flask("forking", instance_path=sys.argv[1])
app.config.update(
    OCPI_PARTIES=[{"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "A"}}]
)
ocpi = OCPI(app)
ran = []
ocpi.services.jobs.append(Job("who", lambda: -1.0, lambda: ran.append(os.getpid())))
ocpi.start()
child = os.fork()
ends = time.monotonic() + 30
while os.getpid() not in ran and time.monotonic() < ends:
    time.sleep(0.01)
ok = os.getpid() in ran
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(0 if ok and status == 0 else 1)
os._exit(0 if ok else 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_started_dispatcher_works_in_a_forked_process_too(tmp_path):
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    root = Path(__file__).parents[2]

    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "instance")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )

    assert run.returncode == 0, run.stdout + run.stderr
