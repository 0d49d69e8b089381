"""Measure how fast CDRs are audited from the storage, and that memory stays flat.

Run with ``python -m benchmarks.audits [CDRS]``; by default 100,000 CDRs of two periods each, in SQLite, with the
sessions, the location and the tariff that belong to them. Half of the CDRs are absurd in one way or another. The line
has the CDRs a second, by the clock and of processor time, the peak of memory after a tenth and at the end,
and the verdicts. The exit code is 1 if there are fewer than 1,000 a second of processor time, or if memory has grown by
more than 32 MiB after the first tenth.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from time import process_time
from typing import Any

from flask import Flask

from flask_ocpi import OCPI

Document = dict[str, Any]

LEAST = 1000  # CDRs a second
MOST = 32 * 1024  # KiB
AT_ONCE = 1000
CPO = {"country_code": "NL", "party_id": "ABC"}
TOKEN = {"country_code": "DE", "party_id": "EMS", "uid": "T1", "type": "RFID", "contract_id": "DE-EMS-1"}
TARIFF = {
    **CPO,
    "id": "N",
    "currency": "EUR",
    "elements": [
        {"price_components": [{"type": "FLAT", "price": 0.5, "vat": 21.0, "step_size": 1}]},
        {
            "price_components": [{"type": "ENERGY", "price": 0.35, "vat": 21.0, "step_size": 1}],
            "restrictions": {"start_time": "23:00", "end_time": "07:00"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": 0.55, "vat": 21.0, "step_size": 1},
                {"type": "PARKING_TIME", "price": 2.4, "vat": 21.0, "step_size": 300},
            ]
        },
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}
PLACE = {
    "address": "Station Road 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
}
LOCATION = {
    **CPO,
    "id": "L1",
    "publish": True,
    **PLACE,
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "E1",
            "status": "AVAILABLE",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 32,
                    "last_updated": "2026-01-01T00:00:00Z",
                }
            ],
            "last_updated": "2026-01-01T00:00:00Z",
        }
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}


def session(number: int) -> Document:
    """Return a session of two hours: charging from 10:00 to 11:00 in Utrecht, then parking."""
    day = f"2026-05-{1 + number % 28:02}"
    energy = 5 + number % 40
    periods = [
        {
            "start_date_time": f"{day}T08:00:00Z",
            "tariff_id": "N",
            "dimensions": [{"type": "ENERGY", "volume": energy}, {"type": "TIME", "volume": 1}],
        },
        {
            "start_date_time": f"{day}T09:00:00Z",
            "tariff_id": "N",
            "dimensions": [{"type": "PARKING_TIME", "volume": 1}],
        },
    ]
    return {
        **CPO,
        "id": f"S{number}",
        "start_date_time": f"{day}T08:00:00Z",
        "end_date_time": f"{day}T10:00:00Z",
        "kwh": energy,
        "cdr_token": TOKEN,
        "auth_method": "WHITELIST",
        "location_id": "L1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": periods,
        "status": "COMPLETED",
        "last_updated": f"{day}T10:00:05Z",
    }


def cdr(number: int) -> Document:
    """Return the CDR of a session; every second one is absurd."""
    source = session(number)
    net = 0.5 + 0.55 * source["kwh"] + 2.4
    document = {
        **{name: source[name] for name in ("country_code", "party_id", "start_date_time", "end_date_time")},
        **{name: source[name] for name in ("cdr_token", "auth_method", "currency", "charging_periods")},
        "id": f"C{number}",
        "session_id": source["id"],
        "cdr_location": {
            "id": "L1",
            **PLACE,
            "evse_uid": "E1",
            "evse_id": "NL*ABC*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "tariffs": [TARIFF],
        "total_cost": {"excl_vat": round(net, 4), "incl_vat": round(net * 1.21, 4)},
        "total_energy": source["kwh"],
        "total_time": 2,
        "total_parking_time": 1,
        "last_updated": source["last_updated"],
    }
    absurd: tuple[Document, ...] = (
        {"total_cost": {"excl_vat": 325.0, "incl_vat": 393.25}},
        {"total_energy": source["kwh"] * 10},
        {"session_id": f"NONE{number}"},
        {"total_cost": {"excl_vat": 20.0, "incl_vat": 10.0}},
        {"currency": "SEK"},
        {"session_id": f"S{number - 1}"},
    )
    return document | absurd[number // 2 % len(absurd)] if number % 2 else document


def peak() -> int:
    """Return the most memory that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fill(ocpi: OCPI, number: int) -> None:
    def sessions() -> Iterator[Document]:
        return (session(each) for each in range(number))

    def cdrs() -> Iterator[Document]:
        return (cdr(each) for each in range(number))

    ocpi.objects.save_all(
        [("tariffs", [TARIFF]), ("locations", [LOCATION]), ("sessions", sessions()), ("cdrs", cdrs())]
    )


def audit(ocpi: OCPI, number: int) -> bool:
    """Audit all; tell whether that was fast enough, and in flat memory."""
    verdicts: Counter[str] = Counter()
    after_some = 0
    began, worked = perf_counter(), process_time()
    for item in ocpi.pricing.audit_all():
        verdicts[item.audit.verdict] += 1
        if verdicts.total() == number // 10:
            after_some = peak()
    by_clock = verdicts.total() / (perf_counter() - began)
    rate, grown = verdicts.total() / (process_time() - worked), peak() - after_some
    memory = f"{after_some // 1024} MiB after a tenth, {peak() // 1024} MiB at the end"
    speed = f"{by_clock:.0f} a second, {rate:.0f} a second of processor time"
    sys.stdout.write(f"{verdicts.total()} CDRs: {speed}; {memory}; {dict(sorted(verdicts.items()))}\n")
    return rate >= LEAST and grown <= MOST


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        app = Flask("benchmark", instance_path=folder)
        app.config.update(
            SECRET_KEY="benchmark",
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(folder) / 'audits.sqlite3'}",
            OCPI_CREATE_TABLES=True,
            OCPI_DISPATCHER="inline",
            OCPI_PUSH=False,
            OCPI_PARTIES=[{**CPO, "roles": ["CPO"], "business_details": {"name": "Abc"}}],
        )
        ocpi = OCPI(app)
        with app.app_context():
            fill(ocpi, number)
            return int(not audit(ocpi, number))


if __name__ == "__main__":
    raise SystemExit(main())
