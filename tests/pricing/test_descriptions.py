"""Tariffs in words: complete, in order, and in each language."""

from __future__ import annotations

import string

import pytest

from flask_ocpi.pricing import LANGUAGES
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import describe
from tests.pricing.cases import WORKDAYS
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time

EVERYTHING = tariff(
    element(flat(0.5, 21)),
    element(energy(0.28, 21), start_time="23:00", end_time="07:00", day_of_week=WORKDAYS),
    element(energy(0.3, 21), min_kwh=10, max_kwh=20, min_power=11, max_current=32),
    element(energy(0.45, 21, step=500)),
    element(time(1.2, 21, step=60), min_duration=3600, max_duration=9000),
    element(parking(3, 21, step=900), start_date="2026-05-01", end_date="2026-06-01", day_of_week=["SUNDAY"]),
    element(flat(1), time(2), reservation="RESERVATION"),
    element(time(4), reservation="RESERVATION_EXPIRES"),
    min_price={"excl_vat": 1, "incl_vat": 1.21},
    max_price={"excl_vat": 25},
    start_date_time="2026-01-01T00:00:00Z",
    end_date_time="2027-01-01T00:00:00Z",
)


def test_english():
    assert describe(EVERYTHING).splitlines() == [
        "Fee per session: 0.50 EUR (0.605 EUR with 21 % VAT).",
        "Energy: 0.28 EUR per kWh (0.3388 EUR with 21 % VAT), from 23:00 to 07:00, from Monday to Friday.",
        "Energy, otherwise: 0.30 EUR per kWh (0.363 EUR with 21 % VAT), from 10 kWh on, below 20 kWh, below 32 A, "
        "from 11 kW on.",
        "Energy, otherwise: 0.45 EUR per kWh (0.5445 EUR with 21 % VAT), billed in steps of 0.5 kWh.",
        "Charging time: 1.20 EUR per hour (1.452 EUR with 21 % VAT), after 1 h, in the first 2 h 30 min, billed in "
        "steps of 1 min.",
        "Charging time, otherwise: free.",
        "Parking time: 3.00 EUR per hour (3.63 EUR with 21 % VAT), from 2026-05-01, until the day before 2026-06-01, "
        "on Sunday, billed in steps of 15 min.",
        "Parking time, otherwise: free.",
        "Fee per reservation: 1.00 EUR.",
        "Reservation: 2.00 EUR per hour.",
        "Reservation that is not used: 4.00 EUR per hour.",
        "At least 1.00 EUR (1.21 EUR with VAT) per session.",
        "At most 25.00 EUR per session.",
        "Valid from 2026-01-01T00:00:00Z.",
        "Valid until 2027-01-01T00:00:00Z.",
    ]


NIGHT = {
    "de": "Energie: 0,28 EUR je kWh (0,3388 EUR mit 21 % MwSt.), von 23:00 bis 07:00 Uhr, von Montag bis Freitag.",
    "nl": "Energie: 0,28 EUR per kWh (0,3388 EUR met 21 % btw), van 23:00 tot 07:00 uur, "
    "van maandag tot en met vrijdag.",
    "fr": "Énergie: 0,28 EUR par kWh (0,3388 EUR avec 21 % de TVA), de 23:00 à 07:00, du lundi au vendredi.",
}


@pytest.mark.parametrize("language", NIGHT)
def test_other_languages_say_the_same(language):
    lines = describe(EVERYTHING, language).splitlines()

    assert lines[1] == NIGHT[language]
    assert len(lines) == len(describe(EVERYTHING).splitlines())


def test_languages_have_the_same_words_and_places():
    def places(sentence):
        return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None)

    english = LANGUAGES["en"].words
    for language in LANGUAGES.values():
        assert language.words.keys() == english.keys()
        assert {name: places(text) for name, text in language.words.items()} == {
            name: places(text) for name, text in english.items()
        }
        assert len(language.days) == 7


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (tariff(element(energy(0, 0))), "Energy: free."),
        (tariff(), "Free of charge."),
        (tariff(element(energy(0.3)), tax_included="YES"), "Energy: 0.30 EUR per kWh with VAT."),
        (tariff(element(energy(0.3, 0))), "Energy: 0.30 EUR per kWh."),
        (tariff(element(energy(30)), currency="JPY"), "Energy: 30 JPY per kWh."),
        (
            tariff(element(energy(0.3), day_of_week=["SUNDAY", "MONDAY"])),
            "Energy: 0.30 EUR per kWh, on Monday, Sunday.\nEnergy, otherwise: free.",
        ),
        (
            tariff(element(energy(0.3), start_time="17:00"), element(energy(0.2), end_time="17:00")),
            "Energy: 0.30 EUR per kWh, from 17:00 to 24:00.\nEnergy, otherwise: 0.20 EUR per kWh, from 00:00 to 17:00.",
        ),
        (
            tariff(element(parking(1), min_duration="0.5"), element(parking(2))),
            "Parking time: 1.00 EUR per hour, after 0.5 s.\nParking time, otherwise: 2.00 EUR per hour.",
        ),
    ],
    ids=["free", "nothing", "with tax", "no tax", "yen", "days", "whole day", "part of a second"],
)
def test_small_tariffs(data, text):
    assert describe(data) == text


def test_regions_of_a_language_are_understood():
    assert describe(EVERYTHING, "de-AT") == describe(EVERYTHING, "de")


def test_another_language_is_an_error():
    with pytest.raises(PricingError, match="no words in 'xx'; there are en, de, nl, fr"):
        describe(EVERYTHING, "xx")
