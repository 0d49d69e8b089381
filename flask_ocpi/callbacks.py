"""Sending the results that other platforms wait for, and what is sent when none came in time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial

from flask_ocpi import forks
from flask_ocpi import pending
from flask_ocpi.client.client import Client
from flask_ocpi.client.wire import Transport
from flask_ocpi.context import Services
from flask_ocpi.description import Module
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.logs import working_for
from flask_ocpi.pending import Due
from flask_ocpi.pending import DueState

_log = logging.getLogger("flask_ocpi")
_SENT_AT_ONCE = 16


def deliver(services: Services, transport: Transport, id: str) -> bool:
    """Send a result to its response_url, once; False when it was not taken, which is logged (CMD-13, CLI-14).

    True also when there is none to send, since somebody else does.
    """
    due = pending.claim(services, id)
    if due is None:
        return True
    taken = False
    with working_for(due.platform):
        try:
            _post(services, transport, due)
            taken = True
        except FlaskOCPIError as error:
            _log.warning("The result of %s for %s could not be delivered: %s", due.operation, due.platform, error)
        finally:
            pending.delivered(services, due, taken=taken)
    return taken


def send_timeouts(services: Services, transport: Transport) -> int:
    """End all open requests whose time is over, with TIMEOUT where there is such a result; return how many.

    Returns when each was sent, or not taken; one slow platform does not hold up the others.
    """
    ended = {id: pending.expire(services, id) for id in pending.overdue(services)}
    to_send = [id for id, state in ended.items() if state is DueState.FINISHED]
    for start in range(0, len(to_send), _SENT_AT_ONCE):
        _deliver_all(services, transport, to_send[start : start + _SENT_AT_ONCE])
    return sum(state is not None for state in ended.values())


def _post(services: Services, transport: Transport, due: Due) -> None:
    """Post a result with our token for that platform and the routing headers turned round (CMD-08, RT-27)."""
    platform = services.platforms.get(due.platform)
    if platform is None:
        raise MissingEndpointError(f"Platform {due.platform} is gone.")
    pending.check_response_url(platform, services.settings, due.response_url)  # it may have moved since
    client = Client(services, platform, transport, sender=due.receiver, to=due.sender)
    module = client.module(due.module).module
    headers = client.routing(module, InterfaceRole.SENDER, None)
    client.check_connected(due.sender, module, InterfaceRole.SENDER)
    client.request(
        "POST",
        due.response_url,
        body=due.result,
        headers=headers,
        module=due.module,
        operation=_operation(module, due),
    )


def _operation(module: Module, due: Due) -> str | None:
    """Return the name of the operation that takes such results."""
    results = {o.name: o.result for i in module.interfaces for o in i.operations if o.result is not None}
    taking = [o for i in module.interfaces for o in i.operations if o.body and o.body is results.get(due.operation)]
    return module.view_name(InterfaceRole.SENDER, taking[0]) if taking else None


def _deliver_all(services: Services, transport: Transport, ids: Sequence[str]) -> None:
    """Deliver some results side by side, and wait for all of them."""
    done = threading.Semaphore(0)

    def deliver_one(id: str) -> None:
        try:
            deliver(services, transport, id)
        finally:
            done.release()

    for id in ids:
        services.background(partial(deliver_one, id))
    with forks.waiting():
        for _ in ids:
            done.acquire()
