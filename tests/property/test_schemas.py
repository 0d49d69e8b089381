"""Every class keeps its promises on generated documents: what is valid loads, what is broken is named."""

from __future__ import annotations

import json

import marshmallow as ma
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.fields import DateTime
from flask_ocpi.fields import Field
from flask_ocpi.fields import ListOf
from flask_ocpi.fields import String
from flask_ocpi.fields import to_micros
from flask_ocpi.modules.credentials.schemas import Credentials
from flask_ocpi.modules.locations.schemas import EVSE
from flask_ocpi.modules.locations.schemas import AdditionalGeoLocation
from flask_ocpi.modules.locations.schemas import Connector
from flask_ocpi.modules.locations.schemas import EnergyMix
from flask_ocpi.modules.locations.schemas import Hours
from flask_ocpi.modules.locations.schemas import Location
from flask_ocpi.modules.locations.schemas import PublishTokenType
from flask_ocpi.modules.locations.schemas import RegularHours
from flask_ocpi.modules.locations.schemas import StatusSchedule
from flask_ocpi.modules.types import Price
from flask_ocpi.modules.versions.schemas import Version
from flask_ocpi.modules.versions.schemas import VersionDetails
from flask_ocpi.schema import Object
from flask_ocpi.schema import Schema
from flask_ocpi.schema import violations
from flask_ocpi.testing.strategies import documents
from flask_ocpi.testing.strategies import mutations

SCHEMAS = {
    schema: schema()
    for schema in (
        AdditionalGeoLocation,
        Connector,
        Credentials,
        EVSE,
        EnergyMix,
        Hours,
        Location,
        Price,
        PublishTokenType,
        RegularHours,
        StatusSchedule,
        Version,
        VersionDetails,
    )
}
every_class = pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
# A Location is a large document; the time it takes to generate one says nothing about us.
generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
@generated
@given(data=st.data())
@pytest.mark.conformance("T-28", "T-30", "T-32", "TYP-02", "TYP-07", "TYP-10", "TYP-12")
def test_valid_document_loads_canonically_and_survives_json(schema, data):
    document = data.draw(documents(schema))

    loaded = SCHEMAS[schema].load(document)

    assert canonical(SCHEMAS[schema], loaded) == canonical(SCHEMAS[schema], document)
    assert without_nothing(SCHEMAS[schema], loaded) == loaded
    assert SCHEMAS[schema].load(json.loads(json.dumps(loaded))) == loaded


@every_class
@generated
@given(data=st.data())
@pytest.mark.conformance("LOC-13", "TYP-04", "TYP-08", "TYP-14", "TYP-15", "TYP-17")
def test_broken_document_is_refused_naming_the_one_place(schema, data):
    document, path = data.draw(mutations(schema))

    with pytest.raises(ma.ValidationError) as caught:
        SCHEMAS[schema].load(document)

    assert [named for named, _ in violations(caught.value.messages)] == [path]


@every_class
@generated
@given(data=st.data())
@pytest.mark.conformance("T-15")
def test_every_part_of_a_valid_document_is_a_valid_patch(schema, data):
    document = SCHEMAS[schema].load(data.draw(documents(schema)))
    chosen = data.draw(st.sets(st.sampled_from(sorted(document))))
    patch = {name: document[name] for name in chosen}

    assert SCHEMAS[schema].load(patch, partial=True) == patch


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
