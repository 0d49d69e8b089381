"""Many records at once: created together, and removed a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

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
from flask_ocpi.testing.storage_contract.sharing import OTHER_KEY
from flask_ocpi.testing.storage_contract.sharing import ROUNDS
from flask_ocpi.testing.storage_contract.sharing import THREADS
from flask_ocpi.testing.storage_contract.sharing import TIMEOUT_SECONDS
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import give_a_chance
from flask_ocpi.testing.storage_contract.sharing import key_of
from flask_ocpi.testing.storage_contract.sharing import listed
from flask_ocpi.testing.storage_contract.sharing import numbered
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import run_together


def new_records(count: int) -> list[tuple[Key, Record]]:
    return [(numbered_key(i), Record(str(i).encode(), last_updated=i, audience=(EMA, EMB))) for i in range(count)]


def take_back(storage: Storage, *steps: Callable[[], object]) -> list[object]:
    """Take steps in a transaction that fails; return their results."""
    results: list[object] = []
    with suppress(RuntimeError), storage.transaction():
        results += [step() for step in steps]
        raise RuntimeError
    return results


class BulkContract:
    """get_many, keys, save_many, create_many, delete_many, delete_page: one call for each record, and all at once."""

    def test_keys_and_revisions_of_all_that_match_are_walked(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(2500))
        storage.save("locations", numbered_key(7), Record(b"7", last_updated=7))
        others = Key.of("NL", "ABC", "0", DEF), Key.of("DE", "XYZ", "0")
        for key in others:
            storage.save("locations", key, Record(b"0"))

        found = list(storage.keys("locations", Query(owners=(ABC,), receiver="", limit=1), key_of=key_of))

        assert found == [(numbered_key(number), 1 + (number == 7)) for number in range(2500)]
        assert list(storage.keys("locations", Query(owners=(EMA,)), key_of=key_of)) == []

    def test_many_are_got_by_their_keys(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(5))
        keys = [numbered_key(number) for number in (4, 9, 1, 4)]

        found = storage.get_many("locations", keys)

        assert found == {numbered_key(4): fetch(storage, numbered_key(4)), numbered_key(1): fetch(storage, keys[2])}
        assert storage.get_many("locations", []) == {}

    def test_many_are_got_by_the_whole_key(self, storage: Storage) -> None:
        keys = [KEY, Key.of("DE", "ABC", "LOC1"), Key.of("NL", "DEF", "LOC1"), Key.of("NL", "ABC", "LOC1", DEF)]
        for number, key in enumerate(keys):
            storage.save("locations", key, numbered(number))

        for number, key in enumerate(keys):
            assert [(k, r.text) for k, r in storage.get_many("locations", [key]).items()] == [(key, b"%d" % number)]
        assert set(storage.get_many("locations", keys)) == set(keys)

    def test_keys_hold_any_characters(self, storage: Storage) -> None:
        keys = [Key.of("NL", "ABC", id) for id in ("A\nB", "\"'\\", "{},NULL", "É 雪", "")]

        created = storage.save_many("locations", [(key, numbered(number)) for number, key in enumerate(keys)])

        assert list(created) == [True] * 5
        assert {key: int(record.text) for key, record in storage.get_many("locations", keys).items()} == {
            key: number for number, key in enumerate(keys)
        }

    def test_more_keys_than_a_statement_takes(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(3))

        found = storage.get_many("locations", [numbered_key(number) for number in range(20_000)])

        assert sorted(int(record.text) for record in found.values()) == [0, 1, 2]

    def test_many_are_got_for_update_in_a_transaction_only(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            storage.get_many("locations", [KEY], for_update=True)

    def test_nobody_changes_many_records_got_for_update(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(3))

        with ThreadPoolExecutor(1) as pool:
            with storage.transaction():
                storage.get_many("locations", [numbered_key(1), numbered_key(2)], for_update=True)
                other = pool.submit(storage.save, "locations", numbered_key(2), Record(b"other"))
                give_a_chance(other)
                seen = fetch(storage, numbered_key(2))
                storage.save("locations", numbered_key(2), Record(b"ours"), expected=seen.revision)
            other.result(TIMEOUT_SECONDS)

        assert seen.text == b"2"
        assert fetch(storage, numbered_key(2)).text == b"other"

    def test_many_are_created_or_replaced_in_their_order(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(2))
        first = fetch(storage, numbered_key(1))
        changed = [(numbered_key(number), Record(b"9", audience=(EMB,))) for number in (5, 1, 3)]

        created = storage.save_many("locations", changed)

        assert list(created) == [True, False, True]
        assert fetch(storage, numbered_key(1)) == replace(changed[1][1], revision=2, created=first.created)
        assert fetch(storage, numbered_key(5)).created < fetch(storage, numbered_key(3)).created
        assert fetch(storage, numbered_key(0)).revision == 1

    def test_of_several_with_one_key_the_last_stays(self, storage: Storage) -> None:
        texts = [b"first", b"other", b"second", b"third"]
        keys = [KEY, OTHER_KEY, KEY, KEY]

        created = storage.save_many("locations", [(k, Record(t)) for k, t in zip(keys, texts, strict=True)])

        assert list(created) == [True, True, False, False]
        assert (fetch(storage, KEY).text, fetch(storage, KEY).revision) == (b"third", 3)
        assert [record.text for record in storage.list("locations", Query()).records] == [b"third", b"other"]

    def test_what_exists_is_not_created_and_stays(self, storage: Storage) -> None:
        storage.save("locations", numbered_key(1), Record(b"here"))
        again = [*new_records(3), (numbered_key(2), Record(b"again"))]

        created = storage.create_many("locations", again)

        assert list(created) == [True, False, True, False]
        assert [(r.text, r.revision) for r in storage.list("locations", Query()).records] == [
            (b"here", 1),
            (b"0", 1),
            (b"2", 1),
        ]

    def test_many_may_be_none_at_all(self, storage: Storage) -> None:
        assert list(storage.save_many("locations", [])) == []
        assert list(storage.create_many("locations", [])) == []

    def test_many_vanish_with_their_transaction(self, storage: Storage) -> None:
        storage.save("locations", numbered_key(1), Record(b"before"))

        save, create = partial(storage.save_many, "locations"), partial(storage.create_many, "locations")
        take_back(storage, lambda: save(new_records(3)), lambda: create(new_records(5)))

        assert [(r.text, r.revision) for r in storage.list("locations", Query()).records] == [(b"before", 1)]

    def test_parallel_creations_of_many_have_one_creator_each(self, storage: Storage) -> None:
        def create(writer: int) -> list[bool]:
            records = [(numbered_key(number), numbered(writer)) for number in range(ROUNDS * 5)]
            return list(storage.run(lambda: storage.create_many("locations", records)))

        created = run_together(*[partial(create, writer) for writer in range(THREADS)])

        creators = [[writer for writer in range(THREADS) if created[writer][number]] for number in range(ROUNDS * 5)]
        texts = [int(fetch(storage, numbered_key(number)).text) for number in range(ROUNDS * 5)]
        assert creators == [[text] for text in texts]

    def test_parallel_saves_of_many_report_one_creation(self, storage: Storage) -> None:
        def save(writer: int) -> list[bool]:
            records = [(numbered_key(number), numbered(writer)) for number in range(ROUNDS * 5)]
            return list(storage.run(lambda: storage.save_many("locations", records)))

        created = run_together(*[partial(save, writer) for writer in range(THREADS)])

        assert [sum(flags) for flags in zip(*created, strict=True)] == [1] * (ROUNDS * 5)
        records = storage.list("locations", Query(limit=1000)).records
        assert {(record.revision, record.text) for record in records} == {(THREADS, records[0].text)}

    def test_new_records_are_stored_in_their_order(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(30))

        page = storage.list("locations", Query(limit=100))
        assert [record.text for record in page.records] == [str(number).encode() for number in range(30)]
        stored = fetch(storage, numbered_key(7))
        assert (stored.last_updated, stored.audience, stored.revision) == (7, (EMA, EMB), 1)

    def test_none_at_all_may_be_new(self, storage: Storage) -> None:
        storage.create_many("locations", [])

        assert storage.list("locations", Query()).total == 0

    def test_new_records_vanish_with_their_transaction(self, storage: Storage) -> None:
        take_back(storage, lambda: storage.create_many("locations", new_records(3)))

        assert storage.list("locations", Query()).total == 0

    def test_many_are_removed_by_their_whole_keys_and_no_others(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(5))
        other = Key.of("DE", "XYZ", "LOC1")
        storage.save("locations", other, Record(b"other"))

        assert storage.delete_many("locations", [numbered_key(number) for number in (4, 9, 1, 4)]) == 2

        assert [record.text for record in storage.list("locations", Query()).records] == [b"0", b"2", b"3", b"other"]
        assert storage.delete_many("locations", []) == 0

    def test_many_that_are_removed_come_back_with_a_transaction_that_fails(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(3))

        keys = [numbered_key(0), numbered_key(1)]
        removed = take_back(storage, lambda: storage.delete_many("locations", keys))

        assert removed == [2]
        assert storage.list("locations", Query()).total == 3

    def test_page_that_is_removed_is_the_one_that_would_be_listed(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(10))
        query = Query(date_from=2, date_to=9, offset=1, limit=4)
        page = [int(record.text) for record in storage.list("locations", query).records]

        removed = storage.delete_page("locations", query, key_of=key_of)

        assert (removed, page) == (4, [3, 4, 5, 6])
        assert [int(record.text) for record in storage.list("locations", Query()).records] == [0, 1, 2, 7, 8, 9]

    def test_page_of_an_owner_is_removed_and_no_other_one(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(2))
        other = Key.of("DE", "XYZ", "LOC0")
        storage.save("locations", other, Record(b"0"))

        assert storage.delete_page("locations", Query(owners=(ABC,)), key_of=key_of) == 2

        assert fetch(storage, other).text == b"0"
        assert listed(storage, Query(owners=(ABC,))) == []

    def test_nothing_is_removed_where_nothing_fits(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(2))

        assert storage.delete_page("locations", Query(date_from=5), key_of=key_of) == 0
        assert storage.list("locations", Query()).total == 2

    def test_removed_page_comes_back_with_a_transaction_that_fails(self, storage: Storage) -> None:
        storage.create_many("locations", new_records(3))

        removed = take_back(storage, lambda: storage.delete_page("locations", Query(limit=2), key_of=key_of))

        assert removed == [2]
        assert storage.list("locations", Query()).total == 3
