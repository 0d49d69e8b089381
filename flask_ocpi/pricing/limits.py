"""Price limits: min_price and max_price bind the price without and with VAT, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class Limit:
    """Which limit took effect on which side: min_price, max_price, or None."""

    excl_vat: str | None
    incl_vat: str | None

    def to_dict(self) -> dict[str, str]:
        sides = (("excl_vat", self.excl_vat), ("incl_vat", self.incl_vat))
        return {side: name for side, name in sides if name}


def limit(cost: Amount, tariffs: list[Tariff], usage: Usage, remarks: Remarks) -> tuple[Amount, Limit | None]:
    """Bound the cost of a session by the limits of its tariff: first the minimum, then the maximum."""
    if not tariffs:
        return cost, None
    first, last = tariffs[0], tariffs[-1]
    if (first.min_price, first.max_price) != (last.min_price, last.max_price):
        remarks.decided("limits_of")
    tariff = first if remarks.policy.limits_of == "first" else last
    minimum = tariff.min_price
    if usage.expired and minimum != Amount(None, None):
        remarks.decided("expired_min_price")
        if remarks.policy.expired_min_price == "ignore":
            minimum = Amount(None, None)
    excl, excl_limit = _bound(cost.excl_vat, minimum.excl_vat, tariff.max_price.excl_vat)
    incl, incl_limit = _bound(cost.incl_vat, minimum.incl_vat, tariff.max_price.incl_vat)
    for low, high in ((minimum.excl_vat, tariff.max_price.excl_vat), (minimum.incl_vat, tariff.max_price.incl_vat)):
        if low is not None and high is not None and low > high:
            remarks.note("limits_contradict", f"{tariff.path}.min_price", tariff.id)
    applied = Limit(excl_limit, incl_limit) if excl_limit or incl_limit else None
    return Amount(excl, incl), applied


def _bound(
    cost: Fraction | None, minimum: Fraction | None, maximum: Fraction | None
) -> tuple[Fraction | None, str | None]:
    if cost is None:
        return None, None
    applied = None
    if minimum is not None and cost < minimum:
        cost, applied = minimum, "min_price"
    if maximum is not None and cost > maximum:
        cost, applied = maximum, "max_price"
    return cost, applied
