"""Tariffs as the engine reads them: elements with components and restrictions, and marks where prices can change."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.amounts import ONE
from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.clock import known_moment
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import Restrictions
from flask_ocpi.pricing.restrictions import read_restrictions

# Dimension of a component: the number of steps in one unit of its price. A step is 1 Wh, or 1 s.
STEPS_A_UNIT = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 0}


@dataclass(frozen=True, slots=True)
class Component:
    """A PriceComponent: ``step`` is in units of the price (kWh or hours), ``unit`` is the price of one unit."""

    type: str
    price: Fraction
    vat: Fraction | None
    step_size: Fraction
    step: Fraction
    unit: Amount
    rate_is_open: bool


@dataclass(frozen=True, slots=True)
class Element:
    """A TariffElement: the first component of each dimension, and when it applies."""

    index: int
    components: Mapping[str, Component]
    restrictions: Restrictions


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff, and the marks where its prices can change: kWh, microseconds of duration, seconds of the day."""

    id: str
    path: str
    currency: str
    elements: tuple[Element, ...]
    by_dimension: Mapping[str, tuple[Element, ...]]
    min_price: Amount
    max_price: Amount
    start: int | None
    end: int | None
    kwh_marks: tuple[Fraction, ...]
    duration_marks: tuple[int, ...]
    clock_marks: tuple[int, ...]


def read_tariff(data: Mapping[str, Any], path: str, remarks: Remarks) -> Tariff:
    """Read a Tariff of the stored shape; raise PricingError if it cannot be understood."""
    if not isinstance(data, Mapping):
        raise PricingError(f"{path} has to be a Tariff object, got {type(data).__name__}.")
    tariff_id = str(data.get("id", ""))
    elements = tuple(
        _element(index, element, f"{path}.elements[{index}]", data, remarks)
        for index, element in enumerate(objects(data.get("elements"), f"{path}.elements"))
        if not _is_for_bookings(element, f"{path}.elements[{index}]", tariff_id, remarks)
    )
    restrictions = [element.restrictions for element in elements]
    return Tariff(
        id=tariff_id,
        path=path,
        currency=str(data.get("currency") or ""),
        elements=elements,
        by_dimension={
            dimension: tuple(element for element in elements if dimension in element.components)
            for dimension in STEPS_A_UNIT
        },
        min_price=_limit(data.get("min_price"), f"{path}.min_price"),
        max_price=_limit(data.get("max_price"), f"{path}.max_price"),
        start=known_moment(data.get("start_date_time"), f"{path}.start_date_time"),
        end=known_moment(data.get("end_date_time"), f"{path}.end_date_time"),
        kwh_marks=tuple(sorted({kwh for each in restrictions for kwh in each.kwh if kwh is not None})),
        duration_marks=tuple(sorted({ticks for each in restrictions for ticks in each.duration if ticks is not None})),
        clock_marks=tuple(sorted({mark for each in restrictions for mark in each.clock_marks})),
    )


def objects(value: Any, path: str) -> Sequence[Mapping[str, Any]]:
    """Return a list of JSON objects, empty if it is missing; raise PricingError for anything else."""
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in value):
        raise PricingError(f"{path} has to be a list of objects.")
    return value


def _is_for_bookings(data: Mapping[str, Any], path: str, tariff_id: str, remarks: Remarks) -> bool:
    """Tell whether an element of 2.3.0 prices a booking, which a session does not report; if so, note it."""
    restrictions = data.get("restrictions")
    kind = restrictions.get("booking") if isinstance(restrictions, Mapping) else None
    if kind is not None:
        remarks.note("booking_not_priced", f"{path}.restrictions.booking", tariff_id, str(kind))
    return kind is not None


def _element(index: int, data: Mapping[str, Any], path: str, tariff: Mapping[str, Any], remarks: Remarks) -> Element:
    components: dict[str, Component] = {}
    for place, component in enumerate(objects(data.get("price_components"), f"{path}.price_components")):
        where = f"{path}.price_components[{place}]"
        kind = str(component.get("type"))
        if kind not in STEPS_A_UNIT:
            remarks.note("unknown_component", f"{where}.type", str(tariff.get("id")), kind)
        elif kind not in components:
            components[kind] = _component(kind, component, where, tariff, remarks)
    restrictions = data.get("restrictions")
    return Element(index, components, read_restrictions(restrictions or {}, f"{path}.restrictions"))


def _component(kind: str, data: Mapping[str, Any], path: str, tariff: Mapping[str, Any], remarks: Remarks) -> Component:
    price = number(data.get("price"), f"{path}.price")
    vat = None if data.get("vat") is None else number(data["vat"], f"{path}.vat")
    if vat is not None and vat <= -100:
        raise PricingError(f"{path}.vat has to be a percentage above -100.")
    step_size = number(data.get("step_size") or 0, f"{path}.step_size")
    included = str(tariff.get("tax_included") or "NO").upper()
    rate_is_open = bool(price) and vat is None and included != "N/A"
    if included == "N/A" or (vat is None and (not price or remarks.policy.missing_vat == "none")):
        unit = Amount(price, price)
    elif vat is None:
        unit = Amount(None, price) if included == "YES" else Amount(price, None)
    elif included == "YES":
        unit = Amount(price / (ONE + vat / 100), price)
    else:
        unit = Amount(price, price * (ONE + vat / 100))
    if unit.excl_vat is None:
        remarks.note("tax_unknown", f"{path}.vat", str(tariff.get("id")))
    step = step_size / STEPS_A_UNIT[kind] if kind != "FLAT" and step_size > 0 else ZERO
    return Component(kind, price, vat, step_size, step, unit, rate_is_open)


def _limit(value: Any, path: str) -> Amount:
    """Read a Price, or a PriceLimit of 2.3.0; a side that is None is no limit."""
    if value is None:
        return Amount(None, None)
    if not isinstance(value, Mapping):
        raise PricingError(f"{path} has to be a Price object.")
    excl, incl = (
        next((number(value[name], f"{path}.{name}") for name in names if value.get(name) is not None), None)
        for names in (("excl_vat", "before_taxes"), ("incl_vat", "after_taxes"))
    )
    return Amount(excl, incl)


def tariff_key(tariff_id: Any) -> str:
    """Return an id for comparison: case does not matter in OCPI."""
    return str(tariff_id).casefold()
