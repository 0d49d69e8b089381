"""Measure what a version costs: lists, gets, puts and pushes of locations in each, as ratios to OCPI 2.2.1.

Run with ``python -m benchmarks.versions``. One platform on a SQLite file serves all versions, and has partners of each.
It answers the same requests of them, and pushes the same location to them, in turns with those of 2.2.1. Time is the
processor's in this thread, for the WSGI app, or for the client with a transport that answers at once. Printed are the
median time in microseconds, and the median of the ratios with their middle half. A list has to be as fast in 2.3.0, and
to take at most 4 times as long in 2.1.1; the exit code is 1 when it does not. Of a list that did not change since the
last time, a version keeps what it made; before each new list, all objects are changed.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from statistics import median
from statistics import quantiles
from time import thread_time
from typing import Any

import orjson
from flask import Flask
from werkzeug.test import EnvironBuilder

from flask_ocpi import OCPI
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS
from flask_ocpi.versions import Version

PAIRS = 60
AT_ONCE = 5
LISTED = 50
_NEW_LIST = "new list"
#: How many times as long as in 2.2.1 a list may take; a quarter is what one run may differ from another.
LIMITS = {"2.1.1": 4.0, "2.3.0": 1.25}
TAKEN = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'

#: Prepares a piece of work, and returns what does it.
Maker = Callable[[], Callable[[], object]]


class TakesAll:
    """The way to partners that take everything at once."""

    def send(self, request: Request) -> Response:
        return Response(200, {"Content-Type": "application/json"}, TAKEN, request.url)

    def close(self) -> None:
        """Nothing is held open."""


def place(id: str, name: str = "Central Station") -> dict[str, Any]:
    """Return a location of two EVSEs with two connectors each, of which every version can say all."""
    evses = [evse(uid=uid, connectors=[connector(id=id, tariff_ids=["11"]) for id in "12"]) for uid in ("E1", "E2")]
    return location(id=id, name=name, postal_code="3511 ED", evses=evses)


def make_platform(folder: str) -> tuple[Flask, OCPI]:
    """Return a platform with the locations of a page."""
    app = Flask("measured", instance_path=folder)
    app.testing = True
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_DOCS=False,
        OCPI_PUSH=False,
        OCPI_VERSIONS=[version.number for version in VERSIONS],
    )
    ocpi = OCPI(app, transport=TakesAll())
    ocpi.objects.save_all({"locations": [place(f"LOC{number}") for number in range(LISTED)]})
    return app, ocpi


def works(app: Flask, ocpi: OCPI, version: Version) -> dict[str, Maker]:
    """Return what is measured in a version."""
    slug = version.number.replace(".", "")[:2]
    operator = add_partner(app, [("DE", f"C{slug}", ["CPO"])], name=f"cpo{slug}", version=version.number)
    provider = add_partner(app, [("DE", f"E{slug}", ["EMSP"])], name=f"emsp{slug}", version=version.number)
    operation = version.operation("locations", "put_location")
    conversion = None if operation is None else version.conversion(operation.body)
    body = place("LOC1") if conversion is None else conversion.from_store(place("LOC1"))
    if "party_id" in body:
        body |= {"country_code": "DE", "party_id": f"C{slug}"}
    changes = count()

    def request(token: str, path: str, query: str = "", *, puts: bool = False) -> Callable[[], object]:
        options: dict[str, Any] = {"query_string": query}
        if puts:
            document = {**body, "name": f"Station {next(changes)}"}
            options = {"method": "PUT", "data": orjson.dumps(document), "content_type": "application/json"}
        url = f"/ocpi/{version.number}/{path}"
        environ = EnvironBuilder(path=url, headers={"Authorization": authorization(token)}, **options).get_environ()
        return lambda: answered(app, environ)

    endpoint = {"identifier": "locations", "role": "RECEIVER", "url": f"https://{slug}.example/locations"}
    known = ocpi.partners.find(f"emsp{slug}")
    ocpi.services.platforms.save(replace(known, endpoints=(endpoint,)), before=known)

    def changed_list() -> Callable[[], object]:
        name = f"Station {next(changes)}"
        ocpi.objects.save_all({"locations": [place(f"LOC{number}", name) for number in range(LISTED)]})
        return request(provider.token, "sender/locations", f"limit={LISTED}")

    def push() -> Callable[[], object]:
        client = ocpi.client(f"emsp{slug}")
        return lambda: client.locations.put(place("LOC1"))

    return {
        f"list of {LISTED}": lambda: request(provider.token, "sender/locations", f"limit={LISTED}"),
        _NEW_LIST: changed_list,
        "get": lambda: request(provider.token, "sender/locations/LOC1"),
        "put": lambda: request(operator.token, f"receiver/locations/DE/C{slug}/LOC1", puts=True),
        "push": push,
    }


def answered(app: Flask, environ: dict[str, Any]) -> bytes:
    """Return the body of an answer, which has to be a success with all that was asked for."""
    statuses: list[str] = []
    body = b"".join(app(environ, lambda status, headers, error=None: statuses.append(status)))
    if not statuses[0].startswith("20") or b'"status_code":1000' not in body:
        raise SystemExit(f"{environ['PATH_INFO']} was answered {statuses[0]}: {body[:300]!r}")
    return body


def time_of(make: Maker, at_once: int) -> float:
    """Return the seconds that a few runs take, without what prepares them."""
    prepared = [make() for _ in range(at_once)]
    start = thread_time()
    for run in prepared:
        run()
    return thread_time() - start


def measure(first: Maker, second: Maker, at_once: int) -> Iterator[tuple[float, float]]:
    """Yield the times of both in pairs, which change places every time."""
    for pair in range(PAIRS):
        if pair % 2:
            one, other = time_of(first, at_once), time_of(second, at_once)
        else:
            other, one = time_of(second, at_once), time_of(first, at_once)
        yield one, other


def main() -> int:
    gc.disable()  # it would run now here, now there
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        app, ocpi = make_platform(folder)
        base = works(app, ocpi, V2_2_1)
        for version in VERSIONS:
            if version is V2_2_1:
                continue
            for name, make in works(app, ocpi, version).items():
                at_once = 1 if name == _NEW_LIST else AT_ONCE
                time_of(base[name], at_once)
                time_of(make, at_once)
                times = list(measure(base[name], make, at_once))
                one, other = (median(column) / at_once * 1e6 for column in zip(*times, strict=True))
                low, middle, high = quantiles([slow / fast for fast, slow in times], n=4)
                sys.stdout.write(
                    f"{name:<10} 2.2.1 {one:6.0f} us, {version.number} {other:6.0f} us: "
                    f"{middle:.2f} times (middle half {low:.2f} to {high:.2f})\n"
                )
                if "list" in name and middle > LIMITS[version.number]:
                    missed.append(f"A {name} in {version.number} takes {middle:.2f} times as long as in 2.2.1.")
    sys.stdout.writelines(f"{text}\n" for text in missed)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
