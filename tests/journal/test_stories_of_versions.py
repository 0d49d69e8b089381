"""Stories with partners of several versions: 2.1.1 says less, and partners may send no message ids at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.charging import Pair
from tests.conftest import EVERY_STORAGE

IDS = ("x-request-id", "x-correlation-id")
OLD = {"country_code": "DE", "party_id": "EMS", "uid": "Tok1", "type": "RFID", "contract_id": "DE-EMS-C1"}
NEW = {"country_code": "FR", "party_id": "NEW", "uid": "Tok9", "type": "RFID", "contract_id": "FR-NEW-C9"}


@pytest.fixture
def ocpi_push():
    return True


class House:
    """An operator of three versions, with a provider of 2.1.1 and one of 2.3.0, which charge at the same EVSE."""

    def __init__(self, network, storage):
        self.network = network
        options = {"config": {"OCPI_JOURNAL": "compact"}}
        versions = (V2_1_1, V2_2_1, V2_3_0)
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=versions, **options)
        self.old = network.add("old.example", [("DE", "EMS", ["EMSP"])], versions=(V2_1_1,), **options)
        self.new = network.add("new.example", [("FR", "NEW", ["EMSP"])], versions=(V2_3_0,), **options)
        self.cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
        self.cpo.save("locations", documents.location(evses=[documents.evse()]))
        for emsp, token in ((self.old, OLD), (self.new, NEW)):
            emsp.authorizer(lambda token, place: {"allowed": "ALLOWED"})
            network.connect(emsp, self.cpo)
            emsp.save("tokens", documents.token(**token))

    def charge(self, emsp, token, session, cdr):
        """Charge once, an hour after whatever was before, without an authorization_reference."""
        self.network.clock.advance(3600)
        pair, party = Pair(self.network, self.cpo, emsp), f"{token['country_code']}-{token['party_id']}"
        self.cpo.client(party).tokens.authorize(token["uid"], location={"location_id": "LOC1"}, ask=True)
        pair.start(token=documents.token(**token))
        about = {"id": session, "cdr_token": token, "authorization_reference": None}
        pair.session(**about, status="ACTIVE", kwh=0)
        self.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})
        pair.session(**about, status="COMPLETED", kwh=12.4)
        pair.cdr(id=cdr, session_id=session, cdr_token=token, authorization_reference=None, total_energy=12.4)
        self.cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "AVAILABLE"})

    def lose_message_ids(self):
        """Have all messages arrive without the headers that number them."""
        send = self.network.send

        def without(headers):
            return {name: value for name, value in headers.items() if name.lower() not in IDS}

        def bare(request):
            answer = send(replace(request, headers=without(request.headers)))
            return replace(answer, headers=without(answer.headers))

        self.network.send = bare


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


def said(ocpi, kind, id):
    return [(event.direction, event.said) for event in ocpi.journal.story(kind, id).events if event.kind == "message"]


def charge_of(uid, session, cdr):
    return [
        ("IN", f"asked for START_SESSION for token {uid} at EVSE EVSE1: ACCEPTED"),
        ("OUT", "sent the result of START_SESSION: ACCEPTED"),
        ("OUT", f"sent session {session}: status ACTIVE, 0 kWh"),
        ("OUT", "changed EVSE EVSE1: status CHARGING"),
        ("OUT", f"changed session {session}: status COMPLETED, 12.4 kWh"),
        ("OUT", f"sent CDR {cdr}: 12.4 kWh, 3.12 EUR"),
    ]


@EVERY_STORAGE
@pytest.mark.parametrize("has_ids", [True, False], ids=["with ids", "without ids"])
def test_a_charge_of_each_version_is_one_story_and_not_that_of_the_other(house, has_ids):
    if not has_ids:
        house.lose_message_ids()
    house.charge(house.old, OLD, "S2", "C2")
    house.charge(house.new, NEW, "S3", "C3")

    for kind, of_old, of_new in (("session", "S2", "S3"), ("cdr", "C2", "C3"), ("token", "Tok1", "Tok9")):
        old, new = said(house.cpo, kind, of_old), said(house.cpo, kind, of_new)
        assert [each for each in charge_of("Tok1", "S2", "C2") if each not in old] == []
        assert [each for each in charge_of("Tok9", "S3", "C3") if each not in new] == []
        assert not any("S3" in text or "Tok9" in text or "C3" in text for _, text in old)
        assert not any("S2" in text or "Tok1" in text or "C2" in text for _, text in new)


def test_the_side_of_2_1_1_tells_the_same_story(house):
    house.charge(house.old, OLD, "S2", "C2")

    turned = {({"IN": "OUT", "OUT": "IN"}[way], text) for way, text in charge_of("Tok1", "S2", "C2")}
    assert turned <= set(said(house.old, "session", "S2"))


def test_a_session_of_2_1_1_is_found_by_its_auth_id(house):
    house.charge(house.old, OLD, "S2", "C2")

    assert ("OUT", "sent session S2: status ACTIVE, 0 kWh") in said(house.cpo, "contract", "DE-EMS-C1")


def test_two_charges_of_one_token_are_two_stories_also_without_a_reference(house):
    house.charge(house.old, OLD, "S2", "C2")
    house.network.clock.advance(7200)
    house.charge(house.old, OLD, "S4", "C4")

    story = said(house.cpo, "session", "S2")

    assert [each for each in charge_of("Tok1", "S2", "C2") if each not in story] == []
    assert not any("S4" in text or "C4" in text for _, text in story)
    assert sum(text.startswith("asked for START_SESSION") for _, text in story) == 1


def test_a_cdr_after_the_next_session_is_not_taken_for_that_of_the_one_before(house):
    pair = Pair(house.network, house.cpo, house.old)
    about = {"cdr_token": OLD, "authorization_reference": None}
    pair.session(id="S2", status="COMPLETED", kwh=12.4, **about)
    pair.session(id="S4", status="ACTIVE", kwh=0, **about)
    pair.cdr(id="C2", session_id="S2", total_energy=12.4, **about)

    story = [text for _, text in said(house.cpo, "session", "S2")]
    assert "sent session S2: status COMPLETED, 12.4 kWh" in story
    assert not any("C2" in text or "S4" in text for text in story)


def test_a_cdr_of_days_later_is_not_taken_for_that_of_a_session(house):
    pair = Pair(house.network, house.cpo, house.old)
    about = {"cdr_token": OLD, "authorization_reference": None}
    pair.session(id="S2", status="COMPLETED", kwh=12.4, **about)
    house.network.clock.advance(3 * 86_400)
    pair.cdr(id="C2", session_id="S2", total_energy=12.4, **about)

    assert not any("C2" in text for _, text in said(house.cpo, "session", "S2"))
    assert not any("S2" in text for _, text in said(house.cpo, "cdr", "C2"))
