"""A whole OCPI platform; try it with: flask --app examples/quickstart.py run"""

from __future__ import annotations

from flask import Flask

from flask_ocpi import OCPI

PARTY = {"country_code": "NL", "party_id": "ABC", "roles": ["CPO"], "business_details": {"name": "Abc Charging"}}


def create_app() -> Flask:
    """Make the app; every setting can come from the environment, such as FLASK_OCPI_PARTIES='[{...}]'."""
    app = Flask(__name__)
    app.config["OCPI_PARTIES"] = [PARTY]
    app.config.from_prefixed_env()
    OCPI(app)
    return app
