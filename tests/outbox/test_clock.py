"""A clock that was ahead, and is put back, holds nothing up."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import deliveries
from flask_ocpi.outbox.celery import take_lane
from flask_ocpi.outbox.circuits import circuit_of
from flask_ocpi.outbox.entries import PARKED
from flask_ocpi.outbox.entries import of_platform
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE
from tests.outbox.test_pushing import Partner
from tests.outbox.test_pushing import refuse_with

DAYS = 30 * 86_400


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none"}


@pytest.fixture
def partner(ocpi_network, ocpi):
    return Partner(ocpi_network, ocpi)


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch):
    monkeypatch.setattr(deliveries, "_CLOCK_SECONDS", 0.0)


@EVERY_STORAGE
@pytest.mark.parametrize("ahead", [1000, 86_400, DAYS])
def test_entries_that_were_made_by_a_clock_ahead_are_sent_when_it_is_put_back(ocpi, partner, ocpi_clock, ahead):
    ocpi_clock.advance(ahead)
    ocpi.save("locations", location())
    ocpi_clock.advance(-ahead)

    assert ocpi.outbox.flush() == 1
    assert partner.has_all("locations")


def test_entries_that_were_taken_by_a_clock_ahead_are_sent_when_it_is_put_back(ocpi, partner, ocpi_clock):
    partner.failing = UnreachableError("down")
    ocpi_clock.advance(DAYS)
    ocpi.save("locations", location())
    ocpi.outbox.flush()
    partner.failing = None
    ocpi_clock.advance(-DAYS)

    ocpi.outbox.flush()
    ocpi_clock.advance(400)
    ocpi.outbox.flush()

    assert partner.has_all("locations")
    assert circuit_of(ocpi.services, partner.id) is None


def test_a_pause_that_a_platform_asked_for_is_none_of_a_clock(ocpi, partner, ocpi_network, ocpi_clock):
    refuse_with(ocpi_network, 2000, 503, {"Retry-After": "3500"})
    ocpi.save("locations", location())
    ocpi.outbox.flush()
    ocpi_network.after_send = lambda request, response: response
    partner.network.requests.clear()
    ocpi_clock.advance(3_400)

    assert ocpi.outbox.flush() == 0
    assert partner.sent == []


def test_a_refused_object_stays_parked(ocpi, partner, ocpi_network, ocpi_clock):
    refuse_with(ocpi_network, 2001, 200)
    ocpi.save("locations", location())
    ocpi.outbox.flush()
    ocpi_clock.advance(-DAYS)

    ocpi.outbox.flush()

    assert [entry.due for entry in of_platform(ocpi.services, partner.id)] == [PARKED]


def test_a_lane_that_was_taken_by_a_clock_ahead_is_free_when_it_is_put_back(ocpi, partner, ocpi_clock):
    ocpi_clock.advance(DAYS)
    for _ in range(ocpi.services.settings.push_concurrency):
        assert take_lane(ocpi.services, partner.id, seconds=60) is not None
    assert take_lane(ocpi.services, partner.id, seconds=60) is None
    ocpi_clock.advance(-DAYS)

    assert take_lane(ocpi.services, partner.id, seconds=60) is not None
