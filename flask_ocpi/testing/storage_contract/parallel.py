"""Several threads at once: no record is lost, created or claimed twice, or seen half written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import ABC
from flask_ocpi.testing.storage_contract.sharing import DEF
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import EMB
from flask_ocpi.testing.storage_contract.sharing import KEY
from flask_ocpi.testing.storage_contract.sharing import ROUNDS
from flask_ocpi.testing.storage_contract.sharing import THREADS
from flask_ocpi.testing.storage_contract.sharing import TIMEOUT_SECONDS
from flask_ocpi.testing.storage_contract.sharing import creates
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import give_a_chance
from flask_ocpi.testing.storage_contract.sharing import give_way
from flask_ocpi.testing.storage_contract.sharing import key_of
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


NOW = 1_000_000
UNTIL = 9_000_000
DUE = Query(date_to=NOW + 1)


def save_due(storage: Storage, count: int, *, due: int = NOW) -> None:
    with storage.transaction():
        for number in range(count):
            storage.save("locations", numbered_key(number), Record(str(number).encode(), last_updated=due))


def take(storage: Storage, query: Query = DUE, *, until: int = UNTIL) -> list[int]:
    """Claim records and return their numbers."""
    return [int(record.text) for record in storage.claim("locations", query, until=until, key_of=key_of)]


class ClaimContract:
    """The promises of :meth:`flask_ocpi.storage.base.Storage.claim`."""

    def test_what_is_taken_is_not_found_again_before_its_time(self, storage: Storage) -> None:
        save_due(storage, 3)

        assert take(storage) == [0, 1, 2]
        assert take(storage) == []
        assert take(storage, Query(date_to=UNTIL)) == []
        assert take(storage, Query(date_to=UNTIL + 1)) == [0, 1, 2]

    def test_taken_record_is_returned_as_it_is_stored(self, storage: Storage) -> None:
        storage.save("locations", numbered_key(7), Record(b"7", last_updated=NOW, audience=(EMA, EMB)))
        before = fetch(storage, numbered_key(7))

        (taken,) = storage.claim("locations", DUE, until=UNTIL, key_of=key_of)

        assert taken == Record(b"7", UNTIL, (EMA, EMB), revision=2, created=before.created)
        assert fetch(storage, numbered_key(7)) == taken

    def test_taken_records_come_in_the_order_of_their_creation(self, storage: Storage) -> None:
        save_due(storage, 3)
        storage.save("locations", numbered_key(0), Record(b"0", last_updated=NOW - 1))
        storage.save("locations", numbered_key(2), Record(b"2", last_updated=NOW - 2))

        assert take(storage) == [0, 1, 2]

    def test_no_more_is_taken_than_the_limit(self, storage: Storage) -> None:
        save_due(storage, 5)

        taken = [take(storage, Query(date_to=NOW + 1, limit=2)) for _ in range(4)]

        assert [len(numbers) for numbers in taken] == [2, 2, 1, 0]
        assert sorted(number for numbers in taken for number in numbers) == [0, 1, 2, 3, 4]

    def test_only_what_the_query_selects_is_taken(self, storage: Storage) -> None:
        receiver = str(EMA)
        keys = {
            1: Key.of(*ABC, "LOC1", EMA),
            2: Key.of(*ABC, "LOC2", EMA),
            3: Key.of(*ABC, "LOC3", EMA),
            4: Key.of(*DEF, "LOC4", EMA),
            5: Key.of(*ABC, "LOC5", EMB),
            6: Key.of(*ABC, "LOC6"),
        }
        for number, key in keys.items():
            due = NOW + 1 if number == 3 else NOW - 1 if number == 2 else NOW
            storage.save("locations", key, Record(str(number).encode(), last_updated=due))
        query = Query(owners=(ABC,), receiver=receiver, date_from=NOW, date_to=NOW + 1)

        taken = storage.claim("locations", query, until=UNTIL, key_of=lambda record: keys[int(record.text)])

        assert [record.text for record in taken] == [b"1"]
        revisions = [found.revision for key in keys.values() if (found := storage.get("locations", key))]
        assert revisions == [2, 1, 1, 1, 1, 1]

    def test_query_that_nothing_matches_takes_nothing(self, storage: Storage) -> None:
        save_due(storage, 1, due=NOW + 5)

        assert take(storage) == []
        assert fetch(storage, numbered_key(0)).revision == 1

    def test_changed_record_of_a_claim_is_noticed_by_its_revision(self, storage: Storage) -> None:
        save_due(storage, 1)
        (taken,) = storage.claim("locations", DUE, until=UNTIL, key_of=key_of)

        storage.save("locations", numbered_key(0), Record(b"0", last_updated=UNTIL))

        assert fetch(storage, numbered_key(0)).revision == taken.revision + 1

    def test_claim_in_a_transaction_that_fails_took_nothing(self, storage: Storage) -> None:
        save_due(storage, 2)

        try:
            with storage.transaction():
                assert take(storage) == [0, 1]
                raise RuntimeError
        except RuntimeError:
            pass

        assert take(storage) == [0, 1]

    def test_claim_in_a_transaction_belongs_to_it_and_holds_afterwards(self, storage: Storage) -> None:
        save_due(storage, 2)

        with storage.transaction():
            assert take(storage, Query(date_to=NOW + 1, limit=1)) == [0]
            record = storage.get("locations", numbered_key(0), for_update=True)
            assert record is not None
            assert record.last_updated == UNTIL

        assert take(storage) == [1]

    def test_record_that_is_taken_in_an_open_transaction_goes_to_nobody_else(self, storage: Storage) -> None:
        save_due(storage, 2)

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                first = take(storage, Query(date_to=NOW + 1, limit=1))
                other = pool.submit(take, storage)
                give_a_chance(other)
            second = other.result(TIMEOUT_SECONDS)

        assert sorted(first + second) == [0, 1]

    def test_parallel_claims_take_every_record_exactly_once(self, storage: Storage) -> None:
        count = 25 * THREADS
        save_due(storage, count)

        def take_all() -> list[int]:
            taken: list[int] = []
            while numbers := take(storage, Query(date_to=NOW + 1, limit=3)):
                taken += numbers
            return taken

        taken = [number for numbers in run_together(*[take_all] * THREADS) for number in numbers]
        # A caller that loses every record of a page to others may end early: the other records can still be claimed.
        taken += take_all()

        assert sorted(taken) == list(range(count))
        assert {fetch(storage, numbered_key(number)).revision for number in range(count)} == {2}

    def test_parallel_claims_in_transactions_take_every_record_exactly_once(self, storage: Storage) -> None:
        count = 5 * THREADS
        save_due(storage, count)

        def take_all() -> list[int]:
            taken: list[int] = []
            while True:
                with storage.transaction():
                    numbers = take(storage, Query(date_to=NOW + 1, limit=2))
                if not numbers:
                    return taken
                taken += numbers

        taken = [number for numbers in run_together(*[take_all] * THREADS) for number in numbers]
        taken += take_all()

        assert sorted(taken) == list(range(count))
