"""Delivery of an outbox entry: send the current state of its object, and judge the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from flask_ocpi.client.client import Client
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.core.converting import Conversion
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import NotSaidError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.origins import finder
from flask_ocpi.outbox.changes import can_be_deleted
from flask_ocpi.outbox.changes import patch_of
from flask_ocpi.outbox.changes import recipients
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.partners.claims import party_of
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

_log = logging.getLogger("flask_ocpi.outbox")

_NO_OTHERS = Partners()
_BEHIND_THE_HUB = frozenset(
    {StatusCode.UNKNOWN_RECEIVER, StatusCode.HUB_TIMEOUT, StatusCode.RECEIVER_NOT_CONNECTED, StatusCode.HUB_ERROR}
)


class Outcome(StrEnum):
    DELIVERED = "DELIVERED"  # the platform has the state
    NEEDLESS = "NEEDLESS"  # the platform must not get the state (any more), or there is nothing to send
    WAITING = "WAITING"  # the version of the platform cannot express the state until another object is stored
    REFUSED = "REFUSED"  # the platform refuses the state: sending it again would not help
    FAILED = "FAILED"  # the platform, or the party behind it, failed on this object; others may succeed
    UNREACHABLE = "UNREACHABLE"  # nothing can be sent to the platform now


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of sending an entry. method: the last HTTP method. retry_after: seconds that the platform asks for."""

    outcome: Outcome
    method: str = ""
    error: Exception | None = None
    retry_after: float | None = None

    @property
    def error_text(self) -> str:
        """The error as text, and whether it is on our side."""
        if isinstance(self.error, InvalidParametersError):
            return f"It was not sent: {self.error}"
        if isinstance(self.error, FlaskOCPIError):
            return str(self.error)
        return f"{type(self.error).__name__}: {self.error}"

    @property
    def status_code(self) -> int | None:
        return self.error.status_code if isinstance(self.error, RefusedError) else None


class Sending:
    """Sends the entries of a batch to their platform; what is the same for several of them is looked up once."""

    def __init__(
        self, services: Services, connect: Callable[..., Client], platform: Platform, taken: Sequence[OutboxEntry]
    ) -> None:
        self._services = services
        self._connect = connect
        self._platform = platform
        self._calls: dict[tuple[str, Party | None], ModuleClient | None] = {}
        self._receiving: dict[tuple[str, Party, tuple[Party, ...]], set[Party | None]] = {}
        self._records: dict[str, Mapping[Key, Record]] = {}
        if len(taken) > 1:
            with suppress(Exception):  # reading that entry alone raises it again, and notes it
                self._records = self._read_all(taken)

    def attempt(self, entry: OutboxEntry) -> Attempt:
        """Send the current state of an entry's object, once.

        With PATCH if that can express the change, else with PUT, also after a refused PATCH (T-38, LOC-41); with POST
        for CDRs; with DELETE for removed objects.
        """
        try:
            calls, record = self._calls_for(entry), self._read(entry)
            if calls is None or not self._is_for(entry, record):
                return Attempt(Outcome.NEEDLESS)
            method = _send(calls, calls.module.objects[0], entry, None if record is None else record.document)
        except RefusedError as error:
            platform, renewed = self._platform, self._services.platforms.get(self._platform.id)
            if renewed is not None and renewed.is_registered and renewed.token != platform.token:
                # Its handshake changed the tokens meanwhile.
                return Sending(self._services, self._connect, renewed, [entry]).attempt(entry)
            return Attempt(_judged(error), error=error, retry_after=error.retry_after)
        except FlaskOCPIError as error:
            return Attempt(_judged(error), error=error)
        except Exception as error:
            _log.exception("Pushing %s to %s failed.", entry.name, self._platform.id)
            return Attempt(Outcome.FAILED, error=error)
        return Attempt(Outcome.DELIVERED if method else Outcome.NEEDLESS, method)

    def _calls_for(self, entry: OutboxEntry) -> ModuleClient | None:
        """Return the client for an entry; None if the platform changed to a version without the module."""
        called = (entry.module, entry.party)
        if called not in self._calls:
            version = self._services.version(self._platform.version)
            lacks = version is not None and version.module(entry.module) is None
            self._calls[called] = None if lacks else self._connect(self._platform, to=entry.party).module(entry.module)
        return self._calls[called]

    def _read_all(self, taken: Sequence[OutboxEntry]) -> dict[str, Mapping[Key, Record]]:
        keys: dict[str, list[Key]] = {}
        for entry in taken:
            keys.setdefault(self._kind_of(entry), []).append(entry.object_key)
        return {kind: self._services.storage.get_many(kind, wanted) for kind, wanted in keys.items()}

    def _read(self, entry: OutboxEntry) -> Record | None:
        kind, key = self._kind_of(entry), entry.object_key
        records = self._records.get(kind)
        return self._services.storage.get(kind, key) if records is None else records.get(key)

    def _kind_of(self, entry: OutboxEntry) -> str:
        return self._services.object_type(entry.module).kind

    def _is_for(self, entry: OutboxEntry, record: Record | None) -> bool:
        """Tell whether the platform must still get the object: audience, roles or filter may have changed."""
        if record is None:
            return True
        hook = self._services.hooks.push_filter
        if hook is not None and not hook(entry.module, record.document, self._platform):
            return False
        seen = (entry.module, entry.owner, record.audience)
        if seen not in self._receiving:
            found = recipients(self._services, _NO_OTHERS, *seen, only=self._platform)
            self._receiving[seen] = {recipient.party for recipient in found}
        return entry.party in self._receiving[seen]


def _send(calls: ModuleClient, object_type: ObjectType, entry: OutboxEntry, document: Document | None) -> str:
    """Send the state and return the HTTP method; "" if OCPI has no message for it."""
    if document is None:
        if not can_be_deleted(calls.module):
            return ""
        try:
            calls.delete(*entry.ids, owner=entry.owner)
        except RefusedError as error:
            if error.http_status != 404:
                raise
        return "DELETE"
    patch = patch_of(calls.module, object_type, document, entry.changed)
    whole = calls.client.version.whole(object_type)
    try:
        if patch is not None and patch.part_ids and whole is not None:
            _check(calls, whole, document)
        if patch is not None:
            answer = calls.update(*entry.ids, *patch.part_ids, changes=patch.changes, whole=document)
        elif calls.pushes_new_only and entry.changed is not None:
            answer = calls.put(document)
        else:
            answer = calls.push(document)
    except NotSaidError:
        changed = (entry.changed or {}).get("", ())
        retracted = None if whole is None else whole.retracted(document, changed)
        if retracted is None:
            raise
        answer = calls.put(retracted)
    return answer.method


def _check(calls: ModuleClient, whole: Conversion, document: Document) -> None:
    """Raise NotSaidError if the version of the platform cannot express an object, so that no part of it is sent."""
    try:
        whole.from_store(document, find=finder(calls.client.services))
    except LeftOutError as error:
        raise NotSaidError(str(error)) from error


def _judged(error: FlaskOCPIError) -> Outcome:
    """Judge a failure: it concerns this object, the party behind a hub, or the platform."""
    if isinstance(error, NotSaidError) and error.for_now:
        return Outcome.WAITING
    if isinstance(error, (MissingEndpointError, NotSaidError)):
        return Outcome.NEEDLESS
    if isinstance(error, InvalidParametersError):
        return Outcome.REFUSED
    if isinstance(error, (InvalidResponseError, NotConnectedError)):
        return Outcome.FAILED
    if not isinstance(error, RefusedError) or error.is_about_us:
        return Outcome.UNREACHABLE
    is_its_fault = error.http_status == 403 or error.http_status >= 500 or 3000 <= error.status_code < 4000
    return Outcome.FAILED if is_its_fault or error.status_code in _BEHIND_THE_HUB else Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push to one party; ``error`` is None if it was accepted.

    platform: the id of the platform. party: the addressed party; None if a hub distributes it.
    """

    platform: str
    error: FlaskOCPIError | None = None
    party: Party | None = None


def push(
    services: Services, connect: Callable[..., Client], module: str, document: Document, audience: tuple[Party, ...]
) -> list[Pushed]:
    """Send an object once to each party in its audience.

    A failure is logged and does not delay the others; there is no retry (T-33, CLI-12). ``connect`` makes a client of a
    platform, for its party ``to``.
    """
    pushed = []
    owner = party_of(document)
    for recipient in recipients(services, services.platforms.partners(), module, owner, audience):
        platform, party = recipient.platform, recipient.party
        try:
            connect(platform, to=party).module(module).push(document)
        except FlaskOCPIError as error:
            names = services.object_type(module).id_key
            what = f"{module} {' '.join(str(document.get(name)) for name in names)!a}"
            pushed.append(failed(platform.id, party, error, what=what))
        else:
            pushed.append(Pushed(platform.id, party=party))
    return pushed


def failed(platform: str, party: Party | None, error: FlaskOCPIError, *, what: str) -> Pushed:
    """Log and return a push that a party of a platform refused or did not get."""
    outcome = "was not sent" if isinstance(error, InvalidParametersError) else "did not take"
    _log.warning("%s %s %s: %s", platform if party is None else f"{platform} ({party})", outcome, what, error)
    return Pushed(platform, error, party)
