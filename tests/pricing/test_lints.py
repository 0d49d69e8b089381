"""The rules of the lint: each with a tariff that breaks it, and nothing found in tariffs that are right."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest

from flask_ocpi.pricing import RULES
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import lint
from flask_ocpi.testing import documents
from tests.pricing.cases import WORKDAYS
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.simulation import generate

DAY = {"start_time": "07:00", "end_time": "23:00"}
NIGHT = {"start_time": "23:00", "end_time": "07:00"}

RIGHT = {
    "one price": tariff(element(energy(0.25, 21))),
    "night first": tariff(element(energy(0.2), **NIGHT), element(energy(0.3))),
    "day and night": tariff(element(energy(0.2), **NIGHT), element(energy(0.3), **DAY)),
    "first hour of parking is free": tariff(element(energy(0.3)), element(parking(3), min_duration=3600)),
    "first kWh are free": tariff(element(energy(0.3), min_kwh=5)),
    "weekend before the rest": tariff(element(energy(0.2), day_of_week=["SATURDAY", "SUNDAY"]), element(energy(0.3))),
    "an exception within another": tariff(
        element(energy(0.1), start_time="09:00", end_time="10:00"),
        element(energy(0.2), start_time="08:00", end_time="12:00"),
        element(energy(0.3)),
    ),
    "months": tariff(
        element(energy(0.2), start_date="2026-01-01", end_date="2026-07-01"),
        element(energy(0.3), start_date="2026-07-01"),
        element(energy(0.4)),
    ),
    "by power": tariff(element(energy(0.3), max_power=11), element(energy(0.4), min_power=11)),
    "reservation": tariff(element(time(3), reservation="RESERVATION"), element(energy(0.3))),
    "free": tariff(element(energy(0, 0))),
    "parking by day": tariff(element(energy(0.3)), element(parking(3), **DAY)),
    "in yen": tariff(element(energy(30), time(0.2)), currency="JPY"),
}


@pytest.mark.parametrize("data", RIGHT.values(), ids=RIGHT)
def test_right_tariff_has_no_findings(data):
    assert lint(data) == ()


@pytest.mark.parametrize("name", ["elements", "price_components", "price", "restrictions"])
def test_tariff_without_a_required_property_is_not_silent(name):
    data = tariff(element(energy(0.3), **DAY), element(energy(0.2)))
    for part in (data, *data["elements"], *(c for each in data["elements"] for c in each["price_components"])):
        part.pop(name, None)

    assert lint(data) != ()


WRONG = {
    "unreadable": (tariff(element(energy("much"))), "$.elements[0].price_components[0].price"),
    "no_price": (tariff(element()), "$.elements"),
    "unknown_dimension": (
        tariff(element(energy(0.3), {"type": "POWER", "price": 1})),
        "$.elements[0].price_components[1].type",
    ),
    "duplicate_component": (tariff(element(energy(0.3), energy(0.4))), "$.elements[0].price_components[1]"),
    "ends_before_start": (
        tariff(element(energy(0.3)), start_date_time="2026-02-01T00:00:00Z", end_date_time="2026-01-01T00:00:00Z"),
        "$.end_date_time",
    ),
    "limits_reversed": (
        tariff(element(energy(0.3)), min_price={"excl_vat": 2}, max_price={"excl_vat": 1}),
        "$.max_price.excl_vat",
    ),
    "currency_unknown": (tariff(element(energy(0.3)), currency="EUO"), "$.currency"),
    "vat_fraction": (tariff(element(energy(0.3, 0.21))), "$.elements[0].price_components[0].vat"),
    "vat_reversed": (
        tariff(element(energy(0.3)), min_price={"excl_vat": 2, "incl_vat": 1}),
        "$.min_price.incl_vat",
    ),
    "reservation_dimension": (
        tariff(element(energy(0.3), reservation="RESERVATION"), element(energy(0.3))),
        "$.elements[0].price_components[0].type",
    ),
    "dead_element": (tariff(element(energy(0.3)), element(energy(0.2), **DAY)), "$.elements[1]"),
    "unreachable_night": (
        tariff(element(energy(0.3)), element(energy(0.2), **NIGHT)),
        "$.elements[1].restrictions.start_time",
    ),
    "dead_component": (
        tariff(element(energy(0.3)), element(energy(0.2), flat(1))),
        "$.elements[1].price_components",
    ),
    "gap": (
        tariff(
            element(energy(0.2), start_time="23:00", end_time="06:00"),
            element(energy(0.3), **DAY),
        ),
        "$.elements",
    ),
    "overlap": (
        tariff(
            element(energy(0.2), start_time="06:00", end_time="09:00"),
            element(energy(0.3), start_time="08:00", end_time="22:00"),
            element(energy(0.4)),
        ),
        "$.elements[1].restrictions",
    ),
    "price_per_minute": (tariff(element(energy(0.3), time(0.05))), "$.elements[0].price_components[1].price"),
    "price_size": (tariff(element(energy(30))), "$.elements[0].price_components[0].price"),
    "misspelt_property": (
        tariff({"price_components": [energy(0.3)], "restrictions": {"dayOfWeek": WORKDAYS}}),
        "$.elements[0].restrictions.dayOfWeek",
    ),
    "step_size_odd": (tariff(element(energy(0.3), time(2, step=100))), "$.elements[0].price_components[1].step_size"),
    "currency_case": (tariff(element(energy(0.3)), currency="eur"), "$.currency"),
    "vat_missing": (tariff(element(energy(0.3, 21), time(2))), "$.elements[0].price_components[1].vat"),
    "duration_and_clock": (
        tariff(element(energy(0.3), **DAY, max_duration=3600), element(energy(0.2))),
        "$.elements[0].restrictions",
    ),
    "step_size_zero": (tariff(element(energy(0.3, step=0))), "$.elements[0].price_components[0].step_size"),
    "equal_times": (
        tariff(element(energy(0.3), start_time="08:00", end_time="08:00")),
        "$.elements[0].restrictions.end_time",
    ),
    "negative_price": (tariff(element(energy(-0.3))), "$.elements[0].price_components[0].price"),
    "too_large": (
        tariff(
            *(
                element(energy(0.3), start_time=f"{n // 4:02}:{n % 4 * 15:02}", min_kwh=n, day_of_week=["MONDAY"])
                for n in range(96)
            )
        ),
        "$.elements",
    ),
}


@pytest.mark.parametrize("rule", WRONG, ids=str)
def test_rule_finds_what_is_wrong_and_nothing_else(rule):
    data, path = WRONG[rule]

    found = lint(data)

    assert [(finding.rule, finding.path) for finding in found] == [(rule, path)]
    assert found[0].message.endswith(".")


def test_every_rule_has_a_tariff_that_breaks_it():
    assert {rule.id for rule in RULES} == {*WRONG, "no_price_for_connector"}


MORE = {
    "dates": (tariff(element(energy(0.3), start_date="2026-02-01", end_date="2026-02-01")), "ends_before_start"),
    "power": (tariff(element(energy(0.3), min_power=22, max_power=11)), "limits_reversed"),
    "kWh": (tariff(element(energy(0.3), min_kwh=20, max_kwh=10), element(energy(0.3))), "limits_reversed"),
    "price per Wh": (tariff(element(energy(0.0003))), "price_size"),
    "parking by the minute": (tariff(element(energy(0.3), parking(0.1))), "price_per_minute"),
    "energy in steps of 10 kWh": (tariff(element(energy(0.3, step=10_000))), "step_size_odd"),
    "gap on a weekday": (
        tariff(
            element(energy(0.3), day_of_week=["SATURDAY", "SUNDAY"]),
            element(energy(0.4), day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY"]),
        ),
        "gap",
    ),
    "gap between kWh": (tariff(element(energy(0.3), max_kwh=10), element(energy(0.2), min_kwh=20)), "gap"),
    "gap between powers": (tariff(element(energy(0.3), max_power=11), element(energy(0.4), min_power=22)), "gap"),
    "gap in a hole of dates": (
        tariff(
            element(energy(0.2), end_date="2026-07-01"),
            element(energy(0.3), start_date="2026-07-02"),
        ),
        "gap",
    ),
    "misspelt limit": (tariff(element(energy(0.3)), min_prize={"excl_vat": 1}), "misspelt_property"),
    "misspelt component": (
        tariff(element({"type": "ENERGY", "price": 0.3, "stepsize": 1, "vat": 21})),
        "misspelt_property",
    ),
    "misspelt amount": (tariff(element(energy(0.3)), max_price={"exclVat": 10}), "misspelt_property"),
    "night by the clock of two elements": (
        tariff(element(energy(0.3)), element(energy(0.2), **{**NIGHT, "end_time": "05:00"})),
        "unreachable_night",
    ),
    "never holds": (tariff(element(energy(0.3), start_date="2026-02-02", end_date="2026-02-01")), "dead_element"),
}


@pytest.mark.parametrize(("data", "rule"), MORE.values(), ids=MORE)
def test_rule_has_other_forms(data, rule):
    assert rule in {finding.rule for finding in lint(data)}


def test_extensions_of_others_are_left_alone():
    data = tariff(element({**energy(0.3), "x_green": True}), operator_note="x", vendor={"a": 1})

    assert lint(data) == ()


def test_connector_at_whose_power_there_is_no_price():
    data = tariff(element(energy(0.3), max_power=11), element(energy(0.4), min_power=11, max_power=22))
    fast = documents.connector(power_type="DC", max_voltage=500, max_amperage=200)
    slow = documents.connector(id="2")
    only_fast = tariff(element(energy(0.5), min_power=50))

    assert {finding.rule for finding in lint(data, connectors=[fast, slow])} == {"gap"}
    found = lint(only_fast, connectors=[fast, slow])
    assert [(f.rule, f.path) for f in found if f.rule != "gap"] == [("no_price_for_connector", "connectors[1]")]
    assert "11.04 kW" in found[-1].message


def test_connector_that_says_little_is_passed_over():
    data = tariff(element(energy(0.5), min_power=50))

    assert {f.rule for f in lint(data, connectors=[{"id": "1"}, {"max_electric_power": "x"}])} == {"gap"}


def test_gravest_come_first():
    data = tariff(element(energy(0.3, 0.21, step=0)), element(energy(0.2), **NIGHT), currency="eur")

    assert [finding.level for finding in lint(data)] == ["error", "warning", "warning", "warning", "hint"]


def test_no_object_is_an_error():
    with pytest.raises(PricingError, match="has to be an object"):
        lint([])


def test_generated_tariffs_have_a_price_wherever_the_engine_finds_one():
    """A component that the lint calls dead never counts in the engine either."""
    from flask_ocpi.pricing import price
    from tests.pricing.simulation import document_of

    for number in range(400):
        data, phases, start, zone = generate(Random(number))
        dead = {f.path for f in lint(data) if f.rule in ("dead_element", "unreachable_night")}

        report = price(document_of(phases, start), [data], time_zone=zone)

        used = {f"$.elements[{s.element}]" for s in report.segments if s.element is not None}
        assert not {path.split(".restrictions")[0] for path in dead} & used, number


def test_nothing_in_a_tariff_ends_the_lint():
    random = Random(5)
    absurd = [None, "", "x", -1, 10**40, [], {}, [None], True, "25:00", {"id": None}]
    base = tariff(
        element(energy(0.3, 21), flat(1), **DAY, min_kwh=1, max_power=5, day_of_week=WORKDAYS),
        element(energy(0.3), time(3)),
        min_price={"excl_vat": 1, "incl_vat": 2},
    )
    for _ in range(2000):
        data = deepcopy(base)
        part = data
        while True:
            key = random.choice(list(part) if isinstance(part, dict) else range(len(part)))
            if isinstance(part[key], (dict, list)) and part[key] and random.random() < 0.8:
                part = part[key]
                continue
            part[key] = random.choice(absurd)
            break

        for finding in lint(data, connectors=[documents.connector()]):
            assert finding.to_dict()["rule"]
