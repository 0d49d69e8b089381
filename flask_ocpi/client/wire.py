"""Requests and answers: success or an error, by the HTTP status and the envelope."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from email.utils import parsedate_to_datetime
from typing import Any
from typing import Protocol

from flask_ocpi.core.responses import excerpt
from flask_ocpi.core.responses import parse_envelope
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import is_success


@dataclass(frozen=True, slots=True)
class Request:
    """A request to another platform; its repr shows neither the credentials token nor the body.

    timeout: seconds for the whole exchange; None for the limit of the transport, which always applies.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float | None = None

    def __repr__(self) -> str:
        shown = {name: "***" if name.lower() == "authorization" else text for name, text in self.headers.items()}
        return f"Request({self.method!r}, {self.url!r}, headers={shown!r}, body={_size(self.body)})"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of another platform: the decoded body, and headers with case-insensitive names."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", Headers(self.headers))

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.url!r}, body={_size(self.body)})"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: the ``data`` of its envelope, the codes, and the headers (case-insensitive names).

    method: that of the request. timestamp: the ``timestamp`` of its envelope, as it was sent.
    """

    data: Any = field(repr=False)
    status_code: int
    http_status: int
    headers: Mapping[str, str] = field(repr=False)
    method: str = ""
    timestamp: str = ""


class Headers(Mapping[str, str]):
    """Headers with case-insensitive names. Of several with the same name, the last counts."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._lines = {name.lower(): (name, headers[name]) for name in headers}

    def __getitem__(self, name: str) -> str:
        return self._lines[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {name: value for name, (_, value) in self._lines.items()} == {n.lower(): other[n] for n in other}

    __hash__ = None  # type: ignore[assignment]  # as all mappings

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


class Transport(Protocol):
    """The seam between the client and the network: tests and other HTTP libraries plug in here."""

    def send(self, request: Request) -> Response:
        """Send one request and return the answer with any status.

        Raises UnreachableError, BlockedAddressError or InvalidResponseError.
        """

    def close(self) -> None:
        """Close the kept connections."""


def _size(body: bytes | None) -> str:
    return "None" if body is None else f"<{len(body)} bytes>"


_LONGEST_RETRY_AFTER = 3600.0
_LONGEST_MESSAGE = 500
_LONGEST_TARGET = 200
_READ_OF_A_BODY = 2000  # bytes, of which 200 characters are shown
_SHORTEST_SECRET = 8  # characters; a shorter one could be any word of the text
_TOKEN = re.compile(rb"""(["']token["']\s*:\s*["'])[^"']*""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads the answers to requests with one token.

    secrets: the spellings of that token, which no error repeats. strict: refuse answers that deviate from OCPI. found:
    notes a flaw: its kind, the request, the received value and the outcome.
    """

    secrets: tuple[str, ...] = field(repr=False)
    strict: bool = False
    found: Callable[[str, str, str, str], None] = lambda kind, source, came, outcome: None

    def read(self, method: str, source: str, response: Response) -> Answer:
        """Return a successful answer; raise RefusedError for an error, InvalidResponseError if it is not OCPI.

        A write is done if its HTTP status says so, with any body.
        """
        is_done = 200 <= response.status < 300
        try:
            answer = self._envelope(source, response)
        except InvalidResponseError as error:
            if not is_done:
                raise self.refused(source, response) from error
            if method == "GET" or self.strict:
                raise InvalidResponseError(f"{str(error).removesuffix('.')}{self._excerpt(response)}.") from error
            self.found("no_envelope", source, self._excerpt(response), "It counts as done, as its HTTP status says.")
            return Answer(None, StatusCode.SUCCESS, response.status, response.headers, method=method)
        code = answer["status_code"]
        if not is_done or not is_success(code):
            message = self._hidden(str(answer.get("status_message") or ""))[:_LONGEST_MESSAGE]
            raise RefusedError(
                f"{source} answered {code} (HTTP {response.status}): {message or 'no status_message'}",
                status_code=code,
                http_status=response.status,
                data=answer.get("data"),
                status_message=message,
                retry_after=_retry_after(response.headers),
            )
        timestamp = str(answer.get("timestamp") or "")
        return Answer(answer.get("data"), code, response.status, response.headers, method=method, timestamp=timestamp)

    def refused(self, source: str, response: Response) -> RefusedError:
        """Return the error for an answer without an envelope, with its redirect and the beginning of its body."""
        target = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
        where = f" and points to {self._hidden(target)[:_LONGEST_TARGET]!a}" if target else ""
        return RefusedError(
            f"{source} answered HTTP {response.status} without an OCPI envelope{where}{self._excerpt(response)}.",
            status_code=0,
            http_status=response.status,
            retry_after=_retry_after(response.headers),
        )

    def _envelope(self, source: str, response: Response) -> dict[str, Any]:
        named = f"{source} (HTTP {response.status})"
        try:
            return parse_envelope(response.body, source=named, strict=True)
        except InvalidResponseError:
            if self.strict:
                raise
        answer = parse_envelope(response.body, source=named)
        self.found("envelope", source, self._excerpt(response), "It is understood, but is not as OCPI has it.")
        return answer

    def _excerpt(self, response: Response) -> str:
        return excerpt(self._without_secrets(response.body[: 2 * _READ_OF_A_BODY])[:_READ_OF_A_BODY])

    def _hidden(self, text: str) -> str:
        return self._without_secrets(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _without_secrets(self, text: bytes) -> bytes:
        """Return an answer's text without our token, which some servers repeat, and without tokens issued to us."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret.rstrip("=").encode(), b"***")
        return _TOKEN.sub(rb"\1***", text)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which may be a date, at most an hour; None if it has none."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:99]), _LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)
