"""Tests of what all classes share: cardinalities, unknown properties, messages, partial documents."""

from __future__ import annotations

import marshmallow as ma
import pytest

from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import example_of
from flask_ocpi.core.schema import load
from flask_ocpi.core.schema import violations
from flask_ocpi.core.schema import with_defaults
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.types import BusinessDetails
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import credentials
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location

LOCATION = Location()


def nested(levels):
    value = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("schema", "document"),
    [(Connector, connector()), (EVSE, evse()), (Location, location()), (Credentials, credentials())],
    ids=["connector", "evse", "location", "credentials"],
)
def test_smallest_documents_load_as_they_are(schema, document):
    assert load(schema(), document) == document


def test_full_location_loads_as_it_is():
    assert load(LOCATION, full_location()) == full_location()


def test_full_location_has_every_property_of_every_class_in_it():
    def properties(schema):
        for name, field in schema().load_fields.items():
            yield name
            inner = getattr(field, "inner", field)
            if hasattr(inner, "nested"):
                yield from properties(inner.nested)

    assert set(properties(Location)) == keys_of(full_location())


def test_example_of_a_class_is_valid():
    assert load(LOCATION, example_of(Location)) == example_of(Location)


@pytest.mark.conformance("T-28")
def test_unknown_properties_are_kept_at_every_level():
    document = location(gireve_id="X", evses=[evse(floor=-1, connectors=[connector(extra={"a": [None, 1.5]})])])

    assert load(LOCATION, document) == document


@pytest.mark.conformance("T-28")
def test_unknown_properties_are_dropped_at_every_level_when_the_policy_says_so():
    schema = Location(policy=Policy(keep_unknown=False))
    document = location(gireve_id="X", evses=[evse(floor=-1, connectors=[connector(extra=1)])])

    assert load(schema, document) == location(evses=[evse()])


@pytest.mark.conformance("T-29")
def test_property_names_are_case_sensitive():
    with pytest.raises(InvalidParametersError, match="party_id is required"):
        load(LOCATION, {**{k: v for k, v in location().items() if k != "party_id"}, "partyId": "ABC"})


@pytest.mark.parametrize("levels", [0, 31], ids=["flat", "deepest"])
def test_unknown_properties_may_be_nested(levels):
    assert load(LOCATION, location(x=nested(levels)))["x"] == nested(levels)


@pytest.mark.parametrize("levels", [32, 5000], ids=["too-deep", "abyss"])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "dropped"])
def test_unknown_properties_that_are_too_deep_are_refused(levels, keep):
    with pytest.raises(InvalidParametersError, match="x is nested deeper than 32 levels"):
        load(Location(policy=Policy(keep_unknown=keep)), location(x=nested(levels)))


@pytest.mark.parametrize(
    ("unknown", "message"),
    [
        ({"x": ["\ud83d"]}, "x must not contain lone surrogates"),
        ({"x": {"\ud83d": 1}}, "x must not contain lone surrogates"),
        ({"\ud83d": 1}, r"'\\ud83d' must not contain lone surrogates"),
        ({"x": [{"y": float("inf")}]}, "x must not contain infinite numbers"),
        ({"x": float("nan")}, "x must not contain infinite numbers"),
    ],
    ids=["text", "inner-name", "name", "infinity", "nan"],
)
def test_unknown_properties_that_could_not_be_sent_again_are_refused(unknown, message):
    with pytest.raises(InvalidParametersError, match=message):
        load(LOCATION, location(**unknown))


@pytest.mark.conformance("T-30")
def test_null_and_empty_list_are_absence():
    document = location(name=None, operator=None, evses=[], directions=None, charging_when_closed=None)

    assert load(LOCATION, document) == location()


@pytest.mark.conformance("T-30")
@pytest.mark.parametrize("name", [name for name, field in LOCATION.load_fields.items() if field.required])
def test_required_property_must_be_there_and_not_null(name):
    missing = {key: value for key, value in location().items() if key != name}

    with pytest.raises(InvalidParametersError, match=rf"^Invalid body: {name} is required\.$"):
        load(LOCATION, missing)
    with pytest.raises(InvalidParametersError, match=rf"^Invalid body: {name} must not be null\.$"):
        load(LOCATION, location(**{name: None}))


@pytest.mark.conformance("T-30")
@pytest.mark.parametrize("value", [[], None], ids=repr)
def test_list_of_cardinality_plus_has_an_element(value):
    with pytest.raises(InvalidParametersError, match=r"evses\[0\].connectors must "):
        load(LOCATION, location(evses=[evse(connectors=value)]))


@pytest.mark.conformance("T-31")
def test_defaults_stand_in_for_what_is_absent_or_null():
    loaded = load(LOCATION, location(charging_when_closed=None))

    assert "charging_when_closed" not in loaded
    assert with_defaults(LOCATION, loaded) == location(charging_when_closed=True)
    assert with_defaults(LOCATION, location(charging_when_closed=False))["charging_when_closed"] is False


@pytest.mark.conformance("T-32")
def test_not_available_is_accepted_for_required_texts():
    document = location(id="#NA", address="#NA", city="#NA", country="#NA", time_zone="#NA")

    assert load(LOCATION, document) == document


@pytest.mark.conformance("T-07")
@pytest.mark.parametrize(
    "body", [[], [location()], "x", 5, None, True], ids=["[]", "list", "text", "5", "null", "true"]
)
def test_body_that_is_no_object_is_refused(body):
    with pytest.raises(InvalidParametersError, match=r"^Invalid body: The body must be a JSON object\.$"):
        load(LOCATION, body)


@pytest.mark.conformance("T-15")
def test_partial_document_needs_nothing_and_gets_nothing():
    assert load(LOCATION, {"name": "New"}, partial=True) == {"name": "New"}
    assert load(LOCATION, {}, partial=True) == {}


@pytest.mark.conformance("T-18")
@pytest.mark.parametrize("name", ["name", "evses", "operator", "charging_when_closed"])
def test_partial_document_keeps_a_null_that_clears(name):
    assert load(LOCATION, {name: None}, partial=True) == {name: None}


@pytest.mark.conformance("T-18")
def test_empty_list_clears_like_null():
    assert load(LOCATION, {"evses": []}, partial=True) == {"evses": None}


@pytest.mark.conformance("T-18")
@pytest.mark.parametrize("name", ["publish", "country", "coordinates", "last_updated"])
def test_partial_document_cannot_clear_what_is_required(name):
    with pytest.raises(InvalidParametersError, match=f"{name} must not be null"):
        load(LOCATION, {name: None}, partial=True)


@pytest.mark.conformance("T-18")
def test_partial_document_cannot_empty_a_list_of_cardinality_plus():
    with pytest.raises(InvalidParametersError, match="connectors must have at least one element"):
        load(EVSE(), {"connectors": []}, partial=True)


@pytest.mark.conformance("T-17")
@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"coordinates": {"latitude": "52.08944"}}, "coordinates.longitude is required"),
        ({"evses": [{"status": "REMOVED"}]}, r"evses\[0\].uid is required"),
        ({"opening_times": {"twentyfourseven": False}}, "opening_times.regular_hours must have"),
    ],
    ids=["object", "list", "rule"],
)
def test_objects_inside_a_partial_document_are_complete(document, path):
    with pytest.raises(InvalidParametersError, match=path):
        load(LOCATION, document, partial=True)


def test_message_names_each_path_up_to_a_limit():
    wrong = {name: 5 for name, field in LOCATION.load_fields.items() if isinstance(field, CiString)}
    body = {**dict.fromkeys(LOCATION.load_fields, object()), **wrong}

    with pytest.raises(InvalidParametersError) as caught:
        load(LOCATION, body)

    assert caught.value.status_code == 2001
    assert caught.value.message.startswith(
        "Invalid body: country_code must be a string, not a number; party_id must be a string, not a number;"
    )
    assert caught.value.message.endswith(f"; and {len(LOCATION.load_fields) - 8} more.")


def test_message_names_where_the_document_is_from():
    with pytest.raises(InvalidParametersError, match=r"^Invalid answer: The answer must be"):
        load(LOCATION, [], where="answer")


def test_message_shortens_and_escapes_the_names_of_unknown_properties():
    deep = nested(40)

    with pytest.raises(ma.ValidationError) as caught:
        LOCATION.load(location(**{"x" * 100: deep, "a\nb": deep}))

    assert all(len(path) <= 63 and path.isprintable() for path, _ in violations(caught.value.messages))


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ({"evses": {1: {"_schema": ["is wrong"]}}}, [("evses[1]", "is wrong")]),
        ({"a": ["is wrong", "is late"]}, [("a", "is wrong"), ("a", "is late")]),
        ({"a": "is wrong"}, [("a", "is wrong")]),
        (["is wrong"], [("", "is wrong")]),
    ],
    ids=["element", "two", "text", "whole"],
)
def test_violations_are_paths_and_messages(messages, found):
    assert list(violations(messages)) == found


def test_rules_are_not_asked_about_fields_that_are_wrong():
    with pytest.raises(ma.ValidationError) as caught:
        LOCATION.load(location(opening_times={"twentyfourseven": "no", "regular_hours": None}))

    assert [path for path, _ in violations(caught.value.messages)] == ["opening_times.twentyfourseven"]


def test_rule_about_the_object_as_a_whole_names_the_object():
    def never(document):
        yield "_schema", "is never right"

    class Never(Schema):
        """Made up."""

        rules = (never,)

    with pytest.raises(InvalidParametersError, match=r"^Invalid body: The body is never right\.$"):
        load(Never(), {})


def test_loading_leaves_the_input_alone():
    document = location(name=None, evses=[evse(directions=[])], last_updated="2024-05-31T12:00:00")

    load(LOCATION, document)

    assert document == location(name=None, evses=[evse(directions=[])], last_updated="2024-05-31T12:00:00")


def test_schema_instance_can_be_used_again_after_an_error():
    schema = BusinessDetails()
    with pytest.raises(InvalidParametersError):
        load(schema, {"name": 5})

    assert load(schema, {"name": "Abc"}) == {"name": "Abc"}
