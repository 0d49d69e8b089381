"""Clock, dates and weekdays: the location's zone, both changes of summer time, and spans over midnight."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import TimeZone
from flask_ocpi.pricing import price
from flask_ocpi.pricing import quote
from flask_ocpi.pricing import zone_at
from tests.pricing.cases import element
from tests.pricing.cases import ids
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

NIGHT = tariff(element(time(6), start_time="02:00", end_time="03:00"), element(time(0)))


def hours_at(data, start, minutes, zone="Europe/Amsterdam"):
    """Return the hours that the first element of a tariff prices."""
    report = quote(data, start=start, phases=[Charging(minutes=minutes)], time_zone=zone)
    return sum(each.volume for each in report.segments if each.element == 0)


@pytest.mark.parametrize(
    ("start", "minutes", "hours"),
    [
        ("2026-05-04T22:00:00Z", 480, 1),  # 00:00 to 08:00 in Amsterdam
        ("2026-03-28T23:00:00Z", 480, 0),  # in spring there is no hour from 02:00 to 03:00
        ("2026-10-24T22:00:00Z", 480, 2),  # in autumn there are two
        ("2026-10-25T00:30:00Z", 60, 1),  # half of the first and half of the second
        ("2026-10-25T01:10:00Z", 20, "1/3"),  # within the second
    ],
)
def test_clock_is_that_of_the_location_on_the_days_it_is_changed(start, minutes, hours):
    from fractions import Fraction

    assert hours_at(NIGHT, start, minutes) == Fraction(hours)


def test_price_in_the_hour_that_is_repeated_changes_at_the_mark_in_both():
    data = tariff(element(time(6), end_time="02:30"), element(time(0)))

    # 02:00 to 02:30, then 02:30 to 03:00, then once more.
    assert hours_at(data, "2026-10-25T00:00:00Z", 120) == 1


def test_durations_are_elapsed_time_when_the_clock_is_changed():
    data = tariff(element(time(6), max_duration=7200), element(time(0)))

    assert hours_at(data, "2026-10-24T23:30:00Z", 240) == 2


@pytest.mark.parametrize(
    ("limits", "hours"),
    [
        ({"start_time": "18:00", "end_time": "00:00"}, 6),
        ({"end_time": "00:00"}, 24),
        ({"start_time": "00:00", "end_time": "00:00"}, 24),
        ({"start_time": "22:00", "end_time": "06:00"}, 8),
        ({"start_time": "22:00"}, 2),
        ({"end_time": "06:00"}, 6),
        ({"start_time": "06:00", "end_time": "22:00"}, 16),
        ({"start_time": "00:00", "end_time": "24:00"}, 24),
        ({"day_of_week": ["TUESDAY"]}, 12),
        ({"start_date": "2026-05-05"}, 12),
        ({"end_date": "2026-05-05"}, 12),
        ({"day_of_week": ["MONDAY"], "start_time": "22:00", "end_time": "06:00"}, 2),
    ],
)
def test_span_of_the_day(limits, hours):
    # From Monday noon to Tuesday noon in Amsterdam.
    assert hours_at(tariff(element(time(6), **limits), element(time(0))), "2026-05-04T10:00:00Z", 1440) == hours


def test_change_of_the_clock_at_midnight_is_seen():
    # In Cairo the clock goes from 00:00 to 01:00 on 24 April 2026.
    data = tariff(element(time(6), start_time="00:00", end_time="01:30"), element(time(0)))

    from fractions import Fraction

    assert hours_at(data, "2026-04-23T21:00:00Z", 120, "Africa/Cairo") == Fraction(1, 2)


def test_session_over_more_than_a_year_is_not_priced_by_the_clock():
    document = used("2025-01-01T00:00:00+00:00", (60, {"TIME": True}), end_date_time="2026-06-01T00:00:00Z")
    document["end_date_time"] = "2026-06-01T00:00:00Z"

    with pytest.raises(PricingError, match="The session lasts 516 days; at most 366"):
        price(document, [NIGHT], time_zone="UTC")


def priced(document, **arguments):
    report = price(document, [NIGHT], **arguments)
    return report.time_zone, report.time_zone_source


DOCUMENT = used("2026-05-04T08:00:00+00:00", (60, {"TIME": True}))
PLACE = {"coordinates": {"latitude": "52.3676", "longitude": "4.9041"}}


@pytest.fixture
def finder(monkeypatch):
    asked = []

    def get_tz(longitude, latitude):
        asked.append((longitude, latitude))
        return "Europe/Amsterdam" if latitude > 0 else ""

    monkeypatch.setitem(sys.modules, "tzfpy", SimpleNamespace(get_tz=get_tz))
    return asked


@pytest.fixture
def no_finder(monkeypatch):
    monkeypatch.setitem(sys.modules, "tzfpy", None)


def test_zone_that_is_given_is_used(no_finder):
    assert priced(DOCUMENT | {"cdr_location": PLACE}, time_zone="Asia/Tokyo") == ("Asia/Tokyo", "argument")


def test_zone_says_where_the_caller_knows_it_from():
    assert priced(DOCUMENT, time_zone=TimeZone("Europe/Paris", "location")) == ("Europe/Paris", "location")


def test_zone_in_the_location_of_a_document_is_used(finder):
    place = {**PLACE, "time_zone": "Europe/Oslo"}

    assert priced(DOCUMENT | {"cdr_location": place}) == ("Europe/Oslo", "document")


def test_zone_is_found_by_the_coordinates(finder):
    assert priced(DOCUMENT | {"cdr_location": PLACE}) == ("Europe/Amsterdam", "coordinates")
    assert len(finder) == 1


def test_zone_is_not_looked_for_where_the_clock_does_not_matter(finder):
    report = price(DOCUMENT | {"cdr_location": PLACE}, [tariff(element(time(1)))])

    assert (report.time_zone, report.time_zone_source) == ("UTC", "not_needed")
    assert finder == []


@pytest.mark.parametrize("place", [{}, {"coordinates": {"latitude": "-52", "longitude": "4"}}, {"coordinates": {}}])
def test_zone_that_is_not_known_is_assumed_with_a_note(finder, place):
    report = price(DOCUMENT | {"cdr_location": place}, [NIGHT])

    assert (report.time_zone, report.time_zone_source) == ("UTC", "assumed")
    assert ids(report) == ["time_zone_assumed"]


def test_missing_extra_is_named_in_the_note(no_finder):
    report = price(DOCUMENT | {"cdr_location": PLACE}, [NIGHT])

    assert report.notes[0].message.endswith("Flask-OCPI[zones] finds it by the coordinates.")


def test_zone_at_says_what_to_install(no_finder):
    with pytest.raises(PricingError, match=r"Flask-OCPI\[zones\]"):
        zone_at("52.3676", "4.9041")


@pytest.mark.parametrize(("latitude", "longitude"), [("91", "0"), ("0", "181"), ("-90.1", "0")])
def test_place_that_does_not_exist_has_no_zone(finder, latitude, longitude):
    assert zone_at(latitude, longitude) is None
    assert finder == []


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../../etc/passwd", "", "Europe\0", 5])
def test_zone_that_does_not_exist_is_named(name):
    with pytest.raises(PricingError, match="There is no time zone"):
        price(DOCUMENT, [NIGHT], time_zone=name)


def test_grace_period_of_parking_is_free_whatever_the_clock_says():
    data = tariff(element(parking(0), max_duration=1800), element(parking(3)))
    document = used("2026-10-25T00:30:00+00:00", (90, {"PARKING_TIME": True}))

    assert price(document, [data], time_zone="Europe/Amsterdam").total_cost.excl_vat == 3
