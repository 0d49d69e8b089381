"""What a tariff, a session or a CDR costs: words, a calculator, a running cost, an audit, a plot of the power."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from flask_ocpi.contrib.console import plots
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.host import Item
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import Report
from flask_ocpi.pricing import describe
from flask_ocpi.pricing import lint
from flask_ocpi.pricing import quote

_HOUR = 3600 * SECOND
_NOTHING: dict[str, Any] = {"words": "", "lints": (), "calculator": None, "cost": "", "plot": "", "audited": None}


def more_about(desk: Desk, item: Item) -> dict[str, Any]:
    """Return what a page of an object shows beside the document: all names, empty where they do not apply."""
    makers = {"tariffs": _tariff, "sessions": _session, "cdrs": _cdr}
    make = makers.get(item.module)
    return _NOTHING if make is None else {**_NOTHING, **make(desk, item)}


def _tariff(desk: Desk, item: Item) -> dict[str, Any]:
    tariff = item.document
    try:
        words, lints = describe(tariff), lint(tariff)
    except PricingError as error:
        return {"words": str(error)}
    calculator = {name: desk.text(name) or default for name, default in _defaults(desk).items()}
    return {"words": words, "lints": lints, "calculator": calculator, "cost": _quoted(tariff, calculator)}


def _defaults(desk: Desk) -> dict[str, str]:
    start = format_date_time(desk.ocpi.services.clock())[:16]
    return {"start": start, "kwh": "20", "minutes": "60", "parking": "0", "zone": "UTC"}


def _quoted(tariff: Mapping[str, Any], asked: Mapping[str, str]) -> str:
    phases = [Charging(minutes=asked["minutes"], kwh=asked["kwh"])]
    parked = [] if asked["parking"] == "0" else [Parking(minutes=asked["parking"])]
    start = f"{asked['start']}:00Z" if len(asked["start"]) == 16 else asked["start"]
    try:
        return quote(tariff, start=start, phases=[*phases, *parked], time_zone=asked["zone"]).explain()
    except PricingError as error:
        return str(error)


def _session(desk: Desk, item: Item) -> dict[str, Any]:
    session = item.document
    return {"cost": _explained(desk, session), "plot": power_plot(session)}


def _cdr(desk: Desk, item: Item) -> dict[str, Any]:
    cdr = item.document
    return {"cost": _explained(desk, cdr), "plot": power_plot(cdr), "audited": desk.ocpi.pricing.result(cdr) or {}}


def _explained(desk: Desk, document: Mapping[str, Any]) -> str:
    try:
        report: Report = desk.ocpi.pricing.price(document)
    except FlaskOCPIError as error:
        return str(error)
    return report.explain()


def power_plot(document: Mapping[str, Any]) -> Markup:
    """Draw the power of a session or CDR over time: the stated one, or else energy by time."""
    periods = sorted(document.get("charging_periods") or (), key=lambda period: str(period["start_date_time"]))
    end = document.get("end_date_time") or document.get("last_updated")
    if not periods or not isinstance(end, str):
        return Markup("")
    begins = [to_micros(period["start_date_time"]) for period in periods]
    ends = [*begins[1:], max(to_micros(end), begins[-1])]
    points = [
        (float(begin), _power(period, ended - begin))
        for period, begin, ended in zip(periods, begins, ends, strict=True)
    ]
    points.append((float(ends[-1]), points[-1][1]))
    return plots.steps(
        points,
        begin=_clock(periods[0]["start_date_time"]),
        end=_clock(end),
        unit="kW",
        label=TEXTS.power_plot,
    )


def _power(period: Mapping[str, Any], micros: int) -> float:
    volumes = {each["type"]: float(each["volume"]) for each in _dimensions(period)}
    for name in ("POWER", "MAX_POWER"):
        if name in volumes:
            return max(0.0, volumes[name])
    energy = volumes.get("ENERGY", volumes.get("ENERGY_IMPORT", 0.0))
    return max(0.0, energy / (micros / _HOUR)) if micros > 0 else 0.0


def _dimensions(period: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return period.get("dimensions") or ()


def _clock(text: str) -> str:
    return text[:16].replace("T", " ")
