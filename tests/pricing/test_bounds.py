"""What a document can cost us: its numbers, its days and its look-ups are bounded."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import price
from tests.pricing.cases import cdr
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import instant
from tests.pricing.cases import period
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T00:00:00+00:00"
QUARTERS = [f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in range(97)]
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


def of_periods(count, minutes):
    begin = instant(START)
    periods = [period(begin + timedelta(minutes=minutes * place), ENERGY=1) for place in range(count)]
    return cdr(*periods, end=begin + timedelta(minutes=minutes * count))


def test_tariff_of_every_quarter_of_a_week_is_priced_for_two_days_of_quarters():
    elements = [
        element(energy(number), start_time=start, end_time=end, day_of_week=[day])
        for day in DAYS
        for number, (start, end) in enumerate(pairwise(QUARTERS))
    ]

    report = price(of_periods(192, 15), [tariff(*elements)], time_zone="UTC")

    assert report.total_cost.excl_vat == 2 * sum(range(96))
    assert [note.id for note in report.notes] == []


@pytest.mark.parametrize(
    ("document", "elements"),
    [
        (of_periods(2000, 1), [element(energy(1), min_power=1)] * 1500),
        (
            used(START, (60, {"ENERGY": 10})),
            [element(energy(1), min_kwh=f"{number / 1000:.3f}") for number in range(2500)],
        ),
        (
            used(START, (60 * 24 * 360, {"ENERGY": 10})),
            [
                element(energy(1), start_time=f"{second // 3600:02}:{second // 60 % 60:02}")
                for second in range(0, 86400, 60)
            ],
        ),
    ],
    ids=["periods", "limits", "times of day"],
)
def test_work_for_a_document_is_bounded(document, elements):
    with pytest.raises(PricingError, match="too many"):
        price(document, [tariff(*elements)], time_zone="UTC")


@pytest.mark.parametrize(
    "number", ["1e999999999", "1e-999999999", "9" * 1_000_000, 10**4000], ids=["big", "small", "long", "int"]
)
def test_long_numbers_are_refused(number):
    with pytest.raises(PricingError, match="number"):
        price(used(START, (60, {"ENERGY": 10})), [tariff(element(energy(number), time(1)))])
