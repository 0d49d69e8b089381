"""A platform whose numbers are served, for servers with several processes: gunicorn tests.contrib.scraped_app:app

DATABASE names the SQLite file; each answer says in X-Process which process gave it.
"""

from __future__ import annotations

import os

from flask import Flask
from flask import Response

from flask_ocpi import OCPI
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web.prometheus import Metrics


def make_app(database: str) -> Flask:
    """Make the platform NL-ABC. It sends nothing: what it saves waits to be pushed."""
    app = Flask("scraped")
    app.config.update(
        SECRET_KEY="secret",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_CREATE_TABLES=True,
        OCPI_DISPATCHER="none",
        OCPI_DOCS=False,
    )
    OCPI(app)

    @app.after_request
    def name_process(response: Response) -> Response:
        response.headers["X-Process"] = str(os.getpid())
        return response

    return app


if "DATABASE" in os.environ:
    app = make_app(os.environ["DATABASE"])
    app.register_blueprint(Metrics(app).blueprint())
