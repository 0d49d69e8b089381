"""The example of a charge point operator keeps its network and tells its partners."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.sandbox.locations import summary
from tests.closing import close
from tests.examples.platforms import add_cpo
from tests.examples.platforms import add_emsp
from tests.examples.platforms import ocpi_of

STATUS_URL = "/locations/LOC1/EVSE1/status"


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def cpo(network: Network) -> Flask:
    app = add_cpo(network)
    ocpi_of(app).save("locations", location(evses=[evse()]))
    return app


@pytest.fixture
def emsp(network: Network, cpo: Flask) -> Flask:
    """A partner that is registered and has pulled."""
    app = add_emsp(network)
    network.connect(ocpi_of(app), ocpi_of(cpo))
    ocpi_of(app).pull("locations", "NL-ABC")
    return app


def copies(app: Flask) -> list[dict[str, Any]]:
    return list(ocpi_of(app).objects.documents("locations", copies=True))


def test_status_is_pushed_to_partners(network: Network, cpo: Flask, emsp: Flask) -> None:
    network.clock.advance(60)

    answer = cpo.test_client().post(STATUS_URL, json={"status": "CHARGING"})

    told = {"status": "CHARGING", "last_updated": "2026-01-01T12:01:00.000Z"}
    assert answer.get_json() == {**evse(), **told}
    assert network.requests[-1].method == "PATCH"
    assert network.requests[-1].url == "https://emsp.example/ocpi/2.3.0/receiver/locations/NL/ABC/LOC1/EVSE1"
    assert copies(emsp) == list(ocpi_of(cpo).objects.documents("locations"))
    assert copies(emsp)[0]["evses"][0]["status"] == "CHARGING"


def test_partner_without_the_location_gets_all_of_it(network: Network, cpo: Flask) -> None:
    emsp = add_emsp(network)
    network.connect(ocpi_of(emsp), ocpi_of(cpo))

    cpo.test_client().post(STATUS_URL, json={"status": "BLOCKED"})

    told = [request.method for request in network.requests if request.url.startswith("https://emsp.example")]
    assert told[-2:] == ["PATCH", "PUT"]
    assert copies(emsp) == list(ocpi_of(cpo).objects.documents("locations"))


def test_partner_that_is_down_does_not_keep_others_from_being_told(network: Network, cpo: Flask, emsp: Flask) -> None:
    party = {"country_code": "FR", "party_id": "EMF", "roles": ["EMSP"], "business_details": {"name": "Emf"}}
    other = add_emsp(network, "other.example", OCPI_PARTIES=[party])
    network.connect(ocpi_of(other), ocpi_of(cpo))

    def cut(request: Any) -> None:
        if request.url.startswith("https://emsp.example"):
            raise UnreachableError("The line is cut.")

    network.before_send = cut
    cpo.test_client().post(STATUS_URL, json={"status": "CHARGING"})

    assert copies(other)[0]["evses"][0]["status"] == "CHARGING"
    assert copies(emsp)[0]["evses"][0]["status"] == "AVAILABLE"
    network.before_send = lambda request: None
    network.clock.advance(10)
    assert ocpi_of(cpo).outbox.flush() == 1
    assert copies(emsp)[0]["evses"][0]["status"] == "CHARGING"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/locations/LOC1/NONE/status", {"status": "CHARGING"}, 404),
        ("/locations/NONE/EVSE1/status", {"status": "CHARGING"}, 404),
        (STATUS_URL, {"status": "BUSY"}, 400),
        (STATUS_URL, {}, 400),
        (STATUS_URL, ["CHARGING"], 400),
    ],
    ids=["unknown EVSE", "unknown location", "unknown status", "no status", "no object"],
)
def test_wrong_status_reports_are_refused_by_the_apps_own_error_page(
    cpo: Flask, path: str, body: Any, status: int
) -> None:
    answer = cpo.test_client().post(path, json=body)

    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert ocpi_of(cpo).objects.get("locations", "LOC1", "EVSE1")["status"] == "AVAILABLE"


def test_open_network_saves_locations(network: Network) -> None:
    app = add_cpo(network)

    output = app.test_cli_runner().invoke(args=["open-network", "--count", "9"]).output

    assert output == "9 locations are open.\n"
    documents = list(ocpi_of(app).objects.documents("locations"))
    assert app.test_client().get("/").get_json() == {"network": summary(documents)}
    assert len(documents) == 9


def test_file_database_is_the_examples_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", f"sqlite:///{tmp_path / 'cpo.sqlite3'}")
    monkeypatch.setenv("FLASK_OCPI_CREATE_TABLES", "true")
    monkeypatch.setenv("FLASK_SECRET_KEY", "of this test")
    from examples.cpo import create_app

    app = create_app()
    close(app)

    assert (tmp_path / "cpo.sqlite3").exists()
