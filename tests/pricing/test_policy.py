"""Readings: each option has a default, a sentence, a page, and here what it changes."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from flask_ocpi.pricing import READINGS
from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import options
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T22:00:00+00:00"  # a Monday
HOUR = used(START, (60, {"ENERGY": 10, "TIME": True}))
PAGE = Path(__file__).parents[2] / "docs" / "pricing-readings.md"

# option: tariffs, document, and for each choice the price without VAT, then that with VAT if it is what differs
CASES = {
    "lookup": (
        [tariff(element(flat(1)), element(energy(1)))],
        HOUR,
        {"dimension": 11, "element": 1},
    ),
    "period_without_tariff": (
        [tariff(element(energy(1)))],
        used(START, (60, {"ENERGY": 10}), tariff_id=None),
        {"only_tariff": 10, "free": 0},
    ),
    "equal_times": (
        [tariff(element(energy(1), start_time="08:00", end_time="08:00"))],
        HOUR,
        {"all_day": 10, "never": 0},
    ),
    "wrapped_day": (
        [tariff(element(energy(1), start_time="21:00", end_time="06:00", day_of_week=["MONDAY"]))],
        used(START, (240, {"ENERGY": 40})),
        {"moment": 20, "start": 40},
    ),
    "flat": (
        [tariff(element(flat(1), min_duration=1800), element(energy(1)))],
        HOUR,
        {"first_match": 11, "start": 10},
    ),
    "expired_flat": (
        [tariff(element(flat(2), reservation="RESERVATION"), element(flat(4), reservation="RESERVATION_EXPIRES"))],
        used(START, (60, {"RESERVATION_TIME": True})),
        {"first": 2, "expires": 4, "both": 6},
    ),
    "expired_min_price": (
        [tariff(element(flat(2), reservation="RESERVATION"), min_price={"excl_vat": 5})],
        used(START, (60, {"RESERVATION_TIME": True})),
        {"ignore": 2, "apply": 5},
    ),
    "limits_of": (
        [
            tariff(element(energy(1)), max_price={"excl_vat": 12}),
            tariff(element(energy(1)), id="U", max_price={"excl_vat": 15}),
        ],
        {
            **used(START, (60, {"ENERGY": 10}), (60, {"ENERGY": 10})),
            "charging_periods": [
                *used(START, (60, {"ENERGY": 10}))["charging_periods"],
                *used("2026-05-04T23:00:00+00:00", (60, {"ENERGY": 10}), tariff_id="U")["charging_periods"],
            ],
        },
        {"first": 12, "last": 15},
    ),
    "negative_energy": (
        [tariff(element(energy(1)))],
        used(START, (60, {"ENERGY": 10}), (60, {"ENERGY": -4})),
        {"as_is": 6, "free": 10},
    ),
    "free_steps": (
        [tariff(element(time(6, step=3600), parking(0, step=3600)))],
        used(START, (30, {"TIME": True}), (30, {"PARKING_TIME": True})),
        {"count": 3, "skip": 6},
    ),
    "rounded_hours": (
        [tariff(element(time(6, step=600)))],
        used(START, (10, {"TIME": 0.1667})),
        {"forgive": Fraction("1.0002"), "exact": 2},
    ),
    "rounding": (
        [tariff(element(energy("0.3333")))],
        used(START, (60, {"ENERGY": 1}), (60, {"ENERGY": 1})),
        {
            "none": Fraction("0.6666"),
            "component": Fraction("0.67"),
            "period": Fraction("0.66"),
            "total": Fraction("0.67"),
        },
    ),
}


@pytest.mark.parametrize(
    ("option", "choice", "cost"),
    [(option, choice, cost) for option, (_, _, costs) in CASES.items() for choice, cost in costs.items()],
)
def test_choice_decides_the_price_and_the_report_says_so(option, choice, cost):
    tariffs, document, costs = CASES[option]

    report = price(document, tariffs, time_zone="UTC", policy=Policy(**{option: choice}))

    assert report.total_cost.excl_vat == cost
    assert tuple(costs) == READINGS[option].choices
    decided = {decision.option: decision.choice for decision in report.decisions}
    assert decided.get(option, "none") == choice


@pytest.mark.parametrize(("choice", "incl_vat"), [("unknown", None), ("none", 10)])
def test_missing_vat_is_unknown_or_none(choice, incl_vat):
    report = price(HOUR, [tariff(element(energy(1)))], policy=Policy(missing_vat=choice))

    assert report.total_cost.incl_vat == incl_vat
    assert "missing_vat" in options(report)


@pytest.mark.parametrize(("choice", "parked", "fixed"), [("parking", 3, 0), ("fixed", 2, 1)])
def test_fee_beside_parking_alone_belongs_to_parking_or_is_fixed(choice, parked, fixed):
    document = used(START, (60, {"PARKING_TIME": True}))

    report = price(document, [tariff(element(flat(1), parking(2)))], policy=Policy(parking_flat=choice))

    assert (report.total_parking_cost.excl_vat, report.total_fixed_cost.excl_vat) == (parked, fixed)
    assert "parking_flat" in options(report)


def test_reading_that_decides_nothing_is_not_reported():
    report = price(used(START, (60, {"ENERGY": 10, "TIME": True})), [tariff(element(energy(1, 21), time(2, 21)))])

    assert report.decisions == ()


def test_default_of_each_option_is_its_first_choice():
    assert {reading.option: reading.choices[0] for reading in READINGS.values()} == {
        option.name: option.default for option in fields(Policy) if option.name != "places"
    }


def test_each_option_is_tried_here_and_explained_on_the_page():
    page = PAGE.read_text(encoding="utf-8")

    assert {*CASES, "missing_vat", "parking_flat"} == set(READINGS)
    for reading in READINGS.values():
        assert f"## `{reading.option}`" in page
        assert all(f"`{choice}`" in page for choice in reading.choices), reading.option


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flat": "twice"}, r"Policy\(flat=...\) has to be one of 'first_match', 'start', got 'twice'"),
        ({"places": -1}, r"Policy\(places=...\) has to be 0 to 10, got -1"),
        ({"places": 11}, r"Policy\(places=...\) has to be 0 to 10, got 11"),
    ],
)
def test_option_that_does_not_exist_is_refused(arguments, message):
    with pytest.raises(PricingError, match=message):
        Policy(**arguments)


def test_element_that_decides_for_all_dimensions_is_named():
    tariffs, document, _ = CASES["lookup"]

    report = price(document, tariffs, policy=Policy(lookup="element"))

    reasons = {segment.dimension: segment.because for segment in report.segments}
    assert reasons["ENERGY"] == "no element applies; elements[0] decides and does not price this."
