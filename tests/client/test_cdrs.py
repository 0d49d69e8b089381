"""CDRs as we post them: the receiver says where they can be read again (CLI-11)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response as Received
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import RefusedError
from flask_ocpi.testing.documents import cdr
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def peer(ocpi_network):
    """An eMSP that takes CDRs."""
    peer = Peer(ocpi_network, parties=[("DE", "EMS", ["EMSP"])])
    peer.endpoints.append(peer.endpoint("cdrs", "RECEIVER"))
    return peer


@pytest.fixture
def client(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a")
    ocpi_network.requests.clear()
    return ocpi.client(platform)


def keep_cdrs(location: str | None) -> Callable[[Request, Received], Received]:
    """Return an ``after_send`` that answers CDRs with that Location, and each GET with the CDR."""
    headers = {} if location is None else {"Location": location}

    def after_send(request: Request, response: Received) -> Received:
        if request.method == "POST":
            return Received(201, headers, answer(None).data, request.url)
        return Received(200, {}, answer(cdr()).data, request.url)

    return after_send


@pytest.mark.conformance("CLI-11", "CDR-28")
@pytest.mark.parametrize(
    ("sent", "url"),
    [
        ("https://peer.example/2.2.1/receiver/cdrs/1234", "https://peer.example/2.2.1/receiver/cdrs/1234"),
        ("https://peer.example/elsewhere?cdr=1", "https://peer.example/elsewhere?cdr=1"),
        ("HTTPS://PEER.example:443/cdrs/1", "https://PEER.example:443/cdrs/1"),
        ("/2.2.1/receiver/cdrs/1234", "https://peer.example/2.2.1/receiver/cdrs/1234"),
        ("cdrs/1234", "https://peer.example/2.2.1/receiver/cdrs/1234"),
        ("//peer.example/cdrs/1234", "https://peer.example/cdrs/1234"),
        ("?id=1234", "https://peer.example/2.2.1/receiver/cdrs?id=1234"),
    ],
    ids=["absolute", "another path", "another spelling", "relative", "relative to the endpoint", "no scheme", "query"],
)
def test_url_of_a_cdr_is_kept_and_read(client, ocpi_network, sent, url):
    ocpi_network.after_send = keep_cdrs(sent)
    ocpi_network.apps[urlsplit(url).netloc] = ocpi_network.apps["peer.example"]

    posted = client.cdrs.post(cdr())
    copy = client.cdrs.get_copy("cdr1")

    assert posted.http_status == 201
    assert copy == cdr()
    assert [(request.method, request.url) for request in ocpi_network.requests[1:]] == [("GET", url)]
    assert ocpi_network.requests[1].headers["Authorization"] == ocpi_network.requests[0].headers["Authorization"]


@pytest.mark.conformance("CLI-11", "CLI-09")
@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "https://evil.example/cdrs/1",
        "//evil.example/cdrs/1",
        "http://peer.example/cdrs/1",
        "https://peer.example:8443/cdrs/1",
        "https://peer.example@evil.example/cdrs/1",
        "https://user@peer.example/cdrs/1",
        "ftp://peer.example/cdrs/1",
        "https://[cdrs",
        "https://peer.example:port/cdrs/1",
    ],
    ids=lambda value: str(value),
)
def test_cdr_is_taken_without_a_url_at_the_receiver_and_the_token_goes_nowhere_else(client, ocpi_network, location):
    evil = Peer(ocpi_network, "evil.example")
    ocpi_network.after_send = keep_cdrs(location)

    posted = client.cdrs.post(cdr())
    with pytest.raises(MissingEndpointError, match="peer-example gave no URL for the CDR 'CDR1'"):
        client.cdrs.get_copy("CDR1")

    assert posted.http_status == 201
    assert len(ocpi_network.requests) == 1
    assert evil.seen == []


@pytest.mark.conformance("CLI-11")
def test_each_receiver_has_a_url_of_its_own(ocpi, ocpi_network, client):
    other = Peer(ocpi_network, "other-peer.example", parties=[("FR", "EMS", ["EMSP"])])
    other.endpoints.append(other.endpoint("cdrs", "RECEIVER"))
    second = ocpi.client(ocpi.partners.register(other.url, "token-a"))
    ocpi_network.after_send = keep_cdrs("cdrs/1")
    for calls in (client, second):
        calls.cdrs.post(cdr())
    ocpi_network.requests.clear()

    for calls in (client, second):
        calls.cdrs.get_copy("CDR1")

    assert [request.url.split("/")[2] for request in ocpi_network.requests] == ["peer.example", "other-peer.example"]


@pytest.mark.conformance("CLI-11")
def test_cdr_is_read_back_from_a_platform_like_ours(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    document = cdr(id="C/1")

    with ocpi.client(there) as partner:
        first, again = partner.cdrs.post(document), partner.cdrs.post(document)

        assert partner.cdrs.get_copy("C/1") == document
    assert (first.http_status, again.http_status) == (201, 200)


@pytest.mark.conformance("CLI-07")
def test_refused_cdr_is_not_remembered(client, peer):
    peer.answers["POST /2.2.1/receiver/cdrs"] = lambda: answer(None, status_code=2001)

    with pytest.raises(RefusedError):
        client.cdrs.post(cdr())
    with pytest.raises(MissingEndpointError):
        client.cdrs.get_copy("CDR1")
