"""Tests of the conditions that the classes of the commands module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.commands_schemas import CancelReservation
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.commands_schemas import ReserveNow
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.commands_schemas import StopSession
from flask_ocpi.modules.commands_schemas import UnlockConnector
from flask_ocpi.modules.enums import CommandResponseType
from flask_ocpi.modules.enums import CommandResultType
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token

RESPONSE_URL = "https://emsp.example.com/ocpi/2.2.1/sender/commands/START_SESSION/1?part=2"
TEXTS = [{"language": "en", "text": "Please wait."}, {"language": "nl", "text": "Even geduld."}]
RESERVE = start_session(expiry_date="2024-05-31T13:00:00Z", reservation_id="RES1")
COMMANDS = {
    CancelReservation: {"response_url": RESPONSE_URL, "reservation_id": "RES1"},
    ReserveNow: RESERVE,
    StartSession: start_session(),
    StopSession: {"response_url": RESPONSE_URL, "session_id": "SES1"},
    UnlockConnector: {
        "response_url": RESPONSE_URL,
        "location_id": "LOC1",
        "evse_uid": "3256",
        "connector_id": "1",
    },
}
with_token = pytest.mark.parametrize("schema", [ReserveNow, StartSession], ids=lambda schema: schema.__name__)


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.conformance("CMD-27")
@pytest.mark.parametrize(
    ("schema", "name"),
    [pytest.param(schema, name, id=f"{schema.__name__}.{name}") for schema in COMMANDS for name in COMMANDS[schema]],
)
def test_command_needs(schema, name):
    document = {key: value for key, value in COMMANDS[schema].items() if key != name}

    accept(schema, COMMANDS[schema])
    refuse(schema, document, f"{name} is required")


@pytest.mark.parametrize("schema", COMMANDS, ids=lambda schema: schema.__name__)
@pytest.mark.parametrize(
    "url", ["https://e.com", "http://emsp:5000/x?request=1&part=2", "https://app.example.com/anywhere/else"]
)
def test_response_url_may_be_anywhere_and_is_kept_as_it_is(schema, url):
    accept(schema, {**COMMANDS[schema], "response_url": url})


@pytest.mark.conformance("TYP-05")
@pytest.mark.parametrize("schema", COMMANDS, ids=lambda schema: schema.__name__)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/commands/START_SESSION/1", "must be an absolute http or https URL"),
        ("https://e.com/" + "x" * 242, "is longer than 255 characters (it has 256)"),
    ],
    ids=["relative", "long"],
)
def test_response_url_is_a_url(schema, url, message):
    refuse(schema, {**COMMANDS[schema], "response_url": url}, f"response_url {message}")


@pytest.mark.conformance("CMD-18")
@pytest.mark.parametrize(
    "place",
    [{}, {"evse_uid": "3256"}, {"evse_uid": "3256", "connector_id": "1"}, {"connector_id": None}],
    ids=["location", "evse", "connector", "null"],
)
def test_session_starts_at_a_location_an_evse_or_a_connector(place):
    given = {name: value for name, value in place.items() if value is not None}

    assert load(StartSession(), start_session(**place)) == start_session(**given)


@pytest.mark.conformance("CMD-18")
@pytest.mark.parametrize("evse", [{}, {"evse_uid": None}], ids=["absent", "null"])
def test_session_does_not_start_at_a_connector_of_no_evse(evse):
    document = start_session(**evse, connector_id="1")

    refuse(StartSession, document, "evse_uid is required where there is a connector_id")


@pytest.mark.conformance("CMD-19")
@with_token
@pytest.mark.parametrize("name", list(token()))
def test_token_in_a_command_is_complete(schema, name):
    incomplete = {key: value for key, value in token().items() if key != name}

    refuse(schema, {**COMMANDS[schema], "token": incomplete}, f"token.{name} is required")


@pytest.mark.conformance("CMD-19")
@with_token
@pytest.mark.parametrize("other", ["12345678905880", [token()]], ids=["uid", "list"])
def test_token_in_a_command_is_an_object(schema, other):
    came = "a string" if isinstance(other, str) else "an array"
    refuse(schema, {**COMMANDS[schema], "token": other}, f"token must be a JSON object, not {came}")


@with_token
def test_token_in_a_command_is_not_judged(schema):
    accept(schema, {**COMMANDS[schema], "token": token(valid=False, whitelist="ALWAYS")})


@pytest.mark.conformance("CMD-32")
@with_token
def test_authorization_reference_is_checked_in_the_command(schema):
    accept(schema, {**COMMANDS[schema], "authorization_reference": "AUTH-0001"})
    refuse(
        schema,
        {**COMMANDS[schema], "authorization_reference": "x" * 37},
        "authorization_reference is longer than 36 characters (it has 37)",
    )


@pytest.mark.conformance("CMD-32")
@with_token
def test_authorization_reference_means_nothing_in_a_token(schema):
    document = {**COMMANDS[schema], "token": token(authorization_reference=5)}

    loaded = load(schema(), document)

    assert loaded == document
    assert "authorization_reference" not in loaded


@pytest.mark.conformance("CMD-28")
@pytest.mark.parametrize("text", ["2024-05-31T13:00:00", "2024-05-31T13:00:00Z", "2024-05-31T13:00:00+00:00"])
def test_reservation_ends_in_utc(text):
    assert load(ReserveNow(), {**RESERVE, "expiry_date": text}) == {**RESERVE, "expiry_date": "2024-05-31T13:00:00Z"}


@pytest.mark.conformance("CMD-28")
@pytest.mark.parametrize("text", ["2024-05-31T15:00:00+02:00", "2024-05-31"])
def test_reservation_does_not_end_in_local_time(text):
    refuse(
        ReserveNow,
        {**RESERVE, "expiry_date": text},
        "expiry_date must be a UTC date and time such as 2024-05-31T12:00:00Z",
    )


def test_reservation_may_be_of_one_evse():
    accept(ReserveNow, {**RESERVE, "evse_uid": "3256"})


@pytest.mark.conformance("CMD-04")
@pytest.mark.parametrize("result", list(CommandResponseType))
def test_response_tells_the_timeout_whatever_it_is(result):
    accept(CommandResponse, {"result": str(result), "timeout": 30})
    refuse(CommandResponse, {"result": str(result)}, "timeout is required")


@pytest.mark.conformance("CMD-04")
@pytest.mark.parametrize(
    ("timeout", "message"),
    [
        (None, "must not be null"),
        ("30", "must be an integer, not a string"),
        (30.5, "must be an integer, not a fraction"),
        (-1, f"must be between 0 and {2**53 - 1}"),
    ],
    ids=["null", "text", "half", "negative"],
)
def test_timeout_is_a_number_of_seconds(timeout, message):
    accept(CommandResponse, {"result": "REJECTED", "timeout": 0})
    refuse(CommandResponse, {"result": "REJECTED", "timeout": timeout}, f"timeout {message}")


@pytest.mark.conformance("CMD-05")
@pytest.mark.parametrize(
    "document",
    [{"result": "ACCEPTED", "timeout": 30}, {"result": "ACCEPTED"}],
    ids=["response", "result"],
)
def test_message_is_a_list_of_texts(document):
    schema = CommandResponse if "timeout" in document else CommandResult

    accept(schema, {**document, "message": TEXTS})
    assert load(schema(), {**document, "message": []}) == document
    refuse(schema, {**document, "message": TEXTS[0]}, "message must be an array, not an object")
    refuse(schema, {**document, "message": ["Wait"]}, "message[0] must be a JSON object, not a string")


@pytest.mark.conformance("CMD-07")
@pytest.mark.parametrize("result", list(CommandResultType))
def test_result_needs_no_timeout(result):
    accept(CommandResult, {"result": str(result)})


@pytest.mark.conformance("CMD-07")
def test_responses_and_results_are_of_different_enums():
    with pytest.raises(InvalidParametersError, match="'UNKNOWN_SESSION' is not a CommandResultType: use ACCEPTED, "):
        load(CommandResult(), {"result": "UNKNOWN_SESSION"})
    refuse(
        CommandResponse,
        {"result": "TIMEOUT", "timeout": 30},
        "result 'TIMEOUT' is not a CommandResponseType: use NOT_SUPPORTED, REJECTED, ACCEPTED, UNKNOWN_SESSION",
    )
