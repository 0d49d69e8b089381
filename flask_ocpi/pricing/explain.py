"""The bill in text, for support: each line with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.amounts import rounded
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.report import Segment
from flask_ocpi.pricing.restrictions import plain

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


def explain(report: Report) -> str:
    """Return the report as a table in text, with the reason for each line, the notes and the readings."""
    zone = TimeZone(report.time_zone).info
    segments = list(report.segments)
    rows = [_row(number, segment, zone) for number, segment in enumerate(segments, 1)]
    sections = [
        [_title(report, zone)],
        list(_table([_HEAD, *rows], [*_totals(report)])),
        _section("Why", [f"{number}. {segment.because}" for number, segment in enumerate(segments, 1)]),
        _section("Notes", [f"{note.id} at {note.path}: {note.message}" for note in report.notes]),
        _section("Readings", [f"{each.option}={each.choice}: {each.sentence}" for each in report.decisions]),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


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
    price = plain(component.price) + _unit(segment.dimension)
    return (str(number), when, name, _billed(segment), price, vat, *_money(segment.cost))


def _span(segment: Segment, zone: ZoneInfo) -> str:
    first, last = segment.start_date_time.astimezone(zone), segment.end_date_time.astimezone(zone)
    text = first.strftime("%a %H:%M") + (first.strftime(":%S") if first.second else "")
    if first == last:
        return text
    return f"{text} - {last.strftime('%H:%M')}{last.strftime(':%S') if last.second else ''}"


def _unit(dimension: str) -> str:
    return {"ENERGY": " / kWh", "FLAT": ""}.get(dimension, " / h")


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
    costs = (
        ("Fixed cost", report.total_fixed_cost),
        ("Energy cost", report.total_energy_cost),
        ("Time cost", report.total_time_cost),
        ("Parking cost", report.total_parking_cost),
        ("Reservation cost", report.total_reservation_cost),
    )
    shown = [(name, cost) for name, cost in costs if cost != Amount()]
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
