"""Exact numbers: a JSON number becomes a fraction once, and leaves as a decimal of four places."""

from __future__ import annotations

import operator
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from decimal import DecimalException
from fractions import Fraction
from functools import lru_cache
from math import lcm
from types import NoneType
from typing import Any

from flask_ocpi.pricing.findings import PricingError

ZERO = Fraction(0)
ONE = Fraction(1)
# Far beyond any price or volume. A longer number costs memory and time, and means nothing.
_MAX_DIGITS = 40
_MAX_EXPONENT = 30
_MAX_BITS = 132


def number(value: Any, path: str) -> Fraction:
    """Return a number of a JSON document as a fraction, by the digits that it was written with.

    Takes a number as ``json.loads`` returns it, a Decimal, a Fraction, or text. Raises PricingError for anything else.
    """
    if type(value) is Fraction:
        return value
    if isinstance(value, (bool, NoneType, dict, list)):
        raise PricingError(f"{path} has to be a number, got {type(value).__name__}.")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:  # Python refuses to write very long ones
        raise PricingError(f"{path} is a number of more than {_MAX_DIGITS} characters.")
    text = str(value)
    if len(text) > _MAX_DIGITS:
        raise PricingError(f"{path} is a number of more than {_MAX_DIGITS} characters.")
    exact = _exact(text)
    if exact is None:
        raise PricingError(f"{path} has to be a number, got {text!r}.")
    return exact


@lru_cache(maxsize=4096)
def _exact(text: str) -> Fraction | None:
    try:
        decimal = Decimal(text)
    except DecimalException:
        return None
    if not decimal.is_finite() or abs(decimal.adjusted()) > _MAX_EXPONENT:
        return None
    return Fraction(*decimal.as_integer_ratio())


def add(values: Iterable[Fraction]) -> Fraction:
    """Add fractions up with one common denominator: much faster than one after the other."""
    parts = [value for value in values if value]
    if len(parts) < 2:
        return parts[0] if parts else ZERO
    common = lcm(*[value.denominator for value in parts])
    return Fraction(sum(value.numerator * (common // value.denominator) for value in parts), common)


def rounded(value: Fraction, places: int = 4) -> Decimal:
    """Round half up (away from zero) to a number of decimal places, independent of the decimal context."""
    numerator, denominator = value.numerator, value.denominator
    whole = (2 * abs(numerator) * 10**places + denominator) // (2 * denominator)
    sign = "-" if numerator < 0 and whole else ""
    return Decimal(f"{sign}{whole}E-{places}")  # no arithmetic, which would round to the digits of the context


@dataclass(frozen=True, slots=True)
class Amount:
    """Money without and with VAT; a side is None if a needed rate is not known."""

    excl_vat: Fraction | None = ZERO
    incl_vat: Fraction | None = ZERO

    def _each(self, change: Callable[[Fraction], Fraction]) -> Amount:
        return Amount(*(None if side is None else change(side) for side in (self.excl_vat, self.incl_vat)))

    def __neg__(self) -> Amount:
        return self._each(operator.neg)

    def times(self, volume: Fraction) -> Amount:
        """Return the cost of a volume at this price per unit."""
        return self._each(volume.__mul__)

    def rounded(self, places: int) -> Amount:
        """Return the amount rounded half up, each side by itself."""
        return self._each(lambda side: Fraction(rounded(side, places)))

    def to_dict(self) -> dict[str, Decimal]:
        """Return an OCPI Price: four decimals, and only the sides that are known."""
        sides = (("excl_vat", self.excl_vat), ("incl_vat", self.incl_vat))
        return {name: rounded(side) for name, side in sides if side is not None}


FREE = Amount()


def total(amounts: Iterable[Amount]) -> Amount:
    """Add amounts up; a side that is unknown in one of them is unknown in the sum."""
    parts = [amount for amount in amounts if amount is not FREE]
    if len(parts) < 2:
        return parts[0] if parts else FREE
    excl = [amount.excl_vat for amount in parts if amount.excl_vat is not None]
    incl = [amount.incl_vat for amount in parts if amount.incl_vat is not None]
    return Amount(
        add(excl) if len(excl) == len(parts) else None,
        add(incl) if len(incl) == len(parts) else None,
    )
