"""The end of platforms in a test: first what works beside the requests, and only then the connections it uses."""

from __future__ import annotations

from weakref import WeakSet

from flask import Flask

from flask_ocpi.exchange.write_behind import flush_all
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.threads import Threads

_all: WeakSet[Threads] = WeakSet()
_make = Threads.__init__


def _noted(threads: Threads, deliveries: Deliveries) -> None:
    _make(threads, deliveries)
    _all.add(threads)


Threads.__init__ = _noted


def is_running(threads: Threads) -> bool:
    """Tell whether the looking thread, or a thread that it started, exists."""
    return threads._thread is not None or bool(threads._senders.threads or threads._jobs)


def stop_dispatchers() -> None:
    """End the dispatchers' threads of this process."""
    for threads in filter(is_running, list(_all)):
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
