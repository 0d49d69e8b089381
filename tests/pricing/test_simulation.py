"""Generated tariffs and sessions: against a slow simulation, against themselves in other periods, and their sums."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import price
from tests.pricing.simulation import document_of
from tests.pricing.simulation import generate
from tests.pricing.simulation import has_expired
from tests.pricing.simulation import seconds_of
from tests.pricing.simulation import simulate
from tests.pricing.simulation import split

CASES = 5000
BATCHES = 20
#: Which total each dimension of the simulation belongs to; FLAT may be the fixed cost or the parking cost.
TOTALS = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking", "RESERVATION_TIME": "reservation"}
# The volumes are fractions, and none of them was rounded.
POLICY = Policy(parking_flat="fixed", rounded_hours="exact")


def sides(amount):
    return [amount.excl_vat, amount.incl_vat]


def added(*costs):
    return [sum((cost[side] for cost in costs), Fraction(0)) for side in (0, 1)]


def expected_totals(costs):
    nothing = [Fraction(0), Fraction(0)]
    totals = {name: costs.get(dimension, nothing) for dimension, name in TOTALS.items()}
    totals["reservation"] = added(totals["reservation"], costs.get("RESERVED", nothing))
    totals["fixed"] = costs.get("FLAT", nothing)
    return totals


def bounded(cost, tariff, *, expired):
    low, high = tariff.get("min_price"), tariff.get("max_price")
    result = []
    for side, amount in zip(("excl_vat", "incl_vat"), cost, strict=True):
        bound = max(amount, low[side]) if low and not expired else amount
        result.append(min(bound, high[side]) if high else bound)
    return result


@pytest.mark.parametrize("batch", range(BATCHES))
def test_generated_session_costs_what_the_simulation_says(batch):
    for number in range(batch, CASES, BATCHES):
        random = Random(number)
        tariff, phases, start, zone = generate(random)
        document = document_of(phases, start)

        report = price(document, [tariff], time_zone=zone, policy=POLICY)

        seconds = seconds_of(phases)
        totals = expected_totals(simulate(tariff, seconds, start, zone))
        for name, cost in totals.items():
            assert sides(getattr(report, f"total_{name}_cost")) == cost, (number, name)
        everything = added(*totals.values())
        expired = has_expired(seconds)
        assert sides(report.cost_before_limits) == everything, number
        assert sides(report.total_cost) == bounded(everything, tariff, expired=expired), number
        assert added(*(sides(period.cost) for period in report.periods)) == everything, number
        assert added(*(sides(segment.cost) for segment in report.segments)) == everything, number

        parted = price(document_of(split(random, phases), start), [tariff], time_zone=zone, policy=POLICY)

        for name in ("total_cost", *(f"total_{name}_cost" for name in totals)):
            assert getattr(parted, name) == getattr(report, name), (number, name)
        assert parted.billed == report.billed, number
