"""One entry for each change, whoever is to see it, and entries that are sent many at a time."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import deliveries
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from tests.conftest import EVERY_STORAGE
from tests.outbox.test_pushing import Partner


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none"}


@pytest.fixture
def partner(ocpi, ocpi_network):
    return Partner(ocpi_network, ocpi)


@pytest.fixture
def other(ocpi, ocpi_network, partner):
    return Partner(ocpi_network, ocpi, "second.example", ("BE", "TWO", ["EMSP"]))


def stored(ocpi):
    """Return the platforms of all entries, as they are stored."""
    found = ocpi.storage.list(OutboxEntry.KIND, Query(owners=(NOBODY,), limit=100)).records
    return sorted(OutboxEntry.from_record(record).platform for record in found)


def known_to_be_quick(ocpi, *partners):
    """Have many entries of partners taken together, as once they have answered at once for a while."""
    for partner in partners:
        ocpi.dispatcher.deliveries._paces[partner.id] = 0.0001


def note_taken(monkeypatch):
    """Return a list that gets the number of entries each time some are taken."""
    taken = []
    take = entries.take

    def noted(*arguments, **options):
        taken.append(len(found := take(*arguments, **options)))
        return found

    monkeypatch.setattr(entries, "take", noted)
    return taken


@EVERY_STORAGE
def test_changes_of_an_object_are_one_entry_until_they_are_spread_to_its_partners(ocpi, partner, other):
    ocpi.save("locations", location(evses=[evse(uid="E1")]))
    ocpi.patch("locations", "LOC1", "E1", changes={"status": "CHARGING"})
    assert stored(ocpi) == [EVERYBODY]

    assert entries.spread(ocpi.services) == {partner.id, other.id}

    assert stored(ocpi) == sorted([partner.id, other.id])
    assert entries.spread(ocpi.services) == set()


@EVERY_STORAGE
def test_a_change_is_spread_and_sent_to_its_audience_alone(ocpi, partner, other):
    ocpi.save("tariffs", tariff(), audience=[("BE", "TWO")])

    assert entries.spread(ocpi.services) == {other.id}
    assert stored(ocpi) == [other.id]

    ocpi.save("tariffs", tariff(id="T2"))
    entries.spread(ocpi.services)
    ocpi.save("tariffs", tariff(id="T2", currency="CHF"), audience=[("BE", "TWO")])
    assert ocpi.dispatcher.deliveries.deliver(partner.id) == 0


def test_what_is_shown_of_the_outbox_includes_changes_that_nobody_spread(ocpi, partner, other):
    ocpi.save("locations", location())

    assert [(lag.platform, lag.waiting) for lag in ocpi.outbox.lags()] == [(partner.id, 1), (other.id, 1)]
    ocpi.save("locations", location(id="LOC2"))
    assert [entry.ids for entry in ocpi.outbox.list(partner.id)] == [("LOC1",), ("LOC2",)]


@EVERY_STORAGE
def test_change_that_joins_a_spread_one_keeps_what_the_partner_lacks(ocpi, partner):
    ocpi.save("locations", location(evses=[evse(uid="E1")]))
    ocpi.outbox.flush()
    partner.network.requests.clear()
    ocpi.patch("locations", "LOC1", "E1", changes={"status": "CHARGING"})
    entries.spread(ocpi.services)
    ocpi.patch("locations", "LOC1", "E1", changes={"floor_level": "2"})

    assert ocpi.outbox.flush() == 1

    assert partner.sent == [("PATCH", "/locations/NL/ABC/LOC1/E1")]
    assert partner.has_all("locations")


def test_removed_object_leaves_no_change_behind(ocpi, partner):
    ocpi.save("tariffs", tariff())
    ocpi.outbox.flush()
    ocpi.save("tariffs", tariff(currency="GBP"))

    ocpi.delete("tariffs", "TARIFF1")

    assert stored(ocpi) == [partner.id]
    assert ocpi.outbox.flush() == 1
    assert partner.copies("tariffs") == []


@EVERY_STORAGE
def test_entries_of_a_quick_partner_are_taken_read_and_settled_together(ocpi, partner, monkeypatch):
    known_to_be_quick(ocpi, partner)
    ocpi.objects.save_all(
        {"locations": [location(id=f"LOC{number}") for number in range(30)], "tariffs": [tariff(tax_included="NO")]}
    )
    taken = note_taken(monkeypatch)

    assert ocpi.outbox.flush() == 31

    assert taken[0] == 31
    assert stored(ocpi) == []
    assert partner.has_all("locations")
    assert partner.has_all("tariffs")


@EVERY_STORAGE
def test_what_was_taken_and_not_sent_is_due_at_once_and_without_a_failure(ocpi, partner, ocpi_clock):
    known_to_be_quick(ocpi, partner)
    ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(5)]})

    def cut(request):
        if request.url.endswith("LOC2"):
            raise UnreachableError("down")

    partner.network.before_send = cut

    assert ocpi.outbox.flush() == 2

    now = ocpi.services.now()
    assert [(e.ids[0], e.attempts, e.due <= now) for e in partner.entries()] == [
        ("LOC2", 1, False),
        ("LOC3", 0, True),
        ("LOC4", 0, True),
    ]
    partner.network.before_send = lambda request: None
    ocpi_clock.advance(5)
    assert ocpi.outbox.flush() == 3
    assert sorted(document["id"] for document in partner.copies("locations")) == [f"LOC{n}" for n in range(5)]


def test_slow_partner_is_sent_no_more_of_a_batch_than_a_second_allows(ocpi, partner, monkeypatch):
    known_to_be_quick(ocpi, partner)
    ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(5)]})
    monkeypatch.setattr(deliveries, "_LONGEST", 0.0)
    ocpi.dispatcher.deliveries.spread([EVERYBODY])

    found = ocpi.dispatcher.deliveries.deliver_some(partner.id)

    assert (found.delivered, found.may_have_more) == (1, True)
    assert len(partner.entries()) == 4


@EVERY_STORAGE
def test_object_that_changes_while_its_batch_is_sent_is_sent_again(ocpi, partner):
    known_to_be_quick(ocpi, partner)
    ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(3)]})

    def change(request):
        if request.url.endswith("LOC0"):
            partner.network.before_send = lambda request: None
            ocpi.save("locations", location(id="LOC2", name="Newer"))

    partner.network.before_send = change

    while ocpi.outbox.flush():
        pass

    assert partner.has_all("locations")
    assert partner.entries() == []


@EVERY_STORAGE
def test_entry_that_another_worker_took_when_its_lease_was_over_is_left_to_that_one(ocpi, partner, ocpi_clock):
    ocpi.save("locations", location())
    entries.spread(ocpi.services)
    (late,) = entries.take(ocpi.services, partner.id, seconds=10, most=5)
    ocpi_clock.advance(11)
    (taken,) = entries.take(ocpi.services, partner.id, seconds=10, most=5)

    assert not entries.settle(ocpi.services, [late])
    assert not entries.settle(ocpi.services, [], [late])

    (entry,) = partner.entries()
    assert (entry.due, entry.revision) == (taken.due, taken.revision)
    entries.settle(ocpi.services, [taken])
    assert partner.entries() == []
