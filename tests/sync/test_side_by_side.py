"""Several platforms are synced side by side, up to a bound; none is left half done when one cannot go on."""

from __future__ import annotations

import threading

import pytest

from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.watermarks import Watermark
from flask_ocpi.testing.documents import location
from tests.sync.conftest import copies

SECONDS = 60
OPERATORS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


class Killed(BaseException):
    """What ends a process in the middle."""


@pytest.fixture
def ocpi_config():
    return {"OCPI_DISPATCHER": "none", "OCPI_SYNC_MODULES": ["locations"]}


@pytest.fixture
def operators(ocpi, ocpi_network):
    """Six operators that the platform is registered with, each with three locations and a page for each."""
    for id in OPERATORS:
        config = {"OCPI_PUSH": False, "OCPI_PAGE_LIMIT": 1}
        operator = ocpi_network.add(f"{id.lower()}.example", [("FR", id, ["CPO"])], config=config)
        ocpi_network.connect(ocpi, operator)
        for number in range(3):
            operator.save("locations", location(country_code="FR", party_id=id, id=f"{id}{number}"))
    return OPERATORS


def host_of(request):
    return request.url.split("/")[2]


def test_four_platforms_are_asked_at_once(ocpi, operators, ocpi_network):
    first_four, hosts, lock = threading.Barrier(4, timeout=SECONDS), [], threading.Lock()

    def wait_for_four(request):
        host = host_of(request)
        with lock:
            is_one_of_four = host not in hosts and len(hosts) < 4
            hosts.append(host)
        if is_one_of_four:
            first_four.wait()  # where they are not asked side by side, it breaks

    ocpi_network.before_send = wait_for_four

    done = ocpi.sync()

    assert [synced.receiver.party_id for synced in done] == ["ABC"] * 6
    assert all(synced.is_complete for synced in done)
    assert len(copies(ocpi)) == 18


def test_all_are_given_back_when_one_cannot_go_on(ocpi, operators, ocpi_network):
    both = threading.Barrier(2, timeout=SECONDS)

    def end(request):
        host = host_of(request)
        if host in ("aaa.example", "bbb.example") and "offset" not in request.url:
            both.wait()
            if host == "aaa.example":
                raise Killed

    ocpi_network.before_send = end
    with pytest.raises(Killed):
        ocpi.sync()
    holders = [Watermark.from_record(record).holder for record in walk(ocpi.storage, Watermark.KIND, Query())]
    ocpi_network.before_send = lambda request: None

    done = ocpi.sync()

    assert set(holders) == {""}
    assert all(synced.is_complete for synced in done)
    assert len(copies(ocpi)) == 18


def test_at_most_four_threads_sync_and_tell_progress_one_at_a_time(ocpi, operators):
    telling, threads = threading.Lock(), set()

    def note(synced):
        assert telling.acquire(blocking=False)
        threads.add(threading.get_ident())
        telling.release()

    assert all(synced.error is None for synced in ocpi.sync(progress=note))
    assert 1 <= len(threads) <= 4
