"""Registers the console on an app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from flask import Blueprint
from flask import Flask
from flask import request
from werkzeug.wrappers import Response

from flask_ocpi.contrib.console.desk import NAME
from flask_ocpi.contrib.console.desk import Authorize
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.desk import Tiles
from flask_ocpi.contrib.console.desk import Visitor
from flask_ocpi.contrib.console.desk import cookie_name
from flask_ocpi.contrib.console.desk import form_key
from flask_ocpi.contrib.console.desk import is_own_form
from flask_ocpi.contrib.console.desk import nobody
from flask_ocpi.contrib.console.desk import templates
from flask_ocpi.contrib.console.pages import PAGES
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import StorageError
from flask_ocpi.host import OwnPlatform

_log = logging.getLogger("flask_ocpi.actions")

_LARGEST_FORM = 256 * 1024  # bytes
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; {images}; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Console:
    """The console of an app at ``/ocpi/console``: ``Console(app, authorize=...)``, after ``OCPI(app)``.

    authorize: called with each request; returns a :class:`Visitor`, or None for nobody (403), or a response of the
    host application, such as a redirect to its login. Without it nobody gets in.

    tiles: the :class:`Tiles` below the map; the browsers of visitors fetch them, by default nothing from elsewhere.
    """

    def __init__(self, app: Flask | None = None, *, authorize: Authorize = nobody, tiles: Tiles | None = None) -> None:
        if not callable(authorize):
            raise ConfigurationError(f"Console(authorize=...) needs a function of the request, not {authorize!a}.")
        if tiles is not None and not (tiles.origin.startswith("https://") and "{z}" in tiles.url):
            raise ConfigurationError("Console(tiles=Tiles(url, by)) needs a URL such as https://HOST/{z}/{x}/{y}.png.")
        self._authorize = authorize
        self._tiles = tiles
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Register the pages below the prefix of OCPI; raises ConfigurationError without ``OCPI(app)``."""
        ocpi: OwnPlatform | None = app.extensions.get("ocpi")
        if ocpi is None:
            raise ConfigurationError("This app has no OCPI platform yet: call OCPI(app) before Console(app).")
        if NAME in app.extensions:
            raise ConfigurationError("This app has its console already: call Console(app) once.")
        prefix = f"{ocpi.services.settings.url_prefix}/console"
        blueprint = Blueprint(NAME, __name__, url_prefix=prefix, static_folder="static", static_url_path="/static")
        for page in PAGES:
            view = partial(self._answer, ocpi, page)
            blueprint.add_url_rule(page.rule, page.name, view, methods=[page.method], strict_slashes=False)
        blueprint.after_request(self._protect)
        app.register_blueprint(blueprint)
        app.extensions[NAME] = self

    def _answer(self, ocpi: OwnPlatform, page: Page) -> Response:
        request.max_content_length = _LARGEST_FORM
        visitor = self._authorize(request)
        if isinstance(visitor, Response):
            return visitor
        if visitor is None or visitor is False:
            return _refuse("closed")
        if not isinstance(visitor, Visitor):
            raise ConfigurationError(
                f"Console(authorize=...) has to return a Visitor or None, not {type(visitor).__name__}."
            )
        if not visitor.may(page.level):
            return _refuse("low_level")
        if page.method == "POST" and not is_own_form(request):
            _log.warning("%a sent a form that is not from a page of the console: %a", visitor.name, request.path)
            return _refuse("foreign_form")
        key = form_key(request)
        response = _shown(Desk(ocpi, visitor, key, self._tiles), page.view)
        name = cookie_name(request)
        if request.cookies.get(name) != key:
            response.set_cookie(name, key, secure=request.is_secure, httponly=True, samesite="Strict")
        return response

    def _protect(self, response: Response) -> Response:
        """Give a page the headers that limit a browser to what this package serves, and the tiles of the map."""
        images = "img-src 'self'" if self._tiles is None else f"img-src 'self' {self._tiles.origin}"
        response.headers["Content-Security-Policy"] = _POLICY.format(images=images)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _shown(desk: Desk, view: Callable[[Desk], Response]) -> Response:
    try:
        return view(desk)
    except FlaskOCPIError as error:
        status = 503 if isinstance(error, StorageError) else 404 if request.method == "GET" else 400
        return desk.page("problem", status=status, message=str(error))


def _refuse(reason: str) -> Response:
    """Answer somebody who may not see this, without any data."""
    text = templates().get_template("ocpi_console/refused.html").render(reason=reason)
    return Response(text, 403, {"Cache-Control": "no-store"}, mimetype="text/html")
