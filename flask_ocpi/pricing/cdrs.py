"""CDRs: built from a session that has ended, with computed costs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.engine import price
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.report import COSTS
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.tariffs import objects
from flask_ocpi.pricing.tariffs import tariff_key

_COPIED = ("country_code", "party_id", "start_date_time", "end_date_time", "cdr_token", "auth_method", "currency")
_IF_THERE = ("authorization_reference", "meter_id")
#: The longest texts of a CdrLocation in OCPI's tables; a Location may have longer ones, which partners refuse.
_LONGEST = {"address": 45, "state": 20}
_LOCATED = ("name", "address", "city", "postal_code", "state", "country", "coordinates")
# Dimensions of sessions only (OCPI 2.2.1, CDRs, "CdrDimensionType").
_SESSION_ONLY = frozenset({"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"})


def build_cdr(
    session: Mapping[str, Any],
    location: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    *,
    id: str | None = None,
    last_updated: str | None = None,
    time_zone: TimeZone | str | None = None,
    policy: Policy | None = None,
) -> dict[str, Any]:
    """Return the CDR of a session that has ended: location, tariffs, periods and totals.

    ``id`` and ``last_updated`` are by default those of the session; the time zone is by default that of the location.
    Numbers are Decimals of at most four places. Raises PricingError if the session has not ended, or if its EVSE or
    connector is not in the location.
    """
    if session.get("end_date_time") is None:
        raise PricingError("$.end_date_time is missing: there is a CDR once the session has ended.")
    if time_zone is None and location.get("time_zone"):
        time_zone = TimeZone(str(location["time_zone"]), "location")
    report = price(session, tariffs, time_zone=time_zone, policy=policy)
    own = [tariffs] if isinstance(tariffs, Mapping) else list(objects(tariffs, "tariffs"))
    cdr = {
        "id": id or session["id"],
        "session_id": session["id"],
        **{name: session[name] for name in _COPIED},
        **{name: session[name] for name in _IF_THERE if name in session},
        "cdr_location": _place(session, location),
        "charging_periods": _periods(session),
        **costs(report),
        "total_energy": _short(report.to_dict()["total_energy"]),
        "total_time": _short(report.to_dict()["total_time"]),
        "last_updated": last_updated or session["last_updated"],
    }
    used = {tariff_key(period.tariff_id) for period in report.periods if period.tariff_id is not None}
    carried = [dict(tariff) for tariff in own if not used or tariff_key(tariff.get("id")) in used]
    if carried and all("id" in tariff for tariff in carried):
        cdr["tariffs"] = carried
    if report.total_parking_time:
        cdr["total_parking_time"] = _short(report.to_dict()["total_parking_time"])
    return cdr


def costs(report: Report) -> dict[str, dict[str, Decimal]]:
    """Return the costs of a report as properties of a CDR: total_cost, and each part that is not free."""
    amounts = {name: getattr(report, name) for name in COSTS}
    return {
        name: {side: _short(value) for side, value in cost.to_dict().items()}
        for name, cost in amounts.items()
        if name == "total_cost" or cost != Amount()
    }


def _short(value: Decimal) -> Decimal:
    """Return a number without zeros at its end."""
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _place(session: Mapping[str, Any], location: Mapping[str, Any]) -> dict[str, Any]:
    evse = _find(location.get("evses"), "uid", session.get("evse_uid"), "$.evse_uid")
    connector = _find(evse.get("connectors"), "id", session.get("connector_id"), "$.connector_id")
    return {
        "id": location["id"],
        **{name: location[name] for name in _LOCATED if name in location},
        **{name: location[name][:most].rstrip() for name, most in _LONGEST.items() if name in location},
        "evse_uid": evse["uid"],
        "evse_id": evse.get("evse_id", evse["uid"]),
        "connector_id": connector["id"],
        "connector_standard": connector["standard"],
        "connector_format": connector["format"],
        "connector_power_type": connector["power_type"],
    }


def _find(among: Any, key: str, value: Any, path: str) -> Mapping[str, Any]:
    wanted = str(value).casefold()
    for each in objects(among, "location"):
        if str(each.get(key)).casefold() == wanted:
            return each
    raise PricingError(f"{path} names {value!r}, which is not in the location.")


def _periods(session: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the periods without the dimensions of sessions only; periods without any other are left out."""
    periods = []
    for period in objects(session.get("charging_periods"), "$.charging_periods"):
        kept = [
            each for each in objects(period.get("dimensions"), "dimensions") if each.get("type") not in _SESSION_ONLY
        ]
        if kept:
            periods.append({**period, "dimensions": kept})
    return periods
