"""A partner that is down for an hour: afterwards it gets the state, not the history."""

from __future__ import annotations

import itertools

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.faults.networks import Pair

CHANGES = 10_000
HOUR = 3600.0
# One message tries at a time, after pauses that double up to OCPI_PUSH_MAX_BACKOFF, of which jitter takes half away.
MOST_ATTEMPTS = 2 * HOUR / 300 + 20


@pytest.mark.parametrize(("locations", "evses"), [(200, 1), (20, 10)], ids=["200 locations", "20 locations"])
def test_ten_thousand_changes_to_200_evses_in_an_hour_are_at_most_200_messages_afterwards(locations, evses):
    pair = Pair()
    names = [(f"LOC{place}", f"E{place}-{number}") for place in range(locations) for number in range(evses)]
    for id, of_location in itertools.groupby(names, key=lambda name: name[0]):
        pair.cpo.save("locations", location(id=id, evses=[evse(uid=uid) for _, uid in of_location]))
    pair.assert_equal()
    pair.network.requests.clear()
    down = UnreachableError("The partner is down.")

    def refuse(request):
        raise down

    pair.network.before_send = refuse
    statuses = itertools.cycle(["CHARGING", "AVAILABLE", "OUTOFORDER"])
    for number in range(CHANGES):
        pair.clock.advance(HOUR / CHANGES)
        pair.cpo.patch("locations", *names[number % len(names)], changes={"status": next(statuses)})
        if number % 100 == 0:
            pair.cpo.outbox.flush()
    attempts, waiting = len(pair.network.requests), len(pair.waiting())
    pair.network.requests.clear()
    pair.network.before_send = lambda request: None
    pair.settle()

    assert 5 < attempts < MOST_ATTEMPTS
    assert waiting == locations
    assert len(pair.network.requests) == locations, "one message for each location, however often it changed"
    pair.assert_equal()
