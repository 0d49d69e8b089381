"""Measure what the journal costs: requests per second with it, as a ratio to those without it.

Run with ``python -m benchmarks.journal``. Two platforms in one process, on a SQLite file each, answer the same
requests in turns, one with ``OCPI_JOURNAL`` at "all" and one with "off". Time is that of the processor, in all threads:
what the journal's thread takes counts, and what else the machine does counts less. The journal is full, so what it
writes it also removes. Printed are the median of the ratios and the middle half of them.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from time import process_time
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.sandbox.locations import locations

PAIRS = 60
REQUESTS = 40
FULL = 200  # messages

Burst = Callable[[], None]


def make_partner(folder: Path, journal: str) -> tuple[OCPI, PartnerClient]:
    """Return a platform with 200 locations and a partner that calls it."""
    app = Flask("measured", instance_path=str(folder))
    app.testing = True
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_DOCS=False,
        OCPI_JOURNAL=journal,
        OCPI_JOURNAL_MAX_COUNT=FULL,
    )
    ocpi = OCPI(app)
    ocpi.objects.save_all({"locations": list(locations(now=datetime.now(UTC)))[:200]})
    return ocpi, add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])


def bursts(ocpi: OCPI, partner: PartnerClient) -> dict[str, Burst]:
    """Return what is measured: some requests of a kind, until all that they caused is done."""
    documents = [
        {**document, "country_code": "DE", "party_id": "CPO"} for document in ocpi.objects.documents("locations")
    ]
    bodies = cycle(documents)

    def put() -> None:
        document = next(bodies)
        answer = partner.put(f"/ocpi/2.2.1/receiver/locations/DE/CPO/{document['id']}", document)
        assert answer.status_code == 1000, answer.message

    def get() -> None:
        assert partner.get("/ocpi/2.2.1/sender/locations?limit=50").status_code == 1000

    def burst(call: Callable[[], Any]) -> Burst:
        def run() -> None:
            for _ in range(REQUESTS):
                call()
            assert ocpi.journal.flush()

        return run

    return {"PUT a location": burst(put), "GET a list of 50 locations": burst(get)}


def time_of(burst: Burst) -> float:
    start = process_time()
    burst()
    return process_time() - start


def ratios(without: Burst, with_journal: Burst) -> list[float]:
    """Return the ratio of requests per second for each pair of bursts, which change places every time."""
    found = []
    first = 1 + FULL // REQUESTS  # statements are compiled, and the journal fills up
    for pair in range(first + PAIRS):
        if pair % 2:
            kept, off = time_of(with_journal), time_of(without)
        else:
            off, kept = time_of(without), time_of(with_journal)
        if pair >= first:
            found.append(off / kept)
    return found


def main() -> None:
    gc.disable()  # it would run now here, now there
    with tempfile.TemporaryDirectory() as folder:
        off, kept = (bursts(*make_partner(Path(folder) / mode, mode)) for mode in ("off", "all"))
        for name in off:
            low, median, high = quantiles(ratios(off[name], kept[name]), n=4)
            sys.stdout.write(f"{name}: {median:.3f} times as many requests (middle half {low:.3f} to {high:.3f})\n")


if __name__ == "__main__":
    main()
