"""No binary float has a part in a price, and no decimal context either."""

from __future__ import annotations

import ast
import decimal
import json
from dataclasses import fields
from dataclasses import is_dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

import flask_ocpi.pricing
from flask_ocpi.pricing import price
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import money
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used
from tests.pricing.simulation import document_of
from tests.pricing.simulation import generate

PACKAGE = Path(flask_ocpi.pricing.__file__).parent
FLOATING = {"float", "complex", "math", "cmath", "statistics", "numbers", "total_seconds", "timestamp"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_source_has_no_float(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, (float, complex)), node.lineno
        elif isinstance(node, (ast.Name, ast.Attribute)):
            assert (node.id if isinstance(node, ast.Name) else node.attr) not in FLOATING, node.lineno
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            assert node.module not in FLOATING or names <= {"lcm"}, node.lineno
        elif isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & FLOATING, node.lineno


def values(value):
    """Yield everything that a result is made of."""
    yield value
    if is_dataclass(value):
        parts = [getattr(value, each.name) for each in fields(value)]
    elif isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    else:
        parts = []
    for part in parts:
        yield from values(part)


def test_results_hold_no_float():
    for number in range(100):
        session, phases, start, zone = generate(Random(number))
        document = json.loads(json.dumps(document_of(phases, start), default=float))

        report = price(document, json.loads(json.dumps([session], default=float)), time_zone=zone)

        assert {type(value) for value in values(report)} & {float, complex} == set()
        assert {type(value) for value in values(report.to_dict())} & {float, complex} == set()


def test_numbers_of_the_json_have_four_decimals():
    document = used("2026-05-04T08:00:00+00:00", (60, {"ENERGY": "1.00005", "TIME": True}))
    text = price(document, [tariff(element(energy(1, 20), time("0.00014")))]).to_json()
    data = json.loads(text, parse_float=Decimal)

    assert data["total_energy"] == Decimal("1.0001")
    assert data["total_energy_cost"] == {"excl_vat": Decimal("1.0010"), "incl_vat": Decimal("1.2012")}
    assert data["total_time_cost"] == {"excl_vat": Decimal("0.0001")}
    assert {value.as_tuple().exponent for value in values(data) if isinstance(value, Decimal)} == {-4}


def test_decimal_context_of_the_host_changes_nothing():
    document = used(
        "2026-05-04T08:00:00+00:00", (60, {"ENERGY": "12345678.1234", "TIME": True, "PARKING_TIME": "0.0334"})
    )
    data = [tariff(element(flat("0.3333", "5.5"), energy("0.12345678", 21), time("7.7777", 9), parking(1, 3, 900)))]
    expected = price(document, data)

    with decimal.localcontext() as context:
        context.prec = 3
        context.rounding = decimal.ROUND_DOWN
        context.traps[decimal.Inexact] = True
        report = price(document, data)
        text = report.to_json()

    assert report == expected
    assert text == expected.to_json()


def test_sums_are_exact_where_floats_are_not():
    phases = [(6, {"ENERGY": 0.1})] * 3

    report = price(used("2026-05-04T08:00:00+00:00", *phases), [tariff(element(energy(1, 0.0)))])

    assert report.total_cost.excl_vat == Fraction(3, 10)
    assert money(report.total_cost) == "0.3 / 0.3"
