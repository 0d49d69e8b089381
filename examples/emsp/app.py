"""The app of an e-mobility service provider: it collects locations from operators and shows them to drivers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from flask import Blueprint
from flask import Flask
from flask import current_app
from flask import render_template_string
from flask import request

from examples.emsp.drivers import find_driver
from examples.emsp.drivers import pull_everything
from examples.emsp.drivers import visible_locations
from flask_ocpi import OCPI
from flask_ocpi import current_ocpi
from flask_ocpi.signals import object_received
from flask_ocpi.storage import Key

PARTY = {
    "country_code": "DE",
    "party_id": "EMS",
    "roles": ["EMSP"],
    "business_details": {"name": "Ems Mobility", "website": "https://ems.example.org"},
}

PAGE = """<!doctype html>
<html lang="en">
<title>Where to charge</title>
<h1>Where to charge</h1>
{%- set number = locations | length %}
<p>{{ number }} location{{ "s" if number != 1 }}{% if driver %} for the driver {{ driver.uid }}{% endif %}</p>
<ul>
{%- for location in locations %}
  <li>{{ location.name or location.address }}, {{ location.city }}:
    {{ location.evses | selectattr("status", "equalto", "AVAILABLE") | list | length }}
    of {{ location.evses | length }} free</li>
{%- endfor %}
</ul>
</html>
"""

drivers = Blueprint("drivers", __name__, cli_group=None)


def create_app(config: Mapping[str, Any] | None = None, *, ocpi: OCPI | None = None) -> Flask:
    """Make the app. ``config`` overrides what FLASK_* environment variables say; ``ocpi`` is for tests."""
    app = Flask(__name__, instance_path=str(Path(__file__).parent / "instance"))
    app.config["OCPI_PARTIES"] = [PARTY]
    app.config.from_prefixed_env()
    app.config.update(config or {})
    ocpi = ocpi or OCPI()
    ocpi.init_app(app)
    app.extensions["news"] = deque(maxlen=100)
    object_received.connect(remember, app)
    app.register_blueprint(drivers)
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        ocpi.start()
    return app


def remember(app: Flask, *, module: str, key: Key, created: bool, **_: Any) -> None:
    """Note what partners sent to this process: a listener of the signal object_received."""
    app.extensions["news"].appendleft({"module": module, "owner": str(key.owner), "id": key.id, "new": created})


@drivers.get("/")
def page() -> str:
    """Show the locations that everybody may see, or with ?driver=UID the ones that this driver may see."""
    driver = find_driver(request.args.get("driver"))
    return render_template_string(PAGE, driver=driver, locations=list(visible_locations(current_ocpi, driver)))


@drivers.get("/locations.json")
def locations() -> list[dict[str, Any]]:
    """The same as data."""
    return list(visible_locations(current_ocpi, find_driver(request.args.get("driver"))))


@drivers.get("/news.json")
def news() -> list[dict[str, Any]]:
    """List what partners sent last, newest first."""
    return list(current_app.extensions["news"])


@drivers.cli.command("pull-everything")
def pull_command() -> None:
    """Fetch the locations of all registered operators."""
    for platform, pulled in pull_everything(current_ocpi):
        click.echo(f"{platform}: {pulled.created} new, {pulled.updated} changed, {pulled.removed} removed.")
