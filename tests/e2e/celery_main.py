"""Where Celery's commands find the Celery app of the operator."""

from __future__ import annotations

from tests.e2e.celery_platform import create_app

flask_app = create_app()
celery_app = flask_app.extensions["celery"]
