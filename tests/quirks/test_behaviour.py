"""Each quirk changes what a partner sees, for that partner alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import orjson
import pytest

from flask_ocpi import OCPI
from flask_ocpi.client.wire import Request
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_cdr
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from tests.peers import Peer
from tests.peers import answer
from tests.urls import ocpi_url

NAMES = ("cdrs", "locations", "sessions", "tariffs", "tokens")


class World:
    """A platform and a partner that has joined it; ``sent`` is what the partner was sent since."""

    def __init__(self, ocpi: OCPI, network: Network) -> None:
        self.ocpi = ocpi
        self.network = network
        self.peer = Peer(network, parties=[("DE", "PEE", ["EMSP", "CPO"])])
        self.peer.endpoints[1:] = [self.peer.endpoint(name, role) for name in NAMES for role in ("SENDER", "RECEIVER")]
        invited, token = ocpi.partners.invite(name="Peer")
        self.token = self.peer.post(ocpi.app, token).data["token"]
        self.id = invited.id
        network.requests.clear()

    @property
    def platform(self) -> Platform:
        return self.ocpi.partners.get(self.id)

    @property
    def client(self) -> Any:
        return self.ocpi.client(self.platform)

    @property
    def last(self) -> Request:
        return self.network.requests[-1]

    @property
    def body(self) -> Any:
        return orjson.loads(self.last.body or b"null")

    def asks(self, path: str) -> Any:
        """Return what the partner is answered."""
        return PartnerClient(self.ocpi.app, self.token).get(f"/ocpi/2.2.1{path}").data


@pytest.fixture
def world(ocpi: OCPI, ocpi_network: Network) -> World:
    return World(ocpi, ocpi_network)


# One function a quirk: what is seen of it, without it and with it.


def send_nulls(world: World) -> Any:
    made = location(evses=[evse()])
    world.ocpi.save("locations", made)
    world.client.locations.put(made)
    pushed, [listed] = world.body, world.asks("/sender/locations")
    assert ("parking_type" in pushed) == ("parking_type" in listed)
    connector = listed["evses"][0]["connectors"][0]
    return pushed.get("parking_type", "absent"), connector.get("terms_and_conditions", "absent")


def strip_unknown(world: World) -> Any:
    made = location(evses=[evse(x_colour="red")], gireve_id=1)
    world.ocpi.save("locations", made)
    world.client.locations.put(made)
    [listed] = world.asks("/sender/locations")
    assert ("gireve_id" in world.body) == ("gireve_id" in listed)
    return "gireve_id" in listed, "x_colour" in listed["evses"][0]


def integer_prices(world: World) -> Any:
    world.client.cdrs.post(cdr(total_cost={"excl_vat": 10.5, "incl_vat": 12.49}))
    return world.body["total_cost"]


def always_incl_vat(world: World) -> Any:
    world.client.cdrs.post(cdr(total_cost={"excl_vat": 10.5}))
    return world.body["total_cost"]


def offset_in_dates(world: World) -> Any:
    world.client.locations.put(location(last_updated="2024-05-01T10:00:00Z"))
    return world.body["last_updated"][-6:]


def no_patch(world: World) -> Any:
    world.client.locations.update("LOC1", changes={"last_updated": "2024-05-01T10:00:00Z"}, whole=location())
    return world.last.method


def page_limit(world: World) -> Any:
    world.peer.answers |= {f"GET /2.2.1/sender/{name}": lambda: answer([]) for name in NAMES}
    asked = []
    for name, limit in (("tokens", None), ("cdrs", None), ("cdrs", 7), ("cdrs", 70)):
        list(world.client.module(name).list(limit=limit))
        asked.append(parse_qs(urlsplit(world.last.url).query).get("limit", [None])[0])
    return asked


def plain_token(world: World) -> Any:
    world.client.is_alive()
    return world.last.headers["Authorization"]


def no_routing_headers(world: World) -> Any:
    world.client.locations.put(location())
    return {name for name in world.last.headers if name.startswith("OCPI-")}


def credentials_both_roles(world: World) -> Any:
    endpoints = world.asks("")["endpoints"]
    return [endpoint["role"] for endpoint in endpoints if endpoint["identifier"] == "credentials"]


def authorize_with_party(world: World) -> Any:
    card = token(country_code="DE", party_id="PEE", uid="U1")
    info = {"allowed": "ALLOWED", "token": card}
    for path in ("DE/PEE/U1", "U1"):
        world.peer.answers[f"POST /2.2.1/sender/tokens/{path}/authorize"] = lambda: answer(info)
    world.client.tokens.authorize("U1")
    return urlsplit(world.last.url).path


def cdr_by_id(world: World) -> Any:
    world.peer.answers["GET /2.2.1/receiver/cdrs/CDR1"] = lambda: answer(cdr())
    try:
        return world.client.cdrs.get_copy("CDR1")["id"]
    except MissingEndpointError:
        return "no URL"


def receive(world: World) -> Any:
    flawed = location(country_code="DE", party_id="PEE", coordinates={"latitude": 52.5, "longitude": "4.9"})
    partner = PartnerClient(world.ocpi.app, world.token)
    return partner.put(ocpi_url("receiver/locations/DE/PEE/LOC1"), flawed).status_code


TOKEN_SENT = "token-of-peer.example"

#: By quirk: how it is seen, its value, what is seen without it and with it.
SEEN: dict[str, tuple[Callable[[World], Any], Any, Any, Any]] = {
    "send-nulls": (send_nulls, True, ("absent", "absent"), (None, None)),
    "strip-unknown": (strip_unknown, True, (True, True), (False, False)),
    "integer-prices": (
        integer_prices,
        True,
        {"excl_vat": 10.5, "incl_vat": 12.49},
        {"excl_vat": 11, "incl_vat": 12},
    ),
    "always-incl-vat": (always_incl_vat, True, {"excl_vat": 10.5}, {"excl_vat": 10.5, "incl_vat": 10.5}),
    "offset-in-dates": (offset_in_dates, True, "00:00Z", "+00:00"),
    "no-patch": (no_patch, True, "PATCH", "PUT"),
    "page-limit": (page_limit, "tokens:1000,20", [None, None, "7", "70"], ["1000", "20", "7", "20"]),
    "plain-token": (
        plain_token,
        True,
        "Token dG9rZW4tb2YtcGVlci5leGFtcGxl",
        f"Token {TOKEN_SENT}",
    ),
    "no-routing-headers": (
        no_routing_headers,
        True,
        {"OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id"},
        set(),
    ),
    "credentials-both-roles": (credentials_both_roles, True, ["SENDER"], ["SENDER", "RECEIVER"]),
    "authorize-with-party": (
        authorize_with_party,
        True,
        "/2.2.1/sender/tokens/U1/authorize",
        "/2.2.1/sender/tokens/DE/PEE/U1/authorize",
    ),
    "cdr-by-id": (cdr_by_id, True, "no URL", "CDR1"),
    "receive": (receive, "strict", 1000, 2001),
}


def test_every_quirk_is_shown_here():
    assert list(SEEN) == list(TABLE)


@pytest.mark.parametrize("name", SEEN)
def test_without_the_quirk(world, name):
    see, _, usual, changed = SEEN[name]

    assert usual != changed
    assert see(world) == usual


@pytest.mark.parametrize("name", SEEN)
def test_with_the_quirk_on_the_record(world, name):
    see, value, _, changed = SEEN[name]

    world.ocpi.partners.set_quirks(world.id, {name: value})

    assert see(world) == changed


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("by", ["peer", "peer.example", "PEER.EXAMPLE"])
def test_with_the_quirk_in_the_configuration(ocpi_network, name, by):
    see, value, _, changed = SEEN[name]
    config = {"OCPI_QUIRKS": {by: {name: value}}}
    ocpi = ocpi_network.add("quirky.example", [("NL", "ABC", ["CPO", "EMSP"])], config=config)

    assert see(World(ocpi, ocpi_network)) == changed


@pytest.mark.parametrize("name", SEEN)
def test_a_quirk_of_somebody_else_changes_nothing(world, ocpi_network, name):
    see, value, usual, _ = SEEN[name]
    other = Peer(ocpi_network, "other-peer.example", parties=[("DE", "OTH", ["EMSP"])])
    world.ocpi.partners.set_quirks(world.ocpi.partners.register(other.url, "token-a"), {name: value})

    assert see(world) == usual


@pytest.mark.parametrize("name", SEEN)
def test_a_quirk_that_was_unset_is_gone(world, name):
    see, value, usual, _ = SEEN[name]
    world.ocpi.partners.set_quirks(world.id, {name: value})

    world.ocpi.partners.set_quirks(world.id, unset=[name])

    assert see(world) == usual
    assert world.platform.quirks == {}


# More of what is sent.


def test_nulls_are_not_put_into_a_patch(world):
    world.ocpi.partners.set_quirks(world.id, {"send-nulls": True})

    world.client.locations.patch("LOC1", changes={"name": "New", "last_updated": "2024-05-01T10:00:00Z"})

    assert world.body == {"name": "New", "last_updated": "2024-05-01T10:00:00Z"}


def test_a_list_that_is_absent_is_not_sent_as_null_but_one_that_the_software_takes_for_an_object(world):
    world.ocpi.partners.set_quirks(world.id, {"send-nulls": True})

    world.client.locations.put(location(evses=[evse()], energy_mix={"is_green_energy": True}))

    sent = world.body
    assert {"facilities", "images", "publish_allowed_to"}.isdisjoint(sent)
    assert {"capabilities", "images"}.isdisjoint(sent["evses"][0])
    assert sent["evses"][0]["status_schedule"] is None
    assert sent["energy_mix"]["environ_impact"] is None
    assert "energy_sources" not in sent["energy_mix"]


@pytest.mark.parametrize("name", [name for name, seen in SEEN.items() if seen[1] is True])
@pytest.mark.parametrize("kind", ["locations", "cdrs"])
def test_what_is_sent_with_a_quirk_still_means_the_same(world, name, kind):
    document = {"locations": full_location, "cdrs": full_cdr}[kind]()
    world.ocpi.partners.set_quirks(world.id, {name: True})
    world.client.module(kind).push(document)

    schema = world.ocpi.services.schemas[world.ocpi.services.object_type(kind).schema]
    read = schema.load(world.body)

    if name != "integer-prices":
        assert read == schema.load(document)


def test_credentials_are_sent_in_the_shape_that_is_wanted(ocpi_network):
    config = {"OCPI_QUIRKS": {"peer.example": ["send-nulls", "plain-token"]}}
    ocpi = ocpi_network.add("quirky.example", [("NL", "ABC", ["CPO"])], config=config)
    peer = Peer(ocpi_network)

    ocpi.partners.rotate(ocpi.partners.register(peer.url, "token-a"))

    for method in ("POST", "PUT"):
        [request] = [request for request in ocpi_network.requests if request.method == method]
        details = orjson.loads(request.body)["roles"][0]["business_details"]
        assert details["website"] is None
        assert details["logo"] is None
    assert {token for _, token in peer.seen} == {"Token token-a", f"Token {TOKEN_SENT}"}


def test_a_quirk_may_be_turned_off_for_one_platform(ocpi_network):
    config = {"OCPI_QUIRKS": {"peer.example": ["no-patch", "page-limit=10"], "peer": ["page-limit=20"]}}
    ocpi = ocpi_network.add("quirky.example", [("NL", "ABC", ["CPO", "EMSP"])], config=config)
    world = World(ocpi, ocpi_network)
    assert ocpi.services.quirks(world.platform).page_limit == {"*": 20}

    ocpi.partners.set_quirks(world.id, {"no-patch": "off"})

    assert no_patch(world) == "PATCH"


def test_quirks_stay_through_a_renewal_and_an_end(world):
    world.ocpi.partners.set_quirks(world.id, {"no-patch": True})

    world.ocpi.partners.rotate(world.platform)
    ended = world.ocpi.partners.unregister(world.platform)

    assert ended.quirks == {"no-patch": True}


def test_an_unknown_quirk_is_refused_with_the_known_ones(world):
    for values, unset in (({"no-pach": True}, []), ({}, ["no-pach"])):
        with pytest.raises(InvalidParametersError, match=r"no quirk 'no-pach'; there are send-nulls, .*receive"):
            world.ocpi.partners.set_quirks(world.id, values, unset=unset)
    assert world.platform.quirks == {}


def test_prices_of_a_tariff_are_whole_too(world):
    world.ocpi.partners.set_quirks(world.id, {"integer-prices": True})

    world.client.tariffs.put(tariff())

    prices = [c["price"] for element in world.body["elements"] for c in element["price_components"]]
    assert prices
    assert all(isinstance(price, int) for price in prices)
