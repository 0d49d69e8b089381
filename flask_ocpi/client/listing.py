"""Crawling a list of another platform: from page to page, past broken objects, over changes meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
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
    """An object of a list that does not validate, and why."""

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


class Pages:
    """An iterator over the pages of a list, each fetched when it is asked for.

    It may begin in the middle: ``url`` is any page of the list at ``endpoint``, ``total`` what the page before said.
    An object that the page before had as well is left out. fetched: how many pages were fetched.
    """

    def __init__(
        self, fetch: Callable[[str], Any], url: str, schema: Schema, *, endpoint: str, total: int | None = None
    ) -> None:
        self.total = total
        self.fetched = 0
        self._fetch = fetch
        self._url = url
        self._schema = schema
        self._endpoint = endpoint
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
        while url is not None:
            before = self.total
            page = self._page(url)
            self.total = page.total
            shrunk = before is not None and page.total is not None and page.total < before
            if shrunk and offset_of(url) and redone < _MAX_REDONE:
                # Something before this page vanished, so an object slipped over the page border (PAG-19).
                redone += 1
                url = with_offset(url, max(0, offset_of(url) - (before or 0) + (page.total or 0)))
                continue
            visited.add(url)
            texts = [orjson.dumps(document) for document in page.documents]
            fresh = [d for d, text in zip(page.documents, texts, strict=True) if text not in previous]
            yield ListPage(fresh, page.broken, page.total, page.following, page.moment)
            previous = set(texts)
            if page.following in visited:
                raise InvalidResponseError(f"The pages of {_path(url)} lead in a circle.")
            url = page.following

    def _page(self, url: str) -> ListPage:
        answer = self._fetch(url)
        self.fetched += 1
        if not isinstance(answer.data, list):
            raise InvalidResponseError(f"GET {_path(url)} did not answer with a list.")
        total = read_count(answer.headers.get("X-Total-Count", ""))
        try:
            following = next_url(answer.headers.get("Link"), base=url)
        except ValueError as error:
            raise InvalidResponseError(f"The Link of GET {_path(url)} cannot be read.") from error
        broken: list[Broken] = []
        documents = list(self._valid(answer.data, broken))
        kept = None if following is None else self._same_origin(following)
        return ListPage(documents, broken, total, kept, _micros(answer.timestamp))

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
                document = load(self._schema, item, where="object")
            except InvalidParametersError as error:
                _log.warning("An object of %s is left out. %s", _path(self._endpoint), error)
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
