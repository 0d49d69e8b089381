"""Exact numbers: what JSON holds becomes a fraction once, and leaves as a decimal of four places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from decimal import DecimalException
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.errors import PricingError

ZERO = Fraction(0)
ONE = Fraction(1)
# Far beyond any price or volume. A longer number costs memory and time without meaning anything.
_MAX_DIGITS = 40
_MAX_EXPONENT = 30


def number(value: Any, path: str) -> Fraction:
    """Return a number of a JSON document as a fraction, by the digits that it was written with.

    Takes what ``json.loads`` makes of a number, a Decimal, a Fraction, or text. Raises PricingError for anything else.
    """
    if type(value) is int and value.bit_length() <= 128:
        return Fraction(value)
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        raise PricingError(f"{path} has to be a number, got {type(value).__name__}.")
    text = str(value)
    if len(text) > _MAX_DIGITS:
        raise PricingError(f"{path} is a number of more than {_MAX_DIGITS} characters.")
    try:
        decimal = Decimal(text)
    except DecimalException:
        raise PricingError(f"{path} has to be a number, got {text!r}.") from None
    if not decimal.is_finite() or abs(decimal.adjusted()) > _MAX_EXPONENT:
        raise PricingError(f"{path} is no usable number: {text}.")
    return Fraction(*decimal.as_integer_ratio())


def rounded(value: Fraction, places: int = 4) -> Decimal:
    """Round half up (away from zero) to a number of decimal places, independent of the decimal context."""
    digits = abs(value) * 10**places
    whole = (2 * digits.numerator + digits.denominator) // (2 * digits.denominator)
    return Decimal((int(value < 0 and whole > 0), tuple(map(int, str(whole))), -places))


@dataclass(frozen=True, slots=True)
class Amount:
    """Money without and with VAT; None where a rate that is needed is not known."""

    excl_vat: Fraction | None = ZERO
    incl_vat: Fraction | None = ZERO

    def __add__(self, other: Amount) -> Amount:
        return total((self, other))

    def __neg__(self) -> Amount:
        return Amount(
            None if self.excl_vat is None else -self.excl_vat,
            None if self.incl_vat is None else -self.incl_vat,
        )

    def times(self, volume: Fraction) -> Amount:
        """Return what this price per unit makes for a volume."""
        return Amount(
            None if self.excl_vat is None else self.excl_vat * volume,
            None if self.incl_vat is None else self.incl_vat * volume,
        )

    def rounded(self, places: int) -> Amount:
        """Return the amount rounded half up, each side by itself."""
        return Amount(
            None if self.excl_vat is None else Fraction(rounded(self.excl_vat, places)),
            None if self.incl_vat is None else Fraction(rounded(self.incl_vat, places)),
        )

    def to_dict(self) -> dict[str, Decimal]:
        """Return an OCPI Price: four decimals, and only the sides that are known."""
        sides = (("excl_vat", self.excl_vat), ("incl_vat", self.incl_vat))
        return {name: rounded(side) for name, side in sides if side is not None}


def total(amounts: Iterable[Amount]) -> Amount:
    """Add amounts up; a side that is unknown in one of them is unknown in the sum."""
    excl: Fraction | None = ZERO
    incl: Fraction | None = ZERO
    for amount in amounts:
        excl = None if excl is None or amount.excl_vat is None else excl + amount.excl_vat
        incl = None if incl is None or amount.incl_vat is None else incl + amount.incl_vat
    return Amount(excl, incl)
