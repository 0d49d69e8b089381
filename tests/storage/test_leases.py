"""Work that is kept as records is taken by one worker at a time, and never lost with one that ends."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import pytest

from flask_ocpi.core.moments import SECOND
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.stored import Stored
from tests.conftest import EVERY_STORAGE

NOW = 1_780_000_000 * SECOND


@dataclass(frozen=True, slots=True)
class Task(Stored):
    KIND = "outbox"

    place: str
    name: str
    done: int = 0
    due: int = NOW
    revision: int = 0

    @property
    def key(self):
        return Key("", "", self.name, self.place)


@pytest.fixture
def storage(ocpi_storage):
    ocpi_storage.setup()
    return ocpi_storage


@pytest.fixture
def task(storage):
    task = Task("HERE", "ONE")
    storage.save(task.KIND, task.key, task.to_record())
    return replace(task, revision=1)


def stored(storage, task):
    return Task.from_record(storage.get(task.KIND, task.key))


@EVERY_STORAGE
def test_next_due_record_is_taken_by_one_worker_until_its_lease_ends(storage, task):
    taken = leases.take_next(storage, Task, "HERE", now=NOW, seconds=60)

    assert taken == replace(task, due=NOW + 60 * SECOND, revision=2)
    assert leases.take_next(storage, Task, "HERE", now=NOW + 59 * SECOND, seconds=60) is None
    assert leases.take_next(storage, Task, "HERE", now=NOW + 60 * SECOND, seconds=60) is not None


@EVERY_STORAGE
def test_record_of_another_receiver_and_one_that_is_not_due_are_not_taken(storage, task):
    assert leases.take_next(storage, Task, "THERE", now=NOW, seconds=60) is None
    assert leases.take_next(storage, Task, "HERE", now=NOW - 1, seconds=60) is None


@EVERY_STORAGE
def test_certain_record_is_taken_by_the_first_of_two_that_saw_it(storage, task):
    first = leases.take(storage, task, now=NOW, seconds=60)
    second = leases.take(storage, task, now=NOW, seconds=60)

    assert first == stored(storage, task)
    assert second is None


@EVERY_STORAGE
def test_certain_record_is_not_taken_before_it_is_due(storage, task):
    assert leases.take(storage, task, now=NOW - 1, seconds=60) is None
    assert stored(storage, task) == task


@EVERY_STORAGE
def test_lease_is_kept_until_somebody_else_has_it(storage, task):
    taken = leases.take(storage, task, now=NOW, seconds=60)
    kept = leases.keep(storage, taken, now=NOW + 30 * SECOND, seconds=60)
    other = leases.take_next(storage, Task, "HERE", now=NOW + 90 * SECOND, seconds=60)

    assert kept.due == NOW + 90 * SECOND
    assert other is not None
    assert leases.keep(storage, kept, now=NOW + 91 * SECOND, seconds=60) is None
    assert stored(storage, task) == other


@EVERY_STORAGE
def test_released_record_is_due_at_once(storage, task):
    taken = leases.take(storage, task, now=NOW, seconds=60)

    leases.release(storage, taken, now=NOW + SECOND)

    assert leases.take_next(storage, Task, "HERE", now=NOW + SECOND, seconds=60) is not None


@EVERY_STORAGE
def test_record_that_is_new_is_made_by_who_takes_it(storage):
    new = Task("HERE", "NEW", due=0)

    assert leases.take(storage, new, now=NOW, seconds=60) == stored(storage, new)
    assert leases.take(storage, new, now=NOW, seconds=60) is None


@EVERY_STORAGE
def test_change_is_made_to_what_is_stored_now(storage, task):
    storage.save(task.KIND, task.key, replace(task, done=5).to_record())

    changed = leases.change(storage, task, lambda current: replace(current, done=current.done + 1))

    assert (changed.done, stored(storage, task).done) == (6, 6)


@EVERY_STORAGE
def test_change_that_changes_nothing_writes_nothing_and_a_record_that_is_gone_stays_gone(storage, task):
    assert leases.change(storage, task, lambda current: current) is None
    assert stored(storage, task) == task
    storage.delete(task.KIND, task.key)
    assert leases.change(storage, task, lambda current: replace(current, done=1)) is None
    assert storage.get(task.KIND, task.key) is None


def test_pauses_double_up_to_the_longest():
    assert [leases.pause(attempts, 10.0) for attempts in (1, 2, 3, 4, 5, 10_000)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert leases.pause(2, 3600.0, first=60.0) == 120.0
