"""The app: locations from the operator's own tables, everything else where Flask-OCPI keeps it by default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import create_engine

from examples.custom_storage.locations import MyLocations
from examples.custom_storage.tables import fill
from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import RoutedStorage

PARTY = {"country_code": "NL", "party_id": "OWN", "roles": ["CPO"], "business_details": {"name": "Own Tables"}}


def create_app(config: Mapping[str, Any] | None = None, *, engine: Engine | None = None) -> Flask:
    """Make the app. ``engine`` leads to the tables ``stations`` and ``chargers``; by default a file with some."""
    app = Flask(__name__, instance_path=str(Path(__file__).parent / "instance"))
    app.config["OCPI_PARTIES"] = [PARTY]
    app.config.from_prefixed_env()
    app.config.update(config or {})
    own = MyLocations(engine or _some_stations(app), Party.of("NL", "OWN"))
    OCPI(app, storage=lambda default: RoutedStorage({"locations": own, "*": default}))
    return app


def _some_stations(app: Flask) -> Engine:
    path = Path(app.instance_path)
    path.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path / 'stations.sqlite3'}")
    fill(engine)
    return engine
