"""Backfill: fetches objects that a partner changed but that are missing here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from functools import partial

from flask_ocpi.client.client import Client
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.operations import operations_of
from flask_ocpi.core import forks
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import is_believable
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.context import Missing
from flask_ocpi.exchange.context import Services
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage import leases
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import fold
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.stored import Stored
from flask_ocpi.sync.crawling import Crawl
from flask_ocpi.sync.crawling import read_pages
from flask_ocpi.sync.known import Known
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.receiving import receive
from flask_ocpi.sync.receiving import tell
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.scopes import scope_of
from flask_ocpi.sync.watermarks import date_time

_log = logging.getLogger("flask_ocpi.sync")

_MOST = 1000  # of one platform
_FIRST_PAUSE = 60.0  # seconds; it doubles with each failure
_LONGEST_PAUSE = 3600.0
_GIVEN_UP_AFTER = 86_400 * SECOND
_LEASE_MARGIN = 60.0
_LONGEST_NAP = 60.0


@dataclass(frozen=True, slots=True)
class MissingObject(Stored):
    """An object to fetch from a platform.

    moment: the ``last_updated`` of the missed change. since: when that change came. failures: the failed fetches. due:
    when to fetch it; during a fetch, the end of the lease. Moments are microseconds.
    """

    KIND = "missing_objects"

    platform: str
    module: str
    owner: Party
    id: str
    receiver: Party
    moment: int
    since: int
    failures: int = 0
    due: int = 0

    @property
    def key(self) -> Key:
        id = "\n".join((self.module, str(self.receiver), str(self.owner), self.id))
        return Key("", "", fold(id), self.platform)

    @property
    def object_key(self) -> Key:
        return Key.of(*self.owner, self.id, self.receiver, self.platform)


class Backfill:
    """Fetches missing objects, those of a platform one after another, each in one process only.

    connect: makes a client of a platform, for our party ``sender`` and its party ``to``.
    """

    def __init__(self, services: Callable[[], Services], connect: Callable[..., Client]) -> None:
        self._services = services
        self._connect = connect
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._fetching: set[str] = set()
        self._lock = threading.Lock()

    def missed(self, missing: Missing) -> None:
        """Have an object fetched in the background: a platform changed it, but it is missing here.

        Does nothing if the object is already noted, if the platform has no list of such objects, or if it does not
        speak for the owner.
        """
        services, platform = self._services(), missing.platform
        theirs = services.platforms.speaks_for(platform, missing.owner)
        if not theirs or platform.endpoint(services.identifier(missing.module), InterfaceRole.SENDER) is None:
            return
        try:
            is_new = _note(services, missing)
        except StorageError as error:
            _log.warning("That %s of %s is missing could not be noted: %s", missing.module, platform.id, error)
            return
        if is_new:
            services.background(lambda: self.fetch_due(platform.id))

    def fetch_due(self, platform_id: str) -> int:
        """Fetch due objects of a platform, unless another thread does; return their number."""
        services = self._services()
        with self._lock:
            if platform_id in self._fetching:
                return 0
            self._fetching.add(platform_id)
        got = 0
        try:
            while (wanted := _take(services, platform_id)) is not None:
                got += self._fetch(services, wanted)
        finally:
            with self._lock:
                self._fetching.discard(platform_id)
        return got

    def run(self) -> None:
        services = self._services()
        due = walk(services.storage, MissingObject.KIND, leases.due_by(services.now(), None))
        for platform in sorted({MissingObject.from_record(record).platform for record in due}):
            services.background(partial(self.fetch_due, platform))

    def seconds_left(self) -> float | None:
        """Return the seconds until an object is due; None if none is missing."""
        services = self._services()
        if services.storage.list(MissingObject.KIND, leases.due_by(services.now(), None)).records:
            return 0.0
        return _LONGEST_NAP if services.storage.list(MissingObject.KIND, _all_of(None)).records else None

    def _fetch(self, services: Services, wanted: MissingObject) -> bool:
        """Fetch a leased object; return True if it is here now, also if it was pushed."""
        platform = services.platforms.get(wanted.platform)
        if platform is None or not platform.is_registered or not services.platforms.speaks_for(platform, wanted.owner):
            services.storage.delete(MissingObject.KIND, wanted.key)
            return False
        if platform.is_suspended:  # that is no failure to fetch: it is not given up
            _postpone(services, replace(wanted, since=services.now()))
            return False
        try:
            scope = scope_of(services, platform, wanted.module, wanted.receiver)
            if not _is_here(services, scope, wanted, fetched=False):
                with self._connect(platform, sender=wanted.receiver, to=_addressed(platform, wanted.owner)) as client:
                    _get(services, scope, client.module(wanted.module), wanted)
            reason = "" if _is_here(services, scope, wanted, fetched=True) else "the platform does not list it"
        except FlaskOCPIError as error:
            reason = str(error)
        except Exception:
            _postpone(services, wanted)
            raise
        if not reason:
            services.storage.delete(MissingObject.KIND, wanted.key)
            return True
        _log.warning("%s %s of %s could not be fetched: %s", wanted.module, ascii(wanted.id), wanted.platform, reason)
        _postpone(services, wanted)
        return False


def _note(services: Services, missing: Missing) -> bool:
    """Note an object to fetch; return False if it is noted already."""
    now = services.now()
    platform = missing.platform.id
    wanted = MissingObject(
        platform=platform,
        module=missing.module,
        owner=missing.owner,
        id=missing.id,
        receiver=missing.receiver,
        moment=missing.last_updated,
        since=now,
        due=now,
    )
    if services.storage.list(MissingObject.KIND, _all_of(platform)).total >= _MOST:
        return False
    try:
        services.storage.save(MissingObject.KIND, wanted.key, wanted.to_record(), expected=0)
    except ConflictError:
        return False
    return True


def _all_of(platform: str | None) -> Query:
    return Query(owners=(NOBODY,), receiver=platform, limit=1)


def _take(services: Services, platform: str) -> MissingObject | None:
    """Lease an object that is due, for the longest time of a fetch; drop objects that were tried for a day."""
    seconds = 2 * services.settings.http_timeout + _LEASE_MARGIN
    while True:
        wanted = leases.take_next(services.storage, MissingObject, platform, now=services.now(), seconds=seconds)
        if wanted is None or services.now() - wanted.since < _GIVEN_UP_AFTER:
            return wanted
        services.storage.delete(MissingObject.KIND, wanted.key)


def _postpone(services: Services, wanted: MissingObject) -> None:
    failures = wanted.failures + 1
    pause = leases.pause(failures, _LONGEST_PAUSE, first=_FIRST_PAUSE)
    later = replace(wanted, failures=failures, due=leases.after(services.now(), pause))
    services.storage.save(MissingObject.KIND, wanted.key, later.to_record())


def _addressed(platform: Platform, owner: Party) -> Party | None:
    """Return the party to address: the owner if it is the platform's, or behind this hub; else None."""
    return owner if platform.is_hub or platform.has(owner) else None


def _is_here(services: Services, scope: Scope, wanted: MissingObject, *, fetched: bool) -> bool:
    """Tell whether there is a copy that is not older than the missed change.

    If the moment of either is in the future, only an object that was ``fetched`` counts.
    """
    record = services.storage.get(scope.object_type.kind, wanted.object_key)
    if record is None:
        return False
    if not is_believable(max(record.last_updated, wanted.moment), wanted.since):
        return fetched
    return record.last_updated >= wanted.moment


def _get(services: Services, scope: Scope, calls: ModuleClient, wanted: MissingObject) -> None:
    """Fetch an object by its id if its module allows that; else all objects changed since the missed change."""
    pulled = Pulled()
    operations = operations_of(scope.module, InterfaceRole.SENDER)
    single = (o for o in operations if o.object is not None and not o.returns_list and not o.part)
    if all(operation.method != "GET" for operation in single):
        moment = min(wanted.moment, services.now()) - services.settings.sync_overlap * SECOND
        crawl = Crawl.begin(services, scope, calls, date_from=date_time(moment))
        read_pages(services, scope, calls, crawl, seconds=2 * services.settings.http_timeout)  # as long as the lease
        return
    document = calls.get(*wanted.id.split("\n"))
    if scope.key_of(document) != wanted.object_key:  # another party of the platform has an object with this id
        return
    with services.storage.transaction():
        receipt = receive(services, scope, [scope.item_of(document)], pulled, known=Known())
    tell(services, scope, receipt.stored)
