"""The answer of an operation, made with all its headers at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from flask_ocpi.context import Services
from flask_ocpi.storage.base import Party
from flask_ocpi.web.headers import answered_ids
from flask_ocpi.web.headers import routing_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_DONE = (200, 201)


class Answer(Response):
    """The answer of an operation that did what was asked."""

    def __init__(self, body: bytes, http_status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, http_status, {"Content-Type": "application/json", **headers})

    @property
    def is_done(self) -> bool:
        """Tell whether it still says so: hooks of the host application may have made another answer of it."""
        return self.status_code in _DONE

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        # Werkzeug makes a copy to add to; of these headers none is missing.
        if self.is_done and "Content-Length" in self.headers:
            return self.headers
        return super().get_wsgi_headers(environ)


class SurroundingHeaders:
    """The headers that every answer of a blueprint carries, an error as well: message ids, and those of routing.

    functional: of a functional module, whose messages are routed.
    """

    def __init__(self, services: Services, *, functional: bool) -> None:
        own = services.settings.parties
        self._only = Party.of(own[0].country_code, own[0].party_id) if len(own) == 1 else None
        self._functional = functional

    def of(self, environ: WSGIEnvironment) -> dict[str, str]:
        """Return those of the answer to a request."""
        ids = answered_ids(environ)
        return {**ids, **routing_headers(environ, self._only)} if self._functional else ids
