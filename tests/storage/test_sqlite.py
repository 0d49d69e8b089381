"""SQLite on one machine: many writers, long readers, killed processes, full disks and files that cannot be written."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import event

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds
from tests.storage.conftest import storage_on
from tests.storage.test_processes import go
from tests.storage.test_processes import numbers
from tests.storage.test_processes import run_together
from tests.storage.test_processes import worker
from tests.storage.worker import key
from tests.urls import ocpi_url

WRITERS = 8
RECEIVER = ocpi_url("receiver/locations/DE/CPO")


@pytest.fixture
def storage(sqlite_engine):
    storage = storage_on(sqlite_engine)
    storage.setup()
    return storage


def pragma(engine, name):
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_eight_writing_processes_lose_no_update(template, storage, sqlite_engine, sqlite_url):
    storage.save("locations", key(0), Record(b"0"))

    run_together(template, sqlite_url, *["increment"] * WRITERS, count=25)

    assert numbers(storage) == [25 * WRITERS]
    assert pragma(sqlite_engine, "integrity_check") == "ok"


def test_long_reader_keeps_no_writer_waiting(storage, sqlite_engine):
    storage.save("locations", key(0), Record(b"1"))

    with sqlite_engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        count = "SELECT count(*) FROM ocpi_locations"
        before = reader.exec_driver_sql(count).scalar_one()
        # A writer that had to wait for the reader would wait for ever, and fail.
        storage.save("locations", key(1), Record(b"2"))
        with storage.transaction():
            storage.save("locations", key(2), Record(b"3"))
        meanwhile = reader.exec_driver_sql(count).scalar_one()

    assert (before, meanwhile) == (1, 1)
    assert numbers(storage) == [1, 2, 3]


@pytest.mark.parametrize("task", ["hang_in_transaction", "work_until_killed"])
def test_killed_writer_leaves_the_file_whole(template, storage, sqlite_engine, sqlite_url, task):
    storage.save("locations", key(0), Record(b"0"))

    with worker(template, sqlite_url, task, 500) as process:
        go(process)
        assert process.stdout.readline() == "written\n"
        process.kill()
        process.wait()

    assert pragma(sqlite_engine, "integrity_check") == "ok"
    records = storage.list("locations", Query(limit=1000)).records
    # The second writes two records that always say the same.
    assert len({record.text for record in records}) == 1
    assert storage.save("locations", key(0), Record(b"2")) is False


@pytest.fixture
def small_disk(sqlite_url):
    """An engine and the most pages that the file may have on its new connections: None for as many as it wants."""
    engine = create_engine(sqlite_url)
    limit = {"pages": None}

    @event.listens_for(engine, "connect")
    def _limit(connection, record):
        if limit["pages"] is not None:
            connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    def set_limit(pages):
        limit["pages"] = pages
        engine.dispose()

    yield engine, set_limit
    engine.dispose()


def platform_on(engine):
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), kinds(VERSIONS)))
    storage.setup()
    network = Network()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage)
    return ocpi, add_partner(network.apps["platform.example"], [("DE", "CPO", ["CPO"])])


def large(number, **changes):
    return location(id=f"LOC{number}", directions=[{"language": "en", "text": "left " * 90}] * 20, **changes)


def test_full_disk_refuses_what_does_not_fit_and_keeps_the_rest(small_disk):
    engine, set_limit = small_disk
    ocpi, client = platform_on(engine)
    set_limit(pragma(engine, "page_count") + 10)

    answers = []
    while len(answers) < 100 and 3000 not in answers:
        theirs = large(len(answers), country_code="DE", party_id="CPO")
        answers.append(client.put(f"{RECEIVER}/{theirs['id']}", theirs).status_code)
    with pytest.raises(StorageError, match="full"):
        ocpi.objects.save_all({"locations": [large(number) for number in range(10)]})

    assert answers == [*[1000] * (len(answers) - 1), 3000]
    assert len(answers) > 1
    held = [client.get(f"{RECEIVER}/LOC{number}").http_status for number in range(len(answers))]
    assert held == [*[200] * (len(answers) - 1), 404]
    assert list(ocpi.objects.documents("locations")) == []
    assert pragma(engine, "integrity_check") == "ok"

    set_limit(None)
    assert client.put(f"{RECEIVER}/{theirs['id']}", theirs).http_status == 201


def test_file_that_cannot_be_written_is_still_read_and_says_why(sqlite_url, sqlite_engine, tmp_path):
    ocpi, _ = platform_on(sqlite_engine)
    ocpi.save("locations", location())
    path = sqlite_url.removeprefix("sqlite:///")
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    storage = storage_on(engine)

    assert storage.list("locations", Query()).total == 1
    with pytest.raises(StorageError, match=r"The SQLite file cannot be written .*readonly.*folder"):
        storage.save("locations", key(0), Record(b"{}"))
    with pytest.raises(StorageError, match="cannot be written"), storage.transaction():
        storage.save("locations", key(0), Record(b"{}"))

    assert storage.list("locations", Query()).total == 1
    engine.dispose()


def test_requests_on_a_file_that_cannot_be_written_are_answered(sqlite_url, sqlite_engine):
    ocpi, client = platform_on(sqlite_engine)
    ocpi.save("locations", location())
    assert client.get(RECEIVER + "/LOC1").http_status == 404  # the first use of a token is noted

    @event.listens_for(sqlite_engine, "connect")
    def _only_read(connection, record):
        connection.execute("PRAGMA query_only = ON")

    sqlite_engine.dispose()
    theirs = location(country_code="DE", party_id="CPO", id="LOC1")
    refused = client.put(f"{RECEIVER}/LOC1", theirs)

    assert (refused.http_status, refused.status_code) == (200, 3000)
    assert client.get(f"{RECEIVER}/LOC1").http_status == 404
    assert ocpi.objects.get("locations", "LOC1")["id"] == "LOC1"


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_documents_are_in_utf_8_whatever_the_file_is_in(sqlite_url, encoding):
    engine = create_engine(sqlite_url)
    event.listen(engine, "connect", lambda driver, _: driver.execute(f"PRAGMA encoding = '{encoding}'"))
    storage = storage_on(engine)
    storage.setup()
    documents = [b'{"name":"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x94\x8c"}', b"[]", b"7"]

    for number, document in enumerate(documents):
        storage.save("locations", key(number), Record(document))

    assert [storage.get("locations", key(n)).text for n in range(3)] == documents
    page = storage.list("locations", Query())
    assert page.texts == [record.text for record in page.records] == documents
    assert pragma(engine, "encoding") == encoding
    engine.dispose()
