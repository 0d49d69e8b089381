"""A hand-made platform for tests of the handshake, and what tells whether two platforms are as they were."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from flask import Flask
from flask import Response
from flask import request

from flask_ocpi.exchange.findings import Finding
from flask_ocpi.extension import OCPI
from flask_ocpi.partners.platforms import PARTIES
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import PartySpec
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.web.setup import kinds
from tests.urls import ocpi_url

CREDENTIALS = ocpi_url("credentials")
TIMESTAMP = "2026-01-01T12:00:00Z"

Answer = Callable[[], Response]


class Peer:
    """A platform at ``https://{host}`` whose answers can be set: ``answers["GET /versions"] = lambda: ...``.

    It accepts every token. ``seen`` lists what was asked: (method and path, token as sent).
    """

    def __init__(
        self,
        network: Network,
        host: str = "peer.example",
        *,
        versions: Sequence[str] = ("2.2.1",),
        parties: Sequence[PartySpec] = (("DE", "PEE", ["EMSP"]),),
    ) -> None:
        self.base = f"https://{host}"
        self.url = f"{self.base}/versions"
        self.token = f"token-of-{host}"
        self.versions = [{"version": number, "url": f"{self.base}/{number}"} for number in versions]
        self.endpoints = [self.endpoint("credentials", "SENDER"), self.endpoint("locations", "RECEIVER")]
        self.roles = [
            {"role": role, "business_details": {"name": host}, "country_code": country, "party_id": party}
            for country, party, roles in parties
            for role in roles
        ]
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str]] = []
        network.apps[host] = self._app()

    def endpoint(self, module: str, role: str) -> dict[str, str]:
        return {"identifier": module, "role": role, "url": f"{self.base}/2.2.1/{role.lower()}/{module}"}

    def credentials(self, **changes: Any) -> dict[str, Any]:
        """Return its Credentials object."""
        return {"token": self.token, "url": self.url, "roles": self.roles, **changes}

    def post(self, app: Flask, token_a: str, /, **changes: Any) -> TestResponse:
        """Register with a platform by the token it gave out."""
        return PartnerClient(app, token_a).post(CREDENTIALS, self.credentials(**changes))

    def put(self, app: Flask, token_c: str, /, **changes: Any) -> TestResponse:
        """Renew the registration."""
        return PartnerClient(app, token_c).put(CREDENTIALS, self.credentials(**changes))

    def _app(self) -> Flask:
        app = Flask("peer")

        @app.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
        def serve(path: str) -> Response:
            name = f"{request.method} /{path}"
            self.seen.append((name, request.headers["Authorization"]))
            return self.answers.get(name, lambda: self._usual(name))()

        return app

    def _usual(self, name: str) -> Response:
        if name == "GET /versions":
            return answer(self.versions)
        if name.startswith("GET /") and "credentials" not in name:
            return answer({"version": name.removeprefix("GET /"), "endpoints": self.endpoints})
        return answer(self.credentials()) if "DELETE" not in name else answer(None)


def answer(data: Any, *, status_code: int = 1000, http_status: int = 200) -> Response:
    """Return an answer in the envelope."""
    body = {"data": data, "status_code": status_code, "timestamp": TIMESTAMP}
    return Response(orjson.dumps(body), http_status, mimetype="application/json")


def noted_by(ocpi: OCPI, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Return a list that fills with the findings that a platform notes."""
    noted: list[Finding] = []
    monkeypatch.setattr(ocpi.services.findings, "add", noted.append)
    return noted


def dump(ocpi: OCPI, *, journal: bool = False) -> dict[str, list[bytes]]:
    """Return every document in the storage of a platform, by kind; what tells of requests only if wanted (journal).

    That some platform was written is left out: it may have been written as it was before.
    """
    wanted = (
        kind
        for kind in kinds(ocpi.services.versions)
        if journal or kind not in ("journal", "journal_references", "findings", "processes")
    )
    found = {kind: [record.text for record in walk(ocpi.storage, kind, Query())] for kind in wanted}
    found[PARTIES] = [text for text in found[PARTIES] if b'"change"' not in text]
    return found
