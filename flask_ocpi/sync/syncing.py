"""Syncing: keeps copies current by fetching changed objects."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from typing import Any

from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import Ahead
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.paging import is_about_the_page
from flask_ocpi.core import forks
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import is_believable
from flask_ocpi.errors import EndlessListError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import is_answering
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.leases import NEVER
from flask_ocpi.sync import receiving
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.crawling import Crawl
from flask_ocpi.sync.crawling import count_failure
from flask_ocpi.sync.crawling import forget_crawl
from flask_ocpi.sync.crawling import load_crawl
from flask_ocpi.sync.crawling import read_pages
from flask_ocpi.sync.crawling import remove_vanished
from flask_ocpi.sync.crawling import store_crawl
from flask_ocpi.sync.crawling import store_page
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.scopes import all_scopes
from flask_ocpi.sync.scopes import scopes_of
from flask_ocpi.sync.watermarks import BusyError
from flask_ocpi.sync.watermarks import Watermark

_log = logging.getLogger("flask_ocpi.sync")

_PLATFORMS_AT_ONCE = 4
_STALE = 86_400 * SECOND  # a crawl that is older is not resumed: the list has changed too much


@dataclass(slots=True)
class Synced:
    """The outcome of syncing a module of a platform for one own party.

    platform: its id. whole: the whole list was read, not only changes. pulled: the result for all pages, also those
    that an earlier process read. held_back: the number of copies that were not in the list but stay, because the list
    was empty or because of ``doubt``. doubt: why the list may be incomplete; "" if it is complete. error: why the sync
    did not end; None if it did.
    """

    platform: str
    module: str
    receiver: Party
    whole: bool = False
    pulled: Pulled = field(default_factory=Pulled)
    held_back: int = 0
    doubt: str = ""
    error: FlaskOCPIError | None = None

    @property
    def is_complete(self) -> bool:
        """Tell whether the copies are complete, apart from broken objects."""
        return self.error is None and not self.held_back

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data, with the number of broken objects."""
        return {
            "platform": self.platform,
            "module": self.module,
            "receiver": str(self.receiver),
            "full": self.whole,
            "listed": self.pulled.total,
            **self.pulled.counts,
            "broken": self.pulled.left_out.number,
            "held_back": self.held_back,
            "error": None if self.error is None else str(self.error),
        }


def sync(
    services: Services,
    connect: Callable[..., Client],
    scope: Scope,
    *,
    full: bool = False,
    force: bool = False,
    progress: Callable[[Synced], None] = lambda synced: None,
) -> Synced:
    """Bring the copies of one scope up to date and return the outcome; it has a RemoteError or the like in ``error``.

    Requests only changes since the watermark. Requests the whole list the first time, when OCPI_SYNC_FULL_ INTERVAL is
    over, or with ``full``. Resumes an interrupted sync. ``force`` removes copies also if the whole list is empty.
    connect: makes a client of a platform, for our party ``sender``.
    """
    synced = Synced(scope.platform.id, str(scope.module.id), scope.receiver)
    taken = watermarks.take(services, scope)
    if taken is None:
        synced.error = BusyError(f"Another process syncs {synced.module} of {synced.platform} right now.")
        return synced
    try:
        with connect(scope.platform, sender=scope.receiver) as client:
            _Run(services, scope, client.module(synced.module), taken, synced, progress).run(full=full, force=force)
    except FlaskOCPIError as error:
        _log.warning("%s of %s could not be synced: %s", synced.module, synced.platform, error)
        synced.error = error
        _note_failure(services, scope, taken, error)
    except Exception as error:
        watermarks.failed(services, taken, f"{type(error).__name__}: {error}")
        raise
    except BaseException:
        watermarks.given_back(services, taken)
        raise
    return synced


def sync_all(
    services: Services,
    connect: Callable[..., Client],
    platforms: Iterable[Platform],
    modules: Collection[str] = (),
    *,
    full: bool = False,
    force: bool = False,
    progress: Callable[[Synced], None] = lambda synced: None,
) -> list[Synced]:
    """Sync all modules of some platforms, or only these modules; see :func:`sync`.

    The lists of a platform are synced one after another, up to four platforms in parallel threads; without threads
    while another platform waits for our answer, and if OCPI_DISPATCHER is "inline". Scopes that failed the last time
    come last, so that they delay no others. ``progress`` is called by one thread at a time.
    """
    chosen = [scope for platform in platforms for scope in scopes_of(services, platform, modules)]
    chosen.sort(key=lambda scope: watermarks.get(services, scope).failures > 0)
    by_platform: dict[str, list[Scope]] = {}
    for scope in chosen:
        by_platform.setdefault(scope.platform.id, []).append(scope)
    done: dict[str, Synced] = {}
    telling, stopping = threading.Lock(), threading.Event()

    def tell(synced: Synced) -> None:
        if stopping.is_set():
            raise _Stopped
        with telling:
            progress(synced)

    def sync_each(scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            done[scope.name] = sync(services, connect, scope, full=full, force=force, progress=tell)

    _side_by_side(services, [partial(sync_each, scopes) for scopes in by_platform.values()], stopping)
    return [done[scope.name] for scope in chosen]


class _Stopped(BaseException):
    """Another thread failed: this sync releases its lease, to be resumed."""


def _side_by_side(services: Services, works: Sequence[Callable[[], None]], stopping: threading.Event) -> None:
    """Run all works, some at a time; if one fails, stop the others and raise its error."""
    left, errors = deque(works), list[BaseException]()

    def take_part() -> None:
        with suppress(IndexError):
            while not stopping.is_set():
                work = left.popleft()
                try:
                    work()
                except BaseException as error:
                    errors.append(error)
                    stopping.set()

    others = 0 if is_answering() else min(_PLATFORMS_AT_ONCE, len(works)) - 1
    helpers = [Ahead(take_part, services.background) for _ in range(others)]
    take_part()
    try:
        for helper in helpers:
            helper.answer()
    except BaseException:
        stopping.set()
        for helper in helpers:
            helper.answer()  # it ends after its current page
        raise
    if errors:
        raise errors[0]


def lags(services: Services) -> Iterator[tuple[str, str, Party, float | None]]:
    """Walk all scopes: platform id, module, own party, and seconds since the last complete sync, or None."""
    now = services.now()
    for scope in all_scopes(services):
        completed = watermarks.get(services, scope).completed
        seconds = None if completed is None else (now - completed) / SECOND
        yield scope.platform.id, str(scope.module.id), scope.receiver, seconds


def _note_failure(services: Services, scope: Scope, taken: Watermark, error: FlaskOCPIError) -> None:
    is_useless = isinstance(error, EndlessListError | IncompleteListError)
    # An answer: the position may be the reason. A short outage looks the same.
    is_an_answer = isinstance(error, InvalidResponseError) or (
        isinstance(error, RefusedError) and not error.is_about_us
    )
    try:
        if is_useless or is_an_answer:
            with suppress(BusyError), services.storage.transaction():
                watermarks.renew(services, taken)
                (forget_crawl if is_useless else count_failure)(services, scope)
        watermarks.failed(services, taken, str(error), retry_after=getattr(error, "retry_after", None))
    except StorageError as failure:  # the other scopes fail too, and report that themselves
        _log.warning("That %s of %s failed could not be noted: %s", scope.module.id, scope.platform.id, failure)


@dataclass(frozen=True, slots=True)
class _Run:
    """One sync of a leased scope."""

    services: Services
    scope: Scope
    calls: ModuleClient
    taken: Watermark
    synced: Synced
    progress: Callable[[Synced], None]

    def run(self, *, full: bool, force: bool) -> None:
        self._check_open()
        endpoint = self.calls.endpoint(InterfaceRole.SENDER)
        whole = full or self._is_whole_list_due(endpoint)
        crawl = self._left_over(endpoint, whole=whole)
        if crawl is not None:
            pages = crawl.pages
            try:
                return self._read(crawl, force=force)
            except RefusedError as error:
                if crawl.pages > pages or not is_about_the_page(error):
                    raise
                name = self.scope.platform.id
                _log.info("%s cannot resume its list where it was: the list is read from its beginning.", name)
        return self._read(self._begin(whole=whole), force=force)

    def _is_whole_list_due(self, endpoint: str) -> bool:
        last, interval = self.taken.reconciled, self.services.settings.sync_full_interval
        if self.taken.moment is None or last is None or self.taken.endpoint != endpoint:
            return True
        now = self.services.now()
        if not is_believable(self.taken.moment, now):  # it would hide all changes until then
            return True
        return bool(interval) and now - last >= interval * SECOND

    def _left_over(self, endpoint: str, *, whole: bool) -> Crawl | None:
        """Return the interrupted crawl if it can be resumed."""
        crawl = load_crawl(self.services, self.scope)
        if crawl is None or (whole and not crawl.whole) or self.services.now() - crawl.touched > _STALE:
            return None
        return crawl if crawl.endpoint == endpoint else None

    def _begin(self, *, whole: bool) -> Crawl:
        date_from = None
        if not whole and self.taken.moment is not None:
            overlap = self.services.settings.sync_overlap * SECOND
            date_from = watermarks.date_time(min(self.taken.moment, self.services.now()) - overlap)
        crawl = Crawl.begin(self.services, self.scope, self.calls, date_from=date_from)
        with self.services.storage.transaction():
            watermarks.renew(self.services, self.taken)
            store_crawl(self.services, self.scope, crawl)
        return crawl

    def _read(self, crawl: Crawl, *, force: bool) -> None:
        services, scope, synced = self.services, self.scope, self.synced
        synced.whole, synced.pulled = crawl.whole, crawl.pulled
        self.progress(synced)
        read_pages(services, scope, self.calls, crawl, keep=self._keep, progress=lambda _: self.progress(synced))
        synced.held_back = remove_vanished(services, scope, crawl, force=force, keep=self._keep)
        if synced.held_back:
            synced.doubt = crawl.doubt
            text = "%s lists no %s any more: the %d copies here are kept."
            if crawl.doubt:
                text = "It is not sure that the list of %s had all %s: %d copies that it lacks are kept."
            _log.warning(text, synced.platform, synced.module, synced.held_back)
        with services.storage.transaction():
            moment = self._new_moment(crawl)
            watermarks.completed(services, self.taken, moment=moment, endpoint=crawl.endpoint, whole=crawl.whole)
            forget_crawl(services, scope)
        if crawl.whole:
            receiving.forget_unseen(services, scope, since=crawl.began)
        self.progress(synced)

    def _check_open(self) -> None:
        """Raise NotConnectedError if an operator has suspended the platform, also while the sync goes on."""
        platform = self.services.platforms.get(self.scope.platform.id)
        if platform is not None:
            platform.check_open()

    def _keep(self, crawl: Crawl, seen: bytes) -> None:
        self._check_open()
        watermarks.renew(self.services, self.taken)
        store_page(self.services, self.scope, crawl, seen)

    def _new_moment(self, crawl: Crawl) -> int | None:
        """Return the new watermark: only a whole list may move it back, as after a wrong clock of the platform."""
        before = self.taken.moment
        if crawl.moment is None or before is None:
            return crawl.moment if before is None else before
        return crawl.moment if crawl.whole else max(crawl.moment, min(before, crawl.began))


_TURN = 30.0  # seconds; a platform whose sync takes longer no longer counts among those side by side
_MOST_PLATFORMS = 32  # at a time, including those
_LOOKS = 60.0  # seconds until new platforms are noticed, at the most
_BUSY_PAUSE = 1.0


class Schedule:
    """Syncs scopes that are due by OCPI_SYNC_INTERVAL, each platform in the background, some platforms side by side.

    A long sync continues beside those, so slow or endless lists delay no others. Any number of processes may have a
    schedule on the same storage: a scope is leased before it is synced.
    """

    def __init__(self, services: Callable[[], Services], connect: Callable[..., Client]) -> None:
        self._services = services
        self._connect = connect
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._syncing: dict[str, int] = {}  # by platform: the start, in microseconds
        self._lock = threading.Lock()
        self._look_at = 0  # microseconds; before it nothing is due

    def seconds_left(self) -> float | None:
        """Return the seconds until a sync may be due; None without scheduled syncs."""
        services = self._services()
        if not services.settings.sync_interval:
            return None
        return max(0.0, (self._look_at - services.now()) / SECOND)

    def run(self) -> None:
        services = self._services()
        scopes = list(all_scopes(services))
        by_platform: dict[str, list[Scope]] = {}
        for scope in scopes:
            watermarks.plan(services, scope)
            if watermarks.get(services, scope).due <= services.now():
                by_platform.setdefault(scope.platform.id, []).append(scope)
        for platform, chosen in by_platform.items():
            if self._reserve(platform):
                services.background(partial(self._sync, platform, chosen))
        # When to look again: at the next ``due`` of a scope, soon if a due scope waits for others.
        now = services.now()
        next_due = min((watermarks.get(services, scope).due for scope in scopes), default=NEVER)
        earliest, latest = now + int(_BUSY_PAUSE * SECOND), now + int(_LOOKS * SECOND)
        self._look_at = max(earliest, min(next_due, latest))

    def _sync(self, platform: str, scopes: Sequence[Scope]) -> None:
        try:
            for scope in scopes:
                sync(self._services(), self._connect, scope)
        finally:
            with self._lock:
                self._syncing.pop(platform, None)
            self._look_at = 0  # the synced scopes have a new ``due``, and others may have waited for this platform

    def _reserve(self, platform: str) -> bool:
        now = self._services().now()
        with self._lock:
            in_turn = sum(0 <= now - began < _TURN * SECOND for began in self._syncing.values())
            if platform in self._syncing or in_turn >= _PLATFORMS_AT_ONCE or len(self._syncing) >= _MOST_PLATFORMS:
                return False
            self._syncing[platform] = now
        return True
