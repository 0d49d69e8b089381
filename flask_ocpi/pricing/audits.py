"""Audit: check a CDR before payment, against its tariff, itself and related objects."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask_ocpi.pricing.amounts import add
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.clock import HOUR
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.clock import known_moment
from flask_ocpi.pricing.engine import price
from flask_ocpi.pricing.evidence import Document
from flask_ocpi.pricing.evidence import Evidence
from flask_ocpi.pricing.evidence import amount_of
from flask_ocpi.pricing.evidence import check_evidence
from flask_ocpi.pricing.evidence import differ
from flask_ocpi.pricing.evidence import energy_tolerance
from flask_ocpi.pricing.evidence import known_number
from flask_ocpi.pricing.evidence import objects_of
from flask_ocpi.pricing.findings import NOTES_DISPUTED
from flask_ocpi.pricing.findings import AuditFinding
from flask_ocpi.pricing.findings import Findings
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.findings import verdict_of
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.report import COSTS
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.rules import RANGES
from flask_ocpi.pricing.rules import Rules
from flask_ocpi.pricing.tariffs import tariff_key
from flask_ocpi.pricing.usage import TIMES

_SIDES = ("excl_vat", "incl_vat")
_HOURS = Fraction(1, 60)  # permitted difference of durations
_NEAR = Fraction(1, 100)  # how near a ratio must be to that of two units
_UNPRICED = frozenset({"unknown_tariff", "period_without_tariff"})
_DAY = 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Audit:
    """The result: ``verdict`` ok, review or dispute, its findings, and the price for comparison.

    ``report`` is None if the CDR could not be priced.
    """

    verdict: str
    findings: tuple[AuditFinding, ...]
    report: Report | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data; amounts are Decimals of four places."""
        priced = self.report is not None and not _is_unpriced(self.report)
        return {
            "verdict": self.verdict,
            "findings": [finding.to_dict() for finding in self.findings],
            "currency": self.report.currency if self.report else None,
            "total_cost": self.report.total_cost.to_dict() if self.report and priced else None,
        }


def audit(
    cdr: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    *,
    time_zone: TimeZone | str | None = None,
    policy: Policy | None = None,
    rules: Rules | None = None,
    evidence: Evidence | None = None,
) -> Audit:
    """Check a CDR in the stored (2.2.1) shape: its price, its consistency, and related objects in ``evidence``.

    Its tariffs are ``tariffs``, or else those in the CDR, or else those in the evidence; its time zone is
    ``time_zone``, or else that of the location in the evidence. The content of the CDR never raises an error.
    """
    rules, evidence = rules or Rules(), evidence or Evidence()
    if not isinstance(cdr, Mapping):
        raise PricingError(f"A CDR has to be an object, got {type(cdr).__name__}.")
    findings = Findings(rules.ignore)
    if time_zone is None and evidence.location and isinstance(evidence.location.get("time_zone"), str):
        time_zone = TimeZone(evidence.location["time_zone"], "location")
    if not tariffs and not cdr.get("tariffs") and evidence.tariffs:
        tariffs = list(evidence.tariffs.values())
    report = _price(cdr, tariffs, time_zone, policy, findings)
    if report is not None:
        check_costs(cdr, report, rules, findings)
        _check_energy(cdr, report, findings)
    lasted = _check_time(cdr, findings)
    if report is not None and lasted is not None:
        _check_periods(cdr, report, lasted, findings)
    _check_amounts(cdr, rules, findings)
    _check_ranges(cdr, lasted, rules, findings)
    check_evidence(cdr, evidence, rules, findings)
    found = tuple(findings.found.values())
    return Audit(verdict_of(found), found, report)


def differences(cdr: Document, report: Report, rules: Rules | None = None) -> tuple[AuditFinding, ...]:
    """Return the differences between the costs in a CDR and a report of its price."""
    findings = Findings()
    check_costs(cdr, report, rules or Rules(), findings)
    return tuple(findings.found.values())


def _price(cdr: Document, tariffs: Any, time_zone: Any, policy: Policy | None, findings: Findings) -> Report | None:
    try:
        report = price(cdr, tariffs, time_zone=time_zone, policy=policy)
    except PricingError as error:
        findings.add("not_priced", "$", error)
        return None
    for note in report.notes:
        if note.weighs:
            verdict = "dispute" if note.id in NOTES_DISPUTED else "review"
            findings.put(note.id, note.path, note.message, verdict)
    return report


def check_costs(cdr: Document, report: Report, rules: Rules, findings: Findings) -> None:
    """Compare the totals of a CDR with the price, dimension by dimension; missing totals are not compared."""
    if _is_unpriced(report):
        return
    tolerance = rules.tolerance_in(report.currency)
    is_credit = cdr.get("credit") is True
    for name in COSTS:
        is_total = name == "total_cost"
        for side in _SIDES:
            said, known = amount_of(cdr, name, side), getattr(getattr(report, name), side)
            if said is None or known is None:
                continue
            if is_credit and not is_total:  # OCPI leaves open whether the parts of a credit CDR are negative
                said = abs(said)
            if differ(said, known, tolerance):
                id = "total_cost_differs" if is_total else "part_of_cost_differs"
                verdict = "review" if report.time_zone_source == "assumed" else ""
                findings.add(id, f"$.{name}.{side}", rounded(said), rounded(known), verdict=verdict)


def _is_unpriced(report: Report) -> bool:
    return any(note.id in _UNPRICED for note in report.notes)


def _check_energy(cdr: Document, report: Report, findings: Findings) -> None:
    said, made = known_number(cdr.get("total_energy")), report.total_energy
    if said is None or not objects_of(cdr, "charging_periods") or not differ(said, made, energy_tolerance(said)):
        return
    id = "energy_in_wh" if _ratio_is(said, made, 1000) else "energy_differs"
    findings.add(id, "$.total_energy", rounded(said), rounded(made))


def _ratio_is(one: Fraction, other: Fraction, factor: int) -> bool:
    """Tell whether the larger of two numbers is about so many times the smaller one."""
    low, high = sorted((abs(one), abs(other)))
    return low > 0 and abs(high / low / factor - 1) < _NEAR


def _check_time(cdr: Document, findings: Findings) -> Fraction | None:
    """Compare start, end and total_time; return the hours of the session, None if they are not known."""
    try:
        start, end, made = (
            known_moment(cdr.get(name), f"$.{name}") for name in ("start_date_time", "end_date_time", "last_updated")
        )
    except PricingError:
        return None  # nor could it be priced
    if end is not None and made is not None and end > made + 24 * HOUR:
        findings.add("ends_in_future", "$.end_date_time", cdr["end_date_time"], cdr["last_updated"])
    if start is None or end is None:
        return None
    if end < start:
        findings.add("ends_before_start", "$.end_date_time", cdr["end_date_time"], cdr["start_date_time"])
        return None
    lasted, said = Fraction(end - start, HOUR), known_number(cdr.get("total_time"))
    if said is not None and differ(said, lasted, _HOURS) and differ(said, lasted - _reserved(cdr), _HOURS):
        is_other_unit = _ratio_is(said, lasted, 60) or _ratio_is(said, lasted, 3600)
        id = "time_in_other_unit" if is_other_unit else "time_differs"
        findings.add(id, "$.total_time", rounded(said), rounded(lasted))
    return lasted


def _reserved(cdr: Document) -> Fraction:
    """Return the hours of reservation, which total_time may leave out."""
    return add(
        known_number(dimension.get("volume")) or Fraction(0)
        for period in objects_of(cdr, "charging_periods")
        for dimension in objects_of(period, "dimensions")
        if dimension.get("type") == "RESERVATION_TIME"
    )


def _check_periods(cdr: Document, report: Report, lasted: Fraction, findings: Findings) -> None:
    said = known_number(cdr.get("total_parking_time"))
    if said is not None and objects_of(cdr, "charging_periods") and differ(said, report.total_parking_time, _HOURS):
        findings.add("parking_time_differs", "$.total_parking_time", rounded(said), rounded(report.total_parking_time))
    reported = add(period.volumes.get(name, Fraction(0)) for period in report.periods for name in TIMES)
    if reported > lasted + _HOURS:
        findings.add("periods_longer_than_session", "$.charging_periods", rounded(reported), rounded(lasted))


def _check_amounts(cdr: Document, rules: Rules, findings: Findings) -> None:
    currency = str(cdr.get("currency") or "")
    if rules.currencies and currency.upper() not in rules.currencies:
        findings.add("other_currency", "$.currency", currency, "we settle", " or ".join(sorted(rules.currencies)))
    for name in COSTS:
        excl, incl = (amount_of(cdr, name, side) for side in _SIDES)
        if excl is not None and incl is not None and abs(incl) < abs(excl):
            findings.add("incl_vat_below_excl_vat", f"$.{name}.incl_vat", rounded(excl), rounded(incl))
    cost = amount_of(cdr, "total_cost", "excl_vat")
    if cost is None:
        return
    if cdr.get("credit") is True and cost > 0:
        findings.add("credit_not_negative", "$.total_cost.excl_vat", rounded(cost))
    if cdr.get("credit") is not True and cost < 0:
        findings.add("negative_cost", "$.total_cost.excl_vat", rounded(cost))


def _check_ranges(cdr: Document, lasted: Fraction | None, rules: Rules, findings: Findings) -> None:
    """Compare quantities with their expected ranges."""
    currency = str(cdr.get("currency") or "")
    energy, cost = known_number(cdr.get("total_energy")), amount_of(cdr, "total_cost", "excl_vat")
    charged = None
    if lasted is not None:
        charged = lasted - (known_number(cdr.get("total_parking_time")) or Fraction(0)) - _reserved(cdr)
    quantities = {
        "energy": (energy, "$.total_energy"),
        "duration": (lasted, "$.end_date_time"),
        "power": (energy / charged if energy and charged and charged >= _HOURS else None, "$.total_energy"),
        "cost": (abs(cost) if cost is not None else None, "$.total_cost.excl_vat"),
        "cost_per_kwh": (
            abs(cost) / energy if cost is not None and energy and energy >= 1 else None,
            "$.total_cost.excl_vat",
        ),
        "days_late": (_days_late(cdr), "$.last_updated"),
    }
    for name, bounds in rules.ranges.items():
        value, path = quantities[name]
        if value is None or (bounds.currencies and currency.upper() not in bounds.currencies):
            continue
        title, unit = RANGES[name]
        for side, bound, is_out in (
            ("below", bounds.low, bounds.low is not None and value < bounds.low),
            ("above", bounds.high, bounds.high is not None and value > bounds.high),
        ):
            if is_out and bound is not None:
                shown = plain(value), unit or currency, side, plain(bound)
                findings.add("out_of_range", path, title, *shown, verdict=bounds.verdict)


def _days_late(cdr: Document) -> Fraction | None:
    try:
        end, made = (known_moment(cdr.get(name), f"$.{name}") for name in ("end_date_time", "last_updated"))
    except PricingError:
        return None
    return None if end is None or made is None or made < end else Fraction(made - end, _DAY)


def tariff_keys_of(cdr: Document) -> set[str]:
    """Return the keys of the tariffs that a CDR carries or names."""
    named = [tariff.get("id") for tariff in objects_of(cdr, "tariffs")]
    named += [period.get("tariff_id") for period in objects_of(cdr, "charging_periods")]
    return {tariff_key(id) for id in named if isinstance(id, str)}
