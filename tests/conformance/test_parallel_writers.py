"""Eight writers at once, in threads and in processes: no period, change or CDR is lost, and none is stored twice."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Timer

import pytest

from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.backends import sqlalchemy_storage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.network import add_partner
from tests.conformance.parallel_writer import write
from tests.urls import ocpi_url

ROOT = Path(__file__).parents[2]
WRITERS = 8
PROCESSES = 4
ROUNDS = 10
TIMEOUT_SECONDS = 120

SESSION = ocpi_url("receiver/sessions/DE/CPO/SES1")
CDRS = ocpi_url("receiver/cdrs")
LATE = "2024-06-01T12:00:00Z"


class Threads:
    """All writers are threads of the platform's own process."""

    def __init__(self, app):
        self.app = app

    def write(self, token, writers):
        return write(self.app, token, writers)


class Processes:
    """The writers are spread over some processes, each with a platform of its own on the same database."""

    def __init__(self, pool, url):
        self.pool = pool
        self.url = url

    def write(self, token, writers):
        shares = [writers[number :: len(self.pool)] for number in range(len(self.pool))]
        for process, share in zip(self.pool, shares, strict=True):
            _tell(process, json.dumps({"url": self.url, "token": token, "writers": share}))
        for process in self.pool:
            assert _hear(process) == "ready"
        for process in self.pool:
            _tell(process, "go")
        outcomes = [json.loads(_hear(process)) for process in self.pool]
        return [outcomes[number % len(self.pool)][number // len(self.pool)] for number in range(len(writers))]


def _tell(process, line):
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _hear(process):
    """Read a line of a process; end the process when none comes."""
    watchdog = Timer(TIMEOUT_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    assert line, process.stderr.read()
    return line.removesuffix("\n")


@pytest.fixture(scope="module")
def pool():
    """Processes that wait for something to write."""
    command = [sys.executable, "-W", "error", "-m", "tests.conformance.parallel_writer"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, text=True, **pipes)) for _ in range(PROCESSES)
        ]
        stack.callback(lambda: [process.kill() for process in processes])
        yield processes


@pytest.fixture(
    params=["memory-threads", "sqlite-threads", "postgresql-threads", "sqlite-processes", "postgresql-processes"]
)
def backend(request):
    return request.param.split("-")


@pytest.fixture
def url(backend, request, tmp_path):
    """The database, None for memory."""
    if backend[0] == "memory":
        return None
    return request.getfixturevalue("postgres_url") if backend[0] == "postgresql" else f"sqlite:///{tmp_path}/o.sqlite3"


@pytest.fixture
def ocpi_storage(url):
    if url is None:
        yield MemoryStorage()
        return
    with sqlalchemy_storage(url) as storage:
        yield storage


@pytest.fixture
def writers(backend, url, request, ocpi_app):
    return Threads(ocpi_app) if backend[1] == "threads" else Processes(request.getfixturevalue("pool"), url)


@pytest.fixture
def partner(ocpi_app):
    """The partner DE-CPO, in whose name all write."""
    return add_partner(ocpi_app, [("DE", "CPO", ["CPO"])])


def periods(*volumes):
    """Return charging periods that can be told apart by their volumes."""
    start = "2024-05-31T10:00:00Z"
    return [{"start_date_time": start, "dimensions": [{"type": "ENERGY", "volume": volume}]} for volume in volumes]


def volumes(document):
    return [item["dimensions"][0]["volume"] for item in document.get("charging_periods", [])]


def volume(writer, round):
    return 100 * writer + round


def theirs(**changes):
    return session(country_code="DE", party_id="CPO", **changes)


def check_all_are_there(found):
    """Check that each period is there once, and those of each writer in the order in which it sent them."""
    assert sorted(found) == [volume(writer, round) for writer in range(WRITERS) for round in range(ROUNDS)]
    for writer in range(WRITERS):
        own = [value for value in found if value // 100 == writer]
        assert own == sorted(own)


@pytest.mark.conformance("SES-16", "SES-19")
def test_periods_that_many_append_are_all_kept(partner, writers):
    partner.put(SESSION, theirs())
    changes = [
        [{"charging_periods": periods(volume(writer, round)), "last_updated": LATE} for round in range(ROUNDS)]
        for writer in range(WRITERS)
    ]

    outcome = writers.write(partner.token, [[("PATCH", SESSION, body) for body in bodies] for bodies in changes])

    assert outcome == [[[200, 1000]] * ROUNDS] * WRITERS
    check_all_are_there(volumes(partner.get(SESSION).data))


@pytest.mark.conformance("T-16")
def test_patches_of_different_properties_are_all_kept(partner, writers):
    partner.put(SESSION, theirs())
    steps = [
        [("PATCH", SESSION, {f"vendor_{writer}": round, "last_updated": LATE}) for round in range(ROUNDS)]
        for writer in range(WRITERS)
    ]

    outcome = writers.write(partner.token, steps)

    assert outcome == [[[200, 1000]] * ROUNDS] * WRITERS
    last = {f"vendor_{writer}": ROUNDS - 1 for writer in range(WRITERS)}
    assert partner.get(SESSION).data == theirs(last_updated=LATE, **last)


@pytest.mark.conformance("SES-12", "SES-16")
def test_puts_among_patches_are_as_if_one_came_after_the_other(partner, writers):
    partner.put(SESSION, theirs())
    putting = [
        ("PUT", SESSION, theirs(kwh=round, charging_periods=periods(-1 - round), last_updated=LATE))
        for round in range(ROUNDS)
    ]
    patching = [
        [
            ("PATCH", SESSION, {"charging_periods": periods(volume(writer, round)), "last_updated": LATE})
            for round in range(ROUNDS)
        ]
        for writer in range(1, WRITERS)
    ]

    outcome = writers.write(partner.token, [putting, *patching])

    assert outcome == [[[200, 1000]] * ROUNDS] * WRITERS
    found = partner.get(SESSION).data
    first, *appended = volumes(found)
    assert (found["kwh"], first) == (ROUNDS - 1, -ROUNDS)  # the last PUT
    for writer in range(1, WRITERS):  # and what each appended after it, nothing of before
        own = [value for value in appended if value // 100 == writer]
        assert own == [volume(writer, round) for round in range(ROUNDS - len(own), ROUNDS)]
    assert min(appended, default=0) >= 0


@pytest.mark.conformance("CDR-08")
def test_one_cdr_posted_by_many_is_stored_once(ocpi, partner, writers):
    documents = [cdr(country_code="DE", party_id="CPO", id=f"CDR{round}") for round in range(ROUNDS)]

    outcome = writers.write(partner.token, [[("POST", CDRS, document) for document in documents]] * WRITERS)

    for answers in zip(*outcome, strict=True):
        assert sorted(answers) == [[200, 1000]] * (WRITERS - 1) + [[201, 1000]]
    stored = list(ocpi.objects.documents("cdrs", copies=True))
    assert sorted(stored, key=lambda document: document["id"]) == documents


@pytest.mark.conformance("CDR-08", "CDR-07")
def test_one_of_many_cdrs_with_the_same_id_wins_and_stays(ocpi, partner, writers):
    def document(writer, round):
        return cdr(country_code="DE", party_id="CPO", id=f"CDR{round}", total_energy=volume(writer, round))

    steps = [[("POST", CDRS, document(writer, round)) for round in range(ROUNDS)] for writer in range(WRITERS)]

    outcome = writers.write(partner.token, steps)

    stored = {item["id"]: item for item in ocpi.objects.documents("cdrs", copies=True)}
    assert len(stored) == ROUNDS
    for round, answers in enumerate(zip(*outcome, strict=True)):
        assert sorted(answers) == [[200, 2001]] * (WRITERS - 1) + [[201, 1000]]
        assert stored[f"CDR{round}"] == document(answers.index([201, 1000]), round)


@pytest.mark.conformance("SES-16", "SES-19")
def test_periods_that_the_host_appends_to_its_own_session_are_all_kept(ocpi, partner, writers):
    ocpi.save("sessions", session())
    steps = [
        [("own", ["sessions", "SES1"], {"charging_periods": periods(volume(writer, round))}) for round in range(ROUNDS)]
        for writer in range(WRITERS)
    ]

    writers.write(partner.token, steps)

    check_all_are_there(volumes(ocpi.objects.get("sessions", "SES1")))
