"""No URL that another platform names, wherever it names it, leads into the own network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask import redirect
from flask import request

from flask_ocpi import OCPI
from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response as Received
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token as card
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import CREDENTIALS
from tests.peers import Peer
from tests.peers import answer
from tests.serving import served
from tests.urls import ocpi_url

pytestmark = pytest.mark.conformance("CRED-34")

#: Names that lead into the own network, one of them to a public address as well.
NAMES = {
    "internal.example": ["10.0.0.5"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "peer.example.internal.example": ["192.168.1.1"],
    "localhost": ["127.0.0.1"],
}
HOSTILE = [
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://0/x",
    "https://[::1]/x",
    "https://[::]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:a00:1]/x",
    "https://[64:ff9b::a00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://[::7f00:1]/x",
    "https://[::ffff:0:a00:1]/x",
    "https://[64:ff9b:1::a00:1]/x",
    "https://[fec0::1]/x",
    "https://[fe80::1]/x",
    "https://[fd00:ec2::254]/x",
    "https://10.0.0.1/x",
    "https://172.16.0.1/x",
    "https://192.168.0.1:8443/x",
    "https://100.64.0.1/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/machine",
    "https://224.0.0.1/x",
    "https://localhost/x",
    "https://internal.example/x",
    "https://mixed.example/x",
    "https://peer.example.internal.example/x",
    "https://peer.example@127.0.0.1/x",
    "https://peer.example:443@127.0.0.1/x",
    "https://127.0.0.1\\@peer.example/x",
    "https://127.0.0.1%2f@peer.example/x",
    "https://\u2460\u2461\u2466.0.0.1/x",
    "https://127\u30020\u30020\u30021/x",
    "http://peer.example/x",
    "http://127.0.0.1/x",
    "ftp://127.0.0.1/x",
    "gopher://127.0.0.1:25/_x",
    "file:///etc/passwd",
    "//127.0.0.1/x",
]


class _Diverted:
    """The way to the peer, but for one URL, where there is what a test says."""

    def __init__(self, network: Network, url: str, found: Callable[[Request], Received]) -> None:
        self.network = network
        self.url = url
        self.found = found

    def send(self, sent: Request) -> Received:
        return self.found(sent) if sent.url == self.url else self.network.send(sent)

    def close(self) -> None:
        """Nothing is held open."""


class Line:
    """The way to the peer, and the real transport to everywhere else; ``connected`` lists where that one went."""

    def __init__(self, network: Network, real: HTTPTransport) -> None:
        self.network = network
        self.real = real
        self.connected: list[Any] = []
        self.asked: list[str] = []

    def send(self, sent: Request) -> Received:
        parts = urlsplit(sent.url)
        if (parts.scheme, parts.netloc) == ("https", "peer.example"):
            return self.network.send(sent)
        self.asked.append(sent.url)
        return self.real.send(sent)

    def close(self) -> None:
        """Leave the transport open for the next test."""


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture(scope="module")
def real() -> Iterator[HTTPTransport]:
    transport = HTTPTransport(policy=AddressPolicy())
    yield transport
    transport.close()


@pytest.fixture
def line(ocpi: OCPI, ocpi_network: Network, real: HTTPTransport, monkeypatch: pytest.MonkeyPatch) -> Line:
    """The transport of the platform, on a machine that connects to nobody."""
    line = Line(ocpi_network, real)
    looked_up = socket.getaddrinfo

    def getaddrinfo(host: str, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host in NAMES:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in NAMES[host]]
        return looked_up(host, port, *arguments, **{**options, "flags": socket.AI_NUMERICHOST})

    def connect(_: socket.socket, address: Any) -> None:
        line.connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(ocpi.state, "_transport", line)
    return line


@pytest.fixture
def peer(ocpi_network: Network) -> Peer:
    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["EMSP", "CPO"])])
    peer.endpoints += [peer.endpoint("locations", "SENDER"), peer.endpoint("cdrs", "RECEIVER")]
    return peer


# Each entry point makes the peer name a URL, and has the platform follow it; it returns what must not have come of it.


def named_in_credentials(ocpi: OCPI, peer: Peer, url: str) -> bool:
    _, token = ocpi.partners.invite(name="Peer")
    return peer.post(_app(ocpi), token, url=url).status_code == 1000


def named_in_renewed_credentials(ocpi: OCPI, peer: Peer, url: str) -> bool:
    _, token = ocpi.partners.invite(name="Peer")
    issued = peer.post(_app(ocpi), token).data["token"]
    return peer.put(_app(ocpi), issued, url=url).status_code == 1000


def named_in_answered_credentials(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.answers["POST /2.2.1/sender/credentials"] = lambda: answer(peer.credentials(url=url))
    platform = _attempt(lambda: ocpi.partners.register(peer.url, "token-a"))
    # Registered it may be: the URL is kept, and leads nowhere later either.
    return platform is not None and _attempt(lambda: ocpi.partners.rotate(platform)) is not None


def named_in_versions(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.versions = [{"version": "2.2.1", "url": url}]
    return _attempt(lambda: ocpi.partners.register(peer.url, "token-a")) is not None


def named_in_versions_while_it_registers(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.versions = [{"version": "2.2.1", "url": url}]
    return named_in_credentials(ocpi, peer, peer.url)


def named_as_credentials_endpoint(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.endpoints[0]["url"] = url
    return _attempt(lambda: ocpi.partners.register(peer.url, "token-a")) is not None


def named_when_a_spent_token_is_refused(ocpi: OCPI, peer: Peer, url: str) -> bool:
    details = {"version": "2.2.1", "endpoints": [{"identifier": "credentials", "role": "SENDER", "url": url}]}
    peer.answers["GET /versions"] = lambda: answer(details, status_code=2000, http_status=401)
    return _attempt(lambda: ocpi.partners.register(peer.url, "token-a")) is not None


def named_as_endpoint_of_a_list(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.endpoints[2]["url"] = url
    platform = _attempt(lambda: ocpi.partners.register(peer.url, "token-a"))
    return platform is not None and _attempt(lambda: ocpi.pull("locations", platform)) is not None


def named_as_endpoint_of_objects(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.endpoints[3]["url"] = url
    platform = _attempt(lambda: ocpi.partners.register(peer.url, "token-a"))
    return platform is not None and _attempt(lambda: ocpi.client(platform).cdrs.post(cdr())) is not None


def named_as_response_url(ocpi: OCPI, peer: Peer, url: str) -> bool:
    accepted = []

    @ocpi.command("START_SESSION")
    def start(command: Any, reply: Any) -> Any:
        accepted.append(command)
        return reply.accept(lambda: "ACCEPTED")

    ocpi.save("locations", location())
    _, token_a = ocpi.partners.invite(name="Peer")
    token = peer.post(_app(ocpi), token_a).data["token"]
    body = start_session(response_url=url, token=card(country_code="DE", party_id="PEE"))
    PartnerClient(_app(ocpi), token).post(ocpi_url("receiver/commands/START_SESSION"), body)
    return bool(accepted)


def named_as_response_url_at_a_host_that_is_allowed(ocpi: OCPI, peer: Peer, url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    settings = ocpi.services.settings
    object.__setattr__(settings, "callback_hosts", (host,))
    try:
        named_as_response_url(ocpi, peer, url)
    finally:
        object.__setattr__(settings, "callback_hosts", ())
    return False  # the command may be accepted: its result is what is not sent


def named_in_the_link_of_a_list(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.answers["GET /2.2.1/sender/locations"] = lambda: answer([])
    platform = _registered(ocpi, peer)
    _answer_with(ocpi, "GET", {"Link": f'<{url}>; rel="next"'})
    _attempt(lambda: ocpi.pull("locations", platform))
    return False


def named_in_the_location_of_a_cdr(ocpi: OCPI, peer: Peer, url: str) -> bool:
    peer.answers["POST /2.2.1/receiver/cdrs"] = lambda: answer(None, http_status=201)
    client = ocpi.client(_registered(ocpi, peer))
    _answer_with(ocpi, "POST", {"Location": url})
    _attempt(lambda: client.cdrs.post(cdr()))
    return _attempt(lambda: client.cdrs.get_copy("CDR1")) is not None


ENTRY_POINTS: list[Callable[[OCPI, Peer, str], bool]] = [
    named_in_credentials,
    named_in_renewed_credentials,
    named_in_answered_credentials,
    named_in_versions,
    named_in_versions_while_it_registers,
    named_as_credentials_endpoint,
    named_when_a_spent_token_is_refused,
    named_as_endpoint_of_a_list,
    named_as_endpoint_of_objects,
    named_as_response_url,
    named_as_response_url_at_a_host_that_is_allowed,
    named_in_the_link_of_a_list,
    named_in_the_location_of_a_cdr,
]


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=lambda entry: entry.__name__)
def test_a_url_that_leads_into_the_own_network_is_not_called(ocpi, peer, line, entry, url):
    followed = entry(ocpi, peer, url)

    assert not line.connected
    assert not followed


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=lambda entry: entry.__name__)
def test_each_entry_point_would_be_seen_to_call(ocpi, peer, line, monkeypatch, entry):
    monkeypatch.setitem(NAMES, "public.example", ["93.184.216.34"])
    same_host_only = entry in (named_as_response_url, named_in_the_link_of_a_list, named_in_the_location_of_a_cdr)

    entry(ocpi, peer, "https://public.example/x")

    assert line.connected == ([] if same_host_only else [("93.184.216.34", 443)] * len(line.connected))
    assert bool(line.connected) is not same_host_only


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_not_followed_even_where_every_address_may_be_called(code, method):
    reached: list[str] = []
    target, redirecting = Flask("target"), Flask("redirecting")

    @target.before_request
    def note() -> str:
        reached.append(request.path)
        return "{}"

    @redirecting.route("/versions", methods=["GET", "POST"])
    def lead_on() -> Any:
        return redirect(f"{target_url}/secret", code)

    transport = HTTPTransport(policy=AddressPolicy(allow_private=True))
    with served(target) as target_url, served(redirecting) as url:
        connection = Connection(transport, "token-of-the-partner")
        with pytest.raises(RefusedError) as refused:
            connection.request(method, f"{url}/versions", body=None if method == "GET" else {})
    transport.close()

    assert refused.value.http_status == code
    assert reached == []


def nothing_but_a_page(sent: Request) -> Received:
    return Received(200, {"Content-Type": "text/html"}, b"<html></html>", sent.url)


def a_refusal(sent: Request) -> Received:
    return Received(401, {}, b'{"status_code": 2000, "status_message": "postgres-7 wants a token"}', sent.url)


def a_list_of_something_else(sent: Request) -> Received:
    return Received(200, {}, b'{"status_code": 1000, "data": {}, "timestamp": "2026-01-01T00:00:00Z"}', sent.url)


def no_answer(error: RemoteError) -> Callable[[Request], Received]:
    def fail(sent: Request) -> Received:
        raise error

    return fail


#: What may be found at a URL that a partner names: somebody, something else, or nobody.
FOUND: dict[str, Callable[[Request], Received]] = {
    "blocked": no_answer(BlockedAddressError("internal.example has the address 10.0.0.1, which is not public.")),
    "refused": no_answer(UnreachableError("internal.example could not be connected to: Connection refused.")),
    "unknown name": no_answer(UnreachableError("internal.example is not known.")),
    "silent": no_answer(UnansweredError("internal.example did not answer in time.")),
    "bad certificate": no_answer(UnreachableError("The certificate of internal.example is not valid.")),
    "page": nothing_but_a_page,
    "refusal": a_refusal,
    "something else": a_list_of_something_else,
}


@pytest.mark.parametrize("endpoint", ["versions", "version details"])
@pytest.mark.parametrize("renewed", [False, True], ids=["POST", "PUT"])
def test_the_answer_to_a_handshake_does_not_tell_what_is_at_a_url(
    ocpi, peer, ocpi_network, monkeypatch, caplog, endpoint, renewed
):
    named = "https://internal.example/x"
    url = named if endpoint == "versions" else peer.url
    token = peer.post(_app(ocpi), ocpi.partners.invite(name="Peer")[1]).data["token"] if renewed else ""
    peer.versions = [{"version": "2.2.1", "url": named}] if endpoint == "version details" else peer.versions
    answers = set()
    for number, answer_as in enumerate(FOUND.values()):
        client = PartnerClient(_app(ocpi), token or ocpi.partners.invite(name="Peer")[1])
        monkeypatch.setattr(ocpi.state, "_transport", _Diverted(ocpi_network, named, answer_as))
        call = client.put if renewed else client.post
        response = call(CREDENTIALS, peer.credentials(url=url), headers={"X-Request-ID": f"request-{number}"})
        answers.add((response.http_status, response.status_code, response.message.replace(f"t-{number}", "t-N")))

    [(http_status, status_code, message)] = answers
    assert (http_status, status_code) == (200, 3001)
    assert message.startswith(f"Your {endpoint} endpoint could not be used.")
    assert message.endswith("finds the reason in the log, by X-Request-ID request-N.")
    assert "internal.example" not in message
    logged = [record.getMessage() for record in caplog.records if record.getMessage().startswith("The v")]
    assert len({text.split(": ", 1)[1] for text in logged}) == len(FOUND)
    assert "(request request-0): internal.example has the address 10.0.0.1" in logged[0]


def test_a_call_that_is_passed_on_does_not_tell_a_blocked_address_from_nobody(ocpi, ocpi_app):
    errors = [BlockedAddressError("x has the address 10.0.0.1, which is not public."), UnreachableError("Refused.")]
    partner = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])])

    ocpi.save("locations", location())

    @ocpi.command("START_SESSION")
    def pass_on(command: Any, reply: Any) -> Any:
        raise errors.pop()

    body = start_session(response_url="https://partner.example/1", token=card(country_code="DE", party_id="EMS"))
    answers = [partner.post(ocpi_url("receiver/commands/START_SESSION"), body) for _ in range(2)]

    assert answers[0].status_code == answers[1].status_code == 4003
    assert answers[0].message == answers[1].message


def _attempt(follow: Callable[[], Any]) -> Any:
    """Return what came of it, or None when it was refused on purpose."""
    try:
        return follow()
    except FlaskOCPIError:
        return None


def _registered(ocpi: OCPI, peer: Peer) -> Platform:
    return ocpi.partners.register(peer.url, "token-a")


def _answer_with(ocpi: OCPI, method: str, headers: dict[str, str]) -> None:
    """Have the next answer of the peer to such a request carry these headers."""
    network: Network = ocpi.transport.network  # type: ignore[attr-defined]

    def after_send(sent: Request, received: Received) -> Received:
        if sent.method != method:
            return received
        network.after_send = lambda _, later: later
        return Received(received.status, {**received.headers, **headers}, received.body, received.url)

    network.after_send = after_send


def _app(ocpi: OCPI) -> Flask:
    app = ocpi.app
    assert app is not None
    return app
