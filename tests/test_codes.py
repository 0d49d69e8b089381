"""Tests of the ISO code lists, against those that pycountry has."""

from __future__ import annotations

import pycountry
import pytest

from flask_ocpi.core import codes

# Currencies that came or went while supported releases of pycountry were published.
RECENT_CURRENCIES = frozenset({"ANG", "BGN", "CUC", "HRK", "SLL", "VED", "XAD", "XCG", "ZWG", "ZWL"})


def _codes_of(database, attribute):
    return {getattr(entry, attribute) for entry in database if hasattr(entry, attribute)}


@pytest.mark.conformance("TYP-21", "LOC-21")
@pytest.mark.parametrize(
    ("ours", "database", "attribute"),
    [
        (codes.COUNTRIES_ALPHA2, pycountry.countries, "alpha_2"),
        (codes.COUNTRIES_ALPHA3, pycountry.countries, "alpha_3"),
        (codes.LANGUAGES, pycountry.languages, "alpha_2"),
    ],
    ids=["countries-2", "countries-3", "languages"],
)
def test_codes_are_those_of_the_iso_list(ours, database, attribute):
    assert ours == _codes_of(database, attribute)


@pytest.mark.conformance("TYP-21")
def test_currencies_are_those_of_the_iso_list_but_for_recent_changes():
    theirs = _codes_of(pycountry.currencies, "alpha_3")

    assert codes.CURRENCIES ^ theirs <= RECENT_CURRENCIES


@pytest.mark.conformance("LOC-21")
def test_every_country_has_a_code_of_either_length():
    assert len(codes.COUNTRIES_ALPHA2) == len(codes.COUNTRIES_ALPHA3)
    assert {len(code) for code in codes.COUNTRIES_ALPHA2} == {2}
    assert {len(code) for code in codes.COUNTRIES_ALPHA3} == {3}
