"""Proxies to the platform and caller of the current app and request."""

from __future__ import annotations

from typing import cast

from flask import Flask
from flask import current_app
from flask import has_request_context
from flask import request
from werkzeug.local import LocalProxy

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.web.incoming import Incoming


def _find_ocpi() -> OwnPlatform:
    ocpi = current_app.extensions.get("ocpi")
    if ocpi is None:
        raise ConfigurationError("This app has no OCPI platform: create one with OCPI(app), or call init_app(app).")
    return cast("OwnPlatform", ocpi)


def platform_of(app: Flask, user: str) -> OwnPlatform:
    """Return the platform of an app for a part that comes after it; raise ConfigurationError if there is none yet."""
    if "ocpi" not in app.extensions:
        raise ConfigurationError(f"This app has no OCPI platform yet: call OCPI(app) before {user}.")
    return cast("OwnPlatform", app.extensions["ocpi"])


def _find_platform() -> Platform:
    caller = Incoming.of(request.environ).caller if has_request_context() else None
    if caller is None:
        raise RuntimeError("There is no calling platform: current_platform works while an OCPI request is handled.")
    return caller.platform


current_ocpi = cast("OwnPlatform", LocalProxy(_find_ocpi))
current_platform = cast("Platform", LocalProxy(_find_platform))
