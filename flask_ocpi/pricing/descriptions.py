"""Tariffs in words for drivers, in several languages."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.clock import as_text
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.policy import places_of
from flask_ocpi.pricing.restrictions import Restrictions
from flask_ocpi.pricing.restrictions import clock_text
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.samples import samples
from flask_ocpi.pricing.tariffs import Component
from flask_ocpi.pricing.tariffs import Element
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.tariffs import read_tariff
from flask_ocpi.pricing.texts import LANGUAGES
from flask_ocpi.pricing.texts import Language

_DIMENSIONS = ("FLAT", "ENERGY", "TIME", "PARKING_TIME")
_RESERVED = ("RESERVATION", "RESERVATION_EXPIRES")
_PER = {"ENERGY": "per kWh", "TIME": "per hour", "PARKING_TIME": "per hour"}
_LEAST_DAYS = 3  # that are written as "Monday to Friday"


def describe(tariff: Mapping[str, Any], language: str = "en") -> str:
    """Describe the prices of a tariff, one on each line, in a language of ``LANGUAGES`` (en, de, nl, fr).

    The lines of a dimension are in the order of the tariff: the first one that applies counts. Raises PricingError if
    the tariff cannot be understood, or for another language.
    """
    known = LANGUAGES.get(language.lower().split("-")[0])
    if known is None:
        raise PricingError(f"There are no words in {language!r}; there are {', '.join(LANGUAGES)}.")
    return "\n".join(_Writer(read_tariff(tariff, "$", Remarks(Policy())), known).lines())


@dataclass(frozen=True, slots=True)
class _Writer:
    tariff: Tariff
    language: Language

    def lines(self) -> Iterator[str]:
        prices = [line for title, elements, kind in self._groups() for line in self._prices(title, elements, kind)]
        yield from prices or [f"{self._word('nothing')}."]
        for name, amount in (("at least", self.tariff.min_price), ("at most", self.tariff.max_price)):
            if amount != Amount(None, None):
                yield f"{self._word(name, self._amount(amount, '', None))}."
        for name, ticks in (("valid from", self.tariff.start), ("valid until", self.tariff.end)):
            if ticks is not None:
                yield f"{self._word(name, as_text(ticks))}."

    def _groups(self) -> Iterator[tuple[str, Sequence[Element], str]]:
        elements = self.tariff.elements
        for kind in _DIMENSIONS:
            yield kind, [e for e in elements if kind in e.components and not e.restrictions.reservation], kind
        for reserved in _RESERVED:
            for kind in ("FLAT", "TIME"):
                found = [e for e in elements if kind in e.components and e.restrictions.reservation == reserved]
                yield f"{reserved} {kind}", found, kind

    def _prices(self, title: str, elements: Sequence[Element], kind: str) -> Iterator[str]:
        """Write the prices of a dimension, up to the first without a condition: none after it ever applies."""
        name = self._word(title)
        for number, element in enumerate(elements):
            component = element.components[kind]
            parts = [self._price(component), *self._conditions(element.restrictions)]
            if component.step > 0 and component.step_size > 1:
                size = component.step_size
                step = f"{self._number(size / 1000)} kWh" if kind == "ENERGY" else self._duration(size)
                parts.append(self._word("step", step))
            head = f"{name}, {self._word('otherwise')}" if number else name
            yield f"{head}: {', '.join(parts)}."
            if not element.restrictions.checks:
                return
        if elements and self._has_hole(elements):
            yield f"{name}, {self._word('otherwise')}: {self._word('free')}."

    def _has_hole(self, elements: Sequence[Element]) -> bool:
        """Tell whether there are times, or amounts, at which no element applies; True if they are too many to check."""
        situations = samples(elements, Remarks(Policy()))
        return situations is None or not all(sample.matching for sample in situations)

    def _price(self, component: Component) -> str:
        if not component.price:
            return self._word("free")
        per = _PER.get(component.type)
        return self._amount(component.unit, f" {self._word(per)}" if per else "", component.vat)

    def _amount(self, amount: Amount, per: str, vat: Fraction | None) -> str:
        """Write money without VAT and, in brackets, with VAT; only one of them if the other is equal or not known."""
        excl, incl = amount.excl_vat, amount.incl_vat
        if excl is None:
            return self._word("incl. VAT", f"{self._money(incl or Fraction(0))}{per}")
        text = f"{self._money(excl)}{per}"
        if incl is None or incl == excl:
            return text
        with_vat = self._money(incl)
        known = ("incl. VAT", with_vat) if vat is None else ("with VAT", with_vat, self._number(vat))
        return f"{text} ({self._word(*known)})"

    def _conditions(self, limits: Restrictions) -> Iterator[str]:
        for check in limits.checks:
            if check == "times" and limits.times:
                yield self._word("times", *map(clock_text, limits.times))
            elif check == "days":
                yield self._days(sorted(limits.days))
            elif check == "dates":
                names = zip(("from date", "before date"), limits.dates, strict=True)
                yield from (self._word(name, day.isoformat()) for name, day in names if day)
            elif check == "duration":
                names_of = zip(("duration from", "duration below"), limits.duration, strict=True)
                yield from (self._word(n, self._duration(Fraction(t, SECOND))) for n, t in names_of if t)
            else:
                unit = {"kwh": "kWh", "current": "A", "power": "kW"}[check]
                bounds = zip(("from", "below"), getattr(limits, check), strict=True)
                yield from (self._word(n, f"{self._number(b)} {unit}") for n, b in bounds if b is not None)

    def _days(self, days: Sequence[int]) -> str:
        names = self.language.days
        if len(days) >= _LEAST_DAYS and days[-1] - days[0] == len(days) - 1:
            return self._word("days from to", names[days[0]], names[days[-1]])
        return self._word("days", ", ".join(names[day] for day in days))

    def _duration(self, seconds: Fraction) -> str:
        if seconds.denominator != 1:
            return f"{self._number(seconds)} s"
        whole = int(seconds)
        parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
        return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"

    def _money(self, value: Fraction) -> str:
        whole, _, decimals = plain(value).partition(".")
        places = places_of(self.tariff.currency, Policy())
        decimals = decimals.ljust(places, "0")
        number = f"{whole}{self.language.point}{decimals}" if decimals else whole
        return f"{number} {self.tariff.currency}".strip()

    def _number(self, value: Fraction) -> str:
        return plain(value).replace(".", self.language.point)

    def _word(self, name: str, *values: str) -> str:
        return self.language.words[name].format(*values)
