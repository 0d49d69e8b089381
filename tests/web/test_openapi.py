"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

import json
import re

import pytest
from openapi_spec_validator import validate

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing import documents
from flask_ocpi.web.answers import error_responses
from tests.urls import ocpi_url
from tests.web.document import JSON
from tests.web.document import SPEC
from tests.web.document import errors
from tests.web.document import module_of
from tests.web.document import operation_of
from tests.web.document import operations
from tests.web.document import parameters
from tests.web.document import resolved

FUNCTIONAL = ["locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles"]
MODULES = [*FUNCTIONAL, "hubclientinfo"]
SIDES = ["SENDER", "RECEIVER"]
TOKEN_TYPE = {"type": "string", "enum": ["AD_HOC_USER", "APP_USER", "OTHER", "RFID"]}
OPERATIONS = [pytest.param(path, method, doc, id=doc["operationId"]) for path, method, doc in operations()]
EVERY_OPERATION = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


def those(wanted):
    """Parametrise a test with some of the operations."""
    return pytest.mark.parametrize(
        ("path", "method", "operation"), [item for item in OPERATIONS if wanted(*item.values)]
    )


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
    assert names == ["versions", "credentials", *(f"{module} {side}" for module in MODULES for side in SIDES)]
    assert used == set(names)


@EVERY_OPERATION
def test_parameters_are_described(path, method, operation):
    listed = parameters(path, operation)

    assert set(re.findall(r"{(\w+)}", path)) == {name for name, item in listed.items() if item["in"] == "path"}
    assert all(item["description"] for item in listed.values())
    assert {"X-Request-ID", "X-Correlation-ID"} <= set(listed)
    assert ("OCPI-to-party-id" in listed) == (module_of(path) in FUNCTIONAL)


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


@pytest.mark.conformance("PUSH-03", "PUSH-04")
@those(lambda path, method, operation: method == "put" and "{country_code}" in path)
def test_examples_of_path_and_body_name_the_same_object(path, method, operation):
    shown = {name: item["example"] for name, item in parameters(path, operation).items() if item["in"] == "path"}
    last = re.findall(r"{(\w+)}", path)[-1]
    key = {"token_uid": "uid", "evse_uid": "uid", "party_id": "party_id"}.get(last, "id")

    for example in operation["requestBody"]["content"][JSON]["examples"].values():
        assert example["value"][key] == shown[last]
        assert example["value"].get("country_code", shown["country_code"]) == shown["country_code"]


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

    hidden = "receiver/hubclientinfo" in path
    creates = (method == "put" and "{country_code}" in path) or (method == "post" and path.endswith("/cdrs"))
    expected = {"200", "401", "429", "500"}
    expected |= {"201"} if creates else set()
    expected |= {"400", "408", "413", "415"} if "requestBody" in operation else set()
    expected |= {"403"} if module_of(path) in MODULES and not hidden else set()
    expected |= {"404"} if "{" in path or hidden else set()
    expected |= {"405"} if "credentials" in path and method != "get" else set()
    assert set(answers) == expected
    for status in expected - {"200", "201"}:
        assert resolved(answers[status])["content"][JSON]["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


@those(lambda path, method, operation: "404" in operation["responses"])
def test_404_has_the_code_of_what_is_missing(path, method, operation):
    codes = {"locations": 2003, "tokens": 2004}

    example = resolved(operation["responses"]["404"])["content"][JSON]["example"]

    assert example["status_code"] == codes.get(module_of(path), 2001)


def test_a_hidden_interface_is_404_without_parameters_too():
    operation = Operation("list_secrets", "GET", "", "List secrets", handler=lambda ctx, target, body: None)
    module = Module("nltnm-secrets", "Secrets.", ())

    answers = {
        hidden: [
            answer.http_status
            for answer in error_responses(module, Interface(InterfaceRole.SENDER, (), hidden=hidden), operation)
        ]
        for hidden in (False, True)
    }

    assert answers == {False: [401, 403, 429, 500], True: [401, 404, 429, 500]}


def test_a_sent_cdr_is_located():
    post = SPEC["paths"][ocpi_url("receiver/cdrs")]["post"]

    for status in ("201", "200"):
        header = resolved(post["responses"][status]["headers"]["Location"])
        assert (header["schema"]["format"], header["schema"]["maxLength"]) == ("uri", 255)
        assert header["description"]
        link = post["responses"][status]["links"]["get_cdr"]
        assert link["parameters"]["cdr_id"] == "$request.body#/id"
    assert "replaced" not in post["responses"]["200"]["description"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("tokens_sender_authorize", ["2002", "2004"]),
        ("commands_receiver_start_session", ["2003"]),
        ("commands_receiver_reserve_now", ["2003"]),
        ("commands_receiver_unlock_connector", ["2003"]),
    ],
)
def test_codes_beyond_the_usual_ones_are_named(name, codes):
    description = operation_of(name)[1]["description"]

    assert all(code in description for code in codes)


def test_the_body_of_authorize_may_be_left_out():
    bodies = {doc["operationId"]: doc["requestBody"] for _, _, doc in operations() if "requestBody" in doc}

    assert [name for name, body in bodies.items() if not body["required"]] == ["tokens_sender_authorize"]


ASKING = {
    "commands_receiver_cancel_reservation": "CommandResult",
    "commands_receiver_reserve_now": "CommandResult",
    "commands_receiver_start_session": "CommandResult",
    "commands_receiver_stop_session": "CommandResult",
    "commands_receiver_unlock_connector": "CommandResult",
    "chargingprofiles_receiver_get_active_profile": "ActiveChargingProfileResult",
    "chargingprofiles_receiver_set_profile": "ChargingProfileResult",
    "chargingprofiles_receiver_clear_profile": "ClearProfileResult",
}


@pytest.mark.conformance("CMD-06", "CHP-08")
@EVERY_OPERATION
def test_results_that_come_later_are_documented(path, method, operation):
    assert ("callbacks" in operation) == (operation["operationId"] in ASKING)
    for expressions in operation.get("callbacks", {}).values():
        ((expression, item),) = expressions.items()
        content = item["post"]["requestBody"]["content"][JSON]
        assert item["post"]["requestBody"]["required"]
        assert content["schema"] == {"$ref": f"#/components/schemas/{ASKING[operation['operationId']]}"}
        assert set(content["examples"]) == {"complete", "required"}
        assert not [found for e in content["examples"].values() for found in errors(e["value"], content["schema"])]
        assert item["post"]["security"] == [{"CredentialsToken": []}]
        assert {"200", "404"} == set(item["post"]["responses"])
        headers = {resolved(parameter)["name"] for parameter in item["post"]["parameters"]}
        assert {"X-Request-ID", "X-Correlation-ID", "OCPI-to-party-id", "OCPI-from-party-id"} <= headers
        assert_names_the_response_url(expression, path, operation)


def assert_names_the_response_url(expression, path, operation):
    if expression == "{$request.body#/response_url}":
        schema = resolved(operation["requestBody"]["content"][JSON]["schema"])
        assert "response_url" in schema["required"]
    else:
        assert expression == "{$request.query.response_url}"
        assert parameters(path, operation)["response_url"]["required"]


@pytest.mark.parametrize(
    ("name", "parameter", "required", "schema"),
    [
        ("tokens_sender_authorize", "type", False, TOKEN_TYPE),
        ("tokens_receiver_get_token", "type", False, TOKEN_TYPE),
        ("tokens_receiver_put_token", "type", False, TOKEN_TYPE),
        ("tokens_receiver_patch_token", "type", False, TOKEN_TYPE),
        ("chargingprofiles_receiver_get_active_profile", "duration", True, {"type": "integer", "minimum": 0}),
        ("chargingprofiles_receiver_get_active_profile", "response_url", True, {"type": "string", "maxLength": 255}),
        ("chargingprofiles_receiver_clear_profile", "response_url", True, {"type": "string", "maxLength": 255}),
    ],
)
def test_query_parameters_are_those_of_the_specification(name, parameter, required, schema):
    path, operation = operation_of(name)

    found = parameters(path, operation)[parameter]

    assert (found["in"], found["required"]) == ("query", required)
    assert schema.items() <= found["schema"].items()
    assert found["description"]
    assert "example" in found


@those(lambda path, method, operation: "parameters" in operation)
def test_a_query_holds_no_null(path, method, operation):
    schemas = [item["schema"] for item in parameters(path, operation).values() if item["in"] == "query"]

    assert schemas
    assert not [schema for schema in schemas if schema["type"] == "null" or None in schema.get("enum", ())]


@EVERY_OPERATION
def test_message_ids_are_required_in_every_answer(path, method, operation):
    for answer in operation["responses"].values():
        headers = {name: resolved(item) for name, item in resolved(answer)["headers"].items()}
        assert headers["X-Request-ID"]["required"]
        assert headers["X-Correlation-ID"]["required"]


LISTS = ["locations", "sessions", "cdrs", "tariffs", "tokens", "hubclientinfo"]


@pytest.mark.parametrize("module", LISTS)
def test_list_documents_its_paging(module):
    operation = SPEC["paths"][ocpi_url(f"sender/{module}")]["get"]

    assert ("date_from" in operation["description"]) == (module == "sessions")
    assert {"Link", "X-Total-Count", "X-Limit"} <= set(operation["responses"]["200"]["headers"])
    assert {item["name"]: item["schema"]["type"] for item in operation["parameters"]} == {
        "date_from": "string",
        "date_to": "string",
        "offset": "integer",
        "limit": "integer",
        "cursor": "string",
    }


def test_list_may_be_empty_but_not_left_out():
    schema = SPEC["paths"][ocpi_url("sender/locations")]["get"]["responses"]["200"]["content"][JSON]["schema"]
    envelope = {"status_code": 1000, "timestamp": "2024-05-31T12:00:00.000Z"}

    assert not errors({**envelope, "data": []}, schema)
    assert errors(envelope, schema)
    assert errors({**envelope, "data": None}, schema)
    assert errors({**envelope, "data": {}}, schema)


def test_patch_requires_last_updated_only():
    names = [name for name in SPEC["components"]["schemas"] if name.endswith("Patch")]

    assert names == ["ConnectorPatch", "EVSEPatch", "LocationPatch", "SessionPatch", "TokenPatch"]
    for name in names:
        assert SPEC["components"]["schemas"][name]["required"] == ["last_updated"]


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("Location", documents.location()),
        ("EVSE", documents.evse()),
        ("Connector", documents.connector()),
        ("Session", documents.session()),
        ("CDR", documents.cdr()),
        ("Tariff", documents.tariff()),
        ("Token", documents.token()),
        ("ClientInfo", documents.client_info()),
        ("StartSession", documents.start_session()),
        ("SetChargingProfile", documents.set_charging_profile()),
        ("Credentials", documents.credentials()),
    ],
)
def test_optional_properties_may_be_null_and_required_ones_not(name, smallest):
    schema = {"$ref": f"#/components/schemas/{name}"}
    optional = set(SPEC["components"]["schemas"][name]["properties"]) - set(smallest)

    assert not errors({**smallest, **dict.fromkeys(optional)}, schema)
    for key in smallest:
        assert errors({**smallest, key: None}, schema), key
        assert errors({other: value for other, value in smallest.items() if other != key}, schema), key


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

    assert (errors(documents.location(last_updated=text), schema) == []) is valid


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
