"""Processes that look for work note it, and how long changes have waited, so people see when nothing delivers."""

from __future__ import annotations

import os
import time

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox.processes import Process
from flask_ocpi.outbox.processes import Pulse
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE
from tests.forking import fork


def nobody():
    return ()


@pytest.fixture
def pulse(ocpi):
    return Pulse(ocpi.services)


@pytest.fixture
def down(ocpi_network, ocpi, ocpi_other):
    """A platform with a change that its partner cannot get."""
    ocpi_network.connect(ocpi, ocpi_other)

    def fail(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = fail
    ocpi.save("locations", location())
    return ocpi


@EVERY_STORAGE
def test_a_process_that_looks_for_work_is_listed(ocpi, ocpi_clock, pulse):
    pulse.beat(nobody)
    began = ocpi.services.now()
    ocpi_clock.advance(90)
    pulse.beat(nobody)

    (process,) = ocpi.outbox.processes()

    assert (process.pid, process.began, process.seen) == (os.getpid(), began, began + 90_000_000)
    assert process.host
    assert process.is_alive(ocpi.services.now())


def test_it_is_noted_once_a_minute(ocpi, ocpi_clock, pulse, monkeypatch):
    pulse.beat(nobody)
    first = ocpi.outbox.processes()
    ocpi_clock.advance(59)
    with monkeypatch.context() as patched:
        patched.setattr(ocpi.storage, "save", None)
        pulse.beat(nobody)
    assert ocpi.outbox.processes() == first

    ocpi_clock.advance(1)
    pulse.beat(nobody)

    assert ocpi.outbox.processes() != first


def test_it_is_noted_at_once_after_the_clock_was_put_back(ocpi, ocpi_clock, pulse):
    pulse.beat(nobody)
    ocpi_clock.advance(-3600)

    pulse.beat(nobody)

    assert [process.seen for process in ocpi.outbox.processes()] == [ocpi.services.now()]


@EVERY_STORAGE
def test_a_process_that_ends_in_order_is_forgotten(ocpi, pulse):
    pulse.beat(nobody)

    pulse.end()
    pulse.end()

    assert ocpi.outbox.processes() == []


@EVERY_STORAGE
def test_a_process_that_was_killed_is_silent_for_a_day_and_then_removed_by_the_next(ocpi, ocpi_clock, pulse):
    left_by_a_process(ocpi, seen=ocpi.services.now())
    ocpi_clock.advance(180)
    (killed,) = ocpi.outbox.processes()
    assert not killed.is_alive(ocpi.services.now())

    ocpi_clock.advance(86_400)
    assert ocpi.outbox.processes() == []
    pulse.beat(nobody)

    stored = ocpi.storage.list(Process.KIND, Query()).records
    assert [Process.from_record(record).pid for record in stored] == [os.getpid()]


def left_by_a_process(ocpi, *, seen):
    process = Process("elsewhere", 1, "gunicorn", began=seen, seen=seen)
    ocpi.storage.save(Process.KIND, process.key, process.to_record(last_updated=seen))


def test_a_forked_process_is_another_one(ocpi, ocpi_clock, pulse):
    pulse.beat(nobody)
    parent = os.getpid()
    ocpi_clock.advance(1)

    def is_another_one():
        pulse.beat(nobody)
        both = [process.pid for process in ocpi.outbox.processes()]
        pulse.end()
        return both == [parent, os.getpid()] and [process.pid for process in ocpi.outbox.processes()] == [parent]

    assert fork(is_another_one) == 0


@EVERY_STORAGE
def test_the_age_of_what_waits_has_a_history_of_an_hour(down, ocpi_clock):
    pulse = Pulse(down.services)
    for seconds in (60, 60, 300):
        ocpi_clock.advance(seconds)
        pulse.beat(lambda: ["other-example"])

    assert down.journal.rates.ages() == {"other-example": [0] * 10 + [120, 420]}

    ocpi_clock.advance(3600)
    assert down.journal.rates.ages() == {}


def test_what_does_not_wait_has_no_history(ocpi, ocpi_network, ocpi_other):
    ocpi_network.connect(ocpi, ocpi_other)
    Pulse(ocpi.services).beat(lambda: ["other-example"])

    assert ocpi.journal.rates.ages() == {}


@pytest.fixture
def ocpi_config(request):
    return getattr(request, "param", {})


@pytest.mark.parametrize("ocpi_config", [{"OCPI_DISPATCHER": "thread", "OCPI_DISPATCH_INTERVAL": 0.05}], indirect=True)
def test_the_threads_of_a_process_note_it_and_take_it_back_when_they_stop(ocpi):
    ocpi.start()
    ends = time.monotonic() + 30
    while not ocpi.outbox.processes():
        assert time.monotonic() < ends, "The process was not noted."
        time.sleep(0.01)

    assert ocpi.dispatcher.stop(30)

    assert ocpi.outbox.processes() == []
