"""Measure what the size of a location costs: PATCH and GET of an EVSE among 200, as a ratio to one among 2.

Run with ``python -m benchmarks.patch``. One platform on a SQLite file answers the same requests in turns for a location
with 2 EVSEs and for one with 200, each EVSE with 2 connectors. The status changes with every PATCH, and so does the
length of the text. Time is that of the WSGI app; requests are made before it is taken. Printed are the median time of
each in microseconds, and the median of the ratios with their middle half.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from itertools import cycle
from statistics import median
from statistics import quantiles
from time import perf_counter
from typing import Any

import orjson
from flask import Flask
from werkzeug.test import EnvironBuilder

from flask_ocpi import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

PAIRS = 100
REQUESTS = 10
FEW, MANY = 2, 200

Maker = Callable[[], dict[str, Any]]


def make_app(folder: str) -> tuple[Flask, str]:
    """Return a platform and the token of a partner."""
    app = Flask("measured", instance_path=folder)
    app.testing = True
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])], OCPI_DOCS=False)
    OCPI(app)
    return app, add_partner(app, [("DE", "CPO", ["CPO"])]).token


def requests_of(token: str, evses: int) -> dict[str, Maker]:
    """Return what makes the WSGI environments of the requests about a location, after one that stores it."""
    path = f"/ocpi/2.2.1/receiver/locations/DE/CPO/LOC{evses}"
    uids = cycle([f"E{number}" for number in range(evses)])
    statuses = cycle(["AVAILABLE", "CHARGING", "BLOCKED"])

    def environ(method: str, path: str, document: Any = None) -> dict[str, Any]:
        headers = {"Authorization": authorization(token)}
        options = {} if document is None else {"data": orjson.dumps(document), "content_type": "application/json"}
        return EnvironBuilder(path=path, method=method, headers=headers, **options).get_environ()

    parts = [evse(uid=f"E{number}", connectors=[connector(id=id) for id in "12"]) for number in range(evses)]
    document = location(country_code="DE", party_id="CPO", id=f"LOC{evses}", evses=parts)
    change = {"last_updated": "2024-06-01T12:00:00Z"}
    return {
        "PUT": lambda: environ("PUT", path, document),
        "PATCH an EVSE": lambda: environ("PATCH", f"{path}/{next(uids)}", {"status": next(statuses), **change}),
        "GET an EVSE": lambda: environ("GET", f"{path}/{next(uids)}"),
    }


def time_of(app: Flask, make: Maker) -> float:
    """Return the time that a burst of requests takes, each of which has to succeed."""
    statuses: list[str] = []
    environs = [make() for _ in range(REQUESTS)]
    start = perf_counter()
    for environ in environs:
        b"".join(app(environ, lambda status, headers, error=None: statuses.append(status)))
    taken = perf_counter() - start
    if not all(status.startswith("20") for status in statuses):
        raise SystemExit(f"Answered {sorted(set(statuses))}.")
    return taken


def measure(app: Flask, few: Maker, many: Maker) -> Iterator[tuple[float, float]]:
    """Yield the times of bursts in pairs, which change places every time."""
    for pair in range(PAIRS):
        if pair % 2:
            slow, fast = time_of(app, many), time_of(app, few)
        else:
            fast, slow = time_of(app, few), time_of(app, many)
        yield fast, slow


def main() -> None:
    gc.disable()  # it would run now here, now there
    with tempfile.TemporaryDirectory() as folder:
        app, token = make_app(folder)
        few, many = (requests_of(token, evses) for evses in (FEW, MANY))
        for name in few:
            for make in (few[name], many[name]):
                time_of(app, make)
            times = list(measure(app, few[name], many[name]))
            fast, slow = (median(column) / REQUESTS * 1e6 for column in zip(*times, strict=True))
            low, middle, high = quantiles([many_ / few_ for few_, many_ in times], n=4)
            sys.stdout.write(
                f"{name:<14} {FEW} EVSEs {fast:6.0f} us, {MANY} EVSEs {slow:6.0f} us: "
                f"{middle:.2f} times (middle half {low:.2f} to {high:.2f})\n"
            )


if __name__ == "__main__":
    main()
