"""The command that shows what was wrong with what partners sent."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.exchange.findings import Finding
from flask_ocpi.testing.documents import location
from tests.urls import ocpi_url

NOON = "2026-01-01T12:00:00.000Z"


@pytest.fixture
def found(connected):
    """A platform with a mended finding, that came twice, and a refused one of another partner, in that order."""
    mended = Finding(
        "other-example", "mended", "locations", "FR OTH A", "city", " Gent ", "Gent was made of it.\x1b[2J"
    )
    for _ in range(2):
        connected.findings.add(mended)
    connected.findings.flush()
    connected.services.clock.advance(60)
    document = {"id": "B", "token": "secret"}
    connected.findings.add(
        Finding("gone", "refused", "cdrs", "FR OTH B", outcome="Invalid.", refused=True, document=document)
    )
    connected.findings.flush()
    return connected


def numbers(ocpi):
    return [str(entry.number) for entry in ocpi.findings.list()]


def test_findings_are_shown_latest_first(run, found):
    result = run(found, "findings")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0] == ["ID", "PARTNER", "MODULE", "OBJECT", "KIND", "PATH", "COUNT", "LAST", "OUTCOME"]
    assert lines[1][1:] == [
        *("gone", "cdrs", "FR", "OTH", "B", "refused", "-", "1", "2026-01-01T12:01:00.000Z", "Invalid."),
    ]
    assert lines[2][1:10] == ["other-example", "locations", "FR", "OTH", "A", "mended", "city", "2", NOON]
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("args", "objects"),
    [
        (["--partner", "FR-OTH"], ["FR OTH A"]),
        (["--partner", "other-example"], ["FR OTH A"]),
        (["--partner", "gone"], ["FR OTH B"]),
        (["--module", "cdrs"], ["FR OTH B"]),
        (["--kind", "mended"], ["FR OTH A"]),
        (["--refused"], ["FR OTH B"]),
        (["--limit", "1"], ["FR OTH B"]),
        (["--kind", "mended", "--module", "cdrs"], []),
    ],
    ids=lambda value: "-".join(value),
)
def test_findings_are_filtered(run, found, args, objects):
    result = run(found, "findings", "--json", *args)

    assert [item["object"] for item in json.loads(result.stdout)["findings"]] == objects


def test_one_finding_is_shown_as_a_whole(run, found):
    number = numbers(found)[0]

    result = run(found, "findings", number)
    answer = run(found, "findings", number, "--json")

    text, _, document = result.stdout.partition("{")
    assert text.splitlines()[:3] == ["platform: gone", "module: cdrs", "object: FR OTH B"]
    assert json.loads("{" + document) == {"id": "B", "token": "***"}
    (item,) = json.loads(answer.stdout)["findings"]
    assert (item["id"], item["document"], item["refused"]) == (int(number), {"id": "B", "token": "***"}, True)


def test_findings_are_removed_by_id(run, found):
    refused, mended = numbers(found)

    result = run(found, "findings", refused, "--remove")

    assert (result.exit_code, result.stdout) == (0, "Removed 1 finding.\n")
    assert numbers(found) == [mended]


def test_findings_are_removed_by_what_they_have_in_common(run, found):
    result = run(found, "findings", "--partner", "FR-OTH", "--remove", "--json")

    assert json.loads(result.stdout) == {"removed": 1}
    assert len(numbers(found)) == 1


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["999999"], 1, "Error: There is no finding 999999."),
        (["999999", "--remove"], 1, "Error: There is no finding 999999."),
        (["--partner", "nobody"], 1, "Error: There is no platform 'nobody'."),
        (["--remove"], 2, "Name those to remove: by ids, --partner, --module, --kind or --refused."),
        (["1", "--refused"], 2, "Name findings either by their ids, or by what they have in common."),
    ],
    ids=["number", "remove", "partner", "all", "both"],
)
def test_findings_says_what_is_wrong(run, found, args, code, message):
    result = run(found, "findings", *args)

    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert len(numbers(found)) == 2


def test_there_may_be_no_findings(run, ocpi):
    assert run(ocpi, "findings").stdout == "There are no findings.\n"
    assert run(ocpi, "findings", "--refused").stdout == "There are no such findings.\n"


def test_what_a_partner_put_is_shown(run, ocpi, ocpi_client):
    document = location(country_code="DE", party_id="CPO", id="LOC1", publish="true")
    ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), document)

    result = run(ocpi, "findings")

    assert result.stdout.splitlines()[1].split()[1:8] == [
        *("partner", "locations", "DE", "CPO", "LOC1", "mended", "publish"),
    ]
