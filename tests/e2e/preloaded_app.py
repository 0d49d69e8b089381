"""A platform that starts its dispatcher where it is made, for servers that fork after that, as gunicorn --preload does.

DATABASE_URI is its database, which `prepare` readied; WORKED_FILE gets a line of each process whose dispatcher works.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.outbox.deliveries import Job
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.urls import ocpi_url

PATH = ocpi_url("sender/locations")


def make_platform(database: str, **config: Any) -> OCPI:
    app = Flask("preloaded", root_path=".")
    app.config.update(
        SECRET_KEY="secret",
        SQLALCHEMY_DATABASE_URI=database,
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_DOCS=False,
        OCPI_CREATE_TABLES=True,
        OCPI_DISPATCH_INTERVAL=0.1,
        **config,
    )
    return OCPI(app)


def prepare(database: str, parties: Sequence[Any] = (("DE", "EMS", ["EMSP"]),)) -> str:
    """Make the database of a platform with one Location; return the token of its partner."""
    ocpi = make_platform(database, OCPI_DISPATCHER="none")
    ocpi.save("locations", location())
    return add_partner(ocpi.app, parties).token


def start(database: str, worked: Path | None, **config: Any) -> OCPI:
    """Make the platform and start its dispatcher, as an app's factory does."""
    ocpi = make_platform(database, **config)

    def note() -> None:
        if worked is not None and worked.parent.exists():
            with worked.open("a") as file:
                file.write(f"{os.getpid()}\n")

    ocpi.services.jobs.append(Job("note", lambda: -1.0, note))
    ocpi.start()
    return ocpi


def queue(folder: str) -> Celery:
    """Make a Celery app whose broker and results are files in a folder."""
    celery_app = Celery("preloaded", broker="filesystem://", backend=f"file://{folder}")
    celery_app.conf.update(
        broker_transport_options={"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder},
        broker_connection_retry_on_startup=False,
        worker_hijack_root_logger=False,
    )
    return celery_app


if "DATABASE_URI" in os.environ:
    ocpi = start(os.environ["DATABASE_URI"], Path(os.environ["WORKED_FILE"]))
    app = ocpi.app
    if "QUEUE_FOLDER" in os.environ:
        celery_app = queue(os.environ["QUEUE_FOLDER"])

        @celery_app.task(name="list_locations")
        def list_locations(token: str) -> int:
            """Ask this process for its Locations, as a partner; return the HTTP status."""
            return app.test_client().get(PATH, headers={"Authorization": authorization(token)}).status_code
