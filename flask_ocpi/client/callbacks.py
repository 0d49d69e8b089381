"""Sending the results that partners wait for, and timeouts for those that did not come in time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import zip_longest

from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import Ahead
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import working_for
from flask_ocpi.exchange.pending import IncomingRequest
from flask_ocpi.exchange.pending import IncomingState
from flask_ocpi.exchange.pending import version_of
from flask_ocpi.versions.shaping import said

_log = logging.getLogger("flask_ocpi")
_SENT_AT_ONCE = 16


def deliver(services: Services, transport: Transport, id: str) -> bool:
    """Send a result to its response_url, once; log it and return False if it was not taken (CMD-13, CLI-14).

    Returns True also if there is none to send: another worker sends it.
    """
    return _send(services, transport, id) is None


def send_timeouts(services: Services, transport: Transport) -> int:
    """End all open requests whose time is over, with TIMEOUT if their results have that; return their number.

    Returns after each was sent, or not taken; a slow platform does not delay the others. After a timeout of a platform,
    its remaining results are sent the next time: otherwise each of them could delay the next deadlines.
    """
    ended = [incoming for id in pending.overdue(services) if (incoming := pending.expire(services, id)) is not None]
    left = deque(_in_turn([incoming for incoming in ended if incoming.state is IncomingState.FINISHED]))
    silent: set[str] = set()

    def send_one(incoming: IncomingRequest) -> None:
        try:
            if incoming.platform not in silent and isinstance(_send(services, transport, incoming.id), UnansweredError):
                silent.add(incoming.platform)
        except Exception:  # the others must still be sent
            _log.exception("The result of %s for %s could not be delivered.", incoming.operation, incoming.platform)

    def send_some() -> None:
        with suppress(IndexError):  # no request is left
            while True:
                send_one(left.popleft())

    helpers = [Ahead(send_some, services.background) for _ in range(min(len(left), _SENT_AT_ONCE))]
    for helper in helpers:
        helper.answer()
    return len(ended)


def _send(services: Services, transport: Transport, id: str) -> FlaskOCPIError | None:
    """Send a result; return the error if it was not taken, else None."""
    incoming = pending.claim(services, id)
    if incoming is None:
        return None
    taken = False
    with working_for(incoming.platform):
        try:
            _post(services, transport, incoming)
            taken = True
        except FlaskOCPIError as error:
            _log.warning(
                "The result of %s for %s could not be delivered: %s", incoming.operation, incoming.platform, error
            )
            return error
        finally:
            pending.delivered(services, incoming, taken=taken)
    return None


def _in_turn(requests: Sequence[IncomingRequest]) -> list[IncomingRequest]:
    """Order results in turns: the first of each platform, then the second of each, and so on."""
    by_platform: dict[str, list[IncomingRequest]] = {}
    for incoming in requests:
        by_platform.setdefault(incoming.platform, []).append(incoming)
    return [incoming for turn in zip_longest(*by_platform.values()) for incoming in turn if incoming is not None]


def _post(services: Services, transport: Transport, incoming: IncomingRequest) -> None:
    """Post a result with our token for that platform and with swapped routing headers (CMD-08, RT-27)."""
    platform = services.platforms.get(incoming.platform)
    if platform is None:
        raise MissingEndpointError(f"Platform {incoming.platform} is gone.")
    pending.check_response_url(platform, services.settings, incoming.response_url)  # no longer allowed, perhaps
    client = Client(services, platform, transport, sender=incoming.receiver, to=incoming.sender)
    version = version_of(services, incoming)  # the version of the request, not the platform's current one
    module = version.module(incoming.module)
    if module is None:
        raise MissingEndpointError(f"OCPI {version.number} has no module {incoming.module} here.")
    headers = client.routing(module, InterfaceRole.SENDER, None)
    operation = _operation(module, incoming)
    body = incoming.result
    if operation is not None and operation.body is not None:
        if body is not None:
            body = said(services, version, operation.body, body, where="result")
        body = client.shaped(operation.body, body)
    client.request(
        "POST",
        incoming.response_url,
        body=body,
        headers=headers,
        module=incoming.module,
        operation=None if operation is None else module.view_name(InterfaceRole.SENDER, operation),
    )


def _operation(module: Module, incoming: IncomingRequest) -> Operation | None:
    """Return the operation that takes results of this kind."""
    operations = [o for interface in module.interfaces for o in interface.operations]
    results = {o.name: o.result for o in operations}
    return next((o for o in operations if o.body is not None and o.body is results.get(incoming.operation)), None)
