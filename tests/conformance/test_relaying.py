"""Passing requests on to another platform: CLI-15 and ROLE-06, with a relaying eMSP between an SCSP and a CPO."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnknownReceiverError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.signals import active_charging_profile_received
from flask_ocpi.signals import result_received
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import set_charging_profile
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import dump
from tests.urls import ocpi_url

PROFILE = set_charging_profile()["charging_profile"]
ACTIVE = {"start_date_time": "2024-05-31T12:00:00Z", "charging_profile": PROFILE}
LOCATION = {"location_id": "LOC1"}


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def cpo(ocpi_network):
    """An operator that sets profiles."""
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])])
    cpo.save("sessions", session())
    yield cpo
    cpo.services.hooks.calls.clear()


@pytest.fixture
def scsp(ocpi_network):
    """A smart charging provider."""
    return ocpi_network.add("scsp.example", [("BE", "SCS", ["SCSP"])])


@pytest.fixture
def emsp(ocpi_network):
    """A provider between the two."""
    emsp = ocpi_network.add("emsp.example", [("DE", "EMS", ["EMSP"])])
    yield emsp
    emsp.services.hooks.calls.clear()


@pytest.fixture
def relay(ocpi_network, cpo, emsp, scsp):
    """The client of the SCSP for the eMSP, which passes profiles of session OURS on to the CPO as SES1."""
    operator, _ = ocpi_network.connect(emsp, cpo)
    provider, _ = ocpi_network.connect(scsp, emsp)

    @emsp.charging_profile("PUT")
    def put(asked, reply):
        profiles = emsp.client(operator).chargingprofiles
        return profiles.set(known_there(asked), asked["charging_profile"], reference=reply.id).response

    @emsp.charging_profile("GET")
    def get(asked, reply):
        profiles = emsp.client(operator).chargingprofiles
        return profiles.get_active(known_there(asked), duration=asked["duration"], reference=reply.id).response

    @emsp.charging_profile("DELETE")
    def delete(asked, reply):
        return emsp.client(operator).chargingprofiles.clear(known_there(asked), reference=reply.id).response

    def known_there(asked):
        assert asked["session_id"] == "OURS"
        return "SES1"

    def pass_back(app, call, result, **payload):
        emsp.finish(call.reference, result)

    ocpi_network.requests.clear()
    with result_received.connected_to(pass_back, ocpi_network.apps["emsp.example"]):
        yield scsp.client(provider)


REQUESTS = {
    "set": (lambda client: client.chargingprofiles.set("OURS", PROFILE), {"result": "ACCEPTED"}),
    "get": (
        lambda client: client.chargingprofiles.get_active("OURS", duration=60),
        {"result": "ACCEPTED", "profile": ACTIVE},
    ),
    "clear": (lambda client: client.chargingprofiles.clear("OURS"), {"result": "ACCEPTED"}),
}
METHODS = {"set": "PUT", "get": "GET", "clear": "DELETE"}
EVERY_REQUEST = pytest.mark.parametrize("request_name", REQUESTS)


@pytest.mark.conformance("ROLE-06", "CHP-21", "CLI-15")
@EVERY_REQUEST
def test_emsp_is_receiver_and_sender_at_once(ocpi_network, cpo, emsp, scsp, relay, request_name):
    ask, result = REQUESTS[request_name]
    asked = []

    @cpo.charging_profile(METHODS[request_name])
    def decide(document, reply):
        asked.append((document["session_id"], reply.platform.name))
        return reply.accept(lambda: result)

    call = ask(relay)

    assert asked == [("SES1", "EMS Charging")]
    assert call.is_accepted
    assert scsp.wait(call.id, 0).result == result
    hosts = [(request.method, request.url.split("/")[2]) for request in ocpi_network.requests]
    method = METHODS[request_name]
    assert hosts == [(method, host) for host in ("emsp.example", "cpo.example")] + [
        ("POST", host) for host in ("emsp.example", "scsp.example")
    ]


@pytest.mark.conformance("ROLE-06", "CHP-21")
def test_each_leg_has_a_response_url_of_its_own(ocpi_network, cpo, relay):
    relay.chargingprofiles.set("OURS", PROFILE)

    first, second = [orjson.loads(request.body) for request in ocpi_network.requests if request.method == "PUT"]
    assert first["charging_profile"] == second["charging_profile"] == PROFILE
    assert first["response_url"].startswith("https://scsp.example/")
    assert second["response_url"].startswith("https://emsp.example/")
    assert ocpi_network.requests[1].url.endswith("/receiver/chargingprofiles/SES1")


@pytest.mark.conformance("CLI-15", "ROLE-06")
@pytest.mark.parametrize("response", ["REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION", "NOT_SUPPORTED"])
@EVERY_REQUEST
def test_refusal_of_the_operator_is_the_answer(ocpi_network, cpo, emsp, relay, request_name, response):
    cpo.charging_profile(METHODS[request_name])(lambda document, reply: response)

    call = REQUESTS[request_name][0](relay)

    assert call.response["result"] == response
    assert [request.url.split("/")[2] for request in ocpi_network.requests] == ["emsp.example", "cpo.example"]


@pytest.mark.conformance("ROLE-06")
def test_active_profile_is_passed_on_under_our_own_session_id(ocpi_network, cpo, emsp, scsp, relay):
    cpo.charging_profile("PUT")(lambda document, reply: reply.accept(lambda: "ACCEPTED"))
    relay.chargingprofiles.set("OURS", PROFILE)
    heard = []

    def pass_on(app, session_id, profile, platform):
        assert session_id == "SES1"
        emsp.push_active_profile("OURS", profile)

    def note(app, session_id, profile, platform):
        heard.append((session_id, profile, platform.name))

    apps = ocpi_network.apps
    with (
        active_charging_profile_received.connected_to(pass_on, apps["emsp.example"]),
        active_charging_profile_received.connected_to(note, apps["scsp.example"]),
    ):
        cpo.push_active_profile("SES1", ACTIVE)

    assert heard == [("OURS", ACTIVE, "EMS Charging")]


# What the platform behind answers with an error, goes to who asked.


@pytest.mark.conformance("CLI-15", "RT-14", "RT-20")
@EVERY_REQUEST
@pytest.mark.parametrize(
    ("http_status", "code", "answered"),
    [
        (200, 2000, (200, 2000)),
        (200, 2001, (200, 2001)),
        (200, 2003, (200, 2003)),
        (404, 2004, (404, 2004)),
        (200, 2999, (200, 2999)),
        (400, 2001, (200, 2001)),
        (200, 3000, (200, 3000)),
        (500, 3001, (200, 3001)),
        (200, 4002, (200, 4002)),
        (200, 4999, (200, 4999)),
        (401, 2000, (200, 4000)),
    ],
)
def test_status_of_the_platform_behind_is_forwarded_unchanged(
    ocpi_network, emsp, relay, request_name, http_status, code, answered
):
    envelope = {"status_code": code, "status_message": "no", "timestamp": "2026-01-01T12:00:00Z", "data": {"why": [1]}}

    def refuse(request, response):
        if "cpo.example" not in request.url:
            return response
        return replace(response, status=http_status, body=orjson.dumps(envelope))

    ocpi_network.after_send = refuse
    with pytest.raises(RefusedError) as caught:
        REQUESTS[request_name][0](relay)

    assert (caught.value.http_status, caught.value.status_code) == answered
    assert caught.value.data == (None if http_status == 401 else {"why": [1]})
    assert "cpo" not in str(caught.value)
    assert dump(emsp)["incoming_requests"] == []


@pytest.mark.conformance("CLI-15", "RT-20", "RT-21")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnansweredError("https://cpo.example/ did not answer in the time allowed."), 4002),
        (UnreachableError("The connection to https://cpo.example/ was lost."), 4003),
        (InvalidResponseError("https://cpo.example/ did not answer with an OCPI envelope."), 4000),
        (BlockedAddressError("cpo.example has the address 127.0.0.1, which is not public."), 4003),
    ],
    ids=["too late", "unreachable", "no OCPI", "blocked"],
)
@EVERY_REQUEST
def test_failure_to_pass_on_is_said_in_the_codes_of_hubs(ocpi_network, emsp, relay, request_name, error, code):
    def fail(request):
        if "cpo.example" in request.url:
            raise error

    ocpi_network.before_send = fail
    with pytest.raises(RefusedError) as caught:
        REQUESTS[request_name][0](relay)

    assert (caught.value.http_status, caught.value.status_code) == (200, code)
    assert "cpo" not in str(caught.value)
    assert dump(emsp)["incoming_requests"] == []


@pytest.mark.conformance("CLI-15")
@pytest.mark.parametrize("body", [b"<html></html>", b"{}", b'{"status_code": 1000, "data": {"result": "PERHAPS"}}'])
def test_answer_that_is_none_is_a_failure_to_pass_on(ocpi_network, relay, body):
    ocpi_network.after_send = lambda request, response: (
        replace(response, body=body) if "cpo.example" in request.url else response
    )

    with pytest.raises(RefusedError) as caught:
        relay.chargingprofiles.set("OURS", PROFILE)

    assert (caught.value.http_status, caught.value.status_code) == (200, 4000)


# The same for every hook.

HOOKS = {
    "authorizer": ("POST", ocpi_url("sender/tokens/1/authorize"), LOCATION),
    "command": ("POST", ocpi_url("receiver/commands/START_SESSION"), "start_session"),
    "charging profile": ("PUT", ocpi_url("receiver/chargingprofiles/SES1"), "set_profile"),
    "charging preferences": (
        "PUT",
        ocpi_url("sender/sessions/SES1/charging_preferences"),
        {"profile_type": "FAST"},
    ),
}


@pytest.fixture
def hooked(ocpi, ocpi_app, ocpi_client):
    """A platform whose hooks all raise the error that is set, and its partner."""
    raised = []

    def fail(*arguments):
        raise raised[0]

    hooks = ocpi.services.hooks
    hooks.authorizer = hooks.charging_preferences = fail
    ocpi.command("START_SESSION")(fail)
    ocpi.charging_profile("PUT")(fail)
    ocpi.save("tokens", token(country_code="NL", party_id="ABC", uid="1"))
    ocpi.save("sessions", session())
    ocpi.save("locations", location(evses=[evse(capabilities=["CHARGING_PREFERENCES_CAPABLE"])]))
    yield raised
    hooks.authorizer = hooks.charging_preferences = None
    hooks.calls.clear()


@pytest.mark.conformance("CLI-15", "RT-14", "RT-20", "RT-21")
@pytest.mark.parametrize(
    ("error", "http_status", "code", "data"),
    [
        (RefusedError("x", status_code=2002, http_status=200), 200, 2002, None),
        (RefusedError("x", status_code=2004, http_status=404, data=["d"]), 404, 2004, ["d"]),
        (RefusedError("x", status_code=3000, http_status=500, data=False), 200, 3000, False),
        (RefusedError("x", status_code=0, http_status=502), 200, 4000, None),
        (UnknownReceiverError("DE-XXX is not known here."), 200, 4001, None),
        (UnansweredError("x"), 200, 4002, None),
        (NoResultError("x"), 200, 4002, None),
        (UnreachableError("x"), 200, 4003, None),
        (NotConnectedError("x"), 200, 4003, None),
        (MissingEndpointError("x"), 200, 4000, None),
        (InvalidResponseError("x"), 200, 4000, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_may_let_errors_of_calls_escape(ocpi, ocpi_client, hooked, hook, error, http_status, code, data):
    hooked.append(error)
    method, path, body = HOOKS[hook]
    url = "https://partner.example/result"
    bodies = {"start_session": start_session(response_url=url), "set_profile": set_charging_profile(response_url=url)}

    answered = ocpi_client.open(method, path, json=bodies.get(body, body) if isinstance(body, str) else body)

    assert answered.status_code == code
    assert answered.http_status == (200 if hook == "command" else http_status)  # its URL names nothing that is missing
    assert answered.data == data
    assert answered.message
    assert dump(ocpi)["incoming_requests"] == []
