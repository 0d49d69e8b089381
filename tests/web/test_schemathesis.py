"""Schemathesis over our own OpenAPI document: every check, every phase, in-process and over a socket.

OCPI answers well-formed JSON that breaks a rule with HTTP 200 and status_code 2001, so 200 is an expected answer to
negative data; instead `accepts_only_valid_data` proves that nothing the document excludes is ever a success.

The caller is a partner with all roles, a hub among them, so that it may push for any party. What would end or change
its registration (POST, PUT and DELETE on credentials) is called with a token made for that one call.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import Status
from schemathesis.engine import events
from schemathesis.engine import from_schema
from schemathesis.transport.wsgi import WSGITransport

from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import Call
from flask_ocpi.extension import OCPI
from flask_ocpi.modules.enums import CommandType
from flask_ocpi.partners.auth_tokens import authorization
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
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.conformance.operations import MODULES
from tests.serving import served
from tests.urls import ocpi_url

DOCUMENT = "/ocpi/openapi-2.2.1.json"
OWN_ROLES = ["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]
PARTNER = [("DE", "ALL", [*OWN_ROLES, "HUB"])]
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
}
XYZ = {"country_code": "DE", "party_id": "XYZ"}
# The property of the body that the last segment of the path is.
KEYS = {"location_id": "id", "evse_uid": "uid", "connector_id": "id", "session_id": "id", "tariff_id": "id"}
KEYS |= {"token_uid": "uid", "party_id": "party_id"}
RESPONSE_URL = "https://emsp.example.com/results?a=b&c=d"
RESERVATION = {"reservation_id": "RES1", "location_id": "LOC1", "evse_uid": "3256"}
# Requests of ours whose results are awaited: operation and where its result is sent.
AWAITED = {
    "commands/{command}": ("commands", "start_session"),
    "chargingprofiles/active_profile": ("chargingprofiles", "get_active_profile"),
    "chargingprofiles/set_profile": ("chargingprofiles", "set_profile"),
    "chargingprofiles/clear_profile": ("chargingprofiles", "clear_profile"),
}
CHECKS = {"negative_data_rejection": {"expected-statuses": ["200", "400", "401", "403", "404", "405", "413", "415"]}}
SOCKET_SETTINGS = {"max_redirects", "verify", "cert", "proxies"}
SEED = 20260101

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
    components = case.operation.schema.raw_schema["components"]
    body = operation.get("requestBody")
    if body is not None and (response.request.body or body["required"]):
        schema = body["content"]["application/json"]["schema"]
        _require_valid(json.loads(response.request.body), schema, components, case)
    for name, text in parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] == name:
                value = int(text) if parameter["schema"]["type"] == "integer" else text
                _require_valid(value, parameter["schema"], components, case)


def _require_valid(value: Any, schema: dict[str, Any], components: dict[str, Any], case: Any) -> None:
    for error in Draft202012Validator({**schema, "components": components}).iter_errors(value):
        raise Failure(
            operation=case.operation.label,
            title="Data that the document excludes was answered with success",
            message=f"{error.json_path}: {error.message[:300]}",
        )


class Platform:
    """The platform under test, and the tokens to call it with."""

    def __init__(self) -> None:
        self.network = Network()
        self.app = Flask("schemathesis_platform", root_path=".")
        self.app.config.update(
            SECRET_KEY="a secret",
            OCPI_MODULES=MODULES,
            OCPI_PARTIES=[party_settings("NL", "PLT", OWN_ROLES)],
            OCPI_ALLOW_SHARED_PARTIES=True,
            OCPI_CALLBACK_HOSTS=["emsp.example.com"],
            OCPI_DISPATCHER="inline",
            OCPI_MAX_UNKNOWN_TOKENS=0,
            OCPI_RECEIVE="strict",  # the document is the letter of OCPI
        )
        self.ocpi = OCPI(self.app, storage=MemoryStorage(), transport=self.network, clock=self.network.clock)
        self.partner = add_partner(self.app, PARTNER)
        self.asked: Counter[str] = Counter()
        self._answer_what_is_asked()
        self._store_objects()
        self._answer_handshakes()

    def _answer_what_is_asked(self) -> None:
        """Let the host application accept, at once or later, and be counted."""
        ocpi = self.ocpi
        ocpi.authorizer(lambda token, location: self._note("authorize", "ALLOWED" if location else "NO_CREDIT"))
        ocpi.charging_preferences(lambda session, preferences: self._note("preferences", "ACCEPTED"))
        for command in CommandType:
            ocpi.command(command)(lambda request, reply, name=command: self._note(name, self._accept(reply)))
        for method in ("GET", "PUT", "DELETE"):
            result = {"result": "REJECTED" if method == "GET" else "ACCEPTED"}
            ocpi.charging_profile(method)(
                lambda request, reply, name=method, result=result: self._note(name, self._accept(reply, result))
            )

    def _note(self, name: str, answer: Any) -> Any:
        self.asked[name] += 1
        return answer

    def _accept(self, reply: Any, result: Any = "ACCEPTED") -> Any:
        return reply.accept(lambda: result)

    def _store_objects(self) -> None:
        tree = evse(uid="3256", connectors=[connector()], capabilities=["CHARGING_PREFERENCES_CAPABLE"])
        token_of_partner = {**session()["cdr_token"], "country_code": "DE", "party_id": "ALL"}
        self.ocpi.save("locations", location(**OWN, evses=[tree]))
        self.ocpi.save("sessions", session(**OWN, evse_uid="3256", cdr_token=token_of_partner))
        self.ocpi.save("cdrs", cdr(**OWN))
        self.ocpi.save("tariffs", tariff(**OWN))
        self.ocpi.save("tokens", token(**OWN))
        self.ocpi.save("hubclientinfo", client_info())
        receiver = ocpi_url("receiver")
        for path, document in (
            ("locations/NL/ABC/LOC1", location(evses=[tree])),
            ("sessions/NL/ABC/SES1", session()),
            ("tariffs/NL/ABC/11", tariff(id="11")),
            ("tokens/DE/XYZ/12345678905880", token(**XYZ)),
            ("hubclientinfo/DE/XYZ", client_info(**XYZ)),
        ):
            assert self.partner.put(f"{receiver}/{path}", document).http_status == 201
        assert self.partner.post(f"{receiver}/cdrs", cdr()).http_status == 201
        reservation = {**RESERVATION, "response_url": RESPONSE_URL, "expiry_date": "2030-01-01T00:00:00Z"}
        reserved = self.partner.post(
            f"{receiver}/commands/RESERVE_NOW", {**reservation, "token": token(**token_of_partner)}
        )
        assert reserved.data["result"] == "ACCEPTED"
        for segment, (module, operation) in AWAITED.items():
            call = Call(segment.split("/")[1], module, operation, self.partner.platform.id, {})
            pending.start_call(self.ocpi.services, call)

    def _answer_handshakes(self) -> None:
        """Serve the platform that the credentials in the examples of the document belong to."""
        example = self.network.add("ocpi.example.com", [("NL", "ABC", ["CPO"])])
        example.partners.invite(name="caller", token="example-token-not-a-secret")

    def token_for(self, method: str, path: str) -> str:
        """Return a token that opens an operation; a new one where the call uses it up."""
        if path.endswith("/credentials") and method == "POST":
            return self.ocpi.partners.invite(name="new")[1]
        if path.endswith("/credentials") and method in ("PUT", "DELETE"):
            return add_partner(self.app, PARTNER, name="passing").token
        return self.partner.token


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


def _fit_body(case: Any) -> None:
    body, path = case.body, case.path_parameters or {}
    if "country_code" in path:
        last = re.findall(r"{(\w+)}", case.operation.path)[-1]
        for name, parameter in (("country_code", "country_code"), ("party_id", "party_id"), (KEYS[last], last)):
            if name in body:
                body[name] = unquote(path[parameter])
    if "type" in body and "/tokens/" in case.operation.path:
        body["type"] = (case.query or {}).get("type", "RFID")
    if "time_zone" in body:
        body["time_zone"] = "Europe/Amsterdam"
    if "response_url" in body:
        body["response_url"] = RESPONSE_URL
        stored = {**IDS, **RESERVATION}
        if zlib.crc32(repr(sorted(body)).encode()) % 2:
            body |= {name: stored[name] for name in body if name in stored}


def configuration(*, examples: int, coverage: str, base_url: str | None = None) -> SchemathesisConfig:
    """Return the configuration: everything on, nothing random, bounded.

    coverage: "all" boundary values of every field, valid and not, some ten thousand requests; or "positive" ones.
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
                "coverage": {"generation": {"mode": coverage}},
                "fuzzing": {"extra-data-sources": {"responses": False}},
                "stateful": {"max-steps": 4},
            },
        }
    )


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


def run(schema: Any, platform: Platform) -> Findings:
    """Run all phases of schemathesis."""
    schema.auth(refresh_interval=None)(type("AuthorizeHere", (Authorize,), {"platform": platform}))
    findings = Findings()
    for event in from_schema(schema).execute():
        findings.add(event)
    return findings


@pytest.fixture
def platform() -> Platform:
    return Platform()


def check_findings(findings: Findings, platform: Platform) -> None:
    """Nothing was found, and what could be was looked at."""
    assert not findings.problems, "\n\n".join(findings.problems[:20])
    operations = [
        f"{method.upper()} {path}"
        for path, item in platform.ocpi.specs["2.2.1"]["paths"].items()
        for method in item
        if method != "parameters"
    ]
    assert set(operations) == set(findings.succeeded)
    assert set(platform.asked) == {"authorize", "preferences", "GET", "PUT", "DELETE", *CommandType}
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
def test_in_process(platform):
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, platform.app, config=configuration(examples=5, coverage="all"))

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


def test_over_a_socket(platform):
    with served(platform.app) as url:
        schema = schemathesis.openapi.from_url(
            f"{url}{DOCUMENT}", config=configuration(examples=2, coverage="positive", base_url=url)
        )

        findings = run(schema, platform)

    check_findings(findings, platform)
