"""Tests of the data types: what they accept, refuse and make of it."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from enum import StrEnum

import marshmallow as ma
import pytest

from flask_ocpi.core.codes import COUNTRIES_ALPHA2
from flask_ocpi.core.codes import COUNTRIES_ALPHA3
from flask_ocpi.core.codes import LANGUAGES
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import Policy
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import parse_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import violations
from flask_ocpi.modules.enums import ConnectorType
from flask_ocpi.modules.types import Price

SURROGATE = "\ud83d"


class Colour(StrEnum):
    """Made up."""

    RED = "RED"
    mixed_Blue = "mixed_Blue"


class Item(Schema):
    """Made up."""

    id = CiString(max=3, required=True)


class Thing(Schema):
    """Made up: each type once or twice."""

    text = String(max=5)
    name = String(max=5, required=True)
    code = CiString(max=3)
    url = Url()
    at = DateTime()
    flag = Boolean(default=True)
    count = Integer()
    size = Integer(min=0, max=99999)
    amount = Number()
    share = Number(min=0, max=100)
    colour = Enum(Colour)
    colours = ListOf(Enum(Colour))
    items = ListOf(Object(Item), unique="id")
    item = Object(Item)
    country = CiString(min=2, max=2, codes=COUNTRIES_ALPHA2)
    country3 = String(min=3, max=3, codes=COUNTRIES_ALPHA3)
    languages = ListOf(String(min=2, max=2, codes=LANGUAGES))
    time = String(max=5, pattern="([0-1][0-9]|2[0-3]):[0-5][0-9]", pattern_hint="must be HH:MM")
    either = String(max=5, pattern="a|bc")


THING = Thing()


def load(name, value, schema=THING):
    return schema.load({"name": "n", name: value}).get(name)


def refusal(name, value, schema=THING):
    """Return the one message with which a value is refused."""
    with pytest.raises(ma.ValidationError) as caught:
        schema.load({"name": "n", name: value})
    ((path, message),) = violations(caught.value.messages)
    assert path.startswith(name)
    return message


@pytest.mark.conformance("TYP-01", "TYP-02")
@pytest.mark.parametrize("value", ["aBc", "~ ~", "a", "/#?"])
def test_cistring_is_printable_ascii_kept_as_received(value):
    assert load("code", value) == value


@pytest.mark.conformance("TYP-01")
@pytest.mark.parametrize("value", ["é", "\t", "a\n", "\r", "\x7f", "\x00", "\uff41", SURROGATE])
def test_cistring_refuses_what_is_not_printable_ascii(value):
    assert refusal("code", value) == "must contain printable ASCII characters only"


@pytest.mark.conformance("TYP-01")
def test_unique_identifiers_compare_without_regard_to_case():
    message = refusal("items", [{"id": "a"}, {"id": "b"}, {"id": "A"}])

    assert message == "is the same as that of element 0: it must be unique"


@pytest.mark.conformance("TYP-03")
@pytest.mark.parametrize("value", ["éa", "日本語", "👍🏽", "İ", "", "a  b"])
def test_string_is_unicode_kept_as_received(value):
    assert load("text", value) == value


@pytest.mark.conformance("TYP-03")
@pytest.mark.parametrize("value", ["a\tb", "a\n", "\r", "\x00", "\x85", "\u2028", "\u2029", SURROGATE])
def test_string_refuses_control_characters(value):
    assert refusal("text", value) == "must not contain control characters or line breaks"


@pytest.mark.conformance("TYP-03", "TYP-04")
def test_length_is_counted_in_characters_and_never_cut():
    assert load("text", "é👍日本語") == "é👍日本語"
    assert refusal("text", "é👍日本語!") == "is longer than 5 characters (it has 6)"


@pytest.mark.conformance("TYP-04")
@pytest.mark.parametrize(("name", "value"), [("code", "abcd"), ("url", "https://e.com/" + "x" * 250)], ids=str)
def test_other_texts_that_are_too_long_are_refused(name, value):
    assert refusal(name, value).startswith("is longer than")


@pytest.mark.conformance("TYP-23")
def test_empty_text_is_accepted_but_no_identifier_is_empty():
    assert load("text", "") == ""
    assert refusal("code", "") == "must not be empty"


@pytest.mark.parametrize("name", ["text", "code", "url", "at", "colour"])
@pytest.mark.parametrize("value", [5, 1.5, True, [], ["x"], {}], ids=str)
def test_texts_are_json_strings(name, value):
    assert refusal(name, value) == "must be a string"


@pytest.mark.conformance("T-32")
def test_required_text_may_be_not_available():
    assert Thing().load({"name": "#NA"}) == {"name": "#NA"}
    assert refusal("time", "#NA") == "must be HH:MM"


@pytest.mark.conformance("TYP-05", "TYP-06")
@pytest.mark.parametrize(
    "value",
    [
        "https://example.com",
        "http://cpo:5000/",
        "http://localhost:8000/ocpi/versions",
        "https://192.0.2.1:8443/x?a=b&c=%2F#d",
        "http://[2001:db8::1]:80/",
        "HTTPS://EXAMPLE.COM",
        "https://user:pw@example.com/",
        "https://example.com/" + "x" * 235,
    ],
)
def test_url_is_any_absolute_http_url(value):
    assert load("url", value) == value


@pytest.mark.conformance("TYP-05")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "/ocpi",
        "//example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://a b.com",
        "https://example.com/a b",
        "https://example.com/é",
        "https://example.com\n",
        "https://example.com:port/",
    ],
)
def test_url_refuses_everything_else(value):
    assert refusal("url", value) == "must be an absolute http or https URL"


@pytest.mark.conformance("TYP-07", "TYP-08", "TYP-10")
@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("2024-05-31T12:00:00Z", "2024-05-31T12:00:00Z"),
        ("2024-05-31T12:00:00", "2024-05-31T12:00:00Z"),
        ("2024-05-31T12:00:00.5Z", "2024-05-31T12:00:00.5Z"),
        ("2024-05-31T12:00:00.123Z", "2024-05-31T12:00:00.123Z"),
        ("2024-05-31T12:00:00.1234", "2024-05-31T12:00:00.1234Z"),
        ("2024-05-31T12:00:00.12345", "2024-05-31T12:00:00.1234Z"),
        ("2024-05-31T12:00:00+00:00", "2024-05-31T12:00:00Z"),
        ("2024-05-31T12:00:00.120+00:00", "2024-05-31T12:00:00.120Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
    ],
)
def test_date_time_is_kept_with_its_fraction_and_gets_a_z(value, canonical):
    assert load("at", value) == canonical


@pytest.mark.conformance("TYP-08", "TYP-09")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "2024-05-31",
        "2024-05-31T12:00",
        "2024-05-31T12:00Z",
        "2024-05-31 12:00:00Z",
        "2024-05-31t12:00:00z",
        "2024-05-31T12:00:00+02:00",
        "2024-05-31T12:00:00-00:00",
        "2024-05-31T12:00:00+0000",
        "2024-05-31T12:00:00.Z",
        "2024-05-31T12:00:00,5Z",
        "2024-05-31T12:00:00.12345Z",
        "2024-05-31T12:00:00.123456Z",
        "2024-05-31T12:00:00.123456",
        "2024-05-31T24:00:00Z",
        "2024-05-31T12:00:60Z",
        "2023-02-29T12:00:00Z",
        "2024-13-01T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "20240531T120000Z",
        "2024-05-31T12:00:00Z\n",
        " 2024-05-31T12:00:00Z",
        "\uff12024-05-31T12:00:00Z",
        "1717156800",
    ],
)
def test_date_time_refuses_other_forms(value):
    assert refusal("at", value).startswith(("must be a UTC date and time", "is not a date", "is longer than 25"))


@pytest.mark.conformance("TYP-10")
@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-05-31T12:00:00Z", "2024-05-31T12:00:00.0001Z"),
        ("2024-05-31T12:00:00.09Z", "2024-05-31T12:00:00.1Z"),
        ("1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_date_times_compare_exactly(earlier, later):
    assert to_micros(earlier) < to_micros(later)


@pytest.mark.conformance("TYP-07")
def test_microseconds_count_from_1970_utc():
    assert to_micros("1970-01-01T00:00:01.5") == 1_500_000
    assert to_micros("1969-12-31T23:59:59Z") == -1_000_000


@pytest.mark.conformance("TYP-09", "TYP-10")
def test_date_times_are_written_in_utc_with_milliseconds_and_z():
    instant = datetime(2024, 5, 31, 14, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))

    assert format_date_time(instant) == "2024-05-31T12:00:00.123Z"


@pytest.mark.conformance("TYP-09")
def test_what_is_written_can_be_read():
    now = datetime.now(UTC)

    text, micros = parse_date_time(format_date_time(now))

    assert text == format_date_time(now)
    assert micros // 1000 == int(now.timestamp() * 1_000_000) // 1000


@pytest.mark.conformance("TYP-11")
@pytest.mark.parametrize("value", [0, -1, 20.45, 0.0001, 10**15, 1e300, -2.5])
def test_number_is_kept(value):
    loaded = load("amount", value)

    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.conformance("TYP-12")
@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.30000000000000004, 0.3),
        (1.00005, 1.0001),
        (-1.00005, -1.0001),
        (0.00004, 0.0),
        (2.34564999, 2.3456),
    ],
)
def test_number_is_rounded_half_up_to_four_decimals(value, rounded):
    assert load("amount", value) == rounded


@pytest.mark.conformance("TYP-11")
@pytest.mark.parametrize("value", ["1.5", "", True, False, [1], {}], ids=repr)
def test_number_is_a_json_number(value):
    assert refusal("amount", value) == "must be a number"


@pytest.mark.conformance("TYP-13")
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400])
def test_number_is_finite(value):
    assert refusal("amount", value) == "must be a finite number"


@pytest.mark.parametrize(("value", "message"), [(-0.1, "must be at least 0"), (100.5, "must be at most 100")])
def test_number_keeps_to_its_range(value, message):
    assert refusal("share", value) == message


@pytest.mark.conformance("TYP-14")
@pytest.mark.parametrize(("value", "integer"), [(16, 16), (16.0, 16), (-1, -1), (0, 0)])
def test_integer_may_be_spelled_with_a_zero_fraction(value, integer):
    loaded = load("count", value)

    assert loaded == integer
    assert type(loaded) is int


@pytest.mark.conformance("TYP-14")
@pytest.mark.parametrize("value", ["16", 16.5, True, False, float("inf"), float("nan"), [16], {}], ids=repr)
def test_integer_is_a_json_integer(value):
    assert refusal("count", value) == "must be an integer"


@pytest.mark.conformance("TYP-20")
@pytest.mark.parametrize("value", [-1, 100_000, 1e30])
def test_integer_keeps_to_its_range(value):
    assert refusal("size", value) == "must be between 0 and 99999"


@pytest.mark.conformance("TYP-15")
def test_boolean_is_true_or_false():
    assert load("flag", True) is True
    assert load("flag", False) is False


@pytest.mark.conformance("TYP-15")
@pytest.mark.parametrize("value", ["true", "yes", "on", 1, 0, 1.0, "", [], {}], ids=repr)
def test_boolean_is_nothing_else(value):
    assert refusal("flag", value) == "must be true or false"


@pytest.mark.conformance("TYP-16")
def test_enum_values_may_be_of_mixed_case():
    assert load("colour", "mixed_Blue") == "mixed_Blue"
    assert "IEC_60309_2_single_16" in set(ConnectorType)


@pytest.mark.conformance("TYP-16", "TYP-17")
@pytest.mark.parametrize("value", ["red", "MIXED_BLUE", " RED", "GREEN", ""])
def test_enum_refuses_other_values_and_says_which_there_are(value):
    assert refusal("colour", value) == f"{value!r} is not a Colour: use RED, mixed_Blue"


@pytest.mark.conformance("TYP-17")
def test_enum_shows_little_of_a_long_value():
    assert refusal("colour", "x" * 5000).startswith(f"'{'x' * 40}...' is not a Colour")


@pytest.mark.conformance("TYP-17")
@pytest.mark.parametrize(("name", "value"), [("colour", "GREEN"), ("colours", ["RED", "GREEN"])])
def test_enum_can_be_opened_by_policy(name, value):
    lenient = Thing(policy=Policy(open_enums=frozenset({"Colour"})))

    assert load(name, value, lenient) == value


@pytest.mark.conformance("TYP-17")
@pytest.mark.parametrize("value", ["", "x" * 256, "a\nb", SURROGATE], ids=ascii)
def test_open_enum_still_refuses_what_cannot_be_a_value(value):
    lenient = Thing(policy=Policy(open_enums=frozenset({"Colour"})))

    assert "is not a Colour" in refusal("colour", value, lenient)


@pytest.mark.conformance("TYP-18")
def test_price_without_vat_stays_without():
    assert Price().load({"excl_vat": -4.5}) == {"excl_vat": -4.5}
    assert Price().load({"excl_vat": 4, "incl_vat": 4.4}) == {"excl_vat": 4, "incl_vat": 4.4}


@pytest.mark.conformance("TYP-18")
def test_price_needs_the_amount_without_vat():
    with pytest.raises(ma.ValidationError) as caught:
        Price().load({"incl_vat": 4.4})

    assert list(violations(caught.value.messages)) == [("excl_vat", "is required")]


@pytest.mark.conformance("TYP-21")
@pytest.mark.parametrize(
    ("name", "value"), [("country", "ZZ"), ("country3", "ZZZ"), ("languages", ["en", "zz"])], ids=str
)
def test_codes_are_compared_with_the_iso_lists_only_when_strict(name, value):
    strict = Thing(policy=Policy(strict_codes=True))

    assert load(name, value) == value
    assert refusal(name, value, strict) == "is not a code of the ISO list"


@pytest.mark.conformance("TYP-21")
@pytest.mark.parametrize(
    ("name", "value"),
    [("country", "NL"), ("country", "nl"), ("country3", "NLD"), ("languages", ["en", "nl"])],
    ids=str,
)
def test_strict_codes_accept_those_of_the_iso_lists(name, value):
    strict = Thing(policy=Policy(strict_codes=True))

    assert load(name, value, strict) == value


@pytest.mark.conformance("TYP-21")
@pytest.mark.parametrize(("name", "value"), [("country", "N"), ("country", "NLD"), ("country3", "NL")])
def test_codes_have_their_exact_length(name, value):
    assert "characters (it has" in refusal(name, value)


@pytest.mark.conformance("TYP-24")
@pytest.mark.parametrize("value", ["00:00", "09:05", "19:59", "23:59"])
def test_time_of_day_is_hours_and_minutes(value):
    assert load("time", value) == value


@pytest.mark.conformance("TYP-24")
@pytest.mark.parametrize("value", ["24:00", "9:05", "12:60", "12:0", "12.00", "12:0x", "1200", "12:00\n"])
def test_time_of_day_has_no_other_form(value):
    assert refusal("time", value)


@pytest.mark.conformance("TYP-24")
@pytest.mark.parametrize("value", ["ax", "abc", "b", "xbc"])
def test_pattern_is_anchored_also_around_alternatives(value):
    assert refusal("either", value) == "must match a|bc"
    assert load("either", "bc") == "bc"


@pytest.mark.conformance("T-30")
@pytest.mark.parametrize("value", [None, []], ids=repr)
def test_optional_list_that_is_null_or_empty_is_absent(value):
    assert THING.load({"name": "n", "colours": value}) == {"name": "n"}


@pytest.mark.conformance("T-30")
@pytest.mark.parametrize("value", [{}, "RED", 5, True], ids=repr)
def test_list_is_a_json_array(value):
    assert refusal("colours", value) == "must be an array"


@pytest.mark.conformance("T-30")
def test_list_has_no_null_elements():
    assert refusal("colours", ["RED", None]) == "must not be null"


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("text", {"type": "string", "maxLength": 5}),
        ("code", {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[ -~]*$"}),
        ("at", {"type": "string", "format": "ocpi-date-time", "maxLength": 25}),
        ("flag", {"type": "boolean", "default": True}),
        ("size", {"type": "integer", "minimum": 0, "maximum": 99999}),
        ("share", {"type": "number", "minimum": 0, "maximum": 100}),
        ("colour", {"type": "string", "enum": ["RED", "mixed_Blue"]}),
        ("colours", {"maxItems": 1000}),
        ("item", {}),
    ],
)
def test_json_schema_says_what_is_checked(name, keywords):
    assert THING.load_fields[name].json_schema() == keywords


def test_json_schema_of_a_url_has_the_pattern_that_is_checked():
    keywords = THING.load_fields["url"].json_schema()

    assert keywords["maxLength"] == 255
    assert re.search(keywords["pattern"], "http://cpo:5000/")
    assert not re.search(keywords["pattern"], "ftp://cpo:5000/")


def test_json_schema_patterns_are_anchored_also_around_alternatives():
    assert THING.load_fields["either"].json_schema()["pattern"] == "^(?:a|bc)$"
