"""The command that keeps copies up to date."""

from __future__ import annotations

import io
import json

import pytest

from flask_ocpi.cli import output
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.scopes import scope_of
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from tests.sync.conftest import spoil

THEIRS = {"country_code": "FR", "party_id": "OTH"}
RECEIVED = ("locations", "sessions", "cdrs", "tariffs", "invoicereconciliation", "bookings", "booking_locations")


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["EMSP"])]


@pytest.fixture
def ocpi_other(ocpi_network):
    return ocpi_network.add("other.example", [("FR", "OTH", ["CPO"])], config={"OCPI_PUSH": False})


def copies(ocpi, module="locations"):
    return [document["id"] for document in ocpi.objects.documents(module, copies=True)]


def test_sync_reports_what_it_did(run, connected, ocpi_other):
    ocpi_other.save("locations", location(**THEIRS, id="A"))
    ocpi_other.save("tariffs", tariff(**THEIRS))

    result = run(connected, "sync")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0][:5] == ["PLATFORM", "MODULE", "PARTY", "READ", "CREATED"]
    assert [line[1] for line in lines[1:]] == list(RECEIVED)
    assert lines[1] == ["other-example", "locations", "NL-ABC", "all", "1", "0", "0", "0", "0", "0"]
    assert (copies(connected), copies(connected, "tariffs")) == (["A"], ["TARIFF1"])


def test_sync_answers_json(run, connected, ocpi_other):
    ocpi_other.save("locations", location(**THEIRS, id="A"))
    run(connected, "sync")
    ocpi_other.save("locations", location(**THEIRS, id="A", city="Elsewhere"))

    result = run(connected, "sync", "--json", "--partner", "FR-OTH", "locations")

    assert json.loads(result.stdout) == {
        "synced": [
            {
                "platform": "other-example",
                "module": "locations",
                "receiver": "NL-ABC",
                "full": False,
                "listed": 1,
                "created": 0,
                "updated": 1,
                "unchanged": 0,
                "removed": 0,
                "foreign": 0,
                "broken": 0,
                "held_back": 0,
                "error": None,
            }
        ]
    }


@pytest.mark.conformance("PAG-20")
def test_full_sync_removes_what_vanished(run, connected, ocpi_other):
    for id in ("A", "B"):
        ocpi_other.save("locations", location(**THEIRS, id=id))
    run(connected, "sync")
    ocpi_other.objects.delete("locations", "A")
    run(connected, "sync")
    kept = copies(connected)

    result = run(connected, "sync", "--full")

    assert (result.exit_code, kept, copies(connected)) == (0, ["A", "B"], ["B"])


def test_empty_list_is_reported_and_believed_by_force(run, connected, ocpi_other):
    ocpi_other.save("locations", location(**THEIRS, id="A"))
    run(connected, "sync")
    ocpi_other.objects.delete("locations", "A")

    held = run(connected, "sync", "--full", "locations")
    kept = copies(connected)
    forced = run(connected, "sync", "--full", "--force", "locations")

    assert (held.exit_code, kept) == (1, ["A"])
    assert "The list of locations of other-example is empty: 1 copy for NL-ABC stayed." in held.stderr
    assert "flask ocpi sync locations --partner other-example --full --force" in held.stderr
    assert (forced.exit_code, copies(connected)) == (0, [])


def test_platform_that_fails_sets_the_exit_code_and_stops_no_other(run, connected, ocpi_other, ocpi_network):
    dead = ocpi_network.add("dead.example", [("FR", "AAA", ["CPO"])])
    late = ocpi_network.add("late.example", [("FR", "ZZZ", ["CPO"])], config={"OCPI_PUSH": False})
    for other in (dead, late):
        ocpi_network.connect(connected, other)
    late.save("locations", location(country_code="FR", party_id="ZZZ", id="Z"))
    del ocpi_network.apps["dead.example"]

    result = run(connected, "sync", "locations")
    answer = run(connected, "sync", "locations", "--json")

    assert result.exit_code == answer.exit_code == 1
    assert result.stderr == (
        "Error: locations of dead-example could not be synced: There is no platform at dead.example.\n"
    )
    assert [line.split()[3] for line in result.stdout.splitlines()] == ["READ", "all", "-", "all"]
    assert [s["error"] is None for s in json.loads(answer.stdout)["synced"]] == [True, True, False]
    assert copies(connected) == ["Z"]


def test_what_another_process_syncs_is_reported(run, connected):
    platform = connected.partners.find("FR-OTH")
    watermarks.take(connected.services, scope_of(connected.services, platform, "locations"))

    result = run(connected, "sync", "locations")

    assert result.exit_code == 1
    assert "Another process syncs locations of other-example right now." in result.stderr


def test_objects_that_cannot_be_stored_are_warned_of(run, connected, ocpi_other, ocpi_network):
    for id in ("A", "B"):
        ocpi_other.save("locations", location(**THEIRS, id=id))
    spoil(ocpi_network, "B")

    synced = run(connected, "sync", "locations")
    shown = run(connected, "findings", "--refused")

    assert synced.exit_code == 0
    assert synced.stderr == "Warning: 1 object could not be stored: flask ocpi findings --refused shows them.\n"
    assert "Invalid object: coordinates is required." in shown.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lokations"], "Error: There is no module 'lokations' with objects"),
        (["--partner", "nobody"], "Error: There is no platform 'nobody'. Known platforms: other-example."),
    ],
    ids=["module", "platform"],
)
def test_sync_says_what_is_wrong(run, connected, args, message):
    result = run(connected, "sync", *args)

    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


def test_sync_says_that_there_is_nothing_to_do(run, ocpi):
    result = run(ocpi, "sync")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("There is nothing to sync: no registered platform has a list")


def test_progress_is_shown_on_a_terminal(run, connected, ocpi_other, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    started = output.Progress.__init__

    def on_terminal(self, label, *, stream=None):
        started(self, label, stream=terminal)

    monkeypatch.setattr(output.Progress, "__init__", on_terminal)
    for id in ("A", "B", "C"):
        ocpi_other.save("locations", location(**THEIRS, id=id))

    run(connected, "sync", "locations", "tariffs")

    assert "other-example locations" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
