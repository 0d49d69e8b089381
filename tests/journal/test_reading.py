"""The journal is read by platform, time, conversation and outcome, forwards and backwards, from every storage."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import MetaData
from sqlalchemy import create_engine

from flask_ocpi.exchange import journal as reading
from flask_ocpi.exchange import journal_groups as groups
from flask_ocpi.exchange import journal_records as records
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal_groups import REFERENCES
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.lists import ListShape
from flask_ocpi.storage.lists import list_statements
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.tables import define_tables
from tests.conftest import EVERY_STORAGE

FULL = Message(
    Direction.OUT,
    "PUT",
    "https://partner.example/ocpi",
    1_767_268_800_123_456,
    0.25,
    platform="partner",
    module="locations",
    operation="receiver_put_location",
    request_id="request",
    correlation_id="Zürich \x01 id",
    http_status=200,
    status_code=2001,
    error="What is wrong: ⚡",
    request_bytes=9,
    response_bytes=10,
    request_headers={"Accept": "application/json"},
    request_body='{"ü":1}'.encode(),
    request_whole=True,
    response_headers={"Link": "x"},
    response_body=b'{"a":"\\u0000"}',
    response_whole=False,
)


class WithoutCursors(MemoryStorage):
    """A storage whose pages are turned by offsets alone."""

    def list(self, kind, query):
        return replace(super().list(kind, replace(query, after=None)), cursor=None)


@pytest.fixture(params=[False, True], ids=["cursors", "no cursors"])
def turned(request) -> Storage:
    """A storage with cursors, and one without."""
    return WithoutCursors() if request.param else MemoryStorage()


def message(number, **changes):
    values = {"platform": f"p{number % 3}", "http_status": 200, "request_id": f"{number}", "moment": 1000 + number}
    return replace(Message(Direction.IN, "GET", "/", 0, 0.0), **{**values, **changes})


def write(storage, *messages):
    groups.write(storage, [Kept(each) for each in messages])


def close_all(storage, monkeypatch):
    """Make closed groups of all open ones."""
    monkeypatch.setattr(groups, "_LARGE", 1)
    for shelf in Shelf:
        groups.combine(storage, groups.groups_on(storage, groups.OPEN, shelf))
        assert not groups.groups_on(storage, groups.OPEN, shelf)


def ids(entries):
    return [entry.message.request_id for entry in entries]


@EVERY_STORAGE
def test_message_comes_back_as_it_was(ocpi_storage):
    write(ocpi_storage, FULL)

    (entry,) = reading.latest(ocpi_storage, Search(), 5)

    assert entry.message == FULL
    assert reading.find(ocpi_storage, entry.number) == entry


@EVERY_STORAGE
@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(), range(9)),
        (Search(platform="p1"), [1, 4, 7]),
        (Search(platform="nobody"), []),
        (Search(since=1006), [6, 7, 8]),
        (Search(platform="p1", since=1004), [4, 7]),
        (Search(failed=True), [2, 5]),
        (Search(correlation_id="talk"), [3, 4]),
        (Search(correlation_id="Talk"), []),
        (Search(correlation_id="talk", platform="p0"), [3]),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_messages_are_found_by_what_is_looked_for(ocpi_storage, search, found):
    talk = {3: {"correlation_id": "talk"}, 4: {"correlation_id": "talk"}, 7: {"url": "/talk"}}
    failed = {2: {"http_status": 0}, 5: {"status_code": 3000}}
    write(ocpi_storage, *(message(n, **{**talk, **failed}.get(n, {})) for n in range(9)))

    assert ids(reading.latest(ocpi_storage, search, 100)) == [f"{number}" for number in found]


@EVERY_STORAGE
def test_message_of_an_unknown_platform_is_found(ocpi_storage):
    write(ocpi_storage, message(1, platform=None))

    (entry,) = reading.latest(ocpi_storage, Search(), 5)

    assert entry.message.platform is None
    assert ocpi_storage.delete(JOURNAL, key_of(ocpi_storage.list(JOURNAL, Query()).records[0]))


def test_latest_messages_are_found_over_many_pages(monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", 4)
    storage = MemoryStorage()
    write(storage, *(message(n, http_status=200 if n % 5 else 500) for n in range(30)))

    assert ids(reading.latest(storage, Search(), 3)) == ["27", "28", "29"]
    assert ids(reading.latest(storage, Search(failed=True), 3)) == ["15", "20", "25"]
    assert len(reading.latest(storage, Search(), 100)) == 30


def test_new_messages_are_found_once(turned, monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", 4)
    write(turned, *(message(n) for n in range(5)))
    place = reading.end(turned)
    seen = []

    for numbers in ([], range(5, 14), [], [14]):
        write(turned, *(message(n) for n in numbers))
        entries, place = reading.next_ones(turned, Search(), place)
        seen.append(ids(entries))

    assert seen == [[], [f"{n}" for n in range(5, 14)], [], ["14"]]


def test_new_messages_in_an_empty_journal_are_found(turned):
    place = reading.end(turned)
    write(turned, message(0), message(1))

    entries, _ = reading.next_ones(turned, Search(platform="p1"), place)

    assert place.number == 0
    assert ids(entries) == ["1"]


@pytest.mark.parametrize("ocpi_storage", ["postgresql"], indirect=True)  # the others have one writer at a time
def test_messages_that_another_process_commits_late_are_found(ocpi_storage):
    write(ocpi_storage, message(0))
    place = reading.end(ocpi_storage)
    written, goes_on = threading.Event(), threading.Event()

    def write_late():
        with ocpi_storage.transaction():
            write(ocpi_storage, message(1))
            written.set()
            goes_on.wait()

    late = threading.Thread(target=write_late)
    late.start()
    written.wait()
    write(ocpi_storage, message(2))
    first, place = reading.next_ones(ocpi_storage, Search(), place)
    goes_on.set()
    late.join()
    second, place = reading.next_ones(ocpi_storage, Search(), place)
    third, _ = reading.next_ones(ocpi_storage, Search(), place)

    assert [ids(first), ids(second), ids(third)] == [["2"], ["1"], []]


@EVERY_STORAGE
def test_new_messages_of_a_platform_are_found(ocpi_storage):
    write(ocpi_storage, *(message(n) for n in range(4)))
    place = reading.end(ocpi_storage)
    write(ocpi_storage, *(message(n) for n in range(4, 12)))

    entries, place = reading.next_ones(ocpi_storage, Search(platform="p0"), place)

    assert ids(entries) == ["6", "9"]
    assert reading.next_ones(ocpi_storage, Search(platform="p0"), place)[0] == []


def test_one_message_is_found_by_its_number(turned):
    for number in range(5):
        write(turned, message(number))
    numbers = [entry.number for entry in reading.latest(turned, Search(), 5)]
    turned.delete(JOURNAL, key_of(turned.list(JOURNAL, Query(offset=2, limit=1)).records[0]))

    found = [reading.find(turned, number) for number in (*numbers, 99)]

    assert [entry and entry.message.request_id for entry in found] == ["0", "1", None, "3", "4", None]


def test_place_behind_nothing_is_the_beginning(turned):
    assert reading.end(turned).number == 0


@EVERY_STORAGE
def test_messages_of_a_batch_with_the_same_partner_and_outcome_are_one_record(ocpi_storage):
    write(ocpi_storage, *(message(n, http_status=500 if n == 4 else 200) for n in range(9)))

    entries = reading.latest(ocpi_storage, Search(), 20)

    assert ocpi_storage.list(JOURNAL, Query()).total == 4
    assert ids(entries) == [f"{n}" for n in range(9)]
    assert [reading.find(ocpi_storage, entry.number) for entry in entries] == entries
    assert len({entry.number for entry in entries}) == 9


def test_batch_is_read_in_the_order_of_time_although_its_partners_have_records_of_their_own(turned):
    for begin in (0, 10):
        write(turned, *(message(n) for n in range(begin, begin + 10)))

    assert ids(reading.latest(turned, Search(), 13)) == [f"{n}" for n in range(7, 20)]


@pytest.mark.parametrize(("number", "size", "expected"), [(250, 10, [100, 100, 50]), (5, 40_000, [1] * 5)])
def test_records_of_several_messages_are_small(number, size, expected):
    messages = [Kept(message(n, platform="p", http_status=500, request_body=b"x" * size)) for n in range(number)]

    found = records.records_of(messages)

    assert [*map(records.number_in, found)] == expected


@EVERY_STORAGE
def test_latest_messages_are_found_where_earlier_ones_are_gone(ocpi_storage, monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", 4)
    for number in range(60):
        write(ocpi_storage, message(number, platform="often" if number % 20 else "seldom"))
    stored = [*ocpi_storage.keys(JOURNAL, Query(), key_of=key_of)]
    ocpi_storage.delete_many(JOURNAL, [key for key, _ in stored[:30]])

    assert ids(reading.latest(ocpi_storage, Search(platform="seldom"), 10)) == ["40"]
    assert ids(reading.latest(ocpi_storage, Search(), 100)) == [f"{n}" for n in range(30, 60)]
    assert ids(reading.latest(ocpi_storage, Search(since=1055), 100)) == [f"{n}" for n in range(55, 60)]


@EVERY_STORAGE
@pytest.mark.parametrize("is_closed", [False, True])
def test_reference_of_very_many_messages_hides_none_of_another(ocpi_storage, monkeypatch, is_closed):
    often, seldom = Reference.of("token", "often"), Reference.of("session", "seldom")
    groups.write(ocpi_storage, [Kept(message(0), (seldom, often)), Kept(message(3), (often,))])
    for number in range(4, 40):
        groups.write(ocpi_storage, [Kept(message(number), (often,))])
    if is_closed:
        close_all(ocpi_storage, monkeypatch)

    found = reading.about(ocpi_storage, [often, seldom], limit=5)

    assert ids(found) == ["0", *(f"{number}" for number in range(35, 40))]


@EVERY_STORAGE
@pytest.mark.parametrize("is_closed", [False, True])
def test_equal_hashes_find_no_message_about_anything_else(ocpi_storage, monkeypatch, is_closed):
    for module in (groups, records, reading):
        monkeypatch.setattr(module, "hash_of", lambda reference: 2**32 - 1)
    for number in range(6):
        cause = Reference.of("session", f"S{number % 2}")
        groups.write(ocpi_storage, [Kept(message(number, correlation_id=f"C{number}"), (cause,))])
    if is_closed:
        close_all(ocpi_storage, monkeypatch)

    assert ids(reading.about(ocpi_storage, [Reference.of("session", "S1")], limit=9)) == ["1", "3", "5"]
    assert ids(reading.about(ocpi_storage, [Reference.of("session", "S1")], limit=2)) == ["3", "5"]
    assert ids(reading.latest(ocpi_storage, Search(correlation_id="C4"), 9)) == ["4"]


@EVERY_STORAGE
def test_messages_of_groups_that_are_closed_while_one_looks_are_found_once(ocpi_storage, monkeypatch):
    read = groups._documents

    def read_then_close(storage, owner, shelf):
        yield from read(storage, owner, shelf)
        if owner == groups.OPEN:
            groups.combine(storage, groups.groups_on(storage, groups.OPEN, shelf))

    monkeypatch.setattr(groups, "_documents", read_then_close)
    monkeypatch.setattr(groups, "_LARGE", 1)
    found = {}
    for limit in (9, 2):
        about = Reference.of("session", f"S{limit}")
        for number in range(3):
            groups.write(ocpi_storage, [Kept(message(10 * limit + number, http_status=500), (about,))])
        found[limit] = ids(reading.about(ocpi_storage, [about], limit=limit))
    groups.write(ocpi_storage, [Kept(message(99, http_status=500), ())])

    assert found == {9: ["90", "91", "92"], 2: ["21", "22"]}
    assert ids(reading.latest(ocpi_storage, Search(failed=True), 9)) == ["20", "21", "22", "90", "91", "92", "99"]


@EVERY_STORAGE
def test_small_groups_become_larger_ones_and_closed_ones_in_the_end(ocpi_storage, monkeypatch):
    for name, number in {"_MANY": 5, "_NOT_SMALL": 5, "_LARGE": 20, "_CHUNK": 8}.items():
        monkeypatch.setattr(groups, name, number)
    sizes = []
    for number in range(27):
        about = Reference.of("session", f"S{number}")
        groups.write(ocpi_storage, [Kept(message(number, http_status=200), (about,))])
        groups.combine(ocpi_storage, groups.groups_on(ocpi_storage, groups.OPEN, ""))
        both = (groups.groups_on(ocpi_storage, state, "") for state in (groups.CLOSED, groups.OPEN))
        sizes.append([[*map(groups.messages_in, some)] for some in both])

    assert sizes[3:5] == [[[], [1] * 4], [[], [5]]]
    assert sizes[18:20] == [[[], [5, 5, 5, 1, 1, 1, 1]], [[20], []]]
    assert sizes[-1] == [[20], [5, 1, 1]]
    for number in range(27):
        assert ids(reading.about(ocpi_storage, [Reference.of("session", f"S{number}")], limit=5)) == [f"{number}"]
    (closed,) = groups.groups_on(ocpi_storage, groups.CLOSED, "")
    assert len([*groups.records_in(ocpi_storage, closed, 5)]) == 15
    groups.remove(ocpi_storage, closed)
    assert ocpi_storage.list(REFERENCES, Query()).total == 3


@pytest.mark.parametrize(
    ("kind", "query", "index"),
    [
        (JOURNAL, Search("partner").query, "ix_ocpi_journal_created (receiver=? AND country_code=?"),
        (
            REFERENCES,
            Query(owners=(Party("hashes", "1"),), receiver=""),
            "ix_ocpi_journal_references_created (receiver=? AND country_code=? AND party_id=?",
        ),
    ],
    ids=["partner", "reference"],
)
def test_partners_and_references_are_looked_up_on_an_index(tmp_path, kind, query, index):
    engine = create_engine(f"sqlite:///{tmp_path / 'ocpi.sqlite3'}")
    table = define_tables(MetaData(), [kind])[kind]
    table.create(engine)
    text = list_statements(table, None, ListShape.of(query), engine.dialect).page.sql

    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(range(text.count("?")))).all()
    engine.dispose()

    assert any(index in row[3] for row in plan)
