"""Several threads at once: no record is lost, created twice, or seen half written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import KEY
from flask_ocpi.testing.storage_contract.sharing import ROUNDS
from flask_ocpi.testing.storage_contract.sharing import THREADS
from flask_ocpi.testing.storage_contract.sharing import TIMEOUT_SECONDS
from flask_ocpi.testing.storage_contract.sharing import creates
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import give_a_chance
from flask_ocpi.testing.storage_contract.sharing import give_way
from flask_ocpi.testing.storage_contract.sharing import listed
from flask_ocpi.testing.storage_contract.sharing import numbered
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import numbers
from flask_ocpi.testing.storage_contract.sharing import run_together
from flask_ocpi.testing.storage_contract.sharing import save_many


class ParallelContract:
    """Locks, guards and isolation."""

    def test_nobody_changes_a_record_got_for_update(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"before"))

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                storage.get("locations", KEY, for_update=True)
                other = pool.submit(storage.save, "locations", KEY, Record(b"other"))
                give_a_chance(other)
                seen = fetch(storage, KEY)
                storage.save("locations", KEY, Record(b"ours"), expected=seen.revision)
            other.result(TIMEOUT_SECONDS)

        assert seen.text == b"before"
        assert fetch(storage, KEY).text == b"other"
        assert fetch(storage, KEY).revision == 3

    def test_reader_sees_all_of_a_transaction_or_nothing(self, storage: Storage) -> None:
        save_many(storage, 2)

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                storage.save("locations", numbered_key(0), Record(b"10"))
                storage.save("locations", numbered_key(2), Record(b"12"))
                reader = pool.submit(storage.list, "locations", Query())
                give_a_chance(reader)
                storage.save("locations", numbered_key(1), Record(b"11"))
            seen = reader.result(TIMEOUT_SECONDS)

        assert (numbers(seen), seen.total) in [([0, 1], 2), ([10, 11, 12], 3)]
        assert listed(storage, Query()) == [10, 11, 12]

    def test_readers_never_see_half_of_any_transaction(self, storage: Storage) -> None:
        save_many(storage, 2)
        finished = threading.Event()

        def write() -> None:
            try:
                for number in range(ROUNDS * 5):
                    with storage.transaction():
                        storage.save("locations", numbered_key(0), numbered(number))
                        storage.save("locations", numbered_key(1), numbered(number + 1))
            finally:
                finished.set()

        def read() -> list[list[int]]:
            seen = []
            while not finished.is_set():
                seen.append(listed(storage, Query()))
            return seen

        _, *readings = run_together(write, read, read)

        assert [seen for reading in readings for seen in reading or () if seen[1] != seen[0] + 1] == []

    def test_parallel_increments_are_never_lost(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0"))

        def increment() -> None:
            for _ in range(ROUNDS):
                with storage.transaction():
                    stored = storage.get("locations", KEY, for_update=True)
                    assert stored is not None
                    give_way()
                    storage.save("locations", KEY, numbered(int(stored.text) + 1))

        run_together(*[increment] * THREADS)

        assert fetch(storage, KEY).text == str(THREADS * ROUNDS).encode()
        assert fetch(storage, KEY).revision == THREADS * ROUNDS + 1

    def test_parallel_appends_are_never_lost(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record.of({"items": []}))

        def append_all(writer: int) -> None:
            for number in range(ROUNDS):
                with storage.transaction():
                    stored = storage.get("locations", KEY, for_update=True)
                    assert stored is not None
                    give_way()
                    items = [*stored.document["items"], [writer, number]]
                    storage.save("locations", KEY, Record.of({"items": items}))

        run_together(*[partial(append_all, writer) for writer in range(THREADS)])

        items = fetch(storage, KEY).document["items"]
        assert len(items) == THREADS * ROUNDS
        # The sort is stable: it keeps the order of each writer.
        assert sorted(items, key=lambda item: item[0]) == [[w, n] for w in range(THREADS) for n in range(ROUNDS)]

    def test_parallel_guarded_updates_are_never_lost(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0"))

        def increment() -> None:
            done = 0
            while done < ROUNDS:
                stored = fetch(storage, KEY)
                give_way()
                try:
                    storage.save("locations", KEY, numbered(int(stored.text) + 1), expected=stored.revision)
                except ConflictError:
                    continue
                done += 1

        run_together(*[increment] * THREADS)

        assert fetch(storage, KEY).text == str(THREADS * ROUNDS).encode()

    def test_parallel_creation_has_one_winner(self, storage: Storage) -> None:
        def create_all() -> list[int]:
            return [number for number in range(ROUNDS) if creates(storage, number, expected=0)]

        won = run_together(*[create_all] * THREADS)

        assert sorted(number for numbers in won for number in numbers) == list(range(ROUNDS))
        assert {record.revision for record in storage.list("locations", Query()).records} == {1}

    def test_parallel_creation_keeps_what_the_winner_wrote(self, storage: Storage) -> None:
        def claim_all(writer: int) -> list[int]:
            return [number for number in range(ROUNDS) if _claims(storage, number, writer)]

        won = run_together(*[partial(claim_all, writer) for writer in range(THREADS)])

        winners = {number: writer for writer, claimed in enumerate(won) for number in claimed}
        claims = [int(fetch(storage, numbered_key(number)).text) for number in range(ROUNDS)]
        assert claims == [winners[number] for number in range(ROUNDS)]
        assert storage.list("platforms", Query(limit=1000)).total == ROUNDS

    def test_parallel_creations_are_numbered_one_by_one(self, storage: Storage) -> None:
        def create_some(writer: int) -> list[int]:
            keys = [numbered_key(writer * ROUNDS + number) for number in range(ROUNDS)]
            for key in keys:
                storage.save("locations", key, Record(b"{}"))
            return [fetch(storage, key).created for key in keys]

        created = run_together(*[partial(create_some, writer) for writer in range(THREADS)])

        assert [numbers for numbers in created if numbers != sorted(numbers)] == []
        assert len({number for numbers in created for number in numbers}) == THREADS * ROUNDS

    def test_parallel_saves_report_one_creation(self, storage: Storage) -> None:
        def save_all() -> list[int]:
            return [number for number in range(ROUNDS) if creates(storage, number, expected=None)]

        created = run_together(*[save_all] * THREADS)

        assert sorted(number for numbers in created for number in numbers) == list(range(ROUNDS))
        assert {record.revision for record in storage.list("locations", Query()).records} == {THREADS}

    def test_transaction_belongs_to_its_thread(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        def get_for_update() -> None:
            with pytest.raises(StorageError):
                storage.get("locations", KEY, for_update=True)

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                other = pool.submit(get_for_update)
                give_a_chance(other)
            other.result(TIMEOUT_SECONDS)


def _claims(storage: Storage, number: int, writer: int) -> bool:
    """Write two records, of which the second may exist: a losing thread has written neither."""
    try:
        with storage.transaction():
            storage.save("platforms", numbered_key(number * THREADS + writer), numbered(writer))
            storage.save("locations", numbered_key(number), numbered(writer), expected=0)
    except ConflictError:
        return False
    return True
