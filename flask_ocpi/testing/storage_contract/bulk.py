"""Many records at once: created together, and removed a page at a time."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import ConflictError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import ABC
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import EMB
from flask_ocpi.testing.storage_contract.sharing import fetch
from flask_ocpi.testing.storage_contract.sharing import listed
from flask_ocpi.testing.storage_contract.sharing import numbered_key


def new_records(count: int) -> list[tuple[Key, Record]]:
    return [(numbered_key(i), Record(str(i).encode(), last_updated=i, audience=(EMA, EMB))) for i in range(count)]


def key_of(record: Record) -> Key:
    return numbered_key(int(record.text))


def save_and_fail(storage: Storage) -> None:
    with storage.transaction():
        storage.save_new("locations", new_records(3))
        raise ConflictError("on purpose")


def delete_and_fail(storage: Storage) -> None:
    with storage.transaction():
        assert storage.delete_page("locations", Query(limit=2), key_of=key_of) == 2
        raise ConflictError("on purpose")


class BulkContract:
    """save_new and delete_page: as one call for each record, and in one go."""

    def test_new_records_are_stored_in_their_order(self, storage: Storage) -> None:
        storage.save_new("locations", new_records(30))

        page = storage.list("locations", Query(limit=100))
        assert [record.text for record in page.records] == [str(number).encode() for number in range(30)]
        stored = fetch(storage, numbered_key(7))
        assert (stored.last_updated, stored.audience, stored.revision) == (7, (EMA, EMB), 1)

    def test_none_at_all_may_be_new(self, storage: Storage) -> None:
        storage.save_new("locations", [])

        assert storage.list("locations", Query()).total == 0

    def test_one_that_exists_keeps_all_from_being_created(self, storage: Storage) -> None:
        storage.save("locations", numbered_key(3), Record(b"3", last_updated=99))

        with pytest.raises(ConflictError):
            storage.save_new("locations", new_records(5))

        assert [(r.text, r.last_updated, r.revision) for r in storage.list("locations", Query()).records] == [
            (b"3", 99, 1)
        ]

    def test_new_records_vanish_with_their_transaction(self, storage: Storage) -> None:
        with pytest.raises(ConflictError):
            save_and_fail(storage)

        assert storage.list("locations", Query()).total == 0

    def test_page_that_is_removed_is_the_one_that_would_be_listed(self, storage: Storage) -> None:
        storage.save_new("locations", new_records(10))
        query = Query(date_from=2, date_to=9, offset=1, limit=4)
        page = [int(record.text) for record in storage.list("locations", query).records]

        removed = storage.delete_page("locations", query, key_of=key_of)

        assert (removed, page) == (4, [3, 4, 5, 6])
        assert [int(record.text) for record in storage.list("locations", Query()).records] == [0, 1, 2, 7, 8, 9]

    def test_page_of_an_owner_is_removed_and_no_other_one(self, storage: Storage) -> None:
        storage.save_new("locations", new_records(2))
        other = Key.of("DE", "XYZ", "LOC0")
        storage.save("locations", other, Record(b"0"))

        assert storage.delete_page("locations", Query(owners=(ABC,)), key_of=key_of) == 2

        assert fetch(storage, other).text == b"0"
        assert listed(storage, Query(owners=(ABC,))) == []

    def test_nothing_is_removed_where_nothing_fits(self, storage: Storage) -> None:
        storage.save_new("locations", new_records(2))

        assert storage.delete_page("locations", Query(date_from=5), key_of=key_of) == 0
        assert storage.list("locations", Query()).total == 2

    def test_removed_page_comes_back_with_a_transaction_that_fails(self, storage: Storage) -> None:
        storage.save_new("locations", new_records(3))

        with pytest.raises(ConflictError):
            delete_and_fail(storage)

        assert storage.list("locations", Query()).total == 3
