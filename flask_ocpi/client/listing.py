"""Crawling a list of another platform: from page to page, past broken objects, over changes meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import orjson

from flask_ocpi.client.addresses import same_origin
from flask_ocpi.description import Document
from flask_ocpi.errors import EndlessListError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import LongListError
from flask_ocpi.fields import to_micros
from flask_ocpi.pagination import next_url
from flask_ocpi.pagination import offset_of
from flask_ocpi.pagination import read_count
from flask_ocpi.pagination import with_offset
from flask_ocpi.schema import Schema
from flask_ocpi.schema import load

_log = logging.getLogger("flask_ocpi.client")
_MAX_REDONE = 1000
_MOST_SAID = 100  # objects of a page: to find out what is wrong with one takes long
#: Why an object is left out of a page that has too many broken ones to look at each.
UNSAID = "Invalid object; too many of its page are to say what is wrong with each."
#: So many broken objects are kept, of a page and of a whole list; the others are only counted.
MOST_BROKEN = 1000
_MOST_BYTES = 32 * 1024 * 1024  # of the broken objects of a whole list
_REMEMBERED = 100_000  # objects of a list; a list that repeats itself later than that has a bound of pages
_MOST_MOVED = 10_000  # objects
_MOST_STALE = 3  # pages in a row


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is read of a list that does not end by itself.

    pages: how many, with those that were left out because they were asked for anew. ends: until when, on the monotonic
    clock; None for any time. found: is told what was wrong with the list, as a kind of finding and in words.
    """

    pages: int = 50_000
    ends: float | None = None
    found: Callable[[str, str], None] = lambda kind, reason: None


NO_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Broken:
    """An object of a list that cannot be taken, and why."""

    document: Any
    reason: str


@dataclass(slots=True)
class LeftOut:
    """The broken objects of a list. ``number`` is how many there are, ``kept`` the first of them, up to a bound."""

    kept: list[Broken] = field(default_factory=list)
    number: int = 0
    _bytes: int = 0

    def add(self, items: Sequence[Broken], others: int = 0) -> None:
        """Count some, and as many others; keep what there is room for."""
        self.number += len(items) + others
        for item in items[: max(0, MOST_BROKEN - len(self.kept))]:
            try:
                size = len(orjson.dumps(item.document))
            except orjson.JSONEncodeError:  # nested too deep to be kept
                item, size = Broken(None, item.reason), 0
            if self._bytes + size <= _MOST_BYTES:
                self._bytes += size
                self.kept.append(item)


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list: its valid objects, the broken ones, and where the list goes on.

    more_broken: how many broken objects there are beyond the first thousand.

    total: X-Total-Count, None when the platform does not say. following: the URL of the next page, None on the last.
    moment: the platform's own time when it answered, in microseconds; None when it does not say.
    """

    documents: list[Document]
    broken: list[Broken]
    total: int | None
    following: str | None
    moment: int | None
    more_broken: int = 0


class _Ahead:
    """A page that is fetched in a thread, or by who asks for it when that has not begun yet.

    background: runs a function in a thread, at some time.
    """

    def __init__(
        self, fetch: Callable[[str], Any], url: str, background: Callable[[Callable[[], object]], None]
    ) -> None:
        self._fetch = fetch
        self._url = url
        self._answer: Future[Any] = Future()
        try:
            background(self._run)
        except RuntimeError as error:  # no thread can be started, as when the process ends
            _log.debug("%s is not fetched ahead: %s", _path(url), error)

    def answer(self) -> Any:
        """Wait for the answer and return it, or raise what fetching it raised."""
        return self._fetch(self._url) if self._answer.cancel() else self._answer.result()

    def drop(self) -> None:
        """Want it no more: nothing is sent that was not yet."""
        self._answer.cancel()

    def _run(self) -> None:
        if not self._answer.set_running_or_notify_cancel():
            return
        try:
            self._answer.set_result(self._fetch(self._url))
        except BaseException as error:  # whatever it is, it belongs to who asks for the page
            self._answer.set_exception(error)


class _Known:
    """What is known of a list by the pages that were read: where they were, and which objects they had.

    A list that changes may repeat objects: as many as it became longer or shorter by, and some pages besides, where it
    shows first what changed last.
    """

    def __init__(self) -> None:
        self.visited: set[str] = set()
        self._objects: set[int] = set()
        self._moved = 0
        self._stale_pages = 0

    @property
    def is_repeating(self) -> bool:
        """Tell whether page after page has nothing but objects that came before."""
        return self._stale_pages > _MOST_STALE

    def note_change(self, before: int | None, total: int | None) -> None:
        """Note that the list has become longer or shorter: so many objects may come again (PAG-19)."""
        if before is not None and total is not None:
            self._moved = min(self._moved + abs(total - before), _MOST_MOVED)

    def take_new(self, items: list[Any]) -> list[Any]:
        """Return the objects of a page that did not come before."""
        marks = [_mark(item) for item in items]
        new = [item for item, mark in zip(items, marks, strict=True) if mark not in self._objects]
        if new:
            self._stale_pages = 0
        elif len(items) > self._moved:
            self._stale_pages += 1
        else:
            self._moved -= len(items)
        if len(self._objects) > _REMEMBERED:
            self._objects.clear()
        self._objects.update(marks)
        return new


class Pages:
    """An iterator over the pages of a list, each fetched when it is asked for.

    It may begin in the middle: ``url`` is any page of the list at ``endpoint``, ``total`` what the page before said.
    An object that came before, just as it is, is left out. fetched: how many pages were fetched and asked for.
    read: reads an object, and raises InvalidParametersError for one that is to be left out; by default by the schema.
    background: runs a function in a thread. With it, the page after the one that was asked for is fetched meanwhile,
    no more than that one. Who stops early leaves at most one request behind, which ends by itself.

    Raises EndlessListError after a page with which the list turns out not to end, and LongListError when the time is
    over: what was read by then is valid, but it is not the list.
    """

    def __init__(
        self,
        fetch: Callable[[str], Any],
        url: str,
        schema: Schema,
        *,
        endpoint: str,
        total: int | None = None,
        read: Callable[[Any], Document] | None = None,
        background: Callable[[Callable[[], object]], None] | None = None,
        bounds: Bounds = NO_BOUNDS,
    ) -> None:
        self.total = total
        self.fetched = 0
        self._fetch = fetch
        self._url = url
        self._schema = schema
        self._read = read or partial(load, schema, where="object")
        self._endpoint = endpoint
        self._background = background
        self._bounds = bounds
        self._pages = self._walk()

    def __iter__(self) -> Iterator[ListPage]:
        return self

    def __next__(self) -> ListPage:
        return next(self._pages)

    def _walk(self) -> Iterator[ListPage]:
        url: str | None = self._url
        redone = 0
        known = _Known()
        ahead: _Ahead | None = None
        while url is not None:
            self._check_time(url)
            before = self.total
            answer = self._fetch(url) if ahead is None else ahead.answer()
            ahead = None
            self.fetched += 1
            self.total, following = self._place(url, answer)
            known.note_change(before, self.total)
            shrunk = before is not None and self.total is not None and self.total < before
            if shrunk and offset_of(url) and redone < _MAX_REDONE:
                # Something before this page vanished, so an object slipped over the page border (PAG-19).
                redone += 1
                url = with_offset(url, max(0, offset_of(url) - (before or 0) + (self.total or 0)))
                known.visited.clear()  # the way back leads over pages that were read
                continue
            known.visited.add(url)
            items = answer.data if following is None and self.fetched == 1 else known.take_new(answer.data)
            endless = None if following is None else self._why_endless(url, following, answer.data, known)
            if self._background is not None and following is not None and endless is None:
                ahead = _Ahead(self._fetch, following, self._background)
            try:
                broken: list[Broken] = []
                documents = list(self._valid(items, broken))
                more_broken = len(items) - len(documents) - len(broken)
                moment = _micros(answer.timestamp)
                del answer, items
                yield ListPage(documents, broken, self.total, following, moment, more_broken)
            except BaseException:  # who asks stops here, or something is wrong
                if ahead is not None:
                    ahead.drop()
                raise
            if endless is not None:
                self._bounds.found("endless_list", endless)
                raise EndlessListError(f"The list at {_path(url)} does not end: {endless}.")
            url = following

    def _check_time(self, url: str) -> None:
        """Raise LongListError when the time is over; one page is always read, so that each attempt gets on."""
        if self._bounds.ends is not None and self.fetched and monotonic() >= self._bounds.ends:
            reason = f"it goes on after {self.fetched} pages, and the time for it is over"
            self._bounds.found("long_list", reason)
            raise LongListError(f"The list at {_path(url)} was not read to its end: {reason}.")

    def _why_endless(self, url: str, following: str, items: list[Any], known: _Known) -> str | None:
        """Say why a list that goes on after this page will not end; None: it may."""
        if following in known.visited:
            return "its pages lead in a circle"
        if not items:
            return "an empty page names a next one"
        if self.total is not None and 0 < self.total <= offset_of(url):
            return f"a page beyond its total of {self.total} names a next one"
        if known.is_repeating:
            return "its pages bring nothing new"
        if self.fetched >= self._bounds.pages:
            return f"it goes on after {self.fetched} pages"
        return None

    def _place(self, url: str, answer: Any) -> tuple[int | None, str | None]:
        """Return what a page says of its place in the list: X-Total-Count, and the URL of the next one."""
        if not isinstance(answer.data, list):
            raise InvalidResponseError(f"GET {_path(url)} did not answer with a list.")
        try:
            following = next_url(answer.headers.get("Link"), base=url)
        except ValueError as error:
            raise InvalidResponseError(f"The Link of GET {_path(url)} cannot be read.") from error
        total = read_count(answer.headers.get("X-Total-Count", ""))
        return total, None if following is None else self._same_origin(following)

    def _same_origin(self, url: str) -> str:
        """Keep to the host of the endpoint: the token goes nowhere else, whatever a Link says."""
        if same_origin(self._endpoint, url):
            return url
        own, other = urlsplit(self._endpoint), urlsplit(url)
        _log.warning("The Link of %s points to %s; its query is used on the endpoint itself.", own.netloc, other.netloc)
        return urlunsplit(own._replace(query=other.query))

    def _valid(self, items: list[Any], broken: list[Broken]) -> Iterator[Document]:
        """Walk the objects that can be taken, and note the first of the others.

        Where those are many, and more than can be taken, only what is valid is from there on: to read another takes
        long.
        """
        left_out = taken = 0
        for item in items:
            closely = left_out < _MOST_SAID + taken
            document, reason = self._load(item) if closely else (self._schema.load_valid(item), UNSAID)
            if document is not None:
                taken += 1
                yield document
                continue
            left_out += 1
            if left_out <= MOST_BROKEN:
                broken.append(Broken(item, reason))

    def _load(self, item: Any) -> tuple[Document | None, str]:
        try:
            return self._read(item), ""
        except InvalidParametersError as error:
            return None, str(error)


class Listing:
    """An iterator over the valid objects of a list; pages are fetched as they are needed.

    total: X-Total-Count of the latest page, None before the first or when the platform does not say.
    broken: the objects that were left out (T-37), the first thousand; left_out: also how many there were in all.
    pages: how many were fetched.
    """

    def __init__(self, pages: Pages) -> None:
        self.left_out = LeftOut()
        self._pages = pages
        self._items = self._walk()

    def __iter__(self) -> Iterator[Document]:
        return self

    def __next__(self) -> Document:
        return next(self._items)

    @property
    def broken(self) -> list[Broken]:
        return self.left_out.kept

    @property
    def total(self) -> int | None:
        return self._pages.total

    @property
    def pages(self) -> int:
        return self._pages.fetched

    def _walk(self) -> Iterator[Document]:
        for page in self._pages:
            self.left_out.add(page.broken, page.more_broken)
            yield from page.documents


def _mark(item: Any) -> int:
    """Return what tells an object, and its state, from all others; those that cannot be written are all one."""
    try:
        return hash(orjson.dumps(item))
    except orjson.JSONEncodeError:  # nested too deep
        return 0


def _path(url: str) -> str:
    return url.split("?", 1)[0]


def _micros(timestamp: str) -> int | None:
    try:
        return to_micros(timestamp)
    except ValueError:
        return None
