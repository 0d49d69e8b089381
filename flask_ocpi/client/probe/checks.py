"""Checks: their declaration, and the outcome of one."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The outcome of a check: WARN means that partners can work with it, SKIP that there was nothing to look at."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class Each(StrEnum):
    """How often a check is made."""

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
