"""The app of a charge point operator that keeps its network in Flask-OCPI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import abort
from flask import jsonify
from flask import request

from flask_ocpi import OCPI
from flask_ocpi import OCPIError
from flask_ocpi import current_ocpi
from flask_ocpi.testing.sandbox.locations import locations
from flask_ocpi.testing.sandbox.locations import summary

PARTY = {
    "country_code": "NL",
    "party_id": "ABC",
    "roles": ["CPO"],
    "business_details": {"name": "Abc Charging", "website": "https://abc.example.org"},
}

backoffice = Blueprint("backoffice", __name__, cli_group=None)


def create_app(config: Mapping[str, Any] | None = None, *, ocpi: OCPI | None = None) -> Flask:
    """Make the app. ``config`` overrides what FLASK_* environment variables say; ``ocpi`` is for tests."""
    app = Flask(__name__, instance_path=str(Path(__file__).parent / "instance"))
    app.config["OCPI_PARTIES"] = [PARTY]
    app.config.from_prefixed_env()
    app.config.update(config or {})
    ocpi = ocpi or OCPI()
    ocpi.init_app(app)
    app.register_blueprint(backoffice)
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        ocpi.start()
    return app


@backoffice.get("/")
def overview() -> dict[str, Any]:
    """Count what the network consists of."""
    return {"network": summary(current_ocpi.objects.documents("locations"))}


@backoffice.post("/locations/<location_id>/<evse_uid>/status")
def report_status(location_id: str, evse_uid: str) -> Response:
    """Take the status of an EVSE from the charge points' own back office; partners are told of it."""
    body = request.get_json()
    if not isinstance(body, dict) or not isinstance(body.get("status"), str):
        abort(400, 'Send {"status": "CHARGING"} or another Status of OCPI.')
    try:
        current_ocpi.patch("locations", location_id, evse_uid, changes={"status": body["status"]})
    except OCPIError as error:
        abort(404 if error.http_status == 404 else 400, error.message)
    return jsonify(current_ocpi.objects.get("locations", location_id, evse_uid))


@backoffice.cli.command("open-network")
@click.option("--count", default=300, show_default=True, help="How many locations.")
def open_network(count: int) -> None:
    """Save a network of invented locations."""
    saved = current_ocpi.objects.save_all({"locations": list(locations(count=count, now=datetime.now(UTC)))})
    click.echo(f"{saved} locations are open.")
