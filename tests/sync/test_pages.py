"""Storing a page of objects: as if each of them came alone, in order."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from flask_ocpi.core.moments import to_micros
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.sync.known import Known
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.receiving import receive
from flask_ocpi.sync.scopes import scope_of
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE

THEIRS = {"country_code": "FR", "party_id": "OTH"}
EARLY, LATE = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


@pytest.fixture
def page(ocpi, cpo):
    """A function that stores a page, and returns what became of it: counts, and the receipt."""

    def store(documents, *, module="locations", known=None):
        scope = scope_of(ocpi.services, ocpi.partners.find("FR-OTH"), module)
        pulled = Pulled()
        with ocpi.storage.transaction():
            items = map(scope.item_of, documents)
            receipt = receive(ocpi.services, scope, items, pulled, known=known or Known())
        return (pulled.created, pulled.updated, pulled.unchanged), receipt

    return store


def theirs(id, **changes):
    return location(id=id, **THEIRS, **changes)


def stored(ocpi, kind="locations"):
    records = ocpi.storage.list(kind, Query(receiver="NL-ABC other-example")).records
    return [(record.document["id"], record.document.get("name"), record.revision) for record in records]


@EVERY_STORAGE
def test_page_has_new_changed_and_known_objects(ocpi, page):
    page([theirs("A"), theirs("B"), theirs("C", last_updated=LATE)])

    counts, receipt = page(
        [theirs("D"), theirs("B"), theirs("A", name="New"), theirs("C", last_updated=EARLY), theirs("E")]
    )

    assert counts == (2, 1, 2)
    assert [(item.key.id, item.created) for item in receipt.stored] == [("D", True), ("A", False), ("E", True)]
    assert [key.id for key in receipt.seen] == ["D", "B", "A", "C", "E"]
    assert stored(ocpi) == [("A", "New", 2), ("B", None, 1), ("C", None, 1), ("D", None, 1), ("E", None, 1)]


@EVERY_STORAGE
@pytest.mark.parametrize("is_here", [False, True], ids=["new", "known"])
def test_of_an_object_that_is_on_a_page_twice_the_newer_stays(ocpi, page, is_here):
    if is_here:
        page([theirs("A", last_updated=EARLY)])
    twice = [theirs("A", name="One", last_updated=LATE), theirs("a", name="Old", last_updated=EARLY)]
    twice += [theirs("A", name="Two", last_updated=LATE), theirs("A", name="Two", last_updated=LATE)]

    counts, _ = page(twice)

    assert counts == ((0, 2, 2) if is_here else (1, 1, 2))
    assert stored(ocpi) == [("A", "Two", 3 if is_here else 2)]


@EVERY_STORAGE
@pytest.mark.parametrize(("pushed", "name"), [(EARLY, "Listed"), (LATE, "Pushed")], ids=["older", "newer"])
def test_object_that_is_pushed_at_this_very_moment_is_compared(ocpi, page, monkeypatch, pushed, name):
    create_many = ocpi.storage.create_many

    def late(kind, records):
        monkeypatch.undo()
        document = theirs("A", name="Pushed", last_updated=pushed)
        ocpi.storage.save(kind, records[0][0], Record.of(document, last_updated=to_micros(pushed)))
        return create_many(kind, records)

    monkeypatch.setattr(ocpi.storage, "create_many", late)

    counts, _ = page([theirs("A", name="Listed", last_updated="2024-06-01T00:00:00Z"), theirs("B")])

    assert counts == ((1, 1, 0) if name == "Listed" else (1, 0, 1))
    assert [(id, name) for id, name, _ in stored(ocpi)] == [("A", name), ("B", None)]


@EVERY_STORAGE
def test_cdr_that_is_here_is_never_overwritten(ocpi, page):
    page([cdr(id="A", **THEIRS), cdr(id="B", **THEIRS)], module="cdrs")
    again = [cdr(id="a", **THEIRS), cdr(id="B", remark="Changed.", **THEIRS), cdr(id="C", **THEIRS)]
    again += [cdr(id="C", remark="Changed.", **THEIRS)]

    counts, receipt = page(again, module="cdrs")

    assert counts == (1, 0, 1)
    assert [(item.document["id"], "stored already" in item.reason) for item in receipt.broken] == [
        ("B", True),
        ("C", True),
    ]
    found = ocpi.storage.list("cdrs", Query(receiver="NL-ABC other-example")).records
    assert [(r.document["id"], "remark" in r.document, r.revision) for r in found] == [
        ("A", False, 1),
        ("B", False, 1),
        ("C", False, 1),
    ]


def test_what_was_removed_meanwhile_is_not_created(ocpi, page):
    page([theirs("A"), theirs("B")])
    keys = page([theirs("A"), theirs("B")])[1].seen
    known = Known()
    known.add((key, 1) for key in keys)
    ocpi.storage.delete("locations", keys[0])

    counts, _ = page([theirs("A"), theirs("B", name="New")], known=known)

    assert counts == (0, 1, 1)
    assert stored(ocpi) == [("B", "New", 2)]


def peak_of_syncing(ocpi):
    gc.collect()
    gc.freeze()  # what other tests left is not looked through with each page
    tracemalloc.start()
    try:
        (synced,) = ocpi.sync(modules=["locations"], full=True)
        assert synced.is_complete
        return tracemalloc.get_traced_memory()[1], synced.pulled.seen
    finally:
        tracemalloc.stop()
        gc.unfreeze()


@pytest.mark.parametrize("ocpi_storage", ["sqlite"], indirect=True)
def test_sync_holds_keys_and_no_documents_of_a_whole_list(ocpi, cpo, ocpi_network):
    object.__setattr__(cpo.services.settings, "page_limit", 50)
    cpo.services.traffic._kept = "off"  # its journal would be in memory

    def forget(_):
        ocpi_network.requests.clear()
        gc.collect()  # a process with a large heap collects too seldom to tell what is held from what is garbage

    ocpi_network.before_send = forget
    directions = [{"language": "en", "text": "x" * 512}, {"language": "nl", "text": "y" * 512}]

    def save(numbers):
        cpo.objects.save_all([("locations", (theirs(f"L{n}", name="x" * 255, directions=directions) for n in numbers))])

    save(range(200))
    peak_of_syncing(ocpi)
    few, seen = peak_of_syncing(ocpi)
    save(range(200, 2200))
    more, all_seen = peak_of_syncing(ocpi)

    assert (seen, all_seen) == (200, 2200)
    # The next page, about 100 kB when decoded, may be there already or not; marks tell which objects came before.
    assert more - few < 2000 * 200 < 2000 * len(ocpi.storage.list("locations", Query(limit=1)).texts[0])
