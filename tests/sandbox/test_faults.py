"""Each fault of the sandbox, and what becomes of it at a platform of ours: all arrives, and the fault is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from flask_ocpi import ConfigurationError
from flask_ocpi import RefusedError
from flask_ocpi.errors import EndlessListError
from flask_ocpi.testing.documents import full_cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.sandbox.faults import FAULTS
from flask_ocpi.testing.sandbox.faults import answers
from flask_ocpi.testing.sandbox.faults import chosen
from tests.sandbox.trials import CARD
from tests.sandbox.trials import Trial

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What is to be seen of a fault.

    finding: the kind and path of one that we have then. told: what an error of ours says. seen: what shows on the line
    that the sandbox did it, where nothing of that needs to be told.
    """

    finding: tuple[str, str] | None = None
    told: str = ""
    seen: Callable[[Trial], bool] | None = None


def answered(status: int) -> Callable[[Trial], bool]:
    return lambda trial: any(response.status == status for _, response in trial.network.seen)


def body(pattern: bytes) -> Callable[[Trial], bool]:
    """Tell whether something that the sandbox sent or answered has it."""
    found = re.compile(pattern)
    return lambda trial: any(
        found.search(text)
        for request, response in trial.network.seen
        for text in (response.body if "sandbox" in request.url else request.body or b"",)
    )


def header(name: str, pattern: str) -> Callable[[Trial], bool]:
    return lambda trial: any(re.search(pattern, response.headers.get(name, "")) for _, response in trial.network.seen)


def lacks(name: str) -> Callable[[Trial], bool]:
    """Tell whether lists of the sandbox came without a header."""
    return lambda trial: all(
        name not in response.headers
        for request, response in trial.network.seen
        if "/sender/" in request.url and request.method == "GET"
    )


def sent_twice(trial: Trial) -> bool:
    bodies = [(request.url, request.body) for request, _ in trial.network.seen if request.method == "PATCH"]
    return len(bodies) > len(set(bodies))


def has_objects(count: int) -> Callable[[Trial], bool]:
    """Tell whether a page of locations had more objects than were asked for."""
    return lambda trial: any(
        len(orjson.loads(response.body).get("data") or ()) == count
        for request, response in trial.network.seen
        if "/sender/locations" in request.url
    )


def unchanged_objects(trial: Trial) -> bool:
    """Tell whether all locations were counted where only changed ones were asked for."""
    return any(
        response.headers.get("X-Total-Count") == "3"
        for request, response in trial.network.seen
        if "/sender/locations" in request.url and "date_from" in request.url
    )


def nulls_sent(trial: Trial) -> bool:
    return any(b'"visual_number":null' in (request.body or b"") for request, _ in trial.network.seen)


OUTCOMES = {
    "slow": Outcome(),
    "server-errors": Outcome(told=r"answered 3000 \(HTTP 500\): Internal server error"),
    "failure-after-work": Outcome(told=r"_SESSION answered 3000 \(HTTP 500\)"),
    "lost-answers": Outcome(told="drops this answer"),
    "rate-limit": Outcome(told=r"answered 2000 \(HTTP 429\): Too many requests"),
    "token-loss": Outcome(told=r"answered 2001 \(HTTP 401\): Unknown token"),
    "token-forbidden": Outcome(told=r"answered 2001 \(HTTP 403\): Forbidden"),
    "slash-redirect": Outcome(seen=answered(307)),
    "html": Outcome(finding=("no_envelope", ""), told="We will be back soon"),
    "empty-bodies": Outcome(finding=("no_envelope", "")),
    "status-in-text": Outcome(finding=("envelope", "")),
    "byte-order-mark": Outcome(finding=("envelope", "")),
    "no-data": Outcome(finding=("no_list", "")),
    "null-lists": Outcome(finding=("no_list", "")),
    "lists-of-one": Outcome(finding=("mended", "")),
    "no-patch": Outcome(seen=lambda trial: True),
    "wants-nulls": Outcome(seen=nulls_sent),
    "clock-skew": Outcome(seen=body(rb'"timestamp":"2026-01-01T12:10:00')),
    "odd-details": Outcome(finding=("refused", "")),
    "tenant-in-endpoints": Outcome(seen=lambda trial: any("tenant=1" in r.url for r in trial.network.requests)),
    "wrong-links": Outcome(seen=header("Link", "localhost:8000.*date_from=None")),
    "broken-links": Outcome(finding=("unreadable_link", "")),
    "no-links": Outcome(seen=lacks("Link")),
    "endless-links": Outcome(finding=("unreadable_link", "")),
    "wrong-totals": Outcome(finding=("wrong_total", ""), told="it has 3 objects, of which 0 could be read"),
    "no-totals": Outcome(seen=lacks("X-Total-Count")),
    "limit-ignored": Outcome(seen=has_objects(2)),
    "dates-ignored": Outcome(seen=unchanged_objects),
    "duplicates": Outcome(seen=has_objects(2)),
    "naive-dates": Outcome(seen=body(rb'"last_updated":"[^"Z]+"')),
    "odd-dates": Outcome(finding=("mended", "last_updated")),
    "lower-case-enums": Outcome(finding=("mended", "evses[].status")),
    "unknown-enums": Outcome(finding=("mended", "evses[].status")),
    "unknown-properties": Outcome(seen=body(rb'"x_vendor_id"')),
    "null-properties": Outcome(seen=body(rb'"suboperator":null')),
    "text-for-numbers": Outcome(finding=("mended", "coordinates.latitude")),
    "odd-coordinates": Outcome(finding=("mended", "coordinates.longitude")),
    "bad-optionals": Outcome(finding=("mended", "operator.website")),
    "no-connectors": Outcome(finding=("kept", "evses[].connectors")),
    "odd-hours": Outcome(finding=("mended", "opening_times")),
    "no-hours": Outcome(finding=("kept", "opening_times.regular_hours")),
    "cdr-without-evse": Outcome(finding=("derived", "cdr_location.evse_uid")),
    "token-without-party": Outcome(finding=("derived", "cdr_token.party_id")),
    "no-timeout": Outcome(finding=("derived", "timeout")),
    "flawed-message": Outcome(finding=("derived", "message[].language")),
    "flawed-credentials": Outcome(finding=("derived", "roles[].business_details.name")),
    "plain-text": Outcome(finding=("content_type", "")),
    "plain-token": Outcome(seen=lambda trial: True),
    "repeated-messages": Outcome(seen=sent_twice),
}
QUIRKS: dict[str | None, dict[str, Any]] = {"wants-nulls": {"send-nulls": True}, "limit-ignored": {"page-limit": 1}}
#: What shows only in another role, or in the handshake: each has a test of its own.
OF_THEIR_OWN = {
    "authorize-with-party",
    "code-of-another-fault",
    "credentials-by-role",
    "empty-authorize",
    "no-location",
}


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the sandbox would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(answers, "sleep", slept.append)
    return slept


def test_each_fault_has_a_sentence_and_an_outcome() -> None:
    assert {fault.name for fault in FAULTS.values() if not re.fullmatch(r"[A-Z].+\.", fault.sentence)} == set()
    assert set(OUTCOMES) | OF_THEIR_OWN == set(FAULTS)


def test_the_page_lists_each_fault() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text()
    table = page.split("| Fault | What it does |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", table, re.MULTILINE)

    assert rows == [(fault.name, fault.sentence) for fault in FAULTS.values()]


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="There is no fault 'rain'"):
        chosen(["slow", "rain"])


@pytest.mark.parametrize("name", [None, *OUTCOMES])
def test_all_arrives_in_spite_of_it(tmp_path: Path, name: str | None) -> None:
    trial = Trial(tmp_path, [] if name is None else [name], quirks=QUIRKS.get(name))

    trial.sync("sessions")
    trial.pull("locations")
    accepted = trial.charge()
    trial.sync("tariffs")
    trial.sync("locations")
    if name in ("token-loss", "token-forbidden"):
        trial.ours.partners.rotate(trial.partner)
    trial.sync("locations")
    trial.sync("tariffs")

    for module in ("locations", "tariffs", "sessions", "cdrs"):
        assert set(trial.copies(module)) == set(trial.own(module))
    assert set(trial.copies("tokens", trial.sandbox)) == {"CARD"}
    assert accepted == "ACCEPTED"
    ((session,), (cdr,)) = trial.copies("sessions").values(), trial.copies("cdrs").values()
    assert (session["status"], session["kwh"]) == ("COMPLETED", cdr["total_energy"])
    assert len(session["charging_periods"]) == len(trial.own("sessions")[session["id"]]["charging_periods"])
    assert trial.waiting(trial.ours) == trial.waiting(trial.sandbox) == []
    assert_outcome(trial, OUTCOMES[name] if name else Outcome())


def assert_outcome(trial: Trial, outcome: Outcome) -> None:
    errors = "\n".join(trial.errors)
    assert bool(outcome.told) == bool(errors), errors
    assert re.search(outcome.told, errors)
    findings = trial.findings()
    assert bool(outcome.finding) == bool(findings), findings
    assert outcome.finding is None or outcome.finding in findings
    assert outcome.seen is None or outcome.seen(trial)


def test_without_any_fault_no_object_differs(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [], config={"OCPI_VERSIONS": ["2.2.1"]})  # others convert

    trial.pull("locations")
    trial.charge()
    trial.sync("locations")

    for module in ("locations", "sessions", "cdrs"):
        assert trial.copies(module) == trial.own(module)


def test_slow_answers_take_three_seconds(tmp_path: Path, naps: list[float]) -> None:
    Trial(tmp_path, ["slow"]).pull("locations")

    assert set(naps) == {3.0}


def test_a_list_that_never_ends_is_no_complete_list(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["endless-links", "no-totals"])

    with pytest.raises(EndlessListError):
        trial.ours.pull("locations", trial.partner)

    assert set(trial.copies("locations")) == set(trial.own("locations"))


def test_a_lost_token_stops_nothing_but_the_calls_until_a_new_handshake(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["token-forbidden"])
    for _ in range(answers.TOKEN_USES):
        trial.pull("tariffs")
    trial.errors.clear()
    trial.ours.save("tokens", CARD)

    assert len(trial.waiting(trial.ours)) == 1

    trial.ours.partners.rotate(trial.partner)
    trial.settle()
    assert set(trial.copies("tokens", trial.sandbox)) == {"CARD"}


# A provider that misbehaves: ours is the operator.


@pytest.mark.parametrize(
    ("fault", "quirks", "allowed"),
    [
        (None, {}, ("ALLOWED", True)),
        ("code-of-another-fault", {}, ("ALLOWED", False)),
        ("authorize-with-party", {"authorize-with-party": True}, ("ALLOWED", True)),
    ],
    ids=["sound", "2004 with HTTP 503: the copy decides", "with the quirk"],
)
def test_a_driver_is_authorized(
    tmp_path: Path, fault: str | None, quirks: dict[str, Any], allowed: tuple[str, bool]
) -> None:
    trial = Trial(tmp_path, [fault] if fault else [], role="emsp", quirks=quirks)
    trial.pull("tokens")

    with trial.ours.client(trial.partner) as client:
        answer = client.tokens.authorize("CARD3")

    assert answer.info is not None
    assert (answer.info["allowed"], answer.realtime) == allowed


def test_a_driver_is_not_refused_because_a_path_is_unknown(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["authorize-with-party"], role="emsp")
    trial.pull("tokens")

    with trial.ours.client(trial.partner) as client, pytest.raises(RefusedError, match="No such path"):
        client.tokens.authorize("CARD3")


def test_authorization_without_a_location_is_answered(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["empty-authorize"])
    trial.ours.save("tokens", {**CARD, "whitelist": "NEVER"})

    with trial.sandbox.client(next(iter(trial.sandbox.partners.list()))) as client:
        answer = client.tokens.authorize("CARD", location={"location_id": "AMS-0001"})

    assert answer.is_allowed
    assert answer.realtime


def test_a_cdr_whose_url_is_not_told_is_delivered_and_read_by_its_id(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["no-location"], role="emsp", quirks={"cdr-by-id": True})
    cdr = full_cdr()
    token = {**cdr["cdr_token"], "country_code": "DE", "party_id": "SBX"}
    trial.ours.save("locations", location())
    trial.ours.save("cdrs", {**cdr, "cdr_token": token})
    trial.settle()

    with trial.ours.client(trial.partner) as client:
        copy = client.cdrs.get_copy(cdr["id"])

    assert copy["id"] == cdr["id"]
    assert trial.waiting(trial.ours) == []


def test_a_partner_that_looks_for_one_role_of_credentials_needs_a_quirk(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="credentials"):
        Trial(tmp_path / "without", ["credentials-by-role"])

    quirks = {"sandbox-cpo.example": ["credentials-both-roles"]}
    trial = Trial(tmp_path / "with", ["credentials-by-role"], config={"OCPI_QUIRKS": quirks})

    assert trial.ours.partners.find(trial.partner).is_registered
