"""Where Celery's commands find the platform's Celery app: ``celery --app celery_app worker``, and ``... beat`` once.

They need the same environment as the web processes, with FLASK_OCPI_DISPATCHER=celery.
"""

from __future__ import annotations

from wsgi import app as flask_app

celery_app = flask_app.extensions["celery"]
