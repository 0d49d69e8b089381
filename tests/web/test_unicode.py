"""Text of every script goes out as it came in."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.testing.documents import location
from tests.urls import ocpi_url

NAME = "Žluťoučký kůň, 充電, \N{ELECTRIC PLUG}"


@pytest.mark.conformance("TYP-22", "TYP-03")
@pytest.mark.parametrize("ascii_only", [False, True], ids=["utf8", "escaped"])
def test_json_is_read_and_written_as_utf8(ocpi_client, ascii_only):
    path = ocpi_url("receiver/locations/DE/CPO/LOC1")
    body = location(country_code="DE", party_id="CPO", name=NAME)

    created = ocpi_client.put(path, data=json.dumps(body, ensure_ascii=ascii_only))
    answer = ocpi_client.get(path)

    assert created.status_code == 1000
    assert answer.data["name"] == NAME
    assert NAME.encode() in answer.body
    assert answer.headers["Content-Type"] == "application/json"
