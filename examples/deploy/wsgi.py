"""A platform to deploy, configured by its environment alone: ``granian --interface wsgi wsgi:app`` serves it.

FLASK_* variables are its configuration, as in ocpi.env: FLASK_OCPI_PARTIES='[{...}]' and the other settings of
Flask-OCPI; FLASK_INSTANCE_PATH, the folder that SQLite files and a generated key are kept in; and
FLASK_TRUSTED_PROXIES, how many proxies in front of the app set X-Forwarded-* headers that may be believed. With 0, the
default, such headers change nothing, whoever sends them.
"""

from __future__ import annotations

import os

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_ocpi import OCPI


def create_app() -> Flask:
    """Make the app; what your platform does besides, its hooks, views and listeners, is added here."""
    folder = os.environ.get("FLASK_INSTANCE_PATH")
    app = Flask(__name__, instance_path=os.path.abspath(folder) if folder else None)
    app.config["TRUSTED_PROXIES"] = 0
    app.config.from_prefixed_env()
    OCPI(app)
    if app.config.get("OCPI_DISPATCHER") == "celery":
        celery_init_app(app)
    trust_proxies(app, app.config["TRUSTED_PROXIES"])
    return app


def celery_init_app(app: Flask) -> None:
    """Give the app a Celery app whose tasks run in the app's context, as Flask's documentation has it.

    FLASK_CELERY__broker_url and so on configure it; celery_app.py is where Celery's commands find it.
    """
    from celery import Celery
    from celery import Task

    class FlaskTask(Task):
        def __call__(self, *args: object, **kwargs: object) -> object:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app


def trust_proxies(app: Flask, number: int) -> None:
    """Take client address, scheme and host from the X-Forwarded-* headers that the last so many proxies wrote."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"FLASK_TRUSTED_PROXIES must be a whole number, 0 for none, got {number!r}.")
    if number:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=number, x_proto=number, x_host=number
        )


app = create_app()
if "FLASK_RUN_FROM_CLI" not in os.environ:  # a command does its work and ends
    app.extensions["ocpi"].start()
