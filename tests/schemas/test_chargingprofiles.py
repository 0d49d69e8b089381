"""Tests of the conditions that the classes of the chargingprofiles module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.chargingprofiles import ActiveChargingProfile
from flask_ocpi.modules.chargingprofiles import ActiveChargingProfileResult
from flask_ocpi.modules.chargingprofiles import ActiveProfileQuery
from flask_ocpi.modules.chargingprofiles import ChargingProfile
from flask_ocpi.modules.chargingprofiles import ChargingProfilePeriod
from flask_ocpi.modules.chargingprofiles import ChargingProfileResponse
from flask_ocpi.modules.chargingprofiles import ChargingProfileResult
from flask_ocpi.modules.chargingprofiles import ClearProfileResult
from flask_ocpi.modules.chargingprofiles import ResponseUrlQuery
from flask_ocpi.modules.chargingprofiles import SetChargingProfile
from flask_ocpi.modules.enums import ChargingProfileResponseType
from flask_ocpi.modules.enums import ChargingProfileResultType
from flask_ocpi.testing.documents import set_charging_profile

RESPONSE_URL = "https://emsp.example.com/ocpi/2.2.1/sender/chargingprofiles/1?request_id=5678&part=2"
PROFILE = {
    "charging_rate_unit": "A",
    "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 900, "limit": 8.5}],
}
ACTIVE = {"start_date_time": "2024-05-31T12:00:00Z", "charging_profile": PROFILE}
PERIOD_BEFORE = "must be greater than that of the period before it"


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


def profile(*starts):
    periods = [{"start_period": start, "limit": 16} for start in starts]
    return {"charging_rate_unit": "A", "charging_profile_period": periods}


@pytest.mark.conformance("CHP-01")
def test_query_for_a_profile_holds_how_long_and_where_to():
    loaded = load(ActiveProfileQuery(), {"duration": "900", "response_url": RESPONSE_URL})

    assert loaded == {"duration": 900, "response_url": RESPONSE_URL}


@pytest.mark.conformance("CHP-01")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration": None}, "duration must not be null"),
        ({"duration": ""}, "duration must be a whole number"),
        ({"duration": "900.5"}, "duration must be a whole number"),
        ({"duration": "PT15M"}, "duration must be a whole number"),
        ({"duration": "-1"}, "duration must be at least 0"),
        ({"response_url": ""}, "response_url must be an absolute http or https URL"),
        ({"response_url": "/response"}, "response_url must be an absolute http or https URL"),
    ],
    ids=["null", "empty", "half", "iso-8601", "negative", "no-url", "relative"],
)
def test_query_for_a_profile_that_makes_no_sense_is_refused(changes, message):
    refuse(ActiveProfileQuery, {"duration": "900", "response_url": RESPONSE_URL, **changes}, message)


@pytest.mark.conformance("CHP-01")
@pytest.mark.parametrize("name", ["duration", "response_url"])
def test_query_for_a_profile_needs(name):
    query = {"duration": "900", "response_url": RESPONSE_URL}
    del query[name]

    refuse(ActiveProfileQuery, query, f"{name} is required")


@pytest.mark.conformance("CHP-03")
def test_query_to_clear_a_profile_needs_a_response_url_only():
    accept(ResponseUrlQuery, {"response_url": RESPONSE_URL})
    refuse(ResponseUrlQuery, {}, "response_url is required")


@pytest.mark.conformance("CHP-02")
@pytest.mark.parametrize("name", ["charging_profile", "response_url"])
def test_request_to_set_a_profile_needs(name):
    document = set_charging_profile()

    accept(SetChargingProfile, document)
    del document[name]
    refuse(SetChargingProfile, document, f"{name} is required")


@pytest.mark.conformance("CHP-02")
def test_request_to_set_a_profile_is_not_the_profile_itself():
    refuse(SetChargingProfile, PROFILE, "charging_profile is required; response_url is required")


@pytest.mark.conformance("CHP-06")
@pytest.mark.parametrize("result", list(ChargingProfileResponseType))
def test_response_tells_the_timeout_whatever_it_is(result):
    accept(ChargingProfileResponse, {"result": str(result), "timeout": 30})
    refuse(ChargingProfileResponse, {"result": str(result)}, "timeout is required")
    refuse(ChargingProfileResponse, {"timeout": 30}, "result is required")


@pytest.mark.conformance("CHP-06")
def test_response_is_none_of_the_results():
    refuse(
        ChargingProfileResponse,
        {"result": "UNKNOWN", "timeout": 30},
        "result 'UNKNOWN' is not a ChargingProfileResponseType: "
        "use ACCEPTED, NOT_SUPPORTED, REJECTED, TOO_OFTEN, UNKNOWN_SESSION",
    )


@pytest.mark.conformance("CHP-11")
@pytest.mark.parametrize("schema", [ChargingProfileResult, ClearProfileResult])
@pytest.mark.parametrize("result", list(ChargingProfileResultType))
def test_result_says_what_came_of_it(schema, result):
    accept(schema, {"result": str(result)})


@pytest.mark.conformance("CHP-11")
@pytest.mark.parametrize("schema", [ActiveChargingProfileResult, ChargingProfileResult, ClearProfileResult])
@pytest.mark.parametrize("result", ["TOO_OFTEN", "UNKNOWN_SESSION", "accepted"])
def test_result_is_none_of_the_responses(schema, result):
    refuse(
        schema,
        {"result": result},
        f"result {result!r} is not a ChargingProfileResultType: use ACCEPTED, REJECTED, UNKNOWN",
    )


@pytest.mark.conformance("CHP-10")
def test_accepted_result_has_the_profile():
    accept(ActiveChargingProfileResult, {"result": "ACCEPTED", "profile": ACTIVE})


@pytest.mark.conformance("CHP-10")
@pytest.mark.parametrize("nothing", [{}, {"profile": None}], ids=["absent", "null"])
def test_accepted_result_without_the_profile_is_refused(nothing):
    refuse(
        ActiveChargingProfileResult,
        {"result": "ACCEPTED", **nothing},
        "profile is required when result is ACCEPTED",
    )


@pytest.mark.conformance("CHP-10")
@pytest.mark.parametrize("result", ["REJECTED", "UNKNOWN"])
def test_other_results_need_no_profile(result):
    accept(ActiveChargingProfileResult, {"result": result})
    accept(ActiveChargingProfileResult, {"result": result, "profile": ACTIVE})


@pytest.mark.parametrize("name", ["start_date_time", "charging_profile"])
def test_active_profile_needs(name):
    document = {key: value for key, value in ACTIVE.items() if key != name}

    refuse(ActiveChargingProfile, document, f"{name} is required")


@pytest.mark.conformance("CHP-16")
@pytest.mark.parametrize(
    "times",
    [{}, {"start_date_time": "2024-05-31T12:00:00Z"}, {"duration": 3600}, {"duration": 0}],
    ids=["neither", "start", "duration", "no-duration"],
)
def test_profile_needs_neither_start_nor_duration(times):
    accept(ChargingProfile, {**PROFILE, **times})


@pytest.mark.conformance("CHP-16")
@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"start_date_time": "2024-05-31T12:00:00+02:00"}, "start_date_time must be a UTC date and time such as "),
        ({"duration": "3600"}, "duration must be an integer, not a string"),
        ({"duration": -1}, "duration must be between 0 and "),
    ],
    ids=["local", "text", "negative"],
)
def test_profile_at_a_time_that_makes_no_sense_is_refused(times, message):
    with pytest.raises(InvalidParametersError, match=f"^Invalid body: {message}"):
        load(ChargingProfile(), {**PROFILE, **times})


@pytest.mark.conformance("CHP-17", "TYP-12")
@pytest.mark.parametrize(
    ("value", "kept"),
    [(16, 16), (16.0, 16.0), (8.1, 8.1), (8.14, 8.1), (8.15, 8.2), (-8.15, -8.2), (0.04, 0.0), (22000.06, 22000.1)],
)
def test_rates_have_one_decimal_further_ones_are_rounded(value, kept):
    period = load(ChargingProfilePeriod(), {"start_period": 0, "limit": value})
    loaded = load(ChargingProfile(), {"charging_rate_unit": "A", "min_charging_rate": value})

    assert period["limit"] == loaded["min_charging_rate"] == kept


@pytest.mark.conformance("CHP-17")
@pytest.mark.parametrize("limit", ["16", None, True], ids=repr)
def test_limit_is_a_number(limit):
    with pytest.raises(InvalidParametersError, match=r"^Invalid body: limit must "):
        load(ChargingProfilePeriod(), {"start_period": 0, "limit": limit})


@pytest.mark.conformance("CHP-18")
@pytest.mark.parametrize("starts", [(0,), (0, 1), (0, 900, 901, 86_400)], ids=repr)
def test_periods_follow_each_other_from_the_start(starts):
    accept(ChargingProfile, profile(*starts))


@pytest.mark.conformance("CHP-18")
@pytest.mark.parametrize("none", [{}, {"charging_profile_period": []}, {"charging_profile_period": None}], ids=repr)
def test_profile_may_have_no_periods(none):
    assert load(ChargingProfile(), {"charging_rate_unit": "W", **none}) == {"charging_rate_unit": "W"}


@pytest.mark.conformance("CHP-18")
@pytest.mark.parametrize(
    ("starts", "complaints"),
    [
        ((60,), ["[0].start_period must be 0: the first period starts with the profile"]),
        ((0, 0), [f"[1].start_period {PERIOD_BEFORE}"]),
        ((0, 60, 30), [f"[2].start_period {PERIOD_BEFORE}"]),
        (
            (60, 30),
            [
                "[0].start_period must be 0: the first period starts with the profile",
                f"[1].start_period {PERIOD_BEFORE}",
            ],
        ),
        ((-1,), [f"[0].start_period must be between 0 and {2**53 - 1}"]),
    ],
    ids=["late", "same", "back", "both", "before"],
)
def test_periods_in_another_order_are_refused(starts, complaints):
    refuse(ChargingProfile, profile(*starts), "; ".join(f"charging_profile_period{text}" for text in complaints))


@pytest.mark.conformance("CHP-18")
def test_message_says_which_period_of_an_active_profile_is_wrong():
    document = {"result": "ACCEPTED", "profile": {**ACTIVE, "charging_profile": profile(0, 0)}}

    refuse(
        ActiveChargingProfileResult,
        document,
        f"profile.charging_profile.charging_profile_period[1].start_period {PERIOD_BEFORE}",
    )


@pytest.mark.conformance("CHP-19")
@pytest.mark.parametrize("unit", ["W", "A"])
def test_unit_is_watt_or_ampere(unit):
    accept(ChargingProfile, {**PROFILE, "charging_rate_unit": unit})


@pytest.mark.conformance("CHP-19")
@pytest.mark.parametrize("unit", ["kW", "w", ""])
def test_unit_is_nothing_else(unit):
    refuse(
        ChargingProfile,
        {**PROFILE, "charging_rate_unit": unit},
        f"charging_rate_unit {unit!r} is not a ChargingRateUnit: use W, A",
    )
