"""Checks of all answers of a probe, of refusals, and of the time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import check
from flask_ocpi.client.probe.checks import counted
from flask_ocpi.client.probe.checks import cut
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.checks import instant
from flask_ocpi.client.probe.lists import Listed
from flask_ocpi.client.probe.session import Session
from flask_ocpi.client.probe.writing import Receiver
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import parse_date_time
from flask_ocpi.core.responses import BYTE_ORDER_MARK
from flask_ocpi.errors import StatusCode
from flask_ocpi.versions.reading.reader import shown

_FORMAT = "Transport and format: Response format"
_IDS = "Transport and format: Unique message IDs"
_ROUTING = "Transport and format: Message routing headers"
_CODES = "Status codes"
_CLOCK = 30  # seconds that two clocks may differ
_SLOW = 5  # seconds for a small answer
_SWAPPED = {
    "OCPI-to-country-code": "OCPI-from-country-code",
    "OCPI-to-party-id": "OCPI-from-party-id",
    "OCPI-from-country-code": "OCPI-to-country-code",
    "OCPI-from-party-id": "OCPI-to-party-id",
}

each_list = partial(checks.check, each=Each.LIST)
each_receiver = partial(checks.check, each=Each.RECEIVER)


@each_list("error.unknown", "An object that does not exist is answered with HTTP 404.", _CODES, advised=True)
def error_unknown(listed: Listed) -> str:
    if listed.unknown_operation is None:
        raise NotApplicableError("The module has no such request.")
    listed.first.needed()
    return _not_found(listed.unknown)


@each_receiver("error.receiver", "An object that it never got is answered with HTTP 404.", _CODES, advised=True)
def error_receiver(receiver: Receiver) -> str:
    return _not_found(receiver.unknown)


@each_list("error.parameter", "A date that is none is refused with 2001, or left out.", _CODES, advised=True)
def error_parameter(listed: Listed) -> str:
    listed.first.needed()
    if any("yesterday" in seen.url for seen in listed.session.seen):
        raise NotApplicableError("One list was asked for it.")
    seen = listed.ask(listed.address(date_from="yesterday"))
    if seen.status != 200 or not (seen.succeeded or seen.code == StatusCode.INVALID_PARAMETERS):
        raise FlawError(f"{seen.name}: {seen.summary}")
    return seen.summary


@check("error.envelope", "Refusals have the envelope, too.", _FORMAT, advised=True)
def error_envelope(session: Session) -> str:
    refused = [seen for seen in session.seen if seen.authorized and seen.status >= 400]
    if not refused:
        raise SkippedError("It refused nothing.")
    return _all(refused, lambda seen: "" if seen.code is not None else seen.summary)


@check("message.answered", "Each request is answered.", "Transport and format: JSON / HTTP implementation guide")
def message_answered(session: Session) -> str:
    return _all(session.seen, lambda seen: "" if seen.status else seen.error)


@check("message.server", "No request ends in an error of the server.", _CODES)
def message_server(session: Session) -> str:
    return _all(
        _answered(session), lambda seen: seen.summary if seen.status >= 500 or 3000 <= (seen.code or 0) < 4000 else ""
    )


@check("message.limited", "No request is refused for being one too many.", "Status codes", advised=True)
def message_limited(session: Session) -> str:
    return _all(_answered(session), lambda seen: seen.summary if seen.status == HTTPStatus.TOO_MANY_REQUESTS else "")


@check("message.type", "The Content-Type of answers is application/json.", _FORMAT)
def message_type(session: Session) -> str:
    def flaw(seen: Seen) -> str:
        text = seen.header("Content-Type")
        return "" if (text or "").partition(";")[0].strip().lower() == "application/json" else f"it is {text!a}"

    return _all(_answered(session), flaw)


@check("message.json", "The body of answers is JSON.", _FORMAT)
def message_json(session: Session) -> str:
    def flaw(seen: Seen) -> str:
        assert seen.answer is not None  # noqa: S101 - only answered requests
        if seen.answer.body.startswith(BYTE_ORDER_MARK):
            return "it begins with a byte order mark"
        return "" if seen.document is not None else "it is none" if seen.answer.body else "it is empty"

    return _all(_successes(session), flaw)


@check("message.code", "status_code is a number.", _FORMAT)
def message_code(session: Session) -> str:
    def flaw(seen: Seen) -> str:
        code = seen.envelope.get("status_code")
        return "" if isinstance(code, int) and not isinstance(code, bool) else f"it is {shown(code)}"

    return _all(_successes(session), flaw)


@check("message.known_code", "status_code is one of OCPI's.", _CODES)
def message_known_code(session: Session) -> str:
    known = {int(code) for code in StatusCode}

    def flaw(seen: Seen) -> str:
        custom = seen.code is not None and 1900 <= seen.code % 1000 + 1000 <= 1999
        return "" if seen.code is None or seen.code in known or custom else f"it is {seen.code}"

    return _all(_answered(session), flaw)


@check("message.timestamp", "timestamp is a DateTime in UTC.", _FORMAT)
def message_timestamp(session: Session) -> str:
    def flaw(seen: Seen) -> str:
        text = seen.envelope.get("timestamp")
        try:
            parse_date_time(text if isinstance(text, str) else "")
        except ValueError:
            return "it is missing" if text is None else f"it is '{shown(text)}'"
        return ""

    return _all([seen for seen in _successes(session) if seen.envelope], flaw)


@check("message.request_id", "Answers repeat the X-Request-ID.", _IDS)
def message_request_id(session: Session) -> str:
    return _repeated(session, "X-Request-ID")


@check("message.correlation_id", "Answers repeat the X-Correlation-ID.", _IDS)
def message_correlation_id(session: Session) -> str:
    return _repeated(session, "X-Correlation-ID")


@check("message.routing", "Answers name both parties, the other way round than the request.", _ROUTING)
def message_routing(session: Session) -> str:
    routed = [seen for seen in _successes(session) if seen.functional and "OCPI-to-party-id" in seen.headers]
    if not routed:
        raise SkippedError("No request had routing headers.")

    def flaw(seen: Seen) -> str:
        for asked, answered in _SWAPPED.items():
            wanted, found = seen.headers.get(asked), seen.header(answered)
            if wanted is not None and (found or "").lower() != wanted.lower():
                return f"{answered} is missing" if found is None else f"{answered} is {found!a}, not {wanted}"
        return ""

    return _all(routed, flaw)


@check("message.configuration", "Answers of configuration modules have no routing headers.", _ROUTING)
def message_configuration(session: Session) -> str:
    answers = [seen for seen in _successes(session) if not seen.functional]
    return _all(answers, lambda seen: next((f"it has {name}" for name in _SWAPPED if seen.header(name)), ""))


@check("message.slash", "No endpoint redirects.", "Transport and format: Interface endpoints", advised=True)
def message_slash(session: Session) -> str:
    def flaw(seen: Seen) -> str:
        assert seen.answer is not None  # noqa: S101 - only answered requests
        if 300 <= seen.status < 400:
            return f"HTTP {seen.status} to {cut(seen.header('Location') or 'nowhere')}"
        return "" if seen.answer.url == seen.url else "it leads to the same URL with or without a slash"

    return _all(_answered(session), flaw)


@check("time.clock", f"Its clock differs by at most {_CLOCK} seconds.", "Types: DateTime", advised=True)
def time_clock(session: Session) -> str:
    found = [(seen, instant(seen.envelope.get("timestamp"))) for seen in _successes(session)]
    skews = [(moment - seen.moment) / SECOND for seen, moment in found if moment is not None]
    if not skews:
        raise SkippedError("No answer has a timestamp that can be read.")
    skew = min(skews, key=abs)
    if abs(skew) > _CLOCK:
        raise FlawError(f"It is {abs(skew):,.0f} seconds {'ahead of' if skew > 0 else 'behind'} ours.")
    return f"{abs(skew):.0f} seconds"


@check("time.answer", f"It answers small requests within {_SLOW} seconds.", "Transport and format", advised=True)
def time_answer(session: Session) -> str:
    slowest = max(session.seen, key=lambda seen: seen.seconds)
    if slowest.seconds > _SLOW:
        raise FlawError(f"{slowest.name} took {slowest.seconds:.1f} seconds.")
    return f"{slowest.seconds:.1f} seconds at most"


CHECKS = declared(globals())


def _answered(session: Session) -> Sequence[Seen]:
    return [seen for seen in session.seen if seen.answer is not None]


def _successes(session: Session) -> Sequence[Seen]:
    """Return the answers whose HTTP status is a success."""
    return [seen for seen in session.seen if 200 <= seen.status < 300]


def _all(answers: Sequence[Seen], flaw: Any) -> str:
    """Demand something of all answers. flaw: returns what is wrong with one, or ""."""
    if not answers:
        raise SkippedError("There is no answer to look at.")
    wrong = [(seen, text) for seen in answers if (text := flaw(seen))]
    if wrong:
        seen, text = wrong[0]
        raise FlawError(cut(f"{len(wrong)} of {len(answers)}, such as {seen.name}: {text}"))
    return counted(len(answers), "answer")


def _repeated(session: Session, name: str) -> str:
    answers = [seen for seen in _answered(session) if seen.authorized]
    return _all(answers, lambda seen: "" if seen.header(name) == seen.headers[name] else f"it is {seen.header(name)!a}")


def _not_found(seen: Seen) -> str:
    if seen.succeeded:
        raise FlawError(f"{seen.name}: {seen.summary}")
    if seen.status != 404:
        raise DoubtError(f"{seen.name}: {seen.summary}")
    return seen.summary
