"""Quotes: the cost of a planned session, from its expected phases."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_ocpi.pricing.amounts import ZERO
from flask_ocpi.pricing.amounts import number
from flask_ocpi.pricing.clock import SECOND
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.clock import moment
from flask_ocpi.pricing.engine import price_usage
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.tariffs import read_tariff
from flask_ocpi.pricing.usage import Period
from flask_ocpi.pricing.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging:
    """A phase of charging at constant power. ``power`` (kW) follows from kWh and minutes by default.

    Numbers may be int, float, Decimal, Fraction or text; ``current`` is the sum over the phases in A.
    """

    minutes: Any
    kwh: Any = 0
    power: Any = None
    current: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """A phase in which the vehicle is connected but does not charge."""

    minutes: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A phase in which the EVSE is reserved; a quote of only this phase prices an expired reservation."""

    minutes: Any


Phase = Charging | Parking | Reserved


def quote(
    tariff: Mapping[str, Any],
    *,
    start: datetime | str,
    phases: Sequence[Phase],
    time_zone: TimeZone | str | None = None,
    policy: Policy | None = None,
) -> Report:
    """Price successive phases by one tariff in the stored (2.2.1) shape.

    ``start``: an aware datetime or a DateTime of OCPI. Raises PricingError if an argument cannot be understood.
    """
    remarks = Remarks(policy or Policy())
    known = read_tariff(tariff, "tariff", remarks)
    begin = now = moment(start, "start")
    periods: list[Period] = []
    for index, phase in enumerate(phases):
        period = _period(index, phase, now, known.id)
        periods.append(period)
        now = period.end
    used = [period for period in periods if not period.is_reservation]
    usage = Usage(
        currency=known.currency,
        start=begin,
        end=now,
        origin=used[0].start if used else now,
        periods=tuple(periods),
        running=False,
        expired=bool(periods) and not used,
        credit=False,
        location={},
        exact=True,
    )
    return price_usage(usage, [known], time_zone=time_zone, remarks=remarks)


def _period(index: int, phase: Phase, start: int, tariff_id: str) -> Period:
    path = f"phases[{index}]"
    if not isinstance(phase, (Charging, Parking, Reserved)):
        raise PricingError(f"{path} has to be Charging, Parking or Reserved, got {type(phase).__name__}.")
    hours = number(phase.minutes, f"{path}.minutes") / 60
    if hours < 0:
        raise PricingError(f"{path}.minutes has to be 0 or more.")
    volumes = {{Charging: "TIME", Parking: "PARKING_TIME", Reserved: "RESERVATION_TIME"}[type(phase)]: hours}
    stated = {}
    if isinstance(phase, Charging):
        volumes["ENERGY"] = number(phase.kwh, f"{path}.kwh")
        power = volumes["ENERGY"] / hours if hours else ZERO
        if phase.power is not None:
            power = number(phase.power, f"{path}.power")
        stated = {"MIN_POWER": power, "MAX_POWER": power}
        if phase.current is not None:
            current = number(phase.current, f"{path}.current")
            stated |= {"MIN_CURRENT": current, "MAX_CURRENT": current}
    end = start + int(hours * 3600 * SECOND)
    return Period(index, start, end, tariff_id, volumes, stated)
