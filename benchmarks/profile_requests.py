"""Profile the requests that matter: where the time of a list, a get and a PUT goes.

Run with ``python -m benchmarks.profile_requests``. The platform stores in a SQLite file; the requests go through the
WSGI app without a server. Printed are the time a request takes, as a ratio to a view of the same app that returns
constant bytes, and the functions that take most of it.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from io import StringIO
from time import perf_counter
from typing import Any

import orjson
from flask import Flask
from flask import Response
from werkzeug.test import EnvironBuilder

from examples.network import locations
from flask_ocpi import OCPI
from flask_ocpi.auth_tokens import authorization
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

ROUNDS = 400


def make_app(folder: str) -> Flask:
    app = Flask(__name__, instance_path=folder)
    app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
    ocpi = OCPI(app)
    ocpi.objects.save_all({"locations": list(locations(now=datetime.now(UTC)))})
    constant = b'{"data":null}'
    app.add_url_rule("/constant", "constant", lambda: Response(constant, mimetype="application/json"))
    return app


def caller(app: Flask, token: str) -> Callable[..., bytes]:
    def call(method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": authorization(token)}
        options: dict[str, Any] = {"data": body, "content_type": "application/json"} if body else {}
        environ = EnvironBuilder(path=path, method=method, headers=headers, **options).get_environ()
        status = []
        answer = b"".join(app(environ, lambda s, h, e=None: status.append(s)))
        if not status[0].startswith("20"):
            raise SystemExit(f"{method} {path} answered {status[0]}: {answer[:200]!r}")
        return answer

    return call


def measure(call: Callable[[], bytes]) -> float:
    """Return the median time of a call in microseconds."""
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return sorted(times)[ROUNDS // 2] * 1e6


def profile(call: Callable[[], bytes]) -> str:
    """Return the functions in which a call spends most of its own time."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(ROUNDS):
        call()
    profiler.disable()
    out = StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(12)
    rows = [line for line in out.getvalue().splitlines() if line.strip() and line.lstrip()[0].isdigit()]
    return "\n".join(f"    {row.strip()}" for row in rows[1:])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = make_app(folder)
        partner = add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])
        call = caller(app, partner.token)
        document = orjson.loads(call("GET", "/ocpi/2.2.1/sender/locations/AMS-0001"))["data"]
        pushed = orjson.dumps({**document, "country_code": "DE", "party_id": "CPO"})
        workloads = {
            "list of 50": lambda: call("GET", "/ocpi/2.2.1/sender/locations?limit=50"),
            "get one": lambda: call("GET", "/ocpi/2.2.1/sender/locations/AMS-0001"),
            "PUT location": lambda: call("PUT", "/ocpi/2.2.1/receiver/locations/DE/CPO/AMS-0001", pushed),
        }
        base = measure(lambda: call("GET", "/constant"))
        sys.stdout.write(f"constant bytes: {base:.0f} us\n")
        for name, workload in workloads.items():
            workload()
            time = measure(workload)
            sys.stdout.write(f"\n{name}: {time:.0f} us, {time / base:.1f} times constant bytes\n{profile(workload)}\n")


if __name__ == "__main__":
    main()
