"""Faults of the requests that the sandbox sends itself."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import orjson

from flask_ocpi.client import Request
from flask_ocpi.client import Response
from flask_ocpi.testing.sandbox.faults.base import Document
from flask_ocpi.testing.sandbox.faults.base import Send
from flask_ocpi.testing.sandbox.faults.base import module_of


def plain_text(request: Request, send: Send) -> Response:
    """Sends its requests as text/plain, with the Base64 of its token unpadded."""
    headers = dict(request.headers)
    if request.body is not None:
        headers["Content-Type"] = "text/plain"
    headers["Authorization"] = headers.get("Authorization", "").rstrip("=")
    return send(replace(request, headers=headers))


def plain_token(request: Request, send: Send) -> Response:
    """Sends its token without Base64."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        token = b64decode(encoded, validate=True).decode("ascii")
    except ValueError:
        return send(request)
    return send(replace(request, headers={**request.headers, "Authorization": f"{scheme} {token}"}))


def repeated_messages(request: Request, send: Send) -> Response:
    """Sends each write to a module twice, as after a lost answer."""
    if request.method in ("PUT", "PATCH", "POST") and "/receiver/" in request.url:
        send(request)
    return send(request)


def empty_authorize(request: Request, send: Send) -> Response:
    """Asks for real-time authorization with null as the body."""
    asks = request.method == "POST" and "/authorize" in request.url
    return send(replace(request, body=b"null") if asks else request)


def credentials_by_role(request: Request, send: Send) -> Response:
    """Looks for the credentials endpoint of a partner as RECEIVER only."""
    response = send(request)
    if module_of(request.url.partition("/ocpi/")[2]) != "details":
        return response
    found = orjson.loads(response.body)
    kept = [each for each in found["data"]["endpoints"] if each["identifier"] != "credentials" or _is_receiver(each)]
    body = orjson.dumps({**found, "data": {**found["data"], "endpoints": kept}})
    return replace(response, body=body)


def _is_receiver(endpoint: Document) -> bool:
    return endpoint.get("role") == "RECEIVER"
