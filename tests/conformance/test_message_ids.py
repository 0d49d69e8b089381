"""X-Request-ID and X-Correlation-ID: group MID of the requirements."""

from __future__ import annotations

import uuid

import pytest

from flask_ocpi.testing.documents import location
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
IDS = {"X-Request-ID": "12345", "X-Correlation-ID": "b6b4a7a0-0000-4000-8000-000000000001"}


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def ids_of(headers):
    return {name: headers.get(name) for name in IDS}


@pytest.mark.conformance("MID-01", "MID-02", "MID-03", "MID-06")
@pytest.mark.parametrize(
    ("method", "path", "options", "http_status"),
    [
        ("GET", "/ocpi/versions", {}, 200),
        ("GET", ocpi_url(), {}, 200),
        ("GET", ocpi_url("credentials"), {}, 200),
        ("GET", SENDER, {}, 200),
        ("PUT", COPY, {"json": location(country_code="DE", party_id="CPO")}, 201),
        ("PUT", COPY, {"json": {}}, 200),
        ("PUT", COPY, {"data": b"{"}, 400),
        ("GET", SENDER, {"headers": {"Authorization": None}}, 401),
        ("GET", ocpi_url(), {"headers": {"Authorization": "Basic x"}}, 401),
        ("GET", COPY, {}, 404),
        ("GET", "/ocpi/nothing", {}, 404),
        ("POST", SENDER, {"json": {}}, 405),
        ("PUT", ocpi_url("credentials"), {"json": {}}, 200),
        ("PUT", COPY, {"data": b"x" * 5_000_000}, 413),
        ("PUT", COPY, {"data": b"a", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
    ids=[
        "versions",
        "details",
        "credentials",
        "list",
        "created",
        "2001",
        "400",
        "401",
        "401 configuration",
        "404",
        "404 path",
        "405",
        "2001 credentials",
        "413",
        "415",
    ],
)
def test_the_answer_repeats_the_ids(ocpi_client, method, path, options, http_status):
    options = {**options, "headers": {**IDS, **options.get("headers", {})}}

    answer = ocpi_client.open(method, path, **options)

    assert answer.http_status == http_status
    assert ids_of(answer.headers) == IDS


@pytest.mark.conformance("MID-01", "MID-02")
def test_the_answer_to_a_crash_repeats_the_ids(ocpi, ocpi_app, ocpi_client, monkeypatch, caplog):
    monkeypatch.setattr(ocpi.services.storage, "list", None)

    answer = ocpi_client.get(SENDER, headers=IDS)

    assert (answer.http_status, answer.status_code) == (500, 3000)
    assert ids_of(answer.headers) == IDS


@pytest.mark.conformance("MID-01", "MID-02", "MID-03", "MID-06")
def test_the_client_sends_new_ids_with_every_request(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    with ocpi.client(platform) as client:
        client.locations.put(location())
        list(client.locations.list())

    sent = [r.headers["X-Request-ID"] for r in ocpi_network.requests]
    assert len(sent) > 6  # the handshake in both directions, and two calls
    assert len(set(sent)) == len(sent)
    assert [str(uuid.UUID(value)) for value in sent] == sent
    assert all(uuid.UUID(r.headers["X-Correlation-ID"]) for r in ocpi_network.requests)


@pytest.mark.conformance("MID-04", "MID-05")
def test_a_given_correlation_id_is_kept_and_the_request_id_is_not(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform, correlation_id="C1") as client:
        answer = client.locations.put(location())
        list(client.locations.list())

    first, second = ocpi_network.requests
    assert (first.headers["X-Correlation-ID"], second.headers["X-Correlation-ID"]) == ("C1", "C1")
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert answer.headers["X-Request-ID"] == first.headers["X-Request-ID"]


@pytest.mark.conformance("MID-03")
@pytest.mark.parametrize(
    "value", ["1", "x" * 500, "a b;c,d", "{}", '"'], ids=["number", "long", "signs", "json", "quote"]
)
def test_ids_are_opaque(ocpi_client, value):
    answer = ocpi_client.get(SENDER, headers={"X-Request-ID": value, "X-Correlation-ID": value})

    assert set(ids_of(answer.headers).values()) == {value}


@pytest.mark.conformance("MID-07")
@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": "", "X-Correlation-ID": ""}], ids=["absent", "empty"])
@pytest.mark.parametrize("path", [SENDER, "/ocpi/versions", "/ocpi/nothing"])
def test_ids_are_made_up_where_the_request_has_none(ocpi_client, path, headers):
    answers = [ocpi_client.get(path, headers=headers) for _ in range(2)]

    made_up = [value for answer in answers for value in ids_of(answer.headers).values()]
    assert len({str(uuid.UUID(value)) for value in made_up}) == 4


@pytest.mark.conformance("MID-08", "RT-24")
@pytest.mark.parametrize("change", [str.lower, str.upper], ids=["lower", "upper"])
def test_header_names_are_read_in_any_case(ocpi, ocpi_client, change):
    headers = {
        **IDS,
        "Authorization": f"Token {ocpi_client.token}",
        "OCPI-from-country-code": "DE",
        "OCPI-from-party-id": "EMS",
    }

    answer = ocpi_client.get(SENDER, headers={"Authorization": None, **{change(k): v for k, v in headers.items()}})

    assert (answer.http_status, ids_of(answer.headers)) == (200, IDS)
    assert answer.headers["OCPI-to-party-id"] == "EMS"


@pytest.mark.conformance("MID-09")
def test_calls_without_a_correlation_id_are_not_tied_to_each_other(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client:
        client.locations.put(location())
        client.locations.get_copy("LOC1")

    first, second = (r.headers["X-Correlation-ID"] for r in ocpi_network.requests)
    assert first != second
