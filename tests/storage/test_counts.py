"""The database counts its objects itself, exactly, whoever writes; and lists say the same with and without."""

from __future__ import annotations

import random
import threading

import pytest
from sqlalchemy import create_engine
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import select
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
from tests.storage.conftest import storage_on

SECONDS = 60
OWNERS = [Party.of("NL", "ABC"), Party.of("NL", "DEF"), Party.of("BE", "ABC")]
AUDIENCES = [(), (Party.of("DE", "EMS"),), (Party.of("FR", "EMS"), Party.of("DE", "EMS")), (Party.of("AT", "EMS"),)]
RECEIVERS = ["", "", "", "NL-ABC"]
KIND = "locations"


def key_of(record):
    return Key(*record.document["key"])


def some_key(chance):
    owner = chance.choice(OWNERS)
    return Key(*owner, f"LOC{chance.randrange(12)}", chance.choice(RECEIVERS))


def some_record(chance, key):
    return Record.of({"key": list(key)}, last_updated=chance.randrange(10), audience=chance.choice(AUDIENCES))


def queries():
    for owners in (None, (), tuple(OWNERS[:1]), tuple(OWNERS)):
        for audience in (None, (), AUDIENCES[1], (*AUDIENCES[1], *AUDIENCES[3])):
            for receiver in ("", None, "NL-ABC"):
                for dates in ({}, {"date_from": 4}, {"date_to": 3}, {"date_from": 2, "date_to": 8}):
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
    what = chance.choice(["save", "save", "save", "delete", "delete_page", "save_new", "roll back", "again"])
    key = some_key(chance)
    record = some_record(chance, key)
    date = chance.randrange(10)
    for storage in storages:
        if what == "save":
            storage.save(KIND, key, record)
        elif what == "delete":
            storage.delete(KIND, key)
        elif what == "delete_page":
            storage.delete_page(KIND, Query(date_to=date, limit=2), key_of=key_of)
        elif what in ("save_new", "again"):
            try:
                storage.save_new(KIND, [(key, record)])
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
    """Return what the counts say, and what there is."""
    with engine.connect() as connection:
        said = connection.execute(
            text("SELECT country_code, party_id, audience, sum(number) FROM ocpi_counts GROUP BY 1, 2, 3")
        ).all()
        there = connection.execute(
            text(
                "SELECT country_code, party_id, audience, count(*) FROM ocpi_locations"
                " WHERE receiver = '' GROUP BY 1, 2, 3"
            )
        ).all()
    return {tuple(row[:3]): int(row[3]) for row in said if row[3]}, {tuple(row[:3]): int(row[3]) for row in there}


@pytest.fixture(params=[2000, 2], ids=["few", "many"])
def limit(request, monkeypatch):
    """How many records are few: with 2, lists by date have to do without looking at each."""
    monkeypatch.setattr(lists, "FEW", request.param)
    monkeypatch.setattr(sqlalchemy, "FEW", request.param)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
def test_lists_and_counts_are_right_after_any_changes(engine, database, kept):
    if not kept:
        drop_triggers(engine)
    chance = random.Random(20261123)
    memory = MemoryStorage()
    for round_ in range(40):
        for _ in range(5):
            change(chance, [database, memory])
        if kept:
            said, there = counted(engine)
            assert said == there
        if round_ % 8 == 7:
            for query in queries():
                assert pages(database, query) == pages(memory, query), query


def drop_triggers(engine):
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for name in ("added", "removed", "changed"):
                connection.execute(text(f"DROP TRIGGER ocpi_locations_counts_{name}"))
        else:
            connection.execute(text("DROP FUNCTION ocpi_count CASCADE"))
        connection.execute(text("DELETE FROM ocpi_counts"))


def test_setup_counts_what_an_earlier_release_stored(engine, database):
    with engine.begin() as connection:
        drop = "CASCADE" if engine.dialect.name == "postgresql" else ""
        if drop:
            connection.execute(text("DROP FUNCTION ocpi_count CASCADE"))
        else:
            for name in ("added", "removed", "changed"):
                connection.execute(text(f"DROP TRIGGER ocpi_locations_counts_{name}"))
        connection.execute(text("DROP TABLE ocpi_counts"))
    lacking = storage_on(engine)
    for number in range(7):
        database.save(KIND, Key.of("NL", "ABC", f"LOC{number}"), Record(b"{}"))
    assert lacking.list(KIND, Query(receiver="", owners=(OWNERS[0],), limit=2)).total == 7

    lacking.setup()
    lacking.setup()

    assert counted(engine) == ({("NL", "ABC", ""): 7}, {("NL", "ABC", ""): 7})
    lacking.save(KIND, Key.of("NL", "ABC", "NEW"), Record(b"{}"))
    assert lacking.list(KIND, Query(receiver="", owners=(OWNERS[0],), limit=2)).total == 8


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


def test_many_rows_of_counts_become_few_and_say_the_same(postgres_engine, monkeypatch):
    storage = storage_on(postgres_engine)
    storage.setup()
    monkeypatch.setattr(counts, "MOST_ROWS", 10)
    now = [0.0]
    monkeypatch.setattr(sqlalchemy, "monotonic", lambda: now[0])
    for number in range(30):
        storage.save(KIND, Key(*OWNERS[number % 3], f"LOC{number}"), Record(b"{}", 0, AUDIENCES[number % 2]))
        now[0] += 2 * sqlalchemy.COUNTS_SECONDS
        assert storage.list(KIND, Query(receiver="", limit=1, owners=tuple(OWNERS))).total == number + 1

    said, there = counted(postgres_engine)
    assert said == there
    with postgres_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ocpi_counts")).scalar_one() <= 11


def test_writers_in_parallel_are_all_counted(engine, database):
    failures = []

    def write(seed):
        chance = random.Random(seed)
        try:
            for _ in range(60):
                key = some_key(chance)
                if chance.random() < 0.3:
                    database.delete(KIND, key)
                else:
                    database.save(KIND, key, some_record(chance, key))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert not failures
    said, there = counted(engine)
    assert said == there


@pytest.fixture
def filled(engine, database):
    """20,000 objects of one owner, of which each tenth is for others; they changed at different times."""
    table = database._tables[KIND]
    rows = [
        {
            "country_code": "NL",
            "party_id": "ABC",
            "id": f"L{number}",
            "audience": "" if number % 10 else ",AT-EMS,",
            "last_updated": number,
            "revision": 1,
            "document": "{}",
        }
        for number in range(20_000)
    ]
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)
        connection.execute(text("ANALYZE"))
    return database


SHAPES = {
    "first page": Query(limit=50),
    "after a cursor": Query(limit=50, after="15000"),
    "few by date": Query(limit=50, date_from=19_950),
    "nearly all by date": Query(limit=50, date_from=100),
    "after a cursor, by date": Query(limit=50, date_from=100, after="15000"),
    "in a time": Query(limit=50, date_from=100, date_to=19_990),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_page_of_a_party_reads_the_whole_table(engine, filled, shape):
    query = Query(**{**vars_of(SHAPES[shape]), "owners": (OWNERS[0],), "receiver": "", "audience": AUDIENCES[1]})
    page = filled.list(KIND, query)
    statements = filled._shaped(lists.list_statements, KIND, lists.ListShape.of(query))
    if query.date_from is None:
        used = [statements.counted]
    else:
        used = [statements.few] if page.total <= lists.FEW else [statements.counted_but]

    for statement in used:
        plan = "\n".join(explained(engine, statement, query))
        assert "SCAN ocpi_locations" not in plan, plan
        assert "SCAN narrow" not in plan, plan
        assert "SCAN others" not in plan, plan
        assert "Seq Scan on ocpi_locations" not in plan, plan


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
    matching = [n for n in numbers if (query.date_from or 0) <= n < (query.date_to or 10**9)]

    page = filled.list(KIND, query)

    assert page.total == len(matching)
    assert len(page.records) == 50 or page.total < 50


def test_crawl_reads_as_much_for_its_last_page_as_for_its_first(sqlite_engine, request):
    storage = storage_on(sqlite_engine)
    storage.setup()
    for number in range(3000):
        storage.save(KIND, Key.of("NL", "ABC", f"L{number}"), Record(b"{}", number))
    steps = []
    with sqlite_engine.connect() as connection:
        driver = connection.connection.driver_connection
        statements = storage._shaped(
            lists.list_statements, KIND, lists.ListShape.of(Query(owners=(OWNERS[0],), receiver="", after="1"))
        )
        for after in ("1", "1500", "2900"):
            taken = [0]
            driver.set_progress_handler(lambda taken=taken: taken.__setitem__(0, taken[0] + 1), 10)
            sql, values = statements.counted.call(
                lists.query_values(Query(owners=(OWNERS[0],), receiver="", limit=50, after=after))
            )
            driver.execute(sql, values).fetchall()
            steps.append(taken[0])
        driver.set_progress_handler(None, 0)

    assert max(steps) <= min(steps) * 1.2, steps


def test_disabled_triggers_are_no_counts(postgres_engine):
    storage = storage_on(postgres_engine)
    storage.setup()
    with postgres_engine.begin() as connection:
        connection.execute(text("ALTER TABLE ocpi_locations DISABLE TRIGGER USER"))
    storage.save(KIND, Key.of("NL", "ABC", "LOC1"), Record(b"{}"))

    assert storage_on(postgres_engine).list(KIND, Query(receiver="")).total == 1

    storage.setup()
    assert storage_on(postgres_engine).list(KIND, Query(receiver="")).total == 1
    assert counted(postgres_engine) == ({("NL", "ABC", ""): 1}, {("NL", "ABC", ""): 1})


def test_counts_are_in_the_metadata_for_migrations(database):
    table = counts.counts_of(database._tables.values())

    assert table.name == "ocpi_counts"
    assert select(func.count()).select_from(table) is not None


def test_dated_page_behind_all_that_was_looked_at_counts_no_more_than_its_ends(engine, filled):
    query = Query(owners=(OWNERS[0],), receiver="", audience=AUDIENCES[1], date_from=100, after="15000", limit=50)
    asked = []
    execute = filled._database.execute
    filled._database.execute = lambda statement, *args, **options: (
        asked.append(statement) or execute(statement, *args, **options)
    )
    try:
        filled.list(KIND, query)
    finally:
        del filled._database.execute

    statements = filled._shaped(lists.list_statements, KIND, lists.ListShape.of(query))
    assert asked == [statements.few, statements.counted_but]


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
