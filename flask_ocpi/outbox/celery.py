"""Celery as the dispatcher: workers of the host's Celery app deliver changes and run the jobs, on any machine.

The work itself is in the storage. Celery's tasks carry only ids of platforms that may have work: a lost, late or
repeated task does no harm.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from flask_ocpi.core import forks
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.circuits import Circuit
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.outbox.entries import EVERYBODY
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.stored import Stored

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

_LONGEST = 50.0  # seconds that one task delivers; then another task continues
_MARGIN = 30.0
_LEEWAY = 60.0  # seconds that the clocks of workers may differ by
_BROKER_TIMEOUT = 1.0
# A broker that is down must not delay a save: one attempt on our own connection, and a second on a new one.
_ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
_TIMEOUTS = ("socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout")
_CONNECTION_OPTIONS: dict[str, Any] = dict.fromkeys(_TIMEOUTS, _BROKER_TIMEOUT) | _ONCE_MORE

_known: weakref.WeakKeyDictionary[Celery, weakref.ref[Deliveries]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _begin_in_child() -> None:
    global _lock
    _lock = threading.Lock()


forks.in_child(_begin_in_child)


def register_tasks(celery_app: Celery, dispatcher: Dispatcher) -> None:
    """Add the tasks and the entry for Celery beat to a Celery app.

    With ``OCPI_DISPATCHER = "celery"`` the extension does this for the Celery app in ``app.extensions["celery"]``.
    ``flask_ocpi.deliver`` delivers to one platform, or spreads changes to the entries of platforms;
    ``flask_ocpi.dispatch`` enqueues due deliveries and runs the due jobs.
    An existing entry ``flask_ocpi.dispatch`` of beat is not changed. Raises ConfigurationError if the Celery app
    belongs to another platform.
    """
    with _lock:
        deliveries = dispatcher.deliveries
        known = _known.get(celery_app)
        if known is None:
            _add_tasks(celery_app, deliveries)
            _known[celery_app] = weakref.ref(deliveries)
        elif known() is not deliveries:
            raise ConfigurationError("This Celery app works for another OCPI platform already: make one for each app.")


def _add_tasks(celery_app: Celery, deliveries: Deliveries) -> None:
    options = {
        "shared": False,  # for this Celery app only
        "ignore_result": True,
        "acks_late": True,
        "reject_on_worker_lost": True,
        "time_limit": _LONGEST + deliveries.lease + _MARGIN,
        "expires": max(60.0, 3 * deliveries.services.settings.dispatch_interval),  # beat has sent others since
    }

    def enqueue(platforms: Iterable[str]) -> None:
        for platform_id in platforms:
            celery_app.tasks[DELIVER].delay(platform_id)

    def deliver(platform_id: str) -> None:
        """Deliver due entries of a platform, or spread changes; continue in another task if that takes long."""

        def work() -> None:
            if platform_id == EVERYBODY:
                enqueue(deliveries.spread([EVERYBODY]))
            elif not _deliver(deliveries, platform_id):
                enqueue([platform_id])

        deliveries.in_context(work)

    def dispatch() -> None:
        """Enqueue a delivery for each platform with due entries, and run the due jobs."""

        def work() -> None:
            deliveries.spread([EVERYBODY])
            enqueue(deliveries.due_platforms())
            deliveries.run_jobs()
            deliveries.pulse.beat(deliveries.waiting_platforms)

        deliveries.in_context(work)

    celery_app.task(deliver, name=DELIVER, **options)
    celery_app.task(dispatch, name=DISPATCH, **options)
    # ``flask_ocpi.dispatch`` every OCPI_DISPATCH_INTERVAL seconds.
    beat = {DISPATCH: {"task": DISPATCH, "schedule": deliveries.services.settings.dispatch_interval}}
    celery_app.conf.beat_schedule = beat | celery_app.conf.beat_schedule


class CeleryQueue(Dispatcher):
    """Enqueues deliveries (OCPI_DISPATCHER "celery"). celery_app: returns the host's Celery app, or None."""

    def __init__(self, deliveries: Deliveries, celery_app: Callable[[], Celery | None]) -> None:
        super().__init__(deliveries)
        self._celery_app = celery_app
        self._silent_until = 0.0
        # Workers and beat send it when they start, so the order of the two extensions does not matter.
        import_modules.connect(self._register)

    def wake(self, platforms: Collection[str] = (), *, within: float = 0.0) -> None:
        """Enqueue a delivery for each platform; a failure is logged, and beat enqueues it later.

        After a failure the broker is not called for OCPI_DISPATCH_INTERVAL. Raises ConfigurationError if there is no
        Celery app.
        """
        if not platforms:
            return
        celery_app = self._celery_app()
        if celery_app is None:
            raise ConfigurationError(
                'OCPI_DISPATCHER is "celery", but the app has no Celery app: put one into app.extensions["celery"], as '
                "celery_init_app() in Flask's documentation of background tasks does."
            )
        if monotonic() < self._silent_until:
            return
        register_tasks(celery_app, self)
        deliver = celery_app.tasks[DELIVER]
        connection = celery_app.connection_for_write(
            connect_timeout=_BROKER_TIMEOUT, transport_options=_CONNECTION_OPTIONS
        )
        try:
            with pools.producers[connection].acquire(block=True, timeout=_BROKER_TIMEOUT) as producer:
                for platform_id in sorted(platforms):
                    deliver.apply_async((platform_id,), producer=producer, retry=True, retry_policy=_ONCE_MORE)
        except Exception as error:
            self._silent_until = monotonic() + self.deliveries.services.settings.dispatch_interval
            text = "Celery could not be told of changes, which it finds by itself later: %s: %s"
            _log.warning(text, type(error).__name__, error)

    def _register(self, sender: Celery, **_: Any) -> None:
        if sender is self._celery_app():
            register_tasks(sender, self)


@dataclass(frozen=True, slots=True)
class Lane(Stored):
    """The right to deliver to a platform until ``due``; each platform has OCPI_PUSH_CONCURRENCY of them."""

    KIND = Circuit.KIND  # they share a table with circuits; their ids differ

    platform: str
    number: int
    due: int = 0
    revision: int = 0

    @property
    def key(self) -> Key:
        return Key("", "", f"LANE{self.number}", self.platform)


def take_lane(services: Services, platform: str, *, seconds: float) -> Lane | None:
    """Take one of the lanes of a platform; None if all are in use."""
    now = services.now()
    for number in range(services.settings.push_concurrency):
        free = Lane(platform, number)
        record = services.storage.get(Lane.KIND, free.key)
        lane = free if record is None else Lane.from_record(record)
        # No worker takes a lane for longer than that: the clock was put back since.
        if now < lane.due <= leases.after(now, seconds + _LEEWAY):
            continue
        if (taken := leases.keep(services.storage, lane, now=now, seconds=seconds)) is not None:
            return taken
    return None


def _deliver(deliveries: Deliveries, platform_id: str) -> bool:
    """Deliver due entries of a platform if a lane is free; return False if there was not enough time."""
    ends = monotonic() + _LONGEST
    # A worker that finds all lanes taken relies on their holders: they look again after they release one.
    while deliveries.is_due(platform_id) and not deliveries.is_suspended(platform_id):
        if monotonic() >= ends:
            return False
        lane = take_lane(deliveries.services, platform_id, seconds=deliveries.lease)
        if lane is None:
            return True
        _deliver_in(lane, deliveries, ends=ends)
    return True


def _deliver_in(lane: Lane, deliveries: Deliveries, *, ends: float) -> None:
    """Deliver until ``ends`` (monotonic), as long as the lane is ours; renew its lease if some time has passed."""
    services = deliveries.services
    held: Lane | None = lane

    def is_lost() -> bool:
        nonlocal held
        now = services.now()
        if held is not None and held.due < leases.after(now, 0.75 * deliveries.lease):
            held = leases.keep(services.storage, held, now=now, seconds=deliveries.lease)
        return held is None

    try:
        deliveries.deliver(lane.platform, stop=lambda: monotonic() >= ends or is_lost())
    finally:
        if held is not None:
            leases.release(services.storage, held, now=services.now())
