"""Claims of due records: each goes to one caller until its lease ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import ABC
from flask_ocpi.testing.storage_contract.sharing import DEF
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import EMB
from flask_ocpi.testing.storage_contract.sharing import THREADS
from flask_ocpi.testing.storage_contract.sharing import TIMEOUT_SECONDS
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import give_a_chance
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import run_together

NOW = 1_000_000
UNTIL = 9_000_000
DUE = Query(date_to=NOW + 1)


def key_of(record: Record) -> Key:
    """Return the key of a numbered record of these tests."""
    return numbered_key(int(record.text))


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
