"""Measure how long a search takes in a journal with very many messages.

Run with ``python -m benchmarks.stories [URL] [--messages N]``; without the URL of a PostgreSQL database it uses a
temporary SQLite file. It fills the journal with charges of ten messages each, among status changes of 10,000 EVSEs, and
prints the size of the database and the median and the longest time of each kind of search in new places every time.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import text

from flask_ocpi import OCPI
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange.journal import write
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds

EVSES = 10_000
TOKENS = 5_000
PARTNERS = 30
SEARCHES = 30
AT_ONCE = 2_000
BEGIN = 1_767_225_600_000_000
STEP = 100_000  # microseconds between two messages


def messages(number: int) -> Iterator[Kept]:
    """Yield messages in the order of time: one in ten charges and nine status changes in turn."""
    draw = random.Random(1)
    for i in range(number):
        moment = BEGIN + i * STEP
        evse = draw.randrange(EVSES)
        charge, step = divmod(i // 2, 10)
        partner = f"partner-{charge % PARTNERS}" if i % 2 else f"partner-{evse % PARTNERS}"
        about: tuple[tuple[str, str], ...] = (("evse", f"E{evse}"), ("location", f"LOC{evse // 4}"))
        said = f"changed EVSE E{evse}: status CHARGING"
        if i % 2:
            evse = charge % EVSES
            place = (("evse", f"E{evse}"), ("location", f"LOC{evse // 4}"))
            cause = (("token", f"T{charge % TOKENS}"), ("authorization_reference", f"A{charge}"))
            about = (*cause, *place, ("session", f"S{charge}"))
            said = f"sent session S{charge}: status ACTIVE, {step} kWh"
            if step == 0:
                about = (*cause, *place, ("command", f"COMMAND{charge}"))
                said = f"asked for START_SESSION for token T{charge % TOKENS}: ACCEPTED"
            elif step == 9:
                about = (*about, ("cdr", f"C{charge}"))
        message = Message(
            Direction.OUT,
            "PUT",
            f"https://{partner}.example/ocpi/2.2.1/receiver/sessions/NL/ABC/S{charge}",
            moment,
            0.031,
            platform=partner,
            module="sessions",
            operation="receiver_put_session",
            request_id=f"{draw.getrandbits(128):032x}",
            correlation_id=f"{draw.getrandbits(128):032x}",
            http_status=200,
            status_code=1000 if i % 1000 else 2001,
        )
        yield Kept(message, tuple(Reference.of(*each) for each in about), said)


def platform_on(url: str, folder: str) -> OCPI:
    app = Flask("measured", instance_path=folder)
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_DOCS=False, SECRET_KEY="measured")
    engine = create_engine(url)
    metadata = MetaData()
    storage = SQLAlchemyStorage(engine, define_tables(metadata, kinds(VERSIONS)))
    metadata.drop_all(engine)
    ocpi = OCPI(app, storage=storage)
    with app.app_context():
        storage.setup()
    add_partner(app, [("DE", "EMS", ["EMSP"])])
    return ocpi


def fill(ocpi: OCPI, number: int) -> float:
    """Write the messages; return the seconds."""
    begin = time.perf_counter()
    left = messages(number)
    while batch := list(islice(left, AT_ONCE)):
        write(ocpi.storage, batch)
    return time.perf_counter() - begin


def searches(ocpi: OCPI, number: int) -> dict[str, Callable[[random.Random], Any]]:
    charges = number // 20
    journal = ocpi.journal
    last_minute = moment_text(BEGIN + number * STEP - 60 * SECOND)

    def story(kind: str, prefix: str, most: int) -> Callable[[random.Random], Any]:
        def search(draw: random.Random) -> Any:
            return journal.story(kind, f"{prefix}{draw.randrange(most)}")

        return search

    return {
        "story of a session": story("session", "S", charges),
        "story of a CDR": story("cdr", "C", charges - 1),
        "story of an authorization_reference": story("authorization_reference", "A", charges),
        "story of a token": story("token", "T", min(TOKENS, charges)),
        "story of an EVSE": story("evse", "E", EVSES),
        "story of a location": story("location", "LOC", EVSES // 4),
        "failed messages": lambda draw: journal.list(failed=True),
        "messages of the last minute": lambda draw: journal.list(since=last_minute),
        "one message": lambda draw: journal.find(draw.randrange(1, number)),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--messages", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ocpi.sqlite3"
        ocpi = platform_on(asked.url or f"sqlite:///{path}", folder)
        seconds = fill(ocpi, asked.messages)
        if asked.url is None:
            sys.stdout.write(f"{path.stat().st_size / asked.messages:.0f} bytes a message, ")
        else:
            with create_engine(asked.url).connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        sys.stdout.write(f"{seconds / asked.messages * 1e6:.0f} microseconds to write one\n")
        with ocpi.app.app_context():
            for name, search in searches(ocpi, asked.messages).items():
                draw, times = random.Random(2), []
                for _ in range(SEARCHES):
                    begin = time.perf_counter()
                    search(draw)
                    times.append((time.perf_counter() - begin) * 1000)
                sys.stdout.write(f"{name}: median {median(times):.1f} ms, longest {max(times):.1f} ms\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
