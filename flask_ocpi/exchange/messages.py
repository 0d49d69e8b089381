"""The messages that go in and out, as those see them that record, count or log them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import is_success
from flask_ocpi.exchange.logs import LONGEST_ID
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.signals import message_exchanged

HIDDEN = "***"

_log = logging.getLogger("flask_ocpi.messages")

_SHORTEST_SECRET = 8  # a shorter one could be any word of the text
_BEGINNING = 2048  # bytes of a body that is too long to be kept
_LONGEST_URL = 4096
_LONGEST = {"url": _LONGEST_URL, "error": 1000}  # characters; of all other texts LONGEST_ID
_OUR_WORDS = frozenset({"direction", "platform", "module", "operation"})  # nobody else writes these
#: The headers that are kept, and no others: proxies add some that are as good as a password.
KEPT_HEADERS = (
    *("Accept", "Allow", "Content-Type", "Date", "Link", "Location", "Retry-After", "Server", "User-Agent"),
    *("X-Request-ID", "X-Correlation-ID", "X-Total-Count", "X-Limit", "WWW-Authenticate"),
    *("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id"),
)
_KEPT = frozenset(map(str.lower, KEPT_HEADERS))
_LONGEST_HEADER = 300
_LONGEST_HEADERS = {"link": _LONGEST_URL, "location": _LONGEST_URL, "x-request-id": 100, "x-correlation-id": 100}


class Direction(StrEnum):
    """The sender of the request: another platform (IN) or this one (OUT)."""

    IN = "IN"
    OUT = "OUT"


def is_failure(http_status: int, status_code: int | None, error: str = "") -> bool:
    """Tell whether an exchange was no success: no answer, a wrong one, an HTTP error, or an OCPI status not 1xxx."""
    return not 200 <= http_status < 300 or error != "" or (status_code is not None and not is_success(status_code))


@dataclass(frozen=True, slots=True)
class Message:
    """A request and its answer. No credentials are in it once it went through :meth:`Traffic.tell`.

    url: absolute where we called; path and query of a request to us. moment: when the request began, microseconds
    since 1970 UTC. duration: seconds until the answer was there.
    platform: the id of the other platform, None where it is not known. module, operation: as described, with the
    interface: ``"locations"``, ``"receiver_put_location"``; None where the request reached none.
    http_status: 0 when there was no answer. status_code: OCPI's, None when the answer had none.
    error: why there was no answer, or why it is a failure, in words; "" after a success.
    request_bytes, response_bytes: how long the bodies are.

    Headers and bodies are there if the journal keeps the message; of a body that is longer than OCPI_JOURNAL_BODY_BYTES
    only the beginning is.
    request_whole, response_whole: the body is there as it was sent, neither cut nor with something hidden.
    """

    direction: Direction
    method: str
    url: str
    moment: int
    duration: float
    platform: str | None = None
    module: str | None = None
    operation: str | None = None
    request_id: str = ""
    correlation_id: str = ""
    http_status: int = 0
    status_code: int | None = None
    error: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    request_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_body: bytes = field(default=b"", repr=False)
    request_whole: bool = False
    response_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    response_body: bytes = field(default=b"", repr=False)
    response_whole: bool = False

    @property
    def failed(self) -> bool:
        """Tell whether it was no success: see :func:`is_failure`."""
        return is_failure(self.http_status, self.status_code, self.error)


#: The fields of a message that are bodies.
BODIES = ("request_body", "response_body")


class Traffic:
    """The one seam between the exchanges of an app and those that look at them: the journal, and who listens.

    journal: takes functions that make the messages which OCPI_JOURNAL says are kept; to be called when there is time.
    emit: calls the listeners of a signal.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        emit: Callable[..., None],
        journal: Callable[[Callable[[], Message]], None],
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._journal = journal
        self._kept = settings.journal
        self._limit = settings.journal_body_bytes
        names = {"token", *(name.lower() for name in settings.journal_hidden)}
        self._quoted = tuple(f'"{name}"'.encode() for name in names)
        self._in_json = _in_json(names)
        self._in_query = re.compile(rf"([?&](?:{'|'.join(map(re.escape, names))})=)[^&#\s]*", re.IGNORECASE)

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC, for an exchange that begins; 0 when nobody looks."""
        if self._kept == "off" and not self.is_wanted(failed=True):
            return 0
        return int(self._clock().timestamp() * SECOND)

    def is_wanted(self, *, failed: bool) -> bool:
        """Tell whether a message that failed, or did not, is worth making."""
        return (
            self._kept == "all"
            or (failed and self._kept == "errors")
            or bool(message_exchanged.receivers)
            or _log.isEnabledFor(logging.INFO)
        )

    def tell(self, sent: Message, *, secrets: Collection[str], kept: bool = True) -> None:
        """Give a message to the listeners and to the journal, if that keeps it and is to have it.

        sent: as it was on the wire, credentials included. secrets: the spellings of the token that was sent, which are
        replaced wherever they turn up.
        """
        kept = kept and self._keeps(sent.failed)
        if not kept:
            sent = replace(sent, request_headers={}, request_body=b"", response_headers={}, response_body=b"")
        elif max(len(sent.request_body), len(sent.response_body)) > self._limit:
            request_body, response_body = self._beginning(sent.request_body), self._beginning(sent.response_body)
            sent = replace(sent, request_body=request_body, response_body=response_body)
        make = partial(self._clean, sent, secrets)
        if message_exchanged.receivers or _log.isEnabledFor(logging.INFO):
            message = make()
            make = partial(_itself, message)
            log_message(message)
            self._emit(message_exchanged, message=message)
        if kept:
            self._journal(make)

    def _keeps(self, failed: bool) -> bool:
        return self._kept == "all" or (failed and self._kept == "errors")

    def _beginning(self, body: bytes) -> bytes:
        """Return a body, or what is kept of one that is too long: an exchange may wait for a while."""
        return body if len(body) <= self._limit else body[: min(_BEGINNING, self._limit)]

    def _clean(self, sent: Message, secrets: Collection[str]) -> Message:
        """Return a message without the credentials."""
        spellings = (secret.strip().rstrip("=") for secret in secrets)  # the padding of Base64 may get lost
        hidden = [secret for secret in spellings if len(secret) >= _SHORTEST_SECRET]
        clean = {name: self._value(name, getattr(sent, name), hidden) for name in Message.__slots__}
        for side in ("request", "response"):
            body = getattr(sent, f"{side}_body")
            size = getattr(sent, f"{side}_bytes")
            clean[f"{side}_body"], clean[f"{side}_whole"] = self._body(body, size, hidden)
        return Message(**clean)

    def _value(self, name: str, value: Any, secrets: Collection[str]) -> Any:
        if name in _OUR_WORDS:
            return value
        if name == "url":
            value = _hidden_user(value)
        if isinstance(value, str):
            return on_a_line(self._text(value, secrets)[: _LONGEST.get(name, LONGEST_ID)])
        return self._headers(value, secrets) if isinstance(value, Mapping) else value

    def _headers(self, headers: Mapping[str, str], secrets: Collection[str]) -> Mapping[str, str]:
        return {
            name: on_a_line(self._text(value, secrets)[: _LONGEST_HEADERS.get(name.lower(), _LONGEST_HEADER)])
            for name, value in headers.items()
            if name.lower() in _KEPT
        }

    def _text(self, text: str, secrets: Collection[str]) -> str:
        """Return a URL, a header or an error without credentials."""
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
        return self._in_query.sub(rf"\1{HIDDEN}", text) if "=" in text else text

    def _body(self, body: bytes, size: int, secrets: Collection[str]) -> tuple[bytes, bool]:
        """Return the part of a body that may be kept, and whether it is complete."""
        if not body:
            return b"", size == 0
        clean = _readable(body, is_cut=len(body) < size)
        for secret in secrets:
            clean = clean.replace(secret.encode(), HIDDEN.encode())
        lowered = clean.lower()
        if b"\\u00" in lowered or any(name in lowered for name in self._quoted):
            clean = self._in_json.sub(rb'\1"%s"' % HIDDEN.encode(), clean)
        return clean, len(body) == size and clean == body


def log_message(message: Message) -> None:
    """Log one record about a message: no query, since tokens may be in it, and no headers and bodies."""
    if not _log.isEnabledFor(logging.INFO):
        return
    path = on_a_line(message.url.split("?", 1)[0])
    milliseconds = round(message.duration * 1000, 1)
    about = {
        "request_id": message.request_id,
        "correlation_id": message.correlation_id,
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


def _itself(message: Message) -> Message:
    return message


def _readable(body: bytes, *, is_cut: bool) -> bytes:
    """Return a body, or b"" for one that is no text in UTF-8: nobody could tell what is in it."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        if not is_cut or error.start < len(body) - 3:
            return b""
        body = body[: error.start]  # the rest is half a character
    return b"" if b"\0" in body else body


def _in_json(names: Collection[str]) -> re.Pattern[bytes]:
    """Return what finds texts and numbers under these names in JSON, also in one that is broken or cut."""
    spelled = "|".join("".join(map(_spelled, name)) for name in names)
    value = r'(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^\s"\[\]{},]+)'
    return re.compile(rf'("(?:{spelled})"\s*:\s*){value}'.encode(), re.IGNORECASE | re.DOTALL)


def _spelled(char: str) -> str:
    """Return the pattern of a lower-case letter in JSON, in either case and also if it is written as an escape."""
    return rf"(?:{re.escape(char)}|\\u{ord(char):04x}|\\u{ord(char.upper()[0]):04x})"


def _hidden_user(url: str) -> str:
    return re.sub(r"//[^/?#]*@", f"//{HIDDEN}@", url, count=1) if "@" in url else url
