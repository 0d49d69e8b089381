"""The fixtures for users: with pytest-flask's client and server, and on their own."""

from __future__ import annotations

import pytest
import requests

from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.sqlalchemy import SQLAlchemyStorage
from flask_ocpi.testing.documents import location
from tests.urls import ocpi_url

pytest_plugins = ["pytester"]


def test_the_client_of_pytest_flask_reaches_the_platform(client, ocpi_client):
    response = client.get("/ocpi/versions", headers={"Authorization": f"Token {ocpi_client.token}"})

    assert {"version": "2.2.1", "url": "https://platform.example/ocpi/2.2.1"} in response.json["data"]


@pytest.mark.parametrize("ocpi_storage", ["sqlite"], indirect=True)
def test_the_live_server_of_pytest_flask_serves_the_platform(live_server, ocpi, ocpi_client):
    ocpi.save("locations", location())
    url = live_server.url(ocpi_url("sender/locations"))

    response = requests.get(url, headers={"Authorization": f"Token {ocpi_client.token}"}, timeout=20)

    assert response.json()["data"] == [location()]


@pytest.mark.parametrize(
    ("ocpi_storage", "expected"),
    [("memory", MemoryStorage), ("sqlite", SQLAlchemyStorage)],
    indirect=["ocpi_storage"],
)
def test_the_storage_is_chosen_by_the_test(ocpi, expected):
    assert isinstance(ocpi.storage, expected)


def test_the_clock_stands_still_until_it_is_advanced(ocpi_client, ocpi_clock):
    first = ocpi_client.get("/ocpi/versions").envelope["timestamp"]
    ocpi_clock.advance(61.5)
    second = ocpi_client.get("/ocpi/versions").envelope["timestamp"]

    assert (first, second) == ("2026-01-01T12:00:00.000Z", "2026-01-01T12:01:01.500Z")


def test_a_users_test_suite_gets_by_with_the_plugin_alone(pytester):
    pytester.makeconftest('pytest_plugins = ["flask_ocpi.testing.plugin"]')
    pytester.makepyfile(
        """
        import pytest
        from flask_ocpi.testing.documents import location
        from flask_ocpi.testing.storage_contract import StorageContract


        @pytest.fixture
        def ocpi_parties():
            return [("BE", "USR", ["CPO"])]


        @pytest.mark.parametrize("ocpi_storage", ["memory", "sqlite"], indirect=True)
        def test_partners_see_my_locations(ocpi, ocpi_client):
            ocpi.save("locations", location(country_code="BE", party_id="USR"))
            assert len(ocpi_client.get("/ocpi/2.2.1/sender/locations").data) == 1


        def test_another_platform_registers(ocpi, ocpi_other, ocpi_network):
            there, here = ocpi_network.connect(ocpi_other, ocpi)
            assert (there.is_registered, here.is_registered) == (True, True)


        class TestMyStorage(StorageContract):
            @pytest.fixture
            def storage(self, ocpi_storage):
                return ocpi_storage
        """
    )

    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    outcomes = result.parseoutcomes()
    assert outcomes.get("passed", 0) > 20
    assert outcomes.keys() <= {"passed", "warnings"}
