"""Tests of the conditions that the classes of the tariffs module carry, and that tariffs are passed on as they are."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import load
from flask_ocpi.core.schema import with_defaults
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.enums import DayOfWeek
from flask_ocpi.modules.enums import ReservationRestrictionType
from flask_ocpi.modules.enums import TariffType
from flask_ocpi.modules.tariffs import PriceComponent
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tariffs import TariffElement
from flask_ocpi.modules.tariffs import TariffRestrictions
from flask_ocpi.testing.documents import tariff

ENERGY = {"type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 1}
FLAT = {"type": "FLAT", "price": 0.5, "vat": 20.0, "step_size": 1}
TIME = {"type": "TIME", "price": 2, "vat": 20.0, "step_size": 60}
PARKING = {"type": "PARKING_TIME", "price": 5, "vat": 20.0, "step_size": 300}


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


def element(*components, **restrictions):
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


@pytest.mark.parametrize("name", list(tariff()))
def test_tariff_needs(name):
    document = tariff()
    del document[name]

    refuse(Tariff, document, f"{name} is required")


@pytest.mark.conformance("TAR-08")
@pytest.mark.parametrize("empty", [[], None], ids=repr)
def test_tariff_has_an_element(empty):
    problem = "must not be null" if empty is None else "must have at least one element"

    refuse(Tariff, tariff(elements=empty), f"elements {problem}")


@pytest.mark.conformance("TAR-08")
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "is required"),
        ({"price_components": None}, "must not be null"),
        ({"price_components": []}, "must have at least one element"),
        ({"price_components": [], "restrictions": {"start_time": "08:00"}}, "must have at least one element"),
    ],
    ids=["none", "null", "empty", "restricted"],
)
def test_element_has_a_price_component(broken, message):
    refuse(Tariff, tariff(elements=[element(ENERGY), broken]), f"elements[1].price_components {message}")


@pytest.mark.parametrize("name", ["type", "price", "step_size"])
def test_price_component_needs(name):
    document = {key: value for key, value in ENERGY.items() if key != name}

    refuse(PriceComponent, document, f"{name} is required")


@pytest.mark.conformance("TAR-09")
def test_elements_and_components_keep_their_order():
    later_but_alike = element({**ENERGY, "price": 0.2}, day_of_week=["SUNDAY", "MONDAY"])
    document = tariff(
        elements=[
            element(PARKING, ENERGY, TIME, FLAT),
            later_but_alike,
            element({**ENERGY, "price": 0.3}),
            later_but_alike,
            element(ENERGY, {**ENERGY, "price": 0.1}),
        ]
    )

    accept(Tariff, document)


@pytest.mark.conformance("TAR-10")
def test_dimension_that_no_element_prices_always_stays_without_price():
    document = tariff(elements=[element(ENERGY, start_time="08:00", end_time="18:00")])

    accept(Tariff, document)


@pytest.mark.conformance("TAR-11")
def test_element_may_have_all_restrictions_at_once():
    restrictions = {
        "start_time": "08:00",
        "end_time": "18:00",
        "start_date": "2024-07-01",
        "end_date": "2024-09-01",
        "min_kwh": 0,
        "max_kwh": 50,
        "min_current": 0,
        "max_current": 96.5,
        "min_power": 0,
        "max_power": 66.1234,
        "min_duration": 0,
        "max_duration": 3600,
        "day_of_week": list(DayOfWeek),
        "reservation": "RESERVATION",
    }

    accept(Tariff, tariff(elements=[element(TIME, **restrictions)]))
    assert list(restrictions) == list(TariffRestrictions().load_fields)


@pytest.mark.parametrize("restrictions", [{}, {"day_of_week": []}, {"min_kwh": None}], ids=repr)
def test_element_without_a_restriction_is_not_restricted(restrictions):
    document = {"price_components": [ENERGY], "restrictions": restrictions}

    assert load(TariffElement(), document) == {"price_components": [ENERGY], "restrictions": {}}


@pytest.mark.conformance("TAR-12", "TYP-24")
@pytest.mark.parametrize(
    ("start", "end"),
    [("08:00", "18:00"), ("22:00", "06:00"), ("13:30", "00:00"), ("00:00", "00:00"), ("00:00", "23:59")],
    ids=["day", "over-midnight", "to-midnight", "all-day", "nearly-all-day"],
)
def test_times_are_local_and_may_wrap(start, end):
    accept(TariffRestrictions, {"start_time": start, "end_time": end})


@pytest.mark.conformance("TAR-12", "TYP-24")
@pytest.mark.parametrize("name", ["start_time", "end_time"])
@pytest.mark.parametrize("value", ["8:00", "24:00", "12:60", "12.30", "1230", "12:3", "", "١٢:٣٠"])
def test_time_in_another_form_is_refused(name, value):
    refuse(TariffRestrictions, {name: value}, f"{name} must be a time from 00:00 to 23:59")


@pytest.mark.parametrize("name", ["start_time", "end_time", "start_date", "end_date"])
def test_time_that_is_too_long_is_refused(name):
    with pytest.raises(InvalidParametersError, match=f"^Invalid body: {name} is longer than "):
        load(TariffRestrictions(), {name: "2024-05-31T12:00:00Z"})


@pytest.mark.conformance("TAR-12", "TYP-24")
@pytest.mark.parametrize("value", ["2024-05-31", "1999-12-01", "2024-02-29"])
def test_dates_are_local(value):
    accept(TariffRestrictions, {"start_date": value, "end_date": value})


@pytest.mark.conformance("TAR-12", "TYP-24")
@pytest.mark.parametrize("name", ["start_date", "end_date"])
@pytest.mark.parametrize(
    "value",
    ["2024-5-31", "2024-13-01", "2024-00-01", "2024-01-00", "2024-01-32", "31-05-2024", "20240531", "0024-01-01", ""],
)
def test_date_in_another_form_is_refused(name, value):
    refuse(TariffRestrictions, {name: value}, f"{name} must be a date such as 2024-05-31")


@pytest.mark.conformance("TAR-13")
@pytest.mark.parametrize("what", ["kwh", "current", "power", "duration"])
def test_bounds_that_meet_stay_apart(what):
    below = element(ENERGY, **{f"max_{what}": 20})
    above = element(ENERGY, **{f"min_{what}": 20})

    accept(Tariff, tariff(elements=[below, above]))


@pytest.mark.conformance("TAR-13", "T-30")
@pytest.mark.parametrize("name", ["min_kwh", "min_current", "min_power", "min_duration"])
def test_lower_bound_of_0_is_a_bound(name):
    accept(TariffRestrictions, {name: 0})


@pytest.mark.conformance("TAR-14")
def test_currents_are_those_of_all_phases_together_and_stay_so():
    accept(TariffRestrictions, {"min_current": 48, "max_current": 96})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_duration": 1.5}, "min_duration must be an integer, not a fraction"),
        ({"max_duration": -1}, f"max_duration must be between 0 and {2**53 - 1}"),
        ({"min_kwh": "20"}, "min_kwh must be a number, not a string"),
    ],
    ids=["part-of-a-second", "negative", "text"],
)
def test_restriction_of_another_type_is_refused(changes, message):
    refuse(TariffRestrictions, changes, message)


@pytest.mark.conformance("TAR-15")
@pytest.mark.parametrize("kind", list(ReservationRestrictionType))
@pytest.mark.parametrize("components", [[FLAT], [TIME], [FLAT, TIME]], ids=["flat", "time", "both"])
def test_reservations_cost_fees_and_time(kind, components):
    accept(TariffElement, element(*components, reservation=str(kind)))


@pytest.mark.conformance("TAR-15")
@pytest.mark.parametrize("kind", list(ReservationRestrictionType))
@pytest.mark.parametrize("other", [ENERGY, PARKING], ids=["energy", "parking"])
def test_reservations_cost_nothing_else(kind, other):
    refuse(
        Tariff,
        tariff(elements=[element(ENERGY, PARKING), element(FLAT, other, TIME, reservation=str(kind))]),
        "elements[1].price_components[1].type must be FLAT or TIME where reservation is restricted",
    )


@pytest.mark.conformance("TAR-16")
def test_expired_reservations_are_kept_apart_from_the_others():
    document = tariff(
        elements=[
            element(FLAT, {**TIME, "price": 6}, reservation="RESERVATION_EXPIRES"),
            element({**TIME, "price": 3}, reservation="RESERVATION"),
            element(ENERGY),
        ]
    )

    accept(Tariff, document)


@pytest.mark.conformance("TAR-17")
def test_tariff_is_valid_between_utc_date_times():
    accept(Tariff, tariff(start_date_time="2024-01-01T00:00:00Z", end_date_time="2024-12-31T23:59:59Z"))

    spelled = tariff(start_date_time="2024-01-01T00:00:00", end_date_time="2024-12-31T23:59:59+00:00")
    loaded = load(Tariff(), spelled)

    assert (loaded["start_date_time"], loaded["end_date_time"]) == ("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z")


@pytest.mark.conformance("TAR-17")
@pytest.mark.parametrize("name", ["start_date_time", "end_date_time"])
@pytest.mark.parametrize("value", ["2024-01-01T00:00:00+01:00", "2024-01-01"], ids=["local", "date"])
def test_tariff_is_not_valid_between_local_times(name, value):
    refuse(Tariff, tariff(**{name: value}), f"{name} must be a UTC date and time such as 2024-05-31T12:00:00Z")


@pytest.mark.conformance("TAR-18", "TAR-19")
def test_free_tariff_keeps_its_price_and_step_size_of_0():
    free = {"type": "FLAT", "price": 0.0, "step_size": 0}

    loaded = load(Tariff(), tariff(elements=[element(free)]))

    assert loaded["elements"] == [{"price_components": [free]}]


@pytest.mark.conformance("TAR-19")
@pytest.mark.parametrize("step_size", [0, 1, 900])
def test_step_size_is_a_whole_number(step_size):
    accept(PriceComponent, {**ENERGY, "step_size": step_size})


@pytest.mark.conformance("TAR-19")
@pytest.mark.parametrize(
    ("step_size", "problem"),
    [
        (-1, f"must be between 0 and {2**53 - 1}"),
        (0.5, "must be an integer, not a fraction"),
        ("1", "must be an integer, not a string"),
        (False, "must be an integer, not a boolean"),
        (None, "must not be null"),
    ],
    ids=repr,
)
def test_step_size_is_nothing_else(step_size, problem):
    refuse(PriceComponent, {**ENERGY, "step_size": step_size}, f"step_size {problem}")


@pytest.mark.conformance("TAR-20")
def test_each_component_keeps_its_own_step_size():
    steps = [element({**TIME, "step_size": 600}), element({**TIME, "step_size": 1}, {**PARKING, "step_size": 900})]

    loaded = load(Tariff(), tariff(elements=steps))

    found = [part["step_size"] for step in loaded["elements"] for part in step["price_components"]]
    assert found == [600, 1, 900]


@pytest.mark.conformance("TAR-22")
@pytest.mark.parametrize("name", ["min_price", "max_price"])
@pytest.mark.parametrize(
    "price",
    [{"excl_vat": 0.5, "incl_vat": 0.55}, {"excl_vat": 10, "incl_vat": 10}, {"excl_vat": 0.0}],
    ids=["both", "alike", "one"],
)
def test_limits_without_and_with_vat_are_apart(name, price):
    accept(Tariff, tariff(**{name: price}))


@pytest.mark.conformance("TAR-22", "TYP-18")
@pytest.mark.parametrize("name", ["min_price", "max_price"])
def test_limit_is_no_plain_number_as_in_earlier_versions(name):
    refuse(Tariff, tariff(**{name: 0.5}), f"{name} must be a JSON object, not a number")
    refuse(Tariff, tariff(**{name: {"incl_vat": 0.5}}), f"{name}.excl_vat is required")


@pytest.mark.conformance("TAR-23")
@pytest.mark.parametrize("vat", [0, 0.0, 5.2, 21], ids=repr)
def test_vat_is_kept_even_when_it_is_0(vat):
    loaded = load(PriceComponent(), {**ENERGY, "vat": vat})

    assert loaded["vat"] == vat


@pytest.mark.conformance("TAR-23")
@pytest.mark.parametrize("component", [{}, {"vat": None}], ids=["absent", "null"])
def test_vat_that_is_absent_stays_absent(component):
    loaded = load(PriceComponent(), {"type": "ENERGY", "price": 0.25, "step_size": 1, **component})

    assert with_defaults(PriceComponent(), loaded) == {"type": "ENERGY", "price": 0.25, "step_size": 1}


@pytest.mark.conformance("TAR-24")
@pytest.mark.parametrize("price", [0.0001, 0.2001, 1.005, 4.9975, 123456789.1234, -0.05])
def test_prices_keep_their_decimals(price):
    document = tariff(elements=[element({**ENERGY, "price": price})], min_price={"excl_vat": price})

    sent = json.dumps(load(Tariff(), json.loads(json.dumps(document))))

    assert sent.count(f": {price}") == 2


@pytest.mark.conformance("TAR-25")
def test_tariff_without_type_is_not_given_one():
    assert "type" not in with_defaults(Tariff(), load(Tariff(), tariff(type=None)))


@pytest.mark.conformance("TAR-25")
@pytest.mark.parametrize("kind", list(TariffType))
def test_tariff_may_be_for_some_sessions(kind):
    accept(Tariff, tariff(type=str(kind)))


@pytest.mark.conformance("TAR-26")
def test_text_goes_with_elements_and_replaces_none():
    texts = [{"language": "en", "text": "Half the fee with a debit card."}, {"language": "en", "text": "Ask inside."}]

    accept(Tariff, tariff(tariff_alt_text=texts, tariff_alt_url="https://www.example.com/tariffs/1"))
    with pytest.raises(InvalidParametersError, match="elements is required"):
        load(Tariff(), {name: value for name, value in tariff(tariff_alt_text=texts).items() if name != "elements"})


@pytest.mark.conformance("TYP-21")
def test_currency_is_compared_with_the_iso_list_when_strict():
    accept(Tariff, tariff(currency="ZZZ"))
    refuse(Tariff, tariff(currency="EURO"), "currency is longer than 3 characters (it has 4)")
    with pytest.raises(InvalidParametersError, match="currency is not a code of the ISO list"):
        load(Tariff(policy=Policy(strict_codes=True)), tariff(currency="ZZZ"))
