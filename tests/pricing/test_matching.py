"""Which element prices what: the look-up for each dimension, restrictions at a moment, and fees."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import price
from flask_ocpi.pricing import quote
from tests.pricing.cases import cdr
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import ids
from tests.pricing.cases import lines
from tests.pricing.cases import parking
from tests.pricing.cases import period
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T08:00:00+00:00"  # a Monday


def test_first_element_is_looked_up_for_each_dimension_by_itself():
    data = tariff(
        element(time(9), min_kwh=100),
        element(energy(1)),
        element(energy(2), time(3)),
        element(parking(4)),
    )
    document = used(START, (60, {"ENERGY": 10, "TIME": True}), (60, {"PARKING_TIME": True}))

    report = price(document, [data])

    assert lines(report) == [("ENERGY", 1, 10), ("TIME", 2, 1), ("PARKING_TIME", 3, 1)]
    assert report.total_cost.excl_vat == 10 + 3 + 4


def test_dimension_that_no_element_prices_is_free():
    report = price(used(START, (60, {"ENERGY": 10, "TIME": True})), [tariff(element(energy(1)))])

    assert report.total_time_cost.excl_vat == 0
    assert report.billed["TIME"].billed == 0
    assert ids(report) == []


@pytest.mark.parametrize(
    ("restrictions", "cost"),
    [
        ({"min_kwh": 5}, 5 + 10),
        ({"max_kwh": 5}, 10 + 5),
        ({"min_duration": 1800}, 5 + 10),
        ({"max_duration": 1800}, 10 + 5),
        ({"start_time": "08:30"}, 5 + 10),
        ({"end_time": "08:30"}, 10 + 5),
        ({"min_kwh": 0}, 20),
        ({"min_kwh": 10}, 10),
        ({"max_kwh": 0}, 10),
        ({"start_time": "08:00", "end_time": "09:00"}, 20),
        ({"start_time": "09:00"}, 10),
        ({"end_time": "08:00"}, 10),
        ({"day_of_week": ["TUESDAY"]}, 10),
        ({"start_date": "2026-05-04"}, 20),
        ({"end_date": "2026-05-04"}, 10),
        ({"start_date": "2026-05-05"}, 10),
        ({"end_date": "2026-05-05"}, 20),
        ({"min_kwh": 2, "max_kwh": 4, "min_duration": 900, "end_time": "08:21"}, 9 + 2),
    ],
)
def test_limit_within_a_period_cuts_it_lower_inclusive_upper_exclusive(restrictions, cost):
    data = tariff(element(energy(2), **restrictions), element(energy(1)))

    report = price(used(START, (60, {"ENERGY": 10})), [data], time_zone="UTC")

    assert report.total_cost.excl_vat == Fraction(str(cost))
    assert ("period_spans_price_change" in ids(report)) == (cost not in {10, 20})


def test_periods_that_start_at_each_price_change_need_no_cut():
    data = tariff(element(energy(2), start_time="08:30"), element(energy(1)))

    report = price(used(START, (30, {"ENERGY": 4}), (30, {"ENERGY": 6})), [data], time_zone="UTC")

    assert report.total_cost.excl_vat == 4 + 12
    assert ids(report) == []


def test_only_the_dimension_whose_price_changes_is_cut():
    data = tariff(element(energy(2), start_time="08:30"), element(energy(1), time(6)))

    report = price(used(START, (60, {"ENERGY": 4, "TIME": True})), [data], time_zone="UTC")

    assert lines(report) == [("ENERGY", 1, 2), ("ENERGY", 0, 2), ("TIME", 1, 1)]


def test_duration_counts_from_the_start_with_parking_in_it():
    data = tariff(element(energy(2), min_duration=5400), element(energy(1)))
    document = used(START, (60, {"PARKING_TIME": True}), (60, {"ENERGY": 10}))

    assert price(document, [data]).total_cost.excl_vat == 5 + 10


@pytest.mark.parametrize(("limits", "cost"), [({"min_kwh": 10}, 6), ({"max_kwh": 10}, 0), ({"max_kwh": "10.001"}, 6)])
def test_parking_after_exactly_as_many_kwh_as_the_limit(limits, cost):
    data = tariff(element(parking(6), **limits))

    assert price(used(START, (60, {"ENERGY": 10}), (60, {"PARKING_TIME": True})), [data]).total_cost.excl_vat == cost


@pytest.mark.parametrize(("limits", "cost"), [({"min_duration": 3600}, 1), ({"max_duration": 3600}, 0)])
def test_period_without_length_after_exactly_as_long_as_the_limit(limits, cost):
    document = used(START, (60, {"TIME": True}), (0, {"ENERGY": 1}))

    assert price(document, [tariff(element(energy(1), **limits))]).total_cost.excl_vat == cost


def test_kwh_that_flow_back_pass_a_limit_in_the_other_direction():
    data = tariff(element(energy(2), min_kwh=5), element(energy(1)))
    document = used(START, (60, {"ENERGY": 10}), (60, {"ENERGY": -10}))

    report = price(document, [data])

    assert [each.cost.excl_vat for each in report.segments] == [5, 10, -10, -5]
    assert "negative_volume" in ids(report)


@pytest.mark.parametrize(
    ("restrictions", "stated", "matches"),
    [
        ({"min_power": 16}, {"MIN_POWER": 16}, True),
        ({"min_power": 16}, {"MIN_POWER": 15.9}, False),
        ({"min_power": 16}, {"MAX_POWER": 50}, False),
        ({"max_power": 16}, {"MAX_POWER": 15.9}, True),
        ({"max_power": 16}, {"MAX_POWER": 16}, False),
        ({"max_power": 16}, {"MIN_POWER": 3}, False),
        ({"min_current": 32}, {"MIN_CURRENT": 96}, True),
        ({"min_current": 32}, {}, False),
        ({"max_current": 32}, {"MAX_CURRENT": 31}, True),
        ({"max_current": 32}, {}, False),
        ({"min_current": 10, "max_current": 32}, {"MIN_CURRENT": 10, "MAX_CURRENT": 20}, True),
        ({"min_current": 10, "max_current": 32}, {"MIN_CURRENT": 10, "MAX_CURRENT": 40}, False),
        ({"min_power": 16}, {"POWER": 20}, False),
    ],
)
def test_current_and_power_compare_with_what_the_period_states(restrictions, stated, matches):
    data = tariff(element(energy(2), **restrictions), element(energy(1)))

    report = price(used(START, (60, {"ENERGY": 10, **stated})), [data])

    assert report.total_cost.excl_vat == (20 if matches else 10)


def test_element_with_empty_restrictions_always_applies():
    data = tariff({"price_components": [energy(2)], "restrictions": {}})

    assert price(used(START, (60, {"ENERGY": 10})), [data]).total_cost.excl_vat == 20


def test_fee_is_due_once_the_first_that_matches():
    data = tariff(
        element(flat(7), start_time="20:00"),
        element(flat(1), energy(1)),
        element(flat(3)),
        element(flat(4), min_duration=60),
    )
    document = used(START, (60, {"ENERGY": 10}), (60, {"ENERGY": 10}), (60, {"PARKING_TIME": True}))

    report = price(document, [data], time_zone="UTC")

    assert report.total_fixed_cost.excl_vat == 1
    assert [each.start_date_time.hour for each in report.segments if each.dimension == "FLAT"] == [8]


def test_fee_is_due_for_a_session_that_only_parked():
    report = price(used(START, (60, {"PARKING_TIME": True})), [tariff(element(flat(1), energy(1)))])

    assert report.total_fixed_cost.excl_vat == 1
    assert report.total_cost.excl_vat == 1


def test_fee_is_due_for_a_session_that_ended_at_once():
    document = cdr(period("2026-05-04T08:00:00Z", ENERGY=0), end="2026-05-04T08:00:00Z")

    assert price(document, [tariff(element(flat(1)))]).total_cost.excl_vat == 1


def test_second_component_of_a_dimension_in_an_element_is_passed_over():
    report = price(used(START, (60, {"ENERGY": 10})), [tariff(element(energy(1), energy(5)))])

    assert report.total_cost.excl_vat == 10


def test_periods_may_have_different_tariffs():
    first, second = tariff(element(energy(1)), id="A"), tariff(element(flat(9), energy(2)), id="B")
    document = cdr(
        period("2026-05-04T08:00:00Z", tariff_id="a", ENERGY=10),
        period("2026-05-04T09:00:00Z", tariff_id="B", ENERGY=10),
        end="2026-05-04T10:00:00Z",
        tariffs=[first, second],
    )

    report = price(document, None)

    assert report.total_energy_cost.excl_vat == 10 + 20
    assert [each.tariff_id for each in report.segments] == ["A", "B", "B"]


def test_tariffs_that_are_given_are_used_instead_of_those_in_the_document():
    document = used(START, (60, {"ENERGY": 10}), tariffs=[tariff(element(energy(1)))])

    assert price(document).total_cost.excl_vat == 10
    assert price(document, tariff(element(energy(2)))).total_cost.excl_vat == 20


def test_segment_says_why_it_applies_and_why_those_before_it_do_not():
    data = tariff(
        element(energy(3), min_power=50),
        element(energy(2), start_time="23:00", end_time="07:00"),
        element(time(1), energy(1), day_of_week=["MONDAY"], max_kwh=50),
    )

    report = quote(data, start=START, phases=[Charging(minutes=60, kwh=20)], time_zone="Europe/Amsterdam")

    segment = next(report.segments)
    assert segment.element == 2
    assert segment.component.price == 1
    assert segment.because == (
        "elements[2] applies on Monday and below 50 kWh (it is Monday 2026-05-04 10:00, 0 kWh so far); "
        "elements[0] only from 50 kW (MIN 20 kW and MAX 20 kW); "
        "elements[1] only from 23:00 to 07:00 (it is Monday 2026-05-04 10:00)."
    )


def test_segment_without_a_price_says_that_nothing_matches():
    data = tariff(element(parking(1), min_duration=7200, max_current=3), element(energy(1), start_date="2027-01-01"))

    report = quote(
        data, start=START, phases=[Charging(minutes=60, kwh=20), Parking(minutes=15)], time_zone="Europe/Amsterdam"
    )

    reasons = [each.because for each in report.segments]
    assert reasons == [
        "no element applies; elements[1] only from 2027-01-01 (it is Monday 2026-05-04 10:00).",
        "the tariff does not price this.",
        "no element applies; elements[0] only from 7200 s (3600 s since the start).",
    ]
