"""Positions: stored with each page of a list, so that another process can resume."""

from __future__ import annotations

from base64 import b64decode
from base64 import b64encode
from dataclasses import replace

from flask_ocpi.core.description import Document
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.crawling import Crawl
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.scopes import Scope

#: One record has the progress of a crawl; others have the data of :class:`Known`: the earlier copies, and each page.
POSITIONS = "sync_positions"

_RECORDS_AT_ONCE = 100
_MOST_FAILURES = 5  # in a row at one position; each stored page begins anew
_KNOWN = "KNOWN"
_SEEN = "SEEN"
_KEPT = (
    *("whole", "endpoint", "began", "touched", "date_from", "date_to", "url", "total", "asked_at", "newest"),
    *("broken", "doubt", "pages"),
)
_COUNTS = ("total", "created", "updated", "unchanged", "removed", "foreign")


def load(services: Services, scope: Scope) -> Crawl | None:
    """Return the interrupted crawl of a scope, or None.

    It has only the number of broken objects.
    """
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


def begin(services: Services, scope: Scope, crawl: Crawl) -> None:
    """Store a new crawl in place of any other; in a transaction."""
    forget(services, scope)
    for number, part in enumerate(crawl.known.parts()):
        _save_copies(services, scope, _KNOWN, number, part)
    _save(services, scope, crawl)


def advance(services: Services, scope: Scope, crawl: Crawl, seen: bytes) -> None:
    """Store the position of a crawl and the copies on its latest page, in the transaction that stores the page."""
    if seen:
        _save_copies(services, scope, _SEEN, crawl.pages, seen)
    _save(services, scope, crawl)


def failed(services: Services, scope: Scope) -> None:
    """Count a failure at the position, and remove it after the fifth one in a row; in a transaction."""
    record = services.storage.get(POSITIONS, scope.key, for_update=True)
    if record is None:
        return
    failures = record.document.get("failures", 0) + 1
    if failures >= _MOST_FAILURES:
        forget(services, scope)
        return
    document = {**record.document, "failures": failures}
    services.storage.save(POSITIONS, scope.key, Record.of(document, last_updated=document["touched"]))


def forget(services: Services, scope: Scope) -> None:
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
