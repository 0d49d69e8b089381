"""The app: locations and tokens from the company's own tables, everything else where Flask-OCPI keeps it by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import create_engine

from examples.custom_storage import models
from examples.custom_storage import tables
from examples.custom_storage.locations import MyLocations
from examples.custom_storage.tokens import MyTokens
from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import RoutedStorage
from flask_ocpi.client import Transport

PARTY = {"country_code": "NL", "party_id": "OWN", "roles": ["CPO", "EMSP"], "business_details": {"name": "Own Tables"}}
# A CPO receives tokens and an eMSP locations. The own tables have no place for other companies' objects, so this
# platform only sends these two.
MODULES = ["locations:SENDER", "tokens:SENDER", "tariffs", "sessions", "cdrs"]


def create_app(
    config: Mapping[str, Any] | None = None, *, engine: Engine | None = None, transport: Transport | None = None
) -> Flask:
    """Make the app. ``engine`` leads to the own tables; by default to a file with some stations and contracts.

    ``config`` overrides what FLASK_* environment variables say; ``transport`` is for tests.
    """
    app = Flask(__name__, instance_path=str(Path(__file__).parent / "instance"))
    app.config.update(OCPI_PARTIES=[PARTY], OCPI_MODULES=MODULES)
    app.config.from_prefixed_env()
    app.config.update(config or {})
    own = engine or _some_tables(app)
    party = Party.of("NL", "OWN")
    routes = {"locations": MyLocations(own, party), "tokens": MyTokens(own, party)}
    ocpi = OCPI(app, storage=lambda default: RoutedStorage({**routes, "*": default}), transport=transport)
    if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
        ocpi.start()
    return app


def _some_tables(app: Flask) -> Engine:
    path = Path(app.instance_path)
    path.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path / 'own.sqlite3'}")
    tables.fill(engine)
    models.fill(engine)
    return engine
