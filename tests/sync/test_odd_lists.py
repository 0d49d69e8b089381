"""Syncing a list whose headers, moments or totals are wrong: nothing is lost, hidden or removed because of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import request

from flask_ocpi.client.wire import _retry_after
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import is_believable
from flask_ocpi.core.moments import is_newer
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.exchange.context import Missing
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.scopes import scope_of
from flask_ocpi.sync.watermarks import Watermark
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from tests.peers import Peer
from tests.peers import answer
from tests.sync.conftest import copies

LIST = "GET /2.2.1/sender/locations"
HOUR = 3600
FAR = "2099-01-01T00:00:00Z"
SIZE = 3


@pytest.fixture
def peer(ocpi, ocpi_network):
    """A platform that lists what is in ``peer.objects``, by pages of three; ``peer.headers`` makes their headers."""
    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["CPO"])])
    peer.endpoints += [peer.endpoint("locations", "SENDER"), peer.endpoint("sessions", "SENDER")]
    ocpi.partners.invite(name="peer", token="token-a")
    assert peer.post(ocpi_network.apps["platform.example"], "token-a").status_code == 1000
    peer.objects = [theirs(str(number)) for number in range(7)]
    peer.headers = lambda at, objects: {"X-Total-Count": str(len(objects))}
    peer.timestamp = None
    peer.queries = []

    def page():
        peer.queries.append(request.query_string.decode())
        at, first = int(request.args.get("offset", 0)), request.args.get("date_from", "")
        objects = [item for item in peer.objects if item["last_updated"] >= first]
        response = answer(objects[at : at + SIZE])
        response.headers.update(peer.headers(at, objects))
        if peer.timestamp is not None:
            response.data = json.dumps({**response.get_json(), "timestamp": peer.timestamp})
        return response

    peer.answers[LIST] = page
    peer.answers["GET /2.2.1/sender/sessions"] = page
    return peer


def theirs(id, **changes):
    return location(country_code="DE", party_id="PEE", id=id, **changes)


def sync(ocpi, module="locations", **options):
    (synced,) = ocpi.sync("peer", [module], **options)
    return synced


def standing(ocpi):
    kept = ("moment", "completed", "reconciled")
    return [tuple(record.document[name] for name in kept) for record in walk(ocpi.storage, Watermark.KIND, Query())]


def findings(caplog):
    return [text.split()[1] for text in caplog.messages if text.startswith("peer: ")]


def next_link(at, objects):
    """Return a Link as some platforms send it: another host, another path, dates that were not given."""
    target = f"http://10.1.2.3/api/v2/locations/?offset={at + SIZE}&amp;limit={SIZE}&date_from=None"
    return {"Link": f"{target}; rel=next"} if at + SIZE < len(objects) else {}


# Nothing is lost.


@pytest.mark.parametrize(
    "headers",
    [
        lambda at, objects: {"X-Total-Count": str(len(objects))},
        next_link,
        lambda at, objects: {"X-Total-Count": "many"},
        lambda at, objects: {"X-Total-Count": "0"},
        lambda at, objects: {"Link": '<>; rel="next"'},
        lambda at, objects: {"X-Total-Count": str(len(objects)), "Link": "<null>; rel=next"},
        lambda at, objects: {"X-Total-Count": str(len(objects)), "Link": f"<?offset={at + SIZE}>; rel=next"},
    ],
    ids=["no link", "wrong link", "no number", "zero", "empty link", "null link", "link on the last"],
)
def test_all_objects_are_got_and_all_of_them_stay(ocpi, peer, headers):
    peer.headers = headers

    first, second = sync(ocpi), sync(ocpi, full=True)

    assert sorted(copies(ocpi)) == list("0123456")
    assert (first.is_complete, second.is_complete, second.pulled.removed) == (True, True, 0)
    assert second.pulled.unchanged == 7


def test_the_dates_that_are_asked_for_are_ours_on_each_page(ocpi, peer, ocpi_clock):
    peer.headers = next_link
    sync(ocpi)
    peer.objects = [theirs(str(number), last_updated=format_date_time(ocpi_clock())) for number in range(7)]
    peer.queries.clear()

    sync(ocpi)

    assert len(peer.queries) == 3
    assert {query.partition("&")[0] for query in peer.queries} == {"date_from=2024-05-31T11:59:00Z"}


def test_an_endpoint_with_a_query_keeps_it_on_each_page(ocpi, peer):
    platform = ocpi.partners.find("peer")
    endpoints = tuple({**e, "url": f"{e['url']}?tenant=7"} for e in platform.endpoints)
    ocpi.services.platforms.save(replace(platform, endpoints=endpoints), before=platform)
    peer.headers = lambda at, objects: {"Link": f"<?tenant=8&offset={at + SIZE}>; rel=next"} if at < 6 else {}

    assert sync(ocpi).pulled.created == 7
    assert peer.queries == ["tenant=7", "tenant=7&offset=3", "tenant=7&offset=6"]


# Nothing is removed, and nothing counts as read, that could not be.


@pytest.mark.parametrize(
    "headers",
    [
        lambda at, objects: {"X-Total-Count": "7", "Link": '<https://peer.example/no/query>; rel="next"'},
        lambda at, objects: {"X-Total-Count": "7"},
        lambda at, objects: {"Link": "<?offset=soon>; rel=next"},
    ],
    ids=["link without a page", "no link", "link without an offset"],
)
@pytest.mark.parametrize("full", [True, False], ids=["whole", "changes"])
def test_what_cannot_be_read_to_its_end_does_not_count(ocpi_app, ocpi, peer, caplog, ocpi_clock, headers, full):
    sync(ocpi)
    before = standing(ocpi)
    ocpi_clock.advance(HOUR)
    first = [theirs(str(number), name="New") for number in range(SIZE)]

    def page():
        response = answer(first)
        response.headers.update(headers(0, first))
        return response

    peer.answers[LIST] = page
    caplog.clear()

    synced = sync(ocpi, full=full)
    told = [entry.finding.kind for entry in ocpi.findings.list()]
    with pytest.raises(IncompleteListError):
        ocpi.pull("locations", "peer")
    shown = ocpi_app.test_cli_runner().invoke(args=["ocpi", "sync", "locations"])

    assert isinstance(synced.error, IncompleteListError)
    assert standing(ocpi) == before
    assert sorted(copies(ocpi)) == list("0123456")
    assert copies(ocpi)["0"]["name"] == "New", "what was read is stored"
    assert "incomplete_list" in told
    assert (shown.exit_code, "could not be read to its end" in shown.stderr) == (1, True)


def test_a_list_that_names_more_than_it_has_removes_nothing_until_it_is_said_so(ocpi_app, ocpi, peer, caplog):
    sync(ocpi)
    peer.headers = lambda at, objects: {"X-Total-Count": "9"}
    same = sync(ocpi, full=True)
    peer.objects = peer.objects[:5]

    fewer = sync(ocpi, full=True)
    with pytest.raises(IncompleteListError, match="names 9 objects and has 5"):
        ocpi.pull("locations", "peer")
    shown = ocpi_app.test_cli_runner().invoke(args=["ocpi", "sync", "locations", "--full"])
    kept = sorted(copies(ocpi))
    forced = sync(ocpi, full=True, force=True)

    assert (same.is_complete, fewer.is_complete, fewer.held_back) == (True, False, 2)
    assert kept == list("0123456")
    assert (shown.exit_code, "may lack some objects (it names 9 objects and has 5)" in shown.stderr) == (1, True)
    assert (forced.is_complete, forced.pulled.removed) == (True, 2)
    assert "wrong_total" in findings(caplog)


def test_no_changes_are_no_error_where_the_total_counts_all_objects(ocpi, peer, ocpi_clock, caplog):
    peer.headers = lambda at, objects: {"X-Total-Count": str(len(peer.objects))}
    sync(ocpi)
    (moment, completed, reconciled) = standing(ocpi)[0]
    ocpi_clock.advance(HOUR)
    peer.objects = [theirs(str(number), last_updated="2015-01-01T00:00:00Z") for number in range(3)]

    synced = sync(ocpi)

    assert (synced.error, synced.whole, synced.pulled.total, synced.pulled.removed) == (None, False, 3, 0)
    assert standing(ocpi) == [(moment, completed + HOUR * 10**6, reconciled)]
    assert sorted(copies(ocpi)) == list("0123456")
    assert [(entry.finding.kind, entry.finding.came) for entry in ocpi.findings.list()] == [
        ("wrong_total", "it names 3 objects and has 0")
    ]


@pytest.mark.parametrize("module", ["locations", "sessions"])
def test_a_whole_list_that_names_objects_and_has_none_is_an_error_each_time(ocpi, peer, module):
    peer.objects, peer.headers = [], lambda at, objects: {"X-Total-Count": "3"}

    done = [sync(ocpi, module) for _ in range(2)]

    assert ["it has 3 objects, of which 0 could be read" in str(each.error) for each in done] == [True, True]
    assert all(moments == (None, None, None) for moments in standing(ocpi))
    assert [(entry.finding.kind, entry.finding.came) for entry in ocpi.findings.list()] == [
        ("incomplete_list", "it has 3 objects, of which 0 could be read")
    ]


def test_a_doubt_outlives_the_process_that_read_the_list(ocpi, peer, monkeypatch):
    sync(ocpi)
    peer.headers = lambda at, objects: {"X-Total-Count": "9"}
    peer.objects = peer.objects[:5]

    def die(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("flask_ocpi.sync.syncing.remove_vanished", die)
        with pytest.raises(KeyboardInterrupt):
            sync(ocpi, full=True)
    peer.queries.clear()

    synced = sync(ocpi, full=True)

    assert (peer.queries, synced.held_back, synced.doubt) == ([], 2, "it names 9 objects and has 5")


def test_a_total_that_goes_up_and_down_loses_nothing(ocpi, peer):
    totals = iter((7, 4) * 100)
    peer.headers = lambda at, objects: {**next_link(at, objects), "X-Total-Count": str(next(totals))}

    first, second = sync(ocpi), sync(ocpi, full=True)

    assert sorted(copies(ocpi)) == list("0123456")
    assert (first.error, second.error, second.pulled.removed) == (None, None, 0)


@pytest.mark.parametrize("data", [None, {}], ids=["null", "absent"])
def test_a_list_without_data_is_empty_and_removes_nothing(ocpi, peer, data):
    sync(ocpi)

    def page():
        response = answer(data)
        response.data = json.dumps({"status_code": 1000, **({"data": None} if data is None else {})})
        return response

    peer.answers[LIST] = page

    synced = sync(ocpi, full=True)

    assert (synced.error, synced.held_back, len(copies(ocpi))) == (None, 7, 7)


def test_an_object_where_a_list_is_due_is_the_list(ocpi, peer):
    peer.answers[LIST] = lambda: answer(theirs("ONE"))

    assert (sync(ocpi).pulled.created, list(copies(ocpi))) == (1, ["ONE"])


# Moments in the future.


@pytest.mark.parametrize("timestamp", [FAR, "9999-12-31T23:59:59Z", None], ids=["2099", "9999", "now"])
def test_a_moment_in_the_future_hides_no_later_change(ocpi, peer, ocpi_clock, timestamp):
    peer.timestamp = timestamp
    peer.objects = [theirs("A", last_updated=FAR), theirs("B", last_updated="2025-01-01T00:00:00Z")]
    sync(ocpi)
    ocpi_clock.advance(HOUR)
    changed = format_date_time(ocpi_clock())
    peer.objects = [theirs("A", name="Right", last_updated=changed), theirs("B", name="New", last_updated=changed)]

    synced = sync(ocpi)

    assert (synced.whole, synced.pulled.updated) == (False, 2)
    assert [document["name"] for document in copies(ocpi).values()] == ["Right", "New"]


@pytest.mark.parametrize(("ahead", "whole"), [(90, False), (100 * 365 * 86_400, True)], ids=["a little", "far"])
def test_a_watermark_in_the_future_is_not_kept(ocpi, peer, ocpi_clock, ahead, whole):
    sync(ocpi)
    scope = scope_of(ocpi.services, ocpi.partners.find("peer"), "locations")
    record = ocpi.storage.get(Watermark.KIND, scope.key)
    moment = to_micros(format_date_time(ocpi_clock() + timedelta(seconds=min(ahead, 70 * 365 * 86_400))))
    ocpi.storage.save(
        Watermark.KIND, scope.key, Record.of({**record.document, "moment": moment}, last_updated=record.last_updated)
    )
    ocpi_clock.advance(10)
    peer.objects.append(theirs("NEW", last_updated=format_date_time(ocpi_clock())))

    synced = sync(ocpi)

    assert (synced.whole, "NEW" in copies(ocpi)) == (whole, True)
    assert watermarks.get(ocpi.services, scope).moment <= ocpi.services.now()


@pytest.mark.parametrize("ocpi_config", [{"OCPI_REJECT_STALE": True}], ids=["refuse older"])
@pytest.mark.parametrize("part", [(), ("E",)], ids=["object", "part"])
def test_a_copy_from_the_future_does_not_refuse_what_changes_later(ocpi_network, ocpi, cpo, ocpi_clock, part):
    stored = location(country_code="FR", party_id="OTH", id="A", last_updated=FAR)
    stored["evses"] = [evse(uid="E", last_updated=FAR)]
    calls = cpo.client("NL-ABC").locations
    calls.put(stored)
    changed = format_date_time(ocpi_clock())

    calls.patch("A", *part, changes={"last_updated": changed, ("status" if part else "name"): "CHARGING"})
    if part:
        calls.put(evse(uid="E", status="BLOCKED", last_updated=changed), "A")
        assert copies(ocpi)["A"]["evses"][0]["status"] == "BLOCKED"
    else:
        assert copies(ocpi)["A"]["name"] == "CHARGING"
        calls.put({**stored, "name": "Other", "last_updated": changed})
        assert copies(ocpi)["A"]["name"] == "Other"


NOW, MINUTE, DAY = 10**15, 60 * 10**6, 86_400 * 10**6


@pytest.mark.parametrize(
    ("stored", "other", "newer"),
    [
        (NOW, NOW, False),
        (NOW - 1, NOW, False),
        (NOW, NOW - 1, True),
        (NOW + 59 * MINUTE, NOW, True),
        (NOW + 61 * MINUTE, NOW, False),
        (NOW + 121 * MINUTE, NOW + 120 * MINUTE, True),
        (NOW + 121 * MINUTE, NOW + 122 * MINUTE, False),
        (NOW + 2 * DAY, NOW + DAY, False),
        (NOW + 2000 * DAY, NOW, False),
    ],
)
def test_which_state_is_newer(stored, other, newer):
    assert is_newer(stored, other, NOW) is newer


def test_what_is_believable():
    assert is_believable(NOW + 60 * MINUTE, NOW)
    assert not is_believable(NOW + 60 * MINUTE + 1, NOW)


@pytest.mark.parametrize("moment", [FAR, "2026-01-01T12:00:00Z"], ids=["far", "now"])
def test_an_object_that_is_missed_by_a_change_from_the_future_is_got(ocpi, peer, moment):
    peer.objects = [session(country_code="DE", party_id="PEE", id="S", last_updated="2026-01-01T12:00:00Z")]
    platform = ocpi.partners.find("peer")
    missing = Missing(
        platform, "sessions", Party.of("DE", "PEE"), "S", Party.of("NL", "ABC"), last_updated=to_micros(moment)
    )

    ocpi.services.missed(missing)

    assert list(copies(ocpi, "sessions")) == ["S"]
    assert not list(walk(ocpi.storage, "missing_objects", Query()))


# What a platform may ask for.


@pytest.mark.parametrize(
    "text",
    ["999999999999", "9" * 4000, "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"],
    ids=["seconds", "digits", "year 9999", "year 2099"],
)
def test_a_retry_after_of_decades_is_an_hour(text):
    assert _retry_after({"Retry-After": text}) == HOUR


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-5", "1e9", "Fri, 31 Dec 99999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 -0000", "\u0663", "1, 2"],
)
def test_a_retry_after_of_nothing_is_none(text):
    assert _retry_after({"Retry-After": text}) in (None, 0.0)


@pytest.mark.parametrize("ocpi_config", [{"OCPI_SYNC_INTERVAL": 60}], ids=["interval"])
def test_a_sync_that_failed_is_due_within_an_hour_whatever_is_asked_for(ocpi, peer, ocpi_clock):
    sync(ocpi)
    scope = scope_of(ocpi.services, ocpi.partners.find("peer"), "locations")
    taken = watermarks.take(ocpi.services, scope)

    watermarks.failed(ocpi.services, taken, "Refused.", retry_after=10.0**9)

    due = watermarks.get(ocpi.services, scope).due
    assert due - ocpi.services.now() == HOUR * 10**6
