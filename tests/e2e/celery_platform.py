"""A charge point operator in several processes: who saves, and those who deliver. See test_shared_work."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from celery import Celery
from celery import Task
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.client.transport import Request
from flask_ocpi.outbox import deliveries

LEASE = 8.0  # seconds after which the lease of an outbox entry ends
GROUP = "X-Process-Group"  # tells the other side which process sends


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the app; the environment configures it. It answers STOP_SESSION, and forgets about it."""
    app = Flask(__name__)
    app.config.from_prefixed_env()
    app.config.update(config or {})
    # By default a lease is longer than what two messages can take, which is longer than a test should.
    deliveries._LEASE_MARGIN = LEASE - 2 * app.config["OCPI_HTTP_TIMEOUT"]
    ocpi = OCPI(app)
    celery_init_app(app)
    ocpi.transport.send = _signed(ocpi.transport.send)  # type: ignore[method-assign]
    ocpi.command("STOP_SESSION")(lambda command, reply: {"result": "ACCEPTED", "timeout": 1})
    return app


def celery_init_app(app: Flask) -> None:
    """Do what Flask's documentation has applications do."""

    class FlaskTask(Task):
        def __call__(self, *args: object, **kwargs: object) -> object:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    app.extensions["celery"] = celery_app


def _signed(send: Callable[[Request], Any]) -> Callable[[Request], Any]:
    def send_one(request: Request) -> Any:
        return send(replace(request, headers={**request.headers, GROUP: str(os.getpgrp())}))

    return send_one
