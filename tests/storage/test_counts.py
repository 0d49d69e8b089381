"""The database counts its objects itself, exactly, whoever writes; and lists say the same with and without."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import create_engine
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import text

from flask_ocpi.errors import ConflictError
from flask_ocpi.storage import counts
from flask_ocpi.storage import lists
from flask_ocpi.storage import sqlalchemy
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.memory import MemoryStorage
from tests.databases import new_schema
from tests.storage.conftest import storage_on

SECONDS = 60
OWNERS = [Party.of("NL", "ABC"), Party.of("NL", "DEF"), Party.of("BE", "ABC")]
AUDIENCES = [(), (Party.of("DE", "EMS"),), (Party.of("FR", "EMS"), Party.of("DE", "EMS")), (Party.of("AT", "EMS"),)]
RECEIVERS = ["", "", "", "NL-ABC"]
KIND = "locations"
OBJECTS = "SELECT country_code, party_id, audience FROM ocpi_locations WHERE receiver = ''"
DAY = 86_400_000_000
STEP = DAY // 500
# Some are in one day, some are next to its bounds, and some are before 1970.
MOMENTS = [
    -DAY - 1,
    -DAY,
    -5,
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    DAY // 2,
    DAY - 1,
    DAY,
    DAY + 1,
    2 * DAY - 1,
    2 * DAY,
    30 * DAY + 7,
]
DATES = [
    {},
    *({"date_from": moment} for moment in (-DAY, 0, 4, DAY // 2 - 1, DAY // 2, DAY, DAY + 1, 31 * DAY)),
    *({"date_to": moment} for moment in (-DAY, 0, 3, DAY // 2 + 1, DAY, 2 * DAY - 1, 31 * DAY)),
    {"date_from": 2, "date_to": 5},
    {"date_from": 2, "date_to": DAY // 2 + 1},
    {"date_from": DAY // 2 + 1, "date_to": DAY - 1},
    {"date_from": -DAY, "date_to": 2 * DAY},
    {"date_from": -1, "date_to": 30 * DAY + 8},
    {"date_from": DAY, "date_to": DAY},
    {"date_from": 2 * DAY, "date_to": 3},
]


def key_of(record):
    return Key(*record.document["key"])


def some_key(chance):
    owner = chance.choice(OWNERS)
    return Key(*owner, f"LOC{chance.randrange(12)}", chance.choice(RECEIVERS))


def some_record(chance, key):
    return Record.of({"key": list(key)}, last_updated=chance.choice(MOMENTS), audience=chance.choice(AUDIENCES))


def queries():
    for owners in (None, (), tuple(OWNERS[:1]), tuple(OWNERS)):
        for audience in (None, (), AUDIENCES[1], (*AUDIENCES[1], *AUDIENCES[3])):
            for receiver in ("", None, "NL-ABC"):
                for dates in DATES:
                    yield Query(owners=owners, audience=audience, receiver=receiver, limit=4, **dates)


def pages(storage, query):
    """Return all pages of a query, by cursor, and one by its offset; each with its total."""
    found, after, offset = [], None, 0
    for _ in range(20):
        page = storage.list(KIND, Query(**{**vars_of(query), "after": after, "offset": offset}))
        found.append(([record.text for record in page.records], page.total))
        offset, after = offset + len(page.records), page.cursor
        if not page.records:
            break
    page = storage.list(KIND, Query(**{**vars_of(query), "offset": 2}))
    return [*found, ([record.text for record in page.records], page.total)]


def vars_of(query):
    return {name: getattr(query, name) for name in query.__slots__}


def change(chance, storages):
    """Do the same by chance to each storage."""
    what = chance.choice(["save", "save", "save", "delete", "delete_page", "create", "roll back", "again"])
    key = some_key(chance)
    record = some_record(chance, key)
    date = chance.choice(MOMENTS)
    for storage in storages:
        if what == "save":
            storage.save(KIND, key, record)
        elif what == "delete":
            storage.delete(KIND, key)
        elif what == "delete_page":
            storage.delete_page(KIND, Query(date_to=date, limit=2), key_of=key_of)
        elif what in ("create", "again"):
            try:
                storage.save(KIND, key, record, expected=0)
            except ConflictError:
                stored = storage.get(KIND, key)
                storage.save(KIND, key, record, expected=stored.revision)
        else:
            with pytest.raises(ZeroDivisionError), storage.transaction():
                _fail_after_saving(storage, key, record)


def _fail_after_saving(storage, key, record):
    storage.save(KIND, key, record)
    raise ZeroDivisionError


def counted(engine):
    """Return what the counts say and what there is."""
    said, there = Counter(), Counter()
    with engine.connect() as connection:
        for row in connection.execute(text("SELECT country_code, party_id, audience, number FROM ocpi_counts")):
            said[*row[:3]] += row[3]
        there.update(tuple(row) for row in connection.execute(text(OBJECTS)))
    return {group: number for group, number in said.items() if number}, dict(there)


@pytest.fixture(params=[2000, 2], ids=["few", "many"])
def limit(request, monkeypatch):
    """How many records are few: with 2, lists by date have to do without looking at each."""
    monkeypatch.setattr(lists, "FEW", request.param)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
def test_lists_and_counts_are_right_after_any_changes(request, engine, database, kept):
    if not kept:
        drop_triggers(engine)
    chance = random.Random(request.node.name)  # each case makes other changes and asks other queries
    memory = MemoryStorage()
    for round_ in range(40):
        for _ in range(5):
            change(chance, [database, memory])
        if kept:
            said, there = counted(engine)
            assert said == there
        if round_ % 8 == 7:
            for query in chance.sample(list(queries()), 60):
                assert pages(database, query) == pages(memory, query), query


def drop_triggers(engine):
    with engine.begin() as connection:
        for statement in dropping(engine):
            connection.execute(text(statement))
        connection.execute(text("DELETE FROM ocpi_counts"))


def dropping(engine):
    """Return the statements that drop the triggers."""
    if engine.dialect.name == "postgresql":
        return ["DROP FUNCTION ocpi_count CASCADE"]
    return [f"DROP TRIGGER ocpi_locations_counts_{event}" for event in ("added", "removed", "changed")]


def test_setup_counts_what_an_earlier_release_stored(engine, database):
    with engine.begin() as connection:
        for statement in (*dropping(engine), "DROP TABLE ocpi_counts"):
            connection.execute(text(statement))
    lacking = storage_on(engine)
    for number in range(7):
        lacking.save(KIND, Key.of("NL", "ABC", f"LOC{number}"), Record(b"{}", number * DAY // 3))
    assert lacking.list(KIND, Query(receiver="", owners=(OWNERS[0],), limit=2)).total == 7

    lacking.setup()
    lacking.setup()

    said, there = counted(engine)
    assert said == there
    assert sorted(there.values()) == [7]
    lacking.save(KIND, Key.of("NL", "ABC", "NEW"), Record(b"{}", DAY))
    assert lacking.list(KIND, Query(receiver="", owners=(OWNERS[0],), limit=2)).total == 8
    said, there = counted(engine)
    assert said == there


def test_counts_that_are_kept_from_now_on_are_noticed(engine, database, monkeypatch):
    drop_triggers(engine)
    other = storage_on(engine)
    database.save(KIND, Key.of("NL", "ABC", "LOC1"), Record(b"{}"))
    now = [0.0]
    monkeypatch.setattr(sqlalchemy, "monotonic", lambda: now[0])
    assert other.list(KIND, Query(receiver="")).total == 1
    assert other._kept[KIND][1] is False

    storage_on(engine).setup()
    now[0] += sqlalchemy.COUNTS_SECONDS + 1

    assert other.list(KIND, Query(receiver="")).total == 1
    assert other._kept[KIND][1] is True


def test_rows_written_by_sql_of_the_hosts_are_counted(engine, database):
    table = database._tables[KIND]
    with engine.begin() as connection:
        row = {"country_code": "NL", "party_id": "ABC", "last_updated": 0, "revision": 1, "document": "{}"}
        connection.execute(table.insert(), [{**row, "id": f"LOC{number}"} for number in range(5)])
        connection.execute(table.update().where(table.c.id == "LOC1").values(audience=",DE-EMS,"))
        connection.execute(delete(table).where(table.c.id == "LOC2"))

    assert database.list(KIND, Query(receiver="", audience=(), limit=1)).total == 3
    assert database.list(KIND, Query(receiver="", audience=AUDIENCES[1], limit=1)).total == 4
    said, there = counted(engine)
    assert said == there


def test_emptied_table_has_nothing_to_count(engine, database):
    for number in range(3):
        database.save(KIND, Key.of("NL", "ABC", f"LOC{number}"), Record(b"{}"))
    with engine.begin() as connection:
        empty = "TRUNCATE ocpi_locations" if engine.dialect.name == "postgresql" else "DELETE FROM ocpi_locations"
        connection.execute(text(empty))

    assert counted(engine) == ({}, {})
    assert database.list(KIND, Query(receiver="")).total == 0


def test_copies_of_others_are_not_counted(engine, database):
    database.save(KIND, Key.of("DE", "CPO", "LOC1", OWNERS[0]), Record(b"{}"))

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ocpi_counts")).scalar_one() == 0
    assert database.list(KIND, Query(receiver="NL-ABC")).total == 1


def entries(engine):
    """Return the numbers of the rows of changes, and of those that sum them up."""
    with engine.connect() as connection:
        found = [row[0] for row in connection.execute(text("SELECT entry FROM ocpi_counts"))]
    return {entry for entry in found if entry > 0}, {entry for entry in found if entry < 0}


@pytest.fixture
def summing(postgres_engine, monkeypatch):
    """A storage that sums up more than 10 changes, and may do so at each list."""
    storage = storage_on(postgres_engine)
    storage.setup()
    monkeypatch.setattr(counts, "MOST_ROWS", 10)
    monkeypatch.setattr(sqlalchemy, "COUNTS_SECONDS", -1.0)
    return storage


def test_many_rows_of_counts_become_few_and_say_the_same(summing, postgres_engine):
    for number in range(60):
        key = Key(*OWNERS[number % 3], f"LOC{number % 40}")
        summing.save(KIND, key, Record(b"{}", number % 4 * DAY, AUDIENCES[number % 2]))
        if number % 7 == 6:
            summing.delete(KIND, key)
        summing.list(KIND, Query(receiver="", limit=1))
        said, there = counted(postgres_engine)
        assert said == there

    changes, sums = entries(postgres_engine)
    assert len(changes) <= 10
    assert 0 < len(sums) <= 6


def test_one_list_sums_up_no_more_than_a_part(summing, postgres_engine, monkeypatch):
    monkeypatch.setattr(counts, "ROWS_AT_ONCE", 20)
    monkeypatch.setattr(sqlalchemy, "COUNTS_SECONDS", 3600.0)
    other = storage_on(postgres_engine)
    for number in range(50):
        other.save(KIND, Key(*OWNERS[0], f"LOC{number}"), Record(b"{}"))
    left = []
    for _ in range(4):
        assert summing.list(KIND, Query(receiver="", limit=1)).total == 50
        left.append(len(entries(postgres_engine)[0]))

    assert left == [30, 10, 10, 10]


def write_in_parallel(storage, *, times, then=lambda: None):
    """Create, change and remove records at random in four threads, then() after each."""
    failures = []

    def work(seed):
        chance = random.Random(seed)
        try:
            for _ in range(times):
                key = some_key(chance)
                if chance.random() < 0.3:
                    storage.delete(KIND, key)
                else:
                    storage.save(KIND, key, some_record(chance, key))
                then()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not failures


def test_writers_and_readers_that_sum_up_leave_the_counts_right(summing, postgres_engine):
    write_in_parallel(summing, times=40, then=lambda: summing.list(KIND, Query(receiver="", limit=1)))

    said, there = counted(postgres_engine)
    assert said == there
    assert entries(postgres_engine)[1]


def test_writers_in_parallel_are_all_counted(engine, database):
    write_in_parallel(database, times=60)

    said, there = counted(engine)
    assert said == there


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_engine(request, tmp_path_factory):
    """20,000 objects of one owner, of which each tenth is for others; they changed one after another in 40 days.

    For tests that only read.
    """
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('filled')}/ocpi.sqlite"
        else:
            url = stack.enter_context(new_schema(request.getfixturevalue("postgres_server")))
        engine = create_engine(url)
        stack.callback(engine.dispose)
        storage = storage_on(engine)
        storage.setup()
        rows = [
            {
                "country_code": "NL",
                "party_id": "ABC",
                "id": f"L{number}",
                "audience": "" if number % 10 else ",AT-EMS,",
                "last_updated": number * STEP,
                "revision": 1,
                "document": "{}",
            }
            for number in range(20_000)
        ]
        with engine.begin() as connection:
            connection.execute(storage._tables[KIND].insert(), rows)
            connection.execute(text("ANALYZE"))
        yield engine


@pytest.fixture
def filled(filled_engine):
    return storage_on(filled_engine)


SHAPES = {
    "first page": Query(limit=50),
    "after a cursor": Query(limit=50, after="15000"),
    "few by date": Query(limit=50, date_from=19_950 * STEP),
    "nearly all by date": Query(limit=50, date_from=100 * STEP),
    "half by date": Query(limit=50, date_from=9_900 * STEP),
    "the other half by date": Query(limit=50, date_to=9_900 * STEP),
    "after a cursor, by date": Query(limit=50, date_from=100 * STEP, offset=13_410, after="15000-17910"),
    "in a time": Query(limit=50, date_from=100 * STEP, date_to=19_990 * STEP),
}


@pytest.mark.parametrize("shape", ["first page", "after a cursor", "few by date", "after a cursor, by date"])
def test_no_page_of_a_party_reads_the_whole_table(filled_engine, filled, shape):
    query = Query(**{**vars_of(SHAPES[shape]), "owners": (OWNERS[0],), "receiver": "", "audience": AUDIENCES[1]})
    with recorded(filled) as asked:
        filled.list(KIND, query)

    for statement in asked:
        plan = "\n".join(explained(filled_engine, statement, query))
        assert "SCAN ocpi_locations" not in plan, plan
        assert "SCAN narrow" not in plan, plan
        assert "Seq Scan on ocpi_locations" not in plan, plan
    assert asked


@contextmanager
def recorded(storage):
    """Record the statements that a storage runs."""
    asked = []
    execute = storage._database.execute
    storage._database.execute = lambda statement, *args, **options: (
        asked.append(statement) or execute(statement, *args, **options)
    )
    try:
        yield asked
    finally:
        del storage._database.execute


def explained(engine, statement, query):
    sql, values = statement.call(lists.query_values(query))
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{how} {sql}", values).all()
    return [str(row[-1]) for row in rows]


@pytest.mark.parametrize("shape", SHAPES)
def test_totals_of_many_are_exact(filled, shape):
    query = Query(**{**vars_of(SHAPES[shape]), "owners": (OWNERS[0],), "receiver": "", "audience": AUDIENCES[1]})
    numbers = [n for n in range(20_000) if n % 10]
    matching = [n for n in numbers if (query.date_from or 0) <= n * STEP < (query.date_to or 10**18)]

    page = filled.list(KIND, query)

    assert page.total == len(matching)
    assert len(page.records) == 50 or page.total < 50


def test_crawl_reads_as_much_for_its_last_page_as_for_its_first(sqlite_engine, request):
    storage = storage_on(sqlite_engine)
    storage.setup()
    for number in range(3000):
        storage.save(KIND, Key.of("NL", "ABC", f"L{number}"), Record(b"{}", number))
    steps = [
        steps_of(sqlite_engine, storage, Query(owners=(OWNERS[0],), receiver="", limit=50, after=after))
        for after in ("1", "1500", "2900")
    ]

    assert max(steps) <= min(steps) * 1.2, steps


def steps_of(engine, storage, query):
    """Tell how much SQLite does for a page, in tens of its instructions."""
    storage.list(KIND, query)
    taken = 0

    def count():
        nonlocal taken
        taken += 1

    with storage.transaction(), storage._database.connection() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(count, 10)
        storage.list(KIND, query)
        driver.set_progress_handler(None, 0)
    return taken


def test_disabled_triggers_are_no_counts(postgres_engine):
    storage = storage_on(postgres_engine)
    storage.setup()
    with postgres_engine.begin() as connection:
        connection.execute(text("ALTER TABLE ocpi_locations DISABLE TRIGGER USER"))
    storage.save(KIND, Key.of("NL", "ABC", "LOC1"), Record(b"{}"))

    assert storage_on(postgres_engine).list(KIND, Query(receiver="")).total == 1

    storage.setup()
    assert storage_on(postgres_engine).list(KIND, Query(receiver="")).total == 1
    one = {("NL", "ABC", ""): 1}
    assert counted(postgres_engine) == (one, one)


def test_counts_are_in_the_metadata_for_migrations(database):
    table = counts.counts_of(database._tables.values())

    assert table.name == "ocpi_counts"
    assert table.metadata is database._tables[KIND].metadata


def crawl(storage, query, change=lambda page: None):
    """Return the pages of a list by date, each with its total, as a Link leads from one to the next."""
    found = []
    while True:
        page = storage.list(KIND, query)
        found.append(([record.created for record in page.records], page.total))
        query = replace(query, offset=query.offset + len(page.records), after=page.cursor)
        if not page.records or query.offset >= page.total:
            return found
        change(page)


@pytest.fixture
def forty(database, monkeypatch):
    """A storage with 40 objects, more than are few."""
    monkeypatch.setattr(lists, "FEW", 3)
    for number in range(40):
        database.save(KIND, Key(*OWNERS[0], f"L{number}"), Record(b"{}", number))
    return database


def test_dated_crawl_takes_its_total_from_its_first_page(forty):
    query = Query(owners=(OWNERS[0],), receiver="", date_from=10, limit=10)

    with recorded(forty) as asked:
        found = crawl(forty, query)

    assert [total for _, total in found] == [30, 30, 30]
    assert [created for page, _ in found for created in page] == list(range(11, 41))
    few, page, further, _ = asked
    assert asked == [few, page, further, further]


def test_dated_crawl_reads_all_that_was_there_at_its_beginning_whatever_is_saved_meanwhile(forty):
    new = iter(range(1000))

    def change(page):
        if page.total < 45:
            for _ in range(3):
                forty.save(KIND, Key(*OWNERS[0], f"NEW{next(new)}"), Record(b"{}", 100))

    found = crawl(forty, Query(owners=(OWNERS[0],), receiver="", date_from=10, limit=10), change)

    assert {created for page, _ in found for created in page} >= set(range(11, 41))
    assert found[-1][1] == sum(len(page) for page, _ in found)


def test_dated_crawl_ends_where_less_is_left_than_its_first_page_said(forty):
    def change(page):
        forty.delete(KIND, Key(*OWNERS[0], "L38"))

    found = crawl(forty, Query(owners=(OWNERS[0],), receiver="", date_from=10, limit=10), change)

    assert [(len(page), total) for page, total in found] == [(10, 30), (10, 30), (9, 29)]


def test_dated_page_that_is_cut_by_its_length_leads_to_the_next(database, monkeypatch):
    monkeypatch.setattr(lists, "FEW", 3)
    for number in range(10):
        database.save(KIND, Key(*OWNERS[0], f"L{number}"), Record(b'"1234"', number))

    found = crawl(database, Query(owners=(OWNERS[0],), receiver="", date_from=0, limit=5, max_bytes=20))

    assert [(len(page), total) for page, total in found] == [(3, 10), (3, 10), (3, 10), (1, 10)]


def test_dated_page_after_a_cursor_reads_no_more_than_another(sqlite_engine):
    storage = storage_on(sqlite_engine)
    storage.setup()
    row = {"country_code": "NL", "party_id": "ABC", "revision": 1, "document": "{}"}
    with sqlite_engine.begin() as connection:
        rows = [{**row, "id": f"L{number}", "last_updated": number * STEP} for number in range(12_000)]
        connection.execute(storage._tables[KIND].insert(), rows)
    query = Query(owners=(OWNERS[0],), receiver="", limit=50)

    undated = steps_of(sqlite_engine, storage, replace(query, after="5000"))
    dated = steps_of(sqlite_engine, storage, replace(query, date_from=0, offset=5000, after="5000-12000"))

    assert dated < undated * 3


@pytest.mark.parametrize("dates", [{}, {"date_from": 1}], ids=["undated", "dated"])
def test_list_of_very_many_own_parties_is_answered(database, dates):
    owners = tuple(Party("NL", f"{number:04}") for number in range(2000))
    for owner in owners[::500]:
        database.save(KIND, Key(*owner, "LOC1"), Record(b"{}", 5))

    page = database.list(KIND, Query(owners=owners, receiver="", limit=2, **dates))

    assert (len(page.records), page.total) == (2, 4)


def test_server_that_only_reads_answers_lists_whatever_there_is_to_make_few(postgres_url, postgres_engine, monkeypatch):
    monkeypatch.setattr(counts, "MOST_ROWS", 3)
    storage = storage_on(postgres_engine)
    storage.setup()
    for number in range(5):
        storage.save(KIND, Key(*OWNERS[0], f"LOC{number}"), Record(b"{}", 0))
    # The URL has options of its own, which name the schema.
    readers = create_engine(postgres_url)

    @event.listens_for(readers, "connect")
    def reads_only(connection, _):
        connection.execute("SET default_transaction_read_only = on")
        connection.commit()

    try:
        page = storage_on(readers).list(KIND, Query(receiver="", owners=tuple(OWNERS[:1])))
    finally:
        readers.dispose()

    assert page.total == 5


def test_poll_that_finds_nothing_asks_one_statement(filled):
    query = Query(owners=(OWNERS[0],), receiver="", date_from=30_000 * STEP, limit=50)

    with recorded(filled) as asked:
        page = filled.list(KIND, query)

    assert (page.records, page.total) == ((), 0)
    assert len(asked) == 1


def test_emptying_waits_for_who_sums_up(summing, postgres_engine):
    for number in range(20):
        summing.save(KIND, Key(*OWNERS[0], f"LOC{number}"), Record(b"{}"))
    emptied = threading.Event()

    def empty():
        with postgres_engine.begin() as connection:
            connection.execute(text("TRUNCATE ocpi_locations"))
        emptied.set()

    thread = threading.Thread(target=empty)
    with summing.transaction():
        assert summing._make_few(summing._counts) is False
        thread.start()
        assert not emptied.wait(0.5)
    thread.join(SECONDS)

    assert emptied.is_set()
    assert counted(postgres_engine) == ({}, {})
