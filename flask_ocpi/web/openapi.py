"""What the OpenAPI document says beyond the schemas: names, headers, responses, and what to put into Authorize."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask_ocpi.context import Services
from flask_ocpi.description import Interface
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.description import Version
from flask_ocpi.web.headers import CORRELATION_ID
from flask_ocpi.web.headers import FROM_COUNTRY
from flask_ocpi.web.headers import FROM_PARTY
from flask_ocpi.web.headers import REQUEST_ID
from flask_ocpi.web.headers import TO_COUNTRY
from flask_ocpi.web.headers import TO_PARTY

SECURITY_SCHEME = "CredentialsToken"

DESCRIPTION = """\
OCPI {version}, as this platform serves it for: {parties}.

**Authorize**: press *Authorize* and enter the whole header value, `Token ` followed by your credentials token in Base64:
`Token ZXhhbXBsZS10b2tlbg==` for the token `example-token`. In a shell: `printf %s "$TOKEN" | base64 -w0`.
A registration token (from `flask ocpi invite`) opens *versions* and *credentials*; the token that a registration returns
opens the rest.

**Answers** come in an envelope. HTTP 200 says that the request was understood; `status_code` says how it went: 1000 is
success, 2xxx is a mistake in the request, 3xxx a failure of the server. `status_message` names what to mend.

**Headers**: `X-Request-ID` and `X-Correlation-ID` may hold any unique text and come back with the answer. The `OCPI-to-*`
and `OCPI-from-*` headers name the parties; they may be left out where each side has a single one.
"""


def document_options(services: Services, version: Version) -> dict[str, Any]:
    """Return the top of the OpenAPI document of a version."""
    parties = ", ".join(
        f"{party.country_code}-{party.party_id} ({', '.join(party.roles)})" for party in services.settings.parties
    )
    name = services.settings.parties[0].business_details["name"]
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Enter `Token ` and your credentials token in Base64, such as `Token ZXhhbXBsZS10b2tlbg==`.",
    }
    return {
        "title": f"OCPI platform of {name}",
        "info": {
            "description": DESCRIPTION.format(version=version.number, parties=parties),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "components": {"securitySchemes": {SECURITY_SCHEME: scheme}},
        "security": [{SECURITY_SCHEME: []}],
        "tags": [
            {"name": tag_name(module, interface), "description": module.description}
            for module in version.modules
            for interface in module.interfaces
            if services.serves(module, interface.role)
        ],
    }


def tag_name(module: Module, interface: Interface) -> str:
    """One tag a module and interface: ``locations SENDER``."""
    return module.id if module.single else f"{module.id} {interface.role}"


def operation_doc(version: Version, module: Module, interface: Interface, operation: Operation) -> dict[str, Any]:
    """Return what the OpenAPI operation says of itself."""
    side = "" if module.single else f"{interface.role.lower()}_"
    codes = [f"{int(code)} ({code.name.lower().replace('_', ' ')})" for code in operation.errors]
    text = [operation.description, f"Also answers {', '.join(codes)}." if codes else ""]
    return {
        "operationId": f"{module.id}_{side}{operation.name}",
        "summary": operation.summary,
        "description": " ".join(filter(None, text)),
        "security": [{SECURITY_SCHEME: []}],
    }


def parameters(module: Module, operation: Operation) -> list[dict[str, Any]]:
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
            "example": parameter.example,
        }
        for parameter in operation.parameters
    ]
    headers = [
        _header(
            REQUEST_ID, "Unique to this request; comes back with the answer.", "5c6b7ce8-8a6e-4d33-a21a-0b1b1d4f3c11"
        ),
        _header(CORRELATION_ID, "The same over all hops of a message.", "a3c29a37-6f63-4cf4-8e1c-52d1f2a8b2c5"),
    ]
    if not module.configuration:
        headers += [
            _header(TO_COUNTRY, "Country code of the party the request is for.", "NL", 2),
            _header(TO_PARTY, "Party id of the party the request is for.", "ABC", 3),
            _header(FROM_COUNTRY, "Country code of the party that sends it.", "DE", 2),
            _header(FROM_PARTY, "Party id of the party that sends it.", "EMS", 3),
        ]
    return path + headers


def response_headers(module: Module, operation: Operation) -> dict[str, Any]:
    """Return the headers of a successful answer."""
    text: dict[str, Any] = {"schema": {"type": "string"}}
    number: dict[str, Any] = {"schema": {"type": "integer", "minimum": 0}}
    headers = {
        REQUEST_ID: {"description": "As in the request.", **text},
        CORRELATION_ID: {"description": "As in the request.", **text},
    }
    if operation.query is not None and operation.returns_list:
        headers |= {
            "Link": {"description": 'The next page, rel="next"; not on the last one.', **text},
            "X-Total-Count": {"description": "Objects that match and that you may see.", **number},
            "X-Limit": {"description": "Objects on a page at the most.", **number},
        }
    return headers


def success_description(operation: Operation) -> str:
    if operation.created:
        return "Stored; replaced what was there. Or an error in the request: see status_code."
    return "Success, or an error in the request: see status_code."


def error_responses(module: Module, operation: Operation) -> Iterator[tuple[int, str]]:
    """Yield the HTTP codes beyond 200 that an operation can answer, with what they mean."""
    if operation.created:
        yield HTTPStatus.CREATED, "Stored for the first time."
    if operation.body is not None:
        yield HTTPStatus.BAD_REQUEST, "The body is not JSON."
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not declared as JSON."
    yield HTTPStatus.UNAUTHORIZED, "No token, or one that does not open this."
    if not (module.configuration and module.single):
        yield HTTPStatus.FORBIDDEN, "The roles of the calling platform do not use this interface."
    if operation.parameters:
        yield HTTPStatus.NOT_FOUND, "No such object, or not of one of your parties."
    if module.id == "credentials":
        yield HTTPStatus.METHOD_NOT_ALLOWED, "Not in this state of the registration."
    yield HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed."


def _header(name: str, description: str, example: str, length: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if length:
        schema |= {"minLength": length, "maxLength": length, "pattern": "^[A-Za-z0-9]*$"}
    return {
        "in": "header",
        "name": name,
        "required": False,
        "description": description,
        "schema": schema,
        "example": example,
    }
