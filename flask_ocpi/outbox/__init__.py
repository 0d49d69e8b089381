"""The outbox: changes of own objects, their receivers, and delivery.

An outbox entry says that a platform has not received the current state of an own object. It is written in the
transaction that changes the object. A delivery sends the state at the time of the delivery: no message is queued or
replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_ocpi.outbox.circuits import Circuit
from flask_ocpi.outbox.deliveries import Deliveries
from flask_ocpi.outbox.deliveries import Dispatcher
from flask_ocpi.outbox.deliveries import Inline
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.processes import Process
from flask_ocpi.outbox.threads import Threads

#: The kinds of records that the outbox needs.
KINDS = (OutboxEntry.KIND, Circuit.KIND, Process.KIND)


def make_dispatcher(deliveries: Deliveries, celery_app: Callable[[], Any]) -> Dispatcher:
    """Return the dispatcher that OCPI_DISPATCHER names. celery_app: returns the host's Celery app, or None."""
    mode = deliveries.services.settings.dispatcher
    if mode == "celery":
        from flask_ocpi.outbox.celery import CeleryQueue  # Celery is an extra

        return CeleryQueue(deliveries, celery_app)
    dispatchers: dict[str, type[Dispatcher]] = {"thread": Threads, "inline": Inline}
    return dispatchers.get(mode, Dispatcher)(deliveries)
