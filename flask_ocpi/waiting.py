"""Requests that wait for a further platform: bounded, so that a platform that hangs leaves threads for all others.

Whoever calls us keeps a thread of the server until it is answered. Where that takes a call to a platform, as a
handshake and what a hook passes on do, that platform decides for how long.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flask_ocpi import forks
from flask_ocpi.errors import CrowdedError

_answering: ContextVar[bool] = ContextVar("flask_ocpi_answering", default=False)


class Waits:
    """Counts the requests of this process that wait, ``most`` at a time, of which ``each`` for one platform.

    Processes count for themselves: what is to be kept free are the threads of each.
    """

    def __init__(self, most: int, *, each: int) -> None:
        self._most = most
        self._each = each
        forks.begin(self._begin)

    @contextmanager
    def waiting_for(self, platform: str) -> Iterator[None]:
        """Wait for a platform within the block; raise CrowdedError, at once, when too many do already."""
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


@contextmanager
def answering() -> Iterator[None]:
    """Have :func:`is_answering` tell, within the block and in this thread, that a platform waits for our answer."""
    token = _answering.set(True)
    try:
        yield
    finally:
        _answering.reset(token)


def is_answering() -> bool:
    """Tell whether a platform waits for what this thread is doing."""
    return _answering.get()
