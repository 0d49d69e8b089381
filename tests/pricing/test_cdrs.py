"""CDRs that are made of sessions: generated ones cost what the engine makes of the session, and pass an audit."""

from __future__ import annotations

from random import Random

import pytest

from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import audit
from flask_ocpi.pricing import build_cdr
from flask_ocpi.testing import documents
from tests.pricing.cdrs import LOCATION
from tests.pricing.cdrs import TARIFF
from tests.pricing.cdrs import session
from tests.pricing.simulation import document_of
from tests.pricing.simulation import generate

WRONG = {"not_priced", "total_cost_differs", "part_of_cost_differs", "energy_differs", "time_differs"}


def test_generated_sessions_make_cdrs_that_are_right():
    for number in range(300):
        tariff, phases, start, zone = generate(Random(number))
        document = document_of(phases, start)
        location = {**LOCATION, "time_zone": str(zone)}
        own = session(**{name: document[name] for name in ("start_date_time", "end_date_time", "charging_periods")})

        cdr = build_cdr(own, location, tariff, last_updated=own["end_date_time"])
        found = {finding.id for finding in audit(cdr, time_zone=str(zone)).findings}

        assert not found & WRONG, number


def test_built_cdr_has_numbers_that_are_exact():
    cdr = build_cdr(session(charging_periods=[]), LOCATION, TARIFF)

    assert str(cdr["total_cost"]["excl_vat"]) == "1.75"
    assert str(cdr["total_time"]) == "1"


@pytest.mark.parametrize("name", ["evse_uid", "connector_id"])
def test_what_is_not_in_the_location_is_an_error(name):
    with pytest.raises(PricingError, match=f"{name} names 'X', which is not in the location"):
        build_cdr(session(**{name: "X"}), LOCATION, TARIFF)


def test_time_zone_need_not_be_known():
    location = documents.location(evses=[documents.evse()])
    del location["time_zone"]

    assert build_cdr(session(charging_periods=[]), location, TARIFF)["total_energy"] == 7
