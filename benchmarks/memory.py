"""Measure whether memory grows: a process that serves, pushes and receives, for as many requests as an hour brings.

Run with ``python -m benchmarks.memory``. An operator on a SQLite file and a provider live in this process; requests of
all kinds go through sockets and threads. BENCH_MEMORY_SECONDS says for how long (90; 3600 for the full hour). Printed
is what Python's objects took at ten moments, and its growth over the second half, by when all caches are full: it has
to stay below 2 percent or 256 KB. The resident size is printed as well; it depends on the allocator.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from itertools import cycle
from pathlib import Path
from statistics import mean

import requests

from flask_ocpi.outbox import entries
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.faults.sockets import Neighbours

SECONDS = 90.0
SAMPLES = 10
LOCATIONS = 50
TIMEOUT = 60.0
MOST_KILOBYTES = 256.0
MOST_SHARE = 0.02

Work = Callable[[], object]


def workloads(neighbours: Neighbours) -> list[Work]:
    """Return requests to make, of each kind in turn: lists, single objects, tokens that arrive, changes, a refusal."""
    cpo = neighbours.cpo
    root = cpo.versions_url.removesuffix("/versions") + "/2.2.1"
    partner = add_partner(neighbours.app, [("FR", "OTH", ["EMSP"])], name="Other")
    http = requests.Session()
    http.headers["Authorization"] = authorization(partner.token)
    numbers = count()

    def get(path: str) -> Work:
        return lambda: http.get(f"{root}{path}", timeout=TIMEOUT).content

    def change() -> None:
        number = next(numbers)
        status = ("AVAILABLE", "CHARGING", "BLOCKED")[number % 3]
        cpo.patch("locations", f"LOC{number % LOCATIONS}", "E1", changes={"status": status})

    def put() -> None:
        uid = f"TOKEN{next(numbers) % LOCATIONS}"
        document = token(country_code="FR", party_id="OTH", uid=uid, visual_number=str(next(numbers)))
        http.put(f"{root}/receiver/tokens/FR/OTH/{uid}", json=document, timeout=TIMEOUT).raise_for_status()

    return [
        *(change, get("/sender/locations?limit=20"), put),
        *(change, get("/sender/locations/LOC1"), get("/sender/locations/UNKNOWN")),
    ]


def kilobytes_resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def settle(neighbours: Neighbours) -> None:
    """Wait until everything is pushed."""
    cpo = neighbours.cpo
    ends = time.monotonic() + TIMEOUT
    while any(entries.is_waiting(cpo.services, platform.id) for platform in cpo.partners.list()):
        if time.monotonic() > ends:
            raise SystemExit("The changes were not delivered.")
        time.sleep(0.05)


def run(neighbours: Neighbours, seconds: float) -> list[tuple[int, float]]:
    """Make requests for so long; return their number and the kilobytes in Python's objects at moments evenly apart."""
    work = cycle(workloads(neighbours))
    found = []
    made = 0
    for _ in range(SAMPLES):
        ends = time.monotonic() + seconds / SAMPLES
        while time.monotonic() < ends:
            next(work)()
            made += 1
        settle(neighbours)
        gc.collect()
        kilobytes = tracemalloc.get_traced_memory()[0] / 1024
        found.append((made, kilobytes))
        resident = kilobytes_resident()
        sys.stdout.write(f"    {made:>8} requests: {kilobytes:8.0f} KB in objects, {resident:8.0f} KB resident\n")
        sys.stdout.flush()
    return found


def main() -> int:
    seconds = float(os.environ.get("BENCH_MEMORY_SECONDS") or SECONDS)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        storage = stack.enter_context(sqlalchemy_storage(f"sqlite:///{folder}/ocpi.sqlite3"))
        neighbours = Neighbours(stack, 1, storage=storage)
        stack.callback(lambda: neighbours.cpo.journal.flush())
        stack.callback(lambda: neighbours.cpo.dispatcher.stop(TIMEOUT))
        documents = [location(id=f"LOC{number}", evses=[evse(uid="E1")]) for number in range(LOCATIONS)]
        neighbours.cpo.objects.save_all({"locations": documents})
        tracemalloc.start()
        found = run(neighbours, seconds)
    half = found[SAMPLES // 2 :]
    sizes = [kilobytes for _, kilobytes in half]
    middle = len(half) // 2
    growth = mean(sizes[-middle:]) - mean(sizes[:middle])
    is_flat = growth < max(MOST_KILOBYTES, MOST_SHARE * sizes[0])
    text = f"{growth:+.0f} KB of {sizes[0]:.0f} KB in {half[-1][0] - half[0][0]} requests"
    sys.stdout.write(f"{'Growth over the second half':<52} {text}: {'flat' if is_flat else 'IT GROWS'}\n")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
