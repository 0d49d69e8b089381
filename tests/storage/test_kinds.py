"""Each kind of record that a platform keeps has its table, on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData
from sqlalchemy import inspect

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import FEWER_INDEXES
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds

EMA = Party.of("NL", "EMA")

# What the first release had: a database that it made is still in use.
FIRST = ("platforms", "credential_tokens", "platform_parties", "locations")
# A name that is gone from here is a table that hosts still have, with what was stored in it.
KINDS = {
    *FIRST,
    *("sessions", "session_cdrs", "cdrs", "cdr_audits", "tariffs", "tokens", "token_contracts", "client_infos"),
    *("incoming_requests", "request_deadlines", "outgoing_requests", "reservations", "profiled_sessions", "cdr_urls"),
    "journal",
    "journal_references",
    "findings",
    *("outbox", "circuits", "processes"),
    *("sync_watermarks", "sync_positions", "missing_objects"),
    *("invoice_reconciliation_records", "terminals", "financial_advice_confirmations", "bookings", "booking_locations"),
    "actions",
    "contacts",
}

# The keys that the kinds are really stored under.
KEYS = [
    Key.of("NL", "ABC", "LOC1"),
    Key.of("DE", "EMS", "012345678\nAPP_USER"),
    Key.of("NL", "ABC", "CPO", EMA),
    Key.of("", "", "0f7d3c9a5b1e4d6f8a2c4e6b8d0f1a3c"),
    Key.of("", "", "SES1", EMA),
]


def storage_of(engine, names):
    return SQLAlchemyStorage(engine, define_tables(MetaData(), names))


@pytest.fixture
def every_kind(engine):
    """A ready storage with a table for each kind."""
    storage = storage_of(engine, kinds(VERSIONS))
    storage.setup()
    return storage


def test_kinds_are_those_of_all_modules():
    assert set(kinds(VERSIONS)) == KINDS
    assert len(kinds(VERSIONS)) == len(KINDS)


def test_every_kind_has_its_table(engine, every_kind):
    found = inspect(engine)

    assert set(found.get_table_names()) == {"ocpi_counts", *(f"ocpi_{kind}" for kind in KINDS)}
    for kind in KINDS:
        (unique,) = found.get_unique_constraints(f"ocpi_{kind}")
        named = {index["name"] for index in found.get_indexes(f"ocpi_{kind}")}
        assert unique["column_names"] == ["country_code", "party_id", "id", "receiver"]
        columns = FEWER_INDEXES.get(kind, ("created", "last_updated"))
        assert named >= {f"ix_ocpi_{kind}_{column}" for column in columns}


def test_every_kind_keeps_records_under_every_kind_of_key(every_kind):
    record = Record.of({"name": "Zürich"}, last_updated=5, audience=(EMA,))
    stored = ({"name": "Zürich"}, 5, (EMA,), 2)

    for kind in KINDS:
        for key in KEYS:
            assert every_kind.save(kind, key, record, expected=0) is True
            assert every_kind.save(kind, key, record, expected=1) is False
        found = [every_kind.get(kind, key) for key in KEYS]
        assert [(r.document, r.last_updated, r.audience, r.revision) for r in found] == [stored] * len(KEYS)
        assert [*every_kind.list(kind, Query(date_to=6)).records] == found
        assert [every_kind.delete(kind, key) for key in KEYS] == [True] * len(KEYS)


def test_setup_adds_the_kinds_that_an_earlier_release_lacked(engine):
    earlier = storage_of(engine, FIRST)
    earlier.setup()
    earlier.save("locations", KEYS[0], Record(b"{}"))
    storage = storage_of(engine, kinds(VERSIONS))
    with pytest.raises(StorageError, match="run `flask ocpi init-db`"):
        storage.check()

    storage.setup()

    storage.check()
    assert storage.get("locations", KEYS[0]) == earlier.get("locations", KEYS[0])
    assert storage.save("tokens", KEYS[1], Record(b"{}")) is True
