"""The parts of the OpenAPI document beyond the schemas: names, headers, answers, and the text for Authorize."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import orjson

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Services
from flask_ocpi.web.answers import ERROR_ANSWERS
from flask_ocpi.web.answers import METHOD_NOT_ALLOWED
from flask_ocpi.web.answers import TOO_MANY_REQUESTS
from flask_ocpi.web.answers import UNAUTHORIZED
from flask_ocpi.web.answers import ErrorAnswer
from flask_ocpi.web.answers import error_responses
from flask_ocpi.web.api import ErrorResponse
from flask_ocpi.web.examples import envelope_example
from flask_ocpi.web.examples import examples_of
from flask_ocpi.web.examples import mistake_examples
from flask_ocpi.web.examples import path_example
from flask_ocpi.web.headers import CORRELATION_ID
from flask_ocpi.web.headers import FROM_COUNTRY
from flask_ocpi.web.headers import FROM_PARTY
from flask_ocpi.web.headers import REQUEST_ID
from flask_ocpi.web.headers import TO_COUNTRY
from flask_ocpi.web.headers import TO_PARTY

SECURITY_SCHEME = "CredentialsToken"
JSON = "application/json"

DESCRIPTION = """\
OCPI {version}, as this platform serves it for {parties}.

### Authorize
{authorize}

A registration token (made by `flask ocpi invite`) opens *versions* and *credentials*; the token that a
registration returns opens the rest.

### Answers
Every answer is an envelope. HTTP 200 says that the request was understood; its `status_code` says how it went: 1xxx
is success, 2xxx a mistake in the request, 3xxx a failure of the server. `status_message` names what to mend.

### Headers
`X-Request-ID` and `X-Correlation-ID` may hold any text and come back with the answer.{routing}

### Values
Properties that are not required may be null, which is the same as leaving them out. `#NA` stands in a required string
for what cannot be known. Properties that OCPI does not define are never refused.
"""

_AUTHORIZE = """\
Press *Authorize* and enter the whole header value: `Token`, a blank, and your credentials token in Base64. For the
token `example-token` that is `Token ZXhhbXBsZS10b2tlbg==`. In a shell:
`echo "Token $(printf %s "$TOKEN" | base64 -w0)"`."""
_AUTHORIZE_PLAIN = """\
Press *Authorize* and enter the whole header value: `Token`, a blank, and your credentials token."""
_ROUTING = (
    " The `OCPI-to-*` and\n"
    "`OCPI-from-*` headers name the parties; they may be left out where each side has a single one, "
    "and come back exchanged."
)
_PLAIN = "plain"

_INTERFACES = {
    "SENDER": "The Sender interface, which Receivers call.",
    "RECEIVER": "The Receiver interface, which Senders call.",
}
_REQUEST_ID = "5c6b7ce8-8a6e-4d33-a21a-0b1b1d4f3c11"
_CORRELATION_ID = "a3c29a37-6f63-4cf4-8e1c-52d1f2a8b2c5"
_REFERENCE = re.compile(r"#/components/(\w+)/([\w.-]+)")


def document_options(services: Services, version: Version) -> dict[str, Any]:
    """Return the top of the OpenAPI document of a version."""
    parties = ", ".join(
        f"{party.country_code}-{party.party_id} ({', '.join(party.roles)})" for party in services.settings.parties
    )
    name = services.settings.parties[0].business_details["name"]
    is_plain = version.dialect.token_encoding == _PLAIN
    in_base64 = " in Base64: `Token ZXhhbXBsZS10b2tlbg==`"
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": f"Enter `Token`, a blank and your credentials token{'' if is_plain else in_base64}.",
    }
    description = DESCRIPTION.format(
        version=version.number,
        parties=parties,
        authorize=_AUTHORIZE_PLAIN if is_plain else _AUTHORIZE,
        routing=_ROUTING if version.dialect.routing else "",
    )
    return {
        "title": f"OCPI platform of {name}",
        "info": {"description": description},
        "components": {"securitySchemes": {SECURITY_SCHEME: scheme}},
        "security": [{SECURITY_SCHEME: []}],
        "tags": [
            {"name": tag_name(module, interface), "description": tag_description(module, interface)}
            for module in version.modules
            for interface in module.interfaces
            if services.serves(module, interface.role)
        ],
    }


def tag_name(module: Module, interface: Interface) -> str:
    """Return the tag of a module and interface: ``locations SENDER``."""
    return str(module.id) if module.single else f"{module.id} {interface.role}"


def tag_description(module: Module, interface: Interface) -> str:
    return module.description if module.single else f"{module.description} {_INTERFACES[interface.role]}"


def operation_id(module: Module, interface: Interface, operation: Operation) -> str:
    """Name an operation uniquely: ``locations_receiver_put_evse``."""
    side = "" if module.single else f"{interface.role.lower()}_"
    return f"{module.id}_{side}{operation.name}"


def operation_doc(version: Version, module: Module, interface: Interface, operation: Operation) -> dict[str, Any]:
    """Return the OpenAPI operation, without the parts that the decorators of the view add."""
    codes = [f"{int(code)} ({code.name.lower().replace('_', ' ')})" for code in operation.errors]
    sentences = [
        operation.description,
        "OCPI has callers send date_from here." if operation.dated else "",
        f"Also answers {', '.join(codes)}." if codes else "",
    ]
    text = " ".join(filter(None, sentences))
    examples = examples_of(version)
    succeeding = examples.of_success(operation)
    links = _links(module, interface, operation)
    responses: dict[HTTPStatus, Any] = {HTTPStatus.OK: _answer({**succeeding, **mistake_examples(operation)}, links)}
    if operation.created:
        responses[HTTPStatus.CREATED] = {"description": "Stored for the first time.", **_answer(succeeding, links)}
    for error in error_responses(module, interface, operation):
        responses[error.http_status] = {"description": error.description}
    doc: dict[str, Any] = {
        "operationId": operation_id(module, interface, operation),
        "summary": operation.summary,
        "security": [{SECURITY_SCHEME: []}],
        "responses": responses,
    }
    if text:
        doc["description"] = text
    if operation.body is not None:
        doc["requestBody"] = {"content": {JSON: {"examples": examples.of_body(operation)}}}
    if operation.result is not None:
        doc["callbacks"] = {"result": _callback(version, module, operation, operation.result)}
    return doc


def _callback(version: Version, module: Module, operation: Operation, result: type[Schema]) -> dict[str, Any]:
    """Describe the request that later brings the result to the response_url."""
    source = "query.response_url" if operation.body is None else "body#/response_url"
    return {
        f"{{$request.{source}}}": {
            "post": {
                "summary": "The result, once the charge point gave it",
                "description": "Only after the answer ACCEPTED. Sent once, with the token that you gave"
                + (", and with the routing headers of the request exchanged." if version.dialect.routing else "."),
                "security": [{SECURITY_SCHEME: []}],
                "parameters": [
                    _reference("parameters", header["name"]) for header in _header_parameters(version, module)
                ],
                "requestBody": {
                    "required": True,
                    "content": {JSON: {"schema": result, "examples": examples_of(version).of_class(result)}},
                },
                "responses": {
                    str(int(HTTPStatus.OK)): {"description": "Taken: an envelope without data."},
                    str(int(HTTPStatus.NOT_FOUND)): {"description": "No result is awaited there."},
                },
            }
        }
    }


def parameters(version: Version, module: Module, operation: Operation) -> list[dict[str, Any]]:
    """Return the path and header parameters of an operation."""
    path = [
        {
            "in": "path",
            "name": parameter.name,
            "required": True,
            "description": parameter.description,
            "schema": {
                "type": "string",
                "minLength": parameter.min,
                "maxLength": parameter.max,
                "pattern": "^[ -~]+$",
            },
            "example": path_example(operation, parameter),
        }
        for parameter in operation.parameters
    ]
    return path + _header_parameters(version, module)


def _header_parameters(version: Version, module: Module) -> list[dict[str, Any]]:
    headers = [
        _header(REQUEST_ID, "Unique to this request; comes back with the answer.", _REQUEST_ID),
        _header(CORRELATION_ID, "The same over all hops of a message.", _CORRELATION_ID),
    ]
    if version.routes(module):
        headers += [
            _header(TO_COUNTRY, "Country code of the party the request is for.", "", 2),
            _header(TO_PARTY, "Party id of the party the request is for.", "", 3),
            _header(FROM_COUNTRY, "Country code of the party that sends it.", "", 2),
            _header(FROM_PARTY, "Party id of the party that sends it.", "", 3),
        ]
    return headers


def response_headers(version: Version, module: Module, operation: Operation) -> dict[str, Any]:
    """Return the headers of a successful answer."""
    headers = _message_headers()
    if version.routes(module):
        text: dict[str, Any] = {"schema": {"type": "string"}}
        headers |= {
            TO_COUNTRY: {"description": "OCPI-from-country-code of the request.", **text},
            TO_PARTY: {"description": "OCPI-from-party-id of the request.", **text},
            FROM_COUNTRY: {"description": "OCPI-to-country-code of the request.", **text},
            FROM_PARTY: {"description": "OCPI-to-party-id of the request.", **text},
        }
    if operation.located:
        where = "The URL under which what was sent can be read again."
        headers["Location"] = {"description": where, "schema": {"type": "string", "format": "uri", "maxLength": 255}}
    if operation.query is not None and operation.returns_list:
        number: dict[str, Any] = {"schema": {"type": "integer", "minimum": 0}}
        headers |= {
            "Link": {
                "description": 'The URL of the next page, with rel="next"; not on the last page.',
                "schema": {"type": "string"},
            },
            "X-Total-Count": {"description": "How many objects match and may be seen by the caller.", **number},
            "X-Limit": {"description": "How many objects a page can have at the most.", **number},
        }
    return headers


def success_description(operation: Operation) -> str:
    if operation.object is not None and operation.object.final and operation.created:
        return "The very same was stored before. Or an error in the request: see status_code."
    if operation.created:
        return "Stored; replaced what was there. Or an error in the request: see status_code."
    return "Success, or an error in the request: see status_code."


def finish(spec: dict[str, Any]) -> dict[str, Any]:
    """Complete a generated document: required properties of PATCH, shared components, without surplus parts."""
    components = spec["components"]
    for name in ("responses", "headers", "parameters"):
        components.setdefault(name, {})
    for path in spec["paths"].values():
        operations = [item for method, item in path.items() if method != "parameters"]
        if not all("operationId" in operation for operation in operations):
            continue  # a route of Module.extend: it is documented as its author wrote it
        path["parameters"] = [_shared_parameter(item, components["parameters"]) for item in path.get("parameters", ())]
        for operation in operations:
            _finish_operation(operation, components)
    for name, schema in components["schemas"].items():
        if name.endswith("Patch") and "last_updated" in schema.get("properties", {}):
            schema["required"] = ["last_updated"]
    spec["components"] = _referenced(spec["paths"], components)
    return spec


def _finish_operation(operation: dict[str, Any], components: dict[str, Any]) -> None:
    if "parameters" in operation:
        operation["parameters"] = [_query_parameter(item) for item in operation["parameters"]]
    answers = operation["responses"]
    answers.pop("422", None)
    created = answers.get("201")
    if created is not None:
        created["content"][JSON]["schema"] = answers["200"]["content"][JSON]["schema"]
        created["headers"] = answers["200"]["headers"]
    success = answers["200"]["content"][JSON]
    success["schema"] = {"oneOf": [success["schema"], _reference("schemas", ErrorResponse.__name__)]}
    for status, described in answers.items():
        answer = ERROR_ANSWERS.get(described["description"])
        if answer is not None:
            components["responses"].setdefault(answer.name, _error_component(answer))
            answers[status] = _reference("responses", answer.name)
    for answered in (*answers.values(), *components["responses"].values()):
        if "headers" in answered:
            answered["headers"] = _shared_headers(answered["headers"], components["headers"])
    operation["responses"] = dict(sorted(answers.items()))


def _shared_parameter(parameter: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    if parameter["in"] != "header":
        return parameter
    shared[parameter["name"]] = parameter
    return _reference("parameters", parameter["name"])


def _reference(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _shared_headers(headers: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    shared.update({name: header for name, header in headers.items() if "$ref" not in header})
    return {name: _reference("headers", name) for name in headers}


def _query_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """Remove null from a query parameter: an optional one is left out instead."""
    schema = dict(parameter["schema"])
    if isinstance(schema.get("type"), list):
        schema["type"] = schema["type"][0]
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    example = {"example": schema.pop("example")} if "example" in schema else {}
    return {**parameter, "schema": schema, **example}


def _error_component(answer: ErrorAnswer) -> dict[str, Any]:
    headers = _message_headers()
    text = {"schema": {"type": "string"}, "required": True}
    if answer is UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"description": "The scheme: Token.", **text}
    if answer is TOO_MANY_REQUESTS:
        headers["Retry-After"] = {"description": "The seconds to wait.", **text}
    if answer is METHOD_NOT_ALLOWED:
        headers["Allow"] = {"description": "The methods that are possible now.", **text}
    content = {
        "schema": _reference("schemas", ErrorResponse.__name__),
        "example": envelope_example(answer.status_code, answer.message),
    }
    return {"description": answer.description, "headers": headers, "content": {JSON: content}}


def _message_headers() -> dict[str, Any]:
    text: dict[str, Any] = {"schema": {"type": "string"}, "required": True}
    return {
        REQUEST_ID: {"description": "As in the request, or made up.", **text},
        CORRELATION_ID: {"description": "As in the request, or made up.", **text},
    }


def _answer(examples: dict[str, Any], links: dict[str, Any]) -> dict[str, Any]:
    return {"content": {JSON: {"examples": examples}}, **({"links": links} if links else {})}


def _links(module: Module, interface: Interface, operation: Operation) -> dict[str, Any]:
    """Link the next calls: objects that were put or posted, or are in a list, can be got."""
    links = {}
    for other in interface.operations:
        if other is operation or other.object is not operation.object or other.object is None:
            continue
        if operation.created and other.path == operation.path:
            values = {parameter.name: f"$request.path.{parameter.name}" for parameter in other.parameters}
            defaults = other.object.defaults if other.query is not None else ()
            values |= {name: f"$request.body#/{name}" for name, _ in defaults}
        elif operation.located and other.method == "GET":
            names = [parameter.name for parameter in other.parameters]
            values = {name: f"$request.body#/{key}" for name, key in zip(names, other.object.key, strict=True)}
        elif operation.returns_list and other.method == "GET" and len(other.parameters) == 1:
            values = {other.parameters[0].name: f"$response.body#/data/0/{other.object.key[-1]}"}
        else:
            continue
        links[other.name] = {"operationId": operation_id(module, interface, other), "parameters": values}
    return links


def _referenced(paths: Any, components: dict[str, Any]) -> dict[str, Any]:
    """Return the used components, directly or through others, sorted; and the security schemes."""
    found: set[tuple[str, str]] = {("securitySchemes", name) for name in components["securitySchemes"]}
    waiting = [paths]
    while waiting:
        references = set(_REFERENCE.findall(orjson.dumps(waiting.pop()).decode())) - found
        found |= references
        waiting += [components[kind][name] for kind, name in references]
    kept: dict[str, Any] = {}
    for kind, name in sorted(found):
        kept.setdefault(kind, {})[name] = components[kind][name]
    return kept


def _header(name: str, description: str, example: str, length: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if length:
        schema |= {"minLength": length, "maxLength": length, "pattern": "^[A-Za-z0-9]*$"}
    header = {"in": "header", "name": name, "required": False, "description": description, "schema": schema}
    return {**header, "example": example} if example else header
