"""A story has all messages of a charge, whichever of its objects is asked for, on both sides."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.partners.platforms import UnknownPlatformError
from tests.charging import pair_of
from tests.conftest import EVERY_STORAGE


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def pair(ocpi_network, ocpi_storage):
    return pair_of(ocpi_network, storage=ocpi_storage, config={"OCPI_JOURNAL": "compact"})


def said(story):
    return [(event.direction, event.said) for event in story.events if event.kind == "message"]


CHARGE = [
    ("OUT", "asked whether token Tok1 may charge at EVSE EVSE1: ALLOWED"),
    ("IN", "asked for START_SESSION for token Tok1 at EVSE EVSE1: ACCEPTED"),
    ("OUT", "sent the result of START_SESSION: ACCEPTED"),
    ("OUT", "sent session S2: status ACTIVE, 0 kWh"),
    ("OUT", "changed EVSE EVSE1: status CHARGING"),
    ("OUT", "changed session S2: status COMPLETED, 12.4 kWh"),
    ("OUT", "sent CDR C1: 12.4 kWh, 3.12 EUR"),
]
KEYS = [
    ("session", "s2"),
    ("token", "TOK1"),
    ("authorization_reference", "A1"),
    ("cdr", "C1"),
    ("contract", "DE-EMS-C1"),
]


@EVERY_STORAGE
def test_story_of_a_charge_is_found_by_each_of_its_objects(pair):
    pair.charge()

    stories = {kind: pair.cpo.journal.story(kind, id) for kind, id in KEYS}
    of_evse = pair.cpo.journal.story("evse", "EVSE1", since="2026-01-01T12:30:00Z")

    for story in (*stories.values(), of_evse):
        assert said(story)[-len(CHARGE) :] == CHARGE


def test_both_sides_tell_the_same_story(pair):
    pair.charge()

    turned = [({"IN": "OUT", "OUT": "IN"}[direction], text) for direction, text in CHARGE]
    # The result of the command arrives before the answer to the command is read.
    assert sorted(said(pair.emsp.journal.story("session", "S2"))) == sorted(turned)


def test_command_without_a_reference_belongs_to_the_session_at_its_place_and_time(pair):
    pair.start()
    pair.session(status="ACTIVE", kwh=0)

    texts = [text for _, text in said(pair.cpo.journal.story("session", "S2"))]

    assert texts == [CHARGE[1][1], CHARGE[2][1], CHARGE[3][1]]


def test_other_charges_of_the_token_are_no_part_of_a_story(pair):
    pair.charge()
    pair.network.clock.advance(7200)
    pair.start(authorization_reference="A9")
    pair.session(id="S9", authorization_reference="A9", status="ACTIVE", kwh=0)

    story = pair.cpo.journal.story("session", "S2")

    assert said(story) == CHARGE
    assert ("session", "S9") not in story.about


def test_story_is_of_one_partner_only_if_asked(pair):
    pair.charge()
    (partner,) = pair.cpo.partners.list()

    assert said(pair.cpo.journal.story("session", "S2", platform=partner)) == CHARGE
    with pytest.raises(UnknownPlatformError):
        pair.cpo.journal.story("session", "S2", platform="nobody")


def test_unknown_kind_is_refused_with_the_known_ones(pair):
    with pytest.raises(InvalidParametersError, match=r"There are no stories of 'meter'; there are .*session.*partner"):
        pair.cpo.journal.story("meter", "1")


def test_story_of_nothing_is_empty(pair):
    assert pair.cpo.journal.story("session", "S404").events == ()


def test_a_story_has_an_end_whatever_a_partner_names(ocpi_network, ocpi_storage):
    own = ocpi_network.add("ours.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    start, others = Reference.of("session", "S0"), [Reference.of("session", f"O{number}") for number in range(40)]
    named = [Reference.of("session", f"X{number}") for number in range(400)]
    found = [Kept(message(number), (start, others[number % 40], named[number])) for number in range(200)]
    found += [Kept(message(200 + number), (others[number % 40],)) for number in range(4000)]
    write(ocpi_storage, found)

    story = own.journal.story("session", "S0")

    assert story.has_more
    assert len(story.about) == 200
    assert 2000 <= len(story.events) < 2400


def message(number):
    return Message(Direction.IN, "PUT", "/ocpi/x", number, 0.1, platform="other", http_status=200, status_code=1000)
