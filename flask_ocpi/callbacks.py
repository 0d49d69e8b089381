"""Sending the results that other platforms wait for, and what is sent when none came in time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial

from flask_ocpi import pending
from flask_ocpi.client.client import Client
from flask_ocpi.client.transport import Transport
from flask_ocpi.context import Services
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.pending import Due
from flask_ocpi.pending import DueState

_log = logging.getLogger("flask_ocpi")
_SENT_AT_ONCE = 16
_LONGEST_NAP = 60.0  # seconds; another process may have opened a request meanwhile
_PAUSE = 1.0  # after a failure; it grows with each further one


def deliver(services: Services, transport: Transport, id: str) -> bool:
    """Send a result to its response_url, once; False when it was not taken, which is logged (CMD-13, CLI-14).

    True also when there is none to send, since somebody else does.
    """
    due = pending.claim(services, id)
    if due is None:
        return True
    taken = False
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
    client.request("POST", due.response_url, body=due.result, headers=headers)


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
    for _ in ids:
        done.acquire()


class Deadlines:
    """Calls a function when the next deadline has come, in a thread that starts with the first one.

    next_deadline returns the seconds until then, or None: there is none, and the thread ends. A forked process has
    threads of its own.
    """

    def __init__(self, next_deadline: Callable[[], float | None], act: Callable[[], object]) -> None:
        self._next_deadline = next_deadline
        self._act = act
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_news = False
        self._failures = 0

    def watch(self) -> None:
        """Take notice of a new deadline."""
        if self._process != os.getpid():  # the thread, and perhaps the lock in its hand, stayed with the parent
            self._process, self._changed, self._thread = os.getpid(), threading.Condition(), None
        with self._changed:
            self._is_news = True
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="ocpi-deadlines", daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_news = False
            nap = self._step()
            with self._changed:
                if not self._is_news and nap is None:
                    self._thread = None
                    return
                if not self._is_news:
                    self._changed.wait(nap)

    def _step(self) -> float | None:
        """Act if a deadline has come; return how long to wait then, None when there is nothing to wait for."""
        try:
            left = self._next_deadline()
            if left is not None and left <= 0:
                self._act()
                left = self._next_deadline()
        except Exception:
            _log.exception("Open requests could not be ended in time.")
            self._failures += 1
            return min(_PAUSE * self._failures, _LONGEST_NAP)
        self._failures = 0
        if left is None:
            return None
        return min(left, _LONGEST_NAP) if left > 0 else _PAUSE
