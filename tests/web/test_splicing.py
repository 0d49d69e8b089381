"""Stored text is answered as it is, and schemas are instantiated once: what makes the hot path short."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import Schema
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE

ODD = b'{ "id" : "ODD",  "z":1.50, "a":"\\u00e9" }'  # no encoder of ours writes JSON like this
SENDER = "/ocpi/2.2.1/sender/locations"


@pytest.fixture
def odd(ocpi):
    ocpi.storage.save("locations", Key.of("NL", "ABC", "ODD"), Record(ODD))


@EVERY_STORAGE
def test_list_holds_the_stored_bytes(ocpi, ocpi_client, odd):
    ocpi.save("locations", location())

    response = ocpi_client.get(SENDER)

    assert response.body.startswith(b'{"data":[' + ODD + b",{")


@EVERY_STORAGE
def test_get_holds_the_stored_bytes(ocpi_client, odd):
    response = ocpi_client.get(f"{SENDER}/odd")

    assert response.body.startswith(b'{"data":' + ODD + b',"status_code":1000')


def test_requests_make_no_schema_instances(ocpi, ocpi_client, monkeypatch):
    document = location(country_code="DE", party_id="CPO", evses=[evse()])
    url = "/ocpi/2.2.1/receiver/locations/DE/CPO/LOC1"
    ocpi_client.put(url, document)  # nested schemas are made on first use
    ocpi_client.patch(f"{url}/EVSE1", {"status": "BLOCKED", "last_updated": "2024-06-01T00:00:00Z"})
    made = []
    original = Schema.__init__
    monkeypatch.setattr(Schema, "__init__", lambda self, **options: (made.append(self), original(self, **options))[1])

    ocpi_client.put(url, document)
    ocpi_client.patch(f"{url}/EVSE1", {"status": "CHARGING", "last_updated": "2024-06-01T00:00:00Z"})
    ocpi_client.get(SENDER)

    assert made == []
