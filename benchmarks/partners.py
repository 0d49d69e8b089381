"""Measure what partners cost a change that they do not get: a save with 1,000 of them, as a ratio to one with 1.

Run with ``python -m benchmarks.partners``. Two platforms on SQLite files save the same Location in turns. The partners
are registered, each with ten endpoints, and receive no Locations; or they receive CDRs, of which each saved one is for
the first partner. Printed are the median times in microseconds, and the median of the ratios with their middle half. It
fails above a ratio of 1.5.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from statistics import quantiles
from time import perf_counter

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings

FEW, MANY = 1, 1000
PAIRS = 200
HIGHEST_RATIO = 1.5

_ids = count()


def platform(folder: Path, partners: int) -> OCPI:
    """Return a platform with so many registered partners."""
    folder.mkdir()
    app = Flask("measured", instance_path=str(folder))
    parties = [party_settings("NL", "ABC", ["CPO"])]
    app.config.update(OCPI_PARTIES=parties, OCPI_DOCS=False, OCPI_DISPATCHER="none")
    ocpi = OCPI(app)
    with ocpi.storage.transaction():
        for number in range(partners):
            ocpi.services.platforms.create(partner(number))
    return ocpi


def partner(number: int) -> Platform:
    modules = [module for module in ModuleID if module not in ("locations", "versions")]
    endpoints = [{"identifier": id, "role": "RECEIVER", "url": f"https://{number}.example/{id}"} for id in modules]
    role = {"role": "EMSP", "country_code": "DE", "party_id": f"{number:03X}", "business_details": {"name": "Partner"}}
    return Platform(
        id=f"partner-{number}",
        name=f"Partner {number}",
        state=PlatformState.REGISTERED,
        roles=(role,),
        endpoints=tuple(endpoints),
        versions_url=f"https://{number}.example/versions",
        version="2.2.1",
    )


def save_location(ocpi: OCPI) -> None:
    ocpi.save("locations", location(name=f"Place {next(_ids)}"))


def save_cdr(ocpi: OCPI) -> None:
    token = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "000"}
    ocpi.save("cdrs", cdr(id=f"CDR{next(_ids)}", cdr_token=token))


def seconds(change: Callable[[OCPI], None], ocpi: OCPI) -> float:
    began = perf_counter()
    change(ocpi)
    return perf_counter() - began


def main() -> int:
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        few, many = (platform(Path(folder, str(number)), number) for number in (FEW, MANY))
        for ocpi in (few, many):
            stack.enter_context(ocpi.app.app_context())  # type: ignore[union-attr]
        for name, change in (("Location for none", save_location), ("CDR for one", save_cdr)):
            for ocpi in (few, many):
                change(ocpi)
            pairs = [(seconds(change, few), seconds(change, many)) for _ in range(PAIRS)]
            ratios = [slow / fast for fast, slow in pairs]
            low, ratio, high = quantiles(ratios, n=4)
            worst = max(worst, ratio)
            times = " and ".join(f"{median(times) * 1e6:,.0f}" for times in zip(*pairs, strict=True))
            line = f"{name}: {times} µs with {FEW} and {MANY:,} partners, {ratio:.2f} times ({low:.2f} to {high:.2f})\n"
            sys.stdout.write(line)
    return int(worst > HIGHEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
