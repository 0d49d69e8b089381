"""Tests of the conditions that the classes of the sessions module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.core.schema import with_defaults
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.cdrs_schemas import SESSION_ONLY
from flask_ocpi.modules.enums import AuthMethod
from flask_ocpi.modules.enums import CdrDimensionType
from flask_ocpi.modules.enums import ProfileType
from flask_ocpi.modules.enums import SessionStatus
from flask_ocpi.modules.sessions import ChargingPreferences
from flask_ocpi.modules.sessions import Session
from flask_ocpi.testing.documents import session

PERIOD = {"start_date_time": "2024-05-31T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1.5}]}


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.conformance("SES-23")
@pytest.mark.parametrize("name", list(session()))
def test_session_needs(name):
    document = session()
    del document[name]

    refuse(Session, document, f"{name} is required")


@pytest.mark.conformance("SES-23", "T-32")
def test_reservation_may_have_no_evse_yet():
    accept(Session, session(status="RESERVATION", evse_uid="#NA", connector_id="#NA"))


@pytest.mark.conformance("SES-23")
@pytest.mark.parametrize("name", ["evse_uid", "connector_id"])
def test_reservation_says_that_it_has_no_evse(name):
    refuse(Session, session(status="RESERVATION", **{name: None}), f"{name} must not be null")
    refuse(Session, session(status="RESERVATION", **{name: ""}), f"{name} must not be empty")


@pytest.mark.conformance("SES-22")
@pytest.mark.parametrize("status", list(SessionStatus))
def test_session_may_have_any_status(status):
    accept(Session, session(status=str(status)))


@pytest.mark.conformance("SES-22")
def test_reserved_is_no_status_of_sessions():
    with pytest.raises(InvalidParametersError, match=r"status 'RESERVED' is not a SessionStatus: use .*RESERVATION"):
        load(Session(), session(status="RESERVED"))


@pytest.mark.conformance("SES-25", "TYP-18")
@pytest.mark.parametrize(
    "price", [{"excl_vat": 8.5, "incl_vat": 9.35}, {"excl_vat": 8.5}, {"excl_vat": 0.0}], ids=["both", "one", "free"]
)
def test_total_cost_is_a_price(price):
    accept(Session, session(total_cost=price))


@pytest.mark.conformance("SES-25")
def test_total_cost_that_is_absent_stays_absent():
    assert "total_cost" not in with_defaults(Session(), load(Session(), session(total_cost=None)))


@pytest.mark.conformance("SES-25", "TYP-18")
@pytest.mark.parametrize(
    ("price", "message"),
    [
        (8.5, "total_cost must be a JSON object, not a number"),
        ({}, "total_cost.excl_vat is required"),
        ({"incl_vat": 9.35}, "total_cost.excl_vat is required"),
        ({"excl_vat": "8.50"}, "total_cost.excl_vat must be a number, not a string"),
    ],
    ids=["number", "empty", "with-vat-only", "text"],
)
def test_total_cost_is_nothing_else(price, message):
    refuse(Session, session(total_cost=price), message)


@pytest.mark.conformance("SES-27")
@pytest.mark.parametrize("name", ["country_code", "party_id", "uid", "type", "contract_id"])
def test_token_of_a_session_needs(name):
    token = {key: value for key, value in session()["cdr_token"].items() if key != name}

    refuse(Session, session(cdr_token=token), f"cdr_token.{name} is required")


@pytest.mark.conformance("SES-28")
@pytest.mark.parametrize("method", list(AuthMethod))
def test_driver_may_be_authorised_in_any_way(method):
    accept(Session, session(auth_method=str(method)))


@pytest.mark.conformance("SES-29")
def test_some_dimensions_are_for_sessions_only():
    assert sorted(SESSION_ONLY) == ["CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"]


@pytest.mark.conformance("SES-29")
@pytest.mark.parametrize("kind", list(CdrDimensionType))
def test_session_may_have_every_dimension(kind):
    accept(Session, session(charging_periods=[{**PERIOD, "dimensions": [{"type": str(kind), "volume": 1.5}]}]))


@pytest.mark.parametrize("volume", [0, 55.5, 100])
def test_state_of_charge_is_a_percentage(volume):
    dimensions = [{"type": "STATE_OF_CHARGE", "volume": volume}]

    accept(Session, session(charging_periods=[{**PERIOD, "dimensions": dimensions}]))


@pytest.mark.parametrize("volume", [-0.1, 100.1])
def test_state_of_charge_is_nothing_else(volume):
    dimensions = [{"type": "POWER", "volume": volume}, {"type": "STATE_OF_CHARGE", "volume": volume}]

    refuse(
        Session,
        session(charging_periods=[{**PERIOD, "dimensions": dimensions}]),
        "charging_periods[0].dimensions[1].volume must be between 0 and 100 for STATE_OF_CHARGE",
    )


@pytest.mark.conformance("SES-19")
def test_periods_are_kept_in_the_order_they_are_in_even_twice():
    later = {**PERIOD, "start_date_time": "2024-05-31T11:00:00Z"}

    accept(Session, session(charging_periods=[later, PERIOD, PERIOD, later]))


@pytest.mark.parametrize("empty", [[], None], ids=repr)
def test_session_may_have_no_periods(empty):
    assert load(Session(), session(charging_periods=empty)) == session()


@pytest.mark.conformance("CDR-14")
def test_period_of_a_session_has_a_dimension():
    refuse(
        Session,
        session(charging_periods=[PERIOD, {**PERIOD, "dimensions": []}]),
        "charging_periods[1].dimensions must have at least one element",
    )


@pytest.mark.conformance("CDR-29")
def test_session_may_have_given_energy_back():
    accept(Session, session(kwh=-1.5))


@pytest.mark.conformance("CDR-21", "TYP-08")
def test_session_has_no_unknown_time():
    refuse(
        Session,
        session(start_date_time="1970-1-1T00:00:00Z"),
        "start_date_time must be a UTC date and time such as 2024-05-31T12:00:00Z",
    )


@pytest.mark.conformance("SES-09")
@pytest.mark.parametrize("kind", list(ProfileType))
def test_preferences_need_a_profile_type_only(kind):
    accept(ChargingPreferences, {"profile_type": str(kind)})
    accept(
        ChargingPreferences,
        {
            "profile_type": str(kind),
            "departure_time": "2024-05-31T16:00:00Z",
            "energy_need": 20.5,
            "discharge_allowed": True,
        },
    )


@pytest.mark.conformance("SES-09")
@pytest.mark.parametrize(
    ("preferences", "message"),
    [
        ({}, "profile_type is required"),
        ({"profile_type": None}, "profile_type must not be null"),
        ({"profile_type": "FAST", "energy_need": "20 kWh"}, "energy_need must be a number, not a string"),
        (
            {"profile_type": "FAST", "discharge_allowed": "false"},
            "discharge_allowed must be true or false, not a string",
        ),
        (
            {"profile_type": "FAST", "departure_time": "16:00"},
            "departure_time must be a UTC date and time such as 2024-05-31T12:00:00Z",
        ),
    ],
    ids=["empty", "null", "unit", "text", "time"],
)
def test_preferences_that_make_no_sense_are_refused(preferences, message):
    refuse(ChargingPreferences, preferences, message)


def test_profile_type_is_not_the_type_of_a_tariff():
    with pytest.raises(InvalidParametersError, match="'PROFILE_FAST' is not a ProfileType"):
        load(ChargingPreferences(), {"profile_type": "PROFILE_FAST"})


@pytest.mark.conformance("SES-09")
@pytest.mark.parametrize(
    ("given", "meant"), [({}, False), ({"discharge_allowed": None}, False)], ids=["absent", "null"]
)
def test_discharging_is_not_allowed_unless_it_is_said(given, meant):
    schema = ChargingPreferences()

    loaded = load(schema, {"profile_type": "GREEN", **given})

    assert with_defaults(schema, loaded)["discharge_allowed"] is meant
    assert "discharge_allowed" not in loaded
