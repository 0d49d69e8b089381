"""A probe: all checks in the order of the table, their results, and the forms in which they are written."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import SubElement
from xml.etree.ElementTree import indent
from xml.etree.ElementTree import tostring

from flask_ocpi.client.probe import commanding
from flask_ocpi.client.probe import contents
from flask_ocpi.client.probe import discovery
from flask_ocpi.client.probe import messages
from flask_ocpi.client.probe import pages
from flask_ocpi.client.probe import writing
from flask_ocpi.client.probe.checks import Check
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.checks import Result
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import made
from flask_ocpi.client.probe.lists import lists_of
from flask_ocpi.client.probe.session import Session
from flask_ocpi.client.probe.writing import receivers_of
from flask_ocpi.core.quirks import as_text


@dataclass(frozen=True, slots=True)
class Proposal:
    """A quirk that would help, its value, and the reason."""

    quirk: str
    value: Any
    reason: str

    @property
    def text(self) -> str:
        """The quirk as people write it: ``no-patch=on``."""
        return f"{self.quirk}={as_text(self.value)}"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a probe.

    partner: the id of its record, None for an address. version: the number that was looked at, None if there is none.
    requests: how many were sent. correlation_id: that of all of them. proposals: the quirks that would help, without
    those that are set.
    """

    partner: str | None
    url: str
    version: str | None
    results: tuple[Result, ...]
    requests: int
    correlation_id: str
    proposals: tuple[Proposal, ...] = ()

    @property
    def counts(self) -> Mapping[Outcome, int]:
        found = Counter(result.outcome for result in self.results)
        return {outcome: found[outcome] for outcome in Outcome}

    @property
    def ok(self) -> bool:
        return not self.counts[Outcome.FAIL]

    @property
    def summary(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in self.counts.items())
        return f"{counts}; {self.requests} requests."

    @property
    def title(self) -> str:
        name = self.url if self.partner is None else f"{self.partner} ({self.url})"
        return f"{name}, OCPI {self.version or 'of no common version'}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "partner": self.partner,
            "versions_url": self.url,
            "version": self.version,
            "requests": self.requests,
            "correlation_id": self.correlation_id,
            "counts": {outcome.value: number for outcome, number in self.counts.items()},
            "quirks": {proposal.quirk: proposal.value for proposal in self.proposals},
            "checks": [result.to_dict() for result in self.results],
        }


def grouped(results: Iterable[Result]) -> Sequence[tuple[Result, Sequence[str]]]:
    """Join the results of one check with one outcome; return each with its modules.

    The text is that of the first module, which it names if the others have another one.
    """
    found: dict[tuple[str, Outcome], list[Result]] = {}
    for result in results:
        found.setdefault((result.check.id, result.outcome), []).append(result)
    return [(_joined(group), [result.subject for result in group if result.subject]) for group in found.values()]


def _joined(group: Sequence[Result]) -> Result:
    first = group[0]
    if all(result.seen == first.seen for result in group):
        return first
    return replace(first, seen=f"{first.subject}: {first.seen}")


def junit(report: Report) -> str:
    """Return the report as JUnit XML: a flaw is a failure, a warning is in the output of its test."""
    title, number = _characters(f"flask ocpi probe: {report.title}"), len(report.results)
    fails, skips = (str(report.counts[outcome]) for outcome in (Outcome.FAIL, Outcome.SKIP))
    suite = Element("testsuite", name=title, tests=str(number), failures=fails, errors="0", skipped=skips)
    for result in report.results:
        name, seen = f"{result.check.id} {result.subject}".rstrip(), _characters(result.seen)
        case = SubElement(suite, "testcase", classname=f"ocpi.{result.check.id.partition('.')[0]}", name=name)
        if result.outcome is Outcome.FAIL:
            SubElement(case, "failure", message=seen).text = f"{result.check.text} ({result.check.section})"
        elif result.outcome is Outcome.SKIP:
            SubElement(case, "skipped", message=seen)
        else:
            SubElement(case, "system-out").text = f"{result.outcome}: {seen}"
    indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suite, encoding="unicode")}\n'


def page(report: Report) -> str:
    """Return the report as an HTML page that needs nothing else: no script, no other file."""
    rows = "\n".join(
        f'<tr class="{result.outcome.lower()}"><td>{result.outcome}</td><td><code>{result.check.id}</code></td>'
        f"<td>{html.escape(', '.join(names))}</td><td>{html.escape(result.check.text)}"
        f"<br><small>{html.escape(result.check.section)}</small></td><td>{html.escape(result.seen)}</td></tr>"
        for result, names in sorted(grouped(report.results), key=lambda pair: _ORDER[pair[0].outcome])
    )
    quirks = "".join(
        f"<li><code>{html.escape(proposal.text)}</code> {html.escape(proposal.reason)}</li>"
        for proposal in report.proposals
    )
    proposed = f"<h2>Proposed quirks</h2>\n<ul>{quirks}</ul>\n" if quirks else ""
    title = html.escape(f"Probe of {report.title}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{title}</h1>\n<p>{html.escape(report.summary)}</p>\n{proposed}"
        "<table>\n<thead><tr><th>Outcome</th><th>Check</th><th>Modules</th><th>Requirement</th><th>Seen</th></tr>"
        f"</thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</body>\n</html>\n"
    )


_ORDER = {Outcome.FAIL: 0, Outcome.WARN: 1, Outcome.PASS: 2, Outcome.SKIP: 3}
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.4 system-ui,sans-serif;margin:1.5rem}h1{font-size:1.4rem}"
    "h1,td{overflow-wrap:break-word}table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #8886;padding:.4rem .6rem .4rem 0;text-align:left;vertical-align:top}"
    "td:first-child,td:nth-child(2){white-space:nowrap}td:last-child{overflow-wrap:anywhere}"
    ".fail td:first-child,.warn td:first-child{font-weight:bold}.fail td:first-child{color:#c62828}"
    ".warn td:first-child{color:#a05a00}@media(prefers-color-scheme:dark){.fail td:first-child{color:#ff8a80}"
    ".warn td:first-child{color:#ffb74d}}"
    "@media(max-width:50rem){thead{display:none}tr{display:block;border-bottom:1px solid #8886;padding:.5rem 0}"
    "td{display:block;border:0;padding:.1rem 0}td:first-child,td:nth-child(2),td:nth-child(3){display:inline;"
    "margin-right:.6rem}}"
)


def _characters(text: str) -> str:
    """Replace what XML cannot contain."""
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)


#: All checks, in the order in which they are made: those of all messages come last.
CHECKS: tuple[Check, ...] = (
    *discovery.CHECKS,
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
