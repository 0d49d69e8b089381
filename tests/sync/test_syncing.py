"""Syncing asks for what changed, by a watermark that is never past what was read, and at times for everything."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi import Party
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.sync import lags
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from tests.conftest import EVERY_STORAGE
from tests.sync.conftest import ABC
from tests.sync.conftest import asked
from tests.sync.conftest import copies
from tests.sync.conftest import now
from tests.sync.conftest import own
from tests.sync.conftest import spoil

OLD = "2024-01-01T00:00:00Z"
DAY = 86_400


def sync(ocpi, module="locations", **options):
    (synced,) = ocpi.sync("FR-OTH", [module], **options)
    assert synced.error is None
    return synced


@EVERY_STORAGE
def test_first_sync_reads_everything_and_the_next_only_what_changed(ocpi, cpo, save, ocpi_network, ocpi_clock):
    for id in ("A", "B", "C"):
        save(id, last_updated=OLD)
    first = sync(ocpi)
    ocpi_clock.advance(3600)
    changed = save("B", city="Elsewhere")
    ocpi_network.requests.clear()

    second = sync(ocpi)

    assert (first.whole, first.pulled.created, first.pulled.total) == (True, 3, 3)
    assert (second.whole, second.pulled.updated, second.pulled.created) == (False, 1, 0)
    assert copies(ocpi)["B"] == changed
    assert copies(ocpi) == own(cpo)


def test_watermark_is_the_newest_moment_that_was_read_and_not_our_time(ocpi, save, ocpi_network, ocpi_clock):
    save("A", last_updated="2025-12-31T08:00:10.5Z")
    sync(ocpi)
    ocpi_clock.advance(3600)
    ocpi_network.requests.clear()

    sync(ocpi)

    assert asked(ocpi_network) == ["date_from=2025-12-31T07:59:10Z"]


def test_overlap_is_a_setting(ocpi_network, ocpi_clock):
    ocpi = ocpi_network.add("wide.example", [("NL", "WID", ["EMSP"])], config={"OCPI_SYNC_OVERLAP": 3600})
    cpo = ocpi_network.add("far.example", [("FR", "FAR", ["CPO"])])
    ocpi_network.connect(ocpi, cpo)
    cpo.save("tariffs", tariff(country_code="FR", party_id="FAR", last_updated="2025-12-31T08:00:10Z"))
    ocpi.sync(modules=["tariffs"])
    ocpi_network.requests.clear()

    ocpi.sync(modules=["tariffs"])

    assert asked(ocpi_network) == ["date_from=2025-12-31T07:00:10Z"]


def test_object_that_becomes_visible_a_little_late_is_not_missed(ocpi, save, ocpi_clock):
    save("A")
    sync(ocpi)
    late = save("B", last_updated=now(ocpi_clock))
    ocpi_clock.advance(-59)
    later = save("C", last_updated=now(ocpi_clock))
    ocpi_clock.advance(3600)

    sync(ocpi)

    assert (copies(ocpi)["B"], copies(ocpi)["C"]) == (late, later)


def test_moment_in_the_future_does_not_push_the_watermark_past_the_time_of_the_platform(
    ocpi, save, ocpi_network, ocpi_clock
):
    save("A", last_updated="2030-01-01T00:00:00Z")
    sync(ocpi)
    ocpi_clock.advance(10)
    changed = save("B")

    sync(ocpi)

    assert asked(ocpi_network)[-1] == "date_from=2026-01-01T11:59:00Z"
    assert copies(ocpi)["B"] == changed


def test_time_of_the_platform_counts_and_not_ours(ocpi, save, ocpi_network):
    save("A", last_updated="2030-01-01T00:00:00Z")
    ocpi_network.after_send = lambda request, response: replace(
        response, body=orjson.dumps({**orjson.loads(response.body), "timestamp": "2020-05-05T05:05:05Z"})
    )
    sync(ocpi)

    sync(ocpi)

    assert asked(ocpi_network)[-1] == "date_from=2020-05-05T05:04:05Z"


@pytest.mark.parametrize("timestamp", [None, "yesterday", 7], ids=["none", "text", "number"])
def test_platform_that_does_not_tell_its_time_is_judged_by_ours(ocpi, save, ocpi_network, timestamp):
    save("A", last_updated="2030-01-01T00:00:00Z")
    ocpi_network.after_send = lambda request, response: replace(
        response, body=orjson.dumps({**orjson.loads(response.body), "timestamp": timestamp})
    )
    sync(ocpi)

    sync(ocpi)

    assert asked(ocpi_network)[-1] == "date_from=2026-01-01T11:59:00Z"


def test_change_of_what_was_read_already_is_got_the_next_time(ocpi, save, line, ocpi_clock):
    for id in ("A", "B", "C", "D"):
        save(id, last_updated=OLD)
    changes = []

    def change(count):
        if count == 1:  # the first page, with A and B, is read
            ocpi_clock.advance(300)
            changes.append(save("A", city="Changed"))
            ocpi_clock.advance(300)
            changes.append(save("D", city="Changed"))

    line.between = change
    sync(ocpi)
    ocpi_clock.advance(7200)

    sync(ocpi)

    assert [copies(ocpi)["A"], copies(ocpi)["D"]] == changes


def test_nothing_new_leaves_the_watermark_where_it_is(ocpi, cpo, save, ocpi_network, ocpi_clock):
    save("A", last_updated="2025-12-31T08:01:00Z")
    save("B", last_updated="2025-12-30T08:01:00Z")
    sync(ocpi)
    cpo.objects.delete("locations", "A")
    sync(ocpi)

    sync(ocpi)

    assert asked(ocpi_network)[-2:] == ["date_from=2025-12-31T08:00:00Z"] * 2


def test_whole_list_takes_a_watermark_back_that_was_wrong(ocpi, cpo, save, ocpi_network):
    save("A", last_updated="2025-12-31T08:01:00Z")
    sync(ocpi)
    cpo.objects.delete("locations", "A")
    save("B", last_updated="2025-11-11T11:01:00Z")
    sync(ocpi, full=True)

    sync(ocpi)

    assert asked(ocpi_network)[-1] == "date_from=2025-11-11T11:00:00Z"


def test_list_that_was_empty_is_read_as_a_whole_again(ocpi, save, ocpi_clock):
    empty = sync(ocpi)
    ocpi_clock.advance(3600)
    save("A", last_updated=OLD)

    synced = sync(ocpi)

    assert (empty.whole, synced.whole) == (True, True)
    assert list(copies(ocpi)) == ["A"]


# Whole lists.


@pytest.mark.conformance("PAG-20", "TAR-07")
@EVERY_STORAGE
def test_what_vanished_is_found_in_the_whole_list_only(ocpi, cpo, save):
    for id in ("A", "B", "C"):
        save(id)
    sync(ocpi)
    cpo.objects.delete("locations", "B")

    changes = sync(ocpi)
    kept = list(copies(ocpi))
    whole = sync(ocpi, full=True)

    assert (changes.pulled.removed, kept) == (0, ["A", "B", "C"])
    assert (whole.pulled.removed, list(copies(ocpi))) == (1, ["A", "C"])


def test_whole_list_is_read_when_its_interval_is_over(ocpi, save, ocpi_clock):
    save("A")
    sync(ocpi)
    ocpi_clock.advance(DAY - 1)
    before = sync(ocpi)
    ocpi_clock.advance(1)

    after = sync(ocpi)

    assert (before.whole, after.whole) == (False, True)


def test_whole_list_is_read_on_demand_only_where_the_interval_is_zero(ocpi_network, ocpi_clock):
    ocpi = ocpi_network.add("never.example", [("NL", "NEV", ["EMSP"])], config={"OCPI_SYNC_FULL_INTERVAL": 0})
    cpo = ocpi_network.add("far.example", [("FR", "FAR", ["CPO"])])
    ocpi_network.connect(ocpi, cpo)
    cpo.save("tariffs", tariff(country_code="FR", party_id="FAR"))
    ocpi.sync(modules=["tariffs"])
    ocpi_clock.advance(1000 * DAY)

    (later,) = ocpi.sync(modules=["tariffs"])

    assert not later.whole


@pytest.mark.conformance("PAG-20", "T-37")
def test_nothing_is_removed_when_objects_of_the_list_are_broken(ocpi, cpo, save, ocpi_network):
    for id in ("A", "B", "C"):
        save(id)
    sync(ocpi)
    cpo.objects.delete("locations", "B")
    spoil(ocpi_network, "C")

    synced = sync(ocpi, full=True)

    assert (synced.pulled.removed, synced.held_back, list(copies(ocpi))) == (0, 0, ["A", "B", "C"])


def test_empty_list_removes_nothing_unless_it_is_forced(ocpi, cpo, save, caplog):
    for id in ("A", "B"):
        save(id)
    sync(ocpi)
    for id in ("A", "B"):
        cpo.objects.delete("locations", id)

    held = sync(ocpi, full=True)
    kept = list(copies(ocpi))
    forced = sync(ocpi, full=True, force=True)

    assert (held.held_back, held.pulled.removed, held.is_complete, kept) == (2, 0, False, ["A", "B"])
    assert "other-example lists no locations any more: the 2 copies here are kept." in caplog.messages
    assert (forced.held_back, forced.pulled.removed, forced.is_complete) == (0, 2, True)
    assert copies(ocpi) == {}


def test_copies_of_other_platforms_and_parties_are_left_alone(ocpi, cpo, save, ocpi_network):
    neighbour = ocpi_network.add("neighbour.example", [("FR", "NEI", ["CPO"])], config={"OCPI_PUSH": False})
    ocpi_network.connect(ocpi, neighbour)
    neighbour.save("locations", location(country_code="FR", party_id="NEI", id="N"))
    save("A")
    save("B")
    ocpi.sync()
    cpo.objects.delete("locations", "A")

    ocpi.sync("FR-OTH", full=True)

    assert sorted(copies(ocpi)) == ["B", "N"]


# What is pushed meanwhile.


@EVERY_STORAGE
def test_what_was_pushed_during_the_crawl_is_not_overwritten_by_the_older_page(ocpi, cpo, save, ocpi_clock):
    save("A")
    old = save("B")
    ocpi_clock.advance(60)
    pushed = {**old, "city": "Pushed", "last_updated": now(ocpi_clock)}

    def push_before_the_page_arrives(request, response):
        if request.method == "GET":
            cpo.client("NL-ABC").locations.put(pushed)
        return response

    ocpi.transport.after_send = push_before_the_page_arrives
    synced = sync(ocpi)

    assert copies(ocpi)["B"] == pushed
    assert (synced.pulled.created, synced.pulled.unchanged) == (1, 1)


def test_large_object_that_was_patched_here_as_it_was_there_is_unchanged(ocpi, cpo, save, ocpi_clock):
    save("A", evses=[evse(uid=f"E{number}", vendor="x" * 1000) for number in range(10)])
    sync(ocpi)
    patched = cpo.objects.patch("locations", "A", "E7", changes={"status": "CHARGING"})
    client = cpo.client("NL-ABC")
    for status in ("OUTOFORDER", "CHARGING"):  # the longer text leaves blanks
        changes = {"status": status, "last_updated": patched["last_updated"]}
        client.locations.patch("A", "E7", changes=changes)

    synced = sync(ocpi, full=True)

    assert copies(ocpi)["A"] == patched
    assert (synced.pulled.updated, synced.pulled.unchanged) == (0, 1)


def test_object_pushed_as_new_during_a_crawl_of_everything_is_not_taken_for_vanished(ocpi, cpo, save):
    save("A")
    save("C")
    sync(ocpi)
    pushed = location(country_code="FR", party_id="OTH", id="B")
    ocpi.transport.after_send = lambda request, response: (
        cpo.client("NL-ABC").locations.put(pushed) and response if request.method == "GET" else response
    )

    synced = sync(ocpi, full=True)

    assert (synced.pulled.removed, sorted(copies(ocpi))) == (0, ["A", "B", "C"])


def test_copy_that_changes_while_its_removal_is_decided_stays(ocpi, cpo, save):
    save("A")
    gone = save("B")
    sync(ocpi)
    cpo.objects.delete("locations", "B")
    ocpi.transport.after_send = lambda request, response: (
        cpo.client("NL-ABC").locations.put({**gone, "city": "Back"}) and response
        if request.method == "GET"
        else response
    )

    synced = sync(ocpi, full=True)

    assert (synced.pulled.removed, copies(ocpi)["B"]["city"]) == (0, "Back")


def test_change_without_a_newer_moment_is_taken(ocpi, save, ocpi_clock):
    save("A", last_updated=OLD)
    sync(ocpi)
    changed = save("A", city="Other", last_updated=OLD)

    sync(ocpi)

    assert copies(ocpi)["A"] == changed


def test_whole_list_is_believed_also_where_it_goes_back(ocpi, save, ocpi_clock):
    save("A")
    sync(ocpi)
    restored = save("A", city="From the backup", last_updated=OLD)

    sync(ocpi, full=True)

    assert copies(ocpi)["A"] == restored


def test_object_that_is_deleted_here_while_its_page_is_under_way_does_not_come_back(ocpi, cpo):
    theirs = {"country_code": "FR", "party_id": "OTH"}
    for id in ("A", "B", "C"):
        cpo.save("tariffs", tariff(**theirs, id=id))
    sync(ocpi, "tariffs")
    ocpi.transport.after_send = lambda request, response: (
        cpo.client("NL-ABC").tariffs.delete("A") and response
        if request.method == "GET" and "offset" not in request.url
        else response
    )

    synced = sync(ocpi, "tariffs", full=True)

    assert (list(copies(ocpi, "tariffs")), synced.pulled.created) == (["B", "C"], 0)


def test_list_at_another_address_is_read_as_a_whole(ocpi, cpo, save, ocpi_network):
    save("A")
    sync(ocpi)
    platform = ocpi.partners.find("FR-OTH")
    ocpi_network.apps["new.example"] = ocpi_network.apps["other.example"]
    moved = tuple({**e, "url": e["url"].replace("other.", "new.")} for e in platform.endpoints)
    ocpi.services.platforms.save(replace(platform, endpoints=moved), before=platform)

    first, second = sync(ocpi), sync(ocpi)

    assert (first.whole, second.whole) == (True, False)


@pytest.mark.conformance("PUSH-07")
def test_objects_of_others_in_the_list_are_ignored_and_do_not_count_as_here(ocpi, save, ocpi_network):
    save("A")
    foreign = orjson.dumps(location(country_code="FR", party_id="XXX", id="FOREIGN"))
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(b'"data":[{', b'"data":[' + foreign + b",{")
    )

    synced = sync(ocpi)

    assert (synced.pulled.created, synced.pulled.foreign, list(copies(ocpi))) == (1, 1, ["A"])


# What there is to sync.


def test_everything_that_is_offered_and_received_is_synced(ocpi, cpo):
    theirs = {"country_code": "FR", "party_id": "OTH"}
    driver = {**session()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    cpo.save("locations", location(**theirs))
    cpo.save("tariffs", tariff(**theirs))
    cpo.save("sessions", session(**theirs, cdr_token=driver))

    done = ocpi.sync()

    assert [(s.platform, s.module, s.receiver) for s in done] == [
        ("other-example", module, ABC)
        for module in (
            *("locations", "sessions", "cdrs", "tariffs", "invoicereconciliation"),
            *("bookings", "booking_locations"),
        )
    ]
    assert [s.pulled.created for s in done] == [1, 1, 0, 1, 0, 0, 0]


def test_each_own_party_that_receives_gets_its_copies(ocpi_network, ocpi_clock):
    ocpi = ocpi_network.add("two.example", [("NL", "AAA", ["EMSP"]), ("NL", "BBB", ["CPO", "EMSP"])])
    cpo = ocpi_network.add("far.example", [("FR", "FAR", ["CPO"])])
    ocpi_network.connect(ocpi, cpo)
    cpo.save("tariffs", tariff(country_code="FR", party_id="FAR"))

    done = ocpi.sync(modules=["tariffs"])

    assert [str(s.receiver) for s in done] == ["NL-AAA", "NL-BBB"]
    kept = [(item.source, str(item.receiver), item.number) for item in ocpi.copies.counts()]
    assert kept == [("far-example", "NL-AAA", 1), ("far-example", "NL-BBB", 1)]


def test_operator_syncs_the_tokens_of_a_provider(ocpi, cpo):
    ocpi.save("tokens", token(country_code="NL", party_id="ABC"))

    done = {synced.module: synced.pulled for synced in cpo.sync()}

    assert done["tokens"].unchanged + done["tokens"].created == 1
    assert len(list(cpo.objects.documents("tokens", copies=True))) == 1


def test_modules_to_sync_are_a_setting(ocpi_network):
    ocpi = ocpi_network.add("few.example", [("NL", "FEW", ["EMSP"])], config={"OCPI_SYNC_MODULES": ["tariffs"]})
    cpo = ocpi_network.add("far.example", [("FR", "FAR", ["CPO"])])
    ocpi_network.connect(ocpi, cpo)

    assert [s.module for s in ocpi.sync()] == ["tariffs"]
    assert [s.module for s in ocpi.sync(modules=["cdrs"])] == ["cdrs"]


def test_wrong_module_in_the_setting_is_refused(ocpi_network):
    with pytest.raises(ConfigurationError, match=r"OCPI_SYNC_MODULES names the module 'commands'; there are locations"):
        ocpi_network.add("bad.example", [("NL", "BAD", ["EMSP"])], config={"OCPI_SYNC_MODULES": ["commands"]})


def test_unknown_module_and_platform_are_refused(ocpi):
    with pytest.raises(InvalidParametersError, match="There is no module 'lokations'"):
        ocpi.sync(modules=["lokations"])
    with pytest.raises(UnknownPlatformError):
        ocpi.sync("nobody")


def test_platform_that_is_not_registered_any_more_is_left_out(ocpi, cpo, save):
    save("A")
    ocpi.partners.unregister("FR-OTH")

    assert ocpi.sync() == []


def test_platform_that_fails_holds_up_no_other(ocpi, cpo, save, ocpi_network):
    broken = ocpi_network.add("broken.example", [("FR", "BRO", ["CPO"])])
    late = ocpi_network.add("late.example", [("FR", "LAT", ["CPO"])], config={"OCPI_PUSH": False})
    for other in (broken, late):
        ocpi_network.connect(ocpi, other)
    late.save("locations", location(country_code="FR", party_id="LAT", id="L"))
    save("A")
    del ocpi_network.apps["broken.example"]

    done = ocpi.sync(modules=["locations"])

    assert [type(s.error) for s in done] == [type(None), UnreachableError, type(None)]
    assert sorted(copies(ocpi)) == ["A", "L"]


def test_progress_is_told_with_each_page(ocpi, save):
    for id in ("A", "B", "C"):
        save(id)
    seen = []

    sync(ocpi, progress=lambda synced: seen.append((synced.module, synced.pulled.seen, synced.pulled.total)))

    assert seen == [("locations", 0, None), ("locations", 2, 3), ("locations", 3, 3), ("locations", 3, 3)]


def test_lag_is_the_time_since_the_last_complete_sync(ocpi, save, line, ocpi_clock):
    save("A")
    sync(ocpi)
    ocpi_clock.advance(90)
    line.cut(0)
    (failed,) = ocpi.sync("FR-OTH", ["locations"])

    found = {module: (platform, party, seconds) for platform, module, party, seconds in lags(ocpi.services)}

    assert isinstance(failed.error, FlaskOCPIError)
    assert found["locations"] == ("other-example", ABC, 90.0)
    assert found["tariffs"] == ("other-example", ABC, None)


def test_a_hub_that_is_pulled_from_loses_nothing(ocpi_clock):
    network = Network(clock=ocpi_clock)
    ocpi = network.add("emsp.example", [("NL", "ABC", ["EMSP"])])
    hub = network.add("hub.example", [("NL", "HUB", ["HUB"])], config={"OCPI_PUSH": False})
    network.connect(ocpi, hub)
    other = location(country_code="DE", party_id="XYZ", id="PUSHED")
    hub.client("NL-ABC", sender=Party.of("DE", "XYZ")).locations.put(other)

    ocpi.sync(full=True, force=True)

    assert list(copies(ocpi)) == ["PUSHED"]
