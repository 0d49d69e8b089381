"""Input that is wrong in every way: nothing stored, no crash, no HTML, and an answer that says what to mend."""

from __future__ import annotations

import gzip
import json

import orjson
import pytest

from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.network import PartnerClient
from tests.conformance.sharing import COPY
from tests.conformance.sharing import LATER
from tests.conformance.sharing import RECEIVER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs
from tests.urls import ocpi_url

MEGABYTE = 1024 * 1024


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def text(**changes):
    return orjson.dumps(theirs(**changes)).decode()


def with_property(value):
    """Write a Location with one more property, whose JSON is given as it stands."""
    return f'{text()[:-1]},"x":{value}}}'.encode()


@pytest.fixture
def stored(ocpi, ocpi_client):
    """What is stored before the bad input, to be found unchanged after it."""
    assert ocpi_client.put(COPY, theirs(evses=[evse()])).http_status == 201
    assert ocpi_client.put(f"{RECEIVER}/DE/CPO/LOC2", theirs(id="LOC2")).http_status == 201
    return lambda: list(ocpi.objects.documents("locations", copies=True))


NOT_JSON = {
    "empty": b"",
    "blank": b"  ",
    "words": b"hello",
    "open": b'{"id": ',
    "trailing comma": b'{"id": "LOC1",}',
    "single quotes": b"{'id': 'LOC1'}",
    "comment": b'{"id": "LOC1" /* x */}',
    "two documents": b"{}{}",
    "NaN": with_property("NaN"),
    "Infinity": with_property("Infinity"),
    "-Infinity": with_property("-Infinity"),
    "nan inside": with_property('{"a":[1,NaN]}'),
    "BOM": b"\xef\xbb\xbf" + text().encode(),
    "UTF-16": text().encode("utf-16"),
    "Latin-1": text(city="K\u00f6ln").encode("latin-1"),
    "cut UTF-8": text(city="K\u00f6ln").encode()[:-1].replace(b"\xb6", b""),
    "encoded surrogate": with_property('"?"').replace(b"?", b"\xed\xa0\x80"),
    "lone surrogate": with_property('"\\ud800"'),
    "lone surrogate name": with_property('{"\\udfff":1}'),
    "raw line feed in a text": with_property('"a\nb"'),
    "NUL": with_property('"a\0b"'),
    "leading zero": with_property("012"),
    "hex": with_property("0x10"),
    "form": b"id=LOC1&city=Bonn",
    "xml": b"<Location/>",
    "gzip": gzip.compress(text().encode()),
    "very deep array": b"[" * 100_000 + b"]" * 100_000,
    "very deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.conformance("T-04", "TYP-13", "TYP-25")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_answered_400(ocpi_client, stored, body, method):
    before = stored()

    answer = ocpi_client.open(method, COPY, data=body)

    check(answer, 400, 2001)
    assert stored() == before


@pytest.mark.conformance("T-04")
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xef\xbb\xbf{}"], ids=["empty", "open", "NaN", "BOM"])
def test_what_is_not_json_starts_no_handshake(ocpi, ocpi_app, ocpi_network, ocpi_client, method, body):
    caller = ocpi_client if method == "PUT" else PartnerClient(ocpi_app, ocpi.partners.invite(name="New")[1])
    before = ocpi.partners.list()

    answer = caller.open(method, ocpi_url("credentials"), data=body)

    check(answer, 400, 2001)
    assert [platform.issued[0].hash for platform in ocpi.partners.list()] == [p.issued[0].hash for p in before]
    assert ocpi_network.requests == []


@pytest.mark.conformance("TYP-25")
def test_of_duplicate_keys_the_last_one_counts(ocpi_client):
    body = text().replace('"city":"Utrecht"', '"city":"First","city":"Last"').encode()

    answer = ocpi_client.put(COPY, data=body)

    assert (answer.http_status, answer.status_code) == (201, 1000)
    assert ocpi_client.get(COPY).data["city"] == "Last"


@pytest.mark.conformance("TYP-25", "PUSH-03")
def test_duplicate_keys_do_not_get_past_the_checks(ocpi_client, stored):
    before = stored()

    answer = ocpi_client.put(COPY, data=text().replace('"id":"LOC1"', '"id":"LOC1","id":"LOC2"').encode())

    check(answer, 200, 2001)
    assert stored() == before


@pytest.mark.conformance("T-05", "T-07", "T-16", "TYP-04", "TYP-08", "TYP-11", "TYP-14", "TYP-15", "TYP-17")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"city": None}, "city must not be null"),
        ({"city": 5}, "city must be a string"),
        ({"city": "x" * 46}, "city is longer than 45 characters (it has 46)"),
        ({"city": "a\u0000b"}, "city must not contain control characters"),
        ({"city": "a\nb"}, "city must not contain control characters"),
        ({"publish": "true"}, "publish must be true or false"),
        ({"publish": 1}, "publish must be true or false"),
        ({"last_updated": "2024-05-31"}, "last_updated must be a UTC date and time"),
        ({"last_updated": "2024-05-31 12:00:00"}, "last_updated must be a UTC date and time"),
        ({"last_updated": "2024-05-31T12:00:00+02:00"}, "last_updated must be a UTC date and time"),
        ({"last_updated": "2024-05-31T12:00:00.123456Z"}, "last_updated is longer than 25 characters"),
        ({"last_updated": "2024-02-30T12:00:00Z"}, "last_updated is not a date and time that exists"),
        ({"last_updated": 1717156800}, "last_updated must be a string"),
        ({"coordinates": []}, "coordinates must be a JSON object"),
        ({"coordinates": {"latitude": 52.1, "longitude": "5.1"}}, "coordinates.latitude must be a string"),
        ({"evses": {}}, "evses must be an array"),
        ({"evses": [None]}, "evses[0] must not be null"),
        ({"evses": [[]]}, "evses[0] must be a JSON object"),
        ({"evses": [{}]}, "evses[0].uid is required"),
        ({"evses": [evse(), evse(uid="E2", status="broken")]}, "evses[1].status 'broken' is not a Status"),
        ({"evses": [evse(connectors=[{"id": "1"}])]}, "evses[0].connectors[0].standard is required"),
        ({"images": [{"url": "javascript:alert(1)"}]}, "images[0].url must be an absolute http or https URL"),
        ({"operator": "Abc"}, "operator must be a JSON object"),
        ({"facilities": ["HOTEL", "MOON"]}, "facilities[1] 'MOON' is not a Facility"),
        ({"id": ""}, "id must not be empty"),
        ({"id": "L\u00d6C1"}, "id must contain printable ASCII characters only"),
        ({"id": "x" * 37}, "id is longer than 36 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_values_are_answered_2001_with_their_path(ocpi_client, stored, changes, message):
    before = stored()

    answer = ocpi_client.put(COPY, theirs(**changes))

    check(answer, 200, 2001)
    assert message in answer.message
    assert stored() == before


@pytest.mark.conformance("T-05")
@pytest.mark.parametrize("name", [*theirs()])
def test_missing_fields_are_named(ocpi_client, stored, name):
    before = stored()
    body = {key: value for key, value in theirs(city="Bonn").items() if key != name}

    answer = ocpi_client.put(COPY, body)

    check(answer, 200, 2001)
    assert answer.message == f"Invalid body: {name} is required."
    assert stored() == before


@pytest.mark.conformance("T-05")
def test_a_message_names_many_flaws_but_not_thousands(ocpi_client, stored):
    before = stored()

    answer = ocpi_client.put(COPY, theirs(evses=[{"uid": "x" * 5000, "y" * 5000: 1} for _ in range(300)]))

    check(answer, 200, 2001)
    assert "evses[0].connectors is required" in answer.message
    assert "more" in answer.message
    assert stored() == before


@pytest.mark.conformance("T-07")
@pytest.mark.parametrize("body", [b"[]", b'["a"]', b"1", b"1.5", b'"x"', b"true", b"false", b"null"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", COPY),
        ("PATCH", COPY),
        ("PUT", f"{COPY}/EVSE1"),
        ("PATCH", f"{COPY}/EVSE1/1"),
        ("PUT", ocpi_url("credentials")),
    ],
)
def test_json_that_is_no_object_is_answered_2001(ocpi_client, stored, method, path, body):
    before = stored()

    answer = ocpi_client.open(method, path, data=body)

    check(answer, 200, 2001)
    assert "must be a JSON object" in answer.message
    assert stored() == before


@pytest.mark.conformance("T-05", "T-26")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
@pytest.mark.parametrize(
    "path", [COPY, ocpi_url("credentials"), "/ocpi/nothing"], ids=["locations", "credentials", "none"]
)
def test_ten_megabytes_are_refused(ocpi, ocpi_client, stored, method, path):
    before = stored()

    answer = ocpi_client.open(method, path, data=with_property(f'"{"a" * 10 * MEGABYTE}"'))

    if "nothing" in path or (method, path) in (("POST", COPY), ("PATCH", ocpi_url("credentials"))):
        assert answer.http_status in (404, 405)
    elif (method, path) == ("POST", ocpi_url("credentials")):
        assert answer.http_status in (405, 413)
    else:
        check(answer, 413, 2001)
        assert "4194304 bytes (OCPI_MAX_BODY_BYTES)" in answer.message
    assert stored() == before


@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_BODY_BYTES": 1000}], ids=[""])
@pytest.mark.parametrize(("size", "http_status"), [(1000, 201), (1001, 413)], ids=["at the limit", "over it"])
def test_the_limit_of_bodies_is_configurable(ocpi_client, size, http_status):
    body = with_property('""')
    body = with_property(f'"{"a" * (size - len(body))}"')

    answer = ocpi_client.put(COPY, data=body)

    assert len(body) == size
    assert answer.http_status == http_status


@pytest.mark.parametrize("depth", [32, 33])
def test_nesting_of_unknown_fields_is_kept_up_to_a_limit(ocpi_client, depth):
    body = with_property("[" * depth + "]" * depth)

    answer = ocpi_client.put(COPY, data=body)

    if depth == 32:
        assert (answer.http_status, answer.status_code) == (201, 1000)
        assert orjson.dumps(ocpi_client.get(COPY).data["x"]) == b"[" * 32 + b"]" * 32
    else:
        check(answer, 200, 2001)
        assert "x is nested deeper than 32 levels" in answer.message


@pytest.mark.parametrize("depth", [100, 900, 1000])
@pytest.mark.parametrize("shape", ["array", "object"])
@pytest.mark.parametrize(
    "place",
    [lambda x: with_property(x), lambda x: text(evses=[]).replace("[]", x).encode(), lambda x: x.encode()],
    ids=["unknown field", "known field", "body"],
)
def test_deep_nesting_is_refused(ocpi_client, stored, depth, shape, place):
    before = stored()
    nested = "[" * depth + "]" * depth if shape == "array" else '{"a":' * depth + "1" + "}" * depth

    answer = ocpi_client.put(COPY, data=place(nested))

    assert answer.http_status in (200, 400)
    check(answer, answer.http_status, 2001)
    assert stored() == before


@pytest.mark.parametrize(
    "number",
    ["1e400", "-1e400", "1" * 400, "1" + "0" * 5000, "1e-400", "9007199254740993", "1.0E+2"],
    ids=lambda v: v[:20],
)
def test_numbers_at_the_edge_crash_nothing(ocpi_client, number):
    answer = ocpi_client.put(COPY, data=with_property(number))

    assert answer.http_status in (200, 201, 400)
    assert answer.status_code in (1000, 2001)
    if answer.status_code == 1000:
        assert ocpi_client.get(COPY).data["x"] == json.loads(number)


@pytest.mark.conformance("T-02")
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "x",
        "/",
        ";",
    ],
)
def test_other_formats_are_answered_415(ocpi_client, stored, content_type):
    before = stored()

    answer = ocpi_client.put(COPY, theirs(city="Bonn"), headers={"Content-Type": content_type})

    if content_type == ";":
        assert answer.http_status in (200, 415)
    else:
        check(answer, 415, 2001)
        assert stored() == before


@pytest.mark.conformance("T-02")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_compressed_bodies_are_refused(ocpi_client, stored, encoding):
    before = stored()
    body = gzip.compress(orjson.dumps(theirs(city="Bonn")))

    answer = ocpi_client.put(COPY, data=body, headers={"Content-Encoding": encoding})

    check(answer, 415, 2001)
    assert answer.headers["Accept-Encoding"] == "identity"
    assert stored() == before


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "999999999999999999999"])
def test_a_wrong_content_length_crashes_nothing(ocpi_client, stored, length):
    before = stored()

    answer = ocpi_client.put(COPY, data=b"{", headers={"Content-Length": length})

    assert answer.http_status in (400, 413)
    check(answer, answer.http_status, 2001)
    assert stored() == before


@pytest.mark.conformance("T-16", "T-20")
@pytest.mark.parametrize("body", [{}, {"last_updated": "now"}, {"last_updated": LATER, "evses": [{"uid": "E"}]}])
def test_wrong_patches_are_answered_2001(ocpi_client, stored, body):
    before = stored()

    answer = ocpi_client.patch(COPY, body)

    check(answer, 200, 2001)
    assert stored() == before
