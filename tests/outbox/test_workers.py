"""Several workers on one storage: each entry is one worker's, and those of a killed worker become another's."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_ocpi.outbox import entries
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE
from tests.outbox.test_batches import known_to_be_quick
from tests.outbox.test_pushing import Partner

WORKERS = 4
CHANGES = 60


class Killed(BaseException):
    """Ends a worker as SIGKILL does: it settles nothing."""


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none"}


@pytest.fixture
def partner(ocpi, ocpi_network):
    found = Partner(ocpi_network, ocpi)
    ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(CHANGES)]})
    return found


@EVERY_STORAGE
def test_workers_that_take_at_once_never_take_the_same_entry(ocpi, partner):
    entries.spread(ocpi.services)

    def work(_):
        taken = []
        with ocpi.app.app_context():
            while found := entries.take(ocpi.services, partner.id, seconds=60, most=3):
                taken += [entry.ids[0] for entry in found]
        return taken

    with ThreadPoolExecutor(WORKERS) as threads:
        taken = [id for found in threads.map(work, range(WORKERS)) for id in found]

    assert sorted(taken) == sorted(f"LOC{number}" for number in range(CHANGES))


@EVERY_STORAGE
def test_workers_that_spread_at_once_make_each_change_one_entry(ocpi, partner):
    def work(_):
        with ocpi.app.app_context():
            return entries.spread(ocpi.services)

    with ThreadPoolExecutor(WORKERS) as threads:
        spread_to = list(threads.map(work, range(WORKERS)))

    assert {partner.id} in spread_to
    assert len(partner.entries()) == CHANGES
    assert ocpi.storage.list(entries.OutboxEntry.KIND, entries._CHANGES).total == 0


@EVERY_STORAGE
def test_batch_of_a_killed_worker_is_sent_by_another_when_its_lease_ends_and_at_most_once_more_each(
    ocpi, partner, ocpi_clock
):
    known_to_be_quick(ocpi, partner)
    deliveries, sent = ocpi.dispatcher.deliveries, Counter()
    deliveries.spread([entries.EVERYBODY])

    def note(request):
        sent[request.url.rsplit("/", 1)[1]] += 1
        if len(sent) == CHANGES // 2 and sent.total() == len(sent):
            raise Killed

    partner.network.before_send = note
    with pytest.raises(Killed):
        deliveries.deliver(partner.id)

    ocpi_clock.advance(deliveries.lease - 1)
    assert deliveries.deliver(partner.id) == 0, "what the killed worker took is nobody else's yet"
    ocpi_clock.advance(2)
    assert deliveries.deliver(partner.id) == CHANGES

    assert Counter(sent.values()) == {2: CHANGES // 2, 1: CHANGES // 2}
    assert partner.has_all("locations")
    assert partner.entries() == []
