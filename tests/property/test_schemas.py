"""Every class keeps its promises on generated documents: what is valid loads, what is broken is named."""

from __future__ import annotations

import json

import marshmallow as ma
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import violations
from flask_ocpi.testing.strategies import documents
from flask_ocpi.testing.strategies import mutations
from tests.schemas.declarations import SCHEMAS
from tests.selecting import examples

EVERY = {schema: schema() for schema in SCHEMAS.values()}
every_class = pytest.mark.parametrize("schema", EVERY, ids=lambda schema: schema.__name__)
# A Location is a large document; the time it takes to generate one says nothing about us.
generated = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def without_nothing(schema, document):
    """Leave out the declared properties that are null or an empty list."""
    declared = schema.load_fields
    return {name: value for name, value in document.items() if name not in declared or value not in (None, [])}


def canonical(schema, document):
    """Say independently what a valid document becomes, with DateTimes as microseconds."""
    declared = schema.load_fields
    return {
        name: _canonical_value(declared[name], value) if name in declared else value
        for name, value in without_nothing(schema, document).items()
    }


def _canonical_value(field, value):
    if isinstance(field, ListOf):
        return [_canonical_value(field.inner, element) for element in value]
    if isinstance(field, Object):
        return canonical(field.schema, value)
    return to_micros(value) if isinstance(field, DateTime) else value


@every_class
@settings(generated, max_examples=examples(20))
@given(data=st.data())
@pytest.mark.conformance("T-15", "T-28", "T-30", "T-32", "TYP-02", "TYP-07", "TYP-10", "TYP-12")
def test_valid_document_loads_canonically_survives_json(schema, data):
    document = data.draw(documents(schema))

    loaded = EVERY[schema].load(document)

    assert canonical(EVERY[schema], loaded) == canonical(EVERY[schema], document)
    assert without_nothing(EVERY[schema], loaded) == loaded
    assert EVERY[schema].load(json.loads(json.dumps(loaded))) == loaded

    chosen = data.draw(st.sets(st.sampled_from(sorted(loaded)) if loaded else st.nothing()))
    patch = {name: loaded[name] for name in chosen}

    assert EVERY[schema].load(patch, partial=True) == patch


@every_class
@generated
@given(data=st.data())
@pytest.mark.conformance("LOC-13", "TYP-04", "TYP-08", "TYP-14", "TYP-15", "TYP-17")
def test_broken_document_is_refused_naming_the_one_place(schema, data):
    document, path = data.draw(mutations(schema))

    with pytest.raises(ma.ValidationError) as caught:
        EVERY[schema].load(document)

    assert [named for named, _ in violations(caught.value.messages)] == [path]


@settings(max_examples=1, database=None)
@given(data=st.data())
def test_strategies_need_a_rule_to_name_a_property(data):
    def complain(document):
        yield "no_such_property", "is wrong"

    class Wrong(Schema):
        """Made up."""

        text = String(max=5, required=True)
        rules = (complain,)

    with pytest.raises(ValueError, match="which is no property"):
        data.draw(documents(Wrong))


@settings(max_examples=1, database=None)
@given(data=st.data())
def test_strategies_do_not_guess_what_a_new_type_accepts(data):
    class Odd(Field):
        """Made up."""

    class Wrong(Schema):
        """Made up."""

        odd = Odd(required=True)

    with pytest.raises(TypeError, match="no strategy for Odd"):
        data.draw(documents(Wrong))
