"""Own objects in the host application's transactions: stored and told with its commit, and not at all without it."""

from __future__ import annotations

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from types import SimpleNamespace

import click
import pytest
from celery import Celery
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import create_engine
from sqlalchemy import insert
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm import mapped_column
from sqlalchemy.pool import StaticPool

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi import RoutedStorage
from flask_ocpi import StorageError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import ReadOnlyStorage
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.storage.tables import define_tables
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import party_settings
from tests.closing import end_threads
from tests.conftest import EVERY_STORAGE

DATABASES = ("sqlite", "postgresql")
NUMBERS = itertools.count(1)


class RolledBackError(Exception):
    """What a host application raises, so that its transaction is rolled back."""


class World:
    """A host application with tables of its own, the platform on its database, and a partner that hears of tariffs."""

    def __init__(self, uri):
        self.network = Network(clock=lambda: datetime.now(UTC), config={})
        self.app = Flask("host")
        self.app.testing = True
        self.app.config.update(
            SECRET_KEY="secret of the host",
            SQLALCHEMY_DATABASE_URI=uri,
            OCPI_BASE_URL="https://host.example",
            OCPI_CREATE_TABLES=True,
            OCPI_DISPATCHER="inline",
            OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        )
        self.db = SQLAlchemy(self.app)
        columns = {"id": mapped_column(Integer, primary_key=True), "name": mapped_column(String(50))}
        self.Station = type("Station", (self.db.Model,), {"__module__": __name__, **columns})
        self.ocpi = OCPI(self.app, transport=self.network)
        self.network.apps["host.example"] = self.app
        with self.app.app_context():
            self.db.create_all()
            self.engine = self.db.engine
        self.partner = self.network.add("partner.example", [("DE", "EMS", ["EMSP"])], storage=MemoryStorage())
        self.network.connect(self.ocpi, self.partner)
        self.heard = []

    def hear(self, sender, *, document, **_):
        with self.engine.connect() as connection:  # whoever listens may use the database
            connection.execute(text("SELECT 1"))
        self.heard.append(document["id"])

    @property
    def told(self):
        """The methods of the requests that the partner got, oldest first."""
        return [request.method for request in self.network.requests]

    def begin(self):
        self.network.requests.clear()
        self.heard.clear()

    def stations(self):
        with self.app.app_context():
            return {station.name for station in self.db.session.query(self.Station)}

    def seen_by_others(self, id):
        """Return the tariff as another thread reads it, None when it is not there."""
        with ThreadPoolExecutor(1) as other:
            return other.submit(self.stored, id).result()

    def stored(self, id):
        with self.app.app_context():
            try:
                return self.ocpi.objects.get("tariffs", id)
            except NotFoundError:
                return None


@contextmanager
def world_of(request, tmp_path_factory, database):
    if database == "sqlite":
        world = World(f"sqlite:///{tmp_path_factory.mktemp('host') / 'host.sqlite3'}")
        yield world
    else:
        server = request.getfixturevalue("postgres_server")
        name = f"test_{uuid.uuid4().hex}"
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        world = World(url.render_as_string(hide_password=False))
        yield world
    end_threads()
    with world.app.app_context():
        world.db.session.remove()
        world.db.engine.dispose()
    if database == "postgresql":
        with admin.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.dispose()


@pytest.fixture(scope="module")
def worlds(request, tmp_path_factory):
    """The worlds by database, each made once: what a test leaves behind is in no other one's way."""
    with world_of(request, tmp_path_factory, "sqlite") as world:
        made = {"sqlite": world}
        with world_of(request, tmp_path_factory, "postgresql") as made["postgresql"]:
            yield made


@pytest.fixture(params=DATABASES)
def world(request, worlds):
    found = worlds[request.param]
    found.begin()
    with object_saved.connected_to(found.hear, sender=found.app):
        yield found
    with found.app.app_context():
        found.db.session.remove()


@pytest.fixture
def id():
    return f"T{next(NUMBERS)}"


# What is done, how it comes into the transaction, and how that ends


def save(world, id, **options):
    world.ocpi.save("tariffs", tariff(id=id), **options)


def patch(world, id, **options):
    world.ocpi.patch("tariffs", id, changes={"tariff_alt_url": "https://example.com/new"}, **options)


def delete(world, id, **options):
    world.ocpi.delete("tariffs", id, **options)


def save_all(world, id, **options):
    world.ocpi.objects.save_all({"tariffs": [tariff(id=id)]}, **options)


VERBS = [save, patch, delete, save_all]


def given_session(world, id, verb):
    verb(world, id, session=world.db.session)


def pending_object(world, id, verb):
    world.db.session.add(world.Station(name=id))
    verb(world, id)


def flushed_object(world, id, verb):
    world.db.session.add(world.Station(name=id))
    world.db.session.flush()
    verb(world, id)


def written_by_sql(world, id, verb):
    world.db.session.execute(insert(world.Station).values(name=id))
    verb(world, id)


def joined_block(world, id, verb):
    with world.ocpi.storage.join(world.db.session):
        verb(world, id)


WAYS = [given_session, pending_object, flushed_object, written_by_sql, joined_block]


def commit(world, work):
    work()
    yield
    world.db.session.commit()


def rollback(world, work):
    work()
    yield
    world.db.session.rollback()


def remove(world, work):
    work()
    yield
    world.db.session.remove()


def savepoint_released(world, work):
    with world.db.session.begin_nested():
        work()
    yield
    world.db.session.commit()


def savepoint_rolled_back(world, work):
    world.db.session.add(world.Station(name="outer"))
    nested = world.db.session.begin_nested()
    work()
    nested.rollback()
    yield
    world.db.session.commit()


def savepoint_released_then_rollback(world, work):
    with world.db.session.begin_nested():
        work()
    yield
    world.db.session.rollback()


ENDS = [commit, savepoint_released, rollback, remove, savepoint_rolled_back, savepoint_released_then_rollback]
COMMITTING = [commit, savepoint_released]


def named(function):
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("end", ENDS, ids=named)
@pytest.mark.parametrize("way", WAYS, ids=named)
@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_object_and_message_share_the_end_of_the_hosts_transaction(world, id, verb, way, end):
    if verb in (patch, delete):
        save(world, id)
        world.begin()
    before = world.stored(id)

    with world.app.app_context():
        steps = end(world, lambda: way(world, id, verb))
        next(steps)
        assert (world.seen_by_others(id), world.told, world.heard) == (before, [], [])
        assert next(steps, None) is None

    after = world.stored(id)
    if end in COMMITTING:
        assert (after is None) == (verb is delete)
        assert after != before
        assert world.told == (["DELETE"] if verb is delete else ["PUT"])
        assert world.heard == ([] if verb is delete else [id])
    else:
        assert (after, world.told, world.heard) == (before, [], [])
    assert world.ocpi.outbox.flush() == 0
    if way not in (given_session, joined_block):
        assert (id in world.stations()) == (end in COMMITTING)


def test_a_transaction_that_the_host_began_is_joined_before_it_has_written(world, id):
    with world.app.app_context():
        world.db.session.remove()
        with suppress(RolledBackError), world.db.session.begin():
            save(world, id)
            raise RolledBackError

    assert (world.stored(id), world.told) == (None, [])


def test_a_session_that_only_reads_is_not_joined(world, id):
    with world.app.app_context():
        world.db.session.query(world.Station).first()
        save(world, id)

        assert world.told == ["PUT"]
        world.db.session.rollback()

    assert world.stored(id) == tariff(id=id)


def test_partners_get_the_last_state_of_what_changed_several_times(world, id):
    with world.app.app_context():
        world.db.session.add(world.Station(name=id))
        save(world, id)
        patch(world, id)
        assert world.ocpi.objects.get("tariffs", id)["tariff_alt_url"] == "https://example.com/new"
        world.db.session.commit()

    assert world.told == ["PUT"]
    assert world.heard == [id, id]


def test_what_fails_takes_nothing_of_the_hosts_along(world, id):
    world.ocpi.save("cdrs", cdr(id=f"C{id}"))
    world.begin()
    wrong = cdr(id=f"C{id}", remark="Changed.")

    with world.app.app_context():
        world.db.session.add(world.Station(name=id))
        with pytest.raises(InvalidParametersError, match="stored already"):
            world.ocpi.objects.save_all({"tariffs": [tariff(id=id)], "cdrs": [wrong]})
        world.db.session.commit()

    assert (world.stored(id), id in world.stations(), world.told) == (None, True, [])


# Where hosts write


@pytest.mark.parametrize("fails", [False, True], ids=["commit", "error"])
@pytest.mark.parametrize("place", ["request", "command", "task"])
def test_requests_commands_and_tasks_of_the_host(world, id, place, fails):
    def work():
        world.db.session.add(world.Station(name=id))
        save(world, id)
        if fails:
            raise RolledBackError
        world.db.session.commit()

    app = world.app
    if place == "request":
        views = app.view_functions
        app._got_first_request, name = False, f"change_{id}"
        app.add_url_rule(f"/{name}", name, lambda: work() or "", methods=["POST"])

        def call():
            assert app.test_client().post(f"/{name}").status_code == 200

        assert name in views
    elif place == "command":
        app.cli.add_command(click.Command(f"change-{id}", callback=lambda: _in_context(app, work)))

        def call():
            result = app.test_cli_runner().invoke(args=[f"change-{id}"], catch_exceptions=False)
            assert result.exit_code == 0
    else:
        celery_app = Celery("host", broker="memory://", set_as_current=False)
        celery_app.conf.update(task_always_eager=True, task_eager_propagates=True)

        @celery_app.task(name="change", shared=False)
        def change():
            _in_context(app, work)

        call = change.delay

    if fails:
        with pytest.raises(RolledBackError):
            call()
    else:
        call()

    assert (world.stored(id) is None, id in world.stations()) == (fails, not fails)
    assert (world.told, world.heard) == (([], []) if fails else (["PUT"], [id]))


def _in_context(app, work):
    with app.app_context():
        work()


# Transactions of the storage's own


@EVERY_STORAGE
@pytest.mark.parametrize("fails", [False, True], ids=["commit", "error"])
def test_signals_wait_for_the_end_of_the_storages_own_transaction(ocpi, ocpi_app, fails):
    heard = []

    def hear(sender, *, document, **_):
        heard.append(document["id"])

    with object_saved.connected_to(hear, sender=ocpi_app), suppress(RolledBackError), ocpi.storage.transaction():
        ocpi.save("locations", location())
        ocpi.patch("locations", "LOC1", changes={"name": "New"})
        assert heard == []
        if fails:
            raise RolledBackError

    assert heard == ([] if fails else ["LOC1", "LOC1"])
    assert [document["id"] for document in ocpi.objects.documents("locations")] == ([] if fails else ["LOC1"])


def test_what_is_saved_in_a_transaction_of_the_storage_stays_there(world, id):
    with world.app.app_context():
        with suppress(RolledBackError), world.ocpi.storage.transaction():
            world.db.session.add(world.Station(name=id))
            save(world, id)
            raise RolledBackError
        world.db.session.commit()

    assert (world.stored(id), id in world.stations(), world.told) == (None, True, [])


# No call waits for its own thread


def test_a_session_inside_the_storages_own_transaction_is_refused_at_once(world, id):
    with (
        world.app.app_context(),
        world.ocpi.storage.transaction(),
        pytest.raises(StorageError, match=r"open in this thread.*ocpi.storage.join\(session\)"),
    ):
        save(world, id, session=world.db.session)


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_uncommitted_writes_on_another_connection_of_a_sqlite_file_are_told_of_at_once(worlds, id, verb):
    world = worlds["sqlite"]
    save(world, id)

    with Session(world.engine) as other:
        other.add(world.Station(name=id))
        other.flush()
        with pytest.raises(StorageError, match=r"has written to the database.*pass session="):
            verb(world, id)
        with pytest.raises(StorageError, match="Commit or roll back first"), world.ocpi.storage.transaction():
            pass
        with world.app.app_context(), pytest.raises(StorageError, match="Commit or roll back first"):
            verb(world, id, session=world.db.session)
        verb(world, id, session=other)
        other.commit()


def test_a_write_that_found_no_row_is_told_of_as_well(worlds, id):
    world = worlds["sqlite"]

    with Session(world.engine) as other:
        other.execute(update(world.Station).where(world.Station.name == "nowhere").values(name=id))
        with pytest.raises(StorageError, match="has written to the database"):
            save(world, id)


def test_writes_of_other_threads_are_waited_for(worlds, id):
    world = worlds["sqlite"]

    with Session(world.engine) as other, ThreadPoolExecutor(1) as thread:
        other.add(world.Station(name=id))
        other.flush()
        saving = thread.submit(save, world, id)
        assert not saving.done()
        other.commit()
        saving.result(timeout=60)

    assert world.stored(id) == tariff(id=id)


def test_objects_saved_in_a_session_are_told_of_to_whoever_saves_without_it(world, id):
    with Session(world.engine) as other:
        save(world, id, session=other)
        with pytest.raises(StorageError, match="pass the same session="):
            save(world, id)
        with world.app.app_context(), pytest.raises(StorageError, match="pass the same session="):
            save(world, id, session=world.db.session)
        save(world, id, session=other)
        other.rollback()
    save(world, id)

    assert world.stored(id) == tariff(id=id)


def test_a_pool_without_a_connection_for_the_call_is_told_of_at_once(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'one.sqlite3'}", pool_size=1, max_overflow=0)
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), ["locations"]))
    storage.setup()
    engine.dispose()

    with engine.connect(), pytest.raises(StorageError, match="has taken all 1 connections of the pool"):
        storage.get("locations", Key.of("NL", "ABC", "LOC1"))
    engine.dispose()


def test_two_storages_on_one_sqlite_file_are_told_of_at_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'two.sqlite3'}"
    engines = [create_engine(url), create_engine(url)]
    one, two = (SQLAlchemyStorage(engine, define_tables(MetaData(), ["locations", "tariffs"])) for engine in engines)
    one.setup()

    with (
        pytest.raises(StorageError, match="Give both storages the same engine"),
        RoutedStorage({"tariffs": two, "*": one}).transaction(),
    ):
        pass
    for engine in engines:
        engine.dispose()


# Storages elsewhere


class Elsewhere(ReadOnlyStorage):
    """Locations in a table of the host's own."""

    def get(self, kind, key, *, for_update=False):
        return Record.of(location(), last_updated=1)

    def list(self, kind, query):
        return Page((self.get(kind, None),), 1)


@pytest.fixture
def host(tmp_path):
    """A function that makes a host application with that storage, and returns its database and the platform."""
    apps = []

    def make(storage):
        app = Flask("host")
        app.config.update(
            SECRET_KEY="secret",
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'host.sqlite3'}",
            OCPI_DISPATCHER="none",
            OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        )
        app.testing = True
        db = SQLAlchemy(app)
        ocpi = OCPI(app, storage=storage)
        with app.app_context():
            db.session.execute(text("CREATE TABLE station (name TEXT)"))
            db.session.commit()
        ocpi.storage.setup()
        apps.append((app, db))
        return SimpleNamespace(app=app, db=db, ocpi=ocpi)

    yield make
    for app, db in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def in_memory(default):
    return MemoryStorage()


def routed_to_memory(default):
    return RoutedStorage({"tariffs": MemoryStorage(), "*": default})


@pytest.mark.parametrize("storage", [in_memory, routed_to_memory], ids=named)
def test_a_storage_elsewhere_says_that_it_cannot_join(host, storage):
    made = host(storage)

    with made.app.app_context(), pytest.raises(StorageError, match="not on the session's engine"):
        made.ocpi.save("tariffs", tariff(), session=made.db.session)


def test_a_storage_elsewhere_saves_for_itself(host):
    made = host(in_memory)

    with made.app.app_context():
        made.db.session.execute(text("INSERT INTO station VALUES ('S')"))
        made.ocpi.save("tariffs", tariff())
        made.db.session.rollback()

    assert made.ocpi.objects.get("tariffs", "TARIFF1") == tariff()


def test_a_session_on_another_engine_is_refused(world, id, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'other.sqlite3'}")

    with Session(engine) as other, pytest.raises(StorageError, match="writes to another database than the storage"):
        save(world, id, session=other)
    engine.dispose()


def test_own_tables_of_the_host_do_not_keep_the_rest_from_joining(host):
    made = host(lambda default: RoutedStorage({"locations": Elsewhere(), "*": default}))

    with made.app.app_context():
        made.db.session.execute(text("INSERT INTO station VALUES ('S')"))
        made.ocpi.objects.changed("locations", "LOC1")
        made.ocpi.save("tariffs", tariff())
        made.db.session.rollback()

    assert made.ocpi.storage.list("tariffs", Query()).total == 0


def test_a_database_in_memory_is_joined_as_well():
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    storage = SQLAlchemyStorage(engine, define_tables(MetaData(), ["tariffs"]))
    storage.setup()
    key, record = Key.of("NL", "ABC", "TARIFF1"), Record.of(tariff())
    told = []

    for end in ("rollback", "commit"):
        with Session(engine) as session:
            with storage.join(session):
                storage.save("tariffs", key, record)
            storage.after_commit(lambda end=end: told.append(end), session)
            getattr(session, end)()
        assert (storage.get("tariffs", key) is None, told) == (end == "rollback", ["commit"][: end == "commit"])
    engine.dispose()
