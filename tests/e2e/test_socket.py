"""The rim over real sockets, behind the servers that people use: what a test client cannot show."""

from __future__ import annotations

import http.client
import importlib.util
import queue
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from urllib.parse import unquote
from urllib.parse import urlencode

import orjson
import pytest

from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import start_session
from tests.e2e.socket_servers import NAMES
from tests.e2e.socket_servers import SECONDS
from tests.e2e.socket_servers import running
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO")
TEN_MEGABYTES = b"x" * 10 * 1024 * 1024


@pytest.fixture(scope="module", params=NAMES)
def server(request, tmp_path_factory):
    """A server of each kind in turn; what is not installed is left out."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed.")
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


def envelope(body):
    found = orjson.loads(body)
    assert {"status_code", "timestamp"} <= set(found)
    return found


@pytest.mark.conformance("T-42")
@pytest.mark.parametrize("path", [f"{SENDER}/A%2FB", f"{SENDER}/A%2fB/EVSE1/1"])
def test_an_encoded_slash_stays_in_the_identifier(server, path):
    # Granian hands over the decoded path alone: there a proxy has to send the other one along.
    headers = {"X-Original-URI": path} if server.name == "granian" else {}

    status, _, body = server.ask("GET", path, headers=headers)

    assert (status, envelope(body)["status_code"]) == (200, 1000)
    assert envelope(body)["data"]["id"] in ("A/B", "1")


@pytest.mark.conformance("T-42")
@pytest.mark.parametrize("path", [f"{SENDER}/A%2FB", f"{SENDER}/A/B"], ids=["encoded", "plain"])
def test_a_slash_that_is_not_known_to_be_encoded_parts_segments(server, path):
    status, _, body = server.ask("GET", path, headers={"X-Original-URI": "/elsewhere%2F"})

    if path.endswith("%2FB") and server.name != "granian":
        assert (status, envelope(body)["data"]["id"]) == (200, "A/B")
    else:
        assert (status, envelope(body)["status_code"]) == (404, 2003)


@pytest.mark.conformance("T-42", "TYP-01")
@pytest.mark.parametrize("segment", ["a%20b", "a%3Fb", "a%23b", "100%25", "*a+b;c=d@:!$&'(),"])
def test_identifiers_pass_through(server, segment):
    id = unquote(segment)
    body = orjson.dumps(location(country_code="DE", party_id="CPO", id=id))

    statuses = [server.ask("PUT", f"{COPY}/{segment}", body=body)[0] for _ in range(2)]
    _, _, found = server.ask("GET", f"{COPY}/{segment}")

    assert statuses[-1] == 200
    assert envelope(found)["data"]["id"] == id


@pytest.mark.conformance("T-26")
@pytest.mark.parametrize("authorized", [True, False], ids=["token", "no token"])
def test_ten_megabytes_are_answered_and_the_answer_can_be_read(server, authorized):
    headers = {} if authorized else {"Authorization": "Token wrong"}

    status, _, body = server.ask("PUT", f"{COPY}/LOC1", body=TEN_MEGABYTES, headers=headers)

    assert (status, envelope(body)["status_code"]) == ((413, 2001) if authorized else (401, 2000))


@pytest.mark.conformance("T-26")
@pytest.mark.parametrize(
    ("path", "expected"),
    [(SENDER, 405), ("/ocpi/nothing", 404), (f"{COPY.replace('CPO', 'XXX')}/LOC1", 404)],
    ids=["405", "404", "not owned"],
)
def test_refusals_before_the_body_is_read_can_be_read(server, path, expected):
    status, _, body = server.ask("PUT", path, body=TEN_MEGABYTES)

    assert status == expected
    assert envelope(body)["status_code"] in (2000, 2001)


@pytest.mark.conformance("T-26")
def test_a_chunked_body_is_limited_too(server):
    def chunks():
        for _ in range(160):
            yield b"x" * 65536

    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as connection:
        status, _, body = server.ask_on(connection, "PUT", f"{COPY}/LOC1", body=chunks())

    assert (status, envelope(body)["status_code"]) == (413, 2001)


@pytest.mark.conformance("T-02")
def test_a_chunked_body_is_read(server):
    document = orjson.dumps(location(country_code="DE", party_id="CPO", id="CHUNKED"))

    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as connection:
        status, _, _ = server.ask_on(connection, "PUT", f"{COPY}/CHUNKED", body=iter([document[:50], document[50:]]))
    _, _, found = server.ask("GET", f"{COPY}/CHUNKED")

    assert status == 201
    assert envelope(found)["data"]["id"] == "CHUNKED"


@pytest.mark.conformance("T-40")
@pytest.mark.parametrize("path", ["/ocpi/versions", ocpi_url(), SENDER, f"{SENDER}/LOC1"])
def test_a_trailing_slash_is_no_redirect(server, path):
    answers = [server.ask("GET", path + slash) for slash in ("", "/")]

    assert [answer[0] for answer in answers] == [200, 200]
    assert envelope(answers[0][2])["data"] == envelope(answers[1][2])["data"]


@pytest.mark.conformance("T-40")
def test_a_put_to_a_trailing_slash_keeps_its_body(server):
    body = orjson.dumps(location(country_code="DE", party_id="CPO", id="SLASH"))

    status, _, answer = server.ask("PUT", f"{COPY}/SLASH/", body=body)

    assert (status, envelope(answer)["status_code"]) == (201, 1000)


@pytest.mark.conformance("T-13")
def test_head_has_headers_and_no_body(server):
    _, get, _ = server.ask("GET", SENDER)

    status, head, body = server.ask("HEAD", SENDER)

    assert (status, body) == (200, b"")
    assert head["X-Total-Count"] == get["X-Total-Count"] == "2"
    assert head["Content-Type"] == "application/json"


@pytest.mark.conformance("T-13")
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "BREW"])
def test_unknown_methods_are_answered_in_the_envelope(server, method):
    status, headers, body = server.ask(method, SENDER)

    assert (status, headers["Allow"]) == (405, "GET")
    assert envelope(body)["status_code"] == 2000


@pytest.mark.conformance("MID-08", "RT-24")
def test_lower_case_header_names_are_read(server):
    lines = [
        f"GET {SENDER} HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: {authorization(server.token)}",
        "x-request-id: r1",
        "x-correlation-id: c1",
        "ocpi-from-country-code: de",
        "ocpi-from-party-id: ems",
        "connection: close",
    ]
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()

    assert (answer.status, envelope(body)["status_code"]) == (200, 1000)
    assert (answer.headers["X-Request-ID"], answer.headers["X-Correlation-ID"]) == ("r1", "c1")
    assert (answer.headers["OCPI-to-country-code"], answer.headers["OCPI-to-party-id"]) == ("de", "ems")


@pytest.mark.conformance("A-06", "T-26")
def test_a_connection_goes_on_after_a_refusal(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as connection:
        refused = server.ask_on(connection, "PUT", f"{COPY}/LOC1", body=b"x" * 5_000_000)
        served = server.ask_on(connection, "GET", "/ocpi/versions")

    assert (refused[0], served[0]) == (413, 200)


@pytest.mark.conformance("PAG-07")
def test_the_link_of_a_page_leads_to_the_next_one(server):
    _, headers, _ = server.ask("GET", f"{SENDER}?limit=1")
    following = headers["Link"][1:].split(">")[0]

    assert following.startswith(f"http://127.0.0.1:{server.port}{SENDER}?")
    _, last, body = server.ask("GET", following.removeprefix(f"http://127.0.0.1:{server.port}"))
    assert [item["id"] for item in envelope(body)["data"]] == ["A/B"]
    assert "Link" not in last


class Results(ThreadingHTTPServer):
    """Takes the results of commands, one at a time; answers once it is allowed to."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ResultHandler)
        self.allowed = threading.Event()
        self.taken = queue.Queue()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/results/1?a=b&c=%2F"


class ResultHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.server.allowed.wait(SECONDS)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status_code":1000,"timestamp":"2026-01-01T12:00:00Z"}')
        self.server.taken.put((allowed, self.path, self.headers, orjson.loads(body)))

    def log_message(self, *arguments):
        """Keep the requests out of the report."""


@pytest.fixture
def results():
    with Results() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.allowed.set()
            server.shutdown()
            thread.join()


@pytest.mark.conformance("CMD-06", "CMD-08", "CMD-09", "CMD-31", "RT-27")
def test_the_result_of_a_command_is_sent_when_its_answer_has_been_read(server, results):
    body = orjson.dumps(start_session(response_url=results.url))
    routing = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "EMS"}

    # The platform sends the result in the thread that answers; before the answer, this would wait in vain for it.
    status, _, answer = server.ask("POST", ocpi_url("receiver/commands/START_SESSION"), body=body, headers=routing)
    results.allowed.set()
    allowed, path, headers, result = results.taken.get(timeout=SECONDS)

    assert (status, envelope(answer)["data"]["result"]) == (200, "ACCEPTED")
    assert allowed
    assert (path, result) == ("/results/1?a=b&c=%2F", {"result": "ACCEPTED"})
    assert headers["Authorization"] == authorization("token-of-the-partner")
    assert (headers["OCPI-to-country-code"], headers["OCPI-to-party-id"]) == ("DE", "EMS")


@pytest.mark.conformance("T-13", "CHP-01")
def test_head_asks_no_charge_point(server, results):
    results.allowed.set()
    query = urlencode({"duration": 900, "response_url": results.url})
    path = ocpi_url(f"receiver/chargingprofiles/SES1?{query}")

    status, headers, body = server.ask("HEAD", path)
    asked, _, _ = server.ask("GET", path)
    _, _, _, result = results.taken.get(timeout=SECONDS)

    assert (status, body, headers["Allow"]) == (405, b"", "GET, PUT, DELETE")
    assert (asked, result) == (200, {"result": "REJECTED"})
    assert results.taken.empty()
