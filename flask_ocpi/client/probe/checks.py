"""Checks: their declaration, the outcome of one, and a request as checks see it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult
from urllib.parse import urlsplit

import orjson

from flask_ocpi.client.wire import Response
from flask_ocpi.core.moments import moment_text
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.responses import BYTE_ORDER_MARK
from flask_ocpi.core.responses import excerpt
from flask_ocpi.errors import is_success
from flask_ocpi.versions.reading.reader import shown
from flask_ocpi.versions.reading.values import read_instant


class Outcome(StrEnum):
    """The outcome of a check: WARN means that partners can work with it, SKIP that there was nothing to look at."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class Each(StrEnum):
    PLATFORM = "platform"
    LIST = "list"
    RECEIVER = "receiver"


class SkippedError(Exception):
    """There is nothing to check; the text is the reason."""


class NotApplicableError(SkippedError):
    """The requirement is not about this module; if it is about none, the check is skipped."""


class FlawError(Exception):
    """The platform deviates from the requirement; the text tells what was seen.

    It fails a check of what OCPI demands; for what it only advises it is a warning.
    """


class DoubtError(Exception):
    """Something that may be right, or that partners can work with: a warning."""


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement, and the function that looks whether a platform meets it.

    id: such as "page.limit". text: the requirement in one sentence. section: the chapter and section of the
    specification. advised: OCPI only advises it, so a deviation is a warning. each: how often it is made. writes: it
    changes something at the partner.
    run: returns what was seen, or raises FlawError, DoubtError or SkippedError; called with the session and, for each
    list or Receiver interface, with that.
    """

    id: str
    text: str
    section: str
    run: Callable[..., str]
    advised: bool = False
    each: Each = Each.PLATFORM
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a check. subject: the module it was made for, or "". seen: what was seen, or why not."""

    check: Check
    outcome: Outcome
    seen: str
    subject: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "check": self.check.id,
            "module": self.subject or None,
            "outcome": self.outcome.value,
            "requirement": self.check.text,
            "section": self.check.section,
            "seen": self.seen,
        }


def check(
    id: str,
    text: str,
    section: str,
    *,
    advised: bool = False,
    each: Each = Each.PLATFORM,
    writes: bool = False,
) -> Callable[[Callable[..., str]], Check]:
    return lambda run: Check(id, text, section, run, advised=advised, each=each, writes=writes)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun, such as "1 answer" or "2 answers"."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def declared(names: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks among the names of a module, in the order of their declaration."""
    return tuple(value for value in names.values() if isinstance(value, Check))


def made(check: Check, subject: str, *arguments: Any) -> Result:
    try:
        return Result(check, Outcome.PASS, check.run(*arguments), subject)
    except NotApplicableError:
        if subject:
            raise
        return Result(check, Outcome.SKIP, "It is not about this version.", subject)
    except SkippedError as error:
        return Result(check, Outcome.SKIP, str(error), subject)
    except DoubtError as error:
        return Result(check, Outcome.WARN, str(error), subject)
    except FlawError as error:
        return Result(check, Outcome.WARN if check.advised else Outcome.FAIL, str(error), subject)


_LONGEST = 160


@dataclass(frozen=True)
class Seen:
    """A request and its answer.

    module: the id of the module, "" for versions. routed: it had routing headers. answer: None if there was none;
    ``error`` has the reason. seconds: the time until the whole answer was there. moment: our time then, in
    microseconds since 1970 UTC. authorized: it had our token.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    moment: int
    seconds: float
    module: str = ""
    functional: bool = False
    authorized: bool = True
    answer: Response | None = field(default=None, repr=False)
    error: str = ""

    @property
    def name(self) -> str:
        """The request as reports show it: without the host."""
        parts = urlsplit(self.url)
        return f"{self.method} {parts.path}{'?' if parts.query else ''}{parts.query}"

    @property
    def status(self) -> int:
        """The HTTP status; 0 without an answer."""
        return 0 if self.answer is None else self.answer.status

    @cached_property
    def document(self) -> Any:
        """The JSON value of the body; None if it is no JSON. A byte order mark is ignored."""
        if self.answer is None:
            return None
        try:
            return orjson.loads(self.answer.body.removeprefix(BYTE_ORDER_MARK))
        except orjson.JSONDecodeError:
            return None

    @property
    def envelope(self) -> Mapping[str, Any]:
        """The JSON object around ``data``; empty if the body is none."""
        return self.document if isinstance(self.document, dict) else {}

    @property
    def code(self) -> int | None:
        """The OCPI status code, also one that came as text; None without one."""
        code = self.envelope.get("status_code")
        if isinstance(code, str) and code.strip().isascii() and code.strip().isdigit():
            code = int(code)
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def succeeded(self) -> bool:
        """Whether HTTP and OCPI both say success."""
        return 200 <= self.status < 300 and self.code is not None and is_success(self.code)

    @property
    def done(self) -> bool:
        """Whether a write is done: its HTTP status says so, and no status code contradicts it."""
        return 200 <= self.status < 300 and (self.code is None or is_success(self.code))

    @property
    def summary(self) -> str:
        """The answer in a few words, with the reason of a refusal."""
        if self.answer is None:
            return cut(self.error)
        code = "no status_code" if self.code is None else str(self.code)
        text = f"HTTP {self.status}, {code}"
        if self.succeeded:
            return text
        message = self.envelope.get("status_message")
        reason = f": {shown(message)}" if isinstance(message, str) and message else excerpt(self.answer.body)
        return cut(text + reason)

    def header(self, name: str) -> str | None:
        return None if self.answer is None else self.answer.headers.get(name)

    def demand_success(self) -> str:
        """Return the summary; raise FlawError if the answer is no success."""
        if not self.succeeded:
            raise FlawError(f"{self.name}: {self.summary}")
        return self.summary

    def needed(self) -> Any:
        """Return the data of the answer; raise SkippedError if it is no success."""
        if not self.succeeded:
            raise SkippedError(f"There is no answer to look at: {self.name} got {self.summary}")
        return self.data


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL; raise FlawError if it is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises
    except ValueError as error:
        raise FlawError(f"It cannot be read as a URL: {url[:120]!a}.") from error
    return parts


def cut(text: str) -> str:
    """Return the beginning of a text, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def instant(value: Any) -> int | None:
    """Return the moment of a DateTime in microseconds since 1970 UTC, whatever its form; None if it is none."""
    text = read_instant(value)
    return None if text is None else to_micros(text)


def written(moment: int) -> str:
    """Return the DateTime of a moment in microseconds since 1970 UTC, without a fraction if it has none."""
    return moment_text(moment).replace(".000Z", "Z")
