"""Every exchange with another platform becomes one message, whichever way it goes and however it ends."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from flask import Response
from flask import abort

from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.signals import message_exchanged
from flask_ocpi.signals import object_received
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import add_partner
from tests.journal.conftest import kept
from tests.peers import Peer
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
OTHER = {"country_code": "FR", "party_id": "OTH"}
IDS = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}


def test_request_of_another_platform_is_a_message(ocpi_client, heard):
    location = documents.location(country_code="DE", party_id="CPO")

    ocpi_client.put(f"{COPY}?a=b%20c", location, headers=IDS)

    (message,) = heard
    assert (message.direction, message.method, message.url) == (Direction.IN, "PUT", f"{COPY}?a=b%20c")
    assert (message.platform, message.module) == ("partner", "locations")
    assert message.operation == "receiver_put_location"
    assert (message.request_id, message.correlation_id) == ("request-1", "correlation-1")
    assert (message.http_status, message.status_code, message.failed, message.error) == (201, 1000, False, "")
    assert message.request_bytes == len(orjson.dumps(location))
    assert message.response_bytes > 50
    assert message.duration > 0


def test_request_of_ours_is_a_message(ocpi, ocpi_other, ocpi_network, heard, ocpi_clock):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi.save("locations", documents.location())
    heard.clear()

    ocpi.push("locations", "LOC1")

    (message,) = [m for m in heard if m.direction is Direction.OUT]
    sent = ocpi_network.requests[-1]
    assert (message.method, message.url) == ("PUT", sent.url)
    assert (message.platform, message.module) == (there.id, "locations")
    assert message.operation == "receiver_put_location"
    assert message.request_id == sent.headers["X-Request-ID"]
    assert message.correlation_id == sent.headers["X-Correlation-ID"]
    assert (message.http_status // 100, message.status_code, message.failed) == (2, 1000, False)
    assert (message.request_bytes, message.response_bytes > 50) == (len(sent.body), True)
    assert message.moment == ocpi_clock().timestamp() * 1_000_000


def test_both_sides_see_the_same_exchange(ocpi, ocpi_other, ocpi_network, heard):
    ocpi_network.connect(ocpi, ocpi_other, refetch=False)

    assert len(heard) == len(ocpi_network.requests)
    assert {m.request_id for m in heard} == {request.headers["X-Request-ID"] for request in ocpi_network.requests}
    assert {m.operation for m in heard if m.direction is Direction.OUT} == {
        "get_versions",
        "get_version_details",
        "post_credentials",
    }
    assert [m.platform for m in heard if m.direction is Direction.IN] == ["other-example"] * 2


def test_call_back_during_a_registration_names_the_platform(ocpi, ocpi_other, ocpi_network, heard):
    _, here = ocpi_network.connect(ocpi_other, ocpi, refetch=False)

    assert [m.platform for m in heard if m.direction is Direction.OUT] == [here.id] * 2


def test_list_and_its_pages_are_messages(ocpi, ocpi_other, ocpi_network, heard):
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi_other.objects.save_all(
        {"locations": [documents.location(country_code="FR", party_id="OTH", id=f"LOC{n}") for n in range(3)]}
    )
    heard.clear()

    list(ocpi.client("FR-OTH").locations.list(limit=2))

    assert [(m.module, m.operation) for m in heard] == [("locations", "sender_list_locations")] * 2


def test_result_of_a_command_is_a_message_of_its_operation(ocpi, ocpi_other, ocpi_network, heard):
    ocpi_network.connect(ocpi_other, ocpi)
    ocpi.command("STOP_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    ocpi.save("sessions", documents.session(cdr_token={**documents.session()["cdr_token"], **OTHER}))
    heard.clear()

    ocpi_other.client("NL-ABC").commands.stop_session("SES1")

    assert [(m.direction, m.module, m.operation) for m in heard] == [
        (Direction.IN, "commands", "receiver_stop_session"),
        (Direction.OUT, "commands", "sender_post_command_result"),
    ]


@pytest.mark.parametrize("ocpi_receive", ["strict"])
@pytest.mark.parametrize(
    ("method", "path", "headers", "codes", "operation"),
    [
        ("GET", SENDER, {"Authorization": None}, (401, 2000), "sender_list_locations"),
        ("GET", SENDER, {"Authorization": "Token bm8tdG9rZW4tYXQtYWxs"}, (401, 2000), "sender_list_locations"),
        ("GET", ocpi_url("nothing"), {}, (404, 2001), None),
        ("GET", "/ocpi", {}, (404, 2001), None),
        ("DELETE", SENDER, {}, (405, 2000), None),
        ("GET", f"{SENDER}?limit=many", {}, (200, 2001), "sender_list_locations"),
        ("GET", f"{SENDER}/LOC9", {}, (404, 2003), "sender_get_location"),
        ("PUT", COPY, {"Content-Type": "application/xml"}, (415, 2001), "receiver_put_location"),
    ],
    ids=["no token", "unknown token", "no path", "root", "method", "parameter", "no object", "media type"],
)
def test_refused_request_is_a_failed_message(ocpi_client, heard, method, path, headers, codes, operation):
    answer = ocpi_client.open(method, path, headers=headers, data="{}" if method == "PUT" else None)

    (message,) = heard
    assert (message.http_status, message.status_code) == codes
    assert (message.failed, message.operation) == (True, operation)
    assert message.error == answer.message
    assert message.request_id == answer.headers["X-Request-ID"]


def test_crash_is_a_failed_message(ocpi, ocpi_client, heard, monkeypatch):
    monkeypatch.setattr(ocpi.storage, "list", lambda *_: 1 / 0)

    ocpi_client.get(SENDER)

    (message,) = heard
    assert (message.http_status, message.status_code, message.failed) == (500, 3000, True)


def test_answer_of_the_hosts_own_hook_is_a_message(ocpi_app, ocpi_client, heard):
    ocpi_app.before_request(lambda: abort(Response("wait", 429)))

    ocpi_client.app.test_client().get(SENDER)

    (message,) = heard
    assert (message.http_status, message.status_code, message.failed) == (429, None, True)
    assert (message.module, message.platform) == ("locations", None)


def test_answer_that_breaks_on_its_way_out_is_one_message(ocpi_app, ocpi_client, heard):
    ocpi_app.config["PROPAGATE_EXCEPTIONS"] = False

    @ocpi_app.after_request
    def break_once(response):
        if response.status_code == 200:
            raise RuntimeError("on purpose")
        return response

    ocpi_client.get(SENDER)

    assert [(m.http_status, m.status_code) for m in heard] == [(500, 3000)]


def test_encoded_slash_is_in_the_url_of_the_message(ocpi_app, ocpi_client, heard):
    environ = {"RAW_URI": f"{SENDER}/LOC%2F1"}

    ocpi_app.test_client().get(f"{SENDER}/LOC%2F1", environ_overrides=environ)

    assert heard[0].url == f"{SENDER}/LOC%2F1"


def test_request_outside_of_ocpi_is_none(ocpi_app, heard):
    ocpi_app.add_url_rule("/own", "own", lambda: "hello")

    ocpi_app.test_client().get("/own")
    ocpi_app.test_client().get("/nowhere")

    assert heard == []


def test_request_without_an_answer_is_a_failed_message(ocpi, ocpi_other, ocpi_network, heard):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    heard.clear()

    def cut(request):
        raise UnreachableError("The line was cut.")

    ocpi_network.before_send = cut
    with pytest.raises(UnreachableError):
        ocpi.client(there).locations.get("LOC1")

    (message,) = heard
    assert (message.http_status, message.status_code, message.failed) == (0, None, True)
    assert (message.error, message.platform) == ("The line was cut.", there.id)
    assert message.operation == "sender_get_location"


@pytest.mark.parametrize(
    ("answer", "error", "codes"),
    [
        (lambda: Response("<html>"), InvalidResponseError, (200, None)),
        (lambda: Response("<html>", 502), RefusedError, (502, None)),
        (lambda: Response(b'{"status_code":2001}'), RefusedError, (200, 2001)),
    ],
    ids=["no envelope", "gateway", "refused"],
)
def test_answer_that_is_no_success_is_a_failed_message(ocpi, ocpi_network, heard, answer, error, codes):
    peer = Peer(ocpi_network)
    peer.answers["GET /versions"] = answer

    with pytest.raises(error) as raised:
        ocpi.partners.register(peer.url, "token-of-the-peer")

    (message,) = heard
    assert (message.http_status, message.status_code, message.failed) == (*codes, True)
    assert message.error == str(raised.value)


def test_listener_that_fails_fails_no_request(ocpi_app, ocpi_client, heard, caplog):
    def fail(app, message):
        raise RuntimeError("on purpose")

    message_exchanged.connect(fail, ocpi_app)
    try:
        answer = ocpi_client.get(SENDER)
    finally:
        message_exchanged.disconnect(fail, ocpi_app)

    assert answer.status_code == 1000
    assert len(heard) == 1
    assert "A listener of ocpi.message-exchanged failed" in caplog.text


def test_message_that_cannot_be_made_fails_no_request(ocpi, ocpi_other, ocpi_network, monkeypatch, caplog):
    ocpi_network.connect(ocpi, ocpi_other)
    for platform in (ocpi, ocpi_other):
        monkeypatch.setattr(platform.services.traffic, "is_wanted", lambda failed: True)
        for tell in ("tell", "tell_briefly"):
            monkeypatch.setattr(platform.services.traffic, tell, lambda *_, **__: 1 / 0)

    assert list(ocpi.client("FR-OTH").locations.list()) == []

    assert caplog.text.count("The journal could not be told of GET") == 2


@pytest.mark.parametrize("mode", ["off", "errors"])
def test_nothing_is_made_of_a_success_that_nobody_looks_at(ocpi_network, ocpi_other, monkeypatch, mode):
    ocpi = ocpi_network.add("quiet.example", [("NL", "QUI", ["CPO"])], config={"OCPI_JOURNAL": mode})
    made = []
    monkeypatch.setattr(type(ocpi.services.traffic), "tell", lambda *a, **k: made.append(a))

    ocpi_network.connect(ocpi, ocpi_other)

    assert (made, kept(ocpi)) == ([], [])


def test_nothing_is_noted_where_the_journal_is_off_and_nobody_listens(ocpi_network):
    ocpi = ocpi_network.add("quiet.example", [("NL", "QUI", ["CPO"])], config={"OCPI_JOURNAL": "off"})

    assert ocpi.services.traffic.now() == 0


def test_listeners_get_no_bodies_of_what_the_journal_does_not_keep(ocpi, ocpi_client, heard):
    ocpi_client.put(COPY, documents.location(country_code="DE", party_id="CPO"))

    assert (heard[0].request_body, heard[0].response_body, dict(heard[0].request_headers)) == (b"", b"", {})
    assert heard[0].request_bytes > 0


def test_compact_journal_keeps_bodies_of_failures_only(ocpi_network):
    config = {"OCPI_JOURNAL": "compact"}
    ocpi = ocpi_network.add("compact.example", [("NL", "CMP", ["EMSP"])], config=config)
    partner = add_partner(ocpi.app, [("DE", "CPO", ["CPO"])])
    location = documents.location(country_code="DE", party_id="CPO")

    partner.put(COPY, location)
    partner.put(COPY, {**location, "last_updated": "yesterday"})

    success, failure = kept(ocpi)
    assert (success.request_body, dict(success.request_headers), success.request_whole) == (b"", {}, False)
    assert success.request_bytes == len(orjson.dumps(location))
    assert orjson.loads(failure.request_body)["last_updated"] == "yesterday"
    assert failure.request_headers
    assert failure.request_whole


def test_compact_journal_sees_the_same_with_and_without_a_listener(ocpi, ocpi_client, ocpi_app):
    location = documents.location(country_code="DE", party_id="CPO")
    ocpi_client.put(COPY, location, headers=IDS)

    with message_exchanged.connected_to(lambda *_, **__: None, ocpi_app):
        ocpi_client.put(COPY, location, headers=IDS)

    first, second = [replace(message, duration=0, http_status=200) for message in kept(ocpi)]
    assert first == second


def test_body_is_read_once_also_by_a_listener_of_the_object(ocpi_network, ocpi_other):
    config = {"OCPI_JOURNAL": "all"}
    ocpi = ocpi_network.add("all.example", [("NL", "ALL", ["EMSP"])], config=config)
    ocpi_network.connect(ocpi_other, ocpi)
    location = documents.location(country_code="FR", party_id="OTH")
    received = []
    object_received.connect(lambda app, document, **_: received.append(document), weak=False)

    ocpi_other.save("locations", location)
    ocpi_other.push("locations", "LOC1")

    message = kept(ocpi)[-1]
    assert orjson.loads(message.request_body) == received[-1] == location
    assert message.request_whole
    assert message.response_whole
