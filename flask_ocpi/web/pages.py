"""Pages for browsers: their headers, the OpenAPI documents with Swagger UI, and the page of an app in debug mode."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import orjson
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import current_app
from flask import redirect
from flask import render_template_string
from flask import request

from flask_ocpi.core import forks
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.exchange.context import Services
from flask_ocpi.web.current import current_ocpi

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def protect(response: Response, *, base_url: str | None = None) -> Response:
    """Give a page, or a document, the headers that limit a browser.

    A page may load its own files, and run its present inline scripts, which are named by their hashes.
    ``base_url``: where it may send requests besides its own origin.
    """
    policy = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    if response.mimetype == "text/html":
        origins = [] if base_url is None else [urlunsplit((*urlsplit(base_url)[:2], "", "", ""))]
        scripts = _INLINE_SCRIPT.findall(b"" if response.direct_passthrough else response.get_data())
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts]
        policy += [
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self' 'unsafe-inline'",  # Swagger UI's bar has its own style; it runs no script
            "img-src 'self' data:",
            " ".join(["connect-src 'self'", *origins]),
        ]
    response.headers["Content-Security-Policy"] = "; ".join(policy)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


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

    def document(version: str) -> Response:
        server = services.settings.base_url or request.script_root or "/"
        return Response(orjson.dumps(openapi_document(specs[version], server)), mimetype="application/json")

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


#: What a blueprint of the app serves, by its name.
_PAGES = {
    "ocpi_docs": ("docs/", "Swagger UI: every operation, with its schemas and examples"),
    "ocpi_console": ("console/", "the console: partners, inbox, stories, objects, health"),
    "ocpi_health": ("health", "whether this process can do its work"),
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Flask-OCPI: {{ parties|join(", ") }}</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere }
li { margin: .4rem 0 }
code, pre { font-family: ui-monospace, monospace; font-size: .9rem; overflow-wrap: anywhere }
pre { white-space: pre-wrap; padding: .7rem; border: 1px solid #8888; border-radius: .3rem; background: #8881 }
</style>
</head>
<body>
<h1>{{ parties|join(", ") }} speaks OCPI {{ versions|join(", ") }}</h1>
<p>Your app serves OCPI below <code>{{ prefix }}</code>. This page is here because the app is in debug mode.</p>
<h2>What is there</h2>
<ul>
<li><code>{{ versions_url }}</code>: the versions URL, which you give to partners. To a browser it answers 401, since
partners send a token.</li>
{%- for path, about in pages %}
<li><a href="{{ path }}">{{ path }}</a>: {{ about }}</li>
{%- endfor %}
{%- if problem is none %}
<li>{{ partners }} registered partner{{ "" if partners == 1 else "s" }}</li>
<li>{{ "own objects: " ~ objects|join(", ") if objects else "no own objects" }}</li>
{%- endif %}
</ul>
<h2>What to do next</h2>
<ol>
{%- if problem is not none %}
<li>The storage does not answer: {{ problem }} If its tables are missing, create them, and load this page again:
<pre>flask ocpi init-db</pre></li>
{%- else %}
{%- if base_url is none %}
<li>Tell the app its address, and let it call partners on this machine. Type this in each terminal that you use for the
app, and start the app again:
<pre>export FLASK_OCPI_BASE_URL={{ request.host_url.rstrip("/") }}
export FLASK_OCPI_HTTP_ALLOW_PRIVATE=true</pre></li>
{%- endif %}
{%- if example and not objects %}
<li>Save a first object:
<pre>flask ocpi example {{ example }} --wrap --party {{ parties[0] }} | flask ocpi import -</pre></li>
{%- endif %}
{%- if not partners %}
<li>Run a simulated partner in another terminal. Then type the command that it prints, in a third one:
<pre>flask ocpi sandbox --role {{ partner_role }}
flask ocpi register URL TOKEN</pre></li>
{%- else %}
<li>See how the partners are, and the messages that were exchanged:
<pre>flask ocpi status
flask ocpi journal</pre></li>
{%- endif %}
<li>Look for mistakes in the set-up, and see the settings and all commands:
<pre>flask ocpi check
flask ocpi settings
flask ocpi --help</pre></li>
{%- endif %}
</ol>
</body>
</html>
"""


def register_start(app: Flask, services: Services) -> None:
    """Serve the page at the prefix itself, if the app is in debug mode."""
    if not app.debug:
        return
    blueprint = Blueprint("ocpi_start", __name__, url_prefix=services.settings.url_prefix)
    blueprint.add_url_rule("/", "start", start, strict_slashes=True)
    app.register_blueprint(blueprint)


def start() -> Response:
    """Answer the page."""
    settings = current_ocpi.services.settings
    own = current_ocpi.objects
    problem, partners, objects = None, 0, list[str]()
    try:
        partners = sum(partner.is_registered for partner in current_ocpi.partners.list())
        objects = [module for module in own.modules() if next(own.documents(module), None) is not None]
    except FlaskOCPIError as error:
        problem = str(error)
    is_operator = any("CPO" in party.roles for party in settings.parties)
    page = render_template_string(
        _PAGE,
        parties=[f"{party.country_code}-{party.party_id}" for party in settings.parties],
        prefix=settings.url_prefix,
        versions=[version.number for version in current_ocpi.services.versions],
        versions_url=f"{(settings.base_url or request.host_url).rstrip('/')}{settings.url_prefix}/versions",
        pages=[page for name, page in _PAGES.items() if name in current_app.blueprints],
        problem=problem,
        partners=partners,
        objects=objects,
        base_url=settings.base_url,
        example="location" if is_operator else "token" if any("EMSP" in p.roles for p in settings.parties) else None,
        partner_role="emsp" if is_operator else "cpo",
    )
    return protect(Response(page, mimetype="text/html"))
