"""Changing stored documents: guarded by what was read, and decoding no more of a large one than a part of it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.exchange import documents
from flask_ocpi.exchange.documents import changed_record
from flask_ocpi.exchange.documents import open_text
from flask_ocpi.exchange.documents import replace_record
from flask_ocpi.modules.locations import LOCATION
from flask_ocpi.modules.sessions import SESSION
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from tests.conftest import EVERY_STORAGE
from tests.selecting import examples
from tests.urls import ocpi_url

KEY = Key.of("DE", "CPO", "LOC1", Party("NL", "ABC"))
NOW = "2024-06-01T12:00:00Z"
LATER = "2024-06-01T12:00:01Z"


class GoneError(Exception):
    """What is raised where there is no such object."""


def document_of(storage):
    return storage.get("locations", KEY).document


def update(storage, object_type, key, change, *, part_ids=()):
    def make(record):
        if record is None:
            raise GoneError
        return changed_record(object_type, record, change, part_ids=part_ids)

    return replace_record(storage, object_type.kind, key, make)


def change_name(storage, name):
    return update(storage, LOCATION, KEY, lambda document: {**document, "name": name})


@contextmanager
def overtaken(storage, monkeypatch, write, *, times):
    """Have somebody else write, ``times`` times, right after a record was read without a lock."""
    get, left, locked = storage.get, [times], []

    def slow_get(kind, key, *, for_update=False):
        record = get(kind, key, for_update=for_update)
        if for_update:
            locked.append(key)
        elif left[0] and kind == "locations":
            left[0] -= 1
            write()
        return record

    with monkeypatch.context() as patched:
        patched.setattr(storage, "get", slow_get)
        yield locked


@pytest.fixture
def stored(ocpi_storage):
    ocpi_storage.save("locations", KEY, Record.of(location(city="Berlin")))
    return ocpi_storage


@EVERY_STORAGE
@pytest.mark.conformance("T-16")
def test_a_change_that_was_overtaken_is_made_again_on_what_is_there_by_then(stored, monkeypatch):
    def other():
        stored.save("locations", KEY, Record.of(location(city="Hamburg")))

    with overtaken(stored, monkeypatch, other, times=1) as locked:
        record = change_name(stored, "New")

    assert document_of(stored) == record.document == location(city="Hamburg", name="New")
    assert locked == []


@EVERY_STORAGE
@pytest.mark.conformance("T-16")
def test_a_change_that_is_overtaken_time_and_again_is_made_with_the_record_locked(stored, monkeypatch):
    numbers = iter(range(1000))

    def other():
        stored.save("locations", KEY, Record.of(location(city=f"City{next(numbers)}")))

    with overtaken(stored, monkeypatch, other, times=1000) as locked:
        change_name(stored, "New")

    assert document_of(stored) == location(city=f"City{documents.GUARDED_ATTEMPTS - 1}", name="New")
    assert locked == [KEY]


@EVERY_STORAGE
@pytest.mark.conformance("T-16")
def test_a_change_of_what_was_removed_and_made_anew_is_made_on_the_new_one(stored, monkeypatch):
    def other():
        stored.delete("locations", KEY)
        assert stored.save("locations", KEY, Record.of(location(city="Hamburg"))) is True

    assert stored.get("locations", KEY).revision == 1  # and so is that of the new one
    with overtaken(stored, monkeypatch, other, times=1):
        change_name(stored, "New")

    assert document_of(stored) == location(city="Hamburg", name="New")


@EVERY_STORAGE
def test_a_change_of_what_was_removed_meanwhile_finds_it_missing(stored, monkeypatch):
    with (
        overtaken(stored, monkeypatch, lambda: stored.delete("locations", KEY), times=1),
        pytest.raises(GoneError),
    ):
        change_name(stored, "New")

    assert stored.get("locations", KEY) is None


@EVERY_STORAGE
def test_a_change_that_fails_stores_nothing(stored):
    def refuse(document):
        document["name"] = "half done"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        update(stored, LOCATION, KEY, refuse)

    assert document_of(stored) == location(city="Berlin")


@EVERY_STORAGE
def test_a_change_in_a_transaction_is_undone_with_it(stored):
    def change_and_fail():
        change_name(stored, "New")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), stored.transaction():
        change_and_fail()

    assert document_of(stored) == location(city="Berlin")


def test_a_change_costs_one_read_and_one_write(stored, monkeypatch):
    monkeypatch.setattr(stored, "transaction", None)
    calls = []
    get, save = stored.get, stored.save
    monkeypatch.setattr(stored, "get", lambda *a, **k: calls.append("get") or get(*a, **k))
    monkeypatch.setattr(stored, "save", lambda *a, **k: calls.append("save") or save(*a, **k))

    change_name(stored, "New")

    assert calls == ["get", "save"]


def test_a_storage_without_revisions_is_locked_for_a_change(monkeypatch):
    class Plain(MemoryStorage):
        def get(self, kind, key, *, for_update=False):
            record = super().get(kind, key, for_update=for_update)
            return record if record is None else replace(record, revision=0)

        def save(self, kind, key, record, *, expected=None):
            return super().save(kind, key, record)

    storage = Plain()
    storage.save("locations", KEY, Record.of(location()))

    def other():
        storage.save("locations", KEY, Record.of(location(city="Hamburg")))

    with overtaken(storage, monkeypatch, other, times=1) as locked:
        change_name(storage, "New")

    assert document_of(storage) == location(city="Hamburg", name="New")
    assert locked == [KEY]


@EVERY_STORAGE
def test_who_creates_a_record_first_is_seen_by_the_other(ocpi_storage, monkeypatch):
    seen = []

    def make(record):
        seen.append(record and record.document["city"])
        return Record.of(location(city="Berlin"))

    def other():
        ocpi_storage.save("locations", KEY, Record.of(location(city="Hamburg")))

    with overtaken(ocpi_storage, monkeypatch, other, times=1):
        replace_record(ocpi_storage, "locations", KEY, make)

    assert seen == [None, "Hamburg"]
    assert document_of(ocpi_storage)["city"] == "Berlin"


def test_audience_follows_an_own_object():
    moved = session()["cdr_token"] | {"country_code": "FR", "party_id": "OTH"}
    stored = Record.of(session(), audience=(Party("DE", "EMS"),))

    changed = changed_record(SESSION, stored, lambda document: {**document, "cdr_token": moved})

    assert changed.audience == (Party("FR", "OTH"),)


@pytest.mark.parametrize("ocpi_config", [{"OCPI_REJECT_STALE": True}], ids=["refuse older"])
@EVERY_STORAGE
def test_a_put_that_a_newer_one_overtakes_is_refused(ocpi, ocpi_client, monkeypatch):
    path = ocpi_url("receiver/locations/DE/CPO/LOC1")
    newer = location(country_code="DE", party_id="CPO", last_updated=LATER, name="Newer")
    older = location(country_code="DE", party_id="CPO", last_updated=NOW, name="Older")

    with overtaken(ocpi.storage, monkeypatch, lambda: ocpi_client.put(path, newer), times=1):
        answer = ocpi_client.put(path, older)

    assert answer.status_code == 2001
    assert ocpi_client.get(path).data == newer


# Parts on lines of their own


def large(**changes):
    """Return a location whose text is large, with EVSEs E0, E1, ..."""
    return location(evses=[evse(uid=f"E{number}", vendor="x" * 100) for number in range(100)], **changes)


def set_status(storage, uid, status, moment=NOW):
    """Change the status of an EVSE; return how many EVSEs were decoded for it."""
    decoded = []

    def change(document):
        place = documents.locate(document, LOCATION, [uid])
        if place is None or place.index is None:
            raise GoneError
        decoded.append(len(place.siblings))
        place.put({**place.siblings[place.index], "status": status, "last_updated": moment})
        return document

    update(storage, LOCATION, KEY, change, part_ids=[uid])
    return decoded[-1]


def with_status(document, uid, status, moment=NOW):
    """Do the same to a plain document."""
    for item in document["evses"]:
        if item["uid"].upper() == uid.upper():
            item.update(status=status, last_updated=moment)
            break
    document["last_updated"] = max(document["last_updated"], moment)
    return document


def spelled(document):
    """Write a document without any white space: equal texts are equal in the order of properties as well."""
    return orjson.dumps(document)


def test_after_the_first_change_no_other_part_of_a_large_document_is_decoded():
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(large()))

    decoded = [set_status(storage, f"E{number}", "CHARGING") for number in (7, 0, 50, 99)]

    assert decoded == [100, 1, 1, 1]
    expected = large()
    for number in (7, 0, 50, 99):
        expected = with_status(expected, f"E{number}", "CHARGING")
    assert spelled(document_of(storage)) == spelled(expected)


def test_nothing_moves_behind_a_part_that_became_shorter():
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(large(last_updated=LATER)))
    set_status(storage, "E1", "AVAILABLE")
    before = storage.get("locations", KEY).text

    set_status(storage, "E1", "CHARGING")

    after = storage.get("locations", KEY).text
    end = before.index(b"\n", before.index(b'"E1"'))
    assert before != after
    assert before[end:] == after[end:]


def test_blanks_do_not_pile_up_for_a_part_that_lost_much():
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(large()))
    set_status(storage, "E1", "AVAILABLE")

    def change(document):
        documents.locate(document, LOCATION, ["E1"]).put(evse(uid="E1"))
        return document

    update(storage, LOCATION, KEY, change, part_ids=["E1"])

    assert b"  " not in storage.get("locations", KEY).text


def test_a_small_document_stays_without_white_space():
    storage = MemoryStorage()
    document = location(evses=[evse(uid="E0"), evse(uid="E1")])
    storage.save("locations", KEY, Record.of(document))

    set_status(storage, "E1", "CHARGING")

    assert storage.get("locations", KEY).text == spelled(with_status(document, "E1", "CHARGING"))


@pytest.mark.parametrize("uid", ["e7", "E7"], ids=["other case", "same case"])
def test_a_part_is_found_whatever_the_case_of_its_id(uid):
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(large()))
    set_status(storage, "E1", "CHARGING")

    set_status(storage, uid, "BLOCKED")

    expected = with_status(with_status(large(), "E1", "CHARGING"), uid, "BLOCKED")
    assert spelled(document_of(storage)) == spelled(expected)


def test_a_part_that_is_not_there_is_missed_in_a_large_document_too():
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(large(vendor=[{"uid": "NEST"}, {"uid": "ED"}])))
    set_status(storage, "E1", "CHARGING")

    for uid in ("NEST", "ED"):
        with pytest.raises(GoneError):
            set_status(storage, uid, "CHARGING")


def test_lines_make_no_other_document():
    record = Record.of(large())
    storage = MemoryStorage()
    storage.save("locations", KEY, record)
    set_status(storage, "E1", "CHARGING")
    set_status(storage, "E1", "AVAILABLE", LATER)

    stored = storage.get("locations", KEY)

    same = Record.of(with_status(large(), "E1", "AVAILABLE", LATER))
    assert stored.text != same.text
    assert stored.has_same_document(same)
    assert same.has_same_document(stored)
    assert not stored.has_same_document(record)
    assert not record.has_same_document(same)


WRITERS = {
    "compact": lambda document: json.dumps(document, separators=(",", ":")),
    "with blanks": json.dumps,
    "indented": lambda document: json.dumps(document, indent=2),
    "broken at everything": lambda document: json.dumps(document, indent=0, separators=(",", ":")),
    "other order": lambda document: json.dumps(document, sort_keys=True, separators=(",", ":")),
    "evses first": lambda document: json.dumps({"evses": document["evses"], **document}, indent=0),
    "lines elsewhere": lambda document: (
        '{"vendor":{"evses":[\n{"uid":"E3"},\n{"uid":"E90"}\n]},' + json.dumps(document, separators=(",", ":"))[1:]
    ),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_whatever_a_storage_writes_like_is_changed_rightly(writer):
    storage = MemoryStorage()
    text = writer(large())
    document = json.loads(text)
    storage.save("locations", KEY, Record(text.encode()))

    for uid in ("E3", "E90", "E3"):
        set_status(storage, uid, "CHARGING")
        document = with_status(document, uid, "CHARGING")
        assert document_of(storage) == document


def test_two_parts_with_one_id_are_left_to_the_whole_document():
    document = location(evses=[evse(uid=uid, vendor="x" * 3000) for uid in ("e1", "E2", "E1")])
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(document))

    decoded = [set_status(storage, "E1", status) for status in ("CHARGING", "BLOCKED")]

    assert decoded == [3, 3]
    assert document_of(storage) == with_status(document, "E1", "BLOCKED")


# Whatever could be taken for the structure around a part.
TRAPS = st.sampled_from(
    [
        '"evses":[',
        '\n{"uid":"E1"',
        "\n]",
        "]}",
        "}",
        '\\"evses\\":[\n',
        [{"uid": "E1", "status": "PLANNED"}],
        {"evses": [{"uid": "E1"}, {"uid": "E2"}]},
        {"uid": "E1", "connectors": [connector(id="1")]},
        [],
        1.50,
        "é\u2028\U0001f697",
    ]
)
UIDS = st.sampled_from(["E1", "e1", "E2", 'a"b', "back\\slash", "]", "{", "%", "E10", "E"])
VENDORS = st.dictionaries(st.sampled_from(["vendor", "evses_old", "evses2", "uid_old"]), TRAPS, max_size=2)
EVSES = st.lists(
    st.builds(lambda uid, more: evse(uid=uid, connectors=[connector(id="1", **more)], **more), UIDS, VENDORS),
    min_size=1,
    max_size=5,
    unique_by=lambda item: item["uid"].upper(),
)
STEPS = st.lists(
    st.tuples(UIDS, st.sampled_from(["AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER"]), st.sampled_from([NOW, LATER])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=examples(200), deadline=None)
@given(evses=EVSES, around=VENDORS, steps=STEPS)
def test_changing_parts_is_the_same_as_changing_the_whole_document(evses, around, steps):
    document = location(evses=evses, **around)
    expected = orjson.loads(orjson.dumps(document))
    storage = MemoryStorage()
    storage.save("locations", KEY, Record.of(document))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(documents, "LARGE", 0)
        for uid, status, moment in steps:
            if uid.upper() in {item["uid"].upper() for item in evses}:
                set_status(storage, uid, status, moment)
                expected = with_status(expected, uid, status, moment)
            else:
                with pytest.raises(GoneError):
                    set_status(storage, uid, status, moment)
            assert spelled(document_of(storage)) == spelled(expected)
            for item in expected["evses"]:
                found = open_text(storage.get("locations", KEY).text, LOCATION, [item["uid"]]).document
                place = documents.locate(found, LOCATION, [item["uid"]])
                assert spelled(place.siblings[place.index]) == spelled(item)


# Over HTTP


@EVERY_STORAGE
@pytest.mark.conformance("LOC-10", "LOC-11")
def test_large_locations_are_patched_and_read_like_small_ones(ocpi_client):
    path = ocpi_url("receiver/locations/DE/CPO/LOC1")
    document = large(country_code="DE", party_id="CPO")
    ocpi_client.put(path, document)
    steps = [
        ("E5", {"status": "CHARGING", "last_updated": NOW}),
        ("E5", {"status": "BLOCKED", "last_updated": LATER}),
        ("E99", {"status": "RESERVED", "last_updated": NOW}),
        ("E0/1", {"standard": "CHADEMO", "last_updated": NOW}),
    ]

    assert [ocpi_client.patch(f"{path}/{ids}", change).status_code for ids, change in steps] == [1000] * 4

    evses = document["evses"]
    evses[5] |= steps[1][1]
    evses[99] |= steps[2][1]
    evses[0] |= {"last_updated": NOW}
    evses[0]["connectors"][0] |= steps[3][1]
    assert ocpi_client.get(path).data == {**document, "last_updated": LATER}
    assert ocpi_client.get(f"{path}/e5").data == evses[5]
    assert ocpi_client.get(f"{path}/E0/1").data == evses[0]["connectors"][0]
    assert ocpi_client.patch(f"{path}/E100", steps[0][1]).status_code == 2003
    assert ocpi_client.put(f"{path}/E100", evse(uid="E100")).http_status == 201
    assert ocpi_client.get(f"{path}/E100").data == evse(uid="E100")


def test_listeners_get_the_whole_of_a_large_location(ocpi, ocpi_app, ocpi_client):
    path = ocpi_url("receiver/locations/DE/CPO/LOC1")
    ocpi_client.put(path, large(country_code="DE", party_id="CPO"))
    ocpi_client.patch(f"{path}/E1", {"status": "CHARGING", "last_updated": NOW})
    heard = []

    with object_received.connected_to(lambda app, document, **_: heard.append(document), ocpi_app):
        ocpi_client.patch(f"{path}/E2", {"status": "CHARGING", "last_updated": NOW})

    expected = with_status(large(country_code="DE", party_id="CPO"), "E1", "CHARGING")
    assert heard == [with_status(expected, "E2", "CHARGING")]
    assert ocpi.storage.list("locations", Query()).total == 1
