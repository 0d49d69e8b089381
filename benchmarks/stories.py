"""Measure how long a search takes in a journal with very many messages.

Run with ``python -m benchmarks.stories [URL] [--messages N]``; without the URL of a PostgreSQL database it uses a
temporary SQLite file. It fills the journal with charges of ten messages each, among status changes of 10,000 EVSEs, and
prints the size of the database and the median and the longest time of each kind of search in new places every time.
Ten messages a second: each is a record of its own, so the tables have as many rows as they can.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import MetaData
from sqlalchemy import create_engine

from flask_ocpi import OCPI
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange.journal_groups import OPEN
from flask_ocpi.exchange.journal_groups import REFERENCES
from flask_ocpi.exchange.journal_groups import combine
from flask_ocpi.exchange.journal_groups import groups_on
from flask_ocpi.exchange.journal_groups import rows_of
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import hash_of
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Storage
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
BEGIN = 1_767_225_600_000_000
STEP = 100_000  # microseconds between two messages
TOGETHER = 500  # messages, after which groups are combined

#: What each message is, by its number i: in turn a change of an EVSE and one of the ten messages of a charge.
_WHAT = """
what AS (
  SELECT i, i % 2 AS of_charge, i / 20 AS charge, (i / 2) % 10 AS step, {begin} + i * {step} AS moment,
    format('partner-%s', (i / 20) % {partners}) AS partner, format('K%s', (i * 2654435761) % 4294967296) AS talk,
    {hex} || '0000000000001' || CASE i % 1000 WHEN 0 THEN 'F' ELSE 'S' END AS key,
    CASE i % 2 WHEN 1 THEN (i / 20) % {evses} ELSE (i * 7919) % {evses} END AS evse
  FROM n
)
"""
_ABOUT = """CASE of_charge WHEN 1 THEN
  format('[["session","S%s"],["token","T%s"],["authorization_reference","A%s"],["evse","E%s"],["location","LOC%s"]%s]',
    charge, charge % {tokens}, charge, evse, evse / 4,
    CASE step WHEN 9 THEN format(',["cdr","C%s"]', charge) ELSE '' END)
  ELSE format('[["evse","E%s"],["location","LOC%s"]]', evse, evse / 4) END"""
_MESSAGES = """
INSERT INTO ocpi_journal (country_code, party_id, id, receiver, audience, last_updated, revision, document)
SELECT '', '', key, partner, '', moment, 1, format('{{"id":"%s","platform":"%s","messages":[{{"about":%s,' ||
  '"said":"%s S%s","direction":"OUT","method":"PUT","moment":%s,' ||
  '"url":"https://%s.example/ocpi/2.2.1/receiver/sessions/NL/ABC/S%s","duration":0.031,"module":"sessions",' ||
  '"operation":"receiver_put_session","request_id":"R%s","correlation_id":"%s",' ||
  '"http_status":200,"status_code":%s,"request_bytes":900,"response_bytes":90}}]}}', key, partner, {about},
  'sent session', charge, moment, partner, charge, talk, talk, CASE i % 1000 WHEN 0 THEN 2001 ELSE 1000 END)
FROM what ORDER BY i
"""


def references(i: int) -> Iterator[tuple[str, str]]:
    """Walk what the message with a number is found by, as in :data:`_WHAT`."""
    charge, step = i // 20, i // 2 % 10
    evse = charge % EVSES if i % 2 else i * 7919 % EVSES
    if i % 2:
        yield from (("session", f"S{charge}"), ("token", f"T{charge % TOKENS}"))
        yield "authorization_reference", f"A{charge}"
    yield from (("evse", f"E{evse}"), ("location", f"LOC{evse // 4}"))
    if i % 2 and step == 9:
        yield "cdr", f"C{charge}"
    yield "correlation", f"K{i * 2654435761 % 4294967296}"


def fill_groups(storage: Storage, number: int) -> None:
    """Make a group of each message, and combine them as often as the journal does; the last ones stay."""
    for begin in range(0, number, TOGETHER):
        rows = []
        for i in range(begin, min(begin + TOGETHER, number)):
            id = f"{BEGIN + i * STEP:016X}0000000000001{'S' if i % 1000 else 'F'}"
            key = Key("", "", id, f"partner-{i // 20 % PARTNERS}")
            rows += rows_of({key: {*map(hash_of, references(i))}})
        if begin:
            for shelf in Shelf:
                combine(storage, groups_on(storage, OPEN, shelf))
        storage.create_many(REFERENCES, rows)


def statements(number: int, dialect: str) -> Iterator[str]:
    """Yield the SQL that fills the journal with a number of messages."""
    names: dict[str, object] = {"begin": BEGIN, "step": STEP, "partners": PARTNERS, "evses": EVSES, "tokens": TOKENS}
    series = f"WITH n(i) AS (SELECT generate_series(0::bigint, {number - 1}))"
    names["hex"] = f"upper(lpad(to_hex({BEGIN} + i * {STEP}), 16, '0'))"
    if dialect == "sqlite":
        names["hex"] = f"format('%016X', {BEGIN} + i * {STEP})"
        series = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {number - 1})"  # noqa: S608
    what = f"{series},{_WHAT.format(**names)}"
    yield _inserting(what, _MESSAGES.format(about=_ABOUT.format(**names)))


def _inserting(what: str, insert: str) -> str:
    """Put the common tables before the SELECT, where both databases take them."""
    head, _, rest = insert.partition("SELECT")
    return f"{head}{what}SELECT{rest}"


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


def fill(url: str, number: int) -> None:
    """Write the messages."""
    engine = create_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements(number, engine.dialect.name):
            connection.exec_driver_sql(statement.replace("%", "%%") if "postgresql" in url else statement)
    engine.dispose()


def searches(ocpi: OCPI, number: int) -> dict[str, Callable[[random.Random], Any]]:
    charges = number // 20
    journal = ocpi.journal
    last_minute = moment_text(BEGIN + number * STEP - 60 * SECOND)

    def partner(draw: random.Random) -> str:
        return f"partner-{draw.randrange(PARTNERS)}"

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
        "failed messages of a partner": lambda draw: journal.list(platform=partner(draw), failed=True),
        "messages of the last minute": lambda draw: journal.list(since=last_minute),
        "the latest messages": lambda draw: journal.list(),
        "the latest of a partner": lambda draw: journal.list(platform=partner(draw)),
        "one message": lambda draw: journal.find(100 * draw.randrange(1, number)),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--messages", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ocpi.sqlite3"
        ocpi = platform_on(asked.url or f"sqlite:///{path}", folder)
        fill(asked.url or f"sqlite:///{path}", asked.messages)
        with ocpi.app.app_context():
            fill_groups(ocpi.storage, asked.messages)
        if asked.url is None:
            sys.stdout.write(f"{path.stat().st_size / asked.messages:.0f} bytes a message\n")
        with ocpi.app.app_context():
            for name, search in searches(ocpi, asked.messages).items():
                draw, times, own = random.Random(2), [], []
                for _ in range(SEARCHES):
                    begin, processor = time.perf_counter(), time.process_time()
                    search(draw)
                    own.append((time.process_time() - processor) * 1000)
                    times.append((time.perf_counter() - begin) * 1000)
                told = f"{name}: median {median(times):.1f} ms, longest {max(times):.1f} ms"
                sys.stdout.write(f"{told}, processor {median(own):.1f} ms\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
