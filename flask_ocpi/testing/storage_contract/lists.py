"""Lists: filters, pages and totals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.storage_contract.sharing import ABC
from flask_ocpi.testing.storage_contract.sharing import DEF
from flask_ocpi.testing.storage_contract.sharing import EMA
from flask_ocpi.testing.storage_contract.sharing import EMB
from flask_ocpi.testing.storage_contract.sharing import EMC
from flask_ocpi.testing.storage_contract.sharing import KEY
from flask_ocpi.testing.storage_contract.sharing import listed
from flask_ocpi.testing.storage_contract.sharing import numbered
from flask_ocpi.testing.storage_contract.sharing import numbered_key
from flask_ocpi.testing.storage_contract.sharing import numbers
from flask_ocpi.testing.storage_contract.sharing import save_many

MICROS = 1_000_000
# The audiences of the records, in turn; the first is for all partners.
AUDIENCES = ((), (EMA,), (EMB, EMC), (EMC, EMA), (EMA, EMB, EMC), (Party.of("NL", "EM"),), (Party.of("DE", "EMA"),))


class ListContract:
    """list: the records that a query selects, and their total."""

    def test_list_of_nothing_is_empty(self, storage: Storage) -> None:
        page = storage.list("locations", Query())

        assert (list(page.records), page.total) == ([], 0)

    def test_list_is_in_order_of_creation_whatever_is_updated(self, storage: Storage) -> None:
        save_many(storage, 5)
        for number in (3, 0):
            storage.save("locations", numbered_key(number), Record(str(number).encode(), last_updated=99))

        assert numbers(storage.list("locations", Query())) == [0, 1, 2, 3, 4]

    def test_list_by_bytes_has_every_record_once_and_one_at_least(self, storage: Storage) -> None:
        for number in range(7):
            text = b'"%b"' % (b"\xc3\xa9" * (50 if number == 3 else 4))
            storage.save("locations", numbered_key(number), Record(text, last_updated=number))
        for date_from in (None, 0):
            query, seen = Query(max_bytes=21, limit=5, date_from=date_from), 0
            while True:
                page = storage.list("locations", query)
                assert page.total == 7
                assert [record.last_updated for record in page.records] == list(range(seen, seen + len(page.records)))
                assert 1 <= len(page.records) <= 5
                seen += len(page.records)
                if seen >= page.total:
                    break
                query = replace(query, offset=seen, after=page.cursor)

    def test_list_filters_by_owner(self, storage: Storage) -> None:
        for number, owner in enumerate([ABC, DEF, Party.of("DE", "ABC"), ABC]):
            storage.save("locations", Key.of(*owner, f"LOC{number}"), numbered(number))

        assert listed(storage, Query(owners=(ABC,))) == [0, 3]
        assert listed(storage, Query(owners=(DEF, ABC))) == [0, 1, 3]
        assert listed(storage, Query(owners=(Party.of("DE", "DEF"),))) == []
        assert listed(storage, Query(owners=())) == []
        assert listed(storage, Query(owners=None)) == [0, 1, 2, 3]

    def test_list_finds_records_of_no_party(self, storage: Storage) -> None:
        # A platform's internal records, such as pending results, belong to no party.
        for number, owner in enumerate([("", ""), ABC, ("", "")]):
            storage.save("locations", Key.of(*owner, f"LOC{number}"), numbered(number))
        storage.save("locations", Key.of("", "", "LOC3", EMA), numbered(3))

        assert listed(storage, Query(owners=(Party("", ""),), receiver="")) == [0, 2]
        assert listed(storage, Query(owners=(Party("", ""),))) == [0, 2, 3]
        assert listed(storage, Query(owners=(ABC,))) == [1]

    def test_list_filters_by_receiver(self, storage: Storage) -> None:
        for number, receiver in enumerate([None, EMA, EMB, None]):
            storage.save("locations", Key.of("NL", "ABC", f"LOC{number}", receiver), numbered(number))

        assert listed(storage, Query(receiver="")) == [0, 3]
        assert listed(storage, Query(receiver="NL-EMA")) == [1]
        assert listed(storage, Query(receiver="NL-XXX")) == []
        assert listed(storage, Query(receiver=None)) == [0, 1, 2, 3]

    def test_list_filters_by_audience(self, storage: Storage) -> None:
        audiences = [(), (EMA,), (EMB,), (EMA, EMB), (Party.of("NL", "EM"),)]
        for number, audience in enumerate(audiences):
            storage.save("locations", numbered_key(number), replace(numbered(number), audience=audience))

        assert listed(storage, Query(audience=(EMA,))) == [0, 1, 3]
        assert listed(storage, Query(audience=(EMA, EMB))) == [0, 1, 2, 3]
        assert listed(storage, Query(audience=(Party.of("NL", "%"),))) == [0]
        assert listed(storage, Query(audience=())) == [0]
        assert listed(storage, Query(audience=None)) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("number", [50, 51, 1200, 2000])
    def test_list_filters_by_an_audience_of_very_many(self, storage: Storage, number: int) -> None:
        others = [Party.of("FR", f"{place:03X}") for place in range(number)]
        audiences = [(), (others[-1],), (EMA,), (EMA, others[0]), (EMA, EMB), (Party.of("F", "R-0,"),)]
        for place, audience in enumerate(audiences):
            storage.save("locations", numbered_key(place), replace(numbered(place), audience=audience))

        assert listed(storage, Query(audience=tuple(others))) == [0, 1, 3]
        assert listed(storage, Query(audience=(*others, Party.of("F", "R-0,")))) == [0, 1, 3, 5]

    @pytest.mark.parametrize(
        "callers",
        [(EMA,), (EMB,), (EMC,), (EMB, EMC), (Party.of("DE", "EMC"),), ()],
        ids=["first", "second", "third", "two_parties", "stranger", "nobody"],
    )
    @pytest.mark.parametrize("limit", [1, 4], ids=str)
    def test_pages_and_totals_hold_what_is_for_the_caller(
        self, storage: Storage, callers: tuple[Party, ...], limit: int
    ) -> None:
        audiences = (AUDIENCES * 2)[:-1]
        for number, audience in enumerate(audiences):
            storage.save("locations", numbered_key(number), replace(numbered(number), audience=audience))
        wanted = [n for n, audience in enumerate(audiences) if not audience or set(audience) & set(callers)]

        pages = list(_pages_by_cursor(storage, Query(audience=callers, limit=limit)))

        assert [number for page in pages for number in numbers(page)] == wanted
        assert {page.total for page in pages} == {len(wanted)}
        assert [n for page in _walk_by_offset(storage, Query(audience=callers, limit=limit)) for n in page] == wanted

    def test_parties_are_not_mixed_up_whatever_their_ids_are_made_of(self, storage: Storage) -> None:
        parties = [Party.of("NL", id) for id in ("A,B", "A-B", "A%B", "A_B", "%2C", ",NL", "-NL", "L-A")]
        parties += [Party.of("N-", "L-A"), Party.of("N,", "L-A")]
        for number, party in enumerate(parties):
            storage.save("locations", numbered_key(number), replace(numbered(number), audience=(party, EMA)))

        assert [listed(storage, Query(audience=(party,))) for party in parties] == [[n] for n in range(len(parties))]

    def test_list_goes_by_the_latest_audience(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0", audience=(EMA, EMB)))
        storage.save("locations", KEY, Record(b"0", audience=(EMB, EMC)))

        assert listed(storage, Query(audience=(EMA,))) == []
        assert listed(storage, Query(audience=(EMC,))) == [0]

    def test_list_includes_date_from_and_excludes_date_to(self, storage: Storage) -> None:
        for number in range(4):
            storage.save("locations", numbered_key(number), replace(numbered(number), last_updated=1000 + number))

        assert listed(storage, Query(date_from=1001)) == [1, 2, 3]
        assert listed(storage, Query(date_to=1002)) == [0, 1]
        assert listed(storage, Query(date_from=1001, date_to=1003)) == [1, 2]
        assert listed(storage, Query(date_from=1001, date_to=1001)) == []

    def test_list_goes_by_the_latest_date(self, storage: Storage) -> None:
        storage.save("locations", KEY, Record(b"0", last_updated=10))
        storage.save("locations", KEY, Record(b"0", last_updated=20))

        assert listed(storage, Query(date_to=11)) == []
        assert listed(storage, Query(date_to=21)) == [0]

    def test_list_compares_dates_of_every_year(self, storage: Storage) -> None:
        # The years 1, 1969, 1970 and 9999: deadlines are kept as dates, too, and may be far away.
        for number, seconds in enumerate([-62_135_596_800, -1, 0, 253_402_300_799]):
            storage.save("locations", numbered_key(number), replace(numbered(number), last_updated=seconds * MICROS))

        assert listed(storage, Query(date_to=0)) == [0, 1]
        assert listed(storage, Query(date_from=-1, date_to=253_402_300_799 * MICROS)) == [2]
        assert listed(storage, Query(date_from=253_402_300_799 * MICROS)) == [3]

    def test_what_is_over_is_purged_page_by_page(self, storage: Storage) -> None:
        for number in range(10):
            storage.save("locations", numbered_key(number), replace(numbered(number), last_updated=number % 5))
        purged, totals = [], []

        while (page := storage.list("locations", Query(date_to=3, limit=4))).records:
            totals.append(page.total)
            purged += numbers(page)
            for number in numbers(page):
                storage.delete("locations", numbered_key(number))

        assert (purged, totals) == ([0, 1, 2, 5, 6, 7], [6, 2])
        assert (page.total, listed(storage, Query())) == (0, [3, 4, 8, 9])

    def test_filters_apply_together(self, storage: Storage) -> None:
        wanted = Record(b"0", last_updated=5, audience=(EMA,))
        storage.save("locations", Key.of(*ABC, "0", EMB), wanted)
        storage.save("locations", Key.of(*DEF, "0", EMB), wanted)
        storage.save("locations", Key.of(*ABC, "0", EMA), wanted)
        storage.save("locations", Key.of(*ABC, "1", EMB), replace(wanted, audience=(EMB,)))
        storage.save("locations", Key.of(*ABC, "2", EMB), replace(wanted, last_updated=4))
        storage.save("locations", Key.of(*ABC, "3", EMB), replace(wanted, last_updated=6))

        query = Query(owners=(ABC,), receiver="NL-EMB", audience=(EMA,), date_from=5, date_to=6)

        assert listed(storage, query) == [0]

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
            storage.save("locations", numbered_key(number), replace(numbered(number), last_updated=number % 2))

        page = storage.list("locations", Query(date_to=1, offset=offset, limit=limit))
        bounded = storage.list("locations", Query(date_to=1, offset=offset, limit=limit, max_bytes=10_000))

        assert numbers(page) == numbers(bounded) == found
        assert page.total == bounded.total == 5

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 10], ids=str)
    def test_cursors_walk_the_same_pages_as_offsets(self, storage: Storage, limit: int) -> None:
        save_many(storage, 7)
        by_offset = list(_walk_by_offset(storage, Query(limit=limit)))
        by_cursor = list(_walk_by_cursor(storage, Query(limit=limit)))

        assert by_cursor == by_offset
        assert [number for page in by_cursor for number in page] == list(range(7))

    def test_total_with_a_cursor_counts_all(self, storage: Storage) -> None:
        save_many(storage, 5)
        totals = [page.total for page in _pages_by_cursor(storage, Query(limit=2, date_to=1))]

        assert set(totals) == {5}

    @pytest.mark.parametrize("after", ["", "garbage", "-1", "1.5", "\u0661", "9" * 40], ids=ascii)
    def test_foreign_cursor_is_ignored(self, storage: Storage, after: str) -> None:
        save_many(storage, 3)

        page = storage.list("locations", Query(offset=1, after=after))

        assert (numbers(page), page.total) == ([1, 2], 3)


def _walk_by_offset(storage: Storage, query: Query) -> Iterator[list[int]]:
    while records := numbers(storage.list("locations", query)):
        yield records
        query = replace(query, offset=query.offset + query.limit)


def _walk_by_cursor(storage: Storage, query: Query) -> Iterator[list[int]]:
    for page in _pages_by_cursor(storage, query):
        if page.records:
            yield numbers(page)


def _pages_by_cursor(storage: Storage, query: Query) -> Iterator[Page]:
    """Walk the pages by offset and cursor together, as a Link header does. The last page is empty."""
    while True:
        page = storage.list("locations", query)
        yield page
        if not page.records:
            return
        query = replace(query, offset=query.offset + query.limit, after=page.cursor)
