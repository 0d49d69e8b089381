"""Roles and parties of another platform are those that were granted, whatever it names, and by whichever way."""

from __future__ import annotations

import itertools
import logging
import string
from dataclasses import replace

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.partners.claims import PARTIES
from flask_ocpi.partners.claims import Claim
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.signals import roles_requested
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import answer
from tests.peers import dump
from tests.urls import ocpi_url

SENDER = ocpi_url("sender")
RECEIVER = ocpi_url("receiver")
EMS = Party.of("DE", "EMS")
HUB = {"role": "HUB", "business_details": {"name": "Hub"}, "country_code": "DE", "party_id": "EMS"}


def role(name, party):
    country_code, party_id = party.split("-")
    return {
        "role": name,
        "business_details": {"name": party},
        "country_code": country_code,
        "party_id": party_id,
    }


def pairs(roles):
    return [f"{item['role']} {item['country_code']}-{item['party_id']}" for item in roles]


def speaking_as(party):
    country_code, party_id = party.split("-")
    return {"OCPI-from-country-code": country_code, "OCPI-from-party-id": party_id}


class Partner:
    """A platform that names in its handshakes whatever a test wants."""

    def __init__(self, ocpi, network, *, host="ems.example", names=("EMSP DE-EMS",), **granted):
        self.ocpi = ocpi
        self.app = network.apps["platform.example"]
        self.peer = Peer(network, host)
        self.peer.roles = [role(*item.split()) for item in names]
        self.peer.endpoints[1:] = [
            self.peer.endpoint(module, side)
            for module in ("locations", "sessions", "tariffs", "tokens", "cdrs", "hubclientinfo")
            for side in ("SENDER", "RECEIVER")
        ]
        self.invited, token_a = ocpi.partners.invite(name=host, **granted)
        self.answered = self.peer.post(self.app, token_a)
        self.client = PartnerClient(self.app, (self.answered.data or {}).get("token", token_a))

    def put(self, *roles):
        self.answered = self.peer.put(self.app, self.client.token, roles=[role(*item.split()) for item in roles])
        if self.answered.status_code == 1000:
            self.client = PartnerClient(self.app, self.answered.data["token"])
        return self.answered

    @property
    def platform(self):
        return self.ocpi.partners.get(self.invited.id)

    @property
    def has(self):
        return pairs(self.platform.roles)

    @property
    def waits_for(self):
        return pairs(self.platform.requested)


@pytest.fixture
def ems(ocpi, ocpi_network):
    """A registered eMSP, DE-EMS."""
    return Partner(ocpi, ocpi_network)


# By PUT.


def test_an_emsp_does_not_become_a_hub_by_a_put(ocpi, ocpi_app, ems):
    far = session(cdr_token={**session()["cdr_token"], "country_code": "AT", "party_id": "FAR"})
    ocpi.save("sessions", far)

    answered = ems.put("HUB DE-EMS")

    assert (answered.http_status, answered.status_code) == (200, 1000)
    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS"], ["HUB DE-EMS"])
    posing = ems.client.get(f"{SENDER}/sessions", headers=speaking_as("AT-FAR"))
    pushed = ems.client.put(f"{RECEIVER}/tokens/AT/FAR/T1", token(country_code="AT", party_id="FAR", uid="T1"))
    assert (posing.status_code, pushed.http_status) == (2001, 404)
    assert ocpi.push("sessions", "SES1") == []
    assert ems.client.get(f"{SENDER}/locations").status_code == 1000  # what it had, it has


def test_what_is_approved_is_usable_without_another_put(ocpi, ems):
    ems.put("EMSP DE-EMS", "CPO DE-EMS")
    url, document = f"{RECEIVER}/locations/DE/EMS/LOC1", location(country_code="DE", party_id="EMS")
    before = ems.client.put(url, document)

    granted = ocpi.partners.approve(ems.invited.id)

    assert before.http_status == 403
    assert pairs(granted) == ["CPO DE-EMS"]
    assert ems.client.put(url, document).http_status == 201
    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS", "CPO DE-EMS"], [])


def test_what_is_pending_is_neither_pushed_to_nor_pulled_from(ocpi, ems, ocpi_network):
    ems.put("EMSP DE-EMS", "CPO DE-EMS", "EMSP DE-NEW")
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))  # for operators
    ocpi.save("locations", location())  # for providers
    ocpi_network.requests.clear()

    pushed = [*ocpi.push("tokens", token()["uid"]), *ocpi.push("locations", "LOC1")]
    synced = [item.module for item in ocpi.sync(ems.invited.id)]

    assert [(item.party, item.error) for item in pushed] == [(EMS, None)]
    assert synced == ["tokens"]


def test_a_party_that_a_hub_stands_for_is_not_taken_by_a_put(ocpi, ocpi_app, ems):
    hub = add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], name="Hub")
    hub.put(f"{RECEIVER}/hubclientinfo/AT/FAR", client_info(country_code="AT", party_id="FAR"))
    ocpi.save("sessions", session(cdr_token={**session()["cdr_token"], "country_code": "AT", "party_id": "FAR"}))

    ems.put("EMSP DE-EMS", "EMSP AT-FAR")

    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS"], ["EMSP AT-FAR"])
    assert ems.client.get(f"{SENDER}/sessions").data == []
    assert ems.client.get(f"{SENDER}/sessions", headers=speaking_as("AT-FAR")).status_code == 2001
    assert len(hub.get(f"{SENDER}/sessions", headers=speaking_as("AT-FAR")).data) == 1


def test_nor_by_a_first_registration_unless_the_operator_names_it(ocpi, ocpi_app, ocpi_network):
    hub = add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], name="Hub")
    hub.put(f"{RECEIVER}/hubclientinfo/AT/FAR", client_info(country_code="AT", party_id="FAR"))

    unnamed = Partner(ocpi, ocpi_network, names=["EMSP AT-FAR"], host="one.example")
    pending = (unnamed.has, unnamed.waits_for)
    named = Partner(ocpi, ocpi_network, names=["EMSP AT-FAR"], host="two.example", parties=[Party.of("AT", "FAR")])

    assert pending == ([], ["EMSP AT-FAR"])
    assert named.has == ["EMSP AT-FAR"]
    assert hub.get(f"{SENDER}/sessions", headers=speaking_as("AT-FAR")).status_code == 2001  # it wins over the hub


def test_what_is_named_no_more_is_lost_and_free_at_once(ocpi, ocpi_network):
    first = Partner(ocpi, ocpi_network, names=["EMSP DE-EMS", "CPO DE-EMS", "CPO DE-TWO"])

    first.put("EMSP DE-EMS")
    second = Partner(ocpi, ocpi_network, names=["CPO DE-TWO"], host="two.example")

    assert first.has == ["EMSP DE-EMS"]
    assert second.has == ["CPO DE-TWO"]
    first.put("EMSP DE-EMS", "CPO DE-TWO")
    assert (first.has, first.waits_for) == (["EMSP DE-EMS"], ["CPO DE-TWO"])


def test_the_operator_is_told_once(ocpi, ocpi_app, ems, caplog):
    heard = []

    def listen(app, *, platform, roles):
        heard.append((platform.id, pairs(roles)))

    with roles_requested.connected_to(listen, ocpi_app), caplog.at_level(logging.WARNING, "flask_ocpi"):
        ems.put("EMSP DE-EMS", "CPO DE-EMS")
        ems.put("EMSP DE-EMS", "CPO DE-EMS")

    assert heard == [(ems.invited.id, ["CPO DE-EMS"])]
    assert [record.levelname for record in caplog.records if "CPO DE-EMS" in record.message] == ["WARNING"]


# By what it answers to us.


def test_the_answer_to_our_rotation_adds_nothing(ocpi, ems):
    ems.peer.roles = [HUB]

    ocpi.partners.rotate(ems.invited.id)

    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS"], ["HUB DE-EMS"])


def test_a_refusal_does_not_part_the_two_sides_after_our_rotation(ocpi_network):
    ocpi = ocpi_network.add("platform.example", [("NL", "ABC", ["CPO"])], config={"OCPI_NEW_ROLES": "refuse"})
    ems = Partner(ocpi, ocpi_network)
    ems.peer.roles = [*ems.peer.roles, role("EMSP", "DE-NEW")]
    ems.peer.token = "another-token"

    with pytest.raises(InvalidParametersError, match="DE-NEW is not granted"):
        ocpi.partners.rotate(ems.invited.id)

    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS"], [])
    assert ocpi.services.platforms.cipher.decrypt(ems.platform.token) == "another-token"


@pytest.mark.parametrize(
    ("granted", "has"),
    [
        ({}, []),
        ({"roles": ["CPO"]}, []),
        ({"parties": [EMS]}, []),
        ({"roles": ["HUB"]}, ["HUB DE-EMS"]),
        ({"roles": ["HUB"], "parties": [EMS]}, ["HUB DE-EMS"]),
        ({"roles": ["HUB"], "parties": [Party.of("DE", "TWO")]}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("inviting", [True, False], ids=["invite", "register"])
def test_hub_is_what_the_operator_says_is_one(ocpi, ocpi_app, ocpi_network, inviting, granted, has):
    if inviting:
        platform = Partner(ocpi, ocpi_network, names=["HUB DE-EMS"], **granted).platform
    else:
        peer = Peer(ocpi_network, "hub.example")
        peer.roles = [HUB]
        platform = ocpi.partners.register(peer.url, "token-a", **granted)

    assert platform.is_registered
    assert pairs(platform.roles) == has
    assert pairs(platform.requested) == ([] if has else ["HUB DE-EMS"])


# What an invitation grants.


@pytest.mark.parametrize(
    ("granted", "named", "has"),
    [
        ({}, ["CPO DE-EMS", "EMSP DE-TWO"], ["CPO DE-EMS", "EMSP DE-TWO"]),
        ({"roles": ["CPO"]}, ["CPO DE-EMS", "EMSP DE-EMS", "CPO DE-TWO"], ["CPO DE-EMS", "CPO DE-TWO"]),
        ({"roles": ["cpo"]}, ["CPO DE-EMS"], ["CPO DE-EMS"]),
        ({"parties": [EMS]}, ["CPO DE-EMS", "EMSP DE-EMS", "CPO DE-TWO"], ["CPO DE-EMS", "EMSP DE-EMS"]),
        ({"roles": ["CPO"], "parties": [EMS]}, ["CPO DE-EMS", "EMSP DE-EMS", "CPO DE-TWO"], ["CPO DE-EMS"]),
        ({"roles": [], "parties": []}, ["CPO DE-EMS"], []),
    ],
    ids=str,
)
def test_what_an_invitation_grants_is_had_and_the_rest_waits(ocpi, ocpi_network, granted, named, has):
    partner = Partner(ocpi, ocpi_network, names=named, **granted)

    assert partner.has == has
    assert sorted(partner.has + partner.waits_for) == sorted(named)


def test_a_grant_counts_for_later_puts_as_well(ocpi, ocpi_network):
    partner = Partner(ocpi, ocpi_network, names=["CPO DE-EMS"], parties=[EMS, Party.of("DE", "TWO")])

    partner.put("CPO DE-EMS", "CPO DE-TWO", "EMSP DE-EMS", "CPO DE-THR")

    assert partner.has == ["CPO DE-EMS", "CPO DE-TWO"]
    assert partner.waits_for == ["EMSP DE-EMS", "CPO DE-THR"]


@pytest.mark.parametrize("granted", [{"roles": ["NOBODY"]}, {"parties": [Party.of("NL", "ABC")]}], ids=str)
def test_what_cannot_be_granted_is_refused(ocpi, granted):
    with pytest.raises(InvalidParametersError):
        ocpi.partners.invite(name="Partner", **granted)

    assert ocpi.partners.list() == []


# In every state.


def test_another_registration_token_opens_no_more(ocpi, ems):
    _, token_a = ocpi.partners.invite(platform=ems.invited.id)

    answered = ems.peer.post(ems.app, token_a, roles=[HUB])
    spent = ems.peer.post(ems.app, token_a, roles=[*ems.peer.roles, role("CPO", "DE-NEW")])

    assert (answered.status_code, spent.status_code) == (1000, 1000)
    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS"], ["CPO DE-NEW"])


def test_the_last_invitation_counts(ocpi, ocpi_network):
    peer = Peer(ocpi_network, "hub.example", parties=[("DE", "EMS", ["HUB"])])
    invited, _ = ocpi.partners.invite(name="Hub", roles=["HUB"])
    _, token_a = ocpi.partners.invite(platform=invited.id)

    peer.post(ocpi_network.apps["platform.example"], token_a)

    assert ocpi.partners.get(invited.id).roles == ()


@pytest.mark.parametrize("ending", ["they", "we"])
@pytest.mark.parametrize("again", ["the same record", "another one", "we register"])
def test_nothing_granted_outlives_a_registration(ocpi, ocpi_network, ending, again):
    hub = Partner(ocpi, ocpi_network, names=["HUB DE-EMS"], parties=[EMS])
    ocpi.partners.approve(hub.invited.id)
    hub.put("HUB DE-EMS", "HUB DE-TWO")
    assert hub.has == ["HUB DE-EMS", "HUB DE-TWO"]
    if ending == "they":
        hub.client.delete(ocpi_url("credentials"))
    else:
        ocpi.partners.unregister(hub.invited.id)

    if again == "we register":
        platform = ocpi.partners.register(hub.peer.url, "token-a")
    else:
        known = {"platform": hub.invited.id} if again == "the same record" else {"name": "Impostor"}
        invited, token_a = ocpi.partners.invite(**known)
        hub.peer.post(hub.app, token_a)
        platform = ocpi.partners.get(invited.id)

    assert platform.state is PlatformState.REGISTERED
    assert (platform.roles, pairs(platform.requested)) == ((), ["HUB DE-EMS"])


def test_a_platform_that_was_granted_nothing_can_do_nothing_and_is_sent_nothing(ocpi, ocpi_network):
    partner = Partner(ocpi, ocpi_network, names=["HUB DE-EMS"])
    ocpi.save("locations", location())
    ocpi.save("tariffs", tariff())

    answers = [partner.client.get(f"{SENDER}/{module}") for module in ("locations", "sessions", "tariffs", "cdrs")]

    assert {item.http_status for item in answers} == {403}
    assert "approved" in answers[0].message
    assert partner.client.get(ocpi_url("credentials")).status_code == 1000
    assert ocpi.push("locations", "LOC1") == ocpi.push("tariffs", "TARIFF1") == []
    assert ocpi.sync(partner.invited.id) == []


# Parties of others.


def test_a_party_moves_with_consent_only(ocpi, ems, ocpi_network):
    other = Partner(ocpi, ocpi_network, names=["EMSP DE-OTH"], host="other.example")
    other.put("EMSP DE-OTH", "EMSP DE-EMS")
    ocpi.save("tariffs", tariff(), audience=(EMS,))

    with pytest.raises(InvalidParametersError, match="DE-EMS is registered by platform ems-example"):
        ocpi.partners.approve(other.invited.id)
    before = [other.client.get(f"{SENDER}/tariffs").data, ems.client.get(f"{SENDER}/tariffs").data]
    ocpi.partners.approve(other.invited.id, move=True)

    assert [len(data) for data in before] == [0, 1]
    assert (ems.has, other.has) == ([], ["EMSP DE-OTH", "EMSP DE-EMS"])
    assert len(other.client.get(f"{SENDER}/tariffs").data) == 1
    assert ems.client.get(f"{SENDER}/tariffs").http_status == 403
    ems.put("EMSP DE-EMS")
    assert (ems.has, ems.waits_for) == ([], ["EMSP DE-EMS"])


def test_of_what_waits_some_is_approved_some_rejected(ocpi, ems):
    ems.put("EMSP DE-EMS", "CPO DE-EMS", "NSP DE-EMS", "CPO DE-TWO")

    ocpi.partners.approve(ems.invited.id, roles=["CPO"], parties=[EMS])
    ocpi.partners.reject(ems.invited.id, parties=[EMS])

    assert (ems.has, ems.waits_for) == (["EMSP DE-EMS", "CPO DE-EMS"], ["CPO DE-TWO"])
    with pytest.raises(InvalidParametersError, match="Nothing of that is pending"):
        ocpi.partners.reject(ems.invited.id, roles=["HUB"])


def test_a_name_is_not_taken_for_a_party(ocpi, ocpi_app):
    rightful = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])], name="Rightful").platform
    for id, name in (("one", "DE-EMS"), ("two", "fr-xyz")):
        named = Platform(id=id, name=name, state=PlatformState.REGISTERED, roles=(role("EMSP", f"AT-{id.upper()}"),))
        ocpi.services.platforms.create(named)

    assert ocpi.partners.find("DE-EMS") == rightful
    with pytest.raises(UnknownPlatformError, match="no platform 'FR-XYZ'"):
        ocpi.partners.find("FR-XYZ")


# What the operator sets.


def test_refused_what_is_new_changes_nothing(ocpi_network):
    ocpi = ocpi_network.add("platform.example", [("NL", "ABC", ["CPO"])], config={"OCPI_NEW_ROLES": "refuse"})
    ems = Partner(ocpi, ocpi_network)
    ems.client.get("/ocpi/versions")
    before, seen = dump(ocpi), len(ems.peer.seen)

    answers = [ems.put("EMSP DE-EMS", "CPO DE-EMS"), ems.put("EMSP DE-EMS", "EMSP DE-NEW"), ems.put("HUB DE-EMS")]

    assert [(item.http_status, item.status_code) for item in answers] == [(200, 2001)] * 3
    assert dump(ocpi) == before
    assert len(ems.peer.seen) == seen  # not even called back
    assert ems.put("EMSP DE-EMS").status_code == 1000


def test_accepted_is_what_nobody_has_and_never_a_hub(ocpi_network):
    ocpi = ocpi_network.add("platform.example", [("NL", "ABC", ["CPO"])], config={"OCPI_NEW_ROLES": "accept"})
    ems = Partner(ocpi, ocpi_network)
    other = Partner(ocpi, ocpi_network, names=["CPO DE-OTH"], host="other.example")

    ems.put("EMSP DE-EMS", "CPO DE-EMS", "CPO DE-NEW", "CPO DE-OTH")
    became = ems.has, ems.waits_for
    ems.put("HUB DE-EMS")

    assert became == (["EMSP DE-EMS", "CPO DE-EMS", "CPO DE-NEW"], ["CPO DE-OTH"])
    assert not ems.platform.is_hub
    assert other.has == ["CPO DE-OTH"]


@pytest.mark.parametrize(
    ("verdict", "status_code", "has"),
    [
        ("accept", 1000, ["EMSP DE-EMS", "CPO DE-EMS"]),
        ("ask", 1000, ["EMSP DE-EMS"]),
        (None, 1000, ["EMSP DE-EMS"]),
        ("refuse", 2001, ["EMSP DE-EMS"]),
        ("yes", 1000, ["EMSP DE-EMS"]),
        (True, 1000, ["EMSP DE-EMS"]),
        (ZeroDivisionError, 1000, ["EMSP DE-EMS"]),
    ],
    ids=str,
)
def test_a_filter_decides(ocpi, ems, verdict, status_code, has):
    asked = []

    @ocpi.registration_filter
    def decide(platform, role):
        asked.append((platform.id, pairs([role])))
        role.clear()
        if verdict is ZeroDivisionError:
            raise ZeroDivisionError
        return verdict

    answered = ems.put("EMSP DE-EMS", "CPO DE-EMS")

    assert (answered.status_code, ems.has) == (status_code, has)
    assert asked == [(ems.invited.id, ["CPO DE-EMS"])]


def test_a_filter_takes_nothing_from_others_and_is_asked_at_the_first_registration(ocpi, ems, ocpi_network):
    ocpi.registration_filter(lambda platform, role: "refuse" if role["party_id"] == "BAD" else "accept")

    other = Partner(ocpi, ocpi_network, names=["EMSP DE-OTH", "EMSP DE-EMS"], host="other.example")
    bad = Partner(ocpi, ocpi_network, names=["EMSP DE-BAD"], host="bad.example")

    assert (other.has, other.waits_for) == (["EMSP DE-OTH"], ["EMSP DE-EMS"])
    assert bad.answered.status_code == 2001


# Hubs.


def joined(app, name, *party):
    return add_partner(app, [(*party, ["HUB"])], name=name)


def test_a_hub_adds_parties_that_nobody_has(ocpi, ocpi_app, ems, ocpi_network):
    hub = Partner(ocpi, ocpi_network, host="hub.example", names=["HUB NL-HUB"])
    ocpi.partners.approve(hub.invited.id)
    second = joined(ocpi_app, "Second", "NL", "TWO")
    second.put(f"{RECEIVER}/hubclientinfo/AT/FAR", client_info(country_code="AT", party_id="FAR"))

    hub.put("HUB NL-HUB", "HUB DE-EMS", "HUB AT-FAR", "HUB AT-NEW")

    assert (hub.has, hub.waits_for) == (["HUB NL-HUB", "HUB AT-NEW"], ["HUB DE-EMS", "HUB AT-FAR"])


@pytest.mark.parametrize("way", ["push", "pull"])
def test_of_two_hubs_the_first_that_told_stands_for_a_party(ocpi, ocpi_app, ocpi_network, way):
    first, second = joined(ocpi_app, "First", "NL", "ONE"), joined(ocpi_app, "Second", "NL", "TWO")
    first.put(f"{RECEIVER}/hubclientinfo/DE/EMS", client_info())
    ocpi.save("sessions", session())

    if way == "push":
        assert second.put(f"{RECEIVER}/hubclientinfo/DE/EMS", client_info()).http_status == 201
    else:
        peer = Peer(ocpi_network, "partner.example", parties=[("NL", "TWO", ["HUB"])])
        peer.answers["GET /2.2.1/sender/hubclientinfo"] = lambda: answer([client_info()])
        endpoint = peer.endpoint("hubclientinfo", "SENDER")
        platform = replace(second.platform, endpoints=(endpoint,))
        ocpi.services.platforms.save(platform, before=second.platform)
        ocpi.pull("hubclientinfo", platform.id)

    (entry,) = ocpi.findings.list(kind="party_of_another_hub")
    assert entry.finding.object == "DE-EMS"
    read = [hub.get(f"{SENDER}/sessions", headers=speaking_as("DE-EMS")) for hub in (first, second)]
    assert [len(item.data or []) for item in read] == [1, 0]
    assert (
        second.put(f"{RECEIVER}/tokens/DE/EMS/012345678", token(country_code="DE", party_id="EMS")).http_status == 404
    )


def test_a_hub_speaks_for_those_it_told_of_once_it_told(ocpi, ocpi_app):
    hub = joined(ocpi_app, "Hub", "NL", "HUB")

    hub.put(f"{RECEIVER}/hubclientinfo/DE/EMS", client_info())

    assert hub.get(f"{SENDER}/locations", headers=speaking_as("DE-EMS")).status_code == 1000
    assert hub.get(f"{SENDER}/locations", headers=speaking_as("AT-FAR")).status_code == 2001


def test_of_two_hubs_that_never_tell_the_first_that_speaks_stands_for_a_party(ocpi, ocpi_app):
    first, second = joined(ocpi_app, "First", "NL", "ONE"), joined(ocpi_app, "Second", "NL", "TWO")

    read = [hub.get(f"{SENDER}/locations", headers=speaking_as("DE-EMS")) for hub in (first, second, first)]

    assert [item.status_code for item in read] == [1000, 2001, 1000]


def test_what_is_for_a_party_goes_through_the_hub_that_stands_for_it_only(ocpi, ocpi_network):
    hubs = [Partner(ocpi, ocpi_network, host=f"{n}.example", names=[f"HUB NL-{n.upper()}"]) for n in ("one", "two")]
    for hub in hubs:
        ocpi.partners.approve(hub.invited.id)
        hub.client.put(f"{RECEIVER}/hubclientinfo/DE/EMS", client_info())
    ocpi.save("sessions", session())

    (pushed,) = ocpi.push("sessions", "SES1")

    assert (pushed.platform, pushed.party) == (hubs[0].invited.id, EMS)


def test_a_party_that_left_a_hub_may_be_behind_another(ocpi, ocpi_app):
    first, second = joined(ocpi_app, "First", "NL", "ONE"), joined(ocpi_app, "Second", "NL", "TWO")
    url = f"{RECEIVER}/hubclientinfo/DE/EMS"
    first.put(url, client_info())
    first.put(url, client_info(role="CPO"))

    first.put(url, client_info(status="SUSPENDED"))  # but it is there still as a CPO
    second.put(url, client_info())
    early = second.get(f"{SENDER}/locations", headers=speaking_as("DE-EMS"))
    first.put(url, client_info(role="CPO", status="SUSPENDED"))
    second.put(url, client_info())

    assert early.status_code == 2001
    assert second.get(f"{SENDER}/locations", headers=speaking_as("DE-EMS")).status_code == 1000
    assert first.get(f"{SENDER}/locations", headers=speaking_as("DE-EMS")).status_code == 2001


def test_what_a_platform_told_before_it_was_a_hub_does_not_count(ocpi, ems):
    ems.put("HUB DE-EMS")

    answered = ems.client.put(f"{RECEIVER}/hubclientinfo/AT/FAR", client_info(country_code="AT", party_id="FAR"))

    assert answered.http_status == 404
    assert ocpi.services.platforms.claims.of(Party.of("AT", "FAR")) == Claim()


def test_the_operator_says_which_hub_stands_for_a_party(ocpi, ocpi_app, ems):
    first, second = joined(ocpi_app, "First", "NL", "ONE"), joined(ocpi_app, "Second", "NL", "TWO")
    first.get(f"{SENDER}/locations", headers=speaking_as("AT-FAR"))

    ocpi.partners.stand_for(second.platform, Party.of("AT", "FAR"))

    assert second.get(f"{SENDER}/locations", headers=speaking_as("AT-FAR")).status_code == 1000
    assert first.get(f"{SENDER}/locations", headers=speaking_as("AT-FAR")).status_code == 2001
    for platform, party in ((ems.platform, "AT-FAR"), (second.platform, "DE-EMS"), (second.platform, "NL-ABC")):
        with pytest.raises(InvalidParametersError):
            ocpi.partners.stand_for(platform, Party.of(*party.split("-")))


@EVERY_STORAGE
def test_claims_of_hubs_in_every_storage(ocpi_storage):
    network = Network(clock=Clock())
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    app = network.apps["platform.example"]
    first, second = joined(app, "First", "NL", "ONE"), joined(app, "Second", "NL", "TWO")
    claims, far = ocpi.services.platforms.claims, Party.of("AT", "FAR")
    direct = add_partner(app, [("DE", "EMS", ["EMSP"])])

    assert claims.told("first", [far, EMS, Party.of("NL", "ABC")]) == {}
    assert claims.told("second", [far, EMS]) == {far: "first"}
    assert (claims.of(EMS).hub, claims.of(Party.of("NL", "ABC"))) == (None, Claim())
    assert [ocpi.services.platforms.speaks_for(hub.platform, far) for hub in (first, second)] == [True, False]
    assert not ocpi.services.platforms.speaks_for(first.platform, EMS)

    taking = ocpi.services.platforms.save(
        replace(direct.platform, roles=(role("EMSP", "AT-FAR"),)), before=direct.platform
    )
    assert not ocpi.services.platforms.speaks_for(first.platform, far)  # who is registered goes before
    ocpi.services.platforms.save(replace(taking, roles=()), before=taking)
    assert ocpi.services.platforms.speaks_for(first.platform, far)

    ocpi.partners.unregister(first.platform, force=True)  # a hub no more: who tells next stands for its parties
    assert claims.told("second", [far]) == {}
    assert (claims.of(far).hub, claims.tells("first")) == ("second", False)


class Late(MemoryStorage):
    """Shows the claim on a party only to whoever looks again, as when another transaction commits in between."""

    hidden = 0

    def get(self, kind, key, *, for_update=False):
        if kind == PARTIES and key.country_code and self.hidden:
            self.hidden -= 1
            return None
        return super().get(kind, key, for_update=for_update)


@pytest.mark.parametrize("way", ["told", "spoken"])
def test_of_two_hubs_at_the_same_moment_one_stands_for_a_party(way):
    network, storage = Network(clock=Clock()), Late()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=storage)
    app, far = network.apps["platform.example"], Party.of("AT", "FAR")
    joined(app, "First", "NL", "ONE")
    second = joined(app, "Second", "NL", "TWO")
    claims = ocpi.services.platforms.claims
    claims.told("first", [far])
    storage.hidden = 1 if way == "told" else 2

    if way == "told":
        assert claims.told("second", [far]) == {far: "first"}
    else:
        assert not ocpi.services.platforms.speaks_for(second.platform, far)
    assert claims.of(far).hub == "first"


def test_a_claim_that_changes_all_the_time_is_an_error():
    network, storage = Network(clock=Clock()), Late()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=storage)
    joined(network.apps["platform.example"], "First", "NL", "ONE")
    ocpi.services.platforms.claims.told("first", [Party.of("AT", "FAR")])
    storage.hidden = 100

    with pytest.raises(ConflictError, match="AT-FAR changes too often"):
        ocpi.services.platforms.claims.assign("second", Party.of("AT", "FAR"))


# Very many parties.


def many(number):
    letters = itertools.product(string.ascii_uppercase, repeat=3)
    return [f"EMSP DE-{''.join(item)}" for item in itertools.islice(letters, number)]


@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_PARTIES": 50}])
@pytest.mark.parametrize("renewing", [False, True], ids=["POST", "PUT"])
def test_more_parties_than_the_bound_are_refused(ocpi, ocpi_network, renewing):
    ems = Partner(ocpi, ocpi_network, names=["EMSP AT-EMS"] if renewing else many(51))
    if renewing:
        ems.put(*many(51))

    assert ems.answered.status_code == 2001
    assert "51 parties; 50 are accepted at the most" in ems.answered.message
    assert len(ems.platform.roles) == (1 if renewing else 0)


class Counting(MemoryStorage):
    """Counts how often it is called for the claims on parties."""

    calls = 0

    def get(self, kind, key, *, for_update=False):
        self.calls += kind == "platform_parties"
        return super().get(kind, key, for_update=for_update)

    def get_many(self, kind, keys, *, for_update=False):
        self.calls += 1
        found = ((key, super(Counting, self).get(kind, key)) for key in keys)
        return {key: record for key, record in found if record is not None}

    def create_many(self, kind, records):
        self.calls += 1
        return [MemoryStorage.save(self, kind, key, record, expected=0) for key, record in records]


def test_very_many_parties_are_claimed_at_once(ocpi_network):
    calls = []
    for number in (1, 1200):
        storage = Counting()
        ocpi = ocpi_network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=storage)
        assert len(Partner(ocpi, ocpi_network, names=many(number)).platform.roles) == number
        calls.append(storage.calls)

    assert calls[0] == calls[1]


@EVERY_STORAGE
def test_a_platform_with_very_many_parties_reads_what_is_for_them(ocpi_storage):
    network = Network(clock=Clock())
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    ems = Partner(ocpi, network, names=many(1200))
    for id, parties in (("all", ()), ("one", ("DE-ABC",)), ("two", ("AT-NOT", "DE-BBB")), ("none", ("AT-NOT",))):
        ocpi.save("tariffs", tariff(id=id), audience=tuple(Party.of(*party.split("-")) for party in parties))

    answered = ems.client.get(f"{SENDER}/tariffs")

    assert [item["id"] for item in answered.data] == ["all", "one", "two"]
    assert answered.headers["X-Total-Count"] == "3"
    ems.put(*many(1))
    assert [ems.has, ocpi.services.platforms.claims.of(Party.of("DE", "ABC"))] == [many(1), Claim()]


@pytest.mark.parametrize(
    ("number", "which", "times"), [(20, None, 20), (21, None, 1), (21, "each", 21), (2, "first", 1)], ids=str
)
def test_a_platform_with_many_parties_gets_what_is_for_everybody_once(ocpi, ocpi_network, number, which, times):
    ems = Partner(ocpi, ocpi_network, names=["CPO DE-CPO", *many(number - 1)] if number > 2 else many(2))
    ocpi.partners.push_parties(ems.invited.id, which)
    ocpi.save("locations", location())
    ocpi_network.requests.clear()

    pushed = ocpi.push("locations", "LOC1")

    expected = many(number)[: min(times, number - 1 if number > 2 else 2)]
    assert [f"EMSP {item.party}" for item in pushed] == expected
    assert {item.error for item in pushed} == {None}
