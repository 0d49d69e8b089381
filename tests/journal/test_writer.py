"""The journal is written beside the requests: it neither holds them up nor fails them, and says what it lost."""

from __future__ import annotations

import threading

import pytest
from flask import current_app

from flask_ocpi.errors import StorageError
from flask_ocpi.exchange import journal_groups
from flask_ocpi.exchange import journal_purge
from flask_ocpi.exchange import journal_writer as writers
from flask_ocpi.exchange import write_behind
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import about
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.journal_groups import CLOSED
from flask_ocpi.exchange.journal_groups import OPEN
from flask_ocpi.exchange.journal_groups import REFERENCES
from flask_ocpi.exchange.journal_groups import combine
from flask_ocpi.exchange.journal_groups import groups_on
from flask_ocpi.exchange.journal_groups import messages_in
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.journal_purge import Bound
from flask_ocpi.exchange.journal_purge import Purge
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.journal_records import Shelf
from flask_ocpi.exchange.journal_records import key_of
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.e2e.processes import until
from tests.journal.conftest import kept
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
IN_THREADS = {"OCPI_DISPATCHER": "thread", "OCPI_JOURNAL": "all", "OCPI_PUSH": False}
SECONDS = 120
DAY = 86_400


class JournalStorage(MemoryStorage):
    """A storage in which writing the journal can be held up, or fail; it needs the app's context."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error
        self.batches = []
        self.begun, self.free = threading.Event(), threading.Event()
        self.free.set()

    def transaction(self):
        if threading.current_thread().name == "ocpi-messages":
            self.begun.set()
            assert self.free.wait(SECONDS)
        return super().transaction()

    def create_many(self, kind, records):
        if kind != JOURNAL:
            return super().create_many(kind, records)
        assert current_app.name
        self.begun.set()
        if self.error is not None:
            raise self.error
        self.batches.append(len(records))
        return super().create_many(kind, records)


def platform(network, storage, **config):
    """Return a platform that writes in a thread, and a partner of it."""
    ocpi = network.add("busy.example", [("NL", "BUS", ["CPO"])], storage=storage, config={**IN_THREADS, **config})
    return ocpi, add_partner(ocpi.app, [("DE", "EMS", ["EMSP"])])


def lost(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "flask_ocpi.journal"]


@EVERY_STORAGE
def test_messages_are_in_the_storage_after_a_flush(ocpi_network, ocpi_storage):
    ocpi, partner = platform(ocpi_network, ocpi_storage)

    for number in range(3):
        partner.get(SENDER, headers={"X-Request-ID": f"{number}"})

    assert ocpi.journal.flush()
    assert [message.request_id for message in kept(ocpi)] == ["0", "1", "2"]


def test_thread_writes_by_itself(ocpi_network):
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage)

    partner.get(SENDER)

    assert storage.begun.wait(SECONDS)
    assert ocpi.journal.flush()
    assert len(kept(ocpi)) == 1


def test_messages_are_written_in_batches(ocpi_network, monkeypatch):
    monkeypatch.setattr(writers.Writer, "_wake", lambda self: None)
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage, OCPI_JOURNAL="compact")

    for _ in range(writers.AT_ONCE + 20):
        partner.get(SENDER)

    assert storage.batches == []
    assert ocpi.journal.flush()
    assert storage.batches == [5, 1]  # records, of a hundred messages
    assert len(kept(ocpi)) == writers.AT_ONCE + 20


def test_inline_messages_are_written_at_once(ocpi_network):
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage, OCPI_DISPATCHER="inline")

    partner.get(SENDER)

    assert storage.batches == [1]
    assert len(kept(ocpi)) == 1


@pytest.mark.parametrize("dispatcher", ["thread", "inline"])
@pytest.mark.parametrize("error", [StorageError("The disk is full."), RuntimeError("The disk is full.")], ids=repr)
def test_storage_that_fails_fails_no_request_and_is_logged_once(ocpi_network, caplog, dispatcher, error):
    ocpi, partner = platform(ocpi_network, JournalStorage(error), OCPI_DISPATCHER=dispatcher)

    answers = []
    for _ in range(3):
        answers.append(partner.get(SENDER).status_code)
        ocpi.journal.flush()

    assert answers == [1000, 1000, 1000]
    assert ocpi.journal.lost == 3
    assert lost(caplog) == ["The journal lacks 1 message since the start of the process: The disk is full."]


def test_storage_without_a_table_for_the_journal_fails_no_request(ocpi_network, tmp_path, caplog):
    with sqlalchemy_storage(f"sqlite:///{tmp_path / 'old.sqlite3'}") as storage:
        _, partner = platform(ocpi_network, storage, OCPI_DISPATCHER="inline")
        with storage._database.connection() as connection:
            connection.exec_driver_sql("DROP TABLE ocpi_journal")

        assert partner.get(SENDER).status_code == 1000

    assert "run `flask ocpi init-db`" in lost(caplog)[0]


def test_full_queue_drops_and_counts(ocpi_network, monkeypatch, caplog):
    monkeypatch.setattr(writers, "QUEUE_LENGTH", 5)
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage)
    storage.free.clear()
    partner.get(SENDER)
    assert storage.begun.wait(SECONDS)  # the thread has the first one, and is held up with it

    answers = [partner.get(SENDER).status_code for _ in range(8)]
    storage.free.set()

    assert answers == [1000] * 8
    assert ocpi.journal.flush(SECONDS)
    assert (len(kept(ocpi)), ocpi.journal.lost) == (6, 3)
    assert lost(caplog) == [
        "The journal lacks 1 message since the start of the process: they come faster than they can be written."
    ]


def test_what_was_lost_is_logged_again_after_a_minute(ocpi_network, monkeypatch, caplog):
    now = 0.0
    monkeypatch.setattr(write_behind, "monotonic", lambda: now)
    _, partner = platform(ocpi_network, JournalStorage(StorageError("No.")), OCPI_DISPATCHER="inline")

    for now in (1.0, 30.0, 62.0):  # noqa: B007  (the clock reads it)
        partner.get(SENDER)

    assert [text.split(" message")[0] for text in lost(caplog)] == ["The journal lacks 1", "The journal lacks 3"]


def test_flush_gives_up_when_its_time_is_over(ocpi_network):
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage)
    storage.free.clear()
    partner.get(SENDER)
    assert storage.begun.wait(SECONDS)

    done = ocpi.journal.flush(0.01)
    storage.free.set()

    assert not done
    assert ocpi.journal.flush(SECONDS)


def test_many_threads_lose_nothing(ocpi_network):
    ocpi, partner = platform(ocpi_network, MemoryStorage())
    threads = [
        threading.Thread(
            target=lambda n=n: [partner.get(SENDER, headers={"X-Request-ID": f"{n}-{i}"}) for i in range(20)]
        )
        for n in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ocpi.journal.flush()
    assert {m.request_id for m in kept(ocpi)} == {f"{n}-{i}" for n in range(4) for i in range(20)}


@EVERY_STORAGE
def test_journal_keeps_about_as_many_messages_as_it_may(ocpi_network, ocpi_storage):
    ocpi, partner = platform(ocpi_network, ocpi_storage, OCPI_JOURNAL_MAX_COUNT=30, OCPI_DISPATCHER="inline")

    for number in range(write_behind.PURGE_AFTER):
        partner.get(SENDER, headers={"X-Request-ID": f"{number}"})

    assert [m.request_id for m in kept(ocpi)] == [f"{number}" for number in range(write_behind.PURGE_AFTER)][-30:]


@EVERY_STORAGE
def test_journal_forgets_what_is_too_old(ocpi_network, ocpi_storage, ocpi_clock):
    ocpi, partner = platform(ocpi_network, ocpi_storage, OCPI_DISPATCHER="inline", OCPI_JOURNAL_MAX_COUNT=1000)
    partner.get(SENDER, headers={"X-Request-ID": "old"})
    ocpi_clock.advance(20 * DAY)
    partner.get(SENDER, headers={"X-Request-ID": "younger"})
    ocpi_clock.advance(10 * DAY + 1)

    for _ in range(write_behind.PURGE_AFTER - 2):
        partner.get(SENDER, headers={"X-Request-ID": "new"})

    ids = [m.request_id for m in kept(ocpi)]
    assert ids == ["younger"] + ["new"] * (write_behind.PURGE_AFTER - 2)


@EVERY_STORAGE
def test_purge_is_bounded_and_comes_to_an_end(ocpi_network, ocpi_storage, ocpi_clock, monkeypatch):
    monkeypatch.setattr(journal_purge, "PURGED_AT_ONCE", 4)
    ocpi, partner = platform(ocpi_network, ocpi_storage, OCPI_DISPATCHER="inline")
    for _ in range(10):
        ocpi_clock.advance(1)
        partner.get(SENDER)
    later = 2**60

    removed = [Purge(ocpi.storage).run(Bound(later, 100), failed=Bound(later, 100)) for _ in range(4)]

    assert removed == [4, 4, 2, 0]


def test_old_messages_go_also_when_no_new_ones_come(ocpi_network, ocpi_clock, monkeypatch):
    monkeypatch.setattr(write_behind, "_PURGE_SECONDS", 0.01)
    ocpi, partner = platform(ocpi_network, MemoryStorage())
    partner.get(SENDER)
    assert ocpi.journal.flush()
    assert len(kept(ocpi)) == 1

    ocpi_clock.advance(31 * DAY)

    until(lambda: not kept(ocpi), "The old message is still there.")
    monkeypatch.setattr(write_behind, "_PURGE_SECONDS", 3600.0)  # or its thread would go on and on


def test_purge_that_fails_is_logged(ocpi_network, monkeypatch, caplog):
    monkeypatch.setattr(writers, "PURGE_AFTER", 1)
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage, OCPI_DISPATCHER="inline", OCPI_JOURNAL_MAX_COUNT=1)
    monkeypatch.setattr(storage, "delete_many", lambda *a, **k: 1 / 0)

    answers = [partner.get(SENDER).status_code for _ in range(2)]

    assert answers == [1000, 1000]
    assert len(kept(ocpi)) == 2
    assert lost(caplog) == ["Old messages could not be removed from the journal: division by zero"]


@EVERY_STORAGE
def test_references_go_with_their_messages(ocpi_network, ocpi_storage, ocpi_clock):
    ocpi, partner = platform(ocpi_network, ocpi_storage, OCPI_DISPATCHER="inline", OCPI_JOURNAL="compact")
    for _ in range(10):
        ocpi_clock.advance(1)
        partner.get(SENDER)

    Purge(ocpi.storage).run(Bound(0, 4), failed=Bound(0, 4))

    assert len(kept(ocpi)) == ocpi.storage.list(REFERENCES, Query()).total == 4


def answered(number, status, platform="known", moment=None):
    about = (Reference.of("session", f"S{number}"),)
    moment = number * 1_000_000 if moment is None else moment
    message = Message(Direction.IN, "GET", "/", moment, 0.1, platform, http_status=status, request_id=f"{number}")
    return Kept(message, about)


def left(storage):
    return [int(entry.message.request_id) for entry in latest(storage, Search(), 1000)]


def found(storage, numbers):
    return [number for number in numbers if about(storage, [Reference.of("session", f"S{number}")], limit=5)]


@EVERY_STORAGE
@pytest.mark.parametrize("large", [5, 8000], ids=["closed groups", "open groups"])
@pytest.mark.parametrize("at_once", [1, 10], ids=["one by one", "in batches"])
def test_successes_do_not_push_out_failures(ocpi_storage, monkeypatch, at_once, large):
    monkeypatch.setattr(journal_groups, "_LARGE", large)
    for begin in range(0, 100, at_once):
        some = range(begin, begin + at_once)
        write(ocpi_storage, [answered(number, 500 if number % 10 == 3 else 200) for number in some])
    purge = Purge(ocpi_storage)

    purge.run(Bound(0, 20), failed=Bound(0, 8))
    for number in range(100, 140):
        write(ocpi_storage, [answered(number, 200)])
    purge.run(Bound(0, 20), failed=Bound(0, 8))

    expected = [*range(23, 94, 10), *range(120, 140)]
    assert left(ocpi_storage) == found(ocpi_storage, range(140)) == expected
    if large == 8000 and at_once == 1:
        assert ocpi_storage.list(REFERENCES, Query(receiver=Shelf.SUCCEEDED)).total == 20


@EVERY_STORAGE
def test_failures_have_an_age_of_their_own(ocpi_storage):
    for number in (1, 3, 5):
        write(ocpi_storage, [answered(number, 200), answered(number + 1, 500)])

    Purge(ocpi_storage).run(Bound(5_000_000, 100), failed=Bound(2_000_000, 100))

    assert left(ocpi_storage) == found(ocpi_storage, range(9)) == [4, 5, 6]


@EVERY_STORAGE
def test_strangers_that_are_forgotten_take_no_failure_of_a_partner_with_them(ocpi_storage):
    day = DAY * 1_000_000
    for number in range(4):
        write(ocpi_storage, [answered(number, 500, moment=number * day)])
        write(ocpi_storage, [answered(number + 10, 401, None, moment=number * day)])

    Purge(ocpi_storage).run(Bound(0, 40), failed=Bound(0, 40))

    assert left(ocpi_storage) == [0, 1, 2, 12, 3, 13]
    assert found(ocpi_storage, range(20)) == [0, 1, 2, 3, 12, 13]


@EVERY_STORAGE
def test_what_was_left_of_a_purge_that_broke_off_goes_with_a_later_one(ocpi_storage):
    for number in range(3):
        write(ocpi_storage, [answered(number, 200, moment=number * DAY * 1_000_000)])
    first, _ = next(iter(ocpi_storage.keys(JOURNAL, Query(), key_of=key_of)))
    ocpi_storage.delete(JOURNAL, first)

    Purge(ocpi_storage).run(Bound(0, 1), failed=Bound(0, 1))

    assert left(ocpi_storage) == [2]
    assert ocpi_storage.list(REFERENCES, Query()).total == 1


@EVERY_STORAGE
@pytest.mark.parametrize("large", [5, 8000], ids=["closed groups", "open groups"])
def test_processes_that_remove_old_messages_at_once_remove_nothing_else(ocpi_storage, monkeypatch, large):
    monkeypatch.setattr(journal_groups, "_LARGE", large)
    for number in range(20):
        write(ocpi_storage, [answered(number, 200)])
    Purge(ocpi_storage).run(Bound(0, 100), failed=Bound(0, 100))
    read = ocpi_storage.get

    def get_as_another_process_removes(kind, key, **options):
        monkeypatch.setattr(ocpi_storage, "get", read)
        record = read(kind, key, **options)
        assert Purge(ocpi_storage).run(Bound(10_000_000, 100), failed=Bound(0, 100)) == 10
        return record

    monkeypatch.setattr(ocpi_storage, "get", get_as_another_process_removes)
    Purge(ocpi_storage).run(Bound(10_000_000, 100), failed=Bound(0, 100))

    assert left(ocpi_storage) == found(ocpi_storage, range(20)) == [*range(10, 20)]


@EVERY_STORAGE
def test_processes_that_close_groups_at_once_close_each_once(ocpi_storage, monkeypatch):
    monkeypatch.setattr(journal_groups, "_LARGE", 5)
    for number in range(20):
        write(ocpi_storage, [answered(number, 500 if number == 7 else 200)])
    groups = groups_on(ocpi_storage, OPEN, Shelf.SUCCEEDED)
    read = ocpi_storage.get_many

    def get_as_another_process_closes(kind, keys, **options):
        monkeypatch.setattr(ocpi_storage, "get_many", read)
        records = read(kind, keys, **options)
        combine(ocpi_storage, groups)
        return records

    monkeypatch.setattr(ocpi_storage, "get_many", get_as_another_process_closes)
    combine(ocpi_storage, groups)

    numbers = [[*map(messages_in, groups_on(ocpi_storage, state, Shelf.SUCCEEDED))] for state in (CLOSED, OPEN)]
    assert numbers == [[5] * 3, [1] * 4]
    assert left(ocpi_storage) == found(ocpi_storage, range(20)) == [*range(20)]


@EVERY_STORAGE
def test_message_is_found_once_while_its_group_is_closed(ocpi_storage, monkeypatch):
    monkeypatch.setattr(journal_groups, "_LARGE", 5)
    for number in range(20):
        write(ocpi_storage, [answered(number, 200)])
    read = ocpi_storage.list

    def list_as_another_process_closes(kind, query):
        page = read(kind, query)
        monkeypatch.setattr(ocpi_storage, "list", read)
        combine(ocpi_storage, groups_on(ocpi_storage, OPEN, Shelf.SUCCEEDED))
        return page

    monkeypatch.setattr(ocpi_storage, "list", list_as_another_process_closes)

    assert len(about(ocpi_storage, [Reference.of("session", "S3")], limit=5)) == 1
    assert groups_on(ocpi_storage, CLOSED, Shelf.SUCCEEDED)


@pytest.mark.parametrize(("body", "headers"), [("x" * 600, {}), ("x", {"Accept": "x" * 600})], ids=["body", "header"])
def test_queue_holds_a_limited_number_of_bytes(ocpi_network, monkeypatch, body, headers):
    monkeypatch.setattr(writers, "QUEUE_BYTES", 1800)
    storage = JournalStorage()
    ocpi, partner = platform(ocpi_network, storage)
    storage.free.clear()
    partner.get(SENDER)
    assert storage.begun.wait(SECONDS)
    wrong = {"uid": "TOKEN1", "issuer": body}

    for _ in range(3):
        partner.put(ocpi_url("receiver/tokens/DE/EMS/TOKEN1"), wrong, headers=headers)
    storage.free.set()
    assert ocpi.journal.flush(SECONDS)
    partner.put(ocpi_url("receiver/tokens/DE/EMS/TOKEN1"), wrong, headers=headers)

    assert ocpi.journal.flush(SECONDS)
    assert (len(kept(ocpi)), ocpi.journal.lost) == (3, 2)
