"""Requests and answers made to exhaust or to crash: each is refused in the envelope, or as an answer of no use."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from typing import Any

import orjson
import pytest
from flask import Response

from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import parse_envelope
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token as card
from flask_ocpi.testing.network import Network
from tests.conformance.sharing import COPY
from tests.conformance.sharing import SENDER
from tests.conformance.sharing import check
from tests.conformance.sharing import theirs
from tests.peers import TIMESTAMP
from tests.peers import Peer
from tests.urls import ocpi_url

HOOKED = ocpi_url("sender/tokens/012345/authorize")


def nested(depth: int, shape: str = "[") -> str:
    return "[" * depth + "]" * depth if shape == "[" else '{"a":' * depth + "1" + "}" * depth


def deep(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


# Requests.


@pytest.mark.parametrize("depth", [1_025, 100_000, 1_000_000])
@pytest.mark.parametrize("shape", ["[", "{"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_nested_deeper_than_any_parser_goes_is_answered_400(ocpi, ocpi_client, method, shape, depth):
    body = orjson.dumps(theirs())[:-1] + b',"x":' + nested(depth, shape)[: 4 * 1024 * 1024 - 2_000].encode() + b"}"

    check(ocpi_client.open(method, COPY, data=body), 400, 2001)
    assert not list(ocpi.objects.documents("locations", copies=True))


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "gzip, identity", "identity, gzip", "x" * 5_000])
def test_a_compressed_body_is_not_inflated(ocpi_client, monkeypatch, encoding):
    body = gzip.compress(b" " * 100_000_000)
    for name in ("decompress", "decompressobj"):
        monkeypatch.setattr(zlib, name, lambda *_, **__: pytest.fail("The body was inflated."))

    answer = ocpi_client.put(COPY, data=body, headers={"Content-Encoding": encoding})

    check(answer, 415, 2001)
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity ", ""])
def test_a_body_that_is_declared_as_it_is_is_taken(ocpi_client, encoding):
    assert ocpi_client.put(COPY, theirs(), headers={"Content-Encoding": encoding}).http_status == 201


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "1" + "0" * 5_000, "-" + "9" * 5_000, "0." + "1" * 100_000, "1e-99999999999"]
)
@pytest.mark.parametrize(
    "place",
    [lambda n: {"evses": n}, lambda n: {"coordinates": {"latitude": n}}, lambda n: {"publish": n}, lambda n: {"x": n}],
    ids=["list", "nested", "known", "unknown"],
)
def test_numbers_of_any_size_are_answered(ocpi_client, number, place):
    body = orjson.dumps({**theirs(), **place("NUMBER")}).replace(b'"NUMBER"', number.encode())

    answer = ocpi_client.put(COPY, data=body)

    assert (answer.http_status, answer.status_code) in {(200, 2001), (201, 1000), (400, 2001)}
    assert len(answer.body) < 5_000


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"p{number}=1" for number in range(20_000)),
        "offset=" + "1" * 60_000,
        "limit=1e999",
        "date_from=" + "2024-" * 10_000,
        "cursor=" + "1." * 30_000,
        "offset=0&" * 10_000,
        "%00=%ff&" * 5_000,
    ],
    ids=["many", "digits", "float", "date", "cursor", "repeated", "bytes"],
)
def test_queries_of_any_length_are_answered(ocpi_client, query):
    answer = ocpi_client.get(SENDER, query_string=query)

    assert (answer.http_status, answer.status_code) in {(200, 1000), (200, 2001)}
    assert len(answer.body) < 5_000


@pytest.mark.parametrize("name", ["Authorization", "OCPI-from-party-id", "Content-Type", "X-Correlation-ID"])
def test_headers_of_any_length_are_answered(ocpi_client, name):
    answer = ocpi_client.put(COPY, theirs(), headers={name: "x" * 60_000})

    assert answer.http_status in {200, 201, 401, 415}
    assert len(answer.body) < 5_000


def test_a_body_of_a_million_items_is_answered(ocpi_client):
    body = orjson.dumps(theirs())[:-1] + b',"x":[' + b"0," * 1_000_000 + b"0]}"

    assert ocpi_client.put(COPY, data=body).http_status == 201


@pytest.mark.parametrize("body", ['{"id":"\\ud800"}', '"\\udfff"', '{"\\ud800":1}'])
def test_half_a_character_is_answered_400(ocpi_client, body):
    check(ocpi_client.put(COPY, data=body), 400, 2001)


@pytest.mark.parametrize("ocpi_config", [{"OCPI_MAX_DEPTH": 128}])
def test_the_deepest_nesting_that_can_be_set_is_stored_and_read(ocpi_client):
    body = orjson.dumps(theirs())[:-1] + b',"x":' + nested(128).encode() + b"}"

    assert ocpi_client.put(COPY, data=body).http_status == 201
    assert ocpi_client.get(COPY).data["x"] == deep(128)


def test_a_depth_that_could_not_be_written_again_cannot_be_set():
    with pytest.raises(ConfigurationError, match="OCPI_MAX_DEPTH must be 128 at the most"):
        Network().add("deep.example", [("NL", "ABC", ["CPO"])], config={"OCPI_MAX_DEPTH": 129})


# Answers of other platforms.


@pytest.mark.parametrize(
    "body",
    [
        b'{"status_code":1000,"data":' + nested(1_100).encode() + b"}",
        nested(1_000_000).encode(),
        b'{"status_code":1e999}',
        b'{"status_code":' + b"1" * 5_000 + b"}",
        b'{"status_code":1000,"data":"\\ud800"}',
        b'{"status_code":NaN}',
        b'{"status_code":true}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"",
    ],
    ids=["nested data", "nested", "infinite", "digits", "half a character", "NaN", "bool", "BOM", "bytes", "empty"],
)
def test_an_answer_that_is_no_envelope_is_refused(body):
    with pytest.raises(InvalidResponseError):
        parse_envelope(body, source="GET https://peer.example")


@pytest.mark.parametrize("depth", [33, 250, 300, 1_000])
def test_a_deeply_nested_property_in_a_list_is_left_out_and_the_objects_are_stored(ocpi, ocpi_network, depth):
    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["CPO"])])
    peer.endpoints.append(peer.endpoint("locations", "SENDER"))
    objects = [location(country_code="DE", party_id="PEE", id=id) for id in ("GOOD", "DEEP")]
    listed = orjson.dumps(objects)[:-2] + b',"x":' + nested(depth).encode() + b"}]"
    envelope = b'{"status_code":1000,"timestamp":"%s","data":%s}' % (TIMESTAMP.encode(), listed)
    peer.answers["GET /2.2.1/sender/locations"] = lambda: Response(envelope, mimetype="application/json")
    platform = ocpi.partners.register(peer.url, "token-a")

    ocpi.pull("locations", platform)
    ocpi.sync(platform, ["locations"])

    found = list(ocpi.objects.documents("locations", copies=True))
    assert {document["id"] for document in found} == {"GOOD", "DEEP"}
    assert not any("x" in document for document in found)


@pytest.mark.parametrize("depth", [250, 300, 1_000])
def test_a_refusal_that_is_passed_on_is_answered_however_deep_its_data_is(ocpi, ocpi_client, depth):
    @ocpi.authorizer
    def pass_on(*_: Any) -> Any:
        raise RefusedError("Refused.", status_code=2002, http_status=200, data=deep(depth))

    ocpi.save("tokens", card(country_code="NL", party_id="ABC", uid="012345", whitelist="NEVER"))

    answer = ocpi_client.post(HOOKED)

    assert (answer.http_status, answer.status_code) == (200, 2002)
    assert answer.data == (deep(depth) if depth < 254 else None)


def test_a_link_of_any_form_is_read_in_one_go():
    """A pattern that goes back and forth over one would take hours: the process is ended after two minutes."""
    code = r"""
from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import parameters_of

MANY = 2 * 10**5
LINKS = ["<" * MANY, "<>;" * MANY, '<x>; rel="' * MANY, "<x>;" + " " * MANY, "<x>; rel" * MANY]
LINKS += [",;" * MANY, '"' * MANY, '<x>; rel="' + '\\"' * MANY, "=" * MANY, "<x>;a=" * MANY, "x" * MANY + "<"]
LINKS += ["<x>" + ";" * MANY, "<x>;" + "a =" * MANY, "&lt;" * MANY, "<x>" * MANY, " " * MANY + "<", "<>" + "," * MANY]
LINKS += ["<?" + "a=1&" * MANY, "<?" + "&amp;" * MANY + ">", "<?" + "%" * MANY + ">; rel=next"]
print([len(next_target(link) or "") for link in LINKS])
print(sum(len(parameters_of(next_target(link) or "", ())) for link in LINKS))
"""

    read = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    lengths, parameters = read.stdout.splitlines()
    assert len(json.loads(lengths)) == 20
    assert int(parameters) <= 300


def test_a_link_is_read_behind_one_that_is_broken():
    link = '<https://peer.example/broken, <https://peer.example/?offset=2>; rel="next"'

    assert next_target(link) == "https://peer.example/?offset=2"
