"""A database of an earlier release is opened as it is: all records are there and served, tokens still work."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import MetaData
from sqlalchemy import inspect
from sqlalchemy import text

from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.migration import RENAMED
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds
from tests.storage import old
from tests.urls import ocpi_url

pytestmark = pytest.mark.filterwarnings("ignore::flask_ocpi.errors.RemovalWarning")

SENDER = ocpi_url("sender")
RECEIVER = ocpi_url("receiver")
ABC = Party.of("NL", "ABC")
OLD_KINDS = {
    *("platforms", "credential_tokens", "platform_parties"),
    *("locations", "sessions", "cdrs", "tariffs", "tokens", "client_infos"),
    *("results_due", "result_deadlines", "results_awaited", "reservations", "profiled_sessions", "cdr_urls"),
}


@pytest.fixture
def facts(url):
    """What goes with the old database, which is now at the URL."""
    return old.load(url)


@pytest.fixture
def before(facts, engine):
    """The rows of all its tables, read without this package."""
    found = {}
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            if table.startswith("ocpi_"):
                rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY created"))  # noqa: S608 - a known name
                found[table.removeprefix("ocpi_")] = [row._asdict() for row in rows]
    return found


@pytest.fixture
def storage(before, engine):
    """The storage of this release on it."""
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), kinds(VERSIONS)))
    storage.setup()
    return storage


@pytest.fixture
def network(storage):
    network = Network()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage)
    ocpi.command("START_SESSION")(lambda body, reply: "ACCEPTED")
    return network


@pytest.fixture
def ocpi(network):
    """The platform after `flask ocpi init-db`."""
    app = network.apps["platform.example"]
    result = app.test_cli_runner().invoke(args=["ocpi", "init-db"])
    assert result.exit_code == 0
    return app.extensions["ocpi"]


@pytest.fixture
def partner(network, ocpi, facts):
    return PartnerClient(network.apps["platform.example"], facts["partner_token"])


def test_old_database_has_records_of_every_kind(before):
    assert set(before) == OLD_KINDS
    assert [kind for kind, rows in before.items() if not rows] == []


def test_every_record_stays_as_it_was(before, storage):
    storage.check()
    for old_kind, rows in before.items():
        kind = RENAMED.get(old_kind, old_kind)
        records = storage.list(kind, Query(limit=100)).records
        assert [(r.text.decode(), r.last_updated, r.revision) for r in records] == [
            (row["document"], row["last_updated"], row["revision"]) for row in rows
        ]
        if kind == old_kind:
            assert [record.created for record in records] == [row["created"] for row in rows]
        for row, record in zip(rows, records, strict=True):
            key = Key(row["country_code"], row["party_id"], row["id"], row["receiver"])
            assert storage.get(kind, key) == record
            assert storage.save(kind, key, record, expected=record.revision) is False


def test_new_kinds_and_new_records_have_their_place(before, storage):
    new = set(kinds(VERSIONS)) - {RENAMED.get(kind, kind) for kind in before}
    for kind in new:
        assert storage.list(kind, Query()).total == 0
        assert storage.save(kind, Key("", "", "1", ""), Record(b"{}"), expected=0) is True
    storage.save("locations", Key.of("NL", "ABC", "NEW"), Record(b"{}"), expected=0)

    added = storage.get("locations", Key.of("NL", "ABC", "NEW"))
    assert new >= {"outbox", "circuits", "sync_watermarks"}
    assert added.created > max(row["created"] for row in before["locations"])


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("locations", ["LOC1", "LOC2", "LOC3"]),
        ("tariffs", ["TARIFF1"]),
        ("sessions?date_from=2020-01-01T00:00:00Z", ["SES1"]),
        ("cdrs?date_from=2020-01-01T00:00:00Z", ["CDR1"]),
        ("tokens", ["12345678905880"]),
    ],
)
def test_partner_reads_our_objects_with_its_old_token(partner, path, ids):
    found = partner.get(f"{SENDER}/{path}")

    assert (found.http_status, found.status_code) == (200, 1000)
    assert [d.get("id", d.get("uid")) for d in found.data] == ids
    assert found.headers["X-Total-Count"] == str(len(ids))


@pytest.mark.parametrize(
    "path",
    ["locations/DE/CPO/LOC9", "tariffs/DE/CPO/TARIFF1", "sessions/DE/CPO/SES9", "tokens/DE/EMS/DRIVER9"],
)
def test_partner_reads_and_changes_the_copies_it_had_sent(partner, path):
    copy = partner.get(f"{RECEIVER}/{path}")

    assert (copy.http_status, copy.status_code) == (200, 1000)
    changed = partner.put(f"{RECEIVER}/{path}", {**copy.data, "last_updated": "2026-06-01T00:00:00.000Z"})
    assert (changed.http_status, changed.status_code) == (200, 1000)


def test_every_copy_has_its_platform_afterwards(before, network):
    app = network.apps["platform.example"]
    ocpi = app.extensions["ocpi"]
    kinds_of = {object_type.kind: module for module, object_type in ocpi.services.object_types.items()}
    copies = sorted(kinds_of[kind] for kind, rows in before.items() if kind in kinds_of for r in rows if r["receiver"])

    adopted = app.test_cli_runner().invoke(args=["ocpi", "init-db", "--json"])

    again = app.test_cli_runner().invoke(args=["ocpi", "init-db", "--json"])
    kept = ocpi.copies.counts()
    assert json.loads(adopted.stdout)["copies"] == {"adopted": len(copies), "unknown": 0}
    assert json.loads(again.stdout)["copies"] == {"adopted": 0, "unknown": 0}
    assert sorted(item.module for item in kept for _ in range(item.number)) == copies
    assert {item.source for item in kept} == {platform.id for platform in ocpi.partners.list()}


def test_other_partners_token_works_as_well(network, ocpi, facts):
    hub = PartnerClient(network.apps["platform.example"], facts["hub_token"])

    found = hub.get(f"{RECEIVER}/hubclientinfo/DE/XYZ")

    assert (found.http_status, found.data["role"]) == (200, "CPO")


def test_result_that_was_due_is_sent_with_the_token_we_were_given(network, ocpi, facts, storage):
    waiting = [r.document for r in storage.list("incoming_requests", Query()).records if r.document["state"] == "OPEN"]
    start = next(document for document in waiting if document["operation"] == "start_session")

    ocpi.finish(start["id"], "ACCEPTED")

    sent = network.requests[-1]
    assert sent.url == start["response_url"]
    assert sent.headers["Authorization"] == authorization(facts["our_token"])


def test_command_of_ours_that_waited_for_its_result_gets_it(partner, ocpi, storage):
    (call,) = (record.document for record in storage.list("outgoing_requests", Query()).records)

    answered = partner.post(f"{SENDER}/commands/START_SESSION/{call['id']}", {"result": "ACCEPTED"})

    assert (answered.http_status, answered.status_code) == (200, 1000)
    assert ocpi.call(call["id"]).result == {"result": "ACCEPTED"}


def test_time_out_of_an_old_request_is_sent_once(network, ocpi, storage):
    network.clock.advance(12 * 3600)

    assert ocpi.send_timeouts() == 2
    assert ocpi.send_timeouts() == 0

    assert storage.list("request_deadlines", Query()).total == 0


def test_old_database_takes_what_is_new(ocpi, partner, network):
    ocpi.save("locations", location(id="LOC4"))
    ocpi.patch("locations", "LOC2", changes={"name": "Newer"})

    found = {document["id"]: document.get("name") for document in partner.get(f"{SENDER}/locations").data}

    assert found == {"LOC1": "Renamed", "LOC2": "Newer", "LOC3": "Zürich ⚡", "LOC4": location().get("name")}


def test_counts_by_day_of_an_earlier_state_are_removed(engine):
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), ["locations"]))
    storage.setup()
    with engine.begin() as connection:
        for statement in DAY_COUNTS[engine.dialect.name]:
            connection.exec_driver_sql(statement)
    storage.save("locations", Key.of("NL", "ABC", "LOC1"), Record(b"{}"))

    storage.setup()
    storage.save("locations", Key.of("NL", "ABC", "LOC2"), Record(b"{}"))

    assert storage.list("locations", Query(receiver="")).total == 2
    assert set(inspect(engine).get_table_names()) == {"ocpi_counts", "ocpi_locations"}


DAY_COUNTS = {
    "sqlite": (
        "CREATE TABLE ocpi_day_counts (number BIGINT)",
        "CREATE TRIGGER ocpi_locations_day_counts_added AFTER INSERT ON ocpi_locations WHEN NEW.receiver = ''"
        " BEGIN INSERT INTO ocpi_day_counts VALUES (1); END",
    ),
    "postgresql": (
        "CREATE TABLE ocpi_day_counts (number BIGINT)",
        "CREATE FUNCTION ocpi_count_days() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO ocpi_day_counts VALUES (1); RETURN NULL; END $$",
        "CREATE TRIGGER ocpi_day_counts_added AFTER INSERT ON ocpi_locations"
        " FOR EACH ROW WHEN (NEW.receiver = '') EXECUTE FUNCTION ocpi_count_days('locations')",
    ),
}
