"""The outbound side: calls another platform's interfaces as its modules are described."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from types import TracebackType
from typing import Any
from typing import Self
from urllib.parse import quote
from urllib.parse import urlencode

import orjson

from flask_ocpi.auth_tokens import authorization
from flask_ocpi.client.listing import Listing
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Transport
from flask_ocpi.context import Services
from flask_ocpi.description import Document
from flask_ocpi.description import Module
from flask_ocpi.description import Operation
from flask_ocpi.description import Version
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.envelope import parse_envelope
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import is_success
from flask_ocpi.platforms import Platform
from flask_ocpi.schema import load
from flask_ocpi.storage.base import Party


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: the ``data`` of its envelope, the codes, and the headers (looked up in any case)."""

    data: Any = field(repr=False)
    status_code: int
    http_status: int
    headers: Mapping[str, str] = field(repr=False)


class Caller:
    """Sends requests with one token: what discovery needs, before there is a platform record."""

    def __init__(self, transport: Transport, token: str, *, encoding: str = "base64") -> None:
        self.transport = transport
        self._authorization = authorization(token, encoding)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Answer:
        """Send one request and return its successful answer.

        Raises RefusedError when the answer is no success (its codes and message are in it), InvalidResponseError when
        it is no OCPI answer, UnreachableError and BlockedAddressError when there was none.
        """
        sent = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": correlation_id or str(uuid.uuid4()),
            **(headers or {}),
        }
        if body is not None:
            sent["Content-Type"] = "application/json"
        payload = None if body is None else orjson.dumps(body)
        response = self.transport.send(Request(method, url, sent, payload))
        return _answer(f"{method} {_without_query(url)}", response.status, response.body, response.headers)


class Client(Caller):
    """Calls one registered platform. ``client.locations`` and so on are its modules; use it in a ``with`` block.

    sender: the own party in whose name it calls (by default the owner of what is pushed, or the only fitting one).
    to: the party addressed, where the platform has several.
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
        super().__init__(transport, token, encoding=platform.token_encoding)
        self.services = services
        self.platform = platform
        self.sender = sender
        self.to = to
        self.correlation_id = correlation_id
        self.version = _version(services, platform)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the connection: the transport belongs to the app and is shared."""

    def __getattr__(self, name: str) -> ModuleClient:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.module(name)
        except InvalidParametersError as error:
            raise AttributeError(error.message) from error

    def module(self, id: str) -> ModuleClient:
        """Return the client of one module of the platform's version."""
        module = self.version.module(id)
        if module is None:
            known = ", ".join(m.id for m in self.version.modules if m.listed)
            raise InvalidParametersError(f"OCPI {self.version.number} has no module {id!r} here; there are {known}.")
        return ModuleClient(self, module)

    def routing(self, module: Module, role: InterfaceRole, owner: Party | None) -> dict[str, str]:
        """Return the routing headers for a call of a platform's interface (RT-05, RT-26, and RT-02)."""
        if module.configuration:
            return {}
        sender = self.sender or owner or _only(self.services.own_parties(module.id, role.opposite))
        receivers = [
            Party.of(item["country_code"], item["party_id"])
            for item in self.platform.roles
            if self.services.permissions.implements((item["role"],), module.id, role)
        ]
        to = self.to or _only(tuple(dict.fromkeys(receivers)) or self.platform.parties)
        headers: dict[str, str] = {}
        if to is not None:
            headers |= {"OCPI-to-country-code": to.country_code, "OCPI-to-party-id": to.party_id}
        if sender is not None:
            headers |= {"OCPI-from-country-code": sender.country_code, "OCPI-from-party-id": sender.party_id}
        return headers


class ModuleClient:
    """The calls of one module: shorthands for the usual ones, and :meth:`call` for any operation by its name."""

    def __init__(self, client: Client, module: Module) -> None:
        self.client = client
        self.module = module

    def call(
        self,
        operation: str,
        *segments: str,
        role: InterfaceRole,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        owner: Party | None = None,
    ) -> Answer:
        """Call an operation by its name in the description, with the values of its path in order."""
        found = self._find(role, lambda o: o.name == operation)
        return self._send(found, role, segments, body=body, query=query, owner=owner)

    def list(self, *, date_from: str | None = None, date_to: str | None = None, limit: int | None = None) -> Listing:
        """Walk the objects on the platform's Sender interface, page by page as they are asked for.

        Dates are OCPI DateTime texts; ``limit`` is the size of a page. Objects that do not validate are left out and
        noted in the listing's ``broken``.
        """
        operation = self._find(InterfaceRole.SENDER, lambda o: o.returns_list)
        asked = {"date_from": date_from, "date_to": date_to, "limit": limit}
        query = urlencode({name: value for name, value in asked.items() if value is not None}, safe=":")
        endpoint = self.endpoint(InterfaceRole.SENDER)
        headers = self.client.routing(self.module, InterfaceRole.SENDER, None)
        if operation.returns is None:
            raise MissingEndpointError(f"{operation.name} returns no objects.")
        return Listing(
            lambda url: self.client.request("GET", url, headers=headers, correlation_id=self.client.correlation_id),
            f"{endpoint}?{query}" if query else endpoint,
            self.client.services.schemas[operation.returns],
        )

    def get(self, *ids: str) -> Document:
        """Get one object (or a part of it: one id a level) from the platform's Sender interface."""
        return self._get(InterfaceRole.SENDER, ids, owner=None)

    def get_copy(self, *ids: str, owner: Party | None = None) -> Document:
        """Get the platform's copy of one of our objects from its Receiver interface."""
        return self._get(InterfaceRole.RECEIVER, ids, owner=self._owner(owner))

    def put(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Put a whole object on the platform's Receiver interface; for a part, ``parents`` are the ids above it."""
        operation = self._find(InterfaceRole.RECEIVER, lambda o: o.method == "PUT" and o.part == len(parents))
        object_type = operation.object
        if object_type is None or operation.body is None:
            raise MissingEndpointError(f"{operation.name} takes no object.")
        if operation.part:
            key = object_type.parts[operation.part - 1].key
            party = self._owner(owner)
        else:
            key = object_type.key[2]
            party = Party.of(document["country_code"], document["party_id"])
        checked = load(self.client.services.schemas[operation.body], document, where=object_type.name)
        return self._owned(operation, (*parents, checked[key]), party, body=checked)

    def patch(self, changes: Document, *ids: str, owner: Party | None = None) -> Answer:
        """Change some properties of an object (or a part) on the platform's Receiver interface; needs last_updated."""
        if changes.get("last_updated") is None:
            raise InvalidParametersError("A PATCH needs last_updated.")
        operation = self._find(InterfaceRole.RECEIVER, lambda o: o.method == "PATCH" and o.part == len(ids) - 1)
        return self._owned(operation, ids, self._owner(owner), body=changes)

    def update(self, changes: Document, *ids: str, whole: Document) -> Answer:
        """Patch, and put the whole object when the platform turns out not to have it (T-38, LOC-41)."""
        owner = Party.of(whole["country_code"], whole["party_id"])
        try:
            return self.patch(changes, *ids, owner=owner)
        except RefusedError as error:
            if error.http_status != 404:
                raise
        return self.put(whole)

    def delete(self, *ids: str, owner: Party | None = None) -> Answer:
        """Remove an object from the platform's Receiver interface."""
        operation = self._find(InterfaceRole.RECEIVER, lambda o: o.method == "DELETE" and o.part == len(ids) - 1)
        return self._owned(operation, ids, self._owner(owner))

    def endpoint(self, role: InterfaceRole) -> str:
        """Return the URL of the platform's interface; raise MissingEndpointError where it offers none."""
        url = self.client.platform.endpoint(self.module.id, None if self.module.single else role)
        if url is None:
            raise MissingEndpointError(
                f"Platform {self.client.platform.id} offers no {self.module.id} {role} endpoint."
            )
        return url

    def _get(self, role: InterfaceRole, ids: Sequence[str], *, owner: Party | None) -> Document:
        operation = self._find(role, lambda o: o.method == "GET" and not o.returns_list and o.part == len(ids) - 1)
        answer = self._send(operation, role, ids) if owner is None else self._owned(operation, ids, owner)
        if operation.returns is None:
            raise MissingEndpointError(f"{operation.name} returns no object.")
        try:
            return load(self.client.services.schemas[operation.returns], answer.data, where=operation.name)
        except InvalidParametersError as error:
            raise InvalidResponseError(f"{self.client.platform.id} answered a broken object. {error}") from error

    def _owned(self, operation: Operation, ids: Sequence[str], owner: Party, *, body: Any = None) -> Answer:
        segments = (owner.country_code, owner.party_id, *ids)
        return self._send(operation, InterfaceRole.RECEIVER, segments, body=body, owner=owner)

    def _owner(self, owner: Party | None) -> Party:
        found = owner or _only(self.client.services.own_parties(self.module.id, InterfaceRole.SENDER))
        if found is None:
            raise InvalidParametersError(f"Several own parties have {self.module.id}: say which one with owner=.")
        return found

    def _find(self, role: InterfaceRole, fits: Callable[[Operation], bool]) -> Operation:
        interface = self.module.interface(role)
        found = next(filter(fits, interface.operations), None) if interface is not None else None
        if found is None:
            raise MissingEndpointError(f"OCPI has no such operation in {self.module.id} {role}.")
        return found

    def _send(
        self,
        operation: Operation,
        role: InterfaceRole,
        segments: Sequence[str],
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        owner: Party | None = None,
    ) -> Answer:
        values = dict(zip((p.name for p in operation.parameters), segments, strict=True))
        path = operation.path.format(**{name: quote(value, safe="") for name, value in values.items()})
        url = self.endpoint(role).rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = self.client.routing(self.module, role, owner)
        return self.client.request(
            operation.method, url, body=body, headers=headers, correlation_id=self.client.correlation_id
        )


def _answer(source: str, http_status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        answer = parse_envelope(body, source=f"{source} (HTTP {http_status})")
    except InvalidResponseError as error:
        if 200 <= http_status < 300:
            raise
        raise RefusedError(
            f"{source} answered HTTP {http_status} without an OCPI envelope.", status_code=0, http_status=http_status
        ) from error
    code = answer["status_code"]
    if not 200 <= http_status < 300 or not is_success(code):
        message = str(answer.get("status_message") or "no status_message")[:500]
        raise RefusedError(
            f"{source} answered {code} (HTTP {http_status}): {message}",
            status_code=code,
            http_status=http_status,
            data=answer.get("data"),
        )
    return Answer(answer.get("data"), code, http_status, headers)


def _only(parties: Sequence[Party]) -> Party | None:
    return parties[0] if len(parties) == 1 else None


def _version(services: Services, platform: Platform) -> Version:
    for version in services.versions:
        if version.number == platform.version:
            return version
    raise MissingEndpointError(
        f"Platform {platform.id} speaks OCPI {platform.version}, which is not served here any more."
    )


def _without_query(url: str) -> str:
    return url.split("?", 1)[0]
