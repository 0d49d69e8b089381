"""The comparison with other libraries: its checks find wrong answers, and its report says what was measured."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace

import pytest

from benchmarks.http import __main__ as comparison
from benchmarks.http import report
from benchmarks.http.contestants import BARE
from benchmarks.http.contestants import PEERS
from benchmarks.http.contestants import Setting
from benchmarks.http.workloads import WORKLOADS
from benchmarks.http.workloads import WrongAnswerError
from benchmarks.http.workloads import check
from benchmarks.http.wrk import Load
from benchmarks.http.wrk import load
from scripts.setup_benchmarks import REQUIREMENTS
from tests.servers import WRK
from tests.servers import left_out


@pytest.fixture(scope="module")
def contestants(tmp_path_factory):
    """Flask-OCPI and the bare app, as they are compared, with few locations."""
    setting = Setting(tmp_path_factory.mktemp("compared"), locations=250, pinned=False)
    with ExitStack() as stack:
        yield {c.name: c for c in comparison.start(stack, setting, [report.ONE, BARE])}


@pytest.mark.parametrize("workload", WORKLOADS, ids=[workload.name for workload in WORKLOADS])
@pytest.mark.parametrize("name", [report.ONE, BARE])
def test_every_workload_is_answered_as_it_should_be(contestants, name, workload):
    if comparison.takes_part(contestants[name], workload):
        check(contestants[name], workload)


def test_wrong_answer_ends_the_comparison(contestants):
    get = next(workload for workload in WORKLOADS if workload.name == "get")
    contestant = contestants[report.ONE]
    total, contestant.locations = contestant.locations, 3  # then other objects are expected
    try:
        with pytest.raises(WrongAnswerError, match=r"get: GET /ocpi/2\.2\.1/sender/locations/L"):
            check(contestant, get)
    finally:
        contestant.locations = total


def test_wrong_object_behind_a_location_ends_the_comparison(contestants):
    post = next(workload for workload in WORKLOADS if workload.name == "post-cdr")
    seen = []

    def look(contestant, call, data):
        seen.append((call.body["id"], data["id"]))
        return False

    with pytest.raises(WrongAnswerError, match="post-cdr: POST"):
        check(contestants[report.ONE], replace(post, leads_to=look))

    assert [sent == stored for sent, stored in seen] == [True]


@pytest.mark.parametrize("name", ["get", "put-location", "post-cdr", "wrong-token"])
def test_load_sends_the_requests_of_a_workload(contestants, name, tmp_path):
    if shutil.which("wrk") is None:
        left_out(WRK, "it is not installed")
        pytest.skip("wrk is not installed")
    workload = next(workload for workload in WORKLOADS if workload.name == name)

    found = load(contestants[report.ONE], workload, seconds=1, folder=tmp_path, run="R0000tested", pinned=False)

    assert found.requests > 0
    assert found.lost == 0
    assert found.not_ok == (found.requests if workload.wrong_token else 0)


@pytest.mark.parametrize(("name", "expected"), [("get", 1000), ("refused", 2001)])
def test_load_counts_the_answers_with_another_status_code(contestants, name, expected, tmp_path):
    if shutil.which("wrk") is None:
        left_out(WRK, "it is not installed")
        pytest.skip("wrk is not installed")
    workload = next(workload for workload in WORKLOADS if workload.name == name)
    contestant = contestants[report.ONE]
    assert comparison.expected_status(contestant, workload) == expected

    def wrong(status):
        options = {"seconds": 1, "folder": tmp_path, "run": "R0000tested", "pinned": False, "expected": status}
        found = load(contestant, workload, **options)
        return found.wrong, found.requests

    assert wrong(expected)[0] == 0
    wrong_ones, requests = wrong(3001)
    assert wrong_ones >= requests > 0  # wrk may have looked at some more when it stopped counting


def test_report_has_the_ratios_of_a_round_and_says_what_is_missed(tmp_path):
    results = report.Results(1, 1000, notes=["A note."])
    for rate in (100.0, 300.0, 200.0):
        results.add(BARE, "get", Load(rate * 4, 1, 2, 0, 0, 10))
        results.add(report.ONE, "get", Load(rate, 1, 5, 0, 0, 10))
        results.add("py-ocpi", "get", Load(rate / 4, 1, 2, 0, 0, 10))

    report.write(results, tmp_path)

    text = (tmp_path / "results.md").read_text()
    assert "| get one location | py-ocpi | 4.0 | 3x: met | 25% | 35%: **missed by 29%** |" in text
    assert "| get one location: 99th percentile, times the median | 5.0 | 4x: **missed: 25% above** |" in text
    assert "200 (100 to 300)" in text
    assert "- A note." in text
    assert (tmp_path / "results.png").stat().st_size > 1000
    assert (tmp_path / "results.svg").stat().st_size > 1000


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_its_requirements(name):
    assert name in (REQUIREMENTS / f"requirements-{name}.txt").read_text().splitlines()
