"""Every error below our prefix becomes an OCPI envelope; other errors of the app are untouched."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint
from flask import Response
from flask import current_app
from flask import request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.exceptions import default_exceptions

from flask_ocpi.core.responses import envelope
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import CrowdedError
from flask_ocpi.errors import HubError
from flask_ocpi.errors import HubTimeoutError
from flask_ocpi.errors import MethodNotAllowedError
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import PayloadTooLargeError
from flask_ocpi.errors import ReceiverNotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import ServerError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnknownReceiverError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.logs import carried
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.web.answers import Answer
from flask_ocpi.web.answers import SurroundingHeaders
from flask_ocpi.web.incoming import Incoming

_log = logging.getLogger("flask_ocpi")
#: As Flask keeps them: by HTTP status, then by class.
ErrorHandlers = defaultdict[int | None, dict[type[Exception], Callable[[Any], Response]]]
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def error_response(error: OCPIError, services: Services, around: SurroundingHeaders) -> Response:
    """Answer an error in the envelope."""
    incoming = Incoming.of(request.environ)
    body = envelope(error.data, now=services.clock(), status_code=error.status_code, message=error.message)
    response = Answer(
        body,
        error.http_status,
        {**error.extra_headers, **around.of(incoming)},
        status_code=error.status_code,
        message=error.message,
    )
    for action in error.after:
        response.call_on_close(carried(action))
    return response


def error_handlers(services: Services, *, functional: bool) -> ErrorHandlers:
    """Return what answers all errors of blueprints, of functional modules or not, in the envelope.

    Blueprints share it: registering forty handlers on each of thirty blueprints takes a third of the start of an app.
    """
    around = SurroundingHeaders(services, functional=functional)

    def handle(error: Exception) -> Response:
        return error_response(_known(error, services), services, around)

    # For each code as well: otherwise the host's handler for a code would come before ours.
    kinds: list[tuple[int | None, type[Exception]]] = [(None, Exception), *default_exceptions.items()]
    return defaultdict(dict, {code: {kind: handle} for code, kind in kinds})


def share_error_handlers(blueprint: Blueprint, handlers: ErrorHandlers) -> None:
    """Give a blueprint these error handlers when it is registered; they come before its own for the same errors."""

    def add(state: BlueprintSetupState) -> None:
        found: dict[str | None, Any] = state.app.error_handler_spec
        own = found.get(state.name, {})
        merged = {code: {**own.get(code, {}), **handlers.get(code, {})} for code in {*own, *handlers}}
        found[state.name] = defaultdict(dict, merged) if own else handlers

    blueprint.record(add)


def _known(error: Exception, services: Services) -> OCPIError:
    """Return the error that a request is answered with; log those that the caller did not make."""
    where = (request.method, request.path)
    if isinstance(error, OCPIError):
        if error.http_status >= 500 or 3000 <= error.status_code < 4000:
            _log.warning("%s %s: %s", *where, error.message)
        return error
    if isinstance(error, HTTPException):
        return _translate(error, services)
    if isinstance(error, RemoteError | UnknownPlatformError):
        _log.warning("%s %s could not be passed on: %s", *where, error)
        return _passed_on(error)
    if isinstance(error, StorageError):
        _log.error("%s %s failed: %s", *where, error, exc_info=error)
        return ServerError("The server could not reach its storage; try again later.")
    _log.error("%s %s failed.", *where, exc_info=error)
    return ServerError("The server failed to handle this request.", http_status=500)


def not_routed(services: Services, around: SurroundingHeaders) -> Response:
    """Answer a path below our prefix without an operation: 405 with Allow if another method would fit, else 404."""
    allowed = allowed_methods()
    if allowed:
        error: OCPIError = MethodNotAllowedError(
            f"{request.method[:20]} is not offered here; {', '.join(allowed)} is.",
            headers={"Allow": ", ".join(allowed)},
        )
    else:
        error = NotFoundError(f"There is no OCPI endpoint at {request.path[:200]!a}.")
    return error_response(error, services, around)


def allowed_methods() -> list[str]:
    """Return the methods that have an operation for the current path."""
    adapter = current_app.create_url_adapter(request)
    found = []
    for method in _METHODS:
        try:
            endpoint, _ = adapter.match(method=method)  # type: ignore[union-attr]
        except HTTPException:
            continue
        if endpoint != request.endpoint:
            found.append(method)
    return found


def _passed_on(error: RemoteError | UnknownPlatformError) -> OCPIError:
    """Return the error of another partner, to which a hook passed the request on (CLI-15, RT-20, RT-21).

    The OCPI status stays the same. The HTTP status stays between us and that partner, except a 404 about an object in
    the URL, such as a Token. A 401 concerns our own token, so it is not passed on.
    """
    if isinstance(error, RefusedError) and error.status_code and error.http_status != 401:
        data = _repeated(error.data)
        said = f": {error.status_message}" if error.status_message else "."
        message = f"The platform that this was passed on to answered {error.status_code}{said}"
        http_status = 404 if error.http_status == 404 and request.view_args else 200
        return OCPIError(message, status_code=error.status_code, http_status=http_status, data=data)
    if isinstance(error, UnknownPlatformError):
        return UnknownReceiverError("The platform that this is to be passed on to is not known here.")
    if isinstance(error, (UnansweredError, NoResultError)):
        return HubTimeoutError("The platform that this was passed on to did not answer in time.")
    if isinstance(error, CrowdedError):
        return ReceiverNotConnectedError("Too many requests wait for the platform that this was to be passed on to.")
    # A blocked address gets the answer of an unreachable one: the caller itself may have named it.
    if isinstance(error, (UnreachableError, NotConnectedError, BlockedAddressError)):
        return ReceiverNotConnectedError("The platform that this was passed on to cannot be reached.")
    return HubError("The platform that this was passed on to could not be asked.")


def _repeated(data: object) -> bytes | None:
    """Return the data of an answer as JSON text; None without data, or if it is nested too deep."""
    try:
        return None if data is None else orjson.dumps(data)
    except orjson.JSONEncodeError:
        return None


def _translate(error: HTTPException, services: Services) -> OCPIError:
    if isinstance(error, RequestEntityTooLarge):
        limit = services.settings.max_body_bytes
        return PayloadTooLargeError(f"The body is larger than {limit} bytes (OCPI_MAX_BODY_BYTES).")
    if isinstance(error, MethodNotAllowed):
        return MethodNotAllowedError(str(error.description), headers={"Allow": ", ".join(error.valid_methods or ())})
    code = error.code or 500
    if code >= 500:
        return ServerError("The server failed to handle this request.", http_status=code)
    if code < 400:
        return ServerError("The server tried to redirect this request.", http_status=500)
    retry = {name: value for name, value in error.get_headers() if name == "Retry-After"}
    return ClientError(str(error.description), http_status=code, headers=retry)
