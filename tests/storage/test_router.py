"""RoutedStorage: each kind goes to its storage, transactions span them all."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import ReadOnlyStorage
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.router import RoutedStorage

KEY = Key.of("NL", "ABC", "LOC1")


class OwnLocations(ReadOnlyStorage):
    """Locations, and only these, from somewhere else."""

    def get(self, kind, key, *, for_update=False):
        assert kind == "locations"
        return Record(b"own", 1)

    def list(self, kind, query):
        assert kind == "locations"
        return Page((Record(b"own", 1),), 1)


class Observed(MemoryStorage):
    """Writes down when its transactions begin and end."""

    def __init__(self, name, log, *, fails=False):
        super().__init__()
        self.name, self.log, self.fails = name, log, fails

    @contextmanager
    def transaction(self):
        self.log.append(f"begin {self.name}")
        try:
            with super().transaction():
                yield
                if self.fails:
                    raise StorageError("cannot commit")
        except BaseException:
            self.log.append(f"rollback {self.name}")
            raise
        self.log.append(f"commit {self.name}")

    def setup(self):
        self.log.append(f"setup {self.name}")


class Broken(MemoryStorage):
    def list(self, kind, query):
        raise ZeroDivisionError("out of order")


def test_kinds_go_to_their_storage():
    default = MemoryStorage()
    storage = RoutedStorage({"locations": OwnLocations(), "*": default})
    storage.save("platforms", KEY, Record(b"1"))

    assert storage.get("locations", KEY).text == b"own"
    assert storage.list("locations", Query()).total == 1
    assert default.get("platforms", KEY).text == b"1"
    assert storage.delete("platforms", KEY) is True


def test_read_only_storage_says_what_it_is():
    storage = RoutedStorage({"locations": OwnLocations(), "*": MemoryStorage()})

    with pytest.raises(StorageError, match="OwnLocations is read-only: locations"):
        storage.save("locations", KEY, Record(b"1"))
    with pytest.raises(StorageError, match="OwnLocations is read-only: locations"):
        storage.delete("locations", KEY)


def test_kind_without_a_route_is_named():
    with pytest.raises(StorageError, match="No storage for 'tariffs'"):
        RoutedStorage({"locations": MemoryStorage()}).get("tariffs", KEY)


def test_default_commits_last():
    log = []
    first, second, default = (Observed(name, log) for name in ("first", "second", "default"))
    storage = RoutedStorage({"locations": first, "*": default, "tariffs": second, "tokens": first})

    with storage.transaction():
        log.append("body")

    assert log == [
        *("begin default", "begin first", "begin second"),
        "body",
        *("commit second", "commit first", "commit default"),
    ]


def test_failed_commit_rolls_back_the_default():
    log = []
    default = Observed("default", log)
    storage = RoutedStorage({"locations": Observed("locations", log, fails=True), "*": default})

    def write():
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            storage.save("platforms", KEY, Record(b"2"))

    with pytest.raises(StorageError, match="cannot commit"):
        write()

    assert log[-2:] == ["rollback locations", "rollback default"]
    assert storage.get("locations", KEY) is None
    assert storage.get("platforms", KEY) is None


def test_exception_rolls_back_all():
    first, second = MemoryStorage(), MemoryStorage()
    storage = RoutedStorage({"locations": first, "*": second})

    def fail():
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            storage.save("platforms", KEY, Record(b"2"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert first.get("locations", KEY) is second.get("platforms", KEY) is None


def test_setup_reaches_each_storage_once():
    log = []
    first, default = Observed("first", log), Observed("default", log)
    RoutedStorage({"locations": first, "tariffs": first, "*": default}).setup()

    assert log == ["setup default", "setup first"]


def test_check_asks_each_storage_only_for_its_kinds():
    RoutedStorage({"locations": OwnLocations(), "*": MemoryStorage()}).check()


@pytest.mark.parametrize("kind", ["locations", "*"])
def test_check_reports_a_broken_storage(kind):
    storage = RoutedStorage({"tariffs": MemoryStorage(), kind: Broken()})

    with pytest.raises(StorageError, match=r"Broken does not answer.*out of order"):
        storage.check()


def test_check_passes_on_a_storage_error():
    storage = RoutedStorage({"locations": RoutedStorage({})})

    with pytest.raises(StorageError, match="No storage for 'locations'"):
        storage.check()
