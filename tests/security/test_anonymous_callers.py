"""Callers that nobody knows fill neither the journal nor the log, whatever they send."""

from __future__ import annotations

import logging

import pytest

from flask_ocpi.errors import UnauthorizedError
from flask_ocpi.exchange import logs
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.journal_purge import Bound
from flask_ocpi.exchange.journal_purge import Purge
from flask_ocpi.exchange.journal_records import records_of
from flask_ocpi.exchange.logs import Ration
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.network import Clock
from flask_ocpi.web.auth import RefusedTokens
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")


@pytest.fixture
def now(monkeypatch):
    """The time of the log, which passes when it is advanced."""
    clock = Clock()
    monkeypatch.setattr(logs.time, "monotonic", lambda: clock().timestamp())
    return clock


@pytest.fixture
def ocpi_config():
    return {"OCPI_MAX_UNKNOWN_TOKENS": 0, "OCPI_JOURNAL": "all"}


def kept(ocpi):
    ocpi.journal.flush()
    return [entry.message for entry in latest(ocpi.storage, Search(), 100_000)]


def call_unknown(client, number=1, **headers):
    anybody = client.app.test_client()
    return [anybody.get(SENDER, headers=headers) for _ in range(number)]


def test_a_genuine_failure_stays_in_the_journal_whoever_calls_without_a_token(ocpi, ocpi_client, now):
    ocpi_client.put(COPY, {"id": "broken"})
    call_unknown(ocpi_client, 200)

    messages = kept(ocpi)

    assert [message.status_code for message in messages if message.platform] == [2001]
    assert len([message for message in messages if not message.platform]) == 10


def test_what_the_journal_left_out_is_counted(ocpi, ocpi_client, now, caplog):
    call_unknown(ocpi_client, 25)
    now.advance(60)

    with caplog.at_level(logging.WARNING, "flask_ocpi.journal"):
        call_unknown(ocpi_client)

    assert [record.getMessage() for record in caplog.records if record.name == "flask_ocpi.journal"] == [
        "15 messages of unknown callers were left out of the journal."
    ]


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID", "User-Agent", "OCPI-from-party-id", "Accept"])
def test_what_callers_write_is_cut_in_the_journal(ocpi, ocpi_client, header):
    call_unknown(ocpi_client, **{header: "x" * 50_000})

    [message] = kept(ocpi)

    [(record, _)] = records_of([Kept(message)]).values()
    assert len(record.text) < 3000


@pytest.mark.parametrize("path", ["/ocpi/" + "x" * 50_000, f"{SENDER}?x={'y' * 50_000}", f"{SENDER}/{'%0A' * 9_000}"])
def test_what_callers_name_is_cut_in_the_journal(ocpi, ocpi_client, path):
    ocpi_client.app.test_client().get(path)

    [message] = kept(ocpi)

    [(record, _)] = records_of([Kept(message)]).values()
    assert len(record.text) < 8000


def test_429_is_not_in_the_journal(ocpi, ocpi_app, ocpi_client):
    def refuse():
        raise UnauthorizedError("Wait.", http_status=429)

    ocpi.services.limits.append(refuse)
    answers = [ocpi_client.get(SENDER).http_status, call_unknown(ocpi_client)[0].status_code]

    assert answers == [429, 429]
    assert kept(ocpi) == []


def test_unknown_callers_have_a_small_share_of_the_journal(ocpi_storage):
    def message(number, platform):
        return Message(Direction.IN, "GET", SENDER, number, 0.0, platform=platform, http_status=401)

    write(ocpi_storage, [Kept(message(number, "known")) for number in range(60)])
    for number in range(100, 220):
        write(ocpi_storage, [Kept(message(number, None))])

    Purge(ocpi_storage).run(Bound(0, 100), failed=Bound(0, 100))

    left = [entry.message.platform for entry in latest(ocpi_storage, Search(), 1000)]
    assert (left.count("known"), left.count(None)) == (60, 5)
    assert len(latest(ocpi_storage, Search(platform="known", failed=True), 1000)) == 60


def test_unknown_callers_do_not_fill_the_log(ocpi_client, now, caplog):
    with caplog.at_level(logging.INFO, "flask_ocpi"):
        call_unknown(ocpi_client, 100)
        ocpi_client.get(SENDER)
        now.advance(60)
        call_unknown(ocpi_client)

    messages = [record for record in caplog.records if record.name == "flask_ocpi.messages"]
    unknown = [record.getMessage() for record in messages if not record.platform]
    assert len(unknown) == 31
    assert unknown[-1].endswith("[70 more like this, of unknown callers, were left out.]")
    assert len(messages) == 32


def test_failures_over_unknown_callers_do_not_fill_the_log(ocpi, ocpi_client, now, caplog, monkeypatch):
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(type(ocpi.services.platforms), "caller_by", fail)
    with caplog.at_level(logging.ERROR, "flask_ocpi"):
        call_unknown(ocpi_client, 100, Authorization=authorization("unknown"))

    assert len(caplog.records) == 30


def test_many_addresses_that_try_tokens_do_not_fill_the_log(ocpi, ocpi_client, now, caplog):
    object.__setattr__(ocpi.services, "refused", RefusedTokens(1, clock=Clock()).note)
    anybody = ocpi_client.app.test_client()
    with caplog.at_level(logging.WARNING, "flask_ocpi"):
        for number in range(100):
            for _ in range(2):
                environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
                anybody.get(SENDER, headers={"Authorization": authorization("no")}, environ_overrides=environ)

    assert len([record for record in caplog.records if "unknown tokens" in record.getMessage()]) == 30


def test_a_ration_begins_anew_each_minute(now):
    ration = Ration(2)
    first = [ration.take("kind") for _ in range(4)]
    other = ration.take("other")
    now.advance(60)

    assert (first, other) == ([0, 0, None, None], 0)
    assert [ration.take("kind") for _ in range(3)] == [2, 0, None]


@pytest.mark.parametrize("text", ["a\nb", "a\r\nERROR forged", "\x1b[31mred", "tab\there", "\u2028next", "\x00"])
def test_texts_of_partners_are_logged_on_a_line(ocpi_app, caplog, text):
    log = logging.getLogger("flask_ocpi.outbox")
    with caplog.at_level(logging.WARNING, "flask_ocpi"):
        log.warning("%s refused an object: %s", "partner", ValueError(text))

    [record] = caplog.records
    assert record.getMessage().isprintable()


def test_texts_of_partners_are_cut_in_the_log(ocpi_app, caplog):
    with caplog.at_level(logging.WARNING, "flask_ocpi"):
        logging.getLogger("flask_ocpi.sync").warning("It said %s, %d times.", "x" * 100_000, 3)

    [record] = caplog.records
    assert len(record.getMessage()) < 2100
    assert record.getMessage().endswith("3 times.")


def test_texts_of_partners_are_in_the_journal_on_a_line(ocpi, ocpi_client):
    ocpi_client.app.test_client().get(f"{SENDER}/A%0AB", headers={"User-Agent": "a\x85b"})

    sent = Message(
        *(Direction.OUT, "PUT", "https://other.example/a\nb", 1, 0.1, "other", None, None, "id\n1", "id\n2", 200, 2001),
        error="It said:\r\n401 forged",
        response_headers={"Server": "x\ny"},
    )
    ocpi.services.traffic.tell(sent, secrets=())

    for message in kept(ocpi):
        texts = [message.url, message.error, message.request_id, message.correlation_id]
        texts += [*message.request_headers.values(), *message.response_headers.values()]
        assert [text for text in texts if not text.isprintable()] == []
