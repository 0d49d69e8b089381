"""Stories: everything that happened about an object or a cause, on one line of time."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from itertools import product
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import moment_text
from flask_ocpi.core.moments import to_micros
from flask_ocpi.exchange import journal
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal_records import Entry
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.references import COMMAND
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import REFERENCE
from flask_ocpi.exchange.references import Reference
from flask_ocpi.modules.cdrs import CDR_AUDITS
from flask_ocpi.modules.cdrs import SESSION_CDRS
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
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
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "moment"}
        milliseconds = None if self.milliseconds is None else round(self.milliseconds, 1)
        about = [list(reference) for reference in self.about]
        return {"time": moment_text(self.moment), **plain, "milliseconds": milliseconds, "about": about}


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
        return {
            "kind": self.kind,
            "id": self.id,
            "about": [list(reference) for reference in self.about],
            "has_more": self.has_more,
            "events": [event.to_dict() for event in self.events],
        }


def events_of(entries: Iterable[Entry], can_be_sent_again: Any) -> Iterator[Event]:
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
        ids: dict[str, list[str]] = {}
        for kind, value in about:
            ids.setdefault(kind, []).append(value)
        of_sessions = self.services.storage.get_many(SESSION_CDRS, self._keys(ids.get("session", ())))
        others = (id for record in of_sessions.values() for id, _ in record.document["cdrs"])
        cdrs = dict.fromkeys((*ids.get("cdr", ()), *others))
        return [*self._audits(cdrs), *self._findings(ids), *self._outbox(ids)]

    def _places(self) -> Iterator[tuple[Party, str]]:
        """Yield the possible owners and receivers of own objects and copies."""
        yield from ((party, "") for party in self._own)
        for platform in self._platforms:
            for owner in platform.parties:
                yield from ((owner, received(party, platform.id)) for party in self._own)

    def _keys(self, ids: Iterable[str]) -> list[Key]:
        return [Key(*owner, id, receiver) for id in ids for owner, receiver in self._places()]

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
        keys = [
            Key("", "", "\n".join((module, str(owner), value, party)).upper(), platform.id)
            for kind, values in ids.items()
            if (module := self._module_of(kind))
            for owner, value, platform in product(self._own, values, self._platforms)
            for party in ("", *map(str, platform.parties))
        ]
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


#: What belongs to one charge only, so that all messages about it belong to the story.
OF_ONE_CHARGE = ("session", "cdr", REFERENCE, COMMAND)
#: What distinguishes two charges of the same token at the same place.
_DISTINCT = ("session", "cdr", REFERENCE)
#: Objects that many charges are about; nothing is followed from a tariff.
_FOLLOWED = (*OF_ONE_CHARGE, CORRELATION, "token", "contract", "evse", "location")
_MOST_FOLLOWED = 40
_MOST_FOUND = 2000  # messages: a partner may name any number of objects in what it sends
_AT_A_TIME = 200
_MOST_OBJECTS = 8  # whose messages may belong to a charge by their time
_BEFORE = 30 * 60 * SECOND
_CDR_WITHIN = 48 * 3600 * SECOND  # of the session that it does not name


class Causes:
    """Collects the messages of a story, at most ``limit`` about the object itself.

    From a session, its CDR, its authorization_reference and its commands all messages are followed. Messages that name
    none of these belong to a charge if they are about its token or its EVSE, at its time: from half an hour before its
    first message. A CDR that names no session, as in OCPI 2.1.1, belongs to the session of its token at its EVSE before
    it, if no other session and no other CDR came between.
    """

    def __init__(self, storage: Storage, search: Search, *, limit: int) -> None:
        self._storage = storage
        self._search = search
        self._limit = limit
        self._found: dict[int, Entry] = {}
        self._followed: set[Reference] = set()
        self.has_more = False

    def collect(self, start: Reference) -> list[Entry]:
        """Return the messages about an object or a cause, and those that belong to them, oldest first."""
        first = journal.about(self._storage, [start], self._search, limit=self._limit + 1)
        self.has_more = len(first) > self._limit
        self._add(first[-self._limit :])
        self._followed.add(start)
        if start.kind == "token":  # sessions and CDRs of OCPI 2.1.1 name only its contract
            contracts = self.of_kind("contract")
            self._add(self._about_those(contracts, 0, lambda entry: all(a.kind != "token" for a in entry.about)))
        if start.kind in _FOLLOWED:
            self._follow()
            if len(self.of_kind("session")) <= 1 and self.of_kind(*OF_ONE_CHARGE):
                self._add(self._counterpart())
                self._follow()
                self._add(self._at_its_time())
                self._follow()
        return sorted(self._found.values(), key=lambda entry: (entry.message.moment, entry.number))

    def of_kind(self, *kinds: str) -> list[Reference]:
        """Return the objects of some kinds that the messages are about, each once."""
        found = (about for entry in self._found.values() for about in entry.about if about.kind in kinds)
        return list(dict.fromkeys(found))

    def _add(self, entries: Iterable[Entry]) -> None:
        self._found.update((entry.number, entry) for entry in entries)

    def _follow(self) -> None:
        """Add the messages about everything that belongs to the charges found so far."""
        while len(self._followed) < _MOST_FOLLOWED:
            new = [each for each in self._links() if each not in self._followed]
            if not new:
                return
            new = new[: _MOST_FOLLOWED - len(self._followed)]
            self._followed.update(new)
            self._add(journal.about(self._storage, new, self._search, limit=_AT_A_TIME))
            if len(self._found) >= _MOST_FOUND:
                self.has_more = True
                return

    def _links(self) -> Iterator[Reference]:
        yield from self.of_kind(*OF_ONE_CHARGE)
        for entry in self._found.values():
            # A command keeps its correlation id where a hub passes it on.
            if entry.message.correlation_id and any(about.kind == COMMAND for about in entry.about):
                yield Reference.of(CORRELATION, entry.message.correlation_id)

    def _counterpart(self) -> list[Entry]:
        """Return the messages about the CDR of a session, or the session of a CDR, if neither names the other."""
        has_session, has_cdr = bool(self.of_kind("session")), bool(self.of_kind("cdr"))
        if has_session == has_cdr:
            return []
        known, wanted = ("session", "cdr") if has_session else ("cdr", "session")
        charge = [entry for entry in self._found.values() if any(about.kind == known for about in entry.about)]
        begins, own = min(entry.message.moment for entry in charge), set(self.of_kind(known))
        partners, places = {entry.message.platform for entry in charge}, set(self.of_kind("evse"))

        def is_near(entry: Entry) -> bool:
            kinds = {about.kind for about in entry.about}
            there = {about for about in entry.about if about.kind == "evse"}
            names_one = ("session" in kinds) != ("cdr" in kinds)
            return names_one and there <= places and entry.message.platform in partners

        since = begins if has_session else begins - _CDR_WITHIN
        near = self._about_those(self.of_kind("token", "contract"), since, is_near)
        near = sorted({entry.number: entry for entry in near}.values(), key=lambda entry: entry.message.moment)
        if not has_session:
            near = [entry for entry in reversed(near) if entry.message.moment <= begins]
        for entry in near:
            if abs(entry.message.moment - begins) > _CDR_WITHIN:
                break
            found = {about for about in entry.about if about.kind == wanted}
            if found:
                return [each for each in near if found & set(each.about)]
            if not own & set(entry.about):
                break
        return []

    def _at_its_time(self) -> list[Entry]:
        """Return the messages about the token, and about the EVSE, at the time of the charge."""
        charge = [entry for entry in self._found.values() if any(a.kind in OF_ONE_CHARGE for a in entry.about)]
        moments = [entry.message.moment for entry in charge]
        begins, ends = min(moments), max(moments)
        partners = {entry.message.platform for entry in charge}
        places = set(self.of_kind("evse")) or set(self.of_kind("location"))
        distinct = set(self.of_kind(*_DISTINCT))
        tokens, evses = self.of_kind("token", "contract")[:4], self.of_kind("evse")[:4]

        def is_of_token(entry: Entry) -> bool:
            others = {about for about in entry.about if about.kind in _DISTINCT}
            there = {about for about in entry.about if about.kind == "evse"}
            is_then = begins - _BEFORE <= entry.message.moment <= ends
            return is_then and others <= distinct and there <= places and any(each in entry.about for each in tokens)

        def is_of_evse(entry: Entry) -> bool:
            names_a_charge = any(about.kind in (*OF_ONE_CHARGE, "token") for about in entry.about)
            is_then = begins <= entry.message.moment <= ends
            is_there = any(each in entry.about for each in evses)
            return is_then and is_there and not names_a_charge and entry.message.platform in partners

        def belongs(entry: Entry) -> bool:
            return is_of_token(entry) or is_of_evse(entry)

        return self._about_those([*tokens, *evses], begins - _BEFORE, belongs)

    def _about_those(self, wanted: Sequence[Reference], since: int, belongs: Callable[[Entry], bool]) -> list[Entry]:
        """Return the messages about some objects that belong to the story, since a moment."""
        search = Search(platform=self._search.platform, since=max(since, self._search.since or 0))
        found = journal.about(self._storage, wanted[:_MOST_OBJECTS], search, limit=_AT_A_TIME)
        return list(filter(belongs, found))
