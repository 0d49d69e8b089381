"""A dataclass is written to a record and read from it without a line of its own for any field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest

from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.stored import Stored

ABC, XYZ = Party("NL", "ABC"), Party("DE", "XYZ")


class Light(StrEnum):
    RED = "RED"
    GREEN = "GREEN"


@dataclass(frozen=True, slots=True)
class Lamp:
    light: Light
    watts: int | None = None


@dataclass(frozen=True, slots=True)
class Crossing(Stored):
    KIND = "crossings"

    id: str
    owner: Party
    light: Light = Light.RED
    guest: Party | None = None
    parties: tuple[Party, ...] = ()
    names: tuple[str, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    plan: dict[str, Any] | None = None
    roles: tuple[Mapping[str, Any], ...] = ()
    due: int = 0
    revision: int = 0

    @property
    def key(self):
        return Key.of(*self.owner, self.id)


@dataclass(frozen=True)
class Bare(Stored):
    KIND = "bare"

    id: str

    @property
    def key(self):
        return Key.of("", "", self.id)


FULL = Crossing(
    "ONE",
    ABC,
    Light.GREEN,
    guest=XYZ,
    parties=(ABC, XYZ),
    names=("a", "b"),
    lamps=(Lamp(Light.RED, 5), Lamp(Light.GREEN)),
    plan={"": ["x"]},
    roles=({"role": "CPO"},),
    due=7,
)


def test_what_is_written_is_read_as_it_was():
    for crossing in (FULL, Crossing("TWO", XYZ)):
        assert Crossing.from_record(crossing.to_record()) == crossing


def test_types_are_those_of_the_fields():
    read = Crossing.from_record(FULL.to_record())

    assert (type(read.owner), type(read.light), type(read.parties[1]), type(read.lamps[0].light)) == (
        Party,
        Light,
        Party,
        Light,
    )


def test_due_and_revision_are_of_the_record_and_not_in_its_document():
    record = FULL.to_record()

    assert record.last_updated == 7
    assert record.document.keys().isdisjoint({"due", "revision"})
    assert Crossing.from_record(Record(record.text, 9, revision=3)).due == 9
    assert Crossing.from_record(Record(record.text, 9, revision=3)).revision == 3


def test_class_without_a_key_cannot_be_made():
    @dataclass(frozen=True)
    class Keyless(Stored):
        KIND = "keyless"

    with pytest.raises(TypeError, match="key"):
        Keyless()


def test_class_without_due_says_the_moment_of_its_record_when_it_is_written():
    assert Bare("1").to_record(last_updated=5).last_updated == 5
    assert Bare.from_record(Record(b'{"id":"1"}', 5, revision=2)) == Bare("1")


def test_property_that_is_missing_has_its_default_and_one_that_is_not_known_is_ignored():
    record = Record(b'{"id":"1","owner":["NL","ABC"],"of_tomorrow":1}')

    assert Crossing.from_record(record) == Crossing("1", ABC)


def test_mapping_of_any_kind_is_written_as_an_object():
    crossing = Crossing("1", ABC, roles=(MappingProxyType({"role": "EMSP"}),))

    assert crossing.to_record().document["roles"] == [{"role": "EMSP"}]
