"""Crawling a partner's list: page by page, past broken objects, also while the list changes."""

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

import orjson

from flask_ocpi.client.paging import NO_BOUNDS
from flask_ocpi.client.paging import Bounds
from flask_ocpi.client.paging import Course
from flask_ocpi.client.paging import Step
from flask_ocpi.client.paging import path_of
from flask_ocpi.core import forks
from flask_ocpi.core.description import Document
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import LongListError
from flask_ocpi.errors import RefusedError

_log = logging.getLogger("flask_ocpi.client")
_MOST_SAID = 100  # broken objects of a page with a reason: finding the reason takes long
#: The reason for an object of a page with too many broken objects to check each.
UNSAID = "Invalid object; too many of its page are to say what is wrong with each."
#: The broken objects that are kept, of a page and of a whole list; further ones are only counted.
MOST_BROKEN = 1000
_MOST_BYTES = 32 * 1024 * 1024  # of the broken objects of a whole list


@dataclass(frozen=True, slots=True)
class Broken:
    """An object of a list that cannot be read, and the reason."""

    document: Any
    reason: str


@dataclass(slots=True)
class LeftOut:
    """The broken objects of a list. number: how many there are; kept: the first of them, up to a bound."""

    kept: list[Broken] = field(default_factory=list)
    number: int = 0
    _bytes: int = 0

    def add(self, items: Sequence[Broken], others: int = 0) -> None:
        """Count these, and ``others`` more; keep as many as there is room for."""
        self.number += len(items) + others
        for item in items[: max(0, MOST_BROKEN - len(self.kept))]:
            try:
                size = len(orjson.dumps(item.document))
            except orjson.JSONEncodeError:  # nested too deeply to be kept
                item, size = Broken(None, item.reason), 0
            if self._bytes + size <= _MOST_BYTES:
                self._bytes += size
                self.kept.append(item)


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list: its valid objects, as kept, its broken ones, and the way to the next page.

    more_broken: the number of broken objects beyond the first thousand.

    total: X-Total-Count, None if the platform gives none. following: the URL of the next page, None on the last.
    moment: the time of the answer by the platform's clock, in microseconds; None if it gives none. doubt: on the last
    page, why the list may be incomplete; "" if it is complete.
    """

    documents: list[Any]
    broken: list[Broken]
    total: int | None
    following: str | None
    moment: int | None
    more_broken: int = 0
    doubt: str = ""


class Ahead:
    """Work that runs in a thread, or in the thread of its caller if it has not begun when the caller needs it.

    background: runs a function in a thread, now or later.
    """

    def __init__(self, do: Callable[[], Any], background: Callable[[Callable[[], object]], None]) -> None:
        self._do = do
        self._answer: Future[Any] = Future()
        try:
            background(self._run)
        except RuntimeError as error:  # no thread can be started, for example at the end of the process
            _log.debug("Nothing is done ahead: %s", error)

    def answer(self) -> Any:
        if self._answer.cancel():
            return self._do()
        with forks.waiting():
            return self._answer.result()

    def drop(self) -> None:
        """Cancel the work, unless it has begun."""
        self._answer.cancel()

    def _run(self) -> None:
        if not self._answer.set_running_or_notify_cancel():
            return
        try:
            self._answer.set_result(self._do())
        except BaseException as error:  # any error goes to the caller of answer()
            self._answer.set_exception(error)


class Pages:
    """An iterator over the pages of a list, each fetched when it is needed.

    endpoint: the URL of the list with our filters, which all its pages have. It may start at any page: url: that page;
    total: the total of the page before; objects: the number of objects read before. An object that came before in the
    same state is left out. fetched: the number of pages requested. strict: accept only a list. read: reads an object,
    or raises InvalidParametersError to leave it out; by default with the schema. keep: returns the part of an object
    that pages keep; by default the object.
    background: runs a function in a thread. With it, the next page, and only that one, is fetched while the caller
    works on a page. After an early stop at most one request is left, which ends by itself.

    Raises EndlessListError if the list turns out not to end, IncompleteListError if it cannot be read further, and
    LongListError if the time is over: the objects read until then are valid, but not the whole list.
    """

    def __init__(
        self,
        fetch: Callable[[str], Any],
        url: str,
        schema: Schema,
        *,
        endpoint: str,
        total: int | None = None,
        objects: int = 0,
        read: Callable[[Any], Document] | None = None,
        keep: Callable[[Document], Any] = lambda document: document,
        background: Callable[[Callable[[], object]], None] | None = None,
        bounds: Bounds = NO_BOUNDS,
        strict: bool = False,
    ) -> None:
        self.fetched = 0
        self._fetch = fetch
        self._url = url
        self._schema = schema
        self._read = read or partial(load, schema, where="object")
        self._keep = keep
        self._endpoint = endpoint
        self._background = background
        self._bounds = bounds
        self._strict = strict
        self._course = Course(endpoint, bounds, total=total, read=objects)
        self._pages = self._walk()

    @property
    def total(self) -> int | None:
        """X-Total-Count of the latest page; None if it is not known."""
        return self._course.total

    def __iter__(self) -> Iterator[ListPage]:
        return self

    def __next__(self) -> ListPage:
        return next(self._pages)

    def _walk(self) -> Iterator[ListPage]:
        url: str | None = self._url
        course = self._course
        ahead: Ahead | None = None
        while url is not None:
            self._check_time(url)
            try:
                answer = self._fetch(url) if ahead is None else ahead.answer()
            except RefusedError as error:
                if not course.refused(error):
                    raise
                course.end()
                yield ListPage([], [], course.total, None, None, doubt=course.doubt)
                return
            ahead = None
            self.fetched += 1
            items = self._items(url, answer.data)
            earlier = course.back(url, answer.headers)
            if earlier is not None:
                url = earlier
                continue
            step = course.step(url, items)
            if step.error is not None and not step.items and step.following == url:
                raise step.error
            if step.following is None:
                course.end()
            elif step.error is None and self._background is not None:
                ahead = Ahead(partial(self._fetch, step.following), self._background)
            moment = _micros(answer.timestamp)
            following, flaw = step.following, step.error
            try:
                page = [self._page(step, moment)]
                del answer, items, step
                yield page.pop()  # the generator keeps no reference while the caller works on the page
            except BaseException:  # the caller stops, or an error occurred
                if ahead is not None:
                    ahead.drop()
                raise
            if flaw is not None:
                raise flaw
            url = following

    def _page(self, step: Step, moment: int | None) -> ListPage:
        broken: list[Broken] = []
        number = len(step.items)
        objects = list(self._valid(step.items, broken))
        more_broken = number - len(objects) - len(broken)
        doubt = "" if step.following is not None else self._course.doubt
        return ListPage(objects, broken, self.total, step.following, moment, more_broken, doubt)

    def _check_time(self, url: str) -> None:
        """Raise LongListError if the time is over; one page is always read, so that each attempt makes progress."""
        if self._bounds.ends is not None and self.fetched and monotonic() >= self._bounds.ends:
            reason = f"it goes on after {self.fetched} pages, and the time for it is over"
            self._bounds.found("long_list", reason)
            raise LongListError(f"The list at {path_of(url)} was not read to its end: {reason}.")

    def _items(self, url: str, data: Any) -> list[Any]:
        """Return the objects of a page: none without ``data``, one if ``data`` is an object."""
        if isinstance(data, list):
            return data
        if self._strict or not (data is None or isinstance(data, dict)):
            raise InvalidResponseError(f"GET {path_of(url)} did not answer with a list.")
        if self.fetched == 1:
            self._bounds.found("no_list", "null" if data is None else "an object")
        return [] if data is None else [data]

    def _valid(self, items: list[Any], broken: list[Broken]) -> Iterator[Any]:
        """Walk the valid objects as they are kept, and note the first broken ones; empties ``items``.

        If broken objects are many, and more than the readable ones, only strictly valid objects count from there on:
        reading others takes long.
        """
        left_out = taken = 0
        items.reverse()
        while items:
            item = items.pop()  # drop each early: fewer objects for the garbage collector
            closely = left_out < _MOST_SAID + taken
            document, reason = self._load(item) if closely else (self._schema.load_valid(item), UNSAID)
            if document is not None:
                taken += 1
                yield self._keep(document)
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
    """An iterator over the valid objects of a list; pages are fetched when they are needed.

    total: X-Total-Count of the latest page, None before the first page or if the platform gives none.
    broken: the first thousand objects that were left out (T-37); left_out: these, and the number of all.
    pages: the number of fetched pages.
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


def _micros(timestamp: str) -> int | None:
    try:
        return to_micros(timestamp)
    except ValueError:
        return None
