"""Celery as the dispatcher: workers of the host's Celery app deliver changes and run the jobs, on any machine.

What is to be done is in the storage, as with every dispatcher. Celery's tasks carry nothing but the ids of platforms,
and say that there may be something: one that is lost, late or there twice does no harm.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from collections.abc import Collection
from time import monotonic
from typing import Any

from flask import Flask

from flask_ocpi.core import forks
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.outbox import lanes
from flask_ocpi.outbox.dispatcher import Dispatcher

try:
    from celery import Celery
    from celery.signals import import_modules
    from kombu import pools
except ImportError as error:
    raise ConfigurationError(
        'OCPI_DISPATCHER = "celery" needs Celery. Install it with: pip install "Flask-OCPI[celery]"'
    ) from error

DELIVER = "flask_ocpi.deliver"
DISPATCH = "flask_ocpi.dispatch"

_log = logging.getLogger("flask_ocpi.outbox")

_LONGEST = 50.0  # seconds for which one task delivers; then it goes to the end of the queue
_MARGIN = 30.0
_BROKER_TIMEOUT = 1.0
# A broker that is down must not hold up who saves: one attempt on a connection of our own, and a second on a fresh one.
_ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
_TIMEOUTS = ("socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout")
_CONNECTION_OPTIONS: dict[str, Any] = dict.fromkeys(_TIMEOUTS, _BROKER_TIMEOUT) | _ONCE_MORE

_dispatchers: weakref.WeakKeyDictionary[Celery, weakref.ref[Dispatcher]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _begin_in_child() -> None:
    global _lock
    _lock = threading.Lock()


forks.in_child(_begin_in_child)


def register_tasks(celery_app: Celery, dispatcher: Dispatcher) -> None:
    """Add the tasks and the entry for Celery beat to a Celery app.

    With ``OCPI_DISPATCHER = "celery"`` that happens by itself to the one in ``app.extensions["celery"]``.
    ``flask_ocpi.deliver`` delivers to one platform; ``flask_ocpi.dispatch`` looks what is due and runs the jobs.
    An entry of beat that has the name ``flask_ocpi.dispatch`` already is left as it is. Raises ConfigurationError when
    the Celery app works for another platform.
    """
    with _lock:
        known = _dispatchers.get(celery_app)
        if known is None:
            _add_tasks(celery_app, dispatcher)
            _dispatchers[celery_app] = weakref.ref(dispatcher)
        elif known() is not dispatcher:
            raise ConfigurationError("This Celery app works for another OCPI platform already: make one for each app.")


def _add_tasks(celery_app: Celery, dispatcher: Dispatcher) -> None:
    options = {
        "shared": False,  # they are of this Celery app alone
        "ignore_result": True,
        "acks_late": True,
        "reject_on_worker_lost": True,
        "time_limit": _LONGEST + dispatcher.lease + _MARGIN,
        "expires": _expires(dispatcher),
    }

    def deliver(platform_id: str) -> None:
        """Deliver what is due for a platform; goes on in another task when that takes long."""

        def work() -> None:
            if not _deliver(dispatcher, platform_id):
                celery_app.tasks[DELIVER].delay(platform_id)

        dispatcher.in_context(work)

    def dispatch() -> None:
        """Enqueue a delivery for each platform that something is due for, and run the jobs that are due."""

        def work() -> None:
            for platform_id in dispatcher.due_platforms():
                celery_app.tasks[DELIVER].delay(platform_id)
            dispatcher.run_jobs()

        dispatcher.in_context(work)

    celery_app.task(deliver, name=DELIVER, **options)
    celery_app.task(dispatch, name=DISPATCH, **options)
    celery_app.conf.beat_schedule = beat_schedule(dispatcher) | celery_app.conf.beat_schedule


def beat_schedule(dispatcher: Dispatcher) -> dict[str, dict[str, Any]]:
    """Return the entry for Celery beat: ``flask_ocpi.dispatch`` every OCPI_DISPATCH_INTERVAL seconds."""
    interval = dispatcher.services.settings.dispatch_interval
    return {DISPATCH: {"task": DISPATCH, "schedule": interval}}


class CeleryQueue:
    """Enqueues deliveries with the Celery app that is in ``app.extensions["celery"]`` when it is first needed."""

    def __init__(self, app: Flask, dispatcher: Callable[[], Dispatcher]) -> None:
        self._app = app
        self._dispatcher = dispatcher
        self._silent_until = 0.0
        # Sent by workers and beat when they start, in whatever order the two extensions were made.
        import_modules.connect(self._register)

    def enqueue(self, platforms: Collection[str]) -> None:
        """Enqueue a delivery for each platform; what fails is logged, and found by beat.

        After a failure the broker is left alone for OCPI_DISPATCH_INTERVAL. Raises ConfigurationError when the app has
        no Celery app.
        """
        celery_app = self._app.extensions.get("celery")
        if celery_app is None:
            raise ConfigurationError(
                'OCPI_DISPATCHER is "celery", but the app has no Celery app: put one into app.extensions["celery"], as '
                "celery_init_app() in Flask's documentation of background tasks does."
            )
        if monotonic() < self._silent_until:
            return
        register_tasks(celery_app, self._dispatcher())
        deliver = celery_app.tasks[DELIVER]
        connection = celery_app.connection_for_write(
            connect_timeout=_BROKER_TIMEOUT, transport_options=_CONNECTION_OPTIONS
        )
        try:
            with pools.producers[connection].acquire(block=True, timeout=_BROKER_TIMEOUT) as producer:
                for platform_id in sorted(platforms):
                    deliver.apply_async((platform_id,), producer=producer, retry=True, retry_policy=_ONCE_MORE)
        except Exception as error:
            interval = self._dispatcher().services.settings.dispatch_interval
            self._silent_until = monotonic() + interval
            _log.warning(
                "Celery could not be told of changes, which it finds by itself later: %s: %s",
                type(error).__name__,
                error,
            )

    def _register(self, sender: Celery, **_: Any) -> None:
        if sender is self._app.extensions.get("celery"):
            register_tasks(sender, self._dispatcher())


def _deliver(dispatcher: Dispatcher, platform_id: str) -> bool:
    """Deliver what is due for a platform, unless enough others do; False when there was not enough time."""
    ends = monotonic() + _LONGEST
    # Who finds all lanes taken relies on those who have one: they look again after they left it.
    while _is_due(dispatcher, platform_id):
        left = ends - monotonic()
        if left <= 0:
            return False
        lane = lanes.take(dispatcher.services, platform_id, seconds=dispatcher.lease)
        if lane is None:
            return True
        try:
            _deliver_in(lane, dispatcher, platform_id, seconds=left)
        finally:
            lane.leave()
    return True


def _deliver_in(lane: lanes.Lane, dispatcher: Dispatcher, platform_id: str, *, seconds: float) -> None:
    dispatcher.deliver(platform_id, seconds=seconds, stop=lambda: not lane.keep())


def _is_due(dispatcher: Dispatcher, platform_id: str) -> bool:
    platform = dispatcher.services.platforms.get(platform_id)
    return platform is not None and dispatcher.messages_due(platform) > 0


def _expires(dispatcher: Dispatcher) -> float:
    """Return after how many seconds a task that no worker took is of no use: beat has sent others since."""
    return max(60.0, 3 * dispatcher.services.settings.dispatch_interval)
