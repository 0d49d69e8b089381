"""Tests of who may see a location, and what a driver sees of it."""

from __future__ import annotations

import copy

import pytest

from flask_ocpi.modules.locations import driver_view
from flask_ocpi.modules.locations import is_visible_to
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location

TOKEN = {
    "uid": "0A1B",
    "type": "RFID",
    "visual_number": "12345-67",
    "issuer": "Example",
    "group_id": "Fleet-7",
}


def limited(*entries, **changes):
    return location(publish=False, publish_allowed_to=list(entries), evses=[evse()], **changes)


@pytest.mark.conformance("LOC-18")
@pytest.mark.parametrize("token", [None, TOKEN], ids=["nobody", "somebody"])
def test_published_location_is_visible_to_all(token):
    assert is_visible_to(location(), token) is True


@pytest.mark.conformance("LOC-18")
@pytest.mark.parametrize("token", [None, TOKEN], ids=["nobody", "somebody"])
@pytest.mark.parametrize("changes", [{}, {"publish_allowed_to": []}, {"publish_allowed_to": None}], ids=str)
def test_unpublished_location_without_exceptions_is_visible_to_none(changes, token):
    assert is_visible_to(location(publish=False, **changes), token) is False


@pytest.mark.conformance("LOC-18")
def test_limited_location_is_not_visible_without_a_token():
    assert is_visible_to(limited({"group_id": "Fleet-7"})) is False


@pytest.mark.conformance("LOC-18")
@pytest.mark.parametrize(
    "entry",
    [
        {"uid": "0A1B", "type": "RFID"},
        {"visual_number": "12345-67", "issuer": "Example"},
        {"group_id": "Fleet-7"},
        TOKEN,
    ],
    ids=["uid", "visual-number", "group", "all"],
)
def test_limited_location_is_visible_to_matching_tokens(entry):
    assert is_visible_to(limited({"group_id": "other"}, entry), TOKEN) is True


@pytest.mark.conformance("LOC-18")
@pytest.mark.parametrize(
    "entry",
    [
        {"uid": "0A1C", "type": "RFID"},
        {"uid": "0A1B", "type": "APP_USER"},
        {"visual_number": "12345-68", "issuer": "Example"},
        {"visual_number": "12345-67", "issuer": "Other"},
        {"group_id": "Fleet-8"},
        {**TOKEN, "group_id": "Fleet-8"},
        {},
    ],
    ids=["uid", "type", "visual-number", "issuer", "group", "all-but-one", "empty"],
)
def test_limited_location_is_not_visible_to_other_tokens(entry):
    assert is_visible_to(limited(entry), TOKEN) is False


@pytest.mark.conformance("LOC-18", "TYP-01")
def test_uid_and_group_compare_without_regard_to_case():
    assert is_visible_to(limited({"uid": "0a1b", "type": "RFID"}), TOKEN) is True
    assert is_visible_to(limited({"group_id": "FLEET-7"}), TOKEN) is True


@pytest.mark.conformance("LOC-18", "TYP-03")
def test_visual_number_and_issuer_compare_with_regard_to_case():
    token = {**TOKEN, "visual_number": "ab"}

    assert is_visible_to(limited({"visual_number": "AB", "issuer": "Example"}), token) is False
    assert is_visible_to(limited({"visual_number": "ab", "issuer": "example"}), token) is False


@pytest.mark.conformance("LOC-18")
@pytest.mark.parametrize("token", [{}, {"uid": None}, {"type": "RFID"}], ids=["empty", "null", "type-only"])
def test_what_is_not_known_of_a_token_matches_nothing(token):
    assert is_visible_to(limited({"uid": "0A1B", "type": "RFID"}), token) is False
    assert is_visible_to(limited({"uid": "None", "type": "RFID"}), {**token, "type": "RFID"}) is False


@pytest.mark.conformance("LOC-18")
def test_driver_sees_nothing_of_a_location_that_is_not_for_them():
    assert driver_view(limited({"group_id": "other"}), TOKEN) is None
    assert driver_view(limited({"group_id": "Fleet-7"}), TOKEN) is not None


@pytest.mark.conformance("LOC-16")
def test_driver_sees_no_removed_evses():
    document = location(evses=[evse(uid="a", status="REMOVED"), evse(uid="b"), evse(uid="c", status="PLANNED")])

    view = driver_view(document)

    assert [shown["uid"] for shown in view["evses"]] == ["b", "c"]


@pytest.mark.conformance("LOC-17")
@pytest.mark.parametrize(
    "changes",
    [{}, {"evses": []}, {"evses": None}, {"evses": [evse(status="REMOVED")]}],
    ids=["absent", "empty", "null", "removed"],
)
def test_driver_sees_nothing_of_a_location_without_evses(changes):
    assert driver_view(location(**changes)) is None


@pytest.mark.conformance("LOC-36")
@pytest.mark.parametrize("changes", [{}, {"operator": None}], ids=["absent", "null"])
def test_owner_stands_in_for_an_absent_operator(changes):
    view = driver_view(location(evses=[evse()], **changes), operator={"name": "Abc Charging"})

    assert view["operator"] == {"name": "Abc Charging"}


@pytest.mark.conformance("LOC-36")
def test_operator_of_the_location_goes_before_the_owner():
    document = location(evses=[evse()], operator={"name": "Operations"})

    assert driver_view(document, operator={"name": "Abc Charging"})["operator"] == {"name": "Operations"}


def test_view_without_a_known_operator_has_none():
    assert "operator" not in driver_view(location(evses=[evse()]))


def test_driver_does_not_learn_whose_tokens_may_see_a_location():
    view = driver_view(full_location(), {"group_id": "FLEET-7"})

    assert "publish_allowed_to" not in view
    assert view["name"] == "Central Station"


def test_view_leaves_the_location_alone():
    document = full_location()
    before = copy.deepcopy(document)

    view = driver_view(document, {"group_id": "FLEET-7"}, operator={"name": "Abc Charging"})

    assert len(view["evses"]) == 1
    assert document == before
