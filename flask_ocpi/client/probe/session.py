"""The requests of one probe: each is made once, and their number is bounded."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from http import HTTPStatus
from typing import Any

from flask_ocpi.client.addresses import same_origin
from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import Connection
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import parts_of
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Version
from flask_ocpi.core.description import version_order
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.responses import read_count
from flask_ocpi.errors import RemoteError
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.handshake import with_roles
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party

#: The most requests of a probe; those of ``--write`` come on top.
MOST_REQUESTS = 80
MOST_WRITES = 120
_LONGEST_PAUSE = 5  # seconds
_MOST_UNANSWERED = 3  # requests in a row
_MOST_ENTRIES = 200  # of versions and endpoints that are looked at
_TOLD = re.compile(r"""(["']token["']\s*:\s*["']|[?&]token=)[^"'&#\s]*""", re.IGNORECASE)
_SEEN_OF_A_SECRET = 12  # characters: texts are cut, so a secret in them may be
_BOTH = {"base64": "plain", "plain": "base64"}


class Recorder:
    """A transport that keeps the latest answer, as it came."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.last: Response | None = None

    def send(self, request: Request) -> Response:
        self.last = None
        self.last = self.transport.send(request)
        return self.last

    def close(self) -> None:
        """Do nothing: the transport belongs to the app."""


@dataclass(eq=False, repr=False)
class Session:
    """What a probe asks and knows.

    url: the versions URL. token: the token that we send. platform: the record of the partner; None for an address
    without one. number: the version to look at, or None for the usual one. renew: renews the registration; None if the
    probe may not write.
    ``seen`` lists all requests; ``quirks`` are those that would help, with the reason for each. calls: the number of
    requests of its client. answers: those to commands and charging profiles, as they came, by module. started: whether
    a session was started.
    """

    #: Returns seconds, to measure how long an answer takes.
    timer = staticmethod(time.perf_counter)
    pause = staticmethod(time.sleep)

    services: Services
    connection: Connection
    url: str
    token: str
    encoding: str
    platform: Platform | None = None
    number: str | None = None
    renew: Callable[[], Platform] | None = None
    seen: list[Seen] = field(default_factory=list)
    quirks: dict[str, tuple[Any, str]] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    old_tokens: list[str] = field(default_factory=list)
    calls: int = 0
    unanswered: int = 0
    started: bool = False

    def __post_init__(self) -> None:
        self.recorder = self.connection.transport = Recorder(self.connection.transport)
        self.driver = f"PROBE-{uuid.uuid4().hex[:12]}"  # the token in commands
        self.correlation_id = str(uuid.uuid4())  # that of all requests: the journal shows them as one conversation

    def ask(
        self,
        method: str,
        url: str,
        *,
        module: Module | None = None,
        operation: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        authorized: bool = True,
    ) -> Seen:
        """Send a request and return it with its answer; a failure is part of it.

        After HTTP 429 it waits, as Retry-After says but not for long, and sends the request once more.
        headers: in place of the usual ones; None leaves one out. Raises SkippedError if the probe may ask no more.
        """
        id, operation = "" if module is None else module.id, operation or "probe"
        for last in (False, True):
            self._check_budget()
            sent: dict[str, str | None] = {
                "Authorization": authorization(self.token, self.encoding),
                "X-Request-ID": str(uuid.uuid4()),
                "X-Correlation-ID": self.correlation_id,
                **(headers or {}),
            }
            begun, answer, error = self.timer(), None, ""
            try:
                answer = self.connection.exchange(
                    method, url, body=body, headers=sent, module=id or "versions", operation=operation
                )
            except RemoteError as failure:
                error = str(failure)
            self.unanswered = self.unanswered + 1 if answer is None else 0
            found = Seen(
                method,
                url,
                {name: value for name, value in sent.items() if value is not None},
                self.services.now(),
                self.timer() - begun,
                module=id,
                functional=module is not None and not module.configuration,
                authorized=authorized,
                answer=answer,
                error=error,
            )
            self.seen.append(found)
            if last or found.status != HTTPStatus.TOO_MANY_REQUESTS:
                break
            self.pause(min(read_count((found.header("Retry-After") or "").strip()) or 1, _LONGEST_PAUSE))
        return found

    def _check_budget(self) -> None:
        most = MOST_REQUESTS + (MOST_WRITES if self.renew is not None else 0)
        if self.requests >= most:
            raise SkippedError(f"The probe makes at most {most} requests.")
        if self.unanswered >= _MOST_UNANSWERED:
            raise SkippedError(f"It did not answer {_MOST_UNANSWERED} requests in a row.")

    @property
    def requests(self) -> int:
        """How many requests were made, those of commands included."""
        return len(self.seen) + self.calls

    @property
    def client(self) -> Client:
        """The client of the partner, which counts as one request each time; raises SkippedError without a partner."""
        if not isinstance(self.connection, Client):
            raise SkippedError("It is not registered here.")
        self._check_budget()
        self.calls += 1
        return self.connection

    @property
    def last_answer(self) -> Any:
        answer = self.recorder.last
        return None if answer is None else Seen("", "", {}, 0, 0.0, answer=answer).data

    def use(self, token: str) -> None:
        self.old_tokens.append(self.token)
        self.token = token

    @property
    def replaced(self) -> str | None:
        """The Authorization header with the token before the renewal; None if there was none."""
        return authorization(self.old_tokens[-1], self.encoding) if self.old_tokens else None

    def hidden(self, text: str) -> str:
        """Return a text without our token, which an answer may repeat, and without others that are named so."""
        for token in (self.token, *self.old_tokens):
            for secret in (token, authorization(token).removeprefix("Token ")):
                begin, rest = secret[:_SEEN_OF_A_SECRET], secret[_SEEN_OF_A_SECRET:]
                text = re.sub(re.escape(begin) + (r"[\w+/=.-]*" if rest else ""), "***", text)
        return _TOLD.sub(r"\1***", text)

    def propose(self, quirk: str, value: Any, reason: str) -> None:
        """Note a quirk that would help, unless it is set already."""
        known = self.services.quirks(self.platform) if self.platform is not None else None
        if known is None or getattr(known, quirk.replace("-", "_")) != value:
            self.quirks.setdefault(quirk, (value, reason))

    @cached_property
    def versions(self) -> Seen:
        """The answer of the versions URL, asked with the other encoding of the token if it refuses ours."""
        seen = self.ask("GET", self.url, operation="get_versions")
        if seen.status != 401:
            return seen
        usual, self.encoding = self.encoding, _BOTH[self.encoding]
        again = self.ask("GET", self.url, operation="get_versions")
        if again.succeeded:
            return again
        self.encoding = usual
        return seen

    @cached_property
    def offered(self) -> Mapping[str, str]:
        """The URLs of the offered versions by number, as far as they can be read."""
        data = self.versions.data
        entries = [item for item in data[:_MOST_ENTRIES] if isinstance(item, dict)] if isinstance(data, list) else []
        return {
            item["version"].strip(): item["url"].strip()
            for item in entries
            if isinstance(item.get("version"), str) and isinstance(item.get("url"), str)
        }

    @cached_property
    def common(self) -> Sequence[str]:
        """The numbers of the versions that both sides have, the newest last."""
        served = {version.number for version in self.services.versions}
        return sorted(served & set(self.offered), key=version_order)

    @cached_property
    def version(self) -> Version:
        """The version to look at: the chosen one, that of the partner, or else the newest common one."""
        registered = None if self.platform is None else self.platform.version
        number = self.number or registered or (self.common[-1] if self.common else None)
        found = self.services.version(number)
        if found is None:
            raise SkippedError("There is no version that both sides have.")
        return found

    @cached_property
    def details(self) -> Seen:
        url = self.offered.get(self.version.number)
        if url is None:
            raise SkippedError(f"It does not offer OCPI {self.version.number}.")
        return self.ask("GET", url, operation="get_version_details")

    @cached_property
    def entries(self) -> Sequence[Any]:
        """The endpoints in the version details, as they came; [] if there is no list of them."""
        data = self.details.data
        found = data.get("endpoints") if isinstance(data, dict) else None
        return found[:_MOST_ENTRIES] if isinstance(found, list) else []

    @cached_property
    def endpoints(self) -> Sequence[Mapping[str, Any]]:
        """The endpoints with module id, URL and role; those of our record if the details cannot be read.

        Where the version tells no role and there is no record, the role is missing.
        """
        try:
            read = [
                {**item, "identifier": item["identifier"].strip().lower()}
                for item in self.entries
                if isinstance(item, dict) and isinstance(item.get("identifier"), str) and _is_url(item.get("url"))
            ]
        except SkippedError:
            read = []
        if self.platform is None:
            return read
        if self.number not in (None, self.platform.version):  # our token opens no other module of another version
            return [item for item in read if item["identifier"] == ModuleID.CREDENTIALS]
        if not read:
            return self.platform.endpoints
        return with_roles(self.services, self.platform, read)

    def endpoint(self, module: Module, role: InterfaceRole) -> tuple[str | None, bool]:
        """Return the URL of an interface, or None, and whether it is certainly that of this side."""
        for endpoint in self.endpoints:
            if endpoint["identifier"] == module.identifier and endpoint.get("role") in (role.value, None):
                return str(endpoint["url"]), endpoint.get("role") is not None
        return None, False

    @cached_property
    def credentials(self) -> Seen:
        module = self.version.module(ModuleID.CREDENTIALS)
        url = next((str(e["url"]) for e in self.endpoints if e["identifier"] == ModuleID.CREDENTIALS), None)
        if module is None or url is None:
            raise SkippedError("It has no credentials endpoint.")
        return self.ask("GET", url, module=module, operation="get_credentials")

    @cached_property
    def parties(self) -> frozenset[Party]:
        """The parties of the partner by its record, or by its credentials; empty if they are not known."""
        if self.platform is not None:
            return frozenset(self.platform.parties)
        try:
            data = self.credentials.data
        except SkippedError:
            return frozenset()
        roles = (data.get("roles") or [data]) if isinstance(data, dict) else []
        pairs = [(r.get("country_code"), r.get("party_id")) for r in roles if isinstance(r, dict)]
        return frozenset(Party.of(c, p) for c, p in pairs if isinstance(c, str) and isinstance(p, str))

    def is_at_home(self, url: str) -> bool:
        """Tell whether an address may get our token: it is on a server of the endpoints."""
        return any(same_origin(url, str(endpoint["url"])) for endpoint in self.endpoints)

    @property
    def is_hub(self) -> bool:
        return self.platform is not None and self.platform.is_hub

    def routing(self, module: Module, role: InterfaceRole) -> dict[str, str]:
        """Return the routing headers of a call of the partner; none without a record."""
        if not isinstance(self.connection, Client):
            return {}
        return self.connection.routing(module, role, None)

    def own_party(self, module: Module, role: InterfaceRole) -> Party | None:
        """Return an own party with that side of a module, if there is one."""
        known = self.connection if isinstance(self.connection, Client) else self.services
        return next(iter(known.own_parties(module.id, role)), None)

    def modules(self, role: InterfaceRole) -> Sequence[Module]:
        """Return the modules of the version on whose other side we are."""
        try:
            modules = self.version.modules
        except SkippedError:
            return ()
        may_call, roles = self.services.permissions.may_call, self.services.own_roles
        return [m for m in modules if m.within is None and may_call(roles, m.identifier, role)]


def _is_url(value: Any) -> bool:
    with suppress(FlawError):
        return isinstance(value, str) and parts_of(value).scheme in ("http", "https")
    return False
