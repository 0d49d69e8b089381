"""How platforms register, renew that and end it, as the server of the handshake: group CRED of the requirements."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask import Flask
from flask import Response

from flask_ocpi.client.transport import Request
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.extension import OCPI
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import party_settings
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import CREDENTIALS
from tests.peers import Peer
from tests.peers import answer
from tests.peers import dump
from tests.urls import ocpi_url

LOCATIONS = ocpi_url("sender/locations")
TOKEN_A = "token-a"


def sent(token: str) -> str:
    return f"Token {base64.b64encode(token.encode()).decode()}"


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def peer(ocpi_network):
    return Peer(ocpi_network)


@pytest.fixture
def invited(ocpi, ocpi_app):
    """A platform that has token A and nothing else."""
    platform, _ = ocpi.partners.invite(name="Peer", token=TOKEN_A)
    return PartnerClient(ocpi_app, TOKEN_A, platform=platform)


@pytest.fixture
def registered(ocpi_app, invited, peer):
    """The peer after its registration: calls with token C."""
    token = peer.post(ocpi_app, TOKEN_A).data["token"]
    return PartnerClient(ocpi_app, token, platform=invited.platform)


# What each call answers, by the state of the caller.


@pytest.mark.conformance("CRED-01", "CRED-02", "CRED-03")
def test_get_with_token_a_echoes_it(invited):
    response = invited.get(CREDENTIALS)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data["token"] == TOKEN_A


@pytest.mark.conformance("CRED-02", "CRED-24")
def test_get_answers_our_versions_url_our_roles_and_the_callers_token(registered):
    response = registered.get(CREDENTIALS)

    assert response.data == {
        "token": registered.token,
        "url": "https://platform.example/ocpi/versions",
        "roles": [
            {"role": role, "business_details": {"name": "ABC Charging"}, "party_id": "ABC", "country_code": "NL"}
            for role in ("CPO", "EMSP")
        ],
    }


@pytest.mark.conformance("CRED-06", "CRED-23", "CRED-24")
def test_post_answers_200_with_a_new_token(ocpi_app, invited, peer):
    response = peer.post(ocpi_app, TOKEN_A)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert set(response.data) == {"token", "url", "roles"}
    assert response.data["token"] not in (TOKEN_A, peer.token)
    assert 1 <= len(response.data["token"]) <= 64


@pytest.mark.conformance("CRED-06")
def test_tokens_differ_from_platform_to_platform(ocpi, ocpi_app, ocpi_network):
    tokens = set()
    for number in range(3):
        peer = Peer(ocpi_network, f"peer{number}.example", parties=[("DE", f"PE{number}", ["EMSP"])])
        _, token = ocpi.partners.invite(name=f"Peer {number}")
        tokens |= {token, peer.post(ocpi_app, token).data["token"]}

    assert len(tokens) == 6


@pytest.mark.conformance("CRED-04", "CRED-05", "CRED-14")
def test_post_calls_back_with_token_b_before_it_answers(ocpi_app, invited, peer):
    peer.post(ocpi_app, TOKEN_A)

    assert peer.seen == [("GET /versions", sent(peer.token)), ("GET /2.2.1", sent(peer.token))]


@pytest.mark.conformance("CRED-16", "A-07")
def test_post_stores_what_the_client_said(ocpi, ocpi_app, invited, peer):
    peer.post(ocpi_app, TOKEN_A)

    platform = ocpi.partners.find("DE-PEE")
    assert platform.id == invited.platform.id
    assert platform.state is PlatformState.REGISTERED
    assert platform.versions_url == peer.url
    assert platform.version == "2.2.1"
    assert list(platform.endpoints) == peer.endpoints
    assert list(platform.roles) == peer.roles
    assert ocpi.services.platforms.cipher.decrypt(platform.token) == peer.token


@pytest.mark.conformance("CRED-07", "A-07")
@pytest.mark.parametrize("path", ["/ocpi/versions", ocpi_url(), CREDENTIALS, LOCATIONS])
@pytest.mark.parametrize("used", [False, True], ids=["C unused", "C used"])
def test_token_a_is_dead_after_the_registration(invited, registered, path, used):
    if used:
        registered.get("/ocpi/versions")

    response = invited.get(path)

    assert (response.http_status, response.status_code) == (401, 2000)


@pytest.mark.conformance("CRED-08")
def test_post_when_registered_is_405(ocpi_app, registered, peer):
    response = peer.post(ocpi_app, registered.token)

    assert (response.http_status, response.status_code) == (405, 2000)
    assert response.headers["Allow"] == "GET, PUT, DELETE"


@pytest.mark.conformance("CRED-20")
def test_put_before_the_registration_is_405(ocpi, ocpi_app, invited, peer):
    before = dump(ocpi)

    response = peer.put(ocpi_app, TOKEN_A)

    assert (response.http_status, response.status_code) == (405, 2000)
    assert response.headers["Allow"] == "GET, POST"
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-21")
def test_delete_before_the_registration_is_405(ocpi, invited):
    before = dump(ocpi)

    response = invited.delete(CREDENTIALS)

    assert (response.http_status, response.status_code) == (405, 2000)
    assert response.headers["Allow"] == "GET, POST"
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-21")
@pytest.mark.parametrize("state", ["invited", "registered"])
def test_patch_is_405(request, state):
    client = request.getfixturevalue(state)

    response = client.patch(CREDENTIALS, {"url": "https://other.example/versions"})

    assert response.http_status == 405
    assert response.headers["Allow"] == "GET, POST, PUT, DELETE"


@pytest.mark.conformance("A-06")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_unknown_token_is_401(ocpi_app, peer, method):
    body = peer.credentials() if method in ("POST", "PUT") else None

    response = PartnerClient(ocpi_app, "nobody").open(method, CREDENTIALS, json=body)

    assert (response.http_status, response.status_code) == (401, 2000)
    assert response.headers["WWW-Authenticate"] == "Token"
    assert peer.seen == []


@pytest.mark.conformance("CRED-21", "CRED-22")
def test_delete_ends_the_registration_and_keeps_the_objects(ocpi, ocpi_app, ocpi_network):
    cpo = Peer(ocpi_network, parties=[("DE", "PEE", ["CPO"])])
    ocpi.partners.invite(name="Peer", token=TOKEN_A)
    registered = PartnerClient(ocpi_app, cpo.post(ocpi_app, TOKEN_A).data["token"])
    url = ocpi_url("receiver/locations/DE/PEE/LOC1")
    registered.put(url, location(country_code="DE", party_id="PEE", id="LOC1"))

    response = registered.delete(CREDENTIALS)

    assert (response.http_status, response.status_code, response.data) == (200, 1000, None)
    assert [registered.get(path).http_status for path in ("/ocpi/versions", CREDENTIALS, url)] == [401] * 3
    assert len(dump(ocpi)["locations"]) == 1
    (platform,) = ocpi.partners.list()
    assert (platform.state, platform.token, platform.issued) == (PlatformState.UNREGISTERED, None, ())
    assert dump(ocpi)["credential_tokens"] == dump(ocpi)["platform_parties"] == []


@pytest.mark.conformance("CRED-21", "CRED-17")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_change_of_the_record_during_a_handshake_is_kept_and_does_not_refuse_it(
    ocpi, ocpi_app, request, peer, monkeypatch, method
):
    """The endpoints may be fetched at any moment, and the operator may change a setting of the partner."""
    client = request.getfixturevalue("invited" if method == "POST" else "registered")
    token = TOKEN_A if method == "POST" else client.token
    authenticate = Platforms.caller_by

    def then_change(self, header):
        caller = authenticate(self, header)
        ocpi.partners.push_parties(client.platform.id, "each")
        return caller

    monkeypatch.setattr(Platforms, "caller_by", then_change)

    calls = {"POST": peer.post, "PUT": peer.put, "DELETE": lambda app, token: client.delete(CREDENTIALS)}
    response = calls[method](ocpi_app, token)

    (platform,) = ocpi.partners.list()
    assert (response.status_code, platform.push_parties) == (1000, "each")
    assert platform.is_registered is (method != "DELETE")


@pytest.mark.conformance("CRED-22")
def test_registration_after_an_end_needs_a_new_token_a(ocpi, ocpi_app, registered, peer):
    registered.delete(CREDENTIALS)
    refused = peer.post(ocpi_app, TOKEN_A)
    platform, token = ocpi.partners.invite(platform=registered.platform.id)

    accepted = peer.post(ocpi_app, token)

    assert refused.http_status == 401
    assert accepted.status_code == 1000
    assert ocpi.partners.get(platform.id).state is PlatformState.REGISTERED


# What the server finds when it calls back.


def breaking(kind: str) -> Any:
    """Return what a broken platform answers."""
    return {
        "html": lambda: Response("<html>Welcome</html>", mimetype="text/html"),
        "http error": lambda: Response("<html>Bad gateway</html>", 502),
        "unauthorised": lambda: answer(None, status_code=2000, http_status=401),
        "refused": lambda: answer(None, status_code=2000),
        "failed": lambda: answer(None, status_code=3000),
        "no envelope": lambda: Response('[{"version": "2.2.1"}]', mimetype="application/json"),
        "no data": lambda: answer(None),
        "wrong data": lambda: answer("2.2.1"),
        "empty": lambda: Response(""),
        "redirect": lambda: Response("", 302, headers={"Location": "https://peer.example/elsewhere"}),
    }[kind]


KINDS = [
    "html",
    "http error",
    "unauthorised",
    "refused",
    "failed",
    "no envelope",
    "no data",
    "wrong data",
    "empty",
    "redirect",
]


@pytest.mark.conformance("CRED-09", "CRED-12")
@pytest.mark.parametrize("path", ["GET /versions", "GET /2.2.1"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
def test_failing_call_back_is_3001_and_changes_nothing(ocpi, ocpi_app, invited, peer, path, kind, renewing):
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    before = dump(ocpi)
    peer.answers[path] = breaking(kind)

    response = peer.put(ocpi_app, token) if renewing else peer.post(ocpi_app, token)

    assert (response.http_status, response.status_code) == (200, 3001)
    assert response.data is None
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-09", "CRED-12")
@pytest.mark.parametrize(
    ("step", "endpoint", "reason"),
    [
        (1, "versions", "could not be connected to: Connection refused"),
        (2, "version details", "did not answer in the time allowed"),
    ],
    ids=["down", "time-out"],
)
def test_peer_that_does_not_answer_is_3001(ocpi, ocpi_app, ocpi_network, invited, peer, caplog, step, endpoint, reason):
    before = dump(ocpi)

    def fail(request: Request) -> None:
        if len(ocpi_network.requests) == step:
            raise UnreachableError(f"peer.example {reason}.")

    ocpi_network.before_send = fail
    response = peer.post(ocpi_app, TOKEN_A)

    assert (response.http_status, response.status_code) == (200, 3001)
    assert response.message.startswith(f"Your {endpoint} endpoint could not be used.")
    assert reason in caplog.text
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-12")
def test_failed_post_can_be_repeated_with_token_a(ocpi_app, invited, peer):
    peer.answers["GET /versions"] = breaking("html")
    peer.post(ocpi_app, TOKEN_A)
    del peer.answers["GET /versions"]

    response = peer.post(ocpi_app, TOKEN_A)

    assert response.status_code == 1000


@pytest.mark.conformance("CRED-10", "CRED-12")
@pytest.mark.parametrize("versions", [(), ("2.1.1", "2.2"), ("2.2.10", "2.3.0")], ids=["none", "older", "newer"])
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
def test_client_without_this_version_is_3002(ocpi, ocpi_app, ocpi_network, invited, peer, versions, renewing):
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    other = Peer(ocpi_network, versions=versions)
    before = dump(ocpi)

    response = other.put(ocpi_app, token) if renewing else other.post(ocpi_app, token)

    assert (response.http_status, response.status_code) == (200, 3002)
    assert "2.2.1" in response.message
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-11", "CRED-12", "VER-06")
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
def test_client_without_credentials_endpoint_is_3003(ocpi, ocpi_app, invited, peer, renewing):
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    before = dump(ocpi)
    del peer.endpoints[0]

    response = peer.put(ocpi_app, token) if renewing else peer.post(ocpi_app, token)

    assert (response.http_status, response.status_code) == (200, 3003)
    assert "credentials" in response.message
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-11")
@pytest.mark.parametrize(
    ("required", "status_code"),
    [
        (["locations"], 1000),
        (["locations:RECEIVER"], 1000),
        (["locations:SENDER"], 3003),
        (["locations:RECEIVER", "tokens"], 3003),
    ],
    ids=["either side", "the side it has", "the other side", "another module"],
)
def test_required_endpoints(ocpi_network, required, status_code):
    server = ocpi_network.add("needs.example", [("NL", "ABC", ["CPO"])], config={"OCPI_REQUIRED_ENDPOINTS": required})
    server.partners.invite(name="Peer", token=TOKEN_A)
    peer = Peer(ocpi_network)

    response = peer.post(ocpi_network.apps["needs.example"], TOKEN_A)

    assert response.status_code == status_code


@pytest.mark.conformance("VER-09", "VER-07", "CLI-08")
def test_what_we_do_not_know_in_the_clients_lists_is_ignored(ocpi, ocpi_app, invited, peer):
    peer.versions += [{"version": "9.9", "url": "https://peer.example/9.9", "beta": True}, {"version": "2.2"}, "2.1.1"]
    peer.endpoints += [{"identifier": "nltnm-tokens", "role": "SENDER", "url": "https://peer.example/x"}, {}, None]

    response = peer.post(ocpi_app, TOKEN_A)

    assert response.status_code == 1000
    identifiers = [endpoint["identifier"] for endpoint in ocpi.partners.find("DE-PEE").endpoints]
    assert identifiers == ["credentials", "locations", "nltnm-tokens"]


# What the client says of itself.

ROLE = {"role": "EMSP", "business_details": {"name": "Peer"}, "country_code": "DE", "party_id": "PEE"}


@pytest.mark.conformance("CRED-24", "CRED-25", "CRED-26", "CRED-27")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"token": None}, "token"),
        ({"token": ""}, "token"),
        ({"token": "a token"}, "token"),
        ({"token": "tökén"}, "token"),
        ({"token": "x" * 65}, "token"),
        ({"token": 12345}, "token"),
        ({"url": "peer.example"}, "url"),
        ({"url": None}, "url"),
        ({"roles": None}, "roles"),
        ({"roles": []}, "roles"),
        ({"roles": ROLE}, "roles"),
        ({"roles": [{**ROLE, "role": "MSP"}]}, "roles[0].role"),
        ({"roles": [{**ROLE, "party_id": "PEER"}]}, "roles[0].party_id"),
        ({"roles": [{**ROLE, "country_code": "DEU"}]}, "roles[0].country_code"),
        ({"roles": [{**ROLE, "business_details": {}}]}, "roles[0].business_details.name"),
        ({"roles": [ROLE, {**ROLE, "party_id": "pee", "country_code": "de"}]}, "roles[1]"),
        ({"roles": [ROLE, {**ROLE, "role": "HUB"}]}, "roles[0].role"),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
def test_broken_credentials_are_2001(ocpi, ocpi_app, invited, peer, changes, named, renewing):
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    before = dump(ocpi)
    peer.seen.clear()

    response = peer.put(ocpi_app, token, **changes) if renewing else peer.post(ocpi_app, token, **changes)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert named in response.message
    assert peer.seen == []
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-25", "ROLE-03")
def test_several_parties_and_roles_on_one_connection(ocpi, ocpi_app, ocpi_network, invited):
    parties = [("DE", "AAA", ["CPO", "EMSP"]), ("FR", "AAA", ["CPO"]), ("DE", "BBB", ["CPO"])]
    peer = Peer(ocpi_network, parties=parties)

    response = peer.post(ocpi_app, TOKEN_A)

    assert response.status_code == 1000
    platform = ocpi.partners.find("DE-BBB")
    assert [str(party) for party in platform.parties] == ["DE-AAA", "FR-AAA", "DE-BBB"]
    assert platform.role_names == {"CPO", "EMSP"}


@pytest.mark.conformance("CRED-28")
def test_party_ids_may_be_anything_the_object_ids_are_not(ocpi_app, invited, ocpi_network):
    peer = Peer(ocpi_network, parties=[("DE", "X1*", ["CPO"])])

    token = peer.post(ocpi_app, TOKEN_A).data["token"]
    document = location(country_code="DE", party_id="X1*", id="NL*ABC*L1")
    response = PartnerClient(ocpi_app, token).put(ocpi_url("receiver/locations/DE/X1*/NL*ABC*L1"), document)

    assert (response.http_status, response.status_code) == (201, 1000)


@pytest.mark.conformance("CRED-12")
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
@pytest.mark.parametrize("party", [("DE", "TKN"), ("de", "tkn")], ids=["same case", "other case"])
def test_party_of_another_platform_is_not_had(ocpi, ocpi_app, ocpi_network, invited, peer, party, renewing):
    ocpi.partners.invite(name="First", token="first")
    Peer(ocpi_network, "first.example", parties=[("DE", "TKN", ["EMSP"])]).post(ocpi_app, "first")
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    roles = [*peer.roles, {**ROLE, "country_code": party[0], "party_id": party[1]}]

    response = peer.put(ocpi_app, token, roles=roles) if renewing else peer.post(ocpi_app, token, roles=roles)

    assert (response.http_status, response.status_code) == (200, 1000)
    platform = ocpi.partners.get(invited.platform.id)
    assert ([*platform.roles], [*platform.requested]) == (peer.roles, roles[-1:])


@pytest.mark.conformance("CRED-12")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_NEW_ROLES": "refuse"}], ids=["refuse"])
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
@pytest.mark.parametrize("party", [("DE", "TKN"), ("de", "tkn")], ids=["same case", "other case"])
def test_party_of_another_platform_is_2001(ocpi_config, ocpi_network, party, renewing):
    ocpi = ocpi_network.add("strict.example", [("NL", "ABC", ["CPO"])], config=ocpi_config)
    ocpi_app, peer = ocpi_network.apps["strict.example"], Peer(ocpi_network)
    ocpi.partners.invite(name="Peer", token=TOKEN_A)
    ocpi.partners.invite(name="First", token="first")
    Peer(ocpi_network, "first.example", parties=[("DE", "TKN", ["EMSP"])]).post(ocpi_app, "first")
    token = peer.post(ocpi_app, TOKEN_A).data["token"] if renewing else TOKEN_A
    PartnerClient(ocpi_app, token).get("/ocpi/versions")
    before = dump(ocpi)
    roles = [*peer.roles, {**ROLE, "country_code": party[0], "party_id": party[1]}]

    response = peer.put(ocpi_app, token, roles=roles) if renewing else peer.post(ocpi_app, token, roles=roles)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "DE-TKN is not granted" in response.message
    assert dump(ocpi) == before


def test_party_is_free_again_after_its_platform_left(ocpi, ocpi_app, ocpi_network, invited):
    ocpi.partners.invite(name="First", token="first")
    first = Peer(ocpi_network, "first.example", parties=[("DE", "TKN", ["EMSP"])]).post(ocpi_app, "first")
    second = Peer(ocpi_network, parties=[("DE", "TKN", ["EMSP"])])
    refused = second.post(ocpi_app, TOKEN_A)
    PartnerClient(ocpi_app, first.data["token"]).delete(CREDENTIALS)

    accepted = second.post(ocpi_app, TOKEN_A)

    assert (refused.status_code, accepted.status_code) == (2001, 1000)


def test_our_own_party_is_2001(ocpi, ocpi_app, ocpi_network, invited):
    before = dump(ocpi)

    response = Peer(ocpi_network, parties=[("nl", "abc", ["EMSP"])]).post(ocpi_app, TOKEN_A)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "NL-ABC is a party of this platform" in response.message
    assert dump(ocpi) == before


def test_shared_parties_where_the_operator_allows_them(ocpi_network):
    server = ocpi_network.add("shared.example", [("NL", "ABC", ["CPO"])], config={"OCPI_ALLOW_SHARED_PARTIES": True})
    app = ocpi_network.apps["shared.example"]
    answers = []
    for number, party in enumerate([("DE", "TKN"), ("DE", "TKN"), ("NL", "ABC")]):
        server.partners.invite(name=f"Peer {number}", token=f"token-{number}")
        peer = Peer(ocpi_network, f"peer{number}.example", parties=[(*party, ["EMSP"])])
        answers.append(peer.post(app, f"token-{number}"))

    left = PartnerClient(app, answers[0].data["token"]).delete(CREDENTIALS)

    assert [response.status_code for response in (*answers, left)] == [1000] * 4
    assert [str(party) for p in server.partners.list() for party in p.parties] == ["DE-TKN", "NL-ABC"]


# Renewing.


@pytest.mark.conformance("CRED-17", "CRED-18", "CRED-29", "VER-13")
def test_put_replaces_credentials_and_endpoints(ocpi, ocpi_app, registered, peer, ocpi_network):
    moved = Peer(ocpi_network, "moved.example")
    moved.roles[0]["business_details"] = {"name": "Moved"}

    response = moved.put(ocpi_app, registered.token)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data["token"] != registered.token
    assert moved.seen == [("GET /versions", sent(moved.token)), ("GET /2.2.1", sent(moved.token))]
    platform = ocpi.partners.get(registered.platform.id)
    assert platform.versions_url == moved.url
    assert list(platform.endpoints) == moved.endpoints
    assert list(platform.roles) == moved.roles
    assert ocpi.services.platforms.cipher.decrypt(platform.token) == moved.token


@pytest.mark.conformance("CRED-33", "PUSH-05")
def test_party_removed_by_put_cannot_be_pushed_for_and_its_objects_stay(ocpi, ocpi_app, ocpi_network, invited):
    peer = Peer(ocpi_network, parties=[("DE", "AAA", ["CPO"]), ("DE", "BBB", ["CPO"])])
    client = PartnerClient(ocpi_app, peer.post(ocpi_app, TOKEN_A).data["token"])
    url = ocpi_url("receiver/locations/DE/BBB/LOC1")
    document = location(country_code="DE", party_id="BBB", id="LOC1")
    first = client.put(url, document)

    client = PartnerClient(ocpi_app, peer.put(ocpi_app, client.token, roles=peer.roles[:1]).data["token"])

    assert (first.http_status, client.put(url, document).http_status) == (201, 404)
    assert len(dump(ocpi)["locations"]) == 1


@pytest.mark.conformance("CRED-18", "CRED-31")
def test_old_token_dies_when_the_new_one_is_first_used(ocpi_app, registered, peer):
    renewed = PartnerClient(ocpi_app, peer.put(ocpi_app, registered.token).data["token"])

    old = registered.get("/ocpi/versions").http_status
    new = renewed.get("/ocpi/versions").http_status
    then = registered.get("/ocpi/versions").http_status

    assert (old, new, then) == (200, 200, 401)


@pytest.mark.conformance("CRED-31")
@pytest.mark.parametrize(("seconds", "http_status"), [(599, 200), (600, 401)], ids=["in time", "too late"])
def test_old_token_dies_after_the_grace_time(ocpi_app, registered, peer, ocpi_network, seconds, http_status):
    peer.put(ocpi_app, registered.token)

    ocpi_network.clock.advance(seconds)

    assert registered.get(LOCATIONS).http_status == http_status


@pytest.mark.conformance("CRED-31")
def test_put_is_repeated_with_the_old_token_when_the_answer_got_lost(ocpi_app, registered, peer):
    lost = peer.put(ocpi_app, registered.token).data["token"]

    response = peer.put(ocpi_app, registered.token)

    assert response.status_code == 1000
    assert response.data["token"] != lost
    assert PartnerClient(ocpi_app, lost).get("/ocpi/versions").http_status == 401
    assert PartnerClient(ocpi_app, response.data["token"]).get(LOCATIONS).http_status == 200


@pytest.mark.conformance("CRED-31")
def test_repeating_a_put_does_not_prolong_the_grace_time(ocpi_app, ocpi_network, registered, peer):
    peer.put(ocpi_app, registered.token)
    ocpi_network.clock.advance(500)
    peer.put(ocpi_app, registered.token)
    ocpi_network.clock.advance(100)

    response = registered.get("/ocpi/versions")

    assert response.http_status == 401


@pytest.mark.conformance("CRED-31")
def test_post_is_repeated_with_token_a_when_the_answer_got_lost(ocpi_app, invited, registered, peer):
    response = peer.post(ocpi_app, TOKEN_A)

    assert response.status_code == 1000
    assert registered.get("/ocpi/versions").http_status == 401
    assert PartnerClient(ocpi_app, response.data["token"]).get(LOCATIONS).http_status == 200


@pytest.mark.conformance("CRED-31")
def test_refused_token_a_says_where_to_repeat_the_post(invited, registered):
    response = invited.get("/ocpi/versions")

    endpoint = {"identifier": "credentials", "role": "SENDER", "url": f"https://platform.example{CREDENTIALS}"}
    assert response.http_status == 401
    assert response.data == {"version": "2.2.1", "endpoints": [endpoint]}


@pytest.mark.conformance("CRED-07", "CRED-31")
@pytest.mark.parametrize("end", ["token C was used", "time is over"])
def test_post_cannot_be_repeated_any_more(ocpi_app, ocpi_network, registered, peer, end):
    if end == "token C was used":
        registered.get("/ocpi/versions")
    else:
        ocpi_network.clock.advance(600)

    response = peer.post(ocpi_app, TOKEN_A)

    assert response.http_status == 401


@pytest.mark.conformance("CRED-31")
def test_no_grace_where_the_operator_wants_none(ocpi_network):
    server = ocpi_network.add("strict.example", [("NL", "ABC", ["CPO"])], config={"OCPI_TOKEN_GRACE": 0})
    app = ocpi_network.apps["strict.example"]
    server.partners.invite(name="Peer", token=TOKEN_A)
    peer = Peer(ocpi_network)
    first = peer.post(app, TOKEN_A).data["token"]
    second = peer.put(app, first).data["token"]

    statuses = [PartnerClient(app, token).get("/ocpi/versions").http_status for token in (TOKEN_A, first, second)]

    assert statuses == [401, 401, 200]


@pytest.mark.conformance("CRED-30", "RT-02")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_routing_headers_are_ignored(ocpi_app, invited, peer, method):
    token = TOKEN_A if method in ("GET", "POST") else peer.post(ocpi_app, TOKEN_A).data["token"]
    headers = {
        "OCPI-to-country-code": "XX",
        "OCPI-to-party-id": "far too long",
        "OCPI-from-country-code": "YY",
        "OCPI-from-party-id": "ZZZ",
    }
    body = peer.credentials() if method in ("POST", "PUT") else None

    response = PartnerClient(ocpi_app, token).open(method, CREDENTIALS, json=body, headers=headers)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert not [name for name in response.headers.keys() if name.lower().startswith("ocpi-")]  # noqa: SIM118


@pytest.mark.conformance("CRED-34")
@pytest.mark.parametrize(
    "url",
    ["http://peer.example/versions", "https://127.0.0.1/versions", "https://169.254.169.254/latest", "https://[::1]/v"],
    ids=["http", "loopback", "metadata", "ipv6"],
)
def test_call_back_to_a_forbidden_address_is_3001(tmp_path, peer, url):
    app = Flask("guarded", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="s", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])])
    ocpi = OCPI(app, storage=MemoryStorage())
    ocpi.partners.invite(name="Peer", token=TOKEN_A)
    before = dump(ocpi)

    response = peer.post(app, TOKEN_A, url=url)

    assert (response.http_status, response.status_code) == (200, 3001)
    assert dump(ocpi) == before


@pytest.mark.conformance("CRED-08")
@pytest.mark.parametrize("body", [b"{", b"{}"], ids=["no JSON", "incomplete"])
def test_post_when_registered_is_405_whatever_the_body(registered, body):
    assert registered.post(CREDENTIALS, data=body).http_status == 405


@pytest.mark.conformance("CRED-20")
@pytest.mark.parametrize("body", [b"{", b"{}"], ids=["no JSON", "incomplete"])
def test_put_before_the_registration_is_405_whatever_the_body(invited, body):
    assert invited.put(CREDENTIALS, data=body).http_status == 405


@pytest.mark.conformance("CRED-34")
def test_an_address_that_may_not_be_called_is_named_to_the_operator_only(ocpi, ocpi_app, ocpi_network, peer, caplog):
    def block(request: Request) -> None:
        raise BlockedAddressError("internal.example has the address 10.1.2.3, which is not public.")

    ocpi.partners.invite(name="Peer", token=TOKEN_A)
    ocpi_network.before_send = block

    response = peer.post(ocpi_app, TOKEN_A)

    assert response.status_code == 3001
    assert "10.1.2.3" not in response.message
    assert "10.1.2.3" in caplog.text
