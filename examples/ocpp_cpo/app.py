"""The app of the operator: OCPI for partners, commands for its staff, and the central system as one of them."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import Blueprint
from flask import Flask
from flask import current_app
from sqlalchemy import select

from examples.ocpp_cpo import central_system
from examples.ocpp_cpo import commands
from examples.ocpp_cpo import sample
from examples.ocpp_cpo.tables import ChargePoint
from examples.ocpp_cpo.tables import Outlet
from examples.ocpp_cpo.tables import Transaction
from examples.ocpp_cpo.tables import db
from examples.ocpp_cpo.tables import hashed
from flask_ocpi import OCPI
from flask_ocpi import NotFoundError
from flask_ocpi import current_ocpi

PARTY = {"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc Charging"}}

staff = Blueprint("staff", __name__, cli_group=None)


def create_app(config: Mapping[str, Any] | None = None, *, ocpi: OCPI | None = None) -> Flask:
    """Make the app. ``config`` overrides what FLASK_* environment variables say; ``ocpi`` is for tests."""
    app = Flask(__name__, instance_path=os.environ.get("FLASK_INSTANCE_PATH", str(Path(__file__).parent / "instance")))
    app.config.update(OCPI_PARTIES=[PARTY], SQLALCHEMY_DATABASE_URI="sqlite:///ocpp_cpo.sqlite3", SILENT_SECONDS=180.0)
    app.config.from_prefixed_env()
    app.config.update(config or {})
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite:"):  # which has one writer at a time
        app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", {"connect_args": {"timeout": 30}})
    db.init_app(app)
    ocpi = ocpi or OCPI()
    commands.register(ocpi)
    ocpi.init_app(app)
    app.register_blueprint(staff)
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        ocpi.start()
    return app


@staff.cli.command("set-up")
def set_up() -> None:
    """Create the tables, a location with two EVSEs, and its tariff."""
    db.create_all()
    current_ocpi.storage.setup()
    current_ocpi.objects.save_all(sample.objects(datetime.now(UTC)))
    click.echo("The tables, 1 location and 1 tariff are there.")


@staff.cli.command("add-charge-point")
@click.argument("id")
@click.argument("places", nargs=-1, required=True, metavar="EVSE[.CONNECTOR]=LOCATION/EVSE_UID/CONNECTOR_ID...")
def add_charge_point(id: str, places: tuple[str, ...]) -> None:
    """Add a charge point, and print its password: which of its numbers is which connector in OCPI."""
    if db.session.get(ChargePoint, id) is not None:
        raise click.ClickException(f"There is a charge point {id} already.")
    password = secrets.token_urlsafe(20)
    db.session.add(ChargePoint(id=id, password=hashed(password)))
    db.session.flush()
    db.session.add_all(_outlet(id, place) for place in places)
    db.session.commit()
    click.echo(password)


def _outlet(charge_point: str, place: str) -> Outlet:
    """Read which connector of a charge point is which one in OCPI."""
    found = re.fullmatch(r"(\d+)(?:\.(\d+))?=([^/]+)/([^/]+)/([^/]+)", place)
    if found is None:
        raise click.BadParameter(f"{place!r} is not like 1=QUAY/QUAY-1/1 or 1.2=QUAY/QUAY-1/2.")
    evse, connector, *ids = found.groups()
    try:
        current_ocpi.objects.get("locations", *ids)
    except NotFoundError as error:
        raise click.BadParameter(f"{place}: {error.message}") from error
    location_id, evse_uid, connector_id = ids
    return Outlet(
        charge_point=charge_point,
        evse=int(evse),
        connector=int(connector or 1),
        location_id=location_id,
        evse_uid=evse_uid,
        connector_id=connector_id,
    )


@staff.cli.command("transactions")
def transactions() -> None:
    """List the transactions, also those that no partner pays for."""
    for each in db.session.scalars(select(Transaction).order_by(Transaction.id)):
        kwh = ((each.last_wh or 0) - (each.first_wh or 0)) / 1000
        paid = each.session_id or f"nobody pays: the token {each.id_tag} was not admitted"
        click.echo(f"{each.charge_point} {each.started} to {each.ended or 'now'}: {kwh:g} kWh, {paid}")


@staff.cli.command("central-system")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True)
def central_system_command(host: str, port: int) -> None:
    """Serve charge points until SIGTERM or Ctrl-C."""
    central_system.run(current_app._get_current_object(), host, port)  # type: ignore[attr-defined]
