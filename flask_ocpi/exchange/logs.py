"""What is logged about messages, and what every log record says of the one that it belongs to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from flask_ocpi.core import forks

#: The loggers of this package: a filter of one is not asked about the records of those below it.
LOGGERS = (
    "flask_ocpi",
    "flask_ocpi.audits",
    "flask_ocpi.client",
    "flask_ocpi.findings",
    "flask_ocpi.journal",
    "flask_ocpi.messages",
    "flask_ocpi.prometheus",
    "flask_ocpi.outbox",
    "flask_ocpi.sync",
    "flask_ocpi.tariffs",
)

LONGEST_ID = 100
_LONGEST_TEXT = 2000
_MINUTE = 60.0  # seconds


class Exchange:
    """What goes on with another platform in this thread: a message that is received or sent, or work that sends some.

    request_id, correlation_id, platform (its id), operation: "" for what is not known; the operation is named as in
    :class:`~flask_ocpi.exchange.messages.Message`.
    moment: when it began, in microseconds since 1970 UTC; 0 where nobody looks.
    is_work: this is no message, but work with a platform; it takes on the ids of the last message that it sends.
    is_answering: a platform waits for our answer meanwhile.
    ration: what is logged of it while its platform is not known; None for any number.
    """

    platform = ""
    moment = 0
    is_work = False
    is_answering = False
    ration: Ration | None = None
    _ids = ("", "")
    _operation = ""

    def __init__(
        self,
        *,
        request_id: str = "",
        correlation_id: str = "",
        platform: str = "",
        operation: str = "",
        moment: int = 0,
        is_work: bool = False,
        is_answering: bool = False,
    ) -> None:
        self._ids = (request_id, correlation_id)
        self._operation = operation
        self.platform = platform
        self.moment = moment
        self.is_work = is_work
        self.is_answering = is_answering
        self._began = perf_counter()

    @property
    def request_id(self) -> str:
        return self._ids[0]

    @property
    def correlation_id(self) -> str:
        return self._ids[1]

    @property
    def operation(self) -> str:
        return self._operation

    @property
    def duration(self) -> float:
        """The seconds since it began."""
        return perf_counter() - self._began

    def took_on(self, sent: Exchange) -> None:
        """Carry the ids of a message that this work sends."""
        self._ids, self._operation = (sent.request_id, sent.correlation_id), sent.operation

    def copied(self) -> Exchange:
        """Return a copy that work after this exchange can carry."""
        return Exchange(
            request_id=self.request_id,
            correlation_id=self.correlation_id,
            platform=self.platform,
            operation=self.operation,
            is_work=self.is_work,
        )


#: What goes on in this thread; None: nothing that has to do with another platform.
CURRENT: ContextVar[Exchange | None] = ContextVar("flask_ocpi_exchange", default=None)


def current() -> Exchange | None:
    """Return the exchange that this thread works on, or None."""
    return CURRENT.get()


def is_answering() -> bool:
    """Tell whether a platform waits for the work of this thread."""
    exchange = CURRENT.get()
    return exchange is not None and exchange.is_answering


@contextmanager
def within(exchange: Exchange) -> Iterator[None]:
    """Have what is logged meanwhile carry an exchange; whoever waits for what goes on now waits for it as well."""
    before = CURRENT.get()
    if before is not None:
        exchange.is_answering = exchange.is_answering or before.is_answering
        if before.is_work and not exchange.is_work:
            before.took_on(exchange)
    token = CURRENT.set(exchange)
    try:
        yield
    finally:
        CURRENT.reset(token)


def working_for(platform: str) -> AbstractContextManager[None]:
    """Have what is logged meanwhile carry a platform, and the last message that was sent by then."""
    return within(Exchange(platform=platform, is_work=True))


def carried(work: Callable[[], object]) -> Callable[[], None]:
    """Return a function that does some work later, or in another thread, as a part of what is going on now."""
    exchange = CURRENT.get()
    kept = None if exchange is None else exchange.copied()

    def run() -> None:
        with within(kept or Exchange()):
            work()

    return run


def shortened(id: str) -> str:
    """Return an id as it is logged: on a line, and not too long."""
    return on_a_line(id[:LONGEST_ID])


def on_a_line(text: str) -> str:
    """Return a text that cannot pass for a record of its own."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


class Ration:
    """Lets so many of a kind through in a minute, and counts the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[object, tuple[float, int]] = {}

    def take(self, kind: object) -> int | None:
        """Return how many of a kind were left out since one got through, or None: this one is left out as well."""
        with self._lock:
            now = time.monotonic()
            began, count = self._taken.get(kind, (now, 0))
            left_out = 0
            if now - began >= _MINUTE:
                left_out = max(0, count - self._most)
                began, count = now, 0
            self._taken[kind] = (began, count + 1)
        return left_out if count < self._most else None


class TidyFilter(logging.Filter):
    """Keeps what others wrote from passing for records of its own, and unknown callers from filling the log.

    Texts in a record are put on a line, and cut. Of each kind of record about requests of unknown callers, so many a
    minute are let through; the next one says how many were left out.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_tidy, record.args))
        exchange = CURRENT.get()
        ration = None if exchange is None or exchange.platform else exchange.ration
        if ration is None:
            return True
        left_out = ration.take((record.name, record.levelno, record.msg))
        if left_out:
            record.msg = f"{record.msg} [{left_out} more like this, of unknown callers, were left out.]"
        return left_out is not None


def _tidy(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return on_a_line(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...")
