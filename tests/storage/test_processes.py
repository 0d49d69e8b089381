"""Several processes on one database: no update is lost, nothing is created twice, nothing is half written."""

from __future__ import annotations

import json
from contextlib import ExitStack
from contextlib import contextmanager

import pytest
from sqlalchemy import inspect

from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from tests.storage.worker import key

PROCESSES = 4


@contextmanager
def worker(template, url, task, count):
    """Run a worker, ready to begin; end it when the block is left early."""
    with template.start(url, task, str(count)) as process:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        yield process


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def result_of(process):
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    return json.loads(output)


def run_together(template, url, *tasks, count):
    """Start a worker for each task, let them all begin at once and return their results."""
    with ExitStack() as stack:
        processes = [stack.enter_context(worker(template, url, task, count)) for task in tasks]
        for process in processes:
            go(process)
        return [result_of(process) for process in processes]


def numbers(storage):
    return [int(record.text) for record in storage.list("locations", Query(limit=1000)).records]


@pytest.mark.parametrize("task", ["increment", "increment_guarded"])
def test_no_update_is_lost(template, database, url, task):
    database.save("locations", key(0), Record(b"0"))

    run_together(template, url, *[task] * PROCESSES, count=50)

    assert numbers(database) == [50 * PROCESSES]


def test_nothing_is_created_twice(template, database, url):
    created = run_together(template, url, *["create"] * PROCESSES, count=50)

    assert sorted(number for numbers in created for number in numbers) == list(range(50))
    assert {record.revision for record in database.list("locations", Query()).records} == {1}


def test_readers_in_other_processes_see_whole_transactions(template, database, url):
    database.save("locations", key(0), Record(b"1000"))
    database.save("locations", key(1), Record(b"0"))

    *_, seen, seen_too = run_together(template, url, "transfer", "transfer", "sums", "sums", count=100)

    assert seen == seen_too == [1000]
    assert numbers(database) == [800, 200]


def test_killed_process_leaves_nothing_half_written(template, database, url):
    database.save("locations", key(0), Record(b"0"))
    with worker(template, url, "hang_in_transaction", 500) as process:
        go(process)
        assert process.stdout.readline() == "written\n"
        process.kill()
        process.wait()

    assert numbers(database) == [0]
    assert database.save("locations", key(0), Record(b"1")) is False
    assert database.save("locations", key(1), Record(b"2")) is True


def test_setup_by_several_processes_at_once(template, engine, url):
    run_together(template, url, *["setup"] * PROCESSES, count=0)

    tables = inspect(engine).get_table_names()
    assert sorted(tables) == ["ocpi_counts", "ocpi_locations", "ocpi_platforms"]
    assert all(inspect(engine).get_indexes(table) for table in tables)


def test_forked_process_uses_its_own_connections(template, database, url):
    assert run_together(template, url, "fork", count=50) == [0]
    assert sorted(numbers(database)) == [0, *range(1000, 1050), *range(2000, 2050)]


@pytest.mark.parametrize(
    "task", ["fork_in_transaction", "fork_beside_transaction", "fork_beside_write", "fork_and_clean_up"]
)
def test_forked_process_leaves_the_transaction_to_its_parent(template, database, url, task):
    assert run_together(template, url, task, count=0) == [0]
    assert numbers(database) == [0, 1]
