"""The documents for tests are valid, and the full ones have every property of every class in them."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import example_of
from flask_ocpi.core.schema import load
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.chargingprofiles import SetChargingProfile
from flask_ocpi.modules.commands_schemas import StartSession
from flask_ocpi.modules.hubclientinfo import ClientInfo
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing import documents

SMALLEST = {
    "tariff": Tariff,
    "session": Session,
    "cdr": CDR,
    "token": Token,
    "client_info": ClientInfo,
    "start_session": StartSession,
    "set_charging_profile": SetChargingProfile,
}
FULL = {"full_tariff": Tariff, "full_session": Session, "full_cdr": CDR, "full_token": Token}


def declared(schema):
    """Return the (class, property) pairs of a class and of those in it."""
    found = set()
    for name, field in schema().load_fields.items():
        found.add((schema.__name__, name))
        nested = getattr(getattr(field, "inner", field), "nested", None)
        if nested is not None:
            found |= declared(nested)
    return found


def used(schema, document):
    """Return the (class, property) pairs that a document has values for."""
    found = set()
    for name, value in document.items():
        field = schema().load_fields[name]
        found.add((schema.__name__, name))
        nested = getattr(getattr(field, "inner", field), "nested", None)
        if nested is not None:
            for element in value if isinstance(value, list) else [value]:
                found |= used(nested, element)
    return found


@pytest.mark.parametrize("name", [*SMALLEST, *FULL])
def test_document_loads_as_it_is(name):
    document = getattr(documents, name)()

    assert load({**SMALLEST, **FULL}[name](), document) == document


@pytest.mark.parametrize("name", SMALLEST)
def test_smallest_document_is_changed_by_keyword_and_made_anew(name):
    make = getattr(documents, name)

    assert make(extra=1) == {**make(), "extra": 1}
    assert make() is not make()


@pytest.mark.parametrize("name", FULL)
def test_full_document_has_every_property_of_every_class_in_it(name):
    document = getattr(documents, name)()

    assert used(FULL[name], document) == declared(FULL[name])


@pytest.mark.parametrize("schema", SMALLEST.values(), ids=SMALLEST)
def test_example_of_a_class_is_valid(schema):
    assert load(schema(), example_of(schema)) == example_of(schema)
