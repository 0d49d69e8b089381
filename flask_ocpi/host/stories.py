"""Stories: everything that happened about an object or a cause, on one line of time."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.moments import moment_text
from flask_ocpi.core.moments import to_micros
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.references import Reference
from flask_ocpi.modules.cdrs import CDR_AUDITS
from flask_ocpi.modules.cdrs import SESSION_CDRS
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import received


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a story.

    moment: microseconds since 1970 UTC. kind: "message", "audit", "finding" or "outbox". platform: the id of the
    partner, None if it is not known. direction: of a message. said: a short sentence; of a message it has no subject,
    which is the partner for a message IN and this platform for a message OUT. error: why it failed, "" if it did not.
    milliseconds: until the answer, of a message. id: the number of the message or finding, None of others.
    can_be_sent_again: ``replay`` takes it. about: the objects and causes that a message is about.
    """

    moment: int
    kind: str
    platform: str | None
    said: str
    direction: Direction | None = None
    error: str = ""
    failed: bool = False
    milliseconds: float | None = None
    id: int | None = None
    can_be_sent_again: bool = False
    module: str | None = None
    operation: str | None = None
    correlation_id: str = ""
    about: tuple[Reference, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "time": moment_text(self.moment),
            "kind": self.kind,
            "platform": self.platform,
            "direction": self.direction,
            "said": self.said,
            "failed": self.failed,
            "error": self.error,
            "milliseconds": None if self.milliseconds is None else round(self.milliseconds, 1),
            "id": self.id,
            "can_be_sent_again": self.can_be_sent_again,
            "module": self.module,
            "operation": self.operation,
            "correlation_id": self.correlation_id,
            "about": [list(reference) for reference in self.about],
        }


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that happened about an object or a cause, oldest first.

    kind, id: what was asked for. about: the sessions, CDRs, authorizations and commands that belong to it. has_more:
    there are earlier messages about it than the story shows.
    """

    kind: str
    id: str
    events: tuple[Event, ...]
    about: tuple[Reference, ...] = ()
    has_more: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "id": self.id,
            "about": [list(reference) for reference in self.about],
            "has_more": self.has_more,
            "events": [event.to_dict() for event in self.events],
        }


def events_of(entries: Iterable[Entry], can_be_sent_again: Any) -> Iterator[Event]:
    """Yield the events of messages."""
    for entry in entries:
        message = entry.message
        yield Event(
            moment=message.moment,
            kind="message",
            platform=message.platform,
            said=entry.said or f"{message.method} {message.url.partition('?')[0]}",
            direction=message.direction,
            error=message.error,
            failed=message.failed,
            milliseconds=message.duration * 1000,
            id=entry.number,
            can_be_sent_again=can_be_sent_again(message),
            module=message.module,
            operation=message.operation,
            correlation_id=message.correlation_id,
            about=entry.about,
        )


class Beside:
    """What else is known about the objects of a story: audits, findings, and what partners have not received yet."""

    def __init__(self, services: Services, *, platforms: Iterable[Platform]) -> None:
        self.services = services
        self._platforms = list(platforms)
        self._own = services.parties

    def events(self, about: Iterable[Reference]) -> list[Event]:
        """Return the events about these objects."""
        ids: dict[str, list[str]] = {}
        for kind, value in about:
            ids.setdefault(kind, []).append(value)
        cdrs = dict.fromkeys((*ids.get("cdr", ()), *self._cdrs_of(ids.get("session", ()))))
        return [*self._audits(cdrs), *self._findings(ids), *self._outbox(ids)]

    def _places(self) -> Iterator[tuple[Party, str]]:
        """Yield the possible owners and receivers of own objects and copies."""
        yield from ((party, "") for party in self._own)
        for platform in self._platforms:
            for owner in platform.parties:
                yield from ((owner, received(party, platform.id)) for party in self._own)

    def _keys(self, ids: Iterable[str]) -> list[Key]:
        return [Key(*owner, id, receiver) for id in ids for owner, receiver in self._places()]

    def _cdrs_of(self, sessions: Iterable[str]) -> list[str]:
        records = self.services.storage.get_many(SESSION_CDRS, self._keys(sessions))
        return [id for record in records.values() for id, _ in record.document["cdrs"]]

    def _audits(self, cdrs: Iterable[str]) -> Iterator[Event]:
        for key, record in self.services.storage.get_many(CDR_AUDITS, self._keys(cdrs)).items():
            document = record.document
            faults = [fault["message"] for fault in document["findings"]]
            told = " ".join(faults[:2])
            yield Event(
                moment=to_micros(document["audited"]),
                kind="audit",
                platform=key.source or None,
                said=f"CDR {document['cdr_id']} was audited: {document['verdict']}",
                error=told,
                failed=document["verdict"] == "dispute",
                module="cdrs",
            )

    def _findings(self, ids: Mapping[str, Sequence[str]]) -> Iterator[Event]:
        wanted = {(self._module_of(kind), value) for kind, values in ids.items() for value in values}
        for platform in self._platforms:
            for entry in self.services.findings.list(platform=platform.id):
                finding = entry.finding
                names = fold(finding.object).split(" ")
                if not any((finding.module, name) in wanted for name in names):
                    continue
                place = f" at {finding.path}" if finding.path else ""
                yield Event(
                    moment=entry.last,
                    kind="finding",
                    platform=finding.platform,
                    said=f"{finding.kind} in {finding.module} {finding.object}{place}: {finding.outcome}",
                    failed=finding.refused,
                    id=entry.number,
                    module=finding.module,
                )

    def _outbox(self, ids: Mapping[str, Sequence[str]]) -> Iterator[Event]:
        keys = []
        for kind, values in ids.items():
            module = self._module_of(kind)
            for owner in self._own if module else ():
                for value in values:
                    for platform in self._platforms:
                        for party in ("", *map(str, platform.parties)):
                            id = "\n".join((module, str(owner), value, party)).upper()
                            keys.append(Key("", "", id, platform.id))
        for record in self.services.storage.get_many(OutboxEntry.KIND, keys).values():
            yield _waiting(record)

    def _module_of(self, kind: str) -> str:
        """Return the id of the module of a class of objects; "" if it is none."""
        return next((id for id, each in self.services.object_types.items() if each.name == kind), "")


def _waiting(record: Record) -> Event:
    entry = OutboxEntry.from_record(record)
    object = " ".join((entry.module, *entry.ids))
    state = "was refused and is parked" if entry.is_parked else "waits to be sent"
    tried = f" after {entry.attempts} failed attempts" if entry.attempts > 1 else ""
    return Event(
        moment=entry.since,
        kind="outbox",
        platform=entry.platform,
        said=f"a change of {object} {state}{tried}",
        direction=Direction.OUT,
        error=entry.error,
        failed=entry.attempts > 0,
        module=entry.module,
    )
