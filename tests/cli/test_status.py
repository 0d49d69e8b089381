"""The commands that show the state of partners, and compare objects with them."""

from __future__ import annotations

import json

import pytest

from flask_ocpi import Party
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.documents import location

OTHER = {"country_code": "FR", "party_id": "OTH"}


@pytest.fixture
def ocpi_config():
    return {"OCPI_PUSH": True}


@pytest.fixture
def cut(ocpi_network):
    """Cut the line to the partner."""

    def refuse(request):
        raise UnreachableError("The line is cut.")

    def now():
        ocpi_network.before_send = refuse

    return now


def test_status_without_partners_says_how_to_get_one(run, ocpi):
    assert "flask ocpi invite" in run(ocpi, "status").stdout
    assert json.loads(run(ocpi, "status", "--json").stdout) == []


def test_a_card_of_a_partner_that_is_well(run, connected, ocpi_clock):
    ocpi_clock.advance(130)

    result = run(connected, "status")

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0] == "OK    OTH Charging (other-example): REGISTERED, OCPI 2.3.0"
    assert lines[1] == "      messages  last in 2 minutes ago, last out 2 minutes ago"
    assert "      tokens    2 minutes old" in lines
    assert "      clock     as ours, to a second" in lines
    assert any(
        line.startswith("      offers    booking") and ", cdrs RECEIVER, cdrs SENDER, " in line for line in lines
    )
    assert "      synced    locations for NL-ABC never" in lines


def test_a_card_says_what_is_wrong_and_what_to_do(run, connected, cut, ocpi_clock):
    cut()
    connected.save("locations", location(id="LOC1"))
    ocpi_clock.advance(120)

    result = run(connected, "status", "other-example")

    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[0][:4]) == (0, "FAIL")
    assert lines[1] == "      FAIL      Sending to it is held back for 2 minutes: The line is cut."
    assert "flask ocpi outbox retry --partner other-example" in lines[2]
    assert "      outbox    1 change waiting, the oldest for 2 minutes; 0 refused" in lines
    assert "      failure   OUT receiver_put_location: no answer, 2 minutes ago" in lines


def test_check_fails_with_the_cards_without_a_call(run, connected, cut, ocpi_network):
    cut()
    connected.save("locations", location(id="LOC1"))
    before = len(ocpi_network.requests)

    result = run(connected, "check", "--offline")

    assert result.exit_code == 1
    assert "Sending to it is held back" in result.stdout
    assert len(ocpi_network.requests) == before


def test_a_partner_that_left_is_shown(run, connected, ocpi_other):
    [theirs] = ocpi_other.partners.list()
    ocpi_other.partners.unregister(theirs)

    lines = run(connected, "status").stdout.splitlines()

    assert lines[0] == "WARN  OTH Charging (other-example): UNREGISTERED, the partner ended it 0 seconds ago"
    assert "It ended the registration 0 seconds ago." in run(connected, "check").stdout


def test_status_as_json_is_the_cards(run, connected):
    [card] = json.loads(run(connected, "status", "--json").stdout)

    assert card == connected.partners.card("other-example").to_dict()
    assert json.loads(run(connected, "partners", "--json").stdout) == [card]


def test_an_unknown_partner_is_an_error(run, connected):
    result = run(connected, "status", "nobody")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no platform 'nobody'." in result.stderr


def test_diff_names_what_the_partner_lacks_and_sends_it(run, connected, ocpi_other):
    for id in ("LOC1", "LOC2"):
        connected.save("locations", location(id=id))
    key, _ = ocpi_other.copies.find("locations", "LOC1", owner=Party.of("NL", "ABC"))
    ocpi_other.storage.delete("locations", key)
    key, record = ocpi_other.copies.find("locations", "LOC2", owner=Party.of("NL", "ABC"))
    ocpi_other.storage.save("locations", key, type(record).of({**record.document, "city": "Elsewhere"}))

    result = run(connected, "diff", "other-example", "locations")
    sent = run(connected, "diff", "other-example", "locations", "--send")
    after = run(connected, "diff", "other-example", "locations")

    assert result.stdout.splitlines() == [
        "MISSING    locations NL-ABC LOC1 (FR-OTH)",
        "DIFFERENT  locations NL-ABC LOC2 (FR-OTH)",
        '           /city: ours "Utrecht", theirs "Elsewhere"',
        "Of 2 objects that were compared (other-example has of our locations): 1 missing, 1 different.",
    ]
    assert sent.stdout.splitlines()[-1] == "2 objects were put into the outbox."
    assert after.stdout == ("Of 2 objects that were compared (other-example has of our locations): all are equal.\n")
    assert (result.exit_code, after.exit_code, result.stderr) == (0, 0, "")


def test_diff_names_what_our_copies_lack_and_fetches_it(run, connected, ocpi_other):
    ocpi_other.save("locations", location(id="LOC1", **OTHER))

    result = run(connected, "diff", "other-example", "locations", "--direction", "copies", "--json")
    fetched = run(connected, "diff", "other-example", "locations", "--fetch")

    found = json.loads(result.stdout)
    assert (found["direction"], found["counts"]["MISSING"], found["equal"]) == ("copies", 1, False)
    assert found["differences"][0]["ids"] == ["LOC1"]
    assert fetched.stdout.splitlines()[-1] == "1 object was stored as listed."
    assert connected.copies.get("locations", "LOC1", owner=Party.of("FR", "OTH"))["id"] == "LOC1"


def test_diff_fails_if_it_ended_early_and_says_what_is_left(run, connected, cut):
    connected.save("locations", location(id="LOC1"))
    cut()

    result = run(connected, "diff", "other-example", "locations")

    assert result.exit_code == 1
    assert "The comparison ended early: The line is cut." in result.stderr
    assert "Not compared: 1 object;" in result.stderr


@pytest.mark.parametrize(
    "options", [["--send", "--fetch"], ["--send", "--direction", "copies"], ["--fetch", "--direction", "theirs"]]
)
def test_options_that_contradict_each_other_are_refused(run, connected, options):
    result = run(connected, "diff", "other-example", "locations", *options)

    assert result.exit_code == 2
