"""What is answered is what the OpenAPI document says, with every status of every operation."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from flask_ocpi.errors import NotFoundError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.testing.network import add_partner
from flask_ocpi.web import incoming as bodies
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import HANDSHAKE
from tests.conformance.operations import Everything
from tests.conformance.operations import Example
from tests.conformance.operations import as_new
from tests.conformance.operations import every
from tests.conformance.operations import everything_anew
from tests.urls import ocpi_url
from tests.web.document import JSON
from tests.web.document import SPEC
from tests.web.document import errors
from tests.web.document import operation_of
from tests.web.document import resolved


class Checker:
    """Compares the answers of an operation with what the document says of them."""

    def __init__(self, operation_id: str) -> None:
        self.documented = operation_of(operation_id)[1]["responses"]
        self.seen: set[str] = set()

    @property
    def example_of_a_mistake(self) -> str:
        """The message of the example, which names one mistake of perhaps several."""
        message: str = self.documented["200"]["content"][JSON]["examples"]["mistake"]["value"]["status_message"]
        return message.removesuffix(".")

    def __call__(self, answer: TestResponse, http_status: int, status_code: int) -> TestResponse:
        assert (answer.http_status, answer.status_code) == (http_status, status_code), answer.message
        described = resolved(self.documented[str(http_status)])
        assert answer.headers["Content-Type"] in described["content"]
        found = errors(answer.envelope, described["content"][JSON]["schema"], OAS31Validator)
        assert not found, found
        self._check_headers(answer.headers, described["headers"])
        self.seen.add(str(http_status))
        return answer

    def _check_headers(self, sent: Any, described: dict[str, Any]) -> None:
        named = {name.lower() for name in described}
        names = {name.lower() for name, _ in sent}
        assert {name.lower() for name in described if resolved(described[name]).get("required")} <= names
        wanted = ("x-", "ocpi-", "link", "allow", "www-", "location")
        assert {name for name in names if name.startswith(wanted)} <= named


@pytest.fixture
def everything() -> Everything:
    return everything_anew()


# What the next test does not bring about: it needs two platforms, or cannot happen by itself.
NOT_SEEN = {
    "credentials_delete_credentials": {"200"},
    "chargingprofiles_sender_put_active_profile": {"404"},
}


@every(EXAMPLES)
def test_every_answer_is_as_documented(everything, example, monkeypatch):
    operation_id = example.id.replace(" ", "_")
    check = Checker(operation_id)

    _succeed(check, everything, example)
    _make_mistakes(check, everything, example)
    _come_to_the_wrong_place(check, everything, example)
    _guess_tokens(check, everything, example)
    everything.ocpi.services.platforms.callers.forget()
    monkeypatch.setattr(everything.ocpi.storage, "get", lambda *arguments, **options: 1 / 0)
    check(everything.send(example), 500, 3000)

    assert set(check.documented) - check.seen == NOT_SEEN.get(operation_id, set())


def _guess_tokens(check: Checker, everything: Everything, example: Example) -> None:
    guess = {"Authorization": authorization("a guess")}
    for _ in range(everything.ocpi.services.settings.max_unknown_tokens):
        everything.send(example, headers=guess)
    answer = check(everything.send(example, headers=guess), 429, 2000)
    assert int(answer.headers["Retry-After"]) > 0
    everything.ocpi.services.clock.advance(60)  # then it is forgotten


def _succeed(check: Checker, everything: Everything, example: Example) -> None:
    if example in HANDSHAKE:
        return
    headers = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "EMS"}
    check(everything.send(example, headers={} if example.module.configuration else headers), 200, 1000)
    if example.operation.created:
        path, body = as_new(example)
        check(everything.client(example).open(example.method, path, json=body), 201, 1000)
        check(everything.client(example).open(example.method, path, json=body), 200, 1000)


def wait_too_long(*_: Any) -> bytes:
    raise TimeoutError


def _make_mistakes(check: Checker, everything: Everything, example: Example) -> None:
    check(everything.send(example, headers={"Authorization": None}), 401, 2000)
    if example.body is not None:
        answer = check(everything.send(example, json={}), 200, 2001)
        assert answer.message.startswith(check.example_of_a_mistake)
        check(everything.send(example, data="{"), 400, 2001)
        check(everything.send(example, data="[" * 5_000_000), 413, 2001)
        check(everything.send(example, headers={"Content-Type": "text/xml"}), 415, 2001)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bodies, "_read", wait_too_long)
            check(everything.send(example), 408, 2000)
    if example.operation.query is not None:
        names = set(example.operation.query().load_fields) - {"cursor"}
        answer = check(everything.send(example, query_string=dict.fromkeys(names, "x")), 200, 2001)
        assert example.body is not None or answer.message.startswith(check.example_of_a_mistake)


def _come_to_the_wrong_place(check: Checker, everything: Everything, example: Example) -> None:
    operation = example.operation
    if example in HANDSHAKE:
        other = everything.partner if example.method == "POST" else everything.newcomer
        check(everything.send(example, client=other), 405, 2000)
    if not example.module.single:
        stranger = add_partner(everything.partner.app, [("FR", "OTH", ["OTHER"])], name="Other")
        other = everything.hub if example.id == "hubclientinfo sender list_client_infos" else stranger
        check(everything.send(example, client=other), *((404, 2001) if example.interface.hidden else (403, 2000)))
    if example.module.id == "chargingprofiles" and operation.result is not None:
        everything.ocpi.charging_profile(example.method)(_know_nothing)
        check(everything.send(example), 404, 2001)
    elif operation.parameters and not example.interface.hidden and operation.name != "put_active_profile":
        name = "party_id" if operation.owned else operation.parameters[0].name
        code = 2001 if operation.owned else {"locations": 2003, "tokens": 2004}.get(example.module.id, 2001)
        answer = everything.client(example).open(
            example.method, example.path_with({name: "XXX"}), json=example.body, query_string=dict(example.query)
        )
        check(answer, 404, code)


def _know_nothing(request: Any, reply: Any) -> str:
    raise NotFoundError("Never heard of it.")


def test_a_page_has_a_link_and_the_last_one_has_none(everything):
    check = Checker("locations_sender_list_locations")
    everything.ocpi.save("locations", documents.location(id="LOC2"))

    pages = [{"limit": 1}, {"offset": 1}, {"offset": 7}]
    answers = [everything.partner.get(ocpi_url("sender/locations"), query_string=page) for page in pages]

    assert ["Link" in check(answer, 200, 1000).headers for answer in answers] == [True, False, False]
    assert answers[2].data == []


@pytest.fixture
def example_peer(ocpi_network):
    """The platform that the credentials in the document's examples belong to."""
    peer = ocpi_network.add("ocpi.example.com", [("DE", "XYZ", ["CPO"])])
    peer.partners.invite(name="caller", token="example-token-not-a-secret")
    return peer


def test_a_handshake_is_as_documented(ocpi, ocpi_app, example_peer):
    operation = SPEC["paths"][ocpi_url("credentials")]["post"]
    example = operation["requestBody"]["content"][JSON]["examples"]["required"]["value"]
    body = {**example, "roles": [{**example["roles"][0], "country_code": "DE", "party_id": "XYZ"}]}
    client = PartnerClient(ocpi_app, ocpi.partners.invite(name="new")[1])
    post, put, delete = (Checker(f"credentials_{name}_credentials") for name in ("post", "put", "delete"))
    path = ocpi_url("credentials")

    post(client.post(path, {**body, "roles": []}), 200, 2001)
    post(client.post(path, {**body, "url": "https://nobody.example/versions"}), 200, 3001)
    client.token = post(client.post(path, body), 200, 1000).data["token"]
    client.token = put(client.put(path, body), 200, 1000).data["token"]
    delete(client.delete(path), 200, 1000)
