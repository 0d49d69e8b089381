"""Findings are kept once for each flaw, bounded and without secrets, and never at the cost of a request."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from contextlib import nullcontext
from typing import Any

import orjson
import pytest
from flask import current_app
from hypothesis import given
from hypothesis import strategies as st

from flask_ocpi.core.config import Settings
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange import finding_store as stores
from flask_ocpi.exchange import logs
from flask_ocpi.exchange import write_behind
from flask_ocpi.exchange.finding_store import Findings
from flask_ocpi.exchange.finding_store import Hiding
from flask_ocpi.exchange.findings import FINDINGS
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.signals import finding_made
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.conftest import EVERY_STORAGE
from tests.forking import fork
from tests.urls import ocpi_url

IN_THREADS = {"OCPI_DISPATCHER": "thread", "OCPI_PUSH": False}
NOON = "2026-01-01T12:00:00.000Z"
SECONDS = 120
DAY = 86_400
CLOCK = Clock()
SETTINGS = Settings.from_mapping({"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])]})
SECRET = "gHx3kPzQ9-wLrTn7Vb2M"


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {"platform": "peer", "kind": "mended", "module": "locations", "object": "NL ABC 1"}
    values |= {"path": "city", "came": " Gent ", "outcome": "Gent was made of it."}
    return Finding(**values | changes)


def refused(**changes: Any) -> Finding:
    return finding(**{"kind": "refused", "path": "", "came": "", "outcome": "Invalid.", "refused": True, **changes})


def counts(ocpi, **filters):
    """Return how often what came, by object."""
    return {entry.finding.object: entry.count for entry in ocpi.findings.list(**filters)}


def logged(caplog):
    return [record for record in caplog.records if record.name == "flask_ocpi.findings"]


@EVERY_STORAGE
def test_a_flaw_is_kept_once_with_how_often_it_came(ocpi, ocpi_clock):
    ocpi.findings.add(finding())
    ocpi.findings.add(finding())
    ocpi.findings.flush()
    ocpi_clock.advance(3600)
    ocpi.findings.add(finding(came="Gent\t"))

    (entry,) = ocpi.findings.list()

    assert entry.to_dict() == {
        "id": entry.number,
        "platform": "peer",
        "kind": "mended",
        "module": "locations",
        "object": "NL ABC 1",
        "path": "city",
        "came": "Gent?",
        "outcome": "Gent was made of it.",
        "refused": False,
        "receiver": "",
        "document": None,
        "first": NOON,
        "last": "2026-01-01T13:00:00.000Z",
        "count": 3,
    }


@EVERY_STORAGE
def test_flaws_that_differ_are_kept_apart(ocpi):
    others = [finding(), finding(platform="other"), finding(module="cdrs"), finding(kind="left_out")]
    others += [finding(path="country"), finding(object="NL ABC 2"), refused(), refused(receiver="NL-ABC")]

    for other in (*others, finding(object="nl abc 1"), refused(path="name")):
        ocpi.findings.add(other)

    assert len(ocpi.findings.list()) == len(others)


@EVERY_STORAGE
def test_findings_are_listed_by_what_they_have_in_common_latest_first(ocpi, ocpi_clock):
    for number, one in enumerate((finding(), finding(platform="other"), finding(module="cdrs"), refused())):
        ocpi.findings.add(one)
        ocpi.findings.flush() if number % 2 else None
        ocpi_clock.advance(1)

    def found(**filters):
        return [(e.finding.platform, e.finding.module, e.finding.kind) for e in ocpi.findings.list(**filters)]

    everything = [
        ("peer", "locations", "refused"),
        ("peer", "cdrs", "mended"),
        ("other", "locations", "mended"),
        ("peer", "locations", "mended"),
    ]
    assert found() == everything
    assert found(limit=2) == everything[:2]
    assert found(platform="other") == [everything[2]]
    assert found(module="locations", kind="mended") == [everything[2], everything[3]]
    assert found(refused=True) == [everything[0]]
    assert found(refused=False) == everything[1:]
    assert found(platform="nobody") == []


@EVERY_STORAGE
def test_findings_are_found_and_removed_by_number(ocpi):
    for id in "AB":
        ocpi.findings.add(finding(object=id))
    first, second = sorted(ocpi.findings.list(), key=lambda entry: entry.number)

    removed = ocpi.findings.remove(first.number, 999_999)

    assert removed == 1
    assert (ocpi.findings.find(first.number), ocpi.findings.find(second.number)) == (None, second)


@EVERY_STORAGE
def test_findings_are_removed_by_what_they_have_in_common(ocpi, monkeypatch):
    monkeypatch.setattr(stores, "_REMOVED_AT_ONCE", 2)
    for number in range(5):
        ocpi.findings.add(finding(object=f"{number}"))
    ocpi.findings.add(finding(platform="other", object="other"))

    removed = ocpi.findings.remove_all(platform="peer")

    assert (removed, counts(ocpi)) == (5, {"other": 1})


@EVERY_STORAGE
@pytest.mark.parametrize("ocpi_config", [{"OCPI_FINDINGS_MAX_COUNT": 3}], ids=["three"])
def test_partner_cannot_fill_the_storage(ocpi):
    for _ in range(2):
        for number in range(50):
            ocpi.findings.add(finding(object=f"{number}", path=f"path{number}"))
            ocpi.findings.add(refused(object=f"{number}", document={"id": number}))
        ocpi.findings.flush()
    ocpi.findings.add(finding(module="cdrs", object="other"))

    kept = {(e.finding.refused, e.finding.object): e.count for e in ocpi.findings.list(module="locations")}

    assert sum(kept.values()) == 2 * 2 * 50
    assert (kept[False, ""], kept[True, ""]) == (94, 94)
    assert len(kept) == 2 * (3 + 1)
    assert counts(ocpi, module="cdrs") == {"other": 1}


@EVERY_STORAGE
def test_findings_are_forgotten_when_they_did_not_come_for_long(ocpi, ocpi_clock):
    ocpi.findings.add(finding(object="old"))
    ocpi.findings.add(finding(object="again"))
    ocpi.findings.flush()
    ocpi_clock.advance(29 * DAY)
    ocpi.findings.add(finding(object="again"))
    ocpi.findings.flush()
    ocpi_clock.advance(DAY + 1)

    for number in range(write_behind.PURGE_AFTER):
        ocpi.findings.add(finding(object=f"{number}"))

    found = counts(ocpi)
    assert "old" not in found
    assert found["again"] == 2


@EVERY_STORAGE
def test_purge_is_bounded_and_comes_to_an_end(ocpi, ocpi_storage, monkeypatch):
    monkeypatch.setattr(stores, "PURGED_AT_ONCE", 4)
    for number in range(10):
        ocpi.findings.add(finding(object=f"{number}"))
    ocpi.findings.flush()

    assert [stores.purge(ocpi_storage, before=2**60) for _ in range(4)] == [4, 4, 2, 0]


@EVERY_STORAGE
def test_processes_add_up_what_they_found(ocpi, ocpi_network, ocpi_storage):
    ocpi.findings.add(finding())
    ocpi.findings.flush()
    again = ocpi_network.add("again.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    finders = [ocpi.findings, again.findings]

    def find(number):
        for _ in range(20):
            finders[number].add(finding())
            finders[number].flush()

    threads = [threading.Thread(target=find, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts(ocpi) == {"NL ABC 1": 41}


def test_listeners_are_told_with_how_often_it_came(ocpi, ocpi_app):
    heard = []

    def listen(app, finding, count):
        heard.append((app, finding.kind, count))

    with finding_made.connected_to(listen, ocpi_app):
        for _ in range(3):
            ocpi.findings.add(finding())
        ocpi.findings.flush()

    assert heard == [(ocpi_app, "mended", 3)]


def test_a_flaw_is_logged_when_it_is_new_only(ocpi, caplog):
    for _ in range(3):
        ocpi.findings.add(finding())
        ocpi.findings.flush()
    ocpi.findings.add(finding(object="NL ABC 2\x1b[2J"))
    ocpi.findings.flush()

    texts = [record.getMessage() for record in logged(caplog)]
    assert [record.levelno for record in logged(caplog)] == [logging.WARNING] * 2
    assert texts[0] == "peer: mended locations 'NL ABC 1' city: ' Gent '. Gent was made of it."
    assert "NL ABC 2?[2J" in texts[1]


def test_new_flaws_fill_no_log(ocpi, caplog, monkeypatch):
    now = 0.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: now)
    for number in range(100):
        ocpi.findings.add(finding(object=f"{number}"))
    ocpi.findings.flush()
    first = len(logged(caplog))
    now = 61.0
    ocpi.findings.add(finding(object="later"))
    ocpi.findings.flush()

    assert first == stores.MOST_LOGGED
    assert logged(caplog)[-2].getMessage() == "peer: 80 more findings are in the list only."
    assert "'later'" in logged(caplog)[-1].getMessage()


class FailingStorage(MemoryStorage):
    """A storage in which writing findings fails."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def save_many(self, kind, records):
        if kind == FINDINGS:
            raise self.error
        return super().save_many(kind, records)


class Hold:
    """Holds up the writing of findings, which needs the app's context."""

    def __init__(self, monkeypatch):
        self.begun, self.free = threading.Event(), threading.Event()
        save = Findings._save

        def held(findings, batch):
            assert current_app.name
            self.begun.set()
            assert self.free.wait(SECONDS)
            save(findings, batch)

        monkeypatch.setattr(Findings, "_save", held)


def served(network, storage, **config):
    """Return a platform that writes in a thread, and a partner of it that puts what has to be mended."""
    ocpi = network.add("busy.example", [("NL", "BUS", ["EMSP"])], storage=storage, config={**IN_THREADS, **config})
    partner = add_partner(ocpi.app, [("DE", "CPO", ["CPO"])])

    def put(id="LOC1"):
        document = location(country_code="DE", party_id="CPO", id=id, publish="true")
        return partner.put(ocpi_url(f"receiver/locations/DE/CPO/{id}"), document).status_code

    return ocpi, put


@EVERY_STORAGE
@pytest.mark.parametrize("dispatcher", ["thread", "inline"])
def test_what_partners_send_is_found(ocpi_network, ocpi_storage, dispatcher):
    ocpi, put = served(ocpi_network, ocpi_storage, OCPI_DISPATCHER=dispatcher)

    answers = [put() for _ in range(3)]

    (entry,) = ocpi.findings.list()
    assert answers == [1000] * 3
    assert (entry.finding.platform, entry.finding.module, entry.finding.kind) == ("partner", "locations", "mended")
    assert (entry.finding.object, entry.finding.path, entry.count) == ("DE CPO LOC1", "publish", 3)


def test_inline_findings_are_written_at_the_end_of_the_request(ocpi_network):
    storage = MemoryStorage()
    _, put = served(ocpi_network, storage, OCPI_DISPATCHER="inline")

    put()

    assert storage.list(FINDINGS, Query()).total == 1


def test_thread_writes_by_itself(ocpi_network, monkeypatch):
    hold, storage = Hold(monkeypatch), MemoryStorage()
    hold.free.set()
    ocpi, put = served(ocpi_network, storage)

    put()

    assert hold.begun.wait(SECONDS)
    assert ocpi.findings.flush(SECONDS)
    assert storage.list(FINDINGS, Query()).total == 1


@pytest.mark.parametrize("dispatcher", ["thread", "inline"])
@pytest.mark.parametrize("error", [StorageError("The disk is full."), RuntimeError("The disk is full.")], ids=repr)
def test_storage_that_fails_fails_no_request_and_is_logged_once(ocpi_network, caplog, dispatcher, error):
    ocpi, put = served(ocpi_network, FailingStorage(error), OCPI_DISPATCHER=dispatcher)

    answers = []
    for _ in range(3):
        answers.append(put())
        ocpi.findings.flush()

    assert answers == [1000] * 3
    assert ocpi.findings.lost == 3
    assert [record.getMessage() for record in logged(caplog)] == [
        "The list of findings lacks 1 finding since the start of the process: The disk is full."
    ]


def test_storage_that_hangs_holds_up_no_request_and_fills_no_memory(ocpi_network, monkeypatch):
    monkeypatch.setattr(stores, "MOST_WAITING", 5)
    monkeypatch.setattr(stores, "_MOST_DOCUMENTS", 2)
    hold = Hold(monkeypatch)
    ocpi, put = served(ocpi_network, MemoryStorage())
    put("FIRST")
    assert hold.begun.wait(SECONDS)  # the thread has the first one, and is held up with it

    answers = [put(f"{number}") for number in range(8)]
    for number in range(8):
        ocpi.findings.add(refused(object=f"{number}", document={"id": number}))
    waiting = len(ocpi.findings._waiting)
    hold.free.set()

    assert ocpi.findings.flush(SECONDS)
    assert answers == [1000] * 8
    assert waiting == 5 + 2
    assert counts(ocpi, platform="partner")[""] == 3
    assert counts(ocpi, platform="peer") == {"": 8}
    assert sum(entry.count for entry in ocpi.findings.list()) == 1 + 8 + 8
    assert ocpi.findings.lost == 0


def test_documents_that_wait_are_bounded(ocpi, monkeypatch):
    monkeypatch.setattr(stores, "_MOST_DOCUMENTS", 2)

    for number in range(5):
        ocpi.findings.add(refused(object=f"{number}", document={"id": number}))

    assert sum(e.finding.document is not None for e in ocpi.findings.list()) == 2


def test_child_of_a_fork_writes_what_it_found_and_no_more(ocpi, ocpi_storage):
    ocpi.findings.add(finding(object="parent"))

    def work():
        ocpi.findings.add(finding(object="child"))
        return list(counts(ocpi)) == ["child"]

    assert fork(work) == 0
    assert counts(ocpi) == {"parent": 1}


def stored(ocpi):
    return "\n".join(record.text.decode() for record in walk(ocpi.storage, FINDINGS, Query()))


@pytest.mark.parametrize(
    "given",
    [
        finding(path="token", came=SECRET, outcome=f"{SECRET} was made of it."),
        finding(path="roles[].Token", came=SECRET),
        finding(path="token[0]", came=SECRET),
        finding(path="", came=f"[{{'url': 'x', 'token': '{SECRET}'}}]"),
        finding(path="", came=f"{{\\'TOKEN\\': \\'{SECRET}"),
        finding(path="", outcome=f'It was {{"token": "{SECRET}"}}.'),
        finding(path="url", came=f"example.com/versions?token={SECRET}&x=1", outcome=f"x?a=b&token={SECRET} was made."),
        finding(path="url", came=f"https://user:{SECRET}@example.com/"),
        refused(outcome=f"Invalid: {{'token': '{SECRET}'}}", document={"token": SECRET, "roles": [{"TOKEN": SECRET}]}),
        refused(document=[{"nested": {"token": SECRET}}]),
        finding(path="uid", came=SECRET, outcome=f"{SECRET} was made of it."),
        refused(document={"contract_id": SECRET, "uid": SECRET}),
    ],
)
@pytest.mark.parametrize("ocpi_config", [{"OCPI_JOURNAL_HIDDEN": ["uid", "contract_id"]}], ids=["hidden"])
def test_no_secret_is_kept(ocpi, given, caplog):
    ocpi.findings.add(given)
    ocpi.findings.flush()

    assert len(ocpi.findings.list()) == 1
    assert SECRET not in stored(ocpi)
    assert SECRET not in caplog.text
    assert "***" in stored(ocpi)


def test_texts_are_cut_and_steer_no_terminal(ocpi):
    endless = "\x1b[2J\0\n" + "x" * 100_000
    ocpi.findings.add(finding(object=endless, module=endless, path=endless, came=endless, outcome=endless))

    (entry,) = ocpi.findings.list()

    texts = [getattr(entry.finding, name) for name in ("object", "module", "path", "came", "outcome")]
    assert [len(text) for text in texts] == [255, 255, 255, 500, 2000]
    assert all(text.startswith("?[2J??x") and text.isprintable() for text in texts)


@pytest.mark.parametrize("document", ["x" * 70_000, [{"a": object()}], {"n": 2**80}], ids=["large", "python", "number"])
def test_document_that_cannot_be_kept_is_left_out(ocpi, document):
    ocpi.findings.add(refused(document=document))

    (entry,) = ocpi.findings.list()

    assert entry.finding.document is None


@EVERY_STORAGE
@pytest.mark.parametrize("depth", [100, 250, 251, 252, 253, 254, 255, 400])
def test_document_of_any_depth_fails_no_batch(ocpi, depth):
    nested: Any = "end"
    for _ in range(depth):
        nested = [nested]

    ocpi.findings.add(refused(document=nested))
    ocpi.findings.add(finding())

    assert len(ocpi.findings.list()) == 2
    assert [entry.to_dict()["object"] for entry in ocpi.findings.list()] == ["NL ABC 1"] * 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=10,
    ),
    st.text(max_size=40),
)
def test_whatever_came_can_be_kept(document, text):
    findings = Findings(
        MemoryStorage(),
        SETTINGS,
        clock=CLOCK,
        emit=lambda *a, **k: None,
        in_context=nullcontext,
        inline=True,
    )

    findings.add(refused(object=text, receiver=text, document=document))
    findings.add(finding(object=text, came=text, outcome=text, path=text))

    assert len(findings.list()) == 2
    assert findings.lost == 0
    assert orjson.dumps([entry.to_dict() for entry in findings.list()])


def test_plain_finding_is_kept_as_it_is():
    given = finding(came="Zürich", outcome="Zürich was made of it.", document={"token": {"uid": "1"}, "a": [1, None]})

    assert Hiding(SETTINGS)(given) == given


@pytest.mark.parametrize(
    "body",
    [
        {"token": SECRET, "url": 5, "roles": []},
        {"token": f" {SECRET} ", "url": "https://example.com/versions?token=" + SECRET, "roles": "none"},
        [{"token": SECRET, "url": None, "roles": [{"role": "cpo"}]}],
        {"token": [SECRET], "url": "example.com", "roles": {"token": SECRET}},
    ],
)
def test_no_token_of_flawed_credentials_is_kept(ocpi, ocpi_client, body, caplog):
    answer = ocpi_client.put(ocpi_url("credentials"), body)

    assert answer.status_code != 1000
    assert ocpi.findings.list()
    assert SECRET not in stored(ocpi)
    assert SECRET not in caplog.text


def test_what_waits_is_written_when_the_process_ends(tmp_path):
    file = tmp_path / "ocpi.sqlite3"
    parties = SETTINGS.parties[0].business_details
    code = f"""
from flask import Flask
from flask_ocpi import OCPI
from flask_ocpi.exchange.findings import Finding

app = Flask("ending")
app.config.update(
    SECRET_KEY="x",
    SQLALCHEMY_DATABASE_URI={f"sqlite:///{file}"!r},
    OCPI_CREATE_TABLES=True,
    OCPI_PARTIES=[dict(country_code="NL", party_id="ABC", roles=["CPO"], business_details={dict(parties)!r})],
)
OCPI(app).findings.add(Finding("peer", "mended", object="LAST"))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=tmp_path)

    with closing(sqlite3.connect(file)) as database:
        (row,) = database.execute("SELECT document FROM ocpi_findings")
    assert orjson.loads(row[0])["object"] == "LAST"
