"""What of an object changed, and whether a PATCH tells it."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_ocpi.core.schema import load
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.exchange.documents import locate
from flask_ocpi.exchange.documents import merge
from flask_ocpi.modules.cdrs import MODULE as CDRS
from flask_ocpi.modules.locations import MODULE as LOCATIONS
from flask_ocpi.modules.sessions import MODULE as SESSIONS
from flask_ocpi.modules.tariffs import MODULE as TARIFFS
from flask_ocpi.outbox.changes import difference
from flask_ocpi.outbox.changes import patch_of
from flask_ocpi.outbox.changes import united
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from tests.selecting import examples

LATER = "2030-01-01T00:00:00Z"
LATEST = "2031-01-01T00:00:00Z"


def charging(**changes):
    """Return a Location with two EVSEs; the changes are of the first one."""
    first = evse(uid="E1", connectors=[connector(id="1"), connector(id="2")])
    return location(evses=[{**first, **changes}, evse(uid="E2")], last_updated=changes.get("last_updated", LATER))


def patch_between(module, before, after):
    object_type = module.objects[0]
    return patch_of(module, object_type, after, difference(object_type, before, after))


@pytest.mark.conformance("LOC-10")
def test_status_of_an_evse_is_a_patch_of_that_evse():
    before = charging(last_updated=LATER)
    after = charging(status="CHARGING", last_updated=LATEST)

    patch = patch_between(LOCATIONS, before, after)

    assert patch.part_ids == ("E1",)
    assert patch.changes == {"status": "CHARGING", "last_updated": LATEST}


def test_a_connector_is_patched_where_it_is():
    before, after = charging(last_updated=LATER), charging(last_updated=LATEST)
    after["evses"][0]["connectors"][1].update(max_voltage=231, last_updated=LATEST)

    patch = patch_between(LOCATIONS, before, after)

    assert patch.part_ids == ("E1", after["evses"][0]["connectors"][1]["id"])
    assert patch.changes == {"max_voltage": 231, "last_updated": LATEST}


def test_what_is_gone_is_null_in_the_patch():
    before, after = location(name="Old", last_updated=LATER), location(last_updated=LATEST)
    after.pop("name", None)

    assert patch_between(LOCATIONS, before, after).changes == {"name": None, "last_updated": LATEST}


def test_a_new_last_updated_alone_is_a_patch_of_it():
    assert patch_between(LOCATIONS, location(last_updated=LATER), location(last_updated=LATEST)).changes == {
        "last_updated": LATEST
    }


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(
            {"evses": [evse(uid="E1", status="CHARGING"), evse(uid="E2", status="CHARGING")]}, id="two EVSEs changed"
        ),
        pytest.param({"evses": [evse(uid="E1")]}, id="an EVSE went"),
        pytest.param({"evses": [evse(uid="E2"), evse(uid="E1")]}, id="EVSEs moved"),
        pytest.param({"evses": [evse(uid="E1"), evse(uid="E2"), evse(uid="E3")]}, id="an EVSE came"),
        pytest.param({"evses": [evse(uid="e1"), evse(uid="E2")]}, id="an identifier is written otherwise"),
        pytest.param(
            {"evses": [evse(uid="E1", status="CHARGING", last_updated=LATER), evse(uid="E2")]},
            id="the location is younger than its part",
        ),
        pytest.param({"name": "n", "city": "c", "address": "a", "country": "BEL", "postal_code": "1", "state": "s"}),
    ],
)
def test_whole_object_is_sent_where_a_patch_does_not_tell_it(after):
    before = location(evses=[evse(uid="E1"), evse(uid="E2")], last_updated=LATER)

    assert patch_between(LOCATIONS, before, {**before, "last_updated": LATEST, **after}) is None


@pytest.mark.conformance("SES-16")
def test_charging_periods_are_never_patched_since_that_would_add_them_again():
    before = session(last_updated=LATER)
    after = {**session(last_updated=LATEST), "kwh": 99.0}
    assert patch_between(SESSIONS, before, after).changes["kwh"] == 99.0
    after["charging_periods"] = [*after.get("charging_periods", ()), {"start_date_time": LATER, "dimensions": []}]

    assert patch_between(SESSIONS, before, after) is None


@pytest.mark.parametrize(("module", "document"), [(TARIFFS, tariff()), (CDRS, cdr())], ids=["tariffs", "cdrs"])
def test_modules_without_patch_get_the_whole(module, document):
    assert patch_between(module, document, {**document, "last_updated": LATEST}) is None


def test_changes_add_up_and_too_many_are_the_whole():
    assert united({"": ["a"]}, {"": ["b", "a"], "E1": ["status"]}) == {"": ["a", "b"], "E1": ["status"]}
    assert united(None, {"": ["a"]}) is None
    assert united({f"E{number}": ["status"] for number in range(15)}, {f"F{n}": ["status"] for n in range(6)}) is None


STATES = st.sampled_from(["AVAILABLE", "CHARGING", "BLOCKED"])


@st.composite
def histories(draw):
    """Return states of one Location, each after some change to the one before."""
    states = [location(evses=[evse(uid="E1"), evse(uid="E2")], last_updated="2030-01-01T00:00:00Z")]
    for number in range(draw(st.integers(1, 4))):
        document = copy.deepcopy(states[-1])
        moment = f"2031-01-0{number + 1}T00:00:00Z"
        for item in draw(st.lists(st.sampled_from(document["evses"]), max_size=2)):
            item.update(status=draw(STATES), last_updated=moment)
        if draw(st.booleans()):
            document["name"] = draw(st.sampled_from(["A", "B"]))
        if draw(st.integers(0, 5)) == 0:
            document["evses"].append(evse(uid=f"N{number}"))
        document["last_updated"] = moment if draw(st.booleans()) else document["last_updated"]
        document["last_updated"] = max([document["last_updated"], *(e["last_updated"] for e in document["evses"])])
        states.append(document)
    return states


@given(histories())
@settings(max_examples=examples(150), deadline=None)
def test_whoever_applies_the_patch_to_the_first_state_has_the_last(states):
    object_type = LOCATIONS.objects[0]
    schemas = Schemas()
    states = [load(schemas[object_type.schema], copy.deepcopy(state), where="location") for state in states]
    changed = {}
    for before, after in pairwise(states):
        if before != after:
            changed = united(changed, difference(object_type, before, after))
    patch = patch_of(LOCATIONS, object_type, states[-1], changed)
    if patch is None:
        return
    received = copy.deepcopy(states[0])
    if patch.part_ids:
        place = locate(received, object_type, patch.part_ids)
        schema = schemas[object_type.parts[len(patch.part_ids) - 1].schema]
        place.put(merge(schema, place.siblings[place.index], patch.changes))
    else:
        received = merge(schemas[object_type.schema], received, patch.changes)
    assert received == states[-1]
