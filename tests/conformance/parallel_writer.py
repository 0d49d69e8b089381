"""One of several processes that write at the same time: `python -m tests.conformance.parallel_writer`.

For each job, a line of JSON on standard input, it builds a platform on the job's database, says "ready", waits for the
line "go", and answers a line of JSON: what became of the steps of each of its writers.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_ocpi import OCPI
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import party_settings

WAIT_SECONDS = 120


def platform_on(url):
    """Build the platform NL-ABC (CPO and EMSP) on a database whose tables exist."""
    app = Flask("parallel_writer")
    app.config.update(
        SECRET_KEY="secret of platform.example",
        SQLALCHEMY_DATABASE_URI=url,
        OCPI_BASE_URL="https://platform.example",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_DISPATCHER="inline",
    )
    SQLAlchemy(app)
    OCPI(app)
    return app


def write(app, token, writers):
    """Let each writer, a list of steps, take its steps in a thread of its own; return what became of each step.

    A step is a request, (method, path, body), or a patch of an own object, ("own", [module, id], changes). What becomes
    of it is (HTTP status, OCPI status code); (200, 1000) for a patch.
    """
    together = Barrier(len(writers))

    def run(steps):
        client = PartnerClient(app, token)
        together.wait(WAIT_SECONDS)
        return [take(client, *step) for step in steps]

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(run, writers))


def take(client, method, where, body):
    if method == "own":
        module, id = where
        client.app.extensions["ocpi"].patch(module, id, changes=body)
        return [200, 1000]
    answer = client.open(method, where, json=body)
    return [answer.http_status, answer.status_code]


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main():
    for line in sys.stdin:
        job = json.loads(line)
        app = platform_on(job["url"])
        say("ready")
        sys.stdin.readline()
        outcome = write(app, job["token"], job["writers"])
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
        say(json.dumps(outcome))


if __name__ == "__main__":
    main()
