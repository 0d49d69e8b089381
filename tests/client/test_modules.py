"""The client of each module: what is sent, and what is said before anything is."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import orjson
import pytest
from flask import Response

from flask_ocpi.client.calling import CdrsClient
from flask_ocpi.client.calling import SessionsClient
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.exchange.pending.records import OUTGOING
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token
from flask_ocpi.versions import VERSIONS
from tests.conformance.sharing import LATER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer

MODULES = ("cdrs", "chargingprofiles", "commands", "hubclientinfo", "locations", "sessions", "tariffs", "tokens")
OPERATIONS = [
    pytest.param(module, interface, operation, id=f"{module.id} {operation.name}")
    for module, interface, operation in VERSIONS[-1].operations()
    if module.id in MODULES
]


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def peer(ocpi_network):
    """A hub, which has all modules."""
    peer = Peer(ocpi_network, parties=[("DE", "HUB", ["HUB"])])
    peer.endpoints[1:] = [peer.endpoint(module, role) for module in MODULES for role in ("SENDER", "RECEIVER")]
    return peer


@pytest.fixture
def client(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a", roles=["HUB"])
    ocpi_network.requests.clear()
    return ocpi.client(platform)


@pytest.mark.conformance("CLI-05", "CLI-06")
@pytest.mark.parametrize(("module", "interface", "operation"), OPERATIONS)
def test_every_operation_can_be_called_by_its_name(client, ocpi_network, module, interface, operation):
    values = [parameter.example for parameter in operation.parameters]
    body = {"some": "thing"} if operation.body else None

    answered = client.module(module.id).call(
        operation.name, *values, role=interface.role, body=body, query={"key": "a b"}, owner=Party.of("NL", "ABC")
    )

    (request,) = ocpi_network.requests
    filled = operation.path.format(**{parameter.name: parameter.example for parameter in operation.parameters})
    assert answered.status_code == 1000
    assert request.method == operation.method
    assert urlsplit(request.url).path == f"/2.2.1/{interface.role.lower()}/{module.id}{filled}"
    assert urlsplit(request.url).query == "key=a+b"
    assert (request.body and orjson.loads(request.body)) == body
    assert ("OCPI-from-party-id" in request.headers) is not module.configuration


@pytest.mark.parametrize(("module", "interface", "operation"), OPERATIONS)
def test_path_of_an_operation_takes_so_many_values(client, ocpi_network, module, interface, operation):
    values = [parameter.example for parameter in operation.parameters]

    for given in ([*values, "more"], values[:-1]) if values else (["more"],):
        with pytest.raises(
            InvalidParametersError, match=f"The path of {operation.name} is made of .*; {len(given)} were"
        ):
            client.module(module.id).call(operation.name, *given, role=interface.role)

    assert ocpi_network.requests == []


def test_unknown_operation_is_said(client):
    with pytest.raises(MissingEndpointError, match="no such operation in tokens SENDER"):
        client.tokens.call("revoke", role=InterfaceRole.SENDER)


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_identifier_that_would_change_the_path_is_refused(client, ocpi_network, id):
    with pytest.raises(InvalidParametersError, match="must not be"):
        client.tokens.get_copy(id)

    assert ocpi_network.requests == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.tokens.get_copy(), "A token is addressed by 1 to 2 ids, not 0"),
        (lambda client: client.tokens.get_copy("1", "RFID", "x"), "A token is addressed by 1 to 2 ids, not 3"),
        (
            lambda client: client.tokens.patch(changes={"last_updated": LATER}),
            "A token is addressed by 1 to 2 ids, not 0",
        ),
        (lambda client: client.tariffs.delete(), "A tariff is addressed by 1 id, not 0"),
        (lambda client: client.tariffs.get_copy("1", "2"), "A tariff is addressed by 1 id, not 2"),
        (lambda client: client.locations.get(), "A location is addressed by 1 to 3 ids, not 0"),
        (lambda client: client.locations.get_copy("1", "2", "3", "4"), "A location is addressed by 1 to 3 ids, not 4"),
        (lambda client: client.cdrs.get_copy(), "A CDR is addressed by 1 id, not 0"),
        (lambda client: client.cdrs.get_copy("1", "2"), "A CDR is addressed by 1 id, not 2"),
        (lambda client: client.cdrs.push(cdr(), "1"), "A cdr has no parts"),
        (lambda client: client.hubclientinfo.get_copy(), "Name with owner= whom the client_info describes"),
        (lambda client: client.hubclientinfo.get_copy("EMSP", owner=Party.of("DE", "EMS")), "by no id, not 1"),
        (lambda client: client.tokens.patch("1", changes={}), "A PATCH needs last_updated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_number_of_ids_is_said_before_anything_is_sent(client, ocpi_network, call, message):
    with pytest.raises(InvalidParametersError, match=message):
        call(client)

    assert ocpi_network.requests == []


@pytest.mark.parametrize(
    ("call", "interface"),
    [
        (lambda client: client.tokens.get("1"), "tokens SENDER"),
        (lambda client: client.tokens.delete("1"), "tokens RECEIVER"),
        (lambda client: client.sessions.delete("1"), "sessions RECEIVER"),
        (lambda client: client.cdrs.put(cdr()), "cdrs RECEIVER"),
        (lambda client: client.hubclientinfo.patch(changes={"last_updated": LATER}), "hubclientinfo RECEIVER"),
        (lambda client: client.commands.list(), "commands SENDER"),
        (lambda client: client.chargingprofiles.put({}), "chargingprofiles RECEIVER"),
    ],
    ids=["get token", "delete token", "delete session", "put cdr", "patch info", "list commands", "put profile"],
)
def test_what_ocpi_does_not_offer_is_said(client, ocpi_network, call, interface):
    with pytest.raises(MissingEndpointError, match=f"OCPI has no such operation in {interface}"):
        call(client)

    assert ocpi_network.requests == []


def test_attribute_and_name_lead_to_the_same_client(client):
    assert isinstance(client.cdrs, CdrsClient)
    assert isinstance(client.sessions, SessionsClient)
    for module in MODULES:
        assert type(getattr(client, module)) is type(client.module(module))
        assert getattr(client, module).module.id == module
    with pytest.raises(AttributeError, match="has no module 'seasons'"):
        client.seasons  # noqa: B018


@pytest.mark.parametrize(
    ("module", "document", "parents", "method", "path"),
    [
        ("locations", location(), (), "PUT", "/NL/ABC/LOC1"),
        ("locations", evse(), ("LOC1",), "PUT", "/NL/ABC/LOC1/EVSE1"),
        ("tokens", token(country_code="NL", party_id="ABC", uid="1"), (), "PUT", "/NL/ABC/1"),
        ("sessions", session(), (), "PUT", "/NL/ABC/SES1"),
        ("hubclientinfo", client_info(), (), "PUT", "/DE/EMS"),
        ("cdrs", cdr(), (), "POST", ""),
    ],
    ids=["location", "evse", "token", "session", "client info", "cdr"],
)
def test_push_sends_an_object_in_the_way_of_its_module(client, ocpi_network, module, document, parents, method, path):
    client.module(module).push(document, *parents)

    (request,) = ocpi_network.requests
    assert (request.method, urlsplit(request.url).path) == (method, f"/2.2.1/receiver/{module}{path}")
    assert orjson.loads(request.body) == document


PATCHED = "PATCH /2.2.1/receiver/tokens/NL/ABC/1"
PUT = "PUT /2.2.1/receiver/tokens/NL/ABC/1"
CHANGES = {"valid": False, "last_updated": LATER}


def refusal(http_status, status_code=None):
    if status_code is None:
        return lambda: Response("<h1>No</h1>", http_status)
    return lambda: answer(None, status_code=status_code, http_status=http_status)


@pytest.fixture
def update(client):
    """Return what tells of a change of one token, by PATCH if that can be."""
    document = token(country_code="NL", party_id="ABC", uid="1")
    return lambda: client.tokens.update("1", changes=CHANGES, whole=document)


@pytest.mark.conformance("T-38", "LOC-41")
@pytest.mark.parametrize(
    "refused",
    [
        *((404, 2003), (404,), (405, 2000), (405,), (410,), (501,), (500, 3000), (502,), (400, 2001), (200, 2001)),
        *((200, 3000), (403, 2000), (422, 2002), (301,)),
    ],
    ids=str,
)
def test_patch_that_is_refused_is_followed_by_one_put(update, ocpi_network, peer, refused):
    peer.answers[PATCHED] = refusal(*refused)

    assert update().method == "PUT"

    assert [request.method for request in ocpi_network.requests] == ["PATCH", "PUT"]
    assert orjson.loads(ocpi_network.requests[1].body)["uid"] == "1"


@pytest.mark.parametrize(
    "refused", [(401,), (401, 2000), (403,), (408,), (425,), (429, 2000), (429,), (503,), (503, 3000)], ids=str
)
def test_patch_refused_for_our_token_or_for_the_moment_is_not_followed_by_a_put(update, ocpi_network, peer, refused):
    peer.answers[PATCHED] = refusal(*refused)

    with pytest.raises(RefusedError):
        update()

    assert [request.method for request in ocpi_network.requests] == ["PATCH"]


def test_put_after_a_patch_may_be_refused_as_well(update, ocpi_network, peer):
    peer.answers[PATCHED] = peer.answers[PUT] = refusal(200, 2001)

    with pytest.raises(RefusedError, match=r"^PUT "):
        update()

    assert [request.method for request in ocpi_network.requests] == ["PATCH", "PUT"]


@pytest.mark.parametrize(("http_status", "sent"), [(405, ["PUT"]), (501, ["PUT"]), (404, ["PATCH", "PUT"])])
def test_platform_without_patch_is_not_asked_for_one_again(update, ocpi_network, peer, http_status, sent):
    peer.answers[PATCHED] = refusal(http_status)
    update()
    ocpi_network.requests.clear()

    update()

    assert [request.method for request in ocpi_network.requests] == sent


def test_platform_without_patch_is_one_in_that_module_and_until_it_registers_anew(ocpi, client, ocpi_network, peer):
    tariffs = "PATCH /2.2.1/receiver/sessions/NL/ABC/SES1"
    ours = {"country_code": "NL", "party_id": "ABC"}
    for name in (PATCHED, tariffs):
        peer.answers[name] = refusal(405)
    client.tokens.update("1", changes=CHANGES, whole=token(**ours, uid="1"))
    renewed = ocpi.client(ocpi.partners.rotate(client.platform))
    ocpi_network.requests.clear()

    renewed.sessions.update("SES1", changes={"kwh": 2.0, "last_updated": LATER}, whole=session(**ours))
    renewed.tokens.update("1", changes=CHANGES, whole=token(**ours, uid="1"))

    assert [request.method for request in ocpi_network.requests] == ["PATCH", "PUT", "PATCH", "PUT"]


@pytest.mark.conformance("SES-02")
@pytest.mark.parametrize(("date_from", "sent"), [(None, "1970-01-01T00:00:00Z"), (LATER, LATER)])
def test_sessions_are_always_asked_for_from_a_date(client, ocpi_network, peer, date_from, sent):
    peer.answers["GET /2.2.1/sender/sessions"] = lambda: answer([])

    list(client.sessions.list(date_from=date_from))

    assert urlsplit(ocpi_network.requests[0].url).query == f"date_from={sent}"


@pytest.mark.parametrize("link", ["https://[next", "https://[::1", "//[x]y/"])
def test_link_that_cannot_be_read_ends_a_crawl_with_an_error(client, ocpi_network, peer, link):
    peer.answers["GET /2.2.1/sender/tokens"] = lambda: answer([token()])
    ocpi_network.after_send = lambda request, response: replace(response, headers={"Link": f'<{link}>; rel="next"'})

    with pytest.raises(InvalidResponseError, match="could not be read to its end"):
        list(client.tokens.list())

    assert [urlsplit(request.url).query for request in ocpi_network.requests] == ["", "offset=1"]


@pytest.mark.parametrize("module", ["commands", "chargingprofiles"])
def test_module_without_lists_cannot_be_pulled(ocpi, client, ocpi_network, module):
    with pytest.raises((InvalidParametersError, MissingEndpointError)):
        ocpi.pull(module, client.platform)

    assert ocpi_network.requests == []


# Charging preferences.

PREFERENCES = {"profile_type": "GREEN", "departure_time": LATER}
ASKED = "PUT /2.2.1/sender/sessions/SES1/charging_preferences"


@pytest.mark.parametrize("response", ["ACCEPTED", "DEPARTURE_REQUIRED", "NOT_POSSIBLE"])
def test_charging_preferences_are_answered_with_a_word(client, ocpi_network, peer, response):
    peer.answers[ASKED] = lambda: answer(response)

    assert client.sessions.put_charging_preferences("SES1", PREFERENCES) == response

    (request,) = ocpi_network.requests
    assert orjson.loads(request.body) == PREFERENCES


@pytest.mark.parametrize(
    ("data", "understood"),
    [
        ("Departure required", "DEPARTURE_REQUIRED"),
        (["NOT_POSSIBLE"], "NOT_POSSIBLE"),
        (PREFERENCES, "ACCEPTED"),
        ([{**PREFERENCES, "energy_need": None}], "ACCEPTED"),
    ],
    ids=repr,
)
def test_charging_preferences_that_are_answered_otherwise_are_understood(client, ocpi, peer, data, understood):
    peer.answers[ASKED] = lambda: answer(data)

    assert client.sessions.put_charging_preferences("SES1", PREFERENCES) == understood

    (entry,) = ocpi.findings.list()
    assert (entry.finding.kind, entry.finding.object) == ("mended", "SES1")


@pytest.mark.parametrize(
    "data", [None, "PERHAPS", {"result": "ACCEPTED"}, [{"profile_type": "FAST"}], ["ACCEPTED"] * 2, 7]
)
def test_charging_preferences_answered_with_anything_else(client, peer, data):
    peer.answers[ASKED] = lambda: answer(data)

    with pytest.raises(InvalidResponseError, match="answered no ChargingPreferencesResponse"):
        client.sessions.put_charging_preferences("SES1", PREFERENCES)


def test_charging_preferences_are_checked_and_may_be_refused(client, ocpi_network, peer):
    with pytest.raises(InvalidParametersError, match="profile_type is required"):
        client.sessions.put_charging_preferences("SES1", {})
    assert ocpi_network.requests == []

    peer.answers[ASKED] = lambda: answer(None, status_code=2001, http_status=404)
    with pytest.raises(RefusedError) as caught:
        client.sessions.put_charging_preferences("SES1", PREFERENCES)
    assert caught.value.http_status == 404


# Commands that nobody will answer.


@pytest.mark.conformance("CLI-13", "HCI-09")
def test_command_that_is_not_sent_waits_for_no_result(ocpi, ocpi_network, client, peer):
    info = client_info(party_id="OFF", role="CPO", status="OFFLINE")
    peer.answers["GET /2.2.1/sender/hubclientinfo"] = lambda: answer([info])
    ocpi.pull("hubclientinfo", client.platform)
    command = start_session(token=token(country_code="NL", party_id="ABC"))
    del command["response_url"]
    ocpi_network.requests.clear()

    with pytest.raises(NotConnectedError):
        ocpi.client(client.platform, to=Party.of("DE", "OFF")).commands.start_session(command)
    assert ocpi_network.requests == []

    def block(request):
        raise BlockedAddressError("Not there.")

    ocpi_network.before_send = block
    with pytest.raises(BlockedAddressError):
        client.commands.start_session(command)
    with pytest.raises(InvalidParametersError, match="session_id must not be ''"):
        client.chargingprofiles.clear("")

    records = ocpi.storage.list(OUTGOING, Query()).records
    assert [record.document["state"] for record in records] == [CallState.REFUSED] * 3
