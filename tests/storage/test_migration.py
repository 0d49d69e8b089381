"""A database with the table names of before opens after `flask ocpi init-db`: nothing that waited in it is lost."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import pytest
from sqlalchemy import MetaData
from sqlalchemy import inspect
from sqlalchemy import text

from flask_ocpi.errors import RemovalWarning
from flask_ocpi.exchange import journal_groups
from flask_ocpi.exchange.journal import ANY
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import about
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.journal_purge import Bound
from flask_ocpi.exchange.journal_purge import Purge
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.outbox.circuits import Circuit
from flask_ocpi.outbox.entries import PARKED
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.migration import GONE
from flask_ocpi.storage.migration import RENAMED
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.sync.backfill import MissingObject
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds

pytestmark = pytest.mark.filterwarnings("ignore::flask_ocpi.errors.RemovalWarning")

DUE = 1_780_000_000_000_000
SESSION, LOCATION = Reference.of("session", "S1"), Reference.of("location", "L1")
# As they were written: an entry that waits, one that was refused, and so on.
MARK = {
    "platform": "de-ems",
    "party": ["DE", "EMS"],
    "module": "locations",
    "owner": ["NL", "ABC"],
    "ids": ["LOC1"],
    "changed": {"": ["name", "last_updated"]},
    "since": DUE - 1_000_000,
    "attempts": 2,
    "error": "down",
    "status_code": None,
}
PARKED_MARK = {**MARK, "party": None, "ids": ["LOC2"], "changed": None, "error": "No.", "status_code": 2001}
CIRCUIT = {"platform": "de-ems", "failures": 3, "since": DUE - 9_000_000, "error": "down", "asked": 0.0}
MISS = {
    "platform": "de-ems",
    "module": "tokens",
    "id": "T1\nRFID",
    "moment": DUE - 5,
    "owner": ["DE", "EMS"],
    "receiver": ["NL", "ABC"],
    "since": DUE - 4,
    "failures": 1,
}
ROWS = [
    ("push_marks", "LOCATIONS\nNL-ABC\nLOC1\nDE-EMS", DUE, 3, MARK),
    ("push_marks", "LOCATIONS\nNL-ABC\nLOC2\n", PARKED, 1, PARKED_MARK),
    ("push_circuits", "", DUE, 1, CIRCUIT),
    ("push_lanes", "0", DUE, 1, {"platform": "de-ems", "lane": 0}),
    ("sync_misses", "TOKENS\nNL-ABC\nDE-EMS\nT1\nRFID", DUE, 2, MISS),
    ("result_deadlines", "", DUE, 1, {"id": "1"}),
]
INSERT = text(
    "INSERT INTO ocpi_{kind} (country_code, party_id, id, receiver, audience, last_updated, revision, document) "
    "VALUES ('', '', :id, 'de-ems', '', :last_updated, :revision, :document)"
)


def insert(engine, rows):
    with engine.begin() as connection:
        for kind, id, last_updated, revision, document in rows:
            values = {"id": id, "last_updated": last_updated, "revision": revision, "document": json.dumps(document)}
            connection.execute(text(INSERT.text.replace("{kind}", kind)), values)


@pytest.fixture
def old(engine):
    """A database with the tables of before, and what waited in it."""
    metadata = MetaData()
    define_tables(metadata, (*RENAMED, *GONE))
    metadata.create_all(engine)
    insert(engine, ROWS)
    return engine


def storage_on(engine):
    return SQLAlchemyStorage(engine, define_tables(MetaData(), kinds(VERSIONS)))


def test_tables_of_before_are_gone_and_those_of_today_there(old):
    storage = storage_on(old)

    storage.setup()

    storage.check()
    names = set(inspect(old).get_table_names())
    assert names.isdisjoint({f"ocpi_{kind}" for kind in (*RENAMED, *GONE)})
    assert names >= {f"ocpi_{kind}" for kind in RENAMED.values()}


def test_entries_that_waited_are_in_the_outbox_as_they_were(old):
    storage = storage_on(old)

    storage.setup()

    records = storage.list("outbox", Query()).records
    waiting, parked = map(OutboxEntry.from_record, records)
    assert waiting == OutboxEntry(
        "de-ems",
        Party("DE", "EMS"),
        "locations",
        Party("NL", "ABC"),
        ("LOC1",),
        changed={"": ["name", "last_updated"]},
        since=DUE - 1_000_000,
        attempts=2,
        error="down",
        due=DUE,
        revision=3,
    )
    assert (parked.is_parked, parked.status_code, parked.party) == (True, 2001, None)
    assert [storage.get("outbox", entry.key) for entry in (waiting, parked)] == list(records)


def test_circuits_and_missing_objects_are_there_as_they_were(old):
    storage = storage_on(old)

    storage.setup()

    circuit = Circuit.from_record(storage.get("circuits", Circuit("de-ems").key))
    (record,) = storage.list("missing_objects", Query()).records
    missing = MissingObject.from_record(record)
    assert (circuit.failures, circuit.error, circuit.due, circuit.revision) == (3, "down", DUE, 1)
    assert (missing.id, missing.failures, missing.due) == ("T1\nRFID", 1, DUE)
    assert storage.get("missing_objects", missing.key) == record


def test_the_end_of_the_migration_is_announced_once(old):
    with pytest.warns(RemovalWarning, match=r"before 1\.0 \(ocpi_push_circuits, .*2\.0\. .*flask ocpi init-db"):
        storage_on(old).setup()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage_on(old).setup()


def test_setup_may_be_repeated(old):
    storage_on(old).setup()
    before = [*storage_on(old).list("outbox", Query()).records]

    storage_on(old).setup()

    assert [*storage_on(old).list("outbox", Query()).records] == before


def test_messages_as_they_were_stored_before_are_removed_and_others_stay(engine):
    storage = storage_on(engine)
    storage.setup()
    message = Message(Direction.IN, "GET", "/", DUE, 0.1, "de-ems", http_status=200)
    write(storage, [Kept(message, (Reference.of("session", "S1"),))])
    id = f"{DUE:016X}0123ABCD"
    old_message = {"key": id.lower(), "platform": "de-ems", "direction": "IN", "method": "GET", "url": "/"}
    old_reference = ["session", "S1", id, "de-ems"]
    insert(engine, [("journal", id, DUE, 1, old_message), ("journal_references", id, DUE, 1, old_reference)])

    storage_on(engine).setup()

    assert [entry.message for entry in latest(storage, ANY, 10)] == [message]
    assert len(about(storage, [Reference.of("session", "S1")], limit=10)) == 1
    assert Purge(storage).run(Bound(DUE + 1, 10), failed=Bound(0, 10)) == 1
    assert storage.list("journal", Query()).total == storage.list("journal_references", Query()).total == 0


def test_messages_with_a_row_for_each_reference_are_found_again(engine, monkeypatch):
    monkeypatch.setattr(journal_groups, "_ADOPTED_AT_ONCE", 4)
    storage = storage_on(engine)
    storage.setup()
    for number in range(5):
        status = 500 if number == 3 else 200
        message = Message(Direction.IN, "GET", "/", DUE + number, 0.1, "de-ems", http_status=status)
        write(storage, [Kept(replace(message, correlation_id=f"Talk {number}"), (SESSION, LOCATION))])
    records = [key for key, _ in storage.keys("journal", Query(), key_of=key_of)]
    storage.delete_page("journal_references", Query(), key_of=key_of)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_ocpi_journal_references_created"))
    for number, key in enumerate(records):
        found = [SESSION, LOCATION, ("correlation", f"TALK {number}")]
        found += [("failed", ""), ("failed", "de-ems")] if number == 3 else []
        for kind, value in found:
            row = Record(json.dumps([kind, value, key.id, key.receiver, 0]).encode(), DUE + number)
            storage.save("journal_references", Key(kind, value, key.id, "failed" if number == 3 else ""), row)

    storage_on(engine).setup()
    write(storage, [Kept(replace(message, moment=DUE + 5), (SESSION,))])
    adopted = journal_groups.adopt(storage, most=10_000)

    indexes = {index["name"] for index in inspect(engine).get_indexes("ocpi_journal_references")}
    assert "ix_ocpi_journal_references_created" in indexes
    assert (adopted, journal_groups.adopt(storage, most=10_000)) == (17, 0)
    assert [e.message.moment - DUE for e in about(storage, [LOCATION], limit=10)] == [0, 1, 2, 3, 4]
    assert [e.message.moment - DUE for e in about(storage, [SESSION], limit=10)] == [0, 1, 2, 3, 4, 5]
    assert [e.message.moment - DUE for e in latest(storage, Search(correlation_id="Talk 2"), 10)] == [2]
    assert [e.message.moment - DUE for e in latest(storage, Search("de-ems", failed=True), 10)] == [3]
    assert Purge(storage).run(Bound(DUE + 4, 10), failed=Bound(0, 10)) == 3
    assert [e.message.moment - DUE for e in about(storage, [SESSION], limit=10)] == [3, 4, 5]


def test_record_that_is_there_already_stays(old):
    """Where the tables of today were made in another way, such as by the host's own migrations."""
    define_tables(metadata := MetaData(), RENAMED.values())
    metadata.create_all(old)
    newer = {**MARK, "changed": None, "attempts": 0}
    insert(old, [("outbox", "LOCATIONS\nNL-ABC\nLOC1\nDE-EMS", DUE + 1, 7, newer)])
    storage = storage_on(old)

    storage.setup()

    found = map(OutboxEntry.from_record, storage.list("outbox", Query()).records)
    assert [(entry.ids, entry.revision) for entry in found] == [(("LOC1",), 7), (("LOC2",), 1)]
