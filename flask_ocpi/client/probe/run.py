"""Makes all checks of a platform, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask_ocpi.client.probe import commanding
from flask_ocpi.client.probe import contents
from flask_ocpi.client.probe import discovery
from flask_ocpi.client.probe import messages
from flask_ocpi.client.probe import pages
from flask_ocpi.client.probe import registration
from flask_ocpi.client.probe import writing
from flask_ocpi.client.probe.checks import Check
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.checks import Result
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import made
from flask_ocpi.client.probe.lists import lists_of
from flask_ocpi.client.probe.report import Proposal
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.probe.session import Session
from flask_ocpi.client.probe.writing import receivers_of

#: All checks, in the order in which they are made: those of all messages come last.
CHECKS: tuple[Check, ...] = (
    *discovery.CHECKS,
    *registration.CHECKS,
    *pages.CHECKS,
    *contents.CHECKS,
    *writing.CHECKS,
    *commanding.CHECKS,
    *messages.CHECKS,
)

_NONE = {
    Each.LIST: "It offers no list that we may read.",
    Each.RECEIVER: "It offers no Receiver interface for objects of ours.",
}


def run(session: Session, *, progress: Callable[[Result], None] = lambda result: None) -> Report:
    """Make the checks and return their results. progress: called with each result."""
    results = []
    subjects: dict[Each, Sequence[Any]] = {Each.LIST: lists_of(session), Each.RECEIVER: receivers_of(session)}
    for check in CHECKS:
        if check.writes and session.renew is None:
            continue
        for result in _made(check, session, subjects):
            shown = replace(result, seen=session.hidden(result.seen))
            results.append(shown)
            progress(shown)
    return Report(
        partner=None if session.platform is None else session.platform.id,
        url=session.url,
        version=_number(session),
        results=tuple(results),
        requests=session.requests,
        correlation_id=session.correlation_id,
        proposals=tuple(Proposal(name, value, reason) for name, (value, reason) in session.quirks.items()),
    )


def _made(check: Check, session: Session, subjects: dict[Each, Sequence[Any]]) -> Iterator[Result]:
    if check.each is Each.PLATFORM:
        yield made(check, "", session)
        return
    reason, number = _NONE[check.each], 0
    for subject in subjects[check.each]:
        try:
            yield made(check, subject.name, subject)
            number += 1
        except NotApplicableError as error:
            reason = str(error)
    if not number:
        yield Result(check, Outcome.SKIP, reason)


def _number(session: Session) -> str | None:
    try:
        return session.version.number
    except SkippedError:
        return None
