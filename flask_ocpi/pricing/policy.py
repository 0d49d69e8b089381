"""Readings: named options for points that OCPI leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields
from typing import Literal

from flask_ocpi.pricing.findings import PricingError


@dataclass(frozen=True, slots=True)
class Reading:
    """One open point: its choices, the first of which is the default, and a sentence."""

    option: str
    choices: tuple[str, ...]
    sentence: str


READINGS = {
    reading.option: reading
    for reading in (
        Reading(
            "lookup",
            ("dimension", "element"),
            "The first element is looked up for each dimension by itself, or (as OCPI 2.1.1 words it) once for all.",
        ),
        Reading(
            "missing_vat",
            ("unknown", "none"),
            "A component without `vat` has an unknown rate and the price with VAT is left out, or has no VAT.",
        ),
        Reading(
            "period_without_tariff",
            ("only_tariff", "free"),
            "A period without `tariff_id` is priced by the only tariff there is, or costs nothing.",
        ),
        Reading(
            "equal_times",
            ("all_day", "never"),
            "A `start_time` that equals `end_time` means around the clock, or an empty span.",
        ),
        Reading(
            "wrapped_day",
            ("moment", "start"),
            "In a span over midnight, weekday and date are those of the moment, or those of the evening it began on.",
        ),
        Reading(
            "flat",
            ("first_match", "start"),
            "A FLAT fee is due at the first moment that one matches, or only if one matches when the session starts.",
        ),
        Reading(
            "parking_flat",
            ("parking", "fixed"),
            "A FLAT fee beside nothing but PARKING_TIME belongs to the parking cost, or to the fixed cost.",
        ),
        Reading(
            "expired_flat",
            ("first", "expires", "both"),
            "Of the FLAT fees for a reservation and for its expiry an expired one pays the first in the list, that of "
            "the expiry, or both.",
        ),
        Reading(
            "expired_min_price",
            ("ignore", "apply"),
            "An expired reservation is no charging session and has no minimum price, or has it as well.",
        ),
        Reading(
            "limits_of",
            ("first", "last"),
            "Where tariffs change during a session, minimum and maximum are those of the first tariff, or of the last.",
        ),
        Reading(
            "negative_energy",
            ("as_is", "free"),
            "Energy that flows back is paid for at the same price, or costs nothing and pays nothing.",
        ),
        Reading(
            "free_steps",
            ("count", "skip"),
            "A component with price 0 takes part in finding the time that is rounded, or is passed over.",
        ),
        Reading(
            "rounded_hours",
            ("forgive", "exact"),
            "Hours that exceed a step by no more than their fourth decimal do not begin another one, or do.",
        ),
        Reading(
            "rounding",
            ("none", "component", "period", "total"),
            "Money is exact, or rounded half up to the places of the currency: for each dimension, each period, or at "
            "the end.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The chosen readings of open points; ``READINGS`` has a sentence for each option.

    ``places``: decimals of the currency for ``rounding``; None takes those of the currency (ISO 4217).
    """

    lookup: Literal["dimension", "element"] = "dimension"
    missing_vat: Literal["unknown", "none"] = "unknown"
    period_without_tariff: Literal["only_tariff", "free"] = "only_tariff"
    equal_times: Literal["all_day", "never"] = "all_day"
    wrapped_day: Literal["moment", "start"] = "moment"
    flat: Literal["first_match", "start"] = "first_match"
    parking_flat: Literal["parking", "fixed"] = "parking"
    expired_flat: Literal["first", "expires", "both"] = "first"
    expired_min_price: Literal["ignore", "apply"] = "ignore"
    limits_of: Literal["first", "last"] = "first"
    negative_energy: Literal["as_is", "free"] = "as_is"
    free_steps: Literal["count", "skip"] = "count"
    rounded_hours: Literal["forgive", "exact"] = "forgive"
    rounding: Literal["none", "component", "period", "total"] = "none"
    places: int | None = None

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            reading = READINGS.get(option.name)
            if reading and value not in reading.choices:
                choices = ", ".join(repr(choice) for choice in reading.choices)
                raise PricingError(f"Policy({option.name}=...) has to be one of {choices}, got {value!r}.")
        if self.places is not None and not 0 <= self.places <= 10:
            raise PricingError(f"Policy(places=...) has to be 0 to 10, got {self.places!r}.")


# Currencies whose smallest unit is not the hundredth (ISO 4217).
_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_PLACES_OF = {currency: places for places, names in _PLACES.items() for currency in names.split()}


def places_of(currency: str, policy: Policy) -> int:
    """Return the number of decimals to which an amount of a currency is rounded."""
    return _PLACES_OF.get(currency.upper(), 2) if policy.places is None else policy.places
