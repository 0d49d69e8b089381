"""Bounds on waiting: slow senders use few threads of the server, for a limited time."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

from flask_ocpi.core import forks
from flask_ocpi.errors import CrowdedError
from flask_ocpi.errors import RequestTimeoutError
from flask_ocpi.errors import TooManyRequestsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Waits:
    """Counts the waiting requests of this process: at most ``most``, and at most ``each`` for one partner.

    Each process counts separately, because the bounds keep its own threads free.
    """

    def __init__(self, most: int, *, each: int) -> None:
        self._most = most
        self._each = each
        forks.begin(self._begin)

    @contextmanager
    def waiting_for(self, platform: str) -> Iterator[None]:
        """Wait for a partner within the block; raise CrowdedError at once if too many requests wait already."""
        with self._lock:
            if self._counts[platform] >= self._each:
                raise CrowdedError(f"Too many requests wait for {platform} already.", is_about_platform=True)
            if self._counts.total() >= self._most:
                raise CrowdedError("Too many requests wait for other platforms already.", is_about_platform=False)
            self._counts[platform] += 1
            counts = self._counts
        try:
            yield
        finally:
            with self._lock:
                counts[platform] -= 1
                if not counts[platform]:
                    del counts[platform]

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()


_T = TypeVar("_T")

_TURN = 0.5  # seconds that a request waits until fewer bodies of its partner are being read
_DRAIN_TURN = 0.25
_LOOK = 0.25  # seconds between two checks of the bodies that are being read
_DRAINED = 4  # at a time, if the server shows the socket
_DRAINED_FOR_EVER = 1


@dataclass(slots=True, eq=False)
class _Reading:
    """A body that is being read. who: the id of the partner; "" for a body to discard. seconds: its time."""

    who: str
    connection: socket.socket | None
    began: float
    seconds: float
    is_over: bool = False


class Bodies:
    """The bodies that are being read: at most ``at_once`` of a partner, each for at most ``seconds``.

    A server reads for any length of time. If it shows the socket, the socket is closed for reading when the time is
    over. granian does not show it, and stops completely if a read continues after the answer: there only the numbers
    are limited.
    """

    def __init__(self, *, seconds: float, at_once: int) -> None:
        self._seconds = seconds
        self._at_once = at_once
        forks.begin(self._begin_anew)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0  # requests that wait until fewer bodies are being read
        self._under_way: dict[str, list[_Reading]] = {}
        self._watch: threading.Thread | None = None

    def read(self, platform: str, environ: WSGIEnvironment, read: Callable[[], _T]) -> _T:
        """Read a body of a partner; raise TooManyRequestsError, or RequestTimeoutError if it takes too long."""
        reading = _Reading(platform, _socket(environ), monotonic(), self._seconds)
        if not self._begin(reading, self._at_once, patience=_TURN):
            raise TooManyRequestsError(
                f"{self._at_once} of your requests wait for their bodies: send those first.",
                headers={"Retry-After": "1"},
            )
        try:
            return read()
        except Exception as error:
            if reading.is_over or isinstance(error, TimeoutError):  # or the server ended it
                message = f"The body did not come within {self._seconds:g} seconds (OCPI_BODY_TIMEOUT)."
                raise RequestTimeoutError(message) from None
            raise
        finally:
            self._end(reading)

    def drain(self, environ: WSGIEnvironment, drain: Callable[[], object], *, seconds: float) -> None:
        """Read and discard a body for at most ``seconds``; skip this if too many others are being discarded."""
        reading = _Reading("", _socket(environ), monotonic(), seconds)
        most = _DRAINED_FOR_EVER if reading.connection is None else _DRAINED
        if not self._begin(reading, most, patience=_DRAIN_TURN):
            _close_for_reading(reading)  # otherwise gunicorn would wait for it
            return
        try:
            drain()
        finally:
            self._end(reading)

    def _begin(self, reading: _Reading, most: int, *, patience: float) -> bool:
        with self._lock:
            readings = self._under_way.setdefault(reading.who, [])
            if len(readings) >= most and not self._has_turn(readings, reading, most, patience):
                return False
            readings.append(reading)
            if reading.connection is not None and (self._watch is None or not self._watch.is_alive()):
                self._watch = forks.thread(self._end_slow, "ocpi-bodies")
                self._watch.start()
            return True

    def _has_turn(self, readings: list[_Reading], reading: _Reading, most: int, patience: float) -> bool:
        """Wait until others end; return at once if it is not known that they will end."""
        if all(other.began < reading.began - patience for other in readings):
            return False
        self._waiting += 1
        try:
            return self._changed.wait_for(lambda: len(readings) < most, patience)
        finally:
            self._waiting -= 1

    def _end(self, reading: _Reading) -> None:
        with self._lock:
            self._under_way[reading.who].remove(reading)
            if self._waiting:
                self._changed.notify_all()

    def _end_slow(self) -> None:
        """End the reads that take too long; return when nothing is being read."""
        while True:
            with forks.waiting():
                time.sleep(_LOOK)
            with self._changed:
                under_way = [reading for readings in self._under_way.values() for reading in readings]
                if not under_way:
                    self._watch = None
                    return
                for reading in under_way:
                    if reading.began + reading.seconds < monotonic():
                        reading.is_over = True
                        _close_for_reading(reading)


def _close_for_reading(reading: _Reading) -> None:
    """End the reading from a connection; writing to it still works."""
    if reading.connection is not None:
        with suppress(OSError):
            socket.socket.shutdown(reading.connection, socket.SHUT_RD)  # that of TLS would then write in clear


def _socket(environ: WSGIEnvironment) -> socket.socket | None:
    found: Any = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None
