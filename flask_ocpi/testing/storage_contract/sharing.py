"""Shared parts of the contract's tests: parties and keys, numbered records, and threads that start together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from typing import TypeVar

from flask_ocpi.errors import ConflictError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage

T = TypeVar("T")

ABC = Party.of("NL", "ABC")
DEF = Party.of("NL", "DEF")
EMA = Party.of("NL", "EMA")
EMB = Party.of("NL", "EMB")
EMC = Party.of("NL", "EMC")
KEY = Key.of("NL", "ABC", "LOC1")
OTHER_KEY = Key.of("NL", "ABC", "LOC2")
THREADS = 8
ROUNDS = 10
# The time in which a thread that should wait could wrongly go on.
CHANCE_SECONDS = 0.2
TIMEOUT_SECONDS = 120


def numbered_key(number: int) -> Key:
    return Key.of(*ABC, f"LOC{number}")


def key_of(record: Record) -> Key:
    """Return the key of a numbered record."""
    return numbered_key(int(record.text))


def numbered(number: int) -> Record:
    return Record(str(number).encode())


def fetch(storage: Storage, key: Key) -> Record:
    record = storage.get("locations", key)
    assert record is not None
    return record


def save_many(storage: Storage, count: int) -> None:
    for number in range(count):
        storage.save("locations", numbered_key(number), numbered(number))


def save_and_fail(storage: Storage) -> None:
    with storage.transaction():
        storage.save("locations", KEY, Record(b"1"))
        raise RuntimeError


def creates(storage: Storage, number: int, *, expected: int | None) -> bool:
    try:
        return storage.save("locations", numbered_key(number), numbered(number), expected=expected)
    except ConflictError:
        return False


def numbers(page: Page) -> list[int]:
    return [int(record.text) for record in page.records]


def listed(storage: Storage, query: Query) -> list[int]:
    """List the numbers that a query finds, and check that the total counts exactly these."""
    page = storage.list("locations", query)
    assert page.total == len(page.records)
    return numbers(page)


def run_together(*tasks: Callable[[], T]) -> list[T]:
    """Run the tasks at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(tasks))

    def start(task: Callable[[], T]) -> T:
        barrier.wait(TIMEOUT_SECONDS)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(TIMEOUT_SECONDS) for future in [pool.submit(start, task) for task in tasks]]


def give_a_chance(other: Future[T]) -> None:
    """Let another thread go on that may have to wait for this one: the test holds in both cases."""
    wait([other], CHANCE_SECONDS)


def give_way() -> None:
    """Let all other threads go on in the middle of this one's work: those that do not wait spoil it now."""
    time.sleep(0.001)
