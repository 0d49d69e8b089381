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

import orjson

from flask_ocpi.client.paging import NO_BOUNDS
from flask_ocpi.client.paging import Bounds
from flask_ocpi.client.paging import Course
from flask_ocpi.client.paging import Step
from flask_ocpi.client.paging import path_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import LongListError
from flask_ocpi.errors import RefusedError

_log = logging.getLogger("flask_ocpi.client")
_MOST_SAID = 100  # objects of a page: to find out what is wrong with one takes long
#: Why an object is left out of a page that has too many broken ones to look at each.
UNSAID = "Invalid object; too many of its page are to say what is wrong with each."
#: So many broken objects are kept, of a page and of a whole list; the others are only counted.
MOST_BROKEN = 1000
_MOST_BYTES = 32 * 1024 * 1024  # of the broken objects of a whole list


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
    """A page of a list: what is kept of its valid objects, the broken ones, and where the list goes on.

    more_broken: how many broken objects there are beyond the first thousand.

    total: X-Total-Count, None when the platform does not say. following: the URL of the next page, None on the last.
    moment: the platform's own time when it answered, in microseconds; None when it does not say. doubt: of the last
    page, why it is not sure that the list had everything; "" where it is.
    """

    documents: list[Any]
    broken: list[Broken]
    total: int | None
    following: str | None
    moment: int | None
    more_broken: int = 0
    doubt: str = ""


class Ahead:
    """Something that is done in a thread, or by who asks for it when that has not begun yet.

    background: runs a function in a thread, at some time.
    """

    def __init__(self, do: Callable[[], Any], background: Callable[[Callable[[], object]], None]) -> None:
        self._do = do
        self._answer: Future[Any] = Future()
        try:
            background(self._run)
        except RuntimeError as error:  # no thread can be started, as when the process ends
            _log.debug("Nothing is done ahead: %s", error)

    def answer(self) -> Any:
        """Wait for the answer and return it, or raise what doing it raised."""
        return self._do() if self._answer.cancel() else self._answer.result()

    def drop(self) -> None:
        """Want it no more: nothing is begun that was not yet."""
        self._answer.cancel()

    def _run(self) -> None:
        if not self._answer.set_running_or_notify_cancel():
            return
        try:
            self._answer.set_result(self._do())
        except BaseException as error:  # whatever it is, it belongs to who asks for it
            self._answer.set_exception(error)


class Pages:
    """An iterator over the pages of a list, each fetched when it is asked for.

    ``endpoint`` is the URL of the list with our filters, which all its pages have. It may begin in the middle: ``url``
    is any page, ``total`` what the page before said, ``objects`` how many were read by then. An object that came
    before, just as it is, is left out. fetched: how many pages were fetched and asked for. strict: take a list only.
    read: reads an object, and raises InvalidParametersError for one that is to be left out; by default by the schema.
    keep: returns what pages have of an object; by default the object.
    background: runs a function in a thread. With it, the page after the one that was asked for is fetched meanwhile,
    no more than that one. Who stops early leaves at most one request behind, which ends by itself.

    Raises EndlessListError after a page with which the list turns out not to end, IncompleteListError after one behind
    which it cannot be read, and LongListError when the time is over: what was read by then is valid, but it is not the
    list.
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
        """X-Total-Count of the latest page; None when that is not known."""
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
                yield page.pop()  # nothing is held here while it is worked on
            except BaseException:  # who asks stops here, or something is wrong
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
        """Raise LongListError when the time is over; one page is always read, so that each attempt gets on."""
        if self._bounds.ends is not None and self.fetched and monotonic() >= self._bounds.ends:
            reason = f"it goes on after {self.fetched} pages, and the time for it is over"
            self._bounds.found("long_list", reason)
            raise LongListError(f"The list at {path_of(url)} was not read to its end: {reason}.")

    def _items(self, url: str, data: Any) -> list[Any]:
        """Return the objects of a page: none where it has no ``data``, one where that is an object."""
        if isinstance(data, list):
            return data
        if self._strict or not (data is None or isinstance(data, dict)):
            raise InvalidResponseError(f"GET {path_of(url)} did not answer with a list.")
        if self.fetched == 1:
            self._bounds.found("no_list", "null" if data is None else "an object")
        return [] if data is None else [data]

    def _valid(self, items: list[Any], broken: list[Broken]) -> Iterator[Any]:
        """Walk what is kept of the objects that can be taken, and note the first of the others; the items are used up.

        Where those are many, and more than can be taken, only what is valid is from there on: to read another takes
        long.
        """
        left_out = taken = 0
        items.reverse()
        while items:
            item = items.pop()  # none is held longer: fewer objects are there to be looked through for garbage
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


def _micros(timestamp: str) -> int | None:
    try:
        return to_micros(timestamp)
    except ValueError:
        return None
