"""What the host application does with the objects of its own parties."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE

TWO_PARTIES = [("NL", "ABC", ["CPO"]), ("NL", "XYZ", ["CPO"])]


@EVERY_STORAGE
def test_save_creates_then_replaces(ocpi):
    created = ocpi.save("locations", location(name="One"))
    replaced = ocpi.save("locations", location())

    assert (created, replaced) == (True, False)
    assert ocpi.objects.get("locations", "loc1") == location()


def test_save_normalises_like_a_push(ocpi):
    ocpi.save("locations", location(name=None, evses=[], last_updated="2024-05-31T12:00:00+00:00"))

    assert ocpi.objects.get("locations", "LOC1") == location()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (location(city=None), "city must not be null"),
        (location(evses=[evse(connectors=[])]), "evses\\[0\\].connectors must have at least one element"),
        (location(party_id="XYZ"), "NL-XYZ is not one of our own parties, which are NL-ABC"),
    ],
    ids=["null", "part", "party"],
)
def test_save_refuses_what_a_partner_would(ocpi, document, message):
    with pytest.raises(InvalidParametersError, match=message):
        ocpi.save("locations", document)

    assert list(ocpi.objects.documents("locations")) == []


@EVERY_STORAGE
def test_save_all_is_all_or_nothing(ocpi):
    good, bad = location(), location(id="LOC2", country="NL")

    with pytest.raises(InvalidParametersError, match=r"locations\[1\]: .*country"):
        ocpi.objects.save_all({"locations": [good, bad]})

    assert list(ocpi.objects.documents("locations")) == []


@EVERY_STORAGE
def test_save_all_rolls_back_when_the_storage_fails(ocpi, monkeypatch):
    original = ocpi.storage.save

    def fail_on_third(kind, key, record, **options):
        if key.id == "LOC3":
            raise StorageError("the disk is full")
        return original(kind, key, record, **options)

    monkeypatch.setattr(ocpi.storage, "save", fail_on_third)
    with pytest.raises(StorageError, match="disk"):
        ocpi.objects.save_all({"locations": [location(id=f"LOC{number}") for number in range(1, 5)]})

    assert list(ocpi.objects.documents("locations")) == []


def test_save_all_tells_progress_and_saved_objects(ocpi, ocpi_app):
    ticks, heard = [], []

    def listen(sender, **payload):
        heard.append((payload["key"].id, payload["created"]))

    with object_saved.connected_to(listen, sender=ocpi_app):
        count = ocpi.objects.save_all(
            {"locations": [location(), location(id="LOC2")]}, progress=lambda: ticks.append(1)
        )

    assert (count, len(ticks), heard) == (2, 2, [("LOC1", True), ("LOC2", True)])


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ({"places": []}, "no module 'places' with objects; there are locations"),
        ({"locations": {}}, "locations must be a list"),
        ({"locations": [7]}, "locations\\[0\\]: .*must be a JSON object"),
    ],
    ids=["module", "list", "object"],
)
def test_save_all_names_what_is_wrong(ocpi, documents, message):
    with pytest.raises(InvalidParametersError, match=message):
        ocpi.objects.save_all(documents)


def test_patch_of_a_part_returns_the_whole(ocpi):
    ocpi.save("locations", location(evses=[evse(connectors=[connector(), connector(id="2")])]))

    changed = ocpi.patch("locations", ("LOC1", "EVSE1", "2"), {"max_amperage": 63})

    assert changed == ocpi.objects.get("locations", "LOC1")
    assert [item["max_amperage"] for item in changed["evses"][0]["connectors"]] == [16, 63]


def test_patch_clears_with_none_and_keeps_the_given_moment(ocpi):
    ocpi.save("locations", location(name="One"))

    changed = ocpi.patch("locations", ("LOC1",), {"name": None, "last_updated": "2030-01-01T00:00:00Z"})

    assert changed == location(last_updated="2030-01-01T00:00:00Z")


@pytest.mark.parametrize("ids", [("NOPE",), ("LOC1", "NOPE"), ("LOC1", "EVSE1", "NOPE"), ("LOC1", "NOPE", "1")])
def test_unknown_objects_are_named(ocpi, ids):
    ocpi.save("locations", location(evses=[evse()]))

    with pytest.raises(UnknownLocationError, match=" ".join(ids)):
        ocpi.patch("locations", ids, {"x": 1})
    with pytest.raises(NotFoundError, match=" ".join(ids)):
        ocpi.objects.get("locations", *ids)


def test_delete_removes_once(ocpi):
    ocpi.save("locations", location())

    ocpi.objects.delete("locations", "loc1")

    with pytest.raises(NotFoundError):
        ocpi.objects.delete("locations", "LOC1")


@pytest.mark.parametrize("ocpi_parties", [TWO_PARTIES], ids=["two parties"])
def test_several_parties_have_to_be_told_apart(ocpi):
    ocpi.save("locations", location())
    ocpi.save("locations", location(party_id="XYZ", name="Other"))

    assert ocpi.objects.get("locations", "LOC1", party=Party("NL", "XYZ"))["name"] == "Other"
    with pytest.raises(InvalidParametersError, match="say which one"):
        ocpi.objects.get("locations", "LOC1")


def test_a_third_id_below_a_connector_is_refused(ocpi):
    ocpi.save("locations", location(evses=[evse()]))

    with pytest.raises(InvalidParametersError, match="at most 3 ids"):
        ocpi.patch("locations", ("LOC1", "EVSE1", "1", "X"), {})


def test_identifiers_never_change(ocpi):
    ocpi.save("locations", location(evses=[evse()]))

    for ids, changes in ((("LOC1",), {"party_id": "ABC"}), (("LOC1", "EVSE1"), {"uid": "EVSE2"})):
        with pytest.raises(InvalidParametersError, match=f"{next(iter(changes))} identifies"):
            ocpi.patch("locations", ids, changes)

    assert ocpi.objects.get("locations", "LOC1") == location(evses=[evse()])
