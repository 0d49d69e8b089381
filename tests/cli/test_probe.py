"""The command that checks the platform of a partner."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from scripts import probe_table
from tests.probe.conftest import with_headers


def untyped(request, response):
    """Answer the list of locations as text, with markup in a header."""
    if request.url.startswith("https://other.example/") and "/sender/locations" in request.url:
        return with_headers(response, Content_Type="<script>alert('x')</script>&\x1b[31m")
    return response


def missing_routing(request, response):
    """Refuse the routing headers of requests for lists."""
    if "/sender/" in request.url and "OCPI-to-party-id" in request.headers:
        return type(response)(400, {}, b'{"status_code": 2001, "status_message": "No."}', response.url)
    return response


def test_probe_of_a_sound_platform_says_so(run, connected):
    result = run(connected, "probe", "FR-OTH")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("other-example (https://other.example/ocpi/versions), OCPI 2.3.0\n\n")
    assert " 0 WARN, 0 FAIL, " in result.stdout
    assert "SKIP" not in result.stdout.splitlines()[2:-1]


def test_probe_shows_all_checks_when_told_to(run, connected):
    lines = run(connected, "probe", "other-example", "--all").stdout.splitlines()

    assert "PASS versions.list: 2.2.1, 2.3.0" in lines
    assert any(line.startswith("SKIP date.from (") for line in lines)


def test_probe_with_a_failure_says_what_was_seen_and_exits_with_1(run, connected, ocpi_network):
    ocpi_network.after_send = untyped

    result = run(connected, "probe", "other-example")

    assert result.exit_code == 1
    assert "FAIL message.type: " in result.stdout
    assert "The Content-Type of answers is application/json. [Transport and format: Response format]" in result.stdout
    assert result.stderr.startswith("Error: 1 check failed.\nSend the report to the partner")


def test_probe_answers_json(run, connected):
    answer = json.loads(run(connected, "probe", "other-example", "--json").stdout)

    first = answer["checks"][0]
    assert (answer["ok"], answer["partner"], answer["version"]) == (True, "other-example", "2.3.0")
    assert (first["check"], first["outcome"], first["seen"]) == ("versions.answer", "PASS", "HTTP 200, 1000")
    assert first["section"] == "Versions: Version information endpoint"
    assert answer["counts"]["FAIL"] == 0


def test_probe_writes_junit_and_html_with_everything_escaped(run, connected, ocpi_network, tmp_path):
    ocpi_network.after_send = untyped
    junit, page = tmp_path / "probe.xml", tmp_path / "probe.html"

    result = run(connected, "probe", "other-example", "--junit", str(junit), "--html", str(page))

    suite = ET.fromstring(junit.read_text())  # noqa: S314 - our own file
    failed = [case for case in suite if case.find("failure") is not None]
    assert result.exit_code == 1
    assert [case.get("name") for case in failed] == ["message.type"]
    assert suite.get("failures") == "1"
    assert "<script>" in failed[0].find("failure").get("message")
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_probe_of_an_address_takes_its_token(run, ocpi, ocpi_other):
    _, token = ocpi_other.partners.invite(name="Somebody", roles=["CPO"])

    result = run(ocpi, "probe", ocpi_other.versions_url, "--token", "-", "--all", input=f"{token}\n")

    assert result.exit_code == 0, result.stdout
    assert "PASS versions.answer: HTTP 200, 1000" in result.stdout
    assert "SKIP page.answer (" in result.stdout
    assert token not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["https://other.example/ocpi/versions"], "An address needs the token that it accepts."),
        (["other-example", "--token", "x"], "Give a token only with a versions URL: that of a partner is known."),
        (["other-example", "--version", "9.9"], "OCPI 9.9 is not served here"),
        (["nobody"], "There is no platform 'nobody'"),
        (["https://other.example/v", "--token", "x", "--save"], "Give --save only with the id of a partner"),
        (["https://other.example/v", "--token", "x", "--write", "--yes"], "Only a partner that is registered"),
    ],
    ids=["no token", "needless token", "version", "unknown", "save", "write"],
)
def test_probe_says_what_is_missing(run, connected, arguments, message):
    result = run(connected, "probe", *arguments)

    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_save_asks_and_sets_the_quirks(run, connected, ocpi_network):
    ocpi_network.after_send = missing_routing

    refused = run(connected, "probe", "other-example", "--save", input="n\n")
    assert connected.partners.quirks("other-example") == {}
    result = run(connected, "probe", "other-example", "--save", input="y\n")

    assert "Set these quirks of other-example?\n  no-routing-headers: off -> on" in refused.stderr
    assert "no-routing-headers=on  It refuses requests with routing headers." in result.stdout
    assert connected.partners.quirks("other-example") == {"no-routing-headers": True}
    assert [(action.what, action.object) for action in connected.actions.list()] == [
        ("flask ocpi probe", "no-routing-headers=on")
    ]


def test_save_without_a_proposal_changes_nothing(run, connected):
    result = run(connected, "probe", "other-example", "--save")

    assert "No quirk is proposed." in result.stderr
    assert connected.partners.quirks("other-example") == {}


def test_write_asks_first(run, connected, ocpi_network):
    refused = run(connected, "probe", "other-example", "--write", input="n\n")
    ocpi_network.requests.clear()
    result = run(connected, "probe", "other-example", "--write", "--yes", "--all")

    assert refused.exit_code == 1
    assert "Is it a test partner?" in refused.stderr
    assert {request.method for request in ocpi_network.requests} == {"GET", "PUT", "PATCH", "DELETE", "POST"}
    assert "PASS handshake.renewed: HTTP 200, 1000" in result.stdout
    assert " 0 WARN, 0 FAIL, " in result.stdout


def test_requests_of_a_probe_are_one_conversation_of_the_journal_without_the_token(run, connected, ocpi_network):
    ocpi_network.after_send = missing_routing

    id = json.loads(run(connected, "probe", "other-example", "--json").stdout)["correlation_id"]
    listed = json.loads(run(connected, "journal", "--correlation", id, "--json").stdout)

    token = connected.services.platforms.cipher.decrypt(connected.partners.find("other-example").token)
    refused = [message for message in listed[0]["messages"] if message["http_status"] == 400]
    assert {message["module"] for message in refused} >= {"locations", "tariffs", "tokens"}
    assert token not in json.dumps(listed)


def test_table_on_the_page_is_that_of_the_code():
    assert probe_table.PAGE.read_text() == probe_table.page(), f"Run {probe_table.COMMAND}."
