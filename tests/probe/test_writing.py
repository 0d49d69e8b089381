"""The checks that write to a partner: each finds the flaw that it is for."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.client.probe import commanding
from flask_ocpi.client.probe import session as sessions
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import CHECKS
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing import documents
from tests.probe.conftest import body_of
from tests.probe.conftest import outcomes
from tests.probe.conftest import told
from tests.probe.conftest import with_body
from tests.probe.test_checks import Broken
from tests.probe.test_checks import data_of
from tests.probe.test_checks import path
from tests.probe.test_checks import refused

FAIL, WARN, SKIP = Outcome.FAIL, Outcome.WARN, Outcome.SKIP
TAKEN = {"status_code": 1000, "timestamp": "2026-01-01T12:00:00Z"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(commanding, "_WAITING", 0)


@pytest.fixture
def pair(pair):
    """The pair, whose partner starts sessions."""

    @pair.theirs.command("START_SESSION")
    def start(command, reply):
        reply.finish("ACCEPTED")
        used = {name: command["token"][name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
        own = {"country_code": "DE", "party_id": "PEE", "last_updated": "2026-01-01T12:00:00Z"}
        pair.theirs.save("sessions", documents.session(id="STARTED", cdr_token=used, **own))
        pair.theirs.push("sessions", "STARTED")
        return "ACCEPTED"

    @pair.theirs.command("STOP_SESSION")
    def stop(command, reply):
        reply.finish("ACCEPTED")
        return "ACCEPTED"

    return pair


def written(request: Request) -> bool:
    return "/receiver/locations/" in path(request)


def body(request: Request) -> dict:
    try:
        return orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        return {}


def put(request: Request) -> bool:
    return request.method == "PUT" and written(request) and request.body not in (None, b"{")


def usual(request: Request) -> bool:
    """Tell whether it is a PUT that should be taken."""
    return (
        put(request)
        and "PROBE-OTHER" not in path(request)
        and "ZZZ" not in path(request)
        and "coordinates" in body(request)
    )


def patch(request: Request) -> bool:
    return request.method == "PATCH" and written(request)


def get(request: Request) -> bool:
    return request.method == "GET" and written(request)


def takes(wanted) -> Broken:
    return Broken(wanted, lambda response, request: with_body(response, TAKEN, status=200))


class Once:
    """Tell for the first, second ... wanted request only."""

    def __init__(self, wanted, *numbers: int) -> None:
        self.wanted, self.numbers, self.seen = wanted, numbers, 0

    def __call__(self, request: Request) -> bool:
        if not self.wanted(request):
            return False
        self.seen += 1
        return self.seen in self.numbers


def command(name: str):
    return lambda request: path(request).endswith(f"/receiver/commands/{name}")


def profile(request: Request) -> bool:
    return "/receiver/chargingprofiles/" in path(request)


def response_of(result: str):
    return lambda data: {"result": result, "timeout": 30}


BREAKS = {
    "write.put": (FAIL, lambda: refused(put, 400, 2001)),
    "write.created": (
        WARN,
        lambda: Broken(put, lambda r, _: with_body(r, r.body, status=200) if r.status == 201 else r),
    ),
    "write.get": (FAIL, lambda: data_of(Once(get, 1), lambda data: {**data, "city": "Paris"})),
    "write.patch": (FAIL, lambda: refused(patch, 405)),
    "write.patched": (FAIL, lambda: data_of(Once(get, 2), lambda data: {**data, "name": "Before"})),
    "write.replace": (FAIL, lambda: data_of(Once(get, 3), lambda data: {**data, "name": "Probe"})),
    "write.patch_time": (WARN, lambda: takes(lambda r: patch(r) and "last_updated" not in body(r))),
    "write.patch_unknown": (FAIL, lambda: takes(lambda r: patch(r) and "PROBE-UNKNOWN" in path(r))),
    "write.other_id": (WARN, lambda: takes(lambda r: put(r) and "PROBE-OTHER" in path(r))),
    "write.other_party": (WARN, lambda: takes(lambda r: put(r) and "ZZZ" in path(r))),
    "write.incomplete": (FAIL, lambda: takes(lambda r: put(r) and "coordinates" not in body(r))),
    "write.text": (FAIL, lambda: takes(lambda r: written(r) and r.body == b"{")),
    "write.kept": (FAIL, lambda: data_of(Once(get, 4), lambda data: {**data, "city": "Paris"})),
    "write.delete": (FAIL, lambda: Broken(lambda r: "/receiver/tariffs/" in path(r), undeleted)),
    "command.unknown": (FAIL, lambda: refused(command("STOP_SESSION"), 500, 3000)),
    "command.start": (FAIL, lambda: refused(command("START_SESSION"), 200, 2000)),
    "command.stop": (FAIL, lambda: data_of(Once(command("STOP_SESSION"), 2), response_of("REJECTED"))),
    "command.class": (FAIL, lambda: data_of(command("STOP_SESSION"), lambda data: {"result": data["result"]})),
    "profile.class": (FAIL, lambda: data_of(profile, lambda data: {"result": data["result"]})),
    "profile.unknown": (FAIL, lambda: refused(profile, 200, 3000)),
    "authorize.unknown": (FAIL, lambda: takes(lambda r: path(r).endswith("/authorize"))),
    "handshake.renewed": (FAIL, lambda: refused(lambda r: r.method == "PUT" and "/credentials" in path(r), 500, 3000)),
}


def undeleted(response: Response, request: Request) -> Response:
    return with_body(response, {**TAKEN, "data": {"id": "1"}}, status=200) if response.status == 404 else response


def test_own_platform_takes_all_writes(pair):
    report = pair.probe(write=True)

    assert told(report, FAIL, WARN, SKIP) == []
    assert outcomes(report, "command.start") == {"": Outcome.PASS}
    assert report.requests <= sessions.MOST_REQUESTS + sessions.MOST_WRITES


@pytest.mark.parametrize("version", ["2.3.0"])
def test_own_platform_takes_all_writes_in_2_3_0(pair):
    assert told(pair.probe(write=True), FAIL, WARN) == []


def test_without_write_nothing_but_get_is_sent(pair):
    pair.network.requests.clear()

    report = pair.probe()

    assert {request.method for request in pair.network.requests} == {"GET"}
    assert {check.id for check in CHECKS if check.writes} & {result.check.id for result in report.results} == set()


@pytest.mark.parametrize("id", BREAKS)
def test_a_check_finds_its_flaw(pair, id):
    outcome, make = BREAKS[id]
    pair.change(make())

    report = pair.probe(write=True)

    assert outcome in outcomes(report, id).values(), told(report, FAIL, WARN)


def test_a_result_that_does_not_come_fails_the_check(pair):
    pair.change(data_of(command("START_SESSION"), response_of("ACCEPTED")))
    pair.theirs.services.hooks.calls.clear()

    report = pair.probe(write=True)

    assert outcomes(report, "command.start") == {"": FAIL}
    assert any("No result came" in line for line in told(report, FAIL))


def test_a_command_for_an_unknown_session_that_is_accepted_without_a_result_fails_the_check(pair):
    pair.change(data_of(command("STOP_SESSION"), response_of("ACCEPTED")))

    assert outcomes(pair.probe(write=True), "command.unknown") == {"": FAIL}


def test_a_started_session_that_is_not_sent_is_a_warning(pair):
    @pair.theirs.command("START_SESSION")
    def start(command, reply):
        reply.finish("ACCEPTED")
        return "ACCEPTED"

    assert outcomes(pair.probe(write=True), "command.stop") == {"": WARN}


def test_a_replaced_token_that_is_still_accepted_fails_the_check(pair):
    known = pair.ours.services.platforms.cipher.decrypt(pair.ours.partners.find("theirs-example").token)

    def is_old(request: Request) -> bool:
        return request.headers.get("Authorization") == authorization(known)

    pair.change(Broken(is_old, lambda r, _: with_body(r, {**TAKEN, "data": []}, status=200) if r.status == 401 else r))

    report = pair.probe(write=True)

    assert outcomes(report, "handshake.replaced") == {"": FAIL}
    assert outcomes(report, "handshake.renewed") == {"": Outcome.PASS}


def test_a_renewed_registration_is_the_one_that_we_use(pair):
    pair.probe(write=True)

    assert pair.probe().ok


def test_an_object_in_a_list_of_one_is_said_to_be_no_object(pair):
    pair.change(data_of(get, lambda data: [data]))

    report = pair.probe(write=True)

    for check in ("write.get", "write.patched", "write.replace", "write.kept"):
        [seen] = [r.seen for r in report.results if (r.check.id, r.subject) == (check, "locations")]
        assert seen.startswith("GET /ocpi/2.2.1/receiver/locations/NL/ABC/PROBE-")
        assert seen.endswith(" has no object in data.")


def test_a_refusal_that_does_not_last_proposes_no_quirk(pair):
    pair.change(refused(Once(put, 1), 500, 3000))

    report = pair.probe(write=True)

    assert outcomes(report, "write.put")["locations"] is FAIL
    assert report.proposals == ()


@pytest.mark.parametrize(
    ("quirk", "needed"),
    [
        ("send-nulls", lambda document: "parking_type" in document),
        ("offset-in-dates", lambda document: document["last_updated"].endswith("+00:00")),
    ],
    ids=["nulls", "offset"],
)
def test_a_shape_that_is_needed_is_proposed_as_a_quirk(pair, quirk, needed):
    pair.change(refused(lambda request: usual(request) and not needed(body(request)), 422, 2001))

    report = pair.probe(write=True)

    assert outcomes(report, "write.put")["locations"] is FAIL
    assert [proposal.text for proposal in report.proposals] == [f"{quirk}=on"]


def test_prices_that_need_vat_are_proposed_as_a_quirk(pair):
    def lacks_vat(request: Request) -> bool:
        is_session = request.method == "PUT" and "/receiver/sessions/" in path(request)
        return is_session and b'"excl_vat"' in request.body and b'"incl_vat"' not in request.body

    pair.change(refused(lacks_vat, 400, 2001))

    report = pair.probe(write=True)

    assert outcomes(report, "write.put")["sessions"] is FAIL
    assert [proposal.text for proposal in report.proposals] == ["always-incl-vat=on"]


def test_missing_patch_is_proposed_as_a_quirk_and_only_until_it_is_set(pair):
    pair.change(refused(patch, 405))
    first = pair.probe(write=True)
    with pair.network.apps["ours.example"].app_context():
        pair.ours.partners.set_quirks("theirs-example", {"no-patch": True})

    second = pair.probe(write=True)

    assert [proposal.text for proposal in first.proposals] == ["no-patch=on"]
    assert second.proposals == ()


def test_authorization_with_the_party_is_proposed_as_a_quirk(pair):
    def only_with_party(response: Response, request: Request) -> Response:
        with_party = "/DE/PEE/" in path(request)
        return response if with_party else with_body(response, b"<html>404</html>", status=404)

    pair.change(Broken(lambda request: path(request).endswith("/authorize"), only_with_party))

    report = pair.probe(write=True)

    assert outcomes(report, "authorize.unknown") == {"": FAIL}
    assert [proposal.text for proposal in report.proposals] == ["authorize-with-party=on"]


def test_objects_of_the_probe_harm_nobody(pair):
    pair.probe(write=True)

    kept = {
        module: [d for d in pair.theirs.copies.documents(module) if str(d.get("id", d.get("uid"))).startswith("PROBE-")]
        for module in ("locations", "sessions", "tariffs", "tokens")
    }
    assert [document["publish"] for document in kept["locations"]] == [False]
    assert [document["status"] for document in kept["sessions"]] == ["INVALID"]
    assert [document["valid"] for document in kept["tokens"]] == [False]
    assert kept["tariffs"] == []


def test_each_check_that_writes_has_a_test_that_breaks_it():
    assert {check.id for check in CHECKS if check.writes} == {*BREAKS, "handshake.replaced"}


def test_an_answer_to_a_write_without_an_envelope_counts_by_its_status(pair):
    pair.change(Broken(usual, lambda response, request: with_body(response, b"")))

    report = pair.probe(write=True)

    assert outcomes(report, "write.put")["locations"] is Outcome.PASS
    assert outcomes(report, "message.json") == {"": FAIL}
    assert body_of(Response(200, {}, b"{}", "")) == {}
