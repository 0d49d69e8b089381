"""The report: the cost of a session, its parts, and notes."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.amounts import total
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.clock import as_datetime
from flask_ocpi.pricing.clock import as_text
from flask_ocpi.pricing.components import Match
from flask_ocpi.pricing.notes import Decision
from flask_ocpi.pricing.notes import Note
from flask_ocpi.pricing.restrictions import plain
from flask_ocpi.pricing.tariffs import Component
from flask_ocpi.pricing.volumes import Limit

#: The costs of a CDR and of a report: the total, followed by its parts.
COSTS = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a period in which one dimension has one price.

    ``dimension``: ENERGY, TIME, PARKING_TIME, RESERVATION_TIME or FLAT; ``cost_type``: the total it belongs to (fixed,
    energy, time, parking or reservation). ``volume`` is the reported volume, ``billed`` the volume after step_size; in
    kWh and hours. ``element`` is the index in the tariff; it and ``component`` are None for a free segment.
    """

    dimension: str
    cost_type: str
    volume: Fraction
    billed: Fraction
    tariff_id: str
    cost: Amount
    match: Match
    begin: int
    end: int

    @property
    def start_date_time(self) -> datetime:
        return as_datetime(self.begin)

    @property
    def end_date_time(self) -> datetime:
        return as_datetime(self.end)

    @property
    def element(self) -> int | None:
        return self.match.element.index if self.match.element else None

    @property
    def component(self) -> Component | None:
        return self.match.component

    @property
    def because(self) -> str:
        """Explain why this component applies and the elements before it do not."""
        return self.match.because

    def to_dict(self) -> dict[str, Any]:
        component = self.component
        return {
            "dimension": self.dimension,
            "cost_type": self.cost_type,
            "start_date_time": as_text(self.begin),
            "end_date_time": as_text(self.end),
            "volume": rounded(self.volume),
            "billed": rounded(self.billed),
            "tariff_id": self.tariff_id,
            "element": self.element,
            "component": component_dict(component) if component else None,
            "cost": self.cost.to_dict(),
            "because": self.because,
        }


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """A charging period with its segments; ``index`` is its place in the document."""

    index: int
    tariff_id: str | None
    volumes: Mapping[str, Fraction]
    segments: tuple[Segment, ...]
    begin: int
    end: int

    @property
    def start_date_time(self) -> datetime:
        return as_datetime(self.begin)

    @property
    def end_date_time(self) -> datetime:
        return as_datetime(self.end)

    @property
    def cost(self) -> Amount:
        """The cost of the period, before price limits."""
        return total(segment.cost for segment in self.segments)

    def to_dict(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "start_date_time": as_text(self.begin),
            "end_date_time": as_text(self.end),
            "tariff_id": self.tariff_id,
            "volumes": {name: rounded(volume) for name, volume in self.volumes.items()},
            "cost": self.cost.to_dict(),
            "segments": [segment.to_dict() for segment in self.segments],
        }


@dataclass(frozen=True, slots=True)
class BilledVolume:
    """A dimension over the session: the reported volume, and the billed one (without parts that no element prices)."""

    volume: Fraction
    billed: Fraction


@dataclass(frozen=True, slots=True)
class Tax:
    """The VAT of one rate, before price limits."""

    percentage: Fraction
    base: Fraction
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Report:
    """The price of a session. Amounts and volumes are exact fractions; ``to_dict`` rounds them to four places.

    ``total_cost`` is bounded by the price limits, ``cost_before_limits`` is the sum of the periods. A side of an amount
    is None if VAT is unknown.
    """

    currency: str
    total_cost: Amount
    total_fixed_cost: Amount
    total_energy_cost: Amount
    total_time_cost: Amount
    total_parking_cost: Amount
    total_reservation_cost: Amount
    cost_before_limits: Amount
    total_energy: Fraction
    total_time: Fraction
    total_parking_time: Fraction
    billed: Mapping[str, BilledVolume]
    periods: tuple[PeriodReport, ...]
    limit_applied: Limit | None
    notes: tuple[Note, ...]
    decisions: tuple[Decision, ...]
    time_zone: str
    time_zone_source: str

    @property
    def segments(self) -> Iterator[Segment]:
        """The segments of all periods, in order."""
        return (segment for period in self.periods for segment in period.segments)

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """The VAT of each rate, before price limits; amounts with an unknown rate are left out."""
        rates: dict[Fraction, Tax] = {}
        for segment in self.segments:
            excl, incl = segment.cost.excl_vat, segment.cost.incl_vat
            if segment.component is None or segment.component.vat is None or excl is None or incl is None:
                continue
            rate = segment.component.vat
            known = rates.get(rate, Tax(rate, ZERO, ZERO))
            rates[rate] = Tax(rate, known.base + excl, known.amount + incl - excl)
        return tuple(rates[rate] for rate in sorted(rates))

    @property
    def weighs(self) -> bool:
        """Whether a note needs attention before payment."""
        return any(note.weighs for note in self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data; numbers are Decimals of four places, rounded half up."""
        return {
            "currency": self.currency,
            **{name: getattr(self, name).to_dict() for name in COSTS},
            "cost_before_limits": self.cost_before_limits.to_dict(),
            "total_energy": rounded(self.total_energy),
            "total_time": rounded(self.total_time),
            "total_parking_time": rounded(self.total_parking_time),
            "billed": {
                name: {"volume": rounded(each.volume), "billed": rounded(each.billed)}
                for name, each in self.billed.items()
            },
            "taxes": [
                {"percentage": rounded(tax.percentage), "base": rounded(tax.base), "amount": rounded(tax.amount)}
                for tax in self.taxes
            ],
            "periods": [period.to_dict() for period in self.periods],
            "limit_applied": self.limit_applied.to_dict() if self.limit_applied else None,
            "notes": [asdict(note) for note in self.notes],
            "decisions": [asdict(decision) for decision in self.decisions],
            "time_zone": self.time_zone,
            "time_zone_source": self.time_zone_source,
        }

    def to_json(self) -> str:
        """Return the report as JSON text; numbers have four decimals and pass through no binary float."""
        return orjson.dumps(self.to_dict(), default=digits).decode()

    def explain(self) -> str:
        """Return a table in text: each line of the bill, the totals, why each price applies, and the notes."""
        zone = TimeZone(self.time_zone).info
        segments = list(self.segments)
        rows = [_row(number, segment, zone) for number, segment in enumerate(segments, 1)]
        sections = [
            [_title(self, zone)],
            list(_table([_HEAD, *rows], [*_totals(self)])),
            _section("Why", [f"{number}. {segment.because}" for number, segment in enumerate(segments, 1)]),
            _section("Notes", [f"{note.id} at {note.path}: {note.message}" for note in self.notes]),
            _section("Readings", [f"{each.option}={each.choice}: {each.sentence}" for each in self.decisions]),
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def component_dict(component: Component) -> dict[str, Any]:
    return {
        "type": component.type,
        "price": rounded(component.price),
        **({} if component.vat is None else {"vat": rounded(component.vat)}),
        "step_size": rounded(component.step_size, 0),
    }


def digits(value: Decimal) -> orjson.Fragment:
    """Write a Decimal into JSON with its digits; the ``default`` of ``orjson.dumps``."""
    return orjson.Fragment(f"{value:f}".encode())


_NAMES = {
    "ENERGY": "Energy",
    "TIME": "Charging time",
    "PARKING_TIME": "Parking time",
    "RESERVATION_TIME": "Reservation",
    "FLAT": "Fee",
}
_HEAD = ("#", "When", "What", "Billed", "Price", "VAT", "Excl. VAT", "Incl. VAT")
_SOURCES = {
    "argument": "as it was given",
    "location": "of the location",
    "document": "of the location in the document",
    "coordinates": "by the coordinates",
    "assumed": "assumed, because no other is known",
    "not_needed": "the tariff does not depend on the clock",
}
_RIGHT = {0, 3, 4, 5, 6, 7}


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _title(report: Report, zone: ZoneInfo) -> str:
    where = f"Times in {report.time_zone} ({_SOURCES.get(report.time_zone_source, report.time_zone_source)})"
    if not report.periods:
        return f"{report.currency}. {where}."
    first, last = report.periods[0].start_date_time, report.periods[-1].end_date_time
    return f"{_day(first, zone)} to {_day(last, zone)}, {report.currency}. {where}."


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


def _row(number: int, segment: Segment, zone: ZoneInfo) -> Sequence[str]:
    component = segment.component
    name = _NAMES[segment.dimension]
    if segment.dimension == "FLAT" and segment.cost_type != "fixed":
        name += f" ({segment.cost_type})"
    when = _span(segment, zone)
    if component is None:
        return (str(number), when, name, _quantity(segment.dimension, segment.volume), "free", "", "-", "-")
    vat = "" if component.vat is None else f"{plain(component.vat)} %"
    price = plain(component.price) + {"ENERGY": " / kWh", "FLAT": ""}.get(segment.dimension, " / h")
    return (str(number), when, name, _billed(segment), price, vat, *_money(segment.cost))


def _span(segment: Segment, zone: ZoneInfo) -> str:
    first, last = segment.start_date_time.astimezone(zone), segment.end_date_time.astimezone(zone)
    text = first.strftime("%a %H:%M") + (first.strftime(":%S") if first.second else "")
    if first == last:
        return text
    return f"{text} - {last.strftime('%H:%M')}{last.strftime(':%S') if last.second else ''}"


def _billed(segment: Segment) -> str:
    billed = _quantity(segment.dimension, segment.billed)
    if segment.billed == segment.volume:
        return billed
    return f"{billed} (used {_quantity(segment.dimension, segment.volume)})"


def _quantity(dimension: str, volume: Fraction) -> str:
    if dimension == "FLAT":
        return plain(volume)
    if dimension == "ENERGY":
        return f"{plain(volume)} kWh"
    seconds = int(rounded(abs(volume) * 3600, 0))
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    text = " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
    return f"-{text}" if volume < 0 else text


def _money(amount: Amount) -> tuple[str, str]:
    excl, incl = amount.excl_vat, amount.incl_vat
    return ("?" if excl is None else f"{rounded(excl)}", "?" if incl is None else f"{rounded(incl)}")


def _totals(report: Report) -> Iterator[Sequence[str]]:
    costs = {name.split("_")[1].capitalize(): getattr(report, name) for name in COSTS[1:]}
    shown = [(f"{name} cost", cost) for name, cost in costs.items() if cost != Amount()]
    if len(shown) > 1:
        yield from (("", "", name, "", "", "", *_money(cost)) for name, cost in shown)
    if report.limit_applied:
        names = dict.fromkeys(report.limit_applied.to_dict().values())
        yield ("", "", "Sum", "", "", "", *_money(report.cost_before_limits))
        yield ("", "", "Total cost", "", " and ".join(names), "", *_money(report.total_cost))
    else:
        yield ("", "", "Total cost", "", "", "", *_money(report.total_cost))


def _table(rows: Sequence[Sequence[str]], totals: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (*rows, *totals)) for column in range(len(_HEAD))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    yield _line(rows[0], widths)
    yield rule
    yield from (_line(row, widths) for row in rows[1:])
    yield rule
    yield from (_line(row, widths) for row in totals)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
