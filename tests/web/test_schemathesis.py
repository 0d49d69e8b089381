"""Schemathesis over our own OpenAPI document: every check, every phase, in-process and over a socket.

OCPI answers well-formed JSON that breaks a rule with HTTP 200 and status_code 2001, so 200 is an expected answer to
negative data; instead `accepts_only_valid_data` proves that nothing the document excludes is ever a success.

The caller is a partner with all roles, a hub among them, so that it may push for any party. What would end or change
its registration (POST, PUT and DELETE on credentials) is called with a token made for that one call.
"""

from __future__ import annotations

import json
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

from flask_ocpi.auth_tokens import authorization
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.serving import served

DOCUMENT = "/ocpi/openapi-2.2.1.json"
OWN_ROLES = ["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]
PARTNER = [("DE", "ALL", [*OWN_ROLES, "HUB"])]
# What the examples of the document name, and what is stored beforehand.
IDS = {"country_code": "NL", "party_id": "ABC", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1"}
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
    if body is not None:
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
            SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "PLT", OWN_ROLES)], OCPI_ALLOW_SHARED_PARTIES=True
        )
        self.ocpi = OCPI(self.app, storage=MemoryStorage(), transport=self.network, clock=self.network.clock)
        self.partner = add_partner(self.app, PARTNER)
        self._store_objects()
        self._answer_handshakes()

    def _store_objects(self) -> None:
        tree = evse(uid="3256", connectors=[connector()])
        self.ocpi.save("locations", location(party_id="PLT", evses=[tree]))
        path = "/ocpi/2.2.1/receiver/locations/NL/ABC/LOC1"
        assert self.partner.put(path, location(evses=[tree])).status_code == 1000

    def _answer_handshakes(self) -> None:
        """Serve the platform that the credentials in the examples of the document belong to."""
        example = self.network.add("ocpi.example.com", [("NL", "ABC", ["CPO"])])
        example.invite(name="caller", token="example-token-not-a-secret")

    def token_for(self, method: str, path: str) -> str:
        """Return a token that opens an operation; a new one where the call uses it up."""
        if path.endswith("/credentials") and method == "POST":
            return self.ocpi.invite(name="new")[1]
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
    path = case.path_parameters or {}
    if path and zlib.crc32(repr(sorted(path.items())).encode()) % 2:
        case.path_parameters = path = {name: IDS[name] for name in path}
    for name, value in (("OCPI-to-country-code", "NL"), ("OCPI-to-party-id", "PLT")):
        if name in (case.headers or {}):
            case.headers[name] = value
    body = case.body
    if not isinstance(body, dict) or not path:
        return
    names = ["country_code", "party_id"] if len(path) == 3 else []
    key = {3: "id", 4: "uid", 5: "id"}[len(path)]
    for name, parameter in [*zip(names, names, strict=True), (key, list(path)[-1])]:
        if name in body:
            body[name] = unquote(path[parameter])
    if "time_zone" in body:
        body["time_zone"] = "Europe/Amsterdam"


def configuration(*, examples: int, base_url: str | None = None) -> SchemathesisConfig:
    """Return the configuration: everything on, nothing random, bounded."""
    generation = {"deterministic": True, "max-examples": examples, "database": "none", "no-shrink": True}
    options: dict[str, Any] = {"base-url": base_url} if base_url else {}
    return SchemathesisConfig.from_dict(
        {
            **options,
            "seed": SEED,
            "workers": 1,
            "continue-on-failure": True,
            "generation": generation,
            "checks": CHECKS,
            # Values from answers cost a fifth of the time; reach_the_handlers names what is there.
            "phases": {"fuzzing": {"extra-data-sources": {"responses": False}}, "stateful": {"max-steps": 4}},
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
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, platform.app, config=configuration(examples=8))

    findings = run(schema, platform)

    check_findings(findings, platform)


def test_over_a_socket(platform):
    with served(platform.app) as url:
        schema = schemathesis.openapi.from_url(f"{url}{DOCUMENT}", config=configuration(examples=3, base_url=url))

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
