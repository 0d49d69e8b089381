"""A fork beside anything that runs leaves the child with nothing of the parent that it could wait for."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys
import threading
import time
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager

import pytest

from flask_ocpi.client.addresses import AddressPolicy
from flask_ocpi.client.transport import HTTPTransport
from flask_ocpi.core import forks
from flask_ocpi.core.compiled import Writer
from flask_ocpi.core.compiled import loader_of
from flask_ocpi.errors import StorageError
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.outbox.deliveries import Job
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.driver import Held
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.sandbox.charge_points import ChargePoints
from tests.conftest import EVERY_STORAGE
from tests.forking import SECONDS
from tests.forking import fork
from tests.snippets import ROOT
from tests.urls import ocpi_url

DATABASES = pytest.mark.parametrize("ocpi_storage", ["sqlite", "postgresql"], indirect=True)
LOCATIONS = ocpi_url("sender/locations")
MOMENT = 0.3  # seconds for which others go on while a process wants to fork
LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.Condition)
OF_EACH_PLATFORM = {
    "ChargePoints.lock",
    "GuardedPools._lock",
    "State._transport_made",
    "Threads._changed",
    "Worker.starting",
    "Writer._writing",
    "flask_ocpi.core.compiled._lock",
}


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "thread", "OCPI_DISPATCH_INTERVAL": 0.1}


@pytest.fixture(autouse=True)
def stopped(ocpi) -> Iterator[None]:
    yield
    assert ocpi.dispatcher.stop(SECONDS, drain=False)


def key(number: int) -> Key:
    return Key.of("NL", "ABC", f"LOC{number}")


@contextmanager
def beside(work) -> Iterator[None]:
    """Run something in another thread, as a thread of the server does; it has ended at the end of the block."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(SECONDS)
        assert not thread.is_alive()


class Library:
    """A lock that a library holds while it connects and while it runs a statement: a fork copies it as it is."""

    def __init__(self, storage, monkeypatch) -> None:
        self.inside = threading.Event()
        self._lock = threading.Lock()
        database = storage._database
        monkeypatch.setattr(database, "_connect", self._slowed(database._connect))
        monkeypatch.setattr(Held, "run", self._slowed(Held.run))

    def _slowed(self, function):
        def call(*arguments):
            with self._lock:
                self.inside.set()
                time.sleep(MOMENT if threading.current_thread() is not threading.main_thread() else 0)
                return function(*arguments)

        return call


@DATABASES
def test_child_of_a_process_whose_dispatcher_is_inside_the_database_serves_partners(
    ocpi, ocpi_storage, ocpi_client, monkeypatch
):
    ocpi.save("locations", location())
    library = Library(ocpi_storage, monkeypatch)
    ocpi.start()
    assert library.inside.wait(SECONDS)

    assert fork(lambda: ocpi_client.get(LOCATIONS).data) == 0


@DATABASES
def test_child_of_a_process_that_reads_in_another_thread_has_a_database(ocpi, ocpi_storage, monkeypatch):
    library = Library(ocpi_storage, monkeypatch)

    with beside(lambda: ocpi_storage.list("locations", Query())):
        assert library.inside.wait(SECONDS)
        code = fork(lambda: ocpi_storage.save("locations", key(1), Record(b"{}")))

    assert code == 0


def locks_of_the_package() -> dict[str, object]:
    """Find every lock that an object or a module of the package has, by where it is; a condition on another is that."""
    found = {}
    for owner in gc.get_objects():
        if not str(type(owner).__module__).startswith("flask_ocpi."):
            continue
        for name, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, LOCKS) and owner is not forks._gate:
                found[f"{type(owner).__qualname__}.{name} {id(owner)}"] = value
    for name, module in list(sys.modules.items()):
        if name.startswith("flask_ocpi."):
            found |= {f"{name}.{n}": v for n, v in vars(module).items() if isinstance(v, LOCKS)}
    alone = {id(lock) for lock in found.values()}
    return {name: lock for name, lock in found.items() if id(getattr(lock, "_lock", None)) not in alone}


def kinds_of(locks: Iterable[str]) -> set[str]:
    return {name.split()[0] for name in locks}


@EVERY_STORAGE
def test_every_lock_of_the_package_is_free_in_the_child(ocpi, ocpi_app, ocpi_client):
    assert ocpi_client.get(LOCATIONS).http_status == 200
    assert ocpi.transport is not None
    more = HTTPTransport(policy=AddressPolicy()), ChargePoints(ocpi_app, ocpi, speed=1)
    held, ended = threading.Event(), threading.Event()
    gc.collect()  # what earlier tests left behind may go at any moment, with its locks
    before = locks_of_the_package()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in before.values():
                stack.enter_context(lock)
            held.set()
            ended.wait(SECONDS)

    def all_are_free() -> bool:
        after = locks_of_the_package()
        taken = [name for name, lock in after.items() if not lock.acquire(timeout=1)]
        missing = OF_EACH_PLATFORM - kinds_of(after)
        os.write(2, f"Not free: {taken}. Not there: {missing}.\n".encode() if taken or missing else b"")
        return not taken and not missing

    with beside(hold):
        assert held.wait(SECONDS)
        code = fork(all_are_free)
        ended.set()

    assert kinds_of(before) >= OF_EACH_PLATFORM, more
    assert code == 0


def test_threads_and_handlers_of_forks_are_made_in_one_place():
    pattern = re.compile(r"threading\.Thread\(|register_at_fork|os\.getpid|ThreadPoolExecutor\(")
    # The last one for the end of the process.
    of_others = ("core/forks.py", "testing/", "cli/output.py", "outbox/threads.py")

    root = ROOT / "flask_ocpi"
    found = [
        str(file.relative_to(root))
        for file in sorted(root.rglob("*.py"))
        if pattern.search(file.read_text()) and not str(file.relative_to(root)).startswith(of_others)
    ]

    assert found == []


def test_fork_does_not_wait_for_a_thread_that_waits_for_a_peer(ocpi, monkeypatch):
    monkeypatch.setattr(forks, "PATIENCE", SECONDS)
    waits, ended = threading.Event(), threading.Event()

    def work() -> None:
        with forks.waiting():
            waits.set()
            ended.wait(SECONDS)

    thread = forks.thread(work, "ocpi-test")
    thread.start()
    assert waits.wait(SECONDS)
    began = time.monotonic()

    code = fork(lambda: True)

    ended.set()
    thread.join(SECONDS)
    assert code == 0
    assert time.monotonic() - began < forks.PATIENCE


def test_fork_goes_on_beside_what_takes_too_long_and_says_so(ocpi, monkeypatch, caplog):
    monkeypatch.setattr(forks, "PATIENCE", 0.1)
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        ended.wait(SECONDS)

    thread = forks.thread(work, "ocpi-test")
    thread.start()
    assert begun.wait(SECONDS)

    code = fork(lambda: True)

    ended.set()
    thread.join(SECONDS)
    assert code == 0
    assert "still at work for Flask-OCPI" in caplog.text


def test_threads_begin_to_work_when_the_fork_is_over(ocpi):
    began = threading.Event()
    forks._gate.close()
    try:
        thread = forks.thread(began.set, "ocpi-test")
        thread.start()
        assert not began.wait(MOMENT)
    finally:
        forks._gate.open()

    assert began.wait(SECONDS)
    thread.join(SECONDS)


@EVERY_STORAGE
def test_a_job_may_fork(ocpi, ocpi_storage):
    codes = []

    def job() -> None:
        if not codes:
            codes.append(fork(lambda: ocpi_storage.save("locations", key(1), Record(b"{}"))))

    ocpi.services.jobs.append(Job("forking", lambda: -1.0, job))
    ocpi.start()

    ends = time.monotonic() + SECONDS
    while not codes and time.monotonic() < ends:
        time.sleep(0.01)
    ocpi.services.jobs.pop()
    assert codes == [0]


@EVERY_STORAGE
def test_child_of_a_transaction_writes_nothing_of_it(ocpi, ocpi_storage):
    def leave() -> bool:
        transaction.__exit__(None, None, None)
        return False

    def is_refused() -> bool:
        with pytest.raises(StorageError, match="forked inside a transaction"):
            leave()
        return ocpi_storage.get("locations", key(1)) is None

    transaction = ocpi_storage.transaction()
    with transaction:
        ocpi_storage.save("locations", key(1), Record(b"{}"))
        code = fork(is_refused)

    assert code == 0
    assert ocpi_storage.get("locations", key(1)) is not None


@pytest.mark.parametrize(
    ("ocpi_storage", "writes"), [("sqlite", False), ("postgresql", True)], indirect=["ocpi_storage"]
)
def test_child_of_a_transaction_is_told_at_once_where_it_cannot_write(ocpi, ocpi_storage, writes):
    def write() -> bool:
        began = time.monotonic()
        try:
            ocpi_storage.save("locations", key(2), Record(b"{}"))
        except StorageError as error:
            return not writes and "forked inside a transaction" in str(error) and time.monotonic() - began < SECONDS / 2
        return writes

    with ocpi_storage.transaction():
        ocpi_storage.save("locations", key(1), Record(b"{}"))
        code = fork(write)

    assert code == 0


@DATABASES
def test_child_has_no_connection_of_its_parent(ocpi, ocpi_storage):
    ocpi_storage.save("locations", key(1), Record(b"{}"))
    database = ocpi_storage._database
    parents = {id(held.driver) for held in database._held._idle}

    def has_its_own() -> bool:
        held = database._take()
        return id(held.driver) not in parents and database._engine.pool.checkedin() == 0

    assert parents
    assert fork(has_its_own) == 0
    assert ocpi_storage.get("locations", key(1)) is not None


@DATABASES
def test_child_of_a_fork_that_python_does_not_know_of_begins_anew_all_the_same(ocpi, ocpi_storage, ocpi_client):
    assert ocpi_client.get(LOCATIONS).http_status == 200

    code = fork(lambda: ocpi_client.get(LOCATIONS).http_status == 200, by=ctypes.PyDLL(None).fork)

    assert code == 0
    assert ocpi_client.get(LOCATIONS).http_status == 200


def test_loader_that_is_being_compiled_is_whole_in_the_child(ocpi, monkeypatch):
    class Fresh(Location):
        pass

    linking = threading.Event()
    original = Writer.compile

    def compile(writer):
        loader = original(writer)
        linking.set()
        time.sleep(MOMENT if threading.current_thread() is not threading.main_thread() else 0)
        return loader

    monkeypatch.setattr(Writer, "compile", compile)
    with beside(lambda: loader_of(Fresh(), None)):
        assert linking.wait(SECONDS)
        code = fork(lambda: Fresh().load(location()))

    assert code == 0
