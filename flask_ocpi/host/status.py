"""The state of each partner on a card: registration, last contacts, what waits, what lags, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from enum import StrEnum
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.contacts import Contact
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.grants import listing
from flask_ocpi.exchange.sides import Side
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.scopes import scopes_of
from flask_ocpi.sync.watermarks import Watermark

_DAY = 86_400 * SECOND
_MINUTE = 60 * SECOND
_SILENT = _DAY
_RECENT = 7 * _DAY  # a partner that left is a warning for so long
_SLOW = 15 * _MINUTE  # the age of a change that waits although the partner can be reached
_SKEWED = 60_000  # milliseconds
_FEW = 3  # failures in an hour
_NOTHING_WAITS = entries.Summary("", 0, 0, None)


class Outcome(StrEnum):
    """The outcome of a check: WARN means that it works, but should be changed."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it, unless the message says it. outcome: WARN or FAIL."""

    outcome: Outcome
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class ListState:
    """The sync of a partner's list. receiver: the own party that gets the copies.

    age_seconds: since the last complete sync, None without one. newest: the latest ``last_updated`` that was read, by
    the partner's clock, as a DateTime. failures, error: the failed syncs since, and the last error.
    """

    module: str
    receiver: str
    age_seconds: int | None
    newest: str | None
    failures: int
    error: str


@dataclass(frozen=True, slots=True)
class Card:
    """The state of a partner. Moments are microseconds since 1970 UTC, ages are in seconds.

    side: our role and party for it, if its version has one role. contact: the last contacts. outbox: what waits for it.
    circuit: the pause of sending, None if it can be reached. findings, refused: the number of flaws in its data, and
    of objects among them that were refused. syncs: the lists that are kept in sync. problems: what is wrong, the worst
    first.
    """

    platform: Platform
    now: int
    side: Side | None
    contact: Contact
    outbox: entries.Summary
    circuit: circuits.Circuit | None
    findings: int
    refused: int
    syncs: tuple[ListState, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The outcome of the worst problem, or OK."""
        return self.problems[0].outcome if self.problems else Outcome.OK

    @property
    def oldest_seconds(self) -> int | None:
        """The age of the oldest change that waits for it, None if nothing waits."""
        return self.age(self.outbox.oldest)

    @property
    def offers(self) -> Mapping[str, tuple[str, ...]]:
        """The interfaces that it offers, by the identifier of the module."""
        found: dict[str, tuple[str, ...]] = {}
        for endpoint in self.platform.endpoints:
            found[endpoint["identifier"]] = (*found.get(endpoint["identifier"], ()), endpoint["role"])
        return found

    def age(self, moment: int | None) -> int | None:
        """Return the seconds since a moment, None if it is not known."""
        return None if moment is None else max(0, self.now - moment) // SECOND

    def to_dict(self) -> dict[str, Any]:
        """Return the card as plain data, without tokens; times are DateTimes, None if not known."""
        platform, contact, circuit = self.platform, self.contact, self.circuit
        received, sent, failed_in, failed_out = contact.last_hour(self.now)
        failure = contact.failure
        return {
            "id": platform.id,
            "name": platform.name,
            "outcome": self.outcome.value,
            "problems": list(map(asdict, self.problems)),
            "state": platform.state.value,
            "version": platform.version,
            "own_role": None if self.side is None else self.side.role.value,
            "own_party": None if self.side is None else str(self.side.party),
            "versions_url": platform.versions_url,
            "roles": [dict(role) for role in platform.roles],
            "requested": [dict(role) for role in platform.requested],
            "endpoints": [dict(endpoint) for endpoint in platform.endpoints],
            "quirks": dict(platform.quirks),
            "last_updated": platform.last_updated,
            "suspended": date_time(platform.suspended),
            "suspension": platform.suspension,
            "tokens_since": date_time(platform.renewed),
            "ended": date_time(platform.ended),
            "ended_by": platform.ended_by,
            "last_in": date_time(contact.received),
            "last_out": date_time(contact.answered),
            "last_hour": {"in": received, "out": sent, "failed_in": failed_in, "failed_out": failed_out},
            "last_failure": None
            if failure is None
            else {
                "time": date_time(failure.moment),
                "direction": failure.direction,
                "operation": failure.operation,
                "http_status": failure.http_status or None,
                "status_code": failure.status_code,
            },
            "clock_ahead_seconds": None if contact.skew is None else contact.skew / 1000,
            "outbox": {
                "waiting": self.outbox.waiting,
                "parked": self.outbox.parked,
                "oldest_seconds": self.oldest_seconds,
                "held_back_seconds": None if circuit is None else max(0, circuit.due - self.now) // SECOND,
                "error": "" if circuit is None else circuit.error,
            },
            "findings": {"number": self.findings, "refused": self.refused},
            "sync": list(map(asdict, self.syncs)),
            "uses": {name: date_time(moment) for name, moment in sorted(contact.uses.items())},
            "called": {name: date_time(moment) for name, moment in sorted(contact.called.items())},
        }


def cards(services: Services, platforms: Sequence[Platform]) -> list[Card]:
    now = services.now()
    contacts = services.traffic.contacts.all()
    waiting = {summary.platform: summary for summary in entries.summary(services, platforms)}
    findings = services.findings.counts()
    made = (
        Card(
            platform,
            now,
            sides.known_side(services, platform),
            contacts.get(platform.id) or Contact(platform.id),
            waiting.get(platform.id, _NOTHING_WAITS),
            circuits.circuit_of(services, platform.id),
            *findings.get(platform.id, (0, 0)),
            tuple(_syncs(services, platform, now)),
        )
        for platform in platforms
    )
    return [_judged(services, card) for card in made]


def date_time(moment: int | None) -> str | None:
    """Return a moment in microseconds as a DateTime, None if it is not known."""
    return None if moment is None else moment_text(moment)


def span(seconds: float) -> str:
    """Return a length of time in words, such as "5 minutes"."""
    for length, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {noun}s"
    return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"


def _syncs(services: Services, platform: Platform, now: int) -> Iterator[ListState]:
    for scope in scopes_of(services, platform):
        known: Watermark = watermarks.get(services, scope)
        yield ListState(
            module=known.module,
            receiver=str(known.receiver),
            age_seconds=None if known.completed is None else max(0, now - known.completed) // SECOND,
            newest=date_time(known.moment),
            failures=known.failures,
            error=known.error,
        )


def _judged(services: Services, card: Card) -> Card:
    found = [*_about_registration(card)]
    if card.platform.is_suspended:
        found.append(_about_suspension(card))
    elif card.platform.is_registered:
        found += [*_about_contacts(card), *_about_outbox(card), *_about_sync(services, card)]
    return replace(card, problems=tuple(sorted(found, key=lambda problem: problem.outcome is not Outcome.FAIL)))


def _about_registration(card: Card) -> Iterator[Problem]:
    platform = card.platform
    if platform.state is PlatformState.PENDING:
        text = "A registration with it is under way, or was broken off."
        yield Problem(Outcome.WARN, text, "Run `flask ocpi register` with its versions URL again.")
    if platform.ended_by == "partner" and platform.ended is not None and card.now - platform.ended < _RECENT:
        text = f"It ended the registration {span(card.age(platform.ended) or 0)} ago."
        yield Problem(Outcome.WARN, text, f"Ask why; `flask ocpi invite --partner {platform.id}` lets it come back.")
    if platform.requested:
        text = f"It asks for more than it was granted: {listing(platform.requested)}."
        yield Problem(Outcome.WARN, text, f"See `flask ocpi partners requests {platform.id}`.")


def _about_suspension(card: Card) -> Problem:
    platform = card.platform
    why = f" ({platform.suspension})" if platform.suspension else ""
    text = f"It is suspended for {span(card.age(platform.suspended) or 0)}{why}: no messages are exchanged with it."
    return Problem(Outcome.WARN, text, f"`flask ocpi partners resume {platform.id}` lets them pass again.")


def _about_contacts(card: Card) -> Iterator[Problem]:
    platform, contact, now = card.platform, card.contact, card.now
    if contact.takes_token is False:
        yield refuses_token(platform)
    last = max(contact.last or 0, platform.renewed or 0)
    if last and now - last > _SILENT:
        text = f"Nothing was heard from it for {span((now - last) // SECOND)}."
        yield Problem(Outcome.WARN, text, "`flask ocpi check` calls it.")
    received, sent, failed_in, failed_out = contact.last_hour(now)
    for failed, total, whose in ((failed_in, received, "its requests"), (failed_out, sent, "our requests to it")):
        if failed >= _FEW and failed * 10 >= total:
            text = f"Of {total} of {whose} in the last hour {failed} failed."
            yield Problem(Outcome.WARN, text, f"See `flask ocpi journal --partner {platform.id} --failed`.")
    if contact.skew is not None and abs(contact.skew) > _SKEWED:
        way = "ahead of" if contact.skew > 0 else "behind"
        text = f"Its clock is at least {span(abs(contact.skew) // 1000)} {way} ours."
        yield Problem(Outcome.WARN, text, "Compare both with a time server: what changed when is decided by it.")
    if card.refused:
        text = f"Objects that it sent were refused: {card.refused}."
        yield Problem(Outcome.WARN, text, f"See `flask ocpi findings --partner {platform.id} --refused`.")


def _about_outbox(card: Card) -> Iterator[Problem]:
    platform, circuit, oldest = card.platform, card.circuit, card.oldest_seconds
    if circuit is not None:
        text = f"Sending to it is held back for {span(card.age(circuit.since) or 0)}: {circuit.error}"
        fix = f"It is tried again by itself; `flask ocpi outbox retry --partner {platform.id}` does so now."
        yield Problem(Outcome.FAIL, text, fix)
    elif oldest is not None and oldest * SECOND > _SLOW:
        text = f"A change waits for {span(oldest)} to be sent, and nothing holds it back."
        yield Problem(Outcome.WARN, text, "Look whether a process of the app, or `flask ocpi worker`, runs.")
    if card.outbox.parked:
        text = f"It refused changes that we sent: {card.outbox.parked}."
        yield Problem(Outcome.WARN, text, f"See `flask ocpi outbox list --partner {platform.id}`.")


def _about_sync(services: Services, card: Card) -> Iterator[Problem]:
    interval = services.settings.sync_interval
    for each in card.syncs:
        again = f"Run `flask ocpi sync {each.module} --partner {card.platform.id}`."
        since = (card.age(card.platform.renewed) or 0) if each.age_seconds is None else each.age_seconds
        if each.failures:
            yield Problem(Outcome.WARN, f"{each.module} could not be synced for {each.receiver}: {each.error}", again)
        elif interval and since > 2 * interval + _SLOW // SECOND:
            text = f"{each.module} was not synced for {each.receiver} for {span(since)}."
            yield Problem(Outcome.WARN, text, again)


def refuses_token(platform: Platform) -> Problem:
    """Return the problem that a partner does not take our token any more."""
    text = "It does not accept our token any more."
    fix = f"Run `flask ocpi unregister {platform.id} --force`, then register with a new registration token."
    return Problem(Outcome.FAIL, text, fix)
