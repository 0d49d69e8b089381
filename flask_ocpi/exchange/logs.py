"""Log records about messages, and the attributes that connect every record to its message."""

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

#: The loggers of this package: a filter of a logger does not see the records of loggers below it.
LOGGERS = (
    "flask_ocpi",
    "flask_ocpi.actions",
    "flask_ocpi.audits",
    "flask_ocpi.client",
    "flask_ocpi.findings",
    "flask_ocpi.journal",
    "flask_ocpi.messages",
    "flask_ocpi.prometheus",
    "flask_ocpi.outbox",
    "flask_ocpi.sandbox",
    "flask_ocpi.sync",
    "flask_ocpi.tariffs",
)

LONGEST_ID = 100
_LONGEST_TEXT = 2000
_MINUTE = 60.0  # seconds


class Exchange:
    """An exchange with a partner in this thread: a message received or sent, or work that sends messages.

    request_id, correlation_id, platform (its id), operation: "" if not known; the operation has its name in
    :class:`~flask_ocpi.exchange.messages.Message`.
    moment: when it began, in microseconds since 1970 UTC; 0 if no journal or listener needs it.
    is_work: not a message, but work with a partner; it takes the ids of the last message that it sends.
    is_answering: a partner waits for our answer meanwhile.
    ration: limits its log records while its partner is not known; None: no limit.
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

    def copied(self) -> Exchange:
        """Return a copy for work after this exchange."""
        return Exchange(
            request_id=self.request_id,
            correlation_id=self.correlation_id,
            platform=self.platform,
            operation=self.operation,
            is_work=self.is_work,
        )


#: The exchange of this thread; None: it works with no partner.
CURRENT: ContextVar[Exchange | None] = ContextVar("flask_ocpi_exchange", default=None)


def current() -> Exchange | None:
    """Return the exchange that this thread works on, or None."""
    return CURRENT.get()


def is_answering() -> bool:
    """Tell whether a partner waits for the work of this thread."""
    exchange = CURRENT.get()
    return exchange is not None and exchange.is_answering


@contextmanager
def within(exchange: Exchange) -> Iterator[None]:
    """Connect the log records of the block to an exchange; a partner that waits for the outer one waits for both."""
    before = CURRENT.get()
    if before is not None:
        exchange.is_answering = exchange.is_answering or before.is_answering
        if before.is_work and not exchange.is_work:
            before._ids, before._operation = (exchange.request_id, exchange.correlation_id), exchange.operation
    token = CURRENT.set(exchange)
    try:
        yield
    finally:
        CURRENT.reset(token)


def working_for(platform: str) -> AbstractContextManager[None]:
    """Connect the log records of the block to a partner, and to the last message sent."""
    return within(Exchange(platform=platform, is_work=True))


def carried(work: Callable[[], object]) -> Callable[[], None]:
    """Return a function that runs some work later, or in another thread, as part of the current exchange."""
    exchange = CURRENT.get()
    kept = None if exchange is None else exchange.copied()

    def run() -> None:
        with within(kept or Exchange()):
            work()

    return run


def shortened(id: str) -> str:
    """Return an id for the log: one line, limited in length."""
    return on_a_line(id[:LONGEST_ID])


def on_a_line(text: str) -> str:
    """Return a text on one line, so that it cannot look like another record."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


class Ration:
    """Allows a number of records of a kind per minute, and counts the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[object, tuple[float, int]] = {}

    def take(self, kind: object) -> int | None:
        """Return the number of dropped records of a kind since the last allowed one; None drops this one too."""
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
    """Keeps foreign texts from looking like records of their own, and unknown callers from filling the log.

    Texts in a record are put on one line, and cut. Of each kind of record about requests of unknown callers, a few
    per minute pass; the next one gives the number of dropped ones.
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
