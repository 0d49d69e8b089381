"""The rules of audits: tolerances and ranges, for every partner or for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from fractions import Fraction
from typing import Any

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.findings import FINDINGS
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import NOTES
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.policy import places_of

# Quantity: its name, and its unit ("" is the currency of the CDR).
RANGES = {
    "energy": ("The energy", "kWh"),
    "duration": ("The duration", "h"),
    "power": ("The average power", "kW"),
    "cost": ("The cost without VAT", ""),
    "cost_per_kwh": ("The cost of a kWh", ""),
    "days_late": ("The time until the CDR was made", "days"),
}
_KEYS = ("tolerance", "currencies", "ignore", *RANGES)
_POLICY = Policy()
_SIDES = ("min", "max", "verdict")
# Currencies of which one unit is worth about as much as a euro.
LIKE_EURO = frozenset({"AUD", "BGN", "BAM", "CAD", "CHF", "EUR", "GBP", "NZD", "SGD", "USD"})


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` to ``high``, both allowed; a value outside leads to ``verdict``. ``currencies``: empty means any."""

    low: Fraction | None
    high: Fraction | None
    verdict: str = "review"
    currencies: frozenset[str] = frozenset()


# Plausible ranges for all partners. A setting replaces the range of its quantity.
_DEFAULTS = {
    "energy": Range(None, Fraction(2000)),
    "duration": Range(None, Fraction(30 * 24)),
    "power": Range(None, Fraction(2000)),
    "cost_per_kwh": Range(None, Fraction(10), "dispute", LIKE_EURO),
    "days_late": Range(None, Fraction(30)),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Tolerance of amounts (None: two of the smallest unit of the currency), ranges, and ignored findings."""

    tolerance: Fraction | None = None
    currencies: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    ranges: Mapping[str, Range] = field(default_factory=lambda: _DEFAULTS)

    def tolerance_in(self, currency: str) -> Fraction:
        """Return the permitted difference of amounts in a currency."""
        if self.tolerance is not None:
            return self.tolerance
        return Fraction(2, 10 ** places_of(currency, _POLICY))


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules for all partners, and those of single partners, by platform id or party ("NL-ABC"), in upper case."""

    general: Rules = field(default_factory=Rules)
    partners: Mapping[str, Rules] = field(default_factory=dict)

    def rules_for(self, *names: str) -> Rules:
        """Return the rules of the first of these names that has any, or those for all partners."""
        return next((self.partners[name.upper()] for name in names if name.upper() in self.partners), self.general)


def read_rules(data: Mapping[str, Any], where: str = "OCPI_AUDIT_RULES") -> RuleBook:
    """Read the setting: the rules, and below ``partners`` those of single partners; raise PricingError."""
    if not isinstance(data, Mapping):
        raise PricingError(f'{where} must be a mapping such as {{"energy": {{"max": 200}}}}, got {data!r:.60}.')
    general = _rules({name: value for name, value in data.items() if name != "partners"}, where, Rules())
    partners = data.get("partners") or {}
    if not isinstance(partners, Mapping):
        raise PricingError(f"{where}['partners'] must map platforms or parties to rules, got {partners!r:.60}.")
    return RuleBook(
        general,
        {str(name).upper(): _rules(own, f"{where}['partners'][{name!r}]", general) for name, own in partners.items()},
    )


def _rules(data: Any, where: str, base: Rules) -> Rules:
    if not isinstance(data, Mapping):
        raise PricingError(f"{where} must be a mapping, got {data!r:.60}.")
    for name in data:
        if name not in _KEYS:
            raise PricingError(f"{where} has an unknown key {name!r}; keys are {', '.join(_KEYS)}.")
    ranges = {name: _range(data[name], f"{where}[{name!r}]") for name in RANGES if name in data}
    tolerance = base.tolerance
    if data.get("tolerance") is not None:
        tolerance = number(data["tolerance"], f"{where}['tolerance']")
        if tolerance < 0:
            raise PricingError(f"{where}['tolerance'] must not be negative.")
    return replace(
        base,
        tolerance=tolerance,
        currencies=_texts(data, "currencies", where, base.currencies),
        ignore=base.ignore | _ids(data, where),
        ranges={**base.ranges, **ranges},
    )


def _range(data: Any, where: str) -> Range:
    if not isinstance(data, Mapping) or not data or set(data) - set(_SIDES):
        raise PricingError(f'{where} must look like {{"min": 0, "max": 200, "verdict": "dispute"}}, got {data!r:.60}.')
    low, high = (None if data.get(side) is None else number(data[side], f"{where}[{side!r}]") for side in _SIDES[:2])
    if low is not None and high is not None and low > high:
        raise PricingError(f"{where}['min'] must not be above its max.")
    verdict = data.get("verdict", "review")
    if verdict not in ("review", "dispute"):
        raise PricingError(f"{where}['verdict'] must be review or dispute, got {verdict!r:.60}.")
    return Range(low, high, verdict)


def _texts(data: Mapping[str, Any], name: str, where: str, default: frozenset[str]) -> frozenset[str]:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(item, str) for item in value):
        raise PricingError(f"{where}[{name!r}] must be a list of texts, got {value!r:.60}.")
    return frozenset(item.upper() for item in value)


def _ids(data: Mapping[str, Any], where: str) -> frozenset[str]:
    known = {name.upper(): name for name in (*FINDINGS, *NOTES)}
    ids = _texts(data, "ignore", where, frozenset())
    for id in sorted(ids - known.keys()):
        raise PricingError(
            f"{where}['ignore'] names the finding {id.lower()!r}, which does not exist.{did_you_mean(id, known)}"
        )
    return frozenset(known[id] for id in ids)
