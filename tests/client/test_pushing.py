"""Pushing to everybody that an object is for: directly, to each tenant of a platform, and through hubs."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from flask import Response

from flask_ocpi.core.enums import Role
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer

MODULES = ("cdrs", "hubclientinfo", "locations", "sessions", "tariffs", "tokens")
EMS = Party.of("DE", "EMS")
TO = ("OCPI-to-country-code", "OCPI-to-party-id")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def join(ocpi, ocpi_network):
    """Register with a platform of some parties, which tells of others if it is a hub; returns the peer."""

    def join(host, *parties, infos=(), modules=MODULES):
        peer = Peer(ocpi_network, host, parties=parties)
        peer.endpoints[1:] = [peer.endpoint(module, role) for module in modules for role in ("SENDER", "RECEIVER")]
        granted = [Party.of(country_code, party_id) for country_code, party_id, _ in parties]
        platform = ocpi.partners.register(peer.url, "token-a", roles=list(Role), parties=granted)
        if infos:
            peer.answers["GET /2.2.1/sender/hubclientinfo"] = lambda: answer(list(infos))
            ocpi.pull("hubclientinfo", platform)
        ocpi_network.requests.clear()
        return peer

    return join


def sent(network):
    """Return what was sent: method, host, and the party it is addressed to."""
    return [
        (
            request.method,
            request.url.split("/")[2],
            "-".join(request.headers[name] for name in TO if name in request.headers),
        )
        for request in network.requests
    ]


@pytest.mark.conformance("CLI-12", "T-33")
def test_dead_and_refusing_partners_do_not_hold_up_the_others(ocpi, ocpi_network, join, caplog):
    path = "PUT /2.2.1/receiver/locations/NL/ABC/LOC1"
    join("dead.example", ("DE", "DEA", ["EMSP"]))
    join("slow.example", ("DE", "SLO", ["EMSP"]))
    join("refusing.example", ("DE", "REF", ["EMSP"])).answers[path] = lambda: answer(None, status_code=2001)
    join("broken.example", ("DE", "BRO", ["EMSP"])).answers[path] = lambda: Response("No", 400)
    join("good.example", ("DE", "GOO", ["EMSP"]))
    errors = {"dead.example": UnreachableError("The line is cut."), "slow.example": UnansweredError("Too late.")}

    def fail(request):
        if request.url.split("/")[2] in errors:
            raise errors[request.url.split("/")[2]]

    ocpi.save("locations", location())
    ocpi_network.before_send = fail
    with caplog.at_level(logging.WARNING, "flask_ocpi.client"):
        pushed = ocpi.push("locations", "LOC1")

    results = {push.platform: type(push.error).__name__ for push in pushed}
    assert results == {
        "dead-example": "UnreachableError",
        "slow-example": "UnansweredError",
        "refusing-example": "RefusedError",
        "broken-example": "RefusedError",
        "good-example": "NoneType",
    }
    assert [host for _, host, _ in sent(ocpi_network)] == [name.replace("-", ".") for name in results]  # each once
    assert len([line for line in caplog.messages if "did not take locations 'LOC1': " in line]) == 4


@pytest.mark.conformance("CLI-12")
def test_refusal_of_a_partner_is_told_with_its_codes(ocpi, join):
    peer = join("refusing.example", ("DE", "REF", ["EMSP"]))
    peer.answers["PUT /2.2.1/receiver/locations/NL/ABC/LOC1"] = lambda: answer(None, status_code=2003, http_status=404)
    ocpi.save("locations", location())

    (pushed,) = ocpi.push("locations", "LOC1")

    assert isinstance(pushed.error, RefusedError)
    assert (pushed.error.status_code, pushed.error.http_status) == (2003, 404)
    assert (pushed.platform, pushed.party) == ("refusing-example", Party.of("DE", "REF"))


@pytest.mark.conformance("CLI-12")
def test_partner_that_cannot_be_called_does_not_hold_up_the_others(ocpi, ocpi_network, join):
    join("first.example", ("DE", "FIR", ["EMSP"]))
    join("second.example", ("DE", "SEC", ["EMSP"]))
    first = ocpi.partners.find("DE-FIR")

    ocpi.services.platforms.save(replace(first, version="2.2"), before=first)
    ocpi.save("locations", location())

    pushed = ocpi.push("locations", "LOC1")

    assert [type(push.error) for push in pushed] == [UnsupportedVersionError, type(None)]
    assert [host for _, host, _ in sent(ocpi_network)] == ["second.example"]


def test_only_registered_platforms_that_receive_the_module_get_anything(ocpi, ocpi_network, join):
    join("without.example", ("DE", "WTO", ["EMSP"]), modules=("tokens",))
    join("former.example", ("DE", "FOR", ["EMSP"]))
    join("good.example", ("DE", "GOO", ["EMSP"]))
    ocpi.partners.unregister("DE-FOR")
    ocpi.partners.invite(name="Invited")
    ocpi_network.requests.clear()
    ocpi.save("locations", location())

    pushed = ocpi.push("locations", "LOC1")

    assert [push.platform for push in pushed] == ["good-example"]
    assert sent(ocpi_network) == [("PUT", "good.example", "DE-GOO")]


@pytest.mark.conformance("RT-05", "ROLE-03")
def test_each_receiving_party_of_a_platform_is_addressed(ocpi, ocpi_network, join):
    join("many.example", ("DE", "ONE", ["EMSP"]), ("DE", "CPO", ["CPO"]), ("FR", "TWO", ["EMSP", "CPO"]))
    ocpi.save("locations", location())
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))

    pushed = [*ocpi.push("locations", "LOC1"), *ocpi.push("tokens", token()["uid"])]

    assert [str(push.party) for push in pushed] == ["DE-ONE", "FR-TWO", "DE-CPO", "FR-TWO"]
    assert sent(ocpi_network) == [("PUT", "many.example", str(push.party)) for push in pushed]


@pytest.mark.conformance("RT-05")
@pytest.mark.parametrize(
    ("module", "document", "method"),
    [
        ("sessions", session(), "PUT"),
        ("cdrs", cdr(), "POST"),
        ("tariffs", tariff(), "PUT"),
        ("locations", location(), "PUT"),
    ],
    ids=["session", "cdr", "tariff", "location"],
)
def test_object_for_some_parties_goes_to_those(ocpi, ocpi_network, join, module, document, method):
    join("other.example", ("DE", "OTH", ["EMSP"]))
    join("many.example", ("DE", "EMS", ["EMSP"]), ("FR", "TWO", ["EMSP"]))
    audience = () if module in ("sessions", "cdrs") else (EMS,)
    ocpi.save(module, document, audience=audience)

    (pushed,) = ocpi.push(module, document["id"])

    assert (pushed.platform, pushed.party, pushed.error) == ("many-example", EMS, None)
    assert sent(ocpi_network) == [(method, "many.example", "DE-EMS")]


# Through hubs.


@pytest.mark.conformance("RT-06", "CLI-13")
def test_hub_spreads_what_is_for_all_and_hands_on_what_is_for_one(ocpi, ocpi_network, join):
    join("hub.example", ("NL", "HUB", ["HUB"]), infos=[client_info()])
    ocpi.save("locations", location())
    ocpi.save("sessions", session())
    ocpi.save("cdrs", cdr())

    pushed = [*ocpi.push("locations", "LOC1"), *ocpi.push("sessions", "SES1"), *ocpi.push("cdrs", "CDR1")]

    assert [(push.error, push.party) for push in pushed] == [(None, None), (None, EMS), (None, EMS)]
    assert sent(ocpi_network) == [
        ("PUT", "hub.example", "NL-HUB"),
        ("PUT", "hub.example", "DE-EMS"),
        ("POST", "hub.example", "DE-EMS"),
    ]


@pytest.mark.conformance("CLI-13", "HCI-09", "HCI-10")
@pytest.mark.parametrize("status", ["OFFLINE", "PLANNED", "SUSPENDED"])
def test_parties_of_a_hub_that_are_not_connected_are_skipped(ocpi, ocpi_network, join, status):
    join("hub.example", ("NL", "HUB", ["HUB"]), infos=[client_info(status=status), client_info(party_id="ON1")])
    ocpi.save("tariffs", tariff(), audience=(EMS, Party.of("DE", "ON1")))

    skipped, taken = ocpi.push("tariffs", "TARIFF1")

    assert isinstance(skipped.error, NotConnectedError)
    assert (skipped.party, taken.party, taken.error) == (EMS, Party.of("DE", "ON1"), None)
    assert sent(ocpi_network) == [("PUT", "hub.example", "DE-ON1")]


@pytest.mark.conformance("CLI-13")
def test_party_is_reached_through_the_hub_that_told_of_it(ocpi, ocpi_network, join):
    join("first.example", ("NL", "HU1", ["HUB"]), infos=[client_info(party_id="OTH")])
    join("second.example", ("NL", "HU2", ["HUB"]), infos=[client_info()])
    ocpi.save("sessions", session())

    (pushed,) = ocpi.push("sessions", "SES1")

    assert (pushed.platform, pushed.error) == ("second-example", None)
    assert sent(ocpi_network) == [("PUT", "second.example", "DE-EMS")]


def test_where_no_hub_told_of_a_party_each_is_tried(ocpi, ocpi_network, join):
    join("first.example", ("NL", "HU1", ["HUB"]))
    join("second.example", ("NL", "HU2", ["HUB"]))
    ocpi.save("sessions", session())

    ocpi.push("sessions", "SES1")

    assert sent(ocpi_network) == [("PUT", "first.example", "DE-EMS"), ("PUT", "second.example", "DE-EMS")]


def test_party_that_is_registered_gets_it_directly_and_not_through_a_hub(ocpi, ocpi_network, join):
    join("hub.example", ("NL", "HUB", ["HUB"]), infos=[client_info()])
    join("emsp.example", ("DE", "EMS", ["EMSP"]))
    ocpi.save("sessions", session())

    (pushed,) = ocpi.push("sessions", "SES1")

    assert (pushed.platform, pushed.party) == ("emsp-example", EMS)
    assert sent(ocpi_network) == [("PUT", "emsp.example", "DE-EMS")]


def test_hub_gets_what_is_for_the_hub_itself(ocpi, ocpi_network, join):
    join("hub.example", ("NL", "HUB", ["HUB"]))
    ocpi.save("tariffs", tariff(), audience=(Party.of("NL", "HUB"),))

    (pushed,) = ocpi.push("tariffs", "TARIFF1")

    assert (pushed.party, pushed.error) == (Party.of("NL", "HUB"), None)
    assert sent(ocpi_network) == [("PUT", "hub.example", "NL-HUB")]


@pytest.mark.parametrize("audience", [(), (Party.of("DE", "ONE"),)], ids=["for all", "for one"])
def test_client_info_goes_to_a_platform_once(ocpi_network, audience):
    hub = ocpi_network.add("hub.example", [("NL", "HUB", ["HUB"])])
    for host, parties in (
        ("many.example", [("DE", "ONE", ["EMSP"]), ("DE", "TWO", ["CPO"])]),
        ("other.example", [("DE", "OTH", ["CPO"])]),
    ):
        peer = Peer(ocpi_network, host, parties=parties)
        peer.endpoints.append(peer.endpoint("hubclientinfo", "RECEIVER"))
        hub.partners.register(peer.url, "token-a")
    hub.save("hubclientinfo", client_info(), audience=audience)
    ocpi_network.requests.clear()

    pushed = hub.push("hubclientinfo", "EMSP", party=EMS)

    assert [(push.platform, push.party) for push in pushed] == [
        (name, None) for name in ("many-example", *(() if audience else ("other-example",)))
    ]
    assert [to for _, _, to in sent(ocpi_network)] == [""] * len(pushed)


@pytest.mark.conformance("RT-06")
@pytest.mark.parametrize(
    ("call", "to"),
    [
        (lambda client: client.locations.put(location()), "NL-HUB"),
        (lambda client: client.locations.patch("LOC1", changes={"last_updated": "2026-01-01T12:00:00Z"}), "NL-HUB"),
        (lambda client: list(client.tokens.list()), "NL-HUB"),
        (lambda client: client.sessions.put(session()), ""),
        (lambda client: client.cdrs.post(cdr()), ""),
        (lambda client: client.tariffs.delete("TARIFF1"), ""),
        (lambda client: client.locations.get_copy("LOC1"), ""),
        (lambda client: client.tokens.authorize("1"), ""),
    ],
    ids=["put", "patch", "list", "session", "cdr", "delete", "get", "authorize"],
)
def test_hub_itself_is_addressed_only_for_lists_and_for_what_is_for_all(ocpi, ocpi_network, join, call, to):
    peer = join("hub.example", ("NL", "HUB", ["HUB"]))
    peer.answers["GET /2.2.1/sender/tokens"] = lambda: answer([])
    peer.answers["GET /2.2.1/receiver/locations/NL/ABC/LOC1"] = lambda: answer(location())
    allowed = {"allowed": "ALLOWED", "token": token(uid="1")}
    peer.answers["POST /2.2.1/sender/tokens/1/authorize"] = lambda: answer(allowed)

    call(ocpi.client("hub-example"))

    ((_, _, addressed),) = sent(ocpi_network)
    assert addressed == to
