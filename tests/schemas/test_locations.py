"""Tests of the conditions that the classes of the locations module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.enums import Status
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import AdditionalGeoLocation
from flask_ocpi.modules.locations_schemas import Connector
from flask_ocpi.modules.locations_schemas import ExceptionalPeriod
from flask_ocpi.modules.locations_schemas import GeoLocation
from flask_ocpi.modules.locations_schemas import Hours
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.locations_schemas import PublishTokenType
from flask_ocpi.modules.locations_schemas import RegularHours
from flask_ocpi.modules.locations_schemas import StatusSchedule
from flask_ocpi.modules.types import DisplayText
from flask_ocpi.modules.types import EnergyMix
from flask_ocpi.modules.types import Image
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location

REGULAR = {"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}
PERIOD = {"period_begin": "2024-12-25T03:00:00Z", "period_end": "2024-12-25T05:00:00Z"}
SOME_TOKEN = {"uid": "12345678905880", "type": "RFID"}


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.conformance("LOC-18")
def test_publish_is_required():
    document = location()
    del document["publish"]

    refuse(Location, document, "publish is required")


@pytest.mark.conformance("LOC-19")
def test_publish_allowed_to_goes_with_publish_false():
    accept(Location, location(publish=False, publish_allowed_to=[SOME_TOKEN]))
    accept(Location, location(publish=False))


@pytest.mark.conformance("LOC-19")
def test_publish_allowed_to_is_refused_with_publish_true():
    refuse(
        Location,
        location(publish_allowed_to=[SOME_TOKEN]),
        "publish_allowed_to must be left out when publish is true",
    )


@pytest.mark.conformance("LOC-19")
@pytest.mark.parametrize("empty", [None, []], ids=repr)
def test_empty_publish_allowed_to_is_none(empty):
    assert load(Location(), location(publish_allowed_to=empty)) == location()


@pytest.mark.conformance("LOC-20")
@pytest.mark.parametrize(
    "entry",
    [
        {"uid": "1", "type": "RFID"},
        {"visual_number": "1", "issuer": "Example"},
        {"group_id": "1"},
        {"uid": "1", "type": "RFID", "visual_number": "1", "issuer": "Example", "group_id": "1"},
    ],
    ids=["uid", "visual-number", "group", "all"],
)
def test_publish_token_identifies_tokens(entry):
    accept(PublishTokenType, entry)


@pytest.mark.conformance("LOC-20")
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "uid is required where there is neither visual_number nor group_id"),
        ({"type": "RFID"}, "uid is required where there is neither visual_number nor group_id"),
        ({"issuer": "Example"}, "uid is required where there is neither visual_number nor group_id"),
        ({"uid": "1"}, "type is required where there is a uid"),
        ({"uid": "1", "type": None}, "type is required where there is a uid"),
        ({"visual_number": "1"}, "issuer is required where there is a visual_number"),
        ({"visual_number": "1", "group_id": "1"}, "issuer is required where there is a visual_number"),
    ],
    ids=["empty", "type", "issuer", "uid", "null-type", "visual-number", "group-too"],
)
def test_publish_token_that_is_incomplete_is_refused(entry, message):
    refuse(PublishTokenType, entry, message)


@pytest.mark.conformance("LOC-20")
def test_message_says_which_publish_token_is_incomplete():
    document = location(publish=False, publish_allowed_to=[SOME_TOKEN, {"uid": "1"}])

    refuse(Location, document, "publish_allowed_to[1].type is required where there is a uid")


@pytest.mark.conformance("LOC-21")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"country_code": "NLD"}, "country_code is longer than 2 characters (it has 3)"),
        ({"country": "NL"}, "country is shorter than 3 characters (it has 2)"),
        ({"party_id": "AB"}, "party_id is shorter than 3 characters (it has 2)"),
        ({"party_id": "ABCD"}, "party_id is longer than 3 characters (it has 4)"),
    ],
    ids=["country-code", "country", "short-party", "long-party"],
)
def test_codes_have_their_exact_length(changes, message):
    refuse(Location, location(**changes), message)


@pytest.mark.conformance("LOC-21", "TYP-21")
@pytest.mark.parametrize("changes", [{"country_code": "ZZ"}, {"country": "ZZZ"}], ids=["alpha-2", "alpha-3"])
def test_codes_are_compared_with_the_iso_lists_when_strict(changes):
    accept(Location, location(**changes))
    with pytest.raises(InvalidParametersError, match="is not a code of the ISO list"):
        load(Location(policy=Policy(strict_codes=True)), location(**changes))


@pytest.mark.conformance("LOC-22")
@pytest.mark.parametrize("name", ["Europe/Oslo", "America/Argentina/Buenos_Aires", "Etc/UTC"])
def test_time_zone_is_an_iana_name(name):
    accept(Location, location(time_zone=name))


@pytest.mark.conformance("LOC-22")
@pytest.mark.parametrize("name", ["", "CEST", "+01:00", "europe/oslo", "Europe/Nowhere", "../../etc/passwd"])
def test_time_zone_is_nothing_else(name):
    refuse(
        Location,
        location(time_zone=name),
        "time_zone must be an IANA time zone name such as Europe/Amsterdam",
    )


@pytest.mark.conformance("LOC-23")
def test_postal_code_may_be_absent():
    accept(Location, location())
    accept(Location, location(postal_code="3511 ED"))


@pytest.mark.conformance("LOC-24")
@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("51.04759", "3.72994"),
        ("-51.0475991", "-173.7299441"),
        ("0.00000", "0.00000"),
        ("05.00000", "005.00000"),
    ],
    ids=["short", "longest", "zero", "leading-zeros"],
)
def test_coordinates_have_five_to_seven_decimals(latitude, longitude):
    accept(GeoLocation, {"latitude": latitude, "longitude": longitude})


@pytest.mark.conformance("LOC-24")
@pytest.mark.parametrize(
    "value",
    [
        "51.0475",
        "51.04759912",
        "51",
        "",
        "51,04759",
        "+51.04759",
        " 51.04759",
        "51.04759\n",
        "N51.0475",
        "5e1.04759",
    ],
)
@pytest.mark.parametrize("name", ["latitude", "longitude"])
def test_coordinates_in_another_form_are_refused(name, value):
    with pytest.raises(InvalidParametersError, match=f"^Invalid body: {name} "):
        load(GeoLocation(), {"latitude": "51.04759", "longitude": "3.72994", name: value})


@pytest.mark.conformance("LOC-24")
def test_coordinates_are_no_numbers_and_latitudes_no_longitudes():
    refuse(GeoLocation, {"latitude": 51.04759, "longitude": "3.72994"}, "latitude must be a string, not a number")
    refuse(
        GeoLocation,
        {"latitude": "151.04759", "longitude": "3.72994"},
        "latitude must be a string of degrees with 5 to 7 decimals such as 51.04759",
    )


@pytest.mark.conformance("LOC-24")
def test_additional_location_has_one_name():
    point = {"latitude": "51.04759", "longitude": "3.72994"}

    accept(AdditionalGeoLocation, {**point, "name": {"language": "en", "text": "Entrance"}})
    refuse(AdditionalGeoLocation, {**point, "name": []}, "name must be a JSON object, not an array")


@pytest.mark.conformance("LOC-25")
@pytest.mark.parametrize(
    "hours",
    [
        {"twentyfourseven": True},
        {"twentyfourseven": True, "exceptional_closings": [PERIOD]},
        {"twentyfourseven": False, "regular_hours": [REGULAR]},
        {"twentyfourseven": False, "regular_hours": [REGULAR, REGULAR], "exceptional_openings": [PERIOD]},
    ],
    ids=["always", "always-but", "regular", "twice-a-day"],
)
def test_hours_are_regular_or_around_the_clock(hours):
    accept(Hours, hours)


@pytest.mark.conformance("LOC-25")
@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ({}, "twentyfourseven is required"),
        ({"regular_hours": [REGULAR]}, "twentyfourseven is required"),
        (
            {"twentyfourseven": True, "regular_hours": [REGULAR]},
            "regular_hours must be left out when twentyfourseven is true",
        ),
        (
            {"twentyfourseven": False, "regular_hours": []},
            "regular_hours must have at least one element when twentyfourseven is false",
        ),
        (
            {"twentyfourseven": False, "exceptional_openings": [PERIOD]},
            "regular_hours must have at least one element when twentyfourseven is false",
        ),
    ],
    ids=["empty", "choice-of-2.1.1", "both", "neither", "only-exceptions"],
)
def test_hours_that_are_both_or_neither_are_refused(hours, message):
    refuse(Hours, hours, message)


@pytest.mark.conformance("LOC-26")
@pytest.mark.parametrize("weekday", [1, 7])
def test_week_is_from_1_to_7(weekday):
    accept(RegularHours, {**REGULAR, "weekday": weekday})


@pytest.mark.conformance("LOC-26")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weekday": 0}, "weekday must be between 1 and 7"),
        ({"weekday": 8}, "weekday must be between 1 and 7"),
        ({"weekday": "1"}, "weekday must be an integer, not a string"),
        ({"period_begin": "8:00"}, "period_begin must be a time from 00:00 to 23:59"),
        ({"period_end": "24:00"}, "period_end must be a time from 00:00 to 23:59"),
        ({"period_end": "08:00"}, "period_end must be later than period_begin"),
        ({"period_end": "07:59"}, "period_end must be later than period_begin"),
    ],
    ids=["sunday-0", "8", "text", "one-digit", "24:00", "same", "earlier"],
)
def test_regular_hours_that_make_no_sense_are_refused(changes, message):
    refuse(RegularHours, {**REGULAR, **changes}, message)


@pytest.mark.conformance("LOC-26", "T-32")
@pytest.mark.parametrize("name", ["period_begin", "period_end"])
def test_period_of_the_day_may_be_not_available(name):
    accept(RegularHours, {**REGULAR, name: "#NA"})


@pytest.mark.conformance("LOC-27")
def test_exceptional_periods_are_utc_date_times():
    accept(ExceptionalPeriod, PERIOD)
    with pytest.raises(InvalidParametersError, match="period_begin must be a UTC date and time"):
        load(ExceptionalPeriod(), {**PERIOD, "period_begin": "08:00"})


@pytest.mark.conformance("LOC-28")
def test_closings_may_overlap_openings_that_they_override():
    accept(Hours, {"twentyfourseven": True, "exceptional_openings": [PERIOD], "exceptional_closings": [PERIOD]})


@pytest.mark.conformance("LOC-29", "LOC-31")
def test_evse_needs_no_evse_id():
    accept(EVSE, evse(status="REMOVED"))
    accept(EVSE, evse(evse_id="NL*ABC*E041503001"))


@pytest.mark.conformance("LOC-29")
@pytest.mark.parametrize("name", ["uid", "status", "connectors", "last_updated"])
def test_evse_needs(name):
    document = evse()
    del document[name]

    refuse(EVSE, document, f"{name} is required")


@pytest.mark.conformance("LOC-30", "TYP-01")
def test_evse_uids_are_unique_within_a_location_whatever_their_case():
    refuse(
        Location,
        location(evses=[evse(uid="a"), evse(uid="b"), evse(uid="A")]),
        "evses[2].uid is the same as that of element 0: it must be unique",
    )


@pytest.mark.conformance("LOC-32", "TYP-01")
def test_connector_ids_are_unique_within_an_evse_whatever_their_case():
    accept(Location, location(evses=[evse(uid="a"), evse(uid="b")]))
    refuse(
        EVSE,
        evse(connectors=[connector(id="left"), connector(id="LEFT")]),
        "connectors[1].id is the same as that of element 0: it must be unique",
    )


@pytest.mark.conformance("LOC-32")
@pytest.mark.parametrize("name", list(connector()))
def test_connector_needs(name):
    document = connector()
    del document[name]

    refuse(Connector, document, f"{name} is required")


@pytest.mark.conformance("LOC-32")
@pytest.mark.parametrize("name", ["max_voltage", "max_amperage", "max_electric_power"])
def test_connector_has_no_negative_ratings(name):
    refuse(Connector, connector(**{name: -1}), f"{name} must be between 0 and {2**53 - 1}")


@pytest.mark.conformance("LOC-33")
def test_power_may_be_below_what_voltage_and_amperage_give():
    accept(Connector, connector(max_electric_power=3700))


@pytest.mark.conformance("LOC-34")
def test_connector_may_have_several_tariffs_that_nobody_knows():
    accept(Connector, connector(tariff_ids=["DAY", "NIGHT", "never-heard-of"]))


@pytest.mark.conformance("LOC-35")
def test_evse_may_demand_a_connector_in_start_session():
    accept(EVSE, evse(capabilities=["START_SESSION_CONNECTOR_REQUIRED"]))


@pytest.mark.conformance("LOC-37")
@pytest.mark.parametrize("shares", [(60, 40), (33.3, 33.3), (100, 100)], ids=["100", "less", "more"])
def test_energy_shares_should_but_need_not_add_up(shares):
    sources = [{"source": "WIND", "percentage": share} for share in shares]

    accept(EnergyMix, {"is_green_energy": True, "energy_sources": sources})


@pytest.mark.conformance("LOC-37")
@pytest.mark.parametrize(("share", "message"), [(-1, "must be at least 0"), (100.1, "must be at most 100")])
def test_energy_share_is_from_0_to_100(share, message):
    refuse(
        EnergyMix,
        {"is_green_energy": True, "energy_sources": [{"source": "WIND", "percentage": share}]},
        f"energy_sources[0].percentage {message}",
    )


@pytest.mark.conformance("LOC-38")
def test_status_schedule_says_nothing_about_the_status_now():
    schedule = [{"period_begin": "2020-01-01T00:00:00Z", "status": "INOPERATIVE"}]

    accept(EVSE, evse(status="AVAILABLE", status_schedule=schedule))
    accept(StatusSchedule, {**schedule[0], "period_end": "2020-01-02T00:00:00Z"})


@pytest.mark.parametrize("status", list(Status))
def test_evse_may_have_any_status(status):
    accept(EVSE, evse(status=str(status)))


@pytest.mark.conformance("TYP-20")
@pytest.mark.parametrize("size", [0, 99999])
def test_image_has_sizes_of_up_to_five_digits(size):
    accept(Image, {"url": "https://e.com/i", "category": "OWNER", "type": "jpeg", "width": size, "height": size})


@pytest.mark.conformance("TYP-20")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 100_000}, "width must be between 0 and 99999"),
        ({"height": -1}, "height must be between 0 and 99999"),
        ({"type": "image/png"}, "type is longer than 4 characters (it has 9)"),
    ],
    ids=["wide", "negative", "media-type"],
)
def test_image_that_does_not_fit_is_refused(changes, message):
    refuse(Image, {"url": "https://e.com/i", "category": "OWNER", "type": "png", **changes}, message)


@pytest.mark.conformance("TYP-19")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"text": "Hello"}, "language is required"),
        ({"language": "en"}, "text is required"),
        ({"language": "eng", "text": "Hello"}, "language is longer than 2 characters (it has 3)"),
        ({"language": "en", "text": "x" * 513}, "text is longer than 512 characters (it has 513)"),
    ],
    ids=["no-language", "no-text", "three-letters", "long"],
)
def test_display_text_is_a_short_text_in_a_language(text, message):
    accept(DisplayText, {"language": "en", "text": "x" * 512})
    refuse(DisplayText, text, message)
