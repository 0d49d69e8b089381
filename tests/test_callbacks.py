"""Work in the background, and the time-outs that come by themselves."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import UTC
from datetime import datetime
from logging.handlers import QueueHandler

import orjson
import pytest
from flask import current_app

from flask_ocpi.exchange.write_behind import run_in_thread
from flask_ocpi.exchange.write_behind import run_inline
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import Network
from tests.conformance.asking import Asker

SECONDS = 120
IN_THREADS = {"OCPI_DISPATCHER": "thread"}


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


def test_time_outs_come_by_themselves_in_the_context_of_the_app():
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
    assert ocpi.dispatcher.stop(SECONDS)


def test_command_that_an_earlier_process_left_open_times_out_once_the_next_one_is_started():
    storage = MemoryStorage()
    network = Network(clock=lambda: datetime.now(UTC))
    parties = [("NL", "ABC", ["CPO"])]
    earlier = network.add("cpo.example", parties, storage=storage, config={"OCPI_DISPATCHER": "none"})
    asker = Asker(network, earlier)
    earlier.command("STOP_SESSION")(lambda command, reply: {"result": "ACCEPTED", "timeout": 0})
    earlier.save("sessions", session(id="SES1"))
    asker.command("STOP_SESSION", {"session_id": "SES1"})
    taken = queue.SimpleQueue()
    network.before_send = taken.put
    config = {**IN_THREADS, "SECRET_KEY": earlier.app.config["SECRET_KEY"]}
    later = network.add("cpo.example", parties, storage=storage, config=config)
    assert taken.empty()

    later.start()

    assert orjson.loads(taken.get(timeout=SECONDS).body) == {"result": "TIMEOUT"}
    assert later.dispatcher.stop(SECONDS)
