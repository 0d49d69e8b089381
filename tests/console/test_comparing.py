"""Comparing with a partner in the console."""

from __future__ import annotations

import pytest

from flask_ocpi import Party
from flask_ocpi import Record
from tests.console.test_partners import PARTNER


@pytest.fixture
def emptied(filled, network):
    """The platform, whose partner has lost its copy of the tariff, and has another name of a location."""
    ems = network.platforms["ems.example"]
    place = {"owner": Party.of("NL", "ABC"), "platform": ems.partners.find("NL-ABC").id}
    ems.storage.delete("tariffs", ems.copies.find("tariffs", "T1", **place)[0])
    key, record = ems.copies.find("locations", "L2", **place)
    changed = Record.of({**record.document, "name": "Elsewhere"}, last_updated=record.last_updated)
    ems.storage.save("locations", key, changed)
    return filled


def compare(visitor, **values):
    return visitor.send(f"/partner?id={PARTNER}", "/compare", partner=PARTNER, **values).get_data(as_text=True)


def test_what_a_partner_lacks_is_shown_and_changes_nothing(visit, emptied, network):
    network.requests.clear()

    page = compare(visit("operate"), module="tariffs", direction="theirs")

    assert "MISSING" in page
    assert "Send all that differ" in page
    assert {request.method for request in network.requests} == {"GET"}
    assert emptied.actions.list() == []


def test_what_a_partner_lacks_is_sent_after_a_question(visit, emptied, network):
    page = compare(visit("operate"), module="tariffs", direction="theirs", repair="yes")
    emptied.outbox.flush()

    again = compare(visit("operate"), module="tariffs", direction="theirs")

    assert "1 are in the outbox for it" in page
    assert "All equal" in again
    assert [action.partner for action in emptied.actions.list()] == [PARTNER]


def test_the_properties_that_differ_are_shown_with_both_values(visit, emptied):
    page = compare(visit("operate"), module="locations", direction="theirs")

    assert "DIFFERENT" in page
    assert "<bdi>/name</bdi>" in page
    assert "&#34;Elsewhere&#34;" in page
    assert "&#34;Changed " in page


def test_one_object_is_compared_from_its_page(visit, emptied):
    page = visit("operate").send("/object?module=tariffs&owner=NL-ABC&id=T1", "/compare", partner=PARTNER)

    assert "MISSING" in page.get_data(as_text=True)


def test_copies_are_compared_with_the_list_of_the_partner(visit, filled):
    page = compare(visit("operate"), module="tariffs", direction="copies")

    assert "what we have of its objects" in page
    assert "All equal" in page


def test_a_partner_that_left_cannot_be_compared(visit, filled):
    visitor = visit("operate")
    page = visitor.send(f"/partner?id={PARTNER}", "/compare", partner="former", module="tariffs")

    assert page.status_code == 400
