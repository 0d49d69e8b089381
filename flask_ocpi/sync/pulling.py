"""Pulling: fetch the objects of another platform once, and keep copies of them."""

from __future__ import annotations

from collections.abc import Callable

from flask_ocpi.client.client import Client
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.storage.base import Party
from flask_ocpi.sync.crawling import Crawl
from flask_ocpi.sync.crawling import read_pages
from flask_ocpi.sync.crawling import remove_vanished
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.scopes import scope_of


def pull(
    client: Client,
    module: str,
    *,
    date_from: str | None = None,
    date_to: str | None = None,
    receiver: Party | None = None,
    progress: Callable[[Pulled], None] = lambda _: None,
) -> Pulled:
    """Fetch the objects of a platform's Sender interface and store them for one of our own parties.

    Without dates, copies that the platform lists no more are removed at the end (PAG-20), unless some objects of the
    list were broken: those might be the ones missing. A hub's are kept, since other platforms may push them too.

    Raises IncompleteListError, after all, where it is not sure that the list had everything, so that some stayed.
    """
    calls = client.module(module)
    scope = scope_of(client.services, client.platform, module, receiver)
    crawl = Crawl.begin(client.services, scope, calls, date_from=date_from, date_to=date_to)
    read_pages(client.services, scope, calls, crawl, progress=progress)
    held_back = remove_vanished(client.services, scope, crawl, force=not crawl.doubt)
    progress(crawl.pulled)
    if held_back:
        raise IncompleteListError(
            f"It is not sure that the list of {module} of {client.platform.id} had everything: {crawl.doubt}. "
            f"{held_back} copies that it lacks are kept."
        )
    return crawl.pulled
