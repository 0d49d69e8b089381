"""Crawls: reading a list page by page, for pulls and syncs, and the position that is stored with each page."""

from __future__ import annotations

import logging
from base64 import b64decode
from base64 import b64encode
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace

from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import UNSAID
from flask_ocpi.client.listing import ListPage
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk
from flask_ocpi.sync import receiving
from flask_ocpi.sync.known import Known
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.receiving import receive
from flask_ocpi.sync.receiving import tell
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.scopes import scope_of

_log = logging.getLogger("flask_ocpi.sync")
_REMOVED_AT_ONCE = 500


@dataclass(slots=True)
class Crawl:
    """The progress of reading a list. Moments are microseconds since 1970 UTC.

    whole: without dates. endpoint: the URL of the list. url: the next page; "" before the first, None after the last.
    began, touched: by our clock, the start and the time of the latest stored page. asked_at: by the partner's clock,
    the time of its first answer, but not after ``began``; by our clock if the partner gives none. newest: the latest
    ``last_updated`` that was read. broken: the number of broken objects. doubt: why the list may be incomplete; "" if
    it is complete. known: the copies at the start, and which of them the list had; used only for a whole list if
    :attr:`Scope.loses_objects`.
    """

    whole: bool
    endpoint: str
    began: int
    touched: int
    date_from: str | None = None
    date_to: str | None = None
    url: str | None = ""
    total: int | None = None
    asked_at: int | None = None
    newest: int | None = None
    broken: int = 0
    doubt: str = ""
    pages: int = 0
    pulled: Pulled = field(default_factory=Pulled)
    known: Known = field(default_factory=Known)

    @classmethod
    def begin(
        cls,
        services: Services,
        scope: Scope,
        calls: ModuleClient,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
    ) -> Crawl:
        now = services.now()
        whole = date_from is None and date_to is None
        crawl = cls(whole, calls.endpoint(InterfaceRole.SENDER), now, now, date_from, date_to)
        if whole and scope.loses_objects:
            crawl.known.add(copies_of(services, scope))
        return crawl

    @property
    def own(self) -> int:
        return self.pulled.created + self.pulled.updated + self.pulled.unchanged

    @property
    def objects(self) -> int:
        return self.own + self.pulled.foreign + self.broken

    @property
    def moment(self) -> int | None:
        """The moment up to which everything is stored, by the partner's clock, after all pages are read.

        Changes during the crawl may be missing, so it is never after the first answer, also if a ``last_updated`` is in
        the future.
        """
        if self.newest is None or self.asked_at is None:
            return self.newest
        return min(self.newest, self.asked_at)


#: Called in the transaction that stores a page, or removes copies, with the result of :meth:`Known.see` for the page.
Keep = Callable[[Crawl, bytes], None]


def read_pages(
    services: Services,
    scope: Scope,
    calls: ModuleClient,
    crawl: Crawl,
    *,
    keep: Keep = lambda crawl, seen: None,
    progress: Callable[[Pulled], None] = lambda pulled: None,
    seconds: float | None = None,
) -> None:
    """Read a list from the crawl's position to its end; store each page in one transaction with ``keep``.

    Takes at most ``seconds``, by default OCPI_SYNC_MAX_SECONDS. Raises EndlessListError and LongListError; pages read
    until then are stored.
    """
    if crawl.url is None:
        return
    in_quarantine = receiving.names_in(services, scope)
    pages = calls.pages(
        date_from=crawl.date_from,
        date_to=crawl.date_to,
        url=crawl.url,
        total=crawl.total,
        prefetch=True,
        read=crawl.pages,
        objects=crawl.objects,
        seconds=services.settings.sync_max_seconds if seconds is None else seconds,
        receiver=scope.receiver,
        keep=scope.item_of,
    )
    for page in pages:
        with services.storage.transaction():
            receipt = receive(services, scope, page.documents, crawl.pulled, known=crawl.known)
            _advance(services, crawl, page)
            broken = [*page.broken, *receipt.broken]
            crawl.broken += len(broken) + page.more_broken
            crawl.pulled.left_out.add(broken, page.more_broken)
            # Other objects that were refused during reading are findings already.
            unsaid = (item for item in page.broken if item.reason == UNSAID)
            for item in (*unsaid, *receipt.broken):
                services.findings.add(receiving.finding_of(scope, item.document, item.reason))
            in_quarantine |= receiving.names_of(scope, broken)
            for record in receipt.settled if in_quarantine else ():
                receiving.release(services, scope, record.document, in_quarantine)
            keep(crawl, crawl.known.see(receipt.seen))
        if page.more_broken:
            outcome = f"{page.more_broken} objects of a page are not valid and were only counted."
            platform, module = scope.platform.id, str(scope.module.id)
            services.findings.add(Finding(platform, "broken_objects", module, outcome=outcome, refused=True))
        tell(services, scope, receipt.stored)
        progress(crawl.pulled)


def remove_vanished(
    services: Services, scope: Scope, crawl: Crawl, *, force: bool, keep: Keep = lambda crawl, seen: None
) -> int:
    """Remove the copies that the whole list did not have (PAG-20); return the number that was held back instead.

    Removes nothing if the list had broken objects: they may be the missing ones. Keeps copies that changed since the
    list was requested. If the list was empty, or may be incomplete, all of these copies are held back unless ``force``.
    """
    if crawl.broken or not crawl.known.unseen:
        return 0
    if (crawl.doubt or not crawl.own) and not force:
        return crawl.known.unseen
    vanished = [key for key, _ in copies_of(services, scope) if crawl.known.is_unseen(key)]
    for start in range(0, len(vanished), _REMOVED_AT_ONCE):
        removed = []
        with services.storage.transaction():
            keep(crawl, b"")
            some = vanished[start : start + _REMOVED_AT_ONCE]
            for key, record in services.storage.get_many(scope.object_type.kind, some, for_update=True).items():
                if record.revision == crawl.known.revision(key):
                    services.storage.delete(scope.object_type.kind, key)
                    removed.append(key)
        crawl.pulled.removed += len(removed)
        for key in removed:
            services.emit(object_removed, module=scope.module.id, key=key, platform=scope.platform)
    return 0


def _advance(services: Services, crawl: Crawl, page: ListPage) -> None:
    if not crawl.pages:
        crawl.asked_at = crawl.began if page.moment is None else min(page.moment, crawl.began)
    crawl.url = page.following
    crawl.total = crawl.pulled.total = page.total
    crawl.touched = services.now()
    crawl.pages += 1
    crawl.doubt = page.doubt
    moments = [item.record.last_updated for item in page.documents]
    moments += [moment for item in page.broken if (moment := _last_updated(item.document)) is not None]
    crawl.newest = max((moment for moment in (*moments, crawl.newest) if moment is not None), default=None)


def _last_updated(document: Document) -> int | None:
    """Read the ``last_updated`` of a broken object; None if it cannot be read."""
    try:
        return to_micros(document["last_updated"])
    except (TypeError, KeyError, ValueError):
        return None


def copies_of(services: Services, scope: Scope) -> Iterator[tuple[Key, int]]:
    """Walk the keys and revisions of the copies that the receiver has of the platform's objects."""
    kind = scope.object_type.kind
    return services.storage.keys(kind, scope.copies, key_of=lambda record: scope.key_of(record.document))


def pull(
    client: Client,
    module: str,
    *,
    date_from: str | None = None,
    date_to: str | None = None,
    receiver: Party | None = None,
    progress: Callable[[Pulled], None] = lambda _: None,
) -> Pulled:
    """Fetch the objects of a platform's Sender interface and store them for one of our own parties.

    Without dates, copies that the platform no longer lists are removed at the end (PAG-20), unless the list had broken
    objects: they may be the missing ones. Copies from a hub stay, since other platforms may push them too.

    Raises IncompleteListError at the end if the list may be incomplete, so that copies were held back.
    """
    calls = client.module(module)
    scope = scope_of(client.services, client.platform, module, receiver)
    crawl = Crawl.begin(client.services, scope, calls, date_from=date_from, date_to=date_to)
    read_pages(client.services, scope, calls, crawl, progress=progress)
    held_back = remove_vanished(client.services, scope, crawl, force=not crawl.doubt)
    progress(crawl.pulled)
    if held_back:
        raise IncompleteListError(
            f"It is not sure that the list of {module} of {client.platform.id} had everything: {crawl.doubt}. "
            f"{held_back} copies that it lacks are kept."
        )
    return crawl.pulled


#: One record has the progress of a crawl; others have the data of :class:`Known`: the earlier copies, and each page.
POSITIONS = "sync_positions"

_RECORDS_AT_ONCE = 100
_MOST_FAILURES = 5  # in a row at one position; each stored page begins anew
_KNOWN = "KNOWN"
_SEEN = "SEEN"
_KEPT = tuple(item.name for item in fields(Crawl) if item.name not in ("pulled", "known"))
_COUNTS = tuple(item.name for item in fields(Pulled) if item.name != "left_out")


def load_crawl(services: Services, scope: Scope) -> Crawl | None:
    """Return the interrupted crawl of a scope, with the number of broken objects only; None without one."""
    record = services.storage.get(POSITIONS, scope.key)
    if record is None:
        return None
    document = record.document
    known = {name: document[name] for name in _KEPT if name in document}
    crawl = Crawl(**known, pulled=Pulled(**document["pulled"]))
    seen = []
    for item in walk(services.storage, POSITIONS, _all_of(scope)):
        kept = item.document
        if kept.get("part") == _KNOWN:
            crawl.known.load(b64decode(kept["copies"]))
        elif kept.get("part") == _SEEN:
            seen.append(kept["copies"])
    for copies in seen:
        crawl.known.see_again(b64decode(copies))
    return crawl


def store_crawl(services: Services, scope: Scope, crawl: Crawl) -> None:
    """Store a new crawl in place of any other; in a transaction."""
    forget_crawl(services, scope)
    for number, part in enumerate(crawl.known.parts()):
        _save_copies(services, scope, _KNOWN, number, part)
    _save(services, scope, crawl)


def store_page(services: Services, scope: Scope, crawl: Crawl, seen: bytes) -> None:
    """Store the position of a crawl and the copies on its latest page, in the transaction that stores the page."""
    if seen:
        _save_copies(services, scope, _SEEN, crawl.pages, seen)
    _save(services, scope, crawl)


def count_failure(services: Services, scope: Scope) -> None:
    """Count a failure at the position, and remove it after the fifth one in a row; in a transaction."""
    record = services.storage.get(POSITIONS, scope.key, for_update=True)
    if record is None:
        return
    failures = record.document.get("failures", 0) + 1
    if failures >= _MOST_FAILURES:
        forget_crawl(services, scope)
        return
    document = {**record.document, "failures": failures}
    services.storage.save(POSITIONS, scope.key, Record.of(document, last_updated=document["touched"]))


def forget_crawl(services: Services, scope: Scope) -> None:
    """Remove the position of a crawl; in a transaction."""
    query = replace(_all_of(scope), limit=_RECORDS_AT_ONCE)
    while services.storage.delete_page(POSITIONS, query, key_of=lambda record: _key(scope, record.document)):
        pass


def _save(services: Services, scope: Scope, crawl: Crawl) -> None:
    pulled = {name: getattr(crawl.pulled, name) for name in _COUNTS}
    document = {**{name: getattr(crawl, name) for name in _KEPT}, "pulled": pulled}
    services.storage.save(POSITIONS, scope.key, Record.of(document, last_updated=crawl.touched))


def _save_copies(services: Services, scope: Scope, part: str, number: int, copies: bytes) -> None:
    document = {"part": part, "number": number, "copies": b64encode(copies).decode()}
    services.storage.save(POSITIONS, _key(scope, document), Record.of(document))


def _key(scope: Scope, document: Document) -> Key:
    id = f"{document['part']}\n{document['number']}" if "part" in document else ""
    return Key("", "", id, scope.name)


def _all_of(scope: Scope) -> Query:
    return Query(owners=(NOBODY,), receiver=scope.name)
