"""The lint rules that look at all elements together: dimensions priced twice, never, or by no element."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from fractions import Fraction
from itertools import combinations
from typing import Any

from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.clock import DAY
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import clock_text
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.samples import Sample
from flask_ocpi.pricing.samples import samples
from flask_ocpi.pricing.tariffs import STEPS_A_UNIT
from flask_ocpi.pricing.tariffs import Element
from flask_ocpi.pricing.tariffs import Tariff

# The place in the tariff ("$.elements[0]"), and the values for the sentence.
Found = Iterator[tuple[str, tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A tariff to check. ``tariff`` is None if it cannot be read; ``error`` is the reason.

    ``connectors``: the OCPI Connectors that offer it. ``found``: the situations computed so far.
    """

    data: Mapping[str, Any]
    tariff: Tariff | None
    error: str
    remarks: Remarks
    connectors: Sequence[Mapping[str, Any]] = ()
    found: dict[tuple[int, ...], list[Sample] | None] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[Element, ...]:
        """The elements as they were read; none if they cannot be read."""
        return self.tariff.elements if self.tariff else ()

    def groups(self) -> Iterator[tuple[str, tuple[Element, ...]]]:
        """Walk the dimensions with the elements that price them; elements for reservations are left out."""
        for dimension in STEPS_A_UNIT:
            elements = tuple(
                each for each in self.elements if dimension in each.components and not each.restrictions.reservation
            )
            if elements:
                yield dimension, elements

    def situations(self, elements: tuple[Element, ...]) -> list[Sample] | None:
        """Return the situations that some elements tell apart; None if there are too many."""
        key = tuple(element.index for element in elements)
        if key not in self.found:
            self.found[key] = samples(elements, self.remarks)
        return self.found[key]


def too_large(subject: Subject) -> Found:
    """Find the dimensions whose elements have too many limits to go through all situations."""
    for dimension, elements in subject.groups():
        if subject.situations(elements) is None:
            yield "$.elements", (dimension,)


def _never(subject: Subject) -> dict[tuple[int, str], str]:
    """Return the components that never count, by element and dimension, with the reason."""
    found = {}
    for dimension, elements in subject.groups():
        situations = subject.situations(elements)
        if situations is None:
            continue
        matching = {place for sample in situations for place in sample.matching}
        first = {sample.matching[0] for sample in situations if sample.matching}
        for place, element in enumerate(elements):
            if place not in matching:
                found[element.index, dimension] = "its restrictions never hold"
            elif place not in first:
                before = {s.matching[0] for s in situations if place in s.matching}
                names = ", ".join(f"elements[{elements[other].index}]" for other in sorted(before))
                found[element.index, dimension] = f"{names} always comes before it"
    return found


def _is_dead(element: Element, never: Mapping[tuple[int, str], str]) -> bool:
    return bool(element.components) and all((element.index, kind) in never for kind in element.components)


def dead_elements(subject: Subject) -> Found:
    """Find elements whose prices never count, except those that :func:`unreachable_nights` finds."""
    never = _never(subject)
    for element in subject.elements:
        if _is_dead(element, never) and not _is_night(element, never):
            yield f"$.elements[{element.index}]", (never[element.index, next(iter(element.components))],)


def unreachable_nights(subject: Subject) -> Found:
    """Find elements over midnight whose prices never count, as another one comes before them."""
    never = _never(subject)
    for element in subject.elements:
        times = element.restrictions.times
        if times and _is_dead(element, never) and _is_night(element, never):
            start, end = (clock_text(mark % DAY) for mark in times)
            reason = never[element.index, next(iter(element.components))]
            yield f"$.elements[{element.index}].restrictions.start_time", (start, end, reason)


def _is_night(element: Element, never: Mapping[tuple[int, str], str]) -> bool:
    times = element.restrictions.times
    reason = never[element.index, next(iter(element.components))]
    return bool(times and times[0] > times[1] and "before it" in reason)


def dead_components(subject: Subject) -> Found:
    """Find single prices that never count, in elements with prices that do."""
    never = _never(subject)
    for element in subject.elements:
        if not _is_dead(element, never):
            for kind in element.components:
                if (element.index, kind) in never:
                    yield f"$.elements[{element.index}].price_components", (kind, never[element.index, kind])


def gaps(subject: Subject) -> Found:
    """Find situations in which a priced dimension is free, probably by mistake."""
    for dimension, elements in subject.groups():
        if dimension != "ENERGY" and not _is_split(elements):
            continue
        hole = _hole(subject.situations(elements) or [])
        if hole is not None:
            yield "$.elements", (dimension, hole.text)


def _hole(situations: Sequence[Sample]) -> Sample | None:
    """Return the first situation without a price, except at the beginning of a session that is priced later."""
    priced: dict[object, list[tuple[Fraction, int]]] = {}
    for sample in situations:
        if sample.matching:
            priced.setdefault(_setting(sample), []).append((sample.at.kwh, sample.at.elapsed))
    for sample in situations:
        if sample.matching:
            continue
        at, others = sample.at, priced.get(_setting(sample), [])
        is_beginning = bool(others) and not any(kwh <= at.kwh and gone <= at.elapsed for kwh, gone in others)
        if not is_beginning:
            return sample
    return None


def _setting(sample: Sample) -> object:
    """Return the part of a situation that does not change in the course of a session."""
    return sample.at.local, tuple(sample.at.stated.values())


def _is_split(elements: Sequence[Element]) -> bool:
    """Tell whether several elements split the day or the week, so that a gap between them is a mistake."""
    return len([each for each in elements if {"times", "days"} & set(each.restrictions.checks)]) > 1


def overlaps(subject: Subject) -> Found:
    """Find two elements with different prices that hold at the same time, if neither is an exception to the other.

    If one holds whenever the other does, the narrower one is an exception, and comes first on purpose.
    """
    for dimension, elements in subject.groups():
        situations = subject.situations(elements) or []
        holds = [0] * len(elements)  # a bit for each situation
        for bit, sample in enumerate(situations):
            for place in sample.matching:
                holds[place] |= 1 << bit
        for (one, before), (other, after) in combinations(zip(elements, holds, strict=True), 2):
            both = before & after
            if both in (0, before, after) or one.restrictions.checks != other.restrictions.checks:
                continue
            if one.components[dimension].unit != other.components[dimension].unit:
                text = situations[(both & -both).bit_length() - 1].text
                yield f"$.elements[{other.index}].restrictions", (dimension, one.index, text)


def unpriced_connectors(subject: Subject) -> Found:
    """Find connectors for whose power neither energy nor time has a price."""
    if subject.tariff is None:
        return
    for index, connector in enumerate(subject.connectors):
        power = _power(connector)
        if power is None:
            continue
        priced = [d for d, elements in subject.groups() if any(_takes(each, power) for each in elements)]
        if "ENERGY" not in priced and "TIME" not in priced:
            missing = "neither ENERGY nor TIME has a price for that"
            yield f"connectors[{index}]", (connector.get("id"), plain(power), missing)


def _takes(element: Element, power: Fraction) -> bool:
    """Tell whether an element may hold at some power up to the connector's maximum."""
    low, high = element.restrictions.power
    return (low is None or low <= power) and (high is None or high > 0)


def _power(connector: Mapping[str, Any]) -> Fraction | None:
    """Return the maximum power of a connector in kW."""
    try:
        if connector.get("max_electric_power"):
            return number(connector["max_electric_power"], "max_electric_power") / 1000
        volts, amps = (number(connector.get(name), name) for name in ("max_voltage", "max_amperage"))
    except PricingError:
        return None
    phases = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}.get(str(connector.get("power_type")), 1)
    return volts * amps * phases / 1000
