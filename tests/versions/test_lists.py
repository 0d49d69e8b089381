"""Lists in the shape of a version: what did not change is converted once, and its losses are told once."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.converting import nothing
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import lists
from flask_ocpi.versions.lists import SaidList


class Counted:
    """A list of Tariffs in 2.1.1, with what was converted and what was told."""

    def __init__(self):
        self.conversion = V2_1_1.conversion(V2_1_1.operation("tariffs", "put_tariff").body)
        self.converted, self.told = [], []
        self.list = SaidList(self)

    needs_others = is_marked = False

    def each_from_store(self, documents, lose, find=nothing):
        self.converted += [document["id"] for document in documents]
        return self.conversion.each_from_store(documents, lose, find)

    def texts(self, *tariffs, platform="one"):
        def lose(document):
            return lambda pointer, reason: self.told.append((document["id"], pointer))

        texts = [orjson.dumps(tariff) for tariff in tariffs]
        return [orjson.loads(text) for text in self.list.texts(texts, lose, nothing, platform)]


@pytest.fixture
def counted():
    return Counted()


FIRST, SECOND = documents.tariff(), documents.tariff(id="T2")


def test_unchanged_objects_are_converted_once(counted):
    before = counted.texts(FIRST, SECOND)

    again = counted.texts(SECOND, FIRST)

    assert counted.converted == ["TARIFF1", "T2"]
    assert again == before[::-1]


def test_changed_object_is_converted_anew(counted):
    counted.texts(FIRST, SECOND)

    (changed, _) = counted.texts({**FIRST, "currency": "GBP"}, SECOND)

    assert counted.converted == ["TARIFF1", "T2", "TARIFF1"]
    assert changed["currency"] == "GBP"


def test_losses_are_told_once_for_each_platform(counted):
    for platform in ("one", "one", "two"):
        counted.texts(FIRST, platform=platform)

    assert counted.told == [("TARIFF1", "/elements/0/price_components/0/vat")] * 2


def test_what_cannot_be_said_stays_left_out(counted):
    restricted = [{**FIRST["elements"][0], "restrictions": {"min_current": 5}}]

    for _ in range(2):
        assert counted.texts({**FIRST, "elements": restricted}, SECOND) == counted.texts(SECOND)

    assert ("TARIFF1", "") in counted.told
    assert counted.converted == ["TARIFF1", "T2"]


def test_no_more_is_remembered_than_there_is_room_for(counted, monkeypatch):
    monkeypatch.setattr(lists, "_MOST_BYTES", 3000)
    many = [documents.tariff(id=f"T{number}") for number in range(10)]

    counted.texts(*many)
    counted.texts(many[-1])
    counted.texts(many[0])

    assert counted.converted == [tariff["id"] for tariff in (*many, many[0])]
