"""Addresses, methods and tokens that are wrong in every way: nothing stored, no crash, no HTML."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.testing.documents import evse
from tests.conformance.sharing import COPY
from tests.conformance.sharing import RECEIVER
from tests.conformance.sharing import SENDER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs
from tests.urls import ocpi_url

MEGABYTE = 1024 * 1024


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def stored(ocpi, ocpi_client):
    """What is stored before the bad input, to be found unchanged after it."""
    assert ocpi_client.put(COPY, theirs(evses=[evse()])).http_status == 201
    assert ocpi_client.put(f"{RECEIVER}/DE/CPO/LOC2", theirs(id="LOC2")).http_status == 201
    return lambda: list(ocpi.objects.documents("locations", copies=True))


@pytest.mark.conformance("T-42", "TYP-01", "TYP-04")
@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ("L%C3%96C", "location_id in the URL must be printable ASCII"),
        ("%F0%9F%94%8C", "location_id in the URL must be printable ASCII"),
        ("%00", "location_id in the URL must be printable ASCII"),
        ("a%0Ab", "location_id in the URL must be printable ASCII"),
        ("a%0D%0ASet-Cookie:x", "location_id in the URL must be printable ASCII"),
        ("%FF%FE", "location_id in the URL must be printable ASCII"),
        ("%ED%A0%80", "location_id in the URL must be printable ASCII"),
        ("%EE%80%80", "location_id in the URL must be printable ASCII"),
        ("a%2Fb%EE%80%80", "evse_uid in the URL must be printable ASCII"),
        ("x" * 37, "location_id in the URL is longer than 36 characters"),
        ("x" * 7000, "location_id in the URL is longer than 36 characters"),
    ],
    ids=[
        "umlaut",
        "emoji",
        "NUL",
        "line feed",
        "header",
        "bytes",
        "surrogate",
        "private",
        "private and slash",
        "long",
        "huge",
    ],
)
@pytest.mark.parametrize("base", [SENDER, f"{RECEIVER}/DE/CPO"], ids=["sender", "receiver"])
def test_identifiers_that_cannot_be_are_refused(ocpi_client, stored, base, segment, message):
    before = stored()

    answer = ocpi_client.get(f"{base}/{segment}")

    check(answer, *((404, 2003) if "There is" in message else (200, 2001)))
    assert message in answer.message
    assert "Set-Cookie" not in answer.headers
    assert stored() == before


@pytest.mark.conformance("T-42", "PUSH-04")
@pytest.mark.parametrize(
    "owner", ["D/CPO", "DEU/CPO", "DE/CP", "DE/CPOO", "D%2FE/CPO", "%20%20/%20%20%20", "D%C3%89/CPO"]
)
def test_owners_that_cannot_be_are_refused(ocpi_client, stored, owner):
    before = stored()

    answer = ocpi_client.put(f"{RECEIVER}/{owner}/LOC1", theirs())

    assert answer.http_status in (200, 404)
    check(answer, answer.http_status, 2001)
    assert stored() == before


@pytest.mark.conformance("T-42")
def test_an_encoded_slash_does_not_lead_to_another_resource(ocpi_client, stored):
    # Decoded too early, this would be the EVSE of LOC1.
    answer = ocpi_client.get(f"{RECEIVER}/DE/CPO/LOC1%2FEVSE1")

    check(answer, 404, 2003)
    assert ocpi_client.get(f"{RECEIVER}/DE/CPO/LOC1/EVSE1").http_status == 200


@pytest.mark.conformance("PAG-16", "TYP-08")
@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=0",
        "limit=x",
        "offset=-1",
        "date_from=yesterday",
        "date_to=2024-13-01T00:00:00Z",
        "date_from=%00",
    ],
)
def test_wrong_queries_are_answered_2001(ocpi_client, query):
    answer = ocpi_client.get(f"{SENDER}?{query}")

    check(answer, 200, 2001)
    assert answer.message.startswith(f"Invalid query parameter: {query.split('=')[0]} ")


UNKNOWN_PATHS = [
    "/ocpi",
    "/ocpi/",
    "/ocpi/x",
    "/ocpi/2.2",
    "/ocpi/2.2.1/",
    ocpi_url("x"),
    ocpi_url("locations"),
    ocpi_url("sender"),
    ocpi_url("sender/nltnm-tariffs"),
    ocpi_url("sender/tariffs/T1"),
    ocpi_url("sender/tokens/T1"),
    ocpi_url("sender/tokens/NL/ABC/T1"),
    ocpi_url("sender/cdrs/C1"),
    ocpi_url("sender/sessions/S1"),
    ocpi_url("sender/sessions/NL/ABC/S1/charging_preferences"),
    ocpi_url("receiver/sessions/DE/CPO/S1/charging_periods"),
    ocpi_url("receiver/cdrs/C1/X"),
    ocpi_url("receiver/commands"),
    ocpi_url("receiver/commands/start_session"),
    ocpi_url("receiver/commands/REBOOT"),
    ocpi_url("sender/commands/START_SESSION"),
    ocpi_url("receiver/chargingprofiles"),
    ocpi_url("receiver/hubclientinfo"),
    ocpi_url("receiver/hubclientinfo/DE"),
    ocpi_url("sender/locations/a/b/c/d"),
    ocpi_url("sender//locations"),
    "/ocpi//versions",
    ocpi_url("receiver/locations/DE/CPO/a/b/c/d"),
    "/ocpi/VERSIONS",
    ocpi_url("%2e%2e/versions"),
    "/ocpi/..%2fversions",
    "/ocpi/\u00e9%FF%00",
    "/ocpi/" + "a/" * 2000,
]


@pytest.mark.conformance("T-26", "T-13")
@pytest.mark.parametrize("token", [True, False], ids=["token", "no token"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", UNKNOWN_PATHS, ids=lambda path: path[:40])
def test_unknown_paths_are_answered_404(ocpi_client, path, method, token):
    if path == "/ocpi/2.2.1/":
        path = ocpi_url("/")
    headers = {} if token else {"Authorization": None}

    answer = ocpi_client.open(method, path, headers=headers)

    check(answer, 404, 2001)
    assert "Allow" not in answer.headers


@pytest.mark.conformance("T-13")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("body", [None, b"{", b'{"id":1}'], ids=["none", "broken", "json"])
def test_unknown_methods_are_answered_405(ocpi_client, method, body):
    answer = ocpi_client.open(method, SENDER, data=body)

    check(answer, 405, 2000)
    assert answer.headers["Allow"] == "GET"


@pytest.mark.conformance("T-13")
@pytest.mark.parametrize("path", ["/ocpi/versions", SENDER, COPY])
def test_head_is_a_get_without_body(ocpi_client, stored, path):
    get = ocpi_client.get(path)

    head = ocpi_client.open("HEAD", path)

    assert (head.http_status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == "application/json"
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers.get("X-Total-Count") == get.headers.get("X-Total-Count")


@pytest.mark.conformance("A-06")
@pytest.mark.parametrize(
    "header",
    [None, "", "Token", "Token x", "Basic x", "\x7f"],
    ids=["absent", "empty", "bare", "wrong", "basic", "control"],
)
@pytest.mark.parametrize(
    "body", [b"{", orjson.dumps(theirs(city="Bonn")), b"x" * 5 * MEGABYTE], ids=["broken", "good", "huge"]
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_nothing_is_read_or_stored_without_a_token(ocpi_client, stored, method, body, header):
    before = stored()

    answer = ocpi_client.open(method, COPY, data=body, headers={"Authorization": header})

    check(answer, 401, 2000)
    assert stored() == before
