"""A copy belongs to the platform that sent it, also when its registration has ended and another one has its party."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.grants import Decision
from flask_ocpi.exchange.handshake import registered
from flask_ocpi.modules.enums import WhitelistType
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import check
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

RECEIVER = ocpi_url("receiver")
CPO = {"country_code": "DE", "party_id": "CPO"}
DE_CPO, DE_EMS, ABC = Party.of("DE", "CPO"), Party.of("DE", "EMS"), Party.of("NL", "ABC")
SPEAKS = [("DE", "CPO", ["CPO"]), ("DE", "EMS", ["EMSP"])]
OURS = {**session()["cdr_token"], "country_code": "NL", "party_id": "ABC"}

#: What each module is sent, and where it is then.
SENT = {
    "locations": (f"{RECEIVER}/locations/DE/CPO/X1", location(**CPO, id="X1", evses=[evse(uid="E1")])),
    "tariffs": (f"{RECEIVER}/tariffs/DE/CPO/X1", tariff(**CPO, id="X1")),
    "sessions": (f"{RECEIVER}/sessions/DE/CPO/X1", session(**CPO, id="X1", cdr_token=OURS)),
    "tokens": (f"{RECEIVER}/tokens/DE/EMS/X1", token(uid="X1")),
}
LATER = "2027-01-01T00:00:00Z"


def unregister(client):
    assert client.delete(ocpi_url("credentials")).http_status == 200


@pytest.fixture
def first(ocpi_app):
    """The platform that speaks for the parties at first, and has sent one object of each module."""
    client = add_partner(ocpi_app, SPEAKS, name="First")
    for path, document in SENT.values():
        assert client.put(path, document).http_status == 201
    posted = client.post(f"{RECEIVER}/cdrs", cdr(**CPO, id="X1", cdr_token=OURS))
    assert posted.http_status == 201
    return client


@pytest.fixture
def second(ocpi_app, first):
    """Another platform that names the same parties once the first one has unregistered."""
    unregister(first)
    return add_partner(ocpi_app, SPEAKS, name="Second")


@pytest.fixture
def kept(ocpi, first):
    """A function that returns what is stored of the first platform, with its revisions."""

    def read():
        return {
            (module, record.text, record.revision)
            for module, object_type in ocpi.services.object_types.items()
            for record in ocpi.storage.list(object_type.kind, Query(receiver="NL-ABC first")).records
        }

    return read


def documents(ocpi, module, **options):
    return list(ocpi.copies.documents(module, **options))


@EVERY_STORAGE
@pytest.mark.parametrize("module", SENT)
def test_another_platform_of_the_party_reads_no_copy(second, module):
    path, _ = SENT[module]

    check(second.get(path), 404, 2003 if module == "locations" else 2004 if module == "tokens" else 2001)
    assert second.get(f"{RECEIVER}/cdrs/DE/CPO/X1").http_status == 404
    assert second.get(f"{RECEIVER}/locations/DE/CPO/X1/E1").http_status == 404


@EVERY_STORAGE
@pytest.mark.parametrize("module", SENT)
def test_another_platform_of_the_party_changes_no_copy(second, kept, module):
    before = kept()
    path, document = SENT[module]

    assert second.patch(path, {"last_updated": LATER}).http_status == (405 if module == "tariffs" else 404)
    assert second.patch(f"{RECEIVER}/locations/DE/CPO/X1/E1", {"last_updated": LATER}).http_status == 404
    assert second.put(f"{RECEIVER}/locations/DE/CPO/X1/E1", evse(uid="E1")).http_status == 404
    assert second.delete(f"{RECEIVER}/tariffs/DE/CPO/X1").http_status == 404
    assert second.put(path, {**document, "last_updated": LATER}).http_status == 201  # new: it has none yet
    assert second.post(f"{RECEIVER}/cdrs", cdr(**CPO, id="X1", remark="Other", cdr_token=OURS)).http_status == 201

    assert kept() == before
    assert len(before) == 5


@EVERY_STORAGE
def test_platform_that_registers_again_has_its_copies_back(ocpi_app, ocpi, first):
    unregister(first)
    before = ocpi.partners.get("first")
    issued, text = ocpi.services.platforms.issue(TokenUse.ACTIVE)
    ocpi.services.platforms.save(
        registered(
            ocpi.services,
            before,
            {"roles": first.platform.roles, "url": "https://partner.example/v", "token": "again"},
            decision=Decision(first.platform.roles, ()),
            discovery=Discovery("2.2.1", ()),
            issued=(issued,),
        ),
        before=before,
    )
    again = type(first)(ocpi_app, text)

    for path, document in SENT.values():
        assert again.get(path).data == document


@EVERY_STORAGE
def test_sync_of_another_platform_neither_counts_nor_removes_the_copies(ocpi_network, ocpi, second, kept):
    before = kept()
    unregister(second)
    legitimate = ocpi_network.add("cpo.example", [("DE", "CPO", ["CPO"])])
    ocpi_network.connect(ocpi, legitimate)
    legitimate.save("locations", location(**CPO, id="NEW"))

    done = {item.module: item for item in ocpi.sync("DE-CPO", full=True, force=True)}

    pulled = done["locations"].pulled
    assert (pulled.created, pulled.removed, done["tariffs"].pulled.removed) == (1, 0, 0)
    assert (done["tariffs"].held_back, done["tariffs"].error) == (0, None)
    assert kept() == before


@EVERY_STORAGE
def test_token_of_an_ended_registration_authorizes_nobody(ocpi, ocpi_app, first):
    path, document = SENT["tokens"]
    first.put(path, {**document, "whitelist": WhitelistType.ALWAYS, "valid": True})
    unregister(first)
    add_partner(ocpi_app, SPEAKS, name="Second")

    with pytest.raises(Exception, match="offers no"):  # it is asked, as no copy of its own decides
        ocpi.client("second").tokens.authorize("X1")


@EVERY_STORAGE
def test_reservation_of_an_ended_registration_is_not_anothers_to_cancel(ocpi, ocpi_app):
    asked = []
    ocpi.command("RESERVE_NOW")(lambda body, reply: "ACCEPTED")
    ocpi.command("CANCEL_RESERVATION")(lambda body, reply: asked.append(body) or "ACCEPTED")
    ocpi.save("locations", location(evses=[evse()]))
    ends = "2030-01-01T00:00:00Z"
    url = "https://partner.example/result"
    wanted = {"token": token(), "expiry_date": ends, "reservation_id": "R1", "location_id": "LOC1", "response_url": url}
    first = add_partner(ocpi_app, SPEAKS, name="First")
    assert first.post(f"{RECEIVER}/commands/RESERVE_NOW", wanted).data["result"] == "ACCEPTED"
    unregister(first)
    second = add_partner(ocpi_app, SPEAKS, name="Second")

    cancel = {"reservation_id": "R1", "response_url": url}
    answer = second.post(f"{RECEIVER}/commands/CANCEL_RESERVATION", cancel)

    assert (answer.data["result"], asked) == ("REJECTED", [])
    assert second.post(f"{RECEIVER}/commands/RESERVE_NOW", wanted).data["result"] == "ACCEPTED"
    assert second.post(f"{RECEIVER}/commands/CANCEL_RESERVATION", cancel).data["result"] == "ACCEPTED"


def test_client_infos_of_two_hubs_are_apart(ocpi_app, ocpi):
    hubs = [add_partner(ocpi_app, [("NL", party, ["HUB"])], name=party) for party in ("HB1", "HB2")]
    path = f"{RECEIVER}/hubclientinfo/DE/XYZ"
    for hub, status in zip(hubs, ("CONNECTED", "OFFLINE"), strict=True):
        told = client_info(country_code="DE", party_id="XYZ", role="CPO", status=status)
        assert hub.put(path, told).http_status == 201

    assert [hub.get(path).data["status"] for hub in hubs] == ["CONNECTED", "OFFLINE"]
    assert [info["status"] for info in documents(ocpi, "hubclientinfo")] == ["CONNECTED", "OFFLINE"]
    offline = ocpi.copies.get("hubclientinfo", "CPO", owner=Party.of("DE", "XYZ"), platform="hb2")
    assert offline["status"] == "OFFLINE"


# What the host sees.


@EVERY_STORAGE
def test_host_sees_what_is_kept(ocpi, first):
    unregister(first)

    for module, (_, document) in SENT.items():
        owner = DE_EMS if module == "tokens" else DE_CPO
        assert documents(ocpi, module) == [document]
        assert ocpi.copies.get(module, "X1", owner=owner) == document
    assert [(item.source, item.number) for item in ocpi.copies.counts()] == [("first", 1)] * 5


@EVERY_STORAGE
def test_host_gets_the_copy_of_the_platform_that_answers_now(ocpi, second):
    path, document = SENT["locations"]
    new = {**document, "name": "New", "last_updated": "2020-01-01T00:00:00Z"}
    second.put(path, new)

    assert ocpi.copies.get("locations", "X1", owner=DE_CPO) == new
    assert ocpi.copies.get("locations", "x1", owner=DE_CPO, platform="first", receiver=ABC) == document
    assert documents(ocpi, "locations") == [new]
    assert documents(ocpi, "locations", platform="first") == [document]
    assert documents(ocpi, "tariffs") == [SENT["tariffs"][1]]
    with pytest.raises(NotFoundError, match="There is no copy of the location X2 of DE-CPO"):
        ocpi.copies.get("locations", "X2", owner=DE_CPO)
    with pytest.raises(InvalidParametersError, match="A location is addressed by id"):
        ocpi.copies.get("locations", "X1", "E1", owner=DE_CPO)


def test_party_comes_before_the_hub_it_was_behind(ocpi_app, ocpi):
    path, document = SENT["locations"]
    hub = add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], name="Hub")
    by_hub = {**document, "name": "By the hub", "last_updated": LATER}
    hub.put(path, by_hub)
    assert documents(ocpi, "locations") == [by_hub]
    direct = add_partner(ocpi_app, [("DE", "CPO", ["CPO"])], name="Direct")
    assert ocpi.copies.get("locations", "X1", owner=DE_CPO) == by_hub

    direct.put(path, document)

    assert ocpi.copies.get("locations", "X1", owner=DE_CPO) == document
    assert documents(ocpi, "locations") == [document]
    unregister(direct)
    assert documents(ocpi, "locations") == [by_hub]
    assert hub.get(path).data == by_hub


# Moving and removing.


@EVERY_STORAGE
def test_operator_moves_copies_to_the_platform_that_has_the_party_now(ocpi, second):
    path, document = SENT["locations"]
    own = {**document, "name": "Own"}
    second.put(path, own)

    moved = ocpi.copies.move("first", "second")

    assert (moved.moved, moved.left) == (4, 1)
    assert second.get(path).data == own
    for module in ("tariffs", "sessions", "tokens"):
        assert second.get(SENT[module][0]).data == SENT[module][1]
    assert second.get(f"{RECEIVER}/cdrs/DE/CPO/X1").http_status == 200
    again = ocpi.copies.move("first", "second", ["locations", "tariffs"])
    assert (again.moved, again.left) == (0, 1)


@EVERY_STORAGE
def test_many_copies_are_moved_and_removed(ocpi, ocpi_app, monkeypatch):
    monkeypatch.setattr("flask_ocpi.exchange.copies._AT_ONCE", 3)
    first = add_partner(ocpi_app, [*SPEAKS, ("FR", "CPO", ["CPO"])], name="First")
    for number in range(10):
        owner = CPO if number % 3 else {"country_code": "FR", "party_id": "CPO"}
        path = f"{RECEIVER}/tariffs/{owner['country_code']}/CPO/T{number}"
        assert first.put(path, tariff(**owner, id=f"T{number}")).http_status == 201
    unregister(first)
    second = add_partner(ocpi_app, SPEAKS, name="Second")
    second.put(f"{RECEIVER}/tariffs/DE/CPO/T1", tariff(**CPO, id="T1"))

    moved = ocpi.copies.move("first", "second")

    assert (moved.moved, moved.left) == (5, 5)
    assert [(item.source, item.number) for item in ocpi.copies.counts()] == [("first", 5), ("second", 6)]
    assert ocpi.copies.remove("first") == 5
    assert [(item.source, item.number) for item in ocpi.copies.counts()] == [("second", 6)]


def test_copies_of_a_registered_platform_are_not_removed_and_none_move_to_themselves(ocpi, first):
    with pytest.raises(InvalidParametersError, match="is registered"):
        ocpi.copies.remove("first")
    with pytest.raises(InvalidParametersError, match="its own already"):
        ocpi.copies.move("first", "First")
    add_partner(first.app, [("FR", "CPO", ["CPO"])], name="Second")
    with pytest.raises(InvalidParametersError, match="no module 'cars'"):
        ocpi.copies.move("first", "second", ["cars"])


@EVERY_STORAGE
@pytest.mark.parametrize("ocpi_config", [{"OCPI_COPIES_AFTER_UNREGISTRATION": "remove"}], ids=["remove"])
def test_copies_go_with_the_registration_where_the_operator_wants_that(ocpi, first, told_of_removals):
    other = add_partner(first.app, [("FR", "CPO", ["CPO"])], name="Other")
    path = f"{RECEIVER}/tariffs/FR/CPO/X1"
    other.put(path, tariff(country_code="FR", party_id="CPO", id="X1"))

    unregister(first)

    assert [(item.source, item.module) for item in ocpi.copies.counts()] == [("other", "tariffs")]
    assert sorted(module for module, _ in told_of_removals) == ["cdrs", "locations", "sessions", "tariffs", "tokens"]
    assert {key.source for _, key in told_of_removals} == {"first"}
    assert {key.receiving_party for _, key in told_of_removals} == {ABC}


@pytest.fixture
def told_of_removals(ocpi_app):
    """The removals that the host application is told of."""
    from flask_ocpi.signals import object_removed

    told = []

    def listen(app, *, module, key, platform):
        told.append((module, key))

    with object_removed.connected_to(listen, ocpi_app):
        yield told


@pytest.mark.parametrize("ocpi_config", [{"OCPI_COPIES_AFTER_UNREGISTRATION": "remove"}], ids=["remove"])
def test_copies_go_also_when_we_end_the_registration(ocpi, ocpi_other, ocpi_network):
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi_other.save("locations", location(country_code="FR", party_id="OTH"))
    ocpi.pull("locations", "FR-OTH")
    assert len(ocpi.copies.counts()) == 1

    ocpi.partners.unregister("FR-OTH")

    assert ocpi.copies.counts() == []


def test_removal_stops_where_the_platform_is_registered_again(ocpi, first):
    ended = ocpi.partners.get("first")
    unregister(first)
    unregistered = ocpi.partners.get("first")
    ocpi.services.platforms.save(
        type(ended)(**{**vars_of(ended), "revision": unregistered.revision}),
        before=unregistered,
    )

    assert ocpi.copies.remove(unregistered) == 0
    assert len(ocpi.copies.counts()) == 5


def vars_of(platform):
    return {name: getattr(platform, name) for name in type(platform).__dataclass_fields__}


# Copies of a database that did not keep who sent them.


@EVERY_STORAGE
def test_copies_of_nobody_known_are_read_by_no_platform_until_they_are_adopted(ocpi, ocpi_app):
    for id, party in (("X1", DE_CPO), ("X2", Party.of("FR", "CPO"))):
        document = tariff(country_code=party.country_code, party_id="CPO", id=id)
        ocpi.storage.save("tariffs", Key.of(*party, id, ABC), Record.of(document))
    client = add_partner(ocpi_app, SPEAKS, name="First")
    path = f"{RECEIVER}/tariffs/DE/CPO/X1"
    assert client.get(path).http_status == 404
    assert [document["id"] for document in documents(ocpi, "tariffs")] == ["X1", "X2"]

    adopted = ocpi.copies.adopt()

    assert (adopted.moved, adopted.left) == (1, 1)
    assert client.get(path).data["id"] == "X1"
    assert [(item.source, item.number) for item in ocpi.copies.counts()] == [("first", 1), ("", 1)]
    assert ocpi.copies.remove("") == 1


def test_several_hubs_may_have_sent_it_so_none_is_given_it(ocpi, ocpi_app):
    ocpi.storage.save("tariffs", Key.of(*DE_CPO, "X1", ABC), Record.of(tariff(**CPO, id="X1")))
    add_partner(ocpi_app, [("NL", "HB1", ["HUB"])], name="One")
    add_partner(ocpi_app, [("NL", "HB2", ["HUB"])], name="Two")

    assert ocpi.copies.adopt().left == 1
    assert ocpi.copies.move("", "two").moved == 1
