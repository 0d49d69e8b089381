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


def test_list_says_that_the_outbox_is_empty(run, connected):
    assert run(connected, "outbox", "list").stdout == "Every partner has seen everything.\n"
    assert run(connected, "outbox", "list", "--partner", "FR-OTH").stdout == "other-example has seen everything.\n"
    assert json.loads(run(connected, "outbox", "list", "--json").stdout) == []


def test_list_shows_how_much_waits_for_whom_and_why(run, connected, down, ocpi_clock):
    connected.save("locations", location())
    connected.save("tariffs", tariff())
    ocpi_clock.advance(90)

    shown = run(connected, "outbox", "list").stdout
    (row,) = json.loads(run(connected, "outbox", "list", "--json").stdout)

    assert shown.splitlines()[0].split() == ["PARTNER", "WAITING", "PARKED", "OLDEST", "HELD", "BACK", "FOR"]
    assert shown.splitlines()[1].split()[:5] == ["other-example", "2", "0", "90", "s"]
    assert "The line is cut." in shown
    assert (row["platform"], row["waiting"], row["parked"], row["oldest_seconds"]) == ("other-example", 2, 0, 90)


def test_list_shows_what_a_partner_has_not_seen(run, connected, down):
    connected.save("locations", location())

    shown = run(connected, "outbox", "list", "--partner", "FR-OTH").stdout
    (row,) = json.loads(run(connected, "outbox", "list", "--partner", "FR-OTH", "--json").stdout)

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


def test_parked_entries_show_the_reason_and_are_sent_again_on_demand(run, connected, ocpi_network, ocpi_other):
    park(connected, ocpi_network, ocpi_other)
    shown = run(connected, "outbox", "list", "--partner", "FR-OTH", "--parked").stdout
    assert "parked" in shown
    assert "Bad." in shown

    result = run(connected, "outbox", "retry", "--partner", "FR-OTH", "--parked")

    assert result.stdout == "Retried 1 entry.\n"
    assert copies(ocpi_other) == ["LOC1"]
    assert list(entries.of_platform(connected.services, "other-example")) == []


def test_entries_can_be_discarded(run, connected, ocpi_network, ocpi_other):
    park(connected, ocpi_network, ocpi_other)

    result = run(connected, "outbox", "discard", "--partner", "FR-OTH", "--yes")

    assert result.stdout == "Discarded 1 entry.\n"
    assert list(entries.of_platform(connected.services, "other-example")) == []
    assert copies(ocpi_other) == []


def test_all_objects_of_a_module_are_sent_to_a_partner(run, connected, ocpi_other):
    object.__setattr__(connected.services.settings, "push", False)
    for id in ("LOC1", "LOC2"):
        connected.save("locations", location(id=id))

    result = run(connected, "push", "locations", "--all", "--partner", "FR-OTH")

    assert result.stdout == "Wrote 2 objects of locations to the outbox.\n"
    assert copies(ocpi_other) == ["LOC1", "LOC2"]


@pytest.mark.parametrize("arguments", [["retry"], ["discard"], ["list", "--parked"]], ids=" ".join)
def test_outbox_wants_to_know_whose(run, connected, arguments):
    result = run(connected, "outbox", *arguments)

    assert result.exit_code == 2
    assert "--partner" in result.stderr


def test_discarding_asks_first(run, connected, ocpi_network, ocpi_other):
    park(connected, ocpi_network, ocpi_other)

    result = run(connected, "outbox", "discard", "--partner", "FR-OTH", input="n\n")

    assert result.exit_code == 1
    assert "this change?" in result.stderr
    assert len(list(entries.of_platform(connected.services, "other-example"))) == 1


@pytest.mark.parametrize("arguments", [["LOC1", "--all"], ["LOC1"], ["--partner", "FR-OTH"]], ids=" ".join)
def test_push_takes_one_object_for_a_partner_or_all(run, connected, arguments):
    result = run(connected, "push", "locations", *arguments)

    assert result.exit_code == 2
    assert "--all" in result.stderr


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
