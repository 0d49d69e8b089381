"""A platform in a process of its own that answers some requests, forks, answers more in both, and ends.

Run with ``python -m tests.e2e.journal_process FOLDER``. Nothing waits for the journal: it has to see to its end itself.
With ``until killed`` it tells on its standard output when some messages are written, and goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.exchange.journal_writer import QUEUE_LENGTH
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings


def make_platform(folder: str) -> OCPI:
    app = Flask("journalled", instance_path=folder)
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_DOCS=False,
        OCPI_JOURNAL="all",
        SECRET_KEY="of a test",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{Path(folder) / 'ocpi.sqlite3'}",
        OCPI_CREATE_TABLES=True,
    )
    return OCPI(app)


def call(ocpi: OCPI, names: Iterable[str]) -> None:
    for name in names:
        ocpi.app.test_client().get("/ocpi/versions", headers={"X-Request-ID": name})


def answer_until_killed(ocpi: OCPI) -> None:
    partner = add_partner(ocpi.app, [("DE", "EMS", ["EMSP"])])
    for number in range(40):
        partner.get("/ocpi/2.2.1/sender/locations", headers={"X-Request-ID": f"written-{number}"})
    assert ocpi.journal.flush(60)
    sys.stdout.write("written\n")
    sys.stdout.flush()
    for number in range(QUEUE_LENGTH - 1):  # so many can wait
        partner.get("/ocpi/2.2.1/sender/locations", headers={"X-Request-ID": f"waiting-{number}"})
    signal.pause()


def main() -> None:
    ocpi = make_platform(sys.argv[1])
    if sys.argv[2:]:
        answer_until_killed(ocpi)
    call(ocpi, ["parent-1", "parent-2", "parent-3"])
    child = os.fork()
    if child == 0:
        call(ocpi, ["child-1", "child-2"])
        return
    call(ocpi, ["parent-4"])
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
