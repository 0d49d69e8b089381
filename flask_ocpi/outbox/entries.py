"""Marks: what a platform has not seen yet. One a platform, party and object, however often that changes."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import reduce

from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.fields import format_date_time
from flask_ocpi.core.fields import to_micros
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Services
from flask_ocpi.outbox.changes import Changed
from flask_ocpi.outbox.changes import Recipient
from flask_ocpi.outbox.changes import can_be_deleted
from flask_ocpi.outbox.changes import difference
from flask_ocpi.outbox.changes import recipients
from flask_ocpi.outbox.changes import united
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk

MARKS = "push_marks"
#: When a mark is due that was refused: it waits for a change, or for somebody to say "retry".
PARKED = 2**62
NOBODY = Party("", "")
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A platform has not seen the current state of an own object.

    party: whom at the platform it is for, None where a hub spreads it. owner, ids: the object; its id as it is written.
    changed: what the platform lacks, None for the whole object. since: when it began to lack it, in microseconds.
    attempts, error, status_code: how often sending failed, and how it did the last time. due: when it is to be sent, in
    microseconds; while somebody sends it, when that is given up for dead. revision: of the record.
    """

    platform: str
    party: Party | None
    module: str
    owner: Party
    ids: tuple[str, ...]
    changed: Changed = None
    since: int = 0
    attempts: int = 0
    error: str = ""
    status_code: int | None = None
    due: int = 0
    revision: int = 0

    @property
    def key(self) -> Key:
        party = "" if self.party is None else str(self.party)
        id = "\n".join((self.module, str(self.owner), *self.ids, party))
        return Key("", "", id.upper(), self.platform)

    @property
    def is_parked(self) -> bool:
        return self.due >= PARKED

    @property
    def object_key(self) -> Key:
        return Key.of(*self.owner, "\n".join(self.ids))

    @property
    def name(self) -> str:
        """What names the object in a sentence, such as ``locations NL-ABC 'LOC1'``."""
        return f"{self.module} {self.owner} {' '.join(self.ids)!a}"

    def to_record(self) -> Record:
        document = {
            "platform": self.platform,
            "party": self.party and list(self.party),
            "module": self.module,
            "owner": list(self.owner),
            "ids": self.ids,
            "changed": self.changed,
            "since": self.since,
            "attempts": self.attempts,
            "error": self.error,
            "status_code": self.status_code,
        }
        return Record.of(document, last_updated=self.due)

    @classmethod
    def from_record(cls, record: Record) -> Mark:
        document = record.document
        party = document.pop("party")
        owner = Party(*document.pop("owner"))
        ids = tuple(document.pop("ids"))
        return cls(
            **document,
            party=Party(*party) if party else None,
            owner=owner,
            ids=ids,
            due=record.last_updated,
            revision=record.revision,
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """How a platform's marks stand. oldest: since when it has not seen something, in microseconds; None: it has."""

    platform: str
    waiting: int
    parked: int
    oldest: int | None


def now_micros(services: Services) -> int:
    """Return the time in microseconds, as exact as a DateTime."""
    return to_micros(format_date_time(services.clock()))


def write(services: Services, new: Iterable[Mark]) -> None:
    """Mark objects, in the transaction that changes them; what was marked before is part of it.

    A mark that is being sent, or waits after a failure, stays so; a refused one gets a new chance. Those that are new
    become due in the order in which they are given, which has to be the same for the marks of one object.
    """
    of_key: dict[Key, list[Mark]] = {}
    for mark in new:
        of_key.setdefault(mark.key, []).append(mark)
    if not of_key:
        return
    stored = services.storage.get_many(MARKS, of_key, for_update=True)
    records = []
    for key, added in of_key.items():
        record = stored.get(key)
        mark = added[0] if record is None else _joined(Mark.from_record(record), added[0])
        records.append((key, reduce(_joined, added[1:], mark).to_record()))
    services.storage.save_many(MARKS, records)


def _joined(known: Mark, new: Mark) -> Mark:
    if known.is_parked:  # it was refused for what it was, so the platform may lack all of it
        return replace(new, changed=None, since=known.since)
    return replace(known, changed=united(known.changed, new.changed), ids=new.ids)


def take(services: Services, platform: str, *, seconds: float) -> Mark | None:
    """Take one due mark of a platform to send it; nobody else gets it for so many seconds. None: there is none."""
    now = now_micros(services)
    query = _marks_of(platform, date_to=now + 1, limit=1)
    taken = services.storage.claim(MARKS, query, until=now + int(seconds * _MICROS), key_of=_key_of)
    return Mark.from_record(taken[0]) if taken else None


def settle(services: Services, mark: Mark) -> None:
    """Remove a mark that was taken: the platform has the state. If the object changed meanwhile, it is due at once."""
    with services.storage.transaction():
        record = services.storage.get(MARKS, mark.key, for_update=True)
        if record is None:
            return
        if record.revision == mark.revision:
            services.storage.delete(MARKS, mark.key)
            return
        # It saw all but what came since; which of the changes those are is not known any more.
        current = Mark.from_record(record)
        fresh = replace(current, attempts=0, error="", status_code=None, due=now_micros(services))
        services.storage.save(MARKS, mark.key, fresh.to_record())


def postpone(services: Services, mark: Mark, *, due: int, error: str, status_code: int | None) -> None:
    """Note that a mark could not be sent, and when it is due again: PARKED for never."""
    with services.storage.transaction():
        record = services.storage.get(MARKS, mark.key, for_update=True)
        if record is None:
            return
        current = Mark.from_record(record)
        if record.revision != mark.revision and due >= PARKED:  # what was refused is not what it is now
            due, current = now_micros(services), replace(current, changed=None)
        failed = replace(current, attempts=mark.attempts + 1, error=error, status_code=status_code, due=due)
        services.storage.save(MARKS, mark.key, failed.to_record())


def bring_forward(services: Services, platform: str, *, latest: int) -> int:
    """Make marks of a platform due now that are so after ``latest``, some at a time; return how many.

    Nothing waits for that long but what was refused: they were made when the clock was ahead.
    """
    found = services.storage.list(MARKS, _marks_of(platform, date_from=latest, date_to=PARKED)).records
    for record in found:
        _make_due(services, _key_of(record), latest=latest)
    return len(found)


def hasten(services: Services, platform: str) -> int:
    """Make marks due now that wait because sending them failed, and was not refused; return how many."""
    soon = now_micros(services) + 1
    waiting = map(Mark.from_record, walk(services.storage, MARKS, _marks_of(platform, date_from=soon, date_to=PARKED)))
    failed = [mark.key for mark in waiting if mark.error]
    for key in failed:
        _make_due(services, key, latest=soon)
    return len(failed)


def _make_due(services: Services, key: Key, *, latest: int) -> None:
    """Make a mark due now that still is so after ``latest``, and is not parked."""
    with services.storage.transaction():
        current = services.storage.get(MARKS, key, for_update=True)
        if current is not None and latest <= current.last_updated < PARKED:
            due = replace(Mark.from_record(current), due=now_micros(services))
            services.storage.save(MARKS, key, due.to_record())


def due_count(services: Services, platform: str) -> int:
    """Return how many marks of a platform are due now."""
    return services.storage.list(MARKS, _marks_of(platform, date_to=now_micros(services) + 1, limit=1)).total


def is_waiting(services: Services, platform: str) -> bool:
    """Tell whether a platform has marks that are due, now or later; parked ones are not."""
    return bool(services.storage.list(MARKS, _marks_of(platform, date_to=PARKED, limit=1)).records)


def marks(services: Services, platform: str, *, parked: bool | None = None) -> Iterator[Mark]:
    """Walk the marks of a platform, oldest first: all, or only those (not) parked."""
    query = _marks_of(platform)
    if parked is not None:
        query = _marks_of(platform, date_from=PARKED) if parked else _marks_of(platform, date_to=PARKED)
    return map(Mark.from_record, walk(services.storage, MARKS, query))


def summary(services: Services) -> list[Summary]:
    """Return how the marks of each platform stand that has any."""
    found = []
    for platform in services.platforms.all():
        waiting = services.storage.list(MARKS, _marks_of(platform.id, date_to=PARKED, limit=1))
        parked = services.storage.list(MARKS, _marks_of(platform.id, date_from=PARKED, limit=1))
        if waiting.total or parked.total:
            first = next(map(Mark.from_record, waiting.records), None)
            oldest = None if first is None else first.since
            found.append(Summary(platform.id, waiting.total, parked.total, oldest))
    return found


def retry(services: Services, mark: Mark) -> None:
    """Make a mark due at once, such as a parked one after its cause was removed; raise NotFoundError if it is gone."""
    with services.storage.transaction():
        record = services.storage.get(MARKS, mark.key, for_update=True)
        if record is None:
            raise NotFoundError(f"{mark.platform} has no such mark any more.")
        current = Mark.from_record(record)
        again = replace(current, changed=None, attempts=0, due=now_micros(services))
        services.storage.save(MARKS, mark.key, again.to_record())


def forget(services: Services, platform: str) -> int:
    """Remove all marks of a platform, as of one that is not registered any more; return how many there were."""
    found = list(marks(services, platform))
    for mark in found:
        services.storage.delete(MARKS, mark.key)
    return len(found)


def remove(services: Services, mark: Mark) -> bool:
    """Remove a mark: the platform is not sent the state. True when it was still there."""
    return services.storage.delete(MARKS, mark.key)


def _key_of(record: Record) -> Key:
    return Mark.from_record(record).key


def _marks_of(platform: str, *, date_from: int | None = None, date_to: int | None = None, limit: int = 500) -> Query:
    owners: Sequence[Party] = (NOBODY,)
    return Query(owners=tuple(owners), receiver=platform, date_from=date_from, date_to=date_to, limit=limit)


class Marking:
    """Marks objects of one module for the platforms that receive it. platforms: the ids of those that got a mark.

    ``is_needed`` is False when nobody receives the module: then nothing has to be compared or written. Objects have to
    be marked after they were written, in the same transaction: whoever locks an object locks its marks next. ``only``
    marks for one platform, also where OCPI_PUSH is off.
    """

    def __init__(
        self, services: Services, module: str, object_type: ObjectType, *, only: Platform | None = None
    ) -> None:
        self.platforms: set[str] = set()
        self._services = services
        self._module = module
        self._object_type = object_type
        self._only = only
        self._partners = services.platforms.partners() if services.settings.push or only else Partners()
        # Many objects are for the same few.
        self._found: dict[tuple[Party, ...], Sequence[Recipient]] = {}
        self.is_needed = bool(self._partners.receiving(module))

    def changed(self, key: Key, before: Record | None, after: Record) -> None:
        """Mark an object that was created (``before`` None) or replaced."""
        self.all_changed([(key, before, after)])

    def all_changed(self, changes: Iterable[tuple[Key, Record | None, Record]]) -> None:
        """Mark many objects, each as :meth:`changed` does."""
        if not self.is_needed:
            return
        found: list[Mark] = []
        for key, before, after in changes:
            if before is None:
                found.extend(self._marks(key, after, after.document, None))
            elif not before.has_same_document(after):
                document = after.document
                found.extend(
                    self._marks(key, after, document, difference(self._object_type, before.document, document))
                )
        self._write(found)

    def removed(self, key: Key, before: Record) -> None:
        """Mark an object that was removed, where OCPI has a way to say so."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if self.is_needed and any(map(can_be_deleted, modules)):
            self._write(list(self._marks(key, before, before.document, None)))

    def _write(self, found: Sequence[Mark]) -> None:
        write(self._services, found)
        self.platforms.update(mark.platform for mark in found)

    def _marks(self, key: Key, record: Record, document: Document, changed: Changed) -> Iterator[Mark]:
        hook = self._services.hooks.push_filter
        now = now_micros(self._services)
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        for recipient in self._recipients(record.audience):
            if hook is None or hook(self._module, document, recipient.platform):
                yield Mark(
                    recipient.platform.id, recipient.party, self._module, key.owner, ids, changed, since=now, due=now
                )

    def _recipients(self, audience: tuple[Party, ...]) -> Sequence[Recipient]:
        known = self._found.get(audience)
        if known is None:
            found = recipients(self._services, self._partners, self._module, audience, only=self._only)
            # In one order, so that two who change the same object never wait for each other.
            known = self._found[audience] = sorted(
                found, key=lambda recipient: (recipient.platform.id, recipient.party or NOBODY)
            )
        return known
