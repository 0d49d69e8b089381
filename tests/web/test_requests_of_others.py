"""Requests that are not quite as OCPI has them, and whose meaning is certain; and the letter, in strict mode."""

from __future__ import annotations

import base64

import orjson
import pytest

from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from tests.peers import noted_by
from tests.urls import ocpi_url

COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
AUTHORIZE = ocpi_url("sender/tokens/12345678905880/authorize")
BODY = orjson.dumps(location(country_code="DE", party_id="CPO"))
PLACE = {"location_id": "LOC1", "evse_uids": ["EVSE1"]}
MARK = b"\xef\xbb\xbf"


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO", "EMSP"])]


@pytest.fixture
def found(ocpi, monkeypatch):
    return noted_by(ocpi, monkeypatch)


def put(client, body=BODY, content_type="application/json"):
    return client.open("PUT", COPY, data=body, headers={"Content-Type": content_type})


TYPES = pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain; charset=UTF-8",
        "TEXT/PLAIN",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "text/x-json",
    ],
)


@TYPES
def test_json_is_read_whatever_it_is_called(ocpi, ocpi_client, found, content_type):
    assert put(ocpi_client, content_type=content_type).status_code == 1000

    assert [document["id"] for document in ocpi.objects.documents("locations", copies=True)] == ["LOC1"]
    assert [finding.kind for finding in found] == ["content_type"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
@pytest.mark.parametrize("body", [b"x", b"name=value", b"\xff\xfe{}", b""])
def test_what_is_no_json_is_refused_whatever_it_is_called(ocpi_client, content_type, body):
    answer = put(ocpi_client, body, content_type)

    assert (answer.http_status, answer.status_code) == (400, 2001)


@pytest.mark.parametrize("content_type", ["application/xml", "text/html", "multipart/form-data", "image/png"])
def test_what_says_that_it_is_something_else_is_refused(ocpi_client, content_type):
    assert put(ocpi_client, content_type=content_type).http_status == 415


def test_byte_order_mark_is_passed_over(ocpi_client, found):
    assert put(ocpi_client, MARK + BODY).status_code == 1000
    assert [finding.kind for finding in found] == ["byte_order_mark"]


def test_mark_alone_is_an_empty_body(ocpi_client):
    assert put(ocpi_client, MARK).http_status == 400


def test_token_without_the_padding_of_base64_is_known(ocpi_client):
    padded = base64.b64encode(ocpi_client.token.encode()).decode()
    assert padded.endswith("=")

    answer = ocpi_client.get("/ocpi/versions", headers={"Authorization": f"Token {padded.rstrip('=')}"})

    assert answer.status_code == 1000


@pytest.fixture
def asked(ocpi):
    """The locations with which the host is asked about a driver."""
    asked = []
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))

    @ocpi.authorizer
    def decide(token, location):
        asked.append(location)
        return "ALLOWED"

    return asked


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"null", b"[]", b'""', b'{"location_id": null}', b'{"location_id": "", "evse_uids": []}'),
        *(b'{"location_id": null, "evse_uids": ["1"]}', b'{"evse_uids": ["1"]}', b'{"location_id": {"id": "LOC1"}}'),
        *(b'{"locationId": "LOC1"}', b'"LOC1"', b"17"),
    ],
    ids=repr,
)
def test_driver_is_authorized_where_the_place_cannot_be_read(ocpi_client, asked, body):
    answer = ocpi_client.open("POST", AUTHORIZE, data=body, headers={"Content-Type": "application/json"})

    assert answer.data["allowed"] == "ALLOWED"
    assert asked == [None]


@pytest.mark.parametrize(
    ("place", "read"),
    [
        (PLACE, PLACE),
        ({**PLACE, "evse_uids": None}, {"location_id": "LOC1"}),
        ({**PLACE, "evse_uids": "EVSE1"}, PLACE),
        ([PLACE], PLACE),
        ({"location_id": "LOC1", "evse_uids": ["EVSE1", None, ""]}, PLACE),
    ],
    ids=["valid", "null", "text", "list", "holes"],
)
def test_place_that_can_be_read_is_told(ocpi_client, asked, place, read):
    assert ocpi_client.post(AUTHORIZE, place).data["allowed"] == "ALLOWED"
    assert asked == [read]


SESSION = ocpi_url("receiver/sessions/DE/CPO/SES1")


def period(hour, volume=1.0):
    dimensions = [{"type": "ENERGY", "volume": volume}]
    return {"start_date_time": f"2026-01-01T{hour:02}:00:00Z", "dimensions": dimensions}


@pytest.mark.parametrize(
    ("patches", "hours"),
    [
        ([[period(13)], [period(13)]], [12, 13]),
        ([[period(13), period(14)], [period(13), period(14)]], [12, 13, 14]),
        ([[period(13)], [period(14)], [period(13)]], [12, 13, 14]),
        ([[period(12), period(13)]], [12, 13]),
        ([[period(13)], [period(13, volume=2.0)]], [12, 13, 13]),
        ([[{**period(13), "start_date_time": "2026-01-01T14:00:00+01:00"}]] * 2, [12, 13]),
        ([[], None], [12]),
    ],
    ids=["once more", "two", "later", "with a known one", "another volume", "mended", "nothing"],
)
def test_patch_that_is_sent_again_adds_its_periods_once(ocpi, ocpi_client, patches, hours):
    theirs = session(country_code="DE", party_id="CPO", charging_periods=[period(12)])
    theirs["cdr_token"] |= {"country_code": "NL", "party_id": "ABC"}
    assert ocpi_client.put(SESSION, theirs).status_code == 1000

    for periods in patches:
        change = {"charging_periods": periods, "kwh": 2.0, "last_updated": "2026-01-01T15:00:00Z"}
        assert ocpi_client.patch(SESSION, change).status_code == 1000

    (stored,) = ocpi.objects.documents("sessions", copies=True)
    assert [int(each["start_date_time"][11:13]) for each in stored["charging_periods"]] == hours


class TestStrict:
    @pytest.fixture
    def ocpi_receive(self):
        return "strict"

    @TYPES
    def test_other_types_are_refused(self, ocpi_client, content_type):
        assert put(ocpi_client, content_type=content_type).http_status == 415

    def test_byte_order_mark_is_refused(self, ocpi_client):
        assert put(ocpi_client, MARK + BODY).http_status == 400

    @pytest.mark.parametrize("body", [{}, {"location_id": None}, {"evse_uids": ["1"]}], ids=repr)
    def test_place_that_cannot_be_read_is_refused(self, ocpi_client, asked, body):
        assert ocpi_client.post(AUTHORIZE, body).status_code == 2001
        assert asked == []
