"""A partner of OCPI 2.1.1 knows one role and one party of ours: those that were said for it, or the only ones."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import RefusedError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions.v2_1_1 import VERSION as V2_1_1
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import dump
from tests.urls import ocpi_url

ALL = (V2_1_1, V2_2_1)
ABC, EMS, OTH = Party.of("NL", "ABC"), Party.of("DE", "EMS"), Party.of("FR", "OTH")
OURS = [("NL", "ABC", ["CPO", "EMSP"])]
CPO_MODULES = {"cdrs", "commands", "credentials", "locations", "sessions", "tariffs", "tokens"}


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def both(ocpi_network, ocpi_storage):
    """A platform that is operator and provider, and speaks 2.1.1 and 2.2.1."""
    return ocpi_network.add("both.example", OURS, storage=ocpi_storage, versions=ALL)


@pytest.fixture
def ems(ocpi_network):
    return ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V2_1_1,))


@pytest.fixture
def cpo(ocpi_network):
    return ocpi_network.add("cpo.example", [("FR", "OTH", ["CPO"])], versions=(V2_1_1,))


def calling(network, ocpi, token):
    return PartnerClient(network.apps[ocpi.services.settings.base_url.removeprefix("https://")], token)


def credentials(party="DE-EMS", **changes):
    country_code, party_id = party.split("-")
    named = {"country_code": country_code, "party_id": party_id, "business_details": {"name": party}}
    return {"token": "token-of-the-partner", "url": "https://ems.example/ocpi/versions", **named, **changes}


def sent_to(network, host, *methods):
    found = [request for request in network.requests if request.url.startswith(f"https://{host}/")]
    return [request for request in found if not methods or request.method in methods]


# The handshake.


@pytest.mark.conformance("VER-01")
def test_the_side_need_not_be_known_to_register_in_another_version(ocpi_network, both):
    other = ocpi_network.add("other.example", [("FR", "OTH", ["CPO", "EMSP"])], versions=ALL)
    _, token = both.partners.invite(name="Other")

    registered = other.partners.register(both.versions_url, token)

    assert (registered.version, registered.is_registered) == ("2.2.1", True)


@EVERY_STORAGE
@pytest.mark.conformance("V211-101", "V211-102", "V211-103")
@pytest.mark.parametrize("asks", ["theirs", "ours"])
def test_the_side_is_said_with_the_invitation_or_the_registration(ocpi_network, both, ems, asks):
    bodies = []
    ocpi_network.after_send = lambda request, response: bodies.append((request, response)) or response
    if asks == "theirs":
        _, token = both.partners.invite(name="Ems", version="2.1.1", own_role="CPO")
        ems.partners.register(both.versions_url, token)
    else:
        _, token = ems.partners.invite(name="Both")
        both.partners.register(ems.versions_url, token, version="2.1.1", own_role="CPO")

    here, there = both.partners.find("DE-EMS"), ems.partners.find("NL-ABC")
    assert (here.version, there.version) == ("2.1.1", "2.1.1")
    assert [(role["role"], role["party_id"]) for role in here.roles] == [("EMSP", "EMS")]
    assert [(role["role"], role["party_id"]) for role in there.roles] == [("CPO", "ABC")]
    assert (here.own_role, here.own_party) == ("CPO", ABC)
    assert here.endpoint("tokens", InterfaceRole.SENDER).endswith("/sender/tokens")
    assert here.endpoint("locations", InterfaceRole.SENDER) is None
    assert {e["identifier"]: e["role"] for e in there.endpoints if e["identifier"] != "credentials"} == {
        "cdrs": "SENDER",
        "commands": "RECEIVER",
        "locations": "SENDER",
        "sessions": "SENDER",
        "tariffs": "SENDER",
        "tokens": "RECEIVER",
    }
    ((asked, answered),) = [pair for pair in bodies if pair[0].method == "POST"]
    for body in (orjson.loads(asked.body), orjson.loads(answered.body)["data"]):
        assert set(body) == {"token", "url", "business_details", "party_id", "country_code"}


@pytest.mark.conformance("V211-104")
def test_details_list_each_module_once_and_without_role(ocpi_network, both):
    listed = {}
    for role in ("CPO", "EMSP"):
        _, token = both.partners.invite(name=role, version="2.1.1", own_role=role)
        listed[role] = calling(ocpi_network, both, token).get("/ocpi/2.1.1").data["endpoints"]

    for endpoints in listed.values():
        assert sorted(endpoint["identifier"] for endpoint in endpoints) == sorted(CPO_MODULES)
        assert all(set(endpoint) == {"identifier", "url"} for endpoint in endpoints)
    urls = {role: {e["identifier"]: e["url"] for e in endpoints} for role, endpoints in listed.items()}
    assert urls["CPO"]["locations"] == "https://both.example/ocpi/2.1.1/sender/locations"
    assert urls["EMSP"]["locations"] == "https://both.example/ocpi/2.1.1/receiver/locations"


def test_nor_do_they_repeat_credentials_where_a_quirk_would_have_them_with_both_roles(ocpi_network, both):
    invited, token = both.partners.invite(name="Ems", own_role="CPO")
    both.partners.set_quirks(invited.id, {"credentials-both-roles": True})
    client = calling(ocpi_network, both, token)

    listed = {
        number: [e["identifier"] for e in client.get(f"/ocpi/{number}").data["endpoints"]].count("credentials")
        for number in ("2.1.1", "2.2.1")
    }

    assert listed == {"2.1.1": 1, "2.2.1": 2}


@pytest.mark.parametrize("spelling", ["plain", "base64"])
@pytest.mark.conformance("V211-105")
def test_tokens_are_read_raw_and_in_base64(ocpi_network, both, spelling):
    _, token = both.partners.invite(name="Ems", version="2.1.1", own_role="CPO")
    client = calling(ocpi_network, both, token)

    answers = [
        client.get(path, headers={"Authorization": authorization(token, spelling)})
        for path in ("/ocpi/versions", "/ocpi/2.1.1", "/ocpi/2.1.1/credentials")
    ]

    assert [answer.status_code for answer in answers] == [1000, 1000, 1000]


@pytest.mark.conformance("V211-106")
def test_tokens_are_sent_raw_unless_the_operator_says_otherwise(ocpi_network, both, ems, cpo):
    _, raw = both.partners.invite(name="Ems", own_role="CPO")
    _, encoded = both.partners.invite(name="Oth", own_role="EMSP", encoding="base64")

    ems.partners.register(both.versions_url, raw, version="2.1.1")
    cpo.partners.register(both.versions_url, encoded, version="2.1.1")

    assert {request.headers["Authorization"][-1] for request in sent_to(ocpi_network, "cpo.example")} == {"="}
    assert "=" not in {request.headers["Authorization"][-1] for request in sent_to(ocpi_network, "ems.example")}


@pytest.mark.conformance("V211-107")
def test_older_version_numbers_are_passed_over(ocpi_network, both, ems):
    def older(request, response):
        if not request.url.endswith("/versions"):
            return response
        listed = orjson.loads(response.body)
        listed["data"] += [{"version": old, "url": f"https://ems.example/ocpi/{old}/"} for old in ("2.0", "2.1")]
        return type(response)(response.status, response.headers, orjson.dumps(listed), response.url)

    ocpi_network.after_send = older
    _, token = ems.partners.invite(name="Both")

    assert both.partners.register(ems.versions_url, token, own_role="CPO").version == "2.1.1"


# What is said of the side.


def test_an_invitation_to_2_1_1_of_a_platform_with_both_roles_says_one(both):
    before = dump(both)

    with pytest.raises(InvalidParametersError, match=r"CPO and EMSP.*by --as"):
        both.partners.invite(name="Ems", version="2.1.1")

    assert dump(both) == before


@pytest.mark.parametrize("role", ["SCSP", "HUB", "nonsense"])
def test_no_other_role_can_be_said(both, role):
    with pytest.raises(InvalidParametersError, match="it is CPO or EMSP"):
        both.partners.invite(name="Ems", own_role=role)


def test_a_platform_with_one_role_need_not_say_it(ocpi_network, ems):
    ours = ocpi_network.add("one.example", [("NL", "ABC", ["CPO"])], versions=ALL)
    _, token = ours.partners.invite(name="Ems", version="2.1.1")

    ems.partners.register(ours.versions_url, token)

    assert ours.partners.find("DE-EMS").own_role == "CPO"


def test_the_role_that_a_partner_is_granted_says_it_as_well(both, ems):
    _, token = both.partners.invite(name="Ems", version="2.1.1", roles=["EMSP"])

    ems.partners.register(both.versions_url, token)

    assert both.partners.find("DE-EMS").own_role == "CPO"


@EVERY_STORAGE
@pytest.mark.conformance("V211-108")
def test_a_partner_for_whom_nothing_is_said_is_told_and_not_registered(ocpi_network, both, ems):
    invited, token = both.partners.invite(name="Ems")
    client = calling(ocpi_network, both, token)
    before = dump(both)

    answers = [
        client.get("/ocpi/2.1.1"),
        client.get("/ocpi/2.1.1/credentials"),
        client.post("/ocpi/2.1.1/credentials", credentials()),
    ]

    assert {answer.status_code for answer in answers} == {2001}
    assert all("its operator has to say which of them it is" in answer.message for answer in answers)
    assert dump(both) == before
    assert both.partners.get(invited.id).version is None


def test_a_registration_of_ours_asks_for_the_side_before_it_sends_anything(ocpi_network, both, ems):
    _, token = ems.partners.invite(name="Both")
    before = dump(both), dump(ems)

    with pytest.raises(InvalidParametersError, match=r"CPO and EMSP.*by --as"):
        both.partners.register(ems.versions_url, token)

    assert (dump(both), dump(ems)) == before
    assert not sent_to(ocpi_network, "ems.example", "POST")


def test_versions_that_are_not_served_are_named(both, ems):
    with pytest.raises(InvalidParametersError, match=r"OCPI_VERSIONS has 2\.1\.1, 2\.2\.1"):
        both.partners.invite(name="Ems", version="3.0")
    with pytest.raises(InvalidParametersError, match=r"OCPI 3\.0 is not served here"):
        both.partners.register(ems.versions_url, "token", version="3.0")


def test_an_invitation_to_one_version_opens_no_other(ocpi_network, both):
    _, token = both.partners.invite(name="Ems", version="2.1.1", own_role="CPO")
    client = calling(ocpi_network, both, token)
    before = dump(both)

    listed = client.get("/ocpi/versions").data
    posted = client.post(ocpi_url("credentials"), {"token": "x", "url": "https://ems.example/v", "roles": []})

    assert [item["version"] for item in listed] == ["2.1.1"]
    assert posted.status_code == 2001
    assert "invited to register in OCPI 2.1.1, not in 2.2.1" in posted.message
    assert dump(both) == before


# What a partner of one side gets.


@pytest.fixture
def registered(ocpi_network, both, ems, cpo):
    """The platform with a provider, for whom it is operator, and an operator, for whom it is provider."""
    for partner, role in ((ems, "CPO"), (cpo, "EMSP")):
        _, token = both.partners.invite(name="", version="2.1.1", own_role=role)
        partner.partners.register(both.versions_url, token)
    ocpi_network.requests.clear()
    return both


@EVERY_STORAGE
@pytest.mark.conformance("V211-109")
def test_the_other_side_is_closed(ocpi_network, registered, ems, cpo):
    to = {
        partner: calling(
            ocpi_network, registered, partner.services.platforms.cipher.decrypt(partner.partners.find("NL-ABC").token)
        )
        for partner in (ems, cpo)
    }

    answers = {
        (name, path): to[partner].get(f"/ocpi/2.1.1/{path}").http_status
        for name, partner in (("ems", ems), ("cpo", cpo))
        for path in ("sender/locations", "sender/tokens")
    }

    assert answers == {
        ("ems", "sender/locations"): 200,
        ("ems", "sender/tokens"): 403,
        ("cpo", "sender/locations"): 403,
        ("cpo", "sender/tokens"): 200,
    }


@EVERY_STORAGE
def test_pushes_go_to_the_side_that_they_are_for(ocpi_network, registered, ems, cpo):
    registered.save("locations", documents.location())
    registered.save("tokens", documents.token(country_code="NL", party_id="ABC"))

    assert [request.url.split("/")[6] for request in sent_to(ocpi_network, "ems.example")] == ["locations"]
    assert [request.url.split("/")[6] for request in sent_to(ocpi_network, "cpo.example")] == ["tokens"]
    assert [item["id"] for item in ems.objects.documents("locations", copies=True)] == ["LOC1"]


@pytest.mark.conformance("V211-110")
def test_of_several_own_parties_one_deals_with_a_partner(ocpi_network, ems):
    ours = ocpi_network.add("one.example", [("NL", "ABC", ["CPO"]), ("NL", "DEF", ["CPO"])], versions=ALL)
    with pytest.raises(InvalidParametersError, match=r"NL-ABC, NL-DEF.*by --as-party"):
        ours.partners.invite(name="Ems", version="2.1.1", own_role="CPO")
    with pytest.raises(InvalidParametersError, match="NL-XYZ is no own party that is CPO"):
        ours.partners.invite(name="Ems", own_role="CPO", own_party=Party.of("NL", "XYZ"))
    _, token = ours.partners.invite(name="Ems", version="2.1.1", own_role="CPO", own_party=Party.of("NL", "DEF"))

    ems.partners.register(ours.versions_url, token)
    ours.save("locations", documents.location(party_id="ABC"))
    ours.save("locations", documents.location(party_id="DEF"))
    ems.sync()

    assert [str(party) for party in ems.partners.find("NL-DEF").parties] == ["NL-DEF"]
    assert [item["party_id"] for item in ems.objects.documents("locations", copies=True)] == ["DEF"]
    assert [request.url.split("/")[-2] for request in sent_to(ocpi_network, "ems.example", "PUT")] == ["DEF"]
    assert [pushed.party for pushed in ours.push("locations", "LOC1", party=Party.of("NL", "DEF"))] == [EMS]
    assert ours.push("locations", "LOC1", party=Party.of("NL", "ABC")) == []


# A party that is both registers twice.


@EVERY_STORAGE
@pytest.mark.conformance("V211-111")
@pytest.mark.parametrize("asks", ["theirs", "ours"])
def test_a_party_that_is_both_registers_twice(ocpi_network, both, asks):
    peer = ocpi_network.add("peer.example", [("DE", "EMS", ["CPO", "EMSP"])], versions=(V2_1_1,))
    for ours, theirs in (("CPO", "EMSP"), ("EMSP", "CPO")):
        side, other, names = (both, peer, (ours, theirs)) if asks == "theirs" else (peer, both, (theirs, ours))
        party, again = ([EMS], [ABC]) if asks == "theirs" else ([ABC], [EMS])
        _, token = side.partners.invite(name=ours, version="2.1.1", own_role=names[0], parties=party)
        other.partners.register(side.versions_url, token, own_role=names[1], parties=again)

    records = both.partners.list()
    assert [(record.own_role, record.roles[0]["role"]) for record in records] == [("CPO", "EMSP"), ("EMSP", "CPO")]
    assert all(record.parties == (EMS,) for record in records)
    both.save("locations", documents.location())
    peer.save("locations", documents.location(country_code="DE", party_id="EMS", id="LOC2"))
    assert [item["id"] for item in peer.objects.documents("locations", copies=True)] == ["LOC1"]
    assert [item["id"] for item in both.objects.documents("locations", copies=True)] == ["LOC2"]
    both.partners.unregister(records[1])
    assert both.partners.get(records[0].id).parties == (EMS,)
    assert both.services.platforms.claims.of(EMS).platforms == (records[0].id,)


def test_the_second_time_the_party_has_to_be_granted(ocpi_network, registered):
    """Who names the party of a partner is not taken for that partner."""
    _, token = registered.partners.invite(name="Posing", version="2.1.1", own_role="EMSP")
    posing = ocpi_network.add("posing.example", [("DE", "EMS", ["CPO"])], versions=(V2_1_1,))
    before = registered.partners.find("DE-EMS")

    with pytest.raises(RefusedError, match="DE-EMS is registered by another platform"):
        posing.partners.register(registered.versions_url, token)

    assert registered.partners.find("DE-EMS") == before


def test_nor_is_it_granted_twice_for_one_side(ocpi_network, registered):
    _, token = registered.partners.invite(name="posing", version="2.1.1", own_role="CPO", parties=[EMS])
    posing = ocpi_network.add("posing.example", [("DE", "EMS", ["EMSP"])], versions=(V2_1_1,))

    posing.partners.register(registered.versions_url, token)

    record = registered.partners.find("posing")
    assert (record.roles, [role["party_id"] for role in record.requested]) == ((), ["EMS"])
    assert registered.services.platforms.claims.of(EMS).platforms == (registered.partners.find("DE-EMS").id,)


def test_the_side_of_a_registration_stays(registered):
    record = registered.partners.find("DE-EMS")

    for change in (
        lambda: registered.partners.rotate(record, own_role="EMSP"),
        lambda: registered.partners.invite(platform=record.id, own_role="EMSP"),
    ):
        with pytest.raises(InvalidParametersError, match="we are CPO NL-ABC for it: unregister it first"):
            change()

    assert registered.partners.find("DE-EMS") == record
    registered.partners.rotate(record, own_role="CPO")


# What hostile ones try.


@EVERY_STORAGE
def test_a_put_with_the_party_of_another_partner_does_not_get_it(ocpi_network, registered, ems, cpo):
    registered.save("tokens", documents.token(country_code="NL", party_id="ABC"))
    token = ems.services.platforms.cipher.decrypt(ems.partners.find("NL-ABC").token)
    peer = Peer(ocpi_network, "ems.example", versions=["2.1.1"])  # it accepts every token

    named = credentials("FR-OTH", url=peer.url)
    answered = calling(ocpi_network, registered, token).put("/ocpi/2.1.1/credentials", named)

    record = registered.partners.get(registered.partners.list()[0].id)
    assert answered.status_code == 1000
    assert (record.roles, [role["role"] for role in record.requested]) == ((), ["EMSP"])
    client = calling(ocpi_network, registered, answered.data["token"])
    assert client.get("/ocpi/2.1.1/sender/locations").http_status == 403
    assert registered.services.platforms.claims.of(OTH).platforms == (registered.partners.find("FR-OTH").id,)


def test_our_own_party_is_nobody_elses(ocpi_network, both, ems):
    _, token = both.partners.invite(name="Ems", version="2.1.1", own_role="CPO")

    answered = calling(ocpi_network, both, token).post("/ocpi/2.1.1/credentials", credentials("NL-ABC"))

    assert (answered.status_code, "NL-ABC is a party of this platform" in answered.message) == (2001, True)


@EVERY_STORAGE
def test_a_token_of_a_registration_registers_once(ocpi_network, both, ems):
    _, token = both.partners.invite(name="Ems", own_role="CPO")
    ems.partners.register(both.versions_url, token)
    record = both.partners.find("DE-EMS")
    client = calling(ocpi_network, both, token)

    answers = [
        client.post("/ocpi/2.1.1/credentials", credentials()),
        client.put(ocpi_url("credentials"), {"token": "x", "url": "https://ems.example/v", "roles": []}),
        client.get("/ocpi/2.1.1/sender/locations"),
    ]

    assert [answer.http_status for answer in answers] == [401, 401, 401]
    assert both.partners.find("DE-EMS") == record


def test_one_registration_at_the_same_url_is_for_one_side(both, ems):
    _, token = ems.partners.invite(name="Both")
    both.partners.register(ems.versions_url, token, own_role="CPO")

    with pytest.raises(FlaskOCPIError, match="is registered already"):
        both.partners.register(ems.versions_url, "another-token", own_role="CPO")
