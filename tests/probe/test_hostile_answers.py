"""Whatever a platform answers, the probe ends with a report."""

from __future__ import annotations

import random

import orjson
import pytest

from flask_ocpi.client.probe.session import MOST_REQUESTS
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.errors import UnreachableError
from tests.probe.conftest import told
from tests.probe.conftest import with_body

VALUES = [
    None, True, 0, -1, 1e300, 10**30, "", "x", "2.2.1", "https://[", "https://x:port/", "\u202e",
    [], {}, [None], [[]], {"x": {}}, [{}],
]  # fmt: skip
HEADERS = ("", "<", "-1", "x" * 400, "<%>; rel=next", '<https://[>; rel="next"')


def spoilt(value: object, chance: random.Random, share: float) -> object:
    """Return a JSON value in which some values are others, or missing."""
    if chance.random() < share:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        kept = [name for name in value if chance.random() >= share / 2]
        return {name: spoilt(value[name], chance, share) for name in kept}
    if isinstance(value, list):
        return [spoilt(item, chance, share) for item in value]
    return value


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_the_probe_reports_on_spoilt_answers(pair, seed, share):
    chance = random.Random(seed)

    def spoil(request: Request, response: Response) -> Response:
        text = dumped(spoilt(orjson.loads(response.body), chance, share))
        headers = {
            name: chance.choice(HEADERS) if chance.random() < share else value
            for name, value in dict(response.headers).items()
            if chance.random() >= share
        }
        status = chance.choice((200, 204, 301, 400, 500)) if chance.random() < share else response.status
        return Response(status, headers, text, response.url)

    pair.change(spoil)

    report = pair.probe()

    assert len(report.results) >= 60
    assert report.requests <= MOST_REQUESTS


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"x"', b"<html>", b"\xff", b"[" * 5000])
def test_the_probe_reports_on_other_bodies(pair, body):
    pair.change(lambda request, response: with_body(response, body))

    report = pair.probe()

    assert not report.ok
    assert report.requests < 30


def test_the_probe_stops_after_three_requests_without_an_answer(pair):
    def cut(request: Request) -> None:
        raise UnreachableError("The connection was refused.")

    pair.network.before_send = cut

    report = pair.probe()

    assert report.requests == 3
    assert any("did not answer 3 requests in a row" in line for line in told(report, "SKIP"))
    assert not report.ok


def test_the_token_is_in_no_report_even_if_the_platform_repeats_it(pair):
    token = pair.ours.services.platforms.cipher.decrypt(pair.ours.partners.find("theirs-example").token)

    def repeat(request: Request, response: Response) -> Response:
        said = f"Unknown {request.headers.get('Authorization')} or {token}"
        return with_body(response, {"status_code": 2000, "status_message": said, "timestamp": ""}, status=400)

    pair.change(repeat)

    text = orjson.dumps(pair.probe().to_dict()).decode()

    assert token not in text
    assert "***" in text


@pytest.mark.parametrize("length", range(60, 150, 10))
def test_no_report_has_the_beginning_of_the_token_where_a_text_is_cut(pair, length):
    token = pair.ours.services.platforms.cipher.decrypt(pair.ours.partners.find("theirs-example").token)

    def repeat(request: Request, response: Response) -> Response:
        body = {"status_code": 2000, "status_message": f"{'x' * length} {token}", "timestamp": ""}
        return with_body(response, body, status=400)

    pair.change(repeat)

    assert token[:12] not in orjson.dumps(pair.probe().to_dict()).decode()


@pytest.mark.parametrize("is_bare", [True, False])
def test_no_report_has_another_token_of_the_credentials(pair, is_bare):
    credentials = {"token": "another-token-of-ours", "url": "https://theirs.example/?token=another-token-of-ours"}

    def answer(request: Request, response: Response) -> Response:
        if "credentials" not in request.url:
            return response
        return with_body(response, credentials if is_bare else {**orjson.loads(response.body), "data": credentials})

    pair.change(answer)

    text = orjson.dumps(pair.probe().to_dict()).decode()

    assert "another-token-of-ours" not in text
    assert "***" in text


def dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits
        return b'{"status_code":1000,"data":[1e999]}'
