"""Flask-OCPI as it is measured: with its defaults, on the database of SQLALCHEMY_DATABASE_URI.

``python -m benchmarks.http.app LOCATIONS`` fills the database and prints the partner's token.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any

from flask import Flask

from benchmarks.http import documents
from flask_ocpi import OCPI
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

BATCH = 5_000


def create_app() -> Flask:
    app = Flask("benchmarked", instance_path=os.environ["BENCH_FOLDER"])
    app.config.from_prefixed_env()
    app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
    app.config["OCPI_MAX_UNKNOWN_TOKENS"] = 0  # wrong tokens are refused by 401 however many there are
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE"]
    app.config["OCPI_ENCRYPTION_KEYS"] = [os.environ["BENCH_KEY"]]
    ocpi = OCPI(app)
    ocpi.authorizer(lambda token, location: "ALLOWED")
    ocpi.command("START_SESSION")(lambda command, reply: "REJECTED")
    return app


def fill(total: int) -> str:
    app = create_app()
    ocpi: OCPI = app.extensions["ocpi"]
    ocpi.storage.setup()
    numbers: Iterable[int] = iter(range(total))
    while batch := [documents.own_location(number, total) for number in islice(numbers, BATCH)]:
        ocpi.objects.save_all({"locations": batch})
    ocpi.objects.save_all({"tokens": [documents.own_token(number) for number in range(documents.IDS)]})
    return add_partner(app, [("DE", "CPO", ["CPO"]), ("DE", "EMS", ["EMSP"])]).token


def main(arguments: Any) -> None:
    print(fill(int(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
