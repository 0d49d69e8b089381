"""What is synced by itself: each list at its own time, later when a platform fails, once for all processes."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from flask_ocpi import OCPI
from flask_ocpi.errors import RefusedError
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.sync import lags
from flask_ocpi.sync.syncing import Schedule
from flask_ocpi.sync.watermarks import NEVER
from flask_ocpi.sync.watermarks import Watermark
from flask_ocpi.testing.documents import location
from tests.sync.conftest import copies

HOUR = 3600
MICROS = 1_000_000


@pytest.fixture
def ocpi_config():
    return {"OCPI_SYNC_INTERVAL": HOUR, "OCPI_SYNC_MODULES": ["locations", "tariffs"]}


@pytest.fixture
def schedule(ocpi):
    """What the platform's dispatcher runs, without its other jobs."""
    return Schedule(lambda: ocpi.services, ocpi.client)


def marks(ocpi):
    return {
        (watermark.platform, watermark.module): watermark
        for watermark in map(Watermark.from_record, walk(ocpi.storage, Watermark.KIND, Query()))
    }


def seconds_to(ocpi, moment):
    return (moment - ocpi.services.now()) / MICROS


def pass_time(schedule, clock, seconds):
    """Let time pass as a dispatcher does, which looks when it is told to; returns how often it ran."""
    ends, runs = clock().timestamp() + seconds, 0
    while clock().timestamp() < ends:
        left = schedule.seconds_left()
        clock.advance(min(max(left, 0.001), ends - clock().timestamp()))
        if schedule.seconds_left() <= 0:
            schedule.run()
            runs += 1
    return runs


def lists_asked(network):
    return [r.url.split("?")[0].rsplit("/", 1)[1] for r in network.requests if "/sender/" in r.url]


def test_nothing_is_synced_by_itself_unless_an_interval_is_set(ocpi_network):
    ocpi = ocpi_network.add("off.example", [("NL", "OFF", ["EMSP"])])
    jobs = {job.name: job for job in ocpi.services.jobs}

    assert jobs["sync"].seconds_left() is None
    assert jobs["missing objects"].seconds_left() is None


def test_each_list_is_synced_once_in_the_interval(ocpi, cpo, save, schedule, ocpi_network, ocpi_clock):
    save("A")

    pass_time(schedule, ocpi_clock, HOUR)
    first = sorted(lists_asked(ocpi_network))
    pass_time(schedule, ocpi_clock, 2 * HOUR)

    assert first == ["locations", "tariffs"]
    assert sorted(lists_asked(ocpi_network)) == ["locations"] * 3 + ["tariffs"] * 3
    assert list(copies(ocpi)) == ["A"]


@pytest.mark.conformance("T-35")
def test_each_list_has_its_own_time_that_a_restart_does_not_change(ocpi, cpo, schedule, ocpi_clock, ocpi_network):
    schedule.run()
    planned = {name: mark.due for name, mark in marks(ocpi).items()}
    ocpi_clock.advance(60)
    restarted = OCPI(storage=ocpi.storage, transport=ocpi_network, clock=ocpi_clock)
    app = type(ocpi_network.apps["platform.example"])("restarted")
    app.config.update(ocpi_network.apps["platform.example"].config)
    restarted.init_app(app)
    Schedule(lambda: restarted.services, restarted.client).run()
    pass_time(schedule, ocpi_clock, HOUR)

    assert {name: (mark.due - planned[name]) / MICROS for name, mark in marks(ocpi).items()} == dict.fromkeys(
        planned, HOUR
    )
    assert len(set(planned.values())) == len(planned) == 2


def test_dispatcher_runs_it(ocpi, cpo, save, ocpi_clock):
    save("A")
    for _ in range(2 * HOUR // 60):
        ocpi.outbox.flush()
        ocpi_clock.advance(60)

    assert list(copies(ocpi)) == ["A"]


def test_new_platform_is_noticed_within_a_minute(ocpi, schedule, ocpi_other, ocpi_network, ocpi_clock):
    pass_time(schedule, ocpi_clock, HOUR)
    ocpi_network.connect(ocpi, ocpi_other)

    pass_time(schedule, ocpi_clock, 61)

    assert ("other-example", "locations") in marks(ocpi)


def test_platform_that_fails_is_asked_less_and_less_often(ocpi, cpo, schedule, line, ocpi_clock):
    pass_time(schedule, ocpi_clock, HOUR)
    line.cut(0)
    failed = []
    for _ in range(9):
        while marks(ocpi)["other-example", "locations"].failures == len(failed):
            pass_time(schedule, ocpi_clock, 30)
        mark = marks(ocpi)["other-example", "locations"]
        failed.append(round(seconds_to(ocpi, mark.due) / 60))
    line.mend()
    pass_time(schedule, ocpi_clock, 2 * HOUR)

    assert failed == sorted(failed)
    assert (failed[0], failed[-1]) == (1, 60)
    assert mark.error == "The line is cut."
    assert (marks(ocpi)["other-example", "locations"].failures, marks(ocpi)["other-example", "locations"].error) == (
        0,
        "",
    )


def test_platform_that_asks_for_time_gets_it(ocpi, cpo, line):
    line.cut(0, RefusedError("Too much.", status_code=2000, http_status=429, retry_after=500.0))

    ocpi.sync(modules=["locations"])

    assert seconds_to(ocpi, marks(ocpi)["other-example", "locations"].due) == 500


def test_sync_on_demand_counts(ocpi, cpo, schedule, ocpi_clock, ocpi_network):
    schedule.run()
    before = marks(ocpi)["other-example", "locations"].due
    ocpi_clock.advance(max(0, seconds_to(ocpi, before) - 1))

    ocpi.sync(modules=["locations"])

    assert round(seconds_to(ocpi, marks(ocpi)["other-example", "locations"].due)) == 1


def test_what_another_process_syncs_is_left_to_it(ocpi, cpo, save, schedule, line, ocpi_clock, ocpi_network):
    for id in ("A", "B", "C"):
        save(id)
    second = Schedule(lambda: ocpi.services, ocpi.client)
    line.between = lambda count: second.run()

    pass_time(schedule, ocpi_clock, HOUR)

    assert sorted(lists_asked(ocpi_network)) == ["locations", "locations", "tariffs"]


def test_what_a_dead_process_left_is_gone_on_with(ocpi, cpo, save, schedule, line, ocpi_clock, monkeypatch):
    for id in ("A", "B", "C"):
        save(id)
    line.cut(1, SystemExit())
    with monkeypatch.context() as patched:
        patched.setattr("flask_ocpi.sync.watermarks.given_back", lambda *_: None)  # SIGKILL leaves no time for it
        with pytest.raises(SystemExit):
            ocpi.sync(modules=["locations"])
    line.mend()
    left = sorted(copies(ocpi))

    pass_time(schedule, ocpi_clock, 121)

    assert (left, sorted(copies(ocpi))) == (["A", "B"], ["A", "B", "C"])


def test_switching_it_off_leaves_times_alone_and_on_again_plans_anew(ocpi, cpo, schedule, ocpi_network, ocpi_clock):
    off = ocpi_network.add("off.example", [("NL", "OFF", ["EMSP"])], storage=ocpi.storage)
    off.sync(modules=["locations"])
    never = [mark.due for mark in marks(ocpi).values()]

    schedule.run()

    assert NEVER in never
    assert all(0 < seconds_to(ocpi, mark.due) <= HOUR for mark in marks(ocpi).values() if mark.receiver[1] == "ABC")


def test_slow_platform_holds_up_no_other(ocpi, cpo, save, ocpi_network, ocpi_clock, monkeypatch):
    fast = ocpi_network.add("fast.example", [("FR", "FAS", ["CPO"])], config={"OCPI_PUSH": False})
    ocpi_network.connect(ocpi, fast)
    fast.save("locations", location(country_code="FR", party_id="FAS", id="F"))
    save("A")
    threads = []

    def background(work):
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    services = replace(ocpi.services, background=background)
    schedule = Schedule(lambda: services, ocpi.client)
    schedule.run()  # they have their times now
    released, reached = threading.Event(), threading.Event()

    def hold(request):
        if "other.example" in request.url:
            reached.set()
            released.wait(120)

    ocpi_network.before_send = hold
    ocpi_clock.advance(HOUR)
    schedule.run()
    assert reached.wait(120)
    threads[1].join(120)
    meanwhile = sorted(copies(ocpi))
    schedule.run()  # the slow one is not begun a second time
    number = len(threads)
    released.set()
    for thread in threads:
        thread.join(120)

    assert (meanwhile, sorted(copies(ocpi))) == (["F"], ["A", "F"])
    assert number == 2


def test_number_of_platforms_synced_side_by_side_is_bounded(ocpi, ocpi_network, ocpi_clock):
    for number in range(6):
        other = ocpi_network.add(f"p{number}.example", [("FR", f"P0{number}", ["CPO"])])
        ocpi_network.connect(ocpi, other)
    waiting = []
    services = replace(ocpi.services, background=waiting.append)
    schedule = Schedule(lambda: services, ocpi.client)
    schedule.run()
    ocpi_clock.advance(HOUR)

    schedule.run()
    first = len(waiting)
    soon = schedule.seconds_left()
    waiting.pop(0)()
    schedule.run()

    assert (first, len(waiting)) == (4, 4)
    assert soon == 1


def test_lags_name_what_is_synced_by_itself(ocpi, cpo):
    assert [(platform, module) for platform, module, _, _ in lags(ocpi.services)] == [
        ("other-example", "locations"),
        ("other-example", "tariffs"),
    ]


def test_platform_that_unregistered_leaves_nothing_to_do(ocpi, cpo, schedule, ocpi_clock):
    pass_time(schedule, ocpi_clock, HOUR)
    ocpi.partners.unregister("FR-OTH")
    ocpi_clock.advance(2 * HOUR)

    schedule.run()

    assert schedule.seconds_left() == 60


def test_end_of_a_sync_has_the_times_looked_at_again(ocpi, cpo, ocpi_clock):
    waiting = []
    services = replace(ocpi.services, background=waiting.append)
    schedule = Schedule(lambda: services, ocpi.client)
    schedule.run()
    ocpi_clock.advance(HOUR)
    schedule.run()
    before = schedule.seconds_left()

    waiting.pop()()

    assert before > 0
    assert schedule.seconds_left() == 0
