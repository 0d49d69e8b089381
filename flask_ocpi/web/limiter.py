"""Limits on the calls of each partner, with the Flask-Limiter of the host application."""

from __future__ import annotations

import time
from math import ceil

from flask import Flask
from flask import request

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import TooManyRequestsError
from flask_ocpi.web.api import Blueprint
from flask_ocpi.web.auth import network_of
from flask_ocpi.web.current import platform_of
from flask_ocpi.web.incoming import Incoming

try:
    from flask_limiter import Limiter
    from flask_limiter import RateLimitExceeded
except ImportError as error:
    raise ImportError('Flask-Limiter is missing. Install it with: pip install "Flask-OCPI[limiter]"') from error


def limit_platforms(app: Flask, limiter: Limiter, limit: str) -> None:
    """Limit how often each partner may call the OCPI endpoints, such as "600/minute"; "10/second; 300/minute".

    Call it once, after ``OCPI(app)``. All endpoints count together: for each partner, and for each address of callers
    without a known token. A caller over the limit gets HTTP 429 in the envelope, with ``Retry-After``. It replaces the
    default and application limits of the limiter, which would count the partners behind one proxy as one; other routes
    of the app keep theirs. Raises ConfigurationError if the app has such limits already.
    """
    ocpi = platform_of(app, "limit_platforms")
    if "ocpi_limiter" in app.extensions:
        raise ConfigurationError("The platforms of this app are limited already: call limit_platforms once.")
    app.extensions["ocpi_limiter"] = limiter
    for blueprint in app.blueprints.values():
        if isinstance(blueprint, Blueprint):
            limiter.exempt(blueprint)

    @limiter.shared_limit(limit, scope="ocpi", key_func=_calling)
    def count() -> None:
        """Do nothing more: the decorator counts."""

    def check() -> None:
        try:
            count()
        except RateLimitExceeded as error:
            exceeded = limiter.current_limit
            seconds = 1 if exceeded is None else max(1, ceil(exceeded.reset_at - time.time()))
            raise TooManyRequestsError(
                f"Too many requests: {error.description} is the limit. Wait for {seconds} seconds.",
                headers={"Retry-After": str(seconds)},
            ) from error

    ocpi.services.limits.append(check)


def _calling() -> str:
    """Return the key of the caller: its partner, or the address of an unknown one."""
    caller = Incoming.of(request.environ).caller
    return f"address {network_of(request.remote_addr)}" if caller is None else f"platform {caller.platform.id}"
