"""A sync fetches the next page while it stores one: what was only fetched does not count as read."""

from __future__ import annotations

import threading

import pytest
from flask import has_app_context

from flask_ocpi.errors import StorageError
from flask_ocpi.signals import message_exchanged
from flask_ocpi.sync import crawling
from flask_ocpi.sync.crawling import load_crawl
from flask_ocpi.sync.scopes import scope_of
from tests.sync.conftest import asked
from tests.sync.conftest import copies
from tests.sync.conftest import own

OLD = "2024-01-01T00:00:00Z"
PATIENCE = 120.0


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none"}


@pytest.fixture
def requests(ocpi_network):
    """Count requests; ``reached(n)`` waits for the nth."""
    changed, seen = threading.Condition(), []

    def note(request):
        with changed:
            seen.append(threading.current_thread())
            changed.notify_all()

    def reached(number):
        with changed:
            assert changed.wait_for(lambda: len(seen) >= number, PATIENCE), f"{len(seen)} requests were sent"
        return seen

    ocpi_network.before_send = note
    return reached


@pytest.fixture
def six(save):
    return [save(id, last_updated=OLD) for id in ("A", "B", "C", "D", "E", "F")]


def sync(ocpi):
    (synced,) = ocpi.sync("FR-OTH", ["locations"])
    return synced


@pytest.fixture
def waiting(requests, monkeypatch):
    """Store no page before the one after it was asked for."""
    stored = []

    def receive(*arguments, **options):
        stored.append(len(stored) + 1)
        if len(stored) < 3:
            requests(len(stored) + 1)
        return original(*arguments, **options)

    original = crawling.receive
    monkeypatch.setattr(crawling, "receive", receive)
    return stored


def test_the_next_page_is_on_its_way_while_one_is_stored(ocpi, cpo, six, waiting):
    synced = sync(ocpi)

    assert (synced.is_complete, waiting) == (True, [1, 2, 3])
    assert copies(ocpi) == own(cpo)


def test_a_page_that_was_only_fetched_is_fetched_again(ocpi, cpo, six, requests, monkeypatch, ocpi_network):
    stored = []

    def receive(*arguments, **options):
        if len(stored) == 1:
            requests(3)
            raise StorageError("The disk is full.")
        stored.append(1)
        return original(*arguments, **options)

    original = crawling.receive
    monkeypatch.setattr(crawling, "receive", receive)

    synced = sync(ocpi)

    crawl = load_crawl(ocpi.services, scope_of(ocpi.services, ocpi.partners.find("FR-OTH"), "locations"))
    assert (str(synced.error), crawl.pages, "offset=2&" in crawl.url) == ("The disk is full.", 1, True)
    assert sorted(copies(ocpi)) == ["A", "B"]

    monkeypatch.setattr(crawling, "receive", original)
    ocpi_network.requests.clear()
    assert sync(ocpi).is_complete
    assert [query.partition("offset=")[2].partition("&")[0] for query in asked(ocpi_network)] == ["2", "4"]
    assert copies(ocpi) == own(cpo)


def test_listeners_are_called_in_the_context_of_the_app_whoever_fetches(ocpi, ocpi_app, cpo, six, waiting, requests):
    heard = []

    def note(app, message):
        heard.append((message.operation, has_app_context()))

    with message_exchanged.connected_to(note, ocpi_app), ocpi_app.app_context():
        sync(ocpi)

    assert heard == [("sender_list_locations", True)] * 3
    assert threading.current_thread() not in requests(3)[1:]
