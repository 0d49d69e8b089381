"""The pieces of code in docs/storage.md do what the page says."""

from __future__ import annotations

import re

import pytest

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.setup import kinds
from tests.snippets import ROOT
from tests.snippets import blocks
from tests.snippets import run

NOW = 1_000_000
ONE = Key.of("NL", "ABC", "1")
OTHER = Key.of("NL", "ABC", "2")


@pytest.fixture
def storage():
    storage = MemoryStorage()
    storage.save("locations", ONE, Record(b"1"))
    storage.save("locations", OTHER, Record(b"2"))
    return storage


def run_block(containing, **names):
    """Run the block of the page that has a text in it; return its names."""
    page = blocks((ROOT / "docs" / "storage.md").read_text(encoding="utf-8"), "python")
    (block,) = [block for block in page if containing in block]
    run(block, names, where="docs/storage.md")
    return names


def test_page_lists_every_kind_of_record():
    page = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    table = page.partition("| Kinds | Content |")[2].partition("\n\n")[0]
    listed = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))

    assert sorted(listed) == sorted(kinds(VERSIONS))


def test_transaction_changes_a_locked_record(storage):
    run_block("storage.transaction()", storage=storage, key=ONE, changed=lambda record: Record(record.text * 2))

    assert storage.get("locations", ONE).text == b"11"


def test_run_swaps_two_records(storage):
    run_block("storage.run(", storage=storage, one=ONE, other=OTHER)

    assert [storage.get("locations", key).text for key in (ONE, OTHER)] == [b"2", b"1"]


def test_claim_takes_the_entries_that_are_due(storage):
    key = Key("", "", "ENTRY", "de-ems")
    storage.save("outbox", key, Record(b"{}", last_updated=NOW - 1))

    names = run_block("storage.claim(", storage=storage, now=NOW, key_of=lambda record: key)

    assert [record.last_updated for record in names["taken"]] == [NOW + 60_000_000]
    assert storage.list("outbox", Query(date_to=NOW)).total == 0
