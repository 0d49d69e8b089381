"""Proxies to what belongs to the current app and request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import cast

from flask import current_app
from flask import has_request_context
from flask import request
from werkzeug.local import LocalProxy

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.web.incoming import Incoming

if TYPE_CHECKING:
    from flask_ocpi.extension import OCPI
    from flask_ocpi.partners.platforms import Platform


def _find_ocpi() -> OCPI:
    ocpi = current_app.extensions.get("ocpi")
    if ocpi is None:
        raise ConfigurationError("This app has no OCPI platform: create one with OCPI(app), or call init_app(app).")
    return cast("OCPI", ocpi)


def _find_platform() -> Platform:
    caller = Incoming.of(request.environ).caller if has_request_context() else None
    if caller is None:
        raise RuntimeError("There is no calling platform: current_platform works while an OCPI request is handled.")
    return caller.platform


current_ocpi = cast("OCPI", LocalProxy(_find_ocpi))
current_platform = cast("Platform", LocalProxy(_find_platform))
