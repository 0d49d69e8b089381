"""Who tries one token after the other is told to wait, and nobody else is."""

from __future__ import annotations

import logging

import pytest

from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.web import auth as attempts
from flask_ocpi.web.auth import RefusedTokens
from flask_ocpi.web.auth import network_of
from tests.conformance.sharing import check

VERSIONS = "/ocpi/versions"
LIMIT = 20


def unknown(number: int) -> dict[str, str]:
    return {"Authorization": authorization(f"unknown-token-{number}")}


def try_tokens(client, count: int, *, address: str = "127.0.0.1") -> list[TestResponse]:
    return [call_from(client, address, **unknown(number)) for number in range(count)]


def call_from(client, address: str, **headers: str) -> TestResponse:
    """Call the versions endpoint from an address, as the server or the host's ProxyFix tells it."""
    environ = {"REMOTE_ADDR": address}
    token = authorization(client.token)
    answer = client.app.test_client().get(
        VERSIONS, headers={"Authorization": token, **headers}, environ_overrides=environ
    )
    return TestResponse(answer.status_code, answer.headers, answer.get_data(), answer.get_json())


def test_tokens_after_the_limit_are_answered_429_with_the_time_to_wait(ocpi_client, ocpi_clock):
    first = try_tokens(ocpi_client, LIMIT)
    ocpi_clock.advance(45)

    answer = try_tokens(ocpi_client, 1)[0]

    assert {refused.http_status for refused in first} == {401}
    check(answer, 429, 2000)
    assert answer.headers["Retry-After"] == "15"


def test_a_token_that_is_in_use_works_however_many_were_tried_from_its_address(ocpi_client):
    assert try_tokens(ocpi_client, LIMIT + 5)[-1].http_status == 429

    assert call_from(ocpi_client, "127.0.0.1").http_status == 200


def test_a_new_token_works_although_its_address_is_told_to_wait(ocpi, ocpi_client):
    try_tokens(ocpi_client, LIMIT + 5)
    _, invited = ocpi.partners.invite(name="New")

    assert call_from(ocpi_client, "127.0.0.1", Authorization=authorization(invited)).http_status == 200


def test_other_addresses_are_not_told_to_wait(ocpi_client):
    try_tokens(ocpi_client, LIMIT + 1, address="192.0.2.1")

    assert try_tokens(ocpi_client, 1, address="192.0.2.2")[0].http_status == 401


def test_after_a_minute_it_begins_anew(ocpi_client, ocpi_clock):
    try_tokens(ocpi_client, LIMIT + 1)
    ocpi_clock.advance(60)

    answers = try_tokens(ocpi_client, LIMIT + 1)

    assert [answer.http_status for answer in answers] == [401] * LIMIT + [429]


def test_a_header_that_the_caller_writes_does_not_change_its_address(ocpi_client):
    try_tokens(ocpi_client, LIMIT)

    headers = {**unknown(0), "X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7"}
    assert call_from(ocpi_client, "127.0.0.1", **headers).http_status == 429


def test_requests_without_a_token_are_not_counted(ocpi_client):
    for header in ("", "Basic dXNlcjpwYXNz"):
        assert [call_from(ocpi_client, "127.0.0.1", Authorization=header).http_status for _ in range(LIMIT)] == [
            401
        ] * LIMIT

    assert try_tokens(ocpi_client, 1)[0].http_status == 401


def test_it_is_logged_once_a_minute_with_the_address_and_without_the_token(ocpi_client, caplog):
    with caplog.at_level(logging.WARNING, "flask_ocpi"):
        try_tokens(ocpi_client, LIMIT + 10, address="192.0.2.1")

    [message] = [record.getMessage() for record in caplog.records]
    assert message == "192.0.2.1 has sent more than 20 unknown tokens within a minute."


@pytest.mark.parametrize(
    ("ocpi_config", "statuses"),
    [({"OCPI_MAX_UNKNOWN_TOKENS": 2}, [401, 401, 429]), ({"OCPI_MAX_UNKNOWN_TOKENS": 0}, [401] * 60)],
    ids=["two", "any number"],
)
def test_the_limit_is_a_setting(ocpi_client, statuses):
    assert [answer.http_status for answer in try_tokens(ocpi_client, len(statuses))] == statuses


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (None, ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_address_stands_for_its_network(address, network):
    assert network_of(address) == network


def test_only_the_latest_addresses_are_remembered(monkeypatch):
    monkeypatch.setattr(attempts, "_MOST", 100)
    refused = RefusedTokens(1, clock=Clock())

    for number in range(1000):
        refused.note(f"10.0.{number // 256}.{number % 256}")

    assert len(refused._seen) == 100
    assert refused.note("10.0.3.231") == 60
    assert refused.note("10.0.0.0") == 0


def test_a_clock_that_is_put_back_locks_nobody_out():
    clock = Clock()
    refused = RefusedTokens(1, clock=clock)
    assert (refused.note("192.0.2.1"), refused.note("192.0.2.1")) == (0, 60)

    clock.advance(-3600)

    assert refused.note("192.0.2.1") == 0
