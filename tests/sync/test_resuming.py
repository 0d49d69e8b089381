"""A sync that was interrupted goes on where it was; two never sync the same at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Query
from flask_ocpi.sync import watermarks
from flask_ocpi.sync.crawling import POSITIONS
from flask_ocpi.sync.scopes import scope_of
from flask_ocpi.sync.watermarks import BusyError
from flask_ocpi.sync.watermarks import Watermark
from tests.conftest import EVERY_STORAGE
from tests.sync.conftest import asked
from tests.sync.conftest import copies
from tests.sync.conftest import own
from tests.sync.conftest import spoil

OLD = "2024-01-01T00:00:00Z"
LEASE = 2 * 30 + 30 + 1
DAY = 86_400


class Killed(BaseException):
    """What ends a process in the middle."""


def sync(ocpi, **options):
    (synced,) = ocpi.sync("FR-OTH", ["locations"], **options)
    return synced


def kept(ocpi):
    return ocpi.storage.list(POSITIONS, Query()).total


@pytest.fixture
def six(save):
    return [save(id, last_updated=OLD) for id in ("A", "B", "C", "D", "E", "F")]


def offsets(network):
    return [query.partition("offset=")[2].partition("&")[0] for query in asked(network)]


@EVERY_STORAGE
def test_sync_goes_on_where_the_line_was_cut(ocpi, cpo, six, line, ocpi_network):
    line.cut(2)
    cut = sync(ocpi)
    stored = sorted(copies(ocpi))
    line.mend()
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert (str(cut.error), cut.pulled.created, stored) == ("The line is cut.", 4, ["A", "B", "C", "D"])
    assert offsets(ocpi_network) == ["4"]
    assert (synced.error, synced.whole, synced.pulled.created) == (None, True, 6)
    assert copies(ocpi) == own(cpo)
    assert kept(ocpi) == 0


@pytest.mark.parametrize("after", range(3))
def test_process_that_was_ended_is_gone_on_with_at_once(ocpi, cpo, six, line, after):
    line.cut(after, Killed())
    with pytest.raises(Killed):
        sync(ocpi)
    line.mend()

    synced = sync(ocpi)

    assert (synced.error, synced.pulled.created) == (None, 6)
    assert copies(ocpi) == own(cpo)


def test_changes_are_gone_on_with_by_the_same_dates(ocpi, cpo, six, save, line, ocpi_network, ocpi_clock):
    sync(ocpi)
    ocpi_clock.advance(3600)
    for id in ("A", "C", "E"):
        save(id, city="Changed")
    line.cut(1)
    sync(ocpi)
    line.mend()
    ocpi_clock.advance(3600)
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert asked(ocpi_network)[0].startswith("date_from=2023-12-31T23:59:00Z&offset=2")
    assert (synced.whole, synced.error) == (False, None)
    assert copies(ocpi) == own(cpo)


def test_what_changed_while_it_was_interrupted_is_got_the_next_time(ocpi, cpo, six, save, line, ocpi_clock):
    line.cut(2)
    sync(ocpi)
    line.mend()
    ocpi_clock.advance(3600)
    save("A", city="Changed meanwhile")
    save("F", city="Changed meanwhile")
    save("G", city="New")
    sync(ocpi)
    ocpi_clock.advance(3600)

    sync(ocpi)

    assert copies(ocpi) == own(cpo)


@pytest.mark.conformance("PAG-19")
def test_list_that_shrank_while_it_was_interrupted_is_stepped_back_in(ocpi, cpo, six, line, ocpi_network):
    line.cut(2)
    sync(ocpi)
    line.mend()
    cpo.objects.delete("locations", "A")
    cpo.objects.delete("locations", "B")
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert offsets(ocpi_network) == ["4", "2"]
    assert synced.error is None
    assert {"C", "D", "E", "F"} <= set(copies(ocpi))


@EVERY_STORAGE
def test_what_vanished_before_the_interruption_is_removed_after_it(ocpi, cpo, six, line):
    sync(ocpi)
    cpo.objects.delete("locations", "A")
    cpo.objects.delete("locations", "F")
    line.cut(1)
    cut = sync(ocpi, full=True)
    before = len(copies(ocpi))
    line.mend()

    synced = sync(ocpi)

    assert (cut.pulled.removed, before) == (0, 6)
    assert (synced.whole, synced.pulled.removed) == (True, 2)
    assert copies(ocpi) == own(cpo)


def test_broken_objects_before_the_interruption_keep_all_copies(ocpi, cpo, six, line, ocpi_network):
    sync(ocpi)
    cpo.objects.delete("locations", "F")
    spoil(ocpi_network, "A")
    line.cut(1)
    sync(ocpi, full=True)
    line.mend()

    synced = sync(ocpi)

    assert (synced.whole, synced.pulled.removed) == (True, 0)
    assert "F" in copies(ocpi)


@EVERY_STORAGE
def test_page_and_position_are_stored_together_or_not_at_all(ocpi, cpo, six, monkeypatch):
    save = ocpi.storage.save

    def fail(kind, key, record, **options):
        if kind == POSITIONS and ocpi.storage.list("locations", Query()).total == 4:
            raise StorageError("The disk is full.")
        return save(kind, key, record, **options)

    monkeypatch.setattr(ocpi.storage, "save", fail)
    failed = sync(ocpi)
    monkeypatch.undo()
    stored = sorted(copies(ocpi))

    synced = sync(ocpi)

    assert (str(failed.error), stored) == ("The disk is full.", ["A", "B"])
    assert (synced.error, synced.pulled.created) == (None, 6)
    assert copies(ocpi) == own(cpo)


def test_old_position_is_dropped(ocpi, cpo, six, line, ocpi_network, ocpi_clock):
    line.cut(2)
    sync(ocpi)
    line.mend()
    ocpi_clock.advance(DAY + 1)
    ocpi_network.requests.clear()

    sync(ocpi)

    assert offsets(ocpi_network) == ["", "2", "4"]


def test_whole_list_does_not_go_on_with_changes(ocpi, cpo, six, save, line, ocpi_network):
    sync(ocpi)
    for id in ("A", "B", "C"):
        save(id, city="Changed")
    line.cut(1)
    sync(ocpi)
    line.mend()
    ocpi_network.requests.clear()

    synced = sync(ocpi, full=True)

    assert (synced.whole, asked(ocpi_network)[0]) == (True, "")


def test_position_at_another_address_is_dropped(ocpi, cpo, six, line, ocpi_network):
    line.cut(1)
    sync(ocpi)
    line.mend()
    platform = ocpi.partners.find("FR-OTH")
    ocpi_network.apps["new.example"] = ocpi_network.apps["other.example"]
    moved = tuple({**e, "url": e["url"].replace("other.", "new.")} for e in platform.endpoints)
    ocpi.services.platforms.save(replace(platform, endpoints=moved), before=platform)
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert synced.error is None
    assert (ocpi_network.requests[0].url.split("/")[2], offsets(ocpi_network)[0]) == ("new.example", "")


@pytest.mark.parametrize(
    ("http_status", "status_code", "anew"),
    [(200, 2001, True), (404, 2001, True), (200, 3000, False), (503, 3000, False), (401, 2000, False)],
    ids=["refused", "gone", "server error", "overloaded", "token"],
)
def test_crawl_begins_anew_where_the_platform_does_not_know_the_page_any_more(
    ocpi, cpo, six, line, ocpi_network, http_status, status_code, anew
):
    line.cut(2)
    sync(ocpi)
    line.mend()
    ocpi_network.requests.clear()
    ocpi_network.after_send = lambda request, response: (
        replace(response, status=http_status, body=b'{"status_code":%d,"timestamp":"x"}' % status_code)
        if "offset=4" in request.url and len(ocpi_network.requests) == 1
        else response
    )

    synced = sync(ocpi)

    assert (synced.error is None) == anew
    assert isinstance(synced.error, RefusedError) != anew
    assert offsets(ocpi_network) == (["4", "", "2", "4"] if anew else ["4"])


def test_answer_that_makes_no_sense_has_the_list_read_anew(ocpi, cpo, six, ocpi_network):
    first = "https://other.example/ocpi/2.2.1/sender/locations?offset=2&limit=2"
    ocpi_network.after_send = lambda request, response: (
        replace(response, headers={**response.headers, "Link": f'<{first}>; rel="next"'})
        if "offset=2" in request.url
        else response
    )
    circle = sync(ocpi)
    ocpi_network.after_send = lambda request, response: response
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert "circle" in str(circle.error)
    assert (synced.error, offsets(ocpi_network)) == (None, ["", "2", "4"])


# What is not JSON.


@pytest.fixture
def maintained(ocpi_network):
    """Answer an HTML page with HTTP 200 to the requests that ``maintained.hits`` picks, by their number and URL."""

    class Maintained:
        count = 0

        def hits(self, count, url):
            return False

    maintained = Maintained()

    def after_send(request, response):
        if request.method != "GET":
            return response
        maintained.count += 1
        hit = maintained.hits(maintained.count, request.url)
        return replace(response, body=b"<html>We will be back.</html>") if hit else response

    ocpi_network.after_send = after_send
    return maintained


@EVERY_STORAGE
def test_sync_goes_on_where_a_page_was_not_json(ocpi, cpo, six, ocpi_network, maintained):
    maintained.hits = lambda count, url: count % 3 == 0
    cut = sync(ocpi)
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert isinstance(cut.error, InvalidResponseError)
    assert (synced.error, synced.pulled.created, offsets(ocpi_network)) == (None, 6, ["4"])
    assert copies(ocpi) == own(cpo)
    assert kept(ocpi) == 0


@EVERY_STORAGE
@pytest.mark.parametrize("body", [b"<html>", b'{"status_code":3000,"timestamp":"x"}'], ids=["no JSON", "server error"])
def test_position_that_always_fails_is_given_up_after_five_times(ocpi, cpo, six, ocpi_network, body):
    is_expired = True
    ocpi_network.after_send = lambda request, response: (
        replace(response, body=body) if is_expired and "offset=4" in request.url else response
    )
    failed = [sync(ocpi) for _ in range(5)]
    is_expired = False
    tried = offsets(ocpi_network)
    ocpi_network.requests.clear()

    synced = sync(ocpi)

    assert [each.error is None for each in failed] == [False] * 5
    assert tried == ["", "2", "4", "4", "4", "4", "4"]
    assert (synced.error, offsets(ocpi_network)) == (None, ["", "2", "4"])
    assert copies(ocpi) == own(cpo)


def test_each_stored_page_gives_a_position_five_times_anew(ocpi, cpo, six, ocpi_network, maintained):
    maintained.hits = lambda count, url: count % 5  # four failures, then a page

    done = [sync(ocpi).error is None for _ in range(13)]

    assert done == [*[False] * 12, True]
    assert offsets(ocpi_network) == [*[""] * 5, *["2"] * 5, *["4"] * 5]


def test_outage_never_gives_up_a_position(ocpi, cpo, six, line, ocpi_network):
    line.cut(2)
    for _ in range(9):
        sync(ocpi)
    line.mend()
    ocpi_network.requests.clear()

    assert (sync(ocpi).error, offsets(ocpi_network)) == (None, ["4"])


# Only one at a time.


@EVERY_STORAGE
def test_only_one_syncs_the_same_at_a_time(ocpi, cpo, six, line):
    others = []
    line.between = lambda count: others.append(sync(ocpi)) if count == 1 and not others else None

    synced = sync(ocpi)

    assert synced.error is None
    assert isinstance(others[0].error, BusyError)
    assert "Another process syncs locations of other-example right now." in str(others[0].error)


@EVERY_STORAGE
def test_what_somebody_else_took_over_is_not_stored_any_more(ocpi, cpo, six, line, ocpi_clock):
    others = []

    def sleep(count):
        if count == 1 and not others:
            others.append(None)
            ocpi_clock.advance(LEASE)  # this process sleeps for longer than a page may take
            others.append(sync(ocpi))

    line.between = sleep
    slow = sync(ocpi)

    assert (others[1].error, others[1].pulled.created) == (None, 6)
    assert isinstance(slow.error, BusyError)
    assert copies(ocpi) == own(cpo)
    assert kept(ocpi) == 0


def test_long_crawl_keeps_what_it_took(ocpi, cpo, six, line, ocpi_clock):
    others = []

    def take_time(count):
        ocpi_clock.advance(LEASE - 10)
        if count == 2 and not others:
            others.append(None)
            others.append(sync(ocpi))

    line.between = take_time
    synced = sync(ocpi)

    assert synced.error is None
    assert isinstance(others[1].error, BusyError)


def test_listener_is_told_once_the_page_is_stored(ocpi, cpo, six, line, ocpi_app):
    heard = []

    def hear(app, *, key, created, platform, module, **_):
        heard.append((module, key.id, created, platform.id, key.id in copies(ocpi)))

    with object_received.connected_to(hear, ocpi_app):
        line.cut(1)
        sync(ocpi)
        line.mend()
        sync(ocpi)

    assert heard == [("locations", id, True, "other-example", True) for id in "ABCDEF"]


# What goes wrong at an awkward moment.


@pytest.mark.parametrize("kind", ["locations", Watermark.KIND], ids=["object", "watermark"])
def test_record_that_appears_between_a_look_and_the_write_is_respected(ocpi, cpo, save, monkeypatch, kind, ocpi_clock):
    page = save("A", last_updated=OLD)
    pushed = {**page, "city": "Pushed", "last_updated": "2025-01-01T00:00:00Z"}
    get, looked = ocpi.storage.get, []

    def get_too_early(asked, key, **options):
        if asked == kind and options.get("for_update") and not looked:
            looked.append(key)
            if kind == "locations":
                cpo.client("NL-ABC").locations.put(pushed)
            else:
                watermarks.take(ocpi.services, scope_of(ocpi.services, ocpi.partners.find("FR-OTH"), "locations"))
            return None
        return get(asked, key, **options)

    monkeypatch.setattr(ocpi.storage, "get", get_too_early)
    synced = sync(ocpi)

    if kind == "locations":
        assert (synced.error, copies(ocpi)) == (None, {"A": pushed})
    else:
        assert isinstance(synced.error, BusyError)


def test_fault_of_ours_is_raised_and_noted(ocpi, cpo, six, line):
    line.cut(1, ZeroDivisionError("A fault."))

    with pytest.raises(ZeroDivisionError):
        sync(ocpi)
    line.mend()

    mark = watermarks.get(ocpi.services, scope_of(ocpi.services, ocpi.partners.find("FR-OTH"), "locations"))
    assert (mark.failures, mark.error, mark.holder) == (1, "ZeroDivisionError: A fault.", "")
    assert sync(ocpi).error is None


def test_storage_that_fails_altogether_does_not_stop_the_others(ocpi, cpo, six, monkeypatch, caplog):
    save = ocpi.storage.save

    def fail(kind, key, record, **options):
        if kind in (POSITIONS, Watermark.KIND) and "\nlocations\n" in key.receiver:
            fail.count += 1
            if fail.count > 1:
                raise StorageError("The disk is full.")
        return save(kind, key, record, **options)

    fail.count = 0
    monkeypatch.setattr(ocpi.storage, "save", fail)
    done = ocpi.sync("FR-OTH")

    assert [str(s.error or "") for s in done] == ["The disk is full.", *[""] * 6]
    assert "That locations of other-example failed could not be noted: The disk is full." in caplog.messages


def test_process_that_ends_after_another_took_over_gives_nothing_back(ocpi, cpo, six, line, ocpi_clock):
    others = []

    def end(count):
        if count == 1 and not others:
            others.append(None)
            ocpi_clock.advance(LEASE)
            platform = ocpi.partners.find("FR-OTH")
            others.append(watermarks.take(ocpi.services, scope_of(ocpi.services, platform, "locations")))
            raise Killed

    line.between = end
    with pytest.raises(Killed):
        sync(ocpi)

    mark = watermarks.get(ocpi.services, scope_of(ocpi.services, ocpi.partners.find("FR-OTH"), "locations"))
    assert mark.holder == others[1].holder
