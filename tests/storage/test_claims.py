"""Taking what is due from a database: in several processes, and at the same price however much there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy import text

from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from tests.storage.conftest import storage_on
from tests.storage.test_processes import run_together

MANY = 5_000
CLAIMERS = 8
NOW = 1_000_000
LATER = 2**62
NOBODY = Party("", "")

FILL = text("""
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    INSERT INTO ocpi_locations (country_code, party_id, id, receiver, last_updated, revision, document)
    SELECT '', '', :name || n, 'THEM', :last_updated, 1, '{}' FROM numbers
""")


def fill(engine, *, due, later):
    """Store records of one receiver, as marks of one platform are: so many that are due, after those that are not."""
    with engine.begin() as connection:
        for name, count, last_updated in (("later", later, LATER), ("due", due, NOW)):
            connection.execute(FILL, {"name": name, "count": count, "last_updated": last_updated})


def plan_of(engine, statement, parameters):
    """Return the steps in which the database carries out a statement."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return rows.scalars("detail").all()
        return connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()


@pytest.mark.parametrize(("due", "later"), [(50, MANY), (MANY, 50)], ids=["few are due", "most are due"])
@pytest.mark.parametrize("statistics", [False, True], ids=["not analyzed", "analyzed"])
def test_claim_reads_no_more_than_it_takes(engine, database, due, later, statistics):
    fill(engine, due=due, later=later)
    if statistics:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2:4]))

    query = Query(owners=(NOBODY,), receiver="THEM", date_to=NOW + 1, limit=10)
    taken = database.claim("locations", query, until=LATER, key_of=lambda record: pytest.fail("is not needed"))

    plan = plan_of(engine, *statements[-1])
    assert len(taken) == 10
    assert sum("ix_ocpi_locations_last_updated" in step for step in plan) == 1
    # The index has them in order, and with a limit it is read no further.
    assert [step for step in plan if "Sort" in step or "TEMP B-TREE" in step or "Seq Scan" in step] == []
    assert [step for step in plan if step.startswith("SCAN")] == []


def test_processes_take_every_record_exactly_once(template, engine, database, url):
    fill(engine, due=400, later=20)

    taken = run_together(template, url, *["claim"] * CLAIMERS, count=3)

    left = run_together(template, url, "claim", count=3)
    numbers = [number for of_process in (*taken, *left) for number in of_process]
    assert len(numbers) == 400
    assert len(set(numbers)) == 400


def test_claim_waits_for_nobody_on_postgresql(postgres_engine):
    storage = storage_on(postgres_engine)
    storage.setup()
    fill(postgres_engine, due=5, later=1)
    query = Query(receiver="THEM", date_to=NOW + 1, limit=2)

    with ThreadPoolExecutor(1) as pool, storage.transaction():
        first = storage.claim("locations", query, until=LATER, key_of=None)
        others = pool.submit(storage.claim, "locations", replace(query, limit=10), until=LATER, key_of=None)
        second = others.result(120)

    assert (len(first), len(second)) == (2, 3)
