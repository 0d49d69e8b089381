"""Reservations: priced by elements for them alone, used or expired."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import ids
from tests.pricing.cases import lines
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T08:00:00+00:00"
RESERVED = (30, {"RESERVATION_TIME": True})
CHARGED = (60, {"TIME": True, "ENERGY": 10})


def test_reservation_is_priced_by_its_elements_and_charging_by_the_others():
    data = tariff(
        element(time(4), energy(9), reservation="RESERVATION"),
        element(time(2), energy(1)),
    )

    report = price(used(START, RESERVED, CHARGED), [data])

    assert lines(report) == [("RESERVATION_TIME", 0, Fraction(1, 2)), ("ENERGY", 1, 10), ("TIME", 1, 1)]
    assert report.total_reservation_cost.excl_vat == 2
    assert report.total_time_cost.excl_vat == 2
    assert report.total_time == 1


def test_fees_of_a_reservation_are_no_fixed_cost():
    data = tariff(element(flat(3), reservation="RESERVATION"), element(flat(1)))

    report = price(used(START, RESERVED, CHARGED), [data])

    assert report.total_reservation_cost.excl_vat == 3
    assert report.total_fixed_cost.excl_vat == 1


def test_expired_reservation_pays_no_fee_for_charging():
    report = price(used(START, RESERVED), [tariff(element(flat(1), energy(1)))])

    assert report.total_cost.excl_vat == 0
    assert report.total_time == 0


@pytest.mark.parametrize("turned", [False, True], ids=["expiry first", "expiry last"])
def test_time_of_an_expired_reservation_is_priced_as_expired_whatever_the_order(turned):
    elements = [element(time(6), reservation="RESERVATION_EXPIRES"), element(time(3), reservation="RESERVATION")]
    data = tariff(*(reversed(elements) if turned else elements))

    assert price(used(START, RESERVED), [data]).total_cost.excl_vat == 3
    assert price(used(START, RESERVED, CHARGED), [data]).total_cost.excl_vat == Fraction(3, 2)


def test_reservation_applies_to_an_expired_one_and_dimensions_add_up():
    data = tariff(element(flat(4), reservation="RESERVATION_EXPIRES"), element(time(2), reservation="RESERVATION"))

    assert price(used(START, RESERVED), [data]).total_cost.excl_vat == 5
    assert price(used(START, RESERVED, CHARGED), [data]).total_cost.excl_vat == 1


def test_reservation_that_is_followed_by_parking_has_not_expired():
    data = tariff(element(flat(4), reservation="RESERVATION_EXPIRES"))

    assert price(used(START, RESERVED, (10, {"PARKING_TIME": True})), [data]).total_cost.excl_vat == 0


def test_reservation_that_still_runs_has_not_expired():
    data = tariff(element(flat(4), reservation="RESERVATION_EXPIRES"), element(time(2), reservation="RESERVATION"))
    session = used(START, RESERVED) | {"status": "RESERVATION", "kwh": 0, "last_updated": "2026-05-04T08:30:00Z"}
    session["end_date_time"] = None

    report = price(session, [data])

    assert report.total_cost.excl_vat == 1
    assert "elements[0] is for RESERVATION_EXPIRES, and this one was used or still runs" not in report.explain()


def test_restrictions_of_a_reservation_hold_at_the_clock():
    data = tariff(element(time(2), reservation="RESERVATION", start_time="08:15"))

    assert price(used(START, RESERVED), [data], time_zone="UTC").total_cost.excl_vat == Fraction(1, 2)


def test_durations_count_from_charging_not_from_the_reservation():
    data = tariff(element(energy(2), min_duration=1800), element(energy(1)))

    assert price(used(START, RESERVED, CHARGED), [data]).total_cost.excl_vat == 5 + 10


def test_period_with_reservation_and_use_is_parted():
    data = tariff(
        element(time(4), reservation="RESERVATION"), element(energy(2), min_duration=1800), element(energy(1))
    )
    document = used(START, (90, {"RESERVATION_TIME": "0.5", "TIME": 1, "ENERGY": 10}))

    report = price(document, [data])

    assert report.total_reservation_cost.excl_vat == 2
    assert report.total_energy_cost.excl_vat == 5 + 10
    assert "period_mixes_reservation" in ids(report)
    assert [each.index for each in report.periods] == [0]
    assert report.periods[0].volumes == {"RESERVATION_TIME": Fraction(1, 2), "TIME": 1, "ENERGY": 10}
    assert report.periods[0].end_date_time.minute == 30


def test_reservation_time_is_rounded_by_itself():
    data = tariff(element(time(1, step=3600), reservation="RESERVATION"), element(time(1, step=7200)))

    report = price(used(START, RESERVED, CHARGED), [data])

    assert lines(report) == [("RESERVATION_TIME", 0, 1), ("TIME", 1, 2)]
