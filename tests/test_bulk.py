"""Very many own objects at once: all or none, and each as if it came alone."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import DeadlockError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.outbox import entries
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Query
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE

SECONDS = 60


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none", "OCPI_PUSH": True}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    """Have a few dozen objects make several batches."""
    monkeypatch.setattr("flask_ocpi.host.changing._MOST_AT_ONCE", 7)
    monkeypatch.setattr("flask_ocpi.host.objects._WRITTEN_AT_ONCE", 7)


@pytest.fixture
def partner(ocpi, ocpi_app, ocpi_network):
    """A platform that has to be told of locations, and cannot be reached."""
    client = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])])
    endpoints = tuple(
        {"identifier": module, "role": InterfaceRole.RECEIVER.value, "url": f"https://partner.example/{module}"}
        for module in ("locations", "cdrs")
    )
    ocpi.services.platforms.save(replace(client.platform, endpoints=endpoints), before=client.platform)
    return client.platform.id


def entries_of(ocpi, partner):
    return {entry.ids[0]: entry for entry in entries.of_platform(ocpi.services, partner)}


def ids(ocpi, module="locations"):
    return [document["id"] for document in ocpi.objects.documents(module)]


@EVERY_STORAGE
def test_one_wrong_object_in_the_middle_keeps_all_from_being_stored(ocpi):
    documents = [location(id=f"L{number}") for number in range(100)]
    documents[57] = location(id="L57", city=None)

    with pytest.raises(InvalidParametersError, match=r"^locations\[57\]: .*city"):
        ocpi.objects.save_all({"tariffs": [tariff()], "locations": documents})

    assert ids(ocpi) == []
    assert ids(ocpi, "tariffs") == []


@EVERY_STORAGE
def test_final_object_that_differs_in_the_middle_keeps_all_from_being_stored(ocpi):
    ocpi.save("cdrs", cdr(id="C57"))
    documents = [cdr(id=f"C{number}") for number in range(100)]
    documents[57]["remark"] = "Changed."

    with pytest.raises(InvalidParametersError, match=r"^cdrs\[57\]: The cdr 'C57' is stored already"):
        ocpi.objects.save_all({"cdrs": documents})

    assert ids(ocpi, "cdrs") == ["C57"]


def test_objects_may_come_one_by_one(ocpi):
    read = []

    def some(module, make):
        for number in range(20):
            read.append((module, number))
            yield make(id=f"{module[0]}{number}")

    count = ocpi.objects.save_all(
        (module, some(module, make)) for module, make in [("tariffs", tariff), ("locations", location)]
    )

    assert count == 40
    assert read == [(module, number) for module in ("tariffs", "locations") for number in range(20)]
    assert ids(ocpi) == [f"l{number}" for number in range(20)]


@pytest.mark.parametrize("items", [None, "text", b"text", 7, {"id": "L1"}])
def test_what_is_no_list_is_refused(ocpi, items):
    with pytest.raises(InvalidParametersError, match="locations must be a list of objects"):
        ocpi.objects.save_all({"locations": items})


@EVERY_STORAGE
@pytest.mark.parametrize("other", [3, 30], ids=["in the same batch", "in another batch"])
def test_of_an_object_that_comes_twice_the_last_stays(ocpi, ocpi_app, partner, other):
    documents = [location(id=f"L{number}") for number in range(other)]
    documents += [location(id="l0", city="Last")]
    heard = []

    def listen(sender, **payload):
        heard.append((payload["key"].id, payload["document"]["city"], payload["created"]))

    with object_saved.connected_to(listen, sender=ocpi_app):
        ocpi.objects.save_all({"locations": documents})

    assert ocpi.objects.get("locations", "L0") == location(id="l0", city="Last")
    assert ocpi.objects.record("locations", "L0").revision == 2
    assert [h for h in heard if h[0] == "L0"] == [("L0", location()["city"], True), ("L0", "Last", False)]
    assert len(heard) == other + 1
    assert entries_of(ocpi, partner)["l0"].changed is None


@EVERY_STORAGE
def test_what_changed_is_marked_and_nothing_else(ocpi, partner):
    before = [location(id=f"L{number}", name="Before") for number in range(20)]
    ocpi.objects.save_all({"locations": before})
    for entry in entries_of(ocpi, partner).values():
        entries.remove(ocpi.services, entry)
    after = [*before, location(id="L20")]
    after[5] = {**before[5], "name": "After"}
    after[15] = {**before[15], "name": "After", "last_updated": "2030-01-01T00:00:00Z"}

    ocpi.objects.save_all({"locations": after})

    changed = {id: entry.changed for id, entry in entries_of(ocpi, partner).items()}
    assert changed == {"L5": {"": ["name"]}, "L15": {"": ["name", "last_updated"]}, "L20": None}


@EVERY_STORAGE
def test_entries_that_are_there_are_part_of_the_new_ones(ocpi, partner):
    ocpi.objects.save_all({"locations": [location(id=id) for id in ("NAMED", "PARKED", "SAME")]})
    for id, entry in entries_of(ocpi, partner).items():
        if id == "PARKED":
            entries.postpone(ocpi.services, entry, due=entries.PARKED, error="refused", status_code=2001)
        else:
            entries.remove(ocpi.services, entry)
    ocpi.save("locations", location(id="NAMED", name="One"))
    known = entries_of(ocpi, partner)

    ocpi.objects.save_all(
        {"locations": [location(id="NAMED", city="Two"), location(id="PARKED", city="Two"), location(id="SAME")]}
    )

    found = entries_of(ocpi, partner)
    assert set(found) == {"NAMED", "PARKED"}
    assert set(found["NAMED"].changed[""]) == {"name", "city"}
    assert (found["NAMED"].since, found["NAMED"].revision) == (known["NAMED"].since, known["NAMED"].revision + 1)
    assert (found["PARKED"].changed, found["PARKED"].is_parked) == (None, False)
    assert found["PARKED"].since == known["PARKED"].since


@EVERY_STORAGE
def test_all_objects_are_marked_when_all_are_pushed(ocpi, partner):
    ocpi.objects.save_all({"locations": [location(id=f"L{number}") for number in range(50)]})
    for entry in entries_of(ocpi, partner).values():
        entries.remove(ocpi.services, entry)

    assert ocpi.objects.push_all("locations", platform=ocpi.partners.find(partner)) == 50

    assert list(entries_of(ocpi, partner)) == [f"L{number}" for number in range(50)]


@EVERY_STORAGE
def test_what_a_deadlock_ended_is_stored_from_the_beginning(ocpi, monkeypatch):
    create_many, calls, ticks = ocpi.storage.create_many, [], []

    def end_once(kind, records):
        calls.append(len(records))
        created = create_many(kind, records)
        if len(calls) == 3:
            raise DeadlockError("in favour of another")
        return created

    monkeypatch.setattr(ocpi.storage, "create_many", end_once)

    ocpi.objects.save_all(
        {"locations": [location(id=f"L{number}") for number in range(20)]}, progress=lambda: ticks.append(1)
    )

    assert calls == [7, 7, 6, 7, 7, 6]
    assert len(ticks) == 20
    assert ids(ocpi) == [f"L{number}" for number in range(20)]
    assert {record.revision for record in ocpi.storage.list("locations", Query()).records} == {1}


@EVERY_STORAGE
def test_parallel_imports_in_other_orders_all_come_to_their_end(ocpi, partner):
    numbers = list(range(40))

    def save(name, order):
        return ocpi.objects.save_all({"locations": [location(id=f"L{number}", name=name) for number in order]})

    with ThreadPoolExecutor(2) as pool:
        orders = {"up": numbers, "down": numbers[::-1]}
        results = [pool.submit(save, *item) for item in orders.items()]
        counts = [result.result(SECONDS) for result in results]

    assert counts == [40, 40]
    found = list(ocpi.objects.documents("locations"))
    assert sorted(document["id"] for document in found) == sorted(f"L{number}" for number in numbers)
    assert len({document["name"] for document in found}) == 1
    assert set(entries_of(ocpi, partner)) == {f"L{number}" for number in numbers}


def test_batches_of_large_objects_are_small(ocpi, monkeypatch):
    monkeypatch.setattr("flask_ocpi.host.changing._LARGEST_AT_ONCE", 2000)
    create_many, sizes = ocpi.storage.create_many, []

    def note(kind, records):
        sizes.append(len(records))
        return create_many(kind, records)

    monkeypatch.setattr(ocpi.storage, "create_many", note)

    ocpi.objects.save_all({"locations": [location(id=f"L{number}", name="x" * 250) for number in range(10)]})

    assert max(sizes) < 7
    assert sum(sizes) == 10


@EVERY_STORAGE
def test_large_objects_are_stored_as_they_are(ocpi, ocpi_app):
    documents = [
        location(id=f"L{number}", name="A é", evses=[evse(uid=f"E{index}") for index in range(60)])
        for number in range(10)
    ]
    heard = []

    def listen(sender, **payload):
        heard.append(payload["document"])

    with object_saved.connected_to(listen, sender=ocpi_app):
        ocpi.objects.save_all({"locations": documents})

    assert list(ocpi.objects.documents("locations")) == documents
    assert heard == documents


def many(count):
    return (location(id=f"L{number}", name="x" * 200) for number in range(count))


def peak_of_importing(ocpi, path, count):
    """Return the most bytes that Python's objects took while a file of so many objects was imported."""
    with path.open("w") as file:
        file.writelines(json.dumps({"locations": [document]}) + "\n" for document in many(count))
    tracemalloc.start()
    try:
        result = ocpi.app.test_cli_runner().invoke(args=["ocpi", "import", str(path)])
        assert result.output == f"Imported {count} locations.\n"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ocpi_storage", ["sqlite"], indirect=True)
def test_memory_does_not_grow_with_the_lines_of_a_file(ocpi, tmp_path):
    peak_of_importing(ocpi, tmp_path / "warm.jsonl", 100)
    few = peak_of_importing(ocpi, tmp_path / "few.jsonl", 500)
    more = peak_of_importing(ocpi, tmp_path / "more.jsonl", 2000)

    assert more < 2 * few


def test_a_function_is_asked_for_the_objects_twice_and_a_generator_once(ocpi):
    calls = []

    def objects():
        calls.append(len(ids(ocpi)))
        yield "locations", many(20)

    assert ocpi.objects.save_all(objects) == 20
    assert ocpi.objects.save_all([("locations", many(30))]) == 30

    assert calls == [0, 0]
    assert len(ids(ocpi)) == 30
