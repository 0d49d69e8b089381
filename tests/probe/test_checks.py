"""Each check finds the flaw that it is for: a platform is broken in exactly one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import CHECKS
from flask_ocpi.client.probe.session import Session
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.errors import UnreachableError
from tests.probe.conftest import OURS
from tests.probe.conftest import THEIRS
from tests.probe.conftest import Pair
from tests.probe.conftest import body_of
from tests.probe.conftest import outcomes
from tests.probe.conftest import register
from tests.probe.conftest import told
from tests.probe.conftest import with_body
from tests.probe.conftest import with_headers

Change = Callable[[Request, Response], Response]


@dataclass
class Broken:
    """A change of the answers to some requests. change: gets the answer and the request, and returns another answer."""

    wanted: Callable[[Request], bool]
    change: Callable[[Response, Request], Response]

    def __call__(self, request: Request, response: Response) -> Response:
        return self.change(response, request) if self.wanted(request) else response


def path(request: Request) -> str:
    return urlsplit(request.url).path


def asked(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def data_of(wanted: Callable[[Request], bool], change: Callable[[Any], Any]) -> Broken:
    """Change the data of answers."""
    return Broken(
        wanted,
        lambda response, request: with_data(response, change) if response.status == 200 else response,
    )


def with_data(response: Response, change: Callable[[Any], Any]) -> Response:
    body = body_of(response)
    return with_body(response, {**body, "data": change(body.get("data"))})


def item_of(wanted: Callable[[Request], bool], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Broken:
    """Change each object of lists."""
    return data_of(wanted, lambda data: [change(item) for item in data])


def header_of(wanted: Callable[[Request], bool], **headers: str | None) -> Broken:
    """Change headers of answers."""
    return Broken(wanted, lambda response, request: with_headers(response, **headers))


def refused(wanted: Callable[[Request], bool], status: int, code: int = 2000) -> Broken:
    body = {"status_code": code, "status_message": "No.", "timestamp": "2026-01-01T12:00:00Z"}
    return Broken(wanted, lambda response, request: with_body(response, body, status=status))


def versions(request: Request) -> bool:
    return path(request) == "/ocpi/versions"


def details(request: Request) -> bool:
    return path(request) == "/ocpi/2.2.1"


def credentials(request: Request) -> bool:
    return path(request).endswith("/credentials")


def listed(request: Request) -> bool:
    return path(request) == "/ocpi/2.2.1/sender/locations"


def first(request: Request) -> bool:
    return listed(request) and set(asked(request)) == {"limit"}


def second(request: Request) -> bool:
    return listed(request) and asked(request).get("offset") == "5"


def last(request: Request) -> bool:
    return listed(request) and asked(request).get("offset") == "11"


def dated(request: Request) -> bool:
    return listed(request) and "date_from" in asked(request) and asked(request)["date_from"] != "yesterday"


def single(request: Request) -> bool:
    return path(request).startswith("/ocpi/2.2.1/sender/locations/LOC") and path(request).count("/") == 5


def part(request: Request) -> bool:
    return path(request).startswith("/ocpi/2.2.1/sender/locations/LOC") and path(request).count("/") == 6


def unknown(request: Request) -> bool:
    return path(request) == "/ocpi/2.2.1/sender/locations/PROBE-UNKNOWN"


def unreceived(request: Request) -> bool:
    return "/receiver/locations/" in path(request)


def unauthorized(response: Response, request: Request) -> Response:
    return with_body(response, {"status_code": 1000, "data": [], "timestamp": "2026-01-01T12:00:00Z"}, status=200)


def every(request: Request) -> bool:
    return True


def successful(change: Callable[[Response], Response]) -> Broken:
    return Broken(every, lambda response, request: change(response) if response.status == 200 else response)


def without_endpoint(name: str, role: str | None = None) -> Broken:
    def left(data: Any) -> Any:
        kept = [e for e in data["endpoints"] if e["identifier"] != name or role not in (None, e["role"])]
        return {**data, "endpoints": kept}

    return data_of(details, left)


def endpoints(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Broken:
    """Change the endpoint of the cdrs that it sends."""

    def made(data: Any) -> Any:
        is_it = lambda e: (e["identifier"], e["role"]) == ("cdrs", "SENDER")  # noqa: E731
        return {**data, "endpoints": [change(e) if is_it(e) else e for e in data["endpoints"]]}

    return data_of(details, made)


def link(text: str | None) -> Broken:
    return header_of(first, Link=text)


HERE = "https://theirs.example/ocpi/2.2.1/sender/locations"
FAIL, WARN = Outcome.FAIL, Outcome.WARN

BREAKS: dict[str, tuple[Outcome, Broken]] = {
    "versions.answer": (FAIL, refused(versions, 500, 3000)),
    "versions.list": (FAIL, data_of(versions, lambda data: {"2.2.1": data[0]["url"]})),
    "versions.entries": (FAIL, data_of(versions, lambda data: [*data, {"version": "2.3.0"}])),
    "versions.unique": (FAIL, data_of(versions, lambda data: [*data, *data])),
    "versions.url": (FAIL, data_of(versions, lambda data: [*data, {"version": "2.3.0", "url": "/ocpi/2.3.0"}])),
    "versions.common": (FAIL, data_of(versions, lambda data: [{"version": "2.0", "url": HERE}])),
    "details.answer": (FAIL, refused(details, 404, 2001)),
    "details.version": (FAIL, data_of(details, lambda data: {**data, "version": "2.2"})),
    "details.list": (FAIL, data_of(details, lambda data: {**data, "endpoints": {}})),
    "details.known": (WARN, endpoints(lambda e: {**e, "url": f"{e['url']}/new"})),
    "endpoints.credentials": (FAIL, without_endpoint("credentials")),
    "endpoints.fields": (FAIL, endpoints(lambda e: {k: v for k, v in e.items() if k != "identifier"})),
    "endpoints.role": (FAIL, endpoints(lambda e: {**e, "role": "Sender"})),
    "endpoints.unique": (FAIL, data_of(details, lambda d: {**d, "endpoints": [*d["endpoints"], d["endpoints"][0]]})),
    "endpoints.known": (FAIL, endpoints(lambda e: {**e, "identifier": "CDRs"})),
    "endpoints.url": (FAIL, endpoints(lambda e: {**e, "url": "theirs.example/cdrs"})),
    "endpoints.version": (WARN, endpoints(lambda e: {**e, "url": "https://theirs.example/cdrs"})),
    "endpoints.needed": (WARN, without_endpoint("tariffs", "SENDER")),
    "credentials.answer": (FAIL, refused(credentials, 405)),
    "credentials.object": (FAIL, data_of(credentials, lambda data: {**data, "roles": []})),
    "credentials.url": (WARN, data_of(credentials, lambda data: {**data, "url": "https://theirs.example/2.2.1"})),
    "credentials.token": (WARN, data_of(credentials, lambda data: {**data, "token": "another"})),
    "credentials.roles": (WARN, data_of(credentials, lambda data: {**data, "roles": data["roles"][:1]})),
    "auth.missing": (FAIL, Broken(lambda r: "Authorization" not in r.headers, unauthorized)),
    "auth.envelope": (
        WARN,
        Broken(every, lambda response, _: with_body(response, b"No.") if response.status == 401 else response),
    ),
    "auth.ids": (
        FAIL,
        Broken(every, lambda resp, _: with_headers(resp, X_Request_ID=None) if resp.status == 401 else resp),
    ),
    "page.answer": (FAIL, refused(listed, 200, 3000)),
    "page.routing": (
        FAIL,
        Broken(
            lambda request: listed(request) and "OCPI-to-party-id" in request.headers,
            lambda response, request: with_body(response, {"status_code": 2001, "timestamp": ""}),
        ),
    ),
    "page.list": (FAIL, data_of(first, lambda data: data[0])),
    "page.limit": (FAIL, data_of(first, lambda data: data * 2)),
    "page.default": (FAIL, refused(lambda r: listed(r) and "limit" not in asked(r) and "offset" in asked(r), 400)),
    "page.xlimit": (FAIL, header_of(first, X_Limit=None)),
    "page.xlimit_own": (WARN, header_of(first, X_Limit="5")),
    "page.total": (FAIL, header_of(first, X_Total_Count="none")),
    "page.link": (FAIL, link(None)),
    "page.link_form": (FAIL, link(f"{HERE}?offset=5&limit=5")),
    "page.link_url": (FAIL, link('<https://theirs.example/ocpi/cpo/locations?offset=5&limit=5>; rel="next"')),
    "page.link_offset": (FAIL, link(f'<{HERE}?offset=1&limit=5>; rel="next"')),
    "page.link_filters": (
        FAIL,
        Broken(dated, lambda resp, _: with_headers(resp, Link=f'<{HERE}?date_from=None&offset=5>; rel="next"')),
    ),
    "page.next": (FAIL, Broken(second, lambda response, request: with_data(response, lambda _: []))),
    "page.last": (FAIL, data_of(last, lambda data: data * 2)),
    "page.steady": (WARN, header_of(second, X_Total_Count="13")),
    "page.empty": (
        FAIL,
        Broken(dated, lambda r, _: with_data(r, lambda data: data or None)),
    ),
    "date.from": (FAIL, data_of(dated, lambda data: [{"id": "LOC1", "last_updated": "2024-01-01T00:00:00Z"}])),
    "date.inclusive": (
        FAIL,
        data_of(lambda request: dated(request) and "date_to" in asked(request), lambda data: data[1:]),
    ),
    "date.exclusive": (
        FAIL,
        item_of(
            lambda request: dated(request) and "date_to" in asked(request),
            lambda item: {**item, "last_updated": "2025-01-01T00:00:05Z"},
        ),
    ),
    "object.class": (FAIL, item_of(listed, lambda item: {**item, "coordinates": None})),
    "object.unknown": (WARN, item_of(listed, lambda item: {**item, "colour": "red"})),
    "object.unique": (FAIL, data_of(first, lambda data: [*data[:4], data[0]])),
    "object.owner": (FAIL, item_of(listed, lambda item: {**item, "party_id": "ZZZ"})),
    "object.future": (WARN, item_of(listed, lambda item: {**item, "last_updated": "2027-01-01T00:00:00Z"})),
    "object.parts": (FAIL, item_of(first, lambda item: {**item, "last_updated": "2024-01-01T00:00:00Z"})),
    "object.get": (FAIL, data_of(single, lambda data: {**data, "name": "Another"})),
    "object.get_part": (FAIL, data_of(part, lambda data: {**data, "status": "BLOCKED"})),
    "error.unknown": (WARN, refused(unknown, 200, 1000)),
    "error.receiver": (WARN, refused(unreceived, 200, 2001)),
    "error.parameter": (WARN, refused(lambda request: asked(request).get("date_from") == "yesterday", 500, 3000)),
    "error.envelope": (WARN, Broken(unknown, lambda response, request: with_body(response, b"<html>Not found</html>"))),
    "message.server": (FAIL, refused(listed, 500, 3000)),
    "message.limited": (WARN, refused(lambda request: unknown(request), 429)),
    "message.type": (FAIL, header_of(listed, Content_Type="text/plain")),
    "message.json": (FAIL, Broken(listed, lambda response, request: with_body(response, b"\xef\xbb\xbf{}"))),
    "message.code": (FAIL, Broken(listed, lambda resp, _: with_body(resp, {**body_of(resp), "status_code": "1000"}))),
    "message.known_code": (
        FAIL,
        Broken(listed, lambda response, request: with_body(response, {**body_of(response), "status_code": 1001})),
    ),
    "message.timestamp": (
        FAIL,
        Broken(listed, lambda r, _: with_body(r, {**body_of(r), "timestamp": "2026-01-01T13:00:00+01:00"})),
    ),
    "message.request_id": (FAIL, header_of(every, X_Request_ID="1")),
    "message.correlation_id": (FAIL, header_of(every, X_Correlation_ID=None)),
    "message.routing": (FAIL, header_of(listed, OCPI_from_party_id="ABC")),
    "message.configuration": (FAIL, header_of(credentials, OCPI_to_party_id="ABC")),
    "message.slash": (WARN, Broken(part, lambda r, _: with_headers(with_body(r, b"", status=302), Location="/login"))),
    "time.clock": (
        WARN,
        successful(lambda resp: with_body(resp, {**body_of(resp), "timestamp": "2026-01-01T12:05:00Z"})),
    ),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "pause", lambda self, seconds: None)


@pytest.mark.parametrize("id", BREAKS)
def test_a_check_finds_its_flaw(pair, id):
    outcome, broken = BREAKS[id]
    pair.change(broken)

    report = pair.probe()

    assert outcome in outcomes(report, id).values(), told(report, Outcome.FAIL, Outcome.WARN)


def test_the_unknown_properties_of_objects_are_named_in_order(pair):
    pair.change(item_of(first, lambda item: {"zone": 1, "colour": "red", **item, "area": 2}))

    [seen] = [r.seen for r in pair.probe().results if (r.check.id, r.subject) == ("object.unknown", "locations")]

    assert seen == "They have area, colour, zone."


def strange(pair: Pair) -> Callable[[Request], bool]:
    """Return what tells whether a request has a token that the partner does not know."""
    known = pair.ours.services.platforms.cipher.decrypt(pair.ours.partners.find("theirs-example").token)
    usual = pair.theirs.services.platforms.caller_by
    assert usual(f"Token {known}") is not None

    def is_strange(request: Request) -> bool:
        header = request.headers.get("Authorization")
        return header is not None and usual(header) is None

    return is_strange


def test_an_unknown_token_that_is_accepted_fails_the_check(pair):
    pair.change(Broken(strange(pair), unauthorized))

    report = pair.probe()

    assert outcomes(report, "auth.wrong") == {"": FAIL}
    assert outcomes(report, "auth.missing") == {"": Outcome.PASS}


def test_an_unknown_token_that_only_a_list_does_not_refuse_with_401_fails_the_check(pair):
    is_strange = strange(pair)
    pair.change(refused(lambda request: listed(request) and is_strange(request), 403))

    report = pair.probe()

    assert outcomes(report, "auth.wrong") == {"": FAIL}


def test_without_a_list_that_we_may_read_the_versions_get_the_unknown_token(pair):
    is_strange = strange(pair)

    def without_lists(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "endpoints": [e for e in data["endpoints"] if e["role"] == "RECEIVER"]}

    def change(request: Request, response: Response) -> Response:
        response = refused(lambda request: versions(request) and is_strange(request), 403)(request, response)
        return data_of(details, without_lists)(request, response)

    pair.change(change)

    report = pair.probe()

    assert outcomes(report, "auth.wrong") == {"": FAIL}


def test_a_line_that_is_cut_fails_the_check(pair):
    def cut(request: Request) -> None:
        if part(request):
            raise UnreachableError("The connection was lost.")

    pair.network.before_send = cut

    report = pair.probe()

    assert outcomes(report, "message.answered") == {"": FAIL}


def test_a_slow_answer_is_a_warning(pair, monkeypatch):
    seconds = iter(range(0, 6000, 6))
    monkeypatch.setattr(Session, "timer", lambda self: next(seconds))

    report = pair.probe()

    assert outcomes(report, "time.answer") == {"": WARN}


def test_a_plain_token_is_a_warning_and_a_quirk(pair):
    def plain(request: Request) -> bool:
        header = request.headers.get("Authorization", "")
        return header.endswith("=") and not header.startswith("Token ey")

    pair.change(Broken(plain, lambda response, request: with_body(response, {"status_code": 2000}, status=401)))

    report = pair.probe()

    assert outcomes(report, "auth.encoding") == {"": WARN}
    assert [proposal.text for proposal in report.proposals] == ["plain-token=on"]


def test_a_newer_common_version_is_a_warning(ocpi_network):
    ocpi_network.config["OCPI_VERSIONS"] = ["2.2.1", "2.3.0"]
    ours = ocpi_network.add("ours.example", [(*OURS, ["CPO"])])
    theirs = ocpi_network.add("theirs.example", [(*THEIRS, ["EMSP"])])
    register(ours, theirs, version="2.2.1", own_role="CPO")

    with ocpi_network.apps["ours.example"].app_context():
        report = ours.partners.probe("theirs-example")

    assert outcomes(report, "versions.newest") == {"": WARN}


def test_the_clock_of_the_partner_may_differ_a_little(pair):
    def moved(response: Response, request: Request) -> Response:
        moment = pair.network.clock.now + timedelta(seconds=20)
        return with_body(response, {**body_of(response), "timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})

    pair.change(Broken(lambda request: True, moved))

    assert outcomes(pair.probe(), "time.clock") == {"": Outcome.PASS}


@pytest.mark.parametrize(("said", "seconds"), [("3", 3), ("900", 5), ("soon", 1), (None, 1)])
def test_a_request_that_was_one_too_many_is_sent_again(pair, monkeypatch, said, seconds):
    pauses: list[float] = []
    monkeypatch.setattr(Session, "pause", lambda self, seconds: pauses.append(seconds))

    def limit(request: Request, response: Response) -> Response:
        if not first(request) or pauses:
            return response
        return with_headers(with_body(response, {"status_code": 2000}, status=429), Retry_After=said)

    pair.change(limit)

    report = pair.probe()

    assert pauses == [seconds]
    assert outcomes(report, "message.limited") == {"": WARN}
    assert outcomes(report, "page.answer")["locations"] is Outcome.PASS


def test_each_check_has_a_test_that_breaks_it():
    others = {"auth.wrong", "auth.encoding", "message.answered", "time.answer", "versions.newest"}

    assert {check.id for check in CHECKS if not check.writes} == set(BREAKS) | others
