"""Pages that are fetched while the one before is worked on: the next one, and no more than that."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from flask_ocpi.client.client import Client
from flask_ocpi.client.listing import Listing
from flask_ocpi.client.listing import Pages
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.write_behind import run_in_thread
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.testing.documents import location

PATIENCE = 120.0
URL = "https://partner.example/locations"
MOMENT = "2026-01-01T12:00:00Z"


class Threads:
    """Runs work in threads, which can be waited for."""

    def __init__(self) -> None:
        self.started: list[threading.Thread] = []

    def __call__(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self.started.append(thread)
        thread.start()

    def settle(self) -> None:
        for thread in self.started:
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Held:
    """Keeps work, to be run by hand; ``failure`` is raised instead."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.work: list[Callable[[], object]] = []
        self._failure = failure

    def __call__(self, work: Callable[[], object]) -> None:
        if self._failure is not None:
            raise self._failure
        self.work.append(work)


class Partner:
    """Answers with pages of one object each; notes what was asked for, and in which thread.

    pages: the answers by the number in the URL, an exception is raised. began: is set when that page is asked for.
    """

    def __init__(self, *pages: Any) -> None:
        self.pages = pages
        self.asked: list[int] = []
        self.threads: list[threading.Thread] = []
        self.began = [threading.Event() for _ in pages]
        self.released = threading.Event()
        self.held: int | None = None

    def fetch(self, url: str) -> Any:
        number = int(url.partition("offset=")[2] or 0)
        self.asked.append(number)
        self.threads.append(threading.current_thread())
        self.began[number].set()
        if number == self.held:
            assert self.released.wait(PATIENCE)
        if isinstance(self.pages[number], BaseException):
            raise self.pages[number]
        return self.pages[number]

    def walk(self, background: Callable[[Callable[[], object]], None]) -> Pages:
        return Pages(self.fetch, URL, Location(), endpoint=URL, background=background)


def page(number: int, *, of: int, total: int | None = None, links_to: int | None = None, ids: str = "") -> Any:
    """Return page ``number`` of so many."""
    headers = {} if total is None else {"X-Total-Count": str(total)}
    following = links_to if links_to is not None else number + 1 if number + 1 < of else None
    if following is not None:
        headers["Link"] = f'<{URL}?offset={following}>; rel="next"'
    documents = [location(id=id) for id in ids or str(number)]
    return SimpleNamespace(data=documents, headers=headers, timestamp=MOMENT)


def pages(number: int) -> list[Any]:
    return [page(index, of=number) for index in range(number)]


def ids(page: Any) -> list[str]:
    return [document["id"] for document in page.documents]


def eventually(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def threads():
    made = Threads()
    yield made
    made.settle()


@pytest.mark.conformance("PAG-18")
def test_the_next_page_is_asked_for_while_one_is_worked_on(threads):
    partner = Partner(*pages(3))
    walk = partner.walk(threads)

    for number in range(3):
        assert ids(next(walk)) == [str(number)]
        if number < 2:
            assert partner.began[number + 1].wait(PATIENCE), "nothing was fetched ahead"

    assert list(walk) == []
    assert partner.asked == [0, 1, 2]


def test_no_more_than_one_page_is_fetched_ahead(threads):
    partner = Partner(*pages(5))
    walk = partner.walk(threads)

    for number in range(3):
        next(walk)
        threads.settle()
        assert partner.asked == list(range(number + 2))
        assert walk.fetched == number + 1, "what nobody asked for yet does not count"


def test_nothing_is_fetched_before_the_first_page_is_asked_for(threads):
    partner = Partner(*pages(2))

    partner.walk(threads)

    assert (partner.asked, threads.started) == ([], [])


def test_one_page_needs_no_thread(threads):
    partner = Partner(page(0, of=1))

    assert [ids(found) for found in partner.walk(threads)] == [["0"]]
    assert threads.started == []


@pytest.mark.parametrize("error", [UnreachableError("The line is cut."), KeyboardInterrupt()], ids=["cut", "killed"])
def test_an_error_is_raised_after_the_objects_of_the_pages_before(threads, error):
    partner = Partner(*pages(2), error)
    partner.pages[1].headers["Link"] = f'<{URL}?offset=2>; rel="next"'
    walk, found = partner.walk(threads), []

    def work() -> None:
        for number, item in enumerate(walk):
            assert partner.began[number + 1].wait(PATIENCE)
            threads.settle()
            found.extend(ids(item))

    with pytest.raises(type(error)) as raised:
        work()

    assert (found, raised.value) == (["0", "1"], error)
    assert list(walk) == [], "an iterator that failed is over"


def test_an_early_stop_leaves_no_thread(threads):
    partner = Partner(*pages(3))
    partner.held = 1
    walk = Listing(partner.walk(threads))
    for _ in walk:
        assert partner.began[1].wait(PATIENCE)
        break
    del walk
    gc.collect()
    partner.released.set()

    threads.settle()

    assert partner.asked == [0, 1], "nothing is asked for after the page that was under way"


def test_an_error_of_who_walks_leaves_no_thread(threads):
    partner = Partner(*pages(3))

    def work() -> None:
        for _ in partner.walk(threads):
            assert partner.began[1].wait(PATIENCE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()

    threads.settle()
    assert partner.asked == [0, 1]


def test_nothing_is_sent_for_who_stopped_before_the_thread_began():
    partner, held = Partner(*pages(2)), Held()
    walk = partner.walk(held)
    next(walk)
    del walk
    gc.collect()

    for work in held.work:
        work()

    assert (len(held.work), partner.asked) == (1, [0])


def test_a_page_that_no_thread_has_begun_is_fetched_by_who_asks_for_it_and_once_only():
    partner, held = Partner(*pages(3)), Held()

    found = [ids(item) for item in partner.walk(held)]
    for work in held.work:
        work()

    assert (found, len(held.work)) == ([["0"], ["1"], ["2"]], 2)
    assert partner.asked == [0, 1, 2]
    assert set(partner.threads) == {threading.current_thread()}


def test_without_a_thread_to_be_had_pages_are_fetched_as_they_are_asked_for():
    partner = Partner(*pages(3))

    assert [ids(item) for item in partner.walk(Held(RuntimeError("can't start new thread")))] == [["0"], ["1"], ["2"]]


@pytest.mark.conformance("PAG-19")
def test_a_list_that_shrank_is_stepped_back_in_as_before(threads):
    # 1 vanishes after the first page: what was at offset 2 is at offset 1 now.
    partner = Partner(
        page(0, of=1, total=5, links_to=2, ids="12"),
        page(1, of=1, total=4, links_to=3, ids="34"),
        page(2, of=1, total=4, ids="45"),
        page(3, of=1, total=4, ids="5"),
    )

    assert [ids(item) for item in partner.walk(threads)] == [["1", "2"], ["3", "4"], ["5"]]
    assert partner.asked == [0, 2, 1, 3]


@pytest.mark.conformance("PAG-18")
@pytest.mark.parametrize("back", [0, 1])
def test_a_circle_is_found_out_and_not_walked_again(threads, back):
    partner = Partner(page(0, of=2), page(1, of=2, links_to=back))
    walk, found = partner.walk(threads), []

    with pytest.raises(InvalidResponseError, match="lead in a circle"):
        found.extend(id for item in walk for id in ids(item))

    # The first page goes by another URL than that with offset 0, which is how it can be fetched twice.
    assert found == ["0", "1"]
    assert partner.asked == [0, 1, 0][: 3 - back]


def test_objects_of_the_page_before_are_left_out(threads):
    partner = Partner(page(0, of=3, ids="12"), page(1, of=3, ids="23"), page(2, of=3, ids="34"))

    assert [ids(item) for item in partner.walk(threads)] == [["1", "2"], ["3"], ["4"]]


def test_objects_that_are_changed_by_who_walks_are_still_known(threads):
    partner = Partner(page(0, of=2, ids="12"), page(1, of=2, ids="23"))
    found = []

    for item in partner.walk(threads):
        found += ids(item)
        for document in item.documents:
            document["name"] = "changed"

    assert found == ["1", "2", "3"]


class Transport:
    """Answers each request with a page, the last one with a refusal."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = bodies
        self.threads: list[threading.Thread] = []

    def send(self, request: Any) -> Any:
        number = int(request.url.partition("offset=")[2] or 0)
        self.threads.append(threading.current_thread())
        following = {"Link": f'<{URL}?offset={number + 1}>; rel="next"'}
        return SimpleNamespace(status=200, headers=following, body=self.bodies[number])

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def listed(ocpi, ocpi_client):
    """Return a function that lists what a transport answers, as an app with that dispatcher does."""

    def listed(transport, dispatcher, **options):
        settings = replace(ocpi.services.settings, dispatcher=dispatcher)
        services = replace(ocpi.services, settings=settings, background=run_in_thread)
        endpoints = ({"identifier": "locations", "role": "SENDER", "url": URL},)
        client = Client(services, replace(ocpi_client.platform, endpoints=endpoints), transport)
        return client.locations.list(**options)

    return listed


BROKEN = [b'{"data":[{"id":%d}],"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}' % n for n in range(2)]
REFUSED = b'{"status_code":3000,"timestamp":"2026-01-01T12:00:00Z"}'


@pytest.mark.parametrize("options", [{}, {"prefetch": False}])
def test_a_list_is_fetched_ahead_only_where_that_is_asked_for(listed, options):
    transport = Transport(*BROKEN, REFUSED)

    with pytest.raises(RefusedError, match="3000"):
        list(listed(transport, "thread", **options))

    assert set(transport.threads) == {threading.current_thread()}


def test_a_list_is_not_fetched_ahead_where_nothing_is_done_in_threads(listed):
    transport = Transport(*BROKEN, REFUSED)

    with pytest.raises(RefusedError, match="3000"):
        list(listed(transport, "inline", prefetch=True))

    assert set(transport.threads) == {threading.current_thread()}


@pytest.mark.parametrize("dispatcher", ["thread", "none", "celery"])
def test_a_refusal_of_a_page_that_was_fetched_ahead_is_that_of_the_page(listed, dispatcher):
    transport = Transport(*BROKEN, REFUSED)
    listing = listed(transport, dispatcher, prefetch=True)

    with pytest.raises(RefusedError, match="3000"):
        list(listing)

    assert (listing.pages, len(listing.broken), len(transport.threads)) == (2, 2, 3)
    eventually(lambda: not any(thread.is_alive() for thread in transport.threads[1:] if thread.daemon))
