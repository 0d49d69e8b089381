"""Registers this platform on its app: routes, documentation, health and the watch over requests."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint
from flask import Flask

from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Version
from flask_ocpi.exchange.context import Services
from flask_ocpi.host.state import State
from flask_ocpi.web.api import Api
from flask_ocpi.web.blueprints import add_catch_all
from flask_ocpi.web.blueprints import module_blueprint
from flask_ocpi.web.errorhandlers import ErrorHandlers
from flask_ocpi.web.errorhandlers import error_handlers
from flask_ocpi.web.headers import RestConverter
from flask_ocpi.web.headers import SegmentConverter
from flask_ocpi.web.headers import request_id
from flask_ocpi.web.health import register_health
from flask_ocpi.web.logs import attach_filters
from flask_ocpi.web.messages import RequestWatch
from flask_ocpi.web.pages import Documents
from flask_ocpi.web.pages import register_docs
from flask_ocpi.web.pages import register_start

_log = logging.getLogger("flask_ocpi")


def serve(app: Flask, state: State) -> None:
    """Register all routes of the platform on an app."""
    services = state.services
    app.url_map.converters |= {"ocpi": SegmentConverter, "ocpi_rest": RestConverter}
    makers = {}
    watched: dict[str, str | None] = {"ocpi": None}
    routed: set[str] = set()
    of_configuration = error_handlers(services, functional=False)
    of_functional = error_handlers(services, functional=True)
    for version in services.versions:
        api = Api(app, version=version.number, about=partial(_about, services, version), policy=services.schemas.policy)
        for name, module in _add_modules(api, services, version, of_configuration, of_functional).items():
            watched[name] = module.id
            if not module.configuration:
                routed.add(name)
        makers[version.number] = partial(_finished, api)
    state.specs = Documents(makers)
    add_catch_all(app, Blueprint("ocpi", __name__), services, of_configuration)
    attach_filters()
    RequestWatch(app, services, watched, routed=routed, ended=partial(_ended, app, state))
    if services.settings.health:
        register_health(app, services, partial(_is_dispatching, app, state))
    if services.settings.docs:
        register_docs(app, services, state.specs)
    register_start(app, services)


def emitter(app: Flask) -> Callable[..., None]:
    """Return a function that calls the host's listeners of a signal."""

    def emit(signal: Any, **payload: Any) -> None:
        """Call the listeners; stored data stays stored if one of them fails."""
        for receiver in signal.receivers_for(app) if signal.receivers else ():
            try:
                receiver(app, **payload)
            except Exception:
                _log.exception("A listener of %s failed (request %s).", signal.name, request_id())

    return emit


def _add_modules(
    api: Api, services: Services, version: Version, of_configuration: ErrorHandlers, of_functional: ErrorHandlers
) -> dict[str, Module]:
    """Register the served modules of a version; return them by the names of their blueprints."""
    added: dict[str, Module] = {}
    for module in version.modules:
        if module.extend or any(services.serves(module, interface.role) for interface in module.interfaces):
            handlers = of_configuration if module.configuration else of_functional
            blueprint = module_blueprint(services, version, module, handlers)
            api.register_blueprint(blueprint)
            added[blueprint.name] = module
    return added


def _ended(app: Flask, state: State) -> None:
    """Do the work that follows an answered request."""
    state.services.findings.write_inline()
    if state.services.traffic.contacts.is_due:
        state.services.traffic.contacts.flush()
    if not app.testing:
        state.dispatcher.serve()


def _is_dispatching(app: Flask, state: State) -> bool:
    if not app.testing:
        state.dispatcher.serve()  # a process that gets only health checks looks for work as well
    return state.dispatcher.is_alive()


def _about(services: Services, version: Version) -> dict[str, Any]:
    from flask_ocpi.web.openapi import document_options  # only when a document is read

    return document_options(services, version)


def _finished(api: Api) -> dict[str, Any]:
    from flask_ocpi.web.openapi import finish

    return finish(api.document())
