"""Commands about what goes out by itself."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import entries
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def down(connected, ocpi_network):
    """Cut the line to the other platform; the fixture is how to mend it."""

    def fail(request):
        raise UnreachableError("The line is cut.")

    def mend():
        ocpi_network.before_send = lambda request: None

    ocpi_network.before_send = fail
    return mend


def copies(ocpi_other, module="locations"):
    return [document["id"] for document in ocpi_other.objects.documents(module, copies=True)]


def test_marks_says_that_there_are_none(run, connected):
    assert run(connected, "marks").stdout == "Every platform has seen everything.\n"
    assert run(connected, "marks", "--platform", "FR-OTH").stdout == "other-example has seen everything.\n"
    assert json.loads(run(connected, "marks", "--json").stdout) == []


def test_marks_shows_how_much_waits_for_whom_and_why(run, connected, down, ocpi_clock):
    connected.save("locations", location())
    connected.save("tariffs", tariff())
    ocpi_clock.advance(90)

    shown = run(connected, "marks").stdout
    (row,) = json.loads(run(connected, "marks", "--json").stdout)

    assert shown.splitlines()[0].split() == ["PLATFORM", "WAITING", "PARKED", "OLDEST", "HELD", "BACK", "FOR"]
    assert shown.splitlines()[1].split()[:5] == ["other-example", "2", "0", "90", "s"]
    assert "The line is cut." in shown
    assert (row["platform"], row["waiting"], row["parked"], row["oldest_seconds"]) == ("other-example", 2, 0, 90)


def test_marks_lists_what_a_platform_has_not_seen(run, connected, down):
    connected.save("locations", location())

    shown = run(connected, "marks", "--platform", "FR-OTH").stdout
    (row,) = json.loads(run(connected, "marks", "--platform", "FR-OTH", "--json").stdout)

    assert "locations  LOC1  FR-OTH  waiting" in shown
    assert (row["module"], row["ids"], row["party"], row["state"]) == ("locations", ["LOC1"], "FR-OTH", "waiting")
    assert row["error"] == "The line is cut."


def park(connected, ocpi_network, ocpi_other):
    def refuse(request, response):
        if request.method != "PUT":
            return response
        body = b'{"status_code":2001,"status_message":"Bad.","timestamp":"2026-01-01T00:00:00Z"}'
        return type(response)(200, {}, body, response.url)

    ocpi_network.after_send = refuse
    connected.save("locations", location())
    ocpi_network.after_send = lambda request, response: response
    ocpi_other.storage.delete("locations", next(iter(ocpi_other.storage._kinds["locations"])))


def test_parked_marks_show_the_reason_and_are_sent_again_on_demand(run, connected, ocpi_network, ocpi_other):
    park(connected, ocpi_network, ocpi_other)
    shown = run(connected, "marks", "--platform", "FR-OTH", "--parked").stdout
    assert "parked" in shown
    assert "Bad." in shown

    result = run(connected, "marks", "--platform", "FR-OTH", "--parked", "--retry")

    assert result.stdout == "Marked again: 1 mark.\n"
    assert copies(ocpi_other) == ["LOC1"]
    assert list(entries.of_platform(connected.services, "other-example")) == []


def test_marks_can_be_discarded(run, connected, ocpi_network, ocpi_other):
    park(connected, ocpi_network, ocpi_other)

    result = run(connected, "marks", "--platform", "FR-OTH", "--discard")

    assert result.stdout == "Discarded: 1 mark.\n"
    assert list(entries.of_platform(connected.services, "other-example")) == []
    assert copies(ocpi_other) == []


def test_all_objects_of_a_module_are_marked_for_a_platform(run, connected, ocpi_other):
    object.__setattr__(connected.services.settings, "push", False)
    for id in ("LOC1", "LOC2"):
        connected.save("locations", location(id=id))

    result = run(connected, "marks", "--platform", "FR-OTH", "--all", "locations")

    assert result.stdout == "Marked 2 objects of locations.\n"
    assert copies(ocpi_other) == ["LOC1", "LOC2"]


@pytest.mark.parametrize("arguments", [["--retry"], ["--discard"], ["--parked"]])
def test_marks_wants_to_know_whose(run, connected, arguments):
    result = run(connected, "marks", *arguments)

    assert result.exit_code == 2
    assert "--platform" in result.stderr


def test_marks_does_one_thing_at_a_time(run, connected):
    result = run(connected, "marks", "--platform", "FR-OTH", "--retry", "--discard")

    assert (result.exit_code, "Either --retry or --discard." in result.stderr) == (2, True)


def test_worker_does_what_is_due_once(run, connected, down, ocpi_other, ocpi_clock):
    connected.save("locations", location())
    down()
    ocpi_clock.advance(400)

    assert run(connected, "worker", "--once").stdout == "Delivered 1 message.\n"
    assert run(connected, "worker", "--once").stdout == "Delivered 0 messages.\n"
    assert copies(ocpi_other) == ["LOC1"]


def test_worker_works_until_it_is_told_to_end(run, connected, down, ocpi_other, ocpi_clock):
    connected.save("locations", location())
    down()
    ocpi_clock.advance(400)

    def end():
        ends = time.monotonic() + 30
        while not copies(ocpi_other) and time.monotonic() < ends:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    result = run(connected, "worker")
    thread.join()

    assert result.stdout.splitlines() == ["Working for MemoryStorage; SIGTERM or Ctrl-C ends it.", "Ended."]
    assert copies(ocpi_other) == ["LOC1"]
