"""Several platforms in one process that call each other without sockets."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import partialmethod
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Flask

from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.core.description import Version
from flask_ocpi.errors import UnreachableError
from flask_ocpi.extension import OCPI
from flask_ocpi.host.facade import Facade
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.partners.platforms import slug
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage

PartySpec = tuple[str, str, Sequence[str]]


class Clock:
    """Returns the same moment until it is moved; pass it as ``OCPI(clock=...)``."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += timedelta(seconds=seconds)


class Network:
    """Platforms that reach each other by host name, each a Flask app of its own.

    config: the configuration of all platforms' apps. version: the version of OCPI that :meth:`connect` registers in, by
    default the highest that both platforms serve. ``requests`` lists the sent requests. ``before_send`` may be
    set to a function that is called with each request before it is delivered: raise in it to cut the line. Every app
    is a :class:`flask.Flask` with ``TESTING`` on.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], Any] | None = None,
        config: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.version = version
        # In memory only the machine itself can be slow.
        self.config = {"OCPI_HANDSHAKE_TIMEOUT": 600, **(config or {})}
        self.apps: dict[str, Flask] = {}
        self.platforms: dict[str, OCPI] = {}
        self.requests: list[Request] = []
        self.before_send: Callable[[Request], None] = lambda request: None
        self.after_send: Callable[[Request, Response], Response] = lambda request, response: response

    def add(
        self,
        host: str,
        parties: Sequence[PartySpec],
        *,
        storage: Storage | None = None,
        config: Mapping[str, Any] | None = None,
        instance_path: str | None = None,
        versions: Sequence[Version] | None = None,
    ) -> OCPI:
        """Add a platform at ``https://host``; parties are (country code, party id, roles)."""
        app = Flask(
            host.replace(".", "_"), instance_path=instance_path, root_path="." if instance_path is None else None
        )
        app.testing = True
        app.config.update(
            {
                "SECRET_KEY": f"secret of {host}",
                "OCPI_BASE_URL": f"https://{host}",
                "OCPI_DISPATCHER": "inline",
                "OCPI_PARTIES": [party_settings(*party) for party in parties],
                **self.config,
                **(config or {}),
            }
        )
        ocpi = OCPI(app, storage=storage or MemoryStorage(), transport=self, clock=self.clock, versions=versions)
        self.apps[host], self.platforms[host] = app, ocpi
        return ocpi

    def connect(self, client: Facade, server: Facade, *, refetch: bool = True) -> tuple[Platform, Platform]:
        """Register ``client`` with ``server``; return their records of each other: (server's record, client's record).

        Each grants the other all its parties and roles. refetch: the server has fetched the client's endpoints again.
        """
        invited, token = server.partners.invite(name="", **_all_of(client))
        there = client.partners.register(server.versions_url, token, version=self.version, **_all_of(server))
        for job in server.services.jobs:
            if job.name == "endpoints" and refetch:
                job.run()
        here = server.partners.find(invited.id)
        return there, here

    def send(self, request: Request) -> Response:
        """Deliver a request to the app that has its host."""
        self.requests.append(request)
        self.before_send(request)
        try:
            parts = urlsplit(request.url)
        except ValueError as error:
            raise UnreachableError(f"{request.url} is not a valid URL.") from error
        app = self.apps.get(parts.netloc)
        if app is None:
            raise UnreachableError(f"There is no platform at {parts.netloc}.")
        answer = app.test_client().open(
            request.url, method=request.method, headers=dict(request.headers), data=request.body
        )
        response = Response(answer.status_code, dict(answer.headers), answer.get_data(), request.url)
        answer.close()  # the platform's work after its answer happens now
        return self.after_send(request, response)

    def close(self) -> None:
        """Do nothing: no connection is open."""


@dataclass(frozen=True, slots=True)
class TestResponse:
    """An answer for tests: HTTP status, headers, the raw body, and the parts of the envelope."""

    __test__ = False

    http_status: int
    headers: Any
    body: bytes
    envelope: Mapping[str, Any]

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def status_code(self) -> int:
        """The OCPI status code."""
        code: int = self.envelope["status_code"]
        return code

    @property
    def message(self) -> str:
        return str(self.envelope.get("status_message", ""))


class PartnerClient:
    """Calls a platform like one of its partners: a Flask test client with the token in the header.

    ``platform`` is the partner's record on the called side.
    """

    def __init__(self, app: Flask, token: str, *, platform: Platform | None = None) -> None:
        self.app = app
        self.token = token
        self.platform = platform

    def open(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        query_string: Any = None,
    ) -> TestResponse:
        """Send a request; ``json`` is encoded, ``data`` is sent unchanged. Headers set to None are left out."""
        sent: dict[str, Any] = {"Authorization": authorization(self.token), **(headers or {})}
        if json is not None:
            data = orjson.dumps(json)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        sent = {name: value for name, value in sent.items() if value is not None}
        response = self.app.test_client().open(path, method=method, data=data, headers=sent, query_string=query_string)
        body = response.get_data()
        response.close()
        return TestResponse(response.status_code, response.headers, body, orjson.loads(body) if body else {})

    get = partialmethod(open, "GET")
    put = partialmethod(open, "PUT")
    patch = partialmethod(open, "PATCH")
    post = partialmethod(open, "POST")
    delete = partialmethod(open, "DELETE")


def party_settings(country_code: str, party_id: str, roles: Sequence[str]) -> dict[str, Any]:
    """Return an entry of OCPI_PARTIES."""
    return {
        "country_code": country_code,
        "party_id": party_id,
        "roles": list(roles),
        "business_details": {"name": f"{party_id} Charging"},
    }


def _all_of(ocpi: Facade) -> dict[str, Any]:
    """Return the arguments that grant a platform all its roles and parties."""
    return {"roles": sorted(ocpi.services.own_roles), "parties": ocpi.objects.parties()}


def add_partner(
    app: Flask,
    parties: Sequence[PartySpec],
    *,
    name: str = "Partner",
    versions_url: str = "https://partner.example/v",
    version: str = "2.2.1",
) -> PartnerClient:
    """Make a registered partner without a handshake and return a client that calls the app with its token.

    version: the number of the version that it speaks.
    """
    ocpi: OwnPlatform = app.extensions["ocpi"]
    issued, token = ocpi.services.platforms.issue(TokenUse.ACTIVE)
    platform = ocpi.services.platforms.create(
        Platform(
            id=slug(name),
            name=name,
            state=PlatformState.REGISTERED,
            roles=tuple(
                {
                    "role": role,
                    "business_details": {"name": name},
                    "party_id": party_id,
                    "country_code": country_code,
                }
                for country_code, party_id, roles in parties
                for role in roles
            ),
            versions_url=versions_url,
            version=version,
            token=ocpi.services.platforms.cipher.encrypt("token-of-the-partner"),
            issued=(replace(issued, used=True),),
        )
    )
    return PartnerClient(app, token, platform=platform)
