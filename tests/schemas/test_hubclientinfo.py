"""Tests of the conditions that the class of the hubclientinfo module carries."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.enums import ConnectionStatus
from flask_ocpi.modules.hubclientinfo import ClientInfo
from flask_ocpi.testing.documents import client_info
from tests.roles import ROLES


def accept(document):
    assert load(ClientInfo(), document) == document


def refuse(document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(ClientInfo(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.conformance("HCI-04")
@pytest.mark.parametrize("name", list(client_info()))
def test_client_needs(name):
    document = {key: value for key, value in client_info().items() if key != name}

    refuse(document, f"{name} is required")


@pytest.mark.conformance("HCI-04")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"party_id": "XY"}, "party_id is shorter than 3 characters (it has 2)"),
        ({"country_code": "DEU"}, "country_code is longer than 2 characters (it has 3)"),
        ({"role": ["EMSP"]}, "role must be a string, not an array"),
        ({"last_updated": "2024-05-31"}, "last_updated must be a UTC date and time such as 2024-05-31T12:00:00Z"),
    ],
    ids=["short-party", "alpha-3", "roles", "date"],
)
def test_client_that_does_not_fit_is_refused(changes, message):
    refuse(client_info(**changes), message)


@pytest.mark.conformance("HCI-04")
@pytest.mark.parametrize("role", ROLES)
def test_client_may_have_any_role(role):
    accept(client_info(role=str(role)))


@pytest.mark.conformance("HCI-09")
@pytest.mark.parametrize("status", list(ConnectionStatus))
def test_client_may_have_any_status(status):
    accept(client_info(status=str(status)))


@pytest.mark.conformance("HCI-09")
@pytest.mark.parametrize("status", ["connected", "ONLINE", "DELETED"])
def test_client_has_no_other_status(status):
    refuse(
        client_info(status=status),
        f"status {status!r} is not a ConnectionStatus: use CONNECTED, OFFLINE, PLANNED, SUSPENDED",
    )
