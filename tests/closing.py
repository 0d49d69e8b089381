"""The end of platforms in a test: first what works beside the requests, and only then the connections it uses."""

from __future__ import annotations

from flask import Flask

from flask_ocpi.exchange.write_behind import flush_all
from flask_ocpi.outbox.threads import running


def stop_dispatchers() -> None:
    """End the dispatchers' threads of this process."""
    for threads in running():
        threads.stop(10.0, drain=False)


def end_threads() -> None:
    """End the dispatchers' threads of this process, and have journals and findings write what they hold."""
    stop_dispatchers()
    flush_all()


def close(app: Flask) -> None:
    """Close the connections of an app to its own database."""
    end_threads()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
