"""The numbers for Prometheus say what was exchanged, and what the storage has waiting."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from prometheus_client import REGISTRY
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flask_ocpi import OCPI
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.web import prometheus
from flask_ocpi.web.logs import JSONFormatter
from flask_ocpi.web.prometheus import Metrics
from tests.contrib.scraped_app import make_app
from tests.servers import free_port
from tests.snippets import ROOT
from tests.snippets import Page
from tests.snippets import blocks
from tests.urls import ocpi_url

LIST = ocpi_url("sender/locations")
SECONDS = 100


class Numbers:
    """What a scrape says."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in families for sample in family.samples]
        self.names = {family.name for family in families}

    def all(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the values of a number by their labels."""
        return {tuple(sorted(s.labels.items())): s.value for s in self.samples if s.name == name}

    def get(self, name: str, **labels: str) -> float | None:
        """Return the sum of the values that have these labels, None when there is none."""
        found = [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(found) if found else None


def counted(numbers: Numbers) -> dict[tuple[tuple[str, str], ...], float]:
    return numbers.all("ocpi_messages_total")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def host_logging() -> Iterator[logging.Logger]:
    """The root of the host's logging, which a page sets up, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def numbers_of_the_process() -> Iterator[CollectorRegistry]:
    """The registry of the process; what a test adds to it is removed afterwards."""
    before = list(REGISTRY._collector_to_names)
    yield REGISTRY
    for collector in [known for known in REGISTRY._collector_to_names if known not in before]:
        REGISTRY.unregister(collector)


@pytest.fixture
def metrics(ocpi_app, registry) -> Metrics:
    return Metrics(ocpi_app, registry=registry)


@pytest.fixture
def scrape(metrics):
    """Returns the numbers as they are now."""
    return lambda: Numbers(generate_latest(metrics.shown).decode())


@pytest.fixture
def other(ocpi, ocpi_other, ocpi_network) -> str:
    """The other platform, registered; its id."""
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    return there.id


# Messages.


def test_request_that_was_answered_is_counted(ocpi_client, scrape):
    ocpi_client.get(LIST)
    ocpi_client.get(LIST)

    labels = {"direction": "in", "platform": ocpi_client.platform.id, "module": "locations"}
    came_of_it = {"operation": "sender_list_locations", "http_status": "2xx", "status_code": "1000"}
    assert scrape().all("ocpi_messages_total") == {tuple(sorted({**labels, **came_of_it}.items())): 2}
    assert scrape().get("ocpi_message_duration_seconds_count", **labels) == 2
    assert scrape().get("ocpi_message_duration_seconds_bucket", **labels, le="+Inf") == 2
    assert scrape().get("ocpi_message_duration_seconds_sum", **labels) > 0


def test_request_that_was_made_is_counted(ocpi, other, scrape):
    with ocpi.client(other) as client:
        list(client.locations.list())

    labels = {"direction": "out", "platform": other, "module": "locations"}
    came_of_it = {"operation": "sender_list_locations", "http_status": "2xx", "status_code": "1000"}
    assert scrape().get("ocpi_messages_total", **labels, **came_of_it) == 1
    assert scrape().get("ocpi_message_duration_seconds_count", **labels) == 1


def test_refusal_counts_with_its_codes(ocpi_client, scrape):
    ocpi_client.get(ocpi_url("sender/locations/NONE"))

    assert scrape().get("ocpi_messages_total", http_status="4xx", status_code="2003") == 1


def test_request_without_an_answer_counts_with_no_codes(ocpi, other, ocpi_network, scrape):
    ocpi_network.apps.pop("other.example")

    with ocpi.client(other) as client, pytest.raises(UnreachableError):
        list(client.locations.list())

    assert scrape().get("ocpi_messages_total", direction="out", platform=other, http_status="", status_code="") == 1


@pytest.mark.parametrize(
    ("answered", "counted"),
    [
        ((200, 2001), ("2xx", "2001")),
        ((200, 2987), ("2xx", "2xxx")),
        ((502, 3999), ("5xx", "3xxx")),
        ((200, 9999), ("2xx", "other")),
        ((999, 1000), ("other", "1000")),
    ],
    ids=["known", "own", "bad gateway", "wild", "wild status"],
)
def test_codes_that_others_make_up_are_few_labels(ocpi, other, ocpi_network, scrape, answered, counted):
    body = orjson.dumps({"status_code": answered[1], "timestamp": "2026-01-01T12:00:00Z"})
    ocpi_network.after_send = lambda request, response: Response(answered[0], {}, body, request.url)

    with ocpi.client(other) as client, pytest.raises(RefusedError):
        list(client.locations.list())

    [labels] = [dict(found) for found in scrape().all("ocpi_messages_total") if ("direction", "out") in found]
    assert (labels["http_status"], labels["status_code"]) == counted


def test_strangers_and_paths_of_their_own_make_no_labels(ocpi_app, scrape):
    client = ocpi_app.test_client()
    for number in range(5):
        headers = {"Authorization": authorization(f"token-{number}"), "X-Request-ID": f"request-{number}"}
        client.get(ocpi_url(f"sender/locations/L{number}"), headers=headers)
        client.get(f"/ocpi/nowhere-{number}", headers=headers)

    found = {(dict(labels)["platform"], dict(labels)["operation"]): n for labels, n in counted(scrape()).items()}
    assert found == {("", "sender_get_location"): 5, ("", ""): 5}


def test_other_apps_of_the_process_are_not_counted(ocpi_other, ocpi_network, scrape):
    add_partner(ocpi_network.apps["other.example"], [("DE", "EMS", ["EMSP"])]).get(LIST)

    assert counted(scrape()) == {}


def test_messages_that_the_journal_lost_are_counted(ocpi, ocpi_client, scrape, monkeypatch):
    ocpi_client.get(LIST)
    monkeypatch.setattr(type(ocpi.journal), "lost", 3)
    ocpi_client.get(LIST)
    ocpi_client.get(LIST)
    monkeypatch.setattr(type(ocpi.journal), "lost", 4)

    ocpi_client.get(LIST)

    assert scrape().get("ocpi_journal_lost_messages_total") == 4


# What the storage says.


def test_platforms_are_counted_by_state(ocpi, ocpi_client, scrape):
    ocpi.partners.invite(name="Somebody")
    ocpi.partners.invite(name="Somebody else")

    assert scrape().all("ocpi_platforms") == {
        (("state", "invited"),): 2,
        (("state", "pending"),): 0,
        (("state", "registered"),): 1,
        (("state", "unregistered"),): 0,
    }
    assert scrape().get("ocpi_storage_up") == 1


@pytest.mark.parametrize("ocpi_push", [True], ids=["push"])
def test_marks_are_told_by_platform_with_the_age_of_the_oldest(ocpi, other, ocpi_network, ocpi_clock, scrape):
    ocpi_network.apps.pop("other.example")
    ocpi.save("locations", location(id="LOC1"))
    ocpi_clock.advance(100)
    ocpi.save("locations", location(id="LOC2"))
    ocpi_clock.advance(20)

    assert scrape().get("ocpi_push_waiting", platform=other) == 2
    assert scrape().get("ocpi_push_parked", platform=other) == 0
    assert scrape().get("ocpi_push_oldest_seconds", platform=other) == 120


@pytest.mark.parametrize("ocpi_push", [True], ids=["push"])
def test_marks_that_were_refused_are_told_apart(ocpi, other, ocpi_network, scrape):
    refusal = orjson.dumps({"status_code": 2001, "timestamp": "2026-01-01T12:00:00Z"})
    ocpi_network.after_send = lambda request, response: Response(200, {}, refusal, request.url)

    ocpi.save("locations", location())

    assert scrape().get("ocpi_push_waiting", platform=other) == 0
    assert scrape().get("ocpi_push_parked", platform=other) == 1
    assert scrape().get("ocpi_push_oldest_seconds", platform=other) == 0


def test_platform_that_lacks_nothing_is_told_with_zeros(ocpi, other, scrape):
    ocpi.partners.invite(name="Somebody")

    for name in ("waiting", "parked", "oldest_seconds"):
        assert scrape().all(f"ocpi_push_{name}") == {(("platform", other),): 0}


def lags(numbers: Numbers) -> dict[str, float]:
    found = numbers.all("ocpi_sync_lag_seconds")
    return {dict(labels)["module"]: value for labels, value in found.items()}


@pytest.mark.parametrize("ocpi_config", [{"OCPI_SYNC_INTERVAL": 3600}], ids=["hourly"])
def test_lag_of_a_sync_is_told_by_module(ocpi, other, ocpi_clock, scrape):
    ocpi.sync(other, ["locations"])
    ocpi_clock.advance(90)

    found = lags(scrape())

    assert found["locations"] == 90
    assert found["tariffs"] == float("inf")


def test_what_is_synced_on_demand_only_has_no_lag_before_the_first_time(ocpi, other, ocpi_clock, scrape):
    before = lags(scrape())
    ocpi.sync(other, ["locations"])
    ocpi_clock.advance(90)

    assert (before, lags(scrape())) == ({}, {"locations": 90})


@pytest.mark.parametrize(
    ("seconds", "longest"),
    [((60.0, 90.0, 30.0), 90.0), ((60.0, None, 30.0), float("inf")), ((-5.0,), 0.0)],
    ids=["each", "one never", "clock turned back"],
)
@pytest.mark.parametrize("ocpi_config", [{"OCPI_SYNC_INTERVAL": 3600}], ids=["hourly"])
def test_lag_of_several_own_parties_is_the_longest(scrape, monkeypatch, seconds, longest):
    found = [("other", "locations", Party("NL", f"P{number}"), lag) for number, lag in enumerate(seconds)]
    monkeypatch.setattr(prometheus, "lags", lambda services: iter(found))

    assert lags(scrape()) == {"locations": longest}


class Fickle(MemoryStorage):
    """A storage that is gone while ``gone`` is true."""

    gone = False

    def list(self, kind: str, query: Any) -> Any:
        if self.gone:
            raise StorageError("gone")
        return super().list(kind, query)


def test_storage_that_is_gone_takes_no_other_number_along(ocpi_network, registry, caplog):
    storage = Fickle()
    ocpi_network.add("fickle.example", [("NL", "ABC", ["CPO"])], storage=storage)
    app = ocpi_network.apps["fickle.example"]
    metrics = Metrics(app, registry=registry)
    add_partner(app, [("DE", "EMS", ["EMSP"])]).get(LIST)
    storage.gone = True

    numbers = Numbers(generate_latest(metrics.shown).decode())

    assert numbers.get("ocpi_storage_up") == 0
    assert numbers.all("ocpi_platforms") == {}
    assert numbers.get("ocpi_messages_total", module="locations") == 1
    assert "The storage could not be asked for its numbers: gone" in caplog.messages


def test_nothing_is_read_when_it_is_registered(ocpi_network):
    storage = Fickle()
    ocpi_network.add("fickle.example", [("NL", "ABC", ["CPO"])], storage=storage)
    storage.gone = True

    metrics = Metrics(ocpi_network.apps["fickle.example"], registry=CollectorRegistry(auto_describe=True))

    assert Numbers(generate_latest(metrics.shown).decode()).get("ocpi_storage_up") == 0


# Setting it up.


def test_nothing_is_served_unless_it_is_asked_for(ocpi_app, metrics):
    assert ocpi_app.test_client().get("/metrics").status_code == 404


def test_blueprint_serves_the_numbers(ocpi_app, metrics, ocpi_client):
    ocpi_app.register_blueprint(metrics.blueprint("/internal/numbers"))
    ocpi_client.get(LIST)

    answer = ocpi_app.test_client().get("/internal/numbers")

    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    assert Numbers(answer.text).get("ocpi_messages_total", module="locations") == 1


def test_blueprint_speaks_openmetrics_with_who_wants_it(ocpi_app, metrics):
    ocpi_app.register_blueprint(metrics.blueprint())

    answer = ocpi_app.test_client().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_default_is_the_registry_of_the_process(ocpi_app, numbers_of_the_process):
    assert Metrics(ocpi_app).shown is numbers_of_the_process
    assert b"ocpi_storage_up 1.0" in generate_latest()


def test_two_apps_cannot_share_a_registry(ocpi_other, ocpi_network, metrics, registry):
    with pytest.raises(ConfigurationError, match=r"registry=CollectorRegistry\(\)"):
        Metrics(ocpi_network.apps["other.example"], registry=registry)


def test_app_has_its_metrics_once(ocpi_app, metrics):
    with pytest.raises(ConfigurationError, match="already"):
        Metrics(ocpi_app, registry=CollectorRegistry())


def test_app_needs_a_platform():
    with pytest.raises(ConfigurationError, match=r"call OCPI\(app\) before"):
        Metrics(Flask("bare"), registry=CollectorRegistry())


def test_metrics_stay_as_long_as_the_app(ocpi_app, ocpi_client, registry):
    Metrics(ocpi_app, registry=registry)
    gc.collect()

    ocpi_client.get(LIST)

    assert Numbers(generate_latest(registry).decode()).get("ocpi_messages_total") == 1


def test_missing_extra_says_what_to_install(tmp_path):
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('not here')")
    code = "import flask_ocpi.web.prometheus"

    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert 'Install it with: pip install "Flask-OCPI[prometheus]"' in run.stderr


# What the documentation says.


def test_monitoring_page_runs(ocpi, ocpi_app, host_logging, numbers_of_the_process, monkeypatch, capsys):
    served: list[Any] = []
    monkeypatch.setattr("prometheus_client.start_http_server", lambda *where, **how: served.append((where, how)))
    page = Page("docs/monitoring.md", app=ocpi_app)

    page.run(count=len(page.rest))
    add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])]).get(LIST)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["operation"] for line in lines if line["logger"] == "flask_ocpi.messages"] == ["sender_list_locations"]
    assert Numbers(ocpi_app.test_client().get("/metrics").text).get("ocpi_messages_total", direction="in") == 1
    assert served == [((9464,), {"addr": "127.0.0.1", "registry": numbers_of_the_process})]


def test_monitoring_page_names_the_numbers_that_there_are(metrics):
    page = (ROOT / "docs" / "monitoring.md").read_text()
    made = {family.name for family in metrics.shown.collect()}

    named = set(re.findall(r"\bocpi_(?!2_2_1)[a-z_]+", page))

    assert {re.sub("_(total|bucket|count|sum)$", "", name) for name in named} == made


def test_example_of_a_json_record_has_what_records_have(ocpi_app, ocpi_client):
    page = (ROOT / "docs" / "monitoring.md").read_text()
    example = next(json.loads(block) for block in blocks(page, "json") if "logger" in block)
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("flask_ocpi.messages")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        ocpi_client.get(LIST)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    [record] = records
    assert list(json.loads(JSONFormatter().format(record))) == list(example)


# Several processes.


@contextmanager
def gunicorn(folder: Path, database: Path) -> Iterator[str]:
    """Serve the scraped app with two processes; it ends with the block, and after some minutes whatever happens."""
    port = free_port()
    (folder / "numbers").mkdir()
    options = ["--no-control-socket", "--workers", "2", "--threads", "2", "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        ["timeout", "300", sys.executable, "-m", "gunicorn", *options, "tests.contrib.scraped_app:app"],
        cwd=ROOT,
        env={**os.environ, "DATABASE": str(database), "PROMETHEUS_MULTIPROC_DIR": str(folder / "numbers")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until_it_answers(f"{url}/ocpi/health", process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + SECONDS
    while True:
        try:
            ask(url)
            return
        except OSError:
            assert process.poll() is None, "The server ended."
            assert time.monotonic() < ends, "The server did not start."
            time.sleep(0.05)


def ask(url: str, token: str = "") -> tuple[str, str]:
    """Return the process that answered, and what."""
    headers = {"Authorization": authorization(token)} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SECONDS) as answer:
        return answer.headers["X-Process"], answer.read().decode()


def test_numbers_of_several_processes_are_added_up_and_those_of_the_storage_are_not(tmp_path):
    database = tmp_path / "ocpi.sqlite3"
    here = make_app(str(database))
    partner = add_partner(here, [("DE", "EMS", ["EMSP"])])
    ocpi: OCPI = here.extensions["ocpi"]
    endpoint = {"identifier": "locations", "role": "RECEIVER", "url": "https://partner.example/locations"}
    assert partner.platform is not None
    ocpi.services.platforms.save(replace(partner.platform, endpoints=(endpoint,)), before=partner.platform)
    ocpi.save("locations", location(evses=[evse()]))

    with gunicorn(tmp_path, database) as url, ThreadPoolExecutor(8) as pool:
        asked: Counter[str] = Counter()
        ends = time.monotonic() + SECONDS
        while len(asked) < 2 and time.monotonic() < ends:
            answers = list(pool.map(lambda _: ask(url + LIST, partner.token), range(8)))
            asked.update(process for process, _ in answers)
        scraped = [ask(f"{url}/metrics") for _ in range(4)]

    assert len(asked) == 2
    for _, text in scraped:
        numbers = Numbers(text)
        labels = {"direction": "in", "platform": partner.platform.id, "operation": "sender_list_locations"}
        assert numbers.get("ocpi_messages_total", **labels) == sum(asked.values())
        assert numbers.get("ocpi_message_duration_seconds_count", module="locations") == sum(asked.values())
        assert numbers.get("ocpi_push_waiting") == 1
        assert numbers.get("ocpi_platforms", state="registered") == 1


def test_findings_are_counted_by_platform_and_kind(scrape, ocpi, ocpi_client):
    document = location(country_code="DE", party_id="CPO", id="LOC1", publish="true")
    for _ in range(3):
        ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), document)
    ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), {"id": "LOC1"})

    numbers = scrape()

    assert numbers.get("ocpi_findings_total", platform="partner", kind="mended") == 3
    assert numbers.get("ocpi_findings_total", platform="partner", kind="refused") == 1
