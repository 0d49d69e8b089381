"""OCPI 2.1.1 and the stored shape: generated documents of every class go from each to the other."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import flask_ocpi.versions.v2_1_1_classes as own
import flask_ocpi.versions.v2_2_1 as base
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.fields import NOT_AVAILABLE
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.testing import documents
from flask_ocpi.testing.strategies import documents as generated
from flask_ocpi.versions import V2_1_1
from tests.selecting import examples

ORIGIN = Origin(("NL", "ABC"), ("DE", "EMS"))
SCHEMAS = Schemas()
OBJECTS = [
    ("locations", "put_location"),
    ("locations", "put_evse"),
    ("locations", "put_connector"),
    ("sessions", "put_session"),
    ("cdrs", "post_cdr"),
    ("tariffs", "put_tariff"),
    ("tokens", "put_token"),
    ("tokens", "authorize"),
    ("commands", "start_session"),
    ("commands", "stop_session"),
    ("commands", "reserve_now"),
    ("commands", "unlock_connector"),
]
# It is the time to generate a document that counts here.
FEW = settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
EVERY_OBJECT = pytest.mark.parametrize(("module", "name"), OBJECTS, ids=[name for _, name in OBJECTS])
#: What 2.2.1 has no room for, and is stored as it came.
BEYOND_2_2_1 = ("is longer than 36 characters", "'FLAT' is not a CdrDimensionType")


def class_of(module, name):
    return V2_1_1.operation(module, name).body


def converted(module, name):
    cls = class_of(module, name)
    return SCHEMAS[cls], V2_1_1.conversion(cls)


def stored_shape(module, name):
    return V2_1_1.stored(class_of(module, name))


def sayable(document):
    """Return a document of 2.1.1 in the one of several spellings that is sent."""
    if isinstance(document, list):
        return [sayable(item) for item in document]
    if not isinstance(document, dict):
        return document
    made = {name: sayable(value) for name, value in document.items()}
    if isinstance(made.get("opening_times"), dict):
        made["opening_times"].setdefault("twentyfourseven", False)
    if isinstance(made.get("location"), dict) and "coordinates" in made["location"]:  # of a Session or CDR
        for evse in made["location"].get("evses", [])[:1]:
            made["location"]["evses"] = [{**evse, "connectors": evse["connectors"][:1]}]
    return made


def told(value, name=""):
    """Return a generated document in which coordinates and ids are not "#NA", which is no value of 2.1.1."""
    if isinstance(value, dict):
        return {name: told(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [told(item, name) for item in value]
    if value != NOT_AVAILABLE or name not in ("latitude", "longitude", "id", "uid"):
        return value
    return "NONE" if name in ("id", "uid") else "51.047590"


def drawn(data, cls):
    return SCHEMAS[cls].load(told(data.draw(generated(cls))))


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_documents_of_2_1_1_come_back_from_the_store_as_they_were(module, name, data):
    _, conversion = converted(module, name)
    document = drawn(data, class_of(module, name))
    lost = []

    stored = document if conversion is None else conversion.to_store(copy.deepcopy(document), ORIGIN)
    again = stored if conversion is None else conversion.from_store(stored, lambda *loss: lost.append(loss))

    assert again == sayable(document)
    assert lost == []


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_what_is_stored_of_2_1_1_is_valid_2_2_1(module, name, data):
    _, conversion = converted(module, name)
    document = drawn(data, class_of(module, name))

    stored = document if conversion is None else conversion.to_store(document, ORIGIN)

    errors = SCHEMAS[stored_shape(module, name)].validate(stored)
    if module == "cdrs" and not document["location"].get("evses"):  # it does not tell the connector, and is kept
        place = errors.pop("cdr_location")
        assert set(place) - {"id"} == {"connector_standard", "connector_format", "connector_power_type"}
    assert not [message for message in messages_of(errors) if not message.startswith(BEYOND_2_2_1)]


def messages_of(errors):
    if isinstance(errors, dict):
        return [message for value in errors.values() for message in messages_of(value)]
    return [message for value in errors for message in messages_of(value)] if isinstance(errors, list) else [errors]


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_documents_of_2_2_1_go_out_as_valid_2_1_1_or_not_at_all(module, name, data):
    schema, conversion = converted(module, name)
    shape = stored_shape(module, name)
    document = SCHEMAS[shape].load(data.draw(generated(shape)))
    before = copy.deepcopy(document)
    location = SCHEMAS[base.Location].load(data.draw(generated(base.Location)))

    def find(kind, references):
        return dict.fromkeys(references, location)

    with suppress(LeftOutError):
        sent = document if conversion is None else conversion.from_store(document, find=find)

        assert schema.load(sent) == sent
    assert document == before


EXAMPLES = [
    ("sessions", "put_session", documents.full_session()),
    ("cdrs", "post_cdr", {**documents.full_cdr(), "credit": False}),
    ("tariffs", "put_tariff", documents.full_tariff()),
    ("tokens", "put_token", documents.full_token()),
    ("locations", "put_location", {**documents.full_location(), "publish": True}),
]


@pytest.mark.parametrize(("module", "name", "document"), EXAMPLES, ids=[module for module, _, _ in EXAMPLES])
def test_every_property_that_is_not_sent_is_told_with_its_pointer(module, name, document):
    _, conversion = converted(module, name)
    own_names = set(SCHEMAS[class_of(module, name)].load_fields)
    known = {n for n in document if n in own_names or n in TOLD_OTHERWISE}
    lost = []

    conversion.from_store(document, lambda pointer, reason: lost.append((pointer, reason)), everywhere)

    missing = {n for n in document if n not in known} - {pointer.split("/")[1] for pointer, _ in lost}
    assert missing == set()
    assert all(pointer.startswith("/") and reason.endswith(".") for pointer, reason in lost)


#: Properties of 2.2.1 that 2.1.1 says by other names, by the connection, or by the object being there at all.
TOLD_OTHERWISE = frozenset(
    (
        *own.OWNER,
        *("publish", "parking_type"),
        *("start_date_time", "end_date_time", "cdr_token", "location_id", "evse_uid", "connector_id", "cdr_location"),
        *("contract_id", "credit"),
    )
)


def everywhere(kind, references):
    return {reference: documents.full_location() for reference in references}
