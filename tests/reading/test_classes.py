"""What is understood of single classes: spellings of other software and of real feeds, and what stays refused."""

from __future__ import annotations

import copy

import pytest

from flask_ocpi.core.responses import PageQuery
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.commands_schemas import CommandResult
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import AuthorizationInfo
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing import documents as made
from flask_ocpi.versions.reading import read


def changed(document, path, value):
    """Return a copy with one property set; ``...`` removes it."""
    document = copy.deepcopy(document)
    *above, last = path
    owner = document
    for step in above:
        owner = owner[step]
    if value is ...:
        del owner[last]
    else:
        owner[last] = value
    return document


def at(document, path):
    for step in path:
        document = document[step]
    return document


MENDED = [
    # DateTimes: any RFC 3339 instant, in milliseconds UTC
    ("blank", Location, made.full_location(), ("last_updated",), "2024-05-31 12:00:00", "2024-05-31T12:00:00.000Z"),
    (
        "offset",
        Location,
        made.full_location(),
        ("last_updated",),
        "2024-05-31T12:00:00+0230",
        "2024-05-31T09:30:00.000Z",
    ),
    (
        "nanoseconds",
        CDR,
        made.full_cdr(),
        ("end_date_time",),
        "2024-05-31T12:00:00.123456789Z",
        "2024-05-31T12:00:00.123Z",
    ),
    ("lower case", Session, made.full_session(), ("last_updated",), "2024-05-31t12:00:00z", "2024-05-31T12:00:00.000Z"),
    ("no seconds", Session, made.full_session(), ("last_updated",), "2024-05-31T12:00Z", "2024-05-31T12:00:00.000Z"),
    ("unix time", Token, made.full_token(), ("last_updated",), 1717156800, "2024-05-31T12:00:00.000Z"),
    ("unix milliseconds", Token, made.full_token(), ("last_updated",), "1717156800250", "2024-05-31T12:00:00.250Z"),
    ("end of day", CDR, made.full_cdr(), ("end_date_time",), "2024-05-31T24:00:00Z", "2024-06-01T00:00:00.000Z"),
    # numbers and texts
    ("number as text", Session, made.full_session(), ("kwh",), "12,5", 12.5),
    ("integer as text", Location, made.full_location(), ("evses", 0, "connectors", 0, "max_voltage"), "230", 230),
    ("integer with decimals", EVSE, made.evse(), ("connectors", 0, "max_amperage"), 15.6, 16),
    ("text as number", Location, made.full_location(), ("postal_code",), 3511, "3511"),
    ("id as number", Session, made.full_session(), ("id",), 4711, "4711"),
    ("truth as text", Token, made.full_token(), ("valid",), "True", True),
    ("truth as number", Token, made.full_token(), ("valid",), 0, False),
    ("line break", Location, made.full_location(), ("address",), "Street 1\r\n3511 ED", "Street 1 3511 ED"),
    ("tab and blanks", Location, made.full_location(), ("city",), "\tUtrecht ", "Utrecht"),
    ("too long", Location, made.full_location(), ("name",), "x" * 300, "x" * 255),
    # coordinates
    ("few decimals", Location, made.location(), ("coordinates", "latitude"), "52.089", "52.08900"),
    ("no decimals", Location, made.location(), ("coordinates", "latitude"), "52", "52.00000"),
    ("many decimals", Location, made.location(), ("coordinates", "longitude"), "5.110278449", "5.1102784"),
    ("degrees as number", Location, made.location(), ("coordinates", "longitude"), -0.5, "-0.50000"),
    # codes and enums
    ("alpha-2", Location, made.location(), ("country",), "nl", "NLD"),
    ("written out", Location, made.location(), ("country",), "Deutschland", "DEU"),
    ("alpha-3 of owner", Location, made.location(), ("country_code",), "NLD", "NL"),
    ("currency sign", CDR, made.full_cdr(), ("currency",), "€", "EUR"),
    ("lower case enum", EVSE, made.evse(), ("status",), "available", "AVAILABLE"),
    ("enum with blanks", EVSE, made.evse(), ("status",), "Out of order", "OUTOFORDER"),
    ("unknown status", EVSE, made.evse(), ("status",), "FAULTED", "UNKNOWN"),
    (
        "case of a standard",
        EVSE,
        made.evse(),
        ("connectors", 0, "standard"),
        "iec_60309_2_SINGLE_16",
        "IEC_60309_2_single_16",
    ),
    ("time zone", Location, made.location(), ("time_zone",), "europe/amsterdam", "Europe/Amsterdam"),
    ("language", Tariff, made.full_tariff(), ("tariff_alt_text", 0, "language"), "nl-BE", "nl"),
    # URLs
    (
        "website",
        Location,
        made.full_location(),
        ("operator", "website"),
        "www.example.com/a b",
        "https://www.example.com/a%20b",
    ),
    (
        "blanks around",
        Location,
        made.full_location(),
        ("images", 0, "url"),
        " https://example.com/é.png ",
        "https://example.com/%C3%A9.png",
    ),
    ("media type", Location, made.full_location(), ("images", 0, "type"), "image/jpeg", "jpeg"),
    # lists and objects
    ("list of one", CDR, made.full_cdr(), ("cdr_location",), [made.cdr()["cdr_location"]], made.cdr()["cdr_location"]),
    ("one for a list", Location, made.location(evses=[made.evse()]), ("evses",), made.evse(), [made.evse()]),
    ("facilities as text", Location, made.full_location(), ("facilities",), "hotel, CAFE", ["HOTEL", "CAFE"]),
    ("unknown element", Location, made.full_location(), ("facilities",), ["HOTEL", "POOL"], ["HOTEL"]),
    ("amount", CDR, made.full_cdr(), ("total_cost",), "4.20", {"excl_vat": 4.2}),
    (
        "short time",
        Tariff,
        made.tariff(elements=[{**made.tariff()["elements"][0], "restrictions": {"start_time": "6:00"}}]),
        ("elements", 0, "restrictions", "start_time"),
        "6:00",
        "06:00",
    ),
    (
        "24:00",
        Tariff,
        made.tariff(elements=[{**made.tariff()["elements"][0], "restrictions": {"end_time": "24:00"}}]),
        ("elements", 0, "restrictions", "end_time"),
        "24:00",
        "00:00",
    ),
]


@pytest.mark.parametrize(
    ("cls", "document", "path", "came", "kept"), [case[1:] for case in MENDED], ids=[c[0] for c in MENDED]
)
def test_spelling_whose_meaning_is_certain_is_mended(cls, document, path, came, kept):
    reading = read(cls(), changed(document, path, came))

    assert at(reading.document, path) == kept
    assert reading.flaws
    assert not cls().validate(reading.document)


DERIVED = [
    ("owner of a list", Location, made.location(), ("party_id",), {"party_id": "ABC"}, "ABC"),
    ("party of the driver", CDR, made.full_cdr(), ("cdr_token", "party_id"), {"cdr_token": {"party_id": "EMS"}}, "EMS"),
    ("type of a token", CDR, made.full_cdr(), ("cdr_token", "type"), {}, "OTHER"),
    ("contract", CDR, made.full_cdr(), ("cdr_token", "contract_id"), {}, "#NA"),
    ("evse of a CDR", CDR, made.full_cdr(), ("cdr_location", "evse_uid"), {}, "#NA"),
    (
        "place of a CDR",
        CDR,
        made.full_cdr(),
        ("cdr_location", "coordinates"),
        {},
        {"latitude": "#NA", "longitude": "#NA"},
    ),
    ("hours of a CDR", CDR, made.cdr(), ("total_time",), {}, 1.5),
    ("city", Location, made.location(), ("city",), {}, "#NA"),
    ("visible", Location, made.location(), ("publish",), {}, True),
    (
        "time of an EVSE",
        Location,
        made.location(evses=[made.evse()]),
        ("evses", 0, "last_updated"),
        {},
        made.LAST_UPDATED,
    ),
    ("time of a connector", EVSE, made.evse(), ("connectors", 0, "last_updated"), {}, made.LAST_UPDATED),
    ("time to answer", CommandResponse, {"result": "ACCEPTED", "timeout": 5}, ("timeout",), {"timeout": 30}, 30),
    ("step", Tariff, made.tariff(), ("elements", 0, "price_components", 0, "step_size"), {}, 1),
    (
        "token asked for",
        AuthorizationInfo,
        {"allowed": "ALLOWED", "token": made.token()},
        ("token",),
        {"token": made.token()},
        made.token(),
    ),
]


@pytest.mark.parametrize(
    ("cls", "document", "path", "known", "kept"), [case[1:] for case in DERIVED], ids=[c[0] for c in DERIVED]
)
def test_missing_property_that_follows_from_others_is_derived(cls, document, path, known, kept):
    reading = read(cls(), changed(document, path, ...), known=known)

    assert at(reading.document, path) == kept
    assert {flaw.kind for flaw in reading.flaws} == {"derived"}
    assert not cls().validate(reading.document)


def test_voltage_and_amperage_by_the_names_of_2_1_1_are_taken():
    connector = {name: value for name, value in made.connector(voltage=400, amperage=32).items() if "max" not in name}

    kept = read(EVSE(), made.evse(connectors=[connector])).document["connectors"][0]

    assert (kept["max_voltage"], kept["max_amperage"]) == (400, 32)


@pytest.mark.parametrize("status", ["PLANNED", "REMOVED", "removed"])
def test_evse_that_is_planned_or_removed_is_kept_without_connectors(status):
    reading = read(Location(), made.location(evses=[made.evse(status=status, connectors=[])]))

    assert reading.document["evses"][0]["connectors"] == []
    assert "kept" in {flaw.kind for flaw in reading.flaws}


def test_evse_in_service_without_connectors_is_left_out_and_the_location_kept():
    reading = read(Location(), made.location(evses=[made.evse(connectors=[]), made.evse(uid="EVSE2")]))

    assert [evse["uid"] for evse in reading.document["evses"]] == ["EVSE2"]
    assert [(flaw.kind, flaw.path) for flaw in reading.flaws] == [("left out", "evses[].connectors")]


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ([(1, "06:00", "00:00")], [(1, "06:00", "23:59")]),
        ([(1, "00:00", "00:00")], [(1, "00:00", "23:59")]),
        ([(1, "06:00", "24:00")], [(1, "06:00", "23:59")]),
        ([(5, "20:00", "02:30")], [(5, "20:00", "23:59"), (6, "00:00", "02:30")]),
        ([(7, "20:00", "02:30")], [(7, "20:00", "23:59"), (1, "00:00", "02:30")]),
        ([("FRIDAY", "20:00", "02:30")], [(5, "20:00", "23:59"), (6, "00:00", "02:30")]),
        ([("7", "08:00", "08:00")], [(7, "08:00", "23:59"), (1, "00:00", "08:00")]),
        ([("1", "6:00", "18:00:00")], [(1, "06:00", "18:00")]),
        ([("Monday", "06:00", "18:00")], [(1, "06:00", "18:00")]),
        ([(8, "06:00", "18:00"), (2, "06:00", "18:00")], [(2, "06:00", "18:00")]),
    ],
    ids=[
        "midnight",
        "whole day",
        "24:00",
        "over midnight",
        "over Sunday",
        "over midnight by name",
        "a whole day from eight",
        "spelt otherwise",
        "name",
        "no weekday",
    ],
)
def test_opening_hours_are_understood(came, kept):
    names = ("weekday", "period_begin", "period_end")
    hours = {"twentyfourseven": False, "regular_hours": [dict(zip(names, period, strict=True)) for period in came]}

    reading = read(Location(), made.location(opening_times=hours))

    understood = [tuple(p[name] for name in names) for p in reading.document["opening_times"]["regular_hours"]]
    assert understood == kept
    assert not Location().validate(reading.document)


def test_hours_that_contradict_themselves_are_kept_and_told():
    open_always = made.location(
        opening_times={
            "twentyfourseven": True,
            "regular_hours": [{"weekday": 1, "period_begin": "06:00", "period_end": "18:00"}],
        }
    )
    closed = made.location(opening_times={"twentyfourseven": False})

    always, without = read(Location(), open_always), read(Location(), closed)

    assert always.document["opening_times"] == {"twentyfourseven": True}
    assert without.document["opening_times"] == {"twentyfourseven": False}
    assert always.flaws
    assert without.flaws


REFUSED = [
    ("identity", Location, made.location(), ("id",), {"a": 1}, "id"),
    ("owner", Location, made.location(), ("country_code",), ..., "country_code"),
    ("status", Session, made.session(), ("status",), "HAPPY", "status"),
    ("energy", Session, made.session(), ("kwh",), "a lot", "kwh"),
    ("currency", CDR, made.cdr(), ("currency",), "money", "currency"),
    ("cost", CDR, made.cdr(), ("total_cost",), {}, "total_cost.excl_vat"),
    ("start", CDR, made.cdr(), ("start_date_time",), "yesterday", "start_date_time"),
    ("driver", CDR, made.cdr(), ("cdr_token", "uid"), None, "cdr_token.uid"),
    ("no place", Location, made.location(), ("coordinates", "latitude"), "152.1", "coordinates.latitude"),
    ("no coordinates", Location, made.location(), ("coordinates",), ..., "coordinates"),
    ("result", CommandResult, {"result": "ACCEPTED"}, ("result",), "MAYBE", "result"),
    ("allowed", AuthorizationInfo, {"allowed": "ALLOWED", "token": made.token()}, ("allowed",), 1, "allowed"),
    ("URL to be called", Credentials, made.credentials(), ("url",), "cpo.example.com/ocpi", "url"),
    ("price", Tariff, made.tariff(), ("elements", 0, "price_components", 0, "price"), "cheap", "elements"),
]


@pytest.mark.parametrize(
    ("cls", "document", "path", "came", "named"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_is_needed_and_uncertain_is_refused_by_its_path(cls, document, path, came, named):
    with pytest.raises(InvalidParametersError, match=f"^Invalid body: {named}"):
        read(cls(), changed(document, path, came))


def test_tariff_element_whose_condition_cannot_be_read_is_left_out_where_others_remain():
    plain = made.tariff()["elements"][0]
    odd = {**plain, "restrictions": {"min_kwh": "some"}}

    two, one = read(Tariff(), made.tariff(elements=[odd, plain])), read(Tariff(), made.tariff(elements=[odd]))

    assert two.document["elements"] == [plain]
    assert one.document["elements"] == [{**plain, "restrictions": {}}]


def test_cdr_is_never_lost_for_its_side_matters():
    cdr = made.full_cdr()
    odd = {
        **cdr,
        "auth_method": "MAGIC",
        "charging_periods": "none",
        "signed_data": 5,
        "tariffs": [{}],
        "remark": 7,
        "total_time": "long",
        "last_updated": None,
        "credit": "maybe",
        "cdr_location": [{"id": "LOC1"}],
    }

    reading = read(CDR(), odd)

    assert reading.document["id"] == cdr["id"]
    assert reading.document["total_cost"] == cdr["total_cost"]
    assert reading.document["charging_periods"][0]["dimensions"][0]["volume"] == cdr["total_energy"]
    assert reading.document["cdr_location"]["evse_uid"] == "#NA"


def test_dimension_that_is_for_sessions_only_is_left_out_of_a_cdr():
    cdr = made.cdr()
    cdr["charging_periods"][0]["dimensions"].append({"type": "POWER", "volume": 11})

    kept = read(CDR(), cdr).document

    assert [d["type"] for d in kept["charging_periods"][0]["dimensions"]] == ["ENERGY"]


def test_flaws_say_where_what_came_and_what_was_made_of_it():
    came = made.location(evses=[made.evse(uid=f"E{n}", status="free") for n in range(30)])

    (flaw,) = read(Location(), came).flaws

    assert (flaw.path, flaw.kind, flaw.came, flaw.count) == ("evses[].status", "mended", "free", 30)
    assert flaw.outcome == "UNKNOWN was made of it."


def test_token_is_shown_in_no_flaw():
    reading = read(Credentials(), made.credentials(token=" secret-token\n"))

    assert reading.document["token"] == "secret-token"
    assert "secret" not in str(reading.flaws)


def test_strict_reading_takes_valid_objects_only():
    with pytest.raises(InvalidParametersError, match="country"):
        read(Location(), made.location(country="nl"), strict=True)


def test_change_with_a_flawed_optional_property_changes_the_others():
    reading = read(Session(partial=True), {"kwh": "7.5", "meter_id": {}, "last_updated": made.LAST_UPDATED})

    assert reading.document == {"kwh": 7.5, "last_updated": made.LAST_UPDATED}


def test_change_of_something_needed_that_cannot_be_read_is_refused():
    with pytest.raises(InvalidParametersError, match=r"^Invalid body: kwh"):
        read(Session(partial=True), {"kwh": "many", "last_updated": made.LAST_UPDATED})


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31",
        "2024-05-31 00:00:00",
        "2024-05-31T02:00:00+02:00",
        "2024-05-31T02:00:00 02:00",
        "2024-05-31 02:00:00.000 0200",
        "2024-05-30t22:00:00.000000000-02:00",
        "2024-05-31T00:00:00z",
    ],
)
def test_dates_of_a_query_are_understood(text):
    assert read(PageQuery(), {"date_from": text}).document == {"date_from": "2024-05-31T00:00:00.000Z"}


def test_object_of_broken_elements_is_refused_soon():
    with pytest.raises(
        InvalidParametersError,
        match=r"^Invalid body: evses\[0\] must .*; evses\[7\] must be a JSON object, not a number; and more\.$",
    ):
        read(Location(), made.location(evses=[0] * 1000))


def test_list_that_is_too_long_refuses_the_object():
    with pytest.raises(InvalidParametersError, match=r"evses has more than 5000 elements"):
        read(Location(), made.location(evses=[0] * 100_000))


def test_location_with_flaws_in_each_of_many_evses_keeps_all():
    evses = [made.evse(uid=f"E{n}", capabilities=["TELEPATHY", "rfid reader", "reservable"]) for n in range(400)]

    reading = read(Location(), made.location(evses=evses))

    assert [evse["capabilities"] for evse in reading.document["evses"]] == [["RFID_READER", "RESERVABLE"]] * 400
    assert {(flaw.path, flaw.kind, flaw.count) for flaw in reading.flaws} == {
        ("evses[].capabilities[]", "mended", 800),
        ("evses[].capabilities[]", "left out", 400),
    }


def test_list_of_values_that_all_need_mending_is_refused_soon():
    with pytest.raises(
        InvalidParametersError, match=r"^Invalid body: directions\[50\] must be a JSON object, as too much"
    ):
        read(Location(), made.location(directions=["x"] * 900))


def test_refusal_names_all_that_is_needed_up_to_eight():
    document = {**made.cdr(), "currency": "dollars", "total_energy": "much", "total_cost": {}}

    with pytest.raises(InvalidParametersError) as caught:
        read(CDR(), document)
    with pytest.raises(InvalidParametersError) as of_all:
        read(CDR(), {})

    assert [name in caught.value.message for name in ("currency ", "total_energy ", "total_cost.excl_vat ")] == [
        True
    ] * 3
    assert of_all.value.message.count(" is required") == 8
    assert of_all.value.message.endswith(" more.")


@pytest.mark.parametrize(("element", "said"), [({"price_components": []}, "at least one"), ("x", "JSON object")])
def test_required_list_without_a_good_element_says_what_is_wrong_in_it(element, said):
    with pytest.raises(InvalidParametersError, match=rf"^Invalid body: elements\[0\].*{said}"):
        read(Tariff(), made.tariff(elements=[element]))


def test_empty_optional_text_is_told():
    reading = read(Location(), made.location(parking_type="", facilities=[], country="NL"))

    assert {(flaw.path, flaw.kind) for flaw in reading.flaws} == {("parking_type", "left out"), ("country", "mended")}


def test_credentials_in_a_list_of_one_show_no_token():
    reading = read(Credentials(), [made.credentials(token="secret-token")])

    assert reading.document["token"] == "secret-token"
    assert "secret" not in str(reading.flaws)
