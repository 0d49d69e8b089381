"""The tests that every storage has to pass: subclass StorageContract and give it a fixture named ``storage``.

::

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self, tmp_path):
            storage = MyStorage(tmp_path)
            storage.setup()
            return storage

The fixture gives an empty storage that keeps the kinds "locations" and "platforms". Only pytest is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from dataclasses import replace
from typing import TypeVar

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
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
KEY = Key.of("NL", "ABC", "LOC1")
OTHER_KEY = Key.of("NL", "ABC", "LOC2")
THREADS = 8
ROUNDS = 10
# How long a thread that may rightly be kept waiting gets a chance to do the wrong thing instead.
CHANCE_SECONDS = 0.2
TIMEOUT_SECONDS = 120


class StorageContract:
    """Every rule of :class:`flask_ocpi.storage.base.Storage` as a test."""

    def test_get_answers_none_for_an_unknown_record(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        assert storage.get("locations", OTHER_KEY) is None

    @pytest.mark.parametrize(
        "id",
        ["", "%", "_", "'; --", "a/b", "\0", "\ud800", "é" * 300, "\U0001f50c"],
        ids=["empty", "percent", "underscore", "quote", "slash", "nul", "surrogate", "long", "plug"],
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

    def test_save_tells_whether_it_created(self, storage: Storage) -> None:
        assert storage.save("locations", KEY, Record(b"{}")) is True
        assert storage.save("locations", KEY, Record(b"{}")) is False

    def test_save_replaces_the_whole_record(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b'{"a":1}', last_updated=7, audience=(EMA, EMB)))
        storage.save("locations", KEY, Record(b'{"b":2}', last_updated=5))

        stored = _get(storage, KEY)

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

        assert _get(storage, KEY).text == text
        assert [record.text for record in storage.list("locations", Query()).records] == [text]

    def test_record_comes_back_as_saved(self, storage: Storage) -> None:
        audience = (EMB, Party.of("DE", "X*Y"), EMA)
        storage.save("locations", KEY, Record(b"{}", last_updated=1_767_225_600_123_456, audience=audience))

        stored = _get(storage, KEY)

        assert (stored.last_updated, stored.audience) == (1_767_225_600_123_456, audience)
        assert storage.list("locations", Query()).records[0] == stored

    def test_keys_differing_in_case_are_one_record(self, storage: Storage) -> None:
        storage.save("locations", Key.of("nl", "Abc", "loc1"), Record(b"1"))
        storage.save("locations", Key.of("NL", "aBC", "LOC1"), Record(b"2"))

        assert _get(storage, Key.of("Nl", "abc", "Loc1")).text == b"2"
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

        assert _get(storage, KEY).text == b"1"
        assert storage.get("locations", other) is None

    def test_kinds_are_kept_apart(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        storage.save("platforms", KEY, Record(b"2"))
        storage.delete("platforms", KEY)

        assert _get(storage, KEY).text == b"1"
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
            revisions.append(_get(storage, KEY).revision)

        assert revisions == [1, 2, 3]

    def test_created_rises_and_stays(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}", created=77))
        storage.save("locations", OTHER_KEY, Record(b"{}"))
        first = _get(storage, KEY).created
        storage.save("locations", KEY, Record(b"{}"))

        assert first == _get(storage, KEY).created < _get(storage, OTHER_KEY).created

    def test_record_created_again_is_the_newest(self, storage: Storage) -> None:
        _save_many(storage, 3)
        newest = storage.list("locations", Query()).records[-1].created
        storage.delete("locations", _key(2))
        storage.save("locations", _key(2), Record(b"{}"))

        stored = _get(storage, _key(2))

        assert stored.revision == 1
        assert stored.created > newest

    def test_expected_zero_creates(self, storage: Storage) -> None:
        assert storage.save("locations", KEY, Record(b"{}"), expected=0) is True
        assert _get(storage, KEY).revision == 1

    def test_expected_revision_replaces(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        created = _get(storage, KEY).created

        assert storage.save("locations", KEY, Record(b"2", 9, (EMA,)), expected=1) is False
        assert _get(storage, KEY) == Record(b"2", 9, (EMA,), revision=2, created=created)

    @pytest.mark.parametrize("expected", [0, 1, 3], ids=["to_create", "older", "newer"])
    def test_conflict_writes_nothing(self, storage: Storage, expected: int) -> None:
        storage.save("locations", KEY, Record(b"1"))
        storage.save("locations", KEY, Record(b"2"))
        before = _get(storage, KEY)

        with pytest.raises(ConflictError):
            storage.save("locations", KEY, Record(b"3"), expected=expected)

        assert _get(storage, KEY) == before

    def test_expecting_a_revision_of_no_record_is_a_conflict(self, storage: Storage) -> None:
        with pytest.raises(ConflictError):
            storage.save("locations", KEY, Record(b"{}"), expected=1)

        assert storage.get("locations", KEY) is None

    def test_list_of_nothing_is_empty(self, storage: Storage) -> None:
        page = storage.list("locations", Query())

        assert (list(page.records), page.total) == ([], 0)

    def test_list_is_in_order_of_creation_whatever_is_updated(self, storage: Storage) -> None:
        _save_many(storage, 5)
        for number in (3, 0):
            storage.save("locations", _key(number), Record(str(number).encode(), last_updated=99))

        assert _numbers(storage.list("locations", Query())) == [0, 1, 2, 3, 4]

    def test_list_filters_by_owner(self, storage: Storage) -> None:
        for number, owner in enumerate([ABC, DEF, Party.of("DE", "ABC"), ABC]):
            storage.save("locations", Key.of(*owner, f"LOC{number}"), _record(number))

        assert _found(storage, Query(owners=(ABC,))) == [0, 3]
        assert _found(storage, Query(owners=(DEF, ABC))) == [0, 1, 3]
        assert _found(storage, Query(owners=(Party.of("DE", "DEF"),))) == []
        assert _found(storage, Query(owners=())) == []
        assert _found(storage, Query(owners=None)) == [0, 1, 2, 3]

    def test_list_filters_by_receiver(self, storage: Storage) -> None:
        for number, receiver in enumerate([None, EMA, EMB, None]):
            storage.save("locations", Key.of("NL", "ABC", f"LOC{number}", receiver), _record(number))

        assert _found(storage, Query(receiver="")) == [0, 3]
        assert _found(storage, Query(receiver="NL-EMA")) == [1]
        assert _found(storage, Query(receiver="NL-XXX")) == []
        assert _found(storage, Query(receiver=None)) == [0, 1, 2, 3]

    def test_list_filters_by_audience(self, storage: Storage) -> None:
        audiences = [(), (EMA,), (EMB,), (EMA, EMB), (Party.of("NL", "EM"),)]
        for number, audience in enumerate(audiences):
            storage.save("locations", _key(number), replace(_record(number), audience=audience))

        assert _found(storage, Query(audience=(EMA,))) == [0, 1, 3]
        assert _found(storage, Query(audience=(EMA, EMB))) == [0, 1, 2, 3]
        assert _found(storage, Query(audience=(Party.of("NL", "%"),))) == [0]
        assert _found(storage, Query(audience=())) == [0]
        assert _found(storage, Query(audience=None)) == [0, 1, 2, 3, 4]

    def test_list_includes_date_from_and_excludes_date_to(self, storage: Storage) -> None:
        for number in range(4):
            storage.save("locations", _key(number), replace(_record(number), last_updated=1000 + number))

        assert _found(storage, Query(date_from=1001)) == [1, 2, 3]
        assert _found(storage, Query(date_to=1002)) == [0, 1]
        assert _found(storage, Query(date_from=1001, date_to=1003)) == [1, 2]
        assert _found(storage, Query(date_from=1001, date_to=1001)) == []

    def test_filters_apply_together(self, storage: Storage) -> None:
        wanted = Record(b"0", last_updated=5, audience=(EMA,))
        storage.save("locations", Key.of(*ABC, "0", EMB), wanted)
        storage.save("locations", Key.of(*DEF, "0", EMB), wanted)
        storage.save("locations", Key.of(*ABC, "0", EMA), wanted)
        storage.save("locations", Key.of(*ABC, "1", EMB), replace(wanted, audience=(EMB,)))
        storage.save("locations", Key.of(*ABC, "2", EMB), replace(wanted, last_updated=4))
        storage.save("locations", Key.of(*ABC, "3", EMB), replace(wanted, last_updated=6))

        query = Query(owners=(ABC,), receiver="NL-EMB", audience=(EMA,), date_from=5, date_to=6)

        assert _found(storage, query) == [0]

    @pytest.mark.parametrize(
        ("offset", "limit", "found"),
        [
            (0, 2, [0, 2]),
            (2, 2, [4, 6]),
            (4, 2, [8]),
            (0, 100, [0, 2, 4, 6, 8]),
            (5, 2, []),
            (99, 1, []),
            (10**30, 1, []),
        ],
        ids=["first", "middle", "last", "all", "at_the_end", "past_the_end", "absurd"],
    )
    def test_pages_count_after_the_filters(self, storage: Storage, offset: int, limit: int, found: list[int]) -> None:
        for number in range(10):
            storage.save("locations", _key(number), replace(_record(number), last_updated=number % 2))

        page = storage.list("locations", Query(date_to=1, offset=offset, limit=limit))

        assert _numbers(page) == found
        assert page.total == 5

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 10], ids=str)
    def test_cursors_walk_the_same_pages_as_offsets(self, storage: Storage, limit: int) -> None:
        _save_many(storage, 7)
        by_offset = list(_walk_by_offset(storage, Query(limit=limit)))
        by_cursor = list(_walk_by_cursor(storage, Query(limit=limit)))

        assert by_cursor == by_offset
        assert [number for page in by_cursor for number in page] == list(range(7))

    def test_total_with_a_cursor_counts_all(self, storage: Storage) -> None:
        _save_many(storage, 5)
        totals = [page.total for page in _pages_by_cursor(storage, Query(limit=2, date_to=1))]

        assert set(totals) == {5}

    @pytest.mark.parametrize("after", ["", "garbage", "-1", "1.5", "\u0661", "9" * 40], ids=ascii)
    def test_foreign_cursor_is_ignored(self, storage: Storage, after: str) -> None:
        _save_many(storage, 3)

        page = storage.list("locations", Query(offset=1, after=after))

        assert (_numbers(page), page.total) == ([1, 2], 3)

    def test_transaction_commits_at_its_end(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"1"))
        with storage.transaction():
            storage.delete("locations", KEY)
            storage.save("locations", OTHER_KEY, Record(b"2"))
            storage.save("platforms", KEY, Record(b"3"))

        assert storage.get("locations", KEY) is None
        assert _get(storage, OTHER_KEY).text == b"2"
        assert storage.get("platforms", KEY) is not None

    def test_transaction_sees_its_own_writes(self, storage: Storage) -> None:
        with storage.transaction():
            storage.save("locations", KEY, Record(b"1"))
            storage.save("locations", KEY, Record(b"2"))

            assert _get(storage, KEY).revision == 2
            assert storage.list("locations", Query()).total == 1

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt], ids=["error", "interrupt"])
    def test_exception_rolls_back_everything(self, storage: Storage, error: type[BaseException]) -> None:
        _save_many(storage, 3)
        before = storage.list("locations", Query()).records

        def fail() -> None:
            with storage.transaction():
                storage.save("locations", _key(0), Record(b"changed", 9, (EMA,)))
                storage.save("locations", _key(0), Record(b"changed again"))
                storage.delete("locations", _key(1))
                storage.save("locations", _key(1), Record(b"created again"))
                storage.delete("locations", _key(2))
                storage.save("locations", _key(3), Record(b"new"))
                storage.save("platforms", KEY, Record(b"new"))
                raise error

        with pytest.raises(error):
            fail()

        assert list(storage.list("locations", Query()).records) == list(before)
        assert storage.list("platforms", Query()).total == 0

    def test_storage_works_on_after_a_rollback(self, storage: Storage) -> None:
        with pytest.raises(RuntimeError):
            _save_and_fail(storage)

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

        assert _get(storage, KEY).text == b"1"
        assert _get(storage, OTHER_KEY).text == b"3"

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
                _save_and_fail(storage)

        with pytest.raises(RuntimeError):
            fail()

        assert storage.list("locations", Query()).total == 0

    def test_outermost_transaction_decides_when_it_catches(self, storage: Storage) -> None:
        with storage.transaction():
            with pytest.raises(RuntimeError):
                _save_and_fail(storage)
            storage.save("locations", OTHER_KEY, Record(b"2"))

        assert storage.list("locations", Query()).total == 2

    def test_get_for_update_needs_a_transaction(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))

        with pytest.raises(StorageError):
            storage.get("locations", KEY, for_update=True)

    def test_get_for_update_answers_as_get_does(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}", 5, (EMA,)))

        with storage.transaction():
            assert storage.get("locations", KEY, for_update=True) == storage.get("locations", KEY)
            assert storage.get("locations", OTHER_KEY, for_update=True) is None

    def test_nobody_changes_a_record_got_for_update(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"before"))

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                storage.get("locations", KEY, for_update=True)
                other = pool.submit(storage.save, "locations", KEY, Record(b"other"))
                _give_a_chance(other)
                seen = _get(storage, KEY)
                storage.save("locations", KEY, Record(b"ours"), expected=seen.revision)
            other.result(TIMEOUT_SECONDS)

        assert seen.text == b"before"
        assert _get(storage, KEY).text == b"other"
        assert _get(storage, KEY).revision == 3

    def test_reader_sees_all_of_a_transaction_or_nothing(self, storage: Storage) -> None:
        _save_many(storage, 2)

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                storage.save("locations", _key(0), Record(b"10"))
                storage.save("locations", _key(2), Record(b"12"))
                reader = pool.submit(storage.list, "locations", Query())
                _give_a_chance(reader)
                storage.save("locations", _key(1), Record(b"11"))
            seen = reader.result(TIMEOUT_SECONDS)

        assert (_numbers(seen), seen.total) in [([0, 1], 2), ([10, 11, 12], 3)]
        assert _found(storage, Query()) == [10, 11, 12]

    def test_readers_never_see_half_of_any_transaction(self, storage: Storage) -> None:
        _save_many(storage, 2)
        finished = threading.Event()

        def write() -> None:
            try:
                for number in range(ROUNDS * 5):
                    with storage.transaction():
                        storage.save("locations", _key(0), _record(number))
                        storage.save("locations", _key(1), _record(number + 1))
            finally:
                finished.set()

        def read() -> list[list[int]]:
            seen = []
            while not finished.is_set():
                seen.append(_found(storage, Query()))
            return seen

        _, *readings = _together(write, read, read)

        assert [seen for reading in readings for seen in reading or () if seen[1] != seen[0] + 1] == []

    def test_parallel_increments_are_never_lost(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0"))

        def increment() -> None:
            for _ in range(ROUNDS):
                with storage.transaction():
                    stored = storage.get("locations", KEY, for_update=True)
                    assert stored is not None
                    storage.save("locations", KEY, _record(int(stored.text) + 1))

        _together(*[increment] * THREADS)

        assert _get(storage, KEY).text == str(THREADS * ROUNDS).encode()
        assert _get(storage, KEY).revision == THREADS * ROUNDS + 1

    def test_parallel_guarded_updates_are_never_lost(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0"))

        def increment() -> None:
            done = 0
            while done < ROUNDS:
                stored = _get(storage, KEY)
                try:
                    storage.save("locations", KEY, _record(int(stored.text) + 1), expected=stored.revision)
                except ConflictError:
                    continue
                done += 1

        _together(*[increment] * THREADS)

        assert _get(storage, KEY).text == str(THREADS * ROUNDS).encode()

    def test_parallel_creation_has_one_winner(self, storage: Storage) -> None:
        def create_all() -> list[int]:
            return [number for number in range(ROUNDS) if _creates(storage, number, expected=0)]

        won = _together(*[create_all] * THREADS)

        assert sorted(number for numbers in won for number in numbers) == list(range(ROUNDS))
        assert {record.revision for record in storage.list("locations", Query()).records} == {1}

    def test_parallel_saves_report_one_creation(self, storage: Storage) -> None:
        def save_all() -> list[int]:
            return [number for number in range(ROUNDS) if _creates(storage, number, expected=None)]

        created = _together(*[save_all] * THREADS)

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
                _give_a_chance(other)
            other.result(TIMEOUT_SECONDS)

    def test_setup_again_keeps_what_is_stored(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"{}"))
        storage.setup()

        assert storage.get("locations", KEY) is not None

    def test_check_accepts_a_ready_storage(self, storage: Storage) -> None:
        storage.check()


def _key(number: int) -> Key:
    return Key.of(*ABC, f"LOC{number}")


def _record(number: int) -> Record:
    return Record(str(number).encode())


def _get(storage: Storage, key: Key) -> Record:
    record = storage.get("locations", key)
    assert record is not None
    return record


def _save_many(storage: Storage, count: int) -> None:
    for number in range(count):
        storage.save("locations", _key(number), _record(number))


def _save_and_fail(storage: Storage) -> None:
    with storage.transaction():
        storage.save("locations", KEY, Record(b"1"))
        raise RuntimeError


def _creates(storage: Storage, number: int, *, expected: int | None) -> bool:
    try:
        return storage.save("locations", _key(number), _record(number), expected=expected)
    except ConflictError:
        return False


def _numbers(page: Page) -> list[int]:
    return [int(record.text) for record in page.records]


def _found(storage: Storage, query: Query) -> list[int]:
    """List the numbers that a query finds, and see that the total counts just these."""
    page = storage.list("locations", query)
    assert page.total == len(page.records)
    return _numbers(page)


def _walk_by_offset(storage: Storage, query: Query) -> Iterator[list[int]]:
    while records := _numbers(storage.list("locations", query)):
        yield records
        query = replace(query, offset=query.offset + query.limit)


def _walk_by_cursor(storage: Storage, query: Query) -> Iterator[list[int]]:
    for page in _pages_by_cursor(storage, query):
        if page.records:
            yield _numbers(page)


def _pages_by_cursor(storage: Storage, query: Query) -> Iterator[Page]:
    """Walk as a Link header does: offset and cursor go on together. The last page is an empty one."""
    while True:
        page = storage.list("locations", query)
        yield page
        if not page.records:
            return
        query = replace(query, offset=query.offset + query.limit, after=page.cursor)


def _together(*tasks: Callable[[], T]) -> list[T]:
    """Run the tasks at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(tasks))

    def start(task: Callable[[], T]) -> T:
        barrier.wait(TIMEOUT_SECONDS)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(TIMEOUT_SECONDS) for future in [pool.submit(start, task) for task in tasks]]


def _give_a_chance(other: Future[T]) -> None:
    """Let another thread go on that may have to wait for us: the test holds whether it does or not."""
    wait([other], CHANCE_SECONDS)
