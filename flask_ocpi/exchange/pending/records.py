"""Shared by incoming and outgoing requests: the place of their records, and how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from flask_ocpi.core.config import Settings
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import to_micros
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.exchange.context import Context
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.targets import Target
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import NOBODY
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.stored import Stored

INCOMING = "incoming_requests"
OUTGOING = "outgoing_requests"
#: The ids of the incoming requests that still need a result to be sent; ``last_updated`` is the end of their time.
DEADLINES = "request_deadlines"
#: The kinds of records of a module with such requests.
KINDS = (INCOMING, DEADLINES, OUTGOING)

ACCEPTED = "ACCEPTED"
REJECTED = "REJECTED"
FAILED = "FAILED"
NOT_SUPPORTED = "NOT_SUPPORTED"
UNKNOWN_SESSION = "UNKNOWN_SESSION"
TIMEOUT = "TIMEOUT"
CANCELED_RESERVATION = "CANCELED_RESERVATION"
RESERVE_NOW = "reserve_now"

_LONGEST_TIMEOUT = 366 * 86_400  # seconds; OCPI sets no limit, integers in a database have one
_WALKED_AT_ONCE = 50
_PURGED_AT_ONCE = 500
_PURGE_INTERVAL = 60 * SECOND


def end_of(services: Services, timeout: int) -> int:
    """Return the moment after ``timeout`` seconds, in microseconds."""
    return services.now() + min(timeout, _LONGEST_TIMEOUT) * SECOND


def kept_until(services: Services, request: Document, expires: int) -> int:
    """Return until when a request is kept, in microseconds: for a reservation beyond its end (CMD-14)."""
    reserved = to_micros(request["expiry_date"]) if "expiry_date" in request else 0
    return max(services.now(), expires, reserved) + services.settings.command_retention * SECOND


def pending_key(id: str) -> Key:
    return Key.of("", "", id)


def every_pending(*, date_to: int | None = None) -> Query:
    """Select all records with a :func:`pending_key`, up to a moment, in a way that uses an index."""
    return Query(owners=(NOBODY,), receiver="", date_to=date_to, limit=_WALKED_AT_ONCE)


def purge(services: Services, kind: str) -> None:
    """Remove some requests that were kept long enough; a new request does so once a minute, or until none is left."""
    now = services.now()
    if abs(now - services.purged.get(kind, 0)) < _PURGE_INTERVAL:
        return
    old = replace(every_pending(date_to=now), limit=_PURGED_AT_ONCE)
    removed = services.storage.delete_page(kind, old, key_of=lambda record: pending_key(record.document["id"]))
    if removed < _PURGED_AT_ONCE:
        services.purged[kind] = now


@dataclass(frozen=True, slots=True)
class Request(Stored):
    """A request in either direction. platform: the id of the partner. version: the number; "" stands for 2.2.1."""

    id: str
    module: str
    operation: str
    platform: str
    version: str = field(default="", kw_only=True)

    @property
    def key(self) -> Key:
        return pending_key(self.id)


R = TypeVar("R", bound=Request)


def locked(services: Services, of: type[R], id: str) -> R | None:
    """Return a stored request, locked until the end of the transaction, or None."""
    record = services.storage.get(of.KIND, pending_key(id), for_update=True)
    return None if record is None else of.from_record(record)


def version_of(services: Services, request: Request) -> Version:
    """Return the version of a request; raise NotFoundError if it is no longer served."""
    found = services.version(request.version) if request.version else services.own
    if found is None:
        raise NotFoundError(f"OCPI {request.version} is not served here any more.")
    return found


def operation_of(services: Services, request: Request) -> Operation:
    """Return the operation of a request, in the version of the request."""
    for module, interface, operation in version_of(services, request).operations():
        is_received = module.id == request.module and interface.role is InterfaceRole.RECEIVER
        if is_received and operation.name == request.operation:
            return operation
    raise NotFoundError(f"The operation {request.operation} of {request.module} is not served here any more.")


def result_class(services: Services, request: Request) -> type[Schema]:
    """Return the class of the result of a request, in the shape of the host application."""
    result = operation_of(services, request).result
    if result is None:
        raise NotFoundError(f"The operation {request.operation} of {request.module} has no result that comes later.")
    return version_of(services, request).stored(result)


def check_response_url(platform: Platform, settings: Settings, url: str) -> None:
    """Refuse a response_url at a host of another partner, because it would get the token (CMD-10)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidParametersError("response_url: its host or port cannot be read.") from None
    if parts.scheme.lower() != "https" and not settings.http_allow_private:
        raise InvalidParametersError("response_url must be an https URL.")
    if "@" in parts.netloc:
        raise InvalidParametersError("response_url must not carry a user name or password.")
    urls = [platform.versions_url or "", *(str(endpoint["url"]) for endpoint in platform.endpoints)]
    known = {_host(known_url) for known_url in (*urls, *(f"//{name}" for name in settings.callback_hosts))}
    if _folded(host) not in known - {""}:
        raise InvalidParametersError(
            f"response_url: {host!a} is not a host of your endpoints, so nothing is sent there."
        )


def session_refusal(ctx: Context, target: Target, session_id: str) -> str | None:
    """Return the answer for a session of ours that is not stored, or not visible to the caller.

    None: the request may continue, or sessions are not stored here. OCPI 2.2.1, "CommandResponseType" and
    "ChargingProfileResponseType".
    """
    owner = target.receiver
    if not ctx.services.keeps(ModuleID.SESSIONS, owner):
        return None
    record = ctx.storage.get(ModuleID.SESSIONS, Key.of(*owner, session_id))
    if record is None:
        return UNKNOWN_SESSION
    seen = not record.audience or not set(record.audience).isdisjoint(ctx.audience)
    return None if seen else REJECTED


def _host(url: str) -> str:
    try:
        return _folded(urlsplit(url).hostname)
    except ValueError:
        return ""


def _folded(host: str | None) -> str:
    return (host or "").lower().removesuffix(".")
