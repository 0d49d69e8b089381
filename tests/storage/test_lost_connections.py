"""The connection to PostgreSQL is lost: at any moment, with nothing half done, and it is as before right afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import MetaData
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import text

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange import documents
from flask_ocpi.exchange.documents import Saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds
from tests.servers import POSTGRESQL
from tests.servers import crashing_postgres
from tests.servers import left_out
from tests.storage.conftest import storage_on
from tests.storage.lines import Line
from tests.urls import ocpi_url

RECEIVER = ocpi_url("receiver/locations/DE/CPO/LOC1")
SENDER = ocpi_url("sender/locations")
KEY = Key.of("NL", "ABC", "LOC1")
OTHER_KEY = Key.of("NL", "ABC", "LOC2")
LATER = "2026-01-02T00:00:00.000Z"
THEIRS = location(country_code="DE", party_id="CPO", id="LOC1")
APPLICATION = "flask-ocpi-lost"


class Cutter:
    """Ends the connections of an engine from the server's side, as an administrator or a failover would."""

    def __init__(self, engine):
        self._engine = engine
        self._admin = create_engine(engine.url.update_query_dict({"application_name": "admin"}))
        self._left = None
        self.statements = []
        event.listen(engine, "before_cursor_execute", self._before)

    def cut(self):
        """End all connections now, also those that are idle in the pool."""
        with self._admin.connect() as connection:
            ended = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = :name")
            return connection.execute(ended, {"name": APPLICATION}).scalars().all()

    def cut_before(self, number):
        """End them right before the statement of that number, counted from now; None: never."""
        self._left = number
        self.statements.clear()

    def close(self):
        self._admin.dispose()

    def _before(self, connection, cursor, statement, *arguments):
        if self._left == len(self.statements):
            self._left = None
            assert self.cut()
        self.statements.append(statement)


@pytest.fixture
def engine(postgres_url):
    url = make_url(postgres_url)
    # PostgreSQL looks for a deadlock once, after so long: until then both have to wait.
    options = f"{url.query['options']} -cdeadlock_timeout=3s"
    engine = create_engine(url.update_query_dict({"application_name": APPLICATION, "options": options}))
    yield engine
    engine.dispose()


@pytest.fixture
def cutter(engine):
    cutter = Cutter(engine)
    yield cutter
    cutter.close()


def platform_on(engine):
    """Return the storage of a platform on this database, and a registered partner that calls it."""
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), kinds(VERSIONS)))
    storage.setup()
    network = Network()
    # Each request reads whose its token is: so every one has the same statements.
    config = {"OCPI_TOKEN_CACHE": 0, "OCPI_JOURNAL": "errors"}
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=storage, config=config)
    return ocpi, add_partner(network.apps["platform.example"], [("DE", "CPO", ["CPO"]), ("DE", "EMS", ["EMSP"])])


@pytest.fixture
def platform(engine):
    return platform_on(engine)


REQUESTS = {
    "get": lambda client: client.get(RECEIVER),
    "put": lambda client: client.put(RECEIVER, {**THEIRS, "name": "New", "last_updated": LATER}),
    "patch": lambda client: client.patch(RECEIVER, {"name": "New", "last_updated": LATER}),
    "list": lambda client: client.get(SENDER),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_that_loses_its_connection_is_done_or_refused_as_a_whole(platform, cutter, name):
    _, client = platform
    request_ = REQUESTS[name]
    after = {**THEIRS, "name": "New", "last_updated": LATER} if name in ("put", "patch") else THEIRS
    client.put(RECEIVER, THEIRS)
    cutter.cut_before(None)
    assert request_(client).status_code == 1000
    count = len(cutter.statements)
    refused = 0

    for number in range(count):
        client.put(RECEIVER, THEIRS)
        cutter.cut_before(number)
        response = request_(client)
        cutter.cut_before(None)
        found = client.get(RECEIVER)

        assert response.http_status in (200, 201)
        assert found.status_code == 1000
        if response.status_code == 1000:
            assert found.data == after
        else:
            assert response.status_code == 3000
            assert "storage" in response.message
            assert found.data == THEIRS
            refused += 1
        assert request_(client).status_code == 1000

    # Reading can be done again; what is written in the middle of it cannot.
    assert (refused > 0) == any("FOR UPDATE" in s or s.startswith(("INSERT", "UPDATE")) for s in cutter.statements)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_idle_connections_that_the_server_closed_fail_no_request(platform, cutter, request_):
    _, client = platform
    client.put(RECEIVER, THEIRS)

    assert cutter.cut()

    assert request_(client).status_code == 1000


def test_own_objects_are_saved_right_after_the_server_closed_the_connections(platform, cutter):
    ocpi, _ = platform
    ocpi.save("locations", location())

    assert cutter.cut()
    ocpi.patch("locations", "LOC1", changes={"name": "New"})
    assert cutter.cut()
    ocpi.objects.save_all({"locations": [location(id="LOC2"), location(id="LOC3")]})
    assert cutter.cut()
    ocpi.delete("locations", "LOC3")

    assert [d["id"] for d in ocpi.objects.documents("locations")] == ["LOC1", "LOC2"]
    assert ocpi.objects.get("locations", "LOC1")["name"] == "New"


@pytest.mark.parametrize("end", ["stop_at_once", "kill"])
def test_restart_of_the_server_between_two_requests_is_not_noticed(end):
    with crashing_postgres() as server:
        if server is None:
            left_out(POSTGRESQL, "its server programs are not installed")
            pytest.skip("PostgreSQL is not installed")
        engine = create_engine(server.url)
        try:
            ocpi, client = platform_on(engine)
            assert client.put(RECEIVER, THEIRS).http_status == 201

            getattr(server, end)()
            while_down = client.get(RECEIVER)
            server.start()

            assert (while_down.http_status, while_down.status_code) == (200, 3000)
            assert client.patch(RECEIVER, {"name": "New", "last_updated": LATER}).status_code == 1000

            getattr(server, end)()
            server.start()

            assert client.get(RECEIVER).data["name"] == "New"
            assert ocpi.save("locations", location()) is Saved.CREATED
        finally:
            engine.dispose()


@pytest.fixture
def line(postgres_url):
    url = make_url(postgres_url)
    line = Line((url.host, url.port))
    yield line
    line.close()


@pytest.fixture
def over_the_line(line, postgres_url):
    engine = create_engine(make_url(postgres_url).set(port=line.port))
    storage = storage_on(engine)
    storage.setup()
    yield storage
    engine.dispose()


@pytest.mark.parametrize("expected", [None, 1], ids=["unguarded", "guarded"])
def test_save_whose_answer_is_lost_is_an_error_and_not_done_twice(line, over_the_line, expected):
    storage = over_the_line
    storage.save("locations", KEY, Record(b"1"))

    line.cut_after = b"UPDATE"
    with pytest.raises(StorageError, match="connection to the database was lost") as caught:
        storage.save("locations", KEY, Record(b"2"), expected=expected)

    assert not isinstance(caught.value, ConflictError)
    found = storage.get("locations", KEY)
    assert (found.text, found.revision) == (b"2", 2)


def test_read_whose_answer_is_lost_is_done_again(line, over_the_line):
    over_the_line.save("locations", KEY, Record(b"1"))

    line.cut_after = b"SELECT"
    assert over_the_line.get("locations", KEY).text == b"1"
    line.cut_after = b"SELECT"
    assert over_the_line.list("locations", Query()).total == 1

    assert line.cut_after is None


def test_claim_whose_answer_is_lost_takes_nothing_else(line, over_the_line):
    for key in (KEY, OTHER_KEY):
        over_the_line.save("locations", key, Record(b"1", last_updated=5))

    line.cut_after = b"UPDATE"
    with pytest.raises(StorageError, match="lost"):
        over_the_line.claim("locations", Query(date_to=6, limit=1), until=9, key_of=lambda record: KEY)

    assert [r.last_updated for r in over_the_line.list("locations", Query()).records] == [9, 5]


def test_transaction_whose_commit_is_not_answered_says_that_its_outcome_is_not_known(line, over_the_line):
    storage = over_the_line

    def write():
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            storage.save("locations", OTHER_KEY, Record(b"2"))
            line.cut_after = b"COMMIT"

    with pytest.raises(StorageError, match="Whether the transaction was written is not known"):
        write()

    assert storage.list("locations", Query()).total == 2


def test_begin_on_a_closed_connection_goes_to_a_new_one(engine, cutter):
    storage = storage_on(engine)
    storage.setup()
    with ThreadPoolExecutor(3) as pool:
        barrier = Barrier(3)
        assert [*pool.map(lambda _: _use(storage, barrier), range(3))] == [None] * 3

    assert len(cutter.cut()) == 3
    with storage.transaction():
        storage.save("locations", KEY, Record(b"1"))

    assert storage.get("locations", KEY).text == b"1"


def _use(storage, barrier):
    with storage.transaction():
        barrier.wait(60)
        return storage.get("locations", KEY)


def test_request_that_the_database_ends_in_a_deadlock_is_refused_and_may_be_sent_again(platform, engine, monkeypatch):
    # A request locks what it changes only when others were faster time and again.
    monkeypatch.setattr(documents, "GUARDED_ATTEMPTS", 0)
    ocpi, client = platform
    client.put(RECEIVER, THEIRS)
    ocpi.save("locations", location(id="LOC2"))
    both_hold_one = Barrier(2)
    lock = "SELECT 1 FROM ocpi_locations WHERE id = '{}' FOR UPDATE"
    requests = []

    @event.listens_for(engine, "before_cursor_execute")
    def _hold_another_first(connection, cursor, statement, parameters, *rest):
        if "FOR UPDATE" in statement and "LOC1" in parameters.values() and not requests:
            requests.append(statement)
            cursor.execute(lock.format("LOC2"))
            both_hold_one.wait(60)

    def other():
        with engine.begin() as connection:
            # So it is the request that notices first, and is ended.
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
            connection.exec_driver_sql(lock.format("LOC1"))
            both_hold_one.wait(60)
            connection.exec_driver_sql(lock.format("LOC2"))

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(other)
        refused = REQUESTS["patch"](client)
        others.result(60)

    assert (refused.http_status, refused.status_code) == (200, 3000)
    assert requests
    assert client.get(RECEIVER).data == THEIRS
    assert REQUESTS["patch"](client).status_code == 1000
    assert client.get(RECEIVER).data["name"] == "New"


def test_single_statement_that_ends_in_a_deadlock_is_run_again(engine):
    storage = storage_on(engine)
    storage.setup()
    for key in (KEY, OTHER_KEY):
        storage.save("locations", key, Record(b"0"))
    lock = "SELECT 1 FROM ocpi_locations WHERE id = '{}' FOR UPDATE"
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"

    def remove():
        return storage.delete_page("locations", Query(), key_of=lambda record: KEY)

    with ThreadPoolExecutor(1) as pool, engine.connect() as connection:
        # So it is the statement that notices first, and is ended.
        connection.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
        connection.exec_driver_sql(lock.format("LOC2"))
        removed = pool.submit(remove)
        while not connection.exec_driver_sql(waiting).scalar_one():
            assert not removed.done()
        connection.exec_driver_sql(lock.format("LOC1"))
        connection.rollback()
        assert removed.result(60) == 2

    assert storage.list("locations", Query()).total == 0


def test_work_that_is_run_again_after_a_deadlock_is_done_once(engine):
    storage = storage_on(engine)
    storage.setup()
    for key in (KEY, OTHER_KEY):
        storage.save("locations", key, Record(b"0"))
    barrier = Barrier(2)
    runs = []

    def work(first, second):
        def lock():
            runs.append(first)
            storage.get("locations", first, for_update=True)
            if runs.count(first) == 1:
                barrier.wait(60)
            storage.get("locations", second, for_update=True)
            stored = storage.get("locations", second)
            storage.save("locations", second, Record(str(int(stored.text) + 1).encode()))

        storage.run(lock)

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(work, [KEY, OTHER_KEY], [OTHER_KEY, KEY])] == [None, None]

    assert len(runs) >= 3  # the one that lost may lose again before the other one is done
    assert [record.text for record in storage.list("locations", Query()).records] == [b"1", b"1"]


def test_work_that_is_superseded_each_time_ends_with_the_error(engine):
    storage = storage_on(engine)
    storage.setup()
    runs = []

    def work():
        runs.append(1)
        storage.save("locations", KEY, Record(b"1"))
        raise DeadlockError("provoked")

    with pytest.raises(DeadlockError):
        storage.run(work, attempts=2)

    assert len(runs) == 2
    assert storage.get("locations", KEY) is None


def test_deadlock_that_was_caught_in_a_transaction_still_ends_it(engine):
    storage = storage_on(engine)
    storage.setup()
    provoke = text("DO $$ BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '40P01'; END $$")

    def swallow():
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            with pytest.raises(DeadlockError), storage._database.connection() as connection:
                connection.execute(provoke)

    with pytest.raises(DeadlockError, match="Nothing of the transaction was written"):
        swallow()

    assert storage.get("locations", KEY) is None
