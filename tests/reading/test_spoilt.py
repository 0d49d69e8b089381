"""Whatever an optional property of a valid object is made of, the object is kept, and what is kept is valid."""

from __future__ import annotations

import copy
from functools import cache
from itertools import islice

import orjson
import pytest

from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.cdrs_schemas import credit_refers_to_a_cdr
from flask_ocpi.modules.chargingprofiles import accepted_result_has_profile
from flask_ocpi.modules.tariffs import TariffElement
from flask_ocpi.versions import VERSIONS
from flask_ocpi.versions.reading import read

SPOILS = (
    "", " ", "x", "true", "null", "#NA", "1,5", "2024-05-31 12:00:00", "2024-05-31T12:00:00.123456+02:00", "\n",
    "\ud800", "é" * 5000, "http://", "www.example.com", "99:99", "24:00", True, False, 0, -1, 1.5, 1e300, 2**70,
    1717156800, [], [None], [[]], [{}], {}, {"x": {"y": [1]}}, {"id": None}, [1, "x", {}, None],
)  # fmt: skip
#: Nothing is started, reserved or limited when what it is about cannot be read: the request is refused.
ACTING = {
    "ChargingProfile": {"charging_profile_period"},
    "ReserveNow": {"evse_uid"},
    "SetChargingProfile": set(),
    "StartSession": {"evse_uid", "connector_id"},
}


def exchanged():
    """Walk the classes that messages carry, by name."""
    for version in VERSIONS:
        for module in version.modules:
            for interface in module.interfaces:
                for operation in interface.operations:
                    for cls in (operation.body, operation.returns, operation.result):
                        if isinstance(cls, type) and issubclass(cls, Schema) and not cls().partial:
                            yield f"{version.number}-{cls.__name__}", cls


@cache
def with_everything(cls):
    """Return the text of a valid object that has all properties that its class allows together."""
    schema = cls()
    document = {name: _example(field) for name, field in schema.load_fields.items()}
    if issubclass(cls, TariffElement):
        for name in ("reservation", "booking"):  # which go with no price of energy
            document["restrictions"].pop(name, None)
    return orjson.dumps(read(schema, document).document)


def _example(field):
    inner = field.inner if isinstance(field, ListOf) else field
    if isinstance(inner, Object):
        one = orjson.loads(with_everything(inner.nested))
        return [one] if isinstance(field, ListOf) else one
    return copy.deepcopy(field.metadata["example"])


def optional_places(schema, document, spoils=SPOILS):
    """Walk (object, name of its class, name of the property, what to spoil it with) of each optional property.

    In a class that messages carry by itself, as a Location has EVSEs, that is a part: the class has its own test.
    """
    for name, field in schema.load_fields.items():
        inner = field.inner if isinstance(field, ListOf) else field
        if not field.required and name != "twentyfourseven":  # one of two that 2.1.1 lets choose from
            yield document, type(schema).__name__, name, spoils
        if isinstance(inner, Object) and document.get(name):
            for item in document[name] if isinstance(field, ListOf) else [document[name]]:
                yield from optional_places(inner.schema, item, SPOILS[::5] if inner.nested in CLASSES else spoils)


#: Each class, with the first version that has it: how it is read depends on nothing else.
CLASSES = {cls: name for name, cls in sorted(exchanged(), key=lambda named: named[0], reverse=True)}


@pytest.mark.parametrize("cls", CLASSES, ids=CLASSES.values())
def test_object_with_one_spoilt_optional_property_is_kept_and_valid(cls):
    schema = cls()
    text = with_everything(cls)
    places = [spoils for *_, spoils in optional_places(schema, orjson.loads(text))]
    schema.rules = tuple(r for r in schema.rules if r not in (credit_refers_to_a_cdr, accepted_result_has_profile))
    failed = []

    for place, spoils in enumerate(places):
        for spoil in spoils:
            document = orjson.loads(text)
            owner, owner_class, name, _ = next(islice(optional_places(schema, document), place, None))
            owner[name] = copy.deepcopy(spoil)
            try:
                kept = read(schema, document).document
            except InvalidParametersError as error:
                if name not in ACTING.get(owner_class, ()):
                    failed.append((owner_class, name, spoil, str(error)))
                continue
            if schema.validate(kept) or not {n for n, f in schema.load_fields.items() if f.required} <= kept.keys():
                failed.append((owner_class, name, spoil, kept))

    assert not failed, failed[:5]
