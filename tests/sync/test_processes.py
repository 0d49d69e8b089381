"""Syncs over sockets, between processes of which one is killed in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.processes import Launcher
from tests.e2e.processes import Running
from tests.e2e.processes import until

OBJECTS = 1000
PAGE = 50  # OCPI_PAGE_LIMIT
OLD = "2024-01-01T00:00:00Z"
NEW = "2025-01-01T00:00:00Z"
BEYOND_THE_LEASE = 3600


class Platform(Running):
    """One of the platforms; ``do`` returns what was done."""

    def do(self, name, **arguments):
        return super().do(name, **arguments)["done"]


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher("tests.sync.process")
    yield launcher
    launcher.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """Where the provider keeps its copies: "" is a SQLite file."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def cpo(launcher, tmp_path):
    """An operator with a thousand locations."""
    (tmp_path / "cpo").mkdir()
    cpo = Platform(launcher, folder=str(tmp_path / "cpo"), party="CPO", roles=["CPO"])
    cpo.start()
    cpo.do("fill", numbers=list(range(OBJECTS)), moment=OLD, city="Old")
    yield cpo
    cpo.kill()


@pytest.fixture
def emsp(launcher, tmp_path, cpo, database):
    """A provider that is registered with the operator."""
    (tmp_path / "emsp").mkdir()
    emsp = Platform(launcher, folder=str(tmp_path / "emsp"), party="EMS", roles=["EMSP"], database=database)
    emsp.start()
    emsp.do("register", versions_url=f"{cpo.url}/ocpi/versions", token=cpo.do("invite"))
    yield emsp
    emsp.kill()


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as pool:
        yield pool


def kill_in_the_middle(pool, cpo, emsp, pages, **options):
    """Kill the provider while it waits for the page after so many."""
    cpo.do("hold_after", number=pages)
    syncing = pool.submit(emsp.do, "sync", **options)
    until(lambda: len(cpo.do("asked")) == pages + 1, "The list was not read that far.")
    emsp.kill()
    assert syncing.exception(timeout=60) is not None
    cpo.do("release")


def test_killed_sync_is_gone_on_with_by_the_next_process(pool, cpo, emsp):
    pages = OBJECTS // PAGE
    kill_in_the_middle(pool, cpo, emsp, 10)
    emsp.start(ahead=BEYOND_THE_LEASE)
    stored, _ = emsp.do("fingerprint", copies=True)

    synced = emsp.do("sync")

    asked = cpo.do("asked")
    assert stored in (9 * PAGE, 10 * PAGE)  # the next page is asked for while one is stored
    assert synced == {"error": None, "whole": True, "removed": 0}
    assert asked[11].startswith(f"offset={stored}&")
    assert len(asked) == 11 + pages - stored // PAGE
    assert emsp.do("fingerprint", copies=True) == cpo.do("fingerprint", copies=False)


def test_killed_sync_of_changes_and_of_everything_loses_nothing(pool, cpo, emsp):
    assert emsp.do("sync")["error"] is None
    cpo.do("fill", numbers=list(range(0, OBJECTS, 3)), moment=NEW, city="New")
    kill_in_the_middle(pool, cpo, emsp, 4)
    emsp.start(ahead=BEYOND_THE_LEASE)
    changes = emsp.do("sync")
    after_changes = emsp.do("fingerprint", copies=True) == cpo.do("fingerprint", copies=False)
    for number in (0, 750, 999):
        cpo.do("delete", id=f"L{number}")
    kill_in_the_middle(pool, cpo, emsp, 15, full=True)
    emsp.start(ahead=2 * BEYOND_THE_LEASE)

    whole = emsp.do("sync")

    assert (changes, after_changes) == ({"error": None, "whole": False, "removed": 0}, True)
    assert whole == {"error": None, "whole": True, "removed": 3}
    assert emsp.do("fingerprint", copies=True) == cpo.do("fingerprint", copies=False)


def test_dispatchers_of_several_processes_sync_by_themselves_and_each_page_once(pool, cpo, emsp, launcher):
    second = Platform(launcher, **{name: value for name, value in emsp.settings.items() if name != "port"})
    cpo.do("hold_after", number=OBJECTS)  # nothing is held, but noted
    for platform in (emsp, second):
        platform.start(interval=1)
        platform.do("start")
    try:
        whole = cpo.do("fingerprint", copies=False)
        until(lambda: emsp.do("fingerprint", copies=True) == whole, "It was not synced.")
        cpo.do("fill", numbers=[7], moment=NEW, city="New")
        changed = cpo.do("fingerprint", copies=False)
        until(lambda: second.do("fingerprint", copies=True) == changed, "The change was not synced.")
    finally:
        second.kill()

    pages = [query for query in cpo.do("asked") if "date_from" not in query]
    assert len(pages) == len(set(pages)) == OBJECTS // PAGE


def test_two_processes_of_one_platform_do_not_sync_the_same_at_once(pool, cpo, emsp, launcher):
    second = Platform(launcher, **{name: value for name, value in emsp.settings.items() if name != "port"})
    second.start()
    cpo.do("hold_after", number=5)
    syncing = pool.submit(emsp.do, "sync")
    until(lambda: len(cpo.do("asked")) == 6, "The list was not read that far.")
    try:
        refused = second.do("sync")
    finally:
        cpo.do("release")
        second.kill()

    assert refused["error"].startswith("BusyError: Another process syncs locations of ")
    assert syncing.result(timeout=60)["error"] is None
    assert len(cpo.do("asked")) == OBJECTS // PAGE
    assert emsp.do("fingerprint", copies=True) == cpo.do("fingerprint", copies=False)
