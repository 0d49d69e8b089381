"""The map of the console: which EVSEs it has, and the files that draw it."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import MemoryStorage
from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Level
from flask_ocpi.contrib.console import Tiles
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.contrib.console.pages import map as page_of_map
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

TILES = Tiles("https://tiles.example.com/{z}/{x}/{y}.png", "Tiles & Co")
NEW, OLD = "2025-12-31T12:00:00Z", "2024-01-01T00:00:00Z"


def app_with(*, level=Level.READ, tiles=None, roles=("CPO", "EMSP")):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="s", OCPI_PARTIES=[party_settings("NL", "ABC", list(roles))])
    OCPI(app, storage=MemoryStorage())
    Console(app, authorize=lambda request: level and Visitor("ann", level), tiles=tiles)
    return app


def places_of(app):
    return json.loads(app.test_client().get("/ocpi/console/map/places.json").data)


@EVERY_STORAGE
def test_places_are_the_evses_of_own_locations_and_of_copies(ocpi, ocpi_app):
    at = {"latitude": "51.00000", "longitude": "4.00000"}
    there = {"latitude": "52.00000", "longitude": "5.00000"}
    own = location(
        coordinates=at,
        evses=[evse(uid="A"), evse(uid="B", coordinates=there, status="BLOCKED"), evse(uid="C", status="REMOVED")],
    )
    ocpi.save("locations", own)
    ocpi.save("locations", location(id="BARE", coordinates=at))
    ocpi.save("locations", location(id="GONE", evses=[evse(status="REMOVED")]))
    partner = add_partner(ocpi_app, [("DE", "EXA", ["CPO"])], name="Example")
    copied = location(country_code="DE", party_id="EXA", id="COPY", coordinates=there, evses=[evse(uid="Z")])
    assert partner.put(ocpi_url("receiver/locations/DE/EXA/COPY"), copied).status_code == 1000

    found = [(p.platform, p.location, p.uid, p.latitude, p.longitude, p.status) for p in ocpi.stored.places()]

    assert found == [
        ("", "LOC1", "A", 51.0, 4.0, "AVAILABLE"),
        ("", "LOC1", "B", 52.0, 5.0, "BLOCKED"),
        ("", "BARE", "", 51.0, 4.0, ""),
        ("example", "COPY", "Z", 52.0, 5.0, "AVAILABLE"),
    ]


def test_the_numbers_and_the_places_tell_status_and_age():
    app = app_with()
    with app.app_context():
        evses = [evse(uid="A", last_updated=OLD), evse(uid="B", status="OUTOFORDER", last_updated=OLD)]
        app.extensions["ocpi"].save("locations", location(name="<b>Bold</b>", evses=evses, last_updated=NEW))

    found = places_of(app)
    text = app.test_client().get("/ocpi/console/map").text

    assert found["statuses"] == [["AVAILABLE", "free"], ["OUTOFORDER", "out"]]
    assert [row[5:] for row in found["rows"]] == [["LOC1", "A", "<b>Bold</b>"], ["LOC1", "B", "<b>Bold</b>"]]
    assert all(row[3] > page_of_map.OLD for row in found["rows"])
    rows = re.findall(r"<tr><td>.*?</tr>", text, re.DOTALL)
    assert [re.findall(r"<td[^>]*>(?:<[^>]+>)*([^<]+)", row) for row in rows] == [
        ["Our own", "AVAILABLE", "1", "1"],
        ["Our own", "OUTOFORDER", "1", "1"],
    ]


@pytest.mark.parametrize("path", ["map", "map/places.json", "map/leaflet.js"])
def test_nobody_without_a_level_gets_any_of_it(path):
    response = app_with(level=None).test_client().get(f"/ocpi/console/{path}")

    assert response.status_code == 403


def test_every_file_that_the_page_names_is_served():
    client = app_with().test_client()
    page = client.get("/ocpi/console/map").text

    named = re.findall(r'(?:src|href|data-land|data-places)="(/ocpi/console/[^"?]*)"', page)
    assert {"leaflet.js", "leaflet.css", "leaflet.markercluster.js", "map.js", "land.json"} <= {
        name.rpartition("/")[2] for name in named
    }
    assert {name: client.get(name, buffered=True).status_code for name in named} == dict.fromkeys(named, 200)


def test_without_the_extra_the_page_says_so_and_has_the_numbers(monkeypatch):
    app = app_with()
    monkeypatch.setattr(page_of_map, "_folders", dict)

    page = app.test_client().get("/ocpi/console/map").text

    assert "Flask-OCPI[console]" in page
    assert "EVSEs by status" in page
    assert "leaflet" not in page


def test_only_the_server_of_the_tiles_is_allowed_besides_our_own():
    response = app_with(tiles=TILES).test_client().get("/ocpi/console/map")

    assert 'data-tiles="https://tiles.example.com/{z}/{x}/{y}.png" data-by="Tiles &amp; Co"' in response.text
    assert "img-src 'self' https://tiles.example.com;" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("url", ["http://tiles.example.com/{z}/{x}/{y}.png", "https://tiles.example.com/", "tiles"])
def test_tiles_need_a_safe_url_with_the_place_of_each(url):
    with pytest.raises(ConfigurationError, match="needs a URL such as"):
        app_with(tiles=Tiles(url, "by"))


def test_coastlines_are_rings_on_earth():
    rings = json.loads((page_of_map.Path(page_of_map.__file__).parents[1] / "static" / "land.json").read_text())

    assert len(rings) > 500
    for ring in rings:
        xs, ys = ring[::2], ring[1::2]
        assert (sum(xs[1:]), sum(ys[1:])) == (0, 0)  # it ends where it begins
        assert -18_000 <= xs[0] <= 18_000
        assert -9_000 <= ys[0] <= 9_000
