"""Transactions: all or nothing."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import KEY
from flask_ocpi.testing.storage_contract.sharing import OTHER_KEY
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import save_and_fail
from flask_ocpi.testing.storage_contract.sharing import save_many


class TransactionContract:
    """transaction, and get with ``for_update``, in one thread."""

    def test_transaction_commits_at_its_end(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        with storage.transaction():
            storage.delete("locations", KEY)
            storage.save("locations", OTHER_KEY, Record(b"2"))
            storage.save("platforms", KEY, Record(b"3"))

        assert storage.get("locations", KEY) is None
        assert fetch(storage, OTHER_KEY).text == b"2"
        assert storage.get("platforms", KEY) is not None

    def test_transaction_sees_its_own_writes(self, storage: Storage) -> None:
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            storage.save("locations", KEY, Record(b"2"))

            assert fetch(storage, KEY).revision == 2
            assert storage.list("locations", Query()).total == 1

    def test_created_is_known_in_the_transaction_and_stays(self, storage: Storage) -> None:
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"), expected=0)
            created = fetch(storage, KEY).created
            storage.save("locations", KEY, Record(b"2"), expected=1)

        assert created > 0
        assert fetch(storage, KEY).created == created

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt], ids=["error", "interrupt"])
    def test_exception_rolls_back_everything(self, storage: Storage, error: type[BaseException]) -> None:
        save_many(storage, 3)
        before = storage.list("locations", Query()).records

        def fail() -> None:
            with storage.transaction():
                storage.save("locations", numbered_key(0), Record(b"changed", 9, (EMA,)))
                storage.save("locations", numbered_key(0), Record(b"changed again"))
                storage.delete("locations", numbered_key(1))
                storage.save("locations", numbered_key(1), Record(b"created again"))
                storage.delete("locations", numbered_key(2))
                storage.save("locations", numbered_key(3), Record(b"new"))
                storage.save("platforms", KEY, Record(b"new"))
                raise error

        with pytest.raises(error):
            fail()

        assert list(storage.list("locations", Query()).records) == list(before)
        assert storage.list("platforms", Query()).total == 0

    def test_storage_works_on_after_a_rollback(self, storage: Storage) -> None:
        with pytest.raises(RuntimeError):
            save_and_fail(storage)

        assert storage.save("locations", KEY, Record(b"2")) is True

    def test_conflict_in_a_transaction_rolls_it_back_when_not_caught(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))

        def conflict() -> None:
            with storage.transaction():
                storage.save("locations", OTHER_KEY, Record(b"2"))
                storage.save("locations", KEY, Record(b"3"), expected=0)

        with pytest.raises(ConflictError):
            conflict()

        assert storage.get("locations", OTHER_KEY) is None

    def test_conflict_in_a_transaction_may_be_caught(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        with storage.transaction():
            with pytest.raises(ConflictError):
                storage.save("locations", KEY, Record(b"2"), expected=0)
            storage.save("locations", OTHER_KEY, Record(b"3"))

        assert fetch(storage, KEY).text == b"1"
        assert fetch(storage, OTHER_KEY).text == b"3"

    def test_nested_transactions_commit_with_the_outermost(self, storage: Storage) -> None:
        with storage.transaction():
            with storage.transaction():
                storage.save("locations", KEY, Record(b"1"))
            storage.save("locations", OTHER_KEY, Record(b"2"))

        assert storage.list("locations", Query()).total == 2

    def test_outermost_transaction_rolls_back_the_inner_ones(self, storage: Storage) -> None:
        def fail() -> None:
            with storage.transaction():
                with storage.transaction():
                    storage.save("locations", OTHER_KEY, Record(b"1"))
                save_and_fail(storage)

        with pytest.raises(RuntimeError):
            fail()

        assert storage.list("locations", Query()).total == 0

    def test_outermost_transaction_decides_when_it_catches(self, storage: Storage) -> None:
        with storage.transaction():
            with pytest.raises(RuntimeError):
                save_and_fail(storage)
            storage.save("locations", OTHER_KEY, Record(b"2"))

        assert storage.list("locations", Query()).total == 2

    def test_work_that_is_run_is_one_transaction(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))

        assert storage.run(lambda: storage.get("locations", KEY, for_update=True)) == fetch(storage, KEY)
        with pytest.raises(RuntimeError):
            storage.run(lambda: save_and_fail(storage))

        assert fetch(storage, KEY).revision == 1

    def test_work_is_run_again_when_another_transaction_came_first(self, storage: Storage) -> None:
        runs: list[int] = []

        def work() -> int:
            runs.append(storage.list("locations", Query()).total)
            storage.save("locations", KEY, Record(b"1"))
            if len(runs) < 3:
                raise DeadlockError("provoked")
            return len(runs)

        assert storage.run(work) == 3
        assert runs == [0, 0, 0]
        assert fetch(storage, KEY).revision == 1

    def test_work_that_never_comes_through_ends_with_the_error(self, storage: Storage) -> None:
        runs: list[int] = []

        def work() -> None:
            runs.append(1)
            storage.save("locations", KEY, Record(b"1"))
            raise DeadlockError("provoked")

        with pytest.raises(DeadlockError):
            storage.run(work, attempts=2)

        assert len(runs) == 2
        assert storage.get("locations", KEY) is None

    def test_get_for_update_needs_a_transaction(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        with pytest.raises(StorageError):
            storage.get("locations", KEY, for_update=True)

    def test_get_for_update_answers_as_get_does(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}", 5, (EMA,)))

        with storage.transaction():
            assert storage.get("locations", KEY, for_update=True) == storage.get("locations", KEY)
            assert storage.get("locations", OTHER_KEY, for_update=True) is None
