"""The limit of the stack: a Flask view that returns bytes it has at hand, and does nothing else."""

from __future__ import annotations

import os

from flask import Flask
from flask import Response

SMALL = b'{"data":{},"status_code":1000,"status_message":"Success","timestamp":"2026-01-01T12:00:00.000Z"}'


def create_app() -> Flask:
    app = Flask("bare")
    bodies = {"small": SMALL, "list": SMALL.ljust(int(os.environ.get("BENCH_LIST_BYTES", "70000")))}

    @app.route("/<name>", methods=["GET", "PUT", "PATCH", "POST"])
    def constant(name: str) -> Response:
        return Response(bodies[name], content_type="application/json")

    return app
