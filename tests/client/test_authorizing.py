"""Whether the eMSP is asked about a token, and what its answers mean (group TOK)."""

from __future__ import annotations

import orjson
import pytest
from flask import Response

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import token
from tests.conformance.sharing import LATER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer

UID = token()["uid"]
PLACE = {"location_id": "LOC1", "evse_uids": ["EVSE1", "EVSE2"]}
ASKED = f"POST /2.2.1/sender/tokens/{UID}/authorize"
NO_COPY = "no copy"
# By whitelist and validity of our copy: who decides, and who does when the eMSP gives no answer.
POLICY = {
    ("ALWAYS", True): ("copy", "copy"),
    ("ALWAYS", False): ("copy", "copy"),
    ("ALLOWED", True): ("copy", "copy"),
    ("ALLOWED", False): ("eMSP", "copy"),
    ("ALLOWED_OFFLINE", True): ("eMSP", "copy"),
    ("ALLOWED_OFFLINE", False): ("eMSP", "copy"),
    ("NEVER", True): ("eMSP", "nobody"),
    ("NEVER", False): ("eMSP", "nobody"),
    (NO_COPY, True): ("eMSP", "nobody"),
}
EVERY_POLICY = pytest.mark.parametrize(
    ("whitelist", "valid"),
    POLICY,
    ids=[f"{whitelist} {'valid' if valid else 'invalid'}" for whitelist, valid in POLICY],
)


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def peer(ocpi_network):
    """An eMSP that answers NO_CREDIT, so that its decisions differ from those of our copies."""
    peer = Peer(ocpi_network, parties=[("DE", "EMS", ["EMSP"])])
    peer.endpoints.append(peer.endpoint("tokens", "SENDER"))
    peer.answers[ASKED] = lambda: answer({"allowed": "NO_CREDIT", "token": token()})
    return peer


@pytest.fixture
def client(ocpi, peer):
    return ocpi.client(ocpi.partners.register(peer.url, "token-a"))


@pytest.fixture
def remember(ocpi, ocpi_network, client, peer):
    """Make copies of tokens of the eMSP, by a pull."""

    def remember(*documents, **options):
        peer.answers["GET /2.2.1/sender/tokens"] = lambda: answer(list(documents))
        assert ocpi.pull("tokens", client.platform, **options).created == len(documents)
        ocpi_network.requests.clear()

    return remember


def fail_with(error):
    def fail(request):
        raise error

    return fail


def by_copy(*, valid):
    """Return what our copy decides: allowed, and not in real time."""
    return ("ALLOWED" if valid else "BLOCKED", False)


@pytest.mark.conformance("TOK-18", "TOK-19", "TOK-24")
@EVERY_POLICY
def test_whitelist_tells_who_decides(ocpi_network, client, remember, whitelist, valid):
    if whitelist != NO_COPY:
        remember(token(whitelist=whitelist, valid=valid))
    ocpi_network.requests.clear()

    decision = client.tokens.authorize(UID)

    asked = POLICY[whitelist, valid][0] == "eMSP"
    assert (decision.info["allowed"], decision.realtime) == (("NO_CREDIT", True) if asked else by_copy(valid=valid))
    assert len(ocpi_network.requests) == asked
    assert decision.is_allowed is (not asked and valid)


@pytest.mark.conformance("TOK-18", "TOK-19")
@EVERY_POLICY
@pytest.mark.parametrize(
    ("error", "http_status", "status_code"),
    [
        (UnreachableError("The line is cut."), None, None),
        (UnansweredError("Nothing came in time."), None, None),
        (None, 502, None),
        (None, 500, 3000),
        (None, 503, 2000),
        (None, 401, 2004),
        (None, 408, 2004),
        (None, 425, 2000),
        (None, 429, 2004),
        (None, 403, None),
        (None, 500, 2004),
        (None, 504, 1000),
        (None, 200, 3000),
        (None, 200, 3999),
        (None, 200, 4002),
        (None, 200, 4003),
    ],
    ids=str,
)
def test_whitelist_tells_who_decides_when_no_answer_comes(
    ocpi_network, client, peer, remember, whitelist, valid, error, http_status, status_code
):
    if whitelist != NO_COPY:
        remember(token(whitelist=whitelist, valid=valid))
    if error is not None:
        ocpi_network.before_send = fail_with(error)
    elif status_code is None:
        peer.answers[ASKED] = lambda: Response("<html></html>", http_status)
    else:
        peer.answers[ASKED] = lambda: answer(None, status_code=status_code, http_status=http_status)

    if POLICY[whitelist, valid][1] == "nobody":
        with pytest.raises(UnreachableError if error else RefusedError):
            client.tokens.authorize(UID)
    else:
        decision = client.tokens.authorize(UID)
        assert (decision.info["allowed"], decision.realtime) == by_copy(valid=valid)
        assert decision.info["token"] == token(whitelist=whitelist, valid=valid)


@pytest.mark.conformance("TOK-18")
@pytest.mark.parametrize("whitelist", ["ALLOWED", "ALLOWED_OFFLINE"])
@pytest.mark.parametrize(
    ("response", "error"),
    [
        (lambda: answer(None, status_code=2000), RefusedError),
        (lambda: answer(None, status_code=2002), RefusedError),
        (lambda: answer(None, status_code=2000, http_status=403), RefusedError),
        (lambda: answer(None, status_code=2004, http_status=400), RefusedError),
        (lambda: answer(None, status_code=2001, http_status=404), RefusedError),
        (lambda: Response("<html></html>", 404), RefusedError),
        (lambda: Response("<html></html>"), InvalidResponseError),
        (lambda: Response(b"", 204), InvalidResponseError),
        (lambda: answer({"token": token()}), InvalidResponseError),
        (lambda: answer({"allowed": "MAYBE", "token": token()}), InvalidResponseError),
        (lambda: answer([]), InvalidResponseError),
        (lambda: answer({"allowed": "ALLOWED", "token": token(uid="OTHER")}), InvalidResponseError),
        (lambda: answer({"allowed": "ALLOWED", "token": {"uid": "OTHER"}}), InvalidResponseError),
        (lambda: answer([{"allowed": "ALLOWED", "token": [{"uid": 77, "type": 5}]}]), InvalidResponseError),
        (lambda: answer({"allowed": "ALLOWED", "token": token(party_id="XXX")}), InvalidResponseError),
    ],
    ids=[
        *("2000", "2002", "403", "400 2004", "404", "404 without an envelope", "no envelope", "nothing", "undecided"),
        *("unknown word", "list", "other token", "unreadable other token", "other token in lists", "of somebody else"),
    ],
)
def test_refused_request_and_broken_answer_let_nobody_charge(client, peer, remember, whitelist, response, error):
    remember(token(whitelist=whitelist))
    peer.answers[ASKED] = response

    with pytest.raises(error):
        client.tokens.authorize(UID, ask=True)


ALLOWED_TOKEN = {"contract_id": "#NA", "issuer": "#NA", "whitelist": "NEVER", "valid": True}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"allowed": "allowed", "token": token()}, token()),
        ([{"allowed": "ALLOWED", "token": {**token(), "language": "english"}}], {**token(), "language": None}),
        ({"allowed": "ALLOWED", "token": {**token(), "whitelist": None}}, {**token(), "whitelist": "NEVER"}),
        ({"allowed": "ALLOWED", "token": token(), "info": "Welcome!"}, token()),
        ({"allowed": "ALLOWED", "token": token(), "info": {"text": "x" * 600}}, token()),
        ({"allowed": "ALLOWED", "token": token(), "location": {"evse_uids": ["1"]}}, token()),
        ({"allowed": "ALLOWED"}, {**ALLOWED_TOKEN, "uid": UID, "country_code": "DE", "party_id": "EMS"}),
        ({"allowed": "ALLOWED", "token": {"uid": UID, "contract_id": "C1"}}, {**ALLOWED_TOKEN, "contract_id": "C1"}),
    ],
    ids=[
        "case",
        "list and language",
        "no whitelist",
        "info as text",
        "long info",
        "broken location",
        "no token",
        "stub",
    ],
)
def test_authorization_is_not_lost_for_a_side_matter(client, peer, data, expected):
    peer.answers[ASKED] = lambda: answer(data)

    decision = client.tokens.authorize(UID)

    assert decision.is_allowed
    assert {name: decision.info["token"].get(name) for name in expected} == expected


def test_token_of_the_copy_stands_for_what_the_answer_lacks(client, peer, remember):
    remember(token(whitelist="ALLOWED_OFFLINE", contract_id="KNOWN"))
    peer.answers[ASKED] = lambda: answer({"allowed": "BLOCKED"})

    decision = client.tokens.authorize(UID)

    assert (decision.info["allowed"], decision.realtime) == ("BLOCKED", True)
    assert decision.info["token"]["contract_id"] == "KNOWN"


@pytest.mark.conformance("TOK-18")
@pytest.mark.parametrize(
    ("whitelist", "allowed"),
    [("ALWAYS", "ALLOWED"), ("ALLOWED", "NO_CREDIT"), ("ALLOWED_OFFLINE", "NO_CREDIT"), ("NEVER", "NO_CREDIT")],
)
def test_host_may_have_the_emsp_asked_where_the_whitelist_leaves_the_choice(client, remember, whitelist, allowed):
    remember(token(whitelist=whitelist))

    assert client.tokens.authorize(UID, ask=True).info["allowed"] == allowed


@pytest.mark.conformance("TOK-10", "CLI-07")
@pytest.mark.parametrize("http_status", [404, 200])
@pytest.mark.parametrize("whitelist", [NO_COPY, "ALLOWED_OFFLINE", "NEVER"])
def test_unknown_token_is_an_answer(client, peer, remember, http_status, whitelist):
    if whitelist != NO_COPY:
        remember(token(whitelist=whitelist))
    peer.answers[ASKED] = lambda: answer(None, status_code=2004, http_status=http_status)

    decision = client.tokens.authorize(UID)

    assert (decision.info, decision.realtime, decision.is_allowed) == (None, True, False)


@pytest.mark.conformance("TOK-11", "CLI-07")
def test_emsp_that_needs_the_location_says_so(client, peer):
    peer.answers[ASKED] = lambda: answer(None, status_code=2002)

    with pytest.raises(RefusedError) as caught:
        client.tokens.authorize(UID)

    assert caught.value.status_code == 2002


@pytest.mark.conformance("TOK-09", "CLI-06")
def test_location_is_sent_as_the_body_and_left_out_without(ocpi_network, client):
    ocpi_network.requests.clear()

    client.tokens.authorize(UID)
    client.tokens.authorize(UID, location=PLACE)

    first, second = ocpi_network.requests
    assert (first.method, first.body, "Content-Type" in first.headers) == ("POST", None, False)
    assert orjson.loads(second.body) == PLACE


@pytest.mark.conformance("TOK-09")
def test_location_that_is_none_is_not_sent(ocpi_network, client, remember):
    remember(token(whitelist="ALWAYS"))

    with pytest.raises(InvalidParametersError, match="location_id is required"):
        client.tokens.authorize(UID, location={"evse_uids": ["EVSE1"]})

    assert ocpi_network.requests == []


@pytest.mark.conformance("TOK-21")
@pytest.mark.parametrize(
    ("whitelist", "valid", "allowed"),
    [("ALWAYS", True, "ALLOWED"), ("ALWAYS", False, "BLOCKED"), ("ALLOWED", False, "BLOCKED"), ("NEVER", True, None)],
)
def test_emsp_need_not_offer_authorization(ocpi, ocpi_network, client, peer, remember, whitelist, valid, allowed):
    remember(token(whitelist=whitelist, valid=valid))
    peer.endpoints.pop()
    platform = ocpi.partners.rotate(client.platform)
    ocpi_network.requests.clear()

    if allowed is None:
        with pytest.raises(MissingEndpointError, match="offers no tokens SENDER endpoint"):
            ocpi.client(platform).tokens.authorize(UID)
    else:
        assert ocpi.client(platform).tokens.authorize(UID).info["allowed"] == allowed
    assert ocpi_network.requests == []


@pytest.mark.conformance("TOK-21")
@pytest.mark.parametrize("http_status", [404, 405])
def test_authorize_that_is_not_there_is_no_unknown_token(client, peer, http_status):
    peer.answers[ASKED] = lambda: answer(None, status_code=2000, http_status=http_status)

    with pytest.raises(RefusedError) as caught:
        client.tokens.authorize(UID)

    assert caught.value.http_status == http_status


@pytest.mark.conformance("TOK-02", "TOK-03")
@pytest.mark.parametrize(("options", "allowed"), [({}, "BLOCKED"), ({"type": "APP_USER"}, "ALLOWED")])
def test_type_tells_which_copy_decides(client, remember, options, allowed):
    remember(token(whitelist="ALWAYS", valid=False), token(whitelist="ALWAYS", type="APP_USER"))

    assert client.tokens.authorize(UID, **options).info["allowed"] == allowed


TWO_CPOS = pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])]], ids=["two CPOs"])


@pytest.mark.conformance("TOK-18")
@TWO_CPOS
@pytest.mark.parametrize(("sender", "allowed"), [("ABC", "ALLOWED"), ("XYZ", "BLOCKED"), (None, "BLOCKED")])
def test_copy_is_that_of_the_party_that_calls_or_else_the_latest(ocpi, client, remember, sender, allowed):
    remember(token(whitelist="ALWAYS"), receiver=Party.of("NL", "ABC"))
    remember(token(whitelist="ALWAYS", valid=False, last_updated=LATER), receiver=Party.of("NL", "XYZ"))
    named = ocpi.client(client.platform, sender=sender and Party.of("NL", sender))

    assert named.tokens.authorize(UID).info["allowed"] == allowed


@pytest.mark.conformance("TOK-17", "TOK-18", "TOK-26", "RT-05")
def test_emsp_that_issued_the_copy_is_asked(ocpi, ocpi_network):
    peer = Peer(ocpi_network, parties=[("DE", "EMS", ["EMSP"]), ("FR", "EMS", ["EMSP"])])
    peer.endpoints.append(peer.endpoint("tokens", "SENDER"))
    peer.answers[ASKED] = lambda: answer({"allowed": "NO_CREDIT", "token": token()})
    platform = ocpi.partners.register(peer.url, "token-a")
    for documents in ([token(country_code="FR")], [token(country_code="FR"), token(whitelist="ALWAYS")]):
        peer.answers["GET /2.2.1/sender/tokens"] = lambda documents=documents: answer(documents)
        ocpi.pull("tokens", platform)
        ocpi.client(platform).tokens.authorize(UID, ask=True)
    with_to = ocpi.client(platform, to=Party.of("DE", "EMS")).tokens.authorize(UID)

    first, second = [request for request in ocpi_network.requests if "authorize" in request.url]
    assert first.headers["OCPI-to-country-code"] == "FR"
    assert "OCPI-to-country-code" not in second.headers  # two may be meant: they find out
    assert (with_to.info["allowed"], with_to.realtime) == ("ALLOWED", False)
