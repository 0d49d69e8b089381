"""Commands that a provider sends, and the results that it is sent: the other half of group CMD."""

from __future__ import annotations

import threading
from dataclasses import replace
from urllib.parse import urlsplit

import orjson
import pytest
from flask import Response

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.modules.enums import CommandResponseType
from flask_ocpi.modules.enums import CommandResultType
from flask_ocpi.signals import result_received
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.asking import heard
from tests.conformance.asking import operator
from tests.conformance.asking import provider
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import answer
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/commands")
LATER = "2026-01-01T13:00:00Z"
TEXTS = [{"language": "en", "text": "Please wait."}]
START = {"token": token(), "location_id": "LOC1", "evse_uid": "EVSE1"}
RESERVE = {"token": token(), "expiry_date": LATER, "reservation_id": "RES1", "location_id": "LOC1"}
SEND = {
    "CANCEL_RESERVATION": lambda commands: commands.cancel_reservation("RES1"),
    "RESERVE_NOW": lambda commands: commands.reserve_now(RESERVE),
    "START_SESSION": lambda commands: commands.start_session(START),
    "STOP_SESSION": lambda commands: commands.stop_session("SES1"),
    "UNLOCK_CONNECTOR": lambda commands: commands.unlock_connector(
        {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
    ),
}
every_command = pytest.mark.parametrize("command", SEND)


class Operator:
    """A hand-made operator, NL-CPO, that is registered with a provider; its answer to commands can be set."""

    def __init__(self, network, ocpi, *, host="cpo.example", party="CPO"):
        self.peer = Peer(network, host)
        self.network = network
        self.ocpi = ocpi
        self.asked = []
        self.response = {"result": "ACCEPTED", "timeout": 30}
        self.client = add_partner(ocpi.app, [("NL", party, ["CPO"])], name=host, versions_url=self.peer.url)
        endpoints = ({"identifier": "commands", "role": "RECEIVER", "url": f"{self.peer.base}/commands"},)
        record = ocpi.partners.get(self.client.platform.id)
        self.record = ocpi.services.platforms.save(replace(record, endpoints=endpoints), before=record)
        for command in SEND:
            self.peer.answers[f"POST /commands/{command}"] = self.respond

    def respond(self):
        self.asked.append(orjson.loads(self.network.requests[-1].body))
        return answer(self.response)

    @property
    def commands(self):
        return self.ocpi.client(self.record).commands

    def post(self, url, body):
        """Post a result, as it is written, to a response_url."""
        return self.client.post(urlsplit(url).path, body)

    def finish(self, result="ACCEPTED", **more):
        """Post the result of the latest command."""
        return self.post(self.asked[-1]["response_url"], {"result": result, **more})


@pytest.fixture
def network():
    return shared_network()


@pytest.fixture
def emsp(network):
    """The provider DE-EMS."""
    return provider(network)


@pytest.fixture
def cpo(network, emsp):
    """A hand-made operator that accepts all commands."""
    return Operator(network, emsp)


def states(ocpi):
    """Return the states of all commands that a platform sent."""
    return [
        ocpi.call(record.document["id"]).state for record in ocpi.storage.list("outgoing_requests", Query()).records
    ]


# What is sent


@pytest.mark.conformance("CMD-01", "CMD-02", "CMD-11", "ROLE-05")
@every_command
def test_each_command_is_sent_with_a_response_url_of_its_own(emsp, cpo, command):
    calls = [SEND[command](cpo.commands) for _ in range(3)]

    prefix = f"https://emsp.example{SENDER}/{command}/"
    urls = [body.pop("response_url") for body in cpo.asked]
    assert [url.removeprefix(prefix) for url in urls] == [call.id for call in calls]
    assert len(set(urls)) == 3
    assert all(len(call.id) == 32 for call in calls)
    for call, body in zip(calls, cpo.asked, strict=True):
        assert (call.request, call.operation) == (body, command.lower())
        assert (call.state, call.response, call.result) == (CallState.ACCEPTED, cpo.response, None)
        assert emsp.call(call.id) == call


@pytest.mark.conformance("CMD-04", "CMD-05")
@pytest.mark.parametrize("result", list(CommandResponseType))
def test_the_response_is_kept_with_the_call(emsp, cpo, result):
    cpo.response = {"result": result, "timeout": 12, "message": TEXTS}

    call = cpo.commands.start_session(START, reference="driver 7")

    assert (call.response, call.reference) == (cpo.response, "driver 7")
    assert call.is_accepted == (result == "ACCEPTED")
    assert call.state is (CallState.ACCEPTED if result == "ACCEPTED" else CallState.REFUSED)
    assert emsp.call(call.id) == call


@pytest.mark.conformance("CMD-06", "CMD-12")
@pytest.mark.parametrize("result", ["REJECTED", "NOT_SUPPORTED", "UNKNOWN_SESSION"])
def test_no_result_is_taken_for_what_was_not_accepted(emsp, cpo, result):
    cpo.response = {"result": result, "timeout": 0}
    call = cpo.commands.start_session(START)

    check(cpo.finish(), 404, 2001)

    assert emsp.wait(call.id) == call


@pytest.mark.conformance("CMD-02", "CMD-18", "CMD-19")
@pytest.mark.parametrize(
    ("send", "message"),
    [
        (lambda commands: commands.start_session({"location_id": "LOC1"}), "token is required"),
        (lambda commands: commands.start_session({**START, "evse_uid": None, "connector_id": "1"}), "evse_uid"),
        (lambda commands: commands.start_session({**START, "token": token(party_id="XXX")}), "token: DE-XXX"),
        (lambda commands: commands.reserve_now({**RESERVE, "expiry_date": "tomorrow"}), "expiry_date"),
        (lambda commands: commands.unlock_connector({"location_id": "LOC1"}), "evse_uid is required"),
        (lambda commands: commands.stop_session("x" * 37), "session_id is longer"),
    ],
    ids=["token", "evse", "foreign token", "expiry_date", "unlock", "session_id"],
)
def test_what_is_not_valid_is_not_sent(network, emsp, cpo, send, message):
    with pytest.raises(InvalidParametersError, match=message):
        send(cpo.commands)

    assert (network.requests, states(emsp)) == ([], [])


@pytest.mark.conformance("CMD-19", "RT-26")
def test_a_command_with_a_token_is_sent_in_the_name_of_its_party(network):
    emsp = network.add("twins.example", [("DE", "EMS", ["EMSP"]), ("DE", "EMT", ["EMSP"])], config={"OCPI_DOCS": False})
    cpo = Operator(network, emsp)

    for party in ("EMT", "EMS"):
        cpo.commands.start_session({**START, "token": token(party_id=party)})

    assert [sent.headers["OCPI-from-party-id"] for sent in network.requests] == ["EMT", "EMS"]


@pytest.mark.conformance("CMD-11")
def test_without_a_public_address_there_is_no_response_url(network):
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])], config={"OCPI_DOCS": False, "OCPI_BASE_URL": None})
    cpo = Operator(network, emsp)

    with pytest.raises(ConfigurationError, match="OCPI_BASE_URL is missing"):
        cpo.commands.start_session(START)

    assert network.requests == []


@pytest.mark.conformance("CMD-11", "TYP-05")
def test_a_response_url_that_would_be_too_long_is_an_error_of_the_configuration(network):
    emsp = provider(network, OCPI_BASE_URL=f"https://emsp.example/{'x' * 200}")
    cpo = Operator(network, emsp)

    with pytest.raises(ConfigurationError, match=r"a response_url would have \d{3} characters, and OCPI allows 255"):
        cpo.commands.start_session(START)

    assert network.requests == []


@pytest.mark.conformance("CMD-11")
def test_a_platform_that_does_not_take_results_sends_no_commands(network):
    emsp = provider(network, OCPI_MODULES=["tokens:SENDER"])
    cpo = Operator(network, emsp)

    with pytest.raises(ConfigurationError, match="commands:SENDER is not served here"):
        cpo.commands.start_session(START)


def test_an_operator_without_commands_is_not_asked(emsp, cpo):
    record = emsp.services.platforms.save(replace(cpo.record, endpoints=()), before=cpo.record)

    with pytest.raises(MissingEndpointError, match="commands RECEIVER"):
        emsp.client(record).commands.start_session(START)

    assert states(emsp) == []


# What goes wrong with the answer


@pytest.mark.conformance("CMD-15", "CLI-07")
def test_a_refusal_is_raised_with_the_response(network, emsp):
    ours = operator(network)
    ours.command("START_SESSION")(lambda body, reply: "ACCEPTED")
    platform, _ = network.connect(emsp, ours)

    with pytest.raises(RefusedError) as caught:
        emsp.client(platform).commands.start_session({**START, "location_id": "NOPE"})

    assert (caught.value.status_code, caught.value.data) == (2003, {"result": "REJECTED", "timeout": 0})
    assert states(emsp) == [CallState.REFUSED]


@pytest.mark.conformance("CMD-12")
@pytest.mark.parametrize("status_code", [2001, 3000])
def test_after_a_refusal_no_result_is_taken(emsp, cpo, status_code):
    def refuse():
        cpo.respond()
        return answer(None, status_code=status_code)

    cpo.peer.answers["POST /commands/START_SESSION"] = refuse
    with pytest.raises(RefusedError):
        cpo.commands.start_session(START)

    check(cpo.finish(), 404, 2001)


@pytest.mark.conformance("CMD-12")
@pytest.mark.parametrize("trouble", ["time-out", "bad gateway", "broken response"])
def test_a_command_that_may_have_arrived_can_still_have_its_result(network, emsp, cpo, trouble):
    def respond():
        cpo.respond()
        if trouble == "bad gateway":
            return Response("<html>", 502)
        return answer({"result": "ACCEPTED"})  # without its timeout

    def lose(request, response):
        raise UnansweredError("It did not answer in time.")

    cpo.peer.answers["POST /commands/START_SESSION"] = respond
    if trouble == "time-out":
        network.after_send = lose
    expected = {"time-out": UnansweredError, "bad gateway": RefusedError, "broken response": InvalidResponseError}
    with heard(emsp) as payloads:
        with pytest.raises(expected[trouble]):
            cpo.commands.start_session(START, reference="driver 7")
        network.after_send = lambda request, response: response

        taken = cpo.finish()

    assert (taken.http_status, taken.status_code) == (200, 1000)
    assert [(payload["call"].reference, payload["result"]) for payload in payloads] == [
        ("driver 7", {"result": "ACCEPTED"})
    ]
    assert states(emsp) == [CallState.FINISHED]


@pytest.mark.conformance("HCI-09", "CLI-13")
def test_a_command_for_a_party_that_left_the_hub_is_neither_sent_nor_awaited(network, emsp):
    hub = Operator(network, emsp, host="hub.example", party="HUB")
    roles = tuple({**role, "role": "HUB"} for role in hub.record.roles)
    record = emsp.services.platforms.save(replace(hub.record, roles=roles), before=hub.record)
    info = {"country_code": "NL", "party_id": "FAR", "role": "CPO", "status": "SUSPENDED", "last_updated": LATER}
    assert hub.client.put(ocpi_url("receiver/hubclientinfo/NL/FAR"), info).status_code == 1000

    with pytest.raises(Exception, match="NL-FAR is SUSPENDED"):
        emsp.client(record, to=Party("NL", "FAR")).commands.start_session(START)

    assert (hub.asked, states(emsp)) == ([], [CallState.REFUSED])


@pytest.mark.conformance("CMD-13")
@pytest.mark.parametrize("timeout", [0, 86_400 * 30, 2**53 - 1])
def test_any_timeout_of_the_operator_is_kept(network, emsp, cpo, timeout):
    cpo.response = {"result": "ACCEPTED", "timeout": timeout}

    call = cpo.commands.stop_session("SES1")
    network.clock.advance(min(timeout, 86_400 * 365) + 86_399)
    cpo.commands.stop_session("SES2")

    assert call.response["timeout"] == timeout
    assert cpo.post(cpo.asked[0]["response_url"], {"result": "ACCEPTED"}).http_status == 200


# The result


@pytest.mark.conformance("CMD-07", "CMD-12", "T-24")
@pytest.mark.parametrize("result", list(CommandResultType))
def test_each_result_is_taken_and_told(emsp, cpo, result):
    call = cpo.commands.start_session(START)

    with heard(emsp) as payloads:
        response = cpo.finish(result, message=TEXTS)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert "data" not in response.envelope
    (payload,) = payloads
    assert payload["result"] == {"result": result, "message": TEXTS}
    assert payload["call"] == emsp.call(call.id) == emsp.wait(call.id)
    assert payload["call"].result == payload["result"]
    assert (payload["module"], payload["platform"].id, payload["late"]) == ("commands", cpo.record.id, False)


@pytest.mark.conformance("CMD-07", "CMD-12")
@pytest.mark.parametrize(
    "body", [{}, {"result": "UNKNOWN_SESSION"}, {"result": "ACCEPTED", "message": "Done"}], ids=str
)
def test_a_result_that_is_not_valid_is_refused_and_the_next_one_taken(emsp, cpo, body):
    call = cpo.commands.start_session(START)

    check(cpo.post(cpo.asked[0]["response_url"], body), 200, 2001)

    assert emsp.call(call.id).result is None
    assert cpo.finish().status_code == 1000


@pytest.mark.conformance("CMD-12")
def test_results_that_nobody_awaits_are_answered_404(network, emsp, cpo):
    other = Operator(network, emsp, host="other.example", party="OTH")
    call = cpo.commands.start_session(START)
    url = cpo.asked[0]["response_url"]
    result = {"result": "ACCEPTED"}

    with heard(emsp) as payloads:
        answers = [
            cpo.post(url.replace(call.id, "0" * 32), result),
            cpo.post(url.replace("START_SESSION", "STOP_SESSION"), result),
            cpo.post(url.replace("START_SESSION", "start_session"), result),
            cpo.post(url.replace("START_SESSION/", ""), result),
            other.post(url, result),
            cpo.post(ocpi_url(f"sender/chargingprofiles/set_profile/{call.id}"), result),
        ]

    for response in answers:
        check(response, 404, 2001)
    assert payloads == []
    assert emsp.call(call.id) == call


@pytest.mark.conformance("A-06", "CMD-08")
def test_a_result_without_a_token_is_not_taken(emsp, cpo):
    cpo.commands.start_session(START)
    stranger = PartnerClient(emsp.app, "guessed")

    response = stranger.post(urlsplit(cpo.asked[0]["response_url"]).path, {"result": "ACCEPTED"})

    check(response, 401, 2000)


@pytest.mark.conformance("CMD-12")
@EVERY_STORAGE
def test_the_same_result_twice_is_told_once_and_another_one_refused(ocpi_network, ocpi):
    cpo = Operator(ocpi_network, ocpi)
    call = cpo.commands.stop_session("SES1")

    with heard(ocpi) as payloads:
        answers = [cpo.finish("FAILED"), cpo.finish("FAILED"), cpo.finish("ACCEPTED"), cpo.finish("TIMEOUT")]

    assert [response.status_code for response in answers] == [1000, 1000, 2001, 2001]
    assert "there is a result already, FAILED" in answers[2].message
    assert [payload["result"]["result"] for payload in payloads] == ["FAILED"]
    assert ocpi.call(call.id).results == ({"result": "FAILED"},)


@pytest.mark.conformance("CMD-12", "CMD-13", "CMD-33")
def test_a_result_after_timeout_is_taken_as_late(emsp, cpo):
    call = cpo.commands.start_session(START)

    with heard(emsp) as payloads:
        answers = [cpo.finish("TIMEOUT"), cpo.finish("ACCEPTED"), cpo.finish("TIMEOUT"), cpo.finish("FAILED")]

    assert [response.status_code for response in answers] == [1000, 1000, 1000, 2001]
    assert [(payload["result"]["result"], payload["late"]) for payload in payloads] == [
        ("TIMEOUT", False),
        ("ACCEPTED", True),
    ]
    assert emsp.call(call.id).result == {"result": "ACCEPTED"}


@pytest.mark.conformance("CMD-12", "CMD-13")
def test_a_result_that_comes_late_is_taken_as_late_until_the_command_is_forgotten(network, emsp, cpo):
    cpo.response["timeout"] = 10
    first, second = (cpo.commands.start_session(START) for _ in range(2))
    network.clock.advance(10)
    with heard(emsp) as payloads:
        late = cpo.finish()
    network.clock.advance(86_421)

    too_late = cpo.post(cpo.asked[0]["response_url"], {"result": "ACCEPTED"})

    assert (late.status_code, payloads[0]["late"], payloads[0]["call"].id) == (1000, True, second.id)
    check(too_late, 404, 2001)
    cpo.commands.start_session(START)
    with pytest.raises(NotFoundError, match=first.id):
        emsp.call(first.id)


@pytest.mark.conformance("CMD-06", "CMD-12")
def test_a_result_that_comes_before_the_response_is_kept(network, emsp, cpo):
    def respond():
        cpo.respond()
        assert cpo.finish("EVSE_OCCUPIED").status_code == 1000
        return answer(cpo.response)

    cpo.peer.answers["POST /commands/START_SESSION"] = respond
    with heard(emsp) as payloads:
        call = cpo.commands.start_session(START)

    assert (call.state, call.response) == (CallState.FINISHED, cpo.response)
    assert call.result == {"result": "EVSE_OCCUPIED"}
    assert len(payloads) == 1
    assert emsp.wait(call.id, timeout=0) == call


@pytest.mark.conformance("CMD-14")
def test_a_reservation_may_be_taken_back_until_it_is_over(network, emsp, cpo):
    call = cpo.commands.reserve_now({**RESERVE, "expiry_date": "2026-01-08T12:00:00Z"})

    with heard(emsp) as payloads:
        made = cpo.finish("ACCEPTED")
        network.clock.advance(7 * 86_400)
        cpo.commands.stop_session("SES1")  # forgets what is old
        taken = cpo.post(cpo.asked[0]["response_url"], {"result": "CANCELED_RESERVATION", "message": TEXTS})

    assert (made.status_code, taken.status_code) == (1000, 1000)
    assert [(payload["call"].id, payload["result"]["result"], payload["late"]) for payload in payloads] == [
        (call.id, "ACCEPTED", False),
        (call.id, "CANCELED_RESERVATION", False),
    ]
    assert [result["result"] for result in emsp.call(call.id).results] == ["ACCEPTED", "CANCELED_RESERVATION"]


@pytest.mark.conformance("CMD-14")
def test_only_a_reservation_is_taken_back(emsp, cpo):
    cpo.commands.start_session(START)
    cpo.finish("ACCEPTED")

    check(cpo.finish("CANCELED_RESERVATION"), 200, 2001)


@pytest.mark.conformance("CMD-14", "RT-27")
def test_a_reservation_from_beginning_to_end_between_two_platforms(network, emsp):
    cpo = operator(network)
    replies = []
    cpo.command("RESERVE_NOW")(lambda body, reply: replies.append(reply) or reply.accept(lambda: "ACCEPTED"))
    platform, _ = network.connect(emsp, cpo)
    call = emsp.client(platform).commands.reserve_now(RESERVE)
    network.clock.advance(1800)

    with heard(emsp) as payloads:
        cpo.finish(replies[0].id, {"result": "CANCELED_RESERVATION", "message": TEXTS})

    assert emsp.call(call.id).results == (
        {"result": "ACCEPTED"},
        {"result": "CANCELED_RESERVATION", "message": TEXTS},
    )
    assert [payload["result"]["result"] for payload in payloads] == ["CANCELED_RESERVATION"]


def test_a_listener_that_fails_does_not_lose_the_result(emsp, cpo, caplog):
    def fail(app, **payload):
        raise ZeroDivisionError

    call = cpo.commands.start_session(START)
    with result_received.connected_to(fail, emsp.app):
        response = cpo.finish()

    assert response.status_code == 1000
    assert emsp.call(call.id).result == {"result": "ACCEPTED"}
    assert "result-received failed" in caplog.text


# Waiting for it


@pytest.mark.conformance("CMD-13")
def test_waiting_ends_with_the_operators_timeout(network, emsp, cpo):
    call = cpo.commands.start_session(START)
    network.clock.advance(30)

    with pytest.raises(NoResultError, match="start_session did not come in time"):
        emsp.wait(call.id)


def test_waiting_ends_with_the_callers_own_timeout(emsp, cpo):
    call = cpo.commands.start_session(START)

    with pytest.raises(NoResultError):
        emsp.wait(call.id, timeout=0.01)


def test_waiting_for_an_unknown_command_is_an_error(emsp):
    with pytest.raises(NotFoundError, match="There is no request 'nope' of ours"):
        emsp.wait("nope")


@EVERY_STORAGE
def test_waiting_sees_the_result_that_another_thread_takes(ocpi_network, ocpi):
    cpo = Operator(ocpi_network, ocpi)
    call = cpo.commands.stop_session("SES1")
    found = []
    waiting = threading.Thread(target=lambda: found.append(ocpi.wait(call.id, timeout=20)))
    waiting.start()

    cpo.finish("FAILED")

    waiting.join(120)
    assert [result.result for result in found] == [{"result": "FAILED"}]
