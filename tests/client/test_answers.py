"""What answers of other platforms mean: the HTTP status and the envelope, redirects, and what errors show of them."""

from __future__ import annotations

import re

import orjson
import pytest
from flask import Response

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.addresses import moved_by_slash
from flask_ocpi.client.wire import Answers
from flask_ocpi.client.wire import Response as Received
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import Peer
from tests.peers import answer
from tests.peers import noted_by

PUT = "PUT /2.2.1/receiver/locations/NL/ABC/LOC1"
GET = "GET /2.2.1/receiver/locations/NL/ABC/LOC1"
POST = "POST /2.2.1/receiver/cdrs"
DELETE = "DELETE /2.2.1/receiver/tariffs/NL/ABC/TARIFF1"
SECRET = "a-token-that-nobody-sees"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network("tolerant")


@pytest.fixture
def peer(ocpi_network):
    peer = Peer(ocpi_network)
    peer.endpoints[1:] = [peer.endpoint(module, "RECEIVER") for module in ("cdrs", "locations", "sessions", "tariffs")]
    return peer


@pytest.fixture
def client(ocpi, ocpi_network, peer):
    platform = ocpi.partners.register(peer.url, "token-a")
    ocpi_network.requests.clear()
    return ocpi.client(platform)


@pytest.fixture
def strict_client(ocpi, client):
    object.__setattr__(ocpi.services.settings, "receive", "strict")
    yield ocpi.client(client.platform)
    object.__setattr__(ocpi.services.settings, "receive", "tolerant")


@pytest.fixture
def found(ocpi, monkeypatch):
    """The findings that are noted."""
    return noted_by(ocpi, monkeypatch)


def sent(network):
    return [(request.method, request.url.removeprefix("https://peer.example/2.2.1")) for request in network.requests]


# Writes count by their HTTP status when the body says nothing.

BODIES = [
    (200, b""),
    (201, b""),
    (202, b"Accepted"),
    (204, b""),
    (200, b"<html>ok</html>"),
    (200, b"{}"),
    (200, b"[]"),
    (200, b"null"),
    (200, b'{"success": true}'),
    (200, b'{"status_code": null}'),
    (201, b"\xff\xfe\x00"),
]


@pytest.mark.parametrize(("http_status", "body"), BODIES, ids=repr)
@pytest.mark.parametrize("name", [PUT, POST, DELETE])
def test_write_is_done_when_its_status_says_so(client, peer, found, name, http_status, body):
    peer.answers[name] = lambda: Response(body, http_status)
    calls = {
        PUT: lambda: client.locations.put(location()),
        POST: lambda: client.cdrs.post(cdr()),
        DELETE: lambda: client.tariffs.delete("TARIFF1"),
    }

    done = calls[name]()

    assert (done.data, done.status_code, done.http_status) == (None, 1000, http_status)
    assert [(finding.kind, finding.refused) for finding in found] == [("no_envelope", False)]


@pytest.mark.parametrize("body", [b'{"status_code": 2001}', b'{"status_code": "3000"}', b'{"status_code": 0}'])
def test_write_is_not_done_where_the_envelope_says_so(client, peer, body):
    peer.answers[PUT] = lambda: Response(body, 200)

    with pytest.raises(RefusedError):
        client.locations.put(location())


@pytest.mark.parametrize(("http_status", "body"), BODIES, ids=repr)
def test_answer_to_a_read_needs_an_envelope(client, peer, http_status, body):
    peer.answers[GET] = lambda: Response(body, http_status)

    with pytest.raises(InvalidResponseError):
        client.locations.get_copy("LOC1")


MENDED = pytest.mark.parametrize(
    "body",
    [
        BYTE_ORDER_MARK + b'{"status_code": 1000, "data": %s}',
        b'{"status_code": "1000", "data": %s}',
        b'{"status_code": " 1000 ", "data": %s}',
        BYTE_ORDER_MARK + b'{"data": %s, "status_code": "1999"}',
    ],
    ids=["BOM", "text", "blanks", "both"],
)


@MENDED
def test_envelope_is_understood(client, peer, found, body):
    peer.answers[GET] = lambda: Response(body % orjson.dumps(location()))

    assert client.locations.get_copy("LOC1") == location()
    assert [finding.kind for finding in found] == ["envelope"]


@MENDED
def test_strict_mode_takes_an_envelope_by_the_letter(strict_client, peer, body):
    peer.answers[GET] = lambda: Response(body % orjson.dumps(location()))

    with pytest.raises(InvalidResponseError):
        strict_client.locations.get_copy("LOC1")


def test_strict_mode_wants_an_envelope_for_a_write(strict_client, peer):
    peer.answers[PUT] = lambda: Response(b"", 204)

    with pytest.raises(InvalidResponseError):
        strict_client.locations.put(location())


@pytest.mark.parametrize("code", ['"a"', '"10.00"', '"-1000"', '""', '"1000000000000"', '"\u0661"', "true", "1000.0"])
def test_status_code_that_is_no_number_is_none(client, peer, code):
    peer.answers[GET] = lambda: Response(f'{{"status_code": {code}, "data": null}}')

    with pytest.raises(InvalidResponseError, match="no status_code"):
        client.locations.get_copy("LOC1")


# Redirects.


@pytest.mark.parametrize(
    ("url", "location", "moved"),
    [
        ("https://a.example/cdrs", "https://a.example/cdrs/", "https://a.example/cdrs/"),
        ("https://a.example/cdrs/", "https://a.example/cdrs", "https://a.example/cdrs"),
        ("https://a.example/cdrs", "/cdrs/", "https://a.example/cdrs/"),
        ("https://a.example/x/cdrs", "cdrs/", "https://a.example/x/cdrs/"),
        ("https://a.example/cdrs?x=1", "/cdrs/?x=1", "https://a.example/cdrs/?x=1"),
        ("https://a.example/cdrs?x=1", "/cdrs/", "https://a.example/cdrs/?x=1"),
        ("https://A.example:443/cdrs", "https://a.example/cdrs/", "https://A.example:443/cdrs/"),
        ("https://a.example/cdrs", "http://a.example/cdrs/", "https://a.example/cdrs/"),
        ("http://a.example/cdrs", "https://a.example/cdrs/", None),
        ("https://a.example/cdrs", "http://b.example/cdrs/", None),
        ("https://a.example/cdrs", "http://a.example:8080/cdrs/", None),
        ("https://a.example/cdrs", "https://a.example:444/cdrs/", None),
        ("https://a.example/cdrs", "https://user@b.example/cdrs/", None),
        ("https://a.example/cdrs", "//b.example/cdrs/", None),
        ("https://a.example/cdrs", "/cdr/", None),
        ("https://a.example/cdrs", "/cdrs", None),
        ("https://a.example/cdrs?x=1", "/cdrs/?x=2", None),
        ("https://a.example/cdrs", "https://[::1/cdrs/", None),
        ("https://a.example/cdrs", "", None),
        ("https://a.example/cdrs", None, None),
    ],
)
def test_what_is_the_same_but_for_a_slash(url, location, moved):
    assert moved_by_slash(url, location) == moved


@pytest.mark.parametrize("http_status", [301, 302, 307, 308])
@pytest.mark.parametrize("target", ["/2.2.1/receiver/cdrs/", "http://peer.example/2.2.1/receiver/cdrs/"])
def test_redirect_to_a_slash_is_followed_with_method_and_body(client, ocpi_network, peer, http_status, target):
    peer.answers[POST] = lambda: Response("", http_status, {"Location": target})

    client.cdrs.post(cdr())

    first, second = ocpi_network.requests
    assert sent(ocpi_network) == [("POST", "/receiver/cdrs"), ("POST", "/receiver/cdrs/")]
    assert (first.body, first.headers) == (second.body, second.headers)


def test_redirect_is_followed_once(client, ocpi_network, peer):
    peer.answers[POST] = lambda: Response("", 307, {"Location": "/2.2.1/receiver/cdrs/"})
    peer.answers[f"{POST}/"] = lambda: Response("", 307, {"Location": "/2.2.1/receiver/cdrs"})

    with pytest.raises(RefusedError, match=r"points to '/2\.2\.1/receiver/cdrs'"):
        client.cdrs.post(cdr())

    assert len(ocpi_network.requests) == 2


@pytest.mark.parametrize(
    ("http_status", "target"),
    [(302, "/login"), (307, "https://other.example/2.2.1/receiver/cdrs/"), (303, "/2.2.1/receiver/cdrs/")],
)
def test_any_other_redirect_names_its_target(client, ocpi_network, peer, http_status, target):
    peer.answers[POST] = lambda: Response("", http_status, {"Location": target})

    with pytest.raises(
        RefusedError, match=re.escape(f"HTTP {http_status} without an OCPI envelope and points to '{target}'")
    ):
        client.cdrs.post(cdr())

    assert len(ocpi_network.requests) == 1


@pytest.mark.parametrize(
    ("endpoint", "path", "query", "url"),
    [
        ("https://a.example/cdrs/", "", "", "https://a.example/cdrs/"),
        ("https://a.example/cdrs", "", "", "https://a.example/cdrs"),
        ("https://a.example/ocpi/", "/NL/ABC", "", "https://a.example/ocpi/NL/ABC"),
        ("https://a.example/ocpi?tenant=7", "/NL/ABC", "", "https://a.example/ocpi/NL/ABC?tenant=7"),
        ("https://a.example/ocpi/?tenant=7", "", "limit=5", "https://a.example/ocpi/?tenant=7&limit=5"),
        ("https://a.example/ocpi#part", "/NL", "type=RFID", "https://a.example/ocpi/NL?type=RFID"),
        ("https://a.example", "/NL%2F1", "", "https://a.example/NL%2F1"),
    ],
)
def test_url_below_an_endpoint(endpoint, path, query, url):
    assert joined(endpoint, path, query) == url


def test_slash_at_the_end_of_an_endpoint_and_its_query_stay(ocpi, ocpi_network, peer):
    peer.endpoints[1] = {"identifier": "cdrs", "role": "RECEIVER", "url": f"{peer.base}/cdrs/?tenant=7"}
    peer.endpoints[2] = {"identifier": "locations", "role": "RECEIVER", "url": f"{peer.base}/locations/?tenant=7"}
    client = ocpi.client(ocpi.partners.register(peer.url, "token-a"))
    ocpi_network.requests.clear()

    client.cdrs.post(cdr())
    client.locations.put(location())

    assert [request.url.removeprefix(peer.base) for request in ocpi_network.requests] == [
        "/cdrs/?tenant=7",
        "/locations/NL/ABC/LOC1?tenant=7",
    ]


# What errors show.


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("", "without an OCPI envelope."),
        ("Nope", "without an OCPI envelope: Nope."),
        ("<h1>\n  Bad\tGateway</h1>", "without an OCPI envelope: <h1> Bad Gateway</h1>."),
        ("x" * 900, f"without an OCPI envelope: {'x' * 200}."),
        (" " * 900 + "late", "without an OCPI envelope: late."),
        ("a\x1b[31mb\u202ec", "without an OCPI envelope: a?[31mb?c."),
        (b"\xff\xfebad", "without an OCPI envelope: \ufffd\ufffdbad."),
        ('{"detail": "Method Not Allowed"}', 'without an OCPI envelope: {"detail": "Method Not Allowed"}.'),
        ('{"token": "NEW-SECRET", "url": "u"}', 'without an OCPI envelope: {"token": "***", "url": "u"}.'),
        (f"You sent {SECRET} here", "without an OCPI envelope: You sent *** here."),
        (f"{authorization(SECRET)} is unknown", "without an OCPI envelope: Token *** is unknown."),
    ],
    ids=["empty", "text", "HTML", "long", "blanks", "control", "bytes", "JSON", "token", "our token", "our header"],
)
def test_foreign_body_is_shown_in_one_line_without_tokens(body, shown):
    spellings = (SECRET, authorization(SECRET).removeprefix("Token "))
    response = Received(502, {}, body.encode() if isinstance(body, str) else body, "")

    with pytest.raises(RefusedError) as caught:
        Answers(spellings).read("PUT", "PUT https://peer.example", response)

    assert str(caught.value) == f"PUT https://peer.example answered HTTP 502 {shown}"


def test_answer_to_a_read_is_shown_too():
    with pytest.raises(InvalidResponseError) as caught:
        Answers(()).read("GET", "GET https://peer.example", Received(200, {}, b"<p>Sorry</p>", ""))

    assert str(caught.value) == "GET https://peer.example (HTTP 200) did not answer with JSON: <p>Sorry</p>."


def test_message_of_a_refusal_and_a_target_do_not_repeat_our_token():
    answers = Answers((SECRET,))
    body = orjson.dumps({"status_code": 2001, "status_message": f"Bad token {SECRET}"})

    with pytest.raises(RefusedError) as caught:
        answers.read("PUT", "PUT https://peer.example", Received(400, {}, body, ""))
    moved = answers.refused("PUT https://peer.example", Received(302, {"Location": f"/login?t={SECRET}"}, b"", ""))

    assert SECRET not in f"{caught.value}{caught.value.status_message}{moved}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("3600", 3600),
        ("3601", 3600),
        ("1" * 400, 3600),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 3600),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0),
        ("Mon, 99 Jan 2027 00:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("\u0663", None),
        ("", None),
    ],
)
def test_platform_may_ask_for_an_hour_at_most(text, seconds):
    error = Answers(()).refused("PUT https://peer.example", Received(503, {"Retry-After": text}, b"", ""))

    assert error.retry_after == seconds


def test_broken_object_is_named_with_its_class_and_id(client, peer):
    peer.answers[GET] = lambda: answer({**location(), "coordinates": None})

    with pytest.raises(InvalidResponseError) as caught:
        client.locations.get_copy("LOC1")

    assert str(caught.value).startswith("peer-example answered get_location with an object that cannot be read.")
    assert "Invalid Location LOC1: coordinates" in str(caught.value)


def test_tariff_that_was_never_there_is_none_to_delete(client, peer):
    peer.answers[DELETE] = lambda: answer(None, status_code=2003, http_status=404)

    with pytest.raises(RefusedError) as caught:
        client.tariffs.delete(tariff()["id"])

    assert caught.value.http_status == 404
