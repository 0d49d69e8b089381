"""What the processes of test_processes do. Their arguments: the URL of the database, a task and a count.

A worker writes the line "ready", waits for a line on standard input, works, and writes its result as JSON.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import sys
import threading
from contextlib import nullcontext

from sqlalchemy import create_engine

from flask_ocpi.core import forks
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import StorageError
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from tests.storage.conftest import storage_on


def key(number):
    return Key.of("NL", "ABC", f"LOC{number}")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def increment(storage, count):
    """Add one to the number in the first record, `count` times."""
    for _ in range(count):
        with storage.transaction():
            stored = storage.get("locations", key(0), for_update=True)
            storage.save("locations", key(0), Record(str(int(stored.text) + 1).encode()))


def increment_guarded(storage, count):
    """The same without locks: by the revision, trying again after a conflict. Tell how often that was."""
    conflicts = 0
    while count:
        stored = storage.get("locations", key(0))
        try:
            record = Record(str(int(stored.text) + 1).encode())
            storage.save("locations", key(0), record, expected=stored.revision)
            count -= 1
        except ConflictError:
            conflicts += 1
    return conflicts


def create(storage, count):
    """Try to create `count` records; tell the numbers of those that we did create."""
    created = []
    for number in range(count):
        try:
            storage.save("locations", key(number), Record(str(os.getpid()).encode()), expected=0)
            created.append(number)
        except ConflictError:
            pass
    return created


def transfer(storage, count):
    """Move one unit from the first record to the second, `count` times."""
    for _ in range(count):
        with storage.transaction():
            first = storage.get("locations", key(0), for_update=True)
            second = storage.get("locations", key(1), for_update=True)
            storage.save("locations", key(0), Record(str(int(first.text) - 1).encode()))
            storage.save("locations", key(1), Record(str(int(second.text) + 1).encode()))


def sums(storage, count):
    """Tell which sums of all numbers are to be seen in `count` lists."""
    pages = (storage.list("locations", Query()).records for _ in range(count))
    return sorted({sum(int(record.text) for record in page) for page in pages})


def claim(storage, count):
    """Take what is due, `count` at a time, in a transaction every other time; tell the numbers of what we took."""
    taken = []
    query = Query(receiver="THEM", date_to=2_000_000, limit=count)
    for round_ in itertools.count():
        with storage.transaction() if round_ % 2 else nullcontext():
            records = storage.claim("locations", query, until=2**62, key_of=None)
        if not records:
            return taken
        taken += [record.created for record in records]


def hang_in_transaction(storage, count):
    """Write `count` records in a transaction, say so, and wait for our end."""
    with storage.transaction():
        storage.save("locations", key(0), Record(b"half"))
        for number in range(1, count):
            storage.save("locations", key(number), Record(b"half"))
        say("written")
        sys.stdin.readline()


def work_until_killed(storage, count):
    """Change two records together, again and again; say so when it was done `count` times."""
    for number in itertools.count():
        with storage.transaction():
            storage.save("locations", key(0), Record(str(number).encode()))
            storage.save("locations", key(1), Record(str(number).encode()))
        if number == count:
            say("written")


def setup(storage, count):
    storage.setup()


def fork(storage, count):
    """Write from a process and its child at the same time, after a connection was used."""
    storage.save("locations", key(0), Record(b"0"))
    child = os.fork()
    first = 1000 if child == 0 else 2000
    for number in range(first, first + count):
        storage.save("locations", key(number), Record(str(number).encode()))
        if storage.get("locations", key(number)).text != str(number).encode():
            os._exit(3)
    if child == 0:
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork_in_transaction(storage, count):
    """Fork inside a transaction; the child leaves it as Python does at the end of a program."""
    try:
        with storage.transaction():
            storage.save("locations", key(0), Record(b"0"))
            child = os.fork()
            if child:
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                storage.save("locations", key(1), Record(b"1"))
    except StorageError as error:
        if child == 0 and "forked" in str(error) and storage.get("locations", key(0)) is None:
            sys.exit(0)
        raise
    return code


def fork_and_clean_up(storage, count):
    """The same, but the child loses the last reference to the parent's connection."""
    try:
        with storage.transaction():
            storage.save("locations", key(0), Record(b"0"))
            child = os.fork()
            if child:
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                storage.save("locations", key(1), Record(b"1"))
    except StorageError:
        pass
    if child == 0:
        # The clean-up that follows is in vain, and SQLAlchemy says so in the log.
        logging.disable()
        forks.left_to_parent.clear()
        gc.collect()
        os._exit(0)
    return code


def fork_beside_transaction(storage, count):
    """Fork in one thread while another is inside a transaction."""
    codes = []

    def fork_and_use():
        child = os.fork()
        if child == 0:
            gc.collect()
            os._exit(0 if storage.get("locations", key(0)) is None else 3)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    forks.PATIENCE = 0.1  # the transaction is open for as long as a fork would wait
    logging.getLogger("flask_ocpi").setLevel(logging.ERROR)
    with storage.transaction():
        storage.save("locations", key(0), Record(b"0"))
        thread = threading.Thread(target=fork_and_use)
        thread.start()
        thread.join()
        storage.save("locations", key(1), Record(b"1"))
    return codes[0]


def fork_beside_write(storage, count):
    """Fork in one thread while it is another's turn to write; the child writes as well."""
    codes = []

    def fork_and_write():
        child = os.fork()
        if child == 0:
            storage.save("locations", key(0), Record(b"0"))
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with storage._database._turn_to_write:
        thread = threading.Thread(target=fork_and_write)
        thread.start()
        thread.join()
    storage.save("locations", key(1), Record(b"1"))
    return codes[0]


TASKS = (
    increment,
    increment_guarded,
    create,
    transfer,
    sums,
    claim,
    hang_in_transaction,
    work_until_killed,
    setup,
    fork,
    fork_in_transaction,
    fork_and_clean_up,
    fork_beside_transaction,
    fork_beside_write,
)


def main():
    url, name, count = sys.argv[1:]
    task = {task.__name__: task for task in TASKS}[name]
    engine = create_engine(url)
    storage = storage_on(engine)
    say("ready")
    sys.stdin.readline()
    result = task(storage, int(count))
    say(json.dumps(result))
    engine.dispose()
