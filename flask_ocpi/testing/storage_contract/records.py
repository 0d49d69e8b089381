"""Single records, saved and read back under their key and no other; and transactions, all or nothing."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import received
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import EMB
from flask_ocpi.testing.storage_contract.sharing import KEY
from flask_ocpi.testing.storage_contract.sharing import OTHER_KEY
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import save_and_fail
from flask_ocpi.testing.storage_contract.sharing import save_many


class RecordContract:
    """get, save and delete."""

    def test_get_answers_none_for_an_unknown_record(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        assert storage.get("locations", OTHER_KEY) is None

    @pytest.mark.parametrize(
        "id",
        ["", "%", "_", "'; --", "a/b", "LOC1\n", "LOC1\nRFID", "\0", "\ud800", "é" * 300, "\U0001f50c"],
        ids=ascii,
    )
    def test_get_and_delete_accept_any_id(self, storage: Storage, id: str) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        assert storage.get("locations", Key.of("NL", "ABC", id)) is None
        assert storage.delete("locations", Key.of("NL", "ABC", id)) is False
        assert storage.get("locations", KEY) is not None

    @pytest.mark.parametrize("id", ["%", "'; --", "a/b", "É\U0001f50c"], ids=["percent", "quote", "slash", "unicode"])
    def test_unusual_ids_are_kept(self, storage: Storage, id: str) -> None:
        storage.save("locations", Key.of("NL", "ABC", id), Record(b"{}"))

        assert storage.get("locations", Key.of("NL", "ABC", id)) is not None

    def test_ids_of_several_parts_are_told_apart(self, storage: Storage) -> None:
        # A Token's id is its uid and its type, with a line feed between them.
        ids = ["A", "A\nRFID", "A\nAPP_USER", "A\nRFID\n", "\nRFID", "A RFID", "ARFID"]
        for id in ids:
            storage.save("locations", Key.of("NL", "ABC", id), Record.of({"id": id}))
        storage.delete("locations", Key.of("NL", "ABC", "ARFID"))

        kept = [fetch(storage, Key.of("NL", "ABC", id)).document["id"] for id in ids[:-1]]

        assert kept == ids[:-1]
        assert [record.document["id"] for record in storage.list("locations", Query()).records] == kept

    def test_copies_of_several_platforms_are_told_apart(self, storage: Storage) -> None:
        # One platform after another may speak for a party, and each has its own copies.
        sources = ["de-cpo", "de-cpo~1f", "de", "DE-CPO", ""]
        for number, source in enumerate(sources):
            assert storage.save("locations", Key.of("DE", "CPO", "LOC1", EMA, source), Record.of({"id": number}))
        storage.delete("locations", Key.of("DE", "CPO", "LOC1", EMA))

        kept = [fetch(storage, Key.of("DE", "CPO", "LOC1", EMA, source)).document["id"] for source in sources[:-1]]

        assert kept == [0, 1, 2, 3]
        assert storage.get("locations", Key.of("DE", "CPO", "LOC1", EMB, "de-cpo")) is None
        found = storage.list("locations", Query(receiver=received(EMA, "de-cpo")))
        assert ([record.document["id"] for record in found.records], found.total) == ([0], 1)

    def test_save_tells_whether_it_created(self, storage: Storage) -> None:
        assert storage.save("locations", KEY, Record(b"{}")) is True
        assert storage.save("locations", KEY, Record(b"{}")) is False

    def test_save_replaces_the_whole_record(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b'{"a":1}', last_updated=7, audience=(EMA, EMB)))
        storage.save("locations", KEY, Record(b'{"b":2}', last_updated=5))

        stored = fetch(storage, KEY)

        assert (stored.text, stored.last_updated, stored.audience) == (b'{"b":2}', 5, ())

    @pytest.mark.parametrize(
        "text",
        [
            '{"name":"Zürich ⚡ 東京 \U0001f50c"}'.encode(),
            b'{"escaped":"\\u00e9 \\u0000 \\ud83d\\ude00 \\/ \\" \\\\"}',
            b'{"kwh":0.30,"price":1.0E+2,"zero":-0.0,"big":123456789012345678901234567890,"third":0.1000000000000000055}',
            b'{"z":1,"a":2,"z":3,  "spaces" : [ ]}',
            b'{"long":"' + b"x" * 300_000 + b'"}',
        ],
        ids=["unicode", "escapes", "numbers", "order", "long"],
    )
    def test_text_comes_back_byte_by_byte(self, storage: Storage, text: bytes) -> None:
        storage.save("locations", KEY, Record(text))

        assert fetch(storage, KEY).text == text
        assert [record.text for record in storage.list("locations", Query()).records] == [text]

    def test_record_comes_back_as_saved(self, storage: Storage) -> None:
        audience = (EMB, Party.of("DE", "X*Y"), EMA)
        storage.save("locations", KEY, Record(b"{}", last_updated=1_767_225_600_123_456, audience=audience))

        stored = fetch(storage, KEY)

        assert (stored.last_updated, stored.audience) == (1_767_225_600_123_456, audience)
        assert storage.list("locations", Query()).records[0] == stored

    def test_audience_of_unusual_parties_comes_back(self, storage: Storage) -> None:
        # OCPI lets a party id have any printable characters.
        audience = tuple(Party.of("NL", id) for id in ("A,B", "A-B", "%2C", "A%", "-,-", "'\\\"", "   "))
        storage.save("locations", KEY, Record(b"{}", audience=audience))

        assert fetch(storage, KEY).audience == audience

    def test_keys_differing_in_case_are_one_record(self, storage: Storage) -> None:
        storage.save("locations", Key.of("nl", "Abc", "loc1"), Record(b"1"))
        storage.save("locations", Key.of("NL", "aBC", "LOC1"), Record(b"2"))

        assert fetch(storage, Key.of("Nl", "abc", "Loc1")).text == b"2"
        assert storage.list("locations", Query(owners=(Party.of("nl", "abc"),))).total == 1

    @pytest.mark.parametrize(
        "other",
        [
            Key.of("DE", "ABC", "LOC1"),
            Key.of("NL", "DEF", "LOC1"),
            Key.of("NL", "ABC", "LOC2"),
            Key.of("NL", "ABC", "LOC1", EMA),
        ],
        ids=["country_code", "party_id", "id", "receiver"],
    )
    def test_each_part_of_the_key_tells_records_apart(self, storage: Storage, other: Key) -> None:
        storage.save("locations", KEY, Record(b"1"))
        storage.save("locations", other, Record(b"2"))
        storage.delete("locations", other)

        assert fetch(storage, KEY).text == b"1"
        assert storage.get("locations", other) is None

    def test_kinds_are_kept_apart(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        storage.save("platforms", KEY, Record(b"2"))
        storage.delete("platforms", KEY)

        assert fetch(storage, KEY).text == b"1"
        assert storage.list("platforms", Query()).total == 0

    def test_delete_tells_whether_there_was_a_record(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        assert storage.delete("locations", KEY) is True
        assert storage.delete("locations", KEY) is False
        assert storage.get("locations", KEY) is None

    def test_revision_counts_the_saves(self, storage: Storage) -> None:
        revisions = []
        for _ in range(3):
            storage.save("locations", KEY, Record(b"{}", revision=77))
            revisions.append(fetch(storage, KEY).revision)

        assert revisions == [1, 2, 3]

    def test_created_rises_and_stays(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}", created=77))
        storage.save("locations", OTHER_KEY, Record(b"{}"))
        first = fetch(storage, KEY).created
        storage.save("locations", KEY, Record(b"{}"))

        assert first == fetch(storage, KEY).created < fetch(storage, OTHER_KEY).created

    def test_record_created_again_is_the_newest(self, storage: Storage) -> None:
        save_many(storage, 3)
        newest = storage.list("locations", Query()).records[-1].created
        storage.delete("locations", numbered_key(2))
        storage.save("locations", numbered_key(2), Record(b"{}"))

        stored = fetch(storage, numbered_key(2))

        assert stored.revision == 1
        assert stored.created > newest

    def test_created_is_never_given_twice(self, storage: Storage) -> None:
        seen = []
        for number in range(5):
            storage.save("locations", numbered_key(number % 2), Record(b"{}"))
            storage.save("locations", numbered_key(number % 2), Record(b"{}"))
            seen.append(fetch(storage, numbered_key(number % 2)).created)
            storage.delete("locations", numbered_key(number % 2))

        assert seen == sorted(set(seen))

    def test_created_rises_over_all_parties(self, storage: Storage) -> None:
        keys = [Key.of("NL", "ABC", "1"), Key.of("DE", "ABC", "1"), Key.of("NL", "ABC", "1", EMA), Key.of("", "", "1")]
        for key in keys:
            storage.save("locations", key, Record(b"{}"))

        seen = [fetch(storage, key).created for key in keys]

        assert seen == sorted(set(seen))

    def test_expected_zero_creates(self, storage: Storage) -> None:
        assert storage.save("locations", KEY, Record(b"{}"), expected=0) is True
        assert fetch(storage, KEY).revision == 1

    def test_expected_revision_replaces(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        created = fetch(storage, KEY).created

        assert storage.save("locations", KEY, Record(b"2", 9, (EMA,)), expected=1) is False
        assert fetch(storage, KEY) == Record(b"2", 9, (EMA,), revision=2, created=created)

    @pytest.mark.parametrize("expected", [0, 1, 3], ids=["to_create", "older", "newer"])
    def test_conflict_writes_nothing(self, storage: Storage, expected: int) -> None:
        storage.save("locations", KEY, Record(b"1"))
        storage.save("locations", KEY, Record(b"2"))
        before = fetch(storage, KEY)

        with pytest.raises(ConflictError):
            storage.save("locations", KEY, Record(b"3"), expected=expected)

        assert fetch(storage, KEY) == before

    def test_expecting_a_revision_of_no_record_is_a_conflict(self, storage: Storage) -> None:
        with pytest.raises(ConflictError):
            storage.save("locations", KEY, Record(b"{}"), expected=1)

        assert storage.get("locations", KEY) is None

    def test_setup_again_keeps_what_is_stored(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))
        storage.setup()

        assert storage.get("locations", KEY) is not None

    def test_check_accepts_a_ready_storage(self, storage: Storage) -> None:
        storage.check()


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
