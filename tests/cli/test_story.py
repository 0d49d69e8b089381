"""The command that tells the story of an object."""

from __future__ import annotations

import json
import re

import pytest

from flask_ocpi.errors import UnreachableError
from tests.charging import pair_of


@pytest.fixture
def pair(ocpi_network):
    return pair_of(ocpi_network, config={"OCPI_JOURNAL": "compact", "OCPI_PUSH": True, "OCPI_AUDIT": True})


def told(result):
    """Return the lines without times, numbers and columns."""
    assert result.exit_code == 0, result.stderr
    return [
        re.sub(r" +", " ", re.sub(r"^\S+Z +\d* *|\d+ ms$", "", line)).strip() for line in result.stdout.splitlines()
    ]


def test_story_of_a_session_is_one_line_of_time(run, pair):
    pair.charge()

    result = run(pair.cpo, "story", "session", "S2")

    assert told(result)[:-2] == [
        "to platform asked whether token Tok1 may charge at EVSE EVSE1: ALLOWED",
        "from platform asked for START_SESSION for token Tok1 at EVSE EVSE1: ACCEPTED",
        "to platform sent the result of START_SESSION: ACCEPTED",
        "to platform sent session S2: status ACTIVE, 0 kWh",
        "to platform changed EVSE EVSE1: status CHARGING",
        "to platform changed session S2: status COMPLETED, 12.4 kWh",
        "to platform sent CDR C1: 12.4 kWh, 3.12 EUR",
    ]
    number = re.search(r"Z +(\d+) ", result.stdout)[1]
    assert run(pair.cpo, "journal", number).exit_code == 0


def test_story_is_found_by_the_reference_and_printed_as_json(run, pair):
    pair.charge()

    story = json.loads(run(pair.emsp, "story", "reference", "A1", "--json").stdout)

    assert story["kind"] == "authorization_reference"
    assert ["session", "S2"] in story["about"]
    assert [event["kind"] for event in story["events"]] == [*["message"] * 7, "audit", "finding"]
    assert {event["direction"] for event in story["events"]} == {"IN", "OUT", None}


def test_failures_waiting_changes_and_audits_are_in_the_story(run, pair):
    pair.charge()
    pair.network.before_send = unreachable
    pair.session(status="COMPLETED", kwh=13)

    lines = told(run(pair.cpo, "story", "session", "S2"))
    audited = told(run(pair.emsp, "story", "cdr", "C1"))

    assert "to platform changed session S2: 13 kWh" in lines
    assert "outbox platform a change of sessions S2 waits to be sent" in lines
    assert "The line is cut." in lines
    assert any(line.startswith("audit cpo-example CDR C1 was audited: ") for line in audited)


def unreachable(request):
    raise UnreachableError("The line is cut.")


def test_story_of_a_partner_has_all_its_messages(run, pair):
    pair.charge()

    lines = told(run(pair.cpo, "story", "partner", "DE-EMS"))

    assert "from platform sent credentials" in lines
    assert "to platform sent location LOC1: 1 EVSE" in lines


def test_wrong_kind_and_wrong_partner_are_refused(run, pair):
    kind = run(pair.cpo, "story", "meter", "1")
    partner = run(pair.cpo, "story", "session", "S2", "--partner", "nobody")

    assert (kind.exit_code, partner.exit_code) == (1, 1)
    assert "There are no stories of 'meter'; there are location, evse, session, cdr, " in kind.stderr
    assert "There is no platform 'nobody'" in partner.stderr


def test_nothing_known_says_what_is_kept(run, pair):
    assert (
        "Nothing about session S404 is known here (OCPI_JOURNAL is compact)."
        in run(pair.cpo, "story", "session", "S404").stdout
    )
