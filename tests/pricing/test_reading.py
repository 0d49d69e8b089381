"""What cannot be understood is refused with its path; whatever comes, nothing else is raised."""

from __future__ import annotations

import json
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import used

DATA = tariff(
    element(flat(1, 21), energy(0.5, 21), start_time="08:00", end_time="20:00", min_kwh=1),
    element(energy(0.3), parking(2), day_of_week=["MONDAY"], max_duration=7200),
    min_price={"excl_vat": 1, "incl_vat": 2},
    max_price={"excl_vat": 50},
    start_date_time="2026-01-01T00:00:00Z",
)
CDR = used(
    "2026-05-04T08:00:00+00:00",
    (60, {"ENERGY": 10, "TIME": 1, "MAX_POWER": 11}),
    (60, {"PARKING_TIME": 1}),
    tariffs=[DATA],
    cdr_location={"coordinates": {"latitude": "52", "longitude": "4"}},
    total_energy=10,
)


def changed(document, path, value):
    """Return a copy of a document with the value at a path replaced, or removed if it is None."""
    copy = deepcopy(document)
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


PERIOD, DIMENSION = ("charging_periods", 0), ("charging_periods", 0, "dimensions", 0)
ELEMENT = ("tariffs", 0, "elements", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("start_date_time",), "yesterday", r"\$\.start_date_time has to be a date and time"),
        (("start_date_time",), 17, r"\$\.start_date_time has to be a date and time"),
        (("end_date_time",), "9999-12-31T23:59:59Z", r"\$\.end_date_time has to lie between 1970 and 2199"),
        (("charging_periods",), {}, r"\$\.charging_periods has to be a list of objects"),
        (("charging_periods",), ["x"], r"\$\.charging_periods has to be a list of objects"),
        ((*PERIOD, "start_date_time"), None, r"\$\.charging_periods\[0\]\.start_date_time has to be"),
        ((*PERIOD, "dimensions"), "x", r"\$\.charging_periods\[0\]\.dimensions has to be a list"),
        (
            (*DIMENSION, "volume"),
            None,
            r"\$\.charging_periods\[0\]\.dimensions\[0\]\.volume has to be a number, got NoneT",
        ),
        ((*DIMENSION, "volume"), "ten", r"has to be a number, got 'ten'"),
        ((*DIMENSION, "volume"), True, r"has to be a number, got bool"),
        ((*DIMENSION, "volume"), [1], r"has to be a number, got list"),
        ((*DIMENSION, "volume"), "NaN", r"has to be a number, got 'NaN'"),
        ((*DIMENSION, "volume"), "Infinity", r"has to be a number"),
        ((*DIMENSION, "volume"), "1e999999999", r"has to be a number"),
        ((*DIMENSION, "volume"), "1e-999999999", r"has to be a number"),
        ((*DIMENSION, "volume"), "9" * 41, r"of more than 40 characters"),
        ((*DIMENSION, "volume"), 10**4000, r"of more than 40 characters"),
        (("tariffs",), "x", r"\$\.tariffs has to be a list"),
        (("tariffs", 0, "elements"), 5, r"\$\.tariffs\[0\]\.elements has to be a list"),
        (("tariffs", 0, "min_price"), 5, r"\$\.tariffs\[0\]\.min_price has to be a Price"),
        ((*ELEMENT, "restrictions"), ["x"], r"elements\[0\]\.restrictions has to be an object"),
        ((*ELEMENT, "restrictions", "start_time"), "8 o'clock", r"restrictions\.start_time has to be a time of day"),
        ((*ELEMENT, "restrictions", "start_time"), "25:00", r"start_time has to be a time of day"),
        ((*ELEMENT, "restrictions", "end_time"), 800, r"end_time has to be a time of day"),
        ((*ELEMENT, "restrictions", "start_date"), "1-1-2026", r"start_date has to be a date"),
        (
            (*ELEMENT, "restrictions", "day_of_week"),
            ["FUNDAY"],
            r"day_of_week has to hold days such as MONDAY, got \['FUN",
        ),
        ((*ELEMENT, "restrictions", "day_of_week"), 1, r"day_of_week has to be a list"),
        ((*ELEMENT, "restrictions", "min_kwh"), "much", r"restrictions\.min_kwh has to be a number"),
        ((*ELEMENT, "price_components", 1, "price"), None, r"price_components\[1\]\.price has to be a number"),
        (
            (*ELEMENT, "price_components", 1, "vat"),
            -100,
            r"price_components\[1\]\.vat has to be a percentage above -100",
        ),
        ((*ELEMENT, "price_components", 1, "step_size"), "x", r"step_size has to be a number"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_path(path, value, message):
    with pytest.raises(PricingError, match=message):
        price(changed(CDR, path, value), time_zone="UTC")


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_document_has_to_be_an_object(document):
    with pytest.raises(PricingError, match="has to be an object"):
        price(document, [DATA])


def test_tariff_has_to_be_an_object():
    with pytest.raises(PricingError, match="tariffs has to be a list of objects"):
        price(CDR, ["T"])


def test_tariff_that_no_period_names_need_not_be_understood():
    broken = tariff(element(energy("cheap")), id="X")

    assert price(CDR, [broken, DATA], time_zone="UTC").total_energy == 10
    with pytest.raises(PricingError, match=r"tariffs\[0\]\.elements\[0\]"):
        price(CDR, [broken | {"id": "t"}, DATA], time_zone="UTC")


def test_document_without_start_and_periods_cannot_be_priced():
    with pytest.raises(PricingError, match=r"\$\.start_date_time is missing"):
        price({"currency": "EUR"}, [DATA])


def test_session_that_ends_beyond_all_time_cannot_be_priced():
    document = used("2026-05-04T08:00:00+00:00", (60, {"TIME": "1e20"}))
    del document["end_date_time"]

    with pytest.raises(PricingError, match="after the year 2199"):
        price(document, [tariff(element(energy(1)))])


@pytest.mark.parametrize("value", [0.1, "0.1", Decimal("0.1"), Fraction(1, 10), "1e-1", "0.10"])
def test_number_is_taken_by_its_digits(value):
    report = price(used("2026-05-04T08:00:00+00:00", (60, {"ENERGY": value})), [tariff(element(energy(3)))])

    assert report.total_cost.excl_vat == Fraction(3, 10)


def test_document_of_json_is_priced_as_one_of_decimals():
    text = json.dumps(CDR)

    assert price(json.loads(text), time_zone="UTC") == price(json.loads(text, parse_float=Decimal), time_zone="UTC")


def test_offsets_are_minded_and_missing_ones_are_utc():
    document = used("2026-05-04T08:00:00+00:00", (60, {"ENERGY": 10}), (60, {"ENERGY": 1}))
    document["charging_periods"][0]["start_date_time"] = "2026-05-04T10:00:00+02:00"
    document["charging_periods"][1]["start_date_time"] = "2026-05-04T09:00:00"
    document["end_date_time"] = "2026-05-04T10:00:00.000Z"

    report = price(document, [tariff(element(energy(1), max_duration=3600), element(energy(2)))])

    assert report.total_cost.excl_vat == 12
    assert report.notes == ()


def test_dimension_that_is_given_twice_is_added_up():
    document = used("2026-05-04T08:00:00+00:00", (60, {"ENERGY": 10}))
    document["charging_periods"][0]["dimensions"] *= 2

    assert price(document, [tariff(element(energy(1)))]).total_cost.excl_vat == 20


def paths(value, path=()):
    """Yield the path of everything in a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        yield from paths(entry, (*path, key))


ODD = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x",
    "é" * 50,
    [],
    [None],
    {},
    {"type": []},
    "0001-01-01T00:00:00Z",
    "1970-01-01",
    "00:00",
]


def test_document_with_anything_anywhere_is_priced_or_refused():
    random = Random(7)
    places = list(paths(CDR))
    priced = 0
    for number in range(3000):
        document = CDR
        for _ in range(random.randint(1, 3)):
            try:
                document = changed(document, random.choice(places), random.choice(ODD))
            except (IndexError, KeyError, TypeError):
                continue  # an earlier change took the place away
        try:
            report = price(document, time_zone="Europe/Amsterdam")
            report.to_json()
            report.explain()
            priced += 1
        except PricingError:
            continue
        except Exception as error:
            raise AssertionError((number, document)) from error
    assert 300 < priced < 2700
