"""Commands whose results come later: flask ocpi command, profile and result."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import click
import pytest

from flask_ocpi.cli.arguments import moment_ahead
from flask_ocpi.cli.arguments import token_given
from flask_ocpi.core.moments import parse_date_time
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.pending.records import OUTGOING
from flask_ocpi.host.facade import Facade
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token

OURS = {"country_code": "NL", "party_id": "ABC"}
THEIRS = {"country_code": "FR", "party_id": "OTH"}
TO = ("--partner", "FR-OTH")
START = ("command", "START_SESSION", *TO, "--token", "CARD", "--location", "LOC1")
TEXTS = [{"language": "en", "text": "Plug in the cable."}]


@pytest.fixture
def asked(connected, ocpi_other):
    """What the other platform, whose charge points accept everything, is asked for: (command, body, reply)."""
    requests = []

    def accept(name):
        @ocpi_other.command(name)
        def run(body, reply):
            requests.append((name, body, reply))
            return reply.accept(lambda: "ACCEPTED")

    for name in ("START_SESSION", "STOP_SESSION", "RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR"):
        accept(name)
    connected.save("tokens", token(uid="CARD", **OURS))
    connected.save("tokens", token(uid="CARD", type="APP_USER", **OURS))
    ocpi_other.save("locations", location(evses=[evse()], **THEIRS))
    driver = {**session()["cdr_token"], **OURS}
    ocpi_other.save("sessions", session(cdr_token=driver, **THEIRS))
    return requests


def test_commands_are_listed_as_they_are_needed(run, ocpi):
    listing = run(ocpi, "command", "--help").stdout.split("Commands:")[1]

    names = [line.split()[0] for line in listing.strip().splitlines()]
    assert names == ["START_SESSION", "STOP_SESSION", "RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR"]


def test_start_session_sends_our_token_and_prints_the_result(run, connected, asked):
    result = run(connected, *START, "--evse", "EVSE1", "--connector", "1", "--reference", "REF-1")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "START_SESSION at OTH Charging (other-example): ACCEPTED\n"
    [(name, body, _)] = asked
    assert (name, body.pop("token")) == ("START_SESSION", token(uid="CARD", **OURS))
    assert body == {
        "location_id": "LOC1",
        "evse_uid": "EVSE1",
        "connector_id": "1",
        "authorization_reference": "REF-1",
    }


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            RefusedError("Bad gateway.", status_code=0, http_status=502),
            "It may have arrived: `flask ocpi result {id}` shows the result if it comes.",
        ),
        (RefusedError("No.", status_code=2001, http_status=200), "It was call {id}; no result will come."),
    ],
    ids=["may have arrived", "refused"],
)
def test_error_tells_the_id_of_the_call(run, connected, asked, ocpi_network, error, hint):
    def fail(request):
        if request.url.endswith("/START_SESSION"):
            raise error

    ocpi_network.before_send = fail

    result = run(connected, *START)

    (record,) = connected.storage.list(OUTGOING, Query()).records
    assert (result.exit_code, result.stderr) == (1, f"Error: {error}\n{hint.format(id=record.document['id'])}\n")


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["STOP_SESSION", "--session", "SES1"], {"session_id": "SES1"}),
        (["UNLOCK_CONNECTOR", "--location", "LOC1", "--evse", "EVSE1", "--connector", "1"],
         {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}),
        (["reserve_now", "--token", "CARD:app_user", "--location", "LOC1", "--reservation", "R1",
          "--expiry", "2026-01-01T14:00:00Z"],
         {"location_id": "LOC1", "reservation_id": "R1", "expiry_date": "2026-01-01T14:00:00Z",
          "token": token(uid="CARD", type="APP_USER", **OURS)}),
    ],
    ids=["stop", "unlock", "reserve"],
)  # fmt: skip
def test_each_command_sends_what_its_options_say(run, connected, asked, args, body):
    result = run(connected, "command", *args, *TO)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [(name, sent) for name, sent, _ in asked] == [(args[0].upper(), body)]


def test_a_reservation_is_made_and_cancelled(run, connected, asked):
    place = ["--token", "CARD", "--location", "LOC1", "--reservation", "R1", "--expiry", "2026-01-01T14:00:00Z"]
    run(connected, "command", "RESERVE_NOW", *TO, *place)

    result = run(connected, "command", "CANCEL_RESERVATION", *TO, "--reservation", "R1")

    assert result.stdout == "CANCEL_RESERVATION at OTH Charging (other-example): ACCEPTED\n"
    assert [name for name, _, _ in asked] == ["RESERVE_NOW", "CANCEL_RESERVATION"]


def test_the_whole_command_may_come_from_stdin_and_options_override_it(run, connected, asked):
    body = {"token": token(uid="AD-HOC", type="AD_HOC_USER", **OURS), "location_id": "LOC9", "evse_uid": "EVSE1"}

    result = run(
        connected, "command", "START_SESSION", *TO, "--body", "-", "--location", "LOC1", input=json.dumps(body)
    )

    assert result.exit_code == 0
    assert [sent for _, sent, _ in asked] == [{**body, "location_id": "LOC1"}]


def test_json_shows_response_and_result(run, connected, asked):
    result = run(connected, *START, "--json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert answer == {
        "id": answer["id"],
        "operation": "START_SESSION",
        "platform": "other-example",
        "response": {"result": "ACCEPTED", "timeout": 30},
        "result": {"result": "ACCEPTED"},
    }
    assert connected.call(answer["id"]).result == {"result": "ACCEPTED"}


def test_a_result_that_is_not_accepted_fails_and_shows_its_messages(run, connected, ocpi_other, asked):
    @ocpi_other.command("START_SESSION")
    def fail(body, reply):
        return reply.accept(lambda: {"result": "EVSE_OCCUPIED", "message": TEXTS})

    result = run(connected, *START)

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "START_SESSION at OTH Charging (other-example): EVSE_OCCUPIED\n  Plug in the cable. (en)\n"
    )


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_command_that_is_refused_at_once_fails(run, connected, asked, as_json):
    result = run(connected, "command", "STOP_SESSION", *TO, "--session", "SES9", *["--json"] * as_json)

    assert (result.exit_code, result.stderr) == (1, "")
    if as_json:
        answer = json.loads(result.stdout)
        assert (answer["response"]["result"], answer["result"]) == ("UNKNOWN_SESSION", None)
    else:
        assert result.stdout == "STOP_SESSION at OTH Charging (other-example) is refused: UNKNOWN_SESSION\n"


@pytest.mark.conformance("CMD-15")
def test_an_unknown_location_is_an_error(run, connected, asked):
    result = run(connected, *START[:-1], "LOC9")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "answered 2003 (HTTP 200): There is no location 'LOC9' here." in result.stderr


@pytest.fixture
def later(ocpi_other, asked):
    """The replies of the other platform, whose charge points take their time."""
    replies = []

    @ocpi_other.command("START_SESSION")
    def wait(body, reply):
        replies.append(reply)
        return "ACCEPTED"

    return replies


def test_the_result_is_waited_for(run, connected, ocpi_other, later, monkeypatch):
    wait = connected.wait

    def finished_meanwhile(self, id, timeout):
        monkeypatch.undo()
        ocpi_other.finish(later[0].id, "FAILED")
        return wait(id, timeout)

    monkeypatch.setattr(Facade, "wait", finished_meanwhile)

    result = run(connected, *START)

    assert (result.exit_code, result.stdout) == (1, "START_SESSION at OTH Charging (other-example): FAILED\n")


def test_a_result_that_does_not_come_is_an_error_that_says_where_to_look(run, connected, ocpi_other, later):
    result = run(connected, *START, "--wait", "0")

    [id] = [line.split("`")[1].split()[-1] for line in result.stderr.splitlines() if "ocpi result" in line]
    ocpi_other.finish(later[0].id, "ACCEPTED")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "Error: START_SESSION: no result came in 0 s.\nIt is posted to https://platform.example: is this app running "
    )
    assert run(connected, "result", id).stdout == "START_SESSION at OTH Charging (other-example): ACCEPTED\n"


def test_without_waiting_the_response_counts(run, connected, later):
    result = run(connected, *START, "--no-wait")

    assert (result.exit_code, result.stderr) == (0, "")
    first, _, hint = result.stdout.splitlines()
    assert first == "START_SESSION at OTH Charging (other-example) is accepted; its result is to come."
    assert run(connected, *hint.split()[2:], "--no-wait").stdout == result.stdout


def test_the_result_of_a_platform_that_is_gone_is_still_shown(run, connected, asked):
    id = json.loads(run(connected, *START, "--json").stdout)["id"]
    connected.services.platforms.delete(connected.partners.find("FR-OTH"))

    result = run(connected, "result", id)

    assert (result.exit_code, result.stdout) == (0, "START_SESSION at other-example: ACCEPTED\n")


def test_a_request_that_nobody_answered_shows_that(run, connected, ocpi_network, asked):
    del ocpi_network.apps["other.example"]
    unreachable = run(connected, "command", "STOP_SESSION", *TO, "--session", "SES1")
    [record] = connected.storage.list("outgoing_requests", Query()).records

    result = run(connected, "result", record.document["id"], "--no-wait")

    hint = f"It may have arrived: `flask ocpi result {record.document['id']}` shows the result if it comes."
    error = "Error: There is no platform at other.example."
    assert (unreachable.exit_code, unreachable.stderr) == (1, f"{error}\n{hint}\n")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == "STOP_SESSION at OTH Charging (other-example) is not answered, but may have arrived.\n"


def test_a_request_that_was_answered_with_an_error_shows_that(run, connected, asked):
    run(connected, *START[:-1], "LOC9")
    [record] = connected.storage.list("outgoing_requests", Query()).records

    result = run(connected, "result", record.document["id"])

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == "START_SESSION at OTH Charging (other-example) is refused, with an error.\n"


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["START_SESSION", *TO], 2, "Missing option '--token' (or token in --body)."),
        (["START_SESSION", *TO, "--token", "CARD"], 2, "Missing option '--location' (or location_id in --body)."),
        (["START_SESSION", "--token", "CARD", "--location", "LOC1"], 2, "Missing option '--partner'"),
        (["STOP_SESSION", *TO], 2, "Missing option '--session' (or session_id in --body)."),
        (["UNLOCK_CONNECTOR", *TO, "--location", "LOC1", "--evse", "EVSE1"], 2, "Missing option '--connector'"),
        (["START_SESSION", *TO, "--token", "NONE", "--location", "LOC1"], 1, "Error: There is no own token NONE."),
        (["START_SESSION", *TO, "--token", "CARD:X", "--location", "LOC1"], 2, "'X' is not a type of tokens: use"),
        (["START_SESSION", *TO, "--token", "CARD", "--location", "LOC1", "--connector", "1"], 1,
         "Error: Invalid start_session: evse_uid is required where there is a connector_id."),
        (["STOP_SESSION", "--partner", "nobody", "--session", "SES1"], 1, "Error: There is no platform 'nobody'."),
        (["RESERVE_NOW", *TO, "--expiry", "soon"], 2, "'soon' must be a UTC date and time such as"),
        (["STOP_SESSION", *TO, "--session", "SES1", "--wait", "-1"], 2, "Invalid value for '--wait'"),
        (["STOP_SESSION", *TO, "--session", "SES1", "--party", "X"], 2, "'X' is not a party"),
        (["STOP", *TO], 2, "No such command 'STOP'"),
    ],
    ids=["token", "location", "to", "session", "connector", "no token", "type", "class", "platform", "expiry", "wait",
         "party", "command"],
)  # fmt: skip
def test_a_command_says_what_is_wrong(run, connected, asked, args, exit_code, message):
    result = run(connected, "command", *args)

    assert (result.exit_code, result.stdout, asked) == (exit_code, "", [])
    assert message in result.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [("{", "<stdin> is not valid JSON (line 1, column 2)"), ("[]", "<stdin> must hold a JSON object.")],
    ids=["syntax", "array"],
)
def test_a_body_has_to_be_a_json_object(run, connected, asked, body, message):
    result = run(connected, "command", "STOP_SESSION", *TO, "--body", "-", input=body)

    assert (result.exit_code, asked) == (1, [])
    assert message in result.stderr


@pytest.fixture
def shared(ocpi_network, ocpi, ocpi_other):
    """A platform with two CPOs, registered with the one at platform.example."""
    two = ocpi_network.add("two.example", [("BE", "ONE", ["CPO"]), ("BE", "TWO", ["CPO"])])
    ocpi_network.connect(two, ocpi)

    @two.command("STOP_SESSION")
    def stop(body, reply):
        return reply.accept(lambda: "ACCEPTED")

    for party in ("ONE", "TWO"):
        driver = {**session()["cdr_token"], **OURS}
        two.save("sessions", session(country_code="BE", party_id=party, id=party, cdr_token=driver))
    return next(platform.id for platform in ocpi.partners.list())


def test_the_party_of_a_platform_with_several_is_asked_for(run, ocpi, shared):
    result = run(ocpi, "command", "STOP_SESSION", "--partner", shared, "--session", "TWO")

    assert result.exit_code == 2
    assert f"{shared} speaks for BE-ONE, BE-TWO: name one of them with --to-party." in result.stderr


@pytest.mark.parametrize(
    "to", [["--partner", "be-two"], ["--partner", "BE-ONE", "--to-party", "BE-TWO"]], ids=["by name", "by option"]
)
def test_the_party_that_is_named_gets_the_command(run, ocpi, shared, to):
    result = run(ocpi, "command", "STOP_SESSION", *to, "--session", "TWO")

    assert result.stdout.endswith(": ACCEPTED\n")


def test_the_own_party_is_asked_for_where_there_are_several(run, ocpi_network, ocpi_other):
    several = ocpi_network.add("several.example", [("NL", "AAA", ["EMSP"]), ("NL", "BBB", ["EMSP"])])
    ocpi_network.connect(several, ocpi_other)

    result = run(several, "command", "STOP_SESSION", *TO, "--session", "SES1")

    assert result.exit_code == 2
    assert "Name your party with --party: NL-AAA, NL-BBB." in result.stderr


@pytest.fixture
def profiles(ocpi_other, asked):
    """What the other platform is asked for by charging profiles."""
    requests = []
    active = {
        "start_date_time": "2026-01-01T12:00:00Z",
        "charging_profile": {
            "charging_rate_unit": "A",
            "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 6.5}],
        },
    }

    @ocpi_other.charging_profile("PUT")
    def set_profile(body, reply):
        requests.append(body)
        return reply.accept(lambda: "ACCEPTED")

    @ocpi_other.charging_profile("DELETE")
    def clear_profile(body, reply):
        requests.append(body)
        return reply.accept(lambda: "UNKNOWN")

    @ocpi_other.charging_profile("GET")
    def get_profile(body, reply):
        requests.append(body)
        return reply.accept(lambda: {"result": "ACCEPTED", "profile": active})

    return requests


def test_a_limit_becomes_a_profile(run, connected, profiles):
    result = run(connected, "profile", "set", "SES1", *TO, "--limit", "7200", "--unit", "w", "--duration", "900")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Setting the profile at OTH Charging (other-example): ACCEPTED\n"
    [asked] = profiles
    assert asked["session_id"] == "SES1"
    assert asked["charging_profile"] == {
        "start_date_time": "2026-01-01T12:00:00.000Z",
        "duration": 900,
        "charging_rate_unit": "W",
        "charging_profile_period": [{"start_period": 0, "limit": 7200}],
    }


def test_a_whole_profile_comes_from_a_file(run, connected, profiles, tmp_path):
    profile = {"charging_rate_unit": "A", "min_charging_rate": 6}
    (tmp_path / "profile.json").write_text(json.dumps(profile))

    result = run(connected, "profile", "set", "SES1", *TO, "--body", str(tmp_path / "profile.json"))

    assert result.exit_code == 0
    assert [asked["charging_profile"] for asked in profiles] == [profile]


def test_an_active_profile_is_shown(run, connected, profiles):
    result = run(connected, "profile", "GET", "SES1", *TO, "--duration", "900")

    assert result.stdout.splitlines() == [
        "Asking for the profile at OTH Charging (other-example): ACCEPTED",
        "  from      0 s  16 A",
        "  from    600 s  6.5 A",
    ]
    assert [asked["duration"] for asked in profiles] == [900]


def test_a_profile_that_could_not_be_cleared_fails(run, connected, profiles):
    result = run(connected, "profile", "clear", "SES1", *TO, "--json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["operation"], answer["result"]) == (1, "clear_profile", {"result": "UNKNOWN"})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["set", "SES1", *TO], "Give either --limit or --body."),
        (["set", "SES1", *TO, "--limit", "7", "--body", "-"], "Give either --limit or --body."),
        (["set", "SES1", *TO, "--limit", "-7"], "Invalid value for '--limit'"),
        (["set", "SES1", *TO, "--limit", "7", "--unit", "kW"], "Invalid value for '--unit'"),
        (["get", *TO], "Missing argument 'SESSION'"),
        (["clear", "SES1"], "Missing option '--partner'"),
    ],
    ids=["nothing", "both", "limit", "unit", "session", "to"],
)
def test_profile_says_what_is_wrong(run, connected, profiles, args, message):
    result = run(connected, "profile", *args)

    assert (result.exit_code, result.stdout, profiles) == (2, "", [])
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "ids"),
    [("CARD", ("CARD",)), ("CARD:rfid", ("CARD", "RFID")), ("A:B:OTHER", ("A:B", "OTHER")), (None, None)],
    ids=["uid", "type", "colons", "none"],
)
def test_tokens_are_named_by_uid_and_type(text, ids):
    assert token_given(None, None, text) == ids


@pytest.mark.parametrize(
    ("text", "ahead"), [("90s", 90), ("30m", 1800), ("2H", 7200), ("1d", 86400)], ids=["s", "m", "h", "d"]
)
def test_a_moment_may_be_some_time_ahead(text, ahead):
    before = datetime.now(UTC) + timedelta(seconds=ahead)

    micros = parse_date_time(moment_ahead(None, None, text))[1]

    assert 0 <= micros / 1e6 - before.timestamp() + 0.001 < 60


@pytest.mark.parametrize("text", ["30", "m", "30 m", "1234567s"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(click.BadParameter, match="must be a UTC date and time"):
        moment_ahead(None, None, text)
