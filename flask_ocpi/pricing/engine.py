"""Price a document: read it, cut it into segments, bill the volumes, add up, apply the limits, report."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import orjson

from flask_ocpi.pricing.amounts import FREE
from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.amounts import add
from flask_ocpi.pricing.amounts import total
from flask_ocpi.pricing.clock import HOUR
from flask_ocpi.pricing.clock import LATEST
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.clock import as_text
from flask_ocpi.pricing.clock import find_zone
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.policy import places_of
from flask_ocpi.pricing.report import BilledVolume
from flask_ocpi.pricing.report import PeriodReport
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.report import Segment
from flask_ocpi.pricing.segments import Draft
from flask_ocpi.pricing.segments import drafts
from flask_ocpi.pricing.tariffs import Tariff
from flask_ocpi.pricing.tariffs import objects
from flask_ocpi.pricing.tariffs import read_tariff
from flask_ocpi.pricing.tariffs import tariff_key
from flask_ocpi.pricing.usage import Period
from flask_ocpi.pricing.usage import Usage
from flask_ocpi.pricing.usage import read_usage
from flask_ocpi.pricing.volumes import bill
from flask_ocpi.pricing.volumes import limit

_LARGEST_REMEMBERED = 16 * 1024  # bytes of a tariff
_COST_TYPES = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking", "RESERVATION_TIME": "reservation"}


def price(
    document: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    *,
    time_zone: TimeZone | str | None = None,
    policy: Policy | None = None,
) -> Report:
    """Price a CDR or a Session, running or ended, in the stored (2.2.1) shape.

    ``tariffs``: the tariffs that its periods name; by default those in the CDR. ``time_zone``: that of the location; by
    default that of the document's coordinates if the extra ``zones`` is installed, or else UTC. Raises PricingError if
    the document or a tariff cannot be understood.
    """
    remarks = Remarks(policy or Policy())
    usage = read_usage(document, remarks)
    known = _read_tariffs(document, tariffs, usage, remarks)
    return price_usage(usage, known, time_zone=time_zone, remarks=remarks)


def price_usage(usage: Usage, known: Sequence[Tariff], *, time_zone: TimeZone | str | None, remarks: Remarks) -> Report:
    """Price the usage read from a document by the tariffs read."""
    if usage.end > LATEST:
        raise PricingError("The session ends after the year 2199.")
    of_periods = [_tariff_of(period, known, remarks) for period in usage.periods]
    used = list({id(tariff): tariff for tariff in of_periods if tariff is not None}.values())
    _check_tariffs(usage, used, remarks)
    clock_matters = any(tariff.clock_marks for tariff in used)
    zone = find_zone(time_zone, usage.location, remarks, matters=clock_matters)
    parts = drafts(usage, of_periods, zone.info, remarks)
    bill(parts, usage, remarks)
    return _report(usage, used, parts, zone, remarks)


def _read_tariffs(
    document: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None,
    usage: Usage,
    remarks: Remarks,
) -> list[Tariff]:
    """Read the tariffs that the periods name; all of them, if a period names none."""
    given = [tariffs] if isinstance(tariffs, Mapping) else objects(tariffs, "tariffs")
    own = objects(document.get("tariffs"), "$.tariffs")
    base = "tariffs" if given else "$.tariffs"
    named = {period.tariff_id and tariff_key(period.tariff_id) for period in usage.periods}
    return [
        _read_tariff(data, f"{base}[{index}]", remarks)
        for index, data in enumerate(given or own)
        if None in named or tariff_key(data.get("id")) in named
    ]


def _read_tariff(data: Mapping[str, Any], path: str, remarks: Remarks) -> Tariff:
    """Read a tariff, or return it from the cache: the CDRs of one operator repeat its tariffs."""
    try:
        text = orjson.dumps(data)
    except TypeError:  # with numbers that JSON does not have, such as Decimals
        text = b""
    if not 0 < len(text) <= _LARGEST_REMEMBERED:
        return read_tariff(data, path, remarks)
    tariff, noted = _read_text(text, path, remarks.policy)
    for key, note in noted.notes.items():
        remarks.notes.setdefault(key, note)
    remarks.options.update(noted.options)
    return tariff


@lru_cache(maxsize=128)
def _read_text(text: bytes, path: str, policy: Policy) -> tuple[Tariff, Remarks]:
    remarks = Remarks(policy)
    return read_tariff(orjson.loads(text), path, remarks), remarks


def _tariff_of(period: Period, known: Sequence[Tariff], remarks: Remarks) -> Tariff | None:
    if period.tariff_id is not None:
        key = tariff_key(period.tariff_id)
        tariff = next((tariff for tariff in known if tariff_key(tariff.id) == key), None)
        if tariff is None:
            remarks.note("unknown_tariff", f"{period.path}.tariff_id", period.tariff_id)
        return tariff
    if len(known) == 1:
        remarks.decided("period_without_tariff")
        if remarks.policy.period_without_tariff == "only_tariff":
            return known[0]
    remarks.note("period_without_tariff", period.path)
    return None


def _check_tariffs(usage: Usage, tariffs: Iterable[Tariff], remarks: Remarks) -> None:
    for tariff in tariffs:
        if tariff.start is not None and usage.start < tariff.start:
            remarks.note("tariff_not_valid_then", tariff.path, tariff.id, f"it begins at {as_text(tariff.start)}")
        if tariff.end is not None and usage.start >= tariff.end:
            remarks.note("tariff_not_valid_then", tariff.path, tariff.id, f"it ends at {as_text(tariff.end)}")
        if usage.currency and tariff.currency and tariff.currency.upper() != usage.currency.upper():
            remarks.note("tariff_currency", f"{tariff.path}.currency", tariff.id, tariff.currency, usage.currency)


def _report(usage: Usage, used: list[Tariff], parts: Sequence[Draft], zone: TimeZone, remarks: Remarks) -> Report:
    currency = usage.currency or (used[0].currency if used else "")
    rounding = remarks.policy.rounding
    places = places_of(currency, remarks.policy)
    if rounding != "none":
        remarks.decided("rounding")
    of_periods: dict[int, list[Segment]] = {}
    for draft in parts:
        segment = _segment(draft, remarks, places if rounding == "period" else None)
        of_periods.setdefault(draft.period.index, []).append(segment)
    periods = _periods(usage, of_periods)
    segments = [segment for period in periods for segment in period.segments]
    costs = {
        kind: total(segment.cost for segment in segments if segment.cost_type == kind)
        for kind in ("fixed", "energy", "time", "parking", "reservation")
    }
    if rounding == "component":
        costs = {kind: cost.rounded(places) for kind, cost in costs.items()}
    before = total(costs.values())
    cost, applied = limit(before, used, usage, remarks)
    if rounding == "total":
        cost = cost.rounded(places)
    return Report(
        currency=currency,
        total_cost=_credited(cost) if usage.credit else cost,
        total_fixed_cost=costs["fixed"],
        total_energy_cost=costs["energy"],
        total_time_cost=costs["time"],
        total_parking_cost=costs["parking"],
        total_reservation_cost=costs["reservation"],
        cost_before_limits=before,
        total_energy=usage.volume("ENERGY"),
        total_time=Fraction(max(usage.end - usage.origin, 0), HOUR),
        total_parking_time=usage.volume("PARKING_TIME"),
        billed=_billed(usage, segments),
        periods=periods,
        limit_applied=applied,
        notes=tuple(remarks.notes.values()),
        decisions=remarks.decisions(),
        time_zone=zone.name,
        time_zone_source=zone.source,
    )


def _credited(cost: Amount) -> Amount:
    """Return the amount that a credit CDR gives back: it repeats the original's volumes with a negative total cost."""
    known = cost.excl_vat if cost.excl_vat is not None else cost.incl_vat
    return -cost if known is not None and known > 0 else cost


def _segment(draft: Draft, remarks: Remarks, places: int | None) -> Segment:
    component = draft.match.component
    cost = component.unit.times(draft.billed) if component else FREE
    if component and component.rate_is_open:
        remarks.decided("missing_vat")
    return Segment(
        dimension=draft.dimension,
        cost_type=_cost_type(draft, remarks),
        volume=draft.volume,
        billed=draft.billed if component else ZERO,
        tariff_id=draft.tariff.id,
        cost=cost if places is None else cost.rounded(places),
        match=draft.match,
        begin=draft.at(draft.begins),
        end=draft.at(draft.ends),
    )


def _cost_type(draft: Draft, remarks: Remarks) -> str:
    """Return the total that a segment belongs to. FLAT fees of a reservation and of parking are not fixed costs."""
    if draft.dimension != "FLAT":
        return _COST_TYPES[draft.dimension]
    element = draft.match.element
    if draft.period.is_reservation:
        return "reservation"
    if element and set(element.components) == {"FLAT", "PARKING_TIME"}:
        remarks.decided("parking_flat")
        return remarks.policy.parking_flat
    return "fixed"


def _periods(usage: Usage, segments: Mapping[int, Sequence[Segment]]) -> tuple[PeriodReport, ...]:
    """Report the periods of the document: the parts of a split period are joined again."""
    reports: dict[int, PeriodReport] = {}
    for period in usage.periods:
        first = reports.get(period.index)
        reports[period.index] = PeriodReport(
            index=period.index,
            tariff_id=period.tariff_id,
            volumes={**first.volumes, **period.volumes} if first else period.volumes,
            segments=tuple(segments.get(period.index, ())),
            begin=first.begin if first else period.start,
            end=period.end,
        )
    return tuple(reports.values())


def _billed(usage: Usage, segments: Sequence[Segment]) -> dict[str, BilledVolume]:
    volumes: dict[str, BilledVolume] = {}
    for dimension in ("RESERVATION_TIME", "FLAT", "ENERGY", "TIME", "PARKING_TIME"):
        billed = [segment.billed for segment in segments if segment.dimension == dimension]
        amount = add(billed)
        volume = amount if dimension == "FLAT" else usage.volume(dimension)
        if billed or volume:
            volumes[dimension] = BilledVolume(volume, amount)
    return volumes
