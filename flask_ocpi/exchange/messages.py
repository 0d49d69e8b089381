"""The messages in and out, as the journal, metrics and logs see them."""

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
from typing import TypeVar

from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import is_success
from flask_ocpi.exchange.contacts import Contacts
from flask_ocpi.exchange.logs import LONGEST_ID
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.exchange.references import UNKNOWN
from flask_ocpi.exchange.references import Reference
from flask_ocpi.exchange.references import References
from flask_ocpi.exchange.sayings import say
from flask_ocpi.signals import message_exchanged

T = TypeVar("T")

HIDDEN = "***"

_log = logging.getLogger("flask_ocpi.messages")

_SHORTEST_SECRET = 8  # a shorter one could be an ordinary word
_BEGINNING = 2048  # bytes kept of a body that is too long
_LONGEST_URL = 4096
_LONGEST_SAID = 300
_READ_LATER = 64 * 1024  # bytes: larger bodies do not wait for the journal
_LONGEST = {"url": _LONGEST_URL, "error": 1000}  # characters; LONGEST_ID for all other texts
_OUR_WORDS = frozenset({"direction", "platform", "module", "operation"})  # never texts of a partner
#: The only headers that are kept: proxies add some that work like a password.
KEPT_HEADERS = (
    *("Accept", "Allow", "Content-Type", "Date", "Link", "Location", "Retry-After", "Server", "User-Agent"),
    *("X-Request-ID", "X-Correlation-ID", "X-Total-Count", "X-Limit", "WWW-Authenticate"),
    *("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id"),
)
_KEPT = frozenset(map(str.lower, KEPT_HEADERS))
_LONGEST_HEADER = 300
_LONGEST_HEADERS = {"link": _LONGEST_URL, "location": _LONGEST_URL, "x-request-id": 100, "x-correlation-id": 100}


class Direction(StrEnum):
    """The direction of the request: from a partner (IN) or from this platform (OUT)."""

    IN = "IN"
    OUT = "OUT"


def is_failure(http_status: int, status_code: int | None, error: str = "") -> bool:
    """Tell whether an exchange failed: no answer, a wrong one, an HTTP error, or an OCPI status other than 1xxx."""
    return not 200 <= http_status < 300 or error != "" or (status_code is not None and not is_success(status_code))


@dataclass(frozen=True, slots=True)
class Message:
    """A request and its answer, without credentials after :meth:`Traffic.tell`.

    url: absolute for our calls; path and query for a request to us. moment: when the request began, microseconds since
    1970 UTC. duration: seconds until the answer.
    platform: the id of the partner, None if it is not known. module, operation: from the description, with the
    interface: ``"locations"``, ``"receiver_put_location"``; None if the request matched none.
    http_status: 0 without an answer. status_code: OCPI's, None if the answer had none.
    error: the reason for a missing answer or for a failure, in words; "" after a success.
    request_bytes, response_bytes: the sizes of the bodies.

    Headers and bodies are there if the journal keeps the message; of a body longer than OCPI_JOURNAL_BODY_BYTES only
    the beginning.
    request_whole, response_whole: the body is there as it was sent, neither cut nor with hidden values.
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
        """Tell whether the exchange failed: see :func:`is_failure`."""
        return is_failure(self.http_status, self.status_code, self.error)


#: The fields of a message with bodies.
BODIES = ("request_body", "response_body")


@dataclass(frozen=True, slots=True)
class Kept:
    """A message for the journal. about: the objects and causes that it is about. said: in words, what it said."""

    message: Message
    about: tuple[Reference, ...] = ()
    said: str = ""


class Traffic:
    """The only way from the exchanges of an app to the journal and the listeners.

    journal: takes functions that make the messages which OCPI_JOURNAL selects, and the bytes that wait with each; it
    calls them later.
    emit: calls the listeners of a signal. contacts: are told of each exchange with a known partner. references: finds
    what messages are about.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        emit: Callable[..., None],
        journal: Callable[[Callable[[], Kept], int], None],
        references: References,
        contacts: Contacts,
    ) -> None:
        self.contacts = contacts
        self._clock = clock
        self._emit = emit
        self._journal = journal
        self.references = references
        self._kept = settings.journal
        self._limit = settings.journal_body_bytes
        names = {"token", *(name.lower() for name in settings.journal_hidden)}
        self._quoted = tuple(f'"{name}"'.encode() for name in names)
        self._in_json = _in_json(names)
        self._in_query = re.compile(rf"([?&](?:{'|'.join(map(re.escape, names))})=)[^&#\s]*", re.IGNORECASE)

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC for a new exchange; 0 if no journal or listener needs it."""
        if self._kept == "off" and not self.is_wanted(failed=True):
            return 0
        return int(self._clock().timestamp() * SECOND)

    def is_wanted(self, *, failed: bool) -> bool:
        """Tell whether the journal or a listener needs a message that failed, or did not."""
        return self._keeps(failed) or bool(message_exchanged.receivers) or _log.isEnabledFor(logging.INFO)

    @property
    def is_brief(self) -> bool:
        """Whether nothing but the journal needs a message that succeeded, and that without headers and bodies."""
        return self._kept == "compact" and not (message_exchanged.receivers or _log.isEnabledFor(logging.INFO))

    def tell_briefly(
        self, make: Callable[[], Message], *, url: str, bodies: tuple[bytes, bytes], secrets: Collection[str]
    ) -> None:
        """Give such a message to the journal, which makes it later, without its bodies."""
        later, size = partial(self._brief, make, bodies, secrets), len(bodies[0]) + len(bodies[1])
        if size > _READ_LATER:
            self._journal(partial(_itself, later()), len(url))
        else:
            self._journal(later, size + len(url))

    def tell(self, sent: Message, *, secrets: Collection[str], kept: bool = True) -> None:
        """Give a message to the listeners, and to the journal if OCPI_JOURNAL selects it.

        sent: the message as it was on the wire, with credentials. secrets: the spellings of the token that was sent;
        they are replaced wherever they occur.
        """
        kept = kept and self._keeps(sent.failed)
        read, size = self._read(sent, secrets) if kept else (_nothing, 0)
        if not (kept and self._is_whole(sent.failed)):
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
            self._journal(lambda: Kept(make(), *read()), max(size, _size_of(sent)))

    def _keeps(self, failed: bool) -> bool:
        """Tell whether the journal keeps a message that failed, or did not."""
        return self._kept in ("all", "compact") or (failed and self._kept == "errors")

    def _is_whole(self, failed: bool) -> bool:
        """Tell whether it keeps such a message with headers and bodies."""
        return failed or self._kept == "all"

    def _brief(self, make: Callable[[], Message], bodies: tuple[bytes, bytes], secrets: Collection[str]) -> Kept:
        sent, hidden = make(), _spelled(secrets)
        about, said = self._contents(sent, bodies, hidden)
        ids = sent.request_id + sent.correlation_id
        texts = sent.url + ids
        is_short = len(ids) <= LONGEST_ID and len(texts) <= _LONGEST_URL
        is_plain = is_short and texts.isprintable() and "=" not in texts and "@" not in texts
        if not is_plain or any(secret in texts for secret in hidden):
            sent = replace(
                sent,
                url=self._value("url", sent.url, hidden),
                request_id=self._value("request_id", sent.request_id, hidden),
                correlation_id=self._value("correlation_id", sent.correlation_id, hidden),
            )
        return Kept(sent, about, said)

    def _read(
        self, sent: Message, secrets: Collection[str]
    ) -> tuple[Callable[[], tuple[tuple[Reference, ...], str]], int]:
        """Return what tells what a message is about and what it said, and how many bytes of bodies that needs.

        Large bodies are read at once.
        """
        bodies = (sent.request_body, sent.response_body)
        read, size = partial(self._contents, sent, bodies, _spelled(secrets)), len(bodies[0]) + len(bodies[1])
        return (read, size) if size <= _READ_LATER else (partial(_itself, read()), 0)

    def _contents(
        self, sent: Message, bodies: tuple[bytes, bytes], hidden: Collection[str]
    ) -> tuple[tuple[Reference, ...], str]:
        """Return what a message is about, and what it said, without credentials."""
        described = self.references.described(sent.module, sent.operation)
        if described is UNKNOWN:
            return (), ""
        asked: Mapping[str, Any] = {}
        answered: Mapping[str, Any] = {}
        if sent.method != "GET":  # what is asked for is in the URL
            asked, answered = self.references.decoded(bodies[0]), self.references.decoded(bodies[1])
        about = self.references.of(described, sent.url, (asked, answered.get("data")), without=hidden)
        said = say(described, sent.method, sent.url, about, asked, answered)
        for secret in hidden:
            said = said.replace(secret, HIDDEN)
        return tuple(dict.fromkeys(map(Reference.folded, about))), on_a_line(said[:_LONGEST_SAID])

    def _beginning(self, body: bytes) -> bytes:
        """Return a body, or the beginning of one that is too long, because an exchange may wait for a while."""
        return body if len(body) <= self._limit else body[: min(_BEGINNING, self._limit)]

    def _clean(self, sent: Message, secrets: Collection[str]) -> Message:
        """Return a message without the credentials."""
        hidden = _spelled(secrets)
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
        """Return the part of a body to keep, and whether it is complete."""
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


def _spelled(secrets: Collection[str]) -> list[str]:
    """Return the texts to hide."""
    spellings = (secret.strip().rstrip("=") for secret in secrets)  # the padding of Base64 may be missing
    return [secret for secret in spellings if len(secret) >= _SHORTEST_SECRET]


def _size_of(sent: Message) -> int:
    """Return the number of characters that a message keeps in memory."""
    headers = sum(map(len, (*sent.request_headers.values(), *sent.response_headers.values())))
    return len(sent.url) + headers + len(sent.request_body) + len(sent.response_body)


def _itself(value: T) -> T:
    return value


def _nothing() -> tuple[tuple[Reference, ...], str]:
    return (), ""


def _readable(body: bytes, *, is_cut: bool) -> bytes:
    """Return a body, or b"" if it is not UTF-8 text, because secrets in it could not be found."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        if not is_cut or error.start < len(body) - 3:
            return b""
        body = body[: error.start]  # the rest is half a character
    return b"" if b"\0" in body else body


def _in_json(names: Collection[str]) -> re.Pattern[bytes]:
    """Return a pattern for texts and numbers under these names in JSON, also in broken or cut JSON."""
    spelled = "|".join("".join(map(_lettered, name)) for name in names)
    value = r'(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^\s"\[\]{},]+)'
    return re.compile(rf'("(?:{spelled})"\s*:\s*){value}'.encode(), re.IGNORECASE | re.DOTALL)


def _lettered(char: str) -> str:
    """Return the pattern of a lower-case letter in JSON, in either case, also written as an escape."""
    return rf"(?:{re.escape(char)}|\\u{ord(char):04x}|\\u{ord(char.upper()[0]):04x})"


def _hidden_user(url: str) -> str:
    return re.sub(r"//[^/?#]*@", f"//{HIDDEN}@", url, count=1) if "@" in url else url
