"""The example of a provider that passes charging profiles on: three platforms, SCSP - eMSP - CPO."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest
from flask import Flask

from examples.relay import create_app
from flask_ocpi import Call
from flask_ocpi import NoResultError
from flask_ocpi import RefusedError
from flask_ocpi import abort
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.signals import object_received
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import set_charging_profile
from tests.closing import close
from tests.examples.relayed import Chain
from tests.examples.relayed import own_ids

PROFILE = set_charging_profile()["charging_profile"]
ACTIVE = {"start_date_time": "2026-01-01T12:00:00Z", "charging_profile": PROFILE}


class Operation(NamedTuple):
    """One of the three requests: how it is made, what the operator is asked then, and a result of it."""

    method: str
    ask: Callable[[Any, str], Call]
    asked: dict[str, Any]
    result: dict[str, Any]


SET = Operation(
    "PUT", lambda profiles, id: profiles.set(id, PROFILE), {"charging_profile": PROFILE}, {"result": "ACCEPTED"}
)
GET = Operation(
    "GET",
    lambda profiles, id: profiles.get_active(id, duration=900),
    {"duration": 900},
    {"result": "ACCEPTED", "profile": ACTIVE},
)
CLEAR = Operation("DELETE", lambda profiles, id: profiles.clear(id), {}, {"result": "ACCEPTED"})

EACH_OPERATION = pytest.mark.parametrize("operation", [SET, GET, CLEAR], ids=["set", "get", "clear"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = Chain(
        {
            "SECRET_KEY": "of this test",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path_factory.mktemp('relay') / 'relay.sqlite3'}",
            "OCPI_BASE_URL": "https://emsp.example",
            "OCPI_DISPATCHER": "inline",
            "TESTING": True,
        }
    )
    yield chain
    close(chain.relay)


@pytest.fixture
def chain(built: Chain) -> Chain:
    built.reset()
    return built


@pytest.mark.conformance("ROLE-06", "CHP-21")
@EACH_OPERATION
def test_request_and_later_result_are_passed_on(chain: Chain, operation: Operation) -> None:
    chain.answer = {"result": "ACCEPTED", "timeout": 77}

    call = operation.ask(chain.profiles, chain.own_id)

    assert call.response == {"result": "ACCEPTED", "timeout": 77}
    assert [was for was, _ in chain.asked] == [{"session_id": "SES1", **operation.asked}]
    with pytest.raises(NoResultError):
        chain.result_of(call)

    assert chain.finish(operation.result) is True
    assert chain.result_of(call) == operation.result


@pytest.mark.conformance("ROLE-06", "CHP-21")
@EACH_OPERATION
def test_result_that_is_there_before_the_answer_is_passed_on(chain: Chain, operation: Operation) -> None:
    chain.answer = lambda reply: reply.accept(lambda: operation.result)

    call = operation.ask(chain.profiles, chain.own_id)

    assert chain.result_of(call) == operation.result


@pytest.mark.conformance("ROLE-06")
@pytest.mark.parametrize("result", ["REJECTED", "UNKNOWN"])
def test_result_is_passed_on_as_it_is(chain: Chain, result: str) -> None:
    call = chain.profiles.set(chain.own_id, PROFILE)

    chain.finish(result)

    assert chain.result_of(call) == {"result": result}


@pytest.mark.conformance("ROLE-06", "CHP-21", "RT-27")
@EACH_OPERATION
def test_each_leg_has_its_own_ids_and_urls(chain: Chain, operation: Operation) -> None:
    operation.ask(chain.profiles, chain.own_id)
    chain.finish(operation.result)

    to_relay, to_operator, result_to_relay, result_to_planner = chain.network.requests
    assert [request.method for request in chain.network.requests] == [operation.method] * 2 + ["POST"] * 2
    assert urlsplit(to_relay.url).netloc == urlsplit(result_to_relay.url).netloc == "emsp.example"
    assert (urlsplit(to_operator.url).netloc, urlsplit(result_to_planner.url).netloc) == ("cpo.example", "scsp.example")
    for request in (to_operator, result_to_relay):
        assert chain.own_id not in everything(request)
        assert "scsp.example" not in everything(request)
    for request in (to_relay, result_to_planner):
        assert "SES1" not in everything(request)
        assert "cpo.example" not in everything(request)
    assert parties(to_operator) == "DE-EMS to NL-ABC"
    assert parties(result_to_planner) == "DE-EMS to NL-SCP"
    assert to_operator.headers["X-Correlation-ID"] == to_relay.headers["X-Correlation-ID"]


def everything(request: Request) -> str:
    return unquote(request.url) + str(request.headers) + (request.body or b"").decode()


def parties(request: Request) -> str:
    sender, to = (
        "-".join(request.headers[f"OCPI-{side}-{part}"] for part in ("country-code", "party-id"))
        for side in ("from", "to")
    )
    return f"{sender} to {to}"


@pytest.mark.conformance("ROLE-06", "CHP-06")
@pytest.mark.parametrize("refusal", ["REJECTED", "NOT_SUPPORTED", "TOO_OFTEN", "UNKNOWN_SESSION"])
@EACH_OPERATION
def test_refusal_by_the_operator_is_passed_on(chain: Chain, operation: Operation, refusal: str) -> None:
    chain.answer = {"result": refusal, "timeout": 3}

    call = operation.ask(chain.profiles, chain.own_id)

    assert (call.state, call.response) == ("REFUSED", {"result": refusal, "timeout": 3})
    assert chain.pending() == 0


@pytest.mark.conformance("CHP-07")
def test_session_that_the_operator_has_no_more_is_unknown(chain: Chain) -> None:
    chain.operator.delete("sessions", "SES1")

    call = chain.profiles.set(chain.own_id, PROFILE)

    assert call.response["result"] == "UNKNOWN_SESSION"
    assert len(chain.requests_to("cpo.example")) == 1


@pytest.mark.conformance("CHP-07", "CHP-21")
@pytest.mark.parametrize("session_id", ["SES1", "nonsense"], ids=["of_the_operator", "of_nobody"])
def test_session_that_the_relay_does_not_know_is_unknown(chain: Chain, session_id: str) -> None:
    call = chain.profiles.set(session_id, PROFILE)

    assert call.response["result"] == "UNKNOWN_SESSION"
    assert chain.requests_to("cpo.example") == []


@pytest.mark.conformance("CLI-15", "ROLE-06")
@pytest.mark.parametrize(
    ("status_code", "http_status"),
    [(2000, 200), (2001, 200), (2002, 200), (2999, 200), (3000, 200), (3001, 200), (2001, 404)],
)
@EACH_OPERATION
def test_error_of_the_operator_is_passed_on(
    chain: Chain, operation: Operation, status_code: int, http_status: int
) -> None:
    chain.answer = lambda reply: abort(status_code, "No.", http_status=http_status)

    with pytest.raises(RefusedError) as caught:
        operation.ask(chain.profiles, chain.own_id)

    assert (caught.value.status_code, caught.value.http_status) == (status_code, http_status)
    assert chain.pending() == 0


@pytest.mark.conformance("CLI-15", "RT-20", "RT-21")
@pytest.mark.parametrize(
    ("error", "status_code"),
    [(UnansweredError, 4002), (UnreachableError, 4003), (BlockedAddressError, 4003)],
    ids=["no_answer", "unreachable", "blocked"],
)
def test_operator_that_cannot_be_asked_is_told_of(chain: Chain, error: type[Exception], status_code: int) -> None:
    def cut(request: Request) -> None:
        if urlsplit(request.url).netloc == "cpo.example":
            raise error("cut")

    chain.network.before_send = cut

    with pytest.raises(RefusedError) as caught:
        chain.profiles.set(chain.own_id, PROFILE)

    assert (caught.value.status_code, caught.value.http_status) == (status_code, 200)
    assert chain.pending() == 0


@pytest.mark.conformance("CLI-15", "RT-20")
def test_answer_that_is_not_ocpi_is_an_error_of_the_relay(chain: Chain) -> None:
    def garble(request: Request, response: Response) -> Response:
        if urlsplit(request.url).netloc == "cpo.example":
            return Response(200, {}, b"<html>", request.url)
        return response

    chain.network.after_send = garble

    with pytest.raises(RefusedError) as caught:
        chain.profiles.set(chain.own_id, PROFILE)

    assert caught.value.status_code == 4000


def test_result_that_comes_after_a_lost_answer_is_logged(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    def lose(request: Request, response: Response) -> Response:
        if urlsplit(request.url).netloc == "cpo.example":
            raise UnansweredError("lost")
        return response

    chain.network.after_send = lose
    with pytest.raises(RefusedError):
        chain.profiles.set(chain.own_id, PROFILE)

    assert chain.finish("ACCEPTED") is True
    assert "The result of set_profile is of no use" in caplog.text
    assert chain.requests_to("scsp.example") == []


def test_late_result_is_passed_on_too(chain: Chain) -> None:
    call = chain.profiles.set(chain.own_id, PROFILE)
    chain.network.clock.advance(call.response["timeout"] + 1)
    chain.ocpi.send_timeouts()

    assert chain.finish("ACCEPTED") is True
    assert chain.result_of(call) == {"result": "ACCEPTED"}


@pytest.mark.conformance("ROLE-06", "CHP-21")
def test_relay_that_was_restarted_passes_the_result_on(chain: Chain) -> None:
    call = chain.profiles.set(chain.own_id, PROFILE)
    restarted = chain.start_relay()

    chain.finish("ACCEPTED")

    assert chain.result_of(call) == {"result": "ACCEPTED"}
    assert chain.profiles.clear(chain.own_id).is_accepted
    close(restarted)


@pytest.fixture
def told(chain: Chain) -> Iterator[list[tuple[str, Any]]]:
    """What the smart charging provider is told of sessions."""
    received: list[tuple[str, Any]] = []

    def listen(app: Flask, *, session_id: str, profile: Any, **_: Any) -> None:
        received.append((session_id, profile))

    with active_charging_profile_received.connected_to(listen, chain.network.apps["scsp.example"]):
        yield received


@pytest.mark.conformance("ROLE-06", "CHP-12", "CHP-21")
def test_active_profile_is_passed_back_under_the_own_id(chain: Chain, told: list[Any]) -> None:
    chain.profiles.set(chain.own_id, PROFILE)
    chain.finish("ACCEPTED")

    chain.operator.push_active_profile("SES1", ACTIVE)

    assert told == [(chain.own_id, ACTIVE)]


@pytest.mark.conformance("CHP-12", "CHP-24")
def test_only_who_set_a_profile_is_told_of_the_active_one(chain: Chain, told: list[Any]) -> None:
    other = chain.network.add("other.example", [("FR", "SCP", ["SCSP"])])
    provider, _ = chain.network.connect(other, chain.ocpi)
    other.client(provider).chargingprofiles.set(chain.own_id, PROFILE)
    chain.finish("ACCEPTED")
    chain.profiles.set(chain.own_id, PROFILE)
    chain.finish("REJECTED")
    chain.network.requests.clear()

    chain.operator.push_active_profile("SES1", ACTIVE)

    assert told == []
    assert len(chain.requests_to("other.example")) == 1
    assert chain.requests_to("scsp.example") == []


def test_active_profile_of_a_session_that_the_relay_does_not_know_goes_nowhere(chain: Chain, told: list[Any]) -> None:
    client = chain.operator.client(chain.operator.partners.find("DE-EMS"))

    assert client.chargingprofiles.put_active("SES2", ACTIVE).http_status == 200
    assert told == []


def test_operator_is_not_held_up_by_who_cannot_be_told(chain: Chain, told: list[Any]) -> None:
    chain.profiles.set(chain.own_id, PROFILE)
    chain.finish("ACCEPTED")

    def cut(request: Request) -> None:
        if urlsplit(request.url).netloc == "scsp.example":
            raise UnreachableError("cut")

    chain.network.before_send = cut

    assert len(chain.operator.push_active_profile("SES1", ACTIVE)) == 1
    assert chain.requests_to("scsp.example")[-1].method == "PUT"
    assert told == []


def test_session_keeps_its_own_id(chain: Chain) -> None:
    chain.operator.save("sessions", session(kwh=20))
    chain.operator.push("sessions", "SES1")
    chain.operator.save("sessions", session(id="SES2"))
    chain.operator.push("sessions", "SES2")

    known = own_ids(chain.relay)

    assert known[chain.own_id] == "SES1 of NL-ABC."
    assert sorted(known.values()) == ["SES1 of NL-ABC.", "SES2 of NL-ABC."]


def test_what_is_no_session_gets_no_id(chain: Chain) -> None:
    app = chain.relay
    with app.app_context():
        object_received.send(app, module="locations", document={}, platform=chain.provider)

    assert list(own_ids(app)) == [chain.own_id]


def test_relay_keeps_everything_in_one_database(chain: Chain, tmp_path: Path) -> None:
    app = create_app({**chain.config, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'relay.sqlite3'}"})

    app.extensions["ocpi"].storage.check()

    assert own_ids(app) == {}
    close(app)
