"""Work in the background, and the thread that keeps deadlines."""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from datetime import UTC
from datetime import datetime
from logging.handlers import QueueHandler
from pathlib import Path

import orjson
import pytest
from flask import current_app

from flask_ocpi import callbacks
from flask_ocpi.background import run_in_thread
from flask_ocpi.background import run_inline
from flask_ocpi.callbacks import Deadlines
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import Network
from tests.conformance.asking import Asker

SECONDS = 20
IN_THREADS = {"OCPI_DISPATCHER": "thread"}
ROOT = Path(__file__).parents[1]


class Alarm:
    """A deadline that can be set, and what came of it."""

    def __init__(self, *, failures=0):
        self.left = None
        self.failures = failures
        self.asked = threading.Semaphore(0)
        self.rung = threading.Semaphore(0)
        self.threads = set()
        self.deadlines = Deadlines(self.next_deadline, self.ring)

    def set(self, left):
        self.left = left
        self.deadlines.watch()

    def next_deadline(self):
        self.threads.add(threading.current_thread())
        self.asked.release()
        return self.left

    def ring(self):
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError
        self.left = None
        self.rung.release()

    def ended(self):
        """Wait until its threads have ended; return how many there were."""
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
        return len(self.threads)


def test_there_is_no_thread_without_a_deadline():
    alarm = Alarm()

    assert not alarm.asked.acquire(blocking=False)


def test_a_deadline_that_has_come_is_acted_on_and_the_thread_ends():
    alarm = Alarm()

    alarm.set(0)

    assert alarm.rung.acquire(timeout=SECONDS)
    assert alarm.ended() == 1
    assert {thread.daemon for thread in alarm.threads} == {True}


def test_a_deadline_comes_by_itself():
    alarm = Alarm()
    waits = iter([0.01, 0, None])
    alarm.next_deadline = alarm.deadlines._next_deadline = lambda: next(waits)

    alarm.deadlines.watch()

    assert alarm.rung.acquire(timeout=SECONDS)


def test_a_nearer_deadline_is_noticed_while_waiting_for_another():
    alarm = Alarm()
    alarm.set(3600)
    assert alarm.asked.acquire(timeout=SECONDS)

    alarm.set(-1)

    assert alarm.rung.acquire(timeout=SECONDS)
    assert alarm.ended() == 1


def test_after_the_thread_has_ended_a_new_deadline_starts_another():
    alarm = Alarm()
    for _ in range(2):
        alarm.set(0)
        assert alarm.rung.acquire(timeout=SECONDS)
        alarm.ended()

    assert alarm.ended() == 2


def test_many_who_watch_at_once_share_a_thread():
    alarm = Alarm()
    alarm.left = 3600
    watching = [threading.Thread(target=alarm.deadlines.watch) for _ in range(20)]
    for thread in watching:
        thread.start()
    for thread in watching:
        thread.join(SECONDS)

    alarm.set(0)

    assert alarm.rung.acquire(timeout=SECONDS)
    assert alarm.ended() == 1


def test_a_failure_is_logged_and_tried_again(monkeypatch, caplog):
    monkeypatch.setattr(callbacks, "_PAUSE", 0.01)
    alarm = Alarm(failures=3)

    alarm.set(0)

    assert alarm.rung.acquire(timeout=SECONDS)
    alarm.ended()
    assert [record.message for record in caplog.records] == ["Open requests could not be ended in time."] * 3


def test_deadlines_that_others_opened_are_noticed_after_a_while(monkeypatch):
    monkeypatch.setattr(callbacks, "_LONGEST_NAP", 0.01)
    alarm = Alarm()
    alarm.set(3600)

    alarm.left = 0  # nobody says so

    assert alarm.rung.acquire(timeout=SECONDS)


def test_what_cannot_be_ended_is_not_tried_without_a_pause(monkeypatch):
    naps = []

    class Changed(threading.Condition):
        def wait(self, timeout=None):
            naps.append(timeout)
            return super().wait(0)

    alarm = Alarm()
    alarm.deadlines._act = lambda: None
    alarm.deadlines._changed = Changed()
    alarm.set(0)
    for _ in range(6):
        assert alarm.asked.acquire(timeout=SECONDS)

    alarm.left = None

    alarm.ended()
    assert set(naps) == {callbacks._PAUSE}


FORKED = """
import os, sys, threading
from flask_ocpi.callbacks import Deadlines

rung = threading.Event()
left = [3600.0]
deadlines = Deadlines(lambda: left[0], lambda: (left.__setitem__(0, None), rung.set()))
deadlines.watch()
deadlines._changed.acquire()  # as the thread may hold it when the server forks
pid = os.fork()
if pid == 0:
    left[0] = 0.0
    deadlines.watch()
    os._exit(0 if rung.wait(20) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_process_has_a_thread_of_its_own():
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED], cwd=ROOT, timeout=3 * SECONDS, check=False
    )

    assert run.returncode == 0


def test_work_in_a_thread_does_not_keep_the_caller():
    begin, done = threading.Event(), threading.Event()
    threads = []

    def work():
        threads.append(threading.current_thread())
        begin.wait(SECONDS)
        done.set()

    run_in_thread(work)
    before = done.is_set()
    begin.set()

    assert done.wait(SECONDS)
    assert before is False
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_work_inline_is_done_at_once():
    done = []

    run_inline(lambda: done.append(threading.current_thread()))

    assert done == [threading.current_thread()]


@pytest.mark.parametrize("run", [run_inline, run_in_thread])
def test_work_that_fails_is_logged(run):
    logged = queue.Queue()

    def fail():
        raise ZeroDivisionError

    handler = QueueHandler(logged)
    logging.getLogger("flask_ocpi").addHandler(handler)
    try:
        run(fail)
        record = logged.get(timeout=SECONDS)
    finally:
        logging.getLogger("flask_ocpi").removeHandler(handler)

    assert "Work in the background failed." in record.getMessage()
    assert "ZeroDivisionError" in record.getMessage()


class HostBoundStorage(MemoryStorage):
    """A storage that works within the app's context only, as one on Flask-SQLAlchemy's session does."""

    def list(self, kind, query):
        assert current_app.name
        return super().list(kind, query)


def test_the_thread_that_keeps_deadlines_works_in_the_context_of_the_app():
    network = Network(clock=lambda: datetime.now(UTC))
    ocpi = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=HostBoundStorage(), config=IN_THREADS)
    taken = queue.SimpleQueue()
    network.before_send = taken.put
    with network.apps["cpo.example"].app_context():
        asker = Asker(network, ocpi)
        ocpi.command("STOP_SESSION")(lambda command, reply: {"result": "ACCEPTED", "timeout": 0})
        ocpi.save("sessions", session(id="SES1"))

        asker.command("STOP_SESSION", {"session_id": "SES1"})

    assert orjson.loads(taken.get(timeout=SECONDS).body) == {"result": "TIMEOUT"}
