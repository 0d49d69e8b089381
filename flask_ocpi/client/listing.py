"""Crawling a list of another platform: from page to page, past broken objects, over changes meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import orjson

from flask_ocpi.client.addresses import same_origin
from flask_ocpi.description import Document
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.fields import to_micros
from flask_ocpi.pagination import next_url
from flask_ocpi.pagination import offset_of
from flask_ocpi.pagination import read_count
from flask_ocpi.pagination import with_offset
from flask_ocpi.schema import Schema
from flask_ocpi.schema import load

_log = logging.getLogger("flask_ocpi.client")
_MAX_REDONE = 1000


@dataclass(frozen=True, slots=True)
class Broken:
    """An object of a list that cannot be taken, and why."""

    document: Any
    reason: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list: its valid objects, the broken ones, and where the list goes on.

    total: X-Total-Count, None when the platform does not say. following: the URL of the next page, None on the last.
    moment: the platform's own time when it answered, in microseconds; None when it does not say.
    """

    documents: list[Document]
    broken: list[Broken]
    total: int | None
    following: str | None
    moment: int | None


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


class Pages:
    """An iterator over the pages of a list, each fetched when it is asked for.

    It may begin in the middle: ``url`` is any page of the list at ``endpoint``, ``total`` what the page before said.
    An object that the page before had as well is left out. fetched: how many pages were fetched and asked for.
    read: reads an object, and raises InvalidParametersError for one that is to be left out; by default by the schema.
    background: runs a function in a thread. With it, the page after the one that was asked for is fetched meanwhile,
    no more than that one. Who stops early leaves at most one request behind, which ends by itself.
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
    ) -> None:
        self.total = total
        self.fetched = 0
        self._fetch = fetch
        self._url = url
        self._read = read or partial(load, schema, where="object")
        self._endpoint = endpoint
        self._background = background
        self._pages = self._walk()

    def __iter__(self) -> Iterator[ListPage]:
        return self

    def __next__(self) -> ListPage:
        return next(self._pages)

    def _walk(self) -> Iterator[ListPage]:
        url: str | None = self._url
        visited: set[str] = set()
        redone = 0
        previous: set[bytes] = set()
        ahead: _Ahead | None = None
        while url is not None:
            before = self.total
            answer = self._fetch(url) if ahead is None else ahead.answer()
            ahead = None
            self.fetched += 1
            self.total, following = self._place(url, answer)
            shrunk = before is not None and self.total is not None and self.total < before
            if shrunk and offset_of(url) and redone < _MAX_REDONE:
                # Something before this page vanished, so an object slipped over the page border (PAG-19).
                redone += 1
                url = with_offset(url, max(0, offset_of(url) - (before or 0) + (self.total or 0)))
                continue
            visited.add(url)
            if self._background is not None and following is not None and following not in visited:
                ahead = _Ahead(self._fetch, following, self._background)
            try:
                broken: list[Broken] = []
                documents = list(self._valid(answer.data, broken))
                moment = _micros(answer.timestamp)
                del answer
                if following is not None or previous:
                    texts = [orjson.dumps(document) for document in documents]
                    if not previous.isdisjoint(texts):
                        documents = [d for d, text in zip(documents, texts, strict=True) if text not in previous]
                    previous = set(texts)
                yield ListPage(documents, broken, self.total, following, moment)
            except BaseException:  # who asks stops here, or something is wrong
                if ahead is not None:
                    ahead.drop()
                raise
            if following in visited:
                raise InvalidResponseError(f"The pages of {_path(url)} lead in a circle.")
            url = following

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
        for item in items:
            try:
                document = self._read(item)
            except InvalidParametersError as error:
                _log.debug("An object of %s is left out. %s", _path(self._endpoint), error)
                broken.append(Broken(item, str(error)))
                continue
            yield document


class Listing:
    """An iterator over the valid objects of a list; pages are fetched as they are needed.

    total: X-Total-Count of the latest page, None before the first or when the platform does not say.
    broken: the objects that were left out (T-37). pages: how many were fetched.
    """

    def __init__(self, pages: Pages) -> None:
        self.broken: list[Broken] = []
        self._pages = pages
        self._items = self._walk()

    def __iter__(self) -> Iterator[Document]:
        return self

    def __next__(self) -> Document:
        return next(self._items)

    @property
    def total(self) -> int | None:
        return self._pages.total

    @property
    def pages(self) -> int:
        return self._pages.fetched

    def _walk(self) -> Iterator[Document]:
        for page in self._pages:
            self.broken.extend(page.broken)
            yield from page.documents


def _path(url: str) -> str:
    return url.split("?", 1)[0]


def _micros(timestamp: str) -> int | None:
    try:
        return to_micros(timestamp)
    except ValueError:
        return None
