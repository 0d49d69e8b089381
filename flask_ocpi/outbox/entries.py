"""Outbox entries: one for each platform, party and object, for any number of changes.

A save writes one entry, for EVERYBODY, whatever the number of platforms. Workers spread it, before they deliver, to one
entry for each recipient. Only removals, and changes for a single partner, are entries of partners at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import reduce

from flask_ocpi.core.description import ObjectType
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
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Page
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.stored import Stored

#: The platform of a change that :func:`spread` has not made into entries of platforms yet.
EVERYBODY = ""
_AT_ONCE = 50  # changes that are spread together; each may be for very many partners
#: Changes with any ``due``: they do not wait, and the clock of the saving process may have been ahead.
_CHANGES = Query(owners=(NOBODY,), receiver=EVERYBODY, limit=_AT_ONCE)
#: The ``due`` of a refused entry: it waits for a change of the object, or for `retry`.
PARKED = leases.NEVER


@dataclass(frozen=True, slots=True)
class OutboxEntry(Stored):
    """A platform has not seen the current state of an own object.

    For EVERYBODY it is a change: :func:`spread` finds its recipients in the ``audience`` (empty: all partners). party:
    the addressed party of the platform, or behind it; None for the platform as a whole. owner, ids: the object.
    changed: the properties that the platform lacks, None for the whole object. since: the time of the first undelivered
    change, in microseconds. attempts, error, status_code: the failures so far, and the last one. due: when to send it,
    in microseconds; during sending, the end of the lease. revision: that of the record.
    """

    KIND = "outbox"

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
    audience: tuple[Party, ...] = ()
    due: int = 0
    revision: int = 0

    @property
    def key(self) -> Key:
        party = "" if self.party is None else str(self.party)
        id = "\n".join((self.module, str(self.owner), *self.ids, party))
        return Key("", "", id.upper(), self.platform)

    def for_one(self, recipient: Recipient, *, due: int) -> OutboxEntry:
        return replace(self, platform=recipient.platform.id, party=recipient.party, audience=(), due=due)

    @property
    def is_parked(self) -> bool:
        return self.due >= PARKED

    @property
    def object_key(self) -> Key:
        return Key.of(*self.owner, "\n".join(self.ids))

    @property
    def name(self) -> str:
        """The name of the object in messages, such as ``locations NL-ABC 'LOC1'``."""
        return f"{self.module} {self.owner} {' '.join(self.ids)!a}"


@dataclass(frozen=True, slots=True)
class Summary:
    """The entries of a platform in numbers. oldest: the time of the oldest waiting entry, in microseconds, or None."""

    platform: str
    waiting: int
    parked: int
    oldest: int | None


def write(services: Services, new: Iterable[OutboxEntry]) -> None:
    """Write entries in the transaction that changes their objects; an existing entry of the same object takes them in.

    An entry that is being sent, or waits after a failure, stays so; a refused one is due again. New entries become due
    in the given order, which must always be the same for the entries of one object.
    """
    of_key: dict[Key, list[OutboxEntry]] = {}
    for entry in new:
        of_key.setdefault(entry.key, []).append(entry)
    if not of_key:
        return
    stored = services.storage.get_many(OutboxEntry.KIND, of_key, for_update=True)
    records = []
    for key, added in of_key.items():
        record = stored.get(key)
        entry = added[0] if record is None else _joined(OutboxEntry.from_record(record), added[0])
        records.append((key, reduce(_joined, added[1:], entry).to_record()))
    services.storage.save_many(OutboxEntry.KIND, records)


def _joined(known: OutboxEntry, new: OutboxEntry) -> OutboxEntry:
    if known.is_parked:  # the platform refused the state, so it may lack all of it
        return replace(new, changed=None, since=known.since)
    return replace(known, changed=united(known.changed, new.changed), ids=new.ids, audience=new.audience)


def spread(services: Services) -> set[str]:
    """Make committed changes into entries of the platforms that may see them; return the ids of these platforms.

    Works in batches: one transaction writes the entries of platforms and removes those of EVERYBODY.
    """
    platforms: set[str] = set()
    storage = services.storage

    def spread_some() -> int:
        changes = leases.take_some(storage, OutboxEntry, _CHANGES, until=services.now())
        entries = list(_entries_of(services, changes))
        write(services, entries)
        storage.delete_many(OutboxEntry.KIND, [change.key for change in changes])
        platforms.update(entry.platform for entry in entries)
        return len(changes)

    while storage.list(OutboxEntry.KIND, _CHANGES).total and storage.run(spread_some) == _AT_ONCE:
        pass
    return platforms


def _entries_of(services: Services, changes: Iterable[OutboxEntry]) -> Iterator[OutboxEntry]:
    partners, now = services.platforms.partners(), services.now()
    found: dict[tuple[str, Party, tuple[Party, ...]], Sequence[Recipient]] = {}
    for change in changes:
        if change.module not in services.object_types:  # it is not served any more
            continue
        audience = (change.module, change.owner, change.audience)
        if audience not in found:
            found[audience] = recipients(services, partners, *audience)
        for recipient in found[audience]:
            yield change.for_one(recipient, due=now)


def take(services: Services, platform: str, *, seconds: float, most: int) -> list[OutboxEntry]:
    """Lease at most ``most`` due entries of a platform for ``seconds``: the longest due entries come first."""
    now = services.now()
    due = leases.due_by(now, platform, limit=most)
    return leases.take_some(services.storage, OutboxEntry, due, until=leases.after(now, seconds))


def settle(services: Services, sent: Sequence[OutboxEntry], unsent: Sequence[OutboxEntry] = ()) -> bool:
    """Remove sent entries: the platform has the state. An entry whose object changed meanwhile is due again.

    ``unsent`` entries are due again, too. Entries that another worker took after the end of our lease are left to it.
    Returns True if any entry is due again.
    """
    if not sent and not unsent:
        return False

    def settled() -> bool:
        storage, now = services.storage, services.now()
        taken = {entry.key: entry for entry in (*sent, *unsent)}
        stored = storage.get_many(OutboxEntry.KIND, taken, for_update=True)
        done = {entry.key for entry in sent if (r := stored.get(entry.key)) and r.revision == entry.revision}
        left = {entry.key for entry in unsent}
        again = []
        for key, record in stored.items():
            if key not in done and record.last_updated == taken[key].due:
                current = replace(OutboxEntry.from_record(record), due=now)
                # The platform lacks only the changes since; which ones these are is no longer known.
                again.append(current if key in left else replace(current, attempts=0, error="", status_code=None))
        storage.delete_many(OutboxEntry.KIND, done)
        storage.save_many(OutboxEntry.KIND, [(entry.key, entry.to_record()) for entry in again])
        return bool(again)

    return services.storage.run(settled)


def postpone(services: Services, entry: OutboxEntry, *, due: int, error: str, status_code: int | None) -> None:
    """Record the failure of an entry, and when it is due again; PARKED: never."""

    def failed(current: OutboxEntry) -> OutboxEntry:
        moment = due
        if current.revision != entry.revision and due >= PARKED:  # the refused state is not the current one
            moment, current = services.now(), replace(current, changed=None)
        return replace(current, attempts=entry.attempts + 1, error=error, status_code=status_code, due=moment)

    leases.change(services.storage, entry, failed)


def bring_forward(services: Services, platform: str, *, latest: int, failed: bool = False) -> int:
    """Make entries due now that are due after ``latest``, except refused ones; return their number.

    failed: only those that wait after a failure.
    """
    query = _query(platform, date_from=latest, date_to=PARKED)
    found = [entry for entry in _walk(services, query) if entry.error or not failed]

    def hastened(current: OutboxEntry) -> OutboxEntry:
        return replace(current, due=services.now()) if latest <= current.due < PARKED else current

    for entry in found:
        leases.change(services.storage, entry, hastened)
    return len(found)


def is_due(services: Services, platform: str) -> bool:
    return bool(services.storage.list(OutboxEntry.KIND, leases.due_by(services.now(), platform)).records)


def oldest(services: Services, platform: str) -> int | None:
    """Return the time of the oldest waiting entry of a platform, in microseconds; None if none waits.

    Those wait that are due, now or later; parked ones do not.
    """
    return _first(services.storage.list(OutboxEntry.KIND, _query(platform, date_to=PARKED, limit=1)))


def of_platform(
    services: Services, platform: str, *, parked: bool | None = None, offset: int = 0
) -> Iterator[OutboxEntry]:
    """Walk the entries of a platform, oldest first: all, or only those (not) parked. offset: how many are skipped."""
    spread(services)
    moments = {None: {}, True: {"date_from": PARKED}, False: {"date_to": PARKED}}[parked]
    return _walk(services, replace(_query(platform, **moments), offset=offset))


def summary(services: Services, platforms: Iterable[Platform] | None = None) -> list[Summary]:
    """Return the numbers of entries for each of these platforms, by default of all, that has any."""
    spread(services)
    found = []
    for platform in services.platforms.all() if platforms is None else platforms:
        waiting = services.storage.list(OutboxEntry.KIND, _query(platform.id, date_to=PARKED, limit=1))
        parked = services.storage.list(OutboxEntry.KIND, _query(platform.id, date_from=PARKED, limit=1))
        if waiting.total or parked.total:
            found.append(Summary(platform.id, waiting.total, parked.total, _first(waiting)))
    return found


def _first(waiting: Page) -> int | None:
    return next((OutboxEntry.from_record(record).since for record in waiting.records), None)


def retry(services: Services, entry: OutboxEntry) -> None:
    """Make an entry due now, such as a parked one after its cause was removed; raise NotFoundError if it is gone."""

    def again(current: OutboxEntry) -> OutboxEntry:
        return replace(current, changed=None, attempts=0, due=services.now())

    if leases.change(services.storage, entry, again) is None:
        raise NotFoundError(f"The outbox has no such entry of {entry.platform} any more.")


def forget(services: Services, platform: str) -> int:
    """Remove all entries of a platform, for example after the end of its registration; return their number."""
    return sum(remove(services, entry) for entry in list(of_platform(services, platform)))


def remove(services: Services, entry: OutboxEntry) -> bool:
    """Remove an entry, so that the platform does not get this state; True if the entry still existed."""
    return services.storage.delete(OutboxEntry.KIND, entry.key)


def _walk(services: Services, query: Query) -> Iterator[OutboxEntry]:
    return map(OutboxEntry.from_record, walk(services.storage, OutboxEntry.KIND, query))


def _query(platform: str, *, date_from: int | None = None, date_to: int | None = None, limit: int = 500) -> Query:
    return Query(owners=(NOBODY,), receiver=platform, date_from=date_from, date_to=date_to, limit=limit)


class OutboxWriter:
    """Writes the outbox entries of objects of one module. platforms: those that got one, or EVERYBODY.

    ``is_needed`` is False if no partner receives the module: then nothing is compared or written. Call its methods
    after the objects are written, in the same transaction: locks on an object come before locks on its entries.
    ``only`` writes for one platform, also if OCPI_PUSH is off.
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
        self.is_needed = bool(self._partners.receiving(services.identifier(module)))

    def changed(self, key: Key, before: Record | None, after: Record) -> None:
        """Write the entries of an object that was created (``before`` None) or replaced."""
        self.all_changed([(key, before, after)])

    def all_changed(self, changes: Iterable[tuple[Key, Record | None, Record]]) -> None:
        """Write the entries of many objects, each as :meth:`changed` does."""
        if not self.is_needed:
            return
        found: list[OutboxEntry] = []
        for key, before, after in changes:
            if before is None:
                found.extend(self._entries(key, after, None))
            elif not before.has_same_document(after):
                found.extend(self._entries(key, after, difference(self._object_type, before.document, after.document)))
        self._write(found)

    def is_kept_back(self, key: Key, record: Record) -> bool:
        """Tell whether the push filter of the host application keeps an object back from all its recipients."""
        hook = self._services.hooks.push_filter
        if hook is None:
            return False
        found = self._recipients(key.owner, record.audience)
        return not any(hook(self._module, record.document, recipient.platform) for recipient in found)

    def removed(self, key: Key, before: Record) -> None:
        """Write the entries of a removed object, if OCPI can delete it: its recipients are not known later."""
        versions = self._services.versions
        modules = [module for version in versions if (module := version.module(self._module))]
        if not self.is_needed or not any(map(can_be_deleted, modules)):
            return
        hook, document = self._services.hooks.push_filter, before.document
        storage, change = self._services.storage, self._change(key, before, None)
        shown: list[OutboxEntry] = []
        hidden: list[OutboxEntry] = []
        for recipient in self._recipients(key.owner, before.audience):
            is_shown = hook is None or hook(self._module, document, recipient.platform)
            (shown if is_shown else hidden).append(change.for_one(recipient, due=change.due))
        storage.delete(OutboxEntry.KIND, change.key)
        # Only after that: the change may be spread at this moment.
        storage.delete_many(OutboxEntry.KIND, [entry.key for entry in hidden])
        self._write(shown)

    def _write(self, found: Sequence[OutboxEntry]) -> None:
        write(self._services, found)
        self.platforms.update(entry.platform for entry in found)

    def _entries(self, key: Key, record: Record, changed: Changed) -> Iterator[OutboxEntry]:
        if self._only is not None:
            change = self._change(key, record, changed)
            for recipient in self._recipients(key.owner, record.audience):
                yield change.for_one(recipient, due=change.due)
        elif self._partners.reached(self._services.identifier(self._module), record.audience):
            yield self._change(key, record, changed)

    def _change(self, key: Key, record: Record, changed: Changed) -> OutboxEntry:
        document, now = record.document, self._services.now()
        ids = tuple(str(document[name]) for name in self._object_type.id_key)
        return OutboxEntry(
            EVERYBODY, None, self._module, key.owner, ids, changed, since=now, audience=record.audience, due=now
        )

    def _recipients(self, owner: Party, audience: tuple[Party, ...]) -> Sequence[Recipient]:
        return recipients(self._services, self._partners, self._module, owner, audience, only=self._only)
