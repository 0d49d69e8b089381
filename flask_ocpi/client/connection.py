"""Connections to other platforms: one token, one transport, and the headers of each request."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from typing import TypeVar
from urllib.parse import urlsplit

import orjson

from flask_ocpi.client.addresses import moved_by_slash
from flask_ocpi.client.wire import Answer
from flask_ocpi.client.wire import Answers
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.exchange import logs
from flask_ocpi.exchange.bounds import Waits
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.handshake import token_encoding
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.exchange.messages import is_failure
from flask_ocpi.exchange.sides import own_parties
from flask_ocpi.modules.enums import ConnectionStatus
from flask_ocpi.modules.hubclientinfo import connection_status
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.shaping import shaped

_log = logging.getLogger("flask_ocpi.client")
_MOVED = frozenset({301, 302, 307, 308})
_Read = TypeVar("_Read", Answer, Response)


class Connection:
    """Sends requests with one token; discovery uses it before there is a platform record.

    traffic: notes each exchange. platform_id: the id of the platform, if it is known. seconds: the time of all its
    requests together. waits: bounds the requests that are sent while another platform waits for our answer. strict:
    refuse answers that deviate from OCPI. found: as in :class:`Answers`.
    """

    #: That of all its requests; None: each has its own.
    correlation_id: str | None = None

    def __init__(
        self,
        transport: Transport,
        token: str,
        *,
        encoding: str = "base64",
        traffic: Traffic | None = None,
        platform_id: str | None = None,
        seconds: float | None = None,
        waits: Waits | None = None,
        strict: bool = False,
        found: Callable[[str, str, str, str], None] = lambda kind, source, came, outcome: None,
    ) -> None:
        self.transport = transport
        self.traffic = traffic
        self.platform_id = platform_id
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._waits = waits
        self._reading = partial(Answers, strict=strict, found=found)
        self._use(token, encoding)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _use(self, token: str, encoding: str) -> None:
        self._authorization = authorization(token, encoding)
        self._secrets = (token, authorization(token).removeprefix("Token "))
        self._answers = self._reading(self._secrets)

    def _is_renewed(self) -> bool:
        """Tell whether there is a new token; later requests use it."""
        return False

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        module: str | None = None,
        operation: str | None = None,
    ) -> Answer:
        """Send one request and return its successful answer.

        module, operation: the names for the journal; the operation as in the description, with its side.

        Raises RefusedError, with the codes and the message, if the answer is not a success; InvalidResponseError if it
        is not an OCPI answer; and the errors of :meth:`exchange`.
        """
        payload = None if body is None else orjson.dumps(body)
        try:
            request = self._made(method, url, payload, headers)
            return self._exchange(request, self._answers.read, (module, operation))
        except RefusedError as error:
            if error.http_status != 401 or not self._is_renewed():
                raise
        request = self._made(method, url, payload, headers)
        return self._exchange(request, self._answers.read, (module, operation))

    def exchange(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        module: str | None = None,
        operation: str | None = None,
    ) -> Response:
        """Send one request, whose body is JSON text, and return the unprocessed answer with any status.

        headers: in addition to the usual ones, or in their place; None leaves one out.

        Raises UnreachableError and BlockedAddressError if there was no answer; CrowdedError, an UnreachableError, if
        too many requests of others wait for such answers: then nothing was sent.
        """
        request = self._made(method, url, body, headers)
        return self._exchange(request, lambda method, source, response: response, (module, operation))

    def _made(self, method: str, url: str, payload: bytes | None, headers: Mapping[str, str | None] | None) -> Request:
        usual: dict[str, str | None] = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            # Unique ids, not of the generator of the module random, which the host application may seed.
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": self.correlation_id or str(uuid.uuid4()),
            **(headers or {}),
        }
        sent = {name: value for name, value in usual.items() if value is not None}
        if payload is not None:
            sent["Content-Type"] = "application/json"
        return Request(method, url, sent, payload, self._time_left(url))

    def _exchange(
        self,
        request: Request,
        read: Callable[[str, str, Response], _Read],
        called: tuple[str | None, str | None],
    ) -> _Read:
        """Send a request, again if only a slash was missing, and read the answer."""
        source = f"{request.method} {_without_query(request.url)}"
        waits = self._waits if logs.is_answering() else None
        exchange = self._begun(request, called[1])
        response: Response | None = None
        with logs.within(exchange):
            try:
                response = self._send(request, waits)
                location = response.headers.get("Location")
                moved = moved_by_slash(request.url, location) if response.status in _MOVED else None
                if moved is not None:
                    self._tell(exchange, request, response, self._answers.refused(source, response), called)
                    request, exchange = (
                        replace(request, url=moved, timeout=self._time_left(moved)),
                        self._begun(request, called[1]),
                    )
                    response = None
                    response = self._send(request, waits)
                answer = read(request.method, source, response)
            except Exception as error:
                self._tell(exchange, request, response, error, called)
                raise
            self._tell(exchange, request, response, answer, called)
            return answer

    def _begun(self, request: Request, operation: str | None) -> logs.Exchange:
        return logs.Exchange(
            request_id=logs.shortened(request.headers["X-Request-ID"]),
            correlation_id=logs.shortened(request.headers["X-Correlation-ID"]),
            platform=self.platform_id or "",
            operation=operation or "",
            moment=0 if self.traffic is None else self.traffic.now(),
        )

    def _send(self, request: Request, waits: Waits | None) -> Response:
        if waits is None:
            return self.transport.send(request)
        with waits.waiting_for(self.platform_id or urlsplit(request.url).netloc):
            return self.transport.send(request)

    def _time_left(self, url: str) -> float | None:
        if self._ends is None:
            return None
        left = self._ends - time.monotonic()
        if left <= 0:
            raise UnansweredError(f"{_without_query(url)} was not called: the time allowed for all requests is over.")
        return left

    def _tell(
        self,
        exchange: logs.Exchange,
        request: Request,
        response: Response | None,
        outcome: Answer | Response | Exception,
        called: tuple[str | None, str | None],
    ) -> None:
        """Report an exchange to the journal and the listeners; never fails."""
        if self.traffic is None:
            return
        failed = isinstance(outcome, Exception)
        answer = Response(0, {}, b"", request.url) if response is None else response
        status_code = outcome.status_code or None if isinstance(outcome, Answer | RefusedError) else None
        if self.platform_id is not None:
            self.traffic.contacts.sent(
                self.platform_id,
                *called,
                answer.status,
                status_code,
                failed=failed,
                timestamp=outcome.timestamp if isinstance(outcome, Answer) else "",
                seconds=exchange.duration,
            )
        wanted = self.traffic.is_wanted(failed=failed or is_failure(answer.status, None))
        if not exchange.moment or not wanted:
            return
        sent = request.body or b""
        error = (str(outcome) or type(outcome).__name__) if failed else ""
        try:
            make = partial(
                Message,
                Direction.OUT,
                request.method,
                request.url,
                exchange.moment,
                exchange.duration,
                self.platform_id,
                *called,
                request.headers["X-Request-ID"],
                request.headers["X-Correlation-ID"],
                answer.status,
                status_code,
                error,
                len(sent),
                len(answer.body),
            )
            if self.traffic.is_brief and not is_failure(answer.status, status_code, error):
                bodies = (b"", b"") if request.method == "GET" else (sent, answer.body)
                make = partial(make, request_whole=not sent, response_whole=not answer.body)
                self.traffic.tell_briefly(make, url=request.url, bodies=bodies, secrets=self._secrets)
                return
            message = make(
                request_headers=request.headers,
                request_body=sent,
                response_headers=answer.headers,
                response_body=answer.body,
            )
            self.traffic.tell(message, secrets=self._secrets)
        except Exception:
            _log.exception("The journal could not be told of %s %s.", request.method, _without_query(request.url))


class PlatformConnection(Connection):
    """Sends requests to one registered platform, with its token, its version and the routing headers.

    sender: the own party of the calls (by default the owner of the pushed object, or the only fitting party).
    to: the addressed party, if the platform has several.
    """

    def __init__(
        self,
        services: Services,
        platform: Platform,
        transport: Transport,
        *,
        sender: Party | None = None,
        to: Party | None = None,
        correlation_id: str | None = None,
    ) -> None:
        if platform.token is None or platform.version is None:
            raise MissingEndpointError(f"Platform {platform.id} is not registered: there is no token to call it with.")
        token = services.platforms.cipher.decrypt(platform.token)
        quirks = services.quirks(platform)
        strict = services.receives_strictly(platform)
        super().__init__(
            transport,
            token,
            encoding=token_encoding(services, platform),
            traffic=services.traffic,
            platform_id=platform.id,
            waits=services.waits,
            strict=strict,
            found=self._note_flaw,
        )
        self.strict = strict
        self.services = services
        self.platform = platform
        self.quirks = quirks
        self.sender = sender
        self.to = to
        self.correlation_id = correlation_id
        version = services.version(platform.version)
        if version is None:
            raise UnsupportedVersionError(
                f"Platform {platform.id} speaks OCPI {platform.version}, which is not served here any more."
            )
        self.version = version

    def _is_renewed(self) -> bool:
        """Tell whether a handshake of the platform has replaced our token meanwhile; then use the new one."""
        current = self.services.platforms.get(self.platform.id)
        if current is None or current.token in (None, self.platform.token) or current.version != self.platform.version:
            return False
        self.platform = current
        self._use(self.services.platforms.cipher.decrypt(str(current.token)), token_encoding(self.services, current))
        return True

    def _note_flaw(self, kind: str, source: str, came: str, outcome: str) -> None:
        came = came.removeprefix(": ")
        self.services.findings.add(Finding(self.platform.id, kind, object=source, came=came, outcome=outcome))

    def routing(
        self,
        module: Module,
        role: InterfaceRole,
        owner: Party | None,
        *,
        operation: Operation | None = None,
        to: Party | None = None,
    ) -> dict[str, str]:
        """Return the routing headers for a call of a platform's interface (RT-02, RT-05, RT-26).

        Raises NotConnectedError if a hub reported that the party is not connected in the called role (CLI-13).
        ``operation`` is the called operation, None for a list. A hub that is called without a party is itself addressed
        only for lists and for objects for everybody; it routes all other calls itself.
        OCPI 2.2.1, Transport and format, "Open Routing Request".
        """
        receiver = to or self.to
        if receiver is not None:
            self._check_connected(receiver, module, role)
        if not self.version.routes(module) or self.quirks.no_routing_headers:
            return {}
        sender = self.sender or owner or only(self.own_parties(module.id, role.opposite))
        if receiver is None and not (self.platform.is_hub and operation is not None and not _is_broadcast(operation)):
            receiver = only(receivers(self.services, self.platform, module.id, role))
        headers: dict[str, str] = {}
        if receiver is not None:
            headers |= {"OCPI-to-country-code": receiver.country_code, "OCPI-to-party-id": receiver.party_id}
        if sender is not None:
            headers |= {"OCPI-from-country-code": sender.country_code, "OCPI-from-party-id": sender.party_id}
        return headers

    def own_parties(self, module: str, role: InterfaceRole) -> tuple[Party, ...]:
        """Return the own parties that can use an interface with this platform. module: its id."""
        return own_parties(self.services, self.platform, self.version, module, role)

    def shaped(self, cls: type[Schema], body: Any, *, partial: bool = False) -> Any:
        """Return an object in the shape that this platform takes. partial: it is a PATCH."""
        if not self.quirks.shape:
            return body
        return shaped(self.services.schemas[cls], body, self.quirks, partial=partial)

    def _check_connected(self, to: Party, module: Module, role: InterfaceRole) -> None:
        if not self.platform.is_hub or to in self.platform.hub_parties:
            return
        # Reports of other hubs do not count (HCI-09).
        status = connection_status(self.services, self.platform, to, module.identifier, role)
        if status not in (None, ConnectionStatus.CONNECTED):
            raise NotConnectedError(f"{to} is {status} at the hub {self.platform.id}.")


def only(parties: Sequence[Party]) -> Party | None:
    """Return the party if there is exactly one, else None."""
    return parties[0] if len(parties) == 1 else None


def receivers(services: Services, platform: Platform, module: str, role: InterfaceRole) -> tuple[Party, ...]:
    """Return the parties of a platform with a role that implements an interface; all parties if there are none.

    For a hub, return the hub itself, whichever parties it lists.
    """
    return platform.hub_parties or fitting(services, platform, module, role) or platform.parties


def fitting(services: Services, platform: Platform, module: str, role: InterfaceRole) -> tuple[Party, ...]:
    """Return the parties of a platform with a role that implements an interface."""
    implements, id = services.permissions.implements, services.identifier(module)
    return tuple(dict.fromkeys(party_of(item) for item in platform.roles if implements((item["role"],), id, role)))


def _is_broadcast(operation: Operation) -> bool:
    """Tell whether a hub may distribute a message: the push of an object that is for everybody (RT-10, RT-11)."""
    pushed = operation.owned and operation.method in ("PUT", "PATCH")
    return pushed and operation.object is not None and operation.object.audience is None


def _without_query(url: str) -> str:
    return url.split("?", 1)[0]
