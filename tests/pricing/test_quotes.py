"""Quotes: phases that follow each other from a moment on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import Reserved
from flask_ocpi.pricing import quote
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import ids
from tests.pricing.cases import lines
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time

START = "2026-05-04T08:00:00Z"
DATA = tariff(element(flat(1), energy("0.5"), parking(6)))


@pytest.mark.parametrize(
    "start",
    [START, "2026-05-04T10:00:00+02:00", datetime(2026, 5, 4, 10, tzinfo=ZoneInfo("Europe/Amsterdam"))],
    ids=["text", "offset", "datetime"],
)
def test_phases_follow_each_other(start):
    report = quote(DATA, start=start, phases=[Charging(minutes=40, kwh=20), Parking(minutes=15)])

    assert report.total_cost.excl_vat == 1 + 10 + Fraction(3, 2)
    assert [each.start_date_time.isoformat() for each in report.periods] == [
        "2026-05-04T08:00:00+00:00",
        "2026-05-04T08:40:00+00:00",
    ]
    assert report.total_time == Fraction(55, 60)
    assert report.currency == "EUR"


def test_price_change_within_a_phase_is_no_flaw():
    data = tariff(element(energy(1), max_kwh=5), element(energy(2)))

    report = quote(data, start=START, phases=[Charging(minutes=60, kwh=20)])

    assert lines(report) == [("ENERGY", 0, 5), ("ENERGY", 1, 15)]
    assert ids(report) == []


def test_minutes_of_a_quote_are_exact():
    # A CDR would write 600.12 s for ten minutes; here somebody asks for them.
    report = quote(tariff(element(time(6, step=600))), start=START, phases=[Charging(minutes="10.002")])

    assert report.total_cost.excl_vat == 2


@pytest.mark.parametrize(
    ("phase", "element_used"),
    [
        (Charging(minutes=60, kwh=11), 1),
        (Charging(minutes=30, kwh=11), 0),
        (Charging(minutes=60, kwh=11, power=22), 0),
        (Charging(minutes=0, kwh=11), 1),
        (Charging(minutes=60, kwh=11, current=63), 1),
    ],
)
def test_power_of_a_phase_is_what_its_kwh_make_of_its_minutes(phase, element_used):
    data = tariff(element(energy(2), min_power=22), element(energy(1)))

    assert lines(quote(data, start=START, phases=[phase])) == [("ENERGY", element_used, 11)]


def test_reservation_alone_expires():
    data = tariff(element(flat(4), reservation="RESERVATION_EXPIRES"), element(time(2), reservation="RESERVATION"))

    assert quote(data, start=START, phases=[Reserved(minutes=30)]).total_cost.excl_vat == 5
    assert quote(data, start=START, phases=[Reserved(minutes=30), Parking(minutes=1)]).total_cost.excl_vat == 1


def test_quote_of_nothing_costs_nothing():
    report = quote(DATA, start=START, phases=[])

    assert report.total_cost.excl_vat == 0
    assert report.periods == ()
    assert "Total cost" in report.explain()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": datetime(2026, 5, 4, 10)}, "start has to be a datetime with an offset"),  # noqa: DTZ001
        ({"start": "at noon"}, "start has to be a date and time"),
        ({"phases": [Charging(minutes="long")]}, r"phases\[0\]\.minutes has to be a number"),
        ({"phases": [Charging(minutes=-1)]}, r"phases\[0\]\.minutes has to be 0 or more"),
        ({"phases": [Parking(minutes=1), Charging(minutes=1, kwh=None)]}, r"phases\[1\]\.kwh has to be a number"),
        ({"phases": [Charging(minutes=1, power="x")]}, r"phases\[0\]\.power has to be a number"),
        ({"phases": ["charging"]}, r"phases\[0\] has to be Charging, Parking or Reserved, got str"),
        ({"phases": [Parking(minutes="1e20")]}, "after the year 2199"),
        ({"time_zone": "Mars/Base"}, "There is no time zone 'Mars/Base'"),
    ],
)
def test_what_cannot_be_understood_is_refused(arguments, message):
    with pytest.raises(PricingError, match=message):
        quote(DATA, **{"start": START, "phases": [Charging(minutes=1)], **arguments})


def test_numbers_of_phases_may_be_of_any_exact_kind():
    phases = [Charging(minutes=Decimal("40"), kwh="20.5"), Parking(minutes=Fraction(15))]

    assert quote(DATA, start=START, phases=phases).total_cost.excl_vat == 1 + Fraction("10.25") + Fraction(3, 2)


def test_tariff_of_a_quote_has_to_be_an_object():
    with pytest.raises(PricingError, match="tariff has to be a Tariff object, got str"):
        quote("T", start=START, phases=[])
