"""What a platform offers, and what we make of it: group VER of the requirements."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from flask_ocpi.client.connection import Connection
from flask_ocpi.client.discovery import discover
from flask_ocpi.core.description import Version
from flask_ocpi.core.description import version_order
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import NoMatchingEndpointsError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import select_versions
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conformance.sharing import VERSION_LIST
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer
from tests.roles import ROLES
from tests.roles import TABLE
from tests.roles import calls
from tests.roles import has
from tests.urls import ocpi_url

VERSIONS = "/ocpi/versions"
DETAILS = ocpi_url()
RECEIVER = ("locations", "RECEIVER")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def invited(ocpi, ocpi_app):
    ocpi.partners.invite(name="Invited", token="token-a")
    return PartnerClient(ocpi_app, "token-a")


def offered(client):
    return [(e["identifier"], e["role"]) for e in client.get(DETAILS).data["endpoints"]]


@pytest.mark.conformance("VER-01")
@pytest.mark.parametrize("state", ["invited", "ocpi_client"])
def test_versions_are_a_list_of_version_and_url(request, state):
    response = request.getfixturevalue(state).get(VERSIONS)

    assert (response.http_status, response.status_code) == (200, 1000)
    assert response.data == VERSION_LIST


@pytest.mark.conformance("VER-02", "VER-03", "VER-04", "VER-05", "VER-06", "VER-08")
def test_details_name_every_interface_once_and_credentials_as_sender(invited):
    response = invited.get(DETAILS)

    base = "https://platform.example/ocpi/2.2.1"
    both = ["locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles"]
    assert response.data == {
        "version": "2.2.1",
        "endpoints": [
            {"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"},
            *(
                {"identifier": module, "role": role, "url": f"{base}/{role.lower()}/{module}"}
                for module in both
                for role in ("SENDER", "RECEIVER")
            ),
            {"identifier": "hubclientinfo", "role": "RECEIVER", "url": f"{base}/receiver/hubclientinfo"},
        ],
    }


@pytest.mark.conformance("VER-03")
def test_urls_are_absolute_and_answered(ocpi_client):
    endpoints = ocpi_client.get(DETAILS).data["endpoints"]

    statuses = {e["url"]: ocpi_client.get(urlsplit(e["url"]).path).http_status for e in endpoints}

    assert all(url.startswith("https://") and len(url) <= 255 for url in statuses)
    # Only these have a list: the URLs of the others are the start of those of objects.
    lists = ["credentials", *(f"sender/{m}" for m in ("locations", "sessions", "cdrs", "tariffs", "tokens"))]
    found = [url.removeprefix("https://platform.example/ocpi/2.2.1/") for url in statuses if statuses[url] == 200]
    assert found == lists


SEVERAL = [["CPO", "EMSP"], ["NSP", "SCSP"], ["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]]


@pytest.mark.conformance("VER-04", "VER-17", "ROLE-01", "ROLE-02", "ROLE-03")
@pytest.mark.parametrize("roles", [*([role] for role in ROLES), *SEVERAL], ids="+".join)
@pytest.mark.parametrize("own", [*([role] for role in ROLES), *SEVERAL], ids="+".join)
def test_details_list_what_the_roles_of_the_caller_may_use(ocpi_network, own, roles):
    host = f"{'-'.join(own).lower()}.example"
    ocpi_network.add(host, [("NL", "ABC", own)])
    client = add_partner(ocpi_network.apps[host], [("DE", "PEE", roles)])

    listed = offered(client)

    sides = ("SENDER", "RECEIVER")
    usable = {(m, side) for m in TABLE for side in sides if has(own, m, side) and calls(roles, m, side)}
    assert listed[0] == ("credentials", "SENDER")
    assert set(listed[1:]) == usable
    assert len(listed) == len(usable) + 1


@pytest.mark.conformance("VER-17", "ROLE-04", "ROLE-05", "ROLE-07")
@pytest.mark.parametrize(
    ("own", "role", "sender", "receiver"),
    [
        ("CPO", "EMSP", "cdrs locations sessions tariffs", "chargingprofiles commands tokens"),
        ("EMSP", "CPO", "chargingprofiles commands tokens", "cdrs locations sessions tariffs"),
        ("CPO", "SCSP", "sessions tariffs", "chargingprofiles"),
        ("SCSP", "CPO", "chargingprofiles", "sessions tariffs"),
        ("EMSP", "SCSP", "", "chargingprofiles tariffs"),
        ("CPO", "HUB", "cdrs locations sessions tariffs", "chargingprofiles commands hubclientinfo tokens"),
        ("HUB", "OTHER", "hubclientinfo", ""),
        ("NAP", "NAP", "locations tariffs", "locations tariffs"),
        ("CPO", "CPO", "", ""),
    ],
)
def test_details_of_usual_pairs(ocpi_network, own, role, sender, receiver):
    ocpi_network.add(f"{own.lower()}.example", [("NL", "ABC", [own])])
    client = add_partner(ocpi_network.apps[f"{own.lower()}.example"], [("DE", "PEE", [role])])

    listed = offered(client)

    assert sorted(module for module, side in listed[1:] if side == "SENDER") == sender.split()
    assert sorted(module for module, side in listed[1:] if side == "RECEIVER") == receiver.split()


@pytest.mark.conformance("VER-04", "ROLE-02")
def test_details_list_only_what_is_configured(ocpi_network):
    ocpi_network.add("some.example", [("NL", "ABC", ["CPO"])], config={"OCPI_MODULES": ["locations:RECEIVER"]})
    client = add_partner(ocpi_network.apps["some.example"], [("DE", "PEE", ["CPO", "EMSP"])])

    assert offered(client) == [("credentials", "SENDER"), RECEIVER]


@pytest.mark.conformance("VER-11")
@pytest.mark.parametrize("number", ["2.1", "2.2", "2.3", "2.2.1.0", "9"])
def test_unknown_version_is_404(ocpi_client, number):
    response = ocpi_client.get(f"/ocpi/{number}")

    assert (response.http_status, response.status_code) == (404, 2001)


@pytest.mark.conformance("VER-12")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [VERSIONS, DETAILS])
def test_only_get(ocpi_client, method, path):
    response = ocpi_client.open(method, path, json={})

    assert response.http_status == 405
    assert response.headers["Allow"] == "GET"


@pytest.mark.conformance("VER-10", "RT-02")
@pytest.mark.parametrize("path", [VERSIONS, DETAILS])
def test_routing_headers_are_ignored(ocpi_client, path):
    headers = {"OCPI-to-country-code": "XXX", "OCPI-to-party-id": "Y", "OCPI-from-country-code": "ZZ"}

    response = ocpi_client.get(path, headers=headers)

    assert response.http_status == 200
    assert not [name for name, _ in response.headers if name.lower().startswith("ocpi-")]


@pytest.mark.conformance("VER-16")
def test_dependencies_of_modules_are_described():
    described = {module.id: module.requires for module in V2_2_1.modules if module.requires}

    assert described == {
        "locations": ("tariffs",),
        "commands": ("locations", "sessions"),
        "chargingprofiles": ("sessions",),
    }
    assert {needed for names in described.values() for needed in names} <= {module.id for module in V2_2_1.modules}


# Choosing a version, as the client.


@pytest.mark.conformance("VER-15")
@pytest.mark.parametrize(
    ("numbers", "ordered"),
    [
        (["2.10", "2.2.1", "2.2"], ["2.2", "2.2.1", "2.10"]),
        (["2.2.10", "2.2.9"], ["2.2.9", "2.2.10"]),
        (["10.0", "9.9.9"], ["9.9.9", "10.0"]),
        (["2.2.1", "2.x"], ["2.x", "2.2.1"]),
    ],
)
def test_versions_are_ordered_by_number(numbers, ordered):
    assert sorted(numbers, key=version_order) == ordered


@pytest.mark.conformance("VER-14", "VER-15", "VER-07")
@pytest.mark.parametrize(
    ("mine", "theirs", "chosen"),
    [
        (["2.2.1"], ["2.0", "2.1.1", "2.2", "2.2.1", "2.3.0"], "2.2.1"),
        (["2.2.1", "2.10"], ["2.10", "2.2.1"], "2.10"),
        (["2.10", "2.2.1"], ["2.2.1", "2.10", "2.11"], "2.10"),
        (["2.2.1", "2.10"], ["2.2.1"], "2.2.1"),
    ],
)
def test_latest_mutual_version_is_chosen(ocpi, ocpi_network, mine, theirs, chosen):
    peer = Peer(ocpi_network, versions=theirs)
    connection = Connection(ocpi_network, "token-a")

    discovery = discover(connection, ocpi.services, peer.url, versions=mine)

    assert discovery.version == chosen
    assert [name for name, _ in peer.seen] == ["GET /versions", f"GET /{chosen}"]


@pytest.mark.conformance("VER-14", "CRED-10")
def test_no_mutual_version_is_said_before_anything_is_sent(ocpi, ocpi_network):
    peer = Peer(ocpi_network, versions=["2.0", "2.2"])

    with pytest.raises(UnsupportedVersionError, match=r"offers the versions 2\.0, 2\.2; needed is 2\.1\.1, 2\.2\.1"):
        ocpi.partners.register(peer.url, "token-a")

    assert [name for name, _ in peer.seen] == ["GET /versions"]
    assert ocpi.partners.list() == []


@pytest.mark.conformance("CRED-13", "CLI-01")
def test_missing_endpoint_keeps_us_from_registering(ocpi_network, caplog):
    ocpi = ocpi_network.add(
        "needs.example", [("NL", "ABC", ["CPO"])], config={"OCPI_REQUIRED_ENDPOINTS": ["locations:SENDER"]}
    )
    peer = Peer(ocpi_network)

    with pytest.raises(NoMatchingEndpointsError, match="locations:SENDER"):
        ocpi.partners.register(peer.url, "token-a")

    assert [name for name, _ in peer.seen] == ["GET /versions", "GET /2.2.1"]
    assert "Not registering with https://peer.example/versions" in caplog.text
    assert ocpi.partners.list() == []


@pytest.mark.conformance("VER-05", "VER-09")
@pytest.mark.parametrize("role", ["SENDER", "RECEIVER"])
def test_role_of_credentials_and_unknown_modules_are_ignored(ocpi, ocpi_network, role):
    peer = Peer(ocpi_network)
    peer.endpoints[0]["role"] = role
    peer.endpoints.insert(0, peer.endpoint("nltnm-tokens", "SENDER"))

    platform = ocpi.partners.register(peer.url, "token-a")
    ocpi.partners.rotate(platform)

    posted = [name for name, _ in peer.seen if name.startswith(("POST", "PUT"))]
    path = urlsplit(peer.endpoints[1]["url"]).path
    assert posted == [f"POST {path}", f"PUT {path}"]


@pytest.mark.conformance("CLI-08")
@pytest.mark.parametrize(
    ("path", "data"),
    [("GET /versions", {"version": "2.2.1"}), ("GET /versions", None), ("GET /2.2.1", []), ("GET /2.2.1", {})],
    ids=["versions as object", "no versions", "details as list", "no endpoints"],
)
def test_answers_of_a_wrong_shape_are_refused(ocpi, ocpi_network, path, data):
    peer = Peer(ocpi_network)
    peer.answers[path] = lambda: answer(data)

    with pytest.raises(InvalidResponseError):
        ocpi.partners.register(peer.url, "token-a")

    assert ocpi.partners.list() == []


# Several versions at once.


BOTH = (Version("2.10", V2_2_1.modules), V2_2_1)


@pytest.fixture
def both():
    """A server of 2.2.1 and 2.10, and a client that knows 2.2.1 only at first."""
    network = Network()
    return network, network.add("server.example", [("NL", "SRV", ["CPO"])], versions=BOTH)


def test_versions_are_served_oldest_first():
    assert [version.number for version in select_versions(["2.10", "2.2.1"], BOTH)] == ["2.2.1", "2.10"]


@pytest.mark.conformance("VER-14", "VER-15", "CRED-17", "CRED-19")
def test_upgrade_to_a_newer_version_by_put(both):
    network, server = both
    old = network.add("client.example", [("DE", "CLI", ["EMSP"])])
    there, _ = network.connect(old, server)
    upgraded = network.add(
        "client.example",
        [("DE", "CLI", ["EMSP"])],
        storage=old.storage,
        versions=BOTH,
    )
    network.requests.clear()

    renewed = upgraded.partners.rotate(there.id, version="2.10")

    assert (there.version, renewed.version) == ("2.2.1", "2.10")
    assert server.partners.find("DE-CLI").version == "2.10"
    (put,) = [request for request in network.requests if request.method == "PUT"]
    assert put.url == "https://server.example/ocpi/2.10/credentials"
    assert renewed.endpoint("locations", None) == "https://server.example/ocpi/2.10/sender/locations"


@pytest.mark.conformance("CRED-19")
@pytest.mark.parametrize("number", ["2.2.1", "2.10"])
def test_token_opens_the_credentials_of_every_version(both, number):
    network, _ = both
    client = add_partner(network.apps["server.example"], [("DE", "PEE", ["EMSP"])])

    response = client.get(f"/ocpi/{number}/credentials")

    assert (response.http_status, response.status_code) == (200, 1000)


@pytest.mark.conformance("CRED-05", "CRED-10")
@pytest.mark.parametrize(("number", "status_code"), [("2.2.1", 1000), ("2.10", 3002)])
def test_version_of_the_endpoint_that_was_posted_to_counts(both, number, status_code):
    network, server = both
    peer = Peer(network)
    server.partners.invite(name="Peer", token="token-a")

    client = PartnerClient(network.apps["server.example"], "token-a")
    response = client.post(f"/ocpi/{number}/credentials", peer.credentials())

    assert response.status_code == status_code


def test_refusals_carry_the_code_of_the_other_side(ocpi, ocpi_network):
    peer = Peer(ocpi_network)
    peer.answers["GET /versions"] = lambda: answer(None, status_code=2900)

    with pytest.raises(RefusedError) as caught:
        ocpi.partners.register(peer.url, "token-a")

    assert (caught.value.status_code, caught.value.http_status) == (2900, 200)
