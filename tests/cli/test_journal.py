"""Commands that show the journal, and send a message again."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.host import journal
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from tests.urls import ocpi_url

OTHER = "FR-OTH"


@pytest.fixture
def ocpi_config():
    return {"OCPI_JOURNAL": "all", "OCPI_PUSH": False}


@pytest.fixture
def pushed(connected):
    """The platform, which pushed a location to the other one."""
    connected.save("locations", documents.location())
    connected.push("locations", "LOC1")
    return connected


def numbers(ocpi, **search):
    return [entry.number for entry in latest(ocpi.storage, Search(**search), 1000)]


def last(ocpi):
    return latest(ocpi.storage, Search(), 1)[0]


def test_journal_shows_the_latest_messages_by_conversation(run, pushed, ocpi_network):
    push = last(pushed)
    app = ocpi_network.apps["platform.example"]
    partner = add_partner(app, [("DE", "EMS", ["EMSP"])])
    partner.get(ocpi_url("sender/locations"), headers={"X-Correlation-ID": "talk-1"})
    listed = last(pushed)
    partner.get(ocpi_url("nothing"), headers={"X-Correlation-ID": "talk-1"})

    result = run(pushed, "journal", "--limit", "3")

    lines = [re.sub(r" +", " ", line.strip()) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert re.fullmatch(r"Conversation [0-9a-f-]{36}", lines[0])
    assert re.fullmatch(
        rf"{push.number} 2026-01-01T12:00:00.000Z to other-example PUT locations receiver_put_location "
        r"HTTP 201 OCPI 1000 \d+ ms",
        lines[1],
    )
    assert lines[2] == "Conversation talk-1 (2 messages)"
    assert re.fullmatch(
        rf"{listed.number} \S+ from partner GET locations sender_list_locations HTTP 200 OCPI 1000 \d+ ms", lines[3]
    )
    assert re.fullmatch(
        rf"{last(pushed).number} \S+ from \? GET /ocpi/2.2.1/nothing HTTP 404 OCPI 2001 \d+ ms", lines[4]
    )
    assert lines[5] == "There is no OCPI endpoint at '/ocpi/2.2.1/nothing'."


def test_journal_as_json_groups_conversations(run, pushed):
    result = run(pushed, "journal", "--limit", "2", "--json")

    conversations = json.loads(result.stdout)
    message = conversations[-1]["messages"][0]
    assert len(conversations) == 2
    assert message["correlation_id"] == conversations[-1]["correlation_id"]
    assert (message["direction"], message["operation"]) == ("OUT", "receiver_put_location")
    assert (message["http_status"], message["status_code"], message["failed"]) == (201, 1000, False)
    assert "request_body" not in message


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--partner", OTHER], True),
        (["--partner", "other-example"], True),
        (["--correlation", "talk"], False),
        (["--failed"], False),
        (["--since", "2025-12-31"], True),
        (["--since", "2026-01-02T00:00:00Z"], False),
        (["--since", "300000d"], True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_journal_is_narrowed_down(run, pushed, options, shown):
    result = run(pushed, "journal", *options)

    assert ("receiver_put_location" in result.stdout) is shown
    assert ("There is no such message in the journal" in result.stdout) is not shown


def test_journal_of_a_platform_that_is_gone_can_be_read(run, pushed):
    pushed.services.platforms.delete(pushed.partners.get("other-example"))

    assert "receiver_put_location" in run(pushed, "journal", "--partner", "other-example").stdout
    assert "There is no platform 'nobody'" in run(pushed, "journal", "--partner", "nobody").stderr


def test_empty_journal_says_what_it_keeps(run, ocpi_network):
    ocpi = ocpi_network.add("off.example", [("NL", "OFF", ["CPO"])], config={"OCPI_JOURNAL": "off"})

    result = run(ocpi, "journal")

    assert "which keeps nothing (OCPI_JOURNAL is off)" in result.stdout


def test_one_message_is_shown_as_a_whole(run, pushed):
    result = run(pushed, "journal", str(last(pushed).number))

    assert f"Message {last(pushed).number} of the conversation " in result.stdout
    assert "\nPUT https://other.example/ocpi/2.3.0/receiver/locations/NL/ABC/LOC1\n" in result.stdout
    assert "OCPI-to-country-code: FR\n" in result.stdout
    assert '\n  "id": "LOC1",\n' in result.stdout
    assert "\nHTTP 201\n" in result.stdout
    assert '"status_message": "Success"' in result.stdout
    assert "are in the journal" not in result.stdout


def test_one_message_as_json_has_its_bodies(run, pushed):
    message = json.loads(run(pushed, "journal", str(last(pushed).number), "--json").stdout)

    assert json.loads(message["request_body"])["id"] == "LOC1"
    assert message["request_headers"]["Content-Type"] == "application/json"
    assert message["request_whole"] is True


def test_message_that_is_not_whole_says_so(run, pushed):
    (credentials,) = (e for e in latest(pushed.storage, Search(), 99) if e.message.operation == "post_credentials")

    result = run(pushed, "journal", str(credentials.number))

    assert '"token": "***"' in result.stdout
    assert re.search(
        r"\(\d+ of \d+ bytes are in the journal; \*\*\* stands for what is kept out of it\)", result.stdout
    )


def test_message_without_an_answer_is_shown(run, pushed, ocpi_network):
    del ocpi_network.apps["other.example"]
    run(pushed, "push", "locations", "LOC1", "--partner", OTHER)

    result = run(pushed, "journal", str(last(pushed).number))

    assert "\nNo answer\n" in result.stdout
    assert "There is no platform at other.example." in result.stdout


def test_unknown_message_is_refused(run, pushed):
    result = run(pushed, "journal", "4711")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: There is no message 4711 in the journal. `flask ocpi journal` lists them.\n",
    )


def test_names_from_other_platforms_cannot_steer_the_terminal(run, ocpi, ocpi_client):
    ocpi_client.get(ocpi_url("%1b[31mred"), headers={"X-Correlation-ID": "\x85talk"})

    for args in (["journal"], ["journal", str(last(ocpi).number)]):
        assert "\x1b" not in run(ocpi, *args).stdout
        assert "\x85" not in run(ocpi, *args).stdout


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_follow_shows_what_comes_until_interrupted(run, pushed, monkeypatch, as_json):
    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        pushed.push("locations", "LOC1")

    waits = []
    monkeypatch.setattr(journal.time, "sleep", sleep)
    before = last(pushed).number

    result = run(pushed, "journal", "--follow", "--limit", "1", *(["--json"] if as_json else []))

    lines = result.stdout.splitlines()
    shown = [json.loads(line)["id"] if as_json else int(line.split()[0]) for line in lines]
    assert (result.exit_code, result.stderr) == (0, "")
    assert shown == [before, last(pushed).number]
    assert last(pushed).number > before


@pytest.mark.conformance("MID-07")
def test_replay_sends_the_message_again_with_new_ids(run, pushed, ocpi_other, ocpi_network):
    entry = last(pushed)
    first = ocpi_network.requests[-1]
    there = pushed.partners.get("other-example")
    pushed.partners.rotate(there)

    result = run(pushed, "replay", str(entry.number))

    again = ocpi_network.requests[-1]
    assert result.stdout.endswith(" answered 1000 (HTTP 200).\n")
    assert (again.method, again.url, again.body) == (first.method, first.url, first.body)
    routing = [name for name in first.headers if name.startswith("OCPI-")]
    assert len(routing) == 4
    assert {name: again.headers[name] for name in routing} == {name: first.headers[name] for name in routing}
    for name in ("Authorization", "X-Request-ID", "X-Correlation-ID"):
        assert again.headers[name] != first.headers[name]
    assert last(pushed).message.operation == "receiver_put_location"


def test_replay_prints_the_data_of_the_answer(run, pushed, ocpi_other):
    ocpi_other.save("locations", documents.location(country_code="FR", party_id="OTH"))
    run(pushed, "pull", "locations", "--partner", OTHER)
    (entry,) = (e for e in latest(pushed.storage, Search(), 99) if e.message.operation == "sender_list_locations")

    result = run(pushed, "replay", str(entry.number), "--json")

    answer = json.loads(result.stdout)
    assert (answer["http_status"], answer["status_code"]) == (200, 1000)
    assert [location["id"] for location in answer["data"]] == ["LOC1"]


def test_replay_that_is_refused_says_what_the_other_side_said(run, pushed, ocpi_other, monkeypatch):
    entry = last(pushed)
    ocpi_other.services.platforms.callers.forget()
    monkeypatch.setattr(ocpi_other.storage, "get", lambda *a, **k: 1 / 0)

    result = run(pushed, "replay", str(entry.number))

    assert result.exit_code == 1
    assert "answered 3000 (HTTP 500)" in result.stderr


def test_message_of_another_platform_is_not_sent_again(run, ocpi, ocpi_client, ocpi_network):
    ocpi_client.get(ocpi_url("sender/locations"))

    result = run(ocpi, "replay", str(last(ocpi).number))

    assert result.exit_code == 1
    assert "Another platform sent this message." in result.stderr
    assert ocpi_network.requests == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o, n: n.requests, None),
        (
            lambda o, n: o.services.platforms.delete(o.partners.get("other-example")),
            "is not known (any more): other-example.",
        ),
        (lambda o, n: move(o), "our token must not go there"),
    ],
    ids=["as it is", "gone", "moved"],
)
def test_message_goes_to_nobody_else(run, pushed, ocpi_network, change, reason):
    entry = last(pushed)
    change(pushed, ocpi_network)
    sent = len(ocpi_network.requests)

    result = run(pushed, "replay", str(entry.number))

    assert (result.exit_code == 0) is (reason is None)
    assert reason is None or reason in result.stderr
    assert len(ocpi_network.requests) == sent + (reason is None)


def move(ocpi):
    """Have the other platform's endpoints be elsewhere."""
    record = ocpi.partners.get("other-example")
    elsewhere = "https://elsewhere.example/x"
    endpoints = tuple({**endpoint, "url": elsewhere} for endpoint in record.endpoints)
    ocpi.services.platforms.save(replace(record, endpoints=endpoints, versions_url=elsewhere), before=record)


def test_registration_is_not_sent_again(run, pushed, ocpi_network):
    sent = len(ocpi_network.requests)
    for entry in latest(pushed.storage, Search(), 99):
        if entry.message.module == "credentials":
            assert entry.message.direction is Direction.OUT
            assert "use register, rotate or unregister" in run(pushed, "replay", str(entry.number)).stderr

    assert len(ocpi_network.requests) == sent


@pytest.mark.parametrize("config", [{"OCPI_JOURNAL_BODY_BYTES": 100}, {"OCPI_JOURNAL_HIDDEN": ["city"]}], ids=str)
def test_message_that_is_not_whole_is_not_sent_again(run, ocpi_network, ocpi_other, config):
    ocpi = ocpi_network.add("part.example", [("NL", "PAR", ["CPO"])], config={"OCPI_JOURNAL": "all", **config})
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi.save("locations", documents.location(party_id="PAR"))
    ocpi.push("locations", "LOC1")

    result = run(ocpi, "replay", str(last(ocpi).number))

    assert result.exit_code == 1
    assert "The journal has only a part of this message." in result.stderr


def test_messages_of_commands_are_in_the_journal(run, pushed):
    before = len(numbers(pushed))

    run(pushed, "push", "locations", "LOC1", "--partner", OTHER)

    assert len(numbers(pushed)) == before + 1
