"""What is logged about messages, and what every log record says of the one that it belongs to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Protocol

from flask_ocpi.core import forks

if TYPE_CHECKING:
    from flask_ocpi.exchange.messages import Message

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

_log = logging.getLogger("flask_ocpi.messages")
_LONGEST_ID = 100
_LONGEST_TEXT = 2000
_MINUTE = 60.0  # seconds


@dataclass(slots=True)
class About:
    """The message with another platform that is being handled or sent; "" for what is not known of it.

    platform: its id. operation: as :class:`~flask_ocpi.exchange.messages.Message` has it. is_work: this is no message,
    but work with a platform that sends some; it takes on the ids of the last one. ration: what is logged of it
    while its platform is not known; None for any number.
    """

    request_id: str = ""
    correlation_id: str = ""
    platform: str = ""
    operation: str = ""
    is_work: bool = False
    ration: Ration | None = None


class Described(Protocol):
    """What is there of an :class:`About`, however it is found out."""

    platform: str
    ration: Ration | None

    @property
    def request_id(self) -> str: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def operation(self) -> str: ...


_current: ContextVar[Described | None] = ContextVar("flask_ocpi_about", default=None)


def current() -> Described | None:
    """Return what is going on in this thread; None: nothing that has to do with a message."""
    return _current.get()


def enter(about: Described | None) -> Described | None:
    """Have what is logged from now on carry a message, and return what to enter again when that is over."""
    before = _current.get()
    _current.set(about)
    return before


@contextmanager
def sending(*, request_id: str, correlation_id: str, platform: str | None, operation: str | None) -> Iterator[None]:
    """Have what is logged meanwhile carry a message that is sent."""
    about = About(shortened(request_id), shortened(correlation_id), platform or "", operation or "")
    before = enter(about)
    if isinstance(before, About) and before.is_work:
        before.request_id, before.correlation_id = about.request_id, about.correlation_id
        before.operation = about.operation
    try:
        yield
    finally:
        enter(before)


@contextmanager
def working_for(platform: str) -> Iterator[None]:
    """Have what is logged meanwhile carry a platform, and the last message that was sent by then."""
    before = enter(About(platform=platform, is_work=True))
    try:
        yield
    finally:
        enter(before)


def carried(work: Callable[[], object]) -> Callable[[], None]:
    """Return a function that does some work later, or in another thread, as a part of what is going on now."""
    about = _current.get()
    if about is None or isinstance(about, About):
        kept = about and replace(about)
    else:  # of a request, which will be over
        kept = About(about.request_id, about.correlation_id, about.platform, about.operation)

    def run() -> None:
        before = enter(kept)
        try:
            work()
        finally:
            enter(before)

    return run


def note_platform(platform: str) -> None:
    """Note who sent the request that is being handled."""
    about = _current.get()
    if about is not None:
        about.platform = platform


def messages_are_logged() -> bool:
    """Tell whether anybody wants a record of each message."""
    return _log.isEnabledFor(logging.INFO)


def log_message(message: Message) -> None:
    """Log one record about a message: no query, since tokens may be in it, and no headers and bodies."""
    if not messages_are_logged():
        return
    path = on_a_line(message.url.split("?", 1)[0])
    milliseconds = round(message.duration * 1000, 1)
    about = {
        "request_id": shortened(message.request_id),
        "correlation_id": shortened(message.correlation_id),
        "platform": message.platform or "",
        "operation": message.operation or "",
        "direction": message.direction.value,
        "method": message.method,
        "path": path,
        "http_status": message.http_status,
        "status_code": message.status_code,
        "milliseconds": milliseconds,
    }
    _log.info(
        "%s %s %s %s: HTTP %s, OCPI %s, %s ms",
        message.direction.value,
        message.platform or "-",
        message.method,
        path,
        message.http_status or "-",
        message.status_code or "-",
        milliseconds,
        extra=about,
    )


def shortened(id: str) -> str:
    """Return an id as it is logged: on a line, and not too long."""
    return on_a_line(id[:_LONGEST_ID])


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
        about = current()
        ration = None if about is None or about.platform else about.ration
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
