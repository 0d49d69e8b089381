"""Tests of the conditions that the classes of the CDRs module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.cdrs_schemas import SESSION_ONLY
from flask_ocpi.modules.cdrs_schemas import CdrDimension
from flask_ocpi.modules.cdrs_schemas import CdrLocation
from flask_ocpi.modules.cdrs_schemas import SignedData
from flask_ocpi.modules.cdrs_schemas import SignedValue
from flask_ocpi.modules.enums import CdrDimensionType
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import tariff

PERIOD = {"start_date_time": "2024-05-31T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
CREDIT = {"credit": True, "credit_reference_id": "CDR0"}
VALUE = {"nature": "Start", "plain_data": "0.0 kWh", "signed_data": "MC4wIGtXaA=="}
SIGNED = {"encoding_method": "OCMF", "signed_values": [VALUE]}


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.conformance("CDR-15")
@pytest.mark.parametrize("name", list(cdr()))
def test_cdr_needs(name):
    document = cdr()
    del document[name]

    refuse(CDR, document, f"{name} is required")


@pytest.mark.conformance("CDR-15")
@pytest.mark.parametrize(
    "changes",
    [
        {"total_cost": {"excl_vat": 0}, "total_energy": 0, "total_time": 0},
        {"total_parking_time": 0.5},
        *(
            {f"total_{what}_cost": {"excl_vat": 1.5, "incl_vat": 1.65}}
            for what in ("fixed", "energy", "time", "parking", "reservation")
        ),
    ],
    ids=lambda changes: "-".join(changes),
)
def test_other_totals_come_each_by_itself(changes):
    accept(CDR, cdr(**changes))


@pytest.mark.conformance("CDR-09")
@pytest.mark.parametrize("changes", [{}, {"credit": False}, {"credit": None}], ids=["absent", "false", "null"])
def test_id_has_36_characters(changes):
    assert load(CDR(), cdr(id="x" * 36, **changes))["id"] == "x" * 36
    refuse(
        CDR,
        cdr(id="x" * 37, **changes),
        "id is longer than 36 characters (it has 37), as only that of a credit CDR is",
    )


@pytest.mark.conformance("CDR-09")
@pytest.mark.parametrize("length", [1, 37, 39])
def test_id_of_a_credit_cdr_has_39(length):
    accept(CDR, cdr(id="x" * length, **CREDIT))


@pytest.mark.conformance("CDR-09", "TYP-04")
def test_id_of_a_credit_cdr_has_no_more():
    refuse(CDR, cdr(id="x" * 40, **CREDIT), "id is longer than 39 characters (it has 40)")


@pytest.mark.conformance("CDR-10", "CDR-11")
def test_credit_cdr_repeats_the_credited_one_but_for_its_total_cost():
    document = cdr(
        id="CDR1-C",
        credit=True,
        credit_reference_id="CDR1",
        total_cost={"excl_vat": -3.125, "incl_vat": -3.7813},
        total_energy_cost={"excl_vat": 3.125, "incl_vat": 3.7813},
    )

    accept(CDR, document)


def test_credit_cdr_that_forgets_the_sign_is_not_refused():
    accept(CDR, cdr(**CREDIT, total_cost={"excl_vat": 3.125}))


@pytest.mark.conformance("CDR-13")
@pytest.mark.parametrize("reference", [{}, {"credit_reference_id": None}], ids=["absent", "null"])
def test_credit_cdr_says_which_cdr_it_credits(reference):
    with pytest.raises(InvalidParametersError, match="credit_reference_id is required when credit is true") as caught:
        load(CDR(), cdr(credit=True, **reference))

    assert caught.value.status_code == 2001


@pytest.mark.conformance("CDR-12")
@pytest.mark.parametrize("credit", [{}, {"credit": False}, {"credit": None}], ids=["absent", "false", "null"])
def test_other_cdr_credits_none(credit):
    refuse(
        CDR,
        cdr(credit_reference_id="CDR0", **credit),
        "credit_reference_id must be left out unless credit is true",
    )


@pytest.mark.conformance("CDR-14")
@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ([], "charging_periods must have at least one element"),
        (None, "charging_periods must not be null"),
        ([PERIOD, {**PERIOD, "dimensions": []}], "charging_periods[1].dimensions must have at least one element"),
        ([{"start_date_time": "2024-05-31T10:00:00Z"}], "charging_periods[0].dimensions is required"),
        ([{"dimensions": PERIOD["dimensions"]}], "charging_periods[0].start_date_time is required"),
        ([{**PERIOD, "dimensions": [{"type": "TIME"}]}], "charging_periods[0].dimensions[0].volume is required"),
    ],
    ids=["none", "null", "no-dimension", "absent-dimensions", "no-start", "no-volume"],
)
def test_cdr_has_a_period_and_each_a_dimension(periods, message):
    refuse(CDR, cdr(charging_periods=periods), message)


@pytest.mark.conformance("CDR-16")
def test_cdr_may_be_without_session():
    assert "session_id" not in cdr()
    accept(CDR, cdr())
    accept(CDR, cdr(session_id="SES1"))


@pytest.mark.conformance("CDR-17", "SES-29")
@pytest.mark.parametrize("kind", sorted(SESSION_ONLY))
def test_dimension_of_sessions_is_refused(kind):
    periods = [PERIOD, {**PERIOD, "dimensions": [*PERIOD["dimensions"], {"type": str(kind), "volume": 1}]}]

    refuse(
        CDR,
        cdr(charging_periods=periods),
        f"charging_periods[1].dimensions[1].type must not be {kind}: it is for sessions only",
    )


@pytest.mark.conformance("CDR-17")
def test_cdr_may_have_every_other_dimension():
    dimensions = [{"type": str(kind), "volume": 1} for kind in CdrDimensionType if kind not in SESSION_ONLY]

    accept(CDR, cdr(charging_periods=[{**PERIOD, "dimensions": dimensions}]))
    assert len(dimensions) == 8


@pytest.mark.conformance("CDR-20", "T-32")
def test_reservation_that_was_never_used_has_no_evse():
    unused = {
        **cdr()["cdr_location"],
        "evse_uid": "#NA",
        "evse_id": "#NA",
        "connector_id": "#NA",
        "connector_standard": str(ConnectorType.CHADEMO),
    }

    accept(CDR, cdr(cdr_location=unused))


@pytest.mark.conformance("CDR-20")
@pytest.mark.parametrize("name", list(cdr()["cdr_location"]))
def test_location_of_a_cdr_needs(name):
    place = {key: value for key, value in cdr()["cdr_location"].items() if key != name}

    refuse(CDR, cdr(cdr_location=place), f"cdr_location.{name} is required")


@pytest.mark.conformance("SES-27")
@pytest.mark.parametrize("name", list(cdr()["cdr_token"]))
def test_token_of_a_cdr_needs(name):
    token = {key: value for key, value in cdr()["cdr_token"].items() if key != name}

    refuse(CDR, cdr(cdr_token=token), f"cdr_token.{name} is required")


@pytest.mark.conformance("CDR-21")
@pytest.mark.parametrize("name", ["start_date_time", "end_date_time"])
@pytest.mark.parametrize("spelling", ["1970-1-1T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_time_that_nobody_knows_is_the_start_of_1970(name, spelling):
    loaded = load(CDR(), cdr(**{name: spelling}))

    assert loaded == cdr(**{name: "1970-01-01T00:00:00Z"})
    assert to_micros(loaded[name]) == 0


@pytest.mark.conformance("CDR-21", "TYP-08")
@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"start_date_time": "1970-1-1T00:00:01Z"}, "start_date_time"),
        ({"start_date_time": "1970-1-1"}, "start_date_time"),
        ({"last_updated": "1970-1-1T00:00:00Z"}, "last_updated"),
        (
            {"charging_periods": [{**PERIOD, "start_date_time": "1970-1-1T00:00:00Z"}]},
            "charging_periods[0].start_date_time",
        ),
        ({"tariffs": [tariff(end_date_time="1970-1-1T00:00:00Z")]}, "tariffs[0].end_date_time"),
    ],
    ids=["second", "date", "last-updated", "period", "tariff"],
)
def test_no_other_time_is_spelled_like_that(changes, path):
    refuse(CDR, cdr(**changes), f"{path} must be a UTC date and time such as 2024-05-31T12:00:00Z")


def test_cdr_may_be_made_before_its_session_ended():
    accept(CDR, cdr(last_updated="2024-05-31T11:00:00Z", end_date_time="2024-05-31T11:30:00Z"))


@pytest.mark.conformance("CDR-24")
def test_cdr_has_complete_tariffs():
    free = tariff(id="FREE", elements=[{"price_components": [{"type": "FLAT", "price": 0.0, "step_size": 0}]}])

    accept(CDR, cdr(tariffs=[tariff(), free]))
    refuse(CDR, cdr(tariffs=[tariff(), {**free, "elements": []}]), "tariffs[1].elements must have at least one element")
    refuse(CDR, cdr(tariffs=["TARIFF1"]), "tariffs[0] must be a JSON object, not a string")


@pytest.mark.conformance("CDR-18", "CDR-24")
def test_cdr_may_have_one_tariff_as_it_was_at_several_times():
    accept(CDR, cdr(tariffs=[tariff(), tariff(currency="USD"), tariff()]))


@pytest.mark.conformance("CDR-25")
@pytest.mark.parametrize("name", ["plain_data", "signed_data"])
def test_signed_value_is_long(name):
    accept(SignedValue, {**VALUE, name: "é" * 5000})
    refuse(SignedValue, {**VALUE, name: "x" * 5001}, f"{name} is longer than 5000 characters (it has 5001)")


@pytest.mark.conformance("CDR-25")
@pytest.mark.parametrize("name", ["public_key", "url"])
def test_signed_data_has_a_long_key_and_url(name):
    accept(SignedData, {**SIGNED, name: "x" * 512})
    refuse(SignedData, {**SIGNED, name: "x" * 513}, f"{name} is longer than 512 characters (it has 513)")


@pytest.mark.conformance("CDR-25", "TYP-05")
@pytest.mark.parametrize("url", ["", "app:check/1", "www.example.com/check", f"https://example.com/{'x' * 300}"])
def test_url_of_signed_data_is_any_text(url):
    accept(SignedData, {**SIGNED, "url": url})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"signed_values": [VALUE]}, "encoding_method is required"),
        ({**SIGNED, "encoding_method": "x" * 37}, "encoding_method is longer than 36 characters (it has 37)"),
        ({**SIGNED, "encoding_method_version": "1"}, "encoding_method_version must be an integer, not a string"),
        ({**SIGNED, "signed_values": []}, "signed_values must have at least one element"),
        ({**SIGNED, "signed_values": [{**VALUE, "plain_data": None}]}, "signed_values[0].plain_data must not be null"),
    ],
    ids=["no-method", "long-method", "text", "no-value", "no-data"],
)
def test_signed_data_that_is_incomplete_is_refused(data, message):
    refuse(CDR, cdr(signed_data=data), f"signed_data.{message}")


@pytest.mark.conformance("CDR-26")
@pytest.mark.parametrize("nature", ["Start", "End", "Intermediate", "start", "Tariff change", "x" * 32])
def test_nature_of_a_signed_value_is_open(nature):
    accept(SignedValue, {**VALUE, "nature": nature})


@pytest.mark.conformance("CDR-26")
def test_nature_of_a_signed_value_is_short():
    refuse(SignedValue, {**VALUE, "nature": "x" * 33}, "nature is longer than 32 characters (it has 33)")
    refuse(SignedValue, {**VALUE, "nature": ""}, "nature must not be empty")


@pytest.mark.conformance("CDR-27")
@pytest.mark.parametrize("kind", ["ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME"])
@pytest.mark.parametrize("volume", [0.0001, 1.973, 41000])
def test_volume_is_passed_on_in_the_unit_it_is_in(kind, volume):
    loaded = load(CdrDimension(), {"type": kind, "volume": volume})

    assert loaded["volume"] == volume


@pytest.mark.conformance("CDR-29")
@pytest.mark.parametrize("kind", ["CURRENT", "ENERGY", "MIN_CURRENT", "MIN_POWER", "POWER"])
def test_volume_is_negative_while_discharging(kind):
    accept(CdrDimension, {"type": kind, "volume": -3.7})


@pytest.mark.conformance("CDR-29")
def test_totals_may_be_negative():
    accept(CDR, cdr(total_cost={"excl_vat": -3.125, "incl_vat": -3.78}, total_energy=-12.5))


@pytest.mark.conformance("CDR-30")
@pytest.mark.parametrize(("name", "length"), [("address", 255), ("state", 45)])
def test_location_of_a_cdr_may_be_as_long_as_a_location(name, length):
    place = cdr()["cdr_location"]

    accept(CdrLocation, {**place, name: "x" * length})
    refuse(
        CdrLocation,
        {**place, name: "x" * (length + 1)},
        f"{name} is longer than {length} characters (it has {length + 1})",
    )
    assert Location().load_fields[name].max == length
