"""Measure how long it takes to price a CDR: ten periods over a night, by a tariff of four elements that it carries.

Run with ``python -m benchmarks.pricing``. Each line is a document and the processor time of one price in microseconds:
the shortest of several rounds, and the median. The tariff is read anew each time. The exit code is 1 if the shortest
time of the night is above a millisecond.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

from flask_ocpi.pricing import Report
from flask_ocpi.pricing import price

ROUNDS = 30
TIMES = 50
LIMIT = 1000  # microseconds

Document = dict[str, Any]


def component(kind: str, amount: float, step_size: int = 1) -> Document:
    return {"type": kind, "price": amount, "vat": 21.0, "step_size": step_size}


def tariff() -> Document:
    """Return a tariff with a fee, energy by night, by workday and on other days, and parking."""
    night = {"start_time": "23:00", "end_time": "07:00"}
    workday = {"day_of_week": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]}
    return {
        "id": "N",
        "currency": "EUR",
        "elements": [
            {"price_components": [component("FLAT", 0.5)]},
            {
                "price_components": [component("ENERGY", 0.35), component("PARKING_TIME", 1.2, 300)],
                "restrictions": night,
            },
            {"price_components": [component("ENERGY", 0.55)], "restrictions": workday},
            {"price_components": [component("ENERGY", 0.45), component("PARKING_TIME", 2.4, 300)]},
        ],
        "max_price": {"excl_vat": 60, "incl_vat": 72.6},
    }


def cdr(periods: int) -> Document:
    """Return a CDR of periods of an hour each, from 20:00 on in Amsterdam; the last fifth is parking."""
    hours = [f"2026-05-{4 + (18 + hour) // 24:02}T{(18 + hour) % 24:02}:00:00Z" for hour in range(periods + 1)]
    charging = periods - periods // 5
    return {
        "start_date_time": hours[0],
        "end_date_time": hours[-1],
        "currency": "EUR",
        "tariffs": [tariff()],
        "charging_periods": [
            {
                "start_date_time": hours[number],
                "tariff_id": "N",
                "dimensions": [{"type": "ENERGY", "volume": 3.1234 + number}, {"type": "TIME", "volume": 1.0}]
                if number < charging
                else [{"type": "PARKING_TIME", "volume": 1.0}],
            }
            for number in range(periods)
        ],
    }


def measure(work: Callable[[], object]) -> list[float]:
    """Return the microseconds of one call, of each round."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(TIMES):
            work()
        rounds.append((process_time() - began) / TIMES * 1e6)
    return rounds


def main() -> int:
    shortest: dict[str, float] = {}
    for name, periods, finish in (
        ("one period", 1, None),
        ("ten periods", 10, None),
        ("ten periods, as JSON", 10, Report.to_json),
        ("ten periods, explained", 10, Report.explain),
    ):
        document = cdr(periods)

        def work(document: Document = document, finish: Callable[[Report], str] | None = finish) -> object:
            report = price(document, time_zone="Europe/Amsterdam")
            return finish(report) if finish else report

        gc.collect()
        rounds = measure(work)
        shortest[name] = min(rounds)
        sys.stdout.write(f"{name:24} {min(rounds):7.0f} us shortest  {median(rounds):7.0f} us median\n")
    return int(shortest["ten periods"] > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
