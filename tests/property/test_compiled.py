"""The compiled loaders and marshmallow are of one opinion, whatever the document: differential tests of all classes."""

from __future__ import annotations

import copy
from functools import cache

import marshmallow as ma
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.compiled import loader_of
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.moments import parse_date_time
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.testing.strategies import documents
from flask_ocpi.testing.strategies import mutations
from tests.schemas.comparing import ODD
from tests.schemas.comparing import assert_same
from tests.schemas.comparing import pair
from tests.schemas.declarations import ENUMS
from tests.schemas.declarations import QUERIES
from tests.schemas.declarations import SCHEMAS
from tests.selecting import examples

every_class = pytest.mark.parametrize("schema", [*SCHEMAS.values(), *QUERIES.values()], ids=lambda cls: cls.__name__)
generated = settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
POLICIES = (
    Policy(),
    Policy(strict_codes=True),
    Policy(open_enums=frozenset(ENUMS)),
    Policy(keep_unknown=False),
    Policy(strict_codes=True, open_enums=frozenset(ENUMS), keep_unknown=False, max_depth=1),
)
pair_of = cache(pair)


@st.composite
def odd_documents(draw, schema):
    """Generate documents of a class, then spoil them: other values, fewer and more properties, another order."""
    document = copy.deepcopy(draw(documents(schema)))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(_places(document)) or [(document, "x")]))
        change = draw(st.sampled_from(["replace", "replace", "replace", "drop", "add", "repeat", "turn"]))
        odd = copy.deepcopy(draw(st.sampled_from(ODD)))
        if change == "drop":
            container.pop(key) if key in container or isinstance(container, list) else None
        elif change == "repeat" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        elif change == "add" and isinstance(container, dict):
            container[draw(st.sampled_from(["x", "é", "\ud800", 5, "id ", "rules"]))] = odd
        elif change == "turn" and isinstance(container, dict):
            turned = dict(reversed(container.items()))
            container.clear()
            container.update(turned)
        else:
            container[key] = odd
    return document


def _places(value):
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@pytest.fixture(autouse=True)
def _validation():
    """Stay as the product is."""
    Schemas()


@every_class
@generated
@given(data=st.data())
def test_compiled_loader_has_the_opinion_of_marshmallow(schema, data):
    policy = data.draw(st.sampled_from(POLICIES), label="policy")
    partial = data.draw(st.sampled_from([None, False, True]), label="partial")
    broken = mutations(schema).map(lambda mutation: mutation[0]) if schema not in QUERIES.values() else st.nothing()
    document = data.draw(st.one_of(documents(schema), broken, odd_documents(schema), odd_documents(schema)))

    assert_same(*pair_of(schema, policy), document, partial=partial)


@every_class
@settings(generated, max_examples=examples(10))
@given(data=st.data())
def test_valid_documents_do_not_reach_marshmallow(schema, data):
    document = data.draw(documents(schema))
    chosen = data.draw(st.sets(st.sampled_from(sorted(document))) if document else st.just(set()))

    part = {name: document[name] for name in chosen}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ma.Schema, "_do_load", _not_to_be_called)

        pair_of(schema)[0].load(document)
        pair_of(schema)[0].load(part, partial=True)


def _not_to_be_called(self, *args, **kwargs):
    raise AssertionError(f"marshmallow loads a {type(self).__name__}")


@settings(max_examples=examples(500), deadline=None)
@given(
    value=st.floats()
    | st.floats(-1000, 1000)
    | st.integers(-(10**12), 10**12).map(lambda n: n / 10**5)
    | st.integers(),
    decimals=st.integers(0, 6),
)
def test_numbers_are_rounded_alike(value, decimals):
    class Measured(Schema):
        """Made up."""

        value = Number(required=True, decimals=decimals, min=-(10**11), max=1e12)

    assert_same(*pair(Measured), {"value": value}, partial=None)


class LongWay(str):
    """A text that no shortcut is for."""

    __slots__ = ()


def read(text):
    try:
        return parse_date_time(text)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("usual", ["2024-05-31T12:00:00Z", "2000-02-29T23:59:59.5Z", "1969-12-31T00:00:00.1234Z"])
def test_every_change_of_one_character_of_a_date_time_is_read_as_the_long_way_reads_it(usual):
    characters = [*map(chr, range(256)), "\u0663", "\uff12", "\u2212", "\ud800", "\u2028"]
    changed = [
        f"{usual[:at]}{new}{usual[at + length :]}"
        for at in range(len(usual) + 1)
        for new in ["", *characters]
        for length in (0, 1)
    ]

    assert [text for text in changed if read(text) != read(LongWay(text))] == []


@settings(max_examples=examples(500))
@given(
    st.datetimes(),
    st.sampled_from(["", ".1", ".12", ".123", ".1234", ".12345", "."]),
    st.sampled_from(["Z", "", "+00:00", "z"]),
)
def test_date_times_are_read_as_the_long_way_reads_them(instant, fraction, zone):
    text = f"{instant.year:04d}-{instant:%m-%dT%H:%M:%S}{fraction}{zone}"

    assert read(text) == read(LongWay(text))


@every_class
def test_every_class_is_compiled_once_for_all_instances(schema):
    for partial in (None, True):
        loader = loader_of(schema(), partial)

        assert loader is not None
        assert loader_of(schema(policy=Policy()), partial) is loader
