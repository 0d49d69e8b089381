"""Serves the OpenAPI documents of the versions, and Swagger UI."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import redirect
from flask import request

from flask_ocpi.core import forks
from flask_ocpi.exchange.context import Services
from flask_ocpi.web.pages import protect


def openapi_document(spec: Mapping[str, Any], server: str) -> dict[str, Any]:
    """Return an OpenAPI document for an address of the app (a URL, or a path on the same host)."""
    return {**spec, "servers": [{"url": server}]}


class Documents(Mapping[str, Mapping[str, Any]]):
    """The OpenAPI documents by version, each made on first use."""

    def __init__(self, makers: Mapping[str, Callable[[], Mapping[str, Any]]]) -> None:
        self._makers = makers
        self._made: dict[str, Mapping[str, Any]] = {}
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def __getitem__(self, version: str) -> Mapping[str, Any]:
        with self._lock, forks.at_work:
            if version not in self._made:
                self._made[version] = self._makers[version]()
            return self._made[version]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def register_docs(app: Flask, services: Services, specs: Mapping[str, Mapping[str, Any]]) -> None:
    """Serve ``/openapi-<version>.json`` and Swagger UI at ``/docs`` below the prefix."""
    from flask_swagger_ui import get_swaggerui_blueprint  # not if there are no docs

    prefix = services.settings.url_prefix
    documents = Blueprint("ocpi_openapi", __name__, url_prefix=prefix)
    cache: dict[tuple[str, str], bytes] = {}

    def document(version: str) -> Response:
        server = services.settings.base_url or request.script_root or "/"
        body = cache.get((version, server))
        if body is None:
            body = orjson.dumps(openapi_document(specs[version], server))
            if len(cache) < 16:
                cache[version, server] = body
        return Response(body, mimetype="application/json")

    def guarded(response: Response) -> Response:
        return protect(response, base_url=services.settings.base_url)

    names = list(specs)
    for version in names:
        name = f"document_{version.replace('.', '_')}"
        documents.add_url_rule(f"/openapi-{version}.json", name, document, defaults={"version": version})
    # Flask's own redirect to the page would use the host name that the caller sent.
    documents.add_url_rule("/docs", "to_docs", lambda: redirect("docs/", 308))
    documents.after_request(guarded)
    app.register_blueprint(documents)
    config: dict[str, Any] = {
        "app_name": "OCPI",
        "layout": "StandaloneLayout" if len(names) > 1 else "BaseLayout",
        "docExpansion": "list",
        "persistAuthorization": False,
        "oauth2RedirectUrl": "./oauth2-redirect.html",  # otherwise made from the Host header of the caller
        "validatorUrl": None,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
    }
    urls = [{"url": f"../openapi-{version}.json", "name": f"OCPI {version}"} for version in reversed(names)]
    config |= {"urls": urls} if len(urls) > 1 else {}
    # Links relative to the page work behind any proxy; the blueprint itself is mounted below our prefix.
    blueprint = get_swaggerui_blueprint(".", urls[0]["url"], config=config, blueprint_name="ocpi_docs")
    blueprint.after_request(guarded)
    app.register_blueprint(blueprint, url_prefix=f"{prefix}/docs")
