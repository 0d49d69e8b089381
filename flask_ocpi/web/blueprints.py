"""Makes flask-smorest blueprints from descriptions, one per module and version."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from functools import partial
from typing import Any

from flask import Flask
from flask import Request
from flask import Response
from flask import request
from werkzeug.sansio.utils import get_current_url

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.quirks import NO_QUIRKS
from flask_ocpi.core.responses import envelope
from flask_ocpi.core.schema import Document
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Result
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.logs import carried
from flask_ocpi.exchange.targets import addressed_parties
from flask_ocpi.exchange.targets import resolve
from flask_ocpi.versions.reading import known_of
from flask_ocpi.versions.shaping import handler_of
from flask_ocpi.versions.shaping import shaped_text
from flask_ocpi.web import auth
from flask_ocpi.web.answers import Answer
from flask_ocpi.web.answers import SurroundingHeaders
from flask_ocpi.web.api import Blueprint
from flask_ocpi.web.api import Documentation
from flask_ocpi.web.api import add_route
from flask_ocpi.web.api import response_schema
from flask_ocpi.web.errorhandlers import ErrorHandlers
from flask_ocpi.web.errorhandlers import not_routed
from flask_ocpi.web.errorhandlers import share_error_handlers
from flask_ocpi.web.incoming import Incoming
from flask_ocpi.web.incoming import read_document
from flask_ocpi.web.incoming import read_query


def module_blueprint(services: Services, version: Version, module: Module, handlers: ErrorHandlers) -> Blueprint:
    """Build the blueprint of one module, with a view for every operation of every served interface.

    handlers: those of functional modules, or of configuration modules.
    """
    blueprint = Blueprint(f"ocpi_{version.slug}_{module.id}", __name__, description=module.description)
    described: set[str] = set()
    for interface in module.interfaces:
        if not services.serves(module, interface.role):
            continue
        for operation in interface.operations:
            described |= _add_view(blueprint, services, version, module, interface, operation)
    if module.extend is not None:
        module.extend(blueprint)

        def begin() -> None:
            current = request._get_current_object()  # type: ignore[attr-defined]
            if current.endpoint not in described:  # any registered partner may call it
                _admit(services, version, module, None, current, Incoming.of(current.environ), is_result=False)

        blueprint.before_request(begin)
    share_error_handlers(blueprint, handlers)
    return blueprint


def url_rule(services: Services, version: Version, module: Module, interface: Interface, operation: Operation) -> str:
    """Return the URL of an operation from the root of the app, with ``{parameters}``."""
    prefix = services.settings.url_prefix
    if operation.rooted:
        return f"{prefix}{operation.path}"
    return f"{prefix}/{version.number}{module.path_of(interface)}{operation.path}"


def add_catch_all(app: Flask, blueprint: Any, services: Services, handlers: ErrorHandlers) -> None:
    """Answer every other path and method below the prefix in the envelope, without touching the app's error pages."""
    around = SurroundingHeaders(services, functional=False)
    share_error_handlers(blueprint, handlers)
    app.register_blueprint(blueprint)
    endpoint = f"{blueprint.name}.not_routed"
    prefix = services.settings.url_prefix

    def view(**_: str) -> Response:
        return not_routed(services, around)

    for path in (prefix, f"{prefix}/<ocpi_rest:rest>"):
        add_route(app, path, endpoint, view)


def _admit(
    services: Services,
    version: Version,
    module: Module,
    interface: Interface | None,
    current: Request,
    incoming: Incoming,
    *,
    is_result: bool,
) -> Context:
    """Return the caller and the receiver before the body is read, from the token, the roles and the routing headers.

    interface: None for routes of ``Module.extend``. is_result: as in :func:`flask_ocpi.web.auth.authorize`.
    """
    current.max_content_length = services.settings.max_body_bytes
    caller = auth.authenticate(services, incoming, current.remote_addr)
    url = partial(_absolute_url, services, current)
    auth.authorize(services, caller, version, module, interface, current.method, url=url, is_result=is_result)
    routing = auth.routing_of(version, module, caller, services.platforms, incoming.environ)
    return Context(services, version, caller, routing, url)


def _absolute_url(services: Services, current: Request, path: str) -> str:
    root = services.settings.base_url or _root_url(current.scheme, current.host, current.root_path)
    return f"{root}{services.settings.url_prefix}/{path}"


@lru_cache(256)
def _root_url(scheme: str, host: str, root_path: str) -> str:
    """Return ``Request.root_url``, which quotes it anew each time."""
    return get_current_url(scheme, host, root_path).rstrip("/")


def _add_view(
    blueprint: Blueprint,
    services: Services,
    version: Version,
    module: Module,
    interface: Interface,
    operation: Operation,
) -> set[str]:
    """Register one operation: flask-smorest's decorators document it, and the view itself is called.

    Returns its endpoints.
    """
    schemas = services.schemas
    body = query = None
    if operation.body is not None:
        body = schemas.partial(operation.body) if operation.partial else schemas[operation.body]
    if operation.query is not None:
        query = schemas[operation.query]
    view = _view(services, version, module, interface, operation, query=query, body=body)

    def describe() -> Documentation:
        from flask_ocpi.web import openapi  # only when a document is read

        documented = blueprint.response(
            200,
            response_schema(operation.returns, many=operation.returns_list),
            description=openapi.success_description(operation),
            headers=openapi.response_headers(version, module, operation),
        )(view)
        if body is not None:
            documented = blueprint.arguments(body, location="json", required=operation.body_required)(documented)
        if query is not None:
            documented = blueprint.arguments(query, location="query")(documented)
        documented = blueprint.doc(**openapi.operation_doc(version, module, interface, operation))(documented)
        parameters = openapi.parameters(version, module, operation)
        return Documentation(documented, operation.method, parameters, tags=[openapi.tag_name(module, interface)])

    methods = [operation.method]
    if operation.method == "GET" and operation.result is None:  # an operation with a result asks a charge point
        methods.append("HEAD")
    rule, name = _rule(services, version, module, interface, operation), module.view_name(interface.role, operation)
    blueprint.add_view(rule, name, view, methods=methods, describe=describe)
    endpoints = {f"{blueprint.name}.{name}"}
    if operation.alias is not None:
        aliased = operation.aliased
        view = _view(services, version, module, interface, aliased, query=query, body=body)
        rule = _rule(services, version, module, interface, aliased)
        blueprint.add_view(rule, f"{name}_alias", view, methods=methods)
        endpoints.add(f"{blueprint.name}.{name}_alias")
    return endpoints


def _rule(services: Services, version: Version, module: Module, interface: Interface, operation: Operation) -> str:
    rule = url_rule(services, version, module, interface, operation)
    return rule.replace("{", "<ocpi:").replace("}", ">")


def _note(context: Context, module: Module, kind: str, came: str, outcome: str) -> None:
    context.services.findings.add(Finding(context.platform.id, kind, str(module.id), came=came, outcome=outcome))


def _view(
    services: Services,
    version: Version,
    module: Module,
    interface: Interface,
    operation: Operation,
    *,
    query: Schema | None,
    body: Schema | None,
) -> Callable[..., Response]:
    """Make the view function: it checks the caller, reads query and body, and puts the result in the envelope."""
    around = SurroundingHeaders(services, functional=not module.configuration)
    is_strict = services.settings.receive == "strict"
    returns = operation.returns
    shape = None if returns is None or issubclass(returns, StrEnum) else returns
    handler = handler_of(version, operation)
    is_result = module.takes_result(operation)
    asked = version.conversion(operation.query)

    def view(**path: str) -> Response:
        current = request._get_current_object()  # type: ignore[attr-defined]
        incoming = Incoming.of(current.environ)
        context = _admit(services, version, module, interface, current, incoming, is_result=is_result)
        auth.check_path(operation, path, context)
        parties = addressed_parties(context, module, interface)
        if operation.admits is not None:
            operation.admits(context)
        addressed = partial(resolve, context, module, interface, operation, path=path, parties=parties)

        def understand(schema: Schema, data: Any, where: str) -> Document:
            at = addressed()
            return services.read(schema, data, at.source, where=where, known=known_of(at))

        if query is None:
            target = addressed()
        else:
            found = read_query(current, query, understand)
            target = addressed(query=found if asked is None else asked.to_store(found))
        document = None
        if body is not None:
            note = None if is_strict else partial(_note, context, module)
            document = read_document(current, body, understand, required=operation.body_required, note=note)
        incoming.is_answering = True
        result: Result = handler(context, target, document)
        data = result.data
        if shape is not None and data is not None:
            quirks = services.quirks(context.caller.platform)
            if quirks is not NO_QUIRKS and quirks.shape:
                data = shaped_text(services.schemas[shape], data, quirks)
        answer = envelope(data, now=services.clock())
        response = Answer(answer, result.http_status, {**around.of(incoming), **result.headers})
        for action in result.after:
            response.call_on_close(carried(action))
        return response

    view.provide_automatic_options = False  # type: ignore[attr-defined]  # OPTIONS is a 405 like any other method
    view.__name__ = operation.name
    view.__doc__ = operation.handler.__doc__
    return view
