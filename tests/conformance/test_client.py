"""How we call other platforms: group CLI of the requirements, and the handshake as its client."""

from __future__ import annotations

import base64
import uuid
from functools import partial
from urllib.parse import urlsplit

import orjson
import pytest
from flask import Response

from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response as Received
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.signals import message_exchanged
from flask_ocpi.signals import platform_registered
from flask_ocpi.signals import platform_unregistered
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer
from tests.urls import ocpi_url

own_token = partial(token, country_code="NL", party_id="ABC", uid="T/1")
CHANGES = {"last_updated": "2026-01-01T12:00:00Z"}
ROUTING = ("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def peer(ocpi_network):
    """A platform that we registered with; it is a CPO and an eMSP."""
    peer = Peer(ocpi_network, parties=[("DE", "CPO", ["CPO"]), ("DE", "EMS", ["EMSP"])])
    peer.endpoints += [
        peer.endpoint(*interface)
        for interface in (
            ("locations", "SENDER"),
            ("tokens", "SENDER"),
            ("tokens", "RECEIVER"),
        )
    ]
    return peer


@pytest.fixture
def client(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a")
    ocpi_network.requests.clear()
    return ocpi.client(platform)


def steps(network: SharedNetwork) -> list[tuple[str, str, str]]:
    """Return what was sent: method, URL without its scheme, and the token."""
    return [
        (
            request.method,
            request.url.removeprefix("https://"),
            base64.b64decode(request.headers["Authorization"].removeprefix("Token "), validate=True).decode(),
        )
        for request in network.requests
    ]


# The handshake.


@pytest.mark.conformance("CLI-01", "CLI-02", "CRED-01", "CRED-04", "CRED-14", "CRED-16")
def test_registration_uses_tokens_a_b_c_in_order(ocpi, ocpi_other, ocpi_network):
    _, a = ocpi.partners.invite(name="Other")

    there = ocpi_other.partners.register(ocpi.versions_url, a, version="2.2.1")

    (post,) = [request for request in ocpi_network.requests if request.method == "POST"]
    b = orjson.loads(post.body)["token"]
    c = ocpi_other.services.platforms.cipher.decrypt(there.token)
    assert steps(ocpi_network) == [
        ("GET", "platform.example/ocpi/versions", a),
        ("GET", "platform.example/ocpi/2.2.1", a),
        ("POST", "platform.example/ocpi/2.2.1/credentials", a),
        ("GET", "other.example/ocpi/versions", b),
        ("GET", "other.example/ocpi/2.2.1", b),
        ("GET", "platform.example/ocpi/versions", c),
        ("GET", "platform.example/ocpi/2.2.1", c),
    ]
    assert len({a, b, c}) == 3


@pytest.mark.conformance("CLI-01", "CRED-24")
def test_registration_sends_our_versions_url_and_all_our_roles(ocpi, ocpi_network):
    peer = Peer(ocpi_network)

    ocpi.partners.register(peer.url, "token-a")

    (post,) = [request for request in ocpi_network.requests if request.method == "POST"]
    body = orjson.loads(post.body)
    assert body["url"] == "https://platform.example/ocpi/versions"
    assert [(role["country_code"], role["party_id"], role["role"]) for role in body["roles"]] == [
        ("NL", "ABC", "CPO"),
        ("NL", "ABC", "EMSP"),
    ]
    assert post.headers["Content-Type"] == "application/json"


@pytest.mark.conformance("CLI-01")
def test_registration_stores_what_the_server_said(ocpi, ocpi_network):
    peer = Peer(ocpi_network)

    platform = ocpi.partners.register(peer.url, "token-a")

    assert platform == ocpi.partners.get("peer-example")
    assert platform.state is PlatformState.REGISTERED
    assert (platform.name, platform.version, platform.versions_url) == ("peer.example", "2.2.1", peer.url)
    assert list(platform.roles) == peer.roles
    assert list(platform.endpoints) == peer.endpoints
    assert ocpi.services.platforms.cipher.decrypt(platform.token) == peer.token


@pytest.mark.conformance("CLI-02", "VER-17")
def test_endpoints_are_those_that_the_server_shows_us_as_registered(ocpi, ocpi_other):
    _, token = ocpi.partners.invite(name="Other")

    platform = ocpi_other.partners.register(ocpi.versions_url, token, version="2.2.1")

    offered = [(e["identifier"], e["role"]) for e in platform.endpoints]
    own = ocpi.partners.find("FR-OTH")
    details = PartnerClient(ocpi.app, ocpi_other.services.platforms.cipher.decrypt(platform.token)).get(ocpi_url()).data
    assert offered == [(e["identifier"], e["role"]) for e in details["endpoints"]]
    assert {("credentials", "SENDER"), ("locations", "SENDER"), ("commands", "RECEIVER")} < set(offered)
    assert own.is_registered


@pytest.mark.conformance("CLI-02")
def test_list_without_credentials_does_not_replace_the_one_we_have(ocpi, ocpi_network):
    peer = Peer(ocpi_network)
    detailed = iter([peer.endpoints, peer.endpoints[1:]])
    peer.answers["GET /2.2.1"] = lambda: answer({"version": "2.2.1", "endpoints": next(detailed)})

    platform = ocpi.partners.register(peer.url, "token-a")

    assert platform.endpoint("credentials", None) == peer.endpoints[0]["url"]
    assert ocpi.partners.unregister(platform).state is PlatformState.UNREGISTERED


@pytest.mark.conformance("CLI-03", "CRED-17", "CRED-18", "CRED-29")
@pytest.mark.parametrize("initiator", ["client", "server"])
def test_renewal_changes_the_tokens_in_both_directions(ocpi, ocpi_other, ocpi_network, initiator):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    caller, platform = (ocpi_other, there) if initiator == "client" else (ocpi, here)
    peer = "platform.example" if initiator == "client" else "other.example"
    own = "other.example" if initiator == "client" else "platform.example"
    old = caller.services.platforms.cipher.decrypt(caller.partners.get(platform.id).token)
    old_hashes = {token.hash for token in caller.partners.get(platform.id).issued}
    ocpi_network.requests.clear()

    renewed = caller.partners.rotate(platform.id)

    (put,) = [request for request in ocpi_network.requests if request.method == "PUT"]
    b = orjson.loads(put.body)["token"]
    c = caller.services.platforms.cipher.decrypt(renewed.token)
    assert steps(ocpi_network) == [
        ("GET", f"{peer}/ocpi/versions", old),
        ("GET", f"{peer}/ocpi/2.2.1", old),
        ("PUT", f"{peer}/ocpi/2.2.1/credentials", old),
        ("GET", f"{own}/ocpi/versions", b),
        ("GET", f"{own}/ocpi/2.2.1", b),
        ("GET", f"{peer}/ocpi/versions", c),
        ("GET", f"{peer}/ocpi/2.2.1", c),
    ]
    assert c != old
    assert old_hashes.isdisjoint(token.hash for token in renewed.issued)
    assert ocpi_other.pull("locations", "NL-ABC").seen == ocpi.pull("locations", "FR-OTH").seen == 0


@pytest.mark.conformance("CLI-04", "CRED-21", "CRED-22")
@pytest.mark.parametrize("initiator", ["client", "server"])
def test_unregistration_ends_both_directions(ocpi, ocpi_other, ocpi_network, initiator):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    caller, platform = (ocpi_other, there) if initiator == "client" else (ocpi, here)

    caller.partners.unregister(platform.id)

    for side in (ocpi, ocpi_other):
        (record,) = side.partners.list()
        assert (record.state, record.token, record.issued) == (PlatformState.UNREGISTERED, None, ())
        with pytest.raises(MissingEndpointError, match="not registered"):
            side.client(record)


@pytest.mark.conformance("CLI-04")
@pytest.mark.parametrize("http_status", [401, 405])
def test_unregistration_where_the_other_side_has_forgotten_us(ocpi, ocpi_network, client, peer, http_status):
    path = urlsplit(peer.endpoints[0]["url"]).path
    peer.answers[f"DELETE {path}"] = lambda: answer(None, status_code=2000, http_status=http_status)

    ended = ocpi.partners.unregister(client.platform)

    assert ended.state is PlatformState.UNREGISTERED


@pytest.mark.parametrize("http_status", [200, 404, 500])
def test_unregistration_that_is_refused_ends_nothing_unless_forced(ocpi, client, peer, http_status):
    path = urlsplit(peer.endpoints[0]["url"]).path
    peer.answers[f"DELETE {path}"] = lambda: answer(None, status_code=2000, http_status=http_status)
    with pytest.raises(RefusedError):
        ocpi.partners.unregister(client.platform)
    kept = ocpi.partners.get(client.platform.id)

    ended = ocpi.partners.unregister(client.platform, force=True)

    assert (kept.state, ended.state) == (PlatformState.REGISTERED, PlatformState.UNREGISTERED)


@pytest.mark.conformance("CRED-12")
def test_registration_is_called_off_when_the_server_names_a_party_that_is_taken(ocpi, ocpi_network, client):
    rival = Peer(ocpi_network, "rival.example", parties=[("DE", "EMS", ["EMSP"])])
    before = ocpi.partners.list()

    with pytest.raises(InvalidParametersError, match="DE-EMS is registered by another platform"):
        ocpi.partners.register(rival.url, "token-a")

    assert rival.seen[-1][0].startswith("DELETE ")
    assert ocpi.partners.list() == before


def test_renewal_with_a_party_that_is_taken_keeps_the_connection_with_the_known_parties(ocpi, ocpi_network, client):
    rival = Peer(ocpi_network, "rival.example", parties=[("DE", "RIV", ["EMSP"])])
    ocpi.partners.register(rival.url, "token-a")
    rival.roles.append({**rival.roles[0], "party_id": "CPO"})
    rival.token = "renewed-token"

    ocpi.partners.rotate("DE-RIV")

    platform = ocpi.partners.find("DE-RIV")
    assert [str(party) for party in platform.parties] == ["DE-RIV"]
    assert [role["party_id"] for role in platform.requested] == ["CPO"]
    assert ocpi.services.platforms.cipher.decrypt(platform.token) == "renewed-token"


def test_second_registration_with_the_same_platform_is_refused(ocpi, client, peer):
    with pytest.raises(InvalidParametersError, match="registered already, as platform peer-example"):
        ocpi.partners.register(peer.url, "token-a")


def test_registration_after_an_end_takes_up_the_old_record(ocpi, client, peer):
    ocpi.partners.unregister(client.platform)

    platform = ocpi.partners.register(peer.url, "token-a")

    assert platform.id == client.platform.id
    assert [p.id for p in ocpi.partners.list()] == [platform.id]


def test_attempt_whose_process_was_killed_does_not_stand_in_the_way(ocpi, ocpi_network, peer):
    class KilledError(BaseException):
        pass

    def kill(request: Request) -> None:
        if request.method == "POST":
            raise KilledError

    ocpi_network.before_send = kill
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flask_ocpi.client.registration.Registrar._restore", lambda *_: None)
        with pytest.raises(KilledError):
            ocpi.partners.register(peer.url, "token-a")
    ocpi_network.before_send = lambda request: None
    left = [platform.state for platform in ocpi.partners.list()]

    platform = ocpi.partners.register(peer.url, "token-a")

    assert left == [PlatformState.PENDING]
    assert [p.id for p in ocpi.partners.list()] == [platform.id]


def test_invitation_is_withdrawn_by_unregistering(ocpi, ocpi_app, peer):
    invited, token = ocpi.partners.invite(name="Peer")

    ocpi.partners.unregister(invited)

    assert peer.post(ocpi_app, token).http_status == 401
    assert ocpi.partners.get(invited.id).state is PlatformState.UNREGISTERED


@pytest.mark.parametrize("state", ["invited", "ended"])
def test_only_a_registration_can_be_renewed(ocpi, client, state):
    platform = (
        ocpi.partners.invite(name="Other")[0] if state == "invited" else ocpi.partners.unregister(client.platform)
    )

    with pytest.raises(InvalidParametersError, match=f"Platform {platform.id} is not registered"):
        ocpi.partners.rotate(platform)


def test_partner_without_an_address_or_endpoints_cannot_be_told(ocpi, ocpi_app):
    partner = add_partner(ocpi_app, [("DE", "PEE", ["EMSP"])], versions_url=None).platform

    with pytest.raises(InvalidParametersError, match="versions URL of platform partner is not known"):
        ocpi.partners.rotate(partner)
    with pytest.raises(MissingEndpointError, match="partner offers no credentials endpoint"):
        ocpi.partners.unregister(partner)

    assert ocpi.partners.unregister(partner, force=True).state is PlatformState.UNREGISTERED


def test_registration_that_cannot_be_called_off_is_logged(ocpi, ocpi_network, client, caplog):
    rival = Peer(ocpi_network, "rival.example", parties=[("DE", "EMS", ["EMSP"])])
    path = urlsplit(rival.endpoints[0]["url"]).path
    rival.answers[f"DELETE {path}"] = lambda: Response("", 502)

    with pytest.raises(InvalidParametersError, match="DE-EMS is registered by another platform"):
        ocpi.partners.register(rival.url, "token-a")

    assert f"could not be called off at https://rival.example{path}" in caplog.text


@pytest.mark.conformance("CRED-12", "CRED-14")
def test_second_attempt_to_register_takes_over_from_one_that_is_still_running(ocpi, ocpi_other, ocpi_network):
    _, token = ocpi.partners.invite(name="Other")

    def again(request: Request) -> None:
        if request.method == "POST":
            ocpi_network.before_send = lambda request: None
            ocpi_other.partners.register(ocpi.versions_url, token)

    ocpi_network.before_send = again
    with pytest.raises(RefusedError):
        ocpi_other.partners.register(ocpi.versions_url, token)

    assert [platform.state for platform in ocpi_other.partners.list()] == [PlatformState.REGISTERED]
    assert ocpi_other.pull("locations", "NL-ABC").seen == ocpi.pull("locations", "FR-OTH").seen == 0


def test_signals_tell_of_registration_renewal_and_end(ocpi, ocpi_app, peer):
    heard = []

    def on_registered(app, platform, renewed):
        heard.append((platform.id, "renewed" if renewed else "registered"))

    def on_unregistered(app, platform):
        heard.append((platform.id, "ended"))

    with (
        platform_registered.connected_to(on_registered, ocpi_app),
        platform_unregistered.connected_to(on_unregistered, ocpi_app),
    ):
        platform = ocpi.partners.register(peer.url, "token-a")
        ocpi.partners.rotate(platform)
        ocpi.partners.unregister(platform)

    assert heard == [("peer-example", word) for word in ("registered", "renewed", "ended")]


@pytest.mark.conformance("A-05")
def test_plain_tokens_for_platforms_that_want_them(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a", encoding="plain")
    ocpi.partners.rotate(platform)

    headers = {request.headers["Authorization"] for request in ocpi_network.requests}
    assert headers == {"Token token-a", f"Token {peer.token}"}


@pytest.mark.conformance("A-05")
def test_invited_platform_that_wants_plain_tokens_is_called_with_them(ocpi, ocpi_app, ocpi_network):
    invited, token = ocpi.partners.invite(name="Peer", encoding="plain")
    peer = Peer(ocpi_network)

    peer.post(ocpi_app, token)
    again, _ = ocpi.partners.invite(platform=invited.id)
    changed, _ = ocpi.partners.invite(platform=invited.id, encoding="base64")

    assert {header for _, header in peer.seen} == {f"Token {peer.token}"}
    assert (again.token_encoding, changed.token_encoding) == ("plain", "base64")


@pytest.mark.conformance("CRED-07", "CRED-31")
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"version": "2.2.1", "endpoints": []},
        {"version": "9.9", "endpoints": [{"identifier": "credentials", "role": "SENDER", "url": "https://x.example/"}]},
        {"version": "2.2.1", "endpoints": [{"identifier": "locations", "role": "SENDER", "url": "https://x.example/"}]},
    ],
    ids=["nothing", "list", "no endpoints", "unknown version", "no credentials"],
)
def test_refused_token_a_is_an_error_and_nothing_is_sent(ocpi, ocpi_network, data):
    peer = Peer(ocpi_network)
    peer.answers["GET /versions"] = lambda: answer(data, status_code=2000, http_status=401)

    with pytest.raises(RefusedError, match="HTTP 401"):
        ocpi.partners.register(peer.url, "token-a", version="2.2.1")

    assert [name for name, _ in peer.seen] == ["GET /versions"]
    assert ocpi.partners.list() == []


# Every call.


@pytest.mark.conformance("CLI-06", "A-01", "A-02", "MID-01", "MID-02", "RT-05", "RT-26")
def test_headers_of_a_push(client, ocpi_network, peer):
    client.locations.put(location(country_code="NL", party_id="ABC"))

    (request,) = ocpi_network.requests
    headers = request.headers
    assert headers["Authorization"] == f"Token {base64.b64encode(peer.token.encode()).decode()}"
    assert headers["Content-Type"] == "application/json"
    assert [headers[name] for name in ROUTING] == ["DE", "EMS", "NL", "ABC"]
    assert uuid.UUID(headers["X-Request-ID"]) != uuid.UUID(headers["X-Correlation-ID"])


@pytest.mark.conformance("CLI-06", "T-03")
def test_requests_without_a_body_have_no_content_type(client, ocpi_network, peer):
    peer.answers["GET /2.2.1/receiver/locations/NL/ABC/LOC1"] = lambda: answer(location(id="LOC1"))

    client.locations.get_copy("LOC1")

    (request,) = ocpi_network.requests
    assert request.body is None
    assert "Content-Type" not in request.headers


@pytest.mark.conformance("CLI-06", "MID-01", "MID-02")
def test_each_request_has_an_id_of_its_own(client, ocpi_network):
    client.locations.patch("LOC1", changes=CHANGES)
    client.locations.patch("LOC1", changes=CHANGES)

    first, second = ocpi_network.requests
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert first.headers["X-Correlation-ID"] != second.headers["X-Correlation-ID"]


@pytest.mark.conformance("CLI-06", "MID-02")
def test_given_correlation_id_is_sent_with_every_request(ocpi, client, ocpi_network, peer):
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer([])
    with ocpi.client(client.platform, correlation_id="order-66") as correlated:
        correlated.locations.patch("LOC1", changes=CHANGES)
        list(correlated.locations.list())

    assert [request.headers["X-Correlation-ID"] for request in ocpi_network.requests] == ["order-66"] * 2


@pytest.mark.conformance("CLI-06", "RT-02", "CRED-30", "VER-10")
def test_configuration_modules_get_no_routing_headers(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a")
    ocpi.partners.rotate(platform)
    ocpi.partners.unregister(platform)

    assert len(ocpi_network.requests) == 11
    assert not [name for request in ocpi_network.requests for name in ROUTING if name in request.headers]


@pytest.mark.conformance("CLI-05", "CLI-06", "PUSH-01")
def test_push_goes_to_the_receiver_and_pull_to_the_sender(client, ocpi_network, peer):
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer([])

    client.locations.put(location(country_code="NL", party_id="ABC", id="A/1"))
    list(client.locations.list(limit=10))

    base = "https://peer.example/2.2.1"
    assert [(request.method, request.url) for request in ocpi_network.requests] == [
        ("PUT", f"{base}/receiver/locations/NL/ABC/A%2F1"),
        ("GET", f"{base}/sender/locations?limit=10"),
    ]


@pytest.mark.conformance("CLI-05", "RT-05")
def test_pull_is_addressed_to_the_party_that_sends(client, ocpi_network, peer):
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer([])

    list(client.locations.list())

    (request,) = ocpi_network.requests
    assert [request.headers[name] for name in ROUTING] == ["DE", "CPO", "NL", "ABC"]


@pytest.mark.conformance("RT-26")
def test_sender_and_receiver_can_be_named(ocpi, client, ocpi_network):
    named = ocpi.client(client.platform, sender=Party.of("FR", "XYZ"), to=Party.of("DE", "CPO"))

    named.locations.patch("LOC1", changes=CHANGES)

    (request,) = ocpi_network.requests
    assert [request.headers[name] for name in ROUTING] == ["DE", "CPO", "FR", "XYZ"]


def test_missing_interface_is_said_without_a_call(ocpi, ocpi_network):
    peer = Peer(ocpi_network)
    client = ocpi.client(ocpi.partners.register(peer.url, "token-a"))
    ocpi_network.requests.clear()

    with pytest.raises(MissingEndpointError, match="offers no locations SENDER endpoint"):
        client.locations.list()

    assert ocpi_network.requests == []


# Answers, good and sloppy.


@pytest.mark.conformance("CLI-07", "CLI-08", "ST-01", "ST-07", "CRED-23")
@pytest.mark.parametrize(
    ("http_status", "body"),
    [
        (200, {"status_code": 1000}),
        (200, {"status_code": 1000, "data": None, "status_message": None}),
        (200, {"status_code": 1000, "data": [], "timestamp": "yesterday"}),
        (200, {"status_code": 1900, "timestamp": "2026-01-01T12:00:00Z", "more": 1}),
        (201, {"status_code": 1000}),
        (202, {"status_code": 1999}),
        (204, {"status_code": 1000}),
    ],
    ids=["bare", "nulls", "wrong timestamp", "custom code", "created", "accepted", "no content"],
)
def test_success_of_any_kind(client, ocpi_network, http_status, body):
    ocpi_network.after_send = lambda request, response: Received(http_status, {}, orjson.dumps(body), request.url)

    answered = client.locations.patch("LOC1", changes=CHANGES)

    assert (answered.http_status, answered.status_code) == (http_status, body["status_code"])


@pytest.mark.conformance("CLI-07", "ST-06")
@pytest.mark.parametrize(
    ("http_status", "status_code"),
    [(200, 2000), (200, 2001), (200, 2999), (200, 3000), (200, 999), (404, 2003), (404, 1000), (500, 3000)],
)
def test_anything_else_is_a_refusal_with_its_codes(client, peer, http_status, status_code):
    path = "PATCH /2.2.1/receiver/locations/NL/ABC/LOC1"
    peer.answers[path] = lambda: answer({"detail": 1}, status_code=status_code, http_status=http_status)

    with pytest.raises(RefusedError) as caught:
        client.locations.patch("LOC1", changes=CHANGES)

    assert (caught.value.http_status, caught.value.status_code) == (http_status, status_code)
    assert caught.value.data == {"detail": 1}


@pytest.mark.conformance("CLI-08")
@pytest.mark.parametrize(
    "body",
    ["", "<html></html>", "[]", "null", "{}", '{"data": []}', '{"status_code": "1000"}', '{"status_code": true}', "{"],
)
def test_success_without_a_status_code_is_no_answer(client, peer, body):
    peer.answers["PATCH /2.2.1/receiver/locations/NL/ABC/LOC1"] = lambda: Response(body)

    with pytest.raises(InvalidResponseError, match=r"PATCH https://peer\.example/.* \(HTTP 200\) did not answer"):
        client.locations.patch("LOC1", changes=CHANGES)


@pytest.mark.conformance("CLI-07")
@pytest.mark.parametrize("http_status", [400, 401, 403, 404, 405, 429, 500, 502, 503])
def test_http_errors_without_an_envelope(client, peer, http_status):
    path = "PATCH /2.2.1/receiver/locations/NL/ABC/LOC1"
    peer.answers[path] = lambda: Response("<html></html>", http_status)

    with pytest.raises(RefusedError, match=f"HTTP {http_status} without an OCPI envelope") as caught:
        client.locations.patch("LOC1", changes=CHANGES)

    assert (caught.value.http_status, caught.value.status_code) == (http_status, 0)


@pytest.mark.conformance("CLI-09")
@pytest.mark.parametrize("http_status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://evil.example/", "https://peer.example/elsewhere"], ids=["other", "same"])
def test_redirects_are_not_followed(client, ocpi_network, peer, http_status, target):
    evil = Peer(ocpi_network, "evil.example")
    path = "PATCH /2.2.1/receiver/locations/NL/ABC/LOC1"
    peer.answers[path] = lambda: Response("", http_status, headers={"Location": target})

    with pytest.raises(RefusedError) as caught:
        client.locations.patch("LOC1", changes=CHANGES)

    assert caught.value.http_status == http_status
    assert len(ocpi_network.requests) == 1
    assert evil.seen == []


@pytest.mark.conformance("CLI-08")
def test_list_that_is_one_object_is_refused(client, peer):
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer(location())

    with pytest.raises(InvalidResponseError, match="did not answer with a list"):
        list(client.locations.list())


@pytest.mark.conformance("CLI-08")
def test_object_wrapped_in_a_list_is_refused(client, peer):
    peer.answers["GET /2.2.1/sender/locations/LOC1"] = lambda: answer([location(id="LOC1")])

    with pytest.raises(InvalidResponseError, match="peer-example answered get_location with an object"):
        client.locations.get("LOC1")


@pytest.mark.conformance("CLI-08", "T-28", "TYP-17")
def test_unknown_fields_are_kept_and_broken_objects_left_out(client, peer):
    good = location(id="LOC1", gireve_id="G1")
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer([good, {"id": "LOC2"}, None, location(id="LOC3")])

    listing = client.locations.list()
    found = list(listing)

    assert [document["id"] for document in found] == ["LOC1", "LOC3"]
    assert found[0]["gireve_id"] == "G1"
    assert [broken.document for broken in listing.broken] == [{"id": "LOC2"}, None]


@pytest.mark.conformance("CLI-12", "T-33")
def test_failed_push_is_not_retried(client, ocpi_network):
    def fail(request: Request) -> None:
        raise UnreachableError("The line was cut.")

    ocpi_network.before_send = fail

    with pytest.raises(UnreachableError):
        client.locations.put(location(country_code="NL", party_id="ABC"))

    assert len(ocpi_network.requests) == 1


@pytest.mark.conformance("CLI-07")
def test_what_we_push_is_checked_before_it_is_sent(client, ocpi_network):
    document = location(country_code="NL", party_id="ABC")
    del document["coordinates"]

    with pytest.raises(InvalidParametersError, match="coordinates"):
        client.locations.put(document)

    assert ocpi_network.requests == []


def test_no_repr_shows_a_token(ocpi, client, ocpi_network, peer):
    connection = Connection(ocpi_network, peer.token)
    answered = connection.request("GET", peer.endpoints[0]["url"])

    shown = repr([client, connection, client.platform, client.locations, answered, ocpi_network.requests])

    assert isinstance(client, Client)
    assert answered.data["token"] == peer.token
    assert peer.token not in shown
    assert base64.b64encode(peer.token.encode()).decode() not in shown


def test_a_raw_exchange_gives_the_answer_as_it_came_whatever_it_says(ocpi, ocpi_app, ocpi_network, peer):
    told = []
    peer.answers["PUT /nothing"] = lambda: Response("no envelope", 404)
    connection = Connection(ocpi_network, peer.token, traffic=ocpi.services.traffic)

    with message_exchanged.connected_to(lambda app, message, **_: told.append(message), ocpi_app):
        answered = connection.exchange("GET", peer.url)
        refused = connection.exchange("PUT", f"{peer.base}/nothing", body=b'{"a": 1}')

    assert (orjson.loads(answered.body)["data"], refused.body) == (peer.versions, b"no envelope")
    assert [(message.http_status, message.status_code, message.request_bytes) for message in told] == [
        (200, None, 0),
        (404, None, 8),
    ]


# Tokens: their type is in the query.


@pytest.mark.conformance("CLI-10", "TOK-01", "TOK-02")
@pytest.mark.parametrize("type", ["RFID", "APP_USER", "AD_HOC_USER", "OTHER"])
@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("PUT", lambda tokens, type: tokens.put(own_token(type=type))),
        ("PUT", lambda tokens, type: tokens.push(own_token(type=type))),
        ("PATCH", lambda tokens, type: tokens.patch("T/1", type, changes=CHANGES)),
        ("PATCH", lambda tokens, type: tokens.update("T/1", type, changes=CHANGES, whole=own_token(type=type))),
        ("GET", lambda tokens, type: tokens.get_copy("T/1", type)),
        ("POST", lambda tokens, type: tokens.authorize("T/1", type=type)),
    ],
    ids=["put", "push", "patch", "update", "get", "authorize"],
)
def test_type_of_a_token_is_in_the_query(client, ocpi_network, peer, method, call, type):
    peer.answers["GET /2.2.1/receiver/tokens/NL/ABC/T/1"] = lambda: answer(own_token(type=type))
    peer.answers["POST /2.2.1/sender/tokens/T/1/authorize"] = lambda: answer(
        {"allowed": "ALLOWED", "token": own_token(type=type, country_code="DE", party_id="EMS")}
    )

    call(client.tokens, type)

    (request,) = ocpi_network.requests
    path = "sender/tokens/T%2F1/authorize" if method == "POST" else "receiver/tokens/NL/ABC/T%2F1"
    assert (request.method, request.url) == (method, f"https://peer.example/2.2.1/{path}?type={type}")


@pytest.mark.conformance("CLI-10", "TOK-03")
def test_type_that_is_not_named_is_rfid(client, ocpi_network, peer):
    peer.answers["GET /2.2.1/receiver/tokens/NL/ABC/T/1"] = lambda: answer(own_token())

    client.tokens.patch("T/1", changes=CHANGES)
    client.tokens.get_copy("T/1")

    assert [urlsplit(request.url).query for request in ocpi_network.requests] == ["type=RFID"] * 2


@pytest.mark.conformance("CLI-10", "TOK-02")
def test_tokens_of_one_uid_arrive_as_two(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    with ocpi.client(there) as partner:
        for type in ("APP_USER", "RFID"):
            partner.tokens.put(own_token(type=type))
        partner.tokens.patch("T/1", "APP_USER", changes={"valid": False, **CHANGES})

        found = [partner.tokens.get_copy("T/1", type)["valid"] for type in ("APP_USER", "RFID")]

    assert found == [False, True]


@pytest.mark.conformance("CLI-10", "T-38")
def test_unknown_token_is_put_after_its_patch(client, ocpi_network, peer):
    path = "PATCH /2.2.1/receiver/tokens/NL/ABC/T/1"
    peer.answers[path] = lambda: answer(None, status_code=2004, http_status=404)

    client.tokens.update("T/1", "APP_USER", changes={"valid": False, **CHANGES}, whole=own_token(type="APP_USER"))

    url = "https://peer.example/2.2.1/receiver/tokens/NL/ABC/T%2F1?type=APP_USER"
    assert [(request.method, request.url) for request in ocpi_network.requests] == [("PATCH", url), ("PUT", url)]
