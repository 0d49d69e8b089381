"""Readings: named options for points that OCPI leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any
from typing import Literal
from typing import get_args
from typing import get_type_hints

from flask_ocpi.pricing.findings import PricingError


@dataclass(frozen=True, slots=True)
class Reading:
    """One open point: its choices, the first of which is the default, and a sentence."""

    option: str
    choices: tuple[str, ...]
    sentence: str


def _reading(default: str, sentence: str) -> Any:
    return field(default=default, metadata={"sentence": sentence})


@dataclass(frozen=True, slots=True)
class Policy:
    """The chosen readings of open points; ``READINGS`` has a sentence for each option.

    ``places``: decimals of the currency for ``rounding``; None takes those of the currency (ISO 4217).
    """

    lookup: Literal["dimension", "element"] = _reading(
        "dimension",
        "The first element is looked up for each dimension by itself, or (as OCPI 2.1.1 words it) once for all.",
    )
    missing_vat: Literal["unknown", "none"] = _reading(
        "unknown", "A component without `vat` has an unknown rate and the price with VAT is left out, or has no VAT."
    )
    period_without_tariff: Literal["only_tariff", "free"] = _reading(
        "only_tariff", "A period without `tariff_id` is priced by the only tariff there is, or costs nothing."
    )
    equal_times: Literal["all_day", "never"] = _reading(
        "all_day", "A `start_time` that equals `end_time` means around the clock, or an empty span."
    )
    wrapped_day: Literal["moment", "start"] = _reading(
        "moment",
        "In a span over midnight, weekday and date are those of the moment, or those of the evening it began on.",
    )
    flat: Literal["first_match", "start"] = _reading(
        "first_match",
        "A FLAT fee is due at the first moment that one matches, or only if one matches when the session starts.",
    )
    parking_flat: Literal["parking", "fixed"] = _reading(
        "parking", "A FLAT fee beside nothing but PARKING_TIME belongs to the parking cost, or to the fixed cost."
    )
    expired_flat: Literal["first", "expires", "both"] = _reading(
        "first",
        "Of the FLAT fees for a reservation and for its expiry an expired one pays the first in the list, that of "
        "the expiry, or both.",
    )
    expired_min_price: Literal["ignore", "apply"] = _reading(
        "ignore", "An expired reservation is no charging session and has no minimum price, or has it as well."
    )
    limits_of: Literal["first", "last"] = _reading(
        "first",
        "Where tariffs change during a session, minimum and maximum are those of the first tariff, or of the last.",
    )
    negative_energy: Literal["as_is", "free"] = _reading(
        "as_is", "Energy that flows back is paid for at the same price, or costs nothing and pays nothing."
    )
    free_steps: Literal["count", "skip"] = _reading(
        "count", "A component with price 0 takes part in finding the time that is rounded, or is passed over."
    )
    rounded_hours: Literal["forgive", "exact"] = _reading(
        "forgive", "Hours that exceed a step by no more than their fourth decimal do not begin another one, or do."
    )
    rounding: Literal["none", "component", "period", "total"] = _reading(
        "none",
        "Money is exact, or rounded half up to the places of the currency: for each dimension, each period, or at "
        "the end.",
    )
    places: int | None = None

    def __post_init__(self) -> None:
        for reading in READINGS.values():
            value = getattr(self, reading.option)
            if value not in reading.choices:
                choices = ", ".join(repr(choice) for choice in reading.choices)
                raise PricingError(f"Policy({reading.option}=...) has to be one of {choices}, got {value!r}.")
        if self.places is not None and not 0 <= self.places <= 10:
            raise PricingError(f"Policy(places=...) has to be 0 to 10, got {self.places!r}.")


_HINTS = get_type_hints(Policy)
READINGS = {
    option.name: Reading(option.name, get_args(_HINTS[option.name]), option.metadata["sentence"])
    for option in fields(Policy)
    if option.metadata
}


# Currencies whose smallest unit is not the hundredth (ISO 4217).
_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_PLACES_OF = {currency: places for places, names in _PLACES.items() for currency in names.split()}


def places_of(currency: str, policy: Policy) -> int:
    """Return the number of decimals to which an amount of a currency is rounded."""
    return _PLACES_OF.get(currency.upper(), 2) if policy.places is None else policy.places
