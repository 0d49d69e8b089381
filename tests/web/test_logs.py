"""Log records say which message they belong to, a record is written of each message, and none tells a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

import flask_ocpi
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.logs import LOGGERS
from flask_ocpi.exchange.logs import current
from flask_ocpi.signals import object_received
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import start_session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.web.logs import ATTRIBUTES
from flask_ocpi.web.logs import ContextFilter
from flask_ocpi.web.logs import JSONFormatter
from tests.urls import ocpi_url

IDS = {"X-Request-ID": "request-7", "X-Correlation-ID": "correlation-7"}
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
LIST = ocpi_url("sender/locations")
COPIED = location(country_code="DE", party_id="CPO")
SECONDS = 60

_of_us = logging.getLogger("flask_ocpi")
_of_the_host = logging.getLogger("host")


def about(record: logging.LogRecord) -> tuple[str, ...]:
    return tuple(getattr(record, name) for name in ATTRIBUTES)


def named(caplog: pytest.LogCaptureFixture, logger: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == logger]


def messages(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return named(caplog, "flask_ocpi.messages")


@contextmanager
def listening(listener: Any, app: Any) -> Iterator[None]:
    with object_received.connected_to(listener, app):
        yield


@pytest.fixture
def logged(caplog):
    """The records of everything that is logged from INFO on."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler with the JSON formatter wrote of this package's records."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    _of_us.addHandler(handler)
    level = _of_us.level
    _of_us.setLevel(logging.INFO)
    yield stream
    _of_us.setLevel(level)
    _of_us.removeHandler(handler)


# What a record carries.


def test_record_of_a_request_carries_its_ids_the_platform_and_the_operation(ocpi_app, ocpi_client, logged):
    def fail(app, **_):
        raise LookupError("of the host")

    with listening(fail, ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    [record] = named(logged, "flask_ocpi")
    assert record.getMessage().startswith("A listener of ocpi.object-received failed")
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_put_location")


@pytest.mark.conformance("MID-07")
def test_ids_that_are_made_up_are_those_of_the_answer(ocpi_app, ocpi_client, logged):
    with listening(lambda app, **_: _of_us.warning("here"), ocpi_app):
        answer = ocpi_client.put(COPY, COPIED)

    [record] = named(logged, "flask_ocpi")
    assert record.request_id == answer.headers["X-Request-ID"] != ""
    assert record.correlation_id == answer.headers["X-Correlation-ID"] != ""


def test_record_of_a_stranger_names_no_platform(ocpi_app, ocpi_client, logged):
    stranger = PartnerClient(ocpi_app, "nobody knows it")
    ocpi_client.get(LIST)

    stranger.get(LIST, headers=IDS)

    assert about(messages(logged)[-1]) == ("request-7", "correlation-7", "", "sender_list_locations")


def test_nothing_is_carried_when_the_request_is_over(ocpi_client, logged):
    ocpi_client.get(LIST, headers=IDS)

    _of_us.warning("later")

    assert about(logged.records[-1]) == ("", "", "", "")
    assert current() is None


def test_requests_to_the_host_carry_nothing(ocpi_app, logged):
    ocpi_app.add_url_rule("/own", "own", lambda: _of_us.warning("in the host") or "")

    ocpi_app.test_client().get("/own", headers=IDS)

    assert about(logged.records[-1]) == ("", "", "", "")


def test_work_in_the_background_carries_the_request_that_started_it(ocpi, ocpi_app, ocpi_client, logged):
    def later(app, **_):
        ocpi.background(lambda: _of_us.warning("in the background"))

    with listening(later, ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    [record] = named(logged, "flask_ocpi")
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_put_location")


@pytest.mark.parametrize("ocpi_config", [{"OCPI_DISPATCHER": "thread"}], ids=["thread"])
def test_threads_carry_the_request_that_started_them(ocpi, ocpi_app, ocpi_client, logged):
    done = threading.Event()
    names: list[str] = []

    def work() -> None:
        names.append(threading.current_thread().name)
        _of_us.warning("in a thread")
        done.set()

    with listening(lambda app, **_: ocpi.background(work), ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)
    assert done.wait(SECONDS)

    [record] = named(logged, "flask_ocpi")
    assert names != [threading.current_thread().name]
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_put_location")


def test_record_of_what_follows_the_answer_carries_the_request(ocpi, ocpi_client, logged):
    ocpi.command("START_SESSION")(lambda command, reply: reply.accept(lambda: _of_us.warning("at work") or "ACCEPTED"))
    url = "https://partner.example/results/1"
    ocpi.save("locations", location())

    ocpi_client.post(ocpi_url("receiver/commands/START_SESSION"), start_session(response_url=url), headers=IDS)

    [record] = [record for record in logged.records if record.getMessage() == "at work"]
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_start_session")


@pytest.fixture
def pair(ocpi, ocpi_other, ocpi_network, caplog):
    """The platform, what it calls the other one, and what the other one calls it."""
    there, here = ocpi_network.connect(ocpi, ocpi_other)
    caplog.clear()
    ocpi_network.requests.clear()
    return ocpi, there.id, here.id


def test_record_of_sending_carries_what_is_sent(pair, ocpi_network, logged):
    ocpi, other, _ = pair
    ocpi_network.before_send = lambda request: _of_us.warning("on the way")

    with ocpi.client(other) as client:
        list(client.locations.list())

    [record] = named(logged, "flask_ocpi")
    [sent] = ocpi_network.requests
    ids = (sent.headers["X-Request-ID"], sent.headers["X-Correlation-ID"])
    assert about(record) == (*ids, other, "sender_list_locations")


def test_call_within_a_request_carries_its_own_message_and_then_the_request_again(
    pair, ocpi_app, ocpi_client, ocpi_network, logged
):
    ocpi, other, us = pair

    def relay(app, **_):
        with ocpi.client(other) as client:
            list(client.locations.list())
        _of_us.warning("afterwards")

    ocpi_network.before_send = lambda request: _of_us.warning("on the way")
    with listening(relay, ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    on_the_way, afterwards = named(logged, "flask_ocpi")
    assert on_the_way.platform == other
    assert on_the_way.request_id == ocpi_network.requests[0].headers["X-Request-ID"] != "request-7"
    assert about(afterwards) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_put_location")
    received, sent, answered = messages(logged)  # by the other platform, which is in the same process
    assert (received.direction, received.platform) == ("IN", us)
    assert (sent.direction, sent.platform) == ("OUT", other)
    assert (answered.direction, answered.platform) == ("IN", ocpi_client.platform.id)


@pytest.mark.parametrize("ocpi_push", [True], ids=["push"])
def test_refused_push_carries_the_message_that_was_refused(pair, ocpi_network, logged):
    ocpi, other, _ = pair
    refusal = orjson.dumps({"status_code": 2001, "timestamp": "2026-01-01T12:00:00Z"})
    ocpi_network.after_send = lambda request, response: Response(200, {}, refusal, request.url)

    ocpi.save("locations", location())

    [record] = named(logged, "flask_ocpi.outbox")
    [sent] = ocpi_network.requests
    ids = (sent.headers["X-Request-ID"], sent.headers["X-Correlation-ID"])
    assert "is not sent to other-example again" in record.getMessage()
    assert about(record) == (*ids, other, "receiver_put_location")


def test_result_that_is_not_taken_carries_the_message(pair, ocpi_network, logged):
    ocpi, other, us = pair
    emsp = ocpi_network.apps["other.example"].extensions["ocpi"]
    ocpi.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    ocpi.save("locations", location())

    def cut(request: Request) -> None:
        if request.url.startswith("https://other.example/"):
            raise UnreachableError("The line is cut.")

    ocpi_network.before_send = cut
    with emsp.client(us) as client:
        client.commands.start_session({"token": token(country_code="FR", party_id="OTH"), "location_id": "LOC1"})

    [record] = [r for r in named(logged, "flask_ocpi") if "could not be delivered" in r.getMessage()]
    sent = ocpi_network.requests[-1]
    assert sent.url.startswith("https://other.example/")
    assert record.request_id == sent.headers["X-Request-ID"]
    assert (record.platform, record.operation) == (other, "sender_post_command_result")


# The host's logging.


def test_logging_of_the_host_is_left_alone(ocpi_app, ocpi_client, logged):
    with listening(lambda app, **_: _of_the_host.warning("the host's own"), ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    [record] = named(logged, "host")
    assert not [name for name in ATTRIBUTES if hasattr(record, name)]
    assert logging.getLogRecordFactory() is logging.LogRecord
    assert [name for name in LOGGERS if logging.getLogger(name).handlers] == []


def test_filter_on_a_handler_gives_the_attributes_to_the_records_of_the_host(ocpi_app, ocpi_client, logged):
    logged.handler.addFilter(ContextFilter())

    with listening(lambda app, **_: _of_the_host.warning("the host's own"), ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    [record] = named(logged, "host")
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "receiver_put_location")


def test_filter_leaves_attributes_alone_that_a_record_has():
    record = logging.makeLogRecord({"request_id": "the host's"})

    assert ContextFilter().filter(record)

    assert about(record) == ("the host's", "", "", "")


def test_several_apps_filter_their_records_once(ocpi, ocpi_other):
    assert [sum(isinstance(f, ContextFilter) for f in logging.getLogger(name).filters) for name in LOGGERS] == [
        1 for _ in LOGGERS
    ]


def test_every_logger_of_the_package_is_known():
    sources = {path: path.read_text() for path in Path(flask_ocpi.__file__).parent.rglob("*.py")}
    names = {name for source in sources.values() for name in re.findall(r'getLogger\("(flask_ocpi[^"]*)"\)', source)}

    assert names - set(LOGGERS) == set(), (
        "Add it to flask_ocpi.exchange.logs.LOGGERS: a filter is not asked about others."
    )
    assert [str(path) for path, source in sources.items() if "getLogger(__name__)" in source] == []


# One record a message.


def test_one_record_is_logged_of_a_request_that_was_answered(ocpi_client, logged):
    ocpi_client.get(LIST, query_string={"limit": 5}, headers=IDS)

    [record] = messages(logged)
    assert record.levelno == logging.INFO
    assert (record.direction, record.method, record.path) == ("IN", "GET", LIST)
    assert (record.http_status, record.status_code) == (200, 1000)
    assert about(record) == ("request-7", "correlation-7", ocpi_client.platform.id, "sender_list_locations")
    assert record.milliseconds >= 0
    assert record.getMessage() == (
        f"IN {ocpi_client.platform.id} GET {LIST}: HTTP 200, OCPI 1000, {record.milliseconds} ms"
    )


def test_one_record_is_logged_of_a_request_that_was_made(pair, ocpi_network, logged):
    ocpi, other, _ = pair

    with ocpi.client(other) as client:
        list(client.locations.list(limit=5))

    [record] = [record for record in messages(logged) if record.direction == "OUT"]
    [sent] = ocpi_network.requests
    assert "?limit=5" in sent.url
    assert record.path == "https://other.example/ocpi/2.3.0/sender/locations"
    assert (record.method, record.http_status, record.status_code, record.platform) == ("GET", 200, 1000, other)
    assert record.request_id == sent.headers["X-Request-ID"]


def test_record_of_a_message_without_an_answer_says_so(pair, ocpi_network, logged):
    ocpi, other, _ = pair
    ocpi_network.apps.pop("other.example")

    with ocpi.client(other) as client, pytest.raises(UnreachableError):
        list(client.locations.list())

    [record] = messages(logged)
    assert (record.http_status, record.status_code) == (0, None)
    assert "HTTP -, OCPI -" in record.getMessage()


def test_refusals_and_unknown_paths_are_logged_as_well(ocpi_client, logged):
    ocpi_client.get(ocpi_url("sender/locations/NONE"))
    ocpi_client.get("/ocpi/nothing")

    refused, unknown = messages(logged)
    assert (refused.http_status, refused.status_code, refused.operation) == (404, 2003, "sender_get_location")
    assert (unknown.http_status, unknown.path, unknown.operation) == (404, "/ocpi/nothing", "")


@pytest.mark.parametrize("ocpi_config", [{"OCPI_JOURNAL": "off"}], ids=["no journal"])
def test_messages_are_made_only_when_somebody_wants_their_records(ocpi, caplog):
    caplog.set_level(logging.WARNING)
    before = ocpi.services.traffic.now()
    caplog.set_level(logging.INFO, "flask_ocpi.messages")

    assert before == 0
    assert ocpi.services.traffic.now() > 0


def test_path_cannot_pass_for_a_record_of_its_own(ocpi_client, logged):
    ocpi_client.get(ocpi_url("sender/locations/A%0AIN%20forged"))

    [record] = messages(logged)
    assert "\n" not in record.getMessage()
    assert len(record.getMessage().splitlines()) == 1


def test_ids_are_cut_where_they_are_longer_than_any_id_is(ocpi_client, logged):
    ocpi_client.get(LIST, headers={"X-Request-ID": "x" * 5000})

    [record] = messages(logged)
    assert record.request_id == "x" * 100


# Secrets.


@pytest.mark.conformance("A-14")
def test_no_record_has_a_credential_or_a_body(ocpi, ocpi_other, ocpi_app, ocpi_network, caplog):
    caplog.set_level(logging.DEBUG, "flask_ocpi")
    secret, marker = "a-secret-of-the-url", "only in the body"
    ocpi_network.connect(ocpi, ocpi_other)
    document = location(country_code="FR", party_id="OTH", name=marker)

    def fail(app, **_):
        raise LookupError("of the host")

    with listening(fail, ocpi_app), ocpi_other.client("NL-ABC") as client:
        client.locations.put(document)
        with pytest.raises(RefusedError):
            client.request("PUT", "https://platform.example/ocpi/nowhere?token=" + secret, body=document)
        with pytest.raises(UnreachableError):
            client.request("GET", "https://user:" + secret + "@platform.example/ocpi/versions?token=" + secret)
    ocpi_app.test_client().get(LIST, headers={"Authorization": "Token " + secret})

    tokens = {
        value.removeprefix("Token ")
        for r in ocpi_network.requests
        for name, value in r.headers.items()
        if name == "Authorization"
    }
    told = "\n".join(f"{record.getMessage()} {vars(record)} {record.exc_text}" for record in caplog.records)
    assert len(tokens) >= 3
    assert len(messages(caplog)) >= 8
    assert [secret for secret in (*tokens, secret, marker) if secret in told] == []


# JSON.


def test_json_formatter_writes_a_line_a_record(ocpi_app, ocpi_client, written):
    def fail(app, **_):
        raise LookupError("of the host")

    with listening(fail, ocpi_app):
        ocpi_client.put(COPY, COPIED, headers=IDS)

    failure, message = map(json.loads, written.getvalue().splitlines())
    assert failure["level"] == "ERROR"
    assert failure["logger"] == "flask_ocpi"
    assert failure["exception"].endswith("LookupError: of the host")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", failure["time"])
    assert {name: failure[name] for name in ATTRIBUTES} == {name: message[name] for name in ATTRIBUTES}
    assert message["message"].startswith("IN ")
    assert (message["http_status"], message["status_code"], message["method"]) == (201, 1000, "PUT")
    assert "exception" not in message
    assert "args" not in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2**70, 2**70), ("\udc80", "\udc80"), ({1: "a"}, {"1": "a"}), (Path("x"), "x"), (0, 0)],
    ids=["big", "surrogate", "keys", "object", "zero"],
)
def test_json_formatter_takes_whatever_a_record_has(value, expected):
    record = logging.makeLogRecord({"name": "host", "msg": "%s", "args": ("text",), "given": value})

    line = json.loads(JSONFormatter().format(record))

    assert line["given"] == expected
    assert line["message"] == "text"


def test_json_formatter_leaves_out_what_is_not_known():
    record = logging.makeLogRecord({"msg": "text", "request_id": "", "status_code": None})

    line = json.loads(JSONFormatter().format(record))

    assert set(line) == {"time", "level", "logger", "message"}


def test_json_formatter_writes_the_stack():
    record = logging.makeLogRecord({"msg": "text", "stack_info": "Stack (most recent call last):"})

    assert json.loads(JSONFormatter().format(record))["stack"] == "Stack (most recent call last):"
