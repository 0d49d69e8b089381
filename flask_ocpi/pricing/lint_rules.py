"""Lint: small rules that find probable mistakes in a tariff before a driver sees it; here those about single values."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from fractions import Fraction
from typing import Any

from flask_ocpi.core.codes import CURRENCIES
from flask_ocpi.pricing.evidence import objects_of
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.lint_coverage import Found
from flask_ocpi.pricing.lint_coverage import Subject
from flask_ocpi.pricing.lint_coverage import dead_components
from flask_ocpi.pricing.lint_coverage import dead_elements
from flask_ocpi.pricing.lint_coverage import gaps
from flask_ocpi.pricing.lint_coverage import overlaps
from flask_ocpi.pricing.lint_coverage import too_large
from flask_ocpi.pricing.lint_coverage import unpriced_connectors
from flask_ocpi.pricing.lint_coverage import unreachable_nights
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.rules import LIKE_EURO
from flask_ocpi.pricing.tariffs import STEPS_A_UNIT
from flask_ocpi.pricing.tariffs import Component
from flask_ocpi.pricing.tariffs import Element
from flask_ocpi.pricing.tariffs import read_tariff

_PRICE = frozenset({"excl_vat", "incl_vat", "before_taxes", "after_taxes"})
# The properties of each class, of all versions of OCPI that have it.
_TARIFF = frozenset(
    {
        *("country_code", "party_id", "id", "currency", "type", "tariff_alt_text", "tariff_alt_url", "min_price"),
        *("max_price", "elements", "start_date_time", "end_date_time", "energy_mix", "last_updated"),
        *("tax_included", "preauthorize_amount"),
    }
)
_COMPONENT = frozenset({"type", "price", "vat", "step_size"})
_RESTRICTIONS = frozenset(
    {
        *(f"{side}_{name}" for side in ("start", "end") for name in ("time", "date")),
        *(f"{side}_{name}" for side in ("min", "max") for name in ("kwh", "current", "power", "duration")),
        *("day_of_week", "reservation"),
    }
)
_ELEMENT = frozenset({"price_components", "restrictions"})
_ALIKE = 18 / 25  # the least likeness of two near names
_CHEAP_HOUR = Fraction(1, 2)
_DEAR_KWH = Fraction(5)
_CHEAP_KWH = Fraction(1, 1000)
_LARGE_KWH_STEP = 5000  # Wh
_MINUTE = 60


def _components(subject: Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk the components of the document, with their paths."""
    for path, element in _elements(subject):
        for place, component in enumerate(objects_of(element, "price_components")):
            yield f"{path}.price_components[{place}]", component


def _elements(subject: Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, element in enumerate(objects_of(subject.data, "elements")):
        yield f"$.elements[{index}]", element


def _read(subject: Subject) -> Iterator[tuple[str, Element, Component]]:
    """Walk the components as they were read: the first of each dimension in an element."""
    for element in subject.elements:
        for component in element.components.values():
            yield _path_of(subject, element.index, component.type), element, component


def _path_of(subject: Subject, index: int, kind: str) -> str:
    components = objects_of(objects_of(subject.data, "elements")[index], "price_components")
    place = next(place for place, each in enumerate(components) if str(each.get("type")) == kind)
    return f"$.elements[{index}].price_components[{place}]"


def _unreadable(subject: Subject) -> Found:
    if subject.error:
        path = subject.error.split(" ", 1)[0]
        yield (path if path.startswith("$") else "$", (subject.error,))


def _no_price(subject: Subject) -> Found:
    if subject.tariff is not None and not any(element.components for element in subject.tariff.elements):
        yield "$.elements", ()


def _unknown_dimension(subject: Subject) -> Found:
    for path, component in _components(subject):
        if str(component.get("type")) not in STEPS_A_UNIT:
            yield f"{path}.type", (component.get("type"), ", ".join(STEPS_A_UNIT))


def _duplicates(subject: Subject) -> Found:
    for path, element in _elements(subject):
        seen: set[str] = set()
        for place, component in enumerate(objects_of(element, "price_components")):
            kind = str(component.get("type"))
            if kind in seen:
                yield f"{path}.price_components[{place}]", (kind,)
            seen.add(kind)


def _duration_and_clock(subject: Subject) -> Found:
    for element in subject.elements:
        if {"duration", "times"} <= set(element.restrictions.checks):
            yield f"$.elements[{element.index}].restrictions", ()


def _step_zero(subject: Subject) -> Found:
    for path, _, component in _read(subject):
        if component.step_size == 0 and component.type != "FLAT":
            yield f"{path}.step_size", ()


def _step_odd(subject: Subject) -> Found:
    for path, _, component in _read(subject):
        size = component.step_size
        is_odd = size < 0 or size.denominator != 1
        if component.type in ("TIME", "PARKING_TIME"):
            is_odd = is_odd or (size > _MINUTE and size % _MINUTE != 0)
        elif component.type == "ENERGY":
            is_odd = is_odd or size > _LARGE_KWH_STEP
        if is_odd:
            yield f"{path}.step_size", (plain(size), "Wh" if component.type == "ENERGY" else "s")


def _vat_fraction(subject: Subject) -> Found:
    for path, _, component in _read(subject):
        if component.vat is not None and 0 < component.vat < 1:
            yield f"{path}.vat", (plain(component.vat), plain(component.vat * 100))


def _minute_price(subject: Subject) -> Found:
    if not _is_like_euro(subject):
        return
    for path, _, component in _read(subject):
        if component.type in ("TIME", "PARKING_TIME") and 0 < component.price < _CHEAP_HOUR:
            yield f"{path}.price", (plain(component.price), component.type, plain(component.price * 60))


def _price_size(subject: Subject) -> Found:
    if not _is_like_euro(subject):
        return
    for path, _, component in _read(subject):
        if component.type != "ENERGY" or not component.price:
            continue
        if component.price > _DEAR_KWH:
            yield f"{path}.price", (plain(component.price), "cents")
        elif 0 < component.price < _CHEAP_KWH:
            yield f"{path}.price", (plain(component.price), "Wh")


def _is_like_euro(subject: Subject) -> bool:
    return str(subject.data.get("currency")).upper() in LIKE_EURO


def _negative_price(subject: Subject) -> Found:
    for path, _, component in _read(subject):
        if component.price < 0:
            yield f"{path}.price", (plain(component.price),)


def _misspelt(subject: Subject) -> Found:
    parts: list[tuple[str, Mapping[str, Any], frozenset[str]]] = [("$", subject.data, _TARIFF)]
    parts += [(f"$.{name}", subject.data[name], _PRICE) for name in ("min_price", "max_price") if name in subject.data]
    for path, element in _elements(subject):
        parts.append((path, element, _ELEMENT))
        if "restrictions" in element:
            parts.append((f"{path}.restrictions", element["restrictions"], _RESTRICTIONS))
    parts += [(path, component, _COMPONENT) for path, component in _components(subject)]
    for path, data, known in parts:
        if isinstance(data, Mapping):
            yield from _near_names(path, data, known)


def _near_names(path: str, data: Mapping[str, Any], known: frozenset[str]) -> Found:
    """Find the unknown names that are much like a known name that is missing."""
    plain_names = {_squeezed(name): name for name in known if name not in data}
    for name in data:
        if name in known or not isinstance(name, str):
            continue
        near = difflib.get_close_matches(_squeezed(name), plain_names, n=1, cutoff=_ALIKE)
        if near:
            yield f"{path}.{name}", (name, plain_names[near[0]])


def _squeezed(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _currency_unknown(subject: Subject) -> Found:
    currency = subject.data.get("currency")
    if str(currency).upper() not in CURRENCIES:
        yield "$.currency", (currency,)


def _currency_case(subject: Subject) -> Found:
    currency = str(subject.data.get("currency"))
    if currency not in CURRENCIES and currency.upper() in CURRENCIES:
        yield "$.currency", (currency, currency.upper())


def _ends_before_start(subject: Subject) -> Found:
    tariff = subject.tariff
    if tariff is None:
        return
    if tariff.start is not None and tariff.end is not None and tariff.end <= tariff.start:
        yield "$.end_date_time", (subject.data["end_date_time"], subject.data["start_date_time"])
    for element in tariff.elements:
        first, end = element.restrictions.dates
        if first is not None and end is not None and end <= first:
            yield f"$.elements[{element.index}].restrictions.end_date", (end, first)


def _equal_times(subject: Subject) -> Found:
    for element in subject.elements:
        times = element.restrictions.times
        if times and times[0] == times[1]:
            yield f"$.elements[{element.index}].restrictions.end_time", ()


def _limits_reversed(subject: Subject) -> Found:
    for element in subject.elements:
        limits = element.restrictions
        for name in ("kwh", "duration", "current", "power"):
            low, high = getattr(limits, name)
            if low is not None and high is not None and low >= high:
                yield f"$.elements[{element.index}].restrictions.max_{name}", (f"max_{name}", f"min_{name}")
    if subject.tariff is not None:
        low_price, high_price = subject.tariff.min_price, subject.tariff.max_price
        for side in ("excl_vat", "incl_vat"):
            low, high = getattr(low_price, side), getattr(high_price, side)
            if low is not None and high is not None and low > high:
                yield f"$.max_price.{side}", (f"max_price.{side}", f"min_price.{side}")


def _vat_reversed(subject: Subject) -> Found:
    for name in ("min_price", "max_price"):
        amount = getattr(subject.tariff, name) if subject.tariff is not None else None
        if amount and amount.excl_vat is not None and amount.incl_vat is not None and amount.incl_vat < amount.excl_vat:
            yield f"$.{name}.incl_vat", (plain(amount.incl_vat), plain(amount.excl_vat))


def _vat_differs(subject: Subject) -> Found:
    """Find components without VAT beside components with VAT: the price with VAT is then not known."""
    found = [(path, component) for path, _, component in _read(subject) if component.price]
    if any(component.vat is not None for _, component in found):
        yield from ((f"{path}.vat", ()) for path, component in found if component.vat is None)


def _reservation_dimension(subject: Subject) -> Found:
    for path, element, component in _read(subject):
        if element.restrictions.reservation and component.type not in ("FLAT", "TIME"):
            yield f"{path}.type", (component.type,)


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule: its id, its level, a sentence, and the function that finds the places that break it."""

    id: str
    level: str
    sentence: str
    find: Callable[[Subject], Found] = field(repr=False)


_Row = tuple[str, str, str, Callable[[Subject], Found]]
_ROWS: tuple[_Row, ...] = (
    ("unreadable", "error", "The tariff cannot be priced: {0}", _unreadable),
    ("no_price", "error", "No element has a price.", _no_price),
    ("unknown_dimension", "error", "{0!r} is no dimension of a tariff; there are {1}.", _unknown_dimension),
    ("duplicate_component", "error", "The element prices {0} already; this component never counts.", _duplicates),
    ("ends_before_start", "error", "It ends at {0}, and starts at {1}.", _ends_before_start),
    ("limits_reversed", "error", "{0} is not above {1}.", _limits_reversed),
    ("currency_unknown", "error", "{0!r} is no currency of ISO 4217.", _currency_unknown),
    ("vat_fraction", "error", "{0} is a percentage; {1} % is written as {1}.", _vat_fraction),
    ("vat_reversed", "error", "With VAT it is {0}, less than {1} without.", _vat_reversed),
    ("reservation_dimension", "error", "{0} is never priced while an EVSE is reserved.", _reservation_dimension),
    ("dead_element", "warning", "The element never counts: {0}.", dead_elements),
    ("unreachable_night", "warning", "The price from {0} to {1} never counts: {2}. Move it above.", unreachable_nights),
    ("dead_component", "warning", "This price of {0} never counts: {1}.", dead_components),
    ("gap", "warning", "{0} has a price, but none {1}: there it is free.", gaps),
    ("overlap", "warning", "{0} has another price in elements[{1}] {2}; the one that comes first counts.", overlaps),
    ("no_price_for_connector", "warning", "The connector {0!r} delivers up to {1} kW, and {2}.", unpriced_connectors),
    ("price_per_minute", "warning", "{0} is a price per hour of {1}; {0} a minute is written as {2}.", _minute_price),
    ("price_size", "warning", "{0} is a price per kWh in units of the currency; it looks like {1}.", _price_size),
    ("misspelt_property", "warning", "{0!r} is no property here; {1!r} is.", _misspelt),
    ("step_size_odd", "warning", "{0} {1} is an odd step: Wh for energy, seconds for time.", _step_odd),
    ("currency_case", "warning", "{0!r} is written {1!r}.", _currency_case),
    (
        "vat_missing",
        "warning",
        "Other prices have VAT and this one has none, so a price with VAT is not known.",
        _vat_differs,
    ),
    (
        "duration_and_clock",
        "hint",
        "It depends on the clock and on the duration, which few can tell.",
        _duration_and_clock,
    ),
    ("step_size_zero", "hint", "A step of 0 means none; 1 says the same.", _step_zero),
    (
        "equal_times",
        "hint",
        "It starts and ends at the same time: some read that as all day, some as never.",
        _equal_times,
    ),
    ("negative_price", "hint", "{0} pays the driver.", _negative_price),
    ("too_large", "hint", "There are too many combinations to look for gaps and overlaps of {0}.", too_large),
)

RULES: tuple[LintRule, ...] = tuple(LintRule(*row) for row in _ROWS)

#: Error: certainly a mistake. Warning: check it. Hint: allowed, and often a mistake.
LEVELS = ("hint", "warning", "error")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One probable mistake in a tariff: the rule, its level, a sentence, and the JSON path."""

    rule: str
    level: str
    message: str
    path: str

    @property
    def weighs(self) -> bool:
        """Whether it needs attention: its level is higher than hint."""
        return self.level != "hint"

    def to_dict(self) -> dict[str, str]:
        return {"rule": self.rule, "level": self.level, "message": self.message, "path": self.path}


def lint(
    tariff: Mapping[str, Any], *, connectors: Sequence[Mapping[str, Any]] = (), policy: Policy | None = None
) -> tuple[LintFinding, ...]:
    """Find mistakes in a tariff in the stored (2.2.1) shape; return them, most severe first.

    ``connectors``: the Connectors that offer it, to find power for which the tariff has no price.
    """
    if not isinstance(tariff, Mapping):
        raise PricingError(f"A tariff has to be an object, got {type(tariff).__name__}.")
    remarks = Remarks(policy or Policy())
    known, error = None, ""
    try:
        known = read_tariff(tariff, "$", remarks)
    except PricingError as failure:
        error = str(failure)
    subject = Subject(tariff, known, error, remarks, connectors)
    found = [
        LintFinding(rule.id, rule.level, rule.sentence.format(*values), path)
        for rule in RULES
        for path, values in rule.find(subject)
    ]
    return tuple(sorted(found, key=lambda finding: -LEVELS.index(finding.level)))
