"""The command that asks whether a token may charge."""

from __future__ import annotations

import json

import pytest

from flask_ocpi import NotEnoughInformationError
from flask_ocpi import UnreachableError
from flask_ocpi.testing.documents import token

THEIRS = {"country_code": "FR", "party_id": "OTH"}
AT = ("--partner", "FR-OTH")


@pytest.fixture
def emsp(connected, ocpi_other):
    """The platform at other.example, which issued the tokens CARD and BLOCKED."""
    ocpi_other.save("tokens", token(uid="CARD", **THEIRS))
    ocpi_other.save("tokens", token(uid="BLOCKED", valid=False, **THEIRS))
    return ocpi_other


@pytest.mark.conformance("TOK-12")
def test_authorize_asks_the_emsp(run, connected, emsp):
    @emsp.authorizer
    def decide(stored, location):
        info = {"language": "en", "text": "Welcome."}
        return {"allowed": "ALLOWED", "authorization_reference": "REF-1", "info": info, "location": location}

    result = run(connected, "authorize", "CARD", *AT, "--location", "LOC1", "--evse", "E1", "--evse", "E2")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "ALLOWED: OTH Charging (other-example) says so",
        "  contract   DE-EMS-C12E46L89",
        "  reference  REF-1",
        "  location   LOC1 E1 E2",
        "  info       Welcome. (en)",
    ]


def test_authorize_answers_json(run, connected, emsp):
    result = run(connected, "authorize", "CARD", *AT, "--json")

    answer = json.loads(result.stdout)
    assert (answer["uid"], answer["type"], answer["platform"]) == ("CARD", "RFID", "other-example")
    assert (answer["allowed"], answer["realtime"], answer["info"]["token"]["uid"]) == (True, True, "CARD")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["BLOCKED"], "BLOCKED: OTH Charging (other-example) says so"),
        (["NONE"], "OTH Charging (other-example) has no token NONE of type RFID."),
        (["CARD", "--type", "app_user"], "OTH Charging (other-example) has no token CARD of type APP_USER."),
    ],
    ids=["blocked", "unknown", "other type"],
)
def test_only_allowed_tokens_end_well(run, connected, emsp, args, line):
    result = run(connected, "authorize", *args, *AT)

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines()[0] == line


@pytest.mark.conformance("TOK-18")
def test_our_copy_decides_where_the_whitelist_says_so(run, connected, emsp):
    run(connected, "pull", "tokens", "--partner", "FR-OTH")

    copied = run(connected, "authorize", "CARD", *AT)
    asked = run(connected, "authorize", "CARD", *AT, "--ask")

    assert copied.stdout.splitlines()[0] == "ALLOWED: by our copy of the token, whose whitelist is ALLOWED"
    assert asked.stdout.splitlines()[0] == "ALLOWED: OTH Charging (other-example) says so"


@pytest.mark.conformance("TOK-11")
def test_an_emsp_that_has_to_know_the_location_gets_a_hint(run, connected, emsp):
    @emsp.authorizer
    def decide(stored, location):
        raise NotEnoughInformationError("Which location?")

    result = run(connected, "authorize", "CARD", *AT)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "It has to know where the driver is: add --location."


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["CARD"], 2, "Missing option '--partner'"),
        (["CARD", *AT, "--evse", "E1"], 2, "--evse needs --location"),
        (["CARD", *AT, "--type", "CHIP"], 2, "'CHIP' is not one of"),
        (["CARD", "--partner", "nobody"], 1, "Error: There is no platform 'nobody'."),
        (["", *AT], 1, "Error: "),
    ],
    ids=["platform", "evse", "type", "unknown platform", "no uid"],
)
def test_authorize_says_what_is_wrong(run, connected, emsp, args, exit_code, message):
    result = run(connected, "authorize", *args)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr


def test_authorize_says_that_the_emsp_refused(run, connected, emsp):
    emsp.services.platforms.delete(emsp.partners.find("NL-ABC"))

    result = run(connected, "authorize", "CARD", *AT)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "/tokens/CARD/authorize" in result.stderr
    assert "answered 2000 (HTTP 401)" in result.stderr
    assert "--location" not in result.stderr


def test_authorize_says_that_the_emsp_cannot_be_reached(run, connected, emsp, ocpi_network):
    del ocpi_network.apps["other.example"]

    result = run(connected, "authorize", "CARD", *AT)

    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: There is no platform at other.example.\n{UnreachableError.advice}\n",
    )
