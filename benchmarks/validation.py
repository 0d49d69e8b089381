"""Measure what compiling saves: the time in which documents are validated, as a ratio to that of marshmallow alone.

Run with ``python -m benchmarks.validation``. Both load the same documents in turns in one process, and have to return
the same. Printed for each are the size of the document, the shortest time of both in microseconds, and the median of
the ratios with their middle half.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles
from time import process_time
from typing import Any

import orjson

from flask_ocpi.core.fields import Policy
from flask_ocpi.core.responses import PageQuery
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tokens import AuthorizationInfo
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing.documents import LAST_UPDATED
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location

PAIRS = 60
SECONDS = 0.004  # that each is measured for at a time


@dataclass(frozen=True)
class Workload:
    """A document and the class that it is loaded by."""

    name: str
    schema: type[Schema]
    document: Document
    partial: bool = False


def usual_location() -> Document:
    """Return a Location as operators send them, of 1.3 kB: two EVSEs, some optional properties, some nulls."""
    evses = [
        evse(
            uid=f"325{number}",
            evse_id=f"NL*ABC*E04150300{number}",
            capabilities=["RESERVABLE", "RFID_READER"],
            physical_reference=str(number),
            connectors=[connector(tariff_ids=["11"], max_electric_power=11000)],
        )
        for number in (1, 2)
    ]
    return location(
        name="Central Station",
        postal_code="3511 ED",
        state=None,
        parking_type="PARKING_LOT",
        evses=evses,
        directions=[{"language": "en", "text": "Enter behind the supermarket."}],
        operator={"name": "Abc Charging", "website": "https://www.example.com"},
        suboperator=None,
        facilities=["CAFE", "WIFI"],
        opening_times={"twentyfourseven": True},
    )


def session() -> Document:
    """Return a Session with two charging periods."""
    dimensions = [{"type": "ENERGY", "volume": 6.25}, {"type": "TIME", "volume": 0.5}]
    periods = [{"start_date_time": LAST_UPDATED, "dimensions": dimensions} for _ in range(2)]
    return {**example_of(Session), "charging_periods": periods, "total_cost": {"excl_vat": 3.13, "incl_vat": 3.78}}


WORKLOADS = (
    Workload("Location", Location, usual_location()),
    Workload("Location with everything", Location, full_location()),
    Workload("PATCH of a Location", Location, {"name": "Station", "last_updated": LAST_UPDATED}, partial=True),
    Workload("EVSE", EVSE, usual_location()["evses"][0]),
    Workload("PATCH of an EVSE", EVSE, {"status": "CHARGING", "last_updated": LAST_UPDATED}, partial=True),
    Workload("Session", Session, session()),
    Workload("PATCH of a Session", Session, {"kwh": 12.75, "last_updated": LAST_UPDATED}, partial=True),
    Workload("CDR", CDR, {**example_of(CDR), "charging_periods": session()["charging_periods"]}),
    Workload("Token", Token, example_of(Token)),
    Workload("AuthorizationInfo", AuthorizationInfo, example_of(AuthorizationInfo)),
    Workload("StartSession", StartSession, example_of(StartSession)),
    Workload("query of a list", PageQuery, {"offset": "50", "limit": "50"}),
)


def time_of(load: Callable[[], Any], times: int) -> float:
    start = process_time()
    for _ in range(times):
        load()
    return (process_time() - start) / times


def measure(workload: Workload) -> tuple[float, float, list[float]]:
    """Return the shortest times with the loader and without it in seconds, and the ratio of every pair."""
    loads = []
    for compiled in (True, False):
        schemas = Schemas(Policy(compiled=compiled))
        schema = schemas.partial(workload.schema) if workload.partial else schemas[workload.schema]
        loads.append(lambda schema=schema: schema.load(workload.document))
    fast, slow = loads
    assert fast() == slow()
    often, seldom = (1 + int(SECONDS / time_of(load, 100)) for load in loads)
    pairs = [(time_of(fast, often), time_of(slow, seldom)) for _ in range(PAIRS)]
    return min(one for one, _ in pairs), min(other for _, other in pairs), [other / one for one, other in pairs]


def main() -> None:
    gc.disable()  # it would run now here, now there
    for workload in WORKLOADS:
        fast, slow, ratios = measure(workload)
        low, median, high = quantiles(ratios, n=4)
        size = len(orjson.dumps(workload.document))
        sys.stdout.write(
            f"{workload.name} ({size:,} bytes): {fast * 1e6:.1f} instead of {slow * 1e6:.1f} microseconds, "
            f"{median:.1f} times as fast (middle half {low:.1f} to {high:.1f})\n"
        )


if __name__ == "__main__":
    main()
