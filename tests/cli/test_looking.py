"""The commands that look for an id, at rates of messages, and at audits that wait for somebody."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location


@pytest.fixture
def ocpi_config():
    return {"OCPI_JOURNAL": "all"}


def test_an_id_is_found_in_objects_and_stories(run, connected):
    connected.save("locations", location(id="LOC7"))
    connected.push("locations", "LOC7")
    connected.journal.flush()

    text, document = run(connected, "find", "loc7").stdout, run(connected, "find", "LOC7", "--json").stdout

    assert text.splitlines()[1].split() == ["locations", "NL-ABC", "LOC7", "own"]
    assert "flask ocpi story location loc7" in text
    assert json.loads(document) == {
        "objects": [{"module": "locations", "owner": "NL-ABC", "ids": ["LOC7"], "platform": None}],
        "stories": ["location"],
    }


def test_an_unknown_id_is_refused(run, connected):
    result = run(connected, "find", "NONE")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "has the id NONE" in result.stderr


def test_rates_are_those_of_hours_and_modules(run, ocpi, ocpi_client):
    ocpi_client.get("/ocpi/2.2.1/sender/locations/NONE")
    ocpi.journal.flush()

    text = run(ocpi, "rates", "--hours", "1").stdout
    document = json.loads(run(ocpi, "rates", "--hours", "2", "--json").stdout)

    assert text.splitlines()[1].split() == ["2026-01-01T12:00", "1", "1"]
    assert "in         locations" in text
    assert [hour["total"] for hour in document["hours"]] == [0, 1]
    assert document["latencies"][0]["module"] == "locations"


def test_audits_that_nobody_dealt_with_are_listed(run, ocpi):
    ocpi.save("cdrs", cdr(id="C1", total_energy=999))
    before = run(ocpi, "cdrs", "unsettled").stdout
    list(ocpi.pricing.audit_all())

    text, document = run(ocpi, "cdrs", "unsettled").stdout, run(ocpi, "cdrs", "unsettled", "--json").stdout
    ocpi.pricing.settle(ocpi.objects.get("cdrs", "C1"), "ann")

    assert before == "0 CDRs not settled.\n"
    assert text.startswith("dispute  NL-ABC C1\n")
    assert [result["cdr_id"] for result in json.loads(document)] == ["C1"]
    assert run(ocpi, "cdrs", "unsettled").stdout == "0 CDRs not settled.\n"
