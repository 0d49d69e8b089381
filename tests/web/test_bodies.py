"""How bodies come off the line, and what hooks of the host application may do with bodies and answers."""

from __future__ import annotations

import io

import orjson
import pytest
from flask import Flask
from flask import Response
from flask import request

from flask_ocpi import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.journal.conftest import kept
from tests.urls import ocpi_url

COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
DOCUMENT = location(country_code="DE", party_id="CPO")
BODY = orjson.dumps(DOCUMENT)


class Line:
    """A body as a server gives it: at most so many bytes at a time, and an end that may come too early."""

    def __init__(self, body, *, at_most=1_000_000):
        self._body = io.BytesIO(body)
        self._at_most = at_most
        self.asked = []

    def read(self, size=-1):
        self.asked.append(size)
        return self._body.read(min(size, self._at_most))


class Other(Response):
    """The host's own class of answers."""


@pytest.fixture(params=[Response, Other])
def host(request):
    host = Flask("host")
    host.response_class = request.param
    host.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
    host.config["SECRET_KEY"] = "s"
    return host


@pytest.fixture
def platform(host):
    OCPI(host, storage=MemoryStorage())
    return add_partner(host, [("DE", "CPO", ["CPO"])])


def put(host, partner, line, **server):
    """PUT what comes by a line, and is said to be as long as BODY; return the HTTP status and the answer.

    server: what else the server puts into WSGI's environ.
    """
    headers = {"Content-Type": "application/json", "Authorization": authorization(partner.token)}
    server |= {"wsgi.input": line, "CONTENT_LENGTH": str(len(BODY))}
    answer = host.test_client().put(COPY, headers=headers, environ_overrides=server)
    return answer.status_code, answer.get_json()


def stored(partner):
    return partner.get(COPY).data


@pytest.mark.parametrize("server", [{}, {"wsgi.input_terminated": True}], ids=["plain", "knows where bodies end"])
def test_a_body_is_taken_off_the_line_at_once(host, platform, server):
    line = Line(BODY)

    assert put(host, platform, line, **server)[0] == 201
    assert line.asked == [len(BODY)]
    assert stored(platform) == DOCUMENT


def test_a_body_in_pieces_is_put_together(host, platform):
    assert put(host, platform, Line(BODY, at_most=7))[0] == 201
    assert stored(platform) == DOCUMENT


def test_what_comes_behind_a_body_is_not_a_part_of_it(host, platform):
    assert put(host, platform, Line(BODY + b" {}"))[0] == 201
    assert stored(platform) == DOCUMENT


@pytest.mark.parametrize("error", [None, OSError("reset"), ValueError("closed")], ids=repr)
def test_a_body_that_ends_too_early_is_refused(host, platform, error):
    line = Line(BODY[:-1])
    if error is not None:

        def fail(size):
            raise error

        line.read = fail

    http_status, answer = put(host, platform, line)

    assert http_status == 400
    assert answer["status_code"] == 2000
    assert stored(platform) is None


def test_a_body_that_is_too_long_is_not_read(host):
    host.config["OCPI_MAX_BODY_BYTES"] = len(BODY) - 1
    OCPI(host, storage=MemoryStorage())
    partner = add_partner(host, [("DE", "CPO", ["CPO"])])

    assert put(host, partner, Line(BODY))[0] == 413
    assert stored(partner) is None


@pytest.mark.parametrize(
    "look",
    [lambda: request.get_data(), lambda: request.get_json(), lambda: request.stream, lambda: request.form],
    ids=["get_data", "get_json", "stream", "form"],
)
def test_the_host_may_look_at_a_body_first(host, look):
    def look_at_a_put():
        if request.method == "PUT":
            look()

    host.before_request(look_at_a_put)
    OCPI(host, storage=MemoryStorage())
    partner = add_partner(host, [("DE", "CPO", ["CPO"])])

    assert put(host, partner, Line(BODY))[0] == 201
    assert stored(partner) == DOCUMENT


def test_the_host_finds_the_end_of_a_body_that_was_read(host):
    left = []
    host.after_request(lambda response: (left.append(request.get_data()), response)[1])
    OCPI(host, storage=MemoryStorage())
    partner = add_partner(host, [("DE", "CPO", ["CPO"])])

    assert put(host, partner, Line(BODY))[0] == 201
    assert left[0] == b""


def test_the_host_may_make_another_answer_of_one(host):
    def change(response):
        if request.method == "PUT":
            response.status_code = 204
        else:
            response.set_data(response.get_data().replace(b"LOC1", b"LOCATION1"))
        return response

    host.after_request(change)
    OCPI(host, storage=MemoryStorage())
    partner = add_partner(host, [("DE", "CPO", ["CPO"])])
    headers = {"Content-Type": "application/json", "Authorization": authorization(partner.token)}

    answer = host.test_client().put(COPY, headers=headers, data=BODY)

    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Length" not in answer.headers
    got = host.test_client().get(COPY, headers=headers)
    assert got.get_json()["data"]["id"] == "LOCATION1"
    assert int(got.headers["Content-Length"]) == len(got.data)


def test_a_failure_that_the_host_made_of_an_answer_is_kept_in_the_journal(host):
    def change(response):
        response.status_code = 503
        return response

    host.after_request(change)
    host.config["OCPI_JOURNAL"] = "errors"
    ocpi = OCPI(host, storage=MemoryStorage())
    partner = add_partner(host, [("DE", "CPO", ["CPO"])])

    partner.get("/ocpi/versions")
    ocpi.journal.flush()

    assert [message.http_status for message in kept(ocpi)] == [503]
