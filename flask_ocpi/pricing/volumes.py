"""Billed volumes: the volumes of a session rounded up by step_size, once for each unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.amounts import add
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.segments import Draft
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.usage import Usage

# Half of the fourth decimal of an hour: the largest difference of a volume on the wire from the measured one.
_HALF_DIGIT = Fraction(1, 20_000)
_DECIMAL = 10**40  # what every denominator of a decimal divides


def bill(drafts: Sequence[Draft], usage: Usage, remarks: Remarks) -> None:
    """Round the volumes up by steps: energy, reservation, and the later one of charging and parking.

    A total is rounded by the step of the last used component; the added volume is billed by that component.
    """
    for draft in drafts:
        if draft.dimension == "ENERGY" and draft.volume < 0 and draft.is_priced:
            remarks.decided("negative_energy")
            if remarks.policy.negative_energy == "free":
                draft.billed = ZERO
    for dimension in ("ENERGY", "RESERVATION_TIME"):
        priced = [draft for draft in drafts if draft.is_priced and draft.dimension == dimension]
        if priced:
            _round(priced, max(priced, key=_order), usage, remarks)
    times = [draft for draft in drafts if draft.is_priced and draft.dimension in {"TIME", "PARKING_TIME"}]
    last = _last(times, remarks)
    if last is not None:
        _round([draft for draft in times if draft.dimension == last.dimension], last, usage, remarks)


def _order(draft: Draft) -> tuple[int, int, Fraction, bool]:
    """Return the order of segments by their ends: by period, share, and charging before parking."""
    return draft.period.start, draft.period.end, draft.ends, draft.dimension == "PARKING_TIME"


def _last(times: Sequence[Draft], remarks: Remarks) -> Draft | None:
    """Return the last priced time segment."""
    if not times:
        return None
    last = max(times, key=_order)
    costing = [draft for draft in times if draft.match.component and draft.match.component.price]
    if costing and (other := max(costing, key=_order)) is not last:
        remarks.decided("free_steps")
        if remarks.policy.free_steps == "skip":
            return other
    return last


def _round(drafts: Sequence[Draft], last: Draft, usage: Usage, remarks: Remarks) -> None:
    """Round the total of segments of one dimension up; the last segment is billed the added volume."""
    component = last.match.component
    if component is None or not component.step:
        return
    total = add(draft.billed for draft in drafts)
    over = total % component.step
    if total <= 0 or not over:
        return
    if not usage.exact and over <= _inaccuracy(drafts) and total > component.step:
        remarks.decided("rounded_hours")
        if remarks.policy.rounded_hours == "forgive":
            return
    last.billed += component.step - over


def _inaccuracy(drafts: Sequence[Draft]) -> Fraction:
    """Return the possible excess of hours over the measured time: decimals that are no whole seconds were rounded."""
    if drafts[0].dimension == "ENERGY":
        return ZERO
    hours = {id(draft.period): draft.period.volumes[draft.dimension] for draft in drafts}.values()
    return _HALF_DIGIT * sum((each * 3600).denominator != 1 and _DECIMAL % each.denominator == 0 for each in hours)


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit that took effect on each side: min_price, max_price, or None."""

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
