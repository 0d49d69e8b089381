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


class Listing:
    """An iterator over the valid objects of a list; pages are fetched as they are needed.

    total: X-Total-Count of the latest page, None before the first or when the platform does not say.
    broken: the objects that were left out (T-37). pages: how many were fetched.
    """

    def __init__(self, fetch: Callable[[str], Any], url: str, schema: Schema) -> None:
        self.total: int | None = None
        self.broken: list[Broken] = []
        self.pages = 0
        self._fetch = fetch
        self._url = url
        self._schema = schema
        self._items = self._walk()

    def __iter__(self) -> Iterator[Document]:
        return self

    def __next__(self) -> Document:
        return next(self._items)

    def _walk(self) -> Iterator[Document]:
        url: str | None = self._url
        visited: set[str] = set()
        redone = 0
        previous: set[bytes] = set()
        while url is not None:
            before = self.total
            items, following = self._page(url)
            shrunk = before is not None and self.total is not None and self.total < before
            if shrunk and offset_of(url) and redone < _MAX_REDONE:
                # Something before this page vanished, so an object slipped over the page border (PAG-19).
                redone += 1
                url = with_offset(url, max(0, offset_of(url) - (before or 0) + (self.total or 0)))
                continue
            visited.add(url)
            texts = [orjson.dumps(item) for item in items]
            yield from self._valid(item for item, text in zip(items, texts, strict=True) if text not in previous)
            previous = set(texts)
            if following in visited:
                raise InvalidResponseError(f"The pages of {_path(url)} lead in a circle.")
            url = following

    def _page(self, url: str) -> tuple[list[Any], str | None]:
        answer = self._fetch(url)
        self.pages += 1
        if not isinstance(answer.data, list):
            raise InvalidResponseError(f"GET {_path(url)} did not answer with a list.")
        self.total = read_count(answer.headers.get("X-Total-Count", ""))
        try:
            following = next_url(answer.headers.get("Link"), base=url)
        except ValueError as error:
            raise InvalidResponseError(f"The Link of GET {_path(url)} cannot be read.") from error
        return answer.data, None if following is None else self._same_origin(following)

    def _same_origin(self, url: str) -> str:
        """Keep to the host of the endpoint: the token goes nowhere else, whatever a Link says."""
        if same_origin(self._url, url):
            return url
        own, other = urlsplit(self._url), urlsplit(url)
        _log.warning("The Link of %s points to %s; its query is used on the endpoint itself.", own.netloc, other.netloc)
        return urlunsplit(own._replace(query=other.query))

    def _valid(self, items: Iterator[Any]) -> Iterator[Document]:
        for item in items:
            try:
                document = load(self._schema, item, where="object")
            except InvalidParametersError as error:
                _log.warning("An object of %s is left out. %s", _path(self._url), error)
                self.broken.append(Broken(item, str(error)))
                continue
            yield document


def _path(url: str) -> str:
    return url.split("?", 1)[0]
