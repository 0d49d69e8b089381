"""A list that does not end is noticed, is not the list, and holds up nobody."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from flask import request

from flask_ocpi.client.listing import Pages
from flask_ocpi.client.paging import Bounds
from flask_ocpi.errors import EndlessListError
from flask_ocpi.errors import LongListError
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.syncing import Schedule
from flask_ocpi.sync.watermarks import Watermark
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import PartnerClient
from tests.peers import Peer
from tests.peers import answer
from tests.urls import ocpi_url

HOUR = 3600
MOST_PAGES = 12
LIST = "GET /2.2.1/sender/locations"
URL = "https://peer.example/2.2.1/sender/locations"


def objects(*ids, party="PEE"):
    return [location(country_code="DE", party_id=party, id=str(id)) for id in ids]


def page(documents, *, total=None, link=None):
    """Return an answer; ``link`` is the offset of the page that it names, True for the next one."""
    response = answer(documents)
    if total is not None:
        response.headers["X-Total-Count"] = str(total)
    if link is not None:
        response.headers["Link"] = f'<{request.base_url}?offset={offset() + 1 if link is True else link}>; rel="next"'
    return response


def offset():
    return int(request.args.get("offset", 0))


#: What a platform answers for each page, and the number of pages after which that is known, of MOST_PAGES.
ENDLESS: dict[str, tuple[Callable[[], object], int]] = {
    "empty pages": (lambda: page([], link=True), 1),
    "empty pages after others": (lambda: page(objects(offset()) if offset() < 3 else [], link=True), 4),
    "one page": (lambda: page(objects("A", "B"), total=10**6, link=True), 5),
    "one page without a total": (lambda: page(objects("A", "B"), link=True), 5),
    "some pages in turn": (lambda: page(objects(offset() % 3), total=10**6, link=True), 7),
    "objects in another order": (lambda: page(random.sample(objects(*range(6)), 6), link=True), 5),
    "broken objects": (lambda: page([{"id": "A"}, [], None], link=True), 5),
    "an offset beyond the total": (lambda: page(objects(offset()), total=2, link=True), MOST_PAGES),
    "a circle": (lambda: page(objects(offset()), link=(offset() + 1) % 3), 4),
    "one page and a growing total": (lambda: page(objects("A"), total=10 + offset(), link=True), MOST_PAGES),
    "ever new objects": (lambda: page(objects(offset()), link=True), MOST_PAGES),
    "a growing total": (lambda: page(objects(offset()), total=10 + offset(), link=True), MOST_PAGES),
}
EVERY_KIND = pytest.mark.parametrize(("pages", "number"), ENDLESS.values(), ids=ENDLESS)


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["EMSP"])]


@pytest.fixture
def ocpi_config():
    return {"OCPI_SYNC_MAX_PAGES": MOST_PAGES, "OCPI_SYNC_INTERVAL": HOUR, "OCPI_SYNC_MODULES": ["locations"]}


def registered(ocpi, network, name, *, modules=("locations",), party="PEE"):
    """Return a platform that is registered and offers lists."""
    peer = Peer(network, f"{name}.example", parties=[("DE", party, ["CPO"])])
    peer.endpoints += [peer.endpoint(module, "SENDER") for module in modules]
    ocpi.partners.invite(name=name, token=f"token-{name}")
    assert peer.post(network.apps["platform.example"], f"token-{name}").status_code == 1000
    return peer


@pytest.fixture
def peer(ocpi, ocpi_network):
    """A platform whose list had one Location when it was synced, and the caller asks it for more."""
    peer = registered(ocpi, ocpi_network, "peer")
    peer.answers[LIST] = lambda: page(objects("OLD"), total=1)
    (synced,) = ocpi.sync()
    assert synced.is_complete
    peer.seen.clear()
    return peer


def standing(ocpi):
    """Return up to where lists are known to be read."""
    kept = ("moment", "completed", "reconciled", "endpoint")
    records = walk(ocpi.storage, Watermark.KIND, Query())
    return {record.document["platform"]: tuple(record.document[name] for name in kept) for record in records}


def copies(ocpi):
    return {document["id"] for document in ocpi.objects.documents("locations", copies=True)}


def findings(ocpi):
    found = (entry for entry in ocpi.findings.list() if not entry.finding.refused)
    return [(e.finding.platform, e.finding.kind, e.finding.module, e.count) for e in found]


@EVERY_KIND
@pytest.mark.parametrize("full", [True, False], ids=["whole", "changes"])
def test_a_list_that_does_not_end_is_found_out_and_does_not_count(ocpi, peer, ocpi_clock, pages, number, full):
    before = standing(ocpi)
    ocpi_clock.advance(HOUR)
    peer.answers[LIST] = pages

    (synced,) = ocpi.sync(full=full)

    assert isinstance(synced.error, EndlessListError)
    assert not synced.is_complete
    assert [path for path, _ in peer.seen] == [LIST] * number
    assert standing(ocpi) == before
    assert "OLD" in copies(ocpi)
    assert findings(ocpi) == [("peer", "endless_list", "locations", 1)]


@EVERY_KIND
def test_a_pull_of_such_a_list_fails_and_removes_nothing(ocpi, peer, pages, number):
    peer.answers[LIST] = pages

    with pytest.raises(EndlessListError, match="does not end"):
        ocpi.pull("locations", "peer")
    with pytest.raises(EndlessListError, match="does not end"):
        list(ocpi.client("peer").locations.list())

    assert len(peer.seen) == 2 * number
    assert "OLD" in copies(ocpi)
    assert findings(ocpi) == [("peer", "endless_list", "locations", 2)]


def test_commands_say_so_by_their_exit_code(ocpi_app, peer):
    peer.answers[LIST] = ENDLESS["one page"][0]

    runner = ocpi_app.test_cli_runner()

    synced = runner.invoke(args=["ocpi", "sync", "--full", "--json"])
    pulled = runner.invoke(args=["ocpi", "pull", "locations", "--partner", "peer"])

    assert (synced.exit_code, pulled.exit_code) == (1, 1)
    (item,) = json.loads(synced.stdout)["synced"]
    assert "does not end: its pages bring nothing new" in item["error"]
    assert "does not end: its pages bring nothing new" in synced.stderr
    assert "does not end: its pages bring nothing new" in pulled.stderr


def test_what_is_fetched_because_it_is_missing_ends_as_well(ocpi, ocpi_network):
    peer = registered(ocpi, ocpi_network, "peer", modules=("sessions",))
    path = "GET /2.2.1/sender/sessions"
    peer.answers[path] = lambda: page([session(country_code="DE", party_id="PEE", id=str(offset()))], link=True)
    token = ocpi.services.platforms.issue(TokenUse.ACTIVE)
    platform = ocpi.partners.find("peer")
    ocpi.services.platforms.save(replace(platform, issued=(*platform.issued, token[0])), before=platform)
    client = PartnerClient(ocpi_network.apps["platform.example"], token[1])

    change = {"last_updated": "2026-01-01T12:00:00Z", "kwh": 1.0}
    missed = client.patch(ocpi_url("receiver/sessions/DE/PEE/S"), change)

    assert missed.http_status == 404
    assert [path for path, _ in peer.seen].count(path) == MOST_PAGES


def test_an_endless_list_is_not_fetched_ahead():
    asked = []

    def fetch(url):
        asked.append(url)
        headers = {"Link": f'<{URL}?offset={len(asked)}>; rel="next"'}
        return SimpleNamespace(data=objects("A"), headers=headers, timestamp="2026-01-01T12:00:00Z")

    found = []
    bounds = Bounds(found=lambda kind, reason: found.append((kind, reason)))
    pages = Pages(fetch, URL, Location(), endpoint=URL, background=lambda work: work(), bounds=bounds)

    with pytest.raises(EndlessListError):
        list(pages)

    assert (len(asked), found) == (5, [("endless_list", "its pages bring nothing new")])


def test_a_list_that_takes_too_long_is_gone_on_with_the_next_time(ocpi, peer, ocpi_clock):
    object.__setattr__(ocpi.services.settings, "sync_max_seconds", 1e-9)
    peer.answers[LIST] = lambda: page(objects(offset()), total=3, link=True if offset() < 2 else None)
    before = standing(ocpi)
    ocpi_clock.advance(HOUR)

    attempts = [ocpi.sync(full=True)[0] for _ in range(3)]

    assert [type(synced.error) for synced in attempts] == [LongListError, LongListError, type(None)]
    assert [synced.is_complete for synced in attempts] == [False, False, True]
    assert len(peer.seen) == 3, "each page is fetched once"
    assert findings(ocpi) == [("peer", "long_list", "locations", 2)]
    assert copies(ocpi) == {"0", "1", "2"}
    assert standing(ocpi) != before


def test_a_list_that_takes_too_long_to_pull_removes_nothing(ocpi, peer):
    object.__setattr__(ocpi.services.settings, "sync_max_seconds", 1e-9)
    peer.answers[LIST] = lambda: page(objects(offset()), total=3, link=True if offset() < 2 else None)

    with pytest.raises(LongListError, match="after 1 pages"):
        ocpi.pull("locations", "peer")

    assert copies(ocpi) == {"OLD", "0"}


@pytest.fixture
def waiting(ocpi, ocpi_network, ocpi_clock):
    """Four platforms with endless lists and a fifth; a schedule of them, and what it wants done in the background."""
    names = [f"bad{number}" for number in range(4)] + ["good"]
    peers = {name: registered(ocpi, ocpi_network, name, party=name[-3:].upper()) for name in names}
    peers["good"].answers[LIST] = lambda: page(objects("GOOD", party="OOD"), total=1)
    work = []
    schedule = Schedule(lambda: replace(ocpi.services, background=work.append), ocpi.client)
    schedule.run()  # they have their times now
    ocpi_clock.advance(HOUR)
    return schedule, work


def test_four_platforms_with_lists_that_go_on_hold_up_no_other(ocpi, waiting, ocpi_clock):
    schedule, work = waiting
    schedule.run()
    endless, work[:] = list(work), []
    schedule.run()
    at_first = len(work)

    ocpi_clock.advance(31)  # none of the four has come to its end
    schedule.run()
    for each in work:
        each()

    assert (len(endless), at_first, len(work)) == (4, 0, 1)
    assert copies(ocpi) == {"GOOD"}
    assert schedule.seconds_left() <= 1


def test_however_many_lists_go_on_the_number_of_threads_is_bounded(ocpi, ocpi_network, ocpi_clock):
    for number in range(40):
        registered(ocpi, ocpi_network, f"p{number}", party=f"P{number:02}")
    work = []
    schedule = Schedule(lambda: replace(ocpi.services, background=work.append), ocpi.client)
    schedule.run()
    ocpi_clock.advance(HOUR)
    for _ in range(12):
        schedule.run()
        ocpi_clock.advance(31)

    assert len(work) == 32


def test_what_failed_the_last_time_is_synced_last(ocpi, ocpi_network):
    for name in ("bad", "good"):
        peer = registered(ocpi, ocpi_network, name, party=f"{name:P<3.3}".upper())
        peer.answers[LIST] = ENDLESS["one page"][0] if name == "bad" else lambda: page([], total=0)

    first, second = ([synced.platform for synced in ocpi.sync()] for _ in range(2))

    assert (first, second) == (["bad", "good"], ["good", "bad"])


class Changing:
    """A list that changes between any two pages, with totals and links that are true."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.limit = self.random.randint(1, 4)
        self.ids = list(range(20))
        self.changes = 60
        self.next = 20

    def change(self):
        """Let objects come, go and change places."""
        for _ in range(self.random.choice((0, 0, 1, self.limit))):
            if not self.changes:
                return
            self.changes -= 1
            where = self.random.randint(0, len(self.ids))
            if self.random.random() < 0.5:
                self.ids.insert(where, self.next)
                self.next += 1
            elif self.ids:
                self.ids.pop(min(where, len(self.ids) - 1))

    def fetch(self, url):
        self.change()
        start = int(url.partition("offset=")[2].partition("&")[0] or 0)
        end = start + self.limit
        headers = {"X-Total-Count": str(len(self.ids))}
        if end < len(self.ids):
            headers["Link"] = f'<{URL}?offset={end}>; rel="next"'
        return SimpleNamespace(data=objects(*self.ids[start:end]), headers=headers, timestamp="2026-01-01T12:00:00Z")


@pytest.mark.parametrize("seed", range(60))
def test_a_list_that_changes_all_the_time_is_not_taken_for_endless(seed):
    changing = Changing(seed)

    read = [len(page.documents) for page in Pages(changing.fetch, URL, Location(), endpoint=URL)]

    assert sum(read) >= len(changing.ids[-1:])
