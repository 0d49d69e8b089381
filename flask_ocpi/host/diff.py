"""Diffs: what a partner has of our objects, and what we have of its objects, against what it should be."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice
from typing import Any

import orjson

from flask_ocpi.client.client import Client
from flask_ocpi.client.connection import only
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.operations import body_of
from flask_ocpi.client.operations import schema_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotSaidError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.origins import finder
from flask_ocpi.exchange.origins import origin_of
from flask_ocpi.host.comparing import Diff
from flask_ocpi.host.comparing import Difference
from flask_ocpi.host.comparing import State
from flask_ocpi.host.comparing import differences
from flask_ocpi.host.comparing import judged
from flask_ocpi.outbox.changes import Recipient
from flask_ocpi.outbox.changes import recipients
from flask_ocpi.outbox.entries import OutboxWriter
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.records import Partners
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.crawling import copies_of
from flask_ocpi.sync.known import Known
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.sync.receiving import own_objects
from flask_ocpi.sync.receiving import receive
from flask_ocpi.sync.receiving import tell
from flask_ocpi.sync.scopes import Item
from flask_ocpi.sync.scopes import Scope
from flask_ocpi.sync.scopes import scopes_of
from flask_ocpi.versions.reading import read
from flask_ocpi.versions.shaping import said

#: The most objects that a diff compares by default: one request each for theirs, one for each page for copies.
MOST = {"theirs": 500, "copies": 100_000}
_UNKNOWN = frozenset({StatusCode.UNKNOWN_LOCATION, StatusCode.UNKNOWN_TOKEN})
_NO_OTHERS = Partners()


def direction_of(services: Services, platform: Platform, module: str) -> str:
    """Return the usual direction: "theirs" for a module that the partner receives from us, else "copies"."""
    identifier = services.identifier(module)
    described = services.module(module)
    sends = described is not None and services.serves(described, InterfaceRole.SENDER)
    receives = platform.endpoint(identifier, InterfaceRole.RECEIVER) is not None
    return "theirs" if sends and receives else "copies"


class Theirs:
    """Compares what a partner has of our objects with what we would send it."""

    def __init__(self, services: Services, connect: Callable[..., Client], platform: Platform, module: str) -> None:
        self._services = services
        self._connect = connect
        self._platform = platform
        self._object_type = services.object_type(module)
        self._diff = Diff(platform.id, module, "theirs")
        self._calls: dict[Party | None, ModuleClient] = {}
        self._unsaid = 0

    def run(self, records: Iterable[Record], *, most: int, repair: bool) -> Diff:
        """Compare the objects of these records that the partner receives, at most ``most`` of them."""
        found = self._recipients(records)
        try:
            for recipient, record in islice(found, most):
                try:
                    difference = self._compare(recipient, record.document)
                except NotSaidError:  # it is not sent, so the partner lacks nothing
                    self._unsaid += 1
                    continue
                self._diff.add(difference)
                if repair and difference is not None and difference.state is not State.UNKNOWN:
                    self._diff.repaired += self._send(record)
        except RemoteError as error:
            self._diff.error = str(error)
            self._diff.left = 1
        self._diff.left = (self._diff.left or 0) + sum(1 for _ in found)
        if self._unsaid:
            self._diff.notes.append(
                f"Not sent, because OCPI {self._platform.version} cannot say it: {self._unsaid} of the objects."
            )
        if self._diff.repaired:
            self._services.wake((self._platform.id,))
        return self._diff

    def _recipients(self, records: Iterable[Record]) -> Iterator[tuple[Recipient, Record]]:
        services, hook = self._services, self._services.hooks.push_filter
        for record in records:
            document = record.document
            if hook is not None and not hook(self._diff.module, document, self._platform):
                continue
            owner = Party.of(*self._object_type.owner_of(document))
            audience = record.audience
            for recipient in recipients(services, _NO_OTHERS, self._diff.module, owner, audience, only=self._platform):
                yield recipient, record

    def _compare(self, recipient: Recipient, document: Document) -> Difference | None:
        owner, ids = Party.of(*self._object_type.owner_of(document)), _ids(self._object_type, document)
        about = (owner, ids, recipient.party)
        calls = self._calls.get(recipient.party)
        if calls is None:
            client = self._connect(self._platform, to=recipient.party)
            calls = self._calls[recipient.party] = client.module(self._diff.module)
        try:
            ours = expected(calls, document, owner)
            theirs = calls.get_copy(*(() if self._object_type.parameter is None else ids), owner=owner)
        except RefusedError as error:
            if error.http_status == 404 or error.status_code in _UNKNOWN:
                return Difference(State.MISSING, *about)
            if error.is_about_us:
                raise
            return Difference(State.UNKNOWN, *about, reason=str(error))
        except NotSaidError:
            raise
        except (InvalidResponseError, MissingEndpointError, InvalidParametersError) as error:
            return Difference(State.UNKNOWN, *about, reason=str(error))
        changes = differences(self._object_type, ours, theirs)
        return judged(about, changes, have=theirs, should=ours)

    def _send(self, record: Record) -> int:
        """Put the whole object into the outbox, for this partner alone."""
        module, document = self._diff.module, record.document
        key = Key.of(*self._object_type.owner_of(document), self._object_type.id_of(document))
        with self._services.storage.transaction():
            outbox = OutboxWriter(self._services, module, self._object_type, only=self._platform)
            outbox.changed(key, None, record)
        return bool(outbox.platforms)


def expected(calls: ModuleClient, document: Document, owner: Party) -> Document:
    """Return an own object as the partner would answer it if it had it, in the stored shape.

    Raises NotSaidError if the partner's version cannot say it, MissingEndpointError if it cannot be asked for it.
    """
    client, services = calls.client, calls.client.services
    sent_with = calls.find(InterfaceRole.RECEIVER, lambda o: o.method in ("PUT", "POST") and _is_whole(o))
    got_with = calls.find(InterfaceRole.RECEIVER, lambda o: o.method == "GET" and _is_whole(o))
    cls, answered = body_of(sent_with), schema_of(got_with)
    sent = said(services, client.version, cls, document, where=sent_with.name, find=finder(services))
    sent = orjson.loads(orjson.dumps(client.shaped(cls, sent)))
    back = read(services.schemas[answered], sent, where=sent_with.name).document
    conversion = client.version.conversion(answered)
    if conversion is None:
        return back
    receiver = client.sender or only(services.own_parties(calls.module.id, InterfaceRole.RECEIVER))
    return conversion.to_store(back, origin_of(services, owner, receiver))


def _is_whole(operation: Any) -> bool:
    return operation.object is not None and operation.part == 0 and not operation.returns_list


class Copies:
    """Compares our copies of a partner's objects with its list."""

    def __init__(self, services: Services, connect: Callable[..., Client], platform: Platform, module: str) -> None:
        self._services = services
        self._connect = connect
        self._platform = platform
        self._diff = Diff(platform.id, module, "copies")
        self._scopes = list(scopes_of(services, platform, [module]))
        if not self._scopes:
            raise MissingEndpointError(f"{platform.id} offers no list of {module} for a party of ours.")

    def run(self, *, most: int, repair: bool) -> Diff:
        """Compare with the whole list of each own party, or with its first ``most`` objects."""
        try:
            for scope in self._scopes:
                with self._connect(self._platform, sender=scope.receiver) as client:
                    self._run(scope, client.module(self._diff.module), most, repair=repair)
        except RemoteError as error:
            self._diff.error, self._diff.left = str(error), None
        return self._diff

    def run_one(self, ids: Sequence[str], *, repair: bool) -> Diff:
        """Compare one object, by its ids, with the one that the partner answers."""
        for scope in self._scopes:
            with self._connect(self._platform, sender=scope.receiver) as client:
                item = scope.item_of(client.module(self._diff.module).get(*ids))
            self._compare(scope, [item], _known(self._services, scope, [item]), repair=repair)
        return self._diff

    def _run(self, scope: Scope, calls: ModuleClient, most: int, *, repair: bool) -> None:
        known, seen, doubt, broken = Known(), 0, "", 0
        known.add(copies_of(self._services, scope))
        for page in calls.pages(receiver=scope.receiver, keep=scope.item_of, prefetch=True):
            items = page.documents[: max(0, most - seen)]
            self._compare(scope, items, known, repair=repair)
            seen += len(items)
            doubt, broken = page.doubt, broken + len(page.broken) + page.more_broken
            if seen >= most and (page.following is not None or len(items) < len(page.documents)):
                rest = None if page.total is None else max(0, page.total - seen - broken)
                self._diff.left = None if rest is None or self._diff.left is None else self._diff.left + rest
                self._diff.notes.append(f"Only the first {seen} objects of the list were compared.")
                return
        if broken:
            self._diff.notes.append(f"{broken} objects of the list cannot be read: see `flask ocpi findings`.")
        if doubt or broken or not scope.loses_objects:
            why = doubt or ("some cannot be read" if broken else "its objects do not vanish from the list")
            self._diff.notes.append(f"Copies that the list lacks were not looked for: {why}.")
        else:
            self._find_extra(scope, known)

    def _compare(self, scope: Scope, items: Sequence[Item], known: Known, *, repair: bool) -> None:
        services, counted = self._services, Pulled()
        own = own_objects(services, scope, items, counted)
        if counted.foreign:
            self._diff.notes.append(f"{counted.foreign} objects of other parties in its list were ignored.")
        here = services.storage.get_many(scope.object_type.kind, [item.key for item in own])
        differing = []
        for item in own:
            difference = _compared(scope, item, here.get(item.key))
            self._diff.add(difference)
            if difference is not None:
                differing.append(item)
        known.see(item.key for item in own)
        if repair and differing:
            with services.storage.transaction():
                receipt = receive(services, scope, differing, Pulled(), known=known)
            self._diff.repaired += len(receipt.stored)
            tell(services, scope, receipt.stored)

    def _find_extra(self, scope: Scope, known: Known) -> None:
        for key, _ in copies_of(self._services, scope) if known.unseen else ():
            copy = self._services.storage.get(scope.object_type.kind, key) if known.is_unseen(key) else None
            if copy is not None:
                ids = _ids(scope.object_type, copy.document)
                self._diff.add(Difference(State.EXTRA, key.owner, ids, scope.receiver))


def _known(services: Services, scope: Scope, items: Sequence[Item]) -> Known:
    known = Known()
    here = services.storage.get_many(scope.object_type.kind, [item.key for item in items])
    known.add((key, record.revision) for key, record in here.items())
    return known


def _compared(scope: Scope, item: Item, copy: Record | None) -> Difference | None:
    listed = item.record.document
    about = (item.key.owner, _ids(scope.object_type, listed), scope.receiver)
    if copy is None:
        return Difference(State.MISSING, *about)
    changes = differences(scope.object_type, copy.document, listed)
    return judged(about, changes, have=copy.document, should=listed)


def _ids(object_type: ObjectType, document: Document) -> tuple[str, ...]:
    return tuple(str(document[name]) for name in object_type.id_key)


def own_records(services: Services, module: str, ids: Sequence[str], party: Party | None) -> Iterator[Record]:
    """Return the records of the own objects of a module, or of one of them, by its ids and owner."""
    object_type = services.object_type(module)
    if not ids:
        yield from walk(services.storage, object_type.kind, Query(receiver=""))
        return
    values, part_ids = object_type.split_ids(ids)
    if part_ids:
        raise InvalidParametersError(f"Only a whole {object_type.name} is compared.")
    parties = services.own_parties(module, InterfaceRole.SENDER) if party is None else (party,)
    for owner in parties if object_type.is_owned else (Party("", ""),):
        record = services.storage.get(object_type.kind, Key.of(*owner, object_type.id_from(values)))
        if record is not None:
            yield record
            return
    raise object_type.missing(f"There is no own {object_type.name} {' '.join(ids)}.")


def compare(
    services: Services,
    connect: Callable[..., Client],
    platform: Platform,
    module: str,
    ids: Sequence[str] = (),
    *,
    direction: str | None = None,
    party: Party | None = None,
    repair: bool = False,
    limit: int | None = None,
) -> Diff:
    """Compare a module with a partner: see :meth:`flask_ocpi.host.partners.Partners.diff`."""
    services.object_type(module)
    chosen = direction or direction_of(services, platform, module)
    if chosen not in MOST:
        raise InvalidParametersError(f"direction must be theirs or copies, not {direction!a}.")
    most = MOST[chosen] if limit is None else limit
    if chosen == "theirs":
        if not platform.is_registered:
            raise MissingEndpointError(f"Platform {platform.id} is not registered.")
        records = own_records(services, module, ids, party)
        return Theirs(services, connect, platform, module).run(records, most=most, repair=repair)
    copies = Copies(services, connect, platform, module)
    return copies.run_one(ids, repair=repair) if ids else copies.run(most=most, repair=repair)
