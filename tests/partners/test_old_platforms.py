"""A platform of OCPI 2.1.1 as others wrote it: URLs with a slash at their end, relative Locations, older versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions.v2_1_1 import VERSION as V2_1_1
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.peers import Peer
from tests.peers import answer


@pytest.fixture
def ocpi_push():
    return True


class OldPeer(Peer):
    """An eMSP at peer.example that knows nothing newer than 2.1.1, and no token in Base64."""

    def __init__(self, network):
        super().__init__(network, versions=["2.0", "2.1", "2.1.1"])
        self.network = network
        self.url = f"{self.base}/ocpi/emsp/versions/"
        listed = [{"version": n, "url": f"{self.base}/ocpi/emsp/{n}/"} for n in ("2.1.1", "2.0", "2.1")]
        modules = ("credentials", "locations", "sessions", "cdrs", "tariffs", "tokens", "commands")
        below = "/ocpi/emsp/2.1.1"
        endpoints = [{"identifier": module, "url": f"{self.base}{below}/{module}/"} for module in modules]
        network.after_send = self.demand_plain
        self.answers = {
            "GET /ocpi/emsp/versions/": lambda: answer(listed),
            f"GET {below}/": lambda: answer({"version": "2.1.1", "endpoints": endpoints}),
            f"POST {below}/credentials/": lambda: answer(self.credentials()),
            f"POST {below}/cdrs/": lambda: self.created(f"{below}/cdrs/CDR1"),
        }

    def created(self, location):
        response = answer(None)
        response.headers["Location"] = location
        response.autocorrect_location_header = False
        return response

    def demand_plain(self, request, response):
        """Refuse tokens that are not as they were given out."""
        known = (f"Token {token}" for token in ("token-a", self.token))
        if request.url.startswith(self.base) and request.headers["Authorization"] not in known:
            return replace(response, status=401, body=b"")
        return response

    def credentials(self, **changes):
        party = {"country_code": "DE", "party_id": "PEE", "business_details": {"name": "Peer"}}
        return {"token": self.token, "url": self.url, **party, **changes}


@pytest.fixture
def ours(ocpi_network):
    return ocpi_network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])], versions=(V2_1_1, V2_2_1))


@pytest.fixture
def peer(ocpi_network):
    return OldPeer(ocpi_network)


@pytest.fixture
def registered(ours, peer):
    """Our platform, registered with the old one."""
    ours.partners.register(peer.url, "token-a", own_role="CPO")
    peer.seen.clear()
    return ours


@pytest.mark.conformance("V211-106", "V211-107", "V211-114")
def test_we_register_with_it_in_2_1_1(ours, peer):
    platform = ours.partners.register(peer.url, "token-a", own_role="CPO")

    assert (platform.version, str(platform.parties[0])) == ("2.1.1", "DE-PEE")
    assert platform.endpoint("locations", InterfaceRole.RECEIVER) == f"{peer.base}/ocpi/emsp/2.1.1/locations/"
    assert platform.endpoint("locations", InterfaceRole.SENDER) is None
    assert [spelled for name, spelled in peer.seen if name.startswith("POST")] == ["Token token-a"]


@pytest.mark.parametrize("said", ["CPO", "", None, 1, [], {"a": 1}], ids=str)
def test_what_an_endpoint_says_beside_is_no_side(ours, peer, said):
    modules = ("credentials", "locations", "tokens")
    listed = [{"identifier": module, "url": f"{peer.base}/{module}/", "role": said} for module in modules]
    peer.answers["GET /ocpi/emsp/2.1.1/"] = lambda: answer({"version": "2.1.1", "endpoints": listed})
    peer.answers["POST /credentials/"] = lambda: answer(peer.credentials())

    platform = ours.partners.register(peer.url, "token-a", own_role="CPO")

    assert platform.endpoint("locations", InterfaceRole.RECEIVER) == f"{peer.base}/locations/"
    assert platform.endpoint("tokens", InterfaceRole.SENDER) == f"{peer.base}/tokens/"


@pytest.mark.conformance("V211-102", "V211-107", "V211-114")
def test_it_registers_with_us_by_urls_with_a_slash(ocpi_network, ours, peer):
    _, token = ours.partners.invite(name="Peer", own_role="CPO")
    client = PartnerClient(ocpi_network.apps["ours.example"], token)
    plain = {"Authorization": authorization(token, "plain")}

    listed = client.get("/ocpi/versions/", headers=plain)
    details = client.get("/ocpi/2.1.1/", headers=plain)
    answered = client.post("/ocpi/2.1.1/credentials/", peer.credentials(), headers=plain)

    assert (listed.status_code, details.status_code, answered.status_code) == (1000, 1000, 1000)
    assert ours.partners.find("DE-PEE").version == "2.1.1"
    assert {spelled for _, spelled in peer.seen} == {f"Token {peer.token}"}
    wrong = client.get("/ocpi/2.1.1/", headers={"Authorization": f"Token {answered.data['token']}x"})
    assert wrong.http_status == 401


@pytest.mark.conformance("V211-114")
def test_endpoints_with_a_slash_are_called_below_it(registered, peer):
    registered.save("locations", documents.location())

    assert [name for name, _ in peer.seen] == ["PUT /ocpi/emsp/2.1.1/locations/NL/ABC/LOC1"]


@pytest.mark.conformance("V211-115")
def test_relative_location_of_a_cdr_is_that_at_its_endpoint(registered, peer):
    cdr = documents.cdr(cdr_token={**documents.cdr()["cdr_token"], "country_code": "DE", "party_id": "PEE"})
    registered.save("cdrs", cdr)

    with registered.client("DE-PEE") as client, pytest.raises(InvalidResponseError):
        client.cdrs.get_copy(cdr["id"], owner=Party.of("NL", "ABC"))  # what it answers there is no CDR

    assert [name for name, _ in peer.seen] == ["POST /ocpi/emsp/2.1.1/cdrs/", "GET /ocpi/emsp/2.1.1/cdrs/CDR1"]
