"""VAT and other taxes, price limits, rounding, and credit CDRs."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flask_ocpi.pricing import Policy
from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import ids
from tests.pricing.cases import money
from tests.pricing.cases import options
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used

START = "2026-05-04T08:00:00+00:00"
TEN_KWH = used(START, (60, {"ENERGY": 10, "TIME": True}))


@pytest.mark.parametrize(
    ("vat", "cost"), [(None, "10 / -"), (0.0, "10 / 10"), (21, "10 / 12.1"), (5.5, "10 / 10.55")], ids=str
)
def test_vat_is_of_the_component_and_none_is_not_zero(vat, cost):
    assert money(price(TEN_KWH, [tariff(element(energy(1, vat)))]).total_cost) == cost


def test_total_with_vat_is_unknown_if_one_rate_is():
    report = price(TEN_KWH, [tariff(element(energy(1, 21), time(2)))])

    assert money(report.total_energy_cost) == "10 / 12.1"
    assert money(report.total_time_cost) == "2 / -"
    assert money(report.total_cost) == "12 / -"
    assert report.to_dict()["total_cost"].keys() == {"excl_vat"}


def test_component_that_costs_nothing_needs_no_rate():
    assert money(price(TEN_KWH, [tariff(element(energy(1, 21), time(0)))]).total_cost) == "10 / 12.1"


def test_taxes_are_listed_by_rate():
    report = price(TEN_KWH, [tariff(element(flat(2, 10), energy(1, 21), time(3, 10)))])

    assert [(tax.percentage, tax.base, tax.amount) for tax in report.taxes] == [
        (10, 5, Fraction(1, 2)),
        (21, 10, Fraction("2.1")),
    ]


@pytest.mark.parametrize(
    ("included", "vat", "cost", "notes"),
    [
        ("NO", 25, "10 / 12.5", []),
        ("NO", None, "10 / -", []),
        ("YES", 25, "8 / 10", []),
        ("YES", None, "- / 10", ["tax_unknown"]),
        ("N/A", None, "10 / 10", []),
        (None, 25, "10 / 12.5", []),
    ],
)
def test_tax_included_of_a_tariff(included, vat, cost, notes):
    data = tariff(element(energy(1, vat)), **({"tax_included": included} if included else {}))

    report = price(TEN_KWH, [data])

    assert money(report.total_cost) == cost
    assert ids(report) == notes


@pytest.mark.parametrize(
    ("limits", "cost", "applied"),
    [
        ({"max_price": {"excl_vat": 9, "incl_vat": 20}}, "9 / 12.1", {"excl_vat": "max_price"}),
        ({"max_price": {"excl_vat": 20, "incl_vat": 11}}, "10 / 11", {"incl_vat": "max_price"}),
        ({"max_price": {"excl_vat": 9}}, "9 / 12.1", {"excl_vat": "max_price"}),
        ({"min_price": {"excl_vat": 12, "incl_vat": 12}}, "12 / 12.1", {"excl_vat": "min_price"}),
        (
            {"min_price": {"before_taxes": 12, "after_taxes": 14}},
            "12 / 14",
            {"excl_vat": "min_price", "incl_vat": "min_price"},
        ),
        ({"min_price": {"excl_vat": 10, "incl_vat": "12.1"}}, "10 / 12.1", None),
        ({"min_price": {"excl_vat": 1}, "max_price": {"excl_vat": 9}}, "9 / 12.1", {"excl_vat": "max_price"}),
    ],
)
def test_limits_bind_each_side_by_itself_and_the_total_alone(limits, cost, applied):
    report = price(TEN_KWH, [tariff(element(energy(1, 21)), **limits)])

    assert money(report.total_cost) == cost
    assert money(report.total_energy_cost) == "10 / 12.1"
    assert money(report.cost_before_limits) == "10 / 12.1"
    assert report.to_dict()["limit_applied"] == applied


def test_limits_that_contradict_are_noted_and_the_maximum_holds():
    report = price(TEN_KWH, [tariff(element(energy(1, 21)), min_price={"excl_vat": 8}, max_price={"excl_vat": 5})])

    assert money(report.total_cost) == "5 / 12.1"
    assert ids(report) == ["limits_contradict"]


def test_limit_does_not_make_an_unknown_price_known():
    report = price(TEN_KWH, [tariff(element(energy(1)), max_price={"excl_vat": 5, "incl_vat": 6})])

    assert money(report.total_cost) == "5 / -"


ODD = tariff(element(flat("0.333", 10), energy("0.3333", 10), time("0.3333", 10), parking("0.3333", 10)))
ODD_USE = used(
    START, (60, {"ENERGY": 1, "TIME": True}), (60, {"ENERGY": 1, "TIME": True}), (60, {"PARKING_TIME": True})
)


@pytest.mark.parametrize(
    ("rounding", "cost"),
    [
        ("none", "1.9995 / 2.19945"),
        ("component", "2 / 2.2"),
        ("period", "1.98 / 2.22"),
        ("total", "2 / 2.2"),
    ],
)
def test_rounding_is_a_matter_of_policy(rounding, cost):
    report = price(ODD_USE, [ODD], policy=Policy(rounding=rounding))

    assert money(report.total_cost) == cost
    assert ("rounding" in options(report)) == (rounding != "none")


def test_rounding_by_component_rounds_each_total():
    report = price(ODD_USE, [ODD], policy=Policy(rounding="component"))

    assert money(report.total_energy_cost) == "0.67 / 0.73"
    assert money(report.total_time_cost) == "0.67 / 0.73"
    assert money(report.total_parking_cost) == "0.33 / 0.37"


@pytest.mark.parametrize(
    ("currency", "places", "cost"),
    [("EUR", None, "3.33"), ("JPY", None, "3"), ("KWD", None, "3.333"), ("EUR", 1, "3.3")],
)
def test_rounding_goes_to_the_places_of_the_currency(currency, places, cost):
    data = tariff(element(energy("0.33333", 0))) | {"currency": currency}
    policy = Policy(rounding="total", places=places)

    assert money(price(TEN_KWH | {"currency": currency}, [data], policy=policy).total_cost) == f"{cost} / {cost}"


def test_half_a_cent_is_rounded_up_away_from_zero():
    data = tariff(element(energy("0.0005", 0)))
    policy = Policy(rounding="total")

    assert money(price(TEN_KWH, [data], policy=policy).total_cost) == "0.01 / 0.01"
    assert money(price(used(START, (60, {"ENERGY": -10})), [data], policy=policy).total_cost) == "-0.01 / -0.01"


def test_credit_cdr_gives_the_total_back():
    report = price(TEN_KWH | {"credit": True, "credit_reference_id": "1"}, [tariff(element(energy(1, 21)))])

    assert money(report.total_cost) == "-10 / -12.1"
    assert money(report.total_energy_cost) == "10 / 12.1"


def test_credit_cdr_with_negative_volumes_is_not_turned_twice():
    document = used(START, (60, {"ENERGY": -10})) | {"credit": True}

    assert money(price(document, [tariff(element(energy(1, 21)))]).total_cost) == "-10 / -12.1"
