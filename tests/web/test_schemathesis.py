"""Schemathesis over our own OpenAPI document of each version: every check, every phase, in-process and over a socket.

OCPI answers well-formed JSON that breaks a rule with HTTP 200 and status_code 2001, so 200 is an expected answer to
negative data, and 201 to an incomplete pair of routing headers, which is ignored (RT-25); instead
`accepts_only_valid_data` proves that no body or query that the document excludes is ever a success.

The caller is a partner with all roles, a hub among them, so that it may push for any party. What would end or change
its registration (POST, PUT and DELETE on credentials) is called with a token made for that one call.

Each class is tried with all boundary values, valid and not, in one operation only, whatever others take it. In
``make thorough`` that is all of them, ten thousand requests to a version; otherwise the first of each kind in each
operation, and every twelfth of the others: the property tests of the schemas try all properties as well.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import Status
from schemathesis.engine import events
from schemathesis.engine import from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.transport.wsgi import WSGITransport

from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import Call
from flask_ocpi.extension import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS
from flask_ocpi.versions import Version
from tests.paybook import sharing as paybook
from tests.serving import served

OWN_ROLES = ["CPO", "EMSP", "NAP", "NSP", "OTHER", "PTP", "SCSP"]
PARTNER = [("DE", "ALL", [*OWN_ROLES, "HUB"])]
# Where a version tells one role there are two, and each may push for any party as well.
PARTNERS = {role: [("DE", "ALL", [role, "HUB"])] for role in ("CPO", "EMSP")}
OWN = {"country_code": "NL", "party_id": "PLT"}
# What the examples of the document name, and what is stored beforehand; tokens and ClientInfos are of another party.
IDS = {
    "country_code": "NL",
    "party_id": "ABC",
    "location_id": "LOC1",
    "evse_uid": "3256",
    "connector_id": "1",
    "session_id": "SES1",
    "tariff_id": "11",
    "cdr_id": "CDR1",
    "token_uid": "12345678905880",
    "command": "START_SESSION",
    "record_id": "IRR1",
    "terminal_id": "TERM1",
    "financial_advice_confirmation_id": "FAC1",
    "booking_id": "B1",
    "booking_location_id": "BL1",
    "calendar_id": "CAL1",
}
XYZ = {"country_code": "DE", "party_id": "XYZ"}
# The property of the body that the last segment of the path is.
KEYS = {"location_id": "id", "evse_uid": "uid", "connector_id": "id", "session_id": "id", "tariff_id": "id"}
KEYS |= {"token_uid": "uid", "party_id": "party_id", "record_id": "id", "terminal_id": "terminal_id"}
KEYS |= {"booking_id": "id", "booking_location_id": "id", "calendar_id": "id"}
OPERATORS_OWN = ("locations", "sessions", "cdrs", "tariffs")
RESPONSE_URL = "https://emsp.example.com/results?a=b&c=d"
RESERVATION = {"reservation_id": "1", "location_id": "LOC1", "evse_uid": "3256"}
# Requests of ours whose results are awaited: operation and where its result is sent.
AWAITED = {
    "commands/{command}": ("commands", "start_session"),
    "chargingprofiles/active_profile": ("chargingprofiles", "get_active_profile"),
    "chargingprofiles/set_profile": ("chargingprofiles", "set_profile"),
    "chargingprofiles/clear_profile": ("chargingprofiles", "clear_profile"),
}
EXPECTED = ["200", "201", "400", "401", "403", "404", "405", "413", "415"]
CHECKS = {"negative_data_rejection": {"expected-statuses": EXPECTED}}
SOCKET_SETTINGS = {"max_redirects", "verify", "cert", "proxies"}
SEED = 20260101
# Of how many values of a kind one is sent, but in a thorough run.
THINNED = 12
# Of each operation: a document as large as ours is long to prepare.
VALIDATORS: dict[tuple[str, str], Draft202012Validator] = {}

schemathesis.openapi.format(
    "ocpi-date-time",
    st.datetimes()
    .map(lambda moment: f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}")
    .flatmap(lambda text: st.sampled_from(["Z", "", "+00:00", ".5Z", ".1234Z"]).map(lambda end: text + end))
    .filter(lambda text: len(text) <= 25),
)


@schemathesis.check
def accepts_only_valid_data(ctx: Any, response: Any, case: Any) -> None:
    """Fail when a request that its schema excludes is answered with success."""
    if response.status_code not in (200, 201) or response.json()["status_code"] >= 2000:
        return
    operation = case.operation.definition.raw
    if response.request.method.lower() != case.operation.method.lower():
        return
    body = operation.get("requestBody")
    if body is not None and (response.request.body or body["required"]):
        schema = body["content"]["application/json"]["schema"]
        _require_valid(json.loads(response.request.body), schema, case)
    for name, text in parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] == name:
                value = int(text) if parameter["schema"]["type"] == "integer" else text
                _require_valid(value, parameter["schema"], case)


def _require_valid(value: Any, schema: dict[str, Any], case: Any) -> None:
    place = case.operation.label, json.dumps(schema)
    if place not in VALIDATORS:
        components = case.operation.schema.raw_schema["components"]
        VALIDATORS[place] = Draft202012Validator({**schema, "components": components})
    for error in VALIDATORS[place].iter_errors(value):
        raise Failure(
            operation=case.operation.label,
            title="Data that the document excludes was answered with success",
            message=f"{error.instance_path}: {error.message[:300]}",
        )


class Platform:
    """The platform under test, and the tokens to call it with."""

    def __init__(self, version: Version = V2_2_1) -> None:
        self.version = version
        self.network = Network()
        self.app = Flask("schemathesis_platform", root_path=".")
        self.app.config.update(
            SECRET_KEY="a secret",
            OCPI_VERSIONS=[version.number],
            OCPI_PARTIES=[party_settings("NL", "PLT", OWN_ROLES)],
            OCPI_ALLOW_SHARED_PARTIES=True,
            OCPI_CALLBACK_HOSTS=["emsp.example.com"],
            OCPI_DISPATCHER="inline",
            OCPI_PUSH=False,
            OCPI_MAX_UNKNOWN_TOKENS=0,
            OCPI_RECEIVE="strict",  # the document is the letter of OCPI
        )
        surroundings = {"transport": self.network, "clock": self.network.clock, "versions": (version,)}
        self.ocpi = OCPI(self.app, storage=MemoryStorage(), **surroundings)
        known = PARTNERS if version.is_one_sided else {"ALL": PARTNER}
        self.partners = {
            role: add_partner(self.app, parties, name=f"partner {role}", version=version.number)
            for role, parties in known.items()
        }
        self.prefix = f"/ocpi/{version.number}"
        self.asked: Counter[str] = Counter()
        self._answer_what_is_asked()
        self._store_objects()
        self._answer_handshakes()

    def _answer_what_is_asked(self) -> None:
        """Let the host application accept, at once or later, and be counted."""
        ocpi = self.ocpi
        ocpi.authorizer(lambda token, location: self._note("authorize", "ALLOWED" if location else "NO_CREDIT"))
        ocpi.charging_preferences(lambda session, preferences: self._note("preferences", "ACCEPTED"))
        for command in self.commands:
            ocpi.command(command)(lambda request, reply, name=command: self._note(name, self._accept(reply)))
        for method in ("GET", "PUT", "DELETE") if self.version.module("chargingprofiles") else ():
            result = {"result": "REJECTED" if method == "GET" else "ACCEPTED"}
            ocpi.charging_profile(method)(
                lambda request, reply, name=method, result=result: self._note(name, self._accept(reply, result))
            )

        if not self.version.module("payments"):
            return
        numbers = count(2)
        ocpi.terminal("activate")(
            lambda terminal, request: self._note("activate", {"terminal_id": f"TERM{next(numbers)}"})
        )
        for name in ("deactivate", "update"):
            ocpi.terminal(name)(lambda terminal, request, name=name: self._note(name, None))
        ocpi.booking(lambda request, reply: self._note("booking", "ACCEPTED"))

    @property
    def commands(self) -> list[str]:
        """The commands of the version."""
        operations = (operation for module, _, operation in self.version.operations() if module.id == "commands")
        return [operation.path.removeprefix("/") for operation in operations if operation.result is not None]

    def partner_for(self, path: str) -> PartnerClient:
        """Return who may call an operation: an operator is served our interfaces for operators."""
        if not self.version.is_one_sided:
            return self.partners["ALL"]
        found = re.search(r"/(sender|receiver)/(\w+)", path)
        is_operator = found is None or (found[2] in OPERATORS_OWN) == (found[1] == "receiver")
        return self.partners["CPO" if is_operator else "EMSP"]

    def said(self, module: str, operation: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return the body of an operation in the shape of the version."""
        found = self.version.operation(module, operation)
        conversion = None if found is None else self.version.conversion(found.body)
        if conversion is None:
            return document
        return conversion.from_store(document, find=lambda kind, references: dict.fromkeys(references, self.place))

    def _note(self, name: str, answer: Any) -> Any:
        self.asked[name] += 1
        return answer

    def _accept(self, reply: Any, result: Any = "ACCEPTED") -> Any:
        return reply.accept(lambda: result)

    def _store_objects(self) -> None:
        tree = evse(uid="3256", connectors=[connector()], capabilities=["CHARGING_PREFERENCES_CAPABLE"])
        self.place = location(evses=[tree])
        token_of_partner = {**session()["cdr_token"], "country_code": "DE", "party_id": "ALL"}
        self.ocpi.save("locations", location(**OWN, evses=[tree]))
        self.ocpi.save("sessions", session(**OWN, evse_uid="3256", cdr_token=token_of_partner))
        self.ocpi.save("cdrs", cdr(**OWN))
        self.ocpi.save("tariffs", tariff(**OWN))
        self.ocpi.save("tokens", token(**OWN))
        receiver = f"{self.prefix}/receiver"
        pushed = [
            ("locations/NL/ABC/LOC1", "put_location", self.place),
            ("sessions/NL/ABC/SES1", "put_session", session(evse_uid="3256")),
            ("tariffs/NL/ABC/11", "put_tariff", tariff(id="11")),
            ("tokens/DE/XYZ/12345678905880", "put_token", token(**XYZ)),
        ]
        if self.version.module("hubclientinfo"):
            self.ocpi.save("hubclientinfo", client_info())
            pushed.append(("hubclientinfo/DE/XYZ", "put_client_info", client_info(**XYZ)))
        if self.version.module("payments"):
            self._store_payments_and_bookings()
        for path, operation, document in pushed:
            body = self.said(path.split("/")[0], operation, document)
            assert self.partner_for(f"{receiver}/{path}").put(f"{receiver}/{path}", body).http_status == 201
        sender = self.partner_for(f"{receiver}/cdrs")
        assert sender.post(f"{receiver}/cdrs", self.said("cdrs", "post_cdr", cdr())).http_status == 201
        reservation = {**RESERVATION, "response_url": RESPONSE_URL, "expiry_date": "2030-01-01T00:00:00Z"}
        reservation["token"] = token(**token_of_partner)
        body = self.said("commands", "reserve_now", reservation)
        answer = self.partner_for(f"{receiver}/commands").post(f"{receiver}/commands/RESERVE_NOW", body)
        assert answer.data["result"] == "ACCEPTED"
        for segment, (module, operation) in AWAITED.items():
            if self.version.module(module):
                number = self.version.number
                asked = self.partner_for(f"/sender/{module}").platform.id
                call = Call(segment.split("/")[1], module, operation, asked, {}, version=number)
                pending.start_call(self.ocpi.services, call)

    def _store_payments_and_bookings(self) -> None:
        by_us = paybook.booking(**OWN)
        by_us["booking_requests"][0]["booking_request"] |= {"country_code": "DE", "party_id": "ALL"}
        confirmation = paybook.confirmation()
        record = {"id": "IRR1", "invoice_id": "INV1", "cdrs": ["CDR1"], "last_updated": paybook.NOW}
        for module, document in (
            ("terminals", paybook.terminal()),
            ("financial-advice-confirmations", confirmation),
            ("invoicereconciliation", {**OWN, **record}),
            ("booking_locations", paybook.booking_location(**OWN)),
            ("bookings", by_us),
        ):
            self.ocpi.save(module, document, audience=[Party.of("DE", "ALL")])
        theirs = {"country_code": "NL", "party_id": "ABC"}
        receiver, partner = f"{self.prefix}/receiver", self.partners["ALL"]
        for method, path, body in (
            ("POST", "payments/terminals", paybook.terminal()),
            ("POST", "payments/financial-advice-confirmations", paybook.on_the_wire(confirmation)),
            ("PUT", "invoicereconciliation/NL/ABC/IRR1", {**theirs, **record}),
            ("PUT", "bookings/NL/ABC/booking_locations/BL1", paybook.booking_location()),
            ("PUT", "bookings/NL/ABC/B1", paybook.booking()),
        ):
            assert partner.open(method, f"{receiver}/{path}", json=body).http_status == 201

    def _answer_handshakes(self) -> None:
        """Serve the platform that the credentials in the examples of the document belong to."""
        example = self.network.add("ocpi.example.com", [("NL", "ABC", ["CPO"])], versions=(self.version,))
        example.partners.invite(name="caller", token="example-token-not-a-secret")

    def token_for(self, method: str, path: str) -> str:
        """Return a token that opens an operation; a new one where the call uses it up."""
        one_sided = self.version.is_one_sided
        if path.endswith("/credentials") and method == "POST":
            return self.ocpi.partners.invite(name="new", own_role="EMSP" if one_sided else None)[1]
        if path.endswith("/credentials") and method in ("PUT", "DELETE"):
            parties = PARTNERS["CPO"] if one_sided else PARTNER
            return add_partner(self.app, parties, name="passing", version=self.version.number).token
        return self.partner_for(path).token


class Authorize:
    """Puts the token of the partner into each request."""

    platform: Platform

    def get(self, case: Any, context: Any) -> str:
        return authorization(self.platform.token_for(case.operation.method.upper(), case.operation.path))

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": data}


@schemathesis.hook("before_call")
def reach_the_handlers(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Bring valid data past the checks that compare it with other data, which generators know nothing of."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name, value in (("OCPI-to-country-code", "NL"), ("OCPI-to-party-id", "PLT")):
        if name in (case.headers or {}):
            case.headers[name] = value
    _name_what_is_stored(case)
    if case.query and "response_url" in case.query:
        case.query["response_url"] = RESPONSE_URL
    if isinstance(case.body, dict):
        _fit_body(case)


def _name_what_is_stored(case: Any) -> None:
    path = case.path_parameters or {}
    if "id" in path:
        segment = case.operation.path.rsplit("/", 2)[1]
        case.path_parameters = {"command": "START_SESSION", "id": segment} if "command" in path else {"id": segment}
    elif path and zlib.crc32(repr(sorted(path.items())).encode()) % 2:
        ids = {**IDS, **XYZ} if "/tokens/" in case.operation.path or "hubclientinfo" in case.operation.path else IDS
        case.path_parameters = {name: ids[name] for name in path}
    if "/2.1.1/receiver/cdrs/" in case.operation.path:  # the owner of what is posted there is who posts it
        case.path_parameters = {**path, "country_code": "DE", "party_id": "ALL"}


def _fit_body(case: Any) -> None:
    body, path = case.body, case.path_parameters or {}
    last = (re.findall(r"{(\w+)}", case.operation.path) or [""])[-1]
    for name, parameter in (("country_code", "country_code"), ("party_id", "party_id"), (KEYS.get(last), last)):
        if name in body and parameter in path:
            body[name] = unquote(path[parameter])
    if "booking_location_id" in body and case.operation.method.upper() == "POST":
        body |= {"booking_location_id": "BL1", "location_id": "LOC1"}
    if "type" in body and "/tokens/" in case.operation.path:
        body["type"] = (case.query or {}).get("type", "RFID")
    if "time_zone" in body:
        body["time_zone"] = "Europe/Amsterdam"
    if "response_url" in body:
        body["response_url"] = RESPONSE_URL
        stored = {**IDS, **RESERVATION}
        if set(body) <= {"response_url", "reservation_id"} or zlib.crc32(repr(sorted(body)).encode()) % 2:
            body |= {name: stored[name] for name in body if name in stored}
            if "/2.1.1/" in case.operation.path and "reservation_id" in body:
                body["reservation_id"] = int(RESERVATION["reservation_id"])


def configuration(
    *, examples: int, thoroughly: Collection[str] = (), base_url: str | None = None
) -> SchemathesisConfig:
    """Return the configuration: everything on, nothing random, bounded.

    thoroughly: the operations whose fields get all boundary values, valid and not, some thousand requests; in others
    they get the valid ones.
    """
    generation = {"deterministic": True, "max-examples": examples, "database": "none", "no-shrink": True}
    options: dict[str, Any] = {"base-url": base_url} if base_url else {}
    return SchemathesisConfig.from_dict(
        {
            **options,
            "seed": SEED,
            "request-timeout": 300,  # seconds; a busy machine is no finding
            "workers": 1,
            "continue-on-failure": True,
            "generation": generation,
            "checks": CHECKS,
            # Values from answers cost a fifth of the time; reach_the_handlers names what is there.
            "phases": {
                "coverage": {"generation": {"mode": "positive"}},
                "fuzzing": {"extra-data-sources": {"responses": False}},
                "stateful": {"max-steps": 4},
            },
            "operations": [
                *(
                    {"include-name": each, "phases": {"coverage": {"generation": {"mode": "all"}}}}
                    for each in thoroughly
                ),
                # A profile is asked of a charge point, also after one was cleared: UNKNOWN_SESSION comes with 200.
                {"include-path-regex": "/receiver/chargingprofiles/", "checks": {"use_after_free": {"enabled": False}}},
            ],
        }
    )


def worth_all_values(platform: Platform) -> list[str]:
    """Return the labels of operations that together take each class of the version, and each query, once.

    Of another version than 2.2.1 only what it has otherwise.
    """
    document = platform.ocpi.specs[platform.version.number]
    same = {cls.__name__ for cls in {*platform.version.classes()} & {*V2_2_1.classes()}}
    seen = set() if platform.version is V2_2_1 else {f"#/components/schemas/{name}" for name in same}
    found = []
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]
    for label, operation in sorted(operations, key=lambda item: not item[0].startswith("PUT")):
        taken = [operation.get("requestBody", {}), [item["name"] for item in operation.get("parameters", ())]]
        references = set(_reached(document, taken))
        if label.startswith("PATCH") or (references <= seen and "requestBody" in operation):
            continue
        if "requestBody" not in operation and (platform.version is not V2_2_1 or str(taken) in seen):
            continue
        seen |= {*references, str(taken)}
        found.append(label)
    return found


def _reached(document: Mapping[str, Any], item: Any) -> Iterator[str]:
    """Walk the schemas that something refers to, with those that they refer to."""
    waiting, seen = [item], set()
    while waiting:
        for reference in set(re.findall(r"#/components/schemas/[\w.-]+", json.dumps(waiting.pop()))) - seen:
            seen.add(reference)
            waiting.append(document["components"]["schemas"][reference.rpartition("/")[2]])
            yield reference


class Findings:
    """What a run of schemathesis found, and what it reached."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.phases: set[str] = set()
        self.checks: set[str] = set()
        self.succeeded: Counter[str] = Counter()
        self.requests = 0

    def add(self, event: Any) -> None:
        if isinstance(event, events.NonFatalError):
            self.problems.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            self.problems.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            self.phases.add(event.phase.value)
            self._add_recorded(event.recorder)

    def _add_recorded(self, recorder: Any) -> None:
        for id, nodes in recorder.checks.items():
            for node in nodes:
                self.checks.add(node.name)
                if node.status == Status.FAILURE:
                    failure = node.failure_info.failure
                    told = f"{recorder.label}: {failure.title}: {failure.message}"
                    self.problems.append(f"{told}\n{_shown(recorder, id)}")
        for id, interaction in recorder.interactions.items():
            self.requests += 1
            response = interaction.response
            if response is not None and response.status_code in (200, 201) and response.json()["status_code"] == 1000:
                node = recorder.cases.get(id)
                if node is not None and node.value.operation.method.upper() == interaction.request.method:
                    self.succeeded[node.value.operation.label] += 1


def _shown(recorder: Any, id: str) -> str:
    interaction = recorder.interactions.get(id)
    if interaction is None:
        return ""
    sent = interaction.request
    answer = interaction.response.text[:500] if interaction.response is not None else "no answer"
    return f"{sent.method} {sent.uri}\n{sent.headers}\n{sent.body!r:.1500}\n-> {answer}"


def thin_out(schema: Any) -> None:
    """Of the boundary values, send the first of each kind in each operation, and every twelfth of the others."""
    seen: Counter[tuple[Any, ...]] = Counter()

    @schema.hook
    def filter_case(context: Any, case: Any) -> bool:
        if case.meta.phase.name != TestPhase.COVERAGE:
            return True
        value = case.meta.phase.data
        kind = (case.operation.label, case.meta.generation.mode, value.scenario, value.parameter_location)
        seen[kind] += 1
        return seen[kind] % THINNED == 1


def run(schema: Any, platform: Platform) -> Findings:
    """Run all phases of schemathesis."""
    schema.auth(refresh_interval=None)(type("AuthorizeHere", (Authorize,), {"platform": platform}))
    findings = Findings()
    for event in from_schema(schema).execute():
        findings.add(event)
    return findings


def check_findings(findings: Findings, platform: Platform) -> None:
    """Nothing was found, and what could be was looked at."""
    assert not findings.problems, "\n\n".join(findings.problems[:20])
    operations = [
        f"{method.upper()} {path}"
        for path, item in platform.ocpi.specs[platform.version.number]["paths"].items()
        for method in item
        if method != "parameters"
    ]
    assert set(operations) == set(findings.succeeded)
    hooks = {"authorize", *platform.commands}
    hooks |= {"preferences"} if platform.version.operation("sessions", "put_charging_preferences") else set()
    hooks |= {"GET", "PUT", "DELETE"} if platform.version.module("chargingprofiles") else set()
    hooks |= {"activate", "deactivate", "update", "booking"} if platform.version.module("payments") else set()
    assert set(platform.asked) == hooks
    assert findings.phases == {"examples", "coverage", "fuzzing", "stateful"}
    assert set(schemathesis.checks.CHECKS.get_all_names()) - findings.checks == set()


@pytest.fixture
def wsgi_probes(monkeypatch) -> None:
    """Let the probes of ignored_auth reach an app: they bring settings along that in-process calls do not take."""
    send = WSGITransport.send

    def send_without_settings(self: Any, case: Any, **options: Any) -> Any:
        if options.get("session") is None:
            options = {name: value for name, value in options.items() if name not in SOCKET_SETTINGS}
        return send(self, case, **options)

    monkeypatch.setattr(WSGITransport, "send", send_without_settings)


@pytest.mark.usefixtures("wsgi_probes")
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_in_process(version, thorough):
    platform = Platform(version)
    thoroughly = worth_all_values(platform)
    schema = schemathesis.openapi.from_wsgi(
        f"/ocpi/openapi-{version.number}.json", platform.app, config=configuration(examples=3, thoroughly=thoroughly)
    )

    if not thorough:
        thin_out(schema)
    findings = run(schema, platform)

    check_findings(findings, platform)


@pytest.mark.parametrize(
    ("body", "query", "status_code", "fails"),
    [
        ('{"id": 5}', "", 1000, True),
        ("[]", "", 1000, True),
        ('{"id": "5"}', "?limit=0", 1000, True),
        ('{"id": "5"}', "?limit=1", 1000, False),
        ('{"id": 5}', "?limit=0", 2001, False),
    ],
    ids=["body", "shape", "query", "valid", "refused"],
)
def test_check_finds_accepted_data(body, query, status_code, fails):
    limit = {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1}}
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    document = {"requestBody": {"content": {"application/json": {"schema": schema}}}, "parameters": [limit]}
    operation = SimpleNamespace(
        label="PUT /x",
        method="put",
        definition=SimpleNamespace(raw=document),
        schema=SimpleNamespace(raw_schema={"components": {}}),
    )
    request = SimpleNamespace(method="PUT", body=body, url=f"http://127.0.0.1/x{query}")
    response = SimpleNamespace(status_code=200, json=lambda: {"status_code": status_code}, request=request)

    with pytest.raises(Failure) if fails else nullcontext():
        accepts_only_valid_data(None, response, SimpleNamespace(operation=operation))


def test_over_a_socket(thorough):
    platform = Platform()
    with served(platform.app) as url:
        schema = schemathesis.openapi.from_url(
            f"{url}/ocpi/openapi-2.2.1.json", config=configuration(examples=2, base_url=url)
        )

        if not thorough:
            thin_out(schema)
        findings = run(schema, platform)

    check_findings(findings, platform)
