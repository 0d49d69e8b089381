"""What the other side answers in a handshake may be flawed: both sides are registered, or both can begin again."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask import Response

from flask_ocpi import OCPI
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import NoMatchingEndpointsError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from tests.peers import CREDENTIALS
from tests.peers import Peer
from tests.peers import answer

POST, PUT, DELETE = (f"{method} /2.2.1/sender/credentials" for method in ("POST", "PUT", "DELETE"))
ROLE: dict[str, Any] = {"role": "EMSP", "business_details": {"name": "Peer"}, "country_code": "DE", "party_id": "PEE"}
TOKEN = "token-they-gave"


def credentials(**changes: Any) -> dict[str, Any]:
    return {"token": TOKEN, "url": "https://peer.example/versions", "roles": [ROLE], **changes}


def details(**changes: Any) -> list[dict[str, Any]]:
    return [{**ROLE, "business_details": {"name": "Peer", **changes}}]


#: Answers that can be read, some of them with a role left out.
USABLE: dict[str, Any] = {
    "website without a scheme": credentials(roles=details(website="www.peer.example")),
    "website that is none": credentials(roles=details(website="not yet")),
    "logo without its type": credentials(roles=details(logo={"url": "https://peer.example/logo.svg"})),
    "name is empty": credentials(roles=details(name="")),
    "name of a thousand characters": credentials(roles=details(name="n" * 1000)),
    "no business details": credentials(roles=[{k: v for k, v in ROLE.items() if k != "business_details"}]),
    "business details as text": credentials(roles=[{**ROLE, "business_details": "Peer"}]),
    "one role is no list": credentials(roles=ROLE),
    "role in lower case": credentials(roles=[{**ROLE, "role": "emsp"}]),
    "country of three letters": credentials(roles=[{**ROLE, "country_code": "DEU"}]),
    "second role unknown": credentials(roles=[ROLE, {**ROLE, "role": "SALES"}]),
    "second party of four letters": credentials(roles=[{**ROLE, "party_id": "FOUR"}, ROLE]),
    "second role null": credentials(roles=[None, ROLE]),
    "the same role twice": credentials(roles=[ROLE, ROLE]),
    "no url": credentials(url=None),
    "url without a scheme": credentials(url="peer.example/versions"),
    "blanks around the token": credentials(token=f" {TOKEN}\n"),
    "a list of one": [credentials()],
}

#: Answers of no use, and the token that is in them.
USELESS: dict[str, tuple[Any, str | None]] = {
    "no roles": (credentials(roles=None), TOKEN),
    "empty roles": (credentials(roles=[]), TOKEN),
    "roles as text": (credentials(roles="EMSP"), TOKEN),
    "only an unknown role": (credentials(roles=[{**ROLE, "role": "SALES"}]), TOKEN),
    "only a party of four letters": (credentials(roles=[{**ROLE, "party_id": "FOUR"}]), TOKEN),
    "no token": (credentials(token=None), None),
    "empty token": (credentials(token=""), None),
    "token in two words": (credentials(token="two words"), None),
    "token of 65 characters": (credentials(token="t" * 65), None),
    "no data": (None, None),
    "text": ("welcome", None),
    "empty object": ({}, None),
    "empty list": ([], None),
}

#: Bodies of a 200 without an envelope.
BARE = [b"", b"OK", b"<html></html>", b"null", b"{}", b"[]"]


@pytest.fixture
def peer(ocpi_network: Network) -> Peer:
    return Peer(ocpi_network)


def sent(network: Network, method: str) -> list[str]:
    """Return where requests of a method went."""
    return [request.url for request in network.requests if request.method == method]


def token_sent(network: Network, method: str) -> str:
    """Return the token that the platform gave in its last request of a method."""
    *_, last = (request for request in network.requests if request.method == method)
    return str(orjson.loads(last.body or b"")["token"])


def opens(ocpi: OCPI, token: str) -> bool:
    """Tell whether the platform lets a partner in by a token."""
    return PartnerClient(ocpi.app, token).get(CREDENTIALS).status_code == 1000


def token_of(ocpi: OCPI, platform: Platform) -> str:
    return ocpi.services.platforms.cipher.decrypt(ocpi.partners.get(platform.id).token)


@pytest.mark.parametrize("given", USABLE.values(), ids=USABLE)
def test_registration_is_kept_where_what_is_needed_can_be_read(ocpi, ocpi_network, peer, given):
    peer.answers[POST] = lambda: answer(given)

    platform = ocpi.partners.register(peer.url, "token-a")

    assert platform.state is PlatformState.REGISTERED
    assert [str(party) for party in platform.parties] == ["DE-PEE"]
    assert (platform.versions_url, token_of(ocpi, platform)) == (peer.url, TOKEN)
    assert platform.name not in ("", "#NA")
    assert opens(ocpi, token_sent(ocpi_network, "POST"))
    assert sent(ocpi_network, "DELETE") == []


@pytest.mark.parametrize("given", USABLE.values(), ids=USABLE)
def test_renewal_takes_the_new_token_where_it_can_be_read(ocpi, ocpi_network, peer, given):
    platform = ocpi.partners.register(peer.url, "token-a")
    peer.answers[PUT] = lambda: answer(given)

    renewed = ocpi.partners.rotate(platform)

    assert token_of(ocpi, platform) == TOKEN
    assert [str(party) for party in renewed.parties] == ["DE-PEE"]
    assert opens(ocpi, token_sent(ocpi_network, "PUT"))


@pytest.mark.parametrize("name", [name for name in USABLE if "url" not in name])  # by it a partner is called back
def test_partner_that_registers_is_taken_where_what_is_needed_can_be_read(ocpi, ocpi_app, peer, name):
    _, token = ocpi.partners.invite()

    response = PartnerClient(ocpi_app, token).post(CREDENTIALS, USABLE[name])

    assert response.status_code == 1000
    assert [str(party) for party in ocpi.partners.find("DE-PEE").parties] == ["DE-PEE"]


def test_a_hub_that_lists_who_is_behind_it_is_the_hub_alone(ocpi, peer):
    roles = [{**ROLE, "party_id": "BEH"}, {**ROLE, "role": "HUB"}, {**ROLE, "role": "CPO"}]
    peer.answers[POST] = lambda: answer(credentials(roles=roles))

    platform = ocpi.partners.register(peer.url, "token-a", roles=["HUB"])

    assert [(role["role"], role["party_id"]) for role in platform.roles] == [("HUB", "PEE")]


@pytest.mark.parametrize(("given", "token"), USELESS.values(), ids=USELESS)
def test_registration_that_is_of_no_use_is_called_off(ocpi, ocpi_network, peer, given, token):
    peer.answers[POST] = lambda: answer(given)

    with pytest.raises(InvalidResponseError, match="accepted the POST but answered broken credentials"):
        ocpi.partners.register(peer.url, "token-a")

    assert peer.seen[-1] == (DELETE, peer_sees(token or "token-a"))
    assert ocpi.partners.list() == []
    assert not opens(ocpi, token_sent(ocpi_network, "POST"))
    del peer.answers[POST]
    assert ocpi.partners.register(peer.url, "token-a2").is_registered


@pytest.mark.parametrize("body", BARE)
def test_registration_answered_without_an_envelope_is_called_off(ocpi, peer, body):
    peer.answers[POST] = lambda: Response(body, 200)

    with pytest.raises(InvalidResponseError, match="broken credentials"):
        ocpi.partners.register(peer.url, "token-a")

    assert peer.seen[-1] == (DELETE, peer_sees("token-a"))
    assert ocpi.partners.list() == []


@pytest.mark.parametrize(("given", "token"), USELESS.values(), ids=USELESS)
def test_renewal_that_is_of_no_use_leaves_a_registration_that_works(ocpi, ocpi_network, peer, given, token):
    platform = ocpi.partners.register(peer.url, "token-a")
    first = token_sent(ocpi_network, "POST")
    peer.answers[PUT] = lambda: answer(given)

    if token is None:
        with pytest.raises(InvalidResponseError, match="accepted the PUT but answered broken credentials"):
            ocpi.partners.rotate(platform)
    else:
        ocpi.partners.rotate(platform)

    kept = ocpi.partners.get(platform.id)
    assert [str(party) for party in kept.parties] == ["DE-PEE"]
    assert (kept.versions_url, token_of(ocpi, platform)) == (peer.url, token or peer.token)
    assert opens(ocpi, first) is (token is None)
    assert opens(ocpi, token_sent(ocpi_network, "PUT"))
    assert sent(ocpi_network, "DELETE") == []


def test_either_token_opens_after_a_renewal_without_a_token_until_the_new_one_is_used(ocpi, ocpi_clock, peer):
    platform = ocpi.partners.register(peer.url, "token-a")
    network = ocpi.transport
    old = token_sent(network, "POST")
    peer.answers[PUT] = lambda: answer(None)
    with pytest.raises(InvalidResponseError):
        ocpi.partners.rotate(platform)
    new = token_sent(network, "PUT")

    ocpi_clock.advance(30 * 86_400)

    assert opens(ocpi, old)
    assert opens(ocpi, new)
    assert not opens(ocpi, old)
    del peer.answers[PUT]
    assert ocpi.partners.rotate(platform).is_registered


@pytest.mark.parametrize("strict", ["register", "rotate"])
def test_strict_reading_leaves_no_side_registered_alone(ocpi_network, peer, strict):
    ocpi = ocpi_network.add("strict.example", [("NL", "ABC", ["CPO"])], config={"OCPI_RECEIVE": "strict"})
    given = credentials(roles=details(website="www.peer.example"))
    if strict == "register":
        peer.answers[POST] = lambda: answer(given)
        with pytest.raises(InvalidResponseError, match="website"):
            ocpi.partners.register(peer.url, "token-a")
        assert peer.seen[-1] == (DELETE, peer_sees(TOKEN))
        assert ocpi.partners.list() == []
    else:
        platform = ocpi.partners.register(peer.url, "token-a")
        peer.answers[PUT] = lambda: answer(given)
        assert [str(party) for party in ocpi.partners.rotate(platform).parties] == ["DE-PEE"]
        assert token_of(ocpi, platform) == TOKEN


@pytest.mark.parametrize("error", [ConflictError("It changed."), StorageError("The database is locked.")])
@pytest.mark.parametrize("operation", ["register", "rotate"])
@pytest.mark.parametrize("failures", [1, 2])
def test_what_was_answered_is_stored_at_another_try(ocpi, peer, monkeypatch, error, operation, failures):
    platform = ocpi.partners.register(peer.url, "token-a") if operation == "rotate" else None
    peer.answers[POST] = peer.answers[PUT] = lambda: answer(credentials())
    _fail(ocpi, monkeypatch, error, failures)

    renewed = ocpi.partners.register(peer.url, "token-a") if platform is None else ocpi.partners.rotate(platform)

    assert renewed.is_registered
    assert token_of(ocpi, renewed) == TOKEN


def test_registration_that_cannot_be_stored_is_called_off(ocpi, peer, monkeypatch):
    _fail(ocpi, monkeypatch, StorageError("The disk is full."), 3)

    with pytest.raises(StorageError, match="The disk is full"):
        ocpi.partners.register(peer.url, "token-a")

    assert peer.seen[-1] == (DELETE, peer_sees(peer.token))
    assert ocpi.partners.list() == []


# The lists of versions and endpoints.


@pytest.mark.parametrize("role", ["RECEIVER", "sender", "BOTH", "", None, 7, ["SENDER"], "left out"], ids=str)
@pytest.mark.parametrize("receive", ["tolerant", "strict"])
def test_role_of_credentials_is_disregarded(ocpi_network, peer, role, receive):
    ocpi = ocpi_network.add("other.example", [("NL", "ABC", ["CPO"])], config={"OCPI_RECEIVE": receive})
    peer.endpoints[0]["role"] = role
    if role == "left out":
        del peer.endpoints[0]["role"]

    platform = ocpi.partners.register(peer.url, "token-a")

    assert platform.endpoint("credentials", None) == peer.endpoints[0]["url"]
    assert ocpi.partners.unregister(platform).state is PlatformState.UNREGISTERED


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("GET /versions", {"version": "2.2.1", "url": "https://peer.example/2.2.1"}),
        ("GET /versions", [{"version": 2.2, "url": "x"}, {"version": " 2.2.1 ", "url": " https://peer.example/2.2.1"}]),
        ("GET /2.2.1", "details in a list"),
        ("GET /2.2.1", "module ids in capitals"),
        ("GET /2.2.1", "roles in lower case"),
    ],
    ids=["version as object", "blanks", "details in a list", "capitals", "lower case"],
)
def test_lists_are_read_as_they_are_meant(ocpi, peer, path, data):
    made = {
        "details in a list": [{"version": "2.2.1", "endpoints": peer.endpoints}],
        "module ids in capitals": {
            "endpoints": [{**item, "identifier": item["identifier"].upper()} for item in peer.endpoints]
        },
        "roles in lower case": {"endpoints": [{**item, "role": item["role"].lower()} for item in peer.endpoints * 9]},
    }
    given = made[data] if isinstance(data, str) else data
    peer.answers[path] = lambda: answer(given)

    platform = ocpi.partners.register(peer.url, "token-a")

    assert {endpoint["identifier"] for endpoint in platform.endpoints} == {"credentials", "locations"}
    assert platform.endpoint("locations", None) == peer.endpoints[1]["url"]


SPOILT: dict[str, dict[str, Any]] = {
    "role": {"role": "BOTH"},
    "url": {"url": "/2.2.1/locations"},
    "identifier": {"identifier": None},
}


@pytest.mark.parametrize("named", SPOILT)
@pytest.mark.parametrize("side", ["client", "server"])
def test_an_endpoint_that_cannot_be_read_is_not_called_missing(ocpi_network, peer, side, named):
    config = {"OCPI_REQUIRED_ENDPOINTS": ["locations:RECEIVER"]}
    ocpi = ocpi_network.add("needs.example", [("NL", "ABC", ["CPO"])], config=config)
    peer.endpoints[1] |= SPOILT[named]

    if side == "client":
        with pytest.raises(NoMatchingEndpointsError) as refused:
            ocpi.partners.register(peer.url, "token-a")
        message = str(refused.value)
    else:
        response = peer.post(ocpi.app, ocpi.partners.invite()[1])
        assert response.status_code == 3003
        message = response.message

    assert "missing in the version details, or cannot be read: locations:RECEIVER." in message
    assert f"({named} " in message


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_version_that_cannot_be_read_is_said_to_be_so(ocpi, ocpi_app, peer, side):
    peer.versions[0]["url"] = "/2.2.1"

    if side == "client":
        with pytest.raises(UnsupportedVersionError) as refused:
            ocpi.partners.register(peer.url, "token-a")
        message = str(refused.value)
    else:
        response = peer.post(ocpi_app, ocpi.partners.invite()[1])
        assert response.status_code == 3002
        message = response.message

    assert "Entries that cannot be read: 2.2.1 (url must be an absolute http or https URL)." in message


def test_what_is_said_of_entries_is_bounded(ocpi, ocpi_app, peer):
    peer.versions = [{"version": f"{'9' * 200}{number}", "url": "x" * 300} for number in range(2000)]

    response = peer.post(ocpi_app, ocpi.partners.invite()[1])

    assert response.status_code == 3002
    assert len(response.message) < 2500


def test_endless_flaws_are_noted_up_to_a_bound(ocpi, ocpi_app, peer, caplog):
    flawed = {"identifier": "x", "role": "sender", "url": "https://peer.example/x"}
    peer.endpoints[2:] = [flawed, {**flawed, "url": "x"}] * 500

    response = peer.post(ocpi_app, ocpi.partners.invite()[1])

    assert response.status_code == 1000
    assert sum(entry.count for entry in ocpi.findings.list()) == 100
    assert len(caplog.records) < 150


# The end.


@pytest.mark.parametrize("body", BARE)
@pytest.mark.parametrize("http_status", [200, 202, 204])
def test_unregistration_is_done_when_its_status_says_so(ocpi, peer, body, http_status):
    platform = ocpi.partners.register(peer.url, "token-a")
    peer.answers[DELETE] = lambda: Response(b"" if http_status == 204 else body, http_status)

    assert ocpi.partners.unregister(platform).state is PlatformState.UNREGISTERED


def peer_sees(token: str) -> str:
    return authorization(token)


def _fail(ocpi: OCPI, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    """Have so many attempts fail to store a registered platform."""
    save = type(ocpi.services.platforms).save
    failed: list[Exception] = []

    def failing(self: Any, platform: Platform, *, before: Platform | None) -> Platform:
        is_new = platform.is_registered and token_is_new(self, platform, before)
        if is_new and len(failed) < times:
            failed.append(error)
            raise error
        return save(self, platform, before=before)

    monkeypatch.setattr(type(ocpi.services.platforms), "save", failing)


def token_is_new(platforms: Any, platform: Platform, before: Platform | None) -> bool:
    return platform.token is not None and (before is None or platform.token != before.token)
