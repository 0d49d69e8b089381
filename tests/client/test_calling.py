"""Commands and charging profiles: what is accepted stays accepted, and no result is lost for a flaw in its text."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson
import pytest
from flask import Response

from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer

ASKED = "POST /2.2.1/receiver/commands/START_SESSION"
PROFILE = "PUT /2.2.1/receiver/chargingprofiles/SES1"
LIMIT = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 16.0}]}
ACCEPTED = {"result": "ACCEPTED", "timeout": 30}


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def peer(ocpi_network):
    peer = Peer(ocpi_network, parties=[("DE", "CPO", ["CPO"])])
    peer.endpoints[1:] = [peer.endpoint(module, "RECEIVER") for module in ("commands", "chargingprofiles")]
    return peer


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["EMSP", "SCSP"])]


@pytest.fixture
def client(ocpi, ocpi_network, peer):
    return ocpi.client(ocpi.partners.register(peer.url, "token-a"))


@pytest.fixture
def ours(client, ocpi_network):
    """The token that we gave to the peer."""
    (sent,) = [request for request in ocpi_network.requests if request.method == "POST" and request.body]
    return orjson.loads(sent.body)["token"]


@pytest.fixture
def start(client):
    command = start_session(token=token(country_code="NL", party_id="ABC"))
    command.pop("response_url")
    return lambda: client.commands.start_session(command)


RESPONSES = [
    ({"result": "ACCEPTED"}, 30),
    ({"result": "ACCEPTED", "timeout": None}, 30),
    ({"result": "ACCEPTED", "timeout": -1}, 30),
    ({"result": "ACCEPTED", "timeout": "soon"}, 30),
    ({"result": "ACCEPTED", "timeout": "45"}, 45),
    ({"result": "accepted", "timeout": 45.0}, 45),
    ([ACCEPTED], 30),
    ("ACCEPTED", 30),
    ({**ACCEPTED, "message": "Plug in"}, 30),
    ({**ACCEPTED, "message": {"language": "en", "text": "Plug in"}}, 30),
    ({**ACCEPTED, "message": [{"text": "x" * 9000}]}, 30),
    ({**ACCEPTED, "message": [{"language": "english", "text": "a\nb"}, 7, None]}, 30),
    ({**ACCEPTED, "message": [{"language": "en"}]}, 30),
    ({**ACCEPTED, "message": 17}, 30),
]


@pytest.mark.conformance("CMD-05")
@pytest.mark.parametrize(("data", "timeout"), RESPONSES, ids=[str(data)[:60] for data, _ in RESPONSES])
def test_accepted_request_is_accepted_whatever_comes_with_it(client, peer, start, data, timeout):
    peer.answers[ASKED] = peer.answers[PROFILE] = lambda: answer(data)

    for call in (start(), client.chargingprofiles.set("SES1", LIMIT)):
        assert (call.state, call.response["result"]) == (CallState.ACCEPTED, "ACCEPTED")
        assert call.response["timeout"] == timeout


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"timeout": 30}, "result is required"),
        ({**ACCEPTED, "result": "PERHAPS"}, "result 'PERHAPS' is not a CommandResponseType"),
        (None, "must be a JSON object"),
        ([], "must be a JSON object"),
        ([ACCEPTED, ACCEPTED], "must be a JSON object"),
    ],
    ids=["no result", "unknown", "nothing", "empty list", "two"],
)
def test_error_names_the_class_of_the_answer_and_the_call(ocpi, peer, start, data, path):
    peer.answers[ASKED] = lambda: answer(data)

    with pytest.raises(InvalidResponseError) as caught:
        start()

    call_id = caught.value.call_id
    assert "answered start_session with an object that cannot be read. Invalid CommandResponse" in str(caught.value)
    assert path in str(caught.value)
    assert ocpi.call(call_id).state is CallState.SENT, "its result may still come"


@pytest.mark.parametrize(
    ("refuse", "state"),
    [
        (lambda: answer(None, status_code=2001), CallState.REFUSED),
        (lambda: answer(None, status_code=2003, http_status=404), CallState.REFUSED),
        (lambda: Response("<h1>Bad Gateway</h1>", 502), CallState.SENT),
        (lambda: Response("", 204), CallState.SENT),
    ],
    ids=["2001", "2003", "502", "204"],
)
def test_errors_carry_the_id_of_the_call(ocpi, peer, start, refuse, state):
    peer.answers[ASKED] = refuse

    with pytest.raises(RemoteError) as caught:
        start()

    assert ocpi.call(caught.value.call_id).state is state


def test_result_of_a_call_whose_answer_was_lost_is_found_by_the_id_in_the_error(ocpi, ocpi_network, start):
    def lose(request, response):
        raise UnansweredError("Nothing came in time.")

    ocpi_network.after_send = lose
    with pytest.raises(UnansweredError) as caught:
        start()

    assert ocpi.call(caught.value.call_id).operation == "start_session"


def test_other_errors_are_of_no_call(client, peer):
    peer.answers["GET /2.2.1/nothing"] = lambda: answer(None, status_code=2000)

    with pytest.raises(RefusedError) as caught:
        client.request("GET", "https://peer.example/2.2.1/nothing")

    assert caught.value.call_id is None


@pytest.mark.conformance("CMD-12")
@pytest.mark.parametrize(
    "result",
    [
        {"result": "ACCEPTED", "message": "Charging"},
        {"result": "ACCEPTED", "message": []},
        {"result": "ACCEPTED", "message": [{"language": "nl-NL", "text": "Laadt\top\r\n"}]},
        {"result": "ACCEPTED", "message": [{"language": None, "text": None}]},
        {"result": "ACCEPTED", "message": [{"language": "en", "text": "x" * 5000}]},
        {"result": "ACCEPTED", "message": {"en": "Charging"}},
        {"result": "Accepted"},
        [{"result": "ACCEPTED"}],
        "ACCEPTED",
    ],
    ids=lambda result: str(result)[:60],
)
def test_result_is_not_lost_for_a_flaw_in_its_text(ocpi, ocpi_network, peer, start, ours, result):
    peer.answers[ASKED] = lambda: answer(ACCEPTED)
    call = start()
    (sent,) = [request for request in ocpi_network.requests if request.url.endswith("START_SESSION")]
    url = urlsplit(orjson.loads(sent.body)["response_url"]).path

    assert PartnerClient(ocpi_network.apps["platform.example"], ours).post(url, result).status_code == 1000

    assert ocpi.call(call.id).result["result"] == "ACCEPTED"
