"""Notes: each id, where it points, and what is priced all the same."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flask_ocpi.pricing import NOTES
from flask_ocpi.pricing import price
from tests.pricing.cases import cdr
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import ids
from tests.pricing.cases import parking
from tests.pricing.cases import period
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T08:00:00+00:00"
KWH = tariff(element(energy(1, 21)))
TEN = used(START, (60, {"ENERGY": 10}))
LATE, EARLY = "2026-05-04T09:00:00Z", "2026-05-04T08:00:00Z"
SESSION = {
    "id": "S",
    "status": "ACTIVE",
    "kwh": 10,
    "currency": "EUR",
    "start_date_time": EARLY,
    "charging_periods": [],
}

# tariffs, document, (id, path) of the notes, price without VAT
CASES = {
    "period_spans_price_change": (
        [tariff(element(energy(1, 21), max_kwh=5), element(energy(2, 21)))],
        TEN,
        [("period_spans_price_change", "$.charging_periods[0]")],
        15,
    ),
    "periods_out_of_order": (
        [KWH],
        cdr(period(LATE, ENERGY=3), period(EARLY, ENERGY=4), end="2026-05-04T10:00:00Z", start=EARLY),
        [("periods_out_of_order", "$.charging_periods[1]")],
        7,
    ),
    "periods_overlap": (
        [KWH],
        cdr(period(EARLY, TIME=1.5, ENERGY=5), period(LATE, ENERGY=4), end="2026-05-04T10:00:00Z"),
        [("periods_overlap", "$.charging_periods[0]")],
        9,
    ),
    "periods start before the session": (
        [KWH],
        TEN | {"start_date_time": "2026-05-04T08:20:00Z"},
        [("periods_outside_session", "$.charging_periods[0]")],
        10,
    ),
    "periods start after the session": (
        [KWH],
        cdr(period(EARLY, ENERGY=5), period(LATE, ENERGY=4), end="2026-05-04T08:30:00Z"),
        [("periods_outside_session", "$.charging_periods[1]")],
        9,
    ),
    "last period is longer than the session": (
        [KWH],
        used(START, (60, {"ENERGY": 10, "TIME": "1.5"})),
        [("periods_outside_session", "$.charging_periods[0]")],
        10,
    ),
    "period_mixes_reservation": (
        [KWH],
        used(START, (60, {"ENERGY": 10, "RESERVATION_TIME": "0.5"})),
        [("period_mixes_reservation", "$.charging_periods[0]")],
        10,
    ),
    "period_without_tariff": (
        [KWH, tariff(element(energy(1, 21)), id="U")],
        used(START, (60, {"ENERGY": 10}), tariff_id=None),
        [("period_without_tariff", "$.charging_periods[0]")],
        0,
    ),
    "no tariff at all": ([], TEN, [("unknown_tariff", "$.charging_periods[0].tariff_id")], 0),
    "unknown_tariff": (
        [KWH],
        used(START, (60, {"ENERGY": 10}), tariff_id="X"),
        [("unknown_tariff", "$.charging_periods[0].tariff_id")],
        0,
    ),
    "tariff that begins later": (
        [KWH | {"start_date_time": "2026-05-04T08:00:01Z"}],
        TEN,
        [("tariff_not_valid_then", "tariffs[0]")],
        10,
    ),
    "tariff that has ended": (
        [KWH | {"end_date_time": "2026-05-04T08:00:00Z"}],
        TEN,
        [("tariff_not_valid_then", "tariffs[0]")],
        10,
    ),
    "tariff that ends during the session": ([KWH | {"end_date_time": "2026-05-04T08:00:01Z"}], TEN, [], 10),
    "tariff_currency": ([KWH | {"currency": "SEK"}], TEN, [("tariff_currency", "tariffs[0].currency")], 10),
    "currency in small letters": ([KWH | {"currency": "eur"}], TEN, [], 10),
    "tax_unknown": (
        [tariff(element(energy(1)), tax_included="YES")],
        TEN,
        [("tax_unknown", "tariffs[0].elements[0].price_components[0].vat")],
        None,
    ),
    "limits_contradict": (
        [KWH | {"min_price": {"excl_vat": 8}, "max_price": {"excl_vat": 7}}],
        TEN,
        [("limits_contradict", "tariffs[0].min_price")],
        7,
    ),
    "unpriced_dimension": (
        [tariff(element(energy(1, 21)), element(parking(2, 21), min_duration=9000))],
        used(START, (60, {"ENERGY": 10}), (60, {"PARKING_TIME": True})),
        [("unpriced_dimension", "$.charging_periods[1]")],
        10,
    ),
    "booking_not_priced": (
        [tariff(element(flat(9, 21), time(9, 21), booking="BOOKING"), element(energy(1, 21), time(1, 21)))],
        used(START, (60, {"ENERGY": 10, "TIME": 1})),
        [("booking_not_priced", "tariffs[0].elements[0].restrictions.booking")],
        11,
    ),
    "unknown_component": (
        [tariff(element(energy(1, 21), {"type": "ENERGIE", "price": 1, "step_size": 1}))],
        TEN,
        [("unknown_component", "tariffs[0].elements[0].price_components[1].type")],
        10,
    ),
    "negative_volume": (
        [KWH],
        used(START, (60, {"ENERGY": 10, "TIME": -1})),
        [("negative_volume", "$.charging_periods[0]")],
        10,
    ),
    "no_periods": (
        [tariff(element(energy(1, 21), time(3, 21), parking(6, 21)))],
        cdr(start=EARLY, end=LATE, total_energy=10, total_time=1, total_parking_time="0.5"),
        [("no_periods", "$.charging_periods")],
        10 + 1.5 + 3,
    ),
    "time_unknown": (
        [tariff(element(energy(1, 21), time(3, 21)))],
        used(START, (60, {"ENERGY": 10, "TIME": True}))
        | {"start_date_time": "1970-1-1T00:00:00Z", "end_date_time": "1970-1-1T00:00:00Z"},
        [("time_unknown", "$.start_date_time"), ("time_unknown", "$.end_date_time")],
        13,
    ),
    "time_zone_assumed": (
        [tariff(element(energy(1, 21), end_time="12:00"))],
        TEN,
        [("time_zone_assumed", "$")],
        10,
    ),
    "session_running": (
        [KWH],
        SESSION | {"charging_periods": TEN["charging_periods"], "last_updated": "2026-05-04T08:40:00Z"},
        [("session_running", "$.end_date_time")],
        10,
    ),
    "session without periods": (
        [tariff(element(energy(1, 21), time(3, 21)))],
        SESSION | {"last_updated": "2026-05-04T08:40:00Z"},
        [("session_running", "$.end_date_time"), ("no_periods", "$.charging_periods")],
        12,
    ),
}


@pytest.mark.parametrize(("tariffs", "document", "notes", "cost"), CASES.values(), ids=CASES)
def test_document_is_priced_and_what_is_odd_is_noted(tariffs, document, notes, cost):
    report = price(document, tariffs)

    assert [(note.id, note.path) for note in report.notes] == notes
    assert report.total_cost.excl_vat == (None if cost is None else Fraction(str(cost)))
    assert report.weighs == any(NOTES[note_id][0] for note_id, _ in notes)


def test_each_note_has_a_case():
    noted = {note_id for _, _, notes, _ in CASES.values() for note_id, _ in notes}

    assert noted == set(NOTES)


def test_sentences_are_filled_in():
    for tariffs, document, _, _ in CASES.values():
        for note in price(document, tariffs).notes:
            assert "{" not in note.message
            assert note.message.endswith(".")


def test_a_note_is_kept_once():
    data = tariff(element(energy(1, 21), time(1, 21), max_kwh=5), element(energy(2, 21), time(2, 21)))

    report = price(used(START, (60, {"ENERGY": 10, "TIME": True})), [data])

    assert ids(report) == ["period_spans_price_change"] * 2
    assert len({note.message for note in report.notes}) == 2


def test_four_decimals_of_hours_are_no_overlap():
    document = cdr(period(EARLY, TIME=0.0834), period("2026-05-04T08:05:00Z", TIME=0.0834), end="2026-05-04T08:10:00Z")

    assert ids(price(document, [KWH])) == []


def test_running_session_lasts_until_it_was_updated():
    session = SESSION | {"charging_periods": TEN["charging_periods"], "last_updated": "2026-05-04T08:40:00Z"}

    report = price(session, [KWH])

    assert report.total_time == Fraction(40, 60)
    assert report.notes[0].message.endswith("until 2026-05-04T08:40:00Z.")


def test_ended_session_is_priced_like_a_cdr():
    session = SESSION | {"status": "COMPLETED", "charging_periods": TEN["charging_periods"], "end_date_time": LATE}

    report = price(session, [KWH])

    assert report.total_cost.excl_vat == 10
    assert ids(report) == []
