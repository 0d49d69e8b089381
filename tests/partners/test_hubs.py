"""A hub of OCPI 2.3.0 names itself in hub_party_id, lists the parties behind it, and tells of each change by PUT."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from flask import request

from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from flask_ocpi.versions.v2_3_0 import VERSION as V2_3_0
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import answer
from tests.peers import dump

BOTH = (V2_2_1, V2_3_0)
HUB, NEAR, FAR = Party.of("DE", "ENA"), Party.of("DE", "NEA"), Party.of("FR", "FAR")
MODULES = ("locations", "sessions", "tariffs", "tokens", "cdrs", "commands", "hubclientinfo")
SENDER, RECEIVER = "/ocpi/2.3.0/sender", "/ocpi/2.3.0/receiver"


def role(text):
    name, party = text.split()
    country_code, party_id = party.split("-")
    return {"role": name, "business_details": {"name": party}, "country_code": country_code, "party_id": party_id}


def pairs(roles):
    return [f"{item['role']} {item['country_code']}-{item['party_id']}" for item in roles]


class Hub(Peer):
    """A hub at hub.example, DE-ENA, that is asked to register and names whatever a test wants."""

    def __init__(self, network, ours, *, names=("EMSP DE-NEA", "CPO DE-NEA"), hub_party_id="DEENA", **granted):
        super().__init__(network, "hub.example", versions=["2.3.0"])
        self.ours = ours
        self.network = network
        self.app = network.apps["ours.example"]
        self.endpoints = [
            self.endpoint("credentials", "SENDER"),
            *(self.endpoint(module, side) for module in MODULES for side in ("SENDER", "RECEIVER")),
        ]
        self.known = {self.token}
        network.after_send = self.demand_a_known_token
        self.id, token = self.invite(**granted)
        self.answered = self.call("POST", token, *names, hub_party_id=hub_party_id)

    def invite(self, **granted):
        invited, token = self.ours.partners.invite(name="Hub", **granted)
        return invited.id, token

    def call(self, method, token, *names, **changes):
        body = self.credentials(roles=[role(name) for name in names], **changes)
        body = {name: value for name, value in body.items() if value is not None}
        answered = PartnerClient(self.app, token).open(method, "/ocpi/2.3.0/credentials", json=body)
        if answered.status_code == 1000:
            self.client = PartnerClient(self.app, answered.data["token"])
        return answered

    def put(self, *names, hub_party_id="DEENA", token=None):
        """Renew the registration with these parties, and another token of its own, after which it knows no other."""
        self.token = token or self.token
        self.known.add(self.token)
        answered = self.call("PUT", self.client.token, *names, hub_party_id=hub_party_id)
        self.known = {self.token}
        return answered

    def demand_a_known_token(self, request, response):
        from base64 import b64decode

        token = b64decode(request.headers["Authorization"].removeprefix("Token ")).decode()
        if request.url.startswith(self.base) and token not in self.known:
            return replace(response, status=401, body=answer(None, status_code=2000).get_data())
        return response

    def sent(self, *methods):
        found = [request for request in self.network.requests if request.url.startswith(self.base)]
        return [request for request in found if request.method in methods]

    @property
    def record(self):
        return self.ours.partners.get(self.id)

    @property
    def has(self):
        return pairs(self.record.roles)

    @property
    def waits_for(self):
        return pairs(self.record.requested)


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def ours(ocpi_network, ocpi_storage):
    return ocpi_network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=ocpi_storage, versions=BOTH)


@pytest.fixture
def hub(ocpi_network, ours):
    """A hub that was granted to be one."""
    made = Hub(ocpi_network, ours, roles=["HUB", "CPO", "EMSP"])
    assert made.answered.status_code == 1000
    ocpi_network.requests.clear()
    return made


def to_of(request):
    names = ("OCPI-to-country-code", "OCPI-to-party-id")
    return "-".join(request.headers[name] for name in names if name in request.headers)


def behind(party, **changes):
    """Return a Session of ours for a driver of a party behind the hub."""
    driver = {**documents.session()["cdr_token"], "country_code": party.country_code, "party_id": party.party_id}
    return documents.session(cdr_token=driver, **changes)


# What it is granted.


@EVERY_STORAGE
@pytest.mark.conformance("V230-101", "V230-102")
def test_a_hub_is_one_where_that_was_granted(hub):
    assert hub.record.is_hub
    assert hub.record.hub_parties == (HUB,)
    assert (hub.has, hub.waits_for) == (["HUB DE-ENA", "EMSP DE-NEA", "CPO DE-NEA"], [])


@EVERY_STORAGE
@pytest.mark.conformance("V230-102")
def test_nobody_becomes_a_hub_by_naming_itself_one(ocpi_network, ours):
    hub = Hub(ocpi_network, ours)
    ours.save("sessions", behind(FAR))

    assert (hub.has, hub.waits_for) == (["EMSP DE-NEA", "CPO DE-NEA"], ["HUB DE-ENA"])
    assert not hub.record.is_hub
    speaking = {"OCPI-from-country-code": "FR", "OCPI-from-party-id": "FAR"}
    assert hub.client.get(f"{SENDER}/sessions", headers=speaking).status_code == 2001
    assert hub.client.get(f"{SENDER}/sessions").data == []
    ours.partners.approve(hub.id)
    assert hub.record.is_hub


@pytest.mark.parametrize("setting", ["ask", "accept"])
@pytest.mark.conformance("V230-102")
def test_nor_by_a_put_whatever_the_setting(ocpi_network, setting):
    config = {"OCPI_NEW_ROLES": setting}
    ours = ocpi_network.add("ours.example", [("NL", "ABC", ["CPO"])], versions=BOTH, config=config)
    partner = Hub(ocpi_network, ours, names=["EMSP DE-NEA"], hub_party_id=None)

    answered = partner.put("EMSP DE-NEA", hub_party_id="DENEA")

    assert answered.status_code == 1000
    assert (partner.has, partner.waits_for) == (["EMSP DE-NEA"], ["HUB DE-NEA"])


@pytest.mark.parametrize("hub_party_id", ["NLABC", "nlabc"])
def test_it_cannot_name_one_of_ours(ocpi_network, ours, hub_party_id):
    before = dump(ours)
    hub = Hub(ocpi_network, ours, hub_party_id=hub_party_id, roles=["HUB"])

    assert (hub.answered.status_code, "a party of this platform" in hub.answered.message) == (2001, True)
    assert not hub.record.is_registered
    assert before["locations"] == dump(ours)["locations"]


@pytest.mark.conformance("V230-103")
def test_what_is_no_party_is_noted_and_makes_no_hub(ocpi_network, ours):
    hub = Hub(ocpi_network, ours, hub_party_id="HUB", roles=["HUB", "CPO", "EMSP"])

    assert (hub.answered.status_code, hub.has) == (1000, ["EMSP DE-NEA", "CPO DE-NEA"])
    ours.findings.flush()
    assert [entry.finding.path for entry in ours.findings.list(platform=hub.id)] == ["hub_party_id"]


# It tells of changes by PUT.


@EVERY_STORAGE
@pytest.mark.conformance("V230-104")
def test_a_party_that_joins_the_hub_is_there_at_once(ours, hub):
    ours.save("sessions", behind(FAR))

    hub.put("EMSP DE-NEA", "CPO DE-NEA", "EMSP FR-FAR")

    assert (hub.has, hub.waits_for) == (["HUB DE-ENA", "EMSP DE-NEA", "CPO DE-NEA", "EMSP FR-FAR"], [])
    hub.network.requests.clear()
    ours.save("sessions", behind(FAR, kwh=7))
    assert [to_of(request) for request in hub.sent("PUT", "PATCH")] == ["FR-FAR"]
    answered = hub.client.put(
        f"{RECEIVER}/tokens/FR/FAR/T1", documents.token(country_code="FR", party_id="FAR", uid="T1")
    )
    assert answered.http_status == 201


@EVERY_STORAGE
@pytest.mark.conformance("V230-104")
def test_a_party_that_leaves_the_hub_is_free_at_once(ocpi_network, ours, hub):
    hub.put("EMSP DE-NEA", "EMSP FR-FAR")

    hub.put("EMSP DE-NEA")

    assert hub.has == ["HUB DE-ENA", "EMSP DE-NEA"]
    assert ours.services.platforms.claims.of(FAR).platforms == ()


@EVERY_STORAGE
def test_parties_of_other_partners_wait_for_the_operator(ocpi_network, ours, hub):
    direct = ocpi_network.add("far.example", [("FR", "FAR", ["EMSP"])], versions=BOTH)
    ocpi_network.connect(direct, ours)

    hub.put("EMSP DE-NEA", "EMSP FR-FAR")
    ours.save("sessions", behind(FAR))

    assert (hub.has, hub.waits_for) == (["HUB DE-ENA", "EMSP DE-NEA"], ["EMSP FR-FAR"])
    assert hub.sent("PUT") == []
    assert [item["id"] for item in direct.objects.documents("sessions", copies=True)] == ["SES1"]


@EVERY_STORAGE
@pytest.mark.conformance("V230-105")
def test_a_put_in_the_middle_of_a_push_disturbs_nothing(ours, hub, ocpi_network):
    """The hub knows its old token no more when the request with it arrives."""
    puts = []

    def put_first(request):
        if "/receiver/" in request.url and request.url.startswith(hub.base) and not puts:
            puts.append(1)
            hub.put("EMSP DE-NEA", "EMSP FR-FAR", token="another-token-of-the-hub")

    ocpi_network.before_send = put_first
    hub.seen.clear()

    ours.save("locations", documents.location())
    ours.save("sessions", behind(NEAR))

    assert puts
    assert [name for name, _ in hub.seen if "/receiver/" in name] == [
        "PUT /2.2.1/receiver/locations/NL/ABC/LOC1",
        "PUT /2.2.1/receiver/locations/NL/ABC/LOC1",
        "PUT /2.2.1/receiver/sessions/NL/ABC/SES1",
    ]
    assert list(entries.of_platform(ours.services, hub.id)) == []
    assert circuits.circuit_of(ours.services, hub.id) is None


@EVERY_STORAGE
@pytest.mark.conformance("V230-105")
def test_a_put_in_the_middle_of_a_sync_disturbs_nothing(ours, hub, ocpi_network):
    listed = [documents.location(country_code="DE", party_id="NEA", id=f"LOC{number}") for number in range(2)]
    path = "/2.2.1/sender/locations"

    def page():
        number = int(request.args.get("offset", 0))
        if number == 1 and hub.token == "token-of-hub.example":
            hub.put("CPO DE-NEA", "EMSP FR-FAR", token="another-token-of-the-hub")
        response = answer([listed[number]])
        response.headers |= {"X-Total-Count": "2", "X-Limit": "1"}
        if number == 0:
            response.headers["Link"] = f'<{hub.base}{path}?offset=1&limit=1>; rel="next"'
        return response

    hub.answers[f"GET {path}"] = page

    (synced,) = ours.sync(hub.id, ["locations"])

    assert (synced.error, synced.pulled.created) == (None, 2)
    assert hub.record.parties == (HUB, NEAR, FAR)


@pytest.mark.conformance("V230-105")
def test_a_token_that_stays_refused_is_refused(ours, hub):
    hub.known = set()

    with ours.client(hub.record) as client, pytest.raises(RefusedError):
        client.locations.get("LOC1")

    assert [name for name, _ in hub.seen][-1:] == ["GET /2.2.1/sender/locations/LOC1"]
    assert [name for name, _ in hub.seen].count("GET /2.2.1/sender/locations/LOC1") == 1


# Whom messages are for.


@pytest.mark.conformance("V230-106")
def test_what_is_for_everybody_goes_to_the_hub_once(ours, hub):
    hub.put("EMSP DE-NEA", "EMSP FR-FAR")

    ours.save("locations", documents.location())

    assert [to_of(request) for request in hub.sent("PUT")] == ["DE-ENA"]


@pytest.mark.conformance("V230-106")
def test_a_party_behind_the_hub_is_addressed_by_its_name(ours, hub):
    hub.answers["GET /2.2.1/sender/locations/LOC1"] = lambda: answer(
        documents.location(country_code="DE", party_id="NEA")
    )

    for name in ("DE-NEA", "DE-ENA"):
        with ours.client(name) as client:
            client.locations.get("LOC1")

    assert [to_of(request) for request in hub.sent("GET")] == ["DE-NEA", ""]


def test_a_listed_party_that_the_hub_told_to_be_offline_is_not_called(ours, hub):
    info = documents.client_info(country_code="DE", party_id="NEA", role="CPO", status="OFFLINE")
    assert hub.client.put(f"{RECEIVER}/hubclientinfo/DE/NEA", info).http_status == 201

    with ours.client("DE-NEA") as client, pytest.raises(NotConnectedError, match="DE-NEA is OFFLINE"):
        client.locations.get("LOC1")


# What we say.


@pytest.mark.conformance("V230-101")
@pytest.mark.parametrize(
    ("parties", "named", "roles"),
    [
        ([("NL", "HUB", ["HUB"])], "NLHUB", ["OTHER NL-HUB"]),
        ([("NL", "HUB", ["HUB"]), ("NL", "ABC", ["CPO"])], "NLHUB", ["CPO NL-ABC"]),
        ([("NL", "ABC", ["CPO", "EMSP"])], None, ["CPO NL-ABC", "EMSP NL-ABC"]),
    ],
    ids=["a hub alone", "a hub with a party", "no hub"],
)
def test_our_hub_is_named_in_each_version_as_it_has_it(ocpi_network, parties, named, roles):
    ours = ocpi_network.add("ours.example", parties, versions=BOTH)
    said = {}
    for number in ("2.2.1", "2.3.0"):
        _, token = ours.partners.invite(name=number)
        said[number] = PartnerClient(ocpi_network.apps["ours.example"], token).get(f"/ocpi/{number}/credentials").data

    assert said["2.3.0"].get("hub_party_id") == named
    assert pairs(said["2.3.0"]["roles"]) == roles
    assert "hub_party_id" not in said["2.2.1"]
    assert pairs(said["2.2.1"]["roles"]) == [f"{name} {cc}-{id}" for cc, id, names in parties for name in names]


@pytest.mark.conformance("V230-101")
def test_two_platforms_register_as_hub_and_party_in_2_3_0(ocpi_network):
    ours = ocpi_network.add("ours.example", [("NL", "HUB", ["HUB"])], versions=BOTH)
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    bodies = []
    ocpi_network.before_send = lambda request: bodies.append(request) if request.method == "POST" else None

    there, here = ocpi_network.connect(ours, cpo)

    assert (there.version, here.version) == ("2.3.0", "2.3.0")
    assert cpo.partners.find("NL-HUB").hub_parties == (Party.of("NL", "HUB"),)
    assert orjson.loads(bodies[0].body)["hub_party_id"] == "NLHUB"
