"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from flask_ocpi.auth_tokens import authorization
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.golden import platform as platform_with_everything

JSON = "application/json"
METHODS = ("get", "put", "post", "patch", "delete")


def _load() -> dict[str, Any]:
    return json.loads(json.dumps(platform_with_everything().extensions["ocpi"].specs["2.2.1"]))


SPEC = _load()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


OPERATIONS = [pytest.param(path, method, doc, id=doc["operationId"]) for path, method, doc in operations()]
EVERY_OPERATION = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


def resolved(item: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, if there is one."""
    reference = item.get("$ref")
    if reference is None:
        return item
    found: Any = SPEC
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def errors(value: Any, schema: dict[str, Any], validator: Any = Draft202012Validator) -> list[str]:
    checker = validator({**schema, "components": SPEC["components"]})
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def parameters(path: str, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    listed = [*SPEC["paths"][path].get("parameters", []), *operation.get("parameters", [])]
    return {item["name"]: item for item in map(resolved, listed)}


def test_document_is_valid():
    validate(SPEC)

    assert SPEC["openapi"].startswith("3.1.")


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))


def test_document_tells_what_to_put_into_authorize():
    scheme = SPEC["components"]["securitySchemes"]["CredentialsToken"]

    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    for text in (scheme["description"], SPEC["info"]["description"]):
        assert "Base64" in text
        assert "`Token ZXhhbXBsZS10b2tlbg==`" in text
    assert authorization("example-token") == "Token ZXhhbXBsZS10b2tlbg=="


@EVERY_OPERATION
def test_operation_has_summary_tag_and_security(path, method, operation):
    described = {tag["name"]: tag["description"] for tag in SPEC["tags"]}

    assert operation["summary"]
    assert operation.get("description") != ""
    assert len(operation["tags"]) == 1
    assert described[operation["tags"][0]]
    assert operation["security"] == [{"CredentialsToken": []}]


def test_each_module_and_interface_has_a_tag_of_its_own():
    used = {operation["tags"][0] for _, _, operation in operations()}

    names = [tag["name"] for tag in SPEC["tags"]]
    assert names == ["versions", "credentials", "locations SENDER", "locations RECEIVER"]
    assert used == {tag["name"] for tag in SPEC["tags"]}


@EVERY_OPERATION
def test_parameters_are_described(path, method, operation):
    listed = parameters(path, operation)

    assert set(re.findall(r"{(\w+)}", path)) == {name for name, item in listed.items() if item["in"] == "path"}
    assert all(item["description"] for item in listed.values())
    assert {"X-Request-ID", "X-Correlation-ID"} <= set(listed)
    assert ("OCPI-to-party-id" in listed) == ("locations" in path)


@EVERY_OPERATION
def test_parameter_examples_fit_their_schemas(path, method, operation):
    wrong = [
        (name, found)
        for name, item in parameters(path, operation).items()
        if "example" in item
        for found in errors(item["example"], item["schema"])
    ]

    assert not wrong


@EVERY_OPERATION
def test_request_body_has_examples_that_fit(path, method, operation):
    content = operation.get("requestBody", {}).get("content", {})

    assert bool(content) == (method in ("put", "post", "patch"))
    for media in content.values():
        assert media["examples"]
        for name, example in media["examples"].items():
            assert not errors(example["value"], media["schema"]), name


@EVERY_OPERATION
def test_answers_are_envelopes_with_examples_that_fit(path, method, operation):
    for status, answer in operation["responses"].items():
        media = resolved(answer)["content"][JSON]
        examples = [item["value"] for item in media["examples"].values()] if "examples" in media else [media["example"]]
        for example in examples:
            assert not errors(example, media["schema"]), status
            assert {"status_code", "timestamp"} <= set(example)
    success = operation["responses"]["200"]["content"][JSON]["examples"]
    assert [success[name]["value"]["status_code"] for name in ("success", "mistake")] == [1000, 2001]


@EVERY_OPERATION
def test_errors_are_documented_with_the_envelope(path, method, operation):
    answers = operation["responses"]

    expected = {"200", "401", "500"}
    expected |= {"201"} if method == "put" and "{" in path else set()
    expected |= {"400", "413", "415"} if "requestBody" in operation else set()
    expected |= {"403"} if "locations" in path else set()
    expected |= {"404"} if "{" in path else set()
    expected |= {"405"} if "credentials" in path and method != "get" else set()
    assert set(answers) == expected
    for status in expected - {"200", "201"}:
        assert resolved(answers[status])["content"][JSON]["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


@EVERY_OPERATION
def test_message_ids_are_required_in_every_answer(path, method, operation):
    for answer in operation["responses"].values():
        headers = {name: resolved(item) for name, item in resolved(answer)["headers"].items()}
        assert headers["X-Request-ID"]["required"]
        assert headers["X-Correlation-ID"]["required"]


def test_list_documents_its_paging():
    operation = SPEC["paths"]["/ocpi/2.2.1/sender/locations"]["get"]

    assert {"Link", "X-Total-Count", "X-Limit"} <= set(operation["responses"]["200"]["headers"])
    assert {item["name"]: item["schema"]["type"] for item in operation["parameters"]} == {
        "date_from": "string",
        "date_to": "string",
        "offset": "integer",
        "limit": "integer",
        "cursor": "string",
    }


def test_list_may_be_empty_but_not_left_out():
    schema = SPEC["paths"]["/ocpi/2.2.1/sender/locations"]["get"]["responses"]["200"]["content"][JSON]["schema"]
    envelope = {"status_code": 1000, "timestamp": "2024-05-31T12:00:00.000Z"}

    assert not errors({**envelope, "data": []}, schema)
    assert errors(envelope, schema)
    assert errors({**envelope, "data": None}, schema)
    assert errors({**envelope, "data": {}}, schema)


def test_patch_requires_last_updated_only():
    names = [name for name in SPEC["components"]["schemas"] if name.endswith("Patch")]

    assert names == ["ConnectorPatch", "EVSEPatch", "LocationPatch"]
    for name in names:
        assert SPEC["components"]["schemas"][name]["required"] == ["last_updated"]


def test_optional_properties_may_be_null_and_required_ones_not():
    schema = {"$ref": "#/components/schemas/Location"}
    optional = set(SPEC["components"]["schemas"]["Location"]["properties"]) - set(location())

    assert not errors({**location(), **dict.fromkeys(optional)}, schema)
    for name in location():
        assert errors({**location(), name: None}, schema), name
        assert errors({key: value for key, value in location().items() if key != name}, schema), name


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2024-05-31T12:00:00Z", True),
        ("2024-05-31T12:00:00", True),
        ("2024-05-31T12:00:00.123Z", True),
        ("2024-05-31T12:00:00+00:00", True),
        ("2024-05-31 12:00:00Z", False),
        ("2024-05-31", False),
        ("2024-05-31T12:00:00+02:00", False),
    ],
)
def test_date_times_are_described_for_those_who_do_not_know_the_format(text, valid):
    schema = {"$ref": "#/components/schemas/Location"}

    assert (errors(location(last_updated=text), schema) == []) is valid


def test_nothing_of_the_framework_leaks():
    text = json.dumps(SPEC)

    leaks = ["PaginationMetadata", "ErrorSchema", "X-Pagination", "UNPROCESSABLE", "DEFAULT_ERROR", "smorest", '"422"']
    for leak in leaks:
        assert leak not in text
    assert set(SPEC["components"]) == {"headers", "parameters", "responses", "schemas", "securitySchemes"}
    assert '"default": {' not in text


def test_every_component_is_used():
    text = json.dumps(SPEC)

    unused = [
        f"{kind}/{name}"
        for kind in ("headers", "parameters", "responses", "schemas")
        for name in SPEC["components"][kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]
    assert not unused


def test_links_name_operations_and_their_parameters():
    known = {operation["operationId"]: (path, operation) for path, _, operation in operations()}

    links = [
        link
        for _, _, operation in operations()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]

    assert links
    for link in links:
        path, operation = known[link["operationId"]]
        assert set(link["parameters"]) <= set(parameters(path, operation))


class Caller:
    """Sends requests and compares each answer with what the document says of it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, operation_id: str, *, expect: tuple[int, int], client: Any = None, **options: Any) -> Any:
        path, method, operation = next(item for item in operations() if item[2]["operationId"] == operation_id)
        values = options.pop("path", {})
        answer = (client or self.client).open(method.upper(), path.format(**values), **options)
        assert (answer.http_status, answer.status_code) == expect, answer.message
        described = resolved(operation["responses"][str(answer.http_status)])
        assert answer.headers["Content-Type"] in described["content"]
        found = errors(answer.envelope, described["content"][JSON]["schema"], OAS31Validator)
        assert not found, found
        self._check_headers(answer.headers, described["headers"])
        self.seen.add((operation_id, str(answer.http_status)))
        return answer

    def _check_headers(self, sent: Any, described: dict[str, Any]) -> None:
        named = {name.lower() for name in described}
        names = {name.lower() for name, _ in sent}
        assert {name.lower() for name in described if resolved(described[name]).get("required")} <= names
        assert {name for name in names if name.startswith(("x-", "ocpi-", "link", "allow", "www-"))} <= named


@pytest.fixture
def example_peer(ocpi_network):
    """The platform that the credentials in the document's examples belong to."""
    peer = ocpi_network.add("ocpi.example.com", [("DE", "XYZ", ["CPO"])])
    peer.invite(name="caller", token="example-token-not-a-secret")
    return peer


def credentials_of_the_example_peer() -> dict[str, Any]:
    operation = SPEC["paths"]["/ocpi/2.2.1/credentials"]["post"]
    body = operation["requestBody"]["content"][JSON]["examples"]["required"]["value"]
    role = {**body["roles"][0], "country_code": "DE", "party_id": "XYZ"}
    return {**body, "roles": [role]}


def test_every_answer_of_a_session_is_as_documented(ocpi, ocpi_app, ocpi_client, example_peer):
    call = Caller(ocpi_client)
    ocpi.save("locations", {**full_location(), "country_code": "NL", "party_id": "ABC"})
    ocpi.save("locations", location(id="LOC2", evses=[evse()]))

    call("versions_get_versions", expect=(200, 1000))
    call("versions_get_version_details", expect=(200, 1000))
    _read_own_objects(call)
    _push_objects(call)
    _fail(call, add_partner(ocpi_app, [("FR", "NSP", ["SCSP"])], name="SCSP"))
    _handshake(call, ocpi, ocpi_app)

    succeeded = {id for id, status in call.seen if status in ("200", "201")}
    assert succeeded == {operation["operationId"] for _, _, operation in operations()}
    assert {status for _, status in call.seen} == {"200", "201", "400", "401", "403", "404", "405", "413", "415"}


def _read_own_objects(call: Caller) -> None:
    place = {"location_id": "LOC2", "evse_uid": "EVSE1", "connector_id": "1"}
    first = call("locations_sender_list_locations", expect=(200, 1000), query_string={"limit": 1})
    assert "Link" in first.headers
    last = call("locations_sender_list_locations", expect=(200, 1000), query_string={"offset": 1})
    assert "Link" not in last.headers
    empty = call("locations_sender_list_locations", expect=(200, 1000), query_string={"offset": 7})
    assert empty.data == []
    call("locations_sender_list_locations", expect=(200, 2001), query_string={"limit": 0})
    for name in ("location", "evse", "connector"):
        call(f"locations_sender_get_{name}", expect=(200, 1000), path=place)
        call(f"locations_sender_get_{name}", expect=(404, 2003), path={**place, "location_id": "LOC3"})


def _push_objects(call: Caller) -> None:
    routing = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "ABC"}
    routing |= {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "CPO"}
    place = {"country_code": "DE", "party_id": "CPO", "location_id": "L", "evse_uid": "EVSE1", "connector_id": "1"}
    parts = {"location": location(id="L", country_code="DE", party_id="CPO"), "evse": evse(), "connector": connector()}
    for name, body in parts.items():
        options: dict[str, Any] = {"path": place, "headers": routing}
        if name == "connector":
            other = evse(connectors=[connector(id="2")])
            call("locations_receiver_put_evse", expect=(200, 1000), json=other, **options)
        call(f"locations_receiver_put_{name}", expect=(201, 1000), json=body, **options)
        call(f"locations_receiver_put_{name}", expect=(200, 1000), json=body, **options)
        call(f"locations_receiver_get_{name}", expect=(200, 1000), **options)
        call(
            f"locations_receiver_patch_{name}",
            expect=(200, 1000),
            json={"last_updated": body["last_updated"], "future_property": [1, None]},
            **options,
        )
        call(f"locations_receiver_patch_{name}", expect=(200, 2001), json={}, **options)


def _fail(call: Caller, stranger: Any) -> None:
    place = {"country_code": "DE", "party_id": "CPO", "location_id": "L"}
    put = "locations_receiver_put_location"
    call(put, expect=(404, 2001), path={**place, "party_id": "XXX"}, json=location())
    call(put, expect=(400, 2001), path=place, data="{")
    call(put, expect=(415, 2001), path=place, data="{}", headers={"Content-Type": "text/plain"})
    call(put, expect=(413, 2001), path=place, data="[" * 20_000_000)
    call(put, expect=(401, 2000), path=place, headers={"Authorization": None})
    call(put, expect=(403, 2000), path=place, json=location(), client=stranger)


def _handshake(call: Caller, ocpi: Any, app: Any) -> None:
    call("credentials_get_credentials", expect=(200, 1000))
    call("credentials_post_credentials", expect=(405, 2000), json=credentials_of_the_example_peer())
    platform, token = ocpi.invite(name="new")
    newcomer = type(call.client)(app, token, platform=platform)
    body = credentials_of_the_example_peer()
    call("credentials_post_credentials", expect=(200, 2001), json={**body, "roles": []}, client=newcomer)
    unreachable = {**body, "url": "https://nobody.example/versions"}
    call("credentials_post_credentials", expect=(200, 3001), json=unreachable, client=newcomer)
    newcomer.token = call("credentials_post_credentials", expect=(200, 1000), json=body, client=newcomer).data["token"]
    newcomer.token = call("credentials_put_credentials", expect=(200, 1000), json=body, client=newcomer).data["token"]
    call("credentials_delete_credentials", expect=(200, 1000), client=newcomer)


def test_document_is_served_with_the_address_of_the_app(client):
    answer = client.get("/ocpi/openapi-2.2.1.json")

    assert answer.mimetype == "application/json"
    assert answer.json["servers"] == [{"url": "https://platform.example"}]
    validate(answer.json)


def test_swagger_ui_needs_nothing_from_elsewhere(client):
    page = client.get("/ocpi/docs/")

    assert page.status_code == 200
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    for reference in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        file = client.get(f"/ocpi/docs/{reference.removeprefix('./')}", buffered=True)
        assert file.status_code == 200, reference


@pytest.mark.parametrize("ocpi_config", [{"OCPI_DOCS": False}], ids=["off"])
@pytest.mark.parametrize("path", ["/ocpi/docs/", "/ocpi/openapi-2.2.1.json"])
def test_documentation_can_be_switched_off(client, path):
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.json["status_code"] == 2001


@pytest.mark.parametrize("ocpi_config", [{"OCPI_OPEN_ENUMS": ["Facility"]}], ids=["open"])
def test_open_enums_are_shown_open(ocpi):
    properties = ocpi.specs["2.2.1"]["components"]["schemas"]["Location"]["properties"]

    assert "enum" not in properties["facilities"]["items"]
    assert "CAFE" in properties["facilities"]["items"]["examples"]
    assert "PARKING_LOT" in properties["parking_type"]["enum"]
