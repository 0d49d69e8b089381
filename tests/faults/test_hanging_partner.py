"""A partner that accepts every request and never answers costs the others nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from flask_ocpi.outbox import entries
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.faults.networks import by_id
from tests.faults.sockets import PATIENCE
from tests.faults.sockets import Neighbours

LOCATIONS, ROUNDS = 10, 3


@pytest.fixture
def neighbours():
    with ExitStack() as stack:
        neighbours = Neighbours(stack, 10, config={"OCPI_PUSH_CONCURRENCY": 3})
        stack.callback(lambda: neighbours.cpo.dispatcher.stop(PATIENCE))
        stack.callback(lambda: neighbours.line.close())  # ends what hangs
        yield neighbours


def eventually(holds, what):
    ends = time.monotonic() + PATIENCE / 2
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


def has_all(provider, cpo):
    ours, theirs = cpo.objects.documents("locations"), provider.objects.documents("locations", copies=True)
    return by_id(theirs) == by_id(ours)


def pushes(line):
    """Return the objects that the partner holds; its endpoints may be fetched beside them."""
    return [data for data in line.held if data.startswith(b"PUT")]


def waiting(cpo):
    return {p.id: len(list(entries.of_platform(cpo.services, p.id))) for p in cpo.partners.list()}


def test_nine_partners_have_everything_while_the_tenth_still_holds_its_first_requests(neighbours):
    cpo, line = neighbours.cpo, neighbours.line
    *nine, _ = neighbours.providers
    line.hang()
    for number in range(LOCATIONS):
        cpo.save("locations", location(id=f"LOC{number}", evses=[evse(uid="E1")]))
    eventually(lambda: pushes(line), "the tenth was called")
    for number in range(LOCATIONS * ROUNDS):
        status = "CHARGING" if number // LOCATIONS % 2 else "BLOCKED"
        cpo.patch("locations", f"LOC{number % LOCATIONS}", "E1", changes={"status": status})

    eventually(lambda: all(has_all(provider, cpo) for provider in nine), "nine have everything")
    eventually(lambda: sum(waiting(cpo).values()) == LOCATIONS, "nothing waits for the nine")

    # Its requests are still open: nothing of it ended, so nobody waited for it.
    assert 1 <= len(pushes(line)) <= 3, "as many as it may be sent at a time"
    assert all(data.startswith((b"PUT /ocpi/", b"GET /ocpi/versions")) for data in line.held)
    assert waiting(cpo)["e09"] == LOCATIONS
