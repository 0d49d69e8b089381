"""The example of a provider collects locations and shows drivers what they may see."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from examples.emsp.drivers import DRIVERS
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from tests.examples.platforms import add_cpo
from tests.examples.platforms import add_emsp
from tests.examples.platforms import ocpi_of

DRIVER = DRIVERS[0]["uid"]
PUBLIC = location(id="PUBLIC", name="Market <square>", evses=[evse(), evse(uid="EVSE2", status="CHARGING")])
DEPOT = location(
    id="DEPOT", publish=False, publish_allowed_to=[{"uid": DRIVER.lower(), "type": "RFID"}], evses=[evse()]
)
SECRET = location(id="SECRET", publish=False, evses=[evse()])
GONE = location(id="GONE", evses=[evse(status="REMOVED")])


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def cpo(network: Network) -> Flask:
    app = add_cpo(network)
    ocpi_of(app).objects.save_all({"locations": [PUBLIC, DEPOT, SECRET, GONE]})
    return app


@pytest.fixture
def emsp(network: Network, cpo: Flask) -> Flask:
    app = add_emsp(network)
    network.connect(ocpi_of(app), ocpi_of(cpo))
    return app


def shown(app: Flask, driver: str | None = None) -> list[str]:
    answer = app.test_client().get("/locations.json", query_string={"driver": driver} if driver else {})
    return [location["id"] for location in answer.get_json()]


def pull(app: Flask) -> str:
    output: str = app.test_cli_runner().invoke(args=["pull-everything"]).output
    return output


def test_pull_everything_fetches_from_all_operators(emsp: Flask) -> None:
    assert pull(emsp) == "cpo-example: 4 new, 0 changed, 0 removed.\n"
    assert pull(emsp) == "cpo-example: 0 new, 0 changed, 0 removed.\n"


def test_drivers_see_only_what_is_visible_to_them(emsp: Flask) -> None:
    pull(emsp)

    assert shown(emsp) == ["PUBLIC"]
    assert shown(emsp, DRIVER) == ["PUBLIC", "DEPOT"]
    assert shown(emsp, "somebody") == ["PUBLIC"]


def test_tokens_of_other_drivers_are_not_shown(emsp: Flask) -> None:
    pull(emsp)

    body = emsp.test_client().get("/locations.json", query_string={"driver": DRIVER}).get_data(as_text=True)

    assert "publish_allowed_to" not in body


def test_operator_is_named_from_its_credentials(emsp: Flask) -> None:
    pull(emsp)

    found = emsp.test_client().get("/locations.json").get_json()[0]

    assert found["operator"]["name"] == "Abc Charging"


def test_page_is_the_hosts_own(emsp: Flask) -> None:
    pull(emsp)

    answer = emsp.test_client().get("/")
    page = answer.get_data(as_text=True)

    assert answer.mimetype == "text/html"
    assert "<p>1 location</p>" in page
    assert "Market &lt;square&gt;" in page
    assert "1\n    of 2 free" in page
    assert emsp.test_client().get("/nothing").mimetype == "text/html"


def test_pushes_are_noted_by_the_signal(emsp: Flask, cpo: Flask) -> None:
    pull(emsp)
    emsp.extensions["news"].clear()

    cpo.test_client().post("/locations/PUBLIC/EVSE1/status", json={"status": "CHARGING"})

    expected: list[dict[str, Any]] = [{"module": "locations", "owner": "NL-ABC", "id": "PUBLIC", "new": False}]
    assert emsp.test_client().get("/news.json").get_json() == expected
    assert "0\n    of 2 free" in emsp.test_client().get("/").get_data(as_text=True)


def test_two_apps_hear_their_own_news_only(network: Network, emsp: Flask) -> None:
    party = {"country_code": "FR", "party_id": "EMF", "roles": ["EMSP"], "business_details": {"name": "Emf"}}
    other = add_emsp(network, "other.example", OCPI_PARTIES=[party])

    pull(emsp)

    assert len(emsp.test_client().get("/news.json").get_json()) == 4
    assert other.test_client().get("/news.json").get_json() == []
