"""How a list continues: by its Link, its total, and the objects of its pages.

Neither header is trusted alone. If they contradict each other, or cannot be read, reading continues until a page has no
new object.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from flask_ocpi.client.addresses import joined
from flask_ocpi.core.responses import names_in
from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import offset_of
from flask_ocpi.core.responses import parameters_of
from flask_ocpi.core.responses import read_total
from flask_ocpi.core.responses import with_offset
from flask_ocpi.errors import EndlessListError
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError

#: A ``date_from`` that filters nothing, for lists that need one.
FROM_THE_BEGINNING = "1970-01-01T00:00:00Z"

_FILTERS = frozenset({"date_from", "date_to"})
_REMEMBERED = 100_000  # objects of a list; the bound of pages ends a list that repeats itself later
_MOST_MOVED = 10_000  # objects
_MOST_STALE = 3  # pages in a row
_MOST_REDONE = 1000  # pages of a list
_MOST_TURNS = 5  # times that a total fell after it had risen, besides one for each page with new objects
_SHOWN = 200  # characters of a header


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits for a list that does not end by itself.

    pages: the most pages, with those that are requested again. ends: the latest time, on the monotonic clock; None for
    no limit. found: called with each flaw of the list: the kind of finding (one of OUTCOMES) and a text.
    """

    pages: int = 50_000
    ends: float | None = None
    found: Callable[[str, str], None] = lambda kind, reason: None


NO_BOUNDS = Bounds()

#: The outcome of each kind of flaw of a list.
OUTCOMES = {
    "endless_list": "The list was read no further: it does not count as complete.",
    "long_list": "The list was read no further: it does not count as complete.",
    "incomplete_list": "The list was read no further: it does not count as complete.",
    "unreadable_link": "The list was read on by the offset.",
    "unreadable_total": "The list was read on until a page brought nothing new.",
    "wrong_total": "The list was read on until a page brought nothing new; no copy is removed because of it.",
    "unsteady_total": "The pages were taken as they came; no copy is removed because of the list.",
    "no_list": "It was read as a list.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """The step after a page. items: its objects that did not come before.

    following: the URL of the next page, None at the end. error: the error that ends the list instead.
    """

    items: list[Any]
    following: str | None = None
    error: InvalidResponseError | None = None


class Course:
    """The way through one list, page by page.

    base: the URL of the list with our filters, which all pages have. total: the latest X-Total-Count, None if it is not
    known. read: the number of objects read, each counted once. doubt: why the list may be incomplete, or "".
    """

    def __init__(self, base: str, bounds: Bounds, *, total: int | None = None, read: int = 0) -> None:
        self.total = total
        self.read = read
        self.doubt = ""
        #: Whether the next page is requested only to see if it exists.
        self.is_asking = False
        self._base = base
        self._own = names_in(base) | _FILTERS
        self._is_part = bool(names_in(base.replace(f"date_from={FROM_THE_BEGINNING}", "")) & _FILTERS)
        self._bounds = bounds
        self._told: set[str] = set()
        self._pages = 0
        self._known_total = total
        self._redone = 0
        self._turns = 0
        self._fruitful = 0
        self._is_rising = False
        self._target: str | None = None
        self._is_total_odd = False
        self._visited: set[str] = set()
        self._objects: set[int] = set()
        self._moved = 0
        self._stale_pages = 0

    def back(self, url: str, headers: Mapping[str, str]) -> str | None:
        """Note the headers of a page; return the URL of an earlier page to read instead, or None.

        There is one if the list has become shorter: an object before this page vanished, so another one moved over the
        page border (PAG-19). A total that goes up and down means nothing.
        """
        before = self._known_total
        self._pages += 1
        self._target = next_target(headers.get("Link"))
        said = headers.get("X-Total-Count", "")
        self.total = read_total(said)
        self._is_total_odd = bool(said.strip()) and self.total is None
        if self._is_total_odd:
            self._tell("unreadable_total", f"X-Total-Count: {said[:_SHOWN]}")
        if self.total is not None:
            self._known_total = self.total
        if before is None or self.total is None or self.total == before:
            return None
        self._moved = min(self._moved + abs(self.total - before), _MOST_MOVED)  # so many objects may come again
        is_turn, self._is_rising = self._is_rising and self.total < before, self.total > before
        self._turns += is_turn
        if self._is_rising or not offset_of(url):
            return None
        if self._redone >= _MOST_REDONE or self._turns > _MOST_TURNS + self._fruitful:
            self.doubt = f"its total went from {before} to {self.total}, up and down before"
            self._tell("unsteady_total", self.doubt)
            return None
        self._redone += 1
        self._visited.clear()  # the way back leads over pages read before
        return with_offset(url, max(0, offset_of(url) - before + self.total))

    def step(self, url: str, items: list[Any]) -> Step:
        self._visited.add(url)
        was_asking, self.is_asking = self.is_asking, False
        is_last = self._target is None and self.total is None and not self._is_total_odd
        if not self._objects and self._target is None and self.total == self.read + len(items):
            is_last, new, is_stale = True, items, not items  # the usual end of a list; no object can come again
        else:
            new, is_stale = self._take_new(items)
        self.read += len(new)
        if is_last:
            return Step(new)
        if self._target is not None:
            following = self._named(self._target)
            if following is not None:
                return self._follow(url, following, items, new, is_stale=is_stale)
            self._tell("unreadable_link", f"Link: {self._target[:_SHOWN]}")
        elif self.total is not None and self.total <= self.read and (len(items) <= self.total or not new):
            return Step(new)  # a total below the size of a page means nothing
        return self._look_on(url, items, new, is_stale=is_stale, was_asking=was_asking)

    def refused(self, error: RefusedError) -> bool:
        """Tell whether a refusal means that the page, which was requested only to see, does not exist."""
        return self.is_asking and is_about_the_page(error)

    def end(self) -> None:
        """Note that the list has ended; see ``doubt``."""
        if self._known_total is not None and self._known_total > self.read:
            self.doubt = f"it names {self._known_total} objects and has {self.read}"
            self._tell("wrong_total", self.doubt)

    def _named(self, target: str) -> str | None:
        """Return the URL of the page that a Link names, built on our own URL; None if it names none."""
        parameters = parameters_of(target, self._own)
        return joined(self._base, query="&".join(parameters)) if parameters else None

    def _follow(self, url: str, following: str, items: list[Any], new: list[Any], *, is_stale: bool) -> Step:
        """Continue by the Link; after all objects are read, until a page has no new object."""
        is_all_read = self.total is not None and self.total <= self.read
        if is_all_read and (is_stale or following in self._visited):
            return Step(new)
        if following in self._visited:
            return self._endless(url, new, following, "its pages lead in a circle")
        if not items and self.total is None:
            return self._endless(url, new, following, "an empty page names a next one")
        self.is_asking = is_all_read
        return self._bounded(url, new, following)

    def _look_on(self, url: str, items: list[Any], new: list[Any], *, is_stale: bool, was_asking: bool) -> Step:
        """Continue by the offset, if this may not be the last page."""
        is_all_read = self.total is not None and self.total <= self.read
        is_known_to_go_on = self._target is not None or (self.total is not None and not is_all_read)
        if is_stale and (not is_known_to_go_on or is_all_read or (not items and self.read)):
            return Step(new)
        if not items and (not self.total or self._is_part):  # such a total often counts all objects, not only changes
            return Step(new)
        place = offset_of(url) + len(items) if "offset" in names_in(url) else self.read
        following = joined(self._base, query="&".join((*self._limit_in(url), f"offset={place}")))
        if not items or (is_stale and was_asking) or following in self._visited:
            what = "an unknown number of" if self.total is None else self.total
            reason = f"it has {what} objects, of which {self.read} could be read"
            self._tell("incomplete_list", reason)
            error = IncompleteListError(f"The list at {path_of(url)} could not be read to its end: {reason}.")
            return Step(new, url, error)
        self.is_asking = True
        return self._bounded(url, new, following)

    def _bounded(self, url: str, new: list[Any], following: str) -> Step:
        if self._stale_pages > _MOST_STALE:
            return self._endless(url, new, following, "its pages bring nothing new")
        if self._pages >= self._bounds.pages:
            return self._endless(url, new, following, f"it goes on after {self._pages} pages")
        return Step(new, following)

    def _endless(self, url: str, new: list[Any], following: str, reason: str) -> Step:
        self._tell("endless_list", reason)
        return Step(new, following, EndlessListError(f"The list at {path_of(url)} does not end: {reason}."))

    def _limit_in(self, url: str) -> list[str]:
        """Return the requested size of a page, if the list does not set another one."""
        pieces = url.partition("?")[2].split("&")
        return [] if "limit" in self._own else [piece for piece in pieces if piece.startswith("limit=")]

    def _take_new(self, items: list[Any]) -> tuple[list[Any], bool]:
        """Return the objects of a page that did not come before, and whether the page shows a repetition.

        A list that changes may repeat objects: as many as its length changed by, and some more pages if it lists the
        latest changes first.
        """
        marks = [_mark(item) for item in items]
        new = [item for item, mark in zip(items, marks, strict=True) if mark not in self._objects]
        is_stale = not new and (not items or len(items) > self._moved)
        if new:
            self._stale_pages = 0
            self._fruitful += 1
        elif is_stale:
            self._stale_pages += 1
        else:
            self._moved -= len(items)
        if len(self._objects) > _REMEMBERED:
            self._objects.clear()
        self._objects.update(marks)
        return new, is_stale

    def _tell(self, kind: str, reason: str) -> None:
        """Report a flaw of the list, each kind once."""
        if kind not in self._told:
            self._told.add(kind)
            self._bounds.found(kind, reason)


def is_about_the_page(error: RefusedError) -> bool:
    """Tell whether a refusal is about the URL of a page, not about our token, and not temporary."""
    if error.http_status in (401, 403, 405, 408, 425, 429) or error.http_status >= 500:
        return False
    return not error.status_code or 2000 <= error.status_code < 3000


def path_of(url: str) -> str:
    """Return a URL without its query, for messages."""
    return url.split("?", 1)[0]


def _mark(item: Any) -> int:
    """Return a hash of an object and its state; objects that cannot be written share one."""
    try:
        return hash(orjson.dumps(item))
    except orjson.JSONEncodeError:  # nested too deeply
        return 0
