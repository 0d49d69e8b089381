"""step_size: once for energy, once for reservations, and once for the time that comes last and is priced."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import lines
from tests.pricing.cases import options
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T08:00:00+00:00"


def billed(report, dimension):
    return [each.billed for each in report.segments if each.dimension == dimension and each.component]


@pytest.mark.parametrize(
    ("volume", "step", "expected"),
    [
        ("4.3", 500, "4.5"),
        ("4.5", 500, "4.5"),
        ("4.5001", 500, "5"),
        ("4.3", 1, "4.3"),
        ("4.3001", 1, "4.301"),
        ("4.3", 0, "4.3"),
        ("0", 500, None),
        ("-4.3", 500, "-4.3"),
    ],
)
def test_energy_is_rounded_up_to_a_multiple(volume, step, expected):
    report = price(used(START, (60, {"ENERGY": volume})), [tariff(element(energy(1, step=step)))])

    assert billed(report, "ENERGY") == ([] if expected is None else [Fraction(expected)])


def test_total_of_a_session_is_rounded_by_the_component_used_last():
    data = tariff(element(energy(1, vat=10, step=5000), end_time="09:00"), element(energy(2, vat=20, step=1000)))
    document = used(START, (60, {"ENERGY": "4.3"}), (60, {"ENERGY": "1.4"}))

    report = price(document, [data], time_zone="UTC")

    assert billed(report, "ENERGY") == [Fraction("4.3"), Fraction("1.7")]
    assert report.billed["ENERGY"].volume == Fraction("5.7")
    assert report.billed["ENERGY"].billed == 6
    assert report.total_cost.incl_vat == Fraction("4.3") * Fraction("1.1") + Fraction("3.4") * Fraction("1.2")


def test_charging_before_priced_parking_is_not_rounded():
    data = tariff(element(time(1, step=3600), parking(1, step=3600)))

    report = price(used(START, (21, {"TIME": True}), (16, {"PARKING_TIME": True})), [data])

    assert lines(report) == [("TIME", 0, Fraction(21, 60)), ("PARKING_TIME", 0, 1)]


def test_charging_before_parking_without_a_price_is_rounded():
    data = tariff(element(time(1, step=3600)))

    report = price(used(START, (21, {"TIME": True}), (16, {"PARKING_TIME": True})), [data])

    assert lines(report) == [("TIME", 0, 1)]


def test_parking_before_charging_is_not_rounded():
    data = tariff(element(time(1, step=3600), parking(1, step=3600)))

    report = price(used(START, (16, {"PARKING_TIME": True}), (21, {"TIME": True})), [data])

    assert lines(report) == [("PARKING_TIME", 0, Fraction(16, 60)), ("TIME", 0, 1)]


def test_time_between_parking_is_summed_over_the_session():
    data = tariff(element(time(1, step=900), parking(1, step=900)))
    document = used(START, (10, {"TIME": True}), (5, {"PARKING_TIME": True}), (10, {"TIME": True}))

    report = price(document, [data])

    assert billed(report, "TIME") == [Fraction(10, 60), Fraction(20, 60)]
    assert billed(report, "PARKING_TIME") == [Fraction(5, 60)]


def test_parking_is_last_where_a_period_reports_both():
    data = tariff(element(time(1, step=900), parking(1, step=900)))

    report = price(used(START, (12, {"TIME": Fraction(10, 60), "PARKING_TIME": Fraction(2, 60)})), [data])

    assert lines(report) == [("TIME", 0, Fraction(10, 60)), ("PARKING_TIME", 0, Fraction(15, 60))]


def test_seven_tenths_of_an_hour_are_an_exact_number_of_steps():
    # In binary 0.7 * 3600 is more than 2520.
    report = price(used(START, (42, {"PARKING_TIME": 0.7})), [tariff(element(parking(1, step=2520)))])

    assert lines(report) == [("PARKING_TIME", 0, Fraction(7, 10))]


@pytest.mark.parametrize(
    ("hours", "step", "expected"),
    [
        ("0.1667", 600, "0.1667"),  # 600.12 s: ten minutes, written with four decimals
        ("0.1666", 600, Fraction(1, 6)),
        ("0.1668", 600, Fraction(2, 6)),
        ("0.16666666666666669", 600, "0.16666666666666669"),  # ten minutes as a binary float
        ("0.0001", 600, Fraction(1, 6)),
        (Fraction(60001, 360000), 600, Fraction(2, 6)),  # no decimal, so it was not rounded
    ],
)
def test_fourth_decimal_of_an_hour_does_not_begin_another_step(hours, step, expected):
    report = price(used(START, (10, {"TIME": hours})), [tariff(element(time(1, step=step)))])

    assert billed(report, "TIME") == [Fraction(expected)]
    assert ("rounded_hours" in options(report)) == (str(hours) in {"0.1667", "0.16666666666666669"})
